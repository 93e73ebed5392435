//! Another pair of independent eyes: aiocoap's client registers at the built-in server, and its server
//! answers our device. Without aiocoap (PyPI; `TWINPROOF_AIOCOAP` names a Python that has it) these tests
//! say so and do nothing.

#![expect(
    clippy::print_stderr,
    reason = "a test that could not be done has to say so"
)]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use twinproof_coap::{Code, ContentFormat};
use twinproof_kernel::Seed;
use twinproof_lwm2m::device::{self, Answer, Device, Order, Request};
use twinproof_lwm2m::server::Server;
use twinproof_lwm2m::server::rules::Standard;
use twinproof_lwm2m::wire::Version;
use twinproof_reference::lwm2m::set_up;
use twinproof_reference::variants::lwm2m::Shape;

use live::{PATIENCE, stage};
use threads::runtime;

#[path = "common/live.rs"]
mod live;
#[path = "common/threads.rs"]
mod threads;

/// Registers with a long list, updates, asks for what is not there and leaves; prints each answer.
const CLIENT: &str = r#"
import asyncio, sys
from aiocoap import Context, Message, DELETE, GET, POST
from aiocoap.numbers import ContentFormat

async def main(base):
    context = await Context.create_client_context()
    async def ask(code, path, **more):
        answer = await context.request(Message(code=code, uri=base + path, **more)).response
        print(answer.code.dotted, "/" + "/".join(answer.opt.location_path), flush=True)
        return answer
    links = ",".join("</26241/%d>" % n for n in range(400)).encode()
    registered = await ask(POST, "/rd?ep=aiocoap&lt=60&lwm2m=1.0", payload=links, content_format=ContentFormat(40))
    location = "/" + "/".join(registered.opt.location_path)
    await ask(POST, location + "?lt=120")
    await ask(POST, "/rd?lt=60&lwm2m=1.0", payload=b"</1/0>", content_format=ContentFormat(40))
    await ask(GET, "/3/0/0")
    await ask(DELETE, location)
    await ask(DELETE, location)
    await context.shutdown()

asyncio.run(main(sys.argv[1]))
"#;

/// A resource that takes and gives a body of any length, and one that takes its time.
const SERVER: &str = r#"
import asyncio, sys
import aiocoap.resource as resource
from aiocoap import Context, Message, CHANGED, CONTENT

class Store(resource.Resource):
    body = b""
    async def render_get(self, request):
        return Message(code=CONTENT, payload=self.body)
    async def render_put(self, request):
        self.body = request.payload
        return Message(code=CHANGED)

class Slow(resource.Resource):
    async def render_get(self, request):
        await asyncio.sleep(1)
        return Message(code=CONTENT, payload=b"late")

async def main(port):
    site = resource.Site()
    site.add_resource(["store"], Store())
    site.add_resource(["slow"], Slow())
    await Context.create_server_context(site, bind=("127.0.0.1", port))
    print("ready", flush=True)
    await asyncio.get_running_loop().create_future()

asyncio.run(main(int(sys.argv[1])))
"#;

/// The Python that has it, if one has.
fn python() -> Option<String> {
    let python = std::env::var("TWINPROOF_AIOCOAP").unwrap_or_else(|_| "python3".to_owned());
    let status = Command::new(&python)
        .args(["-c", "import aiocoap"])
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Some(python),
        _ => {
            eprintln!("skipped: {python} has no aiocoap");
            None
        }
    }
}

#[test]
fn its_client_registers_updates_and_leaves() {
    let Some(python) = python() else {
        return;
    };
    runtime(2).block_on(async {
        let mut stage = stage();
        let at = stage.bind("sut").await.unwrap();
        let shared = Arc::new(set_up(&Shape::default(), Arc::new(Standard)));
        let make = move || (Server::new(at, Seed::new(1)), Arc::clone(&shared));
        let _server = stage.host_role("sut", make);
        let run = move || {
            let mut command = Command::new(python);
            command.args(["-c", CLIENT, &format!("coap://{at}")]);
            command.output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let codes: Vec<_> = told.lines().filter_map(|line| line.get(..4)).collect();
        assert_eq!(
            codes,
            ["2.01", "2.04", "4.00", "4.04", "2.02", "4.04"],
            "{told}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(told.starts_with("2.01 /rd/"), "{told}");
    });
}

/// Its server, as long as it is held.
struct Theirs(Child);

impl Drop for Theirs {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts it at a port that was free just now, and waits until it says that it is there.
fn theirs(python: &str) -> (Theirs, SocketAddr) {
    use std::io::{BufRead as _, BufReader};
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let mut child = Command::new(python)
        .args(["-c", SERVER, &at.port().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let said = child.stdout.take().unwrap();
    BufReader::new(said).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    (Theirs(child), at)
}

#[test]
fn its_server_answers_our_device() {
    let Some(python) = python() else {
        return;
    };
    let (_theirs, server) = theirs(&python);
    runtime(2).block_on(async {
        let mut stage = stage();
        let at = stage.bind("device").await.unwrap();
        let mut shared = device::Shared::new(Version::V1_0, 60, &[server]);
        shared.parameters.block_size = 64;
        let role = Device::new("dev", at, Seed::new(3));
        let device = stage.enter("device", role, Arc::new(shared));
        let long = "0123456789".repeat(100);
        let put = Request::new(Code::PUT, "/store").with_body(ContentFormat::TEXT, long.as_str());
        let get = |path: &str| Request::new(Code::GET, path);
        for (request, code, payload) in [
            (get("/nowhere"), Code::NOT_FOUND, None),
            (get("/slow"), Code::CONTENT, Some("late")),
            (put, Code::CHANGED, None),
            (get("/store"), Code::CONTENT, Some(long.as_str())),
        ] {
            let order = Order::Request(request.clone());
            let answer = stage.act_within(&device, order, PATIENCE * 4).await;
            let Answer::Response(response) = answer.unwrap() else {
                panic!("{request:?} was not answered")
            };
            assert_eq!(response.code, code, "{request:?}: {response:?}");
            if let Some(payload) = payload {
                assert_eq!(String::from_utf8_lossy(&response.payload), payload);
            }
        }
    });
}
