//! A gateway that answers and does nothing: it comes when it is called, has a tree, and says that all is well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What such a gateway does beside answering 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Nothing at all: it has not even a tree.
    Empty,
    /// It keeps what it is told, and says it again.
    Keeps,
    /// It does, and reports of each device of a fan-out that it has done everything.
    Reports,
}

/// Its accounts, by the identifier of the server: where that is, and the credentials in Base64.
pub type Accounts = BTreeMap<String, (String, String)>;

/// The gateway.
pub struct Sham {
    manner: Manner,
    accounts: Accounts,
    device: String,
    tree: Mutex<BTreeMap<String, String>>,
}

/// What its objects are, by their roots.
const OBJECTS: [(&str, &str); 5] = [
    ("Settings", "config"),
    ("Devices", "deviceinventory"),
    ("Fanouts", "fanout"),
    ("Images", "imageinventory"),
    ("Calls", "edtrigger"),
];

/// What is in its tree from the start.
const LEAVES: [(&str, &str); 6] = [
    ("./Settings/Alerts/DeviceAttach", "true"),
    ("./Settings/ImageCache/Enabled", "true"),
    ("./Devices/Summary/Total", "0"),
    ("./Devices/Summary/Attached", "0"),
    ("./DevInfo/DevId", "sham"),
    ("./DevInfo/Mod", "sham"),
];

/// Nodes above others that are there from the start.
const ABOVE: [&str; 5] = [
    "./Devices/Records",
    "./Devices/Groups",
    "./Devices/Bootstraps",
    "./Images/Images",
    "./Calls/Requests",
];

/// What stands for a node that has nodes below it.
const INTERIOR: &str = "\u{1}";

impl Sham {
    /// Answers at this place for as long as the test runs.
    pub fn serve(at: &TcpListener, manner: Manner, device: &str, accounts: Accounts) {
        let mut tree = BTreeMap::new();
        for (root, kind) in OBJECTS {
            let kind = format!("urn:oma:mo:oma-gwmo-{kind}:1.0");
            tree.insert(format!("./{root}?prop=Type"), kind);
        }
        tree.extend(LEAVES.map(|(at, value)| (at.to_owned(), value.to_owned())));
        tree.extend(ABOVE.map(|at| (at.to_owned(), INTERIOR.to_owned())));
        let sham = Arc::new(Self {
            manner,
            accounts,
            device: device.to_owned(),
            tree: Mutex::new(tree),
        });
        let at = at.try_clone().unwrap();
        thread::spawn(move || {
            for stream in at.incoming().map_while(Result::ok) {
                let sham = Arc::clone(&sham);
                thread::spawn(move || sham.answer(stream));
            }
        });
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some((head, body)) = message(&mut stream) else {
            return;
        };
        let is_for_device = head.to_ascii_lowercase().contains("x-oma-gwmo:");
        let (status, kind, said) = match head.split(' ').nth(1) {
            Some("/push") => (204, "text/plain", String::new()),
            Some("/dm") => (200, XML, self.greet(&String::from_utf8_lossy(&body))),
            _ => (404, "text/plain", String::new()),
        };
        let length = said.len();
        // Who has gone needs no answer.
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}"
        );
        drop(stream);
        if status == 204 && !is_for_device {
            self.call(&body);
        }
    }

    /// Begins the session that a notification announces.
    fn call(&self, notification: &[u8]) {
        let Some(trigger) = notification.get(16..) else {
            return;
        };
        let (Some(session), Some(server)) = (trigger.get(5..7), trigger.get(8..)) else {
            return;
        };
        let session = format!("{:X}", u16::from_be_bytes([session[0], session[1]]));
        let server = String::from_utf8_lossy(server).into_owned();
        let Some((url, credentials)) = self.accounts.get(&server).cloned() else {
            return;
        };
        // One session after the other.
        let mut tree = self.tree.lock().unwrap();
        let mut talk = Talk {
            manner: self.manner,
            device: self.device.clone(),
            url,
            credentials,
            session,
            tree: std::mem::take(&mut *tree),
        };
        talk.hold();
        *tree = talk.tree;
    }

    /// Lets any device in, and wants nothing of it.
    fn greet(&self, said: &str) -> String {
        let header = |name: &str| inside(said, name).unwrap_or_default().to_owned();
        let number = header("MsgID");
        let mut body = status(1, &number, "0", "SyncHdr", 212);
        for (at, command) in (2..).zip(commands(said)) {
            if command.name != "Status" {
                body += &status(at, &number, &command.id, &command.name, 200);
            }
        }
        let (target, source) = (
            inside(said, "Target").unwrap_or_default(),
            inside(said, "Source").unwrap_or_default(),
        );
        let (target, source) = (inside(target, "LocURI"), inside(source, "LocURI"));
        let session = header("SessionID");
        whole(
            (&session, &number),
            (source.unwrap_or_default(), target.unwrap_or_default()),
            "",
            &body,
        )
    }
}

/// The media type of messages.
const XML: &str = "application/vnd.syncml.dm+xml";

/// A session with a server.
struct Talk {
    manner: Manner,
    device: String,
    url: String,
    credentials: String,
    session: String,
    tree: BTreeMap<String, String>,
}

impl Talk {
    fn hold(&mut self) {
        let about = ["DevId", "Man", "Mod", "DmV", "Lang"].map(|leaf| {
            format!(
                "<Item><Source><LocURI>./DevInfo/{leaf}</LocURI></Source><Data>sham</Data></Item>"
            )
        });
        let mut body = format!(
            "<Alert><CmdID>1</CmdID><Data>1200</Data></Alert><Replace><CmdID>2</CmdID>{}</Replace>",
            about.concat()
        );
        for number in 1..20 {
            let credentials = format!(
                "<Cred><Meta><Format xmlns=\"syncml:metinf\">b64</Format>\
                 <Type xmlns=\"syncml:metinf\">syncml:auth-basic</Type></Meta><Data>{}</Data></Cred>",
                self.credentials
            );
            let ends = (self.url.as_str(), self.device.as_str());
            let number = number.to_string();
            let said = whole((&self.session, &number), ends, &credentials, &body);
            let Some(heard) = post(&self.url, &said) else {
                return;
            };
            if let Some(url) = inside(&heard, "RespURI") {
                self.url = url.replace("&amp;", "&");
            }
            body = self.react(&heard);
            if body.is_empty() {
                return;
            }
        }
    }

    /// What is said to a message; nothing if it asks for nothing.
    fn react(&mut self, heard: &str) -> String {
        let number = inside(heard, "MsgID").unwrap_or_default().to_owned();
        let own = commands(heard);
        if own.iter().all(|command| command.name == "Status") {
            return String::new();
        }
        let mut body = status(1, &number, "0", "SyncHdr", 212);
        let mut next = 1;
        for command in own {
            next += 1;
            let said = self.obey(&command, (&mut next, &number));
            body += &said;
        }
        body
    }

    fn obey(&mut self, command: &Command, (next, number): (&mut usize, &str)) -> String {
        let (id, name) = (&command.id, &command.name);
        let answer = |code| status(*next, number, id, name, code);
        let target = inside(&command.text, "Target").and_then(|target| inside(target, "LocURI"));
        let target = target.unwrap_or_default().to_owned();
        let value = inside(&command.text, "Data").unwrap_or_default();
        match name.as_str() {
            "Status" => String::new(),
            "Sequence" | "Atomic" => {
                let mut said = answer(200);
                for inner in &command.inner {
                    *next += 1;
                    said += &self.obey(inner, (&mut *next, number));
                }
                said
            }
            _ if self.manner == Manner::Empty => answer(200),
            "Get" => match self.read(&target) {
                None => answer(404),
                Some((format, value)) => {
                    let said = answer(200);
                    *next += 1;
                    format!(
                        "{said}<Results><CmdID>{next}</CmdID><MsgRef>{number}</MsgRef><CmdRef>{id}</CmdRef>\
                         <Item><Source><LocURI>{target}</LocURI></Source>\
                         <Meta><Format xmlns=\"syncml:metinf\">{format}</Format></Meta>\
                         <Data>{value}</Data></Item></Results>"
                    )
                }
            },
            "Add" | "Replace" => {
                let is_node = command.text.contains(">node</Format>");
                let value = if is_node { INTERIOR } else { value };
                self.tree.insert(target, value.to_owned());
                answer(200)
            }
            "Delete" => {
                let below = format!("{target}/");
                self.tree
                    .retain(|at, _| *at != target && !at.starts_with(&below));
                answer(200)
            }
            "Exec" if self.manner == Manner::Reports => {
                let said = answer(200);
                *next += 1;
                said + &self.report(*next, command, &target)
            }
            _ => answer(200),
        }
    }

    /// A value, or the names below a node.
    fn read(&self, at: &str) -> Option<(&'static str, String)> {
        if let Some(value) = self.tree.get(at).filter(|value| *value != INTERIOR) {
            return Some(("chr", value.clone()));
        }
        let above = format!("{at}/");
        let below = self.tree.keys().filter_map(|known| {
            let rest = known.strip_prefix(&above)?;
            rest.split(['/', '?']).next().map(str::to_owned)
        });
        let mut names: Vec<String> = below.collect();
        names.dedup();
        let is_there = !names.is_empty() || self.tree.contains_key(at);
        is_there.then(|| ("node", names.join("/")))
    }

    /// That all devices of a fan-out have done everything.
    fn report(&self, number: usize, exec: &Command, start: &str) -> String {
        let Some(fanout) = start.strip_suffix("/Operations/Start") else {
            return String::new();
        };
        let below = |above: String| {
            let own = self.tree.iter();
            let own = own.filter(move |(at, value)| at.starts_with(&above) && *value != INTERIOR);
            own.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let mut devices = below(format!("{fanout}/Target/Devices/"));
        if let Some(group) = self.tree.get(&format!("{fanout}/Target/Group")) {
            let named = |(at, name): (&String, &String)| {
                (name == group).then(|| at.strip_suffix("/Name").map(str::to_owned))?
            };
            let groups: Vec<String> = self.tree.iter().filter_map(named).collect();
            devices.extend(groups.iter().flat_map(|at| below(format!("{at}/Members/"))));
        }
        let entries = devices.iter().fold(String::new(), |mut out, device| {
            // Writing to a String cannot fail.
            let _ = write!(out, "&lt;Device id=\"{device}\" status=\"200\"/>");
            out
        });
        let correlator = inside(&exec.text, "Correlator").unwrap_or_default();
        format!(
            "<Alert><CmdID>{number}</CmdID><Correlator>{correlator}</Correlator><Data>1226</Data><Item>\
             <Source><LocURI>{fanout}</LocURI></Source><Meta><Type xmlns=\"syncml:metinf\">\
             urn:oma:at:oma-gwmo:resultaggregation:1.0</Type></Meta>\
             <Data>&lt;Aggregate>{entries}&lt;/Aggregate></Data></Item></Alert>"
        )
    }
}

/// A command in a message.
struct Command {
    name: String,
    id: String,
    /// What is inside.
    text: String,
    /// What is in a sequence.
    inner: Vec<Command>,
}

/// The commands in the body of a message, or inside another one.
fn commands(text: &str) -> Vec<Command> {
    let known = [
        "Add", "Alert", "Atomic", "Delete", "Exec", "Get", "Replace", "Results", "Sequence",
        "Status",
    ];
    let mut found = Vec::new();
    let mut rest = inside(text, "SyncBody").unwrap_or(text);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let Some(name) = known.iter().find(|name| {
            let after = rest.strip_prefix(**name);
            after.is_some_and(|after| after.starts_with(['>', ' ']))
        }) else {
            continue;
        };
        let open = rest.find('>').map_or(rest.len(), |at| at + 1);
        let close = format!("</{name}>");
        let Some(end) = rest.find(&close) else {
            return found;
        };
        let text = &rest[open..end.max(open)];
        let is_block = ["Atomic", "Sequence"].contains(name);
        found.push(Command {
            name: (*name).to_owned(),
            id: inside(text, "CmdID").unwrap_or_default().to_owned(),
            text: text.to_owned(),
            inner: if is_block { commands(text) } else { Vec::new() },
        });
        rest = &rest[end + close.len()..];
    }
    found
}

/// What is inside the first element of a name.
fn inside<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let open = text
        .match_indices(&format!("<{name}"))
        .find(|(at, tag)| text[at + tag.len()..].starts_with(['>', ' ']))?;
    let rest = &text[open.0..];
    let rest = &rest[rest.find('>')? + 1..];
    rest.find(&format!("</{name}>")).map(|end| &rest[..end])
}

fn status(at: usize, message: &str, command: &str, name: &str, code: u16) -> String {
    format!(
        "<Status><CmdID>{at}</CmdID><MsgRef>{message}</MsgRef><CmdRef>{command}</CmdRef><Cmd>{name}</Cmd>\
         <Data>{code}</Data></Status>"
    )
}

fn whole(
    (session, number): (&str, &str),
    (target, source): (&str, &str),
    credentials: &str,
    body: &str,
) -> String {
    format!(
        "<?xml version=\"1.0\"?><SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD>\
         <VerProto>DM/1.2</VerProto><SessionID>{session}</SessionID><MsgID>{number}</MsgID>\
         <Target><LocURI>{target}</LocURI></Target><Source><LocURI>{source}</LocURI></Source>{credentials}\
         </SyncHdr><SyncBody>{body}<Final/></SyncBody></SyncML>"
    )
}

/// A message of HTTP: its head, and its body.
fn message(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let (mut octets, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&octets[..end]).into_owned();
            let lower = head.to_ascii_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0);
            if octets.len() >= end + 4 + length {
                return Some((head, octets[end + 4..end + 4 + length].to_vec()));
            }
        }
        match stream.read(&mut part).ok()? {
            0 => return None,
            n => octets.extend_from_slice(&part[..n]),
        }
    }
}

/// The body of the answer, if it is one.
fn post(url: &str, said: &str) -> Option<String> {
    let (authority, path) = url.strip_prefix("http://")?.split_once('/')?;
    let place: SocketAddr = authority.parse().ok()?;
    let mut stream = TcpStream::connect(place).ok()?;
    let length = said.len();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: {XML}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{said}"
    )
    .ok()?;
    let (_, body) = message(&mut stream)?;
    String::from_utf8(body).ok()
}
