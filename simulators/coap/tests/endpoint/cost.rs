//! What an exchange costs when there are few peers and when there are many.

use std::cell::Cell;
use std::hash::{Hash, Hasher};

use super::*;

thread_local! {
    static TOUCHED: Cell<u64> = const { Cell::new(0) };
}

/// An address that counts how often it is hashed or compared.
#[derive(Clone, Copy, Debug)]
struct Counted(u32);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        TOUCHED.set(TOUCHED.get() + 1);
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        TOUCHED.set(TOUCHED.get() + 1);
        self.0.hash(state);
    }
}

/// Lets `peers` peers register and then counts what one more exchange with each of 100 touches.
fn touched(peers: u32) -> u64 {
    let parameters = Parameters::default();
    let mut server: Endpoint<Counted> = Endpoint::new(Seed::new(1));
    let mut exchange = |peer: u32, id: u16| {
        let now = Time::from_micros(u64::from(id) * 1_000_000);
        let turn = &mut Turn {
            parameters: &parameters,
            now,
            send: &mut |_, _| {},
        };
        let bytes = con(id, &Message::new(Code::POST).path("/rd").query("ep=x"));
        let event = server.receive(turn, Counted(peer), &bytes);
        let Some(Event::Request { exchange, .. }) = event else {
            panic!("{event:?}")
        };
        server
            .respond(turn, &exchange, Message::new(Code::CREATED))
            .unwrap();
        server
            .request(turn, Counted(peer), Type::Con, get())
            .unwrap();
    };
    for peer in 0..peers {
        exchange(peer, 1);
    }
    let before = TOUCHED.get();
    for peer in 0..100 {
        exchange(peer, 2);
    }
    TOUCHED.get() - before
}

#[test]
fn an_exchange_costs_the_same_whoever_else_there_is() {
    // Growing tables may hash again what they hold, hence not exactly the same.
    let (few, many) = (touched(200), touched(50_000));
    assert!(
        many < few * 2,
        "{few} operations with 200 peers, {many} with 50000"
    );
}

#[test]
fn what_is_over_is_forgotten() {
    let parameters = Parameters::default();
    let mut server: Endpoint<u32> = Endpoint::new(Seed::new(1));
    let mut answers: HashMap<u32, usize> = HashMap::new();
    for round in 0..3_u64 {
        let now = Time::from_micros(round * 300_000_000);
        for peer in 0..1_000 {
            let mut send = |to, _: &[u8]| *answers.entry(to).or_default() += 1;
            let turn = &mut Turn {
                parameters: &parameters,
                now,
                send: &mut send,
            };
            let bytes = con(7, &get());
            let event = server.receive(turn, peer, &bytes);
            let Some(Event::Request { exchange, .. }) = event else {
                panic!("a message id is free again after its lifetime: {event:?}");
            };
            server.respond(turn, &exchange, content("x")).unwrap();
        }
    }
    assert!(answers.values().all(|count| *count == 3));
    assert!(
        size_of::<Endpoint<std::net::SocketAddr>>() <= 640,
        "a device at rest is small"
    );
}
