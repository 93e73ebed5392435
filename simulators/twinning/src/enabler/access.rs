//! Who may do what: tokens, scopes, ownership.

use super::refusal::Refusal;
use super::route::Route;
use super::rules::{
    AccessFacts, MissingFacts, PartnerFacts, ReachFacts, Resource, Scope, ScopeFacts,
};
use super::state::Side;
use super::{Enabler, Turn, tokens};
use crate::message::{Role, Status};

/// The user that stands for the owner of the presented token.
const TOKEN_OWNER: &str = "acr:auth";

/// Somebody whom the enabler lets in.
pub(super) struct Visit {
    /// The address of the user whose resources are meant.
    pub(super) user: String,
    /// The partner operator that asks, if one does.
    pub(super) partner: Option<String>,
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
        let partner = bearer
            .as_ref()
            .filter(|b| b.partner)
            .map(|b| b.address.clone());
        let needed = match partner {
            Some(_) => Scope::InterOperator,
            None => scope_of(route.resource, &turn.request.method),
        };
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
        if let Some(mno) = partner {
            return self.admit_partner(turn, route, mno);
        }
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
        Ok(Visit {
            user,
            partner: None,
        })
    }

    /// Lets a partner in: for what it creates, and for the relationships that it shares.
    fn admit_partner(&self, turn: Turn<'_>, route: &Route, mno: String) -> Result<Visit, Refusal> {
        let named = route.id.as_ref().and_then(|id| self.state.side(id));
        let named = named.filter(|side| side.owner == route.user);
        let creates = route.resource == Resource::Twinnings && turn.request.method == "POST";
        let twinning = matches!(route.resource, Resource::Twinning | Resource::StatusPart);
        let may = self.rules.partner_may(PartnerFacts {
            creates,
            shares: twinning && named.is_some_and(|side| self.is_shared_with(side, &mno)),
        });
        match (may, named.is_some() || creates || !twinning) {
            (true, _) => Ok(Visit {
                user: route.user.clone(),
                partner: Some(mno),
            }),
            (false, true) => Err(Refusal::denied(turn.request.path())),
            (false, false) => Err(Refusal::unknown(404, turn.request.path())),
        }
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
        (
            Resource::Channel
            | Resource::ChannelLifetime
            | Resource::Channels
            | Resource::Poll
            | Resource::Subscription
            | Resource::Subscriptions,
            _,
        ) => Scope::Subscription,
        (_, "GET") => Scope::Read,
        (_, "DELETE") => Scope::Deactivate,
        (Resource::Twinnings, _) => Scope::Activate,
        _ => Scope::Toggle,
    }
}
