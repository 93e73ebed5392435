//! Notifications that ask for more than a session.

use cucumber::{then, when};
use twinproof_dm::auth::Scheme;
use twinproof_dm::client::Reply;
use twinproof_dm::notification::wanted::Wanted;
use twinproof_dm::upper::{Act, Operation};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::wishes::{Check as Wishes, Pair, Wish};
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_judge::profile::DmScheme;
use twinproof_stage::Halted;

use super::notification::{Announced, number};
use crate::world::{Scene, World};

/// Why a server may want a session.
const REASON: &str = "Your operator wants to renew the settings of your browser <b>%s</b>";

/// How far from now what has an end ends, in seconds.
const HOUR: u64 = 3_600;

/// The modes of notifications, by how much the user has to do with them.
const BACKGROUND: u8 = 1;
const INFORMATIVE: u8 = 2;
const CONSENT: u8 = 3;

/// What somebody in front of the client saw and said.
#[derive(Default)]
pub(in crate::steps::dm) struct Front {
    /// The number under which somebody looked.
    seen: Option<u64>,
    /// Whether the reason was shown, and nothing has begun.
    is_asked: bool,
    /// The number under which the user agreed.
    agreed: Option<u64>,
}

impl Scene {
    /// Pushes a notification that asks for this, and a plain one when its session has ended or did not come.
    async fn push_wanting(&mut self, ui_mode: u8, wanted: Wanted) -> Result<(), Halted> {
        self.looks_from_here()?;
        let Announced { good, sibling, .. } = self.announced();
        self.push_one(good, ui_mode, Some(wanted)).await?;
        self.dm_one_more().await?;
        self.push_one(sibling, BACKGROUND, None).await?;
        self.dm_one_more().await
    }

    /// Pushes a notification.
    async fn push_one(
        &mut self,
        session: u16,
        ui_mode: u8,
        wanted: Option<Wanted>,
    ) -> Result<(), Halted> {
        let device = self.dm_client()?.account.device;
        let operation = match wanted {
            Some(wanted) => Operation::Notify {
                device,
                ui_mode,
                session,
                wanted,
            },
            None => Operation::Trigger {
                device,
                ui_mode,
                session,
            },
        };
        self.push_made(operation, false).await
    }

    fn in_an_hour(&self) -> Option<u32> {
        u32::try_from(self.stage.seconds() + HOUR).ok()
    }

    fn an_hour_ago(&self) -> Option<u32> {
        u32::try_from(self.stage.seconds().saturating_sub(HOUR)).ok()
    }

    fn announced_ids(&mut self) -> Pair {
        let Announced { good, sibling, .. } = self.announced();
        Pair {
            id: number(good),
            other: number(sibling),
        }
    }

    fn check_wish(&mut self, check: impl FnOnce(Session, Pair) -> Wishes) -> Result<(), Halted> {
        let ids = self.announced_ids();
        let session = self.dm_served()?.session.clone();
        self.check(&Check::Dm(Dm::from(check(session, ids))));
        Ok(())
    }

    /// A kind of authentication, as an octet, and the scheme that it is.
    fn authentication(&mut self, scheme: Scheme) -> Result<Wanted, Halted> {
        let codes = self.dm_client()?.options;
        Ok(Wanted {
            authentication: Some(codes.of_scheme(scheme)),
            ..Wanted::default()
        })
    }
}

#[when("a notification that counts for another hour is pushed to the client")]
async fn in_time(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let wanted = Wanted {
        expires: scene.in_an_hour(),
        ..Wanted::default()
    };
    scene.push_wanting(BACKGROUND, wanted).await
}

#[when(
    "a notification that counted until an hour ago is pushed to the client, and then a good one"
)]
async fn too_late(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let wanted = Wanted {
        expires: scene.an_hour_ago(),
        ..Wanted::default()
    };
    late(scene, BACKGROUND, wanted).await
}

#[when(
    "a notification that counted until an hour ago wants to tell the user something, and then a good one is pushed to the client"
)]
async fn too_late_to_tell(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let wanted = Wanted {
        expires: scene.an_hour_ago(),
        reason: Some(REASON.to_owned()),
        ..Wanted::default()
    };
    late(scene, INFORMATIVE, wanted).await?;
    let settle = scene.stage.pace().settle;
    let (_, seen) = scene.stage.user_sees(REASON, settle).await?;
    scene.dm.front.seen = Some(seen);
    Ok(())
}

/// Nothing is waited for of the first: if it was followed, its session comes before the other's.
async fn late(scene: &mut Scene, ui_mode: u8, wanted: Wanted) -> Result<(), Halted> {
    scene.looks_from_here()?;
    let Announced { good, sibling, .. } = scene.announced();
    scene.push_one(good, ui_mode, Some(wanted)).await?;
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.push_one(sibling, BACKGROUND, None).await?;
    scene.dm_one_more().await
}

#[when("a notification with a reason is pushed to the client")]
async fn with_reason(world: &mut World) -> Result<(), Halted> {
    let wanted = Wanted {
        reason: Some(REASON.to_owned()),
        ..Wanted::default()
    };
    world.scene().push_wanting(BACKGROUND, wanted).await
}

#[when("a notification with a reason as long as it can be is pushed to the client")]
async fn with_long_reason(world: &mut World) -> Result<(), Halted> {
    let wanted = Wanted {
        reason: Some("ü".repeat(127)),
        ..Wanted::default()
    };
    world.scene().push_wanting(BACKGROUND, wanted).await
}

#[when("a notification with a reason asks for the user's consent")]
async fn asks_consent(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.looks_from_here()?;
    let good = scene.announced().good;
    let wanted = Wanted {
        reason: Some(REASON.to_owned()),
        ..Wanted::default()
    };
    scene.push_one(good, CONSENT, Some(wanted)).await?;
    let patience = scene.dm_client()?.patience.duration();
    let (came, seen) = scene.stage.user_sees(REASON, patience).await?;
    scene.dm.front.seen = Some(seen);
    scene.dm.front.is_asked = came && !began(scene)?;
    Ok(())
}

/// Who is asked nothing has nothing to agree to.
#[when("the user consents")]
async fn consents(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if scene.dm.front.is_asked {
        let agreed = scene.stage.user_says(Reply::Yes).await?;
        scene.dm.front.agreed = Some(agreed);
        scene.dm_one_more().await?;
    }
    Ok(())
}

#[when("the user refuses, and then a notification that asks nobody is pushed to the client")]
async fn refuses(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if scene.dm.front.is_asked {
        scene.stage.user_says(Reply::No).await?;
    }
    let sibling = scene.announced().sibling;
    scene.push_one(sibling, BACKGROUND, None).await?;
    scene.dm_one_more().await
}

/// Whether a session has begun since the notification.
fn began(scene: &mut Scene) -> Result<bool, Halted> {
    let after = scene.dm_served()?.sessions;
    let server = scene.dm_served()?.server.clone();
    Ok(scene
        .stage
        .look(&server, |server| super::ends(server) > after))
}

#[when("a notification that wants the strongest authentication is pushed to the client")]
async fn wants_strongest(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let wanted = scene.authentication(Scheme::Mac)?;
    scene.push_wanting(BACKGROUND, wanted).await
}

#[when("a notification that wants the weakest authentication is pushed to the client")]
async fn wants_weakest(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let wanted = scene.authentication(Scheme::Basic)?;
    scene.push_wanting(BACKGROUND, wanted).await
}

#[when("a notification that wants a detail of the device is pushed to the client")]
async fn wants_detail(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_client()?.detail;
    scene.wants(Act::Get { uri: uri.clone() }).await?;
    let wanted = Wanted {
        nodes: vec![uri],
        ..Wanted::default()
    };
    scene.push_wanting(BACKGROUND, wanted).await
}

#[when("a notification that wants what the server may not read is pushed to the client")]
async fn wants_secret(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let wanted = Wanted {
        nodes: vec![dm_secret(scene)?],
        ..Wanted::default()
    };
    scene.push_wanting(BACKGROUND, wanted).await
}

fn dm_secret(scene: &mut Scene) -> Result<String, Halted> {
    match scene.dm_client()?.secret {
        Some(uri) => Ok(uri),
        None => {
            let why = "the profile has no dm.client.secret, a leaf that the server may not read";
            Err(scene.inconclusive(why))
        }
    }
}

#[then("the client begins the session that was announced in time")]
fn awake_in_time(world: &mut World) -> Result<(), Halted> {
    awake(world, Wish::Expiration)
}

#[then("the client begins the session whose reason was told")]
fn awake_with_reason(world: &mut World) -> Result<(), Halted> {
    awake(world, Wish::Reason)
}

fn awake(world: &mut World, wish: Wish) -> Result<(), Halted> {
    world
        .scene()
        .check_wish(|session, ids| Wishes::Awake { session, ids, wish })
}

#[then("the client begins the session of the one that counts only")]
fn expired(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_wish(|session, ids| Wishes::Expired { session, ids })
}

#[then("the user is shown nothing of what came too late")]
fn not_told(world: &mut World) -> Result<(), Halted> {
    let seen = world.scene().dm.front.seen.unwrap_or_default();
    world.scene().check_wish(|_, _| Wishes::NotTold { seen })
}

#[then("the user was shown the reason before the session began")]
fn told_first(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (seen, agreed) = (
        scene.dm.front.seen.unwrap_or_default(),
        scene.dm.front.agreed,
    );
    scene.check_wish(|session, ids| Wishes::ToldFirst {
        session,
        id: ids.id,
        seen,
        agreed,
    })
}

#[then("the client begins the session of the later one only")]
fn refused(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let ids = scene.announced_ids();
    scene.check_dm_client_until(None, |session| super::Client::Ignored {
        session,
        id: ids.id,
        other: ids.other,
    })
}

#[then("the client shows who it is by that from its first message on")]
fn begins_with(world: &mut World) -> Result<(), Halted> {
    world.scene().check_wish(|session, ids| Wishes::BeginsWith {
        session,
        ids,
        scheme: DmScheme::Hmac,
    })
}

#[then("the client shows who it is by no less than its account demands")]
fn not_weaker(world: &mut World) -> Result<(), Halted> {
    let scheme = world.scene().dm_client()?.account.scheme;
    world.scene().check_wish(|session, ids| Wishes::NotWeaker {
        session,
        ids,
        scheme,
    })
}

#[then("the first message has that detail as reading it gives it")]
fn detailed(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.detail;
    world
        .scene()
        .check_wish(|session, ids| Wishes::Detailed { session, ids, uri })
}

#[then("no message of the client has it")]
fn withheld(world: &mut World) -> Result<(), Halted> {
    let uri = dm_secret(world.scene())?;
    world
        .scene()
        .check_wish(|session, ids| Wishes::Withheld { session, ids, uri })
}
