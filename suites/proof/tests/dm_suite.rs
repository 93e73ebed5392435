//! The DM scenarios against the built-in client and server, on both stages.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn, Run, Target, perform};
use twinproof_dm::Encoding;
use twinproof_dm::store::rules::AddFacts;
use twinproof_dm::store::rules::decide::{Rules, Standard};
use twinproof_dm::syncml::StatusCode;
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::Report;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::DmScheme;
use twinproof_proof::dm::{DmClient, DmServer};
use twinproof_stage::{Kind, Network};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn judged(system: Arc<dyn BuiltIn>, kind: Kind) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let target = Target::BuiltIn(system);
    let run = Run {
        seed: 7,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(perform(&run));
    judged_twice(&ledger.read_back().unwrap())
}

fn all_pass(report: &Report, what: &str) {
    assert!(!report.scenarios.is_empty(), "{what}");
    for scenario in &report.scenarios {
        let (id, reason) = (&scenario.id, &scenario.reason);
        assert_eq!(scenario.verdict, Verdict::Pass, "{what}, {id}: {reason}");
    }
    assert!(report.summary.contact, "{what}");
}

fn systems() -> [(&'static str, Arc<dyn BuiltIn>); 2] {
    [
        ("client", Arc::new(DmClient::standard())),
        ("server", Arc::new(DmServer::standard())),
    ]
}

#[test]
fn the_built_in_systems_pass_in_memory() {
    for (what, system) in systems() {
        all_pass(&judged(system, Kind::Virtual), what);
    }
}

#[test]
fn the_built_in_systems_pass_over_sockets() {
    for (what, system) in systems() {
        let live = Kind::Live(Network::new(PATIENCE).unwrap());
        all_pass(&judged(system, live), what);
    }
}

/// What the texts leave open fails nobody; where credentials are no digests, a nonce that is out of date is
/// nothing that could be looked at.
#[test]
fn no_lawful_system_fails() {
    let shapes = [
        (DmScheme::Basic, Encoding::Xml, "DM/1.1", None),
        (DmScheme::Md5, Encoding::Xml, "DM/1.3", Some(1_500)),
        (DmScheme::Hmac, Encoding::Wbxml, "DM/1.2", Some(4_000)),
        (DmScheme::Hmac, Encoding::Xml, "DM/1.2", None),
        (DmScheme::Md5, Encoding::Wbxml, "DM/1.3", Some(900)),
    ];
    let both = shapes
        .into_iter()
        .flat_map(|shape| [(shape, false), (shape, true)])
        // Without digests nobody tells a nonce, and the one of notifications is a secret like any other.
        .filter(|(shape, stale)| !stale || shape.0 != DmScheme::Basic);
    for ((scheme, encoding, version, size), stale) in both {
        let client = DmClient::standard().shaped(scheme, move |shared| {
            shared.encoding = encoding;
            version.clone_into(&mut shared.ver_proto);
            shared.max_message = size;
            shared.resynchronises = size.is_none();
        });
        let server = DmServer::standard().shaped(scheme, move |shared| {
            version.clone_into(&mut shared.ver_proto);
            shared.max_message = size;
        });
        let (client, server) = match stale {
            true => (client.stale(), server.stale()),
            false => (client, server),
        };
        let systems: [Arc<dyn BuiltIn>; 2] = [Arc::new(client), Arc::new(server)];
        for system in systems {
            let what = format!("{scheme:?} {encoding:?} {version} {size:?} {stale}");
            let mut report = judged(system, Kind::Virtual);
            report.scenarios.retain(|s| {
                s.verdict != Verdict::NotApplicable || s.id != "dm/security/challenged"
            });
            all_pass(&report, &what);
        }
    }
}

/// A device that has no room left.
struct Full;

impl Rules for Full {
    fn add(&self, facts: AddFacts) -> StatusCode {
        match Standard.add(facts) {
            StatusCode::OK => StatusCode::DEVICE_FULL,
            code => code,
        }
    }
}

/// What a scenario begins with and cannot have, is no defect of what it judges.
#[test]
fn a_device_without_room_is_not_blamed_for_what_it_does_not_have() {
    let sessions = Arc::new(twinproof_dm::client::rules::decide::Standard);
    let client = DmClient::new(sessions, Arc::new(Full));
    let report = judged(Arc::new(client), Kind::Virtual);
    for id in ["add", "add-twice", "add-below-leaf", "remove", "replace"] {
        let id = format!("dm/tree/{id}");
        let scenario = report.scenarios.iter().find(|s| s.id == id).unwrap();
        let reason = &scenario.reason;
        assert_eq!(scenario.verdict, Verdict::Inconclusive, "{id}: {reason}");
    }
}

/// Whoever reads a report sees what was said, and has the octets all the same.
#[test]
fn what_is_said_in_wbxml_is_shown_in_xml() {
    let report = judged(Arc::new(DmClient::standard()), Kind::Virtual);
    let exchanges = report.scenarios.iter().flat_map(|s| &s.exchanges);
    let mut seen = 0;
    for exchange in exchanges {
        if exchange.to != "server" {
            // A notification, which is no message.
            continue;
        }
        let text = exchange.body.text.as_deref().unwrap_or_default();
        assert!(text.contains("<SyncHdr>"), "{text}");
        assert!(exchange.body.base64.is_some(), "{text}");
        seen += 1;
    }
    assert!(seen > 0);
}
