//! Puts the built-in LwM2M server, and the built-in client, on a stage.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{
    BOOTSTRAP_SERVER, BuiltIn, Part, Places, SERVERS, credentials_of, place_servers,
};
use twinproof_evidence::record::Halt;
use twinproof_judge::profile::{Credential, Declared, Release};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_lwm2m::bootstrap::Credentials;
use twinproof_lwm2m::device::{self, Device};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::{KeyFacts, RecordFacts, Rules, Watched};
use twinproof_lwm2m::upper::Accounts;
use twinproof_reference::lwm2m::{self as reference, Home};
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_reference::variants::lwm2m_client::Shape as ClientShape;
use twinproof_stage::dtls::{self, Doorkeeper, Guests};
use twinproof_stage::{Halted, Security, Stage};

/// The built-in LwM2M server under given rules.
pub struct Lwm2mSystem {
    profile: Declared,
    shape: Shape,
    pub(crate) rules: Watched,
    /// All devices come over secured associations.
    secured: bool,
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
            secured: false,
        }
    }

    /// The same, and so many devices come over secured associations, in every scenario.
    #[must_use]
    pub fn secured(mut self, devices: usize) -> Self {
        self.secured = true;
        if let Some(section) = &mut self.profile.profile.lwm2m {
            section.server = Some("coaps://127.0.0.1:5684".to_owned());
            let security = section.security.get_or_insert_default();
            (security.server, security.plain) = (None, Some("coap://127.0.0.1:5683".to_owned()));
            let credential = |number: usize| Credential {
                endpoint: format!("twinproof-secured-{number}"),
                key: Some(format!("{number:032x}")),
                ..Credential::default()
            };
            security.credentials = (1..=devices).map(credential).collect();
        }
        self
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
        part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        async move {
            let at = stage.bind(SUT).await?;
            let rules = self.rules.for_scenario(seed);
            let mut shared = reference::set_up(&self.shape, Arc::clone(&rules));
            let mut declared = self.profile.clone();
            let Some(section) = declared.profile.lwm2m.as_mut() else {
                let why = "the built-in profile has no [lwm2m] section".to_owned();
                return Err(stage.halt(Halt::Error { why }));
            };
            section.server = Some(format!("coap://{at}"));
            if let Some(security) = section.security.as_mut()
                && (self.secured || part.is_secured())
            {
                let guests = guests(&security.credentials, rules);
                let guests = guests.map_err(|why| stage.halt(Halt::Error { why }))?;
                let own = Security {
                    guests: Some(guests),
                    ..Security::default()
                };
                let place = stage.bind_secured(SUT, own, seed.derive(SUT)).await?;
                let known = security.credentials.iter();
                shared.credentials = known
                    .map(|one| (one.identity().as_bytes().to_vec(), one.endpoint.clone()))
                    .collect();
                (security.server, security.plain) = (None, section.server.take());
                section.server = Some(format!("coaps://{place}"));
            }
            let shared = Arc::new(shared);
            let make = move || (Server::new(at, seed.derive(SUT)), Arc::clone(&shared));
            let server = stage.host_role(SUT, make);
            stage.attend(server);
            Ok(declared)
        }
        .boxed_local()
    }
}

/// Whom the server lets in, by its rules.
fn guests(credentials: &[Credential], rules: Arc<dyn Rules>) -> Result<Guests, String> {
    let mut guests = Guests::default().with_doorkeeper(Arc::new(Door(rules)));
    for credential in credentials {
        guests = guests.with_psk(credential.identity().as_bytes(), &credential.octets()?);
    }
    Ok(guests)
}

/// Lets the rules of a server decide at its door.
struct Door(Arc<dyn Rules>);

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

impl Doorkeeper for Door {
    fn key(&self, facts: dtls::KeyFacts<'_>) -> Option<Vec<u8>> {
        self.0.key(KeyFacts {
            own: facts.own,
            first: facts.first,
            before: facts.before,
        })
    }

    fn takes(&self, facts: dtls::RecordFacts) -> bool {
        self.0.takes_record(RecordFacts {
            authentic: facts.authentic,
            came_before: facts.came_before,
            protected: facts.protected,
        })
    }
}

/// The built-in LwM2M client under given rules.
pub struct Lwm2mClient {
    profile: Declared,
    shape: ClientShape,
    pub(crate) rules: device::rules::Watched,
    /// It meets all servers over associations.
    secured: bool,
    /// It is packed after each event, so often.
    packs: Option<Arc<AtomicU64>>,
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
            secured: false,
            packs: None,
        }
    }

    /// The same as it is in a fleet: packed after each event, if it can be, which is counted, and taken up again.
    #[must_use]
    pub fn resting(self, packs: Arc<AtomicU64>) -> Self {
        Self {
            packs: Some(packs),
            ..self
        }
    }

    /// The same, and it meets its servers over associations in every scenario.
    #[must_use]
    pub fn secured(self) -> Self {
        Self {
            secured: true,
            ..self
        }
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
            let sealed = self.secured || part.is_secured();
            let section = declared.profile.lwm2m.as_mut();
            if let Some(client) = section.and_then(|section| section.client.as_mut()) {
                client.security = client.security.take().filter(|_| sealed);
            }
            let places = place_servers(stage, &mut declared, part, seed).await?;
            let at = match sealed {
                true => {
                    let own = Security::default();
                    stage.bind_secured(SUT, own, seed.derive(SUT)).await?
                }
                false => stage.bind(SUT).await?,
            };
            let homes = homes(stage, at, &places, &declared);
            let homes = homes.map_err(|why| stage.halt(Halt::Error { why }))?;
            let rules = self.rules.for_scenario(seed);
            let accounts = match part.accounts() {
                Accounts::Bootstrap => (&[][..], places.bootstrap),
                Accounts::First => (&homes[..1], places.bootstrap),
                Accounts::Both | Accounts::Servers => (&homes[..], places.bootstrap),
            };
            let mut shared = reference::client(accounts, &self.shape, rules);
            if let Some(packs) = &self.packs {
                shared.remembers = false;
                shared.packs = Some(Arc::clone(packs));
                shared = shared.for_many();
            }
            let shared = Arc::new(shared);
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

/// The servers of the client, which meets them over associations with the keys of the profile, if it has any.
fn homes(
    stage: &mut Stage,
    at: SocketAddr,
    places: &Places,
    declared: &Declared,
) -> Result<Vec<Home>, String> {
    let section = declared.profile.lwm2m.as_ref();
    let client = section.and_then(|section| section.client.as_ref());
    let open = |address: &SocketAddr| Home {
        address: *address,
        credentials: Credentials::None,
    };
    let Some(security) = client.and_then(|client| client.security.as_ref()) else {
        return Ok(places.servers.iter().map(open).collect());
    };
    let mut trust = |address: SocketAddr, own, name| {
        let (identity, key) = credentials_of(own, name)?;
        let credentials = dtls::Credentials::psk(identity.as_bytes(), &key);
        stage.trust(at, address, credentials);
        Ok(Home {
            address,
            credentials: Credentials::Psk {
                identity: identity.into_bytes(),
                key,
            },
        })
    };
    if let Some(place) = places.bootstrap {
        trust(place, &security.bootstrap, BOOTSTRAP_SERVER)?;
    }
    let keys = [&security.server, &security.other];
    let known = places.servers.iter().zip(keys).zip(SERVERS);
    known
        .map(|((place, own), name)| trust(*place, own, name))
        .collect()
}
