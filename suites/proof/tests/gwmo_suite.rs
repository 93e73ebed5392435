//! The GwMO scenarios against the built-in gateway, and the built-in server above one, on both stages.

mod common;
#[path = "common/threads.rs"]
mod threads;

use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_gwmo::gateway::rules::decide::Rules;
use twinproof_gwmo::gateway::rules::{Fetching, Wanted};
use twinproof_gwmo::objects::Places;
use twinproof_gwmo::overseer::rules::decide as overseer;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_proof::dm::DmServer;
use twinproof_proof::gwmo::GatewaySystem;
use twinproof_reference::mutants;
use twinproof_reference::variants::{Shape as _, all_pairs, dm};
use twinproof_stage::{Kind, Network};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn all_pass(target: Target, kind: Kind, seed: u64, count: usize) {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let mut run = Run {
        seed,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    run.selected.retain(|id| id.starts_with("gwmo/"));
    runtime(1).block_on(perform(&run));
    let report = judged_twice(&ledger.read_back().unwrap());
    assert_eq!(report.scenarios.len(), count);
    for scenario in &report.scenarios {
        let (id, reason) = (&scenario.id, &scenario.reason);
        assert_eq!(scenario.verdict, Verdict::Pass, "{id}: {reason}");
    }
    assert!(report.summary.contact);
}

/// With so many devices that each of their fates is there; a thousand are for builds that are not for tests.
fn few() -> Target {
    Target::BuiltIn(Arc::new(GatewaySystem::standard().with_many(30)))
}

fn server() -> Target {
    Target::BuiltIn(Arc::new(DmServer::standard()))
}

/// The scenarios about gateways, and those about servers above them.
const GATEWAY: usize = 66;
const SERVER: usize = 18;

/// Its objects stand under other names with each seed.
#[test]
fn the_built_in_gateway_passes_in_memory_with_every_seed() {
    for seed in 1..=4 {
        all_pass(few(), Kind::Virtual, seed, GATEWAY);
    }
}

#[test]
fn the_built_in_gateway_passes_over_sockets() {
    let live = Kind::Live(Network::new(PATIENCE).unwrap());
    all_pass(few(), live, 7, GATEWAY);
}

/// Where the gateway below it has its objects differs with each seed, too.
#[test]
fn the_built_in_server_above_gateways_passes_in_memory_with_every_seed() {
    for seed in 1..=4 {
        all_pass(server(), Kind::Virtual, seed, SERVER);
    }
}

#[test]
fn the_built_in_server_above_gateways_passes_over_sockets() {
    let live = Kind::Live(Network::new(PATIENCE).unwrap());
    all_pass(server(), live, 7, SERVER);
}

/// What is lawful of a server is lawful of one above gateways.
#[test]
fn no_lawful_server_above_gateways_fails() {
    let sizes = dm::Shape::DIMENSIONS.iter().map(|d| d.values.len());
    for row in all_pairs(&sizes.collect::<Vec<_>>()) {
        let system = DmServer::shaped(dm::Shape::of(&row));
        all_pass(Target::BuiltIn(Arc::new(system)), Kind::Virtual, 1, SERVER);
    }
}

/// Fetches no image, whatever its settings say.
struct FetchesNothing;

impl Rules for FetchesNothing {
    fn fetches(&self, _facts: Wanted) -> Fetching {
        Fetching::Refuse
    }
}

/// What a gateway that does not do something leaves alone by the same token: that must not pass.
#[test]
fn nobody_passes_by_doing_nothing() {
    let mutant = |name: &str| {
        let mut all = mutants::gateway();
        let found = all.find(|mutant| mutant.name == name);
        (found.unwrap_or_else(|| panic!("{name}")).rules)()
    };
    let idle: [(Arc<dyn Rules>, &[&str]); 7] = [
        (
            mutant("gateway-relays-nothing"),
            &["modes/forged", "modes/stranger"],
        ),
        (
            mutant("gateway-triggers-nobody"),
            &["modes/triggered-in-vain", "security/trigger-for-stranger"],
        ),
        (
            mutant("gateway-brings-nothing"),
            &["general/brought-for-stranger", "general/brought-in-vain"],
        ),
        (
            mutant("gateway-tells-nobody"),
            &[
                "confidentiality/below",
                "general/one-account",
                "groups/members",
                "groups/taken-out",
                "security/group-for-stranger",
            ],
        ),
        (
            mutant("gateway-announces-nobody"),
            &["inventory/announcements-off"],
        ),
        (mutant("gateway-records-nobody"), &["security/changed"]),
        (Arc::new(FetchesNothing), &["images/keeping-off"]),
    ];
    for (rules, scenarios) in idle {
        let target = Target::BuiltIn(Arc::new(GatewaySystem::new(rules)));
        for (id, verdict, reason) in verdicts(target, scenarios) {
            assert_ne!(verdict, Verdict::Pass, "{id}: {reason}");
            assert_ne!(verdict, Verdict::Error, "{id}: {reason}");
        }
    }
}

/// What comes of these scenarios: of each its name, the verdict, and why.
fn verdicts(target: Target, scenarios: &[&str]) -> Vec<(String, Verdict, String)> {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let mut run = Run::new(target, Kind::Virtual, Arc::new(suite), ledger.clone());
    let wanted = |id: &str| scenarios.iter().any(|name| id == format!("gwmo/{name}"));
    run.selected.retain(|id| wanted(id));
    assert_eq!(run.selected.len(), scenarios.len(), "{scenarios:?}");
    runtime(1).block_on(perform(&run));
    let all = judged_twice(&ledger.read_back().unwrap()).scenarios;
    let each = all.into_iter();
    each.map(|scenario| (scenario.id, scenario.verdict, scenario.reason))
        .collect()
}

/// Has devices themselves read where it is to be told what the gateway says of them.
struct AsksDevices;

impl overseer::Rules for AsksDevices {
    fn consults(&self, _records: bool) -> bool {
        false
    }
}

/// Takes fan-outs to be described among the devices.
struct LooksElsewhere;

impl overseer::Rules for LooksElsewhere {
    fn finds(&self, found: Places) -> Places {
        Places {
            fanouts: found.inventory.child("Fanouts"),
            ..found
        }
    }
}

/// Puts notifications into the gateway's object, with a wrong digest.
struct HandsInForgeries;

impl overseer::Rules for HandsInForgeries {
    fn hands_in(&self, _takes: bool) -> bool {
        true
    }

    fn carries(&self, signed: Vec<u8>) -> Vec<u8> {
        let mut signed = signed;
        if let Some(first) = signed.first_mut() {
            *first ^= 1;
        }
        signed
    }
}

/// A server that goes ways of its own has shown nothing by that, and broken nothing either; one that signs wrongly is found
/// out whichever way it goes.
#[test]
fn servers_that_go_other_ways_are_judged_by_what_they_show() {
    let above: [(Arc<dyn overseer::Rules>, &str, Verdict); 3] = [
        (Arc::new(AsksDevices), "server/about", Verdict::Inconclusive),
        (
            Arc::new(LooksElsewhere),
            "server/read",
            Verdict::Inconclusive,
        ),
        (
            Arc::new(HandsInForgeries),
            "server/notified",
            Verdict::Warning,
        ),
    ];
    for (rules, scenario, expected) in above {
        let target = Target::BuiltIn(Arc::new(DmServer::overseeing(rules)));
        for (id, verdict, reason) in verdicts(target, &[scenario]) {
            assert_eq!(verdict, expected, "{id}: {reason}");
        }
    }
}
