//! What several mutants do alike to an answer or a status.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{KeptFacts, ResponseFacts};
use twinproof_twinning::message::Status;

/// Whether the request has this in its body.
pub(super) fn says(facts: ResponseFacts<'_>, text: &str) -> bool {
    String::from_utf8_lossy(&facts.request.body).contains(text)
}

/// A fault instead of the answer to a client that says this of a twinning.
pub(super) fn faulty(response: Response, facts: ResponseFacts<'_>, text: &str) -> Response {
    let of_client = matches!(facts.method, "POST" | "PUT") && facts.resource.is_some();
    match of_client && says(facts, text) {
        true => Response::new(500),
        false => response,
    }
}

/// The answer without a header.
pub(super) fn without(response: Response, name: &str) -> Response {
    let fields = response.headers.iter();
    let headers = fields
        .filter(|(n, _)| !n.eq_ignore_ascii_case(name))
        .collect();
    Response {
        headers,
        ..response
    }
}

/// Another status than the one that should be kept, if this is the occasion.
pub(super) fn spoilt(facts: KeptFacts<'_>, occasion: bool) -> Status {
    match (occasion, facts.status) {
        (true, Status::Off) => Status::On,
        (true, _) => Status::Off,
        (false, status) => status,
    }
}
