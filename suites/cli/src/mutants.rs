//! `twinproof mutants`: proof that the suite can say no.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use twinproof_conformance::{BuiltIn as _, network};
use twinproof_evidence::ExitCode;
use twinproof_formats::Progress;
use twinproof_formats::terminal::Style;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::kill::{Matrix, Options, matrix};
use twinproof_reference::mutants::{self, Mutant};
use twinproof_stage::Kind;
use twinproof_twinning::enabler::rules::Standard;

use crate::args::Mutants;
use crate::problem::{Problem, did_you_mean};

/// The enablers that there are mutants of.
const ENABLERS: [&str; 4] = ["twinning", "lwm2m", "dm", "gwmo"];

/// The matrix in a report directory.
const FILE_NAME: &str = "mutants.json";

pub(crate) fn mutants(args: &Mutants) -> Result<ExitCode, Problem> {
    if !ENABLERS.contains(&args.enabler.as_str()) {
        return Err(Problem::Nothing(format!(
            "this version has mutants of {}, and none of {}",
            ENABLERS.join(", "),
            args.enabler
        )));
    }
    let chosen = chosen(args)?;
    if args.list {
        return list(&chosen);
    }
    let progress = Progress::new(
        chosen.iter().map(|_| args.enabler.as_str()),
        Style::of_stdout(),
        std::io::stderr().is_terminal(),
        Box::new(std::io::stderr()),
    );
    let options = Options {
        enabler: args.enabler.clone(),
        only: args.mutant.clone(),
        full: args.full,
        kind: if args.real { real()? } else { Kind::Virtual },
        seed: args.seed,
        jobs: std::thread::available_parallelism().map_or(1, NonZero::get),
    };
    let found = matrix(options, &|_| progress.scene_ended(&args.enabler));
    progress.finish();
    let matrix = found.map_err(Problem::Ours)?;
    let file = args.report.join(FILE_NAME);
    write(&file, &matrix)?;
    let code = exit_code(&matrix, args.mutant.is_some());
    if let Some(kept) = &args.write {
        keep(kept, &matrix.failing().text(), matrix.is_proof())?;
    }
    let text = format!("{matrix}\nmatrix: {}\n", file.display());
    match std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(Problem::from)
    {
        Ok(()) | Err(Problem::Pipe) => Ok(code),
        Err(problem) => Err(problem),
    }
}

/// A mutant, for those who only want to read of it.
pub(crate) struct Listed {
    name: &'static str,
    breaks: &'static str,
    does: &'static str,
}

fn listed<R: ?Sized>(mutant: &'static Mutant<R>) -> Listed {
    Listed {
        name: mutant.name,
        breaks: mutant.breaks,
        does: mutant.does,
    }
}

fn chosen(args: &Mutants) -> Result<Vec<Listed>, Problem> {
    match &args.mutant {
        None => Ok(all(&args.enabler)),
        Some(name) => Ok(vec![known_mutant(&args.enabler, name)?]),
    }
}

fn all(enabler: &str) -> Vec<Listed> {
    match enabler {
        "dm" => {
            let trees = mutants::dm_tree().map(listed);
            let servers = mutants::dm_server().map(listed);
            let bootstrap = mutants::dm_bootstrap().map(listed);
            mutants::dm_client()
                .map(listed)
                .chain(trees)
                .chain(servers)
                .chain(bootstrap)
                .collect()
        }
        "gwmo" => mutants::gateway()
            .map(listed)
            .chain(mutants::overseer().map(listed))
            .collect(),
        "lwm2m" => {
            let clients = mutants::lwm2m_client().map(listed);
            mutants::lwm2m().map(listed).chain(clients).collect()
        }
        _ => mutants::twinning().map(listed).collect(),
    }
}

/// The mutant of this name.
pub(crate) fn known_mutant(enabler: &str, name: &str) -> Result<Listed, Problem> {
    let mut all = all(enabler);
    if let Some(found) = all.iter().position(|mutant| mutant.name == name) {
        return Ok(all.swap_remove(found));
    }
    let names = all.iter().map(|mutant| mutant.name);
    let hint = did_you_mean(name, names, "`twinproof mutants --list` names them all");
    Err(Problem::Nothing(format!("there is no mutant {name}{hint}")))
}

fn list(chosen: &[Listed]) -> Result<ExitCode, Problem> {
    let widest = |of: fn(&Listed) -> &str| chosen.iter().map(|m| of(m).len()).max().unwrap_or(0);
    let (names, broken) = (widest(|m| m.name), widest(|m| m.breaks));
    let mut out = std::io::stdout().lock();
    for Listed { name, breaks, does } in chosen {
        writeln!(out, "{name:names$}  {breaks:broken$}  {does}")?;
    }
    Ok(ExitCode::Conformant)
}

fn real() -> Result<Kind, Problem> {
    let system = TwinningSystem::new(Arc::new(Standard));
    network(&system.profile().profile)
        .map(Kind::Live)
        .map_err(|why| Problem::Usage(format!("the network cannot be set up: {why}")))
}

fn exit_code(matrix: &Matrix, one: bool) -> ExitCode {
    let summary = &matrix.summary;
    let killed = summary.total > 0 && summary.killed == summary.total && summary.collateral == 0;
    if matrix.is_proof() || one && killed {
        ExitCode::Conformant
    } else {
        ExitCode::Fails
    }
}

/// Writes what a proof found, for programs.
pub(crate) fn write(file: &Path, found: &impl Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(found).map_err(|e| Problem::Ours(e.to_string()))?;
    put(file, &(text + "\n"), "--report")
}

/// Keeps what reports say of each requirement, if it is a proof.
pub(crate) fn keep(file: &Path, text: &str, is_proof: bool) -> Result<(), Problem> {
    match is_proof {
        true => put(file, text, "--write"),
        false => {
            let file = file.display();
            writeln!(
                anstream::stderr(),
                "{file} is left as it was: this is no proof"
            )?;
            Ok(())
        }
    }
}

fn put(file: &Path, text: &str, option: &str) -> Result<(), Problem> {
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(file, text))
        .map_err(|error| {
            Problem::Usage(format!(
                "cannot write to {}: {error}; choose another place with {option}",
                file.display()
            ))
        })
}
