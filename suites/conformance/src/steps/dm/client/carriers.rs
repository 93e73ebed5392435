//! What brings pushes to a client: HTTP, or datagrams of WSP or SIP.

use std::net::SocketAddr;
use std::sync::Arc;

use cucumber::{given, when};
use twinproof_dm::carrier::sip::Message;
use twinproof_dm::carrier::to_wsp;
use twinproof_dm::push::{self, APPLICATION, Courier, Initiator, Parcel};
use twinproof_stage::{Halted, Handle};

use super::notification::Announced;
use crate::world::{Scene, World};

/// An application that is not the DM client.
const ANOTHER: &str = "x-wap-application:mms.ua";

/// The transaction of a push by WSP.
const TRANSACTION: u8 = 1;

/// What brings a push.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum By {
    #[default]
    Http,
    Sip,
    Wsp,
}

/// What brings pushes in a scenario.
#[derive(Default)]
pub(in crate::steps::dm) struct Carriage {
    by: By,
    /// Whether what is brought next is for another application.
    astray: bool,
    courier: Option<(SocketAddr, Handle<Courier>)>,
    /// How many went by SIP.
    sent: u32,
}

impl Scene {
    /// Brings something to the client by what the scenario speaks of.
    pub(super) async fn carry(&mut self, content_type: &str, body: Vec<u8>) -> Result<(), Halted> {
        let client = self.dm_client()?;
        let application = match self.dm.carrier.astray {
            true => ANOTHER,
            false => APPLICATION,
        };
        match self.dm.carrier.by {
            By::Http => {
                let Some(url) = client.push else {
                    let why = "nobody can notify the client: the profile has no dm.client.push";
                    return Err(self.inconclusive(why));
                };
                let order = push::Order {
                    url,
                    content_type: content_type.to_owned(),
                    body,
                };
                let initiator = self.stage.enter("push", Initiator::default(), Arc::new(()));
                self.stage.act(&initiator, order).await?;
                Ok(())
            }
            By::Wsp => {
                let to = self.place("dm.client.wsp", client.wsp)?;
                let octets = to_wsp(TRANSACTION, (content_type, application), &body);
                let octets = octets.map_err(|error| self.inconclusive(error.to_string()))?;
                self.send(to, |_| octets).await
            }
            By::Sip => {
                let to = self.place("dm.client.sip", client.sip)?;
                self.dm.carrier.sent += 1;
                let seed = self.seed.derive("sip");
                let seed = self
                    .stage
                    .fresh(seed.derive(&self.dm.carrier.sent.to_string()));
                let unique = format!("{:016x}", seed.rng().u64(..));
                let message = |at: SocketAddr| {
                    let via = at.to_string();
                    let message = Message::to_client(&to.to_string(), &via, content_type, body);
                    let message = Message {
                        unique,
                        application: application.to_owned(),
                        ..message
                    };
                    message.to_octets()
                };
                self.send(to, message).await
            }
        }
    }

    fn place(&mut self, key: &str, place: Option<String>) -> Result<SocketAddr, Halted> {
        let parsed = place.and_then(|place| place.parse().ok());
        parsed.ok_or_else(|| {
            let why = format!("nobody can notify the client like this: the profile has no {key}");
            self.inconclusive(why)
        })
    }

    async fn send(
        &mut self,
        to: SocketAddr,
        octets: impl FnOnce(SocketAddr) -> Vec<u8>,
    ) -> Result<(), Halted> {
        let (at, courier) = match self.dm.carrier.courier.clone() {
            Some(sender) => sender,
            None => {
                let at = self.stage.bind("push proxy").await?;
                let role = Courier::default();
                let courier = self.stage.enter("push proxy", role, Arc::new(()));
                self.dm.carrier.courier = Some((at, courier.clone()));
                (at, courier)
            }
        };
        let octets = octets(at);
        self.stage.act(&courier, Parcel { at, to, octets }).await?;
        Ok(())
    }

    /// Brings a notification of each session by this.
    async fn bring(&mut self, by: By, session: u16) -> Result<(), Halted> {
        self.dm.carrier.by = by;
        self.push(session).await
    }
}

#[given("notifications that come by WAP push")]
fn by_wsp(world: &mut World) {
    world.scene().dm.carrier.by = By::Wsp;
}

#[given("notifications that come by SIP")]
fn by_sip(world: &mut World) {
    world.scene().dm.carrier.by = By::Sip;
}

#[when("a notification for another application is brought to the client, and then a good one")]
async fn astray(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.looks_from_here()?;
    let Announced { good, sibling, .. } = scene.announced();
    scene.dm.carrier.astray = true;
    scene.push(good).await?;
    scene.dm.carrier.astray = false;
    // A client that keeps only the newest has begun what it was told first.
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.push(sibling).await?;
    scene.dm_one_more().await
}

#[when("a notification is brought to the client by SIP and by WAP push, and then another one")]
async fn by_both(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.looks_from_here()?;
    let Announced { good, sibling, .. } = scene.announced();
    scene.bring(By::Sip, good).await?;
    scene.bring(By::Wsp, good).await?;
    scene.dm_one_more().await?;
    scene.bring(By::Sip, sibling).await?;
    scene.dm_one_more().await
}
