//! Broken DM clients, in what they say and whom they believe.

use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::media;
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{AlertCode, Command, Data, Format, Item, Message, StatusCode};

use super::super::{Mutant, mutants};
use super::{answering, restated, retold, without};

/// All of them.
pub(in super::super) const ALL: &[Mutant<dyn Rules>] = mutants! {
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
        "DM-CLI-41", "DM-CLI-42", "DM-CLI-43", "DM-CLI-44", "DM-CLI-45", "DM-CLI-46", "DM-CLI-52", "DM-HLF-010"
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
        restated(message, |status| "1".clone_into(&mut status.cmd_id))
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
        retold(message, |item| item.data = Some(Data::Text(String::new())))
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
        retold(message, |item| item.data = Some(Data::Text("anything at all".to_owned())))
    }

    "dm-client-cuts-queries" "takes the question after a property for one after the value" breaks "DM-CLI-10"
    also breaks { "DM-HLF-023" because "a list of rights is a property that is read" }
    caught by { "dm/tree/properties" "dm/property" }
    fn says(&self, message: Message) -> Message {
        retold(message, |item| {
            let uri = item.source.as_ref().map(|source| source.uri.as_str());
            if uri.is_some_and(|uri| uri.contains("?prop=")) {
                item.data = Some(Data::Text("the value".to_owned()));
            }
        })
    }

    "dm-client-has-no-luck" "undoes every Atomic" breaks "DM-CLI-06"
    caught by { "dm/tree/atomic-done" "dm/told", "dm/tree/atomic-done" "dm/shows" }
    fn fails_atomic(&self, _code: StatusCode) -> bool { true }

    "dm-client-lacks-sequences" "says of a Sequence that it does not know what it is" breaks "DM-CLI-15"
    caught by { "dm/tree/sequence" "dm/told" }
    fn says(&self, message: Message) -> Message {
        answering(message, StatusCode::FEATURE_NOT_SUPPORTED, |status| status.cmd == "Sequence")
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

    "dm-client-believed-for-good" "shows who it is once where it is believed for a message" breaks "DM-CLI-51"
    caught by { "dm/security/each-message" "dm/proven-each" }
    fn says(&self, message: Message) -> Message {
        let begins = message.commands.iter().any(|command| {
            let codes = [AlertCode::CLIENT_INITIATED, AlertCode::SERVER_INITIATED];
            matches!(command, Command::Alert(alert) if codes.contains(&alert.code))
        });
        let mut message = message;
        message.header.cred = message.header.cred.filter(|_| begins);
        message
    }

    "dm-client-takes-any-command" "confirms a command that there is not" breaks "DM-CLI-52"
    caught by { "dm/session/no-command" "dm/unconfirmed" }
    fn says(&self, message: Message) -> Message {
        answering(message, StatusCode::OK, |status| status.cmd == "Put")
    }

    "dm-client-gives-empty-documents" "gives documents with nothing in them" breaks "DM-HLF-010"
    caught by { "dm/document/export" "dm/exported" }
    fn says(&self, message: Message) -> Message {
        retold(message, |item| {
            let kind = item.meta.as_ref().and_then(|meta| meta.media_type.as_deref());
            if kind.is_some_and(|kind| kind == media::TNDS_XML) {
                item.data = Some(Data::Text(String::new()));
            }
        })
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
        retold(message, |item| {
            let is_node = item.meta.as_ref().is_some_and(|meta| meta.format == Some(Format::Node));
            if let (true, Some(Data::Text(text))) = (is_node, &mut item.data) {
                *text = text.replace('/', ",");
            }
        })
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
        let message = without(message, |c| matches!(c, Command::Results(_)));
        answering(message, refusal, |_| true)
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
        let blocks = message.commands.iter().any(|c| matches!(c, Command::Status(s) if s.cmd == "Atomic"));
        answering(message, StatusCode::COMMAND_FAILED, |status| status.cmd == "Get" && blocks)
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
        answering(message, StatusCode::FEATURE_NOT_SUPPORTED, |status| {
            status.code == StatusCode::CHUNK_ACCEPTED
        })
    }

    "dm-client-promises-a-user" "says that it tells its user something, and does not" breaks "DM-HLF-009"
    caught by { "dm/features/user" "dm/truthful" }
    fn says(&self, message: Message) -> Message {
        answering(message, StatusCode::FEATURE_NOT_SUPPORTED, |status| {
            status.cmd == "Alert" && status.code == StatusCode::OK
        })
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
        retold(message, |item| {
            if item.data == Some(Data::Text("true".to_owned())) {
                item.data = Some(Data::Text("false".to_owned()));
            }
        })
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

    "dm-client-does-not-count" "takes a large object, however large it was to be" breaks "DM-CLI-42"
    caught by { "dm/large/wrong-size" "dm/told" }
    fn measures(&self, _adds_up: bool) -> StatusCode { StatusCode::OK }

    "dm-client-confirms-parts" "says of a part of an object that it is done" breaks "DM-CLI-42"
    caught by { "dm/large/parts" "dm/takes-parts" }
    fn says(&self, message: Message) -> Message {
        answering(message, StatusCode::OK, |status| status.code == StatusCode::CHUNK_ACCEPTED)
    }

    "dm-client-wordy" "says more than a server can take" breaks "DM-CLI-43"
    caught by { "dm/large/small-messages" "dm/fits" }
    fn says(&self, message: Message) -> Message {
        restated(message, |status| {
            // To an alert, an item is what the user said.
            if status.cmd != "Alert" {
                status.items.push(Item::default().with_text("x".repeat(1_000)));
            }
        })
    }

    "dm-client-drops-parts" "sends but the end of what does not fit" breaks "DM-CLI-43"
    caught by { "dm/large/small-messages" "dm/shows" }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Results(r) if r.items.iter().any(|item| item.more_data)))
    }

    "dm-client-stays" "does not go on where the server wants it" breaks "DM-CLI-12"
    caught by { "dm/session/elsewhere" "dm/redirected" }
    fn follows(&self, _told: bool) -> bool { false }

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
        retold(message, |item| {
            let uri = item.source.as_ref().map(|source| source.uri.as_str());
            let list = item.data.as_ref().and_then(Data::as_text);
            if let (true, Some(list)) = (uri.is_some_and(|uri| uri.ends_with("?prop=ACL")), list)
                && !list.is_empty()
            {
                item.data = Some(Data::Text(format!("{list}&Exec=*")));
            }
        })
    }

    "dm-client-takes-no-for-yes" "says that its user agreed, whatever the user said" breaks "DM-CLI-17"
    caught by { "dm/user/disagrees" "dm/told", "dm/user/silent" "dm/told" }
    fn says(&self, message: Message) -> Message {
        confirming(message, StatusCode::NOT_MODIFIED)
    }

    "dm-client-tells-one" "says of several choices of its user the first" breaks "DM-CLI-17"
    caught by { "dm/user/chooses-several" "dm/entered" }
    fn says(&self, message: Message) -> Message {
        restated(message, |status| {
            if status.cmd == "Alert" {
                status.items.truncate(1);
            }
        })
    }

    "dm-client-keeps-answers" "does not say what its user entered" breaks "DM-CLI-17"
    caught by { "dm/user/enters" "dm/entered", "dm/user/chooses" "dm/entered" }
    fn says(&self, message: Message) -> Message {
        restated(message, |status| {
            if status.cmd == "Alert" {
                status.items.clear();
            }
        })
    }
};

/// A message that confirms the alerts which it answers otherwise, by this code.
fn confirming(message: Message, otherwise: StatusCode) -> Message {
    answering(message, StatusCode::OK, |status| {
        status.cmd == "Alert" && status.code == otherwise
    })
}
