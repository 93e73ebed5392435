//! The generator: devices that are told what to do when the schedule says so, and what comes of it. No socket
//! and no clock: whoever drives it brings datagrams, their stamps and the time.

use std::iter::Peekable;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_fleet::{Addresses, Fleet, Roster, Sizes, TooMany};
use twinproof_kernel::{CallId, Input, Outbox, Output, Rests, Role, Seed, Time};

use crate::measure::{Measures, Outcome};
use crate::schedule::Schedule;
use crate::workload::{Arrivals, Operation, Workload};

/// How many devices register at a time before the first stage.
const PREPARING: usize = 128;

/// How much is begun or woken at a time, so that what arrives is looked at soon.
const BUDGET: usize = 64;

/// Timers have ticks of 2^10 microseconds.
const GRAIN: u32 = 10;

/// What devices of a kind do for a workload.
pub trait Traffic {
    /// The devices.
    type Role: Rests;

    /// What a device is told for an operation. It is answered once its answer, or its lack, is there.
    fn order(&self, operation: Operation) -> <Self::Role as Role>::Order;

    /// What came of an operation.
    fn outcome(&self, operation: Operation, answer: &<Self::Role as Role>::Answer) -> Outcome;
}

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
    /// When the first stage begins.
    begins: Time,
    /// When the last stage ends, after that.
    span: Duration,
    schedule: Peekable<Schedule>,
    mix: Vec<(u32, Operation)>,
    random: fastrand::Rng,
    /// How often each operation was begun, in the order of [`Operation::ALL`].
    turns: [u64; Operation::ALL.len()],
    /// Who begins what next, and when that was meant to be.
    chosen: Vec<(u32, Option<Operation>, Time)>,
    pending: Vec<Option<Pending>>,
    free: Vec<usize>,
    measures: Measures,
    counts: Counts,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Devices register that have to be when it begins; so many have begun to.
    Preparing(u32),
    /// The stages are under way.
    Loading,
    /// What was begun is waited for.
    Draining,
    /// It is over.
    Done,
}

/// What went over the wire, and what was prepared.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Eq,
    PartialEq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
pub struct Counts {
    /// Datagrams that devices sent.
    pub sent: u64,
    /// Those of them that they sent because a time was over: repetitions, and what devices do by themselves.
    pub by_timer: u64,
    /// Datagrams that arrived.
    pub received: u64,
    /// Those of them that were for no device.
    pub stray: u64,
    /// Devices that were registered before the first stage.
    pub prepared: u64,
    /// Devices that could not be.
    pub unprepared: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    /// None while the devices are prepared.
    operation: Option<Operation>,
    /// When it was meant to begin.
    meant: Time,
    counts: bool,
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
        let seed = Seed::new(workload.seed);
        let first = workload.devices.first;
        let addresses = Addresses::Block { first, port };
        let roster = Roster::new(
            workload.devices.count,
            addresses,
            "dev-",
            seed.derive("devices"),
        )?;
        let span = workload
            .stages
            .iter()
            .map(|stage| stage.span.duration())
            .sum();
        let mut sum = 0;
        let shares = workload.mix.iter().map(|(operation, share)| {
            sum += share;
            (sum, *operation)
        });
        let mix = shares.collect();
        let prepares = workload.operations().any(Operation::needs_registration);
        let measured = Duration::saturating_sub(span, workload.warm_up.duration());
        Ok(Self {
            fleet: Fleet::new(roster, GRAIN),
            out: Outbox::default(),
            phase: match prepares {
                true => Phase::Preparing(0),
                false => Phase::Loading,
            },
            begins: Time::ZERO,
            span,
            schedule: Schedule::new(&workload.stages, workload.arrivals, seed).peekable(),
            mix,
            random: seed.derive("mix").rng(),
            turns: [0; Operation::ALL.len()],
            chosen: Vec::new(),
            pending: Vec::new(),
            free: Vec::new(),
            measures: Measures::new(measured, workload.generator.late.duration()),
            counts: Counts::default(),
            workload,
            traffic,
            shared,
        })
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

    /// What went over the wire.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many operations are under way.
    pub fn under_way(&self) -> usize {
        self.pending.len() - self.free.len()
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
        let heard = self
            .fleet
            .hear(&self.shared, now, (at, from, bytes), &mut self.out);
        self.counts.stray += u64::from(heard.is_none());
        self.flush(stamp, send);
    }

    /// Does what is due, but not too much at a time. Says whether there is more.
    pub fn act(&mut self, now: Time, send: &mut Send<'_>) -> bool {
        let mut more = false;
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
            && let Some((operation, meant)) = self.next_operation(now, chosen.len())
        {
            chosen.push((self.next_member(operation), operation, meant));
        }
        // All of them are on their way out of memory before the first is needed.
        self.fleet.fetch(chosen.iter().map(|(member, ..)| *member));
        more |= chosen.len() == BUDGET;
        for (member, operation, meant) in chosen.drain(..) {
            self.begin(member, operation, (meant, now), send);
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
                let room = |most| under_way < most as usize;
                let next = self.schedule.peek().map(|at| self.begins + *at);
                match self.workload.arrivals {
                    Arrivals::Closed(most) if room(most) => Some(self.begins),
                    _ => Some(next.unwrap_or(self.begins + self.span)),
                }
            }
            Phase::Draining => Some(self.ends()),
        };
        arrival.into_iter().chain(self.fleet.next_deadline()).min()
    }

    fn ends(&self) -> Time {
        self.begins + self.span + self.workload.drain.duration()
    }

    /// What is to be begun beside so many that are already chosen, and when it was meant to; none as its operation
    /// prepares a device.
    fn next_operation(&mut self, now: Time, beside: usize) -> Option<(Option<Operation>, Time)> {
        match self.phase {
            Phase::Preparing(begun) => {
                let room = self.under_way() + beside < PREPARING;
                (room && begun < self.workload.devices.count).then_some((None, now))
            }
            Phase::Loading => {
                let meant = match self.workload.arrivals {
                    Arrivals::Closed(most) => {
                        let room = self.under_way() + beside < most as usize;
                        (room && now < self.begins + self.span).then_some(now)
                    }
                    Arrivals::Even | Arrivals::Poisson => {
                        let begins = self.begins;
                        let next = self.schedule.next_if(|at| begins + *at <= now);
                        next.map(|at| begins + at)
                    }
                };
                meant.map(|meant| (Some(self.choose()), meant))
            }
            Phase::Draining | Phase::Done => None,
        }
    }

    fn choose(&mut self) -> Operation {
        let all = self.mix.last().map_or(0, |(sum, _)| *sum);
        let drawn = self.random.u32(..all.max(1));
        let chosen = self.mix.iter().find(|(sum, _)| drawn < *sum);
        chosen.map_or(Operation::Register, |(_, operation)| *operation)
    }

    /// Whose turn it is to do this.
    fn next_member(&mut self, operation: Option<Operation>) -> u32 {
        match (operation, &mut self.phase) {
            (None, Phase::Preparing(begun)) => {
                *begun += 1;
                *begun - 1
            }
            (operation, _) => {
                let turn = &mut self.turns[operation.map_or(0, |one| one as usize)];
                *turn += 1;
                self.fleet.roster().spread(*turn - 1)
            }
        }
    }

    fn begin(
        &mut self,
        member: u32,
        operation: Option<Operation>,
        (meant, now): (Time, Time),
        send: &mut Send<'_>,
    ) {
        let at = meant.since(self.begins);
        let counts = operation.is_some() && at >= self.workload.warm_up.duration();
        let pending = Some(Pending {
            operation,
            meant,
            counts,
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
            self.measures
                .begin(operation, now.since(self.begins), late, counts);
        }
        let order = self.traffic.order(operation.unwrap_or(Operation::Register));
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
        let (outputs, bytes) = self.out.take();
        for output in outputs {
            match output {
                Output::Datagram { at, to, range } => {
                    self.counts.sent += 1;
                    send(at, to, &bytes[range]);
                }
                Output::Answer { call, answer } => {
                    let place = call.0 as usize;
                    let Some(pending) = self.pending.get_mut(place).and_then(Option::take) else {
                        continue;
                    };
                    self.free.push(place);
                    let operation = pending.operation.unwrap_or(Operation::Register);
                    let outcome = self.traffic.outcome(operation, &answer);
                    match pending.operation {
                        Some(operation) => {
                            let times = (at.since(self.begins), at.since(pending.meant));
                            self.measures.end(operation, times, outcome, pending.counts);
                        }
                        None if outcome == Outcome::Answered => self.counts.prepared += 1,
                        None => self.counts.unprepared += 1,
                    }
                }
                Output::Persist { .. }
                | Output::Request { .. }
                | Output::Respond { .. }
                | Output::Trust { .. } => {}
            }
        }
        self.out.clear();
    }

    fn proceed(&mut self, now: Time) {
        match self.phase {
            Phase::Preparing(begun) => {
                // Where the first of them all fail, so will the others.
                let hopeless =
                    self.counts.prepared == 0 && self.counts.unprepared >= PREPARING as u64;
                if hopeless {
                    self.phase = Phase::Done;
                }
                if begun == self.workload.devices.count && self.under_way() == 0 {
                    self.begins = now;
                    // Without a single device there is nothing to measure.
                    self.phase = match self.counts.prepared {
                        0 => Phase::Done,
                        _ => Phase::Loading,
                    };
                }
            }
            Phase::Loading => {
                let over = now >= self.begins + self.span && self.schedule.peek().is_none();
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
        for pending in self.pending.drain(..).flatten() {
            if let Some(operation) = pending.operation
                && now.since(pending.meant) >= least
            {
                let times = (now.since(begins), now.since(pending.meant));
                self.measures
                    .end(operation, times, Outcome::Lost, pending.counts);
            }
        }
        self.free.clear();
        self.measures.seal();
    }
}
