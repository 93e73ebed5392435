use std::net::SocketAddr;

use twinproof_kernel::{CallId, Identity, Input, Outbox, Rests, Time};

use crate::{Roster, Wheel};

/// How many places of those who are not packed keep their memory for the next, at most.
const SPARE: usize = 1_024;

/// Nobody is at a place.
const NOBODY: u32 = u32::MAX;

/// Many roles of one kind, each in its place.
///
/// Who is packed has a place in a table of all, and a timer in a wheel of all. Who is not has one in a table of those
/// few who are awake, and a timer in a wheel of their own: what happens during an exchange stays in little memory. Who is
/// in an exchange that goes as most do has such a place, too, and stays packed in it: see [`Rests::begin`].
pub struct Fleet<R: Rests> {
    roster: Roster,
    members: Vec<Member<R>>,
    /// When those want to be woken who are packed.
    wheel: Wheel,
    places: Vec<Place<R>>,
    /// Which places are free.
    free: Vec<u32>,
    /// When those want to be woken who are awake.
    awake: Wheel,
    name: String,
}

#[derive(Debug)]
enum Member<R: Rests> {
    Awake(u32),
    Packed(R::Packed),
}

/// Where somebody is who is awake, or was.
struct Place<R: Rests> {
    member: u32,
    role: Option<Box<R>>,
    /// If there is one, `role` is but memory.
    exchange: Option<Exchange<R>>,
}

/// An exchange of a role that is packed meanwhile.
struct Exchange<R: Rests> {
    /// The role before it.
    packed: R::Packed,
    began: Time,
    call: CallId,
    usual: R::Usual,
}

impl<R: Rests> Exchange<R> {
    /// Brings a role as far as it is in this exchange that was what it is packed before it. What it says is said already.
    fn repeat(&self, shared: &R::Shared, role: &mut R) {
        let (call, order) = (self.call, R::order(shared, &self.usual));
        let input = Input::Order { call, order };
        role.handle(shared, self.began, input, &mut Outbox::default());
    }
}

impl<R: Rests> Place<R> {
    fn deadline(&self) -> Option<Time> {
        if self.member == NOBODY {
            return None;
        }
        match &self.exchange {
            Some(exchange) => Some(R::waits_until(&exchange.usual)),
            None => self.role.as_ref()?.next_deadline(),
        }
    }
}

/// How many members there are, and what they take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sizes {
    /// How many members there are.
    pub members: usize,
    /// How many of them are not packed.
    pub awake: usize,
    /// What a packed member takes in the table and in the wheel, in octets, without what it has elsewhere.
    pub packed: usize,
    /// What the table and the wheel take, in octets.
    pub tables: usize,
}

impl<R: Rests> Fleet<R> {
    /// A fleet in which nobody has done anything yet. Its timers have ticks of 2^`grain` microseconds.
    pub fn new(roster: Roster, grain: u32) -> Self {
        let count = roster.members();
        let members = (0..count).map(|_| Member::Packed(R::Packed::default()));
        Self {
            wheel: Wheel::new(count, grain),
            members: members.collect(),
            roster,
            places: Vec::new(),
            free: Vec::new(),
            awake: Wheel::new(0, grain),
            name: String::new(),
        }
    }

    /// Who the members are.
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// How large it is.
    pub fn sizes(&self) -> Sizes {
        let place = size_of::<Member<R>>();
        let timer = Wheel::new(1, 0).size() - Wheel::new(0, 0).size();
        Sizes {
            members: self.members.len(),
            awake: self.places.len() - self.free.len(),
            packed: place + timer,
            tables: self.members.capacity() * place + self.wheel.size(),
        }
    }

    /// Gives a member an input. Says whether there is such a member.
    pub fn handle(
        &mut self,
        shared: &R::Shared,
        member: u32,
        now: Time,
        input: Input<'_, R::Order>,
        out: &mut Outbox<R::Answer>,
    ) -> bool {
        let place = match self.members.get(member as usize) {
            None => return false,
            Some(Member::Awake(place)) => Some(*place),
            Some(Member::Packed(_)) => {
                if let Input::Order { call, order } = &input
                    && self.begin(shared, member, now, (*call, order), out)
                {
                    return true;
                }
                self.unpack(shared, member)
            }
        };
        let Some(place) = place else { return false };
        if let Input::Datagram { from, bytes, .. } = input
            && self.end(shared, place, now, (from, bytes), out)
        {
            return true;
        }
        self.take_up(shared, place);
        let role = self.places.get_mut(place as usize);
        let Some(role) = role.and_then(|place| place.role.as_mut()) else {
            return false;
        };
        role.handle(shared, now, input, out);
        let at = self.roster.address(member);
        match at.and_then(|at| role.pack(shared, at)) {
            Some(packed) => self.put_back(place, member, packed),
            None => arm(&mut self.awake, place, role.next_deadline()),
        }
        true
    }

    /// Begins an exchange with an order to a packed member, if that need not be taken up for it.
    fn begin(
        &mut self,
        shared: &R::Shared,
        member: u32,
        now: Time,
        (call, order): (CallId, &R::Order),
        out: &mut Outbox<R::Answer>,
    ) -> bool {
        let Some(Member::Packed(packed)) = self.members.get(member as usize) else {
            return false;
        };
        let Some(at) = self.roster.address(member) else {
            return false;
        };
        let (roster, name) = (&self.roster, &mut self.name);
        let usual = R::begin(
            shared,
            packed,
            at,
            || roster.identity(member, name),
            now,
            order,
            out,
        );
        let Some(usual) = usual else {
            return false;
        };
        let until = R::waits_until(&usual);
        let Some((place, packed)) = self.take_out(member) else {
            return false;
        };
        self.places[place as usize].exchange = Some(Exchange {
            packed,
            began: now,
            call,
            usual,
        });
        arm(&mut self.awake, place, Some(until));
        true
    }

    /// Ends an exchange with a datagram, if it has come to its usual end with that.
    fn end(
        &mut self,
        shared: &R::Shared,
        place: u32,
        now: Time,
        datagram: (SocketAddr, &[u8]),
        out: &mut Outbox<R::Answer>,
    ) -> bool {
        let Some(at) = self.places.get_mut(place as usize) else {
            return false;
        };
        let Some(exchange) = &mut at.exchange else {
            return false;
        };
        let Exchange { packed, usual, .. } = exchange;
        let Some(answer) = R::end(shared, packed, usual, now, datagram) else {
            return false;
        };
        out.answer(exchange.call, answer);
        let (member, packed) = (at.member, std::mem::take(packed));
        at.exchange = None;
        self.put_back(place, member, packed);
        true
    }

    /// Takes up a member that is in an exchange which does not go as usual.
    fn take_up(&mut self, shared: &R::Shared, place: u32) {
        let Some(at) = self.places.get_mut(place as usize) else {
            return;
        };
        let Some(exchange) = at.exchange.take() else {
            return;
        };
        let Some(who) = self.roster.identity(at.member, &mut self.name) else {
            return;
        };
        let role = taken_up(&mut at.role, shared, exchange.packed.clone(), who);
        exchange.repeat(shared, role);
    }

    /// Looks at members that will be needed soon, all together: memory that is far away then comes at once and not
    /// for one after the other.
    pub fn fetch(&self, members: impl Iterator<Item = u32>) {
        for member in members {
            let seen = match self.members.get(member as usize) {
                Some(Member::Packed(packed)) => R::glance(packed),
                Some(Member::Awake(_)) | None => 0,
            };
            std::hint::black_box((seen, self.wheel.due(member)));
        }
    }

    /// Takes up a member that rests, and says where it is then.
    fn unpack(&mut self, shared: &R::Shared, member: u32) -> Option<u32> {
        let (place, packed) = self.take_out(member)?;
        let who = self.roster.identity(member, &mut self.name)?;
        taken_up(&mut self.places[place as usize].role, shared, packed, who);
        Some(place)
    }

    /// Takes a member out of the table of those who rest, and says which place it has then.
    fn take_out(&mut self, member: u32) -> Option<(u32, R::Packed)> {
        let slot = self.members.get_mut(member as usize)?;
        if !matches!(slot, Member::Packed(_)) {
            return None;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place {
                member: NOBODY,
                role: None,
                exchange: None,
            });
            self.awake.add();
            self.places.len() as u32 - 1
        });
        self.places[place as usize].member = member;
        match std::mem::replace(slot, Member::Awake(place)) {
            Member::Packed(packed) => Some((place, packed)),
            Member::Awake(_) => None,
        }
    }

    /// Puts a member back among those who rest.
    fn put_back(&mut self, place: u32, member: u32, packed: R::Packed) {
        arm(&mut self.wheel, member, R::wakes_at(&packed));
        self.members[member as usize] = Member::Packed(packed);
        self.vacate(place);
    }

    /// Its timer runs on: the next who is there will hardly be due before.
    fn vacate(&mut self, place: u32) {
        let left = &mut self.places[place as usize];
        left.member = NOBODY;
        if self.free.len() >= SPARE {
            left.role = None;
        }
        self.free.push(place);
    }

    /// Gives a datagram to the member at whose address it arrived, and says who that is.
    pub fn hear(
        &mut self,
        shared: &R::Shared,
        now: Time,
        (at, from, bytes): (SocketAddr, SocketAddr, &[u8]),
        out: &mut Outbox<R::Answer>,
    ) -> Option<u32> {
        let member = self.roster.member(at)?;
        let input = Input::Datagram { at, from, bytes };
        self.handle(shared, member, now, input, out)
            .then_some(member)
    }

    /// Wakes one member whose time has come, and says who that is; to be called until it is nobody.
    pub fn wake(
        &mut self,
        shared: &R::Shared,
        now: Time,
        out: &mut Outbox<R::Answer>,
    ) -> Option<u32> {
        while let Some(place) = self.awake.pop(now) {
            let due = self.places.get(place as usize);
            let due = due.and_then(|place| Some((place.member, place.deadline()?)));
            match due {
                Some((member, at)) if at <= now => {
                    self.handle(shared, member, now, Input::Wake, out);
                    return Some(member);
                }
                Some((_, at)) => self.awake.arm(place, at),
                None => {}
            }
        }
        while let Some(member) = self.wheel.pop(now) {
            // Who is awake has another timer.
            let Some(Member::Packed(packed)) = self.members.get(member as usize) else {
                continue;
            };
            match R::wakes_at(packed) {
                Some(at) if at <= now => {
                    self.handle(shared, member, now, Input::Wake, out);
                    return Some(member);
                }
                Some(at) => self.wheel.arm(member, at),
                None => {}
            }
        }
        None
    }

    /// Nobody wants to be woken before; somebody may then.
    pub fn next_deadline(&self) -> Option<Time> {
        self.awake.next().into_iter().chain(self.wheel.next()).min()
    }

    /// When a member wants to be woken, if at all.
    pub fn deadline(&self, member: u32) -> Option<Time> {
        match self.members.get(member as usize)? {
            Member::Awake(place) => self.places.get(*place as usize)?.deadline(),
            Member::Packed(packed) => R::wakes_at(packed),
        }
    }

    /// Whether a member is packed.
    pub fn is_packed(&self, member: u32) -> bool {
        matches!(self.members.get(member as usize), Some(Member::Packed(_)))
    }

    /// Looks at a member.
    pub fn look<T>(&self, shared: &R::Shared, member: u32, at: impl FnOnce(&R) -> T) -> Option<T> {
        let mut name = String::new();
        let who = self.roster.identity(member, &mut name)?;
        let (packed, exchange) = match self.members.get(member as usize)? {
            Member::Awake(place) => {
                let place = self.places.get(*place as usize)?;
                match &place.exchange {
                    None => return Some(at(place.role.as_deref()?)),
                    Some(exchange) => (&exchange.packed, Some(exchange)),
                }
            }
            Member::Packed(packed) => (packed, None),
        };
        let mut role = R::unpack(shared, packed.clone(), who);
        if let Some(exchange) = exchange {
            exchange.repeat(shared, &mut role);
        }
        Some(at(&role))
    }
}

/// The role of whom this was kept, in memory that may be there.
fn taken_up<'r, R: Rests>(
    place: &'r mut Option<Box<R>>,
    shared: &R::Shared,
    packed: R::Packed,
    who: Identity<'_>,
) -> &'r mut R {
    match place {
        Some(role) => {
            role.refill(shared, packed, who);
            role
        }
        none => none.insert(Box::new(R::unpack(shared, packed, who))),
    }
}

/// Who is due later than a timer says is asked again when that comes, which is cheaper than to move the timer each
/// time.
fn arm(wheel: &mut Wheel, member: u32, due: Option<Time>) {
    if let Some(at) = due
        && wheel.due(member).is_none_or(|armed| armed > at)
    {
        wheel.arm(member, at);
    }
}
