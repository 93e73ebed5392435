//! Decisions that the texts allow as well.

use std::collections::BTreeSet;

use twinproof_dm::server::rules::decide::{Rules, Standard};
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{AlertCode, Message, StatusCode};
use twinproof_dm::wbxml::Form;

use super::super::Reads;
use super::wire::turned;

/// A reading of the texts that the built-in server does not follow by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reading {
    /// Who is believed is believed for this message only, and shows it again in the next.
    BelievesEachTime,
    /// A command that no device may send is answered with 400.
    CommandsAre400,
    /// A command that no device may send is answered with 406.
    CommandsAre406,
    /// Elements have another order than the grammar gives them.
    OrderTurned,
    /// A report is taken, and looked at later.
    ReportsAccepted,
    /// A report of a type that nobody knows is refused for that.
    ReportsUnknown,
    /// A header does not say how large an object may be.
    SaysLess,
    /// No message says where the next one goes: it goes where the first went.
    SaysNowhere,
    /// Credentials are shown with every message.
    ShowsAgain,
}

impl Reads for Reading {
    fn rules(self) -> &'static [&'static str] {
        match self {
            Self::BelievesEachTime => &["believes"],
            Self::CommandsAre400 | Self::CommandsAre406 => &["commanded"],
            Self::OrderTurned => &["writes"],
            Self::ReportsAccepted | Self::ReportsUnknown => &["alerted"],
            Self::SaysLess | Self::SaysNowhere => &["says"],
            Self::ShowsAgain => &["shows"],
        }
    }
}

/// Rules that follow some readings and otherwise the standard.
#[derive(Clone, Debug, Default)]
pub struct Lawful {
    readings: BTreeSet<Reading>,
    form: Form,
}

impl Lawful {
    /// Follows a reading from now on.
    pub fn read(&mut self, reading: Reading) {
        self.readings.insert(reading);
    }

    /// The same, for a server that writes WBXML like this.
    #[must_use]
    pub fn writing(self, form: Form) -> Self {
        Self { form, ..self }
    }

    fn reads(&self, reading: Reading) -> bool {
        self.readings.contains(&reading)
    }
}

impl Rules for Lawful {
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        match Standard.believes(facts) {
            StatusCode::AUTHENTICATED if self.reads(Reading::BelievesEachTime) => StatusCode::OK,
            code => code,
        }
    }

    fn alerted(&self, code: AlertCode) -> StatusCode {
        match code {
            AlertCode::GENERIC if self.reads(Reading::ReportsAccepted) => StatusCode::ACCEPTED,
            AlertCode::GENERIC if self.reads(Reading::ReportsUnknown) => {
                StatusCode::UNSUPPORTED_TYPE_OR_FORMAT
            }
            code => Standard.alerted(code),
        }
    }

    fn commanded(&self, command: &'static str, about_itself: bool) -> StatusCode {
        match Standard.commanded(command, about_itself) {
            StatusCode::OK => StatusCode::OK,
            _ if self.reads(Reading::CommandsAre400) => StatusCode::BAD_REQUEST,
            _ if self.reads(Reading::CommandsAre406) => StatusCode::FEATURE_NOT_SUPPORTED,
            code => code,
        }
    }

    fn says(&self, message: Message) -> Message {
        let mut message = message;
        let header = &mut message.header;
        if self.reads(Reading::SaysNowhere) {
            header.resp_uri = None;
        }
        if self.reads(Reading::SaysLess)
            && let Some(meta) = &mut header.meta
        {
            meta.max_obj_size = None;
            header.meta = header
                .meta
                .take()
                .filter(|meta| meta.max_msg_size.is_some());
        }
        message
    }

    fn shows(&self, accepted: bool) -> bool {
        Standard.shows(accepted) || self.reads(Reading::ShowsAgain)
    }

    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        match self.reads(Reading::OrderTurned) {
            true => turned(octets, &self.form),
            false => octets,
        }
    }
}
