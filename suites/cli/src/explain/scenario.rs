//! What a scenario sends, and what it judges: asked of a run of it.

use std::sync::Arc;

use twinproof_conformance::suite::Entry;
use twinproof_conformance::{Run, Target, perform, subscribers_needed};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::Step;
use twinproof_evidence::report::{Exchange, Finding, Scenario};
use twinproof_formats::count;
use twinproof_judge::judge;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_stage::Kind;
use twinproof_twinning::enabler::rules::Standard;

use super::{field, line};
use crate::problem::Problem;
use crate::run::tool;
use crate::source::Source;

/// What tells a reader how a scenario is performed, by its tag.
const TAGS: [(&str, &str); 3] = [
    ("advice", "what it judges is advice: a breach is a warning"),
    ("exclusive", "it has the system for itself meanwhile"),
    (
        "inspect",
        "what it puts on record is for a person to inspect",
    ),
];

pub(super) fn text(entry: &Entry, source: &Source) -> Result<String, Problem> {
    let described = &entry.described;
    let mut out = String::new();
    line(
        &mut out,
        &format!(
            "{} · {}:{}\n{}\n",
            entry.id, described.feature, described.line, described.title
        ),
    );
    for id in &described.requirements {
        if let Some(requirement) = source.catalogue.requirement(id) {
            let level = requirement.level.name();
            field(
                &mut out,
                "judges",
                &format!("{id} ({level}): {}", requirement.title),
            );
        }
    }
    let devices = subscribers_needed(described, None);
    field(&mut out, "needs", &count(devices, "provisioned subscriber"));
    for (tag, says) in TAGS {
        if described.tags.iter().any(|own| own == tag) {
            field(&mut out, &format!("@{tag}"), says);
        }
    }
    let seen = rehearsed(entry, source)?;
    let steps = seen.as_ref().map_or(&described.steps, |seen| &seen.steps);
    let mut last = "";
    for (number, Step { kind, text, .. }) in steps.iter().enumerate() {
        let word = if kind == last { "And" } else { kind };
        line(&mut out, &format!("\n    {word:>5} {text}"));
        last = kind;
        if let Some(seen) = &seen {
            let during = |exchange: &&Exchange| exchange.step == Some(number);
            seen.exchanges
                .iter()
                .filter(during)
                .for_each(|exchange| sent(&mut out, exchange));
            let findings = seen
                .findings
                .iter()
                .filter(|finding| finding.step == number);
            findings.for_each(|finding| judged(&mut out, finding));
        }
    }
    if seen.is_some() {
        line(
            &mut out,
            "\nThe messages (→) and checks (✓) are those of this scenario against the built-in system.",
        );
    }
    line(
        &mut out,
        &format!("\nrun: twinproof run --scenario {}", entry.id),
    );
    Ok(out)
}

fn sent(out: &mut String, exchange: &Exchange) {
    let Exchange {
        from,
        to,
        line: sent,
        answer,
        ..
    } = exchange;
    let answer = answer
        .as_ref()
        .map_or_else(String::new, |answer| format!(" → {}", answer.status));
    line(
        out,
        &format!(
            "          → {from} to {to}: {}{answer}",
            without_origin(sent)
        ),
    );
}

fn judged(
    out: &mut String,
    Finding {
        check, expected, ..
    }: &Finding,
) {
    line(out, &format!("          ✓ {check}: {expected}"));
}

/// A request line without what is the same in all of them.
fn without_origin(sent: &str) -> String {
    let Some((method, url)) = sent.split_once(' ') else {
        return sent.to_owned();
    };
    let path = url
        .split_once("://")
        .and_then(|(_, rest)| Some(&rest[rest.find('/')?..]));
    format!("{method} {}", path.unwrap_or(url))
}

/// The scenario as the built-in system meets it, without a socket; none where no system of its enabler
/// is built in.
fn rehearsed(entry: &Entry, source: &Source) -> Result<Option<Scenario>, Problem> {
    let target = Target::BuiltIn(Arc::new(TwinningSystem::new(Arc::new(Standard))));
    if !target
        .profile()
        .profile
        .enablers()
        .contains(&entry.enabler.as_str())
    {
        return Ok(None);
    }
    let ledger = Ledger::in_memory();
    let run = Run {
        selected: vec![entry.id.clone()],
        ..Run::new(
            target,
            Kind::Virtual,
            Arc::clone(&source.suite),
            ledger.clone(),
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    runtime.block_on(perform(&run));
    let events = ledger
        .read_back()
        .map_err(|error| Problem::Ours(format!("the ledger cannot be read back: {error}")))?;
    let report = judge(&events, &source.catalogue, tool()).map_err(Problem::Ours)?;
    Ok(report
        .scenarios
        .into_iter()
        .find(|scenario| scenario.id == entry.id))
}
