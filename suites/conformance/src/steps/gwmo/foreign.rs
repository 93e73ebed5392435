//! Devices that speak other protocols, and what is said to them in theirs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_dm::upper::{Act, Put, Value};
use twinproof_evidence::secrets::Secrets;
use twinproof_gwmo::gateway::{Mode, Protocol};
use twinproof_gwmo::lines::{Line, Order, Simple, Temper};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::gwmo::{Check as Gwmo, Listed, Outcome, Wanted};
use twinproof_judge::profile::GwmoForeign;
use twinproof_judge::scene::SUT;
use twinproof_lwm2m::device::{self, Device, Register, Shared};
use twinproof_lwm2m::wire::{Path, Value as Resource, Version};
use twinproof_stage::{Halted, Handle};
use twinproof_upper::Bridge;

use super::fanout::{Aim, CHANGED, get};
use super::parties::{NODE, says};
use crate::target::gateway_device;
use crate::world::{Scene, World};

/// A device that speaks another protocol.
#[derive(Clone)]
pub(super) enum Party {
    Lines(Handle<Simple>),
    Lwm2m(Handle<Device>),
}

/// How long a device is waited for before what carries its lines is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How much garbage is sent.
const GARBAGE: usize = 20;

impl Scene {
    /// What the profile says of the `after`-th device in adaptation mode, and its number there.
    fn adapted(&mut self, after: usize) -> Result<(usize, GwmoForeign), Halted> {
        let number = self.numbered(Mode::Adaptation, after)?;
        let gateway = self.gateway()?;
        let device = gateway.devices.into_iter().nth(number);
        match device.and_then(|device| device.foreign) {
            Some(foreign) => Ok((number, foreign)),
            None => Err(self.inconclusive(
                "a [[gwmo.device]] with mode = \"adaptation\" has no section foreign in the profile",
            )),
        }
    }

    /// Where a device finds the gateway: where that hears its protocol, or what carries its lines.
    async fn heard_at(
        &mut self,
        number: usize,
        foreign: &GwmoForeign,
    ) -> Result<SocketAddr, Halted> {
        if let Some(bridge) = self.gwmo.bridges.get(&number) {
            return Ok(bridge.at());
        }
        if !foreign.command.is_empty() {
            let bridge = Bridge::start(&foreign.command, |octets| Line::parse(octets).map(drop));
            let bridge = bridge.await.map_err(|why| self.unbridged(&why))?;
            let at = bridge.at();
            // Who speaks there speaks for the gateway.
            self.stage.introduce_address(at, SUT);
            self.gwmo.bridges.insert(number, bridge);
            return Ok(at);
        }
        let gateway = self.gateway()?;
        let (key, place) = match foreign.protocol {
            Protocol::Lines => ("gwmo.lines_at", gateway.lines_at),
            Protocol::Lwm2m => ("gwmo.lwm2m_at", gateway.lwm2m_at),
        };
        let place = place.ok_or_else(|| format!("the profile has no {key}"));
        let place = place.and_then(|place| {
            let read = place.parse();
            read.map_err(|_| format!("{key}: expected an IP address and a port, got {place:?}"))
        });
        place.map_err(|why| self.inconclusive(why))
    }

    /// What the program is told may be secret, and it may repeat that.
    fn unbridged(&mut self, why: &str) -> Halted {
        let section = self.profile.profile.gwmo.as_ref();
        let devices = section.iter().flat_map(|section| &section.devices);
        let foreign = devices.filter_map(|device| device.foreign.as_ref());
        let secrets = Secrets::default();
        for argument in foreign.flat_map(|foreign| foreign.command.iter().skip(1)) {
            secrets.learn("argument", argument);
        }
        let why = secrets.conceal(why);
        self.inconclusive(format!("gwmo.device.foreign.command: {why}"))
    }

    /// Which of the first devices in adaptation mode sends what it says straight to the gateway.
    fn unbridged_device(&mut self) -> Result<usize, Halted> {
        let gateway = self.gateway()?;
        let devices = gateway.of_mode(Mode::Adaptation).into_iter();
        let mut foreign = devices.filter_map(|device| device.foreign.as_ref());
        match foreign.position(|foreign| foreign.command.is_empty()) {
            Some(after) => Ok(after),
            None => {
                let why = "whether what nobody can read has reached the gateway cannot be seen: a program carries \
                           what each device in adaptation mode says (gwmo.device.foreign.command)";
                Err(self.inconclusive(why))
            }
        }
    }

    /// What carries the lines of a device still does, if anything has to: nobody is blamed for what it does not.
    fn is_bridged(&mut self, number: usize) -> Result<(), Halted> {
        let bridge = self.gwmo.bridges.get(&number);
        match bridge.and_then(Bridge::fault) {
            Some(why) => Err(self.unbridged(&why)),
            None => Ok(()),
        }
    }

    /// A device in adaptation mode, which enters when it is first spoken of.
    async fn foreigner(&mut self, after: usize) -> Result<(usize, Party), Halted> {
        let (number, foreign) = self.adapted(after)?;
        if let Some(party) = self.gwmo.foreign.get(&number) {
            return Ok((number, party.clone()));
        }
        // The server is there before anybody can be announced to it.
        self.manager()?;
        let heard_at = self.heard_at(number, &foreign).await?;
        let id = self.identity(number)?;
        let name = gateway_device(number);
        let at = self.stage.bind(&name).await?;
        let party = match foreign.protocol {
            Protocol::Lines => {
                let gateway = self.gateway()?;
                let described = gateway.devices.into_iter().nth(number);
                let key = described.and_then(|device| device.account.password);
                let role = Simple::new(&id, &key.unwrap_or_default(), at)
                    .with_value(&foreign.value.is, &says(number))
                    .with_action(&foreign.action.is);
                Party::Lines(self.stage.enter(&name, role, Arc::new(())))
            }
            Protocol::Lwm2m => {
                let mut shared = Shared::new(Version::V1_1, LIFETIME, &[heard_at]);
                match foreign.value.is.parse::<Path>() {
                    Ok(path) => shared.contents.set(path, Resource::String(says(number))),
                    Err(why) => {
                        return Err(self.inconclusive(format!("gwmo.device.foreign.value: {why}")));
                    }
                }
                let role = Device::new(id, at, self.seed.derive(&name));
                Party::Lwm2m(self.stage.enter(&name, role, Arc::new(shared)))
            }
        };
        self.gwmo.foreign.insert(number, party.clone());
        Ok((number, party))
    }

    /// Has a device in adaptation mode come, and waits until the gateway has said whether it wants it.
    async fn come_otherwise(&mut self, after: usize) -> Result<usize, Halted> {
        let (number, foreign) = self.adapted(after)?;
        let gateway = self.heard_at(number, &foreign).await?;
        let patience = self.gateway()?.patience.duration();
        let came = match self.foreigner(after).await?.1 {
            Party::Lines(device) => {
                let key = None;
                self.stage
                    .act(&device, Order::Attach { gateway, key })
                    .await?;
                let heard = |device: &Simple| device.is_welcome().is_some();
                let what = "the gateway answers a device that speaks in lines";
                let mut left = patience;
                loop {
                    let now = left.min(LOOK);
                    left -= now;
                    let came = self.stage.wait_for(&device, what, now, heard).await;
                    // Who carries no lines any more is not waited for.
                    self.is_bridged(number)?;
                    if came || left.is_zero() {
                        break came;
                    }
                }
            }
            Party::Lwm2m(device) => {
                let register = device::Order::Register(Register::default());
                let answer = self.stage.act_within(&device, register, patience).await?;
                answer.response().is_some()
            }
        };
        match came {
            true => Ok(number),
            false => Err(self.inconclusive(format!(
                "the gateway did not answer the device {} in time (gwmo.patience)",
                gateway_device(number)
            ))),
        }
    }

    /// Has the gateway do the same things with devices in adaptation mode: read, change or start what each has.
    async fn manage_foreign(
        &mut self,
        afters: &[usize],
        does: &[Does],
        outcome: impl Fn(usize) -> Outcome,
    ) -> Result<(), Halted> {
        let mut numbers = Vec::new();
        let mut devices = Vec::new();
        let mut acts = Vec::new();
        for after in afters {
            let (number, foreign) = self.adapted(*after)?;
            numbers.push(number);
            devices.push(self.expected_of(number, outcome(number))?);
            let own = does.iter().map(|does| does.act(&foreign)).collect();
            match acts.is_empty() || acts == own {
                true => acts = own,
                false => {
                    let why = "the devices in adaptation mode have different nodes in the profile \
                               (gwmo.device.foreign.value.node, gwmo.device.foreign.action.node)";
                    return Err(self.inconclusive(why));
                }
            }
        }
        self.fan_out(Aim::Devices(numbers.clone()), &acts, devices)
            .await?;
        numbers
            .into_iter()
            .try_for_each(|number| self.is_bridged(number))
    }

    /// Judges what a device in adaptation mode was asked for.
    fn check_adapted(&mut self, after: usize, does: &[Does]) -> Result<(), Halted> {
        let (number, foreign) = self.adapted(after)?;
        self.is_bridged(number)?;
        let session = self.since(gateway_device(number));
        let wanted = does.iter().map(|does| does.wanted(&foreign)).collect();
        self.check(&Check::Gwmo(Gwmo::Adapted {
            session,
            protocol: foreign.protocol,
            wanted,
        }));
        Ok(())
    }
}

/// The life time of registrations, in seconds.
const LIFETIME: u32 = 86_400;

/// What a server wants of a device in adaptation mode.
#[derive(Clone, Copy)]
enum Does {
    Change,
    Read,
    Start,
}

impl Does {
    fn act(self, foreign: &GwmoForeign) -> Act {
        match self {
            Self::Change => Act::Replace(Put {
                uri: foreign.value.node.clone(),
                value: Some(Value::Text(CHANGED.to_owned())),
                ..Put::default()
            }),
            Self::Read => Act::Get {
                uri: foreign.value.node.clone(),
            },
            Self::Start => Act::Exec {
                uri: foreign.action.node.clone(),
                correlator: None,
                data: None,
            },
        }
    }

    fn wanted(self, foreign: &GwmoForeign) -> Wanted {
        match self {
            Self::Change => Wanted::Write {
                of: foreign.value.is.clone(),
                value: CHANGED.to_owned(),
            },
            Self::Read => Wanted::Read {
                of: foreign.value.is.clone(),
            },
            Self::Start => Wanted::Start {
                of: foreign.action.is.clone(),
            },
        }
    }
}

#[given("a device of another protocol that has attached")]
async fn attached(world: &mut World) -> Result<(), Halted> {
    world.scene().come_otherwise(0).await.map(|_| ())
}

#[given("two devices of different protocols that have attached")]
async fn two_attached(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let spoken = |foreign: GwmoForeign| (foreign.protocol, foreign.command);
    if spoken(scene.adapted(0)?.1) == spoken(scene.adapted(1)?.1) {
        let why = "the first two devices in adaptation mode speak the same protocol in the profile";
        return Err(scene.inconclusive(why));
    }
    scene.come_otherwise(0).await?;
    scene.come_otherwise(1).await.map(|_| ())
}

#[given("it refuses whatever it is asked for")]
async fn refuses(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    match scene.foreigner(0).await?.1 {
        Party::Lines(device) => {
            let order = Order::Behave(Temper::Refuses);
            scene.stage.act(&device, order).await?;
        }
        Party::Lwm2m(device) => {
            let behaviour = device::Behaviour {
                answers: device::Answers::Always(twinproof_coap::Code::METHOD_NOT_ALLOWED),
                ..device::Behaviour::default()
            };
            let order = device::Order::Behave(behaviour);
            scene.stage.act(&device, order).await?;
        }
    }
    Ok(())
}

#[when("the server has the gateway change something of it and read that")]
async fn changed_and_read(world: &mut World) -> Result<(), Halted> {
    let does = [Does::Change, Does::Read];
    let outcome = |_| Outcome::Did(vec![CHANGED.to_owned()]);
    world.scene().manage_foreign(&[0], &does, outcome).await
}

#[when("the server has the gateway read something that it refuses")]
async fn refused(world: &mut World) -> Result<(), Halted> {
    let outcome = |_| Outcome::Silent;
    world
        .scene()
        .manage_foreign(&[0], &[Does::Read], outcome)
        .await
}

#[when("the server has the gateway change something of both, read that, and start something")]
async fn all_of_both(world: &mut World) -> Result<(), Halted> {
    let does = [Does::Change, Does::Read, Does::Start];
    let outcome = |_| Outcome::Did(vec![CHANGED.to_owned()]);
    world.scene().manage_foreign(&[0, 1], &does, outcome).await
}

#[when("it sends what nobody can read, and the server has the gateway read something of it")]
async fn garbage(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let after = scene.unbridged_device()?;
    if after > 0 {
        scene.come_otherwise(after).await?;
    }
    match scene.foreigner(after).await?.1 {
        Party::Lines(device) => {
            let datagrams = GARBAGE;
            scene.stage.act(&device, Order::Blurt { datagrams }).await?;
        }
        Party::Lwm2m(device) => {
            for _ in 0..GARBAGE {
                let order = device::Order::SendRaw {
                    server: 0,
                    bytes: b"\xff\xff\xff".to_vec(),
                };
                scene.stage.act(&device, order).await?;
            }
        }
    }
    let outcome = |number| Outcome::Did(vec![says(number)]);
    scene.manage_foreign(&[after], &[Does::Read], outcome).await
}

#[then("the device is asked for both once, in its own protocol")]
fn both(world: &mut World) -> Result<(), Halted> {
    let does = [Does::Change, Does::Read];
    world.scene().check_adapted(0, &does)
}

#[then("each is asked for all three once, in its own protocol")]
fn all_three(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let does = [Does::Change, Does::Read, Does::Start];
    scene.check_adapted(0, &does)?;
    scene.check_adapted(1, &does)
}

#[then("the server is told what became of it")]
fn told_of_it(world: &mut World) -> Result<(), Halted> {
    world.scene().check_aggregate()
}

#[then("the inventory says which protocol each speaks")]
async fn protocols(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let names = scene.gateway()?.names;
    let mut devices = Vec::new();
    for after in 0..2 {
        let (number, foreign) = scene.adapted(after)?;
        devices.push(Listed {
            device: scene.identity(number)?,
            status: Some(names.status_attached.clone()),
            says: vec![(names.record_protocol.clone(), foreign.listed)],
        });
    }
    scene.all_listed(devices).await
}

#[given("three devices that call for different modes")]
async fn three_modes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.come_to_gateway(number, None).await?;
    scene.come_otherwise(0).await?;
    let number = scene.numbered(Mode::Transparent, 0)?;
    scene.hidden(number, None).map(|_| ())
}

#[when("the server has the gateway read both that do not know it, and notify the one that does")]
async fn in_three_modes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let proxied = scene.numbered(Mode::Proxy, 0)?;
    let (adapted, foreign) = scene.adapted(0)?;
    if foreign.value.node != NODE {
        let why = format!("gwmo.device.foreign.value.node is not {NODE}, which other devices have");
        return Err(scene.inconclusive(why));
    }
    let mut devices = Vec::new();
    for number in [proxied, adapted] {
        devices.push(scene.expected_of(number, Outcome::Did(vec![says(number)]))?);
    }
    let aim = Aim::Devices(vec![proxied, adapted]);
    scene.fan_out(aim, &[get()], devices).await?;
    scene.notify(false).await
}

#[then("each is served in the mode that it calls for")]
async fn own_modes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // Whatever the gateway does for a device, it does before it is done with the server's next session.
    scene.objects_again().await?;
    scene.check_carried(0, &[("Get", None)])?;
    scene.check_adapted(0, &[Does::Read])?;
    scene.check_aggregate()?;
    scene.check_relayed()
}

#[then("the inventory says how the gateway works for each")]
async fn modes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let names = scene.gateway()?.names;
    let mut devices = Vec::new();
    for mode in [Mode::Proxy, Mode::Transparent, Mode::Adaptation] {
        let number = scene.numbered(mode, 0)?;
        devices.push(Listed {
            device: scene.identity(number)?,
            // Who has not come yet need not be attached.
            status: Some(String::new()),
            says: vec![(names.record_mode.clone(), names.mode(mode).to_owned())],
        });
    }
    scene.all_listed(devices).await
}
