//! The built-in system: all its enablers, of which each scenario meets the one that it is about.

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use twinproof_conformance::{BuiltIn, Part};
use twinproof_judge::profile::Declared;
use twinproof_kernel::Seed;
use twinproof_lwm2m::{bootstrap, device, server};
use twinproof_stage::{Halted, Stage};
use twinproof_twinning::enabler;

use crate::bootstrap::Lwm2mBootstrap;
use crate::builtin::TwinningSystem;
use crate::dm::{DmClient, DmServer};
use crate::dm_bootstrap::DmBootstrapServer;
use crate::gwmo::GatewaySystem;
use crate::lwm2m::{Lwm2mClient, Lwm2mSystem};

/// All that is built in.
pub struct WholeSystem {
    profile: Declared,
    twinning: TwinningSystem,
    lwm2m: Lwm2mSystem,
    lwm2m_client: Lwm2mClient,
    lwm2m_bootstrap: Lwm2mBootstrap,
    dm_client: DmClient,
    dm_server: DmServer,
    dm_bootstrap: DmBootstrapServer,
    gateway: GatewaySystem,
}

impl WholeSystem {
    /// The system as the standards want it.
    pub fn new() -> Self {
        let twinning = TwinningSystem::new(Arc::new(enabler::rules::Standard));
        let lwm2m = Lwm2mSystem::new(Arc::new(server::rules::Standard));
        let lwm2m_client = Lwm2mClient::new(Arc::new(device::rules::Standard));
        let mut profile = twinning.profile().clone();
        profile.profile.lwm2m = lwm2m.profile().profile.lwm2m.clone();
        let lwm2m_bootstrap = Lwm2mBootstrap::new(Arc::new(bootstrap::rules::Standard));
        let client = lwm2m_client.profile().profile.lwm2m.as_ref();
        let own = lwm2m_bootstrap.profile();
        if let (Some(section), Some(own)) = (&mut profile.profile.lwm2m, &own.profile.lwm2m) {
            section.client = client.and_then(|section| section.client.clone());
            section.bootstrap = own.bootstrap.clone();
        }
        let keys = own.keys.iter();
        let own = keys
            .filter(|key| key.starts_with("lwm2m.bootstrap."))
            .cloned();
        profile.keys.extend(own);
        let keys = lwm2m.profile().keys.iter();
        let own = keys.filter(|key| key.starts_with("lwm2m.")).cloned();
        profile.keys.extend(own);
        let (dm_client, dm_server) = (DmClient::standard(), DmServer::standard());
        profile.profile.dm = dm_client.profile().profile.dm.clone();
        let server = dm_server.profile().profile.dm.as_ref();
        if let Some(section) = &mut profile.profile.dm {
            section.server = server.and_then(|section| section.server.clone());
        }
        let dm_bootstrap = DmBootstrapServer::standard();
        let bootstrap = dm_bootstrap.profile().profile.dm.as_ref();
        if let Some(section) = &mut profile.profile.dm {
            section.bootstrap = bootstrap.and_then(|section| section.bootstrap.clone());
        }
        let keys = dm_bootstrap.profile().keys.iter();
        let own = keys.filter(|key| key.starts_with("dm.bootstrap.")).cloned();
        profile.keys.extend(own);
        let keys = dm_client.profile().keys.iter();
        let own = keys.filter(|key| key.starts_with("dm.")).cloned();
        profile.keys.extend(own);
        let gateway = GatewaySystem::standard();
        profile.profile.gwmo = gateway.profile().profile.gwmo.clone();
        let keys = gateway.profile().keys.iter();
        let own = keys.filter(|key| key.starts_with("gwmo.")).cloned();
        profile.keys.extend(own);
        Self {
            profile,
            twinning,
            lwm2m,
            lwm2m_client,
            lwm2m_bootstrap,
            dm_client,
            dm_server,
            dm_bootstrap,
            gateway,
        }
    }
}

impl Default for WholeSystem {
    fn default() -> Self {
        Self::new()
    }
}

impl BuiltIn for WholeSystem {
    fn profile(&self) -> &Declared {
        &self.profile
    }

    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>> {
        match part.role {
            "dm-bootstrap-server" => self.dm_bootstrap.enter(stage, seed, part),
            "dm-client" => self.dm_client.enter(stage, seed, part),
            "dm-gateway" => self.gateway.enter(stage, seed, part),
            "dm-server" => self.dm_server.enter(stage, seed, part),
            "lwm2m-bootstrap-server" => self.lwm2m_bootstrap.enter(stage, seed, part),
            "lwm2m-client" => self.lwm2m_client.enter(stage, seed, part),
            "lwm2m-server" => self.lwm2m.enter(stage, seed, part),
            _ => self.twinning.enter(stage, seed, part),
        }
    }
}
