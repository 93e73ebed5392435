//! The network that hides devices: the server does not come through, and meets no device behind the gateway's back.

use cucumber::{given, then};
use twinproof_evidence::record::Halt;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::manager::{Answer, Order};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_stage::Halted;

use crate::target::{dm_server, gateway_device};
use crate::world::{Scene, World};

/// The session that a notification announces which does not come through.
const REACHING_OUT: u16 = 0x5E2;

impl Scene {
    /// The server pushes a notification to where a device is, and not to the gateway.
    async fn reach_out(&mut self) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let number = self.numbered(Mode::Proxy, 0)?;
        self.hidden(number, None)?;
        let listen = gateway.devices.get(number).and_then(|d| d.listen.clone());
        let server = self.manager()?;
        let order = Order::Notify {
            device: gateway.account.device.clone(),
            push: format!("http://{}/push", listen.unwrap_or_default()),
            named: None,
            session: self.session_number(REACHING_OUT),
            forged: false,
        };
        let patience = gateway.patience.duration();
        match self.stage.act_within(&server, order, patience).await? {
            Answer::Pushed(None) => Ok(()),
            other => {
                let why = format!("expected that the network hides the device, got {other:?}");
                Err(self.stage.halt(Halt::Error { why }))
            }
        }
    }
}

#[given("a network that does not let the server through to the device")]
async fn cannot_be_reached(world: &mut World) -> Result<(), Halted> {
    world.scene().reach_out().await
}

#[then("server and device have not met")]
fn not_met(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    let gateway = scene.gateway()?;
    let known = gateway.devices.get(number);
    let apart = known.is_some_and(|d| d.account.server_id != gateway.account.server_id);
    let server_id = apart.then(|| gateway.account.server_id.clone());
    let session = scene.since(gateway_device(number));
    let server = dm_server(&scene.profile.profile).to_owned();
    scene.check(&Check::Gwmo(Gwmo::Shielded {
        session,
        server,
        server_id,
    }));
    Ok(())
}
