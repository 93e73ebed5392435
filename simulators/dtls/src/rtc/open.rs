//! An association after its handshake.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::alert::Alert;
use crate::credentials::Identity;
use crate::doorkeeper::{Doorkeeper, RecordFacts};
use crate::keys::{Keys, Window};
use crate::record::{ContentType, HEADER, HandshakeType, Header, RecordView, records};
use crate::session::{Ended, Fate, Forgery, Signal};

/// The epoch of the first keys. There are no others: nobody renegotiates.
const EPOCH: u16 = 1;

/// How often a flight that the peer did not get is sent again.
const REPEATS: u8 = 8;

pub(super) struct Open {
    keys: Keys,
    peer: Identity,
    window: Window,
    /// The next numbers of both epochs.
    next: [u64; 2],
    /// What is sent again when the peer repeats its own last flight: types, epochs and plaintext.
    last_flight: Vec<(ContentType, u16, Vec<u8>)>,
    repeats: u8,
    /// Records that came before the keys did.
    early: Vec<Vec<u8>>,
    doorkeeper: Option<Arc<dyn Doorkeeper>>,
}

impl Open {
    /// `sent` is our last flight if the peer may need it again, and `next` the number of each epoch's next record.
    pub(super) fn new(
        mut keys: Keys,
        peer: Identity,
        next: [u64; 2],
        sent: &[Vec<u8>],
        early: Vec<Vec<u8>>,
    ) -> Self {
        let sent = sent.iter().flat_map(|datagram| records(datagram).0);
        let last_flight = sent.filter_map(|record| {
            let plain = match record.epoch() {
                0 => Some(record.body().to_vec()),
                _ => keys.open_own(record),
            };
            Some((record.content_type(), record.epoch(), plain?))
        });
        let last_flight = last_flight.collect();
        Self {
            keys,
            peer,
            window: Window::default(),
            next,
            last_flight,
            repeats: 0,
            early,
            doorkeeper: None,
        }
    }

    /// Lets this decide which records are taken.
    pub(super) fn kept_by(self, doorkeeper: Option<Arc<dyn Doorkeeper>>) -> Self {
        Self { doorkeeper, ..self }
    }

    pub(super) fn peer(&self) -> &Identity {
        &self.peer
    }

    /// Takes what came before the keys did.
    pub(super) fn catch_up(&mut self, signals: &mut VecDeque<Signal>) -> Option<Ended> {
        for record in std::mem::take(&mut self.early) {
            let (record, _) = RecordView::first(&record)?;
            if record.content_type() == ContentType::Handshake {
                // The library has taken it; only its number matters here.
                if self.keys.open(record).is_some() {
                    self.window.mark(record.sequence());
                }
                continue;
            }
            let ended = self.take(record, signals);
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    pub(super) fn push(
        &mut self,
        datagram: &[u8],
        signals: &mut VecDeque<Signal>,
    ) -> Option<Ended> {
        records(datagram)
            .0
            .into_iter()
            .find_map(|record| self.take(record, signals))
    }

    /// What a record with data holds that is taken only because the doorkeeper wants it so.
    fn let_pass(&mut self, record: RecordView<'_>) -> Option<Vec<u8>> {
        let doorkeeper = self.doorkeeper.clone()?;
        if record.content_type() != ContentType::ApplicationData {
            return None;
        }
        let protected = record.epoch() == EPOCH;
        let opened = self.keys.open(record).filter(|_| protected);
        let facts = RecordFacts {
            authentic: opened.is_some(),
            came_before: protected && !self.window.is_new(record.sequence()),
            protected,
        };
        if facts.authentic && !facts.came_before || !doorkeeper.takes(facts) {
            return None;
        }
        match (opened, protected) {
            (Some(plain), _) => Some(plain),
            (None, true) => self.keys.open_unverified(record),
            (None, false) => Some(record.body().to_vec()),
        }
    }

    fn take(&mut self, record: RecordView<'_>, signals: &mut VecDeque<Signal>) -> Option<Ended> {
        if let Some(plain) = self.let_pass(record) {
            signals.push_back(Signal::Record(record.header(), Fate::Taken));
            signals.push_back(Signal::Data(plain));
            return None;
        }
        let mut say = |fate| signals.push_back(Signal::Record(record.header(), fate));
        if record.epoch() != EPOCH {
            // A repeated flight begins in the old epoch; what it asks for follows from its end.
            say(Fate::OfAnotherEpoch);
            return None;
        }
        if !self.window.is_new(record.sequence()) {
            say(Fate::Replayed);
            return None;
        }
        let Some(plain) = self.keys.open(record) else {
            say(Fate::Unauthentic);
            return None;
        };
        self.window.mark(record.sequence());
        say(Fate::Taken);
        match record.content_type() {
            ContentType::ApplicationData => signals.push_back(Signal::Data(plain)),
            ContentType::Alert => match Alert::parse(&plain) {
                Some(alert) if alert.fatal => return Some(Ended::Refused(alert)),
                Some(Alert::CLOSE_NOTIFY) => {
                    self.say_goodbye(signals);
                    return Some(Ended::Closed);
                }
                Some(_) | None => {}
            },
            ContentType::Handshake => {
                let repeated = plain.first() == Some(&HandshakeType::FINISHED.0);
                if repeated && self.repeats < REPEATS && !self.last_flight.is_empty() {
                    self.repeats += 1;
                    self.repeat_last_flight(signals);
                }
            }
            ContentType::ChangeCipherSpec | ContentType::Other(_) => {}
        }
        None
    }

    fn repeat_last_flight(&mut self, signals: &mut VecDeque<Signal>) {
        let flight = std::mem::take(&mut self.last_flight);
        let datagram: Vec<u8> = flight
            .iter()
            .filter_map(|(content_type, epoch, plain)| self.record(*content_type, *epoch, plain))
            .flatten()
            .collect();
        self.last_flight = flight;
        signals.push_back(Signal::Transmit(datagram));
    }

    /// Makes a record with the next number of its epoch.
    fn record(&mut self, content_type: ContentType, epoch: u16, plain: &[u8]) -> Option<Vec<u8>> {
        let number = self.next.get_mut(usize::from(epoch))?;
        let sequence = *number;
        *number += 1;
        match epoch {
            0 => in_the_clear(content_type.number(), sequence, plain),
            _ => self
                .keys
                .seal(content_type.number(), (epoch, sequence), plain, None),
        }
    }

    pub(super) fn send(
        &mut self,
        data: &[u8],
        signals: &mut VecDeque<Signal>,
    ) -> Result<(), String> {
        // RFC 6347 §4.1: 2^14 octets at most.
        if data.len() > 1 << 14 {
            return Err(format!(
                "expected at most 16384 octets for one record, got {}",
                data.len()
            ));
        }
        match self.record(ContentType::ApplicationData, EPOCH, data) {
            Some(record) => signals.push_back(Signal::Transmit(record)),
            None => return Err("all numbers of the epoch have been used".to_owned()),
        }
        Ok(())
    }

    pub(super) fn say_goodbye(&mut self, signals: &mut VecDeque<Signal>) {
        let octets = Alert::CLOSE_NOTIFY.octets();
        if let Some(record) = self.record(ContentType::Alert, EPOCH, &octets) {
            signals.push_back(Signal::Transmit(record));
        }
    }

    pub(super) fn forge(&mut self, forgery: &Forgery) -> Option<Vec<u8>> {
        let Forgery {
            content_type,
            epoch,
            sequence,
            plain,
        } = forgery;
        match (*epoch, *sequence) {
            (epoch, None) => self.record(ContentType::new(*content_type), epoch, plain),
            (0, Some(sequence)) => in_the_clear(*content_type, sequence, plain),
            (epoch, Some(sequence)) => {
                // No nonce is used twice, even where a number is: the number is not all there is to it.
                let explicit = (!self.next[1]).to_be_bytes();
                self.next[1] += 1;
                let number = (epoch, sequence);
                self.keys.seal(*content_type, number, plain, Some(explicit))
            }
        }
    }
}

fn in_the_clear(content_type: u8, sequence: u64, plain: &[u8]) -> Option<Vec<u8>> {
    let head = Header {
        content_type,
        epoch: 0,
        sequence,
        length: u16::try_from(plain.len()).ok()?,
    };
    let mut record = Vec::with_capacity(HEADER + plain.len());
    record.extend_from_slice(&head.octets());
    record.extend_from_slice(plain);
    Some(record)
}
