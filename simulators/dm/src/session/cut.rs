//! From a queue of commands to messages that the peer can take (DM Protocol 1.2, large objects).

use std::collections::VecDeque;

use crate::syncml::{Command, Data, Item, Message};
use crate::{Encoding, Error, wbxml};

/// How messages are written, and how large they may get.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// XML or WBXML.
    pub encoding: Encoding,
    /// How WBXML is written.
    pub wbxml: wbxml::Form,
    /// The octets that the peer takes; none means any number.
    pub limit: Option<usize>,
    /// How many commands go into a message, beside what has to come first; none means any number.
    pub most: Option<usize>,
    /// Whether objects that are too large for a message go in chunks.
    pub chunks: bool,
}

/// Commands that wait to be sent, in order. Their numbers do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The commands.
    pub waiting: VecDeque<Command>,
    /// Whether the first one is what is left of a large object.
    pub cut: bool,
}

/// A message, ready to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What it says.
    pub message: Message,
    /// Its octets.
    pub octets: Vec<u8>,
    /// Whether it ends in the middle of a large object.
    pub open: bool,
    /// How many commands of the queue are in it, the chunk of one that goes on not counted.
    pub taken: usize,
}

impl Form {
    /// Fills a message from the front of a queue, as far as it fits; at least one command goes, even
    /// if it does not. `head` has the header and what has to come first; commands get their numbers
    /// here, from 1.
    ///
    /// A chunk of a large object ends a message: what is left of it stays at the front of the queue.
    ///
    /// # Errors
    ///
    /// Those of the writer: what XML cannot say.
    pub fn fill(&self, head: &Message, queue: &mut Queue) -> Result<Cut, Error> {
        let with = |queue: &Queue, count: usize| {
            let mut message = head.clone();
            message
                .commands
                .extend(queue.waiting.iter().take(count).cloned());
            number(&mut message.commands, &mut 0);
            let octets = self.encoding.write(&message.to_element(), &self.wbxml)?;
            Ok((message, octets))
        };
        let fits = |octets: &[u8]| self.limit.is_none_or(|limit| octets.len() <= limit);
        let most = self.most.map_or(usize::MAX, |most| most.max(1));
        let taken = queue.waiting.len().min(most);
        let (message, octets) = with(queue, taken)?;
        if fits(&octets) {
            queue.waiting.drain(..taken);
            queue.cut = false;
            return Ok(Cut {
                message,
                octets,
                open: false,
                taken,
            });
        }
        let (mut some, mut most) = (0, taken);
        while some + 1 < most {
            let middle = usize::midpoint(some, most);
            match fits(&with(queue, middle)?.1) {
                true => some = middle,
                false => most = middle,
            }
        }
        if some == 0
            && self.chunks
            && let Some(cut) = self.chunk(head, queue)?
        {
            return Ok(cut);
        }
        let taken = some.max(1).min(queue.waiting.len());
        let (message, octets) = with(queue, taken)?;
        queue.waiting.drain(..taken);
        queue.cut = false;
        Ok(Cut {
            message,
            octets,
            open: false,
            taken,
        })
    }

    /// A message with as much of the first command's object as fits.
    fn chunk(&self, head: &Message, queue: &mut Queue) -> Result<Option<Cut>, Error> {
        let begins = !queue.cut;
        let Some(whole) = queue.waiting.front().and_then(size) else {
            return Ok(None);
        };
        let with = |length: usize| {
            let mut message = head.clone();
            let (first, _) = split(queue.waiting.front()?, length, begins)?;
            message.commands.push(first);
            number(&mut message.commands, &mut 0);
            let octets = self.encoding.write(&message.to_element(), &self.wbxml);
            Some(octets.map(|octets| (message, octets)))
        };
        let fits = |length: usize| {
            let written = with(length).and_then(Result::ok);
            let limit = self.limit.unwrap_or(usize::MAX);
            written.is_some_and(|(_, octets)| octets.len() <= limit)
        };
        // Where not even the smallest chunk fits, chunks are of no use.
        if !fits(1) {
            return Ok(None);
        }
        let (mut some, mut most) = (1, whole);
        while some + 1 < most {
            let middle = usize::midpoint(some, most);
            match fits(middle) {
                true => some = middle,
                false => most = middle,
            }
        }
        let Some(written) = with(some) else {
            return Ok(None);
        };
        let (message, octets) = written?;
        let rest = queue
            .waiting
            .front()
            .and_then(|command| split(command, some, begins));
        if let (Some(front), Some((_, rest))) = (queue.waiting.front_mut(), rest) {
            *front = rest;
            queue.cut = true;
        }
        Ok(Some(Cut {
            message,
            octets,
            open: true,
            taken: 0,
        }))
    }
}

/// Numbers commands, those inside others too.
pub(crate) fn number(commands: &mut [Command], last: &mut u32) {
    for command in commands {
        *last += 1;
        let id = last.to_string();
        match command {
            Command::Add(request)
            | Command::Copy(request)
            | Command::Delete(request)
            | Command::Get(request)
            | Command::Replace(request) => request.cmd_id = id,
            Command::Alert(alert) => alert.cmd_id = id,
            Command::Exec(exec) => exec.cmd_id = id,
            Command::Results(results) => results.cmd_id = id,
            Command::Status(status) => status.cmd_id = id,
            Command::Atomic(block) | Command::Sequence(block) => {
                block.cmd_id = id;
                number(&mut block.commands, last);
            }
        }
    }
}

/// The only item of a command whose object can go in chunks.
fn object(command: &mut Command) -> Option<&mut Item> {
    let items = match command {
        Command::Add(request) | Command::Replace(request) => &mut request.items,
        Command::Results(results) => &mut results.items,
        _ => return None,
    };
    match items.as_mut_slice() {
        [item] => Some(item),
        _ => None,
    }
}

/// The size of that object as it travels; none if it cannot be cut. Markup cannot.
fn size(command: &Command) -> Option<usize> {
    match object(&mut command.clone())?.data.as_ref()? {
        Data::Text(text) => Some(text.len()),
        Data::Octets(octets) => Some(octets.len()),
        Data::Markup(_) => None,
    }
    .filter(|&size| size > 1)
}

/// A command with the first part of its object, and one with the rest. The first part of all says how
/// large the whole is, and no other; each repeats what the object is.
fn split(command: &Command, length: usize, begins: bool) -> Option<(Command, Command)> {
    let (mut first, mut rest) = (command.clone(), command.clone());
    let whole = size(command)?;
    let (head, tail) = match object(&mut first)?.data.take()? {
        Data::Text(text) => {
            // A whole character at least, and none in two pieces.
            let mut at = length.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if at == 0 {
                at = text.chars().next()?.len_utf8();
            }
            let (head, tail) = text.split_at(at);
            (Data::Text(head.to_owned()), Data::Text(tail.to_owned()))
        }
        Data::Octets(octets) => {
            let (head, tail) = octets.split_at(length.min(octets.len()));
            (Data::Octets(head.to_vec()), Data::Octets(tail.to_vec()))
        }
        Data::Markup(_) => return None,
    };
    let item = object(&mut first)?;
    item.data = Some(head);
    item.more_data = true;
    if begins {
        item.meta.get_or_insert_default().size = Some(whole as u64);
    }
    object(&mut rest)?.data = Some(tail);
    Some((first, rest))
}
