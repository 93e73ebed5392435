//! What an application asks for, and what devices report.

use twinproof_coap::{Code, ContentFormat};
use twinproof_kernel::Seed;
use twinproof_lwm2m::device::{Behaviour, Order, Register, Request};
use twinproof_lwm2m::upper::{Answer, CancelBy, Operation, WriteMode};
use twinproof_lwm2m::wire::{Entry, Value, Version};

use crate::world::{Faults, World, address, code, path, reply, seconds, value};

#[test]
fn operations_reach_the_device_and_its_answers_the_application() {
    let mut world = World::registered(Version::V1_0, 86_400);
    let endpoint = || "dev".to_owned();
    assert_eq!(
        value(&world.read("/3/0/2")),
        Value::String("dev".to_owned())
    );
    assert_eq!(reply(&world.read("/3/0/99")).0, Code::NOT_FOUND);
    let everything = reply(&world.read("/3")).1;
    assert!(everything.contains(&Entry::new(path("/3/0/2"), Value::String("dev".to_owned()))));

    let integer = |at: &str, number| Entry::new(path(at), Value::Integer(number));
    let one = vec![integer("/26241/0/1", -7)];
    assert_eq!(
        world.write("/26241/0/1", WriteMode::Replace, one),
        Code::CHANGED
    );
    assert_eq!(value(&world.read("/26241/0/1")), Value::Integer(-7));
    let lifetime = vec![integer("/1/0/1", 61)];
    assert_eq!(
        world.write("/1/0", WriteMode::Update, lifetime),
        Code::CHANGED
    );
    world.wait(seconds(1));
    assert_eq!(world.clients()[0].lifetime, Some(61));

    let executed = world.operate(Operation::Execute {
        endpoint: endpoint(),
        path: path("/26241/0/22"),
        arguments: "0='a'".to_owned(),
    });
    assert_eq!(reply(&executed).0, Code::CHANGED);
    assert_eq!(value(&world.read("/26241/0/20")), Value::Integer(1));

    let discovered = world.operate(Operation::Discover {
        endpoint: endpoint(),
        path: path("/3/0"),
    });
    let Answer::Reply(discovered) = discovered else {
        panic!("{discovered:?}")
    };
    assert!(discovered.links.unwrap().contains("</3/0/2>"));

    let attributes = world.operate(Operation::WriteAttributes {
        endpoint: endpoint(),
        path: path("/26241/0/1"),
        attributes: vec!["pmin=5".to_owned(), "gt=45".to_owned()],
    });
    assert_eq!(reply(&attributes).0, Code::CHANGED);
    assert!(matches!(
        world.operate(Operation::Read {
            endpoint: "else".to_owned(),
            path: path("/3"),
            accept: None
        }),
        Answer::Refused(_)
    ));
}

#[test]
fn instances_come_and_go() {
    let mut world = World::registered(Version::V1_0, 86_400);
    let resources = vec![(1, Value::Integer(5))];
    for (instance, wanted) in [(Some(7), "/26241/7"), (None, "/26241/2")] {
        let created = world.operate(Operation::Create {
            endpoint: "dev".to_owned(),
            object: 26_241,
            instance,
            resources: resources.clone(),
        });
        assert_eq!(reply(&created).0, Code::CREATED, "{created:?}");
        world.wait(seconds(1));
        let objects = world.clients()[0].objects.clone().unwrap();
        assert!(objects.contains(&path(wanted)), "{objects:?}");
        assert_eq!(
            value(&world.read(&format!("{wanted}/1"))),
            Value::Integer(5)
        );
    }
    let deleted = world.operate(Operation::Delete {
        endpoint: "dev".to_owned(),
        path: path("/26241/7"),
    });
    assert_eq!(reply(&deleted).0, Code::DELETED);
    world.wait(seconds(1));
    assert!(
        !world.clients()[0]
            .objects
            .clone()
            .unwrap()
            .contains(&path("/26241/7"))
    );
}

#[test]
fn every_format_of_an_answer_gives_the_same_value() {
    for (version, formats) in [
        (
            Version::V1_0,
            &[
                ContentFormat::TEXT,
                ContentFormat::LWM2M_TLV,
                ContentFormat::LWM2M_JSON,
            ][..],
        ),
        (
            Version::V1_1,
            &[
                ContentFormat::SENML_JSON,
                ContentFormat::SENML_CBOR,
                ContentFormat::CBOR,
            ],
        ),
        (Version::V1_2, &[ContentFormat::LWM2M_CBOR]),
    ] {
        let mut world = World::registered(version, 86_400);
        world.set("/26241/0/1", Value::Integer(-300));
        for &format in formats {
            world.behave(Behaviour {
                format: Some(format),
                ..Behaviour::default()
            });
            assert_eq!(
                value(&world.read("/26241/0/1")),
                Value::Integer(-300),
                "{format}"
            );
        }
    }
}

#[test]
fn composite_operations_take_several_paths() {
    let mut world = World::registered(Version::V1_1, 86_400);
    let endpoint = || "dev".to_owned();
    let paths = vec![path("/26241/0/1"), path("/3/0/2")];
    let values = vec![Entry::new(path("/26241/0/1"), Value::Integer(9))];
    let written = world.operate(Operation::WriteComposite {
        endpoint: endpoint(),
        values,
    });
    assert_eq!(reply(&written).0, Code::CHANGED);
    let read = world.operate(Operation::ReadComposite {
        endpoint: endpoint(),
        paths: paths.clone(),
    });
    let values = reply(&read).1;
    assert_eq!(values.len(), 2, "{values:?}");
    assert!(values.contains(&Entry::new(path("/26241/0/1"), Value::Integer(9))));
    let observed = world.operate(Operation::ObserveComposite {
        endpoint: endpoint(),
        paths: paths.clone(),
    });
    assert_eq!(reply(&observed).0, Code::CONTENT);
    world.set("/26241/0/1", Value::Integer(10));
    world.wait(seconds(1));
    assert_eq!(world.news("/26241/0/1"), [Value::Integer(10)]);
    let ended = world.operate(Operation::CancelComposite {
        endpoint: endpoint(),
        paths,
        by: CancelBy::Request,
    });
    assert_eq!(reply(&ended).0, Code::CONTENT);
    assert_eq!(world.devices[0].1.shown().observed, []);
}

#[test]
fn values_that_are_sent_unasked_are_taken_if_their_objects_are_registered() {
    let mut world = World::registered(Version::V1_1, 86_400);
    let body = |object: u16| format!(r#"[{{"n":"/{object}/0/1","v":3}}]"#);
    for (object, wanted) in [(26_241, Code::CHANGED), (4_711, Code::NOT_FOUND)] {
        let request =
            Request::new(Code::POST, "/dp").with_body(ContentFormat::SENML_JSON, body(object));
        assert_eq!(
            code(&world.device(0, Order::Request(request))),
            wanted,
            "{object}"
        );
    }
    let nonsense = Request::new(Code::POST, "/dp").with_body(ContentFormat::SENML_JSON, "[");
    assert_eq!(
        code(&world.device(0, Order::Request(nonsense))),
        Code::BAD_REQUEST
    );
    let Answer::Events { events, .. } = world.operate(Operation::Events { after: 1 }) else {
        panic!("events")
    };
    assert_eq!(events.len(), 1, "{events:?}");
}

#[test]
fn observations_report_until_they_are_cancelled() {
    for by in [CancelBy::Request, CancelBy::Reset] {
        let mut world = World::registered(Version::V1_0, 86_400);
        world.set("/26241/0/1", Value::Integer(1));
        assert_eq!(value(&world.observe("/26241/0/1")), Value::Integer(1));
        for number in 2..4 {
            world.set("/26241/0/1", Value::Integer(number));
            world.wait(seconds(1));
        }
        assert_eq!(world.news("/26241/0/1"), [2, 3].map(Value::Integer));
        let cancel = Operation::Cancel {
            endpoint: "dev".to_owned(),
            path: path("/26241/0/1"),
            by,
        };
        let answer = world.operate(cancel.clone());
        assert_eq!(answer == Answer::Done, by == CancelBy::Reset, "{answer:?}");
        for number in 4..6 {
            world.set("/26241/0/1", Value::Integer(number));
            world.wait(seconds(1));
        }
        assert_eq!(
            world.news("/26241/0/1"),
            [2, 3].map(Value::Integer),
            "{by:?}"
        );
        assert_eq!(world.devices[0].1.shown().observed, [], "{by:?}");
        assert!(matches!(world.operate(cancel), Answer::Refused(_)));
    }
}

#[test]
fn a_new_registration_renews_what_was_observed() {
    let mut world = World::registered(Version::V1_0, 86_400);
    world.observe("/26241/0/1");
    world.device(0, Order::Register(Register::default()));
    world.wait(seconds(1));
    assert_eq!(world.devices[0].1.shown().observed.len(), 1);
    world.set("/26241/0/1", Value::Integer(77));
    world.wait(seconds(1));
    assert_eq!(world.news("/26241/0/1").last(), Some(&Value::Integer(77)));
}

#[test]
fn a_device_that_moves_is_reached_where_it_is() {
    let mut world = World::registered(Version::V1_0, 86_400);
    world.observe("/26241/0/1");
    let to = address("127.0.9.9:4444");
    world.devices[0].0 = to;
    world.device(0, Order::Move { to });
    assert_eq!(world.update(0, &[], None), Code::CHANGED);
    assert_eq!(
        value(&world.read("/3/0/2")),
        Value::String("dev".to_owned())
    );
    world.set("/26241/0/1", Value::Integer(77));
    world.wait(seconds(1));
    assert_eq!(world.news("/26241/0/1").last(), Some(&Value::Integer(77)));
}

#[test]
fn a_sleeping_device_is_left_to_sleep() {
    let mut world = World::new(Version::V1_0, 86_400);
    world.shared = world.shared.clone().sleeping(86_400);
    world.add("dev");
    world.device(0, Order::Register(Register::default()));
    // It has just spoken.
    assert_eq!(
        value(&world.read("/3/0/2")),
        Value::String("dev".to_owned())
    );
    world.wait(seconds(120));
    let Answer::Kept { ticket } = world.read("/3/0/2") else {
        panic!("the operation is kept")
    };
    let Answer::Kept { ticket: second } = world.read("/3/0/99") else {
        panic!("the operation is kept")
    };
    let asked = |world: &World| world.devices[0].1.shown().asked.len();
    let before = asked(&world);
    world.wait(seconds(60));
    assert_eq!(asked(&world), before);
    assert_eq!(
        world.operate(Operation::Result { ticket }),
        Answer::Kept { ticket }
    );
    assert_eq!(world.update(0, &[], None), Code::CHANGED);
    world.wait(seconds(1));
    assert_eq!(asked(&world), before + 2);
    let answer = world.operate(Operation::Result { ticket });
    assert_eq!(value(&answer), Value::String("dev".to_owned()));
    assert_eq!(
        reply(&world.operate(Operation::Result { ticket: second })).0,
        Code::NOT_FOUND
    );
}

#[test]
fn a_sleeper_that_does_not_answer_is_asked_again_when_it_shows_itself() {
    let mut world = World::new(Version::V1_0, 86_400);
    world.shared = world.shared.clone().sleeping(86_400);
    world.shared.awake = seconds(10);
    world.add("dev");
    world.device(0, Order::Register(Register::default()));
    world.wait(seconds(30));
    // The server believes that it listens, and learns better.
    let Answer::Kept { ticket } = world.read("/3/0/2") else {
        panic!("the operation is kept")
    };
    assert_eq!(world.update(0, &[], None), Code::CHANGED);
    world.wait(seconds(1));
    let answer = world.operate(Operation::Result { ticket });
    assert_eq!(value(&answer), Value::String("dev".to_owned()));
}

#[test]
fn a_device_that_does_not_answer_is_a_timeout() {
    let mut world = World::registered(Version::V1_0, 86_400);
    world.behave(Behaviour {
        silent: true,
        ..Behaviour::default()
    });
    assert_eq!(world.read("/3/0/2"), Answer::Timeout);
}

#[test]
fn long_lists_and_long_values_go_in_blocks() {
    let mut world = World::new(Version::V1_0, 86_400);
    world.set_up.parameters.block_size = 64;
    world.shared.parameters.block_size = 32;
    world.add("dev");
    world.device(0, Order::Register(Register::default()));
    assert!(world.clients()[0].objects.as_ref().unwrap().len() > 5);
    let long: Vec<u8> = (0..400_u32).map(|byte| byte as u8).collect();
    let values = vec![Entry::new(path("/26241/0/5"), Value::Opaque(long.clone()))];
    assert_eq!(
        world.write("/26241/0/5", WriteMode::Replace, values),
        Code::CHANGED
    );
    assert_eq!(value(&world.read("/26241/0/5")), Value::Opaque(long));
}

#[test]
fn separate_answers_are_taken_and_given() {
    let mut world = World::new(Version::V1_0, 86_400);
    world.set_up.separate = true;
    world.add("dev");
    world.device(0, Order::Register(Register::default()));
    assert_eq!(world.clients().len(), 1);
    world.behave(Behaviour {
        delay: seconds(5),
        ..Behaviour::default()
    });
    assert_eq!(
        value(&world.read("/3/0/2")),
        Value::String("dev".to_owned())
    );
}

#[test]
fn a_bad_link_changes_no_outcome() {
    for seed in 0..20 {
        let mut world = World::new(Version::V1_0, 86_400);
        let mut random = Seed::new(seed).rng();
        world.luck = Box::new(move |below| random.u32(..below));
        world.faults = Faults {
            lost: 15,
            doubled: 15,
            delayed: 20,
        };
        for number in 0..3 {
            world.add(["dev", "other", "third"][number]);
            let answer = world.device(number, Order::Register(Register::default()));
            assert_eq!(code(&answer), Code::CREATED, "seed {seed}");
        }
        assert_eq!(world.clients().len(), 3, "seed {seed}");
        for round in 1..6 {
            let one = vec![Entry::new(path("/26241/0/1"), Value::Integer(round))];
            assert_eq!(
                world.write("/26241/0/1", WriteMode::Replace, one),
                Code::CHANGED
            );
            assert_eq!(
                value(&world.read("/26241/0/1")),
                Value::Integer(round),
                "seed {seed}"
            );
            let executed = world.operate(Operation::Execute {
                endpoint: "dev".to_owned(),
                path: path("/26241/0/22"),
                arguments: String::new(),
            });
            assert_eq!(reply(&executed).0, Code::CHANGED);
            // Once each, however often it was sent.
            assert_eq!(
                value(&world.read("/26241/0/20")),
                Value::Integer(round),
                "seed {seed}"
            );
        }
    }
}
