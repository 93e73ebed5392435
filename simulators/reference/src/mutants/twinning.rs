//! Broken Twinning enablers: the defects that the negative halves of the scenarios look for.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{
    self as facts, Cause, Resource, Rules, Scope, Standard, View,
};
use twinproof_twinning::message::{OtherDevice, Role, Status, Twinning};

use super::{Mutant, mutants};

/// All of them.
pub const TWINNING: &[Mutant] = mutants! {
    "any-version" "serves every version in the URL as if it were v1" breaks "HLF-CM-003"
    caught by { "?" "?" }
    fn version_is_served(&self, _f: facts::VersionFacts<'_>) -> bool { true }

    "expired-token-works" "accepts a token whose time is over" breaks "HLF-CM-006"
    caught by { "?" "?" }
    fn token_is_valid(&self, f: facts::TokenFacts) -> bool { f.presented && f.known && !f.revoked }

    "any-token-works" "takes any token for that of whom the URL names" breaks "HLF-CM-006"
    caught by { "?" "?" }
    fn scope_covers(&self, _f: facts::ScopeFacts<'_>) -> bool { true }

    "anybody-may-read" "shows everybody's twinnings to everybody" breaks "HLF-PD-003"
    caught by { "?" "?" }
    fn may_access(&self, _f: facts::AccessFacts) -> bool { true }

    "garbage-is-taken" "takes a body that is no document for an empty one" breaks "HLF-CM-001"
    caught by { "?" "?" }
    fn document_is_accepted(&self, _f: facts::DocumentFacts<'_>) -> bool { true }

    "unknown-elements-refused" "refuses a body with an element that it does not know" breaks "HLF-CM-001"
    caught by { "?" "?" }
    fn document_is_accepted(&self, f: facts::DocumentFacts<'_>) -> bool {
        Standard.document_is_accepted(f.clone()) && f.unknown.is_empty()
    }

    "code-reusable" "accepts an activation code that was used before" breaks "HLF-TE-005"
    caught by { "?" "?" }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { f.known && f.age < f.lifetime && !f.own }

    "code-never-expires" "accepts an activation code whose time is over" breaks "HLF-TE-005"
    caught by { "?" "?" }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { f.known && !f.used && !f.own }

    "code-expires-early" "lets an activation code die after half its time" breaks "HLF-TE-005"
    caught by { "?" "?" }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool {
        f.known && !f.used && f.age * 2 < f.lifetime && !f.own
    }

    "own-code-accepted" "twins a device with itself" breaks "HLF-TE-008"
    caught by { "?" "?" }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { f.known && !f.used && f.age < f.lifetime }

    "code-adopted" "adopts the activation code that the client proposes" breaks "CR-N3"
    caught by { "?" "?" }
    fn code(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }

    "code-always-the-same" "gives every device the same activation code" breaks "CR-N3"
    caught by { "?" "?" }
    fn code(&self, _f: facts::Proposal<'_>) -> Option<String> { Some("000000".to_owned()) }

    "code-missing" "leaves the activation code out of its answer" breaks "CR-N4"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(code) = &mut t.activation_code { code.code = None; }
        t
    }

    "operator-missing" "leaves out which operator generated the code" breaks "HLF-SD-003"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(code) = &mut t.activation_code { code.mno_id = None; }
        t
    }

    "code-and-operator-in-one" "packs code and operator into one value" breaks "HLF-SD-003"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(code) = &mut t.activation_code {
            let operator = code.mno_id.take().unwrap_or_default();
            code.code = code.code.take().map(|c| format!("{operator}/{c}"));
        }
        t
    }

    "any-role-is-secondary" "takes a role that does not exist for a secondary" breaks "HLF-SD-001"
    caught by { "?" "?" }
    fn role_asked(&self, f: facts::RoleFacts<'_>) -> Option<Role> { f.named.or(Some(Role::Secondary)) }

    "any-status-is-off" "takes a status that does not exist for Off" breaks "HLF-PD-002"
    caught by { "?" "?" }
    fn status_asked(&self, f: facts::StatusFacts<'_>) -> Option<Status> { f.named.or(Some(Status::Off)) }

    "starts-on" "lets a secondary begin with the status that it asks for" breaks "CR-N5"
    caught by { "?" "?" }
    fn initial_status(&self, f: facts::CreationFacts) -> Status {
        f.asked.unwrap_or_else(|| Standard.initial_status(f))
    }

    "secondary-starts-on" "shows a secondary as On before anybody has activated" breaks "CR-N5"
    caught by { "?" "?" }
    fn initial_status(&self, _f: facts::CreationFacts) -> Status { Status::On }

    "primary-starts-off" "shows a primary as Off after its activation" breaks "CR-N6"
    caught by { "?" "?" }
    fn initial_status(&self, f: facts::CreationFacts) -> Status {
        match f.role { Role::Primary => Status::Off, Role::Secondary => Status::Pending }
    }

    "secondary-stays-pending" "leaves the secondary Pending after its code was used" breaks "CR-N7"
    caught by { "?" "?" }
    fn status_once_activated(&self, f: facts::ToggleFacts) -> Status { f.from }

    "pending-may-be-switched" "lets a pending secondary switch itself on" breaks "CR-N7"
    caught by { "?" "?" }
    fn update_veto(&self, f: facts::UpdateFacts) -> Option<&'static str> { f.foreign }

    "foreign-elements-taken" "refuses no update, whatever the client writes" breaks "CR-N12"
    caught by { "?" "?" }
    fn update_veto(&self, f: facts::UpdateFacts) -> Option<&'static str> {
        Standard.update_veto(facts::UpdateFacts { foreign: None, ..f })
    }

    "address-adopted" "adopts the own address that the client proposes" breaks "CR-N12"
    caught by { "?" "?" }
    fn own_address(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }

    "address-missing" "does not say which address a device has" breaks "CR-N12"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning { t.own_address = None; t }

    "peer-adopted" "adopts the other device that the client proposes" breaks "CR-N1"
    caught by { "?" "?" }
    fn other_device(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }

    "peer-missing" "does not say who the other device is" breaks "CR-N1"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning { t.other_device = None; t }

    "peer-missing-when-off" "forgets the other device while the twinning is off" breaks "HLF-TE-003"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if t.status.as_deref() == Some("Off") { t.other_device = None; }
        t
    }

    "peer-wrong" "names a device that has no part in the twinning" breaks "CR-N1"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(other) = &mut t.other_device {
            *other = OtherDevice { address: Some("tel:+12025559999".to_owned()), ..other.clone() };
        }
        t
    }

    "authcode-adopted" "adopts the authorization code that the client proposes" breaks "CR-N10"
    caught by { "?" "?" }
    fn auth_code(&self, f: facts::Proposal<'_>) -> Option<String> { f.theirs.or(f.ours).map(str::to_owned) }

    "authcode-missing" "gives the secondary no authorization code" breaks "CR-N9"
    caught by { "?" "?" }
    fn auth_code_is_shown(&self, _f: facts::AuthCodeFacts) -> bool { false }

    "authcode-shown-to-primary" "shows the authorization code to the primary" breaks "CR-N9"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if t.role.as_deref() == Some("Primary") { t.auth_code = Some("shown-to-the-primary".to_owned()); }
        t
    }

    "authcode-while-pending" "shows an authorization code before the activation" breaks "CR-N9"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if t.status.as_deref() == Some("Pending") { t.auth_code = Some("much-too-early".to_owned()); }
        t
    }

    "authcode-redeemable-twice" "gives a token for an authorization code again and again" breaks "CR-N10"
    caught by { "?" "?" }
    fn grant_is_redeemable(&self, f: facts::GrantFacts) -> bool {
        f.known && f.age < f.lifetime && f.own_client && f.live
    }

    "authcode-of-anybody" "gives a token for another client's authorization code" breaks "HLF-SD-009"
    caught by { "?" "?" }
    fn grant_is_redeemable(&self, f: facts::GrantFacts) -> bool {
        f.known && !f.redeemed && f.age < f.lifetime && f.live
    }

    "authcode-outlives-twinning" "gives a token for the authorization code of a dead twinning" breaks "CR-N10"
    caught by { "?" "?" }
    fn grant_is_redeemable(&self, f: facts::GrantFacts) -> bool {
        f.known && !f.redeemed && f.age < f.lifetime && f.own_client
    }

    "refresh-survives" "honours the refresh token of a dead twinning" breaks "HLF-SD-009"
    caught by { "?" "?" }
    fn refresh_is_honoured(&self, f: facts::RefreshFacts) -> bool { f.known && f.own_client }

    "tokens-survive" "lets every token outlive the twinning" breaks "HLF-TE-004"
    caught by { "?" "?" }
    fn token_ends(&self, _f: facts::TokenEndFacts) -> bool { false }

    "network-open-to-none" "opens the primary's network to no token" breaks "HLF-SD-009"
    caught by { "?" "?" }
    fn network_opens(&self, _f: facts::NetworkFacts) -> bool { false }

    "token-without-twinning" "gives a twinning token to a device that is not twinned" breaks "HLF-SD-005"
    caught by { "?" "?" }
    fn may_obtain_token(&self, _f: facts::ObtainFacts) -> bool { true }
    fn token_reaches(&self, _f: facts::ReachFacts) -> bool { true }

    "no-twinning-token" "gives a twinned secondary no token" breaks "HLF-SD-005"
    caught by { "?" "?" }
    fn may_obtain_token(&self, _f: facts::ObtainFacts) -> bool { false }

    "twinning-token-useless" "does not let the secondary switch with its token" breaks "HLF-SD-005"
    caught by { "?" "?" }
    fn token_reaches(&self, f: facts::ReachFacts) -> bool {
        Standard.token_reaches(f) && !(f.secondary && f.operation == Scope::Toggle)
    }

    "primary-becomes-secondary" "lets a primary become a secondary" breaks "HLF-TE-008"
    caught by { "?" "?" }
    fn may_request_code(&self, f: facts::PartyFacts) -> bool { f.as_secondary == 0 }
    fn may_become_secondary(&self, f: facts::PartyFacts) -> bool { f.as_secondary == 0 }

    "secondary-becomes-primary" "lets a secondary become a primary" breaks "HLF-TE-008"
    caught by { "?" "?" }
    fn may_activate(&self, _f: facts::PartyFacts) -> bool { true }

    "two-primaries" "lets a secondary be twinned with two primaries" breaks "HLF-TE-009"
    caught by { "?" "?" }
    fn may_request_code(&self, f: facts::PartyFacts) -> bool { f.as_primary == 0 }
    fn may_become_secondary(&self, f: facts::PartyFacts) -> bool { f.as_primary == 0 }

    "former-secondary-refused" "lets nobody have a code who has been twinned" breaks "HLF-TE-009"
    caught by { "?" "?" }
    fn code_is_usable(&self, f: facts::CodeFacts) -> bool { Standard.code_is_usable(f) && !f.used }

    "one-secondary-only" "lets a primary have a single secondary" breaks "HLF-PD-006"
    caught by { "?" "?" }
    fn has_room(&self, f: facts::RoomFacts) -> bool { f.secondaries == 0 }

    "name-lost" "forgets the name that the user chose" breaks "HLF-TE-007"
    caught by { "?" "?" }
    fn name(&self, f: facts::NameFacts<'_>) -> Option<String> { Some(format!("device-{}", f.serial)) }

    "name-not-made" "makes no name where the user gives none" breaks "HLF-TE-007"
    caught by { "?" "?" }
    fn name(&self, f: facts::NameFacts<'_>) -> Option<String> {
        f.asked.map_or_else(|| Some(String::new()), |_| Standard.name(f.clone()))
    }

    "names-collide" "gives every relationship the same name" breaks "HLF-PD-003"
    caught by { "?" "?" }
    fn name(&self, f: facts::NameFacts<'_>) -> Option<String> {
        Some(f.asked.unwrap_or("device").to_owned())
    }

    "toggle-here-only" "switches only the side that asks" breaks "HLF-PD-002"
    caught by { "?" "?" }
    fn status_there(&self, f: facts::ToggleFacts) -> Status { f.from }

    "toggle-there-only" "switches only the other side" breaks "HLF-PD-002"
    caught by { "?" "?" }
    fn status_here(&self, f: facts::ToggleFacts) -> Status { f.from }

    "secondary-cannot-toggle" "says yes to a secondary that switches, and does nothing" breaks "HLF-SD-004"
    caught by { "?" "?" }
    fn status_here(&self, f: facts::ToggleFacts) -> Status {
        if f.by == Role::Secondary { f.from } else { f.to }
    }
    fn status_there(&self, f: facts::ToggleFacts) -> Status {
        if f.by == Role::Secondary { f.from } else { f.to }
    }

    "toggle-terminates" "ends the twinning when it is switched off" breaks "HLF-TE-003"
    caught by { "?" "?" }
    fn side_ends(&self, f: facts::EndFacts) -> bool {
        f.cause != Cause::Toggle(Status::On)
    }

    "ends-one-side" "ends only the side of the device that asks" breaks "HLF-TE-004"
    caught by { "?" "?" }
    fn side_ends(&self, f: facts::EndFacts) -> bool { f.cause == Cause::Deactivation && f.own }

    "nothing-ends" "says yes to a deactivation and keeps the twinning" breaks "HLF-TE-004"
    caught by { "?" "?" }
    fn side_ends(&self, _f: facts::EndFacts) -> bool { false }

    "ended-again-is-fine" "says yes to ending what has ended" breaks "HLF-PD-004"
    caught by { "?" "?" }
    fn missing(&self, f: facts::MissingFacts<'_>) -> u16 {
        if f.existed && f.method == "DELETE" { 204 } else { 404 }
    }

    "list-forgets-off" "lists only what is on" breaks "HLF-PD-003"
    caught by { "?" "?" }
    fn is_listed(&self, f: facts::ListFacts) -> bool { f.own && f.status != Status::Off }

    "list-shows-all" "lists everybody's twinnings" breaks "HLF-PD-003"
    caught by { "?" "?" }
    fn is_listed(&self, _f: facts::ListFacts) -> bool { true }

    "associations-lost" "forgets all twinnings when it is restarted" breaks "HLF-TE-001"
    caught by { "?" "?" }
    fn is_stored(&self, f: facts::StoreFacts<'_>) -> bool { f.kind != "side" }

    "status-not-persisted" "forgets the last status when it is restarted" breaks "HLF-TE-002"
    caught by { "?" "?" }
    fn is_stored(&self, f: facts::StoreFacts<'_>) -> bool {
        !(f.kind == "side" && f.method == "PUT")
    }

    "reference-without-code" "answers a code request with a bare reference" breaks "CR-N4"
    caught by { "?" "?" }
    fn created_in_full(&self, _f: facts::CreatedFacts) -> bool { false }

    "xml-differs" "leaves the name out of what it says in XML" breaks "HLF-CM-001"
    caught by { "?" "?" }
    fn sent(&self, mut r: Response, _f: facts::ResponseFacts<'_>) -> Response {
        let xml = r.headers.first("Content-Type").is_some_and(|t| t.contains("xml"));
        if xml && r.is_success() {
            let text = String::from_utf8_lossy(&r.body).replace("<name>", "<name>X");
            r.length = text.len() as u64;
            r.body = text.into_bytes();
        }
        r
    }

    "refusal-without-reason" "refuses without saying why" breaks "HLF-CM-001"
    caught by { "?" "?" }
    fn sent(&self, mut r: Response, _f: facts::ResponseFacts<'_>) -> Response {
        if r.status >= 400 { r.body.clear(); r.length = 0; }
        r
    }

    "refusal-of-its-own" "gives reasons that the texts do not know" breaks "HLF-CM-001"
    caught by { "?" "?" }
    fn sent(&self, mut r: Response, _f: facts::ResponseFacts<'_>) -> Response {
        let text = String::from_utf8_lossy(&r.body).replace("POL1037", "POL0001").replace("SVC1014", "SVC0001");
        r.length = text.len() as u64;
        r.body = text.into_bytes();
        r
    }

    "no-allow" "does not say which verbs it allows" breaks "HLF-CM-001"
    caught by { "?" "?" }
    fn sent(&self, r: Response, _f: facts::ResponseFacts<'_>) -> Response {
        let headers = r.headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("allow")).collect();
        Response { headers, ..r }
    }

    "any-verb" "answers every verb as if it were a reading" breaks "HLF-CM-001"
    caught by { "?" "?" }
    fn verbs(&self, f: facts::VerbFacts) -> &'static [&'static str] {
        match f.resource {
            Resource::Twinnings | Resource::Twinning => &["GET", "PUT", "POST", "DELETE", "PATCH"],
            _ => Standard.verbs(f),
        }
    }

    "url-of-another" "names a resource URL that leads elsewhere" breaks "CR-N12"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, v: View) -> Twinning {
        if v == View::Read { t.resource_url = t.resource_url.map(|u| format!("{u}x")); }
        t
    }

    "voice-mail-missing" "does not tell the secondary where the primary's voice mail is" breaks "CR-N1"
    caught by { "?" "?" }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning { t.vm_address = None; t }
};
