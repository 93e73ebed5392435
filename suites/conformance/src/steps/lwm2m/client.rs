//! A client that is judged, and its servers, which the tester plays.

use std::net::SocketAddr;
use std::sync::Arc;

use cucumber::{given, then, when};
use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::Act;
use twinproof_judge::checks::lwm2m::Check as Lwm2m;
use twinproof_judge::checks::lwm2m::answer::Check as Answer;
use twinproof_judge::checks::lwm2m::client::Check as Client;
use twinproof_judge::profile;
use twinproof_lwm2m::device::Request;
use twinproof_lwm2m::server::tester::{Order, Tester, set_up};
use twinproof_lwm2m::upper::{self, Control, What};
use twinproof_stage::{Halted, Handle};

use super::parties::PATIENCE;
use crate::target::SERVERS;
use crate::world::{Scene, World};

/// The client that is judged, and its servers.
#[derive(Clone)]
pub(super) struct Judged {
    servers: Vec<(Handle<Tester>, SocketAddr)>,
    /// What came before it was started last.
    pub(super) started_after: u64,
}

impl Scene {
    fn client_profile(&mut self) -> Result<profile::Client, Halted> {
        match self.lwm2m_profile()?.client {
            Some(client) => Ok(client),
            None => Err(self.inconclusive("the profile has no [lwm2m.client] section")),
        }
    }

    /// The client, whose servers are put on the stage when they are first spoken of.
    pub(super) fn client(&mut self) -> Result<Judged, Halted> {
        if let Some(judged) = &self.lwm2m.client {
            return Ok(judged.clone());
        }
        let (client, version) = (self.client_profile()?, self.lwm2m_profile()?.version.0);
        let places = [client.listen, client.listen_other];
        let shared = Arc::new(set_up(version));
        let mut servers = Vec::new();
        for (name, place) in SERVERS.into_iter().zip(places) {
            if let Some(at) = place.and_then(|place| place.parse().ok()) {
                let role = Tester::new(at, self.seed.derive(name));
                servers.push((self.stage.enter(name, role, Arc::clone(&shared)), at));
            }
        }
        let judged = Judged {
            servers,
            started_after: 0,
        };
        self.lwm2m.client = Some(judged.clone());
        Ok(judged)
    }

    /// A server of the client.
    pub(super) fn server_of_client(&mut self, number: usize) -> Result<Handle<Tester>, Halted> {
        match self.client()?.servers.get(number) {
            Some((server, _)) => Ok(server.clone()),
            None => Err(self.inconclusive("the client has no other server in this scenario")),
        }
    }

    /// Has the client started, where somebody can; else it is waited for.
    async fn start_client(&mut self) -> Result<(), Halted> {
        self.client()?;
        if let Some(client) = &mut self.lwm2m.client {
            client.started_after = self.stage.recorded();
        }
        match self.stage.is_controlled() {
            true => self.stage.control(Control::Start).await,
            false => Ok(()),
        }
    }

    /// Waits until the client has registered that often with a server; says whether it has.
    pub(super) async fn has_registered(
        &mut self,
        server: usize,
        times: usize,
    ) -> Result<bool, Halted> {
        let patience = self.client_profile()?.patience.duration();
        let server = self.server_of_client(server)?;
        let come = move |tester: &Tester| {
            let registered = tester.events().filter(|e| e.what == What::Registered);
            registered.count() >= times
        };
        let what = "the client has registered";
        Ok(self.stage.wait_for(&server, what, patience, come).await)
    }

    /// Has a server of the client do something, which is then what was done last.
    pub(super) async fn serve(
        &mut self,
        number: usize,
        order: Order,
    ) -> Result<upper::Answer, Halted> {
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

    /// Frees the places of the servers, so that the next scenario can have them.
    pub(crate) fn leave_places(&mut self) {
        let servers = self.lwm2m.client.iter().flat_map(|client| &client.servers);
        let places: Vec<SocketAddr> = servers.map(|(_, at)| *at).collect();
        for place in places {
            self.stage.unbind(place);
        }
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
    let client = scene.client()?;
    let check = Client::Introduced {
        server: SERVERS[0].to_owned(),
        after: client.started_after,
    };
    scene.check(&Check::Lwm2m(Lwm2m::from(check)));
    Ok(())
}

#[given("a client that is registered")]
async fn is_registered(w: &mut World) -> Result<(), Halted> {
    let scene = w.scene();
    scene.start_client().await?;
    match scene.has_registered(0, 1).await? {
        true => Ok(()),
        false => {
            let why = "the client did not register in time (lwm2m.client.patience)";
            Err(scene.inconclusive(why))
        }
    }
}

#[when("its server reads who made the device")]
async fn reads_manufacturer(w: &mut World) -> Result<(), Halted> {
    let request = Request::new(Code::GET, "/3/0/0");
    w.scene().serve(0, Order::Ask(request)).await?;
    Ok(())
}

#[then("the client answers with what was asked for")]
async fn answers_with_content(w: &mut World) -> Result<(), Halted> {
    let code = "2.05".to_owned();
    w.scene().check_last(|act| Answer::Confirmed { act, code })
}
