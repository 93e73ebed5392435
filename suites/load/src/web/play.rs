//! A workload whose operations are conversations over connections: they begin when it says, on one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};
use twinproof_sockets::cpu_of_thread;

use crate::drive::Strain;
use crate::generator::{BUDGET, Counts, PREPARING, Phase};
use crate::jury::Judgement;
use crate::measure::{Measures, Outcome};
use crate::report::Health;
use crate::shard::Shard;
use crate::start::{LOOKS, Start};
use crate::turns::{Turn, Turns};
use crate::workload::{Arrivals, Operation, Workload};

/// How long nobody is asked whether to go on, at most.
const GLANCE: Duration = Duration::from_millis(100);

/// How long it may take to leave a system behind.
const LEAVING: Duration = Duration::from_secs(5);

/// What members do over connections.
pub(super) trait Play: 'static {
    /// Makes a member ready before the first stage.
    async fn prepare(self: Rc<Self>, member: u32) -> Outcome;

    /// Has a member do something. What is measured beside it is noted apart.
    async fn perform(self: Rc<Self>, operation: Operation, member: u32, apart: Apart) -> Outcome;

    /// Leaves a system behind as it was found, as far as that can be done.
    async fn leave(self: Rc<Self>) {}

    /// How many requests were sent, and how many responses came.
    fn carried(&self) -> (u64, u64);

    /// What is to be said of those that were watched.
    fn judgement(&self) -> Judgement;
}

/// What a workload left.
pub(super) struct Played {
    pub(super) measures: Measures,
    pub(super) counts: Counts,
    pub(super) health: Health,
    pub(super) judgement: Judgement,
}

type Watch<'w> = dyn FnMut(Phase, &Measures) -> ControlFlow<()> + 'w;

/// Carries out a share of a workload, from a start on if it has that in common with others, until it is over, or until `watch`
/// says so.
pub(super) fn play<P: Play>(
    workload: &Workload,
    (shard, start): (Shard, Option<&Start>),
    parts: P,
    watch: &mut Watch<'_>,
) -> io::Result<Played> {
    let idle = Arc::new(Idle::default());
    let (parks, unparks) = (Arc::clone(&idle), Arc::clone(&idle));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || parks.begins())
        .on_thread_unpark(move || unparks.ends())
        .build()?;
    let local = LocalSet::new();
    let parts = Rc::new(parts);
    let course = Course {
        workload,
        shard,
        start,
        parts: Rc::clone(&parts),
        idle,
        pacer: Pacer::start(),
        course: Rc::new(Begun::new(workload)),
    };
    let (counts, health) = local.block_on(&runtime, course.run(watch))?;
    let (mut measures, judgement) = (course.course.measures.take(), parts.judgement());
    let (sent, received) = parts.carried();
    if let Some(measures) = &mut measures {
        measures.seal();
    }
    Ok(Played {
        measures: measures.unwrap_or_else(|| measures_of(workload)),
        counts: Counts {
            sent,
            received,
            ..counts
        },
        health,
        judgement,
    })
}

fn measures_of(workload: &Workload) -> Measures {
    let warm_up = workload.warm_up.duration();
    let measured = workload.span().saturating_sub(warm_up);
    Measures::new((warm_up, measured), workload.generator.late.duration())
}

/// What was begun, and what came of it.
struct Begun {
    measures: RefCell<Option<Measures>>,
    /// What is under way, by its number.
    pending: RefCell<BTreeMap<u64, Pending>>,
    /// When the first stage began.
    begins: Cell<Option<Instant>>,
}

#[derive(Clone, Copy)]
struct Pending {
    operation: Operation,
    /// When it was meant to begin, since the first stage did.
    meant: Duration,
    counts: bool,
}

impl Begun {
    fn new(workload: &Workload) -> Self {
        Self {
            measures: RefCell::new(Some(measures_of(workload))),
            pending: RefCell::default(),
            begins: Cell::default(),
        }
    }

    /// How long ago the first stage began.
    fn now(&self) -> Duration {
        let begins = self.begins.get();
        begins.map_or(Duration::ZERO, |begins| begins.elapsed())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Measures) -> T) -> Option<T> {
        self.measures.borrow_mut().as_mut().map(act)
    }

    fn under_way(&self) -> usize {
        self.pending.borrow().len()
    }

    fn begin(&self, number: u64, pending: Pending, now: Duration) {
        self.pending.borrow_mut().insert(number, pending);
        let late = now.saturating_sub(pending.meant);
        self.with(|measures| measures.begin(pending.operation, now, late, pending.counts));
    }

    fn end(&self, number: u64, outcome: Outcome) {
        let pending = self.pending.borrow_mut().remove(&number);
        let Some(pending) = pending else { return };
        let now = self.now();
        let times = (now, now.saturating_sub(pending.meant));
        self.with(|measures| measures.end(pending.operation, times, outcome, pending.counts));
    }

    /// What has no answer is lost, if it was waited for at least so long; else nothing can be said of it.
    fn give_up(&self, least: Duration) {
        let now = self.now();
        let pending = std::mem::take(&mut *self.pending.borrow_mut());
        for one in pending.into_values() {
            let waited = now.saturating_sub(one.meant);
            if waited >= least {
                let times = (now, waited);
                self.with(|all| all.end(one.operation, times, Outcome::Lost, one.counts));
            }
        }
    }
}

/// Where somebody notes what is measured beside an operation, in each of its parts.
#[derive(Clone)]
pub(super) struct Apart {
    course: Rc<Begun>,
    pending: Pending,
}

impl Apart {
    /// A part has ended now that was meant to begin with the operation itself.
    pub(super) fn note(&self, outcome: Outcome) {
        let Some(part) = self.pending.operation.part() else {
            return;
        };
        let (now, meant, counts) = (self.course.now(), self.pending.meant, self.pending.counts);
        let times = (now, now.saturating_sub(meant));
        self.course.with(|measures| {
            measures.begin(part, now, Duration::ZERO, counts);
            measures.end(part, times, outcome, counts);
        });
    }
}

struct Course<'w, P> {
    workload: &'w Workload,
    shard: Shard,
    start: Option<&'w Start>,
    parts: Rc<P>,
    idle: Arc<Idle>,
    pacer: Pacer,
    course: Rc<Begun>,
}

impl<P: Play> Course<'_, P> {
    async fn run(&self, watch: &mut Watch<'_>) -> io::Result<(Counts, Health)> {
        let limits = &self.workload.generator;
        let mut strain = Strain::new(limits.starved_share, limits.memory_mb)?;
        let mut counts = Counts::default();
        let mut health = Health::default();
        if self.prepare(&mut counts, watch).await.is_break() || counts.prepared == 0 {
            return Ok((counts, health));
        }
        if let Some(began) = self.starts(watch).await {
            let before = cpu_of_thread()?;
            self.course.begins.set(Some(began));
            let stopped = self.load(&mut strain, watch).await?;
            let drain = self.workload.drain.duration();
            self.course
                .give_up(if stopped { drain } else { Duration::ZERO });
            health.problems = strain.finish();
            health.cpu = (cpu_of_thread()? - before).as_secs_f64();
            health.wall = began.elapsed().as_secs_f64();
        }
        // Whatever is wrong with the system, nobody waits for long.
        let left = Rc::clone(&self.parts).leave();
        drop(tokio::time::timeout(LEAVING, left).await);
        Ok((counts, health))
    }

    fn show(&self, phase: Phase, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let shown = self.course.with(|measures| watch(phase, measures));
        shown.unwrap_or(ControlFlow::Continue(()))
    }

    /// When the first stage begins: now, or when all others are ready, too. Nothing if that is not waited for any more.
    async fn starts(&self, watch: &mut Watch<'_>) -> Option<Instant> {
        let Some(start) = self.start else {
            return Some(Instant::now());
        };
        start.arrive();
        let members = self.shard.members(self.workload.devices.count).len() as u32;
        loop {
            if let Some(at) = start.at() {
                tokio::time::sleep_until(at.into()).await;
                return Some(at);
            }
            tokio::time::sleep(LOOKS).await;
            if self.show(Phase::Preparing(members), watch).is_break() {
                return None;
            }
        }
    }

    /// Makes every member ready, so many at a time.
    async fn prepare(&self, counts: &mut Counts, watch: &mut Watch<'_>) -> ControlFlow<()> {
        let members = self.shard.members(self.workload.devices.count).len() as u32;
        let (mut going, mut next) = (JoinSet::new(), 0);
        loop {
            while going.len() < PREPARING && next < members {
                going.spawn_local(Rc::clone(&self.parts).prepare(next));
                next += 1;
            }
            if going.is_empty() {
                return ControlFlow::Continue(());
            }
            match tokio::time::timeout(GLANCE, going.join_next()).await {
                Ok(Some(Ok(Outcome::Answered))) => counts.prepared += 1,
                Ok(Some(_)) => counts.unprepared += 1,
                // Nothing came of anything for now.
                Ok(None) | Err(_) => {}
            }
            self.show(Phase::Preparing(next), watch)?;
            // Where the first of them all fail, so will the others.
            if counts.prepared == 0 && counts.unprepared >= PREPARING as u64 {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Begins what is due until all is over. Says whether somebody stopped it.
    async fn load(&self, strain: &mut Strain, watch: &mut Watch<'_>) -> io::Result<bool> {
        let (workload, course) = (self.workload, &self.course);
        let (span, drain) = (workload.span(), workload.drain.duration());
        let closed = match workload.arrivals {
            Arrivals::Closed(most) => Some(self.shard.members(most).len()),
            Arrivals::Even | Arrivals::Poisson => None,
        };
        let mut turns = Turns::new(workload, self.shard);
        let (mut going, mut number) = (JoinSet::new(), 0);
        let mut looked = None;
        loop {
            let now = course.now();
            let mut due = 0;
            while due < BUDGET
                && let Some((turn, meant)) = next(&mut turns, closed, now, (span, course))
            {
                due += 1;
                number += 1;
                let pending = Pending {
                    operation: turn.operation,
                    meant,
                    counts: meant >= workload.warm_up.duration(),
                };
                course.begin(number, pending, now);
                let (parts, course, number) = (Rc::clone(&self.parts), Rc::clone(course), number);
                let apart = Apart {
                    course: Rc::clone(&course),
                    pending,
                };
                going.spawn_local(async move {
                    let outcome = parts.perform(turn.operation, turn.member, apart).await;
                    course.end(number, outcome);
                });
            }
            let over = now >= span && turns.peek().is_none();
            strain.idle += self.idle.take();
            strain.turn((!over).then_some(now), now)?;
            let phase = if over {
                Phase::Draining
            } else {
                Phase::Loading
            };
            if looked.is_none_or(|then| now.saturating_sub(then) >= GLANCE) {
                looked = Some(now);
                course.with(|measures| measures.turn(now.as_secs()));
                if self.show(phase, watch).is_break() {
                    return Ok(true);
                }
            }
            if over && (course.under_way() == 0 || now >= span + drain) {
                return Ok(false);
            }
            if due == BUDGET {
                tokio::task::yield_now().await;
                continue;
            }
            let until = match turns.peek() {
                Some(at) => at,
                None if over => now + GLANCE,
                None => span,
            };
            let until = until.min(now + GLANCE);
            tokio::select! {
                () = self.pacer.until(until.saturating_sub(now)) => {}
                // It may make room for another.
                Some(_) = going.join_next(), if !going.is_empty() => {}
            }
            while going.try_join_next().is_some() {}
        }
    }
}

/// What is to be begun now, and when it was meant to.
fn next(
    turns: &mut Turns,
    closed: Option<usize>,
    now: Duration,
    (span, course): (Duration, &Begun),
) -> Option<(Turn, Duration)> {
    match closed {
        Some(most) => {
            let room = course.under_way() < most && now < span;
            let turn = room.then(|| turns.next_now()).flatten()?;
            Some((turn, now))
        }
        None => turns.next_by(now).map(|turn| (turn, turn.at)),
    }
}

/// How long the thread had nothing to do.
#[derive(Default)]
struct Idle {
    origin: std::sync::OnceLock<Instant>,
    since_us: AtomicU64,
    total_us: AtomicU64,
}

impl Idle {
    fn now(&self) -> u64 {
        let elapsed = self.origin.get_or_init(Instant::now).elapsed();
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    }

    fn begins(&self) {
        self.since_us.store(self.now(), Ordering::Relaxed);
    }

    fn ends(&self) {
        let idle = self.now() - self.since_us.load(Ordering::Relaxed);
        self.total_us.fetch_add(idle, Ordering::Relaxed);
    }

    /// How long it was since this was last asked.
    fn take(&self) -> Duration {
        Duration::from_micros(self.total_us.swap(0, Ordering::Relaxed))
    }
}

/// Rings at moments: the runtime's own timers count milliseconds, which is longer than some operations take.
struct Pacer {
    wanted: mpsc::Sender<Instant>,
    rung: Arc<Notify>,
}

impl Pacer {
    fn start() -> Self {
        let (wanted, moments) = mpsc::channel::<Instant>();
        let rung = Arc::new(Notify::new());
        let bell = Arc::clone(&rung);
        std::thread::spawn(move || {
            let mut next = moments.recv();
            while let Ok(moment) = next {
                let left = moment.saturating_duration_since(Instant::now());
                next = match moments.recv_timeout(left) {
                    Ok(newer) => Ok(newer),
                    Err(RecvTimeoutError::Timeout) => {
                        bell.notify_one();
                        moments.recv()
                    }
                    // Who wanted to be woken has gone.
                    Err(RecvTimeoutError::Disconnected) => return,
                };
            }
        });
        Self { wanted, rung }
    }

    /// Waits so long, or less if it was rung before.
    async fn until(&self, span: Duration) {
        // The thread lives as long as this does.
        let _ = self.wanted.send(Instant::now() + span);
        self.rung.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system that serves one after the other, and once stands still.
    struct Stalls {
        turn: tokio::sync::Mutex<u32>,
    }

    const STALL: Duration = Duration::from_millis(600);

    impl Play for Stalls {
        async fn prepare(self: Rc<Self>, _: u32) -> Outcome {
            Outcome::Answered
        }

        async fn perform(self: Rc<Self>, _: Operation, _: u32, _: Apart) -> Outcome {
            let mut turn = self.turn.lock().await;
            *turn += 1;
            if *turn == 20 {
                tokio::time::sleep(STALL).await;
            }
            Outcome::Answered
        }

        fn carried(&self) -> (u64, u64) {
            (0, 0)
        }

        fn judgement(&self) -> Judgement {
            Judgement::default()
        }
    }

    fn workload(more: &str) -> Workload {
        let text = format!(
            "name = \"stalls\"\n{more}\n[devices]\ncount = 10\n[mix]\ndm-session = 1\n\
             [[stages]]\nrate = 100\nfor = \"1s\"\n"
        );
        Workload::read(&text).unwrap()
    }

    #[test]
    fn a_system_that_stands_still_is_asked_as_often_as_before_and_shown_with_what_waited() {
        let stalls = Stalls {
            turn: tokio::sync::Mutex::default(),
        };
        let mut phases = Vec::new();
        let played = play(
            &workload(""),
            (Shard::WHOLE, None),
            stalls,
            &mut |phase, _| {
                phases.push(phase);
                ControlFlow::Continue(())
            },
        );
        let played = played.unwrap();
        let totals = played.measures.totals(Operation::DmSession);
        assert_eq!((totals.begun, totals.answered), (100, 100));
        assert_eq!(played.counts.prepared, 10);
        assert!(phases.contains(&Phase::Loading));
        // Of those that were meant to begin in the 600 ms, half had to wait for 300 ms at least.
        let slow = totals.latencies.count_between(300_000, 10_000_000);
        assert!((25..=60).contains(&slow), "{slow}");
    }

    #[test]
    fn who_is_asked_only_after_an_answer_hides_the_same() {
        let stalls = Stalls {
            turn: tokio::sync::Mutex::default(),
        };
        let closed = workload("arrivals = { closed = 1 }");
        let played = play(&closed, (Shard::WHOLE, None), stalls, &mut |_, _| {
            ControlFlow::Continue(())
        });
        let played = played.unwrap();
        let totals = played.measures.totals(Operation::DmSession);
        assert_eq!(totals.latencies.count_between(300_000, 10_000_000), 1);
    }

    #[test]
    fn nothing_begins_before_others_are_ready() {
        let stalls = Stalls {
            turn: tokio::sync::Mutex::default(),
        };
        let start = Start::of(2);
        let (mut early, mut phases) = (0, Vec::new());
        let played = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(400));
                start.arrive();
            });
            let from = (Shard::WHOLE, Some(&start));
            play(&workload(""), from, stalls, &mut |phase, _| {
                let begins = start.at().is_some_and(|at| Instant::now() >= at);
                early += u32::from(!begins && !matches!(phase, Phase::Preparing(_)));
                phases.push(phase);
                ControlFlow::Continue(())
            })
        });
        let played = played.unwrap();
        let totals = played.measures.totals(Operation::DmSession);
        assert_eq!((totals.begun, early), (100, 0));
        // It is asked whether to go on while it waits, too.
        let waits = phases
            .iter()
            .filter(|phase| **phase == Phase::Preparing(10));
        assert!(waits.count() > 10);
    }

    #[test]
    fn what_is_stopped_ends_at_once_and_nothing_is_said_of_what_was_under_way() {
        let stalls = Stalls {
            turn: tokio::sync::Mutex::new(19),
        };
        let played = play(
            &workload(""),
            (Shard::WHOLE, None),
            stalls,
            &mut |phase, _| match phase {
                Phase::Preparing(_) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            },
        );
        let totals = played.unwrap();
        let totals = totals.measures.totals(Operation::DmSession);
        assert_eq!((totals.begun > 0, totals.finished()), (true, 0));
    }
}
