//! What a client does that is bootstrapped by the tester.

mod card;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinproof_coap::{Class, Code, Type, option};
use twinproof_lwm2m::wire::Path;
use twinproof_lwm2m::wire::links::{Item, ObjectList};

use super::client::{Registration, registrations};
use super::management::path_of;
use super::{Act, came};
use crate::checks::Found;
use crate::datagram::asks_for_bootstrap;
use crate::scene::{Datagram, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The first that the client sent was a request for bootstrap that says who asks.
    AskedFirst {
        /// The bootstrap server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// Whether a name may be missing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nameless: bool,
    },
    /// The client has asked for bootstrap once more. When it does that is its own business.
    AsksAgain {
        /// The bootstrap server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// The client registered when the bootstrap had ended, and not before.
    RegisteredAfter {
        /// With which server.
        server: String,
        /// The bootstrap.
        act: Act,
    },
    /// The client registered nowhere.
    Unregistered {
        /// Its servers.
        servers: Vec<String>,
        /// What came before that does not count.
        after: u64,
        /// What came before that is no sign that the client is still there.
        #[serde(default)]
        alive: u64,
    },
    /// The client registered with the life time that was written last.
    LivesFor {
        /// With which server.
        server: String,
        /// What came before that does not count.
        after: u64,
        /// The life time, s.
        lifetime: u32,
    },
    /// The client registered with one server before the other.
    CameFirst {
        /// The one.
        server: String,
        /// The other, with which it may register as well.
        than: String,
        /// What came before that does not count.
        after: u64,
    },
    /// The client updates no registration any more.
    Dropped {
        /// With which server.
        server: String,
        /// What came before that does not count.
        after: u64,
    },
    /// Each operation of a bootstrap was confirmed with the code that is its own.
    TookEach {
        /// The operations.
        act: Act,
    },
    /// The account of the bootstrap server and the device are still there.
    Kept {
        /// What was there before.
        before: Act,
        /// What is there now.
        after: Act,
    },
    /// What a bootstrap had brought was there before a deletion, and is gone.
    Deleted {
        /// What was there before.
        before: Act,
        /// What is there now.
        after: Act,
        /// What was to be deleted: `/0/1`.
        paths: Vec<String>,
    },
    /// A discovery shows accounts as it has to.
    ShowsAccounts {
        /// The discovery.
        act: Act,
        /// The accounts that were written.
        accounts: Vec<Account>,
        /// Whether the version that the client claims leaves it free to know no discovery.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
    },
    /// The client did what it was triggered to do: it has asked for bootstrap.
    Triggered {
        /// The trigger.
        act: Act,
        /// The bootstrap server.
        server: String,
    },
    /// The client registered, and had not asked for bootstrap before.
    Unaided {
        /// With which server.
        server: String,
        /// The bootstrap server.
        bootstrap: String,
        /// What came before that does not count.
        after: u64,
    },
}

/// An account that was written to a client.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Account {
    /// The instance of the Security and of the Server object.
    pub instance: u16,
    /// The Short Server ID.
    pub ssid: u16,
    /// Where the server is.
    pub uri: String,
}

impl Check {
    pub(super) fn look(&self, scene: &Scene) -> Found {
        match self {
            Self::AskedFirst {
                server,
                after,
                nameless,
            } => asked_first(scene, (server, *after), *nameless),
            Self::AsksAgain { server, after } => asks_again(scene, (server, *after)),
            Self::RegisteredAfter { server, act } => registered_after(scene, server, act),
            Self::Unregistered {
                servers,
                after,
                alive,
            } => unregistered(scene, servers, (*after, *alive)),
            Self::LivesFor {
                server,
                after,
                lifetime,
            } => lives_for(scene, (server, *after), *lifetime),
            Self::CameFirst {
                server,
                than,
                after,
            } => card::came_first(scene, (server, than), *after),
            Self::Dropped { server, after } => card::dropped(scene, (server, *after)),
            Self::TookEach { act } => took_each(scene, act),
            Self::Deleted {
                before,
                after,
                paths,
            } => deleted(scene, (before, after), paths),
            Self::Kept { before, after } => kept(scene, before, after),
            Self::ShowsAccounts {
                act,
                accounts,
                optional,
            } => shows_accounts(scene, act, (accounts, *optional)),
            Self::Triggered { act, server } => triggered(scene, act, server),
            Self::Unaided {
                server,
                bootstrap,
                after,
            } => unaided(scene, (server, *after), bootstrap),
        }
    }
}

/// The requests for bootstrap that the client sent after a number, without copies.
fn asked<'s>(scene: &'s Scene, (server, after): (&str, u64)) -> Vec<&'s Datagram> {
    let sent = scene.datagrams.iter().filter(|datagram| {
        datagram.number > after
            && (datagram.from == SUT && datagram.to == server)
            && datagram.packet().filter(asks_for_bootstrap).is_some()
            && !scene.is_copy(datagram)
    });
    sent.collect()
}

fn asked_first(scene: &Scene, (server, after): (&str, u64), nameless: bool) -> Found {
    let expected =
        "a confirmable request for bootstrap with an endpoint name, before anything else";
    let first = scene.datagrams.iter().find_map(|datagram| {
        let sent = datagram.number > after && datagram.from == SUT;
        let packet = datagram.packet().filter(|_| sent)?;
        (packet.code().class() == Class::Request).then_some((datagram, packet))
    });
    let Some((datagram, packet)) = first else {
        return Found::inconclusive(expected, "the client asked for nothing");
    };
    let got = format!("{packet} to the {}", datagram.to);
    let asks = datagram.to == server && asks_for_bootstrap(&packet) && packet.ty() == Type::Con;
    let named = packet.query("ep").is_some_and(|name| !name.is_empty());
    let found = Found::decide(asks && named, expected, got).shown_by([datagram.number]);
    match asks && nameless {
        true => found.advisory(),
        false => found,
    }
}

fn asks_again(scene: &Scene, at: (&str, u64)) -> Found {
    let again = asked(scene, at);
    let got = match again.len() {
        0 => "none".to_owned(),
        count => format!("{count} of them"),
    };
    // No text says how soon.
    let found = Found::decide(!again.is_empty(), "a request for bootstrap", got).advisory();
    found.shown_by(again.iter().map(|datagram| datagram.number))
}

fn told(registrations: &[Registration<'_>]) -> String {
    match registrations.len() {
        0 => "no registration".to_owned(),
        1 => "a registration".to_owned(),
        count => format!("{count} registrations"),
    }
}

fn numbers<'s>(registrations: &'s [Registration<'_>]) -> impl Iterator<Item = u64> + use<'s> {
    registrations.iter().map(|one| one.datagram.number)
}

fn registered_after(scene: &Scene, server: &str, act: &Act) -> Found {
    let expected = "a registration when the bootstrap has ended, and none before";
    let operations = operations(scene, act);
    let mut ends = operations.iter().filter(|operation| operation.is_end());
    let Some(end) = ends.next_back() else {
        return Found::broken(expected, "no end of a bootstrap was recorded");
    };
    let all = registrations(scene, (server, act.after));
    let early = all.iter().filter(|one| one.datagram.number < end.number);
    let (early, count) = (early.count(), all.len());
    if early == 0 && end.answer != Some(Code::CHANGED) {
        let got = format!("the end was not confirmed: {}", end.told());
        return Found::inconclusive(expected, got).shown_by([end.number]);
    }
    let got = match (early, count) {
        (0, _) => told(&all),
        (early, _) => format!("{} before the end", told(&all[..early])),
    };
    let found = Found::decide(early == 0 && count > 0, expected, got);
    found.shown_by([end.number]).shown_by(numbers(&all))
}

fn unregistered(scene: &Scene, servers: &[String], (after, alive): (u64, u64)) -> Found {
    let expected = "no registration";
    if !is_there(scene, after.max(alive)) {
        return Found::inconclusive(expected, "the client said nothing any more");
    }
    let all: Vec<Registration<'_>> = servers
        .iter()
        .flat_map(|server| registrations(scene, (server, after)))
        .collect();
    Found::decide(all.is_empty(), expected, told(&all)).shown_by(numbers(&all))
}

/// Whether the client has said anything after a number.
fn is_there(scene: &Scene, after: u64) -> bool {
    let mut said = scene.datagrams.iter();
    said.any(|datagram| datagram.number > after && datagram.from == SUT)
}

fn lives_for(scene: &Scene, at: (&str, u64), lifetime: u32) -> Found {
    let expected = format!("a registration with lt={lifetime}");
    let all = registrations(scene, at);
    let Some(last) = all.last() else {
        return Found::inconclusive(expected, told(&all));
    };
    let said = last.packet.query("lt");
    let got = said.map_or_else(|| "no life time".to_owned(), |lt| format!("lt={lt}"));
    // Who says none means a day, which is not what was written.
    let right = said.and_then(|lt| lt.parse().ok()) == Some(lifetime);
    Found::decide(right, expected, got).shown_by([last.datagram.number])
}

/// An operation of the tester, and how the client answered.
struct Operation {
    number: u64,
    code: Code,
    path: String,
    answer: Option<Code>,
}

impl Operation {
    fn is_end(&self) -> bool {
        self.code == Code::POST && self.path == "/bs"
    }

    fn told(&self) -> String {
        let path = match self.path.as_str() {
            "" => "/",
            path => path,
        };
        let answer = self.answer.map(|code| code.to_string());
        let answer = answer.unwrap_or_else(|| "no answer".to_owned());
        format!("{answer} to {} {path}", self.code)
    }

    /// The code with which it is confirmed (TS 1.0.2 §8.2.2).
    fn confirmation(&self) -> Code {
        match self.code {
            Code::DELETE => Code::DELETED,
            Code::GET => Code::CONTENT,
            _ => Code::CHANGED,
        }
    }
}

/// What the tester asked of the client within an act, without repetitions and further blocks.
fn operations(scene: &Scene, act: &Act) -> Vec<Operation> {
    let within = scene.datagrams.iter().filter(|datagram| {
        datagram.number > act.after
            && datagram.number <= act.upto
            && (datagram.from == act.party && datagram.to == SUT)
    });
    let operations = within.filter_map(|datagram| {
        let packet = datagram.packet()?;
        let further = |number| {
            let block = packet.block(number).ok().flatten();
            block.is_some_and(|block| block.num() > 0)
        };
        let begins = !further(option::BLOCK1) && !further(option::BLOCK2);
        let wanted = begins && packet.code().class() == Class::Request && !scene.is_copy(datagram);
        wanted.then(|| Operation {
            number: datagram.number,
            code: packet.code(),
            path: path_of(&packet),
            answer: scene
                .answer(datagram)
                .and_then(Datagram::packet)
                .map(|packet| packet.code()),
        })
    });
    operations.collect()
}

fn took_each(scene: &Scene, act: &Act) -> Found {
    let expected = "2.02 to each DELETE, 2.04 to each PUT and POST";
    let mut all = operations(scene, act);
    // What was written again in a format that the client knows is looked at then.
    let anew: Vec<bool> = (0..all.len())
        .map(|at| is_written_anew(&all[at..]))
        .collect();
    let mut anew = anew.into_iter();
    all.retain(|_| anew.next() != Some(true));
    if all.is_empty() {
        return Found::broken(expected, "no operation was recorded");
    }
    if !is_there(scene, act.after) {
        return Found::inconclusive(expected, "the client said nothing any more");
    }
    let right = |operation: &&Operation| operation.answer == Some(operation.confirmation());
    let holds = all.iter().all(|operation| right(&operation));
    let got: Vec<String> = all.iter().map(Operation::told).collect();
    let found = Found::decide(holds, expected, got.join("; "));
    found.shown_by(all.iter().map(|operation| operation.number))
}

/// Whether the first of these operations has a format that the client does not know, and the next one writes
/// the same in another.
fn is_written_anew(operations: &[Operation]) -> bool {
    match operations {
        [one, next, ..] => {
            let unknown = one.answer == Some(Code::UNSUPPORTED_CONTENT_FORMAT);
            unknown && (one.code, &one.path) == (next.code, &next.path)
        }
        _ => false,
    }
}

/// What a discovery was answered with, whole if it came in blocks; or why there is no list.
fn listed(scene: &Scene, act: &Act) -> Result<ObjectList, String> {
    let mut tokens = Vec::new();
    let mut blocks = BTreeMap::new();
    let mut refused = None;
    for datagram in &scene.datagrams {
        let within = datagram.number > act.after && datagram.number <= act.upto;
        let Some(packet) = datagram.packet().filter(|_| within) else {
            continue;
        };
        let between = |from: &str, to: &str| datagram.from == from && datagram.to == to;
        match packet.code().class() {
            Class::Request if between(&act.party, SUT) => {
                tokens.push(packet.token_bytes().to_vec());
            }
            Class::Response if between(SUT, &act.party) => {
                if !tokens.iter().any(|token| token == packet.token_bytes()) {
                    continue;
                }
                if packet.code() != Code::CONTENT {
                    refused = Some(packet.code());
                    continue;
                }
                let block = packet.block(option::BLOCK2).ok().flatten();
                let number = block.map_or(0, |block| block.num());
                blocks.insert(number, packet.payload().to_vec());
            }
            _ => {}
        }
    }
    match refused {
        Some(code) => return Err(format!("{code} to the discovery")),
        None if blocks.is_empty() => return Err("no answer to the discovery".to_owned()),
        None => {}
    }
    let body: Vec<u8> = blocks.into_values().flatten().collect();
    ObjectList::parse(&body).map_err(|error| {
        let body = String::from_utf8_lossy(&body);
        format!("a list that cannot be read ({error}): {body}")
    })
}

/// Its instances of the Security object that are no server's: without a Short Server ID.
fn bootstrap_accounts(list: &ObjectList) -> impl Iterator<Item = Path> {
    let own = |item: &&Item| {
        let (object, depth) = (item.path.object(), item.path.depth());
        object == Some(0) && depth == 2 && item.ssid.is_none()
    };
    list.items.iter().filter(own).map(|item| item.path)
}

fn kept(scene: &Scene, before: &Act, after: &Act) -> Found {
    let (Ok(was), Ok(is)) = (listed(scene, before), listed(scene, after)) else {
        let got = "no list of what is there, by which it could be seen";
        return Found::inconclusive("what it had before", got).shown_by([before.upto, after.upto]);
    };
    let device = Path::new(&[3, 0]);
    let devices = |list: &ObjectList| list.items.iter().any(|item| Some(item.path) == device);
    let mut wanted: Vec<Path> = bootstrap_accounts(&was).collect();
    if wanted.is_empty() {
        let got = "every instance of the Security object has a Short Server ID";
        return Found::inconclusive("an account of a bootstrap server before", got);
    }
    wanted.extend(device.filter(|_| devices(&was)));
    let there: Vec<Path> = is.items.iter().map(|item| item.path).collect();
    let gone: Vec<String> = wanted
        .iter()
        .filter(|path| !there.contains(path))
        .map(Path::to_string)
        .collect();
    let wanted: Vec<String> = wanted.iter().map(Path::to_string).collect();
    let got = match gone.as_slice() {
        [] => "all of it".to_owned(),
        gone => format!("{} is gone", gone.join(" and ")),
    };
    let expected = format!("{} after the deletion", wanted.join(" and "));
    let request = scene.request(&after.party, (after.after, after.upto));
    let found = Found::decide(gone.is_empty(), expected, got);
    found.shown_by(request.map(|request| request.number))
}

fn deleted(scene: &Scene, (before, after): (&Act, &Act), paths: &[String]) -> Found {
    let expected = format!("no {} after the deletion", paths.join(" and no "));
    let (Ok(was), Ok(is)) = (listed(scene, before), listed(scene, after)) else {
        let got = "no list of what is there, by which it could be seen";
        return Found::inconclusive(expected, got).shown_by([before.upto, after.upto]);
    };
    let has = |list: &ObjectList, path: &String| {
        let mut items = list.items.iter().map(|item| item.path.to_string());
        items.any(|item| item == *path)
    };
    if let Some(missing) = paths.iter().find(|path| !has(&was, path)) {
        let got = format!("{missing} was not listed when it had been written");
        return Found::inconclusive(expected, got).shown_by([before.upto]);
    }
    let still: Vec<String> = paths
        .iter()
        .filter(|path| has(&is, path))
        .cloned()
        .collect();
    let got = match still.as_slice() {
        [] => "none of it".to_owned(),
        still => format!("{} is still there", still.join(" and ")),
    };
    let request = scene.request(&after.party, (after.after, after.upto));
    let found = Found::decide(still.is_empty(), expected, got);
    found.shown_by(request.map(|request| request.number))
}

fn shows_accounts(scene: &Scene, act: &Act, (accounts, optional): (&[Account], bool)) -> Found {
    let expected = "a list that says its version, shows each account that was written with its Short \
                    Server ID, and shows none at that of the bootstrap server";
    act.with(scene, |_, _| {
        let list = match listed(scene, act) {
            Ok(list) => list,
            // In the first version it need not be there.
            Err(got) if optional => return Found::inconclusive(expected, got),
            Err(got) => return Found::decide(false, expected, got),
        };
        let (mut wrong, mut lesser) = (Vec::new(), Vec::new());
        if list.lwm2m.is_none() {
            match optional {
                true => lesser.push("no version".to_owned()),
                false => wrong.push("no version".to_owned()),
            }
        }
        for account in accounts {
            for object in [0, 1] {
                let path = Path::new(&[object, account.instance]).unwrap_or(Path::ROOT);
                let item = list.items.iter().find(|item| item.path == path);
                match item.map(|item| item.ssid) {
                    None => wrong.push(format!("no {path}")),
                    Some(ssid) if ssid != Some(account.ssid) => {
                        let ssid = ssid.map_or("none".to_owned(), |ssid| ssid.to_string());
                        wrong.push(format!("{ssid} as Short Server ID of {path}"));
                    }
                    Some(_) => {}
                }
                let uri = item.and_then(|item| item.uri.as_ref());
                if object == 0 && item.is_some() && uri.is_none_or(|uri| *uri != account.uri) {
                    lesser.push(format!("no address of the server at {path}"));
                }
            }
        }
        if bootstrap_accounts(&list).next().is_none() {
            wrong.push("a Short Server ID at the account of the bootstrap server".to_owned());
        }
        let items: Vec<String> = list
            .items
            .iter()
            .map(|item| item.path.to_string())
            .collect();
        if !wrong.is_empty() {
            return Found::decide(false, expected, wrong.join("; "));
        }
        // The address came with 1.1, and the examples of 1.0 do without.
        match lesser.as_slice() {
            [] => Found::decide(true, expected, items.join(", ")),
            lesser => Found::decide(false, expected, lesser.join("; ")).advisory(),
        }
    })
}

fn triggered(scene: &Scene, act: &Act, server: &str) -> Found {
    let expected = "2.04 to the trigger, and a request for bootstrap";
    let begun = asked(scene, (server, act.after));
    let found = act.with(scene, |request, answer| {
        let code = answer.map(|packet| packet.code());
        let lacks = [Some(Code::NOT_FOUND), Some(Code::METHOD_NOT_ALLOWED)];
        let said = came(request, answer.as_ref());
        if lacks.contains(&code) {
            let got = format!("{said}: the client does not have this resource, which is optional");
            return Found::inconclusive(expected, got);
        }
        let got = match begun.len() {
            0 => format!("{said}, and no request for bootstrap"),
            _ => format!("{said}, and a request for bootstrap"),
        };
        let confirmed = code == Some(Code::CHANGED);
        let found = Found::decide(confirmed && !begun.is_empty(), expected, got);
        match confirmed {
            // No text says how soon, and the account of the bootstrap server may have it wait.
            true => found.advisory(),
            false => found,
        }
    });
    found.shown_by(begun.iter().map(|datagram| datagram.number))
}

fn unaided(scene: &Scene, (server, after): (&str, u64), bootstrap: &str) -> Found {
    let expected = "a registration, and no request for bootstrap before it";
    let (registered, begun) = (
        registrations(scene, (server, after)),
        asked(scene, (bootstrap, after)),
    );
    if registered.is_empty() && begun.is_empty() {
        return Found::inconclusive(expected, "neither of them");
    }
    let first = registered.first().map(|one| one.datagram.number);
    let early = begun
        .iter()
        .filter(|asked| first.is_none_or(|first| asked.number < first));
    let early: Vec<u64> = early.map(|datagram| datagram.number).collect();
    let got = match (first, early.is_empty()) {
        (None, _) => "a request for bootstrap, and no registration",
        (Some(_), false) => "a request for bootstrap before the registration",
        (Some(_), true) => "a registration",
    };
    let holds = first.is_some() && early.is_empty();
    let found = Found::decide(holds, expected, got);
    found.shown_by(early).shown_by(first)
}
