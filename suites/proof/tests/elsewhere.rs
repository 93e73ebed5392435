//! A system that runs elsewhere: one instance for the whole run, a pool of subscribers, hooks.

use std::sync::Arc;
use std::time::Duration;

use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn as _, Run, Target, clean, network, perform};
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::What;
use twinproof_evidence::report::{Report, Tool};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::{Declared, HookSpec};
use twinproof_judge::{FEATURES, judge};
use twinproof_kernel::Seed;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};
use twinproof_twinning::enabler::rules::Standard;

/// The built-in system on a stage of its own, which nobody restarts.
async fn serve() -> (Stage, Declared) {
    let timeout = Duration::from_secs(5);
    let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
        Vec::new()
    });
    let pace = Pace {
        timeout,
        settle: Duration::from_millis(300),
    };
    let kind = Kind::Live(Network::new(timeout).unwrap());
    let mut stage = Stage::open(kind, recorder, pace);
    let system = TwinningSystem::new(Arc::new(Standard));
    let mut declared = system.enter(&mut stage, Seed::new(1)).await.unwrap();
    declared.profile.pace.settle = "300ms".parse().unwrap();
    (stage, declared)
}

async fn run(declared: &Declared, jobs: usize, only: &dyn Fn(&str) -> bool) -> (Report, Ledger) {
    let catalogue = Catalogue::load(&FEATURES).unwrap();
    let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
    let ledger = Ledger::in_memory();
    let kind = Kind::Live(network(&declared.profile).unwrap());
    let target = Target::External(Arc::new(declared.clone()));
    let mut run = Run {
        jobs,
        seed: 7,
        ..Run::new(target, kind, Arc::new(suite), ledger.clone())
    };
    run.selected.retain(|id| only(id));
    perform(&run).await;
    let tool = Tool {
        name: "twinproof".to_owned(),
        version: "test".to_owned(),
    };
    let report = judge(&ledger.read_back().unwrap(), &catalogue, tool).unwrap();
    (report, ledger)
}

fn list(report: &Report, verdict: Verdict) -> Vec<String> {
    report
        .scenarios
        .iter()
        .filter(|scenario| scenario.verdict == verdict)
        .map(|scenario| format!("{}: {}", scenario.id, scenario.reason))
        .collect()
}

/// Scenarios that need neither a hook nor an operator that the system could reach.
fn is_plain(id: &str) -> bool {
    [
        "primary-device",
        "secondary-device",
        "change-request",
        "enabler",
    ]
    .iter()
    .any(|file| id.starts_with(&format!("twinning/{file}/")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_against_one_instance_leaves_nothing_behind_and_can_be_run_again() {
    let (_stage, declared) = serve().await;
    let mut before = None;
    for _ in 0..2 {
        let (report, ledger) = run(&declared, 3, &is_plain).await;
        assert_eq!(list(&report, Verdict::Fail), [""; 0]);
        assert_eq!(list(&report, Verdict::Error), [""; 0]);
        let others: Vec<_> = list(&report, Verdict::Inconclusive)
            .into_iter()
            .filter(|line| !line.contains("hook"))
            .collect();
        assert_eq!(others, [""; 0]);
        let records = ledger.read_back().unwrap().records;
        let cleaned = records.iter().any(
            |r| matches!(&r.what, What::Request { from, method, .. } if from == "clean-up" && method == "DELETE"),
        );
        assert!(cleaned, "the cleaner had nothing to do");
        let leftovers = clean(&declared, Ledger::in_memory()).await.unwrap();
        assert_eq!(leftovers, []);
        let verdicts: Vec<_> = report
            .scenarios
            .iter()
            .map(|s| (s.id.clone(), s.verdict))
            .collect();
        assert_eq!(*before.get_or_insert(verdicts.clone()), verdicts);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_with_pools_of_their_own_do_not_meet() {
    let (_stage, declared) = serve().await;
    let half = |skip: bool| {
        let mut mine = declared.clone();
        let twinning = mine.profile.twinning.as_mut().unwrap();
        let middle = twinning.subscribers.len() / 2;
        twinning.subscribers = if skip {
            twinning.subscribers.split_off(middle)
        } else {
            twinning.subscribers[..middle].to_vec()
        };
        mine
    };
    let few = |id: &str| id.starts_with("twinning/enabler/");
    let (left, right) = (half(false), half(true));
    let (one, other) = tokio::join!(run(&left, 2, &few), run(&right, 2, &few));
    for (report, _) in [&one, &other] {
        assert_eq!(list(report, Verdict::Fail), [""; 0]);
        assert_eq!(list(report, Verdict::Error), [""; 0]);
    }
    let verdicts = |report: &Report| -> Vec<_> {
        report
            .scenarios
            .iter()
            .map(|s| (s.id.clone(), s.verdict))
            .collect()
    };
    assert_eq!(verdicts(&one.0), verdicts(&other.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_subscribers_and_missing_hooks_are_inconclusive_by_name() {
    let (_stage, mut declared) = serve().await;
    let twinning = declared.profile.twinning.as_mut().unwrap();
    twinning.subscribers.truncate(1);
    let only = |id: &str| id == "twinning/enabler/code-works-once";
    let (report, _) = run(&declared, 1, &only).await;
    let found = list(&report, Verdict::Inconclusive).join("\n");
    assert!(
        found.contains("needs 3 subscribers") && found.contains("provisions 1"),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_is_a_command_and_says_why_it_failed() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("advanced");
    let (_sut, mut declared) = serve().await;
    let twinning = declared.profile.twinning.as_mut().unwrap();
    twinning.advance_clock = Some(HookSpec::Command(format!(
        "echo {{seconds}} > {}",
        mark.display()
    )));
    twinning.restart = Some(HookSpec::Command(
        "echo no such service >&2; exit 3".to_owned(),
    ));
    let (report, ledger) = run(&declared, 2, &|id| id.starts_with("twinning/enabler/")).await;
    let hooked = ledger.read_back().unwrap().records.into_iter().any(
        |r| matches!(r.what, What::Hooked { failed: Some(why), .. } if why.contains("no such service")),
    );
    assert!(hooked);
    let seconds: u64 = std::fs::read_to_string(mark)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(seconds > 0);
    let restarts = list(&report, Verdict::Inconclusive).join("\n");
    assert!(
        restarts.contains("hook restart: the command ended with"),
        "{restarts}"
    );
}
