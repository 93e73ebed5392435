//! The built-in DM server alone, and where it is told what its operator wants.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /control/plan` | takes `{"device", "command", "uri", "value"}`: the device is told that in its next session. `Get`, `Add` and `Replace` of texts, `Delete`, `Exec`. `{"refused": "why"}` with 409 if the server refuses |
//! | `POST /control/sip` | takes `{"device", "session", "to"}`: the device is notified by SIP, at that address |
//! | `POST /control/behind` | takes `{"gateway", "want", "devices", "uri", "value", "session", "push"}`: what the gateway is to do in its next session, as the profile's `hook.behind` says it |
//! | `GET /control/events?after=N` | says what happened after the first N events, as JSON |

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use twinproof_dm::upper::{Act, Answer, Errand, Operation, Put, Value};
use twinproof_judge::profile::{Declared, DmHook, DmTester, HookSpec, Span};
use twinproof_kernel::Seed;
use twinproof_stage::Stage;

use super::{attend, cannot_listen, silent};
use crate::dm::DmServer;

/// How much somebody may say.
const MOST: usize = 64 << 10;

/// A DM server that answers as long as this lives.
pub struct ServedDm {
    stage: Rc<Mutex<Stage>>,
    control: TcpListener,
    profile: Declared,
}

impl ServedDm {
    /// Starts the built-in server, at `listen`, and what makes it act, at `control`.
    ///
    /// # Errors
    ///
    /// An address cannot be had; the words name it.
    pub async fn start(places: (SocketAddr, SocketAddr), seed: u64) -> Result<Self, String> {
        Self::start_as(&DmServer::standard(), places, seed).await
    }

    /// Starts this server there.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_as(
        system: &DmServer,
        (listen, control): (SocketAddr, SocketAddr),
        seed: u64,
    ) -> Result<Self, String> {
        let bound = TcpListener::bind(control).await;
        let control = bound.map_err(|error| cannot_listen(control, &error))?;
        let hooks = control.local_addr().map_err(|error| error.to_string())?;
        let mut stage = silent(listen)?;
        let placed = system.host(&mut stage, Seed::new(seed)).await;
        let mut profile = placed.map_err(|halted| halted.to_string())?;
        let section = profile.profile.dm.as_mut();
        if let Some(server) = section.and_then(|section| section.server.as_mut()) {
            server.upper_tester = Some(DmTester::Hook(Box::new(DmHook {
                plan: HookSpec::Http {
                    method: "POST".to_owned(),
                    url: format!("http://{hooks}/control/plan"),
                    body: r#"{"device": "{device}", "command": "{command}", "uri": "{uri}", "value": "{value}"}"#
                        .to_owned(),
                },
                events: Some(HookSpec::Http {
                    method: "GET".to_owned(),
                    url: format!("http://{hooks}/control/events?after={{after}}"),
                    body: String::new(),
                }),
                sip: Some(HookSpec::Http {
                    method: "POST".to_owned(),
                    url: format!("http://{hooks}/control/sip"),
                    body: r#"{"device": "{device}", "session": "{session}", "to": "{to}"}"#
                        .to_owned(),
                }),
                behind: Some(HookSpec::Http {
                    method: "POST".to_owned(),
                    url: format!("http://{hooks}/control/behind"),
                    body: r#"{"gateway": "{gateway}", "want": "{want}", "devices": "{devices}", "uri": "{uri}", "value": "{value}", "session": "{session}", "push": "{push}"}"#
                        .to_owned(),
                }),
                patience: Span::from_secs(30),
            })));
        }
        Ok(Self {
            stage: Rc::new(Mutex::new(stage)),
            control,
            profile,
        })
    }

    /// The profile of the server where it is.
    pub fn profile(&self) -> &Declared {
        &self.profile
    }

    /// Answers at the control address until the future is dropped.
    pub async fn attend(&self) -> Infallible {
        attend(&self.control, |request| answer(&self.stage, request)).await
    }
}

async fn answer(stage: &Mutex<Stage>, request: hyper::Request<Incoming>) -> (u16, String) {
    match asked(request).await {
        Err(refused) => refused,
        Ok(operation) => match stage.lock().await.ask_dm(operation).await {
            Ok((Answer::Done, _)) => (200, "done".to_owned()),
            Ok((Answer::Events(events), _)) => match serde_json::to_string(&events) {
                Ok(events) => (200, events),
                Err(error) => (500, error.to_string()),
            },
            Ok((Answer::Refused(why), _)) => {
                (409, serde_json::json!({ "refused": why }).to_string())
            }
            Ok((other, _)) => (500, format!("expected it to be done, got {other:?}")),
            Err(halted) => (500, halted.to_string()),
        },
    }
}

/// The status of what cannot be had, and why.
type Refused = (u16, String);

/// What is wanted; or the status, and why it cannot be had.
async fn asked(request: hyper::Request<Incoming>) -> Result<Operation, Refused> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let only = |expected: hyper::Method| match method == expected {
        true => Ok(()),
        false => Err((405, format!("expected {expected}, got {method}"))),
    };
    match uri.path() {
        "/control/plan" | "/control/sip" | "/control/behind" => only(hyper::Method::POST)?,
        "/control/events" => {
            only(hyper::Method::GET)?;
            let after = uri.query().and_then(|query| query.strip_prefix("after="));
            let after = after.unwrap_or("0");
            let number = after.parse();
            return match number {
                Ok(after) => Ok(Operation::Events { after }),
                Err(_) => Err((400, format!("expected a number after after=, got {after}"))),
            };
        }
        other => {
            let expected = "/control/plan, /control/sip, /control/behind or /control/events";
            let why = format!("expected {expected}, got {other}");
            return Err((404, why));
        }
    }
    let body = Limited::new(request.into_body(), MOST).collect().await;
    let body = body.map_err(|error| (400, error.to_string()))?.to_bytes();
    let wanted: serde_json::Value =
        serde_json::from_slice(&body).map_err(|error| (400, error.to_string()))?;
    let text = |key: &str| {
        let value = wanted.get(key).and_then(|value| value.as_str());
        let missing = || (400, format!("expected a text as {key}, got none"));
        value.map(str::to_owned).ok_or_else(missing)
    };
    if uri.path() == "/control/sip" {
        let (session, to) = (text("session")?, text("to")?);
        let none = |what: &str, got: &str| (400, format!("expected {what}, got {got}"));
        return Ok(Operation::Send {
            device: text("device")?,
            ui_mode: 1,
            session: u16::from_str_radix(&session, 16)
                .map_err(|_| none("a session in hexadecimal digits", &session))?,
            to: to
                .parse()
                .map_err(|_| none("an IP address and a port as to", &to))?,
        });
    }
    if uri.path() == "/control/behind" {
        return Ok(Operation::Behind {
            gateway: text("gateway")?,
            errand: errand(text)?,
        });
    }
    let put = || {
        Ok(Put {
            uri: text("uri")?,
            value: Some(Value::Text(text("value")?)),
            ..Put::default()
        })
    };
    let act = match text("command")?.as_str() {
        "Add" => Act::Add(put()?),
        "Delete" => Act::Delete { uri: text("uri")? },
        "Exec" => Act::Exec {
            uri: text("uri")?,
            correlator: None,
            data: text("value").ok().filter(|value| !value.is_empty()),
        },
        "Get" => Act::Get { uri: text("uri")? },
        "Replace" => Act::Replace(put()?),
        other => {
            let expected = "Add, Delete, Exec, Get or Replace";
            return Err((400, format!("expected {expected} as command, got {other}")));
        }
    };
    Ok(Operation::Plan {
        device: text("device")?,
        act,
    })
}

/// What is wanted of a gateway.
fn errand(text: impl Fn(&str) -> Result<String, Refused>) -> Result<Errand, Refused> {
    let none = |what: &str, got: &str| (400, format!("expected {what}, got {got}"));
    let all = text("devices")?;
    let devices = all.split(',').filter(|device| !device.is_empty());
    let devices = devices.map(str::to_owned).collect();
    let value = text("value")?;
    let on = || {
        let on = value.parse();
        on.map_err(|_| none("true or false as value", &value))
    };
    let uri = text("uri")?;
    Ok(match text("want")?.as_str() {
        "about" => Errand::About { device: all },
        "announce" => Errand::Announce(on()?),
        "change" => Errand::Change {
            devices,
            uri,
            value,
        },
        "distribute" => Errand::Distribute {
            devices,
            source: value,
            uri,
        },
        "group" => Errand::Group {
            group: value,
            devices,
        },
        "keep" => Errand::Keep(on()?),
        "list" => Errand::List,
        "read" => Errand::Read { devices, uri },
        "read-group" => Errand::ReadGroup { group: value, uri },
        "wake" => {
            let session = text("session")?;
            Errand::Wake {
                device: all,
                session: u16::from_str_radix(&session, 16)
                    .map_err(|_| none("a session in hexadecimal digits", &session))?,
                push: text("push")?,
            }
        }
        other => {
            let expected = "about, announce, change, distribute, group, keep, list, read, read-group or wake as want";
            return Err(none(expected, other));
        }
    })
}
