//! A server: registrations.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;

use twinproof_coap::{Code, Packet, Type, Writer, option};
use twinproof_kernel::{Input, Outbox, Role, Time};

/// The server's core.
#[derive(Debug, Default)]
pub struct Server {
    registrations: BTreeMap<String, SocketAddr>,
    locations: u64,
}

impl Server {
    /// A server without registrations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where a registered endpoint is.
    pub fn address_of(&self, endpoint: &str) -> Option<SocketAddr> {
        self.registrations.get(endpoint).copied()
    }
}

impl Role for Server {
    type Shared = ();
    type Order = Infallible;
    type Answer = Infallible;

    fn handle(
        &mut self,
        (): &(),
        _now: Time,
        input: Input<'_, Infallible>,
        out: &mut Outbox<Infallible>,
    ) {
        let Input::Datagram { at, from, bytes } = input else {
            return;
        };
        let Ok(packet) = Packet::parse(bytes) else {
            return;
        };
        if packet.ty() != Type::Con || packet.code() != Code::POST || !packet.path_is(&["rd"]) {
            return;
        }
        let (message_id, token) = (packet.message_id(), packet.token());
        match packet.query("ep") {
            Some(endpoint) => {
                self.locations += 1;
                self.registrations.insert(endpoint.to_owned(), from);
                let location = self.locations.to_string();
                out.datagram(at, from, |buffer| {
                    Writer::new(
                        buffer,
                        Type::Ack,
                        Code::CREATED,
                        message_id,
                        token.as_bytes(),
                    )
                    .text(option::LOCATION_PATH, "rd")
                    .text(option::LOCATION_PATH, &location)
                    .finish()
                    .expect("a 2.01 with a location is a legal message");
                });
            }
            None => out.datagram(at, from, |buffer| {
                Writer::new(
                    buffer,
                    Type::Ack,
                    Code::BAD_REQUEST,
                    message_id,
                    token.as_bytes(),
                )
                .finish()
                .expect("a 4.00 is a legal message");
            }),
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
