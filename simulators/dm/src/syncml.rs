//! Messages: what the SyncML 1.2 grammar allows a DM peer to say.
//!
//! The types hold only what DM allows. Elements that SyncML knows and DM does not use (`NoResp`,
//! `Lang`, `Archive`, a `Cred` in a command, ...) have no field; a tester who wants to send one
//! builds the [`Element`](crate::document::Element) tree instead.
//!
//! Writing follows the order of the DTD. Reading takes any order, since published examples break
//! it, and lists what was out of order in [`Parsed::deviations`].

pub mod alert;
mod command;
mod emit;
pub mod grammar;
mod item;
mod message;
mod meta;
mod parse;
pub mod status;

pub use alert::AlertCode;
pub use command::{Alert, Block, Command, Exec, Request, Results, Status};
pub use item::{Chal, Cred, Data, Item, Location};
pub use message::{Header, Message};
pub use meta::{Anchor, Format, Mark, Mem, Meta};
pub use parse::{Deviation, DeviationKind, Parsed, Refused};
pub use status::StatusCode;

use crate::error::Basis;

/// The only version of the DTD that DM 1.2 and 1.3 use.
pub const VER_DTD: &str = "1.2";

/// Values of `VerProto`, and how sure we are that a peer of that version says so.
pub static VER_PROTO: [(&str, Basis); 3] = [
    ("DM/1.1", Basis::Peer),
    ("DM/1.2", Basis::Text),
    ("DM/1.3", Basis::Assumed),
];
