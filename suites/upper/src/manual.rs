//! A person at the terminal: asked to make the server act, and to say what it shows.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use twinproof_lwm2m::upper::{Answer, CancelBy, Operation, WriteMode};
use twinproof_lwm2m::wire::Path;
use twinproof_stage::{Reach, UpperTester};

use crate::answer::in_the_end;
use crate::asked::path;
use crate::http::within;
use crate::input::input;

/// The terminal that all scenarios of a run share: one question at a time.
pub(crate) struct Terminal {
    lines: Mutex<Option<UnboundedReceiver<String>>>,
    /// Why nobody can be asked, if so.
    closed: Option<String>,
    say: Box<dyn Fn(&str) + Send + Sync>,
}

impl Terminal {
    /// The terminal of this process, unless nobody is to be asked.
    pub(crate) fn of_process(interactive: bool) -> Self {
        let closed = match interactive {
            false => Some("this run asks nobody (--non-interactive)".to_owned()),
            true if !std::io::stdin().is_terminal() => {
                Some("there is no terminal at which somebody could be asked".to_owned())
            }
            true => None,
        };
        Self {
            lines: Mutex::new(None),
            closed,
            say: Box::new(|text| {
                // Who cannot be told is not there; no answer says so in time.
                drop(std::io::stderr().write_all(text.as_bytes()));
            }),
        }
    }

    /// Asks, and returns the lines of the answer up to an empty one.
    pub(crate) async fn ask(&self, question: &str) -> Result<Vec<String>, String> {
        if let Some(why) = &self.closed {
            return Err(why.clone());
        }
        let mut lines = self.lines.lock().await;
        let lines = lines.get_or_insert_with(typed);
        // What was typed before the question is no answer to it.
        while lines.try_recv().is_ok() {}
        (self.say)(question);
        let mut answer = Vec::new();
        loop {
            let line = lines.recv().await.ok_or("the terminal was closed")?;
            match line.trim() {
                "" if answer.is_empty() => (self.say)("> "),
                "" => return Ok(answer),
                line => answer.push(line.to_owned()),
            }
        }
    }
}

/// The lines that somebody types.
fn typed() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    // A thread of its own: reading a terminal cannot be broken off.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let sent = line.ok().map(|line| sender.send(line));
            if !matches!(sent, Some(Ok(()))) {
                return;
            }
        }
    });
    receiver
}

/// The upper tester of one scenario.
pub(crate) struct Manual {
    terminal: Arc<Terminal>,
    patience: Duration,
}

impl Manual {
    pub(crate) const fn new(terminal: Arc<Terminal>, patience: Duration) -> Self {
        Self { terminal, patience }
    }

    async fn perform(&self, reach: &Reach, operation: Operation) -> Result<Answer, String> {
        let wanted = wanted(&operation);
        let question = format!(
            "\n[{}] On the server, please:\n  {wanted}\nWhat does it show? Then an empty line. {}\n> ",
            reach.scenario(),
            how(&operation)
        );
        let lines = within(self.patience, self.terminal.ask(&question)).await?;
        reach.note(
            "upper-tester",
            &json!({ "asked": wanted, "answered": lines }),
        );
        in_the_end(&said(&operation, &lines)?, path(&input(&operation)))
    }
}

impl UpperTester for Manual {
    fn enter<'a>(&'a mut self, _: &'a Reach) -> BoxFuture<'a, Result<(), String>> {
        // Scenarios that nobody has to act in go on without a person.
        async { Ok(()) }.boxed()
    }

    fn provision<'a>(&'a mut self, _: &'a Reach, _: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn operate<'a>(
        &'a mut self,
        reach: &'a Reach,
        operation: Operation,
    ) -> BoxFuture<'a, Result<Answer, String>> {
        self.perform(reach, operation).boxed()
    }

    fn leave<'a>(&'a mut self, _: &'a Reach) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}

/// The operation as a person would be asked for it.
fn wanted(operation: &Operation) -> String {
    let list = |paths: &[Path]| {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        paths.join(", ")
    };
    let way = |by: &CancelBy| match by {
        CancelBy::Request => "with a request",
        CancelBy::Reset => "with a Reset to the next notification",
    };
    let values = |input: Value| {
        let values = input["values"].as_array().cloned().unwrap_or_default();
        let values = values.iter().map(|value| {
            let path = value["path"]
                .as_str()
                .map_or_else(|| format!("resource {}", value["resource"]), str::to_owned);
            format!("{path} = {} ({})", value["value"], value["type"])
        });
        values.collect::<Vec<_>>().join(", ")
    };
    let own = || values(Value::Object(input(operation)));
    let format = |format: &Option<twinproof_coap::ContentFormat>| {
        format.map_or_else(String::new, |format| format!(", in the format {format}"))
    };
    match operation {
        Operation::Cancel { endpoint, path, by } => {
            format!(
                "stop observing {path} of the client {endpoint}, {}",
                way(by)
            )
        }
        Operation::CancelComposite {
            endpoint,
            paths,
            by,
        } => format!(
            "stop observing {} of the client {endpoint}, {}",
            list(paths),
            way(by)
        ),
        Operation::Clients => "list the registered clients".to_owned(),
        Operation::Create {
            endpoint,
            object,
            instance,
            ..
        } => {
            let id = instance.map_or_else(
                || "whose id the client chooses".to_owned(),
                |id| format!("with the id {id}"),
            );
            format!(
                "create an instance of the object {object} {id} at the client {endpoint}: {}",
                own()
            )
        }
        Operation::Delete { endpoint, path } => format!("delete {path} of the client {endpoint}"),
        Operation::Discover { endpoint, path } => {
            format!("discover {path} of the client {endpoint}")
        }
        Operation::Events { after } => {
            format!("look up what has happened since event {after}")
        }
        Operation::Execute {
            endpoint,
            path,
            arguments,
        } => match arguments.as_str() {
            "" => format!("execute {path} of the client {endpoint}, without arguments"),
            arguments => {
                format!("execute {path} of the client {endpoint} with the arguments {arguments}")
            }
        },
        Operation::Observe {
            endpoint,
            path,
            accept,
        } => format!("observe {path} of the client {endpoint}{}", format(accept)),
        Operation::ObserveComposite { endpoint, paths } => {
            format!("observe {} of the client {endpoint} at once", list(paths))
        }
        Operation::Read {
            endpoint,
            path,
            accept,
        } => format!("read {path} of the client {endpoint}{}", format(accept)),
        Operation::ReadComposite { endpoint, paths } => {
            format!("read {} of the client {endpoint} at once", list(paths))
        }
        Operation::Result { ticket } => {
            format!("look up what became of the operation that was kept as number {ticket}")
        }
        Operation::Write {
            endpoint,
            path,
            mode,
            format: written,
            ..
        } => {
            let mode = match mode {
                WriteMode::Replace => "replacing what is there",
                WriteMode::Update => "leaving what is not named",
            };
            format!(
                "write {path} of the client {endpoint}, {mode}{}: {}",
                format(written),
                own()
            )
        }
        Operation::WriteAttributes {
            endpoint,
            path,
            attributes,
        } => format!(
            "write the attributes {} to {path} of the client {endpoint}",
            attributes.join(", ")
        ),
        Operation::WriteComposite { endpoint, .. } => {
            format!("write at once at the client {endpoint}: {}", own())
        }
    }
}

/// How the person answers.
fn how(operation: &Operation) -> &'static str {
    match operation {
        Operation::Clients => {
            "(a line per client: ENDPOINT, or ENDPOINT with what is shown of lifetime=, version=, \
             binding=, queue_mode= and objects=/1/0,/3/0; `none`; or `cannot WHY`)"
        }
        Operation::Events { .. } => "(JSON: {\"events\": […]}; or `cannot WHY`)",
        _ => {
            "(the client's code, such as 2.05; then a line per value, VALUE or PATH = VALUE, or links; \
             or `done`, `refused WHY`, `timeout`, `cannot WHY`)"
        }
    }
}

/// What the lines of an answer say.
fn said(operation: &Operation, lines: &[String]) -> Result<Value, String> {
    let (first, rest) = lines.split_first().ok_or("expected an answer")?;
    let (word, why) = first.split_once(' ').unwrap_or((first, ""));
    let all = lines.join("\n");
    Ok(match (operation, word) {
        (_, "cannot") => json!({ "unsupported": format!("the operator cannot: {why}") }),
        (_, "done") => json!({ "done": true }),
        (_, "refused") => json!({ "refused": why }),
        (_, "timeout") => json!({ "timeout": true }),
        (Operation::Clients, "none") => json!({ "clients": [] }),
        (Operation::Clients, _) => {
            let clients: Result<Value, String> = lines.iter().map(|line| client(line)).collect();
            json!({ "clients": clients? })
        }
        _ if first.starts_with('{') => serde_json::from_str(&all)
            .map_err(|error| format!("expected JSON: {error}, got {all:?}"))?,
        (_, code) => {
            let mut said = json!({ "code": code });
            let shown = (!why.is_empty()).then_some(why);
            let shown = shown.into_iter().chain(rest.iter().map(String::as_str));
            let shown: Vec<&str> = shown.collect();
            if shown.first().is_some_and(|line| line.starts_with('<')) {
                said["links"] = json!(shown.join(","));
            } else if !shown.is_empty() {
                let values = shown.iter().map(|line| match line.split_once(" = ") {
                    Some((path, value)) if path.starts_with('/') => {
                        json!({ "path": path.trim(), "value": value.trim() })
                    }
                    _ => json!({ "value": line }),
                });
                said["values"] = values.collect();
            }
            said
        }
    })
}

fn client(line: &str) -> Result<Value, String> {
    let mut words = line.split_whitespace();
    let mut client = json!({ "endpoint": words.next() });
    for word in words {
        let odd = || {
            format!("expected lifetime=, version=, binding=, queue_mode= or objects=, got {word:?}")
        };
        let (key, value) = word.split_once('=').ok_or_else(odd)?;
        client[key] = match key {
            "lifetime" => json!(value.parse::<u64>().map_err(|_| odd())?),
            "queue_mode" => json!(value.parse::<bool>().map_err(|_| odd())?),
            "objects" => value.split(',').map(|path| json!(path)).collect(),
            "binding" | "version" => json!(value),
            _ => return Err(odd()),
        };
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::Mutex;
    use tokio::sync::mpsc::unbounded_channel;
    use twinproof_lwm2m::upper::Operation;

    use super::{Terminal, said, wanted};

    fn read() -> Operation {
        Operation::Read {
            endpoint: "a".to_owned(),
            path: "/3/0/9".parse().unwrap(),
            accept: None,
        }
    }

    #[test]
    fn people_answer_in_few_words() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        for (operation, typed, means) in [
            (
                read(),
                "2.05 95",
                json!({ "code": "2.05", "values": [{ "value": "95" }] }),
            ),
            (
                read(),
                "2.05\n/3/0/0 = A b\n/3/0/9 = 7",
                json!({ "code": "2.05", "values": [{ "path": "/3/0/0", "value": "A b" },
                                                   { "path": "/3/0/9", "value": "7" }] }),
            ),
            (
                read(),
                "2.05 </3/0>",
                json!({ "code": "2.05", "links": "</3/0>" }),
            ),
            (read(), "4.04", json!({ "code": "4.04" })),
            (
                read(),
                "refused not known",
                json!({ "refused": "not known" }),
            ),
            (
                Operation::Clients,
                "a lifetime=60 objects=/1/0,/5\nb",
                json!({ "clients": [{ "endpoint": "a", "lifetime": 60, "objects": ["/1/0", "/5"] },
                                    { "endpoint": "b" }] }),
            ),
        ] {
            assert_eq!(said(&operation, &lines(typed)).unwrap(), means, "{typed}");
        }
        assert_eq!(wanted(&read()), "read /3/0/9 of the client a");
    }

    #[tokio::test]
    async fn what_was_typed_before_the_question_is_no_answer() {
        let (sender, receiver) = unbounded_channel();
        sender.send("2.04".to_owned()).unwrap();
        let asked = sender.clone();
        let terminal = Terminal {
            lines: Mutex::new(Some(receiver)),
            closed: None,
            say: Box::new(move |_| {
                for line in ["", "2.05 7", ""] {
                    drop(asked.send(line.to_owned()));
                }
            }),
        };
        assert_eq!(terminal.ask("?").await.unwrap(), ["2.05 7"]);
        let closed = Terminal::of_process(false);
        let why = closed.ask("?").await.unwrap_err();
        assert!(why.contains("--non-interactive"), "{why}");
    }
}
