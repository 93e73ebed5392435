//! Two parties and a wire that loses, doubles and delays.

use super::*;

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
