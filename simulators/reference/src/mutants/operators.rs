//! Operators: twinnings that cross networks.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{
    self as facts, CodeSource, Resource, Rules, Standard, View,
};
use twinproof_twinning::message::{Role, Status, Twinning};

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant] = mutants! {
    "named-operator-ignored" "makes a code of its own whomever the request names" breaks "HLF-TE-006"
    also breaks {
        "CR-N11", "CR-N2", "CR-N8", "HLF-IC-001", "HLF-IC-004"
        because "what is to cross networks stays at home",
    }
    caught by {
        "twinning/inter-operator/code-from-the-named-operator" "twinning/code-of-operator",
        "twinning/inter-operator/code-from-the-named-operator" "twinning/peer-asked-for-code",
        "twinning/inter-operator/named-operator-out-of-service" "twinning/declined",
        "twinning/inter-operator/named-operator-out-of-service" "twinning/no-code-invented",
    }
    fn code_source(&self, f: facts::SourceFacts<'_>) -> CodeSource {
        if f.partner { CodeSource::Own } else { Standard.code_source(f) }
    }

    "code-made-up" "makes a code up for a partner that gives none" breaks "HLF-TE-006"
    also breaks {
        "CR-N4", "HLF-IC-003", "HLF-SD-003"
        because "a code whose operator is hidden is hidden from everybody",
    }
    caught by {
        "twinning/inter-operator/named-operator-out-of-service" "twinning/no-code-invented",
        "twinning/inter-operator/named-operator-refuses" "twinning/no-code-invented",
    }
    fn partner_failure(&self, _f: facts::FailureFacts) -> CodeSource { CodeSource::Own }
    fn shown(&self, mut t: Twinning, _v: View) -> Twinning {
        if let Some(code) = &mut t.activation_code { code.mno_id = None; }
        t
    }

    "refusal-remains" "keeps half of a twinning that it has refused" breaks "HLF-IC-004"
    also breaks {
        "CR-N6", "HLF-IC-002", "HLF-PD-001", "HLF-SD-007", "HLF-TE-005", "HLF-TE-006",
        "HLF-TE-008", "HLF-TE-009"
        because "each of these refuses a new twinning and says that none is left of it",
        "HLF-PD-006"
        because "so does the limit of a primary",
    }
    caught by {
        "twinning/inter-operator/activation-refused-abroad" "twinning/list-counts",
        "twinning/inter-operator/code-never-made" "twinning/list-counts",
        "twinning/inter-operator/unknown-operator-refused" "twinning/list-counts",
    }
    fn remains(&self, f: facts::RefusedFacts) -> Option<Status> {
        Some(if f.role == Role::Primary { Status::On } else { Status::Pending })
    }

    "partner-cannot-begin" "lets no partner ask for a code or an activation" breaks "HLF-IC-003"
    also breaks {
        "HLF-IC-001"
        because "a twinning across networks is begun and completed by the partner's requests, these among them",
    }
    caught by { "twinning/inter-operator/code-for-another-operator" "twinning/code-of-operator" }
    fn partner_may(&self, f: facts::PartnerFacts) -> bool { f.shares }

    "partner-cannot-switch" "lets no partner change what it shares" breaks "HLF-IC-005"
    also breaks {
        "HLF-IC-001"
        because "a twinning across networks is begun and completed by the partner's requests, these among them",
    }
    caught by {
        "twinning/inter-operator/switch-abroad-reaches-here" "twinning/accepted",
        "twinning/inter-operator/switch-abroad-reaches-here" "twinning/shows-status",
    }
    fn partner_may(&self, f: facts::PartnerFacts) -> bool { f.creates }

    "nothing-goes-abroad" "tells its partner of no change" breaks "HLF-IC-005"
    caught by {
        "twinning/inter-operator/switch-here-reaches-abroad" "twinning/peer-written",
        "twinning/inter-operator/switch-while-abroad-is-down" "twinning/peer-written",
    }
    fn is_propagated(&self, _f: facts::PropagationFacts) -> bool { false }

    "echo" "tells its partner what it has from it" breaks "HLF-IC-007"
    caught by { "twinning/inter-operator/news-from-abroad" "twinning/peer-left-alone" }
    fn is_propagated(&self, f: facts::PropagationFacts) -> bool { f.shared && f.effective }

    "tells-all-partners" "tells its partners of what is none of their business" breaks "HLF-IC-007"
    also breaks {
        "HLF-TE-006"
        because "a code request without an operator is nothing that a partner is to hear of",
    }
    caught by {
        "twinning/inter-operator/no-news-abroad-of-a-home-affair" "twinning/peer-left-alone",
    }
    fn is_propagated(&self, f: facts::PropagationFacts) -> bool { f.effective && !f.by_partner }

    "toggle-abroad-posted" "posts a switch to its partner" breaks "CR-N8"
    caught by { "twinning/inter-operator/switch-here-reaches-abroad" "twinning/peer-written" }
    fn partner_method(&self, m: facts::PartnerMessage) -> &'static str {
        if m == facts::PartnerMessage::Toggle { "POST" } else { Standard.partner_method(m) }
    }

    "data-abroad-posted" "posts the activation's data to its partner" breaks "CR-N2"
    also breaks {
        "HLF-IC-001", "HLF-IC-003" because "a partner takes no activation whose data are posted",
    }
    caught by {
        "twinning/inter-operator/primary-written-abroad" "twinning/accepted",
        "twinning/inter-operator/primary-written-abroad" "twinning/peer-written",
    }
    fn partner_method(&self, m: facts::PartnerMessage) -> &'static str {
        if m == facts::PartnerMessage::Introduction { "POST" } else { Standard.partner_method(m) }
    }

    "activation-abroad-patched" "asks its partner with a verb that there is not" breaks "HLF-IC-004"
    also breaks {
        "CR-N11" because "without an activation nothing is written abroad",
    }
    caught by {
        "twinning/inter-operator/activation-refused-abroad" "twinning/peer-left-alone",
        "twinning/inter-operator/activation-shows-the-primary" "twinning/accepted",
        "twinning/inter-operator/activation-shows-the-primary" "twinning/peer-shown-primary",
    }
    fn partner_method(&self, m: facts::PartnerMessage) -> &'static str {
        if m == facts::PartnerMessage::Activation { "PATCH" } else { Standard.partner_method(m) }
    }

    "activation-abroad-faults" "breaks down over what it has asked its partner for, though it has it" breaks "HLF-IC-001"
    also breaks {
        "CR-N11", "CR-N2", "CR-N8", "HLF-IC-002", "HLF-IC-003", "HLF-TE-006"
        because "whatever the partner was asked for ends in a fault",
    }
    caught by { "twinning/inter-operator/primary-here" "twinning/accepted" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.request.method.is_empty() && f.resource == Some(Resource::Twinnings) { Response::new(500) } else { r }
    }

    "partner-told-no-primary" "does not tell its partner who the primary is" breaks "CR-N2"
    caught by { "twinning/inter-operator/primary-written-abroad" "twinning/peer-written" }
    fn told_partner(&self, mut t: Twinning, m: facts::PartnerMessage) -> Twinning {
        if m == facts::PartnerMessage::Introduction { t.other_device = None; }
        t
    }

    "partner-told-no-authcode" "does not give its partner the authorization code" breaks "CR-N11"
    caught by {
        "twinning/inter-operator/authorization-code-written-abroad" "twinning/peer-written",
    }
    fn told_partner(&self, mut t: Twinning, _m: facts::PartnerMessage) -> Twinning { t.auth_code = None; t }

    "forged-news-believed" "believes what somebody says in a partner's name" breaks "HLF-IC-007"
    also breaks {
        "CR-N1", "CR-N11", "CR-N12", "CR-N2", "CR-N7", "CR-N8", "HLF-CM-006", "HLF-IC-003",
        "HLF-IC-005", "HLF-SD-004", "HLF-SD-005"
        because "each of these keeps out who invents a token",
        "HLF-PD-007", "HLF-SD-008" because "whoever may be told of anything is told of it",
        "HLF-PD-002"
        because "whoever may change anything may set a twinning back to pending",
    }
    caught by {
        "twinning/inter-operator/forged-news" "twinning/access-denied",
        "twinning/inter-operator/forged-news" "twinning/not-notified",
    }
    fn token_is_valid(&self, f: facts::TokenFacts) -> bool { f.presented && !f.expired && !f.revoked }
    fn is_notified(&self, f: facts::NotifyFacts) -> bool { f.effective }
    fn update_veto(&self, _f: facts::UpdateFacts) -> Option<&'static str> { None }
    fn token_reaches(&self, _f: facts::ReachFacts) -> bool { true }
};
