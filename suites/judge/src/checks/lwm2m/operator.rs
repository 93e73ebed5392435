//! What an operator is told.

use serde::{Deserialize, Serialize};
use twinproof_lwm2m::upper::{Answer, Client};

use crate::checks::Found;
use crate::scene::{Operated, Scene};

/// A check and its arguments. Operations are named by their numbers in the scene.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The operator sees this client once, and all that is said of it as it was said. What the server
    /// does not show is not compared.
    Shown {
        /// The list of clients that was asked for.
        operated: u64,
        /// What is expected; what is none is not compared.
        client: Client,
    },
    /// The operator does not see a client of this name.
    NotShown {
        /// The list of clients that was asked for.
        operated: u64,
        /// The name.
        endpoint: String,
    },
    /// The operation came to an error, and nothing was sent to the device.
    NotManaged {
        /// The operation.
        operated: u64,
        /// The device.
        party: String,
        /// The last number before the operation.
        after: u64,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Shown { operated, client } => with(scene, *operated, |seen| shown(seen, client)),
            Self::NotShown { operated, endpoint } => with(scene, *operated, |seen| {
                let expected = format!("no client {endpoint}");
                match clients(seen) {
                    Ok(clients) => {
                        let there = clients.iter().filter(|client| client.endpoint == *endpoint);
                        let got = format!("{} of that name", there.clone().count());
                        Found::decide(there.count() == 0, expected, got)
                    }
                    Err(got) => Found::inconclusive(expected, got),
                }
            }),
            Self::NotManaged {
                operated,
                party,
                after,
            } => with(scene, *operated, |seen| {
                let expected = "an error, and nothing that reaches the device";
                let refused = matches!(seen.answer, Answer::Refused(_) | Answer::Timeout);
                if !refused {
                    return Found::decide(false, expected, format!("{:?}", seen.answer));
                }
                let mut sent = scene.datagrams.iter().filter(|datagram| {
                    datagram.to == *party
                        && datagram.number > *after
                        && datagram.number < seen.number
                        && datagram
                            .packet()
                            .is_some_and(|packet| packet.code().is_request())
                });
                match sent.next() {
                    None => Found::decide(true, expected, format!("{:?}", seen.answer)),
                    // That nothing may be sent is our inference.
                    Some(datagram) => {
                        Found::decide(false, expected, "a request reached the device")
                            .shown_by([datagram.number])
                            .under(&["LW-D19"])
                    }
                }
            }),
        }
    }
}

/// Looks at something that an upper tester did.
fn with(scene: &Scene, number: u64, look: impl FnOnce(&Operated) -> Found) -> Found {
    match scene.operated.get(&number) {
        Some(operated) => look(operated).shown_by([number]),
        None => Found::broken(format!("operation {number}"), "it was not recorded"),
    }
}

fn clients(seen: &Operated) -> Result<&[Client], String> {
    match &seen.answer {
        Answer::Clients(clients) => Ok(clients),
        other => Err(format!("{other:?}")),
    }
}

fn shown(seen: &Operated, wanted: &Client) -> Found {
    let expected = format!("one client {}", described(wanted));
    let clients = match clients(seen) {
        Ok(clients) => clients,
        Err(got) => return Found::inconclusive(expected, got),
    };
    let mut same = clients
        .iter()
        .filter(|client| client.endpoint == wanted.endpoint);
    let (Some(client), None) = (same.next(), same.next()) else {
        let count = clients
            .iter()
            .filter(|c| c.endpoint == wanted.endpoint)
            .count();
        return Found::decide(false, expected, format!("{count} clients of that name"));
    };
    let got = format!("one client {}", described(client));
    Found::decide(agrees(client, wanted), expected, got)
}

/// Whether what is shown is what was said, as far as both say something.
fn agrees(shown: &Client, said: &Client) -> bool {
    fn same<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    let sorted = |client: &Client| {
        let mut objects = client.objects.clone();
        objects
            .iter_mut()
            .for_each(|objects| objects.sort_unstable());
        objects
    };
    same(&shown.lifetime, &said.lifetime)
        && same(&shown.version, &said.version)
        && same(&shown.binding, &said.binding)
        && same(&shown.queue_mode, &said.queue_mode)
        && same(&shown.sms, &said.sms)
        && same(&shown.root, &said.root)
        && same(&sorted(shown), &sorted(said))
}

fn described(client: &Client) -> String {
    serde_json::to_string(client).unwrap_or_default()
}
