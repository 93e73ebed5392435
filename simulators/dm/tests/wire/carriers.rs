//! Pushes in datagrams: golden octets, what is no push, and another reader (tshark) where it is installed.

use std::process::Command;

use proptest::prelude::*;
use twinproof_dm::carrier::sip::{Message, Request, code_of};
use twinproof_dm::carrier::{Carrier, arrived, is_for_client, to_wsp};
use twinproof_dm::media;
use twinproof_dm::provisioning::protection::{Method, Profile, Protection};
use twinproof_dm::push::{APPLICATION, APPLICATION_FIELD};

use crate::golden::{digits, hex};

const ANOTHER: &str = "x-wap-application:mms.ua";

/// The sample of DM Notification 1.2, with the digest of a password of ours.
const TRIGGER: &str =
    "686860a800770b26a5d7fa957e8c509a02d0000000123412636f6d2e6d676d747372762e6d616e616765";

fn message(application: &str) -> Message {
    Message {
        unique: "0011".to_owned(),
        application: application.to_owned(),
        ..Message::to_client(
            "127.0.0.1:5060",
            "127.0.0.1:40000",
            media::NOTIFICATION,
            hex(TRIGGER),
        )
    }
}

fn protected() -> (String, Vec<u8>) {
    let document = hex("010b6a004501");
    let protection = Protection::new(Method::UserPin, b"1234", &document);
    let content_type = format!(
        "{}; {}",
        media::PROVISIONING,
        protection.of(Profile::ClientProvisioning)
    );
    (content_type, document)
}

#[test]
fn a_trigger_goes_by_wsp_as_the_text_shows_it() {
    let octets = to_wsp(1, (media::NOTIFICATION, APPLICATION), &hex(TRIGGER)).unwrap();
    assert_eq!(digits(&octets), format!("010603c4af87{TRIGGER}"));
    let push = arrived(&octets).unwrap();
    assert_eq!(push.by, Carrier::Wsp);
    assert_eq!(push.content_type, media::NOTIFICATION);
    assert!(is_for_client(&push.headers));
    assert_eq!(push.body, hex(TRIGGER));
    assert_eq!(push.answer, None);
}

#[test]
fn a_document_goes_by_wsp_with_what_protects_it() {
    let (content_type, document) = protected();
    let octets = to_wsp(1, (&content_type, APPLICATION), &document).unwrap();
    let push = arrived(&octets).unwrap();
    assert_eq!((push.content_type, push.body), (content_type, document));
}

#[test]
fn what_is_for_another_application_says_so_by_either() {
    let by_wsp = to_wsp(1, (media::NOTIFICATION, ANOTHER), b"x").unwrap();
    let by_sip = message(ANOTHER).to_octets();
    for octets in [by_wsp, by_sip] {
        let push = arrived(&octets).unwrap();
        assert!(!is_for_client(&push.headers), "{:?}", push.headers);
    }
    let number = [1, 6, 3, 0xC4, 0xAF, 0x84, b'x'];
    assert!(!is_for_client(&arrived(&number).unwrap().headers));
    assert!(is_for_client(&[]));
}

#[test]
fn a_message_of_sip_is_read_and_answered() {
    let octets = message(APPLICATION).to_octets();
    let head = "MESSAGE sip:dm@127.0.0.1:5060 SIP/2.0\r\n\
                Via: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK0011\r\n\
                Max-Forwards: 70\r\n\
                From: <sip:push@127.0.0.1:40000>;tag=0011\r\n\
                To: <sip:dm@127.0.0.1:5060>\r\n\
                Call-ID: 0011@127.0.0.1:40000\r\n\
                CSeq: 1 MESSAGE\r\n\
                Accept-Contact: *;+g.oma.pusheventapp=\"syncml.dm\"\r\n\
                Content-Type: application/vnd.syncml.notification\r\n\
                Content-Length: 42\r\n\r\n";
    assert_eq!(octets, [head.as_bytes(), &hex(TRIGGER)].concat());
    let push = arrived(&octets).unwrap();
    assert_eq!(push.by, Carrier::Sip);
    assert_eq!(push.content_type, media::NOTIFICATION);
    assert!(is_for_client(&push.headers));
    assert_eq!(push.body, hex(TRIGGER));
    let answer = "SIP/2.0 200 OK\r\n\
                  Via: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK0011\r\n\
                  From: <sip:push@127.0.0.1:40000>;tag=0011\r\n\
                  To: <sip:dm@127.0.0.1:5060>;tag=dm\r\n\
                  Call-ID: 0011@127.0.0.1:40000\r\n\
                  CSeq: 1 MESSAGE\r\n\
                  Content-Length: 0\r\n\r\n";
    assert_eq!(push.answer.as_deref(), Some(answer.as_bytes()));
    assert_eq!(code_of(answer.as_bytes()), Some(200));
    assert_eq!(code_of(&octets), None);
}

/// RFC 3261 §7.3: short names, lines that go on, names in any case.
#[test]
fn a_message_may_be_written_otherwise() {
    let text = "MESSAGE sip:a SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
                a: *;+g.oma.pusheventapp=\"syncml.dm\"\r\nc: application/vnd.syncml.notification;\r\n \
                q=1\r\nCONTENT-LENGTH: 1\r\n\r\nxyz";
    let push = arrived(text.as_bytes()).unwrap();
    assert_eq!(push.content_type, format!("{}; q=1", media::NOTIFICATION));
    let named = (APPLICATION_FIELD.to_owned(), APPLICATION.to_owned());
    assert!(push.headers.contains(&named));
    assert_eq!(push.body, b"x");
}

#[test]
fn what_is_no_push_is_none() {
    for octets in [
        &b""[..],
        b"\x01\x07\x01\xC4",
        b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nContent-Type: text/plain\r\n\r\n",
        b"MESSAGE sip:a SIP/2.0\r\n\r\n",
    ] {
        assert_eq!(arrived(octets), None, "{octets:?}");
    }
    let cut = message(APPLICATION).to_octets();
    let error = Request::parse(&cut[..cut.len() - 1]).unwrap_err();
    assert!(error.to_string().contains("a body of 42 octets"), "{error}");
}

proptest! {
    #[test]
    fn no_datagram_is_too_much(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(arrived(&octets));
        let text = [b"MESSAGE sip:a SIP/2.0\r\n".as_slice(), &octets, b"\r\n\r\n"].concat();
        drop(arrived(&text));
    }
}

/// A capture with datagrams from loopback to loopback, in the plain format of libpcap.
fn capture(datagrams: &[(u16, Vec<u8>)]) -> Vec<u8> {
    const IPV4: u32 = 228;
    let mut out = Vec::new();
    out.extend(0xA1B2_C3D4_u32.to_be_bytes());
    out.extend([0, 2, 0, 4]);
    out.extend([0; 8]);
    out.extend(0xFFFF_u32.to_be_bytes());
    out.extend(IPV4.to_be_bytes());
    for (port, data) in datagrams {
        let udp = u16::try_from(data.len() + 8).unwrap();
        let whole = udp + 20;
        out.extend([0; 8]);
        out.extend(u32::from(whole).to_be_bytes().repeat(2));
        out.extend([0x45, 0]);
        out.extend(whole.to_be_bytes());
        out.extend([0, 1, 0, 0, 64, 17, 0, 0]);
        out.extend([127, 0, 0, 1].repeat(2));
        for field in [40_000, *port, udp, 0] {
            out.extend(field.to_be_bytes());
        }
        out.extend(data);
    }
    out
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a test that could not be done has to say so"
)]
fn another_reader_sees_the_same() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("not done: tshark is not installed (Debian: tshark)");
        return;
    }
    let (content_type, document) = protected();
    let datagrams = [
        (
            2948,
            to_wsp(1, (media::NOTIFICATION, APPLICATION), &hex(TRIGGER)).unwrap(),
        ),
        (
            2948,
            to_wsp(2, (&content_type, APPLICATION), &document).unwrap(),
        ),
        (5060, message(APPLICATION).to_octets()),
    ];
    let name = format!("twinproof-carriers-{}.pcap", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, capture(&datagrams)).unwrap();
    let read = Command::new("tshark")
        .arg("-V")
        .arg("-r")
        .arg(&file)
        .output();
    std::fs::remove_file(&file).unwrap();
    let seen = String::from_utf8_lossy(&read.unwrap().stdout).into_owned();
    let mac = content_type.split_once("MAC=").unwrap().1;
    for says in [
        "Content-Type: application/vnd.syncml.notification",
        "X-Wap-Application-Id: x-wap-application:syncml.dm",
        "Content-Type: application/vnd.wap.connectivity-wbxml; SEC=USERPIN; MAC=",
        mac,
        "Session Initiation Protocol (MESSAGE)",
        "Accept-Contact: *;+g.oma.pusheventapp=\"syncml.dm\"",
        "CSeq: 1 MESSAGE",
    ] {
        assert!(seen.contains(says), "{says}\n{seen}");
    }
}
