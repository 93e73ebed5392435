//! What operators ask of devices.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::ContentFormat;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::management::{Asked, Check as Management, Wish};
use twinproof_lwm2m::device::{Behaviour, Order};
use twinproof_lwm2m::model::TEST_OBJECT;
use twinproof_lwm2m::upper::{Operation, WriteMode};
use twinproof_lwm2m::wire::{Entry, Path, Value};
use twinproof_stage::Halted;

use super::parties::{Who, device_lifetime};
use crate::world::{Scene, World};

/// The serial number of a simulated device is its endpoint name, so no two have the same.
pub(super) const SERIAL: [u16; 3] = [3, 0, 2];
/// The instance of the device object.
const DEVICE: [u16; 2] = [3, 0];
/// How long the client stays away when it is disabled, s: a number that may be written.
pub(super) const DISABLE_TIMEOUT: [u16; 3] = [1, 0, 5];
/// The first account of the Server object, and the life time in it.
const ACCOUNT: [u16; 2] = [1, 0];
const LIFETIME: [u16; 3] = [1, 0, 1];
/// Updates the registration when it is executed.
const TRIGGER: [u16; 3] = [1, 0, 8];
/// The battery level.
pub(super) const BATTERY: [u16; 3] = [3, 0, 9];
/// No device has it.
const NOWHERE: [u16; 3] = [3, 0, 999];

/// How long a device that takes its time takes: longer than any acknowledgement may.
const LATE: Duration = Duration::from_secs(3);

pub(super) fn path(ids: &[u16]) -> Path {
    Path::new(ids).unwrap_or_default()
}

fn quiet() -> Behaviour {
    Behaviour {
        keeps_registered: false,
        ..Behaviour::default()
    }
}

impl Scene {
    /// Has the operator do something with a device.
    pub(super) async fn operate_on(
        &mut self,
        who: &Who,
        operation: impl FnOnce(String) -> Operation,
    ) -> Result<(), Halted> {
        let endpoint = self.device(who, device_lifetime()).await?.endpoint;
        self.operate(operation(endpoint)).await?;
        Ok(())
    }

    /// What the operator did last.
    pub(super) fn last_wish(&mut self) -> Result<Wish, Halted> {
        match self.lwm2m.operated.clone() {
            Some(operated) => Ok(Wish {
                operated: operated.number,
                after: operated.after,
                party: operated.party,
                path: None,
            }),
            None => Err(self.inconclusive("the operator did nothing")),
        }
    }

    /// Records that the device was to be asked for this, by what the operator did last.
    pub(super) fn is_carried(&mut self, asked: Asked) -> Result<(), Halted> {
        let wish = self.last_wish()?;
        let check = Management::Carried { wish, asked };
        self.check(&Check::Lwm2m(check.into()));
        Ok(())
    }

    fn is_told(&mut self, code: &str) -> Result<(), Halted> {
        let wish = self.last_wish()?;
        let code = code.to_owned();
        let check = Management::Told {
            wish,
            code,
            untyped: false,
        };
        self.check(&Check::Lwm2m(check.into()));
        Ok(())
    }

    /// The path of what the operator did last.
    fn wished_path(&self) -> String {
        let read = self.lwm2m.read.unwrap_or_default();
        read.to_string()
    }

    /// Has the operator read.
    pub(super) async fn read(&mut self, who: &Who, ids: &[u16]) -> Result<(), Halted> {
        let path = path(ids);
        self.lwm2m.read = Some(path);
        self.operate_on(who, |endpoint| Operation::Read {
            endpoint,
            path,
            accept: None,
        })
        .await
    }
}

#[given(expr = "{who} answers in the JSON of the enabler")]
async fn answers_in_json(w: &mut World, who: Who) -> Result<(), Halted> {
    let behaviour = Behaviour {
        format: Some(ContentFormat::LWM2M_JSON),
        ..quiet()
    };
    w.scene().tell(&who, Order::Behave(behaviour)).await?;
    Ok(())
}

#[given(expr = "{who} takes its time to answer")]
async fn takes_its_time(w: &mut World, who: Who) -> Result<(), Halted> {
    let behaviour = Behaviour {
        delay: LATE,
        ..quiet()
    };
    w.scene().tell(&who, Order::Behave(behaviour)).await?;
    Ok(())
}

#[when(expr = "the operator reads the serial number of {who}")]
async fn reads_serial(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().read(&who, &SERIAL).await
}

#[when(expr = "the operator reads the device object's instance of {who}")]
async fn reads_instance(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().read(&who, &DEVICE).await
}

#[when(expr = "the operator reads a resource that {who} does not have")]
async fn reads_nowhere(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().read(&who, &NOWHERE).await
}

#[when(expr = "the operator writes a number to a resource of {who}")]
async fn writes(w: &mut World, who: Who) -> Result<(), Halted> {
    let path = path(&DISABLE_TIMEOUT);
    w.scene()
        .operate_on(&who, |endpoint| Operation::Write {
            endpoint,
            path,
            mode: WriteMode::Replace,
            values: vec![Entry::new(path, Value::Integer(2_000))],
            format: None,
        })
        .await
}

#[when(expr = "the operator updates a part of an instance of {who}")]
async fn updates_part(w: &mut World, who: Who) -> Result<(), Halted> {
    let entry = |ids: &[u16], number| Entry::new(path(ids), Value::Integer(number));
    w.scene()
        .operate_on(&who, |endpoint| Operation::Write {
            endpoint,
            path: path(&ACCOUNT),
            mode: WriteMode::Update,
            values: vec![entry(&LIFETIME, 86_000), entry(&DISABLE_TIMEOUT, 2_000)],
            format: None,
        })
        .await
}

#[when(expr = "the operator executes a resource of {who} with arguments")]
async fn executes(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene()
        .operate_on(&who, |endpoint| Operation::Execute {
            endpoint,
            path: path(&TRIGGER),
            arguments: ARGUMENTS.to_owned(),
        })
        .await
}

/// Arguments of an execution.
const ARGUMENTS: &str = "0='now',1";

#[when(expr = "the operator discovers the device object's instance of {who}")]
async fn discovers(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene()
        .operate_on(&who, |endpoint| Operation::Discover {
            endpoint,
            path: path(&DEVICE),
        })
        .await
}

#[when(expr = "the operator writes attributes to a resource of {who}")]
async fn writes_attributes(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene()
        .operate_on(&who, |endpoint| Operation::WriteAttributes {
            endpoint,
            path: path(&BATTERY),
            attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
        })
        .await
}

/// Attributes that every resource may have.
const ATTRIBUTES: [&str; 2] = ["pmin=5", "pmax=60"];

#[then("the device is asked to read it")]
async fn asked_to_read(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let path = scene.wished_path();
    scene.is_carried(Asked {
        method: "0.01".to_owned(),
        path,
        ..Asked::default()
    })
}

#[then("the device is asked to write that number there")]
async fn asked_to_write(w: &mut World) -> Result<(), Halted> {
    let path = path(&DISABLE_TIMEOUT).to_string();
    w.scene().is_carried(Asked {
        method: "0.03".to_owned(),
        values: vec![format!("{path} 2000")],
        path,
        ..Asked::default()
    })
}

#[then("the device is asked to change that part only")]
async fn asked_to_update(w: &mut World) -> Result<(), Halted> {
    let (lifetime, timeout) = (path(&LIFETIME), path(&DISABLE_TIMEOUT));
    w.scene().is_carried(Asked {
        method: "0.02".to_owned(),
        path: path(&ACCOUNT).to_string(),
        values: vec![format!("{lifetime} 86000"), format!("{timeout} 2000")],
        ..Asked::default()
    })
}

#[then("the device is asked once to execute it with these arguments")]
async fn asked_to_execute(w: &mut World) -> Result<(), Halted> {
    w.scene().is_carried(Asked {
        method: "0.02".to_owned(),
        path: path(&TRIGGER).to_string(),
        text: Some(ARGUMENTS.to_owned()),
        ..Asked::default()
    })
}

#[then("the device is asked to list what is there")]
async fn asked_to_list(w: &mut World) -> Result<(), Halted> {
    w.scene().is_carried(Asked {
        method: "0.01".to_owned(),
        path: path(&DEVICE).to_string(),
        accept: Some(ContentFormat::LINK_FORMAT.0),
        ..Asked::default()
    })
}

#[then("the device is asked to take these attributes")]
async fn asked_to_take(w: &mut World) -> Result<(), Halted> {
    w.scene().is_carried(Asked {
        method: "0.03".to_owned(),
        path: path(&BATTERY).to_string(),
        query: ATTRIBUTES.map(str::to_owned).to_vec(),
        ..Asked::default()
    })
}

#[then("the operator sees the value that the device has")]
#[then("the operator sees what the device listed")]
#[then("the operator sees both values that the device has")]
async fn sees(w: &mut World) -> Result<(), Halted> {
    w.scene().is_told("2.05")
}

/// An instance that no device has yet, and a resource in it.
const FRESH: [u16; 3] = [TEST_OBJECT, 7, 1];
/// An instance that every device has.
const PRESENT: [u16; 2] = [TEST_OBJECT, 1];
/// A resource that every device has, of an object that is none of the enabler's.
pub(super) const FOREIGN: [u16; 3] = [TEST_OBJECT, 0, 1];

#[when(expr = "the operator creates an instance of an object of {who}")]
async fn creates(w: &mut World, who: Who) -> Result<(), Halted> {
    let [object, instance, resource] = FRESH;
    w.scene()
        .operate_on(&who, |endpoint| Operation::Create {
            endpoint,
            object,
            instance: Some(instance),
            resources: vec![(resource, Value::Integer(77))],
        })
        .await
}

#[when(expr = "the operator deletes an instance of an object of {who}")]
async fn deletes(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene()
        .operate_on(&who, |endpoint| Operation::Delete {
            endpoint,
            path: path(&PRESENT),
        })
        .await
}

#[when(expr = "the operator reads a resource of an object of {who} that is none of the enabler's")]
async fn reads_foreign(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().read(&who, &FOREIGN).await
}

#[then("the device is asked to create that instance with its values")]
async fn asked_to_create(w: &mut World) -> Result<(), Halted> {
    w.scene().is_carried(Asked {
        method: "0.02".to_owned(),
        path: path(&FRESH[..1]).to_string(),
        values: vec![format!("{} 77", path(&FRESH))],
        ..Asked::default()
    })
}

#[then("the device is asked to delete that instance")]
async fn asked_to_delete(w: &mut World) -> Result<(), Halted> {
    w.scene().is_carried(Asked {
        method: "0.04".to_owned(),
        path: path(&PRESENT).to_string(),
        ..Asked::default()
    })
}

#[then("the operator is told that it is created")]
async fn told_created(w: &mut World) -> Result<(), Halted> {
    w.scene().is_told("2.01")
}

#[then("the operator is told that it is deleted")]
async fn told_deleted(w: &mut World) -> Result<(), Halted> {
    w.scene().is_told("2.02")
}

#[then("the operator sees the value that the device has, in whatever form")]
async fn sees_in_any_form(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let check = Management::Told {
        wish: scene.last_wish()?,
        code: "2.05".to_owned(),
        untyped: true,
    };
    scene.check(&Check::Lwm2m(check.into()));
    Ok(())
}

#[then("the operator is told that it is done")]
async fn told_done(w: &mut World) -> Result<(), Halted> {
    w.scene().is_told("2.04")
}

#[then("the operator is told that there is no such thing")]
async fn told_not_there(w: &mut World) -> Result<(), Halted> {
    w.scene().is_told("4.04")
}
