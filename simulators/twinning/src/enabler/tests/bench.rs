//! A place to try an enabler's core: time, store and messages are plain values.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{Change, ExchangeId, Input, Outbox, Output, Records, Role as _, Seed, Time};

use crate::enabler::rules::{Rules, Standard};
use crate::enabler::{Config, Enabler, Partner, Subscriber};
use crate::knobs::Knobs;
use crate::message::{RequestError, Twinning, TwinningList};
use crate::tree::{Document, Format};
use crate::url::encode_segment;

pub(super) const BASE: &str = "http://a.test/exampleAPI";

pub(super) struct Bench {
    pub(super) config: Config,
    rules: Arc<dyn Rules>,
    core: Enabler,
    pub(super) now: Time,
    store: Records,
    exchanges: u64,
    answers: Vec<(ExchangeId, Response)>,
    /// Requests of the enabler's own that wait for an answer.
    pub(super) sent: Vec<(ExchangeId, Request)>,
}

/// How long the enabler waits for its partner.
pub(super) const PARTNER_TIMEOUT: Duration = Duration::from_secs(2);

/// The address of device `n`.
pub(super) fn address(n: usize) -> String {
    format!("tel:+1202555010{n}")
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with_rules(Arc::new(Standard))
    }

    pub(super) fn with_rules(rules: Arc<dyn Rules>) -> Self {
        let subscribers = (0..6)
            .map(|n| Subscriber {
                address: address(n),
                token: format!("token-{n}"),
                expired_token: format!("expired-{n}"),
                unscoped_token: format!("unscoped-{n}"),
                client_id: format!("client-{n}"),
                client_secret: format!("secret-{n}"),
                voice_mail: None,
            })
            .collect();
        let config = Config {
            base_url: BASE.to_owned(),
            mno_id: "001-01".to_owned(),
            code_lifetime: Duration::from_secs(300),
            token_lifetime: Duration::from_secs(3_600),
            auth_code_lifetime: Duration::from_secs(600),
            poll_timeout: Duration::from_secs(1),
            partner_timeout: PARTNER_TIMEOUT,
            scope_prefix: "oma_rest_twinning".to_owned(),
            network_scope: "oma_rest_messaging.all_v1".to_owned(),
            max_secondaries: 3,
            partners: vec![Partner {
                mno_id: "001-02".to_owned(),
                base_url: "http://b.test".to_owned(),
                token: "partner-in".to_owned(),
                expects_token: "partner-out".to_owned(),
                client_id: "partner-client".to_owned(),
                client_secret: "partner-secret".to_owned(),
            }],
            subscribers,
            knobs: Knobs::default(),
        };
        Self {
            config,
            core: Enabler::new(Arc::clone(&rules), Seed::new(1)),
            rules,
            now: Time::ZERO,
            store: Records::new(),
            exchanges: 0,
            answers: Vec::new(),
            sent: Vec::new(),
        }
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.input(Input::Wake);
    }

    pub(super) fn restart(&mut self) {
        self.core = Enabler::new(Arc::clone(&self.rules), Seed::new(1));
        let records = self.store.clone();
        self.input(Input::Restored(&records));
    }

    fn input(&mut self, input: Input<'_, std::convert::Infallible>) {
        let mut out = Outbox::default();
        self.core.handle(&self.config, self.now, input, &mut out);
        for output in out.drain().collect::<Vec<_>>() {
            match output {
                Output::Persist { write, changes } => {
                    for change in changes {
                        match change {
                            Change::Delete(key) => self.store.remove(&key),
                            Change::Put(key, value) => self.store.insert(key, value),
                        };
                    }
                    self.input(Input::Persisted(write));
                }
                Output::Respond { exchange, response } => self.answers.push((exchange, response)),
                Output::Request { exchange, request } => self.sent.push((exchange, request)),
                other => panic!("unexpected output {other:?}"),
            }
        }
    }

    pub(super) fn send(&mut self, request: &Request) -> Response {
        let exchange = self.begin(request);
        self.answer(exchange).expect("an answer at once")
    }

    /// Sends a request whose answer may come later.
    pub(super) fn begin(&mut self, request: &Request) -> ExchangeId {
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges);
        self.input(Input::Request { exchange, request });
        exchange
    }

    /// The answer to a request, if it has come.
    pub(super) fn answer(&mut self, exchange: ExchangeId) -> Option<Response> {
        let at = self.answers.iter().position(|(e, _)| *e == exchange)?;
        Some(self.answers.remove(at).1)
    }

    /// Takes the enabler's oldest request and answers it.
    pub(super) fn serve(&mut self, outcome: Result<&Response, &Fault>) -> Request {
        let (exchange, request) = self.sent.remove(0);
        self.input(Input::Response { exchange, outcome });
        request
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.core.next_deadline()
    }

    /// A request of the partner's.
    pub(super) fn partner(method: &str, url: &str, body: &str) -> Request {
        let path = url.strip_prefix("http://a.test").unwrap_or(url);
        Request::new(method, path)
            .with("Authorization", "Bearer partner-in")
            .with("Accept", "application/json")
            .with_body("application/json", body.as_bytes().to_vec())
    }

    /// A request of device `n`, with its provisioned token.
    pub(super) fn call(&mut self, n: usize, method: &str, url: &str, body: &str) -> Response {
        let path = url.strip_prefix("http://a.test").unwrap_or(url);
        let mut request = Request::new(method, path)
            .with("Authorization", format!("Bearer token-{n}"))
            .with("Accept", "application/json");
        if !body.is_empty() {
            request = request.with_body("application/json", body.as_bytes().to_vec());
        }
        self.send(&request)
    }

    /// A token of device `n` for its twinning.
    pub(super) fn twinning_token(&mut self, n: usize) -> String {
        let basic = STANDARD.encode(format!("client-{n}:secret-{n}"));
        let request = Request::new("POST", "/autho4api/v1/token")
            .with("Authorization", format!("Basic {basic}"))
            .with_body(
                "application/x-www-form-urlencoded",
                b"grant_type=client_credentials".to_vec(),
            );
        let response = self.send(&request);
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    pub(super) fn collection(n: usize) -> String {
        let user = encode_segment(&address(n));
        format!("{BASE}/twinning/v1/{user}/twinnings")
    }

    /// Device `n` asks for a code.
    pub(super) fn code(&mut self, n: usize) -> Twinning {
        let body = r#"{"twinning":{"role":"Secondary"}}"#;
        let response = self.call(n, "POST", &Self::collection(n), body);
        assert_eq!(response.status, 201);
        twinning(&response)
    }

    /// Device `n` uses a code.
    pub(super) fn activate(&mut self, n: usize, code: &str) -> Response {
        let body = format!(
            r#"{{"twinning":{{"role":"Primary","activationCode":{{"code":"{code}","mnoId":"001-01"}}}}}}"#
        );
        self.call(n, "POST", &Self::collection(n), &body)
    }

    /// Devices `p` and `s` become primary and secondary; returns both URLs.
    pub(super) fn twin(&mut self, p: usize, s: usize) -> (String, String) {
        let pending = self.code(s);
        let active = self.activate(p, &code_of(&pending));
        assert_eq!(active.status, 201);
        (url_of(&twinning(&active)), url_of(&pending))
    }

    pub(super) fn toggle(&mut self, n: usize, url: &str, status: &str) -> Response {
        let body = format!(r#"{{"twinning":{{"twinningStatus":"{status}"}}}}"#);
        self.call(n, "PUT", url, &body)
    }

    pub(super) fn read(&mut self, n: usize, url: &str) -> Twinning {
        let response = self.call(n, "GET", url, "");
        assert_eq!(response.status, 200);
        twinning(&response)
    }

    pub(super) fn list(&mut self, n: usize) -> Vec<Twinning> {
        let response = self.call(n, "GET", &Self::collection(n), "");
        TwinningList::of_document(&document(&response), &Knobs::default())
            .unwrap()
            .twinnings
    }
}

pub(super) fn document(response: &Response) -> Document {
    let named = response.headers.first("Content-Type").unwrap();
    Document::read(Format::of_media_type(named).unwrap(), &response.body).unwrap()
}

pub(super) fn twinning(response: &Response) -> Twinning {
    Twinning::of_document(&document(response), &Knobs::default()).unwrap()
}

pub(super) fn code_of(twinning: &Twinning) -> String {
    twinning.activation_code.clone().unwrap().code.unwrap()
}

pub(super) fn url_of(twinning: &Twinning) -> String {
    twinning.resource_url.clone().unwrap()
}

/// Status and message id of a refusal.
pub(super) fn refusal(response: &Response) -> (u16, String) {
    let error = RequestError::of_document(&document(response)).unwrap();
    (response.status, error.message_id)
}
