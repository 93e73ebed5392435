//! `twinproof properties --mutants`: what random commands find of each mutant.

use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_proof::properties::hunt::hunt;

use crate::args::Properties;
use crate::mutants::{known_mutant, write};
use crate::problem::Problem;

/// What was found of each mutant, in a report directory.
const FILE_NAME: &str = "properties-mutants.json";

pub(crate) fn properties_of_mutants(args: &Properties) -> Result<ExitCode, Problem> {
    if let Some(name) = &args.mutant {
        known_mutant("twinning", name)?;
    }
    let mut out = std::io::stdout();
    let only = args.mutant.as_deref();
    let chosen =
        |mutant: &twinproof_reference::mutants::Mutant| only.is_none_or(|only| only == mutant.name);
    let found = hunt(args.cases, args.seed, &chosen, &|row| {
        // Whoever does not read it is still given the file.
        let _ = writeln!(std::io::stdout(), "{row}");
    })
    .map_err(Problem::Ours)?;
    let file = args.report.join(FILE_NAME);
    write(&file, &found)?;
    let code = match found.is_proof() {
        true => ExitCode::Conformant,
        false => ExitCode::Fails,
    };
    let said = writeln!(out, "{found}\nmutants: {}", file.display());
    match said.map_err(Problem::from) {
        Ok(()) | Err(Problem::Pipe) => Ok(code),
        Err(problem) => Err(problem),
    }
}
