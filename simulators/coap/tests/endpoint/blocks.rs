//! Bodies in blocks, in both directions.

use super::*;

/// A client, a server, and a wire between them that carries everything at once. The server answers
/// by `serve`.
struct Pair {
    client: Party,
    server: Party,
    requests: Vec<(Code, Vec<u8>)>,
    wire: Vec<String>,
}

impl Pair {
    fn new() -> Self {
        let (client, server) = (Party::new(1), Party::new(2));
        Self {
            client,
            server,
            requests: Vec::new(),
            wire: Vec::new(),
        }
    }

    /// Carries datagrams until there are none, and returns the events of the client.
    fn run(&mut self, serve: &mut dyn FnMut(&[u8]) -> Message) -> Vec<(String, Vec<u8>)> {
        let mut events = Vec::new();
        loop {
            if let Some((_, bytes)) = self.client.sent.pop_front() {
                self.wire.push(Packet::parse(&bytes).unwrap().to_string());
                if let Some(Event::Request {
                    exchange,
                    packet,
                    body,
                }) = self.server.receive(&bytes)
                {
                    self.requests.push((packet.code(), body.to_vec()));
                    let answer = serve(&body);
                    if exchange.observe {
                        self.server.respond_observed(&exchange, answer);
                    } else {
                        self.server.respond(&exchange, answer).unwrap();
                    }
                }
            } else if let Some((_, bytes)) = self.server.sent.pop_front() {
                self.wire.push(Packet::parse(&bytes).unwrap().to_string());
                match self.client.receive(&bytes) {
                    Some(Event::Response { packet, body, .. }) => {
                        events.push((packet.code().to_string(), body.to_vec()));
                    }
                    Some(Event::Notification { sequence, body, .. }) => {
                        events.push((format!("notification {sequence}"), body.to_vec()));
                    }
                    Some(Event::Failed { why, .. }) => events.push((format!("{why:?}"), vec![])),
                    Some(other) => panic!("{other:?}"),
                    None => {}
                }
            } else {
                return events;
            }
        }
    }
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[test]
fn bodies_of_any_length_go_both_ways() {
    for length in [0, 1, 15, 16, 17, 31, 32, 33, 1024, 5000] {
        let mut pair = Pair::new();
        pair.client.parameters.block_size = 16;
        pair.server.parameters.block_size = 32;
        let put = Message::new(Code::PUT).path("/5/0/0").payload(body(length));
        pair.client.request(Type::Con, put).unwrap();
        let events = pair.run(&mut |_| Message::new(Code::CHANGED).payload(body(length + 1)));
        assert_eq!(
            events,
            [("2.04 Changed".to_owned(), body(length + 1))],
            "{length}"
        );
        assert_eq!(
            pair.requests,
            [(Code::PUT, body(length))],
            "the server saw one request"
        );
        assert_eq!(pair.client.endpoint.next_deadline(), None);
        assert_eq!(pair.server.endpoint.next_deadline(), None);
    }
}

#[test]
fn what_a_transfer_looks_like_on_the_wire() {
    let mut pair = Pair::new();
    pair.client.parameters.block_size = 16;
    pair.server.parameters.block_size = 16;
    let post = Message::new(Code::POST).path("/rd").payload(body(20));
    pair.client.request(Type::Con, post).unwrap();
    pair.run(&mut |_| Message::new(Code::CREATED).payload(body(17)));
    let shape = |line: &String| {
        let keep = |word: &&str| {
            ["CON", "ACK", "POST", "2."]
                .iter()
                .any(|k| word.starts_with(k))
                || word.starts_with("Block")
                || word.starts_with("Size")
        };
        line.split(' ').filter(keep).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        pair.wire.iter().map(shape).collect::<Vec<_>>(),
        [
            "CON POST Block1=0/1/16 Size1=20",
            "ACK 2.31 Block1=0/1/16",
            "CON POST Block1=1/0/16",
            "ACK 2.01 Block2=0/1/16 Block1=1/0/16 Size2=17",
            "CON POST Block2=1/0/16",
            "ACK 2.01 Block2=1/0/16",
        ]
    );
}

#[test]
fn a_server_that_wants_smaller_blocks_gets_them() {
    let mut pair = Pair::new();
    pair.client.parameters.block_size = 64;
    pair.server.parameters.block_size = 16;
    let put = Message::new(Code::PUT).payload(body(150));
    pair.client.request(Type::Con, put).unwrap();
    let events = pair.run(&mut |_| Message::new(Code::CHANGED));
    assert_eq!(events.len(), 1);
    assert_eq!(pair.requests, [(Code::PUT, body(150))]);
    assert!(pair.wire[0].contains("Block1=0/1/64"));
    assert!(pair.wire[2].contains("Block1=4/1/16"), "{}", pair.wire[2]);
}

#[test]
fn a_server_that_refuses_the_size_gets_smaller_blocks() {
    let mut client = Party::new(1);
    client.parameters.block_size = 64;
    let request = client
        .request(Type::Con, Message::new(Code::PUT).payload(body(100)))
        .unwrap();
    let id = Packet::parse(&client.take()).unwrap().message_id();
    let smaller = Block::new(0, true, 32).unwrap();
    let refusal = Message::new(Code::REQUEST_ENTITY_TOO_LARGE).uint(option::BLOCK1, smaller.bits());
    let bytes = datagram(
        Type::Ack,
        refusal.code(),
        id,
        request.token.as_bytes(),
        &refusal,
    );
    assert!(client.receive(&bytes).is_none());
    assert!(client.flush()[0].contains("Block1=0/1/32"));
}

#[test]
fn a_refusal_in_the_middle_is_the_answer() {
    let mut pair = Pair::new();
    pair.client.parameters.block_size = 16;
    pair.server.parameters.max_body = 40;
    let put = Message::new(Code::PUT).payload(body(100));
    pair.client.request(Type::Con, put).unwrap();
    let events = pair.run(&mut |_| unreachable!());
    assert_eq!(events[0].0, "4.13 Request Entity Too Large");
    assert_eq!(pair.client.endpoint.next_deadline(), None);
}

#[test]
fn the_blocks_of_a_response_are_all_of_the_same_state() {
    let mut pair = Pair::new();
    pair.server.parameters.block_size = 16;
    pair.client.request(Type::Con, get()).unwrap();
    let mut state = 0;
    let events = pair.run(&mut |_| {
        state += 1;
        Message::new(Code::CONTENT).payload(vec![state; 40])
    });
    assert_eq!(events, [("2.05 Content".to_owned(), vec![1; 40])]);
    let etags: Vec<&str> = pair
        .wire
        .iter()
        .flat_map(|line| line.split(' ').filter(|word| word.starts_with("ETag=")))
        .collect();
    assert_eq!(etags.len(), 3);
    assert!(etags.iter().all(|etag| *etag == etags[0]));
}

#[test]
fn a_client_asks_for_the_size_it_likes_and_for_one_block() {
    let mut server = Party::new(1);
    let block =
        |num, size| get().uint(option::BLOCK2, Block::new(num, false, size).unwrap().bits());
    for (id, num, shown) in [(1, 0, "0/1/32"), (2, 1, "1/1/32"), (3, 2, "2/0/32")] {
        let bytes = con(id, &block(num, 32));
        if let Some(Event::Request { exchange, .. }) = server.receive(&bytes) {
            server
                .respond(&exchange, Message::new(Code::CONTENT).payload(body(70)))
                .unwrap();
        }
        assert!(server.flush()[0].contains(&format!("Block2={shown}")));
    }
    // Out of the blue: the server makes the body again and cuts the block out.
    let exchange = server.asked(&con(4, &block(1, 64)));
    server
        .respond(&exchange, Message::new(Code::CONTENT).payload(body(70)))
        .unwrap();
    assert!(server.flush()[0].contains("Block2=1/0/64"));
    let exchange = server.asked(&con(5, &block(9, 64)));
    server
        .respond(&exchange, Message::new(Code::CONTENT).payload(body(70)))
        .unwrap();
    assert!(
        server.flush()[0].starts_with("ACK 4.00 Bad Request"),
        "behind the end"
    );
    // What is not safe to do twice is not done for a block.
    let post =
        Message::new(Code::POST).uint(option::BLOCK2, Block::new(1, false, 64).unwrap().bits());
    let why = ignored(server.receive(&con(6, &post)));
    assert_eq!(why, Ignored::Block(Code::REQUEST_ENTITY_INCOMPLETE));
}

#[test]
fn whoever_asks_for_a_block_is_told_that_there_is_one() {
    let mut server = Party::new(1);
    let ask = get().uint(option::BLOCK2, Block::new(0, false, 64).unwrap().bits());
    let exchange = server.asked(&con(1, &ask));
    server.respond(&exchange, content("small")).unwrap();
    assert_eq!(
        server.flush(),
        ["ACK 2.05 Content MID=1 T=07 Block2=0/0/64 5 B \"small\""]
    );
    let exchange = server.asked(&con(2, &ask));
    server
        .respond(&exchange, Message::new(Code::NOT_FOUND).payload("no"))
        .unwrap();
    assert_eq!(server.flush(), ["ACK 4.04 Not Found MID=2 T=07 2 B \"no\""]);
}

/// Answers the requests of a client with prepared blocks and says how it ends.
fn downloaded(answers: &[(Block, &[u8], &[u8])]) -> String {
    let mut client = Party::new(1);
    client.request(Type::Con, get()).unwrap();
    for (block, etag, payload) in answers {
        let bytes = client.take();
        let asked = Packet::parse(&bytes).unwrap();
        let message = Message::new(Code::CONTENT)
            .option(option::ETAG, etag)
            .uint(option::BLOCK2, block.bits())
            .payload(*payload);
        let answer = datagram(
            Type::Ack,
            Code::CONTENT,
            asked.message_id(),
            asked.token_bytes(),
            &message,
        );
        match client.receive(&answer) {
            None => {}
            Some(Event::Failed {
                why: Failure::Blocks(fault),
                ..
            }) => {
                assert_eq!(
                    client.endpoint.next_deadline(),
                    None,
                    "nothing is left over"
                );
                return fault.to_string();
            }
            Some(Event::Response { body, .. }) => return format!("{} bytes", body.len()),
            other => panic!("{other:?}"),
        }
    }
    "no end".to_owned()
}

#[test]
fn blocks_of_a_response_that_make_no_body() {
    let block = |num, more| Block::new(num, more, 16).unwrap();
    let full = [7; 16];
    let ok = (block(0, true), &b"a"[..], &full[..]);
    assert_eq!(
        downloaded(&[ok, (block(1, false), b"a", &[7; 3])]),
        "19 bytes"
    );
    assert_eq!(
        downloaded(&[ok, (block(2, false), b"a", &full)]),
        "block at byte 32 of the body, expected byte 16"
    );
    assert_eq!(
        downloaded(&[(block(1, true), b"a", &full)]),
        "block at byte 16 of the body, expected byte 0"
    );
    assert_eq!(
        downloaded(&[ok, (block(1, true), b"a", &[7; 15])]),
        "block of 15 bytes, expected 16"
    );
    assert_eq!(
        downloaded(&[ok, (block(1, false), b"b", &full)]),
        "ETag differs from that of the block before"
    );
    assert_eq!(BlockFault::TooLarge.to_string(), "body larger than we take");
}

#[test]
fn a_large_notification_is_fetched() {
    let mut pair = Pair::new();
    pair.server.parameters.block_size = 16;
    pair.client.request(Type::Con, get().observe()).unwrap();
    let events = pair.run(&mut |_| Message::new(Code::CONTENT).payload(body(40)));
    assert_eq!(events, [("2.05 Content".to_owned(), body(40))]);
    assert!(pair.wire[0].contains("Observe=0") && !pair.wire[2].contains("Observe"));

    let token = Packet::parse(&con(0, &get())).unwrap().token();
    assert!(!pair.server.endpoint.is_observed(PEER, token));
    let token = {
        let line = &pair.wire[0];
        let hex = line.split("T=").nth(1).unwrap().split(' ').next().unwrap();
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
            .collect();
        Token::new(&bytes).unwrap()
    };
    pair.wire.clear();
    pair.server
        .notify(
            token,
            Type::Non,
            Message::new(Code::CONTENT).payload(body(50)),
        )
        .unwrap();
    let events = pair.run(&mut |_| unreachable!("the blocks come from the stored state"));
    assert_eq!(events, [("notification 1".to_owned(), body(50))]);
    assert!(pair.wire[0].contains("Observe=1"));
    assert!(pair.wire[1..].iter().all(|line| !line.contains("Observe")));
    assert_eq!(pair.client.endpoint.next_deadline(), None);
}
