//! What the generator itself costs: the same datagrams, without anybody who thinks about them.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use twinproof_coap::{Class, Code, Packet, Type, Writer};
use twinproof_fleet::Roster;
use twinproof_kernel::{CallId, Input, Outbox, Role as _, Seed, Time};
use twinproof_lwm2m::device::{Device, Shared};
use twinproof_sockets::{Arrivals, Departures, Socket, cpu_of_thread};

use crate::devices::{Devices, shared};
use crate::drive::{GLANCE, Pump};
use crate::generator::{Generator, Phase, Traffic as _};
use crate::jury::Jury;
use crate::run::NoRun;
use crate::workload::{Arrivals as Pace, Operation, Workload};

/// How many operations are under way at any time, on either side, at most: a device has but one (RFC 7252 §4.7), and more
/// would only wait in it.
const WINDOW: u32 = 256;

/// How long it takes for nobody to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an operation costs the generator, and what its datagrams cost anybody, side by side.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
pub struct Floor {
    /// What was done.
    pub operation: Operation,
    /// How many devices there were.
    pub devices: u32,
    /// Round by round.
    pub rounds: Vec<Round>,
}

/// A round, in which one came after the other.
#[derive(
    Clone, Copy, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Round {
    /// Processor time for an operation that nobody thinks about, in microseconds.
    pub bare_us: f64,
    /// Processor time for an operation of a device, in microseconds.
    pub ours_us: f64,
}

impl Round {
    /// The share of the generator's processor time that anybody would need, at best 1.
    pub fn share(&self) -> f64 {
        self.bare_us / self.ours_us
    }

    /// Round by round, what an operation took on average where these were done in equal parts.
    pub fn together(floors: &[Floor]) -> Vec<Self> {
        let count = floors.iter().map(|floor| floor.rounds.len()).min();
        let mean = |number: usize, of: fn(&Self) -> f64| {
            let all = floors.iter().map(|floor| of(&floor.rounds[number]));
            all.sum::<f64>() / floors.len() as f64
        };
        let all = (0..count.unwrap_or(0)).map(|number| Self {
            bare_us: mean(number, |round| round.bare_us),
            ours_us: mean(number, |round| round.ours_us),
        });
        all.collect()
    }

    /// The median of their shares.
    pub fn ratio(rounds: &[Self]) -> Option<f64> {
        let mut shares: Vec<f64> = rounds.iter().map(Self::share).collect();
        median(&mut shares)
    }
}

/// The number in the middle, or the mean of the two that are.
pub(crate) fn median(numbers: &mut [f64]) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let low = numbers.get(numbers.len().checked_sub(1)? / 2)?;
    let high = numbers.get(numbers.len() / 2)?;
    Some(f64::midpoint(*low, *high))
}

impl Floor {
    /// The share of the generator's processor time that anybody would need: the median of the rounds, at best 1.
    pub fn ratio(&self) -> Option<f64> {
        Round::ratio(&self.rounds)
    }
}

/// Measures in so many rounds of this length. In each, every operation has its turn, in two halves: devices that do it again
/// and again, and a bare loop that sends the same datagrams from the same addresses; both against a server that does nothing
/// but answer. Every operation has devices of its own, as many as the workload says: who registers is observed no more. What
/// comes of each is in the order of [`Workload::operations`].
///
/// # Errors
///
/// When the system takes sockets or clocks away, there are not enough addresses, or the server does not answer.
pub fn floor(workload: &Workload, rounds: u32, length: Duration) -> Result<Vec<Floor>, NoRun> {
    let window = WINDOW.min(workload.devices.count);
    let closed: Vec<Workload> = workload
        .operations()
        .map(|operation| Workload {
            arrivals: Pace::Closed(window),
            mix: BTreeMap::from([(operation, 1)]),
            every: BTreeMap::new(),
            ..workload.clone()
        })
        .collect();
    let opened = closed.iter().map(|_| Sockets::open());
    let sockets: Vec<Sockets> = opened.collect::<io::Result<_>>()?;
    let stop = AtomicBool::new(false);
    let half = length / 2 / u32::try_from(closed.len()).unwrap_or(u32::MAX).max(1);
    thread::scope(|scope| {
        let measured = (|| {
            let mut sides = Vec::new();
            for (workload, sockets) in closed.iter().zip(&sockets) {
                let side = Side::new(workload, sockets)?;
                let observed = (side.operation == Operation::Notify)
                    .then(|| observation(Devices::of(workload)));
                let (other, stop) = (&sockets.other, &stop);
                scope.spawn(move || echo(other, observed.as_deref(), stop));
                sides.push(side);
            }
            for side in &mut sides {
                side.prepare()?;
            }
            // The first round warms caches up.
            for number in 0..=rounds {
                for side in &mut sides {
                    let round = side.measure(half)?;
                    side.rounds.extend((number > 0).then_some(round));
                }
            }
            let floors = sides.into_iter().map(|side| Floor {
                operation: side.operation,
                devices: workload.devices.count,
                rounds: side.rounds,
            });
            Ok(floors.collect())
        })();
        stop.store(true, Ordering::Relaxed);
        measured
    })
}

/// Who speaks and answers in one operation.
struct Sockets {
    ours: Socket,
    bare: Socket,
    other: Socket,
}

impl Sockets {
    fn open() -> io::Result<Self> {
        Ok(Self {
            ours: Socket::open(0)?,
            bare: Socket::open(0)?,
            other: Socket::open(0)?,
        })
    }
}

/// An operation, and both who do it.
struct Side<'s> {
    operation: Operation,
    pump: Pump<'s>,
    generator: Generator<'s, Devices>,
    bare: Bare<'s>,
    rounds: Vec<Round>,
}

impl<'s> Side<'s> {
    fn new(workload: &'s Workload, sockets: &'s Sockets) -> Result<Self, NoRun> {
        let Sockets { ours, bare, other } = sockets;
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, other.port()));
        let operation = workload.operations().next().unwrap_or(Operation::Register);
        let shared = shared(workload, target);
        let traffic = Devices::of(workload);
        let template = template(&shared, traffic, operation)?;
        let devices = &workload.devices;
        let addresses = devices.addresses(bare.port());
        let roster = Roster::new(devices.count, addresses, "", Seed::new(0));
        let generator = Generator::new(workload, ours.port(), traffic, shared);
        Ok(Self {
            operation,
            pump: Pump::new(ours),
            generator: generator.map_err(NoRun::Room)?,
            bare: Bare {
                socket: bare,
                target,
                template,
                roster: roster.map_err(NoRun::Room)?,
                window: WINDOW.min(devices.count),
                turn: 0,
            },
            rounds: Vec::new(),
        })
    }

    /// Lets all devices register, and be observed where they are to report.
    fn prepare(&mut self) -> io::Result<()> {
        while matches!(self.generator.phase(), Phase::Preparing(_)) {
            spin(&mut self.pump, &mut self.generator)?;
        }
        Ok(())
    }

    fn measure(&mut self, half: Duration) -> io::Result<Round> {
        Ok(Round {
            bare_us: self.bare.measure(half)?,
            ours_us: measure(&mut self.pump, &mut self.generator, half)?,
        })
    }
}

fn spin(pump: &mut Pump<'_>, generator: &mut Generator<'_, Devices>) -> io::Result<()> {
    if !pump.turn(generator, &mut Jury::absent())? {
        pump.wait(generator, GLANCE)?;
    }
    Ok(())
}

/// Lets devices work for so long, and says what an operation took.
fn measure(
    pump: &mut Pump<'_>,
    generator: &mut Generator<'_, Devices>,
    length: Duration,
) -> io::Result<f64> {
    let answered = |generator: &Generator<'_, Devices>| -> u64 {
        let all = Operation::ALL.into_iter();
        all.map(|one| generator.measures().totals(one).answered)
            .sum()
    };
    let (before, began, cpu) = (answered(generator), Instant::now(), cpu_of_thread()?);
    // On a machine with much else to do it may take longer until anything is answered at all.
    let enough = |generator: &_| match answered(generator) > before {
        true => began.elapsed() >= length,
        false => began.elapsed() >= PATIENCE,
    };
    while !enough(generator) && generator.phase() == Phase::Loading {
        spin(pump, generator)?;
    }
    each(cpu_of_thread()? - cpu, answered(generator) - before)
}

pub(crate) fn each(cpu: Duration, count: u64) -> io::Result<f64> {
    match count {
        0 => Err(io::Error::other("nothing was answered")),
        count => Ok(cpu.as_secs_f64() * 1e6 / count as f64),
    }
}

/// A loop that sends, and counts what comes back.
struct Bare<'s> {
    socket: &'s Socket,
    target: SocketAddr,
    template: Vec<u8>,
    roster: Roster,
    window: u32,
    turn: u64,
}

impl Bare<'_> {
    fn measure(&mut self, length: Duration) -> io::Result<f64> {
        let (mut arrivals, mut departures) = (Arrivals::default(), Departures::default());
        // What was on its way when the last round ended is none of this one.
        while self.socket.receive(&mut arrivals)? > 0 {}
        let (began, cpu) = (Instant::now(), cpu_of_thread()?);
        let (mut answered, mut heard) = (0, began);
        for _ in 0..self.window {
            self.ask(&mut departures);
        }
        self.socket.send(&mut departures)?;
        while began.elapsed() < length || answered == 0 {
            let count = self.socket.receive(&mut arrivals)?;
            for index in 0..count {
                answered += u64::from(arrivals.take(index).is_some());
                self.ask(&mut departures);
            }
            self.socket.send(&mut departures)?;
            match count {
                0 if heard.elapsed() > PATIENCE => break,
                0 => drop(self.socket.wait(Duration::from_millis(10))?),
                _ => heard = Instant::now(),
            }
        }
        each(cpu_of_thread()? - cpu, answered)
    }

    fn ask(&mut self, departures: &mut Departures) {
        let member = self.roster.spread(self.turn);
        self.turn += 1;
        if let Some(at) = self.roster.address(member) {
            departures.push(at, self.target, &self.template);
        }
    }
}

/// A server asks to observe what devices report.
fn observation(traffic: Devices) -> Vec<u8> {
    let mut octets = Vec::new();
    // Nothing of this can be wrong.
    let _ = Writer::new(&mut octets, Type::Con, Code::GET, 1, b"\x01")
        .observe(0)
        .path(&traffic.reported_path().to_string())
        .finish();
    octets
}

/// Answers whatever is asked as a server that takes it would, and thinks of nothing; if it observes, it asks that of whoever
/// has registered.
fn echo(socket: &Socket, observes: Option<&[u8]>, stop: &AtomicBool) -> io::Result<()> {
    let (mut arrivals, mut departures) = (Arrivals::default(), Departures::default());
    let mut answer = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let count = socket.receive(&mut arrivals)?;
        for index in 0..count {
            let Some(arrival) = arrivals.take(index) else {
                continue;
            };
            if write_answer(arrival.bytes, &mut answer) {
                departures.push(arrival.at, arrival.from, &answer);
            }
            if let Some(observes) = observes
                && Packet::parse(arrival.bytes).is_ok_and(|packet| packet.path_is(&["rd"]))
            {
                departures.push(arrival.at, arrival.from, observes);
            }
        }
        socket.send(&mut departures)?;
        if count == 0 {
            socket.wait(Duration::from_millis(10))?;
        }
    }
    Ok(())
}

/// 2.01 with a location, to what goes to `/rd`, else 2.04; an acknowledgement to a confirmable notification.
pub(crate) fn write_answer(request: &[u8], into: &mut Vec<u8>) -> bool {
    let Ok(packet) = Packet::parse(request) else {
        return false;
    };
    let [high, low] = packet.message_id().to_be_bytes();
    match (packet.ty(), packet.code().class()) {
        (_, Class::Request) => {}
        (Type::Con, Class::Response) => {
            into.clear();
            into.extend_from_slice(&[0x60, 0, high, low]);
            return true;
        }
        _ => return false,
    }
    let token = packet.token_bytes();
    let registers = packet.path_is(&["rd"]);
    let code = if registers { 0x41 } else { 0x44 };
    into.clear();
    into.extend_from_slice(&[0x60 | token.len() as u8, code, high, low]);
    into.extend_from_slice(token);
    if registers {
        into.extend_from_slice(b"\x82rd\x01x");
    }
    true
}

/// The datagram of a registered device that does this.
fn template(shared: &Shared, traffic: Devices, operation: Operation) -> io::Result<Vec<u8>> {
    let (Some(server), at) = (
        shared.servers.first(),
        SocketAddr::from(([127, 1, 0, 1], 1)),
    ) else {
        return Err(io::Error::other("there is no server"));
    };
    let mut device = Device::new("dev-0", at, Seed::new(0));
    let mut out = Outbox::default();
    let mut said = Vec::new();
    for (number, operation) in [Operation::Register, operation].into_iter().enumerate() {
        if number > 0 && operation == Operation::Notify {
            let (from, bytes) = (server.address, &*observation(traffic));
            let input = Input::Datagram { at, from, bytes };
            device.handle(shared, Time::ZERO, input, &mut out);
            out = Outbox::default();
        }
        let order = traffic.order(operation, 0);
        let call = CallId(0);
        device.handle(shared, Time::ZERO, Input::Order { call, order }, &mut out);
        said = out.bytes().to_vec();
        out = Outbox::default();
        let mut answer = Vec::new();
        write_answer(&said, &mut answer);
        let (from, bytes) = (server.address, &answer[..]);
        device.handle(
            shared,
            Time::ZERO,
            Input::Datagram { at, from, bytes },
            &mut out,
        );
        out = Outbox::default();
    }
    Ok(said)
}
