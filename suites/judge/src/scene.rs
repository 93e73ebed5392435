//! One attempt at one scenario, indexed for the checks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use twinproof_evidence::record::{Body, Halt, Record, SceneStarted, Turn, What};
use twinproof_kernel::http::{Headers, Response};
use twinproof_lwm2m::upper;
use twinproof_twinning::device::read_body;
use twinproof_twinning::message::RequestError;
use twinproof_twinning::tree::{Document, Unreadable};

use crate::checks;
pub use crate::datagram::Datagram;

/// The name under which the system under test stands in every ledger.
pub const SUT: &str = "sut";

/// The name under which the tester removes what a scenario left. Its exchanges are on record, and no
/// part of the scenario.
pub const CLEANER: &str = "clean-up";

/// The name of the note that says how many datagrams our own links lost for good.
pub const STARVED: &str = "starved";

/// The name of the note that says how many datagrams our own links lost, whatever came since.
pub const LOST: &str = "lost";

/// The name of the note that says how many datagrams our own links doubled.
pub const DOUBLED: &str = "doubled";

/// The name of the note that says what our own links were like.
pub const LINK: &str = "link";

/// The number of a step that the scenario does not have any more.
pub const NO_STEP: usize = usize::MAX;

/// A message and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Its number.
    pub number: u64,
    /// The step during which it began; none if it began after the last.
    pub step: Option<usize>,
    /// When it began.
    pub at: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// Who began it.
    pub from: String,
    /// Who was asked.
    pub to: String,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// Header fields of the request.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: Body,
    /// The response.
    pub response: Option<Response>,
    /// The response's body as it was recorded.
    pub response_body: Option<Body>,
    /// Why there is no response.
    pub fault: Option<String>,
}

impl Exchange {
    /// Whether the request says that its body is of such a kind, for example `xml`.
    pub fn sends(&self, kind: &str) -> bool {
        self.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("Content-Type") && value.to_ascii_lowercase().contains(kind)
        })
    }

    /// The response's status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|r| r.status)
    }

    /// The document in the response.
    ///
    /// # Errors
    ///
    /// No response, or no document in it.
    pub fn document(&self) -> Result<Document, String> {
        match &self.response {
            Some(response) => read_body(response).map_err(|e: Unreadable| e.to_string()),
            None => Err(self
                .fault
                .clone()
                .unwrap_or_else(|| "no response".to_owned())),
        }
    }

    /// Whether it shows that the system is one: a success with a document of its own. What only
    /// repeats the request, and an error that calls itself a success, do not.
    pub fn is_contact(&self) -> bool {
        if self.speaks_dm() || checks::dm::bootstrap::brings_account(self) {
            return true;
        }
        let Some(response) = &self.response else {
            return false;
        };
        let echo = !response.body.is_empty() && response.body == self.body.octets();
        self.to == SUT
            && response.is_success()
            && !echo
            && self
                .document()
                .is_ok_and(|d| RequestError::of_document(&d).is_none())
    }

    /// Whether the system under test said something in a message of DM that refers to one of the tester's,
    /// or begins a session with it.
    fn speaks_dm(&self) -> bool {
        let type_of = |headers: Option<&str>| headers.unwrap_or_default().to_owned();
        if self.from == SUT {
            let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("Content-Type");
            let content = self
                .headers
                .iter()
                .find(named)
                .map(|(_, value)| value.as_str());
            return checks::dm::message(&type_of(content), &self.body.octets()).is_ok();
        }
        let Some(response) = self.response.as_ref().filter(|_| self.to == SUT) else {
            return false;
        };
        let content = type_of(response.headers.first("Content-Type"));
        let echo = response.body == self.body.octets();
        !echo && response.is_success() && checks::dm::message(&content, &response.body).is_ok()
    }

    /// What came, in words: for a finding's `got`.
    pub fn outcome(&self) -> String {
        match (&self.response, &self.fault) {
            (Some(response), _) => {
                let reason = read_body(response)
                    .ok()
                    .and_then(|d| RequestError::of_document(&d))
                    .map(|e| format!(" {}", e.message_id))
                    .unwrap_or_default();
                format!(
                    "{} to {} {}{reason}",
                    response.status,
                    self.method,
                    path_of(&self.url)
                )
            }
            (None, Some(fault)) => format!("{fault} at {} {}", self.method, path_of(&self.url)),
            (None, None) => format!("no answer to {} {}", self.method, path_of(&self.url)),
        }
    }
}

fn path_of(url: &str) -> &str {
    url.split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]))
        .unwrap_or(url)
}

/// What an upper tester did.
#[derive(Clone, Debug)]
pub struct Operated {
    /// Its number.
    pub number: u64,
    /// The step during which it came to its end.
    pub step: Option<usize>,
    /// When it came to its end.
    pub at: u64,
    /// What was asked for.
    pub operation: upper::Operation,
    /// What came of it, as the upper tester says.
    pub answer: upper::Answer,
}

/// A turn of a simulated party's association.
#[derive(Clone, Debug)]
pub struct Association {
    /// Its number.
    pub number: u64,
    /// The step during which it came; none if it came after the last.
    pub step: Option<usize>,
    /// When.
    pub at: u64,
    /// Whose association it is.
    pub party: String,
    /// With whom.
    pub peer: String,
    /// Whether it is of a stream (TLS), and not of datagrams.
    pub stream: bool,
    /// Which turn.
    pub turn: Turn,
}

impl Association {
    /// It in one line.
    pub fn words(&self) -> String {
        let of = if self.stream { "TLS" } else { "DTLS" };
        match &self.turn {
            Turn::Agreed => format!("{of}: agreed"),
            Turn::Begun { ours, attempt } => {
                let who = if *ours { "begins" } else { "is asked for" };
                format!("{of}: {who} a handshake (attempt {attempt})")
            }
            Turn::Established { identity, suite } => {
                format!("{of}: a session as {identity}, suite {suite:#06x}")
            }
            Turn::Ended { words, .. } => format!("{of}: over: {words}"),
        }
    }
}

/// A check as it was recorded.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The step that asked.
    pub step: usize,
    /// How many exchanges had begun.
    pub at: u64,
    /// Name and arguments.
    pub check: serde_json::Value,
}

/// An exchange whose success a scenario needed, as the step that needed it noted it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unmet {
    /// The exchange.
    pub exchange: u64,
    /// The dotted keys of the knobs by which its answer was read.
    #[serde(default)]
    pub knobs: Vec<String>,
}

impl Unmet {
    /// The name of such a note in the ledger.
    pub const NOTE: &str = "unmet";
}

/// One attempt at one scenario.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The scenario's id.
    pub id: String,
    /// Which attempt.
    pub attempt: u32,
    /// The scenario as it was.
    pub started: SceneStarted,
    /// Its exchanges by number.
    pub exchanges: BTreeMap<u64, Exchange>,
    /// Its datagrams in order.
    pub datagrams: Vec<Datagram>,
    /// The turns of associations in order.
    pub associations: Vec<Association>,
    /// What an upper tester did, by number.
    pub operated: BTreeMap<u64, Operated>,
    /// What upper testers of other enablers than LwM2M did, and users of clients, as it was recorded: what was
    /// asked of them and what they answered.
    pub handled: BTreeMap<u64, (serde_json::Value, serde_json::Value)>,
    /// Its checks in order.
    pub asked: Vec<Asked>,
    /// Why it could not go on, and in which step; none where it had not come to its first.
    pub halted: Option<(Option<usize>, Halt)>,
    /// What it needed and did not get.
    pub unmet: Option<Unmet>,
    /// How many datagrams our own links lost of which no copy arrived.
    pub missing: u64,
    /// How many datagrams our own links lost, whatever came since.
    pub lost: u64,
    /// How many datagrams our own links doubled.
    pub doubled: u64,
    /// Whether it came to its end.
    pub ended: bool,
    /// When it ended; what came later is in it all the same.
    pub last: u64,
    /// The raw events, for checks that look at more than exchanges.
    pub records: Vec<Record>,
}

/// Leaves out what the tester did to clean up, and what that made the system tell its peer.
fn without_cleaning(records: Vec<Record>) -> Vec<Record> {
    let mut left_out = BTreeSet::new();
    let mut cleaning = false;
    let mut kept = records;
    kept.retain(|record| match &record.what {
        What::Request {
            exchange,
            from,
            method,
            ..
        } => {
            cleaning |= from == CLEANER;
            let consequence = cleaning && from == SUT && method == "DELETE";
            let out = from == CLEANER || consequence;
            if out {
                left_out.insert(*exchange);
            }
            !out
        }
        What::Response { exchange, .. } | What::NoResponse { exchange, .. } => {
            !left_out.contains(exchange)
        }
        _ => true,
    });
    kept
}

impl Scene {
    /// Indexes the events of one attempt. The first must be its start.
    pub fn new(id: &str, attempt: u32, records: Vec<Record>) -> Option<Self> {
        let What::SceneStarted(started) = &records.first()?.what else {
            return None;
        };
        let mut scene = Self {
            id: id.to_owned(),
            attempt,
            started: started.clone(),
            exchanges: BTreeMap::new(),
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
            ended: false,
            last: 0,
            records: Vec::new(),
        };
        let mut step = None;
        let records = without_cleaning(records);
        for record in &records {
            if !scene.ended {
                scene.last = record.at;
            }
            match &record.what {
                What::StepStarted { step: number } => {
                    step = Some(*number).filter(|number| *number != NO_STEP);
                }
                What::StepEnded { .. } => {}
                What::SceneEnded => {
                    scene.ended = true;
                    step = None;
                }
                What::Request {
                    exchange,
                    from,
                    to,
                    method,
                    url,
                    headers,
                    body,
                } => {
                    let begun = Exchange {
                        number: *exchange,
                        step,
                        at: record.at,
                        ended: None,
                        from: from.clone(),
                        to: to.clone(),
                        method: method.clone(),
                        url: url.clone(),
                        headers: headers.clone(),
                        body: body.clone(),
                        response: None,
                        response_body: None,
                        fault: None,
                    };
                    scene.exchanges.insert(*exchange, begun);
                }
                What::Response {
                    exchange,
                    status,
                    headers,
                    body,
                } => {
                    if let Some(begun) = scene.exchanges.get_mut(exchange) {
                        begun.ended = Some(record.at);
                        begun.response = Some(Response {
                            status: *status,
                            headers: headers.iter().cloned().collect::<Headers>(),
                            body: body.octets(),
                            length: body.length,
                        });
                        begun.response_body = Some(body.clone());
                    }
                }
                What::NoResponse { exchange, fault } => {
                    if let Some(begun) = scene.exchanges.get_mut(exchange) {
                        begun.ended = Some(record.at);
                        begun.fault = Some(fault.clone());
                    }
                }
                What::Checked { check } => scene.asked.push(Asked {
                    step: step.unwrap_or_default(),
                    at: record.at,
                    check: check.clone(),
                }),
                What::Halted { reason } => {
                    scene.halted.get_or_insert((step, reason.clone()));
                }
                What::Noted { name, value } if name == Unmet::NOTE => {
                    scene.unmet = serde_json::from_value(value.clone()).ok();
                }
                What::Noted { name, value } if name == STARVED => {
                    scene.missing = value.as_u64().unwrap_or_default();
                }
                What::Noted { name, value } if name == LOST => {
                    scene.lost = value.as_u64().unwrap_or_default();
                }
                What::Noted { name, value } if name == DOUBLED => {
                    scene.doubled = value.as_u64().unwrap_or_default();
                }
                What::Datagram {
                    exchange,
                    from,
                    to,
                    bytes,
                    ..
                } => scene.datagrams.push(Datagram {
                    number: *exchange,
                    step,
                    at: record.at,
                    from: from.clone(),
                    to: to.clone(),
                    bytes: bytes.octets(),
                }),
                What::Operated {
                    exchange,
                    operation,
                    answer,
                } => {
                    let read = serde_json::from_value(operation.clone())
                        .ok()
                        .zip(serde_json::from_value(answer.clone()).ok());
                    if read.is_none() {
                        let handled = (operation.clone(), answer.clone());
                        scene.handled.insert(*exchange, handled);
                    }
                    if let Some((operation, answer)) = read {
                        let operated = Operated {
                            number: *exchange,
                            step,
                            at: record.at,
                            operation,
                            answer,
                        };
                        scene.operated.insert(*exchange, operated);
                    }
                }
                What::Association {
                    exchange,
                    party,
                    peer,
                    stream,
                    turn,
                } => scene.associations.push(Association {
                    number: *exchange,
                    step,
                    at: record.at,
                    party: party.clone(),
                    peer: peer.clone(),
                    stream: *stream,
                    turn: turn.clone(),
                }),
                What::Hooked { .. }
                | What::Noted { .. }
                | What::Ordered { .. }
                | What::RunEnded { .. }
                | What::RunStarted(_)
                | What::SceneStarted(_)
                | What::Sealed { .. }
                | What::Unsealed { .. }
                | What::WaitEnded { .. } => {}
            }
        }
        scene.records = records;
        Some(scene)
    }

    /// The simulated parties that the system under test called.
    pub fn called(&self) -> impl Iterator<Item = &str> {
        self.exchanges
            .values()
            .filter(|exchange| exchange.from == SUT)
            .map(|exchange| exchange.to.as_str())
    }

    /// Whether the system under test gave at least one successful answer with a document in it, or
    /// confirmed a registration.
    pub fn has_contact(&self) -> bool {
        self.exchanges.values().any(Exchange::is_contact)
            || self.datagrams.iter().any(Datagram::is_contact)
    }
}
