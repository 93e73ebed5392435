//! The invariants, by the digest's numbers.

use super::abroad::{no_echo, operators_agree};
use super::command::Command;
use super::drive::{Outcome, Step};
use super::model::Model;
use super::news::{over_is_over, says_which_wish, told_what_happened};
use super::seen::{List, Seen, Word};

/// An invariant.
pub struct Invariant {
    /// Its number.
    pub id: &'static str,
    /// What it says, in our words.
    pub says: &'static str,
    /// What the profile has to offer for it to be checked; none if nothing.
    pub needs: Option<&'static str>,
    /// The requirement that it follows from.
    pub rests_on: &'static str,
    /// It rests on sibling APIs alone: who breaks it is advised and does not fail.
    pub advice: bool,
    /// How a step is looked at; none where the driver itself notices.
    pub(super) broken: Option<fn(&Step<'_>) -> Option<String>>,
}

macro_rules! invariants {
    ($($id:literal $says:literal of $rests_on:literal $(advice $advice:literal)? $(needs $needs:literal)? $(by $broken:expr)?;)+) => {
        /// All of the digest's invariants, and what stands above them.
        pub const ALL: &[Invariant] = &[$(
            Invariant {
                id: $id,
                says: $says,
                needs: invariants!(@option $($needs)?),
                rests_on: $rests_on,
                advice: invariants!(@flag $($advice)?),
                broken: invariants!(@option $($broken)?),
            }
        ),+];
    };
    (@flag) => { false };
    (@flag $value:expr) => { $value };
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
}

invariants! {
    "I0" "what nothing forbids is accepted" of "HLF-PD-001";
    "I1" "a device is secondary in at most one relationship" of "HLF-TE-009" by one_primary;
    "I2" "no device is primary in one relationship and secondary in another" of "HLF-TE-008" by no_mixture;
    "I3" "no device is twinned with itself" of "HLF-TE-008" by no_self;
    "I4" "a pair is twinned at most once" of "HLF-TE-009" by no_double;
    "I5" "a code makes at most one relationship" of "HLF-TE-005";
    "I6" "no code works after its time" of "HLF-TE-005" needs "twinning.advance_clock";
    "I7" "the secondary is the device that asked for the code" of "HLF-PD-001" by right_secondary;
    "I8" "live codes are distinct" of "CR-N3" by distinct_codes;
    "I9" "what is refused changes nothing" of "HLF-PD-001" by refusal_changes_nothing;
    "I13" "switching to what it is already changes nothing" of "HLF-PD-002" by repetition_changes_nothing;
    "I10" "switching changes the status and nothing else" of "HLF-TE-003" by toggle_changes_status_only;
    "I11" "the status is the last one that was accepted" of "HLF-PD-002" by last_status;
    "I12" "both sides agree on the status" of "HLF-PD-002" by sides_agree;
    "I14" "a twinning is pending exactly while it has no peer and is a secondary's" of "CR-N5" by pending_is_alone;
    "I15" "each side names the other, and only once activated" of "CR-N1" by mutual_peers;
    "I16" "only a twinned secondary sees an authorization code" of "CR-N9" by auth_code_place;
    "I17" "deactivation removes one relationship, and its URLs are gone for good" of "HLF-TE-004";
    "I18" "a secondary's twinning token dies with its relationship" of "HLF-TE-004" needs "twinning.authorization";
    "I19" "a device whose twinning has ended is free again" of "HLF-TE-009";
    "I20" "a list shows exactly the device's relationships" of "HLF-PD-003" by list_is_exact;
    "I21" "every relationship has a name" of "HLF-TE-007" by named;
    "I22" "a twinning shows its device's own address, and its URL leads to itself" of "CR-N12" by own_address;
    "I24" "a notification says which wish it answers" of "HLF-PD-007" advice true needs "harness.advertise" by says_which_wish;
    "I25" "nobody is told on account of a wish that is over" of "HLF-PD-007" advice true needs "harness.advertise" by over_is_over;
    "I23" "who is switched is told, and nobody else" of "HLF-PD-007" needs "harness.advertise" by told_what_happened;
    "I26" "a restart changes nothing" of "HLF-TE-001" needs "twinning.restart" by restart_changes_nothing;
    "I27" "JSON and XML show the same" of "HLF-CM-001";
    "I28" "an element that nobody knows changes nothing" of "HLF-CM-003" advice true;
    "I29" "reading changes nothing" of "HLF-PD-003" by reading_changes_nothing;
    "I30" "a stranger sees neither twinning nor secret" of "HLF-CM-006";
    "I31" "of two activations with one code exactly one succeeds, and a race ends in one order or the other" of "HLF-TE-005";
    "I32" "both operators know the status, and none tells the other what it has from it" of "HLF-IC-005" needs "twinning.peer" by operators_differ;
    "I33" "a wish that is repeated is one wish" of "HLF-PD-007" advice true needs "harness.advertise";
    "I34" "what waits in a notification channel can be fetched" of "HLF-CM-005" needs "twinning.notification_channel";
}

/// Whether this invariant is about what devices see, so that where two acted at the same time no
/// order explains it.
pub(super) fn is_of_state(id: &str) -> bool {
    ["I11", "I12", "I14", "I15", "I20"].contains(&id)
}

/// Whether this invariant is but a recommendation.
pub(super) fn is_advice(id: &str) -> bool {
    ALL.iter()
        .any(|invariant| invariant.id == id && invariant.advice)
}

fn operators_differ(step: &Step<'_>) -> Option<String> {
    operators_agree(step).or_else(|| no_echo(step))
}

fn all(after: &[List]) -> impl Iterator<Item = (usize, &Seen)> {
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
    if step.outcome != Outcome::Accepted {
        return None;
    }
    let (by, code_of) = match step.command {
        Command::Activate { by, code_of, .. } => (step.model.device(by), code_of),
        Command::TakeUpFromAbroad { code_of } => (step.model.abroad(), code_of),
        _ => return None,
    };
    let owner = step.model.device(code_of);
    let of = |device: usize, other: usize| {
        let mut seen = step.after.get(device)?.iter();
        seen.find(|seen| seen.other == Some(other))
    };
    let found = match of(by, owner) {
        Some(seen) => seen.is_primary(),
        // What the other operator's device sees is not seen here.
        None => by == step.model.abroad() && of(owner, by).is_some_and(Seen::is_secondary),
    };
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

fn changed(before: &[List], after: &[List]) -> Option<String> {
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
    let without_status = |lists: &[List]| -> Vec<List> {
        lists
            .iter()
            .map(|list| {
                list.iter()
                    .map(|seen| Seen {
                        status: Word::Other(None),
                        ..seen.clone()
                    })
                    .collect()
            })
            .collect()
    };
    if step.before == step.after {
        return None;
    }
    changed(&without_status(step.before), &without_status(step.after))
}

fn last_status(step: &Step<'_>) -> Option<String> {
    step.model.relations().iter().find_map(|relation| {
        let of = |device: usize| {
            let mut seen = step.after.get(device)?.iter();
            seen.find(|seen| seen.other == Some(relation.peer_of(device)))
        };
        // One of them may be the other operator's.
        let seen = of(relation.primary).or_else(|| of(relation.secondary))?;
        (seen.is_on() != relation.on).then(|| {
            let (p, s) = (relation.primary, relation.secondary);
            format!(
                "devices {p} and {s} were last switched {}, and it is {:?}",
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
        let of = |device: usize| {
            let mut seen = step.after.get(device)?.iter();
            seen.find(|seen| seen.other == Some(relation.peer_of(device)))
        };
        let (one, other) = (of(p)?, of(s)?);
        (one.status != other.status).then(|| {
            format!(
                "device {p} sees {:?}, device {s} sees {:?}",
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
        .find(|(_, seen)| seen.auth_code.is_some() && !seen.is_secondary())
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
