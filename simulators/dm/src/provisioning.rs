//! Bootstrap: how a device gets its first account (DM Bootstrap 1.2).
//!
//! A client provisioning document is an [`Element`](crate::document::Element) tree like any other;
//! [`Account`] is the part of it that DM defines, application `w7`. [`protection`] is what keeps a
//! stranger from bootstrapping a device, for this profile and for the one that sends a DM message.

mod account;
mod object;
pub mod protection;

pub use account::{Account, AddrType, Address, Auth, AuthLevel, AuthType, accounts, document};
