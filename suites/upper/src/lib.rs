//! Upper testers: whoever makes a server act that runs elsewhere, as its profile says.
//!
//! No text of LwM2M says how an application reaches its server. A profile therefore describes it: a
//! management API over HTTP, a process that is driven by lines, or a person at the terminal. What of it is
//! broken is no fault of the server: it makes a scenario inconclusive, and says why.
#![forbid(unsafe_code)]

mod answer;
mod asked;
mod bridge;
mod client;
mod command;
mod events;
mod faults;
mod http;
mod input;
mod manual;
pub mod profiles;
mod program;

use std::sync::Arc;

use serde_json::{Map, Value};
use twinproof_judge::profile::{Client, ClientControl as Control, UpperTester as Described};
use twinproof_lwm2m::upper::Accounts;
use twinproof_stage::{ClientControl, UpperTester};

pub use bridge::{Bridge, Reads};
pub use faults::{Fault, fault};

/// The upper testers of a run: makes one for every scenario, and holds what they share.
pub struct Hands {
    http: Arc<http::Shared>,
    command: Arc<command::Shared>,
    terminal: Arc<manual::Terminal>,
}

impl Hands {
    /// Nothing is contacted, started or asked before the first scenario. A person is asked at the terminal
    /// only where the run is interactive.
    pub fn new(interactive: bool) -> Self {
        Self {
            http: Arc::default(),
            command: Arc::default(),
            terminal: Arc::new(manual::Terminal::of_process(interactive)),
        }
    }

    /// The upper tester of one scenario; none where the system has a hand inside.
    pub fn of(&self, described: &Described) -> Option<Box<dyn UpperTester>> {
        Some(match described {
            Described::Builtin => return None,
            Described::Command(spec) => {
                let spec = Arc::new(spec.as_ref().clone());
                Box::new(command::Command::new(spec, Arc::clone(&self.command)))
            }
            Described::Http(spec) => {
                let spec = Arc::new(spec.as_ref().clone());
                Box::new(http::Http::new(spec, Arc::clone(&self.http)))
            }
            Described::Manual(spec) => {
                let patience = spec.patience.duration();
                Box::new(manual::Manual::new(Arc::clone(&self.terminal), patience))
            }
        })
    }

    /// Who controls the client in one scenario, in which its servers are where the profile says; none
    /// where nobody does, or the system has a hand inside.
    pub fn client(&self, client: &Client, accounts: Accounts) -> Option<Box<dyn ClientControl>> {
        let names = (names(client), accounts);
        let patience = client.patience.duration();
        Some(match client.control.as_ref()? {
            Control::Builtin => return None,
            Control::Command(spec) => {
                let spec = Arc::new(spec.as_ref().clone());
                Box::new(client::Command::new(spec, names, patience))
            }
            Control::Manual(spec) => {
                let patience = spec.patience.duration();
                let terminal = Arc::clone(&self.terminal);
                Box::new(client::Manual::new(terminal, names, patience))
            }
        })
    }

    /// Ends what was started.
    pub async fn close(&self, described: Option<&Described>) {
        if let Some(Described::Command(spec)) = described {
            self.command.close(spec.quit.as_ref()).await;
        }
    }
}

/// What the templates of a client's control name: who it is, and where its servers are.
fn names(client: &Client) -> Map<String, Value> {
    let mut names = Map::new();
    let mut name = |key: String, value: &str| names.insert(key, value.into());
    if let Some(endpoint) = &client.endpoint {
        name("endpoint".to_owned(), endpoint);
    }
    let security = client.security.as_ref();
    let scheme = security.map_or("coap", |_| "coaps");
    for (prefix, place, own) in [
        ("", &client.listen, security.map(|s| &s.server)),
        ("other_", &client.listen_other, security.map(|s| &s.other)),
        (
            "bootstrap_",
            &client.listen_bootstrap,
            security.map(|s| &s.bootstrap),
        ),
    ] {
        let Some((host, port)) = place.as_ref().and_then(|place| place.rsplit_once(':')) else {
            continue;
        };
        name(format!("{prefix}host"), host.trim_matches(['[', ']']));
        name(format!("{prefix}port"), port);
        name(format!("{prefix}uri"), &format!("{scheme}://{host}:{port}"));
        if let Some((identity, key)) = own.and_then(|o| o.identity.as_ref().zip(o.key.as_ref())) {
            name(format!("{prefix}identity"), identity);
            name(format!("{prefix}key"), key);
        }
    }
    names
}

/// What of a client's control makes no sense, if anything: the key below its `command`, and why.
pub fn client_fault(control: &Control) -> Option<(&'static str, String)> {
    let Control::Command(spec) = control else {
        return None;
    };
    if spec.start.first().is_none_or(String::is_empty) {
        let why = "expected a program and its arguments".to_owned();
        return Some(("start", why));
    }
    let unread = spec.ready.as_ref().and_then(|p| regex::Regex::new(p).err());
    unread.map(|error| ("ready", error.to_string()))
}
