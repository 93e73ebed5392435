//! How everything travels: at once, as far as the network lets it.

use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_dm::client;
use twinproof_dm::syncml::{Command, Data, Message};
use twinproof_dm::{Encoding, Limits};
use twinproof_gwmo::alert::Report;

use twinproof_gwmo::lines;
use twinproof_gwmo::manager::{Answer, Order};
use twinproof_kernel::http::{Fault, Request, Response};
use twinproof_kernel::{Change, ExchangeId, Input, Outbox, Output, Role};

use super::people::{lines_at, simple_at};
use super::{Deaf, FIRMWARE, HOSTS, Heard, Party, World};

/// The device that a request is for.
fn addressee(request: &Request) -> Option<usize> {
    let host = request.url.split('/').nth(2)?;
    host.strip_prefix('d')?.parse().ok()
}

impl World {
    /// Carries what there is until nobody has anything.
    pub(super) fn settle(&mut self) {
        loop {
            if let Some((from, to, octets)) = self.datagrams.pop_front() {
                self.carry_datagram(from, to, &octets);
            } else if let Some((from, exchange, request)) = self.pending.pop_front() {
                self.exchange(from, exchange, request);
            } else {
                return;
            }
        }
    }

    pub(super) fn exchange(&mut self, from: Party, exchange: ExchangeId, request: Request) {
        if let (Party::Gateway(_), Some(number)) = (from, addressee(&request))
            && self.place(number).slow
        {
            return self.held.push((from, exchange, request));
        }
        let outcome = self.carry(from, &request);
        let outcome = outcome.as_ref();
        match from {
            Party::Server => self.tell_server(Input::Response { exchange, outcome }),
            Party::Gateway(site) => self.tell_gateway(site, Input::Response { exchange, outcome }),
            Party::Device(number) => {
                let died = std::mem::take(&mut self.place(number).dies);
                self.place(number).unplugged |= died;
                let outcome = if died { Err(&Fault::TimedOut) } else { outcome };
                self.tell_device(number, Input::Response { exchange, outcome })
            }
        }
    }

    /// Datagrams pass between a gateway and the devices behind it.
    pub(super) fn carry_datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let here = |own: SocketAddr, of: &World| {
            let index = (0..of.simple.len()).find(|index| simple_at(index + 1) == own)?;
            let place = &of.places[of.devices.len() + index];
            (!place.unplugged).then_some((index, place.site))
        };
        if let Some((_, site)) = here(from, self) {
            if lines_at(site) == to {
                let at = to;
                self.tell_gateway(site, Input::Datagram { at, from, bytes });
            }
        } else if let Some((index, site)) = here(to, self)
            && lines_at(site) == from
        {
            let at = to;
            self.tell_simple(index, Input::Datagram { at, from, bytes });
        }
    }

    pub(super) fn carry(&mut self, from: Party, request: &Request) -> Result<Response, Fault> {
        let unreachable = || Fault::Unreachable("nobody there".to_owned());
        let host = request.url.split('/').nth(2).unwrap_or_default().to_owned();
        let path = request.path().to_owned();
        let received = Request {
            url: path,
            ..request.clone()
        };
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges << 32);
        let input = || Input::Request {
            exchange,
            request: &received,
        };
        match &*host {
            "server" if self.cut => Err(unreachable()),
            "server" => {
                if let Party::Device(number) = from {
                    self.network
                        .outward(self.now, &format!("d{number}"), "server");
                }
                let response = self.serve(Party::Server, input()).ok_or_else(unreachable)?;
                if let Party::Gateway(site) = from {
                    self.overhear(site, request, &response);
                }
                Ok(response)
            }
            host if HOSTS.contains(&host) => {
                let site = HOSTS.iter().position(|known| *known == host).unwrap();
                if let Party::Device(number) = from
                    && (self.place(number).unplugged || self.place(number).site != site)
                {
                    return Err(unreachable());
                }
                let party = Party::Gateway(site);
                self.serve(party, input()).ok_or_else(unreachable)
            }
            "origin" if received.url == "/firmware" => {
                self.fetched += 1;
                Ok(Response::new(200).with_body("application/octet-stream", FIRMWARE.to_vec()))
            }
            "origin" => Ok(Response::new(404)),
            device => {
                let number: usize = device.trim_start_matches('d').parse().unwrap();
                let crosses = match from {
                    Party::Server => self.network.inward(self.now, "server", device),
                    Party::Gateway(site) => self.place(number).site == site,
                    Party::Device(_) => true,
                };
                if self.place(number).unplugged || !crosses {
                    return Err(unreachable());
                }
                self.serve(Party::Device(number), input())
                    .ok_or_else(unreachable)
            }
        }
    }

    pub(super) fn serve(
        &mut self,
        party: Party,
        input: Input<'_, std::convert::Infallible>,
    ) -> Option<Response> {
        match party {
            Party::Server => {
                let mut out = Outbox::default();
                self.manager
                    .handle(&self.managers, self.now, input.of_any_order(), &mut out);
                self.take_server(out)
            }
            Party::Gateway(site) => {
                let mut out = Outbox::default();
                self.sites[site]
                    .gateway
                    .handle(&self.gateways, self.now, input, &mut out);
                self.take(party, out)
            }
            Party::Device(number) => {
                let mut out = Outbox::default();
                let shared = self.shared_of(number);
                let device = &mut self.devices[number - 1];
                device.handle(&shared, self.now, input.of_any_order(), &mut out);
                self.take(Party::Device(number), out)
            }
        }
    }

    pub(super) fn shared_of(&self, number: usize) -> client::Shared {
        let mut shared = self.clients.clone();
        if self.places[number - 1].deaf {
            shared.rules = Arc::new(Deaf);
        }
        shared
    }

    pub(super) fn tell_server(&mut self, input: Input<'_, Order>) {
        let mut out = Outbox::default();
        self.manager
            .handle(&self.managers, self.now, input, &mut out);
        self.take_server(out);
    }

    pub(super) fn tell_gateway(&mut self, site: usize, input: Input<'_, std::convert::Infallible>) {
        self.serve(Party::Gateway(site), input);
    }

    pub(super) fn tell_simple(&mut self, index: usize, input: Input<'_, lines::Order>) {
        let mut out = Outbox::default();
        self.simple[index].handle(&(), self.now, input, &mut out);
        self.take(Party::Server, out);
    }

    pub(super) fn tell_device(&mut self, number: usize, input: Input<'_, client::Order>) {
        let mut out = Outbox::default();
        let shared = self.shared_of(number);
        self.devices[number - 1].handle(&shared, self.now, input, &mut out);
        self.take(Party::Device(number), out);
    }

    pub(super) fn take_server(&mut self, mut out: Outbox<Answer>) -> Option<Response> {
        let mut responded = None;
        for output in out.drain() {
            match output {
                Output::Answer { call, answer } => {
                    self.answers.insert(call, answer);
                }
                Output::Request { exchange, request } => {
                    self.pending.push_back((Party::Server, exchange, request));
                }
                Output::Respond { response, .. } => responded = Some(response),
                other => panic!("{other:?}"),
            }
        }
        responded
    }

    pub(super) fn take<A: std::fmt::Debug>(
        &mut self,
        party: Party,
        mut out: Outbox<A>,
    ) -> Option<Response> {
        let mut responded = None;
        let (outputs, bytes) = out.take();
        for output in outputs {
            match (output, party) {
                (Output::Request { exchange, request }, _) => {
                    self.pending.push_back((party, exchange, request));
                }
                (Output::Respond { response, .. }, _) => responded = Some(response),
                (Output::Persist { changes, .. }, Party::Gateway(site)) => {
                    let stored = &mut self.sites[site].stored;
                    for change in changes {
                        match change {
                            Change::Put(key, value) => stored.insert(key, value),
                            Change::Delete(key) => stored.remove(&key),
                        };
                    }
                }
                (Output::Answer { .. }, _) => {}
                (Output::Datagram { at, to, range }, _) => {
                    self.datagrams.push_back((at, to, bytes[range].to_vec()));
                }
                (other, _) => panic!("{other:?}"),
            }
        }
        responded
    }

    /// What the gateway reports in a message whose header the server has accepted.
    pub(super) fn overhear(&mut self, site: usize, request: &Request, response: &Response) {
        let read = |octets: &[u8], content: &str| {
            let encoding = Encoding::from_content_type(content)?;
            let element = encoding.read(octets, &Limits::default()).ok()?;
            Message::from_element(element).ok()
        };
        let content = |headers: &twinproof_kernel::http::Headers| {
            headers.first("Content-Type").unwrap_or_default().to_owned()
        };
        let answer = read(&response.body, &content(&response.headers)).unwrap();
        let accepted = answer.message.commands.iter().any(|command| {
            matches!(command, Command::Status(s) if s.cmd_ref == "0" && s.code.is_success())
        });
        let said = read(&request.body, &content(&request.headers)).unwrap();
        for command in said.message.commands.iter().filter(|_| accepted) {
            let Command::Alert(alert) = command else {
                continue;
            };
            for item in &alert.items {
                let kind = item
                    .meta
                    .as_ref()
                    .and_then(|meta| meta.media_type.as_deref());
                let value = item
                    .data
                    .as_ref()
                    .and_then(Data::as_text)
                    .unwrap_or_default();
                if let Some(report) = kind.and_then(Report::of) {
                    self.heard.push(Heard {
                        site,
                        report,
                        correlator: alert.correlator.clone(),
                        value: value.to_owned(),
                    });
                }
            }
        }
    }
}
