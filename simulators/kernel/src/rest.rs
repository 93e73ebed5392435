use std::net::SocketAddr;

use crate::{Outbox, Role, Seed, Time};

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

    /// What is known of an exchange that a packed role has begun, and that may go as most do.
    type Usual: std::fmt::Debug;

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

    /// Looks at what an exchange of a packed role needs first, and at nothing behind that: it is on its way out of memory then.
    /// What comes of it means nothing.
    fn glance(_packed: &Self::Packed) -> u64 {
        0
    }

    /// What the packed role at this address does with this order, if that is so usual that it need not be taken up for
    /// it: leaves in `out` what the role would, or nothing if it has to be taken up. Whatever happens then but for what
    /// [`end`](Self::end) knows, the role is taken up as it was packed and given the order [again](Self::order), as of
    /// then. Who it is, is found out only if it is asked.
    fn begin<'n>(
        shared: &Self::Shared,
        packed: &Self::Packed,
        at: SocketAddr,
        who: impl FnOnce() -> Option<Identity<'n>>,
        now: Time,
        order: &Self::Order,
        out: &mut Outbox<Self::Answer>,
    ) -> Option<Self::Usual>;

    /// The order with which the exchange has begun.
    fn order(shared: &Self::Shared, usual: &Self::Usual) -> Self::Order;

    /// The role's answer to the order, if this datagram ends the exchange as is usual; `packed` is the role then, as it
    /// would have been packed after the datagram.
    fn end(
        shared: &Self::Shared,
        packed: &mut Self::Packed,
        usual: &Self::Usual,
        now: Time,
        datagram: (SocketAddr, &[u8]),
    ) -> Option<Self::Answer>;

    /// When the role wants to be woken, unless the exchange ends before.
    fn waits_until(usual: &Self::Usual) -> Time;
}
