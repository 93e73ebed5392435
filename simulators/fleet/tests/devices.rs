//! A fleet of LwM2M devices: the same that are judged.

use std::net::SocketAddr;
use std::time::Duration;

use twinproof_fleet::{Addresses, Fleet, Roster};
use twinproof_kernel::{CallId, Input, Outbox, Output, Role, Seed, Time};
use twinproof_lwm2m::device::{self, Device, Order, Register};
use twinproof_lwm2m::server::{self, Server};
use twinproof_lwm2m::wire::Version;

const MEMBERS: u32 = 100;

fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5683))
}

/// Hands over what the fleet says and what it is answered, until nobody says anything more.
fn settle(
    fleet: &mut Fleet<Device>,
    shared: &device::Shared,
    (server, set_up): (&mut Server, &server::Shared),
    now: Time,
    mut out: Outbox<device::Answer>,
) -> usize {
    let mut answers = 0;
    loop {
        let mut replies = Outbox::default();
        let bytes = out.bytes().to_vec();
        for output in out.drain() {
            match output {
                Output::Datagram { at, to, range } => {
                    let (from, at, bytes) = (at, to, &bytes[range]);
                    let input = Input::Datagram { at, from, bytes };
                    server.handle(set_up, now, input, &mut replies);
                }
                Output::Answer { answer, .. } => {
                    answers += usize::from(answer.response().is_some());
                }
                _ => {}
            }
        }
        out.clear();
        let bytes = replies.bytes().to_vec();
        let mut heard = 0;
        for output in replies.drain() {
            if let Output::Datagram { at, to, range } = output {
                let datagram = (to, at, &bytes[range]);
                assert!(fleet.hear(shared, now, datagram, &mut out).is_some());
                heard += 1;
            }
        }
        if heard == 0 {
            return answers;
        }
    }
}

#[test]
fn devices_register_rest_and_update_in_time() {
    let shared = device::Shared {
        remembers: false,
        ..device::Shared::new(Version::V1_0, 3_600, &[server()])
    };
    let (mut other, set_up) = (
        Server::new(server(), Seed::new(2)),
        server::Shared::new(Version::V1_0),
    );
    let addresses = Addresses::Block {
        first: [127, 1, 0, 1].into(),
        port: 5683,
    };
    let roster = Roster::new(MEMBERS, addresses, "dev-", Seed::new(1)).unwrap();
    let mut fleet = Fleet::<Device>::new(roster, 10);
    assert!(fleet.sizes().packed <= 96, "{:?}", fleet.sizes());

    let mut now = Time::from_micros(1);
    for member in 0..MEMBERS {
        let mut out = Outbox::default();
        let input = Input::Order {
            call: CallId(member.into()),
            order: Order::Register(Register::default()),
        };
        assert!(fleet.handle(&shared, member, now, input, &mut out));
        let answers = settle(&mut fleet, &shared, (&mut other, &set_up), now, out);
        assert_eq!(answers, 1);
        assert_eq!(fleet.sizes().awake, 0, "who has its answer rests");
    }

    let end = now + Duration::from_secs(3_700);
    let mut rested = false;
    while let Some(next) = fleet.next_deadline().filter(|at| *at <= end) {
        now = now.max(next);
        let mut out = Outbox::default();
        while fleet.wake(&shared, now, &mut out).is_some() {}
        settle(&mut fleet, &shared, (&mut other, &set_up), now, out);
        rested |= fleet.sizes().awake == 0;
    }
    assert!(rested, "all of them rest between exchanges");
    for member in 0..MEMBERS {
        let shown = fleet.look(&shared, member, Device::shown).unwrap();
        let registration = &shown.registrations[0];
        assert_eq!((registration.registered, registration.updated), (1, 1));
    }
}
