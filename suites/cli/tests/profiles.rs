//! What is said of a profile before a run, and the profile that `init` begins.

mod common;

use std::fs;

use common::{scrubbed, twinproof};

#[test]
fn a_wrong_profile_is_shown_at_the_spot() {
    let dir = tempfile::tempdir().unwrap();
    let profile = |pace: &str| {
        format!(
            "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n\n[pace]\n{pace}\n\n[twinning]\nbase_url = \"http://127.0.0.1:1\"\n"
        )
    };
    for (name, text) in [
        ("unknown key", profile("tiemout = \"5s\"")),
        ("wrong type", profile("timeout = 5")),
        ("bad duration", profile("timeout = \"5 parsecs\"")),
        ("no TOML", profile("timeout =")),
    ] {
        fs::write(dir.path().join("sut.toml"), text).unwrap();
        let ran = twinproof(dir.path(), &["run", "--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(2), "{name}");
        assert!(ran.stderr.contains("sut.toml:6:"), "{name}: {}", ran.stderr);
        insta::assert_snapshot!(name.replace(' ', "_"), scrubbed(&ran));
    }
    let ran = twinproof(dir.path(), &["run", "--sut", "missing.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("missing.toml") && ran.stderr.contains("twinproof init"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_credential_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[sut]\nname = \"s\"\nrole = \"twinning-enabler\"\n[twinning]\nbase_url = \"http://127.0.0.1:1\"\n\
        [[twinning.subscriber]]\naddress = \"tel:+12025550100\"\ntoken_env = \"TOKEN_0100\"\n";
    fs::write(dir.path().join("sut.toml"), text).unwrap();
    let ran = twinproof(dir.path(), &["run", "--sut", "sut.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("$TOKEN_0100") && ran.stderr.contains("tel:+12025550100"),
        "{}",
        ran.stderr
    );
}

const TOKENS: [&str; 12] = [
    "TOKEN_0100",
    "TOKEN_0101",
    "TOKEN_0102",
    "TOKEN_0103",
    "TOKEN_0104",
    "TOKEN_0105",
    "TOKEN_0106",
    "TOKEN_0107",
    "TOKEN_0108",
    "TOKEN_0109",
    "TOKEN_0110",
    "SECRET_0100",
];

#[test]
fn what_init_prints_is_complete_for_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let ran = twinproof(
        dir.path(),
        &["init", "--base-url", "https://enabler.example/api/"],
    );
    assert_eq!(ran.code, Some(0));
    insta::assert_snapshot!("init", ran.stdout);
    fs::write(dir.path().join("sut.toml"), &ran.stdout).unwrap();
    let check = |file: &str, set: bool| {
        let mut command = common::command(dir.path(), &["check", "--sut", file]);
        if set {
            command.envs(TOKENS.map(|name| (name, "secret")));
        }
        let output = command.output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, stdout, _) = check("sut.toml", false);
    // As a run would end: its tokens are not there.
    assert_eq!(code, Some(2), "{stdout}");
    assert!(stdout.contains("$TOKEN_0100 is not set"), "{stdout}");
    // With them, it has all that every scenario needs.
    let (code, stdout, stderr) = check("sut.toml", true);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let line = stdout
        .lines()
        .find(|line| line.starts_with("subscribers"))
        .unwrap();
    let provisioned = ran.stdout.matches("[[twinning.subscriber]]").count();
    assert_eq!(
        line,
        format!(
            "subscribers  {provisioned} provisioned, {provisioned} needed by the largest scenario"
        )
    );

    // Every key and section that it shows is one that is read, under the name that it shows.
    let uncommented: String = ran
        .stdout
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // The one key that another one forbids, and the one that asks for more subscribers.
            Some(rest)
                if ["proxy = ", "max_secondaries = "]
                    .iter()
                    .any(|key| rest.starts_with(key)) =>
            {
                String::new()
            }
            Some(rest) if rest.contains(" = ") || rest.starts_with('[') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    for section in ["[twinning.authorization]", "[twinning.peer]"] {
        assert!(!ran.stdout.contains(&format!("\n{section}\n")), "{section}");
        assert!(uncommented.contains(&format!("\n{section}\n")), "{section}");
    }
    fs::write(dir.path().join("all.toml"), uncommented).unwrap();
    let (code, stdout, stderr) = check("all.toml", true);
    assert_eq!(
        (code, stderr.as_str()),
        (Some(0), ""),
        "it is read: {stdout}"
    );
}

#[test]
fn a_profile_is_begun_only_with_a_url() {
    let dir = tempfile::tempdir().unwrap();
    for (url, says) in [
        ("enabler", "begins with http:// or https://"),
        ("http://", "expected a host"),
        ("http://enabler:port/", "expected a port from 1 to 65535"),
        ("http://enabler/?tenant=1", "ends with its path"),
    ] {
        let ran = twinproof(dir.path(), &["init", "--base-url", url]);
        assert_eq!(ran.code, Some(2), "{url}");
        assert!(
            ran.stderr.contains("--base-url: ") && ran.stderr.contains(says),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_profile_without_its_sections_is_told_what_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let sut = |role: &str| format!("[sut]\nname = \"s\"\nrole = \"{role}\"\n");
    let twinning = "[twinning]\nbase_url = \"http://127.0.0.1:1\"\n";
    for (name, text) in [
        ("no_sut", twinning.to_owned()),
        ("no_twinning", sut("twinning-enabler")),
        (
            "another_section",
            format!("{}{twinning}", sut("lwm2m-server")),
        ),
        ("nothing", String::new()),
    ] {
        fs::write(dir.path().join("sut.toml"), text).unwrap();
        for command in ["run", "check", "clean", "properties"] {
            let ran = twinproof(dir.path(), &[command, "--sut", "sut.toml"]);
            if command == "run" {
                insta::assert_snapshot!(name, scrubbed(&ran));
            }
            assert_eq!(ran.code, Some(2), "{command} {name}");
            assert!(ran.stderr.contains("write, for example:"), "{}", ran.stderr);
        }
        assert!(!dir.path().join("twinproof-report").exists());
    }
}

#[test]
fn a_profile_that_cannot_be_read_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    fs::write(dir.path().join("octets"), [0xff, 0xfe]).unwrap();
    for (file, says) in [
        ("missing.toml", "`twinproof init > missing.toml` begins one"),
        ("my profile", "`twinproof init > 'my profile'` begins one"),
        ("folder", "expected the file of a profile"),
        ("octets", "expected TOML, which is UTF-8 text"),
    ] {
        let ran = twinproof(dir.path(), &["check", "--sut", file]);
        assert_eq!(ran.code, Some(2), "{file}");
        assert_eq!(ran.stdout, "", "{file}");
        let begins = format!("error: cannot read the profile {file}: ");
        assert!(
            ran.stderr.starts_with(&begins) && ran.stderr.contains(says),
            "{}",
            ran.stderr
        );
        assert!(file == "folder" || !ran.stderr.contains("init > folder"));
    }
}

#[test]
fn a_profile_that_makes_no_sense_is_refused_at_its_spot() {
    let dir = tempfile::tempdir().unwrap();
    let profile = |role: &str, base: &str, rest: &str| {
        format!(
            "[sut]\nname = \"x\"\nrole = \"{role}\"\n\n[twinning]\nbase_url = \"{base}\"\n{rest}"
        )
    };
    let (role, base) = ("twinning-enabler", "http://127.0.0.1:1");
    let twice = "[[twinning.subscriber]]\naddress = \"tel:+1\"\n".repeat(2);
    let claim = "[twinning.claims]\n\"HLF-SD-02\" = false\n";
    for (text, said) in [
        (
            profile("enabler", base, ""),
            "sut.toml:3:8: sut.role: unknown role",
        ),
        (
            profile(role, "127.0.0.1:1", ""),
            "sut.toml:6:12: twinning.base_url: expected a URL",
        ),
        (
            profile(role, base, &twice),
            "sut.toml:10:11: twinning.subscriber[1].address: this address stands twice",
        ),
        (
            profile(role, base, claim),
            "sut.toml:8:1: twinning.claims.HLF-SD-02: the catalogue has no requirement of this label; did you \
             mean HLF-SD-002?",
        ),
        (
            profile(role, base, "[[twinning.subscriber]]\ntoken = \"t\"\n"),
            "sut.toml:7:1: twinning.subscriber[0]: expected an address",
        ),
        (
            profile(role, "http://127.0.0.1:99999", ""),
            "sut.toml:6:12: twinning.base_url: expected a port",
        ),
        (
            profile(
                role,
                base,
                "restart = { method = \"POST\", url = \"localhost\" }\n",
            ),
            "sut.toml:7:36: twinning.restart.url: expected a URL",
        ),
        (
            profile(role, base, "[harness]\nadvertise = \"tester:80\"\n"),
            "sut.toml:8:13: harness.advertise: expected a URL",
        ),
        (
            profile(
                role,
                base,
                "[twinning.authorization]\ntoken_url = \"/token\"\n",
            ),
            "sut.toml:8:13: twinning.authorization.token_url: expected a URL",
        ),
    ] {
        std::fs::write(dir.path().join("sut.toml"), &text).unwrap();
        let ran = twinproof(dir.path(), &["check", "--sut", "sut.toml"]);
        assert_eq!(ran.code, Some(2), "{text}");
        // Words that are too long for a line are broken, and a bar stands in front of the rest.
        let told = ran.stderr.replace("\n  │ ", " ");
        assert!(told.contains(said), "{said}: {}", ran.stderr);
    }
}
