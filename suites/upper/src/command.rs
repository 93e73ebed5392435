//! A child process that is driven by lines, as the profile describes it.

use std::process::Stdio;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use regex::Regex;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command as Process};
use tokio::sync::{Mutex, Notify};
use twinproof_judge::profile::{CommandExchange, CommandTester};
use twinproof_lwm2m::upper::{Answer, Operation};
use twinproof_stage::{Reach, UpperTester};

use crate::answer::{Came, came, in_the_end};
use crate::asked::{Said as Told, Tickets, declined, looked_up, path, unsupported};
use crate::http::within;
use crate::input::{fill, in_line, input, name};

/// How much of what a process said last is repeated when it has ended.
const SAID: usize = 400;

/// How much of what a process says is kept at most.
const KEPT: usize = 4 << 20;

/// How long a process may take to end when it is told to.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// The process that the scenarios of a run share. One line is under way at a time.
#[derive(Default)]
pub(crate) struct Shared {
    running: Mutex<Option<Running>>,
}

/// A process that is running.
pub(crate) struct Running {
    child: Child,
    stdin: ChildStdin,
    said: Said,
    errors: Said,
}

/// What a process says, as it comes. Clones read the same.
#[derive(Clone, Default)]
struct Said(Arc<(StdMutex<Text>, Notify)>);

#[derive(Default)]
struct Text {
    text: Vec<u8>,
    /// How much was forgotten before that.
    forgotten: usize,
    ended: bool,
}

impl Said {
    fn listen(&self, mut pipe: impl AsyncRead + Unpin + Send + 'static) {
        let said = self.clone();
        tokio::spawn(async move {
            let mut piece = [0; 4096];
            loop {
                let read = pipe.read(&mut piece).await.unwrap_or(0);
                let mut text = said.text();
                text.text.extend_from_slice(&piece[..read]);
                text.ended |= read == 0;
                let more = text.text.len().saturating_sub(KEPT);
                text.text.drain(..more);
                text.forgotten += more;
                drop(text);
                said.0.1.notify_waiters();
                if read == 0 {
                    return;
                }
            }
        });
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is now.
    fn mark(&self) -> usize {
        let text = self.text();
        text.forgotten + text.text.len()
    }

    /// What was said since a mark, and whether that is all that will ever be.
    fn since(&self, mark: usize) -> (String, bool) {
        let text = self.text();
        let from = mark.saturating_sub(text.forgotten).min(text.text.len());
        let octets = &text.text[from..];
        (String::from_utf8_lossy(octets).into_owned(), text.ended)
    }

    fn tail(&self) -> String {
        let (text, _) = self.since(0);
        let skip = text.trim().chars().count().saturating_sub(SAID);
        text.trim().chars().skip(skip).collect()
    }

    /// Waits until nothing more can come.
    async fn ended(&self) {
        loop {
            let more = self.0.1.notified();
            tokio::pin!(more);
            more.as_mut().enable();
            if self.text().ended {
                return;
            }
            more.await;
        }
    }

    /// Waits until what was said since a mark matches; none if it ended before.
    async fn until(&self, mark: usize, pattern: &Regex) -> Option<String> {
        loop {
            let more = self.0.1.notified();
            tokio::pin!(more);
            more.as_mut().enable();
            let (text, ended) = self.since(mark);
            if pattern.is_match(&text) {
                return Some(text);
            }
            if ended {
                return None;
            }
            more.await;
        }
    }
}

/// Starts a program, its name before its arguments, with pipes to all that it says and hears; it ends when it is
/// dropped. Its name comes with it.
pub(crate) fn child_of(command: &[String]) -> Result<(&str, Child), String> {
    let (program, arguments) = command
        .split_first()
        .ok_or("expected a program and its arguments, got none")?;
    let child = Process::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    Ok((program, child))
}

impl Running {
    pub(crate) fn start(command: &[String]) -> Result<Self, String> {
        let (program, mut child) = child_of(command)?;
        let pipe = || format!("{program} has no pipes");
        let stdin = child.stdin.take().ok_or_else(pipe)?;
        let (said, errors) = (Said::default(), Said::default());
        said.listen(child.stdout.take().ok_or_else(pipe)?);
        errors.listen(child.stderr.take().ok_or_else(pipe)?);
        Ok(Self {
            child,
            stdin,
            said,
            errors,
        })
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a line and waits for what ends the answer.
    async fn say(&mut self, line: &str, until: &Regex) -> Result<String, String> {
        let mark = self.said.mark();
        self.type_line(line).await;
        self.until_since(mark, until).await
    }

    /// Types a line. A process that has ended takes none; why is said where something is waited for.
    pub(crate) async fn type_line(&mut self, line: &str) {
        let octets = format!("{line}\n");
        drop(self.stdin.write_all(octets.as_bytes()).await);
        drop(self.stdin.flush().await);
    }

    /// How it ended, if it has.
    pub(crate) async fn ended(&mut self) -> Option<String> {
        match self.has_ended() {
            true => Some(self.end_said().await),
            false => None,
        }
    }

    async fn end_said(&mut self) -> String {
        // What it said last may still be on its way; a child of its own may keep the pipe.
        drop(tokio::time::timeout(GOOD_BYE, self.errors.ended()).await);
        let status = self.child.wait().await;
        let status = status.map_or_else(|e| e.to_string(), |status| status.to_string());
        let last = match self.errors.tail() {
            errors if errors.is_empty() => self.said.tail(),
            errors => errors,
        };
        format!("the process ended with {status}: {last}")
    }

    /// Waits until what was said since its start matches.
    pub(crate) async fn until(&mut self, until: &Regex) -> Result<String, String> {
        self.until_since(0, until).await
    }

    async fn until_since(&mut self, mark: usize, until: &Regex) -> Result<String, String> {
        match self.said.until(mark, until).await {
            Some(text) => Ok(text),
            None => Err(self.end_said().await),
        }
    }
}

impl Running {
    /// Ends it: with a line, if there is one for that, and in the end without.
    pub(crate) async fn end(mut self, quit: Option<&String>) {
        if let Some(quit) = quit {
            self.type_line(quit).await;
        }
        drop(self.stdin);
        let patience = match quit {
            Some(_) => GOOD_BYE,
            None => Duration::ZERO,
        };
        let ended = tokio::time::timeout(patience, self.child.wait()).await;
        if ended.is_err() {
            drop(self.child.kill().await);
        }
    }
}

impl Shared {
    /// Ends the process.
    pub(crate) async fn close(&self, quit: Option<&String>) {
        let running = self.running.lock().await.take();
        if let Some(running) = running {
            running.end(quit).await;
        }
    }
}

/// The upper tester of one scenario.
pub(crate) struct Command {
    spec: Arc<CommandTester>,
    shared: Arc<Shared>,
    tickets: Tickets,
}

impl Command {
    pub(crate) fn new(spec: Arc<CommandTester>, shared: Arc<Shared>) -> Self {
        Self {
            spec,
            shared,
            tickets: Tickets::default(),
        }
    }

    fn told(&self) -> Told<'_> {
        Told::from(self.spec.as_ref())
    }

    /// Starts the process, unless it is running.
    async fn ready(&self, reach: &Reach) -> Result<(), String> {
        let mut running = self.shared.running.lock().await;
        if running.as_mut().is_some_and(|running| !running.has_ended()) {
            return Ok(());
        }
        let mut started = Running::start(&self.spec.command)?;
        reach.note("upper-tester-started", &json!(self.spec.command));
        if let Some(start) = &self.spec.start {
            let nothing = Map::new();
            let said = self.say(reach, &mut started, start, &nothing).await;
            let output = said.map_err(|why| format!("its start: {why}"))?;
            if start.answer.is_some() {
                let said = self
                    .told()
                    .read(start.answer.as_ref(), shown(output), &nothing)?;
                match in_the_end(&said, None)? {
                    Answer::Done => {}
                    _ => return Err(format!("its start: expected {{done: true}}, got {said}")),
                }
            }
        }
        *running = Some(started);
        Ok(())
    }

    async fn perform(&mut self, reach: &Reach, operation: Operation) -> Result<Answer, String> {
        let name = name(&operation);
        let spec = Arc::clone(&self.spec);
        let Some(exchange) = spec.operations.get(&name) else {
            return Ok(unsupported(name));
        };
        let mut input = input(&operation);
        if let Operation::Result { ticket } = &operation {
            match self.tickets.name(*ticket) {
                Ok(known) => input.insert("ticket".to_owned(), json!(known)),
                Err(answer) => return Ok(answer),
            };
        }
        let mut input = self.told().names(input)?;
        if let Some(answer) = declined(&input) {
            return Ok(answer);
        }
        self.ready(reach).await?;
        let shared = Arc::clone(&self.shared);
        let mut running = shared.running.lock().await;
        let running = running.as_mut().ok_or("the process has ended")?;
        if let (Some(get), Some(endpoint)) = (&spec.get, operation.endpoint()) {
            let said = self.asked(reach, running, get, &input).await?;
            if let Some(answer) = looked_up(&mut input, said, endpoint)? {
                return Ok(answer);
            }
        }
        let said = self.asked(reach, running, exchange, &input).await?;
        match came(&said, path(&input))? {
            Came::Answer(answer) => Ok(answer),
            Came::Kept(ticket) => Ok(self.tickets.keep(ticket)),
            Came::Poll(_) => Err(format!("expected what came of it in the end, got {said}")),
        }
    }

    async fn asked(
        &self,
        reach: &Reach,
        running: &mut Running,
        exchange: &CommandExchange,
        input: &Map<String, Value>,
    ) -> Result<Value, String> {
        let output = self.say(reach, running, exchange, input).await?;
        self.told()
            .read(exchange.answer.as_ref(), shown(output.clone()), input)
            .map_err(|why| format!("the answer program cannot read {output:?}: {why}"))
    }

    async fn say(
        &self,
        reach: &Reach,
        running: &mut Running,
        exchange: &CommandExchange,
        input: &Map<String, Value>,
    ) -> Result<String, String> {
        let line = fill(&exchange.send, &self.told().known(input)?, in_line)?;
        let until = exchange.until.as_ref().or(self.spec.until.as_ref());
        let until = until.ok_or("the profile has no pattern that ends the answer")?;
        let patience = self.spec.patience.duration();
        let said = within(patience, running.say(&line, until.regex())).await;
        let noted = match &said {
            Ok(came) => json!({ "sent": line, "came": came }),
            Err(why) => json!({ "sent": line, "failed": why }),
        };
        reach.note("upper-tester", &noted);
        tokio::time::sleep(self.spec.pause.duration()).await;
        said.map_err(|why| format!("{line:?}: {why}; expected what matches {until}"))
    }
}

/// What a process said, as programs see it.
fn shown(output: String) -> Map<String, Value> {
    Map::from_iter([("output".to_owned(), json!(output))])
}

impl UpperTester for Command {
    fn enter<'a>(&'a mut self, reach: &'a Reach) -> BoxFuture<'a, Result<(), String>> {
        async move {
            for value in self.told().secrets()?.values() {
                reach.learn("secret", value.as_str().unwrap_or_default());
            }
            self.ready(reach).await
        }
        .boxed()
    }

    fn provision<'a>(&'a mut self, _: &'a Reach, _: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn operate<'a>(
        &'a mut self,
        reach: &'a Reach,
        operation: Operation,
    ) -> BoxFuture<'a, Result<Answer, String>> {
        async move {
            let name = name(&operation);
            let performed = self.perform(reach, operation).await;
            performed.map_err(|why| format!("{name}: {why}"))
        }
        .boxed()
    }

    fn leave<'a>(&'a mut self, _: &'a Reach) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}
