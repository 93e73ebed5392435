//! Which objects and resources there are, as data.
//!
//! The definitions are in the XML format of the OMA's own registry, so that any file of that registry,
//! or a vendor's, can be loaded beside the ones we bring: objects 0 to 7 in the versions that belong
//! to LwM2M 1.0, 1.1 and 1.2, and [`TEST_OBJECT`].

use std::collections::BTreeMap;
use std::fmt;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::wire::{Kind, Path, Value, Version};

/// An object of ours, in the range for private tests: one resource of every type and operation.
pub const TEST_OBJECT: u16 = 26_241;

/// The definition of one version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The id.
    pub id: u16,
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The URN.
    pub urn: String,
    /// The version of the definition.
    pub version: Version,
    /// The first version of the enabler that can have it.
    pub enabler: Version,
    /// Whether there can be more than one instance.
    pub multiple: bool,
    /// Whether every client has it.
    pub mandatory: bool,
    /// The resources, by id.
    pub resources: BTreeMap<u16, Resource>,
}

/// The definition of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The id.
    pub id: u16,
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What a server may do with it; nothing if it is for bootstrap only.
    pub operations: Operations,
    /// Whether it has instances.
    pub multiple: bool,
    /// Whether every instance of the object has it.
    pub mandatory: bool,
    /// The type; none if there is no value to read or write.
    pub kind: Option<Kind>,
    /// The range or enumeration as written: `0..255`, `16,32,48`, or words.
    pub range: String,
    /// The unit, in the notation of RFC 8428 where the definition uses it.
    pub units: String,
}

/// What a server may do with a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Read, Observe, Discover.
    pub read: bool,
    /// Write.
    pub write: bool,
    /// Execute.
    pub execute: bool,
}

impl Resource {
    /// Whether a value has the type of this resource and is in its range. A range of numbers bounds the
    /// value of a number and the length in bytes of a string; a list bounds the length in bytes of
    /// an opaque value. Ranges in words bound nothing.
    pub fn allows(&self, value: &Value) -> bool {
        if self.kind != Some(value.kind()) {
            return false;
        }
        let size = match value {
            Value::String(text) | Value::CoreLink(text) => Some(text.len() as f64),
            Value::Opaque(bytes) => Some(bytes.len() as f64),
            _ => value.number(),
        };
        let Some(size) = size else {
            return true;
        };
        if let Some((least, most)) = self.range.split_once("..")
            && let (Ok(least), Ok(most)) = (least.trim().parse(), most.trim().parse::<f64>())
        {
            return (least..=most).contains(&size);
        }
        let listed: Result<Vec<f64>, _> = self
            .range
            .split(',')
            .map(|number| number.trim().parse())
            .collect();
        listed.is_err() || listed.is_ok_and(|listed| listed.contains(&size))
    }
}

/// Why a text is no object definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError {
    /// The offset in bytes at which it was noticed.
    pub at: usize,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub got: String,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, expected, got } = self;
        write!(
            f,
            "at byte {at} of the object definition: expected {expected}, got {got}"
        )
    }
}

impl std::error::Error for ModelError {}

/// A set of object definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    objects: BTreeMap<(u16, Version), Object>,
}

const BUILTIN: &[&str] = &[
    include_str!("../objects/0-1_0.xml"),
    include_str!("../objects/0-1_1.xml"),
    include_str!("../objects/0-1_2.xml"),
    include_str!("../objects/1-1_0.xml"),
    include_str!("../objects/1-1_1.xml"),
    include_str!("../objects/1-1_2.xml"),
    include_str!("../objects/2-1_0.xml"),
    include_str!("../objects/2-1_1.xml"),
    include_str!("../objects/3-1_0.xml"),
    include_str!("../objects/3-1_1.xml"),
    include_str!("../objects/3-1_2.xml"),
    include_str!("../objects/4-1_0.xml"),
    include_str!("../objects/4-1_1.xml"),
    include_str!("../objects/4-1_2.xml"),
    include_str!("../objects/4-1_3.xml"),
    include_str!("../objects/5-1_0.xml"),
    include_str!("../objects/5-1_1.xml"),
    include_str!("../objects/5-1_2.xml"),
    include_str!("../objects/6-1_0.xml"),
    include_str!("../objects/7-1_0.xml"),
    include_str!("../objects/26241-1_0.xml"),
];

impl Registry {
    /// The definitions that we bring.
    pub fn builtin() -> Self {
        let mut registry = Self::default();
        for xml in BUILTIN {
            // A test loads every file, so none is ever left out here.
            let _ = registry.load(xml);
        }
        registry
    }

    /// Adds the objects of a file; one that is there already in the same version is replaced.
    ///
    /// # Errors
    ///
    /// When the file is no object definition. Then nothing has been added.
    pub fn load(&mut self, xml: &str) -> Result<(), ModelError> {
        for object in parse(xml)? {
            self.objects.insert((object.id, object.version), object);
        }
        Ok(())
    }

    /// The objects, by id and version.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// The newest version of an object.
    pub fn object(&self, id: u16) -> Option<&Object> {
        self.versions(id).next_back()
    }

    /// One version of an object.
    pub fn version(&self, id: u16, version: Version) -> Option<&Object> {
        self.objects.get(&(id, version))
    }

    /// The newest version of an object that a client of this version of the enabler can have.
    pub fn for_enabler(&self, id: u16, enabler: Version) -> Option<&Object> {
        self.versions(id).rfind(|object| object.enabler <= enabler)
    }

    /// The newest definition of the resource at, or above, a path.
    pub fn resource(&self, path: Path) -> Option<&Resource> {
        self.object(path.object()?)?
            .resources
            .get(&path.resource()?)
    }

    /// The type of the values at a path.
    pub fn kind(&self, path: Path) -> Option<Kind> {
        self.resource(path)?.kind
    }

    fn versions(&self, id: u16) -> impl DoubleEndedIterator<Item = &Object> {
        let (first, last) = (
            Version { major: 0, minor: 0 },
            Version {
                major: 255,
                minor: 255,
            },
        );
        self.objects
            .range((id, first)..=(id, last))
            .map(|(_, object)| object)
    }
}

/// Reads a file of object definitions: `LWM2M` with one or more `Object`s in it.
///
/// # Errors
///
/// When the text is no XML, an element that must be there is not, or has a value it cannot have.
pub fn parse(xml: &str) -> Result<Vec<Object>, ModelError> {
    let mut reader = Reader::from_str(xml);
    let mut objects = Vec::new();
    let mut object: Option<(usize, Fields, BTreeMap<u16, Resource>)> = None;
    let mut item: Option<(usize, Fields)> = None;
    let mut text = String::new();
    let mut opened = 0;
    loop {
        let at = reader.buffer_position() as usize;
        let event = reader.read_event().map_err(|error| ModelError {
            at: reader.error_position() as usize,
            expected: "XML".to_owned(),
            got: error.to_string(),
        })?;
        let wrong = |error: &dyn fmt::Display| ModelError {
            at,
            expected: "XML".to_owned(),
            got: error.to_string(),
        };
        match event {
            Event::Eof => break,
            Event::Start(ref start) => {
                opened += 1;
                text.clear();
                match start.name().as_ref() {
                    b"Object" => object = Some((at, Fields::default(), BTreeMap::new())),
                    b"Item" => {
                        let mut fields = Fields::default();
                        fields.put("ID", at, &attribute(start, "ID").map_err(|e| wrong(&e))?);
                        item = Some((at, fields));
                    }
                    _ => {}
                }
            }
            Event::Text(ref piece) => {
                text.push_str(&piece.decode().map_err(|error| wrong(&error))?);
            }
            Event::CData(ref piece) => {
                text.push_str(&piece.decode().map_err(|error| wrong(&error))?);
            }
            Event::GeneralRef(ref reference) => {
                let character = reference
                    .resolve_char_ref()
                    .map_err(|error| wrong(&error))?;
                match character {
                    Some(character) => text.push(character),
                    None => {
                        let name = reference.decode().map_err(|error| wrong(&error))?;
                        let known = quick_xml::escape::resolve_predefined_entity(&name);
                        text.push_str(known.ok_or_else(|| wrong(&format!("&{name};")))?);
                    }
                }
            }
            Event::End(ref end) => {
                opened -= 1;
                let name = String::from_utf8_lossy(end.name().as_ref()).into_owned();
                match (name.as_str(), &mut object, &mut item) {
                    ("Item", Some((_, _, resources)), done @ Some(_)) => {
                        let Some((at, fields)) = done.take() else {
                            continue;
                        };
                        let resource = fields.resource(at)?;
                        let id = resource.id;
                        if resources.insert(id, resource).is_some() {
                            let expected = "each resource once".to_owned();
                            return Err(ModelError {
                                at,
                                expected,
                                got: format!("{id} again"),
                            });
                        }
                    }
                    ("Object", done, _) => {
                        if let Some((at, fields, resources)) = done.take() {
                            objects.push(fields.object(at, resources)?);
                        }
                    }
                    (name, _, Some((_, fields))) => fields.put(name, at, &text),
                    (name, Some((_, fields, _)), None) => fields.put(name, at, &text),
                    _ => {}
                }
                text.clear();
            }
            _ => {}
        }
    }
    if opened > 0 || objects.is_empty() {
        let expected = if opened > 0 {
            "the end of every element"
        } else {
            "an `Object`"
        };
        let got = "the end of the file".to_owned();
        return Err(ModelError {
            at: xml.len(),
            expected: expected.to_owned(),
            got,
        });
    }
    Ok(objects)
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<String, quick_xml::Error> {
    let attribute = start.try_get_attribute(name)?;
    let value = attribute.map(|a| a.normalized_value(quick_xml::XmlVersion::Implicit1_0));
    Ok(value.transpose()?.unwrap_or_default().into_owned())
}

/// The texts of the elements in an object or item, with their offsets.
#[derive(Debug, Default)]
struct Fields(BTreeMap<String, (usize, String)>);

impl Fields {
    fn put(&mut self, name: &str, at: usize, text: &str) {
        // What repeats in words within one element (some files nest) is not ours to judge.
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| (at, text.trim().to_owned()));
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |(_, text)| text)
    }

    fn wrong(&self, name: &str, at: usize, expected: &str) -> ModelError {
        let (at, got) = match self.0.get(name) {
            Some((at, text)) => (*at, format!("`{text}`")),
            None => (at, "nothing".to_owned()),
        };
        ModelError {
            at,
            expected: format!("{expected} in `{name}`"),
            got,
        }
    }

    fn id(&self, name: &str, at: usize) -> Result<u16, ModelError> {
        self.text(name)
            .parse()
            .ok()
            .filter(|&id| id <= Path::MAX_ID)
            .ok_or_else(|| self.wrong(name, at, "an id from 0 to 65534"))
    }

    fn version(&self, name: &str, at: usize) -> Result<Version, ModelError> {
        match self.text(name) {
            "" => Ok(Version::V1_0),
            text => text
                .parse()
                .map_err(|_| self.wrong(name, at, "a version such as 1.0")),
        }
    }

    fn choice(&self, name: &str, at: usize, yes: &str, no: &str) -> Result<bool, ModelError> {
        match self.text(name) {
            text if text.eq_ignore_ascii_case(yes) => Ok(true),
            text if text.eq_ignore_ascii_case(no) => Ok(false),
            _ => Err(self.wrong(name, at, &format!("{yes} or {no}"))),
        }
    }

    fn object(self, at: usize, resources: BTreeMap<u16, Resource>) -> Result<Object, ModelError> {
        Ok(Object {
            id: self.id("ObjectID", at)?,
            name: self.text("Name").to_owned(),
            description: self.text("Description1").to_owned(),
            urn: self.text("ObjectURN").to_owned(),
            version: self.version("ObjectVersion", at)?,
            enabler: self.version("LWM2MVersion", at)?,
            multiple: self.choice("MultipleInstances", at, "Multiple", "Single")?,
            mandatory: self.choice("Mandatory", at, "Mandatory", "Optional")?,
            resources,
        })
    }

    fn resource(self, at: usize) -> Result<Resource, ModelError> {
        let operations = match self.text("Operations") {
            "" => Operations::default(),
            "R" => Operations {
                read: true,
                ..Operations::default()
            },
            "W" => Operations {
                write: true,
                ..Operations::default()
            },
            "RW" => Operations {
                read: true,
                write: true,
                execute: false,
            },
            "E" => Operations {
                execute: true,
                ..Operations::default()
            },
            _ => return Err(self.wrong("Operations", at, "R, W, RW, E or nothing")),
        };
        let kind = match self.text("Type") {
            "" => None,
            text => {
                let known = Kind::TABLE
                    .iter()
                    .find(|(_, name)| name.eq_ignore_ascii_case(text));
                let expected = "the name of a type";
                Some(known.ok_or_else(|| self.wrong("Type", at, expected))?.0)
            }
        };
        if kind.is_none() && !operations.execute {
            return Err(self.wrong("Type", at, "the name of a type"));
        }
        Ok(Resource {
            id: self.id("ID", at)?,
            name: self.text("Name").to_owned(),
            description: self.text("Description").to_owned(),
            operations,
            multiple: self.choice("MultipleInstances", at, "Multiple", "Single")?,
            mandatory: self.choice("Mandatory", at, "Mandatory", "Optional")?,
            kind: kind.filter(|_| !operations.execute),
            range: self.text("RangeEnumeration").to_owned(),
            units: self.text("Units").to_owned(),
        })
    }
}
