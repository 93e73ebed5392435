//! The decisions of a device, each as the texts want it.

use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Type};

use crate::upper::WriteMode;
use crate::wire::{Path, Version};

twinproof_kernel::rules! {
    /// The decisions.
    pub mod decide {
        use twinproof_coap::Code;
        use twinproof_coap::ContentFormat;
        use twinproof_coap::Message;
        use crate::device::rules;
        use crate::upper::WriteMode;
        use crate::wire::links::ObjectList;
        use std::time::Duration;

        /// What a Register says in its query (TS 1.0.2 §5.3.1).
        fn parameters(&self, facts: rules::RegisterFacts<'_>) -> Vec<String> {
            let mut query = vec![
                format!("ep={}", facts.endpoint),
                format!("lt={}", facts.lifetime),
                format!("lwm2m={}", facts.version),
                format!("b={}", facts.binding),
            ];
            if facts.queue_mode && facts.version > crate::wire::Version::V1_0 {
                query.push("Q".to_owned());
            }
            query.extend(facts.sms.map(|number| format!("sms={number}")));
            query
        }

        /// Whether a registration lists instances of an object: all but the secret ones (TS §5.3.1).
        fn is_listed(&self, object: u16) -> bool {
            !matches!(object, 0 | 21 | 23)
        }

        /// Whether a device registers with a server, by its place among all: with each (TS §5.3.1).
        fn registers_with(&self, server: usize) -> bool {
            true
        }

        /// The list of objects in a registration.
        fn list(&self, list: ObjectList) -> ObjectList {
            list
        }

        /// Whether a server is told of a life time that was written (TS §5.3.2): of a new one.
        fn tells_lifetime(&self, changed: bool) -> bool {
            changed
        }

        /// How long after a registration or update the next update is sent: in time for all its
        /// repetitions (TS §5.3.2, RFC 7252 §4.8.2).
        fn update_after(&self, facts: rules::LifetimeFacts) -> Duration {
            let spare = facts.lifetime.saturating_sub(facts.transmit_wait);
            spare.max(facts.lifetime / 2)
        }

        /// Whether a device registers again when an update is refused (TS §5.3.2).
        fn registers_again(&self, code: Code) -> bool {
            code == Code::NOT_FOUND
        }

        /// How long a device waits after a registration that came to nothing (TS 1.1.1 §6.2.1: the pause of
        /// its account, doubled each time, as often as that says), unless the server says how long.
        fn retry_after(&self, facts: rules::RetryFacts) -> Option<Duration> {
            let backoff = facts.pause * 2u32.saturating_pow(facts.attempts.min(16));
            (facts.attempts < facts.most).then(|| facts.asked.unwrap_or(backoff))
        }

        /// Whether a device hears a datagram: in queue mode only for a while after it last spoke (TS
        /// §8.3).
        fn is_awake(&self, facts: rules::AwakeFacts) -> bool {
            !facts.queue_mode || facts.since < facts.window
        }

        /// Whether a request is heard at all: from a server that has answered the registration (TS
        /// §5.3.1).
        fn is_heard(&self, facts: rules::SenderFacts) -> bool {
            !facts.known || facts.registered
        }

        /// Whether a sender is served: it is one of the device's servers (TS §7).
        fn is_served(&self, facts: rules::SenderFacts) -> bool {
            facts.known
        }

        /// What a sender is told that is not served (TS §7, RFC 7252 §4.2): a stranger a code, a server
        /// that has not answered the registration nothing but a Reset.
        fn turns_away(&self, facts: rules::SenderFacts) -> Option<Code> {
            (!facts.known).then_some(Code::UNAUTHORIZED)
        }

        /// Whether servers have anything to do with an object (TS §7.3: not with its keys).
        fn is_reachable(&self, object: u16) -> bool {
            !matches!(object, 0 | 21)
        }

        /// Whether access control lets a server do something to an instance (TS §7.3.2).
        fn is_granted(&self, facts: rules::GrantFacts) -> bool {
            let Some(control) = facts.control else {
                return !facts.controlled;
            };
            let bits = match (control.own, control.owner, control.default) {
                (Some(bits), _, _) => bits,
                (None, true, _) => !0,
                (None, false, default) => default.unwrap_or(0),
            };
            bits & facts.needs == facts.needs
        }

        /// Whether the definition of a resource lets it be read.
        fn is_readable(&self, operations: crate::model::Operations) -> bool {
            operations.read
        }

        /// Whether the definition of a resource lets it be written.
        fn is_writable(&self, operations: crate::model::Operations) -> bool {
            operations.write
        }

        /// Whether the definition of a resource lets it be executed.
        fn is_executable(&self, operations: crate::model::Operations) -> bool {
            operations.execute
        }

        /// Whether a resource takes a value (TS §5.4.3): it has the type, and is in range.
        fn takes(&self, allowed: bool) -> bool {
            allowed
        }

        /// Whether a Write removes a writable resource that it does not name (TS §5.4.3): a replacing
        /// one does, if an instance can be without it.
        fn removes_unnamed(&self, facts: rules::UnnamedFacts) -> bool {
            facts.mode == WriteMode::Replace && !facts.mandatory
        }

        /// What an object is asked to make a new instance of; nothing refuses (TS §5.4.6).
        fn refuses_instance(&self, facts: rules::CreateFacts) -> Option<Code> {
            match facts {
                rules::CreateFacts { multiple: false, .. } => Some(Code::METHOD_NOT_ALLOWED),
                rules::CreateFacts { exists: true, .. } => Some(Code::BAD_REQUEST),
                rules::CreateFacts { complete: false, .. } => Some(Code::BAD_REQUEST),
                rules::CreateFacts { .. } => None,
            }
        }

        /// Whether an instance can be deleted (TS §5.4.7): not that of an object that has just one.
        fn is_deletable(&self, facts: rules::DeleteFacts) -> bool {
            facts.multiple && !facts.server
        }

        /// Whether a device has a content format (TS §6.4): all that its version knows.
        fn has_format(&self, facts: rules::OfferFacts) -> bool {
            facts.known
        }

        /// The format of an answer: the one that was asked for if there is such a thing, else the
        /// device's choice (TS §6.4).
        fn format(&self, facts: rules::FormatFacts) -> Option<ContentFormat> {
            match facts.accept {
                Some(format) => facts.offered.then_some(format),
                None => Some(facts.own),
            }
        }

        /// Whether a value that has changed is worth a notification (TS §5.1.2): without thresholds
        /// and step every change is, else any of them that is met.
        fn is_worth_telling(&self, facts: rules::ChangeFacts) -> bool {
            let (Some(old), Some(new)) = (facts.old, facts.new) else {
                return true;
            };
            if facts.gt.is_none() && facts.lt.is_none() && facts.st.is_none() {
                return true;
            }
            let crosses = |limit: f64| (old <= limit && new > limit) || (old >= limit && new < limit);
            facts.gt.is_some_and(crosses)
                || facts.lt.is_some_and(crosses)
                || facts.st.is_some_and(|step| (new - old).abs() >= step)
        }

        /// When a notification that is due goes out after the last one (TS §5.1.2: not before pmin).
        fn earliest(&self, facts: rules::PeriodFacts) -> Duration {
            facts.least
        }

        /// When a notification goes out after the last one though nothing has changed (TS §5.1.2: at
        /// pmax, unless it is below pmin or 0).
        fn latest(&self, facts: rules::PeriodFacts) -> Option<Duration> {
            facts.most.filter(|most| !most.is_zero() && *most >= facts.least)
        }

        /// Whether a notification is to be acknowledged (TS 1.2 §5.1.2: con), which the device chooses
        /// where nobody asks for it (RFC 7641 §4.5).
        fn confirms(&self, asked: bool) -> bool {
            asked
        }

        /// Whether a cancellation ends an observation (RFC 7641 §3.6): that of the same server with the
        /// same token.
        fn ends(&self, facts: rules::CancelFacts) -> bool {
            facts.same_server && facts.same_token
        }

        /// Whether a device keeps what it could not tell (TS §6.1: Notification Storing).
        fn keeps_untold(&self, storing: bool) -> bool {
            storing
        }

        /// Whether a device must not send by itself (TS 1.1.1, Server object: Mute Send is on unless
        /// it says no).
        fn is_muted(&self, mute: Option<bool>) -> bool {
            mute.unwrap_or(true)
        }

        /// Whether a device asks for bootstrap (TS §5.2.4): when it has no account, or each has failed.
        fn bootstraps(&self, facts: rules::FallBackFacts) -> bool {
            facts.failed >= facts.accounts
        }

        /// How long a device waits before it asks for bootstrap (TS Appendix E.1: Client Hold Off
        /// Time), so that a server can begin.
        fn holds_off(&self, time: Duration) -> Duration {
            time
        }

        /// Whether what goes to a server, and comes from it, goes over an association (TS §7.1): wherever its
        /// account has a key, whatever became of handshakes.
        fn seals(&self, facts: rules::SealFacts) -> bool {
            facts.keyed
        }

        /// Whether a device uses the accounts of its smart card, before any others (TS §5.2.4).
        fn uses_card(&self, inserted: bool) -> bool {
            inserted
        }

        /// Whether a device drops what it has from a card that is gone, or another (TS Appendix G).
        fn drops_card(&self, gone: bool) -> bool {
            gone
        }

        /// Why an operation of the bootstrap interface is refused (TS §5.2.3, §5.2.7): it comes from
        /// another, or unasked, which only LwM2M 1.0 has, and not before card and factory were tried.
        fn refuses_bootstrap(&self, facts: rules::BootstrapFacts) -> Option<Code> {
            let unasked = facts.version == crate::wire::Version::V1_0 && facts.tried;
            (!facts.asked && !unasked).then_some(Code::UNAUTHORIZED)
        }

        /// What a request for bootstrap says in its query (TS §5.2.7.1, TS 1.1.1 §6.1.7.1).
        fn asks_with(&self, facts: rules::AskFacts<'_>) -> Vec<String> {
            let mut query = vec![format!("ep={}", facts.endpoint)];
            query.extend(facts.prefers.map(|format| format!("pct={}", format.0)));
            query
        }

        /// Whether a device asks for bootstrap when a server has it do so (TS 1.1.1 §6.1.4): if it knows
        /// whom to ask.
        fn is_triggered(&self, bootstrap_account: bool) -> bool {
            bootstrap_account
        }

        /// Why a Bootstrap-Write is refused that can be read: it never is, since it creates or replaces,
        /// whatever is there, and what the device does not have is passed over (TS §5.2.7.4).
        fn refuses_write(&self, facts: rules::PlaceFacts) -> Option<Code> {
            None
        }

        /// What a Bootstrap-Discover shows.
        fn shows(&self, list: ObjectList) -> ObjectList {
            list
        }

        /// Whether a device goes on with the accounts that a bootstrap has brought (TS §5.2.4): when that
        /// has ended well.
        fn goes_on(&self, facts: rules::GoOnFacts) -> bool {
            facts.ended && !facts.refused
        }

        /// Whether an instance outlives a Bootstrap-Delete (TS §5.2.7.5: the account of the bootstrap
        /// server and the Device object).
        fn outlives(&self, facts: rules::OutliveFacts) -> bool {
            facts.bootstrap_account || facts.object == 3
        }

        /// Why the end of a bootstrap is refused (TS §5.2.7.6): there is no whole account.
        fn refuses_end(&self, facts: rules::EndFacts) -> Option<Code> {
            (facts.accounts == 0).then_some(Code::NOT_ACCEPTABLE)
        }

        /// Whether a bootstrap has failed in which nothing was heard for so long (RFC 7252 §4.8.2:
        /// for EXCHANGE_LIFETIME).
        fn gives_up(&self, facts: rules::SilenceFacts) -> bool {
            facts.silent >= facts.limit
        }

        /// Whether what was written in a bootstrap that failed is undone.
        fn undoes(&self, failed: bool) -> bool {
            failed
        }

        /// Whether a device that was off does what one does that is switched on.
        fn comes_up(&self, off: bool) -> bool {
            off
        }

        /// Whether what was written outlasts the time without power.
        fn keeps_written(&self, written: bool) -> bool {
            written
        }

        /// Whether a package that is written takes back the one that was there (object 5: an empty one does).
        fn resets_firmware(&self, empty: bool) -> bool {
            empty
        }

        /// Whether firmware can be installed (object 5: it has been downloaded).
        fn installs(&self, state: i64) -> bool {
            state == 2
        }

        /// What is read instead of a datagram that came: nothing, since what has unknown critical options
        /// is refused (RFC 7252 §5.4.1).
        fn reads(&self, datagram: &[u8]) -> Option<Vec<u8>> {
            None
        }

        /// Whether a request is a copy of another (RFC 7252 §4.5: of that of the same sender with the
        /// same message id).
        fn is_copy(&self, facts: rules::CopyFacts) -> bool {
            facts.same_id && facts.same_sender
        }

        /// How many times as long each gap between the repetitions of a message is as the one before (RFC
        /// 7252 §4.2).
        fn growth(&self, usual: u32) -> u32 {
            usual
        }

        /// How often a message is repeated that nobody answers (RFC 7252 §4.2: MAX_RETRANSMIT times).
        fn repeats(&self, usual: u32) -> u32 {
            usual
        }

        /// Whether a datagram that is to be sent is sent.
        fn sends(&self, facts: rules::SentFacts) -> bool {
            true
        }

        /// What the device answers a server.
        fn answers(&self, message: Message, facts: rules::AnswerFacts) -> Message {
            message
        }
    }
}

pub use decide::{Compared, NAMES, Rival, Rules, Standard, Watched};

/// A request, and another that came before it.
#[derive(Clone, Copy, Debug)]
pub struct CopyFacts {
    /// Both have the same message id.
    pub same_id: bool,
    /// Both come from the same address.
    pub same_sender: bool,
}

/// A datagram that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct SentFacts {
    /// The type of the message.
    pub ty: Type,
    /// Its code.
    pub code: Code,
}

/// A request of a server.
#[derive(Clone, Copy, Debug)]
pub struct AnswerFacts {
    /// The method.
    pub method: Code,
    /// What it is about; the root if that is no path.
    pub path: Path,
    /// The format of what it brings, if it says one.
    pub format: Option<ContentFormat>,
    /// The format that is asked for.
    pub accept: Option<ContentFormat>,
    /// It begins or ends an observation.
    pub observes: bool,
}

/// What a device has to say of itself.
#[derive(Clone, Copy, Debug)]
pub struct RegisterFacts<'a> {
    /// Its name.
    pub endpoint: &'a str,
    /// The life time of its registration, s.
    pub lifetime: u32,
    /// The version that it speaks.
    pub version: Version,
    /// The binding, from the Server object.
    pub binding: &'a str,
    /// It sleeps.
    pub queue_mode: bool,
    /// Its number for SMS.
    pub sms: Option<&'a str>,
}

/// How long a registration lives.
#[derive(Clone, Copy, Debug)]
pub struct LifetimeFacts {
    /// The life time.
    pub lifetime: Duration,
    /// How long a message may take to be given up (MAX_TRANSMIT_WAIT).
    pub transmit_wait: Duration,
}

/// A registration that came to nothing.
#[derive(Clone, Copy, Debug)]
pub struct RetryFacts {
    /// How many there were before.
    pub attempts: u32,
    /// How it was refused, if it was answered.
    pub code: Option<Code>,
    /// How long the server asks to wait.
    pub asked: Option<Duration>,
    /// How often it is tried again.
    pub most: u32,
    /// How long a device waits the first time.
    pub pause: Duration,
}

/// When a device last spoke.
#[derive(Clone, Copy, Debug)]
pub struct AwakeFacts {
    /// It sleeps.
    pub queue_mode: bool,
    /// How long ago it spoke.
    pub since: Duration,
    /// How long it listens.
    pub window: Duration,
}

/// Who sends a request.
#[derive(Clone, Copy, Debug)]
pub struct SenderFacts {
    /// It is one of the device's servers.
    pub known: bool,
    /// It has answered the registration.
    pub registered: bool,
}

/// What access control says of a server and an instance.
#[derive(Clone, Copy, Debug)]
pub struct GrantFacts {
    /// The bits that the operation needs: 1 read, 2 write, 4 execute, 8 delete, 16 create.
    pub needs: i64,
    /// The device has access control at all.
    pub controlled: bool,
    /// The Access Control instance for the instance.
    pub control: Option<Control>,
}

/// An Access Control instance, as one server sees it.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// The server owns it.
    pub owner: bool,
    /// The bits of the server.
    pub own: Option<i64>,
    /// The bits of all who have none of their own.
    pub default: Option<i64>,
}

/// A writable resource that a Write does not name.
#[derive(Clone, Copy, Debug)]
pub struct UnnamedFacts {
    /// The kind of Write.
    pub mode: WriteMode,
    /// An instance cannot be without it.
    pub mandatory: bool,
}

/// A new instance.
#[derive(Clone, Copy, Debug)]
pub struct CreateFacts {
    /// The object may have several.
    pub multiple: bool,
    /// The instance is there already.
    pub exists: bool,
    /// All that has to be written is there.
    pub complete: bool,
}

/// An instance that is to go.
#[derive(Clone, Copy, Debug)]
pub struct DeleteFacts {
    /// The object may have several.
    pub multiple: bool,
    /// It is a server account.
    pub server: bool,
}

/// A content format.
#[derive(Clone, Copy, Debug)]
pub struct OfferFacts {
    /// Which.
    pub format: ContentFormat,
    /// The version of the enabler that the device speaks.
    pub version: Version,
    /// That version knows the format.
    pub known: bool,
}

/// The format of an answer.
#[derive(Clone, Copy, Debug)]
pub struct FormatFacts {
    /// What is asked for.
    pub accept: Option<ContentFormat>,
    /// The device has that format for such values.
    pub offered: bool,
    /// What the device would choose.
    pub own: ContentFormat,
}

/// A value that has changed since it was last told.
#[derive(Clone, Copy, Debug)]
pub struct ChangeFacts {
    /// What was told, if it is a number.
    pub old: Option<f64>,
    /// What is there now, if it is a number.
    pub new: Option<f64>,
    /// The upper threshold.
    pub gt: Option<f64>,
    /// The lower threshold.
    pub lt: Option<f64>,
    /// The step.
    pub st: Option<f64>,
}

/// An observation, and a cancellation.
#[derive(Clone, Copy, Debug)]
pub struct CancelFacts {
    /// Both come from the same server.
    pub same_server: bool,
    /// Both have the same token.
    pub same_token: bool,
}

/// The accounts of a device that wants to register.
#[derive(Clone, Copy, Debug)]
pub struct FallBackFacts {
    /// How many there are.
    pub accounts: usize,
    /// How many have failed for good.
    pub failed: usize,
    /// It has the account of a bootstrap server as well.
    pub bootstrap_account: bool,
}

/// A server, and what a device has to meet it with.
#[derive(Clone, Copy, Debug)]
pub struct SealFacts {
    /// Its account has a key.
    pub keyed: bool,
    /// An association has ended, or did not come about.
    pub failed: bool,
}

/// An operation of the bootstrap interface.
#[derive(Clone, Copy, Debug)]
pub struct BootstrapFacts {
    /// The device has asked for bootstrap, or one is under way.
    pub asked: bool,
    /// It has tried its card and its factory accounts.
    pub tried: bool,
    /// The version that it speaks.
    pub version: Version,
}

/// A device that asks for bootstrap.
#[derive(Clone, Copy, Debug)]
pub struct AskFacts<'a> {
    /// Its name.
    pub endpoint: &'a str,
    /// The format in which it wants to be written to, if it says so.
    pub prefers: Option<ContentFormat>,
}

/// What a Bootstrap-Write is about.
#[derive(Clone, Copy, Debug)]
pub struct PlaceFacts {
    /// An instance that it writes is there already.
    pub exists: bool,
    /// It holds resources that the device does not have.
    pub unknown: bool,
    /// It writes several instances.
    pub several: bool,
}

/// An operation of a bootstrap that has been carried out.
#[derive(Clone, Copy, Debug)]
pub struct GoOnFacts {
    /// It was the end; else it was a Write.
    pub ended: bool,
    /// It was refused.
    pub refused: bool,
    /// How many accounts of servers are whole.
    pub accounts: usize,
}

/// An instance that is within a Bootstrap-Delete.
#[derive(Clone, Copy, Debug)]
pub struct OutliveFacts {
    /// Its object.
    pub object: u16,
    /// It is the account of the bootstrap server.
    pub bootstrap_account: bool,
}

/// What a bootstrap has left.
#[derive(Clone, Copy, Debug)]
pub struct EndFacts {
    /// How many accounts of servers are whole.
    pub accounts: usize,
}

/// How long nothing was heard.
#[derive(Clone, Copy, Debug)]
pub struct SilenceFacts {
    /// So long.
    pub silent: Duration,
    /// EXCHANGE_LIFETIME.
    pub limit: Duration,
}

/// The periods of an observation.
#[derive(Clone, Copy, Debug)]
pub struct PeriodFacts {
    /// The least gap.
    pub least: Duration,
    /// The greatest gap, if there is one.
    pub most: Option<Duration>,
}
