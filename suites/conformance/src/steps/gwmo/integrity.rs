//! Messages that are protected, and that are changed on their way.

use cucumber::{then, when};
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::hidden::{Order, garble};
use twinproof_judge::checks::gwmo::{Check as Gwmo, Listed, Outcome};
use twinproof_judge::profile::DmScheme;
use twinproof_stage::Halted;

use super::fanout::{Aim, SOON, get};
use super::parties::{model, says};
use crate::world::{Scene, World};

impl Scene {
    /// The number of the first device in proxy mode that protects each message.
    fn protected(&mut self) -> Result<usize, Halted> {
        let gateway = self.gateway()?;
        let mut devices = gateway.devices.iter().zip(0..);
        let found = devices.find(|(device, _)| {
            device.is_settled_in(Mode::Proxy) && device.account.scheme == DmScheme::Hmac
        });
        match found {
            Some((_, number)) => Ok(number),
            None => {
                let why = "the profile has no [[gwmo.device]] with mode = \"proxy\" whose account has \
                           scheme = \"hmac\"";
                Err(self.inconclusive(why))
            }
        }
    }

    /// The number of the first device in proxy mode that is not this one.
    fn unprotected(&mut self, protected: usize) -> Result<usize, Halted> {
        match self.numbered(Mode::Proxy, 0)? {
            number if number == protected => self.numbered(Mode::Proxy, 1),
            number => Ok(number),
        }
    }

    async fn protected_listed(&mut self, status: Option<String>) -> Result<(), Halted> {
        let number = self.protected()?;
        let device = self.identity(number)?;
        let says = Vec::new();
        let listed = Listed {
            device,
            status,
            says,
        };
        self.all_listed(vec![listed]).await
    }
}

#[when("a device attaches that protects each message")]
async fn attaches(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.protected()?;
    scene.is_new(number).await?;
    scene.gwmo.after = scene.stage.recorded();
    scene.come_to_gateway(number, None).await
}

#[when(
    "a device attaches that protects each message, and all are changed on their way, and another whose are not"
)]
async fn attaches_garbled(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.protected()?;
    scene.is_new(number).await?;
    scene.gwmo.after = scene.stage.recorded();
    let device = scene.hidden(number, None)?;
    // It can be read all the same, and means something else.
    let text = model(number);
    scene.stage.act(&device, Order::Garble { text }).await?;
    scene.come_to_gateway(number, None).await?;
    let other = scene.unprotected(number)?;
    scene.come_to_gateway(other, None).await
}

#[when(
    "the server has the gateway read something of it, and once more, when what it says is changed on its way"
)]
async fn read_garbled(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.protected()?;
    let device = scene.hidden(number, None)?;
    let text = says(number);
    let right = vec![scene.expected_of(number, Outcome::Did(vec![text.clone()]))?];
    scene
        .fan_out(Aim::Devices(vec![number]), &[get()], right)
        .await?;
    let after = scene.gwmo.after;
    scene.stage.act(&device, Order::Garble { text }).await?;
    let devices = vec![scene.expected_of(number, Outcome::Silent)?];
    let aim = Aim::Devices(vec![number]);
    scene.fan_out_within(aim, &[get()], devices, SOON).await?;
    scene.gwmo.after = after;
    Ok(())
}

#[then("that is in nothing that the server is told")]
fn told_nothing(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let said = says(scene.protected()?);
    let mut text = said.clone().into_bytes();
    garble(&mut text, said.as_bytes());
    let text = String::from_utf8_lossy(&text).into_owned();
    scene.judge_gateway(|session| Gwmo::Unsaid {
        session,
        said,
        text,
    });
    Ok(())
}

#[then("the inventory has one record of that device, which is attached")]
async fn is_attached(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let status = scene.gateway()?.names.status_attached;
    scene.protected_listed(Some(status)).await
}

#[then("the inventory has a record of the other alone")]
async fn is_unknown(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let attached = scene.gateway()?.names.status_attached;
    let protected = scene.protected()?;
    let other = scene.unprotected(protected)?;
    let mut devices = Vec::new();
    for (number, status) in [(protected, None), (other, Some(attached))] {
        devices.push(Listed {
            device: scene.identity(number)?,
            status,
            says: Vec::new(),
        });
    }
    scene.all_listed(devices).await
}
