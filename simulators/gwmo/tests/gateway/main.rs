//! A server, a gateway and hidden devices, in memory: requests travel at once, and the network between
//! them lets nobody in from the server's side.

mod properties;
mod world;

use std::time::Duration;

use twinproof_dm::upper::{Act, Put, Value};
use twinproof_gwmo::aggregate::Aggregate;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::objects::below;
use world::{World, leaf};

fn get() -> Act {
    Act::Get {
        uri: "./DevInfo/DevId".to_owned(),
    }
}

fn put(uri: &str, value: &str) -> Act {
    Act::Add(Put {
        uri: uri.to_owned(),
        value: Some(Value::Text(value.to_owned())),
        ..Put::default()
    })
}

/// Who has lost the nonces of a gateway has it come by the one that both are sure to share (DM Security 1.2).
#[test]
fn a_server_that_has_forgotten_its_nonces_is_heard_again() {
    let mut world = World::new(1);
    let read = || vec![get()];
    world.manage(read());
    world.forget();
    let soon = Duration::from_secs(2);
    assert_eq!(world.manage_within(read(), soon), None);
    // The second notification is another one, and has the gateway do what waits.
    let later = Duration::from_secs(4);
    assert!(world.manage_within(read(), later).is_some());
    // From then on they share fresh ones.
    world.manage(read());
}

#[test]
fn a_device_that_attaches_is_recorded_once_and_reported_once() {
    let mut world = World::new(3);
    world.attach(1);
    world.attach(1);
    world.attach(2);
    let names = world.names();
    let records = below(&world.gateway().places().inventory, &names.records);
    let recorded = world.gateway().tree().node(&records).unwrap();
    assert_eq!(recorded.children().count(), 2);
    let inventory = world.gateway().places().inventory.clone();
    let total = world
        .gateway()
        .tree()
        .text(&below(&inventory, &names.total))
        .map(str::to_owned);
    assert_eq!(total.as_deref(), Some("2"));
    let told: Vec<_> = world
        .manager()
        .told()
        .into_iter()
        .map(|told| told.report)
        .collect();
    assert_eq!(told, [Report::Attached, Report::Attached]);
    assert_eq!(world.reported(Report::Attached), ["d1", "d2"]);
}

#[test]
fn the_server_reads_a_device_through_the_gateway_and_never_meets_it() {
    let mut world = World::new(2);
    world.attach(1);
    let at = world.fan_out(&["d1"], None, &[get(), put("./Vendor/Open/x", "y")], None);
    world.exec(&leaf(&at, &world.names().start), "c-1");
    let aggregate = world.aggregate("c-1");
    assert_eq!(aggregate.entries.len(), 1);
    assert_eq!(aggregate.entries[0].status, 200);
    assert_eq!(aggregate.entries[0].commands[0].values, ["d1"]);
    assert_eq!(
        world
            .device(1)
            .tree()
            .text(&"./Vendor/Open/x".parse().unwrap()),
        Some("y")
    );
    assert_eq!(
        world
            .device(2)
            .tree()
            .text(&"./Vendor/Open/x".parse().unwrap()),
        None
    );
    assert_eq!(world.overall("c-1"), "200");
    // The server tries, too, and cannot.
    assert!(!world.reach_from_outside(1));
    assert!(
        world
            .network()
            .seen()
            .iter()
            .all(|seen| !seen.inward || !seen.crossed)
    );
}

#[test]
fn every_device_of_a_group_is_in_the_report_once_whatever_becomes_of_it() {
    let mut world = World::new(6);
    for number in 1..=5 {
        world.attach(number);
    }
    // The fourth is gone, the fifth takes the notification and does not come, the sixth was never there.
    world.unplug(4);
    world.deafen(5);
    let members = ["d1", "d2", "d2", "d4", "d5", "d6", "stranger"];
    world.group("all", &members);
    let missing = Act::Get {
        uri: "./Nowhere".to_owned(),
    };
    let at = world.fan_out(&[], Some("all"), &[get(), missing], Some(30));
    world.exec(&leaf(&at, &world.names().start), "c-2");
    assert!(
        world
            .manager()
            .told()
            .iter()
            .all(|told| told.correlator.is_none())
    );
    world.pass(Duration::from_secs(31));
    let aggregate: Aggregate = world.aggregate("c-2");
    let entries: Vec<_> = aggregate
        .entries
        .iter()
        .map(|e| (&*e.device, e.status))
        .collect();
    assert_eq!(
        entries,
        [
            ("d1", 404),
            ("d2", 404),
            ("d4", 503),
            ("d5", 504),
            ("d6", 503)
        ]
    );
    assert_eq!(world.overall("c-2"), "500");
    // Whoever comes too late is not told any more, and nothing is reported twice.
    world.attach(5);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.correlated("c-2").len(), 2);
}

#[test]
fn a_device_that_comes_from_another_gateway_is_managed_here() {
    let mut world = World::of(2, 1, 0, None);
    world.attach(1);
    world.move_to(1, 1);
    world.attach(1);
    world.turn_to(1);
    let at = world.fan_out(&["d1"], None, &[get()], None);
    world.exec(&leaf(&at, &world.names().start), "c-1");
    assert_eq!(world.overall("c-1"), "200");
}

#[test]
fn what_a_fan_out_has_over_is_not_told_and_other_fan_outs_are() {
    let mut world = World::new(1);
    world.attach(1);
    world.deafen(1);
    let start = world.names().start;
    for (about, value, deadline) in [("c-1", "x", 10), ("c-2", "y", 60)] {
        let acts = [put(&format!("./Vendor/Open/{value}"), value)];
        let at = world.fan_out(&["d1"], None, &acts, Some(deadline));
        world.exec(&leaf(&at, &start), about);
    }
    world.pass(Duration::from_secs(20));
    world.attach(1);
    assert_eq!(
        (world.overall("c-1"), world.overall("c-2")),
        ("500".to_owned(), "200".to_owned())
    );
    let has = |value: &str| {
        let at = format!("./Vendor/Open/{value}").parse().unwrap();
        world.device(1).tree().text(&at).is_some()
    };
    assert!(!has("x") && has("y"));
}

#[test]
fn what_is_no_payload_reaches_no_device() {
    let mut world = World::new(1);
    world.attach(1);
    let sessions = world.device(1).ended().len();
    let at = world.fan_out(&["d1"], None, &[], None);
    world.exec(&leaf(&at, &world.names().start), "c-3");
    assert_eq!(world.overall("c-3"), "400");
    assert_eq!(world.device(1).ended().len(), sessions);
}

#[test]
fn what_could_not_be_reported_is_reported_later() {
    let mut world = World::new(1);
    world.cut_north(true);
    world.attach(1);
    assert!(world.manager().told().is_empty());
    world.cut_north(false);
    world.pass(Duration::from_secs(6));
    assert_eq!(world.reported(Report::Attached), ["d1"]);
}

#[test]
fn a_switch_is_obeyed_and_survives_a_restart() {
    let mut world = World::new(2);
    world.switch(false);
    world.attach(1);
    world.restart();
    world.attach(2);
    assert!(world.manager().told().is_empty());
    // Both still know what the other is to show.
    world.switch(true);
}

#[test]
fn an_image_is_fetched_once_and_served_as_it_is() {
    let mut world = World::new(1);
    let first = world.image("one", "http://origin/firmware");
    world.exec(&leaf(&first, &world.names().image_download), "i-1");
    let second = world.image("two", "http://origin/firmware");
    world.exec(&leaf(&second, &world.names().image_download), "i-2");
    assert_eq!(world.fetched(), 1);
    let ready = world.reported(Report::ImageReady);
    assert_eq!(ready.len(), 2);
    for url in ready {
        assert_eq!(world.download(&url), Some(world::FIRMWARE.to_vec()));
    }
    let gone = world.image("three", "http://origin/nothing");
    world.exec(&leaf(&gone, &world.names().image_download), "i-3");
    assert_eq!(world.reported(Report::ImageReady).len(), 2);
}

#[test]
fn a_thousand_devices_are_each_in_the_report_once() {
    let mut world = World::new(1_000);
    for number in 1..=1_000 {
        world.attach(number);
    }
    for number in (7..=1_000).step_by(7) {
        world.unplug(number);
    }
    let members: Vec<String> = (1..=1_000).map(|number| format!("d{number}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    world.group("all", &members);
    let at = world.fan_out(&[], Some("all"), &[get()], None);
    world.exec(&leaf(&at, &world.names().start), "c-4");
    let aggregate = world.aggregate("c-4");
    let of = |status| {
        aggregate
            .entries
            .iter()
            .filter(|e| e.status == status)
            .count()
    };
    assert_eq!(
        (of(200), of(503), aggregate.entries.len()),
        (858, 142, 1_000)
    );
    let devices: std::collections::BTreeSet<_> =
        aggregate.entries.iter().map(|e| &e.device).collect();
    assert_eq!(devices.len(), 1_000);
}
