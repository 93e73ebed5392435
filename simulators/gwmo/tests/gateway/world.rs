//! The parties and the network between them.

mod people;
mod wires;
mod wishes;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_dm::client::rules::decide::Rules;
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::client::{self, Client};
use twinproof_dm::server::{self, Enrolment};
use twinproof_dm::store::Tree;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::rules::decide::Rules as Decisions;
use twinproof_gwmo::gateway::{Gateway, Mode, Provision, Setup, Shared};
use twinproof_gwmo::lines::{self, Simple};
use twinproof_gwmo::manager::{Answer, Manager};
use twinproof_gwmo::network::Hiding;
use twinproof_gwmo::objects::{Names, profile};
use twinproof_kernel::http::Request;
use twinproof_kernel::{CallId, ExchangeId, Input, Records, Role, Seed, Time};

use people::{account, described, device_url, foreign, proof, simple_at};
pub use people::{leaf, lines_at};

/// What the origin has.
pub const FIRMWARE: &[u8] = b"new firmware";

/// What devices start when a server wants it.
pub const TASK: &str = "./Vendor/Task";

/// What devices have that can be read.
pub const VALUE: &str = "./Vendor/Open/Value";

const SERVER: &str = "http://server/dm";

/// The gateways, by their hosts.
const HOSTS: [&str; 2] = ["gateway", "elsewhere"];

/// The place of [`TASK`].
const TASK_DESCRIBED: &str = "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>Task</NodeName>\
    <Path>./Vendor</Path><DFProperties><AccessType><Get/><Exec/></AccessType><DFFormat><chr/></DFFormat>\
    <Occurrence><One/></Occurrence><DFType><MIME>text/plain</MIME></DFType></DFProperties></Node></MgmtTree>";

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Server,
    Gateway(usize),
    Device(usize),
}

/// A report, as it was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// From which gateway.
    pub site: usize,
    pub report: Report,
    pub correlator: Option<String>,
    pub value: String,
}

/// A gateway, and what it has written down.
struct Site {
    gateway: Gateway,
    setup: Setup,
    stored: Records,
}

/// What is worth knowing of a device beside itself.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Behind which gateway it is.
    pub site: usize,
    /// Nothing reaches it.
    pub unplugged: bool,
    /// It takes notifications and does not come.
    pub deaf: bool,
    /// It falls silent once its next message was answered.
    pub dies: bool,
    /// What comes for it waits.
    pub slow: bool,
}

/// Devices of DM come first, then those that speak in lines.
pub struct World {
    manager: Manager,
    enrolments: Vec<Enrolment>,
    managers: server::Shared,
    sites: Vec<Site>,
    /// The gateway that is spoken of.
    at: usize,
    gateways: Shared,
    devices: Vec<Client>,
    simple: Vec<Simple>,
    clients: client::Shared,
    places: Vec<Place>,
    network: Hiding,
    now: Time,
    pending: VecDeque<(Party, ExchangeId, Request)>,
    /// What waits for slow devices.
    held: Vec<(Party, ExchangeId, Request)>,
    datagrams: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    answers: BTreeMap<CallId, Answer>,
    calls: u64,
    exchanges: u64,
    cut: bool,
    fetched: usize,
    heard: Vec<Heard>,
    instances: usize,
}

struct Deaf;

impl Rules for Deaf {
    fn triggered(&self, _facts: TriggerFacts) -> Triggered {
        Triggered::Ignore
    }
}

impl World {
    /// A gateway with an account of the server, and devices `d1`, `d2`, ... that know the gateway only.
    pub fn new(devices: usize) -> Self {
        Self::of(1, devices, 0, None)
    }

    /// So many gateways that know the same devices: those, and `l1`, `l2`, ... that speak in lines.
    pub fn of(
        sites: usize,
        devices: usize,
        simple: usize,
        rules: Option<Arc<dyn Decisions>>,
    ) -> Self {
        let (own, server) = (proof("gateway", "g-secret"), proof("S", "s-secret"));
        let seed = Seed::new(5);
        let accounts = [account("S", SERVER, &own, &server)];
        let described = Arc::new(described());
        let below = proof("G", "for devices");
        let made = (1..=devices).map(|number| {
            let id = format!("d{number}");
            let own = proof(&id, &format!("secret of {id}"));
            let url = device_url(0);
            let accounts = [account("G", &url, &own, &below)];
            let mut tree = Tree::of_device(Arc::clone(&described), &id, &accounts);
            tree.set(&VALUE.parse().unwrap(), id.as_str());
            let provision = Provision {
                device: id.clone(),
                mode: Mode::Proxy,
                client: Some(own),
                server: Some(below.clone()),
                push: format!("http://{id}/push"),
                adapted: None,
                fresh: None,
            };
            (Client::new(tree, seed.derive(&id)), provision)
        });
        let (devices, mut provisions): (Vec<_>, Vec<_>) = made.unzip();
        provisions.extend((1..=simple).map(foreign));
        let simple = (1..=simple).map(|number| {
            Simple::new(&format!("l{number}"), "key", simple_at(number))
                .with_value("value", &format!("l{number}"))
                .with_action("task")
        });
        let simple: Vec<Simple> = simple.collect();
        let sites = (0..sites).map(|site| {
            let id = HOSTS[site];
            let objects = Arc::new(profile(seed.derive(id), &Names::default()));
            let setup = Setup {
                tree: Tree::of_device(objects, id, &accounts),
                base: format!("http://{id}"),
                id: "G".to_owned(),
                devices: provisions.clone(),
                lines: Some(lines_at(site)),
                lwm2m: None,
            };
            Site {
                gateway: Gateway::new(setup.clone(), seed.derive(id)),
                setup,
                stored: Records::new(),
            }
        });
        let sites: Vec<Site> = sites.collect();
        let enrolments = HOSTS.iter().take(sites.len()).map(|id| Enrolment {
            device: (*id).to_owned(),
            client: Some(own.clone()),
            server: Some(server.clone()),
        });
        let mut gateways = Shared::default();
        if let Some(rules) = rules {
            gateways.rules = rules;
        }
        let enrolments: Vec<Enrolment> = enrolments.collect();
        let mut world = Self {
            manager: Manager::new("S", SERVER, seed.derive("server"), enrolments.clone()),
            enrolments,
            managers: server::Shared::default(),
            places: vec![Place::default(); devices.len() + simple.len()],
            sites,
            at: 0,
            gateways,
            devices,
            simple,
            clients: client::Shared::default(),
            network: Hiding::new(Duration::from_secs(30)),
            now: Time::ZERO,
            pending: VecDeque::new(),
            held: Vec::new(),
            datagrams: VecDeque::new(),
            answers: BTreeMap::new(),
            calls: 0,
            exchanges: 0,
            cut: false,
            fetched: 0,
            heard: Vec::new(),
            instances: 0,
        };
        world.restart();
        world
    }

    /// From now on another gateway is spoken of.
    pub fn turn_to(&mut self, site: usize) {
        self.at = site;
    }

    pub fn gateway(&self) -> &Gateway {
        &self.sites[self.at].gateway
    }

    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    pub fn network(&self) -> &Hiding {
        &self.network
    }

    pub fn device(&self, number: usize) -> &Client {
        &self.devices[number - 1]
    }

    pub fn device_mut(&mut self, number: usize) -> &mut Client {
        &mut self.devices[number - 1]
    }

    /// The device with this number that speaks in lines.
    pub fn simple(&self, number: usize) -> &Simple {
        &self.simple[number - 1 - self.devices.len()]
    }

    pub fn place(&mut self, number: usize) -> &mut Place {
        &mut self.places[number - 1]
    }

    pub fn names(&self) -> Names {
        self.gateways.names.clone()
    }

    pub fn fetched(&self) -> usize {
        self.fetched
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// A device goes behind another gateway, and learns where that is.
    pub fn move_to(&mut self, number: usize, site: usize) {
        self.place(number).site = site;
        if let Some(device) = self.devices.get_mut(number - 1) {
            let at = "./DMAcc/1/AppAddr".parse().unwrap();
            let node = device.tree().node(&at).unwrap();
            let name = node.children().next().unwrap().0.to_owned();
            let at = at.child(name).child("Addr");
            device.tree_mut().set(&at, device_url(site));
        }
    }

    /// A device that speaks in lines is told something.
    pub fn order_simple(&mut self, number: usize, order: lines::Order) {
        self.calls += 1;
        let call = CallId(self.calls);
        let index = number - 1 - self.devices.len();
        self.tell_simple(index, Input::Order { call, order });
        self.settle();
    }

    /// What waited for a slow device comes to it.
    pub fn release(&mut self, number: usize) {
        self.place(number).slow = false;
        let host = format!("http://d{number}/");
        let (now, later) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(_, _, request)| request.url.starts_with(&host));
        self.held = later;
        let now: Vec<_> = now;
        self.pending.extend(now);
        self.settle();
    }

    /// The gateways start anew, with what they have written down.
    pub fn restart(&mut self) {
        let hosts = HOSTS.iter().take(self.sites.len());
        for (site, host) in hosts.enumerate() {
            let Site { setup, stored, .. } = &self.sites[site];
            let stored = stored.clone();
            let seed = Seed::new(5).derive(host);
            self.sites[site].gateway = Gateway::new(setup.clone(), seed);
            self.tell_gateway(site, Input::Restored(&stored));
        }
        self.settle();
    }

    /// No session of the gateway with the server comes about.
    pub fn cut_north(&mut self, cut: bool) {
        self.cut = cut;
    }

    pub fn unplug(&mut self, number: usize) {
        self.place(number).unplugged = true;
    }

    pub fn deafen(&mut self, number: usize) {
        self.place(number).deaf = true;
    }

    /// A device begins a session with the gateway.
    pub fn attach(&mut self, number: usize) {
        let order = client::Order::Start {
            server: "G".to_owned(),
        };
        self.calls += 1;
        let call = CallId(self.calls);
        self.tell_device(number, Input::Order { call, order });
        self.settle();
    }

    pub fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        let next = |world: &Self| {
            let sites = world.sites.iter().zip(0..);
            let due = sites.filter_map(|(site, at)| Some((site.gateway.next_deadline()?, at)));
            due.min().filter(|(at, _)| *at <= end)
        };
        while let Some((at, site)) = next(self) {
            self.now = self.now.max(at);
            self.tell_gateway(site, Input::Wake);
            self.settle();
        }
        self.now = end;
    }

    /// The server starts anew with the accounts that it had, and knows no nonce any more.
    pub fn forget(&mut self) {
        let seed = Seed::new(5).derive("another server");
        let role = Manager::new("S", SERVER, seed, self.enrolments.clone());
        // The gateway knows the sessions that it was told of before.
        self.manager = role.announcing_after(self.manager.announced());
    }
}
