//! A whole message.

use super::{Command, Cred, Location, Meta};

/// `SyncML`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `SyncHdr`.
    pub header: Header,
    /// The commands of `SyncBody`, in order.
    pub commands: Vec<Command>,
    /// `Final`: the last message of its package.
    pub is_final: bool,
}

/// `SyncHdr`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `VerDTD`; see [`VER_DTD`](super::VER_DTD).
    pub ver_dtd: String,
    /// `VerProto`; see [`VER_PROTO`](super::VER_PROTO).
    pub ver_proto: String,
    /// `SessionID`: the same in the whole session.
    pub session_id: String,
    /// `MsgID`: rises by one with each message of a sender.
    pub msg_id: String,
    /// `Target`: the receiver.
    pub target: Location,
    /// `Source`: the sender; its name is the user name for digests.
    pub source: Location,
    /// `RespURI`: where the answer has to go.
    pub resp_uri: Option<String>,
    /// `Cred`.
    pub cred: Option<Cred>,
    /// `Meta`: sizes that the sender can take.
    pub meta: Option<Meta>,
}
