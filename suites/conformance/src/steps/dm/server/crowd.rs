//! Two devices of a server in sessions at once, and where a session goes on.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::Standard;
use twinproof_dm::client::{Client, Order};
use twinproof_dm::upper::{Act, Operation};
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::dm::server::Check as Server;
use twinproof_stage::{Halted, Handle};

use super::{PATIENCE, SMALL};
use crate::world::{Scene, World};

/// How much is wanted of each: more than fits into a message, so that sessions take a while.
const WANTED: usize = 12;

/// A device of two, and its session.
pub(super) struct Comer {
    device: Handle<Client>,
    server: String,
    session: Option<Session>,
}

/// What is to be read of a device of two.
fn wanted(who: usize) -> Vec<String> {
    let all = (0..WANTED).map(|number| format!("./DevInfo/Of{}No{number}", who + 1));
    all.collect()
}

/// Where a device says what it calls itself.
pub(super) const ITSELF: &str = "./DevInfo/DevId";

/// The sessions of the two.
pub(super) fn sessions(scene: &Scene) -> Vec<Session> {
    let crowd = scene.dm.fleet.crowd.iter();
    crowd.filter_map(|comer| comer.session.clone()).collect()
}

#[given("two devices, of each of which the operator wants to read something else")]
async fn two(world: &mut World) -> Result<(), Halted> {
    enter_two(world.scene(), &[]).await
}

#[given("two devices, of each of which the operator wants to know what it calls itself")]
async fn two_themselves(world: &mut World) -> Result<(), Halted> {
    enter_two(world.scene(), &[ITSELF]).await
}

/// Lets two devices enter, of each of which the operator wants to read these, and more.
async fn enter_two(scene: &mut Scene, first: &[&str]) -> Result<(), Halted> {
    scene.dm.fleet.takes = Some(SMALL);
    if !first.is_empty() {
        scene.skip_dm_events().await?;
    }
    for who in 0..2 {
        let account = scene.dm_account(who)?;
        let first = first.iter().map(|uri| (*uri).to_owned());
        for uri in first.chain(wanted(who)) {
            let plan = Operation::Plan {
                device: account.device.clone(),
                act: Act::Get { uri },
            };
            scene.stage.operate_dm(plan).await?;
        }
        let name = format!("device-{who}");
        scene.enter_dm_device_as(&name, &account, Arc::new(Standard))?;
        let device = scene.dm_device()?;
        scene.dm.fleet.crowd.push(Comer {
            device,
            server: account.server_id,
            session: None,
        });
    }
    Ok(())
}

#[when("both are in sessions at once")]
async fn at_once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut crowd = std::mem::take(&mut scene.dm.fleet.crowd);
    let after = scene.stage.recorded();
    let mut orders = Vec::new();
    for comer in &mut crowd {
        comer.session = Some(Session {
            party: comer.device.name().to_owned(),
            after,
            upto: None,
        });
        let server = comer.server.clone();
        orders.push((comer.device.clone(), Order::Start { server }));
    }
    // Neither has had its session before the other begins.
    scene.stage.act_together(orders).await?;
    for comer in &crowd {
        let ended = |client: &Client| !client.ended().is_empty();
        let what = "the session has ended";
        scene
            .stage
            .wait_for(&comer.device, what, PATIENCE, ended)
            .await;
    }
    scene.dm.fleet.crowd = crowd;
    Ok(())
}

#[then("each of them is told what is meant for it, and nothing that is meant for the other")]
fn apart(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let sessions = sessions(scene);
    let [first, second] = sessions.as_slice() else {
        return Err(scene.inconclusive("there are no two sessions"));
    };
    for (who, session, beside) in [(0, first, second), (1, second, first)] {
        scene.dm.fleet.session = Some(session.clone());
        scene.check_dm_server(|session| Server::Apart {
            session,
            beside: beside.clone(),
            own: wanted(who),
            others: wanted(1 - who),
        })?;
    }
    Ok(())
}

#[then("the session goes on where the server wants it")]
fn goes_on(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::GoesOn { session })
}
