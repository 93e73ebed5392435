//! Devices without an account, which the gateway brings their first one.

use cucumber::{given, then, when};
use twinproof_dm::Limits;
use twinproof_dm::bootstrap::{Known, open};
use twinproof_dm::provisioning::protection::{KeyForm, Method};
use twinproof_dm::upper::Act;
use twinproof_evidence::record::What;
use twinproof_gwmo::hidden::{Hidden, Order};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::bootstrap::{Facts, NOTE};
use twinproof_judge::checks::gwmo::{Check as Gwmo, Listed};
use twinproof_judge::profile::GwmoFresh;
use twinproof_judge::scene::SUT;
use twinproof_stage::Halted;

use super::fanout::interior;
use super::parties::text;
use crate::target::{dm_server, gateway_device};
use crate::world::{Scene, World};

/// How the type of an account starts, in whichever version.
const ACCOUNT: &str = "urn:oma:mo:oma-dm-dmacc:";

/// What the user of a device enters whom nobody told its PIN.
const WRONG_PIN: &str = "1000001";

/// Why nobody knows whether a PIN is right.
const NO_PIN: &str = "the gateway protects what it brings by a PIN, and the profile says none (gwmo.device.fresh.pin)";

impl Scene {
    /// The number in the profile of the device without an account that is the one after so many.
    fn newborn(&mut self, after: usize) -> Result<usize, Halted> {
        let gateway = self.gateway()?;
        let devices = gateway.devices.iter().zip(0..);
        let mut fresh = devices.filter(|(device, _)| device.fresh.is_some());
        match fresh.nth(after) {
            Some((_, number)) => Ok(number),
            None => {
                let why =
                    "the profile has no two [[gwmo.device]] with a section [gwmo.device.fresh]";
                Err(self.inconclusive(why))
            }
        }
    }

    /// Describes which device is to be brought whose account. Returns what starts it.
    async fn describe_bootstrap(
        &mut self,
        number: usize,
        server_id: &str,
    ) -> Result<String, Halted> {
        let names = self.gateway()?.names;
        let device = self.identity(number)?;
        let instance = self.fresh_seed("bootstrap").rng().u32(..);
        let inventory = self.objects().await?.inventory;
        let at = format!("{inventory}/{}/B{instance:08X}", names.bootstraps);
        self.gwmo.left.push(at.clone());
        let leaf = |name: &str, value: &str| Act::Add(text(format!("{at}/{name}"), None, value));
        let device = leaf(&names.bootstrap_device, &device);
        let server = leaf(&names.bootstrap_server, server_id);
        let described = Act::Sequence(vec![interior(at.clone()), device, server]);
        self.manage_well(vec![described]).await?;
        Ok(format!("{at}/{}", names.bootstrap_start))
    }

    /// Has the gateway bring a device an account, and the device begin a session with each whose account it has then.
    async fn bring_account(&mut self, number: usize, server_id: &str) -> Result<(), Halted> {
        let device = self.hidden(number, None)?;
        let uri = self.describe_bootstrap(number, server_id).await?;
        self.gwmo.after = self.stage.recorded();
        let start = Act::Exec {
            uri,
            correlator: None,
            data: None,
        };
        self.manage_well(vec![start]).await?;
        let patience = self.gateway()?.patience.duration();
        let reached = |device: &Hidden| device.reached() > 0;
        let what = "the device is brought something";
        self.stage.wait_for(&device, what, patience, reached).await;
        self.note_brought(number)?;
        self.enter_pin(number).await?;
        let servers = self.stage.look(&device, |device| {
            let tree = device.client().tree();
            let accounts = tree.objects(ACCOUNT);
            let ids = accounts.iter();
            let ids = ids.filter_map(|at| tree.text(&at.child("ServerID")));
            ids.map(str::to_owned).collect::<Vec<_>>()
        });
        for server in servers {
            let count = |device: &Hidden| device.client().ended().len();
            let before = self.stage.look(&device, count);
            self.stage.act(&device, Order::Come { server }).await?;
            let ended = move |device: &Hidden| count(device) > before;
            let what = "the device's session has ended";
            self.stage.wait_for(&device, what, patience, ended).await;
        }
        Ok(())
    }

    /// The user of a device enters the PIN that the profile says, if the device asks for one; of a device with another
    /// secret than the gateway knows, another one.
    async fn enter_pin(&mut self, number: usize) -> Result<(), Halted> {
        let device = self.hidden(number, None)?;
        let asked = |device: &Hidden| device.client().shown().iter().any(|s| s.reply.is_none());
        if !self.stage.look(&device, asked) {
            return Ok(());
        }
        let gateway = self.gateway()?;
        let fresh = gateway.devices.get(number).and_then(|d| d.fresh.as_ref());
        let pin = match (self.gwmo.misled, fresh.and_then(|fresh| fresh.pin.clone())) {
            (true, _) => WRONG_PIN.to_owned(),
            (false, Some(pin)) => pin,
            (false, None) => return Err(self.inconclusive(NO_PIN)),
        };
        self.stage.act(&device, Order::Enter { pin }).await?;
        Ok(())
    }

    /// Has the gateway bring the first device an account of itself.
    async fn bring_own(&mut self) -> Result<(), Halted> {
        let number = self.newborn(0)?;
        let own = self.own_id(number)?;
        self.bring_account(number, &own).await
    }

    /// Writes down what of a bootstrap nobody can see in a record.
    fn note_brought(&mut self, number: usize) -> Result<(), Halted> {
        let gateway = self.gateway()?;
        let device = self.hidden(number, None)?;
        let brought = self.stage.look(&device, |device| device.brought().cloned());
        let mut facts = Facts {
            party: gateway_device(number),
            after: self.gwmo.after,
            ..Facts::default()
        };
        let opened = brought.and_then(|came| {
            let opened = open(&came.content_type, &came.body, &Limits::default());
            Some((opened.ok()?, came.body))
        });
        if let Some((opened, octets)) = opened {
            let method = opened.protection.as_ref().map(|p| p.method);
            let by_pin = matches!(method, Some(Method::UserPin | Method::UserPinNetworkId));
            let own = gateway.devices.get(number).and_then(|d| d.fresh.as_ref());
            if by_pin && own.is_some_and(|own| own.pin.is_none()) {
                return Err(self.inconclusive(NO_PIN));
            }
            let fits = |fresh: &GwmoFresh| {
                let known = Known {
                    network_id: Some(fresh.network_id.clone()),
                    pin: fresh.pin.clone(),
                };
                known.fitting(&opened, &octets)
            };
            for (place, other) in gateway.devices.iter().enumerate() {
                let fitting = other.fresh.as_ref().map(fits).unwrap_or_default();
                let words = fitting.into_iter().map(|form| match form {
                    KeyForm::Digits => "digits".to_owned(),
                    KeyForm::SemiOctets => "semi-octets".to_owned(),
                });
                match place == number {
                    true => facts.fits = words.collect(),
                    false => facts.fits_others |= words.count() > 0,
                }
            }
        }
        let value = serde_json::to_value(&facts).unwrap_or_default();
        let note = What::Noted {
            name: NOTE.to_owned(),
            value,
        };
        self.stage.recorder().write(self.stage.now(), note);
        Ok(())
    }

    fn own_id(&mut self, number: usize) -> Result<String, Halted> {
        let gateway = self.gateway()?;
        let device = gateway.devices.get(number);
        Ok(device
            .map(|device| device.account.server_id.clone())
            .unwrap_or_default())
    }

    fn check_brought(&mut self, server_id: String) -> Result<(), Halted> {
        let number = self.newborn(0)?;
        let session = self.since(gateway_device(number));
        self.check(&Check::Gwmo(Gwmo::Bootstrapped { session, server_id }));
        Ok(())
    }

    fn check_settled(&mut self, with: &str) -> Result<(), Halted> {
        let number = self.newborn(0)?;
        let session = self.since(gateway_device(number));
        let with = with.to_owned();
        self.check(&Check::Gwmo(Gwmo::Settled { session, with }));
        Ok(())
    }

    fn check_untouched(&mut self, after: usize) -> Result<(), Halted> {
        let number = self.newborn(after)?;
        let session = self.since(gateway_device(number));
        self.check(&Check::Gwmo(Gwmo::Spared { session }));
        Ok(())
    }
}

#[given("two devices that have no account")]
async fn without_account(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for after in 0..2 {
        let number = scene.newborn(after)?;
        scene.is_new(number).await?;
        scene.hidden(number, None)?;
    }
    Ok(())
}

#[given("a device that has no account, and another secret than the gateway knows")]
async fn with_other_secret(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.newborn(0)?;
    scene.is_new(number).await?;
    scene.gwmo.misled = true;
    scene.hidden(number, Some("not the secret")).map(|_| ())
}

#[when("the server has the gateway bring the first an account of the gateway")]
async fn to_gateway(world: &mut World) -> Result<(), Halted> {
    world.scene().bring_own().await
}

#[when("the server has the gateway bring it an account of the gateway")]
async fn in_vain(world: &mut World) -> Result<(), Halted> {
    world.scene().bring_own().await
}

#[when("the server has the gateway bring the first an account of the server")]
async fn to_server(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.newborn(0)?;
    let above = scene.gateway()?.account.server_id;
    scene.bring_account(number, &above).await
}

#[then("the first is brought that account of the gateway, protected by its key")]
fn brought_by_gateway(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.newborn(0)?;
    let own = scene.own_id(number)?;
    scene.check_brought(own)
}

#[then("the first is brought that account of the server, protected by its key")]
fn brought_of_server(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let above = scene.gateway()?.account.server_id;
    scene.check_brought(above)
}

#[then("it has its session with the gateway")]
fn with_gateway(world: &mut World) -> Result<(), Halted> {
    world.scene().check_settled(SUT)
}

#[then("it has its session with the server")]
fn with_server(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let server = dm_server(&scene.profile.profile);
    scene.check_settled(server)
}

#[then("the second is brought nothing")]
fn second_untouched(world: &mut World) -> Result<(), Halted> {
    world.scene().check_untouched(1)
}

impl Scene {
    /// Reads the inventory, and judges what it says of the first device that had no account.
    async fn newborn_listed(&mut self, status: Option<String>) -> Result<(), Halted> {
        let number = self.newborn(0)?;
        let listed = Listed {
            device: self.identity(number)?,
            status,
            says: Vec::new(),
        };
        self.all_listed(vec![listed]).await
    }
}

#[then("the inventory has one record of the first, which is attached")]
async fn is_listed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let status = scene.gateway()?.names.status_attached;
    scene.newborn_listed(Some(status)).await
}

#[then("it is brought one, and the inventory has no record of it")]
async fn is_unlisted(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.newborn_listed(None).await?;
    let number = scene.newborn(0)?;
    scene.were_reached(&[number]).await
}

impl Scene {
    /// Gives everything that is said of bootstraps a list of who may touch it.
    async fn keep_bootstraps(&mut self, list: &str) -> Result<(), Halted> {
        let names = self.gateway()?.names;
        let inventory = self.objects().await?.inventory;
        let uri = format!("{inventory}/{}?prop=ACL", names.bootstraps);
        let list = Act::Replace(text(uri, None, list));
        self.manage(vec![list]).await?;
        Ok(())
    }
}

#[given("two servers, and a description of a bootstrap that only the first may touch")]
async fn kept(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.other()?;
    let own = scene.gateway()?.account.server_id;
    let list = format!("Add={own}&Delete={own}&Exec={own}&Get={own}&Replace={own}");
    scene.keep_bootstraps(&list).await?;
    for after in 0..2 {
        let number = scene.newborn(after)?;
        scene.hidden(number, None)?;
    }
    let number = scene.newborn(0)?;
    let start = scene.describe_bootstrap(number, &own).await?;
    scene.gwmo.start = Some(start);
    Ok(())
}

#[when("the second starts it, and then the first")]
async fn both_start(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.gwmo.start.clone().unwrap_or_default();
    scene.gwmo.after = scene.stage.recorded();
    let start = Act::Exec {
        uri,
        correlator: None,
        data: None,
    };
    scene.manage_as_other(vec![start.clone()]).await?;
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.gwmo.refused_upto = Some(scene.stage.recorded());
    scene.manage(vec![start]).await.map(|_| ())
}

#[then("it is refused to the second, and a device is brought an account for the first alone")]
async fn refused(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let devices = [scene.newborn(0)?, scene.newborn(1)?];
    scene.check_refused_start(&devices);
    let reached = scene.were_reached(&devices[..1]).await;
    scene.keep_bootstraps("").await?;
    reached
}
