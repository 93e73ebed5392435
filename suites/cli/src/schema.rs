//! `twinproof schema`: what a program may rely on.

use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_judge::profile::Profile;

use crate::args::{Format, Schema};
use crate::problem::Problem;

pub(crate) fn schema(args: &Schema) -> Result<ExitCode, Problem> {
    let schema = match args.format {
        Format::Load => twinproof_load::Report::schema(),
        Format::Profile => schemars::schema_for!(Profile),
        Format::Report => twinproof_formats::json::schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|e| Problem::Ours(e.to_string()))?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(ExitCode::Conformant)
}
