//! Servers that have forgotten what they shared with the gateway.

use cucumber::{given, then, when};
use twinproof_dm::upper::Event;
use twinproof_gwmo::manager::{Answer, Manager, Order};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Check as Dm;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_stage::Halted;

use crate::target::dm_server;
use crate::world::World;

/// The session that is announced by a server that has forgotten every nonce.
const FORGETFUL: u16 = 0x5E4;

#[given("a server that has forgotten every nonce of the gateway")]
async fn has_forgotten(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // Only who has had a session has other nonces than those from the start.
    scene.objects().await?;
    let device = scene.gateway()?.account.device;
    let server = scene.manager()?;
    scene.stage.act(&server, Order::Forget { device }).await?;
    Ok(())
}

#[when("it sends the gateway a notification")]
async fn notifies(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let gateway = scene.gateway()?;
    let server = scene.manager()?;
    let count = |server: &Manager| {
        let ended = |event: &&Event| matches!(event, Event::Ended { .. });
        server.events().iter().filter(ended).count()
    };
    let before = scene.stage.look(&server, count);
    scene.gwmo.after = scene.stage.recorded();
    let order = Order::Notify {
        device: gateway.account.device.clone(),
        push: gateway.push.clone(),
        named: None,
        session: scene.session_number(FORGETFUL),
        forged: false,
    };
    let patience = gateway.patience.duration();
    if let Answer::Refused(why) = scene.stage.act_within(&server, order, patience).await? {
        return Err(scene.inconclusive(format!("the gateway (gwmo.push): {why}")));
    }
    let ended = move |server: &Manager| count(server) > before;
    let what = "the session that was announced has ended";
    scene.stage.wait_for(&server, what, patience, ended).await;
    Ok(())
}

#[then("the gateway comes with the nonce that both are sure to share, if it knows it")]
fn comes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let id = format!("{:X}", scene.session_number(FORGETFUL));
    let session = scene.since(dm_server(&scene.profile.profile).to_owned());
    let check = Client::ProvenAtOnce { session, id };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}
