//! A device that is packed whenever it can be says what it would have said.

use std::time::Duration;

use proptest::prelude::*;
use twinproof_lwm2m::device::{Behaviour, Order, Register, Update};
use twinproof_lwm2m::upper::{Operation, WriteMode};
use twinproof_lwm2m::wire::{Entry, Value, Version};

use crate::world::{Faults, World, path, seconds};

#[derive(Clone, Debug)]
enum Act {
    Deregister,
    Disable,
    Execute,
    Mute(bool),
    Observe,
    Read,
    Register,
    Set(i64),
    Update,
    Wait(u64),
    Write(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Deregister),
        1 => Just(Act::Disable),
        1 => Just(Act::Execute),
        1 => any::<bool>().prop_map(Act::Mute),
        1 => Just(Act::Observe),
        3 => Just(Act::Read),
        2 => Just(Act::Register),
        1 => (0..100_i64).prop_map(Act::Set),
        2 => Just(Act::Update),
        6 => prop_oneof![Just(1), Just(50), Just(250), Just(300), Just(1_000), Just(90_000)].prop_map(Act::Wait),
        1 => Just(Act::Write(30)),
    ]
}

fn perform(world: &mut World, act: &Act) {
    let endpoint = || "dev".to_owned();
    match act {
        Act::Deregister => drop(world.device(0, Order::Deregister { server: 0 })),
        Act::Disable => drop(world.operate(Operation::Execute {
            endpoint: endpoint(),
            path: path("/1/0/4"),
            arguments: String::new(),
        })),
        Act::Execute => drop(world.operate(Operation::Execute {
            endpoint: endpoint(),
            path: path("/3/0/4"),
            arguments: String::new(),
        })),
        Act::Mute(silent) => world.behave(Behaviour {
            silent: *silent,
            ..Behaviour::default()
        }),
        Act::Observe => drop(world.observe("/3/0/9")),
        Act::Read => drop(world.read("/3/0")),
        Act::Register => drop(world.device(0, Order::Register(Register::default()))),
        Act::Set(value) => world.set("/3/0/9", Value::Integer(*value)),
        Act::Update => drop(world.device(0, Order::Update(Update::default()))),
        Act::Wait(span) => world.wait(seconds(*span)),
        Act::Write(lifetime) => {
            let entry = Entry::new(path("/1/0/1"), Value::Integer(*lifetime));
            let operation = Operation::Write {
                endpoint: endpoint(),
                path: path("/1/0"),
                mode: WriteMode::Update,
                values: vec![entry],
                format: None,
            };
            drop(world.operate(operation));
        }
    }
}

/// The world after these acts, and how often its device was packed in it.
fn play(acts: &[Act], lost: u32, [sleeps, remembers]: [bool; 2], packs: Option<usize>) -> World {
    let mut world = World::new(Version::V1_1, 600);
    if sleeps {
        world.shared = world.shared.sleeping(600);
    }
    world.shared.remembers = remembers;
    world.faults = Faults {
        lost,
        doubled: lost,
        delayed: lost,
    };
    world.packs = packs;
    world.add("dev");
    for act in acts {
        perform(&mut world, act);
    }
    world.wait(seconds(2_000));
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_can_tell_a_device_that_was_packed(
        acts in prop::collection::vec(act(), 1..20),
        lost in prop_oneof![3 => Just(0_u32), 1 => 1..20_u32],
        how in any::<[bool; 2]>(),
    ) {
        let (awake, rests) = (play(&acts, lost, how, None), play(&acts, lost, how, Some(0)));
        prop_assert_eq!(awake.said, rests.said);
        prop_assert_eq!(awake.devices[0].1.shown(), rests.devices[0].1.shown());
    }
}

#[test]
fn a_registered_device_is_packed_once_nothing_is_under_way() {
    let mut world = World::new(Version::V1_0, 86_400);
    world.shared.remembers = false;
    world.packs = Some(0);
    world.add("dev");
    let answer = world.device(0, Order::Register(Register::default()));
    assert!(answer.response().is_some());
    assert_eq!(world.packs, Some(1));
    let shown = world.devices[0].1.shown();
    assert_eq!(shown.registrations[0].registered, 1);
    assert!(!shown.registrations[0].location.is_empty());

    // It answers a server, and updates in time, as if it had been awake.
    let battery = world.read("/3/0/9");
    assert_eq!(crate::world::value(&battery), Value::Integer(95));
    assert_eq!(
        world.packs,
        Some(1),
        "a request is known again when it is repeated"
    );
    let lifetime = world.shared.parameters.exchange_lifetime();
    world.wait(lifetime + Duration::from_secs(1));
    assert_eq!(world.packs, Some(2));
    world.wait(seconds(86_400));
    assert_eq!(world.devices[0].1.shown().registrations[0].updated, 1);
    assert_eq!(world.packs, Some(3));
}

#[test]
fn what_a_device_has_of_its_own_keeps_it_from_being_packed() {
    let mut world = World::registered(Version::V1_0, 86_400);
    world.shared.remembers = false;
    world.packs = Some(0);
    world.set("/3/0/9", Value::Integer(20));
    world.wait(seconds(300));
    assert_eq!(world.packs, Some(0));

    let mut world = World::registered(Version::V1_0, 86_400);
    world.shared.remembers = false;
    world.packs = Some(0);
    world.observe("/3/0");
    world.wait(seconds(300));
    assert_eq!(world.packs, Some(0));
}

#[test]
fn a_device_rests_while_one_number_of_it_is_observed() {
    let mut world = World::registered(Version::V1_0, 86_400);
    world.shared.remembers = false;
    world.packs = Some(0);
    world.observe("/3/0/9");
    let before = world.devices[0].1.shown();
    assert_eq!(before.observed.len(), 1);
    world.wait(seconds(300));
    assert!(world.packs > Some(0), "{:?}", world.packs);
    assert_eq!(world.devices[0].1.shown(), before);
    world.observe("/3/0/10");
    let packs = world.packs;
    world.wait(seconds(300));
    assert_eq!(world.packs, packs, "two are too many");
}

#[test]
fn a_location_of_any_length_outlives_rest() {
    for segment in ["rd", "registrations-of-the-north"] {
        let mut world = World::new(Version::V1_0, 86_400);
        world.shared.remembers = false;
        world.set_up.location = vec![segment.to_owned()];
        world.packs = Some(0);
        world.add("dev");
        world.device(0, Order::Register(Register::default()));
        let before = world.devices[0].1.shown();
        world.wait(seconds(300));
        assert_eq!(world.packs, Some(1));
        assert_eq!(world.devices[0].1.shown(), before);
        assert!(before.registrations[0].location.contains(segment));
    }
}
