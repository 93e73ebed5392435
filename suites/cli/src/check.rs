//! `twinproof check`: everything that can be wrong before a run, without a network.

use std::collections::BTreeSet;
use std::io::Write as _;

use twinproof_conformance::subscribers_needed;
use twinproof_evidence::ExitCode;
use twinproof_formats::count;
use twinproof_judge::condition::not_applicable;
use twinproof_judge::disclaimed;

use crate::args::Check;
use crate::problem::Problem;
use crate::source::Source;
use crate::{profile, select};

pub(crate) fn check(args: &Check) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let matching = args.filter.scenarios(&source)?;
    if matching.is_empty() {
        return Err(args.filter.nothing(&source));
    }
    let read = args.sut.as_deref().map(profile::read).transpose()?;
    let applicable = match &read {
        None => Vec::new(),
        Some(read) => {
            let profile = &read.declared.profile;
            let mut applicable = select::applicable(matching.iter().copied(), profile);
            applicable.retain(|entry| not_applicable(&entry.described.tags, profile).is_none());
            if applicable.is_empty() {
                return Err(select::nothing_applies(profile, &source));
            }
            applicable
        }
    };
    let files: BTreeSet<_> = matching.iter().map(|e| &e.described.feature).collect();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "features     {} in {}: every step is defined once, every tag is known",
        count(matching.len(), "scenario"),
        count(files.len(), "file")
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
    if let (Some(file), Some(read)) = (&args.sut, &read) {
        let profile = &read.declared.profile;
        let limit = profile.twinning.as_ref().and_then(|t| t.max_secondaries);
        writeln!(
            out,
            "profile      {}: {}, {}; {}",
            file.display(),
            [profile.sut.name.as_str(), &profile.sut.version]
                .join(" ")
                .trim(),
            profile.sut.role,
            match applicable.len() {
                1 => "1 scenario applies".to_owned(),
                n => format!("{n} scenarios apply"),
            }
        )?;
        let needs = applicable
            .iter()
            .map(|entry| subscribers_needed(&entry.described, limit));
        let need = needs.clone().max().unwrap_or_default();
        let have = profile.twinning.as_ref().map_or(0, |t| t.subscribers.len());
        let short = needs.filter(|need| *need > have).count();
        writeln!(
            out,
            "subscribers  {have} provisioned, {need} needed by the largest scenario{}",
            match short {
                0 => String::new(),
                short => format!(
                    "; {} will be inconclusive for want of them",
                    count(short, "scenario")
                ),
            }
        )?;
        let enablers = profile.enablers().into_iter().map(str::to_owned);
        let disclaimed = disclaimed(&source.catalogue, profile, &enablers.collect::<Vec<_>>());
        if !disclaimed.is_empty() {
            writeln!(
                out,
                "claims       these bind the system and the profile does not claim them, so no run shows \
                 conformance as a whole: {}",
                disclaimed.join(", ")
            )?;
        }
        let missing = profile::missing_variables(read);
        for missing in &missing {
            writeln!(out, "environment  {missing}; a run needs it")?;
        }
        if !missing.is_empty() {
            return Ok(ExitCode::Usage);
        }
        if short > 0 {
            return Ok(ExitCode::Incomplete);
        }
    }
    Ok(ExitCode::Conformant)
}
