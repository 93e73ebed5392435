//! Who may do what: tokens, scopes, ownership.

use super::refusal::Refusal;
use super::route::Route;
use super::rules::{AccessFacts, MissingFacts, ReachFacts, Resource, Scope, ScopeFacts};
use super::state::Side;
use super::{Enabler, Turn, tokens};
use crate::message::{Role, Status};

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
        let token = tokens::presented(turn);
        let unauthorized = || Refusal::unauthorized(token.is_some());
        let bearer = token.and_then(|token| self.bearer(turn, token));
        if !self.token_is_valid(token.is_some(), bearer.as_ref()) {
            return Err(unauthorized());
        }
        let needed = scope_of(route.resource, &turn.request.method);
        let held = bearer.as_ref().map_or(&tokens::ALL[..], |b| &b.scopes);
        if !self.rules.scope_covers(ScopeFacts { held, needed }) {
            return Err(Refusal::scope(&turn.config.scope_name(Some(needed))));
        }
        let user = match (&bearer, route.user.as_str()) {
            (Some(bearer), TOKEN_OWNER) => bearer.address.clone(),
            (None, TOKEN_OWNER) => return Err(unauthorized()),
            (_, user) => user.to_owned(),
        };
        let own = bearer.as_ref().is_none_or(|b| b.address == user);
        let named = route.id.as_ref().and_then(|id| self.state.side(id));
        let of_user = named.is_none_or(|side| side.owner == user);
        if !self.rules.may_access(AccessFacts { own, of_user }) {
            return Err(match own {
                true => Refusal::unknown(404, turn.request.path()),
                false => Refusal::denied(route.user.as_str()),
            });
        }
        let relation = bearer.as_ref().and_then(|b| b.relation.as_ref());
        let reaches = self.rules.token_reaches(ReachFacts {
            operation: needed,
            secondary: named.is_some_and(|side| side.role == Role::Secondary),
            activated: named.is_some_and(|side| side.status != Status::Pending),
            for_relationship: relation.is_some(),
            for_this: relation.is_some() && relation == named.map(|side| &side.id),
        });
        if named.is_some() && !reaches {
            return Err(Refusal::denied(turn.request.path()));
        }
        Ok(Visit { user })
    }

    /// The twinning that the route names.
    pub(super) fn side_of(&self, turn: Turn<'_>, route: &Route) -> Result<Side, Refusal> {
        let id = route.id.as_deref().unwrap_or_default();
        self.state.side(id).cloned().ok_or_else(|| {
            let status = self.rules.missing(MissingFacts {
                method: &turn.request.method,
                existed: self.state.existed("tw", id),
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
        _ => Scope::Toggle,
    }
}
