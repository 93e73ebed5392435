//! The other operator: what a Twinning enabler meets when a relationship crosses networks.
//!
//! It answers as a correct partner unless told otherwise, and shares no code with the enabler, so
//! that the two do not agree by descent.

mod errands;
mod serve;
mod wire;

use std::collections::BTreeMap;

use twinproof_kernel::http::{Fault, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as Party, Seed, Time};

use crate::knobs::Knobs;
use crate::message::{ActivationCode, Role, Status, Twinning};

/// What an operator and its partner have agreed on.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// Where this operator is reached, without the API's own segments.
    pub base_url: String,
    /// This operator's identity.
    pub mno_id: String,
    /// Where the partner's enabler is reached, without the API's own segments.
    pub partner: String,
    /// What this operator presents to its partner.
    pub token: String,
    /// What the partner presents to this operator.
    pub expects_token: String,
    /// The interface's shapes.
    pub knobs: Knobs,
}

/// How the operator treats its partner's requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// As a partner should.
    #[default]
    Correct,
    /// Refuses with this status.
    Refusing(u16),
    /// Takes requests and never answers.
    Silent,
    /// Answers 503.
    Unavailable,
}

/// Whom the operator claims to be towards its partner.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// A token that is no partner's.
    Forged,
    /// Nobody: no token at all.
    Missing,
    /// Itself.
    #[default]
    Own,
}

/// What the operator can send to its partner.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// As the primary's operator: use a code that the partner made.
    Activate {
        /// The primary device, a subscriber of this operator.
        device: String,
        /// The code.
        code: String,
        /// Who made it.
        mno_id: Option<String>,
    },
    /// As the primary's operator: write the activation's data into the secondary's twinning.
    Complete {
        /// The primary device.
        device: String,
    },
    /// End the relationship of a device of this operator.
    Deactivate {
        /// The device.
        device: String,
    },
    /// As the secondary's operator: ask the partner for a code.
    RequestCode {
        /// The secondary device, a subscriber of this operator.
        device: String,
    },
    /// Write this status at the partner.
    Toggle {
        /// The device of this operator that toggled.
        device: String,
        /// The new status.
        status: Status,
    },
}

impl Errand {
    fn device(&self) -> &str {
        match self {
            Self::Activate { device, .. }
            | Self::Complete { device }
            | Self::Deactivate { device }
            | Self::RequestCode { device }
            | Self::Toggle { device, .. } => device,
        }
    }
}

/// What a tester can ask of the operator.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Treat the partner's requests like this from now on.
    Behave(Behaviour),
    /// Make an activation code for a device of its own.
    Issue {
        /// The secondary device.
        device: String,
    },
    /// Send something to the partner.
    Send {
        /// What.
        errand: Errand,
        /// As whom.
        pass: Pass,
    },
    /// Say what is known of a device of its own.
    Show {
        /// The device.
        device: String,
    },
}

/// What became of an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is done; nothing was sent.
    Done,
    /// The code.
    Issued(ActivationCode),
    /// There is no relationship that could be spoken of; nothing was sent.
    NoRelationship,
    /// The partner's response, or why there was none.
    Sent(Result<Response, Fault>),
    /// What is known.
    Shown(Side),
}

/// What the operator knows of one side of a relationship: that of its own subscriber.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Side {
    /// Its id in URLs.
    pub id: String,
    /// The subscriber.
    pub owner: String,
    /// The subscriber's part.
    pub role: Role,
    /// As this operator has it.
    pub status: Status,
    /// The partner's subscriber, once known.
    pub other: Option<String>,
    /// The authorization code for the partner's subscriber or from it.
    pub auth_code: Option<String>,
    /// The code that waits for its use.
    pub code: Option<String>,
    /// The partner's half, where it is known.
    pub theirs: Option<String>,
}

/// A code that was made for a secondary of the partner.
#[derive(Debug)]
struct Promise {
    secondary: String,
    theirs: Option<String>,
}

/// A request of the partner's, as it arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The twinning in its body.
    pub twinning: Option<Twinning>,
    /// How it was answered; none if it was not.
    pub status: Option<u16>,
}

/// An errand that is under way.
#[derive(Debug)]
struct Waiting {
    call: CallId,
    errand: Errand,
    /// What was asked: the answer may speak of addresses from there.
    url: String,
}

/// The operator's core.
#[derive(Debug)]
pub struct Operator {
    seed: Seed,
    behaviour: Behaviour,
    sides: BTreeMap<String, Side>,
    promises: Vec<Promise>,
    received: Vec<Received>,
    serial: u64,
    exchanges: u64,
    waiting: BTreeMap<ExchangeId, Waiting>,
}

/// Whether an id has the form that operators of ours give their sides.
pub fn is_side_id(id: &str) -> bool {
    let parts = id.strip_prefix('x').and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(serial, draw)| {
        serial.bytes().all(|b| b.is_ascii_digit())
            && draw.len() == 8
            && draw.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

impl Operator {
    /// An operator without relationships. Its codes follow from the seed.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            behaviour: Behaviour::Correct,
            sides: BTreeMap::new(),
            promises: Vec::new(),
            received: Vec::new(),
            serial: 0,
            exchanges: 0,
            waiting: BTreeMap::new(),
        }
    }

    /// The partner's requests in the order of their arrival.
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// The newest relationship of a device of this operator.
    pub fn side_of(&self, device: &str) -> Option<&Side> {
        self.sides.values().rev().find(|side| side.owner == device)
    }

    /// Where the partner has its halves of relationships with devices of this operator, as far as it
    /// said: what it still has when all is over.
    pub fn halves_there(&self) -> Vec<String> {
        self.sides
            .values()
            .filter_map(|side| side.theirs.clone())
            .collect()
    }

    fn draw(&mut self, what: &str) -> (u64, fastrand::Rng) {
        self.serial += 1;
        let rng = self.seed.derive(&format!("{what} {}", self.serial)).rng();
        (self.serial, rng)
    }

    fn new_code(&mut self) -> String {
        let (_, mut rng) = self.draw("code");
        format!("{:07}", rng.u32(0..10_000_000))
    }

    fn new_auth_code(&mut self) -> String {
        let (_, mut rng) = self.draw("auth code");
        format!("peer-{:016x}", rng.u64(..))
    }

    fn new_side(&mut self, owner: &str, role: Role, status: Status) -> Side {
        let (serial, mut rng) = self.draw("side");
        Side {
            // Ids sort by age, and no other scenario's operator makes the same: what a system still
            // has to say about an earlier one must not be taken for this one's.
            id: format!("x{serial:03}-{:08x}", rng.u32(..)),
            owner: owner.to_owned(),
            role,
            status,
            other: None,
            auth_code: None,
            code: None,
            theirs: None,
        }
    }

    fn issue(&mut self, agreement: &Agreement, device: &str) -> ActivationCode {
        let code = self.new_code();
        let mut side = self.new_side(device, Role::Secondary, Status::Pending);
        side.code = Some(code.clone());
        self.sides.insert(side.id.clone(), side);
        ActivationCode {
            code: Some(code),
            mno_id: Some(agreement.mno_id.clone()),
        }
    }
}

impl Party for Operator {
    type Shared = Agreement;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        agreement: &Agreement,
        _now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        match input {
            Input::Order { call, order } => match order {
                Order::Behave(behaviour) => {
                    self.behaviour = behaviour;
                    out.answer(call, Answer::Done);
                }
                Order::Issue { device } => {
                    let code = self.issue(agreement, &device);
                    out.answer(call, Answer::Issued(code));
                }
                Order::Show { device } => {
                    let shown = self
                        .side_of(&device)
                        .map_or(Answer::NoRelationship, |side| Answer::Shown(side.clone()));
                    out.answer(call, shown);
                }
                Order::Send { errand, pass } => {
                    let Some(request) = self.prepare(agreement, &errand) else {
                        out.answer(call, Answer::NoRelationship);
                        return;
                    };
                    let request = match pass {
                        Pass::Own => {
                            request.with("Authorization", format!("Bearer {}", agreement.token))
                        }
                        Pass::Forged => {
                            let (_, mut rng) = self.draw("forged token");
                            request.with(
                                "Authorization",
                                format!("Bearer no-partner-{:016x}", rng.u64(..)),
                            )
                        }
                        Pass::Missing => request,
                    };
                    self.exchanges += 1;
                    let exchange = ExchangeId(self.exchanges);
                    let url = request.url.clone();
                    self.waiting.insert(exchange, Waiting { call, errand, url });
                    out.push(Output::Request { exchange, request });
                }
            },
            Input::Request { exchange, request } => {
                if let Some(response) = self.serve(agreement, request) {
                    out.respond(exchange, response);
                }
            }
            Input::Response { exchange, outcome } => {
                let Some(waited) = self.waiting.remove(&exchange) else {
                    return;
                };
                if let Ok(response) = outcome {
                    self.conclude(agreement, (&waited.errand, &waited.url), response);
                }
                out.answer(
                    waited.call,
                    Answer::Sent(outcome.cloned().map_err(Clone::clone)),
                );
            }
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Restored(_)
            | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
