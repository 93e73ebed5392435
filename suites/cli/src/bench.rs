//! `twinproof bench` and `twinproof fleet`: load, and how a server bears it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use twinproof_evidence::ExitCode;
use twinproof_judge::profile::Span;
use twinproof_load::{
    Arrivals, Holds, Limits, Measured, Measures, Metric, NoRun, Operation, Phase, Report, Run,
    Socket, Stage, Target, Verdict, Workload,
};

use crate::args::SEED;
use crate::args::bench::{self, Against, Bench, Fleet, Load};
use crate::problem::Problem;
use crate::{profile, watch};

/// How many seconds lie between two lines about a run that goes on.
const LINES: usize = 5;

pub(crate) fn bench(args: &Bench) -> Result<ExitCode, Problem> {
    match (args, args.load()) {
        (_, Some((operation, load))) => against(&workload(operation, load)?, &load.against),
        (Bench::Floor(args), None) => floor(args),
        _ => serve(),
    }
}

/// How long devices go on for a floor: it ends by its rounds.
const FLOOR: Span = Span::from_secs(86_400);

fn floor(args: &bench::Floor) -> Result<ExitCode, Problem> {
    let workload = Workload {
        stages: vec![Stage {
            from: None,
            rate: 0.0,
            span: FLOOR,
        }],
        ..plain(args.operation, args.devices)
    };
    let floor = twinproof_load::floor(&workload, args.rounds, args.round.duration());
    let floor = floor.map_err(no_run)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} of {} devices, processor time for each:",
        floor.operation, floor.devices
    )?;
    for (number, round) in (1..).zip(&floor.rounds) {
        let share = round.bare_us / round.ours_us;
        writeln!(
            out,
            "  round {number}  a bare loop {:.2} µs, devices {:.2} µs: {share:.2}",
            round.bare_us, round.ours_us
        )?;
    }
    let ratio = floor.ratio().unwrap_or_default();
    writeln!(
        out,
        "{ratio:.2} of the generator's time would be spent by anybody who sends these datagrams"
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
        mix: BTreeMap::from([(operation, 1)]),
        generator: Limits::default(),
        stages: Vec::new(),
    }
}

fn no_run(why: NoRun) -> Problem {
    match why {
        NoRun::Io(error) => Problem::Ours(error.to_string()),
        why => Problem::Usage(why.to_string()),
    }
}

pub(crate) fn fleet(args: &Fleet) -> Result<ExitCode, Problem> {
    let file = args.workload.display();
    let usage = |why: &dyn std::fmt::Display| Problem::Usage(format!("{file}: {why}"));
    let text = fs::read_to_string(&args.workload).map_err(|error| usage(&error))?;
    let workload = Workload::read(&text).map_err(|error| usage(&error))?;
    against(&workload, &args.against)
}

fn workload(operation: Operation, load: &Load) -> Result<Workload, Problem> {
    let arrivals = match (load.closed, load.poisson) {
        (Some(most), _) => Arrivals::Closed(most),
        (None, true) => Arrivals::Poisson,
        (None, false) => Arrivals::Even,
    };
    let workload = Workload {
        seed: load.seed,
        arrivals,
        warm_up: load.warm_up,
        thresholds: load.thresholds.clone(),
        stages: vec![Stage {
            from: None,
            rate: load.rate,
            span: load.duration,
        }],
        ..plain(operation, load.devices)
    };
    let checked = workload.check();
    checked.map_err(|error| Problem::Usage(error.to_string()))?;
    Ok(workload)
}

fn against(workload: &Workload, args: &Against) -> Result<ExitCode, Problem> {
    let built_in = match args.sut {
        Some(_) => None,
        None => Some(BuiltIn::start()?),
    };
    let address = match (&args.sut, &built_in) {
        (Some(file), _) => server_of(file)?,
        (None, Some(built_in)) => built_in.address,
        (None, None) => return Err(Problem::Ours("there is no server".to_owned())),
    };
    let target = Target {
        address,
        process: built_in.as_ref().map(|built_in| built_in.child.id()),
        consent: args.target_consent.as_deref(),
    };
    let stop = stop_on_signal()?;
    let mut said = 0;
    let run = twinproof_load::run(workload, target, &mut |phase, measures| {
        said = tell(phase, measures, said);
        match stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    let run = run.map_err(no_run)?;
    let stopped = stop.load(Ordering::Relaxed);
    let code = match run.report.verdict {
        Verdict::Passed if !stopped => ExitCode::Conformant,
        Verdict::Failed => ExitCode::Fails,
        Verdict::Invalid | Verdict::NoContact | Verdict::Passed | Verdict::TooFew => {
            ExitCode::Incomplete
        }
    };
    let text = text(&run.report, stopped);
    write!(std::io::stdout(), "{text}")?;
    write(&args.report, &run).map_err(|error| Problem::NoReports {
        why: format!("{}: {error}", args.report.display()),
        judged: code,
    })?;
    let report = args.report.join("load.json");
    writeln!(std::io::stdout(), "report: {}", report.display())?;
    Ok(code)
}

/// The built-in server in a process of its own, which ends with its input.
struct BuiltIn {
    child: Child,
    input: Option<ChildStdin>,
    address: SocketAddrV4,
}

impl BuiltIn {
    fn start() -> Result<Self, Problem> {
        let ours =
            |why: String| Problem::Ours(format!("the built-in server does not start: {why}"));
        let program = std::env::current_exe().map_err(|error| ours(error.to_string()))?;
        let mut child = Command::new(program)
            .args(["bench", "serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| ours(error.to_string()))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("serving ");
        match address.and_then(|address| address.parse().ok()) {
            Some(address) => Ok(Self {
                input: child.stdin.take(),
                child,
                address,
            }),
            None => Err(ours(format!("it says {line:?}"))),
        }
    }
}

impl Drop for BuiltIn {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends by itself now; if it has ended before, that is as good.
        drop(self.child.wait());
    }
}

fn serve() -> Result<ExitCode, Problem> {
    let socket = Socket::open(0)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut out = std::io::stdout();
    writeln!(out, "serving {}:{}", Ipv4Addr::LOCALHOST, socket.port())?;
    out.flush()?;
    let ended = Arc::clone(&stop);
    std::thread::spawn(move || {
        // However the input ends, the server does.
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        ended.store(true, Ordering::Relaxed);
    });
    twinproof_load::serve_built_in(&socket, &stop)?;
    Ok(ExitCode::Conformant)
}

/// Where a profile says that its LwM2M server takes registrations in the clear.
fn server_of(file: &Path) -> Result<SocketAddrV4, Problem> {
    let usage = |why: &str| Problem::Usage(format!("{}: {why}", file.display()));
    let read = profile::read(file)?;
    let lwm2m = read.declared.profile.lwm2m.as_ref();
    let server = lwm2m
        .and_then(|lwm2m| lwm2m.plain_server())
        .ok_or_else(|| {
            usage(
                "load is for LwM2M servers: expected lwm2m.server, coap:// with a host and a port",
            )
        })?;
    let host = server.trim_start_matches("coap://").trim_end_matches('/');
    let host = match host.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:5683"),
    };
    let found = host
        .to_socket_addrs()
        .map_err(|error| usage(&format!("lwm2m.server: {host}: {error}")))?;
    let mut found = found.filter_map(|address| match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(_) => None,
    });
    found.next().ok_or_else(|| {
        usage(&format!(
            "lwm2m.server: {host} has no IPv4 address, and devices have no other"
        ))
    })
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

/// Says how a run goes, every few seconds; returns up to which second it has.
fn tell(phase: Phase, measures: &Measures, said: usize) -> usize {
    let seconds = measures.seconds();
    if phase == Phase::Done || seconds.len() < said + LINES {
        return said;
    }
    if let Some(last) = seconds.last() {
        let p99 = last
            .p99_us
            .map_or(String::new(), |p99| format!(", p99 {}", time(p99 as f64)));
        // Nobody reads what cannot be printed.
        drop(writeln!(
            anstream::stderr(),
            "{} s: {} begun, {} answered{p99}",
            last.second + 1,
            last.begun,
            last.answered
        ));
    }
    seconds.len()
}

fn text(report: &Report, stopped: bool) -> String {
    let devices = report.workload.devices.count;
    let mut lines = vec![format!(
        "{} against {} · {devices} devices · seed {}",
        report.workload.name, report.target, report.workload.seed
    )];
    for (operation, measured) in &report.operations {
        lines.push(operation_line(*operation, measured));
    }
    for judged in &report.thresholds {
        let holds = match judged.holds {
            Holds::Yes => "holds",
            Holds::No => "does not hold",
            Holds::Unknown => "too few samples",
        };
        let got = judged
            .got
            .map_or(String::new(), |got| match judged.threshold.metric {
                Metric::Loss | Metric::Refused => format!(": {got:.3} %"),
                Metric::Rate => format!(": {got:.1}/s"),
                Metric::Max | Metric::Mean | Metric::Percentile(_) => format!(": {}", time(got)),
            });
        lines.push(format!("  threshold {} {holds}{got}", judged.threshold));
    }
    // The warm-up took processor time, too.
    let answered: u64 = report.seconds.iter().map(|second| second.answered).sum();
    let each = |cpu: f64| format!("{:.1} µs", cpu * 1e6 / answered.max(1) as f64);
    let system = report
        .system
        .map(|system| format!(", the server {}", each(system.cpu)));
    lines.push(format!(
        "  processor time per answer: generator {}{}",
        each(report.generator.cpu),
        system.unwrap_or_default()
    ));
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
    if stopped {
        lines.push("stopped before its end".to_owned());
    }
    let name = match report.verdict {
        Verdict::Failed => "failed",
        Verdict::Invalid => "invalid",
        Verdict::NoContact => "no contact",
        Verdict::Passed => "passed",
        Verdict::TooFew => "cannot tell",
    };
    lines.push(format!("{name}: {}", report.verdict.meaning()));
    lines.join("\n") + "\n"
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

fn time(micros: f64) -> String {
    match micros {
        micros if micros >= 1e6 => format!("{:.2} s", micros / 1e6),
        micros if micros >= 1e3 => format!("{:.2} ms", micros / 1e3),
        micros => format!("{micros:.0} µs"),
    }
}

fn write(dir: &Path, run: &Run) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let json = serde_json::to_string_pretty(&run.report)?;
    fs::write(dir.join("load.json"), json + "\n")?;
    fs::write(dir.join("load.csv"), run.report.csv())?;
    fs::write(dir.join("load.hlog"), &run.hlog)
}
