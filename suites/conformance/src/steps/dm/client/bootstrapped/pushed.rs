//! An account that is pushed to a client, protected in each way and in none.

use cucumber::when;
use twinproof_dm::bootstrap::Made;
use twinproof_dm::provisioning::protection::{KeyForm, Method, Profile};
use twinproof_stage::{Deed, Halted};

use super::{Guard, Who};
use crate::world::World;

/// PINs that nobody was told.
const WRONG_PINS: [&str; 3] = ["1000001", "1000002", "1000003"];

/// With another first octet of the MAC.
fn spoiled(content_type: &str) -> String {
    let Some((before, digits)) = content_type.split_once("MAC=") else {
        return content_type.to_owned();
    };
    let first = if digits.starts_with('0') { "1" } else { "0" };
    format!("{before}MAC={first}{}", digits.get(1..).unwrap_or_default())
}

async fn guarded(world: &mut World, guard: Guard) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let made = scene.made(Who::New, kind, &[])?;
    scene.gives(Who::New, made, guard).await
}

#[when("its account is pushed to the client, protected by the identity of the subscriber")]
async fn by_identity(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::NetworkId).await
}

#[when("its account is pushed to the client, protected by a PIN that the user enters")]
async fn by_pin(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::Pin).await
}

#[when(
    "its account is pushed to the client, protected by a PIN and the identity of the subscriber"
)]
async fn by_both(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::PinAndNetworkId).await
}

#[when(
    "its account is pushed to the client, protected by the secret that it shares with its network"
)]
async fn by_secret(world: &mut World) -> Result<(), Halted> {
    guarded(world, Guard::Secret).await
}

#[when("its account is pushed to the client in a message of DM")]
async fn in_message(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let made = scene.made(Who::New, Profile::Message, &[])?;
    scene.gives(Who::New, made, Guard::NetworkId).await
}

#[when("its account is pushed to the client, which demands a session")]
async fn demanding(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let own = scene.bootstrapped()?;
    let demand = [(own.names.connect, "true".to_owned())];
    let made = scene.made(Who::New, Profile::Message, &demand)?;
    for form in scene.forms(&Guard::NetworkId, made.profile)? {
        let key = scene.key_of(&Guard::NetworkId, made.profile, form)?;
        let content_type = made.protected(Method::NetworkId, &key);
        scene.carry(&content_type, made.octets.clone()).await?;
        if scene.waits(Who::New).await? {
            break;
        }
    }
    Ok(())
}

/// Pushes an account of the first server as nobody may believe it, and then one of the other.
async fn spoilt(world: &mut World, spoil: impl Fn(&Made, &[u8]) -> String) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let made = scene.made(Who::New, kind, &[])?;
    for form in scene.forms(&Guard::NetworkId, kind)? {
        let key = scene.key_of(&Guard::NetworkId, kind, form)?;
        let content_type = spoil(&made, &key);
        scene.carry(&content_type, made.octets.clone()).await?;
    }
    scene.then_the_other().await
}

#[when(
    "an account of the one is pushed to the client with a wrong MAC, and then one of the other as it has to be"
)]
async fn wrong_mac(world: &mut World) -> Result<(), Halted> {
    spoilt(world, |made, key| {
        spoiled(&made.protected(Method::NetworkId, key))
    })
    .await
}

#[when(
    "an account of the one is pushed to the client with the MAC of another, and then one of the other as it has to be"
)]
async fn mac_of_another(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let other = scene.made(Who::Other, kind, &[])?;
    spoilt(world, move |_, key| other.protected(Method::NetworkId, key)).await
}

#[when(
    "an account of the one is pushed to the client without a MAC, and then one of the other as it has to be"
)]
async fn no_mac(world: &mut World) -> Result<(), Halted> {
    spoilt(world, |made, _| made.media_type().to_owned()).await
}

#[when(
    "an account of the one is pushed to the client and three wrong PINs are entered, and then one of the other comes as it has to be"
)]
async fn wrong_pins(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let kind = scene.kind()?;
    let made = scene.made(Who::New, kind, &[])?;
    let key = scene.key_of(&Guard::Pin, kind, KeyForm::Digits)?;
    let content_type = made.protected(Method::UserPin, &key);
    scene.carry(&content_type, made.octets).await?;
    // How often a client asks is its own business.
    for pin in WRONG_PINS {
        scene.stage.bootstrap_dm(Deed::Pin(pin.to_owned())).await?;
    }
    scene.then_the_other().await
}
