//! What every described upper tester does: an operation gets the names that the profile adds to it, and
//! programs read what came.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use twinproof_judge::profile::{CommandTester, HttpTester, OperationName};
use twinproof_lwm2m::upper::Answer;
use twinproof_lwm2m::wire::Path;

use crate::program;

/// What a profile says of all exchanges.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    define: &'a str,
    vars: Option<&'a String>,
    answer: Option<&'a String>,
    secrets: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a CommandTester> for Said<'a> {
    fn from(tester: &'a CommandTester) -> Self {
        Self {
            define: &tester.define,
            vars: tester.vars.as_ref(),
            answer: tester.answer.as_ref(),
            secrets: &tester.secrets,
        }
    }
}

impl<'a> From<&'a HttpTester> for Said<'a> {
    fn from(tester: &'a HttpTester) -> Self {
        Self {
            define: &tester.define,
            vars: tester.vars.as_ref(),
            answer: tester.answer.as_ref(),
            secrets: &tester.secrets,
        }
    }
}

impl Said<'_> {
    /// An operation with what `vars` adds to it.
    pub(crate) fn names(self, mut input: Map<String, Value>) -> Result<Map<String, Value>, String> {
        if let Some(vars) = self.vars {
            let own = Value::Object(input.clone());
            match program::one(self.define, vars, &own)? {
                Value::Object(mut more) => input.append(&mut more),
                other => return Err(format!("expected an object of `vars`, got {other}")),
            }
        }
        Ok(input)
    }

    /// The same with the secrets, for templates and bodies.
    pub(crate) fn known(self, input: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut known = input.clone();
        known.append(&mut self.secrets()?);
        Ok(known)
    }

    /// The secrets that templates name, from the environment.
    pub(crate) fn secrets(self) -> Result<Map<String, Value>, String> {
        let found = self.secrets.iter().map(|(name, variable)| {
            let value = std::env::var(variable).map_err(|_| format!("${variable} is not set"))?;
            Ok((name.clone(), json!(value)))
        });
        found.collect()
    }

    /// What came of something that was asked with these names, as the exchange's own program reads it, or
    /// else the one for all.
    pub(crate) fn read(
        self,
        own: Option<&String>,
        mut shown: Map<String, Value>,
        input: &Map<String, Value>,
    ) -> Result<Value, String> {
        let program = own.or(self.answer);
        let program = program.ok_or("the profile has no program that reads the answer")?;
        shown.insert("asked".to_owned(), Value::Object(input.clone()));
        program::one(self.define, program, &Value::Object(shown))
    }

    /// What a program of the profile gives for an input.
    pub(crate) fn run(self, program: &str, input: &Value) -> Result<Value, String> {
        program::one(self.define, program, input)
    }
}

/// Adds what a program gave to the names; `what` is the key of the exchange.
///
/// # Errors
///
/// It is no object, or says that the upper tester is broken.
pub(crate) fn add(input: &mut Map<String, Value>, said: Value, what: &str) -> Result<(), String> {
    match said {
        Value::Object(mut more) => match more.get("broken") {
            Some(why) => Err(why.as_str().map_or_else(|| why.to_string(), str::to_owned)),
            None => {
                input.append(&mut more);
                Ok(())
            }
        },
        other => Err(format!("the answer program of `{what}` gave {other}")),
    }
}

/// The answer where `get` found no such client, if so; else its names are added.
pub(crate) fn looked_up(
    input: &mut Map<String, Value>,
    said: Value,
    endpoint: &str,
) -> Result<Option<Answer>, String> {
    if said.is_null() {
        let why = format!("{endpoint} is not registered");
        return Ok(Some(Answer::Refused(why)));
    }
    add(input, said, "get").map(|()| None)
}

/// The words for an operation that the profile does not describe.
pub(crate) fn unsupported(name: OperationName) -> Answer {
    Answer::Unsupported(format!(
        "it does not offer {name}: the profile has no such operation"
    ))
}

/// The answer where `vars` says why an operation is not offered, if so.
pub(crate) fn declined(input: &Map<String, Value>) -> Option<Answer> {
    let why = input.get("unsupported").and_then(Value::as_str);
    why.map(|why| Answer::Unsupported(why.to_owned()))
}

/// The path that an operation is about, if it is about one.
pub(crate) fn path(input: &Map<String, Value>) -> Option<Path> {
    let path = input.get("path").and_then(Value::as_str);
    path.and_then(|path| path.parse().ok())
}

/// What a server calls the operations that it kept; their numbers count from 1.
#[derive(Default)]
pub(crate) struct Tickets(Vec<String>);

impl Tickets {
    /// Remembers an operation that was kept.
    pub(crate) fn keep(&mut self, name: String) -> Answer {
        self.0.push(name);
        Answer::Kept {
            ticket: self.0.len() as u64,
        }
    }

    /// What the server calls a kept operation.
    ///
    /// # Errors
    ///
    /// The answer where none has that number.
    pub(crate) fn name(&self, ticket: u64) -> Result<&str, Answer> {
        let place = usize::try_from(ticket).ok().and_then(|n| n.checked_sub(1));
        let name = place.and_then(|place| self.0.get(place));
        name.map(String::as_str)
            .ok_or_else(|| Answer::Refused(format!("there is no ticket {ticket}")))
    }
}
