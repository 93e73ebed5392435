//! What must hold of every codec and of the message layer, whatever octets come.
//!
//! Each target of [`TARGETS`] is a function from octets to nothing that panics when a promise is
//! broken: what is read can be written and is read again as the same, an error lies within its
//! input, nothing grows beyond what came in, and where another reader exists the two agree.
//!
//! The octets come from `corpus/` in the tests of this crate, which every `cargo test` runs, and from
//! libFuzzer in `targets/`, a crate of its own beside the workspace (CONTRIBUTING says how).
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod coap;
pub mod dm;
pub mod dtls;
pub mod endpoint;
pub mod lwm2m;

/// A name, and what is done with the octets.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. Each has a file of the same name in `targets/` and a folder in `corpus/`.
pub const TARGETS: &[Target] = &[
    ("attributes", lwm2m::attributes),
    ("bootstrap", bootstrap::operations),
    ("coap_packet", coap::packet),
    ("dm_provisioning", dm::provisioning),
    ("dm_tnds", dm::tnds),
    ("dm_trigger", dm::trigger),
    ("dm_wbxml", dm::wbxml),
    ("dm_xml", dm::xml),
    ("dtls_records", dtls::records_of_others),
    ("endpoint_alone", endpoint::alone),
    ("endpoint_pair", endpoint::pair),
    ("json", lwm2m::json),
    ("link_format", coap::link_format),
    ("lwm2m_cbor", lwm2m::lwm2m_cbor),
    ("model", lwm2m::model),
    ("senml_cbor", lwm2m::senml_cbor),
    ("senml_json", lwm2m::senml_json),
    ("single", lwm2m::single),
    ("tlv", lwm2m::tlv),
];
