//! Fan-outs: what the server describes and starts, and what comes back.

use std::collections::BTreeSet;

use cucumber::{given, then, when};
use twinproof_dm::upper::{Act, Put};
use twinproof_gwmo::aggregate::{Aggregate, Results};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::Mode;
use twinproof_gwmo::manager::Manager;
use twinproof_gwmo::payload;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::gwmo::{Check as Gwmo, Expected, Kept, Listed, Outcome};
use twinproof_stage::Halted;

use super::parties::{NODE, first, says, text};
use crate::target::{dm_server, gateway_device};
use crate::world::{Scene, World};

/// A fan-out that was started, and what is to come of it.
#[derive(Clone, Debug)]
pub(super) struct Started {
    correlator: String,
    devices: Vec<Expected>,
    /// Where its results were read.
    kept: Option<Kept>,
}

/// For whom a fan-out is.
pub(super) enum Aim {
    Devices(Vec<usize>),
    Group,
}

/// What a value is changed into.
pub(super) const CHANGED: &str = "what the server wants";

/// The name of the group.
const GROUP: &str = "twinproof-group";

/// The seconds after which a fan-out ends that waits for nobody who could answer.
pub(super) const SOON: &str = "2";

/// The seconds after which a fan-out ends: more than devices need on the slowest machine, and less than a
/// gateway's patience in a profile.
pub(super) const DEADLINE: &str = "30";

pub(super) fn interior(uri: String) -> Act {
    Act::Add(Put {
        uri,
        format: Some("node".to_owned()),
        ..Put::default()
    })
}

pub(super) fn get() -> Act {
    Act::Get {
        uri: NODE.to_owned(),
    }
}

fn change() -> Act {
    Act::Replace(text(NODE.to_owned(), None, CHANGED))
}

impl Scene {
    /// The `after`-th device in proxy mode, and what is expected of it.
    fn expected(&mut self, after: usize, outcome: Outcome) -> Result<Expected, Halted> {
        let number = self.numbered(Mode::Proxy, after)?;
        self.expected_of(number, outcome)
    }

    /// The same for any device.
    pub(super) fn expected_of(
        &mut self,
        number: usize,
        outcome: Outcome,
    ) -> Result<Expected, Halted> {
        let device = self.identity(number)?;
        Ok(Expected { device, outcome })
    }

    /// What a device says that has not been changed.
    fn value_of(&mut self, after: usize) -> Result<String, Halted> {
        Ok(says(self.numbered(Mode::Proxy, after)?))
    }

    /// Describes a fan-out and starts it; then waits for what comes back.
    pub(super) async fn fan_out(
        &mut self,
        aim: Aim,
        acts: &[Act],
        devices: Vec<Expected>,
    ) -> Result<(), Halted> {
        self.fan_out_within(aim, acts, devices, DEADLINE).await
    }

    /// The same, with the seconds after which it ends.
    pub(super) async fn fan_out_within(
        &mut self,
        aim: Aim,
        acts: &[Act],
        devices: Vec<Expected>,
        deadline: &str,
    ) -> Result<(), Halted> {
        let at = self.start_fan_out(aim, acts, devices, deadline).await?;
        self.wait_for_results().await?;
        self.take_results(&at).await
    }

    /// Waits until the server was told what became of all devices of the fan-out, or that it is over; a gateway may tell
    /// parts of it one after the other.
    pub(super) async fn wait_for_results(&mut self) -> Result<(), Halted> {
        let Some(started) = self.gwmo.fanout.clone() else {
            return Ok(());
        };
        let fetched = self.gateway()?.results == Results::Fetched;
        let complete = move |server: &Manager| {
            let told = server.told();
            let own = told
                .iter()
                .filter(|told| told.correlator.as_ref() == Some(&started.correlator));
            let mut known = BTreeSet::new();
            for told in own {
                match told.report {
                    Report::Completed => return true,
                    Report::Results if fetched => return true,
                    Report::Results => match Aggregate::parse(&told.value) {
                        Ok(part) => {
                            known.extend(part.entries.into_iter().map(|entry| entry.device))
                        }
                        // Nobody knows what else would come.
                        Err(_) => return true,
                    },
                    _ => {}
                }
            }
            let has = |expected: &Expected| known.contains(&expected.device);
            !known.is_empty() && started.devices.iter().all(has)
        };
        self.wait_until_server(complete).await.map(|_| ())
    }

    /// Describes a fan-out and starts it. Returns where it is described.
    pub(super) async fn start_fan_out(
        &mut self,
        aim: Aim,
        acts: &[Act],
        devices: Vec<Expected>,
        deadline: &str,
    ) -> Result<String, Halted> {
        let (at, correlator) = self.describe_fan_out(aim, acts, deadline).await?;
        let start = Act::Exec {
            uri: format!("{at}/{}", self.gateway()?.names.start),
            correlator: Some(correlator.clone()),
            data: None,
        };
        self.gwmo.after = self.stage.recorded();
        self.manage_well(vec![start]).await?;
        self.gwmo.fanout = Some(Started {
            correlator,
            devices,
            kept: None,
        });
        Ok(at)
    }

    /// Describes a fan-out and starts it, which the gateway may refuse.
    async fn try_fan_out(&mut self, aim: Aim, acts: &[Act]) -> Result<(), Halted> {
        let (at, correlator, setup) = self.description(aim, acts, SOON).await?;
        self.manage(vec![setup]).await?;
        let start = Act::Exec {
            uri: format!("{at}/{}", self.gateway()?.names.start),
            correlator: Some(correlator),
            data: None,
        };
        self.manage(vec![start]).await.map(|_| ())
    }

    /// Describes a fan-out. Returns where, and what reports about it are to say.
    async fn describe_fan_out(
        &mut self,
        aim: Aim,
        acts: &[Act],
        deadline: &str,
    ) -> Result<(String, String), Halted> {
        let (at, correlator, setup) = self.description(aim, acts, deadline).await?;
        self.manage_well(vec![setup]).await?;
        Ok((at, correlator))
    }

    /// What describes a fan-out: where, what reports about it are to say, and how it gets there.
    async fn description(
        &mut self,
        aim: Aim,
        acts: &[Act],
        deadline: &str,
    ) -> Result<(String, String, Act), Halted> {
        let names = self.gateway()?.names;
        self.gwmo.fanouts += 1;
        let seed = self.fresh_seed("fan-out");
        let number = seed.derive(&self.gwmo.fanouts.to_string()).rng().u32(..);
        let at = format!("{}/F{number:08X}", self.objects().await?.fanouts);
        self.gwmo.left.push(at.clone());
        let below = |path: &str| format!("{at}/{path}");
        let mut setup = vec![interior(at.clone())];
        let mut above = |path: &str| {
            let mut parts: Vec<&str> = path.split('/').collect();
            parts.pop();
            for end in 1..=parts.len() {
                let place = interior(below(&parts[..end].join("/")));
                if !setup.contains(&place) {
                    setup.push(place);
                }
            }
        };
        above(&names.payload);
        above(&names.deadline);
        let mut leaves = vec![
            text(below(&names.payload), Some("xml"), &payload::write(acts)),
            text(below(&names.deadline), Some("int"), deadline),
        ];
        match aim {
            Aim::Devices(numbers) => {
                above(&format!("{}/x", names.target_devices));
                for number in numbers {
                    let device = self.identity(number)?;
                    let leaf = below(&format!("{}/D{number}", names.target_devices));
                    leaves.push(text(leaf, None, &device));
                }
            }
            Aim::Group => {
                above(&names.target_group);
                let group = self.group_name();
                leaves.push(text(below(&names.target_group), None, &group));
            }
        }
        setup.extend(leaves.into_iter().map(Act::Add));
        Ok((at, format!("c-{number:08x}"), Act::Sequence(setup)))
    }

    /// Reads the results of a fan-out, where its report does not have them.
    pub(super) async fn take_results(&mut self, at: &str) -> Result<(), Halted> {
        if self.gateway()?.results == Results::Fetched {
            self.fetch_results(at).await?;
        }
        Ok(())
    }

    /// Reads the results of a fan-out in the gateway's tree.
    async fn fetch_results(&mut self, fanout: &str) -> Result<(), Halted> {
        let names = self.gateway()?.names;
        let at = format!("{fanout}/{}", names.results);
        let read = self.manage(vec![Act::Get { uri: at.clone() }]).await?;
        let instances = first(&read);
        let leaves = [
            &names.result_device,
            &names.result_status,
            &names.result_data,
        ];
        let acts = instances.split('/').filter(|name| !name.is_empty());
        let acts = acts.flat_map(|name| {
            let entry = format!("{at}/{name}");
            leaves.map(|leaf| Act::Get {
                uri: format!("{entry}/{leaf}"),
            })
        });
        let acts: Vec<Act> = acts.collect();
        if !acts.is_empty() {
            self.manage(acts).await?;
        }
        if let Some(started) = &mut self.gwmo.fanout {
            started.kept = Some(Kept {
                at,
                device: names.result_device,
                status: names.result_status,
                data: names.result_data,
            });
        }
        Ok(())
    }

    /// Has the gateway read the node of devices.
    pub(super) async fn read_of_devices(&mut self, afters: &[usize]) -> Result<(), Halted> {
        let mut devices = Vec::new();
        for after in afters {
            let value = self.value_of(*after)?;
            devices.push(self.expected(*after, Outcome::Did(vec![value]))?);
        }
        let numbers = afters
            .iter()
            .map(|after| self.numbered(Mode::Proxy, *after));
        let numbers = numbers.collect::<Result<_, _>>()?;
        self.fan_out(Aim::Devices(numbers), &[get()], devices).await
    }

    /// Has the gateway change the node of so many devices, and read it.
    pub(super) async fn change_and_read(&mut self, devices: usize) -> Result<(), Halted> {
        let mut numbers = Vec::new();
        let mut expected = Vec::new();
        for after in 0..devices {
            let outcome = Outcome::Did(vec![CHANGED.to_owned()]);
            expected.push(self.expected(after, outcome)?);
            numbers.push(self.numbered(Mode::Proxy, after)?);
        }
        let acts = [change(), get()];
        self.fan_out(Aim::Devices(numbers), &acts, expected).await
    }

    /// Judges what a device was told to do with its node: the commands, and the value of each.
    pub(super) fn check_carried(
        &mut self,
        after: usize,
        acts: &[(&str, Option<&str>)],
    ) -> Result<(), Halted> {
        let number = self.numbered(Mode::Proxy, after)?;
        let session = self.since(gateway_device(number));
        let commands = acts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        let commands = commands.collect();
        let uri = NODE.to_owned();
        self.check(&Check::Gwmo(Gwmo::Carried {
            session,
            uri,
            commands,
        }));
        Ok(())
    }

    pub(super) fn check_aggregate(&mut self) -> Result<(), Halted> {
        let Some(started) = self.gwmo.fanout.clone() else {
            return Err(self.inconclusive("no fan-out was started"));
        };
        let session = self.since(dm_server(&self.profile.profile).to_owned());
        self.check(&Check::Gwmo(Gwmo::Aggregated {
            session,
            correlator: started.correlator,
            devices: started.devices,
            kept: started.kept,
        }));
        Ok(())
    }

    /// What the group is called.
    fn group_name(&mut self) -> String {
        let number = self.fresh_seed("group").rng().u32(..);
        match self.gwmo.memory.is_some() {
            true => format!("{GROUP}-{number:08x}"),
            false => GROUP.to_owned(),
        }
    }

    /// Where the group is.
    async fn group_at(&mut self) -> Result<String, Halted> {
        let names = self.gateway()?.names;
        let number = self.fresh_seed("group").rng().u32(..);
        let inventory = self.objects().await?.inventory;
        Ok(format!("{inventory}/{}/G{number:08X}", names.groups))
    }

    /// Makes a group without members. Returns where they are to be.
    pub(super) async fn open_group(&mut self) -> Result<String, Halted> {
        let names = self.gateway()?.names;
        let at = self.group_at().await?;
        self.gwmo.left.push(at.clone());
        let members = format!("{at}/{}", names.members);
        let name = self.group_name();
        let name = text(format!("{at}/{}", names.group_name), None, &name);
        let acts = vec![interior(at), Act::Add(name), interior(members.clone())];
        self.manage_well(vec![Act::Sequence(acts)]).await?;
        Ok(members)
    }

    /// Puts devices into a group.
    async fn group(&mut self, afters: &[usize]) -> Result<(), Halted> {
        let members = self.open_group().await?;
        let mut acts = Vec::new();
        for after in afters {
            let number = self.numbered(Mode::Proxy, *after)?;
            let device = self.identity(number)?;
            acts.push(Act::Add(text(format!("{members}/M{after}"), None, &device)));
        }
        self.manage_well(vec![Act::Sequence(acts)]).await?;
        Ok(())
    }
}

#[when("the server has the gateway read something of the device")]
async fn read(world: &mut World) -> Result<(), Halted> {
    world.scene().read_of_devices(&[0]).await
}

#[when("the server has the gateway change something of the device and read it")]
async fn changed_and_read(world: &mut World) -> Result<(), Halted> {
    world.scene().change_and_read(1).await
}

#[given("a group of the first and the second device")]
async fn group_of_two(world: &mut World) -> Result<(), Halted> {
    world.scene().group(&[0, 1]).await
}

#[given("a group of all three devices")]
async fn group_of_three(world: &mut World) -> Result<(), Halted> {
    world.scene().group(&[0, 1, 2]).await
}

#[given("the third device was taken out of it")]
async fn taken_out(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let names = scene.gateway()?.names;
    let members = format!("{}/{}", scene.group_at().await?, names.members);
    let uri = format!("{members}/M2");
    scene.manage_well(vec![Act::Delete { uri }]).await?;
    Ok(())
}

#[given("the second device does not have what is read, and the third has gone")]
async fn unlike(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let third = scene.numbered(Mode::Proxy, 2)?;
    scene.part(third).await?;
    let second = scene.numbered(Mode::Proxy, 1)?;
    scene.forget(second).await
}

#[when("the server has the gateway change something of the group")]
async fn group_changed(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .fan_out(Aim::Group, &[change()], Vec::new())
        .await
}

#[when("the group is removed, and the server wants the same of it once more")]
async fn group_removed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let after = scene.gwmo.after;
    let uri = scene.group_at().await?;
    scene.manage_well(vec![Act::Delete { uri }]).await?;
    scene.try_fan_out(Aim::Group, &[change()]).await?;
    // What waits for them at the gateway they are told when they come by themselves.
    for member in [0, 1] {
        let number = scene.numbered(Mode::Proxy, member)?;
        scene.come_to_gateway(number, None).await?;
    }
    scene.gwmo.after = after;
    Ok(())
}

#[then("its members are told it once, and are known as before")]
async fn told_before(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for member in [0, 1] {
        scene.check_carried(member, &[("Replace", Some(CHANGED))])?;
    }
    let attached = scene.gateway()?.names.status_attached;
    let mut devices = Vec::new();
    for member in [0, 1] {
        let number = scene.numbered(Mode::Proxy, member)?;
        devices.push(Listed {
            device: scene.identity(number)?,
            status: Some(attached.clone()),
            says: Vec::new(),
        });
    }
    scene.all_listed(devices).await
}

#[when("the server has the gateway read something of the group")]
async fn group_read(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let value = scene.value_of(0)?;
    let devices = vec![
        scene.expected(0, Outcome::Did(vec![value]))?,
        scene.expected(1, Outcome::Refused(404))?,
        scene.expected(2, Outcome::Silent)?,
    ];
    scene.fan_out(Aim::Group, &[get()], devices).await
}

#[then("the server is told what the device says")]
fn told(world: &mut World) -> Result<(), Halted> {
    world.scene().check_aggregate()
}

#[then("the server gets one report with what became of each device")]
fn aggregated(world: &mut World) -> Result<(), Halted> {
    world.scene().check_aggregate()
}

#[then("the device is told both once, in this order")]
fn both(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_carried(0, &[("Replace", Some(CHANGED)), ("Get", None)])
}

#[then("the first device is told it once")]
fn first_told(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_carried(0, &[("Replace", Some(CHANGED))])
}

#[then("the second device is told it once")]
fn second_told(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_carried(1, &[("Replace", Some(CHANGED))])
}

#[then("the third device is told nothing, and the others are")]
async fn third_spared(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 2)?;
    // What waits for it at the gateway it is told when it comes by itself.
    let after = scene.gwmo.after;
    scene.come_to_gateway(number, None).await?;
    scene.gwmo.after = after;
    scene.check_carried(2, &[])?;
    scene.check_carried(0, &[("Replace", Some(CHANGED))])?;
    scene.check_carried(1, &[("Replace", Some(CHANGED))])
}

#[when(
    "the server has the gateway read something of the device, which dies in the middle and comes back"
)]
async fn dies(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let number = scene.numbered(Mode::Proxy, 0)?;
    scene.dying(number).await?;
    let devices = vec![scene.expected_of(number, Outcome::Silent)?];
    let aim = Aim::Devices(vec![number]);
    scene.fan_out_within(aim, &[get()], devices, SOON).await?;
    let after = scene.gwmo.after;
    scene.come_to_gateway(number, None).await?;
    // A second report would come before whatever is asked for next.
    scene.objects_again().await?;
    scene.gwmo.after = after;
    Ok(())
}

#[then("that takes one authentication, and each of them is told it")]
fn once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut devices = Vec::new();
    for after in 0..3 {
        devices.push(gateway_device(scene.numbered(Mode::Proxy, after)?));
    }
    scene.judge_gateway(|session| Gwmo::AuthenticatedOnce { session, devices });
    Ok(())
}

#[given("two servers, and a fan-out to a group of all three that only the first may touch")]
async fn kept_group(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.other()?;
    scene.group(&[0, 1, 2]).await?;
    let (at, _) = scene
        .describe_fan_out(Aim::Group, &[change()], DEADLINE)
        .await?;
    let own = scene.gateway()?.account.server_id;
    let list = format!("Add={own}&Delete={own}&Exec={own}&Get={own}&Replace={own}");
    let list = Act::Replace(text(format!("{at}?prop=ACL"), None, &list));
    scene.manage_well(vec![list]).await?;
    let start = format!("{at}/{}", scene.gateway()?.names.start);
    scene.gwmo.start = Some(start);
    Ok(())
}

#[then("it is refused to the second, and each of the three is told it for the first alone")]
async fn refused(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut numbers = Vec::new();
    for after in 0..3 {
        numbers.push(scene.numbered(Mode::Proxy, after)?);
    }
    scene.check_start_refused(&numbers).await?;
    // What is still under way would be told in the next scenario.
    scene
        .wait_until_told(Report::Results, None)
        .await
        .map(|_| ())
}
