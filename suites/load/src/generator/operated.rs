//! A generator beside whom somebody makes the server act, and tells what it says of devices.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use twinproof_kernel::Time;
use twinproof_lwm2m::upper::{Answer, What};

use super::{Deed, Generator, Overheard, PREFIX, Send, Traffic};
use crate::operator::{Ask, Said};
use crate::workload::Operation;

impl<T: Traffic> Generator<'_, T> {
    /// It with an operator of the server, who is heard there and hears at the port of the devices.
    #[must_use]
    pub fn operated(mut self, operator: Option<SocketAddrV4>) -> Self {
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        self.operator = operator.map(|there| (there.into(), own));
        self
    }

    /// Whether the server is to observe devices before the first stage.
    pub(super) fn observes(&self) -> bool {
        self.operator.is_some()
            && self
                .workload
                .operations()
                .any(|one| one == Operation::Notify)
    }

    /// Says to the operator of whom it is to tell what happens.
    pub(super) fn introduce(&mut self, send: &mut Send<'_>) {
        if self.is_introduced {
            return;
        }
        self.is_introduced = true;
        let Some((there, own)) = self.operator.filter(|_| self.observes()) else {
            return;
        };
        let all = 0..self.fleet.roster().members();
        for member in all.filter(|member| self.watches(*member)) {
            send(own, there, &Ask::Watch(self.name(member)).to_bytes());
        }
    }

    /// The operator tells something, which came at `at`.
    pub(super) fn operator_says(&mut self, at: Time, said: Said) {
        match said {
            Said::Answer { call, answer } => {
                let (place, number) = ((call & u64::from(u32::MAX)) as usize, call >> 32);
                let Some(slot) = self.pending.get_mut(place) else {
                    return;
                };
                // It may be an answer to what was given up long ago.
                let asked = slot.take_if(|pending| pending.number & u64::from(u32::MAX) == number);
                let Some(pending) = asked else { return };
                let member = pending.member;
                let operation = match pending.deed {
                    Deed::Do(operation) => operation,
                    Deed::Forget | Deed::Leave | Deed::Observe | Deed::Register => {
                        Operation::Notify
                    }
                };
                let outcome = self.traffic.told(operation, &self.name(member), &answer);
                if let (Operation::Read, Answer::Reply(reply)) = (operation, answer)
                    && self.watches(member)
                    && reply.code.is_success()
                {
                    let read = Overheard::Read {
                        member: self.before + member,
                        values: reply.values,
                    };
                    self.overheard.push((read, at));
                }
                self.ended((place, pending), outcome, at);
            }
            Said::Deaf => self.overheard.push((Overheard::Deaf, at)),
            Said::Event(event) => {
                let number = event.endpoint.strip_prefix(PREFIX);
                let member = number.and_then(|number| number.parse().ok());
                if let (Some(member), What::Notified { values, .. }) = (member, event.what)
                    && self.workload.watches(member)
                {
                    self.overheard
                        .push((Overheard::Told { member, values }, at));
                }
            }
        }
    }

    /// What is known since this was last asked and is in no datagram of a device.
    pub(crate) fn overheard(&mut self) -> std::vec::Drain<'_, (Overheard, Time)> {
        self.overheard.drain(..)
    }
}
