//! What changed and what did not.

use serde::{Deserialize, Serialize};
use twinproof_twinning::message::{Twinning, TwinningList};
use twinproof_twinning::tree::Document;

use super::errors::Situation;
use super::{served, with};
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
    if let Some(list) = TwinningList::of_document(&document, context.knobs) {
        let mut twinnings: Vec<_> = list.twinnings.into_iter().map(Twinning::said).collect();
        let key = |t: &Twinning| {
            let other = t.other_address().map(str::to_owned);
            (t.resource_url.clone(), other, t.name.clone())
        };
        twinnings.sort_by_key(key);
        return Content::List(twinnings);
    }
    match Twinning::of_document(&document, context.knobs) {
        Some(twinning) => Content::One(Box::new(twinning.said())),
        None => Content::Other(document),
    }
}

impl Content {
    /// What stays as it is while nobody changes the twinning: an authorization code may come and go
    /// (ruling TW-C15), and so may the primary's voice mail address (ruling TW-C2).
    fn lasting(mut self) -> Self {
        let lasting = |t: &mut Twinning| {
            t.auth_code = None;
            t.vm_address = None;
            if let Some(other) = &mut t.other_device {
                other.vm_address = None;
            }
        };
        match &mut self {
            Self::List(twinnings) => twinnings.iter_mut().for_each(lasting),
            Self::One(twinning) => lasting(twinning),
            Self::Other(_) => {}
        }
        self
    }
}

fn unchanged(scene: &Scene, context: &Context<'_>, before: &[u64], after: &[u64]) -> Found {
    let expected = "the same as was read before";
    if before.is_empty() || before.len() != after.len() {
        return Found::inconclusive(expected, "nothing was read before");
    }
    let mut compared = Vec::new();
    for (old, new) in before.iter().zip(after) {
        let (Some(old), Some(new)) = (scene.exchanges.get(old), scene.exchanges.get(new)) else {
            return Found::inconclusive(expected, "it was not recorded");
        };
        let evidence = [old.number, new.number];
        let unanswered = [old, new].into_iter().find(|e| {
            let busy = matches!(e.status(), Some(408 | 429 | 500..=599));
            e.response.is_none() || busy
        });
        if let Some(unanswered) = unanswered {
            return Found::inconclusive(expected, unanswered.outcome()).shown_by(evidence);
        }
        let was = match old.document().map(|was| content(was, context)) {
            Ok(was @ (Content::List(_) | Content::One(_))) => was,
            // What could not be read before can only come to be readable.
            _ if new.status().is_some_and(|status| status / 100 != 2) => continue,
            _ => return Found::inconclusive(expected, old.outcome()).shown_by(evidence),
        };
        match new.document().map(|is| content(is, context)) {
            Ok(is @ (Content::List(_) | Content::One(_))) => {
                if was.lasting() == is.lasting() {
                    compared.extend(evidence);
                    continue;
                }
                return Found::decide(false, expected, format!("{} changed", new.url))
                    .shown_by(evidence);
            }
            _ => return Found::decide(false, expected, new.outcome()).shown_by(evidence),
        }
    }
    match compared.is_empty() {
        true => Found::inconclusive(expected, "no twinning was read before")
            .shown_by(before.iter().copied()),
        false => Found::decide(true, expected, "the same").shown_by(compared),
    }
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
    served(scene, json, |one| {
        served(scene, xml, |other| {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use twinproof_evidence::Verdict;
    use twinproof_evidence::record::SceneStarted;
    use twinproof_evidence::report::Provenance;
    use twinproof_kernel::http::Response;
    use twinproof_twinning::knobs::Knobs;

    use super::{Context, Found, unchanged};
    use crate::scene::{Exchange, Scene};

    fn read(number: u64, status: u16, body: &str) -> (u64, Exchange) {
        let response =
            Response::new(status).with_body("application/json", body.as_bytes().to_vec());
        let exchange = Exchange {
            number,
            step: None,
            at: number,
            ended: Some(number),
            from: "secondary".to_owned(),
            to: "sut".to_owned(),
            method: "GET".to_owned(),
            url: "http://sut.test/x".to_owned(),
            headers: Vec::new(),
            body: twinproof_evidence::record::Body::default(),
            response: Some(response),
            response_body: None,
            fault: None,
        };
        (number, exchange)
    }

    fn compare(was: (u16, &str), is: (u16, &str)) -> Found {
        let scene = Scene {
            id: "x".to_owned(),
            attempt: 1,
            started: SceneStarted {
                feature: String::new(),
                line: 1,
                title: String::new(),
                tags: Vec::new(),
                requirements: Vec::new(),
                steps: Vec::new(),
                retry: false,
            },
            exchanges: BTreeMap::from([read(1, was.0, was.1), read(2, is.0, is.1)]),
            datagrams: Vec::new(),
            associations: Vec::new(),
            operated: BTreeMap::new(),
            handled: BTreeMap::new(),
            asked: Vec::new(),
            halted: None,
            unmet: None,
            missing: 0,
            lost: 0,
            doubled: 0,
            ended: true,
            last: 2,
            records: Vec::new(),
        };
        let context = Context {
            aliases: Vec::new(),
            knobs: &Knobs::default(),
            provenance: &|_| Provenance::Declared,
            called: std::collections::BTreeSet::new(),
        };
        unchanged(&scene, &context, &[1], &[2])
    }

    #[test]
    fn only_what_lasts_has_to_last() {
        let on = r#"{"twinning":{"twinningStatus":"On","ownAddress":"tel:+1"}}"#;
        let off = r#"{"twinning":{"twinningStatus":"Off","ownAddress":"tel:+1"}}"#;
        let with_code =
            r#"{"twinning":{"twinningStatus":"On","ownAddress":"tel:+1","authCode":"z"}}"#;
        let with_null = r#"{"twinning":{"name":null,"twinningStatus":"On","ownAddress":"tel:+1"}}"#;
        let error = r#"{"requestError":{"serviceException":{"messageId":"SVC1","text":"n"}}}"#;
        for (was, is, verdict) in [
            ((200, on), (200, on), Verdict::Pass),
            ((200, with_code), (200, on), Verdict::Pass),
            ((200, on), (200, with_code), Verdict::Pass),
            ((200, on), (200, with_null), Verdict::Pass),
            ((200, on), (200, off), Verdict::Fail),
            ((200, on), (404, error), Verdict::Fail),
            // A fault says nothing of what became of it.
            ((200, on), (503, error), Verdict::Inconclusive),
            ((500, error), (200, on), Verdict::Inconclusive),
            ((404, error), (404, error), Verdict::Inconclusive),
            ((404, error), (200, on), Verdict::Inconclusive),
        ] {
            let found = compare(was, is);
            assert_eq!(found.verdict, verdict, "{was:?} {is:?}: {found:?}");
        }
    }
}
