//! A sequence as a scenario that can be saved under `features/` and run.

use std::fmt::Write as _;

use super::command::{BRIEF, DEVICES, Way};
use super::drive::{Broken, Drive};
use super::invariants::ALL;
use super::model::{Reason, Relation};
use super::script::{Line, Wanted};

/// The kind of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Given,
    When,
    Then,
}

const ORDINALS: [&str; DEVICES] = ["", "second ", "third ", "fourth "];

/// The words for each device: what it does first says whether it is a primary or a secondary.
struct Cast {
    names: [Option<String>; DEVICES],
    /// Who is in the lines.
    acts: [bool; DEVICES],
}

impl Cast {
    fn new(lines: &[Line]) -> Self {
        let mut names: [Option<String>; DEVICES] = std::array::from_fn(|_| None);
        let mut taken = [0; 2];
        let mut give = |device: usize, primary: bool| {
            let Some(name @ None) = names.get_mut(device) else {
                return;
            };
            let part = if primary { "primary" } else { "secondary" };
            let ordinal = ORDINALS[taken[usize::from(primary)]];
            taken[usize::from(primary)] += 1;
            *name = Some(format!("the {ordinal}{part} device"));
        };
        for line in lines {
            match *line {
                Line::Asks { by, .. } => give(by, false),
                Line::ActivateTogether { by, and, owner } => {
                    give(owner, false);
                    give(by, true);
                    give(and, true);
                }
                Line::Activates { by, owner, .. } => {
                    if let Some(owner) = owner {
                        give(owner, false);
                    }
                    give(by, true);
                }
                Line::ActivatesAbroad { by } => give(by, true),
                Line::TakesUpFromAbroad { of } => give(of, false),
                Line::ActivatesAgainstEnd { by, owner } => {
                    give(owner, false);
                    give(by, true);
                }
                Line::SubscribesTwice { by } | Line::Subscribes { by, .. } => {
                    // Whatever it becomes later.
                    let becomes = lines.iter().find_map(|line| match *line {
                        Line::Asks { by: other, .. } if other == by => Some(false),
                        Line::Activates { by: other, .. } if other == by => Some(true),
                        Line::ActivatesAbroad { by: other } if other == by => Some(true),
                        _ => None,
                    });
                    give(by, becomes.unwrap_or(true));
                }
                _ => {}
            }
        }
        let acts = std::array::from_fn(|device| names[device].is_some());
        // Who did nothing may have been looked at nevertheless.
        for (name, acts) in names.iter_mut().zip(acts) {
            if !acts {
                let ordinal = ORDINALS[taken[1]];
                taken[1] += 1;
                *name = Some(format!("the {ordinal}primary device"));
            }
        }
        Self { names, acts }
    }

    fn name(&self, device: usize) -> Result<&str, String> {
        let name = self.names.get(device).and_then(Option::as_deref);
        name.ok_or_else(|| "no step speaks of the other operator's device like that".to_owned())
    }

    fn acting(&self) -> impl Iterator<Item = usize> {
        (0..DEVICES).filter(|device| self.acts[*device])
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The reason for a refusal, in the words of the suite's error table.
const fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired | Reason::NeverGiven | Reason::Used | Reason::Withdrawn => {
            "the code is not valid"
        }
        Reason::OwnerIsPrimary => "a primary cannot become a secondary",
        Reason::OwnerIsTwinned => "the device is already twinned",
        Reason::OwnCode => "a device cannot be its own partner",
        Reason::SecondaryActivates => "a device cannot be primary and secondary at once",
    }
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

    fn write_lines(&mut self) -> Result<(), String> {
        for (place, line) in self.lines.iter().enumerate() {
            self.write_line(*line, place + 1 == self.lines.len())?;
        }
        Ok(())
    }

    fn write_line(&mut self, line: Line, last: bool) -> Result<(), String> {
        let name = |device: usize| self.cast.name(device).map(str::to_owned);
        match line {
            Line::AbroadBack => self.when("the other operator is back in service"),
            Line::AbroadDown => self.given("the other operator is out of service"),
            Line::ActivateTogether { by, and, owner } if self.holder == Some(owner) => {
                let (by, and) = (name(by)?, name(and)?);
                self.when(format!(
                    "{by} and {and} activate with that code at the same time"
                ));
            }
            Line::ActivateTogether { .. } => {
                return Err("no step lets two devices use any but the newest code".to_owned());
            }
            Line::Activates {
                by, owner: None, ..
            } => {
                let by = name(by)?;
                self.when(format!("{by} activates without a code"));
            }
            Line::Activates {
                by,
                owner: Some(owner),
                named,
            } => {
                let (by, of) = (name(by)?, name(owner)?);
                match named.filter(|_| self.holder == Some(owner)) {
                    Some(number) => self.when(format!(
                        "{by} activates with that code under the name \"my-watch-{number}\""
                    )),
                    None => self.when(format!("{by} activates with the code of {of}")),
                }
            }
            Line::ActivatesAbroad { by } => {
                let by = name(by)?;
                self.given(format!(
                    "{by} is twinned with a device of the other operator"
                ));
            }
            Line::ActivatesAgainstEnd { .. } => {
                return Err("no step lets a device activate while another withdraws".to_owned());
            }
            Line::Asks { extended: true, .. } if last => {
                return Err("no step sends an element that nobody knows".to_owned());
            }
            Line::Asks { by, .. } => {
                let asks = format!("{} asks for an activation code", name(by)?);
                self.holder = Some(by);
                self.when(asks);
            }
            Line::Ends { by, partner } => {
                let by = name(by)?;
                match partner.filter(|partner| *partner < DEVICES) {
                    Some(partner) => {
                        let partner = name(partner)?;
                        self.when(format!("{by} ends its twinning with {partner}"));
                    }
                    None => self.when(format!("{by} ends its twinning")),
                }
            }
            Line::ObtainsToken { by } => {
                let by = name(by)?;
                self.given(format!("{by} has been given access to its twinning"));
            }
            Line::Passes { whole } => self.given(match whole {
                true => "the lifetime of the code has passed",
                false => "almost the whole lifetime of the code has passed",
            }),
            Line::Redeems { by } => {
                let by = name(by)?;
                self.when(format!("{by} redeems its authorization code"));
            }
            Line::Restarts if last => {
                self.when("the enabler is restarted after everything was read")
            }
            Line::Restarts => self.when("the enabler is restarted"),
            Line::StrangerReads { of } => {
                if self.with_strangers {
                    let of = name(of)?;
                    self.when(format!("a stranger reads the twinning of {of}"));
                }
            }
            Line::Subscribes { by, way } => {
                let by = name(by)?;
                let how = match way {
                    Way::Briefly => format!(" for {BRIEF} seconds"),
                    Way::CalledBack => String::new(),
                    Way::ThroughChannel => " through a notification channel".to_owned(),
                };
                self.given(format!("{by} has asked to be told of changes{how}"));
            }
            Line::SubscribesTwice { by } => {
                let by = name(by)?;
                self.when(format!(
                    "{by} asks twice in the same words to be told of changes"
                ));
            }
            Line::Switches { by, peer, on, .. } => {
                let (by, on) = (name(by)?, on_off(on));
                match peer < DEVICES {
                    true => {
                        let peer = name(peer)?;
                        self.when(format!("{by} switches its twinning with {peer} {on}"));
                    }
                    false => self.when(format!("{by} switches its twinning {on}")),
                }
            }
            Line::SwitchesAbroad { on, .. } => {
                self.when(format!(
                    "the other operator switches the twinning {}",
                    on_off(on)
                ));
            }
            Line::SwitchesAgainstEnd { .. } => {
                return Err("no step lets one side switch while the other ends".to_owned());
            }
            Line::TakesUpFromAbroad { of } => {
                let of = name(of)?;
                self.when(format!(
                    "a primary of the other operator activates with the code of {of}"
                ));
            }
            Line::Unsubscribes { by } => {
                let by = name(by)?;
                self.given(format!("{by} has withdrawn its newer wish"));
            }
        }
        Ok(())
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

    fn write_wanted(&self, writer: &mut Writer<'_>, wanted: Wanted) -> Result<(), String> {
        let name = |device: usize| writer.cast.name(device).map(str::to_owned);
        match wanted {
            Wanted::Acceptance => {
                if matches!(self.script.lines.last(), Some(Line::Subscribes { .. })) {
                    return Err("no step lets a device try to be told of changes".to_owned());
                }
                if matches!(self.script.lines.last(), Some(Line::ActivatesAbroad { .. })) {
                    // The scenario has to see it refused.
                    let by = match self.script.lines.last() {
                        Some(Line::ActivatesAbroad { by }) => name(*by)?,
                        _ => String::new(),
                    };
                    writer.steps.pop();
                    writer.when(format!("{by} activates with a code of the other operator"));
                }
                writer.then(match self.script.lines.last() {
                    Some(Line::Redeems { .. }) => "the authorization server gives a token",
                    Some(Line::TakesUpFromAbroad { .. }) => "the enabler accepts it",
                    _ => "the enabler accepts",
                });
            }
            Wanted::AccessEnded(device) => {
                let device = name(device)?;
                writer.then(format!(
                    "the access that {device} had to its twinning has ended"
                ));
            }
            Wanted::BothFormats(device) => {
                let device = name(device)?;
                writer.then(format!("{device} reads the same list in JSON and in XML"));
            }
            Wanted::Code => writer.then("the answer holds an activation code"),
            Wanted::CodeWorthless(device) => {
                let device = name(device)?;
                let seen = format!("{device} has seen its authorization code");
                let end = writer.steps.len().saturating_sub(1);
                writer.steps.insert(end, (Kind::Given, seen));
                writer.when(format!("{device} redeems its authorization code"));
                writer.then("the authorization server gives no token since the code is worth nothing");
            }
            Wanted::LeadsToItself {
                answered: false, ..
            } => return Err("no step follows the addresses in a list".to_owned()),
            Wanted::LeadsToItself { device, .. } => {
                let device = name(device)?;
                writer.when(format!("{device} lists its twinnings"));
                writer.then(format!(
                    "{device} reads a twinning that names its own address on the network"
                ));
                writer.then("every resource keeps its address");
            }
            Wanted::OneOfTwo => writer.then(
                "exactly one of them succeeds, and the other is refused because the code is not valid",
            ),
            Wanted::OneWish => writer.then("there is one wish and not two"),
            Wanted::Refusal(_)
                if matches!(
                    self.script.lines.last(),
                    Some(Line::TakesUpFromAbroad { .. })
                ) =>
            {
                return Err("no step says why the other operator is refused".to_owned());
            }
            Wanted::Refusal(reason) => {
                writer.then(format!("the enabler refuses because {}", because(reason)));
            }
            Wanted::StrangerKeptOut(device) => {
                let device = name(device)?;
                writer.when(format!("a stranger reads the twinning of {device}"));
                writer.then("the enabler refuses because it belongs to somebody else");
            }
            Wanted::Token(device) => {
                let device = name(device)?;
                writer.when(format!(
                    "{device} asks the authorization server for the token for its twinning"
                ));
                writer.then("the authorization server gives a token");
            }
            Wanted::ToldThroughChannel(device) => {
                let on = self.model.newest(device).is_none_or(|relation| relation.on);
                let device = name(device)?;
                writer.then(format!("{device} is told that the twinning is {}", on_off(on)));
            }
        }
        Ok(())
    }

    /// What is true of a system that has done everything right, as far as the invariant is concerned.
    fn write_state(&self, writer: &mut Writer<'_>, id: &str) -> Result<(), String> {
        let name = |device: usize| writer.cast.name(device).map(str::to_owned);
        let relations = self.model.relations();
        let mut says: Vec<String> = Vec::new();
        match id {
            "I8" => {
                let asks = |line: &&Line| matches!(line, Line::Asks { .. });
                if self.script.lines.iter().filter(asks).count() > 1 {
                    says.push("each of them was given another code".to_owned());
                }
            }
            // What may as well be accepted may change something.
            "I9" if self.now.is_open => {}
            "I9" | "I13" | "I26" => says.push("nothing has changed".to_owned()),
            "I17"
                if matches!(
                    self.script.lines.last(),
                    Some(Line::Ends {
                        partner: Some(_),
                        ..
                    })
                ) =>
            {
                says.push("the twinning is gone on both sides".to_owned());
            }
            "I7" | "I15" => {
                for relation in relations.iter().filter(|r| !r.has(DEVICES)) {
                    let (p, s) = (name(relation.primary)?, name(relation.secondary)?);
                    says.push(format!("{p} names {s} as its partner"));
                    says.push(format!("{s} names {p} as its partner"));
                }
            }
            "I16" | "I21" => {
                for device in 0..DEVICES {
                    if relations.iter().any(|relation| relation.primary == device) {
                        let what = if id == "I16" {
                            "no authorization code"
                        } else {
                            "a name"
                        };
                        says.push(format!("{} reads {what}", name(device)?));
                    }
                }
            }
            "I22" => {
                for device in writer.cast.acting() {
                    if self.model.newest(device).is_some() || self.model.is_pending(device) {
                        says.push(format!("{} reads its own address", name(device)?));
                    }
                }
            }
            "I23" | "I24" => {
                let last = match self.script.lines.last() {
                    Some(Line::Switches {
                        by,
                        peer,
                        on,
                        is_news: true,
                    }) => Some((*by, *peer, *on)),
                    Some(Line::SwitchesAbroad {
                        on,
                        news_to: Some(peer),
                    }) => Some((DEVICES, *peer, *on)),
                    _ => None,
                };
                let live = self.news.live();
                for (device, by_channel) in live {
                    let part = name(device)?;
                    says.push(match last {
                        Some((_, peer, on)) if peer == device => {
                            format!("{part} is told that the twinning is {}", on_off(on))
                        }
                        Some((by, ..)) if by == device => continue,
                        _ if by_channel => {
                            return Err("no step fetches from a channel in vain".to_owned());
                        }
                        _ => format!("{part} is told nothing"),
                    });
                }
            }
            "I25" => {
                let over = self.news.over();
                for (device, withdrawn) in over {
                    let how = match withdrawn {
                        true => "the withdrawn wish",
                        false => "the wish that has run out",
                    };
                    let part = name(device)?;
                    says.push(format!("{part} is told nothing on account of {how}"));
                }
            }
            "I32" => match self.script.lines.last() {
                Some(Line::SwitchesAbroad { .. }) => {
                    says.push("the other operator hears nothing of it".to_owned());
                }
                _ => {
                    let relation = self.model.newest(self.model.abroad());
                    let on = relation.is_some_and(|relation| relation.on);
                    says.push(format!(
                        "the twinning at the other operator is switched {}",
                        on_off(on)
                    ));
                }
            },
            _ => {}
        }
        let of_lists = !matches!(id, "I16" | "I21" | "I22" | "I23" | "I24" | "I25" | "I32");
        if of_lists {
            // One who did nothing may see what is none of its business.
            let idle = (0..DEVICES).find(|device| !writer.cast.acts[*device]);
            let idle = idle.filter(|_| matches!(id, "I2" | "I8" | "I20"));
            for device in writer.cast.acting().chain(idle) {
                says.extend(self.list_in_words(device, &writer.cast)?);
            }
        }
        if says.is_empty() {
            return Err(format!("no step looks at what {id} is about"));
        }
        for text in says {
            writer.then(text);
        }
        Ok(())
    }

    /// What a device should find in its list; nothing where that is not settled.
    fn list_in_words(&self, device: usize, cast: &Cast) -> Result<Vec<String>, String> {
        let part = cast.name(device)?;
        let relations: Vec<Relation> = self
            .model
            .relations()
            .iter()
            .filter(|relation| relation.has(device))
            .copied()
            .collect();
        if let Some(abroad) = relations.iter().find(|relation| relation.has(DEVICES)) {
            // No step names the other operator's device.
            return Ok(match relations.len() {
                1 => vec![
                    format!("{part} has one twinning"),
                    format!("{part} reads that its twinning is {}", on_off(abroad.on)),
                ],
                _ => Vec::new(),
            });
        }
        if self.model.is_pending(device) {
            let alone = relations.is_empty() && !self.model.may_have_vanished(device);
            return Ok(match alone {
                true => vec![
                    format!("{part} has one twinning"),
                    format!("{part} reads that its twinning is pending"),
                    format!("{part} names no partner yet"),
                ],
                false => Vec::new(),
            });
        }
        if relations.is_empty() {
            return Ok(vec![format!("{part} has no twinnings")]);
        }
        if relations.len() > 3 {
            return Err("no step looks at a list of more than three".to_owned());
        }
        let mut entries = Vec::with_capacity(relations.len());
        for relation in relations {
            let peer = cast.name(relation.peer_of(device))?;
            entries.push(format!("{peer} as {}", on_off(relation.on)));
        }
        Ok(vec![format!(
            "{part} lists {} and nothing else",
            entries.join(", ")
        )])
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
