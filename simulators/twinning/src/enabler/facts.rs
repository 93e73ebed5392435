//! What the enabler's decisions are taken from.

use std::time::Duration;

use twinproof_kernel::http::Request;

use crate::knobs::{CreateReturns, ToggleStyle};
use crate::message::{Role, Status, Twinning};
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

/// What a client wants to do; each is a scope of its own (digest §9).
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub enum Scope {
    /// Ask for a code or use one.
    Activate,
    /// Read a twinning or a list of them.
    Read,
    /// Change status or name.
    Toggle,
    /// End a twinning.
    Deactivate,
    /// Subscribe to notifications.
    Subscription,
    /// Act as a partner operator.
    InterOperator,
}

/// The version that a URL names.
#[derive(Clone, Copy, Debug)]
pub struct VersionFacts<'a> {
    /// In the URL.
    pub asked: &'a str,
    /// What the enabler serves.
    pub served: &'a str,
}

/// A request's body.
#[derive(Clone, Debug)]
pub struct DocumentFacts<'a> {
    /// It is well-formed.
    pub readable: bool,
    /// Its root is the one that the resource takes.
    pub root_expected: bool,
    /// Elements that the type does not have.
    pub unknown: &'a [String],
}

/// A presented access token.
#[derive(Clone, Copy, Debug)]
pub struct TokenFacts {
    /// The request carries one.
    pub presented: bool,
    /// This system issued it or has it provisioned.
    pub known: bool,
    /// Its time is over.
    pub expired: bool,
    /// It was revoked, or the relationship that it belongs to has ended.
    pub revoked: bool,
}

/// What a token was issued for, and what is asked with it.
#[derive(Clone, Copy, Debug)]
pub struct ScopeFacts<'a> {
    /// The scopes of the token.
    pub held: &'a [Scope],
    /// The scope that the operation needs.
    pub needed: Scope,
}

/// Who asks for whose resource.
#[derive(Clone, Copy, Debug)]
pub struct AccessFacts {
    /// The token belongs to the user in the URL.
    pub own: bool,
    /// The resource that is named belongs to the user in the URL; true where none is named.
    pub of_user: bool,
}

/// What a token may do with a twinning that is named.
#[derive(Clone, Copy, Debug)]
pub struct ReachFacts {
    /// What is asked.
    pub operation: Scope,
    /// It is a secondary's side.
    pub secondary: bool,
    /// The relationship has begun.
    pub activated: bool,
    /// The token was issued for a secondary's relationship.
    pub for_relationship: bool,
    /// Namely this one.
    pub for_this: bool,
}

/// A device whose application asks for a token with its own credentials.
#[derive(Clone, Copy, Debug)]
pub struct ObtainFacts {
    /// How many twinnings it has as primary.
    pub as_primary: usize,
    /// How many activated twinnings it has as secondary.
    pub as_secondary: usize,
}

/// A scope that a client names.
#[derive(Clone, Debug)]
pub struct ScopeName<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it stands for, if it is one of this API's.
    pub known: Option<Vec<Scope>>,
}

/// An authorization code that a client presents.
#[derive(Clone, Copy, Debug)]
pub struct GrantFacts {
    /// It was generated here.
    pub known: bool,
    /// It was redeemed before.
    pub redeemed: bool,
    /// Since its generation.
    pub age: Duration,
    /// What the operator's policy allows.
    pub lifetime: Duration,
    /// The client is the one that it was made for.
    pub own_client: bool,
    /// Its relationship has not ended.
    pub live: bool,
}

/// An authorization code that is presented, once more or not.
#[derive(Clone, Copy, Debug)]
pub struct ReuseFacts {
    /// It was redeemed before.
    pub redeemed: bool,
}

/// A refresh token that a client presents.
#[derive(Clone, Copy, Debug)]
pub struct RefreshFacts {
    /// It was issued here.
    pub known: bool,
    /// It was revoked.
    pub revoked: bool,
    /// The client is the one that it was issued to.
    pub own_client: bool,
    /// Its relationship has not ended.
    pub live: bool,
}

/// A token when a relationship ends.
#[derive(Clone, Copy, Debug)]
pub struct TokenEndFacts {
    /// It was issued for this relationship.
    pub of_relationship: bool,
    /// It is a refresh token.
    pub refresh: bool,
}

/// A valid token that is presented to the primary's network.
#[derive(Clone, Copy, Debug)]
pub struct NetworkFacts {
    /// It was issued for a primary's network.
    pub for_network: bool,
    /// Namely for this primary's.
    pub of_this_primary: bool,
}

/// An authorization code when a twinning is shown.
#[derive(Clone, Copy, Debug)]
pub struct AuthCodeFacts {
    /// Whose side it is.
    pub role: Role,
    /// Its status.
    pub status: Status,
    /// The code was redeemed.
    pub redeemed: bool,
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

/// A resource that is not there.
#[derive(Clone, Copy, Debug)]
pub struct MissingFacts<'a> {
    /// What somebody wants to do with it.
    pub method: &'a str,
    /// It was there once.
    pub existed: bool,
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

/// A subscription when something happens.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionFacts {
    /// Its client ended it.
    pub cancelled: bool,
    /// Since it began.
    pub age: Duration,
    /// How long it was to last.
    pub duration: Duration,
}

/// How long a subscription is to last.
#[derive(Clone, Copy, Debug)]
pub struct DurationFacts {
    /// What its client asks for; nothing, or zero seconds, leaves it to the system.
    pub asked: Option<Duration>,
    /// What the system has for those that leave it open.
    pub usual: Duration,
    /// The subscription is there already, and its client asks for more time.
    pub prolongs: bool,
}

/// A long poll of a notification channel.
#[derive(Clone, Copy, Debug)]
pub struct PollFacts {
    /// How many notifications wait.
    pub waiting: usize,
    /// How many the client takes at once, if it said.
    pub at_most: Option<usize>,
}

/// A notification channel that a client wants.
#[derive(Clone, Copy, Debug)]
pub struct ChannelFacts<'a> {
    /// Its type.
    pub kind: &'a str,
}

/// A request that may have been made before.
#[derive(Clone, Copy, Debug)]
pub struct CorrelatorFacts {
    /// The same client made one.
    pub same_client: bool,
    /// With the same correlator.
    pub same_value: bool,
    /// What it made is still there.
    pub live: bool,
}

/// A subscriber when a relationship's status is set.
#[derive(Clone, Copy, Debug)]
pub struct NotifyFacts {
    /// The subscriber has the other side of the relationship.
    pub other_side: bool,
    /// The subscriber has the side that set the status.
    pub own_side: bool,
    /// The status is another one now.
    pub effective: bool,
}

/// A notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// What the subscriber wanted to be sent along.
    pub callback_data: Option<String>,
    /// The twinning that changed, as the subscriber has it.
    pub twinning: Twinning,
    /// The subscription's URL.
    pub link: Option<String>,
}

/// How a request of the enabler's own went.
#[derive(Clone, Copy, Debug)]
pub struct RetryFacts {
    /// How often it was tried.
    pub attempt: u32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
}

/// Where a code comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CodeSource {
    /// The enabler itself.
    Own,
    /// The operator that the secondary names.
    Partner,
    /// Nowhere: the request is refused.
    Refused,
}

/// What a secondary says of the primary's operator.
#[derive(Clone, Copy, Debug)]
pub struct SourceFacts<'a> {
    /// The operator that it names.
    pub named: Option<&'a str>,
    /// The enabler's own.
    pub own: &'a str,
    /// The named one is a partner.
    pub partner: bool,
}

/// A partner that did not do what it was asked.
#[derive(Clone, Copy, Debug)]
pub struct FailureFacts {
    /// The status of its answer, if there was one.
    pub status: Option<u16>,
}

/// A change of a relationship whose other side is at a partner.
#[derive(Clone, Copy, Debug)]
pub struct PropagationFacts {
    /// The partner made it.
    pub by_partner: bool,
    /// Something is other than before.
    pub effective: bool,
    /// The twinning is shared with a partner.
    pub shared: bool,
}

/// A partner that asks for something.
#[derive(Clone, Copy, Debug)]
pub struct PartnerFacts {
    /// It names no twinning: it asks for a code or uses one.
    pub creates: bool,
    /// The twinning that it names is of a relationship that it shares.
    pub shares: bool,
}

/// What is said to a partner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PartnerMessage {
    /// A primary of ours uses a code of the partner's.
    Activation,
    /// A secondary of ours wants a code of the partner's.
    CodeRequest,
    /// The data of an activation.
    Introduction,
    /// A relationship has ended.
    Parting,
    /// A status has changed.
    Toggle,
}

/// A request for a new twinning that is refused.
#[derive(Clone, Copy, Debug)]
pub struct RefusedFacts {
    /// The part that the device wanted to play.
    pub role: Role,
}

/// A token that is about to be issued to a secondary's application.
#[derive(Clone, Copy, Debug)]
pub struct NewTokenFacts<'a> {
    /// A value that nobody has.
    pub fresh: &'a str,
    /// The token of the primary, where the primary has one here.
    pub primarys: Option<&'a str>,
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

/// A request to subscribe that was made before.
#[derive(Clone, Copy, Debug)]
pub struct RepetitionFacts {
    /// The status of a creation.
    pub creation: u16,
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

/// A delivery to a subscriber.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryFacts {
    /// How many notifications were decided before it.
    pub serial: u64,
}

/// A relationship that one side ends.
#[derive(Clone, Copy, Debug)]
pub struct PartingFacts {
    /// Whose side it is.
    pub by: Role,
    /// Its status.
    pub status: Status,
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

/// What the profile of the system says of the response to a creation.
#[derive(Clone, Copy, Debug)]
pub struct CreatedFacts {
    /// Whose side was created.
    pub role: Role,
    /// The system's shape.
    pub returns: CreateReturns,
}

/// A resource and the system's way to toggle.
#[derive(Clone, Copy, Debug)]
pub struct VerbFacts {
    /// The resource.
    pub resource: Resource,
    /// How a client sets the status.
    pub toggle_style: ToggleStyle,
}
