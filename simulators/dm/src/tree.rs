//! The management tree on the wire: how nodes are addressed, what is known about them, who may do
//! what, and how a part of a tree travels (DM TND 1.2, DM TNDS 1.2).
//!
//! There is no tree in here, only what is said about one; [`store`](crate::store) has the tree.

pub mod acl;
pub mod ddf;
pub mod objects;
mod properties;
mod property;
mod query;
pub mod tnds;
mod uri;

pub use properties::{NodeType, RtProperties};
pub use property::Property;
pub use query::{Address, Part, Query, Selector};
pub use uri::{NodeUri, UriLimits};
