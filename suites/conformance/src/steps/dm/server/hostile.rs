//! Devices that want to hurt, and what a server does when it has met one.

use std::sync::{Arc, Mutex, PoisonError};

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_judge::checks::dm::server::Check as Server;
use twinproof_stage::Halted;

use super::super::hostile::{Hurt, hurting};
use super::session;
use crate::world::{Scene, World};

/// Its messages hurt.
struct Hurts(Hurt);

impl Rules for Hurts {
    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        hurting(self.0, octets)
    }
}

/// Says its first message again and again.
#[derive(Default)]
struct Replays(Mutex<Option<Vec<u8>>>);

impl Rules for Replays {
    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(octets).clone()
    }
}

/// How many messages such a device sends.
const REPLAYS: u32 = 4;

impl Scene {
    fn enter_hurting_device(&mut self, hurt: Hurt) -> Result<(), Halted> {
        let account = self.dm_account(0)?;
        self.enter_dm_device(&account, Arc::new(Hurts(hurt)))
    }
}

#[given("a device whose messages grow while they are read")]
fn grows(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting_device(Hurt::Grows)
}

#[given("a device whose messages are nested without measure")]
fn deep(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting_device(Hurt::Deep)
}

#[given("a device whose messages are very large")]
fn large(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting_device(Hurt::Large)
}

#[given("a device whose messages are broken")]
fn broken(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting_device(Hurt::Broken)
}

#[given("a device that says again what it said first")]
fn replays(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    scene.dm.fleet.messages = Some(REPLAYS);
    scene.enter_dm_device(&account, Arc::new(Replays::default()))
}

#[when("another device, which behaves, begins a session")]
async fn behaves(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // Who was hurt may have had enough of the first one.
    let account = scene.dm_account(1)?;
    scene.enter_dm_device(&account, Arc::new(Standard))?;
    session(world).await
}

#[then("the server has it")]
fn lives_on(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::LivesOn { session })
}

#[then("the server says what it said, or refuses it")]
fn replayed(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_server(|session| Server::Replayed { session })
}
