//! One filter language for all commands.

use std::collections::BTreeSet;
use std::time::Duration;

use twinproof_conformance::suite::Entry;
use twinproof_evidence::Verdict;
use twinproof_evidence::report::Report;
use twinproof_formats::count;
use twinproof_judge::catalogue::Requirement;
use twinproof_judge::profile::Profile;
use twinproof_judge::waiting;

use crate::args::Filter;
use crate::problem::{Problem, did_you_mean};
use crate::source::Source;

impl Filter {
    /// Whether it lets everything through.
    pub(crate) const fn is_empty(&self) -> bool {
        self.enabler.is_empty()
            && self.requirement.is_empty()
            && self.scenario.is_empty()
            && self.tag.is_empty()
    }

    /// The scenarios that it lets through, in the suite's order.
    pub(crate) fn scenarios<'a>(&self, source: &'a Source) -> Result<Vec<&'a Entry>, Problem> {
        self.verify(source)?;
        Ok(source
            .suite
            .entries()
            .iter()
            .filter(|entry| self.lets_through(entry))
            .collect())
    }

    /// The requirements that it lets through: by their own names, or by their scenarios.
    pub(crate) fn requirements<'a>(
        &self,
        source: &'a Source,
    ) -> Result<Vec<&'a Requirement>, Problem> {
        let scenarios = self.scenarios(source)?;
        let by_scenario = !self.scenario.is_empty() || !self.tag.is_empty();
        Ok(source
            .catalogue
            .requirements
            .iter()
            .filter(|r| self.enabler.is_empty() || self.enabler.contains(&r.enabler))
            .filter(|r| self.requirement.is_empty() || names(&self.requirement, &r.id))
            .filter(|r| {
                !by_scenario
                    || scenarios
                        .iter()
                        .any(|s| s.described.requirements.contains(&r.id))
            })
            .collect())
    }

    fn lets_through(&self, entry: &Entry) -> bool {
        let described = &entry.described;
        (self.enabler.is_empty() || self.enabler.contains(&entry.enabler))
            && (self.requirement.is_empty()
                || described
                    .requirements
                    .iter()
                    .any(|id| names(&self.requirement, id)))
            && (self.scenario.is_empty() || self.scenario.iter().any(|id| is_at(&entry.id, id)))
            && (self.tag.is_empty() || self.tag.iter().any(|tag| is_tagged(entry, tag)))
    }

    /// A name that means nothing is a slip of the pen; half a selection would hide it.
    fn verify(&self, source: &Source) -> Result<(), Problem> {
        let entries = source.suite.entries();
        for id in &self.requirement {
            let known = source.catalogue.requirements.iter().map(|r| r.id.as_str());
            if !known.clone().any(|known| known.eq_ignore_ascii_case(id)) {
                let hint = did_you_mean(id, known, LIST);
                return Err(Problem::Nothing(format!(
                    "there is no requirement {id}{hint}"
                )));
            }
        }
        for id in &self.scenario {
            if !entries.iter().any(|entry| is_at(&entry.id, id)) {
                let hint = did_you_mean(id, entries.iter().map(|entry| entry.id.as_str()), LIST);
                return Err(Problem::Nothing(format!("there is no scenario {id}{hint}")));
            }
        }
        for tag in &self.tag {
            if !entries.iter().any(|entry| is_tagged(entry, tag)) {
                let tags = tags(source);
                let all = format!("there are {}", tags.join(", "));
                let known = tags.iter().map(String::as_str);
                let hint = did_you_mean(tag.trim_start_matches('@'), known, &all);
                return Err(Problem::Nothing(format!(
                    "no scenario has the tag {tag}{hint}"
                )));
            }
        }
        Ok(())
    }

    /// Why it lets no scenario through, although all its names are known.
    pub(crate) fn nothing(&self, source: &Source) -> Problem {
        let entries = source.suite.entries();
        let missing = |name: &&String| !entries.iter().any(|entry| entry.enabler == **name);
        if !self.enabler.is_empty() && self.enabler.iter().all(|name| missing(&name)) {
            return Problem::Nothing(source.without_scenarios(&self.enabler));
        }
        let unjudged = |id: &&String| {
            let mut judged = entries.iter().flat_map(|e| &e.described.requirements);
            !judged.any(|judged| judged.eq_ignore_ascii_case(id))
        };
        if let [id] = self.requirement.as_slice()
            && unjudged(&id)
        {
            return Problem::Nothing(format!(
                "{id} is in the catalogue, and no scenario judges it; `twinproof explain {id}` says more"
            ));
        }
        Problem::Nothing(
            "no scenario matches all filters; `twinproof list` takes the same ones".to_owned(),
        )
    }
}

/// Where all names are.
pub(crate) const LIST: &str = "`twinproof list` names them";

/// What scenarios are tagged with beside ids and requirements.
fn tags(source: &Source) -> Vec<String> {
    let tags = source
        .suite
        .entries()
        .iter()
        .flat_map(|e| &e.described.tags);
    let own = tags.filter(|tag| !tag.starts_with("id:"));
    let own = own.filter(|tag| source.catalogue.requirement(tag).is_none());
    let known: BTreeSet<_> = own.cloned().collect();
    known.into_iter().collect()
}

fn names(wanted: &[String], id: &str) -> bool {
    wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(id))
}

/// Whether a scenario is the one named, or stands below the folder named.
fn is_at(id: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_end_matches('/');
    id.strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_tagged(entry: &Entry, tag: &str) -> bool {
    let tag = tag.trim_start_matches('@');
    let slow = tag == waiting::TAG && waiting::said(&entry.described.tags).is_some();
    slow || entry.described.tags.iter().any(|own| own == tag)
}

/// What scenarios wait in all for timers that standards fix, with the system of this profile; none if
/// nothing does.
pub(crate) fn waiting<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    profile: &Profile,
) -> Option<String> {
    let waits: Vec<_> = entries
        .into_iter()
        .filter_map(|e| waiting::waiting(&e.id, &e.described.tags, profile))
        .collect();
    let span = waits.iter().sum::<Duration>().as_secs();
    (span > 0).then(|| {
        format!(
            "{} {} {} s in all for timers that standards fix; a clock hook spares that, and \
             --skip-slow leaves them out",
            count(waits.len(), "scenario"),
            if waits.len() == 1 { "waits" } else { "wait" },
            span
        )
    })
}

/// What a profile leaves of a selection: the enablers that it describes, without what it does not claim.
pub(crate) fn applicable<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    profile: &Profile,
) -> Vec<&'a Entry> {
    entries
        .into_iter()
        .filter(|entry| {
            let described = &entry.described;
            profile.applies(&entry.id, &described.tags, &described.requirements)
        })
        .collect()
}

/// Why nothing of a selection applies to a profile.
pub(crate) fn nothing_applies(profile: &Profile, source: &Source) -> Problem {
    let described: Vec<String> = profile.enablers().iter().map(|&e| e.to_owned()).collect();
    let entries = source.suite.entries();
    let any = entries
        .iter()
        .any(|entry| described.contains(&entry.enabler));
    Problem::Nothing(if any {
        format!(
            "the profile describes {}, and nothing of what the filters let through applies to it",
            described.join(" and ")
        )
    } else {
        source.without_scenarios(&described)
    })
}

/// Whether a report leaves a scenario to be run: it failed there, was not judged, or is new.
pub(crate) fn is_due(report: &Report, id: &str) -> bool {
    match report.scenarios.iter().find(|scenario| scenario.id == id) {
        None => true,
        Some(scenario) => match scenario.verdict {
            Verdict::Error | Verdict::Fail | Verdict::Inconclusive | Verdict::Untested => true,
            Verdict::Inspect | Verdict::NotApplicable | Verdict::Pass | Verdict::Warning => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::is_at;

    #[test]
    fn a_folder_stands_for_what_is_below_it() {
        for (wanted, is) in [
            ("twinning/enabler/code-works-once", true),
            ("twinning/enabler", true),
            ("twinning/enabler/", true),
            ("twinning", true),
            ("twinning/en", false),
            ("twinning/enabler/code-works", false),
        ] {
            assert_eq!(
                is_at("twinning/enabler/code-works-once", wanted),
                is,
                "{wanted}"
            );
        }
    }
}
