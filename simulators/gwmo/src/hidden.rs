//! A device behind a gateway: a client of DM that comes, goes, and fetches what it is shown; and an origin,
//! which has what gateways fetch.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use twinproof_dm::bootstrap::device::Came;
use twinproof_dm::client::{self, Client, Reply};
use twinproof_dm::media;
use twinproof_dm::tree::NodeUri;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Time};

/// What a tester asks of a device.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Begin a session with the server of an account.
    Come {
        /// The server.
        server: String,
    },
    /// Fall silent in the middle of the next session, once the server has answered the first message.
    Die,
    /// Its user enters a PIN that it has asked for.
    Enter {
        /// The PIN.
        pin: String,
    },
    /// Fetch what is there.
    Fetch {
        /// Where.
        url: String,
    },
    /// From now on, fetch what a server says at this node, whenever that is another place than before: what a
    /// device is updated by.
    Update {
        /// Its address.
        uri: String,
    },
    /// Have another value at a node, as when a network says anew where its gateway is.
    Set {
        /// Its address.
        uri: String,
        /// The value.
        value: String,
    },
    /// Have a node no more.
    Forget {
        /// Its address.
        uri: String,
    },
    /// From now on, what it says is changed on its way: one letter where it says this.
    Garble {
        /// What it says somewhere in each message.
        text: String,
    },
    /// Go, and say nothing: whoever wants to reach it is told that it is not there.
    Go,
}

/// What a device answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done, or under way.
    Done,
    /// The HTTP status, and how many octets there were; none if there was no answer.
    Fetched(Option<(u16, usize)>),
    /// It cannot be done.
    Refused(String),
}

/// The device's core.
#[derive(Clone, Debug)]
pub struct Hidden {
    client: Client,
    gone: bool,
    reached: u64,
    dies: bool,
    garbled: Option<String>,
    exchanges: u64,
    /// Who waits for what is fetched, if anybody does.
    fetches: BTreeMap<ExchangeId, Option<CallId>>,
    /// Where a server says what it is to be updated by, and what that was last.
    update: Option<(NodeUri, String)>,
    updated: u64,
    /// What it was brought that may be a bootstrap.
    brought: Option<Came>,
}

impl Hidden {
    /// A device that is there.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            gone: false,
            reached: 0,
            dies: false,
            garbled: None,
            exchanges: 0,
            fetches: BTreeMap::new(),
            update: None,
            updated: 0,
            brought: None,
        }
    }

    /// Its client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How often somebody brought it something.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.reached
    }

    /// How often it has fetched what it was to be updated by.
    #[must_use]
    pub fn updated(&self) -> u64 {
        self.updated
    }

    /// What it was brought last of a kind that bootstraps have.
    #[must_use]
    pub fn brought(&self) -> Option<&Came> {
        self.brought.as_ref()
    }

    fn pass_on(
        &mut self,
        (shared, now): (&client::Shared, Time),
        input: Input<'_, client::Order>,
        out: &mut Outbox<Answer>,
    ) {
        let mut inner = Outbox::default();
        self.client.handle(shared, now, input, &mut inner);
        for output in inner.drain() {
            match output {
                // Its exchanges have even numbers, the device's own odd ones.
                Output::Request {
                    exchange,
                    mut request,
                } => {
                    if let Some(text) = &self.garbled {
                        garble(&mut request.body, text.as_bytes());
                    }
                    let exchange = ExchangeId(exchange.0 * 2);
                    out.push(Output::Request { exchange, request });
                }
                Output::Respond { exchange, response } => out.respond(exchange, response),
                Output::Answer { call, answer } => out.answer(
                    call,
                    match answer {
                        client::Answer::Refused(why) => Answer::Refused(why),
                        _ => Answer::Done,
                    },
                ),
                Output::Datagram { .. } | Output::Persist { .. } | Output::Trust { .. } => {}
            }
        }
        let Some((at, known)) = &mut self.update else {
            return;
        };
        if let Some(url) = self.client.tree().text(at).filter(|url| **url != **known) {
            url.clone_into(known);
            let url = url.to_owned();
            self.fetch(url, None, out);
        }
    }

    fn fetch(&mut self, url: String, call: Option<CallId>, out: &mut Outbox<Answer>) {
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges * 2 + 1);
        self.fetches.insert(exchange, call);
        let request = Request::new("GET", url);
        out.push(Output::Request { exchange, request });
    }
}

impl Role for Hidden {
    type Shared = client::Shared;
    type Order = Order;
    type Answer = Answer;

    fn handle(
        &mut self,
        shared: &client::Shared,
        now: Time,
        input: Input<'_, Order>,
        out: &mut Outbox<Answer>,
    ) {
        let ground = (shared, now);
        match input {
            Input::Order { call, order } => match order {
                Order::Come { server } => {
                    self.gone = false;
                    let order = client::Order::Start { server };
                    self.pass_on(ground, Input::Order { call, order }, out);
                }
                Order::Enter { pin } => {
                    let order = client::Order::Reply(Reply::Text(pin));
                    self.pass_on(ground, Input::Order { call, order }, out);
                }
                Order::Fetch { url } => self.fetch(url, Some(call), out),
                Order::Forget { uri } => {
                    let gone = uri
                        .parse()
                        .is_ok_and(|at| self.client.tree_mut().remove(&at));
                    out.answer(
                        call,
                        match gone {
                            true => Answer::Done,
                            false => Answer::Refused(format!("expected a node, got {uri}")),
                        },
                    );
                }
                Order::Garble { text } => {
                    self.garbled = Some(text);
                    out.answer(call, Answer::Done);
                }
                Order::Update { uri } => {
                    let at = uri.parse().ok();
                    let now = at.and_then(|at: NodeUri| {
                        let now = self.client.tree().text(&at)?.to_owned();
                        Some((at, now))
                    });
                    let answer = match now {
                        Some(_) => Answer::Done,
                        None => Answer::Refused(format!("expected a node, got {uri}")),
                    };
                    self.update = now;
                    out.answer(call, answer);
                }
                Order::Die => {
                    self.dies = true;
                    out.answer(call, Answer::Done);
                }
                Order::Set { uri, value } => {
                    let at = uri.parse().ok();
                    let at = at.filter(|at| self.client.tree().node(at).is_some());
                    let answer = match at {
                        Some(at) => {
                            self.client.tree_mut().set(&at, value);
                            Answer::Done
                        }
                        None => Answer::Refused(format!("expected a node, got {uri}")),
                    };
                    out.answer(call, answer);
                }
                Order::Go => {
                    self.gone = true;
                    out.answer(call, Answer::Done);
                }
            },
            Input::Request { exchange, .. } if self.gone => {
                out.respond(exchange, Response::new(503));
            }
            Input::Request { exchange, request } => {
                self.reached += 1;
                let kind = request.headers.first("Content-Type").unwrap_or_default();
                let name = kind.split(';').next().unwrap_or_default().trim();
                if [media::PROVISIONING, media::DM_WBXML].contains(&name) {
                    self.brought = Some(Came {
                        content_type: kind.to_owned(),
                        body: request.body.clone(),
                        ..Came::default()
                    });
                }
                self.pass_on(ground, Input::Request { exchange, request }, out);
            }
            Input::Response { exchange, outcome } => match self.fetches.remove(&exchange) {
                Some(Some(call)) => {
                    let got = outcome.ok().map(|got| (got.status, got.body.len()));
                    out.answer(call, Answer::Fetched(got));
                }
                Some(None) => self.updated += 1,
                None => {
                    let exchange = ExchangeId(exchange.0 / 2);
                    let died = std::mem::take(&mut self.dies);
                    self.gone |= died;
                    let outcome = if died { Err(&Fault::TimedOut) } else { outcome };
                    self.pass_on(ground, Input::Response { exchange, outcome }, out);
                }
            },
            Input::Wake => self.pass_on(ground, Input::Wake, out),
            Input::Associated { .. }
            | Input::Datagram { .. }
            | Input::Persisted(_)
            | Input::Restored(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.client.next_deadline()
    }
}

/// Changes a letter of a text where octets have it.
pub fn garble(octets: &mut [u8], text: &[u8]) {
    let at = octets
        .windows(text.len().max(1))
        .position(|window| window == text);
    if let Some(octet) = at.and_then(|at| octets.get_mut(at)) {
        *octet ^= 1;
    }
}

/// The part of so many octets that a request wants, if it wants one that is there.
fn part(request: &Request, length: usize) -> Option<Range<usize>> {
    let range = request.headers.first("Range")?.strip_prefix("bytes=")?;
    let (from, to) = range.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let end = to
        .parse()
        .map_or(length, |last: usize| last.saturating_add(1).min(length));
    (from < end).then_some(from..end)
}

/// Who has something that can be fetched, as a whole or in parts.
#[derive(Clone, Debug)]
pub struct Origin {
    octets: Vec<u8>,
    asked: u64,
}

impl Origin {
    /// It has these octets, wherever one asks for them.
    #[must_use]
    pub fn new(octets: Vec<u8>) -> Self {
        Self { octets, asked: 0 }
    }

    /// How often somebody asked it for them.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked
    }
}

impl Role for Origin {
    type Shared = ();
    type Order = Infallible;
    type Answer = Infallible;

    fn handle(
        &mut self,
        (): &(),
        _now: Time,
        input: Input<'_, Infallible>,
        out: &mut Outbox<Infallible>,
    ) {
        if let Input::Request { exchange, request } = input {
            self.asked += 1;
            let response = match request.method.as_str() {
                "GET" => match part(request, self.octets.len()) {
                    Some(part) => {
                        let (from, to) = (part.start, part.end - 1);
                        let range = format!("bytes {from}-{to}/{}", self.octets.len());
                        Response::new(206)
                            .with("Content-Range", range)
                            .with_body("application/octet-stream", self.octets[part].to_vec())
                    }
                    None => Response::new(200)
                        .with_body("application/octet-stream", self.octets.clone()),
                },
                "HEAD" => Response::new(200)
                    .with("Content-Type", "application/octet-stream")
                    .with("Content-Length", self.octets.len().to_string()),
                _ => Response::new(405),
            };
            out.respond(exchange, response);
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}
