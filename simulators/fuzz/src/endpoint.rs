//! The message layer: alone among strangers, and in pairs over a link that loses, repeats and delays.

use std::collections::VecDeque;
use std::time::Duration;

use twinproof_coap::endpoint::{Endpoint, Event, Exchange, Ignored, RequestId, Turn};
use twinproof_coap::{Code, Header, Message, Packet, Parameters, Token, Type};
use twinproof_kernel::{Seed, Time};

/// An endpoint and what it has sent.
struct Party {
    endpoint: Endpoint<u8>,
    parameters: Parameters,
    sent: VecDeque<(u8, Vec<u8>)>,
}

impl Party {
    fn new(seed: u64, parameters: Parameters) -> Self {
        Self {
            endpoint: Endpoint::new(Seed::new(seed)),
            parameters,
            sent: VecDeque::new(),
        }
    }

    fn act<T>(
        &mut self,
        now: Time,
        act: impl FnOnce(&mut Endpoint<u8>, &mut Turn<'_, u8>) -> T,
    ) -> T {
        let sent = &mut self.sent;
        let mut send = |to, datagram: &[u8]| {
            if let Err(error) = Packet::parse(datagram) {
                panic!("sent what is no message: {error}: {datagram:02x?}");
            }
            sent.push_back((to, datagram.to_vec()));
        };
        let mut turn = Turn {
            parameters: &self.parameters,
            now,
            send: &mut send,
        };
        act(&mut self.endpoint, &mut turn)
    }

    /// Everything that is due.
    fn expire(&mut self, now: Time) -> Vec<Event<'static, u8>> {
        let mut events = Vec::new();
        while let Some(event) = self.act(now, |endpoint, turn| endpoint.expire(turn)) {
            events.push(event);
            assert!(events.len() < 1000, "no end of what is due at {now}");
        }
        if let Some(deadline) = self.endpoint.next_deadline() {
            assert!(
                deadline > now,
                "what was due at {deadline} is still due at {now}"
            );
        }
        events
    }
}

/// Octets as decisions; when they have run out, every decision is 0.
pub(crate) struct Decisions<'o>(pub(crate) &'o [u8]);

impl<'o> Decisions<'o> {
    pub(crate) fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(crate) fn take(&mut self, count: usize) -> &'o [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// One endpoint to which anybody sends anything, and that is asked to do anything at any time. What it
/// sends is always a message; a copy is never a second request; time never stands still.
pub fn alone(octets: &[u8]) {
    const MAX_BODY: usize = 256;
    let mut decisions = Decisions(octets);
    let parameters = Parameters {
        max_body: MAX_BODY,
        block_size: 16,
        ..Parameters::default()
    };
    let mut party = Party::new(1, parameters);
    let mut now = Time::ZERO;
    let mut open: Vec<Exchange<u8>> = Vec::new();
    let mut observing: Vec<(u8, Token)> = Vec::new();
    let mut asked: Vec<RequestId<u8>> = Vec::new();
    while !decisions.0.is_empty() {
        let choice = decisions.next();
        let peer = choice >> 6;
        match choice & 0x0f {
            0..=3 => {
                let length = usize::from(decisions.next());
                let mut datagram = decisions.take(length).to_vec();
                if choice & 0x20 != 0 {
                    like_an_answer(&mut datagram, party.sent.back());
                }
                take(&mut party, now, peer, &datagram, (&mut open, MAX_BODY));
            }
            4 => now = now + Duration::from_millis(u64::from(decisions.next()) * 10),
            5 => now = now + Duration::from_secs(u64::from(decisions.next())),
            6 => now = party.endpoint.next_deadline().unwrap_or(now).max(now),
            7 | 8 => {
                let message = message(&mut decisions, Code::CONTENT);
                if let Some(exchange) = open.pop() {
                    let observed = choice & 0x20 != 0 && exchange.observe;
                    let answered = party.act(now, |endpoint, turn| match observed {
                        true => endpoint.respond_observed(turn, &exchange, message),
                        false => endpoint.respond(turn, &exchange, message),
                    });
                    if observed && answered.is_ok() {
                        observing.push((exchange.peer, exchange.token));
                    }
                }
            }
            9 => {
                let message = message(&mut decisions, Code::CONTENT);
                if let Some((peer, token)) = observing.last().copied() {
                    let ty = if choice & 0x20 != 0 {
                        Type::Con
                    } else {
                        Type::Non
                    };
                    let _ = party.act(now, |endpoint, turn| {
                        endpoint.notify(turn, peer, token, ty, message)
                    });
                }
            }
            10 | 11 => {
                let message = message(&mut decisions, Code::POST);
                let message = if choice & 1 == 0 {
                    message.observe()
                } else {
                    message
                };
                let ty = if choice & 0x20 != 0 {
                    Type::Con
                } else {
                    Type::Non
                };
                let request = party.act(now, |endpoint, turn| {
                    endpoint.request(turn, peer, ty, message)
                });
                asked.extend(request);
            }
            12 => {
                if let Some(request) = asked.pop() {
                    party.act(now, |endpoint, turn| endpoint.forget(turn, request));
                }
            }
            _ => {
                let message = message(&mut decisions, Code::CONTENT);
                let token = Token::new(&[choice]).unwrap_or_default();
                let _ = party.act(now, |endpoint, turn| {
                    endpoint.emit(turn, peer, (Type::Con, token), &message)
                });
            }
        }
        party.expire(now);
        open.truncate(16);
        while party.sent.len() > 16 {
            party.sent.pop_front();
        }
    }
}

fn message(decisions: &mut Decisions<'_>, code: Code) -> Message {
    let size = usize::from(decisions.next()) * 2;
    Message::new(code)
        .path("/1/0")
        .payload(vec![size as u8; size])
}

/// Gives a datagram the message id and, where it fits, the token of what was sent last.
fn like_an_answer(datagram: &mut [u8], sent: Option<&(u8, Vec<u8>)>) {
    let Some((_, sent)) = sent else { return };
    if let (Some(here), Some(there)) = (datagram.get_mut(2..4), sent.get(2..4)) {
        here.copy_from_slice(there);
    }
    let Some(header) = Header::peek(sent) else {
        return;
    };
    let token = 4..4 + usize::from(header.token_length);
    if let (Some(here), Some(there)) = (datagram.get_mut(token.clone()), sent.get(token)) {
        here.copy_from_slice(there);
        datagram[0] = datagram[0] & 0xf0 | header.token_length;
    }
}

fn take(
    party: &mut Party,
    now: Time,
    peer: u8,
    datagram: &[u8],
    (open, max_body): (&mut Vec<Exchange<u8>>, usize),
) {
    let mut request = false;
    match party.act(now, |endpoint, turn| endpoint.receive(turn, peer, datagram)) {
        Some(Event::Request {
            exchange,
            body,
            packet,
        }) => {
            assert_eq!(
                (exchange.peer, exchange.message_id),
                (peer, packet.message_id())
            );
            assert!(body.len() <= max_body.max(packet.payload().len()));
            open.push(exchange);
            request = true;
        }
        Some(Event::Response { body, packet, .. } | Event::Notification { body, packet, .. }) => {
            assert!(body.len() <= max_body.max(packet.payload().len()));
        }
        Some(Event::Ignored {
            why: Ignored::Malformed(error),
            ..
        }) => {
            assert!(error.at <= datagram.len());
        }
        _ => {}
    }
    if request {
        let copy = party.act(now, |endpoint, turn| endpoint.receive(turn, peer, datagram));
        assert!(
            matches!(
                copy,
                Some(Event::Ignored {
                    why: Ignored::Duplicate,
                    ..
                })
            ),
            "a copy is {copy:?}"
        );
    }
}

/// What becomes of one request of [`pair`].
struct Asked {
    id: RequestId<u8>,
    ty: Type,
    length: usize,
    answer: usize,
    taken: usize,
    done: bool,
}

/// A client and a server with bodies of any size, and a link between them.
struct Pair {
    client: Party,
    server: Party,
    now: Time,
    /// Datagrams under way, with the time at which they were sent.
    to_server: VecDeque<(Time, Vec<u8>)>,
    to_client: VecDeque<(Time, Vec<u8>)>,
    asked: Vec<Asked>,
    open: Vec<(usize, Exchange<u8>)>,
    /// Whether the link has lost, repeated, reordered or delayed anything.
    faultless: bool,
}

/// The octets of the body of a request, or of its answer.
fn body(seed: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at / 16 * 31 + at + seed * 7) as u8)
        .collect()
}

/// Client and server over a link: whatever it does, the server is given each confirmable request with a
/// body once at most and whole, the client is given its answer whole or is told that there is none, and both come
/// to rest. Over a link without faults every request is answered.
pub fn pair(octets: &[u8]) {
    let mut decisions = Decisions(octets);
    let size = |octet: u8| 16 << (octet % 7);
    let parameters = |decisions: &mut Decisions<'_>| Parameters {
        block_size: size(decisions.next()),
        nstart: u32::from(decisions.next() % 3) + 1,
        confirm_separate: decisions.next() & 1 == 0,
        ..Parameters::default()
    };
    let mut pair = Pair {
        client: Party::new(1, parameters(&mut decisions)),
        server: Party::new(2, parameters(&mut decisions)),
        now: Time::ZERO,
        to_server: VecDeque::new(),
        to_client: VecDeque::new(),
        asked: Vec::new(),
        open: Vec::new(),
        faultless: true,
    };
    while !decisions.0.is_empty() {
        pair.step(&mut decisions);
    }
    pair.rest();
}

impl Pair {
    fn step(&mut self, decisions: &mut Decisions<'_>) {
        let choice = decisions.next();
        let link = match choice & 0x80 {
            0 => &mut self.to_server,
            _ => &mut self.to_client,
        };
        match choice & 0x07 {
            0 | 1 => self.deliver(choice & 0x80 == 0),
            2 if self.asked.len() < 4 => self.ask(decisions),
            2 | 3 => self.answer(),
            4 => self.faultless &= link.pop_front().is_none(),
            5 => {
                if let Some(datagram) = link.front().cloned() {
                    link.push_back(datagram);
                    self.faultless = false;
                }
            }
            6 => {
                if link.len() > 1 {
                    link.rotate_left(1);
                    self.faultless = false;
                }
            }
            _ => {
                // Who waits too long for an answer waits in vain, whatever the link is like.
                let busy = [&self.to_server, &self.to_client]
                    .iter()
                    .any(|link| !link.is_empty());
                self.faultless &= !busy && self.open.is_empty();
                self.wait(Duration::from_millis(u64::from(decisions.next()) * 200));
            }
        }
        self.forward();
    }

    fn ask(&mut self, decisions: &mut Decisions<'_>) {
        let number = self.asked.len();
        let choice = decisions.next();
        let ty = if choice & 1 == 0 {
            Type::Con
        } else {
            Type::Non
        };
        let length = usize::from(decisions.next()) * (usize::from(choice >> 6) + 1);
        let answer = usize::from(decisions.next()) * (usize::from(choice >> 6) + 1);
        let message = Message::new(if length == 0 { Code::GET } else { Code::POST })
            .path(&format!("/{number}"))
            .payload(body(number, length));
        let now = self.now;
        let request = self
            .client
            .act(now, |endpoint, turn| endpoint.request(turn, 0, ty, message));
        self.asked.push(Asked {
            id: request.expect("a request that can be sent"),
            ty,
            length,
            answer,
            taken: 0,
            done: false,
        });
    }

    /// Takes what the parties have sent on the way. What a datagram has not done in the time that the
    /// parameters allow it, it does no more.
    fn forward(&mut self) {
        let sent = self
            .client
            .sent
            .drain(..)
            .map(|(_, datagram)| (self.now, datagram));
        self.to_server.extend(sent);
        let sent = self
            .server
            .sent
            .drain(..)
            .map(|(_, datagram)| (self.now, datagram));
        self.to_client.extend(sent);
        let latest = self.client.parameters.max_latency;
        for link in [&mut self.to_server, &mut self.to_client] {
            link.retain(|(sent, _)| *sent + latest > self.now);
        }
    }

    fn deliver(&mut self, to_server: bool) {
        let now = self.now;
        if to_server {
            let Some((_, datagram)) = self.to_server.pop_front() else {
                return;
            };
            let event = self
                .server
                .act(now, |endpoint, turn| endpoint.receive(turn, 1, &datagram));
            if let Some(Event::Request {
                exchange,
                packet,
                body: got,
            }) = event
            {
                let number = packet.path().next().and_then(Result::ok);
                let number: usize = number.and_then(|n| n.parse().ok()).expect("a path of ours");
                let asked = &mut self.asked[number];
                assert_eq!(got, body(number, asked.length), "request {number}");
                asked.taken += 1;
                // What is asked for block by block may be forgotten in between, and is then read again.
                let read_again = asked.length == 0 && !self.faultless;
                assert!(
                    asked.taken == 1 || asked.ty == Type::Non || read_again,
                    "request {number} again"
                );
                self.open.push((number, exchange));
            }
        } else {
            let Some((_, datagram)) = self.to_client.pop_front() else {
                return;
            };
            let event = self
                .client
                .act(now, |endpoint, turn| endpoint.receive(turn, 0, &datagram));
            happened(&mut self.asked, self.faultless, event);
        }
    }

    fn answer(&mut self) {
        let Some((number, exchange)) = self.open.pop() else {
            return;
        };
        let answer = body(number + 50, self.asked[number].answer);
        let message = Message::new(Code::CONTENT).payload(answer);
        let now = self.now;
        // The answer to a copy, or one that comes too late, has nowhere to go.
        let _ = self.server.act(now, |endpoint, turn| {
            endpoint.respond(turn, &exchange, message)
        });
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let deadlines =
                [&self.client, &self.server].map(|party| party.endpoint.next_deadline());
            let deadline = deadlines.into_iter().flatten().min();
            self.now = deadline.map_or(end, |at| at.min(end)).max(self.now);
            for event in self.client.expire(self.now) {
                happened(&mut self.asked, self.faultless, Some(event));
            }
            self.server.expire(self.now);
            if self.now == end {
                break;
            }
        }
    }

    /// Delivers everything, and lets pass what time it takes.
    fn rest(&mut self) {
        for _ in 0..20_000 {
            self.forward();
            if !self.to_server.is_empty() {
                self.deliver(true);
            } else if !self.to_client.is_empty() {
                self.deliver(false);
            } else if !self.open.is_empty() {
                self.answer();
            } else {
                let deadlines =
                    [&self.client, &self.server].map(|party| party.endpoint.next_deadline());
                let Some(deadline) = deadlines.into_iter().flatten().min() else {
                    break;
                };
                self.wait(deadline.since(self.now));
            }
        }
        for (number, asked) in self.asked.iter().enumerate() {
            assert!(asked.done, "request {number} has no end");
        }
        for party in [&self.client, &self.server] {
            assert_eq!(party.endpoint.next_deadline(), None);
            assert!(
                party
                    .endpoint
                    .forgets_at(party.parameters.exchange_lifetime())
                    .is_some()
            );
        }
    }
}

/// What the client is told.
fn happened(asked: &mut [Asked], faultless: bool, event: Option<Event<'_, u8>>) {
    let (request, answer) = match event {
        Some(Event::Response {
            request,
            packet,
            body,
            ..
        }) => (request, Some((packet.code(), body))),
        Some(Event::Failed { request, why }) => {
            assert!(!faultless, "{why:?} over a link without faults");
            (request, None)
        }
        Some(Event::Acknowledged { .. } | Event::Ignored { .. }) | None => return,
        Some(event) => panic!("nobody asked for {event:?}"),
    };
    let place = asked
        .iter()
        .position(|asked| asked.id == request && !asked.done);
    let number = place.expect("a request that is open");
    asked[number].done = true;
    if let Some((code, got)) = answer {
        // A link that repeats can make the blocks of a request come to nothing.
        let incomplete = code == Code::REQUEST_ENTITY_INCOMPLETE && !faultless;
        assert!(code == Code::CONTENT || incomplete, "{code}");
        if code == Code::CONTENT {
            assert_eq!(
                got,
                body(number + 50, asked[number].answer),
                "request {number}"
            );
        }
    }
}
