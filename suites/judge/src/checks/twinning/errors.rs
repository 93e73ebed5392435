//! The error table (digest §8): why an enabler refuses, and how that shows.

use serde::{Deserialize, Serialize};
use twinproof_twinning::message::RequestError;

use crate::checks::Found;
use crate::scene::Exchange;

/// How a situation shows.
#[derive(Debug)]
pub struct Row {
    /// The situation.
    pub situation: Situation,
    /// In the words of a scenario.
    pub says: &'static str,
    /// The expected status.
    pub status: u16,
    /// The expected message ids, the best first.
    pub ids: &'static [&'static str],
    /// Statuses that are accepted as well.
    pub also: &'static [u16],
    /// Message ids that are accepted as well.
    pub also_ids: &'static [&'static str],
}

macro_rules! table {
    ($( $(#[$doc:meta])* $situation:ident, $says:literal: $status:literal $ids:expr, also $also:expr, $also_ids:expr; )+) => {
        /// Why an enabler refuses.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Situation { $( $(#[$doc])* $situation ),+ }

        /// One row for every situation.
        pub const TABLE: &[Row] = &[$( Row {
            situation: Situation::$situation,
            says: $says,
            status: $status,
            ids: &$ids,
            also: &$also,
            also_ids: &$also_ids,
        } ),+];
    };
}

table! {
    /// The body is no document of the API.
    BodyUnreadable, "the request cannot be read": 400 ["SVC0002"], also [422], ["SVC0001", "SVC2004"];
    /// No role is given.
    RoleMissing, "no role is given": 400 ["SVC2006", "SVC1014"], also [422], ["SVC0002"];
    /// The role is neither primary nor secondary.
    RoleUnknown, "the role is not known": 400 ["SVC1014"], also [403, 422], ["SVC0003", "SVC0002"];
    /// The status is none of the three.
    StatusUnknown, "the status is not known": 400 ["SVC0003", "SVC0002"], also [403, 409, 422], ["POL1038"];
    /// A client sends what only the server may fill in.
    ItemNotPermitted, "the client may not set this": 400 ["SVC2005"], also [403, 409, 422], ["POL1038"];
    /// The activation code is missing, wrong, used or expired.
    CodeNotValid, "the code is not valid": 400 ["SVC0002", "SVC2004"], also [403, 404, 409, 410], [];
    /// A primary would become a secondary, or the reverse, or a device its own partner.
    RolesMixed, "a device cannot be primary and secondary at once": 403 ["POL1037"], also [409], [];
    /// The secondary has a twinning already.
    AlreadyTwinned, "the device is already twinned": 403 ["POL1037", "POL0001"], also [409], [];
    /// The twinning is still pending.
    NotTwinnedYet, "the device is not twinned yet": 403 ["POL1038"], also [400, 401, 404, 409], ["SVC0002", "SVC0003", "SVC2004", "POL2003", "SVC2003"];
    /// The update is not allowed.
    UpdateForbidden, "this may not be changed": 403 ["POL1038"], also [400, 409], ["SVC2005"];
    /// Nothing is there.
    NothingThere, "there is nothing there": 404 ["SVC0004", "SVC2008"], also [], ["SVC0208"];
    /// What was there has ended.
    Ended, "the twinning has ended": 404 ["SVC0004", "SVC2008"], also [410], ["SVC0208"];
    /// What was there has ended, and with it the right to see it.
    EndedWithAccess, "the twinning and the access to it have ended": 404 ["SVC0004", "SVC2008"], also [401, 403, 410], ["SVC0208", "SVC2003", "POL2003", "POL0002"];
    /// The token died with the twinning.
    AccessEnded, "the access ended with the twinning": 401 ["SVC2003"], also [403], ["POL2003", "POL0002"];
    /// A device would become its own partner.
    OwnPartner, "a device cannot be its own partner": 403 ["POL1037"], also [400, 404, 409, 410], ["SVC0002", "SVC2004"];
    /// A device that is a primary by now asked for the code.
    PrimaryByNow, "a primary cannot become a secondary": 403 ["POL1037"], also [400, 404, 409, 410], ["SVC0002", "SVC2004"];
    /// No token, or a bad one.
    NotAuthenticated, "the caller cannot be authenticated": 401 ["SVC2003"], also [], ["POL2003"];
    /// The token lacks the scope.
    ScopeMissing, "the token does not cover this": 403 ["POL2003"], also [401], ["SVC2003"];
    /// The resource is somebody else's.
    NotYours, "it belongs to somebody else": 403 ["POL2003", "POL0002"], also [404], ["SVC0004", "SVC2008", "SVC0208"];
    /// The user is not provisioned or suspended.
    NotProvisioned, "the user is not provisioned": 403 ["POL2001", "POL2002"], also [404], ["POL1009", "POL1010"];
    /// There are too many secondaries or requests.
    TooMany, "there are too many": 403 ["POL2008", "POL2005"], also [429], [];
    /// An optional feature is not there.
    NotOffered, "this is not offered": 403 ["POL2006"], also [400, 501], ["POL1023"];
    /// A client correlator was used before.
    CorrelatorTaken, "the request was made before": 409 ["SVC0005"], also [], [];
    /// Another change came between.
    Conflict, "another change came first": 409 ["SVC2007"], also [412, 503], [];
    /// The verb is not defined for the resource.
    VerbNotDefined, "this cannot be done with it": 405 [], also [501], [];
    /// The media type is not supported.
    FormatNotSupported, "the format is not supported": 415 ["POL0011", "POL2007"], also [400], ["SVC0002"];
    /// Nothing that the client accepts can be sent.
    NothingAcceptable, "no acceptable format can be sent": 406 ["POL0011"], also [], [];
    /// The API version is not known.
    VersionUnknown, "the version is not known": 404 ["SVC2008"], also [300, 303], ["SVC0004", "SVC0208"];
    /// The partner operator does not give what is needed.
    PartnerFails, "the other operator does not help": 400 ["SVC0002", "SVC2004"], also [403, 404, 409, 502, 503, 504], [];
}

/// Refusals that speak of something else than what a scenario tries.
const BESIDE_THE_POINT: [u16; 6] = [401, 405, 406, 408, 415, 429];

impl Situation {
    /// Its row.
    pub fn row(self) -> &'static Row {
        TABLE
            .iter()
            .find(|row| row.situation == self)
            .expect("the table is made with the enumeration")
    }

    /// The situation that a scenario's words name.
    pub fn of_words(words: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.says == words)
            .map(|row| row.situation)
    }

    /// The ruling under which a success that changes nothing is a lawful answer. What it changed is
    /// judged by reading again.
    fn reading(self, seen: &Exchange) -> Option<&'static str> {
        match self {
            Self::Ended | Self::EndedWithAccess if seen.method == "DELETE" => Some("TW-C37"),
            Self::NotTwinnedYet | Self::StatusUnknown | Self::UpdateForbidden => Some("TW-C38"),
            Self::RoleMissing => Some("TW-C40"),
            // RFC 8259 §9 lets a parser take more than JSON; XML 1.0 §1.2 lets none go on.
            Self::BodyUnreadable if !seen.sends("xml") => Some("TW-C17"),
            Self::NotOffered => Some("TW-C19"),
            Self::TooMany => Some("TW-C44"),
            _ => None,
        }
    }

    /// Judges a refusal: first its class, then its form, then its id.
    pub(super) fn judge(self, seen: &Exchange) -> Found {
        let row = self.row();
        let ids = match row.ids {
            [] => String::new(),
            ids => format!(" {}", ids.join(" or ")),
        };
        let expected = format!("a refusal because {}: {}{ids}", row.says, row.status);
        let status = seen.status().unwrap_or_default();
        if status != row.status && !row.also.contains(&status) {
            return match status {
                400..=499 if BESIDE_THE_POINT.contains(&status) => Found::inconclusive(
                    expected,
                    format!("{}, a refusal for another reason", seen.outcome()),
                ),
                400..=499 => Found::decide(
                    false,
                    expected,
                    format!("{}, a refusal of another kind", seen.outcome()),
                )
                .advisory(),
                500..=599 => Found::inconclusive(
                    expected,
                    format!("{}, a fault and not a decision", seen.outcome()),
                ),
                200..=299 => {
                    let found = Found::decide(false, expected, seen.outcome());
                    match self.reading(seen) {
                        Some(ruling) => found.under(&[ruling]),
                        None => found,
                    }
                }
                // Nothing is served by leading elsewhere, for example to a page to log in at.
                300..=399 => Found::decide(
                    false,
                    expected,
                    format!("{}, which serves nothing", seen.outcome()),
                )
                .advisory(),
                _ => Found::decide(false, expected, seen.outcome()),
            };
        }
        let bare = seen.response.as_ref().is_some_and(|r| r.body.is_empty());
        if bare && matches!(status, 401 | 405) {
            return Found::decide(true, expected, seen.outcome());
        }
        let error = seen
            .document()
            .ok()
            .and_then(|document| RequestError::of_document(&document));
        match error {
            None => Found::decide(
                false,
                format!("{expected}, with a well-formed requestError"),
                format!("{} without one", seen.outcome()),
            )
            .by("the error body of the sibling APIs (Common TS, requestError)")
            .under(&["TW-C17"]),
            Some(error) => {
                let id = error.message_id.as_str();
                let known =
                    row.ids.is_empty() || row.ids.contains(&id) || row.also_ids.contains(&id);
                let note = if known {
                    ""
                } else {
                    ", another id than expected"
                };
                Found::decide(true, expected, format!("{}{note}", seen.outcome()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use twinproof_evidence::Verdict;
    use twinproof_evidence::record::Body;
    use twinproof_kernel::http::Response;

    use super::{Situation, TABLE};
    use crate::scene::Exchange;

    fn answered(status: u16, body: &str) -> Exchange {
        let response =
            Response::new(status).with_body("application/json", body.as_bytes().to_vec());
        Exchange {
            number: 1,
            step: None,
            at: 0,
            ended: Some(1),
            from: "primary".to_owned(),
            to: "sut".to_owned(),
            method: "POST".to_owned(),
            url: "http://sut.test/x".to_owned(),
            headers: Vec::new(),
            body: Body::default(),
            response: Some(response),
            response_body: None,
            fault: None,
        }
    }

    fn error(id: &str) -> String {
        format!(r#"{{"requestError":{{"serviceException":{{"messageId":"{id}","text":"no"}}}}}}"#)
    }

    #[test]
    fn words_name_one_situation_each() {
        let words: BTreeSet<_> = TABLE.iter().map(|row| row.says).collect();
        assert_eq!(words.len(), TABLE.len());
        for row in TABLE {
            assert_eq!(Situation::of_words(row.says), Some(row.situation));
        }
    }

    #[test]
    fn a_refusal_is_weighed_by_class_then_form_then_id() {
        for (status, body, verdict) in [
            (400, error("SVC0002"), Verdict::Pass),
            (410, error("SVC2004"), Verdict::Pass),
            // Another id of the right class passes with a note.
            (400, error("SVC9999"), Verdict::Pass),
            // A kind of refusal that the table does not have.
            (418, error("SVC0002"), Verdict::Warning),
            // Refusals that speak of something else, and faults, say nothing about the code.
            (401, error("SVC2003"), Verdict::Inconclusive),
            (415, error("POL0011"), Verdict::Inconclusive),
            (500, error("SVC0001"), Verdict::Inconclusive),
            // No refusal at all.
            (201, "{}".to_owned(), Verdict::Fail),
            // Nothing was served, but it is no refusal either.
            (302, String::new(), Verdict::Warning),
            (199, String::new(), Verdict::Fail),
        ] {
            let found = Situation::CodeNotValid.judge(&answered(status, &body));
            assert_eq!(found.verdict, verdict, "{status} {body}");
        }
    }

    #[test]
    fn a_refusal_without_its_body_rests_on_a_disputable_ruling() {
        let found = Situation::CodeNotValid.judge(&answered(400, "oops"));
        assert_eq!(found.verdict, Verdict::Fail);
        assert_eq!(found.rulings, ["TW-C17"]);
        let bare = Situation::NotAuthenticated.judge(&answered(401, ""));
        assert_eq!(bare.verdict, Verdict::Pass);
    }

    #[test]
    fn a_success_without_effect_is_disputable_where_no_text_demands_a_refusal() {
        let mut again = answered(204, "");
        "DELETE".clone_into(&mut again.method);
        for situation in [Situation::Ended, Situation::EndedWithAccess] {
            assert_eq!(situation.judge(&again).rulings, ["TW-C37"]);
        }
        let mut ignored = answered(200, "{}");
        "PUT".clone_into(&mut ignored.method);
        for situation in [Situation::StatusUnknown, Situation::NotTwinnedYet] {
            assert_eq!(situation.judge(&ignored).rulings, ["TW-C38"]);
        }
        assert_eq!(Situation::RoleMissing.judge(&ignored).rulings, ["TW-C40"]);
        assert_eq!(Situation::NotOffered.judge(&ignored).rulings, ["TW-C19"]);
        assert!(Situation::RoleUnknown.judge(&ignored).rulings.is_empty());
        // A JSON parser may take more than JSON, an XML processor must not take less than XML.
        for (media_type, rulings) in [("application/json", 1), ("application/xml", 0)] {
            let mut garbage = answered(201, "{}");
            garbage.headers = vec![("content-type".to_owned(), media_type.to_owned())];
            let found = Situation::BodyUnreadable.judge(&garbage);
            assert_eq!(
                (found.verdict, found.rulings.len()),
                (Verdict::Fail, rulings)
            );
        }
        // What can still be read or switched has not ended, and a code works once in any reading.
        for method in ["GET", "PUT"] {
            method.clone_into(&mut ignored.method);
            assert!(Situation::Ended.judge(&ignored).rulings.is_empty());
        }
        assert!(
            Situation::CodeNotValid
                .judge(&answered(200, "{}"))
                .rulings
                .is_empty()
        );
    }
}
