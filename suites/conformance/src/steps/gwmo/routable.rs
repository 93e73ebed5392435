//! A device behind a gateway that its server can reach, once the gateway has said where it is.

use std::net::IpAddr;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::Hidden;
use twinproof_gwmo::manager::Order;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::gwmo::{Check as Gwmo, Listed};
use twinproof_judge::profile::DmAccount;
use twinproof_stage::Halted;

use super::parties::leaf_of;
use crate::target::{dm_server, gateway_device};
use crate::world::{Scene, World};

/// The session that is announced to a device past its gateway.
const BYPASSING: u16 = 0x5E5;

/// How long a device may take for a session, which is one of the tester's.
const SOON: Duration = Duration::from_secs(10);

impl Scene {
    /// The account of the server that the device has which has sessions with it.
    pub(super) fn routable_account(&mut self) -> Result<DmAccount, Halted> {
        let gateway = self.gateway()?;
        let number = self.numbered(Mode::Transparent, 0)?;
        let known = gateway.devices.get(number);
        let own = known.map_or(&gateway.account, |device| &device.account);
        Ok(DmAccount {
            server_id: gateway.account.server_id.clone(),
            ..own.clone()
        })
    }

    /// What the gateway's records say of where a device is.
    async fn locate(&mut self, device: &str) -> Result<Option<String>, Halted> {
        let names = self.gateway()?.names;
        let listed = Listed {
            device: device.to_owned(),
            status: None,
            says: vec![(names.record_address.clone(), String::new())],
        };
        let (_, read) = self.records_of(&[listed]).await?;
        Ok(leaf_of(&names, &read, (device, &names.record_address)))
    }
}

#[given("a device that the server can reach, and that knows the server")]
fn routable(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.gwmo.routable = true;
    let number = scene.numbered(Mode::Transparent, 0)?;
    scene.hidden(number, None).map(|_| ())
}

#[when("the server asks the gateway where the device is, and notifies it there")]
async fn bypasses(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Transparent, 0)?;
    let identity = scene.identity(number)?;
    scene.gwmo.after = scene.stage.recorded();
    let Some(at) = scene.locate(&identity).await? else {
        // What is missing is judged.
        return Ok(());
    };
    // An address alone is enough to reach it by: where its port is, the device's server knows.
    let known = scene
        .gateway()?
        .devices
        .get(number)
        .and_then(|d| d.listen.clone());
    let port = known.and_then(|at| Some(at.rsplit_once(':')?.1.to_owned()));
    let push = match (at.contains("://"), at.parse::<IpAddr>(), port) {
        (true, ..) => at,
        (false, Ok(IpAddr::V4(host)), Some(port)) => format!("http://{host}:{port}/push"),
        (false, Ok(IpAddr::V6(host)), Some(port)) => format!("http://[{host}]:{port}/push"),
        (false, ..) => format!("http://{at}/push"),
    };
    let device = scene.hidden(number, None)?;
    let server = scene.manager()?;
    let order = Order::Notify {
        device: identity,
        push,
        named: None,
        session: scene.session_number(BYPASSING),
        forged: false,
    };
    let patience = scene.gateway()?.patience.duration();
    scene.stage.act_within(&server, order, patience).await?;
    let ended = |device: &Hidden| !device.client().ended().is_empty();
    let settle = scene.stage.pace().settle.max(SOON);
    let what = "the device's session with the server has ended";
    scene.stage.wait_for(&device, what, settle, ended).await;
    Ok(())
}

#[then("the device has its session with the server, where the gateway says that it is")]
async fn located(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let gateway = scene.gateway()?;
    let number = scene.numbered(Mode::Transparent, 0)?;
    let known = gateway.devices.get(number);
    let at = known.and_then(|device| device.listen.clone());
    let records = format!(
        "{}/{}",
        scene.objects().await?.inventory,
        gateway.names.records
    );
    let session = scene.since(dm_server(&scene.profile.profile).to_owned());
    let device = (gateway.names.record_device, scene.identity(number)?);
    let address = (gateway.names.record_address, at.unwrap_or_default());
    scene.check(&Check::Gwmo(Gwmo::Located {
        session,
        records,
        device,
        address,
        reached: gateway_device(number),
    }));
    Ok(())
}
