//! Broken DM clients, servers and bootstrap servers.

pub(super) mod bootstrap;
pub(super) mod bootstrapped;
pub(super) mod client;
pub(super) mod notified;
pub(super) mod server;
pub(super) mod tree;

use twinproof_dm::syncml::{Command, Item, Message, Status, StatusCode};

/// A message without the commands that `drop` says yes to.
fn without(message: Message, drop: impl Fn(&Command) -> bool) -> Message {
    let mut message = message;
    message.commands.retain(|command| !drop(command));
    message
}

/// A message whose statuses are as this makes them.
fn restated(message: Message, change: impl Fn(&mut Status)) -> Message {
    let mut message = message;
    for command in &mut message.commands {
        if let Command::Status(status) = command {
            change(status);
        }
    }
    message
}

/// A message with this code in the statuses that `which` says yes to.
fn answering(message: Message, code: StatusCode, which: impl Fn(&Status) -> bool) -> Message {
    restated(message, |status| {
        if which(status) {
            status.code = code;
        }
    })
}

/// A message whose results are as this makes them, item by item.
fn retold(message: Message, change: impl Fn(&mut Item)) -> Message {
    let mut message = message;
    for command in &mut message.commands {
        if let Command::Results(results) = command {
            results.items.iter_mut().for_each(&change);
        }
    }
    message
}
