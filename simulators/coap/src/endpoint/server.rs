//! Requests of peers: answered, observed, put together from blocks.

use std::borrow::Cow;
use std::time::Duration;

use twinproof_kernel::Time;

use super::transmission::{Purpose, Stage, empty};
use super::{Address, Endpoint, Event, Exchange, Ignored, SendError, Turn};
use crate::message::{Extra, Message};
use crate::transfer::{self, Step};
use crate::{Block, Code, Packet, Parameters, Token, Type, option};

#[derive(Debug)]
pub(super) struct Observation {
    pub(super) key: u64,
    pub(super) sequence: u32,
    pub(super) size: usize,
    pub(super) confirmed: Time,
    pub(super) in_flight: Option<u16>,
    pub(super) next: Option<(Type, Message)>,
}

#[derive(Debug)]
pub(super) struct Body {
    pub(super) message: Message,
    pub(super) stored: Time,
}

impl<P: Address> Endpoint<P> {
    /// Acknowledges a request at once, so that its answer comes by itself.
    pub fn acknowledge(&mut self, turn: &mut Turn<'_, P>, exchange: &Exchange<P>) {
        self.acknowledge_key(turn, (exchange.peer, exchange.message_id));
        self.settle();
    }

    /// Answers a request: with the acknowledgement if that has not gone out, by itself otherwise. A
    /// body larger than a block goes in blocks, which later requests fetch without being seen.
    ///
    /// # Errors
    ///
    /// When the code is none of a response, the exchange has its answer, ids have run out, or the
    /// message cannot be written.
    pub fn respond(
        &mut self,
        turn: &mut Turn<'_, P>,
        exchange: &Exchange<P>,
        message: Message,
    ) -> Result<(), SendError> {
        let result = self.answer(turn, exchange, message, false);
        self.settle();
        result
    }

    /// Answers a request that asks to observe, and begins the observation; its name is the peer and
    /// the token of the exchange. An observation of that name that was there before is replaced.
    /// Errors, and answers to requests that do not ask to observe, begin none.
    ///
    /// # Errors
    ///
    /// As for [`respond`](Self::respond).
    pub fn respond_observed(
        &mut self,
        turn: &mut Turn<'_, P>,
        exchange: &Exchange<P>,
        message: Message,
    ) -> Result<(), SendError> {
        let result = self.answer(turn, exchange, message, true);
        self.settle();
        result
    }

    /// Notifies an observer. While a confirmable notification is not acknowledged, the newest state
    /// waits and the ones between are lost, as RFC 7641 §4.5.2 has it. After
    /// [`Parameters::confirm_after`] without a confirmable notification this one becomes confirmable.
    /// An error code ends the observation.
    ///
    /// # Errors
    ///
    /// When there is no such observation, the code is none of a response, ids have run out, or the
    /// message cannot be written.
    pub fn notify(
        &mut self,
        turn: &mut Turn<'_, P>,
        peer: P,
        token: Token,
        ty: Type,
        message: Message,
    ) -> Result<(), SendError> {
        self.forget_old(turn);
        let code = message.code();
        if !code.is_response() || !matches!(ty, Type::Con | Type::Non) {
            return Err(SendError::Kind { ty, code });
        }
        let observation = self
            .observations
            .get_mut(&(peer, token))
            .ok_or(SendError::Unknown)?;
        if observation.in_flight.is_some() {
            observation.next = Some((ty, message));
            return Ok(());
        }
        let result = self.send_notification(turn, (peer, token), ty, message, None);
        self.settle();
        result
    }

    /// Forgets an observation without a word.
    pub fn unobserve(&mut self, peer: P, token: Token) {
        self.observations.remove(&(peer, token));
    }

    /// Whether there is an observation of that name.
    pub fn is_observed(&self, peer: P, token: Token) -> bool {
        self.observations.contains_key(&(peer, token))
    }

    pub(super) fn take_request<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        from: P,
        packet: Packet<'d>,
    ) -> Option<Event<'d, P>> {
        if self.is_copy(turn, from, &packet) {
            return Some(Event::Ignored {
                peer: from,
                why: Ignored::Duplicate,
            });
        }
        let (block1, block2) = (packet.block(option::BLOCK1), packet.block(option::BLOCK2));
        let exchange = Exchange {
            peer: from,
            ty: packet.ty(),
            message_id: packet.message_id(),
            token: packet.token(),
            observe: packet.observe() == Ok(Some(0)),
            block1: block1.ok().flatten(),
            block2: block2.ok().flatten(),
            key: transfer::cache_key(&packet),
        };
        self.remember(turn, &exchange, Stage::Open, None);
        let bad_option = |number| Event::Ignored {
            peer: from,
            why: Ignored::BadOption(number),
        };
        for proxy in [option::PROXY_URI, option::PROXY_SCHEME] {
            if packet.value(proxy).is_some() {
                self.refuse(
                    turn,
                    &exchange,
                    Code::PROXYING_NOT_SUPPORTED,
                    "no proxy",
                    &[],
                );
                return Some(bad_option(proxy));
            }
        }
        if let Some(bad) = packet.bad_critical_option(&turn.parameters.known) {
            if packet.ty() == Type::Con {
                self.refuse(turn, &exchange, Code::BAD_OPTION, &bad.to_string(), &[]);
            }
            return Some(bad_option(bad));
        }
        if let Some(error) = block1.err().or(block2.err()) {
            let why = error.to_string();
            return Some(self.refuse(turn, &exchange, Code::BAD_REQUEST, &why, &[]));
        }
        if packet.observe() == Ok(Some(1)) {
            self.observations.remove(&(from, exchange.token));
        }
        let mut body = Cow::Borrowed(packet.payload());
        if let Some(block) = exchange.block1 {
            match self.take_block(turn, &exchange, block, &packet) {
                Ok(whole) => body = whole,
                Err(event) => return Some(event),
            }
        }
        if exchange.block2.is_some_and(|block| block.num() > 0) {
            if let Some(stored) = self.bodies.remove(&(from, exchange.key)) {
                let why = Ignored::Block(stored.message.code());
                // What cannot be sent now is as good as lost on the way.
                let _ = self.answer(turn, &exchange, stored.message, false);
                return Some(Event::Ignored { peer: from, why });
            }
            // To make the body again would do again what the request did.
            if !matches!(packet.code(), Code::GET | Code::FETCH) {
                let code = Code::REQUEST_ENTITY_INCOMPLETE;
                return Some(self.refuse(turn, &exchange, code, "no such body", &[]));
            }
        }
        Some(Event::Request {
            exchange,
            packet,
            body,
        })
    }

    /// Takes a block of a request: the whole body, or what the block came to.
    fn take_block<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        exchange: &Exchange<P>,
        block: Block,
        packet: &Packet<'d>,
    ) -> Result<Cow<'d, [u8]>, Event<'d, P>> {
        let place = (exchange.peer, exchange.key);
        let before = self.assemblies.remove(&place);
        let max_body = turn.parameters.max_body;
        let (code, why) = match transfer::assemble(before, block, packet, max_body, turn.now) {
            Step::Complete(body) => return Ok(body),
            Step::Continue(assembly) => {
                let until = turn.now + turn.parameters.exchange_lifetime();
                self.expiries.assemblies.push_back((until, place));
                self.assemblies.insert(place, assembly);
                (Code::CONTINUE, "")
            }
            Step::Refuse(code, why) => (code, why),
        };
        let mut extras = vec![Extra::uint(
            option::BLOCK1,
            echo(block, turn.parameters).bits(),
        )];
        if code == Code::REQUEST_ENTITY_TOO_LARGE {
            extras.push(Extra::uint(option::SIZE1, max_body as u32));
        }
        Err(self.refuse(turn, exchange, code, why, &extras))
    }

    /// Answers a request that the caller does not see.
    fn refuse<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        exchange: &Exchange<P>,
        code: Code,
        why: &str,
        extras: &[Extra],
    ) -> Event<'d, P> {
        let message = Message::new(code).payload(why);
        // What cannot be sent now is as good as lost on the way.
        let _ = self.put_answer(turn, exchange, &message, extras, message.body());
        Event::Ignored {
            peer: exchange.peer,
            why: Ignored::Block(code),
        }
    }

    pub(super) fn send_notification(
        &mut self,
        turn: &mut Turn<'_, P>,
        (peer, token): (P, Token),
        ty: Type,
        message: Message,
        before: Option<(u32, Duration)>,
    ) -> Result<(), SendError> {
        let id = self.next_id(turn, peer)?;
        let observation = self
            .observations
            .get_mut(&(peer, token))
            .ok_or(SendError::Unknown)?;
        observation.sequence = (observation.sequence + 1) & 0x00ff_ffff;
        let overdue = turn.now >= observation.confirmed + turn.parameters.confirm_after;
        let ty = if overdue { Type::Con } else { ty };
        let ends = !message.code().is_success();
        let mut extras = Vec::new();
        let mut payload = message.body();
        let large = payload.len() > observation.size;
        if large {
            let (block, piece) =
                transfer::slice(payload, None, observation.size).ok_or(SendError::TooLarge)?;
            if message.values(option::ETAG).next().is_none() {
                extras.push(Extra::bytes(option::ETAG, transfer::etag(payload)));
            }
            extras.push(Extra::uint(option::OBSERVE, observation.sequence));
            extras.push(Extra::uint(option::BLOCK2, block.bits()));
            extras.push(Extra::uint(option::SIZE2, payload.len() as u32));
            payload = piece;
        } else if !ends {
            extras.push(Extra::uint(option::OBSERVE, observation.sequence));
        }
        self.scratch.clear();
        let head = (ty, id, token.as_bytes());
        message.write(&mut self.scratch, head, &extras, |_| true, payload)?;
        let key = observation.key;
        if ty == Type::Con {
            observation.confirmed = turn.now;
            observation.in_flight = Some(id);
        }
        if ends {
            self.observations.remove(&(peer, token));
        }
        if large {
            self.store_body(turn, (peer, key), message);
        }
        match ty {
            Type::Con => {
                let purpose = Purpose::Notification(token);
                self.transmit(turn, (peer, id), purpose, before);
            }
            _ => self.send_non(turn, (peer, id), Purpose::Notification(token)),
        }
        Ok(())
    }

    /// A confirmable notification has arrived: what waited for it goes out.
    pub(super) fn confirmed<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        name: (P, Token),
    ) -> Option<Event<'d, P>> {
        let observation = self.observations.get_mut(&name)?;
        observation.in_flight = None;
        let next = observation.next.take();
        let again = next.is_some();
        if let Some((ty, next)) = next {
            // What cannot be sent now is as good as lost on the way; the next state will come.
            let _ = self.send_notification(turn, name, ty, next, None);
        }
        let (peer, token) = name;
        Some(Event::Confirmed { peer, token, again })
    }

    pub(super) fn answer(
        &mut self,
        turn: &mut Turn<'_, P>,
        exchange: &Exchange<P>,
        message: Message,
        observe: bool,
    ) -> Result<(), SendError> {
        let code = message.code();
        if !code.is_response() {
            return Err(SendError::Kind {
                ty: exchange.ty,
                code,
            });
        }
        let size = turn.parameters.block_size;
        let Some((block, piece)) = transfer::slice(message.body(), exchange.block2, size) else {
            let refusal = Message::new(Code::BAD_REQUEST).payload("no such block");
            let body = refusal.body();
            return self.put_answer(turn, exchange, &refusal, &[], body);
        };
        let mut extras = Vec::new();
        let in_blocks = block.more() || block.num() > 0;
        if in_blocks && code.is_success() && message.values(option::ETAG).next().is_none() {
            extras.push(Extra::bytes(option::ETAG, transfer::etag(message.body())));
        }
        let begins = observe && exchange.observe && code.is_success();
        let name = (exchange.peer, exchange.token);
        // A client that registers again with the same token goes on where it was.
        let before = self
            .observations
            .get(&name)
            .map(|observation| observation.sequence);
        let sequence = before.map_or(0, |sequence| (sequence + 1) & 0x00ff_ffff);
        if begins {
            extras.push(Extra::uint(option::OBSERVE, sequence));
        }
        let asked = exchange.block2.is_some() && code.is_success() && !piece.is_empty();
        if in_blocks || asked {
            extras.push(Extra::uint(option::BLOCK2, block.bits()));
        }
        if let Some(block1) = exchange.block1 {
            extras.push(Extra::uint(
                option::BLOCK1,
                echo(block1, turn.parameters).bits(),
            ));
        }
        if block.more() && block.num() == 0 {
            extras.push(Extra::uint(option::SIZE2, message.body().len() as u32));
        }
        self.put_answer(turn, exchange, &message, &extras, piece)?;
        if begins {
            let observation = Observation {
                key: exchange.key,
                sequence,
                size: block.size(),
                confirmed: turn.now,
                in_flight: None,
                next: None,
            };
            self.observations.insert(name, observation);
        }
        if block.more() {
            self.store_body(turn, (exchange.peer, exchange.key), message);
        }
        Ok(())
    }

    /// Writes an answer and sends it: with the acknowledgement, or by itself.
    pub(super) fn put_answer(
        &mut self,
        turn: &mut Turn<'_, P>,
        exchange: &Exchange<P>,
        message: &Message,
        extras: &[Extra],
        payload: &[u8],
    ) -> Result<(), SendError> {
        let key = (exchange.peer, exchange.message_id);
        let stage = self.seen.get(&key).map(|seen| seen.stage);
        let piggybacked = match (exchange.ty, stage) {
            (_, Some(Stage::Answered)) => return Err(SendError::Answered),
            (Type::Con, Some(Stage::Open)) => true,
            _ => false,
        };
        let (ty, id) = match exchange.ty {
            _ if piggybacked => (Type::Ack, exchange.message_id),
            Type::Con if turn.parameters.confirm_separate => {
                (Type::Con, self.next_id(turn, exchange.peer)?)
            }
            _ => (Type::Non, self.next_id(turn, exchange.peer)?),
        };
        self.scratch.clear();
        let head = (ty, id, exchange.token.as_bytes());
        message.write(&mut self.scratch, head, extras, |_| true, payload)?;
        if let Some(seen) = self.seen.get_mut(&key) {
            seen.stage = Stage::Answered;
            if piggybacked {
                seen.reply = Some(self.scratch.as_slice().into());
            }
        }
        match ty {
            Type::Con => {
                let place = (exchange.peer, id);
                self.transmit(turn, place, Purpose::Response, None);
            }
            _ => turn.send(exchange.peer, &self.scratch),
        }
        Ok(())
    }

    pub(super) fn acknowledge_key(&mut self, turn: &mut Turn<'_, P>, key: (P, u16)) {
        let Some(seen) = self
            .seen
            .get_mut(&key)
            .filter(|seen| seen.stage == Stage::Open)
        else {
            return;
        };
        let acknowledgement = empty(Type::Ack, key.1);
        turn.send(key.0, &acknowledgement);
        seen.stage = Stage::Acknowledged;
        seen.reply = Some(acknowledgement.into());
    }

    pub(super) fn store_body(&mut self, turn: &mut Turn<'_, P>, place: (P, u64), message: Message) {
        self.expiries
            .bodies
            .push_back((turn.now + turn.parameters.exchange_lifetime(), place));
        self.bodies.insert(
            place,
            Body {
                message,
                stored: turn.now,
            },
        );
    }
}

/// A block as we acknowledge it: no larger than we like them.
pub(super) fn echo(block: Block, parameters: &Parameters) -> Block {
    let size = block.size().min(parameters.block_size);
    // The number stays; with the smaller size it says what we would like, not where we are.
    Block::new(block.num(), block.more(), size).unwrap_or(block)
}
