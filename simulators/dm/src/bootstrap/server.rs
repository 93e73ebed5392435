//! A bootstrap server: it knows devices, and hands each its document.
//!
//! `GET` of the address of a device gets its document, with what protects it in the media type; an entity
//! tag tells whether it has changed. That a document is fetched in this way is
//! [`Basis::Assumed`](crate::Basis::Assumed): RD DM 1.3 asks for a URL, and its binding is not public.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Time};

use super::Known;
use super::rules::decide::{Rules, Standard};
use super::rules::{Called, KeyFacts, Validator, Whose};
use crate::provisioning::protection::{KeyForm, Method, Profile, Protection, mac};
use crate::provisioning::{Account, document};
use crate::push::{APPLICATION, APPLICATION_FIELD};
use crate::syncml::{
    Command, Data, Format, Header, Item, Location, Message, Meta, Request as Wish,
};
use crate::tree::tnds::Tnds;
use crate::tree::{NodeUri, Selector};
use crate::{Error, media, wbxml};

/// How a bootstrap server is set up.
#[derive(Clone)]
pub struct Shared {
    /// How it writes WBXML.
    pub wbxml: wbxml::Form,
    /// How it writes the identity of a subscriber into a key; as its kind of document has it if none.
    pub key_form: Option<KeyForm>,
    /// Its decisions.
    pub rules: Arc<dyn Rules>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            wbxml: wbxml::Form::default(),
            key_form: None,
            rules: Arc::new(Standard),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// A device that is to be bootstrapped.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name, which stands at the end of its address.
    pub name: String,
    /// What it gets.
    pub account: Account,
    /// What it knows.
    pub known: Known,
    /// Whether the network identity that it knows is a secret.
    pub secret: bool,
    /// How its document is protected.
    pub method: Method,
    /// Of which kind its document is.
    pub profile: Profile,
}

/// What an operator wants of a bootstrap server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Operation {
    /// Push the document of a device to where it takes pushes.
    Push {
        /// The device.
        device: String,
        /// Where it takes pushes.
        to: String,
    },
    /// Change what the document of a device says.
    Renew {
        /// The device.
        device: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// It cannot be done.
    Refused(String),
}

/// The core of a bootstrap server.
#[derive(Clone, Debug)]
pub struct BootstrapServer {
    devices: Vec<Device>,
    /// How often the document of each was changed.
    renewed: Vec<u64>,
    exchanges: u64,
    calls: BTreeMap<ExchangeId, CallId>,
}

impl BootstrapServer {
    /// A server that knows these devices.
    #[must_use]
    pub fn new(devices: Vec<Device>) -> Self {
        Self {
            renewed: vec![0; devices.len()],
            devices,
            exchanges: 0,
            calls: BTreeMap::new(),
        }
    }

    /// The number of the device of this name.
    fn place(&self, name: &str) -> Option<usize> {
        self.devices.iter().position(|device| device.name == name)
    }

    /// The document for a device: its media type and its octets.
    fn document(
        &self,
        shared: &Shared,
        (asks, pushed): (usize, bool),
    ) -> Result<(String, Vec<u8>), Error> {
        let all = self.devices.len();
        let number = shared.rules.whose(Whose { asks, all });
        let missing = || Error::new(crate::Fault::Missing, 0, "a device", "none");
        let device = self.devices.get(number).ok_or_else(missing)?;
        let mut account = device.account.clone();
        account.name = match self.renewed.get(number) {
            Some(times @ 1..) => Some(format!("Account {times}")),
            _ => account.name,
        };
        let account = shared.rules.gives(account);
        let (name, octets) = match device.profile {
            Profile::ClientProvisioning => {
                let octets = wbxml::write(&document(&[account]), &shared.wbxml)?;
                (media::PROVISIONING, octets)
            }
            Profile::Message => {
                let message = message(&device.name, &account)?;
                let octets = wbxml::write(&message.to_element(), &shared.wbxml)?;
                (media::DM_WBXML, octets)
            }
        };
        let octets = shared.rules.writes(octets);
        let (id, pin) = (&device.known.network_id, &device.known.pin);
        let (id, pin) = (
            id.as_deref().unwrap_or_default(),
            pin.as_deref().unwrap_or_default(),
        );
        let form = match (device.secret, shared.key_form) {
            (true, _) => KeyForm::Digits,
            (false, Some(form)) => form,
            (false, None) => device.profile.key_form().0,
        };
        let key = shared.rules.protects_with(KeyFacts {
            method: device.method,
            right: device.method.key(device.profile, id, pin, form),
            network_id: id.as_bytes().to_vec(),
            pin: pin.as_bytes().to_vec(),
            secret: device.secret,
        });
        let protection = Protection::new(device.method, &key, &octets);
        let content_type = format!("{name}; {}", protection.of(device.profile));
        let octets = shared.rules.sends(octets);
        let called = Called {
            pushed,
            content_type,
        };
        Ok((shared.rules.calls(called), octets))
    }

    fn respond(&self, shared: &Shared, request: &Request) -> Response {
        if request.method != "GET" {
            return Response::new(405);
        }
        let name = request.path().rsplit('/').next().unwrap_or_default();
        let place = self.place(&decoded(name));
        if !shared.rules.serves(place.is_some()) {
            return Response::new(404);
        }
        let asks = place.unwrap_or_default();
        let Ok((content_type, octets)) = self.document(shared, (asks, false)) else {
            return Response::new(500);
        };
        let tag = format!("\"{}\"", crate::hex::encode(&mac(b"tag", &octets)[..8]));
        let given = request.headers.first("If-None-Match");
        let unchanged = shared.rules.unchanged(Validator {
            given: given.is_some(),
            same: given == Some(&*tag),
        });
        match unchanged {
            true => Response::new(304).with("ETag", tag),
            false => Response::new(200)
                .with("ETag", tag)
                .with_body(&content_type, octets),
        }
    }

    fn obey(
        &mut self,
        shared: &Shared,
        (call, operation): (CallId, Operation),
        out: &mut Outbox<Answer>,
    ) {
        let (Operation::Push { device, .. } | Operation::Renew { device }) = &operation;
        let Some(place) = self.place(device) else {
            let why = format!("expected a device that it knows, got {device}");
            return out.answer(call, Answer::Refused(why));
        };
        match operation {
            Operation::Renew { .. } => {
                if let Some(times) = self.renewed.get_mut(place) {
                    *times += 1;
                }
                out.answer(call, Answer::Done);
            }
            Operation::Push { to, .. } => match self.document(shared, (place, true)) {
                Ok((content_type, octets)) => {
                    self.exchanges += 1;
                    let exchange = ExchangeId(self.exchanges);
                    self.calls.insert(exchange, call);
                    let request = Request::new("POST", to)
                        .with(APPLICATION_FIELD, APPLICATION)
                        .with_body(&content_type, octets);
                    out.push(Output::Request { exchange, request });
                }
                Err(error) => out.answer(call, Answer::Refused(error.to_string())),
            },
        }
    }
}

/// A message that adds an account, which a client takes without a session and answers to nobody.
///
/// # Errors
///
/// None but for names that no node can have.
pub fn message(device: &str, account: &Account) -> Result<Message, Error> {
    let at: NodeUri = "./Inbox/Account".parse()?;
    let tree = Tnds::of_states(&at, &account.states(&at), &Selector::Unspecified);
    let item = Item {
        data: Some(Data::element(tree.to_element())),
        ..Item::at(at.to_string()).with_meta(Meta::described(Format::Xml, media::TNDS_XML))
    };
    Ok(Message {
        header: Header {
            ver_dtd: "1.2".to_owned(),
            ver_proto: "DM/1.2".to_owned(),
            session_id: "1".to_owned(),
            msg_id: "1".to_owned(),
            target: Location::new(device),
            source: Location::new(&account.server_id),
            ..Header::default()
        },
        commands: vec![Command::Add(Wish::new("1", item))],
        is_final: true,
    })
}

/// A segment of a path without what is written with percent signs.
fn decoded(segment: &str) -> String {
    let mut octets = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = match (first, behind) {
            (b'%', &[high, low, ref behind @ ..]) => match crate::hex::octet(high, low) {
                Some(octet) => {
                    octets.push(octet);
                    behind
                }
                None => {
                    octets.push(first);
                    &rest[1..]
                }
            },
            _ => {
                octets.push(first);
                behind
            }
        };
    }
    String::from_utf8_lossy(&octets).into_owned()
}

impl Role for BootstrapServer {
    type Shared = Shared;
    type Order = Operation;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &Shared,
        _now: Time,
        input: Input<'_, Operation>,
        out: &mut Outbox<Answer>,
    ) {
        match input {
            Input::Order { call, order } => self.obey(shared, (call, order), out),
            Input::Request { exchange, request } => {
                out.respond(exchange, self.respond(shared, request));
            }
            Input::Response { exchange, outcome } => {
                if let Some(call) = self.calls.remove(&exchange) {
                    let answer = match outcome {
                        Ok(response) if response.is_success() => Answer::Done,
                        Ok(response) => {
                            Answer::Refused(format!("the push was answered by {}", response.status))
                        }
                        Err(fault) => Answer::Refused(fault.to_string()),
                    };
                    out.answer(call, answer);
                }
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
