//! Broken DM clients, in what they make of a bootstrap.

use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::rules::{AddressFacts, DocumentFacts};
use twinproof_dm::provisioning::Account;
use twinproof_dm::provisioning::protection::Method;
use twinproof_kernel::http::Scrutiny;

use super::super::{Mutant, mutants};

/// All of them.
pub(in super::super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "dm-client-takes-no-bootstrap" "takes no account that a bootstrap brings" breaks "DM-HLF-005"
    also breaks {
        "DM-CLI-31", "DM-CLI-32", "DM-CLI-34", "DM-SEC-001", "DM-ADM-001", "DM-ADM-002", "DM-HLF-013"
        because "that a bootstrap was believed shows in the account that it brings",
    }
    caught by {
        "dm/bootstrapped/pushed" "dm/joined",
        "dm/bootstrapped/message" "dm/joined",
        "dm/bootstrapped/fetched" "dm/joined",
    }
    fn trusts(&self, _facts: DocumentFacts) -> bool { false }

    "dm-client-keeps-no-credentials" "keeps of an account where the server is, and no credentials" breaks "DM-HLF-005"
    also breaks {
        "DM-CLI-31", "DM-CLI-32", "DM-CLI-34", "DM-SEC-001", "DM-ADM-001", "DM-ADM-002", "DM-HLF-013"
        because "that a bootstrap was believed shows in a session with what it brings",
    }
    caught by { "dm/bootstrapped/pushed" "dm/joined", "dm/bootstrapped/message" "dm/joined" }
    fn keeps(&self, account: Account) -> Account {
        Account { auths: Vec::new(), ..account }
    }

    "dm-client-trusts-any-mac" "believes a bootstrap whatever its MAC is" breaks "DM-CLI-33"
    caught by {
        "dm/bootstrapped/tampered" "dm/refused",
        "dm/bootstrapped/another-document" "dm/refused",
        "dm/bootstrapped/unprotected" "dm/refused",
        "dm/bootstrapped/wrong-pin" "dm/refused",
    }
    fn trusts(&self, _facts: DocumentFacts) -> bool { true }

    "dm-client-trusts-the-unprotected" "believes a bootstrap that nobody protects" breaks "DM-CLI-33"
    caught by { "dm/bootstrapped/unprotected" "dm/refused" }
    fn trusts(&self, facts: DocumentFacts) -> bool {
        Standard.trusts(facts) || facts.method.is_none()
    }

    "dm-client-trusts-any-pin" "believes a bootstrap for whatever PIN is entered" breaks "DM-CLI-33"
    caught by { "dm/bootstrapped/wrong-pin" "dm/refused" }
    fn trusts(&self, facts: DocumentFacts) -> bool {
        Standard.trusts(facts) || facts.method == Some(Method::UserPin)
    }

    "dm-client-gives-in" "believes a bootstrap after three wrong PINs" breaks "DM-CLI-33"
    caught by { "dm/bootstrapped/wrong-pin" "dm/refused" }
    fn trusts_after(&self, wrong: u32) -> bool { wrong >= 3 }

    "dm-client-knows-no-pin" "believes no bootstrap for the PIN of its user" breaks "DM-CLI-31"
    caught by { "dm/bootstrapped/userpin" "dm/joined" }
    fn trusts(&self, facts: DocumentFacts) -> bool {
        Standard.trusts(facts) && facts.method != Some(Method::UserPin)
    }

    "dm-client-knows-no-pin-and-identity" "claims to believe PIN and identity, and does not" breaks "DM-CLI-32"
    caught by { "dm/bootstrapped/userpin-networkid" "dm/joined" }
    fn trusts(&self, facts: DocumentFacts) -> bool {
        Standard.trusts(facts) && facts.method != Some(Method::UserPinNetworkId)
    }

    "dm-client-shares-digits-only" "believes the identity of its subscriber, and no secret in its place" breaks "DM-SEC-001"
    caught by { "dm/bootstrapped/shared-secret" "dm/joined" }
    fn shares(&self, id: String) -> Option<String> {
        id.bytes().all(|octet| octet.is_ascii_digit()).then_some(id)
    }

    "dm-client-makes-room" "forgets its other accounts when it is bootstrapped" breaks "DM-CLI-34"
    caught by { "dm/bootstrapped/keeps" "dm/lives-on" }
    fn makes_room(&self, _others: usize) -> bool { true }

    "dm-client-knows-any-authority" "believes a certificate whoever signed it" breaks "DM-CLI-53"
    also breaks { "DM-ADM-002" because "a bootstrap that is fetched is worth what the certificate is worth" }
    caught by {
        "dm/certificates/unknown-authority" "dm/distrusted",
        "dm/certificates/self-signed" "dm/distrusted",
        "dm/certificates/fetch-unknown-authority" "dm/distrusted",
    }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { authority: false, ..certificate }
    }

    "dm-client-knows-no-name" "believes a certificate whoever it is for" breaks "DM-CLI-53"
    also breaks { "DM-ADM-002" because "a bootstrap that is fetched is worth what the certificate is worth" }
    caught by {
        "dm/certificates/other-name" "dm/distrusted",
        "dm/certificates/fetch-other-name" "dm/distrusted",
    }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { name: false, ..certificate }
    }

    "dm-client-knows-no-date" "believes a certificate before its time and after it" breaks "DM-CLI-53"
    also breaks { "DM-ADM-002" because "a bootstrap that is fetched is worth what the certificate is worth" }
    caught by {
        "dm/certificates/expired" "dm/distrusted",
        "dm/certificates/not-yet-valid" "dm/distrusted",
        "dm/certificates/fetch-expired" "dm/distrusted",
    }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { dates: false, ..certificate }
    }

    "dm-client-takes-error-pages" "takes what stands in an error answer for its bootstrap" breaks "DM-ADM-002"
    caught by { "dm/bootstrapped/error-page" "dm/refused" }
    fn takes_page(&self, _status: u16) -> bool { true }

    "dm-client-takes-no-page" "fetches a bootstrap, and does nothing with it" breaks "DM-ADM-002"
    caught by { "dm/bootstrapped/fetched" "dm/joined" }
    fn takes_page(&self, _status: u16) -> bool { false }

    "dm-client-names-another-document" "says of a bootstrap that it has another one" breaks "DM-ADM-002"
    caught by { "dm/bootstrapped/fetched-again" "dm/asked-again" }
    fn asks_with(&self, tag: Option<String>) -> Option<String> {
        tag.map(|_| "\"another\"".to_owned())
    }

    "dm-client-waits-to-be-woken" "begins no session where its bootstrap demands one" breaks "DM-ADM-001"
    caught by { "dm/bootstrapped/connects" "dm/joined" }
    fn begins_after(&self, _demanded: bool) -> bool { false }

    "dm-client-discovers-nothing" "does not look for its bootstrap server" breaks "DM-HLF-024"
    also breaks { "DM-HLF-025" because "what is allowed shows in being done" }
    caught by {
        "dm/bootstrapped/discovered" "dm/fetched",
        "dm/bootstrapped/discovery-allowed" "dm/fetched",
    }
    fn discovers(&self, _allowed: bool) -> bool { false }

    "dm-client-discovers-anyway" "looks for its bootstrap server though its servers inhibit it" breaks "DM-HLF-026"
    caught by { "dm/bootstrapped/discovery-inhibited" "dm/not-fetched" }
    fn discovers(&self, _allowed: bool) -> bool { true }

    "dm-client-follows-no-address" "follows no address that is pushed" breaks "DM-HLF-027"
    also breaks { "DM-HLF-028" because "what is allowed shows in being done" }
    caught by {
        "dm/bootstrapped/address-pushed" "dm/fetched",
        "dm/bootstrapped/push-allowed" "dm/fetched",
    }
    fn follows_address(&self, _facts: AddressFacts) -> bool { false }

    "dm-client-follows-any-address" "follows whatever address is pushed" breaks "DM-SEC-002"
    caught by {
        "dm/bootstrapped/address-forged" "dm/not-fetched",
        "dm/bootstrapped/address-unprotected" "dm/not-fetched",
    }
    fn follows_address(&self, facts: AddressFacts) -> bool { facts.allowed }

    "dm-client-follows-the-unprotected" "follows an address that nobody protects" breaks "DM-SEC-002"
    caught by { "dm/bootstrapped/address-unprotected" "dm/not-fetched" }
    fn follows_address(&self, facts: AddressFacts) -> bool {
        facts.allowed && (facts.right || !facts.protected)
    }

    "dm-client-follows-anyway" "follows a pushed address though its servers inhibit it" breaks "DM-HLF-029"
    caught by { "dm/bootstrapped/push-inhibited" "dm/not-fetched" }
    fn follows_address(&self, facts: AddressFacts) -> bool { facts.right }

    "dm-client-looks-nothing-up" "does not ask the bootstrap servers that it is given" breaks "DM-HLF-030"
    caught by {
        "dm/bootstrapped/object" "dm/fetched",
        "dm/bootstrapped/object-changed" "dm/fetched",
    }
    fn looks_up(&self, _listed: Vec<String>) -> Vec<String> { Vec::new() }

    "dm-client-follows-no-card" "does not ask the bootstrap server on its card" breaks "DM-HLF-031"
    caught by { "dm/bootstrapped/card-address" "dm/fetched" }
    fn follows_card(&self, _has: bool) -> bool { false }

    "dm-client-reads-32-kb" "reads no more than 32 KB of a card" breaks "DM-HLF-013"
    caught by { "dm/bootstrapped/card" "dm/joined" }
    fn reads_card(&self, octets: usize) -> usize { octets.min(32 << 10) }

    "dm-client-keeps-what-the-card-had" "keeps an account that is gone from its card" breaks "DM-CLI-35"
    caught by { "dm/bootstrapped/card-removed" "dm/refused" }
    fn forgets_with_card(&self, _gone: bool) -> bool { false }
};
