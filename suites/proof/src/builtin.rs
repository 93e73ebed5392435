//! Puts the built-in systems on a stage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::BuiltIn;
use twinproof_judge::profile::{Authorization, Declared, Peer, SecondaryToken, Subscriber};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_reference::twinning as reference;
use twinproof_stage::{Halted, Seat, Stage};
use twinproof_twinning::enabler::rules::{Compared, Rival, Rules};
use twinproof_twinning::enabler::{Config, Enabler, REVOKE_PATH, TOKEN_PATH};

/// The rivals of the clean rules, and what comparing showed for each scenario's seed.
type Comparison = (Arc<[Rival]>, Mutex<BTreeMap<Seed, Compared>>);

/// The built-in Twinning system under given rules.
pub struct TwinningSystem {
    profile: Declared,
    rules: Arc<dyn Rules>,
    compared: Option<Comparison>,
}

impl TwinningSystem {
    /// The system as these rules make it.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        let mut profile =
            Declared::parse(include_str!("builtin.toml")).expect("the built-in profile is tested");
        provision(&mut profile, "http://sut.test", "http://peer.test");
        Self {
            profile,
            rules,
            compared: None,
        }
    }

    /// The same, and it remembers in which scenarios rivals would have decided otherwise.
    pub fn beside(rules: Arc<dyn Rules>, rivals: Arc<[Rival]>) -> Self {
        Self {
            compared: Some((rivals, Mutex::default())),
            ..Self::new(rules)
        }
    }

    /// The rivals that differed so far in the scenario with this seed.
    pub fn differing(&self, seed: Seed) -> Vec<&'static str> {
        let compared = self
            .compared
            .as_ref()
            .map(|(_, seen)| seen.lock().unwrap_or_else(PoisonError::into_inner));
        compared
            .and_then(|seen| seen.get(&seed).map(Compared::differing))
            .unwrap_or_default()
    }

    /// Lets the system enter at `origin`, with its partner at `peer`, and returns its profile there.
    pub(crate) fn host(&self, stage: &mut Stage, seed: Seed, origin: &str, peer: &str) -> Declared {
        let mut profile = self.profile.clone();
        let Some(config) = provision(&mut profile, origin, peer) else {
            return profile;
        };
        let config = Arc::new(config);
        let rules = self.rules_for(seed);
        stage.host(
            SUT,
            Box::new(move || {
                Seat::new(
                    Enabler::new(Arc::clone(&rules), seed.derive(SUT)),
                    Arc::clone(&config),
                )
            }),
        );
        profile
    }

    fn rules_for(&self, seed: Seed) -> Arc<dyn Rules> {
        match &self.compared {
            Some((rivals, seen)) => {
                let compared = Compared::new(Arc::clone(&self.rules), Arc::clone(rivals));
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(seed, compared.clone());
                Arc::new(compared)
            }
            None => Arc::clone(&self.rules),
        }
    }
}

/// Writes into the profile what is provisioned at the system, and returns it.
fn provision(declared: &mut Declared, origin: &str, peer: &str) -> Option<Config> {
    let twinning = declared.profile.twinning.as_mut()?;
    let base_url = format!("{origin}{BASE_PATH}");
    let config = reference::config(base_url.clone(), peer.to_owned(), twinning.knobs.clone());
    twinning.mno_id = Some(config.mno_id.clone());
    twinning.authorization = Some(Authorization {
        token_url: format!("{origin}{TOKEN_PATH}"),
        revoke_url: Some(format!("{origin}{REVOKE_PATH}")),
        resource_url: Some(format!("{base_url}/messaging/v1/{{address}}/inbox")),
        scope: config.scope_name(None),
        secondary_token: SecondaryToken::ClientCredentials,
    });
    twinning.notification_channel = Some(base_url.clone());
    twinning.base_url = base_url;
    twinning.peer = config.partners.first().map(|partner| Peer {
        mno_id: partner.mno_id.clone(),
        token: partner.token.clone(),
        expects_token: partner.expects_token.clone(),
        address: reference::PARTNER_DEVICE.to_owned(),
        client_id: Some(partner.client_id.clone()),
        client_secret: Some(partner.client_secret.clone()),
    });
    twinning.subscribers = config
        .subscribers
        .iter()
        .cloned()
        .map(|s| Subscriber {
            address: s.address,
            token: Some(s.token),
            expired_token: Some(s.expired_token),
            unscoped_token: Some(s.unscoped_token),
            client_id: Some(s.client_id),
            client_secret: Some(s.client_secret),
            voice_mail: s.voice_mail,
            ..Subscriber::default()
        })
        .collect();
    // Everything is declared: a section stands for all keys below it.
    declared.keys.extend(
        [
            "knobs",
            "authorization",
            "mno_id",
            "notification_channel",
            "peer",
            "subscriber",
        ]
        .map(|k| format!("twinning.{k}")),
    );
    declared.profile.harness.peer_advertise = Some(peer.to_owned());
    // It lives on the stage of those whom it calls, so it can reach them.
    declared
        .keys
        .extend(["harness.advertise", "harness.peer_advertise"].map(str::to_owned));
    Some(config)
}

/// The name under which the simulated peer operator enters.
const PEER: &str = "peer";

/// What stands in front of the APIs' own segments.
const BASE_PATH: &str = "/exampleAPI";

impl BuiltIn for TwinningSystem {
    fn profile(&self) -> &Declared {
        &self.profile
    }

    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        async move {
            let origin = stage.listen(SUT).await?;
            let peer = stage.listen(PEER).await?;
            Ok(self.host(stage, seed, &origin, &peer))
        }
        .boxed_local()
    }
}
