//! What one server of a client has to do with the other.

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_lwm2m::wire::Value;
use twinproof_stage::Halted;

use super::super::manage::path;
use super::ask::{BINDING, DEVICE, LIFETIME, REBOOT, WRITTEN};
use crate::world::World;

/// The least and the greatest interval that each server asks for, s.
const INTERVALS: [(u64, u64); 2] = [(2, 10), (15, 50)];

#[given("a client that is registered with two servers")]
async fn is_registered_with_two(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.must_register(0).await?;
    scene.must_register(1).await
}

#[when("each server wants reports of the device in intervals of its own")]
async fn attaches_own(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for (server, attributes) in INTERVALS.map(written).into_iter().enumerate() {
        scene.attach(server, path(&DEVICE), attributes).await?;
    }
    Ok(())
}

#[then("each server finds its own intervals, and no others")]
async fn finds_own(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for (server, attributes) in INTERVALS.map(written).into_iter().enumerate() {
        let act = scene.discover(server, path(&DEVICE)).await?;
        let path = path(&DEVICE).to_string();
        scene.check_client(Client::Attached {
            act,
            path,
            attributes,
        });
    }
    Ok(())
}

/// Intervals as they are attached.
fn written((least, most): (u64, u64)) -> Vec<String> {
    vec![format!("pmin={least}"), format!("pmax={most}")]
}

#[given("both servers observe the client, which reports every other second")]
async fn both_observe(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let observed = scene.observe_client(0).await?;
    let by_other = scene.observe_client(1).await?;
    let client = scene.client()?;
    client.observed = Some(observed);
    client.observed_by_other = Some(by_other);
    scene.await_reports(0, 1).await?;
    scene.await_reports(1, 1).await
}

#[when("the first server ends its observation with a request")]
async fn first_ends(w: &mut World) -> Result<(), Halted> {
    w.scene().end_reports(false).await
}

#[then("the client reports to the other server as before")]
async fn still_reports(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let client = scene.client()?;
    let (Some(observed), Some((ended, _))) =
        (client.observed_by_other.clone(), client.ended.clone())
    else {
        return Err(scene.inconclusive("no observation was ended"));
    };
    scene.check_client(Client::ReportsOn { observed, ended });
    Ok(())
}

#[when("the other server reads how the device can be reached")]
async fn other_reads(w: &mut World) -> Result<(), Halted> {
    w.scene().read_from(1, path(&BINDING)).await?;
    Ok(())
}

#[when("the other server writes the life time of the first")]
async fn other_writes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene.setting(0, LIFETIME)?;
    let before = scene.read_from(0, lifetime).await?;
    scene.client()?.before = Some(before);
    let request = scene.writing((1, lifetime), Value::Integer(WRITTEN[0].into()))?;
    scene.ask(1, request).await?;
    Ok(())
}

#[when("the other server deletes the account of the first")]
async fn other_deletes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let account = scene.account(0)?;
    let request = scene.about(1, Code::DELETE, account)?;
    scene.ask(1, request).await?;
    Ok(())
}

#[then("the first server still has its account")]
async fn account_is_there(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let lifetime = scene.setting(0, LIFETIME)?;
    let act = scene.read_from(0, lifetime).await?;
    let path = lifetime.to_string();
    scene.check_client(Client::Legible { act, path });
    Ok(())
}

#[when("the other server has the device reboot")]
async fn other_reboots(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let request = scene.about(1, Code::POST, path(&REBOOT))?;
    scene.ask(1, request).await?;
    Ok(())
}

#[when("each server reads the accounts of servers")]
async fn each_reads_accounts(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let first = scene.read_from(0, path(&[1])).await?;
    scene.client()?.before = Some(first);
    scene.read_from(1, path(&[1])).await?;
    Ok(())
}

#[then("each server is shown one account, and no two the same")]
async fn sees_own_account(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let other = scene.last_act()?;
    match scene.client()?.before.clone() {
        Some(act) => {
            scene.check_client(Client::OwnAccount { act, other });
            Ok(())
        }
        None => Err(scene.inconclusive("nobody read the accounts")),
    }
}
