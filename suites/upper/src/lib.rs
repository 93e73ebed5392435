//! Upper testers: whoever makes a server act that runs elsewhere, as its profile says.
//!
//! No text of LwM2M says how an application reaches its server. A profile therefore describes it: a
//! management API over HTTP, a process that is driven by lines, or a person at the terminal. What of it is
//! broken is no fault of the server: it makes a scenario inconclusive, and says why.
#![forbid(unsafe_code)]

mod answer;
mod asked;
mod command;
mod events;
mod faults;
mod http;
mod input;
mod manual;
pub mod profiles;
mod program;

use std::sync::Arc;

use twinproof_judge::profile::UpperTester as Described;
use twinproof_stage::UpperTester;

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

    /// Ends what was started.
    pub async fn close(&self, described: Option<&Described>) {
        if let Some(Described::Command(spec)) = described {
            self.command.close(spec.quit.as_ref()).await;
        }
    }
}
