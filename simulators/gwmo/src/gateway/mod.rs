//! The gateway: a client of its servers, a server of its devices, and what lies between.
//!
//! Above it is a DM client with the objects of [`objects`](crate::objects) in its tree. What servers put
//! there and start there is what it does with its devices: it runs fan-outs, relays notifications, fetches
//! images. Below it is a DM server for the devices that know no other.

mod adapt;
mod bootstrap;
mod errands;
mod fanout;
mod inventory;
mod reports;
pub mod rules;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_dm::client::{self, Client};
use twinproof_dm::provisioning::protection::{KeyForm, Method, Profile};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::store::Tree;
use twinproof_dm::syncml::Exec;
use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper;
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{
    CallId, Change, ExchangeId, Input, Outbox, Output, Records, Role, Seed, Time, WriteId,
};
use twinproof_lwm2m::wire::Version;

use crate::aggregate::Results;
use crate::objects::{Names, Places, below};
use adapt::Adapter;
pub use bootstrap::Fresh;
use errands::Errand;
use fanout::{Asked, Running};
use inventory::Device;
use reports::{Pending, Sent};
use rules::Above;
use rules::decide::{Rules, Standard};

/// How the type of an account starts, in whichever version.
const ACCOUNT: &str = "urn:oma:mo:oma-dm-dmacc:";

/// Where servers push notifications, below the gateway's own address.
pub const PUSH_PATH: &str = "/push";

/// Where its devices send their messages.
pub const DEVICE_PATH: &str = "/dm";

/// Below which its devices get images.
pub const IMAGE_PATH: &str = "/images";

/// The header field of a push that names the device which it is for. The name is registered; that its value
/// is the device's identifier as it is, is assumed.
pub const TARGET_FIELD: &str = "X-Oma-GwMO";

/// What stands for a device's identifier in a form of [`TARGET_FIELD`].
pub const NAMED: &str = "{device}";

/// How a gateway works for a device.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It passes notifications on; sessions are between device and server.
    Transparent,
    /// It manages the device itself, for the server.
    Proxy,
    /// It does so in another protocol, which is the device's own.
    Adaptation,
}

/// Who reaches devices where they take notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Servers reach those that have sessions with them. Where others are is no business of servers.
    #[default]
    Public,
    /// Nobody beyond the gateway, whose records say so of each.
    Private,
}

/// What devices speak that do not speak DM.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The small one of [`lines`](crate::lines).
    Lines,
    /// LwM2M.
    Lwm2m,
}

impl Protocol {
    /// What stands for it in a record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Lwm2m => "LwM2M",
        }
    }
}

/// A node of a device as servers see it, and what that is in the device's own protocol.
#[derive(
    Clone, Debug, PartialEq, Eq, schemars::JsonSchema, serde::Deserialize, serde::Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct Mapped {
    /// The node's address.
    pub node: String,
    /// What it is at the device: a name, or a path such as `/3/0/15`.
    pub is: String,
}

/// How a device of another protocol is adapted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapted {
    /// What it speaks.
    pub protocol: Protocol,
    /// What it shows of itself, where its protocol has that.
    pub key: String,
    /// What servers see of it.
    pub nodes: Vec<Mapped>,
}

/// A device that may come to the gateway.
#[derive(Clone, Debug)]
pub struct Provision {
    /// What it calls itself.
    pub device: String,
    /// How the gateway works for it.
    pub mode: Mode,
    /// How it proves to the gateway who it is.
    pub client: Option<Proof>,
    /// How the gateway does.
    pub server: Option<Proof>,
    /// Where it takes notifications.
    pub push: String,
    /// How it is adapted, if it speaks another protocol.
    pub adapted: Option<Adapted>,
    /// What it is brought, if it has no account.
    pub fresh: Option<Fresh>,
}

/// What a gateway is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its tree: with the objects of gateways, and with accounts of its servers.
    pub tree: Tree,
    /// Its own address: an absolute URL without a slash at its end.
    pub base: String,
    /// What its devices know it as: the identifier of their account.
    pub id: String,
    /// The devices that may come.
    pub devices: Vec<Provision>,
    /// Where it hears devices that speak in lines.
    pub lines: Option<SocketAddr>,
    /// Where it hears devices of LwM2M.
    pub lwm2m: Option<SocketAddr>,
}

/// How gateways are set up.
#[derive(Clone)]
pub struct Shared {
    /// What the nodes of its objects are called.
    pub names: Names,
    /// What [`TARGET_FIELD`] says for a device: `{device}` stands for what it calls itself.
    pub named: String,
    /// What a push is answered with that was taken: an HTTP status.
    pub pushed: u16,
    /// Who reaches its devices.
    pub reach: Reach,
    /// Where it has the results of fan-outs.
    pub results: Results,
    /// The octets of an image that it gets at a time; all of them if none.
    pub image_part: Option<u64>,
    /// Of which kind a bootstrap is that it brings a device, and how the identity of a subscriber goes into its
    /// key: as that kind has it if none.
    pub bootstrap: (Profile, Option<KeyForm>),
    /// By what it is protected.
    pub protection: Method,
    /// How many notifications and images may be under way at the same time; the others wait.
    pub at_once: usize,
    /// How long a fan-out waits that says no time.
    pub deadline: Duration,
    /// How long it waits until it reports again what could not be reported.
    pub retry: Duration,
    /// Its decisions.
    pub rules: Arc<dyn Rules>,
    /// Its side towards servers.
    pub client: client::Shared,
    /// Its side towards devices.
    pub server: server::Shared,
    /// Its side towards devices of LwM2M.
    pub lwm2m: twinproof_lwm2m::server::Shared,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            names: Names::default(),
            named: NAMED.to_owned(),
            pushed: 204,
            reach: Reach::default(),
            results: Results::default(),
            image_part: None,
            bootstrap: (Profile::Message, None),
            protection: Method::NetworkId,
            at_once: 32,
            deadline: Duration::from_secs(60),
            retry: Duration::from_secs(5),
            rules: Arc::new(Standard),
            client: client::Shared::default(),
            server: server::Shared::default(),
            lwm2m: twinproof_lwm2m::server::Shared::new(Version::V1_1),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// The gateway's core.
#[derive(Debug)]
pub struct Gateway {
    north: Client,
    south: Server,
    adapter: Adapter,
    places: Places,
    /// What its devices know it as.
    id: String,
    /// The first of its servers.
    above: Arc<Above>,
    base: String,
    /// It has recorded the devices that are there from the start.
    begun_to_record: bool,
    devices: BTreeMap<String, Device>,
    /// How many devices have a record, and how many of them are attached.
    recorded: [usize; 2],
    /// How many records there ever were.
    records: usize,
    running: Vec<Running>,
    /// What a call of the southern side is about.
    asked: BTreeMap<CallId, Asked>,
    calls: u64,
    errands: BTreeMap<ExchangeId, Errand>,
    /// What is to be sent once fewer are under way.
    waiting: VecDeque<(Errand, Request)>,
    exchanges: u64,
    reports: VecDeque<Pending>,
    /// The members that groups had last, where those outlive the groups.
    members: BTreeMap<String, Vec<String>>,
    /// The devices that came while announcements were off.
    missed: Vec<String>,
    sent: Option<Sent>,
    /// Not before then is it tried again.
    retry_at: Option<Time>,
    /// Something has happened on the northern side, and its tree was not looked at since.
    touched: bool,
    /// How many of the processes that servers started were begun.
    begun: usize,
    /// How many events of the southern side were heard.
    heard: usize,
    /// What was fetched, by where it comes from.
    images: BTreeMap<String, Vec<u8>>,
    /// Where an image that devices get comes from, by the last part of its path.
    served: BTreeMap<String, String>,
    /// Where the nonces of its accounts are.
    nonces: Vec<NodeUri>,
    /// It was set back: of what it wrote down it takes nonces alone.
    set_back: bool,
    /// What was written down: settings, by what they are called, and nonces, by where they are.
    saved: BTreeMap<String, Vec<u8>>,
    writes: u64,
}

/// One input.
struct Moment<'a> {
    shared: &'a Shared,
    now: Time,
    out: &'a mut Outbox<Infallible>,
}

impl Gateway {
    /// A gateway that starts.
    #[must_use]
    pub fn new(setup: Setup, seed: Seed) -> Self {
        let places = Places::of(&setup.tree);
        let own = setup
            .devices
            .iter()
            .filter(|device| device.adapted.is_none());
        let enrolments = own.map(|device| Enrolment {
            device: device.device.clone(),
            client: device.client.clone(),
            server: device.server.clone(),
        });
        let accounts = setup.tree.objects(ACCOUNT);
        let credentials = accounts.iter().flat_map(|at| {
            let above = at.child("AppAuth");
            let node = setup.tree.node(&above);
            let names = node.into_iter().flat_map(|node| node.children());
            names.map(move |(name, _)| above.child(name))
        });
        let nonces = credentials.map(|at| at.child("AAuthData")).collect();
        let above = accounts.first().map(|at| {
            let text = |at: &NodeUri| setup.tree.text(at).unwrap_or_default().to_owned();
            let places = at.child("AppAddr");
            let first = setup.tree.node(&places).and_then(|node| {
                let (name, _) = node.children().next()?;
                Some(places.child(name).child("Addr"))
            });
            let logins = at.child("AppAuth");
            let own = setup.tree.node(&logins).and_then(|node| {
                let (name, _) = node.children().next()?;
                Some(logins.child(name))
            });
            let own = |leaf| {
                own.as_ref()
                    .map_or_else(String::new, |at| text(&at.child(leaf)))
            };
            Above {
                id: text(&at.child("ServerID")),
                url: first.map_or_else(String::new, |at| text(&at)),
                name: own("AAuthName"),
                secret: own("AAuthSecret"),
            }
        });
        let above = above.unwrap_or_default();
        let url = format!("{}{DEVICE_PATH}", setup.base);
        let south = Server::new(&setup.id, &url, seed.derive("south"), enrolments.collect());
        // A device that moves between gateways of one name takes a number that it has heard for a copy.
        let announced = seed.derive("announced").rng().u16(..);
        let devices = setup.devices.into_iter().map(|provision| {
            let id = provision.device.clone();
            (id, Device::new(provision, announced))
        });
        Self {
            devices: devices.collect(),
            north: Client::new(setup.tree, seed.derive("north")),
            south,
            adapter: Adapter::new(setup.lines, setup.lwm2m, seed),
            places,
            id: setup.id,
            above: Arc::new(above),
            base: setup.base,
            begun_to_record: false,
            recorded: [0; 2],
            records: 0,
            running: Vec::new(),
            asked: BTreeMap::new(),
            calls: 0,
            errands: BTreeMap::new(),
            waiting: VecDeque::new(),
            exchanges: 0,
            reports: VecDeque::new(),
            missed: Vec::new(),
            members: BTreeMap::new(),
            sent: None,
            retry_at: None,
            touched: true,
            begun: 0,
            heard: 0,
            images: BTreeMap::new(),
            served: BTreeMap::new(),
            nonces,
            set_back: false,
            saved: BTreeMap::new(),
            writes: 0,
        }
    }

    /// The same with nothing but its accounts: it has none of the settings that it wrote down.
    #[must_use]
    pub fn set_back(mut self) -> Self {
        self.set_back = true;
        self
    }

    /// Its tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        self.north.tree()
    }

    /// Where its objects are.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Whether nothing is under way: no fan-out, no report, no session.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let reported = self.reports.is_empty() && self.sent.is_none();
        let quiet = self.errands.is_empty() && self.waiting.is_empty();
        self.running.is_empty() && reported && self.north.open() == 0 && quiet
    }

    /// Whether a setting is on.
    fn is_set(&self, path: &str) -> bool {
        self.tree().text(&below(&self.places.config, path)) == Some("true")
    }

    /// An input of the northern side.
    fn north(&mut self, moment: &mut Moment<'_>, input: Input<'_, client::Order>) {
        let mut out = Outbox::default();
        let shared = &moment.shared.client;
        self.north.handle(shared, moment.now, input, &mut out);
        self.touched = true;
        for output in out.drain() {
            match output {
                // Its exchanges have even numbers, the gateway's own odd ones.
                Output::Request {
                    exchange,
                    mut request,
                } => {
                    request.url = moment.shared.rules.reaches(request.url);
                    let exchange = ExchangeId(exchange.0 * 2);
                    moment.out.push(Output::Request { exchange, request });
                }
                Output::Respond {
                    exchange,
                    mut response,
                } => {
                    // All that it is asked is to take notifications.
                    if response.is_success() {
                        response.status = moment.shared.pushed;
                    }
                    moment.out.respond(exchange, response);
                }
                Output::Answer { .. }
                | Output::Datagram { .. }
                | Output::Persist { .. }
                | Output::Trust { .. } => {}
            }
        }
    }

    /// An input of the southern side, and the answers to its calls.
    fn south(
        &mut self,
        moment: &mut Moment<'_>,
        input: Input<'_, upper::Operation>,
    ) -> Vec<(CallId, upper::Answer)> {
        let mut out = Outbox::default();
        let shared = server::Shared {
            rules: Arc::new(rules::Below {
                rules: Arc::clone(&moment.shared.rules),
                above: Arc::clone(&self.above),
            }),
            ..moment.shared.server.clone()
        };
        self.south.handle(&shared, moment.now, input, &mut out);
        let mut answers = Vec::new();
        for output in out.drain() {
            match output {
                Output::Answer { call, answer } => answers.push((call, answer)),
                Output::Respond { exchange, response } => moment.out.respond(exchange, response),
                Output::Datagram { .. }
                | Output::Persist { .. }
                | Output::Request { .. }
                | Output::Trust { .. } => {}
            }
        }
        answers
    }

    fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    fn requested(&mut self, moment: &mut Moment<'_>, exchange: ExchangeId, request: &Request) {
        let path = request.path().to_owned();
        let target = request.headers.first(TARGET_FIELD);
        match (path.as_str(), target) {
            (DEVICE_PATH, _) => {
                let answers = self.south(moment, Input::Request { exchange, request });
                self.answered(answers);
            }
            (PUSH_PATH, Some(device)) => {
                let device = named(&moment.shared.named, device).to_owned();
                let status = self.relay(moment, &device, request);
                moment.out.respond(exchange, Response::new(status));
            }
            (PUSH_PATH, None) => self.north(moment, Input::Request { exchange, request }),
            _ => {
                let response = self.image(moment, request);
                moment.out.respond(exchange, response);
            }
        }
    }

    /// Goes on with what the input left to do.
    fn settle(&mut self, moment: &mut Moment<'_>) {
        self.listen(moment);
        let touched = std::mem::take(&mut self.touched);
        if touched {
            self.prepare(moment);
            self.take_images(moment);
            self.catch_up(moment);
        }
        let started = self.north.started()[self.begun..].to_vec();
        for exec in started {
            self.begun += 1;
            self.start(moment, &exec);
        }
        self.finish(moment);
        self.count(moment);
        if touched {
            self.save(moment);
        }
        self.report(moment);
    }

    /// The server that it speaks to, or else spoke to last.
    fn partner(&self) -> Option<String> {
        let running = self.north.partner().map(str::to_owned);
        let last = || self.north.ended().last().map(|ended| ended.server.clone());
        running.or_else(last)
    }

    /// A server has started something.
    fn start(&mut self, moment: &mut Moment<'_>, exec: &Exec) {
        let Some(server) = self.partner() else {
            return;
        };
        let names = &moment.shared.names;
        for item in &exec.items {
            let target = item
                .target
                .as_ref()
                .and_then(|target| target.uri.parse().ok());
            let Some(target): Option<NodeUri> = target else {
                continue;
            };
            let images = below(&self.places.images, &names.images);
            let triggers = below(&self.places.triggers, &names.triggers);
            let bootstraps = below(&self.places.inventory, &names.bootstraps);
            let instance = |of: &NodeUri, path: &str| {
                let at = of.child(target.names().get(of.names().len())?);
                (target.is_within(of) && below(&at, path) == target).then_some(at)
            };
            let correlator = exec.correlator.clone();
            if let Some(at) = instance(&self.places.fanouts, &names.start) {
                self.fan_out(moment, at, &server, correlator);
            } else if let Some(at) = instance(&images, &names.image_download) {
                self.download(moment, at, &server, correlator);
            } else if let Some(at) = instance(&bootstraps, &names.bootstrap_start) {
                self.bootstrap(moment, &at);
            } else if let Some(at) = instance(&triggers, &names.trigger_start) {
                self.hand_on(moment, at);
            }
        }
    }

    /// Nodes that a server starts things with are there once it has put something beside them.
    fn prepare(&mut self, moment: &Moment<'_>) {
        let names = &moment.shared.names;
        let images = below(&self.places.images, &names.images);
        let starts = [
            (self.places.fanouts.clone(), &names.start),
            (images, &names.image_download),
            (
                below(&self.places.triggers, &names.triggers),
                &names.trigger_start,
            ),
            (
                below(&self.places.inventory, &names.bootstraps),
                &names.bootstrap_start,
            ),
        ];
        for (above, start) in starts {
            let tree = self.north.tree();
            let instances = tree
                .node(&above)
                .into_iter()
                .flat_map(|node| node.children());
            let missing = instances
                .map(|(name, _)| below(&above.child(name), start))
                .filter(|at| tree.node(at).is_none());
            for at in missing.collect::<Vec<_>>() {
                self.north.tree_mut().set(&at, "");
            }
        }
    }

    /// Writes down what has changed and is to hold after a restart.
    fn save(&mut self, moment: &mut Moment<'_>) {
        let names = &moment.shared.names;
        let settings = [&names.report_attached, &names.keep_images];
        let settings = settings.map(|path| (path.clone(), below(&self.places.config, path)));
        let nonces = self.nonces.iter().map(|at| (at.to_string(), at.clone()));
        for (key, at) in settings.into_iter().chain(nonces).collect::<Vec<_>>() {
            let Some(value) = self
                .north
                .tree()
                .node(&at)
                .map(|node| node.value().to_vec())
            else {
                continue;
            };
            if self.saved.get(&key) != Some(&value) {
                self.saved.insert(key.clone(), value.clone());
                self.writes += 1;
                moment.out.push(Output::Persist {
                    write: WriteId(self.writes),
                    changes: vec![Change::Put(key, value)],
                });
            }
        }
    }

    /// Takes what was written down before a restart.
    fn restore(&mut self, moment: &Moment<'_>, records: &Records) {
        let holds = moment.shared.rules.restores(!records.is_empty()) && !self.set_back;
        for (key, value) in records {
            let nonce = self.nonces.iter().find(|at| at.to_string() == *key);
            let at = match nonce {
                Some(at) => at.clone(),
                None if holds => below(&self.places.config, key),
                None => continue,
            };
            self.north.tree_mut().set(&at, value.clone());
            self.saved.insert(key.clone(), value.clone());
        }
    }
}

/// The device that is named in a form.
fn named<'t>(form: &str, text: &'t str) -> &'t str {
    let (before, after) = form.split_once(NAMED).unwrap_or_default();
    let inner = text.strip_prefix(before);
    inner
        .and_then(|rest| rest.strip_suffix(after))
        .unwrap_or(text)
}

impl Role for Gateway {
    type Shared = Shared;
    type Order = Infallible;
    type Answer = Infallible;

    fn handle(
        &mut self,
        shared: &Shared,
        now: Time,
        input: Input<'_, Infallible>,
        out: &mut Outbox<Infallible>,
    ) {
        let mut moment = Moment { shared, now, out };
        if !std::mem::replace(&mut self.begun_to_record, true) {
            self.enlist(&moment);
        }
        match input {
            Input::Order { order, .. } => match order {},
            Input::Request { exchange, request } => self.requested(&mut moment, exchange, request),
            Input::Response { exchange, outcome } => match self.errands.remove(&exchange) {
                Some(errand) => {
                    self.returned(&mut moment, errand, outcome);
                    self.send_waiting(&mut moment);
                }
                None => {
                    let exchange = ExchangeId(exchange.0 / 2);
                    self.north(&mut moment, Input::Response { exchange, outcome });
                }
            },
            Input::Restored(records) => self.restore(&moment, records),
            Input::Datagram { at, from, bytes } => self.spoken(&mut moment, (at, from), bytes),
            Input::Wake => {
                self.north(&mut moment, Input::Wake);
                self.repeat(&mut moment);
                self.lwm2m(&mut moment, Input::Wake);
            }
            Input::Associated { .. } | Input::Persisted(_) => {}
        }
        self.settle(&mut moment);
    }

    fn next_deadline(&self) -> Option<Time> {
        let fanouts = self.running.iter().map(|running| running.until);
        let own = fanouts.chain(self.retry_at).min();
        [
            own,
            self.north.next_deadline(),
            self.adapter.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
