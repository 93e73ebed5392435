//! Values that do not fit into a message, and what a client need not have: copies, processes, lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cucumber::{given, then, when};
use twinproof_dm::server;
use twinproof_dm::server::rules::decide::Rules;
use twinproof_dm::syncml::{Command, Item, Message, Request};
use twinproof_dm::upper::Act;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_stage::Halted;

use super::put;
use super::tree::VALUE;
use crate::world::{Scene, World};

/// The octets of a message that such a server sends, and that one takes which takes little.
pub(super) const LITTLE: usize = 1_500;

/// A value that takes several such messages.
pub(super) fn large() -> String {
    (0..1_000).map(|number| format!("{number:04}")).collect()
}

/// What a client says that has no room for large objects, or takes none.
const TOO_LARGE: [u16; 4] = [406, 413, 416, 420];

/// What a client says that does not have a command.
const LACKING: [u16; 3] = [405, 406, 501];

/// Says that what comes in parts is larger than it is.
struct Exaggerates {
    /// Whether it has: what no message has room for a part of, is not sent at all.
    did: Arc<AtomicBool>,
}

impl Rules for Exaggerates {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Add(request) = command {
                for meta in request
                    .items
                    .iter_mut()
                    .filter_map(|item| item.meta.as_mut())
                {
                    if let Some(size) = meta.size.as_mut() {
                        *size += 1;
                        self.did.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
        message
    }
}

/// Sends something else instead of the parts after the first.
struct Interrupts {
    /// What it reads.
    leaf: String,
}

impl Rules for Interrupts {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            let later = command.items().iter().any(|item| {
                // Only the first part says how much there is.
                let size = item.meta.as_ref().and_then(|meta| meta.size);
                size.is_none() && matches!(command, Command::Add(_))
            });
            if later {
                let item = Item::at(&self.leaf);
                *command = Command::Get(Request::new(command.cmd_id(), item));
                message.is_final = true;
            }
        }
        message
    }
}

impl Scene {
    fn enter_small_server(&mut self, shared: server::Shared) -> Result<(), Halted> {
        let served = self.enter_dm_server_as(shared, |_, _| {})?;
        self.dm.served = Some(served);
        Ok(())
    }

    fn check_offered(&mut self, command: &str, uri: String, open: &[u16]) -> Result<(), Halted> {
        self.check_dm_client(|session| Client::Offered {
            session,
            command: command.to_owned(),
            uri,
            lacking: LACKING.to_vec(),
            open: open.to_vec(),
        })
    }
}

#[given("a server that sends little at a time")]
fn sends_little(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_small_server(server::Shared {
        sends: Some(LITTLE),
        ..server::Shared::default()
    })
}

#[given("a server that sends little at a time, and says that it is more")]
fn exaggerates(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let did = Arc::clone(&scene.dm.exaggerated);
    scene.enter_small_server(server::Shared {
        sends: Some(LITTLE),
        rules: Arc::new(Exaggerates { did }),
        ..server::Shared::default()
    })
}

#[given("a server that sends little at a time, and goes on with something else")]
fn interrupts(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let leaf = scene.dm_client()?.leaf;
    scene.enter_small_server(server::Shared {
        sends: Some(LITTLE),
        rules: Arc::new(Interrupts { leaf }),
        ..server::Shared::default()
    })
}

#[given("a server that takes little at a time")]
fn takes_little(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_small_server(server::Shared {
        max_message: Some(LITTLE as u64),
        ..server::Shared::default()
    })
}

#[given("the server wants to add a value that does not fit into a message")]
async fn wants_large(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().wants(Act::Add(put(uri, &large()))).await
}

#[given("a client to which the server has added a large value")]
async fn has_large(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.dm_clear().await?;
    let uri = scene.dm_node()?;
    scene.wants(Act::Add(put(uri, &large()))).await?;
    let since = scene.dm_events()?;
    scene.dm_session().await?;
    match scene.dm_code(since)? {
        Some(200) => Ok(()),
        code => {
            let code = code.map_or("nothing".to_owned(), |code| code.to_string());
            let why = format!("the client does not have the large value to begin with: {code}");
            Err(scene.inconclusive(why))
        }
    }
}

#[when("the server reads the large value")]
async fn reads_large(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await
}

#[then("the client takes each part of it")]
fn takes_parts(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_dm_client(|session| Client::TakesParts {
        session,
        uri,
        open: TOO_LARGE.to_vec(),
    })
}

#[then("the client closes no package while the server's is open")]
fn holds_open(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::HoldsOpen { session })
}

#[then("the client says that the value has no end")]
fn told_interrupted(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Interrupted { session })
}

#[then("the client confirms that it has added all of it")]
fn told_all(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world
        .scene()
        .check_told_or("Add", Some(uri), &[200], &TOO_LARGE)
}

#[then("the client says that it is not as much as that")]
fn told_sizes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if !scene.dm.exaggerated.load(Ordering::Relaxed) {
        let why = "the messages that the client takes have no room for a part of the value beside the header and \
                   the statuses, so that no size was said";
        return Err(scene.inconclusive(why));
    }
    let uri = scene.dm_node()?;
    scene.check_told_or("Add", Some(uri), &[424], &TOO_LARGE)
}

#[then("the server reads all of it")]
async fn shows_all(world: &mut World) -> Result<(), Halted> {
    reads_large(world).await?;
    shows_large(world)
}

#[then("the server gets all of it")]
fn shows_large(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_dm_client(|session| Client::Shows {
        session,
        uri,
        value: Some(large()),
    })
}

#[then("no message of the client is larger than the server takes")]
fn fits(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Fits {
        session,
        size: LITTLE,
    })
}

#[when("the server copies the value")]
async fn copies(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (from, to) = (scene.dm_node()?, scene.dm_other_node()?);
    scene.wants(Act::Copy { from, to }).await?;
    scene.dm_session().await
}

/// What a client says of a value that cannot be copied, where there is no room, or no right.
const REFUSING: [u16; 3] = [403, 420, 425];

#[then("the client confirms the copy, or has no copies")]
fn told_copy(world: &mut World) -> Result<(), Halted> {
    told_copy_of(world.scene())
}

fn told_copy_of(scene: &mut Scene) -> Result<(), Halted> {
    let to = scene.dm_other_node()?;
    scene.check_offered("Copy", to, &REFUSING)
}

#[then("the server reads the copy")]
async fn shows_copy(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if scene
        .dm_code(0)?
        .is_some_and(|code| LACKING.contains(&code) || REFUSING.contains(&code))
    {
        // Nothing can be there.
        return told_copy_of(scene);
    }
    let uri = scene.dm_other_node()?;
    scene.wants(Act::Get { uri: uri.clone() }).await?;
    scene.dm_session().await?;
    scene.check_dm_client(|session| Client::Shows {
        session,
        uri,
        value: Some(VALUE.to_owned()),
    })
}

fn start(uri: String) -> Act {
    Act::Exec {
        uri,
        correlator: None,
        data: None,
    }
}

#[given("the server wants to start something that is not there")]
async fn wants_nothing_started(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_nowhere()?;
    world.scene().wants(start(uri)).await
}

#[given("the server wants to start a value")]
async fn wants_value_started(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().wants(start(uri)).await
}

#[then("the client says that it is not there, or that it starts nothing")]
fn told_nothing_started(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_nowhere()?;
    world
        .scene()
        .check_told("Exec", Some(uri), &[404, 405, 406, 425, 501])
}

#[then("the client says that it cannot be started")]
fn told_not_started(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world
        .scene()
        .check_told("Exec", Some(uri), &[405, 406, 425, 501])
}

#[when("the server asks for all that is where it may add")]
async fn lists(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_list()?;
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await
}

#[then("the client answers it, or has no lists")]
fn told_list(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_list()?;
    world.scene().check_offered("Get", uri, &[])
}

#[then("the value is in the list")]
fn listed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (list, uri) = (scene.dm_list()?, scene.dm_node()?);
    if scene
        .dm_code(0)?
        .is_some_and(|code| LACKING.contains(&code))
    {
        // Nothing can be in it.
        return scene.check_offered("Get", list, &[]);
    }
    scene.check_dm_client(|session| Client::Lists {
        session,
        list,
        uri,
        value: VALUE.to_owned(),
    })
}

impl Scene {
    pub(super) fn dm_list(&mut self) -> Result<String, Halted> {
        match self.dm_client()?.area {
            Some(area) => Ok(format!("{}?list=StructData", area.trim_end_matches('/'))),
            None => {
                let why = "the server may change nothing: the profile has no dm.client.area";
                Err(self.inconclusive(why))
            }
        }
    }
}
