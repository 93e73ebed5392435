//! Smart cards: what a client has on one, and when it is gone.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::Check as Lwm2m;
use twinproof_judge::checks::lwm2m::bootstrapped::Check as Bootstrapped;
use twinproof_lwm2m::upper::Control;
use twinproof_stage::Halted;

use super::TRIGGER;
use crate::target::{SERVERS, credentials_of};
use crate::world::{Scene, World};

/// The Short Server ID on the card: one that no other account has.
const SSID: u16 = 77;

/// How long a client is watched that has no card any more.
const WATCH: Duration = Duration::from_secs(4);

impl Scene {
    /// Puts a card into the client with the account of one of its servers.
    async fn insert_card(&mut self, server: usize) -> Result<(), Halted> {
        let at = self.client()?.servers.get(server).map(|(_, at)| *at);
        let Some(at) = at else {
            return Err(self.inconclusive("the client has no such server in this scenario"));
        };
        let security = self.client_profile()?.security;
        let own = security.map(|security| match server {
            0 => credentials_of(&security.server, SERVERS[0]),
            _ => credentials_of(&security.other, SERVERS[1]),
        });
        let own = own.transpose().map_err(|why| self.inconclusive(why))?;
        let scheme = own.as_ref().map_or("coap", |_| "coaps");
        let uri = format!("{scheme}://{at}");
        let control = Control::InsertCard {
            ssid: SSID,
            uri,
            own,
        };
        self.stage.control(control).await
    }
}

#[given("a client with a card that holds the account of its server")]
async fn has_card(w: &mut World) -> Result<(), Halted> {
    w.scene().insert_card(0).await
}

#[given("a client with a card that holds the account of another server than its own")]
async fn has_other_card(w: &mut World) -> Result<(), Halted> {
    w.scene().insert_card(1).await
}

#[when("the client is started, and may register with both")]
async fn is_started(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.has_registered(1, 1).await?;
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    Ok(())
}

#[then("the client registers with the server of its card first")]
async fn card_comes_first(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    let [own, card] = SERVERS.map(str::to_owned);
    let check = Bootstrapped::CameFirst {
        server: card,
        than: own,
        after,
    };
    scene.check(&Check::Lwm2m(Lwm2m::from(check)));
    Ok(())
}

#[given("the client is registered with the server of its card")]
async fn is_registered(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.must_register(0).await
}

#[when("the card is taken out, and the server has the client update its registration")]
async fn loses_card(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.stage.control(Control::RemoveCard).await?;
    scene.look_from_here()?;
    let trigger = scene.setting(0, TRIGGER)?;
    let request = scene.about(0, Code::POST, trigger)?;
    scene.ask(0, request).await?;
    scene.stage.rest(WATCH).await;
    Ok(())
}

#[then("the client does not use the account of the card any more")]
async fn drops_account(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.looked_after;
    let server = SERVERS[0].to_owned();
    let check = Bootstrapped::Dropped { server, after };
    scene.check(&Check::Lwm2m(Lwm2m::from(check)));
    Ok(())
}
