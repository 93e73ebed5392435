//! `twinproof check`: everything that can be wrong before a run, without a network.

use std::collections::BTreeSet;
use std::io::Write as _;

use twinproof_conformance::subscribers_needed;
use twinproof_evidence::ExitCode;

use crate::args::Check;
use crate::problem::Problem;
use crate::source::Source;
use crate::{profile, select};

pub(crate) fn check(args: &Check) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let matching = args.filter.scenarios(&source)?;
    let files: BTreeSet<_> = matching.iter().map(|e| &e.described.feature).collect();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "features     {} scenarios in {} files: every step is defined once, every tag is known",
        matching.len(),
        files.len()
    )?;
    writeln!(
        out,
        "catalogue    {} requirements of {} documents, {} rulings",
        source.catalogue.requirements.len(),
        source.catalogue.documents.len(),
        source.catalogue.rulings.len()
    )?;
    if source.whole {
        writeln!(
            out,
            "coverage     every requirement that scenarios can judge has one"
        )?;
    }
    if let Some(file) = &args.sut {
        let read = profile::read(file)?;
        let profile = &read.declared.profile;
        let applicable = select::applicable(matching, profile);
        writeln!(
            out,
            "profile      {}: {} {}, {}; {} scenarios apply",
            file.display(),
            profile.sut.name,
            profile.sut.version,
            profile.sut.role,
            applicable.len()
        )?;
        let needs = applicable
            .iter()
            .map(|entry| subscribers_needed(&entry.described));
        let need = needs.clone().max().unwrap_or_default();
        let have = profile.twinning.as_ref().map_or(0, |t| t.subscribers.len());
        let short = needs.filter(|need| *need > have).count();
        writeln!(
            out,
            "subscribers  {have} provisioned, {need} needed by the largest scenario{}",
            match short {
                0 => String::new(),
                short => format!("; {short} scenarios will be inconclusive for want of them"),
            }
        )?;
        for missing in profile::missing_variables(&read) {
            writeln!(out, "environment  {missing}; a run needs it")?;
        }
    }
    Ok(ExitCode::Conformant)
}
