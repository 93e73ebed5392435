//! The steps, a module per enabler.

pub(crate) mod twinning;
