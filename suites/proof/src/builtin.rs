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
        let (origin, peer) = ("http://sut.test", "http://peer.test".to_owned());
        if let Some(config) = config(&profile, origin, &[peer]) {
            provision(&mut profile, &config, origin, 0);
        }
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

    /// Lets the system enter at `origin`, with a partner at each of `peers`. Returns for each partner
    /// the profile of who plays it: no two have a subscriber in common.
    pub(crate) fn host(
        &self,
        stage: &mut Stage,
        seed: Seed,
        origin: &str,
        peers: &[String],
    ) -> Vec<Declared> {
        let Some(config) = config(&self.profile, origin, peers) else {
            return Vec::new();
        };
        let profiles = (0..config.partners.len())
            .map(|number| {
                let mut profile = self.profile.clone();
                provision(&mut profile, &config, origin, number);
                profile
            })
            .collect();
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
        profiles
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

/// What the system has provisioned at `origin`, with a partner at each of `peers`.
fn config(declared: &Declared, origin: &str, peers: &[String]) -> Option<Config> {
    let knobs = declared.profile.twinning.as_ref()?.knobs.clone();
    Some(reference::config(
        format!("{origin}{BASE_PATH}"),
        peers,
        knobs,
    ))
}

/// Writes into the profile what is provisioned for who plays the partner of this number.
fn provision(declared: &mut Declared, config: &Config, origin: &str, number: usize) {
    let (Some(twinning), Some(partner)) = (
        declared.profile.twinning.as_mut(),
        config.partners.get(number),
    ) else {
        return;
    };
    let base_url = config.base_url.clone();
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
    twinning.peer = Some(Peer {
        mno_id: partner.mno_id.clone(),
        token: partner.token.clone(),
        expects_token: partner.expects_token.clone(),
        address: reference::partner_device(number),
        client_id: Some(partner.client_id.clone()),
        client_secret: Some(partner.client_secret.clone()),
    });
    twinning.subscribers = config
        .subscribers
        .chunks(reference::SUBSCRIBERS)
        .nth(number)
        .unwrap_or_default()
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
    declared.profile.harness.peer_advertise = Some(partner.base_url.clone());
    // It lives on the stage of those whom it calls, so it can reach them.
    declared
        .keys
        .extend(["harness.advertise", "harness.peer_advertise"].map(str::to_owned));
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
            let mut profiles = self.host(stage, seed, &origin, &[peer]);
            Ok(profiles.pop().unwrap_or_else(|| self.profile.clone()))
        }
        .boxed_local()
    }
}
