//! `twinproof explain`: a requirement for a person who has never read the document.

use std::fmt::Write as _;
use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_judge::catalogue::{Catalogue, JudgedBy, Requirement};

use crate::args::Explain;
use crate::problem::{Problem, did_you_mean};
use crate::source::Source;

/// How wide lines are, in characters.
const WIDTH: usize = 96;

/// Where values begin.
const INDENT: usize = 12;

pub(crate) fn explain(args: &Explain) -> Result<ExitCode, Problem> {
    let source = Source::load(&args.words)?;
    let known = &source.catalogue.requirements;
    let Some(requirement) = known.iter().find(|r| r.id.eq_ignore_ascii_case(&args.id)) else {
        let hint = did_you_mean(&args.id, known.iter().map(|r| r.id.as_str()));
        return Err(Problem::Usage(format!(
            "there is no requirement {}{hint}",
            args.id
        )));
    };
    std::io::stdout().write_all(text(requirement, &source).as_bytes())?;
    Ok(ExitCode::Conformant)
}

fn text(requirement: &Requirement, source: &Source) -> String {
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
    scenarios(&mut out, requirement, source);
    out
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
