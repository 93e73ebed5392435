//! Profiles as files: read, with errors that show the spot, and with their credentials at hand.

use std::collections::BTreeSet;
use std::fs;
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, NamedSource, SourceSpan};
use twinproof_evidence::record::sha256;
use twinproof_judge::FEATURES;
use twinproof_judge::catalogue::{Catalogue, ROLES};
use twinproof_judge::profile::{Declared, Profile};

use crate::problem::Problem;

/// A profile that was read from a file.
pub(crate) struct Read {
    pub(crate) declared: Declared,
    pub(crate) sha256: String,
    file: String,
}

/// What is wrong with a profile, and where.
#[derive(Debug, Diagnostic, thiserror::Error)]
#[error("{file}:{line}:{column}: {key}{why}")]
#[diagnostic(help(
    "`twinproof schema profile` describes all keys, `twinproof init` prints them with their defaults"
))]
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
}

/// Reads a profile.
pub(crate) fn read(file: &Path) -> Result<Read, Problem> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| {
        Problem::Usage(format!(
            "cannot read the profile {name}: {error}; `twinproof init > {name}` begins one"
        ))
    })?;
    let declared = Declared::parse(&text)
        .map_err(|error| Problem::Usage(show(&wrong(&name, &text, &error))))?;
    if let Some((spot, key, why)) = senseless(&declared) {
        let at = text.find(&spot).unwrap_or_default();
        return Err(Problem::Usage(show(&wrong_at(
            &name,
            &text,
            at..at + spot.len(),
            key,
            why,
        ))));
    }
    Ok(Read {
        declared,
        sha256: sha256(text.as_bytes()),
        file: name,
    })
}

/// What no type forbids and yet makes no sense: the text that shows the spot, its key, and why.
fn senseless(declared: &Declared) -> Option<(String, String, String)> {
    let profile = &declared.profile;
    if !ROLES.contains(&profile.sut.role.as_str()) {
        let why = format!("unknown role; this version judges {}", ROLES.join(", "));
        return Some((profile.sut.role.clone(), "sut.role: ".to_owned(), why));
    }
    let twinning = profile.twinning.as_ref()?;
    let base = &twinning.base_url;
    let host = base
        .strip_prefix("http://")
        .or_else(|| base.strip_prefix("https://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        let why =
            format!("expected a URL that begins with http:// or https:// and a host, got {base:?}");
        return Some((base.clone(), "twinning.base_url: ".to_owned(), why));
    }
    if let Some((spot, why)) = misnamed(profile, base) {
        return Some((spot, "tls.server_name: ".to_owned(), why));
    }
    let mut addresses = BTreeSet::new();
    if let Some(twice) = twinning
        .subscribers
        .iter()
        .find(|s| !addresses.insert(&s.address))
    {
        let why = "this address stands twice; each subscriber is one device".to_owned();
        return Some((
            twice.address.clone(),
            "twinning.subscriber: ".to_owned(),
            why,
        ));
    }
    let catalogue = Catalogue::load(&FEATURES).ok()?;
    let unknown = twinning
        .claims
        .keys()
        .find(|label| catalogue.requirement(label).is_none())?;
    let why = "the catalogue has no requirement of this label; `twinproof list` shows them all"
        .to_owned();
    Some((unknown.clone(), "twinning.claims: ".to_owned(), why))
}

/// Why the system cannot be asked for by the name that its certificate is to carry, if so, and the
/// text that shows the spot.
fn misnamed(profile: &Profile, base_url: &str) -> Option<(String, String)> {
    let name = profile.tls.server_name.as_ref()?;
    let why = if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        "expected a host name: TLS names no addresses to a server. If the certificate carries this \
         address, let twinning.base_url have it as its host"
            .to_owned()
    } else if profile.network.proxy.is_some() {
        "expected no network.proxy beside it: the proxy would look the name up, and find another \
         system or none"
            .to_owned()
    } else if !base_url.starts_with("https://") {
        format!("expected an https:// URL in twinning.base_url beside it, got {base_url:?}")
    } else {
        return None;
    };
    Some((name.clone(), why))
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
            let variable = variable.as_ref()?;
            let state = match std::env::var(variable) {
                Ok(value) if !value.trim().is_empty() => return None,
                Ok(_) => "is empty",
                Err(_) => "is not set",
            };
            Some(format!(
                "${variable} {state} ({key} of the subscriber {address})"
            ))
        })
        .collect()
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

fn wrong(file: &str, text: &str, error: &toml::de::Error) -> Wrong {
    let span = error.span().unwrap_or(0..0);
    let key = key_at(text, span.start).map_or_else(String::new, |key| format!("{key}: "));
    wrong_at(file, text, span, key, error.message().replace('\n', " "))
}

fn wrong_at(file: &str, text: &str, span: Range<usize>, key: String, why: String) -> Wrong {
    let before = &text[..span.start.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Wrong {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        key,
        why,
        text: NamedSource::new(file, text.to_owned()).with_language("toml"),
        at: (span.start, span.len()).into(),
    }
}

/// The dotted key whose key or value stands at this octet, if the text is TOML at all.
fn key_at(text: &str, at: usize) -> Option<String> {
    fn find(table: &toml::de::DeTable<'_>, at: usize) -> Option<String> {
        table.iter().find_map(|(key, value)| {
            let name = key.get_ref().to_string();
            if key.span().contains(&at) {
                return Some(name);
            }
            below(value.get_ref(), at)
                .map(|inner| format!("{name}{inner}"))
                .or_else(|| value.span().contains(&at).then_some(name))
        })
    }
    fn below(value: &toml::de::DeValue<'_>, at: usize) -> Option<String> {
        match value {
            toml::de::DeValue::Table(table) => find(table, at).map(|key| format!(".{key}")),
            toml::de::DeValue::Array(items) => items.iter().enumerate().find_map(|(n, item)| {
                below(item.get_ref(), at)
                    .map(|inner| format!("[{n}]{inner}"))
                    .or_else(|| item.span().contains(&at).then(|| format!("[{n}]")))
            }),
            _ => None,
        }
    }
    find(toml::de::DeTable::parse(text).ok()?.get_ref(), at)
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

#[cfg(test)]
mod tests {
    use super::key_at;

    #[test]
    fn the_key_is_named_wherever_it_stands() {
        let text = "[pace]\ntimeout = 5\n[[twinning.subscriber]]\naddress = \"a\"\n[[twinning.subscriber]]\ntoken = 7\nknobs.names = { code = 1 }\n";
        for (spot, key) in [
            ("timeout", "pace.timeout"),
            ("5", "pace.timeout"),
            ("token", "twinning.subscriber[1].token"),
            ("7", "twinning.subscriber[1].token"),
            ("code", "twinning.subscriber[1].knobs.names.code"),
        ] {
            assert_eq!(
                key_at(text, text.find(spot).unwrap()).as_deref(),
                Some(key),
                "{spot}"
            );
        }
        assert_eq!(key_at("a = ", 2), None);
    }
}
