//! `twinproof init`: a profile to begin with. Keys, descriptions and defaults come from the types
//! that read it, so they cannot differ from what is read.

use std::fmt::Write as _;
use std::io::Write as _;

use schemars::Schema;
use serde_json::Value;
use twinproof_conformance::subscribers_needed;
use twinproof_evidence::ExitCode;
use twinproof_judge::profile::{Declared, Profile};

use crate::args::{Init, Words};
use crate::problem::Problem;
use crate::source::Source;
use crate::url;

/// The enabler that profiles can be begun for.
const TWINNING: &str = "twinning";

pub(crate) fn init(args: &Init) -> Result<ExitCode, Problem> {
    let source = Source::load(&Words::default())?;
    let entries = source.suite.entries().iter();
    let devices = entries
        .filter(|entry| entry.enabler == args.enabler)
        .map(|entry| subscribers_needed(&entry.described, None))
        .max();
    let (TWINNING, Some(devices)) = (args.enabler.as_str(), devices) else {
        return Err(Problem::Nothing(match devices {
            None => source.without_scenarios(std::slice::from_ref(&args.enabler)),
            Some(_) => format!(
                "this command begins profiles of a {TWINNING} enabler only; `twinproof schema profile` \
                 has the keys of [{}]",
                args.enabler
            ),
        }));
    };
    if let Some(why) = url::base_fault(&args.base_url) {
        return Err(Problem::Usage(format!("--base-url: {why}")));
    }
    let text = Profiled::text(args.base_url.trim_end_matches('/'), devices)?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::Conformant)
}

/// What a profile is written from, and what is written so far.
struct Profiled {
    schema: Schema,
    defaults: Value,
    out: String,
}

impl Profiled {
    fn text(base_url: &str, devices: usize) -> Result<String, Problem> {
        let base_url = toml::Value::String(base_url.to_owned()).to_string();
        let least = format!(
            "[sut]\nname = \"My enabler\"\nrole = \"twinning-enabler\"\n[twinning]\nbase_url = {base_url}\n"
        );
        // What the types make of the least profile: every default, as it is read.
        let defaults = Declared::parse(&least)
            .map_err(|error| error.to_string())
            .and_then(|declared| serde_json::to_value(declared.profile).map_err(|e| e.to_string()))
            .map_err(Problem::Ours)?;
        let mut profile = Self {
            schema: schemars::schema_for!(Profile),
            defaults,
            out: String::new(),
        };
        profile.say(
            "# The profile of a system under test. Lines that begin with `# ` followed by a key or a section\n\
             # show defaults or examples: take the sign away to declare a value. What is declared can fail;\n\
             # what is only assumed makes a verdict inconclusive.\n",
        );
        profile.section(
            "sut",
            &[
                ("name", "\"My enabler\""),
                ("version", "\"1.0\""),
                ("role", "\"twinning-enabler\""),
            ],
        );
        for name in ["pace", "harness", "tls", "network"] {
            profile.section(name, &[]);
        }
        profile.section("twinning", &[("base_url", &base_url)]);
        profile.optional_section("twinning", "authorization");
        profile.optional_section("twinning", "peer");
        profile.say("# What the public texts leave open. Declare what you know.");
        profile.section("twinning.knobs", &[]);
        for name in ["paths", "names", "literals"] {
            profile.section(&format!("twinning.knobs.{name}"), &[]);
        }
        profile.say(
            "## Requirement label and whether the system offers it. What is not named is claimed if it binds.\n\
             [twinning.claims]\n# \"HLF-SD-002\" = false\n",
        );
        profile.subscribers(devices);
        Ok(profile.out)
    }

    fn say(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A section: the keys that are set, and the others as comments.
    fn section(&mut self, name: &str, set: &[(&str, &str)]) {
        self.say(&format!("[{name}]"));
        self.keys(name, set);
        self.out.push('\n');
    }

    /// A section that few profiles have, as a comment.
    fn optional_section(&mut self, parent: &str, name: &str) {
        let property = &self.described(parent)["properties"][name];
        let words = property["description"].as_str().unwrap_or_default();
        let words = words.lines().fold(String::new(), |mut out, line| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "## {line}");
            out
        });
        self.say(&format!("{words}# [{parent}.{name}]"));
        self.keys(&format!("{parent}.{name}"), &[]);
        self.out.push('\n');
    }

    /// The devices that a run needs; all that can be said of one is said of the first.
    fn subscribers(&mut self, devices: usize) {
        self.say(&format!(
            "# Devices that are provisioned at the system, each with its access token or with the name of the\n\
             # environment variable that holds it. One scenario at a time has each of them. The largest scenario\n\
             # needs {devices}; with more, more scenarios run at the same time."
        ));
        for number in 100..100 + devices {
            self.say("[[twinning.subscriber]]");
            let (address, token_env) = (
                format!("\"tel:+1202555{number:04}\""),
                format!("\"TOKEN_{number:04}\""),
            );
            if number == 100 {
                self.keys(
                    "twinning.subscriber",
                    &[("address", &address), ("token_env", &token_env)],
                );
            } else {
                self.say(&format!("address = {address}\ntoken_env = {token_env}"));
            }
            self.out.push('\n');
        }
    }

    /// The schema of a section.
    fn described(&self, section: &str) -> &Value {
        let mut described = self.schema.as_value();
        for name in section.split('.') {
            described = resolve(
                &self.schema,
                &resolve(&self.schema, described)["properties"][name],
            );
        }
        described
    }

    fn keys(&mut self, section: &str, set: &[(&str, &str)]) {
        let values = section
            .split('.')
            .try_fold(&self.defaults, |value, name| value.get(name));
        let properties = self.described(section)["properties"].as_object();
        let mut lines = String::new();
        for (name, property) in properties.into_iter().flatten() {
            let default = values.and_then(|value| value.get(name));
            let value = set.iter().find(|(key, _)| key == name);
            let shown = default
                .or_else(|| property.get("default"))
                .filter(|value| !value.is_null())
                .or_else(|| property["examples"].get(0));
            let line = match (value, shown.and_then(inline)) {
                (Some((_, value)), _) => format!("{name} = {value}"),
                (None, Some(shown)) => format!("# {name} = {shown}"),
                // A section of its own.
                (None, None) => continue,
            };
            for line in property["description"]
                .as_str()
                .into_iter()
                .flat_map(str::lines)
            {
                // Writing to a String cannot fail.
                let _ = writeln!(lines, "## {line}");
            }
            let _ = writeln!(lines, "{line}");
        }
        self.out.push_str(&lines);
    }
}

/// What a reference stands for; of a list, what is in it.
fn resolve<'a>(schema: &'a Schema, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().or_else(|| {
        let one = value["anyOf"].get(0).or_else(|| value.get("items"));
        one.and_then(|one| one["$ref"].as_str())
    });
    match target.and_then(|path| path.strip_prefix('#')) {
        Some(pointer) => schema.as_value().pointer(pointer).unwrap_or(value),
        None => value,
    }
}

/// A value as it stands behind a TOML key; a section of its own does not.
fn inline(value: &Value) -> Option<String> {
    if value.is_object() || value.is_array() {
        return None;
    }
    toml::Value::try_from(value)
        .ok()
        .map(|value| value.to_string())
}
