//! The other operator.

mod outcomes;
mod situations;

use std::sync::Arc;

use twinproof_judge::checks::twinning::operators::{Check as Passed, PEER, Written};
use twinproof_judge::profile::Peer;
use twinproof_kernel::http::Response;
use twinproof_stage::{Halted, Handle};
use twinproof_twinning::address::same;
use twinproof_twinning::device::{Order, created};
use twinproof_twinning::message::ActivationCode;
use twinproof_twinning::operator::{Agreement, Answer, Errand, Operator, Order as Task, Pass};

use super::news::micros;
use super::parties::Part;
use super::words;
use crate::world::Scene;

/// The other operator and what it was given.
#[derive(Default)]
pub(crate) struct Abroad {
    operator: Option<Handle<Operator>>,
    /// The code that it made for a device of its own.
    issued: Option<ActivationCode>,
    /// The code that it was given by the enabler.
    given: Option<ActivationCode>,
    /// The last request that crossed or should have crossed the border.
    crossing: Option<u64>,
}

impl Scene {
    /// What the system has of relationships with devices of the other operator.
    pub(crate) fn left_abroad(&mut self) -> Vec<String> {
        match &self.twinning.abroad.operator {
            Some(operator) => self.stage.look(operator, Operator::halves_there),
            None => Vec::new(),
        }
    }

    pub(super) fn peer(&mut self) -> Result<Peer, Halted> {
        match self.twinning_profile()?.peer {
            Some(peer) => Ok(peer),
            None => Err(self.inconclusive(
                "the profile knows no other operator that Twinproof could play: twinning.peer",
            )),
        }
    }

    /// The other operator; it enters when it is first spoken of.
    fn operator(&mut self) -> Result<Handle<Operator>, Halted> {
        if let Some(operator) = &self.twinning.abroad.operator {
            return Ok(operator.clone());
        }
        let peer = self.peer()?;
        let profile = self.twinning_profile()?;
        let Some(base_url) = self.profile.profile.harness.peer_advertise.clone() else {
            return Err(self.inconclusive(
                "the system cannot reach the simulated operator: declare harness.peer_listen and \
                 harness.peer_advertise",
            ));
        };
        let agreement = Agreement {
            base_url,
            mno_id: peer.mno_id,
            partner: profile.base_url,
            token: peer.token,
            expects_token: peer.expects_token,
            knobs: profile.knobs,
        };
        let role = Operator::new(self.seed.derive(PEER));
        let operator = self.stage.enter(PEER, role, Arc::new(agreement));
        self.twinning.abroad.operator = Some(operator.clone());
        Ok(operator)
    }

    async fn task(&mut self, task: Task) -> Result<(Answer, Vec<u64>), Halted> {
        let operator = self.operator()?;
        let acted = self.stage.act(&operator, task).await?;
        Ok((acted.answer, acted.exchanges))
    }

    /// Has the other operator send something, and keeps it as what was tried last.
    async fn errand(&mut self, errand: Errand, pass: Pass) -> Result<Option<Response>, Halted> {
        let (answer, exchanges) = self.task(Task::Send { errand, pass }).await?;
        self.twinning.last = exchanges;
        self.twinning.tried = None;
        self.twinning.abroad.crossing = self.twinning.last.last().copied();
        match answer {
            Answer::Sent(outcome) => Ok(outcome.ok()),
            _ => Err(self.inconclusive(
                "the other operator was never told where the other half of the twinning is",
            )),
        }
    }

    /// An errand whose success the scenario needs.
    async fn errand_done(&mut self, errand: Errand) -> Result<Response, Halted> {
        let wanted = words::of_errand(&errand);
        match self.errand(errand, Pass::Own).await? {
            Some(response) if response.is_success() => Ok(response),
            other => {
                let came = other.map_or("got no answer".to_owned(), |response| {
                    format!("was answered with {}", response.status)
                });
                let why = format!("the other operator could not {wanted}; it {came}");
                let exchange = self.twinning.last.last().copied();
                Err(self.unmet(exchange, why, &["twinning.knobs.inter_operator"]))
            }
        }
    }

    async fn issue_abroad(&mut self) -> Result<ActivationCode, Halted> {
        let device = self.peer()?.address;
        let (answer, _) = self.task(Task::Issue { device }).await?;
        let Answer::Issued(code) = answer else {
            return Err(self.inconclusive("the simulated operator made no code"));
        };
        if let Some(secret) = &code.code {
            self.stage.recorder().secrets().learn("code", secret);
        }
        self.twinning.abroad.issued = Some(code.clone());
        Ok(code)
    }

    /// The activation with the code that the other operator made.
    async fn foreign_activation(&mut self) -> Result<Order, Halted> {
        let code = match self.twinning.abroad.issued.clone() {
            Some(code) => code,
            None => self.issue_abroad().await?,
        };
        Ok(Order::Activate {
            code: code.code,
            mno_id: code.mno_id,
            name: None,
        })
    }

    fn crossing(&mut self) -> u64 {
        self.twinning.abroad.crossing.unwrap_or_default()
    }

    fn cross(&mut self) {
        self.twinning.abroad.crossing = Some(self.last_exchange());
    }

    /// Waits, at most as long as the profile allows, until the other operator has got something.
    async fn await_abroad(
        &mut self,
        what: &str,
        come: impl Fn(&Operator) -> bool,
    ) -> Result<(), Halted> {
        let operator = self.operator()?;
        let limit = self.stage.pace().settle;
        self.stage.wait_for(&operator, what, limit, come).await;
        Ok(())
    }

    async fn expect_written(&mut self, what: Written, after_outage: bool) -> Result<(), Halted> {
        let device = self.peer()?.address;
        self.cross_if_none();
        let waited = what.clone();
        self.await_abroad("a write at the other operator", move |operator| {
            operator.side_of(&device).is_some_and(|side| match &waited {
                Written::AuthCode => side.auth_code.is_some(),
                Written::OtherDevice { address } => side
                    .other
                    .as_deref()
                    .is_some_and(|other| same(other, address)),
                Written::Status(status) => side.status == *status,
            })
        })
        .await?;
        let after = self.crossing();
        let within = micros(self.stage.pace().settle);
        self.judge(Passed::PeerWritten {
            after,
            what,
            within,
            after_outage,
        });
        Ok(())
    }

    fn cross_if_none(&mut self) {
        let last = self.last_exchange();
        self.twinning.abroad.crossing.get_or_insert(last);
    }

    /// Keeps the resource that an activation brought as this device's own.
    fn keep_own(&mut self, part: &Part, response: &Response) -> Result<(), Halted> {
        let knobs = self.twinning_profile()?.knobs;
        let asked = self.collection(part)?;
        self.party(part)?.pending = created(&asked, response, &knobs);
        Ok(())
    }
}
