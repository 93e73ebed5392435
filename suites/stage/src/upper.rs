//! Upper testers of systems that run elsewhere: whoever makes a server act, over whatever interface its
//! vendor gave it. What they send and are told is in the ledger.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use twinproof_evidence::record::What;
use twinproof_kernel::Time;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_lwm2m::upper::{Answer, Control, Operation};

use crate::actor::{Actor, Effect, Stimulus};
use crate::live::Ground;
use crate::network::Network;

/// The name under which an upper tester stands in the ledger.
pub const UPPER_TESTER: &str = "upper-tester";

/// How many octets of what is posted to an upper tester are kept in one scenario.
const KEPT: usize = 64 << 20;

/// What a request takes beside its body.
const HEAD: usize = 1 << 10;

/// Makes a system act that runs elsewhere, for one scenario.
pub trait UpperTester: Send {
    /// Gets ready: whatever the system tells from now on is heard.
    ///
    /// # Errors
    ///
    /// The upper tester is broken; the words say how.
    fn enter<'a>(&'a mut self, reach: &'a Reach) -> BoxFuture<'a, Result<(), String>>;

    /// Makes a client known before it registers, where the system wants that.
    ///
    /// # Errors
    ///
    /// The upper tester is broken; the words say how.
    fn provision<'a>(
        &'a mut self,
        reach: &'a Reach,
        endpoint: &'a str,
    ) -> BoxFuture<'a, Result<(), String>>;

    /// Does what is wanted, and says what came of it.
    ///
    /// # Errors
    ///
    /// The upper tester is broken, which is nothing that the system could be blamed for.
    fn operate<'a>(
        &'a mut self,
        reach: &'a Reach,
        operation: Operation,
    ) -> BoxFuture<'a, Result<Answer, String>>;

    /// Undoes what it provisioned.
    fn leave<'a>(&'a mut self, reach: &'a Reach) -> BoxFuture<'a, ()>;
}

/// Does to a client that runs elsewhere what its user could do, for one scenario.
pub trait ClientControl: Send {
    /// Does it. That it has an effect is seen by what the client sends.
    ///
    /// # Errors
    ///
    /// It could not be done, which is nothing that the client could be blamed for.
    fn perform<'a>(
        &'a mut self,
        reach: &'a Reach,
        control: Control,
    ) -> BoxFuture<'a, Result<(), String>>;

    /// How the client came to its end, if it has by itself, as far as anybody can tell.
    fn ended(&mut self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async { None })
    }

    /// Ends what was started.
    fn leave<'a>(&'a mut self, reach: &'a Reach) -> BoxFuture<'a, ()>;
}

/// What an upper tester reaches the world with, and writes to the ledger with.
#[derive(Clone)]
pub struct Reach {
    pub(crate) ground: Arc<Ground>,
    pub(crate) network: Network,
    pub(crate) settle: Duration,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").finish_non_exhaustive()
    }
}

impl Reach {
    /// The stage's time.
    pub fn now(&self) -> Time {
        self.ground.now()
    }

    /// How long the system may take until all is told.
    pub fn settle(&self) -> Duration {
        self.settle
    }

    /// The scenario, by its id.
    pub fn scenario(&self) -> &str {
        let scene = self.ground.recorder().scene();
        scene.map_or("", |scene| &scene.scenario)
    }

    /// From now on this is concealed wherever it turns up.
    pub fn learn(&self, kind: &'static str, secret: &str) {
        self.ground.recorder().secrets().learn(kind, secret);
    }

    /// From now on the host of this URL stands in the ledger as the upper tester.
    pub fn introduce(&self, url: &str) {
        let authority = crate::recorder::authority(url);
        self.ground
            .recorder()
            .name_authority(authority, UPPER_TESTER);
    }

    /// Sends a request that may take that long. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// There was no response.
    pub async fn call(&self, request: Request, patience: Duration) -> Result<Response, Fault> {
        let called = self.call_for_secret(request, patience, |_| None).await;
        called.map(|(response, _)| response)
    }

    /// The same where the response holds a secret, which is learned before anything of it is recorded.
    ///
    /// # Errors
    ///
    /// There was no response.
    pub async fn call_for_secret(
        &self,
        request: Request,
        patience: Duration,
        find: impl FnOnce(&Response) -> Option<String>,
    ) -> Result<(Response, Option<String>), Fault> {
        let recorder = self.ground.recorder();
        let length = request.body.len() as u64;
        let number = recorder.request(self.now(), UPPER_TESTER, None, &request, length);
        let outcome = self.network.fetch_within(request, Some(patience)).await;
        let secret = outcome.as_ref().ok().and_then(find);
        if let Some(secret) = &secret {
            self.learn("token", secret);
        }
        recorder.outcome(self.now(), number, outcome.as_ref());
        Ok((outcome?, secret))
    }

    /// Opens a place where the system can post to, and hands on what it posts, each time when it is
    /// answered with 200, for as long as the scenario lasts; or that it posted more than is kept (none),
    /// which is answered with 503. Returns the base URL, without a slash at its end.
    ///
    /// # Errors
    ///
    /// No socket can be had.
    pub async fn listen(
        &self,
        mut hear: impl FnMut(Option<&Request>) + Send + 'static,
    ) -> Result<String, String> {
        let (posted, mut arrived) = unbounded_channel();
        self.ground
            .seat(UPPER_TESTER, Box::new(Ear { posted, left: KEPT }));
        let opened = self
            .network
            .doors()
            .open(&self.ground, UPPER_TESTER)
            .await?;
        self.ground.spawn(async move {
            while let Some(request) = arrived.recv().await {
                hear(Option::as_ref(&request));
            }
        });
        Ok(opened.base)
    }

    /// Sends a request whose response has no end and may take that long to begin, and hands on what comes
    /// of it, and at last its end (none), for as long as the scenario lasts. When this returns, the system
    /// has begun to answer.
    ///
    /// # Errors
    ///
    /// There was no response. One that is no success is returned, and nothing more comes of it.
    pub async fn stream(
        &self,
        request: Request,
        patience: Duration,
        mut hear: impl FnMut(Option<&[u8]>) + Send + 'static,
    ) -> Result<Response, Fault> {
        let recorder = self.ground.recorder();
        let number = recorder.request(self.now(), UPPER_TESTER, None, &request, 0);
        let opened = self.network.open_stream(request, patience).await;
        let head = opened.as_ref().map(|(head, _)| head);
        recorder.outcome(self.now(), number, head);
        let (head, mut body) = opened?;
        if head.is_success() {
            self.ground.spawn(async move {
                while let Ok(Some(chunk)) = body.chunk().await {
                    hear(Some(&chunk));
                }
                hear(None);
            });
        }
        Ok(head)
    }

    /// Writes something that no message shows to the ledger.
    pub fn note(&self, name: &str, value: &Value) {
        let recorder = self.ground.recorder();
        let text = recorder.secrets().conceal_json(&value.to_string());
        let value = serde_json::from_str(&text).unwrap_or_default();
        let name = name.to_owned();
        recorder.write(self.now(), What::Noted { name, value });
    }
}

/// Takes what is posted to an upper tester.
struct Ear {
    posted: UnboundedSender<Option<Request>>,
    /// How many octets more are kept.
    left: usize,
}

impl Actor for Ear {
    fn stimulate(&mut self, _: Time, stimulus: Stimulus<'_>, effects: &mut Vec<Effect>) {
        let Stimulus::Request { exchange, request } = stimulus else {
            return;
        };
        let rest = self.left.checked_sub(HEAD + request.body.len());
        self.left = rest.unwrap_or_default();
        // Nobody listens any more where the run is over.
        drop(self.posted.send(rest.map(|_| request.clone())));
        let status = if rest.is_some() { 200 } else { 503 };
        effects.push(Effect::Respond {
            exchange,
            response: Response::new(status),
        });
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;
    use twinproof_kernel::http::Request;
    use twinproof_kernel::{ExchangeId, Time};

    use super::{Ear, HEAD};
    use crate::actor::{Actor as _, Effect, Stimulus};

    #[test]
    fn what_is_more_than_is_kept_is_told_to_both_sides() {
        let (posted, mut arrived) = unbounded_channel();
        let left = 2 * HEAD;
        let mut ear = Ear { posted, left };
        let request = Request::new("POST", "/");
        let mut effects = Vec::new();
        for number in 0..3 {
            let exchange = ExchangeId(number);
            let request = &request;
            ear.stimulate(
                Time::ZERO,
                Stimulus::Request { exchange, request },
                &mut effects,
            );
        }
        let statuses: Vec<u16> = effects
            .iter()
            .map(|effect| match effect {
                Effect::Respond { response, .. } => response.status,
                _ => 0,
            })
            .collect();
        assert_eq!(statuses, [200, 200, 503]);
        let kept: Vec<bool> = std::iter::from_fn(|| arrived.try_recv().ok())
            .map(|request| request.is_some())
            .collect();
        assert_eq!(kept, [true, true, false]);
    }
}
