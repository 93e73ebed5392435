//! Broken DM servers.

use std::num::NonZeroU16;

use twinproof_dm::carrier::sip::Message as Push;
use twinproof_dm::notification::Trigger;
use twinproof_dm::notification::wanted::Wanted;
use twinproof_dm::server::rules::decide::{Rules, Standard};
use twinproof_dm::server::rules::{Fate, Heard, Turn, Unread};
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{AlertCode, Command, Cred, Data, Item, Message, StatusCode};

use super::super::{Mutant, mutants};
use super::{answering, restated, without};

/// All of them.
pub(in super::super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "dm-server-skips-header" "gives no status for headers" breaks "DM-SRV-01"
    also breaks {
        "DM-SRV-02", "DM-SRV-03" because "what it thinks of credentials is the status of a header",
    }
    caught by { "dm/server/every-command-answered" "dm/answered" }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Status(s) if s.cmd_ref == "0"))
    }

    "dm-server-confirms-nothing" "gives no status for what a device says" breaks "DM-SRV-01"
    also breaks {
        "DM-SRV-06", "DM-SRV-07", "DM-SRV-10", "DM-SRV-13" because "whether it took what a device says is said by a status",
    }
    caught by { "dm/server/every-command-answered" "dm/answered" }
    fn says(&self, message: Message) -> Message {
        without(message, |c| matches!(c, Command::Status(s) if s.cmd_ref != "0"))
    }

    "dm-server-numbers-twice" "gives all its statuses one number" breaks "DM-SRV-01"
    caught by { "dm/server/numbers" "dm/numbered" }
    fn says(&self, message: Message) -> Message {
        restated(message, |status| status.cmd_id = "1".to_owned())
    }

    "dm-server-believes-anybody" "believes every device" breaks "DM-SRV-02"
    caught by {
        "dm/server/no-credentials" "dm/challenged",
        "dm/server/wrong-password" "dm/challenged",
        "dm/server/others-credentials" "dm/challenged",
    }
    fn believes(&self, _facts: ProofFacts) -> StatusCode { StatusCode::AUTHENTICATED }

    "dm-server-believes-what-is-shown" "believes a device that shows any credentials" breaks "DM-SRV-02"
    caught by {
        "dm/server/wrong-password" "dm/challenged",
        "dm/server/others-credentials" "dm/challenged",
    }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        Standard.believes(ProofFacts { right: facts.given, ..facts })
    }

    "dm-server-heeds-anybody" "refuses a device and goes on with it" breaks "DM-SRV-02"
    caught by { "dm/server/no-credentials" "dm/challenged" }
    fn heeds(&self, _header: StatusCode) -> bool { true }

    "dm-server-mixes-devices" "tells a device what another one is to do that is in a session, too" breaks "DM-SRV-11"
    caught by { "dm/server/at-once" "dm/apart" }
    fn keeps_apart(&self, _at_once: bool) -> bool { false }

    "dm-server-is-not-there" "does not answer where it wants to be spoken to" breaks "DM-SRV-12"
    also breaks {
        "DM-SRV-01", "DM-SRV-02", "DM-SRV-03", "DM-SRV-04", "DM-SRV-05", "DM-SRV-06", "DM-SRV-07", "DM-SRV-08",
        "DM-SRV-09", "DM-SRV-10", "DM-SRV-11", "DM-SRV-13", "DM-SRV-14", "DM-SRV-15", "DM-SRV-40", "DM-SRV-41"
        because "no session of more than a message goes on",
    }
    caught by { "dm/server/elsewhere" "dm/goes-on" }
    fn hears_there(&self, _wanted: bool) -> bool { false }

    "dm-server-believes-nobody" "refuses the credentials of every device" breaks "DM-SRV-03"
    also breaks {
        "DM-SRV-04", "DM-SRV-05", "DM-SRV-06", "DM-SRV-07", "DM-SRV-11"
        because "who is refused cannot be managed, and is not heard",
    }
    caught by { "dm/server/credentials" "dm/accepted" }
    fn believes(&self, _facts: ProofFacts) -> StatusCode { StatusCode::INVALID_CREDENTIALS }

    "dm-server-repeats-itself" "sends a command again that was carried out" breaks "DM-SRV-04"
    also breaks {
        "DM-SRV-11" because "each of two devices is told more than was meant for it",
        "DM-SRV-14" because "what a device refuses is sent again, too",
    }
    caught by {
        "dm/server/operator" "dm/sent",
        "dm/server/operator" "dm/ended",
        "dm/gateways/fan-out" "dm/sent",
    }
    fn becomes(&self, _executed: bool) -> Fate { Fate::Waits }

    "dm-server-remembers" "sends a command again in the next session that was carried out" breaks "DM-SRV-04"
    caught by {
        "dm/server/operator" "dm/not-repeated",
        "dm/gateways/fan-out" "dm/not-repeated",
    }
    fn becomes(&self, _executed: bool) -> Fate { Fate::Kept }

    "dm-server-ends-open" "does not close its last package" breaks "DM-SRV-04"
    also breaks { "DM-SRV-14" because "a session with a device that refuses everything has an end like any other" }
    caught by { "dm/server/operator" "dm/ended" }
    fn says(&self, message: Message) -> Message {
        let statuses = message.commands.iter().all(|c| matches!(c, Command::Status(_)));
        Message { is_final: message.is_final && !statuses, ..message }
    }

    "dm-server-impatient" "goes on before a device has said everything" breaks "DM-SRV-05"
    caught by { "dm/server/two-messages" "dm/patient" }
    fn turn(&self, heard: Heard) -> Turn {
        Standard.turn(Heard { closed: true, ..heard })
    }

    "dm-server-takes-no-reports" "says of reports that it does not know what they are" breaks "DM-SRV-06"
    caught by {
        "dm/server/report" "dm/told",
        "dm/gateways/attached" "dm/told",
        "dm/gateways/fan-out" "dm/told",
    }
    fn alerted(&self, code: AlertCode) -> StatusCode {
        match code {
            AlertCode::GENERIC => StatusCode::FEATURE_NOT_SUPPORTED,
            code => Standard.alerted(code),
        }
    }

    "dm-server-stumbles-over-events" "says of events of clients that they are not there" breaks "DM-SRV-13"
    caught by { "dm/server/event" "dm/told" }
    fn alerted(&self, code: AlertCode) -> StatusCode {
        match code {
            AlertCode::CLIENT_EVENT => StatusCode::NOT_FOUND,
            code => Standard.alerted(code),
        }
    }

    "dm-server-insists" "sends a command again that a device refused" breaks "DM-SRV-14"
    caught by { "dm/server/refused" "dm/ended" }
    fn accepts(&self, code: StatusCode) -> bool {
        code.is_success() || code == StatusCode::NOT_FOUND
    }

    "dm-server-reports-success" "tells its operator that everything was done" breaks "DM-SRV-14"
    caught by { "dm/server/refusals-told" "dm/recorded" }
    fn tells(&self, _code: StatusCode) -> StatusCode { StatusCode::OK }

    "dm-server-mixes-results" "takes what a device says for what another one says" breaks "DM-SRV-14"
    caught by { "dm/server/told-apart" "dm/recorded" }
    fn credits(&self, _own: bool) -> bool { false }

    "dm-server-shows-another-password" "shows credentials that no device believes" breaks "DM-SRV-15"
    also breaks {
        "DM-SRV-04", "DM-SRV-06", "DM-SRV-11", "DM-SRV-14"
        because "a device that does not believe its server does nothing for it",
    }
    caught by { "dm/server/believed" "dm/proven" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        let wrong = |cred| Cred { data: Data::base64(&[0; 16]), ..cred };
        message.header.cred = message.header.cred.map(wrong);
        message
    }

    "dm-server-believed-for-good" "shows who it is once where it is believed for a message" breaks "DM-SRV-15"
    caught by { "dm/server/each-message" "dm/proven-each" }
    fn says(&self, message: Message) -> Message {
        let mut message = message;
        let first = message.header.msg_id == "1";
        message.header.cred = message.header.cred.filter(|_| first);
        message
    }

    "dm-server-cuts-anyway" "sends values in parts to a device that said that it takes none" breaks "DM-HLF-009"
    caught by { "dm/server/nothing-in-parts" "dm/nothing-in-parts" }
    fn splits(&self, _denied: bool) -> bool { true }

    "dm-server-obeys" "does what a device wants" breaks "DM-SRV-07"
    caught by { "dm/server/device-wants" "dm/told" }
    fn commanded(&self, _command: &'static str, _about_itself: bool) -> StatusCode {
        StatusCode::OK
    }

    "dm-server-stops-for-good" "hears nobody any more after a message that it cannot read" breaks "DM-SRV-40"
    caught by {
        "dm/hostile-devices/grows" "dm/lives-on",
        "dm/hostile-devices/deep" "dm/lives-on",
        "dm/hostile-devices/large" "dm/lives-on",
        "dm/hostile-devices/broken" "dm/lives-on",
    }
    fn refuses(&self, facts: Unread) -> Option<u16> {
        match facts.before {
            0 => Standard.refuses(facts),
            _ => Some(503),
        }
    }

    "dm-server-hears-twice" "takes what comes again for something new, and whatever is shown" breaks "DM-SRV-41"
    also breaks { "DM-SRV-02" because "what comes again shows what is not right any more" }
    caught by { "dm/hostile-devices/replayed" "dm/replayed" }
    fn repeats(&self, _seen_before: bool) -> bool { false }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        Standard.believes(ProofFacts { right: facts.given, ..facts })
    }

    "dm-server-confirms-parts" "says of a part of a value that it is all" breaks "DM-SRV-10"
    caught by { "dm/server/parts" "dm/takes-parts" }
    fn says(&self, message: Message) -> Message {
        answering(message, StatusCode::OK, |status| status.code == StatusCode::CHUNK_ACCEPTED)
    }

    "dm-server-wordy" "says more than a device can take" breaks "DM-SRV-08"
    caught by { "dm/server/small-messages" "dm/fits" }
    fn says(&self, message: Message) -> Message {
        restated(message, |status| {
            status.items.push(Item::default().with_text("x".repeat(1_000)));
        })
    }

    "dm-server-forges" "makes notifications that no device believes" breaks "DM-SRV-09"
    also breaks { "DM-HLF-003" because "what goes by SIP is the same notification" }
    caught by { "dm/server/wakes" "dm/woke" }
    fn wakes(&self, signed: Vec<u8>) -> Vec<u8> {
        let mut signed = signed;
        signed.iter_mut().take(1).for_each(|octet| *octet ^= 1);
        signed
    }

    "dm-server-announces-another" "announces another session than it was asked for" breaks "DM-SRV-09"
    also breaks { "DM-HLF-003" because "what goes by SIP is the same notification" }
    caught by { "dm/server/wakes" "dm/woke" }
    fn announces(&self, trigger: Trigger) -> Trigger {
        Trigger { session_id: NonZeroU16::MAX, ..trigger }
    }

    "dm-server-sends-a-letter" "says of a notification by SIP that it is a text" breaks "DM-HLF-003"
    caught by { "dm/server/wakes-by-sip" "dm/brought" }
    fn brings(&self, push: Push) -> Push {
        Push { content_type: "text/plain".to_owned(), ..push }
    }

    "dm-server-endless" "does not say until when a notification counts" breaks "DM-HLF-006"
    caught by { "dm/server/wakes-until" "dm/asks" }
    fn asks(&self, wanted: Wanted) -> Wanted { Wanted { expires: None, ..wanted } }

    "dm-server-gives-no-reason" "does not say why it wants a session" breaks "DM-HLF-007"
    caught by { "dm/server/wakes-saying-why" "dm/asks" }
    fn asks(&self, wanted: Wanted) -> Wanted { Wanted { reason: None, ..wanted } }

    "dm-server-comes-as-it-may" "does not say how a device is to show who it is" breaks "DM-HLF-014"
    caught by { "dm/server/wakes-saying-how" "dm/asks" }
    fn asks(&self, wanted: Wanted) -> Wanted { Wanted { authentication: None, ..wanted } }

    "dm-server-any-way" "does not say by which transport a device is to come" breaks "DM-HLF-014"
    caught by { "dm/server/wakes-saying-how" "dm/asks" }
    fn asks(&self, wanted: Wanted) -> Wanted { Wanted { transport: None, ..wanted } }

    "dm-server-wants-no-details" "does not say which details it wants" breaks "DM-HLF-015"
    caught by { "dm/server/wakes-for-detail" "dm/asks" }
    fn asks(&self, wanted: Wanted) -> Wanted { Wanted { nodes: Vec::new(), ..wanted } }
};
