//! An association before its handshake has come to its end.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider as _;
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;
use twinproof_kernel::Time;

use super::{Clock, Open, Step};
use crate::alert::Alert;
use crate::credentials::Identity;
use crate::doorkeeper::Doorkeeper;
use crate::keys::Secrets;
use crate::provider::{Provider, take_heard};
use crate::record::{ContentType, HEADER, RecordView, records};
use crate::session::{Ended, Established, Fate, Rejection, Signal};

/// How many records are kept that came before the keys did.
const EARLY: usize = 16;

/// How long a datagram is at most that a handshake is given: no flight of anybody's is longer.
const LONGEST: usize = 16_384;

/// The library knows peers by address; each of its endpoints here has but one.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

pub(super) struct Shaking {
    endpoint: Endpoint,
    provider: Arc<Provider>,
    clock: Clock,
    /// As a client, under which identity.
    client: Option<Identity>,
    doorkeeper: Option<Arc<dyn Doorkeeper>>,
    until: Time,
    secrets: Option<Secrets>,
    suite: u16,
    /// The last message that came, if any.
    last: Option<u8>,
    /// How far the peer has come: the numbers of the latest message and of its fragment. None after that has
    /// an epoch of its own.
    reached: Option<(u16, u16, u32)>,
    /// Whether anything new came since our last flight left for the first time.
    answered: bool,
    /// The next numbers of both epochs.
    next: [u64; 2],
    /// The datagrams of our last flight.
    flight: Vec<Vec<u8>>,
    early: Vec<Vec<u8>>,
    /// The alert that the library has made.
    alert: Option<Alert>,
    unknown_identity: Option<Vec<u8>>,
}

impl Shaking {
    pub(super) fn connect(
        (now, until): (Time, Time),
        clock: Clock,
        provider: Arc<Provider>,
        config: Arc<HandshakeConfig>,
        identity: Identity,
    ) -> Result<Self, String> {
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        let begun = endpoint.connect(clock.instant(now), PEER, config, None);
        begun.map_err(|e| format!("DTLS: {e}"))?;
        Ok(Self::new(until, clock, provider, endpoint, Some(identity)))
    }

    pub(super) fn accept(
        (_, until): (Time, Time),
        clock: Clock,
        provider: Arc<Provider>,
        config: Arc<HandshakeConfig>,
        doorkeeper: Option<Arc<dyn Doorkeeper>>,
    ) -> Self {
        let endpoint = Endpoint::new(PEER, TransportProtocol::UDP, Some(config));
        Self {
            doorkeeper,
            ..Self::new(until, clock, provider, endpoint, None)
        }
    }

    fn new(
        until: Time,
        clock: Clock,
        provider: Arc<Provider>,
        endpoint: Endpoint,
        client: Option<Identity>,
    ) -> Self {
        Self {
            endpoint,
            provider,
            clock,
            client,
            doorkeeper: None,
            until,
            secrets: None,
            suite: 0,
            last: None,
            reached: None,
            answered: false,
            next: [0; 2],
            flight: Vec::new(),
            early: Vec::new(),
            alert: None,
            unknown_identity: None,
        }
    }

    pub(super) fn next_deadline(&self) -> Time {
        let library = self.endpoint.poll_timeout(&PEER);
        let library = library.map(|instant| self.clock.time(instant));
        library.map_or(self.until, |time| time.min(self.until))
    }

    pub(super) fn wake(&mut self, now: Time, signals: &mut VecDeque<Signal>) -> Step {
        if now >= self.until {
            return Step::Ends(self.gave_up());
        }
        let awoken = self.endpoint.handle_timeout(PEER, self.clock.instant(now));
        // A flight that is repeated leaves open what it left open before.
        let answered = self.answered;
        self.transmit(signals);
        self.answered = answered;
        match awoken {
            // Who has heard nothing yet is not known to the library.
            Err(_) if self.last.is_some() => Step::Ends(self.gave_up()),
            Ok(()) | Err(_) => Step::Stays,
        }
    }

    /// The peer owes an answer, or we owe the next flight: that is what tells silence from our own fault.
    fn gave_up(&self) -> Ended {
        match self.answered {
            true => Ended::Stuck,
            false => Ended::Silent(self.last),
        }
    }

    pub(super) fn push(
        &mut self,
        now: Time,
        datagram: &[u8],
        signals: &mut VecDeque<Signal>,
    ) -> Step {
        let mut flight = BytesMut::new();
        for record in records(&datagram[..datagram.len().min(LONGEST)]).0 {
            let fate = match self.sort(record) {
                Sorted::ToLibrary => {
                    flight.extend_from_slice(record.octets());
                    Fate::Taken
                }
                Sorted::Kept => Fate::Taken,
                Sorted::LeftOut => Fate::Ignored,
                Sorted::Alert(alert) => {
                    signals.push_back(Signal::Record(record.header(), Fate::Taken));
                    if alert.fatal {
                        return Step::Ends(Ended::Refused(alert));
                    }
                    if alert == Alert::CLOSE_NOTIFY {
                        return Step::Ends(Ended::Closed);
                    }
                    continue;
                }
            };
            signals.push_back(Signal::Record(record.header(), fate));
        }
        if flight.is_empty() {
            return Step::Stays;
        }
        drop(take_heard());
        let read = self
            .endpoint
            .read(self.clock.instant(now), PEER, None, flight);
        let heard = take_heard();
        self.secrets = heard.secrets.or(self.secrets.take());
        self.unknown_identity = heard.unknown_identity;
        self.transmit(signals);
        match read {
            Ok(events) => {
                let complete =
                    |event: &EndpointEvent| matches!(event, EndpointEvent::HandshakeComplete);
                match events.iter().any(complete) {
                    true => self.complete(signals),
                    false => Step::Stays,
                }
            }
            Err(error) => Step::Ends(self.failed(error.to_string())),
        }
    }

    /// What is to become of a record.
    fn sort(&mut self, record: RecordView<'_>) -> Sorted {
        match (record.content_type(), record.epoch()) {
            (ContentType::Handshake, epoch) => {
                if self.reached < place(record) {
                    self.reached = place(record);
                    self.last = record.handshake_type().map(|message| message.0);
                    self.answered = true;
                }
                self.suite = record.chosen_suite().unwrap_or(self.suite);
                if epoch > 0 && self.early.len() < EARLY {
                    self.early.push(record.octets().to_vec());
                }
                Sorted::ToLibrary
            }
            (ContentType::ChangeCipherSpec, _) => Sorted::ToLibrary,
            (ContentType::Alert, 0) => {
                Alert::parse(record.body()).map_or(Sorted::LeftOut, Sorted::Alert)
            }
            (ContentType::Alert | ContentType::ApplicationData, 1..)
                if self.early.len() < EARLY =>
            {
                self.early.push(record.octets().to_vec());
                Sorted::Kept
            }
            _ => Sorted::LeftOut,
        }
    }

    /// Lets leave what the library wants to leave, with alerts that say what they should.
    pub(super) fn transmit(&mut self, signals: &mut VecDeque<Signal>) {
        let mut flight = Vec::new();
        while let Some(message) = self.endpoint.poll_transmit() {
            let mut datagram = message.message.to_vec();
            let mut at = 0;
            while let Some((record, rest)) = RecordView::first(&datagram[at..]) {
                let ends = datagram.len() - rest.len();
                let next = &mut self.next[usize::from(record.epoch().min(1))];
                *next = (*next).max(record.sequence() + 1);
                self.suite = record.chosen_suite().unwrap_or(self.suite);
                // Under keys there is more to one, which is none of the handshake's.
                let alert = match record.content_type() {
                    ContentType::Alert => Alert::parse(record.body()),
                    _ => None,
                };
                if let Some(alert) = alert {
                    let alert = self.meant(alert);
                    self.alert = Some(alert);
                    datagram[at + HEADER..][..2].copy_from_slice(&alert.octets());
                }
                at = ends;
            }
            flight.push(datagram);
        }
        if !flight.is_empty() {
            self.answered = false;
            signals.extend(flight.iter().cloned().map(Signal::Transmit));
            self.flight = flight;
        }
    }

    /// The library calls an unknown identity an internal error, and a Finished that it cannot open an unknown
    /// identity. RFC 4279 §2 and RFC 5246 §7.2.2 have other words.
    fn meant(&self, alert: Alert) -> Alert {
        match alert {
            _ if self.unknown_identity.is_some() => Alert::UNKNOWN_PSK_IDENTITY,
            Alert::UNKNOWN_PSK_IDENTITY => Alert::DECRYPT_ERROR,
            other => other,
        }
    }

    fn failed(&mut self, why: String) -> Ended {
        match (self.unknown_identity.take(), self.alert.take()) {
            (Some(identity), _) => Ended::Rejected(Rejection::UnknownIdentity(identity)),
            (None, Some(Alert::DECRYPT_ERROR)) => Ended::Rejected(Rejection::WrongKey),
            (None, Some(alert)) => Ended::Rejected(Rejection::Alert(alert, why)),
            (None, None) => Ended::Broken(why),
        }
    }

    fn complete(&mut self, signals: &mut VecDeque<Signal>) -> Step {
        let Some(secrets) = self.secrets.take() else {
            return Step::Ends(Ended::Broken("no keys were made".to_owned()));
        };
        let keys = match secrets.keys(self.provider.crypto(), self.client.is_some()) {
            Ok(keys) => keys,
            Err(error) => return Step::Ends(Ended::Broken(error.to_string())),
        };
        let peer = self.peer();
        signals.push_back(Signal::Established(Established {
            peer: peer.clone(),
            suite: self.suite,
            key_log: secrets.key_log(),
        }));
        // Whoever sent the last flight sends it again when it is asked for; that is the server.
        let last = match self.client {
            Some(_) => &[][..],
            None => &self.flight,
        };
        let early = std::mem::take(&mut self.early);
        let open = Open::new(keys, peer, self.next, last, early);
        Step::Opens(Box::new(open.kept_by(self.doorkeeper.take())))
    }

    fn peer(&self) -> Identity {
        let Some(state) = self.endpoint.get_connection_state(PEER) else {
            return Identity::Anonymous;
        };
        match (state.peer_certificates.first(), &self.client) {
            (Some(certificate), _) => Identity::Certificate(certificate.clone()),
            // A server shows that it has the same key; what it hints at is nobody's name.
            (None, Some(identity)) => identity.clone(),
            (None, None) if self.suite == PSK => Identity::Psk(state.identity_hint.clone()),
            (None, None) => Identity::Anonymous,
        }
    }
}

/// `TLS_PSK_WITH_AES_128_CCM_8`.
const PSK: u16 = 0xc0a8;

/// Where in the handshake a record belongs: epoch, message and offset.
fn place(record: RecordView<'_>) -> Option<(u16, u16, u32)> {
    if record.epoch() > 0 {
        return Some((record.epoch(), 0, 0));
    }
    let [_, _, _, _, a, b, c, d, e, ..] = *record.body() else {
        return None;
    };
    let offset = u32::from_be_bytes([0, c, d, e]);
    Some((0, u16::from_be_bytes([a, b]), offset))
}

enum Sorted {
    ToLibrary,
    Kept,
    LeftOut,
    Alert(Alert),
}
