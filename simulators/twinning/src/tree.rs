//! One ordered tree for what JSON and XML say alike.
//!
//! The network APIs of this family print the same structures as XML and as two dialects of JSON
//! (digest §5). Everything above this module works on the tree and never asks which it was.

mod json;

use std::fmt;

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, Event};
use quick_xml::name::ResolveResult;

/// How deep elements may nest before a document is refused.
pub const DEPTH_LIMIT: usize = 32;

/// A body format.
#[derive(
    Clone,
    Copy,
    Debug,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `application/json`
    Json,
    /// `application/xml`
    Xml,
}

impl Format {
    /// The media type that this format is sent with.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }

    /// The format that a media type names; parameters and structured suffixes count.
    pub fn of_media_type(value: &str) -> Option<Self> {
        let essence = value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Some(Self::Json),
            "application/xml" | "text/xml" => Some(Self::Xml),
            other if other.ends_with("+json") => Some(Self::Json),
            other if other.ends_with("+xml") => Some(Self::Xml),
            _ => None,
        }
    }
}

/// How JSON prints what XML repeats.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Eq,
    PartialEq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// An element that may repeat is always an array.
    #[default]
    StructureAware,
    /// An element that may repeat is an array only where it does.
    InstanceBased,
}

/// A value: text, or named children in order. A repeated element is a repeated name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tree {
    /// Text, also of numbers and booleans.
    Leaf(String),
    /// Children in order.
    Branch(Vec<(String, Tree)>),
}

impl Tree {
    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, tree)| tree)
    }

    /// All children of this name.
    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.entries()
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, tree)| tree)
    }

    /// All children with their names.
    pub fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Leaf(_) => &[],
            Self::Branch(entries) => entries,
        }
    }

    /// The text of a leaf.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Leaf(text) => Some(text),
            Self::Branch(_) => None,
        }
    }

    /// The text of the first child of this name.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(Self::text)
    }
}

/// A body: its root's name and what is below.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// The root element's local name; in JSON the one top-level member.
    pub root: String,
    /// The root element's namespace; JSON has none.
    pub namespace: Option<String>,
    /// What the root holds.
    pub tree: Tree,
}

/// Why a body could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// The format that was expected.
    pub format: Format,
    /// What is wrong and where.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            Format::Json => "JSON",
            Format::Xml => "XML",
        };
        write!(f, "not a {format} document: {}", self.why)
    }
}

impl std::error::Error for Unreadable {}

impl Document {
    /// A document without a namespace.
    pub fn new(root: impl Into<String>, tree: Tree) -> Self {
        Self {
            root: root.into(),
            namespace: None,
            tree,
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    ///
    /// The text is not of the format, nests deeper than [`DEPTH_LIMIT`], has not exactly one root,
    /// or refers to an entity that XML does not predefine.
    pub fn read(format: Format, body: &[u8]) -> Result<Self, Unreadable> {
        match format {
            Format::Json => json::read(body),
            Format::Xml => read_xml(body),
        }
        .map_err(|why| Unreadable { format, why })
    }

    /// Prints a body. `repeats` says which names may repeat (only JSON asks).
    pub fn write(&self, format: Format, dialect: Dialect, repeats: &[&str]) -> Vec<u8> {
        match format {
            Format::Json => {
                let value = json_value(&self.tree, dialect, repeats);
                let root = serde_json::Map::from_iter([(self.root.clone(), value)]);
                serde_json::Value::Object(root).to_string().into_bytes()
            }
            Format::Xml => {
                let mut out = String::with_capacity(256);
                write_xml_root(self, &mut out);
                out.into_bytes()
            }
        }
    }
}

fn json_value(tree: &Tree, dialect: Dialect, repeats: &[&str]) -> serde_json::Value {
    use serde_json::Value;
    let entries = match tree {
        Tree::Leaf(text) => return Value::String(text.clone()),
        Tree::Branch(entries) => entries,
    };
    let mut members = serde_json::Map::new();
    for (name, child) in entries {
        let value = json_value(child, dialect, repeats);
        let always = dialect == Dialect::StructureAware && repeats.contains(&name.as_str());
        match members.get_mut(name) {
            None if always => {
                members.insert(name.clone(), Value::Array(vec![value]));
            }
            None => {
                members.insert(name.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(single) => {
                let first = single.take();
                *single = Value::Array(vec![first, value]);
            }
        }
    }
    Value::Object(members)
}

struct Open {
    name: String,
    entries: Vec<(String, Tree)>,
    text: String,
}

impl Open {
    fn close(self) -> (String, Tree) {
        let leaf = self.entries.is_empty();
        (
            self.name,
            if leaf {
                Tree::Leaf(self.text)
            } else {
                Tree::Branch(self.entries)
            },
        )
    }
}

fn read_xml(body: &[u8]) -> Result<Document, String> {
    let text = std::str::from_utf8(body).map_err(|e| format!("not UTF-8: {e}"))?;
    let mut reader = NsReader::from_str(text);
    let mut stack: Vec<Open> = Vec::new();
    let mut namespace = None;
    let mut done: Option<Document> = None;
    loop {
        let at = reader.buffer_position();
        let event = reader
            .read_event()
            .map_err(|e| format!("{e} at octet {at}"))?;
        let closed = match event {
            Event::Start(start) => {
                if stack.len() >= DEPTH_LIMIT {
                    return Err(format!("nested deeper than {DEPTH_LIMIT} at octet {at}"));
                }
                if stack.is_empty() && done.is_none() {
                    namespace = root_namespace(&reader, start.name());
                }
                stack.push(open(start.local_name().as_ref()));
                None
            }
            Event::Empty(start) => {
                if stack.is_empty() && done.is_none() {
                    namespace = root_namespace(&reader, start.name());
                }
                Some(open(start.local_name().as_ref()))
            }
            Event::End(_) => stack.pop(),
            Event::Text(content) => {
                let content = content.decode().map_err(|e| format!("{e} at octet {at}"))?;
                append(&mut stack, &content, at)?;
                None
            }
            Event::CData(content) => {
                let content = content.decode().map_err(|e| format!("{e} at octet {at}"))?;
                append(&mut stack, &content, at)?;
                None
            }
            Event::GeneralRef(reference) => {
                let character = resolve(&reference, at)?;
                append(&mut stack, character.encode_utf8(&mut [0; 4]), at)?;
                None
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::DocType(_) | Event::PI(_) => None,
        };
        if let Some(element) = closed {
            let (name, tree) = element.close();
            match stack.last_mut() {
                Some(parent) => parent.entries.push((name, tree)),
                None if done.is_some() => {
                    return Err(format!("a second root element at octet {at}"));
                }
                None => {
                    done = Some(Document {
                        root: name,
                        namespace: namespace.take(),
                        tree,
                    })
                }
            }
        }
    }
    match (done, stack.last()) {
        (_, Some(element)) => Err(format!("element {} is not closed", element.name)),
        (None, None) => Err("no root element".to_owned()),
        (Some(document), None) => Ok(document),
    }
}

fn open(local_name: &[u8]) -> Open {
    let name = String::from_utf8_lossy(local_name).into_owned();
    Open {
        name,
        entries: Vec::new(),
        text: String::new(),
    }
}

fn root_namespace(reader: &NsReader<&[u8]>, name: quick_xml::name::QName<'_>) -> Option<String> {
    match reader.resolver().resolve_element(name).0 {
        ResolveResult::Bound(namespace) => {
            Some(String::from_utf8_lossy(namespace.as_ref()).into_owned())
        }
        ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
    }
}

fn append(stack: &mut [Open], content: &str, at: u64) -> Result<(), String> {
    match stack.last_mut() {
        Some(element) => element.text.push_str(content),
        None if content.trim().is_empty() => {}
        None => return Err(format!("text outside the root element at octet {at}")),
    }
    Ok(())
}

fn resolve(reference: &BytesRef<'_>, at: u64) -> Result<char, String> {
    if let Some(character) = reference
        .resolve_char_ref()
        .map_err(|e| format!("{e} at octet {at}"))?
    {
        return Ok(character);
    }
    match &**reference {
        b"amp" => Ok('&'),
        b"apos" => Ok('\''),
        b"gt" => Ok('>'),
        b"lt" => Ok('<'),
        b"quot" => Ok('"'),
        other => Err(format!(
            "entity &{}; is not one of XML's own and is not expanded, at octet {at}",
            String::from_utf8_lossy(other)
        )),
    }
}

fn write_xml_root(document: &Document, out: &mut String) {
    match &document.namespace {
        Some(namespace) => {
            out.push_str("<n:");
            out.push_str(&document.root);
            out.push_str(" xmlns:n=\"");
            out.push_str(&quick_xml::escape::escape(namespace.as_str()));
            out.push_str("\">");
            write_xml_content(&document.tree, out);
            out.push_str("</n:");
            out.push_str(&document.root);
            out.push('>');
        }
        None => write_xml(&document.root, &document.tree, out),
    }
}

fn write_xml(name: &str, tree: &Tree, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    write_xml_content(tree, out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn write_xml_content(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Leaf(text) => out.push_str(&quick_xml::escape::escape(text.as_str())),
        Tree::Branch(entries) => {
            for (name, child) in entries {
                write_xml(name, child, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Dialect, Document, Format, Tree};

    fn leaf(text: &str) -> Tree {
        Tree::Leaf(text.to_owned())
    }

    #[test]
    fn both_json_dialects_and_xml_say_the_same() {
        let expected = Document::new("list", Tree::Branch(vec![("item".to_owned(), leaf("5"))]));
        for body in [
            r#"{"list":{"item":["5"]}}"#,
            r#"{"list":{"item":"5"}}"#,
            r#"{"list":{"item":5}}"#,
        ] {
            assert_eq!(
                Document::read(Format::Json, body.as_bytes()).unwrap(),
                expected,
                "{body}"
            );
        }
        let xml = br#"<?xml version="1.0"?><p:list xmlns:p="urn:x"><item>&#53;</item></p:list>"#;
        let read = Document::read(Format::Xml, xml).unwrap();
        assert_eq!(
            (read.tree, read.namespace.as_deref()),
            (expected.tree, Some("urn:x"))
        );
    }

    #[test]
    fn every_kind_of_json_is_read_as_the_text_that_it_is_written_with() {
        let read = |body: &str| Document::read(Format::Json, body.as_bytes()).map(|of| of.tree);
        let many = |texts: &[&str]| {
            let all = texts.iter().map(|text| ("a".to_owned(), leaf(text)));
            Ok(Tree::Branch(all.collect()))
        };
        for (body, texts) in [
            (
                r#"{"r":{"a":[true,null,-1,1.50,0.25,{}]}}"#,
                &["true", "", "-1", "1.5", "0.25", ""][..],
            ),
            (r#"{"r":{"a":[["1"],[],["2",["3"]]]}}"#, &["1", "2", "3"]),
            // Of a member that is there twice the last counts, as readers commonly have it.
            (r#"{"r":{"a":"1","a":["2","3"]}}"#, &["2", "3"]),
        ] {
            assert_eq!(read(body), many(texts), "{body}");
        }
        assert_eq!(read(r#"{"r":["1"]}"#), Ok(leaf("1")));
        assert_eq!(read(r#"{"r":"1","r":"2"}"#), Ok(leaf("2")));
        let names = (0..99).map(|number| format!(r#""n{number}":"{number}","#));
        let long: String = names.collect();
        let tree = read(&format!(
            r#"{{"r":{{{long}"n7":"again","n98":["x","y"]}}}}"#
        ))
        .unwrap();
        assert_eq!(
            (tree.entries().len(), tree.child_text("n7")),
            (100, Some("again"))
        );
        assert_eq!(tree.children("n98").count(), 2);
    }

    #[test]
    fn what_is_no_document_is_refused_with_the_reason() {
        let deep = "<a>".repeat(100);
        let repeated = format!(
            r#"{{"a":{{"{}":[{}1]}}}}"#,
            "n".repeat(9_000),
            "1,".repeat(9_000)
        );
        let deep_json = format!("{}{}", r#"{"a":"#.repeat(34), "[".repeat(9));
        for (format, body, why) in [
            (Format::Json, "{}", "exactly one top-level member, got 0"),
            (Format::Json, "[1]", "expected an object"),
            (Format::Json, r#"{"a":1,"b":2}"#, "got 2"),
            (
                Format::Json,
                r#"{"a":[1,2]}"#,
                "the root member is an array",
            ),
            (Format::Json, r#"{"a":1}x"#, "trailing"),
            (Format::Json, &deep_json, "nested deeper"),
            (Format::Json, &repeated, "names of lists come to more"),
            (Format::Json, r#"{"a":"#, "EOF"),
            (Format::Xml, "", "no root element"),
            (Format::Xml, "<a><b></a>", "octet"),
            (Format::Xml, "<a>", "not closed"),
            (Format::Xml, "<a/><b/>", "second root"),
            (Format::Xml, &deep, "nested deeper"),
            (
                Format::Xml,
                r#"<!DOCTYPE a [<!ENTITY x "yyyy">]><a>&x;</a>"#,
                "entity &x; is not one of XML's own",
            ),
        ] {
            let error = Document::read(format, body.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(why), "{body}: {error}");
        }
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let name = "[a-z]{1,4}";
        let leaf = "[ -~äß漢]{0,12}".prop_map(Tree::Leaf);
        leaf.prop_recursive(4, 24, 4, move |inner| {
            // A name's repetitions stand together, as a schema's sequence demands.
            proptest::collection::btree_map(name, proptest::collection::vec(inner, 1..3), 1..4)
                .prop_map(|map| {
                    let entries = map
                        .into_iter()
                        .flat_map(|(name, trees)| {
                            trees.into_iter().map(move |tree| (name.clone(), tree))
                        })
                        .collect();
                    Tree::Branch(entries)
                })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tree in trees(), dialect in prop_oneof![Just(Dialect::StructureAware), Just(Dialect::InstanceBased)]) {
            let document = Document { root: "root".to_owned(), namespace: None, tree };
            for format in [Format::Json, Format::Xml] {
                let body = document.write(format, dialect, &["a", "b"]);
                let read = Document::read(format, &body);
                prop_assert_eq!(read.as_ref(), Ok(&document), "{}", String::from_utf8_lossy(&body));
            }
        }

        #[test]
        fn no_octets_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for format in [Format::Json, Format::Xml] {
                let _ = Document::read(format, &body);
            }
        }
    }
}
