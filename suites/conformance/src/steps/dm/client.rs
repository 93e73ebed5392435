//! A client that is judged, and its server, which the tester plays.

mod authorities;
mod bootstrapped;
mod carriers;
mod features;
mod hostile;
mod large;
mod manners;
mod notification;
mod priorities;
mod search;
mod security;
mod session;
mod tree;
mod user;
mod wishes;

use std::sync::Arc;

use twinproof_dm::server::rules::decide::{Rules, Standard};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::session::prove::Proof;
use twinproof_dm::upper::{Act, Event, Operation, Put, Value};
use twinproof_judge::checks::Check;
use twinproof_judge::checks::dm::client::Check as Client;
use twinproof_judge::checks::dm::{Check as Dm, Session};
use twinproof_judge::profile;
use twinproof_stage::{Halted, Handle};

use crate::target::{dm_server, other_dm_server};
use crate::world::Scene;

pub(super) use bootstrapped::Newcomers;
pub(super) use carriers::Carriage;
pub(super) use features::Asked;
pub(super) use manners::Longer;
pub(super) use notification::Announced;
pub(super) use priorities::Order;
pub(super) use security::Repeats;
pub(super) use wishes::Front;

/// The server that the tester plays.
pub(super) struct Served {
    server: Handle<Server>,
    /// How many sessions were to be begun.
    sessions: usize,
    /// The last session.
    session: Session,
    /// What it says that wants to hurt.
    hostile: Option<hostile::Said>,
}

impl Scene {
    fn dm_client(&mut self) -> Result<profile::DmClient, Halted> {
        let section = self.profile.profile.dm.as_ref();
        let Some(mut client) = section.and_then(|section| section.client.clone()) else {
            return Err(self.inconclusive("the profile has no [dm.client] section"));
        };
        let Some(number) = self.dm.acting.checked_sub(1) else {
            return Ok(client);
        };
        // As this server sees the client.
        match client.others.get(number).cloned() {
            Some(other) => {
                client.account = other.account;
                client.server = other.server;
                Ok(client)
            }
            None => {
                let why = format!(
                    "the client has too few servers: the profile has no {} [[dm.client.other]]",
                    number + 1
                );
                Err(self.inconclusive(why))
            }
        }
    }

    /// The name under which the server enters that acts.
    fn dm_server_name(&self) -> String {
        match self.dm.acting.checked_sub(1) {
            None => dm_server(&self.profile.profile).to_owned(),
            Some(number) => other_dm_server(number),
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
        self.enter_dm_server_with(Arc::new(Standard), change)
    }

    /// The same, and it decides by these rules.
    fn enter_dm_server_with(
        &mut self,
        rules: Arc<dyn Rules>,
        change: impl FnOnce(&mut Option<Proof>, &mut Option<Proof>),
    ) -> Result<Served, Halted> {
        let shared = server::Shared {
            rules,
            ..server::Shared::default()
        };
        self.enter_dm_server_as(shared, change)
    }

    /// The same, and it is set up like this.
    fn enter_dm_server_as(
        &mut self,
        shared: server::Shared,
        change: impl FnOnce(&mut Option<Proof>, &mut Option<Proof>),
    ) -> Result<Served, Halted> {
        let client = self.dm_client()?;
        let name = &*self.dm_server_name();
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
        let shared = server::Shared {
            codes: client.options,
            ..shared
        };
        let server = self.stage.enter(name, role, Arc::new(shared));
        Ok(Served {
            server,
            sessions: 0,
            session: Session {
                party: name.to_owned(),
                after: 0,
                upto: None,
            },
            hostile: None,
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
        self.dm_served()?.session.after = after;
        self.stage.start_dm(&client.account.server_id).await?;
        let came = self.dm_session_ends("the session has ended").await?;
        if !came && self.stage.recorded() == after {
            let why = "the client began no session in time (dm.client.patience)";
            return Err(self.inconclusive(why));
        }
        Ok(())
    }

    /// Waits until one session more has ended; says whether it did.
    async fn dm_session_ends(&mut self, what: &str) -> Result<bool, Halted> {
        let patience = self.dm_client()?.patience.duration();
        let served = self.dm_served()?;
        served.sessions += 1;
        let (server, sessions) = (served.server.clone(), served.sessions);
        let ended = move |server: &Server| ends(server) >= sessions;
        Ok(self.stage.wait_for(&server, what, patience, ended).await)
    }

    /// Waits until there is one session more than have ended so far, and counts it.
    async fn dm_one_more(&mut self) -> Result<(), Halted> {
        let patience = self.dm_client()?.patience.duration();
        let served = self.dm_served()?;
        let (server, sessions) = (served.server.clone(), served.sessions);
        let ended = move |server: &Server| ends(server) > sessions;
        let what = "the session that was announced has ended";
        if self.stage.wait_for(&server, what, patience, ended).await {
            self.dm_served()?.sessions += 1;
        }
        Ok(())
    }

    /// The code that the client gave last for what the server wanted, if it gave one since there were so many
    /// events.
    fn dm_code(&mut self, since: usize) -> Result<Option<u16>, Halted> {
        let server = self.dm_served()?.server.clone();
        Ok(self.stage.look(&server, |server| {
            let mut events = server.events().iter().skip(since);
            let told = |event: &Event| match event {
                Event::Did { outcome, .. } => outcome.statuses.last().map(|told| told.code),
                _ => None,
            };
            events.by_ref().rev().find_map(told)
        }))
    }

    /// Whether the client said that it has no `Atomic`, which it need not have.
    fn dm_lacks_atomic(&mut self) -> Result<bool, Halted> {
        let server = self.dm_served()?.server.clone();
        Ok(self.stage.look(&server, |server| {
            let mut told = server.events().iter().filter_map(|event| match event {
                Event::Did { outcome, .. } => Some(&outcome.statuses),
                _ => None,
            });
            told.any(|all| all.iter().any(|t| t.command == "Atomic" && t.code == 406))
        }))
    }

    /// How many events there were.
    fn dm_events(&mut self) -> Result<usize, Halted> {
        let server = self.dm_served()?.server.clone();
        Ok(self.stage.look(&server, |server| server.events().len()))
    }

    /// A node of the tester's, below the area of the server.
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

    /// Another one.
    fn dm_other_node(&mut self) -> Result<String, Halted> {
        Ok(format!("{}X", self.dm_node()?))
    }

    /// Takes away what an earlier run may have left of the tester's nodes.
    async fn dm_clear(&mut self) -> Result<(), Halted> {
        for uri in [self.dm_node()?, self.dm_other_node()?] {
            self.wants(Act::Delete { uri }).await?;
        }
        let since = self.dm_events()?;
        self.dm_session().await?;
        match self.dm_code(since)? {
            None | Some(200 | 404) => Ok(()),
            Some(code) => {
                let why = format!(
                    "the client does not let the server remove nodes below dm.client.area ({code})"
                );
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
        self.check_dm_client_until(upto, check)
    }

    /// Lets a check look at what was said up to a number of the ledger, or to the end.
    fn check_dm_client_until(
        &mut self,
        upto: Option<u64>,
        check: impl FnOnce(Session) -> Client,
    ) -> Result<(), Halted> {
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
        self.check_told_or(command, uri, codes, &[])
    }

    /// The same, and some codes leave it open.
    fn check_told_or(
        &mut self,
        command: &str,
        uri: Option<String>,
        codes: &[u16],
        open: &[u16],
    ) -> Result<(), Halted> {
        self.check_dm_client(|session| Client::Told {
            session,
            command: command.to_owned(),
            uri,
            codes: codes.to_vec(),
            open: open.to_vec(),
        })
    }
}

/// How many sessions have ended.
fn ends(server: &Server) -> usize {
    let ends = server.events().iter();
    ends.filter(|e| matches!(e, Event::Ended { .. })).count()
}

/// Text that is to be put somewhere.
fn put(uri: String, text: &str) -> Put {
    Put {
        uri,
        format: Some("chr".to_owned()),
        media_type: Some("text/plain".to_owned()),
        value: Some(Value::Text(text.to_owned())),
    }
}

/// An interior node that is to be added.
fn interior(uri: &str) -> Act {
    Act::Add(Put {
        uri: uri.to_owned(),
        format: Some("node".to_owned()),
        ..Put::default()
    })
}

/// What a property of a node is to be.
fn property(uri: &str, name: &str, value: &str) -> Put {
    Put {
        uri: format!("{uri}?prop={name}"),
        value: Some(Value::Text(value.to_owned())),
        ..Put::default()
    }
}
