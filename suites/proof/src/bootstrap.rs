//! Puts the built-in LwM2M bootstrap server on a stage, and the server to which it leads devices.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part};
use twinproof_evidence::record::Halt;
use twinproof_judge::checks::lwm2m::bootstrap::PROVISIONED;
use twinproof_judge::profile::{Credential, Declared, Release};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_lwm2m::bootstrap::BootstrapServer;
use twinproof_lwm2m::bootstrap::rules::{self, Rules, Watched};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::Standard;
use twinproof_reference::lwm2m::{self as reference, BootstrapShape, ENDPOINTS};
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_stage::dtls::Guests;
use twinproof_stage::{Halted, Security, Stage};

/// The built-in LwM2M bootstrap server under given rules.
pub struct Lwm2mBootstrap {
    profile: Declared,
    shape: BootstrapShape,
    pub(crate) rules: Watched,
    /// All devices come over associations.
    secured: bool,
}

/// Where the bootstrap server is, and the server to which it leads devices.
pub(crate) struct Hosted {
    /// Where it takes requests in the clear.
    pub(crate) at: SocketAddr,
    /// Where it takes them over associations, if it does.
    pub(crate) sealed: Option<SocketAddr>,
    /// The server to which it leads devices, with keys if it takes requests over associations.
    pub(crate) server: SocketAddr,
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
            secured: false,
        }
    }

    /// The same, and all devices come over associations, in every scenario.
    #[must_use]
    pub fn secured(self) -> Self {
        Self {
            secured: true,
            ..self
        }
    }

    /// Puts it on a stage, and the server to which it leads its devices, each at an address that is
    /// bound; the profile that is returned has these addresses.
    pub(crate) fn host(
        &self,
        stage: &mut Stage,
        Hosted { at, sealed, server }: Hosted,
        seed: Seed,
    ) -> Declared {
        let decides = self.rules.for_scenario(seed);
        let mut shared = reference::bootstrap((server, sealed.is_some()), &self.shape, decides);
        if sealed.is_some() {
            let known = self.credentials().into_iter();
            shared.credentials = known
                .map(|one| (one.identity().as_bytes().to_vec(), one.endpoint))
                .collect();
        }
        let shared = Arc::new(shared);
        let make = move || {
            (
                BootstrapServer::new(at, seed.derive(SUT)),
                Arc::clone(&shared),
            )
        };
        stage.host_role(SUT, make);
        let mut shape = Shape::default();
        shape.version = self.shape.version;
        let mut shared = reference::set_up(&shape, Arc::new(Standard));
        if sealed.is_some() {
            let own = |name: &str| (name.as_bytes().to_vec(), name.to_owned());
            shared.credentials = ENDPOINTS.into_iter().map(own).collect();
        }
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
            let scheme = match sealed {
                Some(_) => "coaps",
                None => "coap",
            };
            section.security = section.security.take().filter(|_| sealed.is_some());
            if let (Some(security), Some(place)) = (&mut section.security, sealed) {
                let plain = std::mem::replace(&mut section.server, format!("coaps://{place}"));
                (security.server, security.plain) = (None, Some(plain));
            }
            for endpoint in &mut section.endpoints {
                endpoint.server = Some(format!("{scheme}://{server}"));
            }
        }
        declared
    }

    /// The devices that come over associations.
    fn credentials(&self) -> Vec<Credential> {
        let section = self.profile.profile.lwm2m.as_ref();
        let own = section.and_then(|section| section.bootstrap.as_ref());
        let security = own.and_then(|own| own.security.as_ref());
        security.map_or(Vec::new(), |security| security.credentials.clone())
    }

    /// The places of it and of its server where devices come over associations.
    async fn seal(&self, stage: &mut Stage, seed: Seed) -> Result<[SocketAddr; 2], Halted> {
        let mut guests = Guests::default();
        for one in self.credentials() {
            let key = one.octets();
            let key = key.map_err(|why| stage.halt(Halt::Error { why }))?;
            guests = guests.with_psk(one.identity().as_bytes(), &key);
        }
        let given = (1..).zip(ENDPOINTS);
        let given = given.fold(Guests::default(), |guests, (number, name)| {
            guests.with_psk(name.as_bytes(), &reference::given_key(number))
        });
        let mut places = Vec::new();
        for (name, guests) in [(SUT, guests), (PROVISIONED, given)] {
            let security = Security {
                guests: Some(guests),
                ..Security::default()
            };
            places.push(
                stage
                    .bind_secured(name, security, seed.derive(name))
                    .await?,
            );
        }
        Ok([places[0], places[1]])
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
        part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        async move {
            let at = stage.bind(SUT).await?;
            let (sealed, server) = match self.secured || part.is_secured() {
                true => {
                    let [place, server] = self.seal(stage, seed).await?;
                    (Some(place), server)
                }
                false => (None, stage.bind(PROVISIONED).await?),
            };
            Ok(self.host(stage, Hosted { at, sealed, server }, seed))
        }
        .boxed_local()
    }
}
