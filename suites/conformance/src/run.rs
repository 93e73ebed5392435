use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cucumber::gherkin::Feature;
use cucumber::runner::Basic;
use cucumber::step::Collection;
use cucumber::{Cucumber, Event, Parser, ScenarioType, Writer, cli, event, parser};
use futures::FutureExt as _;
use futures::stream::{self, LocalBoxStream, StreamExt as _};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Halt, Record, RunStarted, Scene as SceneKey, SceneStarted, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::catalogue;
use twinproof_kernel::{Seed, Time};
use twinproof_stage::{Kind, Pace, Recorder, Stage};

use crate::course::{Course, RETRIES, UNREACHED_LIMIT};
use crate::suite::Suite;
use crate::target::Target;
use crate::world::{World, perform_step};

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
    /// How often each scenario is performed; all times count.
    pub repeat: u32,
    /// The command that repeats a scenario, but for `--scenario` and `--seed`.
    pub again: String,
    /// How many scenarios may be under way at the same time.
    pub jobs: usize,
    /// The tool's name and version.
    pub tool: (String, String),
    /// When the run began, RFC 3339.
    pub started: String,
    /// The profile's digest.
    pub profile_sha256: String,
    /// Where events go.
    pub ledger: Ledger,
    /// Set from outside to end the run after the scenarios that are under way.
    pub stop: Arc<AtomicBool>,
    /// Told the id of each scenario when it has ended.
    pub on_scene_ended: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Run {
    /// A run of all scenarios of a suite, once, with seed 0.
    pub fn new(target: Target, kind: Kind, suite: Arc<Suite>, ledger: Ledger) -> Self {
        Self {
            target,
            kind,
            selected: suite.entries().iter().map(|e| e.id.clone()).collect(),
            suite,
            suite_sha256: String::new(),
            filtered: false,
            seed: 0,
            repeat: 1,
            again: "twinproof run".to_owned(),
            jobs: 4,
            tool: ("twinproof".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            started: STARTED_ON_VIRTUAL.to_owned(),
            profile_sha256: String::new(),
            ledger,
            stop: Arc::new(AtomicBool::new(false)),
            on_scene_ended: Arc::new(|_| {}),
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
            selected: run.selected.clone(),
            again: run.again.clone(),
        })),
    });
    let course = Arc::new(Course::default());
    for _ in 0..run.repeat.max(1) {
        let mut due = run.selected.clone();
        for round in 0..=RETRIES {
            perform_all(run.clone(), Arc::clone(&course), &due, round > 0).await;
            due = course.take_broken();
            if due.is_empty() || course.given_up() {
                break;
            }
        }
    }
    let interrupted = run.stop.load(Ordering::Relaxed);
    run.ledger.write(Record {
        at: 0,
        scene: None,
        what: What::RunEnded { interrupted },
    });
    Outcome { interrupted }
}

async fn perform_all(run: Run, course: Arc<Course>, ids: &[String], retry: bool) {
    let features = run.suite.only(ids);
    let any = regex("^.*$");
    let steps = Collection::new()
        .given(None, any.clone(), perform_step)
        .when(None, any.clone(), perform_step)
        .then(None, any, perform_step);
    let jobs = run.jobs;
    let (before, after) = ((run.clone(), Arc::clone(&course)), (run, course));
    let runner = Basic::default()
        .steps(steps)
        .max_concurrent_scenarios(jobs)
        .which_scenario(|feature, _, scenario| {
            let exclusive = feature
                .tags
                .iter()
                .chain(&scenario.tags)
                .any(|tag| tag == "exclusive");
            if exclusive {
                ScenarioType::Serial
            } else {
                ScenarioType::Concurrent
            }
        })
        .before(move |feature, _, scenario, world| {
            let (run, course) = before.clone();
            set_scene(run, course, retry, feature, scenario, world).boxed_local()
        })
        .after(move |feature, _, scenario, _, world| {
            let (run, course) = &after;
            let id = id_of(run, feature, scenario);
            if let (Some(id), Some(scene)) = (&id, world.and_then(World::strike)) {
                let recorder = scene.stage.recorder();
                recorder.write(scene.stage.now(), What::SceneEnded);
                course.end(id, scene.stage.halted(), recorder.reached_nobody());
                (run.on_scene_ended)(id);
            }
            futures::future::ready(()).boxed_local()
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

fn id_of(run: &Run, feature: &Feature, scenario: &cucumber::gherkin::Scenario) -> Option<String> {
    let file = feature.path.as_ref()?.display().to_string();
    run.suite
        .entries()
        .iter()
        .find(|entry| {
            entry.described.feature == file && entry.described.line == scenario.position.line
        })
        .map(|entry| entry.id.clone())
}

async fn set_scene(
    run: Run,
    course: Arc<Course>,
    retry: bool,
    feature: &Feature,
    scenario: &cucumber::gherkin::Scenario,
    world: &mut World,
) {
    let Some(id) = id_of(&run, feature, scenario) else {
        return;
    };
    let Some(entry) = run.suite.entries().iter().find(|entry| entry.id == id) else {
        return;
    };
    if run.stop.load(Ordering::Relaxed) {
        return;
    }
    let key = SceneKey {
        scenario: id.clone(),
        attempt: course.begin(&id),
    };
    let recorder = Recorder::new(
        run.ledger.clone(),
        Some(key),
        Secrets::default(),
        twinproof_twinning::secrets::find,
    );
    let described = SceneStarted {
        retry,
        ..entry.described.clone()
    };
    recorder.write(Time::ZERO, What::SceneStarted(described));
    if course.given_up() {
        let why = format!(
            "not performed: {UNREACHED_LIMIT} scenarios in a row got no answer at all from the system"
        );
        let reason = Halt::Inconclusive { why };
        recorder.write(Time::ZERO, What::Halted { reason });
        recorder.write(Time::ZERO, What::SceneEnded);
        (run.on_scene_ended)(&id);
        return;
    }
    let pace = &run.target.profile().profile.pace;
    let pace = Pace {
        timeout: pace.timeout.duration(),
        settle: pace.settle.duration(),
    };
    let mut stage = Stage::open(run.kind.clone(), recorder, pace);
    let entered = match &run.target {
        Target::BuiltIn(system) => {
            system
                .enter(&mut stage, Seed::new(run.seed).derive(&id))
                .await
        }
        Target::External(profile) => {
            if let Some(twinning) = &profile.profile.twinning {
                stage.introduce(&twinning.base_url, twinproof_judge::scene::SUT);
            }
            Ok((**profile).clone())
        }
    };
    match entered {
        Ok(profile) => world.set(stage, Arc::new(profile)),
        Err(_) => {
            stage.recorder().write(stage.now(), What::SceneEnded);
            (run.on_scene_ended)(&id);
        }
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
