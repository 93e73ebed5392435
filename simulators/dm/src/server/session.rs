//! One session, from the server's side.

use std::collections::VecDeque;

use twinproof_kernel::CallId;
use twinproof_kernel::http::{Request, Response};

use super::rules::{Fate, Heard, Turn, Unread};
use super::{Device, Job, Moment, Server};
use crate::Encoding;
use crate::auth::{MacHeader, Scheme, ZERO_NONCE};
use crate::session::cut::{Form, Queue};
use crate::session::join::{Joined, Joiner};
use crate::session::prove::ProofFacts;
use crate::syncml::{
    self, Alert, AlertCode, Command, Data, Header, Location, Message, Meta, Results, Status,
    StatusCode,
};
use crate::upper::{Answer, Event, Outcome, Reading, Told};

/// A session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    id: String,
    /// Number of our last message.
    sent: u32,
    /// We believe the client for all of the session.
    believed: bool,
    /// The client believes us for all of the session.
    accepted: bool,
    /// How often we showed our credentials again.
    tries: u32,
    /// What the client takes.
    limit: Option<usize>,
    out: Queue,
    /// The first so many jobs of the device's queue are in `out` or were sent.
    taken: usize,
    /// The jobs of what waits in `out`, by their places in the device's queue.
    owners: VecDeque<usize>,
    /// Which job a command that was sent is of.
    commands: Vec<(String, String, usize)>,
    /// A large object of ours is under way.
    open: bool,
    /// The client refused a part of one, and our package is still to be closed.
    broken_off: bool,
    joiner: Joiner,
    /// The client's last message as it came, with the code that protects it.
    heard: (Vec<u8>, Option<String>),
    /// What it was answered.
    answered: Option<Response>,
    aborts: bool,
}

impl Session {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            sent: 0,
            believed: false,
            accepted: false,
            tries: 0,
            limit: None,
            out: Queue::default(),
            taken: 0,
            owners: VecDeque::new(),
            commands: Vec::new(),
            open: false,
            broken_off: false,
            joiner: Joiner::default(),
            heard: (Vec::new(), None),
            answered: None,
            aborts: false,
        }
    }

    /// What a message was answered, if it is the last one once more. Another one under its number may come from
    /// somebody else.
    fn answer_to(&self, mac: Option<&str>, octets: &[u8]) -> Option<&Response> {
        let (heard, code) = &self.heard;
        let is_copy = heard == octets && code.as_deref() == mac;
        self.answered.as_ref().filter(|_| is_copy)
    }

    /// The first so many jobs of the device's queue are under way.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// The octets of a message that the client takes.
    pub(super) fn limit(&self) -> Option<usize> {
        self.limit
    }

    pub(super) fn abort(&mut self) {
        self.aborts = true;
    }

    /// The client refused a part of a large object: the rest is not sent.
    fn break_off(&mut self) {
        self.out.waiting.pop_front();
        self.out.cut = false;
        self.owners.pop_front();
        self.open = false;
        self.broken_off = true;
    }

    /// The client did not believe us: what it did not carry out is sent again.
    fn rewind(&mut self) {
        self.out = Queue::default();
        self.owners.clear();
        self.commands.clear();
        self.taken = 0;
        self.open = false;
    }
}

/// What a message asks of us beside its statuses.
struct Package {
    lead: Vec<Command>,
    begins: bool,
    aborted: bool,
}

impl Server {
    /// Answers a message; or the HTTP status for what is none.
    pub(super) fn heard(
        &mut self,
        moment: &mut Moment<'_>,
        request: &Request,
    ) -> Result<Response, u16> {
        if request.method != "POST" {
            return Err(405);
        }
        let next = moment.shared.next.as_ref();
        let elsewhere = next.is_some_and(|next| request.url.ends_with(next.as_str()));
        if elsewhere && !moment.shared.rules.hears_there(elsewhere) {
            return Err(404);
        }
        let media_type = request.headers.first("Content-Type").unwrap_or_default();
        let encoding = Encoding::from_content_type(media_type).ok_or(415_u16)?;
        let element = encoding.read(&request.body, &moment.shared.limits);
        let parsed = element.and_then(Message::from_element);
        let facts = Unread {
            readable: parsed.is_ok(),
            before: self.unread,
        };
        self.unread += u32::from(parsed.is_err());
        if let Some(status) = moment.shared.rules.refuses(facts) {
            return Err(status);
        }
        let parsed = parsed.map_err(|_| 400_u16)?;
        let id = parsed.message.header.source.uri.clone();
        let Some(mut device) = self.devices.remove(&id) else {
            self.events.push(Event::Refused {
                device: id,
                code: StatusCode::NOT_FOUND.0,
            });
            return Err(403);
        };
        let mac = request.headers.first(MacHeader::NAME);
        let response = self.converse(
            moment,
            &id,
            &mut device,
            encoding,
            parsed,
            mac,
            &request.body,
        );
        self.devices.insert(id, device);
        response
    }

    #[expect(clippy::too_many_arguments, reason = "a message, who sent it, and how")]
    fn converse(
        &mut self,
        moment: &mut Moment<'_>,
        id: &str,
        device: &mut Device,
        encoding: Encoding,
        parsed: syncml::Parsed,
        mac: Option<&str>,
        octets: &[u8],
    ) -> Result<Response, u16> {
        let rules = &moment.shared.rules;
        let message = &parsed.message;
        let header = &message.header;
        let before = self.events.len();
        let running = device.session.take();
        // A device that counts from 1 again has forgotten the session that had the number.
        let goes_on = |session: &Session| {
            let is_copy = session.answer_to(mac, octets).is_some();
            session.id == header.session_id && (header.msg_id != "1" || is_copy)
        };
        let mut session = match running.filter(goes_on) {
            Some(session) => session,
            None => {
                self.events.push(Event::Started {
                    device: id.to_owned(),
                    session: header.session_id.clone(),
                });
                device.queue.append(&mut device.kept);
                device.start_over();
                Session::new(&header.session_id)
            }
        };
        if let Some(answer) = session.answer_to(mac, octets)
            && rules.repeats(true)
        {
            let answer = answer.clone();
            device.session = Some(session);
            return Ok(answer);
        }
        session.heard = (octets.to_vec(), mac.map(str::to_owned));
        let size = header.meta.as_ref().and_then(|meta| meta.max_msg_size);
        session.limit = size
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX))
            .or(session.limit);

        let facts = device.client.as_ref();
        let facts = facts.map(|proof| proof.facts(session.believed, header, mac, octets));
        let mut facts = facts.unwrap_or(ProofFacts::NONE);
        if std::mem::take(&mut device.resynchronises) && facts.zero {
            facts.right = true;
            if let Some(proof) = &mut device.server {
                proof.nonce = ZERO_NONCE.to_vec();
            }
        }
        let code = if header.ver_dtd != syncml::VER_DTD {
            StatusCode::DTD_VERSION_NOT_SUPPORTED
        } else if !syncml::VER_PROTO
            .iter()
            .any(|(known, _)| *known == header.ver_proto)
        {
            StatusCode::PROTOCOL_VERSION_NOT_SUPPORTED
        } else {
            rules.believes(facts)
        };
        let lead = self.header_status(device, &mut session, header, code);
        if !rules.heeds(code) {
            self.events.push(Event::Refused {
                device: id.to_owned(),
                code: code.0,
            });
            let statuses = message.commands.iter().filter_map(|command| match command {
                Command::Status(_) | Command::Results(_) => None,
                other => Some(Status::of(
                    "",
                    &header.msg_id,
                    other.cmd_id(),
                    other.name(),
                    code,
                )),
            });
            let lead = std::iter::once(lead)
                .chain(statuses.map(Command::from))
                .collect();
            let commands = Queue::default();
            return self.answer(
                moment,
                device,
                session,
                header,
                encoding,
                lead,
                Some(commands),
            );
        }

        let believed = self.hear_statuses(moment, device, &mut session, message);
        let mut package = Package {
            lead: vec![lead],
            begins: false,
            aborted: false,
        };
        self.hear_commands(moment, id, message, &mut package);
        for refused in &parsed.refused {
            let cmd_id = refused.cmd_id.clone().unwrap_or_default();
            let name = refused.name.clone();
            let status = Status::of("", &header.msg_id, cmd_id, name, StatusCode::BAD_REQUEST);
            package.lead.push(status.into());
        }
        if package.begins {
            device.start_over();
            session.rewind();
        }
        let broken_off = std::mem::take(&mut session.broken_off);
        let mut done = Vec::new();
        if (message.is_final || broken_off) && believed && !package.begins {
            let another = self.another_in_session().filter(|_| !rules.credits(true));
            let whose = another.unwrap_or_else(|| id.to_owned());
            for (call, outcome) in settle(moment, device, &mut session) {
                done.extend(call.map(|call| (call, outcome.clone())));
                let device = whose.clone();
                self.events.push(Event::Did { device, outcome });
            }
        }
        let next = moment.above.next(id, &self.events[before..], &done);
        let jobs = next
            .into_iter()
            .map(|(call, act)| Job::new(Some(call), act));
        device.queue.extend(jobs);
        let gives_up = session.tries > 0 && !rules.tries_again(session.tries - 1);
        if package.aborted || session.aborts || gives_up {
            self.ended(id, &session, false);
            let mut commands = Queue::default();
            if !package.aborted {
                let abort = Alert::new("", AlertCode::SESSION_ABORT);
                commands.waiting.push_back(abort.into());
            }
            session.aborts = true;
            let (lead, commands) = (package.lead, Some(commands));
            return self.answer(moment, device, session, header, encoding, lead, commands);
        }
        let heard = Heard {
            closed: message.is_final,
            open: session.open || broken_off,
        };
        match rules.turn(heard) {
            Turn::NextMessage => {
                let next = Alert::new("", AlertCode::NEXT_MESSAGE);
                package.lead.push(next.into());
                let commands = Queue::default();
                return self.answer(
                    moment,
                    device,
                    session,
                    header,
                    encoding,
                    package.lead,
                    Some(commands),
                );
            }
            Turn::Chunk if session.open => {}
            Turn::Chunk | Turn::Commands => {
                let raw = encoding == Encoding::Wbxml;
                self.refuse_in_parts(moment, (id, &mut *device), &session, encoding);
                for (index, job) in device.queue.iter().enumerate().skip(session.taken) {
                    let command = job.act.to_command(raw);
                    session.out.waiting.push_back(command);
                    session.owners.push_back(index);
                }
                session.taken = device.queue.len();
                if !rules.keeps_apart(true) {
                    let of_others = self.in_sessions().map(|act| act.to_command(raw));
                    session.out.waiting.extend(of_others);
                }
                if session.out.waiting.is_empty() {
                    self.ended(id, &session, true);
                }
            }
        }
        self.answer(
            moment,
            device,
            session,
            header,
            encoding,
            package.lead,
            None,
        )
    }

    fn ended(&mut self, id: &str, session: &Session, complete: bool) {
        self.events.push(Event::Ended {
            device: id.to_owned(),
            session: session.id.clone(),
            complete,
        });
    }

    /// The status of the client's header; it brings the nonce to use next.
    fn header_status(
        &mut self,
        device: &mut Device,
        session: &mut Session,
        header: &Header,
        code: StatusCode,
    ) -> Command {
        let mut status = Status::of_header("", &header.msg_id, code);
        status.target_refs.push(header.target.uri.clone());
        status.source_refs.push(header.source.uri.clone());
        let fresh = self.nonce();
        if let Some(proof) = &mut device.client {
            let settled = code == StatusCode::OK && proof.scheme != Scheme::Mac;
            if !settled {
                proof.nonce = fresh;
                status.chal = Some(proof.challenge());
            }
        }
        session.believed |= code == StatusCode::AUTHENTICATED;
        status.into()
    }

    /// Takes statuses and results. Says whether the client believed our last header.
    fn hear_statuses(
        &mut self,
        moment: &Moment<'_>,
        device: &mut Device,
        session: &mut Session,
        message: &Message,
    ) -> bool {
        let mut believed = true;
        for command in &message.commands {
            match command {
                Command::Status(status) if status.cmd_ref == "0" => {
                    let chal = status.chal.as_ref();
                    let nonce = chal.and_then(|chal| chal.meta.next_nonce.clone());
                    if let (Some(proof), Some(nonce)) = (&mut device.server, nonce) {
                        proof.nonce = nonce;
                    }
                    match status.code {
                        StatusCode::AUTHENTICATED => session.accepted = true,
                        code if code.is_success() => {}
                        _ => believed = false,
                    }
                }
                Command::Status(status) => {
                    let job = owner(session, &status.msg_ref, &status.cmd_ref);
                    if let Some(job) = job.and_then(|at| device.queue.get_mut(at)) {
                        let text = |item: &syncml::Item| {
                            let data = item.data.as_ref().and_then(|data| data.as_text());
                            let at = item.target.as_ref().map(|target| &*target.uri);
                            data.or(at).unwrap_or_default().to_owned()
                        };
                        job.outcome.statuses.push(Told {
                            command: status.cmd.clone(),
                            code: moment.shared.rules.tells(status.code).0,
                            items: status.items.iter().map(text).collect(),
                        });
                    }
                    let of_part = session.open && status.msg_ref == session.sent.to_string();
                    if of_part && !status.code.is_success() {
                        session.break_off();
                    }
                }
                Command::Results(results) => take_results(moment, device, session, results),
                _ => {}
            }
        }
        if !believed {
            session.tries += 1;
            device.start_over();
            session.rewind();
        }
        believed
    }

    fn hear_commands(
        &mut self,
        moment: &mut Moment<'_>,
        id: &str,
        message: &Message,
        package: &mut Package,
    ) {
        let rules = &moment.shared.rules;
        let ours = message.header.msg_id.clone();
        for command in &message.commands {
            let code = match command {
                Command::Status(_) => continue,
                Command::Results(results) => {
                    if results.items.iter().any(|item| item.more_data) {
                        let code = StatusCode::CHUNK_ACCEPTED;
                        let status = Status::of("", &ours, &results.cmd_id, "Results", code);
                        package.lead.push(status.into());
                    }
                    continue;
                }
                Command::Alert(alert) => {
                    match alert.code {
                        AlertCode::CLIENT_INITIATED | AlertCode::SERVER_INITIATED => {
                            package.begins = true;
                        }
                        AlertCode::SESSION_ABORT => package.aborted = true,
                        AlertCode::CLIENT_EVENT | AlertCode::GENERIC => {
                            let types = alert.items.iter().map(|item| {
                                let meta = item.meta.as_ref();
                                let kind = meta.and_then(|meta| meta.media_type.as_deref());
                                kind.unwrap_or_default().to_owned()
                            });
                            let values = alert.items.iter().map(|item| {
                                let text = item.data.as_ref().and_then(Data::as_text);
                                text.unwrap_or_default().to_owned()
                            });
                            self.events.push(Event::Alerted {
                                device: id.to_owned(),
                                code: alert.code.0,
                                types: types.collect(),
                                correlator: alert.correlator.clone(),
                                values: values.collect(),
                            });
                        }
                        _ => {}
                    }
                    let said = rules.alerted(alert.code);
                    // A type that the application knows is known.
                    let taken = moment.above.takes(alert).filter(|_| {
                        [StatusCode::OK, StatusCode::UNSUPPORTED_TYPE_OR_FORMAT].contains(&said)
                    });
                    taken.unwrap_or(said)
                }
                other => {
                    let about_itself = other.items().iter().all(|item| {
                        let source = item.source.as_ref();
                        let uri = source.map_or("", |source| source.uri.trim_start_matches("./"));
                        let of_itself = ["DevInfo/", "DevDetail/"];
                        of_itself.iter().any(|above| uri.starts_with(above))
                    });
                    if let (true, Command::Replace(request)) = (about_itself, other) {
                        let about = self.about.entry(id.to_owned()).or_default();
                        for item in &request.items {
                            let source = item.source.as_ref().map(|source| &*source.uri);
                            let leaf = source.and_then(|uri| uri.strip_prefix("./DevInfo/"));
                            let value = item.data.as_ref().and_then(|data| data.as_text());
                            if let (Some(leaf), Some(value)) = (leaf, value) {
                                about.insert(leaf.to_owned(), value.to_owned());
                            }
                        }
                    }
                    rules.commanded(other.name(), about_itself)
                }
            };
            let status = Status::of("", &ours, command.cmd_id(), command.name(), code);
            match command.items() {
                items @ [_, _, ..] if moment.shared.each_item => {
                    package.lead.extend(items.iter().map(|item| {
                        let mut status = status.clone();
                        let uri = |location: &Location| location.uri.clone();
                        status.target_refs.extend(item.target.as_ref().map(uri));
                        status.source_refs.extend(item.source.as_ref().map(uri));
                        status.into()
                    }));
                }
                _ => package.lead.push(status.into()),
            }
        }
    }

    /// Writes the answer: what comes first, and then commands, those given or those of the session.
    #[expect(clippy::too_many_arguments, reason = "a message, who gets it, and how")]
    fn answer(
        &mut self,
        moment: &Moment<'_>,
        device: &mut Device,
        mut session: Session,
        to: &Header,
        encoding: Encoding,
        lead: Vec<Command>,
        commands: Option<Queue>,
    ) -> Result<Response, u16> {
        let shared = moment.shared;
        session.sent += 1;
        let form = Form {
            encoding,
            wbxml: shared.wbxml,
            limit: session.limit.into_iter().chain(shared.sends).min(),
            most: shared.max_commands,
            chunks: shared.rules.splits(device.whole_only),
        };
        let proof = device.server.as_ref();
        let named = proof.filter(|proof| proof.scheme != Scheme::Basic);
        let waits = |command: &Command| matches!(command, Command::Alert(alert) if alert.code == AlertCode::NEXT_MESSAGE);
        let head = Message {
            is_final: !lead.iter().any(waits),
            header: Header {
                ver_dtd: syncml::VER_DTD.to_owned(),
                ver_proto: shared.ver_proto.clone(),
                session_id: session.id.clone(),
                msg_id: session.sent.to_string(),
                target: Location::new(&to.source.uri),
                source: Location {
                    uri: self.url.clone(),
                    name: named.map(|proof| proof.name.clone()),
                },
                resp_uri: shared
                    .next
                    .as_ref()
                    .map(|next| format!("{}{next}", self.url)),
                cred: proof
                    .filter(|_| shared.rules.shows(session.accepted))
                    .and_then(|proof| proof.cred()),
                meta: Some(Meta {
                    max_msg_size: shared.max_message,
                    max_obj_size: Some(shared.max_object),
                    ..Meta::default()
                }),
            },
            commands: lead,
        };
        let first = head.commands.len();
        let own = commands.is_none();
        let mut given = commands.unwrap_or_default();
        let queue = if own { &mut session.out } else { &mut given };
        let mut cut = form.fill(&head, queue).map_err(|_| 500_u16)?;
        let said = shared.rules.says(Message {
            is_final: cut.message.is_final && !cut.open,
            ..cut.message.clone()
        });
        if said != cut.message {
            cut.octets = form
                .encoding
                .write(&said.to_element(), &form.wbxml)
                .map_err(|_| 500_u16)?;
        }
        if own {
            session.open = cut.open;
            let sent = cut.message.commands.iter().skip(first);
            for (index, command) in sent.enumerate() {
                let Some(&owner) = session.owners.get(index) else {
                    break;
                };
                note(
                    &mut session.commands,
                    &session.sent.to_string(),
                    command,
                    owner,
                );
            }
            session.owners.drain(..cut.taken.min(session.owners.len()));
        }
        let octets = shared.rules.writes(cut.octets);
        let mac = proof.and_then(|proof| proof.mac(&octets));
        let mut response = Response::new(200).with_body(encoding.media_type(), octets);
        if let Some(mac) = mac {
            response = response.with(MacHeader::NAME, mac);
        }
        session.answered = Some(response.clone());
        device.session = Some(session);
        Ok(response)
    }
}

/// Remembers whose command it is, and those inside it.
fn note(
    commands: &mut Vec<(String, String, usize)>,
    msg_id: &str,
    command: &Command,
    owner: usize,
) {
    commands.push((msg_id.to_owned(), command.cmd_id().to_owned(), owner));
    if let Command::Atomic(block) | Command::Sequence(block) = command {
        for inner in &block.commands {
            note(commands, msg_id, inner, owner);
        }
    }
}

fn owner(session: &Session, msg_ref: &str, cmd_ref: &str) -> Option<usize> {
    let found = session
        .commands
        .iter()
        .rfind(|(msg, cmd, _)| msg == msg_ref && cmd == cmd_ref);
    found.map(|(_, _, owner)| *owner)
}

fn take_results(
    moment: &Moment<'_>,
    device: &mut Device,
    session: &mut Session,
    results: &Results,
) {
    let sent = session.sent.to_string();
    let msg_ref = results.msg_ref.as_deref().unwrap_or(&sent);
    let job = owner(session, msg_ref, &results.cmd_ref);
    for item in &results.items {
        let common = results.meta.as_ref();
        let mut item = item.clone();
        item.meta = item.meta.or_else(|| common.cloned());
        let joined = session
            .joiner
            .take("Results", &item, moment.shared.max_object);
        let Joined::Whole(whole) = joined else {
            continue;
        };
        device.learn(&whole);
        if let Some(job) = job.and_then(|at| device.queue.get_mut(at)) {
            job.outcome.results.push(Reading::of(&whole));
        }
    }
}

/// Answers the jobs that the device has dealt with, and takes them from the queue. Says what became of them.
fn settle(
    moment: &mut Moment<'_>,
    device: &mut Device,
    session: &mut Session,
) -> Vec<(Option<CallId>, Outcome)> {
    let mut done = Vec::new();
    let still_out = |at: usize| session.owners.contains(&at);
    let chunk = StatusCode::CHUNK_ACCEPTED.0;
    let mut left = VecDeque::new();
    let mut again = VecDeque::new();
    let mut places = Vec::new();
    for (at, mut job) in std::mem::take(&mut device.queue).into_iter().enumerate() {
        let statuses = &job.outcome.statuses;
        let told = statuses.iter().any(|told| told.code != chunk);
        let executed = at < session.taken && !still_out(at) && told;
        if !executed {
            places.push(Some(left.len()));
            left.push_back(job);
            continue;
        }
        places.push(None);
        let mut outcome = std::mem::take(&mut job.outcome);
        outcome.statuses.retain(|told| told.code != chunk);
        let mut codes = outcome.statuses.iter().map(|told| StatusCode(told.code));
        let accepted = codes.all(|code| moment.shared.rules.accepts(code));
        done.push((job.call, outcome.clone()));
        if let Some(call) = job.call.take() {
            moment.out.answer(call, Answer::Did(outcome));
        }
        match moment.shared.rules.becomes(executed) {
            Fate::Done if !accepted => again.push_back(job),
            Fate::Done => {}
            Fate::Kept => device.kept.push_back(job),
            Fate::Waits => again.push_back(job),
        }
    }
    left.append(&mut again);
    let place = |at: usize| places.get(at).copied().flatten();
    session.owners = session.owners.iter().filter_map(|&at| place(at)).collect();
    session
        .commands
        .retain_mut(|(_, _, at)| place(*at).map(|fresh| *at = fresh).is_some());
    session.taken = places.iter().take(session.taken).flatten().count();
    device.queue = left;
    done
}
