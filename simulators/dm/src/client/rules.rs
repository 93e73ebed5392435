//! What a client decides in a session.

use crate::session::prove::ProofFacts;
use crate::syncml::{Message, StatusCode};

/// What a trigger is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerFacts {
    /// Whether there is an account of the server that it names.
    pub known: bool,
    /// Whether its digest is right for the nonce that is stored.
    pub signed: bool,
    /// Whether its digest is right for the nonce of resynchronisation.
    pub signed_with_zero: bool,
    /// Whether the client falls back to that nonce.
    pub resynchronises: bool,
    /// Whether a session of this number runs, waits, or was the last one of the server.
    pub repeated: bool,
}

/// What a client does with a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triggered {
    /// Nothing at all.
    Ignore,
    /// It starts a session with the nonce of resynchronisation.
    Resynchronise,
    /// It starts a session.
    Start,
}

twinproof_kernel::rules! {
    /// The decisions of a client.
    pub mod decide {
        use super::Message;
        use super::ProofFacts;
        use super::StatusCode;
        use super::TriggerFacts;
        use super::Triggered;

        /// The status of a header, for what its sender shows.
        fn believes(&self, facts: ProofFacts) -> StatusCode {
            facts.verdict()
        }

        /// Whether commands of a message are carried out whose header got this status.
        fn obeys(&self, header: StatusCode) -> bool {
            header.is_success()
        }

        /// Whether the client shows its credentials again, after so many times: once for a new nonce,
        /// and once more for one that came too late (DM Security 1.2).
        fn tries_again(&self, times: u32) -> bool {
            times < 2
        }

        /// What becomes of a trigger.
        fn triggered(&self, facts: TriggerFacts) -> Triggered {
            match facts {
                TriggerFacts { known: false, .. } | TriggerFacts { repeated: true, .. } => Triggered::Ignore,
                TriggerFacts { signed: true, .. } => Triggered::Start,
                TriggerFacts { signed_with_zero: true, resynchronises: true, .. } => {
                    Triggered::Resynchronise
                }
                _ => Triggered::Ignore,
            }
        }

        /// Whether a status inside an `Atomic` makes it fail.
        fn fails_atomic(&self, code: StatusCode) -> bool {
            !code.is_success()
        }

        /// Whether an `Atomic` that failed, or not, is undone.
        fn rolls_back(&self, failed: bool) -> bool {
            failed
        }

        /// Whether what the user said ends a `Sequence`.
        fn stops_sequence(&self, code: StatusCode) -> bool {
            !code.is_success()
        }

        /// The answer to a command inside an `Atomic`, by its element name.
        fn in_atomic(&self, command: &'static str) -> StatusCode {
            match command {
                "Atomic" | "Exec" | "Get" | "Sequence" => StatusCode::COMMAND_FAILED,
                _ => StatusCode::OK,
            }
        }

        /// The answer to an `Exec` that may start.
        fn started(&self) -> StatusCode {
            StatusCode::ACCEPTED
        }

        /// Whether a package is closed: the server's is, and nothing waits to be sent.
        fn closes(&self, peer_closed: bool, waiting: bool) -> bool {
            peer_closed && !waiting
        }

        /// Whether the session ends: the server wants nothing and challenges nothing.
        fn ends(&self, commands: bool, challenged: bool, waiting: bool) -> bool {
            !commands && !challenged && !waiting
        }

        /// Whether the next message goes where the server says, if it says so.
        fn follows(&self, told: bool) -> bool {
            told
        }

        /// What becomes of a message that is ready to go.
        fn says(&self, message: Message) -> Message {
            message
        }

        /// Whether a message that came before is answered as it was, and not carried out again.
        fn repeats(&self, seen_before: bool) -> bool {
            seen_before
        }
    }
}
