//! What a request that did not succeed rests on, of all that the public texts leave open, and how a
//! reader is told.

use serde_json::Value;
use twinproof_twinning::knobs::Knobs;
use twinproof_twinning::tree::Tree;

use crate::scene::Exchange;

/// In front of every knob's name.
const PREFIX: &str = "twinning.knobs";

/// How many knobs are told with their values.
const AT_MOST: usize = 4;

/// The dotted keys of the knobs that may be why this exchange ended as it did: addresses where
/// nothing was found, the way of changing where it was not offered, names where the request was not
/// understood.
pub(crate) fn suspects(exchange: &Exchange, knobs: &Knobs) -> Vec<String> {
    let mut keys = match exchange.status() {
        Some(404) => paths(exchange, knobs),
        Some(405 | 501) => {
            let mut keys = paths(exchange, knobs);
            keys.extend(manner(exchange, knobs));
            keys
        }
        Some(400 | 422) => {
            let mut keys = manner(exchange, knobs);
            keys.extend(words(exchange, knobs));
            keys
        }
        Some(406 | 415) => vec!["format".to_owned()],
        _ => Vec::new(),
    };
    keys.dedup();
    keys.into_iter()
        .map(|key| format!("{PREFIX}.{key}"))
        .collect()
}

/// What stands behind the user in an address of this API.
fn tail<'a>(exchange: &'a Exchange, knobs: &Knobs) -> Option<&'a str> {
    let api = format!("/{}/{}/", knobs.paths.api, knobs.paths.version);
    let (_, behind) = exchange.url.split_once(&api)?;
    Some(behind.find('/').map_or("", |at| &behind[at..]))
}

fn paths(exchange: &Exchange, knobs: &Knobs) -> Vec<String> {
    let Some(tail) = tail(exchange, knobs) else {
        return Vec::new();
    };
    let mut keys = vec!["paths.api".to_owned(), "paths.version".to_owned()];
    if tail.starts_with(&knobs.paths.twinnings) {
        keys.push("paths.twinnings".to_owned());
    }
    if tail.starts_with(&knobs.paths.subscriptions) {
        keys.push("paths.subscriptions".to_owned());
    }
    if tail.ends_with(&knobs.paths.status_part) {
        keys.push("paths.status_part".to_owned());
    }
    keys
}

/// The way of changing a twinning, where this exchange is one.
fn manner(exchange: &Exchange, knobs: &Knobs) -> Vec<String> {
    let one = tail(exchange, knobs)
        .and_then(|tail| tail.strip_prefix(knobs.paths.twinnings.as_str()))
        .is_some_and(|member| member.len() > 1);
    let changes = matches!(exchange.method.as_str(), "PUT" | "POST") && one;
    changes
        .then(|| "toggle_style".to_owned())
        .into_iter()
        .collect()
}

/// The names and literals of the request's body, and its dialect.
fn words(exchange: &Exchange, knobs: &Knobs) -> Vec<String> {
    let mut request = twinproof_kernel::http::Response::new(200);
    request.headers = exchange.headers.iter().cloned().collect();
    request.body = exchange.body.octets();
    let Ok(document) = twinproof_twinning::device::read_body(&request) else {
        return Vec::new();
    };
    let mut said = vec![document.root.clone()];
    collect(&document.tree, &mut said);
    let names = serde_json::to_value(&knobs.names).unwrap_or_default();
    let mut keys: Vec<String> = names
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, name)| {
            name.as_str()
                .is_some_and(|name| said.iter().any(|s| s == name))
        })
        .map(|(field, _)| format!("names.{field}"))
        .collect();
    if exchange.body.octets().first() == Some(&b'{') {
        keys.push("json".to_owned());
    }
    keys
}

fn collect(tree: &Tree, names: &mut Vec<String>) {
    for (name, child) in tree.entries() {
        names.push(name.clone());
        collect(child, names);
    }
}

/// Names assumed knobs with their values and says what to do; nothing where there are none.
pub(crate) fn told<'a>(
    assumed: impl IntoIterator<Item = &'a str>,
    knobs: &Knobs,
) -> Option<String> {
    let values = serde_json::to_value(knobs).unwrap_or_default();
    let all: Vec<String> = assumed
        .into_iter()
        .map(|key| {
            let pointer = key
                .trim_start_matches(PREFIX)
                .trim_start_matches('.')
                .replace('.', "/");
            match values.pointer(&format!("/{pointer}")) {
                Some(value @ (Value::String(_) | Value::Bool(_) | Value::Number(_))) => {
                    format!("{key} = {value}")
                }
                // A group of knobs.
                _ => format!("[{key}]"),
            }
        })
        .collect();
    let more = match all.len().saturating_sub(AT_MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = all.iter().take(AT_MOST).cloned().collect::<Vec<_>>();
    (!all.is_empty()).then(|| {
        format!(
            "it rests on what is only assumed: {}{more}; declare in the profile what is true of the system",
            shown.join(", ")
        )
    })
}
