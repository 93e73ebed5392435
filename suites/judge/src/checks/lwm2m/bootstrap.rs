//! What a bootstrap server does to a device that asks it for bootstrap.

mod account;
mod operation;

use serde::{Deserialize, Serialize};
use twinproof_coap::{Class, Code, Type, option};
use twinproof_evidence::record::Turn;
use twinproof_lwm2m::wire::{Path, Value};

use super::Act;
use crate::checks::Found;
use crate::scene::{Datagram, SUT, Scene};
use account::{Given, faults};
use operation::{Operation, operations, told};

/// The name of the server to which a device is led by its bootstrap.
pub const PROVISIONED: &str = "provisioned server";

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The device was given accounts, and told that it is over.
    Provisioned {
        /// The bootstrap.
        act: Act,
        /// The one before, whose accounts a server need not write anew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Act>,
    },
    /// The accounts that it was given are whole and fit together.
    Fits {
        /// The bootstrap.
        act: Act,
    },
    /// No operation came before the request was confirmed, and each asks to be acknowledged.
    InOrder {
        /// The bootstrap.
        act: Act,
    },
    /// Nothing came after the device has confirmed the end.
    Ended {
        /// The bootstrap.
        act: Act,
    },
    /// The server to which the device was led confirms its registration.
    Led {
        /// The registration.
        act: Act,
    },
    /// Nothing was asked of a device that was refused.
    Spared {
        /// The request.
        act: Act,
    },
    /// The end came only if what the device refused was written anew.
    Honest {
        /// The bootstrap.
        act: Act,
    },
    /// Of two devices that bootstrapped at the same time, none was given what is the other's.
    Unmixed {
        /// Their bootstraps one after the other.
        alone: [Act; 2],
        /// Those at the same time.
        together: [Act; 2],
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Provisioned { act, before } => provisioned(scene, act, before.as_ref()),
            Self::Fits { act } => fits(scene, act),
            Self::InOrder { act } => in_order(scene, act),
            Self::Ended { act } => ended(scene, act),
            Self::Led { act } => led(scene, act),
            Self::Spared { act } => spared(scene, act),
            Self::Honest { act } => honest(scene, act),
            Self::Unmixed { alone, together } => unmixed(scene, alone, together),
        }
    }
}

fn numbers(operations: &[Operation]) -> impl Iterator<Item = u64> {
    operations.iter().map(|operation| operation.number)
}

fn provisioned(scene: &Scene, act: &Act, before: Option<&Act>) -> Found {
    let expected = "writes to the objects 0 and 1 that the device takes, and then the end";
    let all = operations(scene, act);
    let end = all.iter().rposition(Operation::is_end);
    let already = before.map_or_else(Vec::new, |before| operations(scene, before));
    let until = already.iter().chain(&all[..end.unwrap_or(all.len())]);
    let writes = |object| {
        let mut taken = until.clone().filter(|operation| operation.is_taken());
        taken.any(|operation| {
            let path = operation.path.filter(|_| operation.code == Code::PUT);
            path.is_some_and(|path| path.object() == Some(object))
        })
    };
    let holds = end.is_some() && writes(0) && writes(1);
    Found::decide(holds, expected, told(&all)).shown_by(numbers(&all))
}

fn fits(scene: &Scene, act: &Act) -> Found {
    let expected = "for each account one instance of the Security and one of the Server object, each \
                    with all that it must have";
    let all = operations(scene, act);
    let given = Given::by(&all);
    let faults = faults(&given);
    let got = match faults.as_slice() {
        [] => given.told(),
        faults => faults.join("; "),
    };
    Found::decide(faults.is_empty(), expected, got).shown_by(numbers(&all))
}

fn in_order(scene: &Scene, act: &Act) -> Found {
    let expected = "the confirmation, and then operations that ask to be acknowledged";
    let all = operations(scene, act);
    let request = scene.request(&act.party, (act.after, act.upto));
    let Some(answer) = request.and_then(|request| scene.answer(request)) else {
        let got = "no confirmation";
        return Found::inconclusive(expected, got).shown_by(numbers(&all));
    };
    let early: Vec<Operation> = all
        .iter()
        .filter(|operation| operation.number < answer.number)
        .cloned()
        .collect();
    let unsure = all.iter().filter(|operation| operation.ty != Type::Con);
    let unsure: Vec<Operation> = unsure.cloned().collect();
    let (holds, got, shown) = match (early.is_empty(), unsure.is_empty()) {
        (true, true) => (true, told(&all), all),
        (true, false) => (
            false,
            format!("not to be acknowledged: {}", told(&unsure)),
            unsure,
        ),
        (false, _) => (
            false,
            format!("before the confirmation: {}", told(&early)),
            early,
        ),
    };
    // What is lost on the way comes late, and no text forbids the other order.
    let found = Found::decide(holds, expected, got).advisory();
    found.shown_by(numbers(&shown)).shown_by([answer.number])
}

fn ended(scene: &Scene, act: &Act) -> Found {
    let expected = "nothing after the device has confirmed the end";
    let all = operations(scene, act);
    let end = all
        .iter()
        .position(|operation| operation.is_end() && operation.is_taken());
    let Some(end) = end else {
        return Found::inconclusive(expected, told(&all)).shown_by(numbers(&all));
    };
    // Whose confirmation is lost says the end again.
    let after = all[end + 1..]
        .iter()
        .filter(|operation| !operation.is_end());
    let after: Vec<Operation> = after.cloned().collect();
    let got = match after.as_slice() {
        [] => "nothing".to_owned(),
        after => told(after),
    };
    // A bootstrap server of 1.0 may begin anew whenever it likes.
    let found = Found::decide(after.is_empty(), expected, got).advisory();
    found.shown_by(numbers(&all[end..]))
}

fn led(scene: &Scene, act: &Act) -> Found {
    let expected = "2.01 Created with the location of the registration";
    let within = scene.datagrams.iter().find(|datagram| {
        datagram.number > act.after
            && datagram.number <= act.upto
            && (datagram.from == act.party && datagram.to == PROVISIONED)
    });
    let Some((request, asked)) = within.and_then(|d| Some((d, d.packet()?))) else {
        return Found::broken(expected, "no registration was recorded");
    };
    let answer = scene.datagrams.iter().find(|datagram| {
        let fits = |datagram: &Datagram| {
            let packet = datagram.packet()?;
            let answers = packet.code().class() == Class::Response;
            (answers && packet.token() == asked.token()).then_some(())
        };
        datagram.number > request.number
            && (datagram.from == PROVISIONED && datagram.to == act.party)
            && fits(datagram).is_some()
    });
    let shown = [Some(request.number), answer.map(|answer| answer.number)];
    let (holds, got) = match answer.and_then(Datagram::packet) {
        Some(packet) if packet.code() == Code::PRECONDITION_FAILED => {
            let got = format!("{asked}, and the server does not speak the version of the profile");
            return Found::inconclusive(expected, got).shown_by(shown.into_iter().flatten());
        }
        // The server may be away, or not know of the device yet: that is not its bootstrap server's doing.
        None => {
            if let Some((number, words)) = kept_out(scene, act) {
                return Found::decide(false, expected, words).shown_by([request.number, number]);
            }
            let got = format!("no answer to {asked}");
            return Found::inconclusive(expected, got).shown_by(shown.into_iter().flatten());
        }
        Some(packet) if packet.code().class_digit() == 5 => {
            let got = format!("{} to {asked}", packet.code());
            return Found::inconclusive(expected, got).shown_by(shown.into_iter().flatten());
        }
        Some(packet) => {
            let located = packet.value(option::LOCATION_PATH).is_some();
            let holds = packet.code() == Code::CREATED && located;
            (holds, format!("{} to {asked}", packet.code()))
        }
    };
    Found::decide(holds, expected, got).shown_by(shown.into_iter().flatten())
}

/// The server to which a device was led refused its credentials.
fn kept_out<'a>(scene: &'a Scene, act: &Act) -> Option<(u64, &'a str)> {
    scene.associations.iter().find_map(|turn| match &turn.turn {
        Turn::Ended {
            how,
            words,
            again: false,
            ..
        } if how == "refused"
            && turn.number > act.after
            && turn.number <= act.upto
            && turn.party == act.party
            && turn.peer == PROVISIONED =>
        {
            Some((turn.number, words.as_str()))
        }
        _ => None,
    })
}

fn spared(scene: &Scene, act: &Act) -> Found {
    let all = operations(scene, act);
    let got = match all.as_slice() {
        [] => "nothing".to_owned(),
        all => told(all),
    };
    Found::decide(all.is_empty(), "no operation on the device", got).shown_by(numbers(&all))
}

fn honest(scene: &Scene, act: &Act) -> Found {
    let expected = "no end, unless what was refused has been written anew";
    let all = operations(scene, act);
    let refused = all.iter().position(|operation| {
        operation.code == Code::PUT && operation.answer.is_some_and(Code::is_error)
    });
    let Some(refused) = refused else {
        let got = format!("the device refused no write: {}", told(&all));
        return Found::inconclusive(expected, got).shown_by(numbers(&all));
    };
    let path = all[refused].path.unwrap_or(Path::ROOT);
    let after = &all[refused + 1..];
    let repaired = after.iter().position(|operation| {
        let covers = operation
            .path
            .is_some_and(|own| path.is_within(own) || own.is_within(path));
        operation.code == Code::PUT && operation.is_taken() && covers
    });
    let end = after.iter().position(Operation::is_end);
    let holds = match (end, repaired) {
        (None, _) => true,
        (Some(end), Some(repaired)) => repaired < end,
        (Some(_), None) => false,
    };
    // That a failure is shown to an operator is lawful as well; only what the device is told can be seen.
    let found = Found::decide(holds, expected, told(&all)).advisory();
    found.shown_by(numbers(&all))
}

fn unmixed(scene: &Scene, alone: &[Act; 2], together: &[Act; 2]) -> Found {
    let expected = "each device given what is its own";
    let given = |act: &Act| Given::by(&operations(scene, act));
    let [one, other] = alone.each_ref().map(given);
    let [now, now_other] = together.each_ref().map(given);
    let shown: Vec<u64> = together
        .iter()
        .flat_map(|act| operations(scene, act))
        .map(|operation| operation.number)
        .collect();
    let all = [&one, &other, &now, &now_other];
    if all.iter().any(|given| given.values.is_empty()) {
        let got = "a device was given nothing";
        return Found::inconclusive(expected, got).shown_by(shown);
    }
    // What else differs may differ each time: which of several servers, how long a life.
    let paths = one.values.keys().chain(other.values.keys());
    let differing: Vec<&Path> = paths
        .filter(|path| account::is_secret(path))
        .filter(|path| one.values.get(path) != other.values.get(path))
        .collect();
    if differing.is_empty() {
        let got = "both devices are given the same identities and keys, also one after the other";
        return Found::inconclusive(expected, got).shown_by(shown);
    }
    // A server may make new keys each time; what is wrong is what belongs to the other.
    let foreign = |got: &Given, of: &Given, path: &Path| -> Option<Value> {
        let value = of.values.get(path)?;
        (got.values.get(path) == Some(value)).then(|| value.clone())
    };
    let mixed = differing.iter().find(|path| {
        foreign(&now, &other, path).is_some()
            || foreign(&now_other, &one, path).is_some()
            || foreign(&now, &now_other, path).is_some()
    });
    let got = match mixed {
        Some(path) => format!("{path} is what the other device has"),
        None => format!(
            "each its own, which differs in {} identities or keys",
            differing.len()
        ),
    };
    Found::decide(mixed.is_none(), expected, got).shown_by(shown)
}

/// What the device sent and got within an act.
fn is_theirs(datagram: &Datagram, act: &Act) -> bool {
    datagram.from == SUT && datagram.to == act.party
}
