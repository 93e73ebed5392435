use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use twinproof_evidence::record::Halt;
use twinproof_gwmo::gateway::Mode;
use twinproof_judge::catalogue::role_of;
use twinproof_judge::profile::{ClientKey, ClientSecurity, Declared, HookSpec, Https, Profile};
use twinproof_judge::scene::SUT;
use twinproof_kernel::Seed;
use twinproof_lwm2m::upper::Accounts;
use twinproof_stage::dtls::Guests;
use twinproof_stage::{
    Alias, AuthorityFiles, Certificate, Elsewhere, Halted, HookCall, Network, Options, PEER, Place,
    Security, Shows, Stage, Trust,
};

use crate::suite::Entry;
use crate::turns::Turns;

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

/// The network that a profile asks for.
///
/// # Errors
///
/// A certificate cannot be read, an address of the harness cannot be bound, or its lock file cannot
/// be had; the words name the key of the profile.
pub fn network(profile: &Profile) -> Result<Network, String> {
    let harness = &profile.harness;
    if let Some(lock) = &harness.lock {
        Turns::at(lock)?;
    }
    let place = |listen: &Option<String>, advertise: &Option<String>| {
        listen.clone().map(|listen| Place {
            listen,
            advertise: advertise.clone(),
        })
    };
    let certificate = match (&harness.certificate, &harness.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => return Err("harness.certificate and harness.key go together".to_owned()),
    };
    let gateway = profile.gwmo.iter().flat_map(|gateway| &gateway.devices);
    let mut ports = BTreeMap::new();
    let client = profile.dm.as_ref().and_then(|dm| dm.client.as_ref());
    let others = client.iter().flat_map(|client| &client.others);
    for (number, other) in others.enumerate() {
        if let Some(listen) = &other.listen {
            let address = listen.parse().map_err(|_| {
                format!(
                    "dm.client.other.listen: expected an IP address and a port such as 127.0.0.1:8092, got {listen:?}"
                )
            })?;
            ports.insert(other_dm_server(number), address);
        }
    }
    for (number, device) in gateway.enumerate() {
        if let Some(listen) = &device.listen {
            let address = listen.parse().map_err(|_| {
                format!(
                    "gwmo.device.listen: expected an IP address and a port such as 127.0.0.1:8101, got {listen:?}"
                )
            })?;
            ports.insert(gateway_device(number), address);
        }
    }
    let other = profile.gwmo.iter().flat_map(|gateway| &gateway.other);
    for listen in other.filter_map(|other| other.listen.as_ref()) {
        let address = listen.parse().map_err(|_| {
            format!(
                "gwmo.other.listen: expected an IP address and a port such as 127.0.0.1:8089, got {listen:?}"
            )
        })?;
        ports.insert(OTHER_MANAGER.to_owned(), address);
    }
    let server = profile.dm.as_ref().and_then(|dm| dm.server.as_ref());
    let above = server.and_then(|server| server.gateways.as_ref());
    if let Some(listen) = above.and_then(|gateways| gateways.listen.as_ref()) {
        let address = listen.parse().map_err(|_| {
            format!(
                "dm.server.gateways.listen: expected an IP address and a port such as 127.0.0.1:8105, got {listen:?}"
            )
        })?;
        ports.insert(TENDED.to_owned(), address);
    }
    let https = profile.gwmo.iter().flat_map(|gateway| &gateway.https);
    for listen in https.filter_map(|https| https.listen.as_ref()) {
        ports.insert(SECURED_MANAGER.to_owned(), secured_at(listen)?);
    }
    let many = profile.gwmo.iter().flat_map(|gateway| &gateway.many);
    if let Some(listen) = many.filter_map(|many| many.listen.as_ref()).next() {
        let address = listen.parse().map_err(|_| {
            format!(
                "gwmo.many.listen: expected an IP address and a port such as 127.0.0.1:8110, got {listen:?}"
            )
        })?;
        ports.insert(MANY_DEVICES.to_owned(), address);
    }
    Network::open(&Options {
        ports,
        shows: shows(profile)?,
        rate: profile.pace.rate,
        trust: Trust {
            ca_file: profile.tls.ca_file.clone(),
            client_certificate: profile.tls.client_certificate.clone(),
            client_key: profile.tls.client_key.clone(),
        },
        alias: profile.tls.server_name.clone().and_then(|name| {
            let base_url = profile.twinning.as_ref()?.base_url.clone();
            Some(Alias { base_url, name })
        }),
        proxy: profile.network.proxy.clone(),
        callbacks: place(&harness.listen, &harness.advertise),
        peer: place(&harness.peer_listen, &harness.peer_advertise),
        certificate,
        ..Options::new(profile.pace.timeout.duration())
    })
}

fn secured_at(listen: &str) -> Result<SocketAddr, String> {
    listen.parse().map_err(|_| {
        format!(
            "gwmo.https.listen: expected an IP address and a port such as 127.0.0.1:8443, got {listen:?}"
        )
    })
}

/// Servers that show certificates, if the profile names an authority for them.
fn shows(profile: &Profile) -> Result<Option<Shows>, String> {
    let client = profile.dm.as_ref().and_then(|dm| dm.client.as_ref());
    let own = client.and_then(|client| Some(("dm.client.https", client.https.clone()?)));
    let gateway = profile
        .gwmo
        .as_ref()
        .and_then(|gateway| gateway.https.as_ref());
    let gateway = gateway.map(|https| {
        let listen = https.listen.as_deref().map(secured_at).transpose()?;
        let usual = Https::default();
        let https = Https {
            authority: https.authority.clone(),
            authority_key: https.authority_key.clone(),
            host: https.host.clone(),
            listen: listen.map_or(usual.listen, |listen| listen.ip()),
        };
        Ok::<_, String>(("gwmo.https", https))
    });
    let Some((key, https)) = own.or(gateway.transpose()?) else {
        return Ok(None);
    };
    let files = match (&https.authority, &https.authority_key) {
        (Some(certificate), Some(secret)) => AuthorityFiles {
            certificate: certificate.clone(),
            key: secret.clone(),
        },
        (None, None) => return Ok(None),
        _ => {
            return Err(format!(
                "{key}.authority and {key}.authority_key go together"
            ));
        }
    };
    Shows::of(key, &files, &https.host, https.listen).map(Some)
}

/// The gateway that a profile speaks of, if it does.
pub(crate) fn gateway_elsewhere(profile: &Profile) -> Option<Elsewhere> {
    let gateway = profile.gwmo.as_ref()?;
    Some(Elsewhere {
        name: SUT.to_owned(),
        base_url: gateway.devices_at.clone(),
        section: "gwmo",
        restart: gateway.restart.as_ref().map(hook_call),
        advance_clock: gateway.advance_clock.as_ref().map(hook_call),
        patience: profile.pace.hook.duration(),
    })
}

/// The Twinning system that a profile speaks of, if it does.
pub fn elsewhere(profile: &Profile) -> Option<Elsewhere> {
    let twinning = profile.twinning.as_ref()?;
    Some(Elsewhere {
        name: SUT.to_owned(),
        base_url: twinning.base_url.clone(),
        section: "twinning",
        restart: twinning.restart.as_ref().map(hook_call),
        advance_clock: twinning.advance_clock.as_ref().map(hook_call),
        patience: profile.pace.hook.duration(),
    })
}

/// The LwM2M server that a profile speaks of, if it does, and its address.
///
/// # Errors
///
/// The address is none, or its name cannot be resolved.
pub(crate) async fn server_elsewhere(
    profile: &mut Profile,
    part: Part<'_>,
) -> Result<Option<(Elsewhere, SocketAddr)>, String> {
    let patience = profile.pace.hook.duration();
    let Some(section) = &mut profile.lwm2m else {
        return Ok(None);
    };
    // Where devices come over associations in this scenario alone, others come in the clear.
    let mut key = "lwm2m.server";
    if let Some(security) = section.security.as_mut().filter(|_| part.is_secured())
        && let Some(secured) = security.server.take()
    {
        key = "lwm2m.security.server";
        let plain = section.server.replace(secured);
        security.plain = security.plain.take().or(plain);
    }
    let Some(server) = &section.server else {
        return Ok(None);
    };
    let address = resolved(key, server).await?;
    let base_url = match section.is_secured() {
        true => format!("coaps://{address}"),
        false => format!("coap://{address}"),
    };
    section.server = Some(base_url.clone());
    if let Some(security) = &mut section.security
        && let Some(plain) = &security.plain
    {
        let address = resolved("lwm2m.security.plain", plain).await?;
        security.plain = Some(format!("coap://{address}"));
    }
    let system = Elsewhere {
        name: SUT.to_owned(),
        base_url,
        section: "lwm2m",
        // That it is back after a restart is asked over HTTP, which it does not speak.
        restart: None,
        advance_clock: section.advance_clock.as_ref().map(hook_call),
        patience,
    };
    Ok(Some((system, address)))
}

/// The LwM2M bootstrap server that a profile speaks of, if it does, and its address.
///
/// # Errors
///
/// The address is none, or its name cannot be resolved.
pub(crate) async fn bootstrap_elsewhere(
    profile: &mut Profile,
    part: Part<'_>,
) -> Result<Option<(Elsewhere, SocketAddr)>, String> {
    let patience = profile.pace.hook.duration();
    let section = profile.lwm2m.as_mut();
    let Some(section) = section.and_then(|section| section.bootstrap.as_mut()) else {
        return Ok(None);
    };
    let mut key = "lwm2m.bootstrap.server";
    if let Some(security) = section.security.as_mut().filter(|_| part.is_secured())
        && let Some(secured) = security.server.take()
    {
        key = "lwm2m.bootstrap.security.server";
        let plain = std::mem::replace(&mut section.server, secured);
        security.plain.get_or_insert(plain);
    }
    let address = resolved(key, &section.server).await?;
    section.server = match section.is_secured() {
        true => format!("coaps://{address}"),
        false => format!("coap://{address}"),
    };
    if let Some(security) = &mut section.security
        && let Some(plain) = &security.plain
    {
        let address = resolved("lwm2m.bootstrap.security.plain", plain).await?;
        security.plain = Some(format!("coap://{address}"));
    }
    let system = Elsewhere {
        name: SUT.to_owned(),
        base_url: section.server.clone(),
        section: "lwm2m.bootstrap",
        restart: None,
        advance_clock: None,
        patience,
    };
    Ok(Some((system, address)))
}

/// The address that the URL of a server behind this key of a profile leads to.
async fn resolved(key: &str, server: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| {
        format!(
            "{key}: expected coap:// or coaps:// with a host, and a port unless it is {COAP} or {COAPS}, \
             got {server:?}{why}"
        )
    };
    let authority = coap_authority(server).map_err(|why| format!("{key}: {why}"))?;
    let found: Vec<SocketAddr> = tokio::net::lookup_host(authority)
        .await
        .map_err(|error| wrong(&format!(": {error}")))?
        .collect();
    // Of several the first, but for IPv4, which is what simulated devices have on every machine.
    let first = found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first());
    let address = first.ok_or_else(|| wrong(", which has no address"))?;
    Ok(*address)
}

/// The port of CoAP where a URL names none (RFC 7252 §6.1).
const COAP: u16 = 5683;

/// The port of CoAP over DTLS where a URL names none (RFC 7252 §6.2).
const COAPS: u16 = 5684;

/// The host and the port that a server's URL names.
///
/// # Errors
///
/// It is no URL of a server that can be judged; the words say what is expected.
pub fn coap_authority(url: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{why}, got {url:?}"));
    let (rest, usual) = match (url.strip_prefix("coap://"), url.strip_prefix("coaps://")) {
        (Some(rest), _) => (rest, COAP),
        (None, Some(rest)) => (rest, COAPS),
        (None, None) => {
            return wrong("expected a URL that begins with coap:// or coaps:// and a host");
        }
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@".contains(c);
    if authority.contains(odd) {
        return wrong("expected nothing but a host and a port behind ://");
    }
    let (host, port) = host_and_port(authority).map_err(|why| format!("{why}, got {url:?}"))?;
    Ok(format!("{host}:{}", port.unwrap_or(usual)))
}

/// The host and the port of a URL's authority, which has no user name.
///
/// # Errors
///
/// The host is missing or an IPv6 address without brackets, or the port is none; the words say what is
/// expected.
pub fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let wrong = |why: &str| Err(why.to_owned());
    // The colons of an IPv6 address stand in brackets.
    let after_host = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after_host..].rfind(':') {
        Some(at) => {
            let (host, port) = authority.split_at(after_host + at);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    if host.is_empty() {
        return wrong("expected a host behind ://");
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return wrong("expected an IPv6 address in brackets, such as [::1]");
    }
    let Some(port) = port else {
        return Ok((host, None));
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>().ok().filter(|port| digits && *port > 0) {
        Some(port) => Ok((host, Some(port))),
        None => wrong("expected a port from 1 to 65535 behind the host, or none"),
    }
}

pub(crate) fn hook_call(spec: &HookSpec) -> HookCall {
    match spec {
        HookSpec::Command(line) => HookCall::Command(line.clone()),
        HookSpec::Http { method, url, body } => HookCall::Http {
            method: method.clone(),
            url: url.clone(),
            body: body.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::coap_authority;

    #[test]
    fn a_url_of_a_server_names_a_host_and_perhaps_a_port() {
        for (url, authority) in [
            ("coap://127.0.0.1", "127.0.0.1:5683"),
            ("coap://server.example/", "server.example:5683"),
            ("coap://[::1]", "[::1]:5683"),
            ("coap://[::1]:5685/", "[::1]:5685"),
            ("coap://x:1", "x:1"),
            ("coaps://x", "x:5684"),
        ] {
            assert_eq!(coap_authority(url).as_deref(), Ok(authority), "{url}");
        }
        for (url, says) in [
            ("coaps://", "expected a host"),
            ("http://x", "begins with coap://"),
            ("coap://", "expected a host"),
            ("coap://:5683", "expected a host"),
            ("coap://x:0", "a port from 1 to 65535"),
            ("coap://x:", "a port from 1 to 65535"),
            ("coap://x:+1", "a port from 1 to 65535"),
            ("coap://::1", "in brackets"),
            ("coap://x/rd", "nothing but a host"),
        ] {
            let words = coap_authority(url).unwrap_err();
            assert!(words.contains(says), "{url}: {words}");
        }
    }
}
