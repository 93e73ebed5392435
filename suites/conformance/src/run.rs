use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cucumber::gherkin::Feature;
use cucumber::runner::Basic;
use cucumber::step::Collection;
use cucumber::{Cucumber, Event, Parser, ScenarioType, Writer, cli, event, parser};
use futures::FutureExt as _;
use futures::stream::{self, LocalBoxStream, StreamExt as _};
use twinproof_evidence::baseline::Baseline;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Halt, Record, RunStarted, Scene as SceneKey, SceneStarted, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::catalogue::{self, role_of};
use twinproof_judge::condition::not_applicable;
use twinproof_judge::profile::{
    ClientControl, Credential, Declared, DmBootstrapTester, DmClient, DmTester, Gwmo, HookSpec,
    Lwm2m, Profile, Subscriber,
};
use twinproof_judge::scene::{DOUBLED, LINK, LOST, STARVED, SUT};
use twinproof_judge::waiting;
use twinproof_kernel::{Faults, Seed, Time};
use twinproof_stage::dtls::Limits;
use twinproof_stage::{
    Bootstrapper, Front, Halted, KeyLog, Kind, PEER, Pace, Recorder, ServerHooks, Stage,
};
use twinproof_upper::Hands;

use crate::clean::Leftover;
use crate::course::{Course, RETRIES, UNREACHED_LIMIT};
use crate::pool::{Pool, devices_needed, subscribers_needed};
use crate::steps::gwmo::Memory;
use crate::suite::{Entry, Suite, TIME_PASSES};
use crate::target::{
    Part, Target, bootstrap_elsewhere, elsewhere, gateway_elsewhere, hook_call, place_dm_server,
    place_gateway, place_servers, server_elsewhere,
};
use crate::turns::{Turn, Turns};
use crate::world::{Hold, World, perform_step};

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
            judged_by: judged_by(&run.suite),
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

/// How many scenarios of a suite judge each requirement.
fn judged_by(suite: &Suite) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for entry in suite.entries() {
        for requirement in &entry.described.requirements {
            *counted.entry(requirement.clone()).or_default() += 1;
        }
    }
    counted
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

/// Whether a scenario has to be alone with the system. The built-in one is another in each scenario.
fn is_exclusive<'a>(target: &Target, tags: impl Iterator<Item = &'a String>) -> bool {
    let Target::External(declared) = target else {
        return false;
    };
    // A clock that jumps, jumps for everybody who is registered; who only waits can wait beside others.
    let lwm2m = declared.profile.lwm2m.as_ref();
    // Who is started anew for each scenario, and told where its server is, is another in each.
    let client = lwm2m.and_then(|section| section.client.as_ref());
    let one = client.is_some_and(|client| {
        let started = matches!(client.control, Some(ClientControl::Command(_)));
        let fixed = client.listen.is_some() || client.listen_bootstrap.is_some();
        fixed || !started
    });
    let jumps = lwm2m.is_some_and(|section| section.advance_clock.is_some());
    let tags: Vec<String> = tags.cloned().collect();
    let alone = |tag: &String| tag == "exclusive" || (jumps && tag == TIME_PASSES);
    let role = role_of("lwm2m", &tags);
    // Accounts of DM have nonces, which are those of one session at a time.
    tags.iter().any(alone) || (one && role == CLIENT) || role.starts_with("dm-")
}

fn entry_of<'a>(
    run: &'a Run,
    feature: &Feature,
    scenario: &cucumber::gherkin::Scenario,
) -> Option<&'a Entry> {
    let file = feature.path.as_ref()?.display().to_string();
    run.suite.entry_at(&file, scenario.position.line)
}

async fn set_scene(
    backstage: Arc<Backstage>,
    retry: bool,
    feature: &Feature,
    scenario: &cucumber::gherkin::Scenario,
    world: &mut World,
) {
    let (run, course) = (&backstage.run, &backstage.course);
    let Some(entry) = entry_of(run, feature, scenario) else {
        return;
    };
    let id = entry.id.clone();
    let exclusive = is_exclusive(&run.target, entry.described.tags.iter());
    let on_wait = |what: &str| {
        if !backstage.wait_told.swap(true, Ordering::Relaxed) {
            (run.on_wait)(what);
        }
    };
    let turn = match &backstage.turns {
        Ok(turns) if !course.given_up() => turns.take(exclusive, &run.stop, on_wait).await,
        Ok(_) => Ok(None),
        Err(why) => Err(why.clone()),
    };
    let lease = match &backstage.pool {
        Some(pool) if !course.given_up() => {
            let twinning = run.target.profile().profile.twinning.as_ref();
            let limit = twinning.and_then(|twinning| twinning.max_secondaries);
            Some(
                pool.lease(subscribers_needed(&entry.described, limit))
                    .await,
            )
        }
        _ => None,
    };
    let credentials = match &backstage.credentials {
        Some(pool) if !course.given_up() && is_secured(&run.target.profile().profile, entry) => {
            Some(pool.lease(devices_needed(&entry.described)).await)
        }
        _ => None,
    };
    // Only now: a run may be stopped while its scenarios wait for their devices.
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
        secrets_in,
    );
    let described = SceneStarted {
        retry,
        ..entry.described.clone()
    };
    recorder.write(Time::ZERO, What::SceneStarted(described));
    if let Ok(Some(Turn {
        waited: Some(waited),
        ..
    })) = &turn
    {
        let note = What::Noted {
            name: "waited-for-another-run".to_owned(),
            value: serde_json::json!({ "milliseconds": waited.as_millis() as u64 }),
        };
        recorder.write(Time::ZERO, note);
    }
    let slow = match &run.target {
        Target::External(declared) if run.skip_slow => {
            waiting::waiting(&id, &entry.described.tags, &declared.profile)
        }
        _ => None,
    };
    let slow = slow.map(|span| {
        format!(
            "not performed: it would wait {} s for a timer that the standard fixes, and --skip-slow \
             leaves that out",
            span.as_secs()
        )
    });
    let credentials = match credentials {
        Some(Ok(lease)) => {
            world.hold.credentials = Some(lease);
            None
        }
        Some(Err(why)) => Some(why),
        None => None,
    };
    let refusal = match lease {
        _ if course.given_up() => Some(format!(
            "not performed: {UNREACHED_LIMIT} scenarios in a row got no answer at all from the system{}",
            course.last_words()
        )),
        _ if slow.is_some() => slow,
        Some(Err(why)) => Some(why),
        _ if credentials.is_some() => credentials,
        _ if turn.is_err() => turn.as_ref().err().cloned(),
        Some(Ok(lease)) => {
            world.hold.lease = Some(lease);
            None
        }
        None => None,
    };
    world.hold.turn = turn.unwrap_or_default();
    if let Some(why) = refusal {
        let reason = Halt::Inconclusive { why };
        recorder.write(Time::ZERO, What::Halted { reason });
        recorder.write(Time::ZERO, What::SceneEnded);
        (run.on_scene_ended)(&id);
        return;
    }
    let pace = pace(&run.target.profile().profile);
    let mut stage = Stage::open(run.kind.clone(), recorder, pace);
    let limits = limits(&run.target.profile().profile);
    stage.secure_usually(limits, run.key_log.clone());
    let entered = match &run.target {
        Target::BuiltIn(system) => {
            system
                .enter(&mut stage, Seed::new(run.seed).derive(&id), Part::of(entry))
                .await
        }
        Target::External(declared) => {
            let seed = Seed::new(run.seed).derive(&id);
            visit(
                &mut stage,
                declared,
                (&world.hold, &backstage.hands),
                (entry, seed),
            )
            .await
        }
    };
    if let Some(faults) = run.link {
        let note = What::Noted {
            name: LINK.to_owned(),
            value: faults.to_string().into(),
        };
        stage.recorder().write(stage.now(), note);
        stage.impair_all(faults, Seed::new(run.seed).derive(&id));
    }
    if let Ok(profile) = &entered {
        learn_secrets(&stage, profile);
    }
    match entered {
        Ok(profile) => {
            let seed = Seed::new(run.seed).derive(&id);
            let time_passes = entry.described.tags.iter().any(|tag| tag == TIME_PASSES);
            let memory = backstage.gateway.clone();
            world.set(stage, Arc::new(profile), seed, (time_passes, memory));
        }
        Err(_) => {
            stage.recorder().write(stage.now(), What::SceneEnded);
            (run.on_scene_ended)(&id);
        }
    }
}

/// Whether the devices of a scenario come over secured associations.
fn is_secured(profile: &Profile, entry: &Entry) -> bool {
    let part = Part::of(entry);
    let server = profile.lwm2m.as_ref().is_some_and(Lwm2m::is_secured);
    part.role == SERVER && (server || part.is_secured())
}

/// Brings a system that runs elsewhere in sight: with the devices that this scenario has of it, and
/// the peer operator's address where the scenario needs that.
async fn visit(
    stage: &mut Stage,
    declared: &Declared,
    (hold, hands): (&Hold, &Hands),
    (entry, seed): (&Entry, Seed),
) -> Result<Declared, Halted> {
    let mut declared = declared.clone();
    let profile = &mut declared.profile;
    let part = Part::of(entry);
    if part.role == "dm-gateway" {
        place_gateway(stage, &mut declared).await?;
        if let Some(gateway) = &declared.profile.gwmo {
            stage.introduce(&gateway.push, SUT);
            let places = [&gateway.lines_at, &gateway.lwm2m_at];
            for place in places.into_iter().flatten() {
                if let Ok(place) = place.parse() {
                    stage.introduce_address(place, SUT);
                }
            }
        }
        if let Some(system) = gateway_elsewhere(&declared.profile) {
            stage.visit(system);
        }
        let section = declared.profile.gwmo.as_ref();
        if let Some(hook) = section.and_then(|section| section.reset.as_ref()) {
            let patience = declared.profile.pace.hook.duration();
            stage.pull("gwmo.reset", &hook_call(hook), patience).await?;
        }
        return Ok(declared);
    }
    if entry.enabler == "dm" || part.role == "dm-server" {
        return visit_dm(stage, declared, part).await;
    }
    if part.role == CLIENT {
        stage.introduce_strangers(SUT);
        place_servers(stage, &mut declared, part, seed).await?;
        let section = declared.profile.lwm2m.as_mut();
        if let Some(client) = section.and_then(|section| section.client.as_mut()) {
            let own = || format!("twinproof-{:08x}", seed.derive(SUT).rng().u32(..));
            client.endpoint.get_or_insert_with(own);
            if let Some(control) = hands.client(client, part.accounts()) {
                stage.control_by(control);
            }
        }
        return Ok(declared);
    }
    if entry.enabler == "lwm2m" {
        let found = match part.role {
            "lwm2m-bootstrap-server" => bootstrap_elsewhere(profile, part).await,
            _ => server_elsewhere(profile, part).await,
        };
        match found {
            Ok(Some((system, address))) => {
                stage.visit(system);
                stage.introduce_address(address, SUT);
            }
            Ok(None) => {}
            Err(why) => return Err(stage.halt(Halt::Inconclusive { why })),
        }
        let described = profile.lwm2m.as_ref().and_then(|l| l.upper_tester.as_ref());
        if let Some(tester) = described.and_then(|described| hands.of(described)) {
            stage.attend_by(tester).await?;
        }
        return Ok(declared);
    }
    if let Some(system) = elsewhere(profile) {
        stage.visit(system);
    }
    if let (Some(twinning), Some(lease)) = (&mut profile.twinning, &hold.lease) {
        twinning.subscribers = lease.devices();
    }
    let has_peer = profile.twinning.as_ref().is_some_and(|t| t.peer.is_some());
    if has_peer && profile.harness.peer_listen.is_some() && needs_peer(&entry.described) {
        profile.harness.peer_advertise = Some(stage.listen(PEER).await?);
    }
    Ok(declared)
}

/// Brings a DM system in sight that runs elsewhere.
async fn visit_dm(
    stage: &mut Stage,
    mut declared: Declared,
    part: Part<'_>,
) -> Result<Declared, Halted> {
    if part.role == "dm-client" {
        place_dm_server(stage, &mut declared).await?;
    }
    let section = declared.profile.dm.as_ref();
    let client = section.and_then(|section| section.client.as_ref());
    let bootstrap = section.and_then(|section| section.bootstrap.as_ref());
    if let Some(bootstrap) = bootstrap.filter(|_| part.role == "dm-bootstrap-server") {
        stage.introduce(&bootstrap.url, SUT);
        if let Some(DmBootstrapTester::Hook(hook)) = &bootstrap.upper_tester {
            let hooks = [&hook.renew, &hook.push].map(|hook| hook.as_ref().map(hook_call));
            stage.attend_dm_bootstrap_by(hooks, bootstrap.patience.duration());
        }
    } else if let Some(client) = client.filter(|_| part.role == "dm-client") {
        if let Some(push) = &client.push {
            stage.introduce(push, SUT);
        }
        for place in [&client.wsp, &client.sip].into_iter().flatten() {
            if let Ok(place) = place.parse() {
                stage.introduce_address(place, SUT);
            }
        }
        if let Some(own) = &client.bootstrap {
            let call = |hook: &Option<HookSpec>| hook.as_ref().map(hook_call);
            stage.bootstrap_dm_by(Bootstrapper {
                announce: call(&own.announce),
                call: call(&own.call),
                card: call(&own.card),
                fetch: call(&own.fetch),
                pin: call(&own.pin),
                reset: call(&own.reset),
                patience: client.patience.duration(),
            });
        }
        if let Some(hook) = &client.start {
            stage.control_dm_by(hook_call(hook), client.patience.duration());
        }
        if let Some(hook) = &client.report {
            stage.report_dm_by(hook_call(hook), client.patience.duration());
        }
        if let Some(user) = &client.user {
            stage.front_dm_by(Front {
                sees: hook_call(&user.sees),
                says: hook_call(&user.says),
                patience: client.patience.duration(),
            });
        }
    } else if let Some(server) = section.and_then(|section| section.server.as_ref()) {
        stage.introduce(&server.url, SUT);
        if let Some(place) = server.sip.as_ref().and_then(|place| place.parse().ok()) {
            stage.introduce_address(place, SUT);
        }
        if let Some(DmTester::Hook(hook)) = &server.upper_tester {
            stage.attend_dm_by(ServerHooks {
                plan: hook_call(&hook.plan),
                events: hook.events.as_ref().map(hook_call),
                sip: hook.sip.as_ref().map(hook_call),
                behind: hook.behind.as_ref().map(hook_call),
                patience: hook.patience.duration(),
            });
        }
    }
    Ok(declared)
}

/// Whether a scenario speaks of another operator.
fn needs_peer(scenario: &SceneStarted) -> bool {
    scenario.steps.iter().any(|step| {
        ["operator", "partner"]
            .iter()
            .any(|word| step.text.contains(word))
    })
}

/// The secrets in a body, of whichever enabler it is.
fn secrets_in(media_type: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut found = twinproof_twinning::secrets::find(media_type, body);
    let given = twinproof_dm::bootstrap::secrets(media_type, body);
    found.extend(given.into_iter().map(|secret| ("password", secret)));
    found
}

/// What the profile keeps secret is concealed wherever it turns up.
fn learn_secrets(stage: &Stage, declared: &Declared) {
    if let Some(mut dm) = declared.profile.dm.clone() {
        let client = dm.client.iter_mut().flat_map(DmClient::accounts);
        let server = dm.server.iter_mut().flat_map(|server| &mut server.accounts);
        for account in client.chain(server) {
            for secret in account.secrets().into_iter().flatten() {
                stage.recorder().secrets().learn("password", secret);
            }
        }
        let own = dm.client.iter().filter_map(|c| c.bootstrap.as_ref());
        for own in own {
            // What is nowhere is missed by the scenarios that need it.
            for secret in [own.network_id(), own.shared_secret()]
                .into_iter()
                .flatten()
            {
                stage.recorder().secrets().learn("networkid", &secret);
            }
        }
        for device in dm.bootstrap.iter().flat_map(|server| &server.devices) {
            // What is missing is nowhere to be read, and its scenarios say so.
            let known = device.known().unwrap_or_default();
            for (kind, secret) in [("networkid", known.network_id), ("pin", known.pin)] {
                if let Some(secret) = secret {
                    stage.recorder().secrets().learn(kind, &secret);
                }
            }
        }
    }
    for account in declared
        .profile
        .gwmo
        .clone()
        .iter_mut()
        .flat_map(Gwmo::accounts)
    {
        for secret in account.secrets().into_iter().flatten() {
            stage.recorder().secrets().learn("password", secret);
        }
    }
    let secrets = stage.recorder().secrets();
    let devices = declared.profile.gwmo.iter().flat_map(|gwmo| &gwmo.devices);
    for fresh in devices.filter_map(|device| device.fresh.as_ref()) {
        secrets.learn("networkid", &fresh.network_id);
        if let Some(pin) = &fresh.pin {
            secrets.learn("pin", pin);
        }
    }
    let lwm2m = declared.profile.lwm2m.as_ref();
    for key in lwm2m.iter().flat_map(|section| section.keys()) {
        secrets.learn("key", &key);
    }
    let Some(twinning) = &declared.profile.twinning else {
        return;
    };
    for (kind, secret) in twinning.subscribers.iter().flat_map(Subscriber::secrets) {
        secrets.learn(kind, &secret);
    }
    if let Some(peer) = &twinning.peer {
        secrets.learn("token", &peer.token);
        secrets.learn("token", &peer.expects_token);
    }
}

/// Ends a scenario: cleans up after it, gives back what it had, and leaves its doors open.
async fn end_scene(
    backstage: Arc<Backstage>,
    feature: &Feature,
    scenario: &cucumber::gherkin::Scenario,
    world: Option<&mut World>,
) {
    let (run, course) = (&backstage.run, &backstage.course);
    let (Some(entry), Some(world)) = (entry_of(run, feature, scenario), world) else {
        return;
    };
    let hold = std::mem::take(&mut world.hold);
    let Some(mut scene) = world.strike() else {
        return;
    };
    let reached_nobody = scene.stage.recorder().reached_nobody();
    let nothing_done = scene.stage.recorder().nothing_done();
    let missing = scene.stage.missing();
    let (lost, doubled) = (scene.stage.lost(), scene.stage.doubled());
    let (recorder, now) = (scene.stage.recorder(), scene.stage.now());
    for (name, count) in [(STARVED, missing), (LOST, lost), (DOUBLED, doubled)] {
        if count > 0 {
            let note = What::Noted {
                name: name.to_owned(),
                value: count.into(),
            };
            recorder.write(now, note);
        }
    }
    recorder.write(now, What::SceneEnded);
    let halted = scene.stage.halted();
    course.end(&entry.id, halted, reached_nobody, missing > 0);
    // Where nobody was there or all was refused, nothing was left.
    if let (Some(mut lease), false) = (hold.lease, nothing_done)
        && let Some(twinning) = &scene.profile.profile.twinning
    {
        let twinning = twinning.clone();
        let subscribers = lease.devices();
        await_late(&mut scene.stage).await;
        let leftovers = crate::clean::clean(&mut scene.stage, &twinning, &subscribers).await;
        let halves = scene.left_abroad();
        crate::clean::end_halves(&mut scene.stage, &twinning, &halves).await;
        for leftover in leftovers {
            lease.quarantine(&leftover.address, &leftover.why);
        }
    }
    scene.leave_gateway().await;
    scene.remember_gateway();
    scene.stage.dismiss().await;
    scene.leave_places();
    scene.stage.strike();
    (run.on_scene_ended)(&entry.id);
}

/// Waits, at most as long as the profile allows, for what a request may still bring that got no answer.
async fn await_late(stage: &mut Stage) {
    let (deadline, pause) = (stage.now() + stage.pace().settle, stage.pace().settle / 16);
    while stage.recorder().leaves_open() && stage.now() < deadline {
        stage.rest(pause.max(Duration::from_millis(1))).await;
    }
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
    let recorder = Recorder::new(ledger, None, Secrets::default(), secrets_in);
    let mut stage = Stage::open(Kind::Live(network), recorder, pace(&declared.profile));
    learn_secrets(&stage, declared);
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
