//! The generator: devices that are told what to do when the schedule says so, and what comes of it. No socket
//! and no clock: whoever drives it brings datagrams, their stamps and the time.

mod asleep;
mod counts;
mod held;
mod operated;
mod shaken;
mod steered;
mod traffic;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_fleet::{Fleet, Roster, Sizes, TooMany};
use twinproof_kernel::{CallId, Input, Outbox, Output, Role, Seed, Time};
use twinproof_lwm2m::upper;
use twinproof_lwm2m::wire::Entry;

use crate::crowd::{Crowd, Steer};
use crate::measure::{Measures, Outcome};
use crate::operator::{Ask, Said};
use crate::shard::Shard;
use crate::turns::Turns;
use crate::workload::{Arrivals, Operation, Workload};

use held::Hold;

pub use counts::{Counts, Phase};
pub use traffic::Traffic;

/// How many devices register at a time before the first stage.
pub(crate) const PREPARING: usize = 128;

/// How much is begun or woken at a time, so that what arrives is looked at soon.
pub(crate) const BUDGET: usize = 64;

/// What devices are called, before their number.
const PREFIX: &str = "dev-";

/// Timers have ticks of 2^10 microseconds.
const GRAIN: u32 = 10;

/// Where a generator sends its datagrams: from, to, octets.
pub type Send<'s> = dyn FnMut(SocketAddr, SocketAddr, &[u8]) + 's;

/// A workload that is carried out.
pub struct Generator<'w, T: Traffic> {
    workload: &'w Workload,
    traffic: T,
    shared: <T::Role as Role>::Shared,
    fleet: Fleet<T::Role>,
    out: Outbox<<T::Role as Role>::Answer>,
    phase: Phase,
    /// Whether the first stage waits for others.
    hold: Hold,
    /// When the first stage begins.
    begins: Time,
    /// When the last stage ends, after that.
    span: Duration,
    /// How many devices are of the shares before this one.
    before: u32,
    turns: Turns,
    /// Who takes part, if somebody says that from outside while it goes on.
    crowd: Option<Crowd>,
    /// How many are under way at any time, where answers decide.
    closed: Option<usize>,
    /// Who begins what next, and when that was meant to be.
    chosen: Vec<(u32, Deed, Time)>,
    /// The port of whoever is none of the devices.
    port: u16,
    /// Who makes the server act: where it is heard, and where it hears us.
    operator: Option<(SocketAddr, SocketAddr)>,
    /// Whether the operator knows of whom to tell.
    is_introduced: bool,
    /// Who is registered and not yet observed.
    unobserved: VecDeque<u32>,
    /// When each device spoke last, where they sleep and are asked for something meanwhile.
    spoke: Vec<Time>,
    /// How many operations were begun.
    begun: u64,
    /// When something was last prepared.
    progressed: Time,
    overheard: Vec<(Overheard, Time)>,
    /// Who is to begin a handshake.
    handshakes: Vec<(u32, u64)>,
    pending: Vec<Option<Pending>>,
    free: Vec<usize>,
    measures: Measures,
    counts: Counts,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    deed: Deed,
    member: u32,
    /// Which it is of all that were begun.
    number: u64,
    /// When it was meant to begin.
    meant: Time,
    counts: bool,
}

/// What is begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deed {
    /// An operation.
    Do(Operation),
    /// It was given up when its device fell silent, and its device does not know that.
    Forget,
    /// A device leaves while others go on.
    Leave,
    /// A device is observed before it takes part.
    Observe,
    /// A device registers before it takes part.
    Register,
}

/// What is known of devices that are watched and is in no datagram of theirs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Overheard {
    /// The server has the report with this number.
    Confirmed { member: u32, number: u64 },
    /// The operator is told nothing of what happens.
    Deaf,
    /// The operator was told what was read of the device.
    Read { member: u32, values: Vec<Entry> },
    /// The device says the report with this number now, or as soon as the one before it is confirmed.
    Reports { member: u32, number: u64 },
    /// The operator was told a report of the device.
    Told { member: u32, values: Vec<Entry> },
}

impl<'w, T: Traffic> Generator<'w, T> {
    /// A generator whose devices send from this port, at the time 0.
    ///
    /// # Errors
    ///
    /// When there are not enough addresses.
    pub fn new(
        workload: &'w Workload,
        port: u16,
        traffic: T,
        shared: <T::Role as Role>::Shared,
    ) -> Result<Self, TooMany> {
        Self::of_shard(workload, Shard::WHOLE, port, traffic, shared)
    }

    /// One that carries out this share of it.
    ///
    /// # Errors
    ///
    /// When there are not enough addresses.
    pub fn of_shard(
        workload: &'w Workload,
        shard: Shard,
        port: u16,
        traffic: T,
        shared: <T::Role as Role>::Shared,
    ) -> Result<Self, TooMany> {
        let count = workload.devices.count;
        let addresses = workload.devices.addresses(port);
        let seed = Seed::new(workload.seed).derive("devices");
        let members = shard.members(count);
        let before = members.start;
        let roster = Roster::new(count, addresses, PREFIX, seed)?.part(members);
        let span = workload
            .stages
            .iter()
            .map(|stage| stage.span.duration())
            .sum();
        let prepares = workload.operations().any(Operation::needs_registration);
        let warm_up = workload.warm_up.duration();
        let measured = (warm_up, Duration::saturating_sub(span, warm_up));
        Ok(Self {
            fleet: Fleet::new(roster, GRAIN),
            out: Outbox::default(),
            phase: match prepares {
                true => Phase::Preparing(0),
                false => Phase::Loading,
            },
            hold: Hold::Free,
            begins: Time::ZERO,
            span,
            before,
            turns: Turns::new(workload, shard),
            crowd: None,
            closed: match workload.arrivals {
                Arrivals::Closed(most) => Some(shard.members(most).len()),
                Arrivals::Even | Arrivals::Poisson => None,
            },
            chosen: Vec::new(),
            port,
            operator: None,
            is_introduced: false,
            unobserved: VecDeque::new(),
            spoke: asleep::spoke(workload, shard.members(count).len()),
            begun: 0,
            progressed: Time::ZERO,
            overheard: Vec::new(),
            handshakes: Vec::new(),
            pending: Vec::new(),
            free: Vec::new(),
            measures: Measures::new(measured, workload.generator.late.duration()),
            counts: Counts::default(),
            workload,
            traffic,
            shared,
        })
    }

    /// It as one run of many: the ids of messages and their tokens are others than in a run of another name. A server
    /// takes a message of a known id from a known address for a copy (RFC 7252 §4.2, §4.4), and a port may come again.
    #[must_use]
    pub fn in_run(mut self, name: &str) -> Self {
        let seed = Seed::new(self.workload.seed).derive("devices").derive(name);
        let roster = self.fleet.roster().clone().seeded(seed);
        self.fleet = Fleet::new(roster, GRAIN);
        self
    }

    /// What it carries out.
    pub const fn workload(&self) -> &Workload {
        self.workload
    }

    /// How far it is.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// When the first stage begins, or is thought to.
    pub const fn begins(&self) -> Time {
        self.begins
    }

    /// What was measured.
    pub const fn measures(&self) -> &Measures {
        &self.measures
    }

    /// What went over the wire, and who took part.
    pub fn counts(&self) -> Counts {
        let (joined, left) = self.crowd.as_ref().map_or((0, 0), Crowd::moved);
        Counts {
            joined,
            left,
            ..self.counts
        }
    }

    /// How many operations are under way.
    pub fn under_way(&self) -> usize {
        let forgotten = self.crowd.as_ref().map_or(0, Crowd::gone);
        self.pending.len() - self.free.len() - forgotten
    }

    /// How large the fleet is.
    pub fn sizes(&self) -> Sizes {
        self.fleet.sizes()
    }

    /// What devices have in common.
    pub const fn shared(&self) -> &<T::Role as Role>::Shared {
        &self.shared
    }

    /// A datagram arrived at `at`, at the time `stamp`.
    pub fn hear(
        &mut self,
        (now, stamp): (Time, Time),
        (at, from, bytes): (SocketAddr, SocketAddr, &[u8]),
        send: &mut Send<'_>,
    ) {
        self.counts.received += 1;
        if self.operator.is_some_and(|(there, _)| there == from) {
            if let Some(said) = Said::read(bytes) {
                self.operator_says(stamp, said);
            }
            return;
        }
        if let (Some(crowd), Some(member)) = (&self.crowd, self.fleet.roster().member(at))
            && crowd.is_dark(member)
        {
            return;
        }
        let heard = self
            .fleet
            .hear(&self.shared, now, (at, from, bytes), &mut self.out);
        self.counts.stray += u64::from(heard.is_none());
        self.flush(stamp, send);
    }

    /// Does what is due, but not too much at a time. Says whether there is more.
    pub fn act(&mut self, now: Time, send: &mut Send<'_>) -> bool {
        let mut more = false;
        self.introduce(send);
        for left in (0..BUDGET).rev() {
            let sent = self.counts.sent;
            if self.fleet.wake(&self.shared, now, &mut self.out).is_none() {
                break;
            }
            self.flush(now, send);
            self.counts.by_timer += self.counts.sent - sent;
            more |= left == 0;
        }
        let mut chosen = std::mem::take(&mut self.chosen);
        while chosen.len() < BUDGET
            && let Some(turn) = self.next_turn(now, chosen.len())
        {
            chosen.push(turn);
        }
        // All of them are on their way out of memory before the first is needed.
        self.fleet.fetch(chosen.iter().map(|(member, ..)| *member));
        more |= chosen.len() == BUDGET;
        for (member, deed, meant) in chosen.drain(..) {
            self.begin(member, deed, (meant, now), send);
        }
        self.chosen = chosen;
        self.proceed(now);
        more
    }

    /// Nothing is due before.
    pub fn next_deadline(&mut self) -> Option<Time> {
        let arrival = match self.phase {
            Phase::Preparing(_) | Phase::Done => None,
            Phase::Loading => {
                let under_way = self.under_way();
                let next = match &self.crowd {
                    Some(crowd) => crowd.peek(PREPARING),
                    None => self.turns.peek(),
                };
                let next = next.map(|at| self.begins + at.min(self.span));
                let is_room = self.closed.is_some_and(|most| under_way < most);
                match is_room {
                    true => Some(self.begins),
                    false => Some(next.unwrap_or(self.begins + self.span)),
                }
            }
            Phase::Draining => Some(self.ends()),
        };
        arrival.into_iter().chain(self.fleet.next_deadline()).min()
    }

    fn ends(&self) -> Time {
        self.begins + self.span + self.workload.drain.duration()
    }

    /// What a member is called, whichever share of the devices it is of.
    fn name(&self, member: u32) -> String {
        name(self.before + member)
    }

    /// Whether it is watched.
    fn watches(&self, member: u32) -> bool {
        self.workload.watches(self.before + member)
    }

    /// What is to be begun beside so many that are already chosen, by whom, and when it was meant to.
    fn next_turn(&mut self, now: Time, beside: usize) -> Option<(u32, Deed, Time)> {
        let under_way = self.under_way() + beside;
        match &mut self.phase {
            Phase::Preparing(_) if under_way >= PREPARING => None,
            Phase::Preparing(begun) => match self.unobserved.pop_front() {
                Some(member) => Some((member, Deed::Observe, now)),
                None => {
                    let member = *begun;
                    let is_there = member < self.fleet.roster().members();
                    *begun += u32::from(is_there);
                    is_there.then_some((member, Deed::Register, now))
                }
            },
            // All begin at the same moment.
            Phase::Loading if now < self.begins => None,
            Phase::Loading if self.crowd.is_some() => self.next_move(now),
            Phase::Loading => {
                let (turn, meant) = match self.closed {
                    Some(most) => {
                        let room = under_way < most && now < self.begins + self.span;
                        let turn = room.then(|| self.turns.next_now()).flatten()?;
                        (turn, now)
                    }
                    None => {
                        let turn = self.turns.next_by(now.since(self.begins))?;
                        (turn, self.begins + turn.at)
                    }
                };
                Some((turn.member, Deed::Do(turn.operation), meant))
            }
            Phase::Draining | Phase::Done => None,
        }
    }

    fn begin(&mut self, member: u32, deed: Deed, (meant, now): (Time, Time), send: &mut Send<'_>) {
        let at = meant.since(self.begins);
        let operation = match deed {
            Deed::Do(operation) => Some(operation),
            Deed::Forget | Deed::Leave | Deed::Observe | Deed::Register => None,
        };
        if let (Some(crowd), Deed::Do(_)) = (&mut self.crowd, deed) {
            crowd.begun(member);
        }
        self.begun += 1;
        let number = self.begun;
        let pending = Some(Pending {
            deed,
            member,
            number,
            meant,
            counts: operation.is_some() && at >= self.workload.warm_up.duration(),
        });
        let call = match self.free.pop() {
            Some(place) => {
                self.pending[place] = pending;
                place
            }
            None => {
                self.pending.push(pending);
                self.pending.len() - 1
            }
        };
        if let Some(operation) = operation {
            let late = now.since(meant);
            let counts = pending.is_some_and(|pending| pending.counts);
            self.measures
                .begin(operation, now.since(self.begins), late, counts);
        }
        let asks = match deed {
            Deed::Do(operation) if operation.needs_operator() => {
                self.traffic.asks(operation, &self.name(member))
            }
            Deed::Observe => Some(self.traffic.prepares(&self.name(member))),
            Deed::Do(_) | Deed::Forget | Deed::Leave | Deed::Register => None,
        };
        if let Some(operation) = asks {
            let Some((there, own)) = self.operator else {
                let why = Outcome::Impossible("nobody operates the server".to_owned());
                if let Some(pending) = self.pending[call].take() {
                    self.ended((call, pending), why, now);
                }
                return;
            };
            // Which of those that had this place it is shows in what is above.
            let call = number << 32 | call as u64;
            self.counts.sent += 1;
            return send(own, there, &Ask::Operate { call, operation }.to_bytes());
        }
        if operation == Some(Operation::Handshake) {
            return self.handshakes.push((member, number << 32 | call as u64));
        }
        if operation == Some(Operation::Notify) && self.watches(member) {
            let reports = Overheard::Reports {
                member: self.before + member,
                number,
            };
            self.overheard.push((reports, now));
        }
        let farewell = (deed == Deed::Leave)
            .then(|| self.traffic.farewell())
            .flatten();
        let order = farewell.unwrap_or_else(|| {
            let operation = operation.unwrap_or(Operation::Register);
            self.traffic.order(operation, number)
        });
        let input = Input::Order {
            call: CallId(call as u64),
            order,
        };
        self.fleet
            .handle(&self.shared, member, now, input, &mut self.out);
        self.flush(now, send);
    }

    /// Sends what devices want sent, and takes their answers, which came at `at`.
    fn flush(&mut self, at: Time, send: &mut Send<'_>) {
        let moment = at;
        let mut out = std::mem::take(&mut self.out);
        let (outputs, bytes) = out.take();
        for output in outputs {
            match output {
                Output::Datagram { at, to, range } => {
                    if let (Some(crowd), Some(member)) =
                        (&self.crowd, self.fleet.roster().member(at))
                        && crowd.is_dark(member)
                    {
                        continue;
                    }
                    self.counts.sent += 1;
                    self.speaks(at, moment);
                    send(at, to, &bytes[range]);
                }
                Output::Answer { call, answer } => {
                    let place = call.0 as usize;
                    let pending = self.pending.get_mut(place).and_then(Option::take);
                    if let Some(pending) = pending {
                        let operation = match pending.deed {
                            Deed::Do(operation) => operation,
                            Deed::Forget | Deed::Leave | Deed::Observe | Deed::Register => {
                                Operation::Register
                            }
                        };
                        let outcome = self.traffic.outcome(operation, &answer);
                        self.ended((place, pending), outcome, at);
                    }
                }
                Output::Persist { .. }
                | Output::Request { .. }
                | Output::Respond { .. }
                | Output::Trust { .. } => {}
            }
        }
        out.clear();
        self.out = out;
    }

    /// Something that was begun is over since `at`.
    fn ended(&mut self, (place, pending): (usize, Pending), outcome: Outcome, at: Time) {
        self.free.push(place);
        let Pending { member, number, .. } = pending;
        match pending.deed {
            Deed::Do(operation) => {
                if operation == Operation::Notify
                    && outcome == Outcome::Answered
                    && self.watches(member)
                {
                    let confirmed = Overheard::Confirmed {
                        member: self.before + member,
                        number,
                    };
                    self.overheard.push((confirmed, at));
                }
                let times = (at.since(self.begins), at.since(pending.meant));
                self.measures.end(operation, times, outcome, pending.counts);
                if let Some(crowd) = &mut self.crowd {
                    crowd.ended(member);
                }
            }
            Deed::Forget => {
                if let Some(crowd) = &mut self.crowd {
                    crowd.is_free();
                }
            }
            Deed::Leave => {
                self.counts.unreleased +=
                    u64::from(matches!(outcome, Outcome::Lost | Outcome::Refused(_)));
                let since = at.since(self.begins);
                if let Some(crowd) = &mut self.crowd {
                    crowd.left(member, since);
                }
            }
            Deed::Observe | Deed::Register => {
                self.progressed = at;
                let is_in = outcome == Outcome::Answered;
                if is_in && pending.deed == Deed::Register && self.observes() {
                    self.unobserved.push_back(member);
                    return;
                }
                if let Some(crowd) = &mut self.crowd {
                    self.counts.unjoined += u64::from(!is_in);
                    return crowd.joined(member, is_in, at.since(self.begins));
                }
                match is_in {
                    true => self.counts.prepared += 1,
                    false => self.counts.unprepared += 1,
                }
            }
        }
    }

    fn proceed(&mut self, now: Time) {
        match self.phase {
            Phase::Preparing(_) if self.hold == Hold::Ready => {}
            Phase::Preparing(begun) => {
                // Where the first of them all fail, so will the others.
                let hopeless =
                    self.counts.prepared == 0 && self.counts.unprepared >= PREPARING as u64;
                if hopeless {
                    self.phase = Phase::Done;
                }
                let silent = self.under_way() > 0 && now >= self.progressed + upper::PATIENCE;
                if silent {
                    self.counts.unprepared += self.under_way() as u64;
                    self.phase = Phase::Done;
                }
                let all = begun == self.fleet.roster().members() && self.unobserved.is_empty();
                if all && self.under_way() == 0 {
                    self.begins = now;
                    // Without a single device there is nothing to measure.
                    match (self.counts.prepared, self.hold) {
                        (0, _) => self.phase = Phase::Done,
                        (_, Hold::Held) => self.hold = Hold::Ready,
                        _ => self.phase = Phase::Loading,
                    }
                }
            }
            Phase::Loading => {
                if now >= self.begins + self.span {
                    self.steer(Steer::Finish, self.begins + self.span);
                }
                let left = match &self.crowd {
                    Some(crowd) => crowd.peek(PREPARING),
                    None => self.turns.peek(),
                };
                let over = now >= self.begins + self.span && left.is_none();
                if over {
                    self.phase = Phase::Draining;
                    self.proceed(now);
                }
            }
            Phase::Draining => {
                if self.under_way() == 0 || now >= self.ends() {
                    self.give_up(now, Duration::ZERO);
                    self.phase = Phase::Done;
                }
            }
            Phase::Done => {}
        }
    }

    /// Ends the run now. What has no answer is lost if it was waited for as long as at the end, and else came to
    /// nothing that could be said.
    pub fn stop(&mut self, now: Time) {
        if self.phase != Phase::Done {
            self.give_up(now, self.workload.drain.duration());
            self.phase = Phase::Done;
        }
    }

    fn give_up(&mut self, now: Time, least: Duration) {
        let begins = self.begins;
        for pending in std::mem::take(&mut self.pending).into_iter().flatten() {
            if now.since(pending.meant) < least {
                continue;
            }
            let is_joining = matches!(pending.deed, Deed::Observe | Deed::Register);
            self.counts.unjoined += u64::from(is_joining && self.crowd.is_some());
            if self.is_asleep(&pending) {
                self.counts.abandoned += 1;
                continue;
            }
            if let Deed::Do(operation) = pending.deed {
                let times = (now.since(begins), now.since(pending.meant));
                self.measures
                    .end(operation, times, Outcome::Lost, pending.counts);
            }
        }
        self.free.clear();
        self.measures.seal();
    }
}

/// What a device is called.
pub(crate) fn name(member: u32) -> String {
    format!("{PREFIX}{member}")
}
