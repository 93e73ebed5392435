//! What a Twinning enabler must look like after any sequence of commands.
//!
//! The model is told what the system accepted and knows what it must accept, must refuse and may do
//! either way. It holds no ids, no tokens and no wire forms.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A device, by its number.
pub type DeviceNo = usize;

/// One thing that somebody does. Numbers that point beyond what there is wrap around, so that every
/// command means something in every state and sequences shrink freely.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A device uses the newest code of another as primary.
    Activate {
        /// Who activates.
        by: DeviceNo,
        /// Whose code.
        code_of: DeviceNo,
        /// Whether a name is given.
        named: bool,
    },
    /// Two devices use one code at the same time.
    ActivateTogether {
        /// The one.
        by: DeviceNo,
        /// The other.
        and: DeviceNo,
        /// Whose code.
        code_of: DeviceNo,
    },
    /// The system's clock jumps.
    Advance {
        /// By how many seconds.
        seconds: u32,
    },
    /// A device ends its newest twinning, or withdraws its request for one.
    Deactivate {
        /// Who.
        by: DeviceNo,
    },
    /// A device lists its twinnings in the other body format.
    OtherFormat {
        /// Who.
        by: DeviceNo,
    },
    /// A device asks for an activation code.
    RequestCode {
        /// Who.
        by: DeviceNo,
    },
    /// The system is stopped and started.
    Restart,
    /// A device switches its newest twinning.
    Toggle {
        /// Who.
        by: DeviceNo,
        /// On or off.
        on: bool,
    },
    /// One side switches while the other ends the twinning.
    ToggleAgainstDeactivate {
        /// Who switches.
        by: DeviceNo,
        /// On or off.
        on: bool,
    },
}

/// In words, as a tester would say it.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let switches = |on: bool| if on { "on" } else { "off" };
        match *self {
            Self::Activate { by, code_of, named } => {
                write!(
                    f,
                    "device {by} activates with device {code_of}'s newest code"
                )?;
                f.write_str(if named { " and gives a name" } else { "" })
            }
            Self::ActivateTogether { by, and, code_of } => write!(
                f,
                "devices {by} and {and} activate with device {code_of}'s newest code at the same time"
            ),
            Self::Advance { seconds } => write!(f, "{seconds} seconds pass on the system's clock"),
            Self::Deactivate { by } => write!(
                f,
                "device {by} ends its newest twinning, or withdraws its request for one"
            ),
            Self::OtherFormat { by } => {
                write!(f, "device {by} lists its twinnings in JSON and in XML")
            }
            Self::RequestCode { by } => write!(f, "device {by} asks for an activation code"),
            Self::Restart => f.write_str("the system is stopped and started"),
            Self::Toggle { by, on } => {
                write!(
                    f,
                    "device {by} switches its newest twinning {}",
                    switches(on)
                )
            }
            Self::ToggleAgainstDeactivate { by, on } => write!(
                f,
                "device {by} switches its newest twinning {} while the other side ends it",
                switches(on)
            ),
        }
    }
}

/// A relationship.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Relation {
    /// Shares its identity.
    pub primary: DeviceNo,
    /// Assumes it.
    pub secondary: DeviceNo,
    /// Whether it is on.
    pub on: bool,
}

impl Relation {
    /// The device at the other end.
    pub fn peer_of(self, device: DeviceNo) -> DeviceNo {
        if device == self.primary {
            self.secondary
        } else {
            self.primary
        }
    }
}

/// A code and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Code {
    owner: DeviceNo,
    since: Duration,
    fate: CodeFate,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CodeFate {
    Dead,
    Fresh,
    /// The owner asked again; the texts do not say what becomes of the older code.
    Superseded,
    Used,
}

/// What a system has to do with a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Duty {
    /// Accept it, by this invariant.
    Accept(&'static str),
    /// The texts leave it open.
    Either,
    /// Refuse it, by this invariant and for this reason.
    Refuse(&'static str, &'static str),
}

/// The model.
#[derive(Clone, Debug)]
pub struct Model {
    devices: usize,
    lifetime: Duration,
    now: Duration,
    /// In the order of their activation.
    relations: Vec<Relation>,
    codes: Vec<Code>,
    pending: Vec<bool>,
    /// Who was a secondary before.
    former: Vec<bool>,
}

impl Model {
    /// Free devices, and codes that live this long.
    pub fn new(devices: usize, lifetime: Duration) -> Self {
        Self {
            devices,
            lifetime,
            now: Duration::ZERO,
            relations: Vec::new(),
            codes: Vec::new(),
            pending: vec![false; devices],
            former: vec![false; devices],
        }
    }

    /// A device's number within range.
    pub fn device(&self, number: DeviceNo) -> DeviceNo {
        number % self.devices
    }

    /// The relationships in the order of their activation.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// The newest relationship of a device.
    pub fn newest(&self, device: DeviceNo) -> Option<Relation> {
        self.relations
            .iter()
            .rev()
            .find(|r| r.primary == device || r.secondary == device)
            .copied()
    }

    /// Whether a device waits for its code to be used.
    pub fn is_pending(&self, device: DeviceNo) -> bool {
        self.pending[device]
    }

    /// Whether a pending device's code has expired: its resource may then be there or not.
    pub fn may_have_vanished(&self, device: DeviceNo) -> bool {
        self.newest_code(device)
            .is_none_or(|code| self.age(code) >= self.lifetime)
    }

    fn newest_code(&self, owner: DeviceNo) -> Option<&Code> {
        self.codes.iter().rev().find(|code| code.owner == owner)
    }

    fn age(&self, code: &Code) -> Duration {
        self.now.saturating_sub(code.since)
    }

    fn is_primary(&self, device: DeviceNo) -> bool {
        self.relations.iter().any(|r| r.primary == device)
    }

    fn is_secondary(&self, device: DeviceNo) -> bool {
        self.relations.iter().any(|r| r.secondary == device)
    }

    /// What the system has to do with a code request.
    pub fn request_code(&self, by: DeviceNo) -> Duty {
        // A primary or a twinned secondary may be refused here or when its code is used (TW-C27).
        let free = !self.is_primary(by) && !self.is_secondary(by) && !self.pending[by];
        if free {
            Duty::Accept(self.freedom(&[by]))
        } else {
            Duty::Either
        }
    }

    /// The invariant by which free devices may do something: one of them may have been a secondary.
    fn freedom(&self, devices: &[DeviceNo]) -> &'static str {
        if devices.iter().any(|device| self.former[*device]) {
            "I19"
        } else {
            "I0"
        }
    }

    /// What the system has to do with a switch. No text says how one without effect is answered; that
    /// it has none is looked at by itself.
    pub fn toggle(&self, relation: Relation, on: bool) -> Duty {
        if relation.on == on {
            Duty::Either
        } else {
            Duty::Accept("I0")
        }
    }

    /// What the system has to do with an activation.
    pub fn activate(&self, by: DeviceNo, owner: DeviceNo) -> Duty {
        let Some(code) = self.newest_code(owner) else {
            return Duty::Refuse("I5", "no code was ever given to that device");
        };
        match code.fate {
            CodeFate::Used => return Duty::Refuse("I5", "the code was used before"),
            CodeFate::Dead => return Duty::Refuse("I5", "the device has withdrawn its request"),
            CodeFate::Fresh | CodeFate::Superseded => {}
        }
        if self.age(code) >= self.lifetime {
            return Duty::Refuse("I6", "the code has expired");
        }
        if by == owner {
            return Duty::Refuse("I3", "a device cannot be twinned with itself");
        }
        if self.is_secondary(by) {
            return Duty::Refuse("I2", "the activating device is a secondary");
        }
        if self.is_primary(owner) {
            return Duty::Refuse("I2", "the code's owner is a primary");
        }
        if self.is_secondary(owner) {
            return Duty::Refuse("I1", "the code's owner is twinned already");
        }
        // A code may die before its time (TW-C23), and nothing is said of a primary that holds a code.
        let settled =
            self.age(code) * 2 < self.lifetime && !self.pending[by] && code.fate == CodeFate::Fresh;
        if settled {
            Duty::Accept(self.freedom(&[by, owner]))
        } else {
            Duty::Either
        }
    }

    /// A code was given.
    pub fn code_given(&mut self, by: DeviceNo) {
        for code in self
            .codes
            .iter_mut()
            .filter(|code| code.owner == by && code.fate == CodeFate::Fresh)
        {
            code.fate = CodeFate::Superseded;
        }
        self.codes.push(Code {
            owner: by,
            since: self.now,
            fate: CodeFate::Fresh,
        });
        if !self.is_secondary(by) {
            self.pending[by] = true;
        }
    }

    /// A code was used.
    pub fn activated(&mut self, by: DeviceNo, owner: DeviceNo) {
        if let Some(code) = self.codes.iter_mut().rev().find(|code| code.owner == owner) {
            code.fate = CodeFate::Used;
        }
        self.pending[owner] = false;
        self.relations.push(Relation {
            primary: by,
            secondary: owner,
            on: true,
        });
    }

    /// A relationship was switched.
    pub fn toggled(&mut self, relation: Relation, on: bool) {
        if let Some(found) = self.position(relation) {
            self.relations[found].on = on;
        }
    }

    /// A relationship was ended.
    pub fn ended(&mut self, relation: Relation) {
        if let Some(found) = self.position(relation) {
            self.relations.remove(found);
            self.former[relation.secondary] = true;
        }
    }

    /// A request for a code was withdrawn.
    pub fn withdrawn(&mut self, by: DeviceNo) {
        self.pending[by] = false;
        for code in self
            .codes
            .iter_mut()
            .filter(|code| code.owner == by && code.fate != CodeFate::Used)
        {
            code.fate = CodeFate::Dead;
        }
    }

    /// Time passed.
    pub fn advanced(&mut self, span: Duration) {
        self.now += span;
    }

    fn position(&self, relation: Relation) -> Option<usize> {
        self.relations
            .iter()
            .position(|r| (r.primary, r.secondary) == (relation.primary, relation.secondary))
    }
}
