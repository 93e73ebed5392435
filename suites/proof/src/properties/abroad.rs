//! The other operator: one device of its own, which devices here may have for a secondary or for a
//! primary.

use std::sync::Arc;

use twinproof_judge::profile::Declared;
use twinproof_kernel::Seed;
use twinproof_kernel::http::Response;
use twinproof_stage::{Handle, PEER, Stage};
use twinproof_twinning::device::Order;
use twinproof_twinning::message::{ActivationCode, Status};
use twinproof_twinning::operator::{
    Agreement, Answer, Behaviour, Errand, Operator, Order as Task, Pass,
};

use super::drive::{Broken, Drive, Outcome, Step};
use super::model::{Duty, Relation};
use super::script::Line;

/// The other operator and what is known of its device's twinning.
pub(super) struct Abroad {
    operator: Handle<Operator>,
    /// The address of its device.
    pub(super) device: String,
    /// How many changes of the twinning were made on this side.
    pub(super) changes_here: usize,
    /// What it had been told when the twinning had begun.
    told_to_begin: Option<usize>,
    /// Its side of the twinning, and how often it has accepted what it was told.
    seen: (Option<Status>, usize),
}

impl Abroad {
    /// Lets the other operator enter, if the profile has one and the system can reach it.
    pub(super) fn enter(stage: &mut Stage, declared: &Declared, seed: Seed) -> Option<Self> {
        let twinning = declared.profile.twinning.as_ref()?;
        let peer = twinning.peer.clone()?;
        let agreement = Agreement {
            base_url: declared.profile.harness.peer_advertise.clone()?,
            mno_id: peer.mno_id,
            partner: twinning.base_url.clone(),
            token: peer.token,
            expects_token: peer.expects_token,
            knobs: twinning.knobs.clone(),
        };
        let role = Operator::new(seed.derive(PEER));
        Some(Self {
            operator: stage.enter(PEER, role, Arc::new(agreement)),
            device: peer.address,
            changes_here: 0,
            told_to_begin: None,
            seen: (None, 0),
        })
    }

    /// The twinning has ended.
    pub(super) fn part(&mut self) {
        self.told_to_begin = None;
    }
}

impl Drive<'_> {
    fn relation_abroad(&self) -> Option<Relation> {
        self.model.newest(self.model.abroad())
    }

    async fn task(&mut self, task: Task) -> Result<Option<Answer>, Broken> {
        let Some(operator) = self.abroad.as_ref().map(|abroad| abroad.operator.clone()) else {
            return Ok(None);
        };
        Ok(Some(self.stage.act(&operator, task).await?.answer))
    }

    pub(super) async fn twin_abroad(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let Some(device) = self.abroad.as_ref().map(|abroad| abroad.device.clone()) else {
            return Ok(Outcome::Idle);
        };
        if self.relation_abroad().is_some() {
            return Ok(Outcome::Idle);
        }
        self.touch(&[by]);
        self.script.add(Line::ActivatesAbroad { by });
        let issued = self.task(Task::Issue { device }).await?;
        let Some(Answer::Issued(ActivationCode { code, mno_id })) = issued else {
            return Ok(Outcome::Idle);
        };
        let order = Order::Activate {
            code,
            mno_id,
            name: None,
        };
        let response = self.order(by, order).await?;
        let outcome = self.weigh(self.model.activate_abroad(by), &response)?;
        if outcome == Outcome::Accepted {
            self.model.activated_abroad(by);
            self.news.happened([by, self.model.abroad()], true, None);
            if let Some(abroad) = &mut self.abroad {
                abroad.changes_here = 0;
            }
        }
        Ok(outcome)
    }

    pub(super) async fn take_up_from_abroad(&mut self, of: usize) -> Result<Outcome, Broken> {
        let of = self.model.device(of);
        let Some(device) = self.abroad.as_ref().map(|abroad| abroad.device.clone()) else {
            return Ok(Outcome::Idle);
        };
        let ActivationCode { code, mno_id } = self.codes[of].clone();
        let (None, Some(code)) = (self.relation_abroad(), code) else {
            return Ok(Outcome::Idle);
        };
        self.touch(&[of]);
        self.script.add(Line::TakesUpFromAbroad { of });
        let abroad = self.model.abroad();
        let duty = self.model.activate(abroad, of);
        let activation = Errand::Activate {
            device: device.clone(),
            code,
            mno_id,
        };
        let Some(response) = self.errand(activation).await? else {
            return Ok(Outcome::Idle);
        };
        let outcome = self.weigh(duty, &response)?;
        if outcome == Outcome::Accepted {
            let completion = Errand::Complete { device };
            if let Some(response) = self.errand(completion).await? {
                self.weigh(Duty::Accept("I0"), &response)?;
            }
            self.begin(abroad, of).await?;
            if let Some(abroad) = &mut self.abroad {
                abroad.changes_here = 0;
            }
        }
        Ok(outcome)
    }

    /// What the system answers to the other operator; nothing where that operator has nothing to say.
    async fn errand(&mut self, errand: Errand) -> Result<Option<Response>, Broken> {
        let pass = Pass::Own;
        match self.task(Task::Send { errand, pass }).await? {
            Some(Answer::Sent(Ok(response))) => Ok(Some(response)),
            Some(Answer::Sent(Err(fault))) => Err(Broken::Transport(fault.to_string())),
            _ => Ok(None),
        }
    }

    pub(super) async fn toggle_abroad(&mut self, on: bool) -> Result<Outcome, Broken> {
        let (Some(relation), Some(abroad)) = (self.relation_abroad(), &self.abroad) else {
            return Ok(Outcome::Idle);
        };
        let status = if on { Status::On } else { Status::Off };
        let errand = Errand::Toggle {
            device: abroad.device.clone(),
            status,
        };
        let here = relation.peer_of(self.model.abroad());
        self.touch(&[here]);
        self.script.add(Line::SwitchesAbroad {
            on,
            news_to: (relation.on != on).then_some(here),
        });
        let duty = self.model.toggle(relation, on);
        self.now.repeats = relation.on == on;
        // It may never have been told where the other half is.
        let Some(response) = self.errand(errand).await? else {
            return Ok(Outcome::Idle);
        };
        let outcome = self.weigh(duty, &response)?;
        if outcome == Outcome::Accepted && relation.on != on {
            self.model.toggled(relation, on);
            let parties = [here, self.model.abroad()];
            self.news.happened(parties, on, Some(here));
        }
        Ok(outcome)
    }

    pub(super) async fn toggle_while_down(&mut self, on: bool) -> Result<Outcome, Broken> {
        let Some(relation) = self.relation_abroad() else {
            return Ok(Outcome::Idle);
        };
        self.script.add(Line::AbroadDown);
        self.task(Task::Behave(Behaviour::Unavailable)).await?;
        let here = relation.peer_of(self.model.abroad());
        let outcome = self.switch(relation, here, on).await;
        self.script.add(Line::AbroadBack);
        self.task(Task::Behave(Behaviour::Correct)).await?;
        outcome
    }

    /// Looks at the other operator's side.
    pub(super) async fn watch_abroad(&mut self) {
        let (Some(_), Some(abroad)) = (self.relation_abroad(), &self.abroad) else {
            return;
        };
        let (operator, device) = (abroad.operator.clone(), abroad.device.clone());
        let look = move |operator: &Operator| {
            let side = operator.side_of(&device)?;
            let of_side = |path: &str| path.contains(side.id.as_str());
            let told = operator.received().iter();
            let told = told.filter(|r| of_side(&r.path) && r.status.is_some_and(|s| s < 300));
            Some((side.status, told.count()))
        };
        let seen = self.peek(&operator, look).await.flatten();
        if let (Some(abroad), Some((status, told))) = (&mut self.abroad, seen) {
            abroad.seen = (Some(status), told);
            if status != Status::Pending {
                abroad.told_to_begin.get_or_insert(told);
            }
        }
    }
}

/// Both operators have the same status once both are in service (I32).
pub(super) fn operators_agree(step: &Step<'_>) -> Option<String> {
    let abroad = step.abroad?;
    let relation = step.model.newest(step.model.abroad())?;
    let wanted = if relation.on { Status::On } else { Status::Off };
    let (status, _) = abroad.seen;
    (status != Some(wanted)).then(|| match status {
        Some(status) => {
            format!("the twinning is {wanted:?} here and {status:?} at the other operator")
        }
        None => format!("the twinning is {wanted:?} here and the other operator does not know it"),
    })
}

/// An operator is told of what was changed here and of nothing that it has changed itself (I32).
pub(super) fn no_echo(step: &Step<'_>) -> Option<String> {
    let abroad = step.abroad?;
    step.model.newest(step.model.abroad())?;
    let told = abroad.seen.1.saturating_sub(abroad.told_to_begin?);
    // Whoever missed an answer may say it again.
    let lawful = 2 * abroad.changes_here;
    (told > lawful).then(|| {
        format!(
            "the other operator was told {told} times of {} changes",
            abroad.changes_here
        )
    })
}
