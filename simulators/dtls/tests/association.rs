//! Associations from their first flight to their end, and how they end.

mod pair;

use std::time::Duration;

use pair::{CLIENT, KEY, Pair, SERVER, server_address};
use twinproof_dtls::{
    Alert, ContentType, Credentials, Ended, Fate, HandshakeType, Identity, Progress, Rejection,
    records,
};
use twinproof_kernel::Way;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn both_hear_each_other_and_know_who_it_is() {
    let mut pair = Pair::psk(b"device", KEY);
    pair.send(CLIENT, b"question");
    pair.send(SERVER, b"answer");
    assert_eq!(pair.said[SERVER].data, [b"question"]);
    assert_eq!(pair.said[CLIENT].data, [b"answer"]);
    let at_server = pair.said[SERVER].established()[0];
    let at_client = pair.said[CLIENT].established()[0];
    assert_eq!(at_server.peer, Identity::Psk(b"device".to_vec()));
    assert_eq!((at_server.suite, at_client.suite), (0xc0a8, 0xc0a8));
    assert_eq!(at_server.key_log, at_client.key_log);
    let words: Vec<_> = at_server.key_log.split(' ').map(str::len).collect();
    assert_eq!(words, [13, 64, 96]);
    let client = pair.client;
    assert_eq!(
        pair.sides[SERVER].identity(client),
        Some(&Identity::Psk(b"device".to_vec()))
    );
    // Every record that left has come, and data is data of the first keys.
    let of = |side: usize, which: Way| {
        let records = pair.said[side].records.iter();
        let of = records.filter(move |(way, _, _)| *way == which);
        of.map(|(_, header, _)| *header).collect::<Vec<_>>()
    };
    assert_eq!(of(CLIENT, Way::Out), of(SERVER, Way::In));
    let last = *of(CLIENT, Way::Out).last().unwrap();
    assert_eq!((last.content_type, last.epoch, last.sequence), (23, 1, 1));
    assert_eq!(usize::from(last.length), 8 + b"question".len() + 8);
}

#[test]
fn a_wrong_key_an_unknown_identity_and_silence_are_told_apart() {
    let mut wrong = Pair::psk(b"device", b"another key, no!");
    wrong.send(CLIENT, b"question");
    let rejected = Ended::Rejected(Rejection::WrongKey);
    assert_eq!(wrong.said[SERVER].ended(), [&rejected]);
    let refused = Ended::Refused(Alert::DECRYPT_ERROR);
    assert_eq!(wrong.said[CLIENT].ended(), [&refused]);

    let mut unknown = Pair::psk(b"stranger", KEY);
    unknown.send(CLIENT, b"question");
    let rejected = Ended::Rejected(Rejection::UnknownIdentity(b"stranger".to_vec()));
    assert_eq!(unknown.said[SERVER].ended(), [&rejected]);
    let refused = Ended::Refused(Alert::UNKNOWN_PSK_IDENTITY);
    assert_eq!(unknown.said[CLIENT].ended(), [&refused]);

    let mut silent = Pair::psk(b"device", KEY);
    silent.network = Box::new(|_, _, _| false);
    silent.send(CLIENT, b"question");
    silent.pass(LONG);
    assert_eq!(silent.said[CLIENT].ended(), [&Ended::Silent(None); 3]);
    assert_eq!(silent.client.port(), 1002, "each attempt has its own port");

    // Silence to the last flight: so do servers that say nothing about wrong keys.
    let mut mute = Pair::psk(b"device", KEY);
    mute.network = Box::new(|from, _, datagram| {
        from == CLIENT
            || records(datagram)
                .0
                .iter()
                .all(|r| r.content_type() == ContentType::Handshake && r.epoch() == 0)
    });
    mute.send(CLIENT, b"question");
    mute.pass(LONG);
    assert_eq!(mute.said[CLIENT].ended(), [&Ended::Silent(Some(14)); 3]);
    for pair in [wrong, unknown, silent, mute] {
        assert_eq!(pair.said[SERVER].data.len(), 0);
        assert_eq!(pair.said[CLIENT].established().len(), 0);
    }
}

#[test]
fn who_was_refused_does_not_begin_anew_at_once() {
    let mut pair = Pair::psk(b"device", b"another key, no!");
    pair.send(CLIENT, b"question");
    pair.send(CLIENT, b"question");
    assert_eq!(pair.said[CLIENT].ended().len(), 1);
    assert_eq!(
        pair.said[CLIENT].unsent,
        ["the last handshake ended: the peer refused with decrypt_error"]
    );
    pair.pass(Duration::from_secs(2));
    pair.send(CLIENT, b"question");
    assert_eq!(pair.said[CLIENT].ended().len(), 2);
    // With other credentials there is no reason to wait.
    pair.sides[CLIENT].introduce(server_address(), Credentials::psk(b"device", KEY));
    pair.send(CLIENT, b"question");
    assert_eq!(pair.said[SERVER].data, [b"question"]);
}

#[test]
fn a_handshake_that_gets_stuck_is_begun_anew_and_is_our_own_fault() {
    let mut pair = Pair::psk(b"device", KEY);
    // Of the server's flight only the first record arrives, as long as the client has its first port.
    let stuck = |datagram: &[u8]| {
        let flight = records(datagram).0;
        flight
            .first()
            .is_some_and(|r| r.handshake_type() == Some(HandshakeType::SERVER_HELLO))
    };
    let mut lost = 0;
    pair.network = Box::new(move |from, _, datagram| {
        let loses = from == SERVER && stuck(datagram) && lost < 5;
        lost += u32::from(loses);
        !loses
    });
    pair.send(CLIENT, b"question");
    pair.pass(Duration::from_millis(100));
    assert_eq!(pair.said[CLIENT].turns.len(), 1);
    // What is left of the flight: its first record.
    let hello = {
        let mut other = Pair::psk(b"device", KEY);
        let flight = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let seen = flight.clone();
        other.network = Box::new(move |from, _, datagram| {
            if from == SERVER && stuck(datagram) {
                *seen.borrow_mut() = records(datagram).0[0].octets().to_vec();
            }
            true
        });
        other.send(CLIENT, b"question");
        flight.take()
    };
    pair.sides[CLIENT].receive(pair.now, server_address(), &hello);
    pair.pass(LONG);
    let begun_anew = Progress::Ended {
        how: Ended::Stuck,
        again: true,
    };
    assert!(
        pair.said[CLIENT].turns.contains(&begun_anew),
        "{:?}",
        pair.said[CLIENT].turns
    );
    assert!(Ended::Stuck.is_ours());
    assert_ne!(pair.client.port(), 1000);
    assert_eq!(pair.said[SERVER].data, [b"question"]);
}

#[test]
fn a_last_flight_that_was_lost_is_sent_again() {
    let mut pair = Pair::psk(b"device", KEY);
    let mut lost = false;
    pair.network = Box::new(move |from, _, datagram| {
        let last = from == SERVER
            && records(datagram)
                .0
                .iter()
                .any(|r| r.content_type() == ContentType::ChangeCipherSpec);
        let loses = last && !lost;
        lost |= last;
        !loses
    });
    pair.send(CLIENT, b"question");
    assert_eq!(pair.said[CLIENT].established().len(), 0);
    pair.pass(Duration::from_secs(2));
    assert_eq!(pair.said[CLIENT].established().len(), 1);
    assert_eq!(pair.said[SERVER].data, [b"question"]);
    assert_eq!(pair.client.port(), 1000);
}

#[test]
fn an_association_ends_when_one_says_so() {
    for (closes, other) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        let mut pair = Pair::psk(b"device", KEY);
        pair.send(CLIENT, b"question");
        let peer = [server_address(), pair.client][closes];
        pair.sides[closes].close(pair.now, peer);
        pair.settle();
        assert_eq!(pair.said[closes].ended(), [&Ended::Left]);
        assert_eq!(pair.said[other].ended(), [&Ended::Closed]);
        assert_eq!(
            pair.sides[closes].associations() + pair.sides[other].associations(),
            0
        );
        // A client begins another one; a server cannot.
        pair.send(SERVER, b"hello?");
        assert_eq!(
            pair.said[SERVER].unsent,
            ["there is no association, and no credentials to begin one with"]
        );
        pair.send(CLIENT, b"again");
        assert_eq!(pair.said[SERVER].data, [&b"question"[..], b"again"]);
    }
}

#[test]
fn who_begins_anew_from_the_same_port_keeps_what_it_had_until_it_is_known() {
    let mut pair = Pair::psk(b"device", KEY);
    pair.send(CLIENT, b"before");
    // A ClientHello that anybody could have sent changes nothing.
    let mut stranger = Pair::psk(b"stranger", KEY);
    let hello = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = hello.clone();
    stranger.network = Box::new(move |_, _, datagram| {
        seen.borrow_mut().extend_from_slice(datagram);
        false
    });
    stranger.send(CLIENT, b"x");
    let hello = hello.take();
    let client = pair.client;
    pair.sides[SERVER].receive(pair.now, client, &hello);
    pair.send(CLIENT, b"still here");
    pair.pass(LONG);
    assert_eq!(pair.said[SERVER].data.len(), 2);
    // The device has lost all it knew.
    let mut restarted = Pair::seeded(Credentials::psk(b"device", KEY), None, 8);
    std::mem::swap(&mut pair.sides[CLIENT], &mut restarted.sides[CLIENT]);
    pair.send(CLIENT, b"after");
    assert_eq!(pair.said[SERVER].data[2], b"after");
    assert!(pair.said[SERVER].ended().contains(&&Ended::Superseded));
    assert_eq!(pair.said[SERVER].established().len(), 2);
    assert_eq!(pair.sides[SERVER].associations(), 1);
}

#[test]
fn strangers_cannot_make_a_server_remember_them() {
    let mut server = Pair::psk(b"device", KEY);
    for port in 2000..2500 {
        let mut stranger = Pair::seeded(Credentials::psk(b"device", KEY), None, port);
        let hello = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let seen = hello.clone();
        stranger.network = Box::new(move |_, _, datagram| {
            seen.borrow_mut().extend_from_slice(datagram);
            false
        });
        stranger.send(CLIENT, b"x");
        let from = std::net::SocketAddr::from(([127, 0, 0, 1], port as u16));
        let hello = hello.take();
        server.sides[SERVER].receive(server.now, from, &hello);
        server.sides[SERVER].receive(
            server.now,
            from,
            b"anything at all, as long as it is no record",
        );
        let came: usize = server.said[SERVER].records.len();
        while let Some(event) = server.sides[SERVER].poll() {
            if let twinproof_dtls::Event::Transmit { datagram, .. } = event {
                assert!(datagram.len() <= hello.len(), "an amplifier of {came}");
            }
        }
        assert!(server.sides[SERVER].associations() <= 64);
    }
    // A record of other kinds does not begin anything.
    let mut record = vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 9];
    let from = "127.0.0.1:3000".parse().unwrap();
    server.sides[SERVER].receive(server.now, from, &record);
    record[0] = 22;
    record[4] = 0;
    record[13] = 16;
    server.sides[SERVER].receive(server.now, from, &record);
    server.settle();
    assert_eq!(server.said[SERVER].fates(Fate::Ignored), 2);
    assert_eq!(server.sides[SERVER].associations(), 64);
    server.pass(Duration::from_secs(5));
    assert_eq!(
        server.sides[SERVER].associations(),
        0,
        "who does not go on is forgotten"
    );
    server.send(CLIENT, b"question");
    assert_eq!(server.said[SERVER].data, [b"question"]);
}

#[test]
fn one_seed_one_behaviour() {
    let run = |seed| {
        let mut pair = Pair::seeded(Credentials::psk(b"device", KEY), Some(pair::guests()), seed);
        let mut random = fastrand::Rng::with_seed(seed);
        pair.network = Box::new(move |_, _, _| random.f64() > 0.2);
        pair.send(CLIENT, b"question");
        pair.pass(LONG);
        let [client, server] = pair.said;
        (client.records, server.records, pair.client)
    };
    for seed in 0..8 {
        assert_eq!(run(seed), run(seed));
    }
}

#[test]
fn lost_datagrams_never_tell_against_the_peer() {
    let (mut established, mut stuck) = (0, 0);
    for seed in 0..200 {
        let mut pair = Pair::seeded(Credentials::psk(b"device", KEY), Some(pair::guests()), seed);
        let mut random = fastrand::Rng::with_seed(seed);
        pair.network = Box::new(move |_, _, _| random.f64() > 0.2);
        pair.send(CLIENT, b"question");
        pair.pass(LONG);
        for side in &pair.said {
            for how in side.ended() {
                assert!(
                    matches!(how, Ended::Stuck | Ended::Silent(_)),
                    "{seed}: {how}"
                );
                stuck += u32::from(*how == Ended::Stuck);
            }
        }
        established += pair.said[CLIENT].established().len();
    }
    assert!(
        established >= 195,
        "{established} of 200, {stuck} were stuck"
    );
}
