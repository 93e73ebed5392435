//! What a server is told of new devices, and when it is not.

use cucumber::{given, then, when};
use twinproof_dm::upper::Act;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::Mode;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_stage::Halted;

use super::parties::first;
use crate::world::{Scene, World};

#[given("a device that has attached and was announced")]
async fn announced(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.is_announced(number).await?;
    scene.come_to_gateway(number, None).await?;
    match scene.wait_until_told(Report::Attached, None).await? {
        true => Ok(()),
        false => Err(scene.inconclusive("the gateway did not announce the device")),
    }
}

#[when("a new device attaches")]
async fn attaches(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.is_announced(number).await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.come_to_gateway(number, None).await
}

#[given("the server has switched the announcements of devices off")]
async fn announcements_off(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let setting = scene.gateway()?.names.report_attached;
    // Who says of it always that it is off has not kept anything.
    scene.set_gateway(&setting, true).await?;
    let uri = format!("{}/{setting}", scene.objects().await?.config);
    let shown = scene.manage_well(vec![Act::Get { uri }]).await?;
    if first(&shown) != "true" {
        let why = format!(
            "the gateway says {:?} of a setting that was switched on (gwmo.names.report_attached)",
            first(&shown)
        );
        return Err(scene.inconclusive(why));
    }
    scene.set_gateway(&setting, false).await
}

#[then("the server is told of it once")]
async fn told_once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.wait_until_told(Report::Attached, None).await?;
    // A second announcement would come before whatever is asked for next; and who says nothing by itself says this.
    scene.objects_again().await?;
    scene.check_announced(1, false);
    Ok(())
}

#[then("the server is not told of it")]
async fn not_told(world: &mut World) -> Result<(), Halted> {
    world.scene().check_unannounced(true).await
}

#[then("the server is told of the second alone")]
async fn told_of_second(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if !scene.wait_until_told(Report::Attached, None).await? {
        return Err(scene.inconclusive("the gateway did not announce the device that it let in"));
    }
    scene.objects_again().await?;
    scene.check_announced(1, false);
    Ok(())
}

#[then("the server is not told of it, and is of another once announcements are on again")]
async fn not_told_but_of_another(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.check_unannounced(false).await?;
    scene.announcements_on().await?;
    scene.another_is_announced().await
}

#[when("announcements are on again")]
async fn announcements_on(world: &mut World) -> Result<(), Halted> {
    world.scene().announcements_on().await
}

#[then("the server is not told of it afterwards, and is of another")]
async fn not_told_afterwards(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // Before another comes, and once that has come, with which it might be told.
    scene.check_unannounced(false).await?;
    scene.another_is_announced().await?;
    scene.check_announced(1, false);
    Ok(())
}

impl Scene {
    async fn announcements_on(&mut self) -> Result<(), Halted> {
        let setting = self.gateway()?.names.report_attached;
        self.set_gateway(&setting, true).await
    }

    /// Has another device attach, which the server has to be told of: who never announces anybody has shown nothing by
    /// not doing so, nor has who announces late what came before.
    async fn another_is_announced(&mut self) -> Result<(), Halted> {
        let number = self.numbered(Mode::Proxy, 1)?;
        self.is_new(number).await?;
        let before = self.times_told(Report::Attached)?;
        self.come_to_gateway(number, None).await?;
        match self.wait_until_told_more(Report::Attached, before).await? {
            true => self.objects_again().await,
            false => {
                Err(self
                    .inconclusive("the gateway announces no device with announcements on, either"))
            }
        }
    }

    /// Judges that the server was not told of a new device.
    async fn check_unannounced(&mut self, again: bool) -> Result<(), Halted> {
        let settle = self.stage.pace().settle;
        self.stage.rest(settle).await;
        let names = self.gateway()?.names;
        let uri = format!("{}/{}", self.objects().await?.inventory, names.total);
        self.manage(vec![Act::Get { uri }]).await?;
        self.check_announced(0, again);
        Ok(())
    }

    /// Judges how often the server was told that a device is there, which it may have been told of before.
    fn check_announced(&mut self, times: usize, again: bool) {
        self.judge_gateway(|session| Gwmo::Reported {
            session,
            report: Report::Attached,
            times,
            again,
        });
    }
}
