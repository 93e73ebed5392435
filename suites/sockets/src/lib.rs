//! Datagrams by the batch, for those who have many addresses.
//!
//! A [`Socket`] receives and sends up to [`BATCH`] datagrams with one call of the system, each to or from whichever of
//! its machine's addresses it is for. On loopback that is all of 127.0.0.0/8, so that a million devices with a
//! million addresses need one socket. What arrives comes with the moment at which the kernel received it.
//!
//! Where there is but one address, devices are told apart by their ports: [`Socket::open_ports`] has one socket for each.
//!
//! Of IPv6, loopback has a single address; a prefix that is routed to the machine is taken as a block of IPv4 is
//! ([`Socket::open_v6`]).

#[cfg(target_os = "linux")]
mod address;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod poll;
#[cfg(target_os = "linux")]
mod socket;

#[cfg(target_os = "linux")]
pub use clock::{Clock, cpu_of_process, cpu_of_thread};
#[cfg(target_os = "linux")]
pub use poll::{Poll, most_files};
#[cfg(target_os = "linux")]
pub use socket::{Arrival, Arrivals, BATCH, Departures, ROOM, Sent, Socket};
