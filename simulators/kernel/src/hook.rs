//! What a tester may have to do to a system from outside its interfaces.

use std::fmt;
use std::time::Duration;

/// An operation on the system under test that no protocol offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// Stop the system and start it again; what it keeps in memory only is gone.
    Restart,
    /// Let the system's clock jump forward.
    AdvanceClock(Duration),
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restart => f.write_str("restart"),
            Self::AdvanceClock(span) => write!(f, "advance the clock by {span:?}"),
        }
    }
}
