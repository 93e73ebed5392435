//! A Twinning activation: through the roles alone, and over HTTP on loopback.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use twinproof_conformance::{BuiltIn as _, Part, Target};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::secrets::Secrets;
use twinproof_kernel::Seed;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::properties::{Options, search};
use twinproof_stage::{Handle, Kind, Network, Pace, Recorder, Stage};
use twinproof_twinning::device::{Access, Device, Order, Provision, read_body};
use twinproof_twinning::enabler::rules::Standard;
use twinproof_twinning::message::Twinning;
use twinproof_twinning::tree::Format;

/// A stage with the built-in system, a primary and a secondary.
async fn set(kind: Kind) -> (Stage, Handle<Device>, Handle<Device>, Arc<Access>) {
    let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
        Vec::new()
    });
    let pace = Pace {
        timeout: Duration::from_secs(5),
        settle: Duration::from_secs(1),
    };
    let mut stage = Stage::open(kind, recorder, pace);
    let system = TwinningSystem::new(Arc::new(Standard));
    let profile = system
        .enter(&mut stage, Seed::new(7), Part::in_role("twinning-enabler"))
        .await
        .unwrap()
        .profile
        .twinning
        .unwrap();
    let access = Arc::new(Access {
        base_url: profile.base_url.clone(),
        token_url: profile.authorization.map(|a| a.token_url),
        revoke_url: None,
        notification_channel: None,
        knobs: profile.knobs,
    });
    let mut enter = |n: usize, name: &str| {
        let subscriber = &profile.subscribers[n];
        let provision = Provision {
            address: subscriber.address.clone(),
            token: subscriber.token.clone().unwrap_or_default(),
            client: None,
        };
        stage.enter(
            name,
            Device::new(provision, Format::Json),
            Arc::clone(&access),
        )
    };
    let (primary, secondary) = (enter(0, "primary"), enter(1, "secondary"));
    (stage, primary, secondary, access)
}

/// Request a code, activate with it, end the twinning: three exchanges, and nothing is left.
async fn round_trip(
    stage: &mut Stage,
    primary: &Handle<Device>,
    secondary: &Handle<Device>,
    access: &Access,
) {
    let asked = stage
        .act(
            secondary,
            Order::RequestCode {
                primary_operator: None,
            },
        )
        .await
        .unwrap();
    let document = read_body(&asked.answer.unwrap()).unwrap();
    let code = Twinning::of_document(&document, &access.knobs)
        .unwrap()
        .activation_code
        .unwrap();
    let activate = Order::Activate {
        code: code.code,
        mno_id: code.mno_id,
        name: None,
    };
    assert_eq!(
        stage
            .act(primary, activate)
            .await
            .unwrap()
            .answer
            .unwrap()
            .status,
        201
    );
    let ended = stage
        .act(primary, Order::Deactivate { url: None })
        .await
        .unwrap();
    assert!(ended.answer.unwrap().is_success());
}

fn activation(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut group = c.benchmark_group("activation");
    let live = Kind::Live(Network::new(Duration::from_secs(5)).unwrap());
    for (name, kind) in [("virtual", Kind::Virtual), ("live", live)] {
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                runtime.block_on(async {
                    let (mut stage, primary, secondary, access) = set(kind.clone()).await;
                    let begun = std::time::Instant::now();
                    for _ in 0..rounds {
                        round_trip(&mut stage, &primary, &secondary, &access).await;
                    }
                    begun.elapsed()
                })
            });
        });
    }
    group.finish();
}

fn sequences(c: &mut Criterion) {
    let mut group = c.benchmark_group("properties");
    group.sample_size(10);
    group.throughput(criterion::Throughput::Elements(100));
    group.bench_function("100 sequences of 40 commands", |b| {
        b.iter(|| {
            let system = TwinningSystem::new(Arc::new(Standard));
            let options = Options {
                lengths: 40..=40,
                ..Options::new(Target::BuiltIn(Arc::new(system)), 100, 7)
            };
            black_box(search(&options).unwrap())
        });
    });
    group.finish();
}

criterion_group!(benches, activation, sequences);
criterion_main!(benches);
