//! What a Twinning enabler must look like after any sequence of commands.
//!
//! The model is told what the system accepted and knows what it must accept, must refuse and may do
//! either way. It holds no ids, no tokens and no wire forms.

use std::time::Duration;

use super::command::DeviceNo;

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
    /// Whether this device has a part in it.
    pub fn has(self, device: DeviceNo) -> bool {
        device == self.primary || device == self.secondary
    }

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
    /// Refuse it, for this reason.
    Refuse(Reason),
}

macro_rules! reasons {
    ($( $(#[$doc:meta])* $name:ident $id:literal $says:literal; )+) => {
        /// Why a system has to refuse.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Reason { $( $(#[$doc])* $name ),+ }

        impl Reason {
            /// The invariant that forbids it.
            pub const fn invariant(self) -> &'static str {
                match self { $( Self::$name => $id ),+ }
            }

            /// The reason in words that complete "although".
            pub const fn says(self) -> &'static str {
                match self { $( Self::$name => $says ),+ }
            }
        }
    };
}

reasons! {
    /// The code is too old.
    Expired "I6" "the code has expired";
    /// There is no code.
    NeverGiven "I5" "no code was ever given to that device";
    /// The code's owner has secondaries of its own.
    OwnerIsPrimary "I2" "the code's owner is a primary";
    /// The code's owner has a primary.
    OwnerIsTwinned "I1" "the code's owner is twinned already";
    /// The code's owner would be its own primary.
    OwnCode "I3" "a device cannot be twinned with itself";
    /// Who activates has a primary.
    SecondaryActivates "I2" "the activating device is a secondary";
    /// The code was used.
    Used "I5" "the code was used before";
    /// The code's owner does not want to be twinned any more.
    Withdrawn "I5" "the device has withdrawn its request";
}

/// The model.
#[derive(Clone, Debug)]
pub struct Model {
    devices: usize,
    lifetime: Duration,
    advanced: Duration,
    elapsed: Duration,
    /// In the order of their activation.
    relations: Vec<Relation>,
    codes: Vec<Code>,
    pending: Vec<bool>,
    /// Who was a secondary before.
    former: Vec<bool>,
    /// Of each device, whether a twinning of its own was ever switched off, and on.
    switched: Vec<[bool; 2]>,
}

impl Model {
    /// That many free devices and one of the other operator, and codes that live this long.
    pub fn new(devices: usize, lifetime: Duration) -> Self {
        Self {
            devices,
            lifetime,
            advanced: Duration::ZERO,
            elapsed: Duration::ZERO,
            relations: Vec::new(),
            codes: Vec::new(),
            pending: vec![false; devices + 1],
            former: vec![false; devices + 1],
            switched: vec![[false; 2]; devices + 1],
        }
    }

    /// A device's number within range.
    pub fn device(&self, number: DeviceNo) -> DeviceNo {
        number % self.devices
    }

    /// The number of the other operator's device.
    pub fn abroad(&self) -> DeviceNo {
        self.devices
    }

    /// How long a code lives.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The relationships in the order of their activation.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// Whether a twinning of this device was ever switched to this.
    pub fn was_switched(&self, device: DeviceNo, on: bool) -> bool {
        self.switched[device][usize::from(on)]
    }

    /// The newest relationship of a device.
    pub fn newest(&self, device: DeviceNo) -> Option<Relation> {
        self.relations.iter().rev().find(|r| r.has(device)).copied()
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
        self.now().saturating_sub(code.since)
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

    /// What the system has to do with a switch. That one without effect is answered with success is
    /// not said; its effect is none either way.
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
            return Duty::Refuse(Reason::NeverGiven);
        };
        match code.fate {
            CodeFate::Used => return Duty::Refuse(Reason::Used),
            CodeFate::Dead => return Duty::Refuse(Reason::Withdrawn),
            CodeFate::Fresh | CodeFate::Superseded => {}
        }
        if self.age(code) >= self.lifetime {
            return Duty::Refuse(Reason::Expired);
        }
        if by == owner {
            return Duty::Refuse(Reason::OwnCode);
        }
        if self.is_secondary(by) {
            return Duty::Refuse(Reason::SecondaryActivates);
        }
        if self.is_primary(owner) {
            return Duty::Refuse(Reason::OwnerIsPrimary);
        }
        if self.is_secondary(owner) {
            return Duty::Refuse(Reason::OwnerIsTwinned);
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

    /// What the system has to do with an activation by a code of the other operator.
    pub fn activate_abroad(&self, by: DeviceNo) -> Duty {
        if self.is_secondary(by) {
            Duty::Refuse(Reason::SecondaryActivates)
        } else if self.pending[by] {
            Duty::Either
        } else {
            Duty::Accept(self.freedom(&[by]))
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
            since: self.now(),
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
        self.begun(by, owner);
    }

    /// A code of the other operator was used.
    pub fn activated_abroad(&mut self, by: DeviceNo) {
        self.begun(by, self.devices);
    }

    fn begun(&mut self, primary: DeviceNo, secondary: DeviceNo) {
        self.pending[secondary] = false;
        self.relations.push(Relation {
            primary,
            secondary,
            on: true,
        });
    }

    /// A relationship was switched.
    pub fn toggled(&mut self, relation: Relation, on: bool) {
        if let Some(found) = self.position(relation) {
            self.relations[found].on = on;
            for party in [relation.primary, relation.secondary] {
                self.switched[party][usize::from(on)] = true;
            }
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

    /// The system's clock jumped.
    pub fn advanced(&mut self, span: Duration) {
        self.advanced += span;
    }

    /// So much time has passed of itself since the sequence began.
    pub fn elapsed(&mut self, since_begin: Duration) {
        self.elapsed = since_begin;
    }

    /// The time since the sequence began, as the system's clock shows it at least.
    pub fn now(&self) -> Duration {
        self.advanced + self.elapsed
    }

    fn position(&self, relation: Relation) -> Option<usize> {
        self.relations
            .iter()
            .position(|r| (r.primary, r.secondary) == (relation.primary, relation.secondary))
    }
}
