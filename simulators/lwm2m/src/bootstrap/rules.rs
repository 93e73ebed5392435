//! The decisions of a bootstrap server, each as the texts want it.

use std::time::Duration;

use twinproof_coap::{Code, ContentFormat};

use super::configuration::{Configuration, Manner, Step};
use crate::wire::Version;

twinproof_kernel::rules! {
    /// The decisions.
    pub mod decide {
        use std::time::Duration;
        use twinproof_coap::Code;
        use twinproof_coap::ContentFormat;
        use twinproof_coap::Message;
        use crate::bootstrap::configuration::Step;
        use crate::bootstrap::rules;
        use crate::wire::Entry;

        /// Why a device is refused that asks for bootstrap (TS 1.0.2 §5.2.7.1: one without a name, or
        /// that nobody knows).
        fn refuses_name(&self, facts: rules::NameFacts<'_>) -> Option<Code> {
            let named = facts.name.is_some_and(|name| !name.is_empty());
            (!named || !facts.known).then_some(Code::BAD_REQUEST)
        }

        /// Why a device is refused that asks under a name with credentials (TS §5.2.5, §7.1): it has not shown
        /// to be who has them.
        fn refuses_peer(&self, facts: rules::PeerFacts) -> Option<Code> {
            (facts.has_credentials && !facts.own).then_some(Code::BAD_REQUEST)
        }

        /// In which format values are written: the one that a device prefers, which LwM2M 1.1 lets it
        /// say (TS 1.1.1 §6.1.7.1), and which is refused if the server does not have it.
        fn format(&self, facts: rules::FormatFacts) -> Result<ContentFormat, Code> {
            match facts.preferred {
                None => Ok(facts.own),
                Some(format) if facts.offered => Ok(format),
                Some(_) => Err(Code::UNSUPPORTED_CONTENT_FORMAT),
            }
        }

        /// How a request is answered.
        fn answers(&self, message: Message, facts: rules::AnswerFacts) -> Message {
            message
        }

        /// Whether operations begin: once the request has its answer (TS §5.2.7.1).
        fn begins(&self, facts: rules::BeginFacts) -> bool {
            facts.answered
        }

        /// Whose configuration a device is given (TS §5.2: its own).
        fn gives(&self, facts: rules::GiveFacts<'_>) -> String {
            facts.name.to_owned()
        }

        /// The steps of a bootstrap (TS §5.2.7): the last is its end.
        fn steps(&self, facts: rules::StepFacts<'_>) -> Vec<Step> {
            facts.manner.steps(facts.configuration)
        }

        /// The values that are written in one step.
        fn writes(&self, values: Vec<Entry>, facts: rules::WriteFacts<'_>) -> Vec<Entry> {
            values
        }

        /// Whether a bootstrap goes on after an answer (TS §5.2.7): a write or an end that was refused
        /// has failed; what could not be deleted was not there, and looking around is free.
        fn goes_on(&self, facts: rules::OutcomeFacts) -> bool {
            let needed = matches!(facts.step, Step::Write(_) | Step::Finish);
            facts.code.is_success() || !needed
        }

        /// Whether a bootstrap has succeeded (TS §5.2.7.6): the device has confirmed its end.
        fn has_succeeded(&self, facts: rules::OutcomeFacts) -> bool {
            facts.step == Step::Finish && facts.code == Code::CHANGED
        }

        /// Whether a bootstrap is given up in which nothing was heard for so long (RFC 7252 §4.8.2:
        /// after EXCHANGE_LIFETIME).
        fn gives_up(&self, facts: rules::SilenceFacts) -> bool {
            facts.silent >= facts.limit
        }
    }
}

pub use decide::{Compared, NAMES, Rival, Rules, Standard, Watched};

/// Who asks for bootstrap.
#[derive(Clone, Copy, Debug)]
pub struct NameFacts<'a> {
    /// Its endpoint name.
    pub name: Option<&'a str>,
    /// There is a configuration for it.
    pub known: bool,
    /// It has asked before.
    pub again: bool,
}

/// Who asks, and who is known under the name.
#[derive(Clone, Copy, Debug)]
pub struct PeerFacts {
    /// The device has credentials under its name.
    pub has_credentials: bool,
    /// Who asks has shown to have them.
    pub own: bool,
    /// Who asks has shown some.
    pub shown: bool,
}

/// In which format a device wants to be written to.
#[derive(Clone, Copy, Debug)]
pub struct FormatFacts {
    /// What the device says.
    pub preferred: Option<ContentFormat>,
    /// The server has that format.
    pub offered: bool,
    /// What the server would choose.
    pub own: ContentFormat,
    /// The newest version of the enabler that the server supports.
    pub version: Version,
}

/// What is answered.
#[derive(Clone, Copy, Debug)]
pub struct AnswerFacts {
    /// It is a request for bootstrap.
    pub bootstrap: bool,
}

/// What has happened before operations begin.
#[derive(Clone, Copy, Debug)]
pub struct BeginFacts {
    /// The request has its answer.
    pub answered: bool,
}

/// Whose configurations there are.
#[derive(Clone, Copy, Debug)]
pub struct GiveFacts<'n> {
    /// Who asks.
    pub name: &'n str,
    /// Who is under way already, if anybody is.
    pub other: Option<&'n str>,
    /// The first of all that are known.
    pub first: Option<&'n str>,
}

/// What a bootstrap is made of.
#[derive(Clone, Copy, Debug)]
pub struct StepFacts<'a> {
    /// What the device is to be given.
    pub configuration: &'a Configuration,
    /// How the server goes about it.
    pub manner: Manner,
}

/// A write.
#[derive(Clone, Copy, Debug)]
pub struct WriteFacts<'a> {
    /// To whom.
    pub name: &'a str,
    /// All that the device is to be given.
    pub configuration: &'a Configuration,
}

/// How a step was answered.
#[derive(Clone, Copy, Debug)]
pub struct OutcomeFacts {
    /// The step.
    pub step: Step,
    /// The answer.
    pub code: Code,
}

/// How long nothing was heard.
#[derive(Clone, Copy, Debug)]
pub struct SilenceFacts {
    /// So long.
    pub silent: Duration,
    /// EXCHANGE_LIFETIME.
    pub limit: Duration,
}
