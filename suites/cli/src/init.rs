//! `twinproof init`: a profile to begin with. Keys, descriptions and defaults come from the types
//! that read it, so they cannot differ from what is read.

use std::fmt::Write as _;
use std::io::Write as _;

use schemars::Schema;
use serde_json::Value;
use twinproof_evidence::ExitCode;
use twinproof_judge::profile::{Declared, Profile};

use crate::args::Init;
use crate::problem::Problem;

/// How many subscribers are sketched.
const SUBSCRIBERS: usize = 5;

pub(crate) fn init(args: &Init) -> Result<ExitCode, Problem> {
    if !args.base_url.starts_with("http://") && !args.base_url.starts_with("https://") {
        return Err(Problem::Usage(format!(
            "expected a URL that begins with http:// or https://, got {:?}",
            args.base_url
        )));
    }
    let text = profile(args.base_url.trim_end_matches('/'))?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::Conformant)
}

fn profile(base_url: &str) -> Result<String, Problem> {
    let base_url = toml::Value::String(base_url.to_owned());
    let least = format!(
        "[sut]\nname = \"My enabler\"\nrole = \"twinning-enabler\"\n[twinning]\nbase_url = {base_url}\n"
    );
    // What the types make of the least profile: every default, as it is read.
    let defaults = Declared::parse(&least)
        .map_err(|error| error.to_string())
        .and_then(|declared| serde_json::to_value(declared.profile).map_err(|e| e.to_string()))
        .map_err(Problem::Ours)?;
    let schema = schemars::schema_for!(Profile);
    let mut out = String::from(
        "# The profile of a system under test. Lines that begin with `# ` followed by a key show defaults\n\
         # or examples: take the sign away to declare a value. What is declared can fail; what is only\n\
         # assumed makes a verdict inconclusive.\n\n",
    );
    let mut section = |name: &str, set: &[(&str, String)]| {
        let _ = writeln!(out, "[{name}]");
        keys(&mut out, &schema, &defaults, name, set);
        out.push('\n');
    };
    section(
        "sut",
        &[
            ("name", "\"My enabler\"".to_owned()),
            ("version", "\"1.0\"".to_owned()),
            ("role", "\"twinning-enabler\"".to_owned()),
        ],
    );
    for name in ["pace", "harness", "tls", "network"] {
        section(name, &[]);
    }
    section("twinning", &[("base_url", base_url.to_string())]);
    out.push_str("# What the public texts leave open. Declare what you know.\n");
    let mut section = |name: &str| {
        let _ = writeln!(out, "[{name}]");
        keys(&mut out, &schema, &defaults, name, &[]);
        out.push('\n');
    };
    section("twinning.knobs");
    for name in ["paths", "names", "literals"] {
        section(&format!("twinning.knobs.{name}"));
    }
    out.push_str(
        "## Requirement label and whether the system offers it. What is not named is claimed if it binds.\n\
         [twinning.claims]\n# \"HLF-SD-002\" = false\n\n\
         # Devices that are provisioned at the system, each with its access token or with the name of the\n\
         # environment variable that holds it. One scenario at a time has each of them;\n\
         # `twinproof check --sut FILE` says how many are needed.\n",
    );
    for number in 0..SUBSCRIBERS {
        let _ = writeln!(
            out,
            "[[twinning.subscriber]]\naddress = \"tel:+1202555{:04}\"\ntoken_env = \"TOKEN_{:04}\"\n",
            100 + number,
            100 + number
        );
    }
    Ok(out)
}

/// The keys of one section: those that are set, and the others as comments.
fn keys(
    out: &mut String,
    schema: &Schema,
    defaults: &Value,
    section: &str,
    set: &[(&str, String)],
) {
    let mut described = schema.as_value();
    let mut values = Some(defaults);
    for name in section.split('.') {
        described = resolve(schema, &resolve(schema, described)["properties"][name]);
        values = values.and_then(|value| value.get(name));
    }
    let properties = resolve(schema, described)["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        let default = values.and_then(|value| value.get(name));
        let value = set
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone());
        if default.is_some_and(|value| value.is_object() || value.is_array()) {
            continue;
        }
        if let Some(text) = property["description"].as_str() {
            for line in text.lines() {
                let _ = writeln!(out, "## {line}");
            }
        }
        let shown = default
            .or_else(|| property["examples"].get(0))
            .and_then(inline);
        let _ = match (value, shown) {
            (Some(value), _) => writeln!(out, "{name} = {value}"),
            (None, Some(shown)) => writeln!(out, "# {name} = {shown}"),
            (None, None) => writeln!(
                out,
                "## [{section}.{name}] is a section of its own; `twinproof schema profile` has its keys."
            ),
        };
    }
}

/// What a reference stands for.
fn resolve<'a>(schema: &'a Schema, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().or_else(|| {
        value["anyOf"]
            .get(0)
            .and_then(|first| first["$ref"].as_str())
    });
    match target.and_then(|path| path.strip_prefix('#')) {
        Some(pointer) => schema.as_value().pointer(pointer).unwrap_or(value),
        None => value,
    }
}

/// A value as it stands behind a TOML key.
fn inline(value: &Value) -> Option<String> {
    toml::Value::try_from(value)
        .ok()
        .map(|value| value.to_string())
}
