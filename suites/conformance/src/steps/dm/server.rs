//! A server that is judged, and its devices, which the tester plays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::{self, Client, Order};
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::syncml::{Alert, AlertCode, Command, Item, Message, Meta, Request};
use twinproof_dm::upper::{Act, Answer, Operation};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::server::Check as Server;
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_judge::profile;
use twinproof_stage::{Halted, Handle};

use crate::world::{Scene, World};

/// How long a session of a device may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the operator wants to read: no server asks for it by itself.
const READ: &str = "./DevInfo/Twinproof";

/// What a device wants that may want nothing.
const WANTED: &str = "./Twinproof";

/// The type of a report that is nobody's.
const REPORTED: &str = "Reversed-Domain-Name: org.twinproof.test";

/// The devices that the tester plays.
#[derive(Default)]
pub(super) struct Fleet {
    devices: BTreeMap<usize, Handle<Client>>,
    /// What the device that begins a session reports in it.
    reports: Vec<Alert>,
    /// The octets of a message that they can take, if they say so.
    takes: Option<u64>,
    /// The last session.
    session: Option<Session>,
}

/// The octets of a message that a small device can take.
const SMALL: u64 = 1_000;

impl Scene {
    fn dm_server(&mut self) -> Result<profile::DmServer, Halted> {
        let section = self.profile.profile.dm.as_ref();
        match section.and_then(|section| section.server.clone()) {
            Some(server) => Ok(server),
            None => Err(self.inconclusive("the profile has no [dm.server] section")),
        }
    }

    fn dm_account(&mut self, number: usize) -> Result<profile::DmAccount, Halted> {
        let server = self.dm_server()?;
        match server.accounts.get(number) {
            Some(account) => Ok(account.clone()),
            None => {
                let why = format!("the profile has no {} [[dm.server.account]]", number + 1);
                Err(self.inconclusive(why))
            }
        }
    }

    /// Lets a device enter that decides by these rules.
    fn enter_dm_device(
        &mut self,
        account: &profile::DmAccount,
        rules: Arc<dyn Rules>,
    ) -> Result<(), Halted> {
        let url = self.dm_server()?.url;
        let profile = Arc::new(Profile::builtin());
        let tree = Tree::of_device(profile, &account.device, &[account.at(&url)]);
        let role = Client::new(tree, self.seed.derive("device"));
        let shared = client::Shared {
            rules,
            max_message: self.dm.fleet.takes,
            max_messages: 100,
            ..client::Shared::default()
        };
        let device = self.stage.enter("device", role, Arc::new(shared));
        self.dm.fleet.devices.insert(0, device);
        Ok(())
    }

    /// The device, which enters as the server knows it when it is first spoken of.
    fn dm_device(&mut self) -> Result<Handle<Client>, Halted> {
        if !self.dm.fleet.devices.contains_key(&0) {
            let account = self.dm_account(0)?;
            self.enter_dm_device(&account, Arc::new(Standard))?;
        }
        match self.dm.fleet.devices.get(&0) {
            Some(device) => Ok(device.clone()),
            None => Err(self.inconclusive("there is no device")),
        }
    }

    fn check_dm_server(&mut self, check: impl FnOnce(Session) -> Server) -> Result<(), Halted> {
        match self.dm.fleet.session.clone() {
            Some(session) => {
                let upto = Some(self.stage.recorded());
                let session = Session { upto, ..session };
                self.check(&Check::Dm(Dm::from(check(session))));
                Ok(())
            }
            None => Err(self.inconclusive("no device began a session")),
        }
    }
}

/// Leaves its first package open.
struct Halves {
    /// Whether the first part was sent.
    begun: AtomicBool,
}

impl Rules for Halves {
    fn closes(&self, peer_closed: bool, waiting: bool) -> bool {
        let first = !self.begun.swap(true, Ordering::Relaxed);
        !first && Standard.closes(peer_closed, waiting)
    }
}

/// Wants the server to add something.
struct Commands;

impl Rules for Commands {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        if message.header.msg_id == "1" {
            let item = Item::at(WANTED).with_text("something");
            let number = message.commands.len() + 1;
            let add = Request::new(number.to_string(), item);
            message.commands.push(Command::Add(add));
        }
        message
    }
}

#[given("a device that shows no credentials")]
fn shows_none(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut account = scene.dm_account(0)?;
    account.password = None;
    scene.enter_dm_device(&account, Arc::new(Standard))
}

#[given("a device that shows the credentials of another one")]
fn shows_others(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (mut account, other) = (scene.dm_account(0)?, scene.dm_account(1)?);
    (account.name, account.password) = (other.name, other.password);
    scene.enter_dm_device(&account, Arc::new(Standard))
}

#[given("a device that shows another password")]
fn shows_wrong(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut account = scene.dm_account(0)?;
    account.password = Some("not the password".to_owned());
    scene.enter_dm_device(&account, Arc::new(Standard))
}

#[given("a device that says what it has to say in two messages")]
fn halves(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    let begun = AtomicBool::new(false);
    scene.enter_dm_device(&account, Arc::new(Halves { begun }))
}

#[given("a device that wants the server to add something")]
fn commands(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    scene.enter_dm_device(&account, Arc::new(Commands))
}

#[given("a device that has something to report")]
fn reports(world: &mut World) {
    let mut alert = Alert::new("", AlertCode::GENERIC);
    let item = Item::from("./DevInfo").with_text("something");
    alert.items.push(item.with_meta(Meta {
        media_type: Some(REPORTED.to_owned()),
        ..Meta::default()
    }));
    world.scene().dm.fleet.reports.push(alert);
}

#[given("the operator wants to read something of the device")]
async fn wants(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_account(0)?.device;
    let act = Act::Get {
        uri: READ.to_owned(),
    };
    scene
        .stage
        .operate_dm(Operation::Plan { device, act })
        .await?;
    Ok(())
}

#[given("a device that can take small messages only")]
fn small(world: &mut World) {
    world.scene().dm.fleet.takes = Some(SMALL);
}

#[given("the operator wants to read more than fits into one")]
async fn wants_much(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_account(0)?.device;
    for number in 0..40 {
        let act = Act::Get {
            uri: format!("./DevInfo/Nothing{number}"),
        };
        let plan = Operation::Plan {
            device: device.clone(),
            act,
        };
        scene.stage.operate_dm(plan).await?;
    }
    Ok(())
}

#[then("no message of the server is larger than that")]
fn fits(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Fits {
        session,
        size: SMALL as usize,
    })
}

/// The session that is announced.
const ANNOUNCED: u16 = 0x51;

#[when("the operator wakes the device")]
async fn wakes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_device()?;
    let trigger = Operation::Trigger {
        device: scene.dm_account(0)?.device,
        ui_mode: 1,
        session: ANNOUNCED,
    };
    let (answer, _) = scene.stage.operate_dm(trigger).await?;
    let Answer::Trigger { content_type, body } = answer else {
        return Err(scene.inconclusive("the upper tester made no trigger"));
    };
    scene.dm.fleet.session = Some(Session {
        party: device.name().to_owned(),
        after: scene.stage.recorded(),
        upto: None,
    });
    let before = scene.stage.look(&device, |client| client.ended().len());
    let order = Order::Deliver { content_type, body };
    scene.stage.act(&device, order).await?;
    let ended = move |client: &Client| client.ended().len() > before;
    let what = "the session that was announced has ended";
    scene.stage.wait_for(&device, what, WOKEN, ended).await;
    Ok(())
}

/// How long a device may take that was woken.
const WOKEN: Duration = Duration::from_secs(10);

#[then("the device believes it, and begins the session that was announced")]
fn woke(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Woke {
        session,
        id: format!("{ANNOUNCED:X}"),
    })
}

#[when("the device begins a session")]
async fn session(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let server = scene.dm_account(0)?.server_id;
    let device = scene.dm_device()?;
    let session = Session {
        party: device.name().to_owned(),
        after: scene.stage.recorded(),
        upto: None,
    };
    scene.dm.fleet.session = Some(session);
    let before = scene.stage.look(&device, |client| client.ended().len());
    let alerts = std::mem::take(&mut scene.dm.fleet.reports);
    let order = match alerts.is_empty() {
        true => Order::Start { server },
        false => Order::Report { server, alerts },
    };
    scene.stage.act(&device, order).await?;
    let ended = move |client: &Client| client.ended().len() > before;
    let what = "the session has ended";
    scene.stage.wait_for(&device, what, PATIENCE, ended).await;
    Ok(())
}

#[then("the server asks for credentials, and says nothing else")]
fn challenged(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Challenged {
        session,
        codes: vec![407, 401],
    })
}

#[then("the server refuses the credentials, and says nothing else")]
fn refused(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Challenged {
        session,
        codes: vec![401],
    })
}

#[then("the server accepts the device")]
fn accepted(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::Accepted { session })
}

#[then("the server answers every header and every command of the device once")]
fn answered(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::Answered { session })
}

#[then("the server asks the device for it once")]
fn sent(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Sent {
        session,
        command: "Get".to_owned(),
        uri: READ.to_owned(),
    })
}

#[then("the server ends the session")]
fn ended(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::Ended { session })
}

#[then("the server waits for the rest")]
fn patient(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::Patient { session })
}

#[then("the server takes the report")]
fn took(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Told {
        session,
        command: "Alert".to_owned(),
        alert: Some(AlertCode::GENERIC.0),
        // Nobody knows this type of report, which is answered by 415.
        codes: vec![200, 202, 415],
    })
}

#[then("the server does not add it")]
fn refused_command(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Told {
        session,
        command: "Add".to_owned(),
        alert: None,
        codes: (400..600).collect(),
    })
}
