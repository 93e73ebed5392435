//! What changed and what did not.

use serde::{Deserialize, Serialize};
use twinproof_twinning::message::{Twinning, TwinningList};
use twinproof_twinning::tree::Document;

use super::errors::Situation;
use super::with;
use crate::checks::{Context, Found};
use crate::scene::{Exchange, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A resource that was there is there no more.
    Gone {
        /// The exchange that tried to read it.
        exchange: u64,
        /// The access to it ended with it, so that its owner may no longer be told.
        with_access: bool,
    },
    /// The same resource in JSON and in XML says the same.
    SameInBothFormats {
        /// The exchange that read JSON.
        json: u64,
        /// The exchange that read XML.
        xml: u64,
    },
    /// What was read before is read again.
    Unchanged {
        /// The exchanges that read it before.
        before: Vec<u64>,
        /// The exchanges that read it after, in the same order.
        after: Vec<u64>,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::Gone {
                exchange,
                with_access,
            } => with(scene, *exchange, |seen| {
                if *with_access {
                    Situation::EndedWithAccess.judge(seen)
                } else {
                    Situation::Ended.judge(seen)
                }
            }),
            Self::SameInBothFormats { json, xml } => {
                same_in_both_formats(scene, context, *json, *xml)
            }
            Self::Unchanged { before, after } => unchanged(scene, context, before, after),
        }
    }
}

/// What a document says, in a form that does not depend on the order of a list or on elements that
/// the API does not know.
#[derive(Debug, Eq, PartialEq)]
enum Content {
    List(Vec<Twinning>),
    One(Box<Twinning>),
    Other(Document),
}

fn content(document: Document, context: &Context<'_>) -> Content {
    if let Some(mut list) = TwinningList::of_document(&document, context.knobs) {
        list.twinnings
            .sort_by(|a, b| a.resource_url.cmp(&b.resource_url));
        return Content::List(list.twinnings);
    }
    match Twinning::of_document(&document, context.knobs) {
        Some(twinning) => Content::One(Box::new(twinning)),
        None => Content::Other(document),
    }
}

fn unchanged(scene: &Scene, context: &Context<'_>, before: &[u64], after: &[u64]) -> Found {
    let expected = "the same as was read before";
    if before.is_empty() || before.len() != after.len() {
        return Found::inconclusive(expected, "nothing was read before");
    }
    for (old, new) in before.iter().zip(after) {
        let (Some(old), Some(new)) = (scene.exchanges.get(old), scene.exchanges.get(new)) else {
            return Found::inconclusive(expected, "it was not recorded");
        };
        let evidence = [old.number, new.number];
        let unanswered = [old, new].into_iter().find(|e| e.response.is_none());
        if let Some(unanswered) = unanswered {
            return Found::inconclusive(expected, unanswered.outcome()).shown_by(evidence);
        }
        match (old.document(), new.document()) {
            (Ok(was), Ok(is)) if content(was.clone(), context) == content(is.clone(), context) => {}
            (Ok(_), Ok(_)) if old.status() == new.status() => {
                return Found::decide(false, expected, format!("{} changed", new.url))
                    .shown_by(evidence);
            }
            (Ok(_), _) => {
                return Found::decide(false, expected, new.outcome()).shown_by(evidence);
            }
            (Err(why), _) => return Found::inconclusive(expected, why).shown_by(evidence),
        }
    }
    Found::decide(true, expected, "the same").shown_by(before.iter().chain(after).copied())
}

fn same_in_both_formats(scene: &Scene, context: &Context<'_>, json: u64, xml: u64) -> Found {
    let expected = "the same twinning in JSON and in XML";
    let format = |seen: &Exchange| {
        seen.response
            .as_ref()
            .and_then(|r| r.headers.first("Content-Type"))
            .unwrap_or("no media type")
            .to_owned()
    };
    with(scene, json, |one| {
        with(scene, xml, |other| {
            match (one.document(), other.document()) {
                (Ok(a), Ok(b)) => {
                    let formats = format!("{} and {}", format(one), format(other));
                    if !format(one).contains("json") || !format(other).contains("xml") {
                        return Found::decide(false, expected, formats)
                            .by("both formats are mandatory in the sibling APIs")
                            .under(&["TW-C17"]);
                    }
                    let same = content(a, context) == content(b, context);
                    let got = if same {
                        formats
                    } else {
                        "they differ".to_owned()
                    };
                    Found::decide(same, expected, got)
                }
                (Err(_), _) => Found::decide(false, expected, one.outcome()).under(&["TW-C17"]),
                (_, Err(_)) => Found::decide(false, expected, other.outcome()).under(&["TW-C17"]),
            }
        })
    })
}
