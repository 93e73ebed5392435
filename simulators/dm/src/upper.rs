//! What an upper tester does: it has a server act, and says what came of it.
//!
//! No text of the enabler says how an application reaches its server, so a tester needs a hand inside:
//! the built-in server takes these operations as orders, and any other server gets them over whatever
//! interface its vendor gave it.

use std::net::SocketAddr;

use crate::client::Reply;
use crate::notification::wanted::Wanted;
use crate::syncml::{
    Alert, AlertCode, Block, Command, Data, Exec, Format, Item, Location, Meta, Request,
};

/// What an application asks of its server.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// End the session that a device is in.
    Abort {
        /// The device.
        device: String,
    },
    /// Do something with devices behind a gateway. Where the gateway has what that takes, the server finds out.
    Behind {
        /// The gateway, as it calls itself.
        gateway: String,
        /// What to do.
        errand: Errand,
    },
    /// List the devices that are known.
    Devices,
    /// Have a device do something: now if it is in a session, else in its next.
    Do {
        /// The device.
        device: String,
        /// What to do.
        act: Act,
    },
    /// Tell what has happened since an earlier moment.
    Events {
        /// How many events the tester knows already.
        after: usize,
    },
    /// Make a trigger that asks for more than a session, as those of DM 1.3 may.
    Notify {
        /// The device.
        device: String,
        /// How much the user has to do with it: 0 to 3.
        ui_mode: u8,
        /// The session that it announces.
        session: u16,
        /// What it asks for.
        wanted: Wanted,
    },
    /// Have a device do something as [`Operation::Do`] does, and do not wait for what becomes of it.
    Plan {
        /// The device.
        device: String,
        /// What to do.
        act: Act,
    },
    /// Make a trigger, and bring it to the device by SIP.
    Send {
        /// The device.
        device: String,
        /// How much the user has to do with it: 0 to 3.
        ui_mode: u8,
        /// The session that it announces.
        session: u16,
        /// Where the device takes pushes by SIP.
        to: SocketAddr,
    },
    /// Make a trigger. The application carries it to the device.
    Trigger {
        /// The device.
        device: String,
        /// How much the user has to do with it: 0 to 3.
        ui_mode: u8,
        /// The session that it announces.
        session: u16,
    },
}

/// What an application wants of a gateway and of devices behind it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// Say what it knows of a device.
    About {
        /// The device.
        device: String,
    },
    /// Announce new devices from now on, or do not.
    Announce(bool),
    /// Overwrite a value of devices.
    Change {
        /// The devices.
        devices: Vec<String>,
        /// The address of the node.
        uri: String,
        /// The value.
        value: String,
    },
    /// Get an image, and tell devices where the gateway has it.
    Distribute {
        /// The devices.
        devices: Vec<String>,
        /// Where the image comes from: a URL.
        source: String,
        /// The node of the devices that is to say where they get it.
        uri: String,
    },
    /// Have a group with these devices and no others from now on.
    Group {
        /// What the group is called.
        group: String,
        /// The devices; none means that there is no such group any more.
        devices: Vec<String>,
    },
    /// Keep images from now on, or do not.
    Keep(bool),
    /// Say which devices it knows, and which of them are there.
    List,
    /// Read a node of devices.
    Read {
        /// The devices; none means all that are there.
        devices: Vec<String>,
        /// The address of the node.
        uri: String,
    },
    /// Read a node of the devices of a group.
    ReadGroup {
        /// The group.
        group: String,
        /// The address of the node.
        uri: String,
    },
    /// Notify a device that knows the server, and have the gateway pass that on.
    Wake {
        /// The device.
        device: String,
        /// The session that it announces.
        session: u16,
        /// Where the gateway takes notifications by HTTP Push: a URL.
        push: String,
    },
}

impl Errand {
    /// What an interface of a server that runs elsewhere may want to know of it, by name: `want`, and `devices`,
    /// `uri`, `value`, `session` and `push`, which may be empty.
    #[must_use]
    pub fn names(&self) -> [(&'static str, String); 6] {
        let nothing = || (&[][..], "", String::new());
        let (want, (devices, uri, value)) = match self {
            Self::About { device } => ("about", (std::slice::from_ref(device), "", String::new())),
            Self::Announce(on) => ("announce", (&[][..], "", on.to_string())),
            Self::Change {
                devices,
                uri,
                value,
            } => ("change", (&**devices, &**uri, value.clone())),
            Self::Distribute {
                devices,
                source,
                uri,
            } => ("distribute", (&**devices, &**uri, source.clone())),
            Self::Group { group, devices } => ("group", (&**devices, "", group.clone())),
            Self::Keep(on) => ("keep", (&[][..], "", on.to_string())),
            Self::List => ("list", nothing()),
            Self::Read { devices, uri } => ("read", (&**devices, &**uri, String::new())),
            Self::ReadGroup { group, uri } => ("read-group", (&[][..], &**uri, group.clone())),
            Self::Wake { device, .. } => {
                ("wake", (std::slice::from_ref(device), "", String::new()))
            }
        };
        let (session, push) = match self {
            Self::Wake { session, push, .. } => (format!("{session:X}"), push.clone()),
            _ => Default::default(),
        };
        [
            ("want", want.to_owned()),
            ("devices", devices.join(",")),
            ("uri", uri.to_owned()),
            ("value", value),
            ("session", session),
            ("push", push),
        ]
    }
}

/// What a device is to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Create a node.
    Add(Put),
    /// Ask or tell the user: 1100 to 1104.
    Alert {
        /// The code.
        code: u16,
        /// The options.
        options: String,
        /// The text, and choices after it.
        texts: Vec<String>,
    },
    /// All or nothing.
    Atomic(Vec<Act>),
    /// Copy a value.
    Copy {
        /// From where.
        from: String,
        /// Where to.
        to: String,
    },
    /// Remove a node.
    Delete {
        /// Its address.
        uri: String,
    },
    /// Start a process.
    Exec {
        /// The address of its node.
        uri: String,
        /// What comes back when it is done.
        correlator: Option<String>,
        /// What it is given.
        data: Option<String>,
    },
    /// Read a node, a property or a structure.
    Get {
        /// The address, with a query if there is one.
        uri: String,
    },
    /// Overwrite a value or a property.
    Replace(Put),
    /// One after the other.
    Sequence(Vec<Act>),
}

/// What is asked of whoever sits in front of a client.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum User {
    /// To say something to the question that stands.
    Says(Reply),
    /// Whether this text is or was shown.
    Sees(String),
}

/// What whoever sits in front of a client answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// It was not shown, or nothing could be said.
    No,
    /// It was shown, or said.
    Yes,
}

/// An address, and what goes there.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Put {
    /// The address, with a query if there is one.
    pub uri: String,
    /// The format; text if there is none.
    pub format: Option<String>,
    /// The media type.
    pub media_type: Option<String>,
    /// The value; an interior node has none.
    pub value: Option<Value>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Octets.
    Octets(Vec<u8>),
    /// Text.
    Text(String),
}

/// What a server answers its application.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The devices.
    Devices(Vec<String>),
    /// What a device did.
    Did(Outcome),
    /// What has happened.
    Events(Vec<Event>),
    /// It cannot be done.
    Refused(String),
    /// A trigger.
    Trigger {
        /// Its media type.
        content_type: String,
        /// Its octets.
        body: Vec<u8>,
    },
}

/// What became of an act.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Outcome {
    /// The statuses, in the order in which they came.
    #[serde(default)]
    pub statuses: Vec<Told>,
    /// What was read.
    #[serde(default)]
    pub results: Vec<Reading>,
}

/// A status, as the application hears it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Told {
    /// The element name of the command.
    pub command: String,
    /// The code.
    pub code: u16,
    /// What the user entered, or the nodes at fault.
    #[serde(default)]
    pub items: Vec<String>,
}

/// Something that was read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Reading {
    /// The address.
    pub uri: String,
    /// The format, if the device said it. Octets come decoded.
    pub format: Option<String>,
    /// The type, if the device said it.
    pub media_type: Option<String>,
    /// The value; none for a node without one.
    pub value: Option<Value>,
}

/// What happened at a server.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A device reported something: 1224 or 1226.
    Alerted {
        /// The device.
        device: String,
        /// The code.
        code: u16,
        /// The type of each item.
        #[serde(default)]
        types: Vec<String>,
        /// Which `Exec` it is about.
        correlator: Option<String>,
        /// The text of each item; empty if it has none. Upper testers are not told.
        #[serde(skip)]
        values: Vec<String>,
    },
    /// A device has dealt with an act.
    Did {
        /// The device.
        device: String,
        /// What became of it.
        outcome: Outcome,
    },
    /// A session ended.
    Ended {
        /// The device.
        device: String,
        /// `SessionID`.
        session: String,
        /// Whether it was complete.
        complete: bool,
    },
    /// A gateway knows a device.
    Listed {
        /// The gateway.
        gateway: String,
        /// The device.
        device: String,
        /// Whether it is there.
        attached: bool,
    },
    /// A device was not believed.
    Refused {
        /// What it calls itself.
        device: String,
        /// The status of its header.
        code: u16,
    },
    /// A session began.
    Started {
        /// The device.
        device: String,
        /// `SessionID`.
        session: String,
    },
}

impl Act {
    /// The command for it. Octets are raw in WBXML and base64 in XML.
    #[must_use]
    pub fn to_command(&self, raw: bool) -> Command {
        let request = |item| Request::new("", item);
        let all = |acts: &[Self]| Block {
            commands: acts.iter().map(|act| act.to_command(raw)).collect(),
            ..Block::default()
        };
        match self {
            Self::Add(put) => Command::Add(request(put.to_item(raw))),
            Self::Replace(put) => Command::Replace(request(put.to_item(raw))),
            Self::Alert {
                code,
                options,
                texts,
            } => {
                let mut alert = Alert::new("", AlertCode(*code));
                let texts = std::iter::once(options).chain(texts);
                alert.items = texts.map(|text| Item::default().with_text(text)).collect();
                alert.into()
            }
            Self::Atomic(acts) => Command::Atomic(all(acts)),
            Self::Sequence(acts) => Command::Sequence(all(acts)),
            Self::Copy { from, to } => Command::Copy(request(Item {
                source: Some(Location::new(from)),
                ..Item::at(to)
            })),
            Self::Delete { uri } => Command::Delete(request(Item::at(uri))),
            Self::Get { uri } => Command::Get(request(Item::at(uri))),
            Self::Exec {
                uri,
                correlator,
                data,
            } => Command::Exec(Exec {
                correlator: correlator.clone(),
                items: vec![Item {
                    data: data.clone().map(Data::Text),
                    ..Item::at(uri)
                }],
                ..Exec::default()
            }),
        }
    }
}

impl Act {
    /// What an interface of a server that runs elsewhere may want to know of it, by name: `command`, `uri` and
    /// `value`, which may be empty, and the whole command as `xml` and `base64`.
    ///
    /// # Errors
    ///
    /// XML cannot carry it.
    pub fn names(&self) -> Result<[(&'static str, String); 5], crate::Error> {
        let mut command = self.to_command(false);
        crate::session::cut::number(std::slice::from_mut(&mut command), &mut 0);
        let item = command.items().first();
        let target = item.and_then(|item| item.target.as_ref());
        let uri = target.map(|target| target.uri.clone()).unwrap_or_default();
        let value = item.and_then(|item| item.data.as_ref()?.as_text());
        let value = value.unwrap_or_default().to_owned();
        let xml = crate::xml::fragment(&command.to_element())?;
        let base64 = crate::base64::encode(xml.as_bytes());
        Ok([
            ("command", command.name().to_owned()),
            ("uri", uri),
            ("value", value),
            ("xml", xml),
            ("base64", base64),
        ])
    }
}

impl Put {
    fn to_item(&self, raw: bool) -> Item {
        let mut format = self.format.as_deref().map(Format::from);
        let data = self.value.as_ref().map(|value| match value {
            Value::Text(text) => Data::Text(text.clone()),
            Value::Octets(octets) if raw => {
                format = Some(Format::Bin);
                Data::Octets(octets.clone())
            }
            Value::Octets(octets) => {
                format = Some(Format::B64);
                Data::base64(octets)
            }
        });
        let described = format.is_some() || self.media_type.is_some();
        Item {
            meta: described.then(|| Meta {
                format,
                media_type: self.media_type.clone(),
                ..Meta::default()
            }),
            data,
            ..Item::at(&self.uri)
        }
    }
}

impl Reading {
    /// What an item of a `Results` says.
    #[must_use]
    pub fn of(item: &Item) -> Self {
        let meta = item.meta.clone().unwrap_or_default();
        let binary = matches!(meta.format, Some(Format::B64 | Format::Bin));
        let value = item.data.as_ref().map(|data| match data {
            data if binary => Value::Octets(data.to_octets().unwrap_or_default().into_owned()),
            Data::Markup(content) => {
                let text = content.iter().map(|content| match content {
                    crate::document::Content::Element(element) => {
                        crate::xml::fragment(element).unwrap_or_default()
                    }
                    crate::document::Content::Text(text) => text.clone(),
                    crate::document::Content::Octets(_) => String::new(),
                });
                Value::Text(text.collect())
            }
            data => match data.as_text() {
                Some(text) => Value::Text(text.to_owned()),
                None => Value::Octets(data.to_octets().unwrap_or_default().into_owned()),
            },
        });
        Self {
            uri: item
                .source
                .as_ref()
                .map(|source| source.uri.clone())
                .unwrap_or_default(),
            format: meta
                .format
                .filter(|_| !binary)
                .map(|format| format.as_str().to_owned()),
            media_type: meta.media_type,
            value,
        }
    }
}
