//! DTLS: handshakes per CPU-second with the library through our transport and through its own interface, by turns
//! in one run; what a record costs; and what an association keeps.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![expect(clippy::print_stdout, reason = "a ratio is to be read")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{Criterion, criterion_group, criterion_main};
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ConfigBuilder, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;
use twinproof_dtls::{Credentials, Event, Guests, Limits, Rtc, Transport};
use twinproof_kernel::Time;

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5684);
const KEY: &[u8] = b"0123456789abcdef";
const DATA: &[u8] = b"a small message of 32 octets ...";

/// How many handshakes make one turn, and how many turns each has.
const TURN: u32 = 100;
const TURNS: u32 = 10;

fn client(number: u32) -> SocketAddr {
    let [_, a, b, c] = number.to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, a, b, c), 40_000))
}

/// How long this thread has computed.
fn computed() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// The library's own interface.
struct Plain {
    client: Arc<HandshakeConfig>,
    server: Endpoint,
}

impl Plain {
    fn new() -> Self {
        let config = |client: bool| {
            let builder = ConfigBuilder::default()
                .with_crypto_provider(rtc_crypto::default_provider().expect("ring is built in"))
                .with_cipher_suites(vec![CipherSuiteId::Tls_Psk_With_Aes_128_Ccm_8])
                .with_psk(Some(Arc::new(|_| Ok(KEY.to_vec()))))
                .with_psk_identity_hint(client.then(|| b"device".to_vec()))
                .with_insecure_skip_verify(true);
            Arc::new(
                builder
                    .build(client, Some(SERVER))
                    .expect("a configuration"),
            )
        };
        Self {
            client: config(true),
            server: Endpoint::new(SERVER, TransportProtocol::UDP, Some(config(false))),
        }
    }

    /// A handshake, one message and a goodbye; says how much was heard.
    fn associate(&mut self, number: u32) -> usize {
        let (now, from) = (Instant::now(), client(number));
        let mut client = Endpoint::new(from, TransportProtocol::UDP, None);
        let config = Arc::clone(&self.client);
        client
            .connect(now, SERVER, config, None)
            .expect("a handshake");
        let mut heard = 0;
        loop {
            if let Some(out) = client.poll_transmit() {
                let events = self
                    .server
                    .read(now, from, None, out.message)
                    .expect("taken");
                for event in events {
                    if let EndpointEvent::ApplicationData(data) = event {
                        heard += data.len();
                    }
                }
            } else if let Some(out) = self.server.poll_transmit() {
                let message: BytesMut = out.message;
                let events = client.read(now, SERVER, None, message).expect("taken");
                let complete = |e: &EndpointEvent| matches!(e, EndpointEvent::HandshakeComplete);
                if events.iter().any(complete) {
                    client.write(now, SERVER, DATA).expect("sent");
                }
            } else if heard > 0 {
                drop(self.server.stop(now, from));
                while self.server.poll_transmit().is_some() {}
                return heard;
            }
        }
    }
}

/// Ours.
struct Ours {
    backend: Arc<Rtc>,
    server: Transport,
}

impl Ours {
    fn new() -> Self {
        let guests = Guests::default().with_psk(b"device", KEY);
        let server = Arc::new(Rtc::new(Some(guests)).expect("guests"));
        Self {
            backend: Arc::new(Rtc::new(None).expect("a client")),
            server: Transport::new(server, Limits::default()),
        }
    }

    /// The same, but for the goodbye.
    fn stay(&mut self, number: u32) -> (usize, Transport) {
        let (now, from) = (Time::ZERO, client(number));
        let mut client = Transport::new(Arc::clone(&self.backend) as _, Limits::default());
        client.introduce(SERVER, Credentials::psk(b"device", KEY));
        client.send(now, SERVER, DATA);
        let mut heard = 0;
        loop {
            if let Some(event) = client.poll() {
                if let Event::Transmit { datagram, .. } = event {
                    self.server.receive(now, from, &datagram);
                }
            } else if let Some(event) = self.server.poll() {
                match event {
                    Event::Transmit { datagram, .. } => client.receive(now, SERVER, &datagram),
                    Event::Received { data, .. } => heard += data.len(),
                    _ => {}
                }
            } else {
                return (heard, client);
            }
        }
    }

    fn associate(&mut self, number: u32) -> usize {
        let (heard, client) = self.stay(number);
        drop(client);
        self.server.close(Time::ZERO, self::client(number));
        while self.server.poll().is_some() {}
        heard
    }
}

fn handshakes(_: &mut Criterion) {
    let (mut plain, mut ours) = (Plain::new(), Ours::new());
    let mut spent = [Duration::ZERO; 2];
    // The first turn of each is to get warm.
    for turn in 0..=TURNS {
        let numbers = || turn * TURN..(turn + 1) * TURN;
        let before = computed();
        let heard: usize = numbers().map(|number| plain.associate(number)).sum();
        let between = computed();
        let same: usize = numbers().map(|number| ours.associate(number)).sum();
        let after = computed();
        assert_eq!((heard, same), (heard, heard));
        if turn > 0 {
            spent[0] += between - before;
            spent[1] += after - between;
        }
    }
    let [plain, ours] = spent.map(|spent| f64::from(TURN * TURNS) / spent.as_secs_f64());
    println!(
        "PSK handshakes per CPU-second, both ends: {plain:.0} with the library, {ours:.0} with ours; \
         {:.2} times as many (0.9 is the goal)",
        ours / plain
    );
}

/// How much memory this process has.
fn resident() -> usize {
    let told = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = told
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}

fn memory(_: &mut Criterion) {
    let mut ours = Ours::new();
    let many = 4_000;
    let clients: Vec<_> = (0..500).map(|number| ours.stay(number).1).collect();
    drop(clients);
    let before = resident();
    for number in 500..500 + many {
        drop(ours.stay(number));
    }
    let kept = resident().saturating_sub(before) / many as usize;
    assert_eq!(ours.server.associations(), 500 + many as usize);
    println!("an association keeps {kept} octets (of the process, seen over {many})");
}

fn records(c: &mut Criterion) {
    let mut ours = Ours::new();
    let (_, mut client) = ours.stay(1);
    c.bench_function("dtls/record of 32 octets, sealed and opened", |b| {
        b.iter(|| {
            client.send(Time::ZERO, SERVER, DATA);
            while let Some(event) = client.poll() {
                if let Event::Transmit { datagram, .. } = event {
                    ours.server.receive(Time::ZERO, self::client(1), &datagram);
                }
            }
            while let Some(event) = ours.server.poll() {
                black_box(event);
            }
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2));
    targets = handshakes, memory, records
}
criterion_main!(benches);
