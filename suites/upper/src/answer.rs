//! What the programs of a profile say came of an operation.

use std::net::SocketAddr;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;
use twinproof_lwm2m::model::Registry;
use twinproof_lwm2m::upper::{Answer, Client, Event, Reply, What};
use twinproof_lwm2m::wire::serial::code;
use twinproof_lwm2m::wire::{self, Entry, Kind, Path};

/// The definitions that say what type a value has whose answer does not.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// The types of values as answers name them.
pub(crate) const TYPES: [(&str, Kind); 9] = [
    ("boolean", Kind::Boolean),
    ("corelnk", Kind::CoreLink),
    ("float", Kind::Float),
    ("integer", Kind::Integer),
    ("objlnk", Kind::ObjectLink),
    ("opaque", Kind::Opaque),
    ("string", Kind::String),
    ("time", Kind::Time),
    ("unsigned_integer", Kind::Unsigned),
];

/// What came of an exchange.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    /// The operation has come to its end.
    Answer(Answer),
    /// The server kept it, under a name of its own.
    Kept(String),
    /// It has to be asked for again, with this.
    Poll(Value),
}

/// An answer as a program gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Said {
    broken: Option<String>,
    clients: Option<Vec<SaidClient>>,
    code: Option<String>,
    done: bool,
    events: Option<Vec<SaidEvent>>,
    kept: Option<Value>,
    known: Option<u64>,
    links: Option<String>,
    location: Option<String>,
    poll: Option<Value>,
    refused: Option<String>,
    timeout: bool,
    unsupported: Option<String>,
    values: Vec<SaidValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidValue {
    path: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SaidClient {
    endpoint: String,
    location: Option<String>,
    address: Option<String>,
    lifetime: Option<u64>,
    version: Option<String>,
    binding: Option<String>,
    queue_mode: Option<bool>,
    sms: Option<String>,
    objects: Option<Vec<String>>,
    root: Option<String>,
}

/// An event as a program gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SaidEvent {
    endpoint: String,
    what: String,
    path: Option<String>,
    paths: Vec<String>,
    values: Vec<SaidValue>,
}

/// Something that a server tells of its own accord.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// An event.
    Event(Event),
    /// What came of an operation that was kept under this name.
    Result(String, Answer),
}

/// Reads what a program says came of an operation on `path`.
///
/// # Errors
///
/// It says that the upper tester is broken, or nothing that can be understood.
pub(crate) fn came(said: &Value, path: Option<Path>) -> Result<Came, String> {
    let odd = |why: &str| format!("the answer program gave {said}: {why}");
    let parts: Said = Said::deserialize(said).map_err(|error| odd(&error.to_string()))?;
    if let Some(why) = parts.broken {
        return Err(why);
    }
    if let Some(ticket) = parts.kept {
        return Ok(Came::Kept(plain(&ticket)));
    }
    if let Some(with) = parts.poll {
        return Ok(Came::Poll(with));
    }
    let answer = if let Some(text) = parts.code {
        let code = code::parse(&text).ok_or_else(|| odd("expected a code such as 2.05"))?;
        let values = parts.values.iter().map(|value| entry(value, path));
        let location = parts.location.as_deref().map(parsed);
        Answer::Reply(Reply {
            code,
            values: values.collect::<Result<_, _>>().map_err(|e| odd(&e))?,
            links: parts.links,
            location: location.transpose().map_err(|e| odd(&e))?,
        })
    } else if let Some(clients) = parts.clients {
        let clients = clients.into_iter().map(client);
        Answer::Clients(clients.collect::<Result<_, _>>().map_err(|e| odd(&e))?)
    } else if let Some(events) = parts.events {
        let known = parts.known.unwrap_or(events.len() as u64);
        let events = events.into_iter().map(event);
        let events = events.collect::<Result<_, _>>().map_err(|e| odd(&e))?;
        Answer::Events { events, known }
    } else if let Some(why) = parts.refused {
        Answer::Refused(why)
    } else if let Some(why) = parts.unsupported {
        Answer::Unsupported(why)
    } else if parts.timeout {
        Answer::Timeout
    } else if parts.done {
        Answer::Done
    } else {
        return Err(odd(
            "expected one of code, clients, events, done, kept, poll, refused, timeout, unsupported and broken",
        ));
    };
    Ok(Came::Answer(answer))
}

/// The same where a server can neither keep an operation nor have to be asked again.
///
/// # Errors
///
/// It says that, or see [`came`].
pub(crate) fn in_the_end(said: &Value, path: Option<Path>) -> Result<Answer, String> {
    match came(said, path)? {
        Came::Answer(answer) => Ok(answer),
        Came::Kept(_) | Came::Poll(_) => {
            Err(format!("expected what came of it in the end, got {said}"))
        }
    }
}

/// Reads what a program makes of something that the server told.
///
/// # Errors
///
/// It is nothing that can be understood.
pub(crate) fn told(said: &Value) -> Result<Told, String> {
    let odd = |why: &str| format!("the event program gave {said}: {why}");
    if let Some(ticket) = said.get("result") {
        let answer = said.get("answer").unwrap_or(&Value::Null);
        let path = said.get("path").and_then(Value::as_str).map(parsed);
        let path = path.transpose().map_err(|e| odd(&e))?;
        return in_the_end(answer, path).map(|answer| Told::Result(plain(ticket), answer));
    }
    let said = SaidEvent::deserialize(said).map_err(|error| odd(&error.to_string()))?;
    event(said).map(Told::Event)
}

/// A name that an API gives: text, or a number.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn parsed(text: &str) -> Result<Path, String> {
    text.parse()
        .map_err(|error| format!("expected a path such as /3/0/9, got {text:?}: {error}"))
}

fn entry(said: &SaidValue, asked: Option<Path>) -> Result<Entry, String> {
    let path = said.path.as_deref().map(parsed).transpose()?.or(asked);
    let path = path.ok_or("expected a path beside each value")?;
    if said.value.is_null() {
        return Ok(Entry::bare(path));
    }
    let named = said.kind.as_deref().map(|name| {
        let known = TYPES.iter().find(|(known, _)| *known == name);
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            let names = TYPES.map(|(name, _)| name).join(", ");
            format!("expected one of the types {names}, got {name:?}")
        })
    });
    let kind = named
        .transpose()?
        .or_else(|| REGISTRY.kind(path))
        .unwrap_or(Kind::String);
    let value = valued(kind, &said.value);
    let value = value.ok_or_else(|| format!("{} is no {kind} for {path}", said.value))?;
    Ok(Entry::new(path, value))
}

/// A value of a type, from JSON's own or from text.
fn valued(kind: Kind, said: &Value) -> Option<wire::Value> {
    let text = plain(said);
    Some(match kind {
        Kind::String => wire::Value::String(text),
        Kind::CoreLink => wire::Value::CoreLink(text),
        Kind::Integer => wire::Value::Integer(text.parse().ok()?),
        Kind::Time => wire::Value::Time(text.parse().ok()?),
        Kind::Unsigned => wire::Value::Unsigned(text.parse().ok()?),
        Kind::Float => wire::Value::Float(text.parse().ok()?),
        Kind::ObjectLink => wire::Value::ObjectLink(text.parse().ok()?),
        Kind::Boolean => wire::Value::Boolean(match text.as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return None,
        }),
        Kind::Opaque => {
            let digits = text.as_bytes();
            let pairs = digits.chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|p| p.len() == 2)?;
                u8::from_str_radix(pair, 16).ok()
            });
            wire::Value::Opaque(pairs.collect::<Option<_>>()?)
        }
    })
}

fn client(said: SaidClient) -> Result<Client, String> {
    let objects = said
        .objects
        .map(|objects| objects.iter().map(|path| parsed(path)).collect());
    let address = said.address.as_deref().map(|text| {
        text.parse::<SocketAddr>()
            .map_err(|_| format!("expected an address such as 127.0.0.1:5683, got {text:?}"))
    });
    Ok(Client {
        endpoint: said.endpoint,
        location: said.location,
        address: address.transpose()?,
        lifetime: said.lifetime,
        version: said.version,
        binding: said.binding,
        queue_mode: said.queue_mode,
        sms: said.sms,
        objects: objects.transpose()?,
        root: said.root,
    })
}

fn event(said: SaidEvent) -> Result<Event, String> {
    let one = said.path.as_deref().map(parsed).transpose()?;
    let several = said.paths.iter().map(|path| parsed(path));
    let mut paths: Vec<Path> = several.collect::<Result<_, _>>()?;
    paths.extend(one);
    let values = said.values.iter().map(|value| entry(value, one));
    let values = values.collect::<Result<_, _>>()?;
    let what = match said.what.as_str() {
        "deregistered" => What::Deregistered,
        "expired" => What::Expired,
        "notified" => What::Notified { paths, values },
        "observation_ended" => What::ObservationEnded { paths },
        "registered" => What::Registered,
        "sent" => What::Sent { values },
        "updated" => What::Updated,
        other => {
            return Err(format!(
                "expected registered, updated, deregistered, expired, notified, observation_ended or \
                 sent, got {other:?}"
            ));
        }
    };
    Ok(Event {
        endpoint: said.endpoint,
        what,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use twinproof_coap::Code;
    use twinproof_lwm2m::upper::{Answer, What};
    use twinproof_lwm2m::wire::{Path, Value};

    use super::{Came, Told, came, told};

    #[test]
    fn a_value_has_the_type_that_the_answer_or_the_object_gives_it() {
        let path: Path = "/3/0/9".parse().unwrap();
        for said in [
            json!({ "code": "2.05", "values": [{ "value": "95" }] }),
            json!({ "code": "2.05", "values": [{ "path": "/3/0/9", "type": "integer", "value": 95 }] }),
        ] {
            let Ok(Came::Answer(Answer::Reply(reply))) = came(&said, Some(path)) else {
                panic!("{said}");
            };
            assert_eq!(reply.code, Code::CONTENT);
            assert_eq!(reply.values[0].value, Some(Value::Integer(95)));
        }
        let said = json!({ "code": "2.05", "values": [{ "type": "opaque", "value": "00ff" }] });
        let Ok(Came::Answer(Answer::Reply(reply))) = came(&said, Some(path)) else {
            panic!("{said}");
        };
        assert_eq!(reply.values[0].value, Some(Value::Opaque(vec![0, 255])));
    }

    #[test]
    fn what_is_no_answer_is_the_upper_testers_fault() {
        for (said, says) in [
            (json!({ "broken": "HTTP 500" }), "HTTP 500"),
            (json!({}), "expected one of code, clients"),
            (json!(null), "gave null"),
            (json!({ "cod": "2.05" }), "unknown field `cod`"),
            (json!({ "code": "205" }), "expected a code such as 2.05"),
            (
                json!({ "code": "2.05", "values": [{ "path": "/3/0/9", "value": "much" }] }),
                "\"much\" is no Integer for /3/0/9",
            ),
            (
                json!({ "code": "2.05", "values": [{ "type": "int", "value": 1 }] }),
                "expected one of the types boolean,",
            ),
        ] {
            let words = came(&said, "/3/0/9".parse().ok()).unwrap_err();
            assert!(words.contains(says), "{said}: {words}");
        }
    }

    #[test]
    fn servers_tell_events_and_late_results() {
        let said = json!({ "endpoint": "a", "what": "notified", "path": "/3/0/9",
                           "values": [{ "value": 7 }] });
        let Ok(Told::Event(event)) = told(&said) else {
            panic!("{said}");
        };
        assert!(matches!(event.what, What::Notified { ref values, .. } if values.len() == 1));
        let said = json!({ "result": 7, "answer": { "code": "2.04" } });
        assert!(matches!(told(&said), Ok(Told::Result(ref id, _)) if id == "7"));
        assert!(told(&json!({ "endpoint": "a", "what": "gone" })).is_err());
    }
}
