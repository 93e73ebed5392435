//! Random command sequences against any Twinning enabler, with a pure model beside it.

mod drive;
mod invariants;
mod model;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use serde::{Deserialize, Serialize};
use twinproof_conformance::{Target, Turn, Turns, elsewhere};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Body, Record, Scene, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::Declared;
use twinproof_kernel::Seed;
use twinproof_stage::{Kind, Pace, Recorder, Stage};

use drive::{Broken, Drive};
pub use invariants::{ALL, BEYOND, Invariant};
pub use model::Command;

/// Devices in every sequence; a stranger is added. Four suffice for every known violation of I1 to I7.
const DEVICES: usize = 4;

/// What to run.
pub struct Options {
    /// The system.
    pub target: Target,
    /// The stage.
    pub kind: Kind,
    /// How many sequences.
    pub cases: u32,
    /// How long a sequence is at most.
    pub length: usize,
    /// The seed.
    pub seed: u64,
    /// Only a violation of this invariant counts.
    pub only: Option<String>,
    /// Sequences that failed before, which are tried first.
    pub known: Vec<Vec<Command>>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// How many sequences were tried, without those of shrinking.
    pub cases: usize,
    /// How many commands were performed, with those of shrinking.
    pub commands: usize,
    /// Sequences that the transport broke; they say nothing.
    pub transport: usize,
    /// What the first of those met.
    pub transport_broke: Option<String>,
    /// Sequences that ended at an invariant that was not asked for; they say little.
    pub ended_by_others: usize,
    /// The invariants that could not be checked, and what the profile lacks.
    pub not_checked: Vec<(String, String)>,
    /// The shortest sequence that breaks an invariant, if one was found.
    pub failure: Option<Failure>,
}

impl Found {
    /// Whether a sequence was performed to its end, or an invariant was seen broken: without either,
    /// nothing was found out.
    pub fn says_something(&self, known: usize) -> bool {
        self.failure.is_some() || self.transport + self.ended_by_others < self.cases + known
    }
}

/// A sequence that breaks an invariant.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Failure {
    /// The invariant.
    pub invariant: String,
    /// What was seen.
    pub seen: String,
    /// The commands, the last of them being the one after which it was seen.
    pub commands: Vec<Command>,
    /// What the last command and the readings behind it looked like, a message each.
    #[serde(default)]
    pub exchange: Vec<String>,
}

impl Failure {
    /// Reads the sequences that were kept under `path`; none if there is no such file.
    ///
    /// # Errors
    ///
    /// The file cannot be read or holds something else.
    pub fn load(path: &Path) -> Result<Vec<Self>, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Keeps a sequence under `path`, beside those that are there.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn keep(&self, path: &Path) -> Result<(), String> {
        let mut kept = Self::load(path)?;
        if !kept.iter().any(|other| other.commands == self.commands) {
            kept.push(self.clone());
        }
        let text = serde_json::to_string_pretty(&kept).map_err(|e| e.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn commands(clock: bool, restart: bool) -> impl Strategy<Value = Command> {
    let device = 0..DEVICES;
    let code = device.clone().prop_map(|by| Command::RequestCode { by });
    let activate = (device.clone(), device.clone(), any::<bool>())
        .prop_map(|(by, code_of, named)| Command::Activate { by, code_of, named });
    let together = (device.clone(), device.clone(), device.clone())
        .prop_map(|(by, and, code_of)| Command::ActivateTogether { by, and, code_of });
    let toggle = (device.clone(), any::<bool>()).prop_map(|(by, on)| Command::Toggle { by, on });
    let race = (device.clone(), any::<bool>())
        .prop_map(|(by, on)| Command::ToggleAgainstDeactivate { by, on });
    let deactivate = device.clone().prop_map(|by| Command::Deactivate { by });
    let format = device.prop_map(|by| Command::OtherFormat { by });
    let advance = prop_oneof![Just(60_u32), Just(200), Just(400)]
        .prop_map(|seconds| Command::Advance { seconds });
    prop_oneof![
        8 => code,
        8 => activate,
        2 => together,
        6 => toggle,
        1 => race,
        3 => deactivate,
        1 => format,
        u32::from(clock) * 2 => advance,
        u32::from(restart) => Just(Command::Restart),
    ]
}

/// Looks for a sequence of commands that breaks an invariant.
///
/// # Errors
///
/// The profile does not allow it, or no runtime can be had.
pub fn search(options: &Options) -> Result<Found, String> {
    let twinning = options.target.profile().profile.twinning.clone();
    let twinning = twinning.ok_or("the profile has no [twinning] section")?;
    let hosted = matches!(options.target, Target::BuiltIn(_));
    let offers = |needs: &str| match needs {
        "twinning.advance_clock" => hosted || twinning.advance_clock.is_some(),
        "twinning.restart" => hosted || twinning.restart.is_some(),
        "twinning.authorization" => twinning.authorization.is_some(),
        _ => false,
    };
    let not_checked = ALL
        .iter()
        .filter_map(|invariant| {
            Some((
                invariant.id,
                invariant.needs.filter(|needs| !offers(needs))?,
            ))
        })
        .map(|(id, needs)| (id.to_owned(), format!("the profile has no {needs}")))
        .collect();
    let search = Search::new(options)?;
    let mut found = Found {
        cases: 0,
        commands: 0,
        transport: 0,
        transport_broke: None,
        ended_by_others: 0,
        not_checked,
        failure: None,
    };
    for (number, sequence) in options.known.iter().enumerate() {
        let end = search.attempt(sequence, &format!("kept {number}"));
        if let End::Broken(_) = found.count(end, sequence.len()) {
            let again = search.told(sequence, &format!("kept {number}"));
            found.commands += sequence.len();
            // What was seen once and not again was seen.
            found.failure = again.or(found.failure);
            return Ok(found);
        }
    }
    let strategy = proptest::collection::vec(
        commands(offers("twinning.advance_clock"), offers("twinning.restart")),
        1..=options.length,
    );
    let tree = |case: u32| -> Result<_, String> {
        // Each case has a seed of its own, so how many are under way at a time does not matter.
        let rng_seed = RngSeed::Fixed(options.seed ^ (u64::from(case) << 32));
        let mut runner = TestRunner::new(Config {
            rng_seed,
            failure_persistence: None,
            max_shrink_iters: 2_000,
            ..Config::default()
        });
        let tree = strategy.new_tree(&mut runner).map_err(|e| e.to_string())?;
        Ok((runner, tree))
    };
    let next = AtomicU32::new(0);
    let first_broken = AtomicU32::new(options.cases);
    let lane = || -> Result<Vec<(u32, usize, End)>, String> {
        let mut ends = Vec::new();
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= first_broken.load(Ordering::Relaxed) {
                return Ok(ends);
            }
            let sequence = tree(case)?.1.current();
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
    // A later one that was under way when the first was seen broken counts for nothing.
    for (_, length, end) in ends.into_iter().filter(|(case, ..)| *case <= first_broken) {
        found.cases += 1;
        found.count(end, length);
    }
    if first_broken < options.cases {
        let (mut runner, tree) = tree(first_broken)?;
        let first = tree.current();
        let name = format!("case {first_broken}");
        let commands = AtomicUsize::new(0);
        let shrunk = runner.run_one(tree, |sequence| {
            commands.fetch_add(sequence.len(), Ordering::Relaxed);
            // A broken link is no bug of the system, and shrinking must not take it for one.
            match search.attempt(&sequence, &name) {
                End::Broken(failure) => Err(TestCaseError::fail(failure.seen)),
                End::Held | End::Other | End::Transport(_) => Ok(()),
            }
        });
        let shortest = match shrunk {
            Err(TestError::Fail(_, shortest)) => shortest,
            Ok(_) | Err(TestError::Abort(_)) => first,
        };
        found.commands += commands.into_inner() + shortest.len();
        let again = search.told(&shortest, &name);
        found.failure = again.or(found.failure);
    }
    Ok(found)
}

/// How a sequence ended.
enum End {
    Broken(Box<Failure>),
    Held,
    /// At an invariant that was not asked for.
    Other,
    Transport(String),
}

impl Found {
    fn count(&mut self, end: End, length: usize) -> End {
        self.commands += length;
        match &end {
            End::Broken(failure) => self.failure = Some((**failure).clone()),
            End::Held => {}
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
    /// Only the live stage waits for anything.
    runtime: Option<tokio::runtime::Runtime>,
}

impl<'a> Search<'a> {
    fn new(options: &'a Options) -> Result<Self, String> {
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
        Ok(Self { options, runtime })
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

    fn attempt(&self, sequence: &[Command], name: &str) -> End {
        self.perform(sequence, name, Recorder::silent())
    }

    fn perform(&self, sequence: &[Command], name: &str, recorder: Recorder) -> End {
        let performance = perform(self.options, sequence, name, recorder);
        let result = match &self.runtime {
            Some(runtime) => runtime.block_on(performance),
            None => futures::executor::block_on(performance),
        };
        match result {
            Ok(()) => End::Held,
            Err(Broken::Transport(why)) => End::Transport(why),
            Err(Broken::Invariant { id, seen, step }) => {
                if self.options.only.as_deref().is_some_and(|only| only != id) {
                    return End::Other;
                }
                End::Broken(Box::new(Failure {
                    invariant: id.to_owned(),
                    seen,
                    commands: sequence[..=step].to_vec(),
                    exchange: Vec::new(),
                }))
            }
        }
    }

    /// Performs a sequence that breaks an invariant once more and writes down what shows it.
    fn told(&self, sequence: &[Command], name: &str) -> Option<Failure> {
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
        match self.perform(sequence, name, recorder) {
            End::Broken(failure) => Some(Failure {
                exchange: last_exchanges(&ledger),
                ..*failure
            }),
            End::Held | End::Other | End::Transport(_) => None,
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

async fn perform(
    options: &Options,
    sequence: &[Command],
    name: &str,
    recorder: Recorder,
) -> Result<(), Broken> {
    let declared = options.target.profile();
    let pace = &declared.profile.pace;
    let pace = Pace {
        timeout: pace.timeout.duration(),
        settle: pace.settle.duration(),
    };
    let mut stage = Stage::open(options.kind.clone(), recorder, pace);
    let entered = match &options.target {
        Target::BuiltIn(system) => system
            .enter(&mut stage, Seed::new(options.seed).derive(name), "twinning")
            .await
            .map_err(|halted| Broken::Transport(halted.to_string()))?,
        Target::External(declared) => {
            if let Some(system) = elsewhere(&declared.profile) {
                stage.visit(system);
            }
            (**declared).clone()
        }
    };
    let _turn = turn(declared, sequence).await.map_err(Broken::Transport)?;
    let mut drive = Drive::new(&mut stage, &entered, DEVICES).map_err(Broken::Transport)?;
    let result = drive.run(sequence).await;
    let cleaned = match options.target {
        Target::External(_) => drive.clean().await,
        Target::BuiltIn(_) => Ok(()),
    };
    // What was found weighs more than what could not be cleaned.
    result.and(cleaned)
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
