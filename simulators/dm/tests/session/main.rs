//! A client and a server of ours against each other, in memory.

mod authentication;
mod blocks;
mod hostile;
mod many;
mod packages;
mod same;
mod triggers;
mod user;

use std::sync::Arc;

use twinproof_dm::auth::Scheme;
use twinproof_dm::client::{self, Client, End, Ended, Order};
use twinproof_dm::provisioning::{Account, Address, Auth, AuthLevel, AuthType};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::syncml::{Message, Parsed};
use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Act, Answer, Operation, Outcome, Put, Value};
use twinproof_dm::{Encoding, Limits};
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Seed, Time};

const DEVICE: &str = "IMEI:493005100592800";
const URL: &str = "http://s.example/dm";

/// What went over the wire, in order: who spoke, and what.
#[derive(Clone, Debug)]
struct Said {
    client: bool,
    octets: Vec<u8>,
    parsed: Parsed,
}

struct World {
    client: Client,
    clients: client::Shared,
    server: Server,
    servers: server::Shared,
    now: Time,
    calls: u64,
    said: Vec<Said>,
    answers: Vec<(CallId, Answer)>,
    /// What the client wants to send, with its exchange; kept back while `cut` is set.
    pending: Vec<(ExchangeId, Request)>,
}

fn proof(scheme: Scheme, name: &str, secret: &str) -> Proof {
    Proof {
        scheme,
        name: name.to_owned(),
        secret: secret.as_bytes().to_vec(),
        nonce: format!("nonce of {name}").into_bytes(),
    }
}

fn auth(level: AuthLevel, proof: &Proof) -> Auth {
    Auth {
        level,
        auth_type: Some(match proof.scheme {
            Scheme::Basic => AuthType::Basic,
            Scheme::Md5 => AuthType::Digest,
            Scheme::Mac => AuthType::Hmac,
        }),
        name: Some(proof.name.clone()),
        secret: Some(String::from_utf8(proof.secret.clone()).unwrap()),
        data: Some(proof.nonce.clone()),
    }
}

impl World {
    fn new(encoding: Encoding, scheme: Scheme) -> Self {
        let (dev, srv) = (
            proof(scheme, "dev", "dev-secret"),
            proof(scheme, "S", "srv-secret"),
        );
        Self::with(encoding, (&dev, &srv), (&dev, &srv))
    }

    /// The device's idea of both credentials, and the server's.
    fn with(encoding: Encoding, device: (&Proof, &Proof), server: (&Proof, &Proof)) -> Self {
        let account = Account {
            server_id: "S".to_owned(),
            addresses: vec![Address {
                addr: URL.to_owned(),
                ..Address::default()
            }],
            auths: vec![
                auth(AuthLevel::AppSrv, device.0),
                auth(AuthLevel::Client, device.1),
            ],
            ..Account::default()
        };
        let mut tree = Tree::new(Arc::new(Profile::builtin()));
        tree.install(&[twinproof_dm::tree::tnds::State {
            uri: NodeUri::root(),
            properties: twinproof_dm::tree::RtProperties {
                acl: Some("Add=*&Get=*&Replace=S&Delete=S&Exec=S".parse().unwrap()),
                ..Default::default()
            },
            value: Some(twinproof_dm::syncml::Data::Text(String::new())).filter(|_| false),
        }]);
        let enrolment = Enrolment {
            device: DEVICE.to_owned(),
            client: Some(server.0.clone()),
            server: Some(server.1.clone()),
        };
        let mut world = Self {
            client: Client::new(tree, Seed::new(1)),
            clients: client::Shared {
                encoding,
                ..client::Shared::default()
            },
            server: Server::new("S", URL, Seed::new(2), vec![enrolment]),
            servers: server::Shared::default(),
            now: Time::ZERO,
            calls: 0,
            said: Vec::new(),
            answers: Vec::new(),
            pending: Vec::new(),
        };
        world.order(Order::Install {
            name: "s".to_owned(),
            account,
        });
        world
    }

    fn order(&mut self, order: Order) -> client::Answer {
        self.calls += 1;
        let call = CallId(self.calls);
        self.tell(Input::Order { call, order })
            .expect("an order is answered at once")
    }

    /// The client takes an input; what it wants to send waits.
    fn tell(&mut self, input: Input<'_, Order>) -> Option<client::Answer> {
        let mut out = Outbox::default();
        self.client.handle(&self.clients, self.now, input, &mut out);
        let mut answer = None;
        for output in out.drain() {
            match output {
                Output::Answer { answer: said, .. } => answer = Some(said),
                Output::Request { exchange, request } => self.pending.push((exchange, request)),
                other => panic!("{other:?}"),
            }
        }
        answer
    }

    fn ask(&mut self, operation: Operation) -> CallId {
        self.calls += 1;
        let call = CallId(self.calls);
        self.serve(Input::Order {
            call,
            order: operation,
        });
        call
    }

    fn queue(&mut self, act: Act) -> CallId {
        self.ask(Operation::Do {
            device: DEVICE.to_owned(),
            act,
        })
    }

    fn serve(&mut self, input: Input<'_, Operation>) -> Option<Response> {
        let mut out = Outbox::default();
        self.server.handle(&self.servers, self.now, input, &mut out);
        let mut response = None;
        for output in out.drain() {
            match output {
                Output::Answer { call, answer } => self.answers.push((call, answer)),
                Output::Respond { response: said, .. } => response = Some(said),
                other => panic!("{other:?}"),
            }
        }
        response
    }

    fn note(&mut self, client: bool, octets: &[u8]) {
        let encoding = self.clients.encoding;
        let element = encoding.read(octets, &Limits::default()).unwrap();
        let parsed = Message::from_element(element.clone()).unwrap();
        assert_eq!(parsed.deviations, [], "{element:#?}");
        assert_eq!(parsed.refused, []);
        self.said.push(Said {
            client,
            octets: octets.to_vec(),
            parsed,
        });
    }

    /// Sends what the client wants to send, and hands it the answer. Says whether there was anything.
    fn step(&mut self) -> bool {
        let Some((exchange, request)) = self.pending.pop() else {
            return false;
        };
        assert!(self.pending.is_empty(), "one message at a time");
        assert_eq!(request.url, URL);
        self.note(true, &request.body);
        let response = self.serve(Input::Request {
            exchange,
            request: &request,
        });
        let response = response.expect("a server answers at once");
        if response.status == 200 {
            self.note(false, &response.body);
        }
        self.tell(Input::Response {
            exchange,
            outcome: Ok(&response),
        });
        true
    }

    fn settle(&mut self) {
        let steps = (0..500).take_while(|_| self.step()).count();
        assert!(steps < 500, "the session comes to an end");
    }

    /// A whole session, started by the client.
    fn session(&mut self) -> Ended {
        self.order(Order::Start {
            server: "S".to_owned(),
        });
        self.settle();
        self.last()
    }

    fn last(&mut self) -> Ended {
        match self.order(Order::Sessions) {
            client::Answer::Sessions(mut ended, 0) => ended.pop().expect("a session has ended"),
            other => panic!("{other:?}"),
        }
    }

    fn outcome(&self, call: CallId) -> Outcome {
        match self.answers.iter().find(|(id, _)| *id == call) {
            Some((_, Answer::Did(outcome))) => outcome.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn codes(&self, call: CallId) -> Vec<u16> {
        self.outcome(call)
            .statuses
            .iter()
            .map(|told| told.code)
            .collect()
    }

    fn value(&self, uri: &str) -> Option<String> {
        let text = self.client.tree().text(&uri.parse().unwrap());
        text.map(str::to_owned)
    }
}

fn put(uri: &str, text: &str) -> Put {
    Put {
        uri: uri.to_owned(),
        value: Some(Value::Text(text.to_owned())),
        ..Put::default()
    }
}

fn get(uri: &str) -> Act {
    Act::Get {
        uri: uri.to_owned(),
    }
}
