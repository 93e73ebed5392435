//! Devices that sleep: queue mode (TS 1.0.2 §8.4).

use std::time::Duration;

use twinproof_judge::profile::Span;

use crate::workload::{Devices, Enabler};

/// How long devices listen at least, so that answers reach them.
const LEAST: Duration = Duration::from_millis(100);

/// How long devices hear that sleep.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(
    untagged,
    expecting = "expected how long devices listen, such as \"10s\", or true for 93 s"
)]
pub enum Queue {
    /// For MAX_TRANSMIT_WAIT, 93 s (RFC 7252 §4.8.2), after they have spoken, if they sleep at all.
    Usual(bool),
    /// So long.
    Awake(Span),
}

/// How long a server repeats a message to who does not answer (RFC 7252 §4.8.2: MAX_TRANSMIT_WAIT).
pub(crate) const TRANSMIT_WAIT: Duration = Duration::from_secs(93);

impl Devices {
    /// How long they hear after they have spoken, if they sleep.
    pub fn awake(&self) -> Option<Duration> {
        match self.queue? {
            Queue::Awake(span) => Some(span.duration()),
            Queue::Usual(sleeps) => sleeps.then_some(TRANSMIT_WAIT),
        }
    }

    /// Whether devices of this enabler can sleep so.
    pub(crate) fn check_queue(&self, enabler: Enabler) -> Result<(), String> {
        match self.awake() {
            Some(_) if enabler != Enabler::Lwm2m => Err(format!(
                "devices.queue: expected devices of LwM2M, got operations of {}",
                enabler.name()
            )),
            Some(awake) if awake < LEAST => Err(format!(
                "devices.queue: expected that devices listen for at least {LEAST:?}, got {awake:?}"
            )),
            _ => Ok(()),
        }
    }
}
