//! What an upper tester does: it has a server act, and says what came of it.
//!
//! No text of the enabler says how an application reaches its server, so a tester needs a hand inside:
//! the built-in server takes these operations as orders, and any other server gets them over whatever
//! interface its vendor gave it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use twinproof_coap::{Code, ContentFormat};

use crate::wire::serial;
use crate::wire::{Entry, Path, Value};

/// What an application asks of its server.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Stop observing.
    Cancel {
        /// The client.
        endpoint: String,
        /// What was observed.
        path: Path,
        /// How to say so.
        by: CancelBy,
    },
    /// Stop observing several paths at once; the same as they were observed by (LwM2M 1.1).
    CancelComposite {
        /// The client.
        endpoint: String,
        /// What was observed.
        paths: Vec<Path>,
        /// How to say so.
        by: CancelBy,
    },
    /// List the registered clients.
    Clients,
    /// Create an object instance.
    Create {
        /// The client.
        endpoint: String,
        /// The object.
        object: u16,
        /// The instance; the client chooses if there is none.
        instance: Option<u16>,
        /// The resources: what each is below the instance, and its value.
        resources: Vec<(u16, Value)>,
    },
    /// Delete an object instance, or (LwM2M 1.2) a resource instance.
    Delete {
        /// The client.
        endpoint: String,
        /// What to delete.
        path: Path,
    },
    /// Ask what is there.
    Discover {
        /// The client.
        endpoint: String,
        /// Where.
        path: Path,
    },
    /// Tell what has happened since an earlier moment, without asking a client anything.
    Events {
        /// How many events the tester knows already.
        after: u64,
    },
    /// Execute a resource.
    Execute {
        /// The client.
        endpoint: String,
        /// The resource.
        path: Path,
        /// The arguments as they are sent: `0='a',1`; none if empty.
        arguments: String,
    },
    /// Observe.
    Observe {
        /// The client.
        endpoint: String,
        /// What to observe.
        path: Path,
        /// The format to ask for, if one is.
        #[serde(with = "serial::format")]
        accept: Option<ContentFormat>,
    },
    /// Observe several paths at once (LwM2M 1.1).
    ObserveComposite {
        /// The client.
        endpoint: String,
        /// What to observe.
        paths: Vec<Path>,
    },
    /// Read.
    Read {
        /// The client.
        endpoint: String,
        /// What to read.
        path: Path,
        /// The format to ask for; if there is none, the client chooses.
        #[serde(with = "serial::format")]
        accept: Option<ContentFormat>,
    },
    /// Read several paths at once (LwM2M 1.1).
    ReadComposite {
        /// The client.
        endpoint: String,
        /// What to read.
        paths: Vec<Path>,
    },
    /// Say what became of an operation that was kept for a sleeping client.
    Result {
        /// What the server called it.
        ticket: u64,
    },
    /// Write.
    Write {
        /// The client.
        endpoint: String,
        /// An object instance, a resource, or a resource instance.
        path: Path,
        /// Whether what is not named goes.
        mode: WriteMode,
        /// The values, with paths at or below `path`.
        values: Vec<Entry>,
        /// The format to write in; the server chooses if there is none.
        #[serde(with = "serial::format")]
        format: Option<ContentFormat>,
    },
    /// Attach, replace and remove attributes of notifications.
    WriteAttributes {
        /// The client.
        endpoint: String,
        /// Where.
        path: Path,
        /// `pmin=5`, `gt=45.5`; `pmin` alone removes.
        attributes: Vec<String>,
    },
    /// Write several paths at once, all or none (LwM2M 1.1).
    WriteComposite {
        /// The client.
        endpoint: String,
        /// The values.
        values: Vec<Entry>,
    },
}

impl Operation {
    /// The client that this is about, if it is about one.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Clients | Self::Events { .. } | Self::Result { .. } => None,
            Self::Cancel { endpoint, .. }
            | Self::CancelComposite { endpoint, .. }
            | Self::Create { endpoint, .. }
            | Self::Delete { endpoint, .. }
            | Self::Discover { endpoint, .. }
            | Self::Execute { endpoint, .. }
            | Self::Observe { endpoint, .. }
            | Self::ObserveComposite { endpoint, .. }
            | Self::Read { endpoint, .. }
            | Self::ReadComposite { endpoint, .. }
            | Self::Write { endpoint, .. }
            | Self::WriteAttributes { endpoint, .. }
            | Self::WriteComposite { endpoint, .. } => Some(endpoint),
        }
    }

    /// The object that this is about, if it is about one.
    pub fn object(&self) -> Option<u16> {
        match self {
            Self::Cancel { path, .. }
            | Self::Delete { path, .. }
            | Self::Discover { path, .. }
            | Self::Execute { path, .. }
            | Self::Observe { path, .. }
            | Self::Read { path, .. }
            | Self::Write { path, .. }
            | Self::WriteAttributes { path, .. } => path.object(),
            Self::Create { object, .. } => Some(*object),
            Self::CancelComposite { .. }
            | Self::Clients
            | Self::Events { .. }
            | Self::ObserveComposite { .. }
            | Self::ReadComposite { .. }
            | Self::Result { .. }
            | Self::WriteComposite { .. } => None,
        }
    }
}

/// How a server says that it observes no more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelBy {
    /// With a request that has Observe=1.
    Request,
    /// With a Reset to the next notification.
    Reset,
}

/// What becomes of that which a Write does not name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// It goes (PUT).
    Replace,
    /// It stays (POST).
    Update,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The registered clients.
    Clients(Vec<Client>),
    /// It is done, and no client had to be asked.
    Done,
    /// The server kept the operation, because the client sleeps.
    Kept {
        /// What [`Operation::Result`] asks for.
        ticket: u64,
    },
    /// What has happened, oldest first, and how many events there have been in all.
    Events {
        /// The events after those that the tester knew.
        events: Vec<Event>,
        /// What to ask after next time.
        known: u64,
    },
    /// The server would not do it, and says why.
    Refused(String),
    /// The client answered.
    Reply(Reply),
    /// The client did not answer.
    Timeout,
    /// This upper tester cannot do that.
    Unsupported(String),
}

/// What a client answered, as its server conveys it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Reply {
    /// The client's code.
    #[serde(with = "serial::code")]
    pub code: Code,
    /// What was read or observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Entry>,
    /// What was discovered, in link-format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<String>,
    /// Where a new instance is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Path>,
}

impl Reply {
    /// One that says nothing but this.
    pub fn of(code: Code) -> Self {
        Self {
            code,
            values: Vec::new(),
            links: None,
            location: None,
        }
    }
}

/// What a tester has done to a client that its user could do.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Put a smart card into it on which there is the account of this server, and nothing else; instead of the one
    /// that is there, if one is.
    InsertCard {
        /// The Short Server ID.
        ssid: u16,
        /// Where the server is: `coap://` or `coaps://` with an IP address and a port.
        uri: String,
        /// The identity and the key for it, if it is met over an association.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        own: Option<(String, Vec<u8>)>,
    },
    /// Take it off its network, so that nothing reaches it and nothing leaves it.
    Offline,
    /// Give its network back.
    Online,
    /// Take its power away, and give it back.
    PowerCycle,
    /// Take the smart card out of it.
    RemoveCard,
    /// Change a value, as its surroundings would.
    Set {
        /// Which.
        path: Path,
        /// To what.
        value: Value,
    },
    /// Start it.
    Start,
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InsertCard { ssid, uri, .. } => {
                write!(f, "insert-card for server {ssid} at {uri}")
            }
            Self::Offline => f.write_str("offline"),
            Self::Online => f.write_str("online"),
            Self::PowerCycle => f.write_str("power-cycle"),
            Self::RemoveCard => f.write_str("remove-card"),
            Self::Set { path, value } => write!(f, "set {path} to {value}"),
            Self::Start => f.write_str("start"),
        }
    }
}

/// The accounts with which a client is started.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Accounts {
    /// Those of its servers, and that of a bootstrap server.
    Both,
    /// That of a bootstrap server, and no other.
    Bootstrap,
    /// That of the first of its servers, and no other: that of the second is on its card.
    First,
    /// Those of its servers, and no other.
    #[default]
    Servers,
}

impl Accounts {
    /// Whether the account of a bootstrap server is among them.
    pub const fn bootstrap(self) -> bool {
        matches!(self, Self::Both | Self::Bootstrap)
    }
}

/// What a server knows of a registered client. What a server does not show is none.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Client {
    /// The endpoint name.
    pub endpoint: String,
    /// Where the registration is: `/rd/1`.
    pub location: Option<String>,
    /// Where the client is.
    pub address: Option<SocketAddr>,
    /// Life time in seconds.
    pub lifetime: Option<u64>,
    /// The version of the enabler: `1.0`.
    pub version: Option<String>,
    /// The binding: `U`, `UQ`.
    pub binding: Option<String>,
    /// Whether the server takes the client to be one that sleeps.
    pub queue_mode: Option<bool>,
    /// The number for SMS.
    pub sms: Option<String>,
    /// Objects and object instances.
    pub objects: Option<Vec<Path>>,
    /// The alternate path, without slash at its end; empty if there is none.
    pub root: Option<String>,
}

/// Something that a server tells its application.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Event {
    /// The client that it is about.
    pub endpoint: String,
    /// What.
    pub what: What,
}

/// What a server tells its application.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The client has said good-bye.
    Deregistered,
    /// The life time is over.
    Expired,
    /// A notification.
    Notified {
        /// What was observed; several for a composite observation.
        paths: Vec<Path>,
        /// What it says.
        values: Vec<Entry>,
    },
    /// An observation has ended without the server's doing.
    ObservationEnded {
        /// What was observed.
        paths: Vec<Path>,
    },
    /// A client has registered.
    Registered,
    /// What a client sent unasked (LwM2M 1.1).
    Sent {
        /// What it says.
        values: Vec<Entry>,
    },
    /// The registration was updated.
    Updated,
}

/// How long an application waits for an answer of its server before it calls it a timeout:
/// MAX_TRANSMIT_WAIT and a grace.
pub const PATIENCE: Duration = Duration::from_secs(93 + 7);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_and_answers_survive_a_ledger() {
        let path: Path = "/3/0/9".parse().unwrap();
        let operation = Operation::Read {
            endpoint: "x".to_owned(),
            path,
            accept: Some(ContentFormat::LWM2M_TLV),
        };
        let text = serde_json::to_string(&operation).unwrap();
        assert_eq!(
            text,
            r#"{"read":{"endpoint":"x","path":"/3/0/9","accept":11542}}"#
        );
        assert_eq!(serde_json::from_str::<Operation>(&text).unwrap(), operation);

        let answer = Answer::Reply(Reply {
            code: Code::CONTENT,
            values: vec![Entry::new(path, Value::Integer(95))],
            links: None,
            location: None,
        });
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(
            text,
            r#"{"reply":{"code":"2.05","values":[{"path":"/3/0/9","value":{"integer":95}}]}}"#
        );
        assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
    }
}
