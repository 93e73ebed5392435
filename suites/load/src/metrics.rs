//! A run while it goes on, as OpenMetrics wants it told.

use std::fmt::Write as _;

use crate::generator::Phase;
use crate::measure::Measures;
use crate::workload::{Operation, Workload};

/// The media type of what [`openmetrics`] says.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The quantiles that are told, where there are samples enough, with their percents.
const QUANTILES: [(&str, f64); 4] = [
    ("0.5", 50.0),
    ("0.9", 90.0),
    ("0.99", 99.0),
    ("0.999", 99.9),
];

/// How a run goes, as a text of OpenMetrics 1.0: what came of operations after the warm-up, how long they took, and the last
/// second that is over.
pub fn openmetrics(workload: &Workload, phase: Phase, measures: &Measures) -> String {
    let mut text = String::new();
    let operations: Vec<Operation> = workload.operations().collect();
    // Writing to a string does not fail.
    let mut family = |name: &str, kind: &str, unit: &str, help: &str, samples: String| {
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = write!(text, "# HELP {name} {help}\n{samples}");
    };
    let each = |of: &dyn Fn(Operation) -> String| -> String {
        operations.iter().map(|operation| of(*operation)).collect()
    };
    family(
        "twinproof_operations_begun",
        "counter",
        "",
        "Operations that were begun after the warm-up.",
        each(&|operation| {
            let begun = measures.totals(operation).begun;
            format!("twinproof_operations_begun_total{{operation=\"{operation}\"}} {begun}\n")
        }),
    );
    family(
        "twinproof_operations_ended",
        "counter",
        "",
        "Operations that have come to an end, by what came of them.",
        each(&|operation| {
            let totals = measures.totals(operation);
            let outcomes = [
                ("answered", totals.answered),
                ("lost", totals.lost),
                ("refused", totals.refused()),
            ];
            let lines = outcomes.map(|(outcome, count)| {
                format!(
                    "twinproof_operations_ended_total{{operation=\"{operation}\",outcome=\"{outcome}\"}} {count}\n"
                )
            });
            lines.concat()
        }),
    );
    family(
        "twinproof_latency_seconds",
        "summary",
        "seconds",
        "Times from the moment at which an operation was meant to begin.",
        each(&|operation| {
            let totals = measures.totals(operation);
            let mut lines = String::new();
            for (quantile, percent) in QUANTILES {
                if let Some(micros) = totals.percentile(percent) {
                    let seconds = micros as f64 / 1e6;
                    let _ = writeln!(
                        lines,
                        "twinproof_latency_seconds{{operation=\"{operation}\",quantile=\"{quantile}\"}} {seconds}"
                    );
                }
            }
            let count = totals.latencies.len();
            let sum = totals.mean().unwrap_or(0.0) * count as f64 / 1e6;
            let _ = writeln!(
                lines,
                "twinproof_latency_seconds_count{{operation=\"{operation}\"}} {count}\n\
                 twinproof_latency_seconds_sum{{operation=\"{operation}\"}} {sum}"
            );
            lines
        }),
    );
    let last = measures.seconds().last();
    let of_last = [
        ("begun", last.map_or(0, |last| last.begun)),
        ("answered", last.map_or(0, |last| last.answered)),
        ("late", last.map_or(0, |last| last.late)),
        ("lost", last.map_or(0, |last| last.lost)),
        ("refused", last.map_or(0, |last| last.refused)),
    ];
    family(
        "twinproof_last_second_operations",
        "gauge",
        "",
        "Operations of the last second that is over, warm-up or not.",
        of_last
            .map(|(what, count)| {
                format!("twinproof_last_second_operations{{what=\"{what}\"}} {count}\n")
            })
            .concat(),
    );
    let phases = [
        ("preparing", matches!(phase, Phase::Preparing(_))),
        ("loading", phase == Phase::Loading),
        ("draining", phase == Phase::Draining),
        ("done", phase == Phase::Done),
    ];
    family(
        "twinproof_phase",
        "stateset",
        "",
        "How far the run is.",
        phases
            .map(|(name, is_now)| {
                format!(
                    "twinproof_phase{{twinproof_phase=\"{name}\"}} {}\n",
                    u8::from(is_now)
                )
            })
            .concat(),
    );
    text + "# EOF\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::measure::Outcome;

    /// Reads a text as the specification has it: families one after the other, each with its type before its samples, whose
    /// names go with the type; and an end.
    fn read(text: &str) -> BTreeMap<String, f64> {
        let body = text.strip_suffix("# EOF\n").expect("it has an end");
        let (mut families, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let mut now = String::new();
        for line in body.lines() {
            if let Some(said) = line.strip_prefix("# ") {
                let mut words = said.splitn(3, ' ');
                let (what, name) = (words.next().unwrap(), words.next().unwrap());
                match what {
                    "TYPE" => {
                        let kind = words.next().unwrap().to_owned();
                        assert!(
                            families.insert(name.to_owned(), kind).is_none(),
                            "{name} once"
                        );
                        name.clone_into(&mut now);
                    }
                    "UNIT" => assert!(name.ends_with(&format!("_{}", words.next().unwrap()))),
                    "HELP" => assert!(!words.next().unwrap().is_empty()),
                    other => panic!("{other}"),
                }
                assert_eq!(name, now, "nothing of another family");
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let suffixes: &[&str] = match &*families[&now] {
                "counter" => &["_total"],
                "summary" => &["", "_count", "_sum"],
                "gauge" | "stateset" => &[""],
                other => panic!("{other}"),
            };
            let suffix = name.strip_prefix(&*now).unwrap();
            assert!(suffixes.contains(&suffix), "{name} of {now}");
            let value = value.parse().unwrap();
            assert!(
                samples.insert(sample.to_owned(), value).is_none(),
                "{sample} once"
            );
        }
        samples
    }

    #[test]
    fn a_parser_reads_what_was_measured() {
        let workload = Workload::read(
            "name = \"x\"\n[devices]\ncount = 1\n[mix]\nregister = 1\nupdate = 1\n[[stages]]\nrate = 1\nfor = \"9s\"\n",
        );
        let mut measures = Measures::new(
            (Duration::ZERO, Duration::from_secs(9)),
            Duration::from_millis(10),
        );
        for number in 0..200 {
            let (at, took) = (Duration::from_millis(number), Duration::from_millis(20));
            let outcome = match number {
                0..=99 => Outcome::Answered,
                100..=149 => Outcome::Lost,
                _ => Outcome::Refused("5.03".to_owned()),
            };
            measures.begin(Operation::Update, at, Duration::ZERO, true);
            measures.end(Operation::Update, (at, took), outcome, true);
        }
        measures.seal();
        let samples = read(&openmetrics(&workload.unwrap(), Phase::Loading, &measures));
        let of = |name: &str| samples.get(name).copied();
        let ended = |outcome| {
            of(&format!(
                "twinproof_operations_ended_total{{operation=\"update\",outcome=\"{outcome}\"}}"
            ))
        };
        assert_eq!(ended("answered"), Some(100.0));
        assert_eq!(ended("lost"), Some(50.0));
        assert_eq!(ended("refused"), Some(50.0));
        let latency = |what: &str| of(&format!("twinproof_latency_seconds{what}"));
        assert_eq!(latency("_count{operation=\"update\"}"), Some(150.0));
        let half = latency("{operation=\"update\",quantile=\"0.5\"}").unwrap();
        assert!((half - 0.02).abs() < 1e-3, "{half}");
        assert_eq!(
            latency("{operation=\"update\",quantile=\"0.99\"}"),
            None,
            "1.5 lie beyond"
        );
        assert_eq!(latency("_count{operation=\"register\"}"), Some(0.0));
        assert_eq!(
            of("twinproof_last_second_operations{what=\"begun\"}"),
            Some(200.0)
        );
        assert_eq!(
            of("twinproof_phase{twinproof_phase=\"loading\"}"),
            Some(1.0)
        );
        assert_eq!(of("twinproof_phase{twinproof_phase=\"done\"}"), Some(0.0));
    }
}
