//! A client that is judged, and its server, which the tester plays.

use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_dm::push::{self, Initiator};
use twinproof_dm::server::rules::decide::{Rules, Standard};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::syncml::Message;
use twinproof_dm::upper::{Act, Answer, Event, Operation, Put, Value};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_judge::profile;
use twinproof_stage::{Halted, Handle};

use crate::target::dm_server;
use crate::world::{Scene, World};

/// The server that the tester plays.
pub(super) struct Served {
    server: Handle<Server>,
    /// How many sessions were to be begun.
    sessions: usize,
    /// The last session.
    session: Session,
}

/// A value that is added.
const VALUE: &str = "as it was";

/// A value that it is replaced by.
const OTHER: &str = "as it is";

impl Scene {
    fn dm_client(&mut self) -> Result<profile::DmClient, Halted> {
        let section = self.profile.profile.dm.as_ref();
        match section.and_then(|section| section.client.clone()) {
            Some(client) => Ok(client),
            None => Err(self.inconclusive("the profile has no [dm.client] section")),
        }
    }

    /// The server, which enters when it is first spoken of.
    fn dm_served(&mut self) -> Result<&mut Served, Halted> {
        let served = match self.dm.served.take() {
            Some(served) => served,
            None => self.enter_dm_server(|_, _| {})?,
        };
        Ok(self.dm.served.insert(served))
    }

    /// Lets the server enter, with what it knows of the client and shows of itself.
    fn enter_dm_server(
        &mut self,
        change: impl FnOnce(&mut Option<Proof>, &mut Option<Proof>),
    ) -> Result<Served, Halted> {
        self.enter_dm_server_with(Arc::new(Standard), change)
    }

    /// The same, and it decides by these rules.
    fn enter_dm_server_with(
        &mut self,
        rules: Arc<dyn Rules>,
        change: impl FnOnce(&mut Option<Proof>, &mut Option<Proof>),
    ) -> Result<Served, Halted> {
        let client = self.dm_client()?;
        let name = dm_server(&self.profile.profile);
        let account = &client.account;
        let (mut known, mut shown) = (account.proof_of_device(), account.proof_of_server());
        change(&mut known, &mut shown);
        let enrolment = Enrolment {
            device: account.device.clone(),
            client: known,
            server: shown,
        };
        let url = client.server.unwrap_or_default();
        let id = account.server_id.as_str();
        let role = Server::new(id, &url, self.seed.derive(name), vec![enrolment]);
        let shared = server::Shared {
            rules,
            ..server::Shared::default()
        };
        let server = self.stage.enter(name, role, Arc::new(shared));
        Ok(Served {
            server,
            sessions: 0,
            session: Session {
                party: name.to_owned(),
                after: 0,
                upto: None,
            },
        })
    }

    /// Lets the server want something in the client's next session.
    async fn wants(&mut self, act: Act) -> Result<(), Halted> {
        let device = self.dm_client()?.account.device;
        let server = self.dm_served()?.server.clone();
        let plan = Operation::Plan { device, act };
        self.stage.act(&server, plan).await?;
        Ok(())
    }

    /// Has the client begin a session, and waits for its end.
    async fn dm_session(&mut self) -> Result<(), Halted> {
        let client = self.dm_client()?;
        let after = self.stage.recorded();
        let served = self.dm_served()?;
        served.sessions += 1;
        served.session.after = after;
        let (server, sessions) = (served.server.clone(), served.sessions);
        self.stage.start_dm(&client.account.server_id).await?;
        let ended = move |server: &Server| {
            let ends = server.events().iter();
            ends.filter(|e| matches!(e, Event::Ended { .. })).count() >= sessions
        };
        let (what, patience) = ("the session has ended", client.patience.duration());
        let came = self.stage.wait_for(&server, what, patience, ended).await;
        if !came && self.stage.recorded() == after {
            let why = "the client began no session in time (dm.client.patience)";
            return Err(self.inconclusive(why));
        }
        Ok(())
    }

    /// A node that is not there, below the area of the server.
    fn dm_node(&mut self) -> Result<String, Halted> {
        match self.dm_client()?.area {
            Some(area) => {
                let number = self.seed.derive("node").rng().u32(..);
                Ok(format!("{}/T{number:08X}", area.trim_end_matches('/')))
            }
            None => {
                let why = "the server may change nothing: the profile has no dm.client.area";
                Err(self.inconclusive(why))
            }
        }
    }

    /// A node that is not there, beside the leaf that is.
    fn dm_nowhere(&mut self) -> Result<String, Halted> {
        let leaf = self.dm_client()?.leaf;
        let above = leaf.rsplit_once('/').map_or(".", |(above, _)| above);
        Ok(format!("{above}/TwinproofNowhere"))
    }

    fn check_dm_client(&mut self, check: impl FnOnce(Session) -> Client) -> Result<(), Halted> {
        let upto = Some(self.stage.recorded());
        let session = Session {
            upto,
            ..self.dm_served()?.session.clone()
        };
        self.check(&Check::Dm(Dm::from(check(session))));
        Ok(())
    }

    fn check_told(
        &mut self,
        command: &str,
        uri: Option<String>,
        codes: &[u16],
    ) -> Result<(), Halted> {
        self.check_dm_client(|session| Client::Told {
            session,
            command: command.to_owned(),
            uri,
            codes: codes.to_vec(),
        })
    }
}

/// Says where the next message is to go.
struct Elsewhere(String);

impl Rules for Elsewhere {
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        message.header.resp_uri = Some(self.0.clone());
        message
    }
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

/// The number of a session that is announced.
const GOOD: u16 = 0xBEA;

/// The number of one whose announcement has a digest that is wrong.
const FORGED: u16 = 0xBAD;

fn number(session: u16) -> String {
    format!("{session:X}")
}

impl Scene {
    /// Pushes triggers of these sessions to the client, and waits for what follows the last.
    async fn push(&mut self, triggers: &[u16], begins: usize) -> Result<(), Halted> {
        let client = self.dm_client()?;
        let Some(url) = client.push.clone() else {
            let why = "nobody can notify the client: the profile has no dm.client.push";
            return Err(self.inconclusive(why));
        };
        let after = self.stage.recorded();
        let served = self.dm_served()?;
        served.sessions += begins;
        served.session.after = after;
        let (server, sessions) = (served.server.clone(), served.sessions);
        let initiator = self.stage.enter("push", Initiator::default(), Arc::new(()));
        for session in triggers {
            let trigger = Operation::Trigger {
                device: client.account.device.clone(),
                ui_mode: 1,
                session: *session,
            };
            let made = self.stage.act(&server, trigger).await?.answer;
            let Answer::Trigger {
                content_type,
                mut body,
            } = made
            else {
                let why = "no notification can be made: the account has no server_password";
                return Err(self.inconclusive(why));
            };
            if let (FORGED, Some(first)) = (*session, body.first_mut()) {
                *first ^= 1;
            }
            let order = push::Order {
                url: url.clone(),
                content_type,
                body,
            };
            self.stage.act(&initiator, order).await?;
        }
        let ended = move |server: &Server| {
            let ends = server.events().iter();
            ends.filter(|e| matches!(e, Event::Ended { .. })).count() >= sessions
        };
        let what = "the session that was announced has ended";
        let patience = client.patience.duration();
        self.stage.wait_for(&server, what, patience, ended).await;
        Ok(())
    }
}

#[given("a client that has had a session")]
async fn has_had_one(world: &mut World) -> Result<(), Halted> {
    world.scene().dm_session().await
}

#[when("a notification is pushed to the client")]
async fn notified(world: &mut World) -> Result<(), Halted> {
    world.scene().push(&[GOOD], 1).await
}

#[when("a notification is pushed to the client, and once more")]
async fn notified_twice(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.push(&[GOOD, GOOD], 1).await?;
    // A second session would begin once the first has ended.
    scene.stage.rest(SECOND).await;
    Ok(())
}

/// How long a session is waited for that must not begin.
const SECOND: Duration = Duration::from_millis(500);

#[when("a forged notification is pushed to the client, and then a good one")]
async fn notified_falsely(world: &mut World) -> Result<(), Halted> {
    world.scene().push(&[FORGED, GOOD], 1).await
}

#[then("the client begins the session that was announced")]
fn announced(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Announced {
        session,
        id: number(GOOD),
        carrier: true,
    })
}

#[then("the client begins it once, by its number")]
fn announced_once(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Announced {
        session,
        id: number(GOOD),
        carrier: false,
    })
}

#[then("the client begins the session of the good one only")]
fn ignored(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Ignored {
        session,
        id: number(FORGED),
        other: number(GOOD),
    })
}

#[given("the server wants to add a value below a value")]
async fn wants_below(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = format!("{}/T", scene.dm_node()?);
    scene.wants(Act::Add(put(uri, OTHER))).await
}

#[then("the client says that nothing can be added there")]
fn told_below(world: &mut World) -> Result<(), Halted> {
    let uri = format!("{}/T", world.scene().dm_node()?);
    world.scene().check_told("Add", Some(uri), &[405])
}

#[given("the server wants to read in an Atomic")]
async fn wants_get_in_atomic(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world
        .scene()
        .wants(Act::Atomic(vec![Act::Get { uri }]))
        .await
}

#[then("the client says that the reading failed")]
fn told_get_in_atomic(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().check_told("Get", Some(uri), &[500])
}

/// The properties that each node has (DM TND 1.2).
const PROPERTIES: [&str; 4] = ["ACL", "Format", "Name", "Type"];

#[given("the server wants to read the properties that each node has")]
async fn wants_properties(world: &mut World) -> Result<(), Halted> {
    let leaf = world.scene().dm_client()?.leaf;
    for property in PROPERTIES {
        let uri = format!("{leaf}?prop={property}");
        world.scene().wants(Act::Get { uri }).await?;
    }
    Ok(())
}

#[then("the client confirms the reading of each")]
fn told_properties(world: &mut World) -> Result<(), Halted> {
    let leaf = world.scene().dm_client()?.leaf;
    for property in PROPERTIES {
        let uri = format!("{leaf}?prop={property}");
        // 217 tells the list of a node above (DM 1.3).
        world.scene().check_told("Get", Some(uri), &[200, 217])?;
    }
    Ok(())
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
    world.scene().check_told("Alert", None, &[406])
}

fn put(uri: String, text: &str) -> Put {
    Put {
        uri,
        format: Some("chr".to_owned()),
        media_type: Some("text/plain".to_owned()),
        value: Some(Value::Text(text.to_owned())),
    }
}

#[given("a server that shows the client no credentials")]
fn shows_none(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server(|_, shown| *shown = None)?;
    scene.dm.served = Some(served);
    Ok(())
}

#[given("a server that shows the client credentials that are wrong")]
fn shows_wrong(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if scene.dm_client()?.account.server_password.is_none() {
        let why = "nothing can be wrong: the account has no server_password";
        return Err(scene.inconclusive(why));
    }
    let served = scene.enter_dm_server(|_, shown| {
        if let Some(proof) = shown {
            proof.secret = b"not the password".to_vec();
        }
    })?;
    scene.dm.served = Some(served);
    Ok(())
}

#[given("a server that expects a digest of another nonce than the client knows")]
fn other_nonce(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server(|known, _| {
        if let Some(proof) = known {
            proof.nonce = b"a nonce that nobody was told".to_vec();
        }
    })?;
    scene.dm.served = Some(served);
    Ok(())
}

#[given("the server wants to read a value that is there")]
async fn wants_leaf(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().wants(Act::Get { uri }).await
}

#[given("the server wants to read a value that is not there")]
async fn wants_nowhere(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_nowhere()?;
    world.scene().wants(Act::Get { uri }).await
}

#[given("the server wants to add a value")]
async fn wants_add(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().wants(Act::Add(put(uri, VALUE))).await
}

#[given("the server wants to replace a value that is not there")]
async fn wants_replace(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().wants(Act::Replace(put(uri, OTHER))).await
}

#[given("the server wants to remove a value that is always there")]
async fn wants_removal(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().wants(Act::Delete { uri }).await
}

#[given("the server wants to add a value and to replace one that is not there, both or neither")]
async fn wants_both(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    let acts = vec![
        Act::Add(put(uri.clone(), VALUE)),
        Act::Replace(put(format!("{uri}X"), OTHER)),
    ];
    scene.wants(Act::Atomic(acts)).await
}

#[when("the client begins a session")]
async fn session(world: &mut World) -> Result<(), Halted> {
    world.scene().dm_session().await
}

#[given("a client to which the server has added a value")]
async fn has_value(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    scene.wants(Act::Add(put(uri, VALUE))).await?;
    scene.dm_session().await
}

#[when("the server adds the same once more")]
async fn adds_again(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    scene.wants(Act::Add(put(uri, OTHER))).await?;
    scene.dm_session().await
}

#[when("the server replaces the value")]
async fn replaces(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    scene.wants(Act::Replace(put(uri, OTHER))).await?;
    scene.dm_session().await
}

#[when("the server removes the value")]
async fn removes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    scene.wants(Act::Delete { uri }).await?;
    scene.dm_session().await
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

#[then("the client begins anew in the same session")]
fn began_again(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::BeganAgain { session })
}

#[then("the server accepts its credentials")]
fn proven(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_dm_client(|session| Client::Proven { session })
}

#[then("the client asks the server for credentials, and does nothing")]
fn unmoved_missing(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Unmoved {
        session,
        codes: vec![407, 401],
    })
}

#[then("the client refuses the server's credentials, and does nothing")]
fn unmoved_wrong(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Unmoved {
        session,
        codes: vec![401],
    })
}

#[then("the client confirms the reading")]
fn told_read(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().check_told("Get", Some(uri), &[200])
}

#[then("the client sends the value")]
fn shows_leaf(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().check_dm_client(|session| Client::Shows {
        session,
        uri,
        value: None,
    })
}

#[then("the value comes after the confirmation")]
fn in_order(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world
        .scene()
        .check_dm_client(|session| Client::ReadInOrder { session, uri })
}

#[then("the client says that it is not there")]
fn told_nowhere(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_nowhere()?;
    world.scene().check_told("Get", Some(uri), &[404])
}

#[then("the client confirms that it has added it")]
fn told_added(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told("Add", Some(uri), &[200])
}

#[then("the client says that it is there already")]
fn told_twice(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told("Add", Some(uri), &[418])
}

#[then("the client confirms that it has replaced it")]
fn told_replaced(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told("Replace", Some(uri), &[200])
}

#[then("the client confirms that it has removed it")]
fn told_removed(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told("Delete", Some(uri), &[200])
}

#[then("the client says that there is nothing to replace")]
fn told_nothing(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told("Replace", Some(uri), &[404])
}

/// Either because it is permanent, or because nobody gave the server the right.
#[then("the client says that it cannot be removed")]
fn told_permanent(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().check_told("Delete", Some(uri), &[405, 425])
}

#[then("the client says that both failed")]
fn told_atomic(world: &mut World) -> Result<(), Halted> {
    world.scene().check_told("Atomic", None, &[507])
}

/// Reads a node in a session of its own, so that nothing is said of what came before.
async fn reads(scene: &mut Scene, uri: String) -> Result<(), Halted> {
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await
}

async fn shows_node(scene: &mut Scene, text: &str) -> Result<(), Halted> {
    let uri = scene.dm_node()?;
    reads(scene, uri.clone()).await?;
    scene.check_dm_client(|session| Client::Shows {
        session,
        uri,
        value: Some(text.to_owned()),
    })
}

#[then("the server reads what it added")]
async fn shows_added(world: &mut World) -> Result<(), Halted> {
    shows_node(world.scene(), VALUE).await
}

#[then("the server reads what it replaced it by")]
async fn shows_replaced(world: &mut World) -> Result<(), Halted> {
    shows_node(world.scene(), OTHER).await
}

#[then("nothing is there")]
async fn nothing_there(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    reads(scene, uri.clone()).await?;
    scene.check_told("Get", Some(uri), &[404])
}

#[then("the value is still there")]
async fn still_there(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_client()?.leaf;
    reads(scene, uri.clone()).await?;
    scene.check_dm_client(|session| Client::Shows {
        session,
        uri,
        value: None,
    })
}
