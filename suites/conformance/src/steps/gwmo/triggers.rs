//! Notifications that a server puts into the gateway for a device.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cucumber::{given, then, when};
use twinproof_dm::upper::{Act, Put, Value};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::Hidden;
use twinproof_gwmo::manager::{Answer, Order};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_stage::Halted;

use super::fanout::interior;
use super::parties::text;
use crate::target::gateway_device;
use crate::world::{Scene, World};

/// The session that is announced by what a server has put in.
const PUT_IN: u16 = 0x5E6;

/// A notification that a server has put in.
#[derive(Clone, Debug)]
pub(super) struct PutIn {
    /// Where.
    at: String,
    octets: Vec<u8>,
}

impl Scene {
    /// The server puts in a notification for a device. Returns what starts it.
    async fn put_in(&mut self, number: usize) -> Result<String, Halted> {
        let gateway = self.gateway()?;
        let device = self.identity(number)?;
        self.hidden(number, None)?;
        let objects = self.objects().await?;
        let Some(triggers) = objects.triggers else {
            let why = "the gateway has no object of the type urn:oma:mo:oma-gwmo-edtrigger (gwmo.triggers)";
            return Err(self.inconclusive(why));
        };
        let server = self.manager()?;
        let order = Order::Compose {
            device: gateway.account.device.clone(),
            session: self.session_number(PUT_IN),
        };
        let octets = match self.stage.act(&server, order).await?.answer {
            Answer::Composed(octets) => octets,
            other => return Err(self.inconclusive(format!("no notification: {other:?}"))),
        };
        let names = gateway.names;
        let seed = self.fresh_seed("trigger").derive(&number.to_string());
        let instance = seed.rng().u32(..);
        let at = format!("{triggers}/{}/T{instance:08X}", names.triggers);
        self.gwmo.left.push(at.clone());
        let target = text(format!("{at}/{}", names.trigger_device), None, &device);
        let body = Put {
            uri: format!("{at}/{}", names.trigger_octets),
            value: Some(Value::Octets(octets.clone())),
            ..Put::default()
        };
        let described = vec![interior(at.clone()), Act::Add(target), Act::Add(body)];
        self.manage_well(vec![Act::Sequence(described)]).await?;
        let start = format!("{at}/{}", names.trigger_start);
        self.gwmo.put_in = Some(PutIn { at, octets });
        Ok(start)
    }

    /// The server has the gateway bring it.
    async fn trigger(&mut self, start: String) -> Result<(), Halted> {
        self.gwmo.after = self.stage.recorded();
        self.manage_well(vec![exec(start)]).await.map(|_| ())
    }

    /// Reads what the gateway says became of it; where that is, and what stands there once it was taken.
    async fn read_of_trigger(&mut self) -> Result<(String, String), Halted> {
        let names = self.gateway()?.names;
        let at = self.put_in_at()?.at;
        let uri = format!("{at}/{}", names.trigger_state);
        self.manage(vec![Act::Get { uri: uri.clone() }]).await?;
        Ok((uri, names.trigger_taken))
    }

    fn put_in_at(&mut self) -> Result<PutIn, Halted> {
        match self.gwmo.put_in.clone() {
            Some(put_in) => Ok(put_in),
            None => Err(self.inconclusive("the server has put nothing in")),
        }
    }
}

#[when("the server puts a notification for a device that knows it into the gateway, and starts it")]
async fn triggers(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Transparent, 0)?;
    let start = scene.put_in(number).await?;
    scene.trigger(start).await?;
    let device = scene.hidden(number, None)?;
    let patience = scene.gateway()?.patience.duration();
    let reached = |device: &Hidden| device.reached() > 0;
    let what = "the device is brought something";
    scene.stage.wait_for(&device, what, patience, reached).await;
    Ok(())
}

#[given("two devices that know the server")]
fn two_know(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for after in 0..2 {
        let number = scene.numbered(Mode::Transparent, after)?;
        scene.hidden(number, None)?;
    }
    Ok(())
}

#[when(
    "the second goes, and the server puts a notification for each into the gateway and starts it"
)]
async fn triggers_in_vain(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // A gateway need not notice that such a device is back. Nothing else is about the second one.
    let (here, gone) = (
        scene.numbered(Mode::Transparent, 0)?,
        scene.numbered(Mode::Transparent, 1)?,
    );
    scene.part(gone).await?;
    let start = scene.put_in(here).await?;
    scene.trigger(start).await?;
    let start = scene.put_in(gone).await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.gwmo.start = Some(start.clone());
    // To say at once that it cannot be done is to say that the device does not have it.
    scene.manage(vec![exec(start)]).await?;
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    Ok(())
}

#[then("the device gets what the server has put in, and the gateway says so")]
async fn is_brought(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // What comes twice comes before the gateway is done with the server's next session.
    let (uri, value) = scene.read_of_trigger().await?;
    let number = scene.numbered(Mode::Transparent, 0)?;
    let session = scene.since(gateway_device(number));
    let octets = STANDARD.encode(&scene.put_in_at()?.octets);
    scene.check(&Check::Gwmo(Gwmo::Brought { session, octets }));
    scene.judge_gateway(|session| Gwmo::Shows {
        session,
        uri,
        value,
    });
    Ok(())
}

#[then(
    "the gateway brings the first what is for it, and does not say that the second has what is for that"
)]
async fn is_denied(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (uri, value) = scene.read_of_trigger().await?;
    let start = scene.gwmo.start.clone().unwrap_or_default();
    scene.judge_gateway(|session| Gwmo::Denied {
        session,
        start,
        uri,
        value,
    });
    let here = scene.numbered(Mode::Transparent, 0)?;
    scene.were_reached(&[here]).await
}

#[given("two servers, and a notification for a device that only the first may start")]
async fn kept(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.other()?;
    let number = scene.numbered(Mode::Transparent, 0)?;
    let start = scene.put_in(number).await?;
    scene.gwmo.start = Some(start);
    let own = scene.gateway()?.account.server_id;
    let list = format!("Add={own}&Delete={own}&Exec={own}&Get={own}&Replace={own}");
    let at = scene.put_in_at()?.at;
    let list = Act::Replace(text(format!("{at}?prop=ACL"), None, &list));
    scene.manage_well(vec![list]).await.map(|_| ())
}

#[then("it is refused to the second, and the device is brought it for the first alone")]
async fn refused(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Transparent, 0)?;
    scene.check_start_refused(&[number]).await
}

fn exec(uri: String) -> Act {
    Act::Exec {
        uri,
        correlator: None,
        data: None,
    }
}
