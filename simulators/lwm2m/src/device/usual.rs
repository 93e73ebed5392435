//! What most exchanges of a device are: one with nothing to it registers, updates or sends what it began with, or tells its
//! only observer a number, and its server takes that. A device at rest need not be taken up for them. Whatever else happens, it is: then all is left to the
//! core, and this is not asked.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use twinproof_coap::endpoint::{Asked, Resting};
use twinproof_coap::{Code, ContentFormat, Message, Packet, Type, Writer, option};
use twinproof_kernel::{Identity, Outbox, Seed, Time};

use super::registration::{NOWHERE, said_lifetime, update_after};
use super::rest::Packed;
use super::rules::RegisterFacts;
use super::{
    Answer, Device, Notify, NotifyWith, Order, Register, Response, STANDARD, Shared, Update, manage,
};
use crate::wire::{Entry, Path, Value};

/// How long a datagram may be that a device at rest sends, in octets.
const ROOM: usize = 1_024;

/// What devices send who have changed nothing, but for what differs between them; only of devices that decide by the
/// standard in all, which is not asked then.
#[derive(Debug)]
pub(super) struct Draft {
    registration: Registration,
    lifetime: u32,
    /// Whether the server is to be told no sooner than some time after the time before.
    is_paced: bool,
    /// What is sent of the values of these paths: those that were asked for first.
    sends: OnceLock<(Vec<Path>, Option<Vec<u8>>)>,
    /// A path of which numbers are reported, the first of all, and the format if they are reported as nothing but what is said
    /// of them.
    reports: OnceLock<(Path, Option<ContentFormat>)>,
}

/// A registration, without the argument of its query that is the name.
#[derive(Debug)]
struct Registration {
    /// The options before it.
    before: Vec<u8>,
    /// The options behind it, and the payload.
    behind: Vec<u8>,
}

/// An exchange that has begun.
#[derive(Debug)]
pub struct Usual {
    asked: Asked,
    until: Time,
    what: What,
    /// The message layer and its generation, once the exchange is over as is usual.
    layer: Resting,
    generation: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Register,
    /// This number of this resource.
    Report(Path, i64),
    Send,
    Update,
}

/// What is reported.
enum Told {
    Message(Message),
    Plain(ContentFormat, i64),
}

/// How many octets the longest number has, with its sign.
const DIGITS: usize = 20;

impl Draft {
    pub(super) fn new(shared: &Shared, device: &Device, list: &str) -> Option<Self> {
        let decides = std::ptr::addr_eq(Arc::as_ptr(&shared.rules), Arc::as_ptr(&STANDARD));
        let fits = list.len() <= shared.parameters.block_size;
        if !decides || !fits || shared.servers.len() != 1 || shared.packs.is_some() {
            return None;
        }
        let (lifetime, binding) = (device.lifetime(shared, 0), device.binding(shared, 0));
        let query = shared.rules.parameters(RegisterFacts {
            endpoint: "",
            lifetime,
            version: shared.version,
            binding: &binding,
            queue_mode: shared.queue_mode,
            sms: shared.sms.as_deref(),
        });
        let said = said_lifetime(&query).unwrap_or(lifetime);
        let (name, others) = query.split_first()?;
        (name == NAME).then_some(())?;
        Some(Self {
            registration: Registration::new(others, list)?,
            lifetime: said,
            is_paced: device.setting(shared, 0, 2).is_some(),
            sends: OnceLock::new(),
            reports: OnceLock::new(),
        })
    }

    /// The format in which a number of this path is reported to whoever does not ask for anything else, if nothing is around
    /// it.
    fn reports_plain(&self, shared: &Shared, path: Path) -> Option<ContentFormat> {
        let (first, format) = self.reports.get_or_init(|| {
            let said = shared.contents.said(path, 0);
            let plain = match &said {
                Value::Opaque(octets) => (ContentFormat::OCTET_STREAM, octets.clone()),
                Value::String(text) => (ContentFormat::TEXT, text.clone().into_bytes()),
                _ => (ContentFormat::TEXT, b"0".to_vec()),
            };
            let told = manage::told(shared, (path, &[Entry::new(path, said)]), None, None);
            let is_plain = told.is_ok_and(|told| told == as_it_is(&plain));
            (path, is_plain.then_some(plain.0))
        });
        format.filter(|_| *first == path)
    }

    /// The options and the payload of what is sent of these values, if they are the same of all devices.
    fn sent(&self, shared: &Shared, paths: &[Path]) -> Option<&[u8]> {
        let (first, sent) = self.sends.get_or_init(|| {
            // What differs between devices follows from their names.
            let sent = ["a", "b"].map(|name| {
                let device = Device::new(name, NOWHERE, Seed::new(0));
                let (format, payload) = device.sends(shared, 0, paths).ok()?;
                let fits = payload.len() <= shared.parameters.block_size;
                fits.then(|| options(|writer| writer.path("/dp"), format, &payload))?
            });
            let [one, other] = sent;
            (
                paths.to_vec(),
                one.filter(|one| other.as_ref() == Some(one)),
            )
        });
        sent.as_deref().filter(|_| first == paths)
    }
}

/// A report of nothing but this.
fn as_it_is((format, octets): &(ContentFormat, Vec<u8>)) -> Message {
    let message = Message::new(Code::CONTENT);
    message.content_format(*format).payload(octets.clone())
}

/// A writer into a buffer of its own.
type Buffered<'b> = Writer<'b, Vec<u8>>;

/// The options and the payload of a request of this format, without header and token.
fn options(
    begin: impl FnOnce(Buffered<'_>) -> Buffered<'_>,
    format: ContentFormat,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let writer = begin(Writer::new(&mut octets, Type::Con, Code::POST, 0, &[]));
    writer.content_format(format).payload(payload).ok()?;
    octets.drain(..HEADER);
    Some(octets)
}

impl Registration {
    fn new(others: &[String], list: &str) -> Option<Self> {
        let format = ContentFormat::LINK_FORMAT;
        let before = options(|writer| writer.path("/rd"), format, &[])?;
        // What is behind a name is behind any other, too.
        let mut whole = Vec::new();
        let writer = Writer::new(&mut whole, Type::Con, Code::POST, 0, &[])
            .path("/rd")
            .content_format(format)
            .query(NAME);
        let others = others.iter();
        others
            .fold(writer, |writer, argument| writer.query(argument))
            .payload(list.as_bytes())
            .ok()?;
        let mut name = Vec::new();
        put_option(&mut name, TO_NAME, [NAME.as_bytes(), b""])?;
        let behind = whole.get(HEADER..)?.strip_prefix(before.as_slice())?;
        let behind = behind.strip_prefix(name.as_slice())?;
        Some(Self {
            before,
            behind: behind.to_vec(),
        })
    }
}

/// The header of a message, in octets.
const HEADER: usize = 4;

/// Before the name of the device.
const NAME: &str = "ep=";

/// How far Uri-Query is from Content-Format.
const TO_NAME: u16 = option::URI_QUERY.0 - option::CONTENT_FORMAT.0;

/// Appends an option whose number is so much more than that of the one before, with a value in two parts. None if there is
/// no such option in a URI.
fn put_option(into: &mut Vec<u8>, distance: u16, [one, other]: [&[u8]; 2]) -> Option<()> {
    let length = one.len() + other.len();
    match (distance, length) {
        (0..13, 0..13) => into.push((distance as u8) << 4 | length as u8),
        (0..13, 13..=255) => {
            into.extend_from_slice(&[(distance as u8) << 4 | 13, length as u8 - 13])
        }
        _ => return None,
    }
    into.extend_from_slice(one);
    into.extend_from_slice(other);
    Some(())
}

/// Appends the path of a request. None of one that nothing is at, or that a URI does not have.
fn put_path(into: &mut Vec<u8>, path: &[u8]) -> Option<()> {
    // Slashes at the ends do not count.
    let is_slash = |octet: &u8| *octet == b'/';
    let start = path.iter().position(|octet| !is_slash(octet))?;
    let end = path.iter().rposition(|octet| !is_slash(octet))?;
    let mut distance = option::URI_PATH.0;
    for segment in path[start..=end].split(is_slash) {
        if matches!(segment, b"." | b"..") {
            return None;
        }
        put_option(into, distance, [segment, b""])?;
        distance = 0;
    }
    Some(())
}

pub(super) fn begin<'n>(
    shared: &Shared,
    packed: &Packed,
    (at, who): (SocketAddr, impl FnOnce() -> Option<Identity<'n>>),
    now: Time,
    order: &Order,
    out: &mut Outbox<Answer>,
) -> Option<Usual> {
    let draft = shared.drafts.as_ref()?.registration.as_ref()?;
    let server = shared.servers.first()?.address;
    let mut sent = None;
    let mut told = None;
    let watch = packed.watch();
    let what = match order {
        Order::Notify(Notify {
            server: 0,
            path,
            with:
                with @ (NotifyWith::Confirmed(Value::Integer(number))
                | NotifyWith::Due(Value::Integer(number))),
        }) => {
            if draft.is_paced && matches!(with, NotifyWith::Due(_)) {
                return None;
            }
            let watch = watch.filter(|watch| watch.watched.path == *path)?;
            let accept = watch.watched.accept;
            let plain = draft.reports_plain(shared, *path);
            let report = match plain.filter(|_| accept.is_none()) {
                Some(format) => Told::Plain(format, *number),
                None => {
                    let entries = [Entry::new(*path, shared.contents.said(*path, *number))];
                    let message = manage::told(shared, (*path, &entries), accept, None);
                    Told::Message(message.ok()?)
                }
            };
            told = Some((&watch.heard, report));
            What::Report(*path, *number)
        }
        // Its server observes anew then.
        Order::Register(how) if *how == Register::default() && watch.is_none() => What::Register,
        // What was told may differ from what it began with.
        Order::Send { server: 0, paths } if watch.is_none() => {
            sent = Some(draft.sent(shared, paths)?);
            What::Send
        }
        Order::Update(how) if *how == Update::default() => What::Update,
        _ => return None,
    };
    // What it does by itself meanwhile, it does.
    let due = match what {
        What::Register | What::Update => None,
        What::Report(..) | What::Send => packed.due(),
    };
    if due.is_some_and(|due| due <= now) {
        return None;
    }
    let path = match what {
        What::Report(path, _) => Some(path),
        What::Register | What::Send | What::Update => None,
    };
    let mut layer = packed.layer();
    let mut generation = packed.generation();
    let is_put_away = layer.issued > 0 && layer.touched + shared.exchange_lifetime() <= now;
    if is_put_away && watch.is_some() {
        // The message layer stays, and forgets the server's numbers only.
        return None;
    }
    generation += u32::from(is_put_away);
    let mut used_up = packed.used_up();
    let is_fresh = is_put_away || layer.issued == 0;
    let who = match is_fresh || what == What::Register {
        true => Some(who()?),
        false => None,
    };
    if let Some(who) = who.filter(|_| is_fresh) {
        layer = Resting::new(who.seed.derive(&generation.to_string()));
        used_up = None;
    }
    let numbers = (&shared.parameters, shared.exchange_lifetime());
    let asked = match &told {
        Some((heard, _)) => layer.notify(numbers, used_up, (heard.token(), now))?,
        None => layer.request(numbers, used_up, now)?,
    };
    // What cannot be written so, the core knows what to do with.
    out.try_datagram(at, server, |buffer| {
        let start = buffer.len();
        match &told {
            None => {}
            Some((heard, Told::Message(message))) => {
                return heard.write(message, asked.message_id, buffer);
            }
            Some((heard, Told::Plain(format, number))) => {
                let mut room = [0; DIGITS];
                let mut rest = &mut room[..];
                write!(rest, "{number}").ok()?;
                let left = rest.len();
                let digits = &room[..DIGITS - left];
                let Some(filling) = path.and_then(|path| shared.contents.filling(path)) else {
                    return heard.write_value((*format, digits), asked.message_id, buffer);
                };
                let mut said = [0; ROOM];
                let length = filling.write(std::str::from_utf8(digits).ok()?, &mut said)?;
                return heard.write_value((*format, &said[..length]), asked.message_id, buffer);
            }
        }
        let [high, low] = asked.message_id.to_be_bytes();
        let token = asked.token.as_bytes();
        let first = 0x40 | token.len() as u8;
        buffer.extend_from_slice(&[first, Code::POST.byte(), high, low]);
        buffer.extend_from_slice(token);
        match what {
            What::Register => {
                let parts = [NAME.as_bytes(), who?.name.as_bytes()];
                buffer.extend_from_slice(&draft.registration.before);
                put_option(buffer, TO_NAME, parts)?;
                buffer.extend_from_slice(&draft.registration.behind);
            }
            What::Report(..) | What::Send => buffer.extend_from_slice(sent?),
            What::Update => put_path(buffer, packed.location())?,
        }
        (buffer.len() - start <= ROOM).then_some(())
    })?;
    let until = now + asked.wait;
    Some(Usual {
        asked,
        until: due.map_or(until, |due| due.min(until)),
        what,
        layer,
        generation,
    })
}

pub(super) fn order(shared: &Shared, usual: &Usual) -> Order {
    match usual.what {
        What::Register => Order::Register(Register::default()),
        What::Report(path, number) => Order::Notify(Notify {
            server: 0,
            path,
            with: NotifyWith::Confirmed(Value::Integer(number)),
        }),
        What::Send => {
            let draft = shared.drafts.as_ref();
            let draft = draft.and_then(|drafts| drafts.registration.as_ref()?.sends.get());
            let paths = draft.map(|(paths, _)| paths.clone());
            let (server, paths) = (0, paths.unwrap_or_default());
            Order::Send { server, paths }
        }
        What::Update => Order::Update(Update::default()),
    }
}

pub(super) fn end(
    shared: &Shared,
    packed: &mut Packed,
    usual: &Usual,
    now: Time,
    (from, bytes): (SocketAddr, &[u8]),
) -> Option<Answer> {
    let draft = shared.drafts.as_ref()?.registration.as_ref()?;
    if from != shared.servers.first()?.address {
        return None;
    }
    let [high, low] = usual.asked.message_id.to_be_bytes();
    if let What::Report(_, number) = usual.what {
        (bytes == [0x60, 0, high, low]).then_some(())?;
        packed.reported(number, usual.layer.touched);
        packed.exchanged((usual.layer, usual.generation), usual.asked.ends_run, now);
        return Some(Answer::Done);
    }
    let code = match usual.what {
        What::Register => Code::CREATED,
        What::Report(..) | What::Send | What::Update => Code::CHANGED,
    };
    let token = usual.asked.token.as_bytes();
    let head = [0x60 | token.len() as u8, code.byte(), high, low];
    let behind = bytes.strip_prefix(&head)?.strip_prefix(token)?;
    let mut location = Vec::new();
    if usual.what == What::Register {
        let packet = Packet::parse(bytes).ok()?;
        if !packet.payload().is_empty() {
            return None;
        }
        for option in packet.options() {
            let is_segment = option.number == option::LOCATION_PATH;
            let segment = std::str::from_utf8(option.value).ok();
            location.push(segment.filter(|_| is_segment)?.to_owned());
        }
    } else if !behind.is_empty() {
        return None;
    }
    let lifetime = match usual.what {
        What::Register => draft.lifetime,
        What::Report(..) | What::Send | What::Update => packed.lifetime(),
    };
    let after = update_after(shared, lifetime);
    if after.is_zero() {
        return None;
    }
    match usual.what {
        What::Register => packed.registered(&location, lifetime),
        What::Report(..) | What::Send => {}
        What::Update => packed.updated(),
    }
    let layer = (usual.layer, usual.generation);
    packed.exchanged(layer, usual.asked.ends_run, now);
    if usual.what != What::Send {
        packed.waits(now + after);
    }
    Some(Answer::Response(Response {
        code,
        location,
        retry_after: None,
        payload: Vec::new(),
    }))
}

pub(super) const fn waits_until(usual: &Usual) -> Time {
    usual.until
}
