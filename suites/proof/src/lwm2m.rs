//! Puts the built-in LwM2M server, and the built-in client, on a stage.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part, place_servers};
use twinproof_judge::profile::{Declared, Release};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_lwm2m::device::{self, Device};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::{Rival, Rules, Watched};
use twinproof_reference::lwm2m as reference;
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_reference::variants::lwm2m_client::Shape as ClientShape;
use twinproof_stage::{Halted, Stage};

/// The built-in LwM2M server under given rules.
pub struct Lwm2mSystem {
    profile: Declared,
    shape: Shape,
    rules: Watched,
}

impl Lwm2mSystem {
    /// The server as these rules make it.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        Self::made(Shape::default(), rules)
    }

    /// The server in another lawful shape.
    pub fn shaped(shape: Shape) -> Self {
        let rules = shape.rules();
        Self::made(shape, rules)
    }

    fn made(shape: Shape, rules: Arc<dyn Rules>) -> Self {
        let profile = Declared::parse(include_str!("lwm2m.toml"));
        let mut profile = profile.expect("the built-in profile is tested");
        if let Some(section) = &mut profile.profile.lwm2m {
            section.version = Release(shape.version);
            section.client = None;
        }
        Self {
            profile,
            shape,
            rules: Watched::new(rules),
        }
    }

    /// The same, and it remembers in which scenarios rivals would have decided otherwise.
    #[must_use]
    pub fn beside(self, rivals: Arc<[Rival]>) -> Self {
        Self {
            rules: self.rules.beside(rivals),
            ..self
        }
    }

    /// The rivals that differed so far in the scenario with this seed.
    pub fn differing(&self, seed: Seed) -> Vec<&'static str> {
        self.rules.differing(seed)
    }
}

impl BuiltIn for Lwm2mSystem {
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
            let shared = Arc::new(reference::set_up(
                &self.shape,
                self.rules.for_scenario(seed),
            ));
            let make = move || (Server::new(at, seed.derive(SUT)), Arc::clone(&shared));
            let server = stage.host_role(SUT, make);
            stage.attend(server);
            let mut declared = self.profile.clone();
            if let Some(section) = &mut declared.profile.lwm2m {
                section.server = Some(format!("coap://{at}"));
            }
            Ok(declared)
        }
        .boxed_local()
    }
}

/// The built-in LwM2M client under given rules.
pub struct Lwm2mClient {
    profile: Declared,
    shape: ClientShape,
    rules: device::rules::Watched,
}

impl Lwm2mClient {
    /// The client as these rules make it.
    pub fn new(rules: Arc<dyn device::rules::Rules>) -> Self {
        Self::made(ClientShape::default(), rules)
    }

    /// The client in another lawful shape.
    pub fn shaped(shape: ClientShape) -> Self {
        let rules = shape.rules();
        Self::made(shape, rules)
    }

    fn made(shape: ClientShape, rules: Arc<dyn device::rules::Rules>) -> Self {
        let profile = Declared::parse(include_str!("lwm2m.toml"));
        let mut profile = profile.expect("the built-in profile is tested");
        "lwm2m-client".clone_into(&mut profile.profile.sut.role);
        if let Some(section) = &mut profile.profile.lwm2m {
            section.server = None;
            section.version = Release(shape.version);
        }
        Self {
            profile,
            shape,
            rules: device::rules::Watched::new(rules),
        }
    }

    /// The same, and it remembers in which scenarios rivals would have decided otherwise.
    #[must_use]
    pub fn beside(self, rivals: Arc<[device::rules::Rival]>) -> Self {
        Self {
            rules: self.rules.beside(rivals),
            ..self
        }
    }

    /// The rivals that differed so far in the scenario with this seed.
    pub fn differing(&self, seed: Seed) -> Vec<&'static str> {
        self.rules.differing(seed)
    }
}

impl BuiltIn for Lwm2mClient {
    fn profile(&self) -> &Declared {
        &self.profile
    }

    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        async move {
            let mut declared = self.profile.clone();
            let servers = place_servers(stage, &mut declared, part).await?;
            let at = stage.bind(SUT).await?;
            let rules = self.rules.for_scenario(seed);
            let shared = Arc::new(reference::client(&servers, &self.shape, rules));
            let endpoint = format!("twinproof-{:08x}", seed.derive(SUT).rng().u32(..));
            let make = move || {
                let client = Device::new(endpoint.as_str(), at, seed.derive(SUT));
                (client, Arc::clone(&shared))
            };
            let client = stage.host_role(SUT, make);
            stage.control_hosted(client);
            Ok(declared)
        }
        .boxed_local()
    }
}
