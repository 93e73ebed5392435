//! Long values that travel in blocks (RFC 7959 §2).

use twinproof_coap::{Class, Code, Packet, option};
use twinproof_lwm2m::upper::Answer;
use twinproof_lwm2m::wire::{Direction, Path, Value};

use super::management::{Wish, octets, path_of, read};
use crate::checks::Found;
use crate::scene::{Datagram, SUT, Scene};

/// The largest block there is.
const LARGEST: usize = 1_024;

/// What was put together from blocks so far.
#[derive(Default)]
struct Whole {
    body: Vec<u8>,
    /// The last block has come.
    complete: bool,
    /// A block was larger than what the device had asked for before.
    too_large: bool,
}

impl Whole {
    /// Adds a block, or says what is wrong with it.
    fn add(&mut self, packet: &Packet<'_>, limit: usize) -> Result<(), String> {
        let block = packet.block(option::BLOCK1);
        let block = block.map_err(|error| error.to_string())?;
        let Some(block) = block else {
            self.body = packet.payload().to_vec();
            self.complete = true;
            // No rule forbids a datagram that is too long for the network; it is but unwise.
            self.too_large = packet.payload().len() > LARGEST;
            return Ok(());
        };
        let (size, payload) = (block.size(), packet.payload());
        if block.num() == 0 {
            *self = Self::default();
        }
        if block.num() as usize * size != self.body.len() {
            let there = self.body.len();
            let num = block.num();
            return Err(format!("block {num} of {size} octets after {there} octets"));
        }
        if block.more() && payload.len() != size {
            let length = payload.len();
            return Err(format!("{length} octets in a block of {size}"));
        }
        self.too_large |= size > limit;
        self.body.extend_from_slice(payload);
        self.complete = !block.more();
        Ok(())
    }
}

/// What the device answered to a block.
fn answers<'s>(
    scene: &'s Scene,
    datagram: &Datagram,
    packet: &Packet<'_>,
) -> impl Iterator<Item = Packet<'s>> {
    let (number, party, token) = (datagram.number, datagram.to.clone(), packet.token());
    let after = scene
        .datagrams
        .iter()
        .filter(move |other| other.number > number && other.from == party && other.to == SUT);
    let packets = after.filter_map(Datagram::packet);
    packets
        .filter(move |answer| answer.code().class() == Class::Response && answer.token() == token)
}

fn is_answered(scene: &Scene, datagram: &Datagram, packet: &Packet<'_>) -> bool {
    answers(scene, datagram, packet).next().is_some()
}

/// The size of blocks that the device asked for in its answer to a block.
fn asked_for(scene: &Scene, datagram: &Datagram, packet: &Packet<'_>) -> Option<usize> {
    let answer = answers(scene, datagram, packet).next()?;
    Some(answer.block(option::BLOCK1).ok().flatten()?.size())
}

/// The requests to this path that were sent to the device for a wish, without repetitions.
fn sent<'s>(
    scene: &'s Scene,
    wish: &Wish,
    path: &str,
) -> impl Iterator<Item = (&'s Datagram, Packet<'s>)> {
    let sent = scene.datagrams.iter().filter(|datagram| {
        let within = datagram.number > wish.after && datagram.number < wish.operated;
        within && datagram.from == SUT && datagram.to == wish.party
    });
    let packets = sent.filter_map(|datagram| Some((datagram, datagram.packet()?)));
    let mut seen = Vec::new();
    packets.filter(move |(_, packet)| {
        let name = (packet.message_id(), packet.token());
        let new = !seen.contains(&name);
        let counts = packet.code().class() == Class::Request && path_of(packet) == path && new;
        if counts {
            seen.push(name);
        }
        counts
    })
}

/// The body of a request, and of the blocks that belong to it as far as they fit together.
pub(super) fn body(scene: &Scene, wish: &Wish, request: &Packet<'_>) -> Vec<u8> {
    let mut whole = Whole::default();
    for (_, packet) in sent(scene, wish, &path_of(request)) {
        if packet.code() != request.code() {
            continue;
        }
        if whole.add(&packet, LARGEST).is_err() || whole.complete {
            break;
        }
    }
    whole.body
}

/// The body of an answer, and of the later blocks of it as far as they were asked for.
pub(super) fn answered(scene: &Scene, request: &Datagram, answer: &Packet<'_>) -> Vec<u8> {
    let mut body = answer.payload().to_vec();
    let goes_on = |packet: &Packet<'_>| {
        let block = packet.block(option::BLOCK2).ok().flatten();
        block.is_some_and(|block| block.more())
    };
    let Some(asked) = request.packet().filter(|_| goes_on(answer)) else {
        return body;
    };
    let later = scene.datagrams.iter().filter(|datagram| {
        let mine = datagram.number > request.number && datagram.from == request.from;
        let same = |packet: Packet<'_>| {
            (packet.code(), path_of(&packet)) == (asked.code(), path_of(&asked))
        };
        mine && datagram.to == SUT && datagram.packet().is_some_and(same)
    });
    for datagram in later {
        let Some(more) = scene.answer(datagram).and_then(Datagram::packet) else {
            continue;
        };
        let block = more.block(option::BLOCK2).ok().flatten();
        let fits = |num: u32, size: usize| num as usize * size == body.len();
        if more.code() == Code::CONTENT
            && block.is_some_and(|block| fits(block.num(), block.size()))
        {
            body.extend_from_slice(more.payload());
            if !goes_on(&more) {
                break;
            }
        }
    }
    body
}

pub(super) fn in_blocks(scene: &Scene, wish: &Wish, path: Path, count: usize) -> Found {
    let expected = format!("{count} octets written to {path} in blocks that fit together");
    let to = path.to_string();
    let (mut whole, mut limit) = (Whole::default(), LARGEST);
    let mut last = None;
    for (datagram, packet) in sent(scene, wish, &to) {
        if let Err(why) = whole.add(&packet, limit) {
            return Found::decide(false, expected, why).shown_by([datagram.number]);
        }
        limit = asked_for(scene, datagram, &packet).map_or(limit, |size| size.min(limit));
        last = Some((datagram, packet));
    }
    let Some((datagram, last)) = last else {
        // No text says how long a value a server can be given; one that takes none may say so.
        return match scene.operated.get(&wish.operated).map(|seen| &seen.answer) {
            Some(told @ (Answer::Refused(_) | Answer::Timeout)) => Found::inconclusive(
                expected,
                format!("no request, and the operator heard {told:?}"),
            ),
            _ => Found::decide(false, expected, "no request"),
        };
    };
    if !whole.complete {
        // Who is not answered cannot go on.
        if !is_answered(scene, datagram, &last) {
            let got = format!("the device did not answer {last}");
            return Found::inconclusive(expected, got).shown_by([datagram.number]);
        }
        let got = format!("{} octets, and no last block", whole.body.len());
        return Found::decide(false, expected, got);
    }
    let written = read((&last, &whole.body), &to, Direction::Write);
    let value = written
        .ok()
        .and_then(|entries| entries.into_iter().next()?.value);
    let got = match &value {
        Some(Value::Opaque(got)) if *got == octets(count) => {
            let got = match whole.too_large {
                true => "these octets, in blocks larger than the device asked for",
                false => "these octets",
            };
            // The smaller size is a recommendation (RFC 7959 §2.3).
            return Found::decide(!whole.too_large, expected, got).advisory();
        }
        Some(Value::Opaque(got)) => format!("{} octets, and not these", got.len()),
        Some(other) => format!("no octets: {other}"),
        None => format!("{} octets that cannot be read", whole.body.len()),
    };
    Found::decide(false, expected, got)
}
