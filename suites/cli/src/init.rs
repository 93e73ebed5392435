//! `twinproof init`: a profile to begin with. Keys, descriptions and defaults come from the types
//! that read it, so they cannot differ from what is read.

mod dm;
mod gwmo;

use std::fmt::Write as _;
use std::io::Write as _;

use schemars::Schema;
use serde_json::Value;
use twinproof_conformance::{coap_authority, subscribers_needed};
use twinproof_evidence::ExitCode;
use twinproof_judge::profile::{Declared, Profile};
use twinproof_upper::profiles::{READY, READY_CLIENTS, Ready};

use crate::args::{Init, Words};
use crate::problem::Problem;
use crate::source::Source;
use crate::url;

/// Where a Twinning enabler is unless told.
const TWINNING: &str = "http://127.0.0.1:8080/exampleAPI";

/// Where an LwM2M server is unless told.
const LWM2M: &str = "coap://127.0.0.1";

/// The role of an LwM2M bootstrap server.
const BOOTSTRAP: &str = "lwm2m-bootstrap-server";

/// Who makes an LwM2M server act unless told.
const UPPER_TESTER: &str = "manual";

pub(crate) fn init(args: &Init) -> Result<ExitCode, Problem> {
    let source = Source::load(&Words::default())?;
    let entries = source.suite.entries().iter();
    let devices = entries
        .filter(|entry| entry.enabler == args.enabler)
        .map(|entry| subscribers_needed(&entry.described, None))
        .max();
    let usage = |why: String| Problem::Usage(format!("--base-url: {why}"));
    let text = match (args.enabler.as_str(), devices) {
        ("twinning", Some(_)) if args.client.is_some() => {
            let why = "--client: LwM2M has clients; expected --enabler lwm2m beside it";
            return Err(Problem::Usage(why.to_owned()));
        }
        ("twinning", Some(_)) if args.upper_tester.is_some() => {
            let why = "--upper-tester: an LwM2M server has one; expected --enabler lwm2m beside it";
            return Err(Problem::Usage(why.to_owned()));
        }
        ("twinning", Some(_)) if args.role.is_some() => {
            let why =
                "--role: LwM2M and DM systems have one; expected --enabler lwm2m or dm beside it";
            return Err(Problem::Usage(why.to_owned()));
        }
        ("twinning", Some(devices)) => {
            let base_url = args.base_url.as_deref().unwrap_or(TWINNING);
            url::base_fault(base_url).map_or(Ok(()), |why| Err(usage(why)))?;
            Profiled::twinning(base_url.trim_end_matches('/'), devices)?
        }
        ("lwm2m", Some(_))
            if args
                .role
                .as_deref()
                .is_some_and(|role| dm::ROLES.contains(&role)) =>
        {
            let why = "--role: a DM system has this one; expected --enabler dm beside it";
            return Err(Problem::Usage(why.to_owned()));
        }
        ("lwm2m", Some(_)) if args.client.is_some() => {
            let mut ready = READY_CLIENTS.iter();
            let control = ready.find(|ready| Some(ready.name) == args.client.as_deref());
            let control = control.ok_or_else(|| Problem::Ours("no such client".to_owned()))?;
            Profiled::lwm2m_client(control)?
        }
        ("lwm2m", Some(_)) if args.role.as_deref() == Some(BOOTSTRAP) => {
            if args.upper_tester.is_some() {
                let why = "--upper-tester: nobody makes a bootstrap server act; expected no \
                           --role lwm2m-bootstrap-server beside it";
                return Err(Problem::Usage(why.to_owned()));
            }
            let server = args.base_url.as_deref().unwrap_or(LWM2M);
            coap_authority(server).map_err(usage)?;
            Profiled::bootstrap(server)?
        }
        ("lwm2m", Some(_)) => {
            let name = args.upper_tester.as_deref().unwrap_or(UPPER_TESTER);
            let tester = READY.iter().find(|ready| ready.name == name);
            let tester = tester.ok_or_else(|| Problem::Ours(format!("no upper tester {name}")))?;
            let server = args.base_url.as_deref().or(tester.server).unwrap_or(LWM2M);
            coap_authority(server).map_err(usage)?;
            Profiled::lwm2m(server, tester)?
        }
        ("dm", Some(_)) => {
            let role = args.role.as_deref().unwrap_or(dm::ROLES[0]);
            if !dm::ROLES.contains(&role) || args.upper_tester.is_some() || args.client.is_some() {
                let why = "--enabler dm: expected --role dm-client, dm-server or dm-bootstrap-server beside \
                           it, and nothing that LwM2M systems have";
                return Err(Problem::Usage(why.to_owned()));
            }
            if let Some(why) = args.base_url.as_deref().and_then(url::fault) {
                return Err(usage(why));
            }
            dm::profile(role, args.base_url.as_deref())?
        }
        ("gwmo", Some(_)) => {
            if args.role.is_some() || args.upper_tester.is_some() || args.client.is_some() {
                let why = "--enabler gwmo: expected nothing beside it that other systems have";
                return Err(Problem::Usage(why.to_owned()));
            }
            if let Some(why) = args.base_url.as_deref().and_then(url::fault) {
                return Err(usage(why));
            }
            gwmo::profile(args.base_url.as_deref())?
        }
        _ => {
            let enabler = std::slice::from_ref(&args.enabler);
            return Err(Problem::Nothing(source.without_scenarios(enabler)));
        }
    };
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
    /// Begins a profile: `least` is what it has at least, and `sut` what the system is.
    fn begin(least: &str, (name, role): (&str, &str)) -> Result<Self, Problem> {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let (name, role) = (quoted(name), quoted(role));
        let least = format!("[sut]\nname = {name}\nrole = {role}\n{least}");
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
            &[("name", &name), ("version", "\"1.0\""), ("role", &role)],
        );
        Ok(profile)
    }

    /// A profile of an LwM2M server.
    fn lwm2m(server: &str, tester: &Ready) -> Result<String, Problem> {
        let secured = server.starts_with("coaps://");
        let server = toml::Value::String(server.to_owned()).to_string();
        let least = format!("[lwm2m]\nserver = {server}\n");
        let mut profile = Self::begin(&least, ("My server", "lwm2m-server"))?;
        for name in ["pace", "network"] {
            profile.section(name, &[]);
        }
        profile.section("lwm2m", &[("server", &server)]);
        if secured {
            profile.credentials("lwm2m");
        }
        profile.say(
            "## Label of a purpose or clause and whether the system offers it. What is not named is claimed if it binds.\n\
             [lwm2m.claims]\n# \"LW-IF2-05\" = false\n",
        );
        let others: Vec<&str> = READY.iter().map(|ready| ready.name).collect();
        profile.say(&format!(
            "# Who makes the server act: {}. Ready are {}\n\
             # (`twinproof init --enabler lwm2m --upper-tester NAME`); `twinproof schema profile` describes all keys of\n\
             # [lwm2m.upper_tester.http] and [lwm2m.upper_tester.command]. Without one, all that takes one is\n\
             # inconclusive.\n{}",
            tester.about,
            others.join(", "),
            tester.text.trim_end(),
        ));
        Ok(profile.out)
    }

    /// Devices with keys at a server behind `coaps://`, whose section this is.
    fn credentials(&mut self, section: &str) {
        self.say(
            "# Devices that have a pre-shared key at the server, in hexadecimal digits, or the environment variable\n\
             # that holds it. One scenario at a time has each of them; `twinproof check` says how many are needed.",
        );
        for number in 1..=2 {
            self.say(&format!(
                "[[{section}.security.credential]]\nendpoint = \"twinproof-{number}\"\n\
                 key_env = \"DEVICE_KEY_{number}\"\n"
            ));
        }
    }

    /// A profile of an LwM2M client.
    fn lwm2m_client(control: &Ready) -> Result<String, Problem> {
        let mut profile = Self::begin("[lwm2m.client]\n", ("My client", "lwm2m-client"))?;
        profile.section("pace", &[]);
        profile.say(&format!(
            "# The client registers with servers that the tester plays; {} does what its user would.\n\
             # `twinproof schema profile` describes all keys of [lwm2m.client]. Without a control, the run waits\n\
             # for the client at `listen`.\n{}",
            control.about,
            control.text.trim_end(),
        ));
        Ok(profile.out)
    }

    /// A profile of an LwM2M bootstrap server.
    fn bootstrap(server: &str) -> Result<String, Problem> {
        let secured = server.starts_with("coaps://");
        let server = toml::Value::String(server.to_owned()).to_string();
        let least = format!("[lwm2m.bootstrap]\nserver = {server}\n");
        let mut profile = Self::begin(&least, ("My bootstrap server", BOOTSTRAP))?;
        for name in ["pace", "network"] {
            profile.section(name, &[]);
        }
        profile.say(
            "[lwm2m]\n## The newest version of the enabler that it supports.\n# version = \"1.0\"\n",
        );
        profile.section("lwm2m.bootstrap", &[("server", &server)]);
        profile.say(
            "# Devices that the bootstrap server is to know, each with accounts of its own: two, so that it shows\n\
             # whether they are mixed up. Without `server`, which is where the account leads the device, nobody\n\
             # registers there.",
        );
        for number in 1..=2 {
            let name = format!("\"twinproof-{number}\"");
            profile.say("[[lwm2m.bootstrap.endpoint]]");
            match number {
                1 => profile.keys("lwm2m.bootstrap.endpoint", &[("name", &name)]),
                _ => profile.say(&format!("name = {name}")),
            }
            profile.out.push('\n');
        }
        if secured {
            profile.credentials("lwm2m.bootstrap");
        }
        profile.say(
            "## Label of a purpose or clause and whether the system offers it. What is not named is claimed if it binds.\n\
             [lwm2m.claims]\n# \"LW-BS-06\" = false",
        );
        Ok(profile.out)
    }

    /// A profile of a Twinning enabler, with that many devices.
    fn twinning(base_url: &str, devices: usize) -> Result<String, Problem> {
        let base_url = toml::Value::String(base_url.to_owned()).to_string();
        let least = format!("[twinning]\nbase_url = {base_url}\n");
        let mut profile = Self::begin(&least, ("My enabler", "twinning-enabler"))?;
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
            let above = resolve(&self.schema, described);
            let ways = above["oneOf"].as_array().into_iter().flatten();
            let mut places = std::iter::once(above).chain(ways);
            let place = places.find(|place| place["properties"].get(name).is_some());
            described = resolve(&self.schema, &place.unwrap_or(above)["properties"][name]);
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
