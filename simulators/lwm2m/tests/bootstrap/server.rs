//! What a bootstrap server does (TS 1.0.2 §5.2; digest §1.3).

use twinproof_coap::{Code, ContentFormat};
use twinproof_lwm2m::bootstrap::{
    Account, Answer, Credentials, Manner, Order, Outcome, Shared, Step,
};
use twinproof_lwm2m::device::{self, Behaviour, Refuses};
use twinproof_lwm2m::wire::Version;

use crate::world::{SERVER, World, address, path, seconds};

fn world(version: Version) -> World {
    let mut world = World::new(version);
    let account = Account::open(0, 7, format!("coap://{SERVER}"));
    world.boots = Shared::new(version).provisioning("dev", &[account]);
    world
}

fn outcome(world: &World) -> &Outcome {
    world.boot.outcome("dev").expect("a bootstrap")
}

#[test]
fn a_device_is_given_its_account_and_registers_with_it() {
    for version in [Version::V1_0, Version::V1_1] {
        let mut world = world(version);
        world.order(device::Order::Start);
        world.wait(seconds(1));
        assert_eq!(outcome(&world), &Outcome::Succeeded);
        assert_eq!(world.begun(), ["bootstrap", "register"]);
        assert!(world.server.address_of("dev").is_some());
        let asked: Vec<String> = world
            .device
            .shown()
            .asked
            .iter()
            .map(|asked| asked.path.clone())
            .collect();
        assert_eq!(asked, ["", "/0/0", "/1/0", "/bs"]);
    }
}

#[test]
fn every_manner_and_format_leads_to_the_same_account() {
    for format in [
        ContentFormat::LWM2M_TLV,
        ContentFormat::SENML_JSON,
        ContentFormat::SENML_CBOR,
    ] {
        for bits in 0..16 {
            let mut world = world(Version::V1_1);
            world.boots.format = format;
            world.boots.manner = Manner {
                deletes: bits & 1 != 0,
                discovers: bits & 2 != 0,
                whole_objects: bits & 4 != 0,
                servers_first: bits & 8 != 0,
            };
            world.order(device::Order::Start);
            world.wait(seconds(1));
            let manner = world.boots.manner;
            assert_eq!(
                outcome(&world),
                &Outcome::Succeeded,
                "{manner:?} {format:?}"
            );
            assert!(world.server.address_of("dev").is_some(), "{manner:?}");
        }
    }
}

#[test]
fn the_format_that_a_device_prefers_is_used_and_one_that_is_not_there_refused() {
    let mut world = world(Version::V1_1);
    world.shared.prefers = Some(ContentFormat::SENML_CBOR);
    world.order(device::Order::Bootstrap);
    let shown = world.device.shown();
    let mut written = shown.asked.iter().filter_map(|asked| asked.format);
    assert!(written.all(|format| format == ContentFormat::SENML_CBOR));
    assert_eq!(shown.bootstraps.finished, 1);

    let mut world = self::world(Version::V1_1);
    world.shared.prefers = Some(ContentFormat(9_999));
    world.order(device::Order::Bootstrap);
    let code = world.answers[0].response().unwrap().code;
    assert_eq!(code, Code::UNSUPPORTED_CONTENT_FORMAT);
}

#[test]
fn a_stranger_is_refused_and_given_nothing() {
    let mut world = world(Version::V1_0);
    world.boots.configurations.clear();
    world.order(device::Order::Bootstrap);
    let code = world.answers[0].response().unwrap().code;
    assert_eq!(code, Code::BAD_REQUEST);
    assert!(world.device.shown().asked.is_empty());
    assert_eq!(world.device.shown().bootstraps.failed, 1);
}

#[test]
fn a_write_or_an_end_that_is_refused_fails_the_bootstrap() {
    for (method, with) in [
        (Code::PUT, Code::BAD_REQUEST),
        (Code::POST, Code::NOT_ACCEPTABLE),
    ] {
        let mut world = world(Version::V1_0);
        let refuses = Some(Refuses { method, with });
        world.order(device::Order::Behave(Behaviour {
            refuses,
            keeps_registered: false,
            ..Behaviour::default()
        }));
        world.order(device::Order::Bootstrap);
        let why = match outcome(&world) {
            Outcome::Failed(why) => why.clone(),
            other => panic!("{other:?}"),
        };
        assert!(why.contains(&with.to_string()), "{why}");
        let last = world.device.shown().asked.pop().unwrap();
        assert_eq!(last.method, method, "nothing comes after it");
    }
    // What cannot be deleted was not there.
    let mut world = world(Version::V1_0);
    let refuses = Some(Refuses {
        method: Code::DELETE,
        with: Code::NOT_FOUND,
    });
    world.order(device::Order::Behave(Behaviour {
        refuses,
        ..Behaviour::default()
    }));
    world.order(device::Order::Bootstrap);
    assert_eq!(outcome(&world), &Outcome::Succeeded);
}

#[test]
fn a_device_that_falls_silent_is_given_up() {
    let mut world = world(Version::V1_0);
    world.boots.manner.discovers = true;
    world.order(device::Order::Behave(Behaviour {
        answers: device::Answers::Never,
        keeps_registered: false,
        ..Behaviour::default()
    }));
    world.order(device::Order::Bootstrap);
    assert_eq!(outcome(&world), &Outcome::UnderWay);
    world.wait(seconds(240));
    assert_eq!(outcome(&world), &Outcome::UnderWay);
    world.wait(seconds(10));
    assert!(matches!(outcome(&world), Outcome::Failed(_)));
}

#[test]
fn who_asks_again_begins_anew() {
    let mut world = world(Version::V1_0);
    world.gone = true;
    world.order(device::Order::Bootstrap);
    world.gone = false;
    world.order(device::Order::Bootstrap);
    world.wait(seconds(100));
    assert_eq!(outcome(&world), &Outcome::Succeeded);
}

#[test]
fn a_server_begins_unasked_where_the_device_is_ready_for_it() {
    let mut world = world(Version::V1_0);
    let begin = Order::Begin {
        endpoint: "dev".to_owned(),
        to: address("127.0.0.2:5700"),
    };
    // Not before the device has tried its factory accounts.
    world.boot_order(begin.clone());
    assert!(matches!(outcome(&world), Outcome::Failed(_)));
    world
        .shared
        .contents
        .set_bootstrap_server(1, address("127.0.0.1:5783"), 60);
    world.order(device::Order::Start);
    world.boot_order(begin);
    assert_eq!(outcome(&world), &Outcome::Succeeded);
    world.wait(seconds(1));
    assert_eq!(world.begun(), ["register"]);
    world.boot_order(Order::Outcome {
        endpoint: "dev".to_owned(),
    });
    let last = world.told.pop();
    assert_eq!(last, Some(Answer::Outcome(Some(Outcome::Succeeded))));
}

#[test]
fn the_steps_are_those_of_the_configuration() {
    let key = Credentials::Psk {
        identity: b"me".to_vec(),
        key: vec![1; 16],
    };
    let accounts = [
        Account::open(0, 1, "coap://127.0.0.1"),
        Account {
            credentials: key,
            ..Account::open(1, 2, "coaps://127.0.0.1")
        },
    ];
    let configuration = twinproof_lwm2m::bootstrap::Configuration::of(&accounts);
    let steps = Manner {
        whole_objects: true,
        servers_first: true,
        ..Manner::default()
    }
    .steps(&configuration);
    let expected = [
        Step::Delete(path("/")),
        Step::Write(path("/1")),
        Step::Write(path("/0")),
        Step::Finish,
    ];
    assert_eq!(steps, expected);
    let one_by_one = Manner::default().steps(&configuration);
    assert_eq!(one_by_one.len(), 6);
}
