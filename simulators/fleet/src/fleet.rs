use std::net::SocketAddr;

use twinproof_kernel::{Input, Outbox, Rests, Time};

use crate::{Roster, Wheel};

/// How many places of those who are not packed keep their memory for the next, at most.
const SPARE: usize = 1_024;

/// Nobody is at a place.
const NOBODY: u32 = u32::MAX;

/// Many roles of one kind, each in its place.
///
/// Who is packed has a place in a table of all, and a timer in a wheel of all. Who is not has one in a table of those
/// few who are awake, and a timer in a wheel of their own: what happens during an exchange stays in little memory.
#[derive(Debug)]
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
#[derive(Debug)]
struct Place<R> {
    member: u32,
    role: Option<Box<R>>,
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
            Some(Member::Packed(_)) => self.unpack(shared, member),
        };
        let Some(place) = place else { return false };
        let role = self.places.get_mut(place as usize);
        let Some(role) = role.and_then(|place| place.role.as_mut()) else {
            return false;
        };
        role.handle(shared, now, input, out);
        let at = self.roster.address(member);
        match at.and_then(|at| role.pack(shared, at)) {
            Some(packed) => {
                arm(&mut self.wheel, member, R::wakes_at(&packed));
                self.members[member as usize] = Member::Packed(packed);
                self.vacate(place);
            }
            None => arm(&mut self.awake, place, role.next_deadline()),
        }
        true
    }

    /// Looks at members that will be needed soon, all together: memory that is far away then comes at once and not
    /// for one after the other.
    pub fn fetch(&self, members: impl Iterator<Item = u32>) {
        for member in members {
            let place = self.members.get(member as usize);
            let rests = matches!(place, Some(Member::Packed(_)));
            std::hint::black_box((rests, self.wheel.due(member)));
        }
    }

    /// Takes a member out of the table of those who rest, and says where it is then.
    fn unpack(&mut self, shared: &R::Shared, member: u32) -> Option<u32> {
        let who = self.roster.identity(member, &mut self.name)?;
        let free = self.free.pop();
        let place = free.map_or(self.places.len() as u32, |place| place);
        if free.is_none() {
            self.places.push(Place {
                member: NOBODY,
                role: None,
            });
            self.awake.add();
        }
        let slot = self.members.get_mut(member as usize)?;
        let Member::Packed(packed) = std::mem::replace(slot, Member::Awake(place)) else {
            return None;
        };
        let taken = &mut self.places[place as usize];
        taken.member = member;
        match &mut taken.role {
            Some(role) => role.refill(shared, packed, who),
            none => *none = Some(Box::new(R::unpack(shared, packed, who))),
        }
        Some(place)
    }

    fn vacate(&mut self, place: u32) {
        self.awake.disarm(place);
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
            let due = self.places.get(place as usize).and_then(|place| {
                let at = place.role.as_ref()?.next_deadline();
                Some((place.member, at?))
            });
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
            Member::Awake(place) => self.at(*place)?.next_deadline(),
            Member::Packed(packed) => R::wakes_at(packed),
        }
    }

    /// Whether a member is packed.
    pub fn is_packed(&self, member: u32) -> bool {
        matches!(self.members.get(member as usize), Some(Member::Packed(_)))
    }

    /// Looks at a member.
    pub fn look<T>(&self, shared: &R::Shared, member: u32, at: impl FnOnce(&R) -> T) -> Option<T> {
        Some(match self.members.get(member as usize)? {
            Member::Awake(place) => at(self.at(*place)?),
            Member::Packed(packed) => {
                let mut name = String::new();
                let who = self.roster.identity(member, &mut name)?;
                at(&R::unpack(shared, packed.clone(), who))
            }
        })
    }

    fn at(&self, place: u32) -> Option<&R> {
        self.places.get(place as usize)?.role.as_deref()
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
