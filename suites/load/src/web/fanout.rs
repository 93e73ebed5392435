//! Devices behind a gateway, and the server above it: the server has the gateway fan a command out to a group of them, and
//! waits for the report on all. Each fan-out asks for something that no other asks for, and that each device answers
//! otherwise: so it shows what is told to whom, how often, and whose answer is whose.

mod above;
mod below;
mod jury;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, OnceCell};
use twinproof_dm::upper::Act;
use twinproof_gwmo::aggregate::{Aggregate, Entry, Results, Said};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::objects::{CONFIG, FANOUT, INVENTORY};
use twinproof_gwmo::payload;
use twinproof_judge::profile::{Gwmo, Harness};
use twinproof_kernel::Seed;
use twinproof_stage::{Entrance, Network};

use super::carrier::Carrier;
use super::play::{Apart, Play};
use crate::jury::Judgement;
use crate::measure::Outcome;
use crate::run::moment;
use crate::workload::{Operation, Workload};
use above::{Above, Heard, LARGE, ROOM, interior, leaf};
use below::Below;
use jury::{Came, Member};

/// How many devices are put into a group, or read of in the tree, in one message.
const AT_ONCE: usize = 100;

/// How long a fan-out may take, however few devices it is for, and how much longer for each.
const LEAST: Duration = Duration::from_secs(30);
const EACH: Duration = Duration::from_millis(10);

/// How much longer a report on it may take.
const GRACE: Duration = Duration::from_secs(5);

/// How long results are waited for that were not in the report that a fan-out has ended.
const LATER: Duration = Duration::from_secs(2);

/// How long nobody looks whether the last devices are done.
const AGAIN: Duration = Duration::from_millis(20);

/// How many octets a message may have that somebody sends to a device.
const NOTICE: usize = 1 << 16;

/// How long a fan-out to so many devices may take until it is given up.
pub fn fanout_patience(group: u32) -> Duration {
    LEAST + EACH * group + GRACE
}

/// A gateway, as its profile describes it.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// What it is, and the devices behind it.
    pub section: Gwmo,
    /// Where its server is, which is played.
    pub harness: Harness,
}

/// A gateway between the server above it and the devices behind it.
pub(super) struct Fanouts {
    workload: Workload,
    gateway: Gwmo,
    above: Rc<Above>,
    below: Rc<Below>,
    carrier: Rc<Carrier>,
    /// Where the server takes messages, and where devices take notifications, until both do.
    entrances: RefCell<Option<(Entrance, Entrance)>>,
    places: OnceCell<Places>,
    groups: Vec<Group>,
    /// What is in the names of all that this run puts into the gateway.
    mark: String,
    fanouts: Cell<u64>,
    /// Fan-outs that are under way, by what they are called.
    running: RefCell<HashMap<String, Rc<Running>>>,
    /// How many fan-outs were reported of which devices may still be on their way.
    straggling: Cell<usize>,
    /// Descriptions of fan-outs that are over.
    over: RefCell<Vec<String>>,
    began: Instant,
}

/// Where the gateway has what.
struct Places {
    inventory: String,
    fanouts: String,
    /// The setting that was switched off.
    switched_off: Option<String>,
}

/// A group of devices.
#[derive(Default)]
struct Group {
    /// Whoever fans out to it has it for himself.
    turn: Mutex<()>,
    /// How many of its devices have attached.
    attached: Cell<u32>,
    is_made: Cell<bool>,
}

/// A fan-out that is under way.
struct Running {
    number: u64,
    /// The first of its devices.
    first: u32,
    /// Until when the gateway waits for them at least, since it was started later than we began to start it.
    until: Instant,
    apart: Apart,
    /// Which of its devices have answered, and the gateway has taken that in time.
    answered: RefCell<Vec<bool>>,
    /// Nobody is waited for any more.
    closed: Cell<bool>,
    heard: RefCell<Reported>,
    news: Notify,
}

/// What was heard of a fan-out.
#[derive(Default)]
struct Reported {
    /// The beginning of what goes on in the next message.
    begun: String,
    /// All results, as they were reported.
    texts: Vec<String>,
    entries: Vec<Entry>,
    /// Why something of it could not be read.
    unread: Option<String>,
    completed: bool,
}

impl Running {
    /// A device has answered, and the gateway has taken that.
    fn answers(&self, number: u32) {
        let mut answered = self.answered.borrow_mut();
        let place = number
            .checked_sub(self.first)
            .and_then(|place| answered.get_mut(place as usize));
        if let Some(answered) = place
            && !*answered
            && !self.closed.get()
            && Instant::now() < self.until
        {
            *answered = true;
            self.apart.note(Outcome::Answered);
        }
    }

    fn hears(&self, heard: Heard) {
        let mut of = self.heard.borrow_mut();
        match heard.report {
            Report::Results => {
                of.begun.push_str(&heard.value);
                if !heard.more {
                    let text = std::mem::take(&mut of.begun);
                    of.take(text);
                }
            }
            Report::Completed => of.completed = true,
            Report::Attached | Report::Detached | Report::ImageReady => return,
        }
        self.news.notify_one();
    }
}

impl Reported {
    /// Takes results. What is said again word by word says nothing more.
    fn take(&mut self, text: String) {
        if self.texts.contains(&text) {
            return;
        }
        match Aggregate::parse_within(&text, &LARGE) {
            Ok(aggregate) => self.entries.extend(aggregate.entries),
            Err(why) => self.unread = Some(why),
        }
        self.texts.push(text);
    }
}

/// What a fan-out does is a sequence of steps, of which the first that fails is the end.
type Step<T> = Result<T, Outcome>;

impl Fanouts {
    /// The devices of a workload, behind the gateway that a profile describes.
    pub(super) fn new(
        workload: &Workload,
        gateway: &Gateway,
        (network, straight): (&Network, Option<Duration>),
    ) -> Result<Self, String> {
        let Gateway { section, harness } = gateway;
        let count = workload.devices.count;
        let many = section.many.as_ref();
        let known = many.map_or(0, |many| many.count);
        let Some(many) = many.filter(|_| known >= count as usize) else {
            return Err(format!(
                "{} knows {known} devices (gwmo.many), and {count} take part: expected at most {known}",
                section.devices_at
            ));
        };
        let place = |key: &str, listen: &Option<String>| {
            let address: Option<SocketAddr> = listen.as_ref().and_then(|at| at.parse().ok());
            let expected = || {
                format!(
                    "{key}: expected an IP address and a port such as 127.0.0.1:8090, got {:?}",
                    listen.as_deref().unwrap_or_default()
                )
            };
            let entrance = network.entrance(Some(address.ok_or_else(expected)?));
            entrance.map_err(|why| format!("{key}: {why}"))
        };
        let server = place("harness.peer_listen", &harness.peer_listen)?;
        let devices = place("gwmo.many.listen", &many.listen)?;
        let base = harness.peer_advertise.as_deref();
        let base = base.unwrap_or_else(|| server.base()).trim_end_matches('/');
        let url = format!("{base}/dm");
        // A gateway may remember what it had with these devices before.
        let run = moment();
        let seed = Seed::new(workload.seed).derive(&run);
        let mark = format!("T{:x}", run.parse::<u64>().unwrap_or_default());
        let carrier = Rc::new(Carrier::new(network, straight));
        let groups = count.div_ceil(workload.devices.group);
        Ok(Self {
            workload: workload.clone(),
            gateway: section.clone(),
            above: Rc::new(Above::new(section, &url, &carrier, seed.derive("server"))),
            below: Rc::new(Below::new(
                (workload, groups),
                (section, many),
                (&carrier, &mark),
                seed,
            )),
            carrier,
            entrances: RefCell::new(Some((server, devices))),
            places: OnceCell::new(),
            groups: (0..groups).map(|_| Group::default()).collect(),
            mark,
            fanouts: Cell::default(),
            running: RefCell::default(),
            straggling: Cell::default(),
            over: RefCell::default(),
            began: Instant::now(),
        })
    }

    /// Begins to take messages, and makes the gateway ready.
    async fn open(self: &Rc<Self>) -> Step<Places> {
        let impossible = |why: String| Outcome::Impossible(why);
        if let Some((server, devices)) = self.entrances.take() {
            let visits = server.open(ROOM).map_err(impossible)?;
            let fanouts = Rc::clone(self);
            let tell = move |heard: Heard| fanouts.told(heard);
            tokio::task::spawn_local(Rc::clone(&self.above).attend(visits, tell));
            let visits = devices.open(NOTICE).map_err(impossible)?;
            tokio::task::spawn_local(Rc::clone(&self.below).attend(visits));
        }
        let roots = self.above.read(vec![".".to_owned()]).await?;
        let roots: Vec<&str> = roots.iter().flat_map(|names| names.split('/')).collect();
        let types = roots.iter().map(|name| format!("./{name}?prop=Type"));
        let types = self.above.read(types.collect()).await?;
        let at = |kind: &str| {
            let found = types.iter().position(|own| own.starts_with(kind));
            let name = found.and_then(|place| roots.get(place));
            name.map(|name| format!("./{name}")).ok_or_else(|| {
                Outcome::Refused(format!("no object of the type {kind} below the root"))
            })
        };
        let (config, inventory, fanouts) = (at(CONFIG)?, at(INVENTORY)?, at(FANOUT)?);
        // Each announcement of a device would be a session, and load of another kind.
        let setting = format!("{config}/{}", self.gateway.names.report_attached);
        let was = self.above.read(vec![setting.clone()]).await?;
        let is_on = was.first().is_some_and(|value| value == "true");
        if is_on {
            let off = leaf(setting.clone(), Some("bool"), "false");
            self.above
                .manage_well(vec![Act::Replace(off)], "switching announcements off")
                .await?;
        }
        if self.below.has_bystander() {
            // Who is in no group is there to be spared.
            drop(self.below.attaches(self.workload.devices.count).await);
        }
        Ok(Places {
            inventory,
            fanouts,
            switched_off: is_on.then_some(setting),
        })
    }

    /// The gateway reports something.
    fn told(&self, heard: Heard) {
        let running = self.running.borrow().get(&heard.correlator).cloned();
        if let Some(running) = running {
            running.hears(heard);
        }
    }

    fn group_name(&self, group: usize) -> String {
        format!("{}g{group}", self.mark)
    }

    fn group_at(&self, places: &Places, group: usize) -> String {
        let (inventory, groups) = (&places.inventory, &self.gateway.names.groups);
        format!("{inventory}/{groups}/{}", self.group_name(group))
    }

    /// Puts all devices of a group into it.
    async fn make(&self, places: &Places, number: usize) -> Step<()> {
        let names = &self.gateway.names;
        let at = self.group_at(places, number);
        let members = format!("{at}/{}", names.members);
        let called = leaf(
            format!("{at}/{}", names.group_name),
            None,
            &self.group_name(number),
        );
        let setup = vec![interior(at), Act::Add(called), interior(members.clone())];
        self.above
            .manage_well(vec![Act::Sequence(setup)], "making a group")
            .await?;
        let all: Vec<u32> = self.below.members(number).collect();
        for part in all.chunks(AT_ONCE) {
            let adds = part.iter().map(|member| {
                let name = self.below.name(*member);
                Act::Add(leaf(format!("{members}/M{member}"), None, name))
            });
            self.above
                .manage_well(vec![Act::Sequence(adds.collect())], "filling a group")
                .await?;
        }
        self.groups[number].is_made.set(true);
        Ok(())
    }

    /// What describes a fan-out, below this node.
    fn description(&self, at: &str, (number, group): (u64, usize), seconds: u64) -> Act {
        let names = &self.gateway.names;
        let get = Act::Get {
            uri: self.below.asked_at(number),
        };
        let leaves = [
            (&names.payload, Some("xml"), payload::write(&[get])),
            (&names.deadline, Some("int"), seconds.to_string()),
            (&names.target_group, None, self.group_name(group)),
        ];
        let mut setup = vec![interior(at.to_owned())];
        for (path, _, _) in &leaves {
            for (end, _) in path.match_indices('/') {
                let above = interior(format!("{at}/{}", &path[..end]));
                if !setup.contains(&above) {
                    setup.push(above);
                }
            }
        }
        let adds = leaves
            .iter()
            .map(|(path, format, value)| Act::Add(leaf(format!("{at}/{path}"), *format, value)));
        setup.extend(adds);
        Act::Sequence(setup)
    }

    /// A fan-out, from its description to what came of it.
    async fn fan_out(self: &Rc<Self>, places: &Places, group: usize, apart: Apart) -> Step<()> {
        if !self.groups[group].is_made.get() {
            return Err(Outcome::Impossible(
                "its group could not be made".to_owned(),
            ));
        }
        let number = self.fanouts.get() + 1;
        self.fanouts.set(number);
        let members: Vec<u32> = self.below.members(group).collect();
        let patience = LEAST + EACH * u32::try_from(members.len()).unwrap_or(u32::MAX);
        let at = format!("{}/{}f{number}", places.fanouts, self.mark);
        // What is over goes as the next one comes, whether there is anything left of it or not.
        let gone = self.over.take().into_iter().map(|uri| Act::Delete { uri });
        let gone: Vec<Act> = gone.collect();
        let described = self.description(&at, (number, group), patience.as_secs());
        let (deleted, acts) = (gone.len(), gone.into_iter().chain([described]).collect());
        let outcomes = self.above.manage(acts).await?;
        let told = outcomes.iter().skip(deleted);
        let mut told = told.flat_map(|outcome| &outcome.statuses);
        if let Some(told) = told.find(|told| !(200..300).contains(&told.code)) {
            let (code, command) = (told.code, &told.command);
            let why = format!("describing a fan-out: status {code} of {command}");
            return Err(Outcome::Refused(why));
        }
        let correlator = format!("{}c{number}", self.mark);
        let running = Rc::new(Running {
            number,
            first: members.first().copied().unwrap_or_default(),
            until: Instant::now() + patience,
            apart,
            answered: RefCell::new(vec![false; members.len()]),
            closed: Cell::default(),
            heard: RefCell::default(),
            news: Notify::new(),
        });
        let known = Rc::clone(&running);
        self.running.borrow_mut().insert(correlator.clone(), known);
        self.below.begins(group, &running);
        let start = Act::Exec {
            uri: format!("{at}/{}", self.gateway.names.start),
            correlator: Some(correlator.clone()),
            data: None,
        };
        let came = match self.above.manage_well(vec![start], "starting").await {
            Ok(_) => {
                self.ended(&running, (&members, &at), patience + GRACE)
                    .await
            }
            Err(outcome) => Err(outcome),
        };
        self.running.borrow_mut().remove(&correlator);
        self.over.borrow_mut().push(at);
        let silent = running
            .answered
            .borrow()
            .iter()
            .filter(|did| !**did)
            .count();
        (0..silent).for_each(|_| running.apart.note(Outcome::Lost));
        came
    }

    /// Waits until what became of all devices was reported, and looks at it.
    async fn ended(
        &self,
        running: &Running,
        (members, at): (&[u32], &str),
        patience: Duration,
    ) -> Step<()> {
        let (since, mut completed) = (Instant::now(), None);
        let fetched = self.gateway.results == Results::Fetched;
        loop {
            let left = patience.saturating_sub(since.elapsed());
            {
                let heard = running.heard.borrow();
                let all = match fetched {
                    true => !heard.texts.is_empty(),
                    false => heard.unread.is_some() || heard.entries.len() >= members.len(),
                };
                if heard.completed && completed.is_none() {
                    completed = Some(Instant::now());
                }
                // What else is to be said of it may come in a message of its own.
                let late = completed.is_some_and(|at: Instant| at.elapsed() >= LATER);
                if all || late || left.is_zero() {
                    break;
                }
            }
            let next = completed.map_or(left, |_| left.min(LATER));
            drop(tokio::time::timeout(next, running.news.notified()).await);
        }
        if fetched {
            let entries = self.fetch(at).await?;
            let mut heard = running.heard.borrow_mut();
            // The report says where they are, and nothing else.
            (heard.entries, heard.unread) = (entries, None);
        }
        self.judge(running, members)
    }

    /// Holds what was reported against what devices have done.
    fn judge(&self, running: &Running, members: &[u32]) -> Step<()> {
        let heard = running.heard.borrow();
        if let Some(why) = &heard.unread {
            return Err(Outcome::Refused(format!(
                "a report that cannot be read: {why}"
            )));
        }
        if heard.texts.is_empty() {
            return Err(Outcome::Lost);
        }
        let answered = running.answered.borrow();
        let members = members.iter().zip(answered.iter());
        let members: Vec<Member<'_>> = members
            .map(|(member, answered)| Member {
                name: self.below.name(*member),
                says: self.below.says(*member, running.number),
                answered: *answered,
            })
            .collect();
        let text = heard.texts.concat();
        let said = (self.began.elapsed(), text.as_bytes());
        let mut jury = self.below.jury.borrow_mut();
        match jury.sees(&members, &heard.entries, said) {
            Came::Whole => Ok(()),
            Came::Partly(code) => Err(Outcome::Refused(format!(
                "a report by which not all devices did it: {code}"
            ))),
            Came::Wrong => Err(Outcome::Refused("a report that is wrong".to_owned())),
        }
    }

    /// Reads the results of a fan-out in the gateway's tree.
    async fn fetch(&self, at: &str) -> Step<Vec<Entry>> {
        let names = &self.gateway.names;
        let results = format!("{at}/{}", names.results);
        let instances = self.above.read(vec![results.clone()]).await?;
        let instances = instances.iter().flat_map(|names| names.split('/'));
        let instances: Vec<&str> = instances.filter(|name| !name.is_empty()).collect();
        let mut entries = Vec::new();
        for part in instances.chunks(AT_ONCE) {
            let leaves = [
                &names.result_device,
                &names.result_status,
                &names.result_data,
            ];
            let uris = part
                .iter()
                .flat_map(|name| leaves.map(|leaf| format!("{results}/{name}/{leaf}")));
            let read = self.above.read(uris.collect()).await?;
            entries.extend(read.chunks_exact(leaves.len()).map(|leaves| Entry {
                device: leaves[0].clone(),
                status: leaves[1].parse().unwrap_or_default(),
                commands: vec![Said {
                    status: leaves[1].parse().unwrap_or_default(),
                    values: leaves[2].lines().map(str::to_owned).collect(),
                }],
            }));
        }
        Ok(entries)
    }
}

impl Play for Fanouts {
    async fn prepare(self: Rc<Self>, member: u32) -> Outcome {
        let places = match self.places.get_or_try_init(|| self.open()).await {
            Ok(places) => places,
            Err(outcome) => return outcome,
        };
        let attached = self.below.attaches(member).await;
        if attached != Outcome::Answered {
            return attached;
        }
        let Some(number) = self.below.group_of(member) else {
            return Outcome::Answered;
        };
        let group = &self.groups[number];
        group.attached.set(group.attached.get() + 1);
        // The last of them makes the group.
        if group.attached.get() as usize == self.below.members(number).len() {
            return match self.make(places, number).await {
                Ok(()) => Outcome::Answered,
                Err(outcome) => outcome,
            };
        }
        Outcome::Answered
    }

    async fn perform(self: Rc<Self>, _: Operation, member: u32, apart: Apart) -> Outcome {
        let (Some(places), Some(group)) = (self.places.get(), self.below.group_of(member)) else {
            return Outcome::Impossible("the gateway was not made ready".to_owned());
        };
        let _turn = self.groups[group].turn.lock().await;
        match self.fan_out(places, group, apart).await {
            Ok(()) => Outcome::Answered,
            Err(outcome) => outcome,
        }
    }

    fn carried(&self) -> (u64, u64) {
        self.carrier.carried()
    }

    fn judgement(&self) -> Judgement {
        self.below.jury.borrow().judgement()
    }

    async fn leave(self: Rc<Self>) {
        let Some(places) = self.places.get() else {
            return;
        };
        while self.straggling.get() > 0 {
            tokio::time::sleep(AGAIN).await;
        }
        let made = self.groups.iter().enumerate();
        let made = made.filter(|(_, group)| group.is_made.get());
        let groups = made.map(|(number, _)| self.group_at(places, number));
        let over = self.over.take().into_iter().chain(groups);
        let mut acts: Vec<Act> = over.map(|uri| Act::Delete { uri }).collect();
        if let Some(setting) = &places.switched_off {
            acts.push(Act::Replace(leaf(setting.clone(), Some("bool"), "true")));
        }
        for part in acts.chunks(AT_ONCE) {
            // What cannot be taken away stays.
            drop(self.above.manage(part.to_vec()).await);
        }
    }
}
