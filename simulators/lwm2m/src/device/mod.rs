//! A device: what an LwM2M client does at the interface to its server.

pub mod order;

use std::net::SocketAddr;

use twinproof_coap::{Code, ContentFormat, Packet, Token, Type, Writer, option};
use twinproof_kernel::{CallId, Input, Outbox, Role, Time};

/// What the devices of a run have in common.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The server.
    pub server: SocketAddr,
    /// Registration life time in seconds.
    pub lifetime: u32,
    /// The registration payload: the objects and instances that a device has, in link-format.
    pub objects: String,
}

/// What a tester can ask of a device.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Register at the server (TS 1.0.2 §5.3.1).
    Register,
}

/// What became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The server has registered the device at this location.
    Registered(Vec<String>),
    /// The server refused.
    Refused(Code),
}

/// The device's core.
#[derive(Debug)]
pub struct Device {
    endpoint: String,
    at: SocketAddr,
    message_id: u16,
    token: u64,
    registering: Option<(CallId, Token)>,
}

impl Device {
    /// A device with its endpoint name and address.
    pub fn new(endpoint: impl Into<String>, at: SocketAddr) -> Self {
        Self {
            endpoint: endpoint.into(),
            at,
            message_id: 0,
            token: 0,
            registering: None,
        }
    }

    fn register(&mut self, shared: &Shared, call: CallId, out: &mut Outbox<Answer>) {
        self.message_id = self.message_id.wrapping_add(1);
        self.token += 1;
        let token = Token::from_u64(self.token);
        self.registering = Some((call, token));
        let (message_id, endpoint) = (self.message_id, format!("ep={}", self.endpoint));
        let lifetime = format!("lt={}", shared.lifetime);
        out.datagram(self.at, shared.server, |buffer| {
            Writer::new(buffer, Type::Con, Code::POST, message_id, token.as_bytes())
                .path("/rd")
                .content_format(ContentFormat::LINK_FORMAT)
                .query(&endpoint)
                .query(&lifetime)
                .query("lwm2m=1.0")
                .payload(shared.objects.as_bytes())
                .expect("a registration is a legal message");
        });
    }

    fn response(&mut self, packet: &Packet<'_>, out: &mut Outbox<Answer>) {
        match self.registering {
            Some((call, token)) if token == packet.token() => {
                self.registering = None;
                let location = packet
                    .strings(option::LOCATION_PATH)
                    .filter_map(Result::ok)
                    .map(str::to_owned)
                    .collect();
                out.answer(
                    call,
                    match packet.code() {
                        Code::CREATED => Answer::Registered(location),
                        code => Answer::Refused(code),
                    },
                );
            }
            _ => {}
        }
    }
}

impl Role for Device {
    type Shared = Shared;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        _now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        match input {
            Input::Order {
                call,
                order: Order::Register,
            } => self.register(shared, call, out),
            Input::Datagram { bytes, .. } => {
                if let Ok(packet) = Packet::parse(bytes) {
                    self.response(&packet, out);
                }
            }
            Input::Persisted(_)
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
