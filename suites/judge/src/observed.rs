//! What a run has shown of the things that the public texts leave open.
//!
//! A knob is observed when a positive exchange of the run used it: the system answered with success
//! and with a document in which the knob's value does its work. Refusals, empty answers and what only
//! repeats the request show nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use twinproof_twinning::device::read_body;
use twinproof_twinning::knobs::{
    CreateReturns, Formats, Knobs, PrimaryOperator, ToggleStyle, VoiceMail,
};
use twinproof_twinning::message::{Role, Status, Twinning};
use twinproof_twinning::tree::{Dialect, Document, Format, Tree};

use crate::scene::{Exchange, SUT, Scene};

/// In front of every knob's name.
const PREFIX: &str = "twinning.knobs";

/// The name of the peer operator in every ledger.
const PEER: &str = "peer";

/// The groups of knobs by their dotted keys, each with the keys of its members.
pub(crate) fn groups(knobs: &Knobs) -> BTreeMap<String, Vec<String>> {
    let values = serde_json::to_value(knobs).unwrap_or_default();
    let fields = values.as_object().into_iter().flatten();
    fields
        .filter_map(|(group, value)| {
            let members = value.as_object()?.keys();
            let group = format!("{PREFIX}.{group}");
            let members = members.map(|member| format!("{group}.{member}")).collect();
            Some((group, members))
        })
        .collect()
}

/// The dotted keys of all knobs that these scenes show in use.
pub(crate) fn observed<'a>(
    scenes: impl IntoIterator<Item = &'a Scene>,
    knobs: &Knobs,
) -> BTreeSet<String> {
    let mut seen = Seen {
        knobs,
        names: texts(&knobs.names),
        literals: texts(&knobs.literals),
        formats: BTreeSet::new(),
        keys: BTreeSet::new(),
    };
    for scene in scenes {
        for exchange in scene.exchanges.values() {
            if exchange.is_contact() {
                seen.answer(exchange);
                seen.toggle(exchange, scene);
            } else if is_accepted_change(exchange) {
                seen.toggle(exchange, scene);
            } else if exchange.from == SUT {
                seen.callback(exchange);
            }
        }
    }
    seen.keys
}

/// A success without a document, to something that changes.
fn is_accepted_change(exchange: &Exchange) -> bool {
    let empty = |exchange: &Exchange| {
        exchange
            .response
            .as_ref()
            .is_some_and(|r| r.is_success() && r.length == 0)
    };
    exchange.to == SUT && matches!(exchange.method.as_str(), "PUT" | "POST") && empty(exchange)
}

/// The fields of a struct of texts, by their names.
fn texts<T: serde::Serialize>(table: &T) -> Vec<(String, String)> {
    match serde_json::to_value(table) {
        Ok(Value::Object(fields)) => fields
            .into_iter()
            .filter_map(|(field, text)| Some((field, text.as_str()?.to_owned())))
            .collect(),
        _ => Vec::new(),
    }
}

struct Seen<'a> {
    knobs: &'a Knobs,
    names: Vec<(String, String)>,
    literals: Vec<(String, String)>,
    /// The formats that were asked for and came.
    formats: BTreeSet<Format>,
    keys: BTreeSet<String>,
}

impl Seen<'_> {
    fn key(&mut self, key: &str) {
        self.keys.insert(format!("{PREFIX}.{key}"));
    }

    fn answer(&mut self, exchange: &Exchange) {
        let (Ok(document), Some(response)) = (exchange.document(), &exchange.response) else {
            return;
        };
        let known = self.document(&document);
        if !known {
            return;
        }
        self.path(exchange, &document);
        self.creation(exchange, &document);
        let media_type = response.headers.first("Content-Type").unwrap_or_default();
        let format = Format::of_media_type(media_type);
        let asked = header(exchange, "Accept").and_then(Format::of_media_type);
        if let Some(format) = format.filter(|format| asked == Some(*format)) {
            self.formats.insert(format);
            if format == Format::from(self.knobs.format) {
                self.key("format");
            }
            if self.formats.len() == 2 && self.knobs.formats == Formats::Both {
                self.key("formats");
            }
        }
        if format == Some(Format::Json) && self.dialect(&response.body) == Some(self.knobs.json) {
            self.key("json");
        }
    }

    /// What the system sends by itself, and what the other side accepted.
    fn callback(&mut self, exchange: &Exchange) {
        let accepted = exchange.response.as_ref().is_some_and(|r| r.is_success());
        let mut request = twinproof_kernel::http::Response::new(200);
        request.headers = exchange.headers.iter().cloned().collect();
        request.body = exchange.body.octets();
        if let (true, Ok(document)) = (accepted, read_body(&request)) {
            let known = self.document(&document);
            if known && exchange.to == PEER && document.root == self.knobs.names.twinning {
                self.key("inter_operator");
            }
        }
    }

    /// Names and literals of a document, if it is one of this interface.
    fn document(&mut self, document: &Document) -> bool {
        let names = &self.knobs.names;
        let roots = [
            ("twinning", &names.twinning),
            ("twinning_list", &names.twinning_list),
            ("twinning_status", &names.twinning_status),
            ("subscription", &names.subscription),
            ("subscription_list", &names.subscription_list),
            ("notification", &names.notification),
        ];
        let Some((field, _)) = roots.iter().find(|(_, name)| **name == document.root) else {
            return false;
        };
        let empty = document.tree.entries().is_empty() && document.tree.text().is_none();
        if empty && *field != "twinning_list" {
            return false;
        }
        self.key(&format!("names.{field}"));
        self.voice_mail(&document.tree);
        self.literal(&document.root, &document.tree);
        self.elements(&document.root, &document.tree);
        true
    }

    fn elements(&mut self, parent: &str, tree: &Tree) {
        for (name, child) in tree.entries() {
            let fields: Vec<String> = self
                .names
                .iter()
                .filter(|(field, value)| value == name && self.belongs(field, parent))
                .map(|(field, _)| format!("names.{field}"))
                .collect();
            for field in fields {
                self.key(&field);
            }
            self.voice_mail(child);
            self.literal(name, child);
            self.elements(name, child);
        }
    }

    /// Whether the element that a knob names has its place inside this parent.
    fn belongs(&self, field: &str, parent: &str) -> bool {
        let names = &self.knobs.names;
        match field {
            "code" => parent == names.activation_code,
            "mno_id" => parent == names.activation_code || parent == names.other_device,
            "address" => parent == names.other_device,
            "role" | "name" | "other_device" | "activation_code" | "twinning_status"
            | "auth_code" | "own_address" => parent == names.twinning,
            _ => true,
        }
    }

    fn literal(&mut self, name: &str, tree: &Tree) {
        let Some(text) = tree.text() else { return };
        let members: &[&str] = if name == self.knobs.names.role {
            &["primary", "secondary"]
        } else if name == self.knobs.names.twinning_status {
            &["pending", "on", "off"]
        } else {
            return;
        };
        let used = self
            .literals
            .iter()
            .find(|(field, value)| value == text && members.contains(&field.as_str()))
            .map(|(field, _)| format!("literals.{field}"));
        if let Some(key) = used {
            self.key(&key);
        }
    }

    /// Which templates the URL of a successful exchange is made of.
    fn path(&mut self, exchange: &Exchange, document: &Document) {
        let (paths, names) = (&self.knobs.paths, &self.knobs.names);
        let url = exchange.url.split(['?', '#']).next().unwrap_or_default();
        let (twinnings, subscriptions) = (paths.twinnings.clone(), paths.subscriptions.clone());
        let status_part = paths.status_part.clone();
        let prefix = format!("/{}/{}/", paths.api, paths.version);
        let is = |name: &str| document.root == name;
        let mut used = Vec::new();
        if url.ends_with(&twinnings) && (is(&names.twinning_list) || is(&names.twinning)) {
            used.push("paths.twinnings");
        }
        if url.ends_with(&subscriptions)
            && (is(&names.subscription_list) || is(&names.subscription))
        {
            used.push("paths.subscriptions");
        }
        if url.ends_with(&status_part) && is(&names.twinning_status) {
            used.push("paths.status_part");
        }
        let in_api = url.contains(&prefix) && !used.is_empty();
        for key in used {
            self.key(key);
        }
        if in_api {
            self.key("paths.api");
            self.key("paths.version");
        }
    }

    fn creation(&mut self, exchange: &Exchange, document: &Document) {
        if exchange.method != "POST" || exchange.status() != Some(201) {
            return;
        }
        let Some(asked) = self.sent(exchange) else {
            return;
        };
        let made = Twinning::of_document(document, self.knobs);
        match asked.role(self.knobs) {
            // That a reference came is nothing that a document of this interface can show.
            Some(Role::Primary)
                if made.is_some() && self.knobs.create_returns == CreateReturns::Full =>
            {
                self.key("create_returns");
            }
            Some(Role::Secondary) => {
                let wanted = match self.knobs.primary_operator {
                    PrimaryOperator::ActivationCode => asked
                        .activation_code
                        .as_ref()
                        .and_then(|c| c.mno_id.clone()),
                    PrimaryOperator::OwnElement => asked.primary_operator.clone(),
                };
                let given = made
                    .as_ref()
                    .and_then(|t| t.activation_code.as_ref()?.mno_id.clone());
                if wanted.is_some() && wanted == given {
                    self.key("primary_operator");
                }
            }
            _ => {}
        }
    }

    /// How a status was changed, where it is seen to have changed.
    fn toggle(&mut self, exchange: &Exchange, scene: &Scene) {
        let Some(sent) = self.sent_status(exchange) else {
            return;
        };
        let part = exchange.url.ends_with(&self.knobs.paths.status_part);
        let style = match (exchange.method.as_str(), part) {
            ("PUT", true) => ToggleStyle::PutLight,
            ("PUT", false) => ToggleStyle::PutFull,
            ("POST", false) if exchange.status() != Some(201) => ToggleStyle::Post,
            _ => return,
        };
        let resource = if part {
            let end = exchange.url.len() - self.knobs.paths.status_part.len();
            &exchange.url[..end]
        } else {
            exchange.url.as_str()
        };
        // The first look at the resource afterwards tells.
        let shown = scene
            .exchanges
            .values()
            .filter(|later| later.number >= exchange.number && later.is_contact())
            .filter(|later| later.url == resource || later.number == exchange.number)
            .find_map(|later| self.shown_status(later));
        if shown == Some(sent) && style == self.knobs.toggle_style {
            self.key("toggle_style");
            if part {
                self.key("paths.status_part");
            }
        }
    }

    fn shown_status(&self, exchange: &Exchange) -> Option<Status> {
        self.status_of(&exchange.document().ok()?)
    }

    fn sent_status(&self, exchange: &Exchange) -> Option<Status> {
        self.status_of(&self.sent_document(exchange)?)
    }

    fn status_of(&self, document: &Document) -> Option<Status> {
        if document.root == self.knobs.names.twinning_status {
            return Status::of_literal(document.tree.text()?, self.knobs);
        }
        Twinning::of_document(document, self.knobs)?.status(self.knobs)
    }

    fn sent(&self, exchange: &Exchange) -> Option<Twinning> {
        Twinning::of_document(&self.sent_document(exchange)?, self.knobs)
    }

    fn sent_document(&self, exchange: &Exchange) -> Option<Document> {
        let format = header(exchange, "Content-Type").and_then(Format::of_media_type)?;
        Document::read(format, &exchange.body.octets()).ok()
    }

    /// Where a secondary finds the primary's voice-mail address.
    fn voice_mail(&mut self, twinning: &Tree) {
        let names = &self.knobs.names;
        let place = if twinning.child(&names.vm_address).is_some() {
            VoiceMail::Top
        } else if twinning
            .child(&names.other_device)
            .is_some_and(|other| other.child(&names.vm_address).is_some())
        {
            VoiceMail::OtherDevice
        } else {
            return;
        };
        if place == self.knobs.voice_mail {
            self.key("voice_mail");
        }
    }

    /// The dialect of a list with exactly one entry; no other document shows it.
    fn dialect(&self, body: &[u8]) -> Option<Dialect> {
        let names = &self.knobs.names;
        let value: Value = serde_json::from_slice(body).ok()?;
        match value.get(&names.twinning_list)?.get(&names.twinning)? {
            Value::Array(entries) if entries.len() == 1 => Some(Dialect::StructureAware),
            Value::Object(_) => Some(Dialect::InstanceBased),
            _ => None,
        }
    }
}

fn header<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a str> {
    exchange
        .headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}
