//! What each party of each scenario said to each other one, without what chance and time gave it.

use std::collections::BTreeMap;

use twinproof_coap::{Packet, Token, option};
use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::What;

/// Scenario, who spoke, to whom, and in which exchange: whose token it has. What is said under one token
/// has an order; what is said under several has none among them.
pub type Flow = (String, String, String, String);

/// The datagrams of each flow, in its own order, one line each. Message ids do not show, tokens and
/// locations are numbered in the order in which they came up, and what is repeated shows once: how often
/// something is said, and whether an answer comes with the acknowledgement, is a matter of time.
pub fn transcripts(events: &Events) -> BTreeMap<Flow, Vec<String>> {
    let mut flows = BTreeMap::<Flow, Vec<String>>::new();
    let mut names = BTreeMap::<[String; 3], Names>::new();
    for record in &events.records {
        let (
            Some(scene),
            What::Datagram {
                from, to, bytes, ..
            },
        ) = (&record.scene, &record.what)
        else {
            continue;
        };
        let octets = bytes.octets();
        // Both directions of a pair have their names in common.
        let mut pair = [from.clone(), to.clone()];
        pair.sort();
        let [one, other] = pair;
        let names = names
            .entry([scene.scenario.clone(), one, other])
            .or_default();
        let (exchange, line) = match Packet::parse(&octets) {
            Ok(packet) => match names.line(from, to, &packet) {
                Some(line) => line,
                None => continue,
            },
            Err(error) => {
                let line = format!("{} octets, no message: {:?}", octets.len(), error.fault);
                (String::new(), line)
            }
        };
        let flow = (scene.scenario.clone(), from.clone(), to.clone(), exchange);
        let lines = flows.entry(flow).or_default();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    flows
}

/// What was generated between two parties, in the order in which it came up.
#[derive(Default)]
struct Names {
    /// By whom they were made.
    tokens: BTreeMap<String, Vec<Token>>,
    locations: Vec<Vec<u8>>,
}

impl Names {
    /// The exchange of a message, and the message without its message id; none for an empty
    /// acknowledgement.
    fn line(&mut self, from: &str, to: &str, packet: &Packet<'_>) -> Option<(String, String)> {
        let code = packet.code();
        if code.byte() == 0 {
            let reset = packet.ty() == twinproof_coap::Type::Rst;
            return reset.then(|| (String::new(), "a Reset".to_owned()));
        }
        let asker = if code.is_request() { from } else { to };
        let tokens = self.tokens.entry(asker.to_owned()).or_default();
        let number = place(tokens, packet.token());
        let mut line = code.to_string();
        if let Some(last) = packet.values(option::LOCATION_PATH).last() {
            place(&mut self.locations, last.to_vec());
        }
        for option in packet.options() {
            let known = self
                .locations
                .iter()
                .position(|location| location == option.value);
            let value = match (option.number, known) {
                (option::LOCATION_PATH | option::URI_PATH, Some(known)) => {
                    format!("location {known}")
                }
                _ => format!("{:02x?}", option.value),
            };
            line.push_str(&format!(", {} {value}", option.number));
        }
        line.push_str(&format!(", {:02x?}", packet.payload()));
        Some((format!("{asker} {number}"), line))
    }
}

/// Where something is in a list, to which it is added if it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    match list.iter().position(|known| *known == item) {
        Some(place) => place,
        None => {
            list.push(item);
            list.len() - 1
        }
    }
}
