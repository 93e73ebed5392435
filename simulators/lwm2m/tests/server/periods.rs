//! When a device tells its server something, against an oracle that counts seconds.

use std::time::Duration;

use proptest::prelude::*;
use twinproof_coap::Code;
use twinproof_lwm2m::upper::Operation;
use twinproof_lwm2m::wire::{Value, Version};

use crate::world::{World, path, reply};

const RESOURCE: &str = "/26241/0/1";

/// Within this, what was sent has arrived.
const UNDER_WAY: Duration = Duration::from_millis(100);

/// What a server lays down before it observes.
#[derive(Clone, Debug, Default)]
struct Laid {
    /// Default Minimum Period of the server account, s.
    least: Option<i64>,
    /// Default Maximum Period of the server account, s.
    most: Option<i64>,
    /// `pmin` and `pmax` of the object, the instance and the resource, s.
    periods: [(Option<i64>, Option<i64>); 3],
    /// `gt`, `lt` and `st` of the resource, each attached by a request of its own.
    gt: Option<i64>,
    lt: Option<i64>,
    st: Option<i64>,
}

impl Laid {
    /// The nearest level that says something counts, and the account after all of them.
    fn nearest(
        &self,
        of: impl Fn(&(Option<i64>, Option<i64>)) -> Option<i64>,
        last: Option<i64>,
    ) -> i64 {
        let said = self.periods.iter().rev().find_map(of);
        said.or(last).unwrap_or(0)
    }

    fn least(&self) -> i64 {
        self.nearest(|(least, _)| *least, self.least)
    }

    /// A greatest period below the least one, or of 0, is none.
    fn most(&self) -> Option<i64> {
        let most = self.nearest(|(_, most)| *most, self.most);
        (most > 0 && most >= self.least()).then_some(most)
    }

    fn is_worth_telling(&self, told: i64, value: i64) -> bool {
        if told == value {
            return false;
        }
        let (gt, lt, st) = (self.gt, self.lt, self.st);
        let step = st.unwrap_or(0);
        let contradicts = gt.zip(lt).is_some_and(|(gt, lt)| lt + 2 * step >= gt);
        let says_nothing = (gt, lt, st) == (None, None, None);
        if contradicts || says_nothing {
            return true;
        }
        let (below, above) = (told.min(value), told.max(value));
        // A limit counts as passed in the direction in which the value left it behind.
        let passed = |limit: i64| match value > told {
            true => below <= limit && limit < above,
            false => below < limit && limit <= above,
        };
        gt.is_some_and(passed) || lt.is_some_and(passed) || st.is_some_and(|st| above - below >= st)
    }

    /// The seconds and values of all notifications, where the value changes to `changes[n]` at the end
    /// of the n-th second.
    fn told(&self, first: i64, changes: &[Option<i64>]) -> Vec<(usize, i64)> {
        let (mut value, mut told, mut since) = (first, first, 0);
        let mut waits = false;
        let mut all = Vec::new();
        for (second, change) in changes.iter().enumerate() {
            since += 1;
            for change in [None, *change] {
                value = change.unwrap_or(value);
                waits |= change.is_some() && self.is_worth_telling(told, value);
                let late = self.most().is_some_and(|most| since >= most);
                if (waits && since >= self.least()) || late {
                    all.push((second, value));
                    (told, since, waits) = (value, 0, false);
                }
            }
        }
        all
    }
}

fn laid() -> impl Strategy<Value = Laid> {
    let seconds = || prop::option::weighted(0.3, prop_oneof![Just(0), 1..12_i64]);
    let limit = || prop::option::weighted(0.4, -20..20_i64);
    (
        (seconds(), seconds()),
        [
            (seconds(), seconds()),
            (seconds(), seconds()),
            (seconds(), seconds()),
        ],
        (limit(), limit(), prop::option::weighted(0.4, 1..12_i64)),
    )
        .prop_map(|((least, most), periods, (gt, lt, st))| Laid {
            least,
            most,
            periods,
            gt,
            lt,
            st,
        })
}

fn attach(world: &mut World, at: &str, name: &str, value: Option<i64>) {
    let Some(value) = value else { return };
    let answer = world.operate(Operation::WriteAttributes {
        endpoint: "dev".to_owned(),
        path: path(at),
        attributes: vec![format!("{name}={value}")],
    });
    assert_eq!(reply(&answer).0, Code::CHANGED, "{at} {name}={value}");
}

/// The seconds and values of what the server was told.
fn seen(laid: &Laid, first: i64, changes: &[Option<i64>]) -> Vec<(usize, i64)> {
    let mut world = World::registered(Version::V1_0, 86_400);
    for (at, value) in [("/1/0/2", laid.least), ("/1/0/3", laid.most)] {
        if let Some(value) = value {
            world.set(at, Value::Integer(value));
        }
    }
    for (at, (least, most)) in ["/26241", "/26241/0", RESOURCE].iter().zip(laid.periods) {
        attach(&mut world, at, "pmin", least);
        attach(&mut world, at, "pmax", most);
    }
    for (name, value) in [("gt", laid.gt), ("lt", laid.lt), ("st", laid.st)] {
        attach(&mut world, RESOURCE, name, value);
    }
    world.set(RESOURCE, Value::Integer(first));
    assert_eq!(reply(&world.observe(RESOURCE)).0, Code::CONTENT);
    let mut all = Vec::new();
    world.wait(UNDER_WAY);
    for (second, change) in changes.iter().enumerate() {
        world.wait(Duration::from_secs(1) - UNDER_WAY);
        if let Some(change) = change {
            world.set(RESOURCE, Value::Integer(*change));
        }
        world.wait(UNDER_WAY);
        for value in world.news(RESOURCE).split_off(all.len()) {
            let Value::Integer(value) = value else {
                panic!("{value:?} is no whole number")
            };
            all.push((second, value));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn notifications_come_when_the_attributes_say(
        laid in laid(),
        first in -25..25_i64,
        changes in prop::collection::vec(prop::option::weighted(0.5, -25..25_i64), 1..40),
    ) {
        prop_assert_eq!(seen(&laid, first, &changes), laid.told(first, &changes));
    }
}
