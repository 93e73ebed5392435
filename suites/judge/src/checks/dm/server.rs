//! What a server says and does in a session, in which the tester plays its device.

pub mod records;

use serde::{Deserialize, Serialize};
use twinproof_dm::carrier::sip::Request;
use twinproof_dm::media::{DM_NOTIFICATION, NOTIFICATION};
use twinproof_dm::notification::Received;
use twinproof_dm::notification::wanted::{Codes, Wanted};
use twinproof_dm::syncml::{AlertCode, Command, StatusCode};
use twinproof_dm::upper::{Answer, Operation};
use twinproof_evidence::Verdict;

use super::Session;
use super::client::numbered;
use super::client::wishes::Wish;
use super::talk::{Said, Talk, Twice, begun, words};
use crate::checks::Found;
use crate::scene::{SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// A device that shows its credentials was believed, after a challenge perhaps.
    Accepted {
        /// The session.
        session: Session,
    },
    /// Each message of the device got one status for its header, and each command one, or one per item.
    Answered {
        /// The session.
        session: Session,
    },
    /// Of two devices in sessions at once, one was told what was meant for it, each once, and nothing that was meant
    /// for the other.
    Apart {
        /// Its session.
        session: Session,
        /// That of the other.
        beside: Session,
        /// What was meant for it, the targets of readings.
        own: Vec<String>,
        /// What was meant for the other.
        others: Vec<String>,
    },
    /// A message that came where the server wanted it was taken for the next one of the session.
    GoesOn {
        /// The session.
        session: Session,
    },
    /// A device that is not believed is challenged, and nothing else is said to it.
    Challenged {
        /// The session.
        session: Session,
        /// The codes of which one has to stand for the header of each of its messages.
        codes: Vec<u16>,
    },
    /// The commands of each message are numbered, each with a number of its own.
    Numbered {
        /// The session.
        session: Session,
    },
    /// The last message of the server wants nothing more and closes its package.
    Ended {
        /// The session.
        session: Session,
    },
    /// No message was larger than the device said that it can take, where more had to be said.
    Fits {
        /// The session.
        session: Session,
        /// What it said, octets.
        size: usize,
        /// How many commands the operator wanted, which do not fit into one message.
        wanted: usize,
    },
    /// After what was said before, the server answers a device.
    LivesOn {
        /// The session of that device.
        session: Session,
    },
    /// A message that comes again is answered as it was, or refused.
    Replayed {
        /// The session.
        session: Session,
    },
    /// What the operator wanted, and was carried out, is not asked for in a later session.
    NotRepeated {
        /// The later session.
        session: Session,
        /// The name of the command.
        command: String,
        /// Its target.
        uri: String,
    },
    /// The first believed package that is not closed is answered with the wish for the rest of it, and nothing else.
    Patient {
        /// The session.
        session: Session,
    },
    /// What the operator wanted was asked for once in what the device believed.
    Sent {
        /// The session.
        session: Session,
        /// The name of the command.
        command: String,
        /// Its target.
        uri: String,
    },
    /// Each part of a large object but the last was taken as one (213).
    TakesParts {
        /// The session.
        session: Session,
    },
    /// A device believed the trigger, and the session that it announced is the one that was asked for.
    Woke {
        /// The session.
        session: Session,
        /// `SessionID`.
        id: String,
    },
    /// A notification came by SIP, and says what it is.
    Brought {
        /// The session that it was to begin.
        session: Session,
    },
    /// A notification asks for what the operator wanted it to ask for.
    Asks {
        /// The number under which it was made.
        number: u64,
        /// How that is written.
        codes: Codes,
        /// What is looked at.
        wish: Wish,
    },
    /// A command of a device that was believed was answered with one of these codes.
    Told {
        /// The session.
        session: Session,
        /// The name of the command.
        command: String,
        /// The code of the alert, if it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alert: Option<u16>,
        /// The codes.
        codes: Vec<u16>,
    },
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::Accepted { session } => {
                let expected = "200 or 212 for the header of a device that shows its credentials";
                session.with(scene, expected, accepted)
            }
            Self::Apart {
                session,
                beside,
                own,
                others,
            } => {
                let expected = format!("each of {} once, and nothing else", own.join(", "));
                let other = beside.talks(scene).iter().flat_map(Talk::numbers).collect();
                session.with(scene, expected, |talk, expected| {
                    apart(talk, expected, (own, others), other)
                })
            }
            Self::GoesOn { session } => {
                let expected = "the session goes on where the server wants the next message";
                session.with(scene, expected, |talk, expected| {
                    goes_on(scene, talk, expected, &session.party)
                })
            }
            Self::Answered { session } => {
                let expected = "one status for the header of each message of the device and for each \
                                command in it";
                session.with(scene, expected, answered)
            }
            Self::Challenged { session, codes } => {
                let codes: Vec<_> = codes.iter().copied().map(StatusCode).collect();
                let expected = format!(
                    "{} for each header of the device, a challenge with the first, and no commands",
                    words(&codes)
                );
                session.with(scene, expected, |talk, expected| {
                    challenged(talk, expected, &codes)
                })
            }
            Self::Numbered { session } => {
                let expected =
                    "a number for each command, which no other command of the message has";
                session.with(scene, expected, numbered)
            }
            Self::Ended { session } => {
                let expected = "a last message that wants nothing and closes its package";
                session.with(scene, expected, ended)
            }
            Self::Fits {
                session,
                size,
                wanted,
            } => {
                let expected = format!("messages of at most {size} octets");
                session.with(scene, expected, |talk, expected| {
                    fits(scene, talk, expected, (*size, *wanted))
                })
            }
            Self::LivesOn { session } => {
                let expected = "a message of the server".to_owned();
                match begun(&session.talks(scene)) {
                    Some(number) => Found::decide(true, expected, "one").shown_by([number]),
                    None => Found::decide(false, expected, "none").shown_by(session.before(scene)),
                }
            }
            Self::Replayed { session } => {
                let expected = "what was answered before, or a refusal".to_owned();
                replayed(&session.twice(scene), expected)
            }
            Self::NotRepeated {
                session,
                command,
                uri,
            } => {
                let expected = format!("no {command} of {uri} any more");
                session.with(scene, expected, |talk, expected| {
                    not_repeated(talk, expected, command, uri)
                })
            }
            Self::TakesParts { session } => {
                let expected = "213 to each part of a value but the last";
                session.with(scene, expected, takes_parts)
            }
            Self::Woke { session, id } => {
                let expected = format!("a trigger that wakes a device for the session {id}");
                woke(&session.talks(scene), expected, id)
            }
            Self::Brought { session } => brought(scene, session),
            Self::Asks {
                number,
                codes,
                wish,
            } => asks(scene, *number, codes, *wish).relying_on(wish.of_server()),
            Self::Patient { session } => {
                let expected = "the alert 1222 to a package that is not closed, no command beside it, \
                                and no end of the package";
                session.with(scene, expected, patient)
            }
            Self::Sent {
                session,
                command,
                uri,
            } => {
                let expected = format!("one {command} of {uri}");
                session.with(scene, expected, |talk, expected| {
                    sent(talk, expected, command, uri)
                })
            }
            Self::Told {
                session,
                command,
                alert,
                codes,
            } => {
                let codes: Vec<_> = codes.iter().copied().map(StatusCode).collect();
                let which = alert.map_or(String::new(), |code| format!(" {code}"));
                let expected = format!("{} to {command}{which}", words(&codes));
                let found = session.with(scene, expected, |talk, expected| {
                    told(talk, expected, (command, *alert), &codes)
                });
                match alert {
                    Some(_) => found,
                    // What becomes of a command that no device may send, no text says.
                    None => found.advisory(),
                }
            }
        }
    }
}

fn accepted(talk: &Talk, expected: String) -> Found {
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    let mut last = theirs.filter_map(|said| Some((said, talk.verdicts_on(said).first().copied()?)));
    match last.next_back() {
        None => Found::decide(false, expected, "no status for any header"),
        Some((said, code)) => {
            let holds = [StatusCode::OK, StatusCode::AUTHENTICATED].contains(&code);
            Found::decide(holds, expected, code.to_string()).shown_by([said.number])
        }
    }
}

/// What of a push by SIP no text of DM lays down is left alone: how the application is named.
fn brought(scene: &Scene, session: &Session) -> Found {
    let expected = format!("a MESSAGE of SIP with a body of the type {NOTIFICATION}");
    let came = scene.datagrams.iter().filter(|datagram| {
        datagram.number > session.after && datagram.from == SUT && datagram.to == session.party
    });
    let mut wrong: Option<Found> = None;
    for datagram in came {
        let got = match Request::parse(&datagram.bytes) {
            Err(error) => format!("a datagram that is no request of SIP: {error}"),
            Ok(request) if request.method != "MESSAGE" => request.method.to_owned(),
            Ok(request) => {
                let mut headers = request.headers.iter();
                let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
                match found {
                    None => "a MESSAGE without Content-Type".to_owned(),
                    Some((_, kind)) if is_notification(kind) => {
                        return Found::decide(true, expected, "one").shown_by([datagram.number]);
                    }
                    Some((_, kind)) => format!("a MESSAGE with {kind}"),
                }
            }
        };
        let found = Found::decide(false, expected.clone(), got).shown_by([datagram.number]);
        wrong.get_or_insert(found);
    }
    wrong.unwrap_or_else(|| Found::decide(false, expected, "no datagram"))
}

fn is_notification(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // DM 1.3 has a type of its own beside that of 1.2.
    kind.eq_ignore_ascii_case(NOTIFICATION) || kind.eq_ignore_ascii_case(DM_NOTIFICATION)
}

fn answered(talk: &Talk, expected: String) -> Found {
    for said in talk.said.iter().filter(|said| !said.by_sut) {
        let no = |got: String| {
            let (expected, number) = (expected.clone(), said.number);
            Found::decide(false, expected, got).shown_by([number])
        };
        let headers = talk.verdicts_on(said).len();
        if headers != 1 {
            return no(format!(
                "{headers} statuses for the header of message {}",
                said.id()
            ));
        }
        for command in said.commands() {
            let found = talk.statuses_of(said, command.cmd_id()).count();
            let most = command.items().len().max(1);
            if found == 0 || found > most {
                let (name, id) = (command.name(), command.cmd_id());
                return no(format!("{found} statuses for {name} {id}"));
            }
        }
    }
    Found::decide(true, expected, "so it is")
}

fn apart(
    talk: &Talk,
    expected: String,
    (own, others): (&[String], &[String]),
    beside: Vec<u64>,
) -> Found {
    let numbers = talk.numbers();
    let before = |one: &[u64], other: &[u64]| one.last() < other.first();
    let met = !numbers.is_empty() && !beside.is_empty();
    if !met || before(&numbers, &beside) || before(&beside, &numbers) {
        return Found::inconclusive(expected, "one session was over before the other began")
            .shown_by(numbers);
    }
    let astray = others.iter().find_map(|uri| {
        let said = asking(talk, "Get", uri);
        said.first()
            .map(|said| (said.number, format!("{uri}, which was meant for the other")))
    });
    let amiss = || {
        own.iter().find_map(|uri| {
            let said = asking(talk, "Get", uri);
            let got = format!("{uri} {} times", said.len());
            (said.len() != 1).then(|| (said.first().map_or(numbers[0], |s| s.number), got))
        })
    };
    match astray.or_else(amiss) {
        Some((number, got)) => Found::decide(false, expected, got).shown_by([number]),
        None => Found::decide(true, expected, "so it is").shown_by(numbers),
    }
}

fn goes_on(scene: &Scene, talk: &Talk, expected: String, device: &str) -> Found {
    let told = talk.said.iter().find_map(|said| {
        let url = said.message().header.resp_uri.as_deref();
        Some((said.number, url.filter(|_| said.by_sut)?))
    });
    let Some((number, url)) = told else {
        let got = "the server wants the next message nowhere else (RespURI)";
        return Found::not_applicable(expected, got).shown_by(talk.numbers());
    };
    let mut later = scene.exchanges.range(number + 1..);
    let Some((next, exchange)) = later.find(|(_, exchange)| exchange.from == device) else {
        return Found::inconclusive(expected, "the device said nothing more").shown_by([number]);
    };
    if exchange.url != url {
        let got = format!("the device sent it to {}", exchange.url);
        return Found::inconclusive(expected, got).shown_by([number, *next]);
    }
    let answered = talk
        .said
        .iter()
        .any(|said| said.by_sut && said.number == *next);
    let got = match &exchange.response {
        Some(_) if answered => "so it does".to_owned(),
        Some(response) => format!("HTTP {}", response.status),
        None => "no answer".to_owned(),
    };
    Found::decide(answered, expected, got).shown_by([number, *next])
}

fn challenged(talk: &Talk, expected: String, codes: &[StatusCode]) -> Found {
    let theirs = || talk.said.iter().filter(|said| !said.by_sut);
    let Some(first) = theirs().next() else {
        return Found::inconclusive(expected, "the device said nothing");
    };
    let verdicts: Vec<StatusCode> = theirs().flat_map(|said| talk.verdicts_on(said)).collect();
    let refused = !verdicts.is_empty() && verdicts.iter().all(|code| codes.contains(code));
    let has_chal = talk
        .statuses_of(first, "0")
        .any(|(_, status)| status.chal.is_some());
    let answers = talk.said.iter().filter(|said| said.by_sut);
    let said: Vec<&Command> = answers.flat_map(Said::commands).collect();
    // Who ends the session with the last refusal tells the device nothing.
    let is_end = |command: &Command| matches!(command, Command::Alert(alert) if alert.code == AlertCode::SESSION_ABORT);
    let last = talk.said.iter().rfind(|said| said.by_sut);
    let ends = last.is_some_and(|said| said.commands().into_iter().any(is_end));
    let others = said.iter().filter(|command| !ends || !is_end(command));
    let commands: Vec<&str> = others.map(|command| command.name()).collect();
    let mut got = words(&verdicts);
    if !has_chal {
        got.push_str(", no challenge");
    }
    if !commands.is_empty() {
        got = format!("{got}, and {}", commands.join(", "));
    }
    let holds = refused && has_chal && commands.is_empty();
    if holds && ends {
        let got = format!("{got}, and an end of the session (1223) beside the last refusal");
        return Found::decide(false, expected, got)
            .shown_by([first.number])
            .advisory();
    }
    Found::decide(holds, expected, got).shown_by([first.number])
}

fn ended(talk: &Talk, expected: String) -> Found {
    let Some(last) = talk.said.iter().rfind(|said| said.by_sut) else {
        return Found::inconclusive(expected, "no message of the server");
    };
    let names: Vec<&str> = last.commands().iter().map(|c| c.name()).collect();
    let got = match (names.is_empty(), last.message().is_final) {
        (true, true) => "so it is".to_owned(),
        (false, _) => names.join(", "),
        (true, false) => "no Final".to_owned(),
    };
    let holds = names.is_empty() && last.message().is_final;
    Found::decide(holds, expected, got).shown_by([last.number])
}

fn fits(scene: &Scene, talk: &Talk, expected: String, (size, wanted): (usize, usize)) -> Found {
    let responses = talk.numbers().into_iter().filter_map(|number| {
        let response = scene.exchanges.get(&number)?.response.as_ref()?;
        Some((number, response.body.len()))
    });
    let largest = responses.max_by_key(|(_, length)| *length);
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let sent = ours.map(|said| said.commands().len()).sum::<usize>();
    match largest {
        None => Found::inconclusive(expected, "no message of the server"),
        Some((number, length)) => {
            let got = format!("{length} octets");
            let found = Found::decide(length <= size, expected, got).shown_by([number]);
            match found.verdict == Verdict::Pass && sent < wanted {
                false => found,
                true => {
                    let got = format!("{sent} commands, where the operator wanted {wanted}");
                    Found::inconclusive(found.expected, got).shown_by(talk.numbers())
                }
            }
        }
    }
}

fn takes_parts(talk: &Talk, expected: String) -> Found {
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    let parts: Vec<_> = theirs
        .flat_map(|said| said.message().commands.iter().map(move |c| (said, c)))
        .filter_map(|(said, command)| match command {
            Command::Results(results) => Some((said, results)),
            _ => None,
        })
        .filter(|(said, results)| {
            results.items.iter().any(|item| item.more_data) && talk.believed(said)
        })
        .collect();
    if parts.is_empty() {
        return Found::inconclusive(expected, "no part that was believed");
    }
    let numbers: Vec<u64> = parts.iter().map(|(said, _)| said.number).collect();
    let wrong = parts.iter().find_map(|(said, results)| {
        let given = talk.statuses_of(said, &results.cmd_id);
        let given: Vec<_> = given.map(|(_, status)| status.code).collect();
        (given != [StatusCode::CHUNK_ACCEPTED]).then_some(given)
    });
    let got = match &wrong {
        None => format!("{} parts, each taken", parts.len()),
        Some(given) => words(given),
    };
    Found::decide(wrong.is_none(), expected, got).shown_by(numbers)
}

/// What no text forbids outright is but advised against.
fn replayed(twice: &[Twice], expected: String) -> Found {
    if twice.is_empty() {
        return Found::inconclusive(expected, "nothing came again");
    }
    let fresh = twice.iter().find(|twice| !twice.alike && !twice.refused);
    let (holds, got) = match fresh {
        None => (true, "so it is"),
        Some(_) => (false, "another answer, as to something new"),
    };
    let numbers: Vec<u64> = match fresh {
        Some(twice) => vec![twice.number],
        None => twice.iter().map(|twice| twice.number).collect(),
    };
    Found::decide(holds, expected, got)
        .shown_by(numbers)
        .advisory()
}

fn woke(talks: &[Talk], expected: String, id: &str) -> Found {
    let opened: Vec<&Said> = talks.iter().filter_map(Talk::opening).collect();
    let begun: Vec<&str> = opened
        .iter()
        .map(|said| said.message().header.session_id.as_str())
        .collect();
    let got = match begun.as_slice() {
        [] => "no session: the device did not believe it".to_owned(),
        all => format!("sessions {}", all.join(", ")),
    };
    let numbers = opened.iter().map(|said| said.number);
    Found::decide(begun == [id], expected, got).shown_by(numbers)
}

/// Whether a notification says of this what the operator wanted.
fn asks(scene: &Scene, number: u64, codes: &Codes, wish: Wish) -> Found {
    let made = scene.handled.get(&number).and_then(|(asked, told)| {
        let asked: Operation = serde_json::from_value(asked.clone()).ok()?;
        let told: Answer = serde_json::from_value(told.clone()).ok()?;
        match (asked, told) {
            (Operation::Notify { wanted, .. }, Answer::Trigger { body, .. }) => {
                Some((wanted, body))
            }
            _ => None,
        }
    });
    let Some((wanted, body)) = made else {
        return Found::inconclusive("a notification", "none was made");
    };
    let words = |wanted: &Wanted| match wish {
        Wish::Authentication => format!("{:?} as authentication", wanted.authentication),
        Wish::Expiration => format!("{:?} as end", wanted.expires),
        Wish::Node => format!("{:?} as nodes", wanted.nodes),
        Wish::Reason => format!("{:?} as reason", wanted.reason),
        Wish::Transport => format!("{:?} as transport", wanted.transport),
    };
    let expected = words(&wanted);
    let got = match Received::parse(&body) {
        Ok(received) => words(&Wanted::read(codes, &received.trigger.body)),
        Err(error) => format!("no notification: {error}"),
    };
    Found::decide(got == expected, expected, got).shown_by([number])
}

fn patient(talk: &Talk, expected: String) -> Found {
    let mut theirs = talk
        .said
        .iter()
        .enumerate()
        .filter(|(_, said)| !said.by_sut);
    let open = theirs.find(|(_, said)| !said.message().is_final && talk.believed(said));
    let Some((place, open)) = open else {
        let got = "no package that was believed and left open";
        return Found::inconclusive(expected, got);
    };
    let Some(answer) = talk.said[place..].iter().find(|said| said.by_sut) else {
        return Found::decide(false, expected, "no answer").shown_by([open.number]);
    };
    let wish = |command: &&Command| {
        let wishes = [AlertCode::NEXT_MESSAGE, AlertCode::SESSION_ABORT];
        matches!(command, Command::Alert(alert) if wishes.contains(&alert.code))
    };
    let commands = answer.commands();
    let wishes = commands
        .iter()
        .copied()
        .filter(|command| wish(command))
        .count();
    let others: Vec<&str> = commands
        .iter()
        .filter(|command| !wish(command))
        .map(|command| command.name())
        .collect();
    let mut got = Vec::new();
    if wishes != 1 {
        got.push(format!("{wishes} alerts of that kind"));
    }
    got.extend(others.iter().map(|name| (*name).to_owned()));
    let aborts = commands
        .iter()
        .any(|c| matches!(c, Command::Alert(alert) if alert.code == AlertCode::SESSION_ABORT));
    if answer.message().is_final && !aborts {
        got.push("Final".to_owned());
    }
    let holds = got.is_empty();
    let got = match holds {
        true => "so it is".to_owned(),
        false => got.join(", "),
    };
    Found::decide(holds, expected, got).shown_by([open.number])
}

/// The messages of the server with a command of this name and target, but for those that the device did not
/// believe: what they want has to be said again.
fn asking<'t>(talk: &'t Talk, name: &str, uri: &str) -> Vec<&'t Said> {
    let fits = |command: &Command| {
        let mut targets = command.items().iter().filter_map(|i| i.target.as_ref());
        command.name() == name && targets.any(|target| target.uri == uri)
    };
    let ours = talk.said.iter().filter(|said| said.by_sut);
    let all = ours.flat_map(|said| said.commands().into_iter().map(move |c| (said, c)));
    // Whether it was believed is asked last: it takes a look at all that the device said.
    all.filter(|(_, command)| fits(command))
        .map(|(said, _)| said)
        .filter(|said| {
            let mut verdicts = talk.verdicts_on(said).into_iter();
            verdicts.all(|code| code.is_success())
        })
        .collect()
}

fn sent(talk: &Talk, expected: String, name: &str, uri: &str) -> Found {
    let found: Vec<u64> = asking(talk, name, uri)
        .iter()
        .map(|said| said.number)
        .collect();
    let got = format!("{} of them", found.len());
    match found.len() {
        1 => Found::decide(true, expected, got).shown_by(found),
        _ => Found::decide(false, expected, got).shown_by(talk.numbers()),
    }
}

fn not_repeated(talk: &Talk, expected: String, name: &str, uri: &str) -> Found {
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    if !theirs.into_iter().any(|said| talk.believed(said)) {
        return Found::inconclusive(expected, "the server did not believe the device");
    }
    let found = asking(talk, name, uri);
    let got = match found.len() {
        0 => "so it is".to_owned(),
        many => format!("{many} of them"),
    };
    let numbers: Vec<u64> = found.iter().map(|said| said.number).collect();
    Found::decide(found.is_empty(), expected, got).shown_by(numbers)
}

fn told(
    talk: &Talk,
    expected: String,
    (name, alert): (&str, Option<u16>),
    codes: &[StatusCode],
) -> Found {
    let theirs = talk.said.iter().filter(|said| !said.by_sut);
    let mut all = theirs.flat_map(|said| said.commands().into_iter().map(move |c| (said, c)));
    let fits = |command: &Command| match command {
        Command::Alert(given) => alert.is_some_and(|code| given.code.0 == code),
        other => other.name() == name,
    };
    let mut sent = all.by_ref().filter(|(_, command)| fits(command)).peekable();
    if sent.peek().is_none() {
        return Found::inconclusive(expected, format!("the device never sent the {name}"));
    }
    // What was refused with a challenge is said again.
    let Some((said, command)) = sent.find(|(said, _)| talk.believed(said)) else {
        let got = format!("the server believed no message with the {name}");
        return Found::inconclusive(expected, got);
    };
    let given = talk.statuses_of(said, command.cmd_id());
    let got: Vec<StatusCode> = given.map(|(_, status)| status.code).collect();
    let holds = !got.is_empty() && got.iter().all(|code| codes.contains(code));
    Found::decide(holds, expected, words(&got)).shown_by([said.number])
}
