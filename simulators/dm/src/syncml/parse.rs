//! From the tree to values: any order is read, and every departure from the grammar is listed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::grammar::{Occurs, Rule};
use super::{
    Alert, AlertCode, Anchor, Block, Chal, Command, Cred, Data, Exec, Format, Header, Item,
    Location, Mark, Mem, Message, Meta, Request, Results, Status, StatusCode,
};
use crate::document::{Element, namespace};
use crate::error::{Error, Fault, shown};

/// A message, and what had to be forgiven to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The message. Commands that could not be read are not in it.
    pub message: Message,
    /// Departures from the grammar that change nothing in the meaning, in document order.
    pub deviations: Vec<Deviation>,
    /// Commands that could not be read.
    pub refused: Vec<Refused>,
}

/// One departure from the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Which kind.
    pub kind: DeviationKind,
    /// The element it is in.
    pub parent: Cow<'static, str>,
    /// The element it is about.
    pub child: Cow<'static, str>,
    /// Where that one starts, in octets.
    pub offset: usize,
}

/// Kinds of [`Deviation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviationKind {
    /// Stands after an element that must follow it. The order itself is not beyond doubt: see
    /// [`Rule::basis`].
    Order,
    /// Occurs again although it may occur once; the first one counts.
    Repeated,
    /// Known to SyncML, not used by DM; passed over.
    NotInDm,
    /// Not known in this place; passed over.
    Unknown,
    /// In another namespace than the grammar says. Said once for each wrong namespace: a message
    /// that declares none is wrong in every element.
    Namespace,
    /// A nonce that is not base64; the octets of its text were taken instead.
    NotBase64,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            parent,
            child,
            offset,
        } = self;
        let what = match kind {
            DeviationKind::Order => "is out of order",
            DeviationKind::Repeated => "occurs again",
            DeviationKind::NotInDm => "is not used by DM",
            DeviationKind::Unknown => "does not belong here",
            DeviationKind::Namespace => "is in another namespace",
            DeviationKind::NotBase64 => "is not base64",
        };
        write!(f, "<{child}> in <{parent}> {what} at offset {offset}")
    }
}

/// A command that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its element name.
    pub name: Cow<'static, str>,
    /// Its `CmdID`, if there is one, for a status that refuses it.
    pub cmd_id: Option<String>,
    /// How many commands of the body stand before it, refused ones not counted.
    pub position: usize,
    /// What is wrong.
    pub error: Error,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// When the root, the header or the body is missing, or the header cannot be read. A command
    /// that cannot be read is listed in [`Parsed::refused`] and the rest goes on.
    pub fn from_element(mut root: Element) -> Result<Parsed, Error> {
        if root.name != "SyncML" {
            return Err(Error::new(
                Fault::Value,
                root.offset,
                "<SyncML>",
                format!("<{}>", root.name),
            ));
        }
        let mut parser = Parser::default();
        parser.namespace("", &root, namespace::SYNCML);
        let mut children = parser.fields(&mut root)?;
        let header = parser.header(children.one("SyncHdr")?)?;
        let mut body = parser.fields(children.one("SyncBody")?)?;
        let is_final = body.optional("Final").is_some();

        let mut commands = Vec::new();
        let mut refused = Vec::new();
        for child in body.commands() {
            match parser.command(child) {
                Ok(command) => commands.push(command),
                Err(error) => refused.push(Refused {
                    name: child.name.clone(),
                    cmd_id: child.child("CmdID").map(|id| id.text().into_owned()),
                    position: commands.len(),
                    error,
                }),
            }
        }
        parser.deviations.sort_by_key(|deviation| deviation.offset);
        Ok(Parsed {
            message: Self {
                header,
                commands,
                is_final,
            },
            deviations: parser.deviations,
            refused,
        })
    }
}

/// Blocks inside blocks that are read. The stack of a small thread holds many times more.
const DEEPEST_BLOCK: usize = 32;

#[derive(Default)]
struct Parser {
    deviations: Vec<Deviation>,
    /// Blocks that are being read.
    blocks: usize,
    /// Namespaces that were reported, each with the expected one.
    namespaces: BTreeSet<(Cow<'static, str>, &'static str)>,
}

impl Parser {
    fn header(&mut self, element: &mut Element) -> Result<Header, Error> {
        let mut fields = self.fields(element)?;
        Ok(Header {
            ver_dtd: fields.text("VerDTD")?,
            ver_proto: fields.text("VerProto")?,
            session_id: fields.text("SessionID")?,
            msg_id: fields.text("MsgID")?,
            target: self.location(fields.one("Target")?)?,
            source: self.location(fields.one("Source")?)?,
            resp_uri: fields.optional_text("RespURI"),
            cred: self.maybe(fields.optional("Cred"), Self::cred)?,
            meta: self.maybe(fields.optional("Meta"), Self::meta)?,
        })
    }

    fn command(&mut self, element: &mut Element) -> Result<Command, Error> {
        let mut fields = self.fields(element)?;
        Ok(match fields.rule.element {
            "Add" => Command::Add(self.request(&mut fields)?),
            "Alert" => Command::Alert(self.alert(&mut fields)?),
            "Atomic" => Command::Atomic(self.block(&mut fields)?),
            "Copy" => Command::Copy(self.request(&mut fields)?),
            "Delete" => Command::Delete(self.request(&mut fields)?),
            "Exec" => Command::Exec(Exec {
                cmd_id: fields.id("CmdID")?,
                meta: self.maybe(fields.optional("Meta"), Self::meta)?,
                correlator: fields.optional_text("Correlator"),
                items: self.items(&mut fields, 1)?,
            }),
            "Get" => Command::Get(self.request(&mut fields)?),
            "Replace" => Command::Replace(self.request(&mut fields)?),
            "Results" => Command::Results(Results {
                cmd_id: fields.id("CmdID")?,
                msg_ref: fields.optional_text("MsgRef"),
                cmd_ref: fields.text("CmdRef")?,
                meta: self.maybe(fields.optional("Meta"), Self::meta)?,
                target_ref: fields.optional_text("TargetRef"),
                source_ref: fields.optional_text("SourceRef"),
                items: self.items(&mut fields, 1)?,
            }),
            "Sequence" => Command::Sequence(self.block(&mut fields)?),
            "Status" => self.status(&mut fields)?.into(),
            other => {
                return Err(Error::new(
                    Fault::Unsupported,
                    fields.element.offset,
                    "a command",
                    format!("<{other}>"),
                ));
            }
        })
    }

    fn request(&mut self, fields: &mut Fields<'_>) -> Result<Request, Error> {
        Ok(Request {
            cmd_id: fields.id("CmdID")?,
            meta: self.maybe(fields.optional("Meta"), Self::meta)?,
            items: self.items(fields, 1)?,
        })
    }

    fn alert(&mut self, fields: &mut Fields<'_>) -> Result<Alert, Error> {
        Ok(Alert {
            cmd_id: fields.id("CmdID")?,
            code: AlertCode(fields.number("Data", "an alert code")?),
            correlator: fields.optional_text("Correlator"),
            items: self.items(fields, 0)?,
        })
    }

    fn block(&mut self, fields: &mut Fields<'_>) -> Result<Block, Error> {
        if self.blocks == DEEPEST_BLOCK {
            return Err(Error::new(
                Fault::Limit,
                fields.element.offset,
                format!("blocks nested no deeper than {DEEPEST_BLOCK}"),
                "one more level",
            ));
        }
        self.blocks += 1;
        let commands: Vec<_> = fields.commands().map(|child| self.command(child)).collect();
        self.blocks -= 1;
        if commands.is_empty() {
            return Err(fields.missing("a command"));
        }
        Ok(Block {
            cmd_id: fields.id("CmdID")?,
            meta: self.maybe(fields.optional("Meta"), Self::meta)?,
            commands: commands.into_iter().collect::<Result<_, _>>()?,
        })
    }

    fn status(&mut self, fields: &mut Fields<'_>) -> Result<Status, Error> {
        Ok(Status {
            cmd_id: fields.id("CmdID")?,
            msg_ref: fields.text("MsgRef")?,
            cmd_ref: fields.text("CmdRef")?,
            cmd: fields.text("Cmd")?,
            target_refs: fields.all("TargetRef").map(Element::take_text).collect(),
            source_refs: fields.all("SourceRef").map(Element::take_text).collect(),
            cred: self.maybe(fields.optional("Cred"), Self::cred)?,
            chal: self.maybe(fields.optional("Chal"), Self::chal)?,
            code: StatusCode(fields.number("Data", "a status code")?),
            items: self.items(fields, 0)?,
        })
    }

    fn items(&mut self, fields: &mut Fields<'_>, least: usize) -> Result<Vec<Item>, Error> {
        let items: Vec<_> = fields.all("Item").map(|item| self.item(item)).collect();
        if items.len() < least {
            return Err(fields.missing("<Item>"));
        }
        items.into_iter().collect()
    }

    fn item(&mut self, element: &mut Element) -> Result<Item, Error> {
        let mut fields = self.fields(element)?;
        Ok(Item {
            target: self.maybe(fields.optional("Target"), Self::location)?,
            source: self.maybe(fields.optional("Source"), Self::location)?,
            meta: self.maybe(fields.optional("Meta"), Self::meta)?,
            data: fields.optional("Data").map(Data::take),
            more_data: fields.optional("MoreData").is_some(),
        })
    }

    fn location(&mut self, element: &mut Element) -> Result<Location, Error> {
        let mut fields = self.fields(element)?;
        Ok(Location {
            uri: fields.text("LocURI")?,
            name: fields.optional_text("LocName"),
        })
    }

    fn cred(&mut self, element: &mut Element) -> Result<Cred, Error> {
        let mut fields = self.fields(element)?;
        Ok(Cred {
            meta: self.maybe(fields.optional("Meta"), Self::meta)?,
            data: Data::take(fields.one("Data")?),
        })
    }

    fn chal(&mut self, element: &mut Element) -> Result<Chal, Error> {
        let mut fields = self.fields(element)?;
        Ok(Chal {
            meta: self.meta(fields.one("Meta")?)?,
        })
    }

    fn meta(&mut self, element: &mut Element) -> Result<Meta, Error> {
        let mut fields = self.fields(element)?;
        Ok(Meta {
            format: fields.word("Format").map(|word| Format::from(&*word)),
            media_type: fields.word("Type"),
            mark: fields.word("Mark").map(|word| Mark::from(&*word)),
            size: fields.optional_number("Size", "a size in octets")?,
            anchor: self.maybe(fields.optional("Anchor"), Self::anchor)?,
            version: fields.optional_text("Version"),
            next_nonce: fields.optional("NextNonce").map(|nonce| self.nonce(nonce)),
            max_msg_size: fields.optional_number("MaxMsgSize", "a size in octets")?,
            max_obj_size: fields.optional_number("MaxObjSize", "a size in octets")?,
            emi: fields.all("EMI").map(Element::take_text).collect(),
            mem: self.maybe(fields.optional("Mem"), Self::mem)?,
        })
    }

    fn anchor(&mut self, element: &mut Element) -> Result<Anchor, Error> {
        let mut fields = self.fields(element)?;
        Ok(Anchor {
            last: fields.optional_text("Last"),
            next: fields.text("Next")?,
        })
    }

    fn mem(&mut self, element: &mut Element) -> Result<Mem, Error> {
        let mut fields = self.fields(element)?;
        Ok(Mem {
            shared: fields.optional("SharedMem").is_some(),
            free_mem: fields.number("FreeMem", "a size in octets")?,
            free_id: fields.number("FreeID", "a number of items")?,
        })
    }

    /// WBXML may carry a nonce as raw octets; text is base64.
    fn nonce(&mut self, element: &mut Element) -> Vec<u8> {
        let text = element.text().into_owned();
        match Data::take(element) {
            Data::Octets(octets) => octets,
            Data::Markup(_) | Data::Text(_) => crate::base64::decode(&text).unwrap_or_else(|| {
                self.note(DeviationKind::NotBase64, "Meta", element);
                text.into_bytes()
            }),
        }
    }

    fn maybe<T>(
        &mut self,
        element: Option<&mut Element>,
        read: impl FnOnce(&mut Self, &mut Element) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        element.map(|element| read(self, element)).transpose()
    }

    /// The children of an element, checked against its rule.
    fn fields<'e>(&mut self, element: &'e mut Element) -> Result<Fields<'e>, Error> {
        let rule = Rule::of(&element.name).ok_or_else(|| {
            Error::new(
                Fault::Unsupported,
                element.offset,
                "an element that DM uses",
                format!("<{}>", element.name),
            )
        })?;
        // A bit per child; no rule has as many as there are bits.
        let mut seen = 0_u64;
        let mut furthest = 0;
        for child in element.children() {
            let Some(position) = rule.position_near(&child.name, furthest) else {
                self.note(DeviationKind::Unknown, &element.name, child);
                continue;
            };
            self.namespace(&element.name, child, rule.namespace);
            let slot = &rule.children[position];
            if !slot.in_dm {
                self.note(DeviationKind::NotInDm, &element.name, child);
            }
            if position < furthest {
                self.note(DeviationKind::Order, &element.name, child);
            }
            furthest = furthest.max(position);
            let bit = 1 << position;
            if seen & bit != 0 && matches!(slot.occurs, Occurs::One | Occurs::Optional) {
                self.note(DeviationKind::Repeated, &element.name, child);
            }
            seen |= bit;
        }
        Ok(Fields { element, rule })
    }

    fn namespace(&mut self, parent: &str, child: &Element, expected: &'static str) {
        if child.namespace != expected
            && self.namespaces.insert((child.namespace.clone(), expected))
        {
            self.note(DeviationKind::Namespace, parent, child);
        }
    }

    fn note(&mut self, kind: DeviationKind, parent: &str, child: &Element) {
        self.deviations.push(Deviation {
            kind,
            parent: Cow::Owned(parent.to_owned()),
            child: child.name.clone(),
            offset: child.offset,
        });
    }
}

/// The children of one element, by name. What is read of them is moved and not copied.
struct Fields<'e> {
    element: &'e mut Element,
    rule: &'static Rule,
}

impl Fields<'_> {
    fn all(&mut self, name: &'static str) -> impl Iterator<Item = &mut Element> {
        let children = self.element.children_mut();
        children.filter(move |child| child.name == name)
    }

    fn optional(&mut self, name: &'static str) -> Option<&mut Element> {
        self.all(name).next()
    }

    fn one(&mut self, name: &'static str) -> Result<&mut Element, Error> {
        let (parent, offset) = (self.rule.element, self.element.offset);
        let child = self.optional(name);
        child.ok_or_else(|| missing(&format!("<{name}>"), parent, offset))
    }

    /// The children that stand where the rule has a choice of commands, and those that the rule
    /// does not know: they may be commands that DM does not use.
    fn commands(&mut self) -> impl Iterator<Item = &mut Element> {
        let rule = self.rule;
        self.element.children_mut().filter(move |child| {
            let position = rule.position(&child.name);
            position.is_none_or(|position| rule.children[position].names.len() > 1)
        })
    }

    fn text(&mut self, name: &'static str) -> Result<String, Error> {
        self.one(name).map(Element::take_text)
    }

    fn optional_text(&mut self, name: &'static str) -> Option<String> {
        self.optional(name).map(Element::take_text)
    }

    /// Text without blanks around it.
    fn word(&mut self, name: &'static str) -> Option<String> {
        let text = self.optional_text(name)?;
        let word = text.trim();
        Some(if word.len() == text.len() {
            text
        } else {
            word.to_owned()
        })
    }

    /// Text that must not be empty. It stays where it is, since a command that is refused is named by it.
    fn id(&mut self, name: &'static str) -> Result<String, Error> {
        let element = self.one(name)?;
        let text = element.text().into_owned();
        if text.is_empty() {
            return Err(Error::new(
                Fault::Value,
                element.offset,
                format!("an identifier in <{name}>"),
                "nothing",
            ));
        }
        Ok(text)
    }

    fn number<N: FromStr>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<N, Error> {
        number(self.one(name)?, expected)
    }

    fn optional_number<N: FromStr>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<N>, Error> {
        self.optional(name)
            .map(|element| number(element, expected))
            .transpose()
    }

    fn missing(&self, what: &str) -> Error {
        missing(what, self.rule.element, self.element.offset)
    }
}

fn missing(what: &str, parent: &str, offset: usize) -> Error {
    Error::new(
        Fault::Missing,
        offset,
        format!("{what} in <{parent}>"),
        "none",
    )
}

fn number<N: FromStr>(element: &Element, expected: &'static str) -> Result<N, Error> {
    let text = element.text();
    text.trim().parse().map_err(|_| {
        Error::new(
            Fault::Value,
            element.offset,
            format!("{expected} in <{}>", element.name),
            shown(&text),
        )
    })
}
