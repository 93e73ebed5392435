//! What happens to the enabler from outside: restarts, and the passing of time.

use std::time::Duration;

use cucumber::{given, when};
use twinproof_judge::scene::SUT;
use twinproof_kernel::hook::Hook;
use twinproof_stage::Halted;

use crate::world::{Scene, World};

/// How far from the end of a code's lifetime it is tried.
const MARGIN: Duration = Duration::from_secs(5);

impl Scene {
    /// Does something to the system under test that none of its interfaces offers.
    pub(super) async fn hook(&mut self, hook: Hook) -> Result<(), Halted> {
        self.stage.hook(SUT, hook).await
    }
}

#[when("the enabler is restarted")]
async fn restarted(w: &mut World) -> Result<(), Halted> {
    w.scene().hook(Hook::Restart).await
}

#[when("the enabler is restarted after everything was read")]
async fn restarted_after_reading(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.remember().await?;
    scene.hook(Hook::Restart).await
}

#[given("almost the whole lifetime of the code has passed")]
async fn almost_expired(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene
        .twinning_profile()?
        .activation_code_lifetime
        .duration();
    let span = lifetime.saturating_sub(MARGIN.min(lifetime / 10));
    scene.hook(Hook::AdvanceClock(span)).await
}

#[given("the lifetime of the code has passed")]
async fn expired(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene
        .twinning_profile()?
        .activation_code_lifetime
        .duration();
    scene
        .hook(Hook::AdvanceClock(lifetime + Duration::from_secs(1)))
        .await
}
