//! Package 0 (DM Notification 1.2).

use twinproof_dm::auth::ZERO_NONCE;
use twinproof_dm::client::Reply;
use twinproof_dm::client::rules::decide::Rules;
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::media;
use twinproof_dm::syncml::{AlertCode, Command};

use super::*;

fn trigger(world: &mut World, ui_mode: u8, session: u16) -> Vec<u8> {
    world.ask(Operation::Trigger {
        device: DEVICE.to_owned(),
        ui_mode,
        session,
    });
    match world.answers.pop() {
        Some((_, Answer::Trigger { body, .. })) => body,
        other => panic!("{other:?}"),
    }
}

fn deliver(world: &mut World, body: Vec<u8>) {
    world.order(Order::Deliver {
        content_type: media::NOTIFICATION.to_owned(),
        headers: Vec::new(),
        body,
    });
}

#[test]
fn a_trigger_starts_its_session_once() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    let body = trigger(&mut world, 1, 0x1A2B);
    deliver(&mut world, body.clone());
    deliver(&mut world, body.clone());
    world.settle();
    let ended = world.last();
    assert_eq!((&*ended.session, ended.how), ("1A2B", End::Complete));
    let first = &world.said[0].parsed.message;
    assert!(
        matches!(&first.commands[0], Command::Alert(alert) if alert.code == AlertCode::SERVER_INITIATED)
    );
    deliver(&mut world, body);
    assert!(world.pending.is_empty());
}

#[test]
fn a_number_that_the_client_chose_for_a_session_of_its_own_may_be_announced() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    let own = world.session().session;
    let body = trigger(&mut world, 1, u16::from_str_radix(&own, 16).unwrap());
    deliver(&mut world, body.clone());
    assert_eq!(world.pending.len(), 1);
    world.settle();
    let ended = world.last();
    assert_eq!((&*ended.session, ended.how), (&*own, End::Complete));
    deliver(&mut world, body);
    assert!(world.pending.is_empty(), "it was announced once");
}

#[test]
fn bad_triggers_change_nothing() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    let good = trigger(&mut world, 1, 7);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        deliver(&mut world, bad);
        assert!(world.pending.is_empty(), "octet {at}");
    }
    for cut in 0..good.len() {
        deliver(&mut world, good[..cut].to_vec());
    }
    let content_type = "text/plain".to_owned();
    world.order(Order::Deliver {
        content_type,
        headers: Vec::new(),
        body: good.clone(),
    });
    assert!(world.pending.is_empty());

    struct Deaf;
    impl Rules for Deaf {
        fn triggered(&self, _facts: TriggerFacts) -> Triggered {
            Triggered::Start
        }
    }
    world.clients.rules = Arc::new(Deaf);
    let mut bad = good;
    bad[0] ^= 1;
    deliver(&mut world, bad);
    assert_eq!(
        world.pending.len(),
        1,
        "a client that checks no digest is seen"
    );
}

#[test]
fn the_user_can_refuse_a_session() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    let body = trigger(&mut world, 3, 7);
    deliver(&mut world, body);
    assert!(world.pending.is_empty());
    world.order(Order::Reply(Reply::No));
    assert!(world.pending.is_empty());
    let body = trigger(&mut world, 3, 8);
    deliver(&mut world, body);
    world.order(Order::Reply(Reply::Yes));
    world.settle();
    assert_eq!(world.last().session, "8");
}

#[test]
fn nonces_that_drifted_apart_are_brought_together() {
    let (dev, srv) = (proof(Scheme::Md5, "dev", "x"), proof(Scheme::Md5, "S", "y"));
    let zero = |proof: &Proof| Proof {
        nonce: ZERO_NONCE.to_vec(),
        ..proof.clone()
    };
    // The server has lost its nonces and starts from zero.
    let mut world = World::with(Encoding::Xml, (&dev, &srv), (&zero(&dev), &zero(&srv)));
    let call = world.queue(get("./DevInfo/Mod"));
    let body = trigger(&mut world, 1, 9);
    deliver(&mut world, body.clone());
    world.settle();
    assert_eq!(world.last().how, End::Complete);
    assert_eq!(world.codes(call), [200]);

    let mut world = World::with(Encoding::Xml, (&dev, &srv), (&zero(&dev), &zero(&srv)));
    world.clients.resynchronises = false;
    deliver(&mut world, body);
    assert!(world.pending.is_empty());
}
