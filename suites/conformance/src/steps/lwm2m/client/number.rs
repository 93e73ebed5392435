//! What a client reports of a number that changes.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_lwm2m::upper::Control;
use twinproof_lwm2m::wire::{Path, Value};
use twinproof_stage::Halted;

use crate::world::{Scene, World};

/// The least and the greatest interval between reports of what changes all the time, s.
const RARELY: (u64, u64) = (3, 6);

/// How often it changes, and how long that takes each time.
const CHANGES: i64 = 14;
const CHANGE: Duration = Duration::from_millis(500);

/// The number before a server observes it.
const FIRST: i64 = 40;

/// Which changes are to be reported: those that pass a limit, and those of a step or more.
const WANTED: [&str; 5] = ["pmin=0", "pmax=600", "lt=20", "gt=45", "st=10"];

/// The changes, and which of them are to be reported: each is compared with what was reported last.
const SCRIPT: [(i64, bool); 11] = [
    (44, false),
    // Passes 45.
    (46, true),
    (50, false),
    // Passes 45 on its way down.
    (44, true),
    // Moves by 11.
    (33, true),
    (26, false),
    // Moves by 11 once more.
    (22, true),
    // Passes 20.
    (19, true),
    (15, false),
    // Passes 20 on its way up.
    (21, true),
    // Passes 45, and moves by much: whoever reports at all reports it, so that the one before was not the last.
    (90, true),
];

/// Whether reports are kept: below the account of a server.
const STORING: u16 = 6;

/// Each change is reported.
const EACH: [&str; 2] = ["pmin=0", "pmax=600"];

/// The number while the client can report it, and then.
const SEEN: i64 = 50;
const UNSEEN: [i64; 3] = [61, 72, 83];

/// How long it takes to see that nothing is reported.
const QUIET: Duration = Duration::from_secs(1);

impl Scene {
    /// The number that the control can set.
    fn number(&mut self) -> Result<Path, Halted> {
        let number = self.client_profile()?.number.unwrap_or_default();
        match number.parse::<Path>() {
            Ok(path) if path.has_value() => Ok(path),
            _ => {
                let why = format!("lwm2m.client.number: expected a resource, got {number:?}");
                Err(self.inconclusive(why))
            }
        }
    }

    async fn set_number(&mut self, value: i64) -> Result<(), Halted> {
        let path = self.number()?;
        let value = Value::Integer(value);
        self.stage.control(Control::Set { path, value }).await
    }
}

#[when(
    "its server observes a number that changes all the time, and wants reports every three seconds at most"
)]
async fn observes_restless(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let number = scene.number()?;
    scene.set_number(0).await?;
    let (least, most) = RARELY;
    let attributes = vec![format!("pmin={least}"), format!("pmax={most}")];
    let observed = scene.observe_under(0, number, attributes).await?;
    let client = scene.client()?;
    client.observed = Some(observed);
    client.intervals = RARELY;
    for value in 1..=CHANGES {
        scene.stage.rest(CHANGE).await;
        scene.set_number(value).await?;
    }
    Ok(())
}

#[given("its server wants to know when a number passes 20 or 45, or moves by 10")]
async fn observes_changes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let number = scene.number()?;
    scene.set_number(FIRST).await?;
    scene.stage.rest(QUIET).await;
    let wanted = WANTED.map(str::to_owned).to_vec();
    let observed = scene.observe_under(0, number, wanted).await?;
    scene.client()?.observed = Some(observed);
    Ok(())
}

#[when("that number changes again and again")]
async fn changes(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    for (value, reported) in SCRIPT {
        let before = scene.reported(0)?;
        scene.set_number(value).await?;
        match reported {
            true => scene.await_reports(0, before + 1).await?,
            false => scene.stage.rest(QUIET).await,
        }
    }
    scene.stage.rest(QUIET).await;
    Ok(())
}

#[given(
    regex = "^its server wants reports of a number, which are to be (kept|dropped) where nothing can be sent$"
)]
async fn observes_with_storing(w: &mut World, how: String) -> Result<(), Halted> {
    let scene = w.scene();
    let number = scene.number()?;
    scene.set_number(FIRST).await?;
    let storing = scene.setting(0, STORING)?;
    let kept = Value::Boolean(how == "kept");
    let request = scene.writing((0, storing), kept)?;
    let answer = scene.ask(0, request).await?;
    scene.must_succeed("whether reports are kept", &answer)?;
    scene.stage.rest(QUIET).await;
    let attributes = EACH.map(str::to_owned).to_vec();
    let observed = scene.observe_under(0, number, attributes).await?;
    scene.client()?.observed = Some(observed);
    Ok(())
}

#[when("that number changes three times while the client is off its network")]
async fn changes_offline(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let before = scene.reported(0)?;
    // What is reported now shows that changes are reported at all.
    scene.set_number(SEEN).await?;
    scene.await_reports(0, before + 1).await?;
    scene.stage.control(Control::Offline).await?;
    scene.look_from_here()?;
    for value in UNSEEN {
        scene.set_number(value).await?;
        scene.stage.rest(CHANGE).await;
    }
    scene.stage.control(Control::Online).await?;
    scene.await_reports(0, before + 1 + UNSEEN.len()).await
}

impl Scene {
    /// What is said of the values that a client could not report.
    fn check_unseen(&mut self, values: &[i64], kept: bool) -> Result<(), Halted> {
        let path = self.number()?.to_string();
        let client = self.client()?;
        let after = client.looked_after;
        let Some(observed) = client.observed.clone() else {
            return Err(self.inconclusive("nothing was observed"));
        };
        self.check_client(Client::Kept {
            observed,
            after,
            path,
            values: values.iter().map(ToString::to_string).collect(),
            kept,
        });
        Ok(())
    }
}

#[then("the client reports all of the changes once it is back")]
async fn reports_kept(w: &mut World) -> Result<(), Halted> {
    w.scene().check_unseen(&UNSEEN, true)
}

#[then("the client reports nothing of what has passed")]
async fn reports_nothing_past(w: &mut World) -> Result<(), Halted> {
    // What it is in the end has not passed.
    w.scene().check_unseen(&UNSEEN[..UNSEEN.len() - 1], false)
}

#[then("the client reports what passes a limit or moves far enough, and nothing else")]
async fn reports_wanted(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let path = scene.number()?.to_string();
    let upto = scene.stage.recorded();
    let Some(observed) = scene.client()?.observed.clone() else {
        return Err(scene.inconclusive("nothing was observed"));
    };
    let wanted = SCRIPT.iter().filter(|(_, reported)| *reported);
    let values = wanted.map(|(value, _)| value.to_string()).collect();
    scene.check_client(Client::Exactly {
        observed,
        upto,
        path,
        values,
    });
    Ok(())
}
