//! How DM servers and clients are made to act: by a hand inside, by a hook, or not at all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twinproof_dm::client::{self, Client};
use twinproof_dm::server::Server;
use twinproof_dm::upper::{Answer, Operation};
use twinproof_evidence::record::{Halt, What};
use twinproof_kernel::Seed;

use super::{Halted, Handle, Inner, Stage};
use crate::hooks::{HookCall, run_once};

/// How long a hand inside may take: it answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who makes DM systems act.
#[derive(Default)]
pub(super) struct Hands {
    server: Option<Handle<Server>>,
    client: Option<Starter>,
}

/// Who has a client begin a session.
enum Starter {
    Hand(Handle<Client>),
    Hook(HookCall, Duration),
}

impl Stage {
    /// From now on this server does what its application wants.
    pub fn attend_dm(&mut self, server: Handle<Server>) {
        self.dm.server = Some(server);
    }

    /// From now on this client begins a session when it is told to.
    pub fn control_dm(&mut self, client: Handle<Client>) {
        self.dm.client = Some(Starter::Hand(client));
    }

    /// From now on this has the client begin a session that runs elsewhere.
    pub fn control_dm_by(&mut self, hook: HookCall, patience: Duration) {
        self.dm.client = Some(Starter::Hook(hook, patience));
    }

    /// A seed that no run before this one had, for what systems remember that run elsewhere; on the virtual
    /// stage the seed itself.
    pub fn fresh(&self, seed: Seed) -> Seed {
        match &self.inner {
            Inner::Live(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.unwrap_or_default().as_nanos();
                seed.derive(&now.to_string())
            }
            Inner::Simulated(_) => seed,
        }
    }

    /// Has the server's application do something; returns what came of it, and its number in the ledger.
    ///
    /// # Errors
    ///
    /// Nobody makes the server act, or it did not answer.
    pub async fn operate_dm(&mut self, operation: Operation) -> Result<(Answer, u64), Halted> {
        let recorded = serde_json::to_value(&operation).unwrap_or_default();
        let Some(server) = self.dm.server.clone() else {
            let why = "nobody can make the server act: the profile has no dm.server.upper_tester";
            let why = why.to_owned();
            return Err(self.halt(Halt::Inconclusive { why }));
        };
        let order = vec![(server, operation)];
        let acted = self.perform(order, PATIENCE, false).await?;
        let answer = acted.into_iter().map(|acted| acted.answer).next();
        let answer = answer.unwrap_or(Answer::Done);
        let told = serde_json::to_value(&answer).unwrap_or_default();
        let number = self.recorder.operated(self.now(), recorded, told);
        match answer {
            Answer::Refused(why) => {
                let why = format!("the upper tester (dm.server.upper_tester): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
            answer => Ok((answer, number)),
        }
    }

    /// Has the client begin a session with a server, where somebody can; else it is waited for.
    ///
    /// # Errors
    ///
    /// It could not be begun.
    pub async fn start_dm(&mut self, server: &str) -> Result<(), Halted> {
        let failed = match self.dm.client.take() {
            None => return Ok(()),
            Some(Starter::Hand(client)) => {
                let order = client::Order::Start {
                    server: server.to_owned(),
                };
                let order = vec![(client.clone(), order)];
                self.dm.client = Some(Starter::Hand(client));
                let acted = self.perform(order, PATIENCE, false).await?;
                match acted.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Some(why),
                    _ => None,
                }
            }
            Some(Starter::Hook(hook, patience)) => {
                let done = match &self.inner {
                    Inner::Live(live) => run_once(live.network(), &hook, patience).await,
                    Inner::Simulated(_) => Err("the virtual stage has no network".to_owned()),
                };
                self.dm.client = Some(Starter::Hook(hook, patience));
                done.err()
            }
        };
        let failed = failed.map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: "begin a session".to_owned(),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        match failed {
            None => Ok(()),
            Some(why) => {
                let why = format!("the client was to begin a session (dm.client.start): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }
}
