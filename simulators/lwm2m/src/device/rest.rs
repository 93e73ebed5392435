//! A device at rest: what is kept of one that is registered or waits to be, holds the values that it began
//! with, has all answers that it waits for, and was asked nothing of late that it would have to know again; or of one of
//! which its server observes one number, which may have become different, and has asked little else of late.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use twinproof_coap::endpoint::{Heard, Resting, UsedUp};
use twinproof_kernel::{Identity, Outbox, Rests, Time};

use super::contents::Changes;
use super::observe::{Report, Watched};
use super::registration::{Account, State};
use super::usual::{self, Usual};
use super::{Answer, Aside, Device, Live, Order, Shared};
use crate::wire::Value;

/// How long a location may be that needs no memory of its own, in octets.
const SHORT: usize = 14;

/// What is kept of a device at rest; 80 octets, its location where that is long, what belongs to an observation, and when its
/// runs of message ids were used up where it has taken a whole one.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    location: Location,
    more: Option<Box<More>>,
    /// One more than the microseconds of the moment at which it does the next thing by itself.
    due: Option<NonZeroU64>,
    spoke: Time,
    /// Of the message layer; it has taken no message id if there is none.
    touched: Time,
    random: u64,
    lifetime: u32,
    registered: u32,
    updated: u32,
    generation: u32,
    issued: u32,
    first_id: u16,
    attempts: u8,
    state: State,
}

const _: () = assert!(size_of::<Packed>() <= 80);

/// What most devices have nothing of.
#[derive(Clone, Debug, Default)]
struct More {
    used_up: Option<UsedUp>,
    watch: Option<Watch>,
}

/// An observation, and the value that has become different under it.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) heard: Heard,
    pub(super) watched: Watched,
    value: Option<i64>,
}

impl Packed {
    /// Where it is registered, as text; empty if it is not.
    pub(super) fn location(&self) -> &[u8] {
        self.location.octets()
    }

    /// The life time that the server was told, s.
    pub(super) const fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// When it does the next thing by itself.
    pub(super) fn due(&self) -> Option<Time> {
        self.due.map(|due| Time::from_micros(due.get() - 1))
    }

    /// How often the message layer was put away.
    pub(super) const fn generation(&self) -> u32 {
        self.generation
    }

    /// The message layer.
    pub(super) const fn layer(&self) -> Resting {
        Resting {
            touched: self.touched,
            random: self.random,
            first_id: self.first_id,
            issued: self.issued,
        }
    }

    /// When the runs of message ids were used up, where there were such.
    pub(super) fn used_up(&self) -> Option<&UsedUp> {
        self.more.as_ref()?.used_up.as_ref()
    }

    /// The observation, if there is one.
    pub(super) fn watch(&self) -> Option<&Watch> {
        self.more.as_ref()?.watch.as_ref()
    }

    /// Its server has the report of this value that went out then.
    pub(super) fn reported(&mut self, value: i64, at: Time) {
        let watch = self.more.as_mut().and_then(|more| more.watch.as_mut());
        if let Some(watch) = watch {
            watch.heard.notified(at);
            watch.value = Some(value);
            let Watched {
                told,
                at: last,
                notified,
                ..
            } = &mut watch.watched;
            (*told, *last) = (value, at);
            *notified += 1;
        }
    }

    /// An exchange is over that ended at `now`, the message layer and its generation since are these, and it has taken the
    /// last message id of a run or not.
    pub(super) fn exchanged(
        &mut self,
        (layer, generation): (Resting, u32),
        ends_run: bool,
        now: Time,
    ) {
        let Resting {
            touched,
            random,
            first_id,
            issued,
        } = layer;
        (self.touched, self.random) = (touched, random);
        (self.first_id, self.issued) = (first_id, issued);
        if self.generation != generation {
            self.more = None;
        }
        if ends_run {
            let more = self.more.get_or_insert_default();
            let used_up = more.used_up.get_or_insert_with(UsedUp::none);
            used_up.note(issued, touched);
        }
        let watch = self.more.as_mut().and_then(|more| more.watch.as_mut());
        if let Some(watch) = watch {
            watch.heard.forget_old(now);
        }
        self.generation = generation;
        self.spoke = now;
    }

    /// It does nothing by itself until then.
    pub(super) fn waits(&mut self, until: Time) {
        self.due = NonZeroU64::new(until.as_micros().saturating_add(1));
    }

    /// Its server has taken its registration.
    pub(super) fn registered(&mut self, location: &[String], lifetime: u32) {
        self.location = Location::of(location);
        self.state = State::Registered;
        self.lifetime = lifetime;
        self.attempts = 0;
        self.registered += 1;
    }

    /// Its server has taken its update.
    pub(super) const fn updated(&mut self) {
        self.updated += 1;
    }
}

#[derive(Clone, Debug)]
enum Location {
    /// Boxed twice to be as short as a pointer.
    Long(Box<Box<str>>),
    Short(u8, [u8; SHORT]),
}

impl Default for Location {
    fn default() -> Self {
        Self::Short(0, [0; SHORT])
    }
}

impl From<&str> for Location {
    fn from(text: &str) -> Self {
        let mut octets = [0; SHORT];
        match octets.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(text.len() as u8, octets)
            }
            None => Self::Long(Box::new(text.into())),
        }
    }
}

impl Location {
    /// That of these segments.
    fn of(segments: &[String]) -> Self {
        let mut octets = [0; SHORT];
        let mut length = 0;
        for segment in segments {
            let ends = length + 1 + segment.len();
            let Some(place) = octets.get_mut(length..ends) else {
                let whole = segments.iter();
                let text = whole.fold(String::new(), |text, segment| text + "/" + segment);
                return text.as_str().into();
            };
            place[0] = b'/';
            place[1..].copy_from_slice(segment.as_bytes());
            length = ends;
        }
        Self::Short(length as u8, octets)
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Long(text) => text.as_bytes(),
            Self::Short(length, octets) => octets.get(..usize::from(*length)).unwrap_or_default(),
        }
    }

    fn text(&self) -> &str {
        // It was one when it was put there.
        std::str::from_utf8(self.octets()).unwrap_or_default()
    }
}

impl Device {
    /// Is packed, if it can be, and taken up again in the same place.
    pub(super) fn rest_a_while(&mut self, shared: &Shared, packs: &AtomicU64) {
        let Some(packed) = self.pack(shared, self.at) else {
            return;
        };
        let name = self.endpoint.clone();
        let (at, seed) = (self.at, self.seed);
        let name = name.as_str();
        self.refill(shared, packed, Identity { name, at, seed });
        packs.fetch_add(1, Ordering::Relaxed);
    }
}

impl Device {
    /// What is kept of its only observation, and of the value under it if that is all that has become different.
    fn watch_at_rest(&self, shared: &Shared, report: &Report, heard: Heard) -> Option<Watch> {
        let watched = report.watched(shared, heard.token())?;
        let value = match self.changes.as_ref().map(|changes| changes.only()) {
            None => None,
            Some(Some((path, Value::Integer(value)))) if path == watched.path => Some(*value),
            Some(_) => return None,
        };
        Some(Watch {
            heard,
            watched,
            value,
        })
    }
}

impl Rests for Device {
    type Packed = Packed;
    type Usual = Usual;

    fn pack(&self, shared: &Shared, at: SocketAddr) -> Option<Packed> {
        let (layer, used_up, heard) = match &self.live {
            None => (Resting::default(), None, None),
            Some(live) if live.is_idle() => live.layer.rest(shared.servers.first()?.address)?,
            Some(_) => return None,
        };
        let busy = self.boots.is_some() || self.dirty;
        let differs = self.provision.is_some() || self.at != at;
        if busy || differs || !self.aside.as_deref().is_none_or(Aside::is_plain) {
            return None;
        }
        let account = match self.accounts.as_slice() {
            [] => &Account::default(),
            [account] => account,
            _ => return None,
        };
        let report = account.report.as_deref();
        let watch = match heard {
            Some(heard) => Some(self.watch_at_rest(shared, report?, heard)?),
            None => {
                let is_empty =
                    |report: &Report| report.watches.is_empty() && report.attributes.is_empty();
                let is_plain = self.changes.is_none() && report.is_none_or(is_empty);
                is_plain.then_some(None)?
            }
        };
        let more = More {
            used_up: used_up.cloned(),
            watch,
        };
        let has_more = more.used_up.is_some() || more.watch.is_some();
        let due = account.due.map(|at| at.as_micros().saturating_add(1));
        Some(Packed {
            location: account.location.as_str().into(),
            more: has_more.then(|| Box::new(more)),
            due: due.and_then(NonZeroU64::new),
            spoke: account.spoke,
            touched: layer.touched,
            random: layer.random,
            lifetime: account.lifetime,
            registered: account.registered,
            updated: account.updated,
            generation: self.generation,
            first_id: layer.first_id,
            issued: layer.issued,
            attempts: account.attempts.try_into().ok()?,
            state: account.state,
        })
    }

    fn unpack(shared: &Shared, packed: Packed, who: Identity<'_>) -> Self {
        let mut device = Self::new(who.name, who.at, who.seed);
        device.refill(shared, packed, who);
        device
    }

    fn refill(&mut self, shared: &Shared, packed: Packed, who: Identity<'_>) {
        let (due, layer) = (Self::wakes_at(&packed), packed.layer());
        let Self {
            endpoint,
            at,
            seed,
            generation,
            dirty,
            accounts,
            changes,
            live,
            spare,
            aside,
            provision,
            boots,
        } = self;
        endpoint.clear();
        endpoint.push_str(who.name);
        (*at, *seed, *generation, *dirty) = (who.at, who.seed, packed.generation, false);
        let More { used_up, watch } = packed.more.map_or_else(More::default, |more| *more);
        let (heard, watched, value) = match watch {
            Some(watch) => (Some(watch.heard), Some(watch.watched), watch.value),
            None => (None, None, None),
        };
        *changes = value.zip(watched.as_ref()).map(|(value, watched)| {
            let mut changes = Changes::default();
            changes.set(watched.path, Value::Integer(value));
            Box::new(changes)
        });
        (*aside, *provision, *boots) = (None, None, None);
        accounts.truncate(1);
        let mut location = accounts.pop().unwrap_or_default().location;
        location.clear();
        location.push_str(packed.location.text());
        accounts.push(Account {
            state: packed.state,
            location,
            lifetime: packed.lifetime,
            due,
            attempts: packed.attempts.into(),
            registered: packed.registered,
            updated: packed.updated,
            spoke: packed.spoke,
            report: watched.zip(heard.as_ref()).map(|(watched, heard)| {
                let report = watched.report(shared, heard.token());
                Box::new(report)
            }),
        });
        if let Some(other) = live.take() {
            *spare = Some(other);
        }
        let server = shared.servers.first().filter(|_| layer.issued > 0);
        if let Some(server) = server {
            let resting = layer;
            let (peer, lifetime) = (server.address, shared.exchange_lifetime());
            // Who is observed forgets nothing of that.
            let forgets = heard.is_none().then_some(layer.touched + lifetime);
            let resting = (resting, used_up, heard);
            let mut restored =
                Live::within(spare.take(), |layer| layer.restore(peer, lifetime, resting));
            restored.forgets = forgets;
            *live = Some(restored);
        }
    }

    fn wakes_at(packed: &Packed) -> Option<Time> {
        packed.due()
    }

    fn glance(packed: &Packed) -> u64 {
        // Of each line of memory something.
        let more = packed.watch().map_or(0, |watch| {
            let (token, told) = (watch.heard.token(), watch.watched.told);
            told as u64 ^ watch.value.unwrap_or(0) as u64 ^ token.as_bytes().len() as u64
        });
        more ^ packed.random ^ u64::from(packed.state as u8)
    }

    fn begin<'n>(
        shared: &Shared,
        packed: &Packed,
        at: SocketAddr,
        who: impl FnOnce() -> Option<Identity<'n>>,
        now: Time,
        order: &Order,
        out: &mut Outbox<Answer>,
    ) -> Option<Usual> {
        usual::begin(shared, packed, (at, who), now, order, out)
    }

    fn order(shared: &Shared, usual: &Usual) -> Order {
        usual::order(shared, usual)
    }

    fn end(
        shared: &Shared,
        packed: &mut Packed,
        usual: &Usual,
        now: Time,
        datagram: (SocketAddr, &[u8]),
    ) -> Option<Answer> {
        usual::end(shared, packed, usual, now, datagram)
    }

    fn waits_until(usual: &Usual) -> Time {
        usual::waits_until(usual)
    }
}
