//! A server one of whose devices is a gateway, which the tester plays, and so does what is behind it.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::Rules;
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::client::{self, Client};
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::syncml::AlertCode;
use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Act, Operation};
use twinproof_gwmo::gateway::{self, DEVICE_PATH, Gateway, Mode, Provision, Setup};
use twinproof_gwmo::hidden::{Hidden, Order};
use twinproof_gwmo::objects::{self, Names, Places, below};
use twinproof_gwmo::payload;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::dm::server::Check as Server;
use twinproof_judge::profile::{DmAccount, DmScheme};
use twinproof_stage::{Halted, Handle};

use super::{MESSAGES, PATIENCE};
use crate::world::{Scene, World};

/// The names under which the gateway and the device behind it enter.
const GATEWAY: &str = "gateway";
const BEHIND: &str = "device behind the gateway";

/// What the gateway and the device call themselves to each other.
const GATEWAY_ID: &str = "org.twinproof.gateway";
const DEVICE_ID: &str = "urn:twinproof:behind-the-gateway";

/// What reports on the fan-out say that they are about.
const CORRELATOR: &str = "fan-out-of-the-operator";

/// The gateway, and what is behind it.
pub(super) struct Site {
    gateway: Handle<Gateway>,
    device: Handle<Hidden>,
    /// Where the fan-out is described.
    fanout: NodeUri,
}

/// Takes notifications and begins a session only when it is told to.
struct Asleep;

impl Rules for Asleep {
    fn triggered(&self, _facts: TriggerFacts) -> Triggered {
        Triggered::Ignore
    }
}

/// The account of the gateway that the device has.
fn account_behind() -> DmAccount {
    let text = str::to_owned;
    DmAccount {
        device: text(DEVICE_ID),
        server_id: text(GATEWAY_ID),
        scheme: DmScheme::default(),
        name: text("behind"),
        password: Some(text("password-of-the-device-behind")),
        server_name: None,
        server_password: Some(text("password-of-the-gateway-in-front")),
    }
}

impl Scene {
    /// The first device of the server is a gateway, which knows a device and a fan-out to it.
    async fn enter_site(&mut self) -> Result<(), Halted> {
        let account = self.dm_account(0)?;
        let url = self.dm_server()?.url;
        let base = self.stage.listen(GATEWAY).await?;
        let push = format!("{}/push", self.stage.listen(BEHIND).await?);
        // A server may remember the numbers of sessions that it had.
        let seed = self.stage.fresh(self.seed.derive(GATEWAY));
        let names = Names::default();
        let described = Arc::new(objects::profile(seed, &names));
        let mut tree = Tree::of_device(described, &account.device, &[account.at(&url)]);
        let fanout = Places::of(&tree).fanouts.child("Known");
        let read = Act::Get {
            uri: "./DevInfo/DevId".to_owned(),
        };
        let target = below(&fanout, &names.target_devices).child("1");
        tree.set(&below(&fanout, &names.payload), payload::write(&[read]));
        tree.set(&target, DEVICE_ID);
        tree.set(&below(&fanout, &names.start), "");
        let own = account_behind();
        let provision = Provision {
            device: own.device.clone(),
            mode: Mode::Proxy,
            client: own.proof_of_device(),
            server: own.proof_of_server(),
            push,
            adapted: None,
            fresh: None,
        };
        let accounts = [own.at(&format!("{base}{DEVICE_PATH}"))];
        let setup = Setup {
            tree,
            base,
            id: GATEWAY_ID.to_owned(),
            devices: vec![provision],
            lines: None,
            lwm2m: None,
        };
        let mut shared = gateway::Shared::default();
        // As patient as every device of ours: a server that never ends is known by then.
        shared.client.max_messages = MESSAGES;
        let shared = Arc::new(shared);
        let gateway = self.stage.enter(GATEWAY, Gateway::new(setup, seed), shared);
        let tree = Tree::of_device(Arc::new(Profile::builtin()), DEVICE_ID, &accounts);
        let shared = client::Shared {
            rules: Arc::new(Asleep),
            ..client::Shared::default()
        };
        let device = Hidden::new(Client::new(tree, self.seed.derive(BEHIND)));
        let device = self.stage.enter(BEHIND, device, Arc::new(shared));
        self.stage.hide(BEHIND);
        self.dm.fleet.site = Some(Site {
            gateway,
            device,
            fanout,
        });
        Ok(())
    }

    /// Has the device behind the gateway begin a session with that, and waits until the gateway has said to the
    /// server what it has to say.
    async fn comes_to_site(&mut self) -> Result<(), Halted> {
        let Some(site) = &self.dm.fleet.site else {
            return Err(self.inconclusive("there is no gateway"));
        };
        let (gateway, device) = (site.gateway.clone(), site.device.clone());
        let state = below(&site.fanout, &Names::default().state);
        self.dm.fleet.session = Some(Session {
            party: gateway.name().to_owned(),
            after: self.stage.recorded(),
            upto: None,
        });
        let sessions = |device: &Hidden| device.client().ended().len();
        let before = self.stage.look(&device, sessions);
        let server = GATEWAY_ID.to_owned();
        self.stage.act(&device, Order::Come { server }).await?;
        let ended = move |device: &Hidden| sessions(device) > before;
        let what = "the device's session with the gateway has ended";
        self.stage.wait_for(&device, what, PATIENCE, ended).await;
        // A fan-out that runs waits for the device, and nothing more is said until that comes.
        let said = move |gateway: &Gateway| {
            gateway.is_idle() || gateway.tree().text(&state) == Some("running")
        };
        let what = "the gateway has said to the server what it has to say";
        self.stage.wait_for(&gateway, what, PATIENCE, said).await;
        Ok(())
    }

    fn start_of_fan_out(&mut self) -> Result<String, Halted> {
        match &self.dm.fleet.site {
            Some(site) => Ok(below(&site.fanout, &Names::default().start).to_string()),
            None => Err(self.inconclusive("there is no gateway")),
        }
    }
}

#[given("a gateway that is managed by the server, and a device behind it")]
async fn site(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_site().await
}

#[given("the operator wants the gateway to start a fan-out that it knows")]
async fn wants_fan_out(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_account(0)?.device;
    let act = Act::Exec {
        uri: scene.start_of_fan_out()?,
        correlator: Some(CORRELATOR.to_owned()),
        data: None,
    };
    scene
        .stage
        .operate_dm(Operation::Plan { device, act })
        .await?;
    Ok(())
}

#[when("the device attaches to the gateway")]
async fn attaches(world: &mut World) -> Result<(), Halted> {
    world.scene().comes_to_site().await
}

#[when("the device does what the fan-out wants")]
async fn obeys(world: &mut World) -> Result<(), Halted> {
    world.scene().comes_to_site().await
}

#[then("the server takes what the gateway reports")]
fn takes(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Told {
        session,
        command: "Alert".to_owned(),
        alert: Some(AlertCode::GENERIC.0),
        // A server that knows no gateways knows no reports of this type, which is answered by 415.
        codes: vec![200, 202, 415],
    })
}

#[then("the server has the gateway start the fan-out once")]
fn starts(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.start_of_fan_out()?;
    scene.check_dm_server(|session| Server::Sent {
        session,
        command: "Exec".to_owned(),
        uri,
    })
}

#[then("the server does not have the gateway start the fan-out again")]
fn starts_no_more(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.start_of_fan_out()?;
    scene.check_dm_server(|session| Server::NotRepeated {
        session,
        command: "Exec".to_owned(),
        uri,
    })
}
