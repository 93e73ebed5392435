//! Notifications.

use cucumber::{given, then, when};
use twinproof_dm::auth::ZERO_NONCE;
use twinproof_dm::upper::{Act, Answer, Operation};
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_stage::Halted;

use crate::world::{Scene, World};

/// The numbers of the sessions that a scenario announces. No run before had them: a client may remember
/// which it served.
#[derive(Clone, Copy)]
pub(in crate::steps::dm) struct Announced {
    pub(super) good: u16,
    pub(super) forged: u16,
    pub(super) sibling: u16,
}

pub(super) fn number(session: u16) -> String {
    format!("{session:X}")
}

impl Scene {
    pub(super) fn announced(&mut self) -> Announced {
        let seed = self.stage.fresh(self.seed.derive("announced"));
        *self.dm.announced.get_or_insert_with(|| {
            let good = seed.rng().u16(1..u16::MAX - 2);
            Announced {
                good,
                forged: good + 1,
                sibling: good + 2,
            }
        })
    }

    /// Pushes a trigger of this session to the client.
    pub(super) async fn push(&mut self, session: u16) -> Result<(), Halted> {
        let forged = session == self.announced().forged;
        let trigger = Operation::Trigger {
            device: self.dm_client()?.account.device,
            ui_mode: 1,
            session,
        };
        self.push_made(trigger, forged).await
    }

    /// A trigger of this session, as the server makes it now: its media type and its octets.
    async fn trigger_now(&mut self, session: u16) -> Result<(String, Vec<u8>), Halted> {
        let trigger = Operation::Trigger {
            device: self.dm_client()?.account.device,
            ui_mode: 1,
            session,
        };
        let server = self.dm_served()?.server.clone();
        match self.stage.act(&server, trigger).await?.answer {
            Answer::Trigger { content_type, body } => Ok((content_type, body)),
            _ => Err(self.inconclusive(NOT_MADE)),
        }
    }

    /// Has the server make a trigger, and pushes it to the client, with another digest where it is to be forged.
    pub(super) async fn push_made(
        &mut self,
        operation: Operation,
        forged: bool,
    ) -> Result<(), Halted> {
        let server = self.dm_served()?.server.clone();
        let made = self.stage.act(&server, operation).await?.answer;
        let Answer::Trigger {
            content_type,
            mut body,
        } = made
        else {
            return Err(self.inconclusive(NOT_MADE));
        };
        if let (true, Some(first)) = (forged, body.first_mut()) {
            *first ^= 1;
        }
        self.carry(&content_type, body).await
    }

    /// What follows is of the last notification.
    pub(super) fn looks_from_here(&mut self) -> Result<(), Halted> {
        let after = self.stage.recorded();
        self.dm_served()?.session.after = after;
        Ok(())
    }
}

/// Why there is no trigger.
const NOT_MADE: &str = "no notification can be made: the account has no server_password";

/// What is waited for.
const ENDED: &str = "the session that was announced has ended";

/// Only who is asked for something tells the server which nonce comes next.
#[given("a client that has had a session")]
async fn has_had_one(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_client()?.leaf;
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await
}

/// As one that was set up anew.
#[given("a server that has forgotten every nonce of the client")]
fn has_forgotten(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server(|known, shown| {
        for proof in [known, shown].into_iter().flatten() {
            proof.nonce = ZERO_NONCE.to_vec();
        }
    })?;
    scene.dm.served = Some(served);
    Ok(())
}

#[then("the client comes with the nonce that both are sure to share, if it knows it")]
fn resynchronised(world: &mut World) -> Result<(), Halted> {
    let good = world.scene().announced().good;
    world
        .scene()
        .check_dm_client(|session| Client::ProvenAtOnce {
            session,
            id: number(good),
        })
}

#[when("a notification is pushed to the client")]
async fn notified(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.looks_from_here()?;
    let good = scene.announced().good;
    scene.push(good).await?;
    scene.dm_session_ends(ENDED).await?;
    Ok(())
}

#[when("a notification is pushed to the client twice, and then another one")]
async fn notified_twice(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.looks_from_here()?;
    let Announced { good, sibling, .. } = scene.announced();
    scene.push(good).await?;
    scene.push(good).await?;
    scene.dm_session_ends(ENDED).await?;
    scene.push(sibling).await?;
    scene.dm_session_ends(ENDED).await?;
    Ok(())
}

#[when("a notification of before its last session is pushed to the client, and then a good one")]
async fn notified_late(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let Announced { good, forged, .. } = scene.announced();
    let old = scene.trigger_now(forged).await?;
    // In the session the client tells the server another nonce.
    has_had_one(world).await?;
    let scene = world.scene();
    let fresh = scene.trigger_now(forged).await?;
    if old == fresh {
        let why =
            "the client gave the server no other nonce, so that the notification is a good one";
        return Err(scene.inconclusive(why));
    }
    scene.looks_from_here()?;
    let (content_type, body) = old;
    scene.carry(&content_type, body).await?;
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.push(good).await?;
    scene.dm_session_ends(ENDED).await?;
    Ok(())
}

#[when("a forged notification is pushed to the client, and then a good one")]
async fn notified_falsely(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.looks_from_here()?;
    let Announced { good, forged, .. } = scene.announced();
    scene.push(forged).await?;
    // A client that keeps only the newest has begun what it was told first.
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.push(good).await?;
    // If the forged one was followed, its session is the one that ends.
    scene.dm_session_ends(ENDED).await?;
    Ok(())
}

#[then("the client begins the session that was announced")]
fn announced(world: &mut World) -> Result<(), Halted> {
    let good = world.scene().announced().good;
    world.scene().check_dm_client(|session| Client::Announced {
        session,
        id: number(good),
        carrier: true,
        sibling: None,
    })
}

#[then("the client begins the first session once, by its number")]
fn announced_once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let Announced { good, sibling, .. } = scene.announced();
    // Whoever comes late comes twice all the same.
    scene.check_dm_client_until(None, |session| Client::Announced {
        session,
        id: number(good),
        carrier: false,
        sibling: Some(number(sibling)),
    })
}

#[then("the client begins the session of the good one only")]
fn ignored(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let Announced { good, forged, .. } = scene.announced();
    scene.check_dm_client_until(None, |session| Client::Ignored {
        session,
        id: number(forged),
        other: number(good),
    })
}
