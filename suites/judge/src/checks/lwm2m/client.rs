//! What a client does at the interface to its servers, which the tester plays.

use serde::{Deserialize, Serialize};
use twinproof_coap::{Packet, option};
use twinproof_lwm2m::wire::links::ObjectList;

use crate::checks::Found;
use crate::datagram::registers;
use crate::scene::{Datagram, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The client has said its name, and that its device is there once.
    Introduced {
        /// To which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Introduced { server, after } => introduced(scene, (server, *after)),
        }
    }
}

/// A registration as a client asked for it.
struct Registration<'s> {
    datagram: &'s Datagram,
    packet: Packet<'s>,
}

/// The registrations that the client asked a server for after a number, without copies.
fn registrations<'s>(scene: &'s Scene, (server, after): (&str, u64)) -> Vec<Registration<'s>> {
    let mut found: Vec<Registration<'s>> = Vec::new();
    for datagram in &scene.datagrams {
        if datagram.number <= after || datagram.from != SUT || datagram.to != server {
            continue;
        }
        let Some(packet) = datagram.packet().filter(registers) else {
            continue;
        };
        let block = packet.block(option::BLOCK1).ok().flatten();
        let begins = block.is_none_or(|block| block.num() == 0);
        let copy = found
            .iter()
            .any(|one| one.packet.message_id() == packet.message_id());
        if begins && !copy {
            found.push(Registration { datagram, packet });
        }
    }
    found
}

impl Registration<'_> {
    /// The list of objects in it, of which later blocks may bring the rest.
    fn list(&self, scene: &Scene) -> Result<ObjectList, String> {
        let mut body = self.packet.payload().to_vec();
        let mut next = 1;
        for datagram in &scene.datagrams {
            let later = datagram.number > self.datagram.number
                && (&datagram.from, &datagram.to) == (&self.datagram.from, &self.datagram.to);
            let Some(packet) = datagram.packet().filter(|p| later && registers(p)) else {
                continue;
            };
            match packet.block(option::BLOCK1).ok().flatten() {
                Some(block) if block.num() == next => {
                    body.extend_from_slice(packet.payload());
                    next += 1;
                }
                _ => {}
            }
        }
        ObjectList::parse(&body).map_err(|error| error.to_string())
    }
}

fn introduced(scene: &Scene, at: (&str, u64)) -> Found {
    let expected = "a registration with an endpoint name and with /3/0 in its list, once";
    let Some(registration) = registrations(scene, at).into_iter().next() else {
        return Found::inconclusive(expected, "the client asked for no registration");
    };
    let name = registration.packet.query("ep");
    let said = match name {
        Some("") | None => "no endpoint name".to_owned(),
        Some(name) => format!("ep={name}"),
    };
    let number = registration.datagram.number;
    let list = match registration.list(scene) {
        Ok(list) => list,
        Err(why) => {
            let got = format!("{said}, and a list that cannot be read: {why}");
            return Found::decide(false, expected, got).shown_by([number]);
        }
    };
    let devices = list
        .items
        .iter()
        .filter(|item| item.path.object() == Some(3));
    let instances = devices.clone().filter(|item| item.path.ids().len() == 2);
    let (instances, whole) = (instances.count(), devices.count());
    let named = name.is_some_and(|name| !name.is_empty());
    let got = match (instances, whole) {
        (0, 0) => format!("{said}, and a list without the device"),
        (0, _) => format!("{said}, and a list with /3, but without its instance"),
        (count, _) => format!("{said}, and a list with {count} of /3/0"),
    };
    let found = Found::decide(named && instances == 1, expected, got).shown_by([number]);
    match named && instances == 0 && whole > 0 {
        // That an object is there without saying so of its only instance misleads nobody.
        true => found.advisory(),
        false => found,
    }
}
