//! What servers of a client have no business with.

use cucumber::{then, when};
use twinproof_coap::{Code, ContentFormat, option};
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_stage::Halted;

use super::super::manage::path;
use crate::target::SERVERS;
use crate::world::World;

/// The object with the keys, and a key in it.
const KEYS: [u16; 1] = [0];
const KEY: [u16; 3] = [0, 0, 5];

#[when("its server discovers the keys")]
async fn discovers_keys(w: &mut World) -> Result<(), Halted> {
    w.scene().discover(0, path(&KEYS)).await?;
    Ok(())
}

#[when("its server writes a key")]
async fn writes_key(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let request = scene.about(0, Code::PUT, path(&KEY))?;
    let request = request.with_body(ContentFormat::OCTET_STREAM, *b"a key");
    scene.ask(0, request).await?;
    Ok(())
}

#[when("its server wants reports of the keys in other intervals")]
async fn attaches_to_keys(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let request = scene.about(0, Code::PUT, path(&KEYS))?;
    scene.ask(0, request.with("pmin=1")).await?;
    Ok(())
}

#[when("its server observes the keys")]
async fn observes_keys(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let mut request = scene.about(0, Code::GET, path(&KEYS))?;
    request.options.push((option::OBSERVE.0, Vec::new()));
    scene.ask(0, request).await?;
    Ok(())
}

#[then("the client has listed no keys")]
async fn lists_no_keys(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    let server = SERVERS[0].to_owned();
    let object = KEYS[0];
    scene.check_client(Client::Unlisted {
        server,
        after,
        object,
    });
    Ok(())
}
