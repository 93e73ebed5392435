//! Who does what next, and when that is meant to be.

use std::ops::Range;
use std::time::Duration;

use twinproof_fleet::{spread, turns_of};
use twinproof_kernel::Seed;

use crate::clocks::Clocks;
use crate::schedule::{Schedule, scrambled};
use crate::shard::Shard;
use crate::workload::{Operation, Workload};

/// What is to be begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Turn {
    /// When, since the beginning of the first stage; nothing where answers decide.
    pub(crate) at: Duration,
    pub(crate) operation: Operation,
    /// By whom, counted from the first of the shard.
    pub(crate) member: u32,
}

/// The turns of a shard: those of the whole that are its devices', each at its moment, so that who does what and when does
/// not depend on how many shards there are. What a turn is follows from its number, and those of others are passed over.
pub(crate) struct Turns {
    schedule: Schedule,
    /// Devices do what they do on clocks of their own.
    clocks: Option<Clocks>,
    mix: Vec<(u32, Operation)>,
    /// What the operation of each turn follows from.
    seed: u64,
    /// How many devices take part in all.
    count: u32,
    ours: Range<u32>,
    /// Which turns are ours of those in which every device has one; all if it is none.
    places: Option<Vec<u32>>,
    /// How many turns of ours there were.
    taken: u64,
    next: Option<Turn>,
}

impl Turns {
    pub(crate) fn new(workload: &Workload, shard: Shard) -> Self {
        let seed = Seed::new(workload.seed);
        let mut sum = 0;
        let shares = workload.mix.iter().map(|(operation, share)| {
            sum += share;
            (sum, *operation)
        });
        let count = workload.devices.count;
        let ours = shard.members(count);
        let is_whole = ours == (0..count);
        Self {
            schedule: Schedule::new(&workload.stages, workload.arrivals, seed),
            clocks: Clocks::of(workload, &ours),
            mix: shares.collect(),
            seed: seed.derive("mix").rng().u64(..),
            count,
            places: (!is_whole).then(|| turns_of(ours.clone(), count)),
            ours,
            taken: 0,
            next: None,
        }
    }

    /// When the next is meant to begin.
    pub(crate) fn peek(&mut self) -> Option<Duration> {
        if let (None, Some(clocks)) = (self.next, &mut self.clocks) {
            self.next = clocks.next();
        } else if self.next.is_none() {
            let number = self.number()?;
            let at = self.schedule.at(number)?;
            self.next = Some(self.turn(at, number));
            self.taken += 1;
        }
        self.next.map(|next| next.at)
    }

    /// The next, if it is meant to begin by then.
    pub(crate) fn next_by(&mut self, since: Duration) -> Option<Turn> {
        // Clocks count microseconds, and so do those who ask when to come back.
        let at = self.peek()?;
        if at.as_micros() > since.as_micros() {
            return None;
        }
        self.next.take()
    }

    /// The next, whenever that is.
    pub(crate) fn next_now(&mut self) -> Option<Turn> {
        let number = self.number()?;
        self.taken += 1;
        Some(self.turn(Duration::ZERO, number))
    }

    /// What is done in the turn with this number.
    pub(crate) fn operation(&self, number: u64) -> Operation {
        let all = self.mix.last().map_or(0, |(sum, _)| *sum);
        let drawn = (u128::from(scrambled(self.seed, number)) * u128::from(all)) >> 64;
        let chosen = self.mix.iter().find(|(sum, _)| drawn < u128::from(*sum));
        chosen.map_or(Operation::Register, |(_, operation)| *operation)
    }

    /// Which turn of all the next of ours is.
    fn number(&self) -> Option<u64> {
        let Some(places) = &self.places else {
            return Some(self.taken);
        };
        let round = self.taken.checked_div(places.len() as u64)?;
        let place = places[(self.taken % places.len() as u64) as usize];
        Some(round * u64::from(self.count) + u64::from(place))
    }

    fn turn(&self, at: Duration, number: u64) -> Turn {
        Turn {
            at,
            operation: self.operation(number),
            member: spread(number, self.count) - self.ours.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKLOAD: &str = r#"
        name = "turns"
        seed = 5
        arrivals = "poisson"
        [devices]
        count = 97
        [mix]
        register = 1
        update = 3
        [[stages]]
        rate = 500
        for = "4s"
    "#;

    fn all(workload: &Workload, shard: Shard) -> Vec<Turn> {
        let mut turns = Turns::new(workload, shard);
        let first = shard.members(workload.devices.count).start;
        let mut all = Vec::new();
        while let Some(turn) = turns.next_by(Duration::MAX) {
            all.push(Turn {
                member: first + turn.member,
                ..turn
            });
        }
        all
    }

    #[test]
    fn shards_have_the_turns_of_the_whole_and_no_others() {
        let workload = Workload::read(WORKLOAD).unwrap();
        let whole = all(&workload, Shard::WHOLE);
        assert!(whole.len() > 1_500, "{}", whole.len());
        let of = 5;
        let mut shared = Vec::new();
        for number in 0..of {
            let shard = Shard { number, of };
            let part = all(&workload, shard);
            let ours = shard.members(97);
            assert!(part.iter().all(|turn| ours.contains(&turn.member)));
            shared.extend(part);
        }
        shared.sort_by_key(|turn| turn.at);
        assert_eq!(shared, whole);
    }

    #[test]
    fn operations_have_their_shares_and_everybody_has_a_turn_before_anybody_has_another() {
        let workload = Workload::read(WORKLOAD).unwrap();
        let all = all(&workload, Shard::WHOLE);
        let updates = all
            .iter()
            .filter(|turn| turn.operation == Operation::Update);
        let share = updates.count() as f64 / all.len() as f64;
        // The deviation is 0.01 of some 2,000.
        assert!((share - 0.75).abs() < 0.05, "{share}");
        for round in all.chunks_exact(97) {
            let mut seen = [false; 97];
            round
                .iter()
                .for_each(|turn| seen[turn.member as usize] = true);
            assert!(seen.iter().all(|seen| *seen));
        }
    }

    #[test]
    fn a_shard_passes_over_what_others_do() {
        // A week of ten million in a second, of which one of ten million devices has some 600,000.
        let text = WORKLOAD
            .replace("count = 97", "count = 10000000")
            .replace("\"poisson\"", "\"even\"")
            .replace("rate = 500", "rate = 10000000")
            .replace("\"4s\"", "\"168h\"");
        let workload = Workload::read(&text).unwrap();
        let shard = Shard {
            number: 4_711,
            of: 10_000_000,
        };
        assert_eq!(all(&workload, shard).len(), 604_800);
    }
}
