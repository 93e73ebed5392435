//! Performs commands on a system and looks at it through its interface.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use twinproof_judge::profile::{Declared, SecondaryToken, Subscriber};
use twinproof_judge::scene::SUT;
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::Response;
use twinproof_kernel::{Role, Seed, Time};
use twinproof_stage::{Acted, Halted, Handle, Stage};
use twinproof_twinning::device::{Access, Answer, Device, Order, Provision, read_body};
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{ActivationCode, Twinning, TwinningList};
use twinproof_twinning::url::resolve;

use super::abroad::Abroad;
use super::command::{Command, DEVICES};
use super::invariants;
use super::model::{Duty, Model};
use super::news::News;
use super::script::{Line, Script, Wanted};
use super::seen::{List, Seen};

/// After so many commands everything is read, whether or not a command can have changed it.
const READ_ALL_AFTER: usize = 8;

/// What a system did with a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It accepted it.
    Accepted,
    /// There was nothing to ask, for example no twinning to switch.
    Idle,
    /// It refused it.
    Refused,
}

/// A command, what came of it, and what everybody saw before and after.
pub struct Step<'a> {
    /// The command.
    pub(super) command: Command,
    /// What the system did with it.
    pub(super) outcome: Outcome,
    /// What each device saw before.
    pub(super) before: &'a [List],
    /// What each device saw after.
    pub(super) after: &'a [List],
    /// The model after it.
    pub(super) model: &'a Model,
    /// It switches a twinning to what it is already.
    pub(super) repeats: bool,
    /// What was asked to be told, and what was told.
    pub(super) news: &'a News,
    /// The other operator, if it has a part.
    pub(super) abroad: Option<&'a Abroad>,
}

/// Why a sequence ended early.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Broken {
    /// An invariant does not hold.
    Invariant {
        /// Its number.
        id: &'static str,
        /// What was seen.
        seen: String,
        /// The command after which it was seen.
        step: usize,
    },
    /// The transport failed; that says nothing of the system.
    Transport(String),
}

impl From<Halted> for Broken {
    fn from(halted: Halted) -> Self {
        Self::Transport(halted.to_string())
    }
}

/// How a sequence is performed.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// After each command everything is read, and not only what the command can have changed.
    pub(super) thorough: bool,
    /// The sequence ends where a recommendation is not followed, as it does where a rule is broken.
    pub(super) heeds_advice: bool,
}

/// The command that is under way.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) command: Command,
    pub(super) outcome: Outcome,
    /// Its place in the sequence.
    pub(super) number: usize,
    /// It switches a twinning to what it is already.
    pub(super) repeats: bool,
    /// It lets two parties act at the same time.
    pub(super) races: bool,
    /// No text says whether it is accepted.
    pub(super) is_open: bool,
    /// The devices that it can have changed something for.
    touched: [bool; DEVICES],
}

/// A sequence under way.
pub struct Drive<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) knobs: Knobs,
    pub(super) base_url: String,
    pub(super) devices: Vec<Handle<Device>>,
    stranger: Handle<Device>,
    addresses: Vec<(String, usize)>,
    pub(super) codes: Vec<ActivationCode>,
    /// A secondary has to obtain a token for its twinning.
    pub(super) has_tokens: bool,
    /// There is an authorization server.
    pub(super) has_grants: bool,
    /// Of each device, the authorization code that it redeemed last.
    pub(super) redeemed: Vec<Option<String>>,
    /// Of each device, when it last became a secondary.
    pub(super) twinned: Vec<Duration>,
    pub(super) model: Model,
    pub(super) seen: Vec<List>,
    /// What each device's last list looked like on the wire.
    lists: Vec<Response>,
    pub(super) now: Now,
    pub(super) news: News,
    pub(super) abroad: Option<Abroad>,
    pub(super) script: Script,
    pub(super) begun: Time,
    manner: Manner,
    /// The first recommendation that the system was seen not to follow.
    advice: Option<Broken>,
}

impl<'a> Drive<'a> {
    /// Puts the devices of a sequence and a stranger on the stage, and the other operator if it can
    /// be reached.
    ///
    /// # Errors
    ///
    /// The profile has no Twinning section, too few subscribers, or no credential of one of them.
    pub fn new(
        stage: &'a mut Stage,
        declared: &Declared,
        seed: Seed,
        manner: Manner,
    ) -> Result<Self, String> {
        let twinning = declared
            .profile
            .twinning
            .as_ref()
            .ok_or("the profile has no [twinning] section")?;
        let count = twinning.subscribers.len();
        if count <= DEVICES {
            return Err(format!(
                "{} subscribers are needed, the profile has {count}",
                DEVICES + 1
            ));
        }
        let authorization = twinning.authorization.as_ref();
        let access = Arc::new(Access {
            base_url: twinning.base_url.clone(),
            token_url: authorization.map(|a| a.token_url.clone()),
            revoke_url: authorization.and_then(|a| a.revoke_url.clone()),
            notification_channel: twinning.notification_channel.clone(),
            knobs: twinning.knobs.clone(),
        });
        let mut devices = Vec::with_capacity(DEVICES + 1);
        for (n, subscriber) in twinning.subscribers[..=DEVICES].iter().enumerate() {
            let role = Device::new(provision(subscriber)?, twinning.knobs.format.into());
            devices.push(stage.enter(&format!("device {n}"), role, Arc::clone(&access)));
        }
        let stranger = devices.pop().ok_or("no device")?;
        let mut addresses: Vec<_> = twinning.subscribers[..DEVICES]
            .iter()
            .enumerate()
            .map(|(n, s)| (s.address.clone(), n))
            .collect();
        let abroad = Abroad::enter(stage, declared, seed);
        addresses.extend(abroad.as_ref().map(|a| (a.device.clone(), DEVICES)));
        let begun = stage.now();
        Ok(Self {
            stage,
            knobs: twinning.knobs.clone(),
            base_url: twinning.base_url.clone(),
            devices,
            stranger,
            addresses,
            codes: vec![ActivationCode::default(); DEVICES],
            has_tokens: authorization
                .is_some_and(|a| a.secondary_token == SecondaryToken::ClientCredentials),
            has_grants: authorization.is_some(),
            redeemed: vec![None; DEVICES],
            twinned: vec![Duration::ZERO; DEVICES],
            model: Model::new(DEVICES, twinning.activation_code_lifetime.duration()),
            seen: vec![List::from([]); DEVICES],
            lists: vec![Response::new(0); DEVICES],
            now: Now {
                command: Command::Restart,
                outcome: Outcome::Idle,
                number: 0,
                repeats: false,
                races: false,
                is_open: false,
                touched: [true; DEVICES],
            },
            news: News::default(),
            abroad,
            script: Script::default(),
            begun,
            manner,
            advice: None,
        })
    }

    /// Performs all commands; after each, every invariant has to hold for what was read, and in the
    /// end for everything. `leftover` says why something may be there that is none of theirs.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold, or a transport that failed; if all hold, the first
    /// recommendation that is not followed.
    pub async fn run(
        &mut self,
        commands: &[Command],
        leftover: Option<&str>,
    ) -> Result<(), Broken> {
        self.look().await?;
        if let Some(why) = leftover.filter(|_| self.seen.iter().any(|list| !list.is_empty())) {
            // What somebody else has begun says nothing of these commands.
            return Err(Broken::Transport(why.to_owned()));
        }
        let mut before = self.seen.clone();
        for (number, command) in commands.iter().enumerate() {
            before = self.perform(number, *command).await?;
        }
        if !self.news.is_empty() {
            // Whoever is told what is none of its business may be told late.
            self.stage.rest(self.stage.pace().settle).await;
        }
        let everything_was_read = self.manner.thorough && self.news.is_empty();
        if !commands.is_empty() && !everything_was_read {
            self.now.touched = [true; DEVICES];
            self.settle(&before).await?;
        }
        self.advice.take().map_or(Ok(()), Err)
    }

    /// Has these devices looked at after the command.
    pub(super) fn touch(&mut self, devices: &[usize]) {
        for device in devices {
            if let Some(touched) = self.now.touched.get_mut(*device) {
                *touched = true;
            }
        }
    }

    /// Performs a command and returns what was seen before it.
    async fn perform(&mut self, number: usize, command: Command) -> Result<Vec<List>, Broken> {
        if command == Command::Restart && !self.manner.thorough {
            // What was not read for a while must not be laid to the restart.
            self.now.touched = [true; DEVICES];
            self.look().await?;
        }
        let everything = self.manner.thorough
            || matches!(command, Command::Advance { .. } | Command::Restart)
            || number % READ_ALL_AFTER == READ_ALL_AFTER - 1;
        self.now = Now {
            command,
            outcome: Outcome::Idle,
            number,
            repeats: false,
            races: false,
            is_open: false,
            touched: [everything; DEVICES],
        };
        self.model.elapsed(self.stage.now().since(self.begun));
        self.news.begin_step(self.model.now());
        let before = self.seen.clone();
        self.now.outcome = match command {
            Command::Activate { by, code_of, named } => self.activate(by, code_of, named).await?,
            Command::ActivateAgainstWithdraw {
                by,
                code_of,
                end_first,
            } => {
                self.activate_against_withdraw(by, code_of, end_first)
                    .await?
            }
            Command::ActivateTogether { by, and, code_of } => {
                self.activate_together(by, and, code_of).await?
            }
            Command::Advance { whole } => self.advance(whole).await?,
            Command::Deactivate { by } => self.deactivate(by).await?,
            Command::Fetch { by } => self.fetch(by).await?,
            Command::OtherFormat { by } => self.other_format(by).await?,
            Command::RequestCode { by, extended } => self.request_code(by, extended).await?,
            Command::Restart => {
                self.script.add(Line::Restarts);
                self.hook(Hook::Restart).await?;
                self.news.doubt(None);
                Outcome::Idle
            }
            Command::Subscribe { by, way } => self.subscribe(by, way).await?,
            Command::SubscribeTwice { by } => self.subscribe_twice(by).await?,
            Command::Redeem { by } => self.redeem(by).await?,
            Command::TakeUpFromAbroad { code_of } => self.take_up_from_abroad(code_of).await?,
            Command::Toggle { by, on } => self.toggle(by, on).await?,
            Command::ToggleAbroad { on } => self.toggle_abroad(on).await?,
            Command::ToggleAgainstDeactivate { by, on, end_first } => {
                self.toggle_against_deactivate(by, on, end_first).await?
            }
            Command::ToggleWhileAbroadIsDown { on } => self.toggle_while_down(on).await?,
            Command::TwinAbroad { by } => self.twin_abroad(by).await?,
            Command::Unsubscribe { by } => self.unsubscribe(by).await?,
        };
        self.settle(&before).await?;
        Ok(before)
    }

    async fn advance(&mut self, whole: bool) -> Result<Outcome, Broken> {
        let lifetime = self.model.lifetime();
        let span = match whole {
            true => lifetime + Duration::from_secs(1),
            false => lifetime - Duration::from_secs(5).min(lifetime / 10),
        };
        self.script.add(Line::Passes { whole });
        self.hook(Hook::AdvanceClock(span)).await?;
        self.model.advanced(span);
        // How long a wish lasts that names no time is the system's affair.
        self.news.doubt(None);
        Ok(Outcome::Idle)
    }

    /// Looks until every invariant holds, at most for the time that the profile allows to settle.
    async fn settle(&mut self, before: &[List]) -> Result<(), Broken> {
        let begun = self.stage.now();
        loop {
            self.look().await?;
            self.hear().await;
            self.watch_abroad().await;
            let step = Step {
                command: self.now.command,
                outcome: self.now.outcome,
                before,
                after: &self.seen,
                model: &self.model,
                repeats: self.now.repeats,
                news: &self.news,
                abroad: self.abroad.as_ref(),
            };
            let broken = |advice: bool| {
                let mut invariants = invariants::ALL.iter().filter(|i| i.advice == advice);
                invariants.find_map(|i| Some((i.id, i.broken?(&step)?)))
            };
            let Some((id, seen)) = broken(false).or_else(|| broken(true)) else {
                break;
            };
            let settle = self.stage.pace().settle;
            if self.stage.now().since(begun) >= settle {
                if invariants::is_advice(id) {
                    self.advise(id, seen)?;
                    break;
                }
                return Err(match self.now.races && invariants::is_of_state(id) {
                    true => self.broken("I31", format!("no order explains it: {seen}")),
                    false => self.broken(id, seen),
                });
            }
            self.stage.rest(settle / 8).await;
        }
        self.check_new(before).await
    }

    pub(super) fn broken(&self, id: &'static str, seen: impl Into<String>) -> Broken {
        Broken::Invariant {
            id,
            seen: seen.into(),
            step: self.now.number,
        }
    }

    /// A recommendation is not followed.
    pub(super) fn advise(&mut self, id: &'static str, seen: String) -> Result<(), Broken> {
        let broken = self.broken(id, seen);
        if self.manner.heeds_advice {
            return Err(broken);
        }
        self.advice.get_or_insert(broken);
        Ok(())
    }

    async fn hook(&mut self, hook: Hook) -> Result<(), Broken> {
        Ok(self.stage.hook(SUT, hook).await?)
    }

    pub(super) async fn order(&mut self, device: usize, order: Order) -> Result<Response, Broken> {
        let handle = self.devices[device].clone();
        self.act(&handle, order).await
    }

    async fn act(&mut self, handle: &Handle<Device>, order: Order) -> Result<Response, Broken> {
        let acted = self.stage.act(handle, order).await?;
        answered(acted.answer)
    }

    /// Has several devices do something at the same time.
    pub(super) async fn together(
        &mut self,
        orders: Vec<(usize, Order)>,
    ) -> Result<Vec<Response>, Broken> {
        self.now.races = true;
        let orders = orders
            .into_iter()
            .map(|(device, order)| (self.devices[device].clone(), order))
            .collect();
        let acted = self.stage.act_together(orders).await?;
        acted
            .into_iter()
            .map(|acted: Acted<Answer>| answered(acted.answer))
            .collect()
    }

    /// Something of a role as it is now.
    pub(super) async fn peek<R, T>(
        &mut self,
        actor: &Handle<R>,
        look: impl Fn(&R) -> T,
    ) -> Option<T>
    where
        R: Role + Send + 'static,
        R::Shared: Send + Sync,
        R::Order: 'static,
        R::Answer: Send,
    {
        let seen = Cell::new(None);
        let come = |role: &R| {
            seen.set(Some(look(role)));
            true
        };
        self.stage
            .wait_for(actor, "a look", Duration::ZERO, come)
            .await;
        seen.take()
    }

    /// Reads the lists of those who were touched.
    async fn look(&mut self) -> Result<(), Broken> {
        for device in 0..DEVICES {
            if self.now.touched[device] {
                self.read_list(device).await?;
            }
        }
        Ok(())
    }

    async fn read_list(&mut self, device: usize) -> Result<(), Broken> {
        let response = self.order(device, Order::List).await?;
        if response == self.lists[device] {
            return Ok(());
        }
        let list = read_body(&response)
            .ok()
            .and_then(|document| TwinningList::of_document(&document, &self.knobs));
        let Some(list) = list.filter(|_| response.is_success()) else {
            let seen = format!("device {device} gets no list but {}", response.status);
            return Err(self.broken("I20", seen));
        };
        self.seen[device] = list
            .twinnings
            .iter()
            .map(|twinning| Seen::new(twinning, &self.knobs, &self.addresses))
            .collect();
        self.lists[device] = response;
        Ok(())
    }

    /// The URL of every new twinning leads its device to itself, and nobody else to anything.
    async fn check_new(&mut self, before: &[List]) -> Result<(), Broken> {
        let new: Vec<(usize, String, Option<String>)> = (0..DEVICES)
            .filter(|device| !Arc::ptr_eq(&before[*device], &self.seen[*device]))
            .flat_map(|device| self.seen[device].iter().map(move |seen| (device, seen)))
            .filter(|(_, seen)| !before.iter().any(|b| b.iter().any(|s| s.url == seen.url)))
            .map(|(device, seen)| (device, seen.url.clone(), seen.code.clone()))
            .collect();
        for (device, url, code) in new {
            self.check_url(device, &url).await?;
            self.check_stranger(device, url, code).await?;
        }
        Ok(())
    }

    async fn check_url(&mut self, device: usize, url: &str) -> Result<(), Broken> {
        let listed = resolve(&self.base_url, url);
        let read = Order::ReadOf {
            url: listed.clone(),
        };
        let response = self.order(device, read).await?;
        let itself = read_body(&response)
            .ok()
            .and_then(|document| Twinning::of_document(&document, &self.knobs)?.resource_url)
            .map(|itself| resolve(&listed, &itself));
        if response.is_success() && itself.as_ref() == Some(&listed) {
            return Ok(());
        }
        self.script.end_with(Wanted::LeadsToItself {
            device,
            answered: response.is_success(),
        });
        let itself = itself.map_or_else(String::new, |url| format!(" and calls itself {url}"));
        let seen = format!(
            "device {device} lists {url}, which answers {}{itself}",
            response.status
        );
        Err(self.broken("I22", seen))
    }

    async fn check_stranger(
        &mut self,
        device: usize,
        url: String,
        code: Option<String>,
    ) -> Result<(), Broken> {
        let stranger = self.stranger.clone();
        let read = Order::ReadOf { url: url.clone() };
        let response = self.act(&stranger, read).await?;
        let text = String::from_utf8_lossy(&response.body);
        let leaks = code
            .as_ref()
            .is_some_and(|code| text.contains(code.as_str()));
        if [401, 403, 404].contains(&response.status) && !leaks {
            self.script.add(Line::StrangerReads { of: device });
            return Ok(());
        }
        self.script.end_with(Wanted::StrangerKeptOut(device));
        let seen = format!("a stranger gets {} at {url}", response.status);
        Err(self.broken("I30", seen))
    }

    /// Whether the system did its duty.
    pub(super) fn weigh(&mut self, duty: Duty, response: &Response) -> Result<Outcome, Broken> {
        let status = response.status;
        self.now.is_open = duty == Duty::Either;
        match (duty, response.is_success()) {
            (Duty::Refuse(reason), true) => {
                self.script.end_with(Wanted::Refusal(reason));
                let seen = format!("{status} although {}", reason.says());
                Err(self.broken(reason.invariant(), seen))
            }
            (Duty::Accept(id), false) => {
                self.script.end_with(Wanted::Acceptance);
                Err(self.broken(id, format!("{status} to what nothing forbids")))
            }
            (_, true) => Ok(Outcome::Accepted),
            (_, false) => Ok(Outcome::Refused),
        }
    }
}

fn answered(answer: Answer) -> Result<Response, Broken> {
    answer.map_err(|fault| Broken::Transport(fault.to_string()))
}

fn provision(subscriber: &Subscriber) -> Result<Provision, String> {
    let client = match &subscriber.client_id {
        Some(id) => Some((id.clone(), subscriber.secret()?)),
        None => None,
    };
    Ok(Provision {
        address: subscriber.address.clone(),
        token: subscriber.access_token()?,
        client,
    })
}
