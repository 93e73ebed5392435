use std::sync::Arc;

use futures::future::LocalBoxFuture;
use twinproof_judge::profile::Declared;
use twinproof_kernel::Seed;
use twinproof_stage::{Halted, Stage};

/// A system that can be put on a stage, once for every scenario.
pub trait BuiltIn: Send + Sync {
    /// Its profile; addresses in it are replaced by those of the stage.
    fn profile(&self) -> &Declared;

    /// Lets it enter under the name of the system under test and returns the profile with the
    /// addresses that it has there.
    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>>;
}

/// What is judged.
#[derive(Clone)]
pub enum Target {
    /// A system that is put on the stage.
    BuiltIn(Arc<dyn BuiltIn>),
    /// A system that runs elsewhere.
    External(Arc<Declared>),
}

impl Target {
    /// The profile.
    pub fn profile(&self) -> &Declared {
        match self {
            Self::BuiltIn(system) => system.profile(),
            Self::External(profile) => profile,
        }
    }
}
