//! What servers of a client have no business with.

use cucumber::{then, when};
use twinproof_coap::{Code, ContentFormat, option};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::Check as Lwm2m;
use twinproof_judge::checks::lwm2m::answer::Check as Answered;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_lwm2m::wire::{self, Direction, Entry, Path, Value, Version};
use twinproof_stage::Halted;

use super::super::manage::path;
use crate::target::SERVERS;
use crate::world::World;

/// The object with the keys, and a key in it.
const KEYS: [u16; 1] = [0];
const KEY: [u16; 3] = [0, 0, 5];

/// The instances in which the client may have its account; which, no server can know.
const INSTANCES: [u16; 4] = [0, 1, 2, 3];

/// One that it will not have.
const UNUSED: u16 = 77;

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

#[when("its server writes, creates and deletes keys in all ways that there are")]
async fn changes_keys(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let key = |ids: &[u16]| Entry::new(path(ids), Value::Opaque(b"a key".to_vec()));
    let format = ContentFormat::LWM2M_TLV;
    let mut wanted = vec![(Code::POST, path(&KEYS), vec![key(&[0, UNUSED, 5])])];
    for instance in INSTANCES {
        let (own, held) = (path(&[0, instance]), path(&[0, instance, 5]));
        wanted.push((Code::PUT, held, vec![key(&[0, instance, 5])]));
        wanted.push((Code::POST, own, vec![key(&[0, instance, 5])]));
        wanted.push((Code::DELETE, own, Vec::new()));
    }
    let mut requests = Vec::new();
    for (method, at, values) in wanted {
        let request = scene.about(0, method, at)?;
        requests.push(match values.as_slice() {
            [] => request,
            values => match wire::encode(format, Direction::Write, at, values) {
                Ok(body) => request.with_body(format, body),
                Err(error) => return Err(scene.inconclusive(format!("{at}: {error}"))),
            },
        });
    }
    if scene.lwm2m_profile()?.version.0 > Version::V1_0 {
        let values = [key(&[0, 0, 5])];
        let format = ContentFormat::SENML_JSON;
        match wire::encode(format, Direction::Write, Path::ROOT, &values) {
            Ok(body) => {
                let request = scene.about(0, Code::IPATCH, Path::ROOT)?;
                requests.push(request.with_body(format, body));
            }
            Err(error) => return Err(scene.inconclusive(error.to_string())),
        }
    }
    for request in requests {
        scene.ask(0, request).await?;
        let act = scene.last_act()?;
        scene.client()?.tried.push(act);
    }
    Ok(())
}

#[then("the client does none of it")]
async fn does_none(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for act in scene.client()?.tried.clone() {
        scene.check(&Check::Lwm2m(Lwm2m::from(Answered::Refused { act })));
    }
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
