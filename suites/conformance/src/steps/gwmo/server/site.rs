//! The gateway below a server, and what is behind it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::client::{self, Client};
use twinproof_dm::provisioning::Account;
use twinproof_dm::store::{Node, Profile, Tree};
use twinproof_evidence::record::Halt;
use twinproof_gwmo::gateway::rules::{HandedOn, decide};
use twinproof_gwmo::gateway::{
    self, DEVICE_PATH, Gateway, Mode, PUSH_PATH, Provision, Reach, Setup,
};
use twinproof_gwmo::hidden::{self, Hidden};
use twinproof_gwmo::objects::{self, Names, Places, below};
use twinproof_gwmo::tended::{self, Tended};
use twinproof_judge::profile::{DmAccount, DmScheme};
use twinproof_stage::{Halted, Handle};

use super::super::parties::NODE;
use crate::target::TENDED;
use crate::world::Scene;

/// Where a device says what it is.
pub(super) const MODEL: &str = "./DevInfo/Mod";

/// What the gateway calls itself to its devices.
const GATEWAY_ID: &str = "org.twinproof.gateway";

/// The messages of a session after which the gateway gives up: a server that never ends is known by then.
const MESSAGES: u32 = 100;

/// The sessions in a row in which the server wants nothing, after which it wants nothing more.
const QUIET: usize = 2;

/// How often the gateway comes while a server that runs elsewhere may think of something more, which is as long as
/// `pace.settle`.
const LOOKS: u32 = 3;

/// The gateway, and what is behind it.
pub(in super::super) struct Site {
    gateway: Handle<Tended>,
    devices: Vec<Handle<Hidden>>,
    /// Its account of the server.
    pub(super) account: DmAccount,
    /// Where its objects are.
    pub(super) places: Places,
    /// What their nodes are called.
    pub(super) names: Names,
    /// What the header of a push says for a device.
    pub(super) named: String,
    /// Its own address.
    base: String,
    /// How long it may take for whatever the server wants of it.
    patience: Duration,
    /// How often it comes at most.
    sessions: usize,
    /// Where it takes notifications.
    pub(super) push: String,
    /// A number that no other scenario has.
    pub(super) number: u32,
    /// The group that the server has made.
    pub(super) group: Option<String>,
    /// The number after which what is judged has happened.
    pub(super) after: u64,
    /// How many events the operator had been told before that.
    pub(super) known: usize,
}

impl Site {
    /// What a device calls itself.
    pub(super) fn identity(&self, device: usize) -> String {
        identity(device)
    }

    pub(super) fn count(&self) -> usize {
        self.devices.len()
    }

    /// What a device says it is, which is not what it said in another scenario.
    pub(super) fn model(&self, device: usize) -> String {
        model(device, self.number)
    }

    /// Where the gateway has its objects.
    pub(super) fn objects(&self) -> Vec<String> {
        let places = &self.places;
        let all = [
            &places.config,
            &places.inventory,
            &places.fanouts,
            &places.images,
            &places.triggers,
        ];
        all.map(ToString::to_string).into()
    }

    /// The session that a device is to be woken for: a server may remember those that it announced before.
    pub(super) fn woken(&self) -> u16 {
        let number = self.number % u32::from(u16::MAX);
        u16::try_from(number).map_or(1, |number| number + 1)
    }
}

fn identity(device: usize) -> String {
    format!("urn:twinproof:below:{}", device + 1)
}

/// The name under which a device enters.
pub(super) fn device_name(device: usize) -> String {
    format!("device {} below", device + 1)
}

/// What a device says that is asked for the node that can be read.
pub(super) fn says(device: usize) -> String {
    format!("what device {} below has", device + 1)
}

fn model(device: usize, number: u32) -> String {
    format!("model {} of {number}", device + 1)
}

/// The account of the gateway that a device has.
fn account_of(device: usize) -> DmAccount {
    let number = device + 1;
    DmAccount {
        device: identity(device),
        server_id: GATEWAY_ID.to_owned(),
        scheme: DmScheme::default(),
        name: format!("below-{number}"),
        password: Some(format!("password-of-device-below-{number}")),
        server_name: None,
        server_password: Some(format!("password-for-device-below-{number}")),
    }
}

/// Brings devices only notifications whose digest is right by the account that it shares with them.
struct Careful;

impl decide::Rules for Careful {
    fn hands_on(&self, facts: HandedOn) -> bool {
        facts.signed && decide::Rules::hands_on(&decide::Standard, facts)
    }
}

/// Takes notifications and begins no session.
struct Asleep;

impl Rules for Asleep {
    fn triggered(&self, _facts: TriggerFacts) -> Triggered {
        Triggered::Ignore
    }
}

impl Scene {
    pub(super) fn site(&mut self) -> Result<&mut Site, Halted> {
        match &mut self.gwmo.below {
            Some(site) => Ok(site),
            None => {
                let why = "there is no gateway below the server".to_owned();
                Err(self.stage.halt(Halt::Inconclusive { why }))
            }
        }
    }

    /// Lets the gateway enter, with its objects where no other scenario has them, and devices of these modes.
    pub(super) async fn enter_below(&mut self, modes: &[Mode]) -> Result<(), Halted> {
        let section = self.profile.profile.dm.as_ref();
        let server = section.and_then(|section| section.server.clone());
        let Some((server, gateways)) = server.and_then(|server| {
            let gateways = server.gateways.clone()?;
            Some((server, gateways))
        }) else {
            return Err(self.inconclusive("the profile has no [dm.server.gateways] section"));
        };
        let Some(account) = server.accounts.first().cloned() else {
            return Err(self.inconclusive("the profile has no [[dm.server.account]]"));
        };
        let base = self.stage.listen(TENDED).await?;
        // A server may remember the numbers of sessions that it had.
        let seed = self.stage.fresh(self.seed.derive(TENDED));
        let number = seed.derive("number").rng().u32(..);
        let mut provisions = Vec::new();
        for (device, mode) in modes.iter().enumerate() {
            let own = account_of(device);
            let place = self.stage.listen(&device_name(device)).await?;
            provisions.push(Provision {
                device: own.device.clone(),
                mode: *mode,
                client: own.proof_of_device(),
                server: own.proof_of_server(),
                push: format!("{place}/push"),
                adapted: None,
                fresh: None,
            });
        }
        let places = self.seed_of_places();
        let described = Arc::new(objects::profile(places, &gateways.names));
        let tree = Tree::of_device(described, &account.device, &[account.at(&server.url)]);
        let places = Places::of(&tree);
        let setup = Setup {
            tree,
            base: base.clone(),
            id: GATEWAY_ID.to_owned(),
            devices: provisions,
            lines: None,
            lwm2m: None,
        };
        let mut shared = gateway::Shared {
            names: gateways.names.clone(),
            named: gateways.named.clone(),
            reach: Reach::Private,
            results: gateways.results,
            rules: Arc::new(Careful),
            ..gateway::Shared::default()
        };
        shared.client.max_messages = MESSAGES;
        shared.client.epoch = self.stage.seconds();
        let role = Tended::new(Gateway::new(setup, seed));
        let gateway = self.stage.enter(TENDED, role, Arc::new(shared));
        let mut devices = Vec::new();
        for (device, mode) in modes.iter().enumerate() {
            let mut accounts = vec![account_of(device).at(&format!("{base}{DEVICE_PATH}"))];
            // It shares the account of the gateway, so that one digest is right for both.
            accounts.extend((*mode == Mode::Transparent).then(|| account.at(&server.url)));
            devices.push(self.enter_behind((device, number), *mode, &accounts));
        }
        self.gwmo.below = Some(Site {
            gateway,
            devices,
            account,
            places,
            names: gateways.names,
            named: gateways.named,
            push: format!("{base}{PUSH_PATH}"),
            base,
            patience: gateways.patience.duration(),
            sessions: gateways.sessions,
            number,
            after: self.stage.recorded(),
            group: None,
            known: 0,
        });
        Ok(())
    }

    fn enter_behind(
        &mut self,
        (device, number): (usize, u32),
        mode: Mode,
        accounts: &[Account],
    ) -> Handle<Hidden> {
        let profile = Arc::new(Profile::builtin());
        let mut tree = Tree::of_device(profile, &identity(device), accounts);
        if let Ok(node) = NODE.parse() {
            tree.set(&node, says(device));
        }
        if let Ok(node) = MODEL.parse() {
            tree.set(&node, model(device, number));
        }
        let rules: Arc<dyn Rules> = match mode {
            Mode::Transparent => Arc::new(Asleep),
            Mode::Adaptation | Mode::Proxy => Arc::new(Standard),
        };
        let shared = client::Shared {
            rules,
            max_messages: MESSAGES,
            ..client::Shared::default()
        };
        let name = device_name(device);
        let role = Hidden::new(Client::new(tree, self.seed.derive(&name)));
        let handle = self.stage.enter(&name, role, Arc::new(shared));
        self.stage.hide(&name);
        handle
    }

    /// A device behind the gateway.
    pub(super) fn below(&mut self, device: usize) -> Result<Handle<Hidden>, Halted> {
        match self.site()?.devices.get(device).cloned() {
            Some(handle) => Ok(handle),
            None => Err(self.inconclusive(format!("there is no device {} below", device + 1))),
        }
    }

    /// Has a device come to the gateway, and waits until that has said to the server what it has to say.
    pub(super) async fn attaches_below(&mut self, device: usize) -> Result<(), Halted> {
        let identity = identity(device);
        let device = self.below(device)?;
        let sessions = |device: &Hidden| device.client().ended().len();
        let before = self.stage.look(&device, sessions);
        let server = GATEWAY_ID.to_owned();
        let order = hidden::Order::Come { server };
        self.stage.act(&device, order).await?;
        let ended = move |device: &Hidden| sessions(device) > before;
        let what = "the device's session with the gateway has ended";
        let patience = self.site()?.patience;
        self.stage.wait_for(&device, what, patience, ended).await;
        self.quiet_below().await?;
        self.is_below(&identity, true)
    }

    /// Has a device go, which the gateway notices.
    pub(super) async fn leaves_below(&mut self, device: usize) -> Result<(), Halted> {
        let going = self.below(device)?;
        self.stage.act(&going, hidden::Order::Go).await?;
        let device = identity(device);
        let gateway = self.site()?.gateway.clone();
        let order = tended::Order::Lose {
            device: device.clone(),
        };
        self.stage.act(&gateway, order).await?;
        self.is_below(&device, false)
    }

    /// What the gateway shows of itself.
    pub(super) fn look_below<T>(&mut self, look: impl FnOnce(&Gateway) -> T) -> Result<T, Halted> {
        let gateway = self.site()?.gateway.clone();
        Ok(self.stage.look(&gateway, |tended| look(tended.gateway())))
    }

    /// The members of each group that the gateway has, by its node.
    pub(super) fn groups_of_below(&mut self) -> Result<BTreeMap<String, Vec<String>>, Halted> {
        let site = self.site()?;
        let groups = below(&site.places.inventory, &site.names.groups);
        let members = site.names.members.clone();
        self.look_below(|gateway| {
            let tree = gateway.tree();
            let all = tree.node(&groups).into_iter().flat_map(Node::children);
            let of = |name: &str| {
                let at = below(&groups.child(name), &members);
                let leaves = tree.node(&at).into_iter().flat_map(Node::children);
                let texts =
                    leaves.map(|(_, leaf)| String::from_utf8_lossy(leaf.value()).into_owned());
                texts.collect()
            };
            all.map(|(name, _)| (name.to_owned(), of(name))).collect()
        })
    }

    /// What is behind the gateway has to be known there, or nothing can be judged by it.
    fn is_below(&mut self, device: &str, expected: bool) -> Result<(), Halted> {
        match self.look_below(|gateway| gateway.has(device))? == expected {
            true => Ok(()),
            false => {
                let there = if expected { "there" } else { "gone" };
                let why = format!("the tester's gateway does not know that {device} is {there}");
                Err(self.inconclusive(why))
            }
        }
    }

    /// Has the first device speak to the gateway, which the network lets through to it from then on.
    pub(super) async fn meets_below(&mut self) -> Result<(), Halted> {
        let url = format!("{}/", self.site()?.base);
        let device = self.below(0)?;
        let order = hidden::Order::Fetch { url };
        self.stage.act(&device, order).await?;
        Ok(())
    }

    /// Waits until nothing is under way at the gateway.
    async fn quiet_below(&mut self) -> Result<(), Halted> {
        let gateway = self.site()?.gateway.clone();
        let what = "the gateway has done what it has to do";
        let idle = |tended: &Tended| tended.gateway().is_idle();
        let patience = self.site()?.patience;
        if self.stage.wait_for(&gateway, what, patience, idle).await {
            return Ok(());
        }
        let why = format!(
            "the gateway's sessions with the server did not come to an end within {patience:?} \
             (dm.server.gateways.patience)"
        );
        Err(self.inconclusive(why))
    }

    /// Has the gateway begin sessions with the server until that wants nothing more, and do what it wants.
    pub(super) async fn comes_below(&mut self) -> Result<(), Halted> {
        let (_, is_elsewhere) = self.stage.tells_dm();
        let gateway = self.site()?.gateway.clone();
        let (mut quiet, mut since) = (0, self.stage.now());
        for _ in 0..self.site()?.sessions {
            let before = self.stage.look(&gateway, Tended::told);
            self.stage.act(&gateway, tended::Order::Come).await?;
            self.quiet_below().await?;
            if self.stage.look(&gateway, Tended::told) > before {
                (quiet, since) = (0, self.stage.now());
                continue;
            }
            quiet += 1;
            let settle = self.stage.pace().settle;
            let is_settled = !is_elsewhere || self.stage.now().since(since) >= settle;
            if quiet >= QUIET && is_settled {
                break;
            }
            if is_elsewhere {
                self.stage.rest(settle / LOOKS).await;
            }
        }
        Ok(())
    }

    /// Waits until something was brought to a device, or is not any more.
    pub(super) async fn waits_for_push(&mut self) -> Result<(), Halted> {
        let device = self.below(0)?;
        let what = "the device is brought something";
        let reached = |device: &Hidden| device.reached() > 0;
        let patience = self.stage.pace().settle;
        self.stage.wait_for(&device, what, patience, reached).await;
        Ok(())
    }
}
