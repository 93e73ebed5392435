//! Where the operator of the built-in server is heard.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use twinproof_kernel::CallId;
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::upper::{Answer, Operation};

use crate::operator::{Ask, Said};
use crate::serve::{DESK, Desk};

/// Where the operator of the built-in server at an address speaks to it: no other machine reaches that.
pub fn desk_of(server: SocketAddr) -> SocketAddrV4 {
    SocketAddrV4::new(DESK, server.port())
}

/// The calls that are made to learn what has happened.
const LOOK: CallId = CallId(0);

/// Carries what operators ask to the built-in server, and back what it tells.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    /// Who asked what is under way, and as what.
    calls: HashMap<CallId, (SocketAddr, u64)>,
    made: u64,
    watched: BTreeSet<String>,
    /// Who wants to be told of what happens.
    watches: Option<SocketAddr>,
    /// How many events were told, or were of no interest.
    known: u64,
}

impl Desk<Server> for Counter {
    fn is_for(&self, at: SocketAddr) -> bool {
        at.ip() == IpAddr::V4(DESK)
    }

    fn hear(&mut self, from: SocketAddr, bytes: &[u8]) -> Option<(CallId, Operation)> {
        match Ask::read(bytes)? {
            Ask::Operate { call, operation } => {
                self.made += 1;
                self.calls.insert(CallId(self.made), (from, call));
                Some((CallId(self.made), operation))
            }
            Ask::Watch(endpoint) => {
                self.watched.insert(endpoint);
                self.watches = Some(from);
                None
            }
        }
    }

    fn looks(&self) -> Option<(CallId, Operation)> {
        let after = self.known;
        self.watches.map(|_| (LOOK, Operation::Events { after }))
    }

    fn answer(&mut self, call: CallId, answer: Answer, tell: &mut dyn FnMut(SocketAddr, &[u8])) {
        match answer {
            Answer::Events { events, known } if call == LOOK => {
                self.known = known;
                let Some(to) = self.watches else { return };
                let wanted = events
                    .into_iter()
                    .filter(|event| self.watched.contains(&event.endpoint));
                for event in wanted {
                    tell(to, &Said::Event(event).to_bytes());
                }
            }
            answer => {
                if let Some((to, call)) = self.calls.remove(&call) {
                    tell(to, &Said::Answer { call, answer }.to_bytes());
                }
            }
        }
    }
}
