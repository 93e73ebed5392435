//! A bootstrap server that is judged, and its devices, which the tester plays.

use std::collections::BTreeMap;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::Limits;
use twinproof_dm::bootstrap::device::{Came, Novice, Order};
use twinproof_dm::bootstrap::server::Operation;
use twinproof_dm::bootstrap::{Known, open};
use twinproof_dm::provisioning::protection::KeyForm;
use twinproof_evidence::record::What;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::bootstrap::{Check as Bootstrap, Facts, NOTE};
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_judge::profile::{DmBootstrap, DmNovice, DmProtection};
use twinproof_stage::{Halted, Handle};

use crate::world::{Scene, World};

/// Whoever fetches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Who {
    /// The device that is spoken of.
    Device,
    /// Another one.
    Other,
    /// One that is not known.
    Stranger,
}

impl Who {
    const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Other => "other device",
            Self::Stranger => "stranger",
        }
    }
}

/// The devices, and what they got.
#[derive(Default)]
pub(super) struct Novices {
    devices: BTreeMap<Who, DmNovice>,
    roles: BTreeMap<Who, Handle<Novice>>,
    /// The fetches of each, in order, with what came.
    fetches: BTreeMap<Who, Vec<(Session, Came)>>,
}

impl Scene {
    fn dm_bootstrap(&mut self) -> Result<DmBootstrap, Halted> {
        let section = self.profile.profile.dm.as_ref();
        match section.and_then(|section| section.bootstrap.clone()) {
            Some(server) => Ok(server),
            None => Err(self.inconclusive("the profile has no [dm.bootstrap] section")),
        }
    }

    /// The first device whose bootstrap is protected in this way.
    fn novice_with(&mut self, protection: DmProtection) -> Result<(), Halted> {
        let devices = self.dm_bootstrap()?.devices;
        match devices.into_iter().find(|d| d.protection == protection) {
            Some(device) => {
                self.dm.novices.devices.insert(Who::Device, device);
                Ok(())
            }
            None => {
                let why = format!(
                    "the profile has no [[dm.bootstrap.device]] with protection = \"{}\"",
                    protection.name()
                );
                Err(self.inconclusive(&why))
            }
        }
    }

    fn novice(&mut self, who: Who) -> Result<DmNovice, Halted> {
        match self.dm.novices.devices.get(&who) {
            Some(device) => Ok(device.clone()),
            None => Err(self.inconclusive("there is no such device")),
        }
    }

    fn novice_role(&mut self, who: Who) -> Handle<Novice> {
        let entered = self.dm.novices.roles.get(&who).cloned();
        entered.unwrap_or_else(|| {
            let role = self
                .stage
                .enter(who.name(), Novice::default(), Arc::new(()));
            self.dm.novices.roles.insert(who, role.clone());
            role
        })
    }

    /// What a device knows.
    fn knows(&mut self, device: &DmNovice) -> Result<Known, Halted> {
        device.known().map_err(|why| self.inconclusive(&why))
    }

    /// Writes down what of a document nobody can see in a record.
    fn note_bootstrap(&mut self, who: Who, came: (Session, Came)) -> Result<(), Halted> {
        let (session, came) = came;
        let secrets = twinproof_dm::bootstrap::secrets(&came.content_type, &came.body);
        let hidden = self.stage.recorder().secrets().clone();
        let learned = |secret: &String| hidden.learn("password", secret);
        let mut facts = Facts {
            party: session.party.clone(),
            after: session.after,
            // What is too short to be hidden is no secret.
            secrets: secrets
                .iter()
                .map(learned)
                .filter(|s| s.starts_with('‹'))
                .collect(),
            ..Facts::default()
        };
        let opened = open(&came.content_type, &came.body, &Limits::default());
        if let (Ok(opened), Who::Device) = (&opened, who) {
            let device = self.novice(who)?;
            let known = self.knows(&device)?;
            let forms = known.fitting(opened, &came.body);
            let word = |form: KeyForm| match form {
                KeyForm::Digits => "digits",
                KeyForm::SemiOctets => "semi-octets",
            };
            facts.fits = forms
                .into_iter()
                .map(|form| word(form).to_owned())
                .collect();
            for other in self.dm_bootstrap()?.devices {
                // One that is missing fits nothing.
                let other = other.known().unwrap_or_default();
                let same = other.network_id == known.network_id && other.pin == known.pin;
                facts.fits_others |= !same && !other.fitting(opened, &came.body).is_empty();
            }
        }
        let value = serde_json::to_value(&facts).unwrap_or_default();
        let note = What::Noted {
            name: NOTE.to_owned(),
            value,
        };
        self.stage.recorder().write(self.stage.now(), note);
        let fetches = self.dm.novices.fetches.entry(who).or_default();
        fetches.push((session, came));
        Ok(())
    }

    /// Has a device fetch its bootstrap, which it has as `before` says, if it does.
    async fn fetch(&mut self, who: Who, before: Option<Came>) -> Result<(), Halted> {
        let server = self.dm_bootstrap()?;
        let device = match who {
            Who::Stranger => server.stranger.clone(),
            _ => self.novice(who)?.device,
        };
        let role = self.novice_role(who);
        let after = self.stage.recorded();
        let order = Order {
            url: server.url_of(&device),
            tag: before.as_ref().and_then(|came| came.tag.clone()),
            modified: before.and_then(|came| came.modified),
        };
        let fetched = self.stage.act(&role, order).await?.answer;
        let session = Session {
            party: who.name().to_owned(),
            after,
            upto: Some(self.stage.recorded()),
        };
        self.note_bootstrap(who, (session, fetched.unwrap_or_default()))
    }

    /// One of the fetches of a device.
    fn fetched(&mut self, who: Who, number: usize) -> Result<Session, Halted> {
        let fetches = self.dm.novices.fetches.get(&who);
        match fetches.and_then(|fetches| fetches.get(number)) {
            Some((session, _)) => Ok(session.clone()),
            None => Err(self.inconclusive("the device fetched nothing")),
        }
    }

    fn check_dm_bootstrap(&mut self, check: Bootstrap) {
        self.check(&Check::Dm(Dm::from(check)));
    }
}

#[given("a device that its network knows")]
fn known(world: &mut World) -> Result<(), Halted> {
    world.scene().novice_with(DmProtection::Networkid)
}

#[given("a device whose user has a PIN")]
fn with_pin(world: &mut World) -> Result<(), Halted> {
    world.scene().novice_with(DmProtection::Userpin)
}

#[given("a device whose user has a PIN, and that its network knows")]
fn with_both(world: &mut World) -> Result<(), Halted> {
    world.scene().novice_with(DmProtection::UserpinNetworkid)
}

#[given("a device that shares a secret with its network")]
fn with_secret(world: &mut World) -> Result<(), Halted> {
    world.scene().novice_with(DmProtection::SharedSecret)
}

#[given("another device")]
fn another(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let first = scene.novice(Who::Device)?;
    let devices = scene.dm_bootstrap()?.devices;
    let other = devices.into_iter().find(|d| d.device != first.device);
    match other {
        Some(other) => {
            scene.dm.novices.devices.insert(Who::Other, other);
            Ok(())
        }
        None => Err(scene.inconclusive("the profile has no second [[dm.bootstrap.device]]")),
    }
}

#[when("the device fetches its bootstrap")]
async fn fetches(world: &mut World) -> Result<(), Halted> {
    world.scene().fetch(Who::Device, None).await
}

#[when("the other device fetches its bootstrap")]
async fn other_fetches(world: &mut World) -> Result<(), Halted> {
    world.scene().fetch(Who::Other, None).await
}

#[when("a device that nobody knows fetches one")]
async fn stranger_fetches(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if !scene.dm_bootstrap()?.url.contains("{device}") {
        let why = "dm.bootstrap.url is the same for each device, known or not";
        return Err(scene.inconclusive(why));
    }
    scene.fetch(Who::Stranger, None).await
}

#[when("the device asks whether its bootstrap has changed")]
async fn asks_again(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let fetches = scene.dm.novices.fetches.get(&Who::Device);
    let before = fetches.and_then(|fetches| Some(fetches.last()?.1.clone()));
    scene.fetch(Who::Device, before).await
}

#[when("the operator changes the bootstrap of the device")]
async fn renews(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.novice(Who::Device)?.device;
    let operation = Operation::Renew { device };
    scene.stage.operate_dm_bootstrap(operation).await
}

#[when("the operator pushes its bootstrap to the device")]
async fn pushes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.novice(Who::Device)?.device;
    let base = scene.stage.listen(Who::Device.name()).await?;
    let role = scene.novice_role(Who::Device);
    let after = scene.stage.recorded();
    let operation = Operation::Push {
        device,
        to: format!("{base}/push"),
    };
    scene.stage.operate_dm_bootstrap(operation).await?;
    let patience = scene.dm_bootstrap()?.patience.duration();
    let came = |device: &Novice| !device.pushed().is_empty();
    let what = "the bootstrap was pushed";
    scene.stage.wait_for(&role, what, patience, came).await;
    let pushed = scene
        .stage
        .look(&role, |device| device.pushed().first().cloned());
    let session = Session {
        party: Who::Device.name().to_owned(),
        after,
        upto: Some(scene.stage.recorded()),
    };
    scene.note_bootstrap(Who::Device, (session, pushed.unwrap_or_default()))
}

#[then("the device has an account of its server")]
fn handed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let server_id = scene.novice(Who::Device)?.server_id;
    let fetch = scene.fetched(Who::Device, 0)?;
    scene.check_dm_bootstrap(Bootstrap::Handed { fetch, server_id });
    Ok(())
}

#[then("it is protected by the key of the device")]
fn protected(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let method = scene.novice(Who::Device)?.protection.method();
    let fetch = scene.fetched(Who::Device, 0)?;
    scene.check_dm_bootstrap(Bootstrap::Protected {
        fetch,
        method: method.as_str().to_owned(),
    });
    Ok(())
}

#[then("their secrets are not the same")]
fn own(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let fetch = scene.fetched(Who::Device, 0)?;
    let other = scene.fetched(Who::Other, 0)?;
    scene.check_dm_bootstrap(Bootstrap::Own { fetch, other });
    Ok(())
}

#[then("it gets nothing that is of the other")]
fn withheld(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let known = scene.fetched(Who::Device, 0)?;
    let fetch = scene.fetched(Who::Stranger, 0)?;
    scene.check_dm_bootstrap(Bootstrap::Withheld { fetch, known });
    Ok(())
}

#[then("the device is told that it has not")]
fn unchanged(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let first = scene.fetched(Who::Device, 0)?;
    let again = scene.fetched(Who::Device, 1)?;
    scene.check_dm_bootstrap(Bootstrap::Unchanged { first, again });
    Ok(())
}

#[then("the device gets the new one")]
fn renewed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let first = scene.fetched(Who::Device, 0)?;
    let again = scene.fetched(Who::Device, 1)?;
    scene.check_dm_bootstrap(Bootstrap::Renewed { first, again });
    Ok(())
}
