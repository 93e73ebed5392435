//! What a client says in a session.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::server::rules::decide::Rules;
use twinproof_dm::syncml::{Alert, AlertCode, Command, Item, Message, Meta};
use twinproof_dm::upper::Act;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_stage::Halted;

use crate::world::World;

/// Says where the next message is to go.
struct Elsewhere(String);

impl Rules for Elsewhere {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        message.header.resp_uri = Some(self.0.clone());
        message
    }
}

/// Speaks a version of the protocol that there is not.
struct Unheard;

/// That version.
const VERSION: &str = "DM/9.9";

impl Rules for Unheard {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        VERSION.clone_into(&mut message.header.ver_proto);
        message
    }
}

#[given("a server that speaks a version of the protocol that there is not")]
fn unheard(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server_with(Arc::new(Unheard), |_, _| {})?;
    scene.dm.served = Some(served);
    Ok(())
}

#[then("the client does nothing that it wants")]
fn unversed(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Unversed { session })
}

/// The type of a report that is nobody's.
const REPORTED: &str = "Reversed-Domain-Name: org.twinproof.test";

#[when("the client has something to report")]
async fn reports(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let server = scene.dm_client()?.account.server_id;
    scene.dm_served()?;
    scene.looks_from_here()?;
    let mut alert = Alert::new("", AlertCode::GENERIC);
    let item = Item::from("./DevInfo").with_text("something");
    alert.items.push(item.with_meta(Meta {
        media_type: Some(REPORTED.to_owned()),
        ..Meta::default()
    }));
    scene.stage.report_dm(&server, alert).await?;
    scene.dm_session_ends("the session has ended").await?;
    Ok(())
}

#[then("it says what that is about")]
fn reported(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Reported { session })
}

/// Ends the session as soon as the client is believed.
struct Aborts;

impl Rules for Aborts {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        let challenges = message.commands.iter().any(|command| {
            matches!(command, Command::Status(s) if s.cmd_ref == "0" && !s.code.is_success())
        });
        if !challenges {
            let number = message.commands.len() + 1;
            let abort = Alert::new(number.to_string(), AlertCode::SESSION_ABORT);
            message.commands.push(abort.into());
            message.is_final = true;
        }
        message
    }
}

#[given("a server that ends each session at once")]
fn aborts(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server_with(Arc::new(Aborts), |_, _| {})?;
    scene.dm.served = Some(served);
    Ok(())
}

#[then("the client says nothing more in it")]
async fn silent(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let settle = scene.stage.pace().settle;
    scene.stage.rest(settle).await;
    scene.check_dm_client(|session| Client::Silent { session })
}

/// What is added to where the server is.
const ELSEWHERE: &str = "/elsewhere";

#[given("a server that wants the next message elsewhere")]
fn elsewhere(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let url = scene.dm_client()?.server.unwrap_or_default();
    let rules = Elsewhere(format!("{url}{ELSEWHERE}"));
    let served = scene.enter_dm_server_with(Arc::new(rules), |_, _| {})?;
    scene.dm.served = Some(served);
    Ok(())
}

#[then("the next message goes there")]
fn redirected(world: &mut World) -> Result<(), Halted> {
    let url = world.scene().dm_client()?.server.unwrap_or_default();
    let url = format!("{url}{ELSEWHERE}");
    world
        .scene()
        .check_dm_client(|session| Client::Redirected { session, url })
}

/// An alert that no text has given a meaning.
const RESERVED: u16 = 1199;

#[given("the server sends an alert that nobody knows")]
async fn wants_alert(world: &mut World) -> Result<(), Halted> {
    let act = Act::Alert {
        code: RESERVED,
        options: String::new(),
        texts: vec!["something".to_owned()],
    };
    world.scene().wants(act).await
}

#[then("the client says that it does not know it")]
fn told_unknown(world: &mut World) -> Result<(), Halted> {
    // That it is refused is certain; by which code, guidance (DM RepPro 1.2) leaves to the client.
    let others = [400, 405, 415, 500];
    world.scene().check_told_or("Alert", None, &[406], &others)
}

#[when("the client begins a session")]
async fn session(world: &mut World) -> Result<(), Halted> {
    world.scene().dm_session().await
}

#[then("the client says why, who it is, and that this is all")]
fn opened(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Opened { session })
}

#[then("the client answers every header and every command once")]
fn answered(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Answered { session })
}

#[then("each of its commands has a number of its own")]
fn numbered(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Numbered { session })
}
