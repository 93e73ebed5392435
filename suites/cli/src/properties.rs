//! `twinproof properties`: random command sequences against the invariants.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use twinproof_conformance::Target;
use twinproof_evidence::ExitCode;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::properties::{ALL, Failure, Found, LENGTHS, Options, search};
use twinproof_twinning::enabler::rules::Standard;

use crate::args::{Properties, Stage};
use crate::hunt::properties_of_mutants;
use crate::problem::{Problem, did_you_mean};
use crate::profile;
use crate::run::{kind, quoted};

/// Sequences that broke an invariant once, in a report directory.
const FILE_NAME: &str = "properties.json";

pub(crate) fn properties(args: &Properties) -> Result<ExitCode, Problem> {
    if args.list {
        return list();
    }
    if args.mutants {
        return properties_of_mutants(args);
    }
    let only = args.invariant.as_deref().map(known_invariant).transpose()?;
    let target = target(args)?;
    let stage = if args.sut.is_some() {
        Stage::Live
    } else {
        args.stage
    };
    let file = args.report.join(FILE_NAME);
    let kept = Failure::load(&file).map_err(Problem::Usage)?;
    let options = Options {
        kind: kind(stage, &target)?,
        target,
        cases: args.cases,
        lengths: LENGTHS,
        seed: args.seed,
        only: only.map(str::to_owned),
        known: kept.into_iter().map(|failure| failure.commands).collect(),
    };
    let found = search(&options).map_err(Problem::Usage)?;
    if let Some(failure) = &found.failure {
        keep(failure, args).map_err(|why| {
            Problem::Usage(format!(
                "cannot keep the sequence in {why}; choose another place with --report"
            ))
        })?;
    }
    let text = told(args, &options, &found);
    let unchecked = only.is_some_and(|id| found.not_checked.iter().any(|(not, _)| not == id));
    let fails = found.failure.as_ref().is_some_and(|f| !f.is_advice());
    let code = if fails {
        ExitCode::Fails
    } else if unchecked || !found.says_something(options.known.len()) {
        ExitCode::Incomplete
    } else {
        ExitCode::Conformant
    };
    match std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(Problem::from)
    {
        // What was found stays found, whoever reads it.
        Ok(()) | Err(Problem::Pipe) => Ok(code),
        Err(problem) => Err(problem),
    }
}

/// Where the scenario goes in a report directory: `--features` takes the folder above the enabler's.
const FEATURES: &str = "features";
const FEATURE: &str = "twinning/found.feature";

/// Keeps a sequence, and the scenario that tells it.
fn keep(failure: &Failure, args: &Properties) -> Result<(), String> {
    let named = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(&args.report).map_err(|error| named(&args.report, error))?;
    failure.keep(&args.report.join(FILE_NAME))?;
    let Ok(text) = &failure.feature else {
        return Ok(());
    };
    let file = args.report.join(FEATURES).join(FEATURE);
    let folder = file.parent().unwrap_or(&args.report);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, text))
        .map_err(|error| named(&file, error))
}

fn list() -> Result<ExitCode, Problem> {
    let mut out = std::io::stdout().lock();
    for invariant in ALL {
        write!(out, "{:4} {}", invariant.id, invariant.says)?;
        match (invariant.needs, invariant.advice) {
            (Some(needs), false) => writeln!(out, " (needs {needs})")?,
            (Some(needs), true) => writeln!(out, " (recommended; needs {needs})")?,
            (None, true) => writeln!(out, " (recommended)")?,
            (None, false) => writeln!(out)?,
        }
    }
    Ok(ExitCode::Conformant)
}

fn known_invariant(typed: &str) -> Result<&'static str, Problem> {
    let ids = || ALL.iter().map(|invariant| invariant.id);
    let known = ids().find(|id| id.eq_ignore_ascii_case(typed));
    known.ok_or_else(|| {
        let list = "`twinproof properties --list` names them all";
        let hint = did_you_mean(typed, ids(), list);
        Problem::Nothing(format!(
            "there is no invariant {typed} that sequences of commands can check{hint}"
        ))
    })
}

fn target(args: &Properties) -> Result<Target, Problem> {
    match &args.sut {
        None => Ok(Target::BuiltIn(Arc::new(TwinningSystem::new(Arc::new(
            Standard,
        ))))),
        Some(file) => {
            let read = profile::read(file)?;
            profile::require_variables(&read)?;
            Ok(Target::External(Arc::new(read.declared)))
        }
    }
}

/// The command that does the same again.
fn again(args: &Properties) -> String {
    let mut text = "twinproof properties".to_owned();
    let mut add = |option: &str, value: String| text.push_str(&format!(" {option} {value}"));
    match (&args.sut, args.stage) {
        (Some(file), _) => add("--sut", quoted(file)),
        (None, Stage::Live) => add("--stage", "live".to_owned()),
        (None, Stage::Virtual) => {}
    }
    if let Some(id) = &args.invariant {
        add("--invariant", id.clone());
    }
    add("--cases", args.cases.to_string());
    add("--seed", args.seed.to_string());
    add("--report", quoted(&args.report));
    text
}

/// The command that performs the scenario that was written.
fn as_scenario(args: &Properties) -> String {
    let sut = args.sut.as_ref();
    let sut = sut.map_or_else(
        || "--stage virtual".to_owned(),
        |file| format!("--sut {}", quoted(file)),
    );
    let features = quoted(&args.report.join(FEATURES));
    format!("twinproof run {sut} --features {features}")
}

/// A broken invariant, in words.
fn told_failure(args: &Properties, failure: &Failure, out: &mut String) {
    let mut say = |line: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{line}");
    };
    let invariant = ALL.iter().find(|i| i.id == failure.invariant);
    let verdict = if failure.is_advice() {
        "warning"
    } else {
        "fail"
    };
    say(format_args!(
        "{}  {verdict}   {}",
        failure.invariant,
        invariant.map_or("", |i| i.says)
    ));
    for (number, command) in failure.commands.iter().enumerate() {
        say(format_args!("  {:>3}  {command}", number + 1));
    }
    say(format_args!("  got    {}", failure.seen));
    for message in &failure.exchange {
        say(format_args!("         {message}"));
    }
    say(format_args!("  again  {}", again(args)));
    match &failure.feature {
        Ok(text) => {
            say(format_args!("  or     {}", as_scenario(args)));
            say(format_args!(""));
            say(format_args!("{}", text.trim_end()));
        }
        Err(why) => say(format_args!("  not as a scenario: {why}")),
    }
    say(format_args!(""));
}

/// What came of it, in words.
fn told(args: &Properties, options: &Options, found: &Found) -> String {
    let mut out = String::new();
    if let Some(failure) = &found.failure {
        told_failure(args, failure, &mut out);
    }
    // Writing to a String cannot fail.
    let mut say = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(out, "{line}");
    };
    for (id, lacks) in &found.not_checked {
        say(format_args!("{id}  not checked: {lacks}"));
    }
    let kept = options.known.len();
    let first = if kept > 0 {
        format!("{kept} kept before and ")
    } else {
        String::new()
    };
    say(format_args!(
        "{first}{} sequences with {} commands, seed {}: {}",
        found.cases,
        found.commands,
        args.seed,
        match (&found.failure, found.says_something(kept)) {
            (Some(failure), _) if failure.is_advice() => format!(
                "only the recommendation {} is not followed",
                failure.invariant
            ),
            (Some(failure), _) => format!("{} is broken", failure.invariant),
            (None, false) => "nothing was found out".to_owned(),
            (None, true) => "no invariant was seen broken".to_owned(),
        }
    ));
    if let Some(why) = &found.transport_broke {
        say(format_args!(
            "{} sequences were broken by the transport and say nothing, the first because: {why}",
            found.transport
        ));
    }
    if found.ended_by_others > 0 {
        say(format_args!(
            "{} sequences ended early at another invariant; leave out --invariant to see which",
            found.ended_by_others
        ));
    }
    out
}
