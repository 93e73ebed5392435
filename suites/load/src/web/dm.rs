//! Sessions of DM clients with a server. Before each, its operator has the device asked for something that nobody else is
//! asked for, ever: so it shows what is told to whom, and how often.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use twinproof_dm::client::{Client, End, Order, Shared};
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::syncml::Command;
use twinproof_dm::upper::{Act, Answer, Operation as Wish};
use twinproof_judge::profile::{DmAccount, DmHook, DmServer, DmTester, HookSpec};
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as _, Seed, Time};
use twinproof_stage::{HookCall, Kind, Network, Pace, Recorder, ServerHooks, Stage};

use super::carrier::{Carrier, kind};
use super::play::{Apart, Play};
use super::witness::Witnesses;
use crate::jury::{Judgement, Rule};
use crate::measure::Outcome;
use crate::run::moment;
use crate::shard::Shard;
use crate::workload::{Operation, Workload};

/// Messages of a session that a client sends before it gives up.
const MESSAGES: u32 = 100;

/// Below what clients are asked for something: what nobody else asks for.
const ASKED: &str = "./DevInfo";

/// DM clients and their server.
pub(super) struct Sessions {
    workload: Workload,
    url: String,
    shared: Shared,
    accounts: Vec<DmAccount>,
    /// What their trees are like, before anything is in them.
    described: Arc<Profile>,
    /// The numbers of the devices of this share.
    members: Range<u32>,
    devices: Vec<Mutex<Device>>,
    network: Network,
    carrier: Carrier,
    operator: Option<DmHook>,
    /// Stages on which nobody asks the operator for anything right now.
    stages: RefCell<VecDeque<Stage>>,
    /// What is in the names of all that this run asks for, and of no other.
    mark: String,
    seed: Seed,
    asked: Cell<u64>,
    began: Instant,
    jury: RefCell<Jury>,
}

#[derive(Default)]
struct Device {
    client: Option<Box<Client>>,
    /// It is to be asked for something in its next session, and the server has taken that.
    is_planned: bool,
    /// How many sessions it has begun.
    sessions: u64,
}

impl Sessions {
    /// The devices of a share of a workload, as the profile of their server knows them.
    pub(super) fn new(
        workload: &Workload,
        shard: Shard,
        server: &DmServer,
        (network, straight): (&Network, Option<Duration>),
    ) -> Result<Self, String> {
        let count = workload.devices.count;
        let known = server.accounts.len();
        if known < count as usize {
            return Err(format!(
                "{} knows {known} devices (dm.server.account), and {count} take part: expected at most {known}",
                server.url
            ));
        }
        let members = shard.members(count);
        let run = moment();
        let operator = match &server.upper_tester {
            Some(DmTester::Hook(hook)) => Some((**hook).clone()),
            Some(DmTester::Builtin) | None => None,
        };
        Ok(Self {
            workload: workload.clone(),
            url: server.url.clone(),
            shared: Shared {
                max_messages: MESSAGES,
                codes: Some(server.options),
                ..Shared::default()
            },
            accounts: server.accounts.clone(),
            described: Arc::new(Profile::builtin()),
            devices: members.clone().map(|_| Mutex::default()).collect(),
            members,
            network: network.clone(),
            carrier: Carrier::new(network, straight),
            operator,
            stages: RefCell::default(),
            mark: format!("Twinproof/{run}"),
            // A server may remember the numbers of sessions that it had with these devices before.
            seed: Seed::new(workload.seed).derive(&run),
            asked: Cell::default(),
            began: Instant::now(),
            jury: RefCell::default(),
        })
    }

    fn now(&self) -> Time {
        Time::ZERO + self.began.elapsed()
    }

    fn account(&self, member: u32) -> Option<&DmAccount> {
        self.accounts.get((self.members.start + member) as usize)
    }

    fn client(&self, account: &DmAccount, member: u32) -> Box<Client> {
        let number = self.members.start + member;
        let tree = Tree::of_device(
            Arc::clone(&self.described),
            &account.device,
            &[account.at(&self.url)],
        );
        Box::new(Client::new(tree, self.seed.derive(&number.to_string())))
    }

    /// Has the operator ask a device for something in its next session. Nothing is wanted where there is none.
    async fn plan(&self, member: u32) -> Result<(), String> {
        let (Some(hook), Some(account)) = (&self.operator, self.account(member)) else {
            return Ok(());
        };
        self.asked.set(self.asked.get() + 1);
        let number = self.members.start + member;
        let uri = format!("{ASKED}/{}/{number}/{}", self.mark, self.asked.get());
        let wish = Wish::Plan {
            device: account.device.clone(),
            act: Act::Get { uri },
        };
        let idle = self.stages.borrow_mut().pop_front();
        let mut stage = idle.unwrap_or_else(|| self.stage(hook));
        // One that has failed is not asked again.
        let told = stage.operate_dm(wish).await;
        match told.map_err(|why| why.to_string())? {
            (Answer::Refused(why), _) => Err(why),
            _ => {
                self.stages.borrow_mut().push_back(stage);
                Ok(())
            }
        }
    }

    fn stage(&self, hook: &DmHook) -> Stage {
        let patience = hook.patience.duration();
        let pace = Pace {
            timeout: patience,
            settle: Duration::ZERO,
        };
        let kind = Kind::Live(self.network.clone());
        let mut stage = Stage::open(kind, Recorder::silent(), pace);
        stage.attend_dm_by(ServerHooks {
            plan: call_of(&hook.plan),
            events: None,
            sip: None,
            behind: None,
            patience,
        });
        stage
    }

    /// Has a device asked for something in the session after this one.
    async fn plan_next(self: Rc<Self>, member: u32) {
        let device = &self.devices[member as usize];
        let before = device.lock().await.sessions;
        let is_planned = self.plan(member).await.is_ok();
        let mut device = device.lock().await;
        // A session that began meanwhile may have been told already.
        if device.sessions == before {
            device.is_planned = is_planned;
        }
    }

    /// A session from its first package to its end.
    async fn session(&self, member: u32) -> Outcome {
        let Some(account) = self.account(member) else {
            return Outcome::Impossible("the server knows no such device".to_owned());
        };
        let mut device = self.devices[member as usize].lock().await;
        let device = &mut *device;
        let client = device
            .client
            .get_or_insert_with(|| self.client(account, member));
        let is_planned = std::mem::take(&mut device.is_planned);
        device.sessions += 1;
        let number = self.members.start + member;
        let watched = self.workload.watches(number);
        if watched {
            self.jury.borrow_mut().0.begins(number);
        }
        let before = client.ended().len();
        let mut out = Outbox::default();
        let order = Order::Start {
            server: account.server_id.clone(),
        };
        let call = CallId(0);
        client.handle(
            &self.shared,
            self.now(),
            Input::Order { call, order },
            &mut out,
        );
        let (mut fault, mut status, mut told) = (None, None, false);
        while let Some((exchange, request)) = asks(&mut out) {
            let asked = watched.then(|| request.body.clone());
            let outcome = self.carrier.fetch(request).await;
            match &outcome {
                Ok(response) => {
                    status = (!response.is_success()).then_some(response.status);
                    told |= contains(&response.body, self.mark.as_bytes());
                    if let Some(asked) = &asked {
                        let heard = (&asked[..], response);
                        let at = (number, self.began.elapsed());
                        self.jury.borrow_mut().hears(at, heard, self);
                    }
                }
                Err(why) => fault = Some(why.clone()),
            }
            let outcome = outcome.as_ref();
            let input = Input::Response { exchange, outcome };
            client.handle(&self.shared, self.now(), input, &mut out);
        }
        match (client.ended().get(before), fault) {
            (_, Some(Fault::TimedOut)) => Outcome::Lost,
            (_, Some(fault)) => Outcome::Refused(kind(&fault).to_owned()),
            (Some(ended), None) => match (&ended.how, status) {
                (End::Complete, _) if is_planned && !told => {
                    Outcome::Refused("a session without the command that was planned".to_owned())
                }
                (End::Complete, _) if self.operator.is_some() && !told => {
                    Outcome::Impossible("the operator was not done with planning".to_owned())
                }
                (End::Complete, _) => Outcome::Answered,
                (_, Some(status)) => Outcome::Refused(format!("HTTP {status}")),
                (End::Aborted, _) => Outcome::Refused("aborted".to_owned()),
                (End::Failed(_), _) => Outcome::Refused("a message that is none".to_owned()),
                (End::Refused(code), _) => Outcome::Refused(format!("status {}", code.0)),
                (End::Unauthenticated, _) => {
                    Outcome::Refused("the device is not believed".to_owned())
                }
                (End::Unproven, _) => {
                    Outcome::Refused("the server does not show who it is".to_owned())
                }
            },
            (None, None) => Outcome::Impossible("the session did not begin".to_owned()),
        }
    }
}

impl Play for Sessions {
    async fn prepare(self: Rc<Self>, member: u32) -> Outcome {
        match self.plan(member).await {
            Ok(()) => {
                let mut device = self.devices[member as usize].lock().await;
                device.is_planned = self.operator.is_some();
                // No session is to take the time that this takes.
                let account = self.account(member);
                device.client = account.map(|account| self.client(account, member));
                Outcome::Answered
            }
            Err(why) => Outcome::Refused(why),
        }
    }

    async fn perform(self: Rc<Self>, _: Operation, member: u32, _: Apart) -> Outcome {
        let outcome = self.session(member).await;
        if self.operator.is_some() {
            tokio::task::spawn_local(Rc::clone(&self).plan_next(member));
        }
        outcome
    }

    fn carried(&self) -> (u64, u64) {
        self.carrier.carried()
    }

    fn judgement(&self) -> Judgement {
        self.jury.borrow().0.judgement()
    }
}

fn call_of(spec: &HookSpec) -> HookCall {
    match spec.clone() {
        HookSpec::Command(line) => HookCall::Command(line),
        HookSpec::Http { method, url, body } => HookCall::Http { method, url, body },
    }
}

/// What a client wants to send next.
pub(super) fn asks<A>(out: &mut Outbox<A>) -> Option<(ExchangeId, Request)> {
    let mut outputs = out.drain();
    outputs.find_map(|output| match output {
        Output::Request { exchange, request } => Some((exchange, request)),
        _ => None,
    })
}

pub(super) fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets
        .windows(part.len().max(1))
        .any(|window| window == part)
}

/// Watches what devices are told.
#[derive(Default)]
struct Jury(Witnesses);

impl Jury {
    /// What a device said, and what it is told then.
    fn hears(
        &mut self,
        (number, at): (u32, Duration),
        (asked, response): (&[u8], &Response),
        sessions: &Sessions,
    ) {
        let Some((message, witness)) = self.0.hears(number, response) else {
            return;
        };
        let mut found = Vec::new();
        for (device, command) in commands(&message.commands, &sessions.mark) {
            if device != number {
                let expected = format!("commands for device {number}");
                let got = format!("one for device {device}");
                found.push((Rule::OwnCommands, (expected, got)));
            } else if let Err(again) = witness.is_told(command, &format!("command {command}")) {
                found.push((Rule::CommandToldOnce, again));
            }
        }
        let account = sessions.accounts.get(number as usize);
        let device = account.map_or_else(|| number.to_string(), |account| account.device.clone());
        for (rule, found) in found {
            let said = (asked, &response.body[..]);
            self.0.breaks(rule, (&device, at), found, said);
        }
    }
}

/// The devices that commands are meant for, and which these are, of those that this run asks for.
fn commands(all: &[Command], mark: &str) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    for command in all {
        match command {
            Command::Atomic(block) | Command::Sequence(block) => {
                found.extend(commands(&block.commands, mark));
            }
            Command::Get(request) => {
                let targets = request.items.iter().filter_map(|item| item.target.as_ref());
                found.extend(targets.filter_map(|target| {
                    let rest = target.uri.split_once(mark)?.1.strip_prefix('/')?;
                    let (device, number) = rest.split_once('/')?;
                    Some((device.parse().ok()?, number.parse().ok()?))
                }));
            }
            _ => {}
        }
    }
    found
}
