//! Triggers and the pushes that carry them.

use std::num::NonZeroU16;

use proptest::prelude::*;
use twinproof_dm::auth::{Key, ZERO_NONCE};
use twinproof_dm::notification::push::{
    GATEWAY, HEADER_BUDGET, Header, PORT, Push, UserDataHeader, Value,
};
use twinproof_dm::notification::{Initiator, RawTrigger, Received, Trigger, UiMode};
use twinproof_dm::{Fault, Limits, wbxml};

use crate::golden::{M1, digits, hex};

fn sample() -> Trigger {
    Trigger {
        ui_mode: UiMode::Background,
        initiator: Initiator::Client,
        session_id: NonZeroU16::new(0x1234).unwrap(),
        server_id: "com.mgmtsrv.manage".into(),
        body: Vec::new(),
    }
}

fn small() -> Trigger {
    Trigger {
        ui_mode: UiMode::UserInteraction,
        initiator: Initiator::Server,
        session_id: NonZeroU16::MIN,
        server_id: "S1".into(),
        body: Vec::new(),
    }
}

#[test]
fn golden_triggers() {
    for (trigger, octets, password, nonce, digest) in [
        (
            sample(),
            "02d0000000123412636f6d2e6d676d747372762e6d616e616765",
            "srvpwd",
            b"nonce".as_slice(),
            "686860a800770b26a5d7fa957e8c509a",
        ),
        (
            sample(),
            "02d0000000123412636f6d2e6d676d747372762e6d616e616765",
            "srvpwd",
            &ZERO_NONCE,
            "e37fdc0f8e9070fc31b0967910b921af",
        ),
        (
            small(),
            "02f80000000001025331",
            "pw",
            b"n",
            "aa8b4870e6f9b3689031929a127cecf7",
        ),
    ] {
        let key = Key::new(&trigger.server_id, password.as_bytes());
        let package = trigger.sign(&key, nonce).unwrap();
        assert_eq!(digits(&package), format!("{digest}{octets}"));
        let received = Received::parse(&package).unwrap();
        assert_eq!(received.trigger, trigger);
        assert_eq!(received.future_use, 0);
        assert!(received.is_signed_by(&key, nonce));
        assert!(!received.is_signed_by(&key, b"other"));
        assert_eq!(package.len(), 24 + trigger.server_id.len());
    }
}

#[test]
fn the_session_is_rendered_as_the_protocol_wants_it() {
    for (id, text) in [(1, "1"), (0xAB, "AB"), (0x0F0A, "F0A"), (0xFFFF, "FFFF")] {
        let session_id = NonZeroU16::new(id).unwrap();
        let trigger = Trigger {
            session_id,
            ..small()
        };
        assert_eq!(trigger.session_id_text(), text);
    }
}

#[test]
fn a_body_is_signed_and_handed_on() {
    let key = Key::new("S1", b"pw");
    let trigger = Trigger {
        body: vec![3, 1, b'x'],
        ..small()
    };
    let mut package = trigger.sign(&key, b"n").unwrap();
    assert_eq!(Received::parse(&package).unwrap().trigger, trigger);
    *package.last_mut().unwrap() = b'y';
    assert!(!Received::parse(&package).unwrap().is_signed_by(&key, b"n"));
}

#[test]
fn broken_triggers_are_refused_with_their_place() {
    let raw = || small().to_raw([0; 16]).unwrap();
    let refused = |raw: RawTrigger| Received::parse(&raw.to_octets()).unwrap_err();
    let error = refused(RawTrigger {
        version: 12,
        ..raw()
    });
    assert_eq!((error.fault, error.offset), (Fault::Unsupported, 16));
    let error = refused(RawTrigger {
        session_id: 0,
        ..raw()
    });
    assert_eq!((error.fault, error.offset), (Fault::Value, 21));
    let error = refused(RawTrigger { length: 3, ..raw() });
    assert_eq!((error.fault, error.offset), (Fault::Truncated, 24));
    let error = refused(RawTrigger { length: 0, ..raw() });
    assert_eq!((error.fault, error.offset), (Fault::Value, 24));
    let error = refused(RawTrigger {
        rest: vec![0xFF, 0xFE],
        ..raw()
    });
    assert_eq!((error.fault, error.offset), (Fault::Value, 24));
    assert_eq!(
        Received::parse(&[0; 23]).unwrap_err().fault,
        Fault::Truncated
    );
    let empty = Trigger {
        server_id: String::new(),
        ..small()
    };
    assert_eq!(empty.to_octets().unwrap_err().fault, Fault::Value);
    let long = Trigger {
        server_id: "s".repeat(256),
        ..small()
    };
    assert_eq!(long.to_octets().unwrap_err().fault, Fault::Value);

    let reserved = RawTrigger {
        future_use: 5,
        ..raw()
    };
    assert_eq!(
        Received::parse(&reserved.to_octets()).unwrap().future_use,
        5
    );
}

#[test]
fn the_sms_of_the_sample_is_built_octet_by_octet() {
    let key = Key::new("com.mgmtsrv.manage", b"srvpwd");
    let push = Push::trigger(1, sample().sign(&key, b"nonce").unwrap());
    let ports = UserDataHeader {
        destination: PORT,
        source: 0xC002,
    };
    let mut sms = ports.to_octets().to_vec();
    sms.extend(push.to_octets().unwrap());
    assert_eq!(
        digits(&sms),
        "0605040b84c002010603c4af87686860a800770b26a5d7fa957e8c509a\
         02d0000000123412636f6d2e6d676d747372762e6d616e616765"
    );
    let (read, rest) = UserDataHeader::parse(&sms).unwrap();
    assert_eq!(read, ports);
    assert_eq!(Push::parse(rest), Ok(push));
}

#[test]
fn a_push_through_a_gateway_names_the_device_within_the_budget() {
    let push = Push::trigger(1, Vec::new()).through_gateway("IMEI:490154203237518");
    let octets = push.to_octets().unwrap();
    assert_eq!(octets[6], GATEWAY | 0x80);
    assert_eq!(push.header_len().unwrap() + 7, 35);
    assert!(push.header_len().unwrap() + 7 <= HEADER_BUDGET);
    assert_eq!(Push::parse(&octets), Ok(push));
}

#[test]
fn a_push_may_carry_anything_else() {
    let push = Push {
        transaction: 0,
        content_type: Value::Octets(vec![0xB6; 40]),
        headers: vec![
            Header::Known(0x10, Value::Octets(vec![1, 2])),
            Header::Known(0x11, Value::Text("\u{E9}".into())),
            Header::Named("X-Name".into(), String::new()),
        ],
        data: hex(M1),
    };
    let read = Push::parse(&push.to_octets().unwrap()).unwrap();
    assert_eq!(read, push);
    assert!(wbxml::read(&read.data, None, &Limits::default()).is_ok());
    for wrong in [
        Header::Known(0x80, Value::Number(0)),
        Header::Known(0, Value::Text("a\0b".into())),
        Header::Named(String::new(), String::new()),
    ] {
        let push = Push {
            headers: vec![wrong],
            ..push.clone()
        };
        assert_eq!(push.to_octets().unwrap_err().fault, Fault::Value);
    }
}

#[test]
fn broken_pushes_are_refused_with_their_place() {
    for (octets, fault, offset) in [
        ("", Fault::Truncated, 0),
        ("01", Fault::Truncated, 1),
        ("0104", Fault::Unsupported, 1),
        ("0106", Fault::Truncated, 2),
        ("01060a", Fault::Truncated, 3),
        ("0106ffffffff7f", Fault::Value, 2),
        ("010600", Fault::Truncated, 3),
        ("010602 4142", Fault::Truncated, 3),
        ("010602 1e41", Fault::Truncated, 4),
        ("010603 c40141", Fault::Unsupported, 4),
        ("010602 c4af", Fault::Truncated, 5),
        ("010605 c4af7fff00", Fault::Syntax, 5),
    ] {
        let error = Push::parse(&hex(octets)).unwrap_err();
        assert_eq!(
            (error.fault, error.offset),
            (fault, offset),
            "{octets}: {error}"
        );
    }
    assert!(UserDataHeader::parse(&[6, 5]).is_err());
    assert!(UserDataHeader::parse(&[6, 5, 5, 0, 0, 0, 0]).is_err());
}

proptest! {
    #[test]
    fn any_octets_are_a_trigger_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(raw) = RawTrigger::parse(&octets) {
            prop_assert_eq!(&raw.to_octets(), &octets);
        }
        if let Ok(received) = Received::parse(&octets) && received.future_use == 0 {
            prop_assert_eq!(received.trigger.to_octets().unwrap(), received.signed);
        }
        if let Ok(push) = Push::parse(&octets) {
            prop_assert_eq!(Push::parse(&push.to_octets().unwrap()).unwrap(), push);
        }
    }
}
