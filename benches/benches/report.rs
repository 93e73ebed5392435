//! A run of a thousand scenarios: judged again and printed in every format.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{Run, Target, perform};
use twinproof_evidence::ledger::{Events, Ledger};
use twinproof_evidence::report::{Report, Scenario, Tool};
use twinproof_formats::{Headline, html, json, junit, markdown, terminal};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};
use twinproof_proof::builtin::TwinningSystem;
use twinproof_stage::Kind;
use twinproof_twinning::enabler::rules::Standard;

/// What the built-in system's virtual run leaves.
fn recorded(catalogue: &Catalogue) -> Events {
    let suite = Arc::new(Suite::load(&FEATURES, catalogue).unwrap());
    let target = Target::BuiltIn(Arc::new(TwinningSystem::new(Arc::new(Standard))));
    let ledger = Ledger::in_memory();
    let run = Run {
        seed: 7,
        ..Run::new(target, Kind::Virtual, suite, ledger.clone())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(perform(&run));
    ledger.read_back().unwrap()
}

fn tool() -> Tool {
    Tool {
        name: "twinproof".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The same report with its scenarios repeated until there are a thousand.
fn a_thousand(report: &Report) -> Report {
    let scenario = |n: usize| {
        let of = &report.scenarios[n % report.scenarios.len()];
        Scenario {
            id: format!("{}-{n}", of.id),
            ..of.clone()
        }
    };
    Report {
        scenarios: (0..1000).map(scenario).collect(),
        ..report.clone()
    }
}

fn printing(c: &mut Criterion) {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let events = recorded(&catalogue);
    let report = judge(&events, &catalogue, tool()).unwrap();
    c.bench_function("judge/one run", |b| {
        b.iter(|| judge(black_box(&events), &catalogue, tool()).unwrap());
    });
    let report = a_thousand(&report);
    let style = terminal::Style {
        colour: false,
        width: 120,
    };
    let mut group = c.benchmark_group("print 1000 scenarios");
    group.sample_size(10);
    group.bench_function("html", |b| b.iter(|| html::render(black_box(&report))));
    group.bench_function("json", |b| b.iter(|| json::render(black_box(&report))));
    group.bench_function("junit", |b| b.iter(|| junit::render(black_box(&report))));
    group.bench_function("markdown", |b| {
        b.iter(|| markdown::render(black_box(&report)))
    });
    group.bench_function("terminal", |b| {
        b.iter(|| {
            let headline = Headline::of(black_box(&report));
            terminal::render(black_box(&report), &headline, style, None)
        })
    });
    group.finish();
}

criterion_group!(benches, printing);
criterion_main!(benches);
