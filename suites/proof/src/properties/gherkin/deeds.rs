//! What was done, in steps.

use super::{Writer, on_off};
use crate::properties::command::{BRIEF, DEVICES, Way};
use crate::properties::script::Line;

impl Writer<'_> {
    pub(super) fn write_lines(&mut self) -> Result<(), String> {
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
