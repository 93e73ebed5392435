//! Steps of the scenarios about gateways: the tester plays the server above and the devices below.

mod accounts;
mod announced;
mod confided;
mod fanout;
mod foreign;
mod fresh;
mod images;
mod impostor;
mod integrity;
mod many;
mod memory;
mod moves;
mod notify;
mod parties;
mod resynchronised;
mod rights;
mod routable;
mod server;
mod shelter;
mod strangers;
mod triggers;
mod update;

use std::collections::BTreeMap;

use twinproof_gwmo::crowd::Crowd;
use twinproof_gwmo::hidden::{Hidden, Origin};
use twinproof_gwmo::manager::Manager;
use twinproof_kernel::Seed;
use twinproof_stage::Handle;
use twinproof_upper::Bridge;

pub(crate) use memory::Memory;

/// Who takes part in a scenario, and what has come about in it.
#[derive(Default)]
pub(crate) struct Parties {
    /// What is kept of a gateway that runs elsewhere.
    memory: Option<Memory>,
    /// From which follows what such a gateway must not have seen before.
    salt: Option<Seed>,
    /// What was put into the gateway.
    left: Vec<String>,
    /// Settings that were switched off.
    switched_off: Vec<String>,
    /// The server.
    server: Option<Handle<Manager>>,
    /// The second server.
    other: Option<Handle<Manager>>,
    /// The server that the gateway reaches over TLS.
    secured: Option<Handle<Manager>>,
    /// The certificate that it showed which is not good.
    doubt: Option<confided::Doubt>,
    /// The device that knows its server can be reached from there.
    routable: bool,
    /// The devices, by their numbers in the profile.
    devices: BTreeMap<usize, Handle<Hidden>>,
    /// The devices that speak other protocols.
    foreign: BTreeMap<usize, foreign::Party>,
    /// What carries the lines of those of them whose vendor brings it.
    bridges: BTreeMap<usize, Bridge>,
    /// Many devices that are told apart by their numbers.
    crowd: Option<Handle<Crowd>>,
    /// Where the objects of the gateway are.
    objects: Option<parties::Objects>,
    /// The number after which what is judged has happened.
    after: u64,
    /// What is to be judged of the fan-out that was started last.
    fanout: Option<fanout::Started>,
    /// How many fan-outs were described.
    fanouts: usize,
    /// The device that is brought an account has another secret than the gateway knows.
    misled: bool,
    /// What starts the bootstrap, the fan-out or the notification that was described last.
    start: Option<String>,
    /// The number up to which only the server had started that which has no right to.
    refused_upto: Option<u64>,
    /// The notification that the server has put into the gateway last.
    put_in: Option<triggers::PutIn>,
    /// Where devices get the image.
    image: Option<String>,
    /// The gateway below a server that is judged, and what is behind it.
    below: Option<server::Site>,
    /// Where the origin of images is.
    origin: Option<(String, Handle<Origin>)>,
    /// How many images were described.
    images: usize,
}

impl Parties {
    /// Those of a scenario about a gateway that runs elsewhere, if it has a memory.
    pub(crate) fn with(memory: Option<Memory>) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }
}
