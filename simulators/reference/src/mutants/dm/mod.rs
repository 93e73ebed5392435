//! Broken DM clients, servers and bootstrap servers.

pub(super) mod bootstrap;
pub(super) mod client;
pub(super) mod server;
pub(super) mod tree;

use twinproof_dm::syncml::{Command, Message};

/// A message without the commands that `drop` says yes to.
fn without(message: Message, drop: impl Fn(&Command) -> bool) -> Message {
    let mut message = message;
    message.commands.retain(|command| !drop(command));
    message
}
