//! `twinproof clean`: remove what earlier runs left behind.

use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_evidence::ledger::Ledger;

use crate::args::Clean;
use crate::problem::Problem;
use crate::profile;

pub(crate) fn clean(args: &Clean) -> Result<ExitCode, Problem> {
    let read = profile::read(&args.sut)?;
    let twinning = read.declared.profile.twinning.as_ref();
    if twinning.is_none_or(|twinning| twinning.subscribers.is_empty()) {
        return Err(Problem::Nothing(format!(
            "{} names no subscribers, and what they left behind is all that is cleaned",
            args.sut.display()
        )));
    }
    profile::require_variables(&read)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    let cleaning = twinproof_conformance::clean(&read.declared, Ledger::in_memory());
    let leftovers = runtime.block_on(cleaning).map_err(Problem::Usage)?;
    let mut out = std::io::stdout();
    for leftover in &leftovers {
        writeln!(out, "{}: not clean: {}", leftover.address, leftover.why)?;
    }
    let all = read
        .declared
        .profile
        .twinning
        .iter()
        .flat_map(|t| &t.subscribers)
        .count();
    writeln!(
        out,
        "{} of {all} subscribers are clean",
        all - leftovers.len()
    )?;
    Ok(if leftovers.is_empty() {
        ExitCode::Conformant
    } else {
        ExitCode::Incomplete
    })
}
