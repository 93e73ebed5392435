//! Hooks of systems that run elsewhere.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use tokio::time::Instant;
use twinproof_kernel::hook::Hook;
use twinproof_kernel::http::Request;

use crate::network::Network;

/// How often a system is asked whether it is back.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// How much of what a failed command said is repeated.
const SAID: usize = 400;

/// How much of what a hook says is listened to.
const MOST: usize = 4 << 20;

/// How a hook is pulled. `{seconds}` in any text stands for the span of a clock hook.
#[derive(Clone, Debug)]
pub enum HookCall {
    /// A command line for the shell.
    Command(String),
    /// An HTTP call.
    Http {
        /// The method.
        method: String,
        /// The URL.
        url: String,
        /// The body.
        body: String,
    },
}

impl HookCall {
    /// Whether it names how many events are known, so that only later ones come.
    pub(crate) fn says_after(&self) -> bool {
        match self {
            Self::Command(line) => line.contains("{after}"),
            Self::Http { url, body, .. } => [url, body].iter().any(|text| text.contains("{after}")),
        }
    }

    /// The same with what its texts name: a word each in a command line, and in a call written as its place wants it.
    pub(crate) fn naming(&self, names: &[(&'static str, String)]) -> Self {
        let fill = |text: &str, written: &dyn Fn(&str) -> String| fill(text, names, written);
        match self {
            Self::Command(line) => {
                let quoted = |value: &str| format!("'{}'", value.replace('\'', "'\\''"));
                Self::Command(fill(line, &quoted))
            }
            Self::Http { method, url, body } => {
                let is_json = body.trim_start().starts_with(['{', '[']);
                let inside = |value: &str| match is_json {
                    true => {
                        let text = serde_json::Value::from(value).to_string();
                        text[1..text.len() - 1].to_owned()
                    }
                    false => value.to_owned(),
                };
                Self::Http {
                    method: method.clone(),
                    url: fill(url, &percent_encoded),
                    body: fill(body, &inside),
                }
            }
        }
    }
}

/// A text with what it names, in one pass: what is put in names nothing.
fn fill(text: &str, names: &[(&'static str, String)], written: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let behind = |name: &str| {
            let inside = after.strip_prefix('{')?.strip_prefix(name)?;
            inside.strip_prefix('}')
        };
        let found = names
            .iter()
            .find_map(|(name, value)| Some((behind(name)?, value)));
        rest = match found {
            Some((behind, value)) => {
                out.push_str(&written(value));
                behind
            }
            None => {
                out.push('{');
                &after[1..]
            }
        };
    }
    out.push_str(rest);
    out
}

fn percent_encoded(value: &str) -> String {
    let octets = value.bytes().map(|octet| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(octet).to_string()
        }
        octet => format!("%{octet:02X}"),
    });
    octets.collect()
}

/// A system that runs elsewhere.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Its name in the ledger.
    pub name: String,
    /// Where it is reached; after a restart this is asked until there is any answer.
    pub base_url: String,
    /// The section of the profile that speaks of it, for messages.
    pub section: &'static str,
    /// Stops it and starts it again.
    pub restart: Option<HookCall>,
    /// Lets its clock jump forward.
    pub advance_clock: Option<HookCall>,
    /// How long a hook may take, and how long until the system answers after a restart.
    pub patience: Duration,
}

impl Elsewhere {
    pub(crate) fn call(&self, hook: Hook) -> Result<&HookCall, String> {
        let (call, what, key) = match hook {
            Hook::Restart => (&self.restart, "restart", "restart"),
            Hook::AdvanceClock(_) => (&self.advance_clock, "clock", "advance_clock"),
        };
        call.as_ref()
            .ok_or_else(|| format!("no {what} hook: the profile has no {}.{key}", self.section))
    }
}

pub(crate) async fn pull(
    network: &Network,
    call: &HookCall,
    hook: Hook,
    alive: &str,
    patience: Duration,
) -> Result<(), String> {
    let seconds = match hook {
        Hook::Restart => Duration::ZERO,
        Hook::AdvanceClock(span) => span,
    };
    // A clock that jumped too short proves nothing, so parts of a second count whole.
    let seconds = seconds.as_secs() + u64::from(seconds.subsec_nanos() > 0);
    let fill = |text: &str| text.replace("{seconds}", &seconds.to_string());
    match call {
        HookCall::Command(line) => run(&fill(line), patience).await?,
        HookCall::Http { method, url, body } => {
            let mut request = Request::new(method, fill(url));
            request.body = fill(body).into_bytes();
            match network.fetch(request).await {
                Ok(response) if response.is_success() => {}
                Ok(response) => return Err(format!("expected 2xx, got {}", response.status)),
                Err(fault) => return Err(fault.to_string()),
            }
        }
    }
    match hook {
        Hook::Restart => wait_until_back(network, alive, patience).await,
        Hook::AdvanceClock(_) => Ok(()),
    }
}

/// Does what a hook says once, which has no span.
pub(crate) async fn run_once(
    network: &Network,
    call: &HookCall,
    patience: Duration,
) -> Result<(), String> {
    let once = Hook::AdvanceClock(Duration::ZERO);
    pull(network, call, once, "", patience).await
}

async fn run(line: &str, patience: Duration) -> Result<(), String> {
    match hear(line, patience).await.failed {
        None => Ok(()),
        Some(why) => Err(why),
    }
}

/// What a hook said, and why it did not do what it is for, if it did not.
pub(crate) struct Heard {
    /// The first [`MOST`] octets of what a command wrote to its output, or of a response's body.
    pub(crate) said: String,
    pub(crate) failed: Option<String>,
}

impl Heard {
    pub(crate) fn nothing(failed: impl Into<String>) -> Self {
        Self {
            said: String::new(),
            failed: Some(failed.into()),
        }
    }
}

/// Does what a hook says once, and listens to what it says.
pub(crate) async fn ask(network: &Network, call: &HookCall, patience: Duration) -> Heard {
    let (method, url, body) = match call {
        HookCall::Command(line) => return hear(line, patience).await,
        HookCall::Http { method, url, body } => (method, url, body),
    };
    let mut request = Request::new(method, url.clone());
    request.body = body.clone().into_bytes();
    match network.fetch(request).await {
        Ok(response) => {
            let short = &response.body[..response.body.len().min(MOST)];
            let failed = format!("expected 2xx, got {}", response.status);
            Heard {
                said: String::from_utf8_lossy(short).into_owned(),
                failed: (!response.is_success()).then_some(failed),
            }
        }
        Err(fault) => Heard::nothing(fault.to_string()),
    }
}

async fn hear(line: &str, patience: Duration) -> Heard {
    // Files and not pipes: a server that the command starts keeps them open.
    let files = tempfile::NamedTempFile::new().and_then(|told| {
        let said = tempfile::NamedTempFile::new()?;
        Ok((told.reopen()?, said.reopen()?, told, said))
    });
    let (output, errors, told, said) = match files {
        Ok(files) => files,
        Err(error) => return Heard::nothing(format!("no temporary file: {error}")),
    };
    let spawned = tokio::process::Command::new("sh")
        .arg("-c")
        .arg(line)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Heard::nothing(format!("the shell cannot be started: {error}")),
    };
    let failed = match tokio::time::timeout(patience, child.wait()).await {
        Ok(Ok(status)) if status.success() => None,
        Ok(Ok(status)) => {
            let said = std::fs::read(said.path()).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let skip = said.trim().chars().count().saturating_sub(SAID);
            let tail: String = said.trim().chars().skip(skip).collect();
            Some(format!("the command ended with {status}: {tail}"))
        }
        Ok(Err(error)) => Some(format!("the command cannot be waited for: {error}")),
        Err(_) => {
            drop(child.kill().await);
            Some(format!("the command did not end within {patience:?}"))
        }
    };
    let mut octets = Vec::new();
    if let Ok(file) = told.reopen() {
        drop(file.take(MOST as u64).read_to_end(&mut octets));
    }
    Heard {
        said: String::from_utf8_lossy(&octets).into_owned(),
        failed,
    }
}

/// Any response at all shows that the system is back.
async fn wait_until_back(network: &Network, alive: &str, patience: Duration) -> Result<(), String> {
    let deadline = Instant::now() + patience;
    loop {
        let why = match network.fetch(Request::new("GET", alive)).await {
            Ok(_) => return Ok(()),
            Err(fault) => fault.to_string(),
        };
        if Instant::now() >= deadline {
            return Err(format!(
                "the system did not answer at {alive} within {patience:?} after the restart: {why}"
            ));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
