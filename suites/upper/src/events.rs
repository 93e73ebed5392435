//! What a server tells of its own accord: a stream of server-sent events, or requests that it posts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use twinproof_kernel::http::{BODY_LIMIT, Request};
use twinproof_lwm2m::upper::{Answer, Event};
use twinproof_stage::Reach;

use crate::answer::{Told, told};
use crate::http::headers;
use crate::program;

/// How much is heard in one scenario. Who tells more is not heard to its end, and says nothing.
const MOST: usize = 10_000;

/// What was heard so far in one scenario. Clones hear the same.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    events: Vec<Event>,
    results: BTreeMap<String, Answer>,
    broken: Option<String>,
}

impl Heard {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events after those that are known.
    ///
    /// # Errors
    ///
    /// Not everything was heard, so nothing can be said.
    pub(crate) fn after(&self, known: u64) -> Result<Answer, String> {
        let inner = self.inner();
        if let Some(why) = &inner.broken {
            return Err(why.clone());
        }
        let skip = usize::try_from(known).unwrap_or(usize::MAX);
        Ok(Answer::Events {
            events: inner.events.iter().skip(skip).cloned().collect(),
            known: inner.events.len() as u64,
        })
    }

    /// What came of an operation that was kept, if that was told.
    ///
    /// # Errors
    ///
    /// Not everything was heard.
    pub(crate) fn result(&self, ticket: &str) -> Result<Option<Answer>, String> {
        let inner = self.inner();
        match (inner.results.get(ticket), &inner.broken) {
            (Some(answer), _) => Ok(Some(answer.clone())),
            (None, Some(why)) => Err(why.clone()),
            (None, None) => Ok(None),
        }
    }

    fn hear(&self, heard: Result<Vec<Told>, String>) {
        let mut inner = self.inner();
        match heard {
            Ok(_) if inner.events.len() + inner.results.len() >= MOST => {
                let why = format!("it told of more than {MOST} things in one scenario");
                inner.broken.get_or_insert(why);
            }
            Ok(all) => {
                for told in all {
                    match told {
                        Told::Event(event) => inner.events.push(event),
                        Told::Result(ticket, answer) => {
                            inner.results.insert(ticket, answer);
                        }
                    }
                }
            }
            Err(why) => {
                inner.broken.get_or_insert(why);
            }
        }
    }
}

/// Takes a stream in pieces, or its end, and writes each event down.
pub(crate) fn hear(
    heard: Heard,
    (define, program): (String, String),
    reach: Reach,
) -> impl FnMut(Option<&[u8]>) + Send + 'static {
    let mut lines = Lines::default();
    move |piece| {
        let Some(piece) = piece else {
            return heard.hear(Err("the event stream has ended".to_owned()));
        };
        let events = lines.take(piece);
        if lines.rest.len() > BODY_LIMIT {
            lines.rest = Vec::new();
            heard.hear(Err(format!("an event of more than {BODY_LIMIT} octets")));
        }
        for (event, data) in events {
            let data = serde_json::from_str(&data).unwrap_or_else(|_| json!(data));
            let shown = json!({ "event": event, "data": data });
            reach.note("upper-tester-event", &shown);
            heard.hear(understood(&define, &program, &shown));
        }
    }
}

/// Takes what a server posts, or that it posted more than is kept (none).
pub(crate) fn hear_posts(
    heard: Heard,
    (define, program): (String, String),
) -> impl FnMut(Option<&Request>) + Send + 'static {
    move |posted| {
        let Some(posted) = posted else {
            return heard.hear(Err("it posted more than is kept of a scenario".to_owned()));
        };
        let text = String::from_utf8_lossy(&posted.body);
        let shown = json!({
            "method": posted.method,
            "path": posted.url,
            "headers": headers(&posted.headers),
            "body": serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
        });
        heard.hear(understood(&define, &program, &shown));
    }
}

fn understood(define: &str, program: &str, shown: &Value) -> Result<Vec<Told>, String> {
    let said = program::all(define, program, shown)
        .map_err(|why| format!("the event program cannot read {shown}: {why}"))?;
    said.iter().map(told).collect()
}

/// Cuts a stream into events: names and data.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    event: String,
    data: Vec<String>,
}

impl Lines {
    fn take(&mut self, piece: &[u8]) -> Vec<(String, String)> {
        let mut whole = Vec::new();
        self.rest.extend_from_slice(piece);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let (event, data) = (
                    std::mem::take(&mut self.event),
                    std::mem::take(&mut self.data),
                );
                if !data.is_empty() {
                    whole.push((event, data.join("\n")));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => self.event = value.to_owned(),
                "data" => self.data.push(value.to_owned()),
                _ => {}
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn events_arrive_in_any_pieces() {
        let stream =
            ": hello\nevent: UPDATED\r\ndata: {\"a\":\ndata: 1}\n\nretry: 5\n\ndata: x\n\nda";
        for size in [1, 7, 1_000] {
            let mut lines = Lines::default();
            let pieces = stream.as_bytes().chunks(size);
            let events: Vec<_> = pieces.flat_map(|piece| lines.take(piece)).collect();
            let expected = [
                ("UPDATED".to_owned(), "{\"a\":\n1}".to_owned()),
                (String::new(), "x".to_owned()),
            ];
            assert_eq!(events, expected, "{size}");
        }
    }
}
