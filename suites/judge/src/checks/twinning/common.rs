//! Checks on what holds for the whole API (HLF-CM-001 to 004): they look at all that was captured in
//! the scene.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twinproof_twinning::tree::{Document, Tree};
use twinproof_twinning::url::{resolve, same};

use super::with;
use crate::checks::{Context, Found};
use crate::scene::{Exchange, SUT, Scene};

/// A check and its arguments.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// All requests to the system were plain HTTP operations, and each was answered as HTTP.
    PlainHttp,
    /// A refused verb is answered with those that a resource has.
    VerbsNamed {
        /// The exchange.
        exchange: u64,
    },
    /// Addresses that the system hands out name things and not deeds, and escape what is reserved.
    AddressesReadable,
    /// A resource keeps its address from one read to the next.
    AddressesStable,
    /// Addresses that the system hands out have the API's version as a segment.
    AddressesVersioned,
    /// Users and devices are named by their addresses only.
    AddressesOfUsers,
    /// No term of the network below stands in what the system sends.
    NoNetworkTerms,
    /// A version that does not exist does not act as the one that does.
    VersionNotServed {
        /// The exchange that asked for it.
        exchange: u64,
    },
}

/// What a verb in an address looks like.
const DEEDS: [&str; 12] = [
    "activate",
    "add",
    "create",
    "deactivate",
    "delete",
    "do",
    "get",
    "remove",
    "set",
    "toggle",
    "twin",
    "update",
];

/// Names of the network's own concepts, without separators, in small letters.
const NETWORK_TERMS: [&str; 22] = [
    "associateduri",
    "avp",
    "callid",
    "contactheader",
    "diameter",
    "eid",
    "guti",
    "hss",
    "iccid",
    "imei",
    "impi",
    "impu",
    "imsi",
    "mscaddress",
    "pani",
    "passertedidentity",
    "paccessnetworkinfo",
    "privateidentity",
    "scscf",
    "sgsn",
    "via",
    "vlr",
];

impl Check {
    pub(super) fn look(&self, scene: &Scene, context: &Context<'_>) -> Found {
        match self {
            Self::PlainHttp => plain_http(scene),
            Self::VerbsNamed { exchange } => with(scene, *exchange, |seen| {
                let expected = "405 with the operations that the resource has in Allow";
                let allow = seen
                    .response
                    .as_ref()
                    .and_then(|r| r.headers.first("Allow"));
                let got = format!("{}, Allow {}", seen.outcome(), allow.unwrap_or("none"));
                let names = allow.is_some_and(|allow| {
                    let verbs: Vec<_> = allow.split(',').map(str::trim).collect();
                    !verbs.contains(&seen.method.as_str()) && verbs.iter().any(|v| !v.is_empty())
                });
                Found::decide(seen.status() == Some(405) && names, expected, got)
                    .by("RFC 9110 §15.5.6 and the sibling APIs")
                    .under(&["TW-C17"])
            }),
            Self::AddressesReadable => readable(scene, context),
            Self::AddressesStable => stable(scene, context),
            Self::AddressesVersioned => versioned(scene, context),
            Self::AddressesOfUsers => of_users(scene, context),
            Self::NoNetworkTerms => no_network_terms(scene),
            Self::VersionNotServed { exchange } => with(scene, *exchange, |seen| {
                let expected = "an unknown version is not served as the known one";
                let refused = seen.status().is_some_and(|status| status >= 300);
                Found::decide(refused, expected, seen.outcome()).under(&["TW-C18"])
            }),
        }
    }
}

fn plain_http(scene: &Scene) -> Found {
    let expected = "GET, POST, PUT and DELETE on http or https addresses, each answered";
    let asked: Vec<_> = scene.exchanges.values().filter(|e| e.to == SUT).collect();
    let odd = asked.iter().find(|seen| {
        let plain = ["GET", "POST", "PUT", "DELETE"].contains(&seen.method.as_str())
            && (seen.url.starts_with("http://") || seen.url.starts_with("https://"));
        !plain
            || seen
                .status()
                .is_some_and(|status| !(100..600).contains(&status))
    });
    if let Some(silent) = asked.iter().find(|seen| seen.status().is_none())
        && odd.is_none()
    {
        return Found::inconclusive(expected, silent.outcome()).shown_by([silent.number]);
    }
    match odd {
        Some(seen) => Found::decide(false, expected, seen.outcome()).shown_by([seen.number]),
        None if asked.is_empty() => Found::inconclusive(expected, "nothing was asked"),
        None => Found::decide(
            true,
            expected,
            format!("{} such operations, all answered", asked.len()),
        )
        .shown_by(asked.iter().map(|seen| seen.number)),
    }
}

/// An address that the system handed out.
struct Address {
    exchange: u64,
    url: String,
}

fn documents(scene: &Scene) -> impl Iterator<Item = (&Exchange, Document)> {
    scene
        .exchanges
        .values()
        .filter(|seen| seen.to == SUT)
        .filter_map(|seen| Some((seen, seen.document().ok()?)))
}

/// All addresses of resources of this API in headers and bodies of the system.
fn addresses(scene: &Scene, context: &Context<'_>) -> Vec<Address> {
    let mut found = Vec::new();
    let api = format!("/{}/", context.knobs.paths.api);
    for seen in scene.exchanges.values().filter(|seen| seen.to == SUT) {
        let located = seen
            .response
            .as_ref()
            .and_then(|r| r.headers.first("Location"));
        let mut urls: Vec<String> = located.map(str::to_owned).into_iter().collect();
        if let Ok(document) = seen.document() {
            collect(
                &document.tree,
                &[&context.knobs.names.resource_url, "href"],
                &mut urls,
            );
        }
        found.extend(
            urls.into_iter()
                .map(|url| (located == Some(url.as_str()), resolve(&seen.url, &url)))
                .filter(|(located, url)| *located || url.contains(&api))
                .map(|(_, url)| Address {
                    exchange: seen.number,
                    url,
                }),
        );
    }
    found
}

fn collect(tree: &Tree, names: &[&str], into: &mut Vec<String>) {
    for (name, child) in tree.entries() {
        match child.text() {
            Some(text) if names.contains(&name.as_str()) => into.push(text.to_owned()),
            Some(_) => {}
            None => collect(child, names, into),
        }
    }
}

fn path_segments(url: &str) -> impl Iterator<Item = &str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    path.split('/').skip(1)
}

/// Turns a search for faults into a finding.
fn lint(expected: &str, looked_at: usize, faults: &BTreeMap<String, u64>) -> Found {
    if looked_at == 0 {
        return Found::inconclusive(expected, "nothing to look at");
    }
    let got = if faults.is_empty() {
        format!("{looked_at} looked at, none is otherwise")
    } else {
        faults.keys().cloned().collect::<Vec<_>>().join(", ")
    };
    Found::decide(faults.is_empty(), expected, got).shown_by(faults.values().copied())
}

fn readable(scene: &Scene, context: &Context<'_>) -> Found {
    let all = addresses(scene, context);
    let mut faults = BTreeMap::new();
    for address in &all {
        let deed = path_segments(&address.url)
            .any(|segment| DEEDS.contains(&segment.to_ascii_lowercase().as_str()));
        let raw = path_segments(&address.url).any(|segment| segment.contains([':', '+', '@', ' ']));
        let noun = path_segments(&address.url).any(|segment| segment == context.knobs.paths.api);
        if deed || raw || !noun {
            faults.insert(address.url.clone(), address.exchange);
        }
    }
    let expected =
        "addresses that name the API and its things, name no deeds, and escape what is reserved";
    lint(expected, all.len(), &faults)
        .by("our lint, with the escaping of the sibling APIs")
        .advisory()
}

fn stable(scene: &Scene, context: &Context<'_>) -> Found {
    let mut faults = BTreeMap::new();
    let mut count = 0;
    for (seen, document) in documents(scene).filter(|(seen, _)| seen.method == "GET") {
        let names = &context.knobs.names;
        if document.root != names.twinning && document.root != names.twinning_list {
            continue;
        }
        count += 1;
        let itself = document.tree.child_text(&names.resource_url);
        let kept = itself.is_some_and(|itself| same(&resolve(&seen.url, itself), &seen.url));
        if !kept {
            let named = itself.unwrap_or("nothing");
            faults.insert(format!("{} calls itself {named}", seen.url), seen.number);
        }
    }
    lint(
        "each resource keeps the address at which it is read",
        count,
        &faults,
    )
    .advisory()
}

fn versioned(scene: &Scene, context: &Context<'_>) -> Found {
    let all = addresses(scene, context);
    let mut faults = BTreeMap::new();
    for address in &all {
        if !path_segments(&address.url).any(|segment| segment == context.knobs.paths.version) {
            faults.insert(address.url.clone(), address.exchange);
        }
    }
    let expected = format!(
        "the version {:?} as a segment of each address",
        context.knobs.paths.version
    );
    lint(&expected, all.len(), &faults)
        .under(&["TW-C18"])
        .relying_on(&["twinning.knobs.paths.version"])
}

fn of_users(scene: &Scene, context: &Context<'_>) -> Found {
    let names = &context.knobs.names;
    let fields = [&*names.own_address, &*names.address, &*names.vm_address];
    let mut faults = BTreeMap::new();
    let mut count = 0;
    for (seen, document) in documents(scene) {
        let mut found = Vec::new();
        collect(&document.tree, &fields, &mut found);
        count += found.len();
        for address in found {
            let scheme = address.split(':').next().unwrap_or_default();
            if !["tel", "sip", "sips", "acr"].contains(&scheme.to_ascii_lowercase().as_str()) {
                faults.insert(address, seen.number);
            }
        }
    }
    lint(
        "users and devices named by tel, sip or acr addresses",
        count,
        &faults,
    )
    .advisory()
}

fn no_network_terms(scene: &Scene) -> Found {
    let mut faults = BTreeMap::new();
    let mut count = 0;
    for (seen, document) in documents(scene) {
        let mut names = vec![document.root.clone()];
        element_names(&document.tree, &mut names);
        count += names.len();
        for name in names {
            if is_network_term(&name) {
                faults.insert(name, seen.number);
            }
        }
    }
    lint("no names of the network below", count, &faults)
        .by("our lint")
        .advisory()
}

fn element_names(tree: &Tree, into: &mut Vec<String>) {
    for (name, child) in tree.entries() {
        into.push(name.clone());
        element_names(child, into);
    }
}

fn is_network_term(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    NETWORK_TERMS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::{DEEDS, NETWORK_TERMS, is_network_term, path_segments};

    #[test]
    fn terms_are_found_however_they_are_written() {
        for name in ["IMSI", "imei", "P-Asserted-Identity", "Call-ID", "ICC_ID"] {
            assert!(is_network_term(name), "{name}");
        }
        for name in ["ownAddress", "role", "address", "voiceMail", "resourceURL"] {
            assert!(!is_network_term(name), "{name}");
        }
        assert!(DEEDS.is_sorted() && NETWORK_TERMS.iter().all(|term| is_network_term(term)));
    }

    #[test]
    fn segments_are_those_of_the_path() {
        let segments: Vec<_> = path_segments("http://a.b:80/x/tel%3A1?y=/z").collect();
        assert_eq!(segments, ["x", "tel%3A1"]);
    }
}
