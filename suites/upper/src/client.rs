//! Clients that are controlled as their profile says: a child process, or a person at the terminal.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use regex::Regex;
use serde_json::{Map, Value, json};
use twinproof_judge::profile::CommandControl;
use twinproof_lwm2m::upper::{Accounts, Control};
use twinproof_stage::{ClientControl, Reach};

use crate::command::Running;
use crate::http::within;
use crate::input::{fill, in_line};
use crate::manual::Terminal;

/// A client that is a child process of the run, in one scenario.
pub(crate) struct Command {
    spec: Arc<CommandControl>,
    /// What templates name.
    names: Map<String, Value>,
    accounts: Accounts,
    patience: Duration,
    running: Option<Running>,
}

impl Command {
    pub(crate) fn new(
        spec: Arc<CommandControl>,
        (names, accounts): (Map<String, Value>, Accounts),
        patience: Duration,
    ) -> Self {
        Self {
            spec,
            names,
            accounts,
            patience,
            running: None,
        }
    }

    async fn start(&mut self, reach: &Reach) -> Result<(), String> {
        let two = self.names.contains_key("other_port");
        let (command, key, what) = match (self.accounts, two) {
            (Accounts::First, _) | (Accounts::Servers, false) => {
                (&self.spec.start, "start", "a server")
            }
            (Accounts::Servers, true) => {
                (&self.spec.start_with_two, "start_with_two", "two servers")
            }
            (Accounts::Bootstrap, _) => (
                &self.spec.start_without_accounts,
                "start_without_accounts",
                "a bootstrap server alone",
            ),
            (Accounts::Both, _) => (
                &self.spec.start_with_both,
                "start_with_both",
                "a server and a bootstrap server",
            ),
        };
        if command.is_empty() {
            return Err(format!(
                "lwm2m.client.control.command has no `{key}`, the command that names {what}; add it to \
                 the profile"
            ));
        }
        let command: Vec<String> = command
            .iter()
            .map(|part| fill(part, &self.names, in_line))
            .collect::<Result<_, _>>()?;
        let mut running = Running::start(&command)?;
        reach.note("client-started", &json!(command));
        if let Some(ready) = &self.spec.ready {
            let pattern = Regex::new(ready).map_err(|error| error.to_string())?;
            within(self.patience, running.until(&pattern))
                .await
                .map_err(|why| format!("{why}; expected what matches {ready}"))?;
        }
        for line in &self.spec.then {
            running.type_line(&fill(line, &self.names, in_line)?).await;
        }
        self.running = Some(running);
        Ok(())
    }

    /// Types a line of the profile, in which these names may stand beside the usual ones.
    async fn type_line(
        &mut self,
        template: Option<String>,
        missing: &str,
        more: &[(&str, String)],
    ) -> Result<(), String> {
        let template = template.ok_or_else(|| {
            format!("lwm2m.client.control.command has no {missing}; add it to the profile")
        })?;
        let Some(running) = &mut self.running else {
            return Err("the client is not running: nobody has started it".to_owned());
        };
        if let Some(how) = running.ended().await {
            return Err(how);
        }
        let mut names = self.names.clone();
        for (name, value) in more {
            names.insert((*name).to_owned(), Value::String(value.clone()));
        }
        running.type_line(&fill(&template, &names, in_line)?).await;
        Ok(())
    }

    /// Runs a command of the profile to its end, in which these names may stand beside the usual ones.
    async fn run(
        &self,
        command: &[String],
        missing: &str,
        more: &[(&str, String)],
    ) -> Result<(), String> {
        let mut names = self.names.clone();
        for (name, value) in more {
            names.insert((*name).to_owned(), Value::String(value.clone()));
        }
        let command = command.iter().map(|part| fill(part, &names, in_line));
        let command: Vec<String> = command.collect::<Result<_, _>>()?;
        let Some((program, arguments)) = command.split_first() else {
            return Err(format!(
                "lwm2m.client.control.command has no {missing}; add it to the profile"
            ));
        };
        let mut process = tokio::process::Command::new(program);
        process
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let done = async { process.output().await.map_err(|error| error.to_string()) };
        let done = within(self.patience, done).await;
        let output = done.map_err(|why| format!("{program}: {why}"))?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("{program}: {}: {}", output.status, said.trim()))
            }
        }
    }

    async fn end(&mut self, kindly: bool) {
        if let Some(running) = self.running.take() {
            let quit = self.spec.quit.as_ref().filter(|_| kindly);
            running.end(quit).await;
        }
    }
}

impl ClientControl for Command {
    fn perform<'a>(
        &'a mut self,
        reach: &'a Reach,
        control: Control,
    ) -> BoxFuture<'a, Result<(), String>> {
        async move {
            match control {
                Control::InsertCard { ssid, uri, own } => {
                    let missing = "`insert_card`, the command that puts a card into it";
                    let mut card = vec![("card_ssid", ssid.to_string()), ("card_uri", uri)];
                    if let Some((identity, key)) = own {
                        let digits = key.iter().map(|octet| format!("{octet:02x}"));
                        card.push(("card_identity", identity));
                        card.push(("card_key", digits.collect()));
                    }
                    self.run(&self.spec.insert_card, missing, &card).await
                }
                Control::RemoveCard => {
                    let missing = "`remove_card`, the command that takes the card out of it";
                    self.run(&self.spec.remove_card, missing, &[]).await
                }
                Control::PowerCycle => {
                    self.end(false).await;
                    self.start(reach).await
                }
                Control::Offline => {
                    let missing = "`offline`, the line that takes it off its network";
                    self.type_line(self.spec.offline.clone(), missing, &[])
                        .await
                }
                Control::Online => {
                    let missing = "`online`, the line that gives its network back";
                    self.type_line(self.spec.online.clone(), missing, &[]).await
                }
                Control::Set { path, value } => {
                    let missing = "`set`, the line that sets a value";
                    let set = [("path", path.to_string()), ("value", value.to_string())];
                    self.type_line(self.spec.set.clone(), missing, &set).await
                }
                Control::Start => self.start(reach).await,
            }
        }
        .boxed()
    }

    fn ended(&mut self) -> BoxFuture<'_, Option<String>> {
        async move { self.running.as_mut()?.ended().await }.boxed()
    }

    fn leave<'a>(&'a mut self, _: &'a Reach) -> BoxFuture<'a, ()> {
        self.end(true).boxed()
    }
}

/// A client that a person at the terminal controls.
pub(crate) struct Manual {
    terminal: Arc<Terminal>,
    names: Map<String, Value>,
    accounts: Accounts,
    patience: Duration,
}

impl Manual {
    pub(crate) fn new(
        terminal: Arc<Terminal>,
        (names, accounts): (Map<String, Value>, Accounts),
        patience: Duration,
    ) -> Self {
        Self {
            terminal,
            names,
            accounts,
            patience,
        }
    }

    /// The keys that the client has to have, in words.
    fn keys(&self) -> String {
        let name = |key: String| self.names.get(&key).and_then(Value::as_str);
        let prefixes = ["", "other_", "bootstrap_"].into_iter();
        let keys = prefixes.filter_map(|prefix| {
            let (identity, key) = (
                name(format!("{prefix}identity"))?,
                name(format!("{prefix}key"))?,
            );
            let uri = name(format!("{prefix}uri"))?;
            Some(format!(
                "; for {uri} it has the identity {identity} with the key {key}"
            ))
        });
        keys.collect()
    }

    fn wanted(&self, control: &Control) -> String {
        let name = |key: &str| self.names.get(key).and_then(Value::as_str).unwrap_or("?");
        match control {
            Control::InsertCard { ssid, uri, .. } => format!(
                "put a card into the client that holds the account of server {ssid} at {uri}, and no other"
            ),
            Control::RemoveCard => "take the card out of the client".to_owned(),
            Control::Offline => "take the client off its network".to_owned(),
            Control::Online => "give the client its network back".to_owned(),
            Control::PowerCycle => "take the client's power away, and give it back".to_owned(),
            Control::Set { path, value } => format!("let {path} become {value}"),
            Control::Start => {
                let (endpoint, uri) = (name("endpoint"), name("uri"));
                let bootstrap = name("bootstrap_uri");
                let other = match self.names.contains_key("other_uri") {
                    true => format!(" and at {}", name("other_uri")),
                    false => String::new(),
                };
                let wanted = match self.accounts {
                    Accounts::First => format!(
                        "start the client with the account of the server at {uri}, in which it is \
                         {endpoint}, beside what is on its card"
                    ),
                    Accounts::Servers => format!(
                        "start the client, so that it registers as {endpoint} at {uri}{other}"
                    ),
                    Accounts::Bootstrap => format!(
                        "start the client as {endpoint} with no account but that of the bootstrap \
                         server at {bootstrap}"
                    ),
                    Accounts::Both => format!(
                        "start the client, so that it registers as {endpoint} at {uri}; let it have \
                         the account of the bootstrap server at {bootstrap} as well"
                    ),
                };
                wanted + &self.keys()
            }
        }
    }
}

impl ClientControl for Manual {
    fn perform<'a>(
        &'a mut self,
        reach: &'a Reach,
        control: Control,
    ) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let wanted = self.wanted(&control);
            let question = format!(
                "\n[{}] Please:\n  {wanted}\nType `done`, or why it cannot be done; then an empty \
                 line.\n> ",
                reach.scenario()
            );
            let lines = within(self.patience, self.terminal.ask(&question)).await?;
            reach.note("client", &json!({ "asked": wanted, "answered": lines }));
            match lines.as_slice() {
                [done] if done.eq_ignore_ascii_case("done") => Ok(()),
                lines => Err(lines.join(" ")),
            }
        }
        .boxed()
    }

    fn leave<'a>(&'a mut self, _: &'a Reach) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}
