//! A role on a socket: a system under load of our own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use twinproof_dtls::{Ended, Event, Identity, Progress, Transport};
use twinproof_kernel::{CallId, Input, Outbox, Output, Role, Time};
use twinproof_sockets::{Arrivals, Clock, Departures, Socket};

/// How long nobody looks whether to go on, at most.
const GLANCE: Duration = Duration::from_millis(50);

/// Where those speak to a role who are not its peers.
pub(crate) const DESK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Who brings a role the orders of those who speak to it at another address, and them its answers.
pub(crate) trait Desk<R: Role> {
    /// Whether a datagram to this address is none of the role's own.
    fn is_for(&self, at: SocketAddr) -> bool;

    /// What a datagram orders, if anything.
    fn hear(&mut self, from: SocketAddr, bytes: &[u8]) -> Option<(CallId, R::Order)>;

    /// What the role is asked after each input.
    fn looks(&self) -> Option<(CallId, R::Order)>;

    /// Tells what the role answers.
    fn answer(&mut self, call: CallId, answer: R::Answer, tell: &mut dyn FnMut(SocketAddr, &[u8]));
}

/// Nobody orders anything.
struct Unattended;

impl<R: Role> Desk<R> for Unattended {
    fn is_for(&self, _: SocketAddr) -> bool {
        false
    }

    fn hear(&mut self, _: SocketAddr, _: &[u8]) -> Option<(CallId, R::Order)> {
        None
    }

    fn looks(&self) -> Option<(CallId, R::Order)> {
        None
    }

    fn answer(&mut self, _: CallId, _: R::Answer, _: &mut dyn FnMut(SocketAddr, &[u8])) {}
}

/// Lets a role hear and speak on a socket, at this address of its port, until `stop` is set.
///
/// # Errors
///
/// When the system takes the socket away.
pub fn serve<R: Role>(
    role: &mut R,
    shared: &R::Shared,
    place: (&Socket, IpAddr),
    stop: &AtomicBool,
) -> io::Result<()> {
    serve_at(role, shared, place, &mut Unattended, stop)
}

/// As [`serve`], with somebody at the desk.
pub(crate) fn serve_at<R: Role, D: Desk<R>>(
    role: &mut R,
    shared: &R::Shared,
    place: (&Socket, IpAddr),
    desk: &mut D,
    stop: &AtomicBool,
) -> io::Result<()> {
    serve_behind(role, shared, (place, None), desk, stop)
}

/// As [`serve_at`], of a role whose peers come over associations, if there are any.
pub(crate) fn serve_behind<R: Role, D: Desk<R>>(
    role: &mut R,
    shared: &R::Shared,
    ((socket, address), mut transport): ((&Socket, IpAddr), Option<Transport>),
    desk: &mut D,
    stop: &AtomicBool,
) -> io::Result<()> {
    let clock = Clock::start();
    let (mut arrivals, mut departures) = (Arrivals::default(), Departures::default());
    let mut out = Outbox::default();
    while !stop.load(Ordering::Relaxed) {
        let count = socket.receive(&mut arrivals)?;
        for index in 0..count {
            let Some(arrival) = arrivals.take(index) else {
                continue;
            };
            let (at, from) = (arrival.at, arrival.from);
            let bytes = arrival.bytes;
            let now = Time::ZERO + clock.now();
            if let Some(transport) = &mut transport
                && !desk.is_for(arrival.at)
            {
                transport.receive(now, from, bytes);
                let gate = &mut Gate {
                    transport,
                    place: at,
                    departures: &mut departures,
                };
                gate.pass(role, shared, (now, desk), &mut out);
                continue;
            }
            let input = match desk.is_for(arrival.at) {
                false => Input::Datagram { at, from, bytes },
                true => match desk.hear(arrival.from, bytes) {
                    Some((call, order)) => Input::Order { call, order },
                    None => continue,
                },
            };
            role.handle(shared, now, input, &mut out);
            if let Some((call, order)) = desk.looks() {
                role.handle(shared, now, Input::Order { call, order }, &mut out);
            }
            let way = (address, transport.as_mut());
            post(&mut out, (now, way), desk, &mut departures);
        }
        let now = Time::ZERO + clock.now();
        if role.next_deadline().is_some_and(|at| at <= now) {
            role.handle(shared, now, Input::Wake, &mut out);
            let way = (address, transport.as_mut());
            post(&mut out, (now, way), desk, &mut departures);
        }
        if let Some(transport) = &mut transport {
            // What the role has said in this turn leaves with it, and so does what is due.
            transport.wake(now);
            let gate = &mut Gate {
                transport,
                place: SocketAddr::from((address, socket.port())),
                departures: &mut departures,
            };
            gate.pass(role, shared, (now, desk), &mut out);
        }
        socket.send(&mut departures)?;
        if count == 0 {
            let sealed = transport.as_ref().and_then(Transport::next_deadline);
            let next = role.next_deadline().into_iter().chain(sealed).min();
            let next = next.map_or(GLANCE, |at| at.since(now));
            socket.wait(next.min(GLANCE))?;
        }
    }
    Ok(())
}

/// What lies between a role and peers that come over associations.
struct Gate<'g> {
    transport: &'g mut Transport,
    /// The role's own address.
    place: SocketAddr,
    departures: &'g mut Departures,
}

impl Gate<'_> {
    /// Lets through what the transport has to say, until it has nothing more.
    fn pass<R: Role, D: Desk<R>>(
        &mut self,
        role: &mut R,
        shared: &R::Shared,
        (now, desk): (Time, &mut D),
        out: &mut Outbox<R::Answer>,
    ) {
        let at = self.place;
        while let Some(event) = self.transport.poll() {
            match event {
                Event::Transmit { to, datagram } => {
                    self.departures.push(at, to, &datagram);
                    continue;
                }
                Event::Received { from, data } => {
                    let bytes = &data;
                    role.handle(shared, now, Input::Datagram { at, from, bytes }, out);
                }
                Event::Association { peer, progress } => {
                    let identity = match &progress {
                        Progress::Established(established) => Some(octets(&established.peer)),
                        Progress::Begun { .. }
                        | Progress::Ended {
                            how: Ended::Superseded,
                            ..
                        } => continue,
                        Progress::Ended { .. } => None,
                    };
                    let said = Input::Associated { at, peer, identity };
                    role.handle(shared, now, said, out);
                }
                // Who is not there any more is not reached; peers begin, and we never do.
                _ => continue,
            }
            if let Some((call, order)) = desk.looks() {
                role.handle(shared, now, Input::Order { call, order }, out);
            }
            let way = (at.ip(), Some(&mut *self.transport));
            post(out, (now, way), desk, self.departures);
        }
    }
}

/// What a peer has shown.
fn octets(identity: &Identity) -> &[u8] {
    match identity {
        Identity::Psk(octets) | Identity::Certificate(octets) => octets,
        Identity::Anonymous => &[],
    }
}

fn post<R: Role, D: Desk<R>>(
    out: &mut Outbox<R::Answer>,
    (now, (address, mut transport)): (Time, (IpAddr, Option<&mut Transport>)),
    desk: &mut D,
    departures: &mut Departures,
) {
    let (outputs, bytes) = out.take();
    for output in outputs {
        match output {
            Output::Datagram { to, range, .. } => match (&mut transport, to) {
                (Some(transport), to) => transport.send(now, to, &bytes[range]),
                (None, to) => departures.push((address, 0), to, &bytes[range]),
            },
            Output::Answer { call, answer } => {
                let tell = &mut |to, bytes: &[u8]| departures.push((DESK, 0), to, bytes);
                desk.answer(call, answer, tell);
            }
            _ => {}
        }
    }
    out.clear();
}
