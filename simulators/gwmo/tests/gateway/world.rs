//! The parties and the network between them.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use twinproof_dm::auth::Scheme;
use twinproof_dm::client::rules::decide::Rules;
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::client::{self, Client};
use twinproof_dm::provisioning::{Account, Address, Auth, AuthLevel, AuthType};
use twinproof_dm::server::{self, Enrolment};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::store::{self, Tree};
use twinproof_dm::syncml::{Command, Data, Message};
use twinproof_dm::tree::ddf::Description;
use twinproof_dm::upper::{Act, Outcome, Put, Value};
use twinproof_dm::{Encoding, Limits, xml};
use twinproof_gwmo::aggregate::Aggregate;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::rules::decide::Rules as Decisions;
use twinproof_gwmo::gateway::{
    Adapted, DEVICE_PATH, Gateway, Mapped, Mode, PUSH_PATH, Protocol, Provision, Setup, Shared,
};
use twinproof_gwmo::lines::{self, Simple};
use twinproof_gwmo::manager::{Answer, Manager, Order};
use twinproof_gwmo::network::Hiding;
use twinproof_gwmo::objects::{Names, below, profile};
use twinproof_gwmo::payload;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{
    CallId, Change, ExchangeId, Input, Outbox, Output, Records, Role, Seed, Time,
};

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

fn proof(name: &str, secret: &str) -> Proof {
    Proof {
        scheme: Scheme::Md5,
        name: name.to_owned(),
        secret: secret.as_bytes().to_vec(),
        nonce: Vec::new(),
    }
}

fn account(server: &str, url: &str, device: &Proof, own: &Proof) -> Account {
    let auth = |level, proof: &Proof| Auth {
        level,
        auth_type: Some(AuthType::Digest),
        name: Some(proof.name.clone()),
        secret: String::from_utf8(proof.secret.clone()).ok(),
        data: None,
    };
    Account {
        server_id: server.to_owned(),
        addresses: vec![Address {
            addr: url.to_owned(),
            ..Address::default()
        }],
        auths: vec![
            auth(AuthLevel::AppSrv, device),
            auth(AuthLevel::Client, own),
        ],
        ..Account::default()
    }
}

/// An address below another one, as text.
pub fn leaf(at: &str, path: &str) -> String {
    format!("{at}/{path}")
}

fn text(value: &str) -> Put {
    Put {
        value: Some(Value::Text(value.to_owned())),
        ..Put::default()
    }
}

fn device_url(site: usize) -> String {
    format!("http://{}{DEVICE_PATH}", HOSTS[site])
}

/// Where a gateway hears devices that speak in lines.
pub fn lines_at(site: usize) -> SocketAddr {
    let last = u8::try_from(site).unwrap();
    (Ipv4Addr::new(10, 0, 0, last), 1).into()
}

fn simple_at(number: usize) -> SocketAddr {
    let last = u8::try_from(number).unwrap();
    (Ipv4Addr::new(10, 0, 1, last), 1).into()
}

/// A device that speaks in lines, as gateways know it.
fn foreign(number: usize) -> Provision {
    let nodes = [(TASK, "task"), (VALUE, "value")];
    let nodes = nodes.map(|(node, is)| Mapped {
        node: node.to_owned(),
        is: is.to_owned(),
    });
    Provision {
        device: format!("l{number}"),
        mode: Mode::Adaptation,
        client: None,
        server: None,
        push: String::new(),
        adapted: Some(Adapted {
            protocol: Protocol::Lines,
            key: "key".to_owned(),
            nodes: nodes.into(),
        }),
        fresh: None,
    }
}

/// What a device of DM can have in its tree: something to start beside what any has.
fn described() -> store::Profile {
    let mut profile = store::Profile::builtin();
    let read = xml::read(TASK_DESCRIBED.as_bytes(), &Limits::default()).unwrap();
    profile
        .add(&Description::from_element(&read).unwrap())
        .unwrap();
    profile
}

/// The device that a request is for.
fn addressee(request: &Request) -> Option<usize> {
    let host = request.url.split('/').nth(2)?;
    host.strip_prefix('d')?.parse().ok()
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

    /// Has the gateway do things in a session.
    pub fn manage(&mut self, acts: Vec<Act>) -> Vec<Outcome> {
        self.manage_within(acts, Duration::ZERO)
            .expect("it is done at once")
    }

    /// The same, if it is done in so long.
    pub fn manage_within(&mut self, acts: Vec<Act>, span: Duration) -> Option<Vec<Outcome>> {
        self.calls += 1;
        let call = CallId(self.calls);
        let order = Order::Manage {
            device: HOSTS[self.at].to_owned(),
            push: format!("http://{}{PUSH_PATH}", HOSTS[self.at]),
            acts,
        };
        self.tell_server(Input::Order { call, order });
        self.settle();
        if !span.is_zero() {
            self.pass(span);
            self.tell_server(Input::Wake);
            self.settle();
        }
        match self.answers.remove(&call) {
            None => None,
            Some(Answer::Done(outcomes)) => {
                for told in outcomes.iter().flat_map(|outcome| &outcome.statuses) {
                    assert!((200..300).contains(&told.code), "{told:?}");
                }
                Some(outcomes)
            }
            other => panic!("expected it to be done, got {other:?}"),
        }
    }

    pub fn switch(&mut self, on: bool) {
        let at = below(
            &self.gateway().places().config,
            &self.names().report_attached,
        );
        self.manage(vec![Act::Replace(Put {
            uri: at.to_string(),
            format: Some("bool".to_owned()),
            ..text(if on { "true" } else { "false" })
        })]);
    }

    fn instance(&mut self, above: &str) -> String {
        self.instances += 1;
        leaf(above, &format!("I{:04}", self.instances))
    }

    fn add(&self, at: &str, format: Option<&str>, value: &str) -> Act {
        Act::Add(Put {
            uri: at.to_owned(),
            format: format.map(str::to_owned),
            ..text(value)
        })
    }

    /// Describes a group. Returns where its members are, by their numbers.
    pub fn group(&mut self, name: &str, members: &[&str]) -> String {
        let names = self.names();
        let groups = below(&self.gateway().places().inventory, &names.groups).to_string();
        let at = self.instance(&groups);
        let mut acts = vec![self.add(&leaf(&at, &names.group_name), None, name)];
        for (number, member) in members.iter().enumerate() {
            let member_at = leaf(&leaf(&at, &names.members), &number.to_string());
            acts.push(self.add(&member_at, None, member));
        }
        self.manage(acts);
        leaf(&at, &names.members)
    }

    pub fn fan_out(
        &mut self,
        devices: &[&str],
        group: Option<&str>,
        acts: &[Act],
        deadline: Option<u32>,
    ) -> String {
        let names = self.names();
        let above = self.gateway().places().fanouts.to_string();
        let at = self.instance(&above);
        let payload = payload::write(acts);
        let mut setup = vec![self.add(&leaf(&at, &names.payload), Some("xml"), &payload)];
        for (number, device) in devices.iter().enumerate() {
            let device_at = leaf(&leaf(&at, &names.target_devices), &number.to_string());
            setup.push(self.add(&device_at, None, device));
        }
        if let Some(group) = group {
            setup.push(self.add(&leaf(&at, &names.target_group), None, group));
        }
        if let Some(deadline) = deadline {
            let seconds = deadline.to_string();
            setup.push(self.add(&leaf(&at, &names.deadline), Some("int"), &seconds));
        }
        self.manage(setup);
        at
    }

    pub fn image(&mut self, name: &str, source: &str) -> String {
        let names = self.names();
        let above = below(&self.gateway().places().images, &names.images).to_string();
        let at = leaf(&above, name);
        let source = self.add(&leaf(&at, &names.image_source), None, source);
        self.manage(vec![source]);
        at
    }

    pub fn exec(&mut self, uri: &str, correlator: &str) {
        self.manage(vec![Act::Exec {
            uri: uri.to_owned(),
            correlator: Some(correlator.to_owned()),
            data: None,
        }]);
    }

    /// What was reported of a kind, in order.
    pub fn reported(&self, report: Report) -> Vec<String> {
        let of_kind = self.heard.iter().filter(|heard| heard.report == report);
        of_kind.map(|heard| heard.value.clone()).collect()
    }

    /// Which devices a gateway has announced, in order.
    pub fn announced(&self, site: usize) -> Vec<&str> {
        let own = self.heard.iter().filter(|heard| heard.site == site);
        let own = own.filter(|heard| heard.report == Report::Attached);
        own.map(|heard| &*heard.value).collect()
    }

    /// What was reported about an `Exec`.
    pub fn correlated(&self, correlator: &str) -> Vec<Heard> {
        let about = |heard: &&Heard| heard.correlator.as_deref() == Some(correlator);
        self.heard.iter().filter(about).cloned().collect()
    }

    fn one(&self, correlator: &str, report: Report) -> String {
        let mut all = self.correlated(correlator);
        all.retain(|heard| heard.report == report);
        assert_eq!(all.len(), 1, "{report:?} about {correlator}");
        all.remove(0).value
    }

    pub fn aggregate(&self, correlator: &str) -> Aggregate {
        Aggregate::parse(&self.one(correlator, Report::Results)).unwrap()
    }

    pub fn overall(&self, correlator: &str) -> String {
        self.one(correlator, Report::Completed)
    }

    /// Whether the server reaches a device by itself.
    pub fn reach_from_outside(&mut self, number: usize) -> bool {
        let request = Request::new("POST", format!("http://d{number}/push"));
        self.carry(Party::Server, &request).is_ok()
    }

    /// What a device gets from there.
    pub fn download(&mut self, url: &str) -> Option<Vec<u8>> {
        let response = self.carry(Party::Device(1), &Request::new("GET", url));
        response
            .ok()
            .filter(Response::is_success)
            .map(|response| response.body)
    }

    /// Carries what there is until nobody has anything.
    fn settle(&mut self) {
        loop {
            if let Some((from, to, octets)) = self.datagrams.pop_front() {
                self.carry_datagram(from, to, &octets);
            } else if let Some((from, exchange, request)) = self.pending.pop_front() {
                self.exchange(from, exchange, request);
            } else {
                return;
            }
        }
    }

    fn exchange(&mut self, from: Party, exchange: ExchangeId, request: Request) {
        if let (Party::Gateway(_), Some(number)) = (from, addressee(&request))
            && self.place(number).slow
        {
            return self.held.push((from, exchange, request));
        }
        let outcome = self.carry(from, &request);
        let outcome = outcome.as_ref();
        match from {
            Party::Server => self.tell_server(Input::Response { exchange, outcome }),
            Party::Gateway(site) => self.tell_gateway(site, Input::Response { exchange, outcome }),
            Party::Device(number) => {
                let died = std::mem::take(&mut self.place(number).dies);
                self.place(number).unplugged |= died;
                let outcome = if died { Err(&Fault::TimedOut) } else { outcome };
                self.tell_device(number, Input::Response { exchange, outcome })
            }
        }
    }

    /// Datagrams pass between a gateway and the devices behind it.
    fn carry_datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let here = |own: SocketAddr, of: &World| {
            let index = (0..of.simple.len()).find(|index| simple_at(index + 1) == own)?;
            let place = &of.places[of.devices.len() + index];
            (!place.unplugged).then_some((index, place.site))
        };
        if let Some((_, site)) = here(from, self) {
            if lines_at(site) == to {
                let at = to;
                self.tell_gateway(site, Input::Datagram { at, from, bytes });
            }
        } else if let Some((index, site)) = here(to, self)
            && lines_at(site) == from
        {
            let at = to;
            self.tell_simple(index, Input::Datagram { at, from, bytes });
        }
    }

    fn carry(&mut self, from: Party, request: &Request) -> Result<Response, Fault> {
        let unreachable = || Fault::Unreachable("nobody there".to_owned());
        let host = request.url.split('/').nth(2).unwrap_or_default().to_owned();
        let path = request.path().to_owned();
        let received = Request {
            url: path,
            ..request.clone()
        };
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges << 32);
        let input = || Input::Request {
            exchange,
            request: &received,
        };
        match &*host {
            "server" if self.cut => Err(unreachable()),
            "server" => {
                if let Party::Device(number) = from {
                    self.network
                        .outward(self.now, &format!("d{number}"), "server");
                }
                let response = self.serve(Party::Server, input()).ok_or_else(unreachable)?;
                if let Party::Gateway(site) = from {
                    self.overhear(site, request, &response);
                }
                Ok(response)
            }
            host if HOSTS.contains(&host) => {
                let site = HOSTS.iter().position(|known| *known == host).unwrap();
                if let Party::Device(number) = from
                    && (self.place(number).unplugged || self.place(number).site != site)
                {
                    return Err(unreachable());
                }
                let party = Party::Gateway(site);
                self.serve(party, input()).ok_or_else(unreachable)
            }
            "origin" if received.url == "/firmware" => {
                self.fetched += 1;
                Ok(Response::new(200).with_body("application/octet-stream", FIRMWARE.to_vec()))
            }
            "origin" => Ok(Response::new(404)),
            device => {
                let number: usize = device.trim_start_matches('d').parse().unwrap();
                let crosses = match from {
                    Party::Server => self.network.inward(self.now, "server", device),
                    Party::Gateway(site) => self.place(number).site == site,
                    Party::Device(_) => true,
                };
                if self.place(number).unplugged || !crosses {
                    return Err(unreachable());
                }
                self.serve(Party::Device(number), input())
                    .ok_or_else(unreachable)
            }
        }
    }

    fn serve(
        &mut self,
        party: Party,
        input: Input<'_, std::convert::Infallible>,
    ) -> Option<Response> {
        match party {
            Party::Server => {
                let mut out = Outbox::default();
                self.manager
                    .handle(&self.managers, self.now, input.of_any_order(), &mut out);
                self.take_server(out)
            }
            Party::Gateway(site) => {
                let mut out = Outbox::default();
                self.sites[site]
                    .gateway
                    .handle(&self.gateways, self.now, input, &mut out);
                self.take(party, out)
            }
            Party::Device(number) => {
                let mut out = Outbox::default();
                let shared = self.shared_of(number);
                let device = &mut self.devices[number - 1];
                device.handle(&shared, self.now, input.of_any_order(), &mut out);
                self.take(Party::Device(number), out)
            }
        }
    }

    fn shared_of(&self, number: usize) -> client::Shared {
        let mut shared = self.clients.clone();
        if self.places[number - 1].deaf {
            shared.rules = Arc::new(Deaf);
        }
        shared
    }

    fn tell_server(&mut self, input: Input<'_, Order>) {
        let mut out = Outbox::default();
        self.manager
            .handle(&self.managers, self.now, input, &mut out);
        self.take_server(out);
    }

    fn tell_gateway(&mut self, site: usize, input: Input<'_, std::convert::Infallible>) {
        self.serve(Party::Gateway(site), input);
    }

    fn tell_simple(&mut self, index: usize, input: Input<'_, lines::Order>) {
        let mut out = Outbox::default();
        self.simple[index].handle(&(), self.now, input, &mut out);
        self.take(Party::Server, out);
    }

    fn tell_device(&mut self, number: usize, input: Input<'_, client::Order>) {
        let mut out = Outbox::default();
        let shared = self.shared_of(number);
        self.devices[number - 1].handle(&shared, self.now, input, &mut out);
        self.take(Party::Device(number), out);
    }

    fn take_server(&mut self, mut out: Outbox<Answer>) -> Option<Response> {
        let mut responded = None;
        for output in out.drain() {
            match output {
                Output::Answer { call, answer } => {
                    self.answers.insert(call, answer);
                }
                Output::Request { exchange, request } => {
                    self.pending.push_back((Party::Server, exchange, request));
                }
                Output::Respond { response, .. } => responded = Some(response),
                other => panic!("{other:?}"),
            }
        }
        responded
    }

    fn take<A: std::fmt::Debug>(&mut self, party: Party, mut out: Outbox<A>) -> Option<Response> {
        let mut responded = None;
        let (outputs, bytes) = out.take();
        for output in outputs {
            match (output, party) {
                (Output::Request { exchange, request }, _) => {
                    self.pending.push_back((party, exchange, request));
                }
                (Output::Respond { response, .. }, _) => responded = Some(response),
                (Output::Persist { changes, .. }, Party::Gateway(site)) => {
                    let stored = &mut self.sites[site].stored;
                    for change in changes {
                        match change {
                            Change::Put(key, value) => stored.insert(key, value),
                            Change::Delete(key) => stored.remove(&key),
                        };
                    }
                }
                (Output::Answer { .. }, _) => {}
                (Output::Datagram { at, to, range }, _) => {
                    self.datagrams.push_back((at, to, bytes[range].to_vec()));
                }
                (other, _) => panic!("{other:?}"),
            }
        }
        responded
    }

    /// What the gateway reports in a message whose header the server has accepted.
    fn overhear(&mut self, site: usize, request: &Request, response: &Response) {
        let read = |octets: &[u8], content: &str| {
            let encoding = Encoding::from_content_type(content)?;
            let element = encoding.read(octets, &Limits::default()).ok()?;
            Message::from_element(element).ok()
        };
        let content = |headers: &twinproof_kernel::http::Headers| {
            headers.first("Content-Type").unwrap_or_default().to_owned()
        };
        let answer = read(&response.body, &content(&response.headers)).unwrap();
        let accepted = answer.message.commands.iter().any(|command| {
            matches!(command, Command::Status(s) if s.cmd_ref == "0" && s.code.is_success())
        });
        let said = read(&request.body, &content(&request.headers)).unwrap();
        for command in said.message.commands.iter().filter(|_| accepted) {
            let Command::Alert(alert) = command else {
                continue;
            };
            for item in &alert.items {
                let kind = item
                    .meta
                    .as_ref()
                    .and_then(|meta| meta.media_type.as_deref());
                let value = item
                    .data
                    .as_ref()
                    .and_then(Data::as_text)
                    .unwrap_or_default();
                if let Some(report) = kind.and_then(Report::of) {
                    self.heard.push(Heard {
                        site,
                        report,
                        correlator: alert.correlator.clone(),
                        value: value.to_owned(),
                    });
                }
            }
        }
    }
}
