//! Information reporting (TS 1.0.2 §5.5): what clients notify.

use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_coap::endpoint::{Event, Ignored, RequestId, Turn};
use twinproof_coap::{Class, Code, ContentFormat, Header, Packet, Type, Writer};

use super::rules::{ConfirmFacts, NewsFacts, ToldFacts};
use super::{Moment, Server};
use crate::upper::{Answer, What};
use crate::wire::Path;

/// What is observed, and how.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) paths: Vec<Path>,
    /// Whether they are observed at once, so that notifications are of all.
    pub(super) composite: bool,
    pub(super) accept: Option<ContentFormat>,
}

impl Subject {
    /// What the values in notifications are at or below.
    fn base(&self) -> Path {
        match self.paths[..] {
            [path] if !self.composite => path,
            _ => Path::ROOT,
        }
    }
}

/// An observation.
#[derive(Debug)]
pub(super) struct Watch {
    /// The registration that it belongs to.
    pub(super) number: u64,
    /// Whose client.
    pub(super) endpoint: Box<str>,
    pub(super) subject: Subject,
    /// The sequence number of what was told last.
    pub(super) newest: u32,
}

/// The message in a datagram, if it is one that answers and comes by itself: not with an
/// acknowledgement.
pub(super) fn answer_in(bytes: &[u8]) -> Option<Packet<'_>> {
    let header = Header::peek(bytes)?;
    let by_itself = matches!(header.ty, Type::Con | Type::Non);
    (by_itself && header.code.class() == Class::Response).then_some(())?;
    Packet::parse(bytes).ok()
}

/// The sequence number of a notification.
pub(super) fn number_of(packet: &Packet<'_>) -> Option<u32> {
    packet.observe().ok().flatten()
}

impl Server {
    /// Takes a message that answers. The message layer says what it would reply; what is replied is
    /// decided here.
    pub(super) fn hear_answer(
        &mut self,
        moment: &mut Moment<'_>,
        from: SocketAddr,
        (packet, bytes): (Packet<'_>, &[u8]),
    ) {
        let (at, out) = (self.place_for(from), &mut *moment.out);
        let parameters = &moment.shared.parameters;
        let mut reply = None;
        let mut send = |to, datagram: &[u8]| match Header::peek(datagram) {
            Some(header) if header.code == Code::EMPTY => reply = Some(header.ty),
            _ => out.datagram(at, to, |buffer| buffer.extend_from_slice(datagram)),
        };
        let mut turn = Turn {
            parameters,
            now: moment.now,
            send: &mut send,
        };
        let event = self.layer.receive(&mut turn, from, bytes);
        let request = RequestId {
            peer: from,
            token: packet.token(),
        };
        let ignored = match &event {
            Some(Event::Ignored { why, .. }) => Some(*why),
            _ => None,
        };
        let expected = reply == Some(Type::Ack)
            || !matches!(ignored, Some(Ignored::Unmatched | Ignored::Duplicate))
            || self.observing.contains_key(&request);
        let copy = ignored == Some(Ignored::Duplicate);
        if let Some(own) = reply {
            let facts = ConfirmFacts {
                confirmable: packet.ty() == Type::Con,
                expected,
                copy,
            };
            // What is not understood is rejected, whatever it belongs to.
            let ty = match packet.bad_critical_option(&parameters.known) {
                Some(_) => Some(own),
                None => moment.shared.rules.confirms(facts),
            };
            if let Some(ty) = ty {
                let id = packet.message_id();
                let mut bytes = Vec::new();
                // An empty message fits into any datagram.
                let _ = Writer::new(&mut bytes, ty, Code::EMPTY, id, &[]).finish();
                moment
                    .out
                    .datagram(at, from, |buffer| buffer.extend_from_slice(&bytes));
            }
        }
        match (event, number_of(&packet)) {
            (Some(Event::Ignored { why, .. }), Some(got)) if packet.code().is_success() => {
                let newer = !matches!(why, Ignored::Stale { .. });
                self.look_again(moment, request, &packet, (expected, copy, newer, got));
            }
            (Some(event), _) => self.take(moment, event),
            (None, _) => {}
        }
    }

    /// A notification that the message layer makes nothing of.
    fn look_again(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        packet: &Packet<'_>,
        (expected, copy, newer, got): (bool, bool, bool, u32),
    ) {
        let newest = self.observing.get(&request).map_or(0, |watch| watch.newest);
        let facts = NewsFacts {
            expected: expected && self.observing.contains_key(&request),
            copy,
            newer,
            newest,
            got,
        };
        if !moment.shared.rules.is_news(facts) {
            return;
        }
        // Who takes what belongs to no observation has but its sender to go by.
        let of_sender = || {
            let client = self.clients.get(self.clients.at(request.peer)?)?;
            client.observations.last().copied()
        };
        let request = match self.observing.contains_key(&request) {
            true => Some(request),
            false => of_sender(),
        };
        if let Some(request) = request {
            self.notified(moment, request, (packet, packet.payload()));
        }
    }

    /// A client notifies, and the message layer finds it new.
    pub(super) fn notified_anew(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        (packet, body): (&Packet<'_>, &[u8]),
        got: u32,
    ) {
        let Some(watch) = self.observing.get_mut(&request) else {
            return;
        };
        let newest = std::mem::replace(&mut watch.newest, got);
        let facts = NewsFacts {
            expected: true,
            copy: false,
            newer: true,
            newest,
            got,
        };
        if moment.shared.rules.is_news(facts) {
            self.notified(moment, request, (packet, body));
        }
    }

    /// Tells the application of a notification.
    fn notified(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        (packet, body): (&Packet<'_>, &[u8]),
    ) {
        let Some(watch) = self.observing.get(&request) else {
            return;
        };
        let client = self.clients.get(watch.number);
        let facts = ToldFacts {
            registered: client.is_some(),
        };
        let (endpoint, number) = (watch.endpoint.clone(), watch.number);
        let (base, paths) = (watch.subject.base(), watch.subject.paths.clone());
        // What cannot be read is no news.
        let (list, version) = client.map_or_else(
            || (Arc::default(), moment.shared.version),
            |client| (Arc::clone(&client.list), client.version),
        );
        if let Answer::Reply(reply) = moment.shared.reply((&list, version), base, (packet, body))
            && moment.shared.rules.is_told(facts)
        {
            let values = reply.values;
            self.tell(moment.shared, &endpoint, What::Notified { paths, values });
        }
        self.heard(moment, number);
    }

    /// A notification without a sequence number ends its observation (RFC 7641 §4.2).
    pub(super) fn observation_ended(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        code: Code,
    ) {
        if !moment.shared.rules.ends_observation(code) {
            return;
        }
        let Some(watch) = self.observing.remove(&request) else {
            return;
        };
        if let Some(client) = self.clients.get_mut(watch.number) {
            client.observations.retain(|one| *one != request);
        }
        let paths = watch.subject.paths;
        self.tell(
            moment.shared,
            &watch.endpoint,
            What::ObservationEnded { paths },
        );
        self.heard(moment, watch.number);
    }

    /// Observes no more, without a word; the next notification is answered by a Reset.
    pub(super) fn forget(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
    ) -> Option<Watch> {
        self.with_layer(moment, |layer, turn| layer.forget(turn, request));
        self.observing.remove(&request)
    }
}
