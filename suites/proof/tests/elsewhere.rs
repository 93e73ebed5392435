//! A system that runs elsewhere: one instance for the whole run, a pool of subscribers, hooks.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn as _, Part, Run, Target, Turns, clean, network, perform};
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
use twinproof_twinning::device::{Access, Device, Order, Provision, read_body};
use twinproof_twinning::enabler::rules::Standard;
use twinproof_twinning::message::Twinning;

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
    let mut declared = system
        .enter(&mut stage, Seed::new(1), Part::in_role("twinning-enabler"))
        .await
        .unwrap();
    declared.profile.pace.settle = "300ms".parse().unwrap();
    (stage, declared)
}

async fn run(declared: &Declared, jobs: usize, only: &dyn Fn(&str) -> bool) -> (Report, Ledger) {
    judged(of(declared, jobs, only)).await
}

/// A run of some scenarios.
fn of(declared: &Declared, jobs: usize, only: &dyn Fn(&str) -> bool) -> Run {
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
    run
}

async fn judged(run: Run) -> (Report, Ledger) {
    let (catalogue, ledger) = (Catalogue::load(&FEATURES).unwrap(), run.ledger.clone());
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
async fn a_run_that_waits_for_another_says_so_once_and_the_record_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("sut.lock");
    let (_stage, mut declared) = serve().await;
    let stop = AtomicBool::new(false);
    let turn = Turns::at(&lock).unwrap().take(true, &stop, |_| {}).await;
    let other = Mutex::new(turn.unwrap());
    declared.profile.harness.lock = Some(lock);
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut run = of(&declared, 2, &|id| {
        id.starts_with("twinning/enabler/code-works-once")
    });
    assert!(run.selected.len() > 1);
    let heard = Arc::clone(&told);
    run.on_wait = Arc::new(move |what| {
        heard.lock().unwrap().push(what.to_owned());
        // The other run has its turn no longer than until this one says that it waits.
        drop(other.lock().unwrap().take());
    });
    let (report, ledger) = judged(run).await;
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("sut.lock"), "{told:?}");
    assert_eq!(list(&report, Verdict::Inconclusive), [""; 0]);
    let waited = ledger
        .read_back()
        .unwrap()
        .records
        .into_iter()
        .any(|record| {
            let scene = record.scene.is_some();
            matches!(record.what, What::Noted { name, value } if scene
            && name == "waited-for-another-run"
            && value["milliseconds"].as_u64().is_some_and(|waited| waited >= 2_000))
        });
    assert!(waited);
}

/// Twins the first two subscribers, as somebody does who leaves it at that.
async fn leave_a_twinning(stage: &mut Stage, declared: &Declared) {
    let twinning = declared.profile.twinning.as_ref().unwrap();
    let knobs = &twinning.knobs;
    let access = Arc::new(Access {
        base_url: twinning.base_url.clone(),
        token_url: None,
        revoke_url: None,
        notification_channel: None,
        knobs: knobs.clone(),
    });
    let [secondary, primary] = [0, 1].map(|place| {
        let subscriber = &twinning.subscribers[place];
        let provision = Provision {
            address: subscriber.address.clone(),
            token: subscriber.token.clone().unwrap(),
            client: None,
        };
        let role = Device::new(provision, knobs.format.into());
        stage.enter(&format!("somebody {place}"), role, Arc::clone(&access))
    });
    let order = Order::RequestCode {
        primary_operator: None,
    };
    let asked = stage.act(&secondary, order).await.unwrap().answer.unwrap();
    let pending = Twinning::of_document(&read_body(&asked).unwrap(), knobs).unwrap();
    let code = pending.activation_code.unwrap();
    let order = Order::Activate {
        code: code.code,
        mno_id: code.mno_id,
        name: None,
    };
    let activated = stage.act(&primary, order).await.unwrap().answer.unwrap();
    assert!(activated.is_success(), "{activated:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_left_behind_fails_nobody() {
    let (mut stage, declared) = serve().await;
    leave_a_twinning(&mut stage, &declared).await;
    let empty_list = |id: &str| id == "twinning/primary-device/empty-list";
    let (report, _) = run(&declared, 1, &empty_list).await;
    let open = list(&report, Verdict::Inconclusive).join("\n");
    assert!(open.contains("has 1 from before"), "{open}");
    // That scenario removed it at its end.
    let (report, _) = run(&declared, 1, &empty_list).await;
    assert_eq!(list(&report, Verdict::Pass).len(), 1, "{report:#?}");
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
