mod elsewhere;
mod network;

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use twinproof_evidence::record::Halt;
use twinproof_gwmo::gateway::Mode;
use twinproof_judge::catalogue::role_of;
use twinproof_judge::profile::{ClientKey, ClientSecurity, Declared, Profile};
use twinproof_kernel::Seed;
use twinproof_lwm2m::upper::Accounts;
use twinproof_stage::dtls::Guests;
use twinproof_stage::{Certificate, Halted, PEER, Security, Stage};

pub(crate) use self::elsewhere::{
    bootstrap_elsewhere, gateway_elsewhere, hook_call, server_elsewhere,
};
pub use self::elsewhere::{coap_authority, elsewhere, host_and_port};
pub use self::network::network;
use crate::suite::Entry;

/// A system that can be put on a stage, once for every scenario.
pub trait BuiltIn: Send + Sync {
    /// Its profile; addresses in it are replaced by those of the stage.
    fn profile(&self) -> &Declared;

    /// Lets that of it which has the scenario's role enter under the name of the system under test, and
    /// returns the profile with the addresses that it has there.
    fn enter<'a>(
        &'a self,
        stage: &'a mut Stage,
        seed: Seed,
        part: Part<'a>,
    ) -> LocalBoxFuture<'a, Result<Declared, Halted>>;
}

/// What a scenario wants of a system.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The role that it judges, for example `lwm2m-server`.
    pub role: &'a str,
    /// Its tags.
    pub tags: &'a [String],
}

impl<'a> Part<'a> {
    /// The part of a scenario.
    pub fn of(entry: &'a Entry) -> Self {
        let tags = &entry.described.tags;
        Self {
            role: role_of(&entry.enabler, tags),
            tags,
        }
    }

    /// The part of any scenario that is about this role.
    pub const fn in_role(role: &'a str) -> Self {
        Self { role, tags: &[] }
    }

    /// Whether the scenario wants devices to come over secured associations, wherever others come.
    pub fn is_secured(&self) -> bool {
        self.tags.iter().any(|tag| tag == SECURED)
    }

    /// Whether the gateway has a second server in the scenario.
    pub fn has_other_server(&self) -> bool {
        self.tags.iter().any(|tag| tag == OTHER_SERVER)
    }

    /// Whether the gateway has a server in the scenario that it reaches over TLS.
    pub fn has_secured_server(&self) -> bool {
        self.tags.iter().any(|tag| tag == SECURED_SERVER)
    }

    /// Whether the scenario is about many devices behind a gateway.
    pub fn is_about_many(&self) -> bool {
        self.tags.iter().any(|tag| tag == MANY)
    }

    /// With which accounts a client is started in the scenario.
    pub fn accounts(&self) -> Accounts {
        let has = |wanted: &str| self.tags.iter().any(|tag| tag == wanted);
        match (
            has(BOOTSTRAP_ALONE),
            has(BOOTSTRAP_TOO),
            has(CARD_FOR_OTHER),
        ) {
            (true, _, _) => Accounts::Bootstrap,
            (false, true, _) => Accounts::Both,
            (false, false, true) => Accounts::First,
            (false, false, false) => Accounts::Servers,
        }
    }

    /// How many servers a client has in the scenario.
    pub fn servers(&self) -> usize {
        match self.tags.iter().any(|tag| tag == TWO_SERVERS) {
            true => 2,
            false => 1,
        }
    }
}

/// The tag of scenarios whose devices come over secured associations.
const SECURED: &str = "secured";

/// The tag of scenarios in which a gateway has a server that it reaches over TLS.
const SECURED_SERVER: &str = "if:gwmo.https";

/// The tag of scenarios about many devices behind a gateway.
const MANY: &str = "if:gwmo.many";

/// The tag of scenarios whose client has two servers.
const TWO_SERVERS: &str = "two-servers";

/// The tag of scenarios whose client has the account of its second server on a card alone.
const CARD_FOR_OTHER: &str = "card-for-other";

/// The tag of scenarios whose client has no account but that of a bootstrap server, and of those whose
/// client has that one as well.
const BOOTSTRAP_ALONE: &str = "bootstrap-account-alone";
const BOOTSTRAP_TOO: &str = "bootstrap-account-too";

/// The name under which the bootstrap server of a client that is judged enters.
pub const BOOTSTRAP_SERVER: &str = "bootstrap server";

/// Where the servers of a client that is judged are.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Its servers, in the order of their names.
    pub servers: Vec<SocketAddr>,
    /// Its bootstrap server, if it has one.
    pub bootstrap: Option<SocketAddr>,
}

/// The names under which the servers of a client that is judged enter.
pub const SERVERS: [&str; 2] = ["server", "other server"];

/// Makes places for the servers that a scenario's client has, and for its bootstrap server, and writes into
/// the profile where they are, and which keys the client has for them where it meets them over associations.
///
/// # Errors
///
/// No socket can be had.
pub async fn place_servers(
    stage: &mut Stage,
    declared: &mut Declared,
    part: Part<'_>,
    seed: Seed,
) -> Result<Places, Halted> {
    let section = declared.profile.lwm2m.as_mut();
    let Some(client) = section.and_then(|section| section.client.as_mut()) else {
        return Ok(Places::default());
    };
    let [server, other] = SERVERS;
    let bootstraps = part.accounts().bootstrap();
    let keys = client.security.as_mut().map(|security| {
        let ClientSecurity {
            server,
            other,
            bootstrap,
        } = security;
        [server, other, bootstrap]
    });
    let keys = keys.map_or([None, None, None], |keys| keys.map(Some));
    let wanted = [
        ("lwm2m.client.listen", &mut client.listen, server, true),
        (
            "lwm2m.client.listen_other",
            &mut client.listen_other,
            other,
            part.servers() > 1,
        ),
        (
            "lwm2m.client.listen_bootstrap",
            &mut client.listen_bootstrap,
            BOOTSTRAP_SERVER,
            bootstraps,
        ),
    ];
    let mut places = Places::default();
    for ((key, listen, name, is_wanted), own) in wanted.into_iter().zip(keys) {
        if !is_wanted {
            *listen = None;
            continue;
        }
        let at = listen.as_ref().map(|text| text.parse());
        let at = at.transpose().map_err(|_| {
            let got = listen.as_deref().unwrap_or_default();
            let why = format!("{key}: expected an IP address and a port, got {got:?}");
            stage.halt(Halt::Inconclusive { why })
        })?;
        let place = match own {
            None => stage.bind_at(name, at).await?,
            Some(own) => {
                let known = settle_key(own, name, seed);
                known.map_err(|why| stage.halt(Halt::Inconclusive { why }))?;
                let guests = guests_of(own, name, seed);
                let guests = guests.map_err(|why| stage.halt(Halt::Inconclusive { why }))?;
                let security = Security {
                    guests: Some(guests),
                    at,
                    ..Security::default()
                };
                stage.bind_secured(name, security, seed).await?
            }
        };
        *listen = Some(place.to_string());
        match name == BOOTSTRAP_SERVER {
            true => places.bootstrap = Some(place),
            false => places.servers.push(place),
        }
    }
    Ok(places)
}

/// Makes up what the profile does not say of a client's key for the server of this name.
fn settle_key(own: &mut ClientKey, name: &str, seed: Seed) -> Result<(), String> {
    let seed = seed.derive("key").derive(name);
    if own.identity.is_none() {
        own.identity = Some(format!("twinproof-{:08x}", seed.rng().u32(..)));
    }
    let octets = match own.is_known() {
        true => own.octets(&format!("client, for its {name},"))?,
        false => random_key(seed),
    };
    let digits = octets.iter().map(|octet| format!("{octet:02x}"));
    own.key = Some(digits.collect());
    Ok(())
}

/// Whom the server of this name lets in: the client with the key that it has, and with the one that a bootstrap
/// gives it.
///
/// # Errors
///
/// The client has no key that can be read.
pub(crate) fn guests_of(own: &ClientKey, name: &str, seed: Seed) -> Result<Guests, String> {
    let (identity, key) = credentials_of(own, name)?;
    let (fresh_identity, fresh) = fresh_key(seed, name);
    let guests = Guests::default().with_psk(identity.as_bytes(), &key);
    Ok(guests.with_psk(fresh_identity.as_bytes(), &fresh))
}

/// The identity and the key that a client has for the server of this name, once its place was made.
///
/// # Errors
///
/// The key cannot be read.
pub fn credentials_of(own: &ClientKey, name: &str) -> Result<(String, Vec<u8>), String> {
    let identity = own.identity.clone().unwrap_or_default();
    let key = own.octets(&format!("client, for its {name},"))?;
    Ok((identity, key))
}

/// The identity and the key that a bootstrap gives a client for the server of this name.
pub(crate) fn fresh_key(seed: Seed, name: &str) -> (String, Vec<u8>) {
    let seed = seed.derive("fresh key").derive(name);
    let identity = format!("twinproof-fresh-{:08x}", seed.rng().u32(..));
    (identity, random_key(seed.derive("octets")))
}

fn random_key(seed: Seed) -> Vec<u8> {
    let mut key = vec![0; KEY];
    seed.rng().fill(&mut key);
    key
}

/// How many octets the keys have that are made up.
const KEY: usize = 16;

/// Makes a place for each server that a DM client has, and writes into the profile where they are: of the first a
/// fixed one at `harness.peer_listen`, which is where the client's account leads it.
///
/// # Errors
///
/// No socket can be had.
pub async fn place_dm_server(stage: &mut Stage, declared: &mut Declared) -> Result<String, Halted> {
    let base = stage.listen(dm_server(&declared.profile)).await?;
    let url = format!("{base}/dm");
    let section = declared.profile.dm.as_mut();
    if let Some(client) = section.and_then(|section| section.client.as_mut()) {
        client.server = Some(url.clone());
        for (number, other) in client.others.iter_mut().enumerate() {
            let base = stage.listen(&other_dm_server(number)).await?;
            other.server = Some(format!("{base}/dm"));
        }
    }
    Ok(url)
}

/// Makes places for the server that a gateway has, and for the devices behind it, and writes into the profile
/// where the server is. Returns where each device takes notifications.
///
/// # Errors
///
/// No socket can be had.
pub async fn place_gateway(
    stage: &mut Stage,
    declared: &mut Declared,
) -> Result<Vec<String>, Halted> {
    let base = stage.listen(dm_server(&declared.profile)).await?;
    let Some(gateway) = &mut declared.profile.gwmo else {
        return Ok(Vec::new());
    };
    gateway.server = Some(format!("{base}/dm"));
    if let Some(other) = &mut gateway.other {
        other.server = Some(format!("{}/dm", stage.listen(OTHER_MANAGER).await?));
    }
    if let Some(https) = &mut gateway.https {
        let base = stage
            .listen_shown(SECURED_MANAGER, Certificate::Good)
            .await?;
        https.server = base.map(|base| format!("{base}/dm"));
    }
    let mut places = Vec::new();
    for (number, device) in gateway.devices.iter_mut().enumerate() {
        // A device of another protocol has a place of its own once it enters.
        if device.mode == Mode::Adaptation {
            places.push(String::new());
            continue;
        }
        let base = stage.listen(&gateway_device(number)).await?;
        let authority = base.split_once("://").map(|(_, authority)| authority);
        device.listen = authority.map(str::to_owned);
        places.push(format!("{base}/push"));
    }
    if let Some(many) = &mut gateway.many {
        let base = stage.listen(MANY_DEVICES).await?;
        let authority = base.split_once("://").map(|(_, authority)| authority);
        many.listen = authority.map(str::to_owned);
    }
    Ok(places)
}

/// The name under which the second server of a gateway enters.
pub(crate) const OTHER_MANAGER: &str = "other server";

/// The name under which the server of a gateway enters that it reaches over TLS.
pub(crate) const SECURED_MANAGER: &str = "secured server";

/// The tag of scenarios in which a gateway has a second server.
const OTHER_SERVER: &str = "second-server";

/// The name under which the gateway enters that a DM server manages which is judged.
pub(crate) const TENDED: &str = "gateway below";

/// The name under which many devices behind a gateway enter together.
pub(crate) const MANY_DEVICES: &str = "devices";

/// The name under which a device behind a gateway enters, by its number in the profile.
pub(crate) fn gateway_device(number: usize) -> String {
    format!("device {}", number + 1)
}

/// The name under which another server enters that a DM client has, by its number in the profile.
pub(crate) fn other_dm_server(number: usize) -> String {
    format!("server {}", number + 2)
}

/// The name under which the server enters that a DM client has.
pub(crate) fn dm_server(profile: &Profile) -> &'static str {
    match profile.harness.peer_listen {
        Some(_) => PEER,
        None => "server",
    }
}

/// What is judged.
#[derive(Clone)]
pub enum Target {
    /// A system that is put on the stage.
    BuiltIn(Arc<dyn BuiltIn>),
    /// A system that runs elsewhere.
    External(Arc<Declared>),
}

impl Target {
    /// The profile.
    pub fn profile(&self) -> &Declared {
        match self {
            Self::BuiltIn(system) => system.profile(),
            Self::External(profile) => profile,
        }
    }
}
