//! One seed, one behaviour; no seed changes a verdict; and both stages show the same.
//!
//! What takes minutes is left out by default: `cargo test --release -p twinproof-proof --test determinism
//! -- --ignored` has 200 runs on the virtual stage and 20 on the live one, per enabler.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn, Run, Target, network, perform};
use twinproof_evidence::ledger::{Events, Ledger};
use twinproof_evidence::record::What;
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::scene::SUT;
use twinproof_judge::{FEATURES, judge};
use twinproof_lwm2m::{device, server};
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::lwm2m::{Lwm2mClient, Lwm2mSystem};
use twinproof_stage::{Kind, Network};
use twinproof_twinning::enabler;

#[path = "common/threads.rs"]
mod threads;
#[path = "common/transcript.rs"]
mod transcript;
use transcript::transcripts;

struct House {
    catalogue: Catalogue,
    suite: Arc<Suite>,
    runtime: tokio::runtime::Runtime,
}

impl House {
    fn new() -> Self {
        let catalogue = Catalogue::load(&FEATURES).unwrap();
        let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
        let runtime = runtime(2);
        Self {
            catalogue,
            suite: Arc::new(suite),
            runtime,
        }
    }

    fn run(&self, kind: Kind, seed: u64, jobs: usize) -> Report {
        self.judged(&self.record(Enabler::Twinning, kind, seed, jobs))
    }

    /// The record of all scenarios of an enabler.
    fn record(&self, enabler: Enabler, kind: Kind, seed: u64, jobs: usize) -> Events {
        self.record_of(enabler.system(), enabler.folder(), (kind, seed, jobs))
    }

    /// The record of all scenarios below a folder with a built-in system.
    fn record_of(
        &self,
        system: Arc<dyn BuiltIn>,
        folder: &str,
        (kind, seed, jobs): (Kind, u64, usize),
    ) -> Events {
        let ledger = Ledger::in_memory();
        let target = Target::BuiltIn(system);
        let mut run = Run {
            seed,
            jobs,
            ..Run::new(target, kind, Arc::clone(&self.suite), ledger.clone())
        };
        run.selected.retain(|id| id.starts_with(folder));
        assert!(!run.selected.is_empty());
        self.runtime.block_on(perform(&run));
        ledger.read_back().unwrap()
    }

    fn judged(&self, events: &Events) -> Report {
        let tool = Tool {
            name: "twinproof".to_owned(),
            version: "test".to_owned(),
        };
        judge(events, &self.catalogue, tool).unwrap()
    }

    /// Judges runs with many seeds and says where one differs from the first.
    fn compare(&self, enabler: Enabler, kind: impl Fn() -> Kind, seeds: std::ops::Range<u64>) {
        let run = |seed| verdicts(&self.judged(&self.record(enabler, kind(), seed, 8)));
        let first = run(seeds.start);
        for seed in seeds.skip(1) {
            let other = run(seed);
            for (id, verdict) in &first {
                assert_eq!(other.get(id), Some(verdict), "{id}, seed {seed}");
            }
            assert_eq!(other.len(), first.len(), "seed {seed}");
        }
    }
}

#[derive(Clone, Copy)]
enum Enabler {
    Lwm2m,
    Twinning,
}

impl Enabler {
    fn system(self) -> Arc<dyn BuiltIn> {
        match self {
            Self::Lwm2m => Arc::new(Lwm2mSystem::new(Arc::new(server::rules::Standard))),
            Self::Twinning => Arc::new(TwinningSystem::new(Arc::new(enabler::rules::Standard))),
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Lwm2m => "lwm2m/",
            Self::Twinning => "twinning/",
        }
    }

    fn live(self) -> Kind {
        Kind::Live(network(&self.system().profile().profile).unwrap())
    }
}

fn verdicts(report: &Report) -> BTreeMap<String, String> {
    let requirements = report
        .requirements
        .iter()
        .map(|r| (r.id.clone(), format!("{} {}", r.verdict, r.reason)));
    let scenarios = report
        .scenarios
        .iter()
        .map(|s| (s.id.clone(), format!("{} {}", s.verdict, s.reason)));
    requirements.chain(scenarios).collect()
}

/// Scenarios in which two devices race: who wins is chance on Live, and what each sends follows from it.
const RACES: [&str; 2] = [
    "twinning/enabler/code-works-once-in-a-race",
    "twinning/enabler/race-of-two-primaries",
];

/// What each actor of each scenario said to each other one, in its own order.
fn courses(report: &Report) -> BTreeMap<(String, String, String), Vec<String>> {
    let mut courses = BTreeMap::<_, Vec<String>>::new();
    for scenario in &report.scenarios {
        if RACES.contains(&scenario.id.as_str()) {
            continue;
        }
        for exchange in &scenario.exchanges {
            let method = exchange.line.split(' ').next().unwrap_or_default();
            let status = exchange.answer.as_ref().map(|answer| answer.status);
            let by_itself = exchange.from == SUT;
            // How often a system tries again before its peer is back is a matter of time.
            if by_itself && status.is_none_or(|status| status >= 500) {
                continue;
            }
            // What the system begins by itself comes when it comes; only the order is its own.
            let step = exchange.step.filter(|_| !by_itself);
            courses
                .entry((
                    scenario.id.clone(),
                    exchange.from.clone(),
                    exchange.to.clone(),
                ))
                .or_default()
                .push(format!("{step:?} {method} {status:?}"));
        }
    }
    courses
}

/// Says where two texts part, not all of them.
fn assert_same(one: &str, other: &str) {
    let apart = one
        .lines()
        .zip(other.lines())
        .enumerate()
        .find(|(_, (a, b))| a != b);
    if let Some((line, (a, b))) = apart {
        panic!("line {}:\n  {a}\n  {b}", line + 1);
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn one_seed_twice_is_the_same_report_byte_for_byte_however_many_jobs() {
    let house = House::new();
    let text = |jobs| {
        let report = house.run(Kind::Virtual, 7, jobs);
        serde_json::to_string_pretty(&report).unwrap()
    };
    let alone = text(1);
    assert_same(&alone, &text(8));
    assert_same(&alone, &text(8));
}

#[test]
fn another_seed_changes_no_verdict() {
    let house = House::new();
    let first = verdicts(&house.run(Kind::Virtual, 1, 8));
    for seed in 2..4 {
        assert_eq!(
            verdicts(&house.run(Kind::Virtual, seed, 8)),
            first,
            "seed {seed}"
        );
    }
}

#[test]
fn live_twice_has_the_same_verdicts_and_the_same_course_of_each_actor() {
    let house = House::new();
    for race in RACES {
        assert!(house.suite.entries().iter().any(|entry| entry.id == race));
    }
    let live = || Kind::Live(Network::new(Duration::from_secs(5)).unwrap());
    let (one, other) = (house.run(live(), 7, 4), house.run(live(), 7, 4));
    assert_eq!(verdicts(&one), verdicts(&other));
    let (one, other) = (courses(&one), courses(&other));
    for (actor, course) in &one {
        assert_eq!(Some(course), other.get(actor), "{actor:?}");
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn both_stages_show_the_same_datagrams_but_for_times_and_generated_ids() {
    let house = House::new();
    let shown = |kind| transcripts(&house.record(Enabler::Lwm2m, kind, 7, 4));
    let (simulated, live) = (shown(Kind::Virtual), shown(Enabler::Lwm2m.live()));
    let mut apart = Vec::new();
    for (flow, lines) in &simulated {
        let others = live.get(flow).map(Vec::as_slice).unwrap_or_default();
        if let Some(line) = lines.iter().find(|line| !others.contains(line)) {
            apart.push(format!("{flow:?} live has no {line}"));
        } else if lines != others {
            apart.push(format!("{flow:?} live has {others:#?}, virtual {lines:#?}"));
        }
    }
    apart.extend(
        live.keys()
            .filter(|flow| !simulated.contains_key(flow))
            .map(|f| format!("only live has {f:?}")),
    );
    assert!(apart.is_empty(), "{}", apart.join("\n"));
    assert!(simulated.len() > 100, "{} flows", simulated.len());
}

/// Every datagram of every scenario, when it went and with all its octets.
fn datagrams(events: &Events) -> BTreeMap<String, Vec<String>> {
    let mut said = BTreeMap::<String, Vec<String>>::new();
    for record in &events.records {
        let (
            Some(scene),
            What::Datagram {
                from, to, bytes, ..
            },
        ) = (&record.scene, &record.what)
        else {
            continue;
        };
        let line = format!("{} {from} to {to}: {:02x?}", record.at, bytes.octets());
        said.entry(scene.scenario.clone()).or_default().push(line);
    }
    said
}

#[test]
fn a_client_that_is_packed_after_each_event_says_the_same_octets_at_the_same_time() {
    let house = House::new();
    let client = || Lwm2mClient::new(Arc::new(device::rules::Standard));
    let packs = Arc::new(AtomicU64::new(0));
    let said = |client: Lwm2mClient| {
        let how = (Kind::Virtual, 7, 8);
        datagrams(&house.record_of(Arc::new(client), "lwm2m/", how))
    };
    let (awake, rests) = (said(client()), said(client().resting(Arc::clone(&packs))));
    for (scenario, lines) in &awake {
        let others = rests.get(scenario).map(|lines| lines.join("\n"));
        assert_same(&lines.join("\n"), &others.unwrap_or_default());
    }
    assert_eq!(awake.len(), rests.len());
    let packs = packs.load(Ordering::Relaxed);
    assert!(awake.len() > 50, "{} scenarios", awake.len());
    // Who has two servers, is observed or was asked something of late is not.
    assert!(packs > 20, "packed {packs} times");
}

#[test]
#[ignore = "takes minutes"]
fn two_hundred_seeds_change_no_verdict_of_twinning() {
    House::new().compare(Enabler::Twinning, || Kind::Virtual, 0..200);
}

#[test]
#[ignore = "takes minutes"]
fn two_hundred_seeds_change_no_verdict_of_lwm2m() {
    House::new().compare(Enabler::Lwm2m, || Kind::Virtual, 0..200);
}

#[test]
#[ignore = "takes minutes"]
fn twenty_live_runs_change_no_verdict_of_lwm2m() {
    House::new().compare(Enabler::Lwm2m, || Enabler::Lwm2m.live(), 0..20);
}

#[test]
#[ignore = "takes minutes"]
fn twenty_live_runs_change_no_verdict_of_twinning() {
    House::new().compare(Enabler::Twinning, || Enabler::Twinning.live(), 0..20);
}
