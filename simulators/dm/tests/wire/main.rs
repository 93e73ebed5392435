//! Everything that goes over the wire, tested as a user of the crate sees it.

mod acl;
mod bootstrap;
mod carriers;
mod ddf;
mod documents;
mod golden;
mod hostile;
mod messages;
mod notification;
mod oracle;
mod provisioning;
mod syncml;
mod tnds;
mod trees;
