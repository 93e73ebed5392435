//! Stages for upper testers that are described as management APIs.
#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::Scene;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::{Declared, UpperTester};
use twinproof_lwm2m::upper::{Answer, Operation};
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};
use twinproof_upper::Hands;

const ANSWER: &str = "answer = '''\nif .status == 202 then {poll: .body.task}\n\
     elif .status == 200 then {code: \"2.05\", values: [{value: .body.value}]}\n\
     else {broken: \"HTTP \\(.status)\"} end'''\n";

/// How one of these APIs is read from.
pub const READ: &str =
    "[lwm2m.upper_tester.http.operations.read]\nurl = \"/dev/{endpoint}{path}\"\n";

/// An API at this URL, with these further keys.
pub fn described(base: &str, more: &str) -> UpperTester {
    let text = format!(
        "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[lwm2m]\nserver = \"coap://x\"\n\
         [lwm2m.upper_tester.http]\nbase_url = \"{base}\"\npatience = \"20s\"\nevery = \"1ms\"\n{ANSWER}{more}"
    );
    let declared = Declared::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let tester = declared.profile.lwm2m.unwrap().upper_tester.unwrap();
    assert_eq!(twinproof_upper::fault(&tester), None);
    tester
}

/// A live stage that writes to this ledger.
pub fn stage(ledger: &Ledger) -> Stage {
    let timeout = Duration::from_secs(20);
    let scene = Scene {
        scenario: "a".to_owned(),
        attempt: 1,
    };
    let secrets = Secrets::default();
    let recorder = Recorder::new(ledger.clone(), Some(scene), secrets, |_, _| Vec::new());
    let pace = Pace {
        timeout,
        settle: Duration::from_millis(1),
    };
    Stage::open(Kind::Live(Network::new(timeout).unwrap()), recorder, pace)
}

/// The same with an upper tester that makes the server act.
pub async fn attended(
    tester: &UpperTester,
    hands: &Hands,
    ledger: &Ledger,
) -> Result<Stage, String> {
    let mut stage = stage(ledger);
    let attended = stage.attend_by(hands.of(tester).unwrap()).await;
    attended.map_err(|halted| halted.to_string())?;
    Ok(stage)
}

/// Has the upper tester of a stage do something.
pub async fn operates(stage: &mut Stage, operation: Operation) -> Result<Answer, String> {
    let operated = stage.operate(operation).await;
    operated
        .map(|(answer, _)| answer)
        .map_err(|halted| halted.to_string())
}

/// A reading.
pub fn read() -> Operation {
    Operation::Read {
        endpoint: "dev 1".to_owned(),
        path: "/3/0/9".parse().unwrap(),
        accept: None,
    }
}
