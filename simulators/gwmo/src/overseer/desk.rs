//! What is wanted of gateways, and how far it is.

mod told;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use twinproof_dm::server::Application;
use twinproof_dm::syncml::{Alert, StatusCode};
use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Act, Errand, Event, Outcome, Put, Reading, Value};
use twinproof_kernel::{CallId, Seed};

use super::Shared;
use super::describe::{Description, text};
use super::rules::{Known, Offer};
use crate::alert::Report;
use crate::objects::{CONFIG, FANOUT, IMAGES, INVENTORY, Names, Places, TRIGGERS, below};
use crate::payload;
use told::{instances, words};

/// Where a device says which model it is.
const MODEL: &str = "./DevInfo/Mod";

/// From here on calls are the desk's own: whoever stands above counts from the other end.
pub(super) const OWN: u64 = 1 << 63;

/// Something that has been described to a gateway, and is started there.
#[derive(Clone, Debug)]
struct Described {
    at: NodeUri,
    group: Option<NodeUri>,
    correlator: String,
    kind: Kind,
}

/// What is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An image whose octets are brought with it: nothing is started.
    Brought,
    FanOut,
    /// An image that the gateway gets.
    Image,
    Notification,
}

impl Described {
    fn is_image(&self) -> bool {
        matches!(self.kind, Kind::Brought | Kind::Image)
    }
}

/// What is being done.
#[derive(Clone, Debug)]
enum Stage {
    /// Where the gateway has its objects is being asked.
    Finding,
    /// Which devices it knows is being asked.
    Listing,
    /// A setting is being written.
    Setting,
    Describing(Described),
    /// It runs until the gateway says that it is over.
    Started(Described),
    /// What has come of it is being read.
    Gathering(Described),
    /// What was described is being removed.
    Clearing,
}

/// Whom a fan-out is for.
enum Target {
    Devices(Vec<String>),
    /// A group that is there, by what it is called.
    Group(String),
}

#[derive(Clone, Debug)]
struct Running {
    gateway: String,
    errand: Errand,
    stage: Stage,
    /// Where the gateway has its objects, once that is known: another time they may be elsewhere.
    places: Places,
    /// What the gateway is asked meanwhile.
    open: Vec<CallId>,
    outcomes: Vec<Outcome>,
}

/// All that is wanted of gateways.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    seed: Seed,
    calls: u64,
    drawn: u64,
    running: Vec<Running>,
    /// What gateways were not asked for yet, by the gateway.
    waiting: BTreeMap<String, VecDeque<(CallId, Act)>>,
    /// Gateways that were asked for something in the session that they are in.
    busy: BTreeSet<String>,
    /// Where groups are that the application wants, by the gateway and by what they are called.
    groups: BTreeMap<(String, String), NodeUri>,
    /// The octets of images, by where they come from, and of notifications, by the device.
    carried: BTreeMap<String, Vec<u8>>,
    /// Which devices gateways had when they were asked last, by the gateway.
    known: BTreeMap<String, Vec<Known>>,
    /// Where devices take notifications, as their gateways say.
    addresses: BTreeMap<String, String>,
    /// Where gateways have images, by the gateway and by where the image comes from.
    images: BTreeMap<(String, String), String>,
    /// Where devices are that are to be visited.
    visits: Vec<String>,
    told: Vec<Event>,
}

/// The desk with what it goes by.
pub(super) struct Attended<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) shared: &'a Shared,
}

impl Desk {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            seed,
            calls: OWN,
            drawn: 0,
            running: Vec::new(),
            waiting: BTreeMap::new(),
            busy: BTreeSet::new(),
            groups: BTreeMap::new(),
            carried: BTreeMap::new(),
            known: BTreeMap::new(),
            addresses: BTreeMap::new(),
            images: BTreeMap::new(),
            visits: Vec::new(),
            told: Vec::new(),
        }
    }

    pub(super) fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    /// Where a device takes notifications, if its gateway has said so.
    pub(super) fn address_of(&self, device: &str) -> Option<String> {
        self.addresses.get(device).cloned()
    }

    /// Where devices are that are to be visited.
    pub(super) fn take_visits(&mut self) -> Vec<String> {
        std::mem::take(&mut self.visits)
    }

    /// Takes octets that a gateway is to be brought: of an image, by where it comes from, or of a notification, by
    /// the device.
    pub(super) fn carry(&mut self, what: &str, octets: Vec<u8>) {
        self.carried.insert(what.to_owned(), octets);
    }

    /// What the application is to be told.
    pub(super) fn take_told(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.told)
    }

    /// A name that nothing has yet.
    fn name(&mut self, kind: &str) -> String {
        self.drawn += 1;
        let mut rng = self.seed.derive(&self.drawn.to_string()).rng();
        format!("{kind}{:08X}", rng.u32(..))
    }
}

impl Attended<'_> {
    /// Begins with something, once the gateway comes.
    pub(super) fn begin(&mut self, gateway: &str, errand: Errand) {
        let running = Running {
            gateway: gateway.to_owned(),
            errand,
            stage: Stage::Finding,
            places: Places::default(),
            open: Vec::new(),
            outcomes: Vec::new(),
        };
        let uri = ".?list=Struct".to_owned();
        let first = self.wait(running, vec![Act::Get { uri }]);
        let waiting = self.desk.waiting.entry(gateway.to_owned());
        waiting.or_default().extend(first);
    }

    /// What a gateway is asked for now, of this and of what waits.
    fn ask(&mut self, gateway: &str, wanted: Vec<(CallId, Act)>) -> Vec<(CallId, Act)> {
        let waiting = self.desk.waiting.entry(gateway.to_owned()).or_default();
        waiting.extend(wanted);
        let mut asked = Vec::new();
        while self.shared.rules.adds(self.desk.busy.contains(gateway))
            && let Some(next) = waiting.pop_front()
        {
            asked.push(next);
            self.desk.busy.insert(gateway.to_owned());
        }
        asked
    }

    /// Waits until the gateway has done this.
    fn wait(&mut self, mut running: Running, acts: Vec<Act>) -> Vec<(CallId, Act)> {
        let wanted: Vec<(CallId, Act)> = acts
            .into_iter()
            .map(|act| (self.desk.call(), act))
            .collect();
        running.open = wanted.iter().map(|(call, _)| *call).collect();
        running.outcomes.clear();
        self.desk.running.push(running);
        wanted
    }

    /// The first thing to do once it is known where the objects are.
    fn set_out(&mut self, mut running: Running) -> Vec<(CallId, Act)> {
        let (names, rules) = (&self.shared.names, &self.shared.rules);
        let places = &running.places.clone();
        let switch = |path: &str, on: bool| {
            let at = below(&places.config, path);
            vec![Act::Replace(text(
                &at,
                "bool",
                &rules.switches(on).to_string(),
            ))]
        };
        let stage = |stage| Running {
            stage,
            ..running.clone()
        };
        match running.errand.clone() {
            Errand::Announce(on) => {
                self.wait(stage(Stage::Setting), switch(&names.report_attached, on))
            }
            Errand::Keep(on) => self.wait(stage(Stage::Setting), switch(&names.keep_images, on)),
            Errand::About { device } if !rules.consults(true) => {
                let (devices, uri) = (vec![device], MODEL.to_owned());
                running.errand = Errand::Read { devices, uri };
                self.set_out(running)
            }
            Errand::About { .. } | Errand::List => self.list(stage(Stage::Listing), places),
            Errand::Group { group, devices } => {
                let acts = self.group(&running.gateway, places, (group, devices));
                self.wait(stage(Stage::Setting), acts)
            }
            Errand::ReadGroup { group, uri } => {
                self.describe(running, places, &Target::Group(group), &Act::Get { uri })
            }
            Errand::Read { devices, .. } if devices.is_empty() => {
                let known = self.desk.known.get(&running.gateway).cloned();
                match known.filter(|_| !rules.looks_again(true)) {
                    Some(known) => self.listed(running, known),
                    None => self.list(stage(Stage::Listing), places),
                }
            }
            Errand::Read { devices, uri } => {
                self.fan_out(running, places, devices, &Act::Get { uri })
            }
            Errand::Change {
                devices,
                uri,
                value,
            } => {
                let act = Act::Replace(Put {
                    uri,
                    format: Some("chr".to_owned()),
                    media_type: None,
                    value: Some(Value::Text(value)),
                });
                self.fan_out(running, places, devices, &act)
            }
            Errand::Distribute {
                devices,
                source,
                uri,
            } => {
                let key = (running.gateway.clone(), source.clone());
                let has = self.desk.images.get(&key).cloned();
                match has.filter(|_| !rules.fetches(true)) {
                    Some(local) => {
                        running.errand = self.offered(devices, uri, (local, source));
                        self.set_out(running)
                    }
                    None => self.image(running, places, &source),
                }
            }
            Errand::Wake { device, .. } => self.hand_in(running, places, &device),
        }
    }

    fn list(&mut self, running: Running, places: &Places) -> Vec<(CallId, Act)> {
        let records = below(&places.inventory, &self.shared.names.records);
        let uri = format!("{records}?list=StructData");
        self.wait(running, vec![Act::Get { uri }])
    }

    /// Devices are to be told where they get an image.
    fn offered(
        &self,
        devices: Vec<String>,
        uri: String,
        (gateway, origin): (String, String),
    ) -> Errand {
        Errand::Change {
            devices,
            uri,
            value: self.shared.rules.offers(Offer { gateway, origin }),
        }
    }

    fn image(&mut self, running: Running, places: &Places, source: &str) -> Vec<(CallId, Act)> {
        let names = &self.shared.names;
        let at = below(&places.images, &names.images).child(self.desk.name("I"));
        let described = Description::of(&at);
        let (described, kind) = match self.desk.carried.remove(source) {
            Some(octets) => (
                described.octets(&at, &names.image_data, octets),
                Kind::Brought,
            ),
            None => (
                described.leaf(&at, &names.image_source, ("chr", source)),
                Kind::Image,
            ),
        };
        let stage = Stage::Describing(Described {
            at,
            group: None,
            correlator: self.desk.name("image-"),
            kind,
        });
        let act = described.into_act();
        self.wait(Running { stage, ..running }, vec![act])
    }

    /// Puts a notification into the gateway's object that is to be brought to a device.
    fn hand_in(&mut self, running: Running, places: &Places, device: &str) -> Vec<(CallId, Act)> {
        let names = &self.shared.names;
        let octets = self.desk.carried.remove(device).unwrap_or_default();
        let at = below(&places.triggers, &names.triggers).child(self.desk.name("T"));
        let described = Description::of(&at)
            .leaf(&at, &names.trigger_device, ("chr", device))
            .octets(&at, &names.trigger_octets, octets);
        let stage = Stage::Describing(Described {
            at,
            group: None,
            correlator: self.desk.name("notification-"),
            kind: Kind::Notification,
        });
        let act = described.into_act();
        self.wait(Running { stage, ..running }, vec![act])
    }

    fn fan_out(
        &mut self,
        running: Running,
        places: &Places,
        devices: Vec<String>,
        act: &Act,
    ) -> Vec<(CallId, Act)> {
        let rules = &self.shared.rules;
        let devices = rules.aims(devices);
        let several = devices.len() > 1;
        if several && !rules.gathers(several) {
            let each = devices.into_iter().flat_map(|device| {
                let running = running.clone();
                self.describe(running, places, &Target::Devices(vec![device]), act)
            });
            return each.collect();
        }
        self.describe(running, places, &Target::Devices(devices), act)
    }

    /// What makes a group that the application wants what it is to be.
    fn group(
        &mut self,
        gateway: &str,
        places: &Places,
        (group, devices): (String, Vec<String>),
    ) -> Vec<Act> {
        let (names, rules) = (&self.shared.names, &self.shared.rules);
        let key = (gateway.to_owned(), group.clone());
        let before = self.desk.groups.remove(&key);
        let before = before.filter(|_| rules.dissolves(true));
        let mut acts: Vec<Act> = before.map(remove).into_iter().collect();
        let devices = rules.puts_together(devices);
        if !devices.is_empty() {
            let at = below(&places.inventory, &names.groups).child(self.desk.name("G"));
            acts.push(members(names, &at, &group, &devices));
            self.desk.groups.insert(key, at);
        }
        acts
    }

    /// Describes one fan-out; several devices are put into a group of their own.
    fn describe(
        &mut self,
        running: Running,
        places: &Places,
        target: &Target,
        act: &Act,
    ) -> Vec<(CallId, Act)> {
        let names = &self.shared.names;
        let at = places.fanouts.child(self.desk.name("F"));
        let seconds = self.shared.deadline.as_secs().to_string();
        let fan_out = Description::of(&at)
            .leaf(
                &at,
                &names.payload,
                ("xml", &payload::write(std::slice::from_ref(act))),
            )
            .leaf(&at, &names.deadline, ("int", &seconds));
        let (acts, group) = match target {
            Target::Group(called) => {
                let fan_out = fan_out.leaf(&at, &names.target_group, ("chr", called));
                (vec![fan_out.into_act()], None)
            }
            Target::Devices(devices) if !self.shared.rules.groups(devices.len() > 1) => {
                let named = (1..)
                    .zip(devices)
                    .fold(fan_out, |fan_out, (number, device)| {
                        let leaf = format!("{}/{number}", names.target_devices);
                        fan_out.leaf(&at, &leaf, ("chr", device))
                    });
                (vec![named.into_act()], None)
            }
            Target::Devices(devices) => {
                let called = self.desk.name("G");
                let group = below(&places.inventory, &names.groups).child(&called);
                let together = members(names, &group, &called, devices);
                let fan_out = fan_out.leaf(&at, &names.target_group, ("chr", &called));
                (vec![together, fan_out.into_act()], Some(group))
            }
        };
        let stage = Stage::Describing(Described {
            at,
            group,
            correlator: self.desk.name("fan-out-"),
            kind: Kind::FanOut,
        });
        self.wait(Running { stage, ..running }, acts)
    }

    fn start(&self, described: &Described) -> Act {
        let names = &self.shared.names;
        let start = match described.kind {
            Kind::Brought | Kind::Image => &names.image_download,
            Kind::FanOut => &names.start,
            Kind::Notification => &names.trigger_start,
        };
        Act::Exec {
            uri: below(&described.at, start).to_string(),
            correlator: Some(described.correlator.clone()),
            data: None,
        }
    }

    /// Goes on, as the gateway has done all that it was asked.
    fn go_on(&mut self, mut running: Running) -> Vec<(CallId, Act)> {
        let codes = running
            .outcomes
            .iter()
            .flat_map(|outcome| &outcome.statuses);
        let failed = codes.map(|told| told.code).find(|code| *code >= 400);
        let read = running.outcomes.iter().flat_map(|outcome| &outcome.results);
        match running.stage.clone() {
            Stage::Finding => {
                let places = found(read);
                running.places = self.shared.rules.finds(places);
                self.set_out(running)
            }
            Stage::Listing => {
                let at = below(&running.places.inventory, &self.shared.names.records);
                if let Errand::About { device } = &running.errand {
                    self.tell_about(device, instances(&at, read));
                    return Vec::new();
                }
                let known = self.known(&at, read);
                let gateway = running.gateway.clone();
                self.desk.known.insert(gateway, known.clone());
                self.listed(running, known)
            }
            Stage::Describing(_) | Stage::Started(_) if failed.is_some() => {
                self.fail(&running, failed.unwrap_or_default());
                Vec::new()
            }
            Stage::Describing(described) if described.kind == Kind::Brought => {
                self.over(running, described)
            }
            Stage::Describing(described) => {
                let act = self.start(&described);
                running.stage = Stage::Started(described);
                self.wait(running, vec![act])
            }
            Stage::Started(described) if described.kind == Kind::Notification => Vec::new(),
            // It is over once the gateway says so.
            Stage::Started(_) => {
                self.desk.running.push(running);
                Vec::new()
            }
            Stage::Gathering(described) if described.is_image() => {
                let local = read.filter_map(words).next().unwrap_or_default();
                let Errand::Distribute {
                    devices,
                    source,
                    uri,
                } = running.errand.clone()
                else {
                    return Vec::new();
                };
                let key = (running.gateway.clone(), source.clone());
                self.desk.images.insert(key, local.clone());
                running.errand = self.offered(devices, uri, (local, source));
                self.set_out(running)
            }
            Stage::Gathering(described) => {
                let entries = self.entries(&below(&described.at, &self.shared.names.results), read);
                let entries = self.shared.rules.tells(entries);
                self.tell(&running.errand, entries);
                let left = std::iter::once(described.at).chain(described.group);
                let left = left.map(remove).collect();
                running.stage = Stage::Clearing;
                self.wait(running, left)
            }
            Stage::Setting | Stage::Clearing => Vec::new(),
        }
    }

    /// The gateway says that something is over.
    fn over(&mut self, mut running: Running, described: Described) -> Vec<(CallId, Act)> {
        let names = &self.shared.names;
        let uri = match described.is_image() {
            true => below(&described.at, &names.image_local).to_string(),
            false => format!("{}?list=StructData", below(&described.at, &names.results)),
        };
        let mut acts = vec![Act::Get { uri }];
        if self.shared.rules.starts_again(true) {
            acts.push(self.start(&described));
        }
        running.stage = Stage::Gathering(described);
        self.wait(running, acts)
    }

    /// The devices of a gateway are known: the application is told, or something is wanted of those that are there.
    fn listed(&mut self, mut running: Running, known: Vec<Known>) -> Vec<(CallId, Act)> {
        let rules = &self.shared.rules;
        for known in &known {
            if let Some(address) = &known.address {
                let (device, address) = (known.device.clone(), address.clone());
                if rules.visits(known.clone()) {
                    self.desk.visits.push(address.clone());
                }
                self.desk.addresses.insert(device, address);
            }
        }
        let Errand::Read { uri, .. } = &running.errand else {
            let gateway = rules.files(running.gateway);
            let all = rules.lists(known).into_iter().map(|known| Event::Listed {
                gateway: gateway.clone(),
                device: known.device,
                attached: known.attached,
            });
            self.desk.told.extend(all);
            return Vec::new();
        };
        let there = known
            .into_iter()
            .filter(|known| rules.addresses(known.clone()));
        let devices: Vec<String> = there.map(|known| known.device).collect();
        if devices.is_empty() {
            return Vec::new();
        }
        let uri = uri.clone();
        running.errand = Errand::Read { devices, uri };
        self.set_out(running)
    }
}

impl Application for Attended<'_> {
    fn takes(&mut self, alert: &Alert) -> Option<StatusCode> {
        let mut kinds = alert.items.iter().filter_map(|item| {
            let meta = item.meta.as_ref()?;
            Report::of(meta.media_type.as_deref()?)
        });
        kinds.next().map(|report| self.shared.rules.takes(report))
    }

    fn next(
        &mut self,
        device: &str,
        news: &[Event],
        done: &[(CallId, Outcome)],
    ) -> Vec<(CallId, Act)> {
        let begins =
            |event: &Event| matches!(event, Event::Started { device: who, .. } if who == device);
        if news.iter().any(begins) {
            self.desk.busy.remove(device);
        }
        let mut wanted = Vec::new();
        for (call, outcome) in done {
            let mut all = self.desk.running.iter();
            let Some(at) = all.position(|running| running.open.contains(call)) else {
                continue;
            };
            let running = &mut self.desk.running[at];
            running.open.retain(|open| open != call);
            running.outcomes.push(outcome.clone());
            if running.open.is_empty() {
                let running = self.desk.running.remove(at);
                wanted.extend(self.go_on(running));
            }
        }
        for event in news {
            let Event::Alerted {
                types, correlator, ..
            } = event
            else {
                continue;
            };
            let reports: Vec<Report> = types.iter().filter_map(|kind| Report::of(kind)).collect();
            let ends = |described: &Described| {
                let kinds: &[Report] = match described.is_image() {
                    true => &[Report::ImageReady],
                    false => &[Report::Results, Report::Completed],
                };
                let own = correlator.as_ref() == Some(&described.correlator);
                own && reports.iter().any(|report| kinds.contains(report))
            };
            let over = self.desk.running.iter().position(|running| {
                let about = matches!(&running.stage, Stage::Started(described) if ends(described));
                about && running.gateway == device
            });
            if let Some(at) = over {
                let running = self.desk.running.remove(at);
                if let Stage::Started(described) = running.stage.clone() {
                    wanted.extend(self.over(running, described));
                }
            }
        }
        self.ask(device, wanted)
    }
}

/// What makes a group of devices.
fn members(names: &Names, at: &NodeUri, called: &str, devices: &[String]) -> Act {
    let group = Description::of(at).leaf(at, &names.group_name, ("chr", called));
    let numbered = (1..).zip(devices);
    let group = numbered.fold(group, |group, (number, device)| {
        let leaf = format!("{}/{number}", names.members);
        group.leaf(at, &leaf, ("chr", device))
    });
    group.into_act()
}

fn remove(at: NodeUri) -> Act {
    Act::Delete {
        uri: at.to_string(),
    }
}

/// Where objects are, by what was read of the types of nodes.
fn found<'r>(read: impl Iterator<Item = &'r Reading>) -> Places {
    let mut places = Places::default();
    for reading in read {
        let (Some(kind), Ok(uri)) = (&reading.media_type, reading.uri.parse::<NodeUri>()) else {
            continue;
        };
        let wanted = [
            (&mut places.config, CONFIG),
            (&mut places.inventory, INVENTORY),
            (&mut places.fanouts, FANOUT),
            (&mut places.images, IMAGES),
            (&mut places.triggers, TRIGGERS),
        ];
        for (place, start) in wanted {
            if kind.starts_with(start) && place.is_root() {
                place.clone_from(&uri);
            }
        }
    }
    places
}
