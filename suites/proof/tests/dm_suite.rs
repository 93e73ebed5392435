//! The DM scenarios against the built-in client and server, on both stages.

mod common;
#[path = "../../stage/tests/openssl/mod.rs"]
mod openssl;
#[path = "common/threads.rs"]
mod threads;
#[path = "common/dm_tls.rs"]
mod tls;

use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn, Run, Target, perform};
use twinproof_dm::provisioning::protection::{KeyForm, Profile};
use twinproof_dm::store::rules::AddFacts;
use twinproof_dm::store::rules::decide::{Rules, Standard};
use twinproof_dm::syncml::StatusCode;
use twinproof_dm::wbxml::Trees;
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::What;
use twinproof_evidence::report::Report;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_proof::dm::{DmClient, DmServer};
use twinproof_proof::dm_bootstrap::DmBootstrapServer;
use twinproof_stage::{Kind, Network};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn judged(system: Arc<dyn BuiltIn>, kind: Kind) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let target = Target::BuiltIn(system);
    let mut run = Run {
        seed: 7,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    // What a server does with gateways is held against theirs.
    run.selected.retain(|id| id.starts_with("dm/"));
    runtime(1).block_on(perform(&run));
    judged_twice(&ledger.read_back().unwrap())
}

fn all_pass(report: &Report, what: &str) {
    assert!(!report.scenarios.is_empty(), "{what}");
    let others = report
        .scenarios
        .iter()
        .filter(|scenario| scenario.verdict != Verdict::Pass)
        .map(|scenario| {
            format!(
                "{}: {:?} {}",
                scenario.id, scenario.verdict, scenario.reason
            )
        });
    assert_eq!(others.collect::<Vec<_>>(), Vec::<String>::new(), "{what}");
    assert!(report.summary.contact, "{what}");
}

fn systems() -> [(&'static str, Arc<dyn BuiltIn>); 3] {
    [
        ("client", Arc::new(DmClient::standard())),
        ("server", Arc::new(DmServer::standard())),
        ("bootstrap server", Arc::new(DmBootstrapServer::standard())),
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

/// Documents of either kind, in either way of writing trees, identities as digits or packed: each of these at least
/// once.
#[test]
fn no_lawful_bootstrap_server_fails() {
    let (first, second) = (Profile::ClientProvisioning, Profile::Message);
    for (kinds, key_form, trees) in [
        ([first, second], KeyForm::SemiOctets, Trees::Nested),
        ([second, first], KeyForm::Digits, Trees::Inline),
        ([second, second], KeyForm::SemiOctets, Trees::Inline),
    ] {
        let server = DmBootstrapServer::standard().shaped(kinds, move |shared| {
            shared.key_form = Some(key_form);
            shared.wbxml.trees = trees;
        });
        let what = format!("{kinds:?} {key_form:?} {trees:?}");
        all_pass(&judged(Arc::new(server), Kind::Virtual), &what);
    }
}

/// Neither what devices know nor what they are given stands in what is recorded.
#[test]
fn no_secret_of_a_bootstrap_is_recorded() {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let system: Arc<dyn BuiltIn> = Arc::new(DmBootstrapServer::standard());
    let profile = system.profile().profile.clone();
    let run = Run {
        seed: 7,
        ..Run::new(
            Target::BuiltIn(system),
            Kind::Virtual,
            Arc::new(suite),
            ledger.clone(),
        )
    };
    runtime(1).block_on(perform(&run));
    let read = ledger.read_back().unwrap();
    let devices = profile.dm.unwrap().bootstrap.unwrap().devices;
    let known = devices
        .into_iter()
        .flat_map(|mut device| device.secrets().map(|secret| secret.clone()));
    let known: Vec<String> = known.flatten().collect();
    assert!(known.len() > 4);
    let mut documents = 0;
    for record in &read.records {
        let text = serde_json::to_string(record).unwrap();
        assert!(!known.iter().any(|secret| text.contains(secret)), "{text}");
        if let What::Response { headers, body, .. } = &record.what {
            let mut headers = headers.iter();
            let Some((_, kind)) = headers.find(|(name, _)| name == "Content-Type") else {
                continue;
            };
            let secrets = twinproof_dm::bootstrap::secrets(kind, &body.octets());
            let hidden = |secret: &String| secret.bytes().all(|octet| octet == b'*');
            assert!(
                !secrets.is_empty() && secrets.iter().all(hidden),
                "{secrets:?}"
            );
            documents += 1;
        }
    }
    assert!(documents > 5);
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

/// A server whose messages are none, a server that always wants more, and a device that never ends and
/// says what is none: each gets its verdicts, and none of them passes for what it did not do.
struct Garbage;

impl twinproof_dm::server::rules::decide::Rules for Garbage {
    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        // Elements in elements, and no end.
        octets
            .iter()
            .take(6)
            .copied()
            .chain([0x54].repeat(1_000))
            .collect()
    }
}

struct Insatiable;

impl twinproof_dm::server::rules::decide::Rules for Insatiable {
    fn turn(
        &self,
        _heard: twinproof_dm::server::rules::Heard,
    ) -> twinproof_dm::server::rules::Turn {
        twinproof_dm::server::rules::Turn::NextMessage
    }
}

struct Endless;

impl twinproof_dm::client::rules::decide::Rules for Endless {
    fn says(&self, message: twinproof_dm::syncml::Message) -> twinproof_dm::syncml::Message {
        twinproof_dm::syncml::Message {
            is_final: false,
            ..message
        }
    }

    fn ends(&self, _commands: bool, _challenged: bool, _waiting: bool) -> bool {
        false
    }
}

impl twinproof_dm::client::rules::decide::Rules for Garbage {
    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        octets
            .iter()
            .take(6)
            .copied()
            .chain([0x54].repeat(1_000))
            .collect()
    }
}

#[test]
fn who_wants_to_hurt_gets_verdicts() {
    let tree = || Arc::new(Standard);
    let hostile: [(&str, Arc<dyn BuiltIn>); 4] = [
        (
            "a server of garbage",
            Arc::new(DmServer::new(Arc::new(Garbage))),
        ),
        (
            "a server without an end",
            Arc::new(DmServer::new(Arc::new(Insatiable))),
        ),
        (
            "a client of garbage",
            Arc::new(DmClient::new(Arc::new(Garbage), tree())),
        ),
        (
            "a client without an end",
            Arc::new(DmClient::new(Arc::new(Endless), tree())),
        ),
    ];
    for (what, system) in hostile {
        let report = judged(system, Kind::Virtual);
        assert!(!report.scenarios.is_empty(), "{what}");
        let count = |verdict| {
            report
                .scenarios
                .iter()
                .filter(|s| s.verdict == verdict)
                .count()
        };
        assert_eq!(count(Verdict::Error), 0, "{what}");
        assert!(count(Verdict::Fail) > 0, "{what}");
        if what.ends_with("garbage") {
            assert_eq!(count(Verdict::Pass), 0, "{what}");
        }
    }
}
