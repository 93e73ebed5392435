//! Broken DM clients, in what they say and whom they believe.

use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{Command, Data, Message, StatusCode};

use super::super::{Mutant, mutants};
use super::without;

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
        "DM-CLI-08" because "the first package comes once more after a challenge",
        "DM-CLI-03" because "what is read is held against what the first package said",
        "DM-CLI-09" because "that a node is still there is shown by reading it",
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
        "DM-CLI-07", "DM-CLI-08" because "what it thinks of credentials is the status of a header",
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-14", "DM-CLI-15", "DM-CLI-16", "DM-HLF-010"
        because "a server that is not told the next nonce is not believed in the next session",
    }
    caught by { "dm/session/every-command-answered" "dm/answered" }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Status(s) if s.cmd_ref == "0"))
    }

    "dm-client-confirms-nothing" "gives no status for what it did" breaks "DM-CLI-02"
    also breaks {
        "DM-CLI-03", "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-07", "DM-CLI-09", "DM-CLI-10", "DM-CLI-11", "DM-CLI-14", "DM-CLI-15", "DM-CLI-16", "DM-HLF-010"
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
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-10", "DM-CLI-15", "DM-CLI-16", "DM-HLF-010"
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
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-10", "DM-CLI-15", "DM-CLI-16", "DM-HLF-010"
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
        "DM-CLI-04", "DM-CLI-05", "DM-CLI-06", "DM-CLI-09", "DM-CLI-15", "DM-CLI-16", "DM-HLF-010"
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
    caught by {
        "dm/security/no-credentials" "dm/unmoved",
        "dm/security/wrong-credentials" "dm/unmoved",
    }
    fn believes(&self, _facts: ProofFacts) -> StatusCode { StatusCode::OK }

    "dm-client-believes-what-is-shown" "believes a server that shows any credentials" breaks "DM-CLI-07"
    caught by { "dm/security/wrong-credentials" "dm/unmoved" }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        Standard.believes(ProofFacts { right: facts.given, ..facts })
    }

    "dm-client-obeys-anybody" "refuses a server and does what it wants" breaks "DM-CLI-07"
    caught by { "dm/security/no-credentials" "dm/unmoved" }
    fn obeys(&self, _header: StatusCode) -> bool { true }

    "dm-client-obeys-and-denies" "does what a server wants that it refuses, and says that it does not" breaks "DM-CLI-07"
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
        let mut message = message;
        for command in &mut message.commands {
            if let Command::Status(status) = command
                && status.cmd == "Alert"
            {
                status.code = StatusCode::OK;
            }
        }
        message
    }

    "dm-client-stays" "does not go on where the server wants it" breaks "DM-CLI-12"
    caught by { "dm/session/elsewhere" "dm/redirected" }
    fn follows(&self, _told: bool) -> bool { false }

    "dm-client-sleeps" "takes no notification" breaks "DM-HLF-016"
    caught by { "dm/notification/http-push" "dm/announced" }
    fn triggered(&self, _facts: TriggerFacts) -> Triggered { Triggered::Ignore }

    "dm-client-wakes-for-anybody" "takes notifications whose digest is wrong" breaks "DM-CLI-13"
    caught by { "dm/notification/forged" "dm/ignored" }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        Standard.triggered(TriggerFacts { signed: true, ..facts })
    }

    "dm-client-wakes-twice" "takes a notification as often as it comes" breaks "DM-CLI-13"
    caught by { "dm/notification/once" "dm/announced" }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        Standard.triggered(TriggerFacts { repeated: false, ..facts })
    }
};
