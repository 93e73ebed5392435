//! Broken DM bootstrap servers.

use twinproof_dm::bootstrap::rules::decide::Rules;
use twinproof_dm::bootstrap::rules::{Called, KeyFacts, Validator, Whose};
use twinproof_dm::provisioning::Account;
use twinproof_dm::provisioning::protection::Method;

use super::super::{Mutant, mutants};

/// All of them.
pub(in super::super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "dm-bootstrap-knows-nobody" "gives no device a bootstrap" breaks "DM-HLF-005"
    also breaks {
        "DM-BSS-02", "DM-BSS-03", "DM-SEC-001" because "what is protected is the bootstrap that a device gets",
    }
    caught by { "dm/bootstrap/fetched" "dm/handed" }
    fn serves(&self, _known: bool) -> bool { false }

    "dm-bootstrap-names-another" "gives an account of another server" breaks "DM-HLF-005"
    also breaks {
        "DM-BSS-02", "DM-BSS-03", "DM-BSS-05", "DM-SEC-001"
        because "what is protected, or pushed, is an account of the server",
    }
    caught by { "dm/bootstrap/fetched" "dm/handed", "dm/bootstrap/pushed" "dm/handed" }
    fn gives(&self, account: Account) -> Account {
        Account { server_id: "com.twinproof.another".to_owned(), ..account }
    }

    "dm-bootstrap-leads-nowhere" "gives an account without an address" breaks "DM-HLF-005"
    also breaks {
        "DM-BSS-02", "DM-BSS-03", "DM-BSS-05", "DM-SEC-001"
        because "what is protected, or pushed, is an account of the server",
    }
    caught by { "dm/bootstrap/fetched" "dm/handed" }
    fn gives(&self, account: Account) -> Account {
        Account { addresses: Vec::new(), ..account }
    }

    "dm-bootstrap-gives-no-credentials" "gives an account without credentials" breaks "DM-HLF-005"
    also breaks {
        "DM-BSS-02", "DM-BSS-03", "DM-BSS-05", "DM-SEC-001"
        because "what is protected, or pushed, is an account of the server",
    }
    caught by {
        "dm/bootstrap/fetched" "dm/handed",
        "dm/bootstrap/userpin" "dm/handed",
        "dm/bootstrap/userpin-networkid" "dm/handed",
        "dm/bootstrap/shared-secret" "dm/handed",
    }
    fn gives(&self, account: Account) -> Account {
        Account { auths: Vec::new(), ..account }
    }

    "dm-bootstrap-cuts" "leaves the end of its documents out" breaks "DM-HLF-005"
    also breaks {
        "DM-BSS-02", "DM-BSS-03", "DM-BSS-05", "DM-SEC-001"
        because "what is protected, or pushed, has to be read",
    }
    caught by { "dm/bootstrap/fetched" "dm/handed" }
    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        octets[..octets.len() / 2].to_vec()
    }

    "dm-bootstrap-unprotected" "does not protect its documents" breaks "DM-BSS-01"
    also breaks {
        "DM-BSS-02", "DM-BSS-03", "DM-BSS-05", "DM-SEC-001" because "it protects none in any way",
    }
    caught by { "dm/bootstrap/networkid" "dm/protected" }
    fn calls(&self, facts: Called) -> String { bare(&facts) }

    "dm-bootstrap-protects-another-document" "protects a document, and sends another" breaks "DM-BSS-01"
    also breaks {
        "DM-BSS-02", "DM-BSS-03", "DM-BSS-05", "DM-SEC-001" because "the MAC of none is right",
    }
    caught by { "dm/bootstrap/networkid" "dm/protected", "dm/bootstrap/pushed" "dm/protected" }
    fn sends(&self, octets: Vec<u8>) -> Vec<u8> {
        // Version 1.2 of WBXML for 1.3, or the other way round: it says the same.
        let mut octets = octets;
        octets.iter_mut().take(1).for_each(|version| *version ^= 1);
        octets
    }

    "dm-bootstrap-takes-any-networkid" "protects by the identity of nobody" breaks "DM-BSS-01"
    also breaks { "DM-BSS-05" because "the bootstrap that is pushed is protected like that" }
    caught by { "dm/bootstrap/networkid" "dm/protected" }
    fn protects_with(&self, facts: KeyFacts) -> Vec<u8> {
        match (facts.method, facts.secret) {
            (Method::NetworkId, false) => b"000000000000000".to_vec(),
            _ => facts.right,
        }
    }

    "dm-bootstrap-takes-any-pin" "protects by the PIN 0000" breaks "DM-BSS-02"
    caught by { "dm/bootstrap/userpin" "dm/protected" }
    fn protects_with(&self, facts: KeyFacts) -> Vec<u8> {
        match facts.method {
            Method::UserPin => b"0000".to_vec(),
            _ => facts.right,
        }
    }

    "dm-bootstrap-forgets-the-pin" "protects by the identity alone where both are to be used" breaks "DM-BSS-03"
    caught by { "dm/bootstrap/userpin-networkid" "dm/protected" }
    fn protects_with(&self, facts: KeyFacts) -> Vec<u8> {
        match facts.method {
            Method::UserPinNetworkId => facts.network_id,
            _ => facts.right,
        }
    }

    "dm-bootstrap-packs-the-secret" "takes digits alone out of the secret" breaks "DM-SEC-001"
    caught by { "dm/bootstrap/shared-secret" "dm/protected" }
    fn protects_with(&self, facts: KeyFacts) -> Vec<u8> {
        match facts.secret {
            true => facts.network_id.iter().copied().filter(u8::is_ascii_digit).collect(),
            false => facts.right,
        }
    }

    "dm-bootstrap-one-for-all" "gives every device the same document" breaks "DM-BSS-04"
    also breaks { "DM-SEC-001" because "the document of another is protected by another's key" }
    caught by { "dm/bootstrap/own-secrets" "dm/own" }
    fn whose(&self, _facts: Whose) -> usize { 0 }

    "dm-bootstrap-one-password" "gives every device the same password" breaks "DM-BSS-04"
    caught by { "dm/bootstrap/own-secrets" "dm/own" }
    fn gives(&self, account: Account) -> Account {
        let mut account = account;
        for auth in &mut account.auths {
            auth.secret = Some("password-of-everybody".to_owned());
        }
        account
    }

    "dm-bootstrap-serves-anybody" "gives whoever asks a bootstrap" breaks "DM-BSS-04"
    caught by { "dm/bootstrap/stranger" "dm/withheld" }
    fn serves(&self, _known: bool) -> bool { true }

    "dm-bootstrap-repeats" "sends a document again that the device has" breaks "DM-ADM-002"
    caught by { "dm/bootstrap/unchanged" "dm/unchanged" }
    fn unchanged(&self, _facts: Validator) -> bool { false }

    "dm-bootstrap-keeps-news" "says of a document that has changed that it has not" breaks "DM-ADM-002"
    caught by { "dm/bootstrap/changed" "dm/renewed" }
    fn unchanged(&self, facts: Validator) -> bool { facts.given }

    "dm-bootstrap-pushes-unprotected" "does not protect what it pushes" breaks "DM-BSS-05"
    caught by { "dm/bootstrap/pushed" "dm/protected" }
    fn calls(&self, facts: Called) -> String {
        match facts.pushed {
            true => bare(&facts),
            false => facts.content_type,
        }
    }
};

/// The media type without what protects the document.
fn bare(facts: &Called) -> String {
    let name = facts.content_type.split(';').next();
    name.unwrap_or_default().to_owned()
}
