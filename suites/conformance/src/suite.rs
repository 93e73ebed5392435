//! The features: parsed, named, and checked before anything runs.

use std::collections::{BTreeMap, BTreeSet};

use cucumber::gherkin::{Feature, GherkinEnv, Scenario, StepType};
use twinproof_evidence::record::{SceneStarted, Step};
use twinproof_judge::Features;
use twinproof_judge::catalogue::{
    Catalogue, JudgedBy, ROLE_TAG, ROLES, Requirement, Status, role_of,
};
use twinproof_judge::condition::conditions;
use twinproof_judge::waiting;
use twinproof_lwm2m::wire::Version;

use crate::world::STEPS;

/// The tag of a scenario in which the clock of the system moves, or time is waited for. Where the
/// profile has a hook that moves the clock, such a scenario is alone with the system.
pub(crate) const TIME_PASSES: &str = "time-passes";

/// A scenario and where it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its permanent id, for example `twinning/enabler/code-works-once`.
    pub id: String,
    /// Its enabler.
    pub enabler: String,
    /// What the ledger says of it.
    pub described: SceneStarted,
    feature: usize,
    scenario: usize,
}

/// All features.
#[derive(Clone, Debug)]
pub struct Suite {
    features: Vec<Feature>,
    entries: Vec<Entry>,
    /// Feature file → line → place in `entries`.
    lines: BTreeMap<String, BTreeMap<usize, usize>>,
}

/// What is wrong with the features. Nothing is run then.
#[derive(Debug, thiserror::Error)]
#[error("features/{file}{}: {why}", .line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct SuiteError {
    /// The feature file, or the folder of an enabler.
    pub file: String,
    /// The line, if it is one line.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub why: String,
}

impl Suite {
    /// Reads all features below a folder and checks them against the steps and the catalogue.
    ///
    /// # Errors
    ///
    /// A feature that does not parse, a step that nobody or more than one defines, a scenario
    /// without an id of its own, a tag that looks like a requirement and is none, or a requirement
    /// that scenarios should judge and none does although its enabler's folder exists. The last is
    /// no error where scenarios stand on a catalogue that they did not bring.
    pub fn load(features: &Features, catalogue: &Catalogue) -> Result<Self, Vec<SuiteError>> {
        let mut suite = Self {
            features: Vec::new(),
            entries: Vec::new(),
            lines: BTreeMap::new(),
        };
        let mut errors = Vec::new();
        for (name, contents) in features.scenarios() {
            let parsed = std::str::from_utf8(contents)
                .map_err(|error| error.to_string())
                .and_then(|text| {
                    Feature::parse(text, GherkinEnv::default()).map_err(|error| error.to_string())
                });
            match parsed {
                Ok(mut feature) => {
                    feature.path = Some(name.into());
                    suite.add(name, feature, catalogue, &mut errors);
                }
                Err(error) => errors.push(SuiteError {
                    file: name.to_owned(),
                    line: Some(1),
                    why: error,
                }),
            }
        }
        if errors.is_empty() && features.is_whole() {
            errors = suite.uncovered(catalogue);
        }
        if errors.is_empty() {
            Ok(suite)
        } else {
            Err(errors)
        }
    }

    /// All scenarios, in the order of their files.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The scenario that stands at this line of this feature file.
    pub(crate) fn entry_at(&self, file: &str, line: usize) -> Option<&Entry> {
        let place = self.lines.get(file)?.get(&line)?;
        self.entries.get(*place)
    }

    /// The features with only those scenarios in them.
    pub(crate) fn only(&self, ids: &[String]) -> Vec<Feature> {
        let mut kept: BTreeMap<usize, Vec<&Scenario>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| ids.contains(&entry.id)) {
            kept.entry(entry.feature)
                .or_default()
                .push(&self.features[entry.feature].scenarios[entry.scenario]);
        }
        kept.into_iter()
            .map(|(feature, scenarios)| Feature {
                scenarios: scenarios.into_iter().cloned().collect(),
                ..self.features[feature].clone()
            })
            .collect()
    }

    fn add(
        &mut self,
        file: &str,
        feature: Feature,
        catalogue: &Catalogue,
        errors: &mut Vec<SuiteError>,
    ) {
        let stem = file.trim_end_matches(".feature").to_owned();
        let enabler = file.split('/').next().unwrap_or_default().to_owned();
        let background: Vec<_> = feature
            .background
            .iter()
            .flat_map(|b| b.steps.clone())
            .collect();
        for rule in &feature.rules {
            errors.push(SuiteError {
                file: file.to_owned(),
                line: Some(rule.position.line),
                why: format!(
                    "the rule {:?} would hide its scenarios; write them into the feature itself",
                    rule.name
                ),
            });
        }
        for (number, scenario) in feature.scenarios.iter().enumerate() {
            let line = scenario.position.line;
            let mut fault = |line: usize, why: String| {
                errors.push(SuiteError {
                    file: file.to_owned(),
                    line: Some(line),
                    why,
                })
            };
            let tags: Vec<String> = feature.tags.iter().chain(&scenario.tags).cloned().collect();
            let Some(slug) = tags.iter().find_map(|tag| tag.strip_prefix("id:")) else {
                fault(
                    line,
                    format!(
                        "scenario {:?} has no @id: tag; give it a name that will never change",
                        scenario.name
                    ),
                );
                continue;
            };
            let id = format!("{stem}/{slug}");
            if let Some(twice) = self.entries.iter().find(|entry| entry.id == id) {
                fault(
                    line,
                    format!(
                        "the id {id} is already taken by {:?}",
                        twice.described.title
                    ),
                );
            }
            for tag in &tags {
                let label = tag.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
                    && !tag.starts_with("ETS-");
                if label && catalogue.requirement(tag).is_none() {
                    fault(
                        line,
                        format!("@{tag} names no requirement of the catalogue"),
                    );
                }
            }
            if !scenario.examples.is_empty() {
                fault(
                    line,
                    format!(
                        "the outline {:?} would hide its examples; write each as a scenario of its own",
                        scenario.name
                    ),
                );
            }
            for why in tags.iter().filter_map(|tag| waiting::fault(tag)) {
                fault(line, why);
            }
            for condition in conditions(&tags).filter(|c| !c.is_known(catalogue)) {
                fault(
                    line,
                    format!(
                        "{condition:?} is neither a requirement of the catalogue nor a key of a profile"
                    ),
                );
            }
            let role = role_of(&enabler, &tags);
            if tags.iter().any(|tag| tag.starts_with(ROLE_TAG)) && !ROLES.contains(&role) {
                let known = ROLES.join(", ");
                fault(line, format!("the role {role} is none of {known}"));
            }
            let named = tags.iter().filter_map(|tag| catalogue.requirement(tag));
            for purpose in named.filter_map(|r| r.purpose.as_ref()) {
                let since = format!("since:{}", purpose.since);
                if purpose.since > Version::V1_0 && !tags.contains(&since) {
                    fault(
                        line,
                        format!("it judges what came with a later version; tag it @{since}"),
                    );
                }
            }
            let requirements = judged_by(&tags, catalogue);
            let mut named = tags.iter().filter_map(|tag| catalogue.requirement(tag));
            let binds = |r: &Requirement| r.role == role || r.also_role.iter().any(|r| r == role);
            if let Some(other) = named.find(|r| r.purpose.is_some() && !binds(r)) {
                let (id, bound) = (&other.id, &other.role);
                let why = format!("@{id} binds the {bound}, and the scenario judges the {role}");
                fault(line, why);
            }
            if requirements.is_empty() {
                fault(
                    line,
                    format!(
                        "scenario {:?} names no requirement that it judges",
                        scenario.name
                    ),
                );
            }
            let all: Vec<_> = background.iter().chain(&scenario.steps).cloned().collect();
            if all.iter().all(|step| step.ty != StepType::Then) {
                fault(
                    line,
                    format!(
                        "scenario {:?} judges nothing; say with Then what must be the case",
                        scenario.name
                    ),
                );
            }
            for step in &all {
                if step.docstring.is_some() || step.table.is_some() {
                    fault(
                        step.position.line,
                        format!(
                            "no step reads what stands below {:?}; say it in the step itself",
                            step.value
                        ),
                    );
                }
                match STEPS.find(step) {
                    Ok(Some(_)) => {}
                    Ok(None) => fault(
                        step.position.line,
                        format!("no step is defined for {:?}", step.value),
                    ),
                    Err(many) => fault(
                        step.position.line,
                        format!("{:?} is ambiguous: {many}", step.value),
                    ),
                }
            }
            let lines = self.lines.entry(file.to_owned()).or_default();
            lines.insert(line, self.entries.len());
            self.entries.push(Entry {
                id,
                enabler: enabler.clone(),
                described: SceneStarted {
                    feature: file.to_owned(),
                    line,
                    title: scenario.name.clone(),
                    tags,
                    requirements,
                    steps: all
                        .iter()
                        .map(|step| Step {
                            kind: match step.ty {
                                StepType::Given => "Given",
                                StepType::When => "When",
                                StepType::Then => "Then",
                            }
                            .to_owned(),
                            text: step.value.clone(),
                            line: step.position.line,
                        })
                        .collect(),
                    retry: false,
                },
                feature: self.features.len(),
                scenario: number,
            });
        }
        self.features.push(feature);
    }

    /// The requirements that scenarios should judge and none does, although their enabler has scenarios;
    /// and those that the catalogue calls untested and a scenario judges.
    fn uncovered(&self, catalogue: &Catalogue) -> Vec<SuiteError> {
        let mut errors = Vec::new();
        for requirement in &catalogue.requirements {
            let expected = requirement.judged_by == JudgedBy::Scenarios
                && requirement.status == Status::Active
                && requirement.untested.is_none()
                && requirement.binds_a_judged_role();
            let judged = self
                .entries
                .iter()
                .any(|e| e.described.requirements.contains(&requirement.id));
            if judged && requirement.untested.is_some() {
                errors.push(SuiteError {
                    file: requirement.enabler.clone(),
                    line: None,
                    why: format!(
                        "the catalogue calls {0} untested, and a scenario carries @{0}: remove the word",
                        requirement.id
                    ),
                });
            }
            if expected
                && !judged
                && self
                    .entries
                    .iter()
                    .any(|entry| entry.enabler == requirement.enabler)
            {
                errors.push(SuiteError {
                    file: requirement.enabler.clone(),
                    line: None,
                    why: format!(
                        "no scenario carries @{}: write one, or say in the catalogue how it is judged instead",
                        requirement.id
                    ),
                });
            }
        }
        errors
    }
}

/// The requirements that tags name, and the clauses that the purposes among them belong to.
fn judged_by(tags: &[String], catalogue: &Catalogue) -> Vec<String> {
    let named: Vec<_> = tags
        .iter()
        .filter_map(|tag| catalogue.requirement(tag))
        .collect();
    let clauses = named
        .iter()
        .filter_map(|r| Some(&r.purpose.as_ref()?.clause));
    let mut judged: Vec<String> = named
        .iter()
        .map(|r| &r.id)
        .chain(clauses)
        .cloned()
        .collect();
    let mut seen = BTreeSet::new();
    judged.retain(|id| seen.insert(id.clone()));
    judged
}

#[cfg(test)]
mod tests {
    use cucumber::codegen::{StepConstructor, WorldInventory, inventory};
    use twinproof_judge::catalogue::Catalogue;
    use twinproof_judge::{FEATURES, Features};

    use super::{Suite, SuiteError};
    use crate::world::World;

    const OWN: &str = "Feature: mine\n\n  @HLF-TE-005 @id:a\n  Scenario: mine\n    \
                       When a secondary device asks for an activation code\n    \
                       Then the answer holds an activation code\n";

    fn load(with_requirements: bool) -> Result<Suite, Vec<SuiteError>> {
        let built_in = Features::built_in();
        let requirements = built_in
            .requirements()
            .filter(|_| with_requirements)
            .map(|(path, contents)| (path.to_owned(), contents.to_vec()));
        let own = ("twinning/own.feature".to_owned(), OWN.as_bytes().to_vec());
        let features = Features::of_files(requirements.chain([own]));
        Suite::load(&features, &Catalogue::load(&features).unwrap())
    }

    #[test]
    fn a_requirement_without_a_scenario_is_an_error_where_its_folder_exists() {
        let errors = load(true).unwrap_err();
        let says = |id: &str| {
            let wanted = format!(
                "features/twinning: no scenario carries @{id}: write one, or say in the catalogue how \
                 it is judged instead"
            );
            errors.iter().any(|error| error.to_string() == wanted)
        };
        assert!(says("HLF-PD-001") && says("CR-N12"), "{errors:#?}");
        assert!(!says("HLF-TE-005"), "{errors:#?}");
        assert!(errors.iter().all(|error| error.file == "twinning"));
    }

    #[test]
    fn a_purpose_that_a_scenario_judges_must_not_be_called_untested() {
        let built_in = Features::built_in();
        let requirements = built_in
            .requirements()
            .map(|(path, contents)| (path.to_owned(), contents.to_vec()));
        let own = "@LW-SEC-16 @since:1.1 @ETS-1.1-int-405";
        let text = OWN.replace("@HLF-TE-005", own);
        let own = ("lwm2m/own.feature".to_owned(), text.into_bytes());
        let features = Features::of_files(requirements.chain([own]));
        let errors = Suite::load(&features, &Catalogue::load(&features).unwrap()).unwrap_err();
        let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let stale = "features/lwm2m: the catalogue calls LW-SEC-16 untested, and a scenario carries \
                     @LW-SEC-16: remove the word";
        assert!(words.iter().any(|word| word == stale), "{words:#?}");
        // The clause that the purpose belongs to is judged along with it; others are not.
        let missing = |id: &str| {
            words
                .iter()
                .any(|word| word.contains(&format!("no scenario carries @{id}:")))
        };
        assert!(
            !missing("LWM2M-AD-5.4") && missing("LWM2M-AD-5.3.2.2"),
            "{words:#?}"
        );
        // Nor are the other roles of the enabler.
        assert!(missing("LW-CLI-01") && missing("LW-BS-01"), "{words:#?}");
    }

    #[test]
    fn what_judges_a_later_version_says_so() {
        let text = OWN.replace("@HLF-TE-005", "@LW-IF4-15");
        let own = ("lwm2m/own.feature".to_owned(), text.into_bytes());
        let features = Features::of_files([own]);
        let errors = Suite::load(&features, &Catalogue::load(&features).unwrap()).unwrap_err();
        let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let says = "features/lwm2m/own.feature:4: it judges what came with a later version; tag it \
                    @since:1.1";
        assert_eq!(words, [says]);
    }

    #[test]
    fn what_no_step_would_see_or_nobody_would_judge_is_an_error() {
        let then = "    Then the answer holds an activation code\n";
        let when = "asks for an activation code\n";
        for (text, says) in [
            (OWN.replace(then, ""), "scenario \"mine\" judges nothing"),
            (
                OWN.replace(when, &format!("{when}      | how | soon |\n")),
                "no step reads what stands below \"a secondary device asks",
            ),
            (
                OWN.replace(
                    when,
                    &format!("{when}      \"\"\"\n      soon\n      \"\"\"\n"),
                ),
                "no step reads what stands below \"a secondary device asks",
            ),
            (
                format!("{OWN}    Examples:\n      | who |\n      | me  |\n"),
                "the outline \"mine\" would hide its examples",
            ),
        ] {
            let own = ("twinning/own.feature".to_owned(), text.clone().into_bytes());
            let features = Features::of_files([own]);
            let errors = Suite::load(&features, &Catalogue::load(&features).unwrap()).unwrap_err();
            let words = errors.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(words.len(), 1, "{text}: {words:#?}");
            assert!(words[0].contains(says), "{words:#?}");
        }
    }

    #[test]
    fn own_scenarios_on_the_built_in_catalogue_need_not_cover_it() {
        assert_eq!(load(false).unwrap().entries().len(), 1);
    }

    /// The definitions of one kind that no scenario uses.
    fn unused<T: inventory::Collect + StepConstructor<World>>(
        kind: &str,
        suite: &Suite,
    ) -> Vec<String> {
        let steps = suite.entries().iter().flat_map(|e| &e.described.steps);
        let texts: Vec<_> = steps.filter(|step| step.kind == kind).collect();
        inventory::iter::<T>
            .into_iter()
            .map(StepConstructor::inner)
            .filter(|(_, regex, _)| {
                let regex = regex();
                !texts.iter().any(|step| regex.is_match(&step.text))
            })
            .map(|(place, regex, _)| format!("{}:{} {kind} {}", place.path, place.line, regex()))
            .collect()
    }

    #[test]
    fn every_step_serves_a_scenario() {
        let suite = Suite::load(&FEATURES, &Catalogue::load(&FEATURES).unwrap()).unwrap();
        let mut idle = unused::<<World as WorldInventory>::Given>("Given", &suite);
        idle.extend(unused::<<World as WorldInventory>::When>("When", &suite));
        idle.extend(unused::<<World as WorldInventory>::Then>("Then", &suite));
        idle.sort();
        assert!(idle.is_empty(), "no scenario uses:\n{}", idle.join("\n"));
    }
}
