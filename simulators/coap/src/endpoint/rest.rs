//! An endpoint with one peer at rest, in few octets.

use std::collections::VecDeque;
use std::time::Duration;

use twinproof_kernel::{Seed, Time};

use super::client::draw_token;
use super::server::Observation;
use super::transmission::{Peer, RUN, RUNS, Seen, Stage, first_id, first_wait, run_of};
use super::{Address, Endpoint, Expiries};
use crate::message::{Extra, Message};
use crate::{Code, ContentFormat, Parameters, Token, Type, Writer, option};

/// How many requests that came are remembered of an endpoint at rest, at most.
const REMEMBERED: usize = 4;

/// What is known of the only peer of an endpoint that has nothing under way, and from where its random choices go on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Resting {
    /// When a message id was last taken.
    pub touched: Time,
    /// The state of the random choices.
    pub random: u64,
    /// The first message id.
    pub first_id: u16,
    /// How many message ids were taken; none of a peer that is not known.
    pub issued: u32,
}

/// When the runs of message ids were used up of which a peer has taken whole ones: before an exchange lifetime has gone by
/// after that, none of them is taken again (RFC 7252 §4.4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsedUp(pub(super) Box<[Time; RUNS]>);

impl UsedUp {
    /// None used up, in memory of its own.
    pub fn none() -> Self {
        Self(Box::new([Time::ZERO; RUNS]))
    }

    /// This many message ids have been taken, the last of them at `now`.
    pub fn note(&mut self, issued: u32, now: Time) {
        if let Some(last) = issued.checked_sub(1) {
            self.0[run_of(last.into())] = now;
        }
    }
}

/// What is known of the only observation of an endpoint at rest, and of the requests that have come to it of late.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    token: Token,
    key: u64,
    sequence: u32,
    size: usize,
    confirmed: Time,
    /// When the first of what was asked has outlived its time; it is here so that nobody looks further before.
    outlived: Time,
    /// What was asked, oldest first.
    seen: Vec<Answered>,
}

/// A confirmable request that was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Answered {
    message_id: u16,
    expires: Time,
    reply: Box<[u8]>,
}

impl Heard {
    /// With which token the peer observes.
    pub const fn token(&self) -> Token {
        self.token
    }

    /// Writes the next notification as a confirmable message, as [`Endpoint::notify`] would. None where it does not fit into
    /// one message.
    pub fn write(&self, message: &Message, message_id: u16, into: &mut Vec<u8>) -> Option<()> {
        if !message.code().is_success() || message.body().len() > self.size {
            return None;
        }
        let head = (Type::Con, message_id, self.token.as_bytes());
        let extras = [Extra::uint(option::OBSERVE, self.next())];
        let written = message.write(into, head, &extras, |_| true, message.body());
        written.is_ok().then_some(())
    }

    /// The same of a notification that has nothing but this format and this payload.
    pub fn write_value(
        &self,
        (format, payload): (ContentFormat, &[u8]),
        message_id: u16,
        into: &mut Vec<u8>,
    ) -> Option<()> {
        if payload.len() > self.size {
            return None;
        }
        let token = self.token.as_bytes();
        let written = Writer::new(into, Type::Con, Code::CONTENT, message_id, token)
            .uint(option::OBSERVE, self.next())
            .content_format(format)
            .payload(payload);
        written.is_ok().then_some(())
    }

    /// The peer has the notification that went out at `now`.
    pub const fn notified(&mut self, now: Time) {
        self.sequence = self.next();
        self.confirmed = now;
    }

    const fn next(&self) -> u32 {
        (self.sequence + 1) & 0x00ff_ffff
    }

    /// Forgets what has outlived its time.
    pub fn forget_old(&mut self, now: Time) {
        if self.outlived <= now && !self.seen.is_empty() {
            self.seen.retain(|seen| seen.expires > now);
            self.outlived = outlived(&self.seen);
        }
    }
}

/// When the first of these has outlived its time.
fn outlived(seen: &[Answered]) -> Time {
    let first = seen.iter().map(|seen| seen.expires).min();
    first.unwrap_or(Time::ZERO)
}

/// How a confirmable request goes out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asked {
    /// Its message id.
    pub message_id: u16,
    /// Its token.
    pub token: Token,
    /// How long it waits for its answer before something else happens.
    pub wait: Duration,
    /// Whether its message id is the last of a run.
    pub ends_run: bool,
}

impl Resting {
    /// The endpoint that [`Endpoint::new`] makes of this seed, before it has said anything.
    pub fn new(seed: Seed) -> Self {
        Self {
            random: seed.rng().get_seed(),
            ..Self::default()
        }
    }

    /// Sends the only peer a confirmable request that fits into one datagram, as [`Endpoint::request`] would, and is what
    /// the endpoint is at rest once that is answered by its acknowledgement. None where the endpoint would not rest
    /// then, or could not send it. `lifetime` is [`Parameters::exchange_lifetime`].
    pub fn request(
        &mut self,
        (parameters, lifetime): (&Parameters, Duration),
        used_up: Option<&UsedUp>,
        now: Time,
    ) -> Option<Asked> {
        let mut random = fastrand::Rng::with_seed(self.random);
        let token = draw_token(&mut random, parameters);
        let asked = self.send(random, (parameters, lifetime), used_up, now)?;
        let wait = asked.wait.min(parameters.response_wait);
        Some(Asked {
            token,
            wait,
            ..asked
        })
    }

    /// The same of a confirmable message that is no request, and has the token of another.
    pub fn notify(
        &mut self,
        numbers: (&Parameters, Duration),
        used_up: Option<&UsedUp>,
        (token, now): (Token, Time),
    ) -> Option<Asked> {
        let random = fastrand::Rng::with_seed(self.random);
        let asked = self.send(random, numbers, used_up, now)?;
        Some(Asked { token, ..asked })
    }

    fn send(
        &mut self,
        mut random: fastrand::Rng,
        (parameters, lifetime): (&Parameters, Duration),
        used_up: Option<&UsedUp>,
        now: Time,
    ) -> Option<Asked> {
        if self.issued == 0 {
            self.first_id = first_id(&mut random);
        }
        let before = u64::from(self.issued);
        if before > u64::from(u16::MAX)
            && before.is_multiple_of(RUN)
            && used_up.is_some_and(|used_up| used_up.0[run_of(before)] + lifetime > now)
        {
            return None;
        }
        let message_id = self.first_id.wrapping_add(self.issued as u16);
        self.issued = self.issued.checked_add(1)?;
        let wait = first_wait(&mut random, parameters);
        (self.random, self.touched) = (random.get_seed(), now);
        Some(Asked {
            message_id,
            token: Token::EMPTY,
            wait,
            ends_run: u64::from(self.issued).is_multiple_of(RUN),
        })
    }
}

impl<P: Address> Endpoint<P> {
    /// Becomes the endpoint that [`new`](Self::new) makes of this seed, and keeps memory for what it will have
    /// to remember.
    pub fn reset(&mut self, seed: Seed) {
        let Self {
            random,
            peers,
            seen,
            sent,
            requests,
            observations,
            assemblies,
            bodies,
            timers,
            expiries,
            started,
            scratch,
            spare,
        } = self;
        *random = seed.rng();
        peers.clear();
        seen.clear();
        sent.clear();
        requests.clear();
        observations.clear();
        assemblies.clear();
        bodies.clear();
        timers.clear();
        let Expiries {
            seen_con,
            seen_non,
            acknowledgements,
            peers,
            assemblies,
            bodies,
        } = expiries;
        let by_message: [&mut VecDeque<_>; 3] = [seen_con, seen_non, acknowledgements];
        by_message.into_iter().for_each(VecDeque::clear);
        peers.clear();
        assemblies.clear();
        bodies.clear();
        *started = 0;
        scratch.clear();
        spare.clear();
    }

    /// What [`restore`](Self::restore) needs, if nothing is under way, nothing that came has to be remembered, and
    /// `peer` is the only one that is known.
    pub fn rest(&self, peer: P) -> Option<(Resting, Option<&UsedUp>, Option<Heard>)> {
        let quiet = self.sent.is_empty() && self.requests.is_empty() && self.timers.is_empty();
        let whole = self.bodies.is_empty() && self.assemblies.is_empty();
        let heard = match self.seen.is_empty() && self.observations.is_empty() {
            true => None,
            false => Some(self.heard(peer)?),
        };
        let (known, state) = self.peers.only()?;
        let Peer {
            first_id,
            issued,
            used_up,
            outstanding,
            waiting,
            recent,
            touched,
        } = state;
        let plain = *outstanding == 0 && waiting.is_empty() && recent.is_empty();
        if !(quiet && whole && plain && *known == peer) {
            return None;
        }
        let resting = Resting {
            touched: *touched,
            random: self.random.get_seed(),
            first_id: *first_id,
            issued: u32::try_from(*issued).ok()?,
        };
        Some((resting, used_up.as_ref(), heard))
    }

    /// What was heard of a peer that observes one thing, if it is little and all of it is answered.
    fn heard(&self, peer: P) -> Option<Heard> {
        let (&(observer, token), observation) = self.observations.only()?;
        let Observation {
            key,
            sequence,
            size,
            confirmed,
            in_flight: None,
            next: None,
        } = observation
        else {
            return None;
        };
        let Expiries {
            seen_con,
            seen_non,
            acknowledgements,
            ..
        } = &self.expiries;
        let known = self.seen.values().count() == seen_con.len() && seen_con.len() <= REMEMBERED;
        if observer != peer || !known || !seen_non.is_empty() || !acknowledgements.is_empty() {
            return None;
        }
        let seen = seen_con.iter().map(|(at, key)| {
            let seen = self.seen.get(key)?;
            let is_plain = seen.expires == *at && key.0 == peer && seen.stage == Stage::Answered;
            let reply = seen.reply.clone().filter(|_| is_plain)?;
            Some(Answered {
                message_id: key.1,
                expires: seen.expires,
                reply,
            })
        });
        let seen = seen.collect::<Option<Vec<_>>>()?;
        Some(Heard {
            token,
            key: *key,
            sequence: *sequence,
            size: *size,
            confirmed: *confirmed,
            outlived: outlived(&seen),
            seen,
        })
    }

    /// Becomes the endpoint again that was at rest, with this peer; `lifetime` is
    /// [`Parameters::exchange_lifetime`](crate::Parameters::exchange_lifetime).
    pub fn restore(
        &mut self,
        peer: P,
        lifetime: Duration,
        (resting, used_up, heard): (Resting, Option<UsedUp>, Option<Heard>),
    ) {
        let Resting {
            touched,
            random,
            first_id,
            issued,
        } = resting;
        self.reset(Seed::new(random));
        let mut state = Peer::new(first_id, touched);
        (state.issued, state.used_up) = (issued.into(), used_up);
        self.peers.insert(peer, state);
        // Whoever is asked too early whether to forget the peer says when to ask again.
        self.expiries.peers.push_back((touched + lifetime, peer));
        let Some(heard) = heard else {
            return;
        };
        let observation = Observation {
            key: heard.key,
            sequence: heard.sequence,
            size: heard.size,
            confirmed: heard.confirmed,
            in_flight: None,
            next: None,
        };
        self.observations.insert((peer, heard.token), observation);
        for answered in heard.seen {
            let (key, expires) = ((peer, answered.message_id), answered.expires);
            let seen = Seen {
                expires,
                stage: Stage::Answered,
                reply: Some(answered.reply),
            };
            self.expiries.seen_con.push_back((expires, key));
            self.seen.insert(key, seen);
        }
    }
}
