//! Messages for people: one line, the request line first.

use std::fmt;

use crate::option::{self, Format};
use crate::{Block, Class, ContentFormat, Opt, OptionNumber, Packet};

/// How many bytes of a payload are shown.
const SHOWN: usize = 80;

/// `CON POST /rd?ep=x&lt=60 MID=1 T=ab12 Content-Format=link-format 13 B "</1/0>,</3/0>"`.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.ty())?;
        match self.code().class() {
            Class::Empty => f.write_str("(empty)")?,
            _ => write!(f, "{}", self.code())?,
        }
        let shown = match self.code().class() {
            Class::Request => {
                f.write_str(" ")?;
                uri(f, self, option::URI_PATH, option::URI_QUERY)?;
                [option::URI_PATH, option::URI_QUERY]
            }
            _ => {
                let location = [option::LOCATION_PATH, option::LOCATION_QUERY];
                if location.iter().any(|&number| self.value(number).is_some()) {
                    f.write_str(" → ")?;
                    uri(f, self, option::LOCATION_PATH, option::LOCATION_QUERY)?;
                }
                location
            }
        };
        write!(f, " MID={}", self.message_id())?;
        if !self.token_bytes().is_empty() {
            write!(f, " T={}", self.token())?;
        }
        for option in self
            .options()
            .filter(|option| !shown.contains(&option.number))
        {
            write!(f, " {}", Shown(option))?;
        }
        payload(f, self)
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({self})")
    }
}

fn uri(
    f: &mut fmt::Formatter<'_>,
    packet: &Packet<'_>,
    path: OptionNumber,
    query: OptionNumber,
) -> fmt::Result {
    let mut any = false;
    for segment in packet.values(path) {
        write!(f, "/{}", segment.escape_ascii())?;
        any = true;
    }
    if !any {
        f.write_str("/")?;
    }
    for (index, argument) in packet.values(query).enumerate() {
        f.write_str(if index == 0 { "?" } else { "&" })?;
        write!(f, "{}", argument.escape_ascii())?;
    }
    Ok(())
}

fn payload(f: &mut fmt::Formatter<'_>, packet: &Packet<'_>) -> fmt::Result {
    let payload = packet.payload();
    if payload.is_empty() {
        return Ok(());
    }
    write!(f, " {} B", payload.len())?;
    let (head, more) = match payload.split_at_checked(SHOWN) {
        Some((head, rest)) if !rest.is_empty() => (head, "…"),
        _ => (payload, ""),
    };
    let format = packet.content_format().ok().flatten();
    if format.is_none_or(ContentFormat::is_text) && head.iter().all(|b| (0x20..0x7f).contains(b)) {
        return write!(
            f,
            " \"{}{more}\"",
            head.iter().map(|&b| b as char).collect::<String>()
        );
    }
    f.write_str(" ")?;
    head.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
    f.write_str(more)
}

/// An option as `Name=value`.
struct Shown<'a>(Opt<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Opt { number, value } = self.0;
        write!(f, "{number}")?;
        let as_uint = || {
            (value.len() <= 4).then(|| {
                value
                    .iter()
                    .fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte))
            })
        };
        match (
            number,
            number.definition().map(|definition| definition.format),
        ) {
            (option::BLOCK1 | option::BLOCK2, _) => match Block::decode(value) {
                Ok(block) => return write!(f, "={block}"),
                Err(error) => return write!(f, "=({error})"),
            },
            (option::CONTENT_FORMAT | option::ACCEPT, _) if value.len() <= 2 => {
                let format = as_uint().map_or(ContentFormat::TEXT, |n| ContentFormat(n as u16));
                return write!(f, "={format}");
            }
            (_, Some(Format::Uint)) => {
                if let Some(uint) = as_uint() {
                    return write!(f, "={uint}");
                }
            }
            (_, Some(Format::String)) => return write!(f, "={}", value.escape_ascii()),
            _ => {}
        }
        if value.is_empty() {
            return Ok(());
        }
        f.write_str("=0x")?;
        value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
