//! `twinproof diff`: two reports side by side.

use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_judge::compare::Difference;

use crate::args::Diff;
use crate::problem::Problem;
use crate::source;

pub(crate) fn diff(args: &Diff) -> Result<ExitCode, Problem> {
    let (before, after) = (source::report(&args.before)?, source::report(&args.after)?);
    let difference = Difference::between(&before, &after);
    let code = if difference.is_regression() {
        ExitCode::Fails
    } else {
        ExitCode::Conformant
    };
    match write!(std::io::stdout(), "{difference}").map_err(Problem::from) {
        // That nobody read it makes no regression undone.
        Ok(()) | Err(Problem::Pipe) => Ok(code),
        Err(problem) => Err(problem),
    }
}
