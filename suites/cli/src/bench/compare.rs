//! `twinproof bench compare`: whether one server bears load otherwise than another.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use twinproof_evidence::ExitCode;
use twinproof_load::{ALPHA, Compared, Finding, Report};

use super::{System, carry_out, name, read, stop_on_signal, time, workload, write, written};
use crate::args::bench::{BUILT_IN, Compare, Share};
use crate::problem::Problem;

/// How the statistic is named to whoever wants to look it up.
const STATISTIC: &str = "Mann-Whitney U, exact, two-sided, Holm over all metrics, level 0.05; the ratio is the \
                         Hodges-Lehmann estimate with the interval of the same test";

/// What a comparison leaves.
#[derive(serde::Serialize)]
struct Told<'t> {
    version: u32,
    a: String,
    b: String,
    runs: usize,
    statistic: &'static str,
    level: f64,
    metrics: &'t [Compared],
}

pub(crate) fn compare(args: &Compare) -> Result<ExitCode, Problem> {
    let (a, b) = match (args.a.is_dir(), args.b.is_dir()) {
        (true, true) => (recorded(&args.a)?, recorded(&args.b)?),
        (false, false) => match live(args)? {
            Some(sides) => sides,
            None => {
                writeln!(std::io::stdout(), "stopped before its end")?;
                return Ok(ExitCode::Incomplete);
            }
        },
        _ => {
            return Err(Problem::Usage(format!(
                "{} and {}: expected two profiles of servers, or two folders of runs",
                args.a.display(),
                args.b.display()
            )));
        }
    };
    let mut out = std::io::stdout();
    let compared = match twinproof_load::compare(&a, &b) {
        Ok(compared) => compared,
        Err(why) => {
            writeln!(out, "cannot tell: {why}")?;
            return Ok(ExitCode::Incomplete);
        }
    };
    for one in &compared {
        writeln!(out, "{}", line(one))?;
    }
    let any = |finding| compared.iter().any(|one| one.finding == finding);
    let (code, says) = match (any(Finding::Worse), any(Finding::Better)) {
        (true, true) => (
            ExitCode::Fails,
            "B does worse in one thing and better in another",
        ),
        (true, false) => (ExitCode::Fails, "B does worse"),
        (false, true) => (ExitCode::Conformant, "B does better"),
        (false, false) => (
            ExitCode::Incomplete,
            "cannot tell: the runs of one differ from each other as much as from those of the other",
        ),
    };
    writeln!(out, "{says}\n{STATISTIC}")?;
    let told = Told {
        version: 1,
        a: args.a.display().to_string(),
        b: args.b.display().to_string(),
        runs: a.len(),
        statistic: STATISTIC,
        level: ALPHA,
        metrics: &compared,
    };
    written(&args.report, code, keep(&args.report, &told))?;
    writeln!(
        out,
        "report: {}",
        args.report.join("compare.json").display()
    )?;
    Ok(code)
}

fn keep(dir: &Path, told: &Told<'_>) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let json = serde_json::to_string_pretty(told)?;
    fs::write(dir.join("compare.json"), json + "\n")
}

/// The runs of A, and those of B.
type Sides = (Vec<Report>, Vec<Report>);

/// Runs of both, in turns A B, B A and so on, so that neither always comes first; none if somebody wants the process to end.
fn live(args: &Compare) -> Result<Option<Sides>, Problem> {
    let workload = match &args.workload {
        Some(file) => read(file)?,
        None => {
            let operation = args.operation;
            workload(
                &[Share {
                    operation,
                    share: 1,
                }],
                &args.pace,
            )?
        }
    };
    let profile = |path: &Path| (path != Path::new(BUILT_IN)).then(|| path.to_owned());
    let systems = [
        System::find(profile(&args.a).as_deref(), false, &workload)?
            .agreed(args.target_consent.clone()),
        System::find(profile(&args.b).as_deref(), false, &workload)?
            .agreed(args.target_consent.clone()),
    ];
    let stop = stop_on_signal()?;
    let mut out = std::io::stdout();
    let mut sides = [Vec::new(), Vec::new()];
    for round in 1..=args.runs {
        let order = if round % 2 == 1 { [0, 1] } else { [1, 0] };
        for side in order {
            let run = carry_out(&workload, None, &systems[side], &stop, &mut |_, _| {})?;
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let who = ["A", "B"][side];
            writeln!(out, "  run {round} of {who}: {}", name(run.report.verdict))?;
            out.flush()?;
            let dir = args.report.join(who.to_lowercase()).join(round.to_string());
            written(&dir, ExitCode::Incomplete, write(&dir, &run))?;
            sides[side].push(run.report);
        }
    }
    Ok(Some(sides.into()))
}

/// The reports of all runs below a folder.
fn recorded(dir: &Path) -> Result<Vec<Report>, Problem> {
    let usage = |path: &Path, why: &dyn std::fmt::Display| {
        Problem::Usage(format!("{}: {why}", path.display()))
    };
    let mut files = Vec::new();
    find(dir, &mut files).map_err(|error| usage(dir, &error))?;
    files.sort();
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).map_err(|error| usage(file, &error))?;
        serde_json::from_str(&text)
            .map_err(|error| usage(file, &format_args!("not the report of a run: {error}")))
    };
    files.iter().map(read).collect()
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.file_name().is_some_and(|name| name == "load.json") {
            files.push(path);
        }
    }
    Ok(())
}

fn line(one: &Compared) -> String {
    let shown = |value: f64| match one.unit {
        "µs" | "µs per answer" => time(value),
        unit => format!("{value:.1}{unit}"),
    };
    let [a, b] = [&one.a, &one.b].map(|side| shown(median(side)));
    let says = match one.finding {
        Finding::Better => "better",
        Finding::CannotTell => "cannot tell",
        Finding::Worse => "worse",
    };
    format!(
        "  {:<14} A {a}, B {b}: {:.3} times ({:.3} to {:.3} with {:.1} %), p {:.4}: {says}",
        one.metric,
        one.ratio,
        one.interval[0],
        one.interval[1],
        one.confidence * 100.0,
        one.p
    )
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}
