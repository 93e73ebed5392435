//! Peers that never come to an end.

use twinproof_dm::Encoding;
use twinproof_dm::auth::Scheme;
use twinproof_dm::client::{End, Order};
use twinproof_dm::server::rules::decide::Rules;
use twinproof_dm::server::rules::{Heard, Turn};
use twinproof_kernel::{Input, Role as _};

use super::{World, get};

const MOST: u32 = 20;

/// Takes a client to the end of a session, in which it says so many things at most.
fn ends(world: &mut World) -> End {
    world.clients.max_messages = MOST;
    world.order(Order::Start {
        server: "S".to_owned(),
    });
    let most = 2 * MOST + 2;
    let steps = (0..most).take_while(|_| world.step()).count();
    assert!(steps < most as usize, "{steps} messages");
    world.last().how
}

#[test]
fn a_server_that_says_one_thing_for_ever_is_given_up() {
    let mut world = World::new(Encoding::Xml, Scheme::Md5);
    world.clients.max_messages = MOST;
    world.queue(get("./DevInfo/Man"));
    world.order(Order::Start {
        server: "S".to_owned(),
    });
    let (exchange, request) = world.pending.pop().unwrap();
    let input = Input::Request {
        exchange,
        request: &request,
    };
    let response = world.serve(input).unwrap();
    let mut exchange = exchange;
    let mut heard = 0;
    loop {
        heard += 1;
        assert!(heard < 3 * MOST, "{heard} messages");
        world.tell(Input::Response {
            exchange,
            outcome: Ok(&response),
        });
        match world.pending.pop() {
            Some((next, _)) => exchange = next,
            None => break,
        }
    }
    assert!(heard >= MOST, "{heard} messages");
    assert!(matches!(world.last().how, End::Failed(_)));
    assert_eq!(world.client.next_deadline(), None);
    // Another session can be had, and what nobody wants any more is not told in it.
    world.server.withdraw(super::DEVICE, |_| true);
    world.queue(get("./DevInfo/Mod"));
    assert_eq!(world.session().how, End::Complete);
}

struct Insatiable;

impl Rules for Insatiable {
    fn turn(&self, _heard: Heard) -> Turn {
        Turn::NextMessage
    }
}

#[test]
fn a_server_that_always_wants_the_next_message_is_given_up() {
    let mut world = World::new(Encoding::Wbxml, Scheme::Md5);
    world.servers.rules = std::sync::Arc::new(Insatiable);
    assert!(matches!(ends(&mut world), End::Failed(_)));
}
