//! A server that is judged, and its devices, which the tester plays.

mod crowd;
mod gateway;
mod hostile;
mod records;
mod wakes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::{self, Client, End, Order};
use twinproof_dm::features::Features;
use twinproof_dm::provisioning::AuthLevel;
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::syncml::{Alert, AlertCode, Command, Item, Message, Meta, Request};
use twinproof_dm::upper::{Act, Operation};
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

/// A leaf whose value can be as large as a test wants.
const LARGE: &str = "./DevDetail/FwV";

/// The devices that the tester plays.
#[derive(Default)]
pub(super) struct Fleet {
    devices: BTreeMap<usize, Handle<Client>>,
    /// What the device that begins a session reports in it.
    reports: Vec<Alert>,
    /// The octets of a message that they can take, if they say so.
    takes: Option<u64>,
    /// The octets of a message that they send, if not as many as the server takes.
    sends: Option<usize>,
    /// Whether they take nothing in parts, and say so.
    whole_only: bool,
    /// The messages of a session that they send, if not as many as others.
    messages: Option<u32>,
    /// The nonce that they begin with, if not the one that the server knows.
    nonce: Option<Vec<u8>>,
    /// The accounts that come one after the other.
    comers: Vec<profile::DmAccount>,
    /// Their sessions, and whether they showed their password.
    visits: Vec<(Session, bool)>,
    /// The gateway that is one of them, and what is behind it.
    site: Option<gateway::Site>,
    /// Those that come at once.
    crowd: Vec<crowd::Comer>,
    /// The last session.
    session: Option<Session>,
    /// The one before, in which it said what it has.
    asked: Option<Session>,
    /// Where the device takes pushes by SIP.
    sip: Option<SocketAddr>,
    /// How many events the operator had been told before anything was wanted.
    known: usize,
    /// The number under which the last trigger was made.
    made: Option<u64>,
}

/// How many readings do not fit into such a message.
const MANY: usize = 40;

/// The messages of a session after which a device gives up, where nothing else is said.
const MESSAGES: u32 = 100;

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
        self.enter_dm_device_as("device", account, rules)
    }

    /// The same, under a name of its own.
    fn enter_dm_device_as(
        &mut self,
        name: &str,
        account: &profile::DmAccount,
        rules: Arc<dyn Rules>,
    ) -> Result<(), Halted> {
        let url = self.dm_server()?.url;
        let profile = Arc::new(Profile::builtin());
        let mut known = account.at(&url);
        let own = known
            .auths
            .iter_mut()
            .filter(|auth| auth.level == AuthLevel::AppSrv);
        for auth in own {
            auth.data = self.dm.fleet.nonce.clone().or(auth.data.take());
        }
        let mut tree = Tree::of_device(profile, &account.device, &[known]);
        if let (Some(_), Ok(leaf)) = (self.dm.fleet.sends, LARGE.parse()) {
            tree.set(&leaf, b"large ".repeat(1_000));
        }
        let large_objects = !self.dm.fleet.whole_only;
        if let (false, Ok(flag)) = (large_objects, Features::LARGE_OBJECTS.parse()) {
            tree.set(&flag, "false");
        }
        // A server may remember the numbers of sessions that it had.
        let seed = self.stage.fresh(self.seed.derive(name));
        let role = Client::new(tree, seed);
        let shared = client::Shared {
            rules,
            large_objects,
            max_message: self.dm.fleet.takes,
            sends: self.dm.fleet.sends,
            max_messages: self.dm.fleet.messages.unwrap_or(MESSAGES),
            codes: Some(self.dm_server()?.options),
            epoch: self.stage.seconds(),
            ..client::Shared::default()
        };
        let device = self.stage.enter(name, role, Arc::new(shared));
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

    /// Has the device begin a session with a server, and waits for its end.
    async fn dm_visit(&mut self, server: &str) -> Result<(), Halted> {
        let device = self.dm_device()?;
        self.dm.fleet.session = Some(Session {
            party: device.name().to_owned(),
            after: self.stage.recorded(),
            upto: None,
        });
        let before = self.stage.look(&device, |client| client.ended().len());
        let alerts = std::mem::take(&mut self.dm.fleet.reports);
        let server = server.to_owned();
        let order = match alerts.is_empty() {
            true => Order::Start { server },
            false => Order::Report { server, alerts },
        };
        self.stage.act(&device, order).await?;
        let ended = move |client: &Client| client.ended().len() > before;
        let what = "the session has ended";
        self.stage.wait_for(&device, what, PATIENCE, ended).await;
        Ok(())
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

/// Leaves the package open that begins a session, and begins it again after a challenge.
struct Halves;

impl Rules for Halves {
    fn says(&self, message: Message) -> Message {
        Message {
            is_final: message.is_final && !begins(&message),
            ..message
        }
    }
}

fn begins(message: &Message) -> bool {
    let codes = [AlertCode::SERVER_INITIATED, AlertCode::CLIENT_INITIATED];
    let mut commands = message.commands.iter();
    commands.any(|c| matches!(c, Command::Alert(alert) if codes.contains(&alert.code)))
}

/// Wants the server to add something.
struct Commands;

impl Rules for Commands {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        // Whoever is challenged says all of it again.
        if begins(&message) {
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

#[given("a device of each scheme that the server has accounts with")]
fn each_scheme(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut accounts = scene.dm_server()?.accounts;
    let mut schemes = Vec::new();
    accounts.retain(|account| {
        let is_new = account.password.is_some() && !schemes.contains(&account.scheme);
        schemes.push(account.scheme);
        is_new
    });
    if accounts.is_empty() {
        let why = "the profile has no [[dm.server.account]] with a password";
        return Err(scene.inconclusive(why));
    }
    scene.dm.fleet.comers = accounts;
    Ok(())
}

#[when("each of them begins a session with its password, and one with another")]
async fn each_begins(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for account in scene.dm.fleet.comers.clone() {
        for right in [true, false] {
            let mut shown = account.clone();
            if !right {
                shown.password = Some("not the password".to_owned());
            }
            let name = format!("device-{}", scene.dm.fleet.visits.len());
            scene.enter_dm_device_as(&name, &shown, Arc::new(Standard))?;
            scene.dm_visit(&account.server_id).await?;
            let visits = scene.dm.fleet.session.clone().map(|visit| (visit, right));
            scene.dm.fleet.visits.extend(visits);
        }
    }
    Ok(())
}

#[then("the server accepts each that shows its password")]
fn each_accepted(world: &mut World) -> Result<(), Halted> {
    each_visit(world, true, |session| Server::Accepted { session })
}

#[then("the server refuses each that shows another")]
fn each_refused(world: &mut World) -> Result<(), Halted> {
    each_visit(world, false, |session| Server::Challenged {
        session,
        codes: vec![401],
    })
}

fn each_visit(
    world: &mut World,
    right: bool,
    check: impl Fn(Session) -> Server,
) -> Result<(), Halted> {
    let scene = world.scene();
    let mut visits = scene.dm.fleet.visits.clone();
    visits.retain(|(_, showed)| *showed == right);
    for (visit, _) in visits {
        scene.dm.fleet.session = Some(visit);
        scene.check_dm_server(&check)?;
    }
    Ok(())
}

#[given("a device that shows another name")]
fn shows_another_name(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut account = scene.dm_account(0)?;
    account.name.push_str("-but-not-this-one");
    scene.enter_dm_device(&account, Arc::new(Standard))
}

#[given("a device whose digests are of another nonce than the server knows")]
fn other_nonce(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    scene.dm.fleet.nonce = Some(b"a nonce that nobody was told".to_vec());
    scene.enter_dm_device(&account, Arc::new(Standard))
}

#[given("a device that says what it has to say in two messages")]
fn halves(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    scene.enter_dm_device(&account, Arc::new(Halves))
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

/// Who is not believed is told nothing, whether there is something to tell or not; with something to tell, it
/// shows more.
#[given("an operator who, if there is one, wants to read something of the device")]
async fn may_want(world: &mut World) -> Result<(), Halted> {
    let tester = world.scene().dm_server()?.upper_tester;
    match tester {
        Some(_) => wants(world).await,
        None => Ok(()),
    }
}

#[given("a device that can take small messages only")]
fn small(world: &mut World) {
    world.scene().dm.fleet.takes = Some(SMALL);
}

#[given("a device that sends little at a time, and has a large value")]
fn sends_little(world: &mut World) {
    world.scene().dm.fleet.sends = Some(SMALL as usize);
}

#[given("the operator wants to read the large value")]
async fn wants_large(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_account(0)?.device;
    let act = Act::Get {
        uri: LARGE.to_owned(),
    };
    scene
        .stage
        .operate_dm(Operation::Plan { device, act })
        .await?;
    Ok(())
}

#[then("the server takes each part of it")]
fn takes_parts(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::TakesParts { session })
}

#[given("the operator wants to read more than fits into one")]
async fn wants_much(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_account(0)?.device;
    for number in 0..MANY {
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
        wanted: MANY,
    })
}

/// Only who is asked for something tells the server which nonce comes next.
#[given("a device that has had a session")]
async fn has_had_one(world: &mut World) -> Result<(), Halted> {
    wants(world).await?;
    session(world).await?;
    let scene = world.scene();
    let device = scene.dm_device()?;
    let last = scene
        .stage
        .look(&device, |client| client.ended().last().cloned());
    match last.map(|ended| ended.how) {
        Some(End::Complete) => Ok(()),
        how => {
            let how = how.map_or("it did not end".to_owned(), |how| format!("{how:?}"));
            let why = format!("the device had no session with the server: {how}");
            Err(scene.inconclusive(why))
        }
    }
}

#[when("the device begins another session")]
async fn another_session(world: &mut World) -> Result<(), Halted> {
    session(world).await
}

#[then("the server does not ask the device for it again")]
fn not_repeated(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::NotRepeated {
            session,
            command: "Get".to_owned(),
            uri: READ.to_owned(),
        })
}

#[when("the device begins a session")]
async fn session(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let server = scene.dm_account(0)?.server_id;
    scene.dm_visit(&server).await
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

#[then("each of the commands of the server has a number of its own")]
fn numbered(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::Numbered { session })
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
        // A challenge is no answer to what it wants.
        codes: (400..600)
            .filter(|code| ![401, 407].contains(code))
            .collect(),
    })
}
