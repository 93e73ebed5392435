//! Upper testers that are ready, as sections of a profile.

/// An upper tester that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Where the server listens that it is for, unless that is the standard's port.
    pub server: Option<&'static str>,
    /// The section, with the key of what to change where it has one.
    pub text: &'static str,
}

/// All that there are.
pub const READY: &[Ready] = &[
    Ready {
        name: "leshan",
        about: "the REST API of Eclipse Leshan's demo server",
        server: None,
        text: include_str!("profiles/leshan.toml"),
    },
    Ready {
        name: "lwm2m-node-lib",
        about: "the interactive server of Telefónica's lwm2m-node-lib, started by the run",
        server: Some("coap://127.0.0.1:5684"),
        text: include_str!("profiles/lwm2m-node-lib.toml"),
    },
    Ready {
        name: "manual",
        about: "a person at the terminal, who is asked what to do and what is shown",
        server: None,
        text: include_str!("profiles/manual.toml"),
    },
    Ready {
        name: "twinproof",
        about: "the built-in server (`twinproof serve --lines`), started by the run",
        server: None,
        text: include_str!("profiles/twinproof.toml"),
    },
];
