//! Puts the built-in gateway on a stage.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part, place_gateway};
use twinproof_dm::store::Tree;
use twinproof_gwmo::gateway::rules::decide::{Rules, Standard, Watched};
use twinproof_gwmo::gateway::{DEVICE_PATH, Gateway, PUSH_PATH, Provision, Setup};
use twinproof_gwmo::objects;
use twinproof_judge::profile::Declared;
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_reference::gwmo as reference;
use twinproof_stage::{Halted, Stage};

/// The built-in gateway under given rules.
pub struct GatewaySystem {
    profile: Declared,
    pub(crate) rules: Watched,
}

impl GatewaySystem {
    /// The gateway as these rules make it.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        let profile = Declared::parse(include_str!("gwmo.toml"));
        let mut profile = profile.expect("the built-in profile is tested");
        // Its nodes are called as the profile has it: nothing of that is assumed.
        let settled = ["gwmo.named", "gwmo.names"].map(str::to_owned);
        profile.keys.extend(settled);
        Self {
            profile,
            rules: Watched::new(rules),
        }
    }

    /// The gateway as the standard wants it.
    pub fn standard() -> Self {
        Self::new(Arc::new(Standard))
    }
}

impl BuiltIn for GatewaySystem {
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
            let places = place_gateway(stage, &mut declared).await?;
            let base = stage.listen(SUT).await?;
            let Some(section) = &mut declared.profile.gwmo else {
                return Ok(declared);
            };
            section.push = format!("{base}{PUSH_PATH}");
            section.devices_at = format!("{base}{DEVICE_PATH}");
            let devices = section
                .devices
                .iter()
                .zip(places)
                .map(|(device, push)| Provision {
                    device: device.account.device.clone(),
                    mode: device.mode,
                    client: device.account.proof_of_device(),
                    server: device.account.proof_of_server(),
                    push,
                });
            let id = section
                .devices
                .first()
                .map(|device| device.account.server_id.clone());
            let url = section.server.clone().unwrap_or_default();
            let described = Arc::new(objects::profile(seed));
            let accounts = [section.account.at(&url)];
            let setup = Setup {
                tree: Tree::of_device(described, &section.account.device, &accounts),
                base,
                id: id.unwrap_or_default(),
                devices: devices.collect(),
            };
            let shared = Arc::new(reference::gateway(self.rules.for_scenario(seed)));
            stage.host_role(SUT, move || {
                let gateway = Gateway::new(setup.clone(), seed.derive(SUT));
                (gateway, Arc::clone(&shared))
            });
            Ok(declared)
        }
        .boxed_local()
    }
}
