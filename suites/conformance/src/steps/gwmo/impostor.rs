//! A server that does not show the secret that the gateway knows.

use cucumber::{then, when};
use twinproof_dm::upper::{Act, Event};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::manager::{Manager, Order};
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_stage::Halted;

use super::parties::text;
use crate::world::{Scene, World};

impl Scene {
    /// What the server wants to change, and may not: a setting that is on.
    async fn coveted(&mut self) -> Result<String, Halted> {
        let setting = self.gateway()?.names.report_attached;
        Ok(format!("{}/{setting}", self.objects().await?.config))
    }
}

#[when(
    "a new device attaches, and the server shows a wrong password to the gateway that comes to say so"
)]
async fn pretends(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.coveted().await?;
    let setting = scene.gateway()?.names.report_attached;
    scene.set_gateway(&setting, true).await?;
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.is_new(number).await?;
    let (device, patience) = {
        let gateway = scene.gateway()?;
        (gateway.account.device, gateway.patience.duration())
    };
    let server = scene.manager()?;
    let begun = |server: &Manager| {
        let events = server.events().iter();
        events
            .filter(|event| matches!(event, Event::Started { .. }))
            .count()
    };
    let before = scene.stage.look(&server, begun);
    let acts = vec![Act::Replace(text(uri, Some("bool"), "false"))];
    let order = Order::Pretend {
        device: device.clone(),
        acts,
    };
    scene.stage.act(&server, order).await?;
    scene.come_to_gateway(number, None).await?;
    let came = move |server: &Manager| begun(server) > before;
    let what = "the gateway has come to the server that shows a wrong password";
    let came = scene.stage.wait_for(&server, what, patience, came).await;
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.stage.act(&server, Order::Admit { device }).await?;
    match came {
        true => Ok(()),
        false => Err(scene.inconclusive("the gateway did not come to announce the device")),
    }
}

#[then("what that wanted is not done, and the server that shows the right one finds all as it was")]
async fn unmoved(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.coveted().await?;
    scene.gwmo.after = scene.stage.recorded();
    scene
        .manage_well(vec![Act::Get { uri: uri.clone() }])
        .await?;
    scene.judge_gateway(|session| Gwmo::Shows {
        session,
        uri,
        value: "true".to_owned(),
    });
    Ok(())
}
