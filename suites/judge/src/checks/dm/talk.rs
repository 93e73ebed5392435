//! What two sides said to each other in messages of DM.

use twinproof_dm::syncml::{Command, Message, Parsed, Status, StatusCode};
use twinproof_dm::{Encoding, Limits, wbxml, xml};
use twinproof_evidence::Verdict;

use super::Session;
use crate::checks::Found;
use crate::scene::{SUT, Scene};

/// A message.
pub(super) struct Said {
    /// The exchange that it is of.
    pub(super) number: u64,
    /// Whether the system under test said it.
    pub(super) by_sut: bool,
    pub(super) parsed: Parsed,
}

impl Said {
    pub(super) fn message(&self) -> &Message {
        &self.parsed.message
    }

    pub(super) fn id(&self) -> &str {
        &self.message().header.msg_id
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = &Status> {
        self.message().commands.iter().filter_map(|c| match c {
            Command::Status(status) => Some(&**status),
            _ => None,
        })
    }

    /// Its commands but for statuses and results, those inside others too.
    pub(super) fn commands(&self) -> Vec<&Command> {
        let mut all = Vec::new();
        collect(&self.message().commands, &mut all);
        all.retain(|c| !matches!(c, Command::Status(_) | Command::Results(_)));
        all
    }
}

fn collect<'m>(commands: &'m [Command], all: &mut Vec<&'m Command>) {
    for command in commands {
        all.push(command);
        if let Command::Atomic(block) | Command::Sequence(block) = command {
            collect(&block.commands, all);
        }
    }
}

/// A session as it was said. Only the system under test can have `broken` something.
pub(super) struct Talk {
    pub(super) said: Vec<Said>,
    /// What of the system under test is no message: the exchange, and why.
    pub(super) broken: Option<(u64, String)>,
}

/// The message in a body.
///
/// # Errors
///
/// The media type is not one of DM, or the body is no message of it.
pub fn message(content_type: &str, body: &[u8]) -> Result<Parsed, String> {
    let encoding = Encoding::from_content_type(content_type)
        .ok_or_else(|| format!("a body of the type {content_type:?}"))?;
    let element = encoding.read(body, &Limits::default());
    let parsed = element.and_then(|element| Message::from_element(&element));
    parsed.map_err(|error| format!("a message that cannot be read: {error}"))
}

/// A body in WBXML as a person can read it: the same in XML.
pub fn reading(content_type: &str, body: &[u8]) -> Option<String> {
    let encoding = Encoding::from_content_type(content_type)?;
    (encoding == Encoding::Wbxml).then_some(())?;
    let read = wbxml::read(body, Some(&wbxml::SYNCML), &Limits::default());
    xml::write(&read.ok()?.root).ok()
}

fn type_of<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> &'h str {
    let mut headers = headers.into_iter();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
    found.map_or("", |(_, value)| value)
}

impl Session {
    /// What was said in it.
    pub(super) fn talk(&self, scene: &Scene) -> Talk {
        let mut talk = Talk {
            said: Vec::new(),
            broken: None,
        };
        let upto = self.upto.unwrap_or(u64::MAX);
        let exchanges = scene.exchanges.values().filter(|exchange| {
            let (from, to) = (exchange.from.as_str(), exchange.to.as_str());
            exchange.number > self.after
                && exchange.number <= upto
                && [(SUT, self.party.as_str()), (self.party.as_str(), SUT)].contains(&(from, to))
        });
        for exchange in exchanges {
            let headers = exchange
                .headers
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()));
            let asks = message(type_of(headers), &exchange.body.octets());
            let by_sut = exchange.from == SUT;
            talk.take(exchange.number, by_sut, asks);
            let Some(response) = &exchange.response else {
                continue;
            };
            let answers = match response.status {
                200 => message(type_of(response.headers.iter()), &response.body),
                status => Err(format!("HTTP {status}")),
            };
            talk.take(exchange.number, !by_sut, answers);
        }
        talk
    }

    /// Looks at it, where the system under test said anything, and nothing but messages.
    pub(super) fn with(
        &self,
        scene: &Scene,
        expected: impl Into<String>,
        look: impl FnOnce(&Talk, String) -> Found,
    ) -> Found {
        let (talk, expected) = (self.talk(scene), expected.into());
        if let Some((number, why)) = &talk.broken {
            return Found::decide(false, expected, why.clone()).shown_by([*number]);
        }
        if !talk.said.iter().any(|said| said.by_sut) {
            return Found::inconclusive(expected, "no message of the system under test");
        }
        let found = look(&talk, expected);
        match found.evidence.is_empty() && found.verdict != Verdict::Inconclusive {
            true => found.shown_by(talk.numbers()),
            false => found,
        }
    }
}

impl Talk {
    fn take(&mut self, number: u64, by_sut: bool, read: Result<Parsed, String>) {
        match read {
            Ok(parsed) => self.said.push(Said {
                number,
                by_sut,
                parsed,
            }),
            Err(why) if by_sut => {
                self.broken.get_or_insert((number, why));
            }
            Err(_) => {}
        }
    }

    /// The exchanges, each once.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.said.iter().map(|said| said.number).collect();
        numbers.dedup();
        numbers
    }

    /// The statuses that one side gave to a command of the other's message.
    pub(super) fn statuses_of<'t>(
        &'t self,
        msg: &'t Said,
        cmd_id: &'t str,
    ) -> impl Iterator<Item = (&'t Said, &'t Status)> {
        let answers = self.said.iter().filter(|said| said.by_sut != msg.by_sut);
        answers
            .flat_map(|said| said.statuses().map(move |status| (said, status)))
            .filter(move |(_, s)| s.msg_ref == msg.id() && s.cmd_ref == cmd_id)
    }

    /// The codes of the header of a message, as the other side gave them.
    pub(super) fn verdicts_on(&self, msg: &Said) -> Vec<StatusCode> {
        let found = self.statuses_of(msg, "0");
        found.map(|(_, status)| status.code).collect()
    }

    /// The last command of this name and target that the tester sent, in the message that it is of.
    pub(super) fn command(&self, name: &str, uri: Option<&str>) -> Option<(&Said, &Command)> {
        let theirs = self.said.iter().filter(|said| !said.by_sut);
        let mut all = theirs.flat_map(|said| said.commands().into_iter().map(move |c| (said, c)));
        let aims = |command: &Command| {
            let targets = command.items().iter().filter_map(|i| i.target.as_ref());
            uri.is_none_or(|uri| targets.into_iter().any(|target| target.uri == uri))
        };
        all.rfind(|(_, command)| command.name() == name && aims(command))
    }
}

/// Codes in words.
pub(super) fn words(codes: &[StatusCode]) -> String {
    match codes {
        [] => "none".to_owned(),
        codes => {
            let all: Vec<String> = codes.iter().map(ToString::to_string).collect();
            all.join(", ")
        }
    }
}
