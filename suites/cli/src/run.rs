//! `twinproof run`: perform, judge the record, report.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use twinproof_conformance::{KeyLog, Run, STARTED_ON_VIRTUAL, Target, network, perform};
use twinproof_evidence::ExitCode;
use twinproof_evidence::ledger::{self, Ledger};
use twinproof_evidence::manifest::{self, Manifest};
use twinproof_evidence::report::{Report, Tool};
use twinproof_formats::terminal::{self, Style};
use twinproof_formats::{Headline, Progress, pcap};
use twinproof_judge::judge;
use twinproof_judge::profile::{ClientControl, UpperTester};
use twinproof_proof::whole::WholeSystem;
use twinproof_stage::Kind;

use crate::args::{self, SEED, Stage};
use crate::baseline;
use crate::problem::Problem;
use crate::profile;
use crate::select;
use crate::source::{self, Source};
use crate::watch;

/// Where the printed command that repeats a scenario leaves its report: the first one stays evidence.
const AGAIN: &str = "twinproof-again";

/// The system that is judged, and how it is named in commands and digests.
struct System {
    target: Target,
    sha256: String,
    again: String,
}

pub(crate) fn run(args: &args::Run) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let system = system(args)?;
    let earlier = args.rerun.as_deref().map(source::report).transpose()?;
    let selected = select(args, &source, &system.target, earlier.as_ref())?;
    let accepted = args.baseline.as_deref().map(baseline::read).transpose()?;
    args.write_baseline
        .as_deref()
        .map_or(Ok(()), baseline::must_be_new)?;
    let stop = Arc::new(AtomicBool::new(false));
    let ledger = prepare(&args.report)?;
    let kind = kind(args.stage, &system.target)?;
    // A question and a moving bar cannot share a line.
    let asks = !args.non_interactive && asks_people(&system.target);
    let progress = Arc::new(Progress::new(
        (0..args.repeat).flat_map(|_| selected.iter().map(String::as_str)),
        Style::of_stdout(),
        !args.quiet && !asks && std::io::IsTerminal::is_terminal(&std::io::stderr()),
        if args.quiet {
            Box::new(std::io::sink())
        } else {
            Box::new(std::io::stderr())
        },
    ));
    let key_log = args.key_log.as_deref().map(key_log).transpose()?;
    let whole = args.filter.is_empty() && earlier.is_none();
    let mut run = Run {
        suite_sha256: source.sha256.clone(),
        selected,
        filtered: !whole,
        seed: args
            .seed
            .or_else(|| earlier.as_ref().map(|report| report.seed))
            .unwrap_or(SEED),
        repeat: args.repeat,
        again: match args.link {
            Some(link) => format!("{} --link '{link}' --report {AGAIN}", system.again),
            None => format!("{} --report {AGAIN}", system.again),
        },
        link: args.link,
        jobs: usize::from(args.jobs),
        interactive: !args.non_interactive,
        skip_slow: args.skip_slow,
        key_log,
        tool: ("twinproof".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        started: match args.stage {
            Stage::Live => chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            Stage::Virtual => STARTED_ON_VIRTUAL.to_owned(),
        },
        profile_sha256: system.sha256,
        baseline: accepted,
        stop: Arc::clone(&stop),
        ..Run::new(
            system.target,
            kind,
            Arc::clone(&source.suite),
            ledger.clone(),
        )
    };
    if let (Target::External(declared), false) = (&run.target, args.quiet || args.skip_slow) {
        let entries = source.suite.entries().iter();
        let selected = entries.filter(|entry| run.selected.contains(&entry.id));
        if let Some(waiting) = select::waiting(selected, &declared.profile) {
            // Who has closed stderr does not want to know.
            let _ = writeln!(std::io::stderr(), "{waiting}");
        }
    }
    let fail_fast = args.fail_fast.then(|| {
        let path = args.report.join(ledger::FILE_NAME);
        watch::FailFast::new(&path, source.catalogue.clone(), Arc::clone(&stop))
    });
    let fail_fast = fail_fast
        .transpose()
        .map_err(|error| Problem::Usage(error.to_string()))?;
    let shown = Arc::clone(&progress);
    let (kept, ending) = (ledger.clone(), Arc::clone(&run.stop));
    run.on_scene_ended = Arc::new(move |id| {
        shown.scene_ended(id);
        if kept.fault().is_some() {
            // What is not on record is not judged, so there is no sense in going on.
            ending.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        if let Some(fail_fast) = &fail_fast {
            fail_fast.scene_ended(id);
        }
    });
    let shown = Arc::clone(&progress);
    run.on_wait = Arc::new(move |what| shown.waits(what));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    runtime.block_on(async {
        let listening = tokio::spawn(watch::stop_on_signal(stop, args.sut.clone()));
        perform(&run).await;
        listening.abort();
    });
    // What a hostile system still holds open is no reason to wait.
    runtime.shutdown_background();
    progress.finish();
    if let Some(why) = ledger.fault() {
        let path = args.report.join(ledger::FILE_NAME);
        return Err(Problem::NoEvidence(format!("{}: {why}", path.display())));
    }
    let events = ledger
        .read_back()
        .map_err(|error| Problem::Ours(format!("the ledger cannot be read back: {error}")))?;
    let report = judge(&events, &source.catalogue, tool()).map_err(Problem::Ours)?;
    let code = publish(&report, &args.report, args.quiet)?;
    if args.pcap {
        pcap::write(&args.report, &events.records).map_err(|error| Problem::NoReports {
            why: error.to_string(),
            judged: code,
        })?;
    }
    seal(&args.report, true, code)?;
    if let Some(file) = &args.write_baseline {
        baseline::write(file, &report)?;
    }
    Ok(code)
}

/// Opens the file for the secrets of sessions, and says what it is.
fn key_log(file: &Path) -> Result<KeyLog, Problem> {
    let opened = KeyLog::open(file).map_err(|error| {
        Problem::Usage(format!(
            "--key-log: {} cannot be written: {error}",
            file.display()
        ))
    })?;
    // Who has closed stderr does not want to know.
    let _ = writeln!(
        std::io::stderr(),
        "warning: {} will hold the secrets of all DTLS sessions of this run; whoever has it can read what \
         was captured of them",
        file.display()
    );
    Ok(opened)
}

/// Whether the profile has somebody asked at the terminal.
fn asks_people(target: &Target) -> bool {
    let section = target.profile().profile.lwm2m.as_ref();
    let tester = section.and_then(|section| section.upper_tester.as_ref());
    let client = section.and_then(|section| section.client.as_ref());
    let control = client.and_then(|client| client.control.as_ref());
    matches!(tester, Some(UpperTester::Manual(_)))
        || matches!(control, Some(ClientControl::Manual(_)))
}

/// Who judges.
pub(crate) fn tool() -> Tool {
    Tool {
        name: "twinproof".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Writes the reports, prints the answer, and says how the process ends. Reports that cannot be
/// written keep nobody from the answer.
pub(crate) fn publish(report: &Report, dir: &Path, quiet: bool) -> Result<ExitCode, Problem> {
    let written = twinproof_formats::all(dir, report);
    let headline = Headline::of(report);
    let (style, html) = (Style::of_stdout(), dir.join("report.html"));
    let html = written.is_ok().then_some(html.as_path());
    let text = if quiet {
        terminal::brief(report, &headline, style, html)
    } else {
        terminal::render(report, &headline, style, html)
    };
    let printed = std::io::stdout().write_all(text.as_bytes());
    let judged = report.exit_code();
    match (printed.map_err(Problem::from), written) {
        // That nobody read the table changes no verdict.
        (Ok(()) | Err(Problem::Pipe), Ok(_)) => Ok(judged),
        (Ok(()) | Err(Problem::Pipe), Err(error)) => Err(Problem::NoReports {
            why: error.to_string(),
            judged,
        }),
        (Err(problem), _) => Err(problem),
    }
}

/// Writes the manifest of a report directory: of the reports, and of the ledger where it is known to be
/// what the run wrote. `judged` is how the process ends if that works.
pub(crate) fn seal(dir: &Path, with_ledger: bool, judged: ExitCode) -> Result<(), Problem> {
    let ledger = with_ledger.then_some(ledger::FILE_NAME);
    let names = ledger.into_iter().chain(twinproof_formats::FILE_NAMES);
    Manifest::of(dir, names)
        .and_then(|manifest| manifest.write(dir))
        .map_err(|error| Problem::NoReports {
            why: format!("the manifest: {error}"),
            judged,
        })
}

fn system(args: &args::Run) -> Result<System, Problem> {
    let mut again = "twinproof run".to_owned();
    if let Some(features) = &args.words.features {
        again = format!("{again} --features {}", quoted(features));
    }
    match (&args.sut, args.stage) {
        (None, stage) => {
            if stage == Stage::Virtual {
                again.push_str(" --stage virtual");
            }
            let target = Target::BuiltIn(Arc::new(WholeSystem::new()));
            let sha256 = profile::sha256_of(target.profile());
            Ok(System {
                target,
                sha256,
                again,
            })
        }
        (Some(_), Stage::Virtual) => Err(Problem::Usage(
            "--stage virtual has no sockets, so it can judge only the built-in system; leave out \
             --sut or --stage"
                .to_owned(),
        )),
        (Some(file), Stage::Live) => {
            let read = profile::read(file)?;
            profile::require_variables(&read)?;
            Ok(System {
                target: Target::External(Arc::new(read.declared)),
                sha256: read.sha256,
                again: format!("{again} --sut {}", quoted(file)),
            })
        }
    }
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn select(
    args: &args::Run,
    source: &Source,
    target: &Target,
    earlier: Option<&Report>,
) -> Result<Vec<String>, Problem> {
    let matching = args.filter.scenarios(source)?;
    let profile = &target.profile().profile;
    if matching.is_empty() {
        return Err(args.filter.nothing(source));
    }
    let applicable = select::applicable(matching, profile);
    if applicable.is_empty() {
        return Err(select::nothing_applies(profile, source));
    }
    let due: Vec<String> = applicable
        .into_iter()
        .filter(|entry| earlier.is_none_or(|report| select::is_due(report, &entry.id)))
        .map(|entry| entry.id.clone())
        .collect();
    if due.is_empty() {
        return Err(Problem::Nothing(
            "the report that --rerun names leaves nothing open: all of it was judged, and nothing failed"
                .to_owned(),
        ));
    }
    Ok(due)
}

/// Makes the report directory and takes old reports out of it, so that none is taken for this run's.
fn prepare(dir: &Path) -> Result<Ledger, Problem> {
    let cannot = |path: PathBuf, error: std::io::Error| {
        Problem::Usage(format!(
            "cannot write to {}: {error}; choose another place with --report",
            path.display()
        ))
    };
    fs::create_dir_all(dir).map_err(|error| cannot(dir.to_owned(), error))?;
    // The manifest first: without it, nobody takes the rest for a whole run.
    for name in std::iter::once(manifest::FILE_NAME).chain(twinproof_formats::FILE_NAMES) {
        let old = dir.join(name);
        match fs::remove_file(&old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(cannot(old, error));
            }
            _ => {}
        }
    }
    pcap::clear(dir).map_err(|error| cannot(dir.join(pcap::FOLDER), error))?;
    Ledger::create(&dir.join(ledger::FILE_NAME)).map_err(|error| {
        Problem::Usage(format!(
            "cannot write to {error}; choose another place with --report"
        ))
    })
}

/// The stage for a system.
pub(crate) fn kind(stage: Stage, target: &Target) -> Result<Kind, Problem> {
    match stage {
        Stage::Virtual => Ok(Kind::Virtual),
        Stage::Live => {
            let network = network(&target.profile().profile).map_err(|error| {
                Problem::Usage(format!("the network cannot be set up: {error}"))
            })?;
            if let Some(authority) = network.made_authority() {
                drop(writeln!(
                    anstream::stderr(),
                    "made {}: the system has to trust it, for as long as it is judged; until then, what certificates \
                     are worth is inconclusive",
                    authority.display()
                ));
            }
            Ok(Kind::Live(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::quoted;

    #[test]
    fn paths_survive_a_shell() {
        for (path, text) in [
            ("my.toml", "my.toml"),
            ("a b.toml", "'a b.toml'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(quoted(Path::new(path)), text);
        }
    }
}
