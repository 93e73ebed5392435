//! Broken LwM2M clients that are bootstrapped.

use twinproof_coap::{Code, Message};
use twinproof_lwm2m::device::rules::{self as facts, Rules, Standard};
use twinproof_lwm2m::wire::Path;
use twinproof_lwm2m::wire::links::ObjectList;

use super::client::recoded;
use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "client-bootstraps-nameless" "asks for bootstrap without saying its name" breaks "LW-BS-07"
    caught by { "lwm2m/client-bootstrap/bootstrap-first" "lwm2m/asked-first" }
    fn asks_with(&self, f: facts::AskFacts<'_>) -> Vec<String> {
        let mut query = Standard.asks_with(f);
        query.retain(|argument| !argument.starts_with("ep="));
        query
    }

    "client-registers-early" "uses an account before its bootstrap has ended" breaks "LW-BS-07"
    also breaks {
        "LW-BS-08" because "who takes it for ended has nothing deleted",
        "LW-BS-10" because "a bootstrap that never ends has not ended",
        "LW-IF1-01", "LW-IF1-03", "LW-IF1-04" because "who takes it for ended refuses what follows",
    }
    caught by {
        "lwm2m/client-bootstrap/registers-afterwards" "lwm2m/registered-after",
        "lwm2m/client-bootstrap/no-end" "lwm2m/unregistered",
    }
    fn goes_on(&self, f: facts::GoOnFacts) -> bool { f.accounts > 0 || Standard.goes_on(f) }

    "client-bootstrapped-idle" "does nothing with what its bootstrap has brought" breaks "LW-BS-07"
    also breaks {
        "LW-IF1-03" because "of two accounts none is used",
        "LW-IF1-07" because "who does not register is not refused",
        "LW-IF1-01" because "who does not register uses no key",
    }
    caught by { "lwm2m/client-bootstrap/registers-afterwards" "lwm2m/registered-after" }
    fn goes_on(&self, _f: facts::GoOnFacts) -> bool { false }

    "client-deleted-otherwise" "confirms a deletion with the code of a change" breaks "LW-BS-08"
    also breaks { "LW-IF1-01" because "a deletion is the first step of its bootstrap" }
    caught by {
        "lwm2m/client-bootstrap/everything-deleted" "lwm2m/confirmed",
        "lwm2m/client-bootstrap/keys-deleted" "lwm2m/confirmed",
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        recoded(message, f.method == Code::DELETE, (Code::DELETED, Code::CHANGED))
    }

    "client-loses-its-bootstrap-server" "deletes the account of its bootstrap server" breaks "LW-BS-08"
    caught by {
        "lwm2m/client-bootstrap/everything-deleted" "lwm2m/kept",
        "lwm2m/client-bootstrap/keys-deleted" "lwm2m/kept",
    }
    fn outlives(&self, f: facts::OutliveFacts) -> bool { f.object == 3 }

    "client-deletes-nothing" "confirms deletions, and keeps everything" breaks "LW-BS-08"
    caught by {
        "lwm2m/client-bootstrap/everything-deleted" "lwm2m/deleted",
        "lwm2m/client-bootstrap/keys-deleted" "lwm2m/deleted",
    }
    fn outlives(&self, _f: facts::OutliveFacts) -> bool { true }

    "client-loses-its-device" "deletes its device" breaks "LW-BS-08"
    caught by { "lwm2m/client-bootstrap/everything-deleted" "lwm2m/kept" }
    fn outlives(&self, f: facts::OutliveFacts) -> bool { f.bootstrap_account }

    "client-ends-anyway" "confirms the end of a bootstrap, whatever it has brought" breaks "LW-BS-09"
    caught by {
        "lwm2m/client-bootstrap/half-an-account" "lwm2m/denied",
        "lwm2m/client-bootstrap/halves-of-two" "lwm2m/denied",
    }
    fn refuses_end(&self, _f: facts::EndFacts) -> Option<Code> { None }

    "client-registers-all-the-same" "refuses the end of a bootstrap, and registers with what it has brought"
    breaks "LW-BS-09"
    caught by { "lwm2m/client-bootstrap/halves-of-two" "lwm2m/unregistered" }
    fn goes_on(&self, f: facts::GoOnFacts) -> bool { f.ended }

    "client-waits-for-ever" "waits for the end of a bootstrap for ever" breaks "LW-BS-10"
    caught by { "lwm2m/client-bootstrap/no-end" "lwm2m/asks-again" }
    fn gives_up(&self, _f: facts::SilenceFacts) -> bool { false }

    "client-ends-otherwise" "confirms the end of a bootstrap with the code of a read" breaks "LW-IF1-01"
    also breaks { "LW-IF1-03" because "a bootstrap ends in this way, whatever it brings" }
    caught by { "lwm2m/client-bootstrap/confirmed-step-by-step" "lwm2m/took-each" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let ends = f.method == Code::POST && f.path == Path::ROOT;
        recoded(message, ends, (Code::CHANGED, Code::CONTENT))
    }

    "client-not-triggered" "confirms that it is to ask for bootstrap, and does not" breaks "LW-IF1-02"
    caught by { "lwm2m/client-bootstrap/triggered" "lwm2m/triggered" }
    fn is_triggered(&self, _bootstrap_account: bool) -> bool { false }

    "client-one-at-a-time" "refuses several instances at once" breaks "LW-IF1-03"
    caught by { "lwm2m/client-bootstrap/two-at-once" "lwm2m/took-each" }
    fn refuses_write(&self, f: facts::PlaceFacts) -> Option<Code> {
        f.several.then_some(Code::BAD_REQUEST)
    }

    "client-writes-once" "refuses to be written to where something stands" breaks "LW-IF1-03"
    caught by {
        "lwm2m/client-bootstrap/written-twice" "lwm2m/took-each",
        "lwm2m/client-bootstrap/written-twice" "lwm2m/lives-for",
    }
    fn refuses_write(&self, f: facts::PlaceFacts) -> Option<Code> {
        f.exists.then_some(Code::METHOD_NOT_ALLOWED)
    }

    "client-refuses-the-unknown" "refuses an account with something that it does not have" breaks "LW-IF1-03"
    caught by { "lwm2m/client-bootstrap/unknown-resource" "lwm2m/took-each" }
    fn refuses_write(&self, f: facts::PlaceFacts) -> Option<Code> {
        f.unknown.then_some(Code::BAD_REQUEST)
    }

    "client-drops-the-unknown" "confirms an account with something that it does not have, and drops it"
    breaks "LW-IF1-03"
    also breaks { "LW-IF1-05" because "what it cannot read it confirms and drops as well" }
    caught by { "lwm2m/client-bootstrap/unknown-resource" "lwm2m/took-each" }
    fn refuses_write(&self, f: facts::PlaceFacts) -> Option<Code> {
        f.unknown.then_some(Code::BAD_REQUEST)
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let instance = f.method == Code::PUT && f.path.depth() == 2;
        recoded(message, instance, (Code::BAD_REQUEST, Code::CHANGED))
    }

    "client-numbers-its-bootstrap-server" "shows a number at the account of its bootstrap server"
    breaks "LW-IF1-04"
    caught by { "lwm2m/client-bootstrap/discovered" "lwm2m/shows-accounts" }
    fn shows(&self, list: ObjectList) -> ObjectList {
        let mut list = list;
        let keys = list.items.iter_mut().filter(|item| item.path.object() == Some(0));
        keys.for_each(|item| item.ssid = item.ssid.or(Some(0)));
        list
    }

    "client-numbers-no-server" "shows no number at the accounts of its servers" breaks "LW-IF1-04"
    caught by { "lwm2m/client-bootstrap/discovered" "lwm2m/shows-accounts" }
    fn shows(&self, list: ObjectList) -> ObjectList {
        let mut list = list;
        list.items.iter_mut().for_each(|item| item.ssid = None);
        list
    }

    "client-given-any-format" "confirms an account in a format that it does not know" breaks "LW-IF1-05"
    caught by { "lwm2m/client-bootstrap/unknown-format" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let instance = f.method == Code::PUT && f.path.depth() == 2;
        recoded(message, instance, (Code::UNSUPPORTED_CONTENT_FORMAT, Code::CHANGED))
    }

    "client-given-anything" "confirms an account that it cannot read" breaks "LW-IF1-05"
    caught by { "lwm2m/client-bootstrap/broken" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let instance = f.method == Code::PUT && f.path.depth() == 2;
        recoded(message, instance, (Code::BAD_REQUEST, Code::CHANGED))
    }

    "client-bootstraps-at-once" "asks for bootstrap though it has an account" breaks "LW-IF1-06"
    caught by { "lwm2m/client-bootstrap/factory-account" "lwm2m/unaided" }
    fn bootstraps(&self, f: facts::FallBackFacts) -> bool {
        f.bootstrap_account || Standard.bootstraps(f)
    }

    "client-never-falls-back" "does not ask for bootstrap when no server takes it" breaks "LW-IF1-07"
    caught by { "lwm2m/client-bootstrap/refused-everywhere" "lwm2m/asks-again" }
    fn bootstraps(&self, f: facts::FallBackFacts) -> bool { f.accounts == 0 }

    "client-ignores-its-card" "does not use what is on its card" breaks "LW-SC-02"
    also breaks { "LW-SC-01" because "where the card leads it does not go" }
    caught by {
        "lwm2m/client-card/before-the-factory" "lwm2m/came-first",
        "lwm2m/client-card/leads-to-its-server" "lwm2m/unaided",
    }
    fn uses_card(&self, _inserted: bool) -> bool { false }

    "client-remembers-its-card" "uses what was on its card when it is gone" breaks "LW-SC-03"
    caught by { "lwm2m/client-card/removed" "lwm2m/dropped" }
    fn drops_card(&self, _gone: bool) -> bool { false }

    "client-deletes-for-anybody" "deletes everything for any of its servers" breaks "LW-IF1-08"
    caught by { "lwm2m/client-bootstrap/server-deletes" "lwm2m/denied" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let everything = f.method == Code::DELETE && f.path == Path::ROOT;
        match everything && message.code().is_error() {
            true => Message::new(Code::DELETED),
            false => message,
        }
    }

    "client-ends-for-anybody" "confirms the end of a bootstrap to any of its servers" breaks "LW-IF1-08"
    caught by { "lwm2m/client-bootstrap/server-ends" "lwm2m/denied" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let ends = f.method == Code::POST && f.path == Path::ROOT;
        recoded(message, ends, (Code::NOT_FOUND, Code::CHANGED))
    }
};
