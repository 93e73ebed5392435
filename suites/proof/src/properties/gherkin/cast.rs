//! What the devices of a scenario are called.

use crate::properties::command::DEVICES;
use crate::properties::script::Line;

const ORDINALS: [&str; DEVICES] = ["", "second ", "third ", "fourth "];

/// The words for each device: what it does first says whether it is a primary or a secondary.
pub(super) struct Cast {
    names: [Option<String>; DEVICES],
    /// Who is in the lines.
    pub(super) acts: [bool; DEVICES],
}

impl Cast {
    pub(super) fn new(lines: &[Line]) -> Self {
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

    pub(super) fn name(&self, device: usize) -> Result<&str, String> {
        let name = self.names.get(device).and_then(Option::as_deref);
        name.ok_or_else(|| "no step speaks of the other operator's device like that".to_owned())
    }

    pub(super) fn acting(&self) -> impl Iterator<Item = usize> {
        (0..DEVICES).filter(|device| self.acts[*device])
    }
}
