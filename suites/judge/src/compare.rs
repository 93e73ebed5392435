//! Two reports side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use twinproof_evidence::Verdict;
use twinproof_evidence::report::{Change, Finding, Rejudged, Report, Scenario};

/// What is different between two reports.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// What was judged, and by what: these explain the rest.
    pub circumstances: Vec<String>,
    /// What fails in the newer report and did not in the older one.
    pub newly_failing: Vec<Change>,
    /// What passes in the newer report and did not in the older one.
    pub newly_passing: Vec<Change>,
    /// What was found out in the older report, and was no fail there, and is not known in the newer one.
    pub no_longer_judged: Vec<Change>,
    /// What else changed its verdict.
    pub changed: Vec<Change>,
    /// Requirements and scenarios that only the newer report knows.
    pub added: Vec<Change>,
    /// Requirements and scenarios that only the older report knows.
    pub removed: Vec<Change>,
}

impl Difference {
    /// What moved from `before` to `after`.
    pub fn between(before: &Report, after: &Report) -> Self {
        let mut difference = Self {
            circumstances: circumstances(before, after),
            ..Self::default()
        };
        for change in moved(&verdicts(before), &verdicts(after)) {
            let group = match (change.before, change.after) {
                (None, _) => &mut difference.added,
                (_, None) => &mut difference.removed,
                (_, Some(Verdict::Fail)) => &mut difference.newly_failing,
                (_, Some(Verdict::Pass)) => &mut difference.newly_passing,
                _ if is_loss(&change) => &mut difference.no_longer_judged,
                _ => &mut difference.changed,
            };
            group.push(change);
        }
        difference
    }

    /// Whether something got worse: it fails now and did not, or is new and fails; or it was good and
    /// nobody knows any more whether it is. A pass that is not judged any more is no pass.
    pub fn is_regression(&self) -> bool {
        !self.newly_failing.is_empty()
            || !self.no_longer_judged.is_empty()
            || self.added.iter().any(|c| c.after == Some(Verdict::Fail))
            || self.removed.iter().any(is_loss)
    }
}

/// Whether something was found out, and did not fail, and is not known any more.
fn is_loss(change: &Change) -> bool {
    let was_good = matches!(
        change.before,
        Some(Verdict::Pass | Verdict::Warning | Verdict::Inspect)
    );
    let is_known = matches!(
        change.after,
        Some(Verdict::Fail | Verdict::Pass | Verdict::Warning | Verdict::Inspect)
    );
    was_good && !is_known
}

/// What a report that was made anew from the same record says otherwise than the one before. Where it
/// says the same, what that one said of its own predecessor stands.
pub fn rejudged(before: &Report, after: &Report) -> Option<Rejudged> {
    let mut changes = moved(&verdicts(before), &verdicts(after));
    for scenario in &after.scenarios {
        let Some(was) = before.scenarios.iter().find(|s| s.id == scenario.id) else {
            continue;
        };
        // Of a scenario of which nothing is left, the whole says it.
        if scenario.findings.is_empty() && was.verdict != scenario.verdict {
            continue;
        }
        let parts = moved(&parts(was), &parts(scenario));
        changes.extend(parts.into_iter().map(|change| {
            let reason = match change.after {
                None => "the suite does not ask for it".to_owned(),
                Some(_) => change.reason,
            };
            Change {
                id: scenario.id.clone(),
                part: Some(change.id),
                reason,
                ..change
            }
        }));
    }
    if changes.is_empty() {
        return before.rejudged.clone();
    }
    Some(Rejudged {
        tool: before.tool.clone(),
        suite_sha256: before.suite_sha256.clone(),
        changes,
    })
}

/// A verdict and its reason, by what it is said of.
type Said = BTreeMap<String, (Verdict, String)>;

fn moved(old: &Said, new: &Said) -> Vec<Change> {
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    ids.into_iter()
        .map(|id| {
            let (was, is) = (old.get(id), new.get(id));
            Change {
                id: id.clone(),
                part: None,
                before: was.map(|(verdict, _)| *verdict),
                after: is.map(|(verdict, _)| *verdict),
                reason: is.map(|(_, reason)| reason.clone()).unwrap_or_default(),
            }
        })
        .filter(|change| change.before != change.after)
        .collect()
}

fn verdicts(report: &Report) -> Said {
    let requirements = report.requirements.iter();
    let requirements = requirements.map(|r| (r.id.clone(), (r.verdict, r.reason.clone())));
    let scenarios = report.scenarios.iter();
    let scenarios = scenarios.map(|s| (s.id.clone(), (s.verdict, s.reason.clone())));
    requirements.chain(scenarios).collect()
}

/// What each check of a scenario found. A step may ask for the same one several times.
fn parts(scenario: &Scenario) -> Said {
    let mut said = Said::new();
    let name = |finding: &Finding| {
        let step = scenario.steps.get(finding.step);
        let step = step.map_or("", |step| step.text.as_str());
        format!("\u{201c}{step}\u{201d} {}", finding.check)
    };
    for (number, finding) in scenario.findings.iter().enumerate() {
        let name_of_this = name(finding);
        let earlier = scenario.findings[..number].iter();
        let part = match earlier.filter(|other| name(other) == name_of_this).count() {
            0 => name_of_this,
            n => format!("{name_of_this} ({})", n + 1),
        };
        let reason = match finding.verdict {
            Verdict::Pass => String::new(),
            _ => format!("expected {}; got {}", finding.expected, finding.got),
        };
        said.insert(part, (finding.verdict, reason));
    }
    said
}

fn circumstances(before: &Report, after: &Report) -> Vec<String> {
    let facts = [
        ("system", before.sut.name.as_str(), after.sut.name.as_str()),
        ("version", &before.sut.version, &after.sut.version),
        (
            "profile",
            &before.sut.profile_sha256,
            &after.sut.profile_sha256,
        ),
        ("suite", &before.suite_sha256, &after.suite_sha256),
        ("tool", &before.tool.version, &after.tool.version),
        ("stage", &before.stage, &after.stage),
    ];
    let mut lines: Vec<String> = facts
        .iter()
        .filter(|(_, old, new)| old != new)
        .map(|(what, old, new)| format!("{what}: {} → {}", short(old), short(new)))
        .collect();
    if before.seed != after.seed {
        lines.push(format!("seed: {} → {}", before.seed, after.seed));
    }
    if before.repeat != after.repeat {
        lines.push(format!("repeat: {} → {}", before.repeat, after.repeat));
    }
    let selection = |report: &Report| match report.summary.filtered {
        true => "filtered",
        false => "all",
    };
    if before.summary.filtered != after.summary.filtered {
        let (old, new) = (selection(before), selection(after));
        lines.push(format!("scenarios: {old} → {new}"));
    }
    lines
}

/// The head of a digest, the whole of anything else.
fn short(text: &str) -> &str {
    let is_digest = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match text {
        "" => "(none)",
        _ if is_digest => &text[..12],
        _ => text,
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut quiet = true;
        if !self.circumstances.is_empty() {
            quiet = false;
            writeln!(f, "circumstances")?;
            for line in &self.circumstances {
                writeln!(f, "  {line}")?;
            }
        }
        let groups = [
            ("newly failing", &self.newly_failing),
            ("newly passing", &self.newly_passing),
            ("no longer judged", &self.no_longer_judged),
            ("changed", &self.changed),
            ("added", &self.added),
            ("removed", &self.removed),
        ];
        for (title, changes) in groups
            .into_iter()
            .filter(|(_, changes)| !changes.is_empty())
        {
            quiet = false;
            writeln!(f, "{title} ({})", changes.len())?;
            for change in changes {
                let name = |verdict: Option<Verdict>| verdict.map_or("–", Verdict::name);
                write!(
                    f,
                    "  {}  {} → {}",
                    change.id,
                    name(change.before),
                    name(change.after)
                )?;
                if !change.reason.is_empty() {
                    write!(f, "  {}", change.reason)?;
                }
                writeln!(f)?;
            }
        }
        if quiet {
            writeln!(f, "no difference")?;
        }
        Ok(())
    }
}
