//! DM over TLS: the same scenarios, and servers that a client must not speak to.

use std::path::PathBuf;
use std::sync::Arc;

use twinproof_evidence::Verdict;
use twinproof_proof::dm::DmServer;
use twinproof_stage::{Kind, Network, Options, Trust};

use super::openssl::{Authority, KeyPair, Openssl};
use super::{PATIENCE, all_pass, judged, systems};

fn over_tls(authority: PathBuf, place: &KeyPair) -> Kind {
    let options = Options {
        trust: Trust {
            ca_file: Some(authority),
            ..Trust::default()
        },
        certificate: Some((place.certificate.clone(), place.key.clone())),
        ..Options::new(PATIENCE)
    };
    Kind::Live(Network::open(&options).unwrap())
}

/// Who stands between a server and a device that it does not reach.
const GATEWAY: &str = "gateway";

/// Who brings notifications that are not carried by HTTP.
const PUSH_PROXY: &str = "push proxy";

#[test]
fn the_built_in_systems_pass_over_tls() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let ours = Authority::new(&openssl, dir.path(), "ours");
    let good = ours.issue("good", "IP:127.0.0.1");
    for (what, system) in systems() {
        let report = judged(system, over_tls(ours.file(), &good));
        all_pass(&report, what);
        let mut exchanges = report.scenarios.iter().flat_map(|s| &s.exchanges);
        // Notifications are pushed in datagrams, too, and have a digest of their own.
        let plain = exchanges.find(|exchange| {
            let ends = [exchange.from.as_str(), exchange.to.as_str()];
            let turn = exchange.line.starts_with("TLS: ");
            let pushed = ends.contains(&PUSH_PROXY) || exchange.line.contains("SIP/2.0");
            !turn && !pushed && !exchange.line.contains("https://")
        });
        assert!(plain.is_none(), "{what}: {plain:?}");
    }
}

/// A device of ours says nothing to whom it cannot trust, and nothing passes.
#[test]
fn nothing_is_said_to_a_server_with_a_bad_certificate() {
    let Some(openssl) = Openssl::there() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let ours = Authority::new(&openssl, dir.path(), "ours");
    let theirs = Authority::new(&openssl, dir.path(), "theirs");
    let bad = [
        ("of another name", ours.issue("name", "DNS:other.test")),
        (
            "of another authority",
            theirs.issue("theirs", "IP:127.0.0.1"),
        ),
        ("expired", ours.issue_expired("expired", "IP:127.0.0.1")),
    ];
    for (what, place) in bad {
        let report = judged(
            Arc::new(DmServer::standard()),
            over_tls(ours.file(), &place),
        );
        assert!(!report.summary.contact, "{what}");
        for scenario in &report.scenarios {
            let (id, reason) = (&scenario.id, &scenario.reason);
            assert_eq!(
                scenario.verdict,
                Verdict::Inconclusive,
                "{what}, {id}: {reason}"
            );
            // What parties of ours say to one another is not said to the server.
            let mut to_it = scenario.exchanges.iter().filter(|e| e.to != GATEWAY);
            let answered = to_it.find(|e| e.answer.is_some());
            assert!(answered.is_none(), "{what}, {id}: {answered:?}");
        }
    }
}
