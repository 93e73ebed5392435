//! Puts the built-in DM client, and the built-in DM server, on a stage.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part, place_dm_server};
use twinproof_dm::client::{self, Client};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::store::{self, Profile, Tree};
use twinproof_judge::profile::{Declared, DmScheme};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_reference::dm as reference;
use twinproof_stage::{Halted, Stage};

fn profile(role: &str) -> Declared {
    let profile = Declared::parse(include_str!("dm.toml"));
    let mut profile = profile.expect("the built-in profile is tested");
    role.clone_into(&mut profile.profile.sut.role);
    if let Some(section) = &mut profile.profile.dm {
        match role {
            "dm-client" => section.server = None,
            _ => section.client = None,
        }
    }
    profile
}

/// A nonce that the other side does not know.
const STALE: &[u8] = b"of another time";

/// What makes a client or a server another lawful one.
type Shape<S> = Arc<dyn Fn(&mut S) + Send + Sync>;

/// The built-in DM client under given rules.
pub struct DmClient {
    shape: Shape<client::Shared>,
    stale: bool,
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
        Self {
            shape: Arc::new(|_| {}),
            stale: false,
            profile: profile("dm-client"),
            rules: client::rules::decide::Watched::new(rules),
            tree_rules: store::rules::decide::Watched::new(tree_rules),
        }
    }

    /// The client as the standard wants it.
    pub fn standard() -> Self {
        let tree = Arc::new(store::rules::decide::Standard);
        Self::new(Arc::new(client::rules::decide::Standard), tree)
    }

    /// Another lawful client: with this scheme, and set up as `shape` says.
    #[must_use]
    pub fn shaped(
        mut self,
        scheme: DmScheme,
        shape: impl Fn(&mut client::Shared) + Send + Sync + 'static,
    ) -> Self {
        let section = self.profile.profile.dm.as_mut();
        if let Some(client) = section.and_then(|section| section.client.as_mut()) {
            client.account.scheme = scheme;
        }
        self.shape = Arc::new(shape);
        self
    }

    /// The same, and it has nonces of another time, so that both sides are challenged first.
    #[must_use]
    pub fn stale(self) -> Self {
        Self {
            stale: true,
            ..self
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
            let section = declared.profile.dm.as_mut();
            if let Some(client) = section.and_then(|section| section.client.as_mut()) {
                client.push = Some(format!("{push}/push"));
            }
            let section = declared.profile.dm.as_ref();
            let account =
                section.and_then(|section| Some(section.client.as_ref()?.account.clone()));
            if let Some(account) = account {
                let mut accounts = [account.at(&url)];
                for auth in accounts.iter_mut().flat_map(|account| &mut account.auths) {
                    auth.data = self.stale.then(|| STALE.to_vec());
                }
                let described = Arc::new(Profile::builtin());
                let tree = Tree::of_device(described, &account.device, &accounts);
                let rules = self.rules.for_scenario(seed);
                let tree_rules = self.tree_rules.for_scenario(seed);
                let mut shared = reference::client(rules, tree_rules);
                (self.shape)(&mut shared);
                let shared = Arc::new(shared);
                let make = move || {
                    let client = Client::new(tree.clone(), seed.derive(SUT));
                    (client, Arc::clone(&shared))
                };
                let client = stage.host_role(SUT, make);
                stage.control_dm(client);
            }
            Ok(declared)
        }
        .boxed_local()
    }
}

/// The built-in DM server under given rules.
pub struct DmServer {
    shape: Shape<server::Shared>,
    stale: bool,
    profile: Declared,
    pub(crate) rules: server::rules::decide::Watched,
}

impl DmServer {
    /// The server as these rules make it.
    pub fn new(rules: Arc<dyn server::rules::decide::Rules>) -> Self {
        Self {
            shape: Arc::new(|_| {}),
            stale: false,
            profile: profile("dm-server"),
            rules: server::rules::decide::Watched::new(rules),
        }
    }

    /// The server as the standard wants it.
    pub fn standard() -> Self {
        Self::new(Arc::new(server::rules::decide::Standard))
    }

    /// Another lawful server: with this scheme, and set up as `shape` says.
    #[must_use]
    pub fn shaped(
        mut self,
        scheme: DmScheme,
        shape: impl Fn(&mut server::Shared) + Send + Sync + 'static,
    ) -> Self {
        let section = self.profile.profile.dm.as_mut();
        if let Some(server) = section.and_then(|section| section.server.as_mut()) {
            for account in &mut server.accounts {
                account.scheme = scheme;
            }
        }
        self.shape = Arc::new(shape);
        self
    }

    /// The same, and it has nonces of another time, so that both sides are challenged first.
    #[must_use]
    pub fn stale(self) -> Self {
        Self {
            stale: true,
            ..self
        }
    }
}

impl DmServer {
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
        for proof in proofs.flatten().filter(|_| self.stale) {
            proof.nonce = STALE.to_vec();
        }
        let id = section
            .accounts
            .first()
            .map(|account| account.server_id.clone());
        let id = id.unwrap_or_default();
        let mut shared = reference::server(self.rules.for_scenario(seed));
        (self.shape)(&mut shared);
        let shared = Arc::new(shared);
        let make = move || {
            let server = Server::new(&id, &url, seed.derive(SUT), enrolments.clone());
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
