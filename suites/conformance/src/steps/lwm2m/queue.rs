//! Devices sleep, and operations wait for them.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::management::{Check as Management, Wish};
use twinproof_judge::checks::lwm2m::queue::Check as Queue;
use twinproof_kernel::Time;
use twinproof_lwm2m::device::{Behaviour, Order, Register};
use twinproof_lwm2m::upper::{Answer, Operation};
use twinproof_lwm2m::wire::Version;
use twinproof_stage::Halted;

use super::manage::{SERIAL, path};
use super::parties::{LOOK_AFTER, Several, Who, device_lifetime};
use crate::world::{Scene, World};

/// The model.
const MODEL: [u16; 3] = [3, 0, 1];

/// How long a device in queue mode listens after it spoke (MAX_TRANSMIT_WAIT), and a grace.
const ASLEEP_AFTER: Duration = Duration::from_secs(93 + 5);

/// How long a device takes to answer that takes its time: less than any repetition waits.
const SLOW: Duration = Duration::from_millis(200);

impl Scene {
    /// Asks what became of an operation that was kept, until that is known or it is too late; returns the
    /// number of what was said last.
    async fn outcome(&mut self, ticket: u64, deadline: Time) -> Result<u64, Halted> {
        let mut pause = LOOK_AFTER;
        loop {
            let answer = self.operate(Operation::Result { ticket }).await?;
            let kept = matches!(answer, Answer::Kept { .. });
            if !kept || self.stage.now() >= deadline {
                return Ok(self.lwm2m.operated.as_ref().map_or(0, |o| o.number));
            }
            self.stage.rest(pause).await;
            pause *= 2;
        }
    }

    /// What was kept of that which the operator did.
    fn kept(&self) -> Vec<(Several, u64)> {
        let several = self.lwm2m.several.iter();
        let kept = several.filter_map(|one| match one.answer {
            Answer::Kept { ticket } => Some((one.clone(), ticket)),
            _ => None,
        });
        kept.collect()
    }
}

#[given(expr = "{who} that is registered as one that sleeps")]
async fn sleeps(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let version = scene.lwm2m_profile()?.version;
    let endpoint = scene.device(&who, device_lifetime()).await?.endpoint;
    let mut query = vec![
        format!("ep={endpoint}"),
        format!("lt={}", device_lifetime()),
        format!("lwm2m={version}"),
    ];
    let binding: &[&str] = match version.0 {
        Version::V1_0 => &["b=UQ"],
        _ => &["b=U", "Q"],
    };
    query.extend(binding.iter().map(|&argument| argument.to_owned()));
    let how = Register {
        query: Some(query),
        ..Register::default()
    };
    scene
        .must(&who, Order::Register(how), Code::CREATED)
        .await?;
    // Who acknowledges first and answers later can be asked too much at once.
    let behaviour = Behaviour {
        keeps_registered: false,
        delay: SLOW,
        ..Behaviour::default()
    };
    scene.tell(&who, Order::Behave(behaviour)).await?;
    Ok(())
}

#[given("the time for which it listens has passed")]
async fn has_passed(w: &mut World) -> Result<(), Halted> {
    w.scene().pass(ASLEEP_AFTER).await
}

#[when(expr = "the operator reads two values of {who}")]
async fn reads_two(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let endpoint = scene.device(&who, device_lifetime()).await?.endpoint;
    for ids in [SERIAL, MODEL] {
        let path = path(&ids);
        let read = Operation::Read {
            endpoint: endpoint.clone(),
            path,
            accept: None,
        };
        let answer = scene.operate(read).await?;
        if let Some(operated) = scene.lwm2m.operated.clone() {
            let who = who.clone();
            scene.lwm2m.several.push(Several {
                who,
                path,
                operated,
                answer,
            });
        }
    }
    Ok(())
}

#[then("the operator is told that they wait, and the device hears nothing")]
async fn told_to_wait(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let several = &scene.lwm2m.several;
    let check = Queue::Pending {
        operated: several.iter().map(|one| one.operated.number).collect(),
        party: Who::first().name().to_owned(),
        after: several.first().map_or(0, |one| one.operated.after),
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}

#[then("the device is asked for one value after the other")]
async fn asked_in_turn(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let kept = scene.kept();
    let deadline = scene.stage.now() + scene.stage.pace().timeout;
    for (_, ticket) in &kept {
        let outcome = scene.outcome(*ticket, deadline).await?;
        scene.lwm2m.outcomes.push(outcome);
    }
    let check = Queue::InTurn {
        party: Who::first().name().to_owned(),
        after: scene.last_act_after()?,
        waited: kept.len(),
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}

#[then("the operator sees both values")]
async fn sees_both(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.last_act_after()?;
    let outcomes = scene.lwm2m.outcomes.clone();
    for ((one, _), operated) in scene.kept().into_iter().zip(outcomes) {
        let check = Management::Told {
            wish: Wish {
                operated,
                after,
                party: one.who.name().to_owned(),
                path: Some(one.path.to_string()),
            },
            code: "2.05".to_owned(),
            untyped: false,
        };
        scene.check(&Check::Lwm2m(check.into()));
    }
    Ok(())
}
