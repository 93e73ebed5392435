//! Messages that want to hurt whoever reads them.

use twinproof_dm::document::{Content, Element, namespace};
use twinproof_dm::{Encoding, Limits, wbxml};

/// In what a message hurts.
#[derive(Clone, Copy)]
pub(super) enum Hurt {
    /// It is no message: its half in XML, a text that is nowhere in WBXML.
    Broken,
    /// Elements are nested without measure.
    Deep,
    /// It is small, and what it says is not: entities in XML, one text many times in WBXML.
    Grows,
    /// It is larger than anything that is said in sessions.
    Large,
}

/// How deep elements are nested.
const DEPTH: usize = 60_000;

/// How large a value is that is too large, octets.
const SIZE: usize = 2 << 20;

/// How often a text of 32 KB is quoted.
const QUOTED: usize = 20_000;

/// How many entities there are, each of ten of the one before.
const ENTITIES: usize = 10;

/// WBXML 1.2 in SyncML 1.2 and UTF-8; the string table follows.
const HEADER: [u8; 4] = [0x02, 0xA4, 0x01, 0x6A];

/// `SyncML`, `SyncHdr` and `VerDTD`, each with content.
const OPENING: [u8; 3] = [0x6D, 0x6C, 0x71];

const ITEM: u8 = 0x54;

const END: u8 = 0x01;

const STR_T: u8 = 0x83;

/// What goes in place of a message, in its encoding.
pub(super) fn hurting(hurt: Hurt, octets: Vec<u8>) -> Vec<u8> {
    let encoding = match octets.starts_with(b"<") {
        true => Encoding::Xml,
        false => Encoding::Wbxml,
    };
    match (hurt, encoding) {
        (Hurt::Broken, Encoding::Xml) => octets[..octets.len() / 2].to_vec(),
        (Hurt::Broken, Encoding::Wbxml) => {
            // No string table, and a text from far behind its end.
            let beyond = [0x00].into_iter().chain(OPENING);
            let text = [STR_T, 0x8F, 0xFF, 0xFF, 0x7F, END, END, END];
            HEADER.into_iter().chain(beyond).chain(text).collect()
        }
        (Hurt::Deep, Encoding::Xml) => {
            let (open, close) = ("<Item>".repeat(DEPTH), "</Item>".repeat(DEPTH));
            format!(
                "<SyncML xmlns=\"{}\">{open}{close}</SyncML>",
                namespace::SYNCML
            )
            .into_bytes()
        }
        (Hurt::Deep, Encoding::Wbxml) => {
            let mut out = HEADER.to_vec();
            out.extend([0x00, OPENING[0]]);
            out.extend([ITEM].repeat(DEPTH));
            out.extend([END].repeat(DEPTH + 1));
            out
        }
        (Hurt::Grows, Encoding::Xml) => {
            let mut entities = "<!ENTITY e0 \"0123456789\">".to_owned();
            for number in 1..ENTITIES {
                let ten = format!("&e{};", number - 1).repeat(10);
                entities.push_str(&format!("<!ENTITY e{number} \"{ten}\">"));
            }
            let last = ENTITIES - 1;
            format!(
                "<!DOCTYPE SyncML [{entities}]><SyncML xmlns=\"{}\"><SyncHdr>\
                 <VerDTD>&e{last};</VerDTD></SyncHdr></SyncML>",
                namespace::SYNCML
            )
            .into_bytes()
        }
        (Hurt::Grows, Encoding::Wbxml) => {
            let mut out = HEADER.to_vec();
            // 32768 octets, the last of which ends the text.
            out.extend([0x82, 0x80, 0x00]);
            out.extend(b"x".repeat(32_767));
            out.push(0);
            out.extend(OPENING);
            out.extend([STR_T, 0x00].repeat(QUOTED));
            out.extend([END; 3]);
            out
        }
        (Hurt::Large, encoding) => enlarged(encoding, octets),
    }
}

/// The same message with a value that is too large.
fn enlarged(encoding: Encoding, octets: Vec<u8>) -> Vec<u8> {
    let Ok(mut root) = encoding.read(&octets, &Limits::default()) else {
        return octets;
    };
    let element = |name: &'static str| Element::new(namespace::SYNCML, name);
    let target = element("Target").with(element("LocURI").with_text("./Twinproof"));
    let item = element("Item")
        .with(target)
        .with(element("Data").with_text("x".repeat(SIZE)));
    let add = element("Add")
        .with(element("CmdID").with_text("9000"))
        .with(item);
    let body = root.content.iter_mut().find_map(|content| match content {
        Content::Element(child) if child.name == "SyncBody" => Some(child),
        _ => None,
    });
    if let Some(body) = body {
        body.content.insert(0, Content::Element(add));
    }
    encoding
        .write(&root, &wbxml::Form::default())
        .unwrap_or(octets)
}

#[cfg(test)]
mod tests {
    use twinproof_dm::syncml::{Header, Message};
    use twinproof_dm::{Encoding, Fault, Limits, wbxml};

    use super::{Hurt, hurting};

    /// What is to hurt does, and not for want of a message around it.
    #[test]
    fn each_message_hurts_in_what_it_says() {
        let message = Message {
            header: Header::default(),
            commands: Vec::new(),
            is_final: true,
        };
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let octets = encoding
                .write(&message.to_element(), &wbxml::Form::default())
                .unwrap();
            let fault = |hurt| {
                let octets = hurting(hurt, octets.clone());
                encoding
                    .read(&octets, &Limits::default())
                    .unwrap_err()
                    .fault
            };
            assert_ne!(fault(Hurt::Broken), Fault::Limit, "{encoding:?}");
            assert_eq!(fault(Hurt::Deep), Fault::Limit, "{encoding:?}");
            assert_eq!(fault(Hurt::Large), Fault::Limit, "{encoding:?}");
            let grown = match encoding {
                Encoding::Xml => Fault::Unsupported,
                Encoding::Wbxml => Fault::Limit,
            };
            assert_eq!(fault(Hurt::Grows), grown, "{encoding:?}");
        }
    }
}
