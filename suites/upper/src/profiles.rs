//! Upper testers that are ready, as sections of a profile.

/// An upper tester that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The section, with the key of what to change where it has one.
    pub text: &'static str,
}

/// All that there are.
pub const READY: &[Ready] = &[Ready {
    name: "leshan",
    about: "the REST API of Eclipse Leshan's demo server",
    text: include_str!("profiles/leshan.toml"),
}];
