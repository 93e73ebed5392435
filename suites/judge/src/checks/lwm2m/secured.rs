//! Who is let in over secured associations, and what becomes of what comes over them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinproof_coap::{Packet, Type};
use twinproof_evidence::Verdict;
use twinproof_evidence::record::{Turn, What};

use super::Act;
use crate::checks::Found;
use crate::scene::{Association, Datagram, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A party that shook hands under what it had shaken hands with before has a session again. That it is
    /// refused says something; silence does not.
    LetIn {
        /// The handshake.
        act: Act,
    },
    /// A client that could not come to an association with its server said nothing to it, sealed or in the
    /// clear. That it shook hands shows that it was there.
    SaidNothing {
        /// The server, and what came to it.
        act: Act,
    },
    /// A client has come to its server over an association, and said nothing to it in the clear.
    CameSealed {
        /// The server, and what came to it.
        act: Act,
        /// Under which identity.
        identity: String,
    },
    /// Who did not have the key got no session: each of these attempts came to an end, none to a session,
    /// and the system was there all the while.
    KeptOut {
        /// The attempts.
        attempts: Vec<Act>,
    },
    /// Requests that came in records which are not to be taken were not taken: nothing answers them, and what
    /// came after them is answered.
    NotTaken {
        /// The requests.
        act: Act,
    },
    /// Requests whose records came twice were taken once. That the second is answered like the first is not
    /// wrong, since it need not be told from the first; another answer is.
    TakenOnce {
        /// The requests.
        act: Act,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::LetIn { act } => let_in(scene, act),
            Self::SaidNothing { act } => said_nothing(scene, act),
            Self::CameSealed { act, identity } => came_sealed(scene, act, identity),
            Self::KeptOut { attempts } => kept_out(scene, attempts),
            Self::NotTaken { act } => not_taken(scene, act),
            Self::TakenOnce { act } => taken_once(scene, act),
        }
    }
}

/// What came of the associations of a party in one act.
fn turns<'a>(scene: &'a Scene, act: &'a Act) -> impl Iterator<Item = &'a Association> {
    let turns = scene.associations.iter();
    turns.filter(|turn| {
        turn.number > act.after
            && turn.number <= act.upto
            && turn.party == act.party
            && turn.peer == SUT
    })
}

fn is_established(turn: &Association) -> bool {
    matches!(turn.turn, Turn::Established { .. })
}

/// The last end of an act's handshakes.
fn end<'a>(scene: &'a Scene, act: &'a Act) -> Option<(&'a Association, &'a str, &'a str, bool)> {
    let ends = turns(scene, act).filter_map(|turn| match &turn.turn {
        Turn::Ended {
            how,
            words,
            ours,
            again: false,
            ..
        } => Some((turn, how.as_str(), words.as_str(), *ours)),
        _ => None,
    });
    ends.last()
}

fn let_in(scene: &Scene, act: &Act) -> Found {
    let expected = "a new session for who has the key";
    if let Some(turn) = turns(scene, act).find(|turn| is_established(turn)) {
        return Found::decide(true, expected, "a session").shown_by([turn.number]);
    }
    match end(scene, act) {
        Some((turn, "refused", words, _)) => {
            Found::decide(false, expected, words).shown_by([turn.number])
        }
        Some((turn, _, words, false)) => {
            Found::inconclusive(expected, words).shown_by([turn.number])
        }
        Some((_, _, words, true)) => Found::broken(expected, words),
        None => Found::broken(expected, "no handshake was recorded"),
    }
}

/// What of an act came to its server from the client in the clear, and was not taken.
fn in_the_clear(scene: &Scene, act: &Act) -> Vec<u64> {
    let numbers = scene
        .records
        .iter()
        .filter_map(|record| match &record.what {
            What::Unsealed {
                exchange, from, to, ..
            } if from == SUT && *to == act.party => Some(*exchange),
            _ => None,
        });
    let within = |number: &u64| *number > act.after && *number <= act.upto;
    numbers.filter(within).collect()
}

fn said_nothing(scene: &Scene, act: &Act) -> Found {
    let expected = "a handshake that comes to nothing, and nothing that is said all the same";
    let begun: Vec<u64> = turns(scene, act).map(|turn| turn.number).collect();
    if begun.is_empty() {
        return Found::inconclusive(expected, "nobody shook hands");
    }
    if turns(scene, act).any(is_established) {
        let got = "the client came to an association with who does not have its key";
        return Found::decide(false, expected, got).shown_by(begun);
    }
    let clear = in_the_clear(scene, act);
    let mut later = scene.datagrams.iter();
    if clear.is_empty() && !later.any(|one| one.from == SUT && one.number > act.upto) {
        let got = "the client did not come either when its server had its key";
        return Found::inconclusive(expected, got).shown_by(begun);
    }
    let got = match clear.len() {
        0 => "no association, and nothing in the clear".to_owned(),
        count => format!("{count} datagrams in the clear"),
    };
    let found = Found::decide(clear.is_empty(), expected, got);
    found.shown_by(begun).shown_by(clear)
}

fn came_sealed(scene: &Scene, act: &Act, identity: &str) -> Found {
    let expected = format!("an association under {identity:?}, and nothing in the clear");
    let wanted = format!("\"{identity}\"");
    let named = |turn: &&Association| match &turn.turn {
        Turn::Established { identity, .. } => identity.starts_with(&wanted),
        _ => false,
    };
    let came: Vec<u64> = turns(scene, act).filter(named).map(|t| t.number).collect();
    let clear = in_the_clear(scene, act);
    if !scene.datagrams.iter().any(|one| one.from == SUT) && clear.is_empty() {
        return Found::inconclusive(expected, "the client said nothing at all");
    }
    let got = match (came.is_empty(), clear.len()) {
        (_, count @ 1..) => format!("{count} datagrams in the clear"),
        (true, _) => "no such association".to_owned(),
        (false, _) => "an association, and nothing in the clear".to_owned(),
    };
    let found = Found::decide(!came.is_empty() && clear.is_empty(), expected, got);
    found.shown_by(came).shown_by(clear)
}

fn kept_out(scene: &Scene, attempts: &[Act]) -> Found {
    let expected = "no session for who does not have the key";
    let mut seen = Vec::new();
    for act in attempts {
        if let Some(turn) = turns(scene, act).find(|turn| is_established(turn)) {
            let got = format!("{} got a session", act.party);
            return Found::decide(false, expected, got).shown_by([turn.number]);
        }
        match end(scene, act) {
            Some((_, _, words, true)) => return Found::broken(expected, words),
            Some((turn, _, words, false)) => seen.push((turn.number, words)),
            None => return Found::broken(expected, "a handshake did not come to an end"),
        }
    }
    let numbers: Vec<u64> = seen.iter().map(|(number, _)| *number).collect();
    let last = attempts
        .iter()
        .map(|act| act.upto)
        .max()
        .unwrap_or_default();
    // Who is not there keeps everybody out.
    let alive = scene
        .datagrams
        .iter()
        .any(|datagram| datagram.from == SUT && datagram.number > last);
    if attempts.is_empty() || !alive {
        return Found::inconclusive(expected, "the system said nothing after that")
            .shown_by(numbers);
    }
    let words: Vec<&str> = seen.iter().map(|(_, words)| *words).collect();
    Found::decide(true, expected, words.join("; ")).shown_by(numbers)
}

/// The requests of an act, octet by octet.
fn requests<'a>(scene: &'a Scene, act: &'a Act) -> impl Iterator<Item = &'a Datagram> {
    scene.datagrams.iter().filter(|datagram| {
        datagram.number > act.after
            && datagram.number <= act.upto
            && datagram.from == act.party
            && datagram.packet().is_some_and(|p| p.code().is_request())
    })
}

/// Everything that answers a request, be it with its token or with its message id.
fn answers<'a>(scene: &'a Scene, request: &'a Datagram) -> Vec<&'a Datagram> {
    let Some(asked) = request.packet() else {
        return Vec::new();
    };
    let fits = |packet: Packet<'_>| {
        let same_id = packet.message_id() == asked.message_id();
        let response = packet.code().is_response() || packet.code() == twinproof_coap::Code::EMPTY;
        response && (same_id || packet.token_bytes() == asked.token_bytes())
    };
    let from_sut = scene.datagrams.iter().filter(|datagram| {
        datagram.from == SUT && datagram.to == request.from && datagram.number > request.number
    });
    from_sut
        .filter(|datagram| datagram.packet().is_some_and(fits))
        .collect()
}

/// The responses to a request, whatever acknowledged it before (RFC 7252 §5.2.2); one that the system repeats under
/// its own message id is one.
fn responses<'a>(scene: &'a Scene, request: &'a Datagram) -> Vec<&'a Datagram> {
    let mut own = BTreeSet::new();
    let mut found = answers(scene, request);
    found.retain(|answer| {
        let Some(packet) = answer.packet() else {
            return false;
        };
        let separate = packet.ty() != Type::Ack;
        packet.code().is_response() && (!separate || own.insert(packet.message_id()))
    });
    found
}

/// Whether a request of this party after an act was answered.
fn answered_after(scene: &Scene, act: &Act) -> bool {
    let mut later = scene.datagrams.iter().filter(|datagram| {
        datagram.number > act.upto && datagram.from == act.party && datagram.to == SUT
    });
    later.any(|request| !answers(scene, request).is_empty())
}

fn not_taken(scene: &Scene, act: &Act) -> Found {
    let expected = "silence to each of them, and an answer to what came after them";
    let sent: Vec<&Datagram> = requests(scene, act).collect();
    if sent.is_empty() {
        return Found::broken(expected, "none was recorded");
    }
    let taken = sent
        .iter()
        .flat_map(|request| answers(scene, request).into_iter().take(1));
    let taken: Vec<u64> = taken.map(|answer| answer.number).collect();
    let count = sent.len();
    if !taken.is_empty() {
        let got = format!("{} of {count} answered", taken.len());
        return Found::decide(false, expected, got).shown_by(taken);
    }
    let sent: Vec<u64> = sent.iter().map(|request| request.number).collect();
    if !answered_after(scene, act) {
        return Found::inconclusive(expected, "nothing answered at all").shown_by(sent);
    }
    // An association that one forged datagram ends is an easy victim (RFC 6347 §4.1.2.7).
    let ended = scene.associations.iter().find(|turn| {
        let over =
            matches!(&turn.turn, Turn::Ended { how, .. } if how == "refused" || how == "closed");
        over && turn.party == act.party && turn.number > act.after
    });
    match ended {
        Some(turn) => Found {
            verdict: Verdict::Warning,
            ..Found::decide(false, expected, "silence, and the association was ended")
        }
        .shown_by([turn.number]),
        None => Found::decide(true, expected, format!("none of {count} answered")).shown_by(sent),
    }
}

/// How many records with data a party has sent again since an act began.
fn sent_again(scene: &Scene, act: &Act) -> usize {
    let mut numbers = BTreeSet::new();
    let sent = scene
        .records
        .iter()
        .filter_map(|record| match &record.what {
            What::Sealed {
                exchange,
                from,
                content,
                epoch,
                sequence,
                ..
            } if *exchange > act.after && *from == act.party && content == "application_data" => {
                Some((*epoch, *sequence))
            }
            _ => None,
        });
    sent.filter(|number| !numbers.insert(*number)).count()
}

fn taken_once(scene: &Scene, act: &Act) -> Found {
    let expected = "one answer to each of them";
    let sent: Vec<&Datagram> = requests(scene, act).collect();
    if sent.is_empty() {
        return Found::broken(expected, "none was recorded");
    }
    let (mut repeated, mut again) = (Vec::new(), Vec::new());
    for request in &sent {
        let answers = responses(scene, request);
        match answers.as_slice() {
            [] => {
                let got = "no answer to one whose record was whole the first time";
                return Found::inconclusive(expected, got).shown_by([request.number]);
            }
            [_] => {}
            [first, others @ ..] => {
                let numbers = others.iter().map(|answer| answer.number);
                match others.iter().all(|other| other.bytes == first.bytes) {
                    true => repeated.extend(numbers),
                    false => again.extend(numbers),
                }
            }
        }
    }
    if !answered_after(scene, act) {
        return Found::inconclusive(expected, "nothing answered what came after them");
    }
    if sent_again(scene, act) < sent.len() {
        return Found::inconclusive(expected, "not each of their records was sent again");
    }
    match (repeated.is_empty(), again.is_empty()) {
        (_, false) => Found::decide(
            false,
            expected,
            "another answer to a record that came again",
        )
        .shown_by(again),
        (false, true) => {
            let got = "the same answer once more to a record that came again";
            let found = match scene.doubled {
                0 => Found::decide(false, expected, got).advisory(),
                _ => Found::inconclusive(expected, format!("{got}, on a link that doubles")),
            };
            found.shown_by(repeated)
        }
        (true, true) => {
            let numbers = sent.iter().map(|request| request.number);
            Found::decide(true, expected, "one answer to each").shown_by(numbers)
        }
    }
}
