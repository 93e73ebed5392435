//! Places whose datagrams go over secured associations.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use twinproof_dtls::{
    Credentials, Ended, Event, Guests, Identity, Limits, Progress, Rtc, Transport,
};
use twinproof_kernel::{Seed, Time, Way};

use crate::recorder::Recorder;

/// How a place is secured.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Whom it lets in; nobody if none, and then it can only go to others.
    pub guests: Option<Guests>,
    /// The address that others know it by; a free one if none. The virtual stage has addresses of its own, and
    /// only follows it in that a free port of an address is one of that address.
    pub at: Option<SocketAddr>,
    /// What it allows itself and others; what the stage allows, if none.
    pub limits: Option<Limits>,
    /// Where the secrets of its associations are written down; where those of the stage are, if none.
    pub key_log: Option<KeyLog>,
}

/// A file in the format that NSS gave key logs, as Wireshark reads it. Whoever has it can read everything.
#[derive(Clone, Debug)]
pub struct KeyLog {
    written: Arc<Mutex<(File, BTreeSet<String>)>>,
}

impl KeyLog {
    /// Opens the file, and writes behind what is in it.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            written: Arc::new(Mutex::new((file, BTreeSet::new()))),
        })
    }

    fn write(&self, line: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, lines) = &mut *written;
        // Both ends of an association may write here.
        if lines.insert(line.to_owned()) {
            // Whoever looks over our shoulder sees less; what is tested is the same.
            drop(writeln!(file, "{line}"));
        }
    }
}

/// What became of the last handshake with a peer.
pub(crate) type Outcome = Result<Identity, Ended>;

/// A transport and whose place it stands behind.
pub(crate) struct Secured {
    pub(crate) name: String,
    transport: Transport,
    key_log: Option<KeyLog>,
    outcomes: BTreeMap<SocketAddr, Outcome>,
    /// With whom it speaks in the clear.
    clear: BTreeSet<SocketAddr>,
    /// Which alarm is the latest.
    pub(crate) alarm: u64,
}

/// What a stage has to do for a transport.
pub(crate) enum Chore {
    /// Say who is there, or that nobody is any more.
    Associated {
        peer: SocketAddr,
        identity: Option<Vec<u8>>,
    },
    /// Let this datagram leave, from the port that the peer knows.
    Transmit { to: SocketAddr, datagram: Vec<u8> },
    /// Give the data to whose place it is.
    Received { from: SocketAddr, data: Vec<u8> },
    /// Find a fresh port for what goes to this peer, and then begin anew.
    Renew { peer: SocketAddr },
}

impl Secured {
    /// Random numbers follow from the seed, if there is one.
    pub(crate) fn new(name: &str, security: Security, seed: Option<Seed>) -> Result<Self, String> {
        let limits = security.limits.unwrap_or_default();
        let backend = Rtc::limited(security.guests, seed, limits);
        Ok(Self {
            name: name.to_owned(),
            transport: Transport::new(Arc::new(backend?), limits),
            key_log: security.key_log,
            outcomes: BTreeMap::new(),
            clear: BTreeSet::new(),
            alarm: 0,
        })
    }

    pub(crate) fn transport(&mut self) -> &mut Transport {
        &mut self.transport
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.transport.next_deadline()
    }

    /// Whether what goes to this peer, and comes from it, goes over an association.
    pub(crate) fn seals_for(&self, peer: SocketAddr) -> bool {
        !self.clear.contains(&peer)
    }

    /// Meets a peer with these credentials from now on, or in the clear. An association that was begun with
    /// others is at its end.
    pub(crate) fn trust(&mut self, now: Time, peer: SocketAddr, own: Option<Credentials>) {
        let known = self.transport.introduced(peer);
        if known.is_some() && known != own.as_ref() {
            self.transport.close(now, peer);
        }
        match own {
            Some(own) => {
                self.clear.remove(&peer);
                self.transport.introduce(peer, own);
            }
            None => {
                self.clear.insert(peer);
            }
        }
    }

    /// What became of the last handshake with anybody, if one has come to an end.
    pub(crate) fn any_outcome(&self) -> Option<&Outcome> {
        self.outcomes.values().next()
    }

    /// What became of the last handshake with this peer, if it has come to an end.
    pub(crate) fn outcome(&self, peer: SocketAddr) -> Option<&Outcome> {
        self.outcomes.get(&peer)
    }

    /// Takes what the transport has to say. It is recorded where there is a recorder, under the names that
    /// peers have.
    pub(crate) fn chores(
        &mut self,
        now: Time,
        recorder: Option<&Recorder>,
        name_of: impl Fn(SocketAddr) -> String,
    ) -> Vec<Chore> {
        let mut chores = Vec::new();
        while let Some(event) = self.transport.poll() {
            match event {
                Event::Transmit { to, datagram } => chores.push(Chore::Transmit { to, datagram }),
                Event::Received { from, data } => chores.push(Chore::Received { from, data }),
                Event::Renew { peer } => chores.push(Chore::Renew { peer }),
                Event::Association { peer, progress } => {
                    match &progress {
                        Progress::Established(established) => chores.push(Chore::Associated {
                            peer,
                            identity: Some(octets(&established.peer)),
                        }),
                        Progress::Begun { .. }
                        | Progress::Ended {
                            how: Ended::Superseded,
                            ..
                        } => {}
                        Progress::Ended { .. } => chores.push(Chore::Associated {
                            peer,
                            identity: None,
                        }),
                    }
                    if let Some(recorder) = recorder {
                        let parties = (self.name.as_str(), &*name_of(peer));
                        recorder.association(now, parties, &progress);
                    }
                    self.turn(peer, progress);
                }
                Event::Record {
                    way,
                    peer,
                    header,
                    fate,
                } => {
                    if let Some(recorder) = recorder {
                        let (own, peer) = (self.name.as_str(), name_of(peer));
                        let parties = match way {
                            Way::Out => (own, &*peer),
                            Way::In => (&*peer, own),
                        };
                        recorder.sealed(now, parties, header, fate);
                    }
                }
                Event::Foreign { from, datagram } => {
                    if let Some(recorder) = recorder {
                        let parties = (&*name_of(from), self.name.as_str());
                        recorder.unsealed(now, parties, &datagram);
                    }
                }
                // The turn that it follows from is recorded; the party waits for an answer as on any link.
                Event::Unsent { .. } => {}
            }
        }
        chores
    }

    fn turn(&mut self, peer: SocketAddr, progress: Progress) {
        match progress {
            Progress::Begun { .. } | Progress::Ended { again: true, .. } => {
                self.outcomes.remove(&peer);
            }
            Progress::Established(established) => {
                if let Some(key_log) = &self.key_log {
                    key_log.write(&established.key_log);
                }
                self.outcomes.insert(peer, Ok(established.peer));
            }
            // Somebody who began anew has another by now.
            Progress::Ended {
                how: Ended::Superseded,
                ..
            } => {}
            Progress::Ended { how, again: false } => {
                self.outcomes.insert(peer, Err(how));
            }
        }
    }
}

/// What a peer has shown.
fn octets(identity: &Identity) -> Vec<u8> {
    match identity {
        Identity::Psk(octets) | Identity::Certificate(octets) => octets.clone(),
        Identity::Anonymous => Vec::new(),
    }
}
