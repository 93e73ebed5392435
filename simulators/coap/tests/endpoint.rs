//! The message layer, two endpoints and a clock that only the test moves.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use twinproof_coap::endpoint::{
    Endpoint, Event, Exchange, Failure, Ignored, RequestId, SendError, Turn, is_newer,
};
use twinproof_coap::{
    Block, BlockFault, Code, Message, OptionNumber, Packet, Parameters, ParseFault, Raw, Token,
    Type, Writer, option,
};
use twinproof_kernel::{Seed, Time};

const SECOND: Duration = Duration::from_secs(1);

/// One endpoint, its clock, and what it has sent.
struct Party {
    endpoint: Endpoint<u8>,
    parameters: Parameters,
    now: Time,
    sent: VecDeque<(u8, Vec<u8>)>,
}

/// The peer of every party here.
const PEER: u8 = 1;

impl Party {
    fn new(seed: u64) -> Self {
        Self {
            endpoint: Endpoint::new(Seed::new(seed)),
            parameters: Parameters::default(),
            now: Time::ZERO,
            sent: VecDeque::new(),
        }
    }

    fn receive<'d>(&mut self, datagram: &'d [u8]) -> Option<Event<'d, u8>> {
        self.receive_from(PEER, datagram)
    }

    /// Lets the endpoint act, now, and keeps what it sends.
    fn act<T>(&mut self, act: impl FnOnce(&mut Endpoint<u8>, &mut Turn<'_, u8>) -> T) -> T {
        let sent = &mut self.sent;
        let mut send = |to, datagram: &[u8]| sent.push_back((to, datagram.to_vec()));
        let (parameters, now) = (&self.parameters, self.now);
        act(
            &mut self.endpoint,
            &mut Turn {
                parameters,
                now,
                send: &mut send,
            },
        )
    }

    fn receive_from<'d>(&mut self, from: u8, datagram: &'d [u8]) -> Option<Event<'d, u8>> {
        self.act(|endpoint, turn| endpoint.receive(turn, from, datagram))
    }

    fn expire(&mut self) -> Option<Event<'static, u8>> {
        self.act(|endpoint, turn| endpoint.expire(turn))
    }

    /// Moves the clock, deadline by deadline, and gathers what happens.
    fn wait(&mut self, time: Duration) -> Vec<(Time, String)> {
        let end = self.now + time;
        let mut log = Vec::new();
        while let Some(deadline) = self.endpoint.next_deadline().filter(|at| *at <= end) {
            assert!(deadline >= self.now, "a deadline in the past");
            self.now = deadline;
            while let Some(event) = self.expire() {
                log.push((self.now, format!("{event:?}")));
            }
            log.extend(self.flush().into_iter().map(|line| (self.now, line)));
        }
        self.now = end;
        log
    }

    fn request(&mut self, ty: Type, message: Message) -> Result<RequestId<u8>, SendError> {
        self.act(|endpoint, turn| endpoint.request(turn, PEER, ty, message))
    }

    fn respond(&mut self, exchange: &Exchange<u8>, message: Message) -> Result<(), SendError> {
        self.act(|endpoint, turn| endpoint.respond(turn, exchange, message))
    }

    fn respond_observed(&mut self, exchange: &Exchange<u8>, message: Message) {
        self.act(|endpoint, turn| endpoint.respond_observed(turn, exchange, message))
            .unwrap();
    }

    fn notify(&mut self, token: Token, ty: Type, message: Message) -> Result<(), SendError> {
        self.act(|endpoint, turn| endpoint.notify(turn, PEER, token, ty, message))
    }

    fn take(&mut self) -> Vec<u8> {
        self.sent.pop_front().expect("a datagram has been sent").1
    }

    /// Everything that has been sent, one line each.
    fn flush(&mut self) -> Vec<String> {
        self.sent
            .drain(..)
            .map(|(_, datagram)| match Packet::parse(&datagram) {
                Ok(packet) => packet.to_string(),
                Err(error) => panic!("sent what is no message: {error}"),
            })
            .collect()
    }

    /// Takes a request and gives what its answer needs.
    fn asked(&mut self, datagram: &[u8]) -> Exchange<u8> {
        match self.receive(datagram) {
            Some(Event::Request { exchange, .. }) => exchange,
            other => panic!("expected a request, got {other:?}"),
        }
    }
}

fn datagram(ty: Type, code: Code, id: u16, token: &[u8], message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = twinproof_coap::option::TABLE
        .iter()
        .map(|definition| definition.number);
    let options = options.chain([OptionNumber(9999), OptionNumber(9998)]);
    options
        .flat_map(|number| message.values(number).map(move |value| (number, value)))
        .fold(
            Writer::new(&mut bytes, ty, code, id, token),
            |writer, (number, value)| writer.option(number, value),
        )
        .payload(message.body())
        .unwrap();
    bytes
}

fn con(id: u16, message: &Message) -> Vec<u8> {
    datagram(Type::Con, message.code(), id, &[7], message)
}

fn content(text: &str) -> Message {
    Message::new(Code::CONTENT).payload(text)
}

fn get() -> Message {
    Message::new(Code::GET).path("/3/0")
}

fn ignored(event: Option<Event<'_, u8>>) -> Ignored {
    match event {
        Some(Event::Ignored { why, .. }) => why,
        other => panic!("expected to be ignored, got {other:?}"),
    }
}

/// The faults that other stacks have been seen to have, one by one. None is ours.
mod faults {
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
}

mod transmission {
    use super::*;

    #[test]
    fn a_confirmable_message_is_sent_five_times_and_then_given_up() {
        for seed in 0..20 {
            let mut client = Party::new(seed);
            let request = client.request(Type::Con, get()).unwrap();
            let first = client.flush().remove(0);
            let log = client.wait(SECOND * 300);
            let (last, copies) = log.split_last().unwrap();
            assert_eq!(copies.len(), 4);
            assert!(copies.iter().all(|(_, line)| *line == first));
            let waits: Vec<f64> = std::iter::once(&Time::ZERO)
                .chain(copies.iter().map(|(at, _)| at))
                .zip(log.iter().map(|(at, _)| at))
                .map(|(from, to)| to.since(*from).as_secs_f64())
                .collect();
            assert!((2.0..=3.0).contains(&waits[0]), "{waits:?}");
            for pair in waits.windows(2) {
                assert!((pair[1] - 2.0 * pair[0]).abs() < 1e-4, "{waits:?}");
            }
            assert_eq!(
                last.1,
                format!(
                    "{:?}",
                    Event::Failed {
                        request,
                        why: Failure::Timeout
                    }
                )
            );
            assert!(last.0.since(Time::ZERO) <= client.parameters.max_transmit_wait());
            assert_eq!(client.endpoint.next_deadline(), None);
        }
    }

    #[test]
    fn the_timers_are_parameters() {
        let mut client = Party::new(1);
        client.parameters.ack_timeout = SECOND / 10;
        client.parameters.ack_random_factor = 1.0;
        client.parameters.max_retransmit = 2;
        client.request(Type::Con, get()).unwrap();
        client.flush();
        let times: Vec<u64> = client
            .wait(SECOND)
            .iter()
            .map(|(at, _)| at.as_micros() / 1000)
            .collect();
        assert_eq!(times, [100, 300, 700]);
    }

    #[test]
    fn a_non_confirmable_request_is_sent_once() {
        let mut client = Party::new(1);
        client.request(Type::Non, get()).unwrap();
        assert_eq!(client.flush().len(), 1);
        let log = client.wait(SECOND * 300);
        assert_eq!(log.len(), 1);
        assert_eq!(log[0].0, Time::from_micros(247_000_000));
        assert!(log[0].1.contains("Timeout"));
    }

    #[test]
    fn one_message_at_a_time_goes_to_a_peer() {
        let mut client = Party::new(1);
        let one = client.request(Type::Con, get()).unwrap();
        let two = client.request(Type::Con, get()).unwrap();
        let sent = client.take();
        assert!(client.sent.is_empty(), "the second waits");
        let id = Packet::parse(&sent).unwrap().message_id();
        let answer = datagram(
            Type::Ack,
            Code::CONTENT,
            id,
            one.token.as_bytes(),
            &content("1"),
        );
        client.receive(&answer);
        let sent = client.take();
        assert_eq!(Packet::parse(&sent).unwrap().token(), two.token);

        client.parameters.nstart = 4;
        for _ in 0..5 {
            client.request(Type::Con, get()).unwrap();
        }
        assert_eq!(client.sent.len(), 3);
    }

    #[test]
    fn a_message_that_is_given_up_lets_the_next_one_go() {
        let mut client = Party::new(1);
        client.request(Type::Con, get()).unwrap();
        let two = client.request(Type::Con, get()).unwrap();
        client.flush();
        let log = client.wait(SECOND * 94);
        assert!(
            log.iter()
                .any(|(_, line)| line.contains(&format!("T={}", two.token)))
        );
    }

    #[test]
    fn message_ids_do_not_come_again_within_a_lifetime() {
        let mut client = Party::new(1);
        let mut ids = std::collections::HashSet::new();
        for _ in 0..65_536 {
            let request = client.request(Type::Non, get()).unwrap();
            assert!(ids.insert(Packet::parse(&client.take()).unwrap().message_id()));
            client.act(|endpoint, turn| endpoint.forget(turn, request));
        }
        let until = Time::from_micros(247_000_000);
        assert_eq!(
            client.request(Type::Non, get()),
            Err(SendError::MessageIds { until })
        );
        client.wait(SECOND * 247);
        client.request(Type::Non, get()).unwrap();
    }

    #[test]
    fn message_ids_of_a_steady_flow_do_not_run_out() {
        // 250 requests a second are 61750 in a lifetime, which is less than there are ids.
        let mut client = Party::new(1);
        for _ in 0..140_000 {
            let request = client.request(Type::Non, get()).unwrap();
            client.act(|endpoint, turn| endpoint.forget(turn, request));
            client.sent.clear();
            client.now = client.now + SECOND / 250;
        }
    }

    #[test]
    fn a_request_that_is_forgotten_is_not_repeated() {
        let mut client = Party::new(1);
        let request = client.request(Type::Con, get()).unwrap();
        let next = client.request(Type::Con, get()).unwrap();
        client.take();
        client.act(|endpoint, turn| endpoint.forget(turn, request));
        let sent = client.take();
        assert_eq!(
            Packet::parse(&sent).unwrap().token(),
            next.token,
            "its turn goes to the next"
        );
        client.act(|endpoint, turn| endpoint.forget(turn, next));
        assert!(client.wait(SECOND * 300).is_empty());
        assert_eq!(client.endpoint.next_deadline(), None);
    }

    #[test]
    fn a_reset_that_comes_after_the_answer_is_ignored() {
        let mut client = Party::new(1);
        let request = client.request(Type::Non, get()).unwrap();
        let id = Packet::parse(&client.take()).unwrap().message_id();
        let answer = datagram(
            Type::Non,
            Code::CONTENT,
            77,
            request.token.as_bytes(),
            &content("x"),
        );
        assert!(matches!(
            client.receive(&answer),
            Some(Event::Response { .. })
        ));
        let [high, low] = id.to_be_bytes();
        assert_eq!(
            ignored(client.receive(&[0x70, 0, high, low])),
            Ignored::Unmatched
        );
    }

    #[test]
    fn separate_responses_need_not_be_confirmable() {
        let mut server = Party::new(1);
        server.parameters.confirm_separate = false;
        let exchange = server.asked(&con(5, &get()));
        server.act(|endpoint, turn| endpoint.acknowledge(turn, &exchange));
        server.respond(&exchange, content("x")).unwrap();
        assert!(server.flush()[1].starts_with("NON 2.05 Content"));
    }

    #[test]
    fn a_late_answer_comes_by_itself_and_is_confirmed() {
        let mut server = Party::new(1);
        let request = con(5, &get());
        let exchange = server.asked(&request);
        assert_eq!(server.endpoint.next_deadline(), Some(Time::ZERO + SECOND));
        assert_eq!(server.wait(SECOND * 3).len(), 1);
        // The request was acknowledged after a second; a copy is acknowledged again.
        ignored(server.receive(&request));
        assert_eq!(server.flush(), ["ACK (empty) MID=5"]);
        server.respond(&exchange, content("late")).unwrap();
        let answer = server.take();
        let id = Packet::parse(&answer).unwrap().message_id();
        assert_eq!(
            Packet::parse(&answer).unwrap().to_string(),
            format!("CON 2.05 Content MID={id} T=07 4 B \"late\"")
        );
        assert!(
            (2..=3).contains(&server.wait(SECOND * 10).len()),
            "it is repeated"
        );
        let [high, low] = id.to_be_bytes();
        assert!(server.receive(&[0x60, 0, high, low]).is_none());
        assert!(server.wait(SECOND * 300).is_empty());
    }

    #[test]
    fn an_acknowledgement_can_be_sent_first_on_purpose() {
        let mut server = Party::new(1);
        let exchange = server.asked(&con(5, &get()));
        server.act(|endpoint, turn| endpoint.acknowledge(turn, &exchange));
        server.respond(&exchange, content("x")).unwrap();
        let lines = server.flush();
        assert_eq!(lines[0], "ACK (empty) MID=5");
        assert!(lines[1].starts_with("CON 2.05 Content"));
    }

    #[test]
    fn a_response_counts_when_the_acknowledgement_was_lost() {
        let mut client = Party::new(1);
        let request = client.request(Type::Con, get()).unwrap();
        client.flush();
        let answer = datagram(
            Type::Con,
            Code::CONTENT,
            77,
            request.token.as_bytes(),
            &content("x"),
        );
        assert!(matches!(
            client.receive(&answer),
            Some(Event::Response { .. })
        ));
        assert_eq!(client.flush(), ["ACK (empty) MID=77"]);
        assert_eq!(ignored(client.receive(&answer)), Ignored::Duplicate);
        assert_eq!(client.flush(), ["ACK (empty) MID=77"]);
        assert!(client.wait(SECOND * 300).is_empty(), "nothing is repeated");
    }

    #[test]
    fn an_acknowledgement_with_the_wrong_token_or_id_is_ignored() {
        let mut client = Party::new(1);
        let request = client.request(Type::Con, get()).unwrap();
        let id = Packet::parse(&client.take()).unwrap().message_id();
        let wrong_token = datagram(Type::Ack, Code::CONTENT, id, b"no", &content("x"));
        assert_eq!(ignored(client.receive(&wrong_token)), Ignored::Unmatched);
        let wrong_id = datagram(
            Type::Ack,
            Code::CONTENT,
            id.wrapping_add(1),
            request.token.as_bytes(),
            &content("x"),
        );
        assert_eq!(ignored(client.receive(&wrong_id)), Ignored::Unmatched);
        let right = datagram(
            Type::Ack,
            Code::CONTENT,
            id,
            request.token.as_bytes(),
            &content("x"),
        );
        assert!(
            matches!(client.receive_from(2, &right), Some(Event::Ignored { .. })),
            "another peer"
        );
        assert!(matches!(
            client.receive(&right),
            Some(Event::Response { .. })
        ));
    }

    #[test]
    fn a_response_to_nothing_is_reset() {
        let mut client = Party::new(1);
        let answer = datagram(Type::Con, Code::CONTENT, 77, b"?", &content("x"));
        assert_eq!(ignored(client.receive(&answer)), Ignored::Unmatched);
        assert_eq!(client.flush(), ["RST (empty) MID=77"]);
        let answer = datagram(Type::Non, Code::CONTENT, 78, b"?", &content("x"));
        assert_eq!(ignored(client.receive(&answer)), Ignored::Unmatched);
        assert!(client.sent.is_empty());
    }

    #[test]
    fn a_response_with_an_unknown_critical_option_is_rejected() {
        let mut client = Party::new(1);
        let request = client.request(Type::Con, get()).unwrap();
        client.flush();
        let odd = content("x").option(OptionNumber(9999), b"");
        let answer = datagram(Type::Con, Code::CONTENT, 77, request.token.as_bytes(), &odd);
        assert_eq!(
            ignored(client.receive(&answer)),
            Ignored::BadOption(OptionNumber(9999))
        );
        assert_eq!(client.flush(), ["RST (empty) MID=77"]);
    }

    #[test]
    fn pings_are_answered_or_given_up() {
        let mut client = Party::new(1);
        let ping = client
            .act(|endpoint, turn| endpoint.ping(turn, PEER))
            .unwrap();
        let datagram = client.take();
        let mut server = Party::new(2);
        assert!(server.receive(&datagram).is_none());
        let pong = server.take();
        assert!(matches!(client.receive(&pong), Some(Event::Pong { request }) if request == ping));
        assert_eq!(client.endpoint.next_deadline(), None);
    }

    #[test]
    fn a_busy_server_says_how_long_to_wait() {
        let mut client = Party::new(1);
        for (code, max_age, expected) in [
            (Code::SERVICE_UNAVAILABLE, Some(30), Some(30)),
            (Code::SERVICE_UNAVAILABLE, None, Some(60)),
            (Code::TOO_MANY_REQUESTS, Some(5), Some(5)),
            (Code::CONTENT, Some(5), None),
        ] {
            let request = client.request(Type::Con, get()).unwrap();
            let id = Packet::parse(&client.take()).unwrap().message_id();
            let message = Message::new(code);
            let message = match max_age {
                Some(seconds) => message.uint(option::MAX_AGE, seconds),
                None => message,
            };
            let answer = datagram(Type::Ack, code, id, request.token.as_bytes(), &message);
            let Some(Event::Response { retry_after, .. }) = client.receive(&answer) else {
                panic!()
            };
            assert_eq!(retry_after, expected.map(Duration::from_secs));
        }
    }

    #[test]
    fn requests_and_responses_have_their_codes_and_types() {
        let mut party = Party::new(1);
        let kind = |ty, code| Err(SendError::Kind { ty, code });
        assert_eq!(
            party.request(Type::Con, content("x")),
            kind(Type::Con, Code::CONTENT)
        );
        assert_eq!(party.request(Type::Ack, get()), kind(Type::Ack, Code::GET));
        let exchange = party.asked(&con(5, &get()));
        assert_eq!(
            party.respond(&exchange, get()),
            Err(SendError::Kind {
                ty: Type::Con,
                code: Code::GET
            })
        );
        assert_eq!(
            party.notify(exchange.token, Type::Con, content("x")),
            Err(SendError::Unknown)
        );
        assert!(party.sent.is_empty());
    }

    #[test]
    fn tokens_are_as_long_as_the_parameters_say() {
        for length in 0..=8 {
            let mut client = Party::new(1);
            client.parameters.token_length = length;
            let request = client.request(Type::Con, get()).unwrap();
            assert_eq!(request.token.as_bytes().len(), usize::from(length));
            if length == 0 {
                assert_eq!(client.request(Type::Con, get()), Err(SendError::Tokens));
            }
        }
    }
}

mod observation {
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
        server.receive(&[0x60, 0, id[0], id[1]]);
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
}

mod blocks {
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
                        Some(Event::Failed { why, .. }) => {
                            events.push((format!("{why:?}"), vec![]))
                        }
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
        let refusal =
            Message::new(Code::REQUEST_ENTITY_TOO_LARGE).uint(option::BLOCK1, smaller.bits());
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
}

/// What one party sends to another over a wire that loses, doubles and delays.
#[derive(Clone, Debug)]
struct Fate {
    copies: Vec<u64>,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let delay = prop_oneof![3 => 0..200_u64, 1 => 0..20_000_u64];
    let fate = prop_oneof![
        5 => delay.clone().prop_map(|d| Fate { copies: vec![d] }),
        2 => Just(Fate { copies: vec![] }),
        2 => (delay.clone(), delay).prop_map(|(a, b)| Fate { copies: vec![a, b] }),
    ];
    prop::collection::vec(fate, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the wire does: the server acts at most once, and if the client has an answer it is the
    /// right one and the server has acted.
    #[test]
    fn a_bad_wire_changes_nothing_but_time(
        fates in fates(),
        length in 0..120_usize,
        answer in 0..120_usize,
        late in prop::bool::weighted(0.3),
        seed in any::<u64>(),
    ) {
        let mut parties = [Party::new(seed), Party::new(seed ^ 1)];
        for party in &mut parties {
            party.parameters.block_size = 32;
        }
        let body: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let reply: Vec<u8> = (0..answer).map(|i| !(i as u8)).collect();
        let put = Message::new(Code::PUT).path("/x").payload(body.clone());
        parties[0].request(Type::Con, put).unwrap();

        let mut fates = fates.into_iter();
        let mut flying: Vec<(Time, usize, Vec<u8>)> = Vec::new();
        let mut owed: Option<(Time, Exchange<u8>)> = None;
        let (mut acted, mut outcome) = (0, None);
        for _ in 0..2_000 {
            let now = parties[0].now;
            for (index, party) in parties.iter_mut().enumerate() {
                for (_, bytes) in party.sent.drain(..) {
                    // When the fates are used up the wire is good.
                    let fate = fates.next().unwrap_or(Fate { copies: vec![10] });
                    for delay in fate.copies {
                        flying.push((now + Duration::from_millis(delay), 1 - index, bytes.clone()));
                    }
                }
            }
            let next = [
                flying.iter().map(|(at, ..)| *at).min(),
                owed.map(|(at, _)| at),
                parties[0].endpoint.next_deadline(),
                parties[1].endpoint.next_deadline(),
            ];
            let Some(next) = next.into_iter().flatten().min() else { break };
            parties.iter_mut().for_each(|party| party.now = next.max(party.now));
            if let Some((at, exchange)) = owed
                && at <= next
            {
                owed = None;
                parties[1].respond(&exchange, Message::new(Code::CHANGED).payload(reply.clone())).unwrap();
            }
            for party in &mut parties {
                while let Some(event) = party.expire() {
                    if let Event::Failed { why, .. } = event {
                        prop_assert!(outcome.replace(Err(why)).is_none());
                    }
                }
            }
            while let Some(place) = flying.iter().position(|(at, ..)| *at <= next) {
                let (_, to, bytes) = flying.remove(place);
                match parties[to].receive(&bytes) {
                    Some(Event::Request { exchange, body: got, .. }) => {
                        prop_assert_eq!(&got[..], &body[..]);
                        acted += 1;
                        let wait = Duration::from_millis(if late { 3_000 } else { 0 });
                        owed = Some((next + wait, exchange));
                    }
                    Some(Event::Response { packet, body, .. }) => {
                        prop_assert!(outcome.replace(Ok((packet.code(), body.to_vec()))).is_none());
                    }
                    Some(Event::Failed { why, .. }) => {
                        prop_assert!(outcome.replace(Err(why)).is_none());
                    }
                    _ => {}
                }
            }
        }
        prop_assert!(acted <= 1, "acted {acted} times");
        match outcome {
            Some(Ok((code, got))) => {
                prop_assert_eq!(acted, 1);
                prop_assert_eq!((code, got), (Code::CHANGED, reply));
            }
            Some(Err(why)) => prop_assert_eq!(why, Failure::Timeout),
            None => prop_assert!(false, "neither an answer nor a failure"),
        }
    }

    /// No datagram makes an endpoint panic, and whatever it sends is a message.
    #[test]
    fn any_datagrams_are_taken(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..24), 1..20),
    ) {
        let mut party = Party::new(3);
        party.request(Type::Con, get().observe()).unwrap();
        for (index, mut bytes) in datagrams.into_iter().enumerate() {
            // Most are made to look like version 1.
            if let Some(first) = bytes.first_mut().filter(|_| index % 4 > 0) {
                *first = 0x40 | *first & 0x37;
            }
            if let Some(Event::Request { exchange, .. }) = party.receive(&bytes) {
                party.respond(&exchange, content("x")).unwrap();
            }
            party.wait(SECOND);
            party.flush();
        }
    }
}

/// What an exchange costs when there are few peers and when there are many.
mod cost {
    use std::cell::Cell;
    use std::hash::{Hash, Hasher};

    use super::*;

    thread_local! {
        static TOUCHED: Cell<u64> = const { Cell::new(0) };
    }

    /// An address that counts how often it is hashed or compared.
    #[derive(Clone, Copy, Debug)]
    struct Counted(u32);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            TOUCHED.set(TOUCHED.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            TOUCHED.set(TOUCHED.get() + 1);
            self.0.hash(state);
        }
    }

    /// Lets `peers` peers register and then counts what one more exchange with each of 100 touches.
    fn touched(peers: u32) -> u64 {
        let parameters = Parameters::default();
        let mut server: Endpoint<Counted> = Endpoint::new(Seed::new(1));
        let mut exchange = |peer: u32, id: u16| {
            let now = Time::from_micros(u64::from(id) * 1_000_000);
            let turn = &mut Turn {
                parameters: &parameters,
                now,
                send: &mut |_, _| {},
            };
            let bytes = con(id, &Message::new(Code::POST).path("/rd").query("ep=x"));
            let event = server.receive(turn, Counted(peer), &bytes);
            let Some(Event::Request { exchange, .. }) = event else {
                panic!("{event:?}")
            };
            server
                .respond(turn, &exchange, Message::new(Code::CREATED))
                .unwrap();
            server
                .request(turn, Counted(peer), Type::Con, get())
                .unwrap();
        };
        for peer in 0..peers {
            exchange(peer, 1);
        }
        let before = TOUCHED.get();
        for peer in 0..100 {
            exchange(peer, 2);
        }
        TOUCHED.get() - before
    }

    #[test]
    fn an_exchange_costs_the_same_whoever_else_there_is() {
        // Growing tables may hash again what they hold, hence not exactly the same.
        let (few, many) = (touched(200), touched(50_000));
        assert!(
            many < few * 2,
            "{few} operations with 200 peers, {many} with 50000"
        );
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let parameters = Parameters::default();
        let mut server: Endpoint<u32> = Endpoint::new(Seed::new(1));
        let mut answers: HashMap<u32, usize> = HashMap::new();
        for round in 0..3_u64 {
            let now = Time::from_micros(round * 300_000_000);
            for peer in 0..1_000 {
                let mut send = |to, _: &[u8]| *answers.entry(to).or_default() += 1;
                let turn = &mut Turn {
                    parameters: &parameters,
                    now,
                    send: &mut send,
                };
                let bytes = con(7, &get());
                let event = server.receive(turn, peer, &bytes);
                let Some(Event::Request { exchange, .. }) = event else {
                    panic!("a message id is free again after its lifetime: {event:?}");
                };
                server.respond(turn, &exchange, content("x")).unwrap();
            }
        }
        assert!(answers.values().all(|count| *count == 3));
        assert!(
            size_of::<Endpoint<std::net::SocketAddr>>() <= 640,
            "a device at rest is small"
        );
    }
}
