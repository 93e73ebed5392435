//! Bootstrap in motion: a server that hands out documents, and a device that takes them.
//!
//! What a document is made of stands in [`provisioning`](crate::provisioning). Here it travels: a device
//! fetches it, or it is pushed (DM Bootstrap 1.2; that it is fetched from a URL is of RD DM 1.3).

pub mod device;
pub mod library;
mod make;
pub mod names;
mod open;
pub mod rules;
pub mod server;

pub use make::{Made, make};
pub use names::Names;
pub use open::{Known, Opened, open, secrets};
