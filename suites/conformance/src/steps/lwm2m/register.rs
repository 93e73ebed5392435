//! Devices register, update and leave, and time passes.

use std::time::Duration;

use cucumber::{given, when};
use twinproof_coap::Code;
use twinproof_evidence::record::Halt;
use twinproof_judge::scene::SUT;
use twinproof_lwm2m::device::{Order, Register, Request, Update};
use twinproof_lwm2m::wire::Version;
use twinproof_stage::Halted;

use super::parties::{Who, device_lifetime};
use crate::suite::TIME_PASSES;
use crate::world::{Scene, World};

/// What "for a minute" and "of a minute" mean, s.
const MINUTE: u32 = 60;

/// How far from the end of a life time something is tried.
const MARGIN: Duration = Duration::from_secs(10);

/// The versions of the enabler that there are.
const VERSIONS: [Version; 3] = [Version::V1_0, Version::V1_1, Version::V1_2];

/// A list of objects that fits into no datagram.
const LONG: u16 = 400;

impl Scene {
    /// The query of a registration, but for what begins like this.
    async fn query_without(&mut self, who: &Who, what: &str) -> Result<Vec<String>, Halted> {
        let party = self.device(who, device_lifetime()).await?;
        let version = self.lwm2m_profile()?.version;
        let all = [
            format!("ep={}", party.endpoint),
            format!("lt={MINUTE}"),
            format!("lwm2m={version}"),
            "b=U".to_owned(),
        ];
        Ok(all.into_iter().filter(|a| !a.starts_with(what)).collect())
    }

    async fn register_with(&mut self, who: &Who, objects: String) -> Result<(), Halted> {
        let query = self.query_without(who, "nothing").await?;
        let how = Register {
            query: Some(query),
            objects: Some(objects),
            ..Register::default()
        };
        self.tell(who, Order::Register(how)).await?;
        Ok(())
    }

    async fn register_speaking(&mut self, who: &Who, version: &str) -> Result<(), Halted> {
        let mut query = self.query_without(who, "lwm2m=").await?;
        query.push(format!("lwm2m={version}"));
        let how = Register {
            query: Some(query),
            ..Register::default()
        };
        self.tell(who, Order::Register(how)).await?;
        Ok(())
    }

    /// Lets time pass for everybody, the server included.
    pub(super) async fn pass(&mut self, span: Duration) -> Result<(), Halted> {
        if !self.time_passes {
            let why = format!("time passes in it, and it is not tagged @{TIME_PASSES}");
            return Err(self.stage.halt(Halt::Error { why }));
        }
        self.stage.let_pass(SUT, span).await
    }
}

fn update(query: &[&str]) -> Order {
    Order::Update(Update {
        query: query.iter().map(|&argument| argument.to_owned()).collect(),
        ..Update::default()
    })
}

#[given(expr = "{who} that is registered")]
async fn registered(w: &mut World, who: Who) -> Result<(), Halted> {
    let order = Order::Register(Register::default());
    w.scene().must(&who, order, Code::CREATED).await
}

#[given(expr = "{who} that is registered for a minute")]
async fn registered_for_a_minute(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    scene.device(&who, MINUTE).await?;
    let order = Order::Register(Register::default());
    scene.must(&who, order, Code::CREATED).await
}

#[given(expr = "{who} that has left")]
async fn has_left(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let order = Order::Register(Register::default());
    scene.must(&who, order, Code::CREATED).await?;
    let order = Order::Deregister { server: 0 };
    scene.must(&who, order, Code::DELETED).await
}

#[given("almost a minute has passed")]
#[when("almost another minute has passed")]
async fn almost_a_minute(w: &mut World) -> Result<(), Halted> {
    let span = Duration::from_secs(MINUTE.into()).saturating_sub(MARGIN);
    w.scene().pass(span).await
}

#[when("a minute and the time of grace have passed")]
async fn a_minute_and_grace(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let grace = scene.lwm2m_profile()?.grace.duration();
    let span = Duration::from_secs(u64::from(MINUTE) + 1) + grace;
    scene.pass(span).await
}

#[given(expr = "{who} has updated its registration")]
async fn has_updated(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().must(&who, update(&[]), Code::CHANGED).await
}

#[given(expr = "{who} has asked for a life time of ten minutes")]
async fn has_asked_for_longer(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene()
        .must(&who, update(&["lt=600"]), Code::CHANGED)
        .await
}

#[when(expr = "{who} registers")]
#[when(expr = "{who} registers again")]
async fn registers(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    scene
        .tell(&who, Order::Register(Register::default()))
        .await?;
    Ok(())
}

/// How a device says that it sleeps.
pub(super) struct Sleep {
    pub(super) binding: &'static str,
    argument: Option<&'static str>,
}

impl Sleep {
    /// By its binding in LwM2M 1.0 (TS 1.0.2 §5.3.1.1), by an argument of its own from 1.1 on.
    pub(super) fn of(version: Version) -> Self {
        match version > Version::V1_0 {
            true => Self {
                binding: "U",
                argument: Some("Q"),
            },
            false => Self {
                binding: "UQ",
                argument: None,
            },
        }
    }
}

#[when(expr = "{who} registers as one that sleeps")]
async fn registers_sleeping(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let sleeps = Sleep::of(scene.lwm2m_profile()?.version.0);
    let mut query = scene.query_without(&who, "b=").await?;
    query.push(format!("b={}", sleeps.binding));
    query.extend(sleeps.argument.map(str::to_owned));
    let how = Register {
        query: Some(query),
        objects: Some("</1/0>,</3/0>,</5>".to_owned()),
        ..Register::default()
    };
    scene.tell(&who, Order::Register(how)).await?;
    Ok(())
}

#[when(
    regex = r"^(an?|another) device registers without (an endpoint name|a life time|a version)$"
)]
async fn registers_without(w: &mut World, who: String, what: String) -> Result<(), Halted> {
    let scene = w.scene();
    let who: Who = match format!("{who} device").parse() {
        Ok(who) => who,
        Err(never) => match never {},
    };
    let left_out = match what.as_str() {
        "a life time" => "lt=",
        "a version" => "lwm2m=",
        _ => "ep=",
    };
    let query = scene.query_without(&who, left_out).await?;
    let how = Register {
        query: Some(query),
        ..Register::default()
    };
    scene.tell(&who, Order::Register(how)).await?;
    Ok(())
}

#[when(expr = "{who} registers with something that is no list of objects")]
async fn registers_without_list(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().register_with(&who, "no list".to_owned()).await
}

#[when(expr = "{who} registers with objects and attributes that nobody knows")]
async fn registers_with_unknown(w: &mut World, who: Who) -> Result<(), Halted> {
    let objects = "</1/0>,</3/0>;colour=\"blue\",</4711>;ver=\"9.1\",</4711/0>,</33000/0>;obs";
    w.scene().register_with(&who, objects.to_owned()).await
}

#[when(expr = "{who} registers with a list of objects that fits into no datagram")]
async fn registers_with_long_list(w: &mut World, who: Who) -> Result<(), Halted> {
    let instances: Vec<String> = (0..LONG).map(|n| format!("</26241/{n}>")).collect();
    let objects = format!("</1/0>,</3/0>,{}", instances.join(","));
    w.scene().register_with(&who, objects).await
}

#[given("devices that have tried to register with the other versions of the enabler")]
async fn have_tried_other_versions(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let own = scene.lwm2m_profile()?.version.0;
    // What comes of it is not judged here: the report holds it against what the profile claims.
    for version in VERSIONS.into_iter().filter(|version| *version != own) {
        let who = Who::speaking(version);
        scene.register_speaking(&who, &version.to_string()).await?;
    }
    Ok(())
}

#[when(expr = "{who} registers with a version beyond the server's own")]
async fn registers_with_newer_version(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().register_speaking(&who, "99.0").await
}

#[when(expr = "{who} asks the server what it offers")]
async fn asks_what_is_offered(w: &mut World, who: Who) -> Result<(), Halted> {
    let request = Request::new(Code::GET, "/.well-known/core");
    w.scene().tell(&who, Order::Request(request)).await?;
    Ok(())
}

#[when(expr = "{who} updates its registration")]
async fn updates(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene().tell(&who, update(&[])).await?;
    Ok(())
}

#[when(expr = "{who} updates its registration with another list of objects")]
async fn updates_list(w: &mut World, who: Who) -> Result<(), Halted> {
    let how = Update {
        objects: Some("</1/0>,</3/0>,</7/0>".to_owned()),
        ..Update::default()
    };
    w.scene().tell(&who, Order::Update(how)).await?;
    Ok(())
}

#[when(expr = "{who} updates the registration that it had first")]
async fn updates_the_first(w: &mut World, who: Who) -> Result<(), Halted> {
    let scene = w.scene();
    let party = scene.device(&who, device_lifetime()).await?;
    let Some(location) = party.locations.first().cloned() else {
        return Err(scene.inconclusive("the device was never registered"));
    };
    let how = Update {
        location: Some(location),
        ..Update::default()
    };
    scene.tell(&who, Order::Update(how)).await?;
    Ok(())
}

#[when(expr = "{who} leaves")]
async fn leaves(w: &mut World, who: Who) -> Result<(), Halted> {
    w.scene()
        .tell(&who, Order::Deregister { server: 0 })
        .await?;
    Ok(())
}

#[when(expr = "{who} reads the server's manufacturer, as a server would read a device's")]
async fn reads(w: &mut World, who: Who) -> Result<(), Halted> {
    let request = Request::new(Code::GET, "/3/0/0");
    w.scene().tell(&who, Order::Request(request)).await?;
    Ok(())
}
