//! Fields: what a twinning says, and what a list holds.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{self as facts, Rules, Standard, View};
use twinproof_twinning::message::{OtherDevice, Role, Status, Twinning};

use super::damage::faulty;
use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant] = mutants! {
    "address-adopted" "adopts the own address that the client proposes" breaks "CR-N12"
    caught by {
        "twinning/change-request/claimed-address-is-not-kept" "twinning/foreign-value-unseen",
        "twinning/change-request/claimed-address-of-an-activation-is-not-kept" "twinning/foreign-value-unseen",
    }
    fn own_address(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }

    "address-changed" "lets a device change its own address" breaks "CR-N12"
    caught by {
        "twinning/change-request/claimed-address-is-not-kept" "twinning/foreign-value-unseen",
        "twinning/change-request/claimed-address-of-a-change-is-not-kept" "twinning/foreign-value-unseen",
        "twinning/change-request/claimed-address-of-a-change-is-not-kept" "twinning/unchanged",
        "twinning/change-request/claimed-address-of-an-activation-is-not-kept" "twinning/foreign-value-unseen",
    }
    fn own_address(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }
    fn update_veto(&self, f: facts::UpdateFacts) -> Option<&'static str> {
        Standard.update_veto(facts::UpdateFacts { foreign: None, ..f })
    }

    "address-missing" "does not say which address a device has" breaks "CR-N12"
    caught by {
        "twinning/change-request/own-address" "twinning/shows-own-address",
        "twinning/change-request/own-address-by-credential" "twinning/shows-own-address",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning { t.own_address = None; t }

    "address-bare" "shows own addresses as bare digits" breaks "CR-N12"
    caught by {
        "twinning/change-request/addresses-are-of-the-allowed-kinds" "twinning/addresses-are-uris",
        "twinning/change-request/own-address" "twinning/shows-own-address",
        "twinning/change-request/own-address-by-credential" "twinning/shows-own-address",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        t.own_address = t.own_address.map(|a| a.trim_start_matches("tel:+").to_owned());
        t
    }

    "address-claim-faults" "breaks down where a device gives itself an address" breaks "CR-N12"
    caught by {
        "twinning/change-request/claimed-address-is-not-kept" "twinning/decided",
        "twinning/change-request/claimed-address-of-a-change-is-not-kept" "twinning/decided",
        "twinning/change-request/claimed-address-of-an-activation-is-not-kept" "twinning/decided",
    }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response { faulty(r, f, "ownAddress") }

    "peer-adopted" "adopts the other device that the client proposes" breaks "CR-N1"
    caught by {
        "twinning/change-request/partner-of-a-request-is-not-kept" "twinning/foreign-value-unseen",
        "twinning/change-request/partner-of-an-activation-is-not-kept" "twinning/foreign-value-unseen",
    }
    fn other_device(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }

    "peer-changed" "lets a device change its partner" breaks "CR-N1"
    caught by {
        "twinning/change-request/partner-of-a-change-is-not-kept" "twinning/foreign-value-unseen",
        "twinning/change-request/partner-of-a-change-is-not-kept" "twinning/unchanged",
        "twinning/change-request/partner-of-a-request-is-not-kept" "twinning/foreign-value-unseen",
        "twinning/change-request/partner-of-an-activation-is-not-kept" "twinning/foreign-value-unseen",
    }
    fn other_device(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }
    fn update_veto(&self, f: facts::UpdateFacts) -> Option<&'static str> {
        Standard.update_veto(facts::UpdateFacts { foreign: None, ..f })
    }

    "peer-missing" "does not say who the other device is" breaks "CR-N1"
    also breaks {
        "HLF-PD-003", "HLF-PD-004", "HLF-PD-005", "HLF-PD-006", "HLF-SD-007", "HLF-TE-001",
        "HLF-TE-003", "HLF-TE-008", "HLF-TE-009"
        because "a twinning is known in a list by whom it is with",
    }
    caught by {
        "twinning/change-request/each-names-the-other" "twinning/shows-partner",
        "twinning/change-request/voice-mail" "twinning/shows-voice-mail",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning { t.other_device = None; t }

    "peer-missing-when-off" "forgets the other device while the twinning is off" breaks "HLF-TE-003"
    also breaks {
        "HLF-PD-003", "HLF-PD-005", "HLF-PD-006", "HLF-SD-006"
        because "a twinning is known in a list by whom it is with, on or off",
    }
    caught by {
        "twinning/enabler/many-toggles-keep-the-twinning" "twinning/list-shows",
        "twinning/enabler/off-keeps-the-twinning" "twinning/shows-partner",
        "twinning/enabler/off-keeps-the-twinning" "twinning/list-shows",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if t.status.as_deref() == Some("Off") { t.other_device = None; }
        t
    }

    "peer-wrong" "names a device that has no part in the twinning" breaks "CR-N1"
    also breaks {
        "HLF-PD-003", "HLF-PD-004", "HLF-PD-005", "HLF-PD-006", "HLF-SD-007", "HLF-TE-001",
        "HLF-TE-003", "HLF-TE-008", "HLF-TE-009"
        because "a twinning is known in a list by whom it is with",
        "HLF-CM-005", "HLF-IC-007", "HLF-PD-007", "HLF-SD-008"
        because "and by the same in the news of it",
        "HLF-CM-006"
        because "that no stranger could withdraw a wish is seen by its news",
    }
    caught by { "twinning/change-request/each-names-the-other" "twinning/shows-partner" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(other) = &mut t.other_device {
            *other = OtherDevice { address: Some("tel:+12025559999".to_owned()), ..other.clone() };
        }
        t
    }

    "partner-while-pending" "names a partner before there is one" breaks "CR-N1"
    caught by {
        "twinning/change-request/each-names-the-other" "twinning/hides-partner",
        "twinning/secondary-device/pending-names-nobody" "twinning/hides-partner",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if t.status.as_deref() == Some("Pending") {
            t.other_device = Some(OtherDevice { address: Some("tel:+12025559999".to_owned()), ..OtherDevice::default() });
        }
        t
    }

    "partner-claim-faults" "breaks down where a device names its partner" breaks "CR-N1"
    also breaks {
        "HLF-IC-005" because "an operator passes the partner on in the same element",
        "HLF-IC-001"
        because "a twinning across networks is begun and completed by the partner's requests, these among them",
    }
    caught by {
        "twinning/change-request/partner-of-a-change-is-not-kept" "twinning/decided",
        "twinning/change-request/partner-of-a-request-is-not-kept" "twinning/decided",
        "twinning/change-request/partner-of-an-activation-is-not-kept" "twinning/decided",
    }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response { faulty(r, f, "otherDevice") }

    "voice-mail-missing" "does not tell the secondary where the primary's voice mail is" breaks "CR-N1"
    caught by { "twinning/change-request/voice-mail" "twinning/shows-voice-mail" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning { t.vm_address = None; t }

    "name-lost" "forgets the name that the user chose" breaks "HLF-TE-007"
    caught by {
        "twinning/enabler/keeps-the-given-name" "twinning/shows-name",
        "twinning/enabler/keeps-the-given-name-in-xml" "twinning/shows-name",
    }
    fn name(&self, f: facts::NameFacts<'_>) -> Option<String> { Some(format!("device-{}", f.serial)) }

    "name-refused" "lets the user choose no name" breaks "HLF-TE-007"
    caught by {
        "twinning/enabler/keeps-the-given-name" "twinning/name-taken",
        "twinning/enabler/keeps-the-given-name-in-xml" "twinning/name-taken",
    }
    fn name(&self, f: facts::NameFacts<'_>) -> Option<String> {
        match f.asked {
            Some(_) => None,
            None => Standard.name(f),
        }
    }

    "name-not-made" "makes no name where the user gives none" breaks "HLF-TE-007"
    caught by {
        "twinning/enabler/makes-a-name" "twinning/shows-name",
        "twinning/enabler/names-differ" "twinning/list-tells-apart",
    }
    fn name(&self, f: facts::NameFacts<'_>) -> Option<String> {
        f.asked.map_or_else(|| Some(String::new()), |_| Standard.name(f.clone()))
    }

    "names-collide" "gives every relationship the same name" breaks "HLF-PD-003"
    caught by { "twinning/primary-device/devices-can-be-told-apart" "twinning/list-tells-apart" }
    fn name(&self, f: facts::NameFacts<'_>) -> Option<String> {
        Some(f.asked.unwrap_or("device").to_owned())
    }

    "name-refusal-faults" "breaks down where it should refuse a name" breaks "HLF-TE-007"
    caught by {
        "twinning/enabler/name-taken" "twinning/decided",
        "twinning/enabler/name-too-long" "twinning/decided",
    }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if r.status >= 400 { faulty(r, f, "name") } else { r }
    }

    "list-forgets-off" "lists only what is on" breaks "HLF-PD-003"
    also breaks {
        "HLF-SD-006", "HLF-TE-003" because "these read a twinning that is off in the list",
    }
    caught by { "twinning/primary-device/lists-secondaries" "twinning/list-shows" }
    fn is_listed(&self, f: facts::ListFacts) -> bool { f.own && f.status != Status::Off }

    "list-shows-all" "lists everybody's twinnings" breaks "HLF-PD-003"
    also breaks {
        "CR-N6", "HLF-IC-006", "HLF-PD-001", "HLF-PD-004", "HLF-SD-001", "HLF-SD-006",
        "HLF-SD-007", "HLF-TE-001", "HLF-TE-003", "HLF-TE-005", "HLF-TE-008", "HLF-TE-009"
        because "that nothing came of it is seen by a list that stays as it was",
    }
    caught by {
        "twinning/primary-device/devices-can-be-told-apart" "twinning/list-tells-apart",
        "twinning/primary-device/lists-secondaries" "twinning/list-shows",
        "twinning/primary-device/pending-codes-are-not-listed" "twinning/list-counts",
    }
    fn is_listed(&self, _f: facts::ListFacts) -> bool { true }

    "authcode-adopted-early" "adopts the authorization code that a waiting secondary brings" breaks "CR-N10"
    caught by { "twinning/authorization/code-is-not-the-clients" "twinning/foreign-value-unseen" }
    fn auth_code(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }
    fn auth_code_is_shown(&self, f: facts::AuthCodeFacts) -> bool { f.role == Role::Secondary }

    "authcode-missing" "gives the secondary no authorization code" breaks "CR-N9"
    caught by {
        "twinning/change-request/no-authorization-code-for-the-primary" "twinning/shows-auth-code",
        "twinning/change-request/secondary-has-authorization-code" "twinning/shows-auth-code",
    }
    fn auth_code_is_shown(&self, _f: facts::AuthCodeFacts) -> bool { false }

    "authcode-shown-to-primary" "shows the authorization code to the primary" breaks "CR-N9"
    caught by {
        "twinning/change-request/no-authorization-code-for-the-primary" "twinning/hides-auth-code",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if t.role.as_deref() == Some("Primary") { t.auth_code = Some("shown-to-the-primary".to_owned()); }
        t
    }

    "authcode-while-pending" "shows an authorization code before the activation" breaks "CR-N9"
    caught by {
        "twinning/change-request/no-authorization-code-while-pending" "twinning/hides-auth-code",
    }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if t.status.as_deref() == Some("Pending") { t.auth_code = Some("much-too-early".to_owned()); }
        t
    }

    "authcode-always-the-same" "gives every twinning the same authorization code" breaks "CR-N10"
    also breaks {
        "HLF-IC-006" because "a code that others have redeemed already gives the device abroad no token",
    }
    caught by { "twinning/authorization/each-twinning-its-own-code" "twinning/auth-codes-differ" }
    fn auth_code(&self, f: facts::Proposal<'_>) -> Option<String> { f.ours.map(|_| "0".repeat(32)) }

    "authcode-claim-faults" "breaks down where a device brings an authorization code" breaks "CR-N10"
    also breaks {
        "HLF-IC-001"
        because "a twinning across networks is begun and completed by the partner's requests, these among them",
    }
    caught by { "twinning/authorization/code-is-not-the-clients" "twinning/decided" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response { faulty(r, f, "authCode") }

    "url-of-another" "names a resource URL that leads elsewhere" breaks "HLF-PD-001"
    also breaks {
        "CR-N8", "CR-N9", "HLF-CM-001", "HLF-CM-005", "HLF-CM-006", "HLF-IC-005",
        "HLF-IC-007", "HLF-PD-002", "HLF-PD-005", "HLF-PD-006", "HLF-PD-007", "HLF-SD-001",
        "HLF-SD-003", "HLF-SD-004", "HLF-SD-005", "HLF-SD-006", "HLF-SD-008", "HLF-TE-003",
        "HLF-TE-005"
        because "a device that follows the address that it reads finds nothing to switch, end or read",
        "HLF-TE-001"
        because "what a restart left as it was is seen by a switch",
    }
    caught by {
        "twinning/primary-device/names-its-own-address" "twinning/names-itself",
        "twinning/common/addresses-name-things" "twinning/addresses-stable",
    }
    fn shown(&self, mut t: Twinning, v: View) -> Twinning {
        if v == View::Read { t.resource_url = t.resource_url.map(|u| format!("{u}x")); }
        t
    }
};
