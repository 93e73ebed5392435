//! Devices in number.
//!
//! A [`Fleet`] is many roles of one kind in one table: who is addressed is found by arithmetic, who is to
//! be woken by a [`Wheel`], and who is at rest is packed. The roles are those that are judged one by one;
//! they see no difference. There is no socket and no clock here either: a stage brings datagrams and the time.
#![forbid(unsafe_code)]

mod fleet;
mod roster;
mod wheel;

pub use fleet::{Fleet, Sizes};
pub use roster::{Addresses, Roster, TooMany, spread, turns_of};
pub use wheel::Wheel;
