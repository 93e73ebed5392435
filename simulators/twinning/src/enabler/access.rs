//! Who may do what: tokens, scopes, ownership.

use super::refusal::Refusal;
use super::route::Route;
use super::rules::{AccessFacts, MissingFacts, Resource, Scope, ScopeFacts, TokenFacts};
use super::state::Side;
use super::{Enabler, Turn, tokens};

/// The user that stands for the owner of the presented token.
const TOKEN_OWNER: &str = "acr:auth";

/// Somebody whom the enabler lets in.
pub(super) struct Visit {
    /// The address of the user whose resources are meant.
    pub(super) user: String,
}

impl Enabler {
    /// Checks token, scope and user, in this order.
    pub(super) fn admit(&self, turn: Turn<'_>, route: &Route) -> Result<Visit, Refusal> {
        let presented = turn.request.headers.first("Authorization");
        let token = presented
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
            .map(|(_, token)| token.trim());
        let unauthorized = || Refusal::unauthorized(presented.is_some());
        let bearer = token.and_then(|token| self.bearer(turn, token));
        let valid = self.rules.token_is_valid(TokenFacts {
            presented: token.is_some(),
            known: bearer.is_some(),
            expired: bearer.as_ref().is_some_and(|b| b.expired),
            revoked: bearer.as_ref().is_some_and(|b| b.revoked),
        });
        if !valid {
            return Err(unauthorized());
        }
        let needed = scope_of(route.resource, &turn.request.method);
        let held = bearer.as_ref().map_or(&tokens::ALL[..], |b| &b.scopes);
        if !self.rules.scope_covers(ScopeFacts { held, needed }) {
            return Err(Refusal::scope(&tokens::scope_name(needed)));
        }
        let user = match (&bearer, route.user.as_str()) {
            (Some(bearer), TOKEN_OWNER) => bearer.address.clone(),
            (None, TOKEN_OWNER) => return Err(unauthorized()),
            (_, user) => user.to_owned(),
        };
        let own = bearer.is_none_or(|bearer| bearer.address == user);
        let named = route.id.as_ref().and_then(|id| self.state.side(id));
        let of_user = named.is_none_or(|side| side.owner == user);
        if !self.rules.may_access(AccessFacts { own, of_user }) {
            return Err(match own {
                true => Refusal::unknown(404, turn.request.path()),
                false => Refusal::denied(route.user.as_str()),
            });
        }
        Ok(Visit { user })
    }

    /// The twinning that the route names.
    pub(super) fn side_of(&self, turn: Turn<'_>, route: &Route) -> Result<Side, Refusal> {
        let id = route.id.as_deref().unwrap_or_default();
        self.state.side(id).cloned().ok_or_else(|| {
            let status = self.rules.missing(MissingFacts {
                method: &turn.request.method,
                existed: self.state.existed(id),
            });
            Refusal::unknown(status, turn.request.path())
        })
    }
}

/// The scope that an operation needs (digest §9).
fn scope_of(resource: Resource, method: &str) -> Scope {
    match (resource, method) {
        (_, "GET") => Scope::Read,
        (_, "DELETE") => Scope::Deactivate,
        (Resource::Twinnings, _) => Scope::Activate,
        (Resource::Twinning | Resource::StatusPart | Resource::NamePart, _) => Scope::Toggle,
    }
}
