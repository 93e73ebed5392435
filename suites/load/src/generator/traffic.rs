//! What a generator has to be told of the devices that it drives.

use twinproof_kernel::{Rests, Role};
use twinproof_lwm2m::upper::{self, Answer};

use crate::measure::Outcome;
use crate::workload::Operation;

/// What devices of a kind do for a workload.
pub trait Traffic {
    /// The devices.
    type Role: Rests;

    /// What a device is told for an operation, which is the one with this number. It is answered once its answer, or its
    /// lack, is there.
    fn order(&self, operation: Operation, number: u64) -> <Self::Role as Role>::Order;

    /// What the server's operator is asked for an operation that is not up to the device of this name.
    fn asks(&self, operation: Operation, endpoint: &str) -> Option<upper::Operation>;

    /// What the server's operator is asked about a device before the first stage, where devices report.
    fn prepares(&self, endpoint: &str) -> upper::Operation;

    /// What came of what the operator was asked about the device of this name.
    fn told(&self, operation: Operation, endpoint: &str, answer: &Answer) -> Outcome;

    /// What a device is told that leaves while others go on; nothing where it can but fall silent.
    fn farewell(&self) -> Option<<Self::Role as Role>::Order> {
        None
    }

    /// What came of an operation.
    fn outcome(&self, operation: Operation, answer: &<Self::Role as Role>::Answer) -> Outcome;
}
