//! The live stage: sockets, HTTP and the clock on the wall.

mod ground;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::OwnedSemaphorePermit;
use twinproof_dtls::{Credentials, Transport};
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{CallId, Link, Records, Role, Seed, Time};

use crate::actor::{Actor, Factory, Seat, Stimulus};
use crate::certificates::{Authority, Certificate, Shows};
use crate::doors::Door;
use crate::hooks::{HookCall, pull};
use crate::network::Network;
use crate::recorder::Recorder;
use crate::secure::{Outcome, Secured, Security};
use crate::shelter::Shelter;
use crate::stage::{Acted, Pace};
use crate::store::Store;
use crate::upper::Reach;
use ground::{Resident, State, receive};

pub(crate) use ground::Ground;

pub(crate) struct Live {
    ground: Arc<Ground>,
    pace: Pace,
    network: Network,
    /// Where datagrams leave from: the loopback, unless a peer is elsewhere.
    outside: IpAddr,
    /// Shared doors that this scene has for itself.
    turns: Vec<OwnedSemaphorePermit>,
    /// Doors at which something is shown, by who is behind them.
    shown: BTreeMap<String, Arc<Door>>,
}

impl Drop for Live {
    fn drop(&mut self) {
        // A scene that was struck stays with the network until the run ends.
        if !self.ground.struck.load(Ordering::Relaxed) {
            drop(self.ground.take_tasks());
        }
    }
}

impl Live {
    pub(crate) fn new(network: Network, recorder: Recorder, pace: Pace) -> Self {
        let ground = Ground::new(network.clone(), recorder);
        Self {
            ground: Arc::new(ground),
            pace,
            network,
            outside: Ipv4Addr::LOCALHOST.into(),
            turns: Vec::new(),
            shown: BTreeMap::new(),
        }
    }

    /// From now on datagrams can reach this address.
    pub(crate) fn reach(&mut self, address: SocketAddr) {
        self.outside = match address {
            address if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) => address.ip(),
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
    }

    /// Ends the scene but for its doors.
    pub(crate) fn strike(&mut self) {
        self.ground.struck.store(true, Ordering::Relaxed);
        self.network.keep(Arc::clone(&self.ground));
        self.turns.clear();
    }

    /// Why the very first exchange of the scene found nobody, if so.
    pub(crate) fn broken_off(&self) -> Option<String> {
        self.ground.state().broken_off.take()
    }

    /// Sends a request that is no actor's.
    pub(crate) async fn call(&self, from: &str, request: Request) -> Result<Response, Fault> {
        let recorder = &self.ground.recorder;
        let length = request.body.len() as u64;
        let number = recorder.request(self.now(), from, None, &request, length);
        let outcome = self.network.fetch(request).await;
        recorder.outcome(self.now(), number, outcome.as_ref());
        outcome
    }

    /// What an upper tester reaches the world with.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    pub(crate) fn upper(&self) -> Reach {
        Reach {
            ground: Arc::clone(&self.ground),
            network: self.network.clone(),
            settle: self.pace.settle,
        }
    }

    /// Pulls a hook of a system that runs elsewhere; after a restart, waits until it answers.
    pub(crate) async fn pull(
        &self,
        call: &HookCall,
        hook: Hook,
        alive: &str,
        patience: Duration,
    ) -> Result<(), String> {
        pull(&self.network, call, hook, alive, patience).await
    }

    pub(crate) fn now(&self) -> Time {
        self.ground.now()
    }

    pub(crate) async fn listen(&mut self, name: &str) -> Result<String, String> {
        let opened = self.network.doors().open(&self.ground, name).await?;
        self.ground.state().doors.push(name.to_owned());
        self.turns.extend(opened.turn);
        Ok(opened.base)
    }

    /// Makes a place where this is shown over TLS, or shows it where something was shown before.
    pub(crate) async fn listen_shown(
        &mut self,
        name: &str,
        (shows, certificate, tls): (&Shows, Certificate, Arc<rustls::ServerConfig>),
    ) -> Result<String, String> {
        if let Some(door) = self.shown.get(name) {
            door.show((certificate, tls));
            return Ok(door.base().to_owned());
        }
        let doors = self.network.doors();
        let (door, turn) = doors
            .open_shown(&self.ground, name, (shows, certificate, tls))
            .await?;
        self.ground.state().doors.push(name.to_owned());
        self.turns.extend(turn);
        let base = door.base().to_owned();
        self.shown.insert(name.to_owned(), door);
        Ok(base)
    }

    /// From now on hosted systems trust this authority.
    pub(crate) fn trust_authority(&self, authority: Arc<Authority>) {
        self.ground.state().authority = Some(authority);
    }

    pub(crate) async fn bind_beside(
        &mut self,
        name: &str,
        place: SocketAddr,
    ) -> Result<SocketAddr, String> {
        let anywhere = SocketAddr::new(place.ip(), 0);
        self.bind(name, Some(anywhere)).await
    }

    pub(crate) async fn bind(
        &mut self,
        name: &str,
        at: Option<SocketAddr>,
    ) -> Result<SocketAddr, String> {
        let socket = match at {
            Some(at) => bind_once_free(at).await,
            None => UdpSocket::bind(SocketAddr::new(self.outside, 0)).await,
        };
        let socket = socket.map_err(|e| e.to_string())?;
        let address = socket.local_addr().map_err(|e| e.to_string())?;
        let socket = Arc::new(socket);
        {
            let mut state = self.ground.state();
            state.sockets.insert(address, Arc::clone(&socket));
            state.socket_names.insert(address, name.to_owned());
        }
        self.ground.spawn(receive(
            Arc::clone(&self.ground),
            socket,
            address,
            name.to_owned(),
        ));
        Ok(address)
    }

    pub(crate) async fn bind_secured(
        &mut self,
        name: &str,
        security: Security,
        _: Seed,
    ) -> Result<SocketAddr, String> {
        let at = security.at;
        let secured = Secured::new(name, security, None)?;
        let address = self.bind(name, at).await?;
        self.ground.state().secured.insert(address, secured);
        Ok(address)
    }

    /// Does something with the transport of a secured place.
    pub(crate) fn secure<T>(
        &mut self,
        at: SocketAddr,
        act: impl FnOnce(&mut Transport, Time) -> T,
    ) -> Option<T> {
        let now = self.ground.now();
        let mut state = self.ground.state();
        self.ground
            .secure(&mut state, at, |secured| act(secured.transport(), now))
    }

    /// What became of the handshake with a peer, if it comes to its end within `limit`.
    pub(crate) async fn outcome(
        &mut self,
        at: SocketAddr,
        peer: SocketAddr,
        limit: Duration,
    ) -> Option<Outcome> {
        let ask = |state: &mut State| state.secured.get(&at)?.outcome(peer).cloned();
        self.until(limit, ask).await
    }

    /// What became of a handshake with anybody, if one comes to its end within `limit`.
    pub(crate) async fn any_outcome(&mut self, at: SocketAddr, limit: Duration) -> Option<Outcome> {
        let ask = |state: &mut State| state.secured.get(&at)?.any_outcome().cloned();
        self.until(limit, ask).await
    }

    /// Lets a secured place meet a peer with these credentials from now on, or in the clear.
    pub(crate) fn trust(&mut self, at: SocketAddr, peer: SocketAddr, own: Option<Credentials>) {
        let mut state = self.ground.state();
        self.ground.trust(&mut state, (at, peer), own);
    }

    /// Secures a place that was secured otherwise before; nothing is left of its associations.
    pub(crate) fn secure_anew(
        &mut self,
        (name, at): (&str, SocketAddr),
        security: Security,
        _: Seed,
    ) -> Result<(), String> {
        let secured = Secured::new(name, security, None)?;
        self.ground.state().secured.insert(at, secured);
        Ok(())
    }

    /// From now on nothing reaches anybody at this address, and others can have it.
    pub(crate) fn unbind(&mut self, address: SocketAddr) {
        let mut state = self.ground.state();
        state.sockets.remove(&address);
        state.secured.remove(&address);
        state.fresh.retain(|(at, _), _| *at != address);
        drop(state);
        self.ground.closed.notify_waiters();
    }

    /// From now on who is not known has this name.
    pub(crate) fn name_strangers(&mut self, name: &str) {
        self.ground.state().strangers = Some(name.to_owned());
    }

    /// Does something with what lies in front of simulated parties, by their names.
    pub(crate) fn with_links<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Link>) -> T) -> T {
        act(&mut self.ground.state().links)
    }

    /// The network that hides simulated parties.
    pub(crate) fn with_shelter<T>(&self, act: impl FnOnce(&mut Shelter) -> T) -> T {
        act(&mut self.ground.state().shelter)
    }

    pub(crate) fn enter(&mut self, name: &str, actor: Box<dyn Actor>) -> usize {
        self.ground.state().settle(name, actor, None)
    }

    pub(crate) fn host(&mut self, name: &str, factory: Factory) -> usize {
        let resident = Resident {
            store: Store::Memory(Records::new()),
            skew: Duration::ZERO,
            factory,
            files: None,
        };
        let actor = (resident.factory)();
        let mut state = self.ground.state();
        state.residents.push(name.to_owned());
        state.settle(name, actor, Some(resident))
    }

    pub(crate) fn hosts(&self, name: &str) -> bool {
        self.ground.state().residents.iter().any(|n| n == name)
    }

    /// A hosted system's time, and what it has in its store.
    pub(crate) fn stored(&self, name: &str) -> Result<(Time, Records), String> {
        let state = self.ground.state();
        let place = state.names.get(name).map(|place| &state.places[*place]);
        match place.and_then(|place| place.resident.as_ref()) {
            Some(resident) => match resident.store.records() {
                Ok(records) => Ok((self.ground.now() + resident.skew, records)),
                Err(error) => Err(error.to_string()),
            },
            None => Err(format!("{name} is not hosted here")),
        }
    }

    pub(crate) fn hook(&mut self, name: &str, hook: Hook) -> Result<(), String> {
        let mut state = self.ground.state();
        let place = state
            .names
            .get(name)
            .copied()
            .ok_or_else(|| format!("{name} is not hosted here"))?;
        let Some(resident) = &mut state.places[place].resident else {
            return Err(format!("{name} is not hosted here"));
        };
        match hook {
            Hook::AdvanceClock(span) => {
                resident.skew += span;
                self.ground.stimulate(&mut state, place, Stimulus::Wake);
            }
            Hook::Restart => {
                let files = match resident.files.take() {
                    Some(files) => files,
                    None => tempfile::tempdir().map_err(|e| format!("no temporary file: {e}"))?,
                };
                let path = files.path().join("store.redb");
                resident.files = Some(files);
                let records = resident.store.restart(&path).map_err(|e| e.to_string())?;
                let actor = (resident.factory)();
                state.places[place].actor = actor;
                self.ground
                    .stimulate(&mut state, place, Stimulus::Restored(&records));
            }
        }
        Ok(())
    }

    pub(crate) fn order<R>(&mut self, place: usize, call: CallId, order: R::Order)
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let mut state = self.ground.state();
        state.places[place].begun.clear();
        let mut effects = Vec::new();
        let now = self.ground.time_of(&state.places[place]);
        Seat::<R>::of(&mut *state.places[place].actor).order(now, call, order, &mut effects);
        self.ground.apply(&mut state, place, effects);
    }

    pub(crate) async fn answer<R>(
        &mut self,
        place: usize,
        call: CallId,
        patience: Duration,
    ) -> Option<Acted<R::Answer>>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        self.until(patience, |state| {
            let answer = Seat::<R>::of(&mut *state.places[place].actor).take_answer(call)?;
            Some(Acted {
                answer,
                exchanges: state.places[place].begun.clone(),
            })
        })
        .await
    }

    pub(crate) async fn wait_for<R>(
        &mut self,
        place: usize,
        limit: Duration,
        come: &dyn Fn(&R) -> bool,
    ) -> bool
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        self.until(limit, |state| {
            come(Seat::<R>::of(&mut *state.places[place].actor).role()).then_some(())
        })
        .await
        .is_some()
    }

    pub(crate) fn look<R, T>(&mut self, place: usize, look: impl FnOnce(&R) -> T) -> T
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        look(Seat::<R>::of(&mut *self.ground.state().places[place].actor).role())
    }

    pub(crate) async fn rest(&mut self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    /// Asks again whenever something happened, at most for `limit`.
    async fn until<T>(
        &self,
        limit: Duration,
        mut ask: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let deadline = tokio::time::Instant::now() + limit.min(self.pace.timeout * 100);
        loop {
            let changed = self.ground.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = ask(&mut self.ground.state()) {
                return Some(answer);
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return ask(&mut self.ground.state());
            }
        }
    }
}

/// How long an address may be in use that the scene before had: who receives there lets go of it by the way.
const LET_GO: Duration = Duration::from_secs(5);

/// Binds a socket to an address as soon as nobody else has it.
async fn bind_once_free(at: SocketAddr) -> std::io::Result<UdpSocket> {
    let began = Instant::now();
    loop {
        match UdpSocket::bind(at).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && began.elapsed() < LET_GO => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            bound => return bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::UdpSocket;

    use super::bind_once_free;

    #[tokio::test]
    async fn a_place_that_is_let_go_of_by_the_way_can_be_had_again() {
        let first = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = first.local_addr().unwrap();
        let holder = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(first);
        });
        let again = bind_once_free(at).await.unwrap();
        assert_eq!(again.local_addr().unwrap(), at);
        holder.await.unwrap();
    }
}
