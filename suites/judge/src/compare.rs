//! Two reports side by side.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use twinproof_evidence::Verdict;
use twinproof_evidence::report::Report;

/// How one requirement or scenario moved.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// Its id.
    pub id: String,
    /// What the older report says; none if it does not know it.
    pub before: Option<Verdict>,
    /// What the newer report says; none if it does not know it.
    pub after: Option<Verdict>,
    /// The newer report's reason.
    pub reason: String,
}

/// What is different between two reports.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// What was judged, and by what: these explain the rest.
    pub circumstances: Vec<String>,
    /// What failed in the newer report only.
    pub newly_failing: Vec<Change>,
    /// What failed in the older report only.
    pub newly_passing: Vec<Change>,
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
        let (old, new) = (verdicts(before), verdicts(after));
        for (id, (verdict, reason)) in &new {
            let change = Change {
                id: (*id).to_owned(),
                before: old.get(id).map(|(verdict, _)| *verdict),
                after: Some(*verdict),
                reason: (*reason).to_owned(),
            };
            match change.before {
                None => difference.added.push(change),
                Some(was) if was == *verdict => {}
                Some(_) if *verdict == Verdict::Fail => difference.newly_failing.push(change),
                Some(Verdict::Fail) if *verdict == Verdict::Pass => {
                    difference.newly_passing.push(change)
                }
                Some(_) => difference.changed.push(change),
            }
        }
        for (id, (verdict, _)) in &old {
            if !new.contains_key(id) {
                difference.removed.push(Change {
                    id: (*id).to_owned(),
                    before: Some(*verdict),
                    after: None,
                    reason: String::new(),
                });
            }
        }
        difference
    }

    /// Whether something got worse: it fails now and did not, or it is new and fails.
    pub fn is_regression(&self) -> bool {
        !self.newly_failing.is_empty() || self.added.iter().any(|c| c.after == Some(Verdict::Fail))
    }
}

fn verdicts(report: &Report) -> BTreeMap<&str, (Verdict, &str)> {
    let requirements = report
        .requirements
        .iter()
        .map(|r| (r.id.as_str(), (r.verdict, r.reason.as_str())));
    let scenarios = report
        .scenarios
        .iter()
        .map(|s| (s.id.as_str(), (s.verdict, s.reason.as_str())));
    requirements.chain(scenarios).collect()
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
