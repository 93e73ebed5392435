//! The server's registrations against a plain list of what must be there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use twinproof_coap::{Code, ContentFormat};
use twinproof_kernel::Time;
use twinproof_lwm2m::device::{self, Behaviour, Order, Request};
use twinproof_lwm2m::wire::{Path, Version};

use crate::world::{LATENCY, World, path};

const LISTS: [&str; 3] = ["</1/0>,</3/0>", "</3/0>", "</1/0>,</3/0>,</26241/0>"];

/// A thing that a device does, or that time does.
#[derive(Clone, Debug)]
enum Step {
    /// Registers, under a name of its own or of another.
    Register {
        name: usize,
        lifetime: Option<u32>,
        list: usize,
    },
    /// Updates the registration that was given to the device of this number.
    Update {
        whose: usize,
        lifetime: Option<u32>,
        list: Option<usize>,
    },
    /// De-registers that of this device.
    Deregister { whose: usize },
    /// Goes on from an address that nobody has had.
    Move,
    /// Waits, s.
    Wait(u32),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let lifetime = || prop::option::weighted(0.8, 5..60_u32);
    let step = prop_oneof![
        4 => (0..3_usize, lifetime(), 0..LISTS.len())
            .prop_map(|(name, lifetime, list)| Step::Register { name, lifetime, list }),
        4 => (0..3_usize, lifetime(), prop::option::of(0..LISTS.len()))
            .prop_map(|(whose, lifetime, list)| Step::Update { whose, lifetime, list }),
        1 => (0..3_usize).prop_map(|whose| Step::Deregister { whose }),
        1 => Just(Step::Move),
        3 => (1..40_u32).prop_map(Step::Wait),
    ];
    prop::collection::vec((0..3_usize, step), 1..40)
}

/// A registration as it must be.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    location: String,
    address: SocketAddr,
    lifetime: u32,
    objects: Vec<Path>,
}

/// What must be registered, by name, with the end of its life time; and which location each device was
/// given last.
#[derive(Default)]
struct Model {
    rows: BTreeMap<String, (Row, Time)>,
    given: [Option<String>; 3],
}

impl Model {
    fn expire(&mut self, now: Time) {
        self.rows.retain(|_, (_, ends)| *ends > now);
    }

    /// The name of the registration at this location.
    fn at(&self, location: Option<&String>) -> Option<String> {
        let row = self
            .rows
            .iter()
            .find(|(_, (row, _))| Some(&row.location) == location);
        row.map(|(name, _)| name.clone())
    }

    /// Whether a request from this address about the registration of this name is another client's.
    fn is_foreign(&self, name: &str, from: SocketAddr) -> bool {
        let mut others = self.rows.iter().filter(|(other, _)| *other != name);
        others.any(|(_, (row, _))| row.address == from)
    }
}

fn objects(list: usize) -> Vec<Path> {
    let paths = LISTS[list]
        .split(',')
        .map(|link| path(link.trim_matches(['<', '>'])));
    paths.collect()
}

fn until(now: Time, lifetime: u32) -> Time {
    now + Duration::from_secs(lifetime.into())
}

/// Does a step, and says with which code it must be answered and with which it is.
fn perform(
    world: &mut World,
    model: &mut Model,
    number: usize,
    step: &Step,
) -> Option<(Code, device::Response)> {
    let from = world.devices[number].0;
    let arrives = world.now + LATENCY;
    model.expire(arrives);
    let mut request = |request: Request| {
        let answer = world.device(number, Order::Request(request));
        answer
            .response()
            .cloned()
            .unwrap_or_else(|| panic!("{answer:?}"))
    };
    match step {
        Step::Register {
            name,
            lifetime,
            list,
        } => {
            // A device is one client: while it is registered it keeps to its name.
            let own = model.rows.iter().find(|(_, (row, _))| row.address == from);
            let name = own.map_or_else(|| format!("dev-{name}"), |(name, _)| name.clone());
            let mut message = Request::new(Code::POST, "/rd")
                .with(format!("ep={name}"))
                .with("lwm2m=1.0");
            if let Some(lifetime) = lifetime {
                message = message.with(format!("lt={lifetime}"));
            }
            let response = request(message.with_body(ContentFormat::LINK_FORMAT, LISTS[*list]));
            let location = format!("/{}", response.location.join("/"));
            let lifetime = lifetime.unwrap_or(86_400);
            let row = Row {
                location: location.clone(),
                address: from,
                lifetime,
                objects: objects(*list),
            };
            model.rows.insert(name, (row, until(arrives, lifetime)));
            model.given[number] = Some(location);
            Some((Code::CREATED, response))
        }
        Step::Update {
            whose,
            lifetime,
            list,
        } => {
            let location = model.given[*whose].clone();
            let mut message = Request::new(Code::POST, location.as_deref().unwrap_or("/rd/none"));
            if let Some(lifetime) = lifetime {
                message = message.with(format!("lt={lifetime}"));
            }
            if let Some(list) = list {
                message = message.with_body(ContentFormat::LINK_FORMAT, LISTS[*list]);
            }
            let response = request(message);
            let known = model
                .at(location.as_ref())
                .filter(|name| !model.is_foreign(name, from));
            let Some((row, ends)) = known.and_then(|name| model.rows.get_mut(&name)) else {
                return Some((Code::NOT_FOUND, response));
            };
            row.address = from;
            row.lifetime = lifetime.unwrap_or(row.lifetime);
            row.objects = list.map_or_else(|| row.objects.clone(), objects);
            *ends = until(arrives, row.lifetime);
            Some((Code::CHANGED, response))
        }
        Step::Deregister { whose } => {
            let location = model.given[*whose].clone();
            let message = Request::new(Code::DELETE, location.as_deref().unwrap_or("/rd/none"));
            let response = request(message);
            let known = model
                .at(location.as_ref())
                .filter(|name| !model.is_foreign(name, from));
            let gone = known.and_then(|name| model.rows.remove(&name));
            Some((gone.map_or(Code::NOT_FOUND, |_| Code::DELETED), response))
        }
        Step::Move => {
            let mut to = from;
            to.set_port(from.port() + 1);
            assert_eq!(
                world.device(number, Order::Move { to }),
                device::Answer::Done
            );
            world.devices[number].0 = to;
            None
        }
        Step::Wait(seconds) => {
            world.wait(Duration::from_secs((*seconds).into()));
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_is_registered_is_who_must_be(steps in steps()) {
        let mut world = World::new(Version::V1_0, 86_400);
        let mut model = Model::default();
        for number in 0..3 {
            world.add(&format!("device {number}"));
            let quiet = Behaviour { keeps_registered: false, ..Behaviour::default() };
            world.device(number, Order::Behave(quiet));
        }
        for (number, step) in &steps {
            if let Some((wanted, got)) = perform(&mut world, &mut model, *number, step) {
                prop_assert_eq!(wanted, got.code, "{:?} of device {}", step, number);
            }
            model.expire(world.now);
            let shown: BTreeMap<String, Row> = world.clients().into_iter().map(|client| {
                let row = Row {
                    location: client.location.unwrap_or_default(),
                    address: client.address.unwrap(),
                    lifetime: client.lifetime.and_then(|lt| u32::try_from(lt).ok()).unwrap_or_default(),
                    objects: client.objects.unwrap_or_default(),
                };
                (client.endpoint, row)
            }).collect();
            let wanted: BTreeMap<String, Row> =
                model.rows.iter().map(|(name, (row, _))| (name.clone(), row.clone())).collect();
            prop_assert_eq!(shown, wanted, "after {:?} of device {}", step, number);
        }
    }
}
