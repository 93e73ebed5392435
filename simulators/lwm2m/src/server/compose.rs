//! Operations as messages, and answers as values (TS 1.0.2 §5.4, §5.5).

use twinproof_coap::{Code, ContentFormat, Message, Packet, option};

use super::Shared;
use super::clients::Registration;
use super::report::Subject;
use super::rules::Kind;
use crate::upper::{Answer, Operation, Reply, WriteMode};
use crate::wire::links::ObjectList;
use crate::wire::{self, Direction, Entry, Path, Value, Version, senml_cbor};

/// A request to a client, and what its answer is about.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) message: Message,
    /// What the values in the answer are at or below.
    pub(super) base: Path,
    /// What an observation is of.
    pub(super) observes: Option<Subject>,
}

impl Composed {
    fn new(base: Path, message: Message) -> Self {
        Self {
            message,
            base,
            observes: None,
        }
    }
}

/// What kind of operation this is; none if no client hears of it.
pub(super) fn kind(operation: &Operation) -> Option<Kind> {
    Some(match operation {
        Operation::Clients | Operation::Events { .. } | Operation::Result { .. } => return None,
        Operation::Cancel { .. } | Operation::CancelComposite { .. } => Kind::Cancel,
        Operation::Create { .. } => Kind::Create,
        Operation::Delete { .. } => Kind::Delete,
        Operation::Discover { .. } => Kind::Discover,
        Operation::Execute { .. } => Kind::Execute,
        Operation::Observe { .. } | Operation::ObserveComposite { .. } => Kind::Observe,
        Operation::Read { .. } | Operation::ReadComposite { .. } => Kind::Read,
        Operation::Write { .. } | Operation::WriteComposite { .. } => Kind::Write,
        Operation::WriteAttributes { .. } => Kind::WriteAttributes,
    })
}

/// The request that carries an operation out, or why there can be none.
pub(super) fn compose(client: &Registration, operation: &Operation) -> Result<Composed, String> {
    let to = |code: Code, path: Path| {
        let message = Message::new(code);
        match path.depth() {
            0 => message.path(&client.list.root),
            _ => message.path(&format!("{}{path}", client.list.root)),
        }
    };
    match operation {
        Operation::Create {
            object,
            instance,
            resources,
            ..
        } => {
            // An instance that is not named is the client's to choose: then resources stand alone.
            let object = Path::new(&[*object]).ok_or("65535 is no object")?;
            let place = object.child(instance.unwrap_or(0));
            let place = place.ok_or("65535 is no instance")?;
            let entries: Option<Vec<Entry>> = resources
                .iter()
                .map(|(id, value)| Some(Entry::new(place.child(*id)?, value.clone())))
                .collect();
            let entries = entries.ok_or("65535 is no resource")?;
            let base = if instance.is_some() { object } else { place };
            let message = written(to(Code::POST, object), client, base, &entries, None)?;
            Ok(Composed::new(object, message))
        }
        Operation::Delete { path, .. } => Ok(Composed::new(*path, to(Code::DELETE, *path))),
        Operation::Discover { path, .. } => {
            let message = to(Code::GET, *path).accept(ContentFormat::LINK_FORMAT);
            Ok(Composed::new(*path, message))
        }
        Operation::Execute {
            path, arguments, ..
        } => {
            let mut message = to(Code::POST, *path);
            if !arguments.is_empty() {
                message = message
                    .content_format(ContentFormat::TEXT)
                    .payload(arguments.as_str());
            }
            Ok(Composed::new(*path, message))
        }
        Operation::Observe { path, accept, .. } => {
            let message = accepting(to(Code::GET, *path).observe(), *accept);
            Ok(Composed {
                observes: Some(Subject {
                    paths: vec![*path],
                    composite: false,
                    accept: *accept,
                }),
                ..Composed::new(*path, message)
            })
        }
        Operation::ObserveComposite { paths, .. } => {
            let message = composite(client, Code::FETCH, &bare(paths))?.observe();
            Ok(Composed {
                observes: Some(Subject {
                    paths: paths.clone(),
                    composite: true,
                    accept: None,
                }),
                ..Composed::new(Path::ROOT, message)
            })
        }
        Operation::Read { path, accept, .. } => {
            let message = accepting(to(Code::GET, *path), *accept);
            Ok(Composed::new(*path, message))
        }
        Operation::ReadComposite { paths, .. } => {
            let message = composite(client, Code::FETCH, &bare(paths))?;
            Ok(Composed::new(Path::ROOT, message))
        }
        Operation::Write {
            path,
            mode,
            values,
            format,
            ..
        } => {
            let method = match mode {
                WriteMode::Replace => Code::PUT,
                // At a resource, a POST would execute it.
                WriteMode::Update if path.depth() == 2 => Code::POST,
                WriteMode::Update => return Err(format!("{path} can only be replaced")),
            };
            let message = written(to(method, *path), client, *path, values, *format)?;
            Ok(Composed::new(*path, message))
        }
        Operation::WriteAttributes {
            path, attributes, ..
        } => {
            let message = to(Code::PUT, *path);
            let message = attributes.iter().fold(message, |all, one| all.query(one));
            Ok(Composed::new(*path, message))
        }
        Operation::WriteComposite { values, .. } => {
            let message = composite(client, Code::IPATCH, values)?;
            Ok(Composed::new(Path::ROOT, message))
        }
        Operation::Cancel { .. }
        | Operation::CancelComposite { .. }
        | Operation::Clients
        | Operation::Events { .. }
        | Operation::Result { .. } => Err("this is no request to a client".to_owned()),
    }
}

/// The request that ends an observation: the same as began it, but for what it says of observing.
pub(super) fn cancelling(client: &Registration, subject: &Subject) -> Result<Message, String> {
    let message = match subject.paths[..] {
        [path] if !subject.composite => {
            let path = format!("{}{path}", client.list.root);
            accepting(Message::new(Code::GET).path(&path), subject.accept)
        }
        _ => composite(client, Code::FETCH, &bare(&subject.paths))?,
    };
    Ok(message.uint(option::OBSERVE, 1))
}

fn accepting(message: Message, accept: Option<ContentFormat>) -> Message {
    match accept {
        Some(format) => message.accept(format),
        None => message,
    }
}

fn bare(paths: &[Path]) -> Vec<Entry> {
    paths.iter().copied().map(Entry::bare).collect()
}

/// A request for several paths (TS 1.1.1 §6.3.8): a list of them in SenML.
fn composite(client: &Registration, code: Code, entries: &[Entry]) -> Result<Message, String> {
    if client.version == Version::V1_0 {
        return Err("LwM2M 1.0 has no composite operations".to_owned());
    }
    let payload = senml_cbor::encode(None, entries).map_err(|error| error.to_string())?;
    let message = Message::new(code).path(&client.list.root).payload(payload);
    Ok(message
        .content_format(ContentFormat::SENML_CBOR)
        .accept(ContentFormat::SENML_CBOR))
}

/// Puts values into a request: in the format that is asked for, or the simplest that every client of
/// this version has (TS §6.4).
fn written(
    message: Message,
    client: &Registration,
    base: Path,
    values: &[Entry],
    format: Option<ContentFormat>,
) -> Result<Message, String> {
    let own = || match values {
        [
            Entry {
                path,
                value: Some(Value::Opaque(_)),
                ..
            },
        ] if *path == base => ContentFormat::OCTET_STREAM,
        [
            Entry {
                path,
                value: Some(_),
                ..
            },
        ] if *path == base => ContentFormat::TEXT,
        _ if client.version == Version::V1_0 => ContentFormat::LWM2M_TLV,
        _ if client.list.formats.contains(&ContentFormat::LWM2M_TLV) => ContentFormat::LWM2M_TLV,
        _ => ContentFormat::SENML_CBOR,
    };
    let format = format.unwrap_or_else(own);
    let payload = wire::encode(format, Direction::Write, base, values);
    let payload = payload.map_err(|error| error.to_string())?;
    Ok(message.content_format(format).payload(payload))
}

impl Shared {
    /// Reads what a client sends, with the types of the objects as it has registered them.
    pub(super) fn read(
        &self,
        (list, version): (&ObjectList, Version),
        base: Path,
        format: ContentFormat,
        body: &[u8],
    ) -> Result<Vec<Entry>, wire::DecodeError> {
        let kinds = |path: Path| {
            let object = path.object()?;
            let said = list.version(object);
            let definition = said.and_then(|version| self.registry.version(object, version));
            let definition = definition.or_else(|| self.registry.for_enabler(object, version))?;
            definition.resources.get(&path.resource()?)?.kind
        };
        wire::decode(format, Direction::Report, base, body, &kinds)
    }

    /// What a client's answer comes to.
    pub(super) fn reply(
        &self,
        (list, version): (&ObjectList, Version),
        base: Path,
        (packet, body): (&Packet<'_>, &[u8]),
    ) -> Answer {
        let mut reply = Reply {
            code: packet.code(),
            values: Vec::new(),
            links: None,
            location: location(list, packet),
        };
        if !packet.code().is_success() {
            return Answer::Reply(reply);
        }
        // A payload without a format is taken for a single value as text, which is what it can be.
        let format = packet.content_format().ok().flatten();
        let format = format.or((!body.is_empty()).then_some(ContentFormat::TEXT));
        match format {
            None => {}
            Some(ContentFormat::LINK_FORMAT) => {
                reply.links = Some(String::from_utf8_lossy(body).into_owned());
            }
            Some(format) => match self.read((list, version), base, format, body) {
                Ok(values) => reply.values = values,
                Err(error) => {
                    let code = packet.code();
                    let why =
                        format!("the client answered {code} with what cannot be read: {error}");
                    return Answer::Refused(why);
                }
            },
        }
        Answer::Reply(reply)
    }
}

/// Where a client says that a new instance is.
fn location(list: &ObjectList, packet: &Packet<'_>) -> Option<Path> {
    let segments = packet.strings(option::LOCATION_PATH).map_while(Result::ok);
    let path = segments.fold(String::new(), |path, segment| path + "/" + segment);
    path.strip_prefix(list.root.as_str())?.parse().ok()
}
