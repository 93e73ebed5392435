//! Several servers of one client: what each may do, and what one hands over to another.

use cucumber::{given, then, when};
use twinproof_dm::upper::{Act, Event};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_judge::checks::dm::rights::{Check as Rights, Sight};
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_stage::Halted;

use super::{interior, property, put};
use crate::world::{Scene, World};

/// The servers, as scenarios count them.
pub(super) const FIRST: usize = 0;
pub(super) const SECOND: usize = 1;
const THIRD: usize = 2;
pub(super) const EACH: [usize; 2] = [FIRST, SECOND];

/// A value that is added.
const VALUE: &str = "as it was";

/// A value that it is replaced by.
const OTHER: &str = "as it is";

impl Scene {
    /// From now on steps are about this server.
    pub(super) fn acts_as(&mut self, who: usize) {
        let parties = &mut self.dm;
        if who == parties.acting {
            return;
        }
        if let Some(served) = parties.served.take() {
            parties.others.insert(parties.acting, served);
        }
        parties.served = parties.others.remove(&who);
        parties.acting = who;
    }

    /// The identifier of a server.
    pub(super) fn id_of(&mut self, who: usize) -> Result<String, Halted> {
        self.acts_as(who);
        Ok(self.dm_client()?.account.server_id)
    }

    /// Has a server want this, each in a session of its own; the codes that it was given.
    pub(super) async fn does(&mut self, who: usize, acts: Vec<Act>) -> Result<Vec<u16>, Halted> {
        self.acts_as(who);
        let since = self.dm_events()?;
        // In which order commands of one message are carried out is the client's own business.
        for act in acts {
            self.wants(act).await?;
            self.dm_session().await?;
        }
        let server = self.dm_served()?.server.clone();
        Ok(self.stage.look(&server, |server| {
            let events = server.events().iter().skip(since);
            let told = events.flat_map(|event| match event {
                Event::Did { outcome, .. } => outcome.statuses.as_slice(),
                _ => &[],
            });
            told.map(|told| told.code).collect()
        }))
    }

    /// The same, where the scenario begins with it.
    pub(super) async fn sets_up(&mut self, who: usize, acts: Vec<Act>) -> Result<(), Halted> {
        let codes = self.does(who, acts).await?;
        match !codes.is_empty() && codes.iter().all(|code| *code == 200) {
            true => Ok(()),
            false => {
                let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
                let got = match codes.is_empty() {
                    true => "nothing".to_owned(),
                    false => codes.join(", "),
                };
                let why = format!(
                    "the client does not let a server make what the scenario begins with: expected 200, got {got}"
                );
                Err(self.inconclusive(why))
            }
        }
    }

    /// Makes an instance that a server has for itself: a value, and two parts with a value each.
    pub(super) async fn owns(&mut self, who: usize, node: &str) -> Result<(), Halted> {
        let own = rights(&[&self.id_of(who)?]);
        let list = |list: &str| Act::Replace(property(node, "ACL", list));
        // What an earlier run may have left.
        let gone = vec![
            list(&own),
            Act::Delete {
                uri: node.to_owned(),
            },
        ];
        self.does(who, gone).await?;
        let mut acts = vec![
            interior(node),
            list(&own),
            Act::Add(put(value(node), VALUE)),
        ];
        for part in parts(node) {
            acts.push(interior(&part));
            acts.push(Act::Add(put(value(&part), VALUE)));
        }
        self.sets_up(who, acts).await
    }

    /// Where the instance of a server is.
    pub(super) fn instance(&mut self, who: usize) -> Result<String, Halted> {
        match who {
            FIRST => self.dm_node(),
            _ => self.dm_other_node(),
        }
    }

    /// The server gives an instance of the first server, or a part of it, this list of rights.
    pub(super) async fn lists(&mut self, node: &str, list: &str) -> Result<(), Halted> {
        let act = Act::Replace(property(node, "ACL", list));
        self.sets_up(FIRST, vec![act]).await
    }

    /// Has a server read a value in a session of its own, and looks whether it may.
    async fn may_read(&mut self, who: usize, node: &str, may: bool) -> Result<(), Halted> {
        self.acts_as(who);
        let uri = value(node);
        self.wants(Act::Get { uri: uri.clone() }).await?;
        self.dm_session().await?;
        match may {
            // What it reads shows that.
            true => Ok(()),
            false => self.check_told("Get", Some(uri), &[425]),
        }
    }

    pub(super) fn check_rights(
        &mut self,
        check: impl FnOnce(Session) -> Rights,
    ) -> Result<(), Halted> {
        let upto = Some(self.stage.recorded());
        let session = Session {
            upto,
            ..self.dm_served()?.session.clone()
        };
        self.check(&Check::Dm(Dm::from(check(session))));
        Ok(())
    }

    /// Looks whether the acting server reads this value at a node, in its last session.
    fn check_shows(&mut self, uri: String, text: Option<&str>) -> Result<(), Halted> {
        self.check_dm_client(|session| Client::Shows {
            session,
            uri,
            value: text.map(str::to_owned),
        })
    }
}

/// All rights for these servers.
pub(super) fn rights(servers: &[&str]) -> String {
    let who = servers.join("+");
    format!("Add={who}&Delete={who}&Get={who}&Replace={who}")
}

/// All rights for the first, and the right to read for the second.
fn rights_and_sight(first: &str, second: &str) -> String {
    format!("Add={first}&Delete={first}&Get={first}+{second}&Replace={first}")
}

pub(super) fn value(node: &str) -> String {
    format!("{node}/V")
}

fn parts(node: &str) -> [String; 2] {
    [format!("{node}/P"), format!("{node}/Q")]
}

#[when("each of two servers reads a value in a session of its own")]
async fn each_reads(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for who in EACH {
        scene.acts_as(who);
        let uri = scene.dm_client()?.leaf;
        scene.wants(Act::Get { uri }).await?;
        scene.dm_session().await?;
    }
    Ok(())
}

#[then("the client shows each of them who it is")]
fn each_believes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for who in EACH {
        scene.acts_as(who);
        scene.check_dm_client(|session| Client::Proven { session })?;
    }
    Ok(())
}

#[then("it gives each of them the value")]
fn each_told(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for who in EACH {
        scene.acts_as(who);
        let uri = scene.dm_client()?.leaf;
        scene.check_told("Get", Some(uri.clone()), &[200])?;
        scene.check_shows(uri, None)?;
    }
    Ok(())
}

#[given("a second server that shows the client the credentials of the first")]
fn borrows(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.acts_as(FIRST);
    let first = scene.dm_client()?.account.proof_of_server();
    if first.is_none() {
        return Err(scene.inconclusive("there are none: the account has no server_password"));
    }
    scene.acts_as(SECOND);
    let served = scene.enter_dm_server(|_, shown| *shown = first)?;
    scene.dm.served = Some(served);
    Ok(())
}

#[given("an instance of an object for each of two servers, which has it for itself")]
async fn each_owns(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for who in EACH {
        let node = scene.instance(who)?;
        scene.owns(who, &node).await?;
    }
    Ok(())
}

#[given("an instance that the first of several servers has for itself")]
async fn first_owns(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    // Whether there is a second one shows before anything is made.
    scene.id_of(SECOND)?;
    let node = scene.instance(FIRST)?;
    scene.owns(FIRST, &node).await
}

#[when("each of the servers changes its own")]
async fn each_changes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for who in EACH {
        let uri = value(&scene.instance(who)?);
        scene.acts_as(who);
        scene.wants(Act::Replace(put(uri, OTHER))).await?;
        scene.dm_session().await?;
    }
    Ok(())
}

#[then("the client lets each of them")]
fn each_may_change(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for who in EACH {
        let uri = value(&scene.instance(who)?);
        scene.acts_as(who);
        scene.check_told("Replace", Some(uri), &[200])?;
    }
    Ok(())
}

#[then("each of them reads what it changed")]
async fn each_reads_own(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    for who in EACH {
        let node = scene.instance(who)?;
        scene.may_read(who, &node, true).await?;
        scene.check_shows(value(&node), Some(OTHER))?;
    }
    Ok(())
}

#[when("the second server wants to read and to change that of the first")]
async fn trespasses(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = value(&scene.instance(FIRST)?);
    scene.acts_as(SECOND);
    scene.wants(Act::Get { uri: uri.clone() }).await?;
    scene.wants(Act::Replace(put(uri, OTHER))).await?;
    scene.dm_session().await
}

#[then("the client lets it do neither")]
fn neither(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = value(&scene.instance(FIRST)?);
    scene.acts_as(SECOND);
    scene.check_told("Get", Some(uri.clone()), &[425])?;
    scene.check_told("Replace", Some(uri), &[425])
}

#[then("the first server reads what it had")]
async fn first_reads(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let node = scene.instance(FIRST)?;
    scene.may_read(FIRST, &node, true).await?;
    scene.check_shows(value(&node), Some(VALUE))
}

fn list_of(area: &str) -> String {
    format!("{area}?list=Struct")
}

fn area(scene: &mut Scene) -> Result<String, Halted> {
    let node = scene.instance(FIRST)?;
    Ok(node
        .rsplit_once('/')
        .map_or(".", |(above, _)| above)
        .to_owned())
}

#[when("the first server asks for a list of all that is there")]
async fn asks_for_list(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = list_of(&area(scene)?);
    scene.acts_as(FIRST);
    scene.wants(Act::Get { uri }).await?;
    scene.dm_session().await
}

#[then("the list has its own instance, and nothing of the other one's")]
fn listed(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (own, other) = (scene.instance(FIRST)?, scene.instance(SECOND)?);
    let uri = list_of(&area(scene)?);
    scene.acts_as(FIRST);
    scene.check_rights(|session| Rights::Listed {
        session,
        uri,
        sight: Sight { own, other },
    })
}

#[when("the first server lets the second one read it")]
async fn grants(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let (first, second) = (scene.id_of(FIRST)?, scene.id_of(SECOND)?);
    let node = scene.instance(FIRST)?;
    scene.lists(&node, &rights_and_sight(&first, &second)).await
}

#[given("the first server has let the second one read it")]
async fn has_granted(world: &mut World) -> Result<(), Halted> {
    grants(world).await
}

#[when("the first server takes that back")]
async fn revokes(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let own = rights(&[&scene.id_of(FIRST)?]);
    let node = scene.instance(FIRST)?;
    scene.lists(&node, &own).await
}

#[then("the second server reads it")]
async fn second_reads(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let node = scene.instance(FIRST)?;
    scene.may_read(SECOND, &node, true).await?;
    scene.check_shows(value(&node), Some(VALUE))
}

#[then("the second server may not read it")]
async fn second_may_not(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let node = scene.instance(FIRST)?;
    scene.may_read(SECOND, &node, false).await
}

#[then("the list of rights is as it was")]
async fn as_it_was(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let own = rights(&[&scene.id_of(FIRST)?]);
    let uri = format!("{}?prop=ACL", scene.instance(FIRST)?);
    scene.acts_as(FIRST);
    scene.wants(Act::Get { uri: uri.clone() }).await?;
    scene.dm_session().await?;
    scene.check_rights(|session| Rights::SameRights {
        session,
        uri,
        list: own,
    })
}

/// A part of it: the list of the whole may be changed by whoever may replace what is above it.
#[when("the second server lets a third one read a part of it")]
async fn hands_on(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let all = [
        scene.id_of(FIRST)?,
        scene.id_of(SECOND)?,
        scene.id_of(THIRD)?,
    ];
    let list = rights(&all.each_ref().map(String::as_str));
    let [part, _] = parts(&scene.instance(FIRST)?);
    scene.acts_as(SECOND);
    scene
        .wants(Act::Replace(property(&part, "ACL", &list)))
        .await?;
    scene.dm_session().await
}

#[then("the client does not let it")]
fn may_not_hand_on(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let [part, _] = parts(&scene.instance(FIRST)?);
    let uri = format!("{part}?prop=ACL");
    scene.acts_as(SECOND);
    scene.check_told("Replace", Some(uri), &[425])
}

#[then("the third server may not read that part")]
async fn third_may_not(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let [part, _] = parts(&scene.instance(FIRST)?);
    scene.may_read(THIRD, &part, false).await
}

#[when("the first server hands a part of it to the second")]
async fn hands_part(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let list = rights(&[&scene.id_of(FIRST)?, &scene.id_of(SECOND)?]);
    let [part, _] = parts(&scene.instance(FIRST)?);
    scene.lists(&part, &list).await
}

#[then("the second server changes that part")]
async fn changes_part(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let [part, _] = parts(&scene.instance(FIRST)?);
    changes(scene, value(&part)).await
}

/// The second server changes a value, and is let.
async fn changes(scene: &mut Scene, uri: String) -> Result<(), Halted> {
    scene.acts_as(SECOND);
    scene.wants(Act::Replace(put(uri.clone(), OTHER))).await?;
    scene.dm_session().await?;
    scene.check_told("Replace", Some(uri), &[200])
}

#[then("it may not read what is beside that part, nor what is above it")]
async fn not_beside(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let node = scene.instance(FIRST)?;
    let [_, beside] = parts(&node);
    scene.may_read(SECOND, &beside, false).await?;
    scene.may_read(SECOND, &node, false).await
}

#[then("the first server reads what the second one changed")]
async fn first_reads_part(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let [part, _] = parts(&scene.instance(FIRST)?);
    scene.may_read(FIRST, &part, true).await?;
    scene.check_shows(value(&part), Some(OTHER))
}

#[when("the first server hands all of it to the second")]
async fn hands_whole(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let list = rights(&[&scene.id_of(SECOND)?]);
    let node = scene.instance(FIRST)?;
    scene.lists(&node, &list).await
}

#[then("the second server changes, adds and removes in it what it likes")]
async fn changes_whole(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let node = scene.instance(FIRST)?;
    let [part, other] = parts(&node);
    let added = format!("{node}/A");
    scene.acts_as(SECOND);
    scene.wants(Act::Replace(put(value(&node), OTHER))).await?;
    scene.wants(Act::Replace(put(value(&part), OTHER))).await?;
    scene.wants(Act::Add(put(added.clone(), VALUE))).await?;
    scene.wants(Act::Delete { uri: other.clone() }).await?;
    scene.dm_session().await?;
    scene.check_told("Replace", Some(value(&node)), &[200])?;
    scene.check_told("Replace", Some(value(&part)), &[200])?;
    scene.check_told("Add", Some(added), &[200])?;
    scene.check_told("Delete", Some(other), &[200])
}

/// Either because it is permanent, or because nobody gave the server the right.
#[then("what never was the first one's it may not remove")]
async fn not_the_rest(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.acts_as(SECOND);
    let uri = scene.dm_client()?.leaf;
    scene.wants(Act::Delete { uri: uri.clone() }).await?;
    scene.dm_session().await?;
    scene.check_told("Delete", Some(uri), &[405, 425])
}

/// The example of the text about lists of rights (DM TND 1.2), at a place where the server may add.
#[given("three servers, and nodes with the lists of the example that the text gives")]
async fn example(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let [a, b, c] = [
        scene.id_of(FIRST)?,
        scene.id_of(SECOND)?,
        scene.id_of(THIRD)?,
    ];
    let top = scene.instance(FIRST)?;
    let at = |name: &str| format!("{top}/{name}");
    let list = |uri: &str, list: &str| Act::Replace(property(uri, "ACL", list));
    let gone = vec![list(&top, &rights(&[&a])), Act::Delete { uri: top.clone() }];
    scene.does(FIRST, gone).await?;
    let acts = vec![
        interior(&top),
        interior(&at("NodeA")),
        Act::Add(put(at("NodeA/Node1"), VALUE)),
        interior(&at("NodeB")),
        Act::Add(put(at("NodeB/Node2"), VALUE)),
        interior(&at("NodeB/Node3")),
        Act::Add(put(at("NodeB/Node3/Node4"), VALUE)),
        Act::Add(put(at("NodeB/Node3/Node5"), VALUE)),
        // From the leaves up, so that each may still be given.
        list(
            &at("NodeB/Node3/Node5"),
            &format!("Get={a}+{b}&Replace={a}"),
        ),
        list(
            &at("NodeB/Node3"),
            &format!("Get={b}&Replace={b}&Delete={b}"),
        ),
        list(&at("NodeB"), &format!("Get={a}&Replace={a}")),
        list(&at("NodeA/Node1"), "Get=*"),
        list(&at("NodeA"), &format!("Get={c}&Replace={c}")),
        list(&top, "Add=*&Get=*"),
    ];
    scene.sets_up(FIRST, acts).await
}

/// What each of the three servers tries, and the code that it has to get for it.
fn tries(top: &str, who: usize) -> Vec<(Act, &'static str, String, u16)> {
    let get = |name: &str, code| {
        let uri = format!("{top}/{name}");
        (Act::Get { uri: uri.clone() }, "Get", uri, code)
    };
    let change = |name: &str, code| {
        let uri = format!("{top}/{name}");
        (Act::Replace(put(uri.clone(), OTHER)), "Replace", uri, code)
    };
    let list = |code| {
        let act = property(&format!("{top}/NodeA/Node1"), "ACL", "Get=*");
        let uri = act.uri.clone();
        (Act::Replace(act), "Replace", uri, code)
    };
    // Only who may replace what is above a value may change its list.
    let of_all = vec![get("NodeA/Node1", 200), change("NodeA/Node1", 425)];
    let own = match who {
        FIRST => vec![
            list(425),
            get("NodeB/Node2", 200),
            get("NodeB/Node3/Node4", 425),
            change("NodeB/Node3/Node5", 200),
        ],
        SECOND => vec![
            list(425),
            get("NodeB/Node2", 425),
            get("NodeB/Node3/Node4", 200),
            get("NodeB/Node3/Node5", 200),
            change("NodeB/Node3/Node5", 425),
        ],
        _ => vec![
            get("NodeB/Node2", 425),
            get("NodeB/Node3/Node5", 425),
            list(200),
        ],
    };
    of_all.into_iter().chain(own).collect()
}

#[when("each of the three tries what the example speaks of")]
async fn tries_all(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let top = scene.instance(FIRST)?;
    for who in [FIRST, SECOND, THIRD] {
        scene.acts_as(who);
        for (act, ..) in tries(&top, who) {
            scene.wants(act).await?;
        }
        scene.dm_session().await?;
    }
    Ok(())
}

#[then("the client lets each do what the example says, and no more")]
fn as_the_example(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let top = scene.instance(FIRST)?;
    for who in [FIRST, SECOND, THIRD] {
        scene.acts_as(who);
        for (_, command, uri, code) in tries(&top, who) {
            scene.check_told(command, Some(uri), &[code])?;
        }
    }
    Ok(())
}
