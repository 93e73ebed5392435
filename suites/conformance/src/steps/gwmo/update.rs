//! Devices of a group that are told where an image is, and get it there.

use cucumber::{given, then, when};
use twinproof_dm::upper::Act;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::{Answer, Hidden, Order};
use twinproof_stage::Halted;

use super::fanout::Aim;
use super::parties::{NODE, text};
use crate::world::World;

/// How many devices are updated: those of the group.
const UPDATED: usize = 2;

#[given("devices that fetch what they are told to be updated by")]
async fn updatable(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for after in 0..UPDATED {
        let number = scene.numbered(Mode::Proxy, after)?;
        scene.come_to_gateway(number, None).await?;
        let device = scene.hidden(number, None)?;
        let uri = NODE.to_owned();
        let done = scene.stage.act(&device, Order::Update { uri }).await?;
        if let Answer::Refused(why) = done.answer {
            return Err(scene.inconclusive(format!("the device: {why}")));
        }
    }
    Ok(())
}

#[when("the server has the gateway tell the group where the image is")]
async fn told(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.gwmo.image.clone().unwrap_or_default();
    let tell = Act::Replace(text(NODE.to_owned(), None, &url));
    scene.fan_out(Aim::Group, &[tell], Vec::new()).await?;
    let settle = scene.stage.pace().settle;
    for after in 0..UPDATED {
        let number = scene.numbered(Mode::Proxy, after)?;
        let device = scene.hidden(number, None)?;
        let fetched = |device: &Hidden| device.updated() > 0;
        let what = "the device has fetched what it is updated by";
        scene.stage.wait_for(&device, what, settle, fetched).await;
    }
    Ok(())
}

#[then("each has what the origin has")]
fn have_it(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for which in 0..UPDATED {
        scene.check_served(which, 0)?;
    }
    Ok(())
}
