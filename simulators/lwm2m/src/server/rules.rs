//! The decisions of a server, each as the texts want it.

use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Token, Type};
use twinproof_kernel::Time;

use crate::wire::Version;

twinproof_kernel::rules! {
    /// The decisions.
    pub mod decide {
        use std::net::SocketAddr;
        use std::time::Duration;
        use twinproof_coap::Code;
        use twinproof_coap::ContentFormat;
        use twinproof_coap::Message;
        use twinproof_coap::Type;
        use twinproof_kernel::Time;
        use crate::server::rules;
        use crate::upper::Answer;
        use crate::upper::CancelBy;
        use crate::wire::Version;
        use crate::wire::links::ObjectList;

        /// Why a registration under this name is refused (TS 1.0.2 §5.3.1: a client has one).
        fn refuses_name(&self, name: Option<&str>) -> Option<Code> {
            name.is_none_or(str::is_empty).then_some(Code::BAD_REQUEST)
        }

        /// The life time that a client asks for (TS §5.3.1: a day if it says none).
        fn lifetime(&self, said: Option<&str>) -> Result<Duration, Code> {
            let Some(said) = said else {
                return Ok(Duration::from_secs(86_400));
            };
            match said.parse::<u32>() {
                Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
                _ => Err(Code::BAD_REQUEST),
            }
        }

        /// The version that a client speaks (TS §5.3.1: it says so, and one that the server does not
        /// support is refused as such).
        fn version(&self, facts: rules::VersionFacts<'_>) -> Result<Version, Code> {
            let said: Version = facts.said.and_then(|said| said.parse().ok()).ok_or(Code::BAD_REQUEST)?;
            let supported = said.major == facts.own.major && said <= facts.own;
            supported.then_some(said).ok_or(Code::PRECONDITION_FAILED)
        }

        /// Whether a client is one that sleeps, by its binding (TS 1.0.2 §5.3.1.1) and, from LwM2M 1.1
        /// on, by an argument of its own; an unknown binding is refused.
        fn queue_mode(&self, facts: rules::BindingFacts<'_>) -> Result<bool, Code> {
            let known = match facts.version {
                Version::V1_0 => "UQS",
                Version::V1_1 => "UTSN",
                _ => "UTSNMH",
            };
            let binding = facts.binding.unwrap_or("U");
            let once = |letter: char| binding.matches(letter).count() == 1;
            if binding.is_empty() || !binding.chars().all(|letter| known.contains(letter) && once(letter)) {
                return Err(Code::BAD_REQUEST);
            }
            Ok(facts.queue_argument || binding.contains('Q'))
        }

        /// The list of objects that a client sends (TS §5.3.1: in link-format). One that says no format
        /// is read all the same.
        fn list(&self, facts: rules::ListFacts<'_>) -> Result<ObjectList, Code> {
            if facts.format.is_some_and(|format| format != ContentFormat::LINK_FORMAT) {
                return Err(Code::BAD_REQUEST);
            }
            match ObjectList::parse(facts.body) {
                Ok(list) if !list.items.is_empty() => Ok(list),
                _ => Err(Code::BAD_REQUEST),
            }
        }

        /// Whether a registration takes the place of another (TS §5.3.1: of that with the same name).
        fn replaces(&self, facts: rules::ReplaceFacts) -> bool {
            facts.same_name
        }

        /// When a registration ends, if it does: a life time after it was last heard of (TS §5.3).
        fn ends(&self, facts: rules::LifeFacts) -> Option<Time> {
            Some(facts.updated + facts.lifetime)
        }

        /// Why a client is not registered under a name (TS §6.2, §7.1: who has shown to be one endpoint is
        /// no other; an endpoint that has credentials shows them).
        fn refuses_peer(&self, facts: rules::PeerFacts) -> Option<Code> {
            match facts {
                rules::PeerFacts { shown: true, own: false, .. } => Some(Code::BAD_REQUEST),
                rules::PeerFacts { shown: false, has_credentials: true, .. } => Some(Code::FORBIDDEN),
                _ => None,
            }
        }

        /// The key of a client that begins a handshake under an identity, if it has one (TS §7.1.1: its own).
        fn key(&self, facts: rules::KeyFacts<'_>) -> Option<Vec<u8>> {
            facts.own.map(<[u8]>::to_vec)
        }

        /// Whether what a record holds is taken (RFC 6347 §4.1.2.6, §4.1.2.7: it is authentic, and did not
        /// come before).
        fn takes_record(&self, facts: rules::RecordFacts) -> bool {
            facts.authentic && !facts.came_before && facts.protected
        }

        /// Why a request for a registration is refused (TS §5.3.2, §5.3.3: there is none there). That
        /// of another client is nobody's business.
        fn refuses_location(&self, facts: rules::LocationFacts) -> Option<Code> {
            (!facts.known || facts.from_another || facts.of_another_identity).then_some(Code::NOT_FOUND)
        }

        /// Whether the oldest registration makes room for a new one (TS §5.3: it lives as long as its
        /// life time).
        fn makes_room(&self, facts: rules::CrowdFacts) -> bool {
            false
        }

        /// The life time after an update (TS §5.3.2).
        fn lifetime_after(&self, old: Duration, said: Option<Duration>) -> Duration {
            said.unwrap_or(old)
        }

        /// The list after an update (TS §5.3.2: the new one, whole).
        fn list_after(&self, old: Arc<ObjectList>, said: Option<Arc<ObjectList>>) -> Arc<ObjectList> {
            said.unwrap_or(old)
        }

        /// Where a client is after an update (TS §5.3.2: where the update came from).
        fn address_after(&self, facts: rules::MoveFacts) -> SocketAddr {
            facts.from
        }

        /// Whether a registration that was asked to go goes (TS §5.3.3).
        fn removes(&self, facts: rules::LocationFacts) -> bool {
            facts.known
        }

        /// Whether an operation is sent to a client (TS §5.4: to one that is registered).
        fn is_managed(&self, facts: rules::ManageFacts) -> bool {
            facts.registered
        }

        /// Where an operation goes (TS §5.3.1: to where its client is).
        fn goes_to(&self, facts: rules::PlaceFacts) -> SocketAddr {
            facts.own
        }

        /// Whether an operation has to wait (TS §8.4: for a client in queue mode while it sleeps, and
        /// while it has another to answer).
        fn holds(&self, facts: rules::HoldFacts) -> bool {
            facts.queue_mode && (facts.silent || facts.under_way > 0 || facts.since >= facts.awake)
        }

        /// Whether what was observed is observed anew (TS §5.5.1: after each registration; and where the
        /// client is now, since what it knew of the old address is worth nothing).
        fn renews(&self, facts: rules::RenewFacts) -> bool {
            facts.registers || facts.moves
        }

        /// Whether the server listens on to what it observes (TS §5.5.1: as long as the client is
        /// registered).
        fn observes_on(&self, facts: rules::ToldFacts) -> bool {
            facts.registered
        }

        /// Whether an application is told of what a client reports, asked or unasked (TS §5.5, TS 1.1.1
        /// §6.4.6: of a client that is registered).
        fn is_told(&self, facts: rules::ToldFacts) -> bool {
            facts.registered
        }

        /// Whether a notification is worth telling (RFC 7641 §3.4: it is newer than the last; RFC 7252
        /// §4.5, §5.3.2: it is no copy, and belongs to an observation).
        fn is_news(&self, facts: rules::NewsFacts) -> bool {
            facts.expected && facts.newer && !facts.copy
        }

        /// With what a message that answers is answered, if at all (RFC 7252 §4.2, §4.3: a confirmable
        /// one with an acknowledgement; what belongs to nothing with a Reset).
        fn confirms(&self, facts: rules::ConfirmFacts) -> Option<Type> {
            match facts.expected {
                true => facts.confirmable.then_some(Type::Ack),
                false => Some(Type::Rst),
            }
        }

        /// Whether a notification with this code ends its observation (RFC 7641 §4.2: an error does,
        /// and so does one without a number).
        fn ends_observation(&self, code: Code) -> bool {
            true
        }

        /// How a client is told that it is observed no more, if at all, where an application asks for it
        /// in this way (RFC 7641 §3.6: either way).
        fn cancels(&self, by: CancelBy) -> Option<CancelBy> {
            Some(by)
        }

        /// Why values that a client sends unasked are refused (TS 1.1.1 §6.4.6: it is registered, and
        /// so are their objects).
        fn refuses_values(&self, facts: rules::SendFacts) -> Option<Code> {
            match facts {
                rules::SendFacts { registered: false, .. } => Some(Code::NOT_FOUND),
                rules::SendFacts { readable: false, .. } => Some(Code::BAD_REQUEST),
                rules::SendFacts { listed: false, .. } => Some(Code::NOT_FOUND),
                rules::SendFacts { .. } => None,
            }
        }

        /// What is read instead of a datagram that came: nothing, since what is no message is rejected
        /// (RFC 7252 §3, §4.2), what has unknown critical options is refused (§5.4.1), and an answer
        /// without the token of its request is none (§5.3.2).
        fn reads(&self, facts: rules::DatagramFacts<'_>) -> Option<Vec<u8>> {
            None
        }

        /// Whether a request is a copy of another (RFC 7252 §4.5: of that of the same sender with the
        /// same message id).
        fn is_copy(&self, facts: rules::CopyFacts) -> bool {
            facts.same_id && facts.same_sender
        }

        /// Whether a datagram that is to be sent is sent.
        fn sends(&self, facts: rules::SentFacts) -> bool {
            true
        }

        /// What the server answers a client.
        fn answers(&self, message: Message, facts: rules::AnswerFacts) -> Message {
            message
        }

        /// What the server asks a client.
        fn asks(&self, message: Message, facts: rules::AskFacts) -> Message {
            message
        }

        /// What the server tells its application of an operation.
        fn tells(&self, answer: Answer, facts: rules::TellFacts) -> Answer {
            answer
        }
    }
}

pub use decide::{Compared, NAMES, Rival, Rules, Standard, Watched};

/// A datagram as it came.
#[derive(Clone, Copy, Debug)]
pub struct DatagramFacts<'a> {
    /// Its octets.
    pub datagram: &'a [u8],
    /// The token of the request of ours that has its message id, if one is under way to its sender.
    pub asked: Option<Token>,
}

/// A request, and another that came before it.
#[derive(Clone, Copy, Debug)]
pub struct CopyFacts {
    /// Both have the same message id.
    pub same_id: bool,
    /// Both come from the same address.
    pub same_sender: bool,
    /// Both come from the same address, and its message id is one that comes before.
    pub older: bool,
}

/// A datagram that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct SentFacts {
    /// The type of the message.
    pub ty: Type,
    /// Its code.
    pub code: Code,
}

/// The version in a registration.
#[derive(Clone, Copy, Debug)]
pub struct VersionFacts<'a> {
    /// What the client says.
    pub said: Option<&'a str>,
    /// The newest version that the server supports.
    pub own: Version,
}

/// How a client can be reached.
#[derive(Clone, Copy, Debug)]
pub struct BindingFacts<'a> {
    /// What it says.
    pub binding: Option<&'a str>,
    /// Whether it has the argument `Q`.
    pub queue_argument: bool,
    /// The version that it speaks.
    pub version: Version,
}

/// A list of objects as it came.
#[derive(Clone, Copy, Debug)]
pub struct ListFacts<'a> {
    /// Content-Format.
    pub format: Option<ContentFormat>,
    /// The body.
    pub body: &'a [u8],
}

/// A registration that is there when another is made.
#[derive(Clone, Copy, Debug)]
pub struct ReplaceFacts {
    /// Both have the same name.
    pub same_name: bool,
    /// Both come from the same address and port.
    pub same_address: bool,
    /// Both come from the same address, whatever the port.
    pub same_host: bool,
}

/// How long a registration is there.
#[derive(Clone, Copy, Debug)]
pub struct LifeFacts {
    /// When it was made.
    pub registered: Time,
    /// When it was made or last updated.
    pub updated: Time,
    /// How long it lives.
    pub lifetime: Duration,
}

/// Who asks to be registered under a name.
#[derive(Clone, Copy, Debug)]
pub struct PeerFacts {
    /// It comes over a secured association, and so has shown who it is.
    pub shown: bool,
    /// It is the endpoint of that name that it has shown to be.
    pub own: bool,
    /// The endpoint of that name has credentials.
    pub has_credentials: bool,
}

/// Who begins a handshake.
#[derive(Clone, Copy, Debug)]
pub struct KeyFacts<'a> {
    /// The key of the identity that it claims, if it is known.
    pub own: Option<&'a [u8]>,
    /// The key that was handed out first of all.
    pub first: Option<&'a [u8]>,
    /// How often a key was asked for under this identity before.
    pub before: usize,
}

/// A record that has come over an association.
#[derive(Clone, Copy, Debug)]
pub struct RecordFacts {
    /// It was sealed with the keys of the association, and nothing has changed it on the way.
    pub authentic: bool,
    /// One with its number came before, or it is older than is remembered.
    pub came_before: bool,
    /// It is of the epoch that has keys.
    pub protected: bool,
}

/// A location that somebody names.
#[derive(Clone, Copy, Debug)]
pub struct LocationFacts {
    /// There is a registration.
    pub known: bool,
    /// It comes from the client's own address.
    pub same_address: bool,
    /// It comes from the address of a client with another name.
    pub from_another: bool,
    /// Its client had shown who it is when it registered, and who asks now has not, or is another.
    pub of_another_identity: bool,
}

/// A registration that is added to others.
#[derive(Clone, Copy, Debug)]
pub struct CrowdFacts {
    /// How many there are now.
    pub registered: usize,
}

/// Where an operation could go.
#[derive(Clone, Copy, Debug)]
pub struct PlaceFacts {
    /// Where its client is.
    pub own: SocketAddr,
    /// Where the client is that registered last.
    pub newest: SocketAddr,
}

/// Where an update comes from.
#[derive(Clone, Copy, Debug)]
pub struct MoveFacts {
    /// Where the client was.
    pub old: SocketAddr,
    /// Where the update comes from.
    pub from: SocketAddr,
}

/// Whom an application wants managed.
#[derive(Clone, Copy, Debug)]
pub struct ManageFacts {
    /// It is registered.
    pub registered: bool,
    /// The object that is managed; none if there are several.
    pub object: Option<u16>,
}

/// Whether a client listens.
#[derive(Clone, Copy, Debug)]
pub struct HoldFacts {
    /// It is one that sleeps.
    pub queue_mode: bool,
    /// How long ago it was heard.
    pub since: Duration,
    /// How long such clients listen after they were heard.
    pub awake: Duration,
    /// It did not answer since it was heard.
    pub silent: bool,
    /// How many operations it has to answer.
    pub under_way: usize,
}

/// An observation whose client is heard of.
#[derive(Clone, Copy, Debug)]
pub struct RenewFacts {
    /// It registers.
    pub registers: bool,
    /// It is at another address than before.
    pub moves: bool,
}

/// What a client has to say of what is observed.
#[derive(Clone, Copy, Debug)]
pub struct ToldFacts {
    /// Its client is registered.
    pub registered: bool,
}

/// A notification.
#[derive(Clone, Copy, Debug)]
pub struct NewsFacts {
    /// It belongs to an observation.
    pub expected: bool,
    /// It was there before: the same message once more.
    pub copy: bool,
    /// It is newer than the newest before it.
    pub newer: bool,
    /// The sequence number of the newest before it.
    pub newest: u32,
    /// Its own sequence number.
    pub got: u32,
}

/// A message that answers a request of ours, or pretends to.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmFacts {
    /// It is confirmable.
    pub confirmable: bool,
    /// It belongs to a request or an observation.
    pub expected: bool,
    /// It was there before: the same message once more.
    pub copy: bool,
}

/// Values that a client sends unasked.
#[derive(Clone, Copy, Debug)]
pub struct SendFacts {
    /// The format of the values, if one is said.
    pub format: Option<ContentFormat>,
    /// The client is registered.
    pub registered: bool,
    /// The values can be read.
    pub readable: bool,
    /// Their objects are in the client's list.
    pub listed: bool,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// To be forgotten.
    Deregister,
    /// Something that is nobody's business here.
    Other,
    /// To be registered.
    Register,
    /// To have values taken.
    Send,
    /// To be remembered.
    Update,
}

/// A request of a client.
#[derive(Clone, Copy, Debug)]
pub struct AnswerFacts {
    /// What it asks for.
    pub asked: Asked,
}

/// The operations of an application, as far as clients hear of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Ending an observation.
    Cancel,
    /// Creating an instance.
    Create,
    /// Deleting.
    Delete,
    /// Discovering.
    Discover,
    /// Executing.
    Execute,
    /// Beginning an observation.
    Observe,
    /// Reading, at one place or several.
    Read,
    /// Writing values, at one place or several.
    Write,
    /// Writing attributes.
    WriteAttributes,
}

/// An operation that is sent.
#[derive(Clone, Copy, Debug)]
pub struct AskFacts {
    /// Which.
    pub kind: Kind,
}

/// An operation that has come to an end.
#[derive(Clone, Copy, Debug)]
pub struct TellFacts {
    /// Which.
    pub kind: Kind,
}
