//! OMA GwMO: a gateway that stands between DM servers and devices which they cannot reach.
//!
//! - [`gateway`] is the gateway: a client of its servers, a server of its devices, and what lies between.
//! - [`objects`] is how its management objects look. Their published descriptions could not be read, so
//!   all names are data; what identifies an object is its type.
//! - [`alert`] is what gateways report, [`payload`] and [`aggregate`] what fan-outs carry and bring back.
//! - [`hidden`] are the devices below, and the origin of what a gateway fetches; [`crowd`] is many of them.
//! - [`lines`] is a small protocol of its own, which some of them speak.
//! - [`manager`] is the server above that a tester plays.
//! - [`overseer`] is a server above that is judged, and [`tended`] the gateway that a tester plays for it.
//! - [`network`] hides devices: nothing crosses to them that they did not ask for.
//!
//! No socket, no clock, no chance but a seed.

#![forbid(unsafe_code)]

pub mod aggregate;
pub mod alert;
pub mod crowd;
pub mod gateway;
pub mod hidden;
pub mod lines;
pub mod manager;
pub mod network;
pub mod objects;
pub mod overseer;
pub mod payload;
pub mod tended;
