//! Profiles as files: read, with errors that show the spot, and with their credentials at hand.

mod sense;
mod spot;

use std::fs;
use std::io::{ErrorKind, IsTerminal as _};
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, NamedSource, SourceSpan};
use twinproof_evidence::record::sha256;
use twinproof_judge::profile::{Declared, Profile, UpperTester};

use crate::problem::Problem;
use crate::run::quoted;
use sense::{Senseless, senseless};
use spot::{dotted, key_at, spot};

/// A profile that was read from a file.
pub(crate) struct Read {
    pub(crate) declared: Declared,
    pub(crate) sha256: String,
    file: String,
}

/// What is wrong with a profile, and where.
#[derive(Debug, Diagnostic, thiserror::Error)]
#[error("{file}:{line}:{column}: {key}{why}")]
struct Wrong {
    file: String,
    line: usize,
    column: usize,
    key: String,
    why: String,
    #[source_code]
    text: NamedSource<String>,
    #[label("here")]
    at: SourceSpan,
    #[help]
    help: String,
}

/// What helps with most of what can be wrong.
const HELP: &str = "`twinproof schema profile` describes all keys, `twinproof init` prints them with their defaults";

/// What a profile begins with.
const SUT: &str = "write, for example:\n\n  [sut]\n  name = \"My enabler\"\n  version = \"1.0\"\n  \
                   role = \"twinning-enabler\"";

/// Reads a profile.
pub(crate) fn read(file: &Path) -> Result<Read, Problem> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => {
                format!("; `twinproof init > {}` begins one", quoted(file))
            }
            ErrorKind::IsADirectory => "; expected the file of a profile".to_owned(),
            ErrorKind::InvalidData => "; expected TOML, which is UTF-8 text".to_owned(),
            _ => String::new(),
        };
        Problem::Usage(format!("cannot read the profile {name}: {error}{hint}"))
    })?;
    let wrong = |wrong: Wrong| Problem::Usage(show(&wrong));
    let declared =
        Declared::parse(&text).map_err(|error| wrong(Wrong::of_toml(&name, &text, &error)))?;
    if let Some(senseless) = senseless(&declared.profile) {
        return Err(wrong(Wrong::of_sense(&name, &text, senseless)));
    }
    Ok(Read {
        declared,
        sha256: sha256(text.as_bytes()),
        file: name,
    })
}

/// Digest of a profile that is no file.
pub(crate) fn sha256_of(declared: &Declared) -> String {
    sha256(
        serde_json::to_string(&declared.profile)
            .unwrap_or_default()
            .as_bytes(),
    )
}

/// The environment variables that a profile names and that are not set, each with its key.
pub(crate) fn missing_variables(read: &Read) -> Vec<String> {
    let subscribers = read
        .declared
        .profile
        .twinning
        .iter()
        .flat_map(|t| &t.subscribers);
    subscribers
        .flat_map(|s| {
            [
                ("token_env", &s.token_env),
                ("client_secret_env", &s.client_secret_env),
            ]
            .map(|(key, variable)| (key, variable, &s.address))
        })
        .filter_map(|(key, variable, address)| {
            let missing = missing(variable.as_ref()?)?;
            Some(format!("{missing} ({key} of the subscriber {address})"))
        })
        .chain(missing_secrets(&read.declared.profile))
        .chain(missing_keys(&read.declared.profile))
        .chain(missing_of_novices(&read.declared.profile))
        .collect()
}

/// The keys of devices that the environment does not have.
fn missing_keys(profile: &Profile) -> Vec<String> {
    let section = profile.lwm2m.iter();
    let securities = section.flat_map(|section| {
        let bootstrap = section.bootstrap.as_ref();
        let bootstrap = bootstrap.and_then(|bootstrap| bootstrap.security.as_ref());
        section.security.iter().chain(bootstrap)
    });
    let credentials = securities.flat_map(|security| &security.credentials);
    credentials
        .filter(|credential| credential.key.is_none())
        .filter_map(|credential| {
            let missing = missing(credential.key_env.as_ref()?)?;
            Some(format!(
                "{missing} (key_env of the device {})",
                credential.endpoint
            ))
        })
        .collect()
}

/// What devices of a DM bootstrap server, or a DM client, know and the environment does not have.
fn missing_of_novices(profile: &Profile) -> Vec<String> {
    let section = profile.dm.as_ref();
    let bootstrap = section.and_then(|section| section.bootstrap.as_ref());
    let devices = bootstrap
        .into_iter()
        .flat_map(|bootstrap| &bootstrap.devices);
    let named = devices.flat_map(|device| {
        let all = device.variables().into_iter();
        all.map(move |(key, variable)| (key, variable, &device.device))
    });
    let named = named.filter_map(|(key, variable, device)| {
        let missing = missing(variable)?;
        Some(format!("{missing} ({key} of the device {device})"))
    });
    let client = section.and_then(|section| section.client.as_ref());
    let bootstrapped = client.and_then(|client| client.bootstrap.as_ref());
    let own = bootstrapped.map(|own| own.variables()).unwrap_or_default();
    let own = own.into_iter().filter_map(|(key, variable)| {
        let missing = missing(variable)?;
        Some(format!("{missing} (dm.client.bootstrap.{key})"))
    });
    named.chain(own).collect()
}

/// What an upper tester's templates name and the environment does not have.
fn missing_secrets(profile: &Profile) -> Vec<String> {
    let section = profile.lwm2m.iter();
    let testers = section.filter_map(|section| section.upper_tester.as_ref());
    let named = testers.flat_map(UpperTester::secrets);
    named
        .filter_map(|(name, variable)| {
            let missing = missing(variable)?;
            Some(format!("{missing} ({name} of the upper tester)"))
        })
        .collect()
}

/// That a variable holds nothing, if so.
fn missing(variable: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(value) if !value.trim().is_empty() => None,
        Ok(_) => Some(format!("${variable} is empty")),
        Err(_) => Some(format!("${variable} is not set")),
    }
}

/// Every credential has to be there before a run begins.
pub(crate) fn require_variables(read: &Read) -> Result<(), Problem> {
    let missing = missing_variables(read);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem::Usage(format!(
        "{} takes credentials from the environment, and some are missing:\n  {}",
        read.file,
        missing.join("\n  ")
    )))
}

impl Wrong {
    fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().replace('\n', " ");
        if message == "missing field `sut`" {
            return Self {
                why: "there is no section [sut], which says what is judged".to_owned(),
                help: SUT.to_owned(),
                ..Self::at(file, text, 0..0, String::new(), String::new())
            };
        }
        let span = error.span().unwrap_or(0..0);
        let key = key_at(text, span.start).map_or_else(String::new, |key| format!("{key}: "));
        Self::at(file, text, span, key, message)
    }

    fn of_sense(file: &str, text: &str, senseless: Senseless) -> Self {
        let Senseless {
            path,
            key,
            why,
            help,
        } = senseless;
        let span = spot(text, &path, key).unwrap_or(0..0);
        Self {
            help,
            ..Self::at(file, text, span, format!("{}: ", dotted(&path)), why)
        }
    }

    fn at(file: &str, text: &str, span: Range<usize>, key: String, why: String) -> Self {
        let before = &text[..span.start.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key,
            why,
            text: NamedSource::new(file, text.to_owned()).with_language("toml"),
            at: (span.start, span.len()).into(),
            help: HELP.to_owned(),
        }
    }
}

fn show(wrong: &Wrong) -> String {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let mut out = String::new();
    let drawn = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .with_links(false)
        .render_report(&mut out, wrong);
    match drawn {
        Ok(()) => format!("the profile is wrong\n{out}"),
        Err(_) => wrong.to_string(),
    }
}
