//! The generator against a server of which everything is known, on a clock of our own: what it reports is what
//! a reckoning from the moments of the schedule comes to, whatever the server does in between.

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use common::{report, server};
use twinproof_coap::endpoint::{Endpoint, Event, Exchange, Turn};
use twinproof_coap::{Code, Message, Parameters, option};
use twinproof_kernel::{Seed, Time};
use twinproof_load::{
    Devices, Generator, Operation, Phase, ProblemKind, Verdict, Workload, shared,
};

const RATE: u64 = 400;
const SECONDS: u64 = 30;

/// One after the other, each in its time, and for a second of every ten not at all.
#[derive(Default)]
struct Till {
    free: Duration,
}

impl Till {
    fn done(&mut self, number: u64, came: Duration) -> Duration {
        let service = Duration::from_micros([500, 1_000, 2_500][(number % 3) as usize]);
        let start = past_stall(came.max(self.free));
        let stalls = stall_after(start);
        let end = start + service;
        self.free = match end > stalls.start {
            true => end + (stalls.end - stalls.start),
            false => end,
        };
        self.free
    }
}

/// The stall that comes next, or goes on.
fn stall_after(at: Duration) -> Range<Duration> {
    let ten = Duration::from_secs(at.as_secs() / 10 * 10);
    let stall = ten + Duration::from_secs(5)..ten + Duration::from_secs(6);
    match at < stall.end {
        true => stall,
        false => stall.start + Duration::from_secs(10)..stall.end + Duration::from_secs(10),
    }
}

fn past_stall(at: Duration) -> Duration {
    let stall = stall_after(at);
    if stall.contains(&at) { stall.end } else { at }
}

type Posted = (SocketAddr, SocketAddr, Vec<u8>);

struct World<'w> {
    generator: Generator<'w, Devices>,
    now: Time,
    layer: Endpoint<SocketAddr>,
    parameters: Parameters,
    till: Till,
    served: u64,
    /// What is being served: when it is done, for whom, and what is answered.
    queue: VecDeque<(Time, Exchange<SocketAddr>, Message)>,
    /// While it is, the generator has no processor.
    frozen: Option<Range<Duration>>,
    /// From then on the server hears nothing.
    mute: Option<Duration>,
    /// It never hears anything.
    deaf: bool,
}

impl<'w> World<'w> {
    fn new(workload: &'w Workload) -> Self {
        let shared = shared(workload, server());
        Self {
            generator: Generator::new(workload, 5683, Devices::of(workload), shared).unwrap(),
            now: Time::from_micros(1),
            layer: Endpoint::new(Seed::new(9)),
            parameters: Parameters::default(),
            till: Till::default(),
            served: 0,
            queue: VecDeque::new(),
            frozen: None,
            mute: None,
            deaf: false,
        }
    }

    /// The server gets what devices sent.
    fn post(&mut self, sent: Vec<Posted>) {
        for (device, _, bytes) in sent.into_iter().filter(|_| !self.deaf) {
            let mut none = |_, _: &[u8]| {};
            let mut turn = Turn {
                parameters: &self.parameters,
                now: self.now,
                send: &mut none,
            };
            let event = self.layer.receive(&mut turn, device, &bytes);
            let Some(Event::Request {
                exchange, packet, ..
            }) = event
            else {
                continue;
            };
            let registers = packet.path_is(&["rd"]);
            let came = self.now.since(self.generator.begins());
            if self.generator.phase() == Phase::Loading
                && self.mute.is_some_and(|mute| came >= mute)
            {
                continue;
            }
            let (done, message) = match registers && self.generator.phase() != Phase::Loading {
                true => (self.now, Message::new(Code::CREATED)),
                false => {
                    let done = self.till.done(self.served, came);
                    self.served += 1;
                    let code = if registers {
                        Code::CREATED
                    } else {
                        Code::CHANGED
                    };
                    (self.generator.begins() + done, Message::new(code))
                }
            };
            let message = match registers {
                true => message
                    .option(option::LOCATION_PATH, b"rd")
                    .option(option::LOCATION_PATH, b"x"),
                false => message,
            };
            self.queue.push_back((done, exchange, message));
        }
    }

    fn run(mut self) -> Generator<'w, Devices> {
        while self.generator.phase() != Phase::Done {
            let done = self.queue.front().map(|(done, ..)| *done);
            let due = self.generator.next_deadline();
            let next = done.into_iter().chain(due).min().unwrap_or(self.now);
            self.now = self.now.max(next);
            let since = self.now.since(self.generator.begins());
            if let Some(frozen) = self.frozen.take_if(|frozen| frozen.contains(&since)) {
                self.now = self.generator.begins() + frozen.end;
            }
            let mut sent: Vec<Posted> = Vec::new();
            let mut send = |at, to, bytes: &[u8]| sent.push((at, to, bytes.to_vec()));
            if let Some((stamp, exchange, message)) = self
                .queue
                .front()
                .is_some_and(|(done, ..)| *done <= self.now)
                .then(|| self.queue.pop_front())
                .flatten()
            {
                let mut answer = Vec::new();
                let mut keep = |_, bytes: &[u8]| answer = bytes.to_vec();
                let mut turn = Turn {
                    parameters: &self.parameters,
                    now: self.now,
                    send: &mut keep,
                };
                self.layer.respond(&mut turn, &exchange, message).unwrap();
                let datagram = (exchange.peer, server(), &answer[..]);
                self.generator.hear((self.now, stamp), datagram, &mut send);
            }
            while self.generator.act(self.now, &mut send) {}
            self.post(sent);
        }
        self.generator
    }
}

fn workload(more: &str) -> Workload {
    let text = format!(
        r#"
        name = "known"
        warm_up = "2s"
        {more}

        [devices]
        count = 300

        [mix]
        update = 1

        [[stages]]
        rate = {RATE}
        for = "{SECONDS}s"
        "#
    );
    Workload::read(&text).unwrap()
}

/// What each operation takes that is meant to begin after the warm-up, reckoned from the schedule alone.
fn reckoned() -> Vec<u64> {
    let mut till = Till::default();
    let took = (0..SECONDS * RATE).map(|number| {
        let meant = Duration::from_micros(number * 1_000_000 / RATE);
        (meant, till.done(number, meant) - meant)
    });
    let counted = took.filter(|(meant, _)| *meant >= Duration::from_secs(2));
    let mut micros: Vec<u64> = counted.map(|(_, took)| took.as_micros() as u64).collect();
    micros.sort();
    micros
}

fn close(got: u64, expected: u64) -> bool {
    got.abs_diff(expected) * 50 <= expected
}

#[test]
fn a_server_that_stalls_is_reported_as_slow_as_it_is() {
    let workload = workload("");
    let expected = reckoned();
    let generator = World::new(&workload).run();
    let report = report(&generator);
    let measured = &report.operations[&Operation::Update];
    assert_eq!(report.verdict, Verdict::Measured, "{:?}", report.generator);
    assert_eq!(measured.answered as usize, expected.len());
    assert_eq!((measured.lost, measured.refused.len()), (0, 0));
    for percent in [50.0, 90.0, 95.0, 99.0, 99.9] {
        let place = (expected.len() as f64 * percent / 100.0).ceil() as usize - 1;
        let got = measured.percentiles_us[&format!("p{percent}")];
        assert!(
            close(got, expected[place]),
            "p{percent}: {got}, not {}",
            expected[place]
        );
    }
    assert!(close(
        measured.max_us.unwrap(),
        expected[expected.len() - 1]
    ));
    // A tenth of the time nobody was served, and as much again it took to catch up.
    assert!(measured.percentiles_us["p90"] > 100_000, "{measured:?}");
    assert!((measured.rate.unwrap() - RATE as f64).abs() < 1.0);
}

#[test]
fn whoever_waits_for_answers_does_not_see_the_stall() {
    let workload = workload("arrivals = { closed = 1 }");
    let generator = World::new(&workload).run();
    let report = report(&generator);
    let measured = &report.operations[&Operation::Update];
    assert!(measured.percentiles_us["p99.9"] < 5_000, "{measured:?}");
    assert!(measured.max_us.unwrap() >= 1_000_000);
}

#[test]
fn a_generator_that_sleeps_is_late_and_what_it_sends_late_took_longer() {
    let workload = workload("thresholds = ['update.p50<1s']");
    let mut world = World::new(&workload);
    // The server is at rest then.
    world.frozen = Some(Duration::from_secs(3)..Duration::from_secs(4));
    let generator = world.run();
    let report = report(&generator);
    assert_eq!(report.verdict, Verdict::Invalid);
    let late = &report.generator.problems[0];
    assert_eq!(
        (late.kind, late.second),
        (ProblemKind::Late, Some(4)),
        "{late:?}"
    );
    assert!(late.says.contains("by 1000000 us"), "{late:?}");
    let mut till = Till::default();
    let reckoned: Duration = (0..SECONDS * RATE)
        .map(|number| {
            let meant = Duration::from_micros(number * 1_000_000 / RATE);
            let begun = if (3..4).contains(&meant.as_secs()) {
                Duration::from_secs(4)
            } else {
                meant
            };
            (meant, till.done(number, begun) - meant)
        })
        .filter(|(meant, _)| *meant >= Duration::from_secs(2))
        .map(|(_, took)| took)
        .sum();
    let mean = reckoned.as_secs_f64() * 1e6 / ((SECONDS - 2) * RATE) as f64;
    let got = report.operations[&Operation::Update].mean_us.unwrap();
    assert!((got - mean).abs() < mean * 0.02, "{got}, not {mean}");
}

#[test]
fn what_has_no_answer_at_the_end_counts_with_the_time_that_was_waited() {
    let mut workload =
        workload("drain = '2s'\nthresholds = ['update.loss<1%', 'update.p99.99<1s']");
    workload.stages[0].span = "12s".parse().unwrap();
    let mut world = World::new(&workload);
    world.mute = Some(Duration::from_secs(11));
    let generator = world.run();
    let report = report(&generator);
    let measured = &report.operations[&Operation::Update];
    assert_eq!(measured.lost, RATE, "{measured:?}");
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(measured.max_us.unwrap() >= 2_900_000, "{measured:?}");
}

#[test]
fn a_server_that_hears_nothing_is_not_tried_with_every_device() {
    let workload = workload("");
    let mut world = World::new(&workload);
    world.deaf = true;
    let generator = world.run();
    let counts = generator.counts();
    assert_eq!(counts.prepared, 0);
    assert!(counts.unprepared < 300, "{counts:?}");
    let report = report(&generator);
    assert_eq!(report.verdict, Verdict::NoContact);
}
