//! Devices that refuse, tell of events and believe a server for one message at a time, and what the operator is told
//! of devices.

use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::features::{Feature, Features};
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{Alert, AlertCode, Command, Format, Item, Message, Meta, StatusCode};
use twinproof_dm::upper::{Act, Answer, Event, Operation, Put, Value};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::server::Check as Server;
use twinproof_judge::checks::dm::{Check as Dm, Session, either, records};
use twinproof_stage::Halted;

use super::{REPORTED, SMALL, WANTED, crowd};
use crate::world::{Scene, World};

/// Believes the server for the message that shows who it is, and no longer.
struct ForOnce;

impl Rules for ForOnce {
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        match Standard.believes(facts) {
            StatusCode::AUTHENTICATED => StatusCode::OK,
            code => code,
        }
    }
}

#[given(
    "a device that believes the server for one message at a time, and can take small ones only"
)]
fn for_once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    if account.server_password.is_none() {
        let why = "the server shows nothing: the account has no server_password";
        return Err(scene.inconclusive(why));
    }
    scene.dm.fleet.takes = Some(SMALL);
    scene.enter_dm_device(&account, Arc::new(ForOnce))
}

#[given("a device to which the server shows who it is")]
fn shown_to(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    if account.server_password.is_none() {
        let why = "the server shows nothing: the account has no server_password";
        return Err(scene.inconclusive(why));
    }
    scene.enter_dm_device(&account, Arc::new(Standard))
}

#[then("the device believes the server")]
fn proven(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.check_shown(|session| either::Check::Proven { session })
}

#[then("the server shows who it is with each message")]
fn proven_each(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.check_shown(|session| either::Check::ProvenEach { session })
}

#[given("a device to which something has happened")]
fn event(world: &mut World) {
    let mut alert = Alert::new("", AlertCode::CLIENT_EVENT);
    let item = Item::from("./DevInfo").with_text("something");
    alert.items.push(item.with_meta(Meta {
        format: Some(Format::Chr),
        media_type: Some(REPORTED.to_owned()),
        ..Meta::default()
    }));
    world.scene().dm.fleet.reports.push(alert);
}

#[then("the server takes the event, or says that it does not know it")]
fn took_event(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_server(|session| Server::Told {
        session,
        command: "Alert".to_owned(),
        alert: Some(AlertCode::CLIENT_EVENT.0),
        codes: vec![200, 202, 406, 415],
    })
}

/// What such a device says, one after the other: it may not, it was not let, it could not.
const REFUSALS: [StatusCode; 3] = [
    StatusCode::COMMAND_NOT_ALLOWED,
    StatusCode::PERMISSION_DENIED,
    StatusCode::COMMAND_FAILED,
];

/// Refuses whatever it is told.
struct Refuses;

impl Rules for Refuses {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        message
            .commands
            .retain(|command| !matches!(command, Command::Results(_)));
        let statuses = message.commands.iter_mut().filter_map(|c| match c {
            Command::Status(status) if status.cmd_ref != "0" => Some(status),
            _ => None,
        });
        for (status, code) in statuses.zip(REFUSALS.into_iter().cycle()) {
            status.code = code;
        }
        message
    }
}

#[given("a device that refuses whatever it is told")]
fn refuses(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let account = scene.dm_account(0)?;
    scene.enter_dm_device(&account, Arc::new(Refuses))
}

/// What is read of it, one for each refusal.
fn refused() -> Vec<String> {
    let all = (0..REFUSALS.len()).map(|number| format!("./DevInfo/Refused{number}"));
    all.collect()
}

#[given("the operator wants to read several things of the device")]
async fn wants_several(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.skip_dm_events().await?;
    let device = scene.dm_account(0)?.device;
    for uri in refused() {
        let plan = Operation::Plan {
            device: device.clone(),
            act: Act::Get { uri },
        };
        scene.stage.operate_dm(plan).await?;
    }
    Ok(())
}

/// How long after a session a server that runs elsewhere may take at least to tell its operator what devices did.
const TELLING: Duration = Duration::from_secs(2);

/// How often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(200);

impl Scene {
    /// Judges what the server has shown of itself so far.
    fn check_shown(&mut self, check: impl FnOnce(Session) -> either::Check) -> Result<(), Halted> {
        let Some(session) = self.dm.fleet.session.clone() else {
            return Err(self.inconclusive("no device began a session"));
        };
        let upto = Some(self.stage.recorded());
        let check = check(Session { upto, ..session });
        self.check(&Check::Dm(Dm::from(check)));
        Ok(())
    }

    /// What the operator was told until now says nothing: devices may have said the same in another run.
    pub(super) async fn skip_dm_events(&mut self) -> Result<(), Halted> {
        if let Some(known) = self.dm_events_so_far().await? {
            self.dm.fleet.known = known;
        }
        Ok(())
    }

    /// How much the operator has been told, if the server can be asked.
    pub(in crate::steps) async fn dm_events_so_far(&mut self) -> Result<Option<usize>, Halted> {
        if let (false, _) = self.stage.tells_dm() {
            return Ok(None);
        }
        let all = Operation::Events { after: 0 };
        Ok(match self.stage.operate_dm(all).await? {
            (Answer::Events(told), _) => Some(told.len()),
            _ => None,
        })
    }

    /// The number under which the operator was told what came `after` so much, once that is enough.
    pub(in crate::steps) async fn dm_events_after(
        &mut self,
        after: usize,
        enough: impl Fn(&[Event]) -> bool,
    ) -> Result<u64, Halted> {
        let (_, later) = self.stage.tells_dm();
        let (begun, telling) = (self.stage.now(), self.stage.pace().settle.max(TELLING));
        loop {
            let (told, number) = self.stage.operate_dm(Operation::Events { after }).await?;
            let told = match told {
                Answer::Events(told) => told,
                _ => Vec::new(),
            };
            if enough(&told) || !later || self.stage.now().since(begun) >= telling {
                return Ok(number);
            }
            self.stage.rest(ASK_AGAIN).await;
        }
    }

    /// What the operator was told since then, once it is of all these devices: its number.
    async fn dm_events_of(&mut self, devices: &[String]) -> Result<u64, Halted> {
        // Each stands there once for each thing that was wanted of it.
        let all = |told: &[Event]| {
            devices.iter().all(|device| {
                let wanted = devices.iter().filter(|other| *other == device).count();
                let own = |event: &&Event| matches!(event, Event::Did { device: who, .. } if who == device);
                told.iter().filter(own).count() >= wanted
            })
        };
        self.dm_events_after(self.dm.fleet.known, all).await
    }

    /// Asks what the operator was told, and holds it against what devices said: each with its session, and what was
    /// read of it.
    async fn check_recorded(
        &mut self,
        said: Vec<(Session, String, Vec<String>)>,
    ) -> Result<(), Halted> {
        let upto = Some(self.stage.recorded());
        let devices: Vec<String> = said
            .iter()
            .flat_map(|(_, device, uris)| vec![device.clone(); uris.len()])
            .collect();
        let number = self.dm_events_of(&devices).await?;
        for (session, device, uris) in said {
            for uri in uris {
                let check = records::Check::Recorded {
                    session: Session {
                        upto,
                        ..session.clone()
                    },
                    device: device.clone(),
                    uri,
                    number,
                };
                self.check(&Check::Dm(Dm::from(check)));
            }
        }
        Ok(())
    }
}

#[then("the operator is told what the device said")]
async fn recorded(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let device = scene.dm_account(0)?.device;
    let Some(session) = scene.dm.fleet.session.clone() else {
        return Err(scene.inconclusive("no device began a session"));
    };
    scene
        .check_recorded(vec![(session, device, refused())])
        .await
}

#[then("the operator is told of each what it said itself")]
async fn recorded_each(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let mut said = Vec::new();
    for (who, session) in crowd::sessions(scene).into_iter().enumerate() {
        let device = scene.dm_account(who)?.device;
        said.push((session, device, vec![crowd::ITSELF.to_owned()]));
    }
    scene.check_recorded(said).await
}

#[given("a device that takes nothing in parts, and small messages only")]
fn whole_only(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.dm.fleet.takes = Some(SMALL);
    scene.dm.fleet.whole_only = true;
    let account = scene.dm_account(0)?;
    scene.enter_dm_device(&account, Arc::new(Standard))
}

#[given("the operator wants to know whether it takes values in parts")]
async fn wants_flag(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let plan = Operation::Plan {
        device: scene.dm_account(0)?.device,
        act: Act::Get {
            uri: Features::LARGE_OBJECTS.to_owned(),
        },
    };
    scene.stage.operate_dm(plan).await?;
    Ok(())
}

#[when(
    "the operator wants to write more than fits into a message, and the device begins another session"
)]
async fn writes_much(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.dm.fleet.asked = scene.dm.fleet.session.clone().map(|session| Session {
        upto: Some(scene.stage.recorded()),
        ..session
    });
    let value = "large ".repeat(1_000);
    let plan = Operation::Plan {
        device: scene.dm_account(0)?.device,
        act: Act::Add(Put {
            uri: WANTED.to_owned(),
            format: Some("chr".to_owned()),
            media_type: Some("text/plain".to_owned()),
            value: Some(Value::Text(value)),
        }),
    };
    // That the server refuses it is as good as sending it whole.
    scene.stage.ask_dm(plan).await?;
    super::session(world).await
}

#[then("the server sends nothing in parts")]
fn nothing_in_parts(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (Some(asked), Some(session)) =
        (scene.dm.fleet.asked.clone(), scene.dm.fleet.session.clone())
    else {
        return Err(scene.inconclusive("the device had no session"));
    };
    let check = records::Check::NothingInParts {
        asked,
        session: Session {
            upto: Some(scene.stage.recorded()),
            ..session
        },
        flag: Features::default().of(Feature::LargeObjects).clone(),
    };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}
