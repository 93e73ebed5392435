//! The messages of a run, as data of the page: its script lays them out when a scenario is opened.
//! Texts that occur more than once are there once.

use std::collections::HashMap;

use serde::Serialize;
use twinproof_evidence::record::Body;
use twinproof_evidence::report::{Exchange, Report, Scenario};

use super::pretty::{hex_dump, pretty};
use crate::text;

/// How much of one body the page carries, in octets.
const BODY_LIMIT: usize = 32 * 1024;

/// How much text all messages together may have, in octets. Beyond it only first lines and outcomes
/// are in the page; scenarios that a person has to look at come first.
const TEXT_LIMIT: usize = 5 * 1024 * 1024;

#[derive(Default, Serialize)]
pub(super) struct Data<'a> {
    texts: Vec<String>,
    scenarios: InOrder<'a>,
    #[serde(skip)]
    known: HashMap<String, usize>,
    #[serde(skip)]
    octets: usize,
}

/// Serialized as a map whose keys stand in the order of the report.
#[derive(Default)]
struct InOrder<'a>(Vec<(&'a str, Vec<Message<'a>>)>);

impl Serialize for InOrder<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, messages)| (id, messages)))
    }
}

/// An exchange. Numbers in `head` and `body` are indices of `texts`.
#[derive(Serialize)]
struct Message<'a> {
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    took: Option<String>,
    from: &'a str,
    to: &'a str,
    line: String,
    sent: Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    came: Option<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

#[derive(Serialize)]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<usize>,
    /// What a reader has to know of the body: how long it was, what is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Whether head and body are left out to keep the page small.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    left_out: bool,
}

impl<'a> Data<'a> {
    /// The messages of a report.
    pub(super) fn of(report: &'a Report) -> Self {
        let mut data = Self::default();
        let mut order: Vec<usize> = (0..report.scenarios.len()).collect();
        let verdict = |index: &usize| report.scenarios[*index].verdict;
        order.sort_by_key(|index| std::cmp::Reverse(verdict(index)));
        let mut messages: Vec<Vec<Message<'a>>> = Vec::new();
        messages.resize_with(report.scenarios.len(), Vec::new);
        for index in order {
            messages[index] = data.messages(&report.scenarios[index]);
        }
        let ids = report.scenarios.iter().map(|scenario| scenario.id.as_str());
        data.scenarios = InOrder(ids.zip(messages).collect());
        data
    }

    fn messages(&mut self, scenario: &'a Scenario) -> Vec<Message<'a>> {
        scenario
            .exchanges
            .iter()
            .map(|exchange| self.message(exchange))
            .collect()
    }

    fn message(&mut self, exchange: &'a Exchange) -> Message<'a> {
        Message {
            n: exchange.exchange,
            step: exchange.step,
            at: text::duration(exchange.at),
            took: exchange.took_us.map(text::duration),
            from: &exchange.from,
            to: &exchange.to,
            line: text::line(&exchange.line, 2_000),
            sent: self.part(&exchange.headers, &exchange.body),
            status: exchange.answer.as_ref().map(|answer| answer.status),
            came: exchange
                .answer
                .as_ref()
                .map(|answer| self.part(&answer.headers, &answer.body)),
            fault: exchange
                .fault
                .as_deref()
                .map(|fault| text::line(fault, 2_000)),
        }
    }

    fn part(&mut self, headers: &[(String, String)], body: &Body) -> Part {
        if self.octets > TEXT_LIMIT {
            return Part {
                head: None,
                body: None,
                note: None,
                left_out: true,
            };
        }
        let head: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let (shown, note) = show(body);
        Part {
            head: self.text(head.join("\n")),
            body: self.text(shown),
            note,
            left_out: false,
        }
    }

    fn text(&mut self, text: String) -> Option<usize> {
        if text.is_empty() {
            return None;
        }
        let next = self.texts.len();
        let index = *self.known.entry(text.clone()).or_insert(next);
        if index == next {
            // As long as it will be in the page, where some characters are escaped.
            let escaped = text.bytes().map(|octet| match octet {
                b'<' => 6,
                b'"' | b'\\' | b'\n' => 2,
                _ => 1,
            });
            self.octets += escaped.sum::<usize>();
            self.texts.push(text);
        }
        Some(index)
    }
}

/// A body as it is shown, and what has to be said of it.
fn show(body: &Body) -> (String, Option<String>) {
    let octets = match body.text {
        Some(_) => Vec::new(),
        None => body.octets(),
    };
    let read = body.text.as_ref().map_or(octets.len(), String::len);
    let mut notes = Vec::new();
    let shown = match &body.text {
        Some(text) => {
            let (head, rest) = text::head(text, BODY_LIMIT);
            if rest > 0 {
                notes.push(format!(
                    "the first {} are shown; the rest is in report.json",
                    text::octets(head.len() as u64)
                ));
                head.to_owned()
            } else {
                pretty(text)
            }
        }
        None if octets.is_empty() => String::new(),
        None => {
            let head = &octets[..octets.len().min(BODY_LIMIT / 8)];
            if head.len() < octets.len() {
                notes.push(format!(
                    "the first {} are shown; the rest is in report.json",
                    text::octets(head.len() as u64)
                ));
            }
            hex_dump(head)
        }
    };
    if let Some(digest) = &body.sha256 {
        notes.push(format!(
            "{} were read, with the SHA-256 digest {digest}",
            text::octets(read as u64)
        ));
    }
    if body.length > 0 || !notes.is_empty() {
        notes.insert(0, text::octets(body.length));
    }
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    (shown, note)
}
