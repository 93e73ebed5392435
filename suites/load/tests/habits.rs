//! What devices say, how often, and when they hear: the keys of a workload that make devices of one kind out of others. The
//! server is the built-in one, on sockets of this machine, or nobody, on a clock of our own.
#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use twinproof_coap::{Class, Code, ContentFormat, Packet, Raw};
use twinproof_load::{Report, Rule, Target, Verdict, Workload, desk_of, serve_built_in};
use twinproof_lwm2m::server::rules::{DatagramFacts, Rules};
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
        rate = 200
        for = "1s"
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
