//! Upper testers, and controls of clients, that are ready, as sections of a profile.

/// An upper tester, or a control of a client, that is ready.
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

/// All controls of clients that there are.
pub const READY_CLIENTS: &[Ready] = &[
    Ready {
        name: "lwm2m-node-lib",
        about: "the interactive client of Telefónica's lwm2m-node-lib, started by the run",
        server: None,
        text: include_str!("profiles/clients/lwm2m-node-lib.toml"),
    },
    Ready {
        name: "manual",
        about: "a person at the terminal, who is asked to start the client",
        server: None,
        text: include_str!("profiles/clients/manual.toml"),
    },
    Ready {
        name: "wakaama",
        about: "the example client of Eclipse Wakaama, started by the run",
        server: None,
        text: include_str!("profiles/clients/wakaama.toml"),
    },
];

#[cfg(test)]
mod tests {
    use twinproof_judge::profile::Declared;

    use super::READY_CLIENTS;
    use crate::client_fault;

    #[test]
    fn clients_that_are_ready_are_profiles() {
        for ready in READY_CLIENTS {
            let sut = "[sut]\nname = \"s\"\nrole = \"lwm2m-client\"\n";
            let declared = Declared::parse(&format!("{sut}{}", ready.text)).unwrap();
            let client = declared.profile.lwm2m.unwrap().client.unwrap();
            let fault = client_fault(client.control.as_ref().unwrap());
            assert_eq!(fault, None, "{}", ready.name);
        }
    }
}
