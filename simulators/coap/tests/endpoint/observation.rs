//! Observations, seen from both sides.

use super::*;

/// A client that observes, and its request.
fn observing(first: u32) -> (Party, RequestId<u8>) {
    let mut client = Party::new(1);
    let request = client.request(Type::Con, get().observe()).unwrap();
    let id = Packet::parse(&client.take()).unwrap().message_id();
    let message = content("first").uint(option::OBSERVE, first);
    let answer = datagram(
        Type::Ack,
        Code::CONTENT,
        id,
        request.token.as_bytes(),
        &message,
    );
    let event = client.receive(&answer);
    assert!(matches!(
        event,
        Some(Event::Response {
            observing: true,
            ..
        })
    ));
    (client, request)
}

fn notification(request: RequestId<u8>, id: u16, sequence: u32) -> Vec<u8> {
    let message = content("next").uint(option::OBSERVE, sequence);
    datagram(
        Type::Non,
        Code::CONTENT,
        id,
        request.token.as_bytes(),
        &message,
    )
}

#[test]
fn newer_is_what_the_standard_says() {
    let at = |seconds: u64| Time::from_micros(seconds * 1_000_000);
    const HALF: u32 = 1 << 23;
    for (old, new, seconds, newer) in [
        (1, 2, 0, true),
        (2, 1, 0, false),
        (1, 1, 0, false),
        (0, HALF - 1, 0, true),
        (0, HALF, 0, false),
        (HALF + 1, 0, 0, true),
        (HALF, 0, 0, false),
        (0x00ff_ffff, 0, 0, true),
        (2, 1, 128, false),
        (2, 1, 129, true),
        (1, 1, 129, true),
    ] {
        assert_eq!(
            is_newer((new, at(seconds)), (old, at(0))),
            newer,
            "{old} {new} {seconds}"
        );
    }
}

#[test]
fn notifications_come_until_the_end_and_never_go_back() {
    let (mut client, request) = observing(0x00ff_fffe);
    assert_eq!(
        client.endpoint.next_deadline(),
        None,
        "an observation has no end of its own"
    );
    client.wait(SECOND);
    for (id, got) in [(1, 0x00ff_ffff), (2, 1)] {
        let bytes = notification(request, id, got);
        let Some(Event::Notification { sequence, .. }) = client.receive(&bytes) else {
            panic!()
        };
        assert_eq!(sequence, got);
    }
    let late = notification(request, 3, 0);
    assert_eq!(
        ignored(client.receive(&late)),
        Ignored::Stale { newest: 1, got: 0 }
    );
    client.wait(SECOND * 129);
    let restarted = notification(request, 4, 0);
    assert!(matches!(
        client.receive(&restarted),
        Some(Event::Notification { .. })
    ));
    assert!(client.sent.is_empty());

    // An error ends it; then nobody listens, and says so.
    let error = datagram(
        Type::Non,
        Code::NOT_FOUND,
        5,
        request.token.as_bytes(),
        &Message::new(Code::NOT_FOUND),
    );
    assert!(matches!(
        client.receive(&error),
        Some(Event::Response {
            observing: false,
            ..
        })
    ));
    let more = notification(request, 6, 2);
    assert_eq!(ignored(client.receive(&more)), Ignored::Unmatched);
    assert_eq!(client.flush(), ["RST (empty) MID=6"]);
}

#[test]
fn a_newer_notification_ends_the_fetching_of_the_one_before() {
    let (mut client, request) = observing(5);
    let large = |id, sequence, letter: u8| {
        let block = Block::new(0, true, 16).unwrap();
        let message = Message::new(Code::CONTENT)
            .uint(option::OBSERVE, sequence)
            .uint(option::BLOCK2, block.bits())
            .payload([letter; 16]);
        datagram(
            Type::Non,
            Code::CONTENT,
            id,
            request.token.as_bytes(),
            &message,
        )
    };
    let fetched = |bytes: &[u8], letter: u8| {
        let asked = Packet::parse(bytes).unwrap();
        assert_eq!(
            asked.block(option::BLOCK2),
            Ok(Some(Block::new(1, false, 16).unwrap()))
        );
        let block = Block::new(1, false, 16).unwrap();
        let message = Message::new(Code::CONTENT)
            .uint(option::BLOCK2, block.bits())
            .payload([letter]);
        datagram(
            Type::Ack,
            Code::CONTENT,
            asked.message_id(),
            asked.token_bytes(),
            &message,
        )
    };
    assert!(client.receive(&large(1, 6, b'a')).is_none());
    let first = client.take();
    assert!(client.receive(&large(2, 7, b'b')).is_none());
    let second = client.take();
    assert_eq!(
        ignored(client.receive(&fetched(&first, b'a'))),
        Ignored::Unmatched
    );
    let answer = fetched(&second, b'b');
    let Some(Event::Notification { body, sequence, .. }) = client.receive(&answer) else {
        panic!()
    };
    assert_eq!((&body[..], sequence), (&b"bbbbbbbbbbbbbbbbb"[..], 7));
    assert_eq!(client.endpoint.next_deadline(), None);
}

#[test]
fn a_body_that_cannot_be_fetched_does_not_end_the_observation() {
    let (mut client, request) = observing(5);
    let block = Block::new(0, true, 16).unwrap();
    let message = Message::new(Code::CONTENT)
        .uint(option::OBSERVE, 6)
        .uint(option::BLOCK2, block.bits())
        .payload([7; 16]);
    let large = datagram(
        Type::Non,
        Code::CONTENT,
        1,
        request.token.as_bytes(),
        &message,
    );
    assert!(client.receive(&large).is_none());
    let log = client.wait(SECOND * 300);
    let failed = Event::Failed {
        request,
        why: Failure::Timeout,
    };
    assert_eq!(log.last().unwrap().1, format!("{failed:?}"));
    let next = notification(request, 2, 7);
    assert!(matches!(
        client.receive(&next),
        Some(Event::Notification { .. })
    ));
}

#[test]
fn a_stale_confirmable_notification_is_acknowledged_all_the_same() {
    let (mut client, request) = observing(5);
    let message = content("old").uint(option::OBSERVE, 4);
    let bytes = datagram(
        Type::Con,
        Code::CONTENT,
        9,
        request.token.as_bytes(),
        &message,
    );
    assert_eq!(
        ignored(client.receive(&bytes)),
        Ignored::Stale { newest: 5, got: 4 }
    );
    assert_eq!(client.flush(), ["ACK (empty) MID=9"]);
}

#[test]
fn a_forgotten_observation_is_ended_by_a_reset() {
    let (mut client, request) = observing(5);
    client.act(|endpoint, turn| endpoint.forget(turn, request));
    ignored(client.receive(&notification(request, 9, 6)));
    let reset = client.take();

    let mut server = Party::new(2);
    let exchange = server.asked(&con(5, &get().observe()));
    server.respond_observed(&exchange, content("1"));
    for (ty, kept) in [(Type::Non, true), (Type::Con, false)] {
        if !server.endpoint.is_observed(PEER, exchange.token) {
            let again = server.asked_again();
            server.respond_observed(&again, content("1"));
        }
        server.flush();
        server.notify(exchange.token, ty, content("2")).unwrap();
        let id = Packet::parse(&server.take())
            .unwrap()
            .message_id()
            .to_be_bytes();
        let reset = [reset[0], reset[1], id[0], id[1]];
        let event = server.receive(&reset);
        assert!(matches!(
            event,
            Some(Event::Unobserved {
                why: Failure::Reset,
                ..
            })
        ));
        assert!(!server.endpoint.is_observed(PEER, exchange.token), "{kept}");
        assert_eq!(
            server.notify(exchange.token, ty, content("3")),
            Err(SendError::Unknown)
        );
    }
}

impl Party {
    fn asked_again(&mut self) -> Exchange<u8> {
        self.asked(&con(6, &get().observe()))
    }
}

#[test]
fn a_client_ends_it_with_the_same_token() {
    let (mut client, request) = observing(5);
    let cancel = get().uint(option::OBSERVE, 1);
    client
        .act(|endpoint, turn| endpoint.deregister(turn, request, cancel))
        .unwrap();
    let bytes = client.take();
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(
        (packet.token(), packet.observe()),
        (request.token, Ok(Some(1)))
    );
    // A notification that was under way is not the answer.
    ignored(client.receive(&notification(request, 9, 6)));
    let answer = datagram(
        Type::Ack,
        Code::CONTENT,
        packet.message_id(),
        request.token.as_bytes(),
        &content("x"),
    );
    assert!(matches!(
        client.receive(&answer),
        Some(Event::Response {
            observing: false,
            ..
        })
    ));

    let mut server = Party::new(2);
    let exchange = server.asked(&con(5, &get().observe()));
    assert!(exchange.observe);
    server.respond_observed(&exchange, content("1"));
    assert!(server.endpoint.is_observed(PEER, exchange.token));
    let exchange = server.asked(&con(6, &get().uint(option::OBSERVE, 1)));
    assert!(!exchange.observe);
    assert!(!server.endpoint.is_observed(PEER, exchange.token));
}

#[test]
fn one_confirmable_notification_is_under_way_and_the_newest_state_follows() {
    let mut server = Party::new(1);
    let exchange = server.asked(&con(5, &get().observe()));
    server.respond_observed(&exchange, content("1"));
    server.flush();
    for state in ["2", "3", "4"] {
        server
            .notify(exchange.token, Type::Con, content(state))
            .unwrap();
    }
    let sent = server.take();
    assert!(server.sent.is_empty());
    let id = Packet::parse(&sent).unwrap().message_id().to_be_bytes();
    assert!(matches!(
        server.receive(&[0x60, 0, id[0], id[1]]),
        Some(Event::Confirmed { again: true, .. })
    ));
    let lines = server.flush();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("Observe=2 1 B \"4\""), "{}", lines[0]);
}

#[test]
fn what_is_repeated_is_the_newest_state_and_the_tries_go_on() {
    let mut server = Party::new(1);
    let exchange = server.asked(&con(5, &get().observe()));
    server.respond_observed(&exchange, content("1"));
    server
        .notify(exchange.token, Type::Con, content("2"))
        .unwrap();
    server.flush();
    server
        .notify(exchange.token, Type::Con, content("3"))
        .unwrap();
    let log = server.wait(SECOND * 300);
    let sent: Vec<&str> = log.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(sent.len(), 5);
    assert!(
        sent[..4]
            .iter()
            .all(|line| line.ends_with("Observe=2 1 B \"3\"")),
        "{sent:?}"
    );
    assert!(sent[4].contains("Unobserved") && sent[4].contains("Timeout"));
    assert!(!server.endpoint.is_observed(PEER, exchange.token));
}

#[test]
fn once_a_day_a_notification_is_confirmable() {
    let mut server = Party::new(1);
    let exchange = server.asked(&con(5, &get().observe()));
    server.respond_observed(&exchange, content("1"));
    server.flush();
    let mut types = String::new();
    for _ in 0..30 {
        server.wait(SECOND * 3600);
        server
            .notify(exchange.token, Type::Non, content("x"))
            .unwrap();
        let bytes = server.take();
        let packet = Packet::parse(&bytes).unwrap();
        types.push(if packet.ty() == Type::Con { 'C' } else { 'n' });
        let [high, low] = packet.message_id().to_be_bytes();
        if packet.ty() == Type::Con {
            server.receive(&[0x60, 0, high, low]);
        }
    }
    assert_eq!(types, format!("{}C{}", "n".repeat(23), "n".repeat(6)));
}

#[test]
fn registering_again_goes_on_with_the_sequence() {
    let mut server = Party::new(1);
    let exchange = server.asked(&con(5, &get().observe()));
    server.respond_observed(&exchange, content("1"));
    server
        .notify(exchange.token, Type::Non, content("2"))
        .unwrap();
    let exchange = server.asked_again();
    server.respond_observed(&exchange, content("3"));
    server
        .notify(exchange.token, Type::Non, content("4"))
        .unwrap();
    let sequences: Vec<bool> = server
        .flush()
        .iter()
        .enumerate()
        .map(|(index, line)| line.contains(&format!("Observe={index} ")))
        .collect();
    assert_eq!(sequences, [true; 4]);
}

#[test]
fn an_error_ends_it_and_carries_no_sequence() {
    let mut server = Party::new(1);
    let exchange = server.asked(&con(5, &get().observe()));
    server.respond_observed(&exchange, content("1"));
    server.flush();
    server
        .notify(exchange.token, Type::Non, Message::new(Code::NOT_FOUND))
        .unwrap();
    let line = server.flush().remove(0);
    assert!(
        line.starts_with("NON 4.04 Not Found") && !line.contains("Observe"),
        "{line}"
    );
    assert!(!server.endpoint.is_observed(PEER, exchange.token));
    // Nor does an error begin one.
    let exchange = server.asked_again();
    server.respond_observed(&exchange, Message::new(Code::FORBIDDEN));
    assert!(!server.endpoint.is_observed(PEER, exchange.token));
}
