//! The operations of a bootstrap as they reached a device.

use twinproof_coap::{Class, Code, ContentFormat, Packet, Type, option};
use twinproof_lwm2m::wire::Path;

use super::is_theirs;
use crate::checks::lwm2m::Act;
use crate::checks::lwm2m::management::path_of;
use crate::scene::{Datagram, Scene};

/// An operation of the bootstrap server, whole if it came in blocks.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// The number of its first datagram.
    pub(super) number: u64,
    pub(super) code: Code,
    pub(super) ty: Type,
    /// Its path; none if it is none of objects.
    pub(super) path: Option<Path>,
    text: String,
    pub(super) format: Option<ContentFormat>,
    pub(super) body: Vec<u8>,
    tokens: Vec<Vec<u8>>,
    /// How the device answered.
    pub(super) answer: Option<Code>,
}

impl Operation {
    fn new(number: u64, packet: &Packet<'_>) -> Self {
        let text = path_of(packet);
        Self {
            number,
            code: packet.code(),
            ty: packet.ty(),
            path: match text.as_str() {
                "" => Some(Path::ROOT),
                text => text.parse().ok(),
            },
            text,
            format: packet.content_format().ok().flatten(),
            body: packet.payload().to_vec(),
            tokens: vec![packet.token_bytes().to_vec()],
            answer: None,
        }
    }

    /// Whether it tells the device that the bootstrap is over.
    pub(super) fn is_end(&self) -> bool {
        self.code == Code::POST && self.text == "/bs"
    }

    /// Whether the device has taken it.
    pub(super) fn is_taken(&self) -> bool {
        self.answer.is_some_and(Code::is_success)
    }
}

/// What operations came to, in words.
pub(super) fn told(operations: &[Operation]) -> String {
    let lines = operations.iter().map(|operation| {
        let answer = operation
            .answer
            .map_or("no answer".to_owned(), |code| code.to_string());
        let path = if operation.text.is_empty() {
            "/"
        } else {
            &operation.text
        };
        format!("{} {path} → {answer}", operation.code)
    });
    let lines: Vec<String> = lines.collect();
    match lines.as_slice() {
        [] => "no operation".to_owned(),
        lines => lines.join("; "),
    }
}

/// The operations that reached a device within an act, without repetitions.
pub(super) fn operations(scene: &Scene, act: &Act) -> Vec<Operation> {
    let mut all: Vec<Operation> = Vec::new();
    for datagram in &scene.datagrams {
        let within = datagram.number > act.after && datagram.number <= act.upto;
        let Some(packet) = datagram
            .packet()
            .filter(|packet| packet.code().class() == Class::Request)
            .filter(|_| within && is_theirs(datagram, act) && !scene.is_copy(datagram))
        else {
            continue;
        };
        let further = |number| {
            let block = packet.block(number).ok().flatten();
            block.is_some_and(|block| block.num() > 0)
        };
        let whole = all
            .last_mut()
            .filter(|last| last.code == packet.code() && last.text == path_of(&packet));
        match whole {
            Some(whole) if further(option::BLOCK1) => {
                whole.body.extend_from_slice(packet.payload());
                whole.tokens.push(packet.token_bytes().to_vec());
            }
            Some(whole) if further(option::BLOCK2) => {
                whole.tokens.push(packet.token_bytes().to_vec());
            }
            _ => all.push(Operation::new(datagram.number, &packet)),
        }
    }
    for operation in &mut all {
        operation.answer = answer(scene, act, operation);
    }
    all
}

/// How a device answered, but for invitations to go on.
fn answer(scene: &Scene, act: &Act, operation: &Operation) -> Option<Code> {
    let after = scene.datagrams.iter();
    let mut answers = after.filter(|datagram| {
        datagram.number > operation.number
            && datagram.from == act.party
            && datagram.to == crate::scene::SUT
    });
    answers.find_map(|datagram: &Datagram| {
        let packet = datagram.packet()?;
        let asked = operation
            .tokens
            .iter()
            .any(|token| token == packet.token_bytes());
        let code = packet.code();
        let answers = code.class() == Class::Response && code != Code::CONTINUE;
        (answers && asked).then_some(code)
    })
}
