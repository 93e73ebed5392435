//! One timer for each member of a fleet.

use twinproof_kernel::Time;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// Enough for every tick that 64 bits can count.
const LEVELS: usize = 11;
const NOBODY: u32 = u32::MAX;
const UNARMED: u64 = u64::MAX;

/// A hierarchical timer wheel with one timer for each of a fixed number of members.
///
/// Level 0 has a slot for each of 64 ticks, level 1 for each 64 of those, and so on; a timer stands in the
/// level of the highest digit in which its tick differs from the present one, and moves down when that
/// digit comes. Arming and disarming cost the same for any number of members, and a member has 16 octets.
///
/// A tick has 2^`grain` microseconds: a timer is never early, and by less than one tick late. Members that are due in
/// the same tick come in an order that nothing is promised of, but the same one in every run.
#[derive(Debug)]
pub struct Wheel {
    entries: Vec<Entry>,
    heads: [[u32; SLOTS]; LEVELS],
    occupied: [u64; LEVELS],
    /// The tick up to which everything is done.
    elapsed: u64,
    grain: u32,
    armed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The tick; [`UNARMED`] if there is none.
    tick: u64,
    next: u32,
    previous: u32,
}

const _: () = assert!(size_of::<Entry>() == 16);

const VACANT: Entry = Entry {
    tick: UNARMED,
    next: NOBODY,
    previous: NOBODY,
};

impl Wheel {
    /// A wheel for members 0 to `members` - 1, with ticks of 2^`grain` microseconds; at most 2^20 (a second).
    pub fn new(members: u32, grain: u32) -> Self {
        Self {
            entries: vec![VACANT; members as usize],
            heads: [[NOBODY; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            elapsed: 0,
            grain: grain.min(20),
            armed: 0,
        }
    }

    /// Adds a member.
    pub(crate) fn add(&mut self) {
        self.entries.push(VACANT);
    }

    /// How many members have a timer that runs.
    pub const fn armed(&self) -> usize {
        self.armed
    }

    /// How much memory the members take, in octets.
    pub fn size(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + size_of::<Self>()
    }

    /// When a member is due, to the tick; none if its timer does not run.
    pub fn due(&self, member: u32) -> Option<Time> {
        let entry = self.entries.get(member as usize)?;
        let micros = entry.tick.checked_shl(self.grain);
        (entry.tick != UNARMED).then(|| Time::from_micros(micros.unwrap_or(u64::MAX)))
    }

    /// Lets a member be due then, and not when it was before. Who is no member has no timer.
    pub fn arm(&mut self, member: u32, at: Time) {
        let Some(entry) = self.entries.get(member as usize) else {
            return;
        };
        let tick = self.tick_from(at).max(self.elapsed);
        if entry.tick == tick {
            return;
        }
        self.disarm(member);
        self.link(member, tick);
        self.armed += 1;
    }

    /// Stops a member's timer.
    pub fn disarm(&mut self, member: u32) {
        let armed = self.entries.get(member as usize).copied();
        let Some(entry) = armed.filter(|entry| entry.tick != UNARMED) else {
            return;
        };
        match self.entries.get_mut(entry.previous as usize) {
            Some(previous) => previous.next = entry.next,
            None => {
                let (level, slot) = self.place(entry.tick);
                self.heads[level][slot] = entry.next;
                if entry.next == NOBODY {
                    self.occupied[level] &= !(1 << slot);
                }
            }
        }
        if let Some(next) = self.entries.get_mut(entry.next as usize) {
            next.previous = entry.previous;
        }
        self.entries[member as usize] = VACANT;
        self.armed -= 1;
    }

    /// Stops the timer of a member that is due, and says whose it was; none if nobody is due.
    pub fn pop(&mut self, now: Time) -> Option<u32> {
        let now = (now.as_micros() >> self.grain).max(self.elapsed);
        loop {
            let Some((level, slot, starts)) = self.next_slot().filter(|next| next.2 <= now) else {
                self.elapsed = now;
                return None;
            };
            self.elapsed = starts;
            let first = self.heads[level][slot];
            if level == 0 {
                self.disarm(first);
                return Some(first);
            }
            self.heads[level][slot] = NOBODY;
            self.occupied[level] &= !(1 << slot);
            let mut member = first;
            while let Some(&Entry { tick, next, .. }) = self.entries.get(member as usize) {
                self.link(member, tick);
                member = next;
            }
        }
    }

    /// No member is due before; somebody may be then. None if no timer runs.
    pub fn next(&self) -> Option<Time> {
        let (_, _, starts) = self.next_slot()?;
        Some(Time::from_micros(starts.saturating_mul(1 << self.grain)))
    }

    /// The first tick that does not begin before `at`.
    fn tick_from(&self, at: Time) -> u64 {
        let micros = at.as_micros();
        let begun = micros >> self.grain;
        let tick = begun + u64::from(begun << self.grain < micros);
        tick.min(UNARMED - 1)
    }

    /// Level and slot of a tick that is not past.
    fn place(&self, tick: u64) -> (usize, usize) {
        let differs = (tick ^ self.elapsed) | 1;
        let level = (u64::BITS - 1 - differs.leading_zeros()) / BITS;
        (level as usize, digit(tick, level as usize))
    }

    fn link(&mut self, member: u32, tick: u64) {
        let (level, slot) = self.place(tick);
        let next = std::mem::replace(&mut self.heads[level][slot], member);
        self.occupied[level] |= 1 << slot;
        if let Some(entry) = self.entries.get_mut(next as usize) {
            entry.previous = member;
        }
        self.entries[member as usize] = Entry {
            tick,
            next,
            previous: NOBODY,
        };
    }

    /// The slot that comes next, and the tick at which it begins. Whatever stands in a level is due before
    /// all that stands in the levels above.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let slot = self.occupied[level].trailing_zeros();
        let shift = level as u32 * BITS;
        // The digits above are the present ones, those below are zero.
        let above = self.elapsed.checked_shr(shift + BITS).unwrap_or(0);
        let above = above.checked_shl(shift + BITS).unwrap_or(0);
        let starts = above | u64::from(slot) << shift;
        Some((level, slot as usize, starts.max(self.elapsed)))
    }
}

fn digit(tick: u64, level: usize) -> usize {
    (tick >> (level as u32 * BITS)) as usize & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_comes_when_it_is_due_and_once() {
        let mut wheel = Wheel::new(2, 10);
        wheel.arm(0, Time::from_micros(1));
        wheel.arm(1, Time::from_micros(1024));
        assert_eq!(wheel.pop(Time::from_micros(1023)), None, "never early");
        let mut due = [
            wheel.pop(Time::from_micros(1024)),
            wheel.pop(Time::from_micros(1024)),
        ];
        due.sort();
        assert_eq!(due, [Some(0), Some(1)]);
        assert_eq!(wheel.pop(Time::from_micros(u64::MAX)), None);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_timer_in_the_past_is_due_at_once_and_one_at_the_end_of_time_never() {
        let mut wheel = Wheel::new(3, 0);
        assert_eq!(wheel.pop(Time::from_micros(5_000_000)), None);
        wheel.arm(0, Time::ZERO);
        wheel.arm(1, Time::from_micros(u64::MAX));
        wheel.arm(9, Time::ZERO);
        assert_eq!(wheel.armed(), 2);
        assert_eq!(wheel.pop(Time::from_micros(5_000_000)), Some(0));
        assert_eq!(wheel.pop(Time::from_micros(5_000_000)), None);
        assert_eq!(wheel.pop(Time::from_micros(u64::MAX - 2)), None);
        wheel.disarm(1);
        assert_eq!((wheel.armed(), wheel.next()), (0, None));
    }
}
