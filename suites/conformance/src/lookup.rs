//! Which definition a step has.

use std::collections::HashMap;

use cucumber::Step;
use cucumber::codegen::{Regex, StepConstructor, WorldInventory, inventory};
use cucumber::gherkin::{self, StepType};
use cucumber::step::{AmbiguousMatchError, Context, Location};

use crate::world::World;

/// All definitions.
#[derive(Default)]
pub(crate) struct Steps {
    /// Those of one text each, which are most: trying the others one after another takes longer than whole scenarios.
    texts: HashMap<(StepType, String), Vec<Defined>>,
    others: HashMap<StepType, Vec<Defined>>,
}

/// A definition.
type Defined = (Location, Regex, Step<World>);

impl Steps {
    /// Compiles all of them.
    pub(crate) fn compiled() -> Self {
        let mut steps = Self::default();
        steps.add::<<World as WorldInventory>::Given>(StepType::Given);
        steps.add::<<World as WorldInventory>::When>(StepType::When);
        steps.add::<<World as WorldInventory>::Then>(StepType::Then);
        steps
    }

    fn add<T: inventory::Collect + StepConstructor<World>>(&mut self, kind: StepType) {
        for step in inventory::iter::<T> {
            let (place, regex, perform) = step.inner();
            let regex = regex();
            let alike = match only_text(regex.as_str()) {
                Some(text) => self.texts.entry((kind, text)).or_default(),
                None => self.others.entry(kind).or_default(),
            };
            alike.push((place, regex, perform));
        }
    }

    /// What performs a step, if it is defined.
    ///
    /// # Errors
    ///
    /// It is defined more than once.
    pub(crate) fn find(
        &self,
        step: &gherkin::Step,
    ) -> Result<Option<(Step<World>, Context)>, AmbiguousMatchError> {
        let texts = self.texts.get(&(step.ty, step.value.clone()));
        let others = self.others.get(&step.ty).into_iter().flatten();
        let others = others.filter(|(_, regex, _)| regex.is_match(&step.value));
        let found: Vec<&Defined> = texts.into_iter().flatten().chain(others).collect();
        match found[..] {
            [] => Ok(None),
            [(_, regex, perform)] => {
                let captures = regex.captures(&step.value).into_iter();
                let parts = captures.flat_map(|captures| {
                    let parts = captures.iter();
                    let texts = parts.map(|part| part.map_or("", |part| part.as_str()).to_owned());
                    texts.collect::<Vec<_>>()
                });
                let names = regex.capture_names().map(|name| name.map(str::to_owned));
                let (step, matches) = (step.clone(), names.zip(parts).collect());
                Ok(Some((*perform, Context { step, matches })))
            }
            _ => {
                let each = found.into_iter();
                let each = each.map(|(place, regex, _)| (regex.clone().into(), Some(*place)));
                let possible_matches = each.collect();
                Err(AmbiguousMatchError { possible_matches })
            }
        }
    }
}

/// The one text that a regular expression matches, if there is but one.
fn only_text(regex: &str) -> Option<String> {
    let mut inner = regex.strip_prefix('^')?.strip_suffix('$')?.chars();
    let mut text = String::new();
    while let Some(next) = inner.next() {
        text.push(match next {
            '\\' => inner.next().filter(char::is_ascii_punctuation)?,
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
                return None;
            }
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::only_text;

    #[test]
    fn a_text_is_told_from_an_expression() {
        let text = "the link loses 5 % (of all), and no more.";
        let literal = format!("^{}$", text.replace('(', r"\(").replace(')', r"\)"));
        let literal = literal.replace('.', r"\.");
        assert_eq!(only_text(&literal).as_deref(), Some(text));
        for other in [
            "^an? device$",
            r"^device \d$",
            "device",
            "^(a|b)$",
            "^a.b$",
            r"^a\",
        ] {
            assert_eq!(only_text(other), None, "{other}");
        }
    }
}
