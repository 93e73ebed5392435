//! What servers may do at a gateway, and what its devices get to know of them.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::server::{self, Enrolment};
use twinproof_dm::upper::Act;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::manager::{Answer, Manager, Order};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_judge::profile::GwmoOther;
use twinproof_stage::{Halted, Handle};

use super::parties::{first, text};
use crate::target::{OTHER_MANAGER, dm_server, gateway_device};
use crate::world::{Scene, World};

/// The code of a refusal for want of a right.
pub(super) const DENIED: u16 = 425;

impl Scene {
    /// Judges what the other server was answered that started what it may not, and that no device was brought anything
    /// of it; these, by their numbers in the profile, are once the first has started it.
    pub(super) async fn check_start_refused(&mut self, devices: &[usize]) -> Result<(), Halted> {
        self.check_refused_start(devices);
        self.were_reached(devices).await
    }

    /// The same, whoever is reached then.
    pub(super) fn check_refused_start(&mut self, devices: &[usize]) {
        let uri = self.gwmo.start.clone().unwrap_or_default();
        self.check_answered(OTHER_MANAGER, ("Exec", uri), DENIED);
        for number in devices {
            let session = Session {
                upto: self.gwmo.refused_upto,
                ..self.since(gateway_device(*number))
            };
            self.check(&Check::Gwmo(Gwmo::Spared { session }));
        }
    }

    pub(super) fn other(&mut self) -> Result<GwmoOther, Halted> {
        match self.gateway()?.other {
            Some(other) => Ok(other),
            None => Err(self.inconclusive("the profile has no [gwmo.other], a second server")),
        }
    }

    /// The second server, which enters with the first.
    pub(super) fn other_manager(&mut self) -> Result<Handle<Manager>, Halted> {
        if let Some(server) = &self.gwmo.other {
            return Ok(server.clone());
        }
        let other = self.other()?;
        let enrolment = Enrolment {
            device: other.account.device.clone(),
            client: other.account.proof_of_device(),
            server: other.account.proof_of_server(),
        };
        let url = other.server.unwrap_or_default();
        let seed = self.seed.derive(OTHER_MANAGER);
        let role = Manager::new(&other.account.server_id, &url, seed, vec![enrolment]);
        let role = self.with_memory(role, OTHER_MANAGER, &other.account.device);
        let shared = Arc::new(server::Shared::default());
        let server = self.stage.enter(OTHER_MANAGER, role, shared);
        self.gwmo.other = Some(server.clone());
        Ok(server)
    }

    /// Has the gateway do things in a session with the second server.
    pub(super) async fn manage_as_other(&mut self, acts: Vec<Act>) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let device = self.other()?.account.device;
        let server = self.other_manager()?;
        let order = Order::Manage {
            device,
            push: gateway.push.clone(),
            acts,
        };
        let patience = gateway.patience.duration();
        match self.stage.act_within(&server, order, patience).await? {
            Answer::Refused(why) => {
                Err(self.inconclusive(format!("the gateway (gwmo.other): {why}")))
            }
            Answer::Composed(_) | Answer::Done(_) | Answer::Pushed(_) => Ok(()),
        }
    }

    /// The setting that the first server keeps to itself, and the object that it is in.
    async fn kept_setting(&mut self) -> Result<(String, String), Halted> {
        let names = self.gateway()?.names;
        let config = self.objects().await?.config;
        Ok((format!("{config}/{}", names.report_attached), config))
    }

    pub(super) fn check_answered(
        &mut self,
        party: &str,
        (command, uri): (&str, String),
        code: u16,
    ) {
        let session = self.since(party.to_owned());
        self.check(&Check::Gwmo(Gwmo::Answered {
            session,
            command: command.to_owned(),
            uri,
            codes: vec![code],
        }));
    }
}

#[given("two servers, and a setting that only the first may touch")]
async fn kept(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.other()?;
    let own = scene.gateway()?.account.server_id;
    let (_, config) = scene.kept_setting().await?;
    let acl = format!("Add={own}&Delete={own}&Get={own}&Replace={own}");
    let lists = Act::Replace(text(format!("{config}?prop=ACL"), None, &acl));
    scene.manage_well(vec![lists]).await?;
    Ok(())
}

#[when("both read it")]
async fn both_read(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.gwmo.after = scene.stage.recorded();
    let (uri, _) = scene.kept_setting().await?;
    let get = Act::Get { uri };
    scene.manage_as_other(vec![get.clone()]).await?;
    scene.manage(vec![get]).await?;
    Ok(())
}

#[when("the second changes it, and gives itself the right to")]
async fn widened(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let other = scene.other()?.account.server_id;
    let (uri, _) = scene.kept_setting().await?;
    scene.gwmo.after = scene.stage.recorded();
    let list = format!("Get={other}&Replace={other}");
    let lists = Act::Replace(text(format!("{uri}?prop=ACL"), None, &list));
    let change = Act::Replace(text(uri, Some("bool"), "false"));
    scene
        .manage_as_other(vec![Act::Sequence(vec![lists, change])])
        .await
}

#[then("the first gets it, and the second does not")]
async fn first_alone(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (uri, _) = scene.kept_setting().await?;
    let party = dm_server(&scene.profile.profile);
    scene.check_answered(party, ("Get", uri.clone()), 200);
    scene.check_answered(OTHER_MANAGER, ("Get", uri), DENIED);
    scene.give_back().await
}

#[then("both are refused to it")]
async fn refused(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (uri, _) = scene.kept_setting().await?;
    let lists = format!("{uri}?prop=ACL");
    scene.check_answered(OTHER_MANAGER, ("Replace", lists), DENIED);
    scene.check_answered(OTHER_MANAGER, ("Replace", uri), DENIED);
    scene.give_back().await
}

impl Scene {
    /// The setting is everybody's again.
    async fn give_back(&mut self) -> Result<(), Halted> {
        let (_, config) = self.kept_setting().await?;
        let lists = Act::Replace(text(format!("{config}?prop=ACL"), None, ""));
        self.manage(vec![lists]).await?;
        Ok(())
    }
}

#[then("the device is not told of the server")]
fn discreet(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    let gateway = scene.gateway()?;
    let server = gateway.server.unwrap_or_default();
    let session = Session {
        party: gateway_device(number),
        after: 0,
        upto: Some(scene.stage.recorded()),
    };
    // A gateway may be known to its devices by the name of its server.
    let own = gateway.devices.get(number).map(|device| &device.account);
    let apart = own.is_some_and(|own| own.server_id != gateway.account.server_id);
    let id = apart.then_some(gateway.account.server_id);
    let of = id.into_iter().chain([server]).collect();
    scene.check(&Check::Gwmo(Gwmo::Discreet { session, of }));
    Ok(())
}

#[then("the summary counts what the records say")]
async fn summed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let names = scene.gateway()?.names;
    let mut devices = Vec::new();
    for after in 0..3 {
        let number = scene.numbered(Mode::Proxy, after)?;
        devices.push(twinproof_judge::checks::gwmo::Listed {
            device: scene.identity(number)?,
            status: Some(match after {
                2 => names.status_detached.clone(),
                _ => names.status_attached.clone(),
            }),
            says: Vec::new(),
        });
    }
    scene.gwmo.after = scene.stage.recorded();
    let records = scene.read_records(&devices).await?;
    let inventory = scene.objects().await?.inventory;
    let below = |path: &str| format!("{inventory}/{path}");
    let (total, attached) = (below(&names.total), below(&names.attached));
    let read = [&total, &attached].map(|uri| Act::Get { uri: uri.clone() });
    let read = scene.manage_well(read.to_vec()).await?;
    if first(&read).is_empty() {
        return Err(scene.inconclusive("the gateway gave no value for its summary (gwmo.names)"));
    }
    scene.judge_gateway(|session| Gwmo::Summed {
        session,
        total,
        attached,
        means: names.status_attached,
        records,
        device: names.record_device,
        status: names.record_status,
        devices,
    });
    Ok(())
}
