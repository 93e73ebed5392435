//! What becomes of a datagram before it is a request or an answer.

use std::net::SocketAddr;

use twinproof_coap::{Class, Header};

use super::report::answer_in;
use super::rules::{CopyFacts, DatagramFacts};
use super::{Moment, Server};

impl Server {
    /// A datagram arrives.
    pub(super) fn hear(&mut self, moment: &mut Moment<'_>, from: SocketAddr, datagram: &[u8]) {
        let shared = moment.shared;
        let rules = &shared.rules;
        let id = Header::peek(datagram).map(|header| header.message_id);
        let facts = DatagramFacts {
            datagram,
            asked: id.and_then(|id| self.layer.token_of(from, id)),
        };
        let read = rules.reads(facts);
        let datagram = read.as_deref().unwrap_or(datagram);
        let asks = |header: &Header| header.code.class() == Class::Request;
        if let Some(header) = Header::peek(datagram).filter(asks)
            && self.is_copy_of_another(moment, (from, header.message_id))
        {
            return;
        }
        if let Some(packet) = answer_in(datagram) {
            return self.hear_answer(moment, from, (packet, datagram));
        }
        let event = self.with_layer(moment, |layer, turn| layer.receive(turn, from, datagram));
        if let Some(event) = event {
            self.take(moment, event);
        }
    }

    /// Whether a request is taken for a copy of what somebody else sent, or of what has gone before, and
    /// answered like that, if it was answered; that of the same sender with the same id is left to the
    /// message layer, unless it is taken for none.
    fn is_copy_of_another(
        &mut self,
        moment: &mut Moment<'_>,
        (from, id): (SocketAddr, u16),
    ) -> bool {
        let shared = moment.shared;
        let rules = &shared.rules;
        let same_sender = CopyFacts {
            same_id: true,
            same_sender: true,
            older: false,
        };
        if self.layer.answered_with(from, id).is_some() && !rules.is_copy(same_sender) {
            self.layer.forget_message(from, id);
        }
        let Some((other, same_id)) = self.last.replace((from, id)) else {
            return false;
        };
        let same_sender = other == from;
        let facts = CopyFacts {
            same_id: same_id == id,
            same_sender,
            // Ids go round.
            older: same_sender && same_id != id && same_id.wrapping_sub(id) < 0x8000,
        };
        if facts.same_sender && facts.same_id || !rules.is_copy(facts) {
            return false;
        }
        if let Some(answer) = self.layer.answered_with(other, id).map(<[u8]>::to_vec) {
            let at = self.place_for(from);
            moment
                .out
                .datagram(at, from, |buffer| buffer.extend_from_slice(&answer));
        }
        true
    }
}
