//! Decisions that the texts allow as well.

use std::collections::BTreeSet;
use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Message, option};
use twinproof_lwm2m::device::rules::{self as facts, Rules, Standard};
use twinproof_lwm2m::wire::Version;
use twinproof_lwm2m::wire::links::ObjectList;

use crate::variants::Reads;

/// A reading of the texts that the built-in client does not follow by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reading {
    /// The list of objects begins with the formats that the client has.
    AnnouncesFormats,
    /// An answer has the options and the words that a server may leave unread.
    AnswersWithMore,
    /// Single values are TLV where nothing else is asked for.
    AnswersInTlv,
    /// Several values are SenML JSON where nothing else is asked for.
    AnswersInJson,
    /// The links of a discovery stand below the alternate path, which the list does not say.
    DiscoversBelow,
    /// The links of a discovery stand below no alternate path.
    DiscoversWithout,
    /// Notifications are to be acknowledged.
    ConfirmsReports,
    /// What is not lawful is answered with 4.00 (LW-D10).
    ErrorsAre400,
    /// What is not lawful is answered with 4.04 (LW-D10).
    ErrorsAre404,
    /// The list of objects descends.
    ListDescends,
    /// A registration that was refused is not tried again.
    NeverAgain,
    /// What the query of a registration need not say is left out, and the rest has another order.
    QueryIsShort,
    /// What is due to be reported is reported by clocks that count whole seconds.
    ReportsLate,
    /// Requests before the registration is confirmed are refused.
    RefusesEarly,
    /// Requests before the registration is confirmed are rejected.
    RejectsEarly,
    /// Strangers are rejected.
    RejectsStrangers,
    /// A registration that was refused is soon tried again.
    SoonAgain,
    /// Strangers are not heard.
    StrangersUnheard,
    /// The registration is updated every few seconds.
    UpdatesOften,
    /// There is no TLV, which LwM2M 1.1 leaves open.
    WithoutTlv,
}

impl Reads for Reading {
    fn rules(self) -> &'static [&'static str] {
        match self {
            Self::AnnouncesFormats | Self::ListDescends => &["list"],
            Self::AnswersWithMore
            | Self::DiscoversBelow
            | Self::DiscoversWithout
            | Self::ErrorsAre400
            | Self::ErrorsAre404 => &["answers"],
            Self::AnswersInTlv | Self::AnswersInJson => &["format"],
            Self::ConfirmsReports => &["confirms"],
            Self::NeverAgain | Self::SoonAgain => &["retry_after"],
            Self::QueryIsShort => &["parameters"],
            Self::ReportsLate => &["earliest", "latest"],
            Self::RefusesEarly => &["is_heard", "is_served", "turns_away"],
            Self::RejectsEarly => &["is_heard", "is_served"],
            Self::RejectsStrangers => &["turns_away"],
            Self::StrangersUnheard => &["is_heard"],
            Self::UpdatesOften => &["update_after"],
            Self::WithoutTlv => &["has_format"],
        }
    }
}

/// Rules that follow some readings and otherwise the standard.
#[derive(Clone, Debug, Default)]
pub struct Lawful {
    readings: BTreeSet<Reading>,
}

/// By how much a clock that counts whole seconds may be late.
const LATE: Duration = Duration::from_secs(1);

/// How soon a registration that was refused is tried again.
const SOON: Duration = Duration::from_secs(2);

/// How often the registration is updated.
const OFTEN: Duration = Duration::from_secs(3);

impl Lawful {
    /// Follows a reading from now on.
    pub fn read(&mut self, reading: Reading) {
        self.readings.insert(reading);
    }

    fn reads(&self, reading: Reading) -> bool {
        self.readings.contains(&reading)
    }

    /// A discovery without the link that says what the alternate path is.
    fn relinked(&self, message: Message) -> Message {
        let text = String::from_utf8_lossy(message.body()).into_owned();
        let Some((first, rest)) = text
            .split_once(',')
            .filter(|(first, _)| first.contains("oma.lwm2m"))
        else {
            return message;
        };
        let root = first.split(['<', '>']).nth(1).unwrap_or_default();
        let links = match self.reads(Reading::DiscoversWithout) {
            true => rest.replace(&format!("<{root}/"), "</"),
            false => rest.to_owned(),
        };
        message.payload(links)
    }
}

impl Rules for Lawful {
    fn parameters(&self, facts: facts::RegisterFacts<'_>) -> Vec<String> {
        let mut query = Standard.parameters(facts);
        if self.reads(Reading::QueryIsShort) {
            query.retain(|argument| argument != "b=U");
            query.reverse();
        }
        query
    }

    fn list(&self, list: ObjectList) -> ObjectList {
        let mut list = Standard.list(list);
        if self.reads(Reading::ListDescends) {
            list.items.reverse();
        }
        if self.reads(Reading::AnnouncesFormats) {
            list.formats = vec![ContentFormat::SENML_CBOR, ContentFormat::SENML_JSON];
        }
        list
    }

    fn update_after(&self, facts: facts::LifetimeFacts) -> Duration {
        match self.reads(Reading::UpdatesOften) {
            true => OFTEN,
            false => Standard.update_after(facts),
        }
    }

    fn retry_after(&self, facts: facts::RetryFacts) -> Option<Duration> {
        match () {
            () if self.reads(Reading::NeverAgain) => None,
            () if self.reads(Reading::SoonAgain) => Some(facts.asked.unwrap_or(SOON)),
            () => Standard.retry_after(facts),
        }
    }

    fn is_heard(&self, facts: facts::SenderFacts) -> bool {
        let early = self.reads(Reading::RefusesEarly) || self.reads(Reading::RejectsEarly);
        match facts.known {
            true => early || Standard.is_heard(facts),
            false => Standard.is_heard(facts) && !self.reads(Reading::StrangersUnheard),
        }
    }

    fn is_served(&self, facts: facts::SenderFacts) -> bool {
        let early = self.reads(Reading::RefusesEarly) || self.reads(Reading::RejectsEarly);
        Standard.is_served(facts) && (facts.registered || !early)
    }

    fn turns_away(&self, facts: facts::SenderFacts) -> Option<Code> {
        match facts.known {
            true if self.reads(Reading::RefusesEarly) => Some(Code::UNAUTHORIZED),
            false if self.reads(Reading::RejectsStrangers) => None,
            _ => Standard.turns_away(facts),
        }
    }

    fn has_format(&self, facts: facts::OfferFacts) -> bool {
        let left_out = facts.format == ContentFormat::LWM2M_TLV && facts.version > Version::V1_0;
        Standard.has_format(facts) && !(left_out && self.reads(Reading::WithoutTlv))
    }

    fn format(&self, facts: facts::FormatFacts) -> Option<ContentFormat> {
        let own = Standard.format(facts)?;
        let own = match (facts.accept, own) {
            (None, ContentFormat::TEXT)
                if self.reads(Reading::AnswersInTlv) && !self.reads(Reading::WithoutTlv) =>
            {
                ContentFormat::LWM2M_TLV
            }
            (None, ContentFormat::SENML_CBOR) if self.reads(Reading::AnswersInJson) => {
                ContentFormat::SENML_JSON
            }
            (_, own) => own,
        };
        Some(own)
    }

    fn earliest(&self, facts: facts::PeriodFacts) -> Duration {
        let earliest = Standard.earliest(facts);
        match self.reads(Reading::ReportsLate) {
            true => earliest + LATE,
            false => earliest,
        }
    }

    fn latest(&self, facts: facts::PeriodFacts) -> Option<Duration> {
        let latest = Standard.latest(facts)?;
        Some(match self.reads(Reading::ReportsLate) {
            true => latest + LATE,
            false => latest,
        })
    }

    fn confirms(&self, asked: bool) -> bool {
        Standard.confirms(asked) || self.reads(Reading::ConfirmsReports)
    }

    fn answers(&self, message: Message, facts: facts::AnswerFacts) -> Message {
        let message = Standard.answers(message, facts);
        let disputable = message.code().is_error();
        let code = if disputable && self.reads(Reading::ErrorsAre400) {
            Some(Code::BAD_REQUEST)
        } else if disputable && self.reads(Reading::ErrorsAre404) {
            Some(Code::NOT_FOUND)
        } else {
            None
        };
        let message = code.map_or(message, Message::new);
        let links = message.code() == Code::CONTENT
            && facts.accept == Some(ContentFormat::LINK_FORMAT)
            && (self.reads(Reading::DiscoversBelow) || self.reads(Reading::DiscoversWithout));
        let message = match links {
            true => self.relinked(message),
            false => message,
        };
        match self.reads(Reading::AnswersWithMore) {
            false => message,
            true if message.code().is_error() => message.payload("not like this"),
            true => message.uint(option::MAX_AGE, 30),
        }
    }
}
