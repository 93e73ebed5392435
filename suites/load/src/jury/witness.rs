//! What was seen of a device.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use twinproof_coap::{Code, Packet, Type};
use twinproof_kernel::Time;

use super::REMEMBERED;

/// What was seen of a device.
#[derive(Debug, Default)]
pub(super) struct Witness {
    pub(super) requests: VecDeque<Request>,
    /// Whether requests were forgotten.
    pub(super) forgot: bool,
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

#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: u16,
    pub(super) token: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    pub(super) at: Time,
    pub(super) is_answered: bool,
    /// It was sent once more, so that nobody knows which of both is answered.
    pub(super) is_repeated: bool,
    /// A registration was under way while it was, so that nobody knows which of both came first.
    pub(super) is_crossed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Other,
    Register,
    Send,
    Update,
}

impl Witness {
    /// Whether this is a new request, and not one that is repeated.
    pub(super) fn asks(&mut self, packet: &Packet<'_>, bytes: &[u8], now: Time) -> bool {
        let same = |request: &&mut Request| {
            request.id == packet.message_id() && request.token == packet.token_bytes()
        };
        if let Some(request) = self.requests.iter_mut().rev().find(same) {
            request.is_repeated = true;
            return false;
        }
        let kind = self.kind(packet);
        if packet.code() == Code::DELETE && self.is_home(packet) {
            // Wherever it was, another may be now.
            self.registration = None;
        }
        let registering = self.is_registering();
        if kind == Kind::Register {
            for request in self
                .requests
                .iter_mut()
                .filter(|request| !request.is_answered)
            {
                request.is_crossed = true;
            }
        }
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
            self.forgot = true;
        }
        self.requests.push_back(Request {
            id: packet.message_id(),
            token: packet.token_bytes().to_vec(),
            kind,
            bytes: bytes.to_vec(),
            at: now,
            is_answered: false,
            is_repeated: false,
            is_crossed: registering,
        });
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

    /// Whether a registration is under way, or was and nobody knows what became of it.
    pub(super) fn is_registering(&self) -> bool {
        let mut requests = self.requests.iter();
        requests.any(|request| request.kind == Kind::Register && !request.is_answered)
    }

    /// The request that a message belongs to.
    pub(super) fn asked(&self, packet: &Packet<'_>) -> Option<usize> {
        let acknowledges = matches!(packet.ty(), Type::Ack | Type::Rst);
        let belongs = |request: &Request| {
            let id = request.id == packet.message_id();
            let token = request.token == packet.token_bytes();
            match packet.code() {
                Code::EMPTY => id,
                _ => token && (id || !acknowledges),
            }
        };
        self.requests.iter().rposition(belongs)
    }
}
