//! The built-in LwM2M bootstrap server alone, and the server to which it leads its devices.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::checks::lwm2m::bootstrap::PROVISIONED;
use twinproof_judge::profile::Declared;
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_lwm2m::bootstrap::rules::Standard;
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};

use crate::bootstrap::{Hosted, Lwm2mBootstrap};

/// How long what is asked of the stage may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bootstrap server that answers as long as this lives.
pub struct ServedBootstrap {
    _stage: Stage,
    profile: Declared,
}

impl ServedBootstrap {
    /// Starts the built-in bootstrap server at `listen`, and beside it, at a free port, the server to
    /// which it leads its devices.
    ///
    /// # Errors
    ///
    /// An address cannot be had; the words name it.
    pub async fn start(listen: SocketAddr, seed: u64) -> Result<Self, String> {
        let network = Network::new(PATIENCE)?;
        let pace = Pace {
            timeout: PATIENCE,
            settle: Duration::ZERO,
        };
        // Nobody is recorded: the system is a guest of its callers, not of a scenario.
        let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
            Vec::new()
        });
        let mut stage = Stage::open(Kind::Live(network), recorder, pace);
        let bound = stage.bind_at(SUT, Some(listen)).await;
        let at = bound.map_err(|_| format!("cannot listen on {listen}"))?;
        let beside = SocketAddr::new(at.ip(), 0);
        let bound = stage.bind_at(PROVISIONED, Some(beside)).await;
        let server = bound.map_err(|_| format!("cannot listen on {beside}"))?;
        let system = Lwm2mBootstrap::new(Arc::new(Standard));
        let sealed = None;
        let hosted = Hosted { at, sealed, server };
        let profile = system.host(&mut stage, hosted, Seed::new(seed));
        Ok(Self {
            _stage: stage,
            profile,
        })
    }

    /// The profile of the bootstrap server where it is.
    pub fn profile(&self) -> &Declared {
        &self.profile
    }
}
