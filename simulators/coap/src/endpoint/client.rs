//! Requests of ours: sent, answered, observed.

use std::borrow::Cow;
use std::time::Duration;

use twinproof_kernel::Time;

use super::transmission::{Purpose, Stage, Timer, empty};
use super::{
    Address, Endpoint, Event, Exchange, Failure, Ignored, RequestId, SendError, Turn, is_newer,
};
use crate::message::{Extra, Message};
use crate::transfer::{BlockFault, Download};
use crate::{Block, Code, Packet, Parameters, Token, Type, option};

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ty: Type,
    pub(super) message: Message,
    pub(super) message_id: u16,
    pub(super) deadline: Option<Time>,
    pub(super) upload: Option<Upload>,
    pub(super) observe: Observe,
    /// The request that fetches the blocks of the newest response.
    pub(super) part: Option<Token>,
    /// What this request fetches blocks for.
    pub(super) whole: Option<Whole>,
}

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) body: Vec<u8>,
    pub(super) offset: usize,
    pub(super) size: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observe {
    No,
    Asked,
    Yes { newest: u32, at: Time },
    Ending,
}

#[derive(Debug)]
pub(super) struct Whole {
    pub(super) token: Token,
    pub(super) delivery: Delivery,
    pub(super) download: Download,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    Response { observing: bool },
    Notification { sequence: u32 },
}

impl<P: Address> Endpoint<P> {
    /// Asks a peer. A body larger than a block goes in blocks. If the message has Observe, the
    /// request lives until the observation ends.
    ///
    /// # Errors
    ///
    /// When the type or code is none of a request, ids or tokens have run out, or the message cannot
    /// be written.
    pub fn request(
        &mut self,
        turn: &mut Turn<'_, P>,
        peer: P,
        ty: Type,
        mut message: Message,
    ) -> Result<RequestId<P>, SendError> {
        self.forget_old(turn);
        let code = message.code();
        if !code.is_request() || !matches!(ty, Type::Con | Type::Non) {
            return Err(SendError::Kind { ty, code });
        }
        let token = self.fresh_token(turn, peer)?;
        let size = turn.parameters.block_size;
        let upload = (message.body().len() > size).then(|| Upload {
            body: message.take_body(),
            offset: 0,
            size,
        });
        let asks = message.values(option::OBSERVE).any(<[u8]>::is_empty);
        let pending = Pending {
            ty,
            message,
            message_id: 0,
            deadline: None,
            upload,
            observe: if asks { Observe::Asked } else { Observe::No },
            part: None,
            whole: None,
        };
        self.requests.insert((peer, token), pending);
        let result = self.send_request(turn, peer, token);
        if result.is_err() {
            self.requests.remove(&(peer, token));
        }
        self.settle();
        result.map(|()| RequestId { peer, token })
    }

    /// Ends an observation by a request with the same token; the message has Observe=1. Its answer
    /// comes as the response to `request`.
    ///
    /// # Errors
    ///
    /// When there is no such request, or the message cannot be sent.
    pub fn deregister(
        &mut self,
        turn: &mut Turn<'_, P>,
        request: RequestId<P>,
        message: Message,
    ) -> Result<(), SendError> {
        let RequestId { peer, token } = request;
        let pending = self
            .requests
            .get_mut(&(peer, token))
            .ok_or(SendError::Unknown)?;
        pending.message = message;
        pending.observe = Observe::Ending;
        let part = pending.part.take();
        self.drop_part(turn, peer, part);
        let result = self.send_request(turn, peer, token);
        self.settle();
        result
    }

    /// Forgets a request. Whatever answers it is answered by a Reset, which ends an observation.
    pub fn forget(&mut self, turn: &mut Turn<'_, P>, request: RequestId<P>) {
        let RequestId { peer, token } = request;
        if let Some(pending) = self.requests.remove(&(peer, token)) {
            self.finish(turn, (peer, pending.message_id));
            self.drop_part(turn, peer, pending.part);
        }
        self.settle();
    }

    pub(super) fn take_response<'d>(
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
        let (id, token) = (packet.message_id(), packet.token());
        let exchange = Exchange {
            peer: from,
            ty: packet.ty(),
            message_id: id,
            token,
            observe: false,
            block1: None,
            block2: None,
            key: 0,
        };
        let confirmable = packet.ty() == Type::Con;
        let known = self
            .requests
            .get(&(from, token))
            .map(|pending| pending.message_id);
        let bad = packet.bad_critical_option(&turn.parameters.known);
        let (ty, why) = match (known, bad) {
            (None, _) => (Type::Rst, Some(Ignored::Unmatched)),
            (Some(_), Some(bad)) => (Type::Rst, Some(Ignored::BadOption(bad))),
            (Some(_), None) => (Type::Ack, None),
        };
        // A Reset to a non-confirmable notification tells its sender that nobody listens.
        let unwanted = why == Some(Ignored::Unmatched) && packet.value(option::OBSERVE).is_some();
        let reply = (confirmable || unwanted).then(|| empty(ty, id));
        if let Some(reply) = &reply {
            turn.send(from, reply);
        }
        self.remember(turn, &exchange, Stage::Answered, reply.map(Box::from));
        if let Some(why) = why {
            return Some(Event::Ignored { peer: from, why });
        }
        // The response says that the request has arrived, even if the acknowledgement was lost.
        // A notification that crosses the end of its observation does not.
        let crosses = packet.value(option::OBSERVE).is_some()
            && self
                .requests
                .get(&(from, token))
                .is_some_and(|pending| pending.observe == Observe::Ending);
        if let Some(id) = known
            && !crosses
            && self
                .sent
                .get(&(from, id))
                .is_some_and(|s| s.purpose == Purpose::Request(token))
        {
            self.finish(turn, (from, id));
        }
        self.match_response(turn, from, packet)
    }

    /// Gives a response to the request that has its token.
    pub(super) fn match_response<'d>(
        &mut self,
        turn: &mut Turn<'_, P>,
        from: P,
        packet: Packet<'d>,
    ) -> Option<Event<'d, P>> {
        let token = packet.token();
        let Some(pending) = self.requests.get_mut(&(from, token)) else {
            return Some(Event::Ignored {
                peer: from,
                why: Ignored::Unmatched,
            });
        };
        if let Some(upload) = &mut pending.upload
            && upload.advance(&packet)
        {
            let result = self.send_request(turn, from, token);
            return result
                .err()
                .map(|error| self.fail(from, token, Failure::Send(error)));
        }
        let Ok(block) = packet.block(option::BLOCK2) else {
            return Some(self.fail(from, token, Failure::Blocks(BlockFault::Illegal)));
        };
        let block = block.filter(|_| packet.code().is_success());
        let body = Cow::Borrowed(packet.payload());
        if let Some(whole) = &mut pending.whole {
            let (parent, delivery) = (whole.token, whole.delivery);
            let Some(block) = block else {
                // An error, or a body that fits after all.
                self.requests.remove(&(from, token));
                return self.deliver(from, parent, delivery, packet, body);
            };
            if let Err(fault) = whole.download.add(block, &packet, turn.parameters.max_body) {
                return Some(self.fail(from, token, Failure::Blocks(fault)));
            }
            if !block.more() {
                let body = std::mem::take(&mut whole.download.body);
                self.requests.remove(&(from, token));
                return self.deliver(from, parent, delivery, packet, Cow::Owned(body));
            }
            let result = self.send_request(turn, from, token);
            return result
                .err()
                .map(|error| self.fail(from, token, Failure::Send(error)));
        }
        let delivery = match pending.admit(turn.now, &packet) {
            Ok(delivery) => delivery,
            Err(why) => return Some(Event::Ignored { peer: from, why }),
        };
        let old_part = pending.part.take();
        let event = match block.filter(|block| block.more() || block.num() > 0) {
            None => self.deliver(from, token, delivery, packet, body),
            Some(block) => {
                let mut download = Download::new();
                match download.add(block, &packet, turn.parameters.max_body) {
                    Err(fault) => Some(self.fail(from, token, Failure::Blocks(fault))),
                    Ok(()) => {
                        let whole = Whole {
                            token,
                            delivery,
                            download,
                        };
                        let result = self.fetch(turn, from, whole);
                        result
                            .err()
                            .map(|error| self.fail(from, token, Failure::Send(error)))
                    }
                }
            }
        };
        self.drop_part(turn, from, old_part);
        event
    }

    /// Begins to fetch the other blocks of a response.
    pub(super) fn fetch(
        &mut self,
        turn: &mut Turn<'_, P>,
        peer: P,
        whole: Whole,
    ) -> Result<(), SendError> {
        let token = self.fresh_token(turn, peer)?;
        let parent = self
            .requests
            .get_mut(&(peer, whole.token))
            .ok_or(SendError::Unknown)?;
        parent.part = Some(token);
        parent.deadline = None;
        let mut message = parent.message.clone();
        message.take_body();
        let pending = Pending {
            ty: parent.ty,
            message,
            message_id: 0,
            deadline: None,
            upload: None,
            observe: Observe::No,
            part: None,
            whole: Some(whole),
        };
        self.requests.insert((peer, token), pending);
        let result = self.send_request(turn, peer, token);
        if result.is_err() {
            self.requests.remove(&(peer, token));
        }
        result
    }

    /// Hands a whole response over, and forgets the request unless it observes.
    pub(super) fn deliver<'d>(
        &mut self,
        peer: P,
        token: Token,
        delivery: Delivery,
        packet: Packet<'d>,
        body: Cow<'d, [u8]>,
    ) -> Option<Event<'d, P>> {
        let request = RequestId { peer, token };
        if let Some(pending) = self.requests.get_mut(&(peer, token)) {
            pending.part = None;
            pending.deadline = None;
        }
        Some(match delivery {
            Delivery::Notification { sequence } => Event::Notification {
                request,
                packet,
                body,
                sequence,
            },
            Delivery::Response { observing } => {
                if !observing {
                    self.requests.remove(&(peer, token));
                }
                let busy = matches!(
                    packet.code(),
                    Code::SERVICE_UNAVAILABLE | Code::TOO_MANY_REQUESTS
                );
                let retry_after = busy.then(|| {
                    let seconds = packet.uint(option::MAX_AGE).ok().flatten().unwrap_or(60);
                    Duration::from_secs(seconds.into())
                });
                Event::Response {
                    request,
                    packet,
                    body,
                    observing,
                    retry_after,
                }
            }
        })
    }

    /// Ends a request without an answer. An observation survives when only the blocks of one of its
    /// notifications are lost.
    pub(super) fn fail<'d>(&mut self, peer: P, token: Token, why: Failure) -> Event<'d, P> {
        let request = self.request_of(peer, token);
        if request.token != token {
            self.requests.remove(&(peer, token));
        }
        if let Some(parent) = self.requests.get_mut(&(peer, request.token)) {
            parent.part = None;
            let observes = matches!(parent.observe, Observe::Yes { .. });
            if request.token == token || !observes {
                self.requests.remove(&(peer, request.token));
            }
        }
        Event::Failed { request, why }
    }

    /// The request that the caller knows, for one that may fetch blocks for it.
    pub(super) fn request_of(&self, peer: P, token: Token) -> RequestId<P> {
        let whole = self
            .requests
            .get(&(peer, token))
            .and_then(|pending| pending.whole.as_ref());
        RequestId {
            peer,
            token: whole.map_or(token, |whole| whole.token),
        }
    }

    pub(super) fn drop_part(&mut self, turn: &mut Turn<'_, P>, peer: P, part: Option<Token>) {
        if let Some(pending) = part.and_then(|token| self.requests.remove(&(peer, token))) {
            self.finish(turn, (peer, pending.message_id));
        }
    }

    /// Sends a request, or the next block of it, or for the next block of its answer.
    pub(super) fn send_request(
        &mut self,
        turn: &mut Turn<'_, P>,
        peer: P,
        token: Token,
    ) -> Result<(), SendError> {
        let id = self.next_id(turn, peer)?;
        let pending = self
            .requests
            .get_mut(&(peer, token))
            .ok_or(SendError::Unknown)?;
        let mut extras = Vec::new();
        let mut payload = pending.message.body();
        if let Some(Upload { body, offset, size }) = &pending.upload {
            let end = body.len().min(offset + size);
            let num = u32::try_from(offset / size).map_err(|_| SendError::TooLarge)?;
            let block =
                Block::new(num, end < body.len(), *size).map_err(|_| SendError::TooLarge)?;
            extras.push(Extra::uint(option::BLOCK1, block.bits()));
            if num == 0 {
                extras.push(Extra::uint(option::SIZE1, body.len() as u32));
            }
            payload = &body[*offset..end];
        }
        if let Some(whole) = &pending.whole {
            let block = whole.download.next().ok_or(SendError::TooLarge)?;
            extras.push(Extra::uint(option::BLOCK2, block.bits()));
        }
        // Only the first request for a body observes (RFC 7959 §3.4).
        let fetches = pending.whole.is_some();
        let keep = |number| !(fetches && number == option::OBSERVE);
        self.scratch.clear();
        let head = (pending.ty, id, token.as_bytes());
        pending
            .message
            .write(&mut self.scratch, head, &extras, keep, payload)?;
        pending.message_id = id;
        pending.deadline = Some(turn.now + turn.parameters.response_wait);
        let ty = pending.ty;
        self.start(
            turn.now + turn.parameters.response_wait,
            Timer::Request(peer, token),
        );
        match ty {
            Type::Con => {
                self.transmit(turn, (peer, id), Purpose::Request(token), None);
            }
            _ => self.send_non(turn, (peer, id), Purpose::Request(token)),
        }
        Ok(())
    }

    /// A token that no request to this peer has.
    pub(super) fn fresh_token(&mut self, turn: &Turn<'_, P>, peer: P) -> Result<Token, SendError> {
        for _ in 0..64 {
            let token = draw_token(&mut self.random, turn.parameters);
            if !self.requests.contains_key(&(peer, token)) {
                return Ok(token);
            }
        }
        Err(SendError::Tokens)
    }
}

pub(super) fn draw_token(random: &mut fastrand::Rng, parameters: &Parameters) -> Token {
    let length = usize::from(parameters.token_length.min(8));
    let bytes = random.u64(..).to_be_bytes();
    Token::new(&bytes[..length]).unwrap_or_default()
}

impl Upload {
    /// Takes an answer to a block: whether another block is to be sent.
    fn advance(&mut self, packet: &Packet<'_>) -> bool {
        let echoed = packet.block(option::BLOCK1).ok().flatten();
        let smaller = echoed.map_or(self.size, |block| block.size().min(self.size));
        let more = self.offset + self.size < self.body.len();
        let code = packet.code();
        // An answer to another block than the one that was sent is not for us to act on.
        if echoed.is_some_and(|block| block.num() as usize != self.offset / self.size) {
            return false;
        }
        // A server that acts on every block by itself answers each with its final code and M=0.
        let by_itself = code.is_success() && echoed.is_some_and(|block| !block.more());
        if more && (code == Code::CONTINUE || by_itself) {
            self.offset += self.size;
            self.size = smaller;
            return true;
        }
        // 4.13 with a smaller size asks for smaller blocks (RFC 7959 §2.9.3).
        if code == Code::REQUEST_ENTITY_TOO_LARGE && self.offset == 0 && smaller < self.size {
            self.size = smaller;
            return true;
        }
        false
    }
}

impl Pending {
    /// What a response to this request is to the caller.
    fn admit(&mut self, now: Time, packet: &Packet<'_>) -> Result<Delivery, Ignored> {
        let sequence = packet
            .observe()
            .ok()
            .flatten()
            .filter(|_| packet.code().is_success());
        match (self.observe, sequence) {
            (Observe::Asked, Some(got)) => {
                self.observe = Observe::Yes {
                    newest: got,
                    at: now,
                };
                Ok(Delivery::Response { observing: true })
            }
            (Observe::Yes { newest, at }, Some(got)) => {
                if !is_newer((got, now), (newest, at)) {
                    return Err(Ignored::Stale { newest, got });
                }
                self.observe = Observe::Yes {
                    newest: got,
                    at: now,
                };
                Ok(Delivery::Notification { sequence: got })
            }
            // A notification that crossed the end of its observation.
            (Observe::Ending, Some(_)) => Err(Ignored::Unmatched),
            _ => Ok(Delivery::Response { observing: false }),
        }
    }
}
