//! Puts the built-in LwM2M bootstrap server on a stage, and the server to which it leads devices.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part};
use twinproof_judge::checks::lwm2m::bootstrap::PROVISIONED;
use twinproof_judge::profile::{Declared, Release};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_lwm2m::bootstrap::BootstrapServer;
use twinproof_lwm2m::bootstrap::rules::{self, Rules, Watched};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::Standard;
use twinproof_reference::lwm2m::{self as reference, BootstrapShape};
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_stage::{Halted, Stage};

/// The built-in LwM2M bootstrap server under given rules.
pub struct Lwm2mBootstrap {
    profile: Declared,
    shape: BootstrapShape,
    pub(crate) rules: Watched,
}

impl Lwm2mBootstrap {
    /// The bootstrap server as these rules make it.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        Self::made(BootstrapShape::default(), rules)
    }

    /// The bootstrap server in another lawful shape.
    pub fn shaped(shape: BootstrapShape) -> Self {
        Self::made(shape, Arc::new(rules::Standard))
    }

    fn made(shape: BootstrapShape, rules: Arc<dyn Rules>) -> Self {
        let profile = Declared::parse(include_str!("bootstrap.toml"));
        let mut profile = profile.expect("the built-in profile is tested");
        if let Some(section) = &mut profile.profile.lwm2m {
            section.version = Release(shape.version);
        }
        Self {
            profile,
            shape,
            rules: Watched::new(rules),
        }
    }

    /// Puts it on a stage, and the server to which it leads its devices, each at an address that is
    /// bound; the profile that is returned has these addresses.
    pub(crate) fn host(
        &self,
        stage: &mut Stage,
        (at, server): (SocketAddr, SocketAddr),
        seed: Seed,
    ) -> Declared {
        let decides = self.rules.for_scenario(seed);
        let shared = Arc::new(reference::bootstrap(server, &self.shape, decides));
        let make = move || {
            (
                BootstrapServer::new(at, seed.derive(SUT)),
                Arc::clone(&shared),
            )
        };
        stage.host_role(SUT, make);
        let mut shape = Shape::default();
        shape.version = self.shape.version;
        let shared = reference::set_up(&shape, Arc::new(Standard));
        let shared = Arc::new(shared);
        let make = move || {
            (
                Server::new(server, seed.derive(PROVISIONED)),
                Arc::clone(&shared),
            )
        };
        stage.host_role(PROVISIONED, make);
        let mut declared = self.profile.clone();
        let section = declared.profile.lwm2m.as_mut();
        if let Some(section) = section.and_then(|section| section.bootstrap.as_mut()) {
            section.server = format!("coap://{at}");
            for endpoint in &mut section.endpoints {
                endpoint.server = Some(format!("coap://{server}"));
            }
        }
        declared
    }
}

impl BuiltIn for Lwm2mBootstrap {
    fn profile(&self) -> &Declared {
        &self.profile
    }

    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        _part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        async move {
            let at = stage.bind(SUT).await?;
            let server = stage.bind(PROVISIONED).await?;
            Ok(self.host(stage, (at, server), seed))
        }
        .boxed_local()
    }
}
