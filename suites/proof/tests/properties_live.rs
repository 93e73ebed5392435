//! Sequences over real sockets: what a bad link does is nobody's bug.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use twinproof_conformance::{BuiltIn as _, Part, Target, network};
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::Declared;
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_proof::builtin::TwinningSystem;
use twinproof_proof::properties::{Found, Options, search};
use twinproof_reference::mutants;
use twinproof_stage::{Kind, Network, Options as NetworkOptions, Pace, Recorder, Stage};
use twinproof_twinning::enabler::rules::{Rules, Standard};

/// After so many connections one is dropped without an answer.
const DROPPED: usize = 40;

/// Passes connections on and drops one now and then.
fn bad_link(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let dropped = count.fetch_add(1, Ordering::Relaxed) % DROPPED == DROPPED - 1;
            std::thread::spawn(move || pass_on(client, [address, to], dropped));
        }
    });
    address
}

/// Passes one connection on: an exchange, then it closes, so that each exchange may be the one. Each
/// side speaks of the system under the address at which it knows it.
fn pass_on(mut client: TcpStream, [link, system]: [SocketAddr; 2], dropped: bool) -> Option<()> {
    let request = renamed(read_message(&mut client)?, link, system);
    let mut server = TcpStream::connect(system).ok()?;
    server.write_all(&request).ok()?;
    let response = renamed(read_message(&mut server)?, system, link);
    if dropped {
        // The system has done it, and nobody is told.
        client.shutdown(Shutdown::Both).ok()?;
        return None;
    }
    let head = response.windows(4).position(|four| four == b"\r\n\r\n")?;
    client.write_all(&response[..head]).ok()?;
    client.write_all(b"\r\nConnection: close").ok()?;
    client.write_all(&response[head..]).ok()
}

/// The message with one address in the other's place; ports that anybody is given have five digits.
fn renamed(message: Vec<u8>, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let (from, to) = (from.to_string(), to.to_string());
    assert_eq!(from.len(), to.len(), "the length of the message must stay");
    let text = String::from_utf8(message).expect("the messages of the API are text");
    text.replace(&from, &to).into_bytes()
}

fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .ok()?;
    let (mut message, mut octet) = (Vec::new(), [0]);
    while !message.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).ok()?;
        message.push(octet[0]);
    }
    let head = String::from_utf8_lossy(&message).to_lowercase();
    let length = head.lines().find_map(|line| {
        let length = line.strip_prefix("content-length:")?;
        length.trim().parse::<usize>().ok()
    });
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).ok()?;
    message.extend(body);
    Some(message)
}

/// The system under these rules on a socket of its own, behind a link that is bad, and what eight
/// sequences find there.
async fn search_behind_bad_link(rules: Arc<dyn Rules>) -> Found {
    let timeout = Duration::from_secs(20);
    let pace = Pace {
        timeout,
        settle: Duration::from_secs(5),
    };
    // Where the system is, as it is reached through the link.
    let own = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let link = bad_link(own);
    let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
        Vec::new()
    });
    let hosting = Network::open(&NetworkOptions {
        ports: BTreeMap::from([(SUT.to_owned(), own)]),
        ..NetworkOptions::new(timeout)
    });
    let mut stage = Stage::open(Kind::Live(hosting.unwrap()), recorder, pace);
    let system = TwinningSystem::new(rules);
    let mut declared: Declared = system
        .enter(&mut stage, Seed::new(1), Part::in_role("twinning-enabler"))
        .await
        .unwrap();
    declared.profile.pace.settle = "5s".parse().unwrap();
    declared.profile.pace.timeout = "20s".parse().unwrap();
    declared.profile.harness.peer_advertise = None;
    let twinning = declared.profile.twinning.as_mut().unwrap();
    twinning.base_url = twinning
        .base_url
        .replace(&own.to_string(), &link.to_string());
    twinning.notification_channel = None;
    // Nobody has to be told anything here.
    for id in ["HLF-PD-007", "HLF-SD-008"] {
        twinning.claims.insert(id.to_owned(), false);
    }
    let searched = tokio::task::spawn_blocking(move || {
        let kind = Kind::Live(network(&declared.profile).unwrap());
        search(&Options {
            kind,
            lengths: 10..=20,
            ..Options::new(Target::External(Arc::new(declared)), 8, 7)
        })
    });
    let found = searched.await.unwrap().unwrap();
    drop(stage);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_drops_now_and_then_is_no_bug_of_the_system() {
    let found = search_behind_bad_link(Arc::new(Standard)).await;
    assert!(found.failure.is_none(), "{found:#?}");
    assert!(found.transport > 0, "the link was too good: {found:#?}");
    assert_eq!(found.cases, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bug_behind_such_a_link_is_found_as_itself() {
    let mutant = mutants::twinning().find(|m| m.name == "address-missing");
    let found = search_behind_bad_link((mutant.unwrap().rules)()).await;
    let failure = found.failure.unwrap();
    assert_eq!(failure.invariant, "I22", "{failure:#?}");
}
