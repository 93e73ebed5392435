//! Bootstrap documents and what protects them.

use twinproof_dm::document::{Element, namespace};
use twinproof_dm::media;
use twinproof_dm::provisioning::protection::{
    KeyForm, Method, Profile, Protection, mac, pin_with_mac,
};
use twinproof_dm::provisioning::{
    Account, AddrType, Address, Auth, AuthLevel, AuthType, accounts, document,
};
use twinproof_dm::syncml::Data;
use twinproof_dm::tree::Selector;
use twinproof_dm::tree::tnds::{Placement, Tnds};
use twinproof_dm::wbxml::{self, Form};
use twinproof_dm::{Basis, Fault, Limits, xml};

use crate::golden::{M1, W7, digits, hex};

fn small() -> Account {
    Account {
        server_id: "S1".into(),
        addresses: vec![Address {
            addr: "http://s/dm".into(),
            ..Address::default()
        }],
        auths: vec![Auth {
            level: AuthLevel::Client,
            auth_type: Some(AuthType::Digest),
            name: None,
            secret: Some("p".into()),
            data: None,
        }],
        ..Account::default()
    }
}

fn large() -> Account {
    Account {
        name: Some("Example".into()),
        proxies: vec!["proxy".into()],
        access_points: vec!["first".into(), "second".into()],
        addresses: vec![Address {
            addr: "192.0.2.1".into(),
            addr_type: Some(AddrType::Ipv4),
            ports: vec![80, 8080],
        }],
        auths: vec![
            Auth {
                level: AuthLevel::AppSrv,
                auth_type: Some(AuthType::Hmac),
                name: Some("device".into()),
                secret: Some("s".into()),
                data: Some(vec![0, 1, 255]),
            },
            Auth {
                level: AuthLevel::Other("HTTP".into()),
                auth_type: None,
                name: None,
                secret: None,
                data: None,
            },
        ],
        extra: vec![("INIT".into(), "1".into())],
        ..small()
    }
}

#[test]
fn the_golden_account_is_read_and_written_octet_by_octet() {
    let root = wbxml::read(&hex(W7), None, &Limits::default())
        .unwrap()
        .root;
    assert_eq!(accounts(&root).unwrap(), [small()]);
    let octets = wbxml::write(&document(&[small()]), &Form::default()).unwrap();
    assert_eq!(digits(&octets), digits(&hex(W7)));
}

#[test]
fn every_field_survives_both_encodings() {
    let both = [small(), large()];
    let root = document(&both);
    let octets = wbxml::write(&root, &Form::default()).unwrap();
    let read = wbxml::read(&octets, None, &Limits::default()).unwrap().root;
    assert_eq!(accounts(&read).unwrap(), both);
    let text = xml::write(&root).unwrap();
    let read = xml::read(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(accounts(&read).unwrap(), both);
    let levels: Vec<_> = large().auths.iter().map(|a| a.level.in_account()).collect();
    assert_eq!(levels, [Some("CLCRED"), None]);
}

#[test]
fn an_account_becomes_nodes() {
    let at = "./SyncML/DMAcc/new".parse().unwrap();
    let states = large().states(&at);
    let said: Vec<_> = states
        .iter()
        .map(|state| {
            let value = match &state.value {
                None => String::new(),
                Some(Data::Text(text)) => format!("={text}"),
                Some(other) => format!("={other:?}"),
            };
            let below = state.uri.names()[at.names().len()..].join("/");
            format!("{below}{value}")
        })
        .collect();
    assert_eq!(
        said,
        [
            "",
            "AppID=w7",
            "ServerID=S1",
            "Name=Example",
            "PrefConRef=proxy",
            "ToConRef",
            "ToConRef/1",
            "ToConRef/1/ConRef=proxy",
            "ToConRef/2",
            "ToConRef/2/ConRef=first",
            "ToConRef/3",
            "ToConRef/3/ConRef=second",
            "AppAddr",
            "AppAddr/1",
            "AppAddr/1/Addr=192.0.2.1",
            "AppAddr/1/AddrType=IPv4",
            "AppAddr/1/Port",
            "AppAddr/1/Port/1",
            "AppAddr/1/Port/1/PortNbr=80",
            "AppAddr/1/Port/2",
            "AppAddr/1/Port/2/PortNbr=8080",
            "AppAuth",
            "AppAuth/1",
            "AppAuth/1/AAuthLevel=CLCRED",
            "AppAuth/1/AAuthType=HMAC",
            "AppAuth/1/AAuthName=device",
            "AppAuth/1/AAuthSecret=s",
            "AppAuth/1/AAuthData=Octets([0, 1, 255])",
        ]
    );
    let acl = states[0].properties.acl.as_ref().unwrap().to_string();
    assert_eq!(acl, "Get=S1&Replace=S1&Delete=S1");
    let tree = Tnds::of_states(&at, &states, &Selector::Unspecified);
    let mut sorted = states;
    sorted.sort_by(|a, b| a.uri.cmp(&b.uri));
    assert_eq!(tree.states(&at, Placement::At).unwrap(), sorted);
}

fn read(text: &str) -> Element {
    xml::read(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn other_characteristics_are_passed_over() {
    let root = read(
        "<wap-provisioningdoc><characteristic type='NAPDEF'><parm name='NAPID' value='a'/>\
         </characteristic><characteristic type='APPLICATION'><parm name='APPID' value='w5'/>\
         </characteristic></wap-provisioningdoc>",
    );
    assert_eq!(accounts(&root), Ok(vec![]));
}

#[test]
fn what_is_missing_is_said() {
    let w7 = |inside: &str| {
        read(&format!(
            "<wap-provisioningdoc><characteristic type='APPLICATION'><parm name='APPID' value='w7'/>\
             {inside}</characteristic></wap-provisioningdoc>"
        ))
    };
    let id = "<parm name='PROVIDER-ID' value='S'/>";
    let address = |inside| format!("<characteristic type='APPADDR'>{inside}</characteristic>");
    let addr = "<parm name='ADDR' value='a'/>";
    for (inside, expected) in [
        (id.to_owned(), "an APPADDR in APPLICATION"),
        (address(addr), "PROVIDER-ID in APPLICATION"),
        (format!("{id}{}", address("")), "ADDR in APPADDR"),
        (
            format!("{id}{}<characteristic type='APPAUTH'/>", address(addr)),
            "AAUTHLEVEL in APPAUTH",
        ),
    ] {
        let error = accounts(&w7(&inside)).unwrap_err();
        assert_eq!((error.fault, &*error.expected), (Fault::Missing, expected));
    }
    let port = format!(
        "{id}{}",
        address(
            "<parm name='ADDR' value='a'/><characteristic type='PORT'>\
             <parm name='PORTNBR' value='x'/></characteristic>"
        )
    );
    assert_eq!(accounts(&w7(&port)).unwrap_err().fault, Fault::Value);
    let other = Element::new(namespace::SYNCML, "SyncML");
    assert_eq!(accounts(&other).unwrap_err().fault, Fault::Value);
}

#[test]
fn golden_macs() {
    let network_id = "310150123456789";
    for (method, expected) in [
        (Method::UserPin, "ECD08584D8F60FFDA60AF5AC9A340132AB91A8A6"),
        (
            Method::NetworkId,
            "914C332540A5A7B311B70670929A48DBB3CBEDEC",
        ),
        (
            Method::UserPinNetworkId,
            "4AE976871E3174BF4E752E088EF501CBBDE78F70",
        ),
    ] {
        let form = Profile::Message.key_form();
        assert_eq!(form, (KeyForm::Digits, Basis::Assumed));
        let key = method.key(Profile::Message, network_id, "1234", form.0);
        let protection = Protection::new(method, &key, &hex(M1));
        assert!(protection.is_by(&key, &hex(M1)));
        assert!(!protection.is_by(b"4321", &hex(M1)));
        let text = format!("{}; {protection}", media::DM_WBXML);
        assert_eq!(
            text,
            format!(
                "application/vnd.syncml.dm+wbxml; SEC={}; MAC={expected}",
                method.as_str()
            )
        );
        let lower = format!(
            "{} ;mac=\"{}\";sec={}",
            media::DM_WBXML,
            expected.to_lowercase(),
            method.as_str()
        );
        for text in [text, lower] {
            assert_eq!(
                Protection::parse(&text).unwrap(),
                (media::DM_WBXML, Some(protection))
            );
        }
        let (number, read) = Protection::from_wsp(&protection.to_wsp(0x42)).unwrap();
        assert_eq!((number, read), (0x42, protection));
    }
}

#[test]
fn the_identity_can_go_in_as_the_sim_keeps_it() {
    let odd = "310150123456789";
    let even = "31015012345678";
    for (method, profile, id, key) in [
        (Method::NetworkId, Profile::Message, odd, "3901511032547698"),
        (
            Method::NetworkId,
            Profile::Message,
            even,
            "31015110325476f8",
        ),
        (
            Method::UserPinNetworkId,
            Profile::Message,
            odd,
            "373a3901511032547698",
        ),
        (
            Method::UserPinNetworkId,
            Profile::ClientProvisioning,
            odd,
            "390151103254769837",
        ),
        (Method::UserPin, Profile::ClientProvisioning, odd, "37"),
        (Method::NetworkId, Profile::Message, "", "f1"),
    ] {
        let octets = method.key(profile, id, "7", KeyForm::SemiOctets);
        assert_eq!(digits(&octets), key);
    }
    let form = Profile::ClientProvisioning.key_form();
    assert_eq!(form, (KeyForm::SemiOctets, Basis::Peer));
}

#[test]
fn a_pin_can_carry_its_own_mac() {
    let octets = mac(b"1234", &hex(M1));
    assert_eq!(octets[..4], [0xEC, 0xD0, 0x85, 0x84]);
    assert_eq!(pin_with_mac("1234", &hex(M1)), "12346832");
    assert_eq!(pin_with_mac(&"1".repeat(25), b"").len(), 45);
}

#[test]
fn wrong_parameters_are_refused() {
    let right = "0".repeat(40);
    for (text, fault) in [
        ("a/b; SEC=USERPIN".to_owned(), Fault::Missing),
        (format!("a/b; MAC={right}"), Fault::Missing),
        (format!("a/b; SEC=NONE; MAC={right}"), Fault::Unsupported),
        ("a/b; SEC=USERPIN; MAC=00".to_owned(), Fault::Value),
        ("a/b; SEC=USERPIN; MAC=xyz".to_owned(), Fault::Value),
    ] {
        assert_eq!(Protection::parse(&text).unwrap_err().fault, fault, "{text}");
    }
    assert_eq!(Protection::parse("a/b; charset=x; y"), Ok(("a/b", None)));
    let octets = Protection {
        method: Method::UserPin,
        mac: mac(b"", b""),
    }
    .to_wsp(0x36);
    assert_eq!(octets[..4], [0xB6, 0x91, 0x81, 0x92]);
    let mut wrong = octets.clone();
    wrong[2] = 0x83;
    assert_eq!(
        Protection::from_wsp(&wrong).unwrap_err().fault,
        Fault::Value
    );
    let mut wrong = octets.clone();
    wrong[4] = b'x';
    assert_eq!(
        Protection::from_wsp(&wrong).unwrap_err().fault,
        Fault::Value
    );
    assert_eq!(
        Protection::from_wsp(&octets[1..]).unwrap_err().fault,
        Fault::Unsupported
    );
}
