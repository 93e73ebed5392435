//! Who does what next, and when that is meant to be.

use std::ops::Range;
use std::time::Duration;

use twinproof_fleet::spread;
use twinproof_kernel::Seed;

use crate::schedule::Schedule;
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

/// The turns of a shard. All shards draw what the whole draws, and leave out what others do, so that who does what at which
/// moment does not depend on how many shards there are.
pub(crate) struct Turns {
    schedule: Schedule,
    mix: Vec<(u32, Operation)>,
    random: fastrand::Rng,
    /// How often it was the turn of each operation, in the order of [`Operation::ALL`].
    turns: [u64; Operation::ALL.len()],
    /// How many devices take part in all.
    count: u32,
    ours: Range<u32>,
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
        Self {
            schedule: Schedule::new(&workload.stages, workload.arrivals, seed),
            mix: shares.collect(),
            random: seed.derive("mix").rng(),
            turns: [0; Operation::ALL.len()],
            count: workload.devices.count,
            ours: shard.members(workload.devices.count),
            next: None,
        }
    }

    /// When the next is meant to begin.
    pub(crate) fn peek(&mut self) -> Option<Duration> {
        while self.next.is_none() {
            let at = self.schedule.next()?;
            let (operation, number) = self.draw();
            self.next = self.turn(at, operation, number);
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
        if self.ours.is_empty() {
            return None;
        }
        loop {
            let (operation, number) = self.draw();
            let turn = self.turn(Duration::ZERO, operation, number);
            if turn.is_some() {
                return turn;
            }
        }
    }

    fn draw(&mut self) -> (Operation, u32) {
        let all = self.mix.last().map_or(0, |(sum, _)| *sum);
        let drawn = self.random.u32(..all.max(1));
        let chosen = self.mix.iter().find(|(sum, _)| drawn < *sum);
        let operation = chosen.map_or(Operation::Register, |(_, operation)| *operation);
        let turn = &mut self.turns[operation as usize];
        *turn += 1;
        (operation, spread(*turn - 1, self.count))
    }

    fn turn(&self, at: Duration, operation: Operation, number: u32) -> Option<Turn> {
        let member = number.checked_sub(self.ours.start)?;
        self.ours.contains(&number).then_some(Turn {
            at,
            operation,
            member,
        })
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
}
