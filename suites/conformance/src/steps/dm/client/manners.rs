//! What a client makes of what is out of the way: nodes without a parent, commands that there are not, parts of its
//! tree that it is to give as documents, and servers that believe it for one message at a time.

use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_dm::document::{Content, Element};
use twinproof_dm::server::rules::decide::{Rules, Standard};
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{Data, StatusCode};
use twinproof_dm::tree::tnds::Tnds;
use twinproof_dm::upper::{Act, Event, Put, Value};
use twinproof_dm::{Encoding, Limits, media, wbxml, xml};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::{Check as Dm, Session, either, manners};
use twinproof_stage::Halted;

use super::tree::{OTHER, VALUE};
use super::{interior, put};
use crate::world::{Scene, World};

/// Believes the client for the message that shows who it is, and no longer.
struct ForOnce;

impl Rules for ForOnce {
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        match Standard.believes(facts) {
            StatusCode::AUTHENTICATED => StatusCode::OK,
            code => code,
        }
    }
}

#[given("a server that believes the client for one message at a time")]
fn for_once(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server_with(Arc::new(ForOnce), |_, _| {})?;
    scene.dm.served = Some(served);
    Ok(())
}

#[then("the client shows who it is with each message")]
fn proven_each(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let session = scene.dm_last_session()?;
    let check = either::Check::ProvenEach { session };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}

/// A command of SyncML that DM does not have, and the one that goes in its clothes.
const PUT: &str = "Put";
const WORN: &str = "Replace";

/// Says of what is to be replaced that it is to be put.
struct Puts;

impl Rules for Puts {
    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        let encoding = match octets.starts_with(b"<") {
            true => Encoding::Xml,
            false => Encoding::Wbxml,
        };
        let Ok(mut root) = encoding.read(&octets, &Limits::default()) else {
            return octets;
        };
        rename(&mut root);
        let written = encoding.write(&root, &wbxml::Form::default());
        written.unwrap_or(octets)
    }
}

fn rename(element: &mut Element) {
    if element.name == WORN {
        element.name = PUT.into();
    }
    for content in &mut element.content {
        if let Content::Element(child) = content {
            rename(child);
        }
    }
}

#[given("the server wants something for which there is no command")]
async fn wants_put(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let served = scene.enter_dm_server_with(Arc::new(Puts), |_, _| {})?;
    scene.dm.served = Some(served);
    let uri = scene.dm_nowhere()?;
    scene.wants(Act::Replace(put(uri, OTHER))).await
}

#[then("the client does not confirm it")]
fn unconfirmed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let session = scene.dm_last_session()?;
    let check = manners::Check::Unconfirmed { session };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}

#[given("the server wants to add a value below a node that is not there")]
async fn wants_orphan(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = format!("{}/T", scene.dm_node()?);
    scene.wants(Act::Add(put(uri, VALUE))).await
}

#[then("both are there, or nothing is")]
async fn whole(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let added = scene.dm_last_session()?;
    let above = scene.dm_node()?;
    let uri = format!("{above}/T");
    for uri in [above.clone(), uri.clone()] {
        scene.wants(Act::Get { uri }).await?;
    }
    scene.dm_session().await?;
    let check = manners::Check::Whole {
        added,
        session: scene.dm_last_session()?,
        above,
        uri,
        value: VALUE.to_owned(),
    };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}

#[given("the server wants to add a number that is none below a node that is not there")]
async fn wants_bad_orphan(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = format!("{}/T", scene.dm_node()?);
    let number = Put {
        format: Some("int".to_owned()),
        ..put(uri, "no number")
    };
    scene.wants(Act::Add(number)).await
}

/// No text asks a client to look into numbers.
#[then("the client refuses the number")]
fn told_number(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = format!("{}/T", scene.dm_node()?);
    let refusals: Vec<u16> = (400..600).collect();
    scene.check_told_or("Add", Some(uri), &refusals, &[200])?;
    match scene.dm_code(0)? {
        Some(200) => Err(scene.inconclusive("the client takes any text for a number")),
        _ => Ok(()),
    }
}

/// What was added at addresses that are longer than the client can take.
#[derive(Default)]
pub(in crate::steps::dm) struct Longer {
    /// The session in which it said what it can take.
    asked: Option<Session>,
    tried: Vec<String>,
}

/// No name is tried that is longer: it has to fit into a message.
const LONGEST: usize = 1_500;

/// By how much an address is too long, so that nobody takes it for one that fits.
const TOO_LONG_BY: usize = 8;

#[given("the server wants to know how long addresses may be")]
async fn wants_limits(world: &mut World) -> Result<(), Halted> {
    for uri in manners::LIMITS {
        let uri = uri.to_owned();
        world.scene().wants(Act::Get { uri }).await?;
    }
    Ok(())
}

impl Scene {
    /// What the server read last at an address, as a number; none if it is zero, or no number.
    fn dm_limit(&mut self, uri: &str) -> Result<Option<usize>, Halted> {
        let server = self.dm_served()?.server.clone();
        let wanted = uri.trim_start_matches("./");
        let read = self.stage.look(&server, |server| {
            let mut events = server.events().iter().rev();
            events.find_map(|event| match event {
                Event::Did { outcome, .. } => {
                    let mut read = outcome.results.iter();
                    let read = read.find(|read| read.uri.trim_start_matches("./") == wanted)?;
                    read.value.clone()
                }
                _ => None,
            })
        });
        let text = match read {
            Some(Value::Text(text)) => text,
            Some(Value::Octets(_)) | None => return Ok(None),
        };
        Ok(text.trim().parse().ok().filter(|limit| *limit > 0))
    }
}

#[when("the server adds values at addresses that are longer")]
async fn adds_longer(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let asked = scene.dm_last_session()?;
    let node = scene.dm_node()?;
    let area = node.rsplit_once('/').map_or(".", |(area, _)| area);
    let [total, segment] = manners::LIMITS;
    let total = scene.dm_limit(total)?;
    let total = total.map(|most| (most + TOO_LONG_BY).saturating_sub(area.len() + 1));
    let segment = scene.dm_limit(segment)?.map(|most| most + 1);
    let names = [(total, "T"), (segment, "S")].into_iter();
    let names = names.filter_map(|(length, letter)| Some((length?.max(TOO_LONG_BY), letter)));
    let within = names.filter(|(length, _)| *length <= LONGEST);
    let tried: Vec<String> = within
        .map(|(length, letter)| format!("{area}/{}", letter.repeat(length)))
        .collect();
    for uri in &tried {
        scene.wants(Act::Add(put(uri.clone(), VALUE))).await?;
    }
    if !tried.is_empty() {
        scene.dm_session().await?;
    }
    scene.dm.longer = Longer {
        asked: Some(asked),
        tried,
    };
    Ok(())
}

#[then("the client says that they are too long")]
fn told_longer(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let session = scene.dm_last_session()?;
    let Longer { asked, tried } = std::mem::take(&mut scene.dm.longer);
    let Some(asked) = asked else {
        return Err(scene.inconclusive("the client was not asked how long addresses may be"));
    };
    let check = manners::Check::TooLong {
        asked,
        session,
        tried,
    };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}

/// A format that there is not.
const FORMAT: &str = "twinproof";

#[given("the server wants to add a value of a format that there is not")]
async fn wants_unknown_format(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    let value = Put {
        format: Some(FORMAT.to_owned()),
        ..put(uri, VALUE)
    };
    scene.wants(Act::Add(value)).await
}

#[then("the client says that it does not know the format")]
fn told_format(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let check = manners::Check::UnknownFormat {
        session: scene.dm_last_session()?,
        uri: scene.dm_node()?,
    };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}

/// The leaves of the part of a tree that is given as a document, and their values.
const LEAVES: [(&str, &str); 2] = [("a", VALUE), ("b", OTHER)];

#[given("a client to which the server has added two values below a node")]
async fn has_part(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.dm_clear().await?;
    let node = scene.dm_node()?;
    scene.sets_up(0, vec![interior(&node)]).await?;
    let leaves = LEAVES.map(|(name, text)| Act::Add(put(format!("{node}/{name}"), text)));
    scene.sets_up(0, leaves.to_vec()).await
}

impl Scene {
    fn dm_document(&mut self) -> Result<String, Halted> {
        Ok(format!("{}?list=TNDS", self.dm_node()?))
    }

    /// The document that the server was given last.
    fn dm_given(&mut self) -> Result<Option<String>, Halted> {
        let server = self.dm_served()?.server.clone();
        let given = self.stage.look(&server, |server| {
            let mut events = server.events().iter().rev();
            events.find_map(|event| match event {
                Event::Did { outcome, .. } => outcome.results.last().cloned(),
                _ => None,
            })
        });
        let octets = given.and_then(|given| match given.value? {
            Value::Octets(octets) => Some(octets),
            Value::Text(text) => Some(text.into_bytes()),
        });
        Ok(octets.and_then(|octets| {
            let tree = Tnds::from_data(&Data::Octets(octets), &Limits::default());
            xml::fragment(&tree.ok()?.to_element()).ok()
        }))
    }
}

#[when("the server asks for the node as a document")]
async fn asks_for_document(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_document()?;
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await
}

#[then("the client gives it with both values")]
fn exported(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let check = manners::Check::Exported {
        session: scene.dm_last_session()?,
        list: scene.dm_document()?,
        values: LEAVES
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .to_vec(),
    };
    scene.check(&Check::Dm(Dm::from(check)));
    Ok(())
}

#[when("the server removes the node, and adds the document that it was given")]
async fn puts_back(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let Some(text) = scene.dm_given()? else {
        return Err(scene.inconclusive("the client gave no document that can be read"));
    };
    let uri = scene.dm_node()?;
    let gone = Act::Delete { uri: uri.clone() };
    // In one session, what comes first is for the client to say.
    scene.sets_up(0, vec![gone]).await?;
    let document = Put {
        uri,
        format: Some("xml".to_owned()),
        media_type: Some(media::TNDS_XML.to_owned()),
        value: Some(Value::Text(text)),
    };
    scene.wants(Act::Add(document)).await?;
    scene.dm_session().await
}
