//! A client that is judged, and its server, which the tester plays.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::upper::{Act, Event, Operation, Put, Value};
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
        let server = self
            .stage
            .enter(name, role, Arc::new(server::Shared::default()));
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

#[then("the client says that it cannot be removed")]
fn told_permanent(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().check_told("Delete", Some(uri), &[405])
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
