use std::net::SocketAddr;

use crate::{Role, Seed, Time};

/// Who a role is among many of its kind: what follows from its place in a fleet and need not be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity<'n> {
    /// Its name.
    pub name: &'n str,
    /// Its own address.
    pub at: SocketAddr,
    /// What its random choices follow from.
    pub seed: Seed,
}

/// A role that can be put away while nothing is under way, and taken up again as if it had been there all
/// the time: what it then says, and when, is what it would have said.
pub trait Rests: Role + Sized {
    /// What is kept of it. The default is a role before its first input.
    type Packed: Clone + Default + std::fmt::Debug;

    /// What to keep of the role whose place in the fleet has this address, unless there is more to it now
    /// than fits. Who gets something drops the role.
    fn pack(&self, shared: &Self::Shared, at: SocketAddr) -> Option<Self::Packed>;

    /// The role again, of whom this was kept.
    fn unpack(shared: &Self::Shared, packed: Self::Packed, who: Identity<'_>) -> Self;

    /// The same in the place of a role that is no longer needed, whose memory may be used again.
    fn refill(&mut self, shared: &Self::Shared, packed: Self::Packed, who: Identity<'_>) {
        *self = Self::unpack(shared, packed, who);
    }

    /// When the role that is packed wants to be woken, if at all.
    fn wakes_at(packed: &Self::Packed) -> Option<Time>;
}
