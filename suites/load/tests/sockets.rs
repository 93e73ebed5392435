//! Devices and a server on sockets of this machine. What holds here holds on a slow one: counts, and that what is
//! reported as a time lies between what was measured around it.
#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use twinproof_coap::{Message, Raw, option};
use twinproof_kernel::Seed;
use twinproof_load::{
    Devices, Generator, Jury, Operation, Report, Round, Rule, Target, Verdict, Workload, desk_of,
    drive, drive_judged, floor, serve, serve_built_in, shared,
};
use twinproof_lwm2m::server::rules::{
    AnswerFacts, Asked, DatagramFacts, NewsFacts, PlaceFacts, Rules, Standard, ToldFacts,
};
use twinproof_lwm2m::server::{self, Server};
use twinproof_lwm2m::wire::Version;
use twinproof_sockets::Socket;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A run against the built-in server in a thread of its own, and how many clients that has afterwards.
fn run(text: &str) -> Report {
    let workload = Workload::read(text).unwrap();
    let (devices, other) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let target = SocketAddr::from((HERE, other.port()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = Server::new(target, Seed::new(2));
            let set_up = server::Shared {
                remembers: 0,
                ..server::Shared::new(Version::V1_1)
            };
            serve(&mut server, &set_up, (&other, HERE), &stop).unwrap();
        });
        let shared = shared(&workload, target);
        let mut generator =
            Generator::new(&workload, devices.port(), Devices::of(&workload), shared).unwrap();
        let health = drive(&mut generator, &devices, &mut |_| ControlFlow::Continue(()));
        stop.store(true, Ordering::Relaxed);
        let measured = (generator.measures(), generator.counts());
        Report::new(
            &workload,
            target.to_string(),
            measured,
            health.unwrap(),
            None,
        )
    })
}

#[test]
fn every_device_is_answered_at_its_own_address() {
    let report = run(r#"
        name = "registrations"
        drain = "60s"
        [devices]
        count = 500
        [mix]
        register = 1
        [[stages]]
        rate = 500
        for = "1s"
        "#);
    let measured = &report.operations[&Operation::Register];
    assert_eq!(
        (measured.begun, measured.answered, measured.lost),
        (500, 500, 0),
        "{measured:?}"
    );
    assert!(measured.refused.is_empty());
    assert_eq!(report.counts.stray, 0);
    assert!(report.counts.sent >= 500);
    // A machine that has much else to do makes a run invalid, and nothing worse.
    assert!(
        matches!(report.verdict, Verdict::Measured | Verdict::Invalid),
        "{report:?}"
    );
    assert!(measured.min_us >= Some(1));
    assert_eq!(report.generator.awake, 0, "who has its answer rests");
}

#[test]
fn devices_are_registered_before_they_update_and_a_bound_that_cannot_hold_fails() {
    let report = run(r#"
        name = "a mix"
        drain = "60s"
        thresholds = ["update.p50<1us", "send.loss<0.1%"]
        [devices]
        count = 300
        [mix]
        send = 1
        update = 2
        [generator]
        late = "1h"
        starved_share = 1.0
        [[stages]]
        from = 100
        rate = 900
        for = "1s"
        "#);
    assert_eq!((report.counts.prepared, report.counts.unprepared), (300, 0));
    let [send, update] = [Operation::Send, Operation::Update].map(|one| &report.operations[&one]);
    assert_eq!(send.begun + update.begun, 500);
    assert_eq!(send.answered + update.answered, 500, "{send:?} {update:?}");
    assert!(update.begun > send.begun);
    assert_eq!(report.verdict, Verdict::Failed, "{:?}", report.generator);
}

#[test]
fn who_answers_nothing_is_no_contact() {
    let workload = Workload::read(
        r#"
        name = "nobody"
        drain = "0s"
        [devices]
        count = 10
        [mix]
        register = 1
        [[stages]]
        rate = 10
        for = "1s"
        "#,
    )
    .unwrap();
    let (devices, silent) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let target = SocketAddr::from((HERE, silent.port()));
    let shared = shared(&workload, target);
    let mut generator =
        Generator::new(&workload, devices.port(), Devices::of(&workload), shared).unwrap();
    let health = drive(&mut generator, &devices, &mut |_| ControlFlow::Continue(())).unwrap();
    let measured = (generator.measures(), generator.counts());
    let report = Report::new(&workload, target.to_string(), measured, health, None);
    assert_eq!(report.verdict, Verdict::NoContact);
    assert_eq!(report.operations[&Operation::Register].lost, 10);
}

#[test]
fn a_run_can_be_broken_off_and_reports_what_there_was() {
    let workload = Workload::read(
        r#"
        name = "nobody"
        [devices]
        count = 10
        [mix]
        register = 1
        [[stages]]
        rate = 10
        for = "1h"
        "#,
    )
    .unwrap();
    let (devices, silent) = (Socket::open(0).unwrap(), Socket::open(0).unwrap());
    let target = SocketAddr::from((HERE, silent.port()));
    let shared = shared(&workload, target);
    let mut generator =
        Generator::new(&workload, devices.port(), Devices::of(&workload), shared).unwrap();
    let health = drive(&mut generator, &devices, &mut |generator| match generator
        .measures()
        .totals(Operation::Register)
        .begun
    {
        0..3 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    health.unwrap();
    let totals = generator.measures().totals(Operation::Register);
    assert!(totals.begun >= 3);
    // Nobody was waited for long enough to be given up.
    assert_eq!(totals.finished(), 0);
    assert!(!generator.measures().seconds().is_empty());
}

#[test]
fn the_floor_has_both_sides_in_every_round_and_of_every_operation() {
    let workload = Workload::read(
        r#"
        name = "floor"
        arrivals = { closed = 1 }
        [devices]
        count = 50
        [mix]
        notify = 1
        register = 1
        [[stages]]
        for = "1h"
        "#,
    )
    .unwrap();
    let floors = floor(&workload, 3, Duration::from_millis(400)).unwrap();
    let of: Vec<_> = floors
        .iter()
        .map(|floor| (floor.operation, floor.devices, floor.rounds.len()))
        .collect();
    assert_eq!(
        of,
        [(Operation::Notify, 50, 3), (Operation::Register, 50, 3)]
    );
    let rounds = Round::together(&floors);
    assert_eq!(rounds.len(), 3);
    for (number, round) in rounds.iter().enumerate() {
        let each = floors.iter().map(|floor| floor.rounds[number]);
        let (bare, ours) = each.fold((0.0, 0.0), |(bare, ours), one| {
            assert!(one.bare_us > 0.0 && one.ours_us > 0.0, "{one:?}");
            (bare + one.bare_us, ours + one.ours_us)
        });
        let share = round.share() * ours / bare;
        assert!((share - 1.0).abs() < 1e-9, "{round:?}, {bare} of {ours}");
    }
    let ratio = Round::ratio(&rounds).unwrap();
    let shares = rounds.iter().map(Round::share);
    assert_eq!(shares.clone().filter(|one| *one < ratio).count(), 1);
    assert_eq!(shares.filter(|one| *one > ratio).count(), 1);
}

/// The rules that a server is seen to break in the last of three runs of the same devices, which have these names: it
/// remembers the first, which was at the same port and shorter, and these devices were at another meanwhile.
fn broken_again(names: [&str; 3]) -> Vec<Rule> {
    let text = r#"
        name = "again"
        drain = "60s"
        [devices]
        count = 20
        [mix]
        update = 1
        [[stages]]
        rate = 100
        for = "500ms"
        "#;
    let short = Workload::read(text).unwrap();
    let long = Workload::read(&text.replace("100", "300")).unwrap();
    let server = Socket::open(0).unwrap();
    let target = SocketAddr::from((HERE, server.port()));
    // Both are there before any run is, so that no third has them.
    let places = [Socket::open(0).unwrap(), Socket::open(0).unwrap()];
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| serve_built_in(&server, Arc::new(Standard), &stop).unwrap());
        let all = [(0, &short), (1, &short), (0, &long)];
        let runs = all.into_iter().zip(names).map(|((place, workload), name)| {
            let devices: &Socket = &places[place];
            let shared = shared(workload, target);
            let generator =
                Generator::new(workload, devices.port(), Devices::of(workload), shared).unwrap();
            let (mut generator, mut jury) = (generator.in_run(name), Jury::new(workload));
            let go_on = &mut |_: &Generator<'_, Devices>| ControlFlow::Continue(());
            drive_judged(&mut generator, devices, &mut jury, go_on).unwrap();
            jury.judgement().broken
        });
        let runs: Vec<_> = runs.collect();
        stop.store(true, Ordering::Relaxed);
        assert_eq!((&runs[0], &runs[1]), (&Vec::new(), &Vec::new()));
        runs[2].iter().map(|broken| broken.rule).collect()
    })
}

#[test]
fn a_server_that_remembers_a_run_at_the_same_port_is_right_in_the_next() {
    assert_eq!(broken_again(["one", "two", "three"]), []);
    // What has the ids of an earlier run is a copy to the server, which answers as it did then.
    assert_eq!(
        broken_again(["one", "two", "one"]),
        [Rule::RegistrationKept]
    );
}

/// Gives every registration the same location.
struct OnePlace;

impl Rules for OnePlace {
    fn answers(&self, message: Message, facts: AnswerFacts) -> Message {
        match facts.asked {
            Asked::Register => Message::new(message.code())
                .option(option::LOCATION_PATH, b"rd")
                .option(option::LOCATION_PATH, b"1"),
            _ => message,
        }
    }
}

/// Answers with the token of somebody else.
struct OneToken;

impl Rules for OneToken {
    fn reads(&self, facts: DatagramFacts<'_>) -> Option<Vec<u8>> {
        let mut raw = Raw::dissect(facts.datagram);
        raw.token = vec![7; usize::from(raw.token_length)];
        Some(raw.to_bytes())
    }
}

/// The rules that a broken server is seen to break.
fn broken(rules: Arc<dyn Rules>) -> Vec<Rule> {
    let workload = Workload::read(
        r#"
        name = "broken"
        drain = "1s"
        [devices]
        count = 40
        [mix]
        register = 1
        [generator]
        late = "1h"
        starved_share = 1.0
        [[stages]]
        rate = 80
        for = "1s"
        "#,
    )
    .unwrap();
    let socket = Socket::open(0).unwrap();
    let address = SocketAddr::new(HERE, socket.port());
    let stop = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| serve_built_in(&socket, rules, &stop).unwrap());
        let target = Target {
            address,
            process: None,
            consent: None,
            operator: Some(desk_of(address)),
            keyring: None,
        };
        let ran = twinproof_load::run(&workload, target, &mut |_, _| ControlFlow::Continue(()));
        stop.store(true, Ordering::Relaxed);
        ran.unwrap().report
    });
    assert_eq!(report.verdict, Verdict::Wrong, "{report:?}");
    report.judged.broken.iter().map(|one| one.rule).collect()
}

/// A run in which somebody makes the server act that has these decisions.
fn operated(mix: &str, rules: Arc<dyn Rules>) -> Report {
    let workload = Workload::read(&format!(
        r#"
        name = "operated"
        drain = "1s"
        judged = 40
        [devices]
        count = 40
        [mix]
        {mix} = 1
        [generator]
        late = "1h"
        starved_share = 1.0
        [[stages]]
        rate = 100
        for = "4s"
        "#
    ))
    .unwrap();
    let socket = Socket::open(0).unwrap();
    let address = SocketAddr::new(HERE, socket.port());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| serve_built_in(&socket, rules, &stop).unwrap());
        let target = Target {
            address,
            process: None,
            consent: None,
            operator: Some(desk_of(address)),
            keyring: None,
        };
        let ran = twinproof_load::run(&workload, target, &mut |_, _| ControlFlow::Continue(()));
        stop.store(true, Ordering::Relaxed);
        ran.unwrap().report
    })
}

#[test]
fn what_devices_report_is_confirmed_and_told() {
    let report = operated("notify", Arc::new(Standard));
    let notify = &report.operations[&Operation::Notify];
    assert_eq!(report.counts.prepared, 40);
    assert_eq!((notify.begun, notify.answered), (400, 400), "{notify:?}");
    assert_eq!(report.verdict, Verdict::Measured, "{report:?}");
    assert_eq!(report.judged.reports, 400);
    let told = report.judged.told.unwrap();
    assert!((300..=400).contains(&told), "{told}");
}

#[test]
fn what_is_read_of_devices_is_theirs() {
    let report = operated("read", Arc::new(Standard));
    let read = &report.operations[&Operation::Read];
    assert_eq!((read.begun, read.answered), (400, 400), "{read:?}");
    assert_eq!(report.verdict, Verdict::Measured, "{report:?}");
    assert_eq!((report.judged.reads, report.counts.stray), (400, 0));
}

/// Tells nobody what devices report.
struct Silent;

impl Rules for Silent {
    fn is_told(&self, _: ToldFacts) -> bool {
        false
    }
}

/// Takes what comes twice for two.
struct Twice;

impl Rules for Twice {
    fn is_news(&self, facts: NewsFacts) -> bool {
        facts.expected && facts.newer
    }
}

/// Asks whoever registered last.
struct Newest;

impl Rules for Newest {
    fn goes_to(&self, facts: PlaceFacts) -> SocketAddr {
        facts.newest
    }
}

#[test]
fn what_is_wrong_with_what_an_operator_is_told_is_seen() {
    let cases: [(&str, Arc<dyn Rules>, Rule); 3] = [
        ("notify", Arc::new(Silent), Rule::ReportTold),
        ("notify", Arc::new(Twice), Rule::ReportToldOnce),
        ("read", Arc::new(Newest), Rule::OwnValues),
    ];
    for (mix, rules, rule) in cases {
        let report = operated(mix, rules);
        let broken = report.judged.broken.iter().map(|one| one.rule);
        assert_eq!(broken.collect::<Vec<_>>(), [rule], "{:?}", report.judged);
        assert_eq!(report.verdict, Verdict::Wrong);
    }
}

#[test]
fn who_cannot_make_a_server_act_is_told_so() {
    let workload = Workload::read(
        "name = \"x\"\n[devices]\ncount = 1\n[mix]\nread = 1\n[[stages]]\nrate = 1\nfor = \"1s\"",
    )
    .unwrap();
    let target = Target {
        address: SocketAddr::new(HERE, 1),
        process: None,
        consent: None,
        operator: None,
        keyring: None,
    };
    let why = twinproof_load::run(&workload, target, &mut |_, _| ControlFlow::Continue(()));
    let why = why.unwrap_err().to_string();
    assert!(why.contains("upper tester"), "{why}");
}

#[test]
fn two_devices_at_one_location_are_seen() {
    assert_eq!(broken(Arc::new(OnePlace)), [Rule::OwnLocation]);
}

#[test]
fn answers_with_the_token_of_another_are_seen() {
    assert_eq!(broken(Arc::new(OneToken)), [Rule::OwnAnswers]);
}
