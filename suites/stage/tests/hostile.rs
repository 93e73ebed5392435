//! Systems that break HTTP: each exchange ends with a clear fault, in time, and in little memory.

mod party;

use std::sync::Arc;
use std::time::{Duration, Instant};

use party::{Caller, came, local, server, stage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::Halt;
use twinproof_kernel::http::{BODY_LIMIT, Fault, Response};
use twinproof_stage::{Network, Options, PEER, Place};

const TIMEOUT: Duration = Duration::from_millis(400);

/// Asks twice and returns how the second exchange ended.
async fn ask(base: &str) -> Result<Response, Fault> {
    let network = Network::new(TIMEOUT).unwrap();
    let ledger = Ledger::in_memory();
    let (mut stage, caller) = stage(&network, &ledger, "x", TIMEOUT);
    stage
        .act(&caller, base.to_owned())
        .await
        .unwrap()
        .answer
        .unwrap();
    let began = Instant::now();
    let ended = stage.act(&caller, base.to_owned()).await.unwrap().answer;
    assert!(began.elapsed() < TIMEOUT * 2, "{:?}", began.elapsed());
    let size: usize = ledger
        .read_back()
        .unwrap()
        .records
        .iter()
        .map(|record| serde_json::to_string(record).unwrap().len())
        .sum();
    assert!(size < 100_000, "{size}");
    ended
}

#[test]
fn broken_answers_are_clear_faults_in_time() {
    local(async {
        let cases: [(&str, &'static [u8]); 4] = [
            (
                "too short",
                b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
            ),
            (
                "cut chunks",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
            ),
            ("no HTTP", b"\x00\xff\x13random\r\n\r\n"),
            ("nothing", b""),
        ];
        for (name, octets) in cases {
            let base = server(async move |stream: &mut TcpStream| {
                let _ = stream.write_all(octets).await;
                let _ = stream.shutdown().await;
            })
            .await;
            let ended = ask(&base).await;
            assert!(matches!(ended, Err(Fault::Broken(_))), "{name}: {ended:?}");
        }
    });
}

#[test]
fn an_answer_in_the_first_version_of_http_ends_with_its_connection() {
    local(async {
        let base = server(async |stream: &mut TcpStream| {
            let answer = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":1}";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        })
        .await;
        let answer = ask(&base).await.unwrap();
        assert_eq!((answer.status, answer.body), (200, b"{\"a\":1}".to_vec()));
    });
}

#[test]
fn a_slow_drip_and_silence_time_out() {
    local(async {
        let drip = server(async |stream: &mut TcpStream| {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                .await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(TIMEOUT / 10).await;
            }
        })
        .await;
        assert_eq!(ask(&drip).await, Err(Fault::TimedOut));
        let silent = server(async |_: &mut TcpStream| tokio::time::sleep(TIMEOUT * 4).await).await;
        assert_eq!(ask(&silent).await, Err(Fault::TimedOut));
    });
}

#[test]
fn a_huge_body_is_length_and_digest() {
    local(async {
        let base = server(async |stream: &mut TcpStream| {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                .await;
            let block = vec![b'x'; 65_536];
            while stream.write_all(&block).await.is_ok() {}
        })
        .await;
        let response = ask(&base).await.unwrap();
        assert_eq!(response.body.len(), BODY_LIMIT);
        assert_eq!(response.length, 1_000_000_000);
    });
}

#[test]
fn only_a_first_exchange_without_a_connection_may_be_tried_again() {
    local(async {
        let network = Network::new(TIMEOUT).unwrap();
        let ledger = Ledger::in_memory();
        let (mut stage, caller) = stage(&network, &ledger, "x", TIMEOUT);
        let nobody = "http://127.0.0.1:9".to_owned();
        assert!(stage.act(&caller, nobody.clone()).await.is_err());
        assert!(matches!(stage.halted(), Some(Halt::Transport { .. })));
        let later = stage.act(&caller, nobody).await.unwrap().answer;
        assert!(matches!(later, Err(Fault::Unreachable(_))), "{later:?}");
    });
}

async fn post(url: &str) -> u16 {
    let authority = url.trim_start_matches("http://");
    let (host, path) = authority.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn who_comes_late_finds_the_scene_that_it_belongs_to() {
    local(async {
        for fixed in [false, true] {
            let mut options = Options::new(TIMEOUT);
            options.callbacks = fixed.then(|| Place {
                listen: "127.0.0.1:0".to_owned(),
                advertise: None,
            });
            let network = Network::open(&options).unwrap();
            let ledger = Ledger::in_memory();
            let (mut one, _) = stage(&network, &ledger, "one", TIMEOUT);
            let (mut other, _) = stage(&network, &ledger, "other", TIMEOUT);
            let first = one.listen("caller").await.unwrap();
            let second = other.listen("caller").await.unwrap();
            one.strike();
            assert_eq!(post(&format!("{first}/a?x=1")).await, 204);
            assert_eq!(post(&format!("{second}/b")).await, 204);
            other.strike();
            let expected = [
                ("one".to_owned(), format!("{first}/a?x=1")),
                ("other".to_owned(), format!("{second}/b")),
            ];
            assert_eq!(came(&ledger), expected);
            if fixed {
                let nowhere = second.replace("other", "nowhere");
                assert_eq!(post(&format!("{nowhere}/b")).await, 404);
            }
            network.close(Duration::ZERO).await;
            if fixed {
                assert_eq!(post(&format!("{first}/late")).await, 404);
            }
            assert_eq!(came(&ledger), expected);
        }
    });
}

#[test]
fn the_peers_place_has_one_holder_at_a_time() {
    local(async {
        let mut options = Options::new(TIMEOUT);
        options.peer = Some(Place {
            listen: "127.0.0.1:0".to_owned(),
            advertise: None,
        });
        let network = Network::open(&options).unwrap();
        let ledger = Ledger::in_memory();
        let (mut one, _) = stage(&network, &ledger, "one", TIMEOUT);
        let (mut other, _) = stage(&network, &ledger, "other", TIMEOUT);
        one.enter(PEER, Caller::default(), Arc::new(()));
        other.enter(PEER, Caller::default(), Arc::new(()));
        let base = one.listen(PEER).await.unwrap();
        let waited = tokio::time::timeout(TIMEOUT / 4, other.listen(PEER)).await;
        assert!(waited.is_err(), "two scenes had the place");
        assert_eq!(post(&format!("{base}/a")).await, 204);
        one.strike();
        // Until another has it, it is still that of the last.
        assert_eq!(post(&format!("{base}/b")).await, 204);
        other.listen(PEER).await.unwrap();
        assert_eq!(post(&format!("{base}/c")).await, 204);
        let scenes: Vec<_> = came(&ledger).into_iter().map(|(scene, _)| scene).collect();
        assert_eq!(scenes, ["one", "one", "other"]);
    });
}

#[test]
fn the_rate_is_kept() {
    local(async {
        let mut options = Options::new(TIMEOUT);
        options.rate = Some(20);
        let network = Network::open(&options).unwrap();
        let ledger = Ledger::in_memory();
        let (mut stage, caller) = stage(&network, &ledger, "x", TIMEOUT);
        let base = server(async |stream: &mut TcpStream| {
            let good = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(good).await;
        })
        .await;
        let began = Instant::now();
        for _ in 0..5 {
            stage
                .act(&caller, base.clone())
                .await
                .unwrap()
                .answer
                .unwrap();
        }
        assert!(
            began.elapsed() >= Duration::from_millis(195),
            "{:?}",
            began.elapsed()
        );
    });
}
