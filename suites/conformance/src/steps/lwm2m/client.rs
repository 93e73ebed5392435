//! A client that is judged, and its servers, which the tester plays.

mod ask;
mod bootstrap;
mod number;
mod report;
mod security;
mod servers;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cucumber::{given, then, when};
use twinproof_coap::{Code, Type, Writer};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_judge::checks::lwm2m::{Act, Check as Lwm2m};
use twinproof_judge::profile;
use twinproof_lwm2m::device::Request;
use twinproof_lwm2m::server::tester::{Manner, Order, Reaction, Tester, set_up};
use twinproof_lwm2m::upper::{self, Control, What};
use twinproof_lwm2m::wire::Path;
use twinproof_stage::{Halted, Handle};

use super::manage::path;
use super::parties::PATIENCE;
use crate::target::SERVERS;
use crate::world::{Scene, World};

/// How long a client is watched that is refused.
const WATCH: Duration = Duration::from_secs(5);

/// How long nobody answers a client: a message is repeated twice within that (RFC 7252 §4.8, the longest
/// first gap and another one twice as long).
const SILENCE: Duration = Duration::from_millis(9_300);

/// How long a client that is refused is asked to wait.
const LATER: Duration = Duration::from_secs(60);

/// Updates the registration when it is executed: below the server's account.
const TRIGGER: u16 = 8;

/// The client that is judged, and its servers.
pub(super) struct Judged {
    servers: Vec<(Handle<Tester>, SocketAddr)>,
    bootstrap: bootstrap::Given,
    /// What came before it was started.
    started_after: u64,
    /// What came before the situation that a scenario looks at.
    looked_after: u64,
    /// How often the client had registered with its server by then, and updated that.
    looked_at: (usize, usize),
    /// What was read before something was done.
    before: Option<Act>,
    /// What a stranger did.
    stranger: Option<Act>,
    observed: Option<Act>,
    /// What the other server observes.
    observed_by_other: Option<Act>,
    /// The least and the greatest interval between reports that were asked for, s.
    intervals: (u64, u64),
    ended: Option<(Act, bool)>,
}

impl Scene {
    fn client_profile(&mut self) -> Result<profile::Client, Halted> {
        match self.lwm2m_profile()?.client {
            Some(client) => Ok(client),
            None => Err(self.inconclusive("the profile has no [lwm2m.client] section")),
        }
    }

    /// The client, whose servers are put on the stage when they are first spoken of.
    fn client(&mut self) -> Result<&mut Judged, Halted> {
        let judged = match self.lwm2m.client.take() {
            Some(judged) => judged,
            None => self.place_servers()?,
        };
        Ok(self.lwm2m.client.insert(judged))
    }

    fn place_servers(&mut self) -> Result<Judged, Halted> {
        let (client, version) = (self.client_profile()?, self.lwm2m_profile()?.version.0);
        let bootstrap = bootstrap::Given::place(self, client.listen_bootstrap.as_deref());
        let places = [client.listen, client.listen_other];
        let shared = Arc::new(set_up(version));
        let mut servers = Vec::new();
        for (name, place) in SERVERS.into_iter().zip(places) {
            if let Some(at) = place.and_then(|place| place.parse().ok()) {
                let role = Tester::new(at, self.seed.derive(name));
                servers.push((self.stage.enter(name, role, Arc::clone(&shared)), at));
            }
        }
        Ok(Judged {
            servers,
            bootstrap,
            started_after: 0,
            looked_after: 0,
            looked_at: (0, 0),
            before: None,
            stranger: None,
            observed: None,
            observed_by_other: None,
            intervals: (report::LEAST, report::MOST),
            ended: None,
        })
    }

    /// A server of the client.
    fn server_of_client(&mut self, number: usize) -> Result<Handle<Tester>, Halted> {
        let server = self.client()?.servers.get(number);
        match server.map(|(server, _)| server.clone()) {
            Some(server) => Ok(server),
            None => Err(self.inconclusive("the client has no other server in this scenario")),
        }
    }

    /// Has the client started, where somebody can; else it is waited for.
    async fn start_client(&mut self) -> Result<(), Halted> {
        let recorded = self.stage.recorded();
        self.client()?.started_after = recorded;
        match self.stage.is_controlled() {
            true => self.stage.control(Control::Start).await,
            false => Ok(()),
        }
    }

    /// Waits until the client has registered that often with a server; says whether it has.
    async fn has_registered(&mut self, server: usize, times: usize) -> Result<bool, Halted> {
        let patience = self.client_profile()?.patience.duration();
        let server = self.server_of_client(server)?;
        let come = move |tester: &Tester| count(tester, &What::Registered) >= times;
        let what = "the client has registered";
        Ok(self.stage.wait_for(&server, what, patience, come).await)
    }

    async fn must_register(&mut self, server: usize) -> Result<(), Halted> {
        match self.has_registered(server, 1).await? {
            true => Ok(()),
            false => {
                let why = "the client did not register in time (lwm2m.client.patience)";
                Err(match self.stage.client_ended().await {
                    Some(how) => self.inconclusive(format!("{why}: {how}")),
                    None => self.inconclusive(why),
                })
            }
        }
    }

    /// Has a server of the client do something, which is then what was done last.
    async fn serve(&mut self, number: usize, order: Order) -> Result<upper::Answer, Halted> {
        let server = self.server_of_client(number)?;
        let after = self.stage.recorded();
        let answer = self.stage.act_within(&server, order, PATIENCE).await?;
        self.lwm2m.last = Some(Act {
            party: server.name().to_owned(),
            after,
            upto: self.stage.recorded(),
        });
        Ok(answer)
    }

    /// What a server of the client did last.
    fn last_act(&mut self) -> Result<Act, Halted> {
        match self.lwm2m.last.clone() {
            Some(act) => Ok(act),
            None => Err(self.inconclusive("no server did anything")),
        }
    }

    async fn behave(&mut self, server: usize, manner: Manner) -> Result<(), Halted> {
        self.serve(server, Order::Behave(manner)).await?;
        Ok(())
    }

    /// What the client has told a server of itself.
    fn said(&mut self, server: usize) -> Result<upper::Client, Halted> {
        let handle = self.server_of_client(server)?;
        match self.stage.look(&handle, Tester::client) {
            Some(client) => Ok(client),
            None => Err(self.inconclusive("the client is not registered")),
        }
    }

    /// The instance of the Server object that a server has at the client.
    fn account(&mut self, server: usize) -> Result<Path, Halted> {
        let listed = self.said(server)?.objects.unwrap_or_default();
        let accounts = listed
            .into_iter()
            .filter(|path| path.object() == Some(1) && path.depth() == 2);
        // A list has no order; the servers have the accounts in that of their numbers.
        let accounts: BTreeSet<Path> = accounts.collect();
        let servers = self.client()?.servers.len();
        if accounts.len() > servers {
            let why = format!(
                "the client lists {} accounts, and the tester plays {servers} of its servers: nobody can \
                 tell which accounts are theirs",
                accounts.len()
            );
            return Err(self.inconclusive(why));
        }
        match accounts.into_iter().nth(server) {
            Some(account) => Ok(account),
            None => Err(self.inconclusive("the client lists no account of its server")),
        }
    }

    /// What is below the account of a server.
    fn setting(&mut self, server: usize, resource: u16) -> Result<Path, Halted> {
        let account = self.account(server)?;
        Ok(account.child(resource).unwrap_or(account))
    }

    /// A request about a path at the client, which may have another root.
    fn about(&mut self, server: usize, method: Code, path: Path) -> Result<Request, Halted> {
        let root = self.said(server)?.root.unwrap_or_default();
        Ok(Request::new(method, format!("{root}{path}")))
    }

    /// Has a server ask for something, and waits for the answer.
    async fn ask(&mut self, server: usize, request: Request) -> Result<upper::Answer, Halted> {
        self.serve(server, Order::Ask(request)).await
    }

    /// The same octet by octet, without waiting for an answer.
    async fn ask_raw(&mut self, id: u16, (method, path): (Code, Path)) -> Result<(), Halted> {
        let mut bytes = Vec::new();
        let token = self.seed.derive("raw").rng().u32(..).to_be_bytes();
        let written = Writer::new(&mut bytes, Type::Con, method, id, &token)
            .path(&path.to_string())
            .finish();
        if let Err(error) = written {
            return Err(self.inconclusive(format!("{path}: {error:?}")));
        }
        self.serve(0, Order::SendRaw { bytes }).await?;
        Ok(())
    }

    fn look_from_here(&mut self) -> Result<(), Halted> {
        let recorded = self.stage.recorded();
        let server = self.server_of_client(0)?;
        let counts = |tester: &Tester| {
            let (registered, updated) = (&What::Registered, &What::Updated);
            (count(tester, registered), count(tester, updated))
        };
        let looked_at = self.stage.look(&server, counts);
        let client = self.client()?;
        (client.looked_after, client.looked_at) = (recorded, looked_at);
        Ok(())
    }

    /// Waits until the client has registered with its server once more; says whether it has.
    async fn has_come_again(&mut self) -> Result<bool, Halted> {
        let (before, _) = self.client()?.looked_at;
        self.has_registered(0, before + 1).await
    }

    /// Records a check on what the client asks its server for, from where the scenario looks.
    fn check_since(
        &mut self,
        server: usize,
        check: impl FnOnce(String, u64) -> Client,
    ) -> Result<(), Halted> {
        let after = self.client()?.looked_after;
        self.check_client(check(SERVERS[server].to_owned(), after));
        Ok(())
    }

    fn check_client(&mut self, check: Client) {
        self.check(&Check::Lwm2m(Lwm2m::from(check)));
    }

    /// Frees the places of the servers, so that the next scenario can have them.
    pub(crate) fn leave_places(&mut self) {
        let servers = self.lwm2m.client.iter().flat_map(|client| {
            let servers = client.servers.iter().map(|(_, at)| *at);
            servers.chain(client.bootstrap.place)
        });
        let places: Vec<SocketAddr> = servers.collect();
        for place in places {
            self.stage.unbind(place);
        }
    }
}

/// How often something has happened.
fn count(tester: &Tester, what: &What) -> usize {
    tester.events().filter(|event| event.what == *what).count()
}

const fn refusing(code: Code, later: Option<Duration>) -> Manner {
    Manner {
        registrations: Reaction::Refuse { code, later },
        updates: Reaction::Proper,
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

#[given("a client that is registered")]
async fn is_registered(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.must_register(0).await
}

#[given("a client whose registration is not confirmed yet")]
async fn is_not_confirmed(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let manner = Manner {
        registrations: Reaction::Silence,
        ..Manner::default()
    };
    scene.behave(0, manner).await?;
    scene.start_client().await?;
    let patience = scene.client_profile()?.patience.duration();
    let server = scene.server_of_client(0)?;
    let heard = |tester: &Tester| tester.heard().is_some();
    let what = "the client was heard";
    match scene.stage.wait_for(&server, what, patience, heard).await {
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
    let check = |server, after| Client::Updated { server, after };
    w.scene().check_since(0, check)
}

impl Scene {
    /// Waits for an update of the registration; that there is none is for checks to say.
    async fn has_updated(&mut self) -> Result<(), Halted> {
        let patience = self.client_profile()?.patience.duration();
        let server = self.server_of_client(0)?;
        let (_, before) = self.client()?.looked_at;
        let come = move |tester: &Tester| count(tester, &What::Updated) > before;
        let what = "the client has updated its registration";
        self.stage.wait_for(&server, what, patience, come).await;
        Ok(())
    }
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
    };
    w.scene().check_since(0, check)
}

#[when(regex = "^the client is started, and its server (forbids|puts off) the registration$")]
async fn is_started_in_vain(w: &mut World, how: String) -> Result<(), Halted> {
    let scene = w.scene();
    let manner = match how.as_str() {
        "forbids" => refusing(Code::FORBIDDEN, None),
        _ => refusing(Code::SERVICE_UNAVAILABLE, Some(LATER)),
    };
    scene.behave(0, manner).await?;
    scene.look_from_here()?;
    scene.start_client().await?;
    let server = scene.server_of_client(0)?;
    let patience = scene.client_profile()?.patience.duration();
    let heard = |tester: &Tester| tester.heard().is_some();
    let what = "the client was heard";
    scene.stage.wait_for(&server, what, patience, heard).await;
    scene.stage.rest(WATCH).await;
    Ok(())
}

#[when("the client is started, and its server is silent")]
async fn is_started_in_silence(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    let manner = Manner {
        registrations: Reaction::Silence,
        ..Manner::default()
    };
    scene.behave(0, manner).await?;
    scene.look_from_here()?;
    scene.start_client().await?;
    let server = scene.server_of_client(0)?;
    let patience = scene.client_profile()?.patience.duration();
    let heard = |tester: &Tester| tester.heard().is_some();
    let what = "the client was heard";
    scene.stage.wait_for(&server, what, patience, heard).await;
    scene.stage.rest(SILENCE).await;
    Ok(())
}

#[then("the client waits longer each time")]
async fn waits_longer(w: &mut World) -> Result<(), Halted> {
    let check = |server, after| Client::BacksOff { server, after };
    w.scene().check_since(0, check)
}

#[then("the client does not press its server")]
async fn does_not_press(w: &mut World) -> Result<(), Halted> {
    w.scene().check_since(0, |server, after| Client::Patient {
        server,
        after,
        seconds: WATCH.as_secs(),
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
    };
    w.scene().check_since(1, check)
}
