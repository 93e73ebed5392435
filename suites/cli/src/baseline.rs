//! Baselines as files: what is known not to pass.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use twinproof_evidence::baseline::Baseline;
use twinproof_evidence::report::Report;
use twinproof_judge::baseline;

use crate::problem::Problem;

/// Reads the baseline that a run is weighed against.
pub(crate) fn read(file: &Path) -> Result<Baseline, Problem> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| {
        Problem::Usage(format!(
            "cannot read the baseline {name}: {error}; `twinproof run --write-baseline {name}` begins one"
        ))
    })?;
    baseline::parse(&text)
        .map_err(|why| Problem::Usage(format!("the baseline {name} is wrong: {why}")))
}

/// A baseline's reasons were written by a person, and no run writes over them.
pub(crate) fn must_be_new(file: &Path) -> Result<(), Problem> {
    if file.exists() {
        return Err(Problem::Usage(format!(
            "{} is there already, and its reasons were written by a person; choose another name for \
             --write-baseline, or remove it",
            file.display()
        )));
    }
    Ok(())
}

/// Begins a baseline from what a report shows. A run that did not come to its end excuses nothing.
pub(crate) fn write(file: &Path, report: &Report) -> Result<(), Problem> {
    let name = file.display();
    if !report.summary.contact || report.summary.cut.is_some() {
        writeln!(
            anstream::stderr(),
            "{name} was not written: only a whole run of a system that answers shows what to accept"
        )?;
        return Ok(());
    }
    let baseline = baseline::of_report(report);
    fs::write(file, baseline::text(&baseline))
        .map_err(|error| Problem::Usage(format!("cannot write the baseline {name}: {error}")))?;
    writeln!(
        anstream::stderr(),
        "{name} accepts {} scenarios; say in it why",
        baseline.entries.len()
    )?;
    Ok(())
}
