//! Writes what happens on a stage to the ledger, secrets replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use twinproof_dtls::{ContentType, Ended, Fate, Header, Progress};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Body, Record, Scene, Turn, What, hex};
use twinproof_evidence::secrets::Secrets;
use twinproof_kernel::Time;
use twinproof_kernel::http::{BODY_LIMIT, Fault, Headers, Request, Response};

/// Finds the secrets of a protocol in a message's media type and body: kinds and values.
pub type FindSecrets = fn(media_type: &str, body: &[u8]) -> Vec<(&'static str, String)>;

/// Datagrams and who sent them.
type Sent = Vec<(String, Vec<u8>)>;

/// Writes the events of one scene. Clones write to the same scene.
#[derive(Clone)]
pub struct Recorder {
    ledger: Ledger,
    scene: Option<Scene>,
    secrets: Secrets,
    find_secrets: FindSecrets,
    exchanges: Arc<Mutex<u64>>,
    names: Arc<Mutex<BTreeMap<String, String>>>,
    answered: Arc<AtomicBool>,
    silent: bool,
    /// Something was done: a request was not refused.
    done: Arc<AtomicBool>,
    /// Requests to change something of which nobody knows whether they did.
    open: Arc<Mutex<BTreeSet<u64>>>,
    /// The datagrams that simulated parties sent: who, and what.
    sent: Arc<Mutex<Sent>>,
}

impl Recorder {
    /// A recorder for one scene.
    pub fn new(
        ledger: Ledger,
        scene: Option<Scene>,
        secrets: Secrets,
        find_secrets: FindSecrets,
    ) -> Self {
        let (exchanges, names) = (Arc::default(), Arc::default());
        Self {
            ledger,
            scene,
            secrets,
            find_secrets,
            exchanges,
            names,
            answered: Arc::default(),
            silent: false,
            done: Arc::default(),
            open: Arc::default(),
            sent: Arc::default(),
        }
    }

    /// A recorder that counts exchanges and writes nothing: for a search that performs what it finds
    /// again before one that writes.
    pub fn silent() -> Self {
        Self {
            silent: true,
            ..Self::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
                Vec::new()
            })
        }
    }

    /// Whether nothing is written.
    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// Whether requests were sent in this scene and none of them was answered.
    pub fn reached_nobody(&self) -> bool {
        let exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *exchanges > 0 && !self.answered.load(Ordering::Relaxed)
    }

    /// Whether nothing can have been done in this scene: each request was refused with a 4xx, or never
    /// reached anybody.
    pub fn nothing_done(&self) -> bool {
        !self.done.load(Ordering::Relaxed) && !self.leaves_open()
    }

    /// Whether a request to change something got no answer, at least so far: it may have been done, or
    /// may yet be.
    pub fn leaves_open(&self) -> bool {
        !self.open().is_empty()
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secrets that are known so far.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The scene that this writes to.
    pub(crate) fn scene(&self) -> Option<&Scene> {
        self.scene.as_ref()
    }

    /// Writes an event.
    pub fn write(&self, at: Time, what: What) {
        if self.silent {
            return;
        }
        self.ledger.write(Record {
            at: at.as_micros(),
            scene: self.scene.clone(),
            what,
        });
    }

    /// From now on `authority` stands under this name in the ledger.
    pub(crate) fn name_authority(&self, authority: &str, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(authority.to_owned(), name.to_owned());
    }

    /// Who stands in the ledger for `authority`.
    pub(crate) fn name_of(&self, authority: &str) -> String {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names
            .get(authority)
            .cloned()
            .unwrap_or_else(|| authority.to_owned())
    }

    /// Writes a request to whom its URL names and returns the number of the exchange.
    ///
    /// `length` is how many octets the body had on the wire.
    pub(crate) fn request(
        &self,
        at: Time,
        from: &str,
        to: Option<&str>,
        request: &Request,
        length: u64,
    ) -> u64 {
        let exchange = self.number();
        if to.is_none() && !["GET", "HEAD", "OPTIONS"].contains(&request.method.as_str()) {
            self.open().insert(exchange);
        }
        if self.silent {
            return exchange;
        }
        let (headers, body) = self.conceal(&request.headers, &request.body, length);
        self.write(
            at,
            What::Request {
                exchange,
                from: from.to_owned(),
                to: to.map_or_else(|| self.name_of(authority(&request.url)), str::to_owned),
                method: request.method.clone(),
                url: self.secrets.conceal(&request.url),
                headers,
                body,
            },
        );
        exchange
    }

    /// Writes a datagram; `answers` says whether the system under test sent it, and `secured` whether it came
    /// out of a secured association or went into one.
    pub(crate) fn datagram(
        &self,
        at: Time,
        (from, to): (&str, &str),
        bytes: &[u8],
        (answers, secured): (bool, bool),
    ) {
        self.done.store(true, Ordering::Relaxed);
        if answers {
            self.answered.store(true, Ordering::Relaxed);
        } else {
            self.sent().push((from.to_owned(), bytes.to_vec()));
        }
        let exchange = self.number();
        // What is no JSON is of a binary protocol, whose octets are judged as they are.
        let json = str::from_utf8(bytes)
            .ok()
            .filter(|text| text.starts_with('{'));
        let bytes = match json {
            Some(text) => Body {
                text: Some(self.secrets.conceal_json(text)),
                length: bytes.len() as u64,
                ..Body::default()
            },
            None => Body::new(bytes, bytes.len() as u64),
        };
        self.write(
            at,
            What::Datagram {
                exchange,
                from: self.name_of(from),
                to: self.name_of(to),
                secured,
                bytes,
            },
        );
    }

    /// Writes a datagram that nobody took, because it is no record where only those are.
    pub(crate) fn unsealed(&self, at: Time, (from, to): (&str, &str), bytes: &[u8]) {
        let exchange = self.number();
        self.write(
            at,
            What::Unsealed {
                exchange,
                from: self.name_of(from),
                to: self.name_of(to),
                bytes: Body::new(bytes, bytes.len() as u64),
            },
        );
    }

    /// Writes a record of a secured association, and what became of it where it came.
    pub(crate) fn sealed(
        &self,
        at: Time,
        (from, to): (&str, &str),
        header: Header,
        fate: Option<Fate>,
    ) {
        let exchange = self.number();
        self.write(
            at,
            What::Sealed {
                exchange,
                from: self.name_of(from),
                to: self.name_of(to),
                content: ContentType::new(header.content_type).to_string(),
                epoch: header.epoch,
                sequence: header.sequence,
                length: header.length,
                fate: fate.map(|fate| fate.name().to_owned()),
            },
        );
    }

    /// Writes a turn of a party's association with a peer.
    pub(crate) fn association(&self, at: Time, (party, peer): (&str, &str), progress: &Progress) {
        let turn = match progress {
            Progress::Begun { ours, attempt } => Turn::Begun {
                ours: *ours,
                attempt: *attempt,
            },
            Progress::Established(established) => Turn::Established {
                identity: established.peer.to_string(),
                suite: established.suite,
            },
            Progress::Ended { how, again } => Turn::Ended {
                how: how.name().to_owned(),
                words: how.to_string(),
                ours: how.is_ours(),
                alert: match how {
                    Ended::Refused(alert) => Some(alert.to_string()),
                    _ => None,
                },
                again: *again,
            },
        };
        self.turn(at, (party, peer), false, turn);
    }

    /// Writes a turn of a party's association with a peer, of a stream or of datagrams.
    pub(crate) fn turn(&self, at: Time, (party, peer): (&str, &str), stream: bool, turn: Turn) {
        let exchange = self.number();
        self.write(
            at,
            What::Association {
                exchange,
                party: self.name_of(party),
                peer: self.name_of(peer),
                stream,
                turn,
            },
        );
    }

    /// The datagrams that this simulated party sent in this scene, oldest first.
    pub(crate) fn sent_by(&self, party: &str) -> Vec<Vec<u8>> {
        let sent = self.sent();
        let own = sent.iter().filter(|(from, _)| from == party);
        own.map(|(_, bytes)| bytes.clone()).collect()
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what an upper tester did and returns its number.
    pub(crate) fn operated(
        &self,
        at: Time,
        operation: serde_json::Value,
        answer: serde_json::Value,
    ) -> u64 {
        let exchange = self.number();
        let concealed = |value: serde_json::Value| {
            let text = self.secrets.conceal_json(&value.to_string());
            serde_json::from_str(&text).unwrap_or_default()
        };
        self.write(
            at,
            What::Operated {
                exchange,
                operation: concealed(operation),
                answer: concealed(answer),
            },
        );
        exchange
    }

    /// How many exchanges and datagrams were written.
    pub(crate) fn numbered(&self) -> u64 {
        *self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> u64 {
        let mut exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *exchanges += 1;
        *exchanges
    }

    /// Writes how an exchange ended.
    pub(crate) fn outcome(&self, at: Time, exchange: u64, outcome: Result<&Response, &Fault>) {
        match outcome {
            Ok(response) => {
                self.open().remove(&exchange);
                if !(400..500).contains(&response.status) {
                    self.done.store(true, Ordering::Relaxed);
                }
            }
            Err(Fault::NotSent(_) | Fault::Unreachable(_)) => {
                self.open().remove(&exchange);
            }
            Err(Fault::Broken(_) | Fault::TimedOut) => {}
        }
        if self.silent {
            if outcome.is_ok() {
                self.answered.store(true, Ordering::Relaxed);
            }
            return;
        }
        let what = match outcome {
            Ok(response) => {
                self.answered.store(true, Ordering::Relaxed);
                let (headers, body) =
                    self.conceal(&response.headers, &response.body, response.length);
                What::Response {
                    exchange,
                    status: response.status,
                    headers,
                    body,
                }
            }
            Err(fault) => What::NoResponse {
                exchange,
                fault: fault.to_string(),
            },
        };
        self.write(at, what);
    }

    fn conceal(
        &self,
        headers: &Headers,
        body: &[u8],
        length: u64,
    ) -> (Vec<(String, String)>, Body) {
        let media_type = headers.first("Content-Type").unwrap_or_default();
        let long = length > BODY_LIMIT as u64 || body.len() > BODY_LIMIT;
        if !long {
            for (kind, secret) in (self.find_secrets)(media_type, body) {
                self.secrets.learn(kind, &secret);
            }
        }
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let concealed = match value.split_once(' ') {
                    Some((scheme, secret)) if name.eq_ignore_ascii_case("Authorization") => {
                        format!("{scheme} {}", self.secrets.learn("token", secret.trim()))
                    }
                    _ => self.secrets.conceal(value),
                };
                (name.to_owned(), concealed)
            })
            .collect();
        let body = match std::str::from_utf8(body) {
            _ if long => Body {
                length,
                sha256: Some(hex(&Sha256::digest(body))),
                ..Body::default()
            },
            Ok(text) => {
                let json = text.trim_start().starts_with(['{', '[']);
                let concealed = if json {
                    self.secrets.conceal_json(text)
                } else {
                    self.secrets.conceal(text)
                };
                Body {
                    text: Some(concealed),
                    length,
                    ..Body::default()
                }
            }
            Err(_) => {
                let (octets, concealed) = self.secrets.conceal_octets(body);
                Body {
                    concealed,
                    ..Body::new(&octets, length)
                }
            }
        };
        (headers, body)
    }
}

/// The authority of an absolute URL.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}
