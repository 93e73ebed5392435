//! A DM server that runs elsewhere, and is told over HTTP what its operator wants.
#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use common::{Serving, command, report, serve_beside, twinproof};

/// What the hook of a server is asked for that tells what devices did, and what a server shows there.
const TOLD: [(&str, &str); 3] = [
    ("refusals-told", "dm-server-reports-success"),
    ("told-apart", "dm-server-mixes-results"),
    ("nothing-in-parts", "dm-server-cuts-anyway"),
];

/// The verdict on each scenario of DM servers, by its name.
fn verdicts(dir: &Path) -> Vec<(String, String)> {
    let judged = report(&dir.join("twinproof-report"));
    let scenarios = judged["scenarios"].as_array().unwrap().iter();
    let verdicts = scenarios.filter_map(|scenario| {
        let name = scenario["id"].as_str()?.strip_prefix("dm/server/")?;
        Some((name.to_owned(), scenario["verdict"].as_str()?.to_owned()))
    });
    verdicts.collect()
}

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
        let verdicts = verdicts(dir.path());
        for (name, verdict) in &verdicts {
            // The hook makes no notifications but those that the server sends itself.
            let expected = match name.starts_with("wakes") && name != "wakes-by-sip" {
                true => "inconclusive",
                false => "pass",
            };
            assert_eq!(verdict, expected, "{name}: {}", ran.stdout);
        }
        assert!(verdicts.len() > 8, "{verdicts:?}");
    }

    // A hook that does not tell what devices did is as good as before for all the rest.
    let path = dir.path().join("served/sut-1.toml");
    let profile = std::fs::read_to_string(&path).unwrap();
    let mut profile: toml::Table = profile.parse().unwrap();
    let hook = profile["dm"]["server"]["upper_tester"]["hook"].as_table_mut();
    assert!(hook.unwrap().remove("events").is_some());
    std::fs::write(&path, toml::to_string(&profile).unwrap()).unwrap();
    let chosen = [
        "--scenario",
        "dm/server/refusals-told",
        "--scenario",
        "dm/server/refused",
    ];
    let ran = twinproof(
        dir.path(),
        &[&["run", "--sut", "served/sut-1.toml"], &chosen[..]].concat(),
    );
    assert!(ran.stdout.contains("hook.events"), "{}", ran.stdout);
    let mut verdicts = verdicts(dir.path());
    verdicts.sort();
    let expected = [("refusals-told", "inconclusive"), ("refused", "pass")];
    let expected = expected.map(|(name, verdict)| (name.to_owned(), verdict.to_owned()));
    assert_eq!(verdicts, expected);
}

#[test]
fn a_server_elsewhere_that_tells_its_operator_nonsense_fails() {
    for (scenario, mutant) in TOLD {
        let dir = tempfile::tempdir().unwrap();
        let args = [
            "bench",
            "serve",
            "--enabler",
            "dm",
            "--devices",
            "2",
            "--mutant",
            mutant,
        ];
        let mut served = command(dir.path(), &args);
        let mut child = served.stdin(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let _serving = Serving(child);
        let lines = said.lines().map(Result::unwrap);
        let profile: Vec<String> = lines.take_while(|line| line != "# ready").collect();
        std::fs::write(dir.path().join("sut.toml"), profile.join("\n")).unwrap();

        let id = format!("dm/server/{scenario}");
        let ran = twinproof(dir.path(), &["run", "--sut", "sut.toml", "--scenario", &id]);
        // What a server has to make of a device that takes nothing in parts is disputable.
        let expected = match scenario {
            "nothing-in-parts" => "warning",
            _ => "fail",
        };
        let expected = [(scenario.to_owned(), expected.to_owned())];
        assert_eq!(verdicts(dir.path()), expected, "{mutant}: {}", ran.stdout);
    }
}
