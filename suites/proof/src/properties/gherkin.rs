//! A sequence as a scenario that can be saved under `features/` and run.

use std::fmt::Write as _;

use super::drive::{Broken, Drive};
use super::invariants::ALL;
use super::script::{Line, Wanted};
use cast::Cast;

mod cast;
mod deeds;
mod ends;

/// The kind of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Given,
    When,
    Then,
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A scenario in the making.
struct Writer<'a> {
    cast: Cast,
    lines: &'a [Line],
    steps: Vec<(Kind, String)>,
    /// Who was given a code last.
    holder: Option<usize>,
    /// What strangers read is a part of it.
    with_strangers: bool,
}

impl Writer<'_> {
    fn given(&mut self, text: impl Into<String>) {
        self.steps.push((Kind::Given, text.into()));
    }

    fn when(&mut self, text: impl Into<String>) {
        self.steps.push((Kind::When, text.into()));
    }

    fn then(&mut self, text: impl Into<String>) {
        self.steps.push((Kind::Then, text.into()));
    }
}

impl Drive<'_> {
    /// The sequence so far as a feature with one scenario.
    ///
    /// # Errors
    ///
    /// The suite has no step for something in it; the words say for what.
    pub(super) fn feature(&self, broken: &Broken) -> Result<String, String> {
        let Broken::Invariant { id, .. } = broken else {
            return Err("a broken transport is no scenario".to_owned());
        };
        if self.script.is_lucky {
            return Err("another system may lawfully refuse what it begins with".to_owned());
        }
        let mut writer = Writer {
            cast: Cast::new(&self.script.lines),
            lines: &self.script.lines,
            steps: Vec::new(),
            holder: None,
            // Elsewhere it would only be in the way.
            with_strangers: ["I9", "I13", "I26"].contains(id),
        };
        match self.script.wanted {
            Some(Wanted::Token(_)) => {
                // The token that could not be had is what the scenario is about.
                let lines = &self.script.lines;
                writer.lines = &lines[..lines.len().saturating_sub(1)];
                writer.write_lines()?;
            }
            _ => writer.write_lines()?,
        }
        match self.script.wanted {
            Some(wanted) => self.write_wanted(&mut writer, wanted)?,
            None => self.write_state(&mut writer, id)?,
        }
        let says = ALL.iter().find(|i| i.id == *id).map_or("", |i| i.says);
        Ok(printed(id, says, self.requirement(id), &writer.steps))
    }

    /// The requirement that an invariant follows from.
    fn requirement(&self, id: &str) -> &'static str {
        let invariant = ALL.iter().find(|invariant| invariant.id == id);
        match (invariant.map(|i| i.rests_on), self.script.lines.last()) {
            (Some(label), _) if id != "I0" => label,
            (_, Some(Line::Asks { .. })) => "HLF-SD-001",
            (_, Some(Line::Switches { .. } | Line::SwitchesAbroad { .. })) => "HLF-PD-002",
            (_, Some(Line::Ends { .. })) => "HLF-TE-004",
            (_, Some(Line::ObtainsToken { .. })) => "HLF-SD-005",
            (_, Some(Line::Redeems { .. })) => "HLF-SD-009",
            (_, Some(Line::ActivatesAbroad { .. } | Line::TakesUpFromAbroad { .. })) => {
                "HLF-IC-001"
            }
            _ => "HLF-PD-001",
        }
    }
}

fn printed(id: &str, says: &str, requirement: &str, steps: &[(Kind, String)]) -> String {
    let mut text = format!(
        "Feature: Found by random commands\n\n  @{requirement} @exclusive @id:{}\n  Scenario: {id}, {says}\n",
        id.to_lowercase()
    );
    let mut before = None;
    for (kind, step) in steps {
        let keyword = match (before == Some(*kind), kind) {
            (true, _) => "And",
            (false, Kind::Given) => "Given",
            (false, Kind::When) => "When",
            (false, Kind::Then) => "Then",
        };
        before = Some(*kind);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {keyword} {step}");
    }
    text
}
