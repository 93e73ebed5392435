//! OMA Device Management: what goes over the wire, the tree of a device, and the roles of a session.
//!
//! This crate turns octets into values and values into octets, and plays client and server. It opens no
//! socket and reads no clock; what varies (seeds, times, limits) is an argument.
//!
//! Two layers, so that legal and illegal never share a type:
//!
//! - [`document`] is an ordered tree that can hold *anything* an XML or WBXML document can say.
//!   [`xml`] and [`wbxml`] read and write it.
//! - [`syncml`] is a typed view on that tree that holds only what the standard allows. What a parser
//!   had to forgive is listed beside the value.
//! - [`provisioning`] is bootstrap: documents that create an account, and what protects them; [`bootstrap`] are
//!   the roles that hand them out and take them.
//! - [`tree`] is what is said about the management tree: addresses, properties, rights, descriptions.
//! - [`store`] is the tree of a device and what servers may do with it; [`features`] is how it says what it has, and how its
//!   servers rank.
//! - [`client`] and [`server`] are the roles; [`session`] is what both have in common, and [`upper`]
//!   what an application asks of its server.
//! - [`push`] brings triggers, and [`carrier`] is how they come where HTTP does not bring them; [`auth`] and [`notification`] are what a message needs around it: credentials and triggers.
//!
//! No input makes this crate panic, and no input makes it use more memory than its [`Limits`].
//!
//! ```
//! use twinproof_dm::{Limits, wbxml, xml};
//!
//! let text = "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncBody><Final/></SyncBody></SyncML>";
//! let root = xml::read(text.as_bytes(), &Limits::default())?;
//! let octets = wbxml::write(&root, &wbxml::Form::default())?;
//! assert_eq!(wbxml::read(&octets, None, &Limits::default())?.root, root);
//! # Ok::<(), twinproof_dm::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod auth;
mod base64;
pub mod bootstrap;
pub mod carrier;
pub mod client;
pub mod document;
mod encoding;
mod error;
pub mod features;
mod hex;
pub mod media;
pub mod notification;
pub mod provisioning;
pub mod push;
pub mod server;
pub mod session;
pub mod store;
pub mod syncml;
pub mod tree;
pub mod upper;
pub mod wbxml;
mod words;
pub mod xml;

pub use document::Limits;
pub use encoding::Encoding;
pub use error::{Basis, Error, Fault};
