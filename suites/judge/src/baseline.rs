//! A list of what is known not to pass, so that a pipeline can gate on what is new.

use std::fmt;

use serde::{Deserialize, Serialize};
use twinproof_evidence::report::{Report, Scenario};
use twinproof_evidence::{ExitCode, Verdict};

/// What an entry accepts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Accepted {
    /// A fail, always.
    Fail,
    /// A fail, sometimes; a pass is no surprise either.
    Flaky,
    /// Something that cannot be found out.
    Inconclusive,
}

/// One thing that is known not to pass.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is accepted.
    pub verdict: Accepted,
    /// The scenario.
    pub scenario: String,
    /// Only this check of it, if named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The requirement that is not met.
    pub requirement: String,
    /// A sentence that says why it is accepted.
    pub why: String,
}

/// The list.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Its entries.
    #[serde(default, rename = "accept")]
    pub entries: Vec<Entry>,
}

/// How a report compares with a baseline.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Weighed {
    /// Scenarios that fail without being listed.
    pub unlisted: Vec<String>,
    /// Scenarios that are inconclusive without being listed.
    pub open: Vec<String>,
    /// What is listed and happens.
    pub accepted: Vec<String>,
    /// What is listed and does not happen any more.
    pub stale: Vec<String>,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    ///
    /// TOML's own errors; an entry whose sentence is empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        let baseline: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        match baseline
            .entries
            .iter()
            .find(|entry| entry.why.trim().is_empty())
        {
            Some(entry) => Err(format!(
                "the entry for {} has no `why`: say in a sentence why it is accepted",
                entry.scenario
            )),
            None => Ok(baseline),
        }
    }

    /// A baseline that accepts what a report shows. Every `why` has to be written by a person.
    pub fn of_report(report: &Report) -> Self {
        let entries = report.scenarios.iter().filter_map(|scenario| {
            let verdict = match scenario.verdict {
                Verdict::Fail => Accepted::Fail,
                Verdict::Inconclusive => Accepted::Inconclusive,
                _ => return None,
            };
            Some(Entry {
                verdict,
                scenario: scenario.id.clone(),
                check: None,
                requirement: scenario.requirements.first().cloned().unwrap_or_default(),
                why: format!("to be explained: {}", scenario.reason),
            })
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// The text of this baseline.
    pub fn text(&self) -> String {
        let body = toml::to_string_pretty(self).unwrap_or_default();
        format!(
            "# What is known not to pass. Replace every `why` by the reason why it is accepted.\n\n{body}"
        )
    }

    /// Compares a report with the list.
    pub fn weigh(&self, report: &Report) -> Weighed {
        let mut weighed = Weighed::default();
        for scenario in &report.scenarios {
            let listed = self.entries.iter().any(|entry| entry.covers(scenario));
            match (scenario.verdict, listed) {
                (Verdict::Fail, false) => weighed.unlisted.push(scenario.id.clone()),
                (Verdict::Inconclusive, false) => weighed.open.push(scenario.id.clone()),
                (Verdict::Fail | Verdict::Inconclusive, true) => {
                    weighed.accepted.push(scenario.id.clone())
                }
                _ => {}
            }
        }
        for entry in &self.entries {
            let judged = report
                .scenarios
                .iter()
                .find(|scenario| scenario.id == entry.scenario);
            let gone = match judged {
                // A filtered run says nothing of what it left out.
                None => !report.summary.filtered,
                Some(scenario) => {
                    entry.verdict != Accepted::Flaky
                        && matches!(
                            scenario.verdict,
                            Verdict::Pass | Verdict::Warning | Verdict::Inspect
                        )
                }
            };
            if gone {
                weighed.stale.push(entry.scenario.clone());
            }
        }
        weighed
    }
}

impl Entry {
    fn covers(&self, scenario: &Scenario) -> bool {
        let kind = match self.verdict {
            Accepted::Fail | Accepted::Flaky => scenario.verdict == Verdict::Fail,
            Accepted::Inconclusive => scenario.verdict == Verdict::Inconclusive,
        };
        let only_that_check = self.check.as_ref().is_none_or(|check| {
            scenario
                .findings
                .iter()
                .filter(|f| f.verdict == scenario.verdict)
                .all(|f| &f.check == check)
        });
        self.scenario == scenario.id && kind && only_that_check
    }
}

impl Weighed {
    /// How a process ends that gates on the baseline: 1 > 70 > 3 > 5 > 0.
    pub fn exit_code(&self, report: &Report) -> ExitCode {
        if !self.unlisted.is_empty() {
            ExitCode::Fails
        } else if report.summary.scenarios.error > 0 {
            ExitCode::OurFault
        } else if !self.open.is_empty() || !report.summary.contact || report.summary.cut.is_some() {
            ExitCode::Incomplete
        } else if !self.stale.is_empty() {
            ExitCode::StaleBaseline
        } else {
            ExitCode::Conformant
        }
    }
}

impl fmt::Display for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [
            ("fails and is not in the baseline", &self.unlisted),
            ("inconclusive and not in the baseline", &self.open),
            ("accepted by the baseline", &self.accepted),
            (
                "in the baseline, but does not happen any more; remove it",
                &self.stale,
            ),
        ];
        for (what, ids) in groups {
            for id in ids {
                writeln!(f, "  {id}  {what}")?;
            }
        }
        Ok(())
    }
}
