//! What a scenario has at hand, and how its steps are performed.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use cucumber::step::Context;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_evidence::record::{Halt, What};
use twinproof_judge::checks::Check;
use twinproof_judge::profile::{Credential, Declared};
use twinproof_kernel::Seed;
use twinproof_stage::{Halted, Stage};

use crate::lookup::Steps;
use crate::pool::Lease;
use crate::steps::{dm, gwmo, lwm2m, twinning};
use crate::turns::Turn;

/// All steps, compiled once.
pub(crate) static STEPS: LazyLock<Steps> = LazyLock::new(Steps::compiled);

/// What a scenario has at hand.
#[derive(cucumber::World)]
#[world(init = Self::empty)]
pub struct World {
    /// Elsewhere, since the runner hands this from frame to frame of its stack.
    scene: Option<Box<Scene>>,
    pub(crate) hold: Hold,
}

/// What a scenario has to itself as long as it is under way.
#[derive(Default)]
pub(crate) struct Hold {
    /// Its provisioned devices.
    pub(crate) lease: Option<Lease>,
    /// Its devices with credentials.
    pub(crate) credentials: Option<Lease<Credential>>,
    /// Leave to be under way beside others, or alone.
    pub(crate) turn: Option<Turn>,
}

/// The stage and who is on it.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) profile: Arc<Declared>,
    /// From which each simulated party's choices follow.
    pub(crate) seed: Seed,
    /// It said beforehand that time passes in it.
    pub(crate) time_passes: bool,
    pub(crate) dm: dm::Parties,
    pub(crate) gwmo: gwmo::Parties,
    pub(crate) lwm2m: lwm2m::Parties,
    pub(crate) twinning: twinning::Parties,
    step: usize,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    fn empty() -> Self {
        Self {
            scene: None,
            hold: Hold::default(),
        }
    }

    /// Sets the scene. The runner does so before the first step.
    pub(crate) fn set(
        &mut self,
        stage: Stage,
        profile: Arc<Declared>,
        seed: Seed,
        (time_passes, memory): (bool, Option<gwmo::Memory>),
    ) {
        self.scene = Some(Box::new(Scene {
            stage,
            profile,
            seed,
            time_passes,
            dm: dm::Parties::default(),
            gwmo: gwmo::Parties::with(memory),
            lwm2m: lwm2m::Parties::default(),
            twinning: twinning::Parties::default(),
            step: 0,
        }));
    }

    /// The stage and who is on it.
    pub(crate) fn scene(&mut self) -> &mut Scene {
        self.scene
            .as_mut()
            .expect("the runner sets the scene before the first step")
    }

    /// Takes the scene down.
    pub(crate) fn strike(&mut self) -> Option<Box<Scene>> {
        self.scene.take()
    }
}

impl Scene {
    /// Records that `check` is to look at everything up to here.
    pub(crate) fn check(&mut self, check: &Check) {
        let check = serde_json::to_value(check).expect("checks have string keys only");
        self.stage
            .recorder()
            .write(self.stage.now(), What::Checked { check });
    }

    /// The scenario cannot go on because its situation could not be brought about.
    pub(crate) fn inconclusive(&mut self, why: impl Into<String>) -> Halted {
        self.stage.halt(Halt::Inconclusive { why: why.into() })
    }
}

/// Performs any step: marks its begin and end in the ledger and turns a panic into our own error.
pub(crate) fn perform_step(world: &mut World, context: Context) -> LocalBoxFuture<'_, ()> {
    async move {
        let Some(scene) = world.scene.as_mut() else {
            return;
        };
        let step = scene.step;
        scene.step += 1;
        scene
            .stage
            .recorder()
            .write(scene.stage.now(), What::StepStarted { step });
        let (perform, context) = match STEPS.find(&context.step) {
            Ok(Some(found)) => found,
            // The suite was checked before the run.
            Ok(None) | Err(_) => panic!("no single step is defined for {:?}", context.step.value),
        };
        let ended = AssertUnwindSafe(perform(world, context))
            .catch_unwind()
            .await;
        let scene = world.scene();
        match ended {
            Ok(()) => scene
                .stage
                .recorder()
                .write(scene.stage.now(), What::StepEnded { step }),
            Err(panic) => {
                let why = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                    .unwrap_or_else(|| "a step panicked".to_owned());
                // If the stage halted the step, the ledger's first reason stands and this one does not.
                drop(scene.stage.halt(Halt::Error { why }));
                std::panic::resume_unwind(panic);
            }
        }
    }
    .boxed_local()
}
