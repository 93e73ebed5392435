//! Requests, responses, refusals, and what is stored on their account.

use twinproof_kernel::http::Request;

use crate::knobs::ToggleStyle;
use crate::message::Role;
use crate::tree::Format;

/// The kinds of resources that an enabler serves (digest §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Resource {
    /// All twinnings of a user (R1).
    Twinnings,
    /// One twinning (R2).
    Twinning,
    /// The status of one twinning (R3).
    StatusPart,
    /// The name of one twinning (R3).
    NamePart,
    /// All subscriptions of a user (R4).
    Subscriptions,
    /// One subscription (R5).
    Subscription,
    /// All notification channels of a user.
    Channels,
    /// One notification channel.
    Channel,
    /// Its lifetime.
    ChannelLifetime,
    /// Where it is polled.
    Poll,
    /// Where the authorization server issues tokens.
    Token,
    /// Where it revokes them.
    Revoke,
    /// The messages of a primary device, a resource of its network.
    Inbox,
}

/// How a body's format is chosen.
#[derive(Clone, Debug)]
pub struct FormatFacts {
    /// What the query's `resFormat` names.
    pub query: Option<Format>,
    /// What Accept names, most wanted first; empty when anything will do.
    pub accept: Vec<Format>,
    /// Whether Accept names only what nobody here can produce.
    pub nothing_acceptable: bool,
    /// The format of the request's body, else the system's own.
    pub default: Format,
}

/// A resource that is not there.
#[derive(Clone, Copy, Debug)]
pub struct MissingFacts<'a> {
    /// What somebody wants to do with it.
    pub method: &'a str,
    /// It was there once.
    pub existed: bool,
}

/// A request for a new twinning that is refused.
#[derive(Clone, Copy, Debug)]
pub struct RefusedFacts {
    /// The part that the device wanted to play.
    pub role: Role,
}

/// Why a request is refused: the rows of the digest's error table (§8).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Refused {
    /// Nothing that the client accepts can be sent.
    Acceptable,
    /// The device is a secondary already.
    AlreadyTwinned,
    /// The body is no document of this API.
    Body,
    /// A kind of notification channel that is not offered.
    Channel,
    /// The activation code is missing, wrong, used or expired.
    Code,
    /// A status or another member of an enumeration does not exist.
    Enumeration,
    /// A client sends what only the server may fill in.
    Item,
    /// The media type is not understood.
    MediaType,
    /// The resource does not have the verb.
    Method,
    /// A part other than the role is not there.
    Missing,
    /// A name that cannot be given.
    Name,
    /// The resource is somebody else's.
    NotYours,
    /// Nobody here knows the operator that is named.
    Operator,
    /// A partner operator does not help.
    Partner,
    /// A request was made before.
    Repeated,
    /// The role is neither primary nor secondary.
    Role,
    /// The role is not there.
    RoleMissing,
    /// A device cannot be in this role as things are.
    RoleMixture,
    /// The token lacks the scope.
    Scope,
    /// Another long poll took the place.
    Superseded,
    /// No token, or none that counts.
    Token,
    /// More than policy allows.
    TooMany,
    /// Nothing is there.
    Unknown,
    /// The update is not allowed.
    Update,
    /// Another value that is not allowed.
    Value,
    /// The version is not served.
    Version,
}

/// What a refusal says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Said {
    /// The status code.
    pub status: u16,
    /// The message id of the requestError.
    pub id: &'static str,
    /// Whether there is a requestError at all.
    pub with_body: bool,
}

/// A refusal that is about to be said.
#[derive(Clone, Copy, Debug)]
pub struct RefusalFacts {
    /// Why.
    pub because: Refused,
    /// What the error table has first for it.
    pub usual: Said,
}

/// A response that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct ResponseFacts<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The resource, where the URL names one.
    pub resource: Option<Resource>,
    /// The request, or an empty one where a partner had to be asked first.
    pub request: &'a Request,
}

/// A record that is about to be written to the store.
#[derive(Clone, Copy, Debug)]
pub struct StoreFacts<'a> {
    /// Its kind: `side`, `code` and so on.
    pub kind: &'a str,
    /// The resource whose request made it, where a request did.
    pub resource: Option<Resource>,
    /// The method of that request.
    pub method: &'a str,
}

/// A resource and the system's way to toggle.
#[derive(Clone, Copy, Debug)]
pub struct VerbFacts {
    /// The resource.
    pub resource: Resource,
    /// How a client sets the status.
    pub toggle_style: ToggleStyle,
}
