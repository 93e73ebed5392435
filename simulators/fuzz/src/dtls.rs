//! Records of DTLS, at an end that has an association.

use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_dtls::{Credentials, Event, Guests, Limits, Rtc, Transport, records};
use twinproof_kernel::{Seed, Time};

const IDENTITY: &[u8] = b"device";
const KEY: &[u8] = b"0123456789abcdef";

/// A client and a server that have shaken hands.
struct World {
    ends: [(Transport, SocketAddr); 2],
}

impl World {
    fn new() -> Self {
        let [here, there] = [5700, 5684].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let guests = Guests::default().with_psk(IDENTITY, KEY);
        let client = Rtc::seeded(None, Seed::new(1)).expect("a client");
        let server = Rtc::seeded(Some(guests), Seed::new(2)).expect("a server");
        let [mut client, server] =
            [client, server].map(|backend| Transport::new(Arc::new(backend), Limits::default()));
        client.introduce(there, Credentials::psk(IDENTITY, KEY));
        Self {
            ends: [(client, here), (server, there)],
        }
    }

    /// Carries datagrams until there are none; what data arrived at the server.
    fn carry(&mut self) -> Vec<Vec<u8>> {
        let [(client, here), (server, there)] = &mut self.ends;
        let mut heard = Vec::new();
        loop {
            match (client.poll(), server.poll()) {
                (None, None) => return heard,
                (from_client, from_server) => {
                    if let Some(Event::Transmit { datagram, .. }) = from_client {
                        server.receive(Time::ZERO, *here, &datagram);
                    }
                    match from_server {
                        Some(Event::Transmit { datagram, .. }) => {
                            client.receive(Time::ZERO, *there, &datagram);
                        }
                        Some(Event::Received { data, .. }) => heard.push(data),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Has the client send, and says what data arrived.
    fn say(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        let [(client, _), (_, there)] = &mut self.ends;
        client.send(Time::ZERO, *there, data);
        self.carry()
    }
}

/// What is read of a datagram is all of it, and nothing that has no key gets in or ends an association.
pub fn records_of_others(octets: &[u8]) {
    let (found, rest) = records(octets);
    let read: Vec<u8> = found
        .iter()
        .flat_map(|record| record.octets())
        .chain(rest)
        .copied()
        .collect();
    assert_eq!(read, octets);
    for record in found {
        assert_eq!(usize::from(record.header().length), record.body().len());
        let _ = (record.handshake_type(), record.chosen_suite());
    }

    let mut world = World::new();
    assert_eq!(world.say(b"before"), [b"before"]);
    let [(_, here), (server, _)] = &mut world.ends;
    server.receive(Time::ZERO, *here, octets);
    assert!(world.carry().is_empty(), "data of somebody without a key");
    assert_eq!(world.say(b"after"), [b"after"]);
}
