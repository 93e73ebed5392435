//! The parties and the network between them.

use std::collections::{BTreeMap, VecDeque};
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
use twinproof_dm::upper::{Act, Outcome, Put, Value};
use twinproof_dm::{Encoding, Limits};
use twinproof_gwmo::aggregate::Aggregate;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::{DEVICE_PATH, Gateway, Mode, PUSH_PATH, Provision, Setup, Shared};
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

const SERVER: &str = "http://server/dm";
const GATEWAY: &str = "http://gateway";

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Server,
    Gateway,
    Device(usize),
}

/// A report, as it was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    pub report: Report,
    pub correlator: Option<String>,
    pub value: String,
}

pub struct World {
    manager: Manager,
    managers: server::Shared,
    gateway: Gateway,
    gateways: Shared,
    setup: Setup,
    devices: Vec<Client>,
    clients: client::Shared,
    deaf: Vec<usize>,
    unplugged: Vec<usize>,
    network: Hiding,
    now: Time,
    pending: VecDeque<(Party, ExchangeId, Request)>,
    answers: BTreeMap<CallId, Answer>,
    calls: u64,
    exchanges: u64,
    stored: Records,
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

impl World {
    /// A gateway with an account of the server, and devices `d1`, `d2`, ... that know the gateway only.
    pub fn new(devices: usize) -> Self {
        let (own, server) = (proof("gateway", "g-secret"), proof("S", "s-secret"));
        let seed = Seed::new(5);
        let accounts = [account("S", SERVER, &own, &server)];
        let tree = Tree::of_device(Arc::new(profile(seed, &Names::default())), "gw", &accounts);
        let described = Arc::new(store::Profile::builtin());
        let below = proof("G", "for devices");
        let made = (1..=devices).map(|number| {
            let id = format!("d{number}");
            let own = proof(&id, &format!("secret of {id}"));
            let url = format!("{GATEWAY}{DEVICE_PATH}");
            let accounts = [account("G", &url, &own, &below)];
            let tree = Tree::of_device(Arc::clone(&described), &id, &accounts);
            let provision = Provision {
                device: id.clone(),
                mode: Mode::Proxy,
                client: Some(own),
                server: Some(below.clone()),
                push: format!("http://{id}/push"),
                adapted: None,
            };
            (Client::new(tree, seed.derive(&id)), provision)
        });
        let (devices, provisions): (Vec<_>, Vec<_>) = made.unzip();
        let setup = Setup {
            tree,
            base: GATEWAY.to_owned(),
            id: "G".to_owned(),
            devices: provisions,
            lines: None,
            lwm2m: None,
        };
        let enrolment = Enrolment {
            device: "gw".to_owned(),
            client: Some(own),
            server: Some(server),
        };
        let mut world = Self {
            manager: Manager::new("S", SERVER, seed.derive("server"), vec![enrolment]),
            managers: server::Shared::default(),
            gateway: Gateway::new(setup.clone(), seed),
            gateways: Shared::default(),
            setup,
            devices,
            clients: client::Shared::default(),
            deaf: Vec::new(),
            unplugged: Vec::new(),
            network: Hiding::new(Duration::from_secs(30)),
            now: Time::ZERO,
            pending: VecDeque::new(),
            answers: BTreeMap::new(),
            calls: 0,
            exchanges: 0,
            stored: Records::new(),
            cut: false,
            fetched: 0,
            heard: Vec::new(),
            instances: 0,
        };
        world.restart();
        world
    }

    pub fn gateway(&self) -> &Gateway {
        &self.gateway
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

    pub fn names(&self) -> Names {
        self.gateways.names.clone()
    }

    pub fn fetched(&self) -> usize {
        self.fetched
    }

    /// The gateway starts anew, with what it has written down.
    pub fn restart(&mut self) {
        self.gateway = Gateway::new(self.setup.clone(), Seed::new(5));
        let stored = self.stored.clone();
        self.tell_gateway(Input::Restored(&stored));
        self.settle();
    }

    /// No session of the gateway with the server comes about.
    pub fn cut_north(&mut self, cut: bool) {
        self.cut = cut;
    }

    pub fn unplug(&mut self, number: usize) {
        self.unplugged.push(number);
    }

    pub fn deafen(&mut self, number: usize) {
        self.deaf.push(number);
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
        while let Some(at) = self.gateway.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell_gateway(Input::Wake);
            self.settle();
        }
        self.now = end;
    }

    /// Has the gateway do things in a session.
    pub fn manage(&mut self, acts: Vec<Act>) -> Vec<Outcome> {
        self.calls += 1;
        let call = CallId(self.calls);
        let order = Order::Manage {
            device: "gw".to_owned(),
            push: format!("{GATEWAY}{PUSH_PATH}"),
            acts,
        };
        self.tell_server(Input::Order { call, order });
        self.settle();
        match self.answers.remove(&call) {
            Some(Answer::Done(outcomes)) => {
                for told in outcomes.iter().flat_map(|outcome| &outcome.statuses) {
                    assert!((200..300).contains(&told.code), "{told:?}");
                }
                outcomes
            }
            other => panic!("expected it to be done, got {other:?}"),
        }
    }

    pub fn switch(&mut self, on: bool) {
        let at = below(&self.gateway.places().config, &self.names().report_attached);
        self.manage(vec![Act::Replace(Put {
            uri: at.to_string(),
            format: Some("bool".to_owned()),
            ..text(if on { "true" } else { "false" })
        })]);
    }

    fn instance(&mut self, above: &str) -> String {
        self.instances += 1;
        leaf(above, &format!("I{}", self.instances))
    }

    fn add(&self, at: &str, format: Option<&str>, value: &str) -> Act {
        Act::Add(Put {
            uri: at.to_owned(),
            format: format.map(str::to_owned),
            ..text(value)
        })
    }

    pub fn group(&mut self, name: &str, members: &[&str]) {
        let names = self.names();
        let groups = below(&self.gateway.places().inventory, &names.groups).to_string();
        let at = self.instance(&groups);
        let mut acts = vec![self.add(&leaf(&at, &names.group_name), None, name)];
        for (number, member) in members.iter().enumerate() {
            let member_at = leaf(&leaf(&at, &names.members), &number.to_string());
            acts.push(self.add(&member_at, None, member));
        }
        self.manage(acts);
    }

    pub fn fan_out(
        &mut self,
        devices: &[&str],
        group: Option<&str>,
        acts: &[Act],
        deadline: Option<u32>,
    ) -> String {
        let names = self.names();
        let above = self.gateway.places().fanouts.to_string();
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
        let above = below(&self.gateway.places().images, &names.images).to_string();
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

    /// Carries requests until nobody has one.
    fn settle(&mut self) {
        while let Some((from, exchange, request)) = self.pending.pop_front() {
            let outcome = self.carry(from, &request);
            let outcome = outcome.as_ref();
            match from {
                Party::Server => self.tell_server(Input::Response { exchange, outcome }),
                Party::Gateway => self.tell_gateway(Input::Response { exchange, outcome }),
                Party::Device(number) => {
                    self.tell_device(number, Input::Response { exchange, outcome })
                }
            }
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
                if from == Party::Gateway {
                    self.overhear(request, &response);
                }
                Ok(response)
            }
            "gateway" => self.serve(Party::Gateway, input()).ok_or_else(unreachable),
            "origin" if received.url == "/firmware" => {
                self.fetched += 1;
                Ok(Response::new(200).with_body("application/octet-stream", FIRMWARE.to_vec()))
            }
            "origin" => Ok(Response::new(404)),
            device => {
                let number: usize = device.trim_start_matches('d').parse().unwrap();
                let crosses =
                    from != Party::Server || self.network.inward(self.now, "server", device);
                if self.unplugged.contains(&number) || !crosses {
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
            Party::Gateway => {
                let mut out = Outbox::default();
                self.gateway
                    .handle(&self.gateways, self.now, input, &mut out);
                self.take(Party::Gateway, out)
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
        if self.deaf.contains(&number) {
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

    fn tell_gateway(&mut self, input: Input<'_, std::convert::Infallible>) {
        self.serve(Party::Gateway, input);
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
        for output in out.drain() {
            match output {
                Output::Request { exchange, request } => {
                    self.pending.push_back((party, exchange, request));
                }
                Output::Respond { response, .. } => responded = Some(response),
                Output::Persist { changes, .. } => {
                    for change in changes {
                        match change {
                            Change::Put(key, value) => self.stored.insert(key, value),
                            Change::Delete(key) => self.stored.remove(&key),
                        };
                    }
                }
                Output::Answer { .. } => {}
                other @ (Output::Datagram { .. } | Output::Trust { .. }) => panic!("{other:?}"),
            }
        }
        responded
    }

    /// What the gateway reports in a message whose header the server has accepted.
    fn overhear(&mut self, request: &Request, response: &Response) {
        let read = |octets: &[u8], content: &str| {
            let encoding = Encoding::from_content_type(content)?;
            let element = encoding.read(octets, &Limits::default()).ok()?;
            Message::from_element(&element).ok()
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
                        report,
                        correlator: alert.correlator.clone(),
                        value: value.to_owned(),
                    });
                }
            }
        }
    }
}
