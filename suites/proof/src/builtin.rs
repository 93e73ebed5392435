//! Puts the built-in systems on a stage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::BuiltIn;
use twinproof_judge::profile::{Declared, Subscriber};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_reference::twinning as reference;
use twinproof_stage::{Halted, Seat, Stage};
use twinproof_twinning::enabler::Enabler;
use twinproof_twinning::enabler::rules::{Consulted, Rules};

/// The built-in Twinning system under given rules.
pub struct TwinningSystem {
    profile: Declared,
    rules: Arc<dyn Rules>,
    watched: Option<Mutex<BTreeMap<Seed, Consulted>>>,
}

impl TwinningSystem {
    /// The system as these rules make it.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        let mut profile =
            Declared::parse(include_str!("builtin.toml")).expect("the built-in profile is tested");
        provision(&mut profile, "http://sut.test/exampleAPI");
        Self {
            profile,
            rules,
            watched: None,
        }
    }

    /// The same, and it remembers which rules each scenario consulted.
    pub fn watched(rules: Arc<dyn Rules>) -> Self {
        Self {
            watched: Some(Mutex::default()),
            ..Self::new(rules)
        }
    }

    /// The rules that the scenario with this seed consulted so far.
    pub fn consulted(&self, seed: Seed) -> Vec<&'static str> {
        let watched = self
            .watched
            .as_ref()
            .map(|w| w.lock().unwrap_or_else(PoisonError::into_inner));
        watched
            .and_then(|w| w.get(&seed).map(Consulted::names))
            .unwrap_or_default()
    }

    fn rules_for(&self, seed: Seed) -> Arc<dyn Rules> {
        match &self.watched {
            Some(watched) => {
                let consulted = Consulted::new(Arc::clone(&self.rules));
                watched
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(seed, consulted.clone());
                Arc::new(consulted)
            }
            None => Arc::clone(&self.rules),
        }
    }
}

fn provision(declared: &mut Declared, base_url: &str) {
    if let Some(twinning) = &mut declared.profile.twinning {
        let config = reference::config(base_url.to_owned(), twinning.knobs.clone());
        base_url.clone_into(&mut twinning.base_url);
        twinning.mno_id = Some(config.mno_id);
        twinning.subscribers = config
            .subscribers
            .into_iter()
            .map(|s| Subscriber {
                address: s.address,
                token: Some(s.token),
                expired_token: Some(s.expired_token),
                unscoped_token: Some(s.unscoped_token),
                voice_mail: s.voice_mail,
                ..Subscriber::default()
            })
            .collect();
        // Everything is declared: `knobs` stands for all keys below it.
        declared.keys.push("twinning.knobs".to_owned());
    }
}

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
            let base_url = format!("{}/exampleAPI", stage.listen(SUT).await?);
            let mut profile = self.profile.clone();
            provision(&mut profile, &base_url);
            let knobs = profile
                .profile
                .twinning
                .as_ref()
                .map(|t| t.knobs.clone())
                .unwrap_or_default();
            let config = Arc::new(reference::config(base_url, knobs));
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
            Ok(profile)
        }
        .boxed_local()
    }
}
