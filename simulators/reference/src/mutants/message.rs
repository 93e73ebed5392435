//! LwM2M servers whose message layer is broken.

use std::net::SocketAddr;

use twinproof_coap::{Code, Header, Packet, Raw, Type, option};
use twinproof_lwm2m::server::rules::{self as facts, Rules, Standard};
use twinproof_lwm2m::upper::{Answer, Reply};

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "versions-ignored" "takes a datagram of any version for one of its own" breaks "LW-SRV-02"
    caught by { "lwm2m/message/another-version" "lwm2m/ignored" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let raw = Raw::dissect(f.datagram);
        (raw.version != 1).then(|| Raw { version: 1, ..raw }.to_bytes())
    }

    "long-tokens-cut" "takes the first eight octets of a token that is too long" breaks "LW-SRV-02"
    caught by { "lwm2m/message/long-token" "lwm2m/reset" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let mut raw = Raw::dissect(f.datagram);
        let long = raw.token_length > 8;
        raw.token_length = raw.token_length.min(8);
        raw.token.truncate(8);
        long.then(|| raw.to_bytes())
    }

    "cut-options-dropped" "takes a message that is cut off for one that ends before" breaks "LW-SRV-02"
    caught by { "lwm2m/message/cut-off" "lwm2m/reset" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let raw = Raw::dissect(f.datagram);
        let cut = !raw.marker && !raw.payload.is_empty();
        cut.then(|| Raw { payload: Vec::new(), ..raw }.to_bytes())
    }

    "empty-payloads-read" "reads a payload that is announced and not there as an empty one" breaks "LW-SRV-02"
    caught by { "lwm2m/message/missing-payload" "lwm2m/reset" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let raw = Raw::dissect(f.datagram);
        let empty = raw.marker && raw.payload.is_empty();
        empty.then(|| Raw { marker: false, ..raw }.to_bytes())
    }

    "reserved-codes-read" "takes a code of a reserved class for a request" breaks "LW-SRV-02"
    caught by { "lwm2m/message/reserved-code" "lwm2m/reset" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let raw = Raw::dissect(f.datagram);
        let code = raw.code & 0b1_1111;
        (raw.code >> 5 == 7).then(|| Raw { code, ..raw }.to_bytes())
    }

    "acknowledgements-served" "does what an acknowledgement asks for" breaks "LW-SRV-02"
    caught by { "lwm2m/message/request-in-acknowledgement" "lwm2m/ignored" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let header = Header::peek(f.datagram)?;
        let asks = header.ty == Type::Ack && header.code.is_request();
        asks.then(|| Raw { ty: 0, ..Raw::dissect(f.datagram) }.to_bytes())
    }

    "fragments-reset" "answers what is less than a header" breaks "LW-SRV-02"
    caught by { "lwm2m/message/less-than-a-header" "lwm2m/ignored" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        // What is not there is read as zero: a question whether anybody is there.
        (f.datagram.len() < 4).then(|| vec![0x40, 0, 0, 0])
    }

    "critical-options-ignored" "ignores critical options that it does not know" breaks "LW-SRV-02"
    caught by { "lwm2m/message/unknown-critical-option" "lwm2m/refused-with" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let known = |number| option::TABLE.iter().any(|known| known.number == number);
        let packet = Packet::parse(f.datagram).ok()?;
        let mut unknown = packet.options().filter(|o| o.number.is_critical() && !known(o.number));
        unknown.next()?;
        let mut raw = Raw::dissect(f.datagram);
        raw.options.clear();
        let kept = packet.options().filter(|o| known(o.number));
        Some(kept.fold(raw, |raw, o| raw.option(o.number, o.value)).to_bytes())
    }

    "never-resets" "never sends a Reset" breaks "LW-SRV-02"
    caught by {
        "lwm2m/message/is-anybody-there" "lwm2m/ponged",
        "lwm2m/message/long-token" "lwm2m/reset",
    }
    fn sends(&self, f: facts::SentFacts) -> bool { f.ty != Type::Rst }

    "senders-mixed-up" "tells copies by the message id alone, whoever sends them" breaks "LW-SRV-02"
    caught by { "lwm2m/message/same-id-from-two" "lwm2m/registered" }
    fn is_copy(&self, f: facts::CopyFacts) -> bool { f.same_id }

    "overtaken-is-old" "takes a message for a copy that was overtaken on its way" breaks "LW-SRV-02"
    caught by { "lwm2m/message/another-order" "lwm2m/each-taken" }
    fn is_copy(&self, f: facts::CopyFacts) -> bool { Standard.is_copy(f) || f.older }

    "copies-done-again" "does what a copy of a request asks for" breaks "LW-SEC-11"
    caught by {
        "lwm2m/message/registration-copied" "lwm2m/alike",
        "lwm2m/message/registration-copied" "lwm2m/confirmed",
        "lwm2m/message/who-has-left-is-not-replayed" "lwm2m/not-shown",
    }
    fn is_copy(&self, _f: facts::CopyFacts) -> bool { false }

    "addresses-kept" "sends to where a device registered, also when it is elsewhere" breaks "LW-IF2-13"
    caught by { "lwm2m/link/another-address" "lwm2m/carried" }
    fn address_after(&self, f: facts::MoveFacts) -> SocketAddr { f.old }

    "tokens-ignored" "takes an answer by its message id alone" breaks "LW-IF3-09"
    caught by { "lwm2m/message/another-token" "lwm2m/told" }
    fn reads(&self, f: facts::DatagramFacts<'_>) -> Option<Vec<u8>> {
        let (header, asked) = (Header::peek(f.datagram)?, f.asked?);
        let mut raw = Raw::dissect(f.datagram);
        let another = header.code.is_response() && raw.token != asked.as_bytes();
        raw.token = asked.as_bytes().to_vec();
        raw.token_length = asked.as_bytes().len() as u8;
        another.then(|| raw.to_bytes())
    }

    "failures-shown-as-done" "shows that an operation is done which a device did not answer" breaks "LW-IF3-08"
    also breaks { "LW-IF2-03" because "an operation on a device that has left is not answered either" }
    caught by { "lwm2m/message/reset-is-shown" "lwm2m/untold" }
    fn tells(&self, answer: Answer, f: facts::TellFacts) -> Answer {
        match answer {
            Answer::Refused(_) | Answer::Timeout => Answer::Reply(Reply {
                code: Code::CONTENT,
                values: Vec::new(),
                links: None,
                location: None,
            }),
            other => Standard.tells(other, f),
        }
    }
};
