//! A client that meets its servers over associations.

use std::net::SocketAddr;

use cucumber::{then, when};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::Act;
use twinproof_judge::checks::lwm2m::secured::Check as Secured;
use twinproof_judge::profile::ClientKey;
use twinproof_lwm2m::upper::Control;
use twinproof_stage::dtls::Guests;
use twinproof_stage::{Halted, Security};

use super::WATCH;
use crate::target::{SERVERS, fresh_key, guests_of};
use crate::world::{Scene, World};

/// A key that no client has.
const NOBODYS: &[u8; 16] = b"not the client\'s";

impl Scene {
    /// The place of the client's server, and what the client has for it.
    fn sealed_server(&mut self) -> Result<(SocketAddr, ClientKey), Halted> {
        let client = self.client_profile()?;
        let place = self.client()?.servers.first().map(|(_, at)| *at);
        match place.zip(client.security) {
            Some((at, security)) => Ok((at, security.server)),
            None => Err(self.inconclusive(
                "the client meets its servers in the clear (no [lwm2m.client.security])",
            )),
        }
    }

    /// Lets the client's server begin anew, with these guests.
    fn let_in(&mut self, at: SocketAddr, guests: Guests) -> Result<(), Halted> {
        let security = Security {
            guests: Some(guests),
            ..Security::default()
        };
        let seed = self.seed;
        self.stage.secure_anew((SERVERS[0], at), security, seed)
    }

    /// Records a check on what a client did to its server since it was started.
    fn check_sealed(&mut self, check: impl FnOnce(Act) -> Secured) -> Result<(), Halted> {
        let act = Act {
            party: SERVERS[0].to_owned(),
            after: self.client()?.started_after,
            upto: self.stage.recorded(),
        };
        self.check(&Check::Lwm2m(check(act).into()));
        Ok(())
    }
}

#[when("the client is started, and its server does not have the client's key")]
async fn is_started_with_a_stranger(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (at, own) = scene.sealed_server()?;
    let identity = own.identity.unwrap_or_default();
    let guests = Guests::default().with_psk(identity.as_bytes(), NOBODYS);
    scene.let_in(at, guests)?;
    scene.start_client().await?;
    let patience = scene.client_profile()?.patience.duration();
    if scene.stage.wait_for_anybody(at, patience).await.is_none() {
        let why = "the client did not shake hands in time (lwm2m.client.patience)";
        return Err(scene.inconclusive(why));
    }
    // Who goes on without an association does so when a message is to be sent again.
    scene.stage.rest(WATCH).await;
    Ok(())
}

#[then("the client has said nothing to it")]
async fn has_said_nothing(w: &mut World) -> Result<(), Halted> {
    w.scene().check_sealed(|act| Secured::SaidNothing { act })
}

#[when("its server has the client's key again, and the client is started anew")]
async fn is_started_again(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (at, own) = scene.sealed_server()?;
    let guests = guests_of(&own, SERVERS[0], scene.seed);
    let guests = guests.map_err(|why| scene.inconclusive(why))?;
    scene.let_in(at, guests)?;
    let recorded = scene.stage.recorded();
    scene.client()?.started_after = recorded;
    if scene.stage.is_controlled() {
        scene.stage.control(Control::PowerCycle).await?;
    }
    scene.must_register(0).await
}

#[then("the client has come over an association, and said nothing in the clear")]
async fn has_come_sealed(w: &mut World) -> Result<(), Halted> {
    w.scene().check_sealed(|act| Secured::CameSealed {
        act,
        identity: None,
    })
}

#[then(
    "the client has come with the key that its bootstrap brought, and said nothing in the clear"
)]
async fn has_come_with_fresh_key(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (identity, _) = fresh_key(scene.seed, SERVERS[0]);
    scene.check_sealed(|act| Secured::CameSealed {
        act,
        identity: Some(identity),
    })
}
