//! Servers that want to hurt, and what a client does when it has met one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cucumber::{given, then, when};
use twinproof_dm::server::Server;
use twinproof_dm::server::rules::decide::{Rules, Standard};
use twinproof_dm::server::rules::{Heard, Turn};
use twinproof_dm::syncml::{Command, Item, Message, Meta, Request};
use twinproof_dm::upper::{Act, Event};
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_stage::Halted;

use super::super::hostile::{Hurt, hurting};
use crate::world::{Scene, World};

/// What a server has said that wants to hurt, and how often it says it.
#[derive(Clone)]
pub(super) struct Said {
    count: Arc<AtomicUsize>,
    times: usize,
}

impl Said {
    fn new(times: usize) -> Self {
        Self {
            count: Arc::default(),
            times,
        }
    }

    /// Whether it is said once more.
    fn again(&self) -> bool {
        self.count.fetch_add(1, Ordering::SeqCst) < self.times
    }

    /// Whether nothing of it is left.
    fn is_last(&self) -> bool {
        self.count.load(Ordering::SeqCst) == self.times
    }

    /// Whether all of it was said.
    fn all(&self) -> bool {
        self.count.load(Ordering::SeqCst) >= self.times
    }
}

/// Its messages hurt.
struct Hurts(Hurt, Said);

impl Rules for Hurts {
    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        self.1.again();
        hurting(self.0, octets)
    }
}

/// Whatever a client says, it is asked for more.
struct Asks(Said);

impl Rules for Asks {
    fn turn(&self, heard: Heard) -> Turn {
        match self.0.again() && !self.0.is_last() {
            true => Turn::NextMessage,
            false => Standard.turn(heard),
        }
    }
}

/// Each message has another part of one value, and none the last.
struct Parts(String, Said);

/// What it says that the value has, octets.
const WHOLE: u64 = 500_000;

impl Rules for Parts {
    fn says(&self, message: Message) -> Message {
        let believes = |c: &Command| matches!(c, Command::Status(s) if s.cmd_ref == "0" && s.code.is_success());
        if !message.commands.iter().any(believes) {
            return message;
        }
        let begins = self.1.count.load(Ordering::SeqCst) == 0;
        if !self.1.again() || self.1.is_last() {
            return message;
        }
        let mut message = message;
        let status = |command: &Command| matches!(command, Command::Status(_));
        message.commands.retain(status);
        let mut item = Item::at(self.0.clone()).with_text("part of something, ".repeat(10));
        item.more_data = true;
        item.meta = begins.then(|| Meta {
            size: Some(WHOLE),
            ..Meta::default()
        });
        let number = message.commands.len() + 1;
        let add = Request::new(number.to_string(), item);
        message.commands.push(Command::Add(add));
        message.is_final = false;
        message
    }
}

impl Scene {
    fn enter_hostile(&mut self, rules: Arc<dyn Rules>, said: Said) -> Result<(), Halted> {
        let mut served = self.enter_dm_server_with(rules, |_, _| {})?;
        served.hostile = Some(said);
        self.dm.served = Some(served);
        Ok(())
    }

    fn enter_hurting(&mut self, hurt: Hurt) -> Result<(), Halted> {
        let said = Said::new(1);
        self.enter_hostile(Arc::new(Hurts(hurt, said.clone())), said)
    }
}

#[given("a server whose messages grow while they are read")]
fn grows(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting(Hurt::Grows)
}

#[given("a server whose messages are nested without measure")]
fn deep(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting(Hurt::Deep)
}

#[given("a server whose messages are very large")]
fn large(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting(Hurt::Large)
}

#[given("a server whose messages are broken")]
fn broken(world: &mut World) -> Result<(), Halted> {
    world.scene().enter_hurting(Hurt::Broken)
}

/// How often a client is asked for its next message: no client has so much to say.
const ASKED: usize = 60;

/// Who is asked no more comes once more.
const LAST: usize = 1;

#[given("a server that asks for the next message again and again")]
fn asks(world: &mut World) -> Result<(), Halted> {
    let said = Said::new(ASKED + LAST);
    world
        .scene()
        .enter_hostile(Arc::new(Asks(said.clone())), said)
}

/// How many parts of a value come.
const PARTS: usize = 20;

#[given("a server that adds a value without an end")]
fn parts(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    let said = Said::new(PARTS + LAST);
    scene.enter_hostile(Arc::new(Parts(uri, said.clone())), said)
}

#[when("the client meets it")]
async fn meets(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let client = scene.dm_client()?;
    let after = scene.stage.recorded();
    scene.stage.start_dm(&client.account.server_id).await?;
    let served = scene.dm_served()?;
    let (server, hostile) = (served.server.clone(), served.hostile.clone());
    let all = move |_: &_| hostile.as_ref().is_none_or(Said::all);
    let what = "the server has said it";
    let patience = client.patience.duration();
    scene.stage.wait_for(&server, what, patience, all).await;
    // A client may end early what it does not want to hear.
    if scene.stage.recorded() == after {
        let why = "the client began no session in time (dm.client.patience)";
        return Err(scene.inconclusive(why));
    }
    Ok(())
}

/// How often a client is told, which may still have to do with the server before.
const TOLD: usize = 2;

#[when("the client is to begin a session with a server that behaves")]
async fn meets_another(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_client()?.leaf;
    meets_one_that_reads(scene, uri).await
}

#[when("a server that behaves looks for it")]
async fn looks_for_it(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    meets_one_that_reads(scene, uri).await
}

async fn meets_one_that_reads(scene: &mut Scene, uri: String) -> Result<(), Halted> {
    let client = scene.dm_client()?;
    let before = scene.dm_served()?.server.clone();
    let old = scene.stage.look(&before, |server| sessions(server, true));
    let mut served = scene.enter_dm_server(|_, _| {})?;
    served.session.after = scene.stage.recorded();
    let server = served.server.clone();
    scene.dm.served = Some(served);
    scene.wants(Act::Get { uri }).await?;
    for _ in 0..TOLD {
        scene.stage.start_dm(&client.account.server_id).await?;
        let patience = client.patience.duration();
        let old = old.clone();
        // What is left of the session before comes to this server, too.
        let ended = move |server: &Server| !sessions(server, false).is_subset(&old);
        let what = "another session has ended";
        if scene.stage.wait_for(&server, what, patience, ended).await {
            break;
        }
    }
    Ok(())
}

/// The numbers of the sessions that began, or of those that ended.
fn sessions(server: &Server, begun: bool) -> BTreeSet<String> {
    let numbers = server.events().iter().filter_map(|event| match event {
        Event::Started { session, .. } if begun => Some(session.clone()),
        Event::Ended { session, .. } if !begun => Some(session.clone()),
        _ => None,
    });
    numbers.collect()
}

#[then("the client begins one")]
fn lives_on(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let told = scene.stage.starts_dm();
    scene.check_dm_client(|session| Client::LivesOn { session, told })
}
