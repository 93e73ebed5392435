//! What most exchanges of a device are: one with nothing to it registers or updates, and its server takes that. A device
//! at rest need not be taken up for them. Whatever else happens, it is: then all is left to the core, and this is not
//! asked.

use std::net::SocketAddr;
use std::sync::Arc;

use twinproof_coap::endpoint::{Asked, Resting};
use twinproof_coap::{Code, ContentFormat, Packet, Slice, Type, Writer, option};
use twinproof_kernel::{Identity, Outbox, Time};

use super::registration::{said_lifetime, update_after};
use super::rest::Packed;
use super::rules::RegisterFacts;
use super::{Answer, Device, Order, Register, Response, STANDARD, Shared, Update};

/// How long a datagram may be that a device at rest sends, in octets.
const ROOM: usize = 1_024;

/// The registration that devices send who have changed nothing, but for their names; only of devices that decide by the
/// standard in all, which is not asked then.
#[derive(Debug)]
pub(super) struct Draft {
    /// The arguments of the query behind the name.
    query: Vec<String>,
    list: String,
    lifetime: u32,
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
    Update,
}

impl Draft {
    pub(super) fn new(shared: &Shared, device: &Device, list: &str) -> Option<Self> {
        let decides = std::ptr::addr_eq(Arc::as_ptr(&shared.rules), Arc::as_ptr(&STANDARD));
        let fits = list.len() <= shared.parameters.block_size;
        if !decides || !fits || shared.servers.len() != 1 || shared.packs.is_some() {
            return None;
        }
        let (lifetime, binding) = (device.lifetime(shared, 0), device.binding(shared, 0));
        let mut query = shared.rules.parameters(RegisterFacts {
            endpoint: "",
            lifetime,
            version: shared.version,
            binding: &binding,
            queue_mode: shared.queue_mode,
            sms: shared.sms.as_deref(),
        });
        let lifetime = said_lifetime(&query).unwrap_or(lifetime);
        let name = (!query.is_empty()).then(|| query.remove(0));
        name.is_some_and(|name| name == NAME).then(|| Self {
            query,
            list: list.to_owned(),
            lifetime,
        })
    }
}

/// Before the name of the device.
const NAME: &str = "ep=";

pub(super) fn begin(
    shared: &Shared,
    packed: &Packed,
    who: Identity<'_>,
    now: Time,
    order: &Order,
    out: &mut Outbox<Answer>,
) -> Option<Usual> {
    let draft = shared.drafts.as_ref()?.registration.as_ref()?;
    let server = shared.servers.first()?.address;
    let what = match order {
        Order::Register(how) if *how == Register::default() => What::Register,
        Order::Update(how) if *how == Update::default() => What::Update,
        _ => return None,
    };
    let mut layer = packed.layer();
    let mut generation = packed.generation();
    let is_put_away = layer.issued > 0 && layer.touched + shared.exchange_lifetime() <= now;
    generation += u32::from(is_put_away);
    if is_put_away || layer.issued == 0 {
        layer = Resting::new(who.seed.derive(&generation.to_string()));
    }
    let asked = layer.request(&shared.parameters, now)?;
    let mut octets = [0; ROOM];
    let mut room = Slice::new(&mut octets);
    let (id, token) = (asked.message_id, asked.token.as_bytes());
    let writer = Writer::new(&mut room, Type::Con, Code::POST, id, token);
    let written = match what {
        What::Register => {
            let mut name = [0; 255];
            let length = NAME.len() + who.name.len();
            let argument = name.get_mut(..length)?;
            argument[..NAME.len()].copy_from_slice(NAME.as_bytes());
            argument[NAME.len()..].copy_from_slice(who.name.as_bytes());
            let writer = writer
                .path("/rd")
                .content_format(ContentFormat::LINK_FORMAT)
                .option(option::URI_QUERY, argument);
            let query = draft.query.iter();
            query
                .fold(writer, |writer, argument| writer.query(argument))
                .payload(draft.list.as_bytes())
        }
        What::Update => {
            // Slashes at the ends do not count.
            let is_slash = |octet: &u8| *octet == b'/';
            let path = packed.location();
            let start = path.iter().position(|octet| !is_slash(octet))?;
            let end = path.iter().rposition(|octet| !is_slash(octet))?;
            let segments = path[start..=end].split(is_slash);
            segments
                .fold(writer, |writer, segment| {
                    writer.option(option::URI_PATH, segment)
                })
                .finish()
        }
    };
    // What cannot be written so, the core knows what to do with.
    written.ok()?;
    out.datagram(who.at, server, |buffer| {
        buffer.extend_from_slice(room.written());
    });
    Some(Usual {
        asked,
        until: now + asked.wait,
        what,
        layer,
        generation,
    })
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
    let packet = Packet::parse(bytes).ok()?;
    let Asked {
        message_id, token, ..
    } = usual.asked;
    let names = (packet.message_id(), packet.token()) == (message_id, token);
    if packet.ty() != Type::Ack || !names || !packet.payload().is_empty() {
        return None;
    }
    let mut location = Vec::new();
    let lifetime = match usual.what {
        What::Register if packet.code() == Code::CREATED => {
            for option in packet.options() {
                let is_segment = option.number == option::LOCATION_PATH;
                let segment = std::str::from_utf8(option.value).ok();
                location.push(segment.filter(|_| is_segment)?.to_owned());
            }
            draft.lifetime
        }
        What::Update if packet.code() == Code::CHANGED && packet.options().next().is_none() => {
            packed.lifetime()
        }
        What::Register | What::Update => return None,
    };
    let after = update_after(shared, lifetime);
    if after.is_zero() {
        return None;
    }
    match usual.what {
        What::Register => packed.registered(&location, lifetime),
        What::Update => packed.updated(),
    }
    packed.exchanged((usual.layer, usual.generation), now, now + after);
    Some(Answer::Response(Response {
        code: packet.code(),
        location,
        retry_after: None,
        payload: Vec::new(),
    }))
}

pub(super) const fn waits_until(usual: &Usual) -> Time {
    usual.until
}
