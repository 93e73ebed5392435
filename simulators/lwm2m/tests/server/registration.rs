//! Registrations.

use twinproof_coap::Code;
use twinproof_lwm2m::device::{Behaviour, Order, Register, Request, Update};
use twinproof_lwm2m::upper::{Answer, Client};
use twinproof_lwm2m::wire::Version;

use crate::world::{World, code, path, seconds};

#[test]
fn a_registration_is_what_the_operator_sees() {
    let mut world = World::new(Version::V1_0, 60);
    world.add("dev");
    let query = ["ep=dev", "lt=60", "lwm2m=1.0", "b=UQ", "sms=123"];
    let objects = r#"</lwm2m>;rt="oma.lwm2m";ct=11543,</lwm2m/1/0>,</lwm2m/3/0>,</lwm2m/5>"#;
    assert_eq!(world.register(&query, objects), Code::CREATED);
    let [client] = &world.clients()[..] else {
        panic!("one client")
    };
    let location = world.devices[0].1.shown().registrations[0].location.clone();
    assert_eq!(
        client,
        &Client {
            endpoint: "dev".to_owned(),
            location: Some(location),
            address: Some(world.devices[0].0),
            lifetime: Some(60),
            version: Some("1.0".to_owned()),
            binding: Some("UQ".to_owned()),
            queue_mode: Some(true),
            sms: Some("123".to_owned()),
            objects: Some(["/1/0", "/3/0", "/5"].map(path).to_vec()),
            root: Some("/lwm2m".to_owned()),
        }
    );
}

#[test]
fn what_a_registration_lacks_is_refused() {
    let list = "</1/0>,</3/0>";
    let cases: [(&[&str], &str, Code); 11] = [
        (&["ep=dev", "lwm2m=1.0"], list, Code::CREATED),
        (&["lt=60", "lwm2m=1.0"], list, Code::BAD_REQUEST),
        (&["ep=", "lt=60", "lwm2m=1.0"], list, Code::BAD_REQUEST),
        (&["ep=dev", "lt=soon", "lwm2m=1.0"], list, Code::BAD_REQUEST),
        (&["ep=dev", "lt=0", "lwm2m=1.0"], list, Code::BAD_REQUEST),
        (&["ep=dev", "lt=60"], list, Code::BAD_REQUEST),
        (&["ep=dev", "lwm2m=one"], list, Code::BAD_REQUEST),
        (&["ep=dev", "lwm2m=1.1"], list, Code::PRECONDITION_FAILED),
        (&["ep=dev", "lwm2m=2.0"], list, Code::PRECONDITION_FAILED),
        (&["ep=dev", "lwm2m=1.0", "b=X"], list, Code::BAD_REQUEST),
        (&["ep=dev", "lwm2m=1.0"], "no list", Code::BAD_REQUEST),
    ];
    for (query, objects, wanted) in cases {
        let mut world = World::new(Version::V1_0, 60);
        world.add("dev");
        world.behave(Behaviour {
            keeps_registered: false,
            ..Behaviour::default()
        });
        assert_eq!(
            world.register(query, objects),
            wanted,
            "{query:?} {objects}"
        );
        let clients = world.clients();
        assert_eq!(
            clients.len(),
            usize::from(wanted == Code::CREATED),
            "{query:?}"
        );
        // A day, if nothing is said.
        assert!(clients.iter().all(|client| client.lifetime == Some(86_400)));
    }
}

#[test]
fn who_registers_again_has_one_registration() {
    let mut world = World::registered(Version::V1_0, 60);
    let old = world.devices[0].1.shown().registrations[0].location.clone();
    world.device(0, Order::Register(Register::default()));
    let clients = world.clients();
    assert_eq!(clients.len(), 1);
    assert_ne!(clients[0].location.as_ref(), Some(&old));
    let stale = Update {
        location: Some(old),
        ..Update::default()
    };
    assert_eq!(
        code(&world.device(0, Order::Update(stale))),
        Code::NOT_FOUND
    );
}

#[test]
fn a_registration_ends_with_its_life_time_unless_it_is_updated() {
    let mut world = World::registered(Version::V1_0, 60);
    world.behave(Behaviour {
        keeps_registered: false,
        ..Behaviour::default()
    });
    world.wait(seconds(50));
    assert_eq!(world.update(0, &[], None), Code::CHANGED);
    world.wait(seconds(50));
    assert_eq!(world.update(0, &["lt=120"], Some("</3/0>")), Code::CHANGED);
    let [client] = &world.clients()[..] else {
        panic!("one client")
    };
    assert_eq!(
        (client.lifetime, client.objects.clone()),
        (Some(120), Some(vec![path("/3/0")]))
    );
    world.wait(seconds(119));
    assert_eq!(world.clients().len(), 1);
    world.wait(seconds(2));
    assert_eq!(world.clients(), []);
    assert_eq!(world.update(0, &[], None), Code::NOT_FOUND);
    assert!(matches!(world.read("/3/0/0"), Answer::Refused(_)));
}

#[test]
fn a_device_leaves_and_is_gone() {
    let mut world = World::registered(Version::V1_0, 60);
    let gone = world.devices[0].1.shown().registrations[0].location.clone();
    assert_eq!(
        code(&world.device(0, Order::Deregister { server: 0 })),
        Code::DELETED
    );
    assert_eq!(world.clients(), []);
    let again = Order::Request(Request::new(Code::DELETE, gone));
    assert_eq!(code(&world.device(0, again)), Code::NOT_FOUND);
}

#[test]
fn the_server_plays_no_client() {
    let mut world = World::registered(Version::V1_1, 60);
    for (method, at, wanted) in [
        (Code::GET, "/3/0", Code::NOT_FOUND),
        (Code::GET, "/rd", Code::METHOD_NOT_ALLOWED),
        (Code::GET, "{location}", Code::METHOD_NOT_ALLOWED),
        (Code::POST, "/bs", Code::NOT_FOUND),
        (Code::POST, "/rd/nobody", Code::NOT_FOUND),
        (Code::DELETE, "/rd/00000000", Code::NOT_FOUND),
        (Code::GET, "/dp", Code::METHOD_NOT_ALLOWED),
    ] {
        let request = Order::Request(Request::new(method, at));
        assert_eq!(code(&world.device(0, request)), wanted, "{method} {at}");
    }
}
