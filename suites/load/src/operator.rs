//! What an operator asks of a server, and what the server tells, in datagrams of this machine.
//!
//! A generator has one socket. Who operates the server has an address there, too: what it asks goes out and what it is
//! told comes in beside what devices say, with the stamps of the kernel. The built-in server hears at [`desk_of`](crate::desk_of) its
//! own address; who brings the upper tester of another server speaks the same.

use twinproof_lwm2m::upper::{Answer, Event, Operation};

/// How long a datagram may be that is told, in octets: what the generator's socket has room for.
const ROOM: usize = 2_048;

/// What an operator asks.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// To do something.
    Operate {
        /// Comes back with the answer.
        call: u64,
        /// What.
        operation: Operation,
    },
    /// To be told from now on what happens to the client of this name.
    Watch(String),
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// What came of what was asked.
    Answer {
        /// What was asked.
        call: u64,
        /// What came of it.
        answer: Answer,
    },
    /// That nothing can be told of what happens.
    Deaf,
    /// Something has happened.
    Event(Event),
}

impl Ask {
    /// It as a datagram.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Into memory, which does not fail; what cannot be written is as good as lost.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What a datagram asks, if it does.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Said {
    /// It as a datagram. An answer for which there is no room is a refusal that says so.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        match self {
            Self::Answer { call, .. } if bytes.len() > ROOM => {
                let why = format!(
                    "the answer takes {} octets, and {ROOM} are the most",
                    bytes.len()
                );
                let (call, answer) = (*call, Answer::Refused(why));
                serde_json::to_vec(&Self::Answer { call, answer }).unwrap_or_default()
            }
            _ => bytes,
        }
    }

    /// What a datagram says, if it does.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_room_is_a_refusal() {
        let answer = Answer::Refused("x".repeat(3_000));
        let bytes = Said::Answer { call: 7, answer }.to_bytes();
        assert!(bytes.len() <= ROOM);
        let Some(Said::Answer { call: 7, answer }) = Said::read(&bytes) else {
            panic!("{}", String::from_utf8_lossy(&bytes));
        };
        assert!(matches!(answer, Answer::Refused(why) if why.contains("octets")));
    }
}
