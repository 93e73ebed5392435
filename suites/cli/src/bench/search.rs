//! `twinproof bench search`: the highest rate at which thresholds hold.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use twinproof_evidence::ExitCode;
use twinproof_load::{
    Arrivals, Found, Holds, Limit, Report, Run, Search, Stage, Threshold, Trial, Verdict, Workload,
    trial,
};

use super::{System, carry_out, checked, metric, name, plain, stop_on_signal, write, written};
use crate::args::bench;
use crate::problem::Problem;

/// What has to hold where nobody says what.
const DEFAULTS: [&str; 3] = ["p99<50ms", "loss<0.1%", "refused<0.1%"];

/// What a search leaves.
#[derive(serde::Serialize)]
struct Searched<'s> {
    version: u32,
    thresholds: &'s [Threshold],
    found: Found,
    trials: &'s [Trial],
}

pub(crate) fn search(args: &bench::Search) -> Result<ExitCode, Problem> {
    let workload = workload(args)?;
    let system = System::find(args.against.sut.as_deref(), args.against.dtls, &workload)?
        .seen_as(args.against.sut_pid)?
        .agreed(args.against.target_consent.clone());
    let stop = stop_on_signal()?;
    let mut out = std::io::stdout();
    let bounds: Vec<String> = workload
        .thresholds
        .iter()
        .map(Threshold::to_string)
        .collect();
    writeln!(
        out,
        "{} of {} devices against {} · {}",
        args.operation,
        args.devices,
        system,
        bounds.join(" ")
    )?;
    let mut search = Search::new(args.from, args.most, f64::from(args.within) / 100.0);
    let mut best: Option<(f64, Run)> = None;
    while let Some(rate) = search.next_rate() {
        let run = carry_out(
            &trial(&workload, rate),
            None,
            &system,
            &stop,
            &mut |_, _| {},
        )?;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let verdict = run.report.verdict;
        writeln!(
            out,
            "  {rate:>9.1}/s  {}{}",
            name(verdict),
            why(&run.report)
        )?;
        out.flush()?;
        search.note(rate, verdict);
        let better = best.as_ref().is_none_or(|(other, _)| *other <= rate);
        if verdict == Verdict::Passed && better || best.is_none() {
            best = Some((rate, run));
        }
    }
    let found = search.found();
    let stopped = stop.load(Ordering::Relaxed);
    let code = match found {
        Found { rate: Some(_), .. } if !stopped => ExitCode::Conformant,
        Found {
            limit: Limit::Thresholds,
            ..
        } if !stopped => ExitCode::Fails,
        _ => ExitCode::Incomplete,
    };
    let says = match (stopped, found.rate) {
        (true, _) => "stopped before its end".to_owned(),
        (false, Some(rate)) => format!("{rate:.1}/s, three times: {}", found.limit.meaning()),
        (false, None) => format!("no rate is found: {}", found.limit.meaning()),
    };
    writeln!(out, "{says}")?;
    let searched = Searched {
        version: 1,
        thresholds: &workload.thresholds,
        found,
        trials: search.trials(),
    };
    let dir = &args.against.report;
    written(dir, code, keep(dir, &searched, best.as_ref()))?;
    writeln!(out, "report: {}", dir.join("search.json").display())?;
    Ok(code)
}

fn keep(dir: &Path, searched: &Searched<'_>, best: Option<&(f64, Run)>) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let json = serde_json::to_string_pretty(searched)?;
    fs::write(dir.join("search.json"), json + "\n")?;
    best.map_or(Ok(()), |(_, run)| write(dir, run))
}

fn workload(args: &bench::Search) -> Result<Workload, Problem> {
    let thresholds = match args.thresholds.is_empty() {
        false => args.thresholds.clone(),
        true => {
            let of = |bound: &str| format!("{}.{bound}", args.operation).parse();
            let all: Result<Vec<Threshold>, String> = DEFAULTS.into_iter().map(of).collect();
            all.map_err(Problem::Ours)?
        }
    };
    checked(Workload {
        name: format!("search {}", args.operation),
        seed: args.seed,
        arrivals: match args.poisson {
            true => Arrivals::Poisson,
            false => Arrivals::Even,
        },
        warm_up: args.warm_up,
        thresholds,
        stages: vec![Stage {
            from: None,
            rate: args.from,
            span: args.trial,
        }],
        ..plain(args.operation, args.devices)
    })
}

/// What was in the way.
fn why(report: &Report) -> String {
    let broken = |judged: &&twinproof_load::Judged| judged.holds != Holds::Yes;
    let of_thresholds = report.thresholds.iter().find(broken).map(metric);
    let of_generator = report.generator.problems.first();
    let says = match report.verdict {
        Verdict::Measured
        | Verdict::NoContact
        | Verdict::Part
        | Verdict::Passed
        | Verdict::Unanswered => report.thresholds.first().map(metric),
        Verdict::Invalid => of_generator.map(|problem| problem.says.clone()),
        Verdict::Failed | Verdict::TooFew => of_thresholds,
        Verdict::Wrong => {
            let broken = report.judged.broken.first();
            broken.map(|broken| format!("{}: {}", broken.requirement, broken.rule.says()))
        }
    };
    says.map_or(String::new(), |says| format!(": {says}"))
}
