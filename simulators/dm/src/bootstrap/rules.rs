//! What a bootstrap server decides.

use crate::provisioning::Account;
use crate::provisioning::protection::Method;

/// Which of its devices asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The number of the device that asks.
    pub asks: usize,
    /// How many it knows.
    pub all: usize,
}

/// What a device says of the document that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Whether it says which it has.
    pub given: bool,
    /// Whether that is the one that it would get.
    pub same: bool,
}

/// A key by which a document is to be protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// How it is protected.
    pub method: Method,
    /// The key that is right for it.
    pub right: Vec<u8>,
    /// The network identity alone, as it stands there.
    pub network_id: Vec<u8>,
    /// The PIN alone.
    pub pin: Vec<u8>,
    /// Whether the network identity is a secret instead (RD DM 1.3, SEC-001).
    pub secret: bool,
}

/// How a document is called that goes to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// Whether it is pushed.
    pub pushed: bool,
    /// The media type that is right for it, with what protects it as its parameters.
    pub content_type: String,
}

twinproof_kernel::rules! {
    /// The decisions of a bootstrap server.
    pub mod decide {
        use super::Account;
        use super::Called;
        use super::KeyFacts;
        use super::Validator;
        use super::Whose;

        /// Whether a device gets a document, known or not.
        fn serves(&self, known: bool) -> bool {
            known
        }

        /// Whose account goes into the document, by the number of the device.
        fn whose(&self, facts: Whose) -> usize {
            facts.asks
        }

        /// Whether a device is told that it has the document already.
        fn unchanged(&self, facts: Validator) -> bool {
            facts.given && facts.same
        }

        /// The account that goes into the document.
        fn gives(&self, account: Account) -> Account {
            account
        }

        /// The key by which the document is protected.
        fn protects_with(&self, facts: KeyFacts) -> Vec<u8> {
            facts.right
        }

        /// The octets of the document, before it is protected.
        fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
            octets
        }

        /// The octets as they go, after it was protected.
        fn sends(&self, octets: Vec<u8>) -> Vec<u8> {
            octets
        }

        /// The media type, with what protects the document as its parameters.
        fn calls(&self, facts: Called) -> String {
            facts.content_type
        }
    }
}
