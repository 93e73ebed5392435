//! What is repeated, given up, confirmed and acknowledged, and when.

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
