//! What was seen of a device.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use twinproof_coap::{Code, Packet, Type};
use twinproof_kernel::Time;

use super::requests::{Kind, Request, Requests};

/// What was seen of a device.
#[derive(Debug, Default)]
pub(super) struct Witness {
    pub(super) requests: Requests,
    pub(super) registration: Option<Registration>,
    /// The numbers of the reports that it made, and whether older ones were forgotten.
    pub(super) reports: VecDeque<u64>,
    pub(super) forgot_reports: bool,
    /// The newest report that the operator was told.
    pub(super) told: Option<u64>,
    /// The newest report that was confirmed.
    pub(super) confirmed: Option<u64>,
    /// The oldest report that was confirmed and is not told, nor a newer one, and since when.
    pub(super) owed: Option<(u64, Time)>,
    /// It was observed anew since the operator was last told anything.
    pub(super) is_observed_anew: bool,
    /// Its server has written something, such as for how long at most nothing is said: values may come again.
    pub(super) is_written: bool,
    /// With which tokens it was observed.
    pub(super) tokens: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Registration {
    pub(super) location: Vec<String>,
    /// So long does it live at least.
    pub(super) until: Time,
    pub(super) lifetime: Duration,
}

impl Witness {
    /// Whether this is a new request, and not one that is repeated.
    pub(super) fn asks(&mut self, packet: &Packet<'_>, bytes: &[u8], now: Time) -> bool {
        let (id, token) = (packet.message_id(), packet.token_bytes());
        if self.requests.settle(now) {
            // Perhaps a registration that nobody confirmed has taken the place of this one.
            self.registration = None;
        }
        if let Some(place) = self.found(id, token) {
            self.requests.repeat(place);
            return false;
        }
        let kind = self.kind(packet);
        if packet.code() == Code::DELETE && self.is_home(packet) {
            // Wherever it was, another may be now.
            self.registration = None;
        }
        if kind == Kind::Register {
            self.requests.cross();
        }
        let request = Request::new((id, token), kind, bytes, now);
        self.requests.push(request);
        true
    }

    fn kind(&self, packet: &Packet<'_>) -> Kind {
        match packet.code() {
            Code::POST if packet.path_is(&["rd"]) => Kind::Register,
            Code::POST if packet.path_is(&["dp"]) => Kind::Send,
            Code::POST if self.is_home(packet) => Kind::Update,
            _ => Kind::Other,
        }
    }

    /// Whether a message goes to where the registration is.
    fn is_home(&self, packet: &Packet<'_>) -> bool {
        self.registration.as_ref().is_some_and(|registration| {
            let path = packet.path().map_while(Result::ok);
            path.eq(registration.location.iter().map(String::as_str))
        })
    }

    /// The newest request with this message id and this token.
    fn found(&self, id: u16, token: &[u8]) -> Option<usize> {
        let has_token = |place: &usize| {
            let request = self.requests.get(*place);
            request.is_some_and(|request| request.token == token)
        };
        self.requests.with_id(id).find(has_token)
    }

    /// The request that a message belongs to.
    pub(super) fn asked(&self, packet: &Packet<'_>) -> Option<usize> {
        let (id, token) = (packet.message_id(), packet.token_bytes());
        match (packet.code(), packet.ty()) {
            (Code::EMPTY, _) => self.requests.with_id(id).next(),
            (_, Type::Ack | Type::Rst) => self.found(id, token),
            // What comes by itself has a message id of its own.
            (_, Type::Con | Type::Non) => self.requests.with_token(token),
        }
    }
}
