//! `twinproof bench` and `twinproof fleet`: load, and how a server bears it.

mod compare;
mod gauge;
mod merge;
mod metrics;
mod operator;
mod plan;
mod search;
mod serve;
mod system;
mod view;
mod worker;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use twinproof_evidence::ExitCode;
use twinproof_judge::profile::Span;
use twinproof_load::words::{headroom, metric, name, time};
use twinproof_load::{
    Aim, Arrivals, Floor, Limits, Measured, Measures, NoRun, Operation, PRESETS, Phase, Report,
    Round, Run, Sealed, Shard, Stage, Verdict, WATCHED, WebFloor, Workload, fanout_patience,
    run_parts,
};

use crate::args::SEED;
use crate::args::bench::{self, Against, Bench, Beside, Fleet, FloorOf, Pace, Share};
use crate::problem::Problem;
use crate::watch;
use gauge::Gauge;
use metrics::Metrics;
use system::{System, is_there};
use view::View;
pub(crate) use worker::worker;

pub(crate) use metrics::place;

pub(crate) fn bench(args: &Bench) -> Result<ExitCode, Problem> {
    match (args, args.load()) {
        (_, Some((shares, load))) => {
            let mut workload = workload(&shares, &load.pace)?;
            if let Bench::Fanout(fanout) = args {
                let patience = fanout_patience(fanout.group.min(load.pace.devices));
                workload.devices.group = fanout.group;
                workload.drain = Span::from_secs(patience.as_secs());
            }
            against(&workload, &load.against, &load.beside)
        }
        (Bench::Compare(args), None) => compare::compare(args),
        (Bench::Floor(args), None) => floor(args),
        (Bench::Merge(args), None) => merge::merge(args),
        (Bench::Plan(args), None) => plan::plan(args),
        (Bench::Search(args), None) => search::search(args),
        (Bench::Serve(args), None) => serve::serve(args),
        // What has a load was carried out above.
        _ => Err(Problem::Ours("there is nothing to carry out".to_owned())),
    }
}

/// How long devices go on for a floor: it ends by its rounds.
const FLOOR: Span = Span::from_secs(86_400);

fn floor(args: &bench::Floor) -> Result<ExitCode, Problem> {
    let (rounds, length) = (args.rounds, args.round.duration());
    let FloorOf { name, operations } = &args.operation;
    if operations == &[Operation::Twinning] {
        let floor = twinproof_load::floor_web(args.devices, rounds, length);
        return told_web(&floor.map_err(no_run)?);
    }
    let workload = Workload {
        mix: operations.iter().map(|operation| (*operation, 1)).collect(),
        stages: vec![Stage {
            from: None,
            rate: 0.0,
            span: FLOOR,
        }],
        ..plain(Operation::Update, args.devices)
    };
    let floors = twinproof_load::floor(&workload, rounds, length);
    told(&floors.map_err(no_run)?, name)
}

/// Says what a bare loop takes beside devices that do something.
fn told(floors: &[Floor], what: &str) -> Result<ExitCode, Problem> {
    let mut out = std::io::stdout();
    let devices = floors.first().map_or(0, |floor| floor.devices);
    writeln!(out, "{what} of {devices} devices, processor time for each:")?;
    let rounds = Round::together(floors);
    for (number, round) in (1..).zip(&rounds) {
        let Round { bare_us, ours_us } = round;
        let share = round.share();
        writeln!(
            out,
            "  round {number}  a bare loop {bare_us:.2} µs, devices {ours_us:.2} µs: {share:.2}"
        )?;
    }
    if floors.len() > 1 {
        for floor in floors {
            let (name, ratio) = (floor.operation.name(), floor.ratio().unwrap_or_default());
            writeln!(out, "  {name} alone: {ratio:.2}")?;
        }
    }
    let ratio = Round::ratio(&rounds).unwrap_or_default();
    writeln!(
        out,
        "{ratio:.2} of the generator's time would be spent by anybody who says the same"
    )?;
    Ok(ExitCode::Conformant)
}

/// Says what a bare loop takes over HTTP beside the client alone, and beside devices.
fn told_web(floor: &WebFloor) -> Result<ExitCode, Problem> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "an exchange over HTTP of {} devices, processor time for each:",
        floor.devices
    )?;
    for (number, round) in (1..).zip(&floor.rounds) {
        writeln!(
            out,
            "  round {number}  a bare loop {:.2} µs, the client alone {:.2} µs: {:.2}, devices {:.2} µs: {:.2}",
            round.bare_us,
            round.client_us,
            round.bare_us / round.client_us,
            round.ours_us,
            round.bare_us / round.ours_us
        )?;
    }
    let (client, ours) = floor.ratios().unwrap_or_default();
    writeln!(
        out,
        "{client:.2} of the client's time, and {ours:.2} of that of client and devices, would be spent by anybody who says the same"
    )?;
    Ok(ExitCode::Conformant)
}

/// One operation again and again.
fn plain(operation: Operation, devices: u32) -> Workload {
    Workload {
        name: operation.name().to_owned(),
        seed: SEED,
        arrivals: Arrivals::Even,
        warm_up: Span::from_secs(0),
        drain: Span::from_secs(5),
        thresholds: Vec::new(),
        devices: twinproof_load::Fleet::new(devices),
        judged: WATCHED,
        mix: BTreeMap::from([(operation, 1)]),
        every: BTreeMap::new(),
        payload: None,
        generator: Limits::default(),
        stages: Vec::new(),
        parts: Vec::new(),
    }
}

fn no_run(why: NoRun) -> Problem {
    match why {
        NoRun::Io(error) => Problem::Ours(error.to_string()),
        why => Problem::Usage(why.to_string()),
    }
}

pub(crate) fn fleet(args: &Fleet) -> Result<ExitCode, Problem> {
    let Some(named) = &args.workload else {
        return presets();
    };
    let mut workload = shipped(named)?.map_or_else(|| read(named), Ok)?;
    if let Some(count) = args.devices {
        workload = workload.with_devices(count);
    }
    if let Some(span) = args.span {
        workload = workload.with_span(span);
    }
    against(&checked(workload)?, &args.against, &args.beside)
}

/// Lists the workloads that are shipped.
fn presets() -> Result<ExitCode, Problem> {
    for preset in PRESETS {
        writeln!(std::io::stdout(), "{:<19} {}", preset.name, preset.says())?;
    }
    Ok(ExitCode::Conformant)
}

/// The workload that is shipped under a name, if there is no file of that name.
fn shipped(named: &Path) -> Result<Option<Workload>, Problem> {
    let mut presets = PRESETS.iter();
    let found = presets.find(|preset| named == Path::new(preset.name) && !named.exists());
    let read = found.map(|preset| preset.read()).transpose();
    read.map_err(|why| Problem::Usage(why.to_string()))
}

fn read(file: &Path) -> Result<Workload, Problem> {
    let shown = file.display();
    let usage = |why: &dyn std::fmt::Display| Problem::Usage(format!("{shown}: {why}"));
    let text = fs::read_to_string(file).map_err(|error| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        usage(&format_args!(
            "{error}; expected a workload, or one of {}",
            names.join(", ")
        ))
    })?;
    Workload::read(&text).map_err(|error| usage(&error))
}

/// How many operations begin in a second where nobody says how many, and how many of those that are for many devices.
const RATE: f64 = 1_000.0;
const FANOUTS: f64 = 2.0;

fn workload(shares: &[Share], pace: &Pace) -> Result<Workload, Problem> {
    let arrivals = match (pace.closed, pace.poisson) {
        (Some(most), _) => Arrivals::Closed(most),
        (None, true) => Arrivals::Poisson,
        (None, false) => Arrivals::Even,
    };
    let mut mix = BTreeMap::new();
    for Share { operation, share } in shares {
        *mix.entry(*operation).or_insert(0) += share;
    }
    let first = mix.keys().next().copied().unwrap_or(Operation::Register);
    let names: Vec<_> = mix.keys().map(|one| one.name()).collect();
    let workload = Workload {
        name: names.join(" and "),
        mix,
        seed: pace.seed,
        arrivals,
        warm_up: pace.warm_up,
        thresholds: pace.thresholds.clone(),
        stages: vec![Stage {
            from: None,
            rate: pace.rate.unwrap_or(match first {
                Operation::Fanout => FANOUTS,
                _ => RATE,
            }),
            span: pace.duration,
        }],
        devices: twinproof_load::Fleet {
            first: pace.first,
            ports: pace.ports,
            ..twinproof_load::Fleet::new(pace.devices)
        },
        ..plain(first, pace.devices)
    };
    checked(workload)
}

fn checked(workload: Workload) -> Result<Workload, Problem> {
    match workload.check() {
        Ok(()) => Ok(workload),
        Err(error) => Err(Problem::Usage(error.to_string())),
    }
}

/// Carries out the parts of a workload together, each against its own system.
fn against_each(workload: &Workload, args: &Against, beside: &Beside) -> Result<ExitCode, Problem> {
    if let Some(shard) = beside.shard {
        workload.check_shard(shard).map_err(Problem::Usage)?;
    }
    args.sut_pid.map_or(Ok(()), is_there)?;
    let systems = System::find_each(args.sut.as_deref(), args.dtls, workload)?;
    let consent = &args.target_consent;
    let systems = systems.into_iter().map(|one| one.agreed(consent.clone()));
    let systems: Vec<System> = systems.collect();
    let stop = stop_on_signal()?;
    // One process that is all of the systems is looked at once.
    let mut of_all = match (&beside.scrape, args.sut_pid) {
        (Some(url), _) => Some(Gauge::of_url(url, consent.as_deref())?),
        (None, pid) => pid.map(Gauge::of_process),
    };
    let mut gauges = systems.iter().map(|one| one.gauge(None));
    let mut gauges = gauges.by_ref().collect::<Result<Vec<_>, _>>()?;
    let mut metrics = Metrics::start(beside, workload)?;
    let mut view = View::new(workload, None);
    let aims: Vec<Aim<'_>> = systems.iter().map(System::aim).collect();
    let run = run_parts(workload, &aims, &mut |phase, measures| {
        view.show(phase, measures);
        for gauge in gauges.iter_mut().flatten().chain(&mut of_all) {
            gauge.look(phase, measures);
        }
        if let Some(metrics) = &mut metrics {
            metrics.show(workload, phase, measures);
        }
        match stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    view.end();
    let mut run = run.map_err(no_run)?;
    for (part, gauge) in run.report.parts.iter_mut().zip(gauges) {
        if let Some(gauge) = gauge {
            gauge.into_report(part);
        }
    }
    run.report.sum_systems();
    if let Some(gauge) = of_all {
        gauge.into_report(&mut run.report);
    }
    tell(&run, &args.report)
}

fn against(workload: &Workload, args: &Against, beside: &Beside) -> Result<ExitCode, Problem> {
    if !workload.parts.is_empty() {
        return against_each(workload, args, beside);
    }
    let system = System::find(args.sut.as_deref(), args.dtls, workload)?.seen_as(args.sut_pid)?;
    let system = system.agreed(args.target_consent.clone());
    let stop = stop_on_signal()?;
    let scrape = beside.scrape.as_deref();
    let mut gauge = system.gauge(scrape)?;
    let mut metrics = Metrics::start(beside, workload)?;
    let mut view = View::new(workload, beside.shard);
    let run = carry_out(
        workload,
        beside.shard,
        &system,
        &stop,
        &mut |phase, measures| {
            view.show(phase, measures);
            if let Some(gauge) = &mut gauge {
                gauge.look(phase, measures);
            }
            if let Some(metrics) = &mut metrics {
                metrics.show(workload, phase, measures);
            }
        },
    );
    view.end();
    let mut run = run?;
    if let Some(gauge) = gauge {
        gauge.into_report(&mut run.report);
    }
    tell(&run, &args.report)
}

/// Says what a run has come to, and writes its reports.
fn tell(run: &Run, dir: &Path) -> Result<ExitCode, Problem> {
    let code = code(&run.report);
    write!(std::io::stdout(), "{}", text(&run.report))?;
    written(dir, code, write(dir, run))?;
    let report = dir.join("load.json");
    writeln!(std::io::stdout(), "report: {}", report.display())?;
    Ok(code)
}

const fn code(report: &Report) -> ExitCode {
    match report.verdict {
        Verdict::Measured | Verdict::Part | Verdict::Passed if !report.stopped => {
            ExitCode::Conformant
        }
        Verdict::Failed | Verdict::Wrong => ExitCode::Fails,
        Verdict::Invalid
        | Verdict::Measured
        | Verdict::NoContact
        | Verdict::Part
        | Verdict::Passed
        | Verdict::TooFew
        | Verdict::Unanswered => ExitCode::Incomplete,
    }
}

/// Says where reports could not be written, and what they would have said.
fn written(dir: &Path, judged: ExitCode, done: std::io::Result<()>) -> Result<(), Problem> {
    done.map_err(|error| Problem::NoReports {
        why: format!("{}: {error}", dir.display()),
        judged,
    })
}

/// Carries out a workload until it is over or somebody wants the process to end.
fn carry_out(
    workload: &Workload,
    shard: Option<Shard>,
    system: &System,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Phase, &Measures),
) -> Result<Run, Problem> {
    let run = system.load(workload, shard, &mut |phase, measures| {
        watch(phase, measures);
        match stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    run.map_err(no_run)
}

fn stop_on_signal() -> Result<Arc<AtomicBool>, Problem> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    let told = Arc::clone(&stop);
    std::thread::spawn(move || {
        if runtime.block_on(watch::signal()) {
            told.store(true, Ordering::Relaxed);
        }
    });
    Ok(stop)
}

fn text(report: &Report) -> String {
    let count = report.workload.count();
    let devices = report.shard.map_or(format!("{count} devices"), |shard| {
        let ours = shard.members(count).len();
        format!("shard {shard}: {ours} of {count} devices")
    });
    let mut lines = vec![format!(
        "{} against {} · {devices} · seed {}",
        report.workload.name, report.target, report.workload.seed
    )];
    for (operation, measured) in &report.operations {
        lines.push(operation_line(*operation, measured));
    }
    lines.extend(report.parts.iter().map(part_line));
    for judged in &report.thresholds {
        lines.push(format!("  threshold {}", metric(judged)));
    }
    // The warm-up took processor time, too, and so did what was answered otherwise.
    let seconds = report.seconds.iter();
    let answers: u64 = seconds.map(|second| second.answered + second.refused).sum();
    let each = |cpu: f64| match answers {
        0 => "none".to_owned(),
        _ => format!("{:.1} µs", cpu * 1e6 / answers as f64),
    };
    let system = report
        .system
        .as_ref()
        .map(|system| format!(", the server {}", each(system.cpu)));
    lines.push(format!(
        "  processor time per answer: generator {}{}",
        each(report.generator.cpu),
        system.unwrap_or_default()
    ));
    if let Some(reckoned) = &report.headroom {
        lines.push(format!("  generator's headroom: {}", headroom(reckoned)));
    }
    if report.steered.is_some() {
        let counts = &report.counts;
        lines.push(format!(
            "  steered from outside for {:.1} s: {} devices joined and {} left, with {} operations under way when they \
             fell silent",
            report.span().as_secs_f64(),
            counts.joined,
            counts.left,
            counts.abandoned
        ));
    }
    if report.steered.is_none() && report.counts.abandoned > 0 {
        lines.push(format!(
            "  {} reads of devices that slept to the end have no answer, and are not lost",
            report.counts.abandoned
        ));
    }
    if report.judged.requests > 0 {
        let judged = &report.judged;
        lines.push(format!(
            "  watched {} devices: {} requests, {} answers, {}",
            judged.devices,
            judged.requests,
            judged.answers,
            match judged.broken.len() {
                0 => "nothing wrong".to_owned(),
                count => format!("{count} rules broken"),
            }
        ));
    }
    lines.extend(report.dtls.as_ref().map(sealed));
    lines.extend(overheard(report));
    for broken in &report.judged.broken {
        lines.push(format!(
            "  {}  fail  {}, {} times\n     expected  {}\n     got       {}, by the device {} after {:.3} s\n     basis     {}",
            broken.requirement,
            broken.rule.says(),
            broken.times,
            broken.expected,
            broken.got,
            broken.device,
            broken.at_us as f64 / 1e6,
            broken.basis
        ));
    }
    for problem in report.generator.problems.iter().take(5) {
        let at = problem
            .second
            .map_or(String::new(), |second| format!(" in second {second}"));
        lines.push(format!("  generator{at}: {}", problem.says));
    }
    let more = report.generator.problems.len().saturating_sub(5);
    if more > 0 {
        lines.push(format!("  generator: {more} more problems, see the report"));
    }
    if report.stopped {
        lines.push("stopped before its end".to_owned());
    }
    let verdict = report.verdict;
    lines.push(format!("{}: {}", name(verdict), report.meaning()));
    lines.join("\n") + "\n"
}

/// A part of a workload.
fn part_line(part: &Report) -> String {
    let mut line = format!(
        "  part {}: {} devices against {} · {}",
        part.workload.enabler().name(),
        part.workload.devices.count,
        part.target,
        name(part.verdict)
    );
    if let Some(reckoned) = &part.headroom {
        line += &format!("\n    generator's headroom: {}", headroom(reckoned));
    }
    line
}

/// What went over associations.
fn sealed(dtls: &Sealed) -> String {
    let mut line = format!(
        "  dtls: {} handshakes, {} associations at the end, {} records sent, {} received",
        dtls.handshakes, dtls.open, dtls.records_out, dtls.records_in
    );
    for (what, of) in [
        ("no association", &dtls.failed),
        ("ended by the server", &dtls.ended),
        ("left out", &dtls.left_out),
    ] {
        for (why, count) in of {
            line += &format!("\n    {count} × {what}: {why}");
        }
    }
    line
}

/// What the operator was told of the devices that were watched.
fn overheard(report: &Report) -> Option<String> {
    let judged = &report.judged;
    let reads = match judged.reads {
        0 => None,
        reads => Some(format!("{reads} times what was read of them")),
    };
    let reports = (judged.reports > 0).then(|| match judged.told {
        Some(told) => format!("{told} of their {} reports", judged.reports),
        None => "nothing of their reports, which nobody tells it".to_owned(),
    });
    let told: Vec<_> = reads.into_iter().chain(reports).collect();
    (!told.is_empty()).then(|| format!("  the operator was told {}", told.join(", ")))
}

fn operation_line(operation: Operation, measured: &Measured) -> String {
    let refused: u64 = measured.refused.values().sum();
    let mut line = format!(
        "  {operation}  {} begun, {} answered, {} lost, {refused} refused",
        measured.begun, measured.answered, measured.lost
    );
    if let Some(rate) = measured.rate {
        line += &format!(" · {rate:.1}/s");
    }
    let mut times: Vec<String> = measured
        .percentiles_us
        .iter()
        .map(|(name, micros)| format!("{name} {}", time(*micros as f64)))
        .collect();
    times.extend(
        measured
            .max_us
            .map(|micros| format!("max {}", time(micros as f64))),
    );
    if !times.is_empty() {
        line += &format!(" · {}", times.join(" "));
    }
    for (why, count) in &measured.refused {
        line += &format!("\n    {count} × {why}");
    }
    line
}

fn write(dir: &Path, run: &Run) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let json = serde_json::to_string_pretty(&run.report)?;
    fs::write(dir.join("load.json"), json + "\n")?;
    fs::write(dir.join("load.csv"), run.report.csv())?;
    fs::write(dir.join("load.html"), twinproof_load::html(&run.report))?;
    fs::write(dir.join("load.hlog"), &run.hlog)
}
