//! Who asks, and with what right.

use std::time::Duration;

use crate::message::{Role, Status};

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

/// A token that is about to be issued to a secondary's application.
#[derive(Clone, Copy, Debug)]
pub struct NewTokenFacts<'a> {
    /// A value that nobody has.
    pub fresh: &'a str,
    /// The token of the primary, where the primary has one here.
    pub primarys: Option<&'a str>,
}
