//! What templates and programs know of an operation.

use serde_json::{Map, Value, json};
use twinproof_coap::ContentFormat;
use twinproof_judge::profile::OperationName;
use twinproof_lwm2m::upper::{CancelBy, Operation, WriteMode};
use twinproof_lwm2m::wire;

/// The operation's name in a profile.
pub(crate) fn name(operation: &Operation) -> OperationName {
    OperationName::from(operation)
}

/// The operation as templates and programs see it.
pub(crate) fn input(operation: &Operation) -> Map<String, Value> {
    let mut map = Map::new();
    let mut set = |name: &str, value: Value| {
        map.insert(name.to_owned(), value);
    };
    set("operation", json!(name(operation)));
    if let Some(endpoint) = operation.endpoint() {
        set("endpoint", json!(endpoint));
    }
    let number = |format: &Option<ContentFormat>| format.map_or(Value::Null, |f| json!(f.0));
    match operation {
        Operation::Clients => {}
        Operation::Events { after } => set("after", json!(after)),
        Operation::Result { ticket } => set("ticket", json!(ticket)),
        Operation::Cancel { path, by, .. } => {
            whereabouts(&mut set, *path);
            set("by", json!(way(*by)));
        }
        Operation::CancelComposite { paths, by, .. } => {
            set("paths", all(paths));
            set("by", json!(way(*by)));
        }
        Operation::Create {
            object,
            instance,
            resources,
            ..
        } => {
            let ids: Vec<u16> = std::iter::once(*object).chain(*instance).collect();
            whereabouts(&mut set, wire::Path::new(&ids).unwrap_or_default());
            let values = resources.iter().map(|(id, value)| {
                let mut shown = typed(value);
                shown.insert("resource".to_owned(), json!(id));
                Value::Object(shown)
            });
            set("values", values.collect());
        }
        Operation::Delete { path, .. } | Operation::Discover { path, .. } => {
            whereabouts(&mut set, *path);
        }
        Operation::Execute {
            path, arguments, ..
        } => {
            whereabouts(&mut set, *path);
            set("arguments", json!(arguments));
        }
        Operation::Observe { path, accept, .. } | Operation::Read { path, accept, .. } => {
            whereabouts(&mut set, *path);
            set("accept", number(accept));
        }
        Operation::ObserveComposite { paths, .. } | Operation::ReadComposite { paths, .. } => {
            set("paths", all(paths));
        }
        Operation::Write {
            path,
            mode,
            values,
            format,
            ..
        } => {
            whereabouts(&mut set, *path);
            let mode = match mode {
                WriteMode::Replace => "replace",
                WriteMode::Update => "update",
            };
            set("mode", json!(mode));
            set("values", entries(values));
            set("format", number(format));
            if let [
                wire::Entry {
                    path: only,
                    value: Some(value),
                    ..
                },
            ] = values.as_slice()
                && only == path
            {
                let shown = typed(value);
                set("type", shown["type"].clone());
                set("value", shown["value"].clone());
            }
        }
        Operation::WriteAttributes {
            path, attributes, ..
        } => {
            whereabouts(&mut set, *path);
            set("attributes", json!(attributes.join("&")));
        }
        Operation::WriteComposite { values, .. } => set("values", entries(values)),
    }
    map
}

const fn way(by: CancelBy) -> &'static str {
    match by {
        CancelBy::Request => "request",
        CancelBy::Reset => "reset",
    }
}

fn all(paths: &[wire::Path]) -> Value {
    paths.iter().map(|path| json!(path.to_string())).collect()
}

fn whereabouts(set: &mut impl FnMut(&str, Value), path: wire::Path) {
    set("path", json!(path.to_string()));
    for (name, id) in [
        ("object", path.object()),
        ("instance", path.instance()),
        ("resource", path.resource()),
        ("resource_instance", path.resource_instance()),
    ] {
        if let Some(id) = id {
            set(name, json!(id));
        }
    }
}

fn entries(values: &[wire::Entry]) -> Value {
    let shown = values.iter().map(|entry| {
        let mut shown = entry.value.as_ref().map(typed).unwrap_or_default();
        let mut set = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        whereabouts(&mut set, entry.path);
        Value::Object(shown)
    });
    shown.collect()
}

/// A value, and its type as [`TYPES`](crate::answer::TYPES) calls it.
fn typed(value: &wire::Value) -> Map<String, Value> {
    let (kind, shown) = match value {
        wire::Value::String(text) => ("string", json!(text)),
        wire::Value::Integer(number) => ("integer", json!(number)),
        wire::Value::Unsigned(number) => ("unsigned_integer", json!(number)),
        wire::Value::Float(number) => ("float", json!(number)),
        wire::Value::Boolean(truth) => ("boolean", json!(truth)),
        wire::Value::Opaque(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            ("opaque", json!(digits.collect::<String>()))
        }
        wire::Value::Time(seconds) => ("time", json!(seconds)),
        wire::Value::ObjectLink(link) => ("objlnk", json!(link.to_string())),
        wire::Value::CoreLink(text) => ("corelnk", json!(text)),
    };
    let mut map = Map::new();
    map.insert("type".to_owned(), json!(kind));
    map.insert("value".to_owned(), shown);
    map
}

/// Fills a template: `{name}` with what the input has of that name.
///
/// # Errors
///
/// The input has no text or number of that name.
pub(crate) fn fill(
    template: &str,
    input: &Map<String, Value>,
    encode: impl Fn(&str, &str) -> String,
) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(begin) = rest.find('{') {
        let Some(end) = rest[begin..].find('}').map(|end| begin + end) else {
            break;
        };
        let name = &rest[begin + 1..end];
        out.push_str(&rest[..begin]);
        let text = match input.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(_) | None => {
                let known: Vec<&str> = input.keys().map(String::as_str).collect();
                return Err(format!(
                    "{template:?} asks for {{{name}}}, and here is only {}",
                    known.join(", ")
                ));
            }
        };
        out.push_str(&encode(name, &text));
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// As it stands in a URL: paths, lists of attributes and queries keep what separates their parts.
pub(crate) fn in_url(name: &str, text: &str) -> String {
    let kept: &[u8] = match name {
        "path" => b"-._~/",
        "attributes" => b"-._~=&",
        "query" => b"-._~=&?,%",
        _ => b"-._~",
    };
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || kept.contains(&byte) => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// As it is: on one line.
pub(crate) fn in_line(_: &str, text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use twinproof_lwm2m::upper::{Operation, WriteMode};
    use twinproof_lwm2m::wire::{Entry, Path, Value};

    use super::{fill, in_url, input};

    #[test]
    fn a_write_shows_its_values_and_their_types() {
        let path: Path = "/1/0/5".parse().unwrap();
        let write = Operation::Write {
            endpoint: "a b".to_owned(),
            path,
            mode: WriteMode::Replace,
            values: vec![Entry::new(path, Value::Integer(5))],
            format: None,
        };
        let input = input(&write);
        assert_eq!(input["value"], json!(5));
        assert_eq!(input["values"][0]["resource"], json!(5));
        let url = fill("/clients/{endpoint}{path}", &input, in_url).unwrap();
        assert_eq!(url, "/clients/a%20b/1/0/5");
        let words = fill("/{ticket}", &input, in_url).unwrap_err();
        assert!(words.contains("asks for {ticket}"), "{words}");
    }

    #[test]
    fn no_name_leads_to_another_place() {
        let input = json!({ "endpoint": "x/../y?a=b#c" });
        let input = input.as_object().unwrap();
        let url = fill("/c/{endpoint}", input, in_url).unwrap();
        assert_eq!(url, "/c/x%2F..%2Fy%3Fa%3Db%23c");
    }
}
