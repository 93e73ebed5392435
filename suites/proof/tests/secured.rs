//! The same roles over DTLS: our device at our server on both stages, libcoap's client at our server, and what the
//! ledger says of it.

#![expect(
    clippy::print_stderr,
    reason = "a test that could not be done has to say so"
)]

#[path = "common/threads.rs"]
mod threads;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use threads::runtime;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::{Turn, What};
use twinproof_evidence::secrets::Secrets;
use twinproof_kernel::{Faults, Seed};
use twinproof_lwm2m::device::{self, Answer, Device, Order, Register};
use twinproof_lwm2m::server::{self, Server};
use twinproof_lwm2m::wire::Version;
use twinproof_stage::dtls::{Credentials, Ended, Guests, Identity, Trick};
use twinproof_stage::{Handle, KeyLog, Kind, Network, Pace, Recorder, Security, Stage};

/// Who shows itself as `device`.
const ENDPOINT: &str = "urn:dev:1";
const KEY: &[u8] = b"0123456789abcdef";

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn kinds() -> [Kind; 2] {
    [Kind::Virtual, Kind::Live(Network::new(PATIENCE).unwrap())]
}

fn stage(kind: Kind, ledger: &Ledger) -> Stage {
    let recorder = Recorder::new(ledger.clone(), None, Secrets::default(), |_, _| Vec::new());
    let pace = Pace {
        timeout: PATIENCE,
        settle: Duration::from_secs(1),
    };
    Stage::open(kind, recorder, pace)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    runtime(2).block_on(test)
}

async fn host(stage: &mut Stage) -> SocketAddr {
    let security = Security {
        guests: Some(Guests::default().with_psk(b"device", KEY)),
        ..Security::default()
    };
    let at = stage
        .bind_secured("sut", security, Seed::new(1))
        .await
        .unwrap();
    let mut set_up = server::Shared::new(Version::V1_0);
    set_up
        .credentials
        .insert(b"device".to_vec(), ENDPOINT.to_owned());
    let set_up = Arc::new(set_up);
    drop(stage.host_role("sut", move || {
        (Server::new(at, Seed::new(7)), Arc::clone(&set_up))
    }));
    at
}

async fn enter(
    stage: &mut Stage,
    server: SocketAddr,
    security: Security,
    credentials: Credentials,
) -> (Handle<Device>, SocketAddr) {
    let at = stage
        .bind_secured("device", security, Seed::new(2))
        .await
        .unwrap();
    stage.trust(at, server, credentials);
    let shared = device::Shared::new(Version::V1_0, 60, &[server]);
    let role = Device::new(ENDPOINT, at, Seed::new(7));
    (stage.enter("device", role, Arc::new(shared)), at)
}

async fn register(stage: &mut Stage, device: &Handle<Device>) -> Answer {
    let order = Order::Register(Register::default());
    stage.act_within(device, order, PATIENCE * 4).await.unwrap()
}

fn what(ledger: &Ledger) -> Vec<What> {
    let records = ledger.read_back().unwrap().records;
    records.into_iter().map(|record| record.what).collect()
}

#[test]
fn our_device_registers_at_our_server() {
    for kind in kinds() {
        let name = kind.name();
        let ledger = Ledger::in_memory();
        run(async {
            let mut stage = stage(kind, &ledger);
            let server = host(&mut stage).await;
            let (device, at) = enter(
                &mut stage,
                server,
                Security::default(),
                Credentials::psk(b"device", KEY),
            )
            .await;
            let answer = register(&mut stage, &device).await;
            assert_eq!(
                answer.response().unwrap().location.len(),
                2,
                "{name}: {answer:?}"
            );
            let known = Identity::Psk(b"device".to_vec());
            assert_eq!(stage.identity(server, at), Some(known), "{name}");
            assert_eq!(server.port() == 5684, name == "virtual");
        });
        let mut told = Vec::new();
        for what in what(&ledger) {
            match what {
                What::Datagram {
                    from,
                    to,
                    secured,
                    bytes,
                    ..
                } => {
                    assert!(secured);
                    assert_eq!(bytes.octets()[0] >> 6, 1, "CoAP");
                    told.push(format!("datagram {from} to {to}"));
                }
                What::Sealed {
                    from,
                    to,
                    content,
                    epoch,
                    fate,
                    ..
                } => {
                    let taken = fate.map_or(String::new(), |fate| format!(", {fate}"));
                    told.push(format!("{content} of epoch {epoch} {from} to {to}{taken}"));
                }
                What::Association {
                    party, peer, turn, ..
                } => told.push(match turn {
                    Turn::Begun { attempt, .. } => format!("{party} begins with {peer}, {attempt}"),
                    Turn::Established { identity, suite } => {
                        format!("{party} and {peer}: {identity}, {suite:x}")
                    }
                    Turn::Ended { words, .. } => words,
                    Turn::Agreed => "agreed".to_owned(),
                }),
                _ => {}
            }
        }
        let handshake =
            |from: &str, to: &str, fate: &str| format!("handshake of epoch 0 {from} to {to}{fate}");
        let out = handshake("device", "sut", "");
        let came = handshake("sut", "device", ", taken");
        let expected = [
            "datagram device to sut",
            "device begins with sut, 1",
            &out,
            &came,
            &out,
            &came,
            &came,
            &out,
            "change_cipher_spec of epoch 0 device to sut",
            "handshake of epoch 1 device to sut",
            "change_cipher_spec of epoch 0 sut to device, taken",
            "handshake of epoch 1 sut to device, taken",
            "device and sut: \"device\" (pre-shared key), c0a8",
            "application_data of epoch 1 device to sut",
            "application_data of epoch 1 sut to device, taken",
            "datagram sut to device",
        ];
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn who_does_not_have_the_key_is_not_answered_and_the_ledger_says_why() {
    for kind in kinds() {
        let ledger = Ledger::in_memory();
        run(async {
            let mut stage = stage(kind, &ledger);
            let server = host(&mut stage).await;
            let wrong = Credentials::psk(b"device", b"another key, no!");
            let (_, at) = enter(&mut stage, server, Security::default(), wrong).await;
            let outcome = stage.shake_hands(at, server, PATIENCE).await.unwrap();
            let Err(Ended::Refused(alert)) = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(alert.to_string(), "decrypt_error");
            stage.trust(at, server, Credentials::psk(b"stranger", KEY));
            let outcome = stage.shake_hands(at, server, PATIENCE).await.unwrap();
            assert_eq!(
                outcome.unwrap_err().to_string(),
                "the peer refused with unknown_psk_identity"
            );
            // Nobody is there at all.
            let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
            stage.trust(at, nobody, Credentials::psk(b"device", KEY));
            let outcome = stage.shake_hands(at, nobody, PATIENCE).await.unwrap();
            assert_eq!(outcome, Err(Ended::Silent(None)));
        });
        let ends: Vec<_> = what(&ledger)
            .into_iter()
            .filter_map(|what| match what {
                What::Association {
                    turn:
                        Turn::Ended {
                            how,
                            ours,
                            alert,
                            again,
                            ..
                        },
                    ..
                } => {
                    assert!(!ours);
                    Some((how, alert.unwrap_or_default(), again))
                }
                _ => None,
            })
            .collect();
        let end = |how: &str, alert: &str, again| (how.to_owned(), alert.to_owned(), again);
        assert_eq!(
            ends,
            [
                end("refused", "decrypt_error", false),
                end("refused", "unknown_psk_identity", false),
                end("silent", "", true),
                end("silent", "", true),
                end("silent", "", false),
            ]
        );
        let datagrams = what(&ledger)
            .into_iter()
            .filter(|what| matches!(what, What::Datagram { .. }));
        assert_eq!(datagrams.count(), 0);
    }
}

#[test]
fn what_a_link_loses_is_sent_again_and_what_is_replayed_counts_once() {
    for kind in kinds() {
        let ledger = Ledger::in_memory();
        run(async {
            let mut stage = stage(kind, &ledger);
            let faults = Faults {
                loss: 0.3,
                duplication: 0.3,
                reordering: 0.3,
                delay: Duration::from_millis(2),
            };
            stage.impair_all(faults, Seed::new(3));
            let server = host(&mut stage).await;
            let credentials = Credentials::psk(b"device", KEY);
            let (device, at) = enter(&mut stage, server, Security::default(), credentials).await;
            stage.play(at, Trick::Replay { after: 0 });
            let answer = register(&mut stage, &device).await;
            assert!(answer.response().is_some(), "{answer:?}");
            assert!(stage.identity(at, server).is_some());
            stage.part(at, server);
            assert_eq!(stage.identity(at, server), None);
            let answer = register(&mut stage, &device).await;
            assert!(answer.response().is_some(), "{answer:?}");
        });
        let begun = what(&ledger).into_iter().filter(|what| {
            matches!(
                what,
                What::Association {
                    turn: Turn::Begun { attempt: 1, .. },
                    ..
                }
            )
        });
        assert_eq!(begun.count(), 2);
    }
}

#[test]
fn the_key_log_opens_what_the_wire_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.log");
    run(async {
        let mut stage = stage(Kind::Virtual, &Ledger::in_memory());
        let server = host(&mut stage).await;
        let security = Security {
            key_log: Some(KeyLog::open(&path).unwrap()),
            ..Security::default()
        };
        let credentials = Credentials::psk(b"device", KEY);
        let (device, _) = enter(&mut stage, server, security, credentials).await;
        register(&mut stage, &device).await;
    });
    let lines = std::fs::read_to_string(&path).unwrap();
    let words: Vec<_> = lines.split_whitespace().map(str::len).collect();
    assert_eq!(words, [13, 64, 96], "{lines}");
}

#[test]
fn libcoaps_clients_register_at_our_server() {
    for tool in ["coap-client-openssl", "coap-client-gnutls"] {
        let there = Command::new(tool)
            .arg("-h")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if there.is_err() {
            eprintln!("skipped: {tool} is not installed");
            continue;
        }
        run(async {
            let mut stage = stage(kinds()[1].clone(), &Ledger::in_memory());
            let at = host(&mut stage).await;
            let register = format!(
                "-v 7 -B 30 -u device -k 0123456789abcdef -m post -t 40 -e </1/0>,</3/0> \
                 coaps://{at}/rd?ep={ENDPOINT}&lt=60&lwm2m=1.0"
            );
            let ask = move || {
                let words = register.split_whitespace();
                Command::new(tool).args(words).output().unwrap()
            };
            let output = tokio::task::spawn_blocking(ask).await.unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("Location-Path:rd"), "{tool}: {said}");
        });
    }
}
