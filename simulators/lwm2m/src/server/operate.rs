//! What an application asks for, and the answers of clients; queue mode (TS 1.0.2 §8.4).

use std::net::SocketAddr;

use twinproof_coap::endpoint::RequestId;
use twinproof_coap::{Message, Packet, Type};
use twinproof_kernel::CallId;

use super::clients::Registration;
use super::compose::{Composed, cancelling, compose, kind};
use super::report::{Subject, Watch, number_of};
use super::rules::{AskFacts, HoldFacts, Kind, ManageFacts, PlaceFacts, RenewFacts, TellFacts};
use super::{Moment, Server};
use crate::upper::{Answer, CancelBy, Operation};
use crate::wire::Path;

/// Who waits for what comes of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// The application.
    Call(CallId),
    /// Nobody: the server does it by itself.
    Nobody,
    /// The application, later, under this number.
    Ticket(u64),
}

/// A request of ours that is not answered.
#[derive(Debug)]
pub(super) struct Call {
    /// Whose client.
    number: u64,
    operation: Operation,
    kind: Kind,
    base: Path,
    pub(super) target: Target,
    /// The observation that it begins.
    observes: Option<Subject>,
}

/// An operation that waits for its client.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) operation: Operation,
    pub(super) kind: Kind,
    pub(super) target: Target,
}

impl Server {
    /// Does what the application asks.
    pub(super) fn operate(&mut self, moment: &mut Moment<'_>, call: CallId, operation: Operation) {
        let answer = match (&operation, kind(&operation), operation.endpoint()) {
            (Operation::Clients, ..) => {
                let clients = self.clients.iter();
                let shown = clients.map(|(n, client)| client.shown(&self.location(moment, n)));
                Answer::Clients(shown.collect())
            }
            (Operation::Events { after }, ..) => self.events_after(*after),
            (Operation::Result { ticket }, ..) => match self.results.get(ticket) {
                Some(Some(answer)) => answer.clone(),
                Some(None) => Answer::Kept { ticket: *ticket },
                None => Answer::Refused(format!("there is no ticket {ticket}")),
            },
            (_, Some(kind), Some(endpoint)) => {
                let number = self.clients.named(endpoint);
                let facts = ManageFacts {
                    registered: number.is_some(),
                    object: operation.object(),
                };
                match number.filter(|_| moment.shared.rules.is_managed(facts)) {
                    Some(number) => {
                        let target = Target::Call(call);
                        let held = Held {
                            operation,
                            kind,
                            target,
                        };
                        return self.begin(moment, number, held);
                    }
                    None => Answer::Refused(format!("{endpoint} is not registered")),
                }
            }
            _ => Answer::Unsupported("the server knows no such operation".to_owned()),
        };
        moment.out.answer(call, answer);
    }

    fn events_after(&self, after: u64) -> Answer {
        let skip = after.saturating_sub(self.forgotten);
        let events = self.events.iter();
        let events = events.skip(usize::try_from(skip).unwrap_or(usize::MAX));
        Answer::Events {
            events: events.cloned().collect(),
            known: self.forgotten + self.events.len() as u64,
        }
    }

    /// Sends an operation to its client, or keeps it until the client is heard.
    fn begin(&mut self, moment: &mut Moment<'_>, number: u64, held: Held) {
        let Some(client) = self.clients.get(number) else {
            return;
        };
        if self.holds(moment, client) {
            self.keep(moment, number, (held, false));
        } else {
            self.send(moment, number, held);
        }
    }

    fn holds(&self, moment: &Moment<'_>, client: &Registration) -> bool {
        moment.shared.rules.holds(HoldFacts {
            queue_mode: client.queue_mode,
            since: moment.now.since(client.heard),
            awake: moment.shared.awake,
            silent: client.silent,
            under_way: client.under_way,
        })
    }

    /// Keeps an operation: behind those that wait, or before them if its turn had come.
    fn keep(&mut self, moment: &mut Moment<'_>, number: u64, (mut held, first): (Held, bool)) {
        if let Target::Call(call) = held.target
            && !moment.shared.waits
        {
            self.tickets += 1;
            let ticket = self.tickets;
            self.results.insert(ticket, None);
            held.target = Target::Ticket(ticket);
            let facts = TellFacts { kind: held.kind };
            let answer = moment.shared.rules.tells(Answer::Kept { ticket }, facts);
            moment.out.answer(call, answer);
        }
        if let Some(client) = self.clients.get_mut(number) {
            match first {
                true => client.waiting.push_front(held),
                false => client.waiting.push_back(held),
            }
        }
    }

    fn send(&mut self, moment: &mut Moment<'_>, number: u64, held: Held) {
        let Some(client) = self.clients.get(number) else {
            return;
        };
        if held.kind == Kind::Cancel {
            return self.cancel(moment, number, held);
        }
        let composed = match compose(client, &held.operation) {
            Ok(composed) => composed,
            Err(why) => return self.finish(moment, held.target, held.kind, Answer::Refused(why)),
        };
        let own = client.address;
        let newest = self.newest.unwrap_or(own);
        let to = moment.shared.rules.goes_to(PlaceFacts { own, newest });
        let Composed {
            message,
            base,
            observes,
        } = composed;
        let message = moment
            .shared
            .rules
            .asks(message, AskFacts { kind: held.kind });
        let sent = self.with_layer(moment, |layer, turn| {
            layer.request(turn, to, Type::Con, message)
        });
        match sent {
            Ok(request) => self.note(number, request, (held, base, observes)),
            Err(error) => {
                self.finish(
                    moment,
                    held.target,
                    held.kind,
                    Answer::Refused(error.to_string()),
                );
            }
        }
    }

    fn note(
        &mut self,
        number: u64,
        request: RequestId<SocketAddr>,
        (held, base, observes): (Held, Path, Option<Subject>),
    ) {
        if let Some(client) = self.clients.get_mut(number) {
            client.under_way += 1;
        }
        let call = Call {
            number,
            operation: held.operation,
            kind: held.kind,
            base,
            target: held.target,
            observes,
        };
        self.calls.insert(request, call);
    }

    /// Ends an observation: the newest of these paths.
    fn cancel(&mut self, moment: &mut Moment<'_>, number: u64, held: Held) {
        let (paths, by) = match &held.operation {
            Operation::Cancel { path, by, .. } => (vec![*path], *by),
            Operation::CancelComposite { paths, by, .. } => (paths.clone(), *by),
            _ => return,
        };
        let composite = matches!(held.operation, Operation::CancelComposite { .. });
        let Some(client) = self.clients.get(number) else {
            return;
        };
        let wanted = |request: &RequestId<SocketAddr>| {
            let subject = &self.observing.get(request)?.subject;
            (subject.paths == paths && subject.composite == composite).then_some(subject)
        };
        let mut newest_first = client.observations.iter().rev();
        let found = newest_first.find_map(|request| Some((*request, wanted(request)?)));
        let Some((request, subject)) = found else {
            let why = format!("{} is not observed there", client.endpoint);
            return self.finish(moment, held.target, held.kind, Answer::Refused(why));
        };
        let base = if composite { Path::ROOT } else { paths[0] };
        let message = cancelling(client, subject);
        let Some(by) = moment.shared.rules.cancels(by) else {
            return self.finish(moment, held.target, held.kind, Answer::Done);
        };
        if let Some(client) = self.clients.get_mut(number) {
            client.observations.retain(|one| *one != request);
        }
        match (by, message) {
            (CancelBy::Reset, _) => {
                self.forget(moment, request);
                self.finish(moment, held.target, held.kind, Answer::Done);
            }
            (CancelBy::Request, Err(why)) => {
                self.finish(moment, held.target, held.kind, Answer::Refused(why));
            }
            (CancelBy::Request, Ok(message)) => {
                self.observing.remove(&request);
                self.ask_to_end(moment, number, (request, message), (held, base));
            }
        }
    }

    fn ask_to_end(
        &mut self,
        moment: &mut Moment<'_>,
        number: u64,
        (request, message): (RequestId<SocketAddr>, Message),
        (held, base): (Held, Path),
    ) {
        let message = moment
            .shared
            .rules
            .asks(message, AskFacts { kind: held.kind });
        let sent = self.with_layer(moment, |layer, turn| {
            layer.deregister(turn, request, message)
        });
        match sent {
            Ok(()) => self.note(number, request, (held, base, None)),
            Err(error) => {
                self.finish(
                    moment,
                    held.target,
                    held.kind,
                    Answer::Refused(error.to_string()),
                );
            }
        }
    }

    /// A request of ours is answered.
    pub(super) fn answered(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        (packet, body): (&Packet<'_>, &[u8]),
        observing: bool,
    ) {
        let Some(call) = self.calls.remove(&request) else {
            return self.observation_ended(moment, request, packet.code());
        };
        // It may have registered anew meanwhile.
        let known = self.clients.get(call.number).map(|_| call.number);
        let endpoint = call.operation.endpoint().unwrap_or_default();
        let number = known.or_else(|| self.clients.named(endpoint));
        let Some((number, client)) = number.and_then(|n| Some((n, self.clients.get_mut(n)?)))
        else {
            let why = "the client has left".to_owned();
            return self.finish(moment, call.target, call.kind, Answer::Refused(why));
        };
        client.under_way = client.under_way.saturating_sub(1);
        let said = (&*client.list, client.version);
        let answer = moment.shared.reply(said, call.base, (packet, body));
        if let Some(subject) = call.observes.filter(|_| observing) {
            client.observations.push(request);
            let endpoint = client.endpoint.clone();
            let watch = Watch {
                number,
                endpoint,
                subject,
                newest: number_of(packet).unwrap_or(0),
            };
            self.observing.insert(request, watch);
        }
        self.finish(moment, call.target, call.kind, answer);
        self.heard(moment, number);
    }

    /// A request of ours will not be answered.
    pub(super) fn unanswered(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        answer: Answer,
    ) {
        let Some(call) = self.calls.remove(&request) else {
            return;
        };
        let held = Held {
            operation: call.operation,
            kind: call.kind,
            target: call.target,
        };
        let Some(client) = self.clients.get_mut(call.number) else {
            return self.finish(moment, held.target, held.kind, answer);
        };
        client.under_way = client.under_way.saturating_sub(1);
        // It has gone to sleep: what it did not answer waits until it is heard again.
        if answer == Answer::Timeout && client.queue_mode {
            client.silent = true;
            return self.keep(moment, call.number, (held, true));
        }
        self.finish(moment, held.target, held.kind, answer);
    }

    /// A client is heard: what waits for it goes out, and what was observed is observed anew.
    pub(super) fn heard(&mut self, moment: &mut Moment<'_>, number: u64) {
        let Some(client) = self.clients.get_mut(number) else {
            return;
        };
        client.heard = moment.now;
        client.silent = false;
        loop {
            let Some(client) = self.clients.get(number) else {
                return;
            };
            if client.waiting.is_empty() || self.holds(moment, client) {
                return;
            }
            let client = self.clients.get_mut(number);
            if let Some(held) = client.and_then(|client| client.waiting.pop_front()) {
                self.send(moment, number, held);
            }
        }
    }

    /// Observes anew what was observed of a client before it registered, or moved.
    pub(super) fn renew(&mut self, moment: &mut Moment<'_>, number: u64, facts: RenewFacts) {
        let Some(client) = self.clients.get_mut(number) else {
            return;
        };
        if !facts.registers && !facts.moves {
            return;
        }
        for request in std::mem::take(&mut client.observations) {
            let Some(watch) = self.forget(moment, request) else {
                continue;
            };
            if !moment.shared.rules.renews(facts) {
                continue;
            }
            let endpoint = watch.endpoint.to_string();
            let subject = watch.subject;
            let operation = match subject.paths[..] {
                [path] if !subject.composite => Operation::Observe {
                    endpoint,
                    path,
                    accept: subject.accept,
                },
                _ => Operation::ObserveComposite {
                    endpoint,
                    paths: subject.paths,
                },
            };
            let held = Held {
                operation,
                kind: Kind::Observe,
                target: Target::Nobody,
            };
            self.begin(moment, number, held);
        }
    }

    /// Says what came of an operation to whoever waits for it.
    pub(super) fn finish(
        &mut self,
        moment: &mut Moment<'_>,
        target: Target,
        kind: Kind,
        answer: Answer,
    ) {
        let answer = moment.shared.rules.tells(answer, TellFacts { kind });
        match target {
            Target::Call(call) => moment.out.answer(call, answer),
            Target::Nobody => {}
            Target::Ticket(ticket) => {
                self.results.insert(ticket, Some(answer));
            }
        }
    }
}
