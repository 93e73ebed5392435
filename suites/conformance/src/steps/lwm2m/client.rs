//! A client that is judged, and its servers, which the tester plays.

mod ask;
mod bootstrap;
mod card;
mod device;
mod number;
mod registering;
mod report;
mod sealed;
mod security;
mod servers;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use cucumber::given;
use twinproof_coap::{Code, Type, Writer};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_judge::checks::lwm2m::{Act, Check as Lwm2m};
use twinproof_judge::profile;
use twinproof_lwm2m::device::Request;
use twinproof_lwm2m::server::tester::{Manner, Order, Tester, set_up};
use twinproof_lwm2m::upper::{self, Control, What};
use twinproof_lwm2m::wire::Path;
use twinproof_stage::{Halted, Handle};

use super::parties::PATIENCE;
use crate::target::SERVERS;
use crate::world::{Scene, World};

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
    /// What its server wrote as its life time, s.
    written: u32,
    /// What a stranger did.
    stranger: Option<Act>,
    observed: Option<Act>,
    /// What the other server observes.
    observed_by_other: Option<Act>,
    /// The least and the greatest interval between reports that were asked for, s.
    intervals: (u64, u64),
    ended: Option<(Act, bool)>,
    /// What a server tried that is none of its business.
    tried: Vec<Act>,
    /// What came of its meeting who does not have its key.
    met_a_stranger: Option<Act>,
}

impl Scene {
    fn client_profile(&mut self) -> Result<profile::Client, Halted> {
        match self.lwm2m_profile()?.client {
            Some(client) => Ok(client),
            None => Err(self.inconclusive("the profile has no [lwm2m.client] section")),
        }
    }

    /// Whether the client meets its servers over associations.
    fn is_client_secured(&self) -> bool {
        let section = self.profile.profile.lwm2m.as_ref();
        let client = section.and_then(|section| section.client.as_ref());
        client.is_some_and(|client| client.security.is_some())
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
            written: ask::WRITTEN[0],
            stranger: None,
            observed: None,
            observed_by_other: None,
            intervals: (report::LEAST, report::MOST),
            ended: None,
            tried: Vec::new(),
            met_a_stranger: None,
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

    /// Has the client started, whose server treats it like this, and waits until the server has heard of it;
    /// says whether it has. The scenario looks from here.
    async fn start_under(&mut self, manner: Manner) -> Result<bool, Halted> {
        self.behave(0, manner).await?;
        self.look_from_here()?;
        self.start_client().await?;
        let server = self.server_of_client(0)?;
        let patience = self.client_profile()?.patience.duration();
        let heard = |tester: &Tester| tester.heard().is_some();
        let what = "the client was heard";
        Ok(self.stage.wait_for(&server, what, patience, heard).await)
    }

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

#[given("a client that is registered")]
async fn is_registered(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    scene.must_register(0).await
}
