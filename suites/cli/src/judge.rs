//! `twinproof judge`: an earlier run's ledger, judged again.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use twinproof_evidence::ExitCode;
use twinproof_evidence::ledger;
use twinproof_evidence::manifest::Manifest;
use twinproof_evidence::report::Report;
use twinproof_formats::json;
use twinproof_judge::compare::rejudged;
use twinproof_judge::{Words, judge, retell};

use crate::args::Judge;
use crate::problem::Problem;
use crate::run::{publish, seal, tool};
use crate::source::Source;

/// What a reader has to know where nothing says what the run wrote.
const NO_MANIFEST: &str = "The report directory has no manifest: the run that wrote it was not \
    finished, or somebody has removed it. Nothing but the ledger's own chain says that it is as the run \
    left it.";

/// What was said of the record before. None was said where the run was not finished.
fn earlier(dir: &Path) -> Result<Option<Report>, String> {
    let path = dir.join(json::FILE_NAME);
    let read = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(text) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
    };
    read.map(Some).map_err(|why| {
        format!(
            "What was said of the record before cannot be compared: {} is not a report that this \
             version reads ({why}).",
            path.display()
        )
    })
}

pub(crate) fn again(args: &Judge) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let manifest = Manifest::verify(&args.dir).map_err(|e| Problem::Usage(e.to_string()))?;
    let path = args.dir.join(ledger::FILE_NAME);
    let events = ledger::read(&path).map_err(|error| Problem::Usage(error.to_string()))?;
    let wrong = |why: String| Problem::Usage(format!("{}: {why}", path.display()));
    let entries = source.suite.entries().iter();
    let words = Words {
        sha256: &source.sha256,
        scenarios: entries.map(|e| (e.id.as_str(), &e.described)).collect(),
    };
    let events = retell(events, &words).map_err(wrong)?;
    let mut report = judge(&events, &source.catalogue, tool()).map_err(wrong)?;
    match earlier(&args.dir) {
        Ok(earlier) => {
            report.rejudged = earlier.and_then(|earlier| rejudged(&earlier, &report));
        }
        Err(why) => report.notices.push(why),
    }
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
        (in_place, _) => seal(dir, in_place, code)?,
    }
    Ok(code)
}
