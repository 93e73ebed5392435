//! The user: what is shown, what is answered, and when nobody answers.

use std::time::Duration;

use twinproof_dm::client::Reply;

use super::*;

fn alert(code: u16, options: &str, texts: &[&str]) -> Act {
    Act::Alert {
        code,
        options: options.to_owned(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn begin(world: &mut World) {
    world.order(Order::Start {
        server: "S".to_owned(),
    });
    world.settle();
}

#[test]
fn answers_come_back() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    world.now = Time::from_micros(5);
    let shown = world.queue(alert(1100, "MINDT=10", &["<b>%s</b>"]));
    let yes = world.queue(alert(1101, "", &["Sure?"]));
    let no = world.queue(alert(1101, "", &["Sure?"]));
    let text = world.queue(alert(1102, "", &["Name?"]));
    let some = world.queue(alert(1104, "", &["Which?", "a", "b", "c"]));
    let bad = world.queue(alert(1103, "", &["Which?"]));
    let unknown = world.queue(alert(1150, "", &["?"]));
    begin(&mut world);
    for reply in [
        Reply::Yes,
        Reply::No,
        Reply::Text("Ann".into()),
        Reply::Chosen(vec![1, 3]),
    ] {
        assert!(
            world.pending.is_empty(),
            "nothing is sent before the user has answered"
        );
        world.order(Order::Reply(reply));
    }
    world.settle();
    assert_eq!(world.codes(shown), [200]);
    assert_eq!(world.codes(yes), [200]);
    assert_eq!(world.codes(no), [304]);
    assert_eq!(world.outcome(text).statuses[0].items, ["Ann"]);
    assert_eq!(world.outcome(some).statuses[0].items, ["1", "3"]);
    assert_eq!(world.codes(bad), [412]);
    assert_eq!(world.codes(unknown), [406]);
    let client::Answer::Shown(all) = world.order(Order::Shown) else {
        panic!()
    };
    assert_eq!(all.len(), 5);
    assert_eq!(all[0].dialog.text, "<b>%s</b>");
    assert_eq!(all[0].at, Time::from_micros(5));
}

#[test]
fn nobody_answers() {
    let mut world = World::new(Encoding::Xml, Scheme::Md5);
    let none = world.queue(alert(1101, "MAXDT=10", &["Sure?"]));
    let default = world.queue(alert(1102, "MAXDT=5&DR=Bob", &["Name?"]));
    begin(&mut world);
    for seconds in [10, 5] {
        let deadline = world.client.next_deadline().unwrap();
        assert_eq!(deadline.since(world.now), Duration::from_secs(seconds));
        world.now = deadline;
        world.tell(Input::Wake);
    }
    world.settle();
    assert_eq!(world.codes(none), [408]);
    assert_eq!(world.outcome(default).statuses[0].items, ["Bob"]);
}

#[test]
fn a_no_stops_a_sequence_and_undoes_an_atomic() {
    let acts = |name: &str| {
        vec![
            Act::Add(put(&format!("./Vendor/Open/{name}1"), "1")),
            alert(1101, "", &["Sure?"]),
            Act::Add(put(&format!("./Vendor/Open/{name}2"), "2")),
        ]
    };
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    let sequence = world.queue(Act::Sequence(acts("s")));
    let atomic = world.queue(Act::Atomic(acts("a")));
    begin(&mut world);
    world.order(Order::Reply(Reply::No));
    world.order(Order::Reply(Reply::Cancel));
    world.settle();
    assert_eq!(world.codes(sequence), [200, 200, 304, 215]);
    assert_eq!(world.codes(atomic), [507, 216, 214, 215]);
    assert_eq!(world.value("./Vendor/Open/s1").as_deref(), Some("1"));
    for gone in ["s2", "a1", "a2"] {
        assert_eq!(world.value(&format!("./Vendor/Open/{gone}")), None);
    }
}
