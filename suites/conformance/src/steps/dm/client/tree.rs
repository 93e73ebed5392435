//! What a client does with its tree.

use cucumber::{given, then, when};
use twinproof_dm::media;
use twinproof_dm::upper::{Act, Put, Value};
use twinproof_judge::checks::dm::client::{Check as Client, INFORMATION};
use twinproof_stage::Halted;

use super::features::INBOX;
use super::{interior, property, put};
use crate::world::{Scene, World};

/// A value that is added.
pub(super) const VALUE: &str = "as it was";

/// A value that it is replaced by.
pub(super) const OTHER: &str = "as it is";

/// What a device says that has no room left.
const FULL: u16 = 420;

/// What a client says that lacks an optional feature, such as objects in parts.
const LACKS: u16 = 406;

#[given("a client that has nothing where the server may add")]
async fn has_nothing(world: &mut World) -> Result<(), Halted> {
    world.scene().dm_clear().await
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

#[given("the server wants to add in an Atomic that is in an Atomic")]
async fn wants_atomic_in_atomic(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    let inner = Act::Atomic(vec![Act::Add(put(uri, VALUE))]);
    scene.wants(Act::Atomic(vec![inner])).await
}

#[then("the client says that the inner one failed")]
fn told_atomic_in_atomic(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let open: &[u16] = match scene.dm_lacks_atomic()? {
        true => &[405, 406, 501],
        false => &[],
    };
    scene.check_told_or("Atomic", None, &[500], open)
}

#[then("the client says that the reading failed")]
fn told_get_in_atomic(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world.scene().check_told("Get", Some(uri), &[500])
}

#[then("nothing is read")]
fn unread(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_client()?.leaf;
    world
        .scene()
        .check_dm_client(|session| Client::Unread { session, uri })
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

#[then("each of them is what it has to be")]
fn shows_properties(world: &mut World) -> Result<(), Halted> {
    let leaf = world.scene().dm_client()?.leaf;
    for property in PROPERTIES {
        world.scene().check_dm_client(|session| Client::Property {
            session,
            uri: leaf.clone(),
            property: property.to_owned(),
        })?;
    }
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

/// An interior node that each client has, with [`INFORMATION`] below it.
const DEVICE: &str = "./DevInfo";

#[given("the server wants to read what is below a node")]
async fn wants_names(world: &mut World) -> Result<(), Halted> {
    let uri = DEVICE.to_owned();
    world.scene().wants(Act::Get { uri }).await
}

#[then("the client names what is below it")]
fn shows_names(world: &mut World) -> Result<(), Halted> {
    world.scene().check_dm_client(|session| Client::Names {
        session,
        uri: DEVICE.to_owned(),
        names: INFORMATION.map(str::to_owned).to_vec(),
    })
}

#[given("a client to which the server has added a node with nothing below it")]
async fn has_interior(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.dm_clear().await?;
    let node = scene.dm_node()?;
    scene.sets_up(0, vec![interior(&node)]).await
}

#[when("the server reads what is below that node")]
async fn reads_interior(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    reads(world.scene(), uri).await
}

#[then("the client names nothing below it")]
fn shows_no_names(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_dm_client(|session| Client::Names {
        session,
        uri,
        names: Vec::new(),
    })
}

#[given("the server wants to read what is in the inbox")]
async fn wants_inbox(world: &mut World) -> Result<(), Halted> {
    let uri = INBOX.to_owned();
    world.scene().wants(Act::Get { uri }).await
}

#[then("the client says that nobody reads it")]
fn told_inbox(world: &mut World) -> Result<(), Halted> {
    let uri = Some(INBOX.to_owned());
    // It need not have one, and who has no right to it need not be told.
    world
        .scene()
        .check_told_or("Get", uri, &[405], &[404, 406, 425])
}

#[given("the server wants to add a value")]
async fn wants_add(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().wants(Act::Add(put(uri, VALUE))).await
}

#[given("the server wants to replace the value that is there")]
async fn wants_replacement(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().wants(Act::Replace(put(uri, OTHER))).await
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
    let missing = scene.dm_other_node()?;
    let acts = vec![Act::Add(put(uri, VALUE)), Act::Replace(put(missing, OTHER))];
    scene.wants(Act::Atomic(acts)).await
}

#[given("the server wants to add two values, both or neither")]
async fn wants_two(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (one, other) = (scene.dm_node()?, scene.dm_other_node()?);
    let acts = vec![Act::Add(put(one, VALUE)), Act::Add(put(other, OTHER))];
    scene.wants(Act::Atomic(acts)).await
}

#[then("the client confirms that it has added both")]
fn told_both(world: &mut World) -> Result<(), Halted> {
    world.scene().check_told("Atomic", None, &[200])
}

#[then("the server reads both")]
async fn shows_both(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    if scene.dm_lacks_atomic()? {
        // Nothing can be there.
        return scene.check_told("Atomic", None, &[200]);
    }
    let (one, other) = (scene.dm_node()?, scene.dm_other_node()?);
    for uri in [&one, &other] {
        scene.wants(Act::Get { uri: uri.clone() }).await?;
    }
    scene.dm_session().await?;
    for (uri, text) in [(one, VALUE), (other, OTHER)] {
        scene.check_dm_client(|session| Client::Shows {
            session,
            uri,
            value: Some(text.to_owned()),
        })?;
    }
    Ok(())
}

#[given("a client to which the server has added a value")]
async fn has_value(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.dm_clear().await?;
    let uri = scene.dm_node()?;
    scene.wants(Act::Add(put(uri, VALUE))).await?;
    let since = scene.dm_events()?;
    scene.dm_session().await?;
    match scene.dm_code(since)? {
        Some(200) => Ok(()),
        code => {
            let code = code.map_or("nothing".to_owned(), |code| code.to_string());
            let why =
                format!("the client does not have the value to begin with: {code} for its Add");
            Err(scene.inconclusive(why))
        }
    }
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
    // It may be that the server may not know what is beside the value.
    world
        .scene()
        .check_told_or("Get", Some(uri), &[404], &[425])
}

#[then("the client confirms that it has added it")]
fn told_added(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    scene.check_told_or("Add", Some(uri), &[200], &[FULL])?;
    match scene.dm_code(0)? {
        Some(FULL) => Err(scene.inconclusive("the device has no room for what is added")),
        Some(LACKS) => Err(scene.inconclusive("the client has no means to take what is added")),
        _ => Ok(()),
    }
}

/// It says one thing of what it was told about the scenario's node.
fn told(world: &mut World, command: &'static str, code: u16) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told(command, Some(uri), &[code])
}

#[then("the client says that it is there already")]
fn told_twice(world: &mut World) -> Result<(), Halted> {
    told(world, "Add", 418)
}

#[then("the client confirms that it has replaced it")]
fn told_replaced(world: &mut World) -> Result<(), Halted> {
    told(world, "Replace", 200)
}

#[then("the client confirms that it has removed it")]
fn told_removed(world: &mut World) -> Result<(), Halted> {
    told(world, "Delete", 200)
}

#[then("the client says that there is nothing to replace")]
fn told_nothing(world: &mut World) -> Result<(), Halted> {
    told(world, "Replace", 404)
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

/// What was done is undone, or was never begun; what failed says why.
#[then("it says of each part what became of it")]
fn told_parts(world: &mut World) -> Result<(), Halted> {
    let (uri, missing) = (world.scene().dm_node()?, world.scene().dm_other_node()?);
    world.scene().check_told("Add", Some(uri), &[215, 216])?;
    world.scene().check_told("Replace", Some(missing), &[404])
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

#[given("the server wants to add a value and then to replace it, one after the other")]
async fn wants_sequence(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    let acts = vec![
        Act::Add(put(uri.clone(), VALUE)),
        Act::Replace(put(uri, OTHER)),
    ];
    scene.wants(Act::Sequence(acts)).await
}

#[then("the client confirms each of them")]
fn told_sequence(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().check_told("Sequence", None, &[200])?;
    for command in ["Add", "Replace"] {
        let uri = Some(uri.clone());
        world.scene().check_told(command, uri, &[200])?;
    }
    Ok(())
}

/// A server that the client need not know.
const STRANGER: &str = "org.twinproof.stranger";

#[when("the server gives its right to read the value away")]
async fn gives_away(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let own = scene.dm_client()?.account.server_id;
    let list = format!("Get={STRANGER}&Replace={own}&Delete={own}");
    let uri = scene.dm_node()?;
    scene
        .wants(Act::Replace(property(&uri, "ACL", &list)))
        .await?;
    scene.dm_session().await
}

/// The list of a leaf is for whoever may replace what is above it.
#[then("the client confirms the new rights")]
fn told_rights(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = format!("{}?prop=ACL", scene.dm_node()?);
    scene.check_told_or("Replace", Some(uri), &[200], &[425])?;
    match scene.dm_code(0)? {
        Some(425) => Err(scene.inconclusive("the server may not give rights away there")),
        _ => Ok(()),
    }
}

#[then("the server may not read the value any more")]
async fn unreadable(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    reads(scene, uri.clone()).await?;
    scene.check_told("Get", Some(uri), &[425])
}

#[when("the server gives the node another name")]
async fn renames(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (uri, other) = (scene.dm_node()?, scene.dm_other_node()?);
    let name = other.rsplit('/').next().unwrap_or_default();
    scene
        .wants(Act::Replace(property(&uri, "Name", name)))
        .await?;
    scene.dm_session().await
}

#[then("the client confirms the new name")]
fn told_name(world: &mut World) -> Result<(), Halted> {
    let uri = format!("{}?prop=Name", world.scene().dm_node()?);
    world.scene().check_told("Replace", Some(uri), &[200])
}

#[then("the value is where the new name leads")]
async fn shows_renamed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_other_node()?;
    reads(scene, uri.clone()).await?;
    scene.check_dm_client(|session| Client::Shows {
        session,
        uri,
        value: Some(VALUE.to_owned()),
    })
}

/// A document for two leaves below a node, the second with this format.
pub(super) fn document(uri: String, format: &str) -> Put {
    let leaf = |name: &str, format: &str, value: &str| {
        format!(
            "<Node><NodeName>{name}</NodeName><RTProperties><Format><{format}/></Format>\
             <Type><MIME>text/plain</MIME></Type></RTProperties><Value>{value}</Value></Node>"
        )
    };
    let tree = format!(
        "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName></NodeName>\
         <RTProperties><Format><node/></Format><Type><DDFName></DDFName></Type></RTProperties>{}{}</Node></MgmtTree>",
        leaf("a", "chr", VALUE),
        leaf("b", format, OTHER)
    );
    Put {
        uri,
        format: Some("xml".to_owned()),
        media_type: Some(media::TNDS_XML.to_owned()),
        value: Some(Value::Text(tree)),
    }
}

#[given("the server wants to add two values below a node as one document")]
async fn wants_document(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().wants(Act::Add(document(uri, "chr"))).await
}

#[given("the server wants to add a document with a number that is none")]
async fn wants_bad_document(world: &mut World) -> Result<(), Halted> {
    let uri = world.scene().dm_node()?;
    world.scene().wants(Act::Add(document(uri, "int"))).await
}

#[then("the server reads both below the node")]
async fn shows_document(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let node = scene.dm_node()?;
    let values = [("a", VALUE), ("b", OTHER)].map(|(name, text)| (format!("{node}/{name}"), text));
    for (uri, _) in &values {
        scene.wants(Act::Get { uri: uri.clone() }).await?;
    }
    scene.dm_session().await?;
    for (uri, text) in values {
        scene.check_dm_client(|session| Client::Shows {
            session,
            uri,
            value: Some(text.to_owned()),
        })?;
    }
    Ok(())
}

/// No text asks a client to look into numbers, and whoever takes no documents has not looked into this one.
#[then("the client refuses the document")]
fn told_document(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.dm_node()?;
    let refusals: Vec<u16> = (400..600).filter(|code| *code != 406).collect();
    scene.check_told_or("Add", Some(uri), &refusals, &[200, 406])?;
    match scene.dm_code(0)? {
        Some(200) => Err(scene.inconclusive("the client takes any text for a number")),
        Some(406) => Err(scene.inconclusive("the client takes no documents (406)")),
        _ => Ok(()),
    }
}
