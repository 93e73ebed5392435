//! What a device does when it is bootstrapped (TS 1.0.2 §5.2; digest §1.3).

use twinproof_coap::{Code, ContentFormat, Message};
use twinproof_lwm2m::bootstrap::{Account, Configuration};
use twinproof_lwm2m::device::{Order, Register, Shared, Update};
use twinproof_lwm2m::wire::links::ObjectList;
use twinproof_lwm2m::wire::{Entry, Value, Version};

use crate::world::{
    BOOTSTRAP, Came, SERVER, TESTER, World, address, finish, integer, path, seconds, text, write,
};

fn account() -> Vec<Entry> {
    Account::open(0, 7, format!("coap://{SERVER}")).values()
}

fn within(values: &[Entry], of: &str) -> Vec<Entry> {
    let inside = |entry: &&Entry| entry.path.is_within(path(of));
    values.iter().filter(inside).cloned().collect()
}

/// Writes a whole account.
fn provision(world: &mut World) {
    let values = account();
    for object in ["/0/0", "/1/0"] {
        let came = world.ask(write(object, &within(&values, object)));
        assert_eq!(came.code, Code::CHANGED);
    }
}

fn discovered(world: &mut World) -> ObjectList {
    let discover = Message::new(Code::GET).accept(ContentFormat::LINK_FORMAT);
    let Came { code, body } = world.ask(discover);
    assert_eq!(code, Code::CONTENT);
    ObjectList::parse(&body).unwrap()
}

fn instances(list: &ObjectList) -> Vec<String> {
    list.items
        .iter()
        .map(|item| item.path.to_string())
        .collect()
}

#[test]
fn a_device_without_accounts_asks_and_registers_only_after_the_end() {
    let mut world = World::tested(Version::V1_0);
    world.order(Order::Start);
    world.wait(seconds(1));
    assert_eq!(world.begun(), ["bootstrap"]);
    provision(&mut world);
    world.wait(seconds(60));
    assert_eq!(world.begun(), ["bootstrap"]);
    assert_eq!(world.ask(finish()).code, Code::CHANGED);
    world.wait(seconds(1));
    assert_eq!(world.begun(), ["bootstrap", "register"]);
    assert_eq!(world.device.shown().bootstraps.finished, 1);
    assert!(!world.device.shown().registrations[0].location.is_empty());
}

#[test]
fn a_device_waits_as_long_as_its_account_says() {
    let mut world = World::tested(Version::V1_0);
    world
        .shared
        .contents
        .set_bootstrap_server(1, address(BOOTSTRAP), 30);
    world.order(Order::Start);
    world.wait(seconds(29));
    assert!(world.begun().is_empty());
    world.wait(seconds(2));
    assert_eq!(world.begun(), ["bootstrap"]);
}

#[test]
fn a_factory_account_is_used_and_bootstrap_is_asked_for_when_it_has_failed() {
    let mut world = World::tested(Version::V1_0);
    world.shared = Shared::new(Version::V1_0, 60, &[address("127.0.0.9:1")]);
    world
        .shared
        .contents
        .set_bootstrap_server(1, address(BOOTSTRAP), 0);
    world.order(Order::Start);
    world.wait(seconds(60));
    assert!(world.begun().iter().all(|begun| *begun == "register"));
    // Five attempts more, after a minute, doubled each time.
    world.wait(seconds(40 * 60));
    assert_eq!(world.begun().last(), Some(&"bootstrap"));
}

#[test]
fn everything_but_the_bootstrap_account_and_the_device_is_deleted() {
    let mut world = World::tested(Version::V1_1);
    world.order(Order::Start);
    provision(&mut world);
    let before = discovered(&mut world);
    assert_eq!(before.lwm2m, Some(Version::V1_1));
    let item = |at: &str| before.item(path(at)).unwrap().clone();
    assert_eq!(item("/0/0").ssid, Some(7));
    assert_eq!(item("/0/0").uri.as_deref(), Some("coap://127.0.0.1:5683"));
    assert_eq!(item("/1/0").ssid, Some(7));
    assert_eq!((item("/0/1").ssid, item("/0/1").uri), (None, None));

    let deleted = world.ask(Message::new(Code::DELETE).path("/0"));
    assert_eq!(deleted.code, Code::DELETED);
    let now = instances(&discovered(&mut world));
    assert!(now.contains(&"/0/1".to_owned()) && !now.contains(&"/0/0".to_owned()));
    assert!(now.contains(&"/1/0".to_owned()));
    let own = world.ask(Message::new(Code::DELETE).path("/0/1"));
    assert_eq!(own.code, Code::BAD_REQUEST);

    let all = world.ask(Message::new(Code::DELETE));
    assert_eq!(all.code, Code::DELETED);
    let list = discovered(&mut world);
    let mut left: Vec<String> = instances(&list);
    left.retain(|path| path.matches('/').count() == 2);
    assert_eq!(left, ["/0/1", "/3/0"]);
}

#[test]
fn a_write_creates_or_replaces_and_passes_over_what_is_not_known() {
    let mut world = World::tested(Version::V1_1);
    world.order(Order::Start);
    let two = [
        Account::open(0, 7, format!("coap://{SERVER}")).values(),
        Account::open(4, 8, "coap://127.0.0.1:7").values(),
    ]
    .concat();
    assert_eq!(
        world.ask(write("/0", &within(&two, "/0"))).code,
        Code::CHANGED
    );
    for lifetime in [60, 90] {
        let values = [
            integer("/1/0/0", 7),
            integer("/1/0/1", lifetime),
            Entry::new(path("/1/0/6"), Value::Boolean(false)),
            text("/1/0/7", "U"),
            Entry::new(path("/1/0/999"), Value::Opaque(vec![1])),
        ];
        assert_eq!(world.ask(write("/1/0", &values)).code, Code::CHANGED);
    }
    let one = write("/1/0/1", &[integer("/1/0/1", 95)]);
    assert_eq!(world.ask(one).code, Code::CHANGED);
    let list = instances(&discovered(&mut world));
    for instance in ["/0/0", "/0/4", "/1/0"] {
        assert!(list.contains(&instance.to_owned()), "{list:?}");
    }
    let read = Message::new(Code::GET)
        .path("/1")
        .accept(ContentFormat::SENML_JSON);
    let read = world.ask(read);
    assert_eq!(read.code, Code::CONTENT);
    let body = String::from_utf8(read.body).unwrap();
    assert!(body.contains("95") && !body.contains("999"), "{body}");
    let keys = world.ask(Message::new(Code::GET).path("/0"));
    assert_eq!(keys.code, Code::UNAUTHORIZED);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_own_code() {
    let mut world = World::tested(Version::V1_0);
    world.order(Order::Start);
    let strange = Message::new(Code::PUT)
        .path("/1/0")
        .content_format(ContentFormat(9_999))
        .payload([1]);
    assert_eq!(world.ask(strange).code, Code::UNSUPPORTED_CONTENT_FORMAT);
    let broken = Message::new(Code::PUT)
        .path("/1/0")
        .content_format(ContentFormat::LWM2M_TLV)
        .payload([0xc8, 0, 200]);
    assert_eq!(world.ask(broken).code, Code::BAD_REQUEST);
}

#[test]
fn an_end_without_a_whole_account_is_refused_and_can_be_repaired() {
    let mut world = World::tested(Version::V1_0);
    world.order(Order::Start);
    let only = write("/1/0/5", &[integer("/1/0/5", 86_400)]);
    assert_eq!(world.ask(only).code, Code::CHANGED);
    assert_eq!(world.ask(finish()).code, Code::NOT_ACCEPTABLE);
    world.wait(seconds(10));
    assert_eq!(world.begun(), ["bootstrap"]);
    provision(&mut world);
    assert_eq!(world.ask(finish()).code, Code::CHANGED);
    world.wait(seconds(1));
    assert_eq!(world.begun(), ["bootstrap", "register"]);
}

#[test]
fn an_account_is_whole_only_if_both_halves_fit_and_keys_are_there() {
    let spoils: [(&str, Entry); 3] = [
        ("another server", integer("/1/0/0", 8)),
        ("a mode without its key", integer("/0/0/2", 0)),
        (
            "that of a bootstrap server",
            Entry::new(path("/0/0/1"), Value::Boolean(true)),
        ),
    ];
    for (what, spoiled) in spoils {
        let mut world = World::tested(Version::V1_0);
        world.order(Order::Start);
        provision(&mut world);
        let at = spoiled.path.to_string();
        assert_eq!(world.ask(write(&at, &[spoiled])).code, Code::CHANGED);
        assert_eq!(world.ask(finish()).code, Code::NOT_ACCEPTABLE, "{what}");
    }
}

#[test]
fn a_silent_bootstrap_fails_and_leaves_what_was_there() {
    let mut world = World::tested(Version::V1_0);
    world.order(Order::Start);
    provision(&mut world);
    world.wait(seconds(246));
    assert_eq!(world.device.shown().bootstraps.failed, 0);
    world.wait(seconds(2));
    assert_eq!(world.device.shown().bootstraps.failed, 1);
    assert_eq!(world.begun(), ["bootstrap"]);
    world.wait(seconds(60));
    assert_eq!(world.begun(), ["bootstrap", "bootstrap"]);
    let list = instances(&discovered(&mut world));
    assert!(!list.contains(&"/0/0".to_owned()), "{list:?}");
}

#[test]
fn a_bootstrap_that_fails_leaves_a_device_its_old_account() {
    let mut world = World::tested(Version::V1_0);
    world.shared = Shared::new(Version::V1_0, 3_600, &[address(SERVER)]);
    world
        .shared
        .contents
        .set_bootstrap_server(1, address(BOOTSTRAP), 0);
    world.order(Order::Start);
    world.wait(seconds(1));
    world.order(Order::Bootstrap);
    let deleted = world.ask(Message::new(Code::DELETE).path("/1"));
    assert_eq!(deleted.code, Code::DELETED);
    world.wait(seconds(250));
    assert_eq!(world.device.shown().bootstraps.failed, 1);
    world.order(Order::Bootstrap);
    let list = instances(&discovered(&mut world));
    assert!(list.contains(&"/1/0".to_owned()), "{list:?}");
}

#[test]
fn a_bootstrap_in_which_no_account_is_left_of_an_old_one_ends_its_registration() {
    let mut world = World::tested(Version::V1_0);
    world.shared = Shared::new(Version::V1_0, 3_600, &[address("127.0.0.1:5683")]);
    world
        .shared
        .contents
        .set_bootstrap_server(1, address(BOOTSTRAP), 0);
    world.order(Order::Start);
    world.wait(seconds(1));
    assert!(!world.device.shown().registrations[0].location.is_empty());
    world.order(Order::Bootstrap);
    assert_eq!(world.ask(Message::new(Code::DELETE)).code, Code::DELETED);
    let values = Configuration::of(&[Account::open(3, 9, "coap://127.0.0.1:9")]).values;
    for at in ["/0/3", "/1/3"] {
        assert_eq!(
            world.ask(write(at, &within(&values, at))).code,
            Code::CHANGED
        );
    }
    assert_eq!(world.ask(finish()).code, Code::CHANGED);
    world.wait(seconds(1));
    assert!(world.device.shown().registrations[0].location.is_empty());
    let last = world.requests.last().unwrap();
    assert!(last.contains("/rd"), "{last}");
}

#[test]
fn a_new_bootstrap_account_takes_the_place_of_the_old() {
    let mut world = World::tested(Version::V1_0);
    world.order(Order::Start);
    provision(&mut world);
    let values = [
        text("/0/5/0", "coap://127.0.0.1:5999"),
        Entry::new(path("/0/5/1"), Value::Boolean(true)),
        integer("/0/5/2", 3),
    ];
    assert_eq!(world.ask(write("/0/5", &values)).code, Code::CHANGED);
    let list = instances(&discovered(&mut world));
    assert!(list.contains(&"/0/5".to_owned()) && !list.contains(&"/0/1".to_owned()));
    assert_eq!(world.ask(finish()).code, Code::CHANGED);
    // From now on it is the new one that is asked.
    world.stands = address(TESTER);
    world.order(Order::Bootstrap);
    assert_eq!(
        world.begun().iter().filter(|b| **b == "bootstrap").count(),
        2
    );
    assert_eq!(discovered(&mut world).lwm2m, Some(Version::V1_0));
}

#[test]
fn another_than_the_bootstrap_server_cannot_bootstrap() {
    let mut world = World::tested(Version::V1_0);
    world.shared = Shared::new(Version::V1_0, 3_600, &[address(SERVER)]);
    world
        .shared
        .contents
        .set_bootstrap_server(1, address(BOOTSTRAP), 0);
    world.order(Order::Start);
    world.wait(seconds(1));
    // The server that the device is registered with.
    world.stands = address(SERVER);
    let keys = within(&account(), "/0/0");
    for (message, code) in [
        (finish(), Code::NOT_FOUND),
        (Message::new(Code::DELETE), Code::METHOD_NOT_ALLOWED),
        (write("/0/0", &keys), Code::UNAUTHORIZED),
        (Message::new(Code::GET).path("/0"), Code::UNAUTHORIZED),
    ] {
        assert_eq!(world.ask(message).code, code);
    }
    // A stranger.
    world.stands = address(TESTER);
    assert_eq!(world.ask(finish()).code, Code::UNAUTHORIZED);
    // The bootstrap server itself, in LwM2M 1.1, unasked.
    world.shared.version = Version::V1_1;
    world.stands = address(BOOTSTRAP);
    assert_eq!(world.ask(write("/0/0", &keys)).code, Code::UNAUTHORIZED);
    assert_eq!(world.device.shown().bootstraps.begun, 0);
}

#[test]
fn a_management_server_makes_a_device_ask_for_bootstrap() {
    let mut world = World::tested(Version::V1_1);
    world.shared = Shared::new(Version::V1_1, 3_600, &[address(SERVER)]);
    world.order(Order::Start);
    world.wait(seconds(1));
    world.stands = address(SERVER);
    let trigger = || Message::new(Code::POST).path("/1/0/9");
    assert_eq!(world.ask(trigger()).code, Code::METHOD_NOT_ALLOWED);
    world
        .shared
        .contents
        .set_bootstrap_server(1, address(BOOTSTRAP), 0);
    assert_eq!(world.ask(trigger()).code, Code::CHANGED);
    assert_eq!(world.begun(), ["register", "bootstrap"]);
}

#[test]
fn the_card_comes_before_the_factory_and_takes_its_accounts_along() {
    let mut world = World::new(Version::V1_0);
    world.shared = Shared::new(Version::V1_0, 3_600, &[address("127.0.0.9:1")]);
    let card = Account {
        lifetime: 43_200,
        ..Account::open(6, 60, format!("coap://{SERVER}"))
    };
    world.order(Order::Card(card.values()));
    world.order(Order::Start);
    world.wait(seconds(1));
    let registered = world.requests.first().unwrap();
    assert!(registered.contains("lt=43200"), "{registered}");
    assert!(world.server.address_of("dev").is_some());
    assert_eq!(world.requests.len(), 1, "{:?}", world.requests);

    // Without the card its account is no longer used.
    world.order(Order::Card(Vec::new()));
    let server = 0;
    world.order(Order::Update(Update {
        server,
        ..Update::default()
    }));
    assert_eq!(world.requests.len(), 1, "{:?}", world.requests);
    world.order(Order::Register(Register::default()));
    let last = world.requests.last().unwrap();
    assert!(last.contains("lt=3600"), "{last}");
}
