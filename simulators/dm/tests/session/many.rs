//! Many clients in sessions with one server at the same time.

use twinproof_dm::upper::Event;
use twinproof_kernel::http::Fault;

use super::*;

/// How many.
const CLIENTS: usize = 1_000;

/// How many commands each is to carry out.
const COMMANDS: usize = 5;

fn device(number: usize) -> String {
    format!("IMEI:49300510{number:07}")
}

fn client(number: usize) -> Client {
    let (device, url) = (device(number), URL.to_owned());
    let own = proof(
        Scheme::Md5,
        &format!("dev-{number}"),
        &format!("secret-{number}"),
    );
    let peer = proof(Scheme::Md5, "S", &format!("for-{number}"));
    let account = Account {
        server_id: "S".to_owned(),
        addresses: vec![Address {
            addr: url,
            ..Address::default()
        }],
        auths: vec![
            auth(AuthLevel::AppSrv, &own),
            auth(AuthLevel::Client, &peer),
        ],
        ..Account::default()
    };
    let tree = Tree::of_device(Arc::new(Profile::builtin()), &device, &[account]);
    Client::new(tree, Seed::new(number as u64))
}

fn enrolment(number: usize) -> Enrolment {
    Enrolment {
        device: device(number),
        client: Some(proof(
            Scheme::Md5,
            &format!("dev-{number}"),
            &format!("secret-{number}"),
        )),
        server: Some(proof(Scheme::Md5, "S", &format!("for-{number}"))),
    }
}

/// What a client wants to send.
fn sent(mut out: Outbox<client::Answer>) -> Option<(ExchangeId, Request)> {
    out.drain().find_map(|output| match output {
        Output::Request { exchange, request } => Some((exchange, request)),
        _ => None,
    })
}

/// No command is lost, none is carried out twice, and none reaches another client, whoever's message comes
/// first, and though every eighth message comes twice.
#[test]
fn a_thousand_clients_at_the_same_time() {
    let clients = client::Shared::default();
    let servers = server::Shared::default();
    let mut server = Server::new(
        "S",
        URL,
        Seed::new(7),
        (0..CLIENTS).map(enrolment).collect(),
    );
    let mut devices: Vec<Client> = (0..CLIENTS).map(client).collect();
    let mut calls = 0;
    for number in 0..CLIENTS {
        for command in 0..COMMANDS {
            calls += 1;
            let act = Act::Add(Put {
                uri: format!("./Vendor/Open/n{command}"),
                format: Some("chr".to_owned()),
                value: Some(Value::Text(format!("{number}-{command}"))),
                ..Put::default()
            });
            let order = Operation::Plan {
                device: device(number),
                act,
            };
            let call = CallId(calls);
            let mut out = Outbox::default();
            server.handle(&servers, Time::ZERO, Input::Order { call, order }, &mut out);
        }
    }
    // Whose message comes next is drawn, so that sessions are as interleaved as they can be.
    let mut rng = Seed::new(11).rng();
    let mut waiting: Vec<(usize, ExchangeId, Request)> = Vec::new();
    for (number, device) in devices.iter_mut().enumerate() {
        let mut out = Outbox::default();
        let (call, server) = (CallId(1), "S".to_owned());
        let order = Order::Start { server };
        device.handle(&clients, Time::ZERO, Input::Order { call, order }, &mut out);
        let (exchange, request) = sent(out).expect("a session begins with a message");
        waiting.push((number, exchange, request));
    }
    let (mut messages, mut most) = (0, waiting.len());
    while !waiting.is_empty() {
        most = most.max(waiting.len());
        let (number, exchange, request) = waiting.swap_remove(rng.usize(..waiting.len()));
        messages += 1;
        let times = if rng.u8(..8) == 0 { 2 } else { 1 };
        let mut answers = Vec::new();
        for _ in 0..times {
            let (exchange, request) = (ExchangeId(messages), &request);
            let mut out = Outbox::default();
            let input = Input::Request { exchange, request };
            server.handle(&servers, Time::ZERO, input, &mut out);
            let response = out.drain().find_map(|output| match output {
                Output::Respond { response, .. } => Some(response),
                _ => None,
            });
            answers.push(response.expect("each message is answered"));
        }
        assert_eq!(
            answers.first(),
            answers.last(),
            "what comes again is answered as it was"
        );
        let outcome: Result<&Response, &Fault> = Ok(&answers[0]);
        let mut out = Outbox::default();
        let input = Input::Response { exchange, outcome };
        devices[number].handle(&clients, Time::ZERO, input, &mut out);
        if let Some((exchange, request)) = sent(out) {
            waiting.push((number, exchange, request));
        }
    }
    assert_eq!(most, CLIENTS);
    for (number, client) in devices.iter().enumerate() {
        let ended: Vec<&End> = client.ended().iter().map(|ended| &ended.how).collect();
        assert_eq!(ended, [&End::Complete], "{number}");
        for command in 0..COMMANDS {
            let at: NodeUri = format!("./Vendor/Open/n{command}").parse().unwrap();
            let value = client.tree().text(&at);
            assert_eq!(value, Some(format!("{number}-{command}").as_str()));
        }
    }
    // To add what is there is refused, so a command that was carried out twice would show.
    let mut done = vec![0; CLIENTS];
    for event in server.events() {
        if let Event::Did {
            device: of,
            outcome,
        } = event
        {
            let codes: Vec<u16> = outcome.statuses.iter().map(|told| told.code).collect();
            assert_eq!(codes, [200], "{of}");
            let number: usize = of["IMEI:49300510".len()..].parse().unwrap();
            done[number] += 1;
        }
    }
    assert!(done.iter().all(|count| *count == COMMANDS));
}
