//! Device management: what servers ask, answered from the object model (TS 1.0.2 §5.4).

use std::net::SocketAddr;

use twinproof_coap::endpoint::Exchange;
use twinproof_coap::{Code, ContentFormat, Message, Packet};

use super::rules::{Control, FormatFacts, GrantFacts, OfferFacts};
use super::{Device, Done, Effect, Moment, Shared, path_of};
use crate::model::{Object, Resource};
use crate::upper::WriteMode;
use crate::wire::attributes::{Attribute, Attributes};
use crate::wire::links::{Item, ObjectList};
use crate::wire::{
    self, DecodeError, Direction, Entry, Path, Value, Version, senml_cbor, senml_json,
};

/// The bits of access control.
pub(super) const READ: i64 = 1;
pub(super) const WRITE: i64 = 2;
pub(super) const EXECUTE: i64 = 4;
pub(super) const DELETE: i64 = 8;
pub(super) const CREATE: i64 = 16;

impl Device {
    /// Does what a server asks; the error is the code of the refusal.
    pub(super) fn manage(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
        body: &[u8],
    ) -> Result<Done, Code> {
        let shared = moment.shared;
        let format = packet.content_format().map_err(|_| Code::BAD_REQUEST)?;
        let accept = packet.accept().map_err(|_| Code::BAD_REQUEST)?;
        let composite = matches!(packet.code(), Code::FETCH | Code::IPATCH);
        if composite {
            if shared.version == Version::V1_0 {
                return Err(Code::METHOD_NOT_ALLOWED);
            }
            let format = format.ok_or(Code::BAD_REQUEST)?;
            let entries = self.decode(shared, format, Path::ROOT, body)?;
            return match packet.code() {
                Code::IPATCH => self
                    .write_composite(shared, account, &entries)
                    .map(Self::changed),
                _ => {
                    let paths: Vec<Path> = entries.iter().map(|entry| entry.path).collect();
                    self.read_composite(moment, account, exchange, packet, (paths, format, accept))
                }
            };
        }
        let path = self.target(shared, packet)?;
        if path
            .object()
            .is_some_and(|object| !shared.rules.is_reachable(object))
        {
            return Err(Code::UNAUTHORIZED);
        }
        match packet.code() {
            Code::GET if accept == Some(ContentFormat::LINK_FORMAT) => {
                let list = self.discover(shared, account, path)?;
                let message =
                    Message::new(Code::CONTENT).content_format(ContentFormat::LINK_FORMAT);
                Ok(Done::plain(message.payload(list.to_string())))
            }
            Code::GET => {
                let entries = self.read(shared, account, path)?;
                let message = self.told(shared, path, &entries, accept)?;
                let observe = packet.observe().map_err(|_| Code::BAD_OPTION)?;
                match observe {
                    Some(0) => {
                        let told = (accept, entries);
                        self.observe(moment, account, exchange.token, (vec![path], false), told);
                    }
                    Some(1) => self.cancel(shared, account, exchange.token),
                    _ => {}
                }
                Ok(Done {
                    observed: observe == Some(0),
                    ..Done::plain(message)
                })
            }
            Code::PUT if format.is_none() && body.is_empty() => {
                self.write_attributes(shared, account, path, packet)?;
                Ok(Done::plain(Message::new(Code::CHANGED)))
            }
            Code::PUT if path.depth() >= 2 => {
                let entries = self.written(shared, path, format, body)?;
                self.write(shared, account, path, WriteMode::Replace, &entries)
                    .map(Self::changed)
            }
            Code::POST => match path.depth() {
                1 => self.create(shared, account, path, format, body),
                2 => {
                    let entries = self.written(shared, path, format, body)?;
                    self.write(shared, account, path, WriteMode::Update, &entries)
                        .map(Self::changed)
                }
                3 => {
                    let format = format.map(ContentFormat::current);
                    let text = matches!(format, None | Some(ContentFormat::TEXT));
                    text.then_some(()).ok_or(Code::UNSUPPORTED_CONTENT_FORMAT)?;
                    self.execute(moment, account, path, body)
                }
                _ => Err(Code::METHOD_NOT_ALLOWED),
            },
            Code::DELETE => self.delete(shared, account, path),
            _ => Err(Code::METHOD_NOT_ALLOWED),
        }
    }

    fn changed(effects: Vec<Effect>) -> Done {
        Done {
            effects,
            ..Done::plain(Message::new(Code::CHANGED))
        }
    }

    /// The path that a request is for, without the alternate path.
    fn target(&self, shared: &Shared, packet: &Packet<'_>) -> Result<Path, Code> {
        let segments: Result<Vec<&str>, _> = packet.path().collect();
        let segments = segments.map_err(|_| Code::BAD_REQUEST)?;
        let root: Vec<&str> = shared
            .root
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let segments = segments
            .strip_prefix(root.as_slice())
            .ok_or(Code::NOT_FOUND)?;
        if segments.is_empty() {
            return Ok(Path::ROOT);
        }
        let numeric = |segment: &&str| segment.bytes().all(|byte| byte.is_ascii_digit());
        if !segments.iter().all(numeric) {
            return Err(Code::NOT_FOUND);
        }
        Path::from_segments(segments.iter().copied()).map_err(|_| Code::BAD_REQUEST)
    }

    pub(super) fn decode(
        &self,
        shared: &Shared,
        format: ContentFormat,
        base: Path,
        body: &[u8],
    ) -> Result<Vec<Entry>, Code> {
        let kinds = |path: Path| definition(shared, path).ok()?.1?.kind;
        if !has_format(shared, format) {
            return Err(Code::UNSUPPORTED_CONTENT_FORMAT);
        }
        wire::decode(format, Direction::Write, base, body, &kinds).map_err(|error| match error {
            DecodeError::Format(_) => Code::UNSUPPORTED_CONTENT_FORMAT,
            DecodeError::Payload(_) => Code::BAD_REQUEST,
        })
    }

    fn written(
        &self,
        shared: &Shared,
        path: Path,
        format: Option<ContentFormat>,
        body: &[u8],
    ) -> Result<Vec<Entry>, Code> {
        self.exists(shared, path.prefix(2))?;
        self.decode(shared, format.ok_or(Code::BAD_REQUEST)?, path, body)
    }

    /// Whether an object or instance is there, and has a definition.
    pub(super) fn exists(&self, shared: &Shared, path: Path) -> Result<(), Code> {
        let tree = self.tree(shared);
        definition(shared, path.prefix(1))?;
        let there = match path.depth() {
            0 => false,
            1 => path.object().is_some_and(|object| tree.has_object(object)),
            _ => tree.has_instance(path.prefix(2)),
        };
        there.then_some(()).ok_or(Code::NOT_FOUND)
    }

    /// The row of access control for an instance.
    pub(super) fn control_of(&self, shared: &Shared, path: Path) -> Option<Path> {
        let tree = self.tree(shared);
        let number = |control: &Path, resource| {
            let number = tree.number(control.child(resource)?)?;
            Some(number as i64)
        };
        let instance = path.instance().unwrap_or(u16::MAX);
        let mut controls = tree.instances(path_of(&[2])).into_iter();
        controls.find(|control| {
            number(control, 0) == path.object().map(i64::from)
                && number(control, 1) == Some(instance.into())
        })
    }

    /// Whether access control lets a server do something to an instance.
    pub(super) fn granted(&self, shared: &Shared, account: usize, needs: i64, path: Path) -> bool {
        let tree = self.tree(shared);
        let servers = self.servers(shared);
        let ssid = servers.get(account).map_or(0, |server| server.ssid);
        let number = |control: Path, ids: &[u16]| {
            let path = ids.iter().try_fold(control, |path, &id| path.child(id))?;
            tree.number(path).map(|number| number as i64)
        };
        let controlled = servers.len() > 1 && !tree.instances(path_of(&[2])).is_empty();
        let control = self.control_of(shared, path).filter(|_| controlled);
        shared.rules.is_granted(GrantFacts {
            needs,
            controlled,
            control: control.map(|control| Control {
                owner: number(control, &[3]) == Some(ssid.into()),
                own: number(control, &[2, ssid]),
                default: number(control, &[2, 0]),
            }),
        })
    }

    /// The values at and below a path that a server may see.
    pub(super) fn read(
        &self,
        shared: &Shared,
        account: usize,
        path: Path,
    ) -> Result<Vec<Entry>, Code> {
        if path.depth() == 0 {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        self.exists(shared, path)?;
        let tree = self.tree(shared);
        let may = |instance: Path| self.granted(shared, account, READ, instance);
        if path.depth() == 1 {
            let instances = tree
                .instances(path)
                .into_iter()
                .filter(|&instance| may(instance));
            let entries = instances.flat_map(|instance| self.visible(shared, instance));
            return Ok(entries.collect());
        }
        if !may(path.prefix(2)) {
            return Err(Code::UNAUTHORIZED);
        }
        if path.depth() == 2 {
            return Ok(self.visible(shared, path));
        }
        let (_, resource) = definition(shared, path)?;
        let resource = resource.ok_or(Code::NOT_FOUND)?;
        if !shared.rules.is_readable(resource.operations) {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        let values = tree.values(path);
        if values.is_empty() {
            return Err(Code::NOT_FOUND);
        }
        Ok(values
            .into_iter()
            .map(|(path, value)| Entry::new(path, value))
            .collect())
    }

    pub(super) fn visible(&self, shared: &Shared, instance: Path) -> Vec<Entry> {
        let values = self.tree(shared).values(instance).into_iter();
        let readable = |path: Path| {
            let resource = definition(shared, path)
                .ok()
                .and_then(|(_, resource)| resource);
            resource.is_some_and(|resource| shared.rules.is_readable(resource.operations))
        };
        values
            .filter(|(path, _)| readable(*path))
            .map(|(path, value)| Entry::new(path, value))
            .collect()
    }

    /// The values of several paths; what cannot be read is left out (TS 1.1.1 §6.3.8).
    pub(super) fn read_several(
        &self,
        shared: &Shared,
        account: usize,
        paths: &[Path],
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for &path in paths {
            let roots = match path.depth() {
                0 => self
                    .tree(shared)
                    .objects()
                    .into_iter()
                    .map(|id| path_of(&[id]))
                    .collect(),
                _ => vec![path],
            };
            let reachable = roots.into_iter().filter(|root| {
                root.object()
                    .is_some_and(|id| shared.rules.is_reachable(id))
            });
            let read = reachable
                .filter_map(|root| self.read(shared, account, root).ok())
                .flatten();
            for entry in read {
                if !entries.iter().any(|other| other.path == entry.path) {
                    entries.push(entry);
                }
            }
        }
        entries
    }

    fn read_composite(
        &mut self,
        moment: &mut Moment<'_>,
        account: usize,
        exchange: &Exchange<SocketAddr>,
        packet: &Packet<'_>,
        (paths, format, accept): (Vec<Path>, ContentFormat, Option<ContentFormat>),
    ) -> Result<Done, Code> {
        let shared = moment.shared;
        let entries = self.read_several(shared, account, &paths);
        let accept = accept.or(Some(format));
        let message = self.told_several(shared, &entries, accept)?;
        let observe = packet.observe().map_err(|_| Code::BAD_OPTION)?;
        match observe {
            Some(0) => {
                let told = (accept, entries);
                self.observe(moment, account, exchange.token, (paths, true), told);
            }
            Some(1) => self.cancel(shared, account, exchange.token),
            _ => {}
        }
        Ok(Done {
            observed: observe == Some(0),
            ..Done::plain(message)
        })
    }

    /// What is read, in the format that is asked for or the device's own.
    pub(super) fn told(
        &self,
        shared: &Shared,
        path: Path,
        entries: &[Entry],
        accept: Option<ContentFormat>,
    ) -> Result<Message, Code> {
        let forced = self.aside.as_ref().and_then(|aside| aside.behaviour.format);
        told(shared, (path, entries), accept, forced)
    }

    /// The values of several paths, in SenML.
    pub(super) fn told_several(
        &self,
        shared: &Shared,
        entries: &[Entry],
        accept: Option<ContentFormat>,
    ) -> Result<Message, Code> {
        let senml = [ContentFormat::SENML_JSON, ContentFormat::SENML_CBOR];
        let etch = [
            ContentFormat::SENML_ETCH_JSON,
            ContentFormat::SENML_ETCH_CBOR,
        ];
        // A request in an etch format is answered in the plain one.
        let plain = accept.map(|format| {
            etch.iter()
                .position(|e| *e == format)
                .map_or(format, |i| senml[i])
        });
        let format = shared.rules.format(FormatFacts {
            accept: plain,
            offered: plain.is_some_and(|format| senml.contains(&format)),
            own: own_senml(shared),
        });
        let format = format.ok_or(Code::NOT_ACCEPTABLE)?;
        let payload = match format {
            ContentFormat::SENML_JSON => senml_json::encode(None, entries),
            _ => senml_cbor::encode(None, entries),
        };
        let payload = payload.map_err(|_| Code::INTERNAL_SERVER_ERROR)?;
        Ok(Message::new(Code::CONTENT)
            .content_format(format)
            .payload(payload))
    }

    fn discover(&self, shared: &Shared, account: usize, path: Path) -> Result<ObjectList, Code> {
        if path.depth() == 0 || path.depth() > 3 {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        self.exists(shared, path)?;
        let tree = self.tree(shared);
        let attached = |path: Path| self.attached(account, path);
        let mut list = ObjectList {
            root: shared.root.clone(),
            ..ObjectList::default()
        };
        let resources = |instance: Path, only: Option<u16>| {
            let (object, _) = definition(shared, instance).ok()?;
            let present = object
                .resources
                .values()
                .filter(|resource| only.is_none_or(|id| id == resource.id));
            let items = present.filter_map(|resource| {
                let path = instance.child(resource.id)?;
                let values = tree.values(path);
                let there = !values.is_empty()
                    || (resource.operations.execute && resource.mandatory)
                    || (resource.operations.write
                        && !resource.operations.read
                        && resource.mandatory);
                let dim = resource.multiple.then_some(values.len() as u16);
                there.then(|| Item {
                    dim,
                    ..Item::new(path)
                })
            });
            Some(items.collect::<Vec<Item>>())
        };
        match path.depth() {
            1 => {
                list.items.push(Item {
                    attributes: attached(path),
                    ..Item::new(path)
                });
                for instance in tree.instances(path) {
                    list.items.push(Item {
                        attributes: attached(instance),
                        ..Item::new(instance)
                    });
                    list.items
                        .extend(resources(instance, None).unwrap_or_default());
                }
            }
            2 => {
                list.items.push(Item {
                    attributes: attached(path),
                    ..Item::new(path)
                });
                let items = resources(path, None).unwrap_or_default();
                let items = items.into_iter().map(|item| Item {
                    attributes: attached(item.path),
                    ..item
                });
                list.items.extend(items);
            }
            _ => {
                let items = resources(path.prefix(2), path.resource()).unwrap_or_default();
                let item = items.into_iter().next().ok_or(Code::NOT_FOUND)?;
                let inherited = self.effective(account, path);
                list.items.push(Item {
                    attributes: inherited,
                    ..item
                });
            }
        }
        Ok(list)
    }

    fn write_attributes(
        &mut self,
        shared: &Shared,
        account: usize,
        path: Path,
        packet: &Packet<'_>,
    ) -> Result<(), Code> {
        if path.depth() == 0 {
            return Err(Code::METHOD_NOT_ALLOWED);
        }
        self.exists(shared, path)?;
        if path.depth() >= 2 && !self.granted(shared, account, READ, path.prefix(2)) {
            return Err(Code::UNAUTHORIZED);
        }
        if path.has_value() {
            let (_, resource) = definition(shared, path)?;
            let resource = resource.ok_or(Code::NOT_FOUND)?;
            shared
                .rules
                .is_readable(resource.operations)
                .then_some(())
                .ok_or(Code::METHOD_NOT_ALLOWED)?;
        }
        let query: Result<Vec<&str>, _> = packet.queries().collect();
        let query = query.map_err(|_| Code::BAD_REQUEST)?;
        let known = |argument: &&str| {
            let name = argument.split('=').next().unwrap_or_default();
            Attribute::by_name(name)
                .is_some_and(|attribute| attribute.definition().since <= shared.version)
        };
        if query.is_empty() || !query.iter().all(known) {
            return Err(Code::BAD_REQUEST);
        }
        let report = self.accounts[account].report.get_or_insert_default();
        let mut attributes = report
            .attributes
            .get(&path)
            .copied()
            .unwrap_or(Attributes::NONE);
        attributes
            .apply(path, query)
            .map_err(|_| Code::BAD_REQUEST)?;
        report.attributes.insert(path, attributes);
        report
            .attributes
            .retain(|_, attributes| !attributes.is_empty());
        self.dirty = true;
        Ok(())
    }
}

/// A message with these values, in the format that the server accepts, that a tester wants or that is the device's own.
pub(super) fn told(
    shared: &Shared,
    (path, entries): (Path, &[Entry]),
    accept: Option<ContentFormat>,
    forced: Option<ContentFormat>,
) -> Result<Message, Code> {
    let encode = |format| wire::encode(format, Direction::Report, path, entries).ok();
    let possible =
        |format: &ContentFormat| has_format(shared, *format) && encode(*format).is_some();
    let own = forced
        .or(shared.speaks)
        .filter(possible)
        .unwrap_or_else(|| own_format(shared.version, path, entries));
    let format = shared.rules.format(FormatFacts {
        accept,
        offered: accept.is_some_and(|format| possible(&format)),
        own,
    });
    let format = format.ok_or(Code::NOT_ACCEPTABLE)?;
    let payload = encode(format).ok_or(Code::NOT_ACCEPTABLE)?;
    Ok(Message::new(Code::CONTENT)
        .content_format(format)
        .payload(payload))
}

/// The definitions of the object, and of the resource if the path is that long, at or above a path.
pub(super) fn definition(
    shared: &Shared,
    path: Path,
) -> Result<(&Object, Option<&Resource>), Code> {
    let object = path
        .object()
        .and_then(|id| shared.definition(id))
        .ok_or(Code::NOT_FOUND)?;
    let resource = path.resource().and_then(|id| object.resources.get(&id));
    Ok((object, resource))
}

/// The format of SenML that a device chooses if nothing is asked for.
pub(super) fn own_senml(shared: &Shared) -> ContentFormat {
    match shared.speaks {
        Some(ContentFormat::SENML_JSON) => ContentFormat::SENML_JSON,
        _ => ContentFormat::SENML_CBOR,
    }
}

/// Whether a device has a format.
fn has_format(shared: &Shared, format: ContentFormat) -> bool {
    let format = format.current();
    shared.rules.has_format(OfferFacts {
        format,
        version: shared.version,
        known: offered(shared.version).contains(&format),
    })
}

/// The formats that a version knows (TS §6.4).
fn offered(version: Version) -> &'static [ContentFormat] {
    const ALL: &[ContentFormat] = &[
        ContentFormat::TEXT,
        ContentFormat::OCTET_STREAM,
        ContentFormat::LWM2M_TLV,
        ContentFormat::LWM2M_JSON,
        ContentFormat::CBOR,
        ContentFormat::SENML_JSON,
        ContentFormat::SENML_CBOR,
        ContentFormat::LWM2M_CBOR,
        ContentFormat::SENML_ETCH_JSON,
        ContentFormat::SENML_ETCH_CBOR,
    ];
    match version {
        Version::V1_0 => &ALL[..4],
        Version::V1_1 => &ALL[..7],
        _ => ALL,
    }
}

/// What a device chooses if nothing is asked for: single values as they are, others in the format that
/// its version must have.
fn own_format(version: Version, path: Path, entries: &[Entry]) -> ContentFormat {
    match entries {
        [
            Entry {
                path: at,
                value: Some(value),
                ..
            },
        ] if *at == path => match value {
            Value::Opaque(_) => ContentFormat::OCTET_STREAM,
            _ => ContentFormat::TEXT,
        },
        _ if version == Version::V1_0 => ContentFormat::LWM2M_TLV,
        _ => ContentFormat::SENML_CBOR,
    }
}
