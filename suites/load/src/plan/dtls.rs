//! What associations take.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use twinproof_dtls::{Event, Limits, Rtc, Transport};
use twinproof_fleet::{Addresses, Roster};
use twinproof_kernel::{Seed, Time};
use twinproof_sockets::cpu_of_thread;

use super::resident;
use crate::keyring::{Keyring, fresh_keys};
use crate::run::NoRun;
use crate::sessions::Sessions;

/// How many handshakes are made to see what one takes, and how many before that.
const HANDSHAKES: u32 = 512;
const BEFORE: u32 = 64;

/// What an association takes at the side of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Association {
    /// Memory for as long as it lasts, in octets.
    pub octets: u64,
    /// Processor time for its handshake, in microseconds.
    pub handshake_us: f64,
}

/// Makes some with a server of our own, which forgets each of them at once, and looks at what is left.
pub(super) fn association() -> Result<Association, NoRun> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 5_684));
    let addresses = Addresses::Block {
        first: Ipv4Addr::new(127, 1, 0, 1),
        port: 1,
    };
    let members = BEFORE + HANDSHAKES;
    let roster = Roster::new(members, addresses, "dev-", Seed::new(0)).map_err(NoRun::Room)?;
    let keyring = Keyring::of(&fresh_keys()).map_err(NoRun::Unfit)?;
    let backend = Rtc::new(Some(keyring.guests(members))).map_err(NoRun::Unfit)?;
    let backend = Arc::new(backend);
    let sessions = Sessions::new((server, false), keyring, (roster.clone(), 0));
    let mut sessions = sessions.map_err(NoRun::Unfit)?;
    let (mut before, mut took) = (0, Duration::ZERO);
    for member in 0..members {
        if member == BEFORE {
            before = resident()?;
            took = Duration::ZERO;
        }
        let Some(at) = roster.address(member) else {
            continue;
        };
        let mut other = Transport::new(Arc::clone(&backend) as _, Limits::default());
        let mut to_server: Vec<Vec<u8>> = Vec::new();
        let began = cpu_of_thread()?;
        sessions.begin_anew(Time::ZERO, member, 0, &mut |_, datagram| {
            to_server.push(datagram.to_vec());
        });
        took += cpu_of_thread()? - began;
        while !to_server.is_empty() {
            for datagram in to_server.drain(..) {
                other.receive(Time::ZERO, at, &datagram);
            }
            let mut to_device = Vec::new();
            while let Some(event) = other.poll() {
                if let Event::Transmit { datagram, .. } = event {
                    to_device.push(datagram);
                }
            }
            let began = cpu_of_thread()?;
            for datagram in to_device {
                let times = (Time::ZERO, Time::ZERO);
                sessions.hear(times, (at, &datagram), &mut |_, datagram| {
                    to_server.push(datagram.to_vec());
                });
            }
            took += cpu_of_thread()? - began;
        }
        while sessions.shaken().is_some() {}
    }
    if sessions.counts().open < u64::from(members) {
        return Err(NoRun::Unfit(format!(
            "expected {members} associations of our own, got {}",
            sessions.counts().open
        )));
    }
    let grown = resident()?.saturating_sub(before);
    Ok(Association {
        octets: grown / u64::from(HANDSHAKES),
        handshake_us: took.as_secs_f64() * 1e6 / f64::from(HANDSHAKES),
    })
}
