//! Checks on tokens and authorization codes (HLF-SD-005, HLF-SD-009, OAU-001, OAU-002, CR-N10).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_twinning::message::{RequestError, Twinning};

use super::{incomparable, served, twinning, with};
use crate::checks::{Context, Found};
use crate::scene::{Exchange, Scene};

/// A check and its arguments. Exchanges are named by their numbers in the scene.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The authorization server gave a token.
    TokenGranted {
        /// The exchange.
        exchange: u64,
    },
    /// The authorization server gave no token, and said why.
    TokenRefused {
        /// The exchange.
        exchange: u64,
        /// The error that it should name.
        error: String,
    },
    /// No answer of the authorization server brought anything to renew an access with, so no renewal
    /// can be refused.
    NothingToRenew,
    /// The authorization server tells caches not to keep the token.
    TokenNotCached {
        /// The exchange.
        exchange: u64,
    },
    /// A token opens a resource.
    AccessGiven {
        /// The exchange.
        exchange: u64,
    },
    /// A token opens nothing: the request was refused for what it presented.
    AccessDenied {
        /// The exchange.
        exchange: u64,
        /// What was refused may be gone together with the access to it.
        or_gone: bool,
    },
    /// A caller that may not be let in is told how to authenticate.
    Challenged {
        /// The exchange.
        exchange: u64,
    },
    /// The authorization codes in these answers are all there and all different.
    AuthCodesDiffer {
        /// The exchanges.
        exchanges: Vec<u64>,
    },
    /// Two devices use different tokens for their twinnings.
    TokensDiffer {
        /// An exchange of the one.
        one: u64,
        /// An exchange of the other.
        other: u64,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::TokenGranted { exchange } => served(scene, *exchange, |seen| {
                let expected = "a bearer token";
                let answer = json(seen);
                let text = |name: &str| Some(answer.as_ref()?.get(name)?.as_str()?.to_owned());
                let token = text("access_token").is_some_and(|token| !token.is_empty());
                let bearer = text("token_type").is_some_and(|t| t.eq_ignore_ascii_case("bearer"));
                let success = seen.response.as_ref().is_some_and(|r| r.is_success());
                let found = match (success && token, bearer) {
                    (true, true) => Found::decide(true, expected, "a bearer token"),
                    (true, false) => Found::decide(false, expected, "a token that names no type")
                        .by("RFC 6749 §5.1")
                        .advisory(),
                    (false, _) => Found::decide(false, expected, seen.outcome()),
                };
                Grant::of(seen).carry(found)
            }),
            Self::TokenRefused { exchange, error } => {
                with(scene, *exchange, |seen| token_refused(seen, error))
            }
            Self::NothingToRenew => nothing_to_renew(scene),
            Self::TokenNotCached { exchange } => with(scene, *exchange, |seen| {
                let expected = "Cache-Control: no-store on the answer that holds a token";
                let got = seen
                    .response
                    .as_ref()
                    .and_then(|r| r.headers.first("Cache-Control"))
                    .unwrap_or("no Cache-Control");
                Found::decide(got.contains("no-store"), expected, got)
                    .by("RFC 6749 §5.1")
                    .advisory()
            }),
            Self::AccessGiven { exchange } => served(scene, *exchange, |seen| {
                let success = seen.response.as_ref().is_some_and(|r| r.is_success());
                Found::decide(success, "the token opens it", seen.outcome())
            }),
            Self::AccessDenied { exchange, or_gone } => with(scene, *exchange, |seen| {
                let expected = if *or_gone {
                    "a refusal: 401 or 403, or 404 or 410 since it has ended"
                } else {
                    "a refusal: 401 or 403"
                };
                match seen.status().unwrap_or_default() {
                    401 | 403 => Found::decide(true, expected, seen.outcome()),
                    404 | 410 if *or_gone => Found::decide(true, expected, seen.outcome()),
                    400..=499 => Found::inconclusive(
                        expected,
                        format!("{}, a refusal for another reason", seen.outcome()),
                    ),
                    500..=599 => Found::inconclusive(
                        expected,
                        format!("{}, a fault and not a decision", seen.outcome()),
                    ),
                    300..=399 => Found::decide(
                        false,
                        expected,
                        format!("{}, which serves nothing", seen.outcome()),
                    )
                    .advisory(),
                    _ => Found::decide(false, expected, seen.outcome()),
                }
            }),
            Self::Challenged { exchange } => with(scene, *exchange, |seen| {
                let expected = "401 with a challenge that names the bearer scheme";
                let challenge = seen
                    .response
                    .as_ref()
                    .and_then(|r| r.headers.first("WWW-Authenticate"));
                let named = challenge.is_some_and(|c| {
                    c.get(..6)
                        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
                });
                let got = format!(
                    "{} and {}",
                    seen.outcome(),
                    challenge.unwrap_or("no challenge")
                );
                Found::decide(named && seen.status() == Some(401), expected, got)
                    .by("RFC 6750 §3")
                    .under(&["TW-C16"])
                    .advisory()
            }),
            Self::AuthCodesDiffer { exchanges } => auth_codes_differ(scene, context, exchanges),
            Self::TokensDiffer { one, other } => {
                let expected = "different tokens for the two devices";
                let token = |number: &u64| {
                    let seen = scene.exchanges.get(number)?;
                    seen.headers
                        .iter()
                        .find(|(name, _)| name.eq_ignore_ascii_case("Authorization"))
                        .map(|(_, value)| value.clone())
                };
                match (token(one), token(other)) {
                    (Some(a), Some(b)) => Found::decide(a != b, expected, format!("{a} and {b}"))
                        .by("RD Twinning 1.0 appendix B.1, step 8 (informative)")
                        .advisory(),
                    _ => Found::inconclusive(expected, "one of them presented none"),
                }
                .shown_by([*one, *other])
            }
        }
    }
}

/// What a device asked the authorization server with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Grant {
    /// An authorization code (SD-009 and the change request).
    AuthorizationCode,
    /// Its client credentials, in the way that the profile declares (SD-005).
    ClientCredentials,
    /// The same, for a scope that it names (OAU-002).
    Scoped,
    /// Anything else.
    Other,
}

impl Grant {
    fn of(seen: &Exchange) -> Self {
        let form = seen.body.text.as_deref().unwrap_or_default();
        let field = |name: &str| {
            let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
        };
        match (field("grant_type"), field("scope")) {
            (Some("authorization_code"), _) => Self::AuthorizationCode,
            (Some("client_credentials"), None) => Self::ClientCredentials,
            (Some("client_credentials"), Some(_)) => Self::Scoped,
            _ => Self::Other,
        }
    }

    /// Puts what carries a demand for this token under it.
    fn carry(self, found: Found) -> Found {
        match self {
            Self::AuthorizationCode => found.by("CR Twinning 20 authCode, RFC 6749 §4.1.3"),
            // How the secondary comes by its token is the profile's to say (ruling TW-C28).
            Self::ClientCredentials => {
                found.relying_on(&["twinning.authorization.secondary_token"])
            }
            Self::Scoped => found
                .relying_on(&["twinning.authorization.scope"])
                .by("RFC 6749 §4.4"),
            Self::Other => found.under(&["TW-C28"]),
        }
    }
}

fn json(seen: &Exchange) -> Option<serde_json::Value> {
    serde_json::from_slice(&seen.response.as_ref()?.body).ok()
}

fn nothing_to_renew(scene: &Scene) -> Found {
    let expected = "a refusal to renew the access";
    let given = scene.exchanges.values().find(|seen| {
        let token = json(seen).and_then(|answer| answer.get("refresh_token").cloned());
        token.is_some_and(|token| token.as_str().is_some_and(|token| !token.is_empty()))
    });
    match given {
        Some(seen) => Found::inconclusive(expected, "nobody asked for it").shown_by([seen.number]),
        None => Found::not_applicable(expected, "no refresh token was ever given (RFC 6749 §5.1)"),
    }
}

fn token_refused(seen: &Exchange, error: &str) -> Found {
    let expected = format!("no token, but a refusal (4xx) that names {error}");
    let status = seen.status().unwrap_or_default();
    let answer = json(seen);
    let named = answer
        .as_ref()
        .and_then(|answer| answer.get("error")?.as_str().map(str::to_owned));
    let token = answer.is_some_and(|answer| answer.get("access_token").is_some());
    let reason = seen
        .document()
        .ok()
        .and_then(|document| RequestError::of_document(&document));
    if token {
        return Found::decide(false, expected, seen.outcome());
    }
    match (status, named, reason) {
        (408 | 429, ..) => Found::inconclusive(
            expected,
            format!("{}, which only says not now", seen.outcome()),
        ),
        (400..=499, Some(named), _) if named == error => {
            Found::decide(true, expected, format!("{status} {named}"))
        }
        // Another name for it, or the error body of the network APIs, is still a refusal.
        (400..=499, Some(named), _) => Found::decide(false, expected, format!("{status} {named}"))
            .by("RFC 6749 §5.2")
            .advisory(),
        (400..=499, None, Some(_)) => Found::decide(true, expected, seen.outcome()),
        (400..=499, None, None) => {
            Found::decide(false, expected, format!("{}, no reason", seen.outcome()))
                .by("RFC 6749 §5.2")
                .advisory()
        }
        // No token, though not in the words of a refusal: what the rule protects is kept.
        (200..=399, _, _) => {
            Found::decide(false, expected, format!("{}, no token", seen.outcome()))
                .by("RFC 6749 §5.2")
                .advisory()
        }
        _ => Found::inconclusive(
            expected,
            format!("{}, a fault and not a decision", seen.outcome()),
        ),
    }
}

fn auth_codes_differ(scene: &Scene, context: &Context<'_>, exchanges: &[u64]) -> Found {
    let expected = format!("{} different authorization codes", exchanges.len());
    if let Some(why) = incomparable(scene, exchanges) {
        return Found::inconclusive(expected, why).shown_by(exchanges.iter().copied());
    }
    let codes: Vec<_> = exchanges
        .iter()
        .filter_map(|number| {
            let seen: Twinning = twinning(scene.exchanges.get(number)?, context).ok()?;
            seen.auth_code.filter(|code| !code.is_empty())
        })
        .collect();
    let different: BTreeSet<_> = codes.iter().collect();
    let found = if codes.len() < exchanges.len() {
        Found::inconclusive(expected, format!("{} codes", codes.len()))
    } else {
        let got = format!("{} different", different.len());
        Found::decide(different.len() == exchanges.len(), expected, got)
    };
    found.shown_by(exchanges.iter().copied())
}
