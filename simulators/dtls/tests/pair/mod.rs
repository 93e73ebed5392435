//! Two transports and the network between them, on a clock that tests push.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_dtls::{
    Credentials, Ended, Established, Event, Fate, Guests, Header, Limits, Progress, Rtc, Transport,
};
use twinproof_kernel::{Seed, Time, Way};

pub const KEY: &[u8] = b"0123456789abcdef";
pub const CLIENT: usize = 0;
pub const SERVER: usize = 1;

pub fn server_address() -> SocketAddr {
    "127.0.0.1:5684".parse().unwrap()
}

pub fn guests() -> Guests {
    Guests::default().with_psk(b"device", KEY)
}

/// What one side had to say.
#[derive(Default)]
pub struct Said {
    pub data: Vec<Vec<u8>>,
    pub turns: Vec<Progress>,
    pub records: Vec<(Way, Header, Option<Fate>)>,
    pub unsent: Vec<String>,
}

impl Said {
    pub fn established(&self) -> Vec<&Established> {
        let turns = self.turns.iter().filter_map(|turn| match turn {
            Progress::Established(established) => Some(established),
            _ => None,
        });
        turns.collect()
    }

    pub fn ended(&self) -> Vec<&Ended> {
        let turns = self.turns.iter().filter_map(|turn| match turn {
            Progress::Ended { how, .. } => Some(how),
            _ => None,
        });
        turns.collect()
    }

    pub fn fates(&self, fate: Fate) -> usize {
        let came = self.records.iter().filter(|(_, _, f)| *f == Some(fate));
        came.count()
    }
}

/// Says whether a datagram arrives: who sent it, how many came before, and what it is.
pub type Network = Box<dyn FnMut(usize, usize, &[u8]) -> bool>;

pub struct Pair {
    pub now: Time,
    pub sides: [Transport; 2],
    pub said: [Said; 2],
    /// The client's port, which changes when it begins anew.
    pub client: SocketAddr,
    pub network: Network,
    sent: usize,
    under_way: VecDeque<(usize, SocketAddr, Vec<u8>)>,
}

impl Pair {
    pub fn new(credentials: Credentials, guests: Option<Guests>) -> Self {
        Self::seeded(credentials, guests, 7)
    }

    pub fn seeded(credentials: Credentials, guests: Option<Guests>, seed: u64) -> Self {
        let seed = Seed::new(seed);
        let client = Rtc::seeded(None, seed.derive("client")).unwrap();
        let server = Rtc::seeded(guests, seed.derive("server")).unwrap();
        let mut client = Transport::new(Arc::new(client), Limits::default());
        client.introduce(server_address(), credentials);
        Self {
            now: Time::ZERO,
            sides: [client, Transport::new(Arc::new(server), Limits::default())],
            said: Default::default(),
            client: "127.0.0.1:1000".parse().unwrap(),
            network: Box::new(|_, _, _| true),
            sent: 0,
            under_way: VecDeque::new(),
        }
    }

    pub fn psk(identity: &[u8], key: &[u8]) -> Self {
        Self::new(Credentials::psk(identity, key), Some(guests()))
    }

    pub fn send(&mut self, side: usize, data: &[u8]) {
        let to = [server_address(), self.client][side];
        self.sides[side].send(self.now, to, data);
        self.settle();
    }

    /// Lets everything arrive that is under way.
    pub fn settle(&mut self) {
        loop {
            for side in [CLIENT, SERVER] {
                while let Some(event) = self.sides[side].poll() {
                    self.hear(side, event);
                }
            }
            let Some((from, address, datagram)) = self.under_way.pop_front() else {
                return;
            };
            self.sides[1 - from].receive(self.now, address, &datagram);
        }
    }

    fn hear(&mut self, side: usize, event: Event) {
        let said = &mut self.said[side];
        match event {
            Event::Transmit { datagram, .. } => {
                self.sent += 1;
                if (self.network)(side, self.sent - 1, &datagram) {
                    let from = [self.client, server_address()][side];
                    self.under_way.push_back((side, from, datagram));
                }
            }
            Event::Received { data, .. } => said.data.push(data),
            Event::Unsent { why, .. } => said.unsent.push(why),
            Event::Association { progress, .. } => said.turns.push(progress),
            Event::Record {
                way, header, fate, ..
            } => said.records.push((way, header, fate)),
            Event::Foreign { .. } => {}
            Event::Renew { peer } => {
                self.client.set_port(self.client.port() + 1);
                self.sides[side].begin_anew(self.now, peer);
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            self.settle();
            let due = self.sides.iter().filter_map(Transport::next_deadline).min();
            match due.filter(|due| *due <= until) {
                Some(due) => self.now = self.now.max(due),
                None => break,
            }
            for side in &mut self.sides {
                side.wake(self.now);
            }
        }
        self.now = until;
    }
}
