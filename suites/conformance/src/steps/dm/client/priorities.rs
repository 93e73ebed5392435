//! Two servers that may change the same, and which of them goes first.

use cucumber::{given, then, when};
use twinproof_dm::upper::Act;
use twinproof_judge::checks::dm::Session;
use twinproof_judge::checks::dm::rights::Check as Rights;
use twinproof_stage::Halted;

use super::authorities::{EACH, FIRST, SECOND, rights, value};
use super::{property, put};
use crate::world::{Scene, World};

/// Which of two servers goes first, and what they did.
pub(in crate::steps::dm) struct Order {
    higher: usize,
    /// The session in which the one changed the value that goes first.
    changed: Option<Session>,
}

impl Scene {
    fn rank_of(&mut self, who: usize) -> Result<String, Halted> {
        let id = self.id_of(who)?;
        Ok(self.dm_client()?.priorities.rank_of(&id))
    }

    /// Gives a server this rank; the first one does.
    async fn ranks(&mut self, who: usize, rank: &str) -> Result<(), Halted> {
        let uri = self.rank_of(who)?;
        let mut told = self
            .does(FIRST, vec![Act::Replace(put(uri.clone(), rank))])
            .await?;
        if told == [404] {
            told = self
                .does(FIRST, vec![Act::Add(put(uri.clone(), rank))])
                .await?;
        }
        match told.as_slice() {
            [200] => Ok(()),
            other => {
                let code = other.last().map_or("nothing".to_owned(), u16::to_string);
                let why = format!(
                    "the client takes no rank of a server at {uri}: expected 200, got {code}; dm.client.priorities says \
                     where it stands"
                );
                Err(self.inconclusive(why))
            }
        }
    }

    /// Takes all ranks away, so that they are nobody's in what comes after.
    async fn unranks(&mut self) -> Result<(), Halted> {
        for who in EACH {
            let uri = self.rank_of(who)?;
            self.does(FIRST, vec![Act::Delete { uri }]).await?;
        }
        Ok(())
    }

    /// An instance that both may change, and how they rank.
    async fn shares(&mut self, higher: usize) -> Result<(), Halted> {
        let (first, second) = (self.id_of(FIRST)?, self.id_of(SECOND)?);
        let node = self.instance(FIRST)?;
        self.owns(FIRST, &node).await?;
        self.lists(&node, &rights(&[&first, &second])).await?;
        let knobs = self.dm_client()?.priorities;
        for who in EACH {
            let rank = match who == higher {
                true => &knobs.higher,
                false => &knobs.lower,
            };
            self.ranks(who, rank).await?;
            // Where a rank is a node like others, its list says who may change it.
            let list = format!("Get=*&Replace={first}&Delete={first}");
            let uri = self.rank_of(who)?;
            self.does(FIRST, vec![Act::Replace(property(&uri, "ACL", &list))])
                .await?;
        }
        self.dm.order = Some(Order {
            higher,
            changed: None,
        });
        Ok(())
    }

    fn higher(&mut self) -> Result<usize, Halted> {
        match &self.dm.order {
            Some(order) => Ok(order.higher),
            None => Err(self.inconclusive("no server goes first")),
        }
    }

    /// A server writes its own name.
    async fn writes(&mut self, who: usize) -> Result<(), Halted> {
        let (uri, own) = (value(&self.instance(FIRST)?), self.id_of(who)?);
        self.acts_as(who);
        self.wants(Act::Replace(put(uri, &own))).await?;
        self.dm_session().await?;
        let session = self.dm_last_session()?;
        if let Some(order) = self.dm.order.as_mut().filter(|order| order.higher == who) {
            order.changed = Some(session);
        }
        Ok(())
    }
}

#[given("an instance that two servers may change, of which the first goes first")]
async fn first_goes_first(world: &mut World) -> Result<(), Halted> {
    world.scene().shares(FIRST).await
}

#[given("an instance that two servers may change, of which the second goes first")]
async fn second_goes_first(world: &mut World) -> Result<(), Halted> {
    world.scene().shares(SECOND).await
}

#[when("the one that goes first changes it, and then the other")]
async fn higher_then_lower(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let higher = scene.higher()?;
    scene.writes(higher).await?;
    scene.writes(SECOND - higher).await
}

#[when("the other changes it, and then the one that goes first")]
async fn lower_then_higher(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let higher = scene.higher()?;
    scene.writes(SECOND - higher).await?;
    scene.writes(higher).await
}

#[when("the other gives itself the rank of the one that goes first")]
async fn raises(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.rank_of(SECOND)?;
    let rank = scene.dm_client()?.priorities.higher;
    scene.acts_as(SECOND);
    scene.wants(Act::Replace(put(uri, &rank))).await?;
    scene.dm_session().await
}

#[then("the client does not let it go first")]
fn rank_kept(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let uri = scene.rank_of(SECOND)?;
    scene.acts_as(SECOND);
    scene.check_rights(|session| Rights::RankKept { session, uri })
}

#[then("what the one wrote that goes first is there")]
async fn prevails(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let higher = scene.higher()?;
    let value = value(&scene.instance(FIRST)?);
    let own = scene.id_of(higher)?;
    scene.acts_as(higher);
    scene.wants(Act::Get { uri: value.clone() }).await?;
    scene.dm_session().await?;
    let session = scene.dm_last_session()?;
    let changed = scene.dm.order.take().and_then(|order| order.changed);
    scene.unranks().await?;
    let Some(changed) = changed else {
        return Err(scene.inconclusive("the one that goes first changed nothing"));
    };
    scene.acts_as(higher);
    scene.check_rights(|_| Rights::Prevails {
        changed,
        session,
        uri: value,
        value: own,
    })
}
