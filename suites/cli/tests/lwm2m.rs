//! An LwM2M server of one's own: a profile is begun, checked, corrected, and a served server judged by it.
#![cfg(unix)]

mod common;

use std::fs;

use common::{report, serve_beside, twinproof};

#[test]
fn a_profile_is_begun_for_every_upper_tester_and_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["leshan", "lwm2m-node-lib", "manual", "twinproof"] {
        let server = "coap://server.example";
        let args = [
            "init",
            "--enabler",
            "lwm2m",
            "--base-url",
            server,
            "--upper-tester",
            name,
        ];
        let ran = twinproof(dir.path(), &args);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        fs::write(dir.path().join("sut.toml"), &ran.stdout).unwrap();
        let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(0), "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("upper tester "), "{}", ran.stdout);
    }
    let ran = twinproof(dir.path(), &["init", "--enabler", "lwm2m"]);
    assert!(
        ran.stdout.contains("server = \"coap://127.0.0.1\""),
        "{}",
        ran.stdout
    );
    // A server that listens elsewhere by itself is looked for there.
    let args = [
        "init",
        "--enabler",
        "lwm2m",
        "--upper-tester",
        "lwm2m-node-lib",
    ];
    let ran = twinproof(dir.path(), &args);
    assert!(
        ran.stdout.contains("server = \"coap://127.0.0.1:5684\""),
        "{}",
        ran.stdout
    );
    for (url, says) in [
        ("coaps://x/y", "nothing but a host and a port"),
        ("http://x", "begins with coap://"),
    ] {
        let ran = twinproof(
            dir.path(),
            &["init", "--enabler", "lwm2m", "--base-url", url],
        );
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
}

#[test]
fn a_profile_of_a_server_over_dtls_is_begun_and_says_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let begun = twinproof(
        dir.path(),
        &["init", "--enabler", "lwm2m", "--base-url", "coaps://x"],
    );
    assert_eq!(begun.code, Some(0), "{}", begun.stderr);
    std::fs::write(dir.path().join("sut.toml"), &begun.stdout).unwrap();
    let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    let says = "key_env of the device twinproof-1";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("credentials  2 of devices, "),
        "{}",
        ran.stdout
    );
    // With keys, it is said for what two are too few.
    let written = begun
        .stdout
        .replace("key_env = \"DEVICE_KEY_", "key = \"0123456789abcde");
    std::fs::write(dir.path().join("sut.toml"), written).unwrap();
    let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    let says = "will be inconclusive for want of them ([[lwm2m.security.credential]])";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);
}

#[test]
fn a_profile_of_a_bootstrap_server_is_begun_and_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let role = ["--enabler", "lwm2m", "--role", "lwm2m-bootstrap-server"];
    let args = [&["init"][..], &role].concat();
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    fs::write(dir.path().join("sut.toml"), &ran.stdout).unwrap();
    let ran_check = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
    let told = ran_check.stdout;
    assert_eq!(ran_check.code, Some(0), "{told}{}", ran_check.stderr);
    assert!(told.contains("devices      2 known"), "{told}");
    assert!(!told.contains("upper tester"), "{told}");
    // Over DTLS it asks for keys, and is ready with them.
    let secured = [&args[..], &["--base-url", "coaps://127.0.0.1"]].concat();
    let secured = twinproof(dir.path(), &secured).stdout;
    let keyed = secured.replace("key_env = \"DEVICE_KEY_", "key = \"0123456789abcde");
    for (text, code, says) in [
        (&secured, 2, "key_env of the device twinproof-1"),
        (&keyed, 0, "devices      2 known"),
    ] {
        fs::write(dir.path().join("sut.toml"), text).unwrap();
        let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
    }
    // One device is too few to be mixed up with another.
    let one = ran
        .stdout
        .replace("[[lwm2m.bootstrap.endpoint]]\nname = \"twinproof-2\"", "");
    fs::write(dir.path().join("sut.toml"), one).unwrap();
    let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);

    let begin = "[sut]\nname = \"s\"\nrole = \"lwm2m-bootstrap-server\"\n";
    let section = "[lwm2m.bootstrap]\nserver = \"coap://x\"\n";
    let endpoint = "[[lwm2m.bootstrap.endpoint]]\nname = \"a\"\n";
    for (text, says) in [
        ("[lwm2m]\n".to_owned(), "no section [lwm2m.bootstrap]"),
        (
            section.replace("coap", "http"),
            "sut.toml:5:10: lwm2m.bootstrap.server",
        ),
        (
            format!("{section}{endpoint}{endpoint}"),
            "lwm2m.bootstrap.endpoint[1].name",
        ),
        (
            format!("{section}{endpoint}server = \"coap://host\"\n"),
            "lwm2m.bootstrap.endpoint[0].server",
        ),
    ] {
        fs::write(dir.path().join("sut.toml"), format!("{begin}{text}")).unwrap();
        let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(2), "{text}: {}", ran.stdout);
        let words = ran.stderr.replace("\n  │ ", " ");
        assert!(words.contains(says), "{text}: {words}");
    }
    let args = [&["init"][..], &role, &["--upper-tester", "manual"]].concat();
    assert_eq!(twinproof(dir.path(), &args).code, Some(2));
}

#[test]
fn what_is_missing_or_wrong_is_said_before_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let begin = "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[lwm2m]\n";
    let server = "server = \"coap://x\"\n";
    let http = "[lwm2m.upper_tester.http]\nbase_url = \"http://x\"\n";
    for (text, says) in [
        (
            "server = \"coaps://x\"\n".to_owned(),
            "sut.toml:5:10: lwm2m.server: ",
        ),
        (
            "server = \"coap://x:0\"\n".to_owned(),
            "sut.toml:5:10: lwm2m.server: ",
        ),
        (
            format!("{server}upper_tester = \"builtin\"\n"),
            "sut.toml:6:16: lwm2m.upper_tester: only the built-in system",
        ),
        (
            format!("{server}{http}[lwm2m.upper_tester.http.operations.raed]\nurl = \"/\"\n"),
            "unknown variant `raed`",
        ),
        (
            format!("{server}{http}bse = 1\n"),
            "sut.toml:8:1: lwm2m.upper_tester.http.bse: unknown field `bse`",
        ),
        (
            format!("{server}{http}answer = \".a |\"\n"),
            "sut.toml:8:10: lwm2m.upper_tester.http.answer: expected",
        ),
        (
            format!("{server}[lwm2m.claims]\n\"LW-IF9-01\" = false\n"),
            "the catalogue has no requirement of this label",
        ),
        (
            format!("{server}[lwm2m.capabilities]\nsnd = true\n"),
            "sut.toml:7:1: lwm2m.capabilities.snd: nothing of this id can be claimed; did you mean send?",
        ),
    ] {
        fs::write(dir.path().join("sut.toml"), format!("{begin}{text}")).unwrap();
        for command in ["check", "run"] {
            let ran = twinproof(dir.path(), &[command, "--sut", "sut.toml"]);
            assert_eq!(ran.code, Some(2), "{text}: {}", ran.stdout);
            let words = ran.stderr.replace("\n  │ ", " ");
            assert!(words.contains(says), "{text}: {words}");
        }
    }
    // Without an upper tester a run would not be complete, and check says so.
    fs::write(dir.path().join("sut.toml"), format!("{begin}{server}")).unwrap();
    let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("upper tester none (lwm2m.upper_tester)"),
        "{}",
        ran.stdout
    );
    // A secret that is not there is named.
    let secret = format!("{begin}{server}{http}secrets = {{ pass = \"TOKEN_0100\" }}\n");
    fs::write(dir.path().join("sut.toml"), secret).unwrap();
    let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    let says = "$TOKEN_0100 is not set (pass of the upper tester)";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);
}

#[test]
fn what_is_served_is_judged_through_its_management_api() {
    let dir = tempfile::tempdir().unwrap();
    let _serving = serve_beside(dir.path(), "lwm2m", &[]);
    let filters = ["--scenario", "lwm2m/management/read-a-resource"];
    let sut = "served/sut-1.toml";
    let mut args = vec!["run", "--sut", sut];
    args.extend(filters);
    let ran = twinproof(dir.path(), &args);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let judged = report(&dir.path().join("twinproof-report"));
    assert_eq!(judged["scenarios"][0]["verdict"], "pass");

    // With a person whom nobody may ask, it is inconclusive by name.
    let text = fs::read_to_string(dir.path().join(sut)).unwrap();
    let at = text.find("[lwm2m.upper_tester").unwrap();
    let manual = format!("{}[lwm2m.upper_tester.manual]\n", &text[..at]);
    fs::write(dir.path().join("manual.toml"), manual).unwrap();
    for (option, says) in [
        (Some("--non-interactive"), "--non-interactive"),
        (None, "there is no terminal"),
    ] {
        let mut args = vec!["run", "--sut", "manual.toml"];
        args.extend(filters);
        args.extend(option);
        let ran = twinproof(dir.path(), &args);
        assert_eq!(ran.code, Some(3), "{}\n{}", ran.stdout, ran.stderr);
        let judged = report(&dir.path().join("twinproof-report"));
        let scenario = &judged["scenarios"][0];
        assert_eq!(scenario["verdict"], "inconclusive");
        assert!(
            scenario["reason"].as_str().unwrap().contains(says),
            "{scenario}"
        );
    }
}
