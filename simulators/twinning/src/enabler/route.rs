//! Which resource a URL names.

use super::channels::{CHANNELS_ROOT, POLL_PART};
use super::refusal::Refusal;
use super::rules::{Resource, VerbFacts, VersionFacts};
use super::{Config, Enabler, Turn};
use crate::url::{decode_segment, encode_segment};

/// A resource that a URL names.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) resource: Resource,
    /// Whose it is: an address, or `acr:auth`.
    pub(super) user: String,
    /// Which one of those.
    pub(super) id: Option<String>,
}

impl Enabler {
    pub(super) fn route(&self, turn: Turn<'_>) -> Result<Route, Refusal> {
        let path = turn.request.path();
        let paths = &turn.config.knobs.paths;
        if let Some(route) = beside(turn.config, path) {
            return Ok(route);
        }
        self.segments(turn.config, path)
            .and_then(|(user, rest)| {
                let named = |resource, id: Option<&str>| Route {
                    resource,
                    user: decode_segment(user),
                    id: id.map(decode_segment),
                };
                if rest == paths.twinnings {
                    return Some(named(Resource::Twinnings, None));
                }
                if rest == paths.subscriptions {
                    return Some(named(Resource::Subscriptions, None));
                }
                let one = rest
                    .strip_prefix(&paths.subscriptions)
                    .and_then(|id| id.strip_prefix('/'));
                if let Some(id) = one.filter(|id| !id.is_empty() && !id.contains('/')) {
                    return Some(named(Resource::Subscription, Some(id)));
                }
                let inner = rest.strip_prefix(&paths.twinnings)?.strip_prefix('/')?;
                let (id, part) = inner.split_at(inner.find('/').unwrap_or(inner.len()));
                let resource = match part {
                    "" if !id.is_empty() => Resource::Twinning,
                    part if part == paths.status_part => Resource::StatusPart,
                    part if part.strip_prefix('/') == Some(&turn.config.knobs.names.name) => {
                        Resource::NamePart
                    }
                    _ => return None,
                };
                Some(named(resource, Some(id)))
            })
            .ok_or_else(|| match names_version(turn.config, path) {
                true => Refusal::unknown(404, path),
                false => Refusal::version(path),
            })
    }

    /// The user's segment and what follows it.
    fn segments<'p>(&self, config: &Config, path: &'p str) -> Option<(&'p str, &'p str)> {
        let paths = &config.knobs.paths;
        let below = path.strip_prefix(config.base_path())?.strip_prefix('/')?;
        let below = below.strip_prefix(&paths.api)?.strip_prefix('/')?;
        let (version, below) = below.split_once('/')?;
        let served = self.rules.version_is_served(VersionFacts {
            asked: version,
            served: &paths.version,
        });
        served.then(|| below.split_at(below.find('/').unwrap_or(below.len())))
    }

    pub(super) fn check_verb(&self, turn: Turn<'_>, route: &Route) -> Result<(), Refusal> {
        let verbs = self.rules.verbs(VerbFacts {
            resource: route.resource,
            toggle_style: turn.config.knobs.toggle_style,
        });
        let method = turn.request.method.as_str();
        if verbs.contains(&method) {
            Ok(())
        } else {
            Err(Refusal::method(method, verbs))
        }
    }
}

/// Whether a URL names the version that is served, or is none of this API at all.
fn names_version(config: &Config, path: &str) -> bool {
    let api = format!("{}/{}/", config.base_path(), config.knobs.paths.api);
    path.strip_prefix(&api)
        .and_then(|below| below.split_once('/'))
        .is_none_or(|(version, _)| version == config.knobs.paths.version)
}

/// The resources that are not of this API: the authorization server and the primary's network.
fn beside(config: &Config, path: &str) -> Option<Route> {
    let named = |resource, user: &str| Route {
        resource,
        user: decode_segment(user),
        id: None,
    };
    match path {
        TOKEN_PATH => Some(named(Resource::Token, "")),
        REVOKE_PATH => Some(named(Resource::Revoke, "")),
        path => channel(config, path).or_else(|| inbox(config, path)),
    }
}

fn inbox(config: &Config, path: &str) -> Option<Route> {
    path.strip_prefix(config.base_path())?
        .strip_prefix("/messaging/v1/")?
        .strip_suffix("/inbox")
        .map(|user| Route {
            resource: Resource::Inbox,
            user: decode_segment(user),
            id: None,
        })
}

fn channel(config: &Config, path: &str) -> Option<Route> {
    let below = path.strip_prefix(config.base_path())?;
    let (user, rest) = below.strip_prefix(CHANNELS_ROOT)?.split_once('/')?;
    let rest = rest.strip_prefix("channels")?;
    let (id, part) = match rest.strip_prefix('/') {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (rest, ""),
    };
    let resource = match (id, part) {
        ("", "") => Resource::Channels,
        ("", _) => return None,
        (_, "") => Resource::Channel,
        (_, "/channelLifetime") => Resource::ChannelLifetime,
        (_, POLL_PART) => Resource::Poll,
        _ => return None,
    };
    Some(Route {
        resource,
        user: decode_segment(user),
        id: (!id.is_empty()).then(|| decode_segment(id)),
    })
}

/// Where tokens are issued, at the root of the enabler's host.
pub const TOKEN_PATH: &str = "/autho4api/v1/token";

/// Where tokens are revoked, at the root of the enabler's host.
pub const REVOKE_PATH: &str = "/autho4api/v1/revoke";

/// The URL of all of a user's resources of a kind.
pub(super) fn user_url(config: &Config, user: &str, part: &str) -> String {
    let paths = &config.knobs.paths;
    let user = encode_segment(user);
    format!(
        "{}/{}/{}/{user}{part}",
        config.base_url, paths.api, paths.version
    )
}

/// The URL of all of a user's twinnings.
pub(super) fn collection_url(config: &Config, owner: &str) -> String {
    user_url(config, owner, &config.knobs.paths.twinnings)
}

/// The URL of one twinning.
pub(super) fn side_url(config: &Config, owner: &str, id: &str) -> String {
    format!("{}/{id}", collection_url(config, owner))
}
