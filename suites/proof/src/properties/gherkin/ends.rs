//! What should have come of it, in steps.

use super::cast::Cast;
use super::{Kind, Writer, on_off};
use crate::properties::command::DEVICES;
use crate::properties::drive::Drive;
use crate::properties::model::{Reason, Relation};
use crate::properties::script::{Line, Wanted};

impl Drive<'_> {
    pub(super) fn write_wanted(
        &self,
        writer: &mut Writer<'_>,
        wanted: Wanted,
    ) -> Result<(), String> {
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
    pub(super) fn write_state(&self, writer: &mut Writer<'_>, id: &str) -> Result<(), String> {
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
        if matches!(id, "I10" | "I14") && relations.iter().any(|relation| relation.has(DEVICES)) {
            return Err("no step looks at the partner of a twinning abroad".to_owned());
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
