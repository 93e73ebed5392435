//! States: what a twinning is, who has a part in it, and when it ends.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{self as facts, Cause, Rules, Standard};
use twinproof_twinning::message::{Role, Status};

use super::damage::{faulty, says, spoilt};
use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant] = mutants! {
    "any-status-is-off" "takes a status that does not exist for Off" breaks "HLF-PD-002"
    also breaks {
        "HLF-PD-007", "HLF-SD-008" because "a status that is taken is news",
    }
    caught by {
        "twinning/primary-device/unknown-status" "twinning/refused",
        "twinning/primary-device/unknown-status" "twinning/unchanged",
    }
    fn status_asked(&self, f: facts::StatusFacts<'_>) -> Option<Status> { f.named.or(Some(Status::Off)) }

    "starts-on" "lets a secondary begin with the status that it asks for" breaks "CR-N5"
    caught by { "twinning/change-request/claimed-status-is-not-kept" "twinning/list-has-none" }
    fn initial_status(&self, f: facts::CreationFacts) -> Status {
        f.asked.unwrap_or_else(|| Standard.initial_status(f))
    }

    "secondary-starts-on" "shows a secondary as On before anybody has activated" breaks "CR-N5"
    also breaks {
        "CR-N1", "CR-N4", "CR-N6", "HLF-PD-001", "HLF-SD-001", "HLF-SD-005", "HLF-SD-006",
        "HLF-SD-007", "HLF-TE-008"
        because "a secondary that does not begin as Pending is seen wherever it waits",
        "HLF-PD-006"
        because "and who is refused for want of room goes on waiting",
    }
    caught by {
        "twinning/change-request/claimed-status-is-not-kept" "twinning/list-has-none",
        "twinning/change-request/starts-pending" "twinning/shows-status",
    }
    fn initial_status(&self, _f: facts::CreationFacts) -> Status { Status::On }

    "primary-starts-off" "shows a primary as Off after its activation" breaks "CR-N6"
    also breaks {
        "CR-N4", "CR-N8", "HLF-CM-002", "HLF-CM-003", "HLF-CM-004", "HLF-IC-001",
        "HLF-IC-005", "HLF-IC-007", "HLF-PD-002", "HLF-PD-003", "HLF-PD-004", "HLF-PD-006",
        "HLF-SD-003", "HLF-SD-007", "HLF-SD-008", "HLF-TE-001", "HLF-TE-009"
        because "the status after the activation is what these begin with or end in",
    }
    caught by {
        "twinning/change-request/primary-is-on" "twinning/shows-status",
        "twinning/primary-device/activates" "twinning/shows-status",
        "twinning/primary-device/activates" "twinning/list-shows",
    }
    fn initial_status(&self, f: facts::CreationFacts) -> Status {
        match f.role { Role::Primary => Status::Off, Role::Secondary => Status::Pending }
    }

    "secondary-stays-pending" "leaves the secondary Pending after its code was used" breaks "CR-N7"
    also breaks {
        "CR-N4", "CR-N9", "HLF-CM-002", "HLF-CM-004", "HLF-IC-001", "HLF-IC-003",
        "HLF-PD-002", "HLF-PD-006", "HLF-SD-003", "HLF-SD-006", "HLF-TE-008", "HLF-TE-009",
        "OAU-002"
        because "a secondary that stays Pending does not count as twinned anywhere",
    }
    caught by { "twinning/change-request/secondary-turns-on" "twinning/shows-status" }
    fn status_once_activated(&self, f: facts::ToggleFacts) -> Status { f.from }

    "pending-may-be-switched" "lets a pending secondary switch itself on" breaks "CR-N7"
    also breaks {
        "HLF-SD-005" because "a secondary that switches itself on needs no activation for its access",
    }
    caught by {
        "twinning/secondary-device/pending-cannot-toggle" "twinning/refused",
        "twinning/secondary-device/pending-cannot-toggle" "twinning/unchanged",
    }
    fn update_veto(&self, f: facts::UpdateFacts) -> Option<&'static str> { f.foreign }

    "primary-becomes-secondary" "lets a primary become a secondary" breaks "HLF-TE-008"
    caught by {
        "twinning/enabler/code-from-before-the-first-twinning" "twinning/refused",
        "twinning/enabler/code-from-before-the-first-twinning" "twinning/list-counts",
        "twinning/enabler/primary-cannot-become-secondary" "twinning/list-counts",
        "twinning/enabler/primary-is-given-no-code" "twinning/refused",
    }
    fn may_request_code(&self, f: facts::PartyFacts) -> bool { f.as_secondary == 0 }
    fn may_become_secondary(&self, f: facts::PartyFacts) -> bool { f.as_secondary == 0 }

    "secondary-becomes-primary" "lets a secondary become a primary" breaks "HLF-TE-008"
    caught by {
        "twinning/enabler/code-survives-a-refused-device" "twinning/accepted",
        "twinning/enabler/secondary-cannot-become-primary" "twinning/refused",
        "twinning/enabler/secondary-cannot-become-primary" "twinning/unchanged",
    }
    fn may_activate(&self, _f: facts::PartyFacts) -> bool { true }

    "two-primaries" "lets a secondary be twinned with two primaries" breaks "HLF-TE-009"
    caught by {
        "twinning/enabler/no-second-twinning" "twinning/list-counts",
        "twinning/enabler/twinned-secondary-is-given-no-code" "twinning/refused",
        "twinning/enabler/twinned-secondary-is-given-no-code" "twinning/unchanged",
    }
    fn may_request_code(&self, f: facts::PartyFacts) -> bool { f.as_primary == 0 }
    fn may_become_secondary(&self, f: facts::PartyFacts) -> bool { f.as_primary == 0 }

    "one-secondary-only" "lets a primary have a single secondary" breaks "HLF-PD-006"
    caught by { "twinning/primary-device/several-secondaries" "twinning/created" }
    fn has_room(&self, f: facts::RoomFacts) -> bool { f.secondaries == 0 }

    "no-limit" "lets a primary have more secondaries than it may" breaks "HLF-PD-006"
    caught by {
        "twinning/primary-device/no-more-than-allowed" "twinning/refused",
        "twinning/primary-device/no-more-than-allowed" "twinning/unchanged",
        "twinning/primary-device/no-more-than-allowed" "twinning/shows-status",
    }
    fn has_room(&self, _f: facts::RoomFacts) -> bool { true }

    "blind-abroad" "does not count twinnings with devices of other operators" breaks "HLF-TE-008"
    caught by {
        "twinning/inter-operator/primary-of-a-device-abroad" "twinning/list-counts",
        "twinning/inter-operator/secondary-of-a-primary-abroad" "twinning/list-counts",
    }
    fn may_request_code(&self, f: facts::PartyFacts) -> bool { f.as_primary + f.as_secondary == f.abroad }
    fn may_become_secondary(&self, f: facts::PartyFacts) -> bool { f.as_primary + f.as_secondary == f.abroad }

    "back-to-pending" "lets a device set its twinning back to pending" breaks "HLF-PD-002"
    caught by {
        "twinning/primary-device/not-back-to-pending" "twinning/refused",
        "twinning/primary-device/not-back-to-pending" "twinning/shows-status",
        "twinning/primary-device/not-back-to-pending" "twinning/unchanged",
    }
    fn update_veto(&self, f: facts::UpdateFacts) -> Option<&'static str> {
        match f.to {
            Some(Status::Pending) => f.foreign,
            _ => Standard.update_veto(f),
        }
    }

    "former-partners-refused" "lets nobody be twinned again" breaks "HLF-TE-009"
    also breaks {
        "HLF-SD-007" because "pairing again is what the end of a twinning is to make possible",
    }
    caught by {
        "twinning/enabler/free-for-another-primary" "twinning/accepted",
        "twinning/enabler/free-for-another-primary" "twinning/list-shows",
    }
    fn may_become_secondary(&self, f: facts::PartyFacts) -> bool { f.ended == 0 && Standard.may_become_secondary(f) }

    "toggle-here-only" "switches only the side that asks" breaks "HLF-PD-002"
    also breaks {
        "CR-N8", "CR-N9", "HLF-CM-001", "HLF-CM-005", "HLF-IC-005", "HLF-IC-007",
        "HLF-PD-001", "HLF-PD-006", "HLF-PD-007", "HLF-SD-001", "HLF-SD-003", "HLF-SD-004",
        "HLF-SD-005", "HLF-SD-006", "HLF-SD-008", "HLF-TE-005"
        because "the other side, its subscribers and its operator are told what the other side has become",
        "HLF-CM-006", "HLF-TE-001"
        because "what a stranger or a restart left as it was is seen by a switch",
    }
    caught by {
        "twinning/primary-device/toggles" "twinning/shows-status",
        "twinning/primary-device/toggles-in-xml" "twinning/shows-status",
    }
    fn status_there(&self, f: facts::ToggleFacts) -> Status { f.from }

    "toggle-there-only" "switches only the other side" breaks "HLF-PD-002"
    also breaks {
        "CR-N8", "HLF-CM-001", "HLF-CM-005", "HLF-IC-005", "HLF-PD-001", "HLF-PD-003",
        "HLF-PD-006", "HLF-PD-007", "HLF-SD-001", "HLF-SD-003", "HLF-SD-004", "HLF-SD-005",
        "HLF-SD-008", "HLF-TE-005"
        because "the side that switches shows its old status to all who read it or are told of it",
        "HLF-TE-001"
        because "what a restart left as it was is seen by a switch",
    }
    caught by {
        "twinning/primary-device/toggles" "twinning/shows-status",
        "twinning/primary-device/toggles-in-xml" "twinning/shows-status",
    }
    fn status_here(&self, f: facts::ToggleFacts) -> Status { f.from }

    "secondary-cannot-toggle" "says yes to a secondary that switches, and does nothing" breaks "HLF-SD-004"
    also breaks {
        "HLF-CM-005", "HLF-IC-005", "HLF-IC-007", "HLF-PD-007"
        because "these are seen by a switch of the secondary",
        "HLF-CM-006"
        because "so is a wish that no stranger could withdraw",
    }
    caught by {
        "twinning/secondary-device/toggles" "twinning/shows-status",
        "twinning/secondary-device/toggles-in-xml" "twinning/shows-status",
    }
    fn status_here(&self, f: facts::ToggleFacts) -> Status {
        if f.by == Role::Secondary { f.from } else { f.to }
    }
    fn status_there(&self, f: facts::ToggleFacts) -> Status {
        if f.by == Role::Secondary { f.from } else { f.to }
    }

    "repeated-toggle-flips" "switches off what is switched on twice" breaks "HLF-PD-002"
    caught by {
        "twinning/primary-device/switching-on-twice" "twinning/shows-status",
        "twinning/primary-device/switching-on-twice" "twinning/unchanged",
    }
    fn status_here(&self, f: facts::ToggleFacts) -> Status {
        if f.from == f.to && f.to == Status::On { Status::Off } else { f.to }
    }

    "toggle-on-faults" "breaks down over switching on, though it carries it out" breaks "HLF-TE-003"
    also breaks {
        "CR-N8", "HLF-CM-001", "HLF-CM-006", "HLF-IC-005", "HLF-PD-005"
        because "these switch on as a part of what they show",
        "HLF-IC-001"
        because "a twinning across networks is begun and completed by the partner's requests, these among them",
    }
    caught by {
        "twinning/enabler/off-keeps-the-twinning" "twinning/accepted",
        "twinning/primary-device/toggles" "twinning/accepted",
        "twinning/secondary-device/toggles" "twinning/accepted",
    }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.method == "PUT" && says(f, "On") && r.is_success() { Response::new(500) } else { r }
    }

    "toggle-changes-others" "switches all twinnings off with one" breaks "HLF-PD-006"
    also breaks {
        "HLF-PD-007" because "whose twinning is off already cannot be heard switching it off",
    }
    caught by {
        "twinning/primary-device/several-secondaries" "twinning/list-shows",
        "twinning/primary-device/several-secondaries" "twinning/shows-status",
    }
    fn status_kept(&self, f: facts::KeptFacts<'_>) -> Status { spoilt(f, !f.refused && f.method == "PUT") }

    "toggle-terminates" "ends the twinning when it is switched off" breaks "HLF-TE-003"
    also breaks {
        "CR-N8", "CR-N9", "HLF-CM-001", "HLF-CM-005", "HLF-IC-005", "HLF-PD-001",
        "HLF-PD-003", "HLF-PD-005", "HLF-PD-006", "HLF-PD-007", "HLF-SD-001", "HLF-SD-003",
        "HLF-SD-005", "HLF-SD-006", "HLF-SD-008", "HLF-TE-002", "HLF-TE-005"
        because "a twinning that Off ends cannot be read, told of or switched again",
        "HLF-TE-001"
        because "what a restart left as it was is seen by a switch",
    }
    caught by {
        "twinning/enabler/off-keeps-the-twinning" "twinning/shows-status",
        "twinning/enabler/off-keeps-the-twinning" "twinning/shows-partner",
    }
    fn side_ends(&self, f: facts::EndFacts) -> bool {
        f.cause != Cause::Toggle(Status::On)
    }

    "ends-one-side" "ends only the side of the device that asks" breaks "HLF-TE-004"
    also breaks {
        "CR-N10", "HLF-CM-001", "HLF-SD-004", "HLF-TE-005" because "these end a twinning first",
    }
    caught by {
        "twinning/enabler/end-by-primary" "twinning/gone",
        "twinning/enabler/end-by-primary" "twinning/list-counts",
        "twinning/enabler/end-by-secondary" "twinning/gone",
        "twinning/enabler/end-by-secondary" "twinning/refused",
    }
    fn side_ends(&self, f: facts::EndFacts) -> bool { f.cause == Cause::Deactivation && f.own }

    "nothing-ends" "says yes to a deactivation and keeps the twinning" breaks "HLF-TE-004"
    also breaks {
        "CR-N10", "HLF-CM-001", "HLF-PD-005", "HLF-SD-004", "HLF-TE-005", "HLF-TE-008"
        because "these end a twinning first",
    }
    caught by {
        "twinning/enabler/end-by-primary" "twinning/gone",
        "twinning/enabler/end-by-primary" "twinning/refused",
        "twinning/enabler/end-by-secondary" "twinning/gone",
        "twinning/enabler/end-by-secondary" "twinning/refused",
    }
    fn side_ends(&self, _f: facts::EndFacts) -> bool { false }

    "ended-again-is-fine" "says yes to ending what has ended" breaks "HLF-PD-004"
    caught by { "twinning/primary-device/ends-only-once" "twinning/refused" }
    fn missing(&self, f: facts::MissingFacts<'_>) -> u16 {
        if f.existed && f.method == "DELETE" { 204 } else { 404 }
    }

    "secondary-ends-again" "says yes to a former secondary that ends once more" breaks "HLF-SD-007"
    also breaks {
        "HLF-PD-004" because "a second end is only reached by a token that outlives the first",
    }
    caught by {
        "twinning/secondary-device/ends" "twinning/refused",
        "twinning/secondary-device/ends-only-once" "twinning/refused",
    }
    fn token_ends(&self, _f: facts::TokenEndFacts) -> bool { false }
    fn missing(&self, f: facts::MissingFacts<'_>) -> u16 {
        if f.existed && f.method == "DELETE" { 204 } else { 404 }
    }

    "deletion-faults" "breaks down over each deletion, though it carries it out" breaks "HLF-TE-004"
    also breaks {
        "HLF-CM-001", "HLF-CM-005", "HLF-CM-006", "HLF-PD-005", "HLF-SD-005", "OAU-002"
        because "these end a twinning as a part of what they show",
    }
    caught by {
        "twinning/enabler/end-by-primary" "twinning/accepted",
        "twinning/enabler/end-by-secondary" "twinning/accepted",
        "twinning/common/proper-credentials-open" "twinning/accepted",
    }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.method == "DELETE" && r.is_success() { Response::new(500) } else { r }
    }

    "end-changes-others" "switches other twinnings off when one ends" breaks "HLF-PD-004"
    also breaks {
        "HLF-PD-007", "HLF-SD-007"
        because "the other twinnings of a primary are to stay as they are, whichever ends",
    }
    caught by {
        "twinning/primary-device/ends-one-of-two" "twinning/list-shows",
        "twinning/primary-device/ends-one-of-two" "twinning/unchanged",
    }
    fn status_kept(&self, f: facts::KeptFacts<'_>) -> Status { spoilt(f, !f.refused && f.method == "DELETE") }

    "refused-activation-changes" "switches twinnings off when it refuses a new one" breaks "HLF-PD-001"
    also breaks {
        "HLF-CM-006", "HLF-SD-001", "HLF-TE-005", "HLF-TE-008", "HLF-TE-009", "OAU-002"
        because "each of these refuses a new twinning and says that nothing has changed by it",
        "HLF-PD-006"
        because "so does the limit of a primary",
    }
    caught by {
        "twinning/primary-device/activation-needs-code" "twinning/unchanged",
        "twinning/primary-device/activation-needs-code" "twinning/shows-status",
        "twinning/primary-device/activation-needs-right-code" "twinning/unchanged",
        "twinning/primary-device/activation-needs-right-code" "twinning/shows-status",
    }
    fn status_kept(&self, f: facts::KeptFacts<'_>) -> Status { spoilt(f, f.refused && f.method == "POST") }

    "refused-change-changes" "switches twinnings off when it refuses to switch one" breaks "HLF-PD-002"
    also breaks {
        "CR-N1", "CR-N11", "CR-N12", "CR-N2", "CR-N7", "CR-N8", "HLF-CM-001", "HLF-CM-006",
        "HLF-IC-005", "HLF-PD-007", "HLF-SD-004", "HLF-SD-005", "HLF-SD-008", "OAU-002"
        because "each of these refuses a change and says that nothing has changed by it",
    }
    caught by {
        "twinning/primary-device/nobody-toggles-without-credential" "twinning/unchanged",
        "twinning/primary-device/stranger-cannot-toggle" "twinning/unchanged",
        "twinning/primary-device/unknown-status" "twinning/unchanged",
    }
    fn status_kept(&self, f: facts::KeptFacts<'_>) -> Status { spoilt(f, f.refused && f.method == "PUT") }

    "refused-deletion-changes" "switches twinnings off when it refuses to end one" breaks "HLF-PD-004"
    also breaks {
        "HLF-CM-001", "HLF-CM-006", "HLF-SD-007", "OAU-002"
        because "each of these refuses an end and says that nothing has changed by it",
    }
    caught by {
        "twinning/primary-device/ends-only-once" "twinning/unchanged",
        "twinning/primary-device/stranger-cannot-end" "twinning/unchanged",
    }
    fn status_kept(&self, f: facts::KeptFacts<'_>) -> Status { spoilt(f, f.refused && f.method == "DELETE") }

    "refused-reading-changes" "switches twinnings off when it refuses to show one" breaks "HLF-PD-003"
    also breaks {
        "HLF-SD-006", "HLF-SD-007"
        because "each of these refuses a reading and says that nothing has changed by it",
    }
    caught by { "twinning/primary-device/stranger-cannot-list" "twinning/unchanged" }
    fn status_kept(&self, f: facts::KeptFacts<'_>) -> Status { spoilt(f, f.refused && f.method == "GET") }

    "associations-lost" "forgets all twinnings when it is restarted" breaks "HLF-TE-001"
    also breaks {
        "HLF-TE-002" because "the status of a twinning that is lost is lost with it",
    }
    caught by {
        "twinning/enabler/survives-restart" "twinning/unchanged",
        "twinning/enabler/survives-restart" "twinning/list-shows",
    }
    fn is_stored(&self, f: facts::StoreFacts<'_>) -> bool { f.kind != "side" }

    "end-not-persisted" "brings back what has ended when it is restarted" breaks "HLF-TE-004"
    caught by {
        "twinning/enabler/end-survives-restart" "twinning/gone",
        "twinning/enabler/end-survives-restart" "twinning/list-counts",
    }
    fn is_stored(&self, f: facts::StoreFacts<'_>) -> bool {
        !(f.kind == "side" && f.method == "DELETE")
    }

    "status-not-persisted" "forgets the last status when it is restarted" breaks "HLF-TE-002"
    caught by {
        "twinning/enabler/primarys-off-survives-restart" "twinning/shows-status",
        "twinning/enabler/secondarys-off-survives-restart" "twinning/shows-status",
    }
    fn is_stored(&self, f: facts::StoreFacts<'_>) -> bool {
        !(f.kind == "side" && f.method == "PUT")
    }

    "status-claim-faults" "breaks down where a new device claims a status" breaks "CR-N5"
    caught by { "twinning/change-request/claimed-status-is-not-kept" "twinning/decided" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.method == "POST" { faulty(r, f, "twinningStatus") } else { r }
    }
};
