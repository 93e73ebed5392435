//! `twinproof bench merge`: the shards of a workload as one run.

use std::fs;
use std::path::Path;

use twinproof_evidence::ExitCode;
use twinproof_load::Part;

use super::tell;
use crate::args::bench::Merge;
use crate::problem::Problem;

pub(crate) fn merge(args: &Merge) -> Result<ExitCode, Problem> {
    let parts: Vec<Part> = args
        .shards
        .iter()
        .map(|dir| read(dir))
        .collect::<Result<_, _>>()?;
    let run = twinproof_load::merge(&parts).map_err(Problem::Usage)?;
    tell(&run, &args.report)
}

/// What a shard has left in its folder.
fn read(dir: &Path) -> Result<Part, Problem> {
    let usage = |file: &Path, why: &dyn std::fmt::Display| {
        Problem::Usage(format!("{}: {why}", file.display()))
    };
    let (json, log) = (dir.join("load.json"), dir.join("load.hlog"));
    let text = fs::read_to_string(&json).map_err(|error| usage(&json, &error))?;
    let report = serde_json::from_str(&text)
        .map_err(|error| usage(&json, &format_args!("not the report of a run: {error}")))?;
    let hlog = fs::read(&log).map_err(|error| usage(&log, &error))?;
    Ok(Part {
        name: dir.display().to_string(),
        report,
        hlog,
    })
}
