//! DM: a message into typed commands beside the bare reader of the library, WBXML beside XML, a session of four
//! packages, and a question about ten thousand nodes.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![expect(clippy::print_stdout, reason = "a ratio is to be read")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use quick_xml::NsReader;
use quick_xml::events::Event;
use twinproof_dm::auth::Scheme;
use twinproof_dm::client::{self, Client, Order};
use twinproof_dm::provisioning::{Account, Address, Auth, AuthLevel, AuthType};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::store::rules::decide::Standard;
use twinproof_dm::store::{Hand, Profile, Tree};
use twinproof_dm::syncml::Message;
use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Act, Operation};
use twinproof_dm::{Limits, wbxml, xml};
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Seed, Time};

const DEVICE: &str = "IMEI:493005100592800";
const URL: &str = "http://s.example/dm";

/// A message of about two thousand octets, as a server sends it: statuses, reads and writes.
fn message() -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>2</MsgID><Target><LocURI>IMEI:493005100592800</LocURI></Target>\
         <Source><LocURI>http://s.example/dm</LocURI></Source></SyncHdr><SyncBody>\
         <Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status>\
         <Status><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>",
    );
    let mut id = 3;
    while text.len() < 1_950 {
        text.push_str(&format!(
            "<Replace><CmdID>{id}</CmdID><Item><Target><LocURI>./Vendor/Setting{id}</LocURI></Target>\
             <Meta><Format xmlns='syncml:metinf'>chr</Format><Type xmlns='syncml:metinf'>text/plain</Type></Meta>\
             <Data>value number {id}</Data></Item></Replace>"
        ));
        id += 1;
    }
    text.push_str("<Final/></SyncBody></SyncML>");
    text
}

/// What the library does by itself: every event of the text, with namespaces.
fn bare(text: &str) -> usize {
    let mut reader = NsReader::from_str(text);
    let mut events = 0;
    loop {
        match reader.read_resolved_event() {
            Ok((_, Event::Eof)) | Err(_) => return events,
            Ok((namespace, event)) => {
                black_box((namespace, event));
                events += 1;
            }
        }
    }
}

/// How long the fastest of several turns took, of two things by turns.
fn side_by_side(mut one: impl FnMut(), mut other: impl FnMut()) -> (Duration, Duration) {
    let turn = |what: &mut dyn FnMut()| {
        let began = Instant::now();
        (0..500).for_each(|_| what());
        began.elapsed() / 500
    };
    let turns = (0..20).map(|_| (turn(&mut one), turn(&mut other)));
    turns.fold((Duration::MAX, Duration::MAX), |(a, b), (c, d)| {
        (a.min(c), b.min(d))
    })
}

fn codecs(c: &mut Criterion) {
    let (text, limits) = (message(), Limits::default());
    let element = xml::read(text.as_bytes(), &limits).expect("the message is right");
    let octets = wbxml::write(&element, &wbxml::Form::default()).expect("it can be written");
    let typed_xml = || {
        let element = xml::read(text.as_bytes(), &limits).expect("read");
        black_box(Message::from_element(element).expect("typed"));
    };
    let typed_wbxml = || {
        let document = wbxml::read(&octets, None, &limits).expect("read");
        black_box(Message::from_element(document.root).expect("typed"));
    };
    let (floor, ours) = side_by_side(|| _ = black_box(bare(&text)), typed_xml);
    let (as_xml, as_wbxml) = side_by_side(typed_xml, typed_wbxml);
    println!(
        "{} octets of XML into typed commands: {ours:?}, the bare reader {floor:?}: {:.2} times (1.5 is the goal)",
        text.len(),
        ours.as_secs_f64() / floor.as_secs_f64()
    );
    println!(
        "the same in {} octets of WBXML: {as_wbxml:?} beside {as_xml:?}: {:.2} times (1.0 is the goal)",
        octets.len(),
        as_wbxml.as_secs_f64() / as_xml.as_secs_f64()
    );
    c.bench_function("dm/message, XML to commands", |b| b.iter(typed_xml));
    c.bench_function("dm/message, WBXML to commands", |b| b.iter(typed_wbxml));
    c.bench_function("dm/message, bare reader", |b| b.iter(|| bare(&text)));
}

fn proof(name: &str) -> Proof {
    Proof {
        scheme: Scheme::Md5,
        name: name.to_owned(),
        secret: b"secret".to_vec(),
        nonce: b"nonce".to_vec(),
    }
}

/// A client with an account, and its server.
struct Pair {
    client: Client,
    clients: client::Shared,
    server: Server,
    servers: server::Shared,
    calls: u64,
}

impl Pair {
    fn new() -> Self {
        let auth = |level, name: &str| Auth {
            level,
            auth_type: Some(AuthType::Digest),
            name: Some(name.to_owned()),
            secret: Some("secret".to_owned()),
            data: Some(b"nonce".to_vec()),
        };
        let account = Account {
            server_id: "S".to_owned(),
            addresses: vec![Address {
                addr: URL.to_owned(),
                ..Address::default()
            }],
            auths: vec![auth(AuthLevel::AppSrv, "dev"), auth(AuthLevel::Client, "S")],
            ..Account::default()
        };
        let enrolment = Enrolment {
            device: DEVICE.to_owned(),
            client: Some(proof("dev")),
            server: Some(proof("S")),
        };
        let tree = Tree::new(Arc::new(Profile::builtin()));
        let mut pair = Self {
            client: Client::new(tree, Seed::new(1)),
            clients: client::Shared::default(),
            server: Server::new("S", URL, Seed::new(2), vec![enrolment]),
            servers: server::Shared::default(),
            calls: 0,
        };
        let name = "s".to_owned();
        pair.order(Order::Install { name, account });
        pair
    }

    fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    /// The client takes an order; says what it wants to send.
    fn order(&mut self, order: Order) -> Option<(ExchangeId, Request)> {
        let call = self.call();
        self.tell(Input::Order { call, order })
    }

    fn tell(&mut self, input: Input<'_, Order>) -> Option<(ExchangeId, Request)> {
        let mut out = Outbox::default();
        self.client
            .handle(&self.clients, Time::ZERO, input, &mut out);
        let mut outputs = out.drain();
        outputs.find_map(|output| match output {
            Output::Request { exchange, request } => Some((exchange, request)),
            _ => None,
        })
    }

    fn serve(&mut self, input: Input<'_, Operation>) -> Option<Response> {
        let mut out = Outbox::default();
        self.server
            .handle(&self.servers, Time::ZERO, input, &mut out);
        let mut outputs = out.drain();
        outputs.find_map(|output| match output {
            Output::Respond { response, .. } => Some(response),
            _ => None,
        })
    }

    /// A session of four packages, in which the server reads a value; says how many messages there were.
    fn session(&mut self) -> usize {
        let call = self.call();
        let uri = "./DevInfo/Man".to_owned();
        let order = Operation::Do {
            device: DEVICE.to_owned(),
            act: Act::Get { uri },
        };
        self.serve(Input::Order { call, order });
        let server = "S".to_owned();
        let mut next = self.order(Order::Start { server });
        let mut messages = 0;
        while let Some((exchange, request)) = next {
            let request = &request;
            let response = self.serve(Input::Request { exchange, request });
            let response = response.expect("a server answers at once");
            messages += 2;
            let outcome = Ok(&response);
            next = self.tell(Input::Response { exchange, outcome });
        }
        messages
    }
}

fn sessions(c: &mut Criterion) {
    let mut pair = Pair::new();
    let messages = pair.session();
    println!("a session takes {messages} messages");
    c.bench_function("dm/session of four packages, both ends", |b| {
        b.iter(|| black_box(pair.session()));
    });
}

fn questions(c: &mut Criterion) {
    let mut tree = Tree::new(Arc::new(Profile::builtin()));
    let by = Hand {
        server: "S",
        rules: &Standard,
    };
    for group in 0..100 {
        for leaf in 0..99 {
            let uri = format!("Load/Group{group}/Leaf{leaf}");
            tree.set(&uri.parse().expect("an address"), "value");
        }
    }
    let nodes = tree.uris(&"./Load".parse::<NodeUri>().expect("an address"));
    println!("{} nodes from ./Load on", nodes.len());
    for list in ["Struct", "StructData", "TNDS"] {
        let address = format!("./Load?list={list}").parse().expect("an address");
        c.bench_function(&format!("dm/list={list} over 10000 nodes"), |b| {
            b.iter(|| black_box(tree.get(by, &address).map(|found| found.entries.len())));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2));
    targets = codecs, sessions, questions
}
criterion_main!(benches);
