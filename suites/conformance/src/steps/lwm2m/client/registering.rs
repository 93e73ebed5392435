//! How a client registers with its servers, and keeps its registrations.

use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_lwm2m::server::tester::{Manner, Reaction};
use twinproof_stage::Halted;

use super::super::manage::path;
use super::{TRIGGER, ask};
use crate::target::SERVERS;
use crate::world::World;

/// How long a client is watched that is refused.
const WATCH: Duration = Duration::from_secs(5);

/// How long nobody answers a client: a message is repeated twice within that (RFC 7252 §4.8, the longest
/// first gap and another one twice as long).
const SILENCE: Duration = Duration::from_millis(9_300);

/// The longest gaps between the repetitions of a message (RFC 7252 §4.8), and what would be the next two.
const GAPS: [Duration; 6] = [
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
    Duration::from_secs(24),
    Duration::from_secs(48),
    Duration::from_secs(48),
];

/// How long a client that is refused is asked to wait.
const LATER: Duration = Duration::from_secs(60);

pub(super) const fn refusing(code: Code, later: Option<Duration>) -> Manner {
    Manner {
        registrations: Reaction::Refuse { code, later },
        updates: Reaction::Proper,
    }
}

/// The first registration is lost, and all that follow.
fn silent() -> Manner {
    Manner {
        registrations: Reaction::Silence,
        ..Manner::default()
    }
}

#[when("the client is started")]
async fn is_started(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.has_registered(0, 1).await?;
    Ok(())
}

#[then("the client registers under a name, and lists its device once")]
async fn introduces_itself(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    let server = SERVERS[0].to_owned();
    scene.check_client(Client::Introduced { server, after });
    Ok(())
}

#[given("a client whose registration is not confirmed yet")]
async fn is_not_confirmed(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    match scene.start_under(silent()).await? {
        true => Ok(()),
        false => Err(scene.inconclusive("the client was not heard")),
    }
}

#[when("its server reads the client all the same, and confirms the registration then")]
async fn reads_too_early(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    // An id that the server's own messages do not come to in a scenario.
    let id = scene.seed.derive("early").rng().u16(..);
    scene.ask_raw(id, (Code::GET, path(&ask::BINDING))).await?;
    let early = scene.last_act()?;
    scene.behave(0, Manner::default()).await?;
    scene.must_register(0).await?;
    scene.client()?.before = Some(early);
    Ok(())
}

#[then("the client has not answered what came too early")]
async fn has_held(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    match scene.client()?.before.clone() {
        Some(act) => {
            scene.check_client(Client::Held { act });
            Ok(())
        }
        None => Err(scene.inconclusive("nothing was asked too early")),
    }
}

#[when("its server has the client update its registration")]
async fn triggers(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.look_from_here()?;
    let trigger = scene.setting(0, TRIGGER)?;
    let request = scene.about(0, Code::POST, trigger)?;
    scene.ask(0, request).await?;
    scene.has_updated().await
}

#[then("the client updates its registration")]
async fn updates(w: &mut World) -> Result<(), Halted> {
    w.scene().check_since(0, |server, after| Client::Updated {
        server,
        after,
        lifetime: None,
    })
}

#[then("the client tells its server of the new life time")]
async fn tells_lifetime(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.has_updated().await?;
    let lifetime = Some(scene.client()?.written);
    scene.check_since(0, |server, after| Client::Updated {
        server,
        after,
        lifetime,
    })
}

#[when("its server has forgotten the client, and has it update its registration")]
async fn forgets(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let manner = Manner {
        updates: Reaction::Refuse {
            code: Code::NOT_FOUND,
            later: None,
        },
        ..Manner::default()
    };
    scene.behave(0, manner).await?;
    scene.look_from_here()?;
    let trigger = scene.setting(0, TRIGGER)?;
    let request = scene.about(0, Code::POST, trigger)?;
    scene.ask(0, request).await?;
    scene.has_come_again().await?;
    Ok(())
}

#[then("the client registers again")]
async fn registers_again(w: &mut World) -> Result<(), Halted> {
    has_come_back(w, false)
}

#[then("the client, whose update was refused, registers again")]
async fn registers_after_a_refusal(w: &mut World) -> Result<(), Halted> {
    has_come_back(w, true)
}

fn has_come_back(w: &mut World, forgotten: bool) -> Result<(), Halted> {
    let check = |server, after| Client::RegisteredAgain {
        server,
        after,
        forgotten,
        refused_by: None,
    };
    w.scene().check_since(0, check)
}

#[when("the client is started, and its server forbids the registration")]
async fn is_forbidden(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_under(refusing(Code::FORBIDDEN, None)).await?;
    scene.stage.rest(WATCH).await;
    Ok(())
}

#[when("the client is started, and its server puts off the registration")]
async fn is_put_off(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let manner = refusing(Code::SERVICE_UNAVAILABLE, Some(LATER));
    scene.start_under(manner).await?;
    scene.stage.rest(WATCH).await;
    Ok(())
}

#[when("the client is started, and its server is silent")]
async fn is_started_in_silence(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_under(silent()).await?;
    scene.stage.rest(SILENCE).await;
    Ok(())
}

#[when("the client is started, and its server is silent for as long as a message may be repeated")]
async fn is_never_answered(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_under(silent()).await?;
    for gap in GAPS {
        scene.pass(gap).await?;
        let settle = scene.stage.pace().settle;
        scene.stage.rest(settle / 4).await;
    }
    Ok(())
}

#[then("the client gives up what it has repeated often enough")]
async fn gives_up(w: &mut World) -> Result<(), Halted> {
    let check = |server, after| Client::GivesUp { server, after };
    w.scene().check_since(0, check)
}

#[then("the client waits longer each time")]
async fn waits_longer(w: &mut World) -> Result<(), Halted> {
    let check = |server, after| Client::BacksOff { server, after };
    w.scene().check_since(0, check)
}

#[then("the client does not press its server")]
async fn does_not_press(w: &mut World) -> Result<(), Halted> {
    has_waited(w, false)
}

#[then("the client waits as long as its server asks")]
async fn waits_as_asked(w: &mut World) -> Result<(), Halted> {
    has_waited(w, true)
}

fn has_waited(w: &mut World, put_off: bool) -> Result<(), Halted> {
    w.scene().check_since(0, |server, after| Client::Patient {
        server,
        after,
        seconds: WATCH.as_secs(),
        put_off,
    })
}

#[when("its server has the device reboot")]
async fn reboots(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.look_from_here()?;
    let request = scene.about(0, Code::POST, path(&ask::REBOOT))?;
    scene.ask(0, request).await?;
    let act = scene.last_act()?;
    scene.has_come_again().await?;
    scene.lwm2m.last = Some(act);
    Ok(())
}

#[when("the client is started, and has two servers")]
async fn is_started_with_two(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.has_registered(0, 1).await?;
    scene.has_registered(1, 1).await?;
    Ok(())
}

#[then("the client registers with each of them")]
async fn registers_with_each(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let after = scene.client()?.started_after;
    for server in SERVERS {
        let server = server.to_owned();
        scene.check_client(Client::RegisteredAgain {
            server,
            after,
            forgotten: false,
            refused_by: None,
        });
    }
    Ok(())
}

#[when("the client is started, and the first of its two servers forbids the registration")]
async fn is_refused_by_one(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.behave(0, refusing(Code::FORBIDDEN, None)).await?;
    scene.look_from_here()?;
    scene.start_client().await?;
    scene.has_registered(1, 1).await?;
    Ok(())
}

#[then("the client registers with the other server")]
async fn registers_with_the_other(w: &mut World) -> Result<(), Halted> {
    let check = |server, after| Client::RegisteredAgain {
        server,
        after,
        forgotten: false,
        refused_by: Some(SERVERS[0].to_owned()),
    };
    w.scene().check_since(1, check)
}
