//! Devices that come and go, and what the gateway's objects say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::client::{self, Client, Own};
use twinproof_dm::server::{self, Enrolment};
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::upper::{Act, Event, Outcome, Put, Value};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::{self, Hidden};
use twinproof_gwmo::manager::{Answer, Manager, Order};
use twinproof_gwmo::objects::{CONFIG, FANOUT, IMAGES, INVENTORY, Names, TRIGGERS};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::gwmo::{Check as Gwmo, Listed};
use twinproof_judge::profile;
use twinproof_judge::scene::SUT;
use twinproof_kernel::hook::Hook;
use twinproof_stage::{Halted, Handle};

use crate::target::{dm_server, gateway_device};
use crate::world::{Scene, World};

/// Where the objects of a gateway are.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects {
    pub(super) config: String,
    pub(super) inventory: String,
    pub(super) fanouts: String,
    pub(super) images: String,
    /// Not every gateway has those.
    pub(super) triggers: Option<String>,
}

/// What devices have that can be read, and changed.
pub(super) const NODE: &str = "./Vendor/Open/Twinproof";

/// How long a gateway is left alone at least before its records are read once more.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes notifications and begins no session.
struct Asleep;

impl Rules for Asleep {
    fn triggered(&self, _facts: TriggerFacts) -> Triggered {
        Triggered::Ignore
    }
}

/// What a device says that has this number, if it is asked for the node that can be read.
pub(super) fn says(number: usize) -> String {
    format!("what device {} has", number + 1)
}

/// What a device says it is that has this number.
pub(super) fn model(number: usize) -> String {
    format!("model {}", number + 1)
}

pub(super) fn text(uri: String, format: Option<&str>, value: &str) -> Put {
    Put {
        uri,
        format: format.map(str::to_owned),
        media_type: None,
        value: Some(Value::Text(value.to_owned())),
    }
}

impl Scene {
    pub(super) fn gateway(&mut self) -> Result<profile::Gwmo, Halted> {
        match self.profile.profile.gwmo.clone() {
            Some(gateway) => Ok(gateway),
            None => Err(self.inconclusive("the profile has no [gwmo] section")),
        }
    }

    /// The number in the profile of the device of a mode that is the one after so many.
    pub(super) fn numbered(&mut self, mode: Mode, after: usize) -> Result<usize, Halted> {
        let gateway = self.gateway()?;
        let devices = gateway.devices.iter().enumerate();
        let mut own = devices.filter(|(_, device)| device.is_settled_in(mode));
        match own.nth(after) {
            Some((number, _)) => Ok(number),
            None => {
                let mode = serde_json::to_string(&mode).unwrap_or_default();
                let why = format!(
                    "the profile has no {} [[gwmo.device]] with mode = {mode}",
                    after + 1
                );
                Err(self.inconclusive(why))
            }
        }
    }

    pub(super) fn identity(&mut self, number: usize) -> Result<String, Halted> {
        let gateway = self.gateway()?;
        let device = gateway.devices.get(number);
        Ok(device
            .map(|device| device.account.device.clone())
            .unwrap_or_default())
    }

    /// The server, which enters when it is first spoken of.
    pub(super) fn manager(&mut self) -> Result<Handle<Manager>, Halted> {
        if let Some(server) = &self.gwmo.server {
            return Ok(server.clone());
        }
        let gateway = self.gateway()?;
        let name = dm_server(&self.profile.profile);
        let enrolment = Enrolment {
            device: gateway.account.device.clone(),
            client: gateway.account.proof_of_device(),
            server: gateway.account.proof_of_server(),
        };
        let newborn = gateway.devices.iter().filter_map(|d| d.fresh.as_ref());
        let newborn = newborn.map(|fresh| Enrolment {
            device: fresh.account.device.clone(),
            client: fresh.account.proof_of_device(),
            server: fresh.account.proof_of_server(),
        });
        let own = self.gwmo.routable.then(|| self.routable_account());
        let own = own.transpose()?.map(|account| Enrolment {
            device: account.device.clone(),
            client: account.proof_of_device(),
            server: account.proof_of_server(),
        });
        let known = std::iter::once(enrolment).chain(newborn).chain(own);
        let known = known.collect();
        let url = gateway.server.unwrap_or_default();
        let id = &gateway.account.server_id;
        let role = Manager::new(id, &url, self.seed.derive(name), known);
        let role = self.with_memory(role, name, &gateway.account.device);
        let server = self
            .stage
            .enter(name, role, Arc::new(server::Shared::default()));
        self.gwmo.server = Some(server.clone());
        // A gateway that has a second server reports to that, too.
        if gateway.other.is_some() {
            self.other_manager()?;
        }
        if gateway.https.is_some_and(|https| https.server.is_some()) {
            self.secured_manager()?;
        }
        Ok(server)
    }

    /// A device, which enters when it is first spoken of. `secret` stands for its password, or for what it shares with
    /// its network if it has no account.
    pub(super) fn hidden(
        &mut self,
        number: usize,
        secret: Option<&str>,
    ) -> Result<Handle<Hidden>, Halted> {
        if let Some(device) = self.gwmo.devices.get(&number) {
            return Ok(device.clone());
        }
        // The server is there before anybody can be announced to it.
        self.manager()?;
        let gateway = self.gateway()?;
        let Some(described) = gateway.devices.get(number) else {
            return Err(self.inconclusive(format!("the profile has no device {number}")));
        };
        let mut account = described.account.clone();
        if let Some(password) = secret {
            account.password = Some(password.to_owned());
        }
        let bootstrap = described.fresh.as_ref().map(|fresh| Own {
            network_ids: vec![secret.unwrap_or(&fresh.network_id).to_owned()],
            ..Own::default()
        });
        let is_routable = self.gwmo.routable && described.mode == Mode::Transparent;
        let accounts = match bootstrap {
            Some(_) => Vec::new(),
            None if is_routable => {
                let server = gateway.server.clone().unwrap_or_default();
                vec![self.routable_account()?.at(&server)]
            }
            None => vec![account.at(&gateway.devices_at)],
        };
        let mut tree = Tree::of_device(Arc::new(Profile::builtin()), &account.device, &accounts);
        if let Ok(node) = NODE.parse() {
            tree.set(&node, says(number));
        }
        if let Ok(node) = "./DevInfo/Mod".parse() {
            tree.set(&node, model(number));
        }
        let name = gateway_device(number);
        let rules: Arc<dyn Rules> = match described.mode {
            Mode::Transparent if !is_routable => Arc::new(Asleep),
            Mode::Proxy | Mode::Adaptation | Mode::Transparent => Arc::new(Standard),
        };
        let shared = client::Shared {
            rules,
            bootstrap,
            max_messages: 100,
            ..client::Shared::default()
        };
        let role = Hidden::new(Client::new(tree, self.seed.derive(&name)));
        let device = self.stage.enter(&name, role, Arc::new(shared));
        if !is_routable {
            self.stage.hide(&name);
        }
        self.gwmo.devices.insert(number, device.clone());
        Ok(device)
    }

    /// Has a device come to the gateway, and waits until its session has ended.
    pub(super) async fn come_to_gateway(
        &mut self,
        number: usize,
        password: Option<&str>,
    ) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let device = self.hidden(number, password)?;
        let before = self
            .stage
            .look(&device, |device| device.client().ended().len());
        let described = gateway.devices.get(number);
        let server = described.map(|device| device.account.server_id.clone());
        let order = hidden::Order::Come {
            server: server.unwrap_or_default(),
        };
        self.stage.act(&device, order).await?;
        let ended = move |device: &Hidden| device.client().ended().len() > before;
        let (what, patience) = (
            "the device's session has ended",
            gateway.patience.duration(),
        );
        if !self.stage.wait_for(&device, what, patience, ended).await {
            let why = "the device's session with the gateway did not end in time (gwmo.patience)";
            return Err(self.inconclusive(why));
        }
        Ok(())
    }

    /// A device falls silent in the middle of its next session.
    pub(super) async fn dying(&mut self, number: usize) -> Result<(), Halted> {
        let device = self.hidden(number, None)?;
        self.stage.act(&device, hidden::Order::Die).await?;
        Ok(())
    }

    pub(super) async fn part(&mut self, number: usize) -> Result<(), Halted> {
        let device = self.hidden(number, None)?;
        self.stage.act(&device, hidden::Order::Go).await?;
        Ok(())
    }

    /// A device loses what can be read of it.
    pub(super) async fn forget(&mut self, number: usize) -> Result<(), Halted> {
        let device = self.hidden(number, None)?;
        let uri = NODE.to_owned();
        self.stage
            .act(&device, hidden::Order::Forget { uri })
            .await?;
        Ok(())
    }

    /// Has the gateway do things in a session with the server.
    pub(super) async fn manage(&mut self, acts: Vec<Act>) -> Result<Vec<Outcome>, Halted> {
        let gateway = self.gateway()?;
        let server = self.manager()?;
        let order = Order::Manage {
            device: gateway.account.device.clone(),
            push: gateway.push.clone(),
            acts,
        };
        let patience = gateway.patience.duration();
        match self.stage.act_within(&server, order, patience).await? {
            Answer::Done(outcomes) => Ok(outcomes),
            Answer::Refused(why) => {
                Err(self.inconclusive(format!("the gateway (gwmo.push): {why}")))
            }
            Answer::Composed(_) | Answer::Pushed(_) => Ok(Vec::new()),
        }
    }

    /// The same, where nothing can go on unless the gateway does it.
    pub(super) async fn manage_well(&mut self, acts: Vec<Act>) -> Result<Vec<Outcome>, Halted> {
        let outcomes = self.manage(acts).await?;
        let told = outcomes.iter().flat_map(|outcome| &outcome.statuses);
        let mut refused = told.filter(|told| !(200..300).contains(&told.code));
        if let Some(told) = refused.next() {
            let why = format!(
                "the gateway answered {} to {} (gwmo.names)",
                told.code, told.command
            );
            return Err(self.inconclusive(why));
        }
        Ok(outcomes)
    }

    /// Where the gateway's objects are: below its root, by their types.
    pub(super) async fn objects(&mut self) -> Result<Objects, Halted> {
        if let Some(objects) = &self.gwmo.objects {
            return Ok(objects.clone());
        }
        let get = |uri: String| Act::Get { uri };
        let root = self.manage_well(vec![get(".".to_owned())]).await?;
        let names: Vec<String> = first(&root).split('/').map(str::to_owned).collect();
        let asked = names.iter().map(|name| get(format!("./{name}?prop=Type")));
        let types = self.manage(asked.collect()).await?;
        let at = |kind: &str| {
            let mut found = names.iter().zip(&types);
            let found =
                found.find(|(_, outcome)| first(std::slice::from_ref(*outcome)).starts_with(kind));
            found.map(|(name, _)| format!("./{name}"))
        };
        let mut objects = Objects {
            triggers: at(TRIGGERS),
            ..Objects::default()
        };
        let places = [
            (&mut objects.config, CONFIG),
            (&mut objects.inventory, INVENTORY),
            (&mut objects.fanouts, FANOUT),
            (&mut objects.images, IMAGES),
        ];
        for (place, kind) in places {
            match at(kind) {
                Some(found) => *place = found,
                None => {
                    let why =
                        format!("the gateway has no object of the type {kind} below its root");
                    return Err(self.inconclusive(why));
                }
            }
        }
        self.gwmo.objects = Some(objects.clone());
        Ok(objects)
    }

    /// Asks the gateway once more where its objects are: whatever it did before, it has done then.
    pub(super) async fn objects_again(&mut self) -> Result<(), Halted> {
        self.gwmo.objects = None;
        self.objects().await.map(|_| ())
    }

    pub(super) fn judge_gateway(&mut self, check: impl FnOnce(Session) -> Gwmo) {
        let party = dm_server(&self.profile.profile).to_owned();
        let session = self.since(party);
        self.check(&Check::Gwmo(check(session)));
    }

    /// What a party and the gateway have said since what is judged began.
    pub(super) fn since(&self, party: String) -> Session {
        Session {
            party,
            after: self.gwmo.after,
            upto: Some(self.stage.recorded()),
        }
    }

    /// Reads the inventory, and judges what it says of the first device.
    async fn listed(&mut self, status: Option<String>) -> Result<(), Halted> {
        let number = self.numbered(Mode::Proxy, 0)?;
        let device = self.identity(number)?;
        let says = Vec::new();
        let listed = Listed {
            device,
            status,
            says,
        };
        self.all_listed(vec![listed]).await
    }

    /// Reads the inventory, and judges what it says of devices.
    pub(super) async fn all_listed(&mut self, devices: Vec<Listed>) -> Result<(), Halted> {
        let names = self.gateway()?.names;
        let patience = self.gateway()?.patience.duration();
        let began = self.stage.now();
        // How soon a record says what has happened is the gateway's affair within its time (GW-D24): what it says last
        // is judged.
        let (records, after) = loop {
            let after = self.stage.recorded();
            let (records, read) = self.records_of(&devices).await?;
            let is_over = self.stage.now().since(began) >= patience;
            if is_over || devices.iter().all(|listed| shows(&names, &read, listed)) {
                break (records, after);
            }
            let pause = self.stage.pace().settle.max(PAUSE);
            self.stage.rest(pause).await;
        };
        let party = dm_server(&self.profile.profile).to_owned();
        let session = Session {
            after,
            ..self.since(party)
        };
        self.check(&Check::Gwmo(Gwmo::Listed {
            session,
            records,
            device: names.record_device,
            status: names.record_status,
            devices,
        }));
        Ok(())
    }

    /// Reads all records, and of each what is expected of these devices. Returns where records are.
    pub(super) async fn read_records(&mut self, devices: &[Listed]) -> Result<String, Halted> {
        Ok(self.records_of(devices).await?.0)
    }

    /// The same, with what was read.
    pub(super) async fn records_of(
        &mut self,
        devices: &[Listed],
    ) -> Result<(String, Vec<Outcome>), Halted> {
        let names = self.gateway()?.names;
        let records = format!("{}/{}", self.objects().await?.inventory, names.records);
        let read = self
            .manage_well(vec![Act::Get {
                uri: records.clone(),
            }])
            .await?;
        let instances = first(&read);
        let more = devices.iter().flat_map(|listed| &listed.says);
        let more: BTreeSet<&String> = more.map(|(leaf, _)| leaf).collect();
        let leaves: Vec<&String> = [&names.record_device, &names.record_status]
            .into_iter()
            .chain(more)
            .collect();
        let acts = instances
            .split('/')
            .filter(|name| !name.is_empty())
            .flat_map(|name| {
                let record = format!("{records}/{name}");
                let read = leaves.iter().map(move |leaf| Act::Get {
                    uri: format!("{record}/{leaf}"),
                });
                read.collect::<Vec<_>>()
            });
        let acts: Vec<Act> = acts.collect();
        let outcomes = match acts.is_empty() {
            true => Vec::new(),
            false => self.manage(acts).await?,
        };
        Ok((records, outcomes))
    }

    pub(super) async fn set_gateway(&mut self, setting: &str, on: bool) -> Result<(), Halted> {
        if !on {
            self.gwmo.switched_off.push(setting.to_owned());
        }
        let at = format!("{}/{setting}", self.objects().await?.config);
        let value = if on { "true" } else { "false" };
        let replace = Act::Replace(text(at, Some("bool"), value));
        self.manage_well(vec![replace]).await?;
        Ok(())
    }

    /// Waits until the server was told something, or the gateway's time is over.
    pub(super) async fn wait_until_told(
        &mut self,
        report: Report,
        correlator: Option<String>,
    ) -> Result<bool, Halted> {
        let told = move |server: &Manager| {
            let told = server.told();
            let mut of_kind = told.iter().filter(|told| told.report == report);
            of_kind.any(|told| correlator.is_none() || told.correlator == correlator)
        };
        self.wait_until_server(told).await
    }

    /// How often the server was told something until now.
    pub(super) fn times_told(&mut self, report: Report) -> Result<usize, Halted> {
        let server = self.manager()?;
        Ok(self.stage.look(&server, |server| told_of(server, report)))
    }

    /// Waits until the server was told something more often than that, or the gateway's time is over.
    pub(super) async fn wait_until_told_more(
        &mut self,
        report: Report,
        before: usize,
    ) -> Result<bool, Halted> {
        let more = move |server: &Manager| told_of(server, report) > before;
        self.wait_until_server(more).await
    }

    /// Waits until the server was told that, or the gateway's time is over; and until its sessions have ended.
    pub(super) async fn wait_until_server(
        &mut self,
        told: impl Fn(&Manager) -> bool + Send + 'static,
    ) -> Result<bool, Halted> {
        let patience = self.gateway()?.patience.duration();
        let server = self.manager()?;
        let came = self
            .stage
            .wait_for(&server, "the server is told", patience, told)
            .await;
        // What it was told in is at its end once the session is.
        let ended = |server: &Manager| {
            let count = |of: fn(&Event) -> bool| server.events().iter().filter(|e| of(e)).count();
            count(|e| matches!(e, Event::Ended { .. }))
                >= count(|e| matches!(e, Event::Started { .. }))
        };
        self.stage
            .wait_for(&server, "its sessions have ended", patience, ended)
            .await;
        Ok(came)
    }
}

/// How often a server was told something.
fn told_of(server: &Manager, report: Report) -> usize {
    let told = server.told();
    let of_kind = told.iter().filter(|told| told.report == report);
    of_kind.count()
}

/// The first thing that was read.
pub(super) fn first(outcomes: &[Outcome]) -> String {
    let mut readings = outcomes.iter().flat_map(|outcome| &outcome.results);
    match readings.next().and_then(|reading| reading.value.clone()) {
        Some(Value::Text(text)) => text,
        Some(Value::Octets(octets)) => String::from_utf8_lossy(&octets).into_owned(),
        None => String::new(),
    }
}

#[given("a device that has attached")]
async fn attached(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.come_to_gateway(number, None).await
}

#[given("three devices that have attached")]
async fn three_attached(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for after in 0..3 {
        let number = scene.numbered(Mode::Proxy, after)?;
        scene.come_to_gateway(number, None).await?;
    }
    Ok(())
}

#[given("two devices that have attached")]
async fn two_attached(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for after in 0..2 {
        let number = scene.numbered(Mode::Proxy, after)?;
        scene.come_to_gateway(number, None).await?;
    }
    Ok(())
}

#[when("the device attaches again")]
async fn attaches_again(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.gwmo.after = scene.stage.recorded();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.come_to_gateway(number, None).await
}

#[when("the third goes, and the server has the gateway read something of it")]
async fn third_goes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 2)?;
    scene.part(number).await?;
    scene.read_of_devices(&[2]).await
}

#[then("the record of each says what it is")]
async fn described(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let names = scene.gateway()?.names;
    let mut devices = Vec::new();
    for after in 0..2 {
        let number = scene.numbered(Mode::Proxy, after)?;
        devices.push(Listed {
            device: scene.identity(number)?,
            status: Some(names.status_attached.clone()),
            says: vec![(names.record_model.clone(), model(number))],
        });
    }
    scene.all_listed(devices).await
}

#[when("the device attaches again that has gone")]
async fn returns(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    let detached = scene.gateway()?.names.status_detached;
    let status = scene.status_of(number).await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.come_to_gateway(number, None).await?;
    match status {
        Some(status) if status == detached => Ok(()),
        // Whom it never took for gone has not returned.
        other => {
            let why = format!(
                "expected {detached:?} of a device that has gone, got {other:?} (gwmo.names)"
            );
            Err(scene.inconclusive(why))
        }
    }
}

#[when("a device attaches that shows a wrong password, and another that shows the right one")]
async fn attaches_with_another(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.is_announced(number).await?;
    scene.gwmo.after = scene.stage.recorded();
    scene
        .come_to_gateway(number, Some("not the password"))
        .await?;
    let number = scene.numbered(Mode::Proxy, 1)?;
    scene.come_to_gateway(number, None).await
}

#[then("the inventory has a record of the second alone")]
async fn is_second(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let attached = scene.gateway()?.names.status_attached;
    let mut devices = Vec::new();
    for (after, status) in [(0, None), (1, Some(attached))] {
        let number = scene.numbered(Mode::Proxy, after)?;
        devices.push(Listed {
            device: scene.identity(number)?,
            status,
            says: Vec::new(),
        });
    }
    scene.all_listed(devices).await
}

#[when("the device goes, and the server has the gateway read something of it")]
async fn goes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.part(number).await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.read_of_devices(&[0]).await
}

#[then("the inventory has one record of the device, which is attached")]
async fn is_attached(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let status = scene.gateway()?.names.status_attached;
    scene.listed(Some(status)).await
}

#[then("the inventory has one record of the device, which is detached")]
async fn is_detached(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let status = scene.gateway()?.names.status_detached;
    scene.listed(Some(status)).await
}

#[given("the server has switched the keeping of images off")]
async fn keeping_off(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let setting = scene.gateway()?.names.keep_images;
    scene.set_gateway(&setting, false).await
}

#[when("the gateway is restarted")]
async fn restarted(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.stage.hook(SUT, Hook::Restart).await?;
    scene.gwmo.after = scene.stage.recorded();
    Ok(())
}

#[then("the announcements of devices are still off")]
async fn still_off(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let setting = scene.gateway()?.names.report_attached;
    let uri = format!("{}/{setting}", scene.objects().await?.config);
    scene.manage(vec![Act::Get { uri: uri.clone() }]).await?;
    scene.judge_gateway(|session| Gwmo::Shows {
        session,
        uri,
        value: "false".to_owned(),
    });
    Ok(())
}

impl Scene {
    /// These were brought something, by their numbers in the profile: beside them, that others were not means something.
    pub(super) async fn were_reached(&mut self, numbers: &[usize]) -> Result<(), Halted> {
        let patience = self.gateway()?.patience.duration();
        for number in numbers {
            let device = self.hidden(*number, None)?;
            let what = "the gateway has brought the device something";
            let reached = |device: &Hidden| device.reached() > 0;
            if !self.stage.wait_for(&device, what, patience, reached).await {
                let why = format!(
                    "the gateway brought {} nothing, which something was for: what it left alone means nothing then",
                    gateway_device(*number)
                );
                return Err(self.inconclusive(why));
            }
        }
        Ok(())
    }

    /// What the inventory says last of whether a device is there.
    async fn status_of(&mut self, number: usize) -> Result<Option<String>, Halted> {
        let names = self.gateway()?.names;
        let device = self.identity(number)?;
        let listed = Listed {
            device: device.clone(),
            status: None,
            says: Vec::new(),
        };
        let (_, read) = self.records_of(&[listed]).await?;
        Ok(leaf_of(&names, &read, (&device, &names.record_status)))
    }
}

/// Whether what was read is what is expected of a device.
fn shows(names: &Names, read: &[Outcome], listed: &Listed) -> bool {
    let leaf = |leaf: &str| leaf_of(names, read, (&listed.device, leaf));
    match &listed.status {
        None => leaf(&names.record_device).is_none(),
        Some(status) => {
            let shown = leaf(&names.record_status);
            let is_so = status.is_empty() || shown.as_ref() == Some(status);
            let mut says = listed.says.iter();
            is_so && says.all(|(name, value)| leaf(name).as_ref() == Some(value))
        }
    }
}

/// What the record of a device says at a leaf.
pub(super) fn leaf_of(
    names: &Names,
    read: &[Outcome],
    (device, leaf): (&str, &str),
) -> Option<String> {
    let readings: Vec<_> = read.iter().flat_map(|outcome| &outcome.results).collect();
    let said = |uri: &str| {
        let found = readings.iter().find(|reading| reading.uri == uri)?;
        match &found.value {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    };
    let suffix = format!("/{}", names.record_device);
    let mut own = readings
        .iter()
        .filter(|reading| reading.value == Some(Value::Text(device.to_owned())));
    let record = own.find_map(|reading| reading.uri.strip_suffix(suffix.as_str()))?;
    said(&format!("{record}/{leaf}"))
}
