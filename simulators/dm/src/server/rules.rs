//! What a server decides in a session.

use crate::carrier::sip::Message as Push;
use crate::notification::Trigger;
use crate::notification::wanted::Wanted;
use crate::session::prove::ProofFacts;
use crate::syncml::{AlertCode, Message, StatusCode};

/// What is known of a message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whether the client's package is complete.
    pub closed: bool,
    /// Whether a large object of ours is under way.
    pub open: bool,
}

/// What is known of octets that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Whether they are a message.
    pub readable: bool,
    /// How many came before that were none.
    pub before: u32,
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The device is told no more of it.
    Done,
    /// It is sent in another session.
    Kept,
    /// It is sent in this session.
    Waits,
}

/// What a server says next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The next chunk of the large object.
    Chunk,
    /// What waits in the queue, or nothing if the queue is empty.
    Commands,
    /// That it wants the next message (1222).
    NextMessage,
}

twinproof_kernel::rules! {
    /// The decisions of a server.
    pub mod decide {
        use super::AlertCode;
        use super::Fate;
        use super::Heard;
        use super::Message;
        use super::ProofFacts;
        use super::Push;
        use super::StatusCode;
        use super::Trigger;
        use super::Turn;
        use super::Unread;
        use super::Wanted;

        /// The HTTP status for octets that are not heard; none for those that are.
        fn refuses(&self, facts: Unread) -> Option<u16> {
            (!facts.readable).then_some(400)
        }

        /// The status of a header, for what its sender shows.
        fn believes(&self, facts: ProofFacts) -> StatusCode {
            facts.verdict()
        }

        /// Whether a message is heeded whose header got this status.
        fn heeds(&self, header: StatusCode) -> bool {
            header.is_success()
        }

        /// Whether the server shows its credentials again, after so many times.
        fn tries_again(&self, times: u32) -> bool {
            times < 2
        }

        /// Whether a message is heard where the server wanted the next one.
        fn hears_there(&self, wanted: bool) -> bool {
            wanted
        }

        /// Whether a device is told what is meant for it, and nothing that others are told at the same time.
        fn keeps_apart(&self, at_once: bool) -> bool {
            at_once
        }

        /// What the server says next: commands only once the client has said everything.
        fn turn(&self, heard: Heard) -> Turn {
            match heard {
                Heard { open: true, .. } => Turn::Chunk,
                Heard { closed: true, .. } => Turn::Commands,
                _ => Turn::NextMessage,
            }
        }

        /// The answer to an alert of a client.
        fn alerted(&self, code: AlertCode) -> StatusCode {
            match code {
                AlertCode::SERVER_INITIATED
                | AlertCode::CLIENT_INITIATED
                | AlertCode::NEXT_MESSAGE
                | AlertCode::SESSION_ABORT
                | AlertCode::CLIENT_EVENT
                | AlertCode::NO_END_OF_DATA
                | AlertCode::GENERIC => StatusCode::OK,
                _ => StatusCode::FEATURE_NOT_SUPPORTED,
            }
        }

        /// The answer to a command of a client, by its element name: it may replace what it says of
        /// itself, and nothing else.
        fn commanded(&self, command: &'static str, about_itself: bool) -> StatusCode {
            match command == "Replace" && about_itself {
                true => StatusCode::OK,
                false => StatusCode::COMMAND_NOT_ALLOWED,
            }
        }

        /// Whether a message that came before is answered as it was.
        fn repeats(&self, seen_before: bool) -> bool {
            seen_before
        }

        /// What becomes of a message that is ready to go.
        fn says(&self, message: Message) -> Message {
            message
        }

        /// What a trigger asks for beside a session, where its application wants it to.
        fn asks(&self, wanted: Wanted) -> Wanted {
            wanted
        }

        /// Whether a header shows credentials, to a peer that has accepted them for the session or not.
        fn shows(&self, accepted: bool) -> bool {
            !accepted
        }

        /// The octets of a message, as they go.
        fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
            octets
        }

        /// What a trigger says.
        fn announces(&self, trigger: Trigger) -> Trigger {
            trigger
        }

        /// The octets of a trigger, behind a digest that is right for them.
        fn wakes(&self, signed: Vec<u8>) -> Vec<u8> {
            signed
        }

        /// A push by SIP, as it goes.
        fn brings(&self, push: Push) -> Push {
            push
        }

        /// Whether a device gets values in parts that said that it takes none, or did not say so.
        fn splits(&self, denied: bool) -> bool {
            !denied
        }

        /// What the application is told of a status.
        fn tells(&self, code: StatusCode) -> StatusCode {
            code
        }

        /// Whether a command is done with that a device answered by this.
        fn accepts(&self, code: StatusCode) -> bool {
            true
        }

        /// Whether what a device did is put down to that device.
        fn credits(&self, own: bool) -> bool {
            own
        }

        /// What becomes of a command that a device was told, and has carried out or not.
        fn becomes(&self, executed: bool) -> Fate {
            if executed { Fate::Done } else { Fate::Waits }
        }
    }
}
