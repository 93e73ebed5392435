//! Checks on what passes between operators (HLF-IC-001 to 007, HLF-TE-006, CR-N2, N8, N11).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use twinproof_evidence::record::Body;
use twinproof_evidence::report::Provenance;
use twinproof_twinning::address;
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{Role, Status, Twinning};
use twinproof_twinning::operator;
use twinproof_twinning::tree::{Document, Format, Tree};
use twinproof_twinning::url::decode_segment;

use super::{served, with};
use crate::checks::{Context, Found};
use crate::scene::{Exchange, SUT, Scene};

/// The name of the simulated operator on the stage.
pub const PEER: &str = "peer";

/// A check and its arguments. Exchanges are named by their numbers in the scene.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The other operator was asked for a code for this device.
    PeerAskedForCode {
        /// The exchange that led to it.
        after: u64,
    },
    /// The other operator was asked to activate, and shown who the primary is.
    PeerShownPrimary {
        /// The exchange that led to it.
        after: u64,
        /// The primary's address.
        primary: String,
    },
    /// The other operator's half was written with PUT.
    PeerWritten {
        /// The exchange that led to it.
        after: u64,
        /// What was to be written.
        what: Written,
        /// How long it may take after the exchange, in microseconds.
        within: u64,
        /// The other operator was out of service meanwhile (ruling TW-C43).
        #[serde(default)]
        after_outage: bool,
    },
    /// Nothing was written, or nothing at all was sent, to the other operator, up to the end of the
    /// scene.
    PeerLeftAlone {
        /// The exchange from which on.
        after: u64,
        /// The exchange up to which; the end of the scene if none.
        until: Option<u64>,
        /// What must not come.
        from: Silence,
    },
    /// An answer has the code and, separately, who made it.
    CodeOfOperator {
        /// The exchange.
        exchange: u64,
        /// The operator that must have made it.
        mno_id: String,
    },
    /// An answer has no code that the operator which failed could have made.
    NoCodeInvented {
        /// The exchange.
        exchange: u64,
        /// The operator that gave none.
        mno_id: String,
    },
    /// An answer says that the request was refused or could not be served, and why.
    Declined {
        /// The exchange.
        exchange: u64,
    },
    /// The authorization code is in nothing that others than the secondary and its operator were sent.
    AuthCodeKept {
        /// The parties that must not see it.
        from: Vec<String>,
    },
}

/// What one operator writes into the other's half.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// An authorization code.
    AuthCode,
    /// The primary's data.
    OtherDevice {
        /// The primary's address.
        address: String,
    },
    /// The status.
    Status(Status),
}

/// What must not come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// Any request that brings something; the texts only say what an operator is told, and not what
    /// it is not (ruling TW-C42).
    Everything,
    /// Anything that changes the other operator's half.
    Writes,
}

const FORM: &[&str] = &["twinning.knobs.inter_operator"];

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::PeerAskedForCode { after } => {
                let expected = "one code request to the other operator";
                let seen: Vec<_> = since(scene, *after)
                    .filter(|seen| role_asked(seen, context.knobs) == Some(Role::Secondary))
                    .collect();
                match seen.len() {
                    0 => missing(scene, context, *after, expected),
                    1 => Found::decide(true, expected, "one").shown_by([*after, seen[0].number]),
                    // A repeated request may be a lawful second try.
                    n => Found::decide(false, expected, format!("{n} of them"))
                        .advisory()
                        .shown_by(seen.iter().map(|seen| seen.number)),
                }
                .relying_on(FORM)
            }
            Self::PeerShownPrimary { after, primary } => {
                shown_primary(scene, context, *after, primary).relying_on(FORM)
            }
            Self::PeerWritten {
                after,
                what,
                within,
                after_outage,
            } => {
                let found = written(scene, context, *after, what, *within).relying_on(FORM);
                match after_outage {
                    true => found.under(&["TW-C43"]),
                    false => found,
                }
            }
            Self::PeerLeftAlone { after, until, from } => left_alone(scene, *after, *until, *from),
            Self::CodeOfOperator { exchange, mno_id } => served(scene, *exchange, |seen| {
                code_of_operator(seen, context.knobs, mno_id)
            }),
            Self::NoCodeInvented { exchange, mno_id } => with(scene, *exchange, |seen| {
                no_code_invented(seen, context.knobs, mno_id)
            }),
            Self::Declined { exchange } => {
                with(scene, *exchange, |seen| declined(seen, context.knobs))
            }
            Self::AuthCodeKept { from } => auth_code_kept(scene, context.knobs, from),
        }
    }
}

/// What the system sent to the other operator from the begin of an exchange on.
fn since(scene: &Scene, after: u64) -> impl Iterator<Item = &Exchange> {
    let start = scene.exchanges.get(&after).map_or(0, |seen| seen.at);
    scene
        .exchanges
        .values()
        .filter(move |seen| seen.from == SUT && seen.to == PEER && seen.at >= start)
}

fn document_sent(seen: &Exchange) -> Option<Document> {
    let media_type = seen
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"))?;
    let format = Format::of_media_type(&media_type.1)?;
    Document::read(format, &seen.body.octets()).ok()
}

fn twinning_sent(seen: &Exchange, knobs: &Knobs) -> Option<Twinning> {
    Twinning::of_document(&document_sent(seen)?, knobs)
}

fn role_asked(seen: &Exchange, knobs: &Knobs) -> Option<Role> {
    (seen.method == "POST").then(|| twinning_sent(seen, knobs)?.role(knobs))?
}

/// The verdict where a message to the other operator did not come.
fn missing(scene: &Scene, context: &Context<'_>, after: u64, expected: &str) -> Found {
    let proven = context.called.contains(PEER)
        || (context.provenance)("harness.peer_advertise") == Provenance::Declared;
    if !proven {
        return Found::inconclusive(
            expected,
            "nothing; but nothing of the system has reached the simulated operator in the run, so it \
             may be out of its reach: declare harness.peer_advertise in the profile",
        )
        .shown_by([after]);
    }
    let others: Vec<_> = since(scene, after).collect();
    let got = match others.last() {
        Some(last) => format!("only {} {}", last.method, last.url),
        None => "nothing was sent to it".to_owned(),
    };
    Found::decide(false, expected, got)
        .shown_by(std::iter::once(after).chain(others.iter().map(|seen| seen.number)))
}

fn shown_primary(scene: &Scene, context: &Context<'_>, after: u64, primary: &str) -> Found {
    let expected = format!("an activation request to the other operator that shows {primary}");
    let number = address::number(primary);
    let shows = |seen: &&Exchange| {
        let texts = texts_of(seen);
        texts.iter().any(|text| context.same_device(text, primary))
    };
    // Another form under which the primary can be known (ruling TW-C32).
    let names = |seen: &&Exchange| {
        let texts = texts_of(seen);
        let named = |text: &String| {
            number.is_some() && address::number(text) == number
                || address::is_of_another_kind(text, primary)
        };
        texts.iter().any(named)
    };
    let activations: Vec<_> = since(scene, after)
        .filter(|seen| role_asked(seen, context.knobs) != Some(Role::Secondary))
        .filter(|seen| matches!(seen.method.as_str(), "POST" | "PUT"))
        .collect();
    if activations.is_empty() {
        return missing(scene, context, after, &expected);
    }
    if let Some(seen) = activations.iter().copied().find(shows) {
        return Found::decide(true, expected, "it is shown").shown_by([after, seen.number]);
    }
    match activations.iter().copied().find(names) {
        Some(seen) => Found::decide(false, expected, "an address of another form")
            .under(&["TW-C32"])
            .shown_by([after, seen.number]),
        None => Found::decide(false, expected, "the primary's address is in none of them")
            .shown_by(activations.iter().map(|seen| seen.number)),
    }
}

/// All that a request says: the texts of its body and the segments of its address.
fn texts_of(seen: &Exchange) -> Vec<String> {
    let path = seen.url.split(['?', '#']).next().unwrap_or_default();
    let mut texts: Vec<_> = path.split('/').map(decode_segment).collect();
    if let Some(document) = document_sent(seen) {
        leaves(&document.tree, &mut texts);
    }
    texts
}

fn leaves(tree: &Tree, into: &mut Vec<String>) {
    into.extend(tree.text().map(str::to_owned));
    for (_, child) in tree.entries() {
        leaves(child, into);
    }
}

impl Written {
    fn says(&self, knobs: &Knobs) -> String {
        match self {
            Self::AuthCode => "an authorization code".to_owned(),
            Self::OtherDevice { address } => format!("{address} as the other device"),
            Self::Status(status) => format!("the status {}", status.literal(knobs)),
        }
    }

    fn is_in(&self, seen: &Exchange, context: &Context<'_>) -> bool {
        let knobs = context.knobs;
        let Some(document) = document_sent(seen) else {
            return false;
        };
        if let Some(twinning) = Twinning::of_document(&document, knobs) {
            return match self {
                Self::AuthCode => twinning.auth_code.is_some_and(|code| !code.is_empty()),
                Self::OtherDevice { address } => twinning
                    .other_address()
                    .is_some_and(|other| context.same_device(other, address)),
                Self::Status(status) => twinning.status(knobs) == Some(*status),
            };
        }
        // A part by itself: the root is the field.
        let text = document.tree.text();
        match self {
            Self::AuthCode => {
                document.root == knobs.names.auth_code && text.is_some_and(|code| !code.is_empty())
            }
            Self::OtherDevice { address } => {
                let other = document.tree.child_text(&knobs.names.address);
                document.root == knobs.names.other_device
                    && other.is_some_and(|other| context.same_device(other, address))
            }
            Self::Status(status) => {
                document.root == knobs.names.twinning_status && text == Some(status.literal(knobs))
            }
        }
    }
}

fn written(scene: &Scene, context: &Context<'_>, after: u64, what: &Written, within: u64) -> Found {
    let knobs = context.knobs;
    let span = Duration::from_micros(within);
    let expected = format!(
        "a PUT with {} on the twinning at the other operator within {span:?}",
        what.says(knobs)
    );
    let Some(cause) = scene.exchanges.get(&after) else {
        return Found::inconclusive(expected, format!("exchange {after} was not recorded"));
    };
    let deadline = cause.ended.unwrap_or(cause.at) + within;
    let carrying: Vec<_> = since(scene, after)
        .filter(|seen| what.is_in(seen, context))
        .collect();
    if let (true, Written::OtherDevice { address }) = (carrying.is_empty(), what) {
        let another = since(scene, after).find(|seen| {
            let twinning = twinning_sent(seen, knobs);
            let other = twinning.as_ref().and_then(Twinning::other_address);
            other.is_some_and(|other| address::is_of_another_kind(other, address))
        });
        if let Some(seen) = another {
            return Found::decide(false, expected, "an address of another kind")
                .under(&["TW-C45"])
                .shown_by([after, seen.number]);
        }
    }
    let put = carrying.iter().find(|seen| {
        let taken = seen.status().is_some_and(|status| status / 100 == 2);
        seen.method == "PUT" && taken
    });
    match (put, carrying.last()) {
        (Some(put), _) if put.at <= deadline => {
            Found::decide(true, expected, "it was written").shown_by([after, put.number])
        }
        (Some(put), _) => {
            let took = Duration::from_micros(put.at - cause.ended.unwrap_or(cause.at));
            Found::decide(false, expected, format!("it was written after {took:?}"))
                .shown_by([after, put.number])
        }
        (None, Some(other)) => {
            Found::decide(false, expected, other.outcome()).shown_by([after, other.number])
        }
        (None, None) => missing(scene, context, after, &expected),
    }
}

fn left_alone(scene: &Scene, after: u64, until: Option<u64>, from: Silence) -> Found {
    let expected = match from {
        Silence::Everything => "nothing is sent to the other operator",
        Silence::Writes => "nothing is written at the other operator",
    };
    let end = until
        .and_then(|number| scene.exchanges.get(&number))
        .map_or(u64::MAX, |seen| seen.at);
    let sent: Vec<_> = since(scene, after)
        .filter(|seen| seen.at < end && is_of_this_scene(scene, seen))
        .filter(|seen| !matches!(seen.method.as_str(), "GET" | "HEAD" | "OPTIONS"))
        .filter(|seen| from == Silence::Everything || seen.method != "POST")
        .collect();
    let found = match sent.first() {
        Some(seen) => Found::decide(false, expected, format!("{} {}", seen.method, seen.url))
            .shown_by(sent.iter().map(|seen| seen.number)),
        None => Found::decide(true, expected, "nothing").shown_by([after]),
    };
    match from {
        Silence::Everything => found.under(&["TW-C42"]),
        Silence::Writes => found,
    }
}

/// Whether a message does not speak of a twinning that our operator made in another scene. What a
/// system still has to say about that one is not this one's business; anything else is.
fn is_of_this_scene(scene: &Scene, seen: &Exchange) -> bool {
    let path = seen.url.split(['?', '#']).next().unwrap_or_default();
    let id = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let names_it = |body: &Body| body.text.as_deref().is_some_and(|text| text.contains(id));
    !operator::is_side_id(id)
        || scene.exchanges.values().any(|other| {
            let said_by_peer = if other.from == PEER {
                Some(&other.body)
            } else {
                None
            };
            let answered_by_peer = (other.to == PEER)
                .then_some(other.response_body.as_ref())
                .flatten();
            said_by_peer
                .into_iter()
                .chain(answered_by_peer)
                .any(names_it)
        })
}

fn code_in(seen: &Exchange, knobs: &Knobs) -> Option<(String, Option<String>)> {
    let twinning = Twinning::of_document(&seen.document().ok()?, knobs)?;
    let code = twinning.activation_code?;
    Some((code.code?, code.mno_id)).filter(|(code, _)| !code.is_empty())
}

fn code_of_operator(seen: &Exchange, knobs: &Knobs, mno_id: &str) -> Found {
    let expected = format!("a code and, beside it, {mno_id} as the operator that made it");
    let created = seen.status().is_some_and(|status| status / 100 == 2);
    let names = &[
        "twinning.knobs.names.activation_code",
        "twinning.knobs.names.code",
        "twinning.knobs.names.mno_id",
    ];
    match code_in(seen, knobs) {
        Some((_, Some(operator))) if created && same_operator(&operator, mno_id) => {
            Found::decide(true, expected, "both")
        }
        Some((_, Some(operator))) => {
            Found::decide(false, expected, format!("a code of operator {operator:?}"))
        }
        // Where another operator asked, only a sentence that lost its place demands it.
        Some((_, None)) if seen.from == PEER => {
            Found::decide(false, expected, "a code without its operator").under(&["TW-C8"])
        }
        Some((_, None)) => Found::decide(false, expected, "a code without its operator"),
        None => Found::decide(false, expected, format!("no code: {}", seen.outcome())),
    }
    .relying_on(names)
}

/// Whether two identities mean the same operator: MCC and MNC are written with and without a
/// separator.
fn same_operator(one: &str, other: &str) -> bool {
    let plain = |id: &str| -> String {
        let kept = id.chars().filter(|c| c.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect()
    };
    plain(one) == plain(other)
}

fn no_code_invented(seen: &Exchange, knobs: &Knobs, mno_id: &str) -> Found {
    let expected = format!("no code, since operator {mno_id} gave none");
    match code_in(seen, knobs) {
        None => Found::decide(true, expected, seen.outcome()),
        Some((_, Some(operator))) if !same_operator(&operator, mno_id) => {
            let got = format!("a code of operator {operator}");
            Found::decide(false, expected, got).under(&["TW-C31"])
        }
        Some(_) => Found::decide(
            false,
            expected,
            format!("a code that is not said to be another operator's than {mno_id}"),
        ),
    }
}

fn declined(seen: &Exchange, knobs: &Knobs) -> Found {
    let expected =
        "a refusal (4xx), or 502, 503 or 504 for the other operator, with a readable reason";
    let status = seen.status().unwrap_or_default();
    let reason = seen
        .document()
        .ok()
        .and_then(|document| twinproof_twinning::message::RequestError::of_document(&document));
    match (status, reason) {
        (408 | 429, _) => Found::inconclusive(
            expected,
            format!("{}, a refusal for another reason", seen.outcome()),
        ),
        (400..=499 | 502..=504, Some(_)) => Found::decide(true, expected, seen.outcome()),
        (400..=499 | 502..=504, None) => {
            Found::decide(false, expected, format!("{}, no reason", seen.outcome())).advisory()
        }
        (500..=599, _) => Found::inconclusive(
            expected,
            format!("{}, a fault and not a decision", seen.outcome()),
        ),
        // A code instead may be the own operator's; whose it says to be is judged by itself.
        _ if code_in(seen, knobs).is_some() => {
            Found::decide(false, expected, seen.outcome()).under(&["TW-C31"])
        }
        _ => Found::decide(false, expected, seen.outcome()),
    }
}

fn auth_code_kept(scene: &Scene, knobs: &Knobs, from: &[String]) -> Found {
    let expected = format!(
        "no authorization code in anything that {} was sent",
        from.join(" or ")
    );
    // Its pseudonym stands wherever it was, under whatever name.
    let mut codes: Vec<String> = since(scene, 0)
        .filter_map(|seen| twinning_sent(seen, knobs)?.auth_code)
        .filter(|code| !code.is_empty())
        .collect();
    codes.dedup();
    if codes.is_empty() {
        return Found::inconclusive(expected, "no authorization code was seen at all");
    }
    let leaks: Vec<_> = scene
        .exchanges
        .values()
        .filter(|seen| {
            let sent_to_them = if seen.from == SUT && from.contains(&seen.to) {
                seen.body.text.as_deref()
            } else if seen.to == SUT && from.contains(&seen.from) {
                seen.response_body
                    .as_ref()
                    .and_then(|body| body.text.as_deref())
            } else {
                None
            };
            sent_to_them.is_some_and(|text| codes.iter().any(|code| text.contains(code.as_str())))
        })
        .collect();
    match leaks.first() {
        Some(leak) => Found::decide(
            false,
            expected,
            format!("it is in exchange {}", leak.number),
        )
        .shown_by(leaks.iter().map(|leak| leak.number)),
        None => Found::decide(true, expected, "none"),
    }
}

#[cfg(test)]
mod tests {
    use twinproof_evidence::record::Body;
    use twinproof_twinning::knobs::Knobs;
    use twinproof_twinning::message::Status;

    use twinproof_evidence::report::Provenance;

    use super::{Context, PEER, Written, same_operator, texts_of};
    use crate::scene::{Exchange, SUT};

    fn put(media_type: &str, body: &str) -> Exchange {
        Exchange {
            number: 1,
            step: None,
            at: 0,
            ended: Some(1),
            from: SUT.to_owned(),
            to: PEER.to_owned(),
            method: "PUT".to_owned(),
            url: "http://peer.test/twinning/v1/tel%3A%2B1-202/twinnings/x1?a=b".to_owned(),
            headers: vec![("Content-Type".to_owned(), media_type.to_owned())],
            body: Body::new(body.as_bytes(), body.len() as u64),
            response: None,
            response_body: None,
            fault: None,
        }
    }

    #[test]
    fn what_is_written_is_read_in_each_of_its_forms() {
        let context = Context {
            aliases: Vec::new(),
            called: std::collections::BTreeSet::new(),
            knobs: &Knobs::default(),
            provenance: &|_| Provenance::Declared,
        };
        let json = "application/json";
        let xml = "application/xml";
        let other = Written::OtherDevice {
            address: "tel:+12025550100".to_owned(),
        };
        let status = Written::Status(Status::On);
        for (written, media_type, body, holds) in [
            (
                &other,
                json,
                r#"{"twinning":{"otherDevice":{"address":"tel:\u002B1-202-555-0100"}}}"#,
                true,
            ),
            (
                &other,
                xml,
                "<otherDevice><address>TEL:&#43;12025550100</address></otherDevice>",
                true,
            ),
            (
                &other,
                json,
                r#"{"twinning":{"otherDevice":{"address":"tel:+12025550101"}}}"#,
                false,
            ),
            (
                &other,
                json,
                r#"{"twinning":{"name":"tel:+12025550100"}}"#,
                false,
            ),
            (&status, json, r#"{"twinningStatus":"On"}"#, true),
            (&status, json, r#"{"twinningStatus":"Off"}"#, false),
            (&Written::AuthCode, xml, "<authCode>z</authCode>", true),
            (&Written::AuthCode, xml, "<authCode/>", false),
        ] {
            assert_eq!(
                written.is_in(&put(media_type, body), &context),
                holds,
                "{body}"
            );
        }
    }

    #[test]
    fn a_request_says_what_stands_in_its_body_and_its_address() {
        let said = texts_of(&put(
            "application/json",
            r#"{"twinning":{"link":[{"href":"h"}]}}"#,
        ));
        assert!(said.contains(&"tel:+1-202".to_owned()) && said.contains(&"h".to_owned()));
    }

    #[test]
    fn an_operator_is_the_same_with_and_without_a_separator() {
        assert!(same_operator("001-01", "00101"));
        assert!(!same_operator("001-01", "001-02"));
    }
}
