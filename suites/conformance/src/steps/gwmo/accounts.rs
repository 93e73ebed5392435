//! By which account the gateway speaks to the server for its devices, and how often it shows it.

use cucumber::{then, when};
use twinproof_gwmo::gateway::Mode;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::gwmo::{Check as Gwmo, Expected, Outcome};
use twinproof_stage::Halted;

use super::fanout::{Aim, get};
use super::parties::says;
use crate::target::dm_server;
use crate::world::{Scene, World};

/// How many devices the group has.
const GROUP: usize = 3;

impl Scene {
    /// What was said to the server after this number.
    fn said_since(&self, after: u64) -> Session {
        Session {
            party: dm_server(&self.profile.profile).to_owned(),
            after,
            upto: Some(self.stage.recorded()),
        }
    }
}

#[when("the server has the gateway read something of the first, and then of the second")]
async fn one_by_one(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for after in 0..2 {
        scene.read_of_devices(&[after]).await?;
        scene.objects_again().await?;
    }
    Ok(())
}

#[then("all that the server is told is told by one account")]
fn one_account(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let session = scene.said_since(0);
    scene.check(&Check::Gwmo(Gwmo::OneAccount { session }));
    Ok(())
}

#[when("the server has the gateway read something of one device, and then of the group")]
async fn one_then_all(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.objects().await?;
    let begun = scene.stage.recorded();
    scene.read_of_devices(&[0]).await?;
    scene.objects_again().await?;
    let one = scene.said_since(begun);
    let begun = scene.stage.recorded();
    let mut devices = Vec::new();
    for after in 0..GROUP {
        let number = scene.numbered(Mode::Proxy, after)?;
        devices.push(Expected {
            device: scene.identity(number)?,
            outcome: Outcome::Did(vec![says(number)]),
        });
    }
    scene.fan_out(Aim::Group, &[get()], devices).await?;
    scene.objects_again().await?;
    let all = scene.said_since(begun);
    scene.gwmo.counted = Some((one, all));
    Ok(())
}

#[then("the gateway has not authenticated for each device of the group")]
fn once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let Some((one, all)) = scene.gwmo.counted.clone() else {
        return Err(scene.inconclusive("nothing was counted"));
    };
    scene.check(&Check::Gwmo(Gwmo::AuthenticatedOnce {
        one,
        all,
        devices: GROUP,
    }));
    Ok(())
}
