//! One session, from the client's side.

use std::time::Duration;

use twinproof_kernel::ExchangeId;
use twinproof_kernel::http::{Fault, Request, Response};

use super::account::Account;
use super::execute::{Run, Scene};
use super::{Client, Dialog, End, Moment, Reply};
use crate::Encoding;
use crate::auth::{MacHeader, Scheme, ZERO_NONCE};
use crate::notification::wanted::Wanted;
use crate::session::cut::{Form, Queue};
use crate::session::join::Joiner;
use crate::session::prove::{Proof, ProofFacts};
use crate::store::Hand;
use crate::syncml::{
    self, Alert, AlertCode, Command, Header, Item, Location, Message, Meta, Status, StatusCode,
};
use crate::tree::{Address, NodeUri};

/// A session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    account: Account,
    id: String,
    cause: AlertCode,
    alerts: Vec<Alert>,
    /// What the first package has beside who the device is.
    details: Vec<Item>,
    /// Number of our last message.
    sent: u32,
    /// How often a message was sent again.
    again: u32,
    url: String,
    /// The server believes us for all of the session.
    accepted: bool,
    /// We believe the server for all of the session.
    believed: bool,
    /// How often we showed our credentials again.
    tries: u32,
    /// What the server takes.
    limit: Option<usize>,
    queue: Queue,
    /// What the next message starts with.
    lead: Vec<Command>,
    run: Option<Run>,
    joiner: Joiner,
    /// The server's package is complete.
    closed: bool,
    /// The number of the server's last message, and what we answered.
    seen: Option<(String, Request)>,
    exchange: Option<ExchangeId>,
}

impl Session {
    pub(super) fn new(account: Account, id: String, cause: AlertCode, alerts: Vec<Alert>) -> Self {
        Self {
            url: account.url.clone(),
            account,
            id,
            cause,
            alerts,
            details: Vec::new(),
            sent: 0,
            again: 0,
            accepted: false,
            believed: false,
            tries: 0,
            limit: None,
            queue: Queue::default(),
            lead: Vec::new(),
            run: None,
            joiner: Joiner::default(),
            closed: true,
            seen: None,
            exchange: None,
        }
    }

    pub(super) fn server(&self) -> &str {
        &self.account.server
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn waits_for(&self, exchange: ExchangeId) -> bool {
        self.exchange == Some(exchange)
    }

    /// Both sides fall back to the nonce that they are sure to share.
    pub(super) fn resynchronise(&mut self) {
        let sides = [&mut self.account.client, &mut self.account.peer];
        for (proof, _) in sides.into_iter().flatten() {
            proof.nonce = ZERO_NONCE.to_vec();
        }
    }

    /// Takes over what the trigger wants beside a session.
    pub(super) fn want(&mut self, client: &Client, shared: &super::Shared, wanted: &Wanted) {
        let codes = shared.codes.as_ref();
        let scheme = wanted.authentication.zip(codes);
        let scheme = scheme.and_then(|(octet, codes)| codes.scheme(octet));
        if let (Some((proof, _)), Some(scheme)) = (&mut self.account.client, scheme) {
            proof.scheme = shared.rules.begins_with(proof.scheme, scheme);
        }
        let by = Hand {
            server: &self.account.server,
            rules: &*shared.tree_rules,
        };
        let told = wanted.nodes.iter().filter_map(|uri| {
            let address = Address {
                node: uri.parse().ok()?,
                query: None,
            };
            let granted = client.tree.get(by, &address).is_ok();
            let value = client.tree.text(&address.node)?;
            let told = shared.rules.discloses(granted);
            told.then(|| Item::from(uri).with_text(value))
        });
        self.details = told.collect();
    }

    /// Package 1: why there is a session, who the device is, and what it has to report.
    pub(super) fn begin(&mut self, client: &Client, lead: Vec<Command>) {
        let at: Option<NodeUri> = "./DevInfo".parse().ok();
        let node = at.as_ref().and_then(|at| client.tree.node(at));
        let leaves = node.into_iter().flat_map(|node| node.children());
        let items = leaves.filter(|(_, leaf)| leaf.format != syncml::Format::Node);
        let items = items.map(|(name, leaf)| {
            Item::from(format!("./DevInfo/{name}")).with_text(String::from_utf8_lossy(leaf.value()))
        });
        let info = syncml::Request {
            items: items.chain(self.details.iter().cloned()).collect(),
            ..syncml::Request::default()
        };
        self.queue = Queue::default();
        let waiting = &mut self.queue.waiting;
        waiting.push_back(Alert::new("", self.cause).into());
        waiting.push_back(Command::Replace(info));
        waiting.extend(self.alerts.iter().cloned().map(Command::from));
        self.closed = true;
        self.lead = lead;
    }

    fn header(&self, client: &Client, shared: &super::Shared) -> Header {
        let proof = self.account.client.as_ref().map(|(proof, _)| proof);
        let named = proof.filter(|proof| proof.scheme != Scheme::Basic);
        Header {
            ver_dtd: syncml::VER_DTD.to_owned(),
            ver_proto: shared.ver_proto.clone(),
            session_id: self.id.clone(),
            msg_id: self.sent.to_string(),
            target: Location::new(&self.url),
            source: Location {
                uri: client.id.clone(),
                name: named.map(|proof| proof.name.clone()),
            },
            resp_uri: None,
            cred: proof
                .filter(|_| shared.rules.shows(self.accepted))
                .and_then(|proof| proof.cred()),
            meta: Some(Meta {
                max_msg_size: shared.max_message,
                max_obj_size: Some(shared.max_object),
                ..Meta::default()
            }),
        }
    }
}

impl Client {
    /// Sends what waits, as far as it goes into one message.
    pub(super) fn send(&mut self, moment: &mut Moment<'_>, mut session: Box<Session>) {
        let shared = moment.shared;
        if !shared.rules.endures(session.sent, shared.max_messages) {
            return self.fail(moment, session, endless(shared.max_messages));
        }
        session.sent += 1;
        let form = Form {
            encoding: shared.encoding,
            wbxml: shared.wbxml,
            limit: session.limit.into_iter().chain(shared.sends).min(),
            most: shared.max_commands,
            chunks: shared.large_objects,
        };
        let head = Message {
            header: session.header(self, shared),
            commands: std::mem::take(&mut session.lead),
            is_final: session.closed,
        };
        let cut = form.fill(&head, &mut session.queue).and_then(|cut| {
            let waiting = cut.open || !session.queue.waiting.is_empty();
            let is_final = shared.rules.closes(session.closed, waiting);
            let message = shared.rules.says(Message {
                is_final,
                ..cut.message.clone()
            });
            match message == cut.message {
                true => Ok(cut.octets),
                false => form.encoding.write(&message.to_element(), &form.wbxml),
            }
        });
        let octets = match cut {
            Ok(octets) => shared.rules.writes(octets),
            Err(error) => return self.end(moment, &session, End::Failed(error.to_string())),
        };
        let proof = session.account.client.as_ref().map(|(proof, _)| proof);
        let mac = proof.and_then(|proof| proof.mac(&octets));
        let mut request = Request::new("POST", &session.url)
            .with("Accept", shared.encoding.media_type())
            .with("Cache-Control", "private")
            .with_body(shared.encoding.media_type(), octets);
        if let Some(mac) = mac {
            request = request.with(MacHeader::NAME, mac);
        }
        if let Some((_, answer)) = &mut session.seen {
            *answer = request.clone();
        }
        self.post(moment, session, request);
    }

    /// Ends a session that is broken.
    fn fail(&mut self, moment: &mut Moment<'_>, session: Box<Session>, how: String) {
        match moment.shared.rules.gives_up(true) {
            true => self.end(moment, &session, End::Failed(how)),
            false => self.session = Some(session),
        }
    }

    fn post(&mut self, moment: &mut Moment<'_>, mut session: Box<Session>, request: Request) {
        let exchange = self.exchange();
        session.exchange = Some(exchange);
        moment.request(exchange, request);
        self.session = Some(session);
    }

    /// An answer of the server, or why there is none.
    pub(super) fn heard(
        &mut self,
        moment: &mut Moment<'_>,
        mut session: Box<Session>,
        outcome: Result<&Response, &Fault>,
    ) {
        let response = match outcome {
            Ok(response) if response.status == 200 => response,
            Ok(response) => {
                let how = format!("expected HTTP 200, got {}", response.status);
                return self.end(moment, &session, End::Failed(how));
            }
            Err(fault) => return self.end(moment, &session, End::Failed(fault.to_string())),
        };
        let parsed = read(response, moment.shared);
        let parsed = match parsed {
            Ok(parsed) if parsed.message.header.session_id == session.id => parsed,
            Ok(parsed) => {
                let got = &parsed.message.header.session_id;
                let how = format!("expected session {}, got {got}", session.id);
                return self.end(moment, &session, End::Failed(how));
            }
            Err(how) => return self.fail(moment, session, how),
        };
        let message = parsed.message;
        let header = &message.header;
        let seen = session.seen.as_ref().filter(|(id, _)| *id == header.msg_id);
        if let Some((_, answer)) = seen
            && moment.shared.rules.repeats(true)
        {
            let answer = answer.clone();
            // A server that says one thing for ever is no better than one that never ends.
            let most = moment.shared.max_messages;
            if !moment.shared.rules.endures(session.again, most) {
                return self.fail(moment, session, endless(most));
            }
            session.again += 1;
            return self.post(moment, session, answer);
        }
        session.seen = Some((header.msg_id.clone(), Request::default()));
        let size = header.meta.as_ref().and_then(|meta| meta.max_msg_size);
        session.limit = size
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX))
            .or(session.limit);
        if let Some(url) = &header.resp_uri
            && moment.shared.rules.follows(true)
        {
            session.url.clone_from(url);
        }

        let mac = response.headers.first(MacHeader::NAME);
        let code = self.judge_header(moment, &session, header, mac, &response.body);
        let shown = session.account.peer.clone();
        let lead = self.header_status(&mut session, header, code);

        let is_ours =
            |status: &&Status| status.cmd_ref == "0" && status.msg_ref == session.sent.to_string();
        let statuses = message.commands.iter().filter_map(|command| match command {
            Command::Status(status) => Some(&**status),
            _ => None,
        });
        let on_header = statuses.clone().find(is_ours).cloned();
        if let Some(status) = on_header {
            let nonce = status
                .chal
                .as_ref()
                .and_then(|chal| chal.meta.next_nonce.clone());
            let asked = status.chal.as_ref().and_then(|chal| chal.scheme());
            if let (Some((proof, _)), Some(nonce)) = (&mut session.account.client, nonce) {
                proof.nonce = nonce;
            }
            match status.code {
                StatusCode::AUTHENTICATED => session.accepted = true,
                StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS => {
                    let able = session.account.client.is_some() && asked.is_some();
                    if !able || !moment.shared.rules.tries_again(session.tries) {
                        return self.end(moment, &session, End::Unauthenticated);
                    }
                    if let (Some((proof, _)), Some(scheme)) = (&mut session.account.client, asked) {
                        proof.scheme = scheme;
                    }
                    session.tries += 1;
                    session.begin(self, vec![lead]);
                    return self.send(moment, session);
                }
                code if code.is_success() => {}
                code => return self.end(moment, &session, End::Refused(code)),
            }
        }

        let commands: Vec<_> = message
            .commands
            .into_iter()
            .filter(|command| !matches!(command, Command::Status(_)))
            .collect();
        let is_alert = |command: &Command, code| matches!(command, Command::Alert(alert) if alert.code == code);
        let wants = !commands.is_empty() || !parsed.refused.is_empty();
        if !moment.shared.rules.obeys(code) {
            if !wants {
                return self.end(moment, &session, End::Unproven);
            }
            session.lead = vec![lead];
            for command in &commands {
                let msg = &header.msg_id;
                let status = Status::of("", msg, command.cmd_id(), command.name(), code);
                session.lead.push(status.into());
            }
            session.closed = message.is_final;
            if session.tries > 2 {
                return self.end(moment, &session, End::Unproven);
            }
            session.tries += 1;
            return self.send(moment, session);
        }
        self.keep_nonce(session.account.client.as_ref());
        let aborted = commands
            .iter()
            .any(|command| is_alert(command, AlertCode::SESSION_ABORT));
        if moment.shared.rules.stops(aborted) {
            return self.end(moment, &session, End::Aborted);
        }
        // A server that asks for the next message opens no new package.
        let next = |command: &Command| is_alert(command, AlertCode::NEXT_MESSAGE);
        session.closed = message.is_final || session.closed && commands.iter().any(next);
        let waiting = !session.queue.waiting.is_empty();
        if session.closed && moment.shared.rules.ends(wants, false, waiting) {
            // A nonce that the server was told after it had shown a wrong one is the one that it has now.
            let shown = shown.filter(|(proof, _)| proof.nonce != ZERO_NONCE);
            self.keep_nonce(shown.as_ref());
            return self.end(moment, &session, End::Complete);
        }
        // What the server has to use next is kept once it is told.
        self.keep_nonce(session.account.peer.as_ref());
        session.lead = vec![lead];
        for refused in &parsed.refused {
            let id = refused.cmd_id.clone().unwrap_or_default();
            let name = refused.name.clone();
            let status = Status::of("", &header.msg_id, id, name, StatusCode::BAD_REQUEST);
            session.lead.push(status.into());
        }
        let mut rest = Vec::new();
        for command in commands {
            match is_alert(&command, AlertCode::NEXT_MESSAGE) {
                false => rest.push(command),
                true => {
                    let id = command.cmd_id();
                    let status = Status::of("", &header.msg_id, id, "Alert", StatusCode::OK);
                    session.lead.push(status.into());
                }
            }
        }
        session.run = Some(Run::new(&header.msg_id, rest));
        self.resume(moment, session, None);
    }

    /// Goes on with the server's commands, from where the user was asked or from the start.
    pub(super) fn resume(
        &mut self,
        moment: &mut Moment<'_>,
        mut session: Box<Session>,
        said: Option<(&Dialog, &Reply)>,
    ) {
        let Some(mut run) = session.run.take() else {
            self.session = Some(session);
            return;
        };
        let shared = moment.shared;
        let server = session.account.server.clone();
        let mut shown = Vec::new();
        let mut scene = Scene {
            tree: &mut self.tree,
            by: Hand {
                server: &server,
                rules: &*shared.tree_rules,
            },
            rules: &*shared.rules,
            joiner: &mut session.joiner,
            large_objects: shared.large_objects,
            max_object: shared.max_object,
            user: shared.user,
            atomic: shared.atomic,
            encoding: shared.encoding,
            started: &mut self.started,
        };
        if let Some((dialog, reply)) = said {
            run.answered(&scene, dialog, reply);
        }
        let mut question = None;
        while let Some(dialog) = run.go_on(&mut scene) {
            if dialog.code == AlertCode::DISPLAY {
                run.answered(&scene, &dialog, &Reply::Yes);
                shown.push(dialog);
            } else {
                question = Some(dialog);
                break;
            }
        }
        for dialog in shown {
            self.show(moment.now, &server, dialog, Some(Reply::Yes));
        }
        if let Some(dialog) = question {
            let seconds = dialog.options.max_display.map(u64::from);
            self.patience = seconds.map(|seconds| moment.now + Duration::from_secs(seconds));
            self.show(moment.now, &server, dialog, None);
            session.run = Some(run);
            session.exchange = None;
            self.session = Some(session);
            return;
        }
        session.queue.waiting.extend(run.replies());
        if !session.closed {
            let next = Alert::new("", AlertCode::NEXT_MESSAGE);
            session.queue.waiting.push_back(next.into());
        }
        self.send(moment, session);
    }

    fn judge_header(
        &self,
        moment: &Moment<'_>,
        session: &Session,
        header: &Header,
        mac: Option<&str>,
        octets: &[u8],
    ) -> StatusCode {
        if header.ver_dtd != syncml::VER_DTD {
            return StatusCode::DTD_VERSION_NOT_SUPPORTED;
        }
        let mut versions = syncml::VER_PROTO.iter();
        let known = versions.any(|(known, _)| *known == header.ver_proto);
        if !moment.shared.rules.speaks(known) {
            return StatusCode::PROTOCOL_VERSION_NOT_SUPPORTED;
        }
        let proof = session.account.peer.as_ref().map(|(proof, _)| proof);
        let facts = proof.map(|proof| proof.facts(session.believed, header, mac, octets));
        let facts = facts.unwrap_or(ProofFacts::NONE);
        moment.shared.rules.believes(facts)
    }

    /// The status of the server's header; it brings the nonce to use next.
    fn header_status(
        &mut self,
        session: &mut Session,
        header: &Header,
        code: StatusCode,
    ) -> Command {
        let mut status = Status::of_header("", &header.msg_id, code);
        status.target_refs.push(header.target.uri.clone());
        status.source_refs.push(header.source.uri.clone());
        let fresh = self.nonce();
        if let Some((proof, _)) = &mut session.account.peer {
            let settled = code == StatusCode::OK && proof.scheme != Scheme::Mac;
            if !settled {
                proof.nonce = fresh;
                status.chal = Some(proof.challenge());
            }
        }
        session.believed |= code == StatusCode::AUTHENTICATED;
        status.into()
    }

    /// Keeps the nonce of one side, now that the server is who it says.
    fn keep_nonce(&mut self, side: Option<&(Proof, NodeUri)>) {
        if let Some((proof, at)) = side
            && proof.scheme.takes_nonce()
        {
            self.tree.set(at, proof.nonce.clone());
        }
    }
}

fn endless(messages: u32) -> String {
    format!("expected an end after {messages} messages, got none")
}

fn read(response: &Response, shared: &super::Shared) -> Result<syncml::Parsed, String> {
    let media_type = response.headers.first("Content-Type").unwrap_or_default();
    let encoding = Encoding::from_content_type(media_type)
        .ok_or_else(|| format!("expected a message, got {media_type:?}"))?;
    let element = encoding.read(&response.body, &shared.limits);
    let parsed = element.and_then(Message::from_element);
    parsed.map_err(|error| error.to_string())
}
