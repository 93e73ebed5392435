//! A bootstrap under way.

use std::collections::VecDeque;
use std::net::SocketAddr;

use twinproof_coap::endpoint::RequestId;
use twinproof_coap::{Code, ContentFormat, Message, Type};
use twinproof_kernel::Time;

use super::configuration::{Configuration, Step};
use super::rules::{GiveFacts, OutcomeFacts, SilenceFacts, StepFacts, WriteFacts};
use super::{BOOTSTRAP, BootstrapServer, Moment, Outcome};
use crate::wire::{self, Direction, Entry, Path};

/// A bootstrap of one device.
#[derive(Debug)]
pub(super) struct Session {
    peer: SocketAddr,
    /// Whose configuration the device is given.
    given: String,
    format: ContentFormat,
    ahead: VecDeque<Step>,
    /// The request that has to be answered before anything else happens, and what it is.
    call: Option<(RequestId<SocketAddr>, Step)>,
    heard: Time,
    /// When it is given up unless something is heard.
    pub(super) gives_up: Time,
}

impl BootstrapServer {
    /// Opens a bootstrap, in the place of one that was under way.
    pub(super) fn open(
        &mut self,
        moment: &mut Moment<'_>,
        endpoint: &str,
        peer: SocketAddr,
        format: ContentFormat,
    ) {
        let shared = moment.shared;
        if let Some(Session {
            call: Some((request, _)),
            ..
        }) = self.sessions.remove(endpoint)
        {
            self.with_layer(moment, |layer, turn| layer.forget(turn, request));
        }
        let given = shared.rules.gives(GiveFacts {
            name: endpoint,
            other: self.sessions.keys().next().map(String::as_str),
            first: shared.configurations.keys().next().map(String::as_str),
        });
        let nothing = Configuration::default();
        let configuration = shared.configurations.get(&given).unwrap_or(&nothing);
        let steps = shared.rules.steps(StepFacts {
            configuration,
            manner: shared.manner,
        });
        let session = Session {
            peer,
            given,
            format,
            ahead: steps.into(),
            call: None,
            heard: moment.now,
            gives_up: moment.now + shared.parameters.exchange_lifetime(),
        };
        self.sessions.insert(endpoint.to_owned(), session);
        self.outcomes.insert(endpoint.to_owned(), Outcome::UnderWay);
    }

    /// Takes the next step of a bootstrap that waits for nothing.
    pub(super) fn go_on(&mut self, moment: &mut Moment<'_>, endpoint: &str) {
        let Some(session) = self.sessions.get_mut(endpoint) else {
            return;
        };
        if session.call.is_some() {
            return;
        }
        // Without an end of the steps, what follows is silence.
        let Some(step) = session.ahead.pop_front() else {
            return;
        };
        let (peer, format, given) = (session.peer, session.format, session.given.clone());
        let message = match request(moment, endpoint, &given, step, format) {
            Ok(message) => message,
            Err(why) => return self.end(endpoint, Outcome::Failed(why)),
        };
        let asked = self.with_layer(moment, |layer, turn| {
            layer.request(turn, peer, Type::Con, message)
        });
        match (asked, self.sessions.get_mut(endpoint)) {
            (Ok(request), Some(session)) => session.call = Some((request, step)),
            (Ok(_), None) => {}
            (Err(error), _) => self.end(endpoint, Outcome::Failed(error.to_string())),
        }
    }

    fn end(&mut self, endpoint: &str, outcome: Outcome) {
        self.sessions.remove(endpoint);
        self.outcomes.insert(endpoint.to_owned(), outcome);
    }

    /// Whose step a request is.
    fn step_of(&self, request: RequestId<SocketAddr>) -> Option<(String, Step)> {
        self.sessions.iter().find_map(|(endpoint, session)| {
            let (own, step) = session.call?;
            (own == request).then(|| (endpoint.clone(), step))
        })
    }

    /// A device has answered.
    pub(super) fn answered(
        &mut self,
        moment: &mut Moment<'_>,
        request: RequestId<SocketAddr>,
        code: Code,
    ) {
        let Some((endpoint, step)) = self.step_of(request) else {
            return;
        };
        let rules = &moment.shared.rules;
        if let Some(session) = self.sessions.get_mut(&endpoint) {
            session.call = None;
            session.heard = moment.now;
            session.gives_up = moment.now + moment.shared.parameters.exchange_lifetime();
        }
        let facts = OutcomeFacts { step, code };
        if rules.has_succeeded(facts) {
            return self.end(&endpoint, Outcome::Succeeded);
        }
        if !rules.goes_on(facts) {
            let why = format!("the device answered {code} to {step:?}");
            return self.end(&endpoint, Outcome::Failed(why));
        }
        self.go_on(moment, &endpoint);
    }

    /// A device will not answer any more.
    pub(super) fn unanswered(&mut self, request: RequestId<SocketAddr>, why: &str) {
        if let Some((endpoint, step)) = self.step_of(request) {
            self.end(&endpoint, Outcome::Failed(format!("{why} to {step:?}")));
        }
    }

    /// Ends what nothing was heard of for too long.
    pub(super) fn give_up(&mut self, moment: &mut Moment<'_>) {
        let limit = moment.shared.parameters.exchange_lifetime();
        let mut silent = Vec::new();
        for (endpoint, session) in &mut self.sessions {
            if session.gives_up > moment.now {
                continue;
            }
            let facts = SilenceFacts {
                silent: moment.now.since(session.heard),
                limit,
            };
            match moment.shared.rules.gives_up(facts) {
                true => silent.push(endpoint.clone()),
                false => session.gives_up = moment.now + limit,
            }
        }
        for endpoint in silent {
            let why = format!("nothing was heard of the device for {} s", limit.as_secs());
            self.end(&endpoint, Outcome::Failed(why));
        }
    }
}

/// The request of a step.
fn request(
    moment: &Moment<'_>,
    endpoint: &str,
    given: &str,
    step: Step,
    format: ContentFormat,
) -> Result<Message, String> {
    let to = |code, path: Path| Message::new(code).path(&path.to_string());
    Ok(match step {
        Step::Delete(path) => to(Code::DELETE, path),
        Step::Discover(path) => to(Code::GET, path).accept(ContentFormat::LINK_FORMAT),
        Step::Finish => Message::new(Code::POST).path(BOOTSTRAP),
        Step::Write(path) => {
            let nothing = Configuration::default();
            let configuration = moment.shared.configurations.get(given).unwrap_or(&nothing);
            let own = configuration.values.iter();
            let own: Vec<Entry> = own.filter(|e| e.path.is_within(path)).cloned().collect();
            let facts = WriteFacts {
                name: endpoint,
                configuration,
            };
            let values = moment.shared.rules.writes(own, facts);
            let payload = wire::encode(format, Direction::Write, path, &values);
            let payload = payload.map_err(|error| error.to_string())?;
            to(Code::PUT, path).content_format(format).payload(payload)
        }
    })
}
