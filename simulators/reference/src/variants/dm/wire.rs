//! Shapes of messages that both sides may give them.

use twinproof_dm::document::{Content, Element, namespace};
use twinproof_dm::syncml::{Command, Item, Message, Meta};
use twinproof_dm::wbxml::Form;
use twinproof_dm::{Encoding, Limits};

/// The same message with the first two children of its elements the other way round, where they are not of
/// one kind; a header still comes before a body, and commands keep their order.
pub(in super::super) fn turned(octets: Vec<u8>, form: &Form) -> Vec<u8> {
    let encoding = match octets.starts_with(b"<") {
        true => Encoding::Xml,
        false => Encoding::Wbxml,
    };
    let Ok(mut root) = encoding.read(&octets, &Limits::default()) else {
        return octets;
    };
    turn(&mut root);
    match encoding.write(&root, form) {
        // What was measured must not grow.
        Ok(turned) if turned.len() <= octets.len() => turned,
        _ => octets,
    }
}

fn turn(element: &mut Element) {
    let ours = [namespace::SYNCML, namespace::METINF].contains(&&*element.namespace);
    let ordered = ["SyncML", "SyncBody"].contains(&&*element.name);
    if ours
        && !ordered
        && let [Content::Element(one), Content::Element(other), ..] = element.content.as_mut_slice()
        && one.name != other.name
    {
        std::mem::swap(one, other);
    }
    for content in &mut element.content {
        if let Content::Element(child) = content {
            turn(child);
        }
    }
}

/// What may stand around a message in XML.
const PROLOGUE: &str = "\n<!DOCTYPE SyncML PUBLIC \"-//SYNCML//DTD SyncML 1.2//EN\" \"SyncML.dtd\">\n\
                        <!-- the first of them -->\n<SyncML";

/// The first message in XML with a document type, a comment and white space: later ones may have to be small.
pub(in super::super) fn dressed(octets: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(octets) {
        Err(error) => error.into_bytes(),
        Ok(text) if !text.contains("<MsgID>1</MsgID>") => text.into_bytes(),
        Ok(text) => {
            let text = text.replacen("<SyncML", PROLOGUE, 1);
            text.replacen("<SyncHdr>", "\n  <SyncHdr>\n    ", 1)
                .into_bytes()
        }
    }
}

/// The same message; what its items say of their data is said by the command, where all say the same.
pub(in super::super) fn told_once(message: Message) -> Message {
    let mut message = message;
    for command in &mut message.commands {
        match command {
            Command::Add(request) | Command::Replace(request) => {
                lift(&mut request.meta, &mut request.items);
            }
            Command::Results(results) => lift(&mut results.meta, &mut results.items),
            _ => {}
        }
    }
    message
}

fn lift(meta: &mut Option<Meta>, items: &mut [Item]) {
    let Some(first) = items.first().and_then(|item| item.meta.clone()) else {
        return;
    };
    // The size of a large object stands where its chunks are.
    let alike = |item: &Item| !item.more_data && item.meta.as_ref() == Some(&first);
    if meta.is_none() && first.size.is_none() && items.iter().all(alike) {
        for item in items {
            item.meta = None;
        }
        *meta = Some(first);
    }
}
