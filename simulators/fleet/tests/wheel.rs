//! The wheel against what it stands for: members in the order of the moments at which they are due.

use std::collections::BTreeSet;

use proptest::prelude::*;
use twinproof_fleet::Wheel;
use twinproof_kernel::Time;

const MEMBERS: u32 = 24;

#[derive(Clone, Debug)]
enum Act {
    Arm(u32, u64),
    Disarm(u32),
    /// Time passes, and everybody who is due comes.
    Pass(u64),
    /// Time passes, and one of those who are due comes.
    Take(u64),
    /// It becomes the moment that the wheel names.
    Skip,
}

/// Spans of every order of magnitude, and those beside the borders of slots.
fn span() -> impl Strategy<Value = u64> {
    (0..52_u32, any::<u64>(), any::<bool>()).prop_map(|(bits, low, border)| {
        let span = 1 << bits;
        if border {
            span - (low & 1)
        } else {
            span | (low & (span - 1))
        }
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..MEMBERS, span()).prop_map(|(member, span)| Act::Arm(member, span)),
        1 => (0..MEMBERS).prop_map(Act::Disarm),
        2 => (0..30_u32, any::<u64>()).prop_map(|(bits, low)| Act::Pass(low & ((1 << bits) - 1))),
        2 => (0..30_u32, any::<u64>()).prop_map(|(bits, low)| Act::Take(low & ((1 << bits) - 1))),
        3 => Just(Act::Skip),
    ]
}

/// The model: when everybody is due, to the tick, and in their order.
struct Model {
    due: BTreeSet<(u64, u32)>,
    grain: u32,
}

impl Model {
    fn arm(&mut self, member: u32, at: u64) {
        self.due.retain(|(_, other)| *other != member);
        self.due.insert((at.div_ceil(1 << self.grain), member));
    }

    fn is_due(&self, (tick, _): (u64, u32), now: u64) -> bool {
        tick <= now >> self.grain
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_due_comes_in_order_and_nobody_else(
        acts in prop::collection::vec(act(), 1..120),
        grain in prop_oneof![Just(0), Just(7), Just(10)],
    ) {
        let mut wheel = Wheel::new(MEMBERS, grain);
        let mut model = Model { due: BTreeSet::new(), grain };
        let mut now = 0_u64;
        for act in acts {
            let most = match act {
                Act::Arm(member, span) => {
                    wheel.arm(member, Time::from_micros(now + span));
                    model.arm(member, now + span);
                    prop_assert!(wheel.due(member) >= Some(Time::from_micros(now + span)));
                    0
                }
                Act::Disarm(member) => {
                    wheel.disarm(member);
                    model.due.retain(|(_, other)| *other != member);
                    prop_assert_eq!(wheel.due(member), None);
                    0
                }
                Act::Pass(span) => {
                    now += span;
                    usize::MAX
                }
                Act::Take(span) => {
                    now += span;
                    1
                }
                Act::Skip => {
                    let next = wheel.next();
                    prop_assert_eq!(next.is_none(), model.due.is_empty());
                    let Some(next) = next else { continue };
                    let first = model.due.first().map_or(0, |(tick, _)| tick << grain);
                    prop_assert!(next.as_micros() <= first.max(now), "{next} is after {first}");
                    now = now.max(next.as_micros());
                    usize::MAX
                }
            };
            for _ in 0..most {
                let came = wheel.pop(Time::from_micros(now));
                let first = model.due.first().copied().filter(|first| model.is_due(*first, now));
                let (Some(came), Some((first, _))) = (came, first) else {
                    prop_assert_eq!((came, first), (None, None));
                    break;
                };
                // Of those who are due in the same tick, any may come.
                let item = model.due.iter().copied().find(|(_, member)| *member == came);
                let Some((tick, _)) = item else {
                    return Err(TestCaseError::fail(format!("{came} came, who was not due")));
                };
                prop_assert!(model.is_due((tick, came), now), "{} came early", came);
                prop_assert_eq!(tick, first, "{} came out of order", came);
                model.due.remove(&(tick, came));
            }
            prop_assert_eq!(wheel.armed(), model.due.len());
        }
        // The wheel leads to everybody who is left, in finitely many steps.
        let mut steps = 0;
        while let Some(next) = wheel.next() {
            now = now.max(next.as_micros());
            while let Some(came) = wheel.pop(Time::from_micros(now)) {
                let left = model.due.len();
                model.due.retain(|(_, member)| *member != came);
                prop_assert_eq!(model.due.len() + 1, left);
            }
            steps += 1;
            prop_assert!(steps < 12 * MEMBERS, "the wheel does not come to an end");
        }
        prop_assert!(model.due.is_empty());
    }
}
