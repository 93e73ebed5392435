//! Devices that join and leave while a run goes on: what they are owed, what becomes of what they had begun, and what the
//! report says of it.
#![cfg(target_os = "linux")]

mod common;

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use common::{report, server};
use twinproof_coap::{Class, Code, Packet};
use twinproof_kernel::Time;
use twinproof_load::rules::Standard;
use twinproof_load::{
    Devices, Generator, Keyring, Leaving, Operation, Part, Phase, ProblemKind, Report, Run, Shard,
    Socket, Steer, Target, Verdict, Workload, fresh_keys, merge, run_steered, serve_built_in,
    serve_built_in_secured, shared,
};

const WORKLOAD: &str = r#"
    name = "steered"
    drain = "5s"
    [devices]
    count = 40
    [mix]
    update = 1
    [[stages]]
    rate = 1
    for = "1h"
"#;

/// What a device said: when, from where, and what it was.
type Word = (Duration, SocketAddr, Code);

/// A world in which a server takes so long for each answer.
struct World<'w> {
    generator: Generator<'w, Devices>,
    service: Duration,
    /// Whose registrations are refused.
    refuses: Option<SocketAddr>,
    now: Time,
    under_way: VecDeque<(Time, SocketAddr, Vec<u8>)>,
    said: Vec<Word>,
}

impl<'w> World<'w> {
    fn new(workload: &'w Workload, service: Duration) -> Self {
        let shared = shared(workload, server());
        let generator = Generator::new(workload, 5683, Devices::of(workload), shared).unwrap();
        Self {
            generator: generator.steered(),
            service,
            refuses: None,
            now: Time::from_micros(1),
            under_way: VecDeque::new(),
            said: Vec::new(),
        }
    }

    fn answer(&self, at: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
        let packet = Packet::parse(request).unwrap();
        if packet.code().class() != Class::Request {
            return None;
        }
        let token = packet.token_bytes();
        let registers = packet.path_is(&["rd"]);
        let code = match packet.code() {
            Code::DELETE => 0x42,
            _ if registers && self.refuses == Some(at) => 0x83,
            _ if registers => 0x41,
            _ => 0x44,
        };
        let [high, low] = packet.message_id().to_be_bytes();
        let head = [0x60 | token.len() as u8, code, high, low];
        let location: &[u8] = if code == 0x41 { b"\x82rd\x01x" } else { b"" };
        Some([&head, token, location].concat())
    }

    /// The server gets what devices sent.
    fn post(&mut self, sent: Vec<(SocketAddr, Vec<u8>)>) {
        for (at, bytes) in sent {
            let code = Packet::parse(&bytes).unwrap().code();
            self.said.push((self.now.since(Time::ZERO), at, code));
            if let Some(answer) = self.answer(at, &bytes) {
                self.under_way
                    .push_back((self.now + self.service, at, answer));
            }
        }
        self.under_way
            .make_contiguous()
            .sort_by_key(|(due, ..)| *due);
    }

    fn steer(&mut self, steer: Steer) {
        self.generator.steer(steer, self.now);
    }

    fn devices(&mut self, count: u32, leaving: Leaving) {
        self.steer(Steer::Devices { count, leaving });
    }

    /// Goes on until so many seconds after the beginning, or to its end.
    fn until(&mut self, seconds: f64) {
        let end = Time::ZERO + Duration::from_secs_f64(seconds);
        loop {
            let mut sent = Vec::new();
            while self.generator.act(self.now, &mut |at, _, bytes| {
                sent.push((at, bytes.to_vec()))
            }) {}
            self.post(sent);
            let answered = self.under_way.front().map(|(due, ..)| *due);
            let due = self.generator.next_deadline();
            let next = answered.into_iter().chain(due).min();
            match next {
                Some(next) if next <= end && self.generator.phase() != Phase::Done => {
                    self.now = next.max(self.now);
                }
                _ => break,
            }
            while self
                .under_way
                .front()
                .is_some_and(|(due, ..)| *due <= self.now)
            {
                let (_, at, bytes) = self.under_way.pop_front().unwrap();
                let stamps = (self.now, self.now);
                // Who has its answer says what it kept back meanwhile.
                let mut sent = Vec::new();
                let mut send = |at, _, bytes: &[u8]| sent.push((at, bytes.to_vec()));
                self.generator
                    .hear(stamps, (at, server(), &bytes), &mut send);
                self.post(sent);
            }
        }
        self.now = self.now.max(end);
    }

    fn report(&self) -> Report {
        report(&self.generator)
    }

    fn said(&self, code: Code, seconds: std::ops::Range<f64>) -> BTreeSet<SocketAddr> {
        let within = |at: &Duration| seconds.contains(&at.as_secs_f64());
        let words = self
            .said
            .iter()
            .filter(|(at, _, said)| *said == code && within(at));
        words.map(|(_, at, _)| *at).collect()
    }
}

fn begun(report: &Report, seconds: std::ops::Range<usize>) -> u64 {
    report.seconds[seconds]
        .iter()
        .map(|second| second.begun)
        .sum()
}

#[test]
fn devices_are_owed_what_they_do_from_when_they_join_until_they_leave() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let mut world = World::new(&workload, Duration::from_millis(20));
    world.steer(Steer::Rate(2.0));
    world.until(1.0);
    assert!(world.said.is_empty(), "nobody takes part");
    world.devices(10, Leaving::Deregister);
    world.until(3.0);
    assert_eq!(world.generator.taking_part(), Some((10, true)));
    world.devices(25, Leaving::Deregister);
    world.until(5.0);
    world.devices(5, Leaving::Deregister);
    world.until(7.0);
    assert_eq!(world.generator.taking_part(), Some((5, true)));
    world.steer(Steer::Rate(10.0));
    world.until(9.0);
    world.steer(Steer::Finish);
    world.until(60.0);
    assert_eq!(world.generator.phase(), Phase::Done);

    let report = world.report();
    let measured = &report.operations[&Operation::Update];
    assert_eq!(measured.begun, measured.answered, "{measured:?}");
    // They join within 20 ms, which takes as much of what they are owed; one more or less depends on the moment.
    let near = |got: u64, expected: i64| (got as i64 - expected).abs() <= 2;
    for (seconds, expected) in [(0..1, 0), (1..3, 40), (3..5, 100), (5..7, 20), (7..9, 100)] {
        let got = begun(&report, seconds.clone());
        assert!(near(got, expected), "{seconds:?}: {got} is not {expected}");
    }
    let counts = report.counts;
    assert_eq!((counts.joined, counts.left), (25, 20), "{counts:?}");
    assert_eq!(
        (counts.unjoined, counts.unreleased, counts.abandoned),
        (0, 0, 0)
    );
    assert_eq!(world.said(Code::DELETE, 0.0..60.0).len(), 20);
    // Who has left says nothing any more, and had its answers before.
    assert_eq!(world.said(Code::POST, 5.1..60.0).len(), 5);
    assert_eq!(world.generator.steps().len(), 5);
    assert!((measured.rate.unwrap() - measured.answered as f64 / 9.0).abs() < 0.01);
}

#[test]
fn the_schedule_waits_for_no_answer_while_devices_take_part() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let mut counts = [0, 0];
    for (count, service) in counts.iter_mut().zip([1, 900]) {
        let mut world = World::new(&workload, Duration::from_millis(1));
        world.steer(Steer::Rate(1.0));
        world.devices(10, Leaving::Deregister);
        world.until(1.0);
        world.service = Duration::from_millis(service);
        world.until(10.0);
        world.steer(Steer::Finish);
        world.until(60.0);
        *count = world.report().operations[&Operation::Update].begun;
    }
    assert_eq!(counts[0], counts[1]);
}

#[test]
fn who_falls_silent_says_and_hears_nothing_and_what_it_began_is_neither_answered_nor_lost() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let mut world = World::new(&workload, Duration::from_millis(1_500));
    world.steer(Steer::Rate(1.0));
    world.devices(10, Leaving::Silently);
    world.until(5.0);
    world.devices(4, Leaving::Silently);
    let silent = Ipv4Addr::new(127, 1, 0, 5);
    // What they have all begun meanwhile has to come to an end.
    world.service = Duration::from_millis(20);
    world.until(20.0);
    let dark = |at: &SocketAddr| matches!(at, SocketAddr::V4(at) if *at.ip() >= silent);
    assert_eq!(world.said(Code::DELETE, 0.0..20.0).len(), 0);
    assert!(!world.said(Code::POST, 5.0..20.0).iter().any(dark));
    world.devices(6, Leaving::Silently);
    // Who comes back first ends what it was about when it fell silent, which it repeats ever more seldom.
    world.until(120.0);
    assert_eq!(world.generator.taking_part(), Some((6, true)));
    assert_eq!(
        world
            .said(Code::POST, 20.0..120.0)
            .iter()
            .filter(|at| dark(at))
            .count(),
        2
    );
    world.steer(Steer::Finish);
    world.until(180.0);
    let report = world.report();
    let (measured, counts) = (&report.operations[&Operation::Update], report.counts);
    // After three seconds, in which it was asked for three things, each of the six had one or two answers.
    assert!((6..=18).contains(&counts.abandoned), "{counts:?}");
    assert_eq!(
        measured.begun,
        measured.answered + counts.abandoned,
        "{measured:?}"
    );
    assert_eq!((measured.lost, counts.left, counts.joined), (0, 6, 12));
}

#[test]
fn who_cannot_join_makes_a_run_invalid() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let mut world = World::new(&workload, Duration::from_millis(5));
    world.refuses = Some(SocketAddr::from(([127, 1, 0, 3], 5683)));
    world.steer(Steer::Rate(5.0));
    world.devices(8, Leaving::Deregister);
    world.until(3.0);
    assert_eq!(world.generator.taking_part(), Some((7, true)));
    world.steer(Steer::Finish);
    world.until(30.0);
    let report = world.report();
    assert_eq!((report.counts.joined, report.counts.unjoined), (7, 1));
    assert_eq!(report.verdict, Verdict::Invalid);
    let kinds = report.generator.problems.iter().map(|problem| problem.kind);
    assert_eq!(kinds.collect::<Vec<_>>(), [ProblemKind::Unprepared]);
}

#[test]
fn shards_that_are_steered_through_channels_come_to_one_run() {
    come_to_one_run(None);
}

#[test]
fn shards_that_are_steered_come_over_associations_as_well() {
    let keyring = Keyring::of(&fresh_keys()).unwrap();
    let whole = come_to_one_run(Some(&keyring));
    assert_eq!(whole.dtls.unwrap().handshakes, 40);
    let shaken = &whole.operations[&Operation::Handshake];
    assert_eq!((shaken.begun, shaken.answered), (40, 40), "{shaken:?}");
}

/// Two shards on sockets against the built-in server, one after the other steered by the same words.
fn come_to_one_run(keyring: Option<&Keyring>) -> Report {
    let text = WORKLOAD.replace(
        "[devices]",
        "[generator]\nlate = \"1h\"\nstarved_share = 1.0\n[devices]",
    );
    let workload = Workload::read(&text).unwrap();
    let socket = Socket::open(0).unwrap();
    let target = Target {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, socket.port())),
        process: None,
        consent: None,
        operator: None,
        keyring,
    };
    let stop = AtomicBool::new(false);
    let runs: Vec<Run> = std::thread::scope(|scope| {
        scope.spawn(|| match keyring {
            Some(keyring) => {
                let guests = (keyring, workload.devices.count);
                serve_built_in_secured(&socket, Arc::new(Standard), guests, &stop).unwrap();
            }
            None => serve_built_in(&socket, Arc::new(Standard), &stop).unwrap(),
        });
        let shards = (0..2).map(|number| {
            let shard = Shard { number, of: 2 };
            let workload = &workload;
            scope.spawn(move || {
                let (helm, steers) = mpsc::channel();
                helm.send(Steer::Rate(20.0)).unwrap();
                let leaving = Leaving::Deregister;
                helm.send(Steer::Devices { count: 99, leaving }).unwrap();
                let mut helm = Some(helm);
                let mut most = 0;
                let run = run_steered(workload, (Some(shard), &steers), target, &mut |generator| {
                    let (present, _) = generator.taking_part().unwrap();
                    most = most.max(present);
                    let seconds = generator.measures().seconds().len();
                    if seconds == 1
                        && generator.steps().len() == 2
                        && let Some(helm) = &helm
                    {
                        helm.send(Steer::Devices { count: 3, leaving }).unwrap();
                    }
                    if seconds >= 2 {
                        // Once nobody can say anything any more it is over.
                        helm = None;
                    }
                    ControlFlow::Continue(())
                });
                assert_eq!(most, 20, "as many as the shard has");
                run.unwrap()
            })
        });
        let shards: Vec<_> = shards.collect();
        let runs = shards
            .into_iter()
            .map(|shard| shard.join().unwrap())
            .collect();
        stop.store(true, Ordering::Relaxed);
        runs
    });
    let mut parts = Vec::new();
    for (number, run) in runs.into_iter().enumerate() {
        let report = &run.report;
        assert_eq!(report.verdict, Verdict::Part, "{:?}", report.generator);
        assert_eq!((report.counts.joined, report.counts.left), (20, 17));
        let measured = &report.operations[&Operation::Update];
        assert_eq!(measured.begun, measured.answered, "{measured:?}");
        assert!(measured.begun > 300, "{measured:?}");
        let lasted = report.steered.as_ref().unwrap().lasted;
        assert!((2.0..60.0).contains(&lasted), "{lasted}");
        parts.push(Part {
            name: number.to_string(),
            report: run.report,
            hlog: run.hlog,
        });
    }
    let whole = merge(&parts).unwrap().report;
    let sum: u64 = parts
        .iter()
        .map(|part| part.report.operations[&Operation::Update].answered)
        .sum();
    assert_eq!(whole.operations[&Operation::Update].answered, sum);
    assert_eq!((whole.counts.joined, whole.counts.left), (40, 34));
    assert_eq!(
        whole.span(),
        parts.iter().map(|part| part.report.span()).max().unwrap()
    );
    assert_eq!(whole.judged.broken, []);
    // What is steered is not what its stages say, however alike their workloads are.
    parts[0].report.steered = None;
    let why = merge(&parts).unwrap_err();
    assert!(why.contains("as somebody steers"), "{why}");
    whole
}
