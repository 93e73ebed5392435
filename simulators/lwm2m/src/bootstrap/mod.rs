//! A bootstrap server: it gives devices the accounts with which they register (TS 1.0.2 §5.2).
//!
//! A device asks, is confirmed, and receives what its [`Configuration`] says, step by step; the last
//! step is the end of the bootstrap, which the device confirms. A tester can begin one as well, and
//! ask how the last one of a device has ended ([`Order`]). All decisions are [`rules`].

pub mod configuration;
pub mod rules;
mod session;
pub mod tester;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_coap::endpoint::{self, Endpoint, Exchange, Failure, Turn};
use twinproof_coap::{Code, ContentFormat, Message, Packet, Parameters};
use twinproof_kernel::{Input, Outbox, Role, Seed, Time};

use crate::wire::Version;
use rules::{AnswerFacts, BeginFacts, FormatFacts, NameFacts, PeerFacts, Rules, Standard};
use session::Session;

pub use configuration::{Account, Configuration, Credentials, Manner, Step};

/// Where devices ask for bootstrap, and are told that it is over.
const BOOTSTRAP: &str = "bs";

/// How a bootstrap server is set up.
#[derive(Clone)]
pub struct Shared {
    /// The newest version of the enabler that it supports.
    pub version: Version,
    /// What each device is given, by its endpoint name.
    pub configurations: BTreeMap<String, Configuration>,
    /// The names of devices that come over secured associations, by what they show there.
    pub credentials: BTreeMap<Vec<u8>, String>,
    /// How it goes about it.
    pub manner: Manner,
    /// The format in which it writes to a device that prefers none.
    pub format: ContentFormat,
    /// Whether requests are acknowledged first and answered by themselves.
    pub separate: bool,
    /// The numbers of the message layer.
    pub parameters: Parameters,
    /// Its decisions.
    pub rules: Arc<dyn Rules>,
}

impl Shared {
    /// A server for versions of the enabler up to this one that knows nobody, as the texts want it.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            configurations: BTreeMap::new(),
            credentials: BTreeMap::new(),
            manner: Manner::default(),
            format: ContentFormat::LWM2M_TLV,
            separate: false,
            parameters: Parameters::default(),
            rules: Arc::new(Standard),
        }
    }

    /// The same, and it gives a device these accounts.
    #[must_use]
    pub fn provisioning(mut self, endpoint: impl Into<String>, accounts: &[Account]) -> Self {
        let configuration = Configuration::of(accounts);
        self.configurations.insert(endpoint.into(), configuration);
        self
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("version", &self.version)
            .field("configurations", &self.configurations.len())
            .finish_non_exhaustive()
    }
}

/// What a tester, or an application, can ask for.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Begin a bootstrap unasked, as LwM2M 1.0 has it; answered at once.
    Begin {
        /// Whose configuration.
        endpoint: String,
        /// Where the device is.
        to: SocketAddr,
    },
    /// Say what became of the last bootstrap of a device.
    Outcome {
        /// Which.
        endpoint: String,
    },
}

/// What is answered to an [`Order`].
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// It cannot be done, and why.
    Impossible(String),
    /// What became of a bootstrap; none if there was none.
    Outcome(Option<Outcome>),
}

/// What became of a bootstrap.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It failed, and why.
    Failed(String),
    /// The device has confirmed the end.
    Succeeded,
    /// It is under way.
    UnderWay,
}

/// The bootstrap server's core.
#[derive(Debug)]
pub struct BootstrapServer {
    at: SocketAddr,
    layer: Endpoint<SocketAddr>,
    sessions: BTreeMap<String, Session>,
    outcomes: BTreeMap<String, Outcome>,
    /// What peers with secured associations have shown there.
    shown: HashMap<SocketAddr, Box<[u8]>>,
    /// Where peers are heard that are not heard at its own address.
    heard_at: HashMap<SocketAddr, SocketAddr>,
}

/// The moment at which a bootstrap server acts.
struct Moment<'a> {
    shared: &'a Shared,
    now: Time,
    out: &'a mut Outbox<Answer>,
}

impl BootstrapServer {
    /// A server that has bootstrapped nobody, with its own address and what its random choices follow
    /// from.
    pub fn new(at: SocketAddr, seed: Seed) -> Self {
        Self {
            at,
            layer: Endpoint::new(seed.derive("messages")),
            sessions: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            shown: HashMap::default(),
            heard_at: HashMap::default(),
        }
    }

    /// What became of the last bootstrap of a device, if there was one.
    pub fn outcome(&self, endpoint: &str) -> Option<&Outcome> {
        self.outcomes.get(endpoint)
    }

    /// Answers a peer from where it is heard.
    fn hears_at(&mut self, at: SocketAddr, peer: SocketAddr) {
        match at == self.at {
            true => self.heard_at.remove(&peer),
            false => self.heard_at.insert(peer, at),
        };
    }

    /// Lets the message layer act, now.
    fn with_layer<T>(
        &mut self,
        moment: &mut Moment<'_>,
        act: impl FnOnce(&mut Endpoint<SocketAddr>, &mut Turn<'_, SocketAddr>) -> T,
    ) -> T {
        let (own, heard_at) = (self.at, &self.heard_at);
        let out = &mut *moment.out;
        let mut send = |to, bytes: &[u8]| {
            let at = heard_at.get(&to).copied().unwrap_or(own);
            out.datagram(at, to, |buffer| buffer.extend_from_slice(bytes));
        };
        let mut turn = Turn {
            parameters: &moment.shared.parameters,
            now: moment.now,
            send: &mut send,
        };
        act(&mut self.layer, &mut turn)
    }

    fn take(&mut self, moment: &mut Moment<'_>, event: endpoint::Event<'_, SocketAddr>) {
        match event {
            endpoint::Event::Request {
                exchange, packet, ..
            } => self.serve(moment, &exchange, &packet),
            endpoint::Event::Response {
                request, packet, ..
            } => self.answered(moment, request, packet.code()),
            endpoint::Event::Failed { request, why } => {
                let why = match why {
                    Failure::Timeout => "the device did not answer".to_owned(),
                    Failure::Reset => "the device answered with a Reset".to_owned(),
                    Failure::Blocks(fault) => format!("the device's answer is broken: {fault}"),
                    Failure::Send(error) => error.to_string(),
                };
                self.unanswered(request, &why);
            }
            endpoint::Event::Acknowledged { .. }
            | endpoint::Event::Confirmed { .. }
            | endpoint::Event::Ignored { .. }
            | endpoint::Event::Notification { .. }
            | endpoint::Event::Pong { .. }
            | endpoint::Event::Unobserved { .. } => {}
        }
    }

    /// Does what a device asks.
    fn serve(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
    ) {
        let bootstrap = packet.path_is(&[BOOTSTRAP]);
        let refused = match (bootstrap, packet.code()) {
            (true, Code::POST) => None,
            (true, _) => Some(Code::METHOD_NOT_ALLOWED),
            (false, _) => Some(Code::NOT_FOUND),
        };
        let asked = match refused {
            Some(code) => Err(code),
            None => self.asked(moment.shared, exchange.peer, packet),
        };
        let (endpoint, format) = match asked {
            Ok(asked) => asked,
            Err(code) => return self.answer(moment, exchange, bootstrap, code),
        };
        self.open(moment, &endpoint, exchange.peer, format);
        if moment.shared.rules.begins(BeginFacts { answered: false }) {
            self.go_on(moment, &endpoint);
        }
        self.answer(moment, exchange, true, Code::CHANGED);
        if moment.shared.rules.begins(BeginFacts { answered: true }) {
            self.go_on(moment, &endpoint);
        }
    }

    /// Who asks for bootstrap, and in which format it is written to.
    fn asked(
        &self,
        shared: &Shared,
        peer: SocketAddr,
        packet: &Packet<'_>,
    ) -> Result<(String, ContentFormat), Code> {
        let name = packet.query("ep");
        let known = name.is_some_and(|name| shared.configurations.contains_key(name));
        let facts = NameFacts {
            name,
            known,
            again: name.is_some_and(|name| self.outcomes.contains_key(name)),
        };
        if let Some(code) = shared.rules.refuses_name(facts) {
            return Err(code);
        }
        let shown = self.shown.get(&peer);
        let named = |own: &String| Some(own.as_str()) == name;
        let facts = PeerFacts {
            has_credentials: shared.credentials.values().any(named),
            own: shown
                .and_then(|shown| shared.credentials.get(&**shown))
                .is_some_and(named),
            shown: shown.is_some(),
        };
        if let Some(code) = shared.rules.refuses_peer(facts) {
            return Err(code);
        }
        let said = packet.query("pct");
        let preferred = match said.filter(|_| shared.version > Version::V1_0) {
            None => None,
            Some(said) => Some(ContentFormat(said.parse().map_err(|_| Code::BAD_REQUEST)?)),
        };
        let format = shared.rules.format(FormatFacts {
            preferred,
            offered: preferred.is_some_and(|format| FORMATS.contains(&format)),
            own: shared.format,
            version: shared.version,
        })?;
        Ok((name.unwrap_or_default().to_owned(), format))
    }

    fn answer(
        &mut self,
        moment: &mut Moment<'_>,
        exchange: &Exchange<SocketAddr>,
        bootstrap: bool,
        code: Code,
    ) {
        let shared = moment.shared;
        let message = Message::new(code);
        let message = shared.rules.answers(message, AnswerFacts { bootstrap });
        // What cannot be sent now is as good as lost on the way; the request will be repeated.
        let _ = self.with_layer(moment, |layer, turn| {
            if shared.separate {
                layer.acknowledge(turn, exchange);
            }
            layer.respond(turn, exchange, message)
        });
    }

    fn obey(&mut self, moment: &mut Moment<'_>, order: Order) -> Answer {
        match order {
            Order::Begin { endpoint, to } => {
                if !moment.shared.configurations.contains_key(&endpoint) {
                    return Answer::Impossible(format!("no configuration for {endpoint}"));
                }
                let format = moment.shared.format;
                self.open(moment, &endpoint, to, format);
                self.go_on(moment, &endpoint);
                Answer::Done
            }
            Order::Outcome { endpoint } => Answer::Outcome(self.outcome(&endpoint).cloned()),
        }
    }
}

impl Role for BootstrapServer {
    type Shared = Shared;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        let moment = &mut Moment { shared, now, out };
        self.give_up(moment);
        match input {
            Input::Datagram { at, from, bytes } => {
                self.hears_at(at, from);
                let event = self.with_layer(moment, |layer, turn| layer.receive(turn, from, bytes));
                if let Some(event) = event {
                    self.take(moment, event);
                }
            }
            Input::Order { call, order } => {
                let answer = self.obey(moment, order);
                moment.out.answer(call, answer);
            }
            Input::Wake => {
                while let Some(event) = self.with_layer(moment, |layer, turn| layer.expire(turn)) {
                    self.take(moment, event);
                }
            }
            Input::Associated { at, peer, identity } => {
                self.hears_at(at, peer);
                match identity {
                    Some(identity) => self.shown.insert(peer, identity.into()),
                    None => self.shown.remove(&peer),
                };
            }
            Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        let silence = self.sessions.values().map(|session| session.gives_up);
        self.layer.next_deadline().into_iter().chain(silence).min()
    }
}

/// The formats in which it can write several values.
const FORMATS: [ContentFormat; 3] = [
    ContentFormat::LWM2M_TLV,
    ContentFormat::SENML_JSON,
    ContentFormat::SENML_CBOR,
];
