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
pub const READY: &[Ready] = &[
    Ready {
        name: "leshan",
        about: "the REST API of Eclipse Leshan's demo server",
        text: include_str!("profiles/leshan.toml"),
    },
    Ready {
        name: "lwm2m-node-lib",
        about: "the interactive server of Telefónica's lwm2m-node-lib, started by the run",
        text: include_str!("profiles/lwm2m-node-lib.toml"),
    },
    Ready {
        name: "manual",
        about: "a person at the terminal, who is asked what to do and what is shown",
        text: include_str!("profiles/manual.toml"),
    },
];
