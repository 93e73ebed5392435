//! Puts the built-in DM bootstrap server on a stage.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part};
use twinproof_dm::bootstrap::rules::decide::{Rules, Standard, Watched};
use twinproof_dm::bootstrap::server::{BootstrapServer, Device, Shared};
use twinproof_dm::provisioning::protection::Profile;
use twinproof_evidence::record::Halt;
use twinproof_judge::profile::{Declared, DmAccount, DmProtection, DmScheme};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_reference::dm as reference;
use twinproof_stage::{Halted, Stage};

/// What makes a bootstrap server another lawful one.
type Shape = Arc<dyn Fn(&mut Shared) + Send + Sync>;

/// The built-in DM bootstrap server under given rules.
pub struct DmBootstrapServer {
    profile: Declared,
    /// Of which kinds its documents are, by turns.
    kinds: [Profile; 2],
    shape: Shape,
    pub(crate) rules: Watched,
}

impl DmBootstrapServer {
    /// The bootstrap server as these rules make it.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        let profile = Declared::parse(include_str!("dm_bootstrap.toml"));
        Self {
            profile: profile.expect("the built-in profile is tested"),
            kinds: [Profile::ClientProvisioning, Profile::Message],
            shape: Arc::new(|_| {}),
            rules: Watched::new(rules),
        }
    }

    /// The bootstrap server as the standard wants it.
    pub fn standard() -> Self {
        Self::new(Arc::new(Standard))
    }

    /// Another lawful bootstrap server: with documents of these kinds, by turns, and set up as `shape` says.
    #[must_use]
    pub fn shaped(
        self,
        kinds: [Profile; 2],
        shape: impl Fn(&mut Shared) + Send + Sync + 'static,
    ) -> Self {
        Self {
            kinds,
            shape: Arc::new(shape),
            ..self
        }
    }

    /// Puts the server on a stage; returns its profile where it is.
    ///
    /// # Errors
    ///
    /// No socket can be had, or what a device knows is nowhere.
    pub async fn host(&self, stage: &mut Stage, seed: Seed) -> Result<Declared, Halted> {
        let mut declared = self.profile.clone();
        let base = stage.listen(SUT).await?;
        let section = declared.profile.dm.as_mut();
        let Some(section) = section.and_then(|section| section.bootstrap.as_mut()) else {
            return Ok(declared);
        };
        section.url = format!("{base}/bootstrap/{{device}}");
        let mut devices = Vec::new();
        for (number, device) in section.devices.iter().enumerate() {
            let known = device.known();
            let known = known.map_err(|why| stage.halt(Halt::Error { why }))?;
            let password = |whose: &str| {
                let mut rng = seed.derive(whose).derive(&device.device).rng();
                Some(format!("{:016x}", rng.u64(..)))
            };
            let account = DmAccount {
                device: device.device.clone(),
                server_id: device.server_id.clone(),
                scheme: DmScheme::Md5,
                name: format!("device-{number}"),
                password: password("device"),
                server_name: None,
                server_password: password("server"),
            };
            devices.push(Device {
                name: device.device.clone(),
                account: account.at(&format!("{base}/dm")),
                known,
                secret: device.protection == DmProtection::SharedSecret,
                method: device.protection.method(),
                profile: self.kinds[number % 2],
            });
        }
        let mut shared = reference::bootstrap_server(self.rules.for_scenario(seed));
        (self.shape)(&mut shared);
        let shared = Arc::new(shared);
        let make = move || (BootstrapServer::new(devices.clone()), Arc::clone(&shared));
        let server = stage.host_role(SUT, make);
        stage.attend_dm_bootstrap(server);
        Ok(declared)
    }
}

impl BuiltIn for DmBootstrapServer {
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
