//! What a gateway is told that answers 200 to everything and does nothing: of all that is said of gateways, nothing that it
//! does not do may pass.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/sham.rs"]
mod sham;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use common::{Ran, report, twinproof};
use sham::{Accounts, Manner, Sham};

/// What the gateway calls itself.
const DEVICE: &str = "IMEI:490154203237518";

/// How long a run of all may take, which is as a rule spent on waiting for what does not come: many times what it takes
/// where nothing else runs.
const LIMIT: Duration = Duration::from_secs(150);

/// What such a gateway does: it keeps its settings; and where its user name and password are all that it shows, there is no
/// nonce that a server could forget.
const DOES: [&str; 2] = ["general/settings", "security/resynchronised"];

/// Name and password of the gateway at each of its servers, in Base64: `gateway:password`.
const CREDENTIALS: &str = "Z2F0ZXdheTpwYXNzd29yZA==";

/// An address that nobody has at the moment.
fn place() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

/// Runs all that is said of gateways against one of this manner, or against nobody.
fn run(dir: &Path, manner: Option<Manner>) -> Ran {
    let gateway = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = gateway.local_addr().unwrap();
    let (server, other) = (place(), place());
    let account = |device: &str, server: &str| {
        format!(
            "device = \"{device}\"\nserver_id = \"{server}\"\nscheme = \"basic\"\nname = \"gateway\"\n\
             password = \"password\"\nserver_password = \"password-of-{server}\"\n"
        )
    };
    let mut profile = format!(
        "[sut]\nname = \"sham\"\nrole = \"dm-gateway\"\n[pace]\ntimeout = \"1s\"\nsettle = \"30ms\"\n\
         [harness]\npeer_listen = \"{server}\"\n\
         [gwmo]\npush = \"http://{at}/push\"\ndevices_at = \"http://{at}/dm\"\nlines_at = \"{}\"\n\
         lwm2m_at = \"{}\"\npatience = \"150ms\"\nrestart = \"true\"\nreset = \"true\"\ntriggers = true\n\
         named = \"{{device}}\"\nresults = \"reported\"\nsecret = \"./DMAcc/1/AppAuth/1/AAuthSecret\"\n[gwmo.names]\ntotal = \"Summary/Total\"\n\
         [gwmo.account]\n{}[gwmo.other]\nlisten = \"{other}\"\n[gwmo.other.account]\n{}",
        place(),
        place(),
        account(DEVICE, "above"),
        account(DEVICE, "other"),
    );
    let modes = [
        "proxy",
        "proxy",
        "proxy",
        "proxy",
        "proxy",
        "proxy",
        "transparent",
        "transparent",
    ];
    for (number, mode) in modes.into_iter().enumerate() {
        let device = format!("urn:hidden:{number}");
        let own = account(&device, "gateway");
        let own = match number {
            3 => own.replace("basic", "hmac"),
            _ => own,
        };
        let listen = place();
        // Writing to a String cannot fail.
        let _ = write!(
            profile,
            "[[gwmo.device]]\nmode = \"{mode}\"\nlisten = \"{listen}\"\n[gwmo.device.account]\n{own}"
        );
        if [4, 5].contains(&number) {
            let _ = write!(
                profile,
                "[gwmo.device.fresh]\nnetwork_id = \"24007999999999{number}\"\n[gwmo.device.fresh.account]\n{}",
                account(&device, "above")
            );
        }
    }
    for (number, (protocol, is)) in [("lines", "label"), ("lwm2m", "/3/0/15")]
        .into_iter()
        .enumerate()
    {
        let _ = write!(
            profile,
            "[[gwmo.device]]\nmode = \"adaptation\"\n[gwmo.device.account]\n{}[gwmo.device.foreign]\n\
             protocol = \"{protocol}\"\nlisted = \"{protocol}\"\nvalue = {{ node = \"./A\", is = \"{is}\" }}\n\
             action = {{ node = \"./B\", is = \"{is}\" }}\n",
            account(&format!("urn:foreign:{number}"), "gateway"),
        );
    }
    fs::write(dir.join("sut.toml"), profile).unwrap();
    let account = |at: &str| (format!("http://{at}/dm"), CREDENTIALS.to_owned());
    if let Some(manner) = manner {
        let accounts = [("above", &server), ("other", &other)];
        let accounts = accounts.map(|(id, at)| (id.to_owned(), account(at)));
        Sham::serve(&gateway, manner, DEVICE, Accounts::from(accounts));
    }
    drop(gateway);
    let ran = twinproof(dir, &["run", "--enabler", "gwmo", "--sut", "sut.toml"]);
    assert!(ran.took < LIMIT, "{:?}", ran.took);
    ran
}

/// What passes, and how often there was each verdict.
fn passes(dir: &Path) -> BTreeSet<String> {
    let judged = report(&dir.join("twinproof-report"));
    let scenarios = judged["scenarios"].as_array().unwrap();
    assert!(scenarios.len() > 50, "{}", scenarios.len());
    let passing = scenarios.iter().filter(|s| s["verdict"] == "pass");
    passing
        .map(|s| s["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Runs, and looks at what passes that is not of these.
fn only(manner: Option<Manner>, lawful: &[&str]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), manner);
    let lawful: BTreeSet<String> = lawful.iter().map(|id| format!("gwmo/{id}")).collect();
    let passing = passes(dir.path());
    let wrong: Vec<_> = passing.difference(&lawful).collect();
    assert!(wrong.is_empty(), "{manner:?}: {wrong:?}\n{}", ran.stdout);
    assert_ne!(ran.code, Some(0), "{}", ran.stdout);
    ran
}

#[test]
fn a_gateway_that_is_not_there_passes_nothing() {
    only(None, &[]);
}

#[test]
fn a_gateway_that_answers_200_and_has_nothing_passes_nothing() {
    only(Some(Manner::Empty), &[]);
}

#[test]
fn a_gateway_that_keeps_what_it_is_told_and_does_nothing_passes_nothing_else() {
    let ran = only(Some(Manner::Keeps), &DOES);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
}

#[test]
fn a_gateway_that_reports_success_for_all_passes_nothing_else() {
    let ran = only(Some(Manner::Reports), &DOES);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
}
