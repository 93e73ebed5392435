//! The other operator: what a Twinning enabler meets when a relationship crosses networks.
//!
//! It answers as a correct partner unless told otherwise, and shares no code with the enabler, so
//! that the two do not agree by descent.

use std::collections::BTreeMap;

use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as Party, Seed, Time};

use crate::device::read_body;
use crate::knobs::Knobs;
use crate::message::{ActivationCode, OtherDevice, Role, Status, Twinning, repeats};
use crate::tree::{Document, Format};
use crate::url::{decode_segment, encode_segment};

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
    waiting: BTreeMap<ExchangeId, (CallId, Errand)>,
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

    /// The request of an errand; none where there is no relationship to speak of.
    fn prepare(&mut self, agreement: &Agreement, errand: &Errand) -> Option<Request> {
        let knobs = &agreement.knobs;
        match errand {
            Errand::RequestCode { device } => {
                let side = self.new_side(device, Role::Secondary, Status::Pending);
                let asked = Twinning {
                    role: Some(Role::Secondary.literal(knobs).to_owned()),
                    link: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                self.sides.insert(side.id.clone(), side);
                let url = collection(&agreement.partner, knobs, device);
                Some(with_twinning("POST", url, &asked, knobs))
            }
            Errand::Activate {
                device,
                code,
                mno_id,
            } => {
                let side = self.new_side(device, Role::Primary, Status::Pending);
                let asked = Twinning {
                    role: Some(Role::Primary.literal(knobs).to_owned()),
                    other_device: Some(about(device, agreement)),
                    activation_code: Some(ActivationCode {
                        code: Some(code.clone()),
                        mno_id: mno_id.clone(),
                    }),
                    link: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                self.sides.insert(side.id.clone(), side);
                let url = collection(&agreement.partner, knobs, device);
                Some(with_twinning("POST", url, &asked, knobs))
            }
            Errand::Complete { device } => {
                self.keep_promise(device);
                let auth_code = self.new_auth_code();
                let mut side = self.side_of(device)?.clone();
                let auth_code = side.auth_code.get_or_insert(auth_code).clone();
                let theirs = side.theirs.clone()?;
                let written = Twinning {
                    role: Some(Role::Secondary.literal(knobs).to_owned()),
                    other_device: Some(about(device, agreement)),
                    status: Some(Status::On.literal(knobs).to_owned()),
                    auth_code: Some(auth_code),
                    resource_url: Some(theirs.clone()),
                    link: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                self.sides.insert(side.id.clone(), side);
                Some(with_twinning("PUT", theirs, &written, knobs))
            }
            Errand::Toggle { device, status } => {
                let side = self.side_of(device)?;
                let theirs = side.theirs.clone()?;
                let their_role = match side.role {
                    Role::Primary => Role::Secondary,
                    Role::Secondary => Role::Primary,
                };
                let written = Twinning {
                    role: Some(their_role.literal(knobs).to_owned()),
                    other_device: Some(about(device, agreement)),
                    status: Some(status.literal(knobs).to_owned()),
                    resource_url: Some(theirs.clone()),
                    ..Twinning::default()
                };
                Some(with_twinning("PUT", theirs, &written, knobs))
            }
            Errand::Deactivate { device } => {
                let theirs = self.side_of(device)?.theirs.clone()?;
                Some(Request::new("DELETE", theirs))
            }
        }
    }

    /// A code that was made for the partner is used by a device of this operator.
    fn keep_promise(&mut self, device: &str) {
        if self.side_of(device).is_some() {
            return;
        }
        let Some(promise) = self.promises.pop() else {
            return;
        };
        let mut side = self.new_side(device, Role::Primary, Status::Pending);
        side.other = Some(promise.secondary);
        side.theirs = promise.theirs;
        self.sides.insert(side.id.clone(), side);
    }

    /// What the partner's response to an errand changes here.
    fn conclude(&mut self, agreement: &Agreement, errand: &Errand, response: &Response) {
        let Some(id) = self.side_of(errand.device()).map(|side| side.id.clone()) else {
            return;
        };
        let twinning = read_body(response)
            .ok()
            .and_then(|document| Twinning::of_document(&document, &agreement.knobs));
        let Some(side) = self.sides.get_mut(&id) else {
            return;
        };
        match errand {
            Errand::Activate { .. } if response.is_success() => {
                if let Some(twinning) = twinning {
                    side.other = twinning.other_address().map(str::to_owned);
                    side.theirs = twinning.resource_url;
                }
            }
            Errand::Complete { .. } if response.is_success() => side.status = Status::On,
            Errand::Toggle { status, .. } if response.is_success() => side.status = *status,
            Errand::Activate { .. } | Errand::RequestCode { .. } if !response.is_success() => {
                self.sides.remove(&id);
            }
            Errand::Deactivate { .. } if response.is_success() => {
                self.sides.remove(&id);
            }
            _ => {}
        }
    }

    fn serve(&mut self, agreement: &Agreement, request: &Request) -> Option<Response> {
        let document = request
            .headers
            .first("Content-Type")
            .and_then(Format::of_media_type)
            .and_then(|format| Document::read(format, &request.body).ok());
        let twinning = document
            .as_ref()
            .and_then(|document| Twinning::of_document(document, &agreement.knobs));
        let response = match self.behaviour {
            Behaviour::Correct => {
                Some(self.answer(agreement, request, document.as_ref(), twinning.as_ref()))
            }
            Behaviour::Refusing(status) => Some(refusal(status, "POL0001", "Refused", agreement)),
            Behaviour::Silent => None,
            Behaviour::Unavailable => {
                Some(refusal(503, "SVC2001", "No server resources", agreement))
            }
        };
        self.received.push(Received {
            method: request.method.clone(),
            path: request.path().to_owned(),
            twinning,
            status: response.as_ref().map(|response| response.status),
        });
        response
    }

    fn answer(
        &mut self,
        agreement: &Agreement,
        request: &Request,
        document: Option<&Document>,
        twinning: Option<&Twinning>,
    ) -> Response {
        let knobs = &agreement.knobs;
        let presented = request
            .headers
            .first("Authorization")
            .and_then(|value| value.split_once(' '))
            .map(|(_, token)| token.trim());
        if presented != Some(agreement.expects_token.as_str()) {
            return refusal(401, "SVC2003", "Invalid access token", agreement)
                .with("WWW-Authenticate", "Bearer error=\"invalid_token\"");
        }
        let unknown = || refusal(404, "SVC2008", "Unknown resource", agreement);
        let root = format!("/{}/{}/", knobs.paths.api, knobs.paths.version);
        let Some((user, resource)) = request
            .path()
            .split_once(root.as_str())
            .and_then(|(_, rest)| rest.find('/').map(|slash| rest.split_at(slash)))
        else {
            return unknown();
        };
        let user = decode_segment(user);
        let Some(below) = resource.strip_prefix(knobs.paths.twinnings.as_str()) else {
            return unknown();
        };
        if below.is_empty() {
            return match (request.method.as_str(), twinning) {
                ("POST", Some(asked)) => self.created(agreement, &user, asked),
                ("POST", None) => refusal(400, "SVC0002", "Invalid input value", agreement),
                _ => refusal(405, "SVC0001", "Not supported", agreement).with("Allow", "POST"),
            };
        }
        let below = &below[1..];
        let (id, part) = below.split_at(below.find('/').unwrap_or(below.len()));
        let Some(mut side) = self
            .sides
            .get(id)
            .filter(|side| side.owner == user)
            .cloned()
        else {
            return unknown();
        };
        let light = part == knobs.paths.status_part;
        match request.method.as_str() {
            "GET" if part.is_empty() => success(200, &represent(agreement, &side), knobs),
            "PUT" if light => {
                let status = document
                    .filter(|document| document.root == knobs.names.twinning_status)
                    .and_then(|document| document.tree.text())
                    .and_then(|text| Status::of_literal(text, knobs));
                let (Some(status), Some(document)) = (status, document) else {
                    return refusal(400, "SVC0003", "Invalid input value", agreement);
                };
                side.status = status;
                self.sides.insert(side.id.clone(), side);
                let format = Format::from(knobs.format);
                let body = document.write(format, knobs.json, &repeats(&knobs.names));
                Response::new(200).with_body(format.media_type(), body)
            }
            "PUT" if part.is_empty() => {
                let Some(written) = twinning else {
                    return refusal(400, "SVC0002", "Invalid input value", agreement);
                };
                side.status = written.status(knobs).unwrap_or(side.status);
                side.auth_code = written.auth_code.clone().or(side.auth_code);
                side.theirs = written.link.clone().or(side.theirs);
                side.other = written.other_address().map(str::to_owned).or(side.other);
                let response = success(200, &represent(agreement, &side), knobs);
                self.sides.insert(side.id.clone(), side);
                response
            }
            "DELETE" if part.is_empty() => {
                self.sides.remove(id);
                Response::new(204)
            }
            _ if part.is_empty() => refusal(405, "SVC0001", "Not supported", agreement)
                .with("Allow", "GET, PUT, DELETE"),
            _ if light => refusal(405, "SVC0001", "Not supported", agreement).with("Allow", "PUT"),
            _ => unknown(),
        }
    }

    fn created(&mut self, agreement: &Agreement, user: &str, asked: &Twinning) -> Response {
        let knobs = &agreement.knobs;
        match asked.role(knobs) {
            Some(Role::Secondary) => {
                let code = self.new_code();
                self.promises.push(Promise {
                    secondary: user.to_owned(),
                    theirs: asked.link.clone(),
                });
                let answer = Twinning {
                    role: asked.role.clone(),
                    activation_code: Some(ActivationCode {
                        code: Some(code),
                        mno_id: Some(agreement.mno_id.clone()),
                    }),
                    status: Some(Status::Pending.literal(knobs).to_owned()),
                    own_address: Some(user.to_owned()),
                    ..Twinning::default()
                };
                success(201, &answer, knobs)
            }
            Some(Role::Primary) => {
                let code = asked.activation_code.as_ref().and_then(|c| c.code.clone());
                let found = self
                    .sides
                    .values()
                    .find(|side| code.is_some() && side.code == code)
                    .cloned();
                let Some(mut side) = found else {
                    return refusal(400, "SVC0002", "Invalid input value", agreement);
                };
                side.code = None;
                side.theirs = asked.link.clone();
                side.other = asked
                    .other_address()
                    .map(str::to_owned)
                    .or_else(|| Some(user.to_owned()));
                let answer = Twinning {
                    role: asked.role.clone(),
                    other_device: Some(about(&side.owner, agreement)),
                    status: Some(side.status.literal(knobs).to_owned()),
                    own_address: side.other.clone(),
                    resource_url: Some(side_url(agreement, &side)),
                    ..Twinning::default()
                };
                let location = side_url(agreement, &side);
                self.sides.insert(side.id.clone(), side);
                success(201, &answer, knobs).with("Location", location)
            }
            None => refusal(400, "SVC1014", "Undefined twinning role", agreement),
        }
    }
}

fn about(device: &str, agreement: &Agreement) -> OtherDevice {
    OtherDevice {
        address: Some(device.to_owned()),
        mno_id: Some(agreement.mno_id.clone()),
        ..OtherDevice::default()
    }
}

fn collection(base_url: &str, knobs: &Knobs, user: &str) -> String {
    let paths = &knobs.paths;
    format!(
        "{base_url}/{}/{}/{}{}",
        paths.api,
        paths.version,
        encode_segment(user),
        paths.twinnings
    )
}

fn side_url(agreement: &Agreement, side: &Side) -> String {
    let all = collection(&agreement.base_url, &agreement.knobs, &side.owner);
    format!("{all}/{}", side.id)
}

fn represent(agreement: &Agreement, side: &Side) -> Twinning {
    let knobs = &agreement.knobs;
    Twinning {
        role: Some(side.role.literal(knobs).to_owned()),
        other_device: side.other.as_ref().map(|address| OtherDevice {
            address: Some(address.clone()),
            ..OtherDevice::default()
        }),
        status: Some(side.status.literal(knobs).to_owned()),
        own_address: Some(side.owner.clone()),
        resource_url: Some(side_url(agreement, side)),
        ..Twinning::default()
    }
}

fn body_of(document: &Document, knobs: &Knobs) -> (&'static str, Vec<u8>) {
    let format = Format::from(knobs.format);
    let body = document.write(format, knobs.json, &repeats(&knobs.names));
    (format.media_type(), body)
}

fn with_twinning(method: &str, url: String, twinning: &Twinning, knobs: &Knobs) -> Request {
    let (media_type, body) = body_of(&twinning.document(knobs), knobs);
    Request::new(method, url)
        .with("Accept", media_type)
        .with_body(media_type, body)
}

fn success(status: u16, twinning: &Twinning, knobs: &Knobs) -> Response {
    let (media_type, body) = body_of(&twinning.document(knobs), knobs);
    Response::new(status).with_body(media_type, body)
}

fn refusal(status: u16, id: &str, text: &str, agreement: &Agreement) -> Response {
    let kind = if id.starts_with("POL") {
        crate::message::ExceptionKind::Policy
    } else {
        crate::message::ExceptionKind::Service
    };
    let error = crate::message::RequestError {
        kind,
        message_id: id.to_owned(),
        text: text.to_owned(),
        variables: Vec::new(),
    };
    let (media_type, body) = body_of(&error.document(), &agreement.knobs);
    Response::new(status).with_body(media_type, body)
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
                    self.waiting.insert(exchange, (call, errand));
                    out.push(Output::Request { exchange, request });
                }
            },
            Input::Request { exchange, request } => {
                if let Some(response) = self.serve(agreement, request) {
                    out.respond(exchange, response);
                }
            }
            Input::Response { exchange, outcome } => {
                let Some((call, errand)) = self.waiting.remove(&exchange) else {
                    return;
                };
                if let Ok(response) = outcome {
                    self.conclude(agreement, &errand, response);
                }
                out.answer(call, Answer::Sent(outcome.cloned().map_err(Clone::clone)));
            }
            Input::Datagram { .. } | Input::Persisted(_) | Input::Restored(_) | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
