//! Long values.

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::management::{Check as Management, octets};
use twinproof_lwm2m::device::{Order, Register};
use twinproof_lwm2m::upper::{Operation, WriteMode};
use twinproof_lwm2m::wire::{Entry, Value};
use twinproof_stage::Halted;

use super::manage::path;
use super::parties::{Who, device_lifetime};
use crate::world::World;

/// A firmware package.
const PACKAGE: [u16; 3] = [5, 0, 0];
/// The manufacturer.
const MANUFACTURER: [u16; 3] = [3, 0, 0];

/// How many octets a long value has that is written.
const WRITTEN: usize = 8_192;
/// How many letters a long value has that is read.
const READ: usize = 4_096;

/// What a device that takes small blocks takes, in octets.
const SMALL: usize = 256;

#[given(expr = "{who} that takes small blocks only and is registered")]
async fn takes_small_blocks(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let differ =
        |shared: &mut twinproof_lwm2m::device::Shared| shared.parameters.block_size = SMALL;
    scene.device_like(&who, device_lifetime(), differ).await?;
    let order = Order::Register(Register::default());
    scene.must(&who, order, Code::CREATED).await
}

#[given(expr = "{who} has a long name for its manufacturer")]
async fn has_a_long_name(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.device(&who, device_lifetime()).await?.device;
    let letters = octets(READ)
        .into_iter()
        .map(|octet| char::from(b'a' + octet % 26));
    let set = Order::Set {
        path: path(&MANUFACTURER),
        value: Value::String(letters.collect()),
    };
    scene.stage.act(&device, set).await?;
    Ok(())
}

#[when(expr = "the operator writes a long value to {who}")]
async fn writes_long(w: &mut World, who: Who) -> Result<(), Halted> {
    let path = path(&PACKAGE);
    w.scene()
        .operate_on(&who, |endpoint| Operation::Write {
            endpoint,
            path,
            mode: WriteMode::Replace,
            values: vec![Entry::new(path, Value::Opaque(octets(WRITTEN)))],
            format: None,
        })
        .await
}

#[then("the device gets the whole value in blocks")]
async fn gets_whole(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let check = Management::InBlocks {
        wish: scene.last_wish()?,
        path: path(&PACKAGE),
        octets: WRITTEN,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
