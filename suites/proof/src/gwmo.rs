//! Puts the built-in gateway on a stage.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
use twinproof_judge::profile::{Declared, DmScheme, Gwmo};
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

    /// The gateway of a load: as these rules make it, with so many devices behind it, and without those of other kinds that
    /// scenarios need.
    pub fn crowded(count: usize, rules: Arc<dyn Rules>) -> Self {
        let mut system = Self::made(Shape::default(), rules).with_many(count);
        if let Some(section) = &mut system.profile.profile.gwmo {
            section.other = None;
            // The account of the first says what devices know the gateway as.
            section.devices.truncate(1);
        }
        system
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

/// The decisions of a gateway as the standard wants it.
pub fn standard_rules() -> Arc<dyn Rules> {
    Arc::new(Standard)
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

/// Where a gateway is that is put on a stage.
struct Place {
    /// Its own address: an absolute URL without a slash at its end.
    base: String,
    lines: SocketAddr,
    lwm2m: SocketAddr,
}

impl GatewaySystem {
    /// Puts the gateway on a stage, with all that its profile says of its server and its devices. `places` are
    /// where its devices take notifications. Once `set_back` was said, it knows nothing after its next restart but
    /// its accounts and their nonces.
    ///
    /// # Errors
    ///
    /// No socket can be had.
    pub async fn host(
        &self,
        stage: &mut Stage,
        seed: Seed,
        declared: &mut Declared,
        (places, set_back): (Vec<String>, Arc<AtomicBool>),
    ) -> Result<(), Halted> {
        let place = Place {
            base: stage.listen(SUT).await?,
            lines: stage.bind(SUT).await?,
            lwm2m: stage.bind(SUT).await?,
        };
        let Some(section) = &mut declared.profile.gwmo else {
            return Ok(());
        };
        section.push = format!("{}{PUSH_PATH}", place.base);
        section.devices_at = format!("{}{DEVICE_PATH}", place.base);
        section.lines_at = Some(place.lines.to_string());
        section.lwm2m_at = Some(place.lwm2m.to_string());
        let setup = self.setup(seed, section, place, places);
        let rules = self.rules.for_scenario(seed);
        let shared = Arc::new(reference::gateway(&self.shape, rules));
        stage.host_role(SUT, move || {
            let gateway = Gateway::new(setup.clone(), seed.derive(SUT));
            let gateway = match set_back.swap(false, Ordering::Relaxed) {
                true => gateway.set_back(),
                false => gateway,
            };
            (gateway, Arc::clone(&shared))
        });
        Ok(())
    }

    /// What the gateway is made of that a profile describes.
    fn setup(&self, seed: Seed, section: &Gwmo, place: Place, places: Vec<String>) -> Setup {
        let url = section.server.clone().unwrap_or_default();
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
                    pin: fresh.pin.clone().unwrap_or_default(),
                    accounts: vec![
                        device.account.at(&section.devices_at),
                        fresh.account.at(&url),
                    ],
                }),
            });
        let mut devices: Vec<Provision> = devices.collect();
        devices.extend(section.many.iter().flat_map(|many| {
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
        let https = section.https.iter().map(|https| {
            let url = https.server.clone().unwrap_or_default();
            https.account.at(&url)
        });
        let accounts: Vec<_> = other.chain(https).collect();
        let accounts = [&[section.account.at(&url)], &*accounts].concat();
        Setup {
            tree: Tree::of_device(described, &section.account.device, &accounts),
            base: place.base,
            id: id.unwrap_or_default(),
            devices,
            lines: Some(place.lines),
            lwm2m: Some(place.lwm2m),
        }
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
            if let Some(section) = &mut declared.profile.gwmo {
                section.https.take_if(|_| !part.has_secured_server());
                if section.https.is_some() {
                    stage.certify();
                }
            }
            let places = place_gateway(stage, &mut declared).await?;
            // No other scenario needs many devices, and each would have to look after them.
            let section = declared.profile.gwmo.as_mut();
            let many = section.and_then(|section| section.many.take_if(|_| !part.is_about_many()));
            let never = Arc::default();
            self.host(stage, seed, &mut declared, (places, never))
                .await?;
            if let (Some(section), Some(many)) = (&mut declared.profile.gwmo, many) {
                section.many = Some(many);
            }
            Ok(declared)
        }
        .boxed_local()
    }
}
