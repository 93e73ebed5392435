//! `load.html`: a run for people, in one file without scripts.

mod chart;

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use maud::{Markup, html};

use crate::measure::{BEYOND, Second, decoded};
use crate::report::{Report, Taken, Verdict};
use crate::threshold::Holds;
use crate::words::{headroom, metric, name, time};
use chart::{Axis, Line, chart};

const STYLE: &str = include_str!("load.css");

/// How many points a line has at most; of a longer run each stands for several seconds.
const POINTS: u64 = 600;

/// How many problems of the generator are told.
const AT_MOST: usize = 20;

/// The report as a page.
pub fn html(report: &Report) -> String {
    let title = format!("{}: {}", report.workload.name, name(report.verdict));
    let body = html! {
        (masthead(report))
        main {
            (thresholds(report))
            (parts(report))
            (generator(report))
            (judged(report))
            (over_time(report))
            (operations(report))
            (workload(report))
        }
        footer { "Twinproof " (env!("CARGO_PKG_VERSION")) ", version " (report.version) " of load.json" }
    };
    twinproof_formats::html::page(&title, STYLE, &body)
}

/// The class that has the colour of a verdict.
const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed | Verdict::Wrong => "fail",
        Verdict::Invalid => "error",
        Verdict::NoContact | Verdict::TooFew | Verdict::Unanswered => "inconclusive",
        Verdict::Measured | Verdict::Part => "inspect",
        Verdict::Passed => "pass",
    }
}

fn masthead(report: &Report) -> Markup {
    let workload = &report.workload;
    let fact = |what: &str, says: &str| html! { div { dt { (what) } dd { (says) } } };
    // A run that was ended says nothing of what was still to come, however good it was until then.
    let class = match (report.stopped, report.verdict) {
        (true, Verdict::Measured | Verdict::Passed | Verdict::Part) => "inconclusive",
        (_, verdict) => class(verdict),
    };
    html! {
        header.mast {
            p.kicker { "Load report" }
            h1 { (workload.name) }
            p.answer.(class) {
                strong { (name(report.verdict)) "." } " " (report.meaning()) "."
                @if report.stopped { " " strong { "Stopped before its end." } }
            }
            dl.facts {
                (fact("Against", &report.target))
                (fact("Devices", &workload.count().to_string()))
                @if let Some(shard) = report.shard { (fact("Shard", &shard.to_string())) }
                (fact("Took", &format!("{:.1} s", report.generator.wall)))
                (fact("Seed", &workload.seed.to_string()))
                div { dt { "Workload" } dd { code title=(report.digest) { (report.digest.get(..12).unwrap_or_default()) } } }
            }
        }
    }
}

fn thresholds(report: &Report) -> Markup {
    html! {
        section #thresholds {
            h2 { "Thresholds" }
            @if report.shard.is_some() {
                p { "This is a share of a workload: thresholds are judged when all shares are merged." }
            } @else if report.thresholds.is_empty() {
                p { "None was asked for, so that nothing could fail but what devices were told." }
            }
            ul { @for judged in &report.thresholds {
                @let class = match judged.holds { Holds::Yes => "pass", Holds::No => "fail", Holds::Unknown => "inconclusive" };
                li { span.verdict.(class) { (metric(judged)) } }
            } }
        }
    }
}

/// What each part of the workload came to.
fn parts(report: &Report) -> Markup {
    html! {
        @if !report.parts.is_empty() {
            section #parts {
                h2 { "Parts" }
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Part" } th scope="col" { "verdict" } th.n scope="col" { "devices" } th.n scope="col" { "made ready" }
                        th.n scope="col" { "sent" } th.n scope="col" { "received" } th.n scope="col" { "watched" } th.n scope="col" { "rules broken" }
                        th scope="col" { "against" } th scope="col" { "headroom of its generator" }
                    } }
                    tbody { @for part in &report.parts {
                        tr {
                            th scope="row" { (part.workload.enabler().name()) }
                            td { span.verdict.(class(part.verdict)) { (name(part.verdict)) } }
                            td.n { (part.workload.devices.count) } td.n { (part.counts.prepared) }
                            td.n { (part.counts.sent) } td.n { (part.counts.received) }
                            td.n { (part.judged.devices) } td.n { (part.judged.broken.len()) }
                            td { (part.target) }
                            td { @if let Some(reckoned) = &part.headroom { (headroom(reckoned)) } @else { "–" } }
                        }
                    } }
                } }
                p { small { "All parts began at the same moment, each on a thread of its own. What follows is of all of them together." } }
            }
        }
    }
}

fn generator(report: &Report) -> Markup {
    let problems = &report.generator.problems;
    html! {
        section #generator {
            h2 { "The generator" }
            @if problems.is_empty() {
                p { "Nothing was wrong with it: what was measured is the system's." }
            } @else {
                p.error { "What follows is wrong with the generator or its machine, so that the run says nothing of the system." }
            }
            ul { @for problem in problems.iter().take(AT_MOST) {
                li { @if let Some(second) = problem.second { "In second " (second) ": " } (problem.says) }
            } }
            @if problems.len() > AT_MOST { p { (problems.len() - AT_MOST) " more stand in load.json." } }
            @if let Some(reckoned) = &report.headroom { p { "Its headroom: " (headroom(reckoned)) "." } }
        }
    }
}

fn judged(report: &Report) -> Markup {
    let judged = &report.judged;
    html! {
        section #judged {
            h2 { "What devices were told" }
            p { (judged.devices) " devices were watched: " (judged.requests) " requests, " (judged.answers) " answers, "
                @match judged.broken.len() { 0 => { "nothing wrong." } count => { (count) " rules broken." } } }
            @for broken in &judged.broken {
                dl.finding.fail {
                    div { dt { span.verdict.fail { "fail" } } dd { (broken.requirement) ": " (broken.rule.says()) ", " (broken.times) " times" } }
                    div { dt { "expected" } dd { (broken.expected) } }
                    div { dt { "got" } dd { (broken.got) ", by the device " (broken.device) " after " (time(broken.at_us as f64)) } }
                    div { dt { "asked" } dd { code { (broken.asked) } } }
                    div { dt { "answer" } dd { code { (broken.answer) } } }
                    div { dt { "basis" } dd { (broken.basis) } }
                }
            }
        }
    }
}

/// Seconds that stand for one point, of which it shows the worst.
fn together(seconds: &[Second]) -> Vec<Second> {
    let each = (seconds.len() as u64).div_ceil(POINTS).max(1) as usize;
    let worst = |piece: &[Second]| {
        let max = |of: fn(&Second) -> Option<u64>| piece.iter().filter_map(of).max();
        let mean = |of: fn(&Second) -> u64| piece.iter().map(of).sum::<u64>() / piece.len() as u64;
        Second {
            second: piece.first().map_or(0, |first| first.second),
            begun: mean(|one| one.begun),
            answered: mean(|one| one.answered),
            refused: piece.iter().map(|one| one.refused).max().unwrap_or(0),
            lost: piece.iter().map(|one| one.lost).max().unwrap_or(0),
            beside: mean(|one| one.beside),
            p50_us: max(|one| one.p50_us),
            p99_us: max(|one| one.p99_us),
            max_us: max(|one| one.max_us),
            late: piece.iter().map(|one| one.late).max().unwrap_or(0),
            latest_us: piece.iter().map(|one| one.latest_us).max().unwrap_or(0),
        }
    };
    seconds.chunks(each).map(worst).collect()
}

fn over_time(report: &Report) -> Markup {
    let seconds = together(&report.seconds);
    let line = |name: &str, of: fn(&Second) -> Option<u64>| Line {
        name: name.to_owned(),
        points: seconds
            .iter()
            .map(|one| (one.second as f64 + 0.5, of(one).map(|value| value as f64)))
            .collect(),
    };
    let times = [
        line("half of the answers came within", |one| one.p50_us),
        line("99 of 100", |one| one.p99_us),
        line("all", |one| one.max_us),
    ];
    let rates = [
        line("begun", |one| Some(one.begun)),
        line("answered", |one| Some(one.answered)),
        line("refused or lost", |one| Some(one.refused + one.lost)),
    ];
    let shaded = shaded(report);
    let across = Axis::linear(report.seconds.len().max(1) as f64, |at| format!("{at} s"));
    let values = |lines: &[Line]| -> Vec<f64> {
        let points = lines.iter().flat_map(|line| &line.points);
        points.filter_map(|(_, value)| *value).collect()
    };
    let of_times = Axis::powers(values(&times).into_iter(), time);
    let most = values(&rates).into_iter().fold(1.0, f64::max);
    let of_rates = Axis::linear(most, |at| format!("{at}/s"));
    html! {
        section #time {
            h2 { "Over time" }
            @if report.seconds.is_empty() { p { "No second went by." } } @else {
                (chart("Times from the moment an operation was meant to begin, second by second; what is lost counts with the time that was waited", (&across, &of_times), &times, &shaded))
                (chart("Operations in each second", (&across, &of_rates), &rates, &shaded))
                (taken(report, &across, &shaded))
                p { small { "Grey: not measured, as warm-up. Violet: something was wrong with the generator."
                    @if report.seconds.len() as u64 > POINTS { " Each point stands for several seconds, with the worst times and the mean rates of them." } } }
            }
        }
    }
}

/// What the system took, on the same axis, as far as it was seen.
fn taken(report: &Report, across: &Axis, shaded: &[(f64, f64, &str)]) -> Markup {
    let seconds = report.system.iter().flat_map(|system| &system.seconds);
    let each = (report.seconds.len() as u64).div_ceil(POINTS).max(1) as usize;
    let line = |name: &str, of: fn(&Taken) -> Option<f64>| Line {
        name: name.to_owned(),
        points: seconds
            .clone()
            .step_by(each)
            .map(|one| (one.second as f64 + 0.5, of(one)))
            .collect(),
    };
    let most = |line: &Line| {
        let values = line.points.iter().filter_map(|(_, value)| *value);
        values.fold(None, |most: Option<f64>, value| {
            Some(most.map_or(value, |most| most.max(value)))
        })
    };
    let processors = line("processors", |one| one.processors);
    let memory = line("memory", |one| one.memory.map(|octets| octets as f64 / 1e6));
    html! {
        @if let Some(most) = most(&processors) {
            (chart("Processors that the system had; 1 is all of one", (across, &Axis::linear(most.max(0.1), |at| format!("{at:.2}"))), &[processors], shaded))
        }
        @if let Some(most) = most(&memory) {
            (chart("Memory that the system had", (across, &Axis::linear(most.max(1.0), |at| format!("{at} MB"))), &[memory], shaded))
        }
    }
}

/// What is not measured, and where the generator was not well.
fn shaded(report: &Report) -> Vec<(f64, f64, &'static str)> {
    let warm_up = report.workload.warm_up.duration();
    let before = (warm_up > Duration::ZERO).then_some((0.0, warm_up.as_secs_f64(), "before"));
    let problems = report.generator.problems.iter();
    let seconds: BTreeSet<u64> = problems.filter_map(|problem| problem.second).collect();
    let troubles = seconds
        .into_iter()
        .map(|second| (second as f64, second as f64 + 1.0, "trouble"));
    before.into_iter().chain(troubles).collect()
}

fn operations(report: &Report) -> Markup {
    let names: BTreeSet<&String> = report
        .operations
        .values()
        .flat_map(|measured| measured.percentiles_us.keys())
        .collect();
    let lines: Vec<Line> = report
        .operations
        .iter()
        .filter_map(|(operation, measured)| {
            let octets = STANDARD.decode(&measured.histogram).ok()?;
            Some(Line {
                name: operation.to_string(),
                points: quantiles(&decoded(&octets)?),
            })
        })
        .collect();
    let values = lines.iter().flat_map(|line| &line.points);
    let up = Axis::powers(values.clone().filter_map(|(_, value)| *value), time);
    let across = Axis::powers(values.map(|(at, _)| *at), |beyond| {
        format!("{}%", percent(100.0 - 100.0 / beyond))
    });
    let or_none = |value: Option<u64>| value.map_or("–".to_owned(), |micros| time(micros as f64));
    html! {
        section #operations {
            h2 { "Operations" }
            div.wide { table {
                thead { tr {
                    th scope="col" { "Operation" } th.n scope="col" { "begun" } th.n scope="col" { "answered" }
                    th.n scope="col" { "lost" } th.n scope="col" { "refused" } th.n scope="col" { "per second" }
                    @for name in &names { th.n scope="col" { (name) } }
                    th.n scope="col" { "max" }
                } }
                tbody { @for (operation, measured) in &report.operations {
                    tr {
                        th scope="row" { (operation.to_string()) }
                        td.n { (measured.begun) } td.n { (measured.answered) } td.n { (measured.lost) }
                        td.n title=(refused(&measured.refused)) { (measured.refused.values().sum::<u64>()) }
                        td.n { (measured.rate.map_or("–".to_owned(), |rate| format!("{rate:.1}"))) }
                        @for name in &names { td.n { (or_none(measured.percentiles_us.get(*name).copied())) } }
                        td.n { (or_none(measured.max_us)) }
                    }
                } }
            } }
            p { small { "After the warm-up. A percentile is left out beyond which there are fewer than " (BEYOND) " samples." } }
            @if lines.iter().any(|line| !line.points.is_empty()) {
                (chart("Which share of the operations came within which time", (&across, &up), &lines, &[]))
            }
        }
    }
}

fn refused(reasons: &std::collections::BTreeMap<String, u64>) -> String {
    let each = reasons
        .iter()
        .map(|(why, count)| format!("{count} × {why}"));
    each.collect::<Vec<_>>().join(", ")
}

/// 99, 99.9 and so on, without what does not count.
fn percent(share: f64) -> String {
    let text = format!("{share:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One of so many took longer, and how long the others took at most, as far as enough samples lie beyond.
fn quantiles(histogram: &Histogram<u64>) -> Vec<(f64, Option<f64>)> {
    let count = histogram.len() as f64;
    let steps = (0..=100).map(|step| 10_f64.powf(f64::from(step) / 20.0));
    steps
        .take_while(|beyond| count / beyond >= BEYOND as f64)
        .map(|beyond| {
            let value = histogram.value_at_quantile(1.0 - 1.0 / beyond);
            (beyond, Some(value as f64))
        })
        .collect()
}

fn workload(report: &Report) -> Markup {
    html! {
        section #workload {
            h2 { "The workload" }
            pre { (report.workload.text()) }
        }
    }
}
