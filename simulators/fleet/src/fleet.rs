use std::net::SocketAddr;

use twinproof_kernel::{Input, Outbox, Rests, Time};

use crate::{Roster, Wheel};

/// Many roles of one kind, each in its place.
#[derive(Debug)]
pub struct Fleet<R: Rests> {
    roster: Roster,
    members: Vec<Member<R>>,
    wheel: Wheel,
    awake: usize,
    name: String,
}

#[derive(Debug)]
enum Member<R: Rests> {
    Awake(Box<R>),
    Packed(R::Packed),
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
            awake: 0,
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
            awake: self.awake,
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
        let Some(place) = self.members.get_mut(member as usize) else {
            return false;
        };
        if let Member::Packed(packed) = place {
            let Some(who) = self.roster.identity(member, &mut self.name) else {
                return false;
            };
            *place = Member::Awake(Box::new(R::unpack(std::mem::take(packed), who)));
            self.awake += 1;
        }
        let Member::Awake(role) = place else {
            return false;
        };
        role.handle(shared, now, input, out);
        let due = role.next_deadline();
        if let Some(at) = self.roster.address(member)
            && let Some(packed) = role.pack(at)
        {
            *place = Member::Packed(packed);
            self.awake -= 1;
        }
        // Who is due later than its timer says is asked again when that comes, which is cheaper than to
        // move the timer each time.
        if let Some(at) = due
            && self.wheel.due(member).is_none_or(|armed| armed > at)
        {
            self.wheel.arm(member, at);
        }
        true
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
        loop {
            let member = self.wheel.pop(now)?;
            match self.deadline(member) {
                Some(at) if at <= now => {
                    self.handle(shared, member, now, Input::Wake, out);
                    return Some(member);
                }
                Some(at) => self.wheel.arm(member, at),
                None => {}
            }
        }
    }

    /// Nobody wants to be woken before; somebody may then.
    pub fn next_deadline(&self) -> Option<Time> {
        self.wheel.next()
    }

    /// When a member wants to be woken, if at all.
    pub fn deadline(&self, member: u32) -> Option<Time> {
        match self.members.get(member as usize)? {
            Member::Awake(role) => role.next_deadline(),
            Member::Packed(packed) => R::wakes_at(packed),
        }
    }

    /// Whether a member is packed.
    pub fn is_packed(&self, member: u32) -> bool {
        matches!(self.members.get(member as usize), Some(Member::Packed(_)))
    }

    /// Looks at a member.
    pub fn look<T>(&self, member: u32, at: impl FnOnce(&R) -> T) -> Option<T> {
        Some(match self.members.get(member as usize)? {
            Member::Awake(role) => at(role),
            Member::Packed(packed) => {
                let mut name = String::new();
                let who = self.roster.identity(member, &mut name)?;
                at(&R::unpack(packed.clone(), who))
            }
        })
    }
}
