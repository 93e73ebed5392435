//! The decisions of an enabler, each as the texts want it.

use std::time::Duration;

twinproof_kernel::rules! {
    /// The decisions.
    pub mod decide {
        use super::CodeFacts;
        use super::Duration;

        /// Whether an activation code may be used now: it exists, was never used, has not expired
        /// and is not the activating device's own (HLF-TE-005).
        fn code_is_usable(&self, facts: CodeFacts) -> bool {
            facts.known && !facts.used && facts.age < facts.lifetime && !facts.own
        }
    }
}

/// What is known of an activation code when somebody uses it.
#[derive(Clone, Copy, Debug, Default)]
pub struct CodeFacts {
    /// The enabler generated it.
    pub known: bool,
    /// A device has activated with it before.
    pub used: bool,
    /// Since its generation.
    pub age: Duration,
    /// What the operator's policy allows.
    pub lifetime: Duration,
    /// The device that activates is the one that asked for it.
    pub own: bool,
}

pub use decide::{Consulted, NAMES, Rules, Standard};
