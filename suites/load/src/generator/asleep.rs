//! A generator whose devices sleep: what they cannot have heard is nobody's loss.

use std::net::SocketAddr;

use twinproof_kernel::Time;

use super::{Deed, Generator, Pending, Traffic};
use crate::sleep::TRANSMIT_WAIT;
use crate::workload::{Operation, Workload};

/// When each of so many devices spoke last, if they sleep and are asked for something meanwhile.
pub(super) fn spoke(workload: &Workload, members: usize) -> Vec<Time> {
    let asks = workload.operations().any(|one| one == Operation::Read);
    match workload.devices.awake() {
        Some(_) if asks => vec![Time::ZERO; members],
        _ => Vec::new(),
    }
}

impl<T: Traffic> Generator<'_, T> {
    /// A datagram of the device at an address leaves.
    pub(super) fn speaks(&mut self, at: SocketAddr, now: Time) {
        if self.spoke.is_empty() {
            return;
        }
        let member = self.fleet.roster().member(at);
        if let Some(spoke) = member.and_then(|member| self.spoke.get_mut(member as usize)) {
            *spoke = now;
        }
    }

    /// Whether nothing can be held against a server that has no answer of a device yet: it may have asked while the device
    /// slept, repeats that for so long, and has to ask again only when it hears of the device after that (TS 1.0.2 §8.4).
    pub(super) fn is_asleep(&self, pending: &Pending) -> bool {
        let spoke = self.spoke.get(pending.member as usize);
        let asks = pending.deed == Deed::Do(Operation::Read);
        asks && spoke.is_some_and(|spoke| *spoke < pending.meant + TRANSMIT_WAIT)
    }
}
