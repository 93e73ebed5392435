//! Requests of HTTP, and what is shown over TLS where they go.

use std::sync::Arc;

use twinproof_evidence::record::Turn;
use twinproof_kernel::ExchangeId;
use twinproof_kernel::http::{Fault, Request};

use super::queue::Event;
use super::{Flight, LATENCY, Shown, Simulated};
use crate::actor::Stimulus;
use crate::certificates::{Authority, Certificate};
use crate::recorder::authority;
use crate::shelter::lost;
use crate::stage::VIRTUAL;
use crate::tls;

impl Simulated {
    #[expect(clippy::unused_async, reason = "the live stage has to wait here")]
    pub(crate) async fn listen(&mut self, name: &str) -> Result<String, String> {
        let authority = format!("{}.test", name.replace(' ', "-"));
        self.recorder.name_authority(&authority, name);
        self.doors.insert(authority.clone(), name.to_owned());
        Ok(format!("http://{authority}"))
    }

    /// Makes a place where this is shown over TLS.
    pub(crate) async fn listen_shown(
        &mut self,
        name: &str,
        certificate: Certificate,
        tls: impl FnOnce(&str) -> Result<Arc<rustls::ServerConfig>, String>,
    ) -> Result<String, String> {
        let base = self.listen(name).await?;
        let authority = authority(&base).to_owned();
        let base = format!("https://{authority}");
        let tls = tls(&authority)?;
        self.shown.insert(authority, (certificate, tls));
        Ok(base)
    }

    /// From now on everybody here trusts this authority.
    pub(crate) fn trust_authority(&mut self, authority: Arc<Authority>) {
        self.authority = Some(authority);
    }

    /// Shakes hands with who shows something: why nothing is said to them, if so. Only what travels is not
    /// simulated: the certificates and who looks at them are those of the live stage.
    fn examine(&mut self, place: usize, target: usize, request: &Request) -> Result<(), Fault> {
        let host = authority(&request.url);
        let Some((_, server)) = self.shown.get(host) else {
            return Ok(());
        };
        let party = self.places[target].name.clone();
        let parties = (party.as_str(), self.places[place].name.as_str());
        let begun = Turn::Begun {
            ours: false,
            attempt: 1,
        };
        self.recorder.turn(self.now, parties, true, begun);
        if !request.url.starts_with("https://") {
            self.recorder
                .turn(self.now, parties, true, tls::in_the_clear());
            return Err(Fault::Broken("the other end speaks TLS".to_owned()));
        }
        let Some(known) = &self.authority else {
            return Err(Fault::NotSent("nobody is trusted".to_owned()));
        };
        let now = VIRTUAL + self.time_of(place).as_micros() / 1_000_000;
        let client = tls::examiner(known, rustls::RootCertStore::empty(), request.scrutiny, now);
        let shaken = client.and_then(|client| tls::shake_hands(client, Arc::clone(server), host));
        let shaken = shaken.map_err(Fault::NotSent)?;
        let turn = tls::turn(shaken.server.as_ref().copied().map_err(|e| e as _));
        self.recorder.turn(self.now, parties, true, turn);
        let refused = |error| Fault::Unreachable(tls::words(&error));
        shaken.client.map_err(refused)
    }

    /// Whether the network that hides simulated parties does not let a request through.
    fn turns_away(&mut self, place: usize, target: Option<usize>) -> bool {
        let simulated = |place: &usize| self.places[*place].resident.is_none();
        let Some(to) = target.filter(simulated).filter(|_| simulated(&place)) else {
            return false;
        };
        let (from, to) = (&self.places[place].name, &self.places[to].name);
        self.shelter.passes(self.now, from, to) == Some(false)
    }

    pub(super) fn send_request(&mut self, place: usize, exchange: ExchangeId, request: Request) {
        let target = self.target_of(&request);
        if self.struck && self.places[place].resident.is_none() {
            return;
        }
        let refused = target.and_then(|to| self.examine(place, to, &request).err());
        let shown = self.shown.get(authority(&request.url)).cloned();
        let pause = request.scrutiny.pause;
        match (shown, refused) {
            (Some(shown), None) if !pause.is_zero() => {
                let says = Event::Says {
                    place,
                    exchange,
                    request,
                    shown,
                };
                self.schedule(pause, says);
            }
            (_, refused) => self.say(place, (exchange, request), (target, refused)),
        }
    }

    /// Somebody says something who shook hands where this was shown, unless something else is by now.
    pub(super) fn say_late(
        &mut self,
        place: usize,
        (exchange, request): (ExchangeId, Request),
        shown: Shown,
    ) {
        let target = self.target_of(&request);
        let now = self.shown.get(authority(&request.url));
        match (target, now) {
            (Some(to), Some((_, now))) if !Arc::ptr_eq(now, &shown.1) => {
                let parties = (
                    self.places[to].name.as_str(),
                    self.places[place].name.as_str(),
                );
                let turn = tls::too_late(shown.0);
                self.recorder.turn(self.now, parties, true, turn);
                let fault = Fault::Broken("the other end shows something else".to_owned());
                let outcome = Err(&fault);
                self.stimulate(place, Stimulus::Response { exchange, outcome });
            }
            _ => self.say(place, (exchange, request), (target, None)),
        }
    }

    fn target_of(&self, request: &Request) -> Option<usize> {
        let name = self.doors.get(authority(&request.url))?;
        self.place_of(name)
    }

    fn say(
        &mut self,
        place: usize,
        (exchange, mut request): (ExchangeId, Request),
        (target, refused): (Option<usize>, Option<Fault>),
    ) {
        let inside = self.places[place].resident.is_some()
            && target.is_none_or(|target| self.places[target].resident.is_some());
        // What a system does not say is seen by nobody.
        let unsaid = refused.is_some() && self.places[place].resident.is_some();
        let recorded = (!inside && !unsaid).then(|| {
            let (name, length) = (&self.places[place].name, request.body.len() as u64);
            self.recorder
                .request(self.now, name, None, &request, length)
        });
        if let (Some(number), None) = (recorded, &self.places[place].resident) {
            self.places[place].begun.push(number);
        }
        self.exchanges += 1;
        let flight = ExchangeId(self.exchanges);
        self.flights.insert(
            flight,
            Flight {
                from: place,
                exchange,
                recorded,
            },
        );
        if self.turns_away(place, target) {
            let to = target.map_or("", |to| self.places[to].name.as_str());
            let outcome = Err(lost(to));
            self.schedule(
                LATENCY,
                Event::Response {
                    exchange: flight,
                    outcome,
                },
            );
            return;
        }
        if let Some(fault) = refused {
            let outcome = Err(fault);
            self.schedule(
                LATENCY,
                Event::Response {
                    exchange: flight,
                    outcome,
                },
            );
            return;
        }
        match target {
            Some(to) => {
                let host = authority(&request.url).to_owned();
                let start = request.url.find(&host).map_or(0, |at| at + host.len());
                request.url = request.url.split_off(start);
                request.headers.add("Host", host);
                self.schedule(
                    LATENCY,
                    Event::Request {
                        to,
                        exchange: flight,
                        request,
                    },
                );
                self.schedule(
                    self.pace.timeout,
                    Event::Response {
                        exchange: flight,
                        outcome: Err(Fault::TimedOut),
                    },
                );
            }
            None => {
                let why = format!("nothing listens at {}", authority(&request.url));
                let outcome = Err(Fault::Unreachable(why));
                self.schedule(
                    LATENCY,
                    Event::Response {
                        exchange: flight,
                        outcome,
                    },
                );
            }
        }
    }
}
