//! A workload that is shared among processes is the same workload: each device does what it does in the whole, and what the
//! shards come to is what the whole comes to.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use twinproof_coap::Packet;
use twinproof_kernel::Time;
use twinproof_load::{
    Devices, Generator, Health, Part, Phase, ProblemKind, Report, Shard, Verdict, Workload, hlog,
    merge, shared,
};

const WORKLOAD: &str = r#"
    name = "shared"
    seed = 3
    arrivals = "poisson"
    warm_up = "1s"
    thresholds = ["update.p99<20ms", "register.rate>=50/s"]
    [devices]
    count = 211
    [mix]
    register = 1
    update = 4
    [[stages]]
    from = 50
    rate = 700
    for = "3s"
    [[stages]]
    rate = 700
    for = "2s"
"#;

/// What devices said, and when after the beginning.
type Said = BTreeMap<SocketAddr, Vec<(Duration, Vec<u8>)>>;

/// Answers as a server that takes everything.
fn answer(request: &[u8]) -> Vec<u8> {
    let packet = Packet::parse(request).unwrap();
    let token = packet.token_bytes();
    let registers = packet.path_is(&["rd"]);
    let code = if registers { 0x41 } else { 0x44 };
    let [high, low] = packet.message_id().to_be_bytes();
    let head = [0x60 | token.len() as u8, code, high, low];
    let location: &[u8] = if registers { b"\x82rd\x01x" } else { b"" };
    [&head, token, location].concat()
}

/// How long the server takes for a device once it has begun: it follows from who that is.
fn service(at: SocketAddr) -> Duration {
    let SocketAddr::V4(at) = at else {
        unreachable!("devices have addresses of IPv4")
    };
    Duration::from_micros(200 + u64::from(u32::from(*at.ip()) % 23) * 30)
}

fn carry_out(workload: &Workload, shard: Option<Shard>) -> (Said, Part) {
    let server = SocketAddr::from(([127, 0, 0, 1], 5683));
    let share = shard.unwrap_or(Shard::WHOLE);
    let shared = shared(workload, server);
    let mut generator =
        Generator::of_shard(workload, share, 5683, Devices::of(workload), shared).unwrap();
    let mut said = Said::new();
    let mut under_way: VecDeque<(Time, SocketAddr, Vec<u8>)> = VecDeque::new();
    let mut now = Time::from_micros(1);
    while generator.phase() != Phase::Done {
        let mut sent = Vec::new();
        while generator.act(now, &mut |at, _, bytes| sent.push((at, bytes.to_vec()))) {}
        let loading = generator.phase() == Phase::Loading;
        for (at, bytes) in sent {
            let due = if loading { now + service(at) } else { now };
            under_way.push_back((due, at, answer(&bytes)));
            let since = now.since(generator.begins());
            if loading {
                said.entry(at).or_default().push((since, bytes));
            }
        }
        under_way.make_contiguous().sort_by_key(|(due, ..)| *due);
        let answered = under_way.front().map(|(due, ..)| *due);
        let due = generator.next_deadline();
        let next = answered.into_iter().chain(due).min();
        now = next.unwrap_or(now).max(now);
        while under_way.front().is_some_and(|(due, ..)| *due <= now) {
            let (_, at, bytes) = under_way.pop_front().unwrap();
            let since = now.since(generator.begins());
            // What a device does not expect any more it turns away.
            let away = &mut |at, _, bytes: &[u8]| {
                said.entry(at).or_default().push((since, bytes.to_vec()));
            };
            generator.hear((now, now), (at, server, &bytes), away);
        }
    }
    let measured = (generator.measures(), generator.counts());
    let report = Report::new(
        workload,
        server.to_string(),
        measured,
        Health::default(),
        None,
    );
    let report = Report {
        began: Some(5_000),
        ..report
    };
    let part = Part {
        name: shard.map_or("whole".to_owned(), |shard| shard.to_string()),
        report: match shard {
            Some(shard) => report.of_shard(shard),
            None => report,
        },
        hlog: hlog(
            generator.measures(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(5),
        ),
    };
    (said, part)
}

fn shards(workload: &Workload, of: u32) -> (Said, Vec<Part>) {
    let mut said = Said::new();
    let mut parts = Vec::new();
    for number in 0..of {
        let (by_one, part) = carry_out(workload, Some(Shard { number, of }));
        for (at, words) in by_one {
            assert!(said.insert(at, words).is_none(), "{at} is in two shards");
        }
        parts.push(part);
    }
    (said, parts)
}

#[test]
fn devices_say_the_same_at_the_same_moments_in_one_process_and_in_several() {
    for arrivals in ["\"poisson\"", "\"even\""] {
        let text = WORKLOAD.replace("\"poisson\"", arrivals);
        let workload = Workload::read(&text).unwrap();
        let (whole, _) = carry_out(&workload, None);
        assert_eq!(whole.len(), 211);
        for of in [2, 7] {
            let (shared, _) = shards(&workload, of);
            assert!(shared == whole, "{arrivals}, {of} shards");
        }
    }
}

#[test]
fn what_shards_come_to_is_what_the_whole_comes_to() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let (_, whole) = carry_out(&workload, None);
    assert_eq!(
        whole.report.verdict,
        Verdict::Passed,
        "{:?}",
        whole.report.thresholds
    );
    for of in [1, 2, 5] {
        let (_, mut parts) = shards(&workload, of);
        for part in &parts {
            assert_eq!(part.report.verdict, Verdict::Part);
            assert_eq!(part.report.thresholds, []);
        }
        // In whichever order they are named.
        parts.reverse();
        let merged = merge(&parts).unwrap();
        assert_eq!(merged.report, whole.report, "{of} shards");
        assert!(merged.hlog == whole.hlog, "{of} shards");
    }
}

#[test]
fn a_threshold_that_no_shard_breaks_alone_is_judged_of_all() {
    let text = WORKLOAD.replace("register.rate>=50/s", "register.rate<100/s");
    let workload = Workload::read(&text).unwrap();
    let (_, parts) = shards(&workload, 4);
    assert!(
        parts
            .iter()
            .all(|part| part.report.verdict == Verdict::Part)
    );
    let merged = merge(&parts).unwrap();
    assert_eq!(merged.report.verdict, Verdict::Failed);
}

#[test]
fn closed_arrivals_are_shared_too() {
    let text = WORKLOAD.replace("\"poisson\"", "{ closed = 7 }");
    let workload = Workload::read(&text).unwrap();
    let (said, parts) = shards(&workload, 3);
    assert_eq!(said.len(), 211);
    let merged = merge(&parts).unwrap().report;
    assert_eq!(merged.thresholds.len(), 2);
    let why = workload.check_shard("0/8".parse().unwrap()).unwrap_err();
    assert!(why.contains("arrivals.closed is 7"), "{why}");
    assert!(workload.check_shard("6/7".parse().unwrap()).is_ok());
}

#[test]
fn what_are_not_all_shards_of_one_run_is_refused_with_what_is_wrong() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let (_, parts) = shards(&workload, 3);
    let why = |parts: &[Part]| merge(parts).unwrap_err();
    let said = why(&parts[..1]);
    assert!(said.contains("shards 1/3, 2/3 are missing"), "{said}");
    let said = why(&[parts[0].clone(), parts[2].clone()]);
    assert!(said.contains("shard 1/3 is missing"), "{said}");
    let said = why(&[&parts[..], &parts[1..2]].concat());
    assert!(said.contains("shard 1/3 is there twice"), "{said}");
    assert!(why(&[]).contains("got none"));

    type Change = fn(&mut Part);
    let changes: [(Change, &str); 8] = [
        (|part| part.report.shard = None, "got that of a whole run"),
        (
            |part| part.report.shard = Some(Shard { number: 1, of: 4 }),
            "others are of 3",
        ),
        (
            |part| part.report.target = "127.0.0.1:1".to_owned(),
            "the target 127.0.0.1:5683",
        ),
        (|part| part.report.workload.seed = 4, "has the seed 3, and"),
        (
            |part| {
                part.report.workload.judged = 5;
                part.report.digest = part.report.workload.digest();
            },
            "has the workload",
        ),
        (
            |part| part.report.workload.judged = 5,
            "it was changed afterwards",
        ),
        (
            |part| part.report.began = None,
            "does not say when it began",
        ),
        (
            |part| {
                part.report
                    .operations
                    .values_mut()
                    .for_each(|one| one.answered += 1)
            },
            "does not hold what its report counts",
        ),
    ];
    for (change, says) in changes {
        let mut parts = parts.clone();
        change(&mut parts[1]);
        let said = why(&parts);
        assert!(said.contains(says), "{says}: {said}");
    }
    let mut swapped = parts.clone();
    swapped[0].hlog = parts[1].hlog.clone();
    let said = why(&swapped);
    assert!(said.contains("they are not of one run"), "{said}");
}

#[test]
fn what_is_wrong_with_one_shard_is_wrong_with_all() {
    let workload = Workload::read(WORKLOAD).unwrap();
    let (_, parts) = shards(&workload, 3);
    let kinds = |parts: &[Part]| -> (Verdict, Vec<ProblemKind>) {
        let report = merge(parts).unwrap().report;
        let kinds = report.generator.problems.iter().map(|problem| problem.kind);
        (report.verdict, kinds.collect())
    };
    let mut stopped = parts.clone();
    stopped[2].report.stopped = true;
    assert_eq!(
        kinds(&stopped),
        (Verdict::Invalid, vec![ProblemKind::Stopped])
    );

    // Half a second of five is borne, one is not, and what each saw is moved to when it was.
    let mut apart = parts.clone();
    apart[1].report.began = Some(5_500);
    assert_eq!(kinds(&apart).0, Verdict::Passed);
    apart[1].report.began = Some(6_000);
    assert_eq!(kinds(&apart), (Verdict::Invalid, vec![ProblemKind::Apart]));
    let merged = merge(&apart).unwrap().report;
    let begun = |part: &Part| part.report.seconds[0].begun;
    assert_eq!(merged.seconds[0].begun, begun(&apart[0]) + begun(&apart[2]));
    assert_eq!(merged.began, Some(5_000));
}
