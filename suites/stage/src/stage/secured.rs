//! Places whose datagrams go over secured associations, and what tests do to those.

use std::net::SocketAddr;
use std::time::Duration;

use twinproof_dtls::{Credentials, Ended, Forgery, Identity, Limits, Tap, Trick};
use twinproof_evidence::record::Halt;
use twinproof_kernel::{Link, Seed};

use super::{Halted, Inner, Stage};
use crate::secure::{KeyLog, Security};

impl Stage {
    /// From now on secured places allow themselves and others this, and the secrets of their associations are
    /// written down there, unless they say otherwise.
    pub fn secure_usually(&mut self, limits: Limits, key_log: Option<KeyLog>) {
        self.usual.limits = Some(limits);
        self.usual.key_log = key_log;
    }

    /// What a place has that is secured in this way.
    fn usually(&self, security: Security) -> Security {
        Security {
            limits: security.limits.or(self.usual.limits),
            key_log: security.key_log.or_else(|| self.usual.key_log.clone()),
            ..security
        }
    }

    /// Makes a place as [`Stage::bind`] does, whose datagrams go over DTLS: roles send and receive what they
    /// always do. Links lose what is sent before it is sealed, and what comes after it was opened.
    ///
    /// On the virtual stage, randomness follows from the seed but for four octets of a hello, which tell the time.
    ///
    /// # Errors
    ///
    /// No socket can be had, or the guests cannot be shown what they should be.
    pub async fn bind_secured(
        &mut self,
        name: &str,
        security: Security,
        seed: Seed,
    ) -> Result<SocketAddr, Halted> {
        let (seed, security) = (
            seed.derive(name).derive("association"),
            self.usually(security),
        );
        let opened = either!(self, stage => stage.bind_secured(name, security, seed).await);
        if let Some((faults, seed)) = self.before_all {
            let link = Link::new(faults, seed.derive(name));
            either!(self, stage => stage.with_links(|links| {
                links.entry(name.to_owned()).or_insert(link);
            }));
        }
        opened.map_err(|why| {
            self.halt(Halt::Error {
                why: format!("no secured socket for {name}: {why}"),
            })
        })
    }

    /// From now on, what leaves a secured place for this peer makes it begin a handshake with these credentials.
    pub fn trust(&mut self, at: SocketAddr, peer: SocketAddr, credentials: Credentials) {
        either!(self, stage => stage.trust(at, peer, Some(credentials)));
    }

    /// From now on, what leaves a secured place for this peer, and comes from there, goes in the clear.
    pub fn leave_open(&mut self, at: SocketAddr, peer: SocketAddr) {
        either!(self, stage => stage.trust(at, peer, None));
    }

    /// Secures a place that was secured otherwise before: nothing is left of its associations, as after a start
    /// of who is there.
    ///
    /// # Errors
    ///
    /// The guests cannot be shown what they should be.
    pub fn secure_anew(
        &mut self,
        (name, at): (&str, SocketAddr),
        security: Security,
        seed: Seed,
    ) -> Result<(), Halted> {
        let (seed, security) = (
            seed.derive(name).derive("another association"),
            self.usually(security),
        );
        let secured = either!(self, stage => stage.secure_anew((name, at), security, seed));
        secured.map_err(|why| {
            self.halt(Halt::Error {
                why: format!("no security for {name}: {why}"),
            })
        })
    }

    /// Waits for how a handshake ends that anybody begins with a secured place.
    pub async fn wait_for_anybody(
        &mut self,
        at: SocketAddr,
        limit: Duration,
    ) -> Option<Result<Identity, Ended>> {
        either!(self, stage => stage.any_outcome(at, limit).await)
    }

    /// Has a secured place shake hands with a peer, unless they have an association, and waits for how that ends:
    /// who the peer is, or why there is no association. None if it did not end within `limit`.
    pub async fn shake_hands(
        &mut self,
        at: SocketAddr,
        peer: SocketAddr,
        limit: Duration,
    ) -> Option<Result<Identity, Ended>> {
        either!(self, stage => stage.secure(at, |transport, now| transport.connect(now, peer)));
        either!(self, stage => stage.outcome(at, peer, limit).await)
    }

    /// Waits for how the association of a secured place with a peer turns out, as [`Stage::shake_hands`] does, and
    /// leaves it to the peer to begin.
    pub async fn wait_for_association(
        &mut self,
        at: SocketAddr,
        peer: SocketAddr,
        limit: Duration,
    ) -> Option<Result<Identity, Ended>> {
        either!(self, stage => stage.outcome(at, peer, limit).await)
    }

    /// Who the peer of an association is, as long as there is one.
    pub fn identity(&mut self, at: SocketAddr, peer: SocketAddr) -> Option<Identity> {
        either!(self, stage => stage.secure(at, |transport, _| transport.identity(peer).cloned()))?
    }

    /// Does this to the next record with data that leaves a secured place.
    pub fn play(&mut self, at: SocketAddr, trick: Trick) {
        either!(self, stage => stage.secure(at, |transport, _| transport.perform(trick)));
    }

    /// Does this to the next record with exactly this data that leaves a secured place, whatever else leaves
    /// before it.
    pub fn play_on(&mut self, at: SocketAddr, trick: Trick, data: &[u8]) {
        either!(self, stage => stage.secure(at, |transport, _| transport.perform_on(trick, data)));
    }

    /// From now on this sees all records of a secured place.
    pub fn tap(&mut self, at: SocketAddr, tap: Box<dyn Tap>) {
        either!(self, stage => stage.secure(at, |transport, _| transport.tap(tap)));
    }

    /// Sends a record that no association would make of itself; says whether there was one with keys.
    pub fn forge(&mut self, at: SocketAddr, peer: SocketAddr, forgery: &Forgery) -> bool {
        let forged =
            either!(self, stage => stage.secure(at, |transport, _| transport.forge(peer, forgery)));
        forged.unwrap_or_default()
    }

    /// Has a secured place say goodbye to a peer; what leaves next begins another association.
    pub fn part(&mut self, at: SocketAddr, peer: SocketAddr) {
        either!(self, stage => stage.secure(at, |transport, now| transport.close(now, peer)));
    }
}
