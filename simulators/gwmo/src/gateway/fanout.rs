//! Fan-outs: the same commands for several devices, and one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use twinproof_dm::tree::NodeUri;
use twinproof_dm::upper::{Act, Answer, Operation, Outcome, Value};
use twinproof_kernel::{CallId, Input, Time};

use super::rules::{Aimed, Tally};
use super::{Gateway, Mode, Moment};
use crate::aggregate::{Aggregate, Entry, Results, Said};
use crate::alert::Report;
use crate::objects::below;
use crate::payload;

/// A fan-out that is under way.
#[derive(Clone, Debug)]
pub(super) struct Running {
    at: NodeUri,
    server: String,
    correlator: Option<String>,
    parts: Vec<Part>,
    /// Which part is of which device.
    index: BTreeMap<String, usize>,
    /// How many parts are open.
    open: usize,
    pub(super) until: Time,
}

/// What a call is about: the fan-out, by where it is described, its part, and the command.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    at: NodeUri,
    part: usize,
    command: usize,
}

impl Running {
    fn change(&mut self, part: usize, change: impl FnOnce(&mut Part)) {
        if let Some(part) = self.parts.get_mut(part) {
            let before = part.is_open();
            change(part);
            self.open -= usize::from(before && !part.is_open());
        }
    }
}

/// What is known of one of its devices.
#[derive(Clone, Debug)]
struct Part {
    device: String,
    /// What it was asked with.
    calls: Vec<CallId>,
    said: Vec<Option<Said>>,
    /// Why nothing more is waited for.
    failed: Option<u16>,
}

impl Part {
    fn is_open(&self) -> bool {
        self.failed.is_none() && self.said.iter().any(Option::is_none)
    }
}

/// The code of a fan-out whose commands cannot be read.
const MALFORMED: u16 = 400;

impl Gateway {
    /// Starts what a server has described.
    pub(super) fn fan_out(
        &mut self,
        moment: &mut Moment<'_>,
        at: NodeUri,
        server: &str,
        correlator: Option<String>,
    ) {
        let names = &moment.shared.names;
        let is_running = self.running.iter().any(|running| running.at == at);
        if !moment.shared.rules.begins(is_running) {
            return;
        }
        let text = |path: &str| self.tree().text(&below(&at, path)).map(str::to_owned);
        let acts = payload::read(&text(&names.payload).unwrap_or_default());
        let seconds = text(&names.deadline).and_then(|text| text.parse().ok());
        let wait = seconds.map_or(moment.shared.deadline, Duration::from_secs);
        let acts = match acts {
            Ok(acts) => moment.shared.rules.tells(acts),
            Err(_) => {
                let correlator = moment.shared.rules.quotes(correlator);
                let code = MALFORMED.to_string();
                let alert = Report::Completed.alert(&at.to_string(), &code, correlator.as_deref());
                self.tell(server, vec![alert]);
                let state = below(&at, &names.state);
                return self.north.tree_mut().set(&state, "failed");
            }
        };
        let targets = self.targets(moment, &at);
        let part = |device: &String| Part {
            device: device.clone(),
            calls: Vec::new(),
            said: vec![None; acts.len()],
            failed: None,
        };
        self.running.push(Running {
            at: at.clone(),
            server: server.to_owned(),
            correlator,
            parts: targets.iter().map(part).collect(),
            index: (0..)
                .zip(&targets)
                .map(|(at, id)| (id.clone(), at))
                .collect(),
            open: targets.len(),
            until: moment.now + wait,
        });
        let state = below(&at, &names.state);
        self.north.tree_mut().set(&state, "running");
        if moment.shared.rules.shows_again(targets.len()) {
            self.tell(server, Vec::new());
        }
        if moment.shared.rules.lingers(false) {
            self.leave_for_others(moment, &targets, &acts);
        }
        for (part, id) in targets.into_iter().enumerate() {
            let mode = self.mode_of(moment, &id);
            let rules = &moment.shared.rules;
            let known = self.devices.get(&id);
            let reached = known.is_some_and(|d| d.attached && rules.manages(d.moved));
            let mode = mode.filter(|mode| reached && *mode != Mode::Transparent);
            let Some(mode) = mode else {
                let code = moment.shared.rules.silent(false);
                self.change(&at, part, |part| part.failed = Some(code));
                continue;
            };
            for (command, act) in acts.iter().enumerate() {
                let call = self.call();
                self.change(&at, part, |part| part.calls.push(call));
                let about = Asked {
                    at: at.clone(),
                    part,
                    command,
                };
                self.asked.insert(call, about);
                if mode == Mode::Adaptation {
                    self.adapt(moment, &id, call, act.clone());
                    continue;
                }
                let (device, act) = (id.clone(), act.clone());
                let order = Operation::Do { device, act };
                let answers = self.south(moment, Input::Order { call, order });
                self.answered(answers);
            }
            if mode == Mode::Proxy && moment.shared.rules.wakes(true) {
                self.wake(moment, &id, server);
            }
        }
    }

    /// What a fan-out wants waits for devices that it is not for, too.
    fn leave_for_others(&mut self, moment: &mut Moment<'_>, targets: &[String], acts: &[Act]) {
        let others = self.devices.keys().filter(|id| !targets.contains(id));
        for device in others.cloned().collect::<Vec<_>>() {
            for act in acts {
                let (device, act, call) = (device.clone(), act.clone(), self.call());
                self.south(
                    moment,
                    Input::Order {
                        call,
                        order: Operation::Do { device, act },
                    },
                );
            }
        }
    }

    /// The devices that a fan-out reaches, in the order in which it names them.
    fn targets(&mut self, moment: &Moment<'_>, at: &NodeUri) -> Vec<String> {
        let names = &moment.shared.names;
        let tree = self.tree();
        let leaves = |at: &NodeUri| -> Vec<String> {
            let node = tree.node(at);
            let children = node.into_iter().flat_map(|node| node.children());
            let texts =
                children.map(|(_, leaf)| String::from_utf8_lossy(leaf.value()).into_owned());
            texts.collect()
        };
        let mut named = leaves(&below(at, &names.target_devices));
        let group = tree
            .text(&below(at, &names.target_group))
            .map(str::to_owned);
        if let Some(wanted) = &group {
            let mut members = Vec::new();
            let groups = below(&self.places.inventory, &names.groups);
            let known = tree
                .node(&groups)
                .into_iter()
                .flat_map(|node| node.children());
            for (name, _) in known {
                let group = groups.child(name);
                let title = tree.text(&below(&group, &names.group_name));
                if name == wanted || title == Some(wanted) {
                    members.extend(leaves(&below(&group, &names.members)));
                }
            }
            if moment.shared.rules.outlives(false) {
                match members.is_empty() {
                    true => members = self.members.get(wanted).cloned().unwrap_or_default(),
                    false => _ = self.members.insert(wanted.clone(), members.clone()),
                }
            }
            named.extend(members);
        }
        let own: BTreeSet<&String> = named.iter().collect();
        let others = self.devices.keys().filter(|id| !own.contains(id)).cloned();
        let candidates = named.iter().cloned().map(|id| (id, true));
        let candidates: Vec<_> = candidates.chain(others.map(|id| (id, false))).collect();
        let mut aimed = Vec::new();
        let mut already = BTreeSet::new();
        for (id, named) in candidates {
            let facts = Aimed {
                named,
                known: self.devices.contains_key(&id),
                already: already.contains(&id),
            };
            if moment.shared.rules.aims(facts) {
                already.insert(id.clone());
                aimed.push(id);
            }
        }
        aimed
    }

    /// What devices have done.
    pub(super) fn answered(&mut self, answers: Vec<(CallId, Answer)>) {
        for (call, answer) in answers {
            let said = match answer {
                Answer::Did(outcome) => said(outcome),
                _ => Said {
                    status: UNSERVED,
                    values: Vec::new(),
                },
            };
            self.said(call, said);
        }
    }

    /// What a device has said to what it was asked with this call.
    pub(super) fn said(&mut self, call: CallId, said: Said) {
        let Some(asked) = self.asked.remove(&call) else {
            return;
        };
        self.change(&asked.at, asked.part, |part| {
            if let Some(place) = part.said.get_mut(asked.command) {
                place.get_or_insert(said);
            }
        });
    }

    /// Changes what is known of a part of a fan-out that runs.
    fn change(&mut self, at: &NodeUri, part: usize, change: impl FnOnce(&mut Part)) {
        let mut running = self.running.iter_mut();
        if let Some(running) = running.find(|running| running.at == *at) {
            running.change(part, change);
        }
    }

    /// Nothing more is waited for of a device, and what it was not told yet is taken back.
    pub(super) fn give_up(&mut self, moment: &mut Moment<'_>, device: &str, code: u16) {
        self.withdraw(moment, device, |_| true);
        for running in &mut self.running {
            if let Some(part) = running.index.get(device).copied() {
                running.change(part, |part| {
                    if part.is_open() {
                        part.failed = Some(code);
                    }
                });
            }
        }
    }

    /// Ends fan-outs of which nothing is open, or whose time is over: who has not answered one is told no more
    /// of it, and all the same of others.
    pub(super) fn finish(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        let is_over = |running: &Running| running.open == 0 || running.until <= now;
        while let Some(place) = self.running.iter().position(is_over) {
            let mut running = self.running.remove(place);
            for part in running.parts.iter_mut().filter(|part| part.is_open()) {
                part.failed = Some(moment.shared.rules.silent(true));
                let rules = Arc::clone(&moment.shared.rules);
                let of = |call| rules.takes_back(part.calls.contains(&call));
                self.withdraw(moment, &part.device, of);
            }
            for call in running.parts.iter().flat_map(|part| &part.calls) {
                self.asked.remove(call);
            }
            self.ended(moment, running);
        }
    }

    fn ended(&mut self, moment: &mut Moment<'_>, running: Running) {
        let (rules, names) = (&moment.shared.rules, &moment.shared.names);
        let entries = running.parts.into_iter().map(|part| {
            let commands: Vec<Said> = part.said.into_iter().flatten().collect();
            let codes = commands.iter().map(|said| said.status).collect();
            Entry {
                device: part.device,
                status: part.failed.unwrap_or_else(|| rules.sums_up(codes)),
                commands,
            }
        });
        let entries: Vec<Entry> = entries.collect();
        let tally = Tally {
            total: entries.len(),
            failed: entries.iter().filter(|entry| !entry.is_success()).count(),
        };
        let overall = rules.overall(tally).to_string();
        let aggregate = Aggregate {
            entries: rules.gathers(entries),
        };
        let tree = self.north.tree_mut();
        let results = below(&running.at, &names.results);
        tree.remove(&results);
        for (number, entry) in aggregate.entries.iter().enumerate() {
            let at = results.child(number.to_string());
            tree.set(&below(&at, &names.result_device), entry.device.as_str());
            tree.set(&below(&at, &names.result_status), entry.status.to_string());
            let values = entry.commands.iter().flat_map(|said| &said.values);
            let values: Vec<&str> = values.map(String::as_str).collect();
            tree.set(&below(&at, &names.result_data), values.join("\n"));
        }
        tree.set(&below(&running.at, &names.state), "completed");
        let source = running.at.to_string();
        let correlator = rules.quotes(running.correlator);
        let correlator = correlator.as_deref();
        let told = match moment.shared.results {
            Results::Reported => aggregate.to_text(),
            Results::Fetched => results.to_string(),
        };
        let alerts = rules.concludes(vec![
            Report::Results.alert(&source, &told, correlator),
            Report::Completed.alert(&source, &overall, correlator),
        ]);
        self.tell(&running.server, alerts);
    }
}

/// The code for a command that the southern side does not take.
const UNSERVED: u16 = 404;

/// What a device said to one command: of a block, the first code that is no success.
fn said(outcome: Outcome) -> Said {
    let codes: Vec<u16> = outcome.statuses.iter().map(|told| told.code).collect();
    let failed = codes.iter().find(|code| !(200..300).contains(*code));
    let values = outcome
        .results
        .into_iter()
        .map(|reading| match reading.value {
            Some(Value::Text(text)) => text,
            Some(Value::Octets(octets)) => String::from_utf8_lossy(&octets).into_owned(),
            None => String::new(),
        });
    Said {
        status: failed.or(codes.first()).copied().unwrap_or_default(),
        values: values.collect(),
    }
}
