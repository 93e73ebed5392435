//! Who is who.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_dm::auth::ZERO_NONCE;
use twinproof_dm::server::rules::decide::Rules;
use twinproof_dm::session::prove::Proof;
use twinproof_dm::syncml::{Cred, Message};
use twinproof_dm::upper::Act;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_stage::Halted;

use crate::world::World;

#[given("a server that shows the client no credentials")]
fn shows_none(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server(|_, shown| *shown = None)?;
    scene.dm.served = Some(served);
    Ok(())
}

#[given("a server that shows the client credentials that are wrong")]
fn shows_wrong(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if scene.dm_client()?.account.server_password.is_none() {
        let why = "nothing can be wrong: the account has no server_password";
        return Err(scene.inconclusive(why));
    }
    let served = scene.enter_dm_server(|_, shown| {
        if let Some(proof) = shown {
            proof.secret = b"not the password".to_vec();
        }
    })?;
    scene.dm.served = Some(served);
    Ok(())
}

#[given("a server that expects a digest of another nonce than the client knows")]
fn other_nonce(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server(|known, _| {
        if let Some(proof) = known {
            proof.nonce = b"a nonce that nobody was told".to_vec();
        }
    })?;
    scene.dm.served = Some(served);
    Ok(())
}

/// Shows what it has shown before.
#[derive(Clone, Default)]
pub(in crate::steps::dm) struct Repeats(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    last: Option<Cred>,
    /// Whether it is shown again.
    again: bool,
    /// Whether that is out of date.
    is_old: bool,
}

impl Rules for Repeats {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cred = &mut message.header.cred;
        match (shown.again, &*cred) {
            (false, Some(fresh)) => shown.last = Some(fresh.clone()),
            (true, Some(fresh)) => {
                shown.is_old |= shown.last.as_ref() != Some(fresh);
                cred.clone_from(&shown.last);
            }
            (_, None) => {}
        }
        message
    }
}

#[given(
    "a client that has had a session with a server, which shows it the same digest from now on"
)]
async fn repeats(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let rules = Repeats::default();
    let served = scene.enter_dm_server_with(Arc::new(rules.clone()), |_, _| {})?;
    scene.dm.served = Some(served);
    let uri = scene.dm_client()?.leaf;
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await?;
    let mut shown = rules.0.lock().unwrap_or_else(PoisonError::into_inner);
    shown.again = true;
    drop(shown);
    scene.dm.repeats = Some(rules);
    Ok(())
}

#[given(
    "a client that has had a session with a server, which shows it a digest of four zeros from now on"
)]
async fn zeros(world: &mut World) -> Result<(), Halted> {
    repeats(world).await?;
    let scene = world.scene();
    let proof = scene.dm_client()?.account.proof_of_server();
    let cred = proof.and_then(|proof| {
        let zeros = Proof {
            nonce: ZERO_NONCE.to_vec(),
            ..proof
        };
        zeros.cred()
    });
    if let Some(repeats) = &scene.dm.repeats {
        let mut shown = repeats.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.last = cred.or(shown.last.take());
    }
    Ok(())
}

/// A server that has lost the nonce wakes the client for that, and this one has not.
#[then("the client refuses that digest, and does nothing")]
fn unmoved_zeros(world: &mut World) -> Result<(), Halted> {
    unmoved_old(world)
}

#[given("a server that does not know the client's password")]
fn never_believes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server(|known, _| {
        if let Some(proof) = known {
            proof.secret = b"not the password".to_vec();
        }
    })?;
    scene.dm.served = Some(served);
    Ok(())
}

/// How often a client may show who it is: a new nonce is a reason to, and no text sets the number.
const SHOWN: usize = 5;

#[when("the client begins a session, until it is heard no more")]
async fn heard_out(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let client = scene.dm_client()?;
    let (settle, patience) = (scene.stage.pace().settle, client.patience.duration());
    let begun = scene.stage.recorded();
    scene.dm_served()?.session.after = begun;
    scene.stage.start_dm(&client.account.server_id).await?;
    let mut waited = Duration::ZERO;
    while scene.stage.recorded() == begun {
        if waited >= patience {
            let why = "the client began no session in time (dm.client.patience)";
            return Err(scene.inconclusive(why));
        }
        scene.stage.rest(settle).await;
        waited += settle;
    }
    let mut heard = 0;
    // One that never gives up is known by then.
    while heard <= SHOWN {
        let now = usize::try_from(scene.stage.recorded() - begun).unwrap_or(usize::MAX);
        if now == heard {
            break;
        }
        heard = now;
        scene.stage.rest(settle).await;
    }
    Ok(())
}

#[then("the client gives up before long")]
fn gives_up(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::GivesUp {
        session,
        most: SHOWN,
    })
}

#[then("the client refuses the digest that it was shown before, and does nothing")]
fn unmoved_old(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let is_old = scene.dm.repeats.as_ref().is_some_and(|repeats| {
        let shown = repeats.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.is_old
    });
    if !is_old {
        let why =
            "the client gave the server no other nonce, so that the same digest is the right one";
        return Err(scene.inconclusive(why));
    }
    scene.check_dm_client(|session| Client::Unmoved {
        session,
        codes: vec![401],
    })
}

#[when("a server that the client believes looks for it")]
async fn looks_for_it(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server(|_, _| {})?;
    scene.dm.served = Some(served);
    let uri = scene.dm_node()?;
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await
}

#[then("it is not there")]
fn not_there(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told("Get", Some(uri), &[404])
}

#[then("the client begins anew in the same session")]
fn began_again(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::BeganAgain { session })
}

#[then("the server accepts its credentials")]
fn proven(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Proven { session })
}

#[then("the client asks the server for credentials, and does nothing")]
fn unmoved_missing(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Unmoved {
        session,
        codes: vec![407, 401],
    })
}

#[then("the client refuses the server's credentials, and does nothing")]
fn unmoved_wrong(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Unmoved {
        session,
        codes: vec![401],
    })
}
