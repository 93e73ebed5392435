//! The bootstrap scenarios against lawful bootstrap servers, and against one that runs elsewhere.

mod common;
#[path = "common/threads.rs"]
mod threads;

use std::sync::Arc;
use std::time::Duration;

use common::judged_twice;
use threads::runtime;
use twinproof_coap::{ContentFormat, Parameters};
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, network, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::Report;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::Declared;
use twinproof_kernel::Seed;
use twinproof_lwm2m::bootstrap::rules::Standard;
use twinproof_lwm2m::bootstrap::{BootstrapServer, Manner};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::wire::Version;
use twinproof_proof::bootstrap::Lwm2mBootstrap;
use twinproof_reference::lwm2m::{BootstrapShape, ENDPOINTS, bootstrap, set_up};
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};

/// How many scenarios there are.
const SCENARIOS: usize = 12;

/// The tag of scenarios about associations.
const SECURED: &str = "secured";

/// What the bootstrap server is called that runs elsewhere.
const ELSEWHERE: &str = "elsewhere";

fn judged(target: Target, kind: Kind) -> Report {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let run = Run {
        seed: 7,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    runtime(1).block_on(perform(&run));
    judged_twice(&ledger.read_back().unwrap())
}

/// All scenarios pass; those about associations need not apply where it has none.
fn all_pass(report: &Report, what: &str) {
    let external = what == ELSEWHERE;
    assert_eq!(report.scenarios.len(), SCENARIOS, "{what}");
    for scenario in &report.scenarios {
        let (id, reason) = (&scenario.id, &scenario.reason);
        let expected = match external && scenario.tags.iter().any(|tag| tag == SECURED) {
            true => Verdict::NotApplicable,
            false => Verdict::Pass,
        };
        assert_eq!(scenario.verdict, expected, "{what}, {id}: {reason}");
    }
    assert!(report.summary.contact);
}

#[test]
fn no_lawful_bootstrap_server_fails() {
    let formats = [
        ContentFormat::LWM2M_TLV,
        ContentFormat::SENML_JSON,
        ContentFormat::SENML_CBOR,
    ];
    for bits in 0..16 {
        let format = formats[bits % formats.len()];
        // LwM2M 1.0 has TLV alone.
        let version = match format {
            ContentFormat::LWM2M_TLV if bits & 8 == 0 => Version::V1_0,
            _ => Version::V1_1,
        };
        let shape = BootstrapShape {
            manner: Manner {
                deletes: bits & 1 != 0,
                discovers: bits & 2 != 0,
                whole_objects: bits & 4 != 0,
                servers_first: bits & 8 != 0,
            },
            format,
            version,
            separate: bits % 5 == 1,
            parameters: Parameters {
                block_size: [1_024, 64, 16][bits % 3],
                token_length: [4, 1, 8][bits / 4 % 3],
                ..Parameters::default()
            },
        };
        let words = format!("{shape:?}");
        let target = Target::BuiltIn(Arc::new(Lwm2mBootstrap::shaped(shape)));
        all_pass(&judged(target, Kind::Virtual), &words);
    }
}

/// The built-in bootstrap server and the server to which it leads devices, on a stage of their own.
async fn elsewhere() -> (Stage, Declared) {
    let timeout = Duration::from_secs(30);
    let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
        Vec::new()
    });
    let pace = Pace {
        timeout,
        settle: Duration::from_millis(300),
    };
    let kind = Kind::Live(Network::new(timeout).unwrap());
    let mut stage = Stage::open(kind, recorder, pace);
    let at = stage.bind("bootstrap server").await.unwrap();
    let server = stage.bind("server").await.unwrap();
    let shape = BootstrapShape::default();
    let shared = Arc::new(bootstrap((server, false), &shape, Arc::new(Standard)));
    stage.host_role("bootstrap server", move || {
        let role = BootstrapServer::new(at, Seed::new(5));
        (role, Arc::clone(&shared))
    });
    let rules = Arc::new(twinproof_lwm2m::server::rules::Standard);
    let shared = Arc::new(set_up(&Shape::default(), rules));
    stage.host_role("server", move || {
        (Server::new(server, Seed::new(6)), Arc::clone(&shared))
    });
    let endpoints = ENDPOINTS.map(|name| {
        format!("[[lwm2m.bootstrap.endpoint]]\nname = \"{name}\"\nserver = \"coap://{server}\"\n")
    });
    let text = format!(
        "[sut]\nname = \"s\"\nrole = \"lwm2m-bootstrap-server\"\n[pace]\nsettle = \"300ms\"\n\
         [lwm2m.bootstrap]\nserver = \"coap://localhost:{}\"\n{}",
        at.port(),
        endpoints.concat()
    );
    (stage, Declared::parse(&text).unwrap())
}

#[test]
fn a_bootstrap_server_that_runs_elsewhere_is_judged_by_its_address() {
    let runtime = runtime(2);
    let (_stage, declared) = runtime.block_on(elsewhere());
    let kind = || Kind::Live(network(&declared.profile).unwrap());
    let target = Target::External(Arc::new(declared.clone()));
    all_pass(&judged(target, kind()), ELSEWHERE);
}

#[test]
fn what_the_profile_does_not_say_is_inconclusive_by_name() {
    let text = "[sut]\nname = \"s\"\nrole = \"lwm2m-bootstrap-server\"\n\
                [lwm2m.bootstrap]\nserver = \"coap://127.0.0.1:9\"\n";
    let declared = Arc::new(Declared::parse(text).unwrap());
    let report = judged(Target::External(declared), Kind::Virtual);
    assert_eq!(report.scenarios.len(), SCENARIOS);
    let secured = |tags: &[String]| tags.iter().any(|tag| tag == SECURED);
    for scenario in report.scenarios.iter().filter(|s| !secured(&s.tags)) {
        assert_eq!(scenario.verdict, Verdict::Inconclusive, "{}", scenario.id);
        let reason = &scenario.reason;
        assert!(reason.contains("[[lwm2m.bootstrap.endpoint]]"), "{reason}");
    }
}
