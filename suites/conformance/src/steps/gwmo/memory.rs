//! What is kept from one scenario to the next of a gateway that runs elsewhere, and what of a scenario it is spared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use twinproof_dm::server::Nonces;
use twinproof_dm::upper::{Act, Value};
use twinproof_gwmo::manager::{Manager, Order};
use twinproof_judge::checks::gwmo::Listed;
use twinproof_kernel::Seed;
use twinproof_stage::Halted;

use super::parties::text;
use crate::world::Scene;

/// What the servers of a gateway that runs elsewhere know of it from one scenario to the next. The built-in one is
/// another in each scenario, and has none.
pub(crate) type Memory = Arc<Mutex<Known>>;

/// What they know.
#[derive(Default)]
pub(crate) struct Known {
    /// The nonces that each shares with the gateway, and the session that it announced last.
    servers: BTreeMap<String, (Nonces, u16)>,
    /// From which follows where the gateway below a server has its objects.
    places: Option<Seed>,
}

/// The sessions whose numbers are drawn: there is room behind them for those of a whole run.
const NUMBERS: std::ops::Range<u16> = 0x100..0x4000;

/// The sessions that are announced to others than gateways: none of [`NUMBERS`].
const OTHERS: std::ops::Range<u16> = 0xC000..0xFFFF;

impl Scene {
    /// A server that takes up again what it shared with the gateway, which calls itself `device`.
    pub(super) fn with_memory(&mut self, role: Manager, name: &str, device: &str) -> Manager {
        let Some(memory) = self.gwmo.memory.clone() else {
            return role;
        };
        let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        match memory.servers.get(name).cloned() {
            Some((nonces, announced)) => role.recalling(device, nonces).announcing_after(announced),
            None => {
                let seed = self.fresh_seed("announced").derive(name);
                role.announcing_after(seed.rng().u16(NUMBERS))
            }
        }
    }

    /// Keeps what the servers share with the gateway for the scenarios that follow.
    pub(crate) fn remember_gateway(&mut self) {
        let Some(memory) = self.gwmo.memory.clone() else {
            return;
        };
        let Some(section) = self.profile.profile.gwmo.clone() else {
            return;
        };
        let other = section.other.map(|other| other.account.device);
        let secured = section.https.map(|https| https.account.device);
        let servers = [
            (self.gwmo.server.clone(), Some(section.account.device)),
            (self.gwmo.other.clone(), other),
            (self.gwmo.secured.clone(), secured),
        ];
        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        for (server, device) in servers {
            let (Some(server), Some(device)) = (server, device) else {
                continue;
            };
            let shared = self.stage.look(&server, |server: &Manager| {
                Some((server.nonces(&device)?, server.announced()))
            });
            if let Some(shared) = shared {
                memory.servers.insert(server.name().to_owned(), shared);
            }
        }
    }

    /// Where chance comes from for what a gateway must not have seen before: one that runs elsewhere has seen what
    /// other runs drew.
    pub(super) fn fresh_seed(&mut self, what: &str) -> Seed {
        let salt = match (self.gwmo.salt, self.gwmo.memory.is_some()) {
            (Some(salt), _) => salt,
            (None, true) => self.stage.fresh(self.seed),
            (None, false) => self.seed,
        };
        self.gwmo.salt = Some(salt);
        salt.derive(what)
    }

    /// From which follows where the gateway below a server has its objects: elsewhere in each run, and for a server
    /// that runs elsewhere in the same places for the whole of it, which it may remember.
    pub(super) fn seed_of_places(&mut self) -> Seed {
        let fresh = self.stage.fresh(self.seed.derive("places"));
        let Some(memory) = &self.gwmo.memory else {
            return fresh;
        };
        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        *memory.places.get_or_insert(fresh)
    }

    /// The number of a session that is announced to somebody behind the gateway: this one, unless the gateway has
    /// seen that before.
    pub(super) fn session_number(&mut self, usual: u16) -> u16 {
        match self.gwmo.memory.is_some() {
            true => {
                let seed = self.fresh_seed(&format!("session {usual}"));
                seed.rng().u16(OTHERS)
            }
            false => usual,
        }
    }

    /// A gateway that runs elsewhere does not know the device of this number in the profile: only then it does with
    /// it what is done with new ones.
    pub(super) async fn is_new(&mut self, number: usize) -> Result<(), Halted> {
        if self.gwmo.memory.is_none() {
            return Ok(());
        }
        let device = self.identity(number)?;
        let listed = Listed {
            device: device.clone(),
            status: None,
            says: Vec::new(),
        };
        let read = self.records_of(&[listed]).await?.1;
        let values = read.iter().flat_map(|outcome| &outcome.results);
        let mut values = values.map(|reading| &reading.value);
        if values.any(|value| *value == Some(Value::Text(device.clone()))) {
            let why = format!(
                "the gateway has known {device} from before the scenario, which is about one that it has not seen \
                 (gwmo.reset)"
            );
            return Err(self.inconclusive(why));
        }
        Ok(())
    }

    /// The same of a device that is announced once it comes.
    pub(super) async fn is_announced(&mut self, number: usize) -> Result<(), Halted> {
        let setting = self.gateway()?.names.report_attached;
        self.is_on(&setting).await?;
        self.is_new(number).await
    }

    /// A setting of a gateway that runs elsewhere is on, whatever was left of it: unless this scenario has switched
    /// it off.
    pub(super) async fn is_on(&mut self, setting: &str) -> Result<(), Halted> {
        let is_off = self.gwmo.switched_off.iter().any(|off| off == setting);
        if self.gwmo.memory.is_none() || is_off {
            return Ok(());
        }
        self.set_gateway(setting, true).await
    }

    /// What a scenario has put into a gateway that runs elsewhere is taken out again, as far as the gateway lets it
    /// be; settings are on again.
    pub(crate) async fn leave_gateway(&mut self) {
        let (Some(gateway), Some(server)) =
            (self.profile.profile.gwmo.clone(), self.gwmo.server.clone())
        else {
            return;
        };
        if self.gwmo.memory.is_none() || gateway.reset.is_some() {
            return;
        }
        let config = self
            .gwmo
            .objects
            .as_ref()
            .map(|objects| objects.config.clone());
        let config = config.unwrap_or_default();
        let left = std::mem::take(&mut self.gwmo.left).into_iter();
        let mut acts: Vec<Act> = left.map(|uri| Act::Delete { uri }).collect();
        for setting in std::mem::take(&mut self.gwmo.switched_off) {
            let at = format!("{config}/{setting}");
            acts.push(Act::Replace(text(at, Some("bool"), "true")));
        }
        if acts.is_empty() {
            return;
        }
        let order = Order::Plan {
            device: gateway.account.device,
            push: gateway.push,
            acts,
        };
        // What is left all the same is found by the scenarios that it matters to.
        if self.stage.act(&server, order).await.is_ok() {
            let patience = self.stage.pace().timeout;
            let (what, idle) = ("the gateway has done that", Manager::is_idle);
            self.stage.wait_for(&server, what, patience, idle).await;
        }
    }
}
