//! The faults that other stacks have been seen to have, one by one. None is ours.

use super::*;

#[test]
fn a_copy_of_a_request_is_answered_again_and_handled_once() {
    let mut server = Party::new(1);
    let request = con(5, &Message::new(Code::POST).path("/1/0/8"));
    let exchange = server.asked(&request);
    server
        .respond(&exchange, Message::new(Code::CHANGED))
        .unwrap();
    let answer = server.take();
    for wait in [0, 1, 100, 145] {
        server.wait(SECOND * wait);
        assert_eq!(ignored(server.receive(&request)), Ignored::Duplicate);
        assert_eq!(server.take(), answer, "the stored answer, byte for byte");
    }
    // 246 s have passed. After 247 s the message id may come again, for another request.
    server.wait(SECOND);
    assert!(matches!(
        server.receive(&request),
        Some(Event::Request { .. })
    ));
}

#[test]
fn the_same_message_id_of_another_peer_is_no_copy() {
    let mut server = Party::new(1);
    let request = con(5, &get());
    server.asked(&request);
    assert!(matches!(
        server.receive_from(2, &request),
        Some(Event::Request { .. })
    ));
}

#[test]
fn a_copy_that_comes_before_the_answer_waits_for_it() {
    let mut server = Party::new(1);
    let request = con(5, &get());
    let exchange = server.asked(&request);
    assert_eq!(ignored(server.receive(&request)), Ignored::Duplicate);
    assert!(server.sent.is_empty());
    server.respond(&exchange, content("x")).unwrap();
    assert_eq!(server.flush(), ["ACK 2.05 Content MID=5 T=07 1 B \"x\""]);
    assert_eq!(
        server.respond(&exchange, content("y")),
        Err(SendError::Answered)
    );
}

#[test]
fn a_copy_of_a_non_confirmable_request_is_silent() {
    let mut server = Party::new(1);
    let request = datagram(Type::Non, Code::GET, 5, &[7], &get());
    let exchange = server.asked(&request);
    server.respond(&exchange, content("x")).unwrap();
    assert!(server.flush()[0].starts_with("NON 2.05 Content"));
    assert_eq!(ignored(server.receive(&request)), Ignored::Duplicate);
    assert!(server.sent.is_empty());
    server.wait(SECOND * 145);
    server.asked(&request);
}

#[test]
fn a_ping_is_answered_by_a_reset() {
    let mut server = Party::new(1);
    assert!(server.receive(&[0x40, 0, 0x12, 0x34]).is_none());
    assert_eq!(server.take(), [0x70, 0, 0x12, 0x34]);
}

#[test]
fn an_unknown_critical_option_is_4_02() {
    let mut server = Party::new(1);
    let request = con(5, &get().option(OptionNumber(9999), b""));
    let why = ignored(server.receive(&request));
    assert_eq!(why, Ignored::BadOption(OptionNumber(9999)));
    let answer = server.take();
    assert!(
        Packet::parse(&answer)
            .unwrap()
            .to_string()
            .starts_with("ACK 4.02 Bad Option MID=5 T=07")
    );
    // A copy gets the same.
    assert_eq!(ignored(server.receive(&request)), Ignored::Duplicate);
    assert_eq!(server.take(), answer);
    // Without confirmation it is ignored, and an elective one is passed over.
    let request = datagram(
        Type::Non,
        Code::GET,
        6,
        &[7],
        &get().option(OptionNumber(9999), b""),
    );
    ignored(server.receive(&request));
    assert!(server.sent.is_empty());
    server.asked(&con(7, &get().option(OptionNumber(9998), b"")));
}

#[test]
fn a_proxy_is_what_we_are_not() {
    let mut server = Party::new(1);
    let request = con(5, &get().option(option::PROXY_URI, b"coap://x"));
    assert_eq!(
        ignored(server.receive(&request)),
        Ignored::BadOption(option::PROXY_URI)
    );
    assert!(server.flush()[0].starts_with("ACK 5.05 Proxying Not Supported"));
}

#[test]
fn a_malformed_confirmable_message_is_reset_and_others_are_ignored() {
    let mut server = Party::new(1);
    let legal = con(0x1234, &get());
    type Break = fn(&mut Raw);
    let breaks: [Break; 5] = [
        |raw| raw.marker = true,
        |raw| raw.token_length = 9,
        |raw| raw.code = 0x20,
        |raw| raw.code = 0,
        |raw| raw.cut = Some(raw.to_bytes().len() - 1),
    ];
    for change in breaks {
        for ty in [Type::Con, Type::Non, Type::Ack, Type::Rst] {
            let mut raw = Raw::dissect(&legal);
            raw.ty = ty as u8;
            change(&mut raw);
            let bytes = raw.to_bytes();
            assert!(matches!(
                ignored(server.receive(&bytes)),
                Ignored::Malformed(_)
            ));
            match ty {
                Type::Con => assert_eq!(server.take(), [0x70, 0, 0x12, 0x34]),
                _ => assert!(server.sent.is_empty(), "{ty} {bytes:02x?}"),
            }
        }
    }
}

#[test]
fn another_version_is_met_with_silence() {
    let mut server = Party::new(1);
    for version in [0, 2, 3] {
        let mut raw = Raw::dissect(&con(5, &get()));
        raw.version = version;
        let bytes = raw.to_bytes();
        let Ignored::Malformed(error) = ignored(server.receive(&bytes)) else {
            panic!()
        };
        assert_eq!(error.fault, ParseFault::Version { got: version });
    }
    assert!(server.sent.is_empty());
}

#[test]
fn after_an_empty_acknowledgement_nothing_is_repeated() {
    let mut client = Party::new(1);
    let request = client.request(Type::Con, get()).unwrap();
    let id = Packet::parse(&client.take())
        .unwrap()
        .message_id()
        .to_be_bytes();
    let ack = [0x60, 0, id[0], id[1]];
    let event = client.receive(&ack);
    assert!(matches!(event, Some(Event::Acknowledged { request: r }) if r == request));
    assert!(client.wait(SECOND * 240).is_empty());
    // The answer still counts, and it is acknowledged.
    let answer = datagram(
        Type::Con,
        Code::CONTENT,
        77,
        request.token.as_bytes(),
        &content("x"),
    );
    assert!(
        matches!(client.receive(&answer), Some(Event::Response { request: r, .. }) if r == request)
    );
    assert_eq!(client.flush(), ["ACK (empty) MID=77"]);
}

#[test]
fn a_reset_ends_a_request() {
    for ty in [Type::Con, Type::Non] {
        let mut client = Party::new(1);
        let request = client.request(ty, get()).unwrap();
        let id = Packet::parse(&client.take())
            .unwrap()
            .message_id()
            .to_be_bytes();
        let reset = [0x70, 0, id[0], id[1]];
        let event = client.receive(&reset);
        assert!(
            matches!(event, Some(Event::Failed { request: r, why: Failure::Reset }) if r == request)
        );
        assert!(client.wait(SECOND * 300).is_empty());
        assert_eq!(client.endpoint.next_deadline(), None);
    }
}

#[test]
fn notifications_can_be_confirmable() {
    let mut server = Party::new(1);
    let exchange = server.asked(&con(5, &get().observe()));
    server.respond_observed(&exchange, content("1"));
    server
        .notify(exchange.token, Type::Con, content("2"))
        .unwrap();
    let lines = server.flush();
    assert_eq!(lines[0], "ACK 2.05 Content MID=5 T=07 Observe=0 1 B \"1\"");
    assert!(
        lines[1].starts_with("CON 2.05 Content MID="),
        "{}",
        lines[1]
    );
    assert!(
        lines[1].ends_with("T=07 Observe=1 1 B \"2\""),
        "{}",
        lines[1]
    );
}

#[test]
fn one_address_is_client_and_server() {
    let mut party = Party::new(1);
    let request = party.request(Type::Con, get()).unwrap();
    let id = Packet::parse(&party.take()).unwrap().message_id();
    // The peer asks with the message id and token of our own request before it answers.
    let asked = datagram(Type::Con, Code::GET, id, request.token.as_bytes(), &get());
    let exchange = party.asked(&asked);
    party.respond(&exchange, content("ours")).unwrap();
    assert!(party.flush()[0].ends_with("\"ours\""));
    let answer = datagram(
        Type::Ack,
        Code::CONTENT,
        id,
        request.token.as_bytes(),
        &content("theirs"),
    );
    let event = party.receive(&answer);
    assert!(matches!(event, Some(Event::Response { body, .. }) if &body[..] == b"theirs"));
}

#[test]
fn a_gap_in_the_blocks_is_4_08() {
    let block = |num, more| {
        let block = Block::new(num, more, 16).unwrap();
        Message::new(Code::PUT)
            .path("/5/0/0")
            .uint(option::BLOCK1, block.bits())
            .payload([7; 16])
    };
    let mut server = Party::new(1);
    // Block 0, then 2.
    ignored(server.receive(&con(1, &block(0, true))));
    assert_eq!(
        server.flush(),
        ["ACK 2.31 Continue MID=1 T=07 Block1=0/1/16"]
    );
    let why = ignored(server.receive(&con(2, &block(2, false))));
    assert_eq!(why, Ignored::Block(Code::REQUEST_ENTITY_INCOMPLETE));
    assert!(
        server.flush()[0]
            .starts_with("ACK 4.08 Request Entity Incomplete MID=2 T=07 Block1=2/0/16")
    );
    // Block 5 alone, and a block 1 whose block 0 has been refused with it.
    ignored(server.receive(&con(3, &block(5, true))));
    ignored(server.receive(&con(4, &block(1, false))));
    assert!(server.flush().iter().all(|line| line.contains("4.08")));
    // A body that begins again at 0 is a new one.
    for (id, num) in [(5, 0), (6, 1), (7, 0), (8, 1)] {
        ignored(server.receive(&con(id, &block(num, true))));
    }
    let last = con(9, &block(2, false));
    match server.receive(&last) {
        Some(Event::Request { body, .. }) => assert_eq!(&body[..], &[7; 48]),
        other => panic!("{other:?}"),
    };
}

#[test]
fn a_short_block_that_is_not_the_last_is_refused() {
    let mut server = Party::new(1);
    let block = Block::new(0, true, 16).unwrap();
    let put = Message::new(Code::PUT)
        .uint(option::BLOCK1, block.bits())
        .payload([7; 15]);
    assert_eq!(
        ignored(server.receive(&con(1, &put))),
        Ignored::Block(Code::BAD_REQUEST)
    );
    assert!(server.flush()[0].starts_with("ACK 4.00 Bad Request"));
}

#[test]
fn the_reserved_block_size_is_refused() {
    let mut server = Party::new(1);
    let put = Message::new(Code::PUT)
        .uint(option::BLOCK1, 7)
        .payload([7; 15]);
    assert_eq!(
        ignored(server.receive(&con(1, &put))),
        Ignored::Block(Code::BAD_REQUEST)
    );
    assert!(server.flush()[0].starts_with("ACK 4.00 Bad Request"));
}

#[test]
fn a_body_that_is_too_large_is_4_13_with_what_would_do() {
    let mut server = Party::new(1);
    server.parameters.max_body = 40;
    let block = |num, more| Block::new(num, more, 16).unwrap().bits();
    let put = Message::new(Code::PUT).payload([7; 16]);
    let announced = put
        .clone()
        .uint(option::BLOCK1, block(0, true))
        .uint(option::SIZE1, 41);
    ignored(server.receive(&con(1, &announced)));
    assert!(
        server.flush()[0]
            .starts_with("ACK 4.13 Request Entity Too Large MID=1 T=07 Block1=0/1/16 Size1=40")
    );
    for num in 0..2 {
        ignored(server.receive(&con(
            2 + num as u16,
            &put.clone().uint(option::BLOCK1, block(num, true)),
        )));
    }
    ignored(server.receive(&con(4, &put.uint(option::BLOCK1, block(2, false)))));
    assert!(server.flush()[2].contains("4.13"));
}
