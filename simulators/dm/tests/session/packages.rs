//! Packages, messages, large objects, endings (DM Protocol 1.2).

use twinproof_dm::server::rules::decide::Rules;
use twinproof_dm::server::rules::{Fate, Heard, Turn};
use twinproof_dm::syncml::{AlertCode, Command, StatusCode};
use twinproof_dm::upper::Event;

use super::*;

const BOTH: [Encoding; 2] = [Encoding::Xml, Encoding::Wbxml];

#[test]
fn four_packages() {
    for encoding in BOTH {
        let mut world = World::new(encoding, Scheme::Md5);
        let read = world.queue(get("./DevInfo/Man"));
        let add = world.queue(Act::Add(put("./Vendor/Open/a", "1")));
        let wrong = world.queue(Act::Replace(put("./Vendor/Open/b", "1")));
        assert_eq!(world.session().how, End::Complete);
        assert_eq!(world.codes(read), [200]);
        let reading = &world.outcome(read).results[0];
        assert_eq!(reading.uri, "./DevInfo/Man");
        assert_eq!(reading.value, Some(Value::Text("Twinproof".to_owned())));
        assert_eq!(world.codes(add), [200]);
        assert_eq!(world.codes(wrong), [404]);
        assert_eq!(world.value("./Vendor/Open/a").as_deref(), Some("1"));

        // Packages 1 to 4, each in one message, all of them complete.
        let speakers: Vec<_> = world.said.iter().map(|said| said.client).collect();
        assert_eq!(speakers, [true, false, true, false]);
        assert!(world.said.iter().all(|said| said.parsed.message.is_final));
        let names = |index: usize| -> Vec<_> {
            let message: &Message = &world.said[index].parsed.message;
            message.commands.iter().map(Command::name).collect()
        };
        assert_eq!(names(0), ["Alert", "Replace"]);
        assert_eq!(
            names(1),
            ["Status", "Status", "Status", "Get", "Add", "Replace"]
        );
        assert_eq!(
            names(2),
            ["Status", "Status", "Results", "Status", "Status"]
        );
        assert_eq!(names(3), ["Status"]);
        let header = &world.said[0].parsed.message.header;
        assert_eq!((&*header.msg_id, &*header.ver_dtd), ("1", "1.2"));
        let Command::Replace(info) = &world.said[0].parsed.message.commands[1] else {
            panic!("package 1 tells of the device")
        };
        assert_eq!(info.items.len(), 5);
        assert!(world.server.is_idle(DEVICE));
    }
}

#[test]
fn every_command_is_answered_once_and_numbers_are_unique() {
    let mut world = World::new(Encoding::Xml, Scheme::Md5);
    world.servers.max_message = Some(1500);
    world.clients.max_message = Some(1500);
    for n in 0..12 {
        world.queue(Act::Add(put(
            &format!("./Vendor/Open/n{n}"),
            &"x".repeat(90),
        )));
        world.queue(get("./DevInfo"));
    }
    assert_eq!(world.session().how, End::Complete);
    let mut asked = Vec::new();
    let mut answered = Vec::new();
    for said in &world.said {
        let message = &said.parsed.message;
        let msg = &message.header.msg_id;
        let mut ids = std::collections::BTreeSet::new();
        for command in &message.commands {
            assert!(
                ids.insert(command.cmd_id().to_owned()),
                "{msg}: {command:?}"
            );
            match command {
                Command::Status(status) if status.cmd_ref != "0" => {
                    answered.push((!said.client, status.msg_ref.clone(), status.cmd_ref.clone()));
                }
                Command::Status(_) | Command::Results(_) => {}
                other => asked.push((said.client, msg.clone(), other.cmd_id().to_owned())),
            }
        }
        assert!(said.octets.len() <= 1500, "{}", said.octets.len());
    }
    asked.sort();
    answered.sort();
    assert_eq!(asked, answered);
    assert!(
        world
            .said
            .iter()
            .any(|said| said.client && !said.parsed.message.is_final)
    );
}

#[test]
fn what_is_refused_in_parts_is_not_sent_to_its_end() {
    for encoding in BOTH {
        let mut world = World::new(encoding, Scheme::Md5);
        world.clients.large_objects = false;
        world.clients.max_message = Some(1500);
        let add = world.queue(Act::Add(put("./Vendor/Open/large", &"x".repeat(4_000))));
        let read = world.queue(get("./DevInfo/DevId"));
        assert_eq!(world.session().how, End::Complete);
        assert_eq!(world.codes(add), [406]);
        assert_eq!(world.codes(read), [200]);
        assert_eq!(world.value("./Vendor/Open/large"), None);
    }
}

#[test]
fn large_objects_go_both_ways() {
    for encoding in BOTH {
        let mut world = World::new(encoding, Scheme::Md5);
        world.servers.max_message = Some(1500);
        world.clients.max_message = Some(1500);
        let text: String = (0..700).map(|n| format!("é{n}<&")).collect();
        let octets: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
        let add = world.queue(Act::Add(put("./Vendor/Open/large", &text)));
        let blob = world.queue(Act::Add(Put {
            uri: "./Vendor/Open/blob".to_owned(),
            value: Some(Value::Octets(octets.clone())),
            ..Put::default()
        }));
        let read = world.queue(get("./Vendor/Open/large"));
        let read_blob = world.queue(get("./Vendor/Open/blob"));
        assert_eq!(world.session().how, End::Complete);
        assert_eq!(world.codes(add), [200]);
        assert_eq!(world.codes(blob), [200]);
        assert_eq!(world.value("./Vendor/Open/large"), Some(text.clone()));
        assert_eq!(
            world.outcome(read).results[0].value,
            Some(Value::Text(text))
        );
        assert_eq!(
            world.outcome(read_blob).results[0].value,
            Some(Value::Octets(octets))
        );
        let sizes = world
            .said
            .iter()
            .flat_map(|said| &said.parsed.message.commands);
        let sizes = sizes
            .flat_map(Command::items)
            .filter_map(|item| item.meta.as_ref()?.size);
        assert_eq!(sizes.count(), 4, "only first chunks say the size");
        assert!(world.said.iter().all(|said| said.octets.len() <= 1500));
    }
}

#[test]
fn a_repeated_message_is_answered_as_before() {
    let mut world = World::new(Encoding::Xml, Scheme::Mac);
    let call = world.queue(Act::Add(put("./Vendor/Open/a", "1")));
    world.order(Order::Start {
        server: "S".to_owned(),
    });
    let (exchange, request) = world.pending.last().cloned().unwrap();
    let input = || Input::Request {
        exchange,
        request: &request,
    };
    let first = world.serve(input()).unwrap();
    let again = world.serve(input()).unwrap();
    assert_eq!(first, again);
    // The same answer twice at the client: it repeats its own message, and adds the node once.
    world.pending.clear();
    world.tell(Input::Response {
        exchange,
        outcome: Ok(&first),
    });
    let (next, answer) = world.pending.pop().unwrap();
    world.tell(Input::Response {
        exchange: next,
        outcome: Ok(&first),
    });
    assert_eq!(world.pending.last().unwrap().1, answer);
    world.settle();
    assert_eq!(world.last().how, End::Complete);
    assert_eq!(world.codes(call), [200]);
}

#[test]
fn another_message_under_a_known_number_is_no_copy() {
    let mut world = World::new(Encoding::Xml, Scheme::Mac);
    world.queue(get("./DevInfo"));
    world.order(Order::Start {
        server: "S".to_owned(),
    });
    let (exchange, request) = world.pending.last().cloned().unwrap();
    let mut changed = request.clone();
    changed.body.push(b'\n');
    let mut code_for = |request: &Request| {
        let response = world.serve(Input::Request { exchange, request }).unwrap();
        let element = Encoding::Xml.read(&response.body, &Limits::default());
        let message = Message::from_element(element.unwrap()).unwrap().message;
        message.commands.iter().find_map(|command| match command {
            Command::Status(status) if status.cmd_ref == "0" => Some(status.code),
            _ => None,
        })
    };
    assert_eq!(code_for(&request), Some(StatusCode::OK));
    // Its code is that of the message before it was changed.
    assert_eq!(code_for(&changed), Some(StatusCode::INVALID_CREDENTIALS));
}

#[test]
fn a_session_can_be_aborted() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    world.queue(get("./DevInfo"));
    world.order(Order::Start {
        server: "S".to_owned(),
    });
    world.step();
    world.ask(Operation::Abort {
        device: DEVICE.to_owned(),
    });
    world.settle();
    assert_eq!(world.last().how, End::Aborted);
    let last = world.said.last().unwrap();
    assert!(!last.client && last.parsed.message.is_final);
    let aborts = |command: &Command| matches!(command, Command::Alert(alert) if alert.code == AlertCode::SESSION_ABORT);
    assert!(last.parsed.message.commands.iter().any(aborts));
    // What was not settled is done in the next session.
    assert_eq!(world.session().how, End::Complete);
    assert!(world.server.is_idle(DEVICE));
}

#[test]
fn reports_reach_the_application() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    let mut alert = twinproof_dm::syncml::Alert::new("", AlertCode::GENERIC);
    alert.correlator = Some("c1".to_owned());
    alert.items.push(
        twinproof_dm::syncml::Item::from("./Vendor/Open")
            .with_meta(twinproof_dm::syncml::Meta::described(
                twinproof_dm::syncml::Format::Chr,
                "urn:oma:at:x:1.0",
            ))
            .with_text("done"),
    );
    world.order(Order::Report {
        server: "S".to_owned(),
        alerts: vec![alert],
    });
    world.settle();
    world.ask(Operation::Events { after: 0 });
    let Some((_, Answer::Events(events))) = world.answers.last() else {
        panic!()
    };
    assert!(events.contains(&Event::Alerted {
        device: DEVICE.to_owned(),
        code: 1226,
        types: vec!["urn:oma:at:x:1.0".to_owned()],
        correlator: Some("c1".to_owned()),
        values: vec!["done".to_owned()],
    }));
    assert!(matches!(
        events.last(),
        Some(Event::Ended { complete: true, .. })
    ));
}

struct NeverSatisfied;

impl Rules for NeverSatisfied {
    fn turn(&self, _heard: Heard) -> Turn {
        Turn::NextMessage
    }
}

#[test]
fn a_server_that_wants_more_for_ever_is_left() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    world.clients.max_messages = 50;
    world.servers.rules = Arc::new(NeverSatisfied);
    assert!(matches!(world.session().how, End::Failed(_)));
    assert_eq!(world.said.len(), 100);
}

struct Forgetful;

impl Rules for Forgetful {
    fn repeats(&self, _seen_before: bool) -> bool {
        false
    }
}

#[test]
fn a_server_that_answers_a_repeated_message_anew_is_seen() {
    let mut world = World::new(Encoding::Xml, Scheme::Md5);
    world.servers.rules = Arc::new(Forgetful);
    world.order(Order::Start {
        server: "S".to_owned(),
    });
    let (exchange, request) = world.pending.last().cloned().unwrap();
    let input = || Input::Request {
        exchange,
        request: &request,
    };
    let first = world.serve(input()).unwrap();
    assert_ne!(world.serve(input()).unwrap(), first);
}

struct Repetitive;

impl Rules for Repetitive {
    fn becomes(&self, _executed: bool) -> Fate {
        Fate::Waits
    }
}

#[test]
fn a_server_that_sends_its_commands_again_is_seen() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    world.clients.max_messages = 20;
    world.servers.rules = Arc::new(Repetitive);
    world.queue(get("./DevInfo/Man"));
    assert!(matches!(world.session().how, End::Failed(_)));
}
