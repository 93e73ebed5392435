//! Who takes part, and what they know.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use twinproof_coap::Code;
use twinproof_judge::checks::Check;
use twinproof_judge::checks::lwm2m::{Act, Check as Lwm2m};
use twinproof_judge::profile;
use twinproof_lwm2m::device::{self, Answer, Behaviour, Device, Order, Shared};
use twinproof_lwm2m::upper::{self, Operation};
use twinproof_lwm2m::wire::{Path, Version};
use twinproof_stage::{Halted, Handle};

use super::bootstrap::Provisioning;
use super::client::Judged;
use super::many::Crowd;
use super::report::Reports;
use crate::world::Scene;

/// How long a device waits for an answer that may come by itself: EXCHANGE_LIFETIME, and a grace.
pub(super) const PATIENCE: Duration = Duration::from_secs(247 + 3);

/// After how long an operator that does not see something yet is asked again; then after twice as long.
pub(super) const LOOK_AFTER: Duration = Duration::from_millis(20);

/// A device as a scenario speaks of it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, cucumber::Parameter)]
#[param(name = "who", regex = "(?:an?|the|another|the other) device")]
pub(super) struct Who(String);

/// What is added to the name of a device that has moved.
const ELSEWHERE: &str = " elsewhere";

impl FromStr for Who {
    type Err = Infallible;

    fn from_str(phrase: &str) -> Result<Self, Infallible> {
        Ok(match phrase {
            "another device" | "the other device" => Self::other(),
            _ => Self::first(),
        })
    }
}

impl Who {
    /// The device.
    pub(super) fn first() -> Self {
        Self("device".to_owned())
    }

    /// The other device.
    pub(super) fn other() -> Self {
        Self("other device".to_owned())
    }

    /// One of many.
    pub(super) fn numbered(number: usize) -> Self {
        Self(format!("device {number}"))
    }

    /// One that speaks this version.
    pub(super) fn speaking(version: Version) -> Self {
        Self(format!("device of {version}"))
    }

    /// The same device at another address.
    pub(super) fn elsewhere(&self) -> Self {
        Self(format!("{}{ELSEWHERE}", self.0))
    }

    /// The device, wherever it is.
    pub(super) fn itself(&self) -> Self {
        let itself = self.0.strip_suffix(ELSEWHERE);
        Self(itself.unwrap_or(&self.0).to_owned())
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }
}

/// Who takes part in a scenario.
#[derive(Default)]
pub(crate) struct Parties {
    pub(super) devices: BTreeMap<Who, Party>,
    /// What a device did last.
    pub(super) last: Option<Act>,
    /// The datagrams that a device sent last as they are.
    pub(super) raw: Option<Act>,
    /// What the operator did last.
    pub(super) operated: Option<Operated>,
    /// What the operator read last.
    pub(super) read: Option<Path>,
    /// What the operator did before that and what is still looked at.
    pub(super) several: Vec<Several>,
    /// The numbers under which it was said what became of what was kept.
    pub(super) outcomes: Vec<u64>,
    /// What bootstraps have come to.
    pub(super) provisioning: Provisioning,
    /// The client that is judged, and its servers.
    pub(super) client: Option<Judged>,
    /// The devices of the profile that have credentials, by who is which.
    pub(super) credentials: BTreeMap<Who, usize>,
    /// Handshakes whose outcome is looked at.
    pub(super) handshakes: Vec<Act>,
    /// Many devices that come at the same time.
    pub(super) crowd: Crowd,
    /// What is observed and reported.
    pub(super) reports: Reports,
}

/// What an operator did.
#[derive(Clone, Debug)]
pub(super) struct Operated {
    /// Its number in the ledger.
    pub(super) number: u64,
    /// The last number before it.
    pub(super) after: u64,
    /// The device that it is for.
    pub(super) party: String,
}

/// One of several things that an operator did.
#[derive(Clone, Debug)]
pub(super) struct Several {
    pub(super) who: Who,
    pub(super) path: Path,
    pub(super) operated: Operated,
    pub(super) answer: upper::Answer,
}

/// A device and what is known of it.
#[derive(Clone)]
pub(super) struct Party {
    pub(super) device: Handle<Device>,
    pub(super) endpoint: String,
    /// Where it is.
    pub(super) at: SocketAddr,
    /// Where it was registered, the newest last.
    pub(super) locations: Vec<String>,
}

impl Scene {
    pub(super) fn lwm2m_profile(&mut self) -> Result<profile::Lwm2m, Halted> {
        match self.profile.profile.lwm2m.clone() {
            Some(section) => Ok(section),
            None => Err(self.inconclusive("the profile has no [lwm2m] section")),
        }
    }

    /// The address that a URL names which was resolved when the scene was set.
    pub(super) fn address_in(&mut self, url: &str) -> Result<SocketAddr, Halted> {
        let address = url.split_once("://").map(|(_, address)| address.parse());
        match address {
            Some(Ok(address)) => Ok(address),
            _ => Err(self.inconclusive(format!("{url:?} is no address of a server"))),
        }
    }

    /// The device of this name, which is put on the stage when it is first spoken of: with a life time
    /// in seconds, and doing nothing of its own accord.
    pub(super) async fn device(&mut self, who: &Who, lifetime: u32) -> Result<Party, Halted> {
        self.device_like(who, lifetime, |_| {}).await
    }

    /// The same, and different from others in some way.
    pub(super) async fn device_like(
        &mut self,
        who: &Who,
        lifetime: u32,
        differ: impl FnOnce(&mut Shared),
    ) -> Result<Party, Halted> {
        self.device_at(who, lifetime, differ, None).await
    }

    /// The device of this name, at the address of another and with a port of its own.
    pub(super) async fn device_beside(&mut self, who: &Who, other: &Who) -> Result<Party, Halted> {
        let place = self.device(other, device_lifetime()).await?.at;
        self.device_at(who, device_lifetime(), |_| {}, Some(place))
            .await
    }

    async fn device_at(
        &mut self,
        who: &Who,
        lifetime: u32,
        differ: impl FnOnce(&mut Shared),
        beside: Option<SocketAddr>,
    ) -> Result<Party, Halted> {
        if let Some(party) = self.lwm2m.devices.get(who) {
            return Ok(party.clone());
        }
        let section = self.lwm2m_profile()?;
        let version = section.version.0;
        let server = section.server.as_deref().unwrap_or_default();
        let server = self.address_in(server)?;
        let seed = self.seed.derive(who.name());
        let secured = section.is_secured();
        // No other scenario has this name now.
        let endpoint = match self.lwm2m.devices.get(&who.itself()) {
            Some(itself) => itself.endpoint.clone(),
            None if secured => self.credential(&who.itself())?.endpoint,
            None => {
                let endpoint = format!("twinproof-{:08x}", seed.rng().u32(..));
                self.stage.provision(&endpoint).await?;
                endpoint
            }
        };
        let at = match (secured, beside) {
            (true, beside) => self.secured_place(who, server, beside).await?,
            (false, Some(place)) => self.stage.bind_beside(who.name(), place).await?,
            (false, None) => self.stage.bind(who.name()).await?,
        };
        let role = Device::new(endpoint.as_str(), at, seed);
        let mut shared = Shared::new(version, lifetime, &[server]);
        differ(&mut shared);
        let device = self.stage.enter(who.name(), role, Arc::new(shared));
        let behaviour = Behaviour {
            keeps_registered: false,
            ..Behaviour::default()
        };
        let behave = Order::Behave(behaviour);
        self.stage.act_within(&device, behave, PATIENCE).await?;
        if secured {
            self.associate(who, at, server).await?;
        }
        let party = Party {
            device,
            endpoint,
            at,
            locations: Vec::new(),
        };
        self.lwm2m.devices.insert(who.clone(), party.clone());
        Ok(party)
    }

    /// Has a device do something, which is then what was done last.
    pub(super) async fn tell(&mut self, who: &Who, order: Order) -> Result<Answer, Halted> {
        let party = self.device(who, device_lifetime()).await?;
        let after = self.stage.recorded();
        let answer = self
            .stage
            .act_within(&party.device, order, PATIENCE)
            .await?;
        self.lwm2m.last = Some(Act {
            party: who.name().to_owned(),
            after,
            upto: self.stage.recorded(),
        });
        if let Answer::Impossible(why) = answer {
            return Err(self.inconclusive(why));
        }
        if let (Some(response), Some(party)) = (answer.response(), self.lwm2m.devices.get_mut(who))
            && response.code == Code::CREATED
            && !response.location.is_empty()
        {
            let location = response.location.iter();
            let location = location.fold(String::new(), |path, segment| path + "/" + segment);
            party.locations.push(location);
        }
        Ok(answer)
    }

    /// The same, where the scenario needs it to succeed.
    pub(super) async fn must(&mut self, who: &Who, order: Order, code: Code) -> Result<(), Halted> {
        let answer = self.tell(who, order).await?;
        match answer.response() {
            Some(device::Response { code: came, .. }) if *came == code => Ok(()),
            other => {
                let came = other.map_or("no answer".to_owned(), |r| r.code.to_string());
                Err(self.inconclusive(format!("expected {code}, got {came}")))
            }
        }
    }

    /// Records a check on what a device did last.
    pub(super) fn check_last<C: Into<Lwm2m>>(
        &mut self,
        check: impl FnOnce(Act) -> C,
    ) -> Result<(), Halted> {
        let Some(act) = self.lwm2m.last.clone() else {
            return Err(self.inconclusive("no device did anything"));
        };
        self.check(&Check::Lwm2m(check(act).into()));
        Ok(())
    }

    /// Has several devices do something at the same time, which may take as long as an answer may; the
    /// last number before it, and the last that belongs to it.
    pub(super) async fn tell_all(
        &mut self,
        orders: Vec<(Who, Order)>,
    ) -> Result<((u64, u64), Vec<Answer>), Halted> {
        let mut all = Vec::new();
        for (who, order) in orders {
            let device = self.device(&who, device_lifetime()).await?.device;
            all.push((device, order));
        }
        let after = self.stage.recorded();
        let acted = self.stage.act_together_within(all, PATIENCE).await?;
        let answers = acted.into_iter().map(|acted| acted.answer).collect();
        Ok(((after, self.stage.recorded()), answers))
    }

    /// The last number before what a device did last.
    pub(super) fn last_act_after(&mut self) -> Result<u64, Halted> {
        match &self.lwm2m.last {
            Some(act) => Ok(act.after),
            None => Err(self.inconclusive("no device did anything")),
        }
    }

    /// Has the operator do something; returns its number.
    pub(super) async fn operate(&mut self, operation: Operation) -> Result<upper::Answer, Halted> {
        let after = self.stage.recorded();
        let (answer, number) = self.stage.operate(operation).await?;
        let party = Who::first().0;
        self.lwm2m.operated = Some(Operated {
            number,
            after,
            party,
        });
        Ok(answer)
    }
}

/// A day: longer than any scenario, unless it says otherwise.
pub(super) const fn device_lifetime() -> u32 {
    86_400
}
