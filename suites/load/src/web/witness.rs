//! What devices of DM are told by whoever manages them, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use twinproof_dm::syncml::{Command, Message};
use twinproof_dm::{Encoding, Limits};
use twinproof_kernel::http::Response;

use crate::jury::{Broken, Judgement, Rule};

/// All devices that are watched, and what was wrong.
#[derive(Default)]
pub(super) struct Witnesses {
    devices: BTreeMap<u32, Witness>,
    requests: u64,
    answers: u64,
    broken: BTreeMap<Rule, Broken>,
}

/// What a device was told, by numbers that nothing else has.
#[derive(Default)]
pub(super) struct Witness {
    /// What it was told in the last message, and answers in the one that it sends now.
    answering: BTreeSet<u64>,
    /// What it has answered, and whoever told it has taken that.
    answered: BTreeSet<u64>,
}

impl Witnesses {
    /// A session of a device begins: what was not taken of the one before may be told again.
    pub(super) fn begins(&mut self, number: u32) {
        self.devices.entry(number).or_default().answering.clear();
    }

    /// A device is told something: the message, if it is one.
    pub(super) fn hears(
        &mut self,
        number: u32,
        response: &Response,
    ) -> Option<(Message, &mut Witness)> {
        self.requests += 1;
        let message = read(response)?;
        self.answers += 1;
        let witness = self.devices.entry(number).or_default();
        // Who does not believe a message has not taken what it says.
        if is_taken(&message) {
            witness.answered.append(&mut witness.answering);
        }
        Some((message, witness))
    }

    /// Something was wrong at a device, at this moment: what was expected and what there was, and what was said on either side.
    pub(super) fn breaks(
        &mut self,
        rule: Rule,
        (device, at): (&str, Duration),
        found: (String, String),
        said: (&[u8], &[u8]),
    ) {
        let new = || Broken::new(rule, (device.to_owned(), at), found, said);
        self.broken.entry(rule).or_insert_with(new).times += 1;
    }

    pub(super) fn judgement(&self) -> Judgement {
        Judgement {
            devices: self.devices.len() as u64,
            requests: self.requests,
            answers: self.answers,
            broken: self.broken.values().cloned().collect(),
            ..Judgement::default()
        }
    }
}

impl Witness {
    /// It is told a command. If it was told that before, what was expected and what there was; `what` is what the command is
    /// called.
    pub(super) fn is_told(&mut self, number: u64, what: &str) -> Result<(), (String, String)> {
        let again = self.answered.contains(&number);
        if !again && self.answering.insert(number) {
            return Ok(());
        }
        let expected = match again {
            true => format!("{what} once: it was answered"),
            false => format!("{what} once in a message"),
        };
        Err((expected, "it again".to_owned()))
    }
}

fn read(response: &Response) -> Option<Message> {
    let kind = response.headers.first("Content-Type")?;
    let limits = Limits::default();
    let element = Encoding::from_content_type(kind)?
        .read(&response.body, &limits)
        .ok()?;
    Some(Message::from_element(element).ok()?.message)
}

/// Whether a server says of the header of a message that it heeds it.
fn is_taken(message: &Message) -> bool {
    message.commands.iter().any(|command| {
        matches!(command, Command::Status(status) if status.cmd_ref == "0" && status.code.is_success())
    })
}
