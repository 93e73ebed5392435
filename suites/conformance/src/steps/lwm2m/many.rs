//! Many devices at the same time.

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::answer::Check as Answer;
use twinproof_judge::checks::lwm2m::management::{Check as Management, Wish};
use twinproof_lwm2m::device::{Answer as Answered, Order, Register, Update};
use twinproof_stage::Halted;

use super::manage::{SERIAL, path};
use super::parties::{Several, Who};
use crate::world::{Scene, World};

/// How many devices one application speaks to.
const TEN: usize = 10;
/// How many devices come at the same time.
const FIFTY: usize = 50;

fn devices(count: usize) -> Vec<Who> {
    (1..=count).map(Who::numbered).collect()
}

/// What a device that is one of many is known by while it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    parties: Vec<String>,
    registered: (u64, u64),
    updated: (u64, u64),
}

impl Scene {
    /// Has the operator read the serial number of each of several devices.
    async fn read_each(&mut self, devices: Vec<Who>) -> Result<(), Halted> {
        for who in devices {
            self.read(&who, &SERIAL).await?;
            let Some(operated) = self.lwm2m.operated.clone() else {
                continue;
            };
            self.lwm2m.several.push(Several {
                who,
                path: path(&SERIAL),
                operated,
                answer: twinproof_lwm2m::upper::Answer::Done,
            });
        }
        Ok(())
    }

    /// What the operator did with each of many devices.
    fn wishes(&self) -> Vec<Wish> {
        let several = self.lwm2m.several.iter();
        let wishes = several.map(|one| Wish {
            operated: one.operated.number,
            after: one.operated.after,
            party: one.who.name().to_owned(),
            path: None,
        });
        wishes.collect()
    }
}

#[given("ten devices that are registered")]
async fn ten_registered(w: &mut World) -> Result<(), Halted> {
    for who in devices(TEN) {
        let order = Order::Register(Register::default());
        w.scene().must(&who, order, Code::CREATED).await?;
    }
    Ok(())
}

#[given("ten devices whose battery level the operator observes")]
async fn ten_observed(w: &mut World) -> Result<(), Halted> {
    for who in devices(TEN) {
        w.scene().must_observe_battery(&who).await?;
    }
    Ok(())
}

#[when("the operator reads the serial number of each of them")]
async fn reads_each(w: &mut World) -> Result<(), Halted> {
    w.scene().read_each(devices(TEN)).await
}

#[when("the operator reads the serial number of each of the two")]
async fn reads_both(w: &mut World) -> Result<(), Halted> {
    w.scene().read_each(vec![Who::first(), Who::other()]).await
}

#[given("another device that is registered from the same address, with a port of its own")]
async fn registered_beside(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.device_beside(&Who::other(), &Who::first()).await?;
    let order = Order::Register(Register::default());
    scene.must(&Who::other(), order, Code::CREATED).await
}

#[when("all of them report at the same time")]
async fn report_together(w: &mut World) -> Result<(), Halted> {
    w.scene().report_together(devices(TEN)).await
}

#[when("fifty devices register at the same time")]
async fn fifty_register(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let who = devices(FIFTY);
    let orders = who.iter().cloned();
    let orders = orders.map(|who| (who, Order::Register(Register::default())));
    let (registered, _) = scene.tell_all(orders.collect()).await?;
    let parties = who.iter().map(|who| who.name().to_owned()).collect();
    scene.lwm2m.crowd = Crowd {
        parties,
        registered,
        ..Crowd::default()
    };
    Ok(())
}

#[when("each of them updates its registration")]
async fn each_updates(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let orders = devices(FIFTY).into_iter();
    let orders = orders.map(|who| (who, Order::Update(Update::default())));
    let (updated, answers) = scene.tell_all(orders.collect()).await?;
    // Who was not registered has nothing to update; the check sees that from the registration.
    if answers
        .iter()
        .all(|answer| matches!(answer, Answered::Impossible(_)))
    {
        return Err(scene.inconclusive("no device could be registered"));
    }
    scene.lwm2m.crowd.updated = updated;
    Ok(())
}

#[then("each of them is asked for its own, and nobody else")]
async fn each_is_asked(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for wish in scene.wishes() {
        let check = Management::Reached {
            wish,
            led_away: false,
        };
        scene.check(&Check::Lwm2m(check.into()));
    }
    Ok(())
}

#[then("the operator sees of each what it has")]
async fn sees_each(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for wish in scene.wishes() {
        let check = Management::Told {
            wish,
            code: "2.05".to_owned(),
            untyped: false,
        };
        scene.check(&Check::Lwm2m(check.into()));
    }
    Ok(())
}

#[then("each that was confirmed is still registered")]
async fn still_registered(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let Crowd {
        parties,
        registered,
        updated,
    } = scene.lwm2m.crowd.clone();
    let check = Answer::StillKnown {
        parties,
        registered,
        updated,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
