//! The devices behind a gateway: they come when they are notified, and do what they are told.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc};
use twinproof_dm::client::{self, Client, End};
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::syncml::Command;
use twinproof_dm::tree::NodeUri;
use twinproof_judge::profile::{Gwmo, GwmoMany};
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as _, Seed, Time};
use twinproof_stage::Visit;

use super::super::carrier::{Carrier, kind};
use super::super::dm::contains;
use super::Running;
use super::jury::{Jury, Watched};
use crate::measure::Outcome;
use crate::workload::Workload;

/// Messages of a session that a device sends before it gives up.
const MESSAGES: u32 = 100;

/// How many devices may be in sessions at the same time: each has a connection. The others wait, and that counts as the
/// gateway's time.
const AT_ONCE: usize = 512;

/// Below what devices have what they are asked for.
const ASKED: &str = "./Vendor/Open";

/// All devices.
pub(super) struct Below {
    workload: Workload,
    shared: client::Shared,
    /// Where the gateway takes their messages, and as what they know it.
    url: String,
    many: GwmoMany,
    factory: Tree,
    seed: Seed,
    names: Vec<String>,
    devices: Vec<RefCell<Device>>,
    /// The fan-out to each group that was begun last.
    current: Vec<RefCell<Option<Rc<Running>>>>,
    /// The groups that fan-outs are for, by their numbers from 1.
    aims: RefCell<Vec<usize>>,
    places: Semaphore,
    carrier: Rc<Carrier>,
    mark: String,
    began: Instant,
    pub(super) jury: RefCell<Jury>,
}

#[derive(Default)]
struct Device {
    client: Option<Box<Client>>,
    /// What it can be asked for now.
    asked: Option<NodeUri>,
    /// It was told what this fan-out wants, in the session that goes on.
    told: Option<Rc<Running>>,
}

impl Below {
    /// The devices of a workload, in so many groups, behind a gateway; `mark` is in the names of all that they are asked for.
    pub(super) fn new(
        (workload, groups): (&Workload, u32),
        (gateway, many): (&Gwmo, &GwmoMany),
        (carrier, mark): (&Rc<Carrier>, &str),
        seed: Seed,
    ) -> Self {
        // One more, if the gateway knows one, is in no group.
        let count = many.count.min(workload.devices.count as usize + 1);
        let names = (0..count).map(|after| many.account_of(after).device);
        Self {
            workload: workload.clone(),
            shared: client::Shared {
                max_messages: MESSAGES,
                user: false,
                ..client::Shared::default()
            },
            url: gateway.devices_at.clone(),
            many: many.clone(),
            factory: Tree::new(Arc::new(Profile::builtin())),
            seed,
            names: names.collect(),
            devices: (0..count).map(|_| RefCell::default()).collect(),
            current: (0..groups).map(|_| RefCell::default()).collect(),
            aims: RefCell::default(),
            places: Semaphore::new(AT_ONCE),
            carrier: Rc::clone(carrier),
            mark: mark.to_owned(),
            began: Instant::now(),
            jury: RefCell::default(),
        }
    }

    /// Whether there is one that is in no group.
    pub(super) fn has_bystander(&self) -> bool {
        self.names.len() > self.workload.devices.count as usize
    }

    /// The group that a device is in.
    pub(super) fn group_of(&self, number: u32) -> Option<usize> {
        let devices = &self.workload.devices;
        (number < devices.count).then_some((number / devices.group) as usize)
    }

    /// The devices of a group.
    pub(super) fn members(&self, group: usize) -> Range<u32> {
        let devices = &self.workload.devices;
        let first = u32::try_from(group)
            .unwrap_or(u32::MAX)
            .saturating_mul(devices.group);
        first.min(devices.count)..first.saturating_add(devices.group).min(devices.count)
    }

    /// What a device calls itself.
    pub(super) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }

    /// What a device says that is asked in a fan-out.
    pub(super) fn says(&self, number: u32, fanout: u64) -> String {
        format!("{} in fan-out {fanout}", self.name(number))
    }

    /// Where devices are asked for something in a fan-out.
    pub(super) fn asked_at(&self, fanout: u64) -> String {
        format!("{ASKED}/{}x{fanout}x", self.mark)
    }

    /// The fan-outs whose commands are among these.
    fn told_in(&self, commands: &[Command]) -> Vec<u64> {
        let mut found = Vec::new();
        for command in commands {
            match command {
                Command::Atomic(block) | Command::Sequence(block) => {
                    found.extend(self.told_in(&block.commands));
                }
                Command::Get(request) => {
                    let targets = request.items.iter().filter_map(|item| item.target.as_ref());
                    found.extend(targets.filter_map(|target| {
                        let rest = target.uri.split_once(&*self.mark)?.1.strip_prefix('x')?;
                        rest.split_once('x')?.0.parse::<u64>().ok()
                    }));
                }
                _ => {}
            }
        }
        found
    }

    /// A fan-out to a group begins.
    pub(super) fn begins(&self, group: usize, running: &Rc<Running>) {
        let mut aims = self.aims.borrow_mut();
        let place = running.number as usize;
        if aims.len() <= place {
            aims.resize(place + 1, usize::MAX);
        }
        aims[place] = group;
        *self.current[group].borrow_mut() = Some(Rc::clone(running));
    }

    /// Takes what is brought to devices.
    pub(super) async fn attend(self: Rc<Self>, mut visits: mpsc::UnboundedReceiver<Visit>) {
        while let Some(visit) = visits.recv().await {
            let response = Rc::clone(&self).notified(&visit.request);
            visit.respond(response.unwrap_or_else(|| Response::new(404)));
        }
    }

    /// A device is notified, as the first part of the path says.
    fn notified(self: Rc<Self>, request: &Request) -> Option<Response> {
        let (number, _) = request.path().strip_prefix('/')?.split_once('/')?;
        let number: u32 = number.parse().ok()?;
        self.devices
            .get(number as usize)?
            .borrow()
            .client
            .as_ref()?;
        self.look_up(number);
        let exchange = ExchangeId(0);
        let (response, next) = self.feed(number, Input::Request { exchange, request });
        if let Some(next) = next {
            tokio::task::spawn_local(async move { self.converses(number, next).await });
        }
        response
    }

    /// A device finds what it will be asked for.
    fn look_up(&self, number: u32) {
        let Some(group) = self.group_of(number) else {
            return;
        };
        let current = self.current[group].borrow();
        let Some(running) = current.as_ref() else {
            return;
        };
        let mut device = self.devices[number as usize].borrow_mut();
        let at: Option<NodeUri> = self.asked_at(running.number).parse().ok();
        if at == device.asked {
            return;
        }
        let before = std::mem::replace(&mut device.asked, at.clone());
        if let Some(client) = &mut device.client {
            if let Some(before) = before {
                client.tree_mut().remove(&before);
            }
            if let Some(at) = at {
                let says = self.says(number, running.number);
                client.tree_mut().set(&at, says);
            }
        }
    }

    /// Hands a device something; with what it responds, and what it sends next.
    fn feed(
        &self,
        number: u32,
        input: Input<'_, client::Order>,
    ) -> (Option<Response>, Option<(ExchangeId, Request)>) {
        let mut out = Outbox::default();
        let now = Time::ZERO + self.began.elapsed();
        let mut device = self.devices[number as usize].borrow_mut();
        if let Some(client) = &mut device.client {
            client.handle(&self.shared, now, input, &mut out);
        }
        let (mut response, mut next) = (None, None);
        for output in out.drain() {
            match output {
                Output::Respond { response: own, .. } => response = Some(own),
                Output::Request { exchange, request } => next = Some((exchange, request)),
                _ => {}
            }
        }
        (response, next)
    }

    /// A device says what it has to say, until its sessions have ended; with how the last one did.
    async fn converses(&self, number: u32, first: (ExchangeId, Request)) -> Outcome {
        let Ok(_place) = self.places.acquire().await else {
            return Outcome::Impossible("nobody comes any more".to_owned());
        };
        let watched = self.watches(number);
        if watched {
            self.jury.borrow_mut().begins(number);
        }
        let (mut next, mut outcome) = (Some(first), Outcome::Lost);
        while let Some((exchange, request)) = next {
            let asked = watched.then(|| request.body.clone());
            let fetched = self.carrier.fetch(request).await;
            if let Ok(response) = &fetched {
                self.hears(number, (asked.as_deref(), response));
            }
            let before = self.ended(number);
            let input = Input::Response {
                exchange,
                outcome: fetched.as_ref(),
            };
            next = self.feed(number, input).1;
            if self.ended(number) > before {
                outcome = self.session_ended(number, fetched.as_ref().err());
                if watched {
                    self.jury.borrow_mut().begins(number);
                }
            }
        }
        outcome
    }

    fn watches(&self, number: u32) -> bool {
        let is_bystander = number >= self.workload.devices.count;
        self.workload.judged > 0 && (is_bystander || self.workload.watches(number))
    }

    /// A device is told something.
    fn hears(&self, number: u32, (asked, response): (Option<&[u8]>, &Response)) {
        let current = self.group_of(number);
        let current = current.and_then(|group| self.current[group].borrow().clone());
        if let Some(running) = current {
            let at = format!("{}x{}x", self.mark, running.number);
            if contains(&response.body, at.as_bytes()) {
                self.devices[number as usize].borrow_mut().told = Some(running);
            }
        }
        let Some(asked) = asked else { return };
        let device = Watched {
            number,
            name: self.name(number),
            at: self.began.elapsed(),
        };
        let group = self.group_of(number);
        let aims = self.aims.borrow();
        let concerns = |fanout: u64| {
            let aim = usize::try_from(fanout)
                .ok()
                .and_then(|place| aims.get(place));
            aim.is_some() && aim == group.as_ref()
        };
        let told = |commands: &[Command]| self.told_in(commands);
        let said = (asked, response);
        self.jury.borrow_mut().hears(device, said, told, concerns);
    }

    fn ended(&self, number: u32) -> usize {
        let device = self.devices[number as usize].borrow();
        let client = device.client.as_ref();
        client.map_or(0, |client| client.ended().len())
    }

    /// A session of a device has ended.
    fn session_ended(&self, number: u32, fault: Option<&Fault>) -> Outcome {
        let told = self.devices[number as usize].borrow_mut().told.take();
        let device = self.devices[number as usize].borrow();
        let last = device
            .client
            .as_ref()
            .and_then(|client| client.ended().last());
        match (last.map(|ended| &ended.how), fault) {
            (_, Some(Fault::TimedOut)) => Outcome::Lost,
            (_, Some(fault)) => Outcome::Refused(kind(fault).to_owned()),
            (Some(End::Complete), None) => {
                if let Some(running) = told {
                    running.answers(number);
                }
                Outcome::Answered
            }
            (Some(End::Unauthenticated), None) => {
                Outcome::Refused("the device is not believed".to_owned())
            }
            (Some(End::Unproven), None) => {
                Outcome::Refused("the gateway does not show who it is".to_owned())
            }
            (Some(_), None) => Outcome::Refused("a session that was broken off".to_owned()),
            (None, None) => Outcome::Impossible("the session did not begin".to_owned()),
        }
    }

    /// A device comes to the gateway for the first time.
    pub(super) async fn attaches(&self, number: u32) -> Outcome {
        let account = self.many.account_of(number as usize);
        let tree = self
            .factory
            .issued(&account.device, &[account.at(&self.url)]);
        let client = Client::new(tree, self.seed.derive(&account.device));
        self.devices[number as usize].borrow_mut().client = Some(Box::new(client));
        let order = client::Order::Start {
            server: account.server_id,
        };
        let call = CallId(0);
        match self.feed(number, Input::Order { call, order }).1 {
            Some(first) => self.converses(number, first).await,
            None => Outcome::Impossible("the device knows no gateway".to_owned()),
        }
    }
}
