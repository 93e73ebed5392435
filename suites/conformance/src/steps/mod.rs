//! The steps, a module per enabler.

pub(crate) mod dm;
pub(crate) mod gwmo;
pub(crate) mod lwm2m;
pub(crate) mod twinning;
