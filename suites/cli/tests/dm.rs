//! A DM server that runs elsewhere, and is told over HTTP what its operator wants.
#![cfg(unix)]

mod common;

use common::{report, serve_beside, twinproof};

#[test]
fn a_served_dm_server_is_judged_through_the_hook_of_its_profile() {
    let dir = tempfile::tempdir().unwrap();
    let _serving = serve_beside(dir.path(), "dm", &[]);

    let checked = twinproof(dir.path(), &["check", "--sut", "served/sut-1.toml"]);
    let told = "upper tester dm.server.upper_tester.hook.plan, for";
    assert!(checked.stdout.contains(told), "{}", checked.stdout);

    // The second run meets what the first has left: nonces, and a server that has seen these devices.
    for _ in 0..2 {
        let ran = twinproof(dir.path(), &["run", "--sut", "served/sut-1.toml"]);
        assert_eq!(ran.code, Some(3), "{}\n{}", ran.stdout, ran.stderr);
        let judged = report(&dir.path().join("twinproof-report"));
        let scenarios = judged["scenarios"].as_array().unwrap();
        let ours = scenarios
            .iter()
            .filter(|scenario| scenario["id"].as_str().unwrap().starts_with("dm/server/"));
        let mut seen = 0;
        for scenario in ours {
            // The hook makes no notifications, does not tell what devices said, and has no word for what the server
            // refuses its operator.
            let id = scenario["id"].as_str().unwrap();
            let unseen = ["wakes", "refusals-told", "told-apart", "nothing-in-parts"];
            let name = id.trim_start_matches("dm/server/");
            let expected = match unseen.iter().any(|unseen| name.starts_with(unseen)) {
                true => "inconclusive",
                false => "pass",
            };
            assert_eq!(scenario["verdict"], expected, "{scenario}");
            seen += 1;
        }
        assert!(seen > 8, "{scenarios:?}");
    }
}
