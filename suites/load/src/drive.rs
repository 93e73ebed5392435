//! A generator on a socket.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use twinproof_kernel::Time;
use twinproof_sockets::{Arrivals, Clock, Departures, Sent, Socket, cpu_of_thread};

use crate::crowd::Steer;
use crate::generator::{Generator, Phase, Traffic};
use crate::jury::Jury;
use crate::plan::{octets as says_octets, resident};
use crate::report::{Health, Problem, ProblemKind};
use crate::sessions::Sessions;
use crate::start::{LOOKS, Start};

/// How long nobody is asked whether to go on, at most.
pub(crate) const GLANCE: Duration = Duration::from_millis(100);

/// Carries out a workload on a socket until it is over, or until `watch` says so, which is asked many times a
/// second. What went wrong with the generator is in what it returns.
///
/// # Errors
///
/// When the system takes the socket or the clocks away.
pub fn drive<T: Traffic>(
    generator: &mut Generator<'_, T>,
    socket: &Socket,
    watch: &mut dyn FnMut(&Generator<'_, T>) -> ControlFlow<()>,
) -> io::Result<Health> {
    drive_judged(generator, socket, &mut Jury::absent(), watch)
}

/// As [`drive`], before a jury that sees every datagram of the devices that it watches.
///
/// # Errors
///
/// When the system takes the socket or the clocks away.
pub fn drive_judged<T: Traffic>(
    generator: &mut Generator<'_, T>,
    socket: &Socket,
    jury: &mut Jury,
    watch: &mut dyn FnMut(&Generator<'_, T>) -> ControlFlow<()>,
) -> io::Result<Health> {
    drive_steered(generator, (socket, None), jury, watch)
}

/// As [`drive_judged`], of a generator that is [steered](Generator::steered) by what comes through a channel. Once nobody
/// can say anything any more, it finishes.
///
/// # Errors
///
/// When the system takes the socket or the clocks away.
pub fn drive_steered<T: Traffic>(
    generator: &mut Generator<'_, T>,
    (socket, helm): (&Socket, Option<&Receiver<Steer>>),
    jury: &mut Jury,
    watch: &mut dyn FnMut(&Generator<'_, T>) -> ControlFlow<()>,
) -> io::Result<Health> {
    drive_over(generator, (socket, None), (helm, None), jury, watch)
}

/// As [`drive_steered`], of devices that speak to the server over these associations, if there are any; with a first stage
/// that begins with those of others, if the generator is [held](Generator::held).
pub(crate) fn drive_over<T: Traffic>(
    generator: &mut Generator<'_, T>,
    (socket, sessions): (&Socket, Option<&mut Sessions>),
    (helm, start): (Option<&Receiver<Steer>>, Option<&Start>),
    jury: &mut Jury,
    watch: &mut dyn FnMut(&Generator<'_, T>) -> ControlFlow<()>,
) -> io::Result<Health> {
    let limits = generator.workload().generator.clone();
    let mut pump = Pump {
        sessions,
        ..Pump::new(socket)
    };
    let mut strain = Strain::new(limits.starved_share, limits.memory_mb)?;
    let (mut began, mut looked, mut arrived) = (None, Duration::ZERO, false);
    while generator.phase() != Phase::Done {
        while let Some(helm) = helm {
            let steer = match helm.try_recv() {
                Ok(steer) => steer,
                Err(TryRecvError::Disconnected) => Steer::Finish,
                Err(TryRecvError::Empty) => break,
            };
            generator.steer(steer, time(pump.clock.now()));
            if steer == Steer::Finish {
                break;
            }
        }
        if let Some(start) = start
            && generator.is_ready()
        {
            if !std::mem::replace(&mut arrived, true) {
                start.arrive();
            }
            if let Some(at) = start.at() {
                let (now, moment) = (pump.clock.now(), Instant::now());
                let ahead = at.saturating_duration_since(moment);
                let ago = moment.saturating_duration_since(at);
                generator.release(time((now + ahead).saturating_sub(ago)));
            }
        }
        let full = pump.turn(generator, jury)?;
        strain.overflowed(pump.arrivals.lost());
        strain.sent(std::mem::take(&mut pump.sent));
        let now = pump.clock.now();
        if now.saturating_sub(looked) >= GLANCE {
            looked = now;
            if watch(generator).is_break() {
                generator.stop(time(now));
            }
        }
        let loading = generator.phase() == Phase::Loading && time(now) >= generator.begins();
        if loading && began.is_none() {
            began = Some((now, cpu_of_thread()?));
        }
        let since = loading.then(|| time(now).since(generator.begins()));
        strain.turn(since, now)?;
        if !full {
            let most = match generator.is_ready() {
                true => LOOKS,
                false => GLANCE,
            };
            strain.idle += pump.wait(generator, most)?;
        }
    }
    let (now, cpu) = (pump.clock.now(), cpu_of_thread()?);
    let (then, before) = began.unwrap_or((now, cpu));
    let mut health = Health {
        problems: strain.finish(),
        cpu: (cpu - before).as_secs_f64(),
        wall: (now - then).as_secs_f64(),
        receive_buffer: socket.buffers()?.0,
        ..Health::default()
    };
    health.note(generator.sizes());
    Ok(health)
}

/// What lies between a generator and its socket.
pub(crate) struct Pump<'s> {
    socket: &'s Socket,
    pub(crate) clock: Clock,
    arrivals: Arrivals,
    departures: Departures,
    /// Over which devices speak to the server, if not in the clear.
    sessions: Option<&'s mut Sessions>,
    /// What became of what was sent in the last turn.
    sent: Sent,
}

impl<'s> Pump<'s> {
    pub(crate) fn new(socket: &'s Socket) -> Self {
        Self {
            socket,
            clock: Clock::start(),
            arrivals: Arrivals::default(),
            departures: Departures::default(),
            sessions: None,
            sent: Sent::default(),
        }
    }

    /// Takes what is there, does what is due, and sends what comes of it. Says whether there may be more.
    pub(crate) fn turn<T: Traffic>(
        &mut self,
        generator: &mut Generator<'_, T>,
        jury: &mut Jury,
    ) -> io::Result<bool> {
        let count = self.socket.receive(&mut self.arrivals)?;
        let now = self.clock.now();
        for index in 0..count {
            let Some(arrival) = self.arrivals.take(index) else {
                continue;
            };
            let stamp = arrival
                .stamp
                .map(|stamp| time(self.clock.since_start(stamp, now)));
            let (at, from) = (arrival.at, arrival.from);
            let times = (time(now), stamp.unwrap_or(time(now)));
            let mut line = Line {
                departures: &mut self.departures,
                sessions: self.sessions.as_deref_mut(),
                jury,
                now: times.0,
            };
            match &mut line.sessions {
                Some(sessions) if sessions.is_with(from) => {
                    let datagram = (at, arrival.bytes);
                    sessions.hear(times, datagram, &mut leave(line.departures, from));
                    line.deliver(generator, (from, times));
                }
                _ => line.arrive(generator, (at, from, arrival.bytes), times),
            }
        }
        let now = time(self.clock.now());
        let mut line = Line {
            departures: &mut self.departures,
            sessions: self.sessions.as_deref_mut(),
            jury,
            now,
        };
        let more = generator.act(now, &mut |at, to, bytes| line.send(at, to, bytes));
        line.shake(generator);
        for (overheard, at) in generator.overheard() {
            jury.overhears(overheard, at);
        }
        self.sent = self.socket.send(&mut self.departures)?;
        Ok(more || count > 0)
    }

    /// Waits until something arrives or is due, so long at most, and says how long that was.
    pub(crate) fn wait<T: Traffic>(
        &mut self,
        generator: &mut Generator<'_, T>,
        most: Duration,
    ) -> io::Result<Duration> {
        let before = self.clock.now();
        let next = generator
            .next_deadline()
            .into_iter()
            .chain(self.sessions.as_ref().and_then(|all| all.next_deadline()))
            .min()
            .map_or(most, |at| at.since(time(before)));
        let due = next.min(most);
        self.socket.wait(due)?;
        // Beyond that it did not rest but waited for a processor.
        Ok((self.clock.now() - before).min(due))
    }
}

fn time(since: Duration) -> Time {
    Time::ZERO + since
}

/// What lies between devices and the wire: a jury that sees what is said, and associations that hide it from others.
struct Line<'l> {
    departures: &'l mut Departures,
    sessions: Option<&'l mut Sessions>,
    jury: &'l mut Jury,
    now: Time,
}

impl Line<'_> {
    /// A device says something.
    fn send(&mut self, at: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.jury.sent((at, to, bytes), self.now);
        let times = match self.jury.repeats((at, bytes)) {
            true => 2,
            false => 1,
        };
        for _ in 0..times {
            match &mut self.sessions {
                Some(sessions) if sessions.is_with(to) => {
                    sessions.send(self.now, at, bytes, &mut leave(self.departures, to));
                }
                _ => leave(self.departures, to)(at, bytes),
            }
        }
    }

    /// Something arrives at a device.
    fn arrive<T: Traffic>(
        &mut self,
        generator: &mut Generator<'_, T>,
        datagram: (SocketAddr, SocketAddr, &[u8]),
        times: (Time, Time),
    ) {
        self.jury.heard(datagram, times.1);
        generator.hear(times, datagram, &mut |at, to, bytes| {
            self.send(at, to, bytes);
        });
    }

    /// What has come out of associations with somebody arrives.
    fn deliver<T: Traffic>(
        &mut self,
        generator: &mut Generator<'_, T>,
        (from, times): (SocketAddr, (Time, Time)),
    ) {
        while let Some((at, data)) = self.sessions.as_mut().and_then(|all| all.heard()) {
            self.arrive(generator, (at, from, &data), times);
        }
    }

    /// Begins handshakes that are asked for, goes on with others, and tells of those that are over.
    fn shake<T: Traffic>(&mut self, generator: &mut Generator<'_, T>) {
        let asked = generator.handshakes();
        let Some(sessions) = &mut self.sessions else {
            return;
        };
        let leave = &mut leave(self.departures, sessions.server());
        for (member, call) in asked {
            sessions.begin_anew(self.now, member, call, leave);
        }
        sessions.wake(self.now, leave);
        while let Some(shaken) = sessions.shaken() {
            generator.shaken(shaken);
        }
    }
}

/// Lets datagrams for somebody wait to be sent together.
fn leave(departures: &mut Departures, to: SocketAddr) -> impl FnMut(SocketAddr, &[u8]) {
    move |at, bytes| departures.push(at, to, bytes)
}

/// What is asked too much of the generator, second by second.
pub(crate) struct Strain {
    problems: Vec<Problem>,
    starved_share: f64,
    memory_mb: Option<u32>,
    second: Option<u64>,
    /// How long nothing was to be done in this second.
    pub(crate) idle: Duration,
    /// When the second began, and how much processor time there had been.
    from: (Duration, Duration),
    lost: u32,
    refused: usize,
    why: Option<io::Error>,
    lost_before: u32,
}

impl Strain {
    pub(crate) fn new(starved_share: f64, memory_mb: Option<u32>) -> io::Result<Self> {
        Ok(Self {
            problems: Vec::new(),
            starved_share,
            memory_mb,
            second: None,
            idle: Duration::ZERO,
            from: (Duration::ZERO, cpu_of_thread()?),
            lost: 0,
            refused: 0,
            why: None,
            lost_before: 0,
        })
    }

    fn overflowed(&mut self, lost: u32) {
        self.lost = lost;
    }

    fn sent(&mut self, sent: Sent) {
        self.refused += sent.refused;
        if let Some(why) = sent.why {
            self.why.get_or_insert(why);
        }
    }

    /// It is now so long since the first stage began, if that has.
    pub(crate) fn turn(&mut self, since: Option<Duration>, now: Duration) -> io::Result<()> {
        let second = since.map(|since| since.as_secs());
        if second == self.second {
            return Ok(());
        }
        let cpu = cpu_of_thread()?;
        if self.second.is_some() {
            self.look(now - self.from.0, cpu - self.from.1);
        }
        self.second = second;
        self.from = (now, cpu);
        self.idle = Duration::ZERO;
        self.lost_before = self.lost;
        self.refused = 0;
        Ok(())
    }

    fn look(&mut self, wall: Duration, cpu: Duration) {
        let busy = wall.saturating_sub(self.idle);
        let starved = busy.saturating_sub(cpu).as_secs_f64();
        if starved > self.starved_share * wall.as_secs_f64() {
            let says = format!("it had work for {busy:.3?} and a processor for {cpu:.3?} of them");
            self.add(ProblemKind::Starved, says);
        }
        let lost = self.lost.wrapping_sub(self.lost_before);
        if lost > 0 {
            let says = format!("the kernel had no room for {lost} datagrams that arrived");
            self.add(ProblemKind::Overflowed, says);
        }
        if let (Some(most), Some(_)) = (self.memory_mb, self.second) {
            match resident() {
                Ok(octets) if octets > u64::from(most) * 1_000_000 => {
                    let says = format!(
                        "it took {}, and {most} MB are the most",
                        says_octets(octets)
                    );
                    self.add(ProblemKind::Grown, says);
                }
                // Where the system does not say, nothing is known of it.
                Ok(_) | Err(_) => {}
            }
        }
        if self.refused > 0 {
            let why = self
                .why
                .as_ref()
                .map_or(String::new(), |why| format!(": {why}"));
            let says = format!("the kernel did not send {} datagrams{why}", self.refused);
            self.add(ProblemKind::Unsent, says);
        }
    }

    /// What was lost in the last moments is told only by what came after them.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.second = None;
        self.look(Duration::ZERO, Duration::ZERO);
        self.problems
    }

    fn add(&mut self, kind: ProblemKind, says: String) {
        self.problems.push(Problem {
            kind,
            second: self.second,
            says,
        });
    }
}
