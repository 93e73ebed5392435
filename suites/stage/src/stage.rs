macro_rules! either {
    ($self:expr, $stage:ident => $body:expr) => {
        match &mut $self.inner {
            Inner::Live($stage) => $body,
            Inner::Simulated($stage) => $body,
        }
    };
}

mod control;
mod dm;
mod operate;
mod secured;
mod shown;

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_evidence::record::{Halt, What};
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, Faults, Link, Records, Role, Seed, Time};

use crate::actor::{Factory, Seat};
use crate::hooks::Elsewhere;
use crate::live::Live;
use crate::network::Network;
use crate::recorder::Recorder;
use crate::secure::Security;
use crate::simulated::Simulated;
use control::Controller;
pub use dm::{Bootstrapper, Deed, Front, ServerHooks};
use operate::Upper;

/// When time begins on the virtual stage, in seconds since 1970.
pub(crate) const VIRTUAL: u64 = 1_900_000_000;

/// How patient the stage is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long one exchange may take.
    pub timeout: Duration,
    /// How long the system may take until everybody agrees.
    pub settle: Duration,
}

/// Which stage.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Sockets and real time.
    Live(Network),
    /// An event queue with its own clock.
    Virtual,
}

impl Kind {
    /// The same for another run: connections are shared, scenes are not.
    #[must_use]
    pub fn for_another_run(&self) -> Self {
        match self {
            Self::Live(network) => Self::Live(network.for_another_run()),
            Self::Virtual => Self::Virtual,
        }
    }

    /// As the ledger and the report call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Live(_) => "live",
            Self::Virtual => "virtual",
        }
    }
}

/// An actor on a stage, with the type of its role.
pub struct Handle<R> {
    place: usize,
    name: Arc<str>,
    role: PhantomData<fn() -> R>,
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self {
            place: self.place,
            name: Arc::clone(&self.name),
            role: PhantomData,
        }
    }
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<R> Handle<R> {
    /// The actor's name in the ledger.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What an actor answered, and the exchanges that it began for it.
#[derive(Clone, Debug)]
pub struct Acted<A> {
    /// The answer.
    pub answer: A,
    /// The numbers of the exchanges in the ledger.
    pub exchanges: Vec<u64>,
}

/// A step cannot go on. Only a stage makes one, and it is in the ledger before anybody sees it.
#[derive(Debug)]
pub struct Halted(Halt);

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.why())
    }
}

impl std::error::Error for Halted {}

/// Where roles meet the world.
pub struct Stage {
    recorder: Recorder,
    pace: Pace,
    calls: u64,
    halted: Option<Halt>,
    elsewhere: Option<Elsewhere>,
    /// What lies in front of each who takes a place for datagrams from now on.
    before_all: Option<(Faults, Seed)>,
    /// What secured places have that say nothing else.
    usual: Security,
    upper: Upper,
    controller: Controller,
    dm: dm::Hands,
    /// Who signs what servers show over TLS, where a hosted system knows an authority.
    certified: shown::Certified,
    inner: Inner,
}

enum Inner {
    Live(Live),
    Simulated(Box<Simulated>),
}

impl Stage {
    /// Opens a stage.
    pub fn open(kind: Kind, recorder: Recorder, pace: Pace) -> Self {
        let inner = match kind {
            Kind::Live(network) => Inner::Live(Live::new(network, recorder.clone(), pace)),
            Kind::Virtual => Inner::Simulated(Box::new(Simulated::new(recorder.clone(), pace))),
        };
        Self {
            recorder,
            pace,
            calls: 0,
            halted: None,
            elsewhere: None,
            before_all: None,
            usual: Security::default(),
            upper: Upper::None,
            controller: Controller::None,
            dm: dm::Hands::default(),
            certified: shown::Certified::default(),
            inner,
        }
    }

    /// How patient the stage is.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Why the first step that could not go on could not, if there was one.
    pub fn halted(&self) -> Option<&Halt> {
        self.halted.as_ref()
    }

    /// What the stage writes to.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The stage's time.
    pub fn now(&self) -> Time {
        match &self.inner {
            Inner::Live(live) => live.now(),
            Inner::Simulated(simulated) => simulated.now(),
        }
    }

    /// Makes a place where HTTP requests reach the actor that will be called `name`, and returns its
    /// base URL, without a slash at its end.
    ///
    /// # Errors
    ///
    /// No socket can be had.
    pub async fn listen(&mut self, name: &str) -> Result<String, Halted> {
        let opened = either!(self, stage => stage.listen(name).await);
        opened.map_err(|why| {
            self.halt(Halt::Error {
                why: format!("no socket for {name}: {why}"),
            })
        })
    }

    /// Makes a place where datagrams reach the actor that will be called `name`.
    ///
    /// # Errors
    ///
    /// No socket can be had.
    pub async fn bind(&mut self, name: &str) -> Result<SocketAddr, Halted> {
        self.bind_at(name, None).await
    }

    /// The same at an address that others know; the virtual stage has addresses of its own.
    ///
    /// # Errors
    ///
    /// No socket can be had there.
    pub async fn bind_at(
        &mut self,
        name: &str,
        at: Option<SocketAddr>,
    ) -> Result<SocketAddr, Halted> {
        let opened = match &mut self.inner {
            Inner::Live(live) => live.bind(name, at).await,
            Inner::Simulated(simulated) => simulated.bind(name).await,
        };
        self.bound(name, at, opened)
    }

    /// The same as [`Stage::bind`] at the host of a place that was made before, and another port.
    ///
    /// # Errors
    ///
    /// No socket can be had there.
    pub async fn bind_beside(
        &mut self,
        name: &str,
        place: SocketAddr,
    ) -> Result<SocketAddr, Halted> {
        let opened = either!(self, stage => stage.bind_beside(name, place).await);
        self.bound(name, None, opened)
    }

    fn bound(
        &mut self,
        name: &str,
        at: Option<SocketAddr>,
        opened: Result<SocketAddr, String>,
    ) -> Result<SocketAddr, Halted> {
        if let Some((faults, seed)) = self.before_all {
            let link = Link::new(faults, seed.derive(name));
            // A second place is reached over the same link.
            either!(self, stage => stage.with_links(|links| {
                links.entry(name.to_owned()).or_insert(link);
            }));
        }
        opened.map_err(|why| {
            let at = at.map_or_else(String::new, |at| format!(" at {at}"));
            self.halt(Halt::Error {
                why: format!("no socket for {name}{at}: {why}"),
            })
        })
    }

    /// Closes a place that was made with [`Stage::bind`].
    pub fn unbind(&mut self, address: SocketAddr) {
        either!(self, stage => stage.unbind(address));
    }

    /// Puts a link in front of the simulated party of this name, instead of any that was there.
    pub fn impair(&mut self, name: &str, faults: Faults, seed: Seed) {
        let link = Link::new(faults, self.of_this_attempt(seed).derive(name));
        either!(self, stage => stage.with_links(|links| {
            links.insert(name.to_owned(), link);
        }));
    }

    /// Puts such a link in front of each who takes a place for datagrams from now on.
    pub fn impair_all(&mut self, faults: Faults, seed: Seed) {
        self.before_all = Some((faults, self.of_this_attempt(seed)));
    }

    /// From now on a simulated party is behind a network that hides it: what other simulated parties want of
    /// it comes through only where it spoke to them before. The system under test stands on the border.
    pub fn hide(&mut self, name: &str) {
        either!(self, stage => stage.with_shelter(|shelter| shelter.hide(name)));
    }

    /// How often that network has turned somebody away.
    pub fn turned_away(&mut self) -> usize {
        either!(self, stage => stage.with_shelter(|shelter| shelter.turned_away()))
    }

    /// How many datagrams our own links have lost of which no copy has arrived since.
    pub fn missing(&mut self) -> usize {
        either!(self, stage => stage.with_links(|links| {
            links.values().map(Link::missing).sum()
        }))
    }

    /// How many datagrams our own links have lost, whatever came since.
    pub fn lost(&mut self) -> usize {
        either!(self, stage => stage.with_links(|links| {
            links.values().map(Link::lost).sum()
        }))
    }

    /// How many datagrams our own links have doubled.
    pub fn doubled(&mut self) -> usize {
        either!(self, stage => stage.with_links(|links| {
            links.values().map(Link::doubled).sum()
        }))
    }

    /// What another attempt draws otherwise: what was lost once need not be lost again.
    fn of_this_attempt(&self, seed: Seed) -> Seed {
        let attempt = self.recorder.scene().map_or(0, |scene| scene.attempt);
        seed.derive("link").derive(&attempt.to_string())
    }

    /// Lets a simulated party enter. What it sends and receives is recorded.
    pub fn enter<R>(&mut self, name: &str, role: R, shared: Arc<R::Shared>) -> Handle<R>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let place = either!(self, stage => stage.enter(name, Seat::new(role, shared)));
        Handle {
            place,
            name: name.into(),
            role: PhantomData,
        }
    }

    /// Lets a built-in system enter. It keeps its own store, can be restarted, and what it does is
    /// recorded only where a simulated party sees it, as with any other system.
    pub fn host(&mut self, name: &str, factory: Factory) {
        let _ = either!(self, stage => stage.host(name, factory));
    }

    /// The same for a system that takes orders, which is how an upper tester reaches it.
    pub fn host_role<R>(
        &mut self,
        name: &str,
        make: impl Fn() -> (R, Arc<R::Shared>) + Send + 'static,
    ) -> Handle<R>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let factory = Box::new(move || {
            let (role, shared) = make();
            Seat::new(role, shared)
        });
        let place = either!(self, stage => stage.host(name, factory));
        Handle {
            place,
            name: name.into(),
            role: PhantomData,
        }
    }

    /// From now on `address` stands under `name` in the ledger, and datagrams can reach it.
    pub fn introduce_address(&mut self, address: SocketAddr, name: &str) {
        self.recorder.name_authority(&address.to_string(), name);
        if let Inner::Live(live) = &mut self.inner {
            live.reach(address);
        }
    }

    /// From now on whoever sends datagrams from an address that nobody knows stands under `name` in the
    /// ledger: a system that chooses its address itself.
    pub fn introduce_strangers(&mut self, name: &str) {
        if let Inner::Live(live) = &mut self.inner {
            live.name_strangers(name);
        }
    }

    /// How many exchanges and datagrams are in the ledger of this scene.
    pub fn recorded(&self) -> u64 {
        self.recorder.numbered()
    }

    /// The datagrams that a simulated party sent in this scene, oldest first: what a network could bring
    /// a second time.
    pub fn sent_by<R>(&self, actor: &Handle<R>) -> Vec<Vec<u8>> {
        self.recorder.sent_by(&actor.name)
    }

    /// The system is none of ours: it runs elsewhere and is reached by name and hooks only.
    pub fn visit(&mut self, system: Elsewhere) {
        self.introduce(&system.base_url, &system.name);
        self.elsewhere = Some(system);
    }

    /// From now on the authority of `base_url` stands under `name` in the ledger.
    pub fn introduce(&self, base_url: &str, name: &str) {
        self.recorder
            .name_authority(crate::recorder::authority(base_url), name);
    }

    /// Has an actor do something and waits for its answer.
    ///
    /// # Errors
    ///
    /// The actor did not answer within the exchange time of the profile.
    pub async fn act<R>(
        &mut self,
        actor: &Handle<R>,
        order: R::Order,
    ) -> Result<Acted<R::Answer>, Halted>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: serde::Serialize + 'static,
        R::Answer: Send,
    {
        let mut acted = self.act_together(vec![(actor.clone(), order)]).await?;
        Ok(acted.remove(0))
    }

    /// Has several actors do something at the same time and waits for all answers.
    ///
    /// # Errors
    ///
    /// One of them did not answer within the exchange time of the profile.
    pub async fn act_together<R>(
        &mut self,
        orders: Vec<(Handle<R>, R::Order)>,
    ) -> Result<Vec<Acted<R::Answer>>, Halted>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: serde::Serialize + 'static,
        R::Answer: Send,
    {
        // An order may need several exchanges, each of which may take its time.
        let patience = self.pace.timeout * 4;
        self.perform(orders, patience, true).await
    }

    /// The same for what may take that long.
    ///
    /// # Errors
    ///
    /// One of them did not answer within `patience`.
    pub async fn act_together_within<R>(
        &mut self,
        orders: Vec<(Handle<R>, R::Order)>,
        patience: Duration,
    ) -> Result<Vec<Acted<R::Answer>>, Halted>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: serde::Serialize + 'static,
        R::Answer: Send,
    {
        self.perform(orders, patience, true).await
    }

    /// Has an actor do something that may take that long.
    ///
    /// # Errors
    ///
    /// It did not answer within `patience`.
    pub async fn act_within<R>(
        &mut self,
        actor: &Handle<R>,
        order: R::Order,
        patience: Duration,
    ) -> Result<R::Answer, Halted>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: serde::Serialize + 'static,
        R::Answer: Send,
    {
        let orders = vec![(actor.clone(), order)];
        let mut acted = self.perform(orders, patience, true).await?;
        Ok(acted.remove(0).answer)
    }

    async fn perform<R>(
        &mut self,
        orders: Vec<(Handle<R>, R::Order)>,
        patience: Duration,
        recorded: bool,
    ) -> Result<Vec<Acted<R::Answer>>, Halted>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: serde::Serialize + 'static,
        R::Answer: Send,
    {
        let mut calls = Vec::with_capacity(orders.len());
        for (actor, order) in orders {
            self.calls += 1;
            let call = CallId(self.calls);
            if recorded && !self.recorder.is_silent() {
                let order_text = serde_json::to_string(&order).unwrap_or_default();
                let order_text = self.recorder.secrets().conceal(&order_text);
                let recorded = serde_json::from_str(&order_text).unwrap_or_default();
                self.recorder.write(
                    self.now(),
                    What::Ordered {
                        actor: actor.name.to_string(),
                        order: recorded,
                    },
                );
            }
            either!(self, stage => stage.order::<R>(actor.place, call, order));
            calls.push((actor, call));
        }
        let together = self.answers(calls, patience).await;
        // Nothing was shown yet, so whoever runs the scenario may try it again.
        let broken = match &self.inner {
            Inner::Live(live) => live.broken_off(),
            Inner::Simulated(_) => None,
        };
        match broken {
            Some(why) => Err(self.halt(Halt::Transport { why })),
            None => together,
        }
    }

    async fn answers<R>(
        &mut self,
        calls: Vec<(Handle<R>, CallId)>,
        patience: Duration,
    ) -> Result<Vec<Acted<R::Answer>>, Halted>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let mut answers = Vec::with_capacity(calls.len());
        for (actor, call) in calls {
            let answered =
                either!(self, stage => stage.answer::<R>(actor.place, call, patience).await);
            match answered {
                Some(acted) => answers.push(acted),
                None => {
                    let why = format!("{} did not come to an end within {patience:?}", actor.name);
                    return Err(self.halt(Halt::Inconclusive { why }));
                }
            }
        }
        Ok(answers)
    }

    /// Waits until `come` says yes to the actor's role, at most for `limit`, and records how it ended.
    pub async fn wait_for<R>(
        &mut self,
        actor: &Handle<R>,
        what: &str,
        limit: Duration,
        come: impl Fn(&R) -> bool,
    ) -> bool
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let came = either!(self, stage => stage.wait_for::<R>(actor.place, limit, &come).await);
        let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        self.recorder.write(
            self.now(),
            What::WaitEnded {
                wait: what.to_owned(),
                came,
                limit,
            },
        );
        came
    }

    /// What an actor's role shows of itself now; nothing is recorded of it.
    pub fn look<R, T>(&mut self, actor: &Handle<R>, look: impl FnOnce(&R) -> T) -> T
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        either!(self, stage => stage.look(actor.place, look))
    }

    /// Lets time pass.
    pub async fn rest(&mut self, span: Duration) {
        either!(self, stage => stage.rest(span).await);
    }

    /// Pulls a hook of the system of this name, hosted or elsewhere. After a restart of a system
    /// that runs elsewhere, waits until it answers again.
    ///
    /// # Errors
    ///
    /// The profile names no such hook, the hook failed, or the system did not come back.
    pub async fn hook(&mut self, name: &str, hook: Hook) -> Result<(), Halted> {
        let hosted = either!(self, stage => stage.hosts(name));
        let pulled = match (&mut self.inner, &self.elsewhere) {
            (Inner::Live(live), _) if hosted => live.hook(name, hook),
            (Inner::Simulated(simulated), _) if hosted => simulated.hook(name, hook),
            (Inner::Live(live), Some(system)) if system.name == name => match system.call(hook) {
                Ok(call) => {
                    live.pull(call, hook, &system.base_url, system.patience)
                        .await
                }
                Err(missing) => Err(missing),
            },
            _ => Err(format!("{name} is neither hosted here nor known elsewhere")),
        };
        let failed = pulled
            .as_ref()
            .err()
            .map(|why| self.recorder.secrets().conceal(why));
        self.recorder.write(
            self.now(),
            What::Hooked {
                hook: hook.to_string(),
                failed: failed.clone(),
            },
        );
        match failed {
            None => Ok(()),
            Some(why) => Err(self.halt(Halt::Inconclusive {
                why: format!("hook {hook}: {why}"),
            })),
        }
    }

    /// Lets time pass for the system of this name: by its clock hook, if it has one, or by waiting.
    ///
    /// # Errors
    ///
    /// The hook failed.
    pub async fn let_pass(&mut self, name: &str, span: Duration) -> Result<(), Halted> {
        let hooked = match (&self.inner, &self.elsewhere) {
            (Inner::Live(live), _) if live.hosts(name) => true,
            (Inner::Live(_), Some(system)) => system.advance_clock.is_some(),
            _ => false,
        };
        if hooked {
            return self.hook(name, Hook::AdvanceClock(span)).await;
        }
        self.rest(span).await;
        Ok(())
    }

    /// A hosted system's time, and what it has in its store: what it would know after a restart.
    ///
    /// # Errors
    ///
    /// No system of this name is hosted here, or its store cannot be read.
    pub fn stored(&self, name: &str) -> Result<(Time, Records), String> {
        match &self.inner {
            Inner::Live(live) => live.stored(name),
            Inner::Simulated(simulated) => simulated.stored(name),
        }
    }

    /// Sends a request that is no actor's, under the name `from`. There is no such thing on the
    /// virtual stage.
    ///
    /// # Errors
    ///
    /// There was no response.
    pub async fn call(&mut self, from: &str, request: Request) -> Result<Response, Fault> {
        match &self.inner {
            Inner::Live(live) => live.call(from, request).await,
            Inner::Simulated(_) => Err(Fault::Unreachable(
                "the virtual stage has no network".to_owned(),
            )),
        }
    }

    /// Ends the scene. Simulated parties begin nothing any more, but who comes late is recorded: on
    /// the live stage until [`Network::close`], on the virtual stage for twice the settle time.
    pub fn strike(mut self) {
        either!(&mut self, stage => stage.strike());
    }

    /// Records why a step cannot go on.
    pub fn halt(&mut self, halt: Halt) -> Halted {
        self.halted.get_or_insert_with(|| halt.clone());
        self.recorder.write(
            self.now(),
            What::Halted {
                reason: halt.clone(),
            },
        );
        Halted(halt)
    }
}
