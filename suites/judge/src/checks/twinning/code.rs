//! What is said of activation and authorization codes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_twinning::message::{ActivationCode, Twinning};
use twinproof_twinning::tree::{Document, Format};

use super::{incomparable, or_none, served, twinning, with};
use crate::checks::{Context, Found};
use crate::scene::{Exchange, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The answer holds an activation code.
    ShowsCode {
        /// The exchange.
        exchange: u64,
    },
    /// The answer holds the operator that made the code, apart from the code.
    ShowsCodesOperator {
        /// The exchange.
        exchange: u64,
    },
    /// The answer to an activation brings no activation code other than the one that was used.
    BringsNoCode {
        /// The exchange.
        exchange: u64,
    },
    /// The codes of several answers are all there and all different.
    CodesDiffer {
        /// The exchanges.
        exchanges: Vec<u64>,
    },
    /// The code in the answer is not the one that the request proposed.
    CodeNotAdopted {
        /// The exchange.
        exchange: u64,
    },
    /// The exchange was refused, or brought a code of the own operator.
    OwnCodeOrRefusal {
        /// The exchange.
        exchange: u64,
        /// An exchange that brought a code of the own operator.
        own: u64,
    },
    /// The twinning holds an authorization code.
    ShowsAuthCode {
        /// The exchange.
        exchange: u64,
    },
    /// The twinning holds no authorization code.
    HidesAuthCode {
        /// The exchange.
        exchange: u64,
        /// The twinning is pending, where the text does not forbid one.
        pending: bool,
    },
}

const KNOBS: &[&str] = &[
    "twinning.knobs.names.twinning",
    "twinning.knobs.names.activation_code",
    "twinning.knobs.names.code",
];
const AUTH_CODE: &[&str] = &["twinning.knobs.names.auth_code"];

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::ShowsCode { exchange } => served(scene, *exchange, |seen| {
                let expected = "an activation code in the answer";
                let code = code(seen, context).and_then(|code| code.code);
                match code.filter(|code| !code.trim().is_empty()) {
                    Some(code) => Found::decide(true, expected, code),
                    None => Found::decide(false, expected, format!("{}, no code", seen.outcome()))
                        .relying_on(KNOBS),
                }
                .under(&["TW-C13"])
            }),
            Self::ShowsCodesOperator { exchange } => served(scene, *exchange, |seen| {
                let expected = "the operator that made the code, in a field of its own";
                let operator = code(seen, context).and_then(|code| code.mno_id);
                match operator.filter(|operator| !operator.trim().is_empty()) {
                    Some(operator) => Found::decide(true, expected, operator),
                    None => Found::decide(false, expected, "no operator")
                        .relying_on(&["twinning.knobs.names.mno_id"]),
                }
            }),
            Self::BringsNoCode { exchange } => with(scene, *exchange, |seen| {
                let expected = "no new activation code";
                let sent = sent(seen, context).and_then(|t| t.activation_code);
                let code = code(seen, context).and_then(|code| code.code);
                let echoed = sent.and_then(|sent| sent.code) == code;
                Found::decide(code.is_none() || echoed, expected, or_none(code.as_deref()))
                    .advisory()
            }),
            Self::CodesDiffer { exchanges } => codes_differ(scene, context, exchanges),
            Self::CodeNotAdopted { exchange } => served(scene, *exchange, |seen| {
                let expected = "a code of the enabler's own, or a refusal";
                let proposed = sent(seen, context)
                    .and_then(|t| t.activation_code)
                    .and_then(|code| code.code);
                let code = code(seen, context).and_then(|code| code.code);
                match proposed {
                    Some(proposed) => Found::decide(
                        code.as_ref() != Some(&proposed),
                        expected,
                        match &code {
                            Some(code) => format!("{code}, where {proposed} was proposed"),
                            None => seen.outcome(),
                        },
                    ),
                    None => Found::inconclusive(expected, "the request proposed no code"),
                }
                .under(&["TW-C30"])
            }),
            Self::OwnCodeOrRefusal { exchange, own } => served(scene, *exchange, |seen| {
                let expected = "a refusal, or a code of the own operator";
                let status = seen.status().unwrap_or_default();
                let operator = code(seen, context).and_then(|code| code.mno_id);
                let ours = scene
                    .exchanges
                    .get(own)
                    .and_then(|seen| code(seen, context)?.mno_id);
                let got = format!(
                    "{}, operator {}",
                    seen.outcome(),
                    or_none(operator.as_deref())
                );
                match status {
                    400..=499 => Found::decide(true, expected, seen.outcome()),
                    200..=299 => Found::decide(operator == ours, expected, got).under(&["TW-C21"]),
                    // The operator was asked for in vain.
                    502 | 504 => Found::decide(true, expected, seen.outcome()),
                    // Whatever a device is allowed to say, saying it should not break the server.
                    _ => Found::decide(false, expected, seen.outcome()).advisory(),
                }
            }),
            Self::ShowsAuthCode { exchange } => served(scene, *exchange, |seen| {
                let expected = "an authorization code in the secondary's twinning";
                match twinning(seen, context) {
                    Ok(t) => match t.auth_code.filter(|code| !code.trim().is_empty()) {
                        Some(code) => Found::decide(true, expected, code),
                        None => Found::decide(false, expected, "none").relying_on(AUTH_CODE),
                    },
                    Err(got) => Found::decide(false, expected, got),
                }
                .under(&["TW-C1"])
            }),
            Self::HidesAuthCode { exchange, pending } => with(scene, *exchange, |seen| {
                let expected = if *pending {
                    "no authorization code while the twinning is pending"
                } else {
                    "no authorization code in the primary's twinning"
                };
                let found = match twinning(seen, context) {
                    Ok(t) => Found::decide(
                        t.auth_code.is_none(),
                        expected,
                        or_none(t.auth_code.as_deref()),
                    ),
                    Err(got) => Found::inconclusive(expected, got),
                };
                // No text forbids one: both halves of the rule are our reading of what it is for.
                if *pending {
                    found.under(&["TW-C14"])
                } else {
                    found.advisory()
                }
            }),
        }
    }
}

fn code(seen: &Exchange, context: &Context<'_>) -> Option<ActivationCode> {
    let code = twinning(seen, context).ok()?.activation_code?;
    // An empty element, as a JSON null is read, is none.
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Some(ActivationCode {
        code: filled(code.code),
        mno_id: filled(code.mno_id),
    })
}

/// The twinning that a request sent.
fn sent(seen: &Exchange, context: &Context<'_>) -> Option<Twinning> {
    let media_type = seen
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"))
        .map(|(_, value)| value.as_str())?;
    let document = Document::read(Format::of_media_type(media_type)?, &seen.body.octets()).ok()?;
    Twinning::of_document(&document, context.knobs)
}

fn codes_differ(scene: &Scene, context: &Context<'_>, exchanges: &[u64]) -> Found {
    let expected = format!("{} different activation codes", exchanges.len());
    if let Some(why) = incomparable(scene, exchanges) {
        return Found::inconclusive(expected, why).shown_by(exchanges.iter().copied());
    }
    let codes: BTreeSet<_> = exchanges
        .iter()
        .filter_map(|number| scene.exchanges.get(number))
        .filter_map(|seen| code(seen, context)?.code)
        .collect();
    let holds = codes.len() == exchanges.len();
    let got = format!("{} different", codes.len());
    let found = Found::decide(holds, expected, got).shown_by(exchanges.iter().copied());
    if codes.is_empty() {
        found.relying_on(KNOBS)
    } else {
        found
    }
}
