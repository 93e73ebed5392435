//! A Twinning enabler of one operator.

pub mod rules;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{ExchangeId, Input, Outbox, Output, Role as Party, Seed, Time, WriteId};

use crate::knobs::Knobs;
use crate::message::{
    ActivationCode, ExceptionKind, OtherDevice, RequestError, Role, Status, Twinning, TwinningList,
    repeats,
};
use crate::tree::{Document, Format};
use crate::url::{decode_segment, encode_segment};
use rules::{CodeFacts, Rules};
use state::{Code, Side, State};

/// What an operator has provisioned.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the enabler is reached, without the API's own segments.
    pub base_url: String,
    /// The operator's identity (MCC-MNC).
    pub mno_id: String,
    /// How long an activation code lives.
    pub code_lifetime: Duration,
    /// The devices that may use the API.
    pub subscribers: Vec<Subscriber>,
    /// The interface's shapes.
    pub knobs: Knobs,
}

/// A provisioned device.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Its address.
    pub address: String,
    /// The access token that it starts with.
    pub token: String,
    /// Its voice-mail retrieval address, if it has one.
    pub voice_mail: Option<String>,
}

/// A refusal in the making.
struct Refusal {
    status: u16,
    id: &'static str,
    text: &'static str,
    variables: Vec<String>,
}

impl Refusal {
    fn new(status: u16, id: &'static str, text: &'static str) -> Self {
        Self {
            status,
            id,
            text,
            variables: Vec::new(),
        }
    }

    fn about(mut self, variable: impl Into<String>) -> Self {
        self.variables.push(variable.into());
        self
    }

    fn document(self) -> Document {
        let kind = if self.id.starts_with("POL") {
            ExceptionKind::Policy
        } else {
            ExceptionKind::Service
        };
        RequestError {
            kind,
            message_id: self.id.to_owned(),
            text: self.text.to_owned(),
            variables: self.variables,
        }
        .document()
    }
}

/// The enabler's core.
pub struct Enabler {
    rules: Arc<dyn Rules>,
    seed: Seed,
    state: State,
    writes: u64,
    held: BTreeMap<WriteId, (ExchangeId, Response)>,
}

impl Enabler {
    /// An enabler that has nothing in its store yet.
    pub fn new(rules: Arc<dyn Rules>, seed: Seed) -> Self {
        Self {
            rules,
            seed,
            state: State::default(),
            writes: 0,
            held: BTreeMap::new(),
        }
    }

    fn serve(&mut self, config: &Config, now: Time, request: &Request) -> Response {
        let answer = self.route(config, now, request);
        let format = negotiate(request, config);
        let (status, location, document) = match answer {
            Ok(answer) => answer,
            Err(refusal) => (refusal.status, None, refusal.document()),
        };
        let body = document.write(format, config.knobs.json, &repeats(&config.knobs.names));
        let mut response = Response::new(status).with_body(format.media_type(), body);
        if let Some(location) = location {
            response.headers.add("Location", location);
        }
        if status == 401 {
            response
                .headers
                .add("WWW-Authenticate", "Bearer error=\"invalid_token\"");
        }
        response
    }

    fn route(
        &mut self,
        config: &Config,
        now: Time,
        request: &Request,
    ) -> Result<(u16, Option<String>, Document), Refusal> {
        let knobs = &config.knobs;
        let unknown = || Refusal::new(404, "SVC2008", "Unknown resource %1").about(request.path());
        let root = format!("/{}/{}/", knobs.paths.api, knobs.paths.version);
        let below_base = request
            .path()
            .split_once(root.as_str())
            .map(|(_, rest)| rest)
            .ok_or_else(unknown)?;
        let (user, resource) = below_base.split_at(below_base.find('/').ok_or_else(unknown)?);
        let token = request
            .headers
            .first("Authorization")
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Refusal::new(401, "SVC2003", "Invalid access token"))?;
        let subscriber = config
            .subscribers
            .iter()
            .find(|s| s.token == token)
            .ok_or_else(|| Refusal::new(401, "SVC2003", "Invalid access token"))?;
        let user = decode_segment(user);
        if user != "acr:auth" && user != subscriber.address {
            return Err(Refusal::new(403, "POL2003", "Access to %1 denied").about(user));
        }
        let twinnings = knobs.paths.twinnings.as_str();
        match (request.method.as_str(), resource) {
            ("POST", path) if path == twinnings => self.create(config, now, subscriber, request),
            ("GET", path) if path == twinnings => Ok((200, None, self.list(config, subscriber))),
            ("GET", path) => {
                let side = path
                    .strip_prefix(twinnings)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .and_then(|id| self.state.side(id))
                    .filter(|side| side.owner == subscriber.address)
                    .ok_or_else(unknown)?;
                Ok((200, None, self.represent(config, side).document(knobs)))
            }
            _ => Err(unknown()),
        }
    }

    fn create(
        &mut self,
        config: &Config,
        now: Time,
        subscriber: &Subscriber,
        request: &Request,
    ) -> Result<(u16, Option<String>, Document), Refusal> {
        let knobs = &config.knobs;
        let format = body_format(request, config);
        let document = Document::read(format, &request.body).map_err(|e| {
            Refusal::new(400, "SVC0002", "Invalid input value %1").about(e.to_string())
        })?;
        let asked = Twinning::of_document(&document, knobs).ok_or_else(|| {
            Refusal::new(400, "SVC0002", "Invalid input value %1").about(&document.root)
        })?;
        let side = match asked.role(knobs) {
            Some(Role::Secondary) => self.request_code(now, subscriber),
            Some(Role::Primary) => self.activate(config, now, subscriber, &asked)?,
            None => {
                let role = asked.role.unwrap_or_default();
                return Err(Refusal::new(400, "SVC1014", "Undefined twinning role %1").about(role));
            }
        };
        let twinning = self.represent(config, &side);
        Ok((201, twinning.resource_url.clone(), twinning.document(knobs)))
    }

    fn request_code(&mut self, now: Time, subscriber: &Subscriber) -> Side {
        let serial = self.state.next_serial();
        let mut rng = self.seed.derive(&format!("code {serial}")).rng();
        let mut code = format!("{:06}", rng.u32(0..1_000_000));
        while self.state.code(&code).is_some() {
            code = format!("{:06}", rng.u32(0..1_000_000));
        }
        let side = Side {
            id: format!("tw{serial}"),
            owner: subscriber.address.clone(),
            role: Role::Secondary,
            name: None,
            status: Status::Pending,
            other: None,
            other_id: None,
            code: Some(code.clone()),
            auth_code: None,
        };
        self.state.put_code(
            &code,
            Code {
                side: side.id.clone(),
                since: now,
                used: false,
            },
        );
        self.state.put_side(side.clone());
        side
    }

    fn activate(
        &mut self,
        config: &Config,
        now: Time,
        subscriber: &Subscriber,
        asked: &Twinning,
    ) -> Result<Side, Refusal> {
        let refused =
            || Refusal::new(400, "SVC0002", "Invalid input value %1").about("activationCode");
        let code = asked
            .activation_code
            .as_ref()
            .and_then(|c| c.code.as_deref())
            .ok_or_else(refused)?;
        let entry = self.state.code(code).cloned();
        let secondary = entry
            .as_ref()
            .and_then(|entry| self.state.side(&entry.side))
            .cloned();
        let facts = CodeFacts {
            known: entry.is_some(),
            used: entry.as_ref().is_some_and(|entry| entry.used),
            age: entry
                .as_ref()
                .map_or(Duration::ZERO, |entry| now.since(entry.since)),
            lifetime: config.code_lifetime,
            own: secondary
                .as_ref()
                .is_some_and(|side| side.owner == subscriber.address),
        };
        let (true, Some(entry), Some(mut secondary)) =
            (self.rules.code_is_usable(facts), entry, secondary)
        else {
            return Err(refused());
        };
        let serial = self.state.next_serial();
        let name = asked
            .name
            .clone()
            .unwrap_or_else(|| format!("device-{serial}"));
        let primary = Side {
            id: format!("tw{serial}"),
            owner: subscriber.address.clone(),
            role: Role::Primary,
            name: Some(name.clone()),
            status: Status::On,
            other: Some(secondary.owner.clone()),
            other_id: Some(secondary.id.clone()),
            code: None,
            auth_code: None,
        };
        secondary.name = Some(name);
        secondary.status = Status::On;
        secondary.other = Some(primary.owner.clone());
        secondary.other_id = Some(primary.id.clone());
        secondary.code = None;
        self.state.put_code(
            code,
            Code {
                used: true,
                ..entry
            },
        );
        self.state.put_side(secondary);
        self.state.put_side(primary.clone());
        Ok(primary)
    }

    fn list(&self, config: &Config, subscriber: &Subscriber) -> Document {
        TwinningList {
            twinnings: self
                .state
                .sides_of(&subscriber.address)
                .map(|s| self.represent(config, s))
                .collect(),
            resource_url: Some(collection_url(config, &subscriber.address)),
        }
        .document(&config.knobs)
    }

    fn represent(&self, config: &Config, side: &Side) -> Twinning {
        let knobs = &config.knobs;
        let mut twinning = Twinning {
            role: Some(side.role.literal(knobs).to_owned()),
            name: side.name.clone(),
            other_device: side.other.clone().map(|address| OtherDevice {
                address: Some(address),
                ..OtherDevice::default()
            }),
            activation_code: side.code.clone().map(|code| ActivationCode {
                code: Some(code),
                mno_id: Some(config.mno_id.clone()),
            }),
            status: Some(side.status.literal(knobs).to_owned()),
            auth_code: side.auth_code.clone(),
            own_address: Some(side.owner.clone()),
            resource_url: Some(format!(
                "{}/{}",
                collection_url(config, &side.owner),
                side.id
            )),
            ..Twinning::default()
        };
        let primary = side.other.as_ref().filter(|_| side.role == Role::Secondary);
        let voice_mail = primary
            .and_then(|address| config.subscribers.iter().find(|s| &s.address == address))
            .and_then(|s| s.voice_mail.as_deref());
        if let Some(address) = voice_mail {
            twinning.set_voice_mail(address, knobs);
        }
        twinning
    }
}

fn collection_url(config: &Config, owner: &str) -> String {
    let paths = &config.knobs.paths;
    format!(
        "{}/{}/{}/{}{}",
        config.base_url,
        paths.api,
        paths.version,
        encode_segment(owner),
        paths.twinnings
    )
}

fn body_format(request: &Request, config: &Config) -> Format {
    request
        .headers
        .first("Content-Type")
        .and_then(Format::of_media_type)
        .unwrap_or_else(|| config.knobs.format.into())
}

fn negotiate(request: &Request, config: &Config) -> Format {
    request
        .headers
        .first("Accept")
        .and_then(Format::of_media_type)
        .unwrap_or_else(|| body_format(request, config))
}

impl Party for Enabler {
    type Shared = Config;
    type Order = std::convert::Infallible;
    type Answer = std::convert::Infallible;

    fn handle(
        &mut self,
        config: &Config,
        now: Time,
        input: Input<'_, Self::Order>,
        out: &mut Outbox<Self::Answer>,
    ) {
        match input {
            Input::Request { exchange, request } => {
                let response = self.serve(config, now, request);
                let changes = self.state.take_changes();
                if changes.is_empty() {
                    out.respond(exchange, response);
                } else {
                    self.writes += 1;
                    let write = WriteId(self.writes);
                    self.held.insert(write, (exchange, response));
                    out.push(Output::Persist { write, changes });
                }
            }
            Input::Persisted(write) => {
                if let Some((exchange, response)) = self.held.remove(&write) {
                    out.respond(exchange, response);
                }
            }
            Input::Restored(records) => self.state = State::restore(records),
            Input::Order { order, .. } => match order {},
            Input::Datagram { .. } | Input::Response { .. } | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
