//! What two sides said to each other in messages of DM.

use std::collections::BTreeMap;

use twinproof_dm::syncml::{AlertCode, Command, Item, Message, Parsed, Status, StatusCode};
use twinproof_dm::{Encoding, Limits, wbxml, xml};
use twinproof_evidence::Verdict;

use super::Session;
use crate::checks::Found;
use crate::scene::{Exchange, SUT, Scene};

/// A message.
pub(in crate::checks) struct Said {
    /// The exchange that it is of.
    pub(in crate::checks) number: u64,
    /// Whether the system under test said it.
    pub(in crate::checks) by_sut: bool,
    pub(in crate::checks) parsed: Parsed,
}

impl Said {
    pub(in crate::checks) fn message(&self) -> &Message {
        &self.parsed.message
    }

    pub(in crate::checks) fn id(&self) -> &str {
        &self.message().header.msg_id
    }

    pub(in crate::checks) fn statuses(&self) -> impl Iterator<Item = &Status> {
        self.message().commands.iter().filter_map(|c| match c {
            Command::Status(status) => Some(&**status),
            _ => None,
        })
    }

    /// Whether it has an alert of one of these codes.
    pub(in crate::checks) fn alerts(&self, codes: &[AlertCode]) -> bool {
        let mut commands = self.message().commands.iter();
        commands.any(|c| matches!(c, Command::Alert(alert) if codes.contains(&alert.code)))
    }

    /// Its commands but for statuses and results, those inside others too.
    pub(in crate::checks) fn commands(&self) -> Vec<&Command> {
        let mut all = Vec::new();
        collect(&self.message().commands, &mut all);
        all.retain(|c| !matches!(c, Command::Status(_) | Command::Results(_)));
        all
    }
}

/// The way to a node from the root on: `./A/B` and `A/B` are one address.
pub(in crate::checks) fn node(uri: &str) -> &str {
    uri.trim_start_matches("./").trim_start_matches('/')
}

/// The item that a message has from this address, in whichever command.
pub(in crate::checks) fn item_at<'s>(said: &'s Said, uri: &str) -> Option<&'s Item> {
    let commands = said.message().commands.iter();
    let mut items = commands.flat_map(|command| match command {
        Command::Results(results) => results.items.as_slice(),
        other => other.items(),
    });
    items.find(|item| {
        let source = item.source.as_ref();
        source.is_some_and(|source| node(&source.uri) == node(uri))
    })
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
#[derive(Default)]
pub(in crate::checks) struct Talk {
    pub(in crate::checks) said: Vec<Said>,
    /// What of the system under test is no message: the exchange, and why.
    pub(in crate::checks) broken: Option<(u64, String)>,
}

/// A message that came again.
pub(in crate::checks) struct Twice {
    /// The exchange.
    pub(in crate::checks) number: u64,
    /// Whether it was answered as it was before.
    pub(in crate::checks) alike: bool,
    /// Whether it was refused.
    pub(in crate::checks) refused: bool,
}

/// The first exchange of these in which the system under test said something.
pub(in crate::checks) fn begun(talks: &[Talk]) -> Option<u64> {
    let said = talks.iter().flat_map(|talk| &talk.said);
    said.filter(|said| said.by_sut)
        .map(|said| said.number)
        .next()
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
    let parsed = element.and_then(Message::from_element);
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
    /// What was said, as the sessions that it was said in: those that were begun in this span, in the order
    /// in which they were.
    pub(in crate::checks) fn talks(&self, scene: &Scene) -> Vec<Talk> {
        self.talks_with(scene, SUT)
    }

    /// The same of what was said to `other`, who stands where the system under test does as a rule: what it said is
    /// `by_sut`.
    pub(in crate::checks) fn talks_with(&self, scene: &Scene, other: &str) -> Vec<Talk> {
        let mut sessions: Vec<Talk> = Vec::new();
        let mut last: BTreeMap<String, (usize, Vec<u8>)> = BTreeMap::new();
        for exchange in self.exchanges_with(scene, other) {
            let by_sut = exchange.from == other;
            let octets = exchange.body.octets();
            let asks = match message(type_of(pairs(&exchange.headers)), &octets) {
                Ok(asks) => asks,
                Err(why) => {
                    if by_sut {
                        // It does not say of which session it is: of the one that waits for it, if one does.
                        let begun = |talk: &Talk| talk.begins().is_some_and(|n| n > self.after);
                        let last = sessions.last_mut();
                        match last.filter(|talk| begun(talk) && talk.waits_for_sut()) {
                            Some(talk) => talk.take(exchange.number, true, Err(why)),
                            None => {
                                let mut talk = Talk::default();
                                talk.take(exchange.number, true, Err(why));
                                sessions.push(talk);
                            }
                        }
                    }
                    continue;
                }
            };
            let header = &asks.message.header;
            let id = header.session_id.clone();
            let place = match last.get(&id) {
                // What comes once more as it was, was not heard the first time.
                Some((place, before)) if *before == octets => {
                    sessions[*place].answer(exchange, by_sut);
                    continue;
                }
                Some((place, _)) if header.msg_id != "1" => *place,
                _ => {
                    sessions.push(Talk::default());
                    sessions.len() - 1
                }
            };
            last.insert(id, (place, octets));
            sessions[place].take(exchange.number, by_sut, Ok(asks));
            sessions[place].answer(exchange, by_sut);
        }
        sessions.retain(|talk| talk.begins().is_some_and(|number| number > self.after));
        // What comes late of a session that an earlier scenario had is none of those that were begun here.
        if sessions.iter().any(|talk| !talk.is_late()) {
            sessions.retain(|talk| !talk.is_late());
        }
        sessions
    }

    /// The last exchange with the party before this session, if there was one.
    pub(in crate::checks) fn before(&self, scene: &Scene) -> Option<u64> {
        let numbers = self.exchanges(scene).map(|exchange| exchange.number);
        numbers.take_while(|number| *number <= self.after).last()
    }

    /// What came to the system under test more than once as it was, each time but the first.
    pub(in crate::checks) fn twice(&self, scene: &Scene) -> Vec<Twice> {
        let mut first: BTreeMap<Vec<u8>, &Exchange> = BTreeMap::new();
        let mut twice = Vec::new();
        let all = self.exchanges(scene);
        for exchange in all.filter(|e| e.from != SUT && e.number > self.after) {
            let octets = exchange.body.octets();
            let Some(before) = first.get(&octets) else {
                first.insert(octets, exchange);
                continue;
            };
            let (Some(was), Some(is)) = (&before.response, &exchange.response) else {
                continue;
            };
            let refused = match message(type_of(is.headers.iter()), &is.body) {
                Err(_) => is.status != 200,
                Ok(answer) => answer.message.commands.iter().any(|command| {
                    matches!(command, Command::Status(s) if s.cmd_ref == "0" && !s.code.is_success())
                }),
            };
            twice.push(Twice {
                number: exchange.number,
                alike: is.status == was.status && is.body == was.body,
                refused,
            });
        }
        twice
    }

    /// All exchanges with the party, up to the end.
    fn exchanges<'s>(&'s self, scene: &'s Scene) -> impl Iterator<Item = &'s Exchange> {
        self.exchanges_with(scene, SUT)
    }

    fn exchanges_with<'s>(
        &'s self,
        scene: &'s Scene,
        other: &'s str,
    ) -> impl Iterator<Item = &'s Exchange> {
        let upto = self.upto.unwrap_or(u64::MAX);
        let own = self.party.as_str();
        scene.exchanges.values().filter(move |exchange| {
            let (from, to) = (exchange.from.as_str(), exchange.to.as_str());
            exchange.number <= upto && [(other, own), (own, other)].contains(&(from, to))
        })
    }

    /// Looks at the session that was begun first, where the system under test said anything, and nothing but
    /// messages.
    pub(in crate::checks) fn with(
        &self,
        scene: &Scene,
        expected: impl Into<String>,
        look: impl FnOnce(&Talk, String) -> Found,
    ) -> Found {
        let talk = self.talks(scene).into_iter().next().unwrap_or_default();
        let expected = expected.into();
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

fn pairs(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(n, v)| (n.as_str(), v.as_str()))
}

impl Talk {
    /// The number of its first exchange.
    fn begins(&self) -> Option<u64> {
        let said = self.said.first().map(|said| said.number);
        said.or(self.broken.as_ref().map(|(number, _)| *number))
    }

    /// Takes the answer to a message, unless an answer to it came before.
    fn answer(&mut self, exchange: &Exchange, by_sut: bool) {
        let answered = self.said.last().is_some_and(|said| said.by_sut != by_sut);
        let Some(response) = exchange.response.as_ref().filter(|_| !answered) else {
            return;
        };
        let answers = match response.status {
            200 => message(type_of(response.headers.iter()), &response.body),
            status => Err(format!("HTTP {status}")),
        };
        self.take(exchange.number, !by_sut, answers);
    }

    /// Whether its beginning is missing: the system under test goes on with what it has not begun here.
    fn is_late(&self) -> bool {
        let opening = self.opening().filter(|said| said.by_sut);
        opening.is_some_and(|said| said.id().parse().is_ok_and(|id: u64| id > 1))
    }

    /// Whether the last word was the tester's, and wants an answer.
    fn waits_for_sut(&self) -> bool {
        let last = self.said.last().filter(|said| !said.by_sut);
        last.is_some_and(|said| {
            let refused = |status: &Status| status.cmd_ref == "0" && !status.code.is_success();
            !said.commands().is_empty() || said.statuses().any(refused)
        })
    }

    /// The first message of whoever began it.
    pub(in crate::checks) fn opening(&self) -> Option<&Said> {
        self.said.first()
    }

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
    pub(in crate::checks) fn numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.said.iter().map(|said| said.number).collect();
        numbers.dedup();
        numbers
    }

    /// The statuses that one side gave to a command of the other's message.
    pub(in crate::checks) fn statuses_of<'t>(
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
    pub(in crate::checks) fn verdicts_on(&self, msg: &Said) -> Vec<StatusCode> {
        let found = self.statuses_of(msg, "0");
        found.map(|(_, status)| status.code).collect()
    }

    /// Whether the other side believed who said this.
    pub(in crate::checks) fn believed(&self, msg: &Said) -> bool {
        let verdicts = self.verdicts_on(msg);
        !verdicts.is_empty() && verdicts.iter().all(|code| code.is_success())
    }

    /// The codes of the last command of this name and target that the tester sent, in the order in which they came.
    pub(in crate::checks) fn codes_of(&self, name: &str, uri: Option<&str>) -> Vec<StatusCode> {
        let asked = self.command(name, uri).into_iter();
        asked
            .flat_map(|(said, command)| self.statuses_of(said, command.cmd_id()))
            .map(|(_, status)| status.code)
            .collect()
    }

    /// The last command of this name and target that the tester sent, in the message that it is of.
    pub(in crate::checks) fn command(
        &self,
        name: &str,
        uri: Option<&str>,
    ) -> Option<(&Said, &Command)> {
        let theirs = self.said.iter().filter(|said| !said.by_sut);
        let mut all = theirs.flat_map(|said| said.commands().into_iter().map(move |c| (said, c)));
        let aims = |command: &Command| {
            let targets = command.items().iter().filter_map(|i| i.target.as_ref());
            uri.is_none_or(|uri| targets.into_iter().any(|target| target.uri == uri))
        };
        all.rfind(|(_, command)| command.name() == name && aims(command))
    }
}

/// Whether a command has a part of what is larger than a message, which not each client takes.
pub(in crate::checks) fn in_parts(command: &Command) -> bool {
    command.items().iter().any(|item| item.more_data)
}

/// Codes in words.
pub(in crate::checks) fn words(codes: &[StatusCode]) -> String {
    match codes {
        [] => "none".to_owned(),
        codes => {
            let all: Vec<String> = codes.iter().map(ToString::to_string).collect();
            all.join(", ")
        }
    }
}
