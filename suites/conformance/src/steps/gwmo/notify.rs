//! Notifications that a gateway passes on.

use cucumber::{then, when};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::Hidden;
use twinproof_gwmo::manager::Order;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_stage::Halted;

use crate::target::{dm_server, gateway_device};
use crate::world::{Scene, World};

/// The session that a notification announces which is passed on.
const RELAYED: u16 = 0x5E1;

impl Scene {
    /// Pushes a notification to the gateway for the device that knows the server, with a right digest or a
    /// wrong one.
    pub(super) async fn notify(&mut self, forged: bool) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let number = self.numbered(Mode::Transparent, 0)?;
        let named = gateway.named.replace("{device}", &self.identity(number)?);
        self.hidden(number, None)?;
        let server = self.manager()?;
        let order = Order::Notify {
            device: gateway.account.device.clone(),
            push: gateway.push.clone(),
            named: Some(named),
            session: self.session_number(RELAYED),
            forged,
        };
        let patience = gateway.patience.duration();
        self.stage.act_within(&server, order, patience).await?;
        Ok(())
    }

    /// Judges what has come to the device that knows the server.
    pub(super) fn check_relayed(&mut self) -> Result<(), Halted> {
        let number = self.numbered(Mode::Transparent, 0)?;
        let session = self.since(gateway_device(number));
        let server = dm_server(&self.profile.profile).to_owned();
        self.check(&Check::Gwmo(Gwmo::Relayed { session, server }));
        Ok(())
    }
}

#[when("the server sends the gateway a notification for a device that knows the server")]
async fn relayed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // Only who has had a session knows which nonce comes next.
    scene.objects().await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.notify(false).await
}

#[then("the device gets the notification as it was sent")]
async fn got_it(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Transparent, 0)?;
    let device = scene.hidden(number, None)?;
    let patience = scene.gateway()?.patience.duration();
    let what = "the device is brought something";
    let reached = |device: &Hidden| device.reached() > 0;
    // What comes twice comes before the gateway is done with the server's next session.
    if scene.stage.wait_for(&device, what, patience, reached).await {
        scene.objects_again().await?;
    }
    scene.check_relayed()
}

#[when(
    "the server sends the gateway a notification with a wrong digest for a device that knows the server, and then a right one"
)]
async fn forged(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.objects().await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.notify(true).await?;
    scene.notify(false).await
}

#[then("the device gets the right one alone")]
async fn spared(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Transparent, 0)?;
    let device = scene.hidden(number, None)?;
    let patience = scene.gateway()?.patience.duration();
    let what = "the device is brought something";
    let reached = |device: &Hidden| device.reached() > 0;
    scene.stage.wait_for(&device, what, patience, reached).await;
    // Whatever else is passed on comes before the gateway is done with the server's next session.
    let after = scene.gwmo.after;
    scene.objects_again().await?;
    scene.gwmo.after = after;
    let session = scene.since(gateway_device(number));
    let server = dm_server(&scene.profile.profile).to_owned();
    scene.check(&Check::Gwmo(Gwmo::Unrelayed { session, server }));
    Ok(())
}
