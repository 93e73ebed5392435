mod scene;
mod secrets;
mod visit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use cucumber::gherkin::Feature;
use cucumber::runner::Basic;
use cucumber::step::Collection;
use cucumber::{Cucumber, Event, Parser, ScenarioType, Writer, cli, event, parser};
use futures::FutureExt as _;
use futures::stream::{self, LocalBoxStream, StreamExt as _};
use twinproof_evidence::baseline::Baseline;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Record, RunStarted, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::catalogue;
use twinproof_judge::condition::not_applicable;
use twinproof_judge::profile::{Credential, Declared, Profile};
use twinproof_kernel::Faults;
use twinproof_stage::dtls::Limits;
use twinproof_stage::{KeyLog, Kind, Pace, Recorder, Stage};
use twinproof_upper::Hands;

use self::scene::{end_scene, is_exclusive, set_scene};
use crate::clean::Leftover;
use crate::course::{Course, RETRIES};
use crate::pool::Pool;
use crate::steps::gwmo::Memory;
use crate::suite::Suite;
use crate::target::{Part, Target};
use crate::turns::Turns;
use crate::world::{World, perform_step};

/// The role of clients of LwM2M.
const CLIENT: &str = "lwm2m-client";

/// The role of servers of LwM2M.
const SERVER: &str = "lwm2m-server";

/// What to run, and how.
#[derive(Clone)]
pub struct Run {
    /// What is judged.
    pub target: Target,
    /// Where.
    pub kind: Kind,
    /// The features.
    pub suite: Arc<Suite>,
    /// The digest of features and requirements.
    pub suite_sha256: String,
    /// The ids of the scenarios to perform.
    pub selected: Vec<String>,
    /// Whether filters left scenarios out.
    pub filtered: bool,
    /// The run's seed.
    pub seed: u64,
    /// What lies in front of every simulated device that speaks by datagrams.
    pub link: Option<Faults>,
    /// How often each scenario is performed; all times count.
    pub repeat: u32,
    /// The command that repeats a scenario, but for `--scenario` and `--seed`.
    pub again: String,
    /// How many scenarios may be under way at the same time.
    pub jobs: usize,
    /// Whether a person may be asked at the terminal.
    pub interactive: bool,
    /// The tool's name and version.
    pub tool: (String, String),
    /// When the run began, RFC 3339.
    pub started: String,
    /// The profile's digest.
    pub profile_sha256: String,
    /// What is accepted not to pass.
    pub baseline: Option<Baseline>,
    /// Where events go.
    pub ledger: Ledger,
    /// Set from outside to end the run after the scenarios that are under way.
    pub stop: Arc<AtomicBool>,
    /// Whether scenarios that wait for a timer which a standard fixes are left out, where they would.
    pub skip_slow: bool,
    /// Where the secrets of secured associations are written down, if anybody wants them.
    pub key_log: Option<KeyLog>,
    /// Told the id of each scenario when it has ended.
    pub on_scene_ended: Arc<dyn Fn(&str) + Send + Sync>,
    /// Told once what is waited for, when another run has the system for long.
    pub on_wait: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Run {
    /// A run of all scenarios of a suite that are about an enabler of the target, once, with seed 0.
    pub fn new(target: Target, kind: Kind, suite: Arc<Suite>, ledger: Ledger) -> Self {
        let roles = target.profile().profile.roles();
        let entries = suite.entries().iter();
        let selected = entries
            .filter(|entry| roles.contains(&Part::of(entry).role))
            .map(|entry| entry.id.clone())
            .collect();
        Self {
            target,
            kind,
            selected,
            suite,
            suite_sha256: String::new(),
            filtered: false,
            seed: 0,
            link: None,
            repeat: 1,
            again: "twinproof run".to_owned(),
            jobs: 4,
            interactive: false,
            tool: ("twinproof".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            started: STARTED_ON_VIRTUAL.to_owned(),
            profile_sha256: String::new(),
            baseline: None,
            ledger,
            stop: Arc::new(AtomicBool::new(false)),
            skip_slow: false,
            key_log: None,
            on_scene_ended: Arc::new(|_| {}),
            on_wait: Arc::new(|_| {}),
        }
    }
}

/// When a run on the virtual stage began: always then.
pub const STARTED_ON_VIRTUAL: &str = "1970-01-01T00:00:00Z";

/// How performing ended. What it means is in the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Whether somebody stopped the run.
    pub interrupted: bool,
}

/// Performs the selected scenarios and leaves everything in the ledger.
pub async fn perform(run: &Run) -> Outcome {
    let profile = run.target.profile();
    let begun = Instant::now();
    let mut enablers: Vec<String> = run
        .suite
        .entries()
        .iter()
        .filter(|entry| run.selected.contains(&entry.id))
        .map(|entry| entry.enabler.clone())
        .collect();
    enablers.sort_by_key(|enabler| catalogue::ENABLERS.iter().position(|e| e == enabler));
    enablers.dedup();
    run.ledger.write(Record {
        at: 0,
        scene: None,
        what: What::RunStarted(Box::new(RunStarted {
            schema_version: twinproof_evidence::report::SCHEMA_VERSION,
            tool: run.tool.clone(),
            suite_sha256: run.suite_sha256.clone(),
            profile: serde_json::to_value(profile.profile.concealed()).unwrap_or_default(),
            profile_sha256: run.profile_sha256.clone(),
            declared: profile.keys.clone(),
            seed: run.seed,
            stage: run.kind.name().to_owned(),
            started: run.started.clone(),
            enablers,
            filtered: run.filtered,
            repeat: run.repeat.max(1),
            judged_by: profile
                .profile
                .judged_by(run.suite.entries().iter().map(|entry| {
                    let described = &entry.described;
                    (&*entry.id, &*described.tags, &*described.requirements)
                })),
            selected: run.selected.clone(),
            plan: run
                .suite
                .entries()
                .iter()
                .filter(|entry| run.selected.contains(&entry.id))
                .map(|entry| (entry.id.clone(), entry.described.clone()))
                .collect(),
            baseline: run.baseline.clone(),
            again: run.again.clone(),
            retold: None,
        })),
    });
    let mine = Run {
        kind: run.kind.for_another_run(),
        ..run.clone()
    };
    let backstage = Arc::new(Backstage::of(mine));
    let course = &backstage.course;
    let (idle, applicable): (Vec<String>, Vec<String>) =
        run.selected.iter().cloned().partition(|id| {
            let mut entries = run.suite.entries().iter();
            let entry = entries.find(|entry| entry.id == *id);
            entry.is_some_and(|e| not_applicable(&e.described.tags, &profile.profile).is_some())
        });
    for _ in 0..run.repeat.max(1) {
        idle.iter().for_each(|id| (run.on_scene_ended)(id));
        let mut due = applicable.clone();
        for round in 0..=RETRIES {
            perform_all(&backstage, &due, round > 0).await;
            due = course.take_broken();
            if due.is_empty() || course.given_up() {
                break;
            }
        }
    }
    // Who comes late still counts: doors stay open until nobody can come any more.
    if let Kind::Live(network) = &backstage.run.kind {
        network.close(profile.profile.pace.settle.duration()).await;
    }
    let described = profile.profile.lwm2m.as_ref();
    let described = described.and_then(|section| section.upper_tester.as_ref());
    backstage.hands.close(described).await;
    let interrupted = run.stop.load(Ordering::Relaxed);
    let at = match &run.kind {
        Kind::Live(_) => begun.elapsed().as_micros().try_into().unwrap_or(u64::MAX),
        Kind::Virtual => 0,
    };
    run.ledger.write(Record {
        at,
        scene: None,
        what: What::RunEnded { interrupted },
    });
    Outcome { interrupted }
}

/// What the scenarios of a run share.
struct Backstage {
    run: Run,
    course: Course,
    /// The provisioned devices of a system that runs elsewhere.
    pool: Option<Pool>,
    /// The devices that have credentials at a server that runs elsewhere.
    credentials: Option<Pool<Credential>>,
    /// What is kept of a gateway that runs elsewhere.
    gateway: Option<Memory>,
    /// Exclusive scenarios pass alone, the others together; those of other runs as well, if the profile
    /// says where.
    turns: Result<Turns, String>,
    /// Somebody was told that this run has to wait.
    wait_told: AtomicBool,
    /// Who makes a server act that runs elsewhere.
    hands: Hands,
}

impl Backstage {
    fn of(run: Run) -> Self {
        let pool = match &run.target {
            Target::BuiltIn(_) => None,
            Target::External(declared) => {
                let twinning = declared.profile.twinning.as_ref();
                twinning.map(|twinning| Pool::new(twinning.subscribers.clone()))
            }
        };
        let credentials = match &run.target {
            Target::BuiltIn(_) => None,
            Target::External(declared) => {
                let lwm2m = declared.profile.lwm2m.as_ref();
                let security = lwm2m.and_then(|section| section.security.as_ref());
                security.map(|security| Pool::new(security.credentials.clone()))
            }
        };
        let gateway = match &run.target {
            Target::BuiltIn(_) => None,
            Target::External(_) => Some(Memory::default()),
        };
        let lock = run.target.profile().profile.harness.lock.clone();
        Self {
            turns: lock.map_or_else(|| Ok(Turns::default()), |path| Turns::at(&path)),
            hands: Hands::new(run.interactive),
            run,
            course: Course::default(),
            pool,
            credentials,
            gateway,
            wait_told: AtomicBool::new(false),
        }
    }
}

async fn perform_all(backstage: &Arc<Backstage>, ids: &[String], retry: bool) {
    let features = backstage.run.suite.only(ids);
    let any = regex("^.*$");
    let steps = Collection::new()
        .given(None, any.clone(), perform_step)
        .when(None, any.clone(), perform_step)
        .then(None, any, perform_step);
    let jobs = backstage.run.jobs;
    let target = backstage.run.target.clone();
    let (before, after) = (Arc::clone(backstage), Arc::clone(backstage));
    let runner = Basic::default()
        .steps(steps)
        .max_concurrent_scenarios(jobs)
        .which_scenario(move |feature, _, scenario| {
            let tags = feature.tags.iter().chain(&scenario.tags);
            if is_exclusive(&target, tags) {
                ScenarioType::Serial
            } else {
                ScenarioType::Concurrent
            }
        })
        .before(move |feature, _, scenario, world| {
            set_scene(Arc::clone(&before), retry, feature, scenario, world).boxed_local()
        })
        .after(move |feature, _, scenario, _, world| {
            end_scene(Arc::clone(&after), feature, scenario, world).boxed_local()
        });
    // The library replaces the process's panic hook for its run and forgets it if the run is dropped.
    Cucumber::<_, _, _, _, _, cli::Empty>::custom(Features(features), runner, Silent)
        .with_default_cli()
        .run(())
        .await;
}

fn regex(pattern: &str) -> cucumber::codegen::Regex {
    cucumber::codegen::Regex::new(pattern).expect("a constant pattern")
}

/// Removes everything that the provisioned subscribers of a system have there, and returns what
/// could not be removed.
///
/// # Errors
///
/// There is no network, or the profile has no section that names subscribers.
pub async fn clean(declared: &Declared, ledger: Ledger) -> Result<Vec<Leftover>, String> {
    let twinning = declared.profile.twinning.as_ref();
    let twinning = twinning.ok_or("the profile has no [twinning] section")?;
    let network = crate::target::network(&declared.profile)?;
    let recorder = Recorder::new(ledger, None, Secrets::default(), secrets::of_body);
    let mut stage = Stage::open(Kind::Live(network), recorder, pace(&declared.profile));
    secrets::learn(&stage, declared);
    Ok(crate::clean::clean(&mut stage, twinning, &twinning.subscribers).await)
}

/// What secured places allow themselves and others.
pub(crate) fn limits(profile: &Profile) -> Limits {
    Limits {
        attempts: profile.dtls.attempts.max(1),
        flight: profile.dtls.flight.duration(),
        handshake: profile.dtls.handshake.duration(),
        ..Limits::default()
    }
}

fn pace(profile: &Profile) -> Pace {
    Pace {
        timeout: profile.pace.timeout.duration(),
        settle: profile.pace.settle.duration(),
    }
}

/// Hands parsed features to the runner.
struct Features(Vec<Feature>);

impl Parser<()> for Features {
    type Cli = cli::Empty;
    type Output = LocalBoxStream<'static, parser::Result<Feature>>;

    fn parse(self, (): (), _: cli::Empty) -> Self::Output {
        stream::iter(self.0.into_iter().map(Ok)).boxed_local()
    }
}

/// Drops the runner's events: everything is in the ledger.
struct Silent;

impl Writer<World> for Silent {
    type Cli = cli::Empty;

    async fn handle_event(
        &mut self,
        _: parser::Result<Event<event::Cucumber<World>>>,
        _: &cli::Empty,
    ) {
    }
}

impl cucumber::writer::Normalized for Silent {}
