//! A device that a bootstrap server gives anything at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_coap::{Class, Code, ContentFormat, Packet, Type, Writer};
use twinproof_kernel::{CallId, Input, Outbox, Output, Role as _, Seed, Time};
use twinproof_lwm2m::device::{Answer, BOOTSTRAP, Device, Order, Shared};
use twinproof_lwm2m::wire::Version;
use twinproof_lwm2m::wire::links::ObjectList;

use crate::endpoint::Decisions;

/// What an operation can be about.
const PATHS: [&str; 16] = [
    "/", "/0", "/1", "/0/0", "/0/1", "/0/2", "/1/0", "/1/1", "/3", "/3/0", "/0/1/0", "/0/1/1",
    "/0/2/10", "/2", "/21/0", "/1/0/0",
];

/// The instance of the account of the bootstrap server.
const ACCOUNT: u16 = 1;

/// A device, and the bootstrap server that it knows.
struct World {
    device: Device,
    shared: Arc<Shared>,
    now: Time,
    bootstrap: SocketAddr,
    at: SocketAddr,
    id: u16,
    calls: u64,
    /// How often it asked for a registration.
    registrations: usize,
    answered: Option<(Code, Vec<u8>)>,
    obeyed: Option<Answer>,
}

impl World {
    fn new(version: Version) -> Self {
        let bootstrap = SocketAddr::from(([127, 0, 0, 1], 5783));
        let at = SocketAddr::from(([127, 0, 0, 2], 5700));
        Self {
            device: Device::new("device", at, Seed::new(1)),
            shared: Arc::new(Shared::unprovisioned(version, ACCOUNT, bootstrap)),
            now: Time::ZERO,
            bootstrap,
            at,
            id: 0,
            calls: 0,
            registrations: 0,
            answered: None,
            obeyed: None,
        }
    }

    /// Lets the device act. Its requests for bootstrap are confirmed.
    fn tell(&mut self, input: Input<'_, Order>) {
        let mut out = Outbox::default();
        let shared = Arc::clone(&self.shared);
        self.device.handle(&shared, self.now, input, &mut out);
        let octets = out.bytes().to_vec();
        let mut confirmations = Vec::new();
        for output in out.drain() {
            match output {
                Output::Datagram { range, .. } if range.is_empty() => {}
                Output::Datagram { range, .. } => {
                    let sent = &octets[range];
                    let packet = match Packet::parse(sent) {
                        Ok(packet) => packet,
                        Err(error) => panic!("sent what is no message: {error}: {sent:02x?}"),
                    };
                    match packet.code().class() {
                        Class::Response => {
                            self.answered = Some((packet.code(), packet.payload().to_vec()));
                        }
                        Class::Request if packet.path_is(&["rd"]) => self.registrations += 1,
                        Class::Request if packet.path_is(&["bs"]) => {
                            let mut bytes = Vec::new();
                            let (id, token) = (packet.message_id(), packet.token_bytes());
                            Writer::new(&mut bytes, Type::Ack, Code::CHANGED, id, token)
                                .finish()
                                .expect("a short message");
                            confirmations.push(bytes);
                        }
                        _ => {}
                    }
                }
                Output::Answer { answer, .. } => self.obeyed = Some(answer),
                _ => {}
            }
        }
        for bytes in confirmations {
            self.hear(&bytes);
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        let (at, from) = (self.at, self.bootstrap);
        self.tell(Input::Datagram { at, from, bytes });
    }

    fn order(&mut self, order: Order) -> Option<Answer> {
        self.calls += 1;
        let call = CallId(self.calls);
        self.obeyed = None;
        self.tell(Input::Order { call, order });
        self.obeyed.take()
    }

    /// An operation of the bootstrap server, and how it is answered.
    fn ask(
        &mut self,
        method: Code,
        path: &str,
        (format, accept): (Option<ContentFormat>, Option<ContentFormat>),
        body: &[u8],
    ) -> Option<(Code, Vec<u8>)> {
        self.id = self.id.wrapping_add(1);
        let token = self.id.to_be_bytes();
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Type::Con, method, self.id, &token).path(path);
        if let Some(format) = format {
            writer = writer.content_format(format);
        }
        if let Some(accept) = accept {
            writer = writer.accept(accept);
        }
        let written = match body {
            [] => writer.finish(),
            body => writer.payload(body),
        };
        written.expect("a message that can be written");
        self.answered = None;
        self.hear(&bytes);
        self.answered.take()
    }

    /// Whether the device knows a bootstrap server.
    fn knows_whom_to_ask(&mut self) -> bool {
        let nothing = Order::SendRaw {
            server: BOOTSTRAP,
            bytes: Vec::new(),
        };
        self.order(nothing) == Some(Answer::Done)
    }

    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        let mut woken = 0;
        while let Some(at) = self.device.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Input::Wake);
            woken += 1;
            assert!(woken < 10_000, "no end of what is due at {}", self.now);
        }
        self.now = end;
    }

    /// Whether an account is there with both halves, as the device shows it.
    fn has_an_account(&mut self) -> bool {
        let links = (None, Some(ContentFormat::LINK_FORMAT));
        let mut body = Vec::new();
        for path in ["/0", "/1"] {
            match self.ask(Code::GET, path, links, &[]) {
                Some((Code::CONTENT, list)) => {
                    let list = ObjectList::parse(&list);
                    body.extend(list.expect("a list that can be read").items);
                }
                _ => return false,
            }
        }
        let ssids = |object| {
            let own = body
                .iter()
                .filter(move |item| item.path.object() == Some(object));
            own.filter_map(|item| item.ssid).collect::<Vec<u16>>()
        };
        let servers = ssids(1);
        ssids(0).iter().any(|ssid| servers.contains(ssid))
    }
}

/// Whatever a bootstrap server does, the device does not panic, loses the account of the bootstrap server to no
/// deletion and to no bootstrap that fails, confirms the end only if there is an account, and does not
/// register before.
pub fn operations(octets: &[u8]) {
    let mut decisions = Decisions(octets);
    let versions = [Version::V1_0, Version::V1_1, Version::V1_2];
    let version = versions[usize::from(decisions.next()) % versions.len()];
    let mut world = World::new(version);
    world.order(Order::Start);
    world.wait(Duration::from_secs(1));
    while !decisions.0.is_empty() {
        let kind = decisions.next() % 8;
        let path = PATHS[usize::from(decisions.next()) % PATHS.len()];
        let formats = [
            ContentFormat::LWM2M_TLV,
            ContentFormat::SENML_CBOR,
            ContentFormat::SENML_JSON,
            ContentFormat::TEXT,
        ];
        match kind {
            0 => {
                let knew = world.knows_whom_to_ask();
                world.ask(Code::DELETE, path, (None, None), &[]);
                assert!(!knew || world.knows_whom_to_ask(), "lost by DELETE {path}");
            }
            1..=4 => {
                let length = usize::from(decisions.next());
                let format = Some(formats[usize::from(kind) - 1]);
                world.ask(Code::PUT, path, (format, None), decisions.take(length));
            }
            5 => {
                let accept = Some(ContentFormat::LINK_FORMAT);
                world.ask(Code::GET, path, (None, accept), &[]);
                world.ask(Code::GET, path, (None, None), &[]);
            }
            6 => {
                let whole = world.has_an_account();
                assert_eq!(world.registrations, 0, "registered before the end");
                let ended = world.ask(Code::POST, "/bs", (None, None), &[]);
                if ended.is_some_and(|(code, _)| code.is_success()) {
                    assert!(whole, "half an account was taken for one");
                    return;
                }
            }
            _ => {
                world.wait(Duration::from_secs(2 * u64::from(decisions.next())));
            }
        }
        assert_eq!(world.registrations, 0, "registered before the end");
    }
    // The bootstrap comes to nothing, and is undone.
    world.wait(Duration::from_secs(300));
    assert_eq!(world.registrations, 0, "registered without an end");
    assert!(world.knows_whom_to_ask(), "lost by a failure");
}
