//! Where the instances of an object are.

use cucumber::{given, then, when};
use twinproof_dm::upper::{Act, Put};
use twinproof_judge::checks::dm::rights::Check as Rights;
use twinproof_stage::Halted;

use crate::world::{Scene, World};

/// Places of instances below a node of the tester's, in different branches.
const PLACES: [&str; 3] = ["I1", "B/I2", "C/D/I3"];

/// Another one, and one of an object with a similar name.
const LATER: &str = "B/I4";
const SIMILAR: &str = "C/S";

impl Scene {
    /// An object that nobody else has.
    fn object(&self, version: &str) -> String {
        let number = self.seed.derive("object").rng().u32(..);
        format!("urn:oma:mo:ext-twinproof-{number:08x}:{version}")
    }

    fn below_node(&mut self, place: &str) -> Result<String, Halted> {
        Ok(format!("{}/{place}", self.dm_node()?))
    }

    /// How the server asks where an object is.
    fn question(&mut self, version: &str) -> Result<String, Halted> {
        let search = self.dm_client()?.search;
        Ok(search.replace("{object}", &self.object(version)))
    }

    fn instance_at(&mut self, place: &str, version: &str) -> Result<Act, Halted> {
        Ok(Act::Add(Put {
            uri: self.below_node(place)?,
            format: Some("node".to_owned()),
            media_type: Some(self.object(version)),
            value: None,
        }))
    }

    async fn asks_where(&mut self, version: &str) -> Result<(), Halted> {
        let uri = self.question(version)?;
        self.wants(Act::Get { uri }).await?;
        self.dm_session().await
    }

    fn check_places(&mut self, version: &str, places: &[&str]) -> Result<(), Halted> {
        let uri = self.question(version)?;
        let places = places.iter().map(|place| self.below_node(place));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        self.check_rights(|session| Rights::Places {
            session,
            uri,
            places,
        })
    }
}

#[given(
    "a client with three instances of an object in different places, and one of a similar object"
)]
async fn has_instances(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    scene.dm_clear().await?;
    let node = scene.dm_node()?;
    let branches = [
        node.clone(),
        format!("{node}/B"),
        format!("{node}/C"),
        format!("{node}/C/D"),
    ];
    let mut acts: Vec<Act> = branches.iter().map(|uri| super::interior(uri)).collect();
    for place in PLACES {
        acts.push(scene.instance_at(place, "1.0")?);
    }
    acts.push(scene.instance_at(SIMILAR, "1.1")?);
    scene.sets_up(0, acts).await
}

#[when("the server asks where the instances of the object are")]
async fn asks(world: &mut World) -> Result<(), Halted> {
    world.scene().asks_where("1.0").await
}

#[when("the server asks where an object is that the client does not have")]
async fn asks_in_vain(world: &mut World) -> Result<(), Halted> {
    world.scene().asks_where("7.0").await
}

#[when("the server adds an instance and removes another")]
async fn moves(world: &mut World) -> Result<(), Halted> {
    let scene = world.scene();
    let gone = scene.below_node(PLACES[0])?;
    let acts = vec![scene.instance_at(LATER, "1.0")?, Act::Delete { uri: gone }];
    scene.sets_up(0, acts).await
}

#[then("the client names the three places, and no other")]
fn three(world: &mut World) -> Result<(), Halted> {
    world.scene().check_places("1.0", &PLACES)
}

#[then("the client names the places where they are now, and no other")]
fn now(world: &mut World) -> Result<(), Halted> {
    world
        .scene()
        .check_places("1.0", &[PLACES[1], PLACES[2], LATER])
}

#[then("the client names no place")]
fn none(world: &mut World) -> Result<(), Halted> {
    world.scene().check_places("7.0", &[])
}
