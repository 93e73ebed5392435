//! The built-in Twinning system alone, for devices in number: without partners, and without hooks.

use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_judge::profile::Declared;
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_stage::Stage;
use twinproof_twinning::enabler::rules::Rules;

use super::silent;
use crate::builtin::TwinningSystem;

/// A Twinning system that answers as long as this lives.
pub struct ServedPairs {
    _stage: Stage,
    profile: Declared,
}

impl ServedPairs {
    /// Starts the built-in system with these decisions and so many subscribers, at `listen`.
    ///
    /// # Errors
    ///
    /// The address cannot be had; the words name it.
    pub async fn start(
        rules: Arc<dyn Rules>,
        subscribers: usize,
        listen: SocketAddr,
        seed: u64,
    ) -> Result<Self, String> {
        let mut stage = silent(listen)?;
        let origin = stage.listen(SUT).await;
        let origin = origin.map_err(|halted| halted.to_string())?;
        let system = TwinningSystem::crowded(subscribers, rules);
        // It knows no partner, so that nobody is called there.
        let nobody = [origin.clone()];
        let mut profiles = system.host(&mut stage, Seed::new(seed), &origin, &nobody);
        Ok(Self {
            profile: profiles
                .pop()
                .ok_or_else(|| format!("nothing is provisioned at {origin}"))?,
            _stage: stage,
        })
    }

    /// The profile of the system where it is.
    pub fn profile(&self) -> &Declared {
        &self.profile
    }
}
