//! A generator whose devices shake hands with their server before they speak to it.

use twinproof_fleet::Roster;

use super::{Generator, Phase, Traffic};
use crate::sessions::Shaken;
use crate::workload::Operation;

impl<T: Traffic> Generator<'_, T> {
    /// Who its devices are, and the number of the first.
    pub(crate) fn who(&self) -> (Roster, u32) {
        (self.fleet.roster().clone(), self.before)
    }

    /// Who is to begin a handshake, and as what it is known that it was asked to.
    pub(crate) fn handshakes(&mut self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.handshakes)
    }

    /// A handshake has come to its end. Those that devices began because they had something to say are measured like those
    /// that they were told to begin, from their first datagram on.
    pub(crate) fn shaken(&mut self, shaken: Shaken) {
        let Shaken {
            call,
            began,
            ended,
            outcome,
        } = shaken;
        let Some(call) = call else {
            let since = began.since(self.begins);
            let is_measured = matches!(self.phase, Phase::Loading | Phase::Draining)
                && began >= self.begins
                && since >= self.workload.warm_up.duration();
            if is_measured {
                let times = (ended.since(self.begins), ended.since(began));
                self.measures.beside(Operation::Handshake, times, outcome);
            }
            return;
        };
        let place = (call & u64::from(u32::MAX)) as usize;
        let Some(slot) = self.pending.get_mut(place) else {
            return;
        };
        // It may be the end of what was given up long ago.
        let asked = slot.take_if(|pending| pending.number & u64::from(u32::MAX) == call >> 32);
        if let Some(pending) = asked {
            self.ended((place, pending), outcome, ended);
        }
    }
}
