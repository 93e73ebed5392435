//! A management API over HTTP, as the profile describes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use twinproof_judge::profile::{HttpExchange, HttpTester, Login};
use twinproof_kernel::http::{Headers, Request, Response};
use twinproof_lwm2m::upper::{Answer, Operation};
use twinproof_stage::{Reach, UpperTester};

use crate::answer::{Came, came, in_the_end};
use crate::asked::{Said, Tickets, add, declined, looked_up, path, unsupported};
use crate::events::{Heard, hear, hear_posts};
use crate::input::{fill, in_line, in_url, input, name};

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
    tickets: Tickets,
    provisioned: Vec<String>,
    /// What templates know beside each operation: where the webhook is, and what was said to its
    /// subscription.
    webhook: Map<String, Value>,
    subscribed: bool,
}

impl Http {
    pub(crate) fn new(spec: Arc<HttpTester>, shared: Arc<Shared>) -> Self {
        Self {
            spec,
            shared,
            heard: Heard::default(),
            tickets: Tickets::default(),
            provisioned: Vec::new(),
            webhook: Map::new(),
            subscribed: false,
        }
    }

    fn said(&self) -> Said<'_> {
        Said::from(self.spec.as_ref())
    }

    async fn perform(&mut self, reach: &Reach, operation: Operation) -> Result<Answer, String> {
        let name = name(&operation);
        let offered = self.spec.operations.get(&name).cloned();
        let mut input = input(&operation);
        let told = self.spec.tells();
        match &operation {
            Operation::Events { after } if offered.is_none() && told => {
                tokio::time::sleep(reach.settle()).await;
                return self.heard.after(*after);
            }
            Operation::Result { ticket } => {
                let known = match self.tickets.name(*ticket) {
                    Ok(known) => known,
                    Err(answer) => return Ok(answer),
                };
                if let Some(answer) = self.heard.result(known)? {
                    return Ok(answer);
                }
                if offered.is_none() && told {
                    return Ok(Answer::Kept { ticket: *ticket });
                }
                input.insert("ticket".to_owned(), json!(known));
            }
            _ => {}
        }
        let Some(exchange) = offered else {
            return Ok(unsupported(name));
        };
        let mut input = self.names(input)?;
        if let Some(answer) = declined(&input) {
            return Ok(answer);
        }
        if let (Some(get), Some(endpoint)) = (&self.spec.get, operation.endpoint()) {
            let said = self.asked(reach, get, &input).await?;
            if let Some(answer) = looked_up(&mut input, said, endpoint)? {
                return Ok(answer);
            }
        }
        self.pursue(reach, &exchange, input).await
    }

    /// Asks until there is an answer.
    async fn pursue(
        &mut self,
        reach: &Reach,
        exchange: &HttpExchange,
        mut input: Map<String, Value>,
    ) -> Result<Answer, String> {
        let mut asked = exchange;
        loop {
            let said = self.asked(reach, asked, &input).await?;
            match came(&said, path(&input))? {
                Came::Answer(answer) => return Ok(answer),
                Came::Kept(ticket) => return Ok(self.tickets.keep(ticket)),
                Came::Poll(with) => {
                    input.insert("poll".to_owned(), with);
                    asked = exchange.poll.as_deref().unwrap_or(exchange);
                    tokio::time::sleep(self.spec.every.duration()).await;
                }
            }
        }
    }

    /// The operation with what the profile adds to it.
    fn names(&self, mut input: Map<String, Value>) -> Result<Map<String, Value>, String> {
        input.append(&mut self.webhook.clone());
        self.said().names(input)
    }

    /// Sends a request and reads its answer with a program.
    async fn asked(
        &self,
        reach: &Reach,
        exchange: &HttpExchange,
        input: &Map<String, Value>,
    ) -> Result<Value, String> {
        let response = self.exchange(reach, exchange, input).await?;
        let said = self
            .said()
            .read(exchange.answer.as_ref(), shown(&response), input);
        said.map_err(|why| {
            let status = response.status;
            format!("HTTP {status}, which the answer program cannot read: {why}")
        })
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
        let mut known = self.said().known(input)?;
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
            let body = self.said().run(body, &Value::Object(known))?;
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
        let known = self.said().secrets()?;
        let mut request = Request::new(&login.method, login.url.as_str());
        for (name, template) in &login.headers {
            let value = fill(template, &known, in_line)?;
            request.headers.add(name.as_str(), value);
        }
        if let Some(body) = &login.body {
            let body = self.said().run(body, &Value::Object(known))?;
            put(&mut request, body);
        }
        reach.introduce(&login.url);
        // The token is a secret before anybody could write it down.
        let sent = reach
            .call_for_secret(request, self.spec.patience.duration(), |response| {
                let shown = Value::Object(shown(response));
                let token = self.said().run(&login.token, &shown).ok();
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

    /// Opens the place where the server posts what happens, and tells it so.
    async fn open_webhook(&mut self, reach: &Reach) -> Result<(), String> {
        let Some(webhook) = self.spec.webhook.clone() else {
            return Ok(());
        };
        let hear = hear_posts(
            self.heard.clone(),
            (self.spec.define.clone(), webhook.event.clone()),
        );
        let opened = reach.listen(hear).await;
        let base = opened.map_err(|why| format!("no place for a webhook: {why}"))?;
        self.webhook.insert("webhook".to_owned(), json!(base));
        let Some(subscribe) = &webhook.subscribe else {
            return Ok(());
        };
        let input = self.names(Map::new())?;
        let said = self.one_sided(reach, subscribe, &input).await;
        said.and_then(|said| add(&mut self.webhook, said, "webhook.subscribe"))
            .map_err(|why| format!("it cannot be told where to post what happens: {why}"))?;
        self.subscribed = true;
        Ok(())
    }

    async fn make_known(&mut self, reach: &Reach, endpoint: &str) -> Result<(), String> {
        let Some(provision) = self.spec.provision.clone() else {
            return Ok(());
        };
        self.of_client(reach, &provision, endpoint)
            .await
            .map_err(|why| format!("{endpoint} cannot be made known: {why}"))?;
        self.provisioned.push(endpoint.to_owned());
        Ok(())
    }

    /// Does something with what the server knows of a client, without asking the client.
    async fn of_client(
        &self,
        reach: &Reach,
        exchange: &HttpExchange,
        endpoint: &str,
    ) -> Result<(), String> {
        let mut input = Map::new();
        input.insert("endpoint".to_owned(), json!(endpoint));
        let input = self.names(input)?;
        let said = self.one_sided(reach, exchange, &input).await?;
        match in_the_end(&said, None)? {
            Answer::Done => Ok(()),
            _ => Err(format!(
                "expected {{done: true}} of the program, got {said}"
            )),
        }
    }

    /// What the exchange's own program says; without one, success is what HTTP calls so.
    async fn one_sided(
        &self,
        reach: &Reach,
        exchange: &HttpExchange,
        input: &Map<String, Value>,
    ) -> Result<Value, String> {
        if exchange.answer.is_some() {
            return self.asked(reach, exchange, input).await;
        }
        let response = self.exchange(reach, exchange, input).await?;
        match response.is_success() {
            true => Ok(json!({ "done": true })),
            false => Err(format!("expected 2xx, got HTTP {}", response.status)),
        }
    }
}

impl UpperTester for Http {
    fn enter<'a>(&'a mut self, reach: &'a Reach) -> BoxFuture<'a, Result<(), String>> {
        async move {
            reach.introduce(&self.spec.base_url);
            for value in self.said().secrets()?.values() {
                reach.learn("secret", value.as_str().unwrap_or_default());
            }
            self.open_events(reach).await?;
            self.open_webhook(reach).await
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
            // What cannot be undone is in the ledger, and hinders no verdict.
            let provisioned = std::mem::take(&mut self.provisioned);
            if let Some(forget) = &self.spec.forget {
                for endpoint in provisioned {
                    drop(self.of_client(reach, forget, &endpoint).await);
                }
            }
            let subscribed = std::mem::take(&mut self.subscribed);
            let webhook = self.spec.webhook.as_ref();
            let unsubscribe = webhook.and_then(|webhook| webhook.unsubscribe.as_ref());
            if let (true, Some(unsubscribe)) = (subscribed, unsubscribe)
                && let Ok(input) = self.names(Map::new())
            {
                drop(self.one_sided(reach, unsubscribe, &input).await);
            }
        }
        .boxed()
    }
}

/// What comes of something, if it comes in time.
pub(crate) async fn within<T>(
    patience: Duration,
    something: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let came = tokio::time::timeout(patience, something).await;
    came.unwrap_or_else(|_| Err(format!("no answer within {patience:?}")))
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
    let text = String::from_utf8_lossy(&response.body);
    let body = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
    Map::from_iter([
        ("status".to_owned(), json!(response.status)),
        ("headers".to_owned(), headers(&response.headers)),
        ("body".to_owned(), body),
    ])
}

/// Header fields as programs see them: by their names in small letters.
pub(crate) fn headers(headers: &Headers) -> Value {
    let named = headers.iter();
    let named: Map<String, Value> = named
        .map(|(name, value)| (name.to_ascii_lowercase(), json!(value)))
        .collect();
    Value::Object(named)
}
