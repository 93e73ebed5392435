//! Decisions that the texts allow as well.

use std::collections::BTreeSet;
use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Message, option};
use twinproof_kernel::Time;
use twinproof_lwm2m::server::rules::{self as facts, Asked, Kind, Rules, Standard};
use twinproof_lwm2m::wire::Version;

use crate::variants::Reads;

/// A reading of the texts that the built-in server does not follow by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reading {
    /// What is nobody's business is answered with 4.05.
    AnythingElseIs405,
    /// What is nobody's business is answered with 4.00.
    AnythingElseIs400,
    /// An answer has the options and the words that a client may leave unread.
    AnswersWithMore,
    /// Who has credentials and comes in the clear is refused with 4.00.
    ClearIs400,
    /// Who has shown to be another is refused with 4.03.
    ImpostorIs403,
    /// A life time that is not said is refused (LW-D24).
    LifetimeDemanded,
    /// A registration lives a while beyond its time.
    LivesLonger,
    /// A missing registration is answered with 4.00 (LW-D10).
    MissingIs400,
    /// What was observed is not observed anew.
    ObservesAnewNever,
    /// One operation at a time goes to a client.
    OneAtATime,
    /// A reading of several values asks for TLV.
    ReadsAsTlv,
    /// A registration without a name is refused with 4.03 (LW-D10).
    NamelessIs403,
    /// A registration with something that is no list is refused with 4.15 (LW-D10).
    NoListIs415,
    /// A version that is not supported is refused with 4.00.
    VersionIs400,
}

impl Reads for Reading {
    fn rules(self) -> &'static [&'static str] {
        match self {
            Self::AnythingElseIs400 | Self::AnythingElseIs405 | Self::AnswersWithMore => {
                &["answers"]
            }
            Self::ClearIs400 | Self::ImpostorIs403 => &["refuses_peer"],
            Self::LifetimeDemanded => &["lifetime"],
            Self::LivesLonger => &["ends"],
            Self::MissingIs400 => &["refuses_location"],
            Self::NamelessIs403 => &["refuses_name"],
            Self::NoListIs415 => &["list"],
            Self::ObservesAnewNever => &["renews"],
            Self::OneAtATime => &["holds"],
            Self::ReadsAsTlv => &["asks"],
            Self::VersionIs400 => &["version"],
        }
    }
}

/// Rules that follow some readings and otherwise the standard.
#[derive(Clone, Debug, Default)]
pub struct Lawful {
    readings: BTreeSet<Reading>,
}

/// How long a registration goes on beyond its time: less than the built-in profile's grace.
const LONGER: Duration = Duration::from_secs(1);

impl Lawful {
    /// Follows a reading from now on.
    pub fn read(&mut self, reading: Reading) {
        self.readings.insert(reading);
    }

    fn reads(&self, reading: Reading) -> bool {
        self.readings.contains(&reading)
    }
}

impl Rules for Lawful {
    fn refuses_name(&self, name: Option<&str>) -> Option<Code> {
        let code = Standard.refuses_name(name)?;
        Some(match self.reads(Reading::NamelessIs403) {
            true => Code::FORBIDDEN,
            false => code,
        })
    }

    fn refuses_peer(&self, facts: facts::PeerFacts) -> Option<Code> {
        let code = Standard.refuses_peer(facts)?;
        Some(match facts.shown {
            true if self.reads(Reading::ImpostorIs403) => Code::FORBIDDEN,
            false if self.reads(Reading::ClearIs400) => Code::BAD_REQUEST,
            _ => code,
        })
    }

    fn lifetime(&self, said: Option<&str>) -> Result<Duration, Code> {
        match said {
            None if self.reads(Reading::LifetimeDemanded) => Err(Code::BAD_REQUEST),
            said => Standard.lifetime(said),
        }
    }

    fn version(&self, facts: facts::VersionFacts<'_>) -> Result<Version, Code> {
        Standard
            .version(facts)
            .map_err(|code| match self.reads(Reading::VersionIs400) {
                true => Code::BAD_REQUEST,
                false => code,
            })
    }

    fn list(
        &self,
        facts: facts::ListFacts<'_>,
    ) -> Result<twinproof_lwm2m::wire::links::ObjectList, Code> {
        Standard
            .list(facts)
            .map_err(|code| match self.reads(Reading::NoListIs415) {
                true => Code::UNSUPPORTED_CONTENT_FORMAT,
                false => code,
            })
    }

    fn ends(&self, facts: facts::LifeFacts) -> Option<Time> {
        let end = Standard.ends(facts)?;
        Some(match self.reads(Reading::LivesLonger) {
            true => end + LONGER,
            false => end,
        })
    }

    fn refuses_location(&self, facts: facts::LocationFacts) -> Option<Code> {
        let code = Standard.refuses_location(facts)?;
        Some(match self.reads(Reading::MissingIs400) {
            true => Code::BAD_REQUEST,
            false => code,
        })
    }

    fn renews(&self, facts: facts::RenewFacts) -> bool {
        Standard.renews(facts) && !self.reads(Reading::ObservesAnewNever)
    }

    fn holds(&self, facts: facts::HoldFacts) -> bool {
        let busy = facts.under_way > 0 && self.reads(Reading::OneAtATime);
        Standard.holds(facts) || busy
    }

    fn answers(&self, message: Message, facts: facts::AnswerFacts) -> Message {
        let other = facts.asked == Asked::Other;
        let code = if other && self.reads(Reading::AnythingElseIs400) {
            Some(Code::BAD_REQUEST)
        } else if other && self.reads(Reading::AnythingElseIs405) {
            Some(Code::METHOD_NOT_ALLOWED)
        } else {
            None
        };
        let message = code.map_or(message, Message::new);
        match self.reads(Reading::AnswersWithMore) {
            false => message,
            true if message.code().is_error() => message.payload("not like this"),
            // Elective, and without a meaning in an answer without a body.
            true => message.uint(option::MAX_AGE, 30),
        }
    }

    fn asks(&self, message: Message, facts: facts::AskFacts) -> Message {
        let several = message.values(option::URI_PATH).count() < 3;
        let free = message.values(option::ACCEPT).next().is_none();
        match facts.kind == Kind::Read && several && free && self.reads(Reading::ReadsAsTlv) {
            true => message.accept(ContentFormat::LWM2M_TLV),
            false => message,
        }
    }
}
