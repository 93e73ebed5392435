//! Broken DM clients, in what they say and whom they believe.

use twinproof_dm::auth::Scheme;
use twinproof_dm::carrier::Carrier;
use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::rules::{AddressFacts, DocumentFacts, TriggerFacts, Triggered};
use twinproof_dm::notification::UiMode;
use twinproof_dm::provisioning::Account;
use twinproof_dm::provisioning::protection::Method;
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{AlertCode, Command, Data, Format, Item, Message, Status, StatusCode};
use twinproof_kernel::http::Scrutiny;

use super::super::{Mutant, mutants};
use super::without;

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

    "dm-client-knows-any-authority" "believes a certificate whoever signed it" breaks "DM-CLI-51"
    also breaks { "DM-ADM-002" because "a bootstrap that is fetched is worth what the certificate is worth" }
    caught by {
        "dm/certificates/unknown-authority" "dm/distrusted",
        "dm/certificates/self-signed" "dm/distrusted",
        "dm/certificates/fetch-unknown-authority" "dm/distrusted",
    }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { authority: false, ..certificate }
    }

    "dm-client-knows-no-name" "believes a certificate whoever it is for" breaks "DM-CLI-51"
    also breaks { "DM-ADM-002" because "a bootstrap that is fetched is worth what the certificate is worth" }
    caught by {
        "dm/certificates/other-name" "dm/distrusted",
        "dm/certificates/fetch-other-name" "dm/distrusted",
    }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { name: false, ..certificate }
    }

    "dm-client-knows-no-date" "believes a certificate before its time and after it" breaks "DM-CLI-51"
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

    "dm-client-is-deaf-to-wap" "takes no WAP push" breaks "DM-CLI-18"
    caught by { "dm/carriers/wsp" "dm/announced" }
    fn takes_from(&self, carrier: Carrier) -> bool { carrier != Carrier::Wsp }

    "dm-client-is-deaf-to-sip" "takes no push by SIP" breaks "DM-HLF-003"
    caught by { "dm/carriers/sip" "dm/announced" }
    fn takes_from(&self, carrier: Carrier) -> bool { carrier != Carrier::Sip }

    "dm-client-listens-for-others" "takes what is pushed to another application" breaks "DM-HLF-003"
    also breaks { "DM-CLI-18" because "it does so whatever brings the push" }
    caught by {
        "dm/carriers/sip-for-another" "dm/ignored",
        "dm/carriers/wsp-for-another" "dm/ignored",
    }
    fn listens(&self, _ours: bool) -> bool { true }

    "dm-client-hides-language" "does not say in which language it speaks to its user" breaks "DM-CLI-01"
    also breaks { "DM-CLI-08" because "the first package comes once more after a challenge" }
    caught by { "dm/session/opens" "dm/opened" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Replace(request) = command {
                request.items.retain(|item| {
                    item.source.as_ref().is_none_or(|source| !source.uri.ends_with("/Lang"))
                });
            }
        }
        message
    }

    "dm-client-nameless" "has the leaves that say who it is, and nothing in them" breaks "DM-CLI-01"
    also breaks {
        "DM-HLF-017" because "what each server reads is held against what the first package said",
        "DM-CLI-08" because "the first package comes once more after a challenge",
        "DM-CLI-03" because "what is read is held against what the first package said",
        "DM-CLI-09" because "that a node is still there is shown by reading it",
        "DM-HLF-015" because "details stand beside who the device is",
    }
    caught by { "dm/session/opens" "dm/opened" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Replace(request) = command {
                for item in &mut request.items {
                    item.data = Some(Data::Text(String::new()));
                }
            }
        }
        message
    }

    "dm-client-skips-header" "gives no status for headers" breaks "DM-CLI-02"
    also breaks {
        "DM-HLF-009" because "a feature is tried by a server that is told the next nonce",
        "DM-HLF-012", "DM-HLF-017", "DM-HLF-018", "DM-HLF-019", "DM-HLF-021", "DM-HLF-022", "DM-HLF-023", "DM-HLF-008", "DM-CLI-17" because "a server that is not heard manages nothing",
        "DM-CLI-07", "DM-CLI-08" because "what it thinks of credentials is the status of a header",
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-14", "DM-CLI-15", "DM-CLI-16",
        "DM-CLI-41", "DM-CLI-42", "DM-CLI-43", "DM-CLI-44", "DM-CLI-46", "DM-HLF-010"
        because "a server that is not told the next nonce is not believed in the next session",
    }
    caught by { "dm/session/every-command-answered" "dm/answered" }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Status(s) if s.cmd_ref == "0"))
    }

    "dm-client-confirms-nothing" "gives no status for what it did" breaks "DM-CLI-02"
    also breaks {
        "DM-HLF-009" because "whether a feature is there is said by a status",
        "DM-HLF-012", "DM-HLF-017", "DM-HLF-018", "DM-HLF-019", "DM-HLF-021", "DM-HLF-022", "DM-HLF-023", "DM-HLF-008", "DM-CLI-17" because "what a server may do is said by a status, too",
        "DM-CLI-03", "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-07", "DM-CLI-09", "DM-CLI-10", "DM-CLI-11", "DM-CLI-14", "DM-CLI-15", "DM-CLI-16",
        "DM-CLI-41", "DM-CLI-42", "DM-CLI-43", "DM-CLI-44", "DM-CLI-45", "DM-CLI-46", "DM-HLF-010"
        because "that it was done, or why not, is said by a status",
    }
    caught by {
        "dm/session/every-command-answered" "dm/answered",
        "dm/tree/read" "dm/told",
        "dm/tree/read" "dm/read-in-order",
        "dm/tree/add" "dm/told",
    }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Status(s) if s.cmd_ref != "0"))
    }

    "dm-client-numbers-alike" "gives every command the same number" breaks "DM-CLI-02"
    caught by { "dm/session/numbers" "dm/numbered" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Status(status) = command {
                "1".clone_into(&mut status.cmd_id);
            }
        }
        message
    }

    "dm-client-reads-nothing" "confirms a reading and sends no value" breaks "DM-CLI-03"
    also breaks {
        "DM-HLF-020" because "whose value it is shows in reading it",
        "DM-HLF-017", "DM-HLF-018", "DM-HLF-019", "DM-HLF-021", "DM-HLF-023", "DM-HLF-012", "DM-HLF-008" because "what a server may read is shown by reading it",
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-10", "DM-CLI-15", "DM-CLI-16",
        "DM-CLI-42", "DM-CLI-43", "DM-CLI-44", "DM-CLI-46", "DM-HLF-010"
        because "what is there afterwards is shown by reading it",
    }
    caught by {
        "dm/tree/read" "dm/shows",
        "dm/tree/add" "dm/shows",
        "dm/tree/replace" "dm/shows",
    }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Results(_)))
    }

    "dm-client-results-first" "sends what was read before it confirms the reading" breaks "DM-CLI-03"
    caught by { "dm/tree/read" "dm/read-in-order" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        message.commands.sort_by_key(|c| !matches!(c, Command::Results(_)));
        message
    }

    "dm-client-shows-the-old" "shows an empty value whatever is there" breaks "DM-CLI-03"
    also breaks {
        "DM-HLF-020" because "whose value it is shows in reading it",
        "DM-HLF-017", "DM-HLF-018", "DM-HLF-019", "DM-HLF-021", "DM-HLF-023", "DM-HLF-012", "DM-HLF-008" because "what a server may read is shown by reading it",
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-10", "DM-CLI-15", "DM-CLI-16",
        "DM-CLI-42", "DM-CLI-43", "DM-CLI-44", "DM-CLI-46", "DM-HLF-010", "DM-HLF-015"
        because "what is there afterwards is shown by reading it",
    }
    caught by { "dm/tree/read" "dm/shows", "dm/tree/add" "dm/shows" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Results(results) = command {
                for item in &mut results.items {
                    item.data = Some(Data::Text(String::new()));
                }
            }
        }
        message
    }

    "dm-client-shows-anything" "shows the same value whatever is read" breaks "DM-CLI-03"
    also breaks {
        "DM-HLF-020" because "whose value it is shows in reading it",
        "DM-HLF-017", "DM-HLF-018", "DM-HLF-019", "DM-HLF-021", "DM-HLF-023", "DM-HLF-012", "DM-HLF-008" because "what a server may read is shown by reading it",
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-15", "DM-CLI-16",
        "DM-CLI-42", "DM-CLI-43", "DM-CLI-44", "DM-CLI-46", "DM-HLF-010", "DM-HLF-015"
        because "what is there afterwards is shown by reading it",
        "DM-CLI-10" because "the value of a property is read like any other",
    }
    caught by { "dm/tree/read" "dm/shows", "dm/tree/properties" "dm/property" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Results(results) = command {
                for item in &mut results.items {
                    item.data = Some(Data::Text("anything at all".to_owned()));
                }
            }
        }
        message
    }

    "dm-client-cuts-queries" "takes the question after a property for one after the value" breaks "DM-CLI-10"
    also breaks { "DM-HLF-023" because "a list of rights is a property that is read" }
    caught by { "dm/tree/properties" "dm/property" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Results(results) = command {
                for item in &mut results.items {
                    let uri = item.source.as_ref().map(|source| source.uri.as_str());
                    if uri.is_some_and(|uri| uri.contains("?prop=")) {
                        item.data = Some(Data::Text("the value".to_owned()));
                    }
                }
            }
        }
        message
    }

    "dm-client-has-no-luck" "undoes every Atomic" breaks "DM-CLI-06"
    caught by { "dm/tree/atomic-done" "dm/told", "dm/tree/atomic-done" "dm/shows" }
    fn fails_atomic(&self, _code: StatusCode) -> bool { true }

    "dm-client-lacks-sequences" "says of a Sequence that it does not know what it is" breaks "DM-CLI-15"
    caught by { "dm/tree/sequence" "dm/told" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Status(status) = command
                && status.cmd == "Sequence"
            {
                status.code = StatusCode::FEATURE_NOT_SUPPORTED;
            }
        }
        message
    }

    "dm-client-half-done" "leaves the first half of an Atomic that failed" breaks "DM-CLI-06"
    caught by { "dm/tree/atomic" "dm/told" }
    fn rolls_back(&self, _failed: bool) -> bool { false }

    "dm-client-atomic-never-fails" "confirms an Atomic of which a part failed" breaks "DM-CLI-06"
    caught by { "dm/tree/atomic" "dm/told" }
    fn fails_atomic(&self, _code: StatusCode) -> bool { false }

    "dm-client-believes-anybody" "believes every server" breaks "DM-CLI-07"
    also breaks { "DM-HLF-017" because "a server may show the credentials of another" }
    caught by {
        "dm/security/no-credentials" "dm/unmoved",
        "dm/security/wrong-credentials" "dm/unmoved",
    }
    fn believes(&self, _facts: ProofFacts) -> StatusCode { StatusCode::OK }

    "dm-client-believes-what-is-shown" "believes a server that shows any credentials" breaks "DM-CLI-07"
    also breaks { "DM-HLF-017" because "a server may show the credentials of another" }
    caught by {
        "dm/security/wrong-credentials" "dm/unmoved",
        "dm/security/old-digest" "dm/unmoved",
    }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        Standard.believes(ProofFacts { right: facts.given, ..facts })
    }

    "dm-client-believes-zeros" "believes a digest of four zeros at any time" breaks "DM-CLI-07"
    caught by { "dm/security/zero-digest" "dm/unmoved" }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        Standard.believes(ProofFacts { right: facts.right || facts.zero, ..facts })
    }

    "dm-client-insists" "shows its credentials as often as it is challenged" breaks "DM-CLI-08"
    caught by { "dm/security/never-believed" "dm/gives-up" }
    fn tries_again(&self, _times: u32) -> bool { true }

    "dm-client-speaks-any-version" "does what a message of an unknown version wants" breaks "DM-CLI-49"
    caught by { "dm/session/unknown-version" "dm/unversed" }
    fn speaks(&self, _known: bool) -> bool { true }

    "dm-client-reports-vaguely" "does not say what its reports are about" breaks "DM-CLI-50"
    caught by { "dm/session/reports" "dm/reported" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Alert(alert) = command
                && alert.code == AlertCode::GENERIC
            {
                alert.items.iter_mut().for_each(|item| item.meta = None);
            }
        }
        message
    }

    "dm-client-names-otherwise" "puts commas between the names of what is below a node" breaks "DM-CLI-03"
    caught by { "dm/tree/names" "dm/names" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Results(results) = command {
                for item in &mut results.items {
                    let is_node = item.meta.as_ref().is_some_and(|meta| meta.format == Some(Format::Node));
                    if let (true, Some(Data::Text(text))) = (is_node, &mut item.data) {
                        *text = text.replace('/', ",");
                    }
                }
            }
        }
        message
    }

    "dm-client-obeys-anybody" "refuses a server and does what it wants" breaks "DM-CLI-07"
    also breaks {
        "DM-CLI-49" because "a message of an unknown version is refused by its header, too", "DM-HLF-017" because "a server may show the credentials of another" }
    caught by { "dm/security/no-credentials" "dm/unmoved" }
    fn obeys(&self, _header: StatusCode) -> bool { true }

    "dm-client-obeys-and-denies" "does what a server wants that it refuses, and says that it does not" breaks "DM-CLI-07"
    also breaks { "DM-CLI-49" because "a message of an unknown version is refused by its header, too" }
    caught by {
        "dm/security/unproven-adds" "dm/told",
        "dm/security/wrong-adds" "dm/told",
    }
    fn obeys(&self, _header: StatusCode) -> bool { true }
    fn says(&self, message: Message) -> Message {
        let refusal = message.commands.iter().find_map(|command| match command {
            Command::Status(s) if s.cmd_ref == "0" && !s.code.is_success() => Some(s.code),
            _ => None,
        });
        let Some(refusal) = refusal else {
            return message;
        };
        let mut message = without(message, |c| matches!(c, Command::Results(_)));
        for command in &mut message.commands {
            if let Command::Status(status) = command {
                status.code = refusal;
            }
        }
        message
    }

    "dm-client-refuses-the-missing" "says of credentials that are not shown that they are forbidden" breaks "DM-CLI-07"
    caught by { "dm/security/no-credentials" "dm/unmoved" }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        match Standard.believes(facts) {
            StatusCode::MISSING_CREDENTIALS => StatusCode::FORBIDDEN,
            code => code,
        }
    }

    "dm-client-gives-up" "gives up when it is challenged" breaks "DM-CLI-08"
    caught by {
        "dm/security/challenged" "dm/began-again",
        "dm/security/challenged" "dm/proven",
    }
    fn tries_again(&self, _times: u32) -> bool { false }

    "dm-client-reads-in-atomic" "reads in an Atomic" breaks "DM-CLI-06"
    caught by { "dm/tree/atomic-get" "dm/told" }
    fn in_atomic(&self, _command: &'static str) -> StatusCode { StatusCode::OK }

    "dm-client-reads-all-the-same" "says that a reading in an Atomic failed, and sends what it read" breaks "DM-CLI-06"
    caught by { "dm/tree/atomic-get" "dm/unread" }
    fn in_atomic(&self, _command: &'static str) -> StatusCode { StatusCode::OK }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        let blocks = message.commands.iter().any(|c| matches!(c, Command::Status(s) if s.cmd == "Atomic"));
        for command in &mut message.commands {
            if let Command::Status(status) = command
                && status.cmd == "Get"
                && blocks
            {
                status.code = StatusCode::COMMAND_FAILED;
            }
        }
        message
    }

    "dm-client-takes-any-alert" "confirms alerts that it does not know" breaks "DM-CLI-11"
    caught by { "dm/session/unknown-alert" "dm/told" }
    fn says(&self, message: Message) -> Message {
        confirming(message, StatusCode::FEATURE_NOT_SUPPORTED)
    }

    "dm-client-stops-for-good" "begins no session any more after a message that it cannot read" breaks "DM-CLI-40"
    caught by {
        "dm/hostile/grows" "dm/lives-on",
        "dm/hostile/deep" "dm/lives-on",
        "dm/hostile/large" "dm/lives-on",
        "dm/hostile/broken" "dm/lives-on",
    }
    fn gives_up(&self, _broken: bool) -> bool { false }

    "dm-client-tires" "begins no session any more after a long one" breaks "DM-CLI-40"
    caught by { "dm/hostile/endless" "dm/lives-on" }
    fn endures(&self, sent: u32, _most: u32) -> bool { sent < 40 }
    fn gives_up(&self, _broken: bool) -> bool { false }

    "dm-client-takes-parts" "puts the first part of a value where the value is to go" breaks "DM-CLI-41"
    also breaks {
        "DM-HLF-009" because "a value in parts is tried with one that is added", "DM-CLI-42" because "the whole comes to where a part is" }
    caught by {
        "dm/hostile/no-end" "dm/told",
        "dm/large/parts" "dm/told",
        "dm/large/parts" "dm/shows",
    }
    fn applies(&self, _complete: bool) -> bool { true }

    "dm-client-promises-parts" "says that values may come in parts, and takes none" breaks "DM-HLF-009"
    also breaks { "DM-CLI-42" because "what is not taken is not there" }
    caught by { "dm/features/parts" "dm/truthful" }
    fn says(&self, message: Message) -> Message {
        refusing(message, |s| s.code == StatusCode::CHUNK_ACCEPTED)
    }

    "dm-client-promises-a-user" "says that it tells its user something, and does not" breaks "DM-HLF-009"
    caught by { "dm/features/user" "dm/truthful" }
    fn says(&self, message: Message) -> Message {
        refusing(message, |s| s.cmd == "Alert" && s.code == StatusCode::OK)
    }

    "dm-client-is-too-modest" "says of what it has that it does not have it" breaks "DM-HLF-009"
    caught by {
        "dm/features/documents" "dm/truthful",
        "dm/features/inbox" "dm/truthful",
        "dm/features/lists" "dm/truthful",
        "dm/features/parts" "dm/truthful",
        "dm/features/user" "dm/truthful",
    }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Results(results) = command {
                for item in &mut results.items {
                    if item.data == Some(Data::Text("true".to_owned())) {
                        item.data = Some(Data::Text("false".to_owned()));
                    }
                }
            }
        }
        message
    }

    "dm-client-closes-early" "closes its package while that of its server is open" breaks "DM-CLI-42"
    caught by { "dm/large/parts" "dm/holds-open" }
    fn closes(&self, _peer_closed: bool, waiting: bool) -> bool { !waiting }

    "dm-client-goes-on" "says nothing when a large object is interrupted" breaks "DM-CLI-42"
    caught by { "dm/large/interrupted" "dm/interrupted" }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Alert(alert) if alert.code == AlertCode::NO_END_OF_DATA))
    }

    "dm-client-hears-no-end" "goes on with a session that its server has ended" breaks "DM-CLI-47"
    caught by { "dm/session/ended" "dm/silent" }
    fn stops(&self, _aborted: bool) -> bool { false }

    "dm-client-keeps-its-nonce" "comes with the nonce that its server has forgotten" breaks "DM-CLI-48"
    caught by { "dm/notification/resynchronised" "dm/proven-at-once" }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        match Standard.triggered(facts) {
            Triggered::Resynchronise => Triggered::Start,
            other => other,
        }
    }

    "dm-client-does-not-count" "takes a large object, however large it was to be" breaks "DM-CLI-42"
    caught by { "dm/large/wrong-size" "dm/told" }
    fn measures(&self, _adds_up: bool) -> StatusCode { StatusCode::OK }

    "dm-client-confirms-parts" "says of a part of an object that it is done" breaks "DM-CLI-42"
    caught by { "dm/large/parts" "dm/takes-parts" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Status(status) = command
                && status.code == StatusCode::CHUNK_ACCEPTED
            {
                status.code = StatusCode::OK;
            }
        }
        message
    }

    "dm-client-wordy" "says more than a server can take" breaks "DM-CLI-43"
    caught by { "dm/large/small-messages" "dm/fits" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            // To an alert, an item is what the user said.
            if let Command::Status(status) = command
                && status.cmd != "Alert"
            {
                status.items.push(Item::default().with_text("x".repeat(1_000)));
            }
        }
        message
    }

    "dm-client-drops-parts" "sends but the end of what does not fit" breaks "DM-CLI-43"
    caught by { "dm/large/small-messages" "dm/shows" }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Results(r) if r.items.iter().any(|item| item.more_data)))
    }

    "dm-client-stays" "does not go on where the server wants it" breaks "DM-CLI-12"
    caught by { "dm/session/elsewhere" "dm/redirected" }
    fn follows(&self, _told: bool) -> bool { false }

    "dm-client-sleeps" "takes no notification" breaks "DM-HLF-016"
    also breaks { "DM-HLF-008" because "who takes no notification asks nobody" }
    caught by { "dm/notification/http-push" "dm/announced" }
    fn triggered(&self, _facts: TriggerFacts) -> Triggered { Triggered::Ignore }

    "dm-client-wakes-for-anybody" "takes notifications whose digest is wrong" breaks "DM-CLI-13"
    also breaks {
        "DM-CLI-48" because "whom any digest wakes comes with the nonce that it has",
        "DM-HLF-003" because "it matters not what brings them",
    }
    caught by {
        "dm/notification/forged" "dm/ignored",
        "dm/notification/out-of-date" "dm/ignored",
    }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        Standard.triggered(TriggerFacts { signed: true, ..facts })
    }

    "dm-client-wakes-twice" "takes a notification as often as it comes" breaks "DM-CLI-13"
    also breaks { "DM-HLF-003" because "it matters not what brings them" }
    caught by { "dm/notification/once" "dm/announced" }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        Standard.triggered(TriggerFacts { repeated: false, ..facts })
    }

    "dm-client-takes-no-wishes" "takes no notification that asks for more than a session" breaks "DM-HLF-006"
    also breaks {
        "DM-HLF-007", "DM-HLF-008", "DM-HLF-014", "DM-HLF-015" because "each of them is asked for in a notification",
    }
    caught by {
        "dm/notification-options/in-time" "dm/awake",
        "dm/notification-options/reason" "dm/awake",
    }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        match facts.plain {
            true => Standard.triggered(facts),
            false => Triggered::Ignore,
        }
    }

    "dm-client-comes-late" "comes however late it is" breaks "DM-HLF-006"
    caught by {
        "dm/notification-options/too-late" "dm/expired",
        "dm/notification-options/too-late-to-tell" "dm/not-told",
    }
    fn expired(&self, _now: u64, _until: Option<u32>) -> bool { false }

    "dm-client-always-late" "takes every end for one that has passed" breaks "DM-HLF-006"
    caught by { "dm/notification-options/in-time" "dm/awake" }
    fn expired(&self, _now: u64, until: Option<u32>) -> bool { until.is_some() }

    "dm-client-keeps-reasons" "does not tell its user why a server wants a session" breaks "DM-HLF-008"
    caught by { "dm/notification-options/told-first" "dm/told-first" }
    fn tells(&self, _reason: String) -> String { String::new() }

    "dm-client-reads-reasons-as-markup" "shows of a reason what is left without markup" breaks "DM-HLF-008"
    caught by { "dm/notification-options/told-first" "dm/told-first" }
    fn tells(&self, reason: String) -> String { reason.replace("<b>", "").replace("</b>", "") }

    "dm-client-asks-nobody" "begins sessions that its user is to be asked about" breaks "DM-HLF-008"
    caught by {
        "dm/notification-options/told-first" "dm/told-first",
        "dm/notification-options/refused" "dm/ignored",
    }
    fn asks(&self, _mode: UiMode, _user: bool) -> bool { false }

    "dm-client-own-way" "shows who it is as its account says, whatever a notification wants" breaks "DM-HLF-014"
    caught by { "dm/notification-options/authentication" "dm/begins-with" }
    fn begins_with(&self, account: Scheme, _wanted: Scheme) -> Scheme { account }

    "dm-client-any-way" "shows who it is as weakly as a notification wants" breaks "DM-HLF-014"
    caught by { "dm/notification-options/downgrade" "dm/not-weaker" }
    fn begins_with(&self, _account: Scheme, wanted: Scheme) -> Scheme { wanted }

    "dm-client-no-details" "tells no details in its first message" breaks "DM-HLF-015"
    caught by { "dm/notification-options/detail" "dm/detailed" }
    fn discloses(&self, _granted: bool) -> bool { false }

    "dm-client-tells-secrets" "tells a server what it may not read" breaks "DM-HLF-015"
    caught by { "dm/notification-options/secret" "dm/withheld" }
    fn discloses(&self, _granted: bool) -> bool { true }

    "dm-client-one-password" "shows every server the credentials of the first" breaks "DM-HLF-017"
    also breaks {
        "DM-HLF-021" because "a server that is refused changes nothing",
        "DM-HLF-005", "DM-HLF-013", "DM-SEC-001", "DM-ADM-001", "DM-ADM-002", "DM-CLI-31", "DM-CLI-32", "DM-CLI-34"
        because "the server of a bootstrap is one more, and is shown what is another's",
    }
    caught by { "dm/authorities/two" "dm/proven" }
    fn credentials(&self, servers: Vec<String>, _server: String) -> Option<usize> {
        (!servers.is_empty()).then_some(0)
    }

    "dm-client-adds-to-lists" "shows lists of rights with an entry that nobody gave" breaks "DM-HLF-023"
    caught by { "dm/authorities/for-a-time" "dm/same-rights" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Results(results) = command {
                for item in &mut results.items {
                    let uri = item.source.as_ref().map(|source| source.uri.as_str());
                    let list = item.data.as_ref().and_then(Data::as_text);
                    if let (true, Some(list)) = (uri.is_some_and(|uri| uri.ends_with("?prop=ACL")), list)
                        && !list.is_empty()
                    {
                        item.data = Some(Data::Text(format!("{list}&Exec=*")));
                    }
                }
            }
        }
        message
    }

    "dm-client-takes-no-for-yes" "says that its user agreed, whatever the user said" breaks "DM-CLI-17"
    caught by { "dm/user/disagrees" "dm/told", "dm/user/silent" "dm/told" }
    fn says(&self, message: Message) -> Message {
        confirming(message, StatusCode::NOT_MODIFIED)
    }

    "dm-client-tells-one" "says of several choices of its user the first" breaks "DM-CLI-17"
    caught by { "dm/user/chooses-several" "dm/entered" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Status(status) = command
                && status.cmd == "Alert"
            {
                status.items.truncate(1);
            }
        }
        message
    }

    "dm-client-keeps-answers" "does not say what its user entered" breaks "DM-CLI-17"
    caught by { "dm/user/enters" "dm/entered", "dm/user/chooses" "dm/entered" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Status(status) = command
                && status.cmd == "Alert"
            {
                status.items.clear();
            }
        }
        message
    }
};

/// A message that confirms the alerts which it answers otherwise, by this code.
fn confirming(message: Message, otherwise: StatusCode) -> Message {
    let mut message = message;
    for command in &mut message.commands {
        if let Command::Status(status) = command
            && status.cmd == "Alert"
            && status.code == otherwise
        {
            status.code = StatusCode::OK;
        }
    }
    message
}

/// A message that says of what these statuses are about that the client does not have it.
fn refusing(message: Message, which: impl Fn(&Status) -> bool) -> Message {
    let mut message = message;
    for command in &mut message.commands {
        if let Command::Status(status) = command
            && which(status)
        {
            status.code = StatusCode::FEATURE_NOT_SUPPORTED;
        }
    }
    message
}
