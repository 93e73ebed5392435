//! A list of what is known not to pass, so that a pipeline can gate on what is new.

use twinproof_evidence::Verdict;
use twinproof_evidence::baseline::{Accepted, Baseline, Entry, Gate, Stale};
use twinproof_evidence::report::{Finding, Report, Scenario};

use crate::scenario::unjudged;

/// Reads a baseline.
///
/// # Errors
///
/// TOML's own errors; an entry without a sentence that says why, or that names neither a scenario nor
/// a check.
pub fn parse(text: &str) -> Result<Baseline, String> {
    let baseline: Baseline = toml::from_str(text).map_err(|e| e.to_string())?;
    for (number, entry) in (1..).zip(&baseline.entries) {
        let name = named(entry);
        if name.is_empty() {
            return Err(format!(
                "entry {number} names neither a `scenario` nor a `check`: it would accept everything"
            ));
        }
        if entry.why.trim().is_empty() {
            return Err(format!(
                "the entry for {name} has no `why`: say in a sentence why it is accepted"
            ));
        }
    }
    Ok(baseline)
}

/// What an entry is about, in words.
pub fn named(entry: &Entry) -> String {
    let names = [entry.scenario.as_deref(), entry.check.as_deref()];
    names.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A baseline that accepts what a report shows. Every `why` has to be written by a person.
pub fn of_report(report: &Report) -> Baseline {
    let entries = report.scenarios.iter().filter_map(|scenario| {
        let verdict = match scenario.verdict {
            Verdict::Fail | Verdict::Inconclusive if scenario.is_flaky() => Accepted::Flaky,
            Verdict::Fail => Accepted::Fail,
            Verdict::Inconclusive => Accepted::Inconclusive,
            _ => return None,
        };
        Some(Entry {
            verdict,
            scenario: Some(scenario.id.clone()),
            check: None,
            requirement: scenario.requirements.first().cloned().unwrap_or_default(),
            why: format!("to be explained: {}", scenario.reason),
        })
    });
    Baseline {
        entries: entries.collect(),
    }
}

/// The text of a baseline.
pub fn text(baseline: &Baseline) -> String {
    let body = toml::to_string_pretty(baseline).unwrap_or_default();
    format!(
        "# What is known not to pass. Replace every `why` by the reason why it is accepted.\n\n{body}"
    )
}

/// Writes into a report what a baseline accepts of it, and what of the baseline is out of date.
pub fn weigh(baseline: &Baseline, report: &mut Report) {
    let mut used = vec![false; baseline.entries.len()];
    for scenario in &mut report.scenarios {
        let excuses = excuses(&baseline.entries, scenario);
        scenario.accepted = excuses
            .iter()
            .map(|number| baseline.entries[*number].why.clone())
            .collect();
        for number in excuses {
            used[number] = true;
        }
    }
    let unused = baseline.entries.iter().zip(used).filter(|(_, used)| !used);
    let stale = unused.filter_map(|(entry, _)| {
        let now = contradiction(entry, report)?;
        let entry = entry.clone();
        Some(Stale { entry, now })
    });
    report.baseline = Some(Gate {
        entries: baseline.entries.len(),
        stale: stale.collect(),
    });
}

/// The entries that together accept a scenario's verdict; none if something of it is not accepted.
fn excuses(entries: &[Entry], scenario: &Scenario) -> Vec<usize> {
    let concerning = || {
        let numbered = entries.iter().enumerate();
        numbered.filter(|(_, entry)| {
            concerns(entry, scenario)
                && match entry.verdict {
                    Accepted::Fail => scenario.verdict == Verdict::Fail,
                    Accepted::Flaky => {
                        matches!(scenario.verdict, Verdict::Fail | Verdict::Inconclusive)
                    }
                    Accepted::Inconclusive => scenario.verdict == Verdict::Inconclusive,
                }
        })
    };
    if let Some((whole, _)) = concerning().find(|(_, entry)| entry.check.is_none()) {
        return vec![whole];
    }
    // Who accepts a check has not accepted what the scenario did not come to.
    if !is_judged_to_its_end(scenario) {
        return Vec::new();
    }
    let mut numbers = Vec::new();
    for finding in grave(scenario) {
        let listed = concerning().find(|(_, entry)| entry.check.as_ref() == Some(&finding.check));
        match listed {
            Some((number, _)) if numbers.contains(&number) => {}
            Some((number, _)) => numbers.push(number),
            None => return Vec::new(),
        }
    }
    numbers
}

/// The findings that the scenario has its verdict from.
fn grave(scenario: &Scenario) -> impl Iterator<Item = &Finding> {
    let verdict = scenario.verdict;
    scenario
        .findings
        .iter()
        .filter(move |f| f.verdict == verdict)
}

/// Whether every step that judges was performed.
fn is_judged_to_its_end(scenario: &Scenario) -> bool {
    let mut unjudged = unjudged(&scenario.steps, &scenario.findings);
    unjudged.next().is_none()
}

/// What a run shows that an entry contradicts. What it did not find out contradicts nothing.
fn contradiction(entry: &Entry, report: &Report) -> Option<String> {
    // A filtered run says nothing of what it left out, and a cut one nothing of the rest.
    let whole = !report.summary.filtered && report.summary.cut.is_none();
    let scenario = |id: &String| report.scenarios.iter().find(|s| s.id == *id);
    match (&entry.scenario, entry.scenario.as_ref().and_then(scenario)) {
        (Some(id), None) => whole.then(|| format!("the run has no scenario {id}")),
        (_, Some(scenario)) if !scenario.requirements.contains(&entry.requirement) => Some(
            format!("{} does not judge {}", scenario.id, entry.requirement),
        ),
        _ if entry.verdict == Accepted::Flaky => None,
        (_, Some(scenario)) if passes(scenario.verdict) => {
            Some(format!("{} comes to: {}", scenario.id, scenario.verdict))
        }
        (scenario, _) => {
            let check = entry.check.as_ref()?;
            let looked = report.scenarios.iter().filter(|s| concerns(entry, s));
            if scenario.is_some() && !looked.clone().all(is_judged_to_its_end) {
                return None;
            }
            let mut findings = looked
                .flat_map(|scenario| &scenario.findings)
                .filter(|finding| finding.check == *check)
                .peekable();
            match findings.peek() {
                Some(_) => findings
                    .all(|finding| passes(finding.verdict))
                    .then(|| format!("{check} finds nothing wrong")),
                None => whole.then(|| format!("no check {check} was made")),
            }
        }
    }
}

/// Whether nothing stays open.
fn passes(verdict: Verdict) -> bool {
    !matches!(
        verdict,
        Verdict::Fail | Verdict::Error | Verdict::Inconclusive
    )
}

/// Whether an entry speaks of this scenario, whatever came of it.
fn concerns(entry: &Entry, scenario: &Scenario) -> bool {
    entry.scenario.as_ref().is_none_or(|id| *id == scenario.id)
        && scenario.requirements.contains(&entry.requirement)
}
