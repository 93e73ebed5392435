//! What a client of HTTP itself costs: the same requests, without anybody who thinks about them.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};
use twinproof_kernel::http::Request;
use twinproof_kernel::{CallId, Input, Outbox, Output, Role as _, Time};
use twinproof_sockets::{Poll, cpu_of_thread};
use twinproof_twinning::device::{Access, Device, Order, Provision};
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::tree::{Document, Format};

use super::straight::{Straight, place, write};
use crate::floor::{each, median};
use crate::run::NoRun;

/// How many exchanges are under way at any time, each on a connection of its own, on either side.
const WINDOW: usize = 32;

/// How long it takes for nobody to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much is read at a time, in octets.
const ROOM: usize = 4_096;

/// What every request is answered with: a list with a twinning in it.
const LIST: &str = r#"{"twinningList":{"twinning":[{"otherDevice":{"address":"tel:+12025550101","name":"a watch"},"twinningRole":"Primary","twinningStatus":"On","duration":86400,"clientCorrelator":"1f0c","resourceURL":"http://127.0.0.1/exampleAPI/twinning/v1/tel%3A%2B12025550100/twinnings/t1"}],"resourceURL":"http://127.0.0.1/exampleAPI/twinning/v1/tel%3A%2B12025550100/twinnings"}}"#;

/// What an exchange over HTTP costs, step by step from nobody to a device.
#[derive(Clone, Debug, PartialEq)]
pub struct WebFloor {
    /// How many devices there were.
    pub devices: u32,
    /// Round by round.
    pub rounds: Vec<WebRound>,
}

/// A round, in which one came after the other: processor time for an exchange, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WebRound {
    /// Of a loop that sends the same, and looks at no more of the response than how long it is.
    pub bare_us: f64,
    /// Of the client that carries what devices say, which reads the response whole.
    pub client_us: f64,
    /// Of a device that says it by that client, and knows what it is told.
    pub ours_us: f64,
}

impl WebFloor {
    /// The shares that a bare loop would need of what the client alone takes, and of what devices take: medians of the
    /// rounds, at best 1.
    pub fn ratios(&self) -> Option<(f64, f64)> {
        let median = |of: fn(&WebRound) -> f64| {
            let mut ratios: Vec<f64> = self.rounds.iter().map(of).collect();
            median(&mut ratios)
        };
        let client = median(|round| round.bare_us / round.client_us)?;
        Some((client, median(|round| round.bare_us / round.ours_us)?))
    }
}

/// Measures in so many rounds of this length, of which each has three parts: devices that list their twinnings again and again,
/// their client that asks the same for nobody, and a bare loop that sends the same requests; all against a server that does
/// nothing but answer.
///
/// # Errors
///
/// When the system takes sockets or clocks away, or the server does not answer.
pub fn floor_web(devices: u32, rounds: u32, length: Duration) -> Result<WebFloor, NoRun> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let target = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let access = Access {
        base_url: format!("http://{target}/exampleAPI"),
        token_url: None,
        revoke_url: None,
        notification_channel: None,
        knobs: Knobs::default(),
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let server = scope.spawn(|| echo(&listener, &stop));
        let rounds = (|| {
            let mut bare = Bare::new(target, &access)?;
            let ours = Ours::new(access, devices)?;
            // The first round warms caches up.
            let all = (0..=rounds).map(|_| {
                Ok(WebRound {
                    bare_us: bare.measure(length / 3)?,
                    client_us: ours.measure(length / 3, false)?,
                    ours_us: ours.measure(length / 3, true)?,
                })
            });
            all.collect::<io::Result<Vec<WebRound>>>()
        })();
        stop.store(true, Ordering::Relaxed);
        // A thread that panics is our fault and told where it happens.
        let _ = server.join();
        Ok(WebFloor {
            devices,
            rounds: rounds?.split_off(1),
        })
    })
}

/// What a device asks that lists its twinnings.
fn asks(device: &mut Device, access: &Access, out: &mut Outbox<Answer>) -> Option<Asked> {
    let (call, order) = (CallId(0), Order::List);
    device.handle(access, Time::ZERO, Input::Order { call, order }, out);
    out.drain().find_map(|output| match output {
        Output::Request { exchange, request } => Some((exchange, request)),
        _ => None,
    })
}

type Answer = twinproof_twinning::device::Answer;
type Asked = (twinproof_kernel::ExchangeId, Request);

/// A device of ours.
fn device() -> Device {
    let provision = Provision {
        address: "tel:+12025550100".to_owned(),
        token: "1f0c6b3e5d2a4890".to_owned(),
        client: None,
    };
    Device::new(provision, Format::Json)
}

/// Devices, and what carries what they say.
struct Ours {
    /// What one of them asks.
    request: Request,
    access: Access,
    devices: Vec<Cell<Option<Device>>>,
    straight: Straight,
    runtime: tokio::runtime::Runtime,
    turn: Cell<usize>,
    answered: Cell<u64>,
}

impl Ours {
    fn new(access: Access, devices: u32) -> io::Result<Rc<Self>> {
        let devices = (0..devices.max(WINDOW as u32)).map(|_| Cell::new(Some(device())));
        let asked = asks(&mut device(), &access, &mut Outbox::default());
        let (_, request) = asked.ok_or_else(nothing)?;
        Ok(Rc::new(Self {
            request,
            access,
            devices: devices.collect(),
            straight: Straight::new(PATIENCE),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            turn: Cell::new(0),
            answered: Cell::new(0),
        }))
    }

    /// Has devices list their twinnings for so long, or their client ask the same for nobody.
    fn measure(self: &Rc<Self>, length: Duration, with_devices: bool) -> io::Result<f64> {
        let (before, ends, cpu) = (
            self.answered.get(),
            Instant::now() + length,
            cpu_of_thread()?,
        );
        let local = LocalSet::new();
        local.block_on(&self.runtime, async {
            let mut all = JoinSet::new();
            for _ in 0..WINDOW {
                let ours = Rc::clone(self);
                all.spawn_local(async move {
                    while Instant::now() < ends
                        && match with_devices {
                            true => ours.lists().await,
                            false => ours.fetches().await,
                        }
                    {}
                });
            }
            while all.join_next().await.is_some() {}
        });
        each(cpu_of_thread()? - cpu, self.answered.get() - before)
    }

    /// A device lists its twinnings. Says whether it was answered.
    async fn lists(&self) -> bool {
        let turn = self.turn.get();
        self.turn.set((turn + 1) % self.devices.len());
        let Some(mut device) = self.devices[turn].take() else {
            return false;
        };
        let mut out = Outbox::default();
        let mut is_answered = false;
        if let Some((exchange, request)) = asks(&mut device, &self.access, &mut out)
            && let Some(place) = place(&request.url)
        {
            let outcome = self.straight.fetch(place, &request).await;
            let heard = device.takes(&self.access, exchange, outcome);
            is_answered = heard.is_some_and(|heard| {
                heard.answer.is_ok() && heard.document.is_some_and(|list| self.has_one(&list))
            });
        }
        self.devices[turn].set(Some(device));
        self.answered
            .set(self.answered.get() + u64::from(is_answered));
        is_answered
    }

    /// The client asks for a list of twinnings. Says whether it came whole.
    async fn fetches(&self) -> bool {
        let Some(place) = place(&self.request.url) else {
            return false;
        };
        let outcome = self.straight.fetch(place, &self.request).await;
        let is_whole = outcome.is_ok_and(|response| response.body == LIST.as_bytes());
        self.answered.set(self.answered.get() + u64::from(is_whole));
        is_whole
    }

    /// Whether a list has a twinning, as devices look at it.
    fn has_one(&self, list: &Document) -> bool {
        let name = &self.access.knobs.names.twinning;
        list.tree.children(name).next().is_some()
    }
}

fn nothing() -> io::Error {
    io::Error::other("the device asks nothing")
}

/// A loop that sends, and counts what comes back.
struct Bare {
    poll: Poll,
    connections: Vec<TcpStream>,
    request: Vec<u8>,
}

impl Bare {
    fn new(target: SocketAddr, access: &Access) -> io::Result<Self> {
        let (mut device, mut out) = (device(), Outbox::default());
        let asked = asks(&mut device, access, &mut out);
        let (_, request) = asked.ok_or_else(nothing)?;
        let place = place(&request.url).ok_or_else(|| io::Error::other(request.url.clone()))?;
        let mut said = Vec::new();
        write(&mut said, place, &request).map_err(|why| io::Error::other(why.to_string()))?;
        let poll = Poll::new()?;
        let mut connections = Vec::new();
        for number in 0..WINDOW {
            let stream = TcpStream::connect(target)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            poll.add(&stream, number as u64)?;
            connections.push(stream);
        }
        Ok(Self {
            poll,
            connections,
            request: said,
        })
    }

    fn measure(&mut self, length: Duration) -> io::Result<f64> {
        let (began, cpu) = (Instant::now(), cpu_of_thread()?);
        let (mut answered, mut under_way, mut heard) = (0, 0, began);
        for stream in &mut self.connections {
            stream.write_all(&self.request)?;
            under_way += 1;
        }
        let mut buffer = [0; ROOM];
        while under_way > 0 && heard.elapsed() < PATIENCE {
            let ready = self.poll.wait(Duration::from_millis(10))?;
            let goes_on = began.elapsed() < length;
            for number in ready {
                let stream = &mut self.connections[number as usize];
                let count = stream.read(&mut buffer)?;
                if !is_whole(&buffer[..count]) {
                    return Err(io::Error::other("an answer that did not come in one piece"));
                }
                answered += 1;
                heard = Instant::now();
                match goes_on {
                    true => stream.write_all(&self.request)?,
                    false => under_way -= 1,
                }
            }
        }
        each(cpu_of_thread()? - cpu, answered)
    }
}

/// Whether a response is as long as it says it is.
fn is_whole(response: &[u8]) -> bool {
    const LENGTH: &[u8] = b"content-length: ";
    let Some(ends) = response.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = &response[..ends];
    let said = head.windows(LENGTH.len()).position(|some| some == LENGTH);
    let digits = said.map(|at| head[at + LENGTH.len()..].iter());
    let digits = digits.map(|all| all.take_while(|octet| octet.is_ascii_digit()));
    let length = digits.map(|all| all.fold(0, |sum, octet| sum * 10 + usize::from(octet - b'0')));
    length == Some(response.len() - ends - 4)
}

/// Answers whatever is asked with the same list, and thinks of nothing.
fn echo(listener: &TcpListener, stop: &AtomicBool) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{LIST}",
        LIST.len()
    );
    let poll = Poll::new()?;
    poll.add(listener, u64::from(u32::MAX))?;
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut buffer = [0; ROOM];
    while !stop.load(Ordering::Relaxed) {
        for number in poll.wait(Duration::from_millis(10))? {
            if number == u32::MAX {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    poll.add(&stream, connections.len() as u64)?;
                    connections.push(Some(stream));
                }
                continue;
            }
            let Some(place) = connections.get_mut(number as usize) else {
                continue;
            };
            let said = place.as_mut().map(|stream| match stream.read(&mut buffer) {
                Ok(count) if buffer[..count].ends_with(b"\r\n\r\n") => {
                    stream.write_all(answer.as_bytes())
                }
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                other => other.map(drop),
            });
            // Who has gone is not waited for.
            if said.is_some_and(|said| said.is_err()) {
                *place = None;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_a_bare_loop_ask_the_same_of_the_same_server() {
        let floor = floor_web(40, 2, Duration::from_millis(300)).unwrap();
        assert_eq!((floor.devices, floor.rounds.len()), (40, 2));
        for round in &floor.rounds {
            let WebRound {
                bare_us,
                client_us,
                ours_us,
            } = *round;
            assert!(
                [bare_us, client_us, ours_us].iter().all(|us| *us > 0.0),
                "{round:?}"
            );
        }
        let (client, ours) = floor.ratios().unwrap();
        assert!(client > 0.0 && ours > 0.0, "{floor:?}");
        assert!(is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"));
    }
}
