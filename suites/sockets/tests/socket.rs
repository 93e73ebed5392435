//! One socket is many addresses, and says of each datagram where it was for and when it came.
#![cfg(target_os = "linux")]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use twinproof_sockets::{Arrivals, Clock, Departures, ROOM, Socket, cpu_of_process, cpu_of_thread};

/// How long a datagram may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(20);

const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Heard {
    at: SocketAddr,
    from: SocketAddr,
    bytes: Vec<u8>,
    is_cut: bool,
    stamp: Duration,
}

/// What arrives, until there are so many.
fn hear(socket: &Socket, count: usize) -> Vec<Heard> {
    let (mut arrivals, mut heard) = (Arrivals::default(), Vec::new());
    let ends = Instant::now() + PATIENCE;
    while heard.len() < count {
        assert!(Instant::now() < ends, "{} of {count} came", heard.len());
        socket.wait(Duration::from_millis(100)).unwrap();
        let came = socket.receive(&mut arrivals).unwrap();
        for index in 0..came {
            let arrival = arrivals.take(index).unwrap();
            heard.push(Heard {
                at: arrival.at,
                from: arrival.from,
                bytes: arrival.bytes.to_vec(),
                is_cut: arrival.is_cut,
                stamp: arrival.stamp.expect("the kernel stamps what it receives"),
            });
        }
        assert!(arrivals.take(came).is_none());
    }
    // A thread that changes its processor may overtake its own datagrams.
    heard.sort();
    heard
}

/// From there; the port is that of the socket.
fn at(address: Ipv4Addr) -> SocketAddr {
    here(address, 0)
}

fn here(address: Ipv4Addr, port: u16) -> SocketAddr {
    (address, port).into()
}

fn device(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 77, 0, 250)) + number)
}

#[test]
fn a_socket_has_as_many_addresses_as_it_likes() {
    let (devices, server) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let to = here(SERVER, server.port());
    let mut batch = Departures::default();
    for round in 0..5 {
        let numbers = round * 40..round * 40 + 40;
        for number in numbers.clone() {
            batch.push(at(device(number)), to, &number.to_be_bytes());
        }
        assert_eq!(batch.len(), 40);
        let sent = devices.send(&mut batch).unwrap();
        assert_eq!((sent.sent, sent.refused), (40, 0), "{sent:?}");
        assert!(batch.is_empty());

        let heard = hear(&server, 40);
        for (number, heard) in numbers.clone().zip(&heard) {
            assert_eq!(heard.at, to);
            assert_eq!(heard.from, here(device(number), devices.port()));
            assert_eq!(heard.bytes, number.to_be_bytes());
            batch.push(at(SERVER), heard.from, &heard.bytes);
        }
        // A device that was never heard of can be spoken to as well.
        batch.push(at(SERVER), here(device(9_999), devices.port()), b"first");
        assert_eq!(server.send(&mut batch).unwrap().sent, 41);
        let answers = hear(&devices, 41);
        for (number, answer) in numbers.zip(&answers) {
            assert_eq!((answer.at.ip(), answer.from), (device(number).into(), to));
            assert_eq!(answer.bytes, number.to_be_bytes());
        }
        assert_eq!(
            (answers[40].at.ip(), &*answers[40].bytes),
            (device(9_999).into(), &b"first"[..])
        );
    }
}

#[test]
fn more_than_a_batch_goes_whole() {
    let (one, other) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let to = here(SERVER, other.port());
    let mut batch = Departures::default();
    for number in 0..150_u32 {
        batch.push(at(device(0)), to, &number.to_be_bytes());
    }
    assert_eq!(one.send(&mut batch).unwrap().sent, 150);
    let heard = hear(&other, 150);
    let numbers = heard
        .iter()
        .map(|heard| u32::from_be_bytes(heard.bytes[..].try_into().unwrap()));
    assert!(numbers.eq(0..150));
}

#[test]
fn what_is_too_long_is_told_to_be_cut() {
    let (one, other) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let to = here(SERVER, other.port());
    let mut batch = Departures::default();
    for length in [0, ROOM, ROOM + 1] {
        batch.push(at(device(0)), to, &vec![7; length]);
    }
    one.send(&mut batch).unwrap();
    let heard = hear(&other, 3);
    let said: Vec<_> = heard
        .iter()
        .map(|heard| (heard.bytes.len(), heard.is_cut))
        .collect();
    assert_eq!(said, [(0, false), (ROOM, false), (ROOM, true)]);
}

#[test]
fn what_the_kernel_had_no_room_for_is_counted() {
    let (one, other) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let to = here(SERVER, other.port());
    let (room, _) = other.buffers().unwrap();
    // The kernel keeps more than 256 octets for the smallest datagram.
    let count = room / 256;
    let mut batch = Departures::default();
    for _ in 0..count {
        batch.push(at(device(0)), to, b"");
    }
    assert_eq!(one.send(&mut batch).unwrap().sent, count);
    let (mut arrivals, mut heard) = (Arrivals::default(), 0);
    while other.wait(Duration::from_millis(50)).unwrap() {
        heard += other.receive(&mut arrivals).unwrap();
    }
    assert!(heard < count, "nothing was lost, {heard} of {count} came");
    // What comes next tells of those that were lost before.
    batch.push(at(device(0)), to, b"next");
    one.send(&mut batch).unwrap();
    assert!(other.wait(PATIENCE).unwrap());
    assert_eq!(other.receive(&mut arrivals).unwrap(), 1);
    let next = arrivals.take(0).unwrap();
    assert_eq!(next.bytes, b"next");
    assert_eq!(arrivals.lost() as usize, count - heard);
}

#[test]
fn what_the_kernel_refuses_is_left_out_and_the_rest_goes() {
    let (one, other) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let to = here(SERVER, other.port());
    let mut batch = Departures::default();
    batch.push(at(device(0)), to, b"one");
    // An address for documents (RFC 5737), which this machine cannot have.
    batch.push(at(Ipv4Addr::new(192, 0, 2, 1)), to, b"two");
    batch.push(at(device(1)), to, b"three");
    let sent = one.send(&mut batch).unwrap();
    assert_eq!((sent.sent, sent.refused), (2, 1), "{sent:?}");
    assert!(sent.why.is_some());
    let heard = hear(&other, 2);
    assert_eq!(
        (&heard[0].bytes[..], &heard[1].bytes[..]),
        (&b"one"[..], &b"three"[..])
    );
}

#[test]
fn stamps_tell_when_a_datagram_came_and_not_when_it_was_looked_at() {
    let mut clock = Clock::start();
    let (one, other) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let mut batch = Departures::default();
    // The kernel begins to stamp what comes a while after the first socket of the machine wants it, and until then
    // stamps what is looked at.
    for _ in 0..20 {
        batch.push(at(device(0)), here(SERVER, other.port()), b"x");
        one.send(&mut batch).unwrap();
        let sent = clock.now();
        // Loopback delivers before the call returns. We look late, and the stamp does not care.
        std::thread::sleep(Duration::from_millis(300));
        let looked = clock.now();
        let came = clock.since_start(hear(&other, 1)[0].stamp, looked);
        if came < looked - Duration::from_millis(150) {
            assert!(
                came <= sent + Duration::from_millis(150),
                "{came:?} after {sent:?}"
            );
            return;
        }
    }
    panic!("no stamp says when a datagram came");
}

#[test]
fn a_wait_ends_when_nothing_comes() {
    let socket = Socket::open(0).unwrap();
    let began = Instant::now();
    assert!(!socket.wait(Duration::from_millis(20)).unwrap());
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert_eq!(socket.receive(&mut Arrivals::default()).unwrap(), 0);
}

#[test]
fn processor_time_is_that_of_work_and_not_of_sleep() {
    let before = cpu_of_thread().unwrap();
    let mut number = 1_u64;
    while cpu_of_thread().unwrap() - before < Duration::from_millis(20) {
        number = number.wrapping_mul(3);
    }
    assert_ne!(number, 0);
    let worked = cpu_of_thread().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(cpu_of_thread().unwrap() - worked < Duration::from_millis(100));
    assert!(cpu_of_process(std::process::id()).unwrap() >= Duration::from_millis(20));
}

#[test]
fn an_address_has_as_many_ports_as_there_are_sockets() {
    let server = Socket::open(0).unwrap();
    let to = here(SERVER, server.port());
    let address = Ipv4Addr::new(127, 78, 0, 1);
    let devices = Socket::open_ports(address.into(), 20_000, 150).unwrap();
    let devices = devices.and_at(at(Ipv4Addr::LOCALHOST)).unwrap();
    let mut batch = Departures::default();
    for port in 20_000..20_150_u16 {
        batch.push(here(address, port), to, &port.to_be_bytes());
    }
    let aside = here(Ipv4Addr::LOCALHOST, devices.port());
    batch.push(aside, to, b"aside");
    assert_eq!(devices.send(&mut batch).unwrap().sent, 151);
    let heard = hear(&server, 151);
    for heard in &heard {
        match heard.bytes[..] {
            [high, low] => {
                let port = u16::from_be_bytes([high, low]);
                assert_eq!(heard.from, here(address, port));
            }
            _ => assert_eq!(heard.from, aside),
        }
        // Everybody gets what others get, and two of it.
        batch.push(to, heard.from, &heard.bytes);
        batch.push(to, heard.from, &heard.bytes);
    }
    assert_eq!(server.send(&mut batch).unwrap().sent, 302);
    for answer in hear(&devices, 302) {
        match answer.bytes[..] {
            [high, low] => assert_eq!(answer.at.port(), u16::from_be_bytes([high, low])),
            _ => assert_eq!(answer.at, aside),
        }
    }
    let taken = Socket::open_ports(address.into(), 20_149, 1).unwrap_err();
    assert!(taken.to_string().contains("20149"), "{taken}");
    let beyond = Socket::open_ports(address.into(), 65_535, 2).unwrap_err();
    assert!(beyond.to_string().contains("65535"), "{beyond}");
}

#[test]
fn ports_of_the_loopback_of_ipv6_are_told_apart_beside_an_address_of_ipv4() {
    let server = Socket::open_v6_and(SERVER).unwrap();
    let to = SocketAddr::from((Ipv6Addr::LOCALHOST, server.port()));
    let devices = Socket::open_ports(to.ip(), 20_200, 70).unwrap();
    let devices = devices.and_at(at(SERVER)).unwrap();
    let mut batch = Departures::default();
    for port in 20_200..20_270_u16 {
        batch.push((Ipv6Addr::LOCALHOST, port), to, &port.to_be_bytes());
    }
    let aside = here(SERVER, devices.port());
    batch.push(aside, here(SERVER, server.port()), b"aside");
    assert_eq!(devices.send(&mut batch).unwrap().sent, 71);
    for heard in hear(&server, 71) {
        match heard.bytes[..] {
            [high, low] => {
                let port = u16::from_be_bytes([high, low]);
                assert_eq!(heard.at, to);
                assert_eq!(heard.from, (Ipv6Addr::LOCALHOST, port).into());
            }
            _ => assert_eq!((heard.at, heard.from), (here(SERVER, server.port()), aside)),
        }
        // Its port is the socket's, whatever is said.
        batch.push((heard.at.ip(), 0), heard.from, &heard.bytes);
    }
    assert_eq!(server.send(&mut batch).unwrap().sent, 71);
    for answer in hear(&devices, 71) {
        match answer.bytes[..] {
            [high, low] => assert_eq!(answer.at.port(), u16::from_be_bytes([high, low])),
            _ => assert_eq!(answer.at, aside),
        }
    }
}

#[test]
fn what_goes_from_one_kind_of_address_to_the_other_is_refused_and_the_rest_is_sent() {
    let (one, other) = (Socket::open_v6(0).unwrap(), Socket::open_v6(0).unwrap());
    let to = SocketAddr::from((Ipv6Addr::LOCALHOST, other.port()));
    let mut batch = Departures::default();
    let from = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    batch.push(from, to, b"one");
    batch.push(from, here(SERVER, other.port()), b"two");
    batch.push(at(SERVER), to, b"three");
    batch.push(from, to, b"four");
    let sent = one.send(&mut batch).unwrap();
    assert_eq!((sent.sent, sent.refused), (2, 2), "{sent:?}");
    let why = sent.why.unwrap().to_string();
    assert!(why.contains("do not reach each other"), "{why}");
    let heard = hear(&other, 2);
    assert_eq!(
        (&*heard[0].bytes, &*heard[1].bytes),
        (&b"four"[..], &b"one"[..])
    );
}
