//! A message of a hundred megabytes costs those who hear it no more than itself.
//!
//! By itself, since what others in the same process take would count.
#![cfg(target_os = "linux")]

use twinproof_dm::client::{Client, End, Order};
use twinproof_dm::provisioning::{Account, Address};
use twinproof_dm::server::{self, Enrolment, Server};
use twinproof_dm::store::{Profile, Tree};
use twinproof_dm::{Encoding, Limits, client};
use twinproof_kernel::http::{Request, Response};
use twinproof_kernel::{CallId, ExchangeId, Input, Outbox, Output, Role, Seed, Time};

const SIZE: usize = 100 << 20;

/// How much more may be taken, kilobytes.
const MORE: u64 = 16 << 10;

const DEVICE: &str = "IMEI:493005100592800";

/// The most memory that this process has taken so far, kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.unwrap().trim().trim_end_matches(" kB");
    digits.trim().parse().unwrap()
}

fn messages() -> [(Encoding, Vec<u8>); 2] {
    let mut xml = b"<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>".to_vec();
    xml.resize(SIZE, b'x');
    xml.extend(b"</VerDTD></SyncHdr></SyncML>");
    // SyncML, SyncHdr and VerDTD, and in it opaque data, whose length has four octets.
    let mut wbxml = vec![0x02, 0xA4, 0x01, 0x6A, 0x00, 0x6D, 0x6C, 0x71, 0xC3];
    wbxml.extend([0xB2, 0x80, 0x80, 0x00]);
    wbxml.resize(SIZE, b'x');
    [(Encoding::Xml, xml), (Encoding::Wbxml, wbxml)]
}

/// Whether the size of a message is looked at first, or only what it says.
fn limits() -> [Limits; 2] {
    let large = Limits {
        octets: usize::MAX,
        ..Limits::default()
    };
    [Limits::default(), large]
}

#[test]
fn a_very_large_message_is_refused_for_what_it_is() {
    for (encoding, octets) in messages() {
        let request = Request::new("POST", "http://s.example/dm")
            .with_body(encoding.media_type(), octets.clone());
        let response = Response::new(200).with_body(encoding.media_type(), octets);
        let before = peak();
        for limits in limits() {
            let enrolment = Enrolment {
                device: DEVICE.to_owned(),
                client: None,
                server: None,
            };
            let mut server = Server::new("S", "http://s.example/dm", Seed::new(1), vec![enrolment]);
            let shared = server::Shared {
                limits,
                ..server::Shared::default()
            };
            let mut out = Outbox::default();
            let input = Input::Request {
                exchange: ExchangeId(1),
                request: &request,
            };
            server.handle(&shared, Time::ZERO, input, &mut out);
            let said = out.drain().find_map(|output| match output {
                Output::Respond { response, .. } => Some(response.status),
                _ => None,
            });
            assert_eq!(said, Some(400), "{encoding:?}");

            let account = Account {
                server_id: "S".to_owned(),
                addresses: vec![Address {
                    addr: "http://s.example/dm".to_owned(),
                    ..Address::default()
                }],
                ..Account::default()
            };
            let tree = Tree::of_device(std::sync::Arc::new(Profile::builtin()), DEVICE, &[account]);
            let mut device = Client::new(tree, Seed::new(1));
            let shared = client::Shared {
                limits,
                ..client::Shared::default()
            };
            let mut out = Outbox::default();
            let order = Order::Start {
                server: "S".to_owned(),
            };
            let call = CallId(1);
            device.handle(&shared, Time::ZERO, Input::Order { call, order }, &mut out);
            let exchange = out.drain().find_map(|output| match output {
                Output::Request { exchange, .. } => Some(exchange),
                _ => None,
            });
            let input = Input::Response {
                exchange: exchange.expect("a session begins with a message"),
                outcome: Ok(&response),
            };
            device.handle(&shared, Time::ZERO, input, &mut Outbox::default());
            let how = device.ended().last().map(|ended| ended.how.clone());
            assert!(matches!(how, Some(End::Failed(_))), "{encoding:?}: {how:?}");
        }
        let taken = peak() - before;
        assert!(taken < MORE, "{encoding:?}: {taken} kB more");
    }
}
