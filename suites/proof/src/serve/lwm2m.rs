//! The built-in LwM2M server alone, and the management API by which applications reach it: the one of
//! Leshan's demo server, so that the profile that is ready for that one drives this one, too.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use twinproof_conformance::BuiltIn as _;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::{Declared, HookSpec};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_kernel::hook::Hook;
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::Standard;
use twinproof_lwm2m::upper::{Answer, Operation};
use twinproof_reference::lwm2m as reference;
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};

use super::api::{self, Asked};
use super::{PATIENCE, cannot_listen};
use crate::lwm2m::Lwm2mSystem;

/// How often the server is asked what has happened.
const EVERY: Duration = Duration::from_millis(20);

/// A server that answers as long as this lives.
pub struct ServedLwm2m {
    stage: Arc<Mutex<Stage>>,
    api: TcpListener,
    profile: Declared,
}

impl ServedLwm2m {
    /// Starts the built-in server, at `listen`, and its management API and hooks, at `control`.
    ///
    /// # Errors
    ///
    /// An address cannot be had; the words name it.
    pub async fn start(
        (listen, control): (SocketAddr, SocketAddr),
        seed: u64,
    ) -> Result<Self, String> {
        let api = TcpListener::bind(control)
            .await
            .map_err(|error| cannot_listen(control, &error))?;
        let at = api.local_addr().map_err(|error| error.to_string())?;
        let pace = Pace {
            timeout: PATIENCE,
            settle: Duration::ZERO,
        };
        let network = Network::new(pace.timeout)?;
        // Nobody is recorded: the system is a guest of its callers, not of a scenario.
        let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
            Vec::new()
        });
        let mut stage = Stage::open(Kind::Live(network), recorder, pace);
        let bound = stage.bind_at(SUT, Some(listen)).await;
        let server = bound.map_err(|_| format!("cannot listen on {listen}"))?;
        let shared = Arc::new(reference::set_up(&Shape::default(), Arc::new(Standard)));
        let seed = Seed::new(seed);
        let hand = stage.host_role(SUT, move || {
            (Server::new(server, seed), Arc::clone(&shared))
        });
        stage.attend(hand);
        Ok(Self {
            stage: Arc::new(Mutex::new(stage)),
            api,
            profile: described(server, at)?,
        })
    }

    /// The profile of the server where it is.
    pub fn profile(&self) -> &Declared {
        &self.profile
    }

    /// Where the server is.
    pub fn server(&self) -> &str {
        let section = self.profile.profile.lwm2m.as_ref();
        let server = section.and_then(|section| section.server.as_deref());
        server.unwrap_or_default()
    }

    /// Does what a line asks for: an operation as ledgers have it. Returns what came of it as they have
    /// it, or `{"error": WHY}`.
    pub async fn operate(&self, line: &str) -> String {
        let done = match serde_json::from_str::<Operation>(line) {
            Ok(operation) => operated(&self.stage, operation).await,
            Err(error) => Err(format!(
                "expected an operation such as \"clients\" or \
                 {{\"read\":{{\"endpoint\":\"NAME\",\"path\":\"/3/0/9\",\"accept\":null}}}}: {error}"
            )),
        };
        let said = match done {
            Ok(answer) => serde_json::to_value(&answer).map_err(|error| error.to_string()),
            Err(why) => Err(why),
        };
        said.unwrap_or_else(|why| json!({ "error": why }))
            .to_string()
    }

    /// Answers at the API's address until the future is dropped.
    pub async fn attend(&self) -> Infallible {
        loop {
            let Ok((stream, _)) = self.api.accept().await else {
                continue;
            };
            let stage = Arc::clone(&self.stage);
            let service = service_fn(move |request| answer(Arc::clone(&stage), request));
            tokio::spawn(async move {
                let serving = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .serve_connection(TokioIo::new(stream), service);
                // A caller that breaks off wants nothing.
                drop(serving.await);
            });
        }
    }
}

/// The profile of the served server.
fn described(server: SocketAddr, api: SocketAddr) -> Result<Declared, String> {
    let ready = twinproof_upper::profiles::READY.iter();
    let mut ready = ready.filter(|ready| ready.name == "leshan");
    let tester = ready.next().map_or("", |ready| ready.text);
    let tester = tester.replace("http://127.0.0.1:8080/api", &format!("http://{api}/api"));
    let built_in = Lwm2mSystem::new(Arc::new(Standard)).profile().clone();
    let mut declared = Declared::parse(&format!(
        "[sut]\nname = \"x\"\nrole = \"lwm2m-server\"\n[lwm2m]\nserver = \"coap://{server}\"\n{tester}"
    ))
    .map_err(|error| error.to_string())?;
    declared.profile.sut = built_in.profile.sut;
    if let (Some(section), Some(own)) = (&mut declared.profile.lwm2m, built_in.profile.lwm2m) {
        let hook = |what: &str| {
            Some(HookSpec::Http {
                method: "POST".to_owned(),
                url: format!("http://{api}/control/{what}"),
                body: String::new(),
            })
        };
        section.version = own.version;
        section.grace = own.grace;
        section.advance_clock = hook("clock?seconds={seconds}");
    }
    Ok(declared)
}

type Outgoing = UnsyncBoxBody<Bytes, Infallible>;

async fn answer(
    stage: Arc<Mutex<Stage>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Outgoing>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let body = body.unwrap_or_default();
    let target = head.uri.path_and_query().map_or("/", |p| p.as_str());
    let (status, media_type, text) = match api::asked(head.method.as_str(), target, &body) {
        Ok(Asked::Clock(span)) => {
            match stage.lock().await.hook(SUT, Hook::AdvanceClock(span)).await {
                Ok(()) => (200, "text/plain", "clock: done\n".to_owned()),
                Err(halted) => (500, "text/plain", halted.to_string()),
            }
        }
        Ok(Asked::Events) => return Ok(events(stage).await),
        Ok(Asked::Operation(operation)) => match operated(&stage, operation.clone()).await {
            Ok(answer) => api::response(&operation, &answer),
            Err(why) => (500, "text/plain", why),
        },
        Err((status, why)) => (status, "text/plain", why),
    };
    let mut response = hyper::Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let value = hyper::header::HeaderValue::from_static(media_type);
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, value);
    Ok(response)
}

async fn operated(stage: &Mutex<Stage>, operation: Operation) -> Result<Answer, String> {
    let mut stage = stage.lock().await;
    let operated = stage.operate(operation).await;
    operated
        .map(|(answer, _)| answer)
        .map_err(|halted| halted.to_string())
}

/// A stream of what happens from now on.
async fn events(stage: Arc<Mutex<Stage>>) -> hyper::Response<Outgoing> {
    let begun = match operated(&stage, Operation::Events { after: u64::MAX }).await {
        Ok(Answer::Events { known, .. }) => known,
        _ => 0,
    };
    let told = futures::stream::unfold((stage, begun), |(stage, after)| async move {
        loop {
            tokio::time::sleep(EVERY).await;
            let answer = operated(&stage, Operation::Events { after }).await.ok()?;
            let Answer::Events { events, known } = answer else {
                return None;
            };
            if !events.is_empty() {
                let text: String = events.iter().map(api::event).collect();
                return Some((Bytes::from(text), (stage, known)));
            }
        }
    });
    // The head goes out with the first octets.
    let hello = futures::stream::iter([Bytes::from_static(b": listening\n\n")]);
    let frames = hello.chain(told).map(|bytes| Ok(Frame::data(bytes)));
    let mut response = hyper::Response::new(StreamBody::new(frames).boxed_unsync());
    let value = hyper::header::HeaderValue::from_static("text/event-stream");
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, value);
    response
}
