//! Independent eyes: libcoap's client registers at the built-in server, and its server answers our
//! device. Without libcoap's tools (Debian: libcoap3-bin) these tests say so and do nothing.

#![expect(
    clippy::print_stderr,
    reason = "a test that could not be done has to say so"
)]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use twinproof_coap::{Code, ContentFormat};
use twinproof_kernel::Seed;
use twinproof_lwm2m::device::{self, Answer, Device, Order, Request};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::Standard;
use twinproof_lwm2m::upper::{self, Operation};
use twinproof_lwm2m::wire::Version;
use twinproof_reference::lwm2m::set_up;
use twinproof_reference::variants::lwm2m::Shape;
use twinproof_stage::Stage;

use live::{PATIENCE, stage};
use threads::runtime;

#[path = "common/live.rs"]
mod live;
#[path = "common/threads.rs"]
mod threads;

const CLIENT: &str = "coap-client-notls";
const SERVER: &str = "coap-server-notls";

fn is_missing(tool: &str) -> bool {
    let found = Command::new(tool)
        .arg("-h")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let missing = found.is_err();
    if missing {
        eprintln!("skipped: {tool} is not installed");
    }
    missing
}

async fn libcoap(arguments: Vec<String>) -> Output {
    let run = move || Command::new(CLIENT).args(arguments).output().unwrap();
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[test]
fn its_client_registers_updates_and_leaves() {
    if is_missing(CLIENT) {
        return;
    }
    runtime(2).block_on(async {
        let mut stage = stage();
        let at = stage.bind("sut").await.unwrap();
        let shared = Arc::new(set_up(&Shape::default(), Arc::new(Standard)));
        let server = stage.host_role("sut", move || {
            (Server::new(at, Seed::new(1)), Arc::clone(&shared))
        });
        stage.attend(server);
        let ask = |method: &str, path: &str, more: &[&str]| {
            let mut arguments = vec!["-B".to_owned(), "60".to_owned(), "-m".to_owned()];
            arguments.push(method.to_owned());
            arguments.extend(more.iter().map(|&one| one.to_owned()));
            arguments.push(format!("coap://{at}{path}"));
            libcoap(arguments)
        };
        let list = "</1/0>,</3/0>";
        ask(
            "post",
            "/rd?ep=libcoap&lt=60&lwm2m=1.0",
            &["-t", "40", "-e", list],
        )
        .await;
        let client = only_client(&mut stage).await.unwrap();
        assert_eq!(
            (client.endpoint.as_str(), client.lifetime),
            ("libcoap", Some(60))
        );
        let location = client.location.unwrap();

        ask("post", &format!("{location}?lt=120"), &[]).await;
        assert_eq!(only_client(&mut stage).await.unwrap().lifetime, Some(120));
        // A list that libcoap sends in blocks.
        let long: Vec<String> = (0..300).map(|n| format!("</26241/{n}>")).collect();
        ask(
            "post",
            &location,
            &["-t", "40", "-b", "256", "-e", &long.join(",")],
        )
        .await;
        assert_eq!(
            only_client(&mut stage)
                .await
                .unwrap()
                .objects
                .unwrap()
                .len(),
            300
        );

        let refused = ask("post", "/rd?lt=60&lwm2m=1.0", &["-t", "40", "-e", list]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned()
            + &String::from_utf8_lossy(&refused.stdout);
        assert!(said.contains("4.00"), "{said}");
        ask("delete", &location, &[]).await;
        assert!(only_client(&mut stage).await.is_none());
    });
}

async fn only_client(stage: &mut Stage) -> Option<upper::Client> {
    match stage.operate(Operation::Clients).await.unwrap().0 {
        upper::Answer::Clients(mut clients) => {
            assert!(clients.len() <= 1, "{clients:?}");
            clients.pop()
        }
        other => panic!("{other:?}"),
    }
}

/// libcoap's server, as long as it is held.
struct Theirs(Child);

impl Drop for Theirs {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts it at a port that was free just now.
fn theirs() -> (Theirs, SocketAddr) {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let child = Command::new(SERVER)
        .args(["-A", "127.0.0.1", "-p", &at.port().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Theirs(child), at)
}

#[test]
fn its_server_answers_our_device() {
    if is_missing(SERVER) {
        return;
    }
    let (_theirs, server) = theirs();
    runtime(2).block_on(async {
        let mut stage = stage();
        let at = stage.bind("device").await.unwrap();
        let mut shared = device::Shared::new(Version::V1_0, 60, &[server]);
        shared.parameters.block_size = 64;
        let device = stage.enter(
            "device",
            Device::new("dev", at, Seed::new(3)),
            Arc::new(shared),
        );
        let long = "0123456789".repeat(100);
        let put = Request::new(Code::PUT, "/example_data");
        let put = put.with_body(ContentFormat::TEXT, long.as_str());
        for (request, code, payload) in [
            (Request::new(Code::GET, "/nowhere"), Code::NOT_FOUND, None),
            (Request::new(Code::GET, "/time"), Code::CONTENT, None),
            (put, Code::CHANGED, None),
            (
                Request::new(Code::GET, "/example_data"),
                Code::CONTENT,
                Some(long.clone()),
            ),
        ] {
            let order = Order::Request(request.clone());
            let answer = stage
                .act_within(&device, order, PATIENCE * 4)
                .await
                .unwrap();
            let Answer::Response(response) = answer else {
                panic!("{request:?}: {answer:?}")
            };
            let right =
                response.code == code || (code, response.code) == (Code::CHANGED, Code::CREATED);
            assert!(right, "{request:?}: {response:?}");
            if let Some(payload) = payload {
                assert_eq!(String::from_utf8_lossy(&response.payload), payload);
            }
        }
    });
}
