//! Several places at once (from LwM2M 1.1 on).

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::management::Asked;
use twinproof_judge::checks::lwm2m::reporting::Check as Reporting;
use twinproof_lwm2m::device::{Device, Order, Register};
use twinproof_lwm2m::upper::{self, CancelBy, Operation};
use twinproof_lwm2m::wire::{Entry, Path, Value};
use twinproof_stage::Halted;

use super::manage::{BATTERY, DISABLE_TIMEOUT, FOREIGN, SERIAL, path};
use super::parties::{Who, device_lifetime};
use super::report::MEMORY;
use crate::world::{Scene, World};

/// The battery level after it has fallen, in per cent.
const FALLEN: i64 = 11;

/// What is read and observed at once.
fn places() -> Vec<Path> {
    vec![path(&SERIAL), path(&BATTERY)]
}

/// What is written at once: resources of two objects.
fn values() -> Vec<Entry> {
    vec![
        Entry::new(path(&DISABLE_TIMEOUT), Value::Integer(2_000)),
        Entry::new(path(&FOREIGN), Value::Integer(77)),
    ]
}

impl Scene {
    /// Records that the device was to be asked for these places in one request.
    fn is_asked_at_once(
        &mut self,
        method: &str,
        observe: Option<u32>,
        values: Vec<String>,
    ) -> Result<(), Halted> {
        self.is_carried(Asked {
            method: method.to_owned(),
            observe,
            values,
            ..Asked::default()
        })
    }
}

fn listed() -> Vec<String> {
    places().iter().map(Path::to_string).collect()
}

#[when(expr = "the operator reads the serial number and the battery level of {who} at once")]
async fn reads(w: &mut World, who: Who) -> Result<(), Halted> {
    let paths = places();
    w.scene()
        .operate_on(&who, |endpoint| Operation::ReadComposite {
            endpoint,
            paths,
        })
        .await
}

#[when(expr = "the operator writes to two objects of {who} at once")]
async fn writes(w: &mut World, who: Who) -> Result<(), Halted> {
    let values = values();
    w.scene()
        .operate_on(&who, |endpoint| Operation::WriteComposite {
            endpoint,
            values,
        })
        .await
}

#[when(expr = "the operator observes the serial number and the battery level of {who} at once")]
async fn observes(w: &mut World, who: Who) -> Result<(), Halted> {
    let paths = places();
    w.scene()
        .operate_on(&who, |endpoint| Operation::ObserveComposite {
            endpoint,
            paths,
        })
        .await
}

#[given(
    expr = "{who} of which the operator observes the serial number and the battery level at once"
)]
async fn observed(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let order = Order::Register(Register::default());
    scene.must(&who, order, Code::CREATED).await?;
    let party = scene.device(&who, device_lifetime()).await?;
    let observe = Operation::ObserveComposite {
        endpoint: party.endpoint,
        paths: places(),
    };
    match scene.operate(observe).await? {
        upper::Answer::Reply(reply) if reply.code == Code::CONTENT => {}
        other => {
            let why = format!("several places cannot be observed at once: {other:?}");
            return Err(scene.inconclusive(why));
        }
    }
    let observed = scene.stage.look(&party.device, Device::shown).observed;
    if !observed.iter().any(|one| one.paths == places()) {
        let why = "the device was not asked to report the places at once";
        return Err(scene.inconclusive(why));
    }
    scene.begin_reports().await
}

#[when("the operator ends the report of both")]
async fn ends(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let party = scene.device(&Who::first(), device_lifetime()).await?;
    scene.lwm2m.reports.after = scene.stage.recorded();
    let cancel = Operation::CancelComposite {
        endpoint: party.endpoint,
        paths: places(),
        by: CancelBy::Request,
    };
    match scene.operate(cancel).await? {
        upper::Answer::Unsupported(why) | upper::Answer::Refused(why) => {
            Err(scene.inconclusive(format!("the operator cannot end a report: {why}")))
        }
        _ => Ok(()),
    }
}

#[when(expr = "the battery level of {who} falls, and then it reports its free memory")]
async fn falls_unseen(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let device = scene.device(&who, device_lifetime()).await?.device;
    let path = path(&BATTERY);
    let set = Order::Set {
        path,
        value: Value::Integer(FALLEN),
    };
    scene.stage.act(&device, set).await?;
    scene.sent(&who, path, FALLEN, false);
    let memory = super::manage::path(&MEMORY);
    scene.report_next((&who, memory), 82, (false, true)).await
}

#[then("the device is asked once for both")]
async fn asked_for_both(w: &mut World) -> Result<(), Halted> {
    w.scene().is_asked_at_once("0.05", None, listed())
}

#[then("the device is asked once to write both")]
async fn asked_to_write_both(w: &mut World) -> Result<(), Halted> {
    let told = |entry: Entry| Some(format!("{} {}", entry.path, entry.value?));
    let written = values().into_iter().filter_map(told).collect();
    w.scene().is_asked_at_once("0.07", None, written)
}

#[then("the device is asked once to report both")]
async fn asked_to_report_both(w: &mut World) -> Result<(), Halted> {
    w.scene().is_asked_at_once("0.05", Some(0), listed())
}

#[then("the device was told that the report of both is over")]
async fn was_told(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.see().await?;
    let check = Reporting::Stopped {
        party: Who::first().name().to_owned(),
        path: path(&SERIAL),
        also: vec![path(&BATTERY)],
        after: scene.lwm2m.reports.after,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}
