//! The invariants, by the digest's numbers.

use super::drive::{Outcome, Seen, Step};
use super::model::{Command, Model};

/// An invariant.
pub struct Invariant {
    /// Its number.
    pub id: &'static str,
    /// What it says, in our words.
    pub says: &'static str,
    /// What the profile has to offer for it to be checked; none if nothing.
    pub needs: Option<&'static str>,
    /// How a step is looked at; none where the driver itself notices.
    pub broken: Option<fn(&Step<'_>) -> Option<String>>,
}

/// Invariants that command sequences do not check, and why not.
pub const BEYOND: &[(&str, &str)] = &[
    ("I23", SUBSCRIBE),
    ("I24", SUBSCRIBE),
    ("I25", SUBSCRIBE),
    ("I28", "no command sends elements that no type has"),
    (
        "I32",
        "sequences have devices of one operator only; the scenarios of HLF-IC-005 and HLF-IC-007 judge it",
    ),
    ("I33", SUBSCRIBE),
    ("I34", SUBSCRIBE),
];

const SUBSCRIBE: &str =
    "no command subscribes to changes; the scenarios of HLF-PD-007 and HLF-SD-008 judge it";

macro_rules! invariants {
    ($($id:literal $says:literal $(needs $needs:literal)? $(by $broken:expr)?;)+) => {
        /// All that are checked by command sequences.
        pub const ALL: &[Invariant] = &[$(
            Invariant {
                id: $id,
                says: $says,
                needs: invariants!(@option $($needs)?),
                broken: invariants!(@option $($broken)?),
            }
        ),+];
    };
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
}

invariants! {
    "I0" "what nothing forbids is accepted";
    "I1" "a device is secondary in at most one relationship" by one_primary;
    "I2" "no device is primary in one relationship and secondary in another" by no_mixture;
    "I3" "no device is twinned with itself" by no_self;
    "I4" "a pair is twinned at most once" by no_double;
    "I5" "a code makes at most one relationship";
    "I6" "no code works after its time" needs "twinning.advance_clock";
    "I7" "the secondary is the device that asked for the code" by right_secondary;
    "I8" "live codes are distinct" by distinct_codes;
    "I9" "what is refused changes nothing" by refusal_changes_nothing;
    "I13" "switching to what it is already changes nothing" by repetition_changes_nothing;
    "I10" "switching changes the status and nothing else" by toggle_changes_status_only;
    "I11" "the status is the last one that was accepted" by last_status;
    "I12" "both sides agree on the status" by sides_agree;
    "I14" "a twinning is pending exactly while it has no peer and is a secondary's" by pending_is_alone;
    "I15" "each side names the other, and only once activated" by mutual_peers;
    "I16" "only a twinned secondary sees an authorization code" by auth_code_place;
    "I17" "deactivation removes one relationship, and its URLs are gone for good";
    "I18" "a secondary's twinning token dies with its relationship" needs "twinning.authorization";
    "I19" "a device whose twinning has ended is free again";
    "I20" "a list shows exactly the device's relationships" by list_is_exact;
    "I21" "every relationship has a name" by named;
    "I22" "a twinning shows its device's own address, and its URL leads to itself" by own_address;
    "I26" "a restart changes nothing" needs "twinning.restart" by restart_changes_nothing;
    "I27" "JSON and XML show the same";
    "I29" "reading changes nothing" by reading_changes_nothing;
    "I30" "a stranger sees neither twinning nor secret";
    "I31" "of two activations with one code exactly one succeeds, and a race ends in one order or the other";
}

fn all(after: &[Vec<Seen>]) -> impl Iterator<Item = (usize, &Seen)> {
    after
        .iter()
        .enumerate()
        .flat_map(|(device, seen)| seen.iter().map(move |s| (device, s)))
}

fn one_primary(step: &Step<'_>) -> Option<String> {
    step.after.iter().enumerate().find_map(|(device, seen)| {
        let peers = seen
            .iter()
            .filter(|s| s.is_secondary() && !s.is_pending())
            .count();
        (peers > 1).then(|| format!("device {device} is secondary in {peers} relationships"))
    })
}

fn no_mixture(step: &Step<'_>) -> Option<String> {
    step.after.iter().enumerate().find_map(|(device, seen)| {
        let primary = seen.iter().any(Seen::is_primary);
        let secondary = seen.iter().any(|s| s.is_secondary() && !s.is_pending());
        (primary && secondary).then(|| format!("device {device} is primary and secondary"))
    })
}

fn no_self(step: &Step<'_>) -> Option<String> {
    all(step.after)
        .find(|(device, seen)| seen.other == Some(*device))
        .map(|(device, _)| format!("device {device} is its own peer"))
}

fn no_double(step: &Step<'_>) -> Option<String> {
    step.after.iter().enumerate().find_map(|(device, seen)| {
        let peers: Vec<_> = seen
            .iter()
            .filter(|s| s.is_primary())
            .filter_map(|s| s.other)
            .collect();
        let twice = peers
            .iter()
            .find(|peer| peers.iter().filter(|p| p == peer).count() > 1)?;
        Some(format!("devices {device} and {twice} are twinned twice"))
    })
}

fn right_secondary(step: &Step<'_>) -> Option<String> {
    let (Command::Activate { by, code_of, .. }, Outcome::Accepted) = (step.command, step.outcome)
    else {
        return None;
    };
    let (by, owner) = (step.model.device(by), step.model.device(code_of));
    let found = step.after[by]
        .iter()
        .any(|s| s.is_primary() && s.other == Some(owner));
    (!found).then(|| {
        format!("device {by} activated with device {owner}'s code and is not twinned with it")
    })
}

fn distinct_codes(step: &Step<'_>) -> Option<String> {
    let codes: Vec<_> = all(step.after)
        .filter_map(|(_, s)| s.code.as_ref())
        .collect();
    let twice = codes
        .iter()
        .find(|code| codes.iter().filter(|c| c == code).count() > 1)?;
    Some(format!("two devices hold the same live code {twice}"))
}

fn refusal_changes_nothing(step: &Step<'_>) -> Option<String> {
    (step.outcome == Outcome::Refused)
        .then(|| changed(step.before, step.after))
        .flatten()
}

fn repetition_changes_nothing(step: &Step<'_>) -> Option<String> {
    step.repeats
        .then(|| changed(step.before, step.after))
        .flatten()
}

fn restart_changes_nothing(step: &Step<'_>) -> Option<String> {
    (step.command == Command::Restart)
        .then(|| changed(step.before, step.after))
        .flatten()
}

fn reading_changes_nothing(step: &Step<'_>) -> Option<String> {
    matches!(step.command, Command::OtherFormat { .. })
        .then(|| changed(step.before, step.after))
        .flatten()
}

fn changed(before: &[Vec<Seen>], after: &[Vec<Seen>]) -> Option<String> {
    let device = before
        .iter()
        .zip(after)
        .position(|(before, after)| before != after)?;
    Some(format!(
        "device {device} saw {:?} before and {:?} after",
        before[device], after[device]
    ))
}

fn toggle_changes_status_only(step: &Step<'_>) -> Option<String> {
    let Command::Toggle { .. } = step.command else {
        return None;
    };
    let without_status = |seen: &[Vec<Seen>]| -> Vec<Vec<Seen>> {
        seen.iter()
            .map(|seen| {
                seen.iter()
                    .map(|s| Seen {
                        status: String::new(),
                        ..s.clone()
                    })
                    .collect()
            })
            .collect()
    };
    changed(&without_status(step.before), &without_status(step.after))
}

fn last_status(step: &Step<'_>) -> Option<String> {
    step.model.relations().iter().find_map(|relation| {
        let seen = step.after[relation.primary]
            .iter()
            .find(|s| s.other == Some(relation.secondary))?;
        (seen.is_on() != relation.on).then(|| {
            let (p, s) = (relation.primary, relation.secondary);
            format!(
                "devices {p} and {s} were last switched {}, and it is {}",
                on_off(relation.on),
                seen.status
            )
        })
    })
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn sides_agree(step: &Step<'_>) -> Option<String> {
    step.model.relations().iter().find_map(|relation| {
        let (p, s) = (relation.primary, relation.secondary);
        let one = step.after[p].iter().find(|seen| seen.other == Some(s))?;
        let other = step.after[s].iter().find(|seen| seen.other == Some(p))?;
        (one.status != other.status).then(|| {
            format!(
                "device {p} sees {}, device {s} sees {}",
                one.status, other.status
            )
        })
    })
}

fn pending_is_alone(step: &Step<'_>) -> Option<String> {
    all(step.after).find_map(|(device, seen)| {
        let alone = seen.other.is_none();
        let lawful = seen.is_pending() == alone && (!seen.is_pending() || seen.is_secondary());
        (!lawful).then(|| format!("device {device} has {seen:?}"))
    })
}

fn mutual_peers(step: &Step<'_>) -> Option<String> {
    all(step.after).find_map(|(device, seen)| {
        let peer = seen.other?;
        let back = step
            .after
            .get(peer)?
            .iter()
            .any(|s| s.other == Some(device));
        (!back).then(|| format!("device {device} names device {peer}, which does not name it"))
    })
}

fn auth_code_place(step: &Step<'_>) -> Option<String> {
    all(step.after)
        .find(|(_, seen)| seen.auth_code && !seen.is_secondary())
        .map(|(device, _)| {
            format!("device {device} is no secondary and sees an authorization code")
        })
}

fn list_is_exact(step: &Step<'_>) -> Option<String> {
    (0..step.after.len()).find_map(|device| device_list(step.model, device, &step.after[device]))
}

fn device_list(model: &Model, device: usize, seen: &[Seen]) -> Option<String> {
    let mut expected: Vec<_> = model
        .relations()
        .iter()
        .filter(|r| r.primary == device || r.secondary == device)
        .map(|r| {
            if r.primary == device {
                (true, r.secondary)
            } else {
                (false, r.primary)
            }
        })
        .collect();
    let mut got: Vec<_> = seen
        .iter()
        .filter_map(|s| Some((s.is_primary(), s.other?)))
        .collect();
    expected.sort_unstable();
    got.sort_unstable();
    let pending = seen.iter().filter(|s| s.is_pending()).count();
    let lawful_pending = match (model.is_pending(device), model.may_have_vanished(device)) {
        (true, false) => pending == 1,
        (true, true) => pending <= 1,
        (false, _) => pending == 0 || !expected.is_empty(),
    };
    if expected != got {
        return Some(format!(
            "device {device} should list peers {expected:?} and lists {got:?}"
        ));
    }
    (!lawful_pending).then(|| {
        let should = if model.is_pending(device) {
            "one pending twinning"
        } else {
            "none pending"
        };
        format!("device {device} should list {should} and lists {pending}")
    })
}

fn named(step: &Step<'_>) -> Option<String> {
    all(step.after)
        .find(|(_, seen)| seen.is_primary() && seen.name.is_empty())
        .map(|(device, _)| format!("device {device} has a twinning without a name"))
}

fn own_address(step: &Step<'_>) -> Option<String> {
    all(step.after)
        .find(|(device, seen)| seen.own != Some(*device))
        .map(|(device, seen)| {
            format!("device {device} has a twinning whose own address is another's: {seen:?}")
        })
}
