//! How a scenario begins and ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cucumber::gherkin::Feature;
use twinproof_evidence::record::{Halt, Scene as SceneKey, SceneStarted, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::catalogue::role_of;
use twinproof_judge::profile::{ClientControl, Credential, Lwm2m, Profile};
use twinproof_judge::scene::{DOUBLED, LINK, LOST, STARVED};
use twinproof_judge::waiting;
use twinproof_kernel::{Seed, Time};
use twinproof_stage::{Recorder, Stage};

use super::visit::visit;
use super::{Backstage, CLIENT, Run, SERVER, limits, pace, secrets};
use crate::course::UNREACHED_LIMIT;
use crate::pool::{Lease, devices_needed, subscribers_needed};
use crate::suite::{Entry, TIME_PASSES};
use crate::target::{Part, Target};
use crate::turns::Turn;
use crate::world::{Hold, World};

/// Sets up a scenario: waits for what it needs, and brings the system in sight.
pub(super) async fn set_scene(
    backstage: Arc<Backstage>,
    retry: bool,
    feature: &Feature,
    scenario: &cucumber::gherkin::Scenario,
    world: &mut World,
) {
    let run = &backstage.run;
    let Some(entry) = entry_of(run, feature, scenario) else {
        return;
    };
    let id = entry.id.clone();
    let admission = admit(&backstage, entry).await;
    // Only now: a run may be stopped while its scenarios wait for their devices.
    if run.stop.load(Ordering::Relaxed) {
        return;
    }
    let recorder = begin(&backstage, entry, retry);
    if let Some(waited) = admission.waited() {
        let note = What::Noted {
            name: "waited-for-another-run".to_owned(),
            value: serde_json::json!({ "milliseconds": waited.as_millis() as u64 }),
        };
        recorder.write(Time::ZERO, note);
    }
    if let Err(why) = admission.enter(&backstage, entry, &mut world.hold) {
        let reason = Halt::Inconclusive { why };
        recorder.write(Time::ZERO, What::Halted { reason });
        recorder.write(Time::ZERO, What::SceneEnded);
        (run.on_scene_ended)(&id);
        return;
    }
    let declared = run.target.profile();
    let seed = Seed::new(run.seed).derive(&id);
    let mut stage = Stage::open(run.kind.clone(), recorder, pace(&declared.profile));
    stage.secure_usually(limits(&declared.profile), run.key_log.clone());
    let entered = match &run.target {
        Target::BuiltIn(system) => system.enter(&mut stage, seed, Part::of(entry)).await,
        Target::External(declared) => {
            let held = (&world.hold, &backstage.hands);
            visit(&mut stage, declared, held, (entry, seed)).await
        }
    };
    if let Some(faults) = run.link {
        let note = What::Noted {
            name: LINK.to_owned(),
            value: faults.to_string().into(),
        };
        stage.recorder().write(stage.now(), note);
        stage.impair_all(faults, seed);
    }
    match entered {
        Ok(profile) => {
            secrets::learn(&stage, &profile);
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

/// Begins the record of an attempt.
fn begin(backstage: &Backstage, entry: &Entry, retry: bool) -> Recorder {
    let key = SceneKey {
        scenario: entry.id.clone(),
        attempt: backstage.course.begin(&entry.id),
    };
    let ledger = backstage.run.ledger.clone();
    let recorder = Recorder::new(ledger, Some(key), Secrets::default(), secrets::of_body);
    let described = SceneStarted {
        retry,
        ..entry.described.clone()
    };
    recorder.write(Time::ZERO, What::SceneStarted(described));
    recorder
}

/// What a scenario has waited for.
#[derive(Default)]
struct Admission {
    turn: Option<Result<Turn, String>>,
    devices: Option<Result<Lease, String>>,
    credentials: Option<Result<Lease<Credential>, String>>,
}

/// Waits for a scenario's turn, and for the devices that it needs of a system that runs elsewhere. For a run that
/// was given up nothing is waited for.
async fn admit(backstage: &Backstage, entry: &Entry) -> Admission {
    let run = &backstage.run;
    if backstage.course.given_up() {
        return Admission::default();
    }
    let on_wait = |what: &str| {
        if !backstage.wait_told.swap(true, Ordering::Relaxed) {
            (run.on_wait)(what);
        }
    };
    let exclusive = is_exclusive(&run.target, entry.described.tags.iter());
    let turn = match &backstage.turns {
        Ok(turns) => turns.take(exclusive, &run.stop, on_wait).await.transpose(),
        Err(why) => Some(Err(why.clone())),
    };
    let profile = &run.target.profile().profile;
    let devices = match &backstage.pool {
        Some(pool) => {
            let twinning = profile.twinning.as_ref();
            let limit = twinning.and_then(|twinning| twinning.max_secondaries);
            let need = subscribers_needed(&entry.described, limit);
            Some(pool.lease(need).await)
        }
        None => None,
    };
    let credentials = match &backstage.credentials {
        Some(pool) if is_secured(profile, entry) => {
            Some(pool.lease(devices_needed(&entry.described)).await)
        }
        _ => None,
    };
    Admission {
        turn,
        devices,
        credentials,
    }
}

impl Admission {
    /// How long another run had the system meanwhile.
    fn waited(&self) -> Option<Duration> {
        self.turn.as_ref()?.as_ref().ok()?.waited
    }

    /// Hands over what the scenario may have, or says why it is not performed.
    fn enter(self, backstage: &Backstage, entry: &Entry, hold: &mut Hold) -> Result<(), String> {
        let course = &backstage.course;
        if course.given_up() {
            return Err(format!(
                "not performed: {UNREACHED_LIMIT} scenarios in a row got no answer at all from the system{}",
                course.last_words()
            ));
        }
        too_slow(&backstage.run, entry)?;
        hold.lease = self.devices.transpose()?;
        hold.credentials = self.credentials.transpose()?;
        hold.turn = self.turn.transpose()?;
        Ok(())
    }
}

/// A scenario that would wait for a fixed timer is left out where that is wanted.
fn too_slow(run: &Run, entry: &Entry) -> Result<(), String> {
    let Target::External(declared) = &run.target else {
        return Ok(());
    };
    let tags = &entry.described.tags;
    match waiting::waiting(&entry.id, tags, &declared.profile) {
        Some(span) if run.skip_slow => Err(format!(
            "not performed: it would wait {} s for a timer that the standard fixes, and --skip-slow \
             leaves that out",
            span.as_secs()
        )),
        _ => Ok(()),
    }
}

/// Whether the devices of a scenario come over secured associations.
fn is_secured(profile: &Profile, entry: &Entry) -> bool {
    let part = Part::of(entry);
    let server = profile.lwm2m.as_ref().is_some_and(Lwm2m::is_secured);
    part.role == SERVER && (server || part.is_secured())
}

/// Whether a scenario has to be alone with the system. The built-in one is another in each scenario.
pub(super) fn is_exclusive<'a>(target: &Target, tags: impl Iterator<Item = &'a String>) -> bool {
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

/// Ends a scenario: cleans up after it, gives back what it had, and leaves its doors open.
pub(super) async fn end_scene(
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
