//! Information reporting (TS 1.0.2 §5.5), and the orders that make it do what it should not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::{Code, ContentFormat, Message, Token, Type, option};
use twinproof_kernel::{CallId, Time};

use super::manage::own_senml;
use super::registration::{Purpose, State, impossible, no_server};
use super::rules::{CancelFacts, ChangeFacts, PeriodFacts};
use super::{Answer, Device, Moment, Notify, NotifyWith, Observed, Shared, Tell};
use crate::wire::attributes::{Attribute, Attributes};
use crate::wire::{Entry, Path, Value};

/// What a device keeps for a server that wants to be told things.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) attributes: BTreeMap<Path, Attributes>,
    pub(super) watches: Vec<Watch>,
}

/// An observation.
#[derive(Debug)]
pub(super) struct Watch {
    token: Token,
    paths: Vec<Path>,
    /// Whether it came with a list of paths, so that its notifications are SenML.
    composite: bool,
    accept: Option<ContentFormat>,
    /// What was told last, and when.
    told: Vec<Entry>,
    at: Time,
    /// Something worth telling has happened since.
    pending: bool,
    /// What could not be told.
    kept: Vec<Message>,
    notified: u32,
    pub(super) due: Option<Time>,
}

/// What is kept of an observation of one number that is told when a tester says so.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) path: Path,
    pub(super) accept: Option<ContentFormat>,
    /// What was told last, and when.
    pub(super) told: i64,
    pub(super) at: Time,
    pub(super) notified: u32,
}

impl Report {
    /// What is kept of it, if that is all.
    pub(super) fn watched(&self, shared: &Shared, token: Token) -> Option<Watched> {
        let [watch] = self.watches.as_slice() else {
            return None;
        };
        let (path, entry) = match (watch.paths.as_slice(), watch.told.as_slice()) {
            ([path], [entry]) if entry.path == *path && entry.time.is_none() => (*path, entry),
            _ => return None,
        };
        let told = shared.contents.held(path, entry.value.as_ref()?)?;
        let waits = watch.pending || watch.due.is_some() || !watch.kept.is_empty();
        let differs = watch.composite || watch.token != token || !self.attributes.is_empty();
        (!waits && !differs).then_some(Watched {
            path,
            accept: watch.accept,
            told,
            at: watch.at,
            notified: watch.notified,
        })
    }
}

impl Watched {
    /// It again, under this token.
    pub(super) fn report(self, shared: &Shared, token: Token) -> Report {
        let told = shared.contents.said(self.path, self.told);
        let watch = Watch {
            token,
            paths: vec![self.path],
            composite: false,
            accept: self.accept,
            told: vec![Entry::new(self.path, told)],
            at: self.at,
            pending: false,
            kept: Vec::new(),
            notified: self.notified,
            due: None,
        };
        Report {
            watches: vec![watch],
            ..Report::default()
        }
    }
}

impl Device {
    pub(super) fn observed(&self) -> Vec<Observed> {
        let of = |(server, account): (usize, &super::Account)| {
            let watches = account.report.iter().flat_map(|report| &report.watches);
            let watches = watches.map(|watch| Observed {
                server,
                paths: watch.paths.clone(),
                token: watch.token.as_bytes().to_vec(),
                notified: watch.notified,
            });
            watches.collect::<Vec<_>>()
        };
        self.accounts.iter().enumerate().flat_map(of).collect()
    }

    /// The attributes that a server has attached to exactly this path.
    pub(super) fn attached(&self, account: usize, path: Path) -> Attributes {
        let report = self.accounts[account].report.as_ref();
        let attributes = report.and_then(|report| report.attributes.get(&path));
        attributes.copied().unwrap_or(Attributes::NONE)
    }

    /// The attributes of a path, with those that it inherits.
    pub(super) fn effective(&self, account: usize, path: Path) -> Attributes {
        let above = (1..path.depth())
            .rev()
            .map(|depth| self.attached(account, path.prefix(depth)));
        let mut attributes = above.fold(self.attached(account, path), |own, above| own.or(&above));
        if attributes.contradiction().is_some() {
            // Thresholds that came to contradict each other count for nothing.
            for attribute in [Attribute::Gt, Attribute::Lt, Attribute::St] {
                attributes.set(attribute, None);
            }
        }
        attributes
    }

    fn periods(&self, shared: &Shared, account: usize, paths: &[Path]) -> PeriodFacts {
        let default = |resource| {
            self.setting(shared, account, resource)
                .and_then(|value| value.number())
        };
        let seconds = |paths: &[Path], attribute, resource| {
            let mut own = paths
                .iter()
                .filter_map(|path| self.effective(account, *path).value(attribute));
            own.next().or_else(|| default(resource))
        };
        let duration = |seconds: f64| Duration::from_secs(seconds.max(0.0) as u64);
        PeriodFacts {
            least: duration(seconds(paths, Attribute::Pmin, 2).unwrap_or(0.0)),
            most: seconds(paths, Attribute::Pmax, 3).map(duration),
        }
    }

    pub(super) fn observe(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        token: Token,
        (paths, composite): (Vec<Path>, bool),
        (accept, told): (Option<ContentFormat>, Vec<Entry>),
    ) {
        self.dirty = true;
        let report = self.accounts[account].report.get_or_insert_default();
        report.watches.retain(|watch| watch.token != token);
        report.watches.push(Watch {
            token,
            paths,
            composite,
            accept,
            told,
            at: moment.now,
            pending: false,
            kept: Vec::new(),
            notified: 0,
            due: None,
        });
    }

    pub(super) fn forget_observation(&mut self, account: usize, token: Token) {
        if let Some(report) = &mut self.accounts[account].report {
            report.watches.retain(|watch| watch.token != token);
        }
    }

    /// A server asks to be told no more.
    pub(super) fn cancel(&mut self, shared: &Shared, server: usize, token: Token) {
        for (account, state) in self.accounts.iter_mut().enumerate() {
            let Some(report) = &mut state.report else {
                continue;
            };
            report.watches.retain(|watch| {
                !shared.rules.ends(CancelFacts {
                    same_server: account == server,
                    same_token: watch.token == token,
                })
            });
        }
    }

    /// Whether a notification that somebody wants to know confirmed is under way.
    fn is_telling(&self, token: Token) -> bool {
        let tells = self.live.iter().flat_map(|live| &live.tells);
        tells
            .into_iter()
            .any(|tell| tell.token == token && !tell.held)
    }

    /// Whether the server wants one later that somebody wants to know confirmed.
    fn is_holding(&self, token: Token) -> bool {
        let tells = self.live.iter().flat_map(|live| &live.tells);
        tells
            .into_iter()
            .any(|tell| tell.token == token && tell.held)
    }

    /// The server has a notification; if the state that waited goes out now, that one is still to come.
    pub(super) fn confirmed(&mut self, moment: &mut Moment<'_>, token: Token, again: bool) {
        self.untold(
            moment,
            |tell| tell.token == token && !tell.held && !(again && tell.waits),
            &Answer::Done,
        );
        for tell in self.live.iter_mut().flat_map(|live| &mut live.tells) {
            tell.waits &= tell.token != token;
        }
    }

    /// Answers those who want to know some notifications confirmed.
    pub(super) fn untold(
        &mut self,
        moment: &mut Moment<'_>,
        which: impl Fn(&Tell) -> bool,
        answer: &Answer,
    ) {
        if let Some(live) = &mut self.live {
            for tell in live.tells.extract_if(.., |tell| which(tell)) {
                moment.out.answer(tell.order, answer.clone());
            }
        }
    }

    /// What belongs to no observation any more is confirmed by nobody.
    pub(super) fn end_tells(&mut self, moment: &mut Moment<'_>) {
        if self.live.as_ref().is_none_or(|live| live.tells.is_empty()) {
            return;
        }
        let watches = self.accounts.iter().flat_map(|account| &account.report);
        let watches = watches.flat_map(|report| &report.watches);
        let tokens: Vec<Token> = watches.map(|watch| watch.token).collect();
        let ended = Answer::Impossible("the observation has ended".to_owned());
        self.untold(moment, |tell| !tokens.contains(&tell.token), &ended);
    }

    /// The message layer says that an observation has ended.
    pub(super) fn unobserved(&mut self, shared: &Shared, peer: SocketAddr, token: Token) {
        if let Some(account) = self.account_at(shared, peer) {
            self.forget_observation(account, token);
        }
    }

    /// Ends all observations of a server, without a word.
    pub(super) fn end_observations(&mut self, shared: &Shared, account: usize) {
        let server = self.servers(shared).get(account).copied();
        let Some(report) = &mut self.accounts[account].report else {
            return;
        };
        let watches = std::mem::take(&mut report.watches);
        if let (Some(live), Some(server)) = (&mut self.live, server) {
            for watch in watches {
                live.layer.unobserve(server.address, watch.token);
            }
        }
    }

    /// Tells servers what is due, and finds out when something will be.
    pub(super) fn report(&mut self, moment: &mut Moment<'_>) {
        let dirty = std::mem::take(&mut self.dirty);
        for account in 0..self.accounts.len() {
            let count = self.accounts[account]
                .report
                .as_ref()
                .map_or(0, |report| report.watches.len());
            // An observation may end meanwhile, so they are taken from the last to the first.
            for index in (0..count).rev() {
                self.look(moment, account, index, dirty);
            }
        }
    }

    fn look(&mut self, moment: &mut Moment<'_>, account: usize, index: usize, dirty: bool) {
        let shared = moment.shared;
        let Some(watch) = self.watch(account, index) else {
            return;
        };
        if dirty && !watch.pending {
            let now = self.values_of(shared, account, watch);
            let pending = match &now {
                Err(_) => true,
                Ok(now) => self.is_worth_telling(shared, account, &watch.told, now),
            };
            if let Some(watch) = self.watch_mut(account, index) {
                watch.pending = pending;
            }
        }
        let Some(watch) = self.watch(account, index) else {
            return;
        };
        let periods = self.periods(shared, account, &watch.paths);
        let earliest = watch.at + shared.rules.earliest(periods);
        let latest = shared.rules.latest(periods).map(|most| watch.at + most);
        let due = [watch.pending.then_some(earliest), latest]
            .into_iter()
            .flatten()
            .min();
        let reachable = !self.is_silent() && self.accounts[account].state == State::Registered;
        let is_due = due.is_some_and(|at| at <= moment.now);
        let held = reachable && !watch.kept.is_empty();
        if is_due || held {
            let holds = self.watch(account, index).map(|watch| watch.token);
            let holds = holds.is_some_and(|token| self.is_holding(token));
            let confirms = self.behaviour().confirms || holds;
            self.tell(moment, account, index, (is_due, confirms));
        } else if let Some(watch) = self.watch_mut(account, index) {
            watch.due = due;
        }
        if is_due && let Some(watch) = self.watch(account, index) {
            let periods = self.periods(shared, account, &watch.paths);
            let next = shared.rules.latest(periods).map(|most| watch.at + most);
            if let Some(watch) = self.watch_mut(account, index) {
                watch.due = next;
            }
        }
    }

    /// Notifies, or keeps the notification for later if the device cannot speak.
    fn tell(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        index: usize,
        (now, confirms): (bool, bool),
    ) {
        let shared = moment.shared;
        let server = self.servers(shared).get(account);
        let (Some(&super::Server { address, .. }), Some(watch)) =
            (server, self.watch(account, index))
        else {
            return;
        };
        let values = self.values_of(shared, account, watch);
        let message = match &values {
            Ok(values) => match watch.paths.as_slice() {
                [path] if !watch.composite => self.told(shared, *path, values, watch.accept),
                _ => self.told_several(shared, values, watch.accept),
            },
            Err(code) => Err(*code),
        };
        let message = message.unwrap_or_else(Message::new);
        let ends = !message.code().is_success();
        let con = self.effective(account, watch.paths.first().copied().unwrap_or_default());
        let asked = con.value(Attribute::Con) == Some(1.0) || confirms;
        let confirmable = shared.rules.confirms(asked);
        let ty = super::NON_OR_CON[usize::from(confirmable)];
        let silent = self.is_silent();
        let storing = matches!(self.setting(shared, account, 6), Some(Value::Boolean(true)));
        let keeps = shared.rules.keeps_untold(storing);
        let Some(watch) = self.watch_mut(account, index) else {
            return;
        };
        if now {
            watch.at = moment.now;
            watch.pending = false;
            watch.told = values.unwrap_or_default();
        }
        if silent {
            if keeps && now {
                watch.kept.push(message);
            }
            return;
        }
        let mut messages = std::mem::take(&mut watch.kept);
        messages.extend(now.then_some(message));
        watch.notified += messages.len() as u32;
        let token = watch.token;
        let waits = self.is_telling(token);
        for tell in self.live.iter_mut().flat_map(|live| &mut live.tells) {
            if tell.token == token && tell.held {
                (tell.held, tell.waits) = (false, waits);
            }
        }
        self.accounts[account].spoke = moment.now;
        for message in messages {
            // What cannot be sent now is as good as lost on the way; the next state will come.
            let _ = self.with_layer(moment, |layer, turn| {
                layer.notify(turn, address, token, ty, message)
            });
        }
        if ends {
            self.forget_observation(account, token);
        }
    }

    fn values_of(
        &self,
        shared: &Shared,
        account: usize,
        watch: &Watch,
    ) -> Result<Vec<Entry>, Code> {
        match watch.paths.as_slice() {
            [path] if !watch.composite => self.read(shared, account, *path),
            paths => Ok(self.read_several(shared, account, paths)),
        }
    }

    fn is_worth_telling(
        &self,
        shared: &Shared,
        account: usize,
        told: &[Entry],
        now: &[Entry],
    ) -> bool {
        let of = |entries: &[Entry], path: Path| {
            let entry = entries.iter().find(|entry| entry.path == path);
            entry.and_then(|entry| entry.value.clone())
        };
        let mut paths = told.iter().chain(now).map(|entry| entry.path);
        paths.any(|path| {
            let (old, new) = (of(told, path), of(now, path));
            if old == new {
                return false;
            }
            let attributes = self.effective(account, path);
            shared.rules.is_worth_telling(ChangeFacts {
                old: old.and_then(|value| value.number()),
                new: new.and_then(|value| value.number()),
                gt: attributes.value(Attribute::Gt),
                lt: attributes.value(Attribute::Lt),
                st: attributes.value(Attribute::St),
            })
        })
    }

    fn watch(&self, account: usize, index: usize) -> Option<&Watch> {
        self.accounts
            .get(account)?
            .report
            .as_ref()?
            .watches
            .get(index)
    }

    fn watch_mut(&mut self, account: usize, index: usize) -> Option<&mut Watch> {
        self.accounts
            .get_mut(account)?
            .report
            .as_mut()?
            .watches
            .get_mut(index)
    }

    /// A notification as a tester wants it.
    pub(super) fn notify(&mut self, moment: &mut Moment<'_>, order: CallId, notify: Notify) {
        let Notify { server, path, with } = notify;
        let Some(&super::Server { address, .. }) = self.servers(moment.shared).get(server) else {
            return impossible(moment, Some(order), no_server(server));
        };
        let watches = self.accounts[server]
            .report
            .as_ref()
            .map(|report| &report.watches);
        let index = watches.and_then(|watches| {
            watches
                .iter()
                .rposition(|watch| watch.paths.contains(&path))
        });
        let token = index
            .and_then(|index| self.watch(server, index))
            .map(|watch| watch.token);
        let (token, sequence, value, confirmable) = match with {
            NotifyWith::Token {
                token,
                sequence,
                value,
                confirmable,
            } => match Token::new(&token) {
                Some(token) => (token, Some(sequence), Ok(value), confirmable),
                None => {
                    return impossible(
                        moment,
                        Some(order),
                        "a token has at most 8 bytes".to_owned(),
                    );
                }
            },
            other => {
                let (Some(index), Some(token)) = (index, token) else {
                    let why = format!("nobody observes {path} there");
                    return impossible(moment, Some(order), why);
                };
                match other {
                    NotifyWith::Confirmed(value) => {
                        return self.notify_confirmed(
                            moment,
                            order,
                            (server, index),
                            (path, value),
                        );
                    }
                    NotifyWith::Due(value) if self.is_due(moment, server, index) => {
                        return self.notify_confirmed(
                            moment,
                            order,
                            (server, index),
                            (path, value),
                        );
                    }
                    NotifyWith::Due(value) => {
                        self.change().set(path, value);
                        if let Some(watch) = self.watch_mut(server, index) {
                            watch.pending = true;
                        }
                        if let Some(live) = &mut self.live {
                            live.tells.push(Tell {
                                token,
                                order,
                                waits: false,
                                held: true,
                            });
                        }
                        return;
                    }
                    NotifyWith::Value { confirmable } => {
                        self.tell(moment, server, index, (true, confirmable));
                        return moment.out.answer(order, Answer::Done);
                    }
                    NotifyWith::Error(code) => (token, None, Err(code), true),
                    NotifyWith::Sequence {
                        sequence,
                        value,
                        confirmable,
                    } => (token, Some(sequence), Ok(value), confirmable),
                    NotifyWith::Token { .. } => return,
                }
            }
        };
        let ty = super::NON_OR_CON[usize::from(confirmable)];
        let message = match value {
            Ok(value) => self.told(moment.shared, path, &[Entry::new(path, value)], None),
            Err(code) => Ok(Message::new(code)),
        };
        let Ok(mut message) = message else {
            return impossible(
                moment,
                Some(order),
                format!("{path} cannot have that value"),
            );
        };
        if let Some(sequence) = sequence {
            message = message.uint(option::OBSERVE, sequence & 0x00ff_ffff);
        } else {
            self.forget_observation(server, token);
            if let Some(live) = &mut self.live {
                live.layer.unobserve(address, token);
            }
        }
        let sent = self.with_layer(moment, |layer, turn| {
            layer.emit(turn, address, (ty, token), &message)
        });
        match sent {
            Ok(()) => moment.out.answer(order, Answer::Done),
            Err(error) => impossible(moment, Some(order), error.to_string()),
        }
    }

    /// Whether a server wants the next notification by now, or there is none that it could be too soon after.
    fn is_due(&self, moment: &Moment<'_>, account: usize, index: usize) -> bool {
        let shared = moment.shared;
        let Some(watch) = self.watch(account, index).filter(|_| self.live.is_some()) else {
            return true;
        };
        let periods = self.periods(shared, account, &watch.paths);
        watch.at + shared.rules.earliest(periods) <= moment.now
    }

    /// Tells a value that the device has from now on, and who wants to know when that is confirmed.
    fn notify_confirmed(
        &mut self,
        moment: &mut Moment<'_>,
        order: CallId,
        (server, index): (usize, usize),
        (path, value): (Path, Value),
    ) {
        self.change().set(path, value);
        let Some(token) = self.watch(server, index).map(|watch| watch.token) else {
            return;
        };
        let waits = self.is_telling(token);
        self.tell(moment, server, index, (true, true));
        if let Some(live) = &mut self.live {
            live.tells.push(Tell {
                token,
                order,
                waits,
                held: false,
            });
        }
    }

    /// Sends values unasked (TS 1.1.1 §6.4.5).
    pub(super) fn send(
        &mut self,
        moment: &mut Moment<'_>,
        order: CallId,
        server: usize,
        paths: &[Path],
    ) {
        let shared = moment.shared;
        let Some(&super::Server { address, .. }) = self.servers(shared).get(server) else {
            return impossible(moment, Some(order), no_server(server));
        };
        match self.sends(shared, server, paths) {
            Ok((format, told)) => {
                let message = Message::new(Code::POST)
                    .path("/dp")
                    .content_format(format)
                    .payload(told);
                let to = (server, address, Type::Con);
                self.ask(moment, to, message, Purpose::Other, Some(order));
            }
            Err(why) => impossible(moment, Some(order), why),
        }
    }

    /// The values of these paths as they are sent unasked, and in which format, or why they are not.
    pub(super) fn sends(
        &self,
        shared: &Shared,
        server: usize,
        paths: &[Path],
    ) -> Result<(ContentFormat, Vec<u8>), String> {
        let mute = match self.setting(shared, server, 23) {
            Some(Value::Boolean(mute)) => Some(mute),
            _ => None,
        };
        if shared.rules.is_muted(mute) {
            return Err("the server has muted Send".to_owned());
        }
        let entries = self.read_several(shared, server, paths);
        let told = self.told_several(shared, &entries, None);
        let told = told.map_err(|code| format!("the values cannot be told: {code}"))?;
        Ok((own_senml(shared), told.body().to_vec()))
    }
}
