//! Decisions that the texts allow as well.

use std::collections::BTreeSet;

use twinproof_dm::client::rules::decide as sessions;
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::store::rules::NodeFacts;
use twinproof_dm::store::rules::decide as trees;
use twinproof_dm::syncml::{AlertCode, Command, Message, StatusCode};
use twinproof_dm::wbxml::{Form, Strings};

use super::super::Reads;
use super::super::dm::wire::{dressed, told_once, turned};

/// A reading of the texts that the built-in client does not follow by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reading {
    /// Addresses do not begin with the root's point.
    AddressesShort,
    /// Who is believed is believed for this message only, and shows it again in the next.
    BelievesEachTime,
    /// A command that DM does not have is answered with 406.
    CommandsAre406,
    /// The first message in XML has a document type, a comment and white space.
    Dressed,
    /// A session begins after each bootstrap.
    BeginsAnyway,
    /// A document is asked for as if it were new.
    FetchesAll,
    /// The user may enter one PIN.
    OnePin,
    /// Commands are numbered, from nine, ninety-nine and so on down.
    NumbersElsewhere,
    /// Elements have another order than the grammar gives them.
    OrderTurned,
    /// That a node is permanent does not show: nobody has the right to remove it.
    PermanentIsDenied,
    /// What was read comes after all statuses.
    ResultsLast,
    /// Credentials are shown with every message.
    ShowsAgain,
    /// What is said of data is said once, by the command.
    TellsOnce,
    /// The next message is not asked for where there is something else to say.
    WaitsSilently,
}

impl Reads for Reading {
    fn rules(self) -> &'static [&'static str] {
        match self {
            Self::AddressesShort
            | Self::CommandsAre406
            | Self::NumbersElsewhere
            | Self::ResultsLast
            | Self::TellsOnce
            | Self::WaitsSilently => &["says"],
            Self::BeginsAnyway => &["begins_after"],
            Self::BelievesEachTime => &["believes"],
            Self::FetchesAll => &["asks_with"],
            Self::OnePin => &["asks_pin_again"],
            Self::Dressed | Self::OrderTurned => &["writes"],
            Self::PermanentIsDenied => &["delete"],
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

    /// The same, for a client that writes WBXML like this.
    #[must_use]
    pub fn writing(self, form: Form) -> Self {
        Self { form, ..self }
    }

    fn reads(&self, reading: Reading) -> bool {
        self.readings.contains(&reading)
    }
}

fn asks_for_more(command: &Command) -> bool {
    matches!(command, Command::Alert(alert) if alert.code == AlertCode::NEXT_MESSAGE)
}

/// A client sends no blocks, and nobody but the server looks at these numbers.
fn numbered_elsewhere(command: &mut Command) {
    let id = match command {
        Command::Alert(alert) => &mut alert.cmd_id,
        Command::Replace(request) => &mut request.cmd_id,
        Command::Results(results) => &mut results.cmd_id,
        Command::Status(status) => &mut status.cmd_id,
        _ => return,
    };
    let number = id.parse::<u32>().unwrap_or_default();
    // As many digits as before: what was measured must not grow.
    let least = number
        .checked_ilog10()
        .map_or(0, |digits| 10_u32.pow(digits));
    *id = (least * 11 - 1 - number).to_string();
}

fn addressed_shortly(command: &mut Command) {
    let items = match command {
        Command::Replace(request) => &mut request.items,
        Command::Results(results) => &mut results.items,
        _ => return,
    };
    for source in items.iter_mut().filter_map(|item| item.source.as_mut()) {
        if let Some(short) = source.uri.strip_prefix("./") {
            source.uri = short.to_owned();
        }
    }
}

impl sessions::Rules for Lawful {
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        match sessions::Standard.believes(facts) {
            StatusCode::AUTHENTICATED if self.reads(Reading::BelievesEachTime) => StatusCode::OK,
            code => code,
        }
    }

    fn says(&self, message: Message) -> Message {
        let mut message = message;
        if self.reads(Reading::ResultsLast) {
            message.commands.sort_by_key(|command| match command {
                Command::Results(_) => 1,
                command if asks_for_more(command) => 2,
                _ => 0,
            });
        }
        if self.reads(Reading::WaitsSilently) {
            let read = |command: &Command| matches!(command, Command::Results(_));
            let more = message.commands.iter().any(read);
            message
                .commands
                .retain(|command| !more || !asks_for_more(command));
        }
        for command in &mut message.commands {
            // Other numbers share other texts of a table, and what was measured must not grow.
            if self.reads(Reading::NumbersElsewhere) && self.form.strings == Strings::Inline {
                numbered_elsewhere(command);
            }
            if self.reads(Reading::AddressesShort) {
                addressed_shortly(command);
            }
            if let Command::Status(status) = command
                && status.cmd == "Put"
                && self.reads(Reading::CommandsAre406)
            {
                status.code = StatusCode::FEATURE_NOT_SUPPORTED;
            }
        }
        match self.reads(Reading::TellsOnce) {
            true => told_once(message),
            false => message,
        }
    }

    fn begins_after(&self, demanded: bool) -> bool {
        sessions::Standard.begins_after(demanded) || self.reads(Reading::BeginsAnyway)
    }

    fn asks_with(&self, tag: Option<String>) -> Option<String> {
        tag.filter(|_| !self.reads(Reading::FetchesAll))
    }

    fn asks_pin_again(&self, tried: u32) -> bool {
        sessions::Standard.asks_pin_again(tried) && !self.reads(Reading::OnePin)
    }

    fn shows(&self, accepted: bool) -> bool {
        sessions::Standard.shows(accepted) || self.reads(Reading::ShowsAgain)
    }

    fn writes(&self, octets: Vec<u8>) -> Vec<u8> {
        let octets = match self.reads(Reading::OrderTurned) {
            true => turned(octets, &self.form),
            false => octets,
        };
        match self.reads(Reading::Dressed) {
            true => dressed(octets),
            false => octets,
        }
    }
}

impl trees::Rules for Lawful {
    fn delete(&self, facts: NodeFacts) -> StatusCode {
        match trees::Standard.delete(facts) {
            StatusCode::COMMAND_NOT_ALLOWED
                if facts.permanent && self.reads(Reading::PermanentIsDenied) =>
            {
                StatusCode::PERMISSION_DENIED
            }
            code => code,
        }
    }
}
