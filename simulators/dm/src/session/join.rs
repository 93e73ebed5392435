//! Large objects on their way in (DM Protocol 1.2).

use crate::syncml::{Command, Data, Item, StatusCode};

/// An object that is not complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joiner {
    part: Option<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// The element name of the command.
    command: &'static str,
    /// The first item, with the data so far.
    item: Item,
    size: Option<u64>,
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is complete: it was whole, or its last chunk has come.
    Whole(Box<Item>),
    /// It is kept until the rest comes: 213.
    Kept,
    /// It is over, and has another size than was said; what has come of it.
    Mismatched(Box<Item>),
    /// It cannot be taken: 413 where it is too large.
    Refused(StatusCode),
}

impl Joiner {
    /// What of a large object is interrupted when this command comes: nothing, if none is under way or
    /// the command goes on with it. What is interrupted is forgotten.
    pub fn interrupted(&mut self, command: &Command) -> Option<Item> {
        let goes_on = |part: &Part| {
            part.command == command.name()
                && matches!(command.items(), [item] if same(item, &part.item))
        };
        let part = self.part.take_if(|part| !goes_on(part))?;
        Some(Item {
            target: part.item.target,
            source: part.item.source,
            ..Item::default()
        })
    }

    /// Takes an item of a command. Objects have at most `limit` octets.
    pub fn take(&mut self, command: &'static str, item: &Item, limit: u64) -> Joined {
        let size = item.meta.as_ref().and_then(|meta| meta.size);
        if size.is_some_and(|size| size > limit) {
            self.part = None;
            return Joined::Refused(StatusCode::ENTITY_TOO_LARGE);
        }
        let Some(mut part) = self.part.take() else {
            if !item.more_data {
                return match size.is_none_or(|size| size == length(item)) {
                    true => Joined::Whole(Box::new(item.clone())),
                    false => Joined::Mismatched(Box::new(whole(item.clone()))),
                };
            }
            self.part = Some(Part {
                command,
                item: item.clone(),
                size,
            });
            return Joined::Kept;
        };
        join(&mut part.item.data, item.data.as_ref());
        let so_far = length(&part.item);
        if so_far > part.size.unwrap_or(limit) {
            return Joined::Mismatched(Box::new(whole(part.item)));
        }
        if item.more_data {
            self.part = Some(part);
            return Joined::Kept;
        }
        if part.size.is_some_and(|size| size != so_far) {
            return Joined::Mismatched(Box::new(whole(part.item)));
        }
        Joined::Whole(Box::new(whole(part.item)))
    }
}

/// What has come of an object as an object of its own.
fn whole(mut item: Item) -> Item {
    item.more_data = false;
    if let Some(meta) = &mut item.meta {
        meta.size = None;
    }
    item
}

fn same(item: &Item, other: &Item) -> bool {
    let uri = |item: &Item| {
        let location = item.target.as_ref().or(item.source.as_ref());
        location.map(|location| location.uri.clone())
    };
    uri(item) == uri(other)
}

fn length(item: &Item) -> u64 {
    let length = match &item.data {
        Some(Data::Text(text)) => text.len(),
        Some(Data::Octets(octets)) => octets.len(),
        Some(Data::Markup(_)) | None => 0,
    };
    length as u64
}

fn join(data: &mut Option<Data>, more: Option<&Data>) {
    match (data, more) {
        (_, None) => {}
        (Some(Data::Text(text)), Some(Data::Text(more))) => text.push_str(more),
        (Some(Data::Octets(octets)), Some(Data::Octets(more))) => octets.extend(more),
        (Some(Data::Octets(octets)), Some(Data::Text(more))) => octets.extend(more.as_bytes()),
        (data, Some(more)) => *data = Some(more.clone()),
    }
}
