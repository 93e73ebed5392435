//! A child process: driven, late, dead.
#![cfg(unix)]

use std::time::Duration;

use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::secrets::Secrets;
use twinproof_judge::profile::{Declared, UpperTester};
use twinproof_lwm2m::upper::{Answer, Operation};
use twinproof_stage::{Kind, Network, Pace, Recorder, Stage};
use twinproof_upper::Hands;

/// Knows one client, and says so in many words.
const SCRIPT: &str = r#"
echo welcome; echo prompt
while read -r verb who path rest; do
  case "$verb" in
    start) echo ready ;;
    find) if [ "$who" = known ]; then echo "number 7"; else echo "nobody"; fi ;;
    read) echo noise; echo "value of $who $path: 95"; echo END ;;
    write) : ;;
    exec) echo "it hurts" >&2; exit 3 ;;
  esac
done"#;

fn described(script: &str, patience: &str) -> UpperTester {
    let text = format!(
        r#"
[sut]
name = "s"
role = "lwm2m-server"
[lwm2m]
server = "coap://x"
[lwm2m.upper_tester.command]
command = ["sh", "-c", '''{script}''']
patience = "{patience}"
until = "END\n"
answer = '{{code: "2.04"}}'
[lwm2m.upper_tester.command.start]
send = "start"
until = "ready"
[lwm2m.upper_tester.command.get]
send = "find {{endpoint}}"
until = "number .*\n|nobody\n"
answer = 'if .output | test("nobody") then null else {{device: (.output | capture("number (?<n>[0-9]+)") | .n)}} end'
[lwm2m.upper_tester.command.operations.read]
send = "read {{device}} {{path}}"
answer = '{{code: "2.05", values: [.output | capture("value of 7 (?<path>[^:]*): (?<value>.*)\n")]}}'
[lwm2m.upper_tester.command.operations.write]
send = "write {{device}} {{path}} {{value}}"
[lwm2m.upper_tester.command.operations.execute]
send = "exec {{device}} {{path}}"
"#
    );
    let declared = Declared::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let tester = declared.profile.lwm2m.unwrap().upper_tester.unwrap();
    assert_eq!(twinproof_upper::fault(&tester), None);
    tester
}

async fn operates(
    hands: &Hands,
    tester: &UpperTester,
    operation: Operation,
) -> Result<Answer, String> {
    let timeout = Duration::from_secs(20);
    let secrets = Secrets::default();
    let recorder = Recorder::new(Ledger::in_memory(), None, secrets, |_, _| Vec::new());
    let pace = Pace {
        timeout,
        settle: Duration::from_millis(1),
    };
    let mut stage = Stage::open(Kind::Live(Network::new(timeout).unwrap()), recorder, pace);
    stage
        .attend_by(hands.of(tester).unwrap())
        .await
        .map_err(|halted| halted.to_string())?;
    let operated = stage.operate(operation).await;
    operated
        .map(|(answer, _)| answer)
        .map_err(|halted| halted.to_string())
}

fn read(endpoint: &str) -> Operation {
    Operation::Read {
        endpoint: endpoint.to_owned(),
        path: "/3/0/9".parse().unwrap(),
        accept: None,
    }
}

#[tokio::test]
async fn lines_go_in_and_answers_come_out() {
    let (hands, tester) = (Hands::new(false), described(SCRIPT, "20s"));
    let answer = operates(&hands, &tester, read("known")).await.unwrap();
    let Answer::Reply(reply) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(reply.values[0].value.as_ref().unwrap().to_string(), "95");
    let answer = operates(&hands, &tester, read("stranger")).await.unwrap();
    assert_eq!(
        answer,
        Answer::Refused("stranger is not registered".to_owned())
    );
    hands.close(Some(&tester)).await;
}

#[tokio::test]
async fn a_process_that_ends_or_says_nothing_is_no_fault_of_the_server() {
    let hands = Hands::new(false);
    let tester = described(SCRIPT, "20s");
    let execute = Operation::Execute {
        endpoint: "known".to_owned(),
        path: "/3/0/4".parse().unwrap(),
        arguments: String::new(),
    };
    let why = operates(&hands, &tester, execute).await.unwrap_err();
    assert!(
        why.contains("lwm2m.upper_tester")
            && why.contains("exit status: 3")
            && why.contains("it hurts"),
        "{why}"
    );
    // The next scenario has a new one.
    assert!(operates(&hands, &tester, read("known")).await.is_ok());
    hands.close(Some(&tester)).await;

    let tester = described(SCRIPT, "300ms");
    let write = Operation::Write {
        endpoint: "known".to_owned(),
        path: "/1/0/5".parse().unwrap(),
        mode: twinproof_lwm2m::upper::WriteMode::Replace,
        values: vec![twinproof_lwm2m::wire::Entry::new(
            "/1/0/5".parse().unwrap(),
            twinproof_lwm2m::wire::Value::Integer(7),
        )],
        format: None,
    };
    let hands = Hands::new(false);
    let why = operates(&hands, &tester, write).await.unwrap_err();
    assert!(why.contains("no answer within 300ms"), "{why}");

    let tester = described("exit 1", "20s");
    let why = operates(&Hands::new(false), &tester, read("known"))
        .await
        .unwrap_err();
    assert!(
        why.contains("its start") && why.contains("exit status: 1"),
        "{why}"
    );
}
