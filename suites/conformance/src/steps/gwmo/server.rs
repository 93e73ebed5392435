//! A server that is judged, with a gateway below it, which the tester plays, and so are the devices behind that.

mod site;

use std::collections::BTreeSet;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::upper::{Errand, Event, Operation};
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::gateway::{Gateway, Mode};
use twinproof_gwmo::hidden::{self, Origin};
use twinproof_gwmo::objects::below;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::gwmo::server::{Asked, Check as Server, Times, alike};
use twinproof_judge::checks::gwmo::{Expected, Outcome};
use twinproof_stage::Halted;

use super::parties::NODE;
use crate::target::TENDED;
use crate::world::{Scene, World};
pub(super) use site::Site;
use site::{MODEL, device_name, says};

/// What a value is changed into.
const CHANGED: &str = "what the operator wants";

/// What the operator calls a group, before a number that no other scenario has: a server may remember groups.
const GROUP: &str = "together-";

/// The name under which the origin of an image enters.
const ORIGIN: &str = "origin of the image";

/// The first, the second and the third device.
const FIRST: usize = 0;
const SECOND: usize = 1;
const THIRD: usize = 2;

impl Scene {
    /// What the operator wants of the gateway and of devices behind it.
    async fn wants_below(&mut self, errand: Errand) -> Result<(), Halted> {
        let recorded = self.stage.recorded();
        let site = self.site()?;
        site.after = recorded;
        let gateway = site.account.device.clone();
        let operation = Operation::Behind { gateway, errand };
        self.stage.operate_dm(operation).await?;
        Ok(())
    }

    /// The same where the operator is to be told what comes of it: what it was told until now says nothing.
    async fn asks_below(&mut self, errand: Errand) -> Result<(), Halted> {
        if let Some(known) = self.dm_events_so_far().await? {
            self.site()?.known = known;
        }
        self.wants_below(errand).await
    }

    /// The operator wants a group with these devices and no others.
    async fn groups_below(&mut self, devices: &[usize]) -> Result<(), Halted> {
        let group = self.group_below()?;
        let site = self.site()?;
        let devices = devices.iter().map(|at| site.identity(*at)).collect();
        self.wants_below(Errand::Group { group, devices }).await
    }

    fn group_below(&mut self) -> Result<String, Halted> {
        Ok(format!("{GROUP}{}", self.site()?.number))
    }

    /// Judges which groups the gateway has.
    fn check_groups(
        &mut self,
        there: Option<&[usize]>,
        gone: Option<&[usize]>,
    ) -> Result<(), Halted> {
        let site = self.site()?;
        let named = |devices: &[usize]| {
            devices
                .iter()
                .map(|at| site.identity(*at))
                .collect::<Vec<_>>()
        };
        let (there, gone) = (there.map(named), gone.map(named));
        let has = self.groups_of_below()?;
        let known = self.site()?.group.clone();
        if let Some(of) = &there {
            let own = has.iter().find(|(_, members)| alike(members, of));
            self.site()?.group = own.map(|(node, _)| node.clone());
        }
        self.check_above(|session| Server::Groups {
            session,
            there,
            gone,
            known,
            has,
        })
    }

    async fn reads_below(&mut self, devices: &[usize]) -> Result<(), Halted> {
        let site = self.site()?;
        let devices = devices.iter().map(|at| site.identity(*at)).collect();
        let uri = NODE.to_owned();
        self.asks_below(Errand::Read { devices, uri }).await
    }

    /// What was said between a party and whoever it speaks to since the operator wanted something.
    fn since_wanted(&mut self, party: &str) -> Result<Session, Halted> {
        let upto = Some(self.stage.recorded());
        let after = self.site()?.after;
        let party = party.to_owned();
        Ok(Session { party, after, upto })
    }

    fn check_above(&mut self, check: impl FnOnce(Session) -> Server) -> Result<(), Halted> {
        let session = self.since_wanted(TENDED)?;
        self.check(&Check::GwmoServer(check(session)));
        Ok(())
    }

    /// Judges what a device was told by way of the gateway.
    fn check_managed(
        &mut self,
        device: usize,
        (command, values): (&str, Option<Vec<String>>),
        times: Times,
    ) -> Result<(), Halted> {
        let check = Server::Manages {
            session: self.since_wanted(&device_name(device))?,
            gateway: TENDED.to_owned(),
            objects: self.site()?.objects(),
            command: command.to_owned(),
            uri: NODE.to_owned(),
            times,
            values,
        };
        self.check(&Check::GwmoServer(check));
        Ok(())
    }

    /// Judges what a switch of the gateway's is set to.
    fn check_set(&mut self, path: &str, on: bool) -> Result<(), Halted> {
        let at = below(&self.site()?.places.config, path);
        let has = self.look_below(|gateway| gateway.tree().text(&at).map(str::to_owned))?;
        self.check_above(|session| Server::Sets {
            session,
            uri: at.to_string(),
            value: on.to_string(),
            has,
        })
    }

    /// Judges what the operator is told became of devices.
    async fn check_learnt(&mut self, outcomes: Vec<(usize, Outcome)>) -> Result<(), Halted> {
        let site = self.site()?;
        let devices = outcomes.into_iter().map(|(at, outcome)| Expected {
            device: site.identity(at),
            outcome,
        });
        let devices: Vec<Expected> = devices.collect();
        let all = devices.clone();
        let enough = move |told: &[Event]| {
            all.iter().all(|wanted| {
                let own = |event: &Event| matches!(event, Event::Did { device, .. } if *device == wanted.device);
                told.iter().any(own)
            })
        };
        let known = self.site()?.known;
        let number = self.dm_events_after(known, enough).await?;
        let asked = Asked {
            session: self.since_wanted(TENDED)?,
            objects: self.site()?.objects(),
        };
        self.check(&Check::GwmoServer(Server::Learns {
            asked,
            devices,
            number,
        }));
        Ok(())
    }
}

fn read(at: usize) -> Outcome {
    Outcome::Did(vec![says(at)])
}

#[given("a gateway below the server, and three devices behind it")]
async fn three(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.enter_below(&[Mode::Proxy; 3]).await?;
    for device in [FIRST, SECOND, THIRD] {
        scene.attaches_below(device).await?;
    }
    Ok(())
}

#[given("a gateway below the server, two devices behind it, and a third that has not come yet")]
async fn two(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.enter_below(&[Mode::Proxy; 3]).await?;
    for device in [FIRST, SECOND] {
        scene.attaches_below(device).await?;
    }
    Ok(())
}

#[given("a gateway below the server, and a device behind it that knows the server")]
async fn knowing(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.enter_below(&[Mode::Transparent]).await?;
    scene.meets_below().await
}

#[given("the second of them does not have what is read, and the third has gone")]
async fn troubled(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (second, third) = (scene.below(SECOND)?, scene.below(THIRD)?);
    let uri = NODE.to_owned();
    let forget = hidden::Order::Forget { uri };
    scene.stage.act(&second, forget).await?;
    scene.stage.act(&third, hidden::Order::Go).await?;
    Ok(())
}

#[given("the third of them has gone, which the gateway knows")]
async fn gone(world: &mut World) -> Result<(), Halted> {
    world.scene().leaves_below(THIRD).await
}

#[when("the operator wants to read something of the first of them")]
async fn reads_first(world: &mut World) -> Result<(), Halted> {
    world.scene().reads_below(&[FIRST]).await
}

#[when("the operator wants to read something of the first and the second of them")]
async fn reads_two(world: &mut World) -> Result<(), Halted> {
    world.scene().reads_below(&[FIRST, SECOND]).await
}

#[when("the operator wants to read something of all three of them")]
async fn reads_three(world: &mut World) -> Result<(), Halted> {
    world.scene().reads_below(&[FIRST, SECOND, THIRD]).await
}

#[when("the operator wants to read something of the third of them")]
async fn reads_third(world: &mut World) -> Result<(), Halted> {
    world.scene().reads_below(&[THIRD]).await
}

#[when("the operator wants to read something of all of them that are there")]
async fn reads_there(world: &mut World) -> Result<(), Halted> {
    world.scene().reads_below(&[]).await
}

#[when("the operator wants to change something of the first and the second of them")]
async fn changes_two(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let site = scene.site()?;
    let devices = vec![site.identity(FIRST), site.identity(SECOND)];
    let (uri, value) = (NODE.to_owned(), CHANGED.to_owned());
    scene
        .asks_below(Errand::Change {
            devices,
            uri,
            value,
        })
        .await
}

#[when("the operator wants to know what the gateway says of the first of them")]
async fn asks_about(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.site()?.identity(FIRST);
    scene.asks_below(Errand::About { device }).await
}

#[when("the operator wants the first and the second of them to be a group")]
async fn groups(world: &mut World) -> Result<(), Halted> {
    world.scene().groups_below(&[FIRST, SECOND]).await
}

#[when("the operator wants the first and the third of them to be that group")]
async fn regroups(world: &mut World) -> Result<(), Halted> {
    world.scene().groups_below(&[FIRST, THIRD]).await
}

#[when("the operator wants that group no more")]
async fn ungroups(world: &mut World) -> Result<(), Halted> {
    world.scene().groups_below(&[]).await
}

#[when("the operator wants to read something of that group")]
async fn reads_group(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let group = scene.group_below()?;
    let uri = NODE.to_owned();
    scene.asks_below(Errand::ReadGroup { group, uri }).await
}

#[when("the operator wants no new device to be announced")]
async fn unannounced(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_below(Errand::Announce(false)).await
}

#[when("the operator wants new devices to be announced")]
async fn announced(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_below(Errand::Announce(true)).await
}

#[when("the operator wants images to be kept")]
async fn kept(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_below(Errand::Keep(true)).await
}

#[when("the operator wants no image to be kept")]
async fn unkept(world: &mut World) -> Result<(), Halted> {
    world.scene().wants_below(Errand::Keep(false)).await
}

#[when("the operator wants to know which devices the gateway has")]
async fn surveys(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.asks_below(Errand::List).await?;
    // What it says before the gateway comes is what it knew.
    if let Some(known) = scene.dm_events_so_far().await? {
        scene.site()?.known = known;
    }
    Ok(())
}

#[when("the operator wants an image for the first and the second of them")]
async fn distributes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let origin = scene.stage.listen(ORIGIN).await?;
    let mut rng = scene.seed.derive(ORIGIN).rng();
    let octets = std::iter::repeat_with(|| rng.u8(..)).take(4096).collect();
    let role = Origin::new(octets);
    scene.stage.enter(ORIGIN, role, Arc::new(()));
    let site = scene.site()?;
    let devices = vec![site.identity(FIRST), site.identity(SECOND)];
    let (source, uri) = (format!("{origin}/image"), NODE.to_owned());
    scene
        .asks_below(Errand::Distribute {
            devices,
            source,
            uri,
        })
        .await
}

#[when("the operator wants that device to come")]
async fn wakes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let recorded = scene.stage.recorded();
    let site = scene.site()?;
    site.after = recorded;
    let errand = Errand::Wake {
        device: site.identity(FIRST),
        session: site.woken(),
        push: site.push.clone(),
    };
    let gateway = site.account.device.clone();
    let operation = Operation::Behind { gateway, errand };
    scene.stage.operate_dm(operation).await?;
    scene.waits_for_push().await
}

#[when("the gateway comes")]
async fn comes(world: &mut World) -> Result<(), Halted> {
    world.scene().comes_below().await
}

#[when("the third of them comes to the gateway")]
async fn third_comes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let recorded = scene.stage.recorded();
    scene.site()?.after = recorded;
    scene.attaches_below(THIRD).await
}

#[then("the first of them is asked for it by way of the gateway")]
fn asked(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_managed(FIRST, ("Get", None), Times::Some)
}

#[then("the third of them is asked for it by way of the gateway")]
fn third_asked(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_managed(THIRD, ("Get", None), Times::Some)
}

#[then("the first and the second of them are asked for it by way of the gateway")]
fn both_asked(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for device in [FIRST, SECOND] {
        scene.check_managed(device, ("Get", None), Times::Some)?;
    }
    Ok(())
}

#[then("the first and the second of them are told it once by way of the gateway")]
fn both_told(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for device in [FIRST, SECOND] {
        let values = Some(vec![CHANGED.to_owned()]);
        scene.check_managed(device, ("Replace", values), Times::Once)?;
    }
    Ok(())
}

#[then("the gateway has a group of the first and the second of them")]
fn grouped(world: &mut World) -> Result<(), Halted> {
    world.scene().check_groups(Some(&[FIRST, SECOND]), None)
}

#[then(
    "the gateway has a group of the first and the third of them, and none of the first and the second"
)]
fn regrouped(world: &mut World) -> Result<(), Halted> {
    let (there, gone) = ([FIRST, THIRD], [FIRST, SECOND]);
    world.scene().check_groups(Some(&there), Some(&gone))
}

#[then("the gateway has no group of the first and the second of them")]
fn none_left(world: &mut World) -> Result<(), Halted> {
    world.scene().check_groups(None, Some(&[FIRST, SECOND]))
}

#[then("the gateway has no group of the first and the third of them")]
fn ungrouped(world: &mut World) -> Result<(), Halted> {
    world.scene().check_groups(None, Some(&[FIRST, THIRD]))
}

#[then("the third of them is not asked for it")]
fn third_unasked(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_managed(THIRD, ("Get", None), Times::Never)
}

#[then("the third of them is not told it")]
fn third_spared(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_managed(THIRD, ("Replace", None), Times::Never)
}

#[then("the first and the second of them are told where the gateway has the image")]
fn both_offered(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let offers = scene.look_below(Gateway::offers)?;
    for device in [FIRST, SECOND] {
        let values = Some(offers.clone());
        scene.check_managed(device, ("Replace", values), Times::Once)?;
    }
    Ok(())
}

#[then("the server has the gateway start one fan-out")]
fn one_fan_out(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let site = scene.site()?;
    let (below, start) = (site.places.fanouts.to_string(), site.names.start.clone());
    scene.check_above(|session| Server::Starts {
        session,
        below,
        start,
        writing: None,
        times: 1,
    })
}

#[then("the server has the gateway get the image once")]
fn one_download(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let site = scene.site()?;
    let (places, names) = (&site.places, &site.names);
    let images = below(&places.images, &names.images).to_string();
    let (start, data) = (names.image_download.clone(), names.image_data.clone());
    scene.check_above(|session| Server::Starts {
        session,
        below: images,
        start,
        // A server may bring an image itself.
        writing: Some(data),
        times: 1,
    })
}

#[then("the server says nothing to the devices themselves")]
fn avoided(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for device in 0..scene.site()?.count() {
        let mut session = scene.since_wanted(&device_name(device))?;
        session.after = 0;
        let check = Server::Avoids { session };
        scene.check(&Check::GwmoServer(check));
    }
    Ok(())
}

#[then("nothing is wanted of the device that has gone")]
fn forgone(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let devices = vec![scene.site()?.identity(THIRD)];
    scene.check_above(|session| Server::Forgoes { session, devices })
}

#[then("the operator is told what the first of them has")]
async fn told_first(world: &mut World) -> Result<(), Halted> {
    let outcomes = vec![(FIRST, read(FIRST))];
    world.scene().check_learnt(outcomes).await
}

#[then("the operator is told what the third of them has")]
async fn told_third(world: &mut World) -> Result<(), Halted> {
    let outcomes = vec![(THIRD, read(THIRD))];
    world.scene().check_learnt(outcomes).await
}

#[then("the operator is told what the first and the second of them have")]
async fn told_both(world: &mut World) -> Result<(), Halted> {
    let outcomes = vec![(FIRST, read(FIRST)), (SECOND, read(SECOND))];
    world.scene().check_learnt(outcomes).await
}

#[then("the operator is told what became of each of them")]
async fn told_each(world: &mut World) -> Result<(), Halted> {
    let outcomes = vec![
        (FIRST, read(FIRST)),
        (SECOND, Outcome::Silent),
        (THIRD, Outcome::Silent),
    ];
    world.scene().check_learnt(outcomes).await
}

#[then("the operator is told what the gateway says of the first of them")]
async fn told_about(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let site = scene.site()?;
    let (device, known) = (site.identity(FIRST), site.known);
    let own = device.clone();
    let enough = move |told: &[Event]| {
        let of = |event: &Event| matches!(event, Event::Did { device, .. } if *device == own);
        told.iter().any(of)
    };
    let number = scene.dm_events_after(known, enough).await?;
    let session = scene.since_wanted(&device_name(FIRST))?;
    let site = scene.site()?;
    let [first, second, third] = [FIRST, SECOND, THIRD].map(|device| site.model(device));
    scene.check(&Check::GwmoServer(Server::Describes {
        session,
        gateway: TENDED.to_owned(),
        uri: MODEL.to_owned(),
        device,
        says: vec![first],
        others: vec![second, third],
        number,
    }));
    Ok(())
}

#[then("the operator is told which devices the gateway has, and that the third of them has gone")]
async fn told_which(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let site = scene.site()?;
    let devices = [(FIRST, true), (SECOND, true), (THIRD, false)];
    let devices = devices.map(|(at, there)| (site.identity(at), there));
    let devices = devices.to_vec();
    let (known, gateway) = (site.known, site.account.device.clone());
    let (wanted, of) = (devices.len(), gateway.clone());
    let enough = move |told: &[Event]| {
        let listed = told.iter().filter_map(|event| match event {
            Event::Listed {
                gateway, device, ..
            } if *gateway == of => Some(device),
            _ => None,
        });
        listed.collect::<BTreeSet<_>>().len() >= wanted
    };
    let number = scene.dm_events_after(known, enough).await?;
    scene.check(&Check::GwmoServer(Server::Lists {
        gateway,
        devices,
        number,
    }));
    Ok(())
}

#[then("the server takes the report that there is a new device")]
fn takes_new(world: &mut World) -> Result<(), Halted> {
    world.scene().check_above(|session| Server::Takes {
        session,
        report: Report::Attached,
    })
}

#[then("the server takes the report of what became of it")]
fn takes_results(world: &mut World) -> Result<(), Halted> {
    world.scene().check_above(|session| Server::Takes {
        session,
        report: Report::Results,
    })
}

#[then("the server takes the report that the gateway has the image")]
fn takes_image(world: &mut World) -> Result<(), Halted> {
    world.scene().check_above(|session| Server::Takes {
        session,
        report: Report::ImageReady,
    })
}

#[then("the gateway is set to announce none")]
fn set_unannounced(world: &mut World) -> Result<(), Halted> {
    let path = world.scene().site()?.names.report_attached.clone();
    world.scene().check_set(&path, false)
}

#[then("the gateway is set to announce new devices")]
fn set_announced(world: &mut World) -> Result<(), Halted> {
    let path = world.scene().site()?.names.report_attached.clone();
    world.scene().check_set(&path, true)
}

#[then("the gateway is set to keep none")]
fn set_unkept(world: &mut World) -> Result<(), Halted> {
    let path = world.scene().site()?.names.keep_images.clone();
    world.scene().check_set(&path, false)
}

#[then("the gateway is set to keep images")]
fn set_kept(world: &mut World) -> Result<(), Halted> {
    let path = world.scene().site()?.names.keep_images.clone();
    world.scene().check_set(&path, true)
}

#[then("the gateway is brought a notification of the server for that device")]
fn notified(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let site = scene.site()?;
    let named = site.named.replace("{device}", &site.identity(FIRST));
    let (server_id, id) = (site.account.server_id.clone(), site.woken());
    scene.check_above(|session| Server::Notifies {
        session,
        device: device_name(FIRST),
        named,
        server_id,
        id,
    })
}
