//! Who there is: accounts, addresses, and how gateways know devices.

use std::net::{Ipv4Addr, SocketAddr};

use twinproof_dm::auth::Scheme;
use twinproof_dm::provisioning::{Account, Address, Auth, AuthLevel, AuthType};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::store;
use twinproof_dm::tree::ddf::Description;
use twinproof_dm::upper::{Put, Value};
use twinproof_dm::{Limits, xml};
use twinproof_gwmo::gateway::{Adapted, DEVICE_PATH, Mapped, Mode, Protocol, Provision};

use super::{HOSTS, TASK, TASK_DESCRIBED, VALUE};

pub(super) fn proof(name: &str, secret: &str) -> Proof {
    Proof {
        scheme: Scheme::Md5,
        name: name.to_owned(),
        secret: secret.as_bytes().to_vec(),
        nonce: Vec::new(),
    }
}

pub(super) fn account(server: &str, url: &str, device: &Proof, own: &Proof) -> Account {
    let auth = |level, proof: &Proof| Auth {
        level,
        auth_type: Some(AuthType::Digest),
        name: Some(proof.name.clone()),
        secret: String::from_utf8(proof.secret.clone()).ok(),
        data: None,
    };
    Account {
        server_id: server.to_owned(),
        addresses: vec![Address {
            addr: url.to_owned(),
            ..Address::default()
        }],
        auths: vec![
            auth(AuthLevel::AppSrv, device),
            auth(AuthLevel::Client, own),
        ],
        ..Account::default()
    }
}

/// An address below another one, as text.
pub fn leaf(at: &str, path: &str) -> String {
    format!("{at}/{path}")
}

pub(super) fn text(value: &str) -> Put {
    Put {
        value: Some(Value::Text(value.to_owned())),
        ..Put::default()
    }
}

pub(super) fn device_url(site: usize) -> String {
    format!("http://{}{DEVICE_PATH}", HOSTS[site])
}

/// Where a gateway hears devices that speak in lines.
pub fn lines_at(site: usize) -> SocketAddr {
    let last = u8::try_from(site).unwrap();
    (Ipv4Addr::new(10, 0, 0, last), 1).into()
}

pub(super) fn simple_at(number: usize) -> SocketAddr {
    let last = u8::try_from(number).unwrap();
    (Ipv4Addr::new(10, 0, 1, last), 1).into()
}

/// A device that speaks in lines, as gateways know it.
pub(super) fn foreign(number: usize) -> Provision {
    let nodes = [(TASK, "task"), (VALUE, "value")];
    let nodes = nodes.map(|(node, is)| Mapped {
        node: node.to_owned(),
        is: is.to_owned(),
    });
    Provision {
        device: format!("l{number}"),
        mode: Mode::Adaptation,
        client: None,
        server: None,
        push: String::new(),
        adapted: Some(Adapted {
            protocol: Protocol::Lines,
            key: "key".to_owned(),
            nodes: nodes.into(),
        }),
        fresh: None,
    }
}

/// What a device of DM can have in its tree: something to start beside what any has.
pub(super) fn described() -> store::Profile {
    let mut profile = store::Profile::builtin();
    let read = xml::read(TASK_DESCRIBED.as_bytes(), &Limits::default()).unwrap();
    profile
        .add(&Description::from_element(&read).unwrap())
        .unwrap();
    profile
}
