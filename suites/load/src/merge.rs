//! Shards that were carried out on several machines, or parts that were in one process, as one run.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use crate::generator::Counts;
use crate::jury::{Broken, Judgement, Rule};
use crate::measure::{Measures, Second, Totals, decoded};
use crate::report::{
    Health, Measured, Problem, ProblemKind, Report, Steered, System, Verdict, hlog,
};
use crate::run::Run;
use crate::sessions::Sealed;
use crate::workload::{Operation, Workload};

/// Which share of the time that a workload takes may lie between the beginnings of its shards.
const APART: f64 = 0.1;

/// What a shard has left, or a part of a workload.
#[derive(Clone, Debug)]
pub struct Part {
    /// What people call it, such as the folder where it lies.
    pub name: String,
    /// Its report.
    pub report: Report,
    /// Its log of histograms.
    pub hlog: Vec<u8>,
}

/// What all shards of a workload come to. Histograms are added, and thresholds are judged of the whole; what was wrong with
/// the generator of one is wrong with all.
///
/// # Errors
///
/// When they are not the shards of one run, or not all of them; says which are missing, are there twice, or differ in what.
pub fn merge(parts: &[Part]) -> Result<Run, String> {
    let [first, others @ ..] = parts else {
        return Err("expected the reports of shards, got none".to_owned());
    };
    for other in others {
        alike(first, other)?;
    }
    for part in parts {
        let digest = part.report.workload.digest();
        if digest != part.report.digest {
            return Err(format!(
                "{}: its workload has the digest {digest}, and its report says {}: it was changed afterwards",
                part.name, part.report.digest
            ));
        }
    }
    complete(parts)?;

    let workload = &first.report.workload;
    // Where somebody steered, the longest says how long there was something to measure.
    let span = parts.iter().map(|part| part.report.span()).max();
    let span = span.unwrap_or_default();
    let mut problems = Vec::new();
    let whole = span + workload.warm_up.duration();
    let delays = delays(parts, whole, &mut problems)?;
    let measures = summed(parts, span, &delays)?;
    problems.extend(parts.iter().flat_map(|part| {
        let shard = part.report.shard;
        problems_of(
            part,
            &shard.map_or(String::new(), |shard| format!("shard {shard}: ")),
        )
    }));
    let reports = || parts.iter().map(|part| &part.report);
    let health = health(parts, problems);
    let counts = counts(parts);
    // All of them see the same process, if they see one.
    let system = reports()
        .filter_map(|report| report.system.as_ref())
        .max_by(|a, b| a.cpu.total_cmp(&b.cpu))
        .map(|system| System {
            cpu: system.cpu,
            seconds: Vec::new(),
        });
    let began = reports().filter_map(|report| report.began).min();
    let target = first.report.target.clone();
    let report = Report::of(workload, target, (&measures, counts), health, system);
    let since_1970 = Duration::from_millis(began.unwrap_or(0));
    Ok(Run {
        report: Report {
            began,
            stopped: reports().any(|report| report.stopped),
            dtls: sealed(parts),
            steered: first.report.steered.as_ref().map(|_| Steered {
                lasted: span.as_secs_f64(),
                steps: Vec::new(),
            }),
            ..report.with(judgement(reports()))
        },
        hlog: hlog(&measures, SystemTime::UNIX_EPOCH + since_1970),
    })
}

/// What the parts of a workload come to that began together. A threshold is judged of the part that it is about, what was
/// wrong with the generator of one is wrong with all, and so is what a server said that it may not say. `stopped` is whether
/// somebody ended all of them.
///
/// # Errors
///
/// When the histograms of one do not hold what its report counts.
pub(crate) fn join(workload: &Workload, parts: Vec<Part>, stopped: bool) -> Result<Run, String> {
    let span = workload.span();
    let span = span.saturating_sub(workload.warm_up.duration());
    let measures = summed(&parts, span, &vec![0; parts.len()])?;
    let of_all = |part: &Part| {
        let mut problems = problems_of(part, &format!("{}: ", part.name));
        problems.retain(|problem| !stopped || problem.kind != ProblemKind::Stopped);
        problems
    };
    let health = health(&parts, parts.iter().flat_map(of_all).collect());
    let targets: Vec<&str> = parts.iter().map(|part| &*part.report.target).collect();
    let measured = (&measures, counts(&parts));
    let report = Report::of(workload, targets.join(", "), measured, health, None);
    let reports = || parts.iter().map(|part| &part.report);
    // What is missing in one part is not made up for by another.
    let is_missed = reports().any(|report| report.verdict == Verdict::NoContact);
    let verdict = match is_missed {
        true => Verdict::NoContact,
        false => report.verdict,
    };
    let began = reports().filter_map(|report| report.began).min();
    let since_1970 = Duration::from_millis(began.unwrap_or(0));
    let report = Report {
        verdict,
        began,
        stopped,
        dtls: sealed(&parts),
        ..report
    };
    let mut report = report.with(judgement(reports()));
    report.parts = parts.into_iter().map(|part| part.report).collect();
    report.sum_systems();
    Ok(Run {
        report,
        hlog: hlog(&measures, SystemTime::UNIX_EPOCH + since_1970),
    })
}

/// What all have measured, each so many seconds later than the first.
fn summed(parts: &[Part], span: Duration, delays: &[u64]) -> Result<Measures, String> {
    let mut totals: BTreeMap<Operation, Totals> = BTreeMap::new();
    let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
    let mut intervals: BTreeMap<(u64, Operation), Histogram<u64>> = BTreeMap::new();
    for (part, delay) in parts.iter().zip(delays) {
        for (operation, measured) in &part.report.operations {
            let one = read_totals(measured, span).ok_or_else(|| {
                format!(
                    "{}: the histogram of {operation} does not hold what its report counts; expected load.json as it was \
                     written by this version",
                    part.name
                )
            })?;
            match totals.get_mut(operation) {
                Some(sum) => add(sum, one),
                None => drop(totals.insert(*operation, one)),
            }
        }
        for one in &part.report.seconds {
            let second = one.second + delay;
            seconds.entry(second).or_default().add(one);
        }
        for (second, operation, histogram) in read_log(part)? {
            match intervals.get_mut(&(second + delay, operation)) {
                // Of our own shape, as all that was decoded.
                Some(sum) => {
                    let _ = sum.add(histogram);
                }
                None => drop(intervals.insert((second + delay, operation), histogram)),
            }
        }
    }
    Ok(Measures::merged(span, totals, seconds, &intervals))
}

/// How all generators did, with what was wrong with any.
fn health(parts: &[Part], problems: Vec<Problem>) -> Health {
    let healths = || parts.iter().map(|part| &part.report.generator);
    Health {
        problems,
        cpu: healths().map(|health| health.cpu).sum(),
        wall: healths().map(|health| health.wall).fold(0.0, f64::max),
        receive_buffer: healths()
            .map(|health| health.receive_buffer)
            .min()
            .unwrap_or(0),
        octets_per_packed_device: healths()
            .map(|health| health.octets_per_packed_device)
            .max()
            .unwrap_or(0),
        awake: healths().map(|health| health.awake).sum(),
    }
}

fn counts(parts: &[Part]) -> Counts {
    let counts = parts.iter().map(|part| part.report.counts);
    counts.fold(Counts::default(), sum)
}

fn sealed(parts: &[Part]) -> Option<Sealed> {
    let all = parts.iter().filter_map(|part| part.report.dtls.clone());
    all.reduce(|sum, one| sum.and(&one))
}

/// Whether two are of one run.
fn alike(one: &Part, other: &Part) -> Result<(), String> {
    let differ = |what: &str,
                  one_has: &dyn std::fmt::Display,
                  other_has: &dyn std::fmt::Display| {
        Err(format!(
            "the shards are not of one run: {} has the {what} {one_has}, and {} has {other_has}",
            one.name, other.name
        ))
    };
    let (a, b) = (&one.report, &other.report);
    if a.version != b.version {
        return differ("version", &a.version, &b.version);
    }
    if a.workload.seed != b.workload.seed {
        return differ("seed", &a.workload.seed, &b.workload.seed);
    }
    if a.digest != b.digest {
        return differ("workload", &a.digest, &b.digest);
    }
    if a.steered.is_some() != b.steered.is_some() {
        let says = |report: &Report| match report.steered {
            Some(_) => "devices that come and go as somebody steers",
            None => "the stages of its workload",
        };
        return differ("course", &says(a), &says(b));
    }
    if a.target != b.target {
        return differ("target", &a.target, &b.target);
    }
    Ok(())
}

/// Whether every shard is there, and once.
fn complete(parts: &[Part]) -> Result<(), String> {
    let mut of = None;
    let mut there: BTreeMap<u32, &str> = BTreeMap::new();
    for part in parts {
        let Some(shard) = part.report.shard else {
            return Err(format!(
                "{}: expected the report of a shard (--shard K/N), got that of a whole run",
                part.name
            ));
        };
        let expected = *of.get_or_insert(shard.of);
        if expected != shard.of {
            return Err(format!(
                "{}: it is shard {shard}, and others are of {expected}",
                part.name
            ));
        }
        if let Some(other) = there.insert(shard.number, &part.name) {
            return Err(format!(
                "shard {shard} is there twice: {other} and {}",
                part.name
            ));
        }
    }
    let of = of.unwrap_or(0);
    let missing: Vec<String> = (0..of)
        .filter(|number| !there.contains_key(number))
        .map(|number| format!("{number}/{of}"))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        [one] => Err(format!("shard {one} is missing")),
        many => Err(format!("shards {} are missing", many.join(", "))),
    }
}

/// By how many seconds each began later than the first of them.
fn delays(parts: &[Part], all: Duration, problems: &mut Vec<Problem>) -> Result<Vec<u64>, String> {
    let began = parts.iter().map(|part| {
        let began = part.report.began;
        began.ok_or_else(|| format!("{}: it does not say when it began", part.name))
    });
    let began: Vec<u64> = began.collect::<Result<_, _>>()?;
    let earliest = began.iter().min().copied().unwrap_or(0);
    let late = began.iter().map(|began| began - earliest);
    let latest = late.clone().max().unwrap_or(0) as f64 / 1e3;
    if latest > APART * all.as_secs_f64() {
        problems.push(Problem {
            kind: ProblemKind::Apart,
            second: None,
            says: format!(
                "the shards began up to {latest:.1} s apart and take {all:?} each, so that they did not load the system together"
            ),
        });
    }
    Ok(late.map(|millis| (millis + 500) / 1_000).collect())
}

fn read_totals(measured: &Measured, span: Duration) -> Option<Totals> {
    let octets = STANDARD.decode(&measured.histogram).ok()?;
    let latencies = decoded(&octets)?;
    (latencies.len() == measured.answered + measured.lost).then(|| Totals {
        begun: measured.begun,
        answered: measured.answered,
        afterwards: measured.afterwards,
        lost: measured.lost,
        others: measured.refused.clone(),
        span,
        latencies,
    })
}

fn add(sum: &mut Totals, one: Totals) {
    sum.begun += one.begun;
    sum.answered += one.answered;
    sum.afterwards += one.afterwards;
    sum.lost += one.lost;
    for (why, count) in one.others {
        *sum.others.entry(why).or_insert(0) += count;
    }
    // Of our own shape, as all that was decoded.
    let _ = sum.latencies.add(one.latencies);
}

fn sum(a: Counts, b: Counts) -> Counts {
    Counts {
        sent: a.sent + b.sent,
        by_timer: a.by_timer + b.by_timer,
        received: a.received + b.received,
        stray: a.stray + b.stray,
        prepared: a.prepared + b.prepared,
        unprepared: a.unprepared + b.unprepared,
        joined: a.joined + b.joined,
        unjoined: a.unjoined + b.unjoined,
        left: a.left + b.left,
        unreleased: a.unreleased + b.unreleased,
        abandoned: a.abandoned + b.abandoned,
    }
}

/// The histograms of a log, of which each second holds what the report counts in it.
fn read_log(part: &Part) -> Result<Vec<(u64, Operation, Histogram<u64>)>, String> {
    let broken = |why: &str| format!("{}: load.hlog {why}", part.name);
    let mut intervals = Vec::new();
    let mut counted: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in IntervalLogIterator::new(&part.hlog) {
        let entry = entry.map_err(|_| broken("is not a log of histograms"))?;
        let LogEntry::Interval(interval) = entry else {
            continue;
        };
        let tag = interval.tag().map(|tag| tag.as_str().to_owned());
        let operation = Operation::ALL
            .into_iter()
            .find(|one| tag.as_deref() == Some(one.name()));
        let octets = STANDARD.decode(interval.encoded_histogram()).ok();
        let histogram = octets.and_then(|octets| decoded(&octets));
        let (Some(operation), Some(histogram)) = (operation, histogram) else {
            return Err(broken("has a line that is none of ours"));
        };
        let second = interval.start_timestamp().as_secs();
        *counted.entry(second).or_insert(0) += histogram.len();
        intervals.push((second, operation, histogram));
    }
    for one in &part.report.seconds {
        let count = counted.remove(&one.second).unwrap_or(0);
        let expected = one.answered + one.lost + one.beside;
        if count != expected {
            return Err(broken(&format!(
                "has {count} times in second {}, and load.json {expected}: they are not of one run",
                one.second
            )));
        }
    }
    match counted.first_key_value() {
        None => Ok(intervals),
        Some((second, _)) => Err(broken(&format!(
            "has a second {second}, and load.json has not: they are not of one run"
        ))),
    }
}

/// What was wrong with the generator of one, in its words, behind its name.
fn problems_of(part: &Part, name: &str) -> Vec<Problem> {
    let mut problems = part.report.generator.problems.clone();
    if part.report.stopped {
        problems.push(Problem {
            kind: ProblemKind::Stopped,
            second: None,
            says: "it was ended before its time".to_owned(),
        });
    }
    for problem in &mut problems {
        problem.says.insert_str(0, name);
    }
    problems
}

fn judgement<'r>(reports: impl Iterator<Item = &'r Report>) -> Judgement {
    let mut all = Judgement::default();
    let mut broken: BTreeMap<Rule, Broken> = BTreeMap::new();
    let (mut told, mut is_deaf) = (0, false);
    for judged in reports.map(|report| &report.judged) {
        all.devices += judged.devices;
        all.requests += judged.requests;
        all.answers += judged.answers;
        all.reports += judged.reports;
        all.reads += judged.reads;
        is_deaf |= judged.reports > 0 && judged.told.is_none();
        told += judged.told.unwrap_or(0);
        for one in &judged.broken {
            match broken.get_mut(&one.rule) {
                Some(known) => known.times += one.times,
                None => drop(broken.insert(one.rule, one.clone())),
            }
        }
    }
    all.broken = broken.into_values().collect();
    // Where the operator of one is told nothing, the sum would be short of what that has reported.
    all.told = (all.reports > 0 && !is_deaf).then_some(told);
    all
}
