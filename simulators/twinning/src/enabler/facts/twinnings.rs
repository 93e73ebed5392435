//! Twinnings and the codes that begin them.

use std::time::Duration;

use crate::knobs::CreateReturns;
use crate::message::{Role, Status};

/// What a client says of the role.
#[derive(Clone, Copy, Debug)]
pub struct RoleFacts<'a> {
    /// As it stands in the request.
    pub text: Option<&'a str>,
    /// The role that this names.
    pub named: Option<Role>,
}

/// What a client says of the status.
#[derive(Clone, Copy, Debug)]
pub struct StatusFacts<'a> {
    /// As it stands in the request.
    pub text: &'a str,
    /// The status that this names.
    pub named: Option<Status>,
}

/// The relationships that a device is in, but for the one that is being made.
#[derive(Clone, Copy, Debug)]
pub struct PartyFacts {
    /// How many twinnings it has as primary.
    pub as_primary: usize,
    /// How many activated twinnings it has as secondary.
    pub as_secondary: usize,
    /// How many of these are with devices of other operators.
    pub abroad: usize,
    /// How many of its twinnings have ended.
    pub ended: usize,
    /// How many codes of its own still wait for a primary.
    pub pending: usize,
}

/// How many secondaries a primary has.
#[derive(Clone, Copy, Debug)]
pub struct RoomFacts {
    /// Now.
    pub secondaries: usize,
    /// What the operator's policy allows.
    pub limit: usize,
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

/// A device's earlier code when it asks for another.
#[derive(Clone, Copy, Debug)]
pub struct EarlierFacts {
    /// The twinning of the earlier code still waits for a primary.
    pub pending: bool,
}

/// A value that the server sets, and what the client would like it to be.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// The server's.
    pub ours: Option<&'a str>,
    /// The client's.
    pub theirs: Option<&'a str>,
}

/// A twinning that comes into being.
#[derive(Clone, Copy, Debug)]
pub struct CreationFacts {
    /// Whose side it is.
    pub role: Role,
    /// The status that the client would like.
    pub asked: Option<Status>,
}

/// What a relationship is called.
#[derive(Clone, Debug)]
pub struct NameFacts<'a> {
    /// What the client wants.
    pub asked: Option<&'a str>,
    /// The names of the primary's other relationships.
    pub taken: &'a [String],
    /// A number that no other twinning has.
    pub serial: u64,
}

/// What a client's update of a twinning would change besides status and name.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpdateFacts {
    /// The element that the client may not write, if it would change one.
    pub foreign: Option<&'static str>,
    /// The name would change, and it is not the primary who asks.
    pub renames_as_secondary: bool,
    /// The status now.
    pub from: Option<Status>,
    /// The status that is asked for.
    pub to: Option<Status>,
}

/// A change of status.
#[derive(Clone, Copy, Debug)]
pub struct ToggleFacts {
    /// Before.
    pub from: Status,
    /// Asked for.
    pub to: Status,
    /// Who asks.
    pub by: Role,
}

/// What happens to a relationship.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// One side deactivates it.
    Deactivation,
    /// The status changes to this.
    Toggle(Status),
}

/// A side of a relationship to which something happens.
#[derive(Clone, Copy, Debug)]
pub struct EndFacts {
    /// What happens.
    pub cause: Cause,
    /// It is the side of the one who causes it.
    pub own: bool,
}

/// A twinning when a list is made.
#[derive(Clone, Copy, Debug)]
pub struct ListFacts {
    /// It belongs to the user whose list it is.
    pub own: bool,
    /// Its status.
    pub status: Status,
}

/// To whom a twinning is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// In the response to its creation.
    Created,
    /// In a list.
    Listed,
    /// In a notification.
    Notified,
    /// When it is read, or in the response to an update.
    Read,
}

/// What a client's creation of a twinning holds that only the server may fill in.
#[derive(Clone, Copy, Debug)]
pub struct CreationItems {
    /// The first such element, if there is one.
    pub foreign: Option<&'static str>,
}

/// A twinning that waits for a primary.
#[derive(Clone, Copy, Debug)]
pub struct WaitingFacts {
    /// Since its code was generated.
    pub age: Duration,
    /// How long codes live.
    pub lifetime: Duration,
}

/// A relationship that one side ends.
#[derive(Clone, Copy, Debug)]
pub struct PartingFacts {
    /// Whose side it is.
    pub by: Role,
    /// Its status.
    pub status: Status,
}

/// A twinning while a request is served that is not about it, or that is refused.
#[derive(Clone, Copy, Debug)]
pub struct KeptFacts<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The request was refused.
    pub refused: bool,
    /// The twinning's status before the request.
    pub status: Status,
}

/// What the profile of the system says of the response to a creation.
#[derive(Clone, Copy, Debug)]
pub struct CreatedFacts {
    /// Whose side was created.
    pub role: Role,
    /// The system's shape.
    pub returns: CreateReturns,
}
