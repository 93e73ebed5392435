//! `twinproof judge`: an earlier run's ledger, judged again.

use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_evidence::ledger;
use twinproof_evidence::manifest::Manifest;
use twinproof_judge::judge;

use crate::args::Judge;
use crate::problem::Problem;
use crate::run::{publish, seal, tool};
use crate::source::Source;

/// What a reader has to know where nothing says what the run wrote.
const NO_MANIFEST: &str = "The report directory has no manifest: the run that wrote it was not \
    finished, or somebody has removed it. Nothing but the ledger's own chain says that it is as the run \
    left it.";

pub(crate) fn again(args: &Judge) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let manifest = Manifest::verify(&args.dir).map_err(|e| Problem::Usage(e.to_string()))?;
    let path = args.dir.join(ledger::FILE_NAME);
    let events = ledger::read(&path).map_err(|error| Problem::Usage(error.to_string()))?;
    let mut report = judge(&events, &source.catalogue, tool())
        .map_err(|why| Problem::Usage(format!("{}: {why}", path.display())))?;
    if manifest.is_none() {
        report.notices.push(NO_MANIFEST.to_owned());
        // Nobody reads what cannot be printed; the reports say it all the same.
        drop(writeln!(anstream::stderr(), "{NO_MANIFEST}"));
    }
    let dir = args.report.as_ref().unwrap_or(&args.dir);
    let code = publish(&report, dir, args.quiet)?;
    let in_place = dir.canonicalize().ok() == args.dir.canonicalize().ok();
    match (in_place, manifest) {
        // What the run did not vouch for does not become its word by being judged.
        (true, None) => {}
        (in_place, _) => seal(dir, in_place)?,
    }
    Ok(code)
}
