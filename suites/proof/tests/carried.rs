//! A gateway that runs elsewhere, to which a program of its vendor brings what a device says in lines.

#[path = "common/threads.rs"]
mod threads;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use threads::runtime;
use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn as _, Run, Target, network, perform};
use twinproof_dm::store::Tree;
use twinproof_evidence::Verdict;
use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::report::Tool;
use twinproof_evidence::secrets::Secrets;
use twinproof_gwmo::gateway::{
    Adapted, DEVICE_PATH, Gateway, Mode, PUSH_PATH, Provision, Setup, Shared,
};
use twinproof_gwmo::objects::{Names, profile};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::profile::{Declared, Gwmo};
use twinproof_judge::scene::SUT;
use twinproof_judge::{FEATURES, judge};
use twinproof_kernel::Seed;
use twinproof_proof::gwmo::GatewaySystem;
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};

/// Carries lines between standard input and output and the UDP port of a gateway, which is its last argument; the
/// one before says what it does to them.
const PROGRAM: &str = r#"
import socket, sys, threading
manner, (host, port) = sys.argv[1], sys.argv[2].rsplit(":", 1)
gateway = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
gateway.connect((host, int(port)))
def listen():
    while True:
        line = gateway.recv(65536)
        if manner == "changes":
            line = line.replace(b'"to":"', b'"to":"not ')
        if manner == "sings" and b"ask" in line:
            line = b"la la la\n"
        sys.stdout.buffer.write(line)
        if manner == "doubles" and b"set" in line:
            number = line.split(b'"number":')[1].split(b",")[0]
            sys.stdout.buffer.write(line.replace(b":" + number, b":9" + number))
        sys.stdout.buffer.flush()
threading.Thread(target=listen, daemon=True).start()
for line in sys.stdin.buffer:
    if manner == "dies" and b"did" in line:
        sys.exit("I have had enough")
    gateway.send(line)
"#;

/// The device whose lines are carried, by its number in the profile.
const CARRIED: usize = 4;

/// An address that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// What the run knows of the gateway, before that is there.
fn declared() -> Declared {
    let mut declared = GatewaySystem::standard().profile().clone();
    let profile = &mut declared.profile;
    profile.sut.name = "Gateway elsewhere".to_owned();
    let server = free();
    profile.harness.peer_listen = Some(server.to_string());
    let section = profile.gwmo.as_mut().unwrap();
    section.server = Some(format!("http://{server}/dm"));
    (section.other, section.many) = (None, None);
    section.patience = "15s".parse().unwrap();
    for device in &mut section.devices {
        if device.mode != Mode::Adaptation {
            device.listen = Some(free().to_string());
        }
    }
    declared
}

/// A gateway on a stage of its own, which is nobody's scenario.
async fn serve(declared: &mut Declared) -> Stage {
    let recorder = Recorder::new(Ledger::in_memory(), None, Secrets::default(), |_, _| {
        Vec::new()
    });
    let timeout = Duration::from_secs(20);
    let pace = Pace {
        timeout,
        settle: Duration::from_millis(300),
    };
    let kind = Kind::Live(Network::new(timeout).unwrap());
    let mut stage = Stage::open(kind, recorder, pace);
    let base = stage.listen(SUT).await.unwrap();
    let lines = stage.bind(SUT).await.unwrap();
    let lwm2m = stage.bind(SUT).await.unwrap();
    let section = declared.profile.gwmo.as_mut().unwrap();
    section.push = format!("{base}{PUSH_PATH}");
    section.devices_at = format!("{base}{DEVICE_PATH}");
    section.lines_at = Some(lines.to_string());
    section.lwm2m_at = Some(lwm2m.to_string());
    let devices = section.devices.iter().map(|device| Provision {
        device: device.account.device.clone(),
        mode: device.mode,
        client: device.account.proof_of_device(),
        server: device.account.proof_of_server(),
        push: format!(
            "http://{}/push",
            device.listen.as_deref().unwrap_or_default()
        ),
        adapted: device.foreign.as_ref().map(|foreign| Adapted {
            protocol: foreign.protocol,
            key: device.account.password.clone().unwrap_or_default(),
            nodes: vec![foreign.value.clone(), foreign.action.clone()],
        }),
        fresh: None,
    });
    let account = section.account.at(section.server.as_deref().unwrap());
    let described = Arc::new(profile(Seed::new(1), &Names::default()));
    let setup = Setup {
        tree: Tree::of_device(described, &section.account.device, &[account]),
        base,
        id: section.devices[0].account.server_id.clone(),
        devices: devices.collect(),
        lines: Some(lines),
        lwm2m: Some(lwm2m),
    };
    let gateway = Gateway::new(setup, Seed::new(2));
    stage.enter(SUT, gateway, Arc::new(Shared::default()));
    stage
}

/// What one scenario comes to where the program does this to lines; none where there is no Python.
fn judged(scenario: &str, manner: &str) -> Option<(Verdict, String)> {
    if Command::new("python3").arg("--version").output().is_err() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("device.py");
    std::fs::write(&program, PROGRAM).unwrap();
    Some(judged_through(scenario, &program, manner, |_| {}))
}

/// The same where the profile is otherwise.
fn judged_through(
    scenario: &str,
    program: &Path,
    manner: &str,
    otherwise: impl FnOnce(&mut Gwmo),
) -> (Verdict, String) {
    runtime(2).block_on(async {
        let mut declared = declared();
        let _gateway = serve(&mut declared).await;
        let section = declared.profile.gwmo.as_mut().unwrap();
        // The run has no other way to where the gateway hears lines.
        let at = section.lines_at.take().unwrap();
        let foreign = section.devices[CARRIED].foreign.as_mut().unwrap();
        let program = program.to_string_lossy().into_owned();
        foreign.command = ["python3", &program, manner, &at]
            .map(str::to_owned)
            .to_vec();
        otherwise(section);
        assert_eq!(section.fault(), None);
        let catalogue = Catalogue::load(&FEATURES).unwrap();
        let suite = Suite::load(&FEATURES, &catalogue).unwrap_or_else(|e| panic!("{e:#?}"));
        let ledger = Ledger::in_memory();
        let kind = Kind::Live(network(&declared.profile).unwrap());
        let target = Target::External(Arc::new(declared));
        let mut run = Run::new(target, kind, Arc::new(suite), ledger.clone());
        run.selected.retain(|id| id == scenario);
        perform(&run).await;
        let tool = Tool {
            name: "twinproof".to_owned(),
            version: "test".to_owned(),
        };
        let report = judge(&ledger.read_back().unwrap(), &catalogue, tool).unwrap();
        let [scenario] = &report.scenarios[..] else {
            panic!("expected one scenario, got {}", report.scenarios.len());
        };
        (scenario.verdict, scenario.reason.clone())
    })
}

#[test]
fn a_device_whose_lines_a_program_carries_is_judged_like_any_other() {
    for scenario in [
        "gwmo/general/another-protocol",
        "gwmo/general/foreign-refusal",
        "gwmo/modes/three-modes",
        "gwmo/modes/two-protocols",
    ] {
        if let Some((verdict, reason)) = judged(scenario, "carries") {
            assert_eq!(verdict, Verdict::Pass, "{scenario}: {reason}");
        }
    }
}

#[test]
fn what_comes_to_the_device_otherwise_fails() {
    for manner in ["changes", "doubles"] {
        if let Some((verdict, reason)) = judged("gwmo/general/another-protocol", manner) {
            assert_eq!(verdict, Verdict::Fail, "{manner}: {reason}");
        }
    }
}

/// Nobody is blamed for a program that is broken.
#[test]
fn a_broken_program_fails_nobody() {
    for (manner, says) in [("sings", "la la la"), ("dies", "I have had enough")] {
        if let Some((verdict, reason)) = judged("gwmo/general/another-protocol", manner) {
            assert_eq!(verdict, Verdict::Inconclusive, "{manner}: {reason}");
            let names = reason.contains("gwmo.device.foreign.command") && reason.contains(says);
            assert!(names, "{reason}");
        }
    }
    let none = PathBuf::from("/nowhere/device.py");
    let scenario = "gwmo/general/another-protocol";
    let (verdict, reason) = judged_through(scenario, &none, "carries", |_| {});
    assert_eq!(verdict, Verdict::Inconclusive, "{reason}");
}

/// Whether it carries noise cannot be seen: that is asked of a device that needs no program.
#[test]
fn noise_that_a_program_would_carry_says_nothing() {
    let scenario = "gwmo/modes/garbage";
    let Some((verdict, reason)) = judged(scenario, "carries") else {
        return;
    };
    assert_eq!(verdict, Verdict::Pass, "{reason}");
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("device.py");
    std::fs::write(&program, PROGRAM).unwrap();
    let (verdict, reason) = judged_through(scenario, &program, "carries", |section| {
        section.devices.remove(CARRIED + 1);
    });
    assert_eq!(verdict, Verdict::Inconclusive, "{reason}");
    assert!(reason.contains("gwmo.device.foreign.command"), "{reason}");
}
