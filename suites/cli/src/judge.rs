//! `twinproof judge`: an earlier run's ledger, judged again.

use twinproof_evidence::ExitCode;
use twinproof_evidence::ledger;
use twinproof_judge::judge;

use crate::args::Judge;
use crate::problem::Problem;
use crate::run::{publish, tool};
use crate::source::Source;

pub(crate) fn again(args: &Judge) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let path = args.dir.join(ledger::FILE_NAME);
    let events = ledger::read(&path).map_err(|error| Problem::Usage(error.to_string()))?;
    let report = judge(&events, &source.catalogue, tool())
        .map_err(|why| Problem::Usage(format!("{}: {why}", path.display())))?;
    let dir = args.report.as_ref().unwrap_or(&args.dir);
    publish(&report, dir, args.quiet)
}
