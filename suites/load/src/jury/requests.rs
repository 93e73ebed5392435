//! The requests of a device that are remembered: an answer is matched in no more time where many are.

use std::collections::{BTreeMap, HashMap, VecDeque};

use twinproof_kernel::Time;

use super::{EXCHANGE_LIFETIME, REMEMBERED};

/// What a device asked, in the order in which it did.
#[derive(Debug, Default)]
pub(super) struct Requests {
    kept: VecDeque<Request>,
    /// How many were forgotten before those.
    forgotten: u64,
    /// Which request of all is the newest with a message id.
    newest: HashMap<u16, u64>,
    /// Which is the newest with a token.
    by_token: HashMap<Vec<u8>, u64>,
    /// Which registrations are not answered and may still be, and when they began.
    registering: BTreeMap<u64, Time>,
    /// All before this one are answered, or forgotten.
    open: u64,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: u16,
    pub(super) token: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    pub(super) at: Time,
    /// It was sent once more, so that nobody knows which of both is answered.
    pub(super) is_repeated: bool,
    /// A registration was under way while it was, so that nobody knows which of both came first.
    pub(super) is_crossed: bool,
    is_answered: bool,
    /// Which request of all was the newest with the same message id before it.
    before: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Other,
    Register,
    Send,
    Update,
}

impl Request {
    pub(super) fn new((id, token): (u16, &[u8]), kind: Kind, bytes: &[u8], at: Time) -> Self {
        Self {
            id,
            token: token.to_vec(),
            kind,
            bytes: bytes.to_vec(),
            at,
            is_repeated: false,
            is_crossed: false,
            is_answered: false,
            before: None,
        }
    }

    pub(super) const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether it is a registration.
    fn registers(&self) -> bool {
        self.kind == Kind::Register
    }
}

impl Requests {
    /// Adds the newest, and forgets the oldest if there are too many.
    pub(super) fn push(&mut self, request: Request) {
        let is_crossed = self.is_registering();
        if self.kept.len() == REMEMBERED
            && let Some(oldest) = self.kept.pop_front()
        {
            self.registering.remove(&self.forgotten);
            if self.by_token.get(&oldest.token) == Some(&self.forgotten) {
                self.by_token.remove(&oldest.token);
            }
            if self.newest.get(&oldest.id) == Some(&self.forgotten) {
                self.newest.remove(&oldest.id);
            }
            self.forgotten += 1;
        }
        let number = self.forgotten + self.kept.len() as u64;
        if request.registers() {
            self.registering.insert(number, request.at);
        }
        self.by_token.insert(request.token.clone(), number);
        let before = self.newest.insert(request.id, number);
        self.kept.push_back(Request {
            before,
            is_crossed,
            ..request
        });
    }

    /// Whether some were forgotten.
    pub(super) const fn forgot(&self) -> bool {
        self.forgotten > 0
    }

    pub(super) fn get(&self, place: usize) -> Option<&Request> {
        self.kept.get(place)
    }

    pub(super) fn newest_mut(&mut self) -> Option<&mut Request> {
        self.kept.back_mut()
    }

    /// All, from the oldest on.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Request> + ExactSizeIterator {
        self.kept.iter()
    }

    /// The places of those with a message id, from the newest on.
    pub(super) fn with_id(&self, id: u16) -> impl Iterator<Item = usize> {
        let place = |number: &u64| {
            number
                .checked_sub(self.forgotten)
                .map(|place| place as usize)
        };
        let newest = self.newest.get(&id).and_then(place);
        std::iter::successors(newest, move |at| {
            self.kept.get(*at)?.before.as_ref().and_then(place)
        })
    }

    /// Whether a registration is under way, or was and nobody knows what became of it.
    pub(super) fn is_registering(&self) -> bool {
        !self.registering.is_empty()
    }

    /// Gives those registrations up that nobody can answer any more, nor any copy of them reach anybody (RFC 7252 §4.8.2).
    /// Says whether there was one: what became of it will never be known.
    pub(super) fn settle(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(first) = self.registering.first_entry()
            && now.since(*first.get()) >= EXCHANGE_LIFETIME
        {
            let number = first.remove_entry().0;
            any = true;
            let place = number.checked_sub(self.forgotten);
            let request = place.and_then(|place| self.kept.get_mut(place as usize));
            if let Some(request) = request {
                // Should it be answered all the same, it was not in its turn.
                request.is_crossed = true;
            }
        }
        any
    }

    /// The place of the newest with a token.
    pub(super) fn with_token(&self, token: &[u8]) -> Option<usize> {
        let number = self.by_token.get(token)?;
        number
            .checked_sub(self.forgotten)
            .map(|place| place as usize)
    }

    /// One is answered.
    pub(super) fn answer(&mut self, place: usize) {
        if let Some(request) = self.kept.get_mut(place) {
            self.registering.remove(&(self.forgotten + place as u64));
            request.is_answered = true;
        }
    }

    /// One was sent once more.
    pub(super) fn repeat(&mut self, place: usize) {
        if let Some(request) = self.kept.get_mut(place) {
            request.is_repeated = true;
        }
    }

    /// A registration begins while those are under way that are not answered.
    pub(super) fn cross(&mut self) {
        let first = self.open.saturating_sub(self.forgotten) as usize;
        let mut is_first = true;
        for (place, request) in self.kept.iter_mut().enumerate().skip(first) {
            if !request.is_answered {
                request.is_crossed = true;
                if std::mem::take(&mut is_first) {
                    self.open = self.forgotten + place as u64;
                }
            }
        }
        if is_first {
            self.open = self.forgotten + self.kept.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, found by looking at all.
    fn places(requests: &Requests, id: u16) -> Vec<usize> {
        let all = requests.iter().enumerate().rev();
        let same = all.filter(|(_, request)| request.id == id);
        same.map(|(place, _)| place).collect()
    }

    #[test]
    fn what_is_found_is_what_anybody_would_find_who_looks_at_all() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut requests = Requests::default();
        for number in 0..3 * REMEMBERED {
            // To look at all each time would take minutes.
            let looks = number.is_multiple_of(97);
            let kind = match looks || random.u8(..8) == 0 {
                true => Kind::Register,
                false => Kind::Update,
            };
            if kind == Kind::Register {
                requests.cross();
            }
            if looks {
                let mut all = requests.iter();
                assert!(all.all(|request| request.is_answered() || request.is_crossed));
            }
            let id = random.u16(..900);
            let token = random.u16(..9_000).to_be_bytes();
            let at = Time::from_micros(number as u64);
            requests.push(Request::new((id, &token), kind, b"", at));
            // Most are answered sooner or later, some never.
            if random.u8(..8) > 0 {
                let place = requests.iter().len().saturating_sub(random.usize(1..20));
                requests.answer(place);
            }
            if looks {
                let open =
                    |request: &Request| request.kind == Kind::Register && !request.is_answered();
                assert_eq!(requests.is_registering(), requests.iter().any(open));
                let found: Vec<usize> = requests.with_id(id).collect();
                assert_eq!(found, places(&requests, id));
                let other = random.u16(..9_000).to_be_bytes();
                for token in [token, other] {
                    let mut all = requests.iter();
                    let last = all.rposition(|request| request.token == token);
                    assert_eq!(requests.with_token(&token), last);
                }
            }
        }
        assert!(requests.forgot());
        assert_eq!(requests.iter().len(), REMEMBERED);
    }
}
