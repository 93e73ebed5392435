//! What both ends of a session have in common: how a package is cut into messages, how large objects
//! are put together again, and how each end proves who it is.

pub mod cut;
pub mod join;
pub mod prove;
