//! Tries one sequence after another, on all cores where that is sound, and shrinks the first that
//! breaks an invariant.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use twinproof_conformance::{Part, Target, Turn, Turns, clean_on, elsewhere};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Body, Record, Scene, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::{Declared, Profile, SecondaryToken};
use twinproof_kernel::Seed;
use twinproof_stage::{Kind, PEER, Pace, Recorder, Stage};

use super::command::{Command, DEVICES, Offered, any_command};
use super::drive::{Broken, Drive, Manner};
use super::{ALL, Failure, Found, Options, invariants};

/// How often a sequence is made shorter at most.
const SHRINKING: u32 = 2_000;

/// How a sequence ended.
enum End {
    /// At a recommendation that is not followed.
    Advice(Box<Failure>),
    Broken(Box<Failure>),
    Held,
    /// At an invariant that was not asked for.
    Other,
    Transport(String),
}

/// Looks for a sequence of commands that breaks an invariant.
///
/// # Errors
///
/// The profile does not allow it, or no runtime can be had.
pub fn search(options: &Options) -> Result<Found, String> {
    let search = Search::new(options)?;
    let mut found = Found {
        not_checked: search.not_checked(),
        ..Found::default()
    };
    for (number, sequence) in options.known.iter().enumerate() {
        let end = search.attempt(sequence, &format!("kept {number}"));
        if let End::Broken(failure) = found.count(end, sequence.len()) {
            search.tell(*failure, &format!("kept {number}"), &mut found);
            return Ok(found);
        }
    }
    let next = AtomicU32::new(0);
    let first_broken = AtomicU32::new(options.cases);
    let lane = || -> Result<Vec<(u32, usize, End)>, String> {
        let mut ends = Vec::new();
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= first_broken.load(Ordering::Relaxed) {
                return Ok(ends);
            }
            let sequence = search.tree(case)?.1.current();
            let end = search.attempt(&sequence, &format!("case {case}"));
            if matches!(end, End::Broken(_)) {
                first_broken.fetch_min(case, Ordering::Relaxed);
            }
            ends.push((case, sequence.len(), end));
        }
    };
    let ends = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..search.lanes()).map(|_| scope.spawn(lane)).collect();
        let joined = lanes.into_iter().map(|lane| match lane.join() {
            Ok(ends) => ends,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    let first_broken = first_broken.into_inner();
    let mut ends: Vec<_> = ends.into_iter().flatten().collect();
    ends.sort_by_key(|(case, ..)| *case);
    let mut first = None;
    // A later one that was under way when the first was seen broken counts for nothing.
    for (case, length, end) in ends.into_iter().filter(|(case, ..)| *case <= first_broken) {
        found.cases += 1;
        match found.count(end, length) {
            End::Broken(failure) => first = Some((case, failure)),
            End::Advice(failure) => {
                first.get_or_insert((case, failure));
            }
            End::Held | End::Other | End::Transport(_) => {}
        }
    }
    if let Some((case, failure)) = first {
        search.shrink(case, *failure, &mut found)?;
    }
    Ok(found)
}

impl Found {
    fn count(&mut self, end: End, length: usize) -> End {
        self.commands += length;
        match &end {
            End::Advice(_) | End::Broken(_) | End::Held => {}
            End::Other => self.ended_by_others += 1,
            End::Transport(why) => {
                self.transport_broke.get_or_insert_with(|| why.clone());
                self.transport += 1;
            }
        }
        end
    }
}

/// A system that sequences are tried on.
struct Search<'a> {
    options: &'a Options,
    offered: Offered,
    /// Only the live stage waits for anything.
    runtime: Option<tokio::runtime::Runtime>,
    /// A system that runs elsewhere may have something of an earlier sequence, or of whoever was there
    /// before.
    is_dirty: AtomicBool,
}

/// What the keys of a profile allow, those that invariants and commands need.
fn offers(target: &Target, needs: &str) -> bool {
    let hosted = matches!(target, Target::BuiltIn(_));
    let Declared { profile, keys, .. } = target.profile();
    let Some(twinning) = &profile.twinning else {
        return false;
    };
    let told = !["HLF-PD-007", "HLF-SD-008"]
        .iter()
        .any(|id| twinning.claims.get(*id) == Some(&false));
    match needs {
        "harness.advertise" => {
            let declared = keys.iter().any(|key| key == "harness.advertise")
                || profile.harness.advertise.is_some();
            told && (hosted || declared || is_on_this_machine(profile))
        }
        "twinning.advance_clock" => hosted || twinning.advance_clock.is_some(),
        "twinning.authorization" => twinning
            .authorization
            .as_ref()
            .is_some_and(|a| a.secondary_token == SecondaryToken::ClientCredentials),
        "twinning.notification_channel" => told && twinning.notification_channel.is_some(),
        "twinning.peer" => {
            twinning.peer.is_some() && (hosted || profile.harness.peer_listen.is_some())
        }
        "twinning.restart" => hosted || twinning.restart.is_some(),
        _ => false,
    }
}

/// A system on this machine reaches whoever listens on this machine.
fn is_on_this_machine(profile: &Profile) -> bool {
    let base = profile.twinning.as_ref().map(|t| t.base_url.as_str());
    let host = base
        .and_then(|url| url.split_once("://"))
        .map(|(_, rest)| rest);
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|local| host.is_some_and(|host| host.starts_with(local)))
}

impl<'a> Search<'a> {
    fn new(options: &'a Options) -> Result<Self, String> {
        let twinning = options.target.profile().profile.twinning.as_ref();
        twinning.ok_or("the profile has no [twinning] section")?;
        let runtime = match options.kind {
            Kind::Virtual => None,
            Kind::Live(_) => Some(
                tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()
                    .map_err(|e| e.to_string())?,
            ),
        };
        let offers = |needs| offers(&options.target, needs);
        Ok(Self {
            options,
            offered: Offered {
                abroad: offers("twinning.peer"),
                tokens: offers("twinning.authorization"),
                callback: offers("harness.advertise"),
                channel: offers("twinning.notification_channel"),
                clock: offers("twinning.advance_clock"),
                races: true,
                restart: offers("twinning.restart"),
            },
            runtime,
            is_dirty: AtomicBool::new(true),
        })
    }

    fn not_checked(&self) -> Vec<(String, String)> {
        let lacks = |needs: &&str| !offers(&self.options.target, needs);
        ALL.iter()
            .filter_map(|invariant| Some((invariant.id, invariant.needs.filter(lacks)?)))
            .map(|(id, needs)| {
                let why = format!("the profile has no {needs}, or does not claim what needs it");
                (id.to_owned(), why)
            })
            .collect()
    }

    /// The sequence of this number, ready to be shrunk. Each has a seed of its own, so how many are
    /// under way at a time does not matter.
    fn tree(
        &self,
        case: u32,
    ) -> Result<(TestRunner, impl ValueTree<Value = Vec<Command>> + use<>), String> {
        let strategy = proptest::collection::vec(
            any_command(self.offered.in_case(case)),
            self.options.lengths.clone(),
        );
        let mut runner = TestRunner::new(Config {
            rng_seed: RngSeed::Fixed(self.options.seed ^ (u64::from(case) << 32)),
            failure_persistence: None,
            max_shrink_iters: SHRINKING,
            ..Config::default()
        });
        let tree = strategy.new_tree(&mut runner).map_err(|e| e.to_string())?;
        Ok((runner, tree))
    }

    /// How many sequences may be under way at a time: devices of one live system would meet.
    fn lanes(&self) -> usize {
        match (&self.options.kind, &self.options.target) {
            (Kind::Virtual, Target::BuiltIn(_)) => {
                std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
            }
            _ => 1,
        }
    }

    /// Whether a sequence is to end where this recommendation is not followed.
    fn asked_for(&self, id: &str) -> bool {
        self.options.only.as_deref() == Some(id)
    }

    /// Tries a sequence quickly, and once more thoroughly if it breaks something: which command it
    /// was is not certain as long as not everything was read after each.
    fn attempt(&self, sequence: &[Command], name: &str) -> End {
        let advice = self
            .options
            .only
            .as_deref()
            .is_some_and(invariants::is_advice);
        let quick = Manner {
            thorough: false,
            heeds_advice: advice,
        };
        let end = self.perform(sequence, name, quick, Recorder::silent()).0;
        if !matches!(end, End::Broken(_)) {
            return end;
        }
        match self.attempt_thoroughly(sequence, name, advice) {
            broken @ End::Broken(_) => broken,
            _ => end,
        }
    }

    fn attempt_thoroughly(&self, sequence: &[Command], name: &str, advice: bool) -> End {
        let thorough = Manner {
            thorough: true,
            heeds_advice: advice,
        };
        self.perform(sequence, name, thorough, Recorder::silent()).0
    }

    /// Performs a sequence; if it breaks something, says so as a scenario as well.
    fn perform(
        &self,
        sequence: &[Command],
        name: &str,
        manner: Manner,
        recorder: Recorder,
    ) -> (End, Option<Result<String, String>>) {
        let performance = self.perform_on_stage(sequence, name, manner, recorder);
        let (result, feature) = match &self.runtime {
            Some(runtime) => runtime.block_on(performance),
            None => futures::executor::block_on(performance),
        };
        let end = match result {
            Ok(()) => End::Held,
            Err(Broken::Transport(why)) => End::Transport(why),
            Err(Broken::Invariant { id, seen, step }) => {
                let failure = Box::new(Failure {
                    invariant: id.to_owned(),
                    seen,
                    commands: sequence[..=step].to_vec(),
                    exchange: Vec::new(),
                    feature: Err(String::new()),
                });
                match (&self.options.only, invariants::is_advice(id)) {
                    (Some(_), _) if self.asked_for(id) => End::Broken(failure),
                    (Some(_), true) => End::Held,
                    (Some(_), false) => End::Other,
                    (None, true) => End::Advice(failure),
                    (None, false) => End::Broken(failure),
                }
            }
        };
        (end, feature)
    }

    /// Makes the sequence of this number as short as it can be and still break something.
    fn shrink(&self, case: u32, first: Failure, found: &mut Found) -> Result<(), String> {
        let (mut runner, tree) = self.tree(case)?;
        let name = format!("case {case}");
        let commands = AtomicUsize::new(0);
        let advice = first.is_advice();
        let shrunk = runner.run_one(tree, |sequence| {
            commands.fetch_add(sequence.len(), Ordering::Relaxed);
            // A broken link is no bug of the system, and shrinking must not take it for one.
            match self.attempt_thoroughly(&sequence, &name, advice) {
                End::Broken(failure) => Err(TestCaseError::fail(failure.seen)),
                End::Advice(failure) if advice => Err(TestCaseError::fail(failure.seen)),
                End::Advice(_) | End::Held | End::Other | End::Transport(_) => Ok(()),
            }
        });
        found.commands += commands.into_inner();
        let shortest = match shrunk {
            Err(TestError::Fail(_, commands)) => Failure { commands, ..first },
            Ok(_) | Err(TestError::Abort(_)) => first,
        };
        self.tell(shortest, &name, found);
        Ok(())
    }

    /// Performs a sequence that breaks an invariant once more and writes down what shows it.
    fn tell(&self, failure: Failure, name: &str, found: &mut Found) {
        let scene = Scene {
            scenario: "properties".to_owned(),
            attempt: 0,
        };
        let ledger = Ledger::in_memory();
        let recorder = Recorder::new(
            ledger.clone(),
            Some(scene),
            Secrets::default(),
            twinproof_twinning::secrets::find,
        );
        let thorough = Manner {
            thorough: true,
            heeds_advice: failure.is_advice(),
        };
        found.commands += failure.commands.len();
        let (end, feature) = self.perform(&failure.commands, name, thorough, recorder);
        found.failure = Some(match (end, feature) {
            (End::Broken(again) | End::Advice(again), Some(feature)) => Failure {
                exchange: last_exchanges(&ledger),
                feature,
                ..*again
            },
            // What was seen once and not again was seen.
            _ => Failure {
                feature: Err("it was seen once and not again".to_owned()),
                ..failure
            },
        });
    }

    async fn perform_on_stage(
        &self,
        sequence: &[Command],
        name: &str,
        manner: Manner,
        recorder: Recorder,
    ) -> (Result<(), Broken>, Option<Result<String, String>>) {
        let options = self.options;
        let pace = &options.target.profile().profile.pace;
        let pace = Pace {
            timeout: pace.timeout.duration(),
            settle: pace.settle.duration(),
        };
        let writes = !recorder.is_silent();
        let mut stage = Stage::open(options.kind.clone(), recorder, pace);
        let seed = Seed::new(options.seed).derive(name);
        let unable = |why: String| (Err(Broken::Transport(why)), None);
        let (_turn, entered) = match enter(options, &mut stage, seed, sequence).await {
            Ok(entered) => entered,
            Err(why) => return unable(why),
        };
        let leftover = self.clean(&mut stage, &entered).await.err();
        let mut drive = match Drive::new(&mut stage, &entered, seed, manner) {
            Ok(drive) => drive,
            Err(why) => return unable(why),
        };
        let result = drive.run(sequence, leftover.as_deref()).await;
        let broken = result.as_ref().err().filter(|_| writes);
        let feature = broken.map(|broken| drive.feature(broken));
        self.is_dirty.store(true, Ordering::Relaxed);
        // What cannot be cleaned now is cleaned before the next sequence, or that one says nothing.
        drop(self.clean(&mut stage, &entered).await);
        (result, feature)
    }

    /// Removes what is left at a system that runs elsewhere, if anything may be.
    async fn clean(&self, stage: &mut Stage, entered: &Declared) -> Result<(), String> {
        let (Target::External(_), true) =
            (&self.options.target, self.is_dirty.load(Ordering::Relaxed))
        else {
            return Ok(());
        };
        let twinning = entered.profile.twinning.as_ref();
        let twinning = twinning.ok_or("the profile has no [twinning] section")?;
        let used = twinning.subscribers.len().min(DEVICES + 1);
        let leftovers = clean_on(stage, twinning, &twinning.subscribers[..used]).await;
        match leftovers.first() {
            None => {
                self.is_dirty.store(false, Ordering::Relaxed);
                Ok(())
            }
            Some(left) => Err(format!(
                "what {} has at the system could not be removed: {}",
                left.address, left.why
            )),
        }
    }
}

/// The last exchange that was to change something and those behind it, in words; secrets are replaced.
fn last_exchanges(ledger: &Ledger) -> Vec<String> {
    let Ok(events) = ledger.read_back() else {
        return Vec::new();
    };
    let changes =
        |record: &Record| matches!(&record.what, What::Request { method, .. } if method != "GET");
    let begin = events.records.iter().rposition(changes).unwrap_or_default();
    let text = |body: &Body| {
        body.text
            .as_ref()
            .filter(|text| !text.is_empty())
            .map_or_else(String::new, |text| format!("  {text}"))
    };
    let messages: Vec<String> = events.records[begin..]
        .iter()
        .filter_map(|record| match &record.what {
            What::Request {
                exchange,
                from,
                method,
                url,
                body,
                ..
            } => Some(format!("{exchange} {from}: {method} {url}{}", text(body))),
            What::Response {
                exchange,
                status,
                body,
                ..
            } => Some(format!("{exchange} answer: {status}{}", text(body))),
            What::NoResponse { exchange, fault } => Some(format!("{exchange} no answer: {fault}")),
            _ => None,
        })
        .collect();
    // What was read again while waiting says the same each time.
    let again = messages.len().saturating_sub(2 * DEVICES);
    let kept = messages.into_iter().enumerate();
    kept.filter(|(place, _)| *place < 4 || *place >= again)
        .map(|(_, message)| message)
        .collect()
}

/// Brings the system on the stage or in sight, and keeps out of the way of other runs at it.
async fn enter(
    options: &Options,
    stage: &mut Stage,
    seed: Seed,
    sequence: &[Command],
) -> Result<(Option<Turn>, Declared), String> {
    match &options.target {
        Target::BuiltIn(system) => {
            let entered = system
                .enter(stage, seed, Part::in_role("twinning-enabler"))
                .await;
            Ok((None, entered.map_err(|halted| halted.to_string())?))
        }
        Target::External(declared) => {
            let turn = turn(declared, sequence).await?;
            let mut declared = (**declared).clone();
            if let Some(system) = elsewhere(&declared.profile) {
                stage.visit(system);
            }
            if offers(&options.target, "twinning.peer") {
                let base = stage
                    .listen(PEER)
                    .await
                    .map_err(|halted| halted.to_string())?;
                declared.profile.harness.peer_advertise = Some(base);
            }
            Ok((turn, declared))
        }
    }
}

/// Keeps out of the way of other runs at the same system, if the profile says how.
async fn turn(declared: &Declared, sequence: &[Command]) -> Result<Option<Turn>, String> {
    let Some(lock) = &declared.profile.harness.lock else {
        return Ok(None);
    };
    let moves = |command: &Command| matches!(command, Command::Advance { .. } | Command::Restart);
    let alone = sequence.iter().any(moves);
    let stop = AtomicBool::new(false);
    Turns::at(lock)?.take(alone, &stop, |_| {}).await
}
