//! What devices of other protocols are asked for, in theirs.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use twinproof_coap::Code;
use twinproof_gwmo::gateway::Protocol;
use twinproof_gwmo::lines::{Ask, Line};
use twinproof_lwm2m::wire::{Path, Value};

use super::{Found, NAMES, Session};
use crate::datagram::Datagram;
use crate::scene::{SUT, Scene};

/// Something that a device of another protocol is asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// To say what something is.
    Read {
        /// Its name, or its path.
        of: String,
    },
    /// To start something.
    Start {
        /// Its name, or its path.
        of: String,
    },
    /// To make something this.
    Write {
        /// Its name, or its path.
        of: String,
        /// This.
        value: String,
    },
}

impl Wanted {
    fn of(&self) -> &str {
        match self {
            Self::Read { of } | Self::Start { of } | Self::Write { of, .. } => of,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { of } => write!(f, "read {of}"),
            Self::Start { of } => write!(f, "start {of}"),
            Self::Write { of, value } => write!(f, "write {value:?} to {of}"),
        }
    }
}

/// What messages of DM begin with, in either encoding: nothing of that is for such a device.
const FOREIGN_TO_IT: [&[u8]; 2] = [b"SyncML", b"SYNCML:"];

pub(super) fn adapted(
    scene: &Scene,
    session: &Session,
    protocol: Protocol,
    wanted: &[Wanted],
) -> Found {
    let upto = session.upto.unwrap_or(u64::MAX);
    let came: Vec<&Datagram> = scene
        .datagrams
        .iter()
        .filter(|datagram| {
            let here = datagram.from == SUT && datagram.to == session.party;
            here && datagram.number > session.after && datagram.number <= upto
        })
        .filter(|datagram| !scene.is_copy(datagram))
        .collect();
    let numbers: Vec<u64> = came.iter().map(|datagram| datagram.number).collect();
    let expected = shown(wanted);
    let is_dm = |datagram: &&&Datagram| {
        let mut windows = datagram.bytes.windows(6);
        windows.any(|window| {
            FOREIGN_TO_IT
                .iter()
                .any(|marker| marker.starts_with(window))
        })
    };
    if let Some(datagram) = came.iter().find(is_dm) {
        let got = "a message of device management";
        return Found::decide(false, expected, got).shown_by([datagram.number]);
    }
    let names: BTreeSet<&str> = wanted.iter().map(Wanted::of).collect();
    let mut asked: Vec<Wanted> = Vec::new();
    for datagram in came {
        let each = match protocol {
            Protocol::Lines => in_lines(&datagram.bytes),
            Protocol::Lwm2m => in_lwm2m(datagram, &names),
        };
        // What else it wants to know of the device is its own business; and so is how often.
        let each = each.into_iter().filter(|asked| names.contains(asked.of()));
        for one in each {
            let again = matches!(one, Wanted::Read { .. }) && asked.last() == Some(&one);
            asked.extend((!again).then_some(one));
        }
    }
    Found::decide(asked == wanted, expected, shown(&asked))
        .shown_by(numbers)
        .relying_on(&[NAMES])
}

fn shown(all: &[Wanted]) -> String {
    match all {
        [] => "nothing".to_owned(),
        all => {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            words.join(", ")
        }
    }
}

fn in_lines(octets: &[u8]) -> Vec<Wanted> {
    match Line::parse(octets) {
        Ok(Line::Ask { what, .. }) => vec![match what {
            Ask::Get { of } => Wanted::Read { of },
            Ask::Do { of } => Wanted::Start { of },
            Ask::Set { of, to } => Wanted::Write { of, value: to },
        }],
        _ => Vec::new(),
    }
}

/// A read of an object or an instance is one of all resources below it.
fn in_lwm2m(datagram: &Datagram, names: &BTreeSet<&str>) -> Vec<Wanted> {
    let Some(packet) = datagram.packet() else {
        return Vec::new();
    };
    let Some(path) = datagram.path() else {
        return Vec::new();
    };
    let has_format = packet.content_format().ok().flatten().is_some();
    match packet.code() {
        Code::GET => {
            let below = names.iter().filter(|name| {
                let named: Result<Path, _> = name.parse();
                named.is_ok_and(|named| named.is_within(path))
            });
            let read = below.map(|name| Wanted::Read {
                of: (*name).to_owned(),
            });
            read.collect()
        }
        Code::POST if !has_format && path.depth() == 3 => vec![Wanted::Start {
            of: path.to_string(),
        }],
        Code::POST | Code::PUT => {
            let written = datagram.written().into_iter().map(|entry| Wanted::Write {
                of: entry.path.to_string(),
                value: match entry.value {
                    Some(Value::String(text)) => text,
                    Some(other) => other.to_string(),
                    None => String::new(),
                },
            });
            written.collect()
        }
        _ => Vec::new(),
    }
}
