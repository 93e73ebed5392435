//! `twinproof explain`: a requirement, a scenario or a ruling, for a person who has never read the
//! document.

mod scenario;

use std::fmt::Write as _;
use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_judge::catalogue::{Catalogue, JudgedBy, Requirement, Ruling};
use twinproof_judge::proofs::Proofs;

use crate::args::Explain;
use crate::problem::{Problem, did_you_mean};
use crate::select::LIST;
use crate::source::Source;

/// How wide lines are, in characters.
const WIDTH: usize = 96;

/// Where values begin.
const INDENT: usize = 12;

pub(crate) fn explain(args: &Explain) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let text = text(&args.id, &source)?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::Conformant)
}

fn text(id: &str, source: &Source) -> Result<String, Problem> {
    let requirements = &source.catalogue.requirements;
    let (entries, rulings) = (source.suite.entries(), &source.catalogue.rulings);
    if let Some(requirement) = requirements.iter().find(|r| r.id.eq_ignore_ascii_case(id)) {
        return Ok(of_requirement(requirement, source));
    }
    if let Some(entry) = entries.iter().find(|entry| entry.id == id) {
        return scenario::text(entry, source);
    }
    if let Some(ruling) = rulings.values().find(|r| r.id.eq_ignore_ascii_case(id)) {
        return Ok(of_ruling(ruling));
    }
    let known = requirements.iter().map(|r| r.id.as_str());
    let known = known.chain(entries.iter().map(|entry| entry.id.as_str()));
    let known = known.chain(rulings.keys().map(String::as_str));
    let names = format!(
        "names look like HLF-TE-005, twinning/enabler/code-works-once or TW-C23, and {LIST}"
    );
    Err(Problem::Usage(format!(
        "there is no requirement, scenario or ruling {id}{}",
        did_you_mean(id, known, &names)
    )))
}

fn of_ruling(ruling: &Ruling) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!(
            "{} · ruling on {}\n{}\n",
            ruling.id, ruling.document, ruling.title
        ),
    );
    field(&mut out, "unclear", &ruling.issue);
    for reading in &ruling.readings {
        field(&mut out, "reading", reading);
    }
    field(&mut out, "ruling", &ruling.ruling);
    let weight = if ruling.disputable {
        "The reading is disputable, so it fails nobody: a breach of it is a warning."
    } else {
        "A breach of it is a failure."
    };
    field(&mut out, "weight", weight);
    if !ruling.requirements.is_empty() {
        field(&mut out, "touches", &ruling.requirements.join(", "));
    }
    out
}

fn of_requirement(requirement: &Requirement, source: &Source) -> String {
    let mut out = String::new();
    let roles: Vec<_> = std::iter::once(&requirement.role)
        .chain(&requirement.also_role)
        .map(String::as_str)
        .collect();
    line(
        &mut out,
        &format!(
            "{} · {} · {} · binds the {}\n{}\n",
            requirement.id,
            requirement.level.name(),
            requirement.status.name(),
            roles.join(" and the "),
            requirement.title
        ),
    );
    field(&mut out, "demands", &requirement.says);
    for part in &requirement.parts {
        field(&mut out, part.level.name(), &part.says);
    }
    field(&mut out, "source", &origin(requirement, &source.catalogue));
    let judged = match requirement.judged_by {
        JudgedBy::Scenarios => "observed",
        JudgedBy::Inspection => "inspect",
        JudgedBy::NotObservable => "not seen",
    };
    field(&mut out, judged, &requirement.observed);
    field(&mut out, "a failure", &requirement.failure);
    for id in &requirement.rulings {
        if let Some(ruling) = source.catalogue.rulings.get(id) {
            let weight = if ruling.disputable {
                " The reading is disputable, so it fails nobody."
            } else {
                ""
            };
            field(
                &mut out,
                id,
                &format!(
                    "{}. {} {}{weight}",
                    ruling.title, ruling.issue, ruling.ruling
                ),
            );
        }
    }
    for overlap in &requirement.overlaps {
        field(
            &mut out,
            "see also",
            &format!("{}: {}", overlap.with, overlap.because),
        );
    }
    if requirement.judged_by == JudgedBy::Scenarios {
        field(&mut out, "proven", &proof(requirement, source));
    }
    scenarios(&mut out, requirement, source);
    out
}

/// What proves its verdicts, and by which systems; or why nothing does.
fn proof(requirement: &Requirement, source: &Source) -> String {
    let proofs = match Proofs::of(&source.features, &requirement.enabler) {
        Ok(proofs) => proofs,
        Err(why) => return why,
    };
    match proofs.proof(&requirement.id) {
        Some(proof) if proof.mutants.is_empty() => proof.to_string(),
        Some(proof) => format!("{proof}; broken: {}", proof.mutants.join(", ")),
        None => "nothing: no system was tried that could".to_owned(),
    }
}

fn scenarios(out: &mut String, requirement: &Requirement, source: &Source) {
    let mut any = false;
    for entry in source.suite.entries() {
        if !entry.described.requirements.contains(&requirement.id) {
            continue;
        }
        any = true;
        let described = &entry.described;
        line(
            out,
            &format!(
                "\n{}\n  {}   {}:{}",
                entry.id, described.title, described.feature, described.line
            ),
        );
        let mut last = "";
        for step in &described.steps {
            let word = if step.kind == last { "And" } else { &step.kind };
            line(out, &format!("    {word:>5} {}", step.text));
            last = &step.kind;
        }
    }
    if any {
        line(
            out,
            &format!("\nrun: twinproof run --requirement {}", requirement.id),
        );
    } else if requirement.judged_by == JudgedBy::Scenarios {
        line(
            out,
            "\nNo scenario of this version judges it: reports say untested.",
        );
    }
}

fn origin(requirement: &Requirement, catalogue: &Catalogue) -> String {
    let document = catalogue
        .documents
        .iter()
        .find(|d| d.id == requirement.document);
    match document {
        Some(document) => format!(
            "{} ({}, {})",
            requirement.clause(),
            document.title,
            document.reference
        ),
        None => requirement.clause(),
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A name and a text that is broken where lines end.
fn field(out: &mut String, name: &str, text: &str) {
    let mut row = format!("  {name:<width$}", width = INDENT - 2);
    let mut fresh = true;
    for word in text.split_whitespace() {
        if !fresh && row.chars().count() + 1 + word.chars().count() > WIDTH {
            line(out, &row);
            row = " ".repeat(INDENT);
            fresh = true;
        }
        if !fresh || !row.ends_with(' ') {
            row.push(' ');
        }
        row.push_str(word);
        fresh = false;
    }
    line(out, row.trim_end());
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, field};

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        let mut out = String::new();
        field(&mut out, "demands", &"word ".repeat(60));
        assert!(out.lines().count() > 2);
        assert!(
            out.lines().all(|line| line.chars().count() <= WIDTH),
            "{out}"
        );
        assert!(
            out.lines()
                .skip(1)
                .all(|line| line.starts_with("            word")),
            "{out}"
        );
    }
}
