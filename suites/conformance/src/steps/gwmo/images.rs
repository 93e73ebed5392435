//! Images that the gateway keeps for its devices.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::upper::{Act, Put};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::{self, Origin};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::gwmo::Check as Gwmo;
use twinproof_stage::Halted;

use super::parties::{first, text};
use crate::target::gateway_device;
use crate::world::{Scene, World};

/// The name under which the origin of images enters.
pub(super) const ORIGIN: &str = "origin";

impl Scene {
    /// Judges whether a device, the first being 0, got from the gateway what the origin has, since then.
    pub(super) fn check_served(&mut self, which: usize, after: u64) -> Result<(), Halted> {
        let session = Session {
            party: gateway_device(self.numbered(Mode::Proxy, which)?),
            after,
            upto: Some(self.stage.recorded()),
        };
        let origin = ORIGIN.to_owned();
        self.check(&Check::Gwmo(Gwmo::Served { session, origin }));
        Ok(())
    }

    /// What reports say that are about the image which was described last.
    fn image_correlator(&self) -> String {
        format!("image-{}", self.gwmo.images)
    }

    /// Describes an image, and has the gateway get it.
    async fn keep_image(&mut self) -> Result<String, Halted> {
        let names = self.gateway()?.names;
        let origin = match &self.gwmo.origin {
            Some((origin, _)) => origin.clone(),
            None => {
                let origin = self.stage.listen(ORIGIN).await?;
                let octets: Vec<u8> = {
                    let mut rng = self.seed.derive(ORIGIN).rng();
                    std::iter::repeat_with(|| rng.u8(..)).take(4096).collect()
                };
                let role = self.stage.enter(ORIGIN, Origin::new(octets), Arc::new(()));
                self.gwmo.origin = Some((origin.clone(), role));
                origin
            }
        };
        self.is_on(&names.keep_images).await?;
        self.gwmo.images += 1;
        let seed = self.fresh_seed("image");
        let number = seed.derive(&self.gwmo.images.to_string()).rng().u32(..);
        let at = format!(
            "{}/{}/I{number:08X}",
            self.objects().await?.images,
            names.images
        );
        let source = text(
            format!("{at}/{}", names.image_source),
            None,
            &format!("{origin}/image"),
        );
        let place = Put {
            uri: at.clone(),
            format: Some("node".to_owned()),
            ..Put::default()
        };
        self.gwmo.left.push(at.clone());
        let added = Act::Sequence(vec![Act::Add(place), Act::Add(source)]);
        self.manage_well(vec![added]).await?;
        self.gwmo.after = self.stage.recorded();
        let start = Act::Exec {
            uri: format!("{at}/{}", names.image_download),
            correlator: Some(self.image_correlator()),
            data: None,
        };
        self.manage(vec![start]).await?;
        Ok(at)
    }
}

#[given("an image that the gateway keeps")]
async fn kept(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let at = scene.keep_image().await?;
    scene.wait_until_told(Report::ImageReady, None).await?;
    let uri = format!("{at}/{}", scene.gateway()?.names.image_local);
    let read = scene.manage_well(vec![Act::Get { uri }]).await?;
    scene.gwmo.image = Some(first(&read));
    Ok(())
}

#[when("the server wants the gateway to keep an image")]
async fn wanted(world: &mut World) -> Result<(), Halted> {
    world.scene().keep_image().await.map(|_| ())
}

#[when("a device fetches the image from the gateway")]
async fn fetches(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    let device = scene.hidden(number, None)?;
    let url = scene.gwmo.image.clone().unwrap_or_default();
    scene
        .stage
        .act(&device, hidden::Order::Fetch { url })
        .await?;
    Ok(())
}

#[when("two devices fetch the image from the gateway, which is to keep it once more")]
async fn two_fetch(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.gwmo.image.clone().unwrap_or_default();
    for after in 0..2 {
        let number = scene.numbered(Mode::Proxy, after)?;
        let device = scene.hidden(number, None)?;
        let url = url.clone();
        scene
            .stage
            .act(&device, hidden::Order::Fetch { url })
            .await?;
    }
    scene.keep_image().await?;
    let correlator = Some(scene.image_correlator());
    scene
        .wait_until_told(Report::ImageReady, correlator)
        .await?;
    Ok(())
}

#[then("the origin was asked for it once, and the device has what the origin has")]
fn once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let session = Session {
        party: ORIGIN.to_owned(),
        after: 0,
        upto: Some(scene.stage.recorded()),
    };
    let times = 1;
    scene.check(&Check::Gwmo(Gwmo::Economical { session, times }));
    scene.check_served(1, 0)
}

#[then("the device has what the origin has")]
fn has_it(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let since = scene.gwmo.after;
    scene.check_served(0, since)
}

#[then("the gateway does not fetch the image, until keeping is on again")]
async fn not_fetched(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    let session = scene.since(ORIGIN.to_owned());
    scene.check(&Check::Gwmo(Gwmo::Fetched { session, times: 0 }));
    let keeping = scene.gateway()?.names.keep_images;
    scene.set_gateway(&keeping, true).await?;
    scene.keep_image().await?;
    let Some((_, origin)) = scene.gwmo.origin.clone() else {
        return Err(scene.inconclusive("no image was described"));
    };
    let patience = scene.gateway()?.patience.duration();
    let asked = |origin: &Origin| origin.asked() > 0;
    let what = "the origin is asked for the image";
    match scene.stage.wait_for(&origin, what, patience, asked).await {
        true => Ok(()),
        // Who never fetches anything has shown nothing by not doing so.
        false => {
            Err(scene.inconclusive("the gateway does not fetch images with keeping on, either"))
        }
    }
}
