//! A client that meets its servers over associations.

use std::net::SocketAddr;
use std::time::Duration;

use cucumber::{then, when};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::Act;
use twinproof_judge::checks::lwm2m::secured::Check as Secured;
use twinproof_judge::profile::ClientKey;
use twinproof_lwm2m::upper::Control;
use twinproof_stage::dtls::Guests;
use twinproof_stage::{Halted, Security};

use crate::target::{SERVERS, fresh_key, guests_of};
use crate::world::{Scene, World};

/// How long a client is watched that came to no association.
const WATCH: Duration = Duration::from_secs(5);

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

    /// What came to the client's server since the client was started.
    fn since_started(&mut self) -> Result<Act, Halted> {
        Ok(Act {
            party: SERVERS[0].to_owned(),
            after: self.client()?.started_after,
            upto: self.stage.recorded(),
        })
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
    let act = scene.since_started()?;
    scene.client()?.met_a_stranger = Some(act);
    Ok(())
}

#[when("its server has the client's key again, and the client is started anew")]
async fn is_started_again(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (at, own) = scene.sealed_server()?;
    let guests = guests_of(&own, SERVERS[0], scene.seed);
    let guests = guests.map_err(|why| scene.inconclusive(why))?;
    scene.let_in(at, guests)?;
    if scene.stage.is_controlled() {
        scene.stage.control(Control::PowerCycle).await?;
    }
    scene.has_registered(0, 1).await?;
    Ok(())
}

#[then("the client has said nothing to who did not have its key")]
async fn has_said_nothing(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    match scene.client()?.met_a_stranger.clone() {
        Some(act) => {
            let check = Secured::SaidNothing { act };
            scene.check(&Check::Lwm2m(check.into()));
            Ok(())
        }
        None => Err(scene.inconclusive("the client has met nobody")),
    }
}

#[then(
    "the client has come with the key that its bootstrap brought, and said nothing in the clear"
)]
async fn has_come_with_fresh_key(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let (identity, _) = fresh_key(scene.seed, SERVERS[0]);
    let act = scene.since_started()?;
    let check = Secured::CameSealed { act, identity };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
