//! A device with a Twinning application: primary or secondary, as the tester orders.

use std::collections::BTreeMap;

use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role as Party, Time};

use crate::knobs::{Knobs, PrimaryOperator};
use crate::message::{ActivationCode, Role, Twinning, repeats};
use crate::tree::{Document, Format, Unreadable};
use crate::url::encode_segment;

/// How devices reach the system: common to all devices of a run.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where the enabler is reached, without the API's own segments.
    pub base_url: String,
    /// The interface's shapes.
    pub knobs: Knobs,
}

/// What a tester can ask of a device.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Use an activation code as primary.
    Activate {
        /// What the user typed in.
        code: Option<String>,
        /// The operator that the code came from, as the user was shown.
        mno_id: Option<String>,
        /// A name for the relationship.
        name: Option<String>,
    },
    /// List the device's twinnings.
    List,
    /// Read the device's own twinning.
    Read,
    /// Ask for an activation code as secondary.
    RequestCode {
        /// The primary's operator, where the user named it.
        primary_operator: Option<String>,
    },
}

/// What became of an order: the enabler's response, or why there was none.
pub type Answer = Result<Response, Fault>;

/// The device's core.
#[derive(Debug)]
pub struct Device {
    address: String,
    token: String,
    format: Format,
    resource: Option<String>,
    exchanges: u64,
    waiting: BTreeMap<ExchangeId, CallId>,
}

impl Device {
    /// A device with its address, its access token and the format that it speaks.
    pub fn new(address: impl Into<String>, token: impl Into<String>, format: Format) -> Self {
        Self {
            address: address.into(),
            token: token.into(),
            format,
            resource: None,
            exchanges: 0,
            waiting: BTreeMap::new(),
        }
    }

    fn request(&self, access: &Access, order: &Order) -> Request {
        match order {
            Order::Activate { code, mno_id, name } => {
                let twinning = Twinning {
                    role: Some(Role::Primary.literal(&access.knobs).to_owned()),
                    name: name.clone(),
                    activation_code: Some(ActivationCode {
                        code: code.clone(),
                        mno_id: mno_id.clone(),
                    }),
                    ..Twinning::default()
                };
                self.post_twinning(access, &twinning)
            }
            Order::List => self.get(self.collection(access)),
            Order::Read => self.get(
                self.resource
                    .clone()
                    .unwrap_or_else(|| self.collection(access)),
            ),
            Order::RequestCode { primary_operator } => {
                let mut twinning = Twinning {
                    role: Some(Role::Secondary.literal(&access.knobs).to_owned()),
                    ..Twinning::default()
                };
                if let Some(operator) = primary_operator {
                    match access.knobs.primary_operator {
                        PrimaryOperator::ActivationCode => {
                            twinning.activation_code = Some(ActivationCode {
                                code: None,
                                mno_id: Some(operator.clone()),
                            });
                        }
                        PrimaryOperator::OwnElement => {
                            twinning.primary_operator = Some(operator.clone())
                        }
                    }
                }
                self.post_twinning(access, &twinning)
            }
        }
    }

    fn collection(&self, access: &Access) -> String {
        let paths = &access.knobs.paths;
        let user = encode_segment(&self.address);
        format!(
            "{}/{}/{}/{user}{}",
            access.base_url, paths.api, paths.version, paths.twinnings
        )
    }

    fn get(&self, url: String) -> Request {
        Request::new("GET", url)
            .with("Authorization", format!("Bearer {}", self.token))
            .with("Accept", self.format.media_type())
    }

    fn post_twinning(&self, access: &Access, twinning: &Twinning) -> Request {
        let knobs = &access.knobs;
        let body = twinning
            .document(knobs)
            .write(self.format, knobs.json, &repeats(&knobs.names));
        Request::new("POST", self.collection(access))
            .with("Authorization", format!("Bearer {}", self.token))
            .with("Accept", self.format.media_type())
            .with_body(self.format.media_type(), body)
    }
}

/// Reads a response's body by the media type that it names.
///
/// # Errors
///
/// No media type of this API, or a body that is not of it.
pub fn read_body(response: &Response) -> Result<Document, Unreadable> {
    let named = response.headers.first("Content-Type").unwrap_or_default();
    let format = Format::of_media_type(named).ok_or_else(|| Unreadable {
        format: Format::Json,
        why: format!("Content-Type {named:?} is neither application/json nor application/xml"),
    })?;
    Document::read(format, &response.body)
}

impl Party for Device {
    type Shared = Access;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        access: &Access,
        _now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        match input {
            Input::Order { call, order } => {
                self.exchanges += 1;
                let exchange = ExchangeId(self.exchanges);
                self.waiting.insert(exchange, call);
                out.push(Output::Request {
                    exchange,
                    request: self.request(access, &order),
                });
            }
            Input::Response { exchange, outcome } => {
                let Some(call) = self.waiting.remove(&exchange) else {
                    return;
                };
                if let Ok(response) = outcome {
                    if response.status == 201 {
                        self.resource = response.headers.first("Location").map(str::to_owned);
                    }
                }
                out.answer(call, outcome.cloned().map_err(Clone::clone));
            }
            Input::Request { exchange, .. } => out.respond(exchange, Response::new(404)),
            Input::Datagram { .. } | Input::Persisted(_) | Input::Restored(_) | Input::Wake => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
