//! Datagrams, in the clear and over secured associations.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use twinproof_dtls::{Credentials, Transport};
use twinproof_kernel::{Link, Seed, Time, Way};

use super::queue::Event;
use super::{LATENCY, Simulated};
use crate::actor::Stimulus;
use crate::secure::{Chore, Outcome, Secured, Security};

/// The port of CoAP over DTLS (RFC 7252 §6.2).
const COAPS: u16 = 5684;

impl Simulated {
    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind(&mut self, name: &str) -> Result<SocketAddr, String> {
        self.take_address(name, 5683)
    }

    fn take_address(&mut self, name: &str, port: u16) -> Result<SocketAddr, String> {
        self.bound = self.bound.checked_add(1).ok_or("no address left")?;
        let address = SocketAddr::from((Ipv4Addr::new(127, 1, 0, self.bound), port));
        self.sockets.insert(address, name.to_owned());
        Ok(address)
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind_beside(
        &mut self,
        name: &str,
        place: SocketAddr,
    ) -> Result<SocketAddr, String> {
        self.take_port_beside(name, place)
    }

    fn take_port_beside(&mut self, name: &str, place: SocketAddr) -> Result<SocketAddr, String> {
        let ports = place.port() + 1..=u16::MAX;
        let mut places = ports.map(|port| SocketAddr::new(place.ip(), port));
        let free = places.find(|place| !self.sockets.contains_key(place));
        let address = free.ok_or("no port left")?;
        self.sockets.insert(address, name.to_owned());
        Ok(address)
    }

    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn bind_secured(
        &mut self,
        name: &str,
        security: Security,
        seed: Seed,
    ) -> Result<SocketAddr, String> {
        let beside = security.at.filter(|at| at.port() == 0);
        let secured = Secured::new(name, security, Some(seed))?;
        let address = match beside {
            Some(place) => self.take_port_beside(name, SocketAddr::new(place.ip(), COAPS))?,
            None => self.take_address(name, COAPS)?,
        };
        self.secured.insert(address, secured);
        Ok(address)
    }

    /// Does something with the transport of a secured place.
    pub(crate) fn secure<T>(
        &mut self,
        at: SocketAddr,
        act: impl FnOnce(&mut Transport, Time) -> T,
    ) -> Option<T> {
        let now = self.now;
        let secured = self.secured.get_mut(&at)?;
        let done = act(secured.transport(), now);
        self.do_chores(at);
        Some(done)
    }

    /// Lets a secured place meet a peer with these credentials from now on, or in the clear.
    pub(crate) fn trust(&mut self, at: SocketAddr, peer: SocketAddr, own: Option<Credentials>) {
        if let Some(secured) = self.secured.get_mut(&at) {
            secured.trust(self.now, peer, own);
            self.do_chores(at);
        }
    }

    /// Secures a place that was secured otherwise before; nothing is left of its associations.
    pub(crate) fn secure_anew(
        &mut self,
        (name, at): (&str, SocketAddr),
        security: Security,
        seed: Seed,
    ) -> Result<(), String> {
        let secured = Secured::new(name, security, Some(seed))?;
        self.secured.insert(at, secured);
        Ok(())
    }

    /// Whether what is sent from one place to another goes over an association.
    pub(super) fn seals(&self, at: SocketAddr, peer: SocketAddr) -> bool {
        let secured = self.secured.get(&at);
        secured.is_some_and(|secured| secured.seals_for(peer))
    }

    fn do_chores(&mut self, at: SocketAddr) {
        let now = self.now;
        let Some(secured) = self.secured.get_mut(&at) else {
            return;
        };
        let (places, sockets) = (&self.places, &self.sockets);
        let place = places.iter().position(|place| place.name == secured.name);
        let simulated = place.is_none_or(|place| places[place].resident.is_none());
        let name_of = |peer: SocketAddr| {
            let known = sockets.get(&peer);
            known.cloned().unwrap_or_else(|| peer.to_string())
        };
        let chores = secured.chores(now, simulated.then_some(&self.recorder), name_of);
        let name = secured.name.clone();
        for chore in chores {
            match chore {
                Chore::Transmit { to, datagram } => {
                    let from = self.fresh.get(&(at, to)).copied().unwrap_or(at);
                    self.travel(from, to, datagram, Duration::ZERO, None);
                }
                Chore::Associated { peer, identity } => {
                    if let Some(place) = self.place_of(&name) {
                        let identity = identity.as_deref();
                        self.stimulate(place, Stimulus::Associated { at, peer, identity });
                    }
                }
                Chore::Received { from, data } => self.arrive(&name, (from, at), &data),
                Chore::Renew { peer } => {
                    // Without a fresh port, the old one has to do.
                    if let Ok(fresh) = self.take_port_beside(&name, at) {
                        self.fresh.insert((at, peer), fresh);
                        self.stands_for.insert(fresh, at);
                    }
                    if let Some(secured) = self.secured.get_mut(&at) {
                        secured.transport().begin_anew(now, peer);
                    }
                    self.do_chores(at);
                }
            }
        }
        let due = self.secured.get(&at).and_then(Secured::next_deadline);
        if let Some(due) = due {
            self.schedule(due.since(self.now), Event::WakeSecured { at });
        }
    }

    /// What became of the handshake with a peer, if it comes to its end within `limit`.
    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn outcome(
        &mut self,
        at: SocketAddr,
        peer: SocketAddr,
        limit: Duration,
    ) -> Option<Outcome> {
        let deadline = self.now + limit;
        loop {
            if let Some(outcome) = self.secured.get(&at)?.outcome(peer) {
                return Some(outcome.clone());
            }
            if !self.step(deadline) {
                return None;
            }
        }
    }

    /// What became of a handshake with anybody, if one comes to its end within `limit`.
    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn any_outcome(&mut self, at: SocketAddr, limit: Duration) -> Option<Outcome> {
        let deadline = self.now + limit;
        loop {
            if let Some(outcome) = self.secured.get(&at)?.any_outcome() {
                return Some(outcome.clone());
            }
            if !self.step(deadline) {
                return None;
            }
        }
    }

    /// Data that came out of an association comes to whom a place belongs, over what lies in front of them.
    fn arrive(&mut self, name: &str, (from, at): (SocketAddr, SocketAddr), data: &[u8]) {
        let Some(to) = self.place_of(name) else {
            return;
        };
        let link = self.links.get_mut(name);
        let journeys = link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(Way::In, data));
        let simulated = self.places[to].resident.is_none();
        let known = self.sockets.get(&from);
        let sender = known.cloned().unwrap_or_else(|| from.to_string());
        for journey in journeys {
            let datagram = Event::Datagram {
                to,
                at,
                from,
                bytes: data.to_vec(),
                arrives_from: simulated.then(|| sender.clone()),
                opened: true,
            };
            self.schedule(journey, datagram);
        }
    }

    /// A datagram is under way.
    fn travel(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        journey: Duration,
        arrives_from: Option<String>,
    ) {
        let receiver = self.sockets.get(&to);
        let Some(place) = receiver.and_then(|name| self.place_of(name)) else {
            return;
        };
        let datagram = Event::Datagram {
            to: place,
            at: self.stands_for.get(&to).copied().unwrap_or(to),
            from,
            bytes,
            arrives_from,
            opened: false,
        };
        self.schedule(LATENCY + journey, datagram);
    }

    /// From now on nothing reaches anybody at this address.
    pub(crate) fn unbind(&mut self, address: SocketAddr) {
        self.sockets.remove(&address);
        self.secured.remove(&address);
    }

    /// Does something with what lies in front of simulated parties, by their names.
    pub(crate) fn with_links<T>(
        &mut self,
        act: impl FnOnce(&mut BTreeMap<String, Link>) -> T,
    ) -> T {
        act(&mut self.links)
    }

    pub(super) fn send_datagram(
        &mut self,
        place: usize,
        at: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) {
        let simulated = self.places[place].resident.is_none();
        if self.struck && simulated {
            return;
        }
        if self.seals(at, to) {
            self.send_secured(place, at, to, bytes);
            return;
        }
        let receiver = self.sockets.get(&to).cloned();
        let target = receiver.as_deref().and_then(|name| self.place_of(name));
        // What is not sealed does not come through to a party that is secured.
        let comes = !self.seals(to, at);
        let party = target.is_some_and(|target| self.places[target].resident.is_none());
        let recorded = simulated || comes && party;
        let sender = self.places[place].name.clone();
        let (party, way) = match (simulated, &receiver) {
            (false, Some(receiver)) => (receiver, Way::In),
            (true, _) | (false, None) => (&sender, Way::Out),
        };
        let link = self.links.get_mut(party);
        let late = link.is_some() && !simulated;
        let journeys = link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(way, &bytes));
        if recorded && !late {
            let to = receiver.unwrap_or_else(|| to.to_string());
            self.recorder
                .datagram(self.now, (&sender, &to), &bytes, (!simulated, false));
        }
        for journey in journeys {
            let arrives_from = (recorded && late).then(|| sender.clone());
            self.travel(at, to, bytes.clone(), journey, arrives_from);
        }
    }

    /// What is lost of what is secured is lost before it is sealed: no handshake suffers from our faults.
    fn send_secured(&mut self, place: usize, at: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let sender = &self.places[place];
        if sender.resident.is_none() {
            let receiver = self.sockets.get(&to);
            let receiver = receiver.cloned().unwrap_or_else(|| to.to_string());
            let parties = (sender.name.as_str(), receiver.as_str());
            self.recorder
                .datagram(self.now, parties, &bytes, (false, true));
        }
        let link = self.links.get_mut(&sender.name);
        let journeys =
            link.map_or_else(|| vec![Duration::ZERO], |link| link.carry(Way::Out, &bytes));
        for journey in journeys {
            let bytes = bytes.clone();
            self.schedule(journey, Event::Leave { at, to, bytes });
        }
    }
}
