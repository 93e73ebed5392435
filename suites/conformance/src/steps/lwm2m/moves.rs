//! Devices move, and others try to lead them away.

use std::sync::Arc;

use cucumber::{then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::management::Check as Management;
use twinproof_lwm2m::device::rules::{Rules, SenderFacts};
use twinproof_lwm2m::device::{Order, Register, Update};
use twinproof_stage::Halted;

use super::manage::SERIAL;
use super::parties::{Who, device_lifetime};
use crate::world::{Scene, World};

/// A device that has moved is registered, though it did not register from where it is.
struct Moved;

impl Rules for Moved {
    fn is_heard(&self, _facts: SenderFacts) -> bool {
        true
    }
}

impl Scene {
    /// Records that the last operation is to reach a device, and nobody else.
    fn is_reached(&mut self, who: &Who, led_away: bool) -> Result<(), Halted> {
        let mut wish = self.last_wish()?;
        who.name().clone_into(&mut wish.party);
        let check = Management::Reached { wish, led_away };
        self.check(&Check::Lwm2m(check.into()));
        Ok(())
    }
}

#[when(expr = "{who} updates the registration of the device")]
async fn leads_away(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let victim = scene.device(&Who::first(), device_lifetime()).await?;
    let update = Update {
        location: victim.locations.last().cloned(),
        ..Update::default()
    };
    scene.tell(&who, Order::Update(update)).await?;
    Ok(())
}

#[when(expr = "{who} goes on from another address and says so")]
async fn moves(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let before = scene.device(&who, device_lifetime()).await?;
    let now = who.elsewhere();
    let differ = |shared: &mut twinproof_lwm2m::device::Shared| shared.rules = Arc::new(Moved);
    scene.device_like(&now, device_lifetime(), differ).await?;
    let update = Update {
        location: before.locations.last().cloned(),
        ..Update::default()
    };
    let answer = scene.tell(&now, Order::Update(update)).await?;
    // Without security a server may have it register anew instead.
    if answer.response().is_none_or(|r| r.code != Code::CHANGED) {
        let order = Order::Register(Register::default());
        scene.must(&now, order, Code::CREATED).await?;
    }
    Ok(())
}

#[when(expr = "the operator reads the serial number of {who} where it is now")]
async fn reads_elsewhere(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    scene.read(&who, &SERIAL).await?;
    if let Some(operated) = &mut scene.lwm2m.operated {
        who.elsewhere().name().clone_into(&mut operated.party);
    }
    Ok(())
}

#[then("the device itself is asked, and nobody else")]
async fn itself_is_asked(w: &mut World) -> Result<(), Halted> {
    w.scene().is_reached(&Who::first(), true)
}

#[then("the device is asked there, and nobody else")]
async fn is_asked_there(w: &mut World) -> Result<(), Halted> {
    w.scene().is_reached(&Who::first().elsewhere(), false)
}
