//! How DM servers and clients are made to act: by a hand inside, by a hook, or not at all.

mod bootstrap;
mod server;
mod user;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twinproof_dm::client::{self, Client};
use twinproof_dm::syncml::Alert;
use twinproof_evidence::record::{Halt, What};
use twinproof_kernel::Seed;

use self::bootstrap::Renewer;
pub use self::bootstrap::{Bootstrapper, Deed};
pub use self::server::ServerHooks;
use self::server::Tester;
pub use self::user::Front;
use super::{Halted, Handle, Inner, Stage, VIRTUAL};
use crate::hooks::{HookCall, run_once};

/// How long a hand inside may take: it answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who makes DM systems act.
#[derive(Default)]
pub(super) struct Hands {
    server: Option<Tester>,
    client: Option<Starter>,
    reporter: Option<(HookCall, Duration)>,
    user: Option<Front>,
    bootstrapper: Option<Bootstrapper>,
    bootstrap: Option<Renewer>,
}

/// Who has a client begin a session, and whether somebody sits in front of one that is here.
enum Starter {
    Hand(Handle<Client>, bool),
    Hook(HookCall, Duration),
}

impl Stage {
    /// From now on this client begins a session when it is told to; and if it has a `user`, that one says what
    /// it is told to.
    pub fn control_dm(&mut self, client: Handle<Client>, user: bool) {
        self.dm.client = Some(Starter::Hand(client, user));
    }

    /// From now on this has the client begin a session that runs elsewhere.
    pub fn control_dm_by(&mut self, hook: HookCall, patience: Duration) {
        self.dm.client = Some(Starter::Hook(hook, patience));
    }

    /// From now on this has the client report something that runs elsewhere.
    pub fn report_dm_by(&mut self, hook: HookCall, patience: Duration) {
        self.dm.reporter = Some((hook, patience));
    }

    /// Has the client report something to a server in a session: this, if it is here, and else what its hook has it
    /// report.
    ///
    /// # Errors
    ///
    /// Nobody can have it report anything, or it failed.
    pub async fn report_dm(&mut self, server: &str, alert: Alert) -> Result<(), Halted> {
        let done = match (&self.dm.client, self.dm.reporter.clone()) {
            (Some(Starter::Hand(client, _)), _) => {
                let order = client::Order::Report {
                    server: server.to_owned(),
                    alerts: vec![alert],
                };
                let acted = self.perform(vec![(client.clone(), order)], PATIENCE, false);
                match acted.await?.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Err(why),
                    _ => Ok(()),
                }
            }
            (_, Some((hook, patience))) => {
                let named = [("server", server.to_owned())];
                self.pull_dm(&hook.naming(&named), patience).await
            }
            (_, None) => Err("the profile has none".to_owned()),
        };
        let failed = done.err().map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: "report something".to_owned(),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        match failed {
            None => Ok(()),
            Some(why) => {
                let why = format!("the client was to report something (dm.client.report): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    /// What the clock says, in seconds since 1970; on the virtual stage, where time begins at some moment of
    /// 2030.
    pub fn seconds(&self) -> u64 {
        match &self.inner {
            Inner::Live(_) => crate::network::seconds(),
            Inner::Simulated(_) => VIRTUAL + self.now().as_micros() / 1_000_000,
        }
    }

    /// Does what a key of the profile says, once.
    ///
    /// # Errors
    ///
    /// It failed.
    pub async fn pull(
        &mut self,
        key: &str,
        hook: &HookCall,
        patience: Duration,
    ) -> Result<(), Halted> {
        let failed = self.pull_dm(hook, patience).await.err();
        let failed = failed.map(|why| self.recorder.secrets().conceal(&why));
        let hooked = What::Hooked {
            hook: key.to_owned(),
            failed: failed.clone(),
        };
        self.recorder.write(self.now(), hooked);
        match failed {
            None => Ok(()),
            Some(why) => {
                let why = format!("{key}: {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    async fn pull_dm(&self, hook: &HookCall, patience: Duration) -> Result<(), String> {
        match &self.inner {
            Inner::Live(live) => run_once(live.network(), hook, patience).await,
            Inner::Simulated(_) => Err("the virtual stage has no network".to_owned()),
        }
    }

    /// Whether somebody can have the client begin a session.
    pub fn starts_dm(&self) -> bool {
        self.dm.client.is_some()
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

    /// Has the client begin a session with a server, where somebody can; else it is waited for.
    ///
    /// # Errors
    ///
    /// It could not be begun.
    pub async fn start_dm(&mut self, server: &str) -> Result<(), Halted> {
        match self.nudge_dm(server).await? {
            None => Ok(()),
            Some(why) => {
                let why = format!("the client was to begin a session (dm.client.start): {why}");
                Err(self.halt(Halt::Inconclusive { why }))
            }
        }
    }

    /// The same, where the client need not know the server; why it did not begin one, if it says.
    ///
    /// # Errors
    ///
    /// The client did not answer.
    pub async fn nudge_dm(&mut self, server: &str) -> Result<Option<String>, Halted> {
        let failed = match self.dm.client.take() {
            None => return Ok(None),
            Some(Starter::Hand(client, user)) => {
                let order = client::Order::Start {
                    server: server.to_owned(),
                };
                let order = vec![(client.clone(), order)];
                self.dm.client = Some(Starter::Hand(client, user));
                let acted = self.perform(order, PATIENCE, false).await?;
                match acted.into_iter().map(|acted| acted.answer).next() {
                    Some(client::Answer::Refused(why)) => Some(why),
                    _ => None,
                }
            }
            Some(Starter::Hook(hook, patience)) => {
                let named = [("server", server.to_owned())];
                let done = self.pull_dm(&hook.naming(&named), patience).await;
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
        Ok(failed)
    }
}
