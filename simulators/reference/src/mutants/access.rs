//! Access: tokens, scopes and what they open.

use twinproof_kernel::http::Response;
use twinproof_twinning::enabler::rules::{self as facts, Resource, Rules, Scope, Standard};

use super::damage::without;
use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant] = mutants! {
    "no-token-needed" "lets in who presents no token" breaks "HLF-CM-006"
    also breaks {
        "HLF-PD-002", "HLF-SD-001" because "each of these asks without a token",
    }
    caught by {
        "twinning/common/no-credential" "twinning/refused",
        "twinning/common/no-credential" "twinning/challenged",
    }
    fn token_is_valid(&self, f: facts::TokenFacts) -> bool { !f.presented || Standard.token_is_valid(f) }

    "invented-token-works" "takes a token that nobody issued for that of whom the URL names" breaks "HLF-CM-006"
    also breaks {
        "HLF-IC-003", "HLF-IC-005", "HLF-IC-007", "HLF-SD-005"
        because "each of these asks with an invented token",
    }
    caught by {
        "twinning/common/invented-credential" "twinning/refused",
        "twinning/common/invented-credential" "twinning/unchanged",
    }
    fn token_is_valid(&self, f: facts::TokenFacts) -> bool { f.presented && !f.expired && !f.revoked }

    "expired-token-works" "accepts a token whose time is over" breaks "HLF-CM-006"
    caught by {
        "twinning/common/expired-credential" "twinning/refused",
        "twinning/common/expired-credential" "twinning/unchanged",
    }
    fn token_is_valid(&self, f: facts::TokenFacts) -> bool { f.presented && f.known && !f.revoked }

    "revoked-token-works" "accepts a token that was revoked" breaks "OAU-001"
    also breaks {
        "HLF-PD-004", "HLF-SD-007", "HLF-TE-004" because "an access ends by its token being revoked",
    }
    caught by { "twinning/authorization/bearer-tokens" "twinning/access-denied" }
    fn token_is_valid(&self, f: facts::TokenFacts) -> bool { f.presented && f.known && !f.expired }

    "any-token-works" "takes any token for that of whom the URL names" breaks "HLF-CM-006"
    caught by {
        "twinning/common/credential-for-something-else" "twinning/refused",
        "twinning/common/credential-for-something-else" "twinning/unchanged",
    }
    fn scope_covers(&self, _f: facts::ScopeFacts<'_>) -> bool { true }

    "no-challenge" "does not say how to authenticate" breaks "HLF-CM-006"
    caught by { "twinning/common/no-credential" "twinning/challenged" }
    fn sent(&self, r: Response, _f: facts::ResponseFacts<'_>) -> Response { without(r, "WWW-Authenticate") }

    "nobody-is-oneself" "does not know whom a token stands for" breaks "OAU-001"
    caught by { "twinning/authorization/user-of-the-token" "twinning/access-given" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.request.url.contains("acr%3Aauth") || f.request.url.contains("acr:auth") { Response::new(403) } else { r }
    }

    "anybody-may-read" "shows everybody's twinnings to everybody" breaks "HLF-CM-006"
    also breaks {
        "HLF-PD-002", "HLF-PD-003", "HLF-PD-004", "HLF-PD-005", "HLF-SD-006"
        because "each of these keeps a stranger out",
    }
    caught by {
        "twinning/common/stranger-kept-out" "twinning/refused",
        "twinning/common/stranger-cannot-withdraw" "twinning/refused",
        "twinning/common/stranger-cannot-withdraw" "twinning/notified",
        "twinning/common/stranger-not-told" "twinning/refused",
        "twinning/primary-device/stranger-cannot-list" "twinning/refused",
    }
    fn may_access(&self, _f: facts::AccessFacts) -> bool { true }

    "reading-closed" "lets no token read a twinning or a list" breaks "HLF-CM-006"
    also breaks {
        "CR-N1", "CR-N11", "CR-N12", "CR-N4", "CR-N5", "CR-N6", "CR-N7", "CR-N8", "CR-N9",
        "HLF-CM-001", "HLF-CM-002", "HLF-CM-003", "HLF-CM-004", "HLF-CM-005", "HLF-IC-001",
        "HLF-IC-002", "HLF-IC-004", "HLF-IC-005", "HLF-PD-001", "HLF-PD-002", "HLF-PD-003",
        "HLF-PD-004", "HLF-PD-005", "HLF-PD-006", "HLF-PD-007", "HLF-SD-001", "HLF-SD-003",
        "HLF-SD-004", "HLF-SD-005", "HLF-SD-006", "HLF-SD-007", "HLF-SD-008", "HLF-TE-001",
        "HLF-TE-002", "HLF-TE-003", "HLF-TE-004", "HLF-TE-005", "HLF-TE-006", "HLF-TE-007",
        "HLF-TE-008", "HLF-TE-009"
        because "what these promise is seen by reading",
    }
    caught by {
        "twinning/common/proper-credentials-open" "twinning/accepted",
        "twinning/common/version-in-addresses" "twinning/accepted",
        "twinning/primary-device/empty-list" "twinning/accepted",
        "twinning/primary-device/toggles-queries-and-ends-alone" "twinning/accepted",
    }
    fn scope_covers(&self, f: facts::ScopeFacts<'_>) -> bool { f.needed != Scope::Read && Standard.scope_covers(f) }

    "no-twinning-token" "gives a twinned secondary no token" breaks "HLF-SD-005"
    also breaks {
        "OAU-002" because "what a scope opens is seen by a token that has it",
    }
    caught by { "twinning/use-case/wearable-twinned" "twinning/token-granted" }
    fn may_obtain_token(&self, _f: facts::ObtainFacts) -> bool { false }

    "twinning-token-useless" "does not let the secondary switch with its token" breaks "HLF-SD-005"
    also breaks {
        "HLF-CM-001", "HLF-CM-005", "HLF-CM-006", "HLF-IC-007", "HLF-PD-007", "HLF-TE-003"
        because "these begin with a switch of the secondary, which uses its token",
    }
    caught by {
        "twinning/authorization/secondary-uses-its-token" "twinning/accepted",
        "twinning/use-case/wearable-twinned" "twinning/accepted",
        "twinning/use-case/wearable-twinned" "twinning/shows-status",
    }
    fn token_reaches(&self, f: facts::ReachFacts) -> bool {
        Standard.token_reaches(f) && !(f.secondary && f.operation == Scope::Toggle)
    }

    "twinning-token-cannot-read" "does not let the secondary read with its token" breaks "HLF-SD-005"
    also breaks {
        "OAU-002" because "the scope for twinning is to let the secondary read",
    }
    caught by {
        "twinning/authorization/secondary-uses-its-token" "twinning/access-given",
        "twinning/use-case/wearable-twinned" "twinning/access-given",
    }
    fn token_reaches(&self, f: facts::ReachFacts) -> bool {
        Standard.token_reaches(f) && !(f.for_relationship && f.operation == Scope::Read)
    }

    "twinning-token-cannot-end" "does not let the secondary end with its token" breaks "HLF-SD-005"
    also breaks {
        "HLF-CM-006", "HLF-TE-004", "OAU-002" because "the secondary ends a twinning with its token",
    }
    caught by { "twinning/authorization/secondary-uses-its-token" "twinning/access-given" }
    fn token_reaches(&self, f: facts::ReachFacts) -> bool {
        Standard.token_reaches(f) && !(f.for_relationship && f.operation == Scope::Deactivate)
    }

    "token-of-the-primary" "gives the secondary the very token of its primary" breaks "HLF-SD-005"
    also breaks {
        "HLF-CM-001", "HLF-CM-005", "HLF-PD-004", "HLF-PD-007", "HLF-TE-002", "HLF-TE-003",
        "HLF-TE-004"
        because "a token that two devices hold is ended, or taken for the other's, with the first use",
    }
    caught by { "twinning/use-case/wearable-twinned" "twinning/tokens-differ" }
    fn token_value(&self, f: facts::NewTokenFacts<'_>) -> String { f.primarys.unwrap_or(f.fresh).to_owned() }

    "token-cacheable" "lets the answer with a token be kept by any cache" breaks "HLF-SD-009"
    caught by {
        "twinning/authorization/authorization-code-works-once" "twinning/token-not-cached",
        "twinning/authorization/secondary-uses-primarys-network" "twinning/token-not-cached",
    }
    fn sent(&self, r: Response, _f: facts::ResponseFacts<'_>) -> Response { without(r, "Cache-Control") }

    "token-refusal-faults" "breaks down where it should give no token" breaks "HLF-SD-005"
    caught by { "twinning/authorization/no-token-before-activation" "twinning/decided" }
    fn sent(&self, r: Response, f: facts::ResponseFacts<'_>) -> Response {
        if f.resource == Some(Resource::Token) && r.status >= 400 { Response::new(500) } else { r }
    }

    "authcode-worthless" "gives no token for any authorization code" breaks "HLF-SD-009"
    also breaks {
        "HLF-IC-006" because "a device abroad redeems its authorization code as well",
    }
    caught by {
        "twinning/authorization/authorization-code-works-once" "twinning/token-granted",
        "twinning/authorization/secondary-uses-primarys-network" "twinning/token-granted",
    }
    fn grant_is_redeemable(&self, f: facts::GrantFacts) -> bool { f.redeemed && Standard.grant_is_redeemable(f) }

    "authcode-redeemable-twice" "gives a token for an authorization code again and again" breaks "CR-N10"
    caught by { "twinning/authorization/authorization-code-works-once" "twinning/token-refused" }
    fn grant_is_redeemable(&self, f: facts::GrantFacts) -> bool {
        f.known && f.age < f.lifetime && f.own_client && f.live
    }

    "authcode-of-anybody" "gives a token for another client's authorization code" breaks "HLF-SD-009"
    caught by { "twinning/authorization/code-of-another-application" "twinning/token-refused" }
    fn grant_is_redeemable(&self, f: facts::GrantFacts) -> bool {
        f.known && !f.redeemed && f.age < f.lifetime && f.live
    }

    "authcode-outlives-twinning" "gives a token for the authorization code of a dead twinning" breaks "CR-N10"
    caught by { "twinning/authorization/code-of-ended-twinning" "twinning/token-refused" }
    fn grant_is_redeemable(&self, f: facts::GrantFacts) -> bool {
        f.known && !f.redeemed && f.age < f.lifetime && f.own_client
    }

    "refresh-survives" "honours the refresh token of a dead twinning" breaks "HLF-SD-009"
    caught by { "twinning/authorization/access-to-network-ends" "twinning/token-refused" }
    fn refresh_is_honoured(&self, f: facts::RefreshFacts) -> bool { f.known && f.own_client }

    "tokens-survive" "lets every token outlive the twinning" breaks "HLF-TE-004"
    caught by { "twinning/enabler/end-takes-the-access" "twinning/refused" }
    fn token_ends(&self, _f: facts::TokenEndFacts) -> bool { false }

    "network-open-to-none" "opens the primary's network to no token" breaks "HLF-SD-009"
    caught by { "twinning/authorization/secondary-uses-primarys-network" "twinning/access-given" }
    fn network_opens(&self, _f: facts::NetworkFacts) -> bool { false }

    "network-open-to-all-tokens" "opens every primary's network to a token for one of them" breaks "HLF-SD-009"
    caught by { "twinning/authorization/network-of-another-primary" "twinning/access-denied" }
    fn network_opens(&self, f: facts::NetworkFacts) -> bool { f.for_network }

    "network-outlives-twinning" "keeps the primary's network open for a former secondary" breaks "HLF-SD-009"
    also breaks {
        "HLF-PD-004", "HLF-SD-007", "HLF-TE-004"
        because "these end the access that came with a twinning",
    }
    caught by { "twinning/authorization/access-to-network-ends" "twinning/access-denied" }
    fn token_ends(&self, _f: facts::TokenEndFacts) -> bool { false }
    fn network_opens(&self, f: facts::NetworkFacts) -> bool { f.for_network }

    "reuse-takes-nothing-back" "leaves what an authorization code gave when it is used once more" breaks "HLF-SD-009"
    caught by { "twinning/authorization/second-use-revokes" "twinning/access-denied" }
    fn reuse_revokes(&self, _f: facts::ReuseFacts) -> bool { false }

    "news-scope-opens-nothing" "gives a scope for news that opens nothing" breaks "OAU-002"
    caught by { "twinning/authorization/scope-for-news" "twinning/access-given" }
    fn scope_covers(&self, f: facts::ScopeFacts<'_>) -> bool {
        f.held != [Scope::Subscription] && Standard.scope_covers(f)
    }
};
