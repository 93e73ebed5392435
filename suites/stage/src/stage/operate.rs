//! How a server is made to act: by a hand inside, or by an upper tester.

use twinproof_evidence::record::Halt;
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::upper::{Answer, Operation, PATIENCE};

use super::{Halted, Handle, Inner, Stage};
use crate::upper::{Reach, UpperTester};

/// Who makes the server act.
pub(super) enum Upper {
    None,
    Hand(Handle<Server>),
    Tester(Box<dyn UpperTester>),
}

impl Stage {
    /// From now on this server does what the upper tester wants.
    pub fn attend(&mut self, server: Handle<Server>) {
        self.upper = Upper::Hand(server);
    }

    /// From now on this upper tester makes the server act that runs elsewhere.
    ///
    /// # Errors
    ///
    /// It is broken, or there is no network.
    pub async fn attend_by(&mut self, mut tester: Box<dyn UpperTester>) -> Result<(), Halted> {
        let entered = match self.reach() {
            Some(reach) => tester.enter(&reach).await,
            None => Err("the virtual stage has no network".to_owned()),
        };
        self.upper = Upper::Tester(tester);
        entered.map_err(|why| self.untested(&why))
    }

    /// Has the upper tester make a client known that is going to register, where the system wants that.
    ///
    /// # Errors
    ///
    /// The upper tester could not.
    pub async fn provision(&mut self, endpoint: &str) -> Result<(), Halted> {
        let reach = self.reach();
        let (Upper::Tester(tester), Some(reach)) = (&mut self.upper, reach) else {
            return Ok(());
        };
        let provisioned = tester.provision(&reach, endpoint).await;
        provisioned.map_err(|why| self.untested(&why))
    }

    /// The upper tester undoes what it provisioned, and a client that was started is ended.
    pub async fn dismiss(&mut self) {
        let Some(reach) = self.reach() else {
            return;
        };
        if let Upper::Tester(tester) = &mut self.upper {
            tester.leave(&reach).await;
        }
        self.end_client(&reach).await;
    }

    pub(super) fn reach(&self) -> Option<Reach> {
        match &self.inner {
            Inner::Live(live) => Some(live.upper()),
            Inner::Simulated(_) => None,
        }
    }

    /// What is wrong with the upper tester is nothing that the server could be blamed for.
    fn untested(&mut self, why: &str) -> Halted {
        let why = self.recorder.secrets().conceal(why);
        let why = format!("the upper tester (lwm2m.upper_tester): {why}");
        self.halt(Halt::Inconclusive { why })
    }

    /// Has the upper tester make the system under test act; returns what it says came of it, and the
    /// number of that in the ledger.
    ///
    /// # Errors
    ///
    /// There is no upper tester, it is broken or does not offer that, or it did not come to an end.
    pub async fn operate(&mut self, operation: Operation) -> Result<(Answer, u64), Halted> {
        let recorded = serde_json::to_value(&operation).unwrap_or_default();
        let reach = self.reach();
        let answer = match (&mut self.upper, reach) {
            (Upper::None, _) => {
                let why = "nobody can make the server act: the profile has no [lwm2m.upper_tester]";
                return Err(self.halt(Halt::Inconclusive {
                    why: why.to_owned(),
                }));
            }
            (Upper::Hand(server), _) => {
                let order = vec![(server.clone(), operation)];
                let acted = self.perform(order, PATIENCE, false).await?;
                let answer = acted.into_iter().map(|acted| acted.answer).next();
                answer.unwrap_or(Answer::Timeout)
            }
            (Upper::Tester(tester), Some(reach)) => match tester.operate(&reach, operation).await {
                Ok(answer) => answer,
                Err(why) => return Err(self.untested(&why)),
            },
            (Upper::Tester(_), None) => {
                return Err(self.untested("the virtual stage has no network"));
            }
        };
        let told = serde_json::to_value(&answer).unwrap_or_default();
        let number = self.recorder.operated(self.now(), recorded, told);
        match answer {
            Answer::Unsupported(why) => Err(self.untested(&why)),
            answer => Ok((answer, number)),
        }
    }
}
