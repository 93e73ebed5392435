//! What a client decides in a session.

use crate::auth::Scheme;
use crate::carrier::Carrier;
use crate::notification::UiMode;
use crate::provisioning::Account;
use crate::provisioning::protection::Method;
use crate::session::prove::ProofFacts;
use crate::syncml::{Message, StatusCode};
use twinproof_kernel::http::Scrutiny;

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
    /// Whether it asks for a session, and for nothing else.
    pub plain: bool,
    /// Whether a session that the server has announced with this number runs, waits, or was one of its last.
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

/// What a document is judged by that is to bootstrap a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentFacts {
    /// How it says that it is protected, if it says so.
    pub method: Option<Method>,
    /// Whether its MAC is right for what the client knows.
    pub right: bool,
    /// Whether the way by which it came shows nothing of who made it.
    pub needed: bool,
}

/// What the address of a bootstrap server is judged by that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressFacts {
    /// Whether it says that it is protected.
    pub protected: bool,
    /// Whether its MAC is right for what the client knows.
    pub right: bool,
    /// Whether the client's servers allow that addresses are pushed.
    pub allowed: bool,
}

twinproof_kernel::rules! {
    /// The decisions of a client.
    pub mod decide {
        use super::Account;
        use super::AddressFacts;
        use super::Carrier;
        use super::DocumentFacts;
        use super::Message;
        use super::ProofFacts;
        use super::Scheme;
        use super::Scrutiny;
        use super::StatusCode;
        use super::TriggerFacts;
        use super::Triggered;
        use super::UiMode;

        /// Whether a message is heard of a version of the protocol that the client knows, or does not.
        fn speaks(&self, known: bool) -> bool {
            known
        }

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

        /// What is looked at of the certificate of a server, over TLS.
        fn examines(&self, certificate: Scrutiny) -> Scrutiny {
            certificate
        }

        /// Whether pushes are taken that this brings.
        fn takes_from(&self, carrier: Carrier) -> bool {
            true
        }

        /// Whether a trigger is taken that a push brings for this client (`true`), or for another application.
        fn listens(&self, ours: bool) -> bool {
            ours
        }

        /// Whether a document is believed that is to bootstrap the client.
        fn trusts(&self, facts: DocumentFacts) -> bool {
            facts.right || !facts.needed
        }

        /// What protects documents of that which the client shares with its network, if anything.
        fn shares(&self, id: String) -> Option<String> {
            Some(id)
        }

        /// Whether the user is asked for the PIN again, after so many that were wrong: no text sets the number.
        fn asks_pin_again(&self, tried: u32) -> bool {
            tried < 3
        }

        /// Whether a document is believed after so many PINs that were wrong.
        fn trusts_after(&self, wrong: u32) -> bool {
            false
        }

        /// What the client keeps of an account that a bootstrap brings.
        fn keeps(&self, account: Account) -> Account {
            account
        }

        /// Whether the accounts go that there were before, so many.
        fn makes_room(&self, others: usize) -> bool {
            false
        }

        /// Whether a session begins once an account is there: where the bootstrap demands it.
        fn begins_after(&self, demanded: bool) -> bool {
            demanded
        }

        /// Whether what came under an HTTP status is a document.
        fn takes_page(&self, status: u16) -> bool {
            status == 200
        }

        /// The entity tag by which the client asks for a document only if it has changed; it has the one with this
        /// tag, if any.
        fn asks_with(&self, tag: Option<String>) -> Option<String> {
            tag
        }

        /// Whether the client fetches its bootstrap from an address that was pushed.
        fn follows_address(&self, facts: AddressFacts) -> bool {
            facts.right && facts.allowed
        }

        /// Whether the client looks for the address of a bootstrap server by itself.
        fn discovers(&self, allowed: bool) -> bool {
            allowed
        }

        /// The addresses of the object that the client asks, the first of them.
        fn looks_up(&self, listed: Vec<String>) -> Vec<String> {
            listed
        }

        /// Whether the client fetches its bootstrap from the address on its card.
        fn follows_card(&self, has: bool) -> bool {
            has
        }

        /// How many octets of a card are read, of so many.
        fn reads_card(&self, octets: usize) -> usize {
            octets
        }

        /// Whether an account goes whose data is gone from the card.
        fn forgets_with_card(&self, gone: bool) -> bool {
            gone
        }

        /// Whether a trigger counts no more that is good until then, if it says; both in seconds since 1970.
        fn expired(&self, now: u64, until: Option<u32>) -> bool {
            until.is_some_and(|until| u64::from(until) <= now)
        }

        /// Whether the user is asked before a session begins, if there is a user.
        fn asks(&self, mode: UiMode, user: bool) -> bool {
            mode == UiMode::UserInteraction && user
        }

        /// What the user is shown of a reason.
        fn tells(&self, reason: String) -> String {
            reason
        }

        /// Whose credentials hold in a session with a server: by their place among those of all servers that
        /// the client has accounts of.
        fn credentials(&self, servers: Vec<String>, server: String) -> Option<usize> {
            servers.iter().position(|known| *known == server)
        }

        /// By which scheme the client shows who it is at first: as the trigger wants it, but never by a
        /// weaker one than the account has.
        fn begins_with(&self, account: Scheme, wanted: Scheme) -> Scheme {
            account.max(wanted)
        }

        /// Whether the first package has a node that the trigger wants, which its server may read or not.
        fn discloses(&self, granted: bool) -> bool {
            granted
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

        /// Whether what has come of an object is put where the object is to go.
        fn applies(&self, complete: bool) -> bool {
            complete
        }

        /// The answer to an object that has the size that was said, or not.
        fn measures(&self, adds_up: bool) -> StatusCode {
            if adds_up { StatusCode::OK } else { StatusCode::SIZE_MISMATCH }
        }

        /// Whether a session goes on after so many messages, of so many at most.
        fn endures(&self, sent: u32, most: u32) -> bool {
            sent < most
        }

        /// Whether a session that the server ends is over at once.
        fn stops(&self, aborted: bool) -> bool {
            aborted
        }

        /// Whether a session is over, so that another one can begin.
        fn gives_up(&self, broken: bool) -> bool {
            broken
        }

        /// What becomes of a message that is ready to go.
        fn says(&self, message: Message) -> Message {
            message
        }

        /// Whether a header shows credentials, to a peer that has accepted them for the session or not.
        fn shows(&self, accepted: bool) -> bool {
            !accepted
        }

        /// The octets of a message, as they go.
        fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
            octets
        }

        /// Whether a message that came before is answered as it was, and not carried out again.
        fn repeats(&self, seen_before: bool) -> bool {
            seen_before
        }
    }
}
