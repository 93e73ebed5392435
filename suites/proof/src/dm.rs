//! Puts the built-in DM client, and the built-in DM server, on a stage.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part, place_dm_server};
use twinproof_dm::auth::Scheme;
use twinproof_dm::client::{self, Client};
use twinproof_dm::features::Feature;
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::store::{self, Profile, Tree};
use twinproof_dm::tree::UriLimits;
use twinproof_gwmo::overseer::{self, Overseer};
use twinproof_judge::profile::{Declared, DmAccount, DmScheme};
use twinproof_judge::scene::SUT;
use twinproof_kernel::{Seed, Time};
use twinproof_reference::dm as reference;
use twinproof_reference::variants::{dm, dm_client};
use twinproof_stage::{Halted, Stage};

fn profile(role: &str) -> Declared {
    let profile = Declared::parse(include_str!("dm.toml"));
    let mut profile = profile.expect("the built-in profile is tested");
    // Its options are as the profile has them: nothing of that is assumed.
    let settled = [
        "dm.client.bootstrap.names",
        "dm.client.features",
        "dm.client.options",
        "dm.client.priorities",
        "dm.client.search",
        "dm.server.gateways.named",
        "dm.server.gateways.names",
        "dm.server.gateways.results",
        "dm.server.options",
    ]
    .map(str::to_owned);
    profile.keys.extend(settled);
    role.clone_into(&mut profile.profile.sut.role);
    if let Some(section) = &mut profile.profile.dm {
        match role {
            "dm-client" => section.server = None,
            _ => section.client = None,
        }
    }
    profile
}

/// Where the built-in server wants the messages of a session after the first, behind its address.
const NEXT: &str = "/session";

/// How long the addresses are that the built-in client takes.
const LIMITS: UriLimits = UriLimits {
    max_depth: 16,
    max_total_len: 200,
    max_segment_len: 64,
};

/// A nonce that the other side does not know.
const STALE: &[u8] = b"of another time";

/// How a profile names a scheme.
fn named(scheme: Scheme) -> DmScheme {
    match scheme {
        Scheme::Basic => DmScheme::Basic,
        Scheme::Mac => DmScheme::Hmac,
        Scheme::Md5 => DmScheme::Md5,
    }
}

/// The built-in DM client under given rules.
pub struct DmClient {
    shape: dm_client::Shape,
    profile: Declared,
    pub(crate) rules: client::rules::decide::Watched,
    pub(crate) tree_rules: store::rules::decide::Watched,
}

impl DmClient {
    /// The client as these rules make it, those of its sessions and those of its tree.
    pub fn new(
        rules: Arc<dyn client::rules::decide::Rules>,
        tree_rules: Arc<dyn store::rules::decide::Rules>,
    ) -> Self {
        Self::made(dm_client::Shape::default(), rules, tree_rules)
    }

    /// The client as the standard wants it.
    pub fn standard() -> Self {
        let tree = Arc::new(store::rules::decide::Standard);
        Self::new(Arc::new(client::rules::decide::Standard), tree)
    }

    /// The client in another lawful shape.
    pub fn shaped(shape: dm_client::Shape) -> Self {
        let rules = shape.rules();
        Self::made(shape, Arc::clone(&rules) as _, rules)
    }

    fn made(
        shape: dm_client::Shape,
        rules: Arc<dyn client::rules::decide::Rules>,
        tree_rules: Arc<dyn store::rules::decide::Rules>,
    ) -> Self {
        let mut profile = profile("dm-client");
        let section = profile.profile.dm.as_mut();
        if let Some(client) = section.and_then(|section| section.client.as_mut()) {
            let scheme = named(shape.scheme);
            client
                .accounts()
                .for_each(|account| account.scheme = scheme);
            client.large_objects = Some(shape.large_objects);
        }
        Self {
            shape,
            profile,
            rules: client::rules::decide::Watched::new(rules),
            tree_rules: store::rules::decide::Watched::new(tree_rules),
        }
    }
}

impl BuiltIn for DmClient {
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
            let mut declared = self.profile.clone();
            let url = place_dm_server(stage, &mut declared).await?;
            let push = stage.listen(SUT).await?;
            let places = [stage.bind(SUT).await?, stage.bind(SUT).await?];
            let section = declared.profile.dm.as_mut();
            if let Some(client) = section.and_then(|section| section.client.as_mut()) {
                client.push = Some(format!("{push}/push"));
                let [wsp, sip] = places.map(|place| Some(place.to_string()));
                (client.wsp, client.sip) = (wsp, sip);
            }
            let section = declared.profile.dm.as_ref();
            let own = section.and_then(|section| section.client.clone());
            if let Some(own) = own {
                let device = own.account.device.clone();
                let others = own.others.iter().map(|other| {
                    let url = other.server.as_deref().unwrap_or_default();
                    other.account.at(url)
                });
                let mut accounts = vec![own.account.at(&url)];
                accounts.extend(others);
                for auth in accounts.iter_mut().flat_map(|account| &mut account.auths) {
                    auth.data = self.shape.is_stale().then(|| STALE.to_vec());
                }
                let mut described = Profile::bootstrapped();
                described.implicit_parents = self.shape.parents;
                described.limits = LIMITS;
                let mut tree = Tree::of_device(Arc::new(described), &device, &accounts);
                for (leaf, limit) in [
                    ("MaxDepth", LIMITS.max_depth),
                    ("MaxTotLen", LIMITS.max_total_len),
                    ("MaxSegLen", LIMITS.max_segment_len),
                ] {
                    if let Ok(uri) = format!("./DevDetail/URI/{leaf}").parse() {
                        tree.set(&uri, limit.to_string());
                    }
                }
                let rules = self.rules.for_scenario(seed);
                let tree_rules = self.tree_rules.for_scenario(seed);
                let mut shared = reference::client(rules, tree_rules);
                // Time begins with the stage.
                let begun = stage.now().since(Time::ZERO).as_secs();
                shared.epoch = stage.seconds().saturating_sub(begun);
                shared.bootstrap = own.bootstrap.as_ref().map(|own| client::Own {
                    network_ids: [own.network_id(), own.shared_secret()]
                        .into_iter()
                        .flatten()
                        .collect(),
                    names: own.names.clone(),
                });
                self.shape.apply(&mut shared);
                own.features.write(&mut tree, |feature| match feature {
                    Feature::LargeObjects => shared.large_objects,
                    Feature::UserInteraction => shared.user,
                    Feature::Inbox | Feature::Lists | Feature::Tnds => true,
                });
                let shared = Arc::new(shared);
                let make = move || {
                    let client = Client::new(tree.clone(), seed.derive(SUT));
                    (client, Arc::clone(&shared))
                };
                let client = stage.host_role(SUT, make);
                if own.https.is_some() {
                    stage.certify();
                }
                stage.control_dm(client, self.shape.user);
            }
            Ok(declared)
        }
        .boxed_local()
    }
}

/// The decisions of a DM server as the standard wants them.
pub fn standard_rules() -> Arc<dyn server::rules::decide::Rules> {
    Arc::new(server::rules::decide::Standard)
}

/// The built-in DM server under given rules.
pub struct DmServer {
    shape: dm::Shape,
    profile: Declared,
    pub(crate) rules: server::rules::decide::Watched,
    pub(crate) overseeing: overseer::rules::decide::Watched,
}

impl DmServer {
    /// The server as these rules make it.
    pub fn new(rules: Arc<dyn server::rules::decide::Rules>) -> Self {
        Self::made(dm::Shape::default(), rules)
    }

    /// The server as these rules make it towards the gateways below it.
    pub fn overseeing(rules: Arc<dyn overseer::rules::decide::Rules>) -> Self {
        Self {
            overseeing: overseer::rules::decide::Watched::new(rules),
            ..Self::standard()
        }
    }

    /// The server as the standard wants it.
    pub fn standard() -> Self {
        Self::new(standard_rules())
    }

    /// The server in another lawful shape.
    pub fn shaped(shape: dm::Shape) -> Self {
        let rules = shape.rules();
        Self::made(shape, rules)
    }

    fn made(shape: dm::Shape, rules: Arc<dyn server::rules::decide::Rules>) -> Self {
        let mut profile = profile("dm-server");
        let section = profile.profile.dm.as_mut();
        if let Some(server) = section.and_then(|section| section.server.as_mut()) {
            let usual = server.accounts.iter_mut();
            for account in usual.filter(|account| account.scheme == DmScheme::default()) {
                account.scheme = named(shape.scheme);
            }
        }
        Self {
            shape,
            profile,
            rules: server::rules::decide::Watched::new(rules),
            overseeing: overseer::rules::decide::Watched::new(Arc::new(
                overseer::rules::decide::Standard,
            )),
        }
    }
}

impl DmServer {
    /// It with so many devices that it knows, instead of those that it has for scenarios.
    #[must_use]
    pub fn with_devices(mut self, count: u32) -> Self {
        let section = self.profile.profile.dm.as_mut();
        let server = section.and_then(|section| section.server.as_mut());
        if let Some((server, first)) = server.and_then(|server| {
            let first = server.accounts.first()?.clone();
            Some((server, first))
        }) {
            let known = (0..count).map(|number| DmAccount {
                device: format!("urn:uuid:twinproof-{number}"),
                name: format!("device-{number}"),
                password: Some(format!("password-of-device-{number}")),
                server_password: Some(format!("password-for-device-{number}")),
                ..first.clone()
            });
            server.accounts = known.collect();
        }
        self
    }

    /// Puts the server on a stage; returns its profile where it is.
    ///
    /// # Errors
    ///
    /// No socket can be had.
    pub async fn host(&self, stage: &mut Stage, seed: Seed) -> Result<Declared, Halted> {
        let mut declared = self.profile.clone();
        let url = format!("{}/dm", stage.listen(SUT).await?);
        let section = declared.profile.dm.as_mut();
        let Some(section) = section.and_then(|section| section.server.as_mut()) else {
            return Ok(declared);
        };
        section.url.clone_from(&url);
        let enrolments = section.accounts.iter().map(|account| Enrolment {
            device: account.device.clone(),
            client: account.proof_of_device(),
            server: account.proof_of_server(),
        });
        let mut enrolments: Vec<Enrolment> = enrolments.collect();
        let proofs = enrolments
            .iter_mut()
            .flat_map(|enrolment| [&mut enrolment.client, &mut enrolment.server]);
        for proof in proofs.flatten().filter(|_| self.shape.is_stale()) {
            proof.nonce = STALE.to_vec();
        }
        let id = section
            .accounts
            .first()
            .map(|account| account.server_id.clone());
        let id = id.unwrap_or_default();
        let mut shared = reference::server(self.rules.for_scenario(seed));
        shared.next = Some(NEXT.to_owned());
        let sip = stage.bind(SUT).await?;
        shared.sip = Some(sip);
        section.sip = Some(sip.to_string());
        self.shape.apply(&mut shared);
        let mut shared = overseer::Shared::above(shared);
        shared.rules = self.overseeing.for_scenario(seed);
        if let Some(gateways) = &section.gateways {
            shared.names = gateways.names.clone();
            shared.named = gateways.named.clone();
        }
        let shared = Arc::new(shared);
        let make = move || {
            let seed = seed.derive(SUT);
            let server = Server::new(&id, &url, seed, enrolments.clone());
            let server = Overseer::new(server, seed.derive("overseer"));
            (server, Arc::clone(&shared))
        };
        let server = stage.host_role(SUT, make);
        stage.attend_dm(server);
        Ok(declared)
    }
}

impl BuiltIn for DmServer {
    fn profile(&self) -> &Declared {
        &self.profile
    }

    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        _part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        self.host(stage, seed).boxed_local()
    }
}
