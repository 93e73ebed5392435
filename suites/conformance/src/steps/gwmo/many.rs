//! Fan-outs at size: many devices, of which some refuse, some fall silent, and some have gone.

use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, when};
use twinproof_dm::client::Client;
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::upper::Act;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::crowd::{Answer, Crowd, Manner, Order, Shared};
use twinproof_judge::checks::gwmo::{Expected, Outcome};
use twinproof_judge::profile::GwmoMany;
use twinproof_judge::scene::SUT;
use twinproof_stage::{Halted, Handle};

use super::fanout::{Aim, DEADLINE, get};
use super::parties::{NODE, says, text};
use crate::target::MANY_DEVICES;
use crate::world::{Scene, World};

/// How many members of a group are told in one command.
const MEMBERS_AT_ONCE: usize = 100;

/// What becomes of the device that is the one after so many: of each ten, one does not have what is read, one
/// hears and does nothing, and one has gone.
const fn fate(after: usize) -> (Manner, bool) {
    match after % 10 {
        7 => (Manner::Comes, false),
        8 => (Manner::Deaf, true),
        9 => (Manner::Gone, true),
        _ => (Manner::Comes, true),
    }
}

impl Scene {
    fn many(&mut self) -> Result<GwmoMany, Halted> {
        match self.gateway()?.many {
            Some(many) => Ok(many),
            None => Err(self.inconclusive("the profile has no [gwmo.many]")),
        }
    }

    /// Lets many devices enter, and come.
    async fn come_in_number(&mut self) -> Result<(), Halted> {
        let many = self.many()?;
        let gateway = self.gateway()?;
        self.manager()?;
        let setting = gateway.names.report_attached.clone();
        // What is looked at here is something else, and each announcement would be a session.
        self.set_gateway(&setting, false).await?;
        let factory = Tree::new(Arc::new(Profile::builtin()));
        let clients = (0..many.count).map(|after| {
            let account = many.account_of(after);
            let accounts = [account.at(&gateway.devices_at)];
            let mut tree = factory.issued(&account.device, &accounts);
            if let (Ok(node), (_, true)) = (NODE.parse(), fate(after)) {
                tree.set(&node, says(after));
            }
            Client::new(tree, self.seed.derive(MANY_DEVICES).derive(&account.device))
        });
        let crowd = Crowd::new(clients.collect::<Vec<_>>());
        let shared = Arc::new(Shared::default());
        let crowd = self.stage.enter(MANY_DEVICES, crowd, shared);
        self.stage.hide(MANY_DEVICES);
        self.gwmo.crowd = Some(crowd.clone());
        let server = many.account.server_id.clone();
        let patience = gateway.patience.duration();
        let came = self
            .stage
            .act_within(&crowd, Order::Come { server }, patience)
            .await?;
        match came {
            Answer::Came(complete, all) if complete == all => Ok(()),
            other => {
                let why = format!("expected that all devices come, got {other:?} (gwmo.many)");
                Err(self.inconclusive(why))
            }
        }
    }

    fn crowd(&mut self) -> Result<Handle<Crowd>, Halted> {
        match self.gwmo.crowd.clone() {
            Some(crowd) => Ok(crowd),
            None => Err(self.inconclusive("there are no devices in number")),
        }
    }

    /// Puts all of them into a group.
    async fn group_all(&mut self) -> Result<(), Halted> {
        let many = self.many()?;
        let members = self.open_group().await?;
        let adds = (0..many.count).map(|after| {
            let device = many.account_of(after).device;
            Act::Add(text(format!("{members}/M{after}"), None, &device))
        });
        let adds: Vec<Act> = adds.collect();
        let parts = adds.chunks(MEMBERS_AT_ONCE);
        let parts = parts.map(|part| Act::Sequence(part.to_vec()));
        self.manage_well(parts.collect()).await?;
        Ok(())
    }
}

#[given("many devices that have attached")]
async fn many_attached(world: &mut World) -> Result<(), Halted> {
    world.scene().come_in_number().await
}

#[given("a group of all of them")]
async fn group_of_all(world: &mut World) -> Result<(), Halted> {
    world.scene().group_all().await
}

#[given("some of them do not have what is read, some do not come any more, and some have gone")]
async fn unlike(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let many = scene.many()?;
    let manners = (0..many.count).map(|after| fate(after).0).collect();
    let crowd = scene.crowd()?;
    scene.stage.act(&crowd, Order::Behave(manners)).await?;
    Ok(())
}

#[when("the server has the gateway read something of all of them")]
async fn all_read(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let many = scene.many()?;
    let devices = (0..many.count).map(|after| Expected {
        device: many.account_of(after).device,
        outcome: match fate(after) {
            (Manner::Comes, true) => Outcome::Did(vec![says(after)]),
            (Manner::Comes, false) => Outcome::Refused(404),
            (Manner::Deaf | Manner::Gone, _) => Outcome::Silent,
        },
    });
    let devices: Vec<Expected> = devices.collect();
    let coming = (0..many.count).filter(|after| fate(*after).0 == Manner::Comes);
    let coming = coming.count();
    let crowd = scene.crowd()?;
    let before = scene.stage.look(&crowd, Crowd::ended);
    let at = scene
        .start_fan_out(Aim::Group, &[get()], devices, DEADLINE)
        .await?;
    // Only when nobody else is missing, the time of those may pass who say nothing.
    let patience = scene.gateway()?.patience.duration();
    let all = move |crowd: &Crowd| crowd.ended() >= before + coming;
    let what = "all devices that come have come";
    scene.stage.wait_for(&crowd, what, patience, all).await;
    if coming < many.count {
        let span = DEADLINE.parse().unwrap_or_default();
        scene.stage.let_pass(SUT, Duration::from_secs(span)).await?;
    }
    scene.wait_until_told(Report::Results, None).await?;
    scene.take_results(&at).await
}
