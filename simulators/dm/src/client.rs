//! A client: what a device does in sessions with its servers (DM Protocol 1.2).
//!
//! One session runs at a time; others wait. The carriers of triggers all end in [`Order::Deliver`],
//! and pushes by HTTP, WSP and SIP end there by themselves.

mod account;
mod bootstrap;
mod dialog;
pub mod execute;
pub mod rules;
mod session;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use twinproof_kernel::http::Response;
use twinproof_kernel::{ExchangeId, Input, Outbox, Output, Role, Seed, Time};

use crate::auth::ZERO_NONCE;
use crate::notification::wanted::{Codes, Wanted};
use crate::notification::{Received, UiMode};
use crate::provisioning;
use crate::store::{self, Tree};
use crate::syncml::alert::UiOptions;
use crate::syncml::{Alert, AlertCode, Exec, StatusCode};
use crate::tree::NodeUri;
use crate::{Encoding, Limits, carrier, wbxml};
use account::Account;
use rules::decide::{Rules, Standard};
use rules::{TriggerFacts, Triggered};
use session::Session;

pub use bootstrap::{Card, Own};
pub use dialog::{Dialog, Reply};

/// What clients of a run have in common.
#[derive(Clone)]
pub struct Shared {
    /// The encoding of their messages.
    pub encoding: Encoding,
    /// How they write WBXML.
    pub wbxml: wbxml::Form,
    /// What they say in `VerProto`.
    pub ver_proto: String,
    /// The octets of a message that they can take, if they say so.
    pub max_message: Option<u64>,
    /// The octets of a message that they send at most, whatever a server takes.
    pub sends: Option<usize>,
    /// How many commands they put into a message, beside the status of a header; none means any number.
    pub max_commands: Option<usize>,
    /// The octets of an object that they can take.
    pub max_object: u64,
    /// Whether they take and send large objects in chunks.
    pub large_objects: bool,
    /// Whether they support `Atomic`.
    pub atomic: bool,
    /// Whether somebody sits in front of them.
    pub user: bool,
    /// Whether a trigger may make them fall back to the nonce of resynchronisation.
    pub resynchronises: bool,
    /// How they read what notifications of DM 1.3 ask for beside a session; those who do not take a body
    /// for the vendor's own.
    pub codes: Option<Codes>,
    /// By what they can be bootstrapped; those that cannot have nothing of it.
    pub bootstrap: Option<Own>,
    /// What the clock said when time began, in seconds since 1970.
    pub epoch: u64,
    /// The messages that they send in one session before they give up: the text sets no end to it.
    pub max_messages: u32,
    /// What they read of a message.
    pub limits: Limits,
    /// Their decisions in a session.
    pub rules: Arc<dyn Rules>,
    /// Their decisions about the tree.
    pub tree_rules: Arc<dyn store::rules::decide::Rules>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            encoding: Encoding::Wbxml,
            wbxml: wbxml::Form::default(),
            ver_proto: "DM/1.2".to_owned(),
            max_message: None,
            sends: None,
            max_commands: None,
            max_object: 1 << 20,
            large_objects: true,
            atomic: true,
            user: true,
            resynchronises: true,
            codes: Some(Codes::default()),
            bootstrap: None,
            epoch: 0,
            max_messages: 10_000,
            limits: Limits::default(),
            rules: Arc::new(Standard),
            tree_rules: Arc::new(store::rules::decide::Standard),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("encoding", &self.encoding)
            .field("ver_proto", &self.ver_proto)
            .finish_non_exhaustive()
    }
}

/// What a tester asks of a client.
#[derive(Clone, Debug)]
pub enum Order {
    /// Fetch the bootstrap from where the client knows that there is one.
    CallHome,
    /// A push arrived, whatever carried it.
    Deliver {
        /// Its media type.
        content_type: String,
        /// Its header fields.
        headers: Vec<(String, String)>,
        /// Its octets.
        body: Vec<u8>,
    },
    /// Look where the address of a bootstrap server is announced: this one is, or none.
    Discover(Option<String>),
    /// Fetch the bootstrap from an address.
    Fetch {
        /// The address.
        url: String,
    },
    /// Put a smart card in, and read it.
    Insert(Card),
    /// Put an account into the tree, as from the factory, below `./DMAcc`.
    Install {
        /// The name of its node.
        name: String,
        /// The account.
        account: provisioning::Account,
    },
    /// What the value of a node is.
    Read(NodeUri),
    /// The user says something.
    Reply(Reply),
    /// Start a session and send alerts in its first package.
    Report {
        /// The server.
        server: String,
        /// The alerts: 1224 or 1226.
        alerts: Vec<Alert>,
    },
    /// Which sessions there were.
    Sessions,
    /// Give a node a value, as the device itself does.
    Set(NodeUri, Vec<u8>),
    /// What the user was shown, and when.
    Shown,
    /// Start a session.
    Start {
        /// The server.
        server: String,
    },
    /// Which processes were started.
    Started,
}

/// As it stands in a record: what was asked for, without what may be secret.
impl serde::Serialize for Order {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (what, of) = match self {
            Self::CallHome => ("call home", String::new()),
            Self::Deliver { content_type, .. } => ("deliver", content_type.clone()),
            Self::Discover(url) => ("discover", url.clone().unwrap_or_default()),
            Self::Fetch { url } => ("fetch", url.clone()),
            Self::Insert(card) => ("insert", card.content_type.clone()),
            Self::Install { account, .. } => ("install", account.server_id.clone()),
            Self::Read(uri) => ("read", uri.to_string()),
            Self::Reply(reply) => return ("reply", reply).serialize(to),
            Self::Report { server, .. } => ("report", server.clone()),
            Self::Sessions => ("sessions", String::new()),
            Self::Set(uri, _) => ("set", uri.to_string()),
            Self::Shown => ("shown", String::new()),
            Self::Start { server } => ("start", server.clone()),
            Self::Started => ("started", String::new()),
        };
        (what, of).serialize(to)
    }
}

/// What a client answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done, or under way.
    Done,
    /// It cannot be done.
    Refused(String),
    /// The sessions that have ended, in order, and how many there still are.
    Sessions(Vec<Ended>, usize),
    /// What the user was shown.
    Shown(Vec<Shown>),
    /// The processes that were started.
    Started(Vec<Exec>),
    /// A value, if the node is there and is a leaf.
    Value(Option<Vec<u8>>),
}

/// A session that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The server.
    pub server: String,
    /// `SessionID`.
    pub session: String,
    /// When.
    pub at: Time,
    /// How.
    pub how: End,
}

/// How a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The server aborted it.
    Aborted,
    /// Nothing was left to do.
    Complete,
    /// The transport or a message was broken; in what way.
    Failed(String),
    /// The server refused the header.
    Refused(StatusCode),
    /// The server did not believe that the client is who it is.
    Unauthenticated,
    /// The client did not believe that the server is who it is.
    Unproven,
}

/// Something that the user was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// When.
    pub at: Time,
    /// For which server.
    pub server: String,
    /// What.
    pub dialog: Dialog,
    /// What the user said, and when; none as long as the question stands.
    pub reply: Option<(Time, Reply)>,
}

/// A session that somebody wants.
#[derive(Clone, Debug)]
struct Wish {
    server: String,
    /// From the trigger; the client chooses one if there is none.
    session: Option<String>,
    cause: AlertCode,
    alerts: Vec<Alert>,
    zero_nonce: bool,
    /// Whether the user is asked first.
    ask: bool,
    /// What the trigger wants beside a session.
    wanted: Wanted,
}

/// How many sessions that a server has announced a client knows again: a push may come late.
const REMEMBERED: usize = 16;

/// The client's core.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it calls itself in headers.
    id: String,
    seed: Seed,
    tree: Tree,
    session: Option<Box<Session>>,
    wishes: VecDeque<Wish>,
    /// The wish that the user was asked about.
    asked: Option<Wish>,
    /// When the user is taken to say nothing.
    patience: Option<Time>,
    shown: Vec<Shown>,
    ended: Vec<Ended>,
    started: Vec<Exec>,
    /// The last sessions that each server has announced, oldest first.
    announced: BTreeMap<String, VecDeque<String>>,
    exchanges: u64,
    /// How many numbers were drawn.
    drawn: u64,
    /// How far a bootstrap has come; few clients ever have one.
    bootstrap: Option<Box<bootstrap::Progress>>,
}

struct Moment<'a> {
    shared: &'a Shared,
    now: Time,
    out: &'a mut Outbox<Answer>,
}

impl Client {
    /// A client with a tree. Its identity is that of the tree (`./DevInfo/DevId`).
    #[must_use]
    pub fn new(tree: Tree, seed: Seed) -> Self {
        let id = "./DevInfo/DevId".parse().ok();
        let id = id.and_then(|at| tree.text(&at).map(str::to_owned));
        Self {
            id: id.unwrap_or_default(),
            seed,
            tree,
            session: None,
            wishes: VecDeque::new(),
            asked: None,
            patience: None,
            shown: Vec::new(),
            ended: Vec::new(),
            started: Vec::new(),
            announced: BTreeMap::new(),
            exchanges: 0,
            drawn: 0,
            bootstrap: None,
        }
    }

    /// Its tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Its tree, for what the device itself does to it.
    #[must_use]
    pub fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    /// The server of the session that runs, if one does.
    #[must_use]
    pub fn partner(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.server())
    }

    /// How many sessions run or wait to begin.
    #[must_use]
    pub fn open(&self) -> usize {
        usize::from(self.session.is_some()) + self.wishes.len()
    }

    /// What the user was shown, in order.
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// The processes that servers have started, in order.
    #[must_use]
    pub fn started(&self) -> &[Exec] {
        &self.started
    }

    /// The sessions that have ended, in order.
    #[must_use]
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    fn obey(&mut self, moment: &mut Moment<'_>, order: Order) -> Answer {
        match order {
            Order::CallHome => self.call_home(moment),
            Order::Deliver {
                content_type,
                headers,
                body,
            } => {
                self.delivered(moment, &content_type, &headers, &body);
                Answer::Done
            }
            Order::Discover(url) => self.discover(moment, url),
            Order::Fetch { url } => {
                self.fetch(moment, url);
                Answer::Done
            }
            Order::Insert(card) => self.insert(moment, card),
            Order::Install { name, account } => {
                let states = "./DMAcc"
                    .parse()
                    .map(|at: NodeUri| account.states(&at.child(name)));
                self.tree.install(&states.unwrap_or_default());
                Answer::Done
            }
            Order::Read(uri) => {
                let node = self
                    .tree
                    .node(&uri)
                    .filter(|node| node.kind() == crate::tree::acl::Kind::Leaf);
                Answer::Value(node.map(|node| node.value().to_vec()))
            }
            Order::Reply(reply) => self.replied(moment, reply),
            Order::Report { server, alerts } => self.wish(moment, &server, alerts),
            Order::Sessions => Answer::Sessions(self.ended.clone(), self.open()),
            Order::Set(uri, value) => {
                self.tree.set(&uri, value);
                Answer::Done
            }
            Order::Shown => Answer::Shown(self.shown.clone()),
            Order::Start { server } => self.wish(moment, &server, Vec::new()),
            Order::Started => Answer::Started(self.started.clone()),
        }
    }

    fn wish(&mut self, moment: &mut Moment<'_>, server: &str, alerts: Vec<Alert>) -> Answer {
        if Account::of(&self.tree, server).is_none() {
            return Answer::Refused(format!("expected an account of {server}, got none"));
        }
        self.wishes.push_back(Wish {
            server: server.to_owned(),
            session: None,
            cause: AlertCode::CLIENT_INITIATED,
            alerts,
            zero_nonce: false,
            ask: false,
            wanted: Wanted::default(),
        });
        self.next(moment);
        Answer::Done
    }

    /// Whether there is an account of the server that a trigger names, and whether its digest is right for
    /// that account; none if the octets are no trigger.
    #[must_use]
    pub fn inspect(&self, body: &[u8]) -> Option<(bool, bool)> {
        let received = Received::parse(body).ok()?;
        let server = &received.trigger.server_id;
        let account = Account::of(&self.tree, server);
        let proof = account.as_ref().and_then(|account| account.peer.as_ref());
        let signed = proof.is_some_and(|(proof, _)| {
            received.is_signed_by(&proof.key_of_triggers(server), &proof.nonce)
        });
        Some((account.is_some(), signed))
    }

    /// A push arrived. What is no trigger, or no good one, changes nothing.
    fn delivered(
        &mut self,
        moment: &mut Moment<'_>,
        content_type: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) {
        let name = content_type.split(';').next().unwrap_or_default().trim();
        if !bootstrap::is_trigger(name) {
            return self.pushed(moment, content_type, body);
        }
        let Ok(received) = Received::parse(body) else {
            return;
        };
        if !moment.shared.rules.listens(carrier::is_for_client(headers)) {
            return;
        }
        let trigger = &received.trigger;
        let account = Account::of(&self.tree, &trigger.server_id);
        let proof = account.as_ref().and_then(|account| account.peer.as_ref());
        let signed = |nonce: Option<&[u8]>| {
            proof.is_some_and(|(proof, _)| {
                let key = proof.key_of_triggers(&trigger.server_id);
                received.is_signed_by(&key, nonce.unwrap_or(&proof.nonce))
            })
        };
        let session = trigger.session_id_text();
        let wanted = |wish: &Wish| {
            wish.server == trigger.server_id && wish.session.as_ref() == Some(&session)
        };
        let verdict = moment.shared.rules.triggered(TriggerFacts {
            known: account.is_some(),
            signed: signed(None),
            signed_with_zero: signed(Some(&ZERO_NONCE)),
            resynchronises: moment.shared.resynchronises,
            plain: trigger.body.is_empty(),
            repeated: self
                .announced
                .get(&trigger.server_id)
                .is_some_and(|announced| announced.contains(&session))
                || self.wishes.iter().chain(&self.asked).any(wanted),
        });
        if verdict == Triggered::Ignore {
            return;
        }
        let codes = moment.shared.codes.as_ref();
        let wanted = codes.map(|codes| Wanted::read(codes, &trigger.body));
        let wanted = wanted.unwrap_or_default();
        if moment.expired(&wanted) {
            return;
        }
        let ask = moment
            .shared
            .rules
            .asks(trigger.ui_mode, moment.shared.user);
        if trigger.ui_mode == UiMode::Informative {
            let dialog = announcement(AlertCode::DISPLAY, moment.shared, &wanted);
            self.show(moment.now, &trigger.server_id, dialog, Some(Reply::Yes));
        }
        self.wishes.push_back(Wish {
            server: trigger.server_id.clone(),
            session: Some(session),
            cause: AlertCode::SERVER_INITIATED,
            alerts: Vec::new(),
            zero_nonce: verdict == Triggered::Resynchronise,
            ask,
            wanted,
        });
        self.next(moment);
    }

    fn show(&mut self, at: Time, server: &str, dialog: Dialog, reply: Option<Reply>) {
        self.shown.push(Shown {
            at,
            server: server.to_owned(),
            dialog,
            reply: reply.map(|reply| (at, reply)),
        });
    }

    /// Starts the session that waits longest, if none runs.
    fn next(&mut self, moment: &mut Moment<'_>) {
        if self.session.is_some() || self.asked.is_some() {
            return;
        }
        let Some(wish) = self.wishes.pop_front() else {
            return;
        };
        if moment.expired(&wish.wanted) {
            return self.next(moment);
        }
        if wish.ask {
            self.show(
                moment.now,
                &wish.server,
                announcement(AlertCode::CONFIRM, moment.shared, &wish.wanted),
                None,
            );
            self.asked = Some(wish);
            return;
        }
        self.start(moment, &wish);
    }

    fn start(&mut self, moment: &mut Moment<'_>, wish: &Wish) {
        let accounts = Account::all(&self.tree);
        let mut of_server = accounts.iter().filter(|known| known.server == wish.server);
        let Some(mut account) = of_server.next().cloned() else {
            return self.next(moment);
        };
        let servers = accounts.iter().map(|known| known.server.clone());
        let rules = &moment.shared.rules;
        let place = rules.credentials(servers.collect(), wish.server.clone());
        if let Some(keys) = place.and_then(|place| accounts.get(place)) {
            account.client.clone_from(&keys.client);
            account.peer.clone_from(&keys.peer);
        }
        let id = wish.session.clone().unwrap_or_else(|| {
            let number = self.draw("session").u16(1..);
            format!("{number:X}")
        });
        // A server may well announce the number that the client has once chosen for a session of its own.
        if wish.session.is_some() {
            let announced = self.announced.entry(wish.server.clone()).or_default();
            if announced.len() == REMEMBERED {
                announced.pop_front();
            }
            announced.push_back(id.clone());
        }
        let mut session = Box::new(Session::new(account, id, wish.cause, wish.alerts.clone()));
        if wish.zero_nonce {
            session.resynchronise();
        }
        session.want(self, moment.shared, &wish.wanted);
        session.begin(self, Vec::new());
        self.send(moment, session);
    }

    /// What the user said to the question that stands.
    fn replied(&mut self, moment: &mut Moment<'_>, reply: Reply) -> Answer {
        let place = self.shown.iter().rposition(|shown| shown.reply.is_none());
        let Some((at, shown)) = place.and_then(|at| Some((at, self.shown.get_mut(at)?))) else {
            return Answer::Refused("expected a question to the user, got none".to_owned());
        };
        shown.reply = Some((moment.now, reply.clone()));
        let dialog = shown.dialog.clone();
        if self.unlocks(moment, at, &reply) {
            return Answer::Done;
        }
        self.patience = None;
        if let Some(wish) = self.asked.take() {
            match reply {
                Reply::Yes => self.start(moment, &wish),
                _ => self.next(moment),
            }
        } else if let Some(session) = self.session.take() {
            self.resume(moment, session, Some((&dialog, &reply)));
        }
        Answer::Done
    }

    fn draw(&mut self, what: &str) -> fastrand::Rng {
        self.drawn += 1;
        self.seed.derive(what).derive(&self.drawn.to_string()).rng()
    }

    /// Sixteen octets that nobody has seen.
    fn nonce(&mut self) -> Vec<u8> {
        let mut rng = self.draw("nonce");
        std::iter::repeat_with(|| rng.u8(..)).take(16).collect()
    }

    fn end(&mut self, moment: &mut Moment<'_>, session: &Session, how: End) {
        self.ended.push(Ended {
            server: session.server().to_owned(),
            session: session.id().to_owned(),
            at: moment.now,
            how,
        });
        self.session = None;
        self.next(moment);
    }
}

/// What the user is told of a session that a server wants.
fn announcement(code: AlertCode, shared: &Shared, wanted: &Wanted) -> Dialog {
    let reason = wanted.reason.clone();
    Dialog {
        code,
        options: UiOptions::default(),
        text: reason.map_or_else(String::new, |reason| shared.rules.tells(reason)),
        choices: Vec::new(),
    }
}

impl Role for Client {
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
        let mut moment = Moment { shared, now, out };
        match input {
            Input::Order { call, order } => {
                let answer = self.obey(&mut moment, order);
                moment.out.answer(call, answer);
            }
            Input::Response { exchange, outcome } => {
                let ours = |session: &mut Box<Session>| session.waits_for(exchange);
                match self.session.take_if(ours) {
                    Some(session) => self.heard(&mut moment, session, outcome),
                    None => self.fetched(&mut moment, exchange, outcome),
                }
            }
            Input::Request { exchange, request } => {
                let content_type = request.headers.first("Content-Type").unwrap_or_default();
                let status = if request.method == "POST" { 204 } else { 405 };
                if request.method == "POST" {
                    let headers = request.headers.iter();
                    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
                    let headers: Vec<_> = headers.collect();
                    self.delivered(&mut moment, content_type, &headers, &request.body);
                }
                moment.out.respond(exchange, Response::new(status));
            }
            Input::Wake if self.patience.is_some_and(|at| at <= now) => {
                self.replied(&mut moment, Reply::Nothing);
            }
            Input::Datagram { at, from, bytes } => {
                let arrived = carrier::arrived(bytes);
                if let Some(arrived) = arrived.filter(|push| shared.rules.takes_from(push.by)) {
                    if let Some(answer) = &arrived.answer {
                        let write = |out: &mut Vec<u8>| out.extend_from_slice(answer);
                        moment.out.datagram(at, from, write);
                    }
                    let carrier::Arrived {
                        content_type,
                        headers,
                        body,
                        ..
                    } = arrived;
                    self.delivered(&mut moment, &content_type, &headers, &body);
                }
            }
            Input::Associated { .. } | Input::Wake | Input::Persisted(_) | Input::Restored(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.patience
    }
}

impl Client {
    fn exchange(&mut self) -> ExchangeId {
        self.exchanges += 1;
        ExchangeId(self.exchanges)
    }
}

impl Moment<'_> {
    /// Whether it is too late for what a trigger wants.
    fn expired(&self, wanted: &Wanted) -> bool {
        let seconds = self.shared.epoch + self.now.since(Time::ZERO).as_secs();
        self.shared.rules.expired(seconds, wanted.expires)
    }

    fn request(&mut self, exchange: ExchangeId, mut request: twinproof_kernel::http::Request) {
        if request.url.starts_with("https://") {
            request.scrutiny = self.shared.rules.examines(request.scrutiny);
        }
        self.out.push(Output::Request { exchange, request });
    }
}
