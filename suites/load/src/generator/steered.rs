//! A generator whose devices join and leave while it goes on.

use std::time::Duration;

use twinproof_kernel::{Seed, Time};

use super::{Deed, Generator, PREPARING, Phase, Traffic};
use crate::crowd::{Crowd, Move, Steer, Step};

impl<T: Traffic> Generator<'_, T> {
    /// It with devices that take part when [`steer`](Self::steer) says so, and none before. Of the stages of its workload
    /// it keeps when the last is over.
    #[must_use]
    pub fn steered(mut self) -> Self {
        let seed = Seed::new(self.workload.seed).derive(&self.name(0));
        let members = self.fleet.roster().members();
        self.crowd = Some(Crowd::new(self.workload, members, seed));
        self.phase = Phase::Loading;
        self
    }

    /// Does what somebody wants who steers it from outside.
    pub fn steer(&mut self, steer: Steer, now: Time) {
        let Some(crowd) = self.crowd.as_mut().filter(|_| self.phase == Phase::Loading) else {
            return;
        };
        let since = now.since(self.begins);
        let silent = crowd.steer(steer, since);
        if matches!(steer, Steer::Finish) {
            self.span = self.span.min(since);
            return self.measures.lasted(self.measured_for());
        }
        if silent {
            self.abandon();
        }
    }

    /// What devices had begun that are silent now came to nothing that could be said.
    fn abandon(&mut self) {
        let Some(crowd) = self.crowd.as_mut() else {
            return;
        };
        for pending in self.pending.iter_mut().flatten() {
            if pending.deed != Deed::Forget && crowd.is_dark(pending.member) {
                self.counts.abandoned += u64::from(matches!(pending.deed, Deed::Do(_)));
                pending.deed = Deed::Forget;
                crowd.given_up(pending.member);
            }
        }
        self.unobserved.retain(|member| !crowd.is_dark(*member));
    }

    /// How many devices take part, and whether all do that are to and can; nothing where nobody steers.
    pub fn taking_part(&self) -> Option<(usize, bool)> {
        let crowd = self.crowd.as_ref()?;
        Some((crowd.present(), crowd.is_settled()))
    }

    /// How long is measured, as far as is known.
    pub fn measured_for(&self) -> Duration {
        self.span.saturating_sub(self.workload.warm_up.duration())
    }

    /// What somebody wanted who steered it.
    pub fn steps(&self) -> &[Step] {
        self.crowd.as_ref().map_or(&[], Crowd::steps)
    }

    /// The same of those who take part while somebody steers.
    pub(super) fn next_move(&mut self, now: Time) -> Option<(u32, Deed, Time)> {
        if let Some(member) = self.unobserved.pop_front() {
            return Some((member, Deed::Observe, now));
        }
        let since = now.since(self.begins).min(self.span);
        let (member, what) = self.crowd.as_mut()?.next_by(since, PREPARING)?;
        Some(match what {
            Move::Join => (member, Deed::Register, now),
            Move::Leave => (member, Deed::Leave, now),
            Move::Operate(turn, at) => {
                let operation = self.turns.operation(turn);
                (member, Deed::Do(operation), self.begins + at)
            }
        })
    }
}
