//! Who makes an LwM2M server act: no text of the enabler says how an application reaches it, so the
//! profile says how a tester does.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinproof_lwm2m::upper::Operation;

use super::{Pattern, Span};

/// Who makes the server act.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum UpperTester {
    /// The built-in system has a hand inside.
    Builtin,
    /// A child process that is driven by lines and says what came of them.
    Command(Box<CommandTester>),
    /// A management API over HTTP.
    Http(Box<HttpTester>),
    /// A person at the terminal of this run.
    Manual(ManualTester),
}

impl UpperTester {
    /// The environment variables that it takes credentials from, by the names that templates use.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        let secrets = match self {
            Self::Builtin | Self::Manual(_) => None,
            Self::Command(tester) => Some(&tester.secrets),
            Self::Http(tester) => Some(&tester.secrets),
        };
        secrets
            .into_iter()
            .flatten()
            .map(|(name, variable)| (name.as_str(), variable.as_str()))
    }

    /// The operations that it offers, or none where it offers whatever there is.
    pub fn offers(&self) -> Option<Vec<OperationName>> {
        match self {
            Self::Builtin | Self::Manual(_) => None,
            Self::Command(tester) => Some(tester.operations.keys().copied().collect()),
            Self::Http(tester) => {
                let told = [OperationName::Events, OperationName::Result];
                let told = told.into_iter().filter(|_| tester.tells());
                Some(tester.operations.keys().copied().chain(told).collect())
            }
        }
    }
}

/// An operation of an upper tester.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum OperationName {
    /// Stop observing.
    Cancel,
    /// Stop observing several paths (LwM2M 1.1).
    CancelComposite,
    /// List the registered clients.
    Clients,
    /// Create an object instance.
    Create,
    /// Delete an object instance.
    Delete,
    /// Ask what is there.
    Discover,
    /// Tell what has happened; for APIs that are asked for it.
    Events,
    /// Execute a resource.
    Execute,
    /// Observe.
    Observe,
    /// Observe several paths (LwM2M 1.1).
    ObserveComposite,
    /// Read.
    Read,
    /// Read several paths (LwM2M 1.1).
    ReadComposite,
    /// Say what became of an operation that was kept for a sleeping client.
    Result,
    /// Write.
    Write,
    /// Attach attributes of notifications.
    WriteAttributes,
    /// Write several paths (LwM2M 1.1).
    WriteComposite,
}

impl OperationName {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Cancel,
        Self::CancelComposite,
        Self::Clients,
        Self::Create,
        Self::Delete,
        Self::Discover,
        Self::Events,
        Self::Execute,
        Self::Observe,
        Self::ObserveComposite,
        Self::Read,
        Self::ReadComposite,
        Self::Result,
        Self::Write,
        Self::WriteAttributes,
        Self::WriteComposite,
    ];
}

impl From<&Operation> for OperationName {
    fn from(operation: &Operation) -> Self {
        match operation {
            Operation::Cancel { .. } => Self::Cancel,
            Operation::CancelComposite { .. } => Self::CancelComposite,
            Operation::Clients => Self::Clients,
            Operation::Create { .. } => Self::Create,
            Operation::Delete { .. } => Self::Delete,
            Operation::Discover { .. } => Self::Discover,
            Operation::Events { .. } => Self::Events,
            Operation::Execute { .. } => Self::Execute,
            Operation::Observe { .. } => Self::Observe,
            Operation::ObserveComposite { .. } => Self::ObserveComposite,
            Operation::Read { .. } => Self::Read,
            Operation::ReadComposite { .. } => Self::ReadComposite,
            Operation::Result { .. } => Self::Result,
            Operation::Write { .. } => Self::Write,
            Operation::WriteAttributes { .. } => Self::WriteAttributes,
            Operation::WriteComposite { .. } => Self::WriteComposite,
        }
    }
}

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A management API over HTTP, described by data.
///
/// *Templates* (URLs, header fields) hold `{names}`: `{endpoint}`, `{path}`, `{object}`, `{instance}`,
/// `{resource}`, `{arguments}`, `{attributes}`, the names of secrets, `{token}` of the login, and whatever
/// `vars`, `get` and `webhook` add. In a URL they are percent-encoded, but for what separates the parts of `{path}`,
/// `{attributes}` and `{query}`. *Programs* are jq: a body is made from the operation, an answer is read from
/// `.status`, `.headers`, `.body` and `.asked`, which is the operation.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTester {
    /// Where the API is. Nothing else is contacted, but for the login.
    #[schemars(example = "http://127.0.0.1:8080/api")]
    pub base_url: String,
    /// Header fields of every request (templates).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Names for templates → the environment variables that hold them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// How long an operation may take, with all that it takes to see its end.
    #[serde(default = "default_patience")]
    pub patience: Span,
    /// How long to wait before an operation that is not done is asked for again.
    #[serde(default = "default_every")]
    pub every: Span,
    /// jq definitions in front of all programs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub define: String,
    /// A program that gives further names for templates and programs, as an object; `unsupported` among
    /// them says why this operation is not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vars: Option<String>,
    /// The program that reads answers, for exchanges without one of their own. It gives one object:
    /// `{code, values, links, location}` for what the client answered, where a value is `{path, value}`
    /// or `{path, type, value}`; `{clients}`, `{events}`, `{done: true}`, `{kept: ID}`,
    /// `{refused: WHY}`, `{timeout: true}`, `{unsupported: WHY}`, `{poll: ID}`, or `{broken: WHY}` for
    /// what is no answer of the server's at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How to get a token; done once, and again when a request is answered with 401.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// Makes a client known before it registers, where the server wants that. 2xx is success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<HttpExchange>,
    /// The reverse of it, when the scenario has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forget: Option<HttpExchange>,
    /// Asked before every operation on a client; its answer is an object of further names, or null where
    /// the server has no such client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get: Option<HttpExchange>,
    /// Where the server tells what happens, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventStream>,
    /// How the server posts what happens, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The operations that the API offers. A scenario that takes another is inconclusive.
    #[serde(default)]
    pub operations: BTreeMap<OperationName, HttpExchange>,
}

impl HttpTester {
    /// Whether the server tells of its own accord what happens, and what became of operations that were
    /// kept.
    pub const fn tells(&self) -> bool {
        self.events.is_some() || self.webhook.is_some()
    }
}

fn default_patience() -> Span {
    Span::from_secs(110)
}

fn default_every() -> Span {
    "500ms".parse().unwrap_or(Span::from_secs(1))
}

/// One exchange with a management API.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpExchange {
    /// The method.
    #[serde(default = "HttpExchange::default_method")]
    pub method: String,
    /// What stands behind the base URL (a template).
    pub url: String,
    /// Further header fields (templates).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A program that makes the body: a text is sent as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The program that reads the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What is asked again and again when the answer was `{poll: ID}`, with `{poll}` for the ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Box<Self>>,
}

impl HttpExchange {
    fn default_method() -> String {
        "GET".to_owned()
    }
}

/// How to get a token.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Where, as a whole URL.
    pub url: String,
    /// The method.
    #[serde(default = "Login::default_method")]
    pub method: String,
    /// Header fields (templates).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A program that makes the body from the secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// A program that takes the token from `.body`.
    pub token: String,
}

impl Login {
    fn default_method() -> String {
        "POST".to_owned()
    }
}

/// Where a server tells what happens: a stream of server-sent events, open as long as a scenario.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EventStream {
    /// What stands behind the base URL (a template).
    pub url: String,
    /// A program that reads `.event` and `.data` (JSON, or text that is none) and gives any number of
    /// objects: `{endpoint, what, path, paths, values}` with `what` one of `registered`, `updated`,
    /// `deregistered`, `expired`, `notified`, `observation_ended` and `sent`; or `{result: ID, answer}` for
    /// an operation that was kept.
    pub event: String,
}

/// How a server posts what happens: to an address that is open as long as a scenario, a free port of the
/// loopback unless `harness.listen` names another. Templates and programs have it as `webhook`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Tells the server where to, before anything else is asked of it. 2xx is success; an answer program
    /// gives an object of further names for templates, such as that of the subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<HttpExchange>,
    /// The reverse of it, when the scenario has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<HttpExchange>,
    /// A program that reads what is posted: `.method`, `.path` behind the address, `.headers` and `.body`
    /// (JSON, or text that is none). It gives any number of objects, as that of a stream does.
    pub event: String,
}

/// A command line, as an example.
const COMMAND_LINE: [&str; 2] = ["lwm2mserver", "-4"];

/// A child process that is driven by lines and says what came of them. Templates and programs are those
/// of [`HttpTester`]; an answer is read from `.output`, which is all that it said since the line was sent.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommandTester {
    /// The program and its arguments. It may be the server itself: it runs as long as the run.
    #[schemars(example = COMMAND_LINE)]
    pub command: Vec<String>,
    /// What begins it: sent once, and waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<CommandExchange>,
    /// What it is told before it is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quit: Option<String>,
    /// Names for templates → the environment variables that hold them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// How long an answer may take: longer than anything that it answers at all, for what it says later
    /// would be taken for the answer of another line.
    #[serde(default = "default_patience")]
    pub patience: Span,
    /// How long to wait after an answer until the next line is sent.
    #[serde(default = "no_pause")]
    pub pause: Span,
    /// jq definitions in front of all programs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub define: String,
    /// A program that gives further names for templates and programs, as an object; `unsupported` among
    /// them says why this operation is not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vars: Option<String>,
    /// The program that reads answers, for exchanges without one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The pattern of what ends an answer, for exchanges without one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Pattern>,
    /// Asked before every operation on a client; its answer is an object of further names, or null where
    /// the server has no such client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get: Option<CommandExchange>,
    /// The operations that it offers. A scenario that takes another is inconclusive.
    #[serde(default)]
    pub operations: BTreeMap<OperationName, CommandExchange>,
}

fn no_pause() -> Span {
    Span::from_secs(0)
}

/// One line, and what comes of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommandExchange {
    /// What is sent (a template).
    pub send: String,
    /// The pattern of what ends the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Pattern>,
    /// The program that reads the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// A person at the terminal of this run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ManualTester {
    /// How long the person may take for an answer.
    #[serde(default = "ManualTester::default_patience")]
    pub patience: Span,
}

impl ManualTester {
    fn default_patience() -> Span {
        Span::from_secs(600)
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::Declared;

    #[test]
    fn a_pattern_that_is_none_is_said_with_its_place() {
        let text = "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[lwm2m]\nserver = \"coap://x\"\n\
                    [lwm2m.upper_tester.command]\ncommand = [\"x\"]\nuntil = \"(\"\n";
        let error = Declared::parse(text).unwrap_err();
        assert!(error.message().contains("expected a pattern"), "{error}");
        assert!(error.to_string().contains("line 8"), "{error}");
    }
}
