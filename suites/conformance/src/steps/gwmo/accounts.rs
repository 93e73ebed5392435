//! By which account the gateway speaks to the server for its devices.

use cucumber::{then, when};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::manager::Manager;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_stage::Halted;

use crate::target::dm_server;
use crate::world::{Scene, World};

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

#[then("the server is told of both, and all that it is told by one account")]
async fn one_account(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let server = scene.manager()?;
    let told_both = |server: &Manager| {
        let told = server.told().into_iter();
        let results = told.filter(|told| told.report == Report::Results);
        results.count() >= 2
    };
    let (what, patience) = ("the server is told of both", scene.gateway()?.patience);
    let came = scene
        .stage
        .wait_for(&server, what, patience.duration(), told_both)
        .await;
    let session = scene.said_since(0);
    scene.check(&Check::Gwmo(Gwmo::OneAccount { session }));
    let numbers = [
        scene.numbered(Mode::Proxy, 0)?,
        scene.numbered(Mode::Proxy, 1)?,
    ];
    scene.were_reached(&numbers).await?;
    match came {
        true => Ok(()),
        // Who manages nobody needs no account for it.
        _ => Err(scene.inconclusive("the server was not told of both devices")),
    }
}
