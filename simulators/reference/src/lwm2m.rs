//! The built-in LwM2M system: a server, a bootstrap server and a client for LwM2M 1.1, which includes 1.0.

use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_coap::{ContentFormat, Parameters};
use twinproof_lwm2m::bootstrap::{self, Account, Credentials, Manner};
use twinproof_lwm2m::device;
use twinproof_lwm2m::server::Shared;
use twinproof_lwm2m::server::rules::Rules;
use twinproof_lwm2m::wire::{Path, Version};

use crate::variants::lwm2m::Shape;
use crate::variants::lwm2m_client::Shape as ClientShape;

/// The newest version of the enabler that it supports.
pub const VERSION: Version = Version::V1_1;

/// How a server of this shape is set up that decides by these rules.
pub fn set_up(shape: &Shape, rules: Arc<dyn Rules>) -> Shared {
    Shared {
        location: shape.location.iter().map(|&s| s.to_owned()).collect(),
        separate: shape.separate,
        parameters: shape.parameters.clone(),
        rules,
        ..Shared::new(shape.version)
    }
}

/// The life time of the built-in client's registrations, s.
const LIFETIME: u32 = 86_400;

/// What access control gives to a server: all but to create, and to read alone.
const ALL: i64 = 15;
const TO_READ: i64 = 1;

/// A server of the built-in client.
#[derive(Clone, Debug)]
pub struct Home {
    /// Where it is.
    pub address: SocketAddr,
    /// How what is said to it is protected.
    pub credentials: Credentials,
}

/// How a client of this shape is set up that decides by these rules: with accounts of these servers, and
/// with that of a bootstrap server, where there is one. Where it has two servers, each owns its account,
/// and the first the device, which the second may but read.
pub fn client(
    (homes, bootstrap): (&[Home], Option<SocketAddr>),
    shape: &ClientShape,
    rules: Arc<dyn device::rules::Rules>,
) -> device::Shared {
    let servers: Vec<SocketAddr> = homes.iter().map(|home| home.address).collect();
    let mut shared = device::Shared {
        root: shape.root.to_owned(),
        boot: shape.boot,
        takes: shape.takes,
        // The first version does not know how to say that.
        prefers: shape.prefers.filter(|_| shape.version > Version::V1_0),
        parameters: shape.parameters.clone(),
        rules,
        ..device::Shared::new(shape.version, LIFETIME, &servers)
    };
    let contents = &mut shared.contents;
    if let [_, _] = homes {
        let accounts = [[1, 0], [1, 1]].map(|ids| Path::new(&ids).unwrap_or(Path::ROOT));
        let device = Path::new(&[3, 0]).unwrap_or(Path::ROOT);
        contents.set_rights(accounts[0], 1, &[(1, ALL)]);
        contents.set_rights(accounts[1], 2, &[(2, ALL)]);
        contents.set_rights(device, 1, &[(1, ALL), (2, TO_READ)]);
    }
    if let Some(bootstrap) = bootstrap {
        let own = shape.bootstrap_instance;
        contents.set_bootstrap_server(own, bootstrap, shape.hold_off);
        // What a factory puts in: the accounts stand in both objects, so that a bootstrap can change them.
        let instances = (0..).filter(|instance| *instance != own);
        for (instance, (ssid, home)) in instances.zip((1..).zip(homes)) {
            let account = account_at(home, (instance, ssid));
            let security = account.values().into_iter();
            for entry in security.filter(|entry| entry.path.object() == Some(0)) {
                if let Some(value) = entry.value {
                    contents.set(entry.path, value);
                }
            }
        }
    }
    shared
}

/// The account of a server, in this instance and under this Short Server ID.
fn account_at(home: &Home, (instance, ssid): (u16, u16)) -> Account {
    let scheme = match home.credentials {
        Credentials::None => "coap",
        Credentials::Psk { .. } => "coaps",
    };
    Account {
        credentials: home.credentials.clone(),
        ..Account::open(instance, ssid, format!("{scheme}://{}", home.address))
    }
}

/// The key that the built-in bootstrap server gives the device of this number for the server to which it leads
/// it.
pub fn given_key(number: u8) -> Vec<u8> {
    vec![0xa0 | number; 16]
}

/// The devices that the built-in bootstrap server knows.
pub const ENDPOINTS: [&str; 2] = ["twinproof-1", "twinproof-2"];

/// What is open about a bootstrap server, and how one has settled it.
#[derive(Clone, Debug)]
pub struct BootstrapShape {
    /// How it goes about a bootstrap.
    pub manner: Manner,
    /// The format in which it writes.
    pub format: ContentFormat,
    /// The newest version of the enabler that it supports.
    pub version: Version,
    /// Whether requests are acknowledged first and answered by themselves.
    pub separate: bool,
    /// The numbers of the message layer.
    pub parameters: Parameters,
}

impl Default for BootstrapShape {
    fn default() -> Self {
        Self {
            manner: Manner::default(),
            format: ContentFormat::LWM2M_TLV,
            version: VERSION,
            separate: false,
            parameters: Parameters::default(),
        }
    }
}

/// How a bootstrap server of this shape is set up that decides by these rules: it leads its devices to
/// `server`, each under a number of its own, and with a key of its own where that is `sealed`; and to a second
/// one with a key of its own.
pub fn bootstrap(
    (server, sealed): (SocketAddr, bool),
    shape: &BootstrapShape,
    rules: Arc<dyn bootstrap::rules::Rules>,
) -> bootstrap::Shared {
    let set_up = bootstrap::Shared {
        manner: shape.manner,
        format: shape.format,
        separate: shape.separate,
        parameters: shape.parameters.clone(),
        rules,
        ..bootstrap::Shared::new(shape.version)
    };
    (1..)
        .zip(ENDPOINTS)
        .fold(set_up, |set_up, (number, endpoint)| {
            let credentials = match sealed {
                true => Credentials::Psk {
                    identity: endpoint.as_bytes().to_vec(),
                    key: given_key(number as u8),
                },
                false => Credentials::None,
            };
            let home = Home {
                address: server,
                credentials,
            };
            let first = account_at(&home, (0, 100 + number));
            let secured = Account {
                credentials: Credentials::Psk {
                    identity: endpoint.as_bytes().to_vec(),
                    key: vec![number as u8; 16],
                },
                ..Account::open(1, 200 + number, "coaps://127.0.0.1")
            };
            set_up.provisioning(endpoint, &[first, secured])
        })
}
