//! Where roles meet the world.
//!
//! Two stages, one interface: [`Stage`] is either *live* (real sockets and time) or *virtual* (an
//! event queue and a clock of its own). A scenario cannot tell which it is on. The stage, never a
//! role, writes the ledger.

mod actor;
mod certificates;
mod doors;
mod hooks;
mod live;
mod network;
mod recorder;
mod secure;
mod shelter;
mod simulated;
mod stage;
mod store;
mod tls;
mod upper;

/// What secured places are told: whom they trust, what is done to their records.
pub use twinproof_dtls as dtls;

pub use actor::{Actor, Factory, Seat};
pub use certificates::{Authority, AuthorityFiles, Certificate, Shows};
pub use doors::{Entrance, Visit};
pub use hooks::{Elsewhere, HookCall};
pub use network::{Alias, Network, Options, PEER, Place};
pub use recorder::{FindSecrets, Recorder};
pub use secure::{KeyLog, Security};
pub use stage::{Acted, Bootstrapper, Deed, Front, Halted, Handle, Kind, Pace, ServerHooks, Stage};
pub use tls::Trust;
pub use upper::{ClientControl, Reach, UPPER_TESTER, UpperTester};
