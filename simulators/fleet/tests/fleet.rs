//! A fleet of roles, at 64, 10 thousand and a million: each hears what is for it, and nobody else does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use twinproof_fleet::{Addresses, Fleet, Roster};
use twinproof_kernel::{CallId, Identity, Input, Outbox, Output, Rests, Role, Seed, Time};

const GRAIN: u32 = 10;

/// Counts what it hears, tells whoever spoke, and rests once nothing has happened for a while.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Counter {
    name: String,
    heard: u32,
    woken: u32,
    /// When it next does something by itself.
    due: Option<Time>,
    /// Until when it cannot rest.
    busy: Option<Time>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    heard: u32,
    woken: u32,
    due: Option<Time>,
}

/// How long it is busy after it was spoken to, and how long after an order it is due.
struct Spans {
    busy: Duration,
}

impl Role for Counter {
    type Shared = Spans;
    type Order = Option<Duration>;
    type Answer = u32;

    fn handle(
        &mut self,
        shared: &Spans,
        now: Time,
        input: Input<'_, Self::Order>,
        out: &mut Outbox<u32>,
    ) {
        match input {
            Input::Datagram { at, from, .. } => {
                self.heard += 1;
                self.busy = Some(now + shared.busy);
                out.datagram(at, from, |bytes| {
                    bytes.extend_from_slice(self.name.as_bytes())
                });
            }
            Input::Order { call, order } => {
                self.due = order.map(|span| now + span);
                out.answer(call, self.woken);
            }
            _ => {
                if self.due.is_some_and(|at| at <= now) {
                    self.due = None;
                    self.woken += 1;
                }
            }
        }
        self.busy = self.busy.filter(|at| *at > now);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.due.into_iter().chain(self.busy).min()
    }
}

impl Rests for Counter {
    type Packed = Kept;
    type Usual = Infallible;

    fn pack(&self, _: &Spans, _: SocketAddr) -> Option<Kept> {
        self.busy.is_none().then_some(Kept {
            heard: self.heard,
            woken: self.woken,
            due: self.due,
        })
    }

    fn unpack(_: &Spans, packed: Kept, who: Identity<'_>) -> Self {
        Self {
            name: who.name.to_owned(),
            heard: packed.heard,
            woken: packed.woken,
            due: packed.due,
            busy: None,
        }
    }

    fn wakes_at(packed: &Kept) -> Option<Time> {
        packed.due
    }

    fn begin<'n>(
        _: &Spans,
        _: &Kept,
        _: SocketAddr,
        _: impl FnOnce() -> Option<Identity<'n>>,
        _: Time,
        _: &Self::Order,
        _: &mut Outbox<u32>,
    ) -> Option<Infallible> {
        None
    }

    fn order(_: &Spans, usual: &Infallible) -> Self::Order {
        match *usual {}
    }

    fn end(
        _: &Spans,
        _: &mut Kept,
        usual: &Infallible,
        _: Time,
        _: (SocketAddr, &[u8]),
    ) -> Option<u32> {
        match *usual {}
    }

    fn waits_until(usual: &Infallible) -> Time {
        match *usual {}
    }
}

fn fleet(members: u32) -> Fleet<Counter> {
    let addresses = Addresses::Block {
        first: [127, 0, 0, 2].into(),
        port: 5683,
    };
    Fleet::new(
        Roster::new(members, addresses, "dev-", Seed::new(3)).unwrap(),
        GRAIN,
    )
}

fn wake_all(fleet: &mut Fleet<Counter>, shared: &Spans, now: Time) -> Vec<u32> {
    let mut out = Outbox::default();
    std::iter::from_fn(|| fleet.wake(shared, now, &mut out)).collect()
}

#[test]
fn a_fleet_of_any_size_finds_its_members_and_lets_them_rest() {
    let shared = Spans {
        busy: Duration::from_secs(1),
    };
    let server = SocketAddr::from(([127, 0, 0, 1], 5683));
    for members in [64, 10_000, 1_000_000] {
        let mut fleet = fleet(members);
        let mut out = Outbox::default();
        let now = Time::from_micros(7);
        let some = [0, 1, members / 2, members - 2, members - 1];
        for member in some {
            let at = fleet.roster().address(member).unwrap();
            let heard = fleet.hear(&shared, now, (at, server, b"hello"), &mut out);
            assert_eq!(heard, Some(member));
            let said = out.bytes().to_vec();
            let output = out.drain().next();
            let Some(Output::Datagram {
                at: sender,
                to,
                range,
            }) = output
            else {
                panic!("{output:?}")
            };
            assert_eq!((sender, to), (at, server));
            assert_eq!(said[range], *format!("dev-{member}").as_bytes());
            out.clear();
            assert!(!fleet.is_packed(member));
        }
        let stranger = SocketAddr::from(([127, 0, 0, 1], 5683));
        assert_eq!(
            fleet.hear(&shared, now, (stranger, server, b""), &mut out),
            None
        );
        assert_eq!(fleet.sizes().awake, 5);

        let later = now + Duration::from_secs(2);
        let mut woken = wake_all(&mut fleet, &shared, later);
        woken.sort();
        assert_eq!(woken, some);
        assert_eq!(fleet.sizes().awake, 0);
        assert_eq!(fleet.look(&shared, members - 1, |role| role.heard), Some(1));
        assert_eq!(fleet.look(&shared, 2, |role| role.heard), Some(0));
        assert_eq!(fleet.next_deadline(), None);
    }
}

#[test]
fn a_member_that_rests_is_woken_when_it_said() {
    let shared = Spans {
        busy: Duration::from_secs(1),
    };
    let mut fleet = fleet(64);
    let mut out = Outbox::default();
    let order = |fleet: &mut Fleet<Counter>, span: u64, out: &mut _| {
        let order = Input::Order {
            call: CallId(1),
            order: Some(Duration::from_secs(span)),
        };
        assert!(fleet.handle(&shared, 5, Time::ZERO, order, out));
    };
    order(&mut fleet, 60, &mut out);
    assert!(fleet.is_packed(5));
    // What is put off keeps its timer, and nobody is woken by that.
    order(&mut fleet, 90, &mut out);
    let minute = Time::ZERO + Duration::from_secs(61);
    assert_eq!(wake_all(&mut fleet, &shared, minute), []);
    let end = Time::ZERO + Duration::from_secs(91);
    assert_eq!(wake_all(&mut fleet, &shared, end), [5]);
    assert_eq!(fleet.look(&shared, 5, |role| role.woken), Some(1));
    assert!(
        !fleet.handle(&shared, 64, end, Input::Wake, &mut out),
        "there are 64"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same roles one by one, each asked in turn whether it is due, come to the same.
    #[test]
    fn members_live_as_they_would_alone(
        acts in prop::collection::vec((0..8_u32, 0..4_u32, 0..5_000_u64), 1..100),
    ) {
        let shared = Spans { busy: Duration::from_millis(50) };
        let server = SocketAddr::from(([127, 0, 0, 1], 5683));
        let mut fleet = fleet(8);
        let mut alone: Vec<Counter> = (0..8_u32)
            .map(|member| Counter { name: format!("dev-{member}"), ..Counter::default() })
            .collect();
        let (mut one, mut other) = (Outbox::default(), Outbox::default());
        let mut now = Time::ZERO;
        for (member, kind, span) in acts {
            let role = &mut alone[member as usize];
            let at = fleet.roster().address(member).unwrap();
            let order = || Some(Duration::from_millis(span)).filter(|_| span % 7 != 0);
            let input = || match kind {
                0 => Input::Datagram { at, from: server, bytes: b"x" },
                _ => Input::Order { call: CallId(span), order: order() },
            };
            if kind < 2 {
                fleet.handle(&shared, member, now, input(), &mut one);
                role.handle(&shared, now, input(), &mut other);
            } else {
                // To the end of a tick, where nobody is late.
                now = Time::from_micros((now.as_micros() + span * 200).next_multiple_of(1 << GRAIN));
                wake_all(&mut fleet, &shared, now);
                for role in &mut alone {
                    while role.next_deadline().is_some_and(|at| at <= now) {
                        role.handle(&shared, now, Input::Wake, &mut other);
                    }
                }
            }
            prop_assert_eq!(one.bytes(), other.bytes());
            for (member, role) in (0..8_u32).zip(&alone) {
                prop_assert_eq!(fleet.look(&shared, member, |other| other == role), Some(true));
            }
        }
    }
}
