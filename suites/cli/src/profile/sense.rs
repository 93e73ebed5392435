//! What no type forbids, and yet makes no sense.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use twinproof_conformance::coap_authority;
use twinproof_gwmo::gateway::NAMED;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::{Catalogue, ROLES};
use twinproof_judge::profile::{
    Bootstrap, Client, ClientSecurity, Dm, DmHook, DmServer, DmTester, Gwmo, HookSpec, Profile,
    Security, Twinning,
};
use twinproof_upper::Fault;

use super::HELP;
use super::spot::{Part, keys};
use crate::problem::did_you_mean;
use crate::select::LIST;
use crate::url;

/// A value, or a key, that makes no sense.
pub(super) struct Senseless {
    /// Where its value stands.
    pub(super) path: Vec<Part>,
    /// Whether it is the key that is wrong, and not its value.
    pub(super) key: bool,
    pub(super) why: String,
    pub(super) help: String,
}

impl Senseless {
    fn value(path: impl IntoIterator<Item = Part>, why: impl Into<String>) -> Self {
        Self {
            path: path.into_iter().collect(),
            key: false,
            why: why.into(),
            help: HELP.to_owned(),
        }
    }
}

/// The section that describes a system in a role, what it begins with, and whether the profile has it.
fn section_of<'a>(role: &str, profile: &Profile) -> (&'a str, &'a str, bool) {
    let lwm2m = profile.lwm2m.as_ref();
    let dm = profile.dm.as_ref();
    match role {
        "lwm2m-server" => (
            "lwm2m",
            "server = \"coap://enabler.example:5683\"",
            lwm2m.is_some_and(|section| section.server.is_some()),
        ),
        "lwm2m-client" => (
            "lwm2m.client",
            "patience = \"60s\"",
            lwm2m.is_some_and(|section| section.client.is_some()),
        ),
        "lwm2m-bootstrap-server" => (
            "lwm2m.bootstrap",
            "server = \"coap://enabler.example:5783\"",
            lwm2m.is_some_and(|section| section.bootstrap.is_some()),
        ),
        "dm-client" => (
            "dm.client.account",
            "device = \"IMEI:493005100592800\"\n  server_id = \"com.example.manage\"\n  name = \"device\"",
            dm.is_some_and(|section| section.client.is_some()),
        ),
        "dm-server" => (
            "dm.server",
            "url = \"http://127.0.0.1:8080/dm\"",
            dm.is_some_and(|section| section.server.is_some()),
        ),
        "dm-bootstrap-server" => (
            "dm.bootstrap",
            "url = \"http://127.0.0.1:8085/bootstrap/{device}\"",
            dm.is_some_and(|section| section.bootstrap.is_some()),
        ),
        "dm-gateway" => (
            "gwmo",
            "push = \"http://127.0.0.1:8095/push\"\n  devices_at = \"http://127.0.0.1:8095/dm\"",
            profile.gwmo.is_some(),
        ),
        _ => (
            "twinning",
            "base_url = \"https://enabler.example/api\"",
            profile.twinning.is_some(),
        ),
    }
}

/// What of a profile makes no sense, if anything.
pub(super) fn senseless(profile: &Profile) -> Option<Senseless> {
    let role = profile.sut.role.as_str();
    let at_role = || keys("sut.role");
    if !ROLES.contains(&role) {
        let why = format!("unknown role; this version judges {}", ROLES.join(", "));
        return Some(Senseless::value(at_role(), why));
    }
    let (section, example, described) = section_of(role, profile);
    if !described {
        return Some(Senseless {
            help: format!("write, for example:\n\n  [{section}]\n  {example}"),
            ..Senseless::value(
                at_role(),
                format!("there is no section [{section}], which says where the {role} is"),
            )
        });
    }
    lwm2m(profile)
        .or_else(|| twinning(profile))
        .or_else(|| dm(profile.dm.as_ref()?))
        .or_else(|| gateway(profile.gwmo.as_ref()?))
}

/// What of a gateway's section makes no sense, if anything.
fn gateway(section: &Gwmo) -> Option<Senseless> {
    let places = [
        ("gwmo.push", &section.push),
        ("gwmo.devices_at", &section.devices_at),
    ];
    let wrong = places
        .into_iter()
        .find_map(|(key, url)| Some(Senseless::value(keys(key), url::fault(url)?)));
    let hooks = [
        ("gwmo.restart.url", &section.restart),
        ("gwmo.advance_clock.url", &section.advance_clock),
        ("gwmo.reset.url", &section.reset),
    ];
    let hooks = hooks.into_iter().find_map(|(key, hook)| {
        let url = hook_url(hook.as_ref())?;
        Some(Senseless::value(keys(key), url::fault(url)?))
    });
    wrong
        .or(hooks)
        .or_else(|| unnamed("gwmo.named", &section.named))
        .or_else(|| {
            section
                .fault()
                .map(|(key, why)| Senseless::value(keys(key), why))
        })
        .or_else(|| unknown_claim("gwmo.claims", &section.claims))
}

/// What of a DM system's section makes no sense, if anything.
fn dm(section: &Dm) -> Option<Senseless> {
    if let Some(client) = &section.client {
        let nodes = [
            ("dm.client.leaf", Some(&client.leaf)),
            ("dm.client.area", client.area.as_ref()),
        ];
        let below_root = |node: &&String| node.starts_with("./") && !node.ends_with('/');
        let wrong = nodes
            .into_iter()
            .find(|(_, node)| node.as_ref().is_some_and(|node| !below_root(node)));
        if let Some((key, _)) = wrong {
            let why = "expected the address of a node, such as ./DevInfo/DevId";
            return Some(Senseless::value(keys(key), why));
        }
    }
    let pushed = section.client.as_ref().and_then(|c| c.push.as_ref());
    if let Some(why) = pushed.and_then(|push| url::fault(push)) {
        return Some(Senseless::value(keys("dm.client.push"), why));
    }
    if let Some(client) = &section.client {
        let places = [
            ("dm.client.wsp", &client.wsp),
            ("dm.client.sip", &client.sip),
        ];
        let is_none = |place: &String| place.parse::<SocketAddr>().is_err();
        let wrong = places
            .into_iter()
            .find(|(_, place)| place.as_ref().is_some_and(is_none));
        if let Some((key, _)) = wrong {
            let why = "expected an IP address and a port, such as 127.0.0.1:2948";
            return Some(Senseless::value(keys(key), why));
        }
    }
    let bootstrap = section.bootstrap.as_ref();
    if let Some(why) = bootstrap.and_then(|bootstrap| url::fault(&bootstrap.url)) {
        return Some(Senseless::value(keys("dm.bootstrap.url"), why));
    }
    let server = section.server.as_ref();
    server
        .and_then(|server| url::fault(&server.url))
        .map(|why| Senseless::value(keys("dm.server.url"), why))
        .or_else(|| above(server?))
        .or_else(|| unknown_claim("dm.claims", &section.claims))
}

/// What of a DM server's hooks and of what it takes gateways to be makes no sense, if anything.
fn above(server: &DmServer) -> Option<Senseless> {
    if let Some(DmTester::Hook(hook)) = &server.upper_tester
        && let Some(wrong) = hooks(hook)
    {
        return Some(wrong);
    }
    let gateways = server.gateways.as_ref()?;
    let place = gateways.listen.as_ref();
    if place.is_some_and(|place| place.parse::<SocketAddr>().is_err()) {
        let why = "expected an IP address of this machine and a port, such as 127.0.0.1:8105";
        return Some(Senseless::value(keys("dm.server.gateways.listen"), why));
    }
    unnamed("dm.server.gateways.named", &gateways.named)
}

/// What is not said of the device that a header is about.
fn unnamed(key: &'static str, form: &str) -> Option<Senseless> {
    let why = format!(
        "expected {NAMED} somewhere in it, for which the device stands: without it, all devices are one"
    );
    (!form.contains(NAMED)).then(|| Senseless::value(keys(key), why))
}

/// What each hook of a DM server has to name, and what else it may.
const NAMED_BY_HOOKS: [(&str, &[&str], &[&str]); 4] = [
    (
        "dm.server.upper_tester.hook.plan",
        &[],
        &["device", "command", "uri", "value", "xml", "base64"],
    ),
    ("dm.server.upper_tester.hook.events", &[], &["after"]),
    (
        "dm.server.upper_tester.hook.sip",
        &["to"],
        &["device", "session"],
    ),
    (
        "dm.server.upper_tester.hook.behind",
        &["want"],
        &["gateway", "devices", "uri", "value", "session", "push"],
    ),
];

/// What of a DM server's hooks names nothing, or not what it has to.
fn hooks(hook: &DmHook) -> Option<Senseless> {
    let specs = [
        Some(&hook.plan),
        hook.events.as_ref(),
        hook.sip.as_ref(),
        hook.behind.as_ref(),
    ];
    let mut all = NAMED_BY_HOOKS.iter().zip(specs);
    all.find_map(|((key, needed, others), spec)| {
        let texts: Vec<&str> = match spec? {
            HookSpec::Command(line) => vec![line],
            HookSpec::Http { url, body, .. } => vec![url, body],
        };
        let named: Vec<&str> = texts.iter().flat_map(|text| named_in(text)).collect();
        let known = || needed.iter().chain(*others).copied();
        let all = known().map(|word| format!("{{{word}}}"));
        let all = format!("there are {}", all.collect::<Vec<_>>().join(", "));
        if let Some(unknown) = named.iter().find(|word| !known().any(|k| k == **word)) {
            let hint = did_you_mean(unknown, known(), &all);
            return Some(Senseless {
                help: format!(
                    "{all}. A brace that is meant as itself has a space, or anything but a word, behind it"
                ),
                ..Senseless::value(keys(key), format!("nothing stands for {{{unknown}}}{hint}"))
            });
        }
        let missing = needed.iter().find(|word| !named.contains(word))?;
        Some(Senseless {
            help: all,
            ..Senseless::value(
                keys(key),
                format!("expected {{{missing}}} somewhere in it: without that, nobody knows what is wanted"),
            )
        })
    })
}

/// The words between braces for which something would have to stand: none of a shell's own variables.
fn named_in(text: &str) -> Vec<&str> {
    let mut named = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let length = after
            .bytes()
            .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let (word, behind) = after.split_at(length.count());
        if !word.is_empty() && behind.starts_with('}') && !before.ends_with('$') {
            named.push(word);
        }
        rest = after;
    }
    named
}

/// What of an LwM2M server's section makes no sense, if anything.
fn lwm2m(profile: &Profile) -> Option<Senseless> {
    let section = profile.lwm2m.as_ref()?;
    let server = section.server.as_deref();
    if let Some(Err(why)) = server.map(coap_authority) {
        return Some(Senseless::value(keys("lwm2m.server"), why));
    }
    // Whom scenarios need, a fleet does not; `twinproof check` says what of a run is left out.
    let is_for_fleets = section.fleet.is_some() && section.security.is_none();
    if !is_for_fleets && let Some(fault) = security(("lwm2m", server), section.security.as_ref()) {
        return Some(fault);
    }
    if let Some(fault) = section.client.as_ref().and_then(client) {
        return Some(fault);
    }
    let hooks = [
        ("lwm2m.restart.url", hook_url(section.restart.as_ref())),
        (
            "lwm2m.advance_clock.url",
            hook_url(section.advance_clock.as_ref()),
        ),
    ];
    let hooks = hooks
        .into_iter()
        .find_map(|(key, url)| Some(Senseless::value(keys(key), url::fault(url?)?)));
    let tester = section
        .upper_tester
        .as_ref()
        .and_then(twinproof_upper::fault);
    let tester = tester.map(|Fault { key, why }| {
        let below = key.split('.').filter(|part| !part.is_empty());
        let below = below.map(|part| Part::Key(part.to_owned()));
        Senseless::value(keys("lwm2m.upper_tester").chain(below), why)
    });
    hooks
        .or(tester)
        .or_else(|| bootstrap(section.bootstrap.as_ref()?))
        .or_else(|| unknown_claim("lwm2m.claims", &section.claims))
        .or_else(|| unknown_capability(&section.capabilities))
}

/// What of a section on secured associations makes no sense, if anything: the one below `above`, whose server is
/// there.
fn security(
    (above, server): (&'static str, Option<&str>),
    security: Option<&Security>,
) -> Option<Senseless> {
    let below = |name: &str| {
        let parts = format!("{above}.{name}");
        let parts = parts.split('.').map(|part| Part::Key(part.to_owned()));
        parts.collect::<Vec<_>>()
    };
    let sealed = server.is_some_and(|server| server.starts_with("coaps://"));
    let Some(security) = security else {
        let why = format!(
            "expected credentials of devices for coaps:// in [[{above}.security.credential]]"
        );
        return sealed.then(|| Senseless::value(below("server"), why));
    };
    let places = [
        ("server", &security.server, "coaps://"),
        ("plain", &security.plain, "coap://"),
    ];
    let misplaced = places.into_iter().find_map(|(name, place, scheme)| {
        let url = place.as_deref()?;
        let wrong = match coap_authority(url) {
            Err(why) => Some(why),
            Ok(_) if !url.starts_with(scheme) => Some(format!("expected {scheme}, got {url:?}")),
            Ok(_) => None,
        };
        Some(Senseless::value(below(&format!("security.{name}")), wrong?))
    });
    if misplaced.is_some() {
        return misplaced;
    }
    if server.is_some() && !sealed && security.server.is_none() {
        let why = format!(
            "expected server = \"coaps://...\" in it, or in [{above}]: nobody knows where to shake hands"
        );
        return Some(Senseless::value(below("security"), why));
    }
    if security.credentials.is_empty() {
        let why = format!(
            "expected at least one device with credentials ([[{above}.security.credential]])"
        );
        return Some(Senseless::value(below("security"), why));
    }
    let (mut names, mut identities) = (BTreeSet::new(), BTreeSet::new());
    for (number, credential) in security.credentials.iter().enumerate() {
        let at = |name: &str| {
            let item = [Part::Item(number), Part::Key(name.to_owned())];
            below("security.credential").into_iter().chain(item)
        };
        if credential.endpoint.is_empty() || !names.insert(&credential.endpoint) {
            let why = "expected the endpoint name of a device that is not named yet";
            return Some(Senseless::value(at("endpoint"), why));
        }
        if !identities.insert(credential.identity()) {
            let why = "expected an identity that no other device has";
            return Some(Senseless::value(at("identity"), why));
        }
        // What the environment or a file holds is looked at when it is needed.
        if credential.key_env.is_none()
            && credential.key_file.is_none()
            && let Err(why) = credential.octets()
        {
            return Some(Senseless::value(at("key"), why));
        }
    }
    None
}

/// What of an LwM2M client's section makes no sense, if anything.
fn client(client: &Client) -> Option<Senseless> {
    let places = [
        ("lwm2m.client.listen", &client.listen),
        ("lwm2m.client.listen_other", &client.listen_other),
        ("lwm2m.client.listen_bootstrap", &client.listen_bootstrap),
    ];
    let misplaced = places.into_iter().find_map(|(key, place)| {
        let place = place.as_ref()?;
        let why = "expected an IP address of this machine and a port, such as 127.0.0.1:5683";
        let wrong = place.parse::<SocketAddr>().is_err();
        wrong.then(|| Senseless::value(keys(key), why))
    });
    misplaced
        .or_else(|| client_keys(client.security.as_ref()?))
        .or_else(|| {
            let (key, why) = twinproof_upper::client_fault(client.control.as_ref()?)?;
            let key = format!("lwm2m.client.control.command.{key}");
            let parts = key.split('.').map(|part| Part::Key(part.to_owned()));
            Some(Senseless::value(parts.collect::<Vec<_>>(), why))
        })
}

/// What of the keys that a client has makes no sense, if anything.
fn client_keys(security: &ClientSecurity) -> Option<Senseless> {
    let own = [
        ("lwm2m.client.security.server.key", &security.server),
        ("lwm2m.client.security.other.key", &security.other),
        ("lwm2m.client.security.bootstrap.key", &security.bootstrap),
    ];
    // What the environment or a file holds is looked at when it is needed.
    let mut written = own.into_iter().filter(|(_, own)| own.key.is_some());
    written.find_map(|(key, own)| {
        let why = own.octets("client").err()?;
        Some(Senseless::value(keys(key), why))
    })
}

/// What of a bootstrap server's section makes no sense, if anything.
fn bootstrap(section: &Bootstrap) -> Option<Senseless> {
    if let Err(why) = coap_authority(&section.server) {
        return Some(Senseless::value(keys("lwm2m.bootstrap.server"), why));
    }
    let here = ("lwm2m.bootstrap", Some(section.server.as_str()));
    if let Some(fault) = security(here, section.security.as_ref()) {
        return Some(fault);
    }
    let mut names = BTreeSet::new();
    for (number, endpoint) in section.endpoints.iter().enumerate() {
        let at = |key: &str| {
            let item = [Part::Item(number), Part::Key(key.to_owned())];
            keys("lwm2m.bootstrap.endpoint").chain(item)
        };
        if endpoint.name.is_empty() || !names.insert(&endpoint.name) {
            let why = "expected the endpoint name of a device that is not named yet";
            return Some(Senseless::value(at("name"), why));
        }
        let address = endpoint.server.as_ref().map(|server| {
            let address = server.strip_prefix("coap://");
            let address = address.or(server.strip_prefix("coaps://"));
            address.and_then(|address| address.parse::<SocketAddr>().ok())
        });
        if address == Some(None) {
            let why = "expected coap:// or coaps:// with an IP address and a port, as it stands in the account";
            return Some(Senseless::value(at("server"), why));
        }
    }
    None
}

/// What of a Twinning enabler's section makes no sense, if anything.
fn twinning(profile: &Profile) -> Option<Senseless> {
    let twinning = profile.twinning.as_ref()?;
    let (empty, twice) = (
        twinning
            .subscribers
            .iter()
            .position(|s| s.address.is_empty()),
        subscriber_twice(twinning),
    );
    if let Some(number) = empty {
        return Some(Senseless::value(
            keys("twinning.subscriber").chain([Part::Item(number)]),
            "expected an address: a tel, sip or acr URI",
        ));
    }
    if let Some(number) = twice {
        let item = [Part::Item(number), Part::Key("address".to_owned())];
        return Some(Senseless::value(
            keys("twinning.subscriber").chain(item),
            "this address stands twice; each subscriber is one device",
        ));
    }
    urls(profile)
        .or_else(|| misnamed(profile, &twinning.base_url))
        .or_else(|| unknown_claim("twinning.claims", &twinning.claims))
}

/// The number of the first subscriber whose address another one has.
fn subscriber_twice(twinning: &Twinning) -> Option<usize> {
    let mut addresses = BTreeSet::new();
    let mut subscribers = twinning.subscribers.iter();
    subscribers.position(|s| !addresses.insert(&s.address))
}

/// The first URL that leads nowhere.
fn urls(profile: &Profile) -> Option<Senseless> {
    let mut bases = vec![
        ("harness.advertise", profile.harness.advertise.as_ref()),
        (
            "harness.peer_advertise",
            profile.harness.peer_advertise.as_ref(),
        ),
    ];
    let mut others = Vec::new();
    if let Some(twinning) = &profile.twinning {
        bases.insert(0, ("twinning.base_url", Some(&twinning.base_url)));
        bases.push((
            "twinning.notification_channel",
            twinning.notification_channel.as_ref(),
        ));
        if let Some(server) = &twinning.authorization {
            others.extend([
                ("twinning.authorization.token_url", Some(&server.token_url)),
                (
                    "twinning.authorization.revoke_url",
                    server.revoke_url.as_ref(),
                ),
                (
                    "twinning.authorization.resource_url",
                    server.resource_url.as_ref(),
                ),
            ]);
        }
        others.extend([
            ("twinning.restart.url", hook_url(twinning.restart.as_ref())),
            (
                "twinning.advance_clock.url",
                hook_url(twinning.advance_clock.as_ref()),
            ),
        ]);
    }
    let bases = bases
        .into_iter()
        .map(|(key, url)| (key, url.and_then(|url| url::base_fault(url))));
    let others = others
        .into_iter()
        .map(|(key, url)| (key, url.and_then(|url| url::fault(url))));
    bases
        .chain(others)
        .find_map(|(key, fault)| Some(Senseless::value(keys(key), fault?)))
}

fn hook_url(hook: Option<&HookSpec>) -> Option<&String> {
    match hook? {
        HookSpec::Command(_) => None,
        HookSpec::Http { url, .. } => Some(url),
    }
}

fn unknown_claim(section: &'static str, claims: &BTreeMap<String, bool>) -> Option<Senseless> {
    let catalogue = Catalogue::load(&FEATURES).ok()?;
    let unknown = claims
        .keys()
        .find(|label| catalogue.requirement(label).is_none())?;
    let known = catalogue.requirements.iter().map(|r| r.id.as_str());
    let hint = did_you_mean(unknown, known, LIST);
    Some(Senseless {
        key: true,
        ..Senseless::value(
            keys(section).chain([Part::Key(unknown.clone())]),
            format!("the catalogue has no requirement of this label{hint}"),
        )
    })
}

fn unknown_capability(claims: &BTreeMap<String, bool>) -> Option<Senseless> {
    let catalogue = Catalogue::load(&FEATURES).ok()?;
    let known = || catalogue.capabilities_of("lwm2m").map(|c| c.id.as_str());
    let unknown = claims
        .keys()
        .find(|id| !known().any(|known| known == **id))?;
    let all: Vec<&str> = known().collect();
    let hint = did_you_mean(unknown, known(), &format!("there are {}", all.join(", ")));
    Some(Senseless {
        key: true,
        ..Senseless::value(
            keys("lwm2m.capabilities").chain([Part::Key(unknown.clone())]),
            format!("nothing of this id can be claimed{hint}"),
        )
    })
}

/// Why the system cannot be asked for by the name that its certificate is to carry, if so.
fn misnamed(profile: &Profile, base_url: &str) -> Option<Senseless> {
    let name = profile.tls.server_name.as_ref()?;
    let why = if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        "expected a host name: TLS names no addresses to a server. If the certificate carries this \
         address, let twinning.base_url have it as its host"
            .to_owned()
    } else if profile.network.proxy.is_some() {
        "expected no network.proxy beside it: the proxy would look the name up, and find another \
         system or none"
            .to_owned()
    } else if !base_url.starts_with("https://") {
        format!("expected an https:// URL in twinning.base_url beside it, got {base_url:?}")
    } else {
        return None;
    };
    Some(Senseless::value(keys("tls.server_name"), why))
}
