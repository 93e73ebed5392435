//! Puts the built-in gateway on a stage.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part, place_gateway};
use twinproof_dm::auth::Scheme;
use twinproof_dm::store::Tree;
use twinproof_gwmo::crowd::Crowd;
use twinproof_gwmo::gateway::rules::decide::{Rules, Standard, Watched};
use twinproof_gwmo::gateway::{
    Adapted, DEVICE_PATH, Fresh, Gateway, Mode, PUSH_PATH, Provision, Setup,
};
use twinproof_gwmo::objects;
use twinproof_judge::profile::{Declared, DmScheme};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_reference::gwmo as reference;
use twinproof_reference::variants::gwmo::Shape;
use twinproof_stage::{Halted, Stage};

/// The built-in gateway under given rules.
pub struct GatewaySystem {
    profile: Declared,
    shape: Shape,
    pub(crate) rules: Watched,
}

impl GatewaySystem {
    /// The gateway as these rules make it. Many of its devices are no more than a few dozen.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        Self::made(Shape::default(), rules).with_many(FEW)
    }

    /// The gateway in another lawful shape, with as few devices.
    pub fn shaped(shape: Shape) -> Self {
        let rules = shape.rules();
        Self::made(shape, rules).with_many(FEW)
    }

    /// The same with so many devices where it is about many.
    #[must_use]
    pub fn with_many(mut self, count: usize) -> Self {
        let section = self.profile.profile.gwmo.as_mut();
        if let Some(many) = section.and_then(|section| section.many.as_mut()) {
            many.count = count;
        }
        self
    }

    fn made(shape: Shape, rules: Arc<dyn Rules>) -> Self {
        let profile = Declared::parse(include_str!("gwmo.toml"));
        let mut profile = profile.expect("the built-in profile is tested");
        // Its nodes are called as the profile has it: nothing of that is assumed.
        let settled = ["gwmo.named", "gwmo.names", "gwmo.results"].map(str::to_owned);
        profile.keys.extend(settled);
        if let Some(section) = &mut profile.profile.gwmo {
            section.names = shape.names.clone();
            shape.named.clone_into(&mut section.named);
            section.results = shape.results;
            section.account.scheme = scheme(shape.scheme_above);
            // One of them protects each message whatever the others do.
            let others = section.devices.iter_mut();
            for device in others.filter(|device| device.account.scheme != DmScheme::Hmac) {
                device.account.scheme = scheme(shape.scheme_below);
                if let Some(fresh) = &mut device.fresh {
                    fresh.account.scheme = scheme(shape.scheme_above);
                }
            }
        }
        Self {
            profile,
            shape,
            rules: Watched::new(rules),
        }
    }

    /// The gateway as the standard wants it.
    pub fn standard() -> Self {
        Self::made(Shape::default(), Arc::new(Standard))
    }
}

/// How many devices are many for what is judged often.
const FEW: usize = 30;

/// A scheme as profiles have it.
const fn scheme(scheme: Scheme) -> DmScheme {
    match scheme {
        Scheme::Basic => DmScheme::Basic,
        Scheme::Md5 => DmScheme::Md5,
        Scheme::Mac => DmScheme::Hmac,
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
        part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        async move {
            let mut declared = self.profile.clone();
            if let Some(section) = &mut declared.profile.gwmo
                && !part.has_other_server()
            {
                section.other = None;
            }
            let places = place_gateway(stage, &mut declared).await?;
            let base = stage.listen(SUT).await?;
            let lines = stage.bind(SUT).await?;
            let lwm2m = stage.bind(SUT).await?;
            let Some(section) = &mut declared.profile.gwmo else {
                return Ok(declared);
            };
            section.push = format!("{base}{PUSH_PATH}");
            section.devices_at = format!("{base}{DEVICE_PATH}");
            section.lines_at = Some(lines.to_string());
            section.lwm2m_at = Some(lwm2m.to_string());
            let (devices_at, url) = (
                section.devices_at.clone(),
                section.server.clone().unwrap_or_default(),
            );
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
                    adapted: device.foreign.as_ref().map(|foreign| Adapted {
                        protocol: foreign.protocol,
                        key: device.account.password.clone().unwrap_or_default(),
                        nodes: vec![foreign.value.clone(), foreign.action.clone()],
                    }),
                    fresh: device.fresh.as_ref().map(|fresh| Fresh {
                        network_id: fresh.network_id.clone(),
                        accounts: vec![device.account.at(&devices_at), fresh.account.at(&url)],
                    }),
                });
            let mut devices: Vec<Provision> = devices.collect();
            // No other scenario needs them, and each would have to look after them.
            let many = section.many.as_ref().filter(|_| part.is_about_many());
            devices.extend(many.iter().flat_map(|many| {
                (0..many.count).map(|after| {
                    let account = many.account_of(after);
                    Provision {
                        mode: Mode::Proxy,
                        client: account.proof_of_device(),
                        server: account.proof_of_server(),
                        device: account.device,
                        push: format!(
                            "http://{}{}",
                            many.listen.as_deref().unwrap_or_default(),
                            Crowd::push_path(after)
                        ),
                        adapted: None,
                        fresh: None,
                    }
                })
            }));
            let id = section
                .devices
                .first()
                .map(|device| device.account.server_id.clone());
            let described = Arc::new(objects::profile(seed, &self.shape.names));
            let other = section.other.iter().map(|other| {
                let url = other.server.clone().unwrap_or_default();
                other.account.at(&url)
            });
            let accounts: Vec<_> = other.collect();
            let accounts = [&[section.account.at(&url)], &*accounts].concat();
            let setup = Setup {
                tree: Tree::of_device(described, &section.account.device, &accounts),
                base,
                id: id.unwrap_or_default(),
                devices,
                lines: Some(lines),
                lwm2m: Some(lwm2m),
            };
            let rules = self.rules.for_scenario(seed);
            let shared = Arc::new(reference::gateway(&self.shape, rules));
            stage.host_role(SUT, move || {
                let gateway = Gateway::new(setup.clone(), seed.derive(SUT));
                (gateway, Arc::clone(&shared))
            });
            Ok(declared)
        }
        .boxed_local()
    }
}
