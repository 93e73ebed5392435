//! `twinproof matrix`: requirement → scenarios → last verdict.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};

use twinproof_evidence::ExitCode;
use twinproof_evidence::report::Report;
use twinproof_judge::proofs::Proofs;

use crate::args::Matrix;
use crate::problem::Problem;
use crate::source::{self, Source};

pub(crate) fn matrix(args: &Matrix) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let requirements = args.filter.requirements(&source)?;
    let scenarios = args.filter.scenarios(&source)?;
    if requirements.is_empty() {
        return Err(Problem::Nothing(
            "no requirement matches all filters".to_owned(),
        ));
    }
    let report = match args.report.exists() {
        true => Some(source::report(&args.report)?),
        false => None,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut proofs: BTreeMap<&str, Result<Proofs, String>> = BTreeMap::new();
    for requirement in &requirements {
        let proofs = proofs
            .entry(&requirement.enabler)
            .or_insert_with(|| Proofs::of(&source.features, &requirement.enabler));
        writeln!(
            out,
            "{:<16} {:<9} {:<14} {:<24} {}",
            requirement.id,
            requirement.level.name(),
            of_requirement(report.as_ref(), &requirement.id),
            proven(proofs.as_ref().ok(), &requirement.id),
            requirement.title
        )?;
        for entry in scenarios
            .iter()
            .filter(|entry| entry.described.requirements.contains(&requirement.id))
        {
            let verdict = of_scenario(report.as_ref(), &entry.id);
            writeln!(out, "{:<26} {verdict:<14} {:<24} {}", "", "", entry.id)?;
        }
    }
    writeln!(out)?;
    for why in proofs.values().filter_map(|proofs| proofs.as_ref().err()) {
        writeln!(out, "{why}")?;
    }
    match &report {
        Some(report) => writeln!(
            out,
            "verdicts of {}: {}, {}, seed {}",
            args.report.display(),
            report.sut.name,
            report.started,
            report.seed
        )?,
        None => writeln!(
            out,
            "no verdicts: there is no report at {}; `twinproof run` writes one",
            args.report.display()
        )?,
    }
    out.flush()?;
    Ok(ExitCode::Conformant)
}

/// How many broken systems a requirement fails, and in how many lawful ones it was decided.
fn proven(proofs: Option<&Proofs>, id: &str) -> String {
    proofs.and_then(|proofs| proofs.proof(id)).map_or_else(
        || UNKNOWN.to_owned(),
        |proof| {
            let broken = proof.mutants.len();
            let (variants, total) = (proof.variants, proof.variants_total);
            format!("{broken} broken, {variants}/{total} lawful")
        },
    )
}

/// Where a report says nothing.
const UNKNOWN: &str = "–";

fn of_requirement(report: Option<&Report>, id: &str) -> &'static str {
    report
        .and_then(|report| report.requirements.iter().find(|r| r.id == id))
        .map_or(UNKNOWN, |requirement| requirement.verdict.name())
}

fn of_scenario(report: Option<&Report>, id: &str) -> &'static str {
    report
        .and_then(|report| report.scenarios.iter().find(|s| s.id == id))
        .map_or(UNKNOWN, |scenario| scenario.verdict.name())
}
