//! A management API over HTTP, as the profile describes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use twinproof_judge::profile::{HttpExchange, HttpTester, Login, OperationName};
use twinproof_kernel::http::{Request, Response};
use twinproof_lwm2m::upper::{Answer, Operation};
use twinproof_lwm2m::wire::Path;
use twinproof_stage::{Reach, UpperTester};

use crate::answer::{Came, came};
use crate::events::{Heard, hear};
use crate::input::{fill, in_line, in_url, input, name};
use crate::program;

/// What the scenarios of a run share.
#[derive(Default)]
pub(crate) struct Shared {
    token: Mutex<Option<String>>,
}

/// The upper tester of one scenario.
pub(crate) struct Http {
    spec: Arc<HttpTester>,
    shared: Arc<Shared>,
    heard: Heard,
    /// What the server calls the operations that it kept; their numbers count from 1.
    tickets: Vec<String>,
    provisioned: Vec<String>,
}

impl Http {
    pub(crate) fn new(spec: Arc<HttpTester>, shared: Arc<Shared>) -> Self {
        Self {
            spec,
            shared,
            heard: Heard::default(),
            tickets: Vec::new(),
            provisioned: Vec::new(),
        }
    }

    async fn perform(&mut self, reach: &Reach, operation: Operation) -> Result<Answer, String> {
        let name = name(&operation);
        let offered = self.spec.operations.get(&name).cloned();
        let mut input = self.input(input(&operation))?;
        match (&operation, &offered, &self.spec.events) {
            (Operation::Events { after }, None, Some(_)) => {
                tokio::time::sleep(reach.settle()).await;
                return self.heard.after(*after);
            }
            (Operation::Result { ticket }, _, _) => {
                let known = usize::try_from(*ticket).ok().and_then(|n| n.checked_sub(1));
                let Some(known) = known.and_then(|place| self.tickets.get(place)) else {
                    return Ok(Answer::Refused(format!("there is no ticket {ticket}")));
                };
                if let Some(answer) = self.heard.result(known)? {
                    return Ok(answer);
                }
                if offered.is_none() && self.spec.events.is_some() {
                    return Ok(Answer::Kept { ticket: *ticket });
                }
                input.insert("ticket".to_owned(), json!(known));
            }
            _ => {}
        }
        let Some(exchange) = offered else {
            return Ok(unsupported(name));
        };
        if let Some(why) = input.get("unsupported").and_then(Value::as_str) {
            return Ok(Answer::Unsupported(why.to_owned()));
        }
        if let (Some(get), Some(endpoint)) = (&self.spec.get.clone(), operation.endpoint()) {
            let (said, _) = self.asked(reach, get, &input).await?;
            match said {
                Value::Null => return Ok(Answer::Refused(format!("{endpoint} is not registered"))),
                Value::Object(mut more) => {
                    if let Some(why) = more.get("broken") {
                        return Err(why.as_str().unwrap_or_default().to_owned());
                    }
                    input.append(&mut more);
                }
                other => return Err(format!("the answer program of `get` gave {other}")),
            }
        }
        let path = input
            .get("path")
            .and_then(Value::as_str)
            .and_then(|path| path.parse().ok());
        self.pursue(reach, &exchange, input, path).await
    }

    /// Asks until there is an answer.
    async fn pursue(
        &mut self,
        reach: &Reach,
        exchange: &HttpExchange,
        mut input: Map<String, Value>,
        path: Option<Path>,
    ) -> Result<Answer, String> {
        let mut asked = exchange;
        loop {
            let (said, _) = self.asked(reach, asked, &input).await?;
            match came(&said, path)? {
                Came::Answer(answer) => return Ok(answer),
                Came::Kept(ticket) => {
                    self.tickets.push(ticket);
                    let ticket = self.tickets.len() as u64;
                    return Ok(Answer::Kept { ticket });
                }
                Came::Poll(with) => {
                    input.insert("poll".to_owned(), with);
                    asked = exchange.poll.as_deref().unwrap_or(exchange);
                    tokio::time::sleep(self.spec.every.duration()).await;
                }
            }
        }
    }

    /// The operation with what the profile adds to it.
    fn input(&self, mut input: Map<String, Value>) -> Result<Map<String, Value>, String> {
        if let Some(vars) = &self.spec.vars {
            let own = Value::Object(input.clone());
            match program::one(&self.spec.define, vars, &own)? {
                Value::Object(mut more) => input.append(&mut more),
                other => return Err(format!("expected an object of `vars`, got {other}")),
            }
        }
        Ok(input)
    }

    /// Sends a request and reads its answer with a program.
    async fn asked(
        &self,
        reach: &Reach,
        exchange: &HttpExchange,
        input: &Map<String, Value>,
    ) -> Result<(Value, Response), String> {
        let response = self.exchange(reach, exchange, input).await?;
        let program = exchange.answer.as_ref().or(self.spec.answer.as_ref());
        let program = program.ok_or("the profile has no program that reads the answer")?;
        let mut shown = shown(&response);
        shown.insert("asked".to_owned(), Value::Object(input.clone()));
        let said = program::one(&self.spec.define, program, &Value::Object(shown));
        let said = said.map_err(|why| {
            let status = response.status;
            format!("HTTP {status}, which the answer program cannot read: {why}")
        })?;
        Ok((said, response))
    }

    /// Sends a request; with a new token where the old one is no longer taken.
    async fn exchange(
        &self,
        reach: &Reach,
        exchange: &HttpExchange,
        input: &Map<String, Value>,
    ) -> Result<Response, String> {
        let mut refused = None;
        loop {
            let token = self.token(reach, refused.as_ref()).await?;
            let request = self.request(exchange, input, token.as_ref())?;
            let line = format!("{} {}", request.method, request.url);
            let sent = reach.call(request, self.spec.patience.duration()).await;
            let response = sent.map_err(|fault| format!("{line}: {fault}"))?;
            match (response.status, token) {
                (401, Some(token)) if refused.is_none() => refused = Some(token),
                (401, _) => return Err(format!("{line}: 401, so the credentials are not taken")),
                (300..=399, _) => {
                    let status = response.status;
                    return Err(format!("{line}: {status}; redirects are not followed"));
                }
                (500, _) => return Err(format!("{line}: HTTP 500")),
                _ => return Ok(response),
            }
        }
    }

    fn request(
        &self,
        exchange: &HttpExchange,
        input: &Map<String, Value>,
        token: Option<&String>,
    ) -> Result<Request, String> {
        let mut known = input.clone();
        known.append(&mut secrets(&self.spec.secrets)?);
        if let Some(token) = token {
            known.insert("token".to_owned(), json!(token));
        }
        let base = self.spec.base_url.trim_end_matches('/');
        let url = format!("{base}{}", fill(&exchange.url, &known, in_url)?);
        let headers = self.spec.headers.iter().chain(&exchange.headers);
        let mut request = Request::new(&exchange.method, url);
        for (name, template) in headers {
            let value = fill(template, &known, in_line)?;
            request.headers.add(name.as_str(), value);
        }
        if let Some(body) = &exchange.body {
            let body = program::one(&self.spec.define, body, &Value::Object(known))?;
            put(&mut request, body);
        }
        Ok(request)
    }

    /// The token, if the API wants one: another than the one that was refused.
    async fn token(
        &self,
        reach: &Reach,
        refused: Option<&String>,
    ) -> Result<Option<String>, String> {
        let Some(login) = &self.spec.login else {
            return Ok(None);
        };
        let mut token = self.shared.token.lock().await;
        if token.is_none() || token.as_ref() == refused {
            *token = Some(self.log_in(reach, login).await?);
        }
        // A scenario conceals what another has learned.
        token.iter().for_each(|token| reach.learn("token", token));
        Ok(token.clone())
    }

    async fn log_in(&self, reach: &Reach, login: &Login) -> Result<String, String> {
        let known = secrets(&self.spec.secrets)?;
        let mut request = Request::new(&login.method, login.url.as_str());
        for (name, template) in &login.headers {
            let value = fill(template, &known, in_line)?;
            request.headers.add(name.as_str(), value);
        }
        if let Some(body) = &login.body {
            let body = program::one(&self.spec.define, body, &Value::Object(known))?;
            put(&mut request, body);
        }
        reach.introduce(&login.url);
        // The token is a secret before anybody could write it down.
        let sent = reach
            .call_for_secret(request, self.spec.patience.duration(), |response| {
                let shown = Value::Object(shown(response));
                let token = program::one(&self.spec.define, &login.token, &shown).ok();
                token?.as_str().map(str::to_owned)
            })
            .await;
        let (response, token) = sent.map_err(|fault| format!("login: {fault}"))?;
        token.filter(|token| !token.is_empty()).ok_or_else(|| {
            let status = response.status;
            format!("login: HTTP {status}, in which login.token finds no token")
        })
    }

    async fn open_events(&mut self, reach: &Reach) -> Result<(), String> {
        let Some(events) = self.spec.events.clone() else {
            return Ok(());
        };
        let exchange = HttpExchange {
            method: "GET".to_owned(),
            url: events.url.clone(),
            headers: BTreeMap::from([("Accept".to_owned(), "text/event-stream".to_owned())]),
            body: None,
            answer: None,
            poll: None,
        };
        let mut refused = None;
        loop {
            let token = self.token(reach, refused.as_ref()).await?;
            let request = self.request(&exchange, &Map::new(), token.as_ref())?;
            let hear = hear(
                self.heard.clone(),
                (self.spec.define.clone(), events.event.clone()),
                reach.clone(),
            );
            let opened = reach
                .stream(request, self.spec.patience.duration(), hear)
                .await;
            let head = opened.map_err(|fault| format!("the event stream: {fault}"))?;
            match (head.status, token) {
                (401, Some(token)) if refused.is_none() => refused = Some(token),
                (status, _) if !head.is_success() => {
                    return Err(format!("the event stream: HTTP {status}"));
                }
                _ => return Ok(()),
            }
        }
    }

    async fn make_known(&mut self, reach: &Reach, endpoint: &str) -> Result<(), String> {
        let Some(provision) = self.spec.provision.clone() else {
            return Ok(());
        };
        self.one_sided(reach, &provision, endpoint)
            .await
            .map_err(|why| format!("{endpoint} cannot be made known: {why}"))?;
        self.provisioned.push(endpoint.to_owned());
        Ok(())
    }

    async fn one_sided(
        &self,
        reach: &Reach,
        exchange: &HttpExchange,
        endpoint: &str,
    ) -> Result<(), String> {
        let mut input = Map::new();
        input.insert("endpoint".to_owned(), json!(endpoint));
        let input = self.input(input)?;
        if exchange.answer.is_none() {
            let response = self.exchange(reach, exchange, &input).await?;
            return match response.is_success() {
                true => Ok(()),
                false => Err(format!("expected 2xx, got HTTP {}", response.status)),
            };
        }
        let (said, _) = self.asked(reach, exchange, &input).await?;
        match came(&said, None)? {
            Came::Answer(Answer::Done) => Ok(()),
            _ => Err(format!(
                "expected {{done: true}} of the program, got {said}"
            )),
        }
    }
}

impl UpperTester for Http {
    fn enter<'a>(&'a mut self, reach: &'a Reach) -> BoxFuture<'a, Result<(), String>> {
        async move {
            reach.introduce(&self.spec.base_url);
            for value in secrets(&self.spec.secrets)?.values() {
                reach.learn("secret", value.as_str().unwrap_or_default());
            }
            self.open_events(reach).await
        }
        .boxed()
    }

    fn provision<'a>(
        &'a mut self,
        reach: &'a Reach,
        endpoint: &'a str,
    ) -> BoxFuture<'a, Result<(), String>> {
        self.make_known(reach, endpoint).boxed()
    }

    fn operate<'a>(
        &'a mut self,
        reach: &'a Reach,
        operation: Operation,
    ) -> BoxFuture<'a, Result<Answer, String>> {
        async move {
            let (name, patience) = (name(&operation), self.spec.patience);
            let performed = self.perform(reach, operation);
            within(patience.duration(), performed)
                .await
                .map_err(|why| format!("{name}: {why}"))
        }
        .boxed()
    }

    fn leave<'a>(&'a mut self, reach: &'a Reach) -> BoxFuture<'a, ()> {
        async move {
            let provisioned = std::mem::take(&mut self.provisioned);
            let Some(forget) = self.spec.forget.clone() else {
                return;
            };
            for endpoint in provisioned {
                // What cannot be undone is in the ledger, and hinders no verdict.
                drop(self.one_sided(reach, &forget, &endpoint).await);
            }
        }
        .boxed()
    }
}

/// The words for an operation that the profile does not describe.
pub(crate) fn unsupported(name: OperationName) -> Answer {
    Answer::Unsupported(format!(
        "it does not offer {name}: the profile has no such operation"
    ))
}

/// What comes of something, if it comes in time.
pub(crate) async fn within<T>(
    patience: Duration,
    something: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let came = tokio::time::timeout(patience, something).await;
    came.unwrap_or_else(|_| Err(format!("no answer within {patience:?}")))
}

/// The secrets that templates name, from the environment.
pub(crate) fn secrets(named: &BTreeMap<String, String>) -> Result<Map<String, Value>, String> {
    let found = named.iter().map(|(name, variable)| {
        let value = std::env::var(variable).map_err(|_| format!("${variable} is not set"))?;
        Ok((name.clone(), json!(value)))
    });
    found.collect()
}

fn put(request: &mut Request, body: Value) {
    let (media_type, octets) = match body {
        Value::String(text) => ("text/plain", text.into_bytes()),
        other => ("application/json", other.to_string().into_bytes()),
    };
    if request.headers.first("Content-Type").is_none() {
        request.headers.add("Content-Type", media_type);
    }
    request.body = octets;
}

/// A response as programs see it.
fn shown(response: &Response) -> Map<String, Value> {
    let headers = response.headers.iter();
    let headers: Map<String, Value> = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), json!(value)))
        .collect();
    let text = String::from_utf8_lossy(&response.body);
    let body = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
    let mut map = Map::new();
    map.insert("status".to_owned(), json!(response.status));
    map.insert("headers".to_owned(), Value::Object(headers));
    map.insert("body".to_owned(), body);
    map
}
