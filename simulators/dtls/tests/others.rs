//! Independent eyes: OpenSSL and both builds of libcoap shake hands with us, as clients and as servers.
//! Without their tools (Debian: openssl, libcoap3-bin) these tests say so and do nothing.

#![expect(
    clippy::print_stderr,
    reason = "a test that could not be done has to say so"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use twinproof_dtls::{
    Alert, Certificate, Credentials, Ended, Event, Guests, Identity, Limits, Progress, Rejection,
    Rtc, Transport, Trick,
};
use twinproof_kernel::Time;

const KEY: &[u8] = b"0123456789abcdef";

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn is_missing(tool: &str, ask: &str) -> bool {
    let found = Command::new(tool)
        .arg(ask)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let missing = found.is_err();
    if missing {
        eprintln!("skipped: {tool} is not installed");
    }
    missing
}

/// A transport behind a socket.
struct Wire {
    socket: UdpSocket,
    transport: Transport,
    began: Instant,
    data: Vec<(SocketAddr, Vec<u8>)>,
    turns: Vec<Progress>,
}

impl Wire {
    fn new(guests: Option<Guests>) -> Self {
        let backend = Arc::new(Rtc::new(guests).unwrap());
        Self {
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            transport: Transport::new(backend, Limits::default()),
            began: Instant::now(),
            data: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// One that begins a handshake with a server, to say this.
    fn to(server: SocketAddr, credentials: Credentials, data: &[u8]) -> Self {
        let mut wire = Self::new(None);
        wire.transport.introduce(server, credentials);
        wire.transport.send(wire.now(), server, data);
        wire
    }

    fn at(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn now(&self) -> Time {
        Time::ZERO + self.began.elapsed()
    }

    fn hear(&mut self) {
        while let Some(event) = self.transport.poll() {
            match event {
                Event::Transmit { to, datagram } => {
                    drop(self.socket.send_to(&datagram, to));
                }
                Event::Received { from, data } => self.data.push((from, data)),
                Event::Association { progress, .. } => self.turns.push(progress),
                Event::Renew { peer } => {
                    self.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    self.transport.begin_anew(self.now(), peer);
                }
                Event::Foreign { .. } | Event::Record { .. } | Event::Unsent { .. } => {}
            }
        }
    }

    /// Goes on until this says yes.
    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let limit = Instant::now() + PATIENCE;
        let mut buffer = vec![0; 65_536];
        loop {
            self.hear();
            if done(self) {
                return;
            }
            assert!(Instant::now() < limit, "{:?} {:?}", self.turns, self.data);
            let pause = Duration::from_millis(20);
            self.socket.set_read_timeout(Some(pause)).unwrap();
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                let now = self.now();
                self.transport.receive(now, from, &buffer[..length]);
            }
            let now = self.now();
            if self.transport.next_deadline().is_some_and(|due| due <= now) {
                self.transport.wake(now);
            }
        }
    }

    /// How the association ended, once it has for good.
    fn end(&mut self) -> Ended {
        let ended = |wire: &Self| {
            wire.turns.iter().find_map(|turn| match turn {
                Progress::Ended { how, again: false } => Some(how.clone()),
                _ => None,
            })
        };
        self.until(|wire| ended(wire).is_some());
        ended(self).unwrap()
    }

    fn peer(&self) -> Option<&Identity> {
        self.turns.iter().rev().find_map(|turn| match turn {
            Progress::Established(established) => Some(&established.peer),
            _ => None,
        })
    }
}

/// Somebody else's program, as long as it is held, and the lines that it says.
struct Theirs {
    child: Child,
    said: Receiver<String>,
    heard: String,
}

impl Drop for Theirs {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Theirs {
    fn start(tool: &str, arguments: &str) -> Self {
        let mut child = Command::new(tool)
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, said) = channel();
        let out: Box<dyn std::io::Read + Send> = Box::new(child.stdout.take().unwrap());
        let err = Box::new(child.stderr.take().unwrap());
        for stream in [out, err] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream);
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    drop(sender.send(String::from_utf8_lossy(&line).into_owned()));
                    line.clear();
                }
            });
        }
        let heard = String::new();
        Self { child, said, heard }
    }

    fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Whether it has said this by now.
    fn has_said(&mut self, what: &str) -> bool {
        self.heard.extend(self.said.try_iter());
        self.heard.contains(what)
    }

    /// Waits until it says this.
    fn wait_for(&mut self, what: &str) {
        let limit = Instant::now() + PATIENCE;
        while !self.has_said(what) {
            assert!(
                Instant::now() < limit,
                "{what:?} was not in {:?}",
                self.heard
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A pair of ports of which both were free just now: libcoap serves DTLS at the second.
fn free_pair() -> SocketAddr {
    loop {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut at = first.local_addr().unwrap();
        let Some(second) = at.port().checked_add(1) else {
            continue;
        };
        let plain = at;
        at.set_port(second);
        if UdpSocket::bind(at).is_ok() {
            return plain;
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

const PSK_CIPHER: &str = "-cipher PSK-AES128-CCM8:@SECLEVEL=0";

fn openssl_server(more: &str) -> (Theirs, SocketAddr) {
    let at = free_pair();
    let arguments = format!("s_server -dtls1_2 -accept {at} {more}");
    let mut server = Theirs::start("openssl", &arguments);
    server.wait_for("ACCEPT");
    (server, at)
}

#[test]
fn an_openssl_server_hears_us_and_we_hear_it() {
    if is_missing("openssl", "version") {
        return;
    }
    let key = hex(KEY);
    let (mut server, at) = openssl_server(&format!(
        "-nocert -psk {key} -psk_identity device {PSK_CIPHER}"
    ));
    let mut client = Wire::to(at, Credentials::psk(b"device", KEY), b"from us\n");
    client.until(|_| server.has_said("from us"));
    server.say("from them\n");
    client.until(|wire| !wire.data.is_empty());
    assert_eq!(client.data[0].1, b"from them\n");
    // What is not authentic, or comes twice, changes nothing there.
    for (trick, data, times) in [
        (
            Trick::Flip(twinproof_dtls::Place::Tag),
            &b"flipped\n"[..],
            0,
        ),
        (Trick::Replay { after: 0 }, b"replayed\n", 1),
        (Trick::OldSequence, b"renumbered\n", 1),
        (Trick::OldEpoch, b"unsealed\n", 0),
    ] {
        client.transport.perform(trick);
        client.transport.send(client.now(), at, data);
        let after = format!("after {trick:?}\n");
        client.transport.send(client.now(), at, after.as_bytes());
        client.until(|_| server.has_said(&after));
        let word = std::str::from_utf8(data).unwrap().trim();
        assert_eq!(
            server.heard.matches(word).count(),
            times,
            "{}",
            server.heard
        );
    }
    let now = client.now();
    client.transport.close(now, at);
    assert_eq!(client.end(), Ended::Left);
    server.wait_for("DONE");
}

#[test]
fn an_openssl_server_lets_nobody_in_with_a_wrong_key() {
    if is_missing("openssl", "version") {
        return;
    }
    let key = hex(KEY);
    let (_server, at) = openssl_server(&format!(
        "-nocert -psk {key} -psk_identity device {PSK_CIPHER}"
    ));
    let wrong = Credentials::psk(b"device", b"another key, no!");
    let ended = Wire::to(at, wrong, b"from us\n").end();
    // It leaves out what it cannot open and says nothing; it had said ServerHelloDone (14) before.
    let fits = matches!(ended, Ended::Silent(Some(14)) | Ended::Refused(_));
    assert!(fits, "{ended:?}");
    let nobody = free_pair();
    let ended = Wire::to(nobody, Credentials::psk(b"device", KEY), b"from us\n").end();
    assert_eq!(ended, Ended::Silent(None));
}

#[test]
fn openssl_clients_are_let_in_or_told_why_not() {
    if is_missing("openssl", "version") {
        return;
    }
    let guests = Guests::default().with_psk(b"device", KEY);
    let start = |server: &Wire, identity: &str, key: &[u8]| {
        let (at, key) = (server.at(), hex(key));
        Theirs::start(
            "openssl",
            &format!(
                "s_client -dtls1_2 -connect {at} -psk {key} -psk_identity {identity} {PSK_CIPHER}"
            ),
        )
    };
    let mut server = Wire::new(Some(guests.clone()));
    let mut client = start(&server, "device", KEY);
    client.say("from them\n");
    server.until(|wire| !wire.data.is_empty());
    assert_eq!(server.data[0].1, b"from them\n");
    assert_eq!(server.peer(), Some(&Identity::Psk(b"device".to_vec())));
    let (from, now) = (server.data[0].0, server.now());
    server.transport.send(now, from, b"from us\n");
    server.until(|_| client.has_said("from us"));

    for (identity, key, rejection, alert) in [
        (
            "device",
            &b"another key, no!"[..],
            Rejection::WrongKey,
            "alert decrypt error",
        ),
        (
            "stranger",
            KEY,
            Rejection::UnknownIdentity(b"stranger".to_vec()),
            "unknown psk identity",
        ),
    ] {
        let mut server = Wire::new(Some(guests.clone()));
        let mut client = start(&server, identity, key);
        assert_eq!(server.end(), Ended::Rejected(rejection));
        client.wait_for(alert);
    }
}

/// A confirmable GET of the root.
const GET: [u8; 4] = [0x40, 1, 0x12, 0x34];

/// The answer 2.05 to a request, with this payload.
fn content(request: &[u8], payload: &[u8]) -> Vec<u8> {
    let token = usize::from(request[0] & 15);
    let head = [0x60 | request[0] & 15, 0x45];
    [&head, &request[2..4 + token], &[0xff], payload].concat()
}

#[test]
fn both_builds_of_libcoaps_client_are_answered() {
    for tool in ["coap-client-openssl", "coap-client-gnutls"] {
        if is_missing(tool, "-h") {
            continue;
        }
        let mut server = Wire::new(Some(Guests::default().with_psk(b"device", KEY)));
        let at = server.at();
        let key = std::str::from_utf8(KEY).unwrap();
        let ask = |identity: &str, key: &str| {
            Theirs::start(
                tool,
                &format!("-B 30 -u {identity} -k {key} -m get coaps://{at}/"),
            )
        };
        let mut client = ask("device", key);
        server.until(|wire| !wire.data.is_empty());
        assert_eq!(
            server.peer(),
            Some(&Identity::Psk(b"device".to_vec())),
            "{tool}"
        );
        let (from, request) = server.data[0].clone();
        let now = server.now();
        server
            .transport
            .send(now, from, &content(&request, b"well heard\n"));
        server.until(|_| client.has_said("well heard"));
        server.until(|wire| {
            wire.turns.contains(&Progress::Ended {
                how: Ended::Closed,
                again: false,
            })
        });

        for (identity, key, rejection) in [
            ("device", "another-key-no!!", Rejection::WrongKey),
            (
                "stranger",
                key,
                Rejection::UnknownIdentity(b"stranger".to_vec()),
            ),
        ] {
            server.turns.clear();
            let _client = ask(identity, key);
            assert_eq!(server.end(), Ended::Rejected(rejection), "{tool}");
        }
    }
}

#[test]
fn both_builds_of_libcoaps_server_answer_us() {
    for tool in ["coap-server-openssl", "coap-server-gnutls"] {
        if is_missing(tool, "-h") {
            continue;
        }
        let plain = free_pair();
        let mut at = plain;
        at.set_port(plain.port() + 1);
        let key = std::str::from_utf8(KEY).unwrap();
        let _server = Theirs::start(
            tool,
            &format!("-A 127.0.0.1 -p {} -k {key} -h hint", plain.port()),
        );
        // It may not listen yet: a handshake that nobody hears is begun anew.
        let mut client = Wire::to(at, Credentials::psk(b"device", KEY), &GET);
        client.until(|wire| !wire.data.is_empty());
        assert_eq!(client.data[0].1[..4], [0x60, 0x45, 0x12, 0x34], "{tool}");

        let wrong = Credentials::psk(b"device", b"another key, no!");
        let ended = Wire::to(at, wrong, &GET).end();
        let fits = matches!(ended, Ended::Silent(Some(14)) | Ended::Refused(_));
        assert!(fits, "{tool}: {ended:?}");
        eprintln!("{tool} with a wrong key: {ended}");
    }
}

fn certificates(dir: &std::path::Path) -> impl Fn(&str) -> Vec<u8> {
    let at = dir.display().to_string();
    let run = |arguments: String| {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for ca in ["ca", "other"] {
        run(format!(
            "req -x509 {key} -days 30 -subj /CN={ca} -keyout {at}/{ca}.key -out {at}/{ca}.pem"
        ));
    }
    for (name, ca) in [("device", "ca"), ("server", "ca"), ("stranger", "other")] {
        run(format!(
            "req -x509 {key} -days 30 -CA {at}/{ca}.pem -CAkey {at}/{ca}.key -subj /CN={name} \
             -addext subjectAltName=DNS:{name}.example -addext basicConstraints=critical,CA:FALSE \
             -keyout {at}/{name}.key -out {at}/{name}.pem"
        ));
    }
    let dir = dir.to_owned();
    move |name| std::fs::read(dir.join(name)).unwrap()
}

fn der(pem: &[u8]) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::from_pem_slice(pem)
        .unwrap()
        .to_vec()
}

const ECDSA_CIPHER: &str = "-cipher ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0";

#[test]
fn certificates_are_shown_and_looked_at_on_both_sides() {
    if is_missing("openssl", "version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().display();
    let read = certificates(dir.path());
    let own = |name: &str| {
        let file = |ending| read(&format!("{name}.{ending}"));
        Certificate::from_pem(&file("pem"), &file("key")).unwrap()
    };
    let as_client = |who: &str, ca: &str, server_name: &str| Credentials::Certificate {
        own: Some(own(who)),
        authorities: vec![der(&read(ca))],
        server_name: server_name.to_owned(),
    };

    // Their server, our client.
    let (mut server, address) = openssl_server(&format!(
        "-cert {at}/server.pem -key {at}/server.key -CAfile {at}/ca.pem -Verify 1 \
         -verify_return_error {ECDSA_CIPHER}"
    ));
    let mut client = Wire::to(
        address,
        as_client("device", "ca.pem", "server.example"),
        b"from us\n",
    );
    client.until(|_| server.has_said("from us"));
    let shown = Identity::Certificate(der(&read("server.pem")));
    assert_eq!(client.peer(), Some(&shown));
    for (credentials, which) in [
        (
            as_client("device", "other.pem", "server.example"),
            "authority",
        ),
        (as_client("device", "ca.pem", "elsewhere.example"), "name"),
    ] {
        let (_server, address) = openssl_server(&format!(
            "-cert {at}/server.pem -key {at}/server.key {ECDSA_CIPHER}"
        ));
        let ended = Wire::to(address, credentials, b"from us\n").end();
        let Ended::Rejected(Rejection::Alert(..)) = ended else {
            panic!("another {which}: {ended:?}")
        };
    }

    // Their client, our server.
    let guests = Guests::default().with_certificates(own("server"), vec![der(&read("ca.pem"))]);
    let mut server = Wire::new(Some(guests.clone()));
    let start = |server: &Wire, who: &str| {
        let connect = server.at();
        Theirs::start(
            "openssl",
            &format!(
                "s_client -dtls1_2 -connect {connect} -cert {at}/{who}.pem -key {at}/{who}.key \
                 -CAfile {at}/ca.pem -verify_return_error {ECDSA_CIPHER}"
            ),
        )
    };
    let mut client = start(&server, "device");
    client.say("from them\n");
    server.until(|wire| !wire.data.is_empty());
    let shown = Identity::Certificate(der(&read("device.pem")));
    assert_eq!(server.peer(), Some(&shown));
    let mut server = Wire::new(Some(guests));
    let mut client = start(&server, "stranger");
    let ended = server.end();
    let Ended::Rejected(Rejection::Alert(alert, _)) = ended else {
        panic!("{ended:?}")
    };
    assert_ne!(alert, Alert::CLOSE_NOTIFY);
    client.wait_for("alert");
}
