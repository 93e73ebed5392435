//! Devices behind DTLS: an association with the server for each, under a key of its own.
//!
//! What devices say goes into records on its way to the socket, and out of them on its way back; the devices know nothing of
//! it. A device that says something and has no association begins a handshake first. Its association stays when it is packed,
//! in a table beside the fleet's, until one of both ends it or a handshake is asked for, which begins anew from nothing:
//! the library can resume none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_dtls::{Backend as _, Ended, Fate, Limits, Rtc, Session, Signal, records};
use twinproof_fleet::Roster;
use twinproof_kernel::Time;

use crate::keyring::Keyring;
use crate::measure::Outcome;

/// How long a handshake may take: a server in a storm is measured, and not given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much waits for the end of a handshake at most; what comes after that is lost, as on any link.
const WAITING: usize = 16;

/// The associations of all devices with one server.
pub(crate) struct Sessions {
    backend: Rtc,
    server: SocketAddr,
    /// Whether devices say goodbye before they begin anew.
    goodbye: bool,
    keyring: Keyring,
    roster: Roster,
    /// The number of the first device.
    before: u32,
    peers: Vec<Option<Box<Peer>>>,
    /// When handshakes want to be woken that go on.
    due: BTreeSet<(Time, u32)>,
    heard: VecDeque<(SocketAddr, Vec<u8>)>,
    shaken: VecDeque<Shaken>,
    counts: Sealed,
}

/// The association of a device.
struct Peer {
    session: Box<dyn Session>,
    shaking: Option<Box<Shaking>>,
}

/// A handshake that goes on.
#[derive(Default)]
struct Shaking {
    began: Time,
    /// Who asked for it; nobody if a device had something to say.
    calls: Vec<u64>,
    waiting: Vec<Vec<u8>>,
    due: Option<Time>,
}

/// A handshake that has come to its end.
#[derive(Debug)]
pub(crate) struct Shaken {
    /// Who asked for it.
    pub(crate) call: Option<u64>,
    pub(crate) began: Time,
    pub(crate) ended: Time,
    pub(crate) outcome: Outcome,
}

/// What went over associations.
#[derive(
    Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Sealed {
    /// Handshakes that led to an association, those before the first stage included.
    pub handshakes: u64,
    /// Handshakes that did not, by what they came to.
    pub failed: BTreeMap<String, u64>,
    /// Associations that the server ended, by how.
    pub ended: BTreeMap<String, u64>,
    /// Associations that there were at the end.
    pub open: u64,
    /// Records that devices sent, those of handshakes included.
    pub records_out: u64,
    /// Records that arrived.
    pub records_in: u64,
    /// Those of them that were not taken, by what they were: replayed, unauthentic, of another epoch, or ignored.
    pub left_out: BTreeMap<String, u64>,
}

impl Sealed {
    /// It and that of other devices.
    #[must_use]
    pub(crate) fn and(mut self, other: &Self) -> Self {
        let add = |sum: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>| {
            for (why, count) in more {
                *sum.entry(why.clone()).or_default() += count;
            }
        };
        add(&mut self.failed, &other.failed);
        add(&mut self.ended, &other.ended);
        add(&mut self.left_out, &other.left_out);
        self.handshakes += other.handshakes;
        self.open += other.open;
        self.records_out += other.records_out;
        self.records_in += other.records_in;
        self
    }
}

/// Where datagrams leave: from, octets. All are for the server.
pub(crate) type Leave<'l> = dyn FnMut(SocketAddr, &[u8]) + 'l;

impl Sessions {
    /// Associations of devices, of which the first has this number, with a server.
    ///
    /// # Errors
    ///
    /// When there are not enough keys, or the library cannot be set up.
    pub(crate) fn new(
        (server, goodbye): (SocketAddr, bool),
        keyring: Keyring,
        (roster, before): (Roster, u32),
    ) -> Result<Self, String> {
        keyring.check(before + roster.members())?;
        let limits = Limits {
            handshake: PATIENCE,
            ..Limits::default()
        };
        Ok(Self {
            backend: Rtc::limited(None, None, limits)?,
            server,
            goodbye,
            keyring,
            peers: (0..roster.members()).map(|_| None).collect(),
            roster,
            before,
            due: BTreeSet::new(),
            heard: VecDeque::new(),
            shaken: VecDeque::new(),
            counts: Sealed::default(),
        })
    }

    /// Whether what goes to somebody, and comes from there, goes over associations.
    pub(crate) fn is_with(&self, peer: SocketAddr) -> bool {
        peer == self.server
    }

    /// With whom they are.
    pub(crate) const fn server(&self) -> SocketAddr {
        self.server
    }

    /// What went over them.
    pub(crate) fn counts(&self) -> Sealed {
        let open =
            |peer: &&Option<Box<Peer>>| peer.as_ref().is_some_and(|peer| peer.shaking.is_none());
        Sealed {
            open: self.peers.iter().filter(open).count() as u64,
            ..self.counts.clone()
        }
    }

    /// What has arrived, and at which device.
    pub(crate) fn heard(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.heard.pop_front()
    }

    /// A handshake that has come to its end.
    pub(crate) fn shaken(&mut self) -> Option<Shaken> {
        self.shaken.pop_front()
    }

    /// A device says something.
    pub(crate) fn send(&mut self, now: Time, at: SocketAddr, bytes: &[u8], leave: &mut Leave<'_>) {
        let Some(member) = self.roster.member(at) else {
            return;
        };
        if self.peer(member).is_none() {
            self.begin(now, member, None);
        }
        let Some(peer) = self.peer(member) else {
            return;
        };
        match &mut peer.shaking {
            // The same message again has waited long enough to be sent again by who wants it sent.
            Some(shaking) => {
                let is_new = !shaking.waiting.iter().any(|other| other == bytes);
                if is_new && shaking.waiting.len() < WAITING {
                    shaking.waiting.push(bytes.to_vec());
                }
            }
            // What is too long for a record, or one too many, is lost as on any link.
            None => drop(peer.session.send(now, bytes)),
        }
        self.settle(member, (now, now), leave);
    }

    /// A device begins anew, whatever association it has.
    pub(crate) fn begin_anew(&mut self, now: Time, member: u32, call: u64, leave: &mut Leave<'_>) {
        if let Some(shaking) = self.peer(member).and_then(|peer| peer.shaking.as_mut()) {
            return shaking.calls.push(call);
        }
        if self.goodbye
            && let Some(peer) = self.peer(member)
        {
            peer.session.close(now);
            self.settle(member, (now, now), leave);
        }
        self.begin(now, member, Some(call));
        self.settle(member, (now, now), leave);
    }

    /// A datagram of the server's arrives at a device, at the time `stamp`.
    pub(crate) fn hear(
        &mut self,
        (now, stamp): (Time, Time),
        (at, bytes): (SocketAddr, &[u8]),
        leave: &mut Leave<'_>,
    ) {
        let Some(member) = self.roster.member(at) else {
            return;
        };
        let Some(peer) = self.peer(member) else {
            let count = records(bytes).0.len() as u64;
            self.counts.records_in += count;
            *self
                .counts
                .left_out
                .entry("ignored".to_owned())
                .or_default() += count;
            return;
        };
        peer.session.push(now, bytes);
        self.settle(member, (now, stamp), leave);
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Time, leave: &mut Leave<'_>) {
        while let Some((at, member)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, member));
            let Some(peer) = self.peer(member) else {
                continue;
            };
            if let Some(shaking) = &mut peer.shaking {
                shaking.due = None;
            }
            peer.session.wake(now);
            self.settle(member, (now, now), leave);
        }
    }

    /// Nothing is due before.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    fn peer(&mut self, member: u32) -> Option<&mut Peer> {
        self.peers.get_mut(member as usize)?.as_deref_mut()
    }

    fn begin(&mut self, now: Time, member: u32, call: Option<u64>) {
        let own = self.keyring.credentials(self.before + member);
        let own = own.ok_or_else(|| "there is no key for it".to_owned());
        match own.and_then(|own| self.backend.connect(now, &own)) {
            Ok(session) => {
                let shaking = Shaking {
                    began: now,
                    calls: call.into_iter().collect(),
                    ..Shaking::default()
                };
                let peer = Peer {
                    session,
                    shaking: Some(Box::new(shaking)),
                };
                if let Some(place) = self.peers.get_mut(member as usize) {
                    *place = Some(Box::new(peer));
                }
            }
            Err(why) => {
                *self.counts.failed.entry(why.clone()).or_default() += 1;
                self.shaken.push_back(Shaken {
                    call,
                    began: now,
                    ended: now,
                    outcome: Outcome::Impossible(why),
                });
            }
        }
    }

    /// Takes what an association has to say.
    fn settle(&mut self, member: u32, (now, stamp): (Time, Time), leave: &mut Leave<'_>) {
        let Some(at) = self.roster.address(member) else {
            return;
        };
        let place = self.peers.get_mut(member as usize);
        let Some(mut peer) = place.and_then(Option::take) else {
            return;
        };
        let mut is_over = false;
        while let Some(signal) = peer.session.pull() {
            match signal {
                Signal::Transmit(datagram) => {
                    self.counts.records_out += records(&datagram).0.len() as u64;
                    leave(at, &datagram);
                }
                Signal::Data(data) => self.heard.push_back((at, data)),
                Signal::Record(_, fate) => {
                    self.counts.records_in += 1;
                    if fate != Fate::Taken {
                        let place = self.counts.left_out.entry(fate.name().to_owned());
                        *place.or_default() += 1;
                    }
                }
                Signal::Established(_) => {
                    self.counts.handshakes += 1;
                    let Some(shaking) = peer.shaking.take() else {
                        continue;
                    };
                    self.forget(member, &shaking);
                    for data in &shaking.waiting {
                        drop(peer.session.send(now, data));
                    }
                    self.tell(&shaking, stamp, &Outcome::Answered);
                }
                Signal::Ended(Ended::Left) => is_over = true,
                Signal::Ended(how) => {
                    is_over = true;
                    let counts = match &peer.shaking {
                        Some(_) => &mut self.counts.failed,
                        None => &mut self.counts.ended,
                    };
                    *counts.entry(how.to_string()).or_default() += 1;
                    if let Some(shaking) = peer.shaking.take() {
                        self.forget(member, &shaking);
                        self.tell(&shaking, stamp, &outcome(&how));
                    }
                }
            }
        }
        if is_over {
            return;
        }
        let due = peer.session.next_deadline();
        if let Some(shaking) = &mut peer.shaking
            && shaking.due != due
        {
            let before = std::mem::replace(&mut shaking.due, due);
            before.map(|at| self.due.remove(&(at, member)));
            self.due.extend(due.map(|at| (at, member)));
        }
        if let Some(place) = self.peers.get_mut(member as usize) {
            *place = Some(peer);
        }
    }

    fn forget(&mut self, member: u32, shaking: &Shaking) {
        if let Some(at) = shaking.due {
            self.due.remove(&(at, member));
        }
    }

    fn tell(&mut self, shaking: &Shaking, ended: Time, outcome: &Outcome) {
        let own = shaking.calls.is_empty().then_some(None);
        for call in shaking.calls.iter().copied().map(Some).chain(own) {
            self.shaken.push_back(Shaken {
                call,
                began: shaking.began,
                ended,
                outcome: outcome.clone(),
            });
        }
    }
}

fn outcome(how: &Ended) -> Outcome {
    match how {
        Ended::Silent(_) => Outcome::Lost,
        how if how.is_ours() => Outcome::Impossible(how.to_string()),
        how => Outcome::Refused(how.to_string()),
    }
}
