//! A client that is a child process: driven, dead, never ready.
#![cfg(unix)]

mod common;

use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::What;
use twinproof_judge::profile::{Client, Declared};
use twinproof_lwm2m::upper::{Accounts, Control};
use twinproof_lwm2m::wire::Value;
use twinproof_stage::Stage;
use twinproof_upper::Hands;

/// Writes down what it is told, each time that it runs below a line of its own.
const SCRIPT: &str = r#"
echo "began $0" >> "$1"
echo "cannot tell the time" >&2
echo "this is no prompt"; echo "> "
while read -r line; do
  echo "$line" >> "$1"
  case "$line" in bye) exit 0 ;; die*) echo "out of paper" >&2; exit 3 ;; esac
done"#;

/// A client whose control has these keys; `LOG` is where it writes what it was told.
fn described(control: &str) -> (Client, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let start = toml::Value::from(
        [
            "sh",
            "-c",
            SCRIPT,
            "{endpoint}@{port}",
            log.to_str().unwrap(),
        ]
        .map(toml::Value::from)
        .to_vec(),
    );
    let control = control.replace("START", &start.to_string());
    let text = format!(
        "[sut]\nname = \"s\"\nrole = \"lwm2m-client\"\n[lwm2m.client]\nendpoint = \"me\"\n\
         listen = \"127.0.0.1:5999\"\npatience = \"20s\"\n[lwm2m.client.control.command]\n{control}"
    );
    let declared = Declared::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let client = declared.profile.lwm2m.unwrap().client.unwrap();
    assert_eq!(
        twinproof_upper::client_fault(client.control.as_ref().unwrap()),
        None
    );
    (client, dir)
}

fn controlled(client: &Client, hands: &Hands, ledger: &Ledger) -> Stage {
    let mut stage = common::stage(ledger);
    stage.control_by(hands.client(client, Accounts::Servers).unwrap());
    stage
}

fn set(value: i64) -> Control {
    Control::Set {
        path: "/3/0/9".parse().unwrap(),
        value: Value::Integer(value),
    }
}

const ALL: &str = "start = START\nready = '> '\nthen = ['hello {endpoint}']\nset = 'set {path} {value}'\n\
                   offline = 'cut'\nonline = 'join'\nquit = 'bye'\n";

#[tokio::test]
async fn a_client_is_started_told_and_ended() {
    let (client, dir) = described(ALL);
    let (hands, ledger) = (Hands::new(false), Ledger::in_memory());
    let mut stage = controlled(&client, &hands, &ledger);
    stage.control(Control::Start).await.unwrap();
    stage.control(set(7)).await.unwrap();
    stage.control(Control::Offline).await.unwrap();
    stage.control(Control::Online).await.unwrap();
    assert_eq!(stage.client_ended().await, None);
    stage.dismiss().await;
    let told = std::fs::read_to_string(dir.path().join("log")).unwrap();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(
        told,
        [
            "began me@5999",
            "hello me",
            "set /3/0/9 7",
            "cut",
            "join",
            "bye"
        ]
    );
    let hooks: Vec<String> = ledger
        .read_back()
        .unwrap()
        .records
        .into_iter()
        .filter_map(|record| match record.what {
            What::Hooked { hook, failed: None } => Some(hook),
            _ => None,
        })
        .collect();
    assert_eq!(hooks, ["start", "set /3/0/9 to 7", "offline", "online"]);
}

#[tokio::test]
async fn a_client_without_power_is_told_nothing_and_started_again() {
    let (client, dir) = described(ALL);
    let (hands, ledger) = (Hands::new(false), Ledger::in_memory());
    let mut stage = controlled(&client, &hands, &ledger);
    stage.control(Control::Start).await.unwrap();
    stage.control(Control::PowerCycle).await.unwrap();
    // It was ready again before anybody types to it.
    stage.control(set(8)).await.unwrap();
    stage.dismiss().await;
    let told = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert_eq!(told.matches("began").count(), 2, "{told}");
    assert_eq!(told.matches("bye").count(), 1, "{told}");
    assert!(told.ends_with("set /3/0/9 8\nbye\n"), "{told}");
}

async fn refused(control: &str, orders: &[Control]) -> String {
    let (client, _dir) = described(control);
    let (hands, ledger) = (Hands::new(false), Ledger::in_memory());
    let mut stage = controlled(&client, &hands, &ledger);
    let (last, before) = orders.split_last().unwrap();
    for order in before {
        stage.control(order.clone()).await.unwrap();
    }
    let why = stage.control(last.clone()).await.unwrap_err().to_string();
    stage.dismiss().await;
    why
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_what_to_do() {
    let why = refused("start = ['no-such-client-7']\n", &[Control::Start]).await;
    assert!(why.contains("no-such-client-7 cannot be started"), "{why}");
    // It dies before it is ready.
    let why = refused(
        "start = ['sh', '-c', 'echo no radio >&2; exit 4']\nready = '> '\n",
        &[Control::Start],
    )
    .await;
    assert!(why.contains("exit status: 4"), "{why}");
    assert!(why.contains("no radio"), "{why}");
    assert!(why.contains("matches > "), "{why}");
    let why = refused("start = START\n", &[Control::Start, set(1)]).await;
    assert!(why.contains("control.command has no `set`"), "{why}");
    let why = refused("start = START\n", &[Control::Start, Control::Offline]).await;
    assert!(why.contains("`offline`"), "{why}");
    let why = refused(ALL, &[set(1)]).await;
    assert!(why.contains("nobody has started it"), "{why}");
}

#[tokio::test]
async fn a_client_that_has_died_is_told_nothing_more() {
    let (client, _dir) = described("start = START\nready = '> '\nset = 'die {value}'\n");
    let (hands, ledger) = (Hands::new(false), Ledger::in_memory());
    let mut stage = controlled(&client, &hands, &ledger);
    stage.control(Control::Start).await.unwrap();
    stage.control(set(1)).await.unwrap();
    let how = loop {
        match stage.client_ended().await {
            Some(how) => break how,
            None => tokio::task::yield_now().await,
        }
    };
    assert!(how.contains("exit status: 3"), "{how}");
    assert!(how.contains("out of paper"), "{how}");
    let why = stage.control(set(2)).await.unwrap_err().to_string();
    assert!(why.contains("exit status: 3"), "{why}");
    stage.dismiss().await;
}

#[tokio::test]
async fn a_client_that_never_gets_ready_is_ended() {
    let text = "start = START\nready = 'welcome'\n";
    let (mut client, _dir) = described(text);
    client.patience = serde_json::from_str("\"50ms\"").unwrap();
    let (hands, ledger) = (Hands::new(false), Ledger::in_memory());
    let mut stage = controlled(&client, &hands, &ledger);
    let why = stage.control(Control::Start).await.unwrap_err().to_string();
    assert!(why.contains("expected what matches welcome"), "{why}");
    let why = stage.control(set(1)).await.unwrap_err().to_string();
    assert!(why.contains("`set`"), "{why}");
    stage.dismiss().await;
}

#[tokio::test]
async fn a_card_is_put_in_and_taken_out_by_commands_that_end() {
    let insert = Control::InsertCard {
        ssid: 77,
        uri: "coap://127.0.0.1:5999".to_owned(),
        own: None,
    };
    let (client, dir) = described(
        "start = START\ninsert_card = ['sh', '-c', 'echo $0 $1 > LOG', '{card_uri}', '{card_ssid}']\n\
         remove_card = ['sh', '-c', 'echo the slot is stuck >&2; exit 5']\n",
    );
    // Where the card is, its command says itself.
    let card = dir.path().join("card");
    let mut client = client;
    if let Some(twinproof_judge::profile::ClientControl::Command(spec)) = &mut client.control {
        let script = &mut spec.insert_card[2];
        *script = script.replace("LOG", card.to_str().unwrap());
    }
    let (hands, ledger) = (Hands::new(false), Ledger::in_memory());
    let mut stage = controlled(&client, &hands, &ledger);
    stage.control(insert.clone()).await.unwrap();
    let written = std::fs::read_to_string(&card).unwrap();
    assert_eq!(written.trim(), "coap://127.0.0.1:5999 77");
    let why = stage.control(Control::RemoveCard).await.unwrap_err();
    let why = why.to_string();
    assert!(why.contains("exit status: 5: the slot is stuck"), "{why}");
    stage.dismiss().await;

    let why = refused("start = START\n", &[insert]).await;
    assert!(why.contains("`insert_card`"), "{why}");
}
