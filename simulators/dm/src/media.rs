//! Media types of DM, and their numbers in WSP.

use crate::error::Basis;

/// A row of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// The name.
    pub name: &'static str,
    /// The well-known number in WSP, where one is registered.
    pub wsp: Option<u8>,
    /// How well we know.
    pub basis: Basis,
}

/// Messages in XML.
pub const DM_XML: &str = "application/vnd.syncml.dm+xml";
/// Messages in WBXML.
pub const DM_WBXML: &str = "application/vnd.syncml.dm+wbxml";
/// Serialised trees in XML.
pub const TNDS_XML: &str = "application/vnd.syncml.dmtnds+xml";
/// Serialised trees in WBXML.
pub const TNDS_WBXML: &str = "application/vnd.syncml.dmtnds+wbxml";
/// Device descriptions in XML.
pub const DDF_XML: &str = "application/vnd.syncml.dmddf+xml";
/// Device descriptions in WBXML.
pub const DDF_WBXML: &str = "application/vnd.syncml.dmddf+wbxml";
/// Triggers of DM 1.2.
pub const NOTIFICATION: &str = "application/vnd.syncml.notification";
/// Registered later; that DM 1.3 uses it for its triggers is assumed.
pub const DM_NOTIFICATION: &str = "application/vnd.syncml.dm.notification";
/// Client provisioning in WBXML.
pub const PROVISIONING: &str = "application/vnd.wap.connectivity-wbxml";

/// All of the above.
pub static TABLE: &[MediaType] = &[
    row(DM_WBXML, Some(0x42), Basis::Text),
    row(DM_XML, Some(0x43), Basis::Text),
    row(NOTIFICATION, Some(0x44), Basis::Text),
    row(DM_NOTIFICATION, Some(0x58), Basis::Text),
    row(TNDS_XML, None, Basis::Text),
    row(TNDS_WBXML, None, Basis::Text),
    row(DDF_XML, None, Basis::Text),
    row(DDF_WBXML, None, Basis::Text),
    row(PROVISIONING, Some(0x36), Basis::Peer),
];

const fn row(name: &'static str, wsp: Option<u8>, basis: Basis) -> MediaType {
    MediaType { name, wsp, basis }
}
