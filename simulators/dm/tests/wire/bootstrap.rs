//! What a device makes of a document before it believes it.

use twinproof_dm::bootstrap::server::message;
use twinproof_dm::bootstrap::{Known, open, secrets};
use twinproof_dm::provisioning::protection::{KeyForm, Method, Profile, Protection};
use twinproof_dm::provisioning::{Account, AddrType, Address, Auth, AuthLevel, AuthType, document};
use twinproof_dm::wbxml::{self, Form, Trees};
use twinproof_dm::{Fault, Limits, media};

fn account() -> Account {
    let auth = |level, secret: &str| Auth {
        level,
        auth_type: Some(AuthType::Digest),
        name: Some("device".to_owned()),
        secret: Some(secret.to_owned()),
        data: Some(vec![0, 1, 255]),
    };
    Account {
        server_id: "S1".to_owned(),
        name: Some("Example".to_owned()),
        addresses: vec![Address {
            addr: "http://s/dm".to_owned(),
            addr_type: Some(AddrType::Uri),
            ports: vec![8080],
        }],
        auths: vec![
            auth(AuthLevel::AppSrv, "of-the-device"),
            auth(AuthLevel::Client, "of-the-server"),
        ],
        ..Account::default()
    }
}

/// The same account in both kinds of document, the second with its tree in both ways.
fn documents() -> [(&'static str, Profile, Vec<u8>); 3] {
    let message = |trees| {
        let form = Form {
            trees,
            ..Form::default()
        };
        wbxml::write(&message("D", &account()).unwrap().to_element(), &form).unwrap()
    };
    let provisioning = wbxml::write(&document(&[account()]), &Form::default()).unwrap();
    [
        (
            media::PROVISIONING,
            Profile::ClientProvisioning,
            provisioning,
        ),
        (media::DM_WBXML, Profile::Message, message(Trees::Inline)),
        (media::DM_WBXML, Profile::Message, message(Trees::Nested)),
    ]
}

#[test]
fn an_account_comes_out_of_either_kind_as_it_went_in() {
    for (name, profile, octets) in documents() {
        let opened = open(name, &octets, &Limits::default()).unwrap();
        assert_eq!(opened.accounts, [account()], "{name}");
        assert_eq!((opened.profile, opened.protection), (profile, None));
        let found = secrets(&format!("{name}; SEC=nonsense"), &octets);
        assert_eq!(found, ["of-the-device", "of-the-server"], "{name}");
    }
}

#[test]
fn the_key_of_the_device_fits_and_no_other_does() {
    let known = |network_id: &str, pin: &str| Known {
        network_id: Some(network_id.to_owned()),
        pin: Some(pin.to_owned()),
    };
    let own = known("262019876543210", "1234");
    for (name, profile, octets) in documents() {
        for method in Method::ALL {
            for (form, key) in own.keys(method, profile) {
                let protection = Protection::new(method, &key, &octets);
                let content_type = format!("{name}; {}", protection.of(profile));
                let opened = open(&content_type, &octets, &Limits::default()).unwrap();
                let fitting = own.fitting(&opened, &octets);
                assert!(fitting.contains(&form), "{content_type}");
                let other = known("262019876543211", "1235");
                assert!(other.fitting(&opened, &octets).is_empty());
                let mut cut = octets.clone();
                cut.pop();
                assert!(own.fitting(&opened, &cut).is_empty());
            }
        }
    }
    let nothing = Known::default();
    assert!(nothing.keys(Method::UserPin, Profile::Message).is_empty());
    let secret = known("a secret", "1");
    let keys = secret.keys(Method::NetworkId, Profile::ClientProvisioning);
    assert_eq!(keys, [(KeyForm::Digits, b"a secret".to_vec())]);
}

#[test]
fn what_is_no_document_is_refused() {
    let [(_, _, octets), ..] = documents();
    let refused = |content_type: &str, octets: &[u8]| {
        let opened = open(content_type, octets, &Limits::default());
        opened.unwrap_err().fault
    };
    let xml = "application/vnd.syncml.dm+xml";
    assert_eq!(refused(xml, &octets), Fault::Unsupported);
    refused(media::PROVISIONING, &octets[..octets.len() / 2]);
    refused(media::DM_WBXML, b"<SyncML/>");
    assert!(secrets("text/plain", &octets).is_empty());
}
