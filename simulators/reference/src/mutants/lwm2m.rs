//! Broken LwM2M servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Message, OptionNumber, Type, option};
use twinproof_kernel::Time;
use twinproof_lwm2m::server::rules::{self as facts, Asked, Kind, Rules, Standard};
use twinproof_lwm2m::upper::{Answer, CancelBy, Reply};
use twinproof_lwm2m::wire::links::ObjectList;
use twinproof_lwm2m::wire::{Value, Version};

use super::{Mutant, mutants};

/// Objects that our registry defines.
const KNOWN: [u16; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 26_241];

/// What fits into one block.
const BLOCK: usize = 1_024;

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "location-missing" "confirms a registration and does not say where it is" breaks "LW-SRV-01"
    also breaks {
        "LW-IF2-01", "LW-IF2-08", "LW-IF2-12", "LW-SRV-05", "LW-SRV-06"
        because "every registration that is looked at is confirmed in this way",
        "LW-SRV-07"
        because "where it stands is seen from a confirmed registration",
    }
    caught by {
        "lwm2m/server/registration-answered" "lwm2m/registered",
        "lwm2m/management/registers-and-manages" "lwm2m/registered",
        "lwm2m/registration/operator-sees-the-registration" "lwm2m/registered",
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match f.asked {
            Asked::Register => Message::new(message.code()),
            _ => message,
        }
    }

    "name-optional" "registers a device that has no endpoint name" breaks "LW-SRV-03"
    caught by { "lwm2m/server/no-registration-without-name" "lwm2m/refused-with" }
    fn refuses_name(&self, _name: Option<&str>) -> Option<Code> { None }

    "version-optional" "registers a device that does not say which version it speaks" breaks "LW-SRV-03"
    caught by { "lwm2m/server/no-registration-without-version" "lwm2m/refused-with" }
    fn version(&self, f: facts::VersionFacts<'_>) -> Result<Version, Code> {
        match f.said {
            None => Ok(f.own),
            Some(_) => Standard.version(f),
        }
    }

    "list-optional" "registers a device that sends no list of objects" breaks "LW-SRV-03"
    caught by { "lwm2m/server/no-registration-without-list" "lwm2m/refused-with" }
    fn list(&self, f: facts::ListFacts<'_>) -> Result<ObjectList, Code> {
        Ok(Standard.list(f).unwrap_or_default())
    }

    "life-time-demanded" "refuses a device that does not say how long its registration lives" breaks "LW-SRV-03"
    caught by { "lwm2m/server/default-life-time" "lwm2m/default-taken" }
    fn lifetime(&self, said: Option<&str>) -> Result<Duration, Code> {
        match said {
            None => Err(Code::BAD_REQUEST),
            said => Standard.lifetime(said),
        }
    }

    "any-version" "registers a device that speaks a version which it does not support" breaks "LW-SRV-04"
    caught by { "lwm2m/server/newer-version-refused" "lwm2m/refused-with" }
    fn version(&self, f: facts::VersionFacts<'_>) -> Result<Version, Code> {
        f.said.and_then(|said| said.parse().ok()).ok_or(Code::BAD_REQUEST)
    }

    "unknown-object-refused" "refuses a registration for an object that it does not know" breaks "LW-SRV-05"
    caught by { "lwm2m/server/unknown-objects-accepted" "lwm2m/registered" }
    fn list(&self, f: facts::ListFacts<'_>) -> Result<ObjectList, Code> {
        let list = Standard.list(f)?;
        let mut objects = list.items.iter().filter_map(|item| item.path.object());
        match objects.all(|object| KNOWN.contains(&object)) {
            true => Ok(list),
            false => Err(Code::BAD_REQUEST),
        }
    }

    "answers-like-a-client" "answers a read as if it were a device" breaks "LW-SRV-08"
    caught by { "lwm2m/server/plays-no-client" "lwm2m/refused" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match f.asked {
            Asked::Other => Message::new(Code::CONTENT).payload("Twinproof"),
            _ => message,
        }
    }

    "sleepers-unknown" "takes a device in queue mode for one that always listens" breaks "LW-IF2-01"
    also breaks { "LW-IF3-13" because "what sleeps has to be known for it" }
    caught by {
        "lwm2m/registration/operator-sees-the-registration" "lwm2m/shown",
        "lwm2m/queue/waits-for-the-device" "lwm2m/pending",
    }
    fn queue_mode(&self, f: facts::BindingFacts<'_>) -> Result<bool, Code> {
        Standard.queue_mode(f).map(|_| false)
    }

    "update-in-vain" "confirms an update and lets the registration end all the same" breaks "LW-IF2-04"
    caught by { "lwm2m/registration/update-keeps-alive" "lwm2m/confirmed" }
    fn ends(&self, f: facts::LifeFacts) -> Option<Time> { Some(f.registered + f.lifetime) }

    "lifetime-fixed" "confirms a new life time and keeps the old" breaks "LW-IF2-05"
    caught by { "lwm2m/registration/new-lifetime-counts" "lwm2m/confirmed" }
    fn lifetime_after(&self, old: Duration, _said: Option<Duration>) -> Duration { old }

    "lists-merged" "adds a new list to the old" breaks "LW-IF2-05"
    caught by { "lwm2m/registration/new-list-replaces-the-old" "lwm2m/shown" }
    fn list_after(&self, old: Arc<ObjectList>, said: Option<Arc<ObjectList>>) -> Arc<ObjectList> {
        let mut merged = Arc::unwrap_or_clone(old);
        merged.items.extend(said.iter().flat_map(|list| list.items.iter().cloned()));
        merged.into()
    }

    "update-answered-otherwise" "confirms an update with the code of a read" breaks "LW-IF2-05"
    also breaks {
        "LW-IF2-04", "LW-IF2-09", "LW-IF2-14", "LW-SRV-02"
        because "every update is confirmed in this way",
        "LW-SEC-02" because "who still has a name is seen from its update",
    }
    caught by {
        "lwm2m/registration/new-list-replaces-the-old" "lwm2m/confirmed",
        "lwm2m/registration/location-is-honoured" "lwm2m/confirmed",
    }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match (f.asked, message.code()) {
            (Asked::Update, Code::CHANGED) => Message::new(Code::CONTENT),
            _ => message,
        }
    }

    "lives-for-ever" "keeps a registration whose life time is over" breaks "LW-IF2-06"
    caught by { "lwm2m/registration/ends-with-its-lifetime" "lwm2m/refused-with" }
    fn ends(&self, _f: facts::LifeFacts) -> Option<Time> { None }

    "leaving-answered-otherwise" "confirms that a device leaves with the code of a change" breaks "LW-IF2-07"
    caught by { "lwm2m/registration/leaving-is-confirmed" "lwm2m/confirmed" }
    fn answers(&self, message: Message, f: facts::AnswerFacts) -> Message {
        match f.asked {
            Asked::Deregister => Message::new(Code::CHANGED),
            _ => message,
        }
    }

    "leaves-in-vain" "confirms that a device has left and keeps its registration" breaks "LW-IF2-07"
    also breaks {
        "LW-IF2-03" because "who is still registered is managed",
        "LW-IF4-10" because "who is still registered is listened to",
        "LW-REL-06" because "who is still registered is managed",
    }
    caught by {
        "lwm2m/registration/who-has-left-is-gone" "lwm2m/refused-with",
        "lwm2m/registration/who-has-left-is-not-managed" "lwm2m/not-managed",
        "lwm2m/applications/absent-device" "lwm2m/not-managed",
    }
    fn removes(&self, _f: facts::LocationFacts) -> bool { false }

    "registered-twice" "keeps the old registration of a device beside the new" breaks "LW-IF2-08"
    caught by {
        "lwm2m/registration/second-registration-replaces-the-first" "lwm2m/refused-with",
        "lwm2m/registration/second-registration-replaces-the-first" "lwm2m/shown",
    }
    fn replaces(&self, _f: facts::ReplaceFacts) -> bool { false }

    "location-forgotten" "does not find a registration where it has put it" breaks "LW-IF2-09"
    also breaks {
        "LW-IF2-05", "LW-IF2-07", "LW-SRV-02"
        because "what is not found is neither changed nor removed",
        "LW-IF2-14" because "that registrations are kept is seen from their updates",
        "LW-IF3-13" because "an update is how a device shows itself",
        "LW-SEC-02" because "who still has a name is seen from its update",
    }
    caught by { "lwm2m/registration/location-is-honoured" "lwm2m/confirmed" }
    fn refuses_location(&self, _f: facts::LocationFacts) -> Option<Code> { Some(Code::NOT_FOUND) }

    "reads-elsewhere" "reads another resource than the operator asked for" breaks "LW-IF3-01"
    also breaks {
        "LW-IF2-02", "LW-IF2-10", "LW-IF2-13", "LW-IF3-02", "LW-IF3-08", "LW-IF3-09", "LW-IF3-10",
        "LW-IF3-12", "LW-IF3-13", "LW-IF3-14", "LW-REL-03", "LW-SRV-06"
        because "whatever is read is read elsewhere",
        "LW-CLI-02", "LW-IF3-17"
        because "whatever is read is read elsewhere",
    }
    caught by {
        "lwm2m/management/read-a-resource" "lwm2m/carried",
        "lwm2m/management/read-an-instance" "lwm2m/carried",
        "lwm2m/management/late-answer" "lwm2m/carried",
        "lwm2m/management/registers-and-manages" "lwm2m/carried",
    }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match f.kind {
            Kind::Read => Message::new(Code::GET).path("/3/0/1"),
            _ => message,
        }
    }

    "values-swallowed" "shows the operator that a read has succeeded, and no value" breaks "LW-IF3-01"
    also breaks {
        "LW-IF2-02", "LW-IF2-10", "LW-IF2-13", "LW-IF3-02", "LW-IF3-09", "LW-IF3-10", "LW-IF3-12",
        "LW-IF3-13", "LW-IF3-14", "LW-IF4-01", "LW-REL-03", "LW-SRV-06"
        because "no value that is read is shown",
        "LW-CLI-02", "LW-IF3-17", "LW-IF4-16"
        because "no value that is read is shown",
    }
    caught by {
        "lwm2m/management/read-a-resource" "lwm2m/told",
        "lwm2m/management/read-an-instance" "lwm2m/told",
        "lwm2m/management/format-of-the-device" "lwm2m/told",
        "lwm2m/management/late-answer" "lwm2m/told",
        "lwm2m/reporting/begins" "lwm2m/told",
        "lwm2m/registration/not-led-away" "lwm2m/told",
        "lwm2m/registration/device-moves" "lwm2m/told",
        "lwm2m/management/unknown-object" "lwm2m/told",
        "lwm2m/queue/waits-for-the-device" "lwm2m/told",
        "lwm2m/applications/many-answer-for-themselves" "lwm2m/told",
        "lwm2m/management/registers-and-manages" "lwm2m/told",
    }
    fn tells(&self, answer: Answer, _f: facts::TellFacts) -> Answer {
        match answer {
            Answer::Reply(reply) => Answer::Reply(Reply { values: Vec::new(), ..reply }),
            other => other,
        }
    }

    "writes-the-other-way" "replaces where it should update, and updates where it should replace" breaks "LW-IF3-03"
    also breaks {
        "LW-IF3-10", "LW-REL-01" because "something is written in their scenarios",
        "LW-IF3-17"
        because "several places are written neither way",
    }
    caught by {
        "lwm2m/applications/reaches-a-device" "lwm2m/carried",
        "lwm2m/management/write-a-resource" "lwm2m/carried",
        "lwm2m/management/update-an-instance" "lwm2m/carried",
    }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match (f.kind, message.code()) {
            (Kind::Write, Code::PUT) => changed(&message, Code::POST, |_| true),
            (Kind::Write, _) => changed(&message, Code::PUT, |_| true),
            _ => message,
        }
    }

    "arguments-lost" "executes without the arguments" breaks "LW-IF3-04"
    also breaks { "LW-IF3-12" because "they are lost whatever the link" }
    caught by { "lwm2m/management/execute" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match f.kind {
            Kind::Execute => message.payload(""),
            _ => message,
        }
    }

    "reads-to-discover" "reads where it should discover" breaks "LW-IF3-06"
    caught by { "lwm2m/management/discover" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match f.kind {
            Kind::Discover => changed(&message, Code::GET, |number| number != option::ACCEPT),
            _ => message,
        }
    }

    "attributes-lost" "writes attributes without any" breaks "LW-IF3-07"
    caught by { "lwm2m/management/write-attributes" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match f.kind {
            Kind::WriteAttributes => {
                changed(&message, Code::PUT, |number| number != option::URI_QUERY)
            }
            _ => message,
        }
    }

    "links-lost" "shows the operator that a discovery has succeeded, and no link" breaks "LW-IF3-06"
    caught by { "lwm2m/management/discover" "lwm2m/told" }
    fn tells(&self, answer: Answer, _f: facts::TellFacts) -> Answer {
        match answer {
            Answer::Reply(reply) => Answer::Reply(Reply { links: None, ..reply }),
            other => other,
        }
    }

    "all-is-well" "shows every answer of a device as a success of a read" breaks "LW-IF3-08"
    also breaks {
        "LW-IF3-03", "LW-IF3-04", "LW-IF3-05", "LW-IF3-07", "LW-IF3-10", "LW-IF3-12", "LW-REL-01"
        because "what is done is shown as a read as well",
        "LW-IF3-17"
        because "what is done is shown as a read as well",
    }
    caught by {
        "lwm2m/management/refusal-is-shown" "lwm2m/told",
        "lwm2m/management/write-a-resource" "lwm2m/told",
        "lwm2m/management/update-an-instance" "lwm2m/told",
        "lwm2m/management/execute" "lwm2m/told",
        "lwm2m/management/write-attributes" "lwm2m/told",
        "lwm2m/management/create" "lwm2m/told",
        "lwm2m/management/delete" "lwm2m/told",
        "lwm2m/management/long-value-written" "lwm2m/told",
        "lwm2m/management/small-blocks-written" "lwm2m/told",
        "lwm2m/applications/reaches-a-device" "lwm2m/told",
    }
    fn tells(&self, answer: Answer, _f: facts::TellFacts) -> Answer {
        match answer {
            Answer::Reply(reply) => Answer::Reply(Reply { code: Code::CONTENT, ..reply }),
            other => other,
        }
    }

    "long-list-refused" "refuses a list that came in more than one block" breaks "LW-IF2-12"
    caught by { "lwm2m/registration/long-list-in-blocks" "lwm2m/registered" }
    fn list(&self, f: facts::ListFacts<'_>) -> Result<ObjectList, Code> {
        match f.body.len() > BLOCK {
            true => Err(Code::REQUEST_ENTITY_TOO_LARGE),
            false => Standard.list(f),
        }
    }

    "observes-by-reading" "reads where it should observe" breaks "LW-IF4-01"
    also breaks {
        "LW-IF4-16"
        because "several places are observed in the same way",
    }
    caught by { "lwm2m/reporting/begins" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match f.kind {
            Kind::Observe => changed(&message, Code::GET, |number| number != option::OBSERVE),
            _ => message,
        }
    }

    "reports-lost" "tells its operator nothing of what devices report" breaks "LW-IF4-02"
    also breaks {
        "LW-IF4-03", "LW-IF4-04", "LW-IF4-05", "LW-IF4-06", "LW-IF4-07", "LW-IF4-08", "LW-IF4-10",
        "LW-REL-05"
        because "some report is to be seen in each of their scenarios",
        "LW-IF4-15", "LW-IF4-16"
        because "what several places report, and what is sent unasked, is lost as well",
    }
    caught by {
        "lwm2m/reporting/at-intervals" "lwm2m/reported",
        "lwm2m/reporting/of-an-event" "lwm2m/reported",
        "lwm2m/reporting/overtaken" "lwm2m/reported",
        "lwm2m/reporting/numbers-begin-anew" "lwm2m/reported",
        "lwm2m/reporting/confirmed" "lwm2m/reported",
        "lwm2m/reporting/ended" "lwm2m/reported",
        "lwm2m/reporting/unknown" "lwm2m/reported",
        "lwm2m/reporting/error" "lwm2m/reported",
        "lwm2m/reporting/who-has-left" "lwm2m/reported",
        "lwm2m/applications/many-report" "lwm2m/reported",
    }
    fn is_told(&self, _f: facts::ToldFacts) -> bool { false }

    "old-is-news" "shows a report that was overtaken as if it were the newest" breaks "LW-IF4-04"
    caught by {
        "lwm2m/reporting/overtaken" "lwm2m/reported",
        "lwm2m/reporting/numbers-begin-anew" "lwm2m/reported",
    }
    fn is_news(&self, f: facts::NewsFacts) -> bool { f.expected && !f.copy }

    "greater-is-newer" "takes a report for old whose number is less, also when numbers begin anew" breaks "LW-IF4-04"
    caught by { "lwm2m/reporting/numbers-begin-anew" "lwm2m/reported" }
    fn is_news(&self, f: facts::NewsFacts) -> bool { f.expected && !f.copy && f.got > f.newest }

    "reports-unconfirmed" "acknowledges no report" breaks "LW-IF4-05"
    caught by { "lwm2m/reporting/confirmed" "lwm2m/acknowledged" }
    fn confirms(&self, f: facts::ConfirmFacts) -> Option<Type> {
        (!f.expected).then_some(Type::Rst)
    }

    "copies-unconfirmed" "acknowledges a report, and not when it comes again" breaks "LW-IF4-05"
    caught by { "lwm2m/reporting/confirmed" "lwm2m/acknowledged" }
    fn confirms(&self, f: facts::ConfirmFacts) -> Option<Type> {
        match f.copy {
            true => None,
            false => Standard.confirms(f),
        }
    }

    "copies-are-news" "shows a report twice that came twice" breaks "LW-IF4-05"
    caught by { "lwm2m/reporting/confirmed" "lwm2m/reported" }
    fn is_news(&self, f: facts::NewsFacts) -> bool { f.expected && f.newer }

    "ends-in-vain" "says that a report is over, and goes on listening" breaks "LW-IF4-06"
    also breaks {
        "LW-IF4-16"
        because "so it is with several places",
    }
    caught by {
        "lwm2m/reporting/ended" "lwm2m/stopped",
        "lwm2m/reporting/ended" "lwm2m/reported",
    }
    fn cancels(&self, _by: CancelBy) -> Option<CancelBy> { None }

    "anything-is-news" "acknowledges and shows what nobody observes" breaks "LW-IF4-07"
    also breaks {
        "LW-IF4-06", "LW-IF4-08" because "a report that is over is one that nobody observes",
        "LW-IF4-16"
        because "so it is with several places",
    }
    caught by {
        "lwm2m/reporting/unknown" "lwm2m/rejected",
        "lwm2m/reporting/unknown" "lwm2m/reported",
    }
    fn is_news(&self, f: facts::NewsFacts) -> bool { f.newer && !f.copy }
    fn confirms(&self, f: facts::ConfirmFacts) -> Option<Type> {
        f.confirmable.then_some(Type::Ack)
    }

    "errors-overheard" "goes on listening after a device has reported an error" breaks "LW-IF4-08"
    caught by {
        "lwm2m/reporting/error" "lwm2m/rejected",
        "lwm2m/reporting/error" "lwm2m/reported",
    }
    fn ends_observation(&self, code: Code) -> bool { code.is_success() }

    "never-renewed" "forgets what was observed when a device registers anew" breaks "LW-IF4-09"
    caught by { "lwm2m/reporting/renewed" "lwm2m/renewed" }
    fn renews(&self, _f: facts::RenewFacts) -> bool { false }

    "hears-who-has-left" "shows what a device reports that has left" breaks "LW-IF4-10"
    caught by { "lwm2m/reporting/who-has-left" "lwm2m/reported" }
    fn observes_on(&self, _f: facts::ToldFacts) -> bool { true }
    fn is_told(&self, _f: facts::ToldFacts) -> bool { true }

    "led-away" "lets a device update the registration of another" breaks "LW-IF2-10"
    caught by { "lwm2m/registration/not-led-away" "lwm2m/reached" }
    fn refuses_location(&self, f: facts::LocationFacts) -> Option<Code> {
        (!f.known).then_some(Code::NOT_FOUND)
    }

    "never-moves" "looks for a device where it was when it registered" breaks "LW-IF2-13"
    caught by { "lwm2m/registration/device-moves" "lwm2m/reached" }
    fn address_after(&self, f: facts::MoveFacts) -> SocketAddr { f.old }

    "room-for-thirty-two" "forgets the oldest registration when there are more than 32" breaks "LW-IF2-14"
    caught by { "lwm2m/registration/many-are-kept" "lwm2m/still-known" }
    fn makes_room(&self, f: facts::CrowdFacts) -> bool { f.registered > 32 }

    "creates-nothing" "creates an instance without saying what is in it" breaks "LW-IF3-05"
    caught by { "lwm2m/management/create" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match f.kind {
            Kind::Create => message.payload(""),
            _ => message,
        }
    }

    "deletes-too-much" "deletes all instances of an object where it should delete one" breaks "LW-IF3-05"
    caught by { "lwm2m/management/delete" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match f.kind {
            Kind::Delete => Message::new(Code::DELETE).path("/26241"),
            _ => message,
        }
    }

    "writes-one-block" "writes the first block of a long value" breaks "LW-IF3-10"
    caught by {
        "lwm2m/management/long-value-written" "lwm2m/in-blocks",
        "lwm2m/management/small-blocks-written" "lwm2m/in-blocks",
    }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        let cut = message.body().get(..BLOCK).map(<[u8]>::to_vec);
        match (f.kind, cut) {
            (Kind::Write, Some(cut)) => message.payload(cut),
            _ => message,
        }
    }

    "reads-one-block" "shows the first block of a long value" breaks "LW-IF3-10"
    caught by {
        "lwm2m/management/long-value-read" "lwm2m/told",
        "lwm2m/management/small-blocks-read" "lwm2m/told",
    }
    fn tells(&self, answer: Answer, _f: facts::TellFacts) -> Answer {
        let Answer::Reply(mut reply) = answer else {
            return answer;
        };
        for entry in &mut reply.values {
            if let Some(Value::String(text)) = &mut entry.value {
                text.truncate(BLOCK);
            }
        }
        Answer::Reply(reply)
    }

    "only-what-it-knows" "manages no object that is none of the enabler's" breaks "LW-IF3-14"
    also breaks { "LW-IF3-05" because "such an object is where an instance is created and deleted" }
    caught by { "lwm2m/management/unknown-object" "lwm2m/carried" }
    fn is_managed(&self, f: facts::ManageFacts) -> bool {
        f.registered && f.object.is_none_or(|object| object < 8)
    }

    "wakes-sleepers" "sends requests to a device that sleeps" breaks "LW-IF3-13"
    caught by { "lwm2m/queue/waits-for-the-device" "lwm2m/pending" }
    fn holds(&self, _f: facts::HoldFacts) -> bool { false }

    "sleepers-forgotten" "keeps for ever what waits for a device that sleeps" breaks "LW-IF3-13"
    caught by { "lwm2m/queue/waits-for-the-device" "lwm2m/in-turn" }
    fn holds(&self, f: facts::HoldFacts) -> bool { f.queue_mode }

    "all-at-once" "sends all that waits for a device at once" breaks "LW-IF3-13"
    caught by { "lwm2m/queue/waits-for-the-device" "lwm2m/in-turn" }
    fn holds(&self, f: facts::HoldFacts) -> bool {
        f.queue_mode && (f.silent || f.since >= f.awake)
    }

    "waiting-is-done" "says that an operation is done which waits" breaks "LW-IF3-13"
    caught by { "lwm2m/queue/waits-for-the-device" "lwm2m/pending" }
    fn tells(&self, answer: Answer, _f: facts::TellFacts) -> Answer {
        match answer {
            Answer::Kept { .. } => Answer::Done,
            other => other,
        }
    }

    "one-client-per-address" "forgets who registered from the same address and another port" breaks "LW-CLI-02"
    caught by {
        "lwm2m/registration/two-at-one-address" "lwm2m/reached",
        "lwm2m/registration/two-at-one-address" "lwm2m/shown",
    }
    fn replaces(&self, f: facts::ReplaceFacts) -> bool { f.same_name || f.same_host }

    "several-places-unnamed" "reads several places at once without naming them" breaks "LW-IF3-17"
    caught by { "lwm2m/composite/read" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match (f.kind, message.code()) {
            (Kind::Read, Code::FETCH) => message.payload(""),
            _ => message,
        }
    }

    "several-places-unwritten" "writes several places at once without saying what" breaks "LW-IF3-17"
    caught by { "lwm2m/composite/write" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match (f.kind, message.code()) {
            (Kind::Write, Code::IPATCH) => message.payload(""),
            _ => message,
        }
    }

    "several-places-unwatched" "reads several places where it should observe them" breaks "LW-IF4-16"
    caught by { "lwm2m/composite/observe" "lwm2m/carried" }
    fn asks(&self, message: Message, f: facts::AskFacts) -> Message {
        match (f.kind, message.code()) {
            (Kind::Observe, Code::FETCH) => {
                changed(&message, Code::FETCH, |number| number != option::OBSERVE)
            }
            _ => message,
        }
    }

    "sends-refused" "takes no value that a device sends by itself" breaks "LW-IF4-15"
    caught by {
        "lwm2m/send/taken" "lwm2m/confirmed",
        "lwm2m/send/taken-as-text" "lwm2m/confirmed",
    }
    fn refuses_values(&self, _f: facts::SendFacts) -> Option<Code> {
        Some(Code::METHOD_NOT_ALLOWED)
    }

    "sends-in-one-format" "takes what a device sends in one format only" breaks "LW-IF4-15"
    caught by { "lwm2m/send/taken-as-text" "lwm2m/confirmed" }
    fn refuses_values(&self, f: facts::SendFacts) -> Option<Code> {
        match f.format {
            Some(ContentFormat::SENML_JSON) => Some(Code::UNSUPPORTED_CONTENT_FORMAT),
            _ => Standard.refuses_values(f),
        }
    }

    "sends-of-strangers" "takes what a device sends that is not registered" breaks "LW-IF4-15"
    caught by { "lwm2m/send/who-has-left" "lwm2m/refused-with" }
    fn refuses_values(&self, f: facts::SendFacts) -> Option<Code> {
        match f.registered {
            true => Standard.refuses_values(f),
            false => None,
        }
    }

    "sends-of-anything" "takes values of objects that a device has not registered" breaks "LW-IF4-15"
    caught by { "lwm2m/send/unlisted-object" "lwm2m/refused-with" }
    fn refuses_values(&self, f: facts::SendFacts) -> Option<Code> {
        Standard.refuses_values(facts::SendFacts { listed: true, ..f })
    }

    "newest-is-asked" "sends whatever is asked to the device that registered last" breaks "LW-REL-03"
    also breaks {
        "LW-IF2-10" because "two devices are registered, and the other one is the newest",
        "LW-IF2-13" because "where a device is now is not where it registered",
        "LW-CLI-02"
        because "two devices are registered, and the other one is the newest",
    }
    caught by { "lwm2m/applications/many-answer-for-themselves" "lwm2m/reached" }
    fn goes_to(&self, f: facts::PlaceFacts) -> SocketAddr { f.newest }
};

/// The message with another code, and with the options that `keep` keeps.
fn changed(message: &Message, code: Code, keep: impl Fn(OptionNumber) -> bool) -> Message {
    let options = option::TABLE.iter().map(|known| known.number);
    let kept = options.filter(|number| keep(*number));
    kept.flat_map(|number| message.values(number).map(move |value| (number, value)))
        .fold(Message::new(code), |all, (number, value)| {
            all.option(number, value)
        })
        .payload(message.body())
}
