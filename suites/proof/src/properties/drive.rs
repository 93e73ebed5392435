//! Performs commands on a system and looks at it through its interface after each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use twinproof_judge::profile::{Declared, Subscriber};
use twinproof_judge::scene::SUT;
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::Response;
use twinproof_stage::{Acted, Handle, Stage};
use twinproof_twinning::device::{
    Access, Answer, Credential, Device, Grant, Order, Provision, Raw, read_body,
};
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::message::{Role, Status, Twinning, TwinningList};
use twinproof_twinning::tree::Format;

use super::invariants;
use super::model::{Command, Duty, Model};

/// One entry of a device's list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub(super) url: String,
    pub(super) role: String,
    pub(super) status: String,
    pub(super) name: String,
    pub(super) own: Option<usize>,
    pub(super) other: Option<usize>,
    pub(super) code: Option<String>,
    pub(super) auth_code: bool,
}

impl Seen {
    pub(super) fn is_primary(&self) -> bool {
        self.role == format!("{:?}", Role::Primary)
    }

    pub(super) fn is_secondary(&self) -> bool {
        self.role == format!("{:?}", Role::Secondary)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.status == format!("{:?}", Status::Pending)
    }

    pub(super) fn is_on(&self) -> bool {
        self.status == format!("{:?}", Status::On)
    }
}

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
    pub command: Command,
    /// What the system did with it.
    pub outcome: Outcome,
    /// What each device saw before.
    pub before: &'a [Vec<Seen>],
    /// What each device saw after.
    pub after: &'a [Vec<Seen>],
    /// The model after it.
    pub model: &'a Model,
    /// It switches a twinning to what it is already.
    pub repeats: bool,
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

/// A sequence under way.
pub struct Drive<'a> {
    stage: &'a mut Stage,
    knobs: Knobs,
    devices: Vec<Handle<Device>>,
    stranger: Handle<Device>,
    addresses: BTreeMap<String, usize>,
    codes: BTreeMap<usize, Twinning>,
    has_tokens: bool,
    model: Model,
    seen: Vec<Vec<Seen>>,
    /// What each device's last list looked like on the wire, and what it said.
    lists: Vec<(Response, Vec<Seen>)>,
    step: usize,
    /// The command that is under way switches a twinning to what it is already.
    repeats: bool,
}

impl<'a> Drive<'a> {
    /// Puts that many devices and a stranger on the stage.
    ///
    /// # Errors
    ///
    /// The profile has no Twinning section or too few subscribers.
    pub fn new(stage: &'a mut Stage, declared: &Declared, devices: usize) -> Result<Self, String> {
        let twinning = declared
            .profile
            .twinning
            .as_ref()
            .ok_or("the profile has no [twinning] section")?;
        let count = twinning.subscribers.len();
        if count <= devices {
            return Err(format!(
                "{} subscribers are needed, the profile has {count}",
                devices + 1
            ));
        }
        let access = Arc::new(Access {
            base_url: twinning.base_url.clone(),
            token_url: twinning.authorization.as_ref().map(|a| a.token_url.clone()),
            revoke_url: twinning
                .authorization
                .as_ref()
                .and_then(|a| a.revoke_url.clone()),
            notification_channel: twinning.notification_channel.clone(),
            knobs: twinning.knobs.clone(),
        });
        let mut handles: Vec<_> = twinning.subscribers[..=devices]
            .iter()
            .enumerate()
            .map(|(n, subscriber)| {
                let role = Device::new(provision(subscriber), twinning.knobs.format.into());
                stage.enter(&format!("device {n}"), role, Arc::clone(&access))
            })
            .collect();
        let stranger = handles.pop().ok_or("no device")?;
        let addresses = twinning.subscribers[..devices]
            .iter()
            .enumerate()
            .map(|(n, s)| (s.address.clone(), n))
            .collect();
        Ok(Self {
            stage,
            knobs: twinning.knobs.clone(),
            devices: handles,
            stranger,
            addresses,
            codes: BTreeMap::new(),
            has_tokens: twinning.authorization.is_some(),
            model: Model::new(devices, twinning.activation_code_lifetime.duration()),
            seen: vec![Vec::new(); devices],
            lists: vec![(Response::new(0), Vec::new()); devices],
            step: 0,
            repeats: false,
        })
    }

    /// Performs all commands; after each, every invariant has to hold.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold, or a transport that failed.
    pub async fn run(&mut self, commands: &[Command]) -> Result<(), Broken> {
        self.seen = self.look().await?;
        for (number, command) in commands.iter().enumerate() {
            self.step = number;
            self.perform(*command).await?;
        }
        Ok(())
    }

    /// Ends everything that the sequence has left at the system.
    pub async fn clean(&mut self) -> Result<(), Broken> {
        for device in 0..self.devices.len() {
            for seen in self.list(device).await? {
                self.order(
                    device,
                    Order::Deactivate {
                        url: Some(seen.url),
                    },
                )
                .await?;
            }
        }
        Ok(())
    }

    async fn perform(&mut self, command: Command) -> Result<(), Broken> {
        let before = std::mem::take(&mut self.seen);
        self.repeats = match command {
            Command::Toggle { by, on } => {
                let newest = self.model.newest(self.model.device(by));
                newest.is_some_and(|relation| relation.on == on)
            }
            _ => false,
        };
        let outcome = match command {
            Command::Activate { by, code_of, named } => self.activate(by, code_of, named).await?,
            Command::ActivateTogether { by, and, code_of } => {
                self.activate_together(by, and, code_of).await?
            }
            Command::Advance { seconds } => {
                let span = Duration::from_secs(u64::from(seconds));
                self.hook(Hook::AdvanceClock(span)).await?;
                self.model.advanced(span);
                Outcome::Idle
            }
            Command::Deactivate { by } => self.deactivate(by, &before).await?,
            Command::OtherFormat { by } => self.other_format(by).await?,
            Command::RequestCode { by } => self.request_code(by).await?,
            Command::Restart => {
                self.hook(Hook::Restart).await?;
                Outcome::Idle
            }
            Command::Toggle { by, on } => self.toggle(by, on, &before).await?,
            Command::ToggleAgainstDeactivate { by, on } => {
                self.toggle_against_deactivate(by, on, &before).await?
            }
        };
        let after = self.settled(command, outcome, &before).await?;
        self.check_stranger(&before, &after).await?;
        self.seen = after;
        Ok(())
    }

    /// Looks until every invariant holds, at most for the time that the profile allows to settle.
    async fn settled(
        &mut self,
        command: Command,
        outcome: Outcome,
        before: &[Vec<Seen>],
    ) -> Result<Vec<Vec<Seen>>, Broken> {
        let begun = self.stage.now();
        loop {
            let after = self.look().await?;
            let step = Step {
                command,
                outcome,
                before,
                after: &after,
                model: &self.model,
                repeats: self.repeats,
            };
            let broken = invariants::ALL
                .iter()
                .find_map(|i| Some((i.id, i.broken?(&step)?)));
            let Some((id, seen)) = broken else {
                return Ok(after);
            };
            let settle = self.stage.pace().settle;
            if self.stage.now().since(begun) >= settle {
                return Err(self.broken(id, seen));
            }
            self.stage.rest(settle / 8).await;
        }
    }

    fn broken(&self, id: &'static str, seen: String) -> Broken {
        Broken::Invariant {
            id,
            seen,
            step: self.step,
        }
    }

    async fn hook(&mut self, hook: Hook) -> Result<(), Broken> {
        self.stage
            .hook(SUT, hook)
            .await
            .map_err(|halted| Broken::Transport(halted.to_string()))
    }

    async fn order(&mut self, device: usize, order: Order) -> Result<Response, Broken> {
        let handle = self.devices[device].clone();
        self.act(&handle, order).await
    }

    async fn act(&mut self, handle: &Handle<Device>, order: Order) -> Result<Response, Broken> {
        match self.stage.act(handle, order).await {
            Ok(Acted {
                answer: Ok(response),
                ..
            }) => Ok(response),
            Ok(Acted {
                answer: Err(fault), ..
            }) => Err(Broken::Transport(fault.to_string())),
            Err(halted) => Err(Broken::Transport(halted.to_string())),
        }
    }

    async fn look(&mut self) -> Result<Vec<Vec<Seen>>, Broken> {
        let mut all = Vec::with_capacity(self.devices.len());
        for device in 0..self.devices.len() {
            all.push(self.list(device).await?);
        }
        Ok(all)
    }

    async fn list(&mut self, device: usize) -> Result<Vec<Seen>, Broken> {
        let response = self.order(device, Order::List).await?;
        let (same, list) = &self.lists[device];
        if response == *same {
            return Ok(list.clone());
        }
        let list = read_body(&response)
            .ok()
            .and_then(|d| TwinningList::of_document(&d, &self.knobs));
        match list {
            Some(list) => {
                let seen: Vec<_> = list.twinnings.iter().map(|t| self.seen(t)).collect();
                self.lists[device] = (response, seen.clone());
                Ok(seen)
            }
            None => Err(self.broken(
                "I20",
                format!("device {device} gets no list but {}", response.status),
            )),
        }
    }

    fn seen(&self, twinning: &Twinning) -> Seen {
        let number = |address: &str| self.addresses.get(address).copied();
        let strict = |text: Option<String>, raw: &Option<String>| {
            text.or_else(|| raw.clone()).unwrap_or_default()
        };
        Seen {
            url: twinning.resource_url.clone().unwrap_or_default(),
            role: strict(
                twinning.role(&self.knobs).map(|r| format!("{r:?}")),
                &twinning.role,
            ),
            status: strict(
                twinning.status(&self.knobs).map(|s| format!("{s:?}")),
                &twinning.status,
            ),
            name: twinning.name.clone().unwrap_or_default(),
            own: twinning.own_address.as_deref().and_then(number),
            // A peer that is nobody here is still a peer.
            other: twinning
                .other_address()
                .map(|address| number(address).unwrap_or(usize::MAX)),
            code: twinning
                .activation_code
                .as_ref()
                .and_then(|c| c.code.clone()),
            auth_code: twinning.auth_code.is_some(),
        }
    }

    async fn request_code(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let duty = self.model.request_code(by);
        let response = self
            .order(
                by,
                Order::RequestCode {
                    primary_operator: None,
                },
            )
            .await?;
        let outcome = self.weigh(duty, &response)?;
        if outcome == Outcome::Accepted {
            let twinning = read_body(&response)
                .ok()
                .and_then(|d| Twinning::of_document(&d, &self.knobs));
            self.codes.insert(by, twinning.unwrap_or_default());
            self.model.code_given(by);
        }
        Ok(outcome)
    }

    /// A name is new with each command: a system may refuse one that the primary uses already.
    fn activation(&self, owner: usize, named: bool) -> Order {
        let code = self
            .codes
            .get(&owner)
            .and_then(|t| t.activation_code.clone())
            .unwrap_or_default();
        Order::Activate {
            code: code.code,
            mno_id: code.mno_id,
            name: named.then(|| format!("my-watch-{}", self.step)),
        }
    }

    async fn activate(&mut self, by: usize, owner: usize, named: bool) -> Result<Outcome, Broken> {
        let (by, owner) = (self.model.device(by), self.model.device(owner));
        let duty = self.model.activate(by, owner);
        let response = self.order(by, self.activation(owner, named)).await?;
        let outcome = self.weigh(duty, &response)?;
        if outcome == Outcome::Accepted {
            self.model.activated(by, owner);
            self.obtain_token(owner).await?;
        }
        Ok(outcome)
    }

    async fn activate_together(
        &mut self,
        by: usize,
        and: usize,
        owner: usize,
    ) -> Result<Outcome, Broken> {
        let (by, and, owner) = (
            self.model.device(by),
            self.model.device(and),
            self.model.device(owner),
        );
        if by == and {
            return self.activate(by, owner, false).await;
        }
        let duties = [by, and].map(|device| (device, self.model.activate(device, owner)));
        let order = self.activation(owner, false);
        let orders = duties
            .iter()
            .map(|(device, _)| (self.devices[*device].clone(), order.clone()))
            .collect();
        let mut winners = Vec::new();
        for ((device, duty), response) in duties.into_iter().zip(self.together(orders).await?) {
            match (response.is_success(), duty) {
                (true, Duty::Refuse(id, why)) => {
                    return Err(
                        self.broken(id, format!("device {device} was accepted although {why}"))
                    );
                }
                (true, _) => winners.push(device),
                (false, _) => {}
            }
        }
        let must = duties
            .iter()
            .all(|(_, duty)| matches!(duty, Duty::Accept(_)));
        match winners[..] {
            [] if must => Err(self.broken("I31", "both activations were refused".to_owned())),
            [] => Ok(Outcome::Refused),
            [winner] => {
                self.model.activated(winner, owner);
                self.obtain_token(owner).await?;
                Ok(Outcome::Accepted)
            }
            _ => Err(self.broken("I31", "both activations were accepted".to_owned())),
        }
    }

    async fn together(
        &mut self,
        orders: Vec<(Handle<Device>, Order)>,
    ) -> Result<Vec<Response>, Broken> {
        let acted = self
            .stage
            .act_together(orders)
            .await
            .map_err(|halted| Broken::Transport(halted.to_string()))?;
        acted
            .into_iter()
            .map(|acted: Acted<Answer>| {
                acted
                    .answer
                    .map_err(|fault| Broken::Transport(fault.to_string()))
            })
            .collect()
    }

    async fn obtain_token(&mut self, secondary: usize) -> Result<(), Broken> {
        if self.has_tokens {
            let grant = Grant::ClientCredentials { scope: None };
            let response = self.order(secondary, Order::ObtainToken(grant)).await?;
            if !response.is_success() {
                let seen = format!(
                    "device {secondary} is twinned and gets no token but {}",
                    response.status
                );
                return Err(self.broken("I0", seen));
            }
        }
        Ok(())
    }

    async fn toggle(
        &mut self,
        by: usize,
        on: bool,
        before: &[Vec<Seen>],
    ) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let Some(relation) = self.model.newest(by) else {
            return Ok(Outcome::Idle);
        };
        let order = self.switch(on, url_of(&before[by], relation.peer_of(by)));
        let response = self.order(by, order).await?;
        let outcome = self.weigh(self.model.toggle(relation, on), &response)?;
        self.model.toggled(relation, on);
        Ok(outcome)
    }

    fn switch(&self, on: bool, url: Option<String>) -> Order {
        let status = if on { Status::On } else { Status::Off };
        Order::Toggle {
            url,
            status: status.literal(&self.knobs).to_owned(),
        }
    }

    async fn toggle_against_deactivate(
        &mut self,
        by: usize,
        on: bool,
        before: &[Vec<Seen>],
    ) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let Some(relation) = self.model.newest(by) else {
            return Ok(Outcome::Idle);
        };
        let other = relation.peer_of(by);
        let orders = vec![
            (
                self.devices[by].clone(),
                self.switch(on, url_of(&before[by], other)),
            ),
            (
                self.devices[other].clone(),
                Order::Deactivate {
                    url: url_of(&before[other], by),
                },
            ),
        ];
        let responses = self.together(orders).await?;
        match responses.get(1) {
            Some(ended) if ended.is_success() => {
                self.model.ended(relation);
                Ok(Outcome::Accepted)
            }
            other => Err(self.broken(
                "I31",
                format!(
                    "deactivation beside a toggle got {:?}",
                    other.map(|r| r.status)
                ),
            )),
        }
    }

    async fn deactivate(&mut self, by: usize, before: &[Vec<Seen>]) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let relation = self.model.newest(by);
        let url = match relation {
            Some(relation) => url_of(&before[by], relation.peer_of(by)),
            None => before[by]
                .iter()
                .find(|seen| seen.is_pending())
                .map(|seen| seen.url.clone()),
        };
        let Some(url) = url else {
            return Ok(Outcome::Idle);
        };
        let response = self
            .order(
                by,
                Order::Deactivate {
                    url: Some(url.clone()),
                },
            )
            .await?;
        let outcome = self.weigh(Duty::Accept("I0"), &response)?;
        match relation {
            Some(relation) => {
                self.model.ended(relation);
                self.check_token(relation.secondary).await?;
            }
            None => self.model.withdrawn(by),
        }
        let again = self.order(by, Order::ReadOf { url }).await?;
        if ![401, 403, 404, 410].contains(&again.status) {
            return Err(self.broken(
                "I17",
                format!("a deactivated twinning answers {}", again.status),
            ));
        }
        Ok(outcome)
    }

    async fn check_token(&mut self, secondary: usize) -> Result<(), Broken> {
        if !self.has_tokens {
            return Ok(());
        }
        let request = Raw::new("GET", "{twinnings}").presenting(Credential::Twinning);
        let response = self.order(secondary, Order::Send(request)).await?;
        match response.status {
            401 | 403 => Ok(()),
            status => Err(self.broken(
                "I18",
                format!("device {secondary}'s token still gets {status}"),
            )),
        }
    }

    async fn other_format(&mut self, by: usize) -> Result<Outcome, Broken> {
        let by = self.model.device(by);
        let mut trees = Vec::new();
        for format in [Format::Json, Format::Xml] {
            let request = Raw::new("GET", "{twinnings}").with("Accept", format.media_type());
            let response = self.order(by, Order::Send(request)).await?;
            match read_body(&response) {
                Ok(document) => trees.push(document.tree),
                Err(why) => {
                    return Err(self.broken("I27", format!("{}: {why}", format.media_type())));
                }
            }
        }
        match &trees[..] {
            [json, xml] if json == xml => Ok(Outcome::Idle),
            _ => Err(self.broken("I27", format!("{trees:?}"))),
        }
    }

    /// Every new twinning is shown to somebody who has no part in it.
    async fn check_stranger(
        &mut self,
        before: &[Vec<Seen>],
        after: &[Vec<Seen>],
    ) -> Result<(), Broken> {
        let known: Vec<&str> = before
            .iter()
            .flatten()
            .map(|seen| seen.url.as_str())
            .collect();
        for seen in after
            .iter()
            .flatten()
            .filter(|seen| !known.contains(&seen.url.as_str()))
        {
            let stranger = self.stranger.clone();
            let response = self
                .act(
                    &stranger,
                    Order::ReadOf {
                        url: seen.url.clone(),
                    },
                )
                .await?;
            let text = String::from_utf8_lossy(&response.body).into_owned();
            let leaks = seen
                .code
                .as_ref()
                .is_some_and(|code| text.contains(code.as_str()));
            if ![401, 403, 404].contains(&response.status) || leaks {
                return Err(self.broken(
                    "I30",
                    format!("a stranger gets {} at {}", response.status, seen.url),
                ));
            }
        }
        Ok(())
    }

    fn weigh(&self, duty: Duty, response: &Response) -> Result<Outcome, Broken> {
        let status = response.status;
        match (duty, response.is_success()) {
            (Duty::Refuse(id, why), true) => {
                Err(self.broken(id, format!("{status} although {why}")))
            }
            (Duty::Accept(id), false) => {
                Err(self.broken(id, format!("{status} to what nothing forbids")))
            }
            (_, true) => Ok(Outcome::Accepted),
            (_, false) => Ok(Outcome::Refused),
        }
    }
}

fn url_of(list: &[Seen], peer: usize) -> Option<String> {
    list.iter()
        .find(|seen| seen.other == Some(peer))
        .map(|seen| seen.url.clone())
}

fn provision(subscriber: &Subscriber) -> Provision {
    let from = |text: &Option<String>, variable: &Option<String>| {
        text.clone()
            .or_else(|| std::env::var(variable.as_deref()?).ok())
    };
    let secret = from(&subscriber.client_secret, &subscriber.client_secret_env);
    Provision {
        address: subscriber.address.clone(),
        token: from(&subscriber.token, &subscriber.token_env).unwrap_or_default(),
        client: subscriber.client_id.clone().zip(secret),
    }
}
