//! A role on a socket: a system under load of our own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use twinproof_kernel::{Input, Outbox, Output, Role, Time};
use twinproof_sockets::{Arrivals, Clock, Departures, Socket};

/// How long nobody looks whether to go on, at most.
const GLANCE: Duration = Duration::from_millis(50);

/// Lets a role hear and speak on a socket, at this address of its port, until `stop` is set.
///
/// # Errors
///
/// When the system takes the socket away.
pub fn serve<R: Role>(
    role: &mut R,
    shared: &R::Shared,
    (socket, address): (&Socket, Ipv4Addr),
    stop: &AtomicBool,
) -> io::Result<()> {
    let clock = Clock::start();
    let (mut arrivals, mut departures) = (Arrivals::default(), Departures::default());
    let mut out = Outbox::default();
    while !stop.load(Ordering::Relaxed) {
        let count = socket.receive(&mut arrivals)?;
        for index in 0..count {
            let Some(arrival) = arrivals.take(index, socket.port()) else {
                continue;
            };
            let (at, from) = (arrival.at.into(), arrival.from.into());
            let bytes = arrival.bytes;
            let input = Input::Datagram { at, from, bytes };
            role.handle(shared, Time::ZERO + clock.now(), input, &mut out);
            post(&mut out, address, &mut departures);
        }
        let now = Time::ZERO + clock.now();
        if role.next_deadline().is_some_and(|at| at <= now) {
            role.handle(shared, now, Input::Wake, &mut out);
            post(&mut out, address, &mut departures);
        }
        socket.send(&mut departures)?;
        if count == 0 {
            let next = role.next_deadline().map_or(GLANCE, |at| at.since(now));
            socket.wait(next.min(GLANCE))?;
        }
    }
    Ok(())
}

fn post<A>(out: &mut Outbox<A>, address: Ipv4Addr, departures: &mut Departures) {
    let (outputs, bytes) = out.take();
    for output in outputs {
        if let Output::Datagram {
            to: SocketAddr::V4(to),
            range,
            ..
        } = output
        {
            departures.push(address, to, &bytes[range]);
        }
    }
    out.clear();
}
