//! What a client says of the optional features that it has.

use std::str::FromStr;

use cucumber::{given, then, when};
use twinproof_dm::features::Feature;
use twinproof_dm::server;
use twinproof_dm::upper::Act;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::features::{Attempt, Check as Features};
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_stage::Halted;

use super::large::{LITTLE, large};
use super::put;
use super::tree::document;
use crate::world::{Scene, World};

/// What the user is told.
const NEWS: &str = "Twinproof says: this is but a test.";

/// Where an inbox is (DM Tree and Description 1.2).
pub(super) const INBOX: &str = "./Inbox";

/// A feature as a scenario speaks of it.
#[derive(Clone, Copy, Debug, cucumber::Parameter)]
#[param(
    name = "feature",
    regex = "has an inbox|takes values in parts|has lists|takes trees as documents|tells its user"
)]
pub(super) struct Named(Feature);

impl FromStr for Named {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        Ok(Self(match words {
            "has an inbox" => Feature::Inbox,
            "takes values in parts" => Feature::LargeObjects,
            "has lists" => Feature::Lists,
            "takes trees as documents" => Feature::Tnds,
            "tells its user" => Feature::UserInteraction,
            other => return Err(format!("{other:?} is no feature")),
        }))
    }
}

/// What a client was asked, and how that was tried.
pub(in crate::steps::dm) struct Asked {
    feature: Feature,
    session: Session,
    attempt: Option<Attempt>,
}

impl Scene {
    /// The session that was the last one, up to here.
    pub(super) fn dm_last_session(&mut self) -> Result<Session, Halted> {
        let upto = Some(self.stage.recorded());
        Ok(Session {
            upto,
            ..self.dm_served()?.session.clone()
        })
    }

    /// What shows whether a client has a feature: the name of a command, and its target if it has one.
    async fn wants_feature(
        &mut self,
        feature: Feature,
    ) -> Result<(&'static str, Option<String>), Halted> {
        let (name, act, uri) = match feature {
            Feature::Inbox => {
                let uri = INBOX.to_owned();
                ("Get", Act::Get { uri: uri.clone() }, Some(uri))
            }
            Feature::LargeObjects => {
                let uri = self.dm_node()?;
                ("Add", Act::Add(put(uri.clone(), &large())), Some(uri))
            }
            Feature::Lists => {
                let uri = self.dm_list()?;
                ("Get", Act::Get { uri: uri.clone() }, Some(uri))
            }
            Feature::Tnds => {
                let uri = self.dm_node()?;
                ("Add", Act::Add(document(uri.clone(), "chr")), Some(uri))
            }
            Feature::UserInteraction => {
                let act = Act::Alert {
                    code: 1100,
                    options: "MINDT=1".to_owned(),
                    texts: vec![NEWS.to_owned()],
                };
                ("Alert", act, None)
            }
        };
        self.wants(act).await?;
        Ok((name, uri))
    }
}

#[given(expr = "a client that was asked whether it {feature}")]
async fn asked(world: &mut World, named: Named) -> Result<(), Halted> {
    let scene = world.scene();
    let Named(feature) = named;
    if matches!(feature, Feature::LargeObjects | Feature::Tnds) {
        scene.dm_clear().await?;
    }
    let uri = scene.dm_client()?.features.of(feature).node.clone();
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await?;
    let session = scene.dm_last_session()?;
    scene.dm.asked = Some(Asked {
        feature,
        session,
        attempt: None,
    });
    Ok(())
}

#[when("the server tries it")]
async fn tried(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let Some(mut asked) = scene.dm.asked.take() else {
        return Err(scene.inconclusive("the client was asked nothing"));
    };
    if asked.feature == Feature::LargeObjects {
        let little = server::Shared {
            sends: Some(LITTLE),
            ..server::Shared::default()
        };
        let served = scene.enter_dm_server_as(little, |_, _| {})?;
        scene.dm.served = Some(served);
    }
    let (command, uri) = scene.wants_feature(asked.feature).await?;
    scene.dm_session().await?;
    asked.attempt = Some(Attempt {
        session: scene.dm_last_session()?,
        command: command.to_owned(),
        uri,
    });
    scene.dm.asked = Some(asked);
    Ok(())
}

#[then("the client does as it said")]
fn truthful(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let features = scene.dm_client()?.features;
    let tried = scene.dm.asked.take();
    let Some((asked, attempt)) = tried.and_then(|mut asked| {
        let attempt = asked.attempt.take()?;
        Some((asked, attempt))
    }) else {
        return Err(scene.inconclusive("nothing was tried"));
    };
    let check = Features::Truthful {
        session: asked.session,
        feature: asked.feature,
        flag: features.of(asked.feature).clone(),
        attempt,
    };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}
