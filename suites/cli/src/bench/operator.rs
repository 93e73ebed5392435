//! The upper tester of a server that runs elsewhere, as an operator whom the generator hears.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::LocalSet;
use twinproof_conformance::network;
use twinproof_judge::profile::{Profile, UpperTester};
use twinproof_load::upper::{Answer, Operation};
use twinproof_load::{Ask, Said};
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};
use twinproof_upper::Hands;

use crate::problem::Problem;
use crate::profile;

/// How many operations are under way at an upper tester at any time; more wait for their turn, which is part of how long
/// they take.
const AT_ONCE: usize = 64;

/// How often an upper tester is asked what has happened.
const OFTEN: Duration = Duration::from_millis(100);

/// How long a datagram may be that asks something, in octets.
const ROOM: usize = 2_048;

/// Carries what the generator asks to an upper tester, and back what that says; until it is dropped.
pub(crate) struct Operator {
    pub(crate) address: SocketAddrV4,
    _until: oneshot::Sender<()>,
}

impl Operator {
    /// Brings the upper tester that this profile describes.
    pub(crate) fn start(file: &Path) -> Result<Self, Problem> {
        let read = profile::read(file)?;
        let lwm2m = read.declared.profile.lwm2m.as_ref();
        let described = lwm2m.and_then(|lwm2m| lwm2m.upper_tester.clone());
        let described = match described {
            Some(described @ (UpperTester::Command(_) | UpperTester::Http(_))) => described,
            _ => {
                return Err(Problem::Usage(format!(
                    "{}: somebody has to make the server act, many times a second: expected lwm2m.upper_tester of the \
                     kind http or command",
                    file.display()
                )));
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
        let network = {
            let _inside = runtime.enter();
            network(&read.declared.profile)
        };
        let network = network
            .map_err(|error| Problem::Usage(format!("the network cannot be set up: {error}")))?;
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let SocketAddr::V4(address) = socket.local_addr()? else {
            return Err(Problem::Ours(
                "a socket of IPv4 has another address".to_owned(),
            ));
        };
        let (until, ends) = oneshot::channel();
        let pace = pace(&read.declared.profile);
        std::thread::spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, async move {
                let Ok(socket) = UdpSocket::from_std(socket) else {
                    return;
                };
                let bridge = Rc::new(Bridge {
                    socket,
                    hands: Hands::new(false),
                    described,
                    network,
                    pace,
                    room: Semaphore::new(AT_ONCE),
                    idle: RefCell::default(),
                    watched: RefCell::default(),
                });
                tokio::select! {
                    () = carry(Rc::clone(&bridge)) => {}
                    // It ends when whoever started this has gone.
                    _ = ends => {}
                }
                bridge.hands.close(Some(&bridge.described)).await;
            });
        });
        Ok(Self {
            address,
            _until: until,
        })
    }
}

fn pace(profile: &Profile) -> Pace {
    Pace {
        timeout: profile.pace.timeout.duration(),
        // Events are asked for again and again: what comes late is in the next answer.
        settle: Duration::ZERO,
    }
}

/// What lies between the generator and an upper tester.
struct Bridge {
    socket: UdpSocket,
    hands: Hands,
    described: UpperTester,
    network: Network,
    pace: Pace,
    room: Semaphore,
    /// Upper testers that are ready and have nothing to do.
    idle: RefCell<VecDeque<Stage>>,
    watched: RefCell<BTreeSet<String>>,
}

async fn carry(bridge: Rc<Bridge>) {
    let mut room = [0; ROOM];
    let mut listens = false;
    loop {
        let Ok((length, from)) = bridge.socket.recv_from(&mut room).await else {
            // Who was told something and has gone is not heard any more; others are.
            continue;
        };
        match room.get(..length).and_then(Ask::read) {
            Some(Ask::Operate { call, operation }) => {
                tokio::task::spawn_local(operate(Rc::clone(&bridge), from, (call, operation)));
            }
            Some(Ask::Watch(endpoint)) => {
                bridge.watched.borrow_mut().insert(endpoint);
                if !std::mem::replace(&mut listens, true) {
                    tokio::task::spawn_local(listen(Rc::clone(&bridge), from));
                }
            }
            None => {}
        }
    }
}

impl Bridge {
    /// An upper tester that is ready.
    async fn ready(&self) -> Result<Stage, String> {
        let kind = Kind::Live(self.network.clone());
        let mut stage = Stage::open(kind, Recorder::silent(), self.pace);
        let tester = self.hands.of(&self.described);
        let tester = tester.ok_or("the system has a hand inside, and runs elsewhere")?;
        let entered = stage.attend_by(tester).await;
        entered.map(|()| stage).map_err(|why| why.to_string())
    }

    /// Has an upper tester do something that has nothing else to do.
    async fn perform(&self, operation: Operation) -> Result<Answer, String> {
        let turn = self.room.acquire().await.map_err(|why| why.to_string())?;
        let idle = self.idle.borrow_mut().pop_front();
        let mut stage = match idle {
            Some(stage) => stage,
            None => self.ready().await?,
        };
        // One that has failed is not asked again.
        let (answer, _) = stage
            .operate(operation)
            .await
            .map_err(|why| why.to_string())?;
        let Answer::Kept { ticket } = answer else {
            self.idle.borrow_mut().push_back(stage);
            return Ok(answer);
        };
        // Its client sleeps: whoever was told the ticket asks for the answer, and others have their turn meanwhile.
        drop(turn);
        loop {
            tokio::time::sleep(OFTEN).await;
            let _turn = self.room.acquire().await.map_err(|why| why.to_string())?;
            let (answer, _) = stage
                .operate(Operation::Result { ticket })
                .await
                .map_err(|why| why.to_string())?;
            if !matches!(answer, Answer::Kept { .. }) {
                self.idle.borrow_mut().push_back(stage);
                return Ok(answer);
            }
        }
    }

    async fn say(&self, to: SocketAddr, said: &Said) {
        // What cannot be sent is as good as lost, and counted as that.
        drop(self.socket.send_to(&said.to_bytes(), to).await);
    }
}

async fn operate(bridge: Rc<Bridge>, from: SocketAddr, (call, operation): (u64, Operation)) {
    let answer = bridge.perform(operation).await;
    let answer = answer.unwrap_or_else(Answer::Refused);
    bridge.say(from, &Said::Answer { call, answer }).await;
}

/// Tells what happens to devices that are watched, for as long as the upper tester says it.
async fn listen(bridge: Rc<Bridge>, to: SocketAddr) {
    if let Ok(mut stage) = bridge.ready().await {
        // What has happened before is nothing of this run.
        let mut after = match stage.operate(Operation::Events { after: 0 }).await {
            Ok((Answer::Events { known, .. }, _)) => known,
            _ => 0,
        };
        while let Ok((answer, _)) = stage.operate(Operation::Events { after }).await {
            let Answer::Events { events, known } = answer else {
                break;
            };
            after = known;
            for event in events {
                let wanted = bridge.watched.borrow().contains(&event.endpoint);
                if wanted {
                    bridge.say(to, &Said::Event(event)).await;
                }
            }
            tokio::time::sleep(OFTEN).await;
        }
    }
    bridge.say(to, &Said::Deaf).await;
}
