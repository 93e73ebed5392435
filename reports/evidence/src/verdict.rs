use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is said of a requirement, a scenario or a check. The order is the order of folding: the
/// later outweighs the earlier.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No scenario of this version judges it.
    Untested,
    /// The ICS says that the system does not offer it, or the document has withdrawn it.
    NotApplicable,
    /// The system does what the requirement says.
    Pass,
    /// A SHOULD that is not met, or a lint.
    Warning,
    /// A person has to look at the evidence.
    Inspect,
    /// It could not be found out.
    Inconclusive,
    /// The tester itself broke.
    Error,
    /// The system breaks the requirement.
    Fail,
}

impl Verdict {
    /// All verdicts, gravest last.
    pub const ALL: [Self; 8] = [
        Self::Untested,
        Self::NotApplicable,
        Self::Pass,
        Self::Warning,
        Self::Inspect,
        Self::Inconclusive,
        Self::Error,
        Self::Fail,
    ];

    /// The verdict's name as it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untested => "untested",
            Self::NotApplicable => "not applicable",
            Self::Pass => "pass",
            Self::Warning => "warning",
            Self::Inspect => "inspect",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::Fail => "fail",
        }
    }

    /// What the verdict means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Untested => "no scenario of this version judges it",
            Self::NotApplicable => "the system does not claim it, or the document has withdrawn it",
            Self::Pass => "the system does what the requirement says",
            Self::Warning => {
                "a recommendation is not met, or something looks wrong that no text forbids"
            }
            Self::Inspect => "a person has to look at the evidence",
            Self::Inconclusive => "it could not be found out; the reason says what is missing",
            Self::Error => "the tester itself broke; the system is not to blame",
            Self::Fail => "the system breaks the requirement",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How the process ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitCode {
    /// Everything selected was judged and nothing failed.
    Conformant,
    /// The system under test fails.
    Fails,
    /// The command line, the profile or a feature is wrong.
    Usage,
    /// Something could not be found out, or there was no contact.
    Incomplete,
    /// The filters leave nothing to judge.
    NothingSelected,
    /// The baseline lists what does not happen any more.
    StaleBaseline,
    /// The tester itself broke.
    OurFault,
}

impl ExitCode {
    /// All codes in ascending order.
    pub const ALL: [Self; 7] = [
        Self::Conformant,
        Self::Fails,
        Self::Usage,
        Self::Incomplete,
        Self::NothingSelected,
        Self::StaleBaseline,
        Self::OurFault,
    ];

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Conformant => 0,
            Self::Fails => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::NothingSelected => 4,
            Self::StaleBaseline => 5,
            Self::OurFault => 70,
        }
    }

    /// What the code means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Conformant => "conformant: everything selected was judged and nothing failed",
            Self::Fails => "the system under test fails a requirement",
            Self::Usage => "the command line, the profile or a feature is wrong; nothing was run",
            Self::Incomplete => "incomplete: something was inconclusive, or there was no contact",
            Self::NothingSelected => "the filters leave nothing to judge; nothing was run",
            Self::StaleBaseline => "the baseline lists something that does not happen any more",
            Self::OurFault => {
                "Twinproof itself broke, or could not write its evidence; the message says which"
            }
        }
    }
}
