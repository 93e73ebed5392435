//! What `check` says of a profile of a gateway, or of a server above gateways, before a run does; and what `init` prints.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, twinproof};

/// A DM server above gateways, with everything that is said of them.
const SERVER: &str = r#"
[sut]
name = "served"
role = "dm-server"
[dm.server]
url = "http://127.0.0.1:9/dm"
[[dm.server.account]]
device = "IMEI:493005100592801"
server_id = "com.example.manage"
name = "device-1"
password = "password-1"
server_password = "password-2"
[[dm.server.account]]
device = "IMEI:493005100592802"
server_id = "com.example.manage"
name = "device-2"
password = "password-3"
server_password = "password-4"
[dm.server.upper_tester.hook]
plan = "mdmctl {device} {base64}"
events = "mdmctl events {after}"
behind = "mdmctl {gateway} {want} {devices} {uri} {value} ${HOME} { awk }"
[dm.server.gateways]
listen = "127.0.0.1:8105"
"#;

fn check(dir: &Path, profile: &str) -> Ran {
    fs::write(dir.join("sut.toml"), profile).unwrap();
    twinproof(dir, &["check", "--sut", "sut.toml"])
}

/// The lines that say more than that there are features, flowing texts in one.
fn says(ran: &Ran) -> String {
    let joined = ran.stdout.replace(&format!("\n{}", " ".repeat(13)), " ");
    let lines = joined
        .lines()
        .skip_while(|line| !line.starts_with("profile"));
    lines.skip(1).map(|line| format!("{line}\n")).collect()
}

/// What the built-in commands print to begin with.
fn init(dir: &Path, args: &[&str]) -> String {
    let ran = twinproof(dir, &[&["init"], args].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

#[test]
fn what_makes_no_sense_is_refused_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = init(dir.path(), &["--enabler", "gwmo"]);
    let whole = check(dir.path(), SERVER);
    assert_eq!(whole.code, Some(0), "{}{}", whole.stdout, whole.stderr);
    for (profile, from, to, says) in [
        (
            SERVER,
            "127.0.0.1:8105",
            "http://gateway/push",
            "dm.server.gateways.listen: expected an IP address",
        ),
        (SERVER, "{want} ", "", "hook.behind: expected {want}"),
        (
            SERVER,
            "{devices}",
            "{device}",
            "hook.behind: nothing stands for {device}; did you mean",
        ),
        (
            SERVER,
            "{base64}",
            "{command64}",
            "hook.plan: nothing stands for {command64}",
        ),
        (
            SERVER,
            "{after}",
            "{behind}",
            "hook.events: nothing stands for {behind}",
        ),
        (
            SERVER,
            "[dm.server.gateways]",
            "[dm.server.gateways]\nnamed = \"device\"",
            "dm.server.gateways.named: expected {device}",
        ),
        (
            &gateway,
            "# named = \"{device}\"",
            "named = \"<device>\"",
            "gwmo.named: expected {device}",
        ),
        (
            &gateway,
            "listen = \"127.0.0.1:8101\"",
            "listen = \"127.0.0.1\"",
            "IMEI:490154203237521: listen: expected an IP address",
        ),
    ] {
        let wrong = profile.replacen(from, to, 1);
        assert_ne!(wrong, profile, "{from}");
        let ran = check(dir.path(), &wrong);
        assert_eq!(ran.code, Some(2), "{from}: {}", ran.stdout);
        let flat = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(says), "{says}: {}", ran.stderr);
    }
}

#[test]
fn who_makes_a_server_manage_gateways_is_said_with_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = says(&check(dir.path(), SERVER));
    for expected in [
        "gateways     dm.server.upper_tester.hook.behind, for 18 scenarios\n",
        "names        [dm.server.gateways.names] writes none of the 49 names of nodes: all are assumed",
    ] {
        assert!(whole.contains(expected), "{expected}: {whole}");
    }
    let accounts = SERVER.find("[[dm.server.account]]").unwrap();
    let hook = SERVER.find("[dm.server.upper_tester").unwrap();
    let without_accounts = format!("{}{}", &SERVER[..accounts], &SERVER[hook..]);
    let of = |text: &str| SERVER.replacen(text, "", 1);
    let behind = SERVER
        .lines()
        .find(|line| line.starts_with("behind"))
        .unwrap();
    let events = SERVER
        .lines()
        .find(|line| line.starts_with("events"))
        .unwrap();
    let tester = &SERVER[hook..SERVER.find("[dm.server.gateways]").unwrap()];
    for (profile, code, expected) in [
        (
            of(behind),
            3,
            "gateways     dm.server.upper_tester.hook.behind is missing, so 18 scenarios will be inconclusive",
        ),
        (
            of(events),
            3,
            "; inconclusive is what the operator is told (9 scenarios), which it does not tell (hook.events)",
        ),
        (
            of(tester),
            3,
            "gateways     nobody has the server manage them (dm.server.upper_tester), so 18 scenarios",
        ),
        (
            without_accounts,
            3,
            "gateways     there is no [[dm.server.account]], of which the first is the gateway's, so 18 scenarios",
        ),
        (
            format!("{SERVER}[dm.server.gateways.names]\ntotal = \"Sum/All\"\n"),
            0,
            "names        [dm.server.gateways.names] writes 1, and with that declares these, too, which it does not \
             write: report_attached = \"Alerts/DeviceAttach\", ",
        ),
    ] {
        let ran = check(dir.path(), &profile);
        assert_eq!(
            ran.code,
            Some(code),
            "{expected}: {}{}",
            ran.stdout,
            ran.stderr
        );
        let said = says(&ran);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn what_a_gateway_lacks_is_said_with_how_many_scenarios_take_it() {
    let dir = tempfile::tempdir().unwrap();
    let begun = init(dir.path(), &["--enabler", "gwmo"]);
    let ran = check(dir.path(), &begun);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);
    let said = says(&ran);
    for expected in [
        "devices      3 in proxy mode, 2 in transparent mode, 2 in adaptation mode\n",
        "lacks        a second server ([gwmo.other]), so 4 scenarios will be inconclusive\n",
        "lacks        a hook that restarts the gateway (gwmo.restart), so 1 scenario will be inconclusive\n",
        "lacks        two [[gwmo.device]] without an account ([gwmo.device.fresh]), so 3 scenarios will",
        "lacks        a [[gwmo.device]] with mode = \"proxy\" whose account has scheme = \"hmac\", so 3 scenarios",
        "lacks        gwmo.reset, ",
        "names        [gwmo.names] writes none of the 49 names of nodes",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("adaptation\""), "{said}");

    let first = begun.find("listen = \"127.0.0.1:8101\"").unwrap();
    let nowhere = format!("{}{}", &begun[..first], &begun[first + 25..]);
    let said = says(&check(dir.path(), &nowhere));
    let expected = "have no `listen`, so the gateway cannot know where they take notifications: IMEI:490154203237521\n";
    assert!(said.contains(expected), "{said}");
}

/// What `init` prints behind signs, once they are taken away.
#[test]
fn a_profile_of_a_server_begins_with_who_makes_it_act_and_what_gateways_are() {
    let dir = tempfile::tempdir().unwrap();
    let begun = init(dir.path(), &["--enabler", "dm", "--role", "dm-server"]);
    let from = begun.find("# [dm.server.upper_tester.hook]").unwrap();
    let to = begun.find("[dm.claims]").unwrap();
    let shown = begun[from..to].lines().map(|line| match line {
        told if told.starts_with("## ") => told,
        // Words of people end with a full stop, or go on.
        told if told.starts_with("# One ") => told,
        line => line.strip_prefix("# ").unwrap_or(line),
    });
    let shown: Vec<&str> = shown.collect();
    let profile = format!("{}{}\n{}", &begun[..from], shown.join("\n"), &begun[to..]);
    let ran = check(dir.path(), &profile);
    assert_eq!(ran.code, Some(0), "{}{}\n{profile}", ran.stdout, ran.stderr);
    let said = says(&ran);
    for expected in [
        "gateways     dm.server.upper_tester.hook.behind, for 18 scenarios\n",
        "names        all 49 of [dm.server.gateways.names] are written\n",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
