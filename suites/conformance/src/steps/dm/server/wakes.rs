//! A server that wakes its devices, by notifications that ask for more than a session, too.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::Rules;
use twinproof_dm::client::{Client, Order};
use twinproof_dm::notification::wanted::Wanted;
use twinproof_dm::upper::{Answer, Operation};
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::dm::server::Check as Server;
use twinproof_judge::checks::dm::wishes::Wish;
use twinproof_stage::Halted;

use super::PATIENCE;
use crate::world::{Scene, World};

/// Has the operator wake the device by a notification that asks for this.
async fn wakes_wanting(scene: &mut Scene, wanted: Wanted) -> Result<(), Halted> {
    let device = scene.dm_account(0)?.device;
    wakes_by(
        scene,
        Operation::Notify {
            device,
            ui_mode: 1,
            session: ANNOUNCED,
            wanted,
        },
    )
    .await
}

#[when("the operator wakes the device, which is to come within an hour")]
async fn wakes_until(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let until = u32::try_from(scene.stage.seconds() + 3_600);
    let wanted = Wanted {
        expires: until.ok(),
        ..Wanted::default()
    };
    wakes_wanting(scene, wanted).await
}

#[when("the operator wakes the device and says why")]
async fn wakes_saying_why(world: &mut World) -> Result<(), Halted> {
    let wanted = Wanted {
        reason: Some("New settings for the browser".to_owned()),
        ..Wanted::default()
    };
    wakes_wanting(world.scene(), wanted).await
}

#[when("the operator wakes the device and says how it is to come")]
async fn wakes_saying_how(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let codes = scene.dm_server()?.options;
    let scheme = scene.dm_account(0)?.scheme.of_proof();
    let wanted = Wanted {
        authentication: Some(codes.of_scheme(scheme)),
        transport: Some(codes.http),
        ..Wanted::default()
    };
    wakes_wanting(scene, wanted).await
}

#[when("the operator wakes the device and wants a detail of it")]
async fn wakes_for_detail(world: &mut World) -> Result<(), Halted> {
    let wanted = Wanted {
        nodes: vec!["./DevDetail/FwV".to_owned()],
        ..Wanted::default()
    };
    wakes_wanting(world.scene(), wanted).await
}

#[then("the notification says until when it counts")]
fn says_until(world: &mut World) -> Result<(), Halted> {
    asks(world, &[Wish::Expiration])
}

#[then("the notification says why")]
fn says_why(world: &mut World) -> Result<(), Halted> {
    asks(world, &[Wish::Reason])
}

#[then("the notification says how")]
fn says_how(world: &mut World) -> Result<(), Halted> {
    asks(world, &[Wish::Transport, Wish::Authentication])
}

#[then("the notification says which detail")]
fn says_which(world: &mut World) -> Result<(), Halted> {
    asks(world, &[Wish::Node])
}

fn asks(world: &mut World, wishes: &[Wish]) -> Result<(), Halted> {
    let scene = world.scene();
    let (number, codes) = (
        scene.dm.fleet.made.unwrap_or_default(),
        scene.dm_server()?.options,
    );
    for wish in wishes {
        scene.check_dm_server(|_| Server::Asks {
            number,
            codes,
            wish: *wish,
        })?;
    }
    Ok(())
}

/// The session that is announced.
const ANNOUNCED: u16 = 0x51;

#[when("the operator wakes the device")]
async fn wakes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let trigger = Operation::Trigger {
        device: scene.dm_account(0)?.device,
        ui_mode: 1,
        session: ANNOUNCED,
    };
    wakes_by(scene, trigger).await
}

/// Takes whatever is pushed: how an application is named in SIP, no text of DM lays down.
struct Takes;

impl Rules for Takes {
    fn listens(&self, _ours: bool) -> bool {
        true
    }
}

#[given("a device that takes notifications by SIP, and has had a session")]
async fn takes_sip(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    let place = scene.stage.bind("device").await?;
    scene.dm.fleet.sip = Some(place);
    scene.enter_dm_device(&account, Arc::new(Takes))?;
    super::has_had_one(world).await
}

#[when("the operator has the server wake the device by SIP")]
async fn wakes_by_sip(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_device()?;
    let Some(to) = scene.dm.fleet.sip else {
        return Err(scene.inconclusive("the device takes nothing by SIP"));
    };
    let send = Operation::Send {
        device: scene.dm_account(0)?.device,
        ui_mode: 1,
        session: ANNOUNCED,
        to,
    };
    scene.dm.fleet.session = Some(Session {
        party: device.name().to_owned(),
        after: scene.stage.recorded(),
        upto: None,
    });
    let before = scene.stage.look(&device, |client| client.ended().len());
    scene.stage.operate_dm(send).await?;
    let ended = move |client: &Client| client.ended().len() > before;
    let what = "the session that was announced has ended";
    scene.stage.wait_for(&device, what, PATIENCE, ended).await;
    Ok(())
}

#[then("the notification comes by SIP")]
fn brought(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::Brought { session })
}

/// Brings the device a trigger that the server makes, and waits for the session.
async fn wakes_by(scene: &mut Scene, trigger: Operation) -> Result<(), Halted> {
    let device = scene.dm_device()?;
    let (answer, number) = scene.stage.operate_dm(trigger).await?;
    scene.dm.fleet.made = Some(number);
    let Answer::Trigger { content_type, body } = answer else {
        return Err(scene.inconclusive("the upper tester made no trigger"));
    };
    scene.dm.fleet.session = Some(Session {
        party: device.name().to_owned(),
        after: scene.stage.recorded(),
        upto: None,
    });
    let before = scene.stage.look(&device, |client| client.ended().len());
    let order = Order::Deliver {
        content_type,
        headers: Vec::new(),
        body,
    };
    scene.stage.act(&device, order).await?;
    let ended = move |client: &Client| client.ended().len() > before;
    let what = "the session that was announced has ended";
    scene.stage.wait_for(&device, what, PATIENCE, ended).await;
    Ok(())
}

#[then("the device believes it, and begins the session that was announced")]
fn woke(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Woke {
        session,
        id: format!("{ANNOUNCED:X}"),
    })
}
