//! What is written of a run can be read again, by us and by others.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use twinproof_load::{
    Counts, Health, Measures, Operation, Outcome, Problem, ProblemKind, Report, Verdict, Workload,
    hlog, html,
};

const WORKLOAD: &str = r#"
    name = "report"
    thresholds = ["register.p99.9<1s"]
    [devices]
    count = 10
    [mix]
    register = 3
    update = 1
    [[stages]]
    rate = 100
    for = "3s"
"#;

fn measures() -> Measures {
    let mut measures = Measures::new(
        (Duration::ZERO, Duration::from_secs(3)),
        Duration::from_millis(10),
    );
    for number in 0..300_u32 {
        let at = Duration::from_millis(10) * number;
        measures.begin(Operation::Register, at, Duration::ZERO, true);
        let took = Duration::from_micros(100) * (number + 1);
        let outcome = match number % 100 {
            0 => Outcome::Refused("4.03".to_owned()),
            _ => Outcome::Answered,
        };
        measures.end(Operation::Register, (at, took), outcome, true);
    }
    measures.seal();
    measures
}

fn report(workload: &str) -> Report {
    let workload = Workload::read(workload).unwrap();
    let measured = (&measures(), Counts::default());
    Report::new(
        &workload,
        "127.0.0.1:5683".to_owned(),
        measured,
        Health::default(),
        None,
    )
}

#[test]
fn a_report_is_read_as_it_was_written_and_fits_its_schema() {
    let report = report(WORKLOAD);
    let text = serde_json::to_string_pretty(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    // Fewer than ten of 297 lie beyond.
    assert_eq!(report.verdict, Verdict::TooFew);
    let measured = &report.operations[&Operation::Register];
    assert_eq!((measured.answered, measured.refused["4.03"]), (297, 3));
    assert_eq!(
        measured.percentiles_us.keys().collect::<Vec<_>>(),
        ["p50", "p90", "p95"]
    );
    let schema = serde_json::to_value(Report::schema()).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let written = serde_json::to_value(&report).unwrap();
    assert!(properties.keys().eq(written.as_object().unwrap().keys()));
}

#[test]
fn what_was_held_against_nothing_did_not_pass() {
    let of = |thresholds: &str, begun: u32, answered: u32| {
        let text = WORKLOAD.replace("\"register.p99.9<1s\"", thresholds);
        let mut measures = measures();
        for number in 0..begun {
            let at = Duration::from_millis(10);
            measures.begin(Operation::Update, at, Duration::ZERO, true);
            let outcome = match number < answered {
                true => Outcome::Answered,
                false => Outcome::Lost,
            };
            measures.end(Operation::Update, (at, at), outcome, true);
        }
        let measured = (&measures, Counts::default());
        let workload = Workload::read(&text).unwrap();
        Report::new(&workload, String::new(), measured, Health::default(), None).verdict
    };
    assert_eq!(of("", 0, 0), Verdict::Measured);
    assert_eq!(of("", 9, 5), Verdict::Measured);
    assert_eq!(of("", 9, 4), Verdict::Unanswered);
    assert_eq!(of("", 1, 0), Verdict::Unanswered);
    assert_eq!(of("\"register.p50<1s\"", 9, 4), Verdict::Unanswered);
    assert_eq!(of("\"register.p50<1s\"", 9, 5), Verdict::Passed);
    assert_eq!(of("\"update.loss<60%\"", 9, 4), Verdict::Passed);
    assert_eq!(of("\"update.loss<50%\"", 9, 4), Verdict::Failed);
}

#[test]
fn a_workload_means_the_same_however_it_is_written() {
    let one = Workload::read(WORKLOAD).unwrap();
    let again = Workload::read(&one.text()).unwrap();
    assert_eq!((&again, again.digest()), (&one, one.digest()));
    let spaced = WORKLOAD.replace("rate = 100", "rate   = 100.0 # a second");
    assert_eq!(Workload::read(&spaced).unwrap().digest(), one.digest());
    let other = WORKLOAD.replace("rate = 100", "rate = 101");
    assert_ne!(Workload::read(&other).unwrap().digest(), one.digest());
}

#[test]
fn logs_and_tables_hold_every_second() {
    let report = report(WORKLOAD);
    let csv = report.csv();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("0,100,99,1,0,5"), "{csv}");

    let measures = measures();
    let log = hlog(&measures, SystemTime::UNIX_EPOCH);
    let mut sum = Histogram::<u64>::new(3).unwrap();
    let mut seconds = Vec::new();
    for entry in IntervalLogIterator::new(&log) {
        let LogEntry::Interval(interval) = entry.unwrap() else {
            continue;
        };
        assert_eq!(interval.tag().map(|tag| tag.as_str()), Some("register"));
        seconds.push(interval.start_timestamp().as_secs());
        let octets = base64(interval.encoded_histogram());
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &octets[..]).unwrap();
        sum.add(histogram).unwrap();
    }
    assert_eq!(seconds, [0, 1, 2]);
    assert_eq!(sum.len(), 297);
    assert_eq!(sum, measures.totals(Operation::Register).latencies);
}

#[test]
fn a_page_shows_what_the_report_says_and_runs_nothing() {
    let mut report = report(&WORKLOAD.replace("\"report\"", "\"<b>&storm\""));
    let page = html(&report);
    for says in [
        "&lt;b&gt;&amp;storm",
        "cannot tell",
        "register.p99.9&lt;1s too few samples",
        "Nothing was wrong with it",
        "default-src 'none'",
        "p95",
    ] {
        assert!(page.contains(says), "{says}");
    }
    for none in [
        "<script",
        "<b>",
        "style=",
        "class=\"trouble\"",
        "Stopped before",
        "http://",
        "https://",
    ] {
        assert!(!page.contains(none), "{none}");
    }
    // p50 of each second, the longest time, what was begun, answered and not, and the distribution.
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.matches("<polyline").count() >= 6, "{page}");

    report.verdict = Verdict::Invalid;
    report.stopped = true;
    report.generator.problems.push(Problem {
        kind: ProblemKind::Late,
        second: Some(1),
        says: "it came <late>".to_owned(),
    });
    let page = html(&report);
    for says in [
        "In second 1: it came &lt;late&gt;",
        "class=\"trouble\"",
        "answer error",
        "Stopped before its end",
    ] {
        assert!(page.contains(says), "{says}");
    }
    // What goes on for a day is drawn all the same.
    let one = report.seconds[0].clone();
    report.seconds = (0..86_400)
        .map(|second| twinproof_load::Second {
            second,
            ..one.clone()
        })
        .collect();
    assert!(html(&report).len() < 200_000);
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            .iter()
            .position(|other| *other == c)
    };
    let bits = text
        .bytes()
        .filter_map(value)
        .flat_map(|six| (0..6).rev().map(move |bit| six >> bit & 1));
    let bits: Vec<usize> = bits.collect();
    let octets = bits.chunks_exact(8);
    octets
        .map(|eight| eight.iter().fold(0, |octet, bit| octet << 1 | *bit as u8))
        .collect()
}

#[test]
fn a_workload_that_cannot_be_carried_out_says_why() {
    for (from, to, says) in [
        ("count = 10", "count = 0", "at least 1 device"),
        (
            "register = 3\n    update = 1",
            "update = 0",
            "a share above 0 of at least one of dm-session, fanout, handshake, notify",
        ),
        (
            "update = 1",
            "dm-session = 1",
            "what devices of one kind do, got operations of dm and of lwm2m",
        ),
        ("rate = 100", "rate = -1", "expected rates from 0"),
        ("rate = 100", "rate = 0", "a rate above 0"),
        (
            "for = \"3s\"",
            "for = \"3\"",
            "expected a whole number with a unit",
        ),
        ("for = \"3s\"", "for = \"2000h\"", "at most 168 h"),
        (
            "register.p99.9<1s",
            "send.p50<1s",
            "is about send, which the mix does not have",
        ),
        (
            "register.p99.9<1s",
            "register.p9x<1s",
            "no metric is called \"p9x\"",
        ),
        (
            "name = \"report\"",
            "name = \"report\"\n    warm_up = \"3s\"",
            "warm_up: expected less than the 3s",
        ),
        ("name =", "nam =", "unknown field `nam`"),
    ] {
        assert!(WORKLOAD.contains(from));
        let error = Workload::read(&WORKLOAD.replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn headroom_is_reckoned_from_what_the_generator_took_and_not_where_it_did_not_keep_up() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let of = |health: Health| {
        let measured = (&measures(), Counts::default());
        Report::new(&workload, String::new(), measured, health, None).headroom
    };
    let health = Health {
        cpu: 0.06,
        wall: 3.0,
        ..Health::default()
    };
    // 300 were begun.
    let reckoned = of(health.clone()).unwrap();
    assert_eq!(
        (reckoned.each_us, reckoned.busy, reckoned.most),
        (200.0, 0.02, 5_000.0)
    );
    assert_eq!(of(Health::default()), None);
    let late = Problem {
        kind: ProblemKind::Starved,
        second: None,
        says: String::new(),
    };
    let problems = vec![late];
    assert_eq!(of(Health { problems, ..health }), None);
}
