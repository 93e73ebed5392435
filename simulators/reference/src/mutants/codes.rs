//! Codes: activation codes and what is said of them.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{self as facts, Cause, Rules, View};
use twinproof_twinning::message::{ActivationCode, Role, Twinning};

use super::damage::{faulty, says, without};
use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant] = mutants! {
    "code-reusable" "accepts an activation code that was used before" breaks "HLF-TE-005"
    caught by {
        "twinning/enabler/code-works-once" "twinning/refused",
        "twinning/enabler/code-works-once" "twinning/list-counts",
        "twinning/enabler/code-works-once-for-the-same-device" "twinning/refused",
        "twinning/enabler/code-works-once-for-the-same-device" "twinning/unchanged",
    }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { f.known && f.age < f.lifetime && !f.own }

    "code-never-expires" "accepts an activation code whose time is over" breaks "HLF-TE-005"
    caught by {
        "twinning/enabler/code-expires" "twinning/refused",
        "twinning/enabler/code-expires" "twinning/list-counts",
    }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { f.known && !f.used && !f.own }

    "code-expires-early" "lets an activation code die after half its time" breaks "HLF-TE-005"
    caught by {
        "twinning/enabler/code-lives-its-time" "twinning/accepted",
        "twinning/enabler/code-lives-its-time" "twinning/list-shows",
    }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool {
        f.known && !f.used && f.age * 2 < f.lifetime && !f.own
    }

    "code-comes-back" "lets a code work again when its twinning has ended" breaks "HLF-TE-005"
    also breaks {
        "CR-N10", "HLF-CM-001", "HLF-PD-004", "HLF-SD-004", "HLF-SD-007", "HLF-TE-004"
        because "a code comes back only if the end of its twinning leaves a side behind",
    }
    caught by {
        "twinning/enabler/used-code-stays-dead" "twinning/refused",
        "twinning/enabler/used-code-stays-dead" "twinning/list-counts",
    }
    fn side_ends(&self, f: facts::EndFacts) -> bool { f.cause == Cause::Deactivation && f.own }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { f.known && f.age < f.lifetime && !f.own }

    "own-code-accepted" "twins a device with itself" breaks "HLF-TE-008"
    caught by {
        "twinning/enabler/no-twinning-with-itself" "twinning/refused",
        "twinning/enabler/no-twinning-with-itself" "twinning/unchanged",
    }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { f.known && !f.used && f.age < f.lifetime }

    "code-adopted" "adopts the activation code that the client proposes" breaks "CR-N3"
    caught by { "twinning/change-request/proposed-code-is-not-adopted" "twinning/code-not-adopted" }
    fn code(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }

    "code-always-the-same" "gives every device the same activation code" breaks "CR-N3"
    also breaks {
        "HLF-PD-006" because "of several secondaries with one code only the last is reached",
    }
    caught by { "twinning/change-request/codes-differ" "twinning/codes-differ" }
    fn code(&self, _f: facts::Proposal<'_>) -> Option<String> { Some("000000".to_owned()) }

    "code-missing" "leaves the activation code out of its answer" breaks "CR-N4"
    also breaks {
        "CR-N3", "HLF-IC-002", "HLF-IC-003", "HLF-TE-006"
        because "a code is compared, or named after its operator, only where it is shown",
        "HLF-SD-002"
        because "that a code request was served is seen by its code",
    }
    caught by {
        "twinning/change-request/code-in-the-answer" "twinning/shows-code",
        "twinning/secondary-device/asks-for-code" "twinning/shows-code",
        "twinning/secondary-device/code-and-operator" "twinning/shows-code",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(code) = &mut t.activation_code { code.code = None; }
        t
    }

    "operator-missing" "leaves out which operator generated the code" breaks "HLF-SD-003"
    also breaks {
        "HLF-IC-002", "HLF-TE-006"
        because "that a code is of the right operator is seen by the operator beside it",
    }
    caught by { "twinning/secondary-device/code-and-operator" "twinning/shows-codes-operator" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(code) = &mut t.activation_code { code.mno_id = None; }
        t
    }

    "code-and-operator-in-one" "packs code and operator into one value" breaks "HLF-SD-003"
    also breaks {
        "CR-N12", "CR-N6", "CR-N7", "HLF-IC-001", "HLF-IC-002", "HLF-PD-001", "HLF-TE-006",
        "HLF-TE-007"
        because "nothing that a device types in as it was shown opens anything",
    }
    caught by {
        "twinning/secondary-device/code-and-operator" "twinning/shows-codes-operator",
        "twinning/secondary-device/code-and-operator" "twinning/accepted",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(code) = &mut t.activation_code {
            let operator = code.mno_id.take().unwrap_or_default();
            code.code = code.code.take().map(|c| format!("{operator}/{c}"));
        }
        t
    }

    "code-for-the-primary" "gives the primary an activation code as well" breaks "CR-N4"
    caught by { "twinning/change-request/no-code-for-the-primary" "twinning/brings-no-code" }
    fn shown(&self, mut t: Twinning, v: View) -> Twinning {
        if v == View::Created && t.role.as_deref() == Some("Primary") {
            t.activation_code = Some(ActivationCode { code: Some("987654".to_owned()), mno_id: None });
        }
        t
    }

    "reference-without-code" "answers a code request with a bare reference" breaks "CR-N4"
    also breaks {
        "CR-N12", "CR-N3", "CR-N5", "HLF-IC-002", "HLF-IC-003", "HLF-TE-006"
        because "neither code, status nor address is in a bare reference",
        "HLF-SD-002"
        because "that a code request was served is seen by its code",
    }
    caught by {
        "twinning/change-request/code-in-the-answer" "twinning/shows-code",
        "twinning/secondary-device/asks-for-code" "twinning/shows-code",
        "twinning/secondary-device/asks-for-code" "twinning/shows-role",
        "twinning/secondary-device/code-and-operator" "twinning/shows-code",
    }
    fn created_in_full(&self, _f: facts::CreatedFacts) -> bool { false }

    "any-role-is-secondary" "takes a role that does not exist for a secondary" breaks "HLF-SD-001"
    caught by {
        "twinning/secondary-device/no-code-for-unknown-role" "twinning/refused",
        "twinning/secondary-device/no-code-for-unknown-role" "twinning/unchanged",
        "twinning/secondary-device/no-code-without-role" "twinning/refused",
    }
    fn role_asked(&self, f: facts::RoleFacts<'_>) -> Option<Role> { f.named.or(Some(Role::Secondary)) }

    "code-claim-faults" "breaks down where a secondary proposes a code" breaks "CR-N3"
    also breaks {
        "HLF-SD-002" because "the operator that a request names stands in the same element",
    }
    caught by { "twinning/change-request/proposed-code-is-not-adopted" "twinning/decided" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if says(f, "Secondary") { faulty(r, f, "activationCode") } else { r }
    }

    "code-request-faults" "breaks down over each request for a code, though it serves it" breaks "HLF-SD-002"
    also breaks {
        "CR-N1", "CR-N10", "CR-N12", "CR-N3", "CR-N4", "CR-N5", "HLF-IC-003", "HLF-PD-001",
        "HLF-SD-001", "HLF-SD-003", "HLF-SD-005", "HLF-TE-005", "HLF-TE-006"
        because "every answer to a code request is a fault, whatever it should have shown",
    }
    caught by {
        "twinning/secondary-device/names-the-operator" "twinning/accepted",
        "twinning/secondary-device/asks-for-code" "twinning/created",
    }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if r.is_success() { faulty(r, f, "Secondary") } else { r }
    }

    "operator-refusal-faults" "breaks down where an operator is named that it does not know" breaks "HLF-SD-002"
    caught by {
        "twinning/secondary-device/names-an-unknown-operator" "twinning/own-code-or-refusal",
    }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if r.status >= 400 && says(f, "Secondary") { faulty(r, f, "mnoId") } else { r }
    }

    "location-missing" "does not say where a new twinning is" breaks "HLF-SD-001"
    caught by {
        "twinning/secondary-device/asks-for-code" "twinning/created",
        "twinning/secondary-device/asks-for-code-in-xml" "twinning/created",
        "twinning/use-case/wearable-twinned" "twinning/created",
    }
    fn sent(&self, r: Response, _f: facts::ResponseFacts<'_>) -> Response { without(r, "Location") }
};
