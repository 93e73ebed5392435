//! Broken LwM2M clients.

use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Header, Message, Opt, Packet, Raw, Type, option};
use twinproof_lwm2m::device::rules::{self as facts, Rules, Standard};
use twinproof_lwm2m::model::Operations;
use twinproof_lwm2m::wire::Path;
use twinproof_lwm2m::wire::links::{Item, ObjectList};

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "client-nameless" "registers without saying its name" breaks "LW-CLI-01"
    also breaks {
        "LW-IF1-03", "LW-MUL-01", "LW-MUL-02" because "a server confirms no registration without a name",
    }
    caught by { "lwm2m/client/one-endpoint" "lwm2m/introduced" }
    fn parameters(&self, f: facts::RegisterFacts<'_>) -> Vec<String> {
        let mut query = Standard.parameters(f);
        query.retain(|argument| !argument.starts_with("ep="));
        query
    }

    "client-versionless" "registers without saying which version of the enabler it speaks" breaks "LW-CLI-01"
    also breaks {
        "LW-IF1-03", "LW-MUL-01", "LW-MUL-02" because "a server confirms no registration without a version",
    }
    caught by { "lwm2m/client/one-endpoint" "lwm2m/introduced" }
    fn parameters(&self, f: facts::RegisterFacts<'_>) -> Vec<String> {
        let mut query = Standard.parameters(f);
        query.retain(|argument| !argument.starts_with("lwm2m="));
        query
    }

    "client-lists-two-devices" "lists its device twice" breaks "LW-CLI-01"
    caught by { "lwm2m/client/one-endpoint" "lwm2m/introduced" }
    fn list(&self, list: ObjectList) -> ObjectList {
        let mut list = list;
        list.items.extend(Path::new(&[3, 1]).map(Item::new));
        list
    }

    "client-pings-unanswered" "does not say that it is there" breaks "LW-CLI-03"
    caught by { "lwm2m/client/ping" "lwm2m/ponged" }
    fn sends(&self, f: facts::SentFacts) -> bool { f.ty != Type::Rst }

    "client-copies-done" "does again what arrives again" breaks "LW-CLI-03"
    caught by { "lwm2m/client/copy-done-once" "lwm2m/once" }
    fn is_copy(&self, _f: facts::CopyFacts) -> bool { false }

    "client-options-ignored" "ignores critical options that it does not know" breaks "LW-CLI-03"
    caught by { "lwm2m/client/critical-option" "lwm2m/refused-with" }
    fn reads(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let known = |number| option::TABLE.iter().any(|known| known.number == number);
        without(datagram, |o| o.number.is_critical() && !known(o.number))
    }

    "client-reads-nothing" "answers a read of what it does not have as if it had it" breaks "LW-CLI-03"
    also breaks { "LW-CLI-06" because "a second device is looked for by reading it" }
    caught by { "lwm2m/client/unknown-path" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        recoded(message, f.method == Code::GET, (Code::NOT_FOUND, Code::CONTENT))
    }

    "client-reads-valid" "answers a read as if the server knew the value" breaks "LW-CLI-04"
    also breaks {
        "LW-CLI-03", "LW-CLI-05", "LW-CLI-06", "LW-CLI-07", "LW-IF1-08", "LW-IF3-15", "LW-MUL-02",
        "LW-MUL-05", "LW-SC-05", "LW-SEC-06", "LW-SEC-07"
        because "that a client is still there is shown by reading it",
        "LW-CLI-09" because "the state of firmware is read",
        "LW-IF1-04" because "what a bootstrap has brought is shown in this way, too",
        "LW-IF4-11" because "what is observed is read at first",
    }
    caught by {
        "lwm2m/client/read" "lwm2m/legible",
        "lwm2m/client/discover" "lwm2m/discovered",
        "lwm2m/client/reboot" "lwm2m/legible",
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        recoded(message, f.method == Code::GET, (Code::CONTENT, Code::VALID))
    }

    "client-reads-something-else" "answers who reads its binding with its manufacturer" breaks "LW-CLI-04"
    also breaks {
        "LW-CLI-03", "LW-CLI-05", "LW-CLI-06", "LW-IF1-08", "LW-IF3-15", "LW-MUL-05", "LW-SC-05",
        "LW-SEC-06", "LW-SEC-07"
        because "that a client is still there is shown by reading its binding",
    }
    caught by { "lwm2m/client/read" "lwm2m/legible" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.method, f.path.ids(), message.code()) {
            (Code::GET, [3, 0, 16], Code::CONTENT) if !f.observes => Message::new(Code::CONTENT)
                .content_format(ContentFormat::TEXT)
                .payload("Twinproof"),
            _ => message,
        }
    }

    "client-confirms-otherwise" "confirms what it has done with the code of what has not changed" breaks "LW-CLI-04"
    also breaks {
        "LW-CLI-07", "LW-CLI-09" because "a reboot and new firmware are confirmed in this way, too",
        "LW-IF1-01", "LW-IF1-02", "LW-IF1-03" because "what a bootstrap brings is confirmed in this way, too",
    }
    caught by {
        "lwm2m/client/write" "lwm2m/confirmed",
        "lwm2m/client/execute" "lwm2m/confirmed",
        "lwm2m/client/reboot" "lwm2m/confirmed",
    }
    fn answers(&self, message: Message, _f: facts::AnswerFacts) -> Message {
        recoded(message, true, (Code::CHANGED, Code::VALID))
    }

    "client-quiet-about-its-life-time" "does not tell its server of the life time that was written" breaks "LW-CLI-04"
    caught by { "lwm2m/client/write-is-told" "lwm2m/updated" }
    fn tells_lifetime(&self, _changed: bool) -> bool { false }

    "client-stays-down" "does nothing any more when it was without power" breaks "LW-CLI-07"
    also breaks { "LW-CLI-09" because "firmware that was installed comes up with a reboot" }
    caught by {
        "lwm2m/client/power-cycle" "lwm2m/registered-again",
        "lwm2m/client/reboot" "lwm2m/registered-again",
    }
    fn comes_up(&self, _off: bool) -> bool { false }

    "client-forgets-what-was-written" "has lost what was written when it comes up again" breaks "LW-CLI-07"
    also breaks { "LW-CLI-09" because "what was installed is forgotten as well" }
    caught by { "lwm2m/client/power-cycle" "lwm2m/unchanged" }
    fn keeps_written(&self, _written: bool) -> bool { false }

    "client-installs-anything" "installs firmware that nobody has brought" breaks "LW-CLI-09"
    caught by { "lwm2m/client/nothing-to-install" "lwm2m/refused-with" }
    fn installs(&self, _state: i64) -> bool { true }

    "client-keeps-its-package" "has firmware to install that was taken back" breaks "LW-CLI-09"
    caught by { "lwm2m/client/package-taken-back" "lwm2m/shows" }
    fn resets_firmware(&self, _empty: bool) -> bool { false }

    "client-installs-in-vain" "does not say that firmware was installed" breaks "LW-CLI-09"
    caught by { "lwm2m/client/installed" "lwm2m/shows" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.method, f.path.ids()) {
            (Code::GET, [5, 0, 5]) => Message::new(Code::CONTENT)
                .content_format(ContentFormat::TEXT)
                .payload("0"),
            _ => message,
        }
    }

    "client-shows-the-old" "shows the life time that it had at first" breaks "LW-CLI-04"
    caught by { "lwm2m/client/write" "lwm2m/shows" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.method, f.path.ids()) {
            (Code::GET, [1, _, 1]) => Message::new(Code::CONTENT)
                .content_format(ContentFormat::TEXT)
                .payload("86400"),
            _ => message,
        }
    }

    "client-executes-nothing" "refuses to execute anything" breaks "LW-CLI-04"
    also breaks {
        "LW-CLI-07", "LW-CLI-09" because "a reboot and an installation are executed",
        "LW-IF2-11" because "that its registration is forgotten is shown by an update that is executed",
    }
    caught by {
        "lwm2m/client/execute" "lwm2m/updated",
        "lwm2m/client/reboot" "lwm2m/registered-again",
    }
    fn is_executable(&self, _operations: Operations) -> bool { false }

    "client-discovers-little" "lists its device without what that has" breaks "LW-CLI-04"
    also breaks {
        "LW-IF1-04" because "accounts are listed in this way, too",
        "LW-MUL-02" because "the other server sees by a discovery that it is served",
    }
    caught by { "lwm2m/client/discover" "lwm2m/discovered" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.accept, f.path.ids()) {
            (Some(ContentFormat::LINK_FORMAT), [3]) => Message::new(Code::CONTENT)
                .content_format(ContentFormat::LINK_FORMAT)
                .payload("</3>"),
            _ => message,
        }
    }

    "client-discovers-no-resources" "lists its device without resources" breaks "LW-CLI-04"
    also breaks { "LW-MUL-02" because "the other server sees by a discovery that it is served" }
    caught by { "lwm2m/client/discover" "lwm2m/discovered" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.accept, f.path.ids()) {
            (Some(ContentFormat::LINK_FORMAT), [3]) => Message::new(Code::CONTENT)
                .content_format(ContentFormat::LINK_FORMAT)
                .payload("</3>,</3/0>"),
            _ => message,
        }
    }

    "client-discovers-all" "lists more than it was asked about" breaks "LW-CLI-04"
    also breaks { "LW-MUL-02" because "the other server sees by a discovery that it is served" }
    caught by { "lwm2m/client/discover" "lwm2m/discovered" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.accept, f.path.ids(), message.code()) {
            (Some(ContentFormat::LINK_FORMAT), [3], Code::CONTENT) => {
                let links = [b"</1/0>,", message.body()].concat();
                message.payload(links)
            }
            _ => message,
        }
    }

    "client-obeys-strangers" "does what anybody asks" breaks "LW-CLI-05"
    caught by {
        "lwm2m/client/stranger" "lwm2m/refused",
        "lwm2m/client/stranger" "lwm2m/unchanged",
    }
    fn is_served(&self, _f: facts::SenderFacts) -> bool { true }

    "client-answers-early" "answers servers that have not confirmed its registration" breaks "LW-CLI-05"
    caught by { "lwm2m/client/too-early" "lwm2m/held" }
    fn is_heard(&self, _f: facts::SenderFacts) -> bool { true }

    "client-writes-anything" "writes what is only to be read" breaks "LW-CLI-06"
    caught by {
        "lwm2m/client/read-only" "lwm2m/refused-with",
        "lwm2m/client/read-only" "lwm2m/unchanged",
    }
    fn is_writable(&self, _operations: Operations) -> bool { true }

    "client-writes-what-it-refuses" "refuses to write what is only to be read, and writes it" breaks "LW-CLI-06"
    caught by { "lwm2m/client/read-only" "lwm2m/unchanged" }
    fn is_writable(&self, _operations: Operations) -> bool { true }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let number = f.method == Code::PUT && matches!(f.path.ids(), [1, _, 0]);
        recoded(message, number, (Code::CHANGED, Code::METHOD_NOT_ALLOWED))
    }

    "client-reads-executables" "answers a read of what can only be executed" breaks "LW-CLI-06"
    caught by { "lwm2m/client/not-readable" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        recoded(message, f.method == Code::GET, (Code::METHOD_NOT_ALLOWED, Code::CONTENT))
    }

    "client-has-two-devices" "creates a second device" breaks "LW-CLI-06"
    caught by {
        "lwm2m/client/one-device" "lwm2m/refused-with",
        "lwm2m/client/one-device" "lwm2m/denied",
    }
    fn refuses_instance(&self, _f: facts::CreateFacts) -> Option<Code> { None }

    "client-deletes-anything" "deletes its device" breaks "LW-CLI-06"
    caught by { "lwm2m/client/device-stays" "lwm2m/refused-with" }
    fn is_deletable(&self, _f: facts::DeleteFacts) -> bool { true }

    "client-shows-keys" "answers a read of its keys" breaks "LW-CLI-06"
    also breaks {
        "LW-SEC-07", "LW-SC-05" because "keys that can be read are out of nobody's reach",
    }
    caught by { "lwm2m/client/keys" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        recoded(message, f.path.object() == Some(0), (Code::UNAUTHORIZED, Code::CONTENT))
    }

    "client-stays-forgotten" "does not register again when its server has forgotten it" breaks "LW-IF2-11"
    caught by { "lwm2m/client-operations/forgotten" "lwm2m/registered-again" }
    fn registers_again(&self, _code: Code) -> bool { false }

    "client-presses" "tries again at once when it is refused" breaks "LW-IF2-11"
    also breaks { "LW-IF1-07" because "who tries for ever has not failed" }
    caught by {
        "lwm2m/client-operations/forbidden" "lwm2m/patient",
        "lwm2m/client-operations/put-off" "lwm2m/patient",
    }
    fn retry_after(&self, _f: facts::RetryFacts) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }

    "client-forgets-to-wait" "tries again after a second or two, however long it is asked to wait" breaks "LW-IF2-11"
    also breaks { "LW-IF1-07" because "who tries for ever has not failed" }
    caught by { "lwm2m/client-operations/put-off" "lwm2m/patient" }
    fn retry_after(&self, _f: facts::RetryFacts) -> Option<Duration> {
        Some(Duration::from_millis(1500))
    }

    "client-hammers" "repeats what nobody answers as fast as before" breaks "LW-IF2-11"
    caught by { "lwm2m/client-operations/silence" "lwm2m/backs-off" }
    fn growth(&self, _usual: u32) -> u32 { 1 }

    "client-never-gives-up" "repeats for ever what nobody answers" breaks "LW-IF2-11"
    caught by { "lwm2m/client-operations/given-up" "lwm2m/gives-up" }
    fn repeats(&self, usual: u32) -> u32 { 3 * usual }

    "client-executes-anything" "executes what is only to be read" breaks "LW-IF3-15"
    caught by { "lwm2m/client-operations/not-executable" "lwm2m/refused-with" }
    fn is_executable(&self, _operations: Operations) -> bool { true }

    "client-any-format" "confirms what it cannot read" breaks "LW-IF3-15"
    also breaks { "LW-IF1-05" because "what a bootstrap brings is confirmed in this way, too" }
    caught by { "lwm2m/client-operations/unknown-format" "lwm2m/refused-with" }
    fn answers(&self, message: Message, _f: facts::AnswerFacts) -> Message {
        recoded(message, true, (Code::UNSUPPORTED_CONTENT_FORMAT, Code::CHANGED))
    }

    "client-own-format" "answers in the format that it likes best" breaks "LW-IF3-15"
    caught by { "lwm2m/client-operations/unanswerable-format" "lwm2m/refused-with" }
    fn format(&self, f: facts::FormatFacts) -> Option<ContentFormat> {
        match f.offered {
            true => Standard.format(f),
            false => Some(f.own),
        }
    }

    "client-any-value" "confirms a value that is none" breaks "LW-IF3-15"
    also breaks {
        "LW-IF1-05" because "what a bootstrap brings is confirmed in this way, too",
        "LW-IF3-16" because "one of several values is confirmed in this way, too",
    }
    caught by {
        "lwm2m/client-operations/bad-value" "lwm2m/refused-with",
        "lwm2m/client-operations/whole-or-not-at-all" "lwm2m/refused-with",
    }
    fn answers(&self, message: Message, _f: facts::AnswerFacts) -> Message {
        recoded(message, true, (Code::BAD_REQUEST, Code::CHANGED))
    }

    "client-does-what-it-refuses" "refuses a value that it cannot read, and takes another" breaks "LW-IF3-15"
    caught by {
        "lwm2m/client-operations/unknown-format" "lwm2m/unchanged",
        "lwm2m/client-operations/bad-value" "lwm2m/unchanged",
    }
    fn reads(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let packet = Packet::parse(datagram).ok()?;
        let format = packet.content_format().ok().flatten();
        let unknown = format == Some(ContentFormat(65_000)) || packet.payload() == b"soon";
        let unknown = unknown && packet.path().count() == 3;
        let mut raw = Raw::dissect(datagram);
        raw.options.clear();
        raw.payload = TAKEN.to_vec();
        let tlv = ContentFormat::LWM2M_TLV.0.to_be_bytes();
        let taken = packet.options().fold(raw, |raw, o| match o.number {
            option::CONTENT_FORMAT => raw.option(o.number, &tlv),
            number => raw.option(number, o.value),
        });
        unknown.then(|| taken.to_bytes())
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let taken = f.format == Some(ContentFormat::LWM2M_TLV) && matches!(f.path.ids(), [1, _, 1]);
        recoded(message, taken, (Code::CHANGED, Code::BAD_REQUEST))
    }

    "client-writes-half" "refuses a write with a bad value, and keeps the good ones" breaks "LW-IF3-16"
    caught by { "lwm2m/client-operations/whole-or-not-at-all" "lwm2m/unchanged" }
    fn reads(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        // From where something begins that is neither true nor false, in SenML JSON.
        let bad = datagram.windows(7).position(|word| word == b"neither")?;
        let begins = datagram[..bad].windows(2).rposition(|pair| pair == b",{")?;
        Some([&datagram[..begins], b"]"].concat())
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let several = f.method == Code::POST && f.path.depth() == 2;
        recoded(message, several, (Code::CHANGED, Code::BAD_REQUEST))
    }

    "client-unobserved" "refuses who wants to observe it" breaks "LW-IF4-11"
    caught by { "lwm2m/client-operations/observed" "lwm2m/observed" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        recoded(message, f.observes, (Code::CONTENT, Code::METHOD_NOT_ALLOWED))
    }

    "client-never-due" "reports only what has changed" breaks "LW-IF4-11"
    caught by { "lwm2m/client-operations/intervals" "lwm2m/spaced" }
    fn latest(&self, _f: facts::PeriodFacts) -> Option<Duration> { None }

    "client-deaf-to-cancels" "reports on when it is asked to stop" breaks "LW-IF4-13"
    caught by { "lwm2m/client-operations/cancelled" "lwm2m/no-more" }
    fn reads(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let packet = Packet::parse(datagram).ok()?;
        let mut raw = Raw::dissect(datagram);
        raw.options.clear();
        // As if it were to begin.
        let begin = packet.options().fold(raw, |raw, o| match o.number {
            option::OBSERVE => raw.option(o.number, &[]),
            number => raw.option(number, o.value),
        });
        (packet.observe() == Ok(Some(1))).then(|| begin.to_bytes())
    }

    "client-deaf-to-resets" "reports on when a report is rejected" breaks "LW-IF4-13"
    caught by { "lwm2m/client-operations/rejected" "lwm2m/no-more" }
    fn reads(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let header = Header::peek(datagram)?;
        (header.ty == Type::Rst).then(Vec::new)
    }

    "client-one-server" "registers with the first of its servers only" breaks "LW-MUL-01"
    also breaks {
        "LW-IF1-03" because "of two accounts that a bootstrap has brought one is used",
        "LW-MUL-02" because "the other server is the one that is left",
    }
    caught by {
        "lwm2m/client/two-servers" "lwm2m/registered-again",
        "lwm2m/client/refused-by-one" "lwm2m/registered-again",
    }
    fn registers_with(&self, server: usize) -> bool { server == 0 }

    "client-discovers-keys" "lists its keys for who discovers them" breaks "LW-SEC-07"
    also breaks { "LW-SC-05" because "keys that are listed are no secret" }
    caught by { "lwm2m/client-security/keys" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let holds = f.path.object() == Some(0) && f.accept == Some(ContentFormat::LINK_FORMAT);
        recoded(message, holds, (Code::UNAUTHORIZED, Code::CONTENT))
    }

    "client-takes-keys" "confirms that a key was written" breaks "LW-SEC-07"
    also breaks { "LW-SC-05" because "a key that anybody changes does not stay where it is" }
    caught by { "lwm2m/client-security/keys" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let holds = f.path.object() == Some(0) && f.path.depth() == 3;
        recoded(message, holds, (Code::UNAUTHORIZED, Code::CHANGED))
    }

    "client-deletes-keys" "confirms that a key was deleted" breaks "LW-SEC-07"
    also breaks { "LW-SC-05" because "a key that anybody deletes does not stay where it is" }
    caught by { "lwm2m/client-security/keys-otherwise" "lwm2m/refused" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let holds = (f.method, f.path.object()) == (Code::DELETE, Some(0));
        recoded(message, holds, (Code::UNAUTHORIZED, Code::DELETED))
    }

    "client-falls-back-to-the-clear" "goes on in the clear when a handshake has failed" breaks "LW-SEC-03"
    caught by { "lwm2m/client-security/server-without-key" "lwm2m/said-nothing" }
    fn seals(&self, f: facts::SealFacts) -> bool { f.keyed && !f.failed }

    "client-keys-unused" "goes in the clear to servers for which its bootstrap has brought keys"
    breaks "LW-IF1-01"
    caught by { "lwm2m/client-security/fresh-keys" "lwm2m/came-sealed" }
    fn seals(&self, f: facts::SealFacts) -> bool { f.failed }

    "client-attaches-to-keys" "takes attributes for its keys" breaks "LW-SEC-07"
    also breaks { "LW-SC-05" because "who attaches attributes wants reports" }
    caught by { "lwm2m/client-security/keys" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let holds = (f.method, f.path.ids()) == (Code::PUT, &[0]);
        recoded(message, holds, (Code::UNAUTHORIZED, Code::CHANGED))
    }

    "client-reports-keys" "reports its keys to who observes them" breaks "LW-SEC-07"
    also breaks { "LW-SC-05" because "keys that are reported do not stay where they are" }
    caught by { "lwm2m/client-security/keys" "lwm2m/refused-with" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        let holds = f.path.object() == Some(0) && f.observes;
        recoded(message, holds, (Code::UNAUTHORIZED, Code::CONTENT))
    }

    "client-lists-keys" "lists its keys among its objects" breaks "LW-SC-05"
    also breaks { "LW-SEC-07" because "what is listed is there to be asked for" }
    caught by { "lwm2m/client-security/keys" "lwm2m/unlisted" }
    fn list(&self, list: ObjectList) -> ObjectList {
        let mut list = list;
        list.items.extend(Path::new(&[0, 0]).map(Item::new));
        list
    }

    "client-shares-attributes" "shows each server the intervals of the first" breaks "LW-MUL-03"
    caught by { "lwm2m/client-servers/own-attributes" "lwm2m/attached" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.accept, f.path.ids()) {
            (Some(ContentFormat::LINK_FORMAT), [3, 0]) => Message::new(Code::CONTENT)
                .content_format(ContentFormat::LINK_FORMAT)
                .payload("</3/0>;pmin=2;pmax=10"),
            _ => message,
        }
    }

    "client-ends-all" "ends all observations where one server ends its own" breaks "LW-MUL-04"
    caught by { "lwm2m/client-servers/own-observations" "lwm2m/reports-on" }
    fn ends(&self, _f: facts::CancelFacts) -> bool { true }

    "client-denies-readers" "lets only who owns it read its device" breaks "LW-MUL-05"
    also breaks {
        "LW-SEC-06" because "the right to read was given",
        "LW-MUL-02" because "that the other server goes on is shown by its reading",
    }
    caught by { "lwm2m/client-servers/rights" "lwm2m/legible" }
    fn is_granted(&self, f: facts::GrantFacts) -> bool {
        Standard.is_granted(f) && f.control.is_none_or(|control| control.owner)
    }

    "client-lets-write" "lets any server write" breaks "LW-MUL-05"
    also breaks { "LW-SEC-06" because "the right to write was not given" }
    caught by {
        "lwm2m/client-servers/rights" "lwm2m/refused-with",
        "lwm2m/client-servers/rights" "lwm2m/unchanged",
    }
    fn is_granted(&self, f: facts::GrantFacts) -> bool { f.needs == 2 || Standard.is_granted(f) }

    "client-lets-delete" "lets any server delete what may be deleted" breaks "LW-MUL-05"
    also breaks { "LW-SEC-06" because "the right to delete was not given" }
    caught by { "lwm2m/client-servers/rights" "lwm2m/refused-with" }
    fn is_granted(&self, f: facts::GrantFacts) -> bool { f.needs == 8 || Standard.is_granted(f) }

    "client-lets-execute" "lets any server execute" breaks "LW-SEC-06"
    also breaks { "LW-MUL-05" because "the right to execute was not given" }
    caught by { "lwm2m/client-servers/rights" "lwm2m/refused-with" }
    fn is_granted(&self, f: facts::GrantFacts) -> bool { f.needs == 4 || Standard.is_granted(f) }

    "client-shows-accounts" "lets any server read" breaks "LW-MUL-06"
    caught by { "lwm2m/client-servers/own-account" "lwm2m/own-account" }
    fn is_granted(&self, f: facts::GrantFacts) -> bool { f.needs == 1 || Standard.is_granted(f) }

    "client-reports-at-once" "reports a change at once" breaks "LW-IF4-11"
    caught by { "lwm2m/client-operations/not-too-soon" "lwm2m/spaced" }
    fn earliest(&self, _f: facts::PeriodFacts) -> Duration { Duration::ZERO }

    "client-keeps-nothing" "drops what it could not report" breaks "LW-IF4-14"
    caught by { "lwm2m/client-operations/kept" "lwm2m/kept" }
    fn keeps_untold(&self, _storing: bool) -> bool { false }

    "client-keeps-all" "keeps what it could not report, though it is to be dropped" breaks "LW-IF4-14"
    caught by { "lwm2m/client-operations/dropped" "lwm2m/kept" }
    fn keeps_untold(&self, _storing: bool) -> bool { true }

    "client-reports-all" "reports every change, whatever was asked for" breaks "LW-IF4-12"
    caught by { "lwm2m/client-operations/thresholds" "lwm2m/exactly" }
    fn is_worth_telling(&self, _f: facts::ChangeFacts) -> bool { true }

    "client-knows-no-steps" "reports what passes a limit, and no steps" breaks "LW-IF4-12"
    caught by { "lwm2m/client-operations/thresholds" "lwm2m/exactly" }
    fn is_worth_telling(&self, f: facts::ChangeFacts) -> bool {
        Standard.is_worth_telling(facts::ChangeFacts { st: None, ..f })
    }

    "client-one-way" "reports what rises above a limit, and not what falls below it" breaks "LW-IF4-12"
    caught by { "lwm2m/client-operations/thresholds" "lwm2m/exactly" }
    fn is_worth_telling(&self, f: facts::ChangeFacts) -> bool {
        let rises = f.old.zip(f.new).is_some_and(|(old, new)| new > old);
        let (gt, lt) = (f.gt.filter(|_| rises), f.lt.filter(|_| rises));
        Standard.is_worth_telling(facts::ChangeFacts { gt, lt, ..f })
    }

    "client-small-steps" "reports half a step" breaks "LW-IF4-12"
    caught by { "lwm2m/client-operations/thresholds" "lwm2m/exactly" }
    fn is_worth_telling(&self, f: facts::ChangeFacts) -> bool {
        let st = f.st.map(|step| step / 2.0);
        Standard.is_worth_telling(facts::ChangeFacts { st, ..f })
    }
};

/// A life time of another minute, in TLV.
const TAKEN: [u8; 3] = [0xc1, 1, 60];

/// A message with another code and nothing else, where it has the one.
pub(super) fn recoded(message: Message, holds: bool, (from, to): (Code, Code)) -> Message {
    match holds && message.code() == from {
        true => Message::new(to),
        false => message,
    }
}

/// A datagram without some of its options; nothing if it has none of them.
fn without(datagram: &[u8], out: impl Fn(&Opt<'_>) -> bool) -> Option<Vec<u8>> {
    let packet = Packet::parse(datagram).ok()?;
    packet.options().find(|o| out(o))?;
    let mut raw = Raw::dissect(datagram);
    raw.options.clear();
    let kept = packet.options().filter(|o| !out(o));
    Some(
        kept.fold(raw, |raw, o| raw.option(o.number, o.value))
            .to_bytes(),
    )
}
