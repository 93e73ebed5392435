//! Servers that the gateway does not know: it was never bootstrapped to them.

use std::sync::Arc;

use cucumber::when;
use twinproof_dm::server::{self, Enrolment};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::manager::{Manager, Order};
use twinproof_stage::Halted;

use crate::world::World;

/// The name under which such a server enters.
const STRANGER: &str = "unknown server";

/// What it calls itself.
const STRANGER_ID: &str = "com.twinproof.nobody";

/// Where it would be.
const NOWHERE: &str = "http://127.0.0.1:9/dm";

/// The session that it announces.
const STRANGE: u16 = 0x5E7;

#[when(
    "a server that the gateway does not know sends it a notification for a device, and then the one that it knows does"
)]
async fn notifies(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // Only who has had a session knows which nonce comes next.
    scene.objects().await?;
    let gateway = scene.gateway()?;
    let number = scene.numbered(Mode::Transparent, 0)?;
    let named = gateway.named.replace("{device}", &scene.identity(number)?);
    scene.hidden(number, None)?;
    // It has all that a server needs but the gateway's account.
    let enrolment = Enrolment {
        device: gateway.account.device.clone(),
        client: gateway.account.proof_of_device(),
        server: gateway.account.proof_of_server(),
    };
    let seed = scene.seed.derive(STRANGER);
    let role = Manager::new(STRANGER_ID, NOWHERE, seed, vec![enrolment]);
    let shared = Arc::new(server::Shared::default());
    let stranger = scene.stage.enter(STRANGER, role, shared);
    scene.gwmo.after = scene.stage.recorded();
    let order = Order::Notify {
        device: gateway.account.device,
        push: gateway.push,
        named: Some(named),
        session: scene.session_number(STRANGE),
        forged: false,
    };
    let patience = gateway.patience.duration();
    scene.stage.act_within(&stranger, order, patience).await?;
    scene.notify(false).await
}
