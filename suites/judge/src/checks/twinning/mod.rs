//! Checks on a Twinning enabler, a file per theme.

pub mod answer;
pub mod authorization;
pub mod code;
pub mod common;
pub mod errors;
pub mod list;
pub mod notifications;
pub mod operators;
pub mod state;
pub mod view;

use serde::{Deserialize, Serialize};
use twinproof_twinning::message::{Status, Twinning, TwinningList};

use super::{Context, Found};
use crate::scene::{Exchange, Scene};

/// A check and its arguments. Exchanges are named by their numbers in the scene.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "theme", rename_all = "kebab-case")]
pub enum Check {
    /// How a request was answered.
    Answer(answer::Check),
    /// Who is let in, and with what.
    Authorization(authorization::Check),
    /// What is said of activation and authorization codes.
    Code(code::Check),
    /// What holds for the whole API.
    Common(common::Check),
    /// What a list of twinnings holds.
    List(list::Check),
    /// Who is told of what.
    Notifications(notifications::Check),
    /// What passes between operators.
    Operators(operators::Check),
    /// What changed and what did not.
    State(state::Check),
    /// What one twinning shows.
    View(view::Check),
}

macro_rules! themes {
    ($($theme:ident $variant:ident),+ $(,)?) => {
        $( impl From<$theme::Check> for Check {
            fn from(check: $theme::Check) -> Self {
                Self::$variant(check)
            }
        } )+
    };
}

themes! {
    answer Answer,
    authorization Authorization,
    code Code,
    common Common,
    list List,
    notifications Notifications,
    operators Operators,
    state State,
    view View,
}

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::Answer(check) => check.look(scene, context),
            Self::Authorization(check) => check.look(scene, context),
            Self::Code(check) => check.look(scene, context),
            Self::Common(check) => check.look(scene, context),
            Self::List(check) => check.look(scene, context),
            Self::Notifications(check) => check.look(scene, context),
            Self::Operators(check) => check.look(scene, context),
            Self::State(check) => check.look(scene, context),
            Self::View(check) => check.look(scene, context),
        }
    }
}

/// Looks at an exchange that must have been answered.
fn with(scene: &Scene, number: u64, look: impl FnOnce(&Exchange) -> Found) -> Found {
    match scene.exchanges.get(&number) {
        Some(exchange) if exchange.response.is_some() => look(exchange).shown_by([number]),
        Some(exchange) => Found::inconclusive("a response", exchange.outcome()).shown_by([number]),
        None => Found::inconclusive(format!("exchange {number}"), "it was not recorded"),
    }
}

/// Looks at an exchange that must have been answered, and not with "not now": a system that is too
/// busy has not said what it thinks of the request (RFC 9110 §15.5.9 and §15.6.4, RFC 6585 §4).
fn served(scene: &Scene, number: u64, look: impl FnOnce(&Exchange) -> Found) -> Found {
    with(scene, number, |seen| match seen.status() {
        Some(408 | 429 | 503) => Found::inconclusive(
            "an answer to what was asked",
            format!("{}, which only says not now", seen.outcome()),
        ),
        _ => look(seen),
    })
}

/// Why exchanges cannot be compared: there must be two, and each must have been answered.
fn incomparable(scene: &Scene, exchanges: &[u64]) -> Option<String> {
    if exchanges.len() < 2 {
        return Some(format!("only {} to compare", exchanges.len()));
    }
    exchanges
        .iter()
        .find_map(|number| match scene.exchanges.get(number) {
            Some(exchange) if exchange.response.is_some() => None,
            Some(exchange) => Some(exchange.outcome()),
            None => Some(format!("exchange {number} was not recorded")),
        })
}

/// The twinning that a response shows, or why it shows none.
fn twinning(seen: &Exchange, context: &Context<'_>) -> Result<Twinning, String> {
    let document = seen.document().map_err(|_| seen.outcome())?;
    Twinning::of_document(&document, context.knobs)
        .ok_or_else(|| format!("{} with the root {}", seen.outcome(), document.root))
}

/// The list of twinnings that a response shows, or why it shows none.
fn list(seen: &Exchange, context: &Context<'_>) -> Result<TwinningList, String> {
    let document = seen.document().map_err(|_| seen.outcome())?;
    TwinningList::of_document(&document, context.knobs)
        .ok_or_else(|| format!("{} with the root {}", seen.outcome(), document.root))
}

/// A status as findings call it.
const fn named(status: Status) -> &'static str {
    match status {
        Status::Pending => "Pending",
        Status::On => "On",
        Status::Off => "Off",
    }
}

/// Text that may be missing, for a finding's `got`.
fn or_none(text: Option<&str>) -> &str {
    text.unwrap_or("none")
}

#[cfg(test)]
mod tests {
    use super::{Check, code, state};

    #[test]
    fn a_check_is_written_and_read_back() {
        for check in [
            Check::State(state::Check::Unchanged {
                before: vec![1],
                after: vec![2],
            }),
            Check::Code(code::Check::CodesDiffer {
                exchanges: vec![1, 2],
            }),
        ] {
            let value = serde_json::to_value(&check).unwrap();
            assert!(value["check"].is_string(), "{value}");
            assert_eq!(serde_json::from_value::<Check>(value).unwrap(), check);
        }
    }
}
