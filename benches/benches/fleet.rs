//! Fleets: the timer wheel, the table, and an exchange of a device, for 64, ten thousand and a million members.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use twinproof_fleet::{Addresses, Fleet, Roster, Wheel};
use twinproof_kernel::{CallId, Input, Outbox, Rests as _, Role as _, Seed, Time};
use twinproof_lwm2m::device::{Device, Order, Register, Shared, Update};
use twinproof_lwm2m::wire::Version;

const MEMBERS: [u32; 3] = [64, 10_000, 1_000_000];

/// Timers have ticks of 2^10 microseconds, as those of the generator.
const GRAIN: u32 = 10;

fn roster(members: u32) -> Roster {
    let addresses = Addresses::Block {
        first: [127, 1, 0, 1].into(),
        port: 5683,
    };
    Roster::new(members, addresses, "dev-", Seed::new(1)).unwrap()
}

fn shared() -> Shared {
    let shared = Shared {
        remembers: false,
        ..Shared::new(Version::V1_0, 86_400, &[server()])
    };
    shared.for_many()
}

fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5683))
}

/// A timer is moved: from a repetition that is not needed to an update that is a minute away.
fn wheel(c: &mut Criterion) {
    for members in MEMBERS {
        let roster = roster(members);
        let mut wheel = Wheel::new(members, GRAIN);
        let mut now = Time::ZERO;
        let mut turn = 0;
        c.bench_function(&format!("fleet/wheel/move/{members}"), |b| {
            b.iter(|| {
                let member = roster.spread(turn);
                turn += 1;
                now = now + Duration::from_micros(3);
                wheel.arm(member, now + Duration::from_secs(2));
                wheel.arm(member, now + Duration::from_secs(60));
                black_box(wheel.pop(now))
            });
        });
    }
}

/// Somebody is found by its address.
fn table(c: &mut Criterion) {
    for members in MEMBERS {
        let fleet = Fleet::<Device>::new(roster(members), GRAIN);
        let mut turn = 0;
        c.bench_function(&format!("fleet/table/find/{members}"), |b| {
            b.iter(|| {
                let at = fleet.roster().address(fleet.roster().spread(turn)).unwrap();
                turn += 1;
                let member = fleet.roster().member(black_box(at)).unwrap();
                black_box(fleet.deadline(member))
            });
        });
    }
}

/// The answer to the request in `said`, without a body.
fn answer(said: &[u8], code: u8, options: &[u8]) -> Vec<u8> {
    let token = usize::from(said[0] & 0x0f);
    let mut answer = vec![0x60 | said[0] & 0x0f, code, said[2], said[3]];
    answer.extend_from_slice(&said[4..4 + token]);
    answer.extend_from_slice(options);
    answer
}

fn perform(
    fleet: &mut Fleet<Device>,
    shared: &Shared,
    (member, now): (u32, Time),
    order: Order,
    out: &mut Outbox<<Device as twinproof_kernel::Role>::Answer>,
) {
    let (code, options): (u8, &[u8]) = match order {
        Order::Register(_) => (0x41, b"\x82rd\x01x"),
        _ => (0x44, b""),
    };
    let call = CallId(0);
    fleet.handle(shared, member, now, Input::Order { call, order }, out);
    let answer = answer(out.bytes(), code, options);
    let at = fleet.roster().address(member).unwrap();
    out.drain().for_each(drop);
    out.clear();
    fleet.hear(shared, now, (at, server(), &answer), out);
    out.drain().for_each(drop);
    out.clear();
}

/// A device updates its registration and is answered; each in its turn.
fn exchange(c: &mut Criterion) {
    let shared = shared();
    for members in MEMBERS {
        let mut fleet = Fleet::<Device>::new(roster(members), GRAIN);
        let mut out = Outbox::default();
        let mut now = Time::from_micros(1);
        for member in 0..members {
            let order = Order::Register(Register::default());
            perform(&mut fleet, &shared, (member, now), order, &mut out);
        }
        let mut turn = 0;
        c.bench_function(&format!("fleet/exchange/update/{members}"), |b| {
            b.iter(|| {
                let member = fleet.roster().spread(turn);
                turn += 1;
                // So that nobody runs out of message ids.
                now = now + Duration::from_secs(300) / members;
                while fleet.wake(&shared, now, &mut out).is_some() {
                    out.drain().for_each(drop);
                    out.clear();
                }
                let order = Order::Update(Update::default());
                perform(&mut fleet, &shared, (member, now), order, &mut out);
            });
        });
    }
}

/// A device is packed, and taken up again.
fn rest(c: &mut Criterion) {
    let (roster, mut name) = (roster(1), String::new());
    let who = roster.identity(0, &mut name).unwrap();
    let mut device = Device::new(who.name, who.at, who.seed);
    let shared = shared();
    device.handle(&shared, Time::ZERO, Input::Wake, &mut Outbox::default());
    c.bench_function("fleet/rest/pack", |b| {
        b.iter(|| black_box(device.pack(&shared, black_box(who.at))));
    });
    let packed = device.pack(&shared, who.at).unwrap();
    c.bench_function("fleet/rest/unpack", |b| {
        b.iter_batched(
            || packed.clone(),
            |packed| Device::unpack(&shared, packed, who),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("fleet/rest/refill", |b| {
        b.iter(|| device.refill(&shared, black_box(packed.clone()), who));
    });
}

criterion_group!(benches, wheel, table, exchange, rest);
criterion_main!(benches);
