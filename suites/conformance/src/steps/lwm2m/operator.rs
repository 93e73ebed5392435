//! What the operator of the server does and sees.

use cucumber::{then, when};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::operator::Check as Operator;
use twinproof_lwm2m::upper::{Client, Operation};
use twinproof_lwm2m::wire::Path;
use twinproof_stage::Halted;

use super::parties::{Who, device_lifetime};
use super::register::Sleep;
use crate::world::{Scene, World};

/// The device's manufacturer.
const MANUFACTURER: [u16; 3] = [3, 0, 0];

impl Scene {
    /// Records that the operator is to see a device once, and like this.
    async fn is_shown(&mut self, who: &Who, client: Client) -> Result<(), Halted> {
        let endpoint = self.device(who, device_lifetime()).await?.endpoint;
        self.operate(Operation::Clients).await?;
        let Some(operated) = self.lwm2m.operated.clone() else {
            return Ok(());
        };
        let check = Operator::Shown {
            operated: operated.number,
            client: Client { endpoint, ..client },
        };
        self.check(&Check::Lwm2m(check.into()));
        Ok(())
    }
}

fn objects(paths: &[&[u16]]) -> Option<Vec<Path>> {
    paths.iter().map(|ids| Path::new(ids)).collect()
}

#[then(expr = "the operator sees {who} as it registered")]
async fn sees_as_registered(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let version = scene.lwm2m_profile()?.version;
    let client = Client {
        lifetime: Some(60),
        version: Some(version.to_string()),
        binding: Some(Sleep::of(version.0).binding.to_owned()),
        queue_mode: Some(true),
        objects: objects(&[&[1, 0], &[3, 0], &[5]]),
        ..Client::default()
    };
    scene.is_shown(&who, client).await
}

#[then(expr = "the operator sees {who} once")]
async fn sees_once(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().is_shown(&who, Client::default()).await
}

#[then(expr = "the operator sees the new list of {who} and nothing of the old")]
async fn sees_new_list(w: &mut World, who: Who) -> Result<(), Halted> {
    let client = Client {
        objects: objects(&[&[1, 0], &[3, 0], &[7, 0]]),
        ..Client::default()
    };
    w.scene().is_shown(&who, client).await
}

#[when(expr = "the operator reads the manufacturer of {who}")]
async fn reads_manufacturer(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let endpoint = scene.device(&who, device_lifetime()).await?.endpoint;
    let operation = Operation::Read {
        endpoint,
        path: Path::new(&MANUFACTURER).unwrap_or_default(),
        accept: None,
    };
    scene.operate(operation).await?;
    Ok(())
}

#[then(expr = "the operator is told of an error, and {who} hears nothing")]
async fn told_of_an_error(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let Some(operated) = scene.lwm2m.operated.clone() else {
        return Err(scene.inconclusive("the operator did nothing"));
    };
    let check = Operator::NotManaged {
        operated: operated.number,
        party: who.name().to_owned(),
        after: operated.after,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
