//! What Leshan's REST API says, on both sides: requests become operations, answers become JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};
use twinproof_coap::{Code, ContentFormat};
use twinproof_lwm2m::upper::{Answer, CancelBy, Client, Event, Operation, Reply, What, WriteMode};
use twinproof_lwm2m::wire::{self, Entry, ObjectLink, Path};

/// What somebody asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// That the clock jumps.
    Clock(Duration),
    /// What happens from now on.
    Events,
    /// That the server acts.
    Operation(Operation),
}

/// Status and words of a request that cannot be understood.
type Refused = (u16, String);

/// The content formats by the API's names.
const FORMATS: [(&str, ContentFormat); 7] = [
    ("CBOR", ContentFormat::CBOR),
    ("JSON", ContentFormat::LWM2M_JSON),
    ("OPAQUE", ContentFormat::OCTET_STREAM),
    ("SENML_CBOR", ContentFormat::SENML_CBOR),
    ("SENML_JSON", ContentFormat::SENML_JSON),
    ("TEXT", ContentFormat::TEXT),
    ("TLV", ContentFormat::LWM2M_TLV),
];

/// Codes by the API's names.
const CODES: [(&str, Code); 8] = [
    ("BAD_REQUEST", Code::BAD_REQUEST),
    ("CHANGED", Code::CHANGED),
    ("CONTENT", Code::CONTENT),
    ("CREATED", Code::CREATED),
    ("DELETED", Code::DELETED),
    ("METHOD_NOT_ALLOWED", Code::METHOD_NOT_ALLOWED),
    ("NOT_FOUND", Code::NOT_FOUND),
    ("UNAUTHORIZED", Code::UNAUTHORIZED),
];

/// Understands a request.
pub(super) fn asked(method: &str, target: &str, body: &[u8]) -> Result<Asked, Refused> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect();
    let named = |name: &str| {
        let found = query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let operation = match (method, segments.as_slice()) {
        ("POST", ["control", "clock"]) => {
            let seconds = named("seconds").and_then(|seconds| seconds.parse().ok());
            let seconds = seconds.ok_or((400, "expected ?seconds=N".to_owned()))?;
            return Ok(Asked::Clock(Duration::from_secs(seconds)));
        }
        ("GET", ["api", "event"]) => return Ok(Asked::Events),
        ("GET", ["api", "clients"]) => Operation::Clients,
        (_, ["api", "clients", endpoint, "composite", rest @ ..]) => {
            let paths = named("paths").unwrap_or_default().split(',');
            let paths = paths.filter(|path| !path.is_empty()).map(at);
            let paths = paths.collect::<Result<Vec<Path>, Refused>>()?;
            composite(method, endpoint, (rest, paths), (named("active"), body))?
        }
        (_, ["api", "clients", endpoint, rest @ ..]) if !rest.is_empty() => {
            manage(method, endpoint, rest, (&query, body))?
        }
        _ => return Err((404, format!("{method} {path} is nothing of this API"))),
    };
    Ok(Asked::Operation(operation))
}

fn composite(
    method: &str,
    endpoint: &str,
    (rest, paths): (&[&str], Vec<Path>),
    (active, body): (Option<&str>, &[u8]),
) -> Result<Operation, Refused> {
    let endpoint = endpoint.to_owned();
    Ok(match (method, rest) {
        ("GET", []) => Operation::ReadComposite { endpoint, paths },
        ("POST", ["observe"]) => Operation::ObserveComposite { endpoint, paths },
        ("DELETE", ["observe"]) => Operation::CancelComposite {
            endpoint,
            paths,
            by: by(active.is_some()),
        },
        ("PUT", []) => {
            let nodes = read(body)?;
            let nodes = nodes.as_object().ok_or_else(|| odd(&nodes, "a map"))?;
            let mut values = Vec::new();
            for (path, node) in nodes {
                entries(node, at(path)?, &mut values)?;
            }
            Operation::WriteComposite { endpoint, values }
        }
        _ => return Err((405, format!("{method} is nothing of this API there"))),
    })
}

fn manage(
    method: &str,
    endpoint: &str,
    rest: &[&str],
    (query, body): (&[(String, String)], &[u8]),
) -> Result<Operation, Refused> {
    let named = |name: &str| {
        let found = query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let format = named("format").map(|name| {
        let found = FORMATS.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, format)| *format)
            .ok_or_else(|| (400, format!("unknown format {name}")))
    });
    let format = format.transpose()?;
    let endpoint = endpoint.to_owned();
    let (ids, verb) = match rest {
        [ids @ .., verb @ ("attributes" | "discover" | "observe")] => (ids, *verb),
        ids => (ids, ""),
    };
    let path = at(&format!("/{}", ids.join("/")))?;
    Ok(match (method, verb) {
        ("GET", "discover") => Operation::Discover { endpoint, path },
        ("GET", "") => Operation::Read {
            endpoint,
            path,
            accept: format,
        },
        ("PUT", "attributes") => Operation::WriteAttributes {
            endpoint,
            path,
            attributes: query
                .iter()
                .map(|(key, value)| match value.as_str() {
                    "" => key.clone(),
                    value => format!("{key}={value}"),
                })
                .collect(),
        },
        ("PUT", "") => {
            let mut values = Vec::new();
            entries(&read(body)?, path, &mut values)?;
            Operation::Write {
                endpoint,
                path,
                mode: match named("replace") {
                    Some("false") => WriteMode::Update,
                    _ => WriteMode::Replace,
                },
                values,
                format,
            }
        }
        ("POST", "observe") => Operation::Observe {
            endpoint,
            path,
            accept: format,
        },
        ("DELETE", "observe") => Operation::Cancel {
            endpoint,
            path,
            by: by(named("active").is_some()),
        },
        ("POST", "") => match (path.object(), path.depth()) {
            (Some(object), 1) => create(endpoint, object, &read(body)?)?,
            _ => Operation::Execute {
                endpoint,
                path,
                arguments: String::from_utf8_lossy(body).into_owned(),
            },
        },
        ("DELETE", "") => Operation::Delete { endpoint, path },
        _ => return Err((405, format!("{method} is nothing of this API there"))),
    })
}

fn create(endpoint: String, object: u16, node: &Value) -> Result<Operation, Refused> {
    let instance = node["id"].as_u64().and_then(|id| u16::try_from(id).ok());
    let ids: Vec<u16> = [object, instance.unwrap_or_default()].into();
    let mut values = Vec::new();
    entries(node, Path::new(&ids).unwrap_or_default(), &mut values)?;
    let resources = values.into_iter();
    let resources = resources.filter_map(|entry| Some((entry.path.resource()?, entry.value?)));
    Ok(Operation::Create {
        endpoint,
        object,
        instance,
        resources: resources.collect(),
    })
}

const fn by(active: bool) -> CancelBy {
    match active {
        true => CancelBy::Request,
        false => CancelBy::Reset,
    }
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = &tail[2..];
            }
            None => {
                octets.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

fn at(path: &str) -> Result<Path, Refused> {
    path.parse()
        .map_err(|error| (400, format!("{path}: {error}")))
}

fn read(body: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|error| (400, format!("expected JSON: {error}")))
}

fn odd(node: &Value, expected: &str) -> Refused {
    (400, format!("expected {expected}, got {node}"))
}

/// The values in a node.
fn entries(node: &Value, path: Path, out: &mut Vec<Entry>) -> Result<(), Refused> {
    let below = |node: &Value| {
        let id = node["id"].as_u64().and_then(|id| u16::try_from(id).ok());
        let child = id.and_then(|id| path.child(id));
        child.ok_or_else(|| odd(node, "an id"))
    };
    match node["kind"].as_str() {
        Some("obj" | "instance") => {
            let nodes = node["instances"].as_array();
            let nodes = nodes.or(node["resources"].as_array());
            for node in nodes.into_iter().flatten() {
                entries(node, below(node)?, out)?;
            }
        }
        Some("multiResource") => {
            for (id, value) in node["values"].as_object().into_iter().flatten() {
                let child = id.parse().ok().and_then(|id| path.child(id));
                let child = child.ok_or_else(|| odd(node, "ids of resource instances"))?;
                out.push(Entry::new(child, value_in(&node["type"], value)?));
            }
        }
        Some("singleResource" | "resourceInstance") => {
            out.push(Entry::new(path, value_in(&node["type"], &node["value"])?));
        }
        _ => return Err(odd(node, "a node with its kind")),
    }
    Ok(())
}

fn value_in(kind: &Value, value: &Value) -> Result<wire::Value, Refused> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let read = match kind.as_str() {
        Some("string") => Some(wire::Value::String(text)),
        Some("integer") => text.parse().ok().map(wire::Value::Integer),
        Some("unsigned_integer") => text.parse().ok().map(wire::Value::Unsigned),
        Some("float") => text.parse().ok().map(wire::Value::Float),
        Some("boolean") => value.as_bool().map(wire::Value::Boolean),
        Some("time") => value.as_i64().map(|ms| wire::Value::Time(ms / 1000)),
        Some("corelink") => Some(wire::Value::CoreLink(text)),
        Some("opaque") => {
            let digits: Option<Vec<u8>> = (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
                .collect();
            digits.map(wire::Value::Opaque)
        }
        Some("objlnk") => {
            let id = |name: &str| value[name].as_u64().and_then(|id| u16::try_from(id).ok());
            id("objectId")
                .zip(id("objectInstanceId"))
                .map(|(object, instance)| wire::Value::ObjectLink(ObjectLink { object, instance }))
        }
        _ => None,
    };
    read.ok_or_else(|| odd(value, &format!("a value of type {kind}")))
}

/// Status, media type and body of what came of an operation.
pub(super) fn response(operation: &Operation, answer: &Answer) -> (u16, &'static str, String) {
    let json = |value: Value| (200, "application/json", value.to_string());
    match answer {
        Answer::Clients(clients) => json(clients.iter().map(client).collect()),
        Answer::Reply(reply) => json(replied(operation, reply)),
        Answer::Kept { ticket } => {
            json(json!({ "delayed": true, "requestId": ticket.to_string() }))
        }
        Answer::Done | Answer::Events { .. } => (200, "text/plain", String::new()),
        Answer::Timeout => (504, "text/plain", "Request timeout".to_owned()),
        Answer::Refused(why) if why.ends_with("is not registered") => {
            let endpoint = operation.endpoint().unwrap_or_default();
            let why = format!("no registered client with id '{endpoint}'");
            (400, "text/plain", why)
        }
        Answer::Refused(why) => (400, "text/plain", format!("request rejected: {why}")),
        Answer::Unsupported(why) => (405, "text/plain", why.clone()),
    }
}

fn client(client: &Client) -> Value {
    let root = client.root.as_deref().unwrap_or_default();
    let links = client.objects.iter().flatten();
    let links = links.map(|path| json!({ "url": format!("{root}{path}"), "attributes": {} }));
    let id = client.location.as_deref().unwrap_or_default();
    json!({
        "endpoint": client.endpoint,
        "registrationId": id.rsplit('/').next(),
        "lifetime": client.lifetime,
        "lwM2mVersion": client.version,
        "bindingMode": client.binding,
        "queuemode": client.queue_mode,
        "rootPath": if root.is_empty() { "/" } else { root },
        "objectLinks": links.collect::<Value>(),
        "secure": false,
    })
}

fn replied(operation: &Operation, reply: &Reply) -> Value {
    let number = u16::from(reply.code.class_digit()) * 100 + u16::from(reply.code.detail());
    let name = CODES.iter().find(|(_, code)| *code == reply.code);
    let name = name.map_or("UNKNOWN", |(name, _)| name);
    let mut shown = json!({
        "status": format!("{name}({number})"),
        "valid": true,
        "success": reply.code.is_success(),
        "failure": !reply.code.is_success(),
    });
    if let Some(links) = &reply.links {
        shown["objectLinks"] = links_out(links);
    }
    if let Some(location) = reply.location {
        shown["location"] = json!(location.to_string());
    }
    if !reply.values.is_empty() {
        shown["content"] = match operation {
            Operation::Read { path, .. } | Operation::Observe { path, .. } => {
                node(*path, &reply.values)
            }
            _ => many(&reply.values),
        };
    }
    shown
}

/// Links as objects; what stands in quotes loses them.
fn links_out(links: &str) -> Value {
    let links = links.split(",<").map(|link| {
        let (url, attributes) = link.split_once('>').unwrap_or((link, ""));
        let attributes = attributes.split(';').filter(|one| !one.is_empty());
        let attributes: Map<String, Value> = attributes
            .map(|one| match one.split_once('=') {
                Some((key, value)) => (key.to_owned(), json!(value.trim_matches('"'))),
                None => (one.to_owned(), Value::Null),
            })
            .collect();
        json!({ "url": url.trim_start_matches('<'), "attributes": attributes })
    });
    links.collect()
}

fn many(values: &[Entry]) -> Value {
    let nodes = values.iter().map(|entry| {
        (
            entry.path.to_string(),
            node(entry.path, std::slice::from_ref(entry)),
        )
    });
    Value::Object(nodes.collect())
}

/// The node at a path that these values make.
fn node(path: Path, values: &[Entry]) -> Value {
    let id = path.ids().last().copied().unwrap_or_default();
    let children = |depth: usize| {
        let mut ids: Vec<Path> = values
            .iter()
            .map(|entry| entry.path.prefix(depth))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let nodes = ids.into_iter().map(|child| {
            let below = values.iter().filter(|entry| entry.path.is_within(child));
            node(child, &below.cloned().collect::<Vec<_>>())
        });
        nodes.collect::<Value>()
    };
    match path.depth() {
        0 | 1 => json!({ "kind": "obj", "id": id, "instances": children(2) }),
        2 => json!({ "kind": "instance", "id": id, "resources": children(3) }),
        depth => match values {
            [
                Entry {
                    path: own,
                    value: Some(value),
                    ..
                },
            ] if *own == path => {
                let kind = match depth {
                    3 => "singleResource",
                    _ => "resourceInstance",
                };
                let (name, value) = value_out(value);
                json!({ "kind": kind, "id": id, "type": name, "value": value })
            }
            values => {
                let instances = values.iter().filter_map(|entry| {
                    let (name, value) = value_out(entry.value.as_ref()?);
                    Some((name, (entry.path.resource_instance()?.to_string(), value)))
                });
                let (names, values): (Vec<_>, Map<String, Value>) = instances.unzip();
                let name = names.first();
                json!({ "kind": "multiResource", "id": id, "type": name, "values": values })
            }
        },
    }
}

fn value_out(value: &wire::Value) -> (&'static str, Value) {
    match value {
        wire::Value::String(text) => ("string", json!(text)),
        wire::Value::Integer(number) => ("integer", json!(number.to_string())),
        wire::Value::Unsigned(number) => ("unsigned_integer", json!(number.to_string())),
        wire::Value::Float(number) => ("float", json!(number.to_string())),
        wire::Value::Boolean(truth) => ("boolean", json!(truth)),
        wire::Value::Opaque(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            ("opaque", json!(digits.collect::<String>()))
        }
        wire::Value::Time(seconds) => ("time", json!(seconds.saturating_mul(1000))),
        wire::Value::ObjectLink(link) => {
            let link = json!({ "objectId": link.object, "objectInstanceId": link.instance });
            ("objlnk", link)
        }
        wire::Value::CoreLink(text) => ("corelink", json!(text)),
    }
}

/// An event as the stream tells it.
pub(super) fn event(event: &Event) -> String {
    let endpoint = &event.endpoint;
    let (name, data) = match &event.what {
        What::Registered => ("REGISTRATION", json!({ "endpoint": endpoint })),
        What::Updated => (
            "UPDATED",
            json!({ "registration": { "endpoint": endpoint }, "update": {} }),
        ),
        What::Deregistered | What::Expired => ("DEREGISTRATION", json!({ "endpoint": endpoint })),
        What::Notified { paths, values } => match paths.as_slice() {
            [path] => (
                "NOTIFICATION",
                json!({ "ep": endpoint, "kind": "single", "res": path.to_string(),
                        "val": node(*path, values) }),
            ),
            paths => (
                "NOTIFICATION",
                json!({ "ep": endpoint, "kind": "composite",
                        "paths": paths.iter().map(ToString::to_string).collect::<Vec<_>>(),
                        "val": many(values) }),
            ),
        },
        What::Sent { values } => ("SEND", json!({ "ep": endpoint, "val": many(values) })),
        // This API tells nobody.
        What::ObservationEnded { .. } => return String::new(),
    };
    format!("event: {name}\ndata: {data}\n\n")
}
