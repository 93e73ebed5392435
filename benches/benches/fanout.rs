//! GwMO: a fan-out to hidden devices, from the server's `Exec` until the server has heard what became of each. All
//! parties are cores that hand their messages to each other; what each of them spends is measured by itself.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![expect(clippy::print_stdout, reason = "ratios are to be read")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use twinproof_dm::Limits;
use twinproof_dm::auth::Scheme;
use twinproof_dm::client::Client;
use twinproof_dm::provisioning::{Account, Address, Auth, AuthLevel, AuthType};
use twinproof_dm::server::{self, Enrolment};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::upper::{Act, Put, Value};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::crowd::{self, Crowd};
use twinproof_gwmo::gateway::{DEVICE_PATH, Gateway, Mode, PUSH_PATH, Provision, Setup, Shared};
use twinproof_gwmo::manager::{Answer, Manager, Order};
use twinproof_gwmo::objects::{Names, below, profile};
use twinproof_gwmo::payload;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Seed, Time};
use twinproof_sockets::cpu_of_thread;

const SERVER: &str = "http://server/dm";
const GATEWAY: &str = "http://gateway";

/// The sizes that are compared; the last of them, which takes minutes and 3 GB, with `TWINPROOF_FULL=1` only.
const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

/// How many members of a group are told the gateway in one command.
const MEMBERS_AT_ONCE: usize = 100;

/// How many octets the report on the largest group may have.
const ROOM: usize = 1 << 26;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Server,
    Gateway,
    Devices,
}

fn proof(name: &str) -> Proof {
    Proof {
        scheme: Scheme::Md5,
        name: name.to_owned(),
        secret: format!("secret of {name}").into_bytes(),
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
    let address = Address {
        addr: url.to_owned(),
        ..Address::default()
    };
    Account {
        server_id: server.to_owned(),
        addresses: vec![address],
        auths: vec![
            auth(AuthLevel::AppSrv, device),
            auth(AuthLevel::Client, own),
        ],
        ..Account::default()
    }
}

fn add(uri: String, format: Option<&str>, value: &str) -> Act {
    Act::Add(Put {
        uri,
        format: format.map(str::to_owned),
        media_type: None,
        value: Some(Value::Text(value.to_owned())),
    })
}

/// A server, a gateway and devices that have attached, all of which are in one group.
struct Site {
    manager: Manager,
    managers: server::Shared,
    gateway: Gateway,
    gateways: Shared,
    crowd: Crowd,
    crowds: crowd::Shared,
    pending: VecDeque<(Party, ExchangeId, Request)>,
    done: bool,
    calls: u64,
    exchanges: u64,
    spent: BTreeMap<Party, Duration>,
}

impl Site {
    fn new(devices: usize) -> Self {
        let seed = Seed::new(1);
        let (own, server, below_it) = (proof("gateway"), proof("S"), proof("G"));
        let accounts = [account("S", SERVER, &own, &server)];
        let tree = Tree::of_device(Arc::new(profile(seed, &Names::default())), "gw", &accounts);
        let factory = Tree::new(Arc::new(Profile::builtin()));
        let url = format!("{GATEWAY}{DEVICE_PATH}");
        let made = (0..devices).map(|number| {
            let id = format!("d{number}");
            let own = proof(&id);
            let accounts = [account("G", &url, &own, &below_it)];
            let tree = factory.issued(&id, &accounts);
            let provision = Provision {
                device: id.clone(),
                mode: Mode::Proxy,
                client: Some(own),
                server: Some(below_it.clone()),
                push: format!("http://devices{}", Crowd::push_path(number)),
                adapted: None,
                fresh: None,
            };
            (Client::new(tree, seed.derive(&id)), provision)
        });
        let (clients, provisions): (Vec<_>, Vec<_>) = made.unzip();
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
        let limits = Limits {
            octets: ROOM,
            nodes: ROOM,
            text: ROOM,
            ..Limits::default()
        };
        let managers = server::Shared {
            max_object: ROOM as u64,
            limits,
            ..server::Shared::default()
        };
        let mut gateways = Shared::default();
        gateways.client.max_object = ROOM as u64;
        let mut site = Self {
            manager: Manager::new("S", SERVER, seed.derive("server"), vec![enrolment]),
            managers,
            gateway: Gateway::new(setup, seed),
            gateways,
            crowd: Crowd::new(clients),
            crowds: crowd::Shared::default(),
            pending: VecDeque::new(),
            done: false,
            calls: 0,
            exchanges: 0,
            spent: BTreeMap::new(),
        };
        site.prepare(devices);
        site
    }

    /// Has all devices attach, and puts them into a group.
    fn prepare(&mut self, devices: usize) {
        let names = self.gateways.names.clone();
        let setting = below(&self.gateway.places().config, &names.report_attached);
        self.manage(vec![Act::Replace(Put {
            uri: setting.to_string(),
            format: Some("bool".to_owned()),
            media_type: None,
            value: Some(Value::Text("false".to_owned())),
        })]);
        let server = "G".to_owned();
        let call = self.call();
        let order = crowd::Order::Come { server };
        self.tell_devices(Input::Order { call, order });
        self.settle();
        let group = below(&self.gateway.places().inventory, &names.groups).child("all");
        self.manage(vec![add(
            below(&group, &names.group_name).to_string(),
            None,
            "all",
        )]);
        let members = below(&group, &names.members);
        let adds = (0..devices).map(|number| {
            let at = members.child(format!("M{number}")).to_string();
            add(at, None, &format!("d{number}"))
        });
        let adds: Vec<Act> = adds.collect();
        // All in one session would be a message longer than the gateway reads.
        for part in adds.chunks(MEMBERS_AT_ONCE) {
            self.manage(vec![Act::Sequence(part.to_vec())]);
        }
    }

    /// Has all devices say who they are. Returns what each party spent on it.
    fn fan_out(&mut self, number: usize, devices: usize) -> BTreeMap<Party, Duration> {
        let names = self.gateways.names.clone();
        let at = self.gateway.places().fanouts.child(format!("F{number}"));
        let get = Act::Get {
            uri: "./DevInfo/DevId".to_owned(),
        };
        let payload = payload::write(&[get]);
        self.manage(vec![
            add(
                below(&at, &names.payload).to_string(),
                Some("xml"),
                &payload,
            ),
            add(below(&at, &names.target_group).to_string(), None, "all"),
        ]);
        let before = self.crowd.ended();
        self.spent.clear();
        self.manage(vec![Act::Exec {
            uri: below(&at, &names.start).to_string(),
            correlator: Some(format!("c{number}")),
            data: None,
        }]);
        assert_eq!(
            self.crowd.ended(),
            before + devices,
            "all devices have come"
        );
        let told = self.manager.told();
        let about = |report| {
            let own = told.iter().filter(move |told| told.report == report);
            own.count()
        };
        assert_eq!(
            (about(Report::Results), about(Report::Completed)),
            (number, number)
        );
        std::mem::take(&mut self.spent)
    }

    fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    fn manage(&mut self, acts: Vec<Act>) {
        let call = self.call();
        let order = Order::Manage {
            device: "gw".to_owned(),
            push: format!("{GATEWAY}{PUSH_PATH}"),
            acts,
        };
        self.done = false;
        self.tell_server(Input::Order { call, order });
        self.settle();
        assert!(self.done, "the gateway has done what the server wants");
    }

    fn settle(&mut self) {
        while let Some((from, exchange, request)) = self.pending.pop_front() {
            let outcome = self.carry(&request);
            let outcome = outcome.as_ref();
            match from {
                Party::Server => self.tell_server(Input::Response { exchange, outcome }),
                Party::Gateway => self.tell_gateway(Input::Response { exchange, outcome }),
                Party::Devices => self.tell_devices(Input::Response { exchange, outcome }),
            };
        }
    }

    fn carry(&mut self, request: &Request) -> Result<Response, Fault> {
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges << 32);
        let host = request.url.split('/').nth(2).unwrap_or_default().to_owned();
        let received = Request {
            url: request.path().to_owned(),
            ..request.clone()
        };
        let request = &received;
        let response = match host.as_str() {
            "server" => self.tell_server(Input::Request { exchange, request }),
            "gateway" => self.tell_gateway(Input::Request { exchange, request }),
            _ => self.tell_devices(Input::Request { exchange, request }),
        };
        response.ok_or_else(|| Fault::Unreachable("nobody there".to_owned()))
    }

    fn tell_server(&mut self, input: Input<'_, Order>) -> Option<Response> {
        let mut out = Outbox::default();
        let began = spent();
        self.manager
            .handle(&self.managers, Time::ZERO, input, &mut out);
        *self.spent.entry(Party::Server).or_default() += spent().saturating_sub(began);
        let mut responded = None;
        for output in out.drain() {
            match output {
                Output::Answer { answer, .. } => self.done = matches!(answer, Answer::Done(_)),
                other => responded = self.take(Party::Server, other).or(responded),
            }
        }
        responded
    }

    fn tell_gateway(&mut self, input: Input<'_, std::convert::Infallible>) -> Option<Response> {
        let mut out = Outbox::default();
        let began = spent();
        self.gateway
            .handle(&self.gateways, Time::ZERO, input, &mut out);
        *self.spent.entry(Party::Gateway).or_default() += spent().saturating_sub(began);
        let outputs = out.drain();
        outputs.fold(None, |got, output| {
            self.take(Party::Gateway, output).or(got)
        })
    }

    fn tell_devices(&mut self, input: Input<'_, crowd::Order>) -> Option<Response> {
        let mut out = Outbox::default();
        let began = spent();
        self.crowd.handle(&self.crowds, Time::ZERO, input, &mut out);
        *self.spent.entry(Party::Devices).or_default() += spent().saturating_sub(began);
        let outputs = out.drain();
        outputs.fold(None, |got, output| {
            self.take(Party::Devices, output).or(got)
        })
    }

    fn take<A>(&mut self, party: Party, output: Output<A>) -> Option<Response> {
        match output {
            Output::Request { exchange, request } => {
                self.pending.push_back((party, exchange, request));
                None
            }
            Output::Respond { response, .. } => Some(response),
            Output::Answer { .. }
            | Output::Datagram { .. }
            | Output::Persist { .. }
            | Output::Trust { .. } => None,
        }
    }
}

/// The processor time of this thread: what else the machine does is nobody's cost.
fn spent() -> Duration {
    cpu_of_thread().expect("Linux says how much processor time a thread has had")
}

/// What the parties spend on a fan-out to so many devices: of several, the one that took the least, since what
/// else the machine does makes all of them only slower.
fn least(devices: usize) -> BTreeMap<Party, Duration> {
    let mut site = Site::new(devices);
    let turns = (1..=3).map(|number| site.fan_out(number, devices));
    turns.min_by_key(total).unwrap_or_default()
}

fn total(spent: &BTreeMap<Party, Duration>) -> Duration {
    spent.values().sum()
}

/// A device more costs as much among many as among few; the gateway's part of it is told apart.
fn sizes(c: &mut Criterion) {
    let full = std::env::var_os("TWINPROOF_FULL").is_some();
    let sizes = &SIZES[..if full { SIZES.len() } else { SIZES.len() - 1 }];
    let spent: Vec<_> = sizes
        .iter()
        .map(|devices| (*devices, least(*devices)))
        .collect();
    let own = |spent: &BTreeMap<Party, Duration>, party| {
        let own = spent.get(&party).copied().unwrap_or_default();
        own.as_secs_f64()
    };
    for (devices, spent) in &spent {
        let all = total(spent).as_secs_f64();
        let share = |party| 100.0 * own(spent, party) / all;
        println!(
            "{devices} devices: {:.1} us each, of which gateway {:.0} %, devices {:.0} %, server {:.0} %",
            all / *devices as f64 * 1e6,
            share(Party::Gateway),
            share(Party::Devices),
            share(Party::Server)
        );
    }
    let more = |pair: &[(usize, BTreeMap<Party, Duration>)]| {
        let [(few, before), (many, after)] = pair else {
            return [0.0; 2];
        };
        let gateway = own(after, Party::Gateway) - own(before, Party::Gateway);
        let all = total(after).as_secs_f64() - total(before).as_secs_f64();
        [all, gateway].map(|more| more / (many - few) as f64 * 1e6)
    };
    // Ten devices are too few for what one more costs.
    let pairs = spent[1..].windows(2);
    let first = pairs.clone().next().map_or([0.0; 2], more);
    for pair in pairs {
        let [all, gateway] = more(pair);
        println!(
            "a device more: {all:.1} us from {} to {}, {:.2} times the first; the gateway {gateway:.1} us, {:.2} times",
            pair[0].0,
            pair[1].0,
            all / first[0],
            gateway / first[1]
        );
    }
    c.bench_function("gwmo/fan-out to 100", |b| {
        b.iter_custom(|times| {
            let each = (0..times).map(|_| total(&Site::new(100).fan_out(1, 100)));
            each.sum()
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = sizes
}
criterion_main!(benches);
