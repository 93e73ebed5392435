//! `twinproof list`: requirements and their scenarios.

use std::io::{BufWriter, Write as _};

use twinproof_evidence::ExitCode;
use twinproof_formats::count;

use crate::args::List;
use crate::problem::Problem;
use crate::source::Source;

pub(crate) fn list(args: &List) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let requirements = args.filter.requirements(&source)?;
    let scenarios = args.filter.scenarios(&source)?;
    if requirements.is_empty() {
        return Err(Problem::Nothing(
            "no requirement matches all filters".to_owned(),
        ));
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut document = "";
    for requirement in &requirements {
        if requirement.document != document {
            document = &requirement.document;
            writeln!(out, "{} · {document}", requirement.enabler)?;
        }
        writeln!(
            out,
            "  {:<16} {:<9} {}",
            requirement.id,
            requirement.level.name(),
            requirement.title
        )?;
        for entry in scenarios
            .iter()
            .filter(|entry| entry.described.requirements.contains(&requirement.id))
        {
            writeln!(out, "      {}", entry.id)?;
        }
    }
    writeln!(
        out,
        "\n{} · {}          why and how: twinproof explain ID",
        count(requirements.len(), "requirement"),
        count(scenarios.len(), "scenario")
    )?;
    if scenarios.is_empty() && !args.filter.enabler.is_empty() {
        writeln!(
            out,
            "no scenario judges them yet: a run with this filter has nothing to do and ends with exit code 4"
        )?;
    }
    out.flush()?;
    Ok(ExitCode::Conformant)
}
