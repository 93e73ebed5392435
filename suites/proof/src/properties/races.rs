//! What two devices do at the same time. Some order has to explain the answers and what is left.

use twinproof_twinning::device::Order;

use super::drive::{Broken, Drive, Outcome};
use super::model::Duty;
use super::script::{Line, Wanted};
use super::seen::url_of;

impl Drive<'_> {
    pub(super) async fn activate_together(
        &mut self,
        by: usize,
        and: usize,
        owner: usize,
    ) -> Result<Outcome, Broken> {
        let [by, and, owner] = [by, and, owner].map(|device| self.model.device(device));
        if by == and {
            return self.activate(by, owner, false).await;
        }
        self.touch(&[by, and, owner]);
        self.script.add(Line::ActivateTogether { by, and, owner });
        let duties = [by, and].map(|device| (device, self.model.activate(device, owner)));
        let order = self.activation(owner, false);
        let orders = vec![(by, order.clone()), (and, order)];
        let mut winners = Vec::new();
        for ((device, duty), response) in duties.into_iter().zip(self.together(orders).await?) {
            match (response.is_success(), duty) {
                (true, Duty::Refuse(reason)) => {
                    let seen = format!("device {device} was accepted although {}", reason.says());
                    return Err(self.broken(reason.invariant(), seen));
                }
                (true, _) => winners.push(device),
                (false, _) => {}
            }
        }
        let must = duties
            .iter()
            .all(|(_, duty)| matches!(duty, Duty::Accept(_)));
        match winners[..] {
            [] if must => {
                self.script.end_with(Wanted::OneOfTwo);
                Err(self.broken("I31", "both activations were refused"))
            }
            [] => Ok(Outcome::Refused),
            [winner] => {
                self.begin(winner, owner).await?;
                Ok(Outcome::Accepted)
            }
            _ => {
                self.script.end_with(Wanted::OneOfTwo);
                Err(self.broken("I31", "both activations were accepted"))
            }
        }
    }

    pub(super) async fn activate_against_withdraw(
        &mut self,
        by: usize,
        owner: usize,
        end_first: bool,
    ) -> Result<Outcome, Broken> {
        let (by, owner) = (self.model.device(by), self.model.device(owner));
        let pending = self.pending_url(owner).filter(|_| {
            // Two orders to one device would not be at the same time.
            by != owner && self.model.is_pending(owner)
        });
        let Some(url) = pending else {
            return self.activate(by, owner, false).await;
        };
        self.touch(&[by, owner]);
        self.script.add(Line::ActivatesAgainstEnd { by, owner });
        let duty = self.model.activate(by, owner);
        let activate = (by, self.activation(owner, false));
        let end = (owner, Order::Deactivate { url: Some(url) });
        let [activated, withdrawn] = self.pair(activate, end, end_first).await?;
        match (activated, withdrawn, duty) {
            (true, _, Duty::Refuse(reason)) => {
                let seen = format!("device {by} was accepted although {}", reason.says());
                Err(self.broken(reason.invariant(), seen))
            }
            // The activation came first, and what it had begun was ended.
            (true, true, _) => {
                self.model.activated(by, owner);
                self.news.happened([by, owner], true, None);
                if let Some(relation) = self.model.newest(owner) {
                    self.ended(relation);
                }
                Ok(Outcome::Accepted)
            }
            // The activation came first, and what was to be withdrawn was no more.
            (true, false, _) => {
                self.begin(by, owner).await?;
                Ok(Outcome::Accepted)
            }
            (false, true, _) => {
                self.model.withdrawn(owner);
                Ok(Outcome::Accepted)
            }
            (false, false, _) => Err(self.broken(
                "I31",
                "an activation and the withdrawal of its code were both refused",
            )),
        }
    }

    pub(super) async fn toggle_against_deactivate(
        &mut self,
        by: usize,
        on: bool,
        end_first: bool,
    ) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        // The other operator's device takes no part in a race.
        let relation = self.model.newest(by);
        let Some(relation) = relation.filter(|r| !r.has(self.model.abroad())) else {
            return Ok(Outcome::Idle);
        };
        let other = relation.peer_of(by);
        self.touch(&[by, other]);
        self.script.add(Line::SwitchesAgainstEnd { by, other });
        let switch = (by, self.switch_order(on, url_of(&self.seen[by], other)));
        let url = url_of(&self.seen[other], by);
        let end = (other, Order::Deactivate { url });
        let [_, ended] = self.pair(switch, end, end_first).await?;
        if !ended {
            return Err(self.broken("I31", "the end of a twinning was refused beside a switch"));
        }
        // Whether or not the switch came first, it may have been told.
        self.news.happened([by, other], on, None);
        self.ended(relation);
        Ok(Outcome::Accepted)
    }

    /// Has two devices do something at the same time; the second of them leaves first if so wanted.
    /// Says of each, in the order in which they are given, whether it was accepted.
    async fn pair(
        &mut self,
        one: (usize, Order),
        other: (usize, Order),
        other_first: bool,
    ) -> Result<[bool; 2], Broken> {
        let orders = match other_first {
            true => vec![other, one],
            false => vec![one, other],
        };
        let answers = self.together(orders).await?;
        let accepted = |place: usize| answers.get(place).is_some_and(|r| r.is_success());
        Ok(match other_first {
            true => [accepted(1), accepted(0)],
            false => [accepted(0), accepted(1)],
        })
    }
}
