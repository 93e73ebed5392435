//! What devices say, how often, and when they hear: the keys of a workload that make devices of one kind out of others. The
//! server is the built-in one, on sockets of this machine, or nobody, on a clock of our own.
#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use twinproof_coap::endpoint::{Endpoint, Event, Turn};
use twinproof_coap::{Class, Code, ContentFormat, Message, Packet, Parameters, Raw, option};
use twinproof_kernel::{Seed, Time};
use twinproof_load::{
    Devices, Generator, Operation, Phase, Report, Rule, Target, Verdict, Workload, desk_of,
    serve_built_in, shared,
};
use twinproof_lwm2m::server::rules::{DatagramFacts, HoldFacts, Rules};
use twinproof_sockets::Socket;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A run of a workload against a server that has these decisions, and an operator.
fn run(text: &str, rules: Arc<dyn Rules>) -> Report {
    let workload = Workload::read(text).unwrap();
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

fn payload(mix: &str, payload: &str) -> String {
    format!(
        r#"
        name = "payload"
        seed = 8
        drain = "2s"
        judged = 40
        [devices]
        count = 40
        [mix]
        {mix} = 1
        [payload]
        {payload}
        [generator]
        late = "1h"
        starved_share = 1.0
        [[stages]]
        rate = 400
        for = "500ms"
        "#
    )
}

/// Notes the format and the length of what devices say of their values.
#[derive(Default)]
struct Scale(Mutex<Vec<(Option<ContentFormat>, usize)>>);

impl Rules for Scale {
    fn reads(&self, facts: DatagramFacts<'_>) -> Option<Vec<u8>> {
        let packet = Packet::parse(facts.datagram).ok()?;
        let has_value = packet.code() == Code::CONTENT || packet.path_is(&["dp"]);
        if has_value && !packet.payload().is_empty() {
            let format = packet.content_format().ok().flatten();
            self.0
                .lock()
                .unwrap()
                .push((format, packet.payload().len()));
        }
        None
    }
}

/// How many octets the values of a run have, all of which are of this format.
fn lengths(mix: &str, shape: &str, format: ContentFormat) -> Vec<usize> {
    let scale = Arc::new(Scale::default());
    let report = run(&payload(mix, shape), Arc::clone(&scale) as Arc<dyn Rules>);
    let operation = report.operations.values().next().unwrap();
    assert_eq!(
        (operation.begun, operation.answered),
        (200, 200),
        "{shape}: {operation:?}"
    );
    assert_eq!(
        report.verdict,
        Verdict::Measured,
        "{shape}: {:?}",
        report.judged
    );
    if mix == "notify" {
        assert!(report.judged.told >= Some(100), "{:?}", report.judged);
    }
    match mix {
        // Who was read remembers that.
        "read" => assert_eq!(report.judged.reads, 200),
        _ => assert_eq!(
            report.generator.awake, 0,
            "{mix}, {shape}: who has its answer rests"
        ),
    }
    let seen = scale.0.lock().unwrap();
    assert!(
        seen.iter().all(|(got, _)| *got == Some(format)),
        "{shape}: {seen:?}"
    );
    seen.iter().map(|(_, length)| *length).collect()
}

#[test]
fn values_have_the_octets_and_the_format_that_are_wanted() {
    // What a format puts around a value of the test object.
    for (name, format, around) in [
        ("text", ContentFormat::TEXT, 0..=0),
        ("opaque", ContentFormat::OCTET_STREAM, 0..=0),
        ("tlv", ContentFormat::LWM2M_TLV, 3..=5),
        ("senml-json", ContentFormat::SENML_JSON, 20..=60),
        ("senml-cbor", ContentFormat::SENML_CBOR, 15..=30),
    ] {
        for mix in ["notify", "read"] {
            let all = lengths(mix, &format!("octets = 300\nformat = \"{name}\""), format);
            let is_whole = |length: &usize| around.contains(&(length - 300));
            assert!(all.iter().all(is_whole), "{name}, {mix}: {all:?}");
        }
    }
    for (name, format) in [
        ("opaque", ContentFormat::SENML_CBOR),
        ("senml-json", ContentFormat::SENML_JSON),
        ("text", ContentFormat::SENML_CBOR),
    ] {
        let all = lengths(
            "send",
            &format!("octets = 300\nformat = \"{name}\""),
            format,
        );
        assert!(
            all.iter().all(|length| (315..=360).contains(length)),
            "{name}: {all:?}"
        );
    }
}

#[test]
fn octets_are_drawn_from_both_ends_of_what_is_wanted() {
    for mix in ["notify", "read", "send"] {
        let (format, around) = match mix {
            "send" => (ContentFormat::SENML_CBOR, 30),
            _ => (ContentFormat::TEXT, 0),
        };
        let all = lengths(mix, "octets = [100, 800]", format);
        assert!(
            all.iter()
                .all(|length| (100..=800 + around).contains(length)),
            "{all:?}"
        );
        let far =
            |range: std::ops::Range<usize>| all.iter().filter(|one| range.contains(one)).count();
        assert!(far(100..300) > 20 && far(600..831) > 20, "{mix}: {all:?}");
    }
}

/// Loses the last octets of what devices say.
struct Short;

impl Rules for Short {
    fn reads(&self, facts: DatagramFacts<'_>) -> Option<Vec<u8>> {
        let mut raw = Raw::dissect(facts.datagram);
        let packet = Packet::parse(facts.datagram).ok()?;
        let tells = packet.code().class() == Class::Response && packet.payload().len() > 100;
        tells.then(|| {
            raw.payload.pop();
            raw.to_bytes()
        })
    }
}

#[test]
fn a_server_that_loses_an_octet_of_a_value_is_seen() {
    for (mix, rule) in [("notify", Rule::OwnReports), ("read", Rule::OwnValues)] {
        for shape in ["octets = 200", "octets = 200\nformat = \"opaque\""] {
            let report = run(&payload(mix, shape), Arc::new(Short));
            let broken = report.judged.broken.iter().map(|one| one.rule);
            assert_eq!(broken.collect::<Vec<_>>(), [rule], "{:?}", report.judged);
            let broken = format!("{:?}", report.judged.broken);
            assert!(broken.contains("199 octets of 200"), "{broken}");
            assert_eq!(report.verdict, Verdict::Wrong);
        }
    }
}

#[test]
fn what_no_value_can_have_is_said_before_anything_is_done() {
    for (mix, shape, why) in [
        ("notify", "octets = 23", "from 24"),
        ("notify", "octets = 801", "to 800"),
        ("send", "octets = [30, 2000]", "got [30, 2000]"),
        ("read", "octets = [200, 100]", "lower limit first"),
        ("update", "octets = 200", "notify, read or send"),
        ("dm-session", "octets = 200", "notify, read or send"),
    ] {
        let text = Workload::read(&payload(mix, shape))
            .unwrap_err()
            .to_string();
        assert!(text.contains(why), "{shape}: {text}");
    }
    let again = Workload::read(&payload("notify", "octets = [30, 60]")).unwrap();
    assert_eq!(Workload::read(&again.text()).unwrap(), again);
    let plain = Workload::read(&payload("notify", "octets = 30")).unwrap();
    let plain = Workload {
        payload: None,
        ..plain
    };
    assert!(!plain.text().contains("payload]"), "{}", plain.text());
}

/// Devices that update every two seconds, listen for half a second after that, and are read now and then.
fn sleepers(queue: &str) -> String {
    format!(
        r#"
        name = "sleepers"
        drain = "3s"
        judged = 40
        [devices]
        count = 40
        {queue}
        [every]
        read = "3s"
        update = "2s"
        [generator]
        late = "1h"
        starved_share = 1.0
        [[stages]]
        for = "6s"
        "#
    )
}

/// Holds back what it has for devices that have slept in for so long, or never.
struct Knows(Option<Duration>);

impl Rules for Knows {
    fn holds(&self, facts: HoldFacts) -> bool {
        let sleeps = |awake| facts.silent || facts.under_way > 0 || facts.since >= awake;
        self.0.is_some_and(sleeps)
    }
}

#[test]
fn who_sleeps_is_read_when_it_wakes_and_not_before() {
    let awake = Some(Duration::from_millis(400));
    let (sleeps, listens) = (sleepers("queue = \"500ms\""), sleepers(""));
    let [report, impatient, plain] = std::thread::scope(|scope| {
        let runs = [(&sleeps, awake), (&sleeps, None), (&listens, None)];
        let runs = runs.map(|(text, knows)| scope.spawn(move || run(text, Arc::new(Knows(knows)))));
        runs.map(|run| run.join().unwrap())
    });
    let read = &report.operations[&Operation::Read];
    assert_eq!((read.begun, read.lost), (80, 0), "{read:?}");
    // Nobody updates once the stages are over: who has slept in then is not awaited.
    assert!(read.answered >= 50, "{read:?}");
    assert_eq!(read.answered + report.counts.abandoned, 80, "{read:?}");
    assert_eq!(report.verdict, Verdict::Measured, "{:?}", report.judged);
    // Of two seconds it sleeps for one and a half.
    let (mean, most) = (read.mean_us.unwrap(), read.max_us.unwrap());
    assert!(
        (300_000.0..1_000_000.0).contains(&mean) && most > 1_200_000,
        "{read:?}"
    );

    // Who asks at once has no answer of who sleeps, and asks again. One who answers asleep would have answered all of that.
    let (report, read) = (&impatient, &impatient.operations[&Operation::Read]);
    assert!(read.mean_us > Some(300_000.0) && read.lost == 0, "{read:?}");
    assert!(
        !matches!(report.verdict, Verdict::Wrong | Verdict::NoContact),
        "{report:?}"
    );
    let read = &plain.operations[&Operation::Read];
    assert_eq!((read.answered, plain.counts.abandoned), (80, 0));
    assert!(read.mean_us < Some(200_000.0), "{read:?}");
}

#[test]
fn a_server_that_never_asks_who_sleeps_passes_no_bound() {
    let text = sleepers("queue = true").replace(
        "drain",
        "thresholds = [\"read.loss<1%\", \"update.loss<1%\"]\ndrain",
    );
    let report = run(&text, Arc::new(Knows(Some(Duration::ZERO))));
    assert_eq!(
        (
            report.operations[&Operation::Read].answered,
            report.counts.abandoned
        ),
        (0, 80)
    );
    assert!(
        matches!(report.verdict, Verdict::TooFew | Verdict::Unanswered),
        "{:?}",
        report.verdict
    );
}

/// How many reads were begun, lost, and not awaited of devices that update every 50 seconds, by a server that confirms that and
/// never reads anything.
fn unread(queue: &str) -> (u64, u64, u64) {
    let text = format!(
        "name = \"unread\"\n[devices]\ncount = 10\n{queue}\n[every]\nread = \"60s\"\nupdate = \"50s\"\n\
         [[stages]]\nfor = \"240s\""
    );
    let workload = Workload::read(&text).unwrap();
    let server = SocketAddr::new(HERE, 5683);
    let operator = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 5683);
    let set_up = shared(&workload, server);
    let generator = Generator::new(&workload, 5683, Devices::of(&workload), set_up).unwrap();
    let mut generator = generator.operated(Some(operator));
    let mut layer: Endpoint<SocketAddr> = Endpoint::new(Seed::new(9));
    let parameters = Parameters::default();
    let mut now = Time::from_micros(1);
    while generator.phase() != Phase::Done {
        now = now.max(generator.next_deadline().unwrap_or(now));
        let mut sent: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
        let mut send = |at, to, bytes: &[u8]| {
            if to == server {
                sent.push((at, bytes.to_vec()));
            }
        };
        while generator.act(now, &mut send) {}
        for (device, bytes) in sent {
            let mut answer = Vec::new();
            let mut keep = |_, bytes: &[u8]| answer = bytes.to_vec();
            let mut turn = Turn {
                parameters: &parameters,
                now,
                send: &mut keep,
            };
            let event = layer.receive(&mut turn, device, &bytes);
            let Some(Event::Request {
                exchange, packet, ..
            }) = event
            else {
                continue;
            };
            let message = match packet.path_is(&["rd"]) {
                true => Message::new(Code::CREATED)
                    .option(option::LOCATION_PATH, b"rd")
                    .option(option::LOCATION_PATH, b"x"),
                false => Message::new(Code::CHANGED),
            };
            layer.respond(&mut turn, &exchange, message).unwrap();
            generator.hear((now, now), (device, server, &answer), &mut |_, _, _| {});
        }
    }
    let read = generator.measures().totals(Operation::Read);
    let update = generator.measures().totals(Operation::Update);
    assert_eq!(update.answered, update.begun);
    (read.begun, read.lost, generator.counts().abandoned)
}

#[test]
fn a_read_is_lost_only_where_its_server_has_heard_of_the_device_since_it_could_ask_again() {
    let (begun, lost, abandoned) = unread("");
    assert_eq!((lost, abandoned), (begun, 0));
    // Those of the last 93 s, or a little more, nobody can be blamed for.
    let (begun, lost, abandoned) = unread("queue = \"10s\"");
    assert_eq!((begun, lost + abandoned), (40, 40));
    assert!((15..=25).contains(&lost), "{lost} {abandoned}");
}

#[test]
fn devices_that_cannot_sleep_so_are_refused() {
    for (queue, mix, why) in [
        ("queue = \"10ms\"", "update = 1", "at least 100ms"),
        ("queue = \"10s\"", "twinning = 1", "devices of LwM2M"),
        ("queue = 10", "update = 1", "or true for 93 s"),
    ] {
        let text = format!(
            "name = \"x\"\n[devices]\ncount = 5\n{queue}\n[mix]\n{mix}\n[[stages]]\nrate = 1\nfor = \"1s\""
        );
        let got = Workload::read(&text).unwrap_err().to_string();
        assert!(got.contains(why), "{queue}: {got}");
    }
}
