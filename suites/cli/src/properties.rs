//! `twinproof properties`: random command sequences against the invariants.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use twinproof_conformance::Target;
use twinproof_evidence::ExitCode;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::properties::{ALL, BEYOND, Failure, Found, Options, search};
use twinproof_twinning::enabler::rules::Standard;

use crate::args::{Properties, Stage};
use crate::problem::{Problem, did_you_mean};
use crate::profile;
use crate::run::{kind, quoted};

/// Sequences that broke an invariant once, in a report directory.
const FILE_NAME: &str = "properties.json";

/// How long a sequence is at most.
const LENGTH: usize = 40;

pub(crate) fn properties(args: &Properties) -> Result<ExitCode, Problem> {
    if args.list {
        return list();
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
        length: LENGTH,
        seed: args.seed,
        only: only.map(str::to_owned),
        known: kept.into_iter().map(|failure| failure.commands).collect(),
    };
    let found = search(&options).map_err(Problem::Usage)?;
    if let Some(failure) = &found.failure {
        fs::create_dir_all(&args.report)
            .map_err(|error| format!("{}: {error}", args.report.display()))
            .and_then(|()| failure.keep(&file))
            .map_err(|why| {
                Problem::Usage(format!(
                    "cannot keep the sequence in {why}; choose another place with --report"
                ))
            })?;
    }
    let text = told(args, &options, &found);
    let unchecked = only.is_some_and(|id| found.not_checked.iter().any(|(not, _)| not == id));
    let code = if found.failure.is_some() {
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

fn list() -> Result<ExitCode, Problem> {
    let mut out = std::io::stdout().lock();
    for invariant in ALL {
        write!(out, "{:4} {}", invariant.id, invariant.says)?;
        match invariant.needs {
            Some(needs) => writeln!(out, " (needs {needs})")?,
            None => writeln!(out)?,
        }
    }
    for (id, why) in BEYOND {
        writeln!(out, "{id:4} not checked: {why}")?;
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

/// What came of it, in words.
fn told(args: &Properties, options: &Options, found: &Found) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let mut say = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(out, "{line}");
    };
    if let Some(Failure {
        invariant,
        seen,
        commands,
        exchange,
    }) = &found.failure
    {
        let says = ALL
            .iter()
            .find(|i| i.id == invariant)
            .map_or("", |i| i.says);
        say(format_args!("{invariant}  fail   {says}"));
        for (number, command) in commands.iter().enumerate() {
            say(format_args!("  {:>3}  {command}", number + 1));
        }
        say(format_args!("  got    {seen}"));
        for message in exchange {
            say(format_args!("         {message}"));
        }
        say(format_args!("  again  {}", again(args)));
        say(format_args!(""));
    }
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
