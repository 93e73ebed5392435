//! Whatever devices do, and in whatever order: nothing that a server wants of them is lost, done twice or done
//! by others, and the inventories say what is so. Two gateways, devices of two protocols, and a small model of
//! what has to come of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::world::{TASK, VALUE, World, leaf, lines_at};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use twinproof_dm::upper::Act;
use twinproof_gwmo::aggregate::Entry;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::rules::decide::{Rules, Standard};
use twinproof_gwmo::gateway::rules::{Aimed, Leaving};
use twinproof_gwmo::lines::{Order, Temper};
use twinproof_gwmo::objects::below;
use twinproof_kernel::Time;

/// Devices of DM.
const NATIVE: usize = 3;

/// All devices.
const DEVICES: usize = 5;

/// Gateways.
const SITES: usize = 2;

/// Something that happens. Devices have numbers from 1, gateways from 0.
#[derive(Clone, Debug)]
enum Op {
    /// A device says that it is there.
    Attach(usize),
    /// A device says that it goes, if its protocol has that.
    Leave(usize),
    /// Nothing reaches a device any more.
    Unplug(usize),
    /// A device can be reached again.
    Plug(usize),
    /// A device goes behind another gateway.
    Move(usize, usize),
    /// A device does nothing of what it is told, or does again.
    Deafen(usize, bool),
    /// A device refuses what it is told, or does no more.
    Refuse(usize, bool),
    /// A device falls silent in the middle of its next session.
    Die(usize),
    /// Notifications wait on their way to a device.
    Slow(usize),
    /// They arrive.
    Release(usize),
    /// A server puts devices together.
    Group(usize, Vec<usize>),
    /// A server has a gateway tell devices something, or the members of the last group.
    FanOut {
        site: usize,
        devices: Vec<usize>,
        group: bool,
        deadline: u32,
    },
    /// No session of a gateway with the server comes about, or can again.
    Cut(bool),
    /// So many seconds.
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let device = || 1..=DEVICES;
    let native = || 1..=NATIVE;
    let some = || prop::collection::vec(1..=DEVICES, 0..4);
    let fan_out = (0..SITES, some(), any::<bool>(), 1..40_u32).prop_map(
        |(site, devices, group, deadline)| Op::FanOut {
            site,
            devices,
            group,
            deadline,
        },
    );
    prop_oneof![
        6 => device().prop_map(Op::Attach),
        1 => device().prop_map(Op::Leave),
        1 => device().prop_map(Op::Unplug),
        2 => device().prop_map(Op::Plug),
        2 => (device(), 0..SITES).prop_map(|(device, site)| Op::Move(device, site)),
        3 => (device(), any::<bool>()).prop_map(|(device, on)| Op::Deafen(device, on)),
        1 => (device(), any::<bool>()).prop_map(|(device, on)| Op::Refuse(device, on)),
        1 => native().prop_map(Op::Die),
        1 => native().prop_map(Op::Slow),
        1 => native().prop_map(Op::Release),
        2 => (0..SITES, some()).prop_map(|(site, devices)| Op::Group(site, devices)),
        8 => fan_out,
        1 => any::<bool>().prop_map(Op::Cut),
        3 => (0..20_u64).prop_map(Op::Pass),
    ]
}

/// What has to stand in a report of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// It has done all.
    Done,
    /// It has said this code to something.
    Refused(u16),
    /// It has done nothing, and the report says so.
    Nothing,
    /// It is to do it yet.
    Open,
    /// That depends on how often the gateway asks.
    Either,
}

/// A fan-out.
#[derive(Debug)]
struct Told {
    site: usize,
    until: Time,
    of: Vec<(usize, Expected)>,
}

/// What is known of a device.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Whether a gateway has to take it for attached; none if that depends on how often the gateway asks.
    attached: [Option<bool>; SITES],
    recorded: [bool; SITES],
    refuses: bool,
    /// Where it has said that it is there.
    greeted: Option<usize>,
    /// What it was asked before may not have come to its end.
    stuck: [bool; SITES],
    /// The nonce that it makes its next digest with, and those that gateways expect.
    nonce: u32,
    nonces: [u32; SITES],
    /// The nonce that it expects in digests of gateways, and those that they make them with.
    expects: u32,
    uses: [u32; SITES],
    /// The notifications that wait on their way: from where, and with which nonce.
    held: Vec<(usize, u32)>,
}

struct Model {
    world: World,
    known: Vec<Known>,
    groups: [Vec<usize>; SITES],
    told: Vec<Told>,
    /// How many nonces there were.
    nonces: u32,
    cut: bool,
}

fn name(device: usize) -> String {
    match device <= NATIVE {
        true => format!("d{device}"),
        false => format!("l{}", device - NATIVE),
    }
}

fn correlator(number: usize) -> String {
    format!("f-{number}")
}

impl Model {
    fn new(rules: Option<Arc<dyn Rules>>) -> Self {
        let known = Known {
            attached: [Some(false); SITES],
            ..Known::default()
        };
        Self {
            world: World::of(SITES, NATIVE, DEVICES - NATIVE, rules),
            known: vec![known; DEVICES + 1],
            groups: Default::default(),
            told: Vec::new(),
            nonces: 0,
            cut: false,
        }
    }

    /// What is still open of a device at a gateway has come to this.
    fn close(&mut self, site: usize, device: usize, to: Expected) {
        let own = self.told.iter_mut().filter(|told| told.site == site);
        for (_, is) in own
            .flat_map(|told| &mut told.of)
            .filter(|(of, is)| *of == device && *is == Expected::Open)
        {
            *is = to;
        }
    }

    /// A device of DM begins a session with the gateway that it is behind.
    fn session(&mut self, device: usize, dies: bool) {
        let site = self.world.place(device).site;
        let own = self.told.iter().filter(|told| told.site == site);
        let mut own = own.flat_map(|told| &told.of);
        let is_open = own.any(|(of, is)| *of == device && *is == Expected::Open);
        let known = &mut self.known[device];
        let is_believed = known.nonce == known.nonces[site];
        self.nonces += 1;
        known.nonces[site] = self.nonces;
        // One of whom nothing is wanted has shown who it is with its first message.
        if dies && (is_open || !is_believed) {
            return;
        }
        known.attached[site] = Some(true);
        known.recorded[site] = true;
        if dies {
            return;
        }
        known.nonce = self.nonces;
        // A gateway that says nothing but what was expected is told no nonce; one that asks who is there is told.
        if is_open || !is_believed || known.expects != known.uses[site] {
            known.expects = self.nonces;
            known.uses[site] = self.nonces;
        }
        let to = match known.refuses {
            true => Expected::Refused(404),
            false => Expected::Done,
        };
        self.close(site, device, to);
    }

    /// A notification of a gateway comes to a device of DM.
    fn notified(&mut self, (device, site): (usize, usize), nonce: u32, dies: bool) {
        let place = self.world.place(device).clone();
        // One that dies of it was there when it came.
        if place.site != site || (place.unplugged && !dies) {
            self.known[device].attached[site] = Some(false);
            self.close(site, device, Expected::Nothing);
            return;
        }
        if !place.deaf && self.known[device].expects == nonce {
            self.session(device, dies);
        }
    }

    fn attach(&mut self, device: usize) {
        let place = self.world.place(device).clone();
        if place.unplugged {
            return;
        }
        if device <= NATIVE {
            self.world.attach(device);
            return self.session(device, place.dies);
        }
        let gateway = lines_at(place.site);
        let order = Order::Attach { gateway, key: None };
        self.world.order_simple(device, order);
        let known = &mut self.known[device];
        known.recorded[place.site] = true;
        known.greeted = Some(place.site);
        // Whatever it did not hear it is asked once more.
        known.stuck[place.site] &= place.deaf;
        known.attached[place.site] = (!known.stuck[place.site]).then_some(true);
    }

    fn fan_out(&mut self, site: usize, devices: &[usize], group: bool, deadline: u32) {
        let number = self.told.len();
        let stranger = "stranger".to_owned();
        let named: Vec<String> = devices.iter().map(|device| name(*device)).collect();
        let named: Vec<&str> = named.iter().chain([&stranger]).map(|id| &**id).collect();
        let title = group.then_some("group");
        let acts = [
            Act::Exec {
                uri: TASK.to_owned(),
                correlator: Some(correlator(number)),
                data: None,
            },
            Act::Get {
                uri: VALUE.to_owned(),
            },
        ];
        self.world.turn_to(site);
        let at = self.world.fan_out(&named, title, &acts, Some(deadline));
        let places: Vec<_> = (0..=DEVICES)
            .map(|device| match device {
                0 => None,
                device => Some(self.world.place(device).clone()),
            })
            .collect();
        self.world
            .exec(&leaf(&at, &self.world.names().start), &correlator(number));
        let mut targets: Vec<usize> = Vec::new();
        let members: &[usize] = if group { &self.groups[site] } else { &[] };
        for device in devices.iter().chain(members) {
            if !targets.contains(device) {
                targets.push(*device);
            }
        }
        let until = self.world.now() + Duration::from_secs(deadline.into());
        self.told.push(Told {
            site,
            until,
            of: targets
                .iter()
                .map(|device| (*device, Expected::Open))
                .collect(),
        });
        for (place, device) in targets.into_iter().enumerate() {
            let was = places[device].clone().unwrap_or_default();
            let is_attached = self.known[device].attached[site];
            let is = &mut self.told[number].of[place].1;
            if is_attached == Some(false) {
                *is = Expected::Nothing;
            } else if device <= NATIVE {
                let nonce = self.known[device].uses[site];
                match was.slow {
                    true => self.known[device].held.push((site, nonce)),
                    false => {
                        let dies = was.dies && !was.unplugged;
                        self.notified((device, site), nonce, dies);
                    }
                }
            } else {
                let known = &mut self.known[device];
                let reached = was.site == site && !was.unplugged && !was.deaf;
                *is = match (is_attached, reached, known.refuses) {
                    (None, ..) | (_, false, _) => {
                        known.stuck[site] = true;
                        known.attached[site] = None;
                        Expected::Either
                    }
                    (_, true, true) => Expected::Refused(405),
                    (_, true, false) => Expected::Done,
                };
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.world.pass(Duration::from_secs(seconds));
        let now = self.world.now();
        let late = self.told.iter_mut().filter(|told| told.until <= now);
        for (_, is) in late.flat_map(|told| &mut told.of) {
            if *is == Expected::Open {
                *is = Expected::Nothing;
            }
        }
    }

    fn temper(&mut self, device: usize) {
        if device > NATIVE {
            let temper = match (self.world.place(device).deaf, self.known[device].refuses) {
                (true, _) => Temper::Silent,
                (_, true) => Temper::Refuses,
                _ => Temper::Obeys,
            };
            self.world.order_simple(device, Order::Behave(temper));
        }
    }

    fn play(&mut self, op: Op) {
        match op {
            Op::Attach(device) => self.attach(device),
            Op::Leave(device) => {
                if device > NATIVE {
                    self.world.order_simple(device, Order::Leave);
                    let place = self.world.place(device).clone();
                    let known = &mut self.known[device];
                    if !place.unplugged && known.greeted == Some(place.site) {
                        known.attached[place.site] = Some(false);
                        known.stuck[place.site] = false;
                        known.greeted = None;
                    }
                }
            }
            Op::Unplug(device) => self.world.place(device).unplugged = true,
            Op::Plug(device) => self.world.place(device).unplugged = false,
            Op::Move(device, site) => self.world.move_to(device, site),
            Op::Deafen(device, on) => {
                self.world.place(device).deaf = on;
                self.temper(device);
            }
            Op::Refuse(device, on) => {
                self.known[device].refuses = on;
                self.temper(device);
                if device <= NATIVE {
                    let at = VALUE.parse().unwrap();
                    let tree = self.world.device_mut(device).tree_mut();
                    match on {
                        true => _ = tree.remove(&at),
                        false => tree.set(&at, name(device)),
                    }
                }
            }
            Op::Die(device) => self.world.place(device).dies = true,
            Op::Slow(device) => self.world.place(device).slow = true,
            Op::Release(device) => {
                let held = std::mem::take(&mut self.known[device].held);
                let was = self.world.place(device).clone();
                self.world.release(device);
                for (site, nonce) in held {
                    let dies = was.dies && !was.unplugged;
                    self.notified((device, site), nonce, dies);
                }
            }
            Op::Group(site, devices) if !self.cut => {
                self.groups[site].extend(&devices);
                let members: Vec<String> = devices.into_iter().map(name).collect();
                let members: Vec<&str> = members.iter().map(String::as_str).collect();
                self.world.turn_to(site);
                self.world.group("group", &members);
            }
            Op::FanOut {
                site,
                devices,
                group,
                deadline,
            } if !self.cut => self.fan_out(site, &devices, group, deadline),
            Op::Group(..) | Op::FanOut { .. } => {}
            Op::Cut(on) => {
                self.cut = on;
                self.world.cut_north(on);
            }
            Op::Pass(seconds) => self.pass(seconds),
        }
    }

    /// All that waits is over.
    fn rest(&mut self) {
        self.play(Op::Cut(false));
        for device in 1..=NATIVE {
            self.play(Op::Release(device));
        }
        self.pass(100);
    }

    /// What came of fan-outs.
    fn judge(&mut self) -> Result<(), TestCaseError> {
        let mut done: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, told) in self.told.iter().enumerate() {
            let about = correlator(number);
            let heard = self.world.correlated(&about);
            let of = |report| heard.iter().filter(move |heard| heard.report == report);
            prop_assert_eq!(of(Report::Results).count(), 1, "results of {}", about);
            prop_assert_eq!(of(Report::Completed).count(), 1, "ends of {}", about);
            let entries = self.world.aggregate(&about).entries;
            let named: Vec<&str> = entries.iter().map(|entry| &*entry.device).collect();
            let targets: Vec<String> = told.of.iter().map(|(device, _)| name(*device)).collect();
            prop_assert_eq!(&named, &targets, "entries of {}", about);
            let well = entries.iter().all(Entry::is_success);
            let overall = self.world.overall(&about);
            prop_assert_eq!(overall == "200", well, "{} of {}", overall, about);
            for (entry, (device, expected)) in entries.iter().zip(&told.of) {
                let fits = match expected {
                    Expected::Done => entry.status == 200,
                    Expected::Refused(code) => entry.status == *code,
                    Expected::Nothing | Expected::Open => [503, 504].contains(&entry.status),
                    Expected::Either => true,
                };
                prop_assert!(fits, "{about}: {entry:?} where {expected:?}");
                let first = entry.commands.first();
                let started = first.is_some_and(|said| (200..300).contains(&said.status));
                *done.entry(*device).or_default() += usize::from(started);
                if *device <= NATIVE {
                    let all = self.world.device(*device).started().iter();
                    let own = all.filter(|exec| exec.correlator.as_ref() == Some(&about));
                    prop_assert_eq!(own.count(), usize::from(started), "{}: {:?}", about, entry);
                }
            }
        }
        for device in 1..=DEVICES {
            let started = match device <= NATIVE {
                true => self.world.device(device).started().len(),
                false => self.world.simple(device).started().len(),
            };
            let told = done.get(&device).copied().unwrap_or_default();
            prop_assert_eq!(started, told, "all that {} did", name(device));
        }
        Ok(())
    }

    /// What the inventories say.
    fn look(
        &mut self,
        certain: impl Fn(&mut Self, usize, usize) -> Option<bool>,
    ) -> Result<(), TestCaseError> {
        for site in 0..SITES {
            self.world.turn_to(site);
            let names = self.world.names();
            let mut said: BTreeMap<String, Vec<bool>> = BTreeMap::new();
            let gateway = self.world.gateway();
            let tree = gateway.tree();
            let inventory = gateway.places().inventory.clone();
            let records = below(&inventory, &names.records);
            let all = tree
                .node(&records)
                .into_iter()
                .flat_map(|node| node.children());
            for (record, _) in all {
                let text = |leaf: &str| tree.text(&below(&records.child(record), leaf));
                let device = text(&names.record_device).unwrap_or_default().to_owned();
                let attached = text(&names.record_status) == Some(&names.status_attached);
                said.entry(device).or_default().push(attached);
            }
            let number = |path: &str| tree.text(&below(&inventory, path)).map(str::to_owned);
            let attached = said
                .values()
                .flatten()
                .filter(|is| **is)
                .count()
                .to_string();
            prop_assert_eq!(number(&names.total), Some(said.len().to_string()));
            prop_assert_eq!(number(&names.attached), Some(attached));
            prop_assert!(gateway.is_idle(), "gateway {} goes on", site);
            for device in 1..=DEVICES {
                let of = said.get(&name(device)).cloned().unwrap_or_default();
                let recorded = self.known[device].recorded[site];
                let (id, at) = (name(device), format!("at gateway {site}"));
                prop_assert_eq!(
                    of.len(),
                    usize::from(recorded),
                    "records of {} {}",
                    &id,
                    &at
                );
                let announced = self.world.announced(site);
                let announced = announced.iter().filter(|known| **known == id).count();
                prop_assert_eq!(announced, usize::from(recorded), "news of {} {}", &id, &at);
                if let (Some(is), Some(must)) = (of.first(), certain(self, site, device)) {
                    prop_assert_eq!(*is, must, "whether {} is attached {}", &id, &at);
                }
            }
        }
        Ok(())
    }

    fn is_there(&mut self, site: usize, device: usize) -> bool {
        let place = self.world.place(device);
        place.site == site && !place.unplugged
    }
}

/// Plays what happens, and looks at what has come of it.
fn holds(ops: Vec<Op>, rules: Option<Arc<dyn Rules>>) -> Result<(), TestCaseError> {
    let mut model = Model::new(rules);
    for op in ops {
        model.play(op);
    }
    model.rest();
    model.judge()?;
    model.look(|model, site, device| model.known[device].attached[site])?;
    // Who has gone shows when something is wanted of it; who comes back says so.
    let everybody: Vec<usize> = (1..=DEVICES).collect();
    for device in 1..=NATIVE {
        model.world.place(device).dies = false;
    }
    for site in 0..SITES {
        model.fan_out(site, &everybody, false, 30);
    }
    model.rest();
    model.judge()?;
    for device in 1..=DEVICES {
        model.play(Op::Deafen(device, false));
        model.attach(device);
    }
    // What is over is not made up for.
    model.judge()?;
    model.look(|model, site, device| Some(model.is_there(site, device)))
}

fn sequences() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..30)
}

/// Fan-outs that overlap, for devices that come now and then.
fn overlaps() -> impl Strategy<Value = Vec<Op>> {
    let fan_out = (1..40_u32).prop_map(|deadline| Op::FanOut {
        site: 0,
        devices: vec![1],
        group: false,
        deadline,
    });
    let op = prop_oneof![
        fan_out,
        Just(Op::Attach(1)),
        Just(Op::Deafen(1, true)),
        (0..20_u64).prop_map(Op::Pass),
    ];
    prop::collection::vec(op, 8..24)
}

/// Two devices between two gateways that are called alike.
fn moves() -> impl Strategy<Value = Vec<Op>> {
    let device = || 1..=2_usize;
    let some = prop::collection::vec(device(), 1..3);
    let fan_out = (0..SITES, some).prop_map(|(site, devices)| Op::FanOut {
        site,
        devices,
        group: false,
        deadline: 10,
    });
    let op = prop_oneof![
        4 => device().prop_map(Op::Attach),
        3 => (device(), 0..SITES).prop_map(|(device, site)| Op::Move(device, site)),
        1 => device().prop_map(Op::Unplug),
        1 => device().prop_map(Op::Plug),
        1 => (device(), any::<bool>()).prop_map(|(device, on)| Op::Deafen(device, on)),
        1 => device().prop_map(Op::Die),
        1 => device().prop_map(Op::Slow),
        1 => device().prop_map(Op::Release),
        1 => (0..20_u64).prop_map(Op::Pass),
        4 => fan_out,
    ];
    prop::collection::vec(op, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_done_twice_or_done_by_others(ops in sequences()) {
        holds(ops, None)?;
    }

    #[test]
    fn devices_that_move_are_told_by_the_gateway_that_they_are_behind(ops in moves()) {
        holds(ops, None)?;
    }

    #[test]
    fn of_fan_outs_that_overlap_each_ends_at_its_own_time(ops in overlaps()) {
        holds(ops, None)?;
    }
}

#[test]
fn a_device_that_moves_back_without_a_word_is_asked_in_vain() {
    let ops = [Op::Attach(3), Op::Move(3, 1), Op::Attach(3), Op::Move(3, 0)];
    holds(ops.to_vec(), None).unwrap();
}

/// How many sequences it may take until a broken gateway is seen.
const BOUND: u32 = 40;

fn is_seen(rules: impl Rules + 'static, sequences: impl Strategy<Value = Vec<Op>>) {
    let rules: Arc<dyn Rules> = Arc::new(rules);
    let config = Config {
        cases: BOUND,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    };
    // The same sequences in every run: a bound that holds once holds always.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&sequences, |ops| holds(ops, Some(Arc::clone(&rules))));
    assert!(matches!(outcome, Err(TestError::Fail(..))), "{outcome:?}");
}

/// What it takes back when a fan-out ends is all that a device was to do.
struct TakesBackAll;

impl Rules for TakesBackAll {
    fn takes_back(&self, _own: bool) -> bool {
        true
    }
}

#[test]
fn a_gateway_is_seen_that_takes_back_what_other_fan_outs_want() {
    is_seen(TakesBackAll, overlaps());
}

/// It takes nothing back when a fan-out ends.
struct TakesBackNothing;

impl Rules for TakesBackNothing {
    fn takes_back(&self, _own: bool) -> bool {
        false
    }
}

#[test]
fn a_gateway_is_seen_that_goes_on_when_a_fan_out_has_ended() {
    is_seen(TakesBackNothing, overlaps());
}

/// It tells all devices.
struct TellsEverybody;

impl Rules for TellsEverybody {
    fn aims(&self, facts: Aimed) -> bool {
        Standard.aims(Aimed {
            named: true,
            ..facts
        })
    }
}

#[test]
fn a_gateway_is_seen_that_tells_devices_outside_the_group() {
    is_seen(TellsEverybody, sequences());
}

/// It tells a device as often as it is named.
struct TellsTwice;

impl Rules for TellsTwice {
    fn aims(&self, facts: Aimed) -> bool {
        Standard.aims(Aimed {
            already: false,
            ..facts
        })
    }
}

#[test]
fn a_gateway_is_seen_that_tells_a_device_twice() {
    is_seen(TellsTwice, sequences());
}

/// It loses the last entry of a report.
struct DropsTheLast;

impl Rules for DropsTheLast {
    fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut entries = entries;
        entries.pop();
        entries
    }
}

#[test]
fn a_gateway_is_seen_that_loses_an_entry() {
    is_seen(DropsTheLast, sequences());
}

/// Its records do not say that a device has gone.
struct MissesWhoGoes;

impl Rules for MissesWhoGoes {
    fn leaves(&self, _attached: bool) -> Leaving {
        Leaving::Kept
    }
}

#[test]
fn a_gateway_is_seen_that_misses_who_goes() {
    is_seen(MissesWhoGoes, sequences());
}
