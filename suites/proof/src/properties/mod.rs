//! Random command sequences against any Twinning enabler, with a pure model beside it.

mod drive;
mod invariants;
mod model;

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use serde::{Deserialize, Serialize};
use twinproof_conformance::{Target, elsewhere};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::Scene;
use twinproof_evidence::secrets::Secrets;
use twinproof_kernel::Seed;
use twinproof_stage::{Kind, Pace, Recorder, Stage};

use drive::{Broken, Drive};
pub use invariants::{ALL, Invariant};
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let (performed, transport, cases) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let ended_by_others = AtomicUsize::new(0);
    let transport_broke = RefCell::new(None);
    let last_broken = RefCell::new(None);
    let attempt = |sequence: &[Command]| {
        let number = performed.fetch_add(sequence.len(), Ordering::Relaxed);
        let result = runtime.block_on(perform(options, sequence, number));
        match result {
            Ok(()) => Ok(()),
            Err(Broken::Transport(why)) => {
                transport_broke.borrow_mut().get_or_insert(why);
                // A broken link is no bug of the system, and shrinking must not take it for one.
                transport.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(Broken::Invariant { id, seen, step }) => {
                if options.only.as_deref().is_some_and(|only| only != id) {
                    ended_by_others.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                let commands = sequence[..=step].to_vec();
                let failure = Failure {
                    invariant: id.to_owned(),
                    seen,
                    commands,
                };
                *last_broken.borrow_mut() = Some(failure.clone());
                Err(failure)
            }
        }
    };
    let mut failure = options
        .known
        .iter()
        .find_map(|sequence| attempt(sequence).err());
    if failure.is_none() {
        let config = Config {
            cases: options.cases,
            rng_seed: RngSeed::Fixed(options.seed),
            failure_persistence: None,
            max_shrink_iters: 2_000,
            ..Config::default()
        };
        let strategy = proptest::collection::vec(
            commands(offers("twinning.advance_clock"), offers("twinning.restart")),
            1..=options.length,
        );
        let found = TestRunner::new(config).run(&strategy, |sequence| {
            if last_broken.borrow().is_none() {
                cases.fetch_add(1, Ordering::Relaxed);
            }
            attempt(&sequence).map_err(|failure| TestCaseError::fail(failure.seen))
        });
        failure = match found {
            Ok(()) => None,
            // The last failure that was seen need not be that of the shortest sequence.
            Err(TestError::Fail(_, shortest)) => attempt(&shortest).err(),
            Err(TestError::Abort(why)) => return Err(why.to_string()),
        };
    }
    Ok(Found {
        cases: cases.into_inner(),
        commands: performed.into_inner(),
        transport: transport.into_inner(),
        transport_broke: transport_broke.into_inner(),
        ended_by_others: ended_by_others.into_inner(),
        not_checked,
        failure,
    })
}

async fn perform(options: &Options, sequence: &[Command], number: usize) -> Result<(), Broken> {
    let declared = options.target.profile();
    let pace = &declared.profile.pace;
    let pace = Pace {
        timeout: pace.timeout.duration(),
        settle: pace.settle.duration(),
    };
    let scene = Scene {
        scenario: "properties".to_owned(),
        attempt: u32::try_from(number).unwrap_or(u32::MAX),
    };
    let recorder = Recorder::new(
        Ledger::in_memory(),
        Some(scene),
        Secrets::default(),
        twinproof_twinning::secrets::find,
    );
    let mut stage = Stage::open(options.kind.clone(), recorder, pace);
    let entered = match &options.target {
        Target::BuiltIn(system) => system
            .enter(
                &mut stage,
                Seed::new(options.seed).derive(&format!("case {number}")),
            )
            .await
            .map_err(|halted| Broken::Transport(halted.to_string()))?,
        Target::External(declared) => {
            if let Some(system) = elsewhere(&declared.profile) {
                stage.visit(system);
            }
            (**declared).clone()
        }
    };
    let mut drive = Drive::new(&mut stage, &entered, DEVICES).map_err(Broken::Transport)?;
    let result = drive.run(sequence).await;
    if matches!(options.target, Target::External(_)) {
        drive.clean().await?;
    }
    result
}
