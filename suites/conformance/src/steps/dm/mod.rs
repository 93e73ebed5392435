//! Steps of the DM scenarios, a file per role that is judged.

mod bootstrap;
mod client;
mod hostile;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Who takes part in a scenario.
#[derive(Default)]
pub(crate) struct Parties {
    /// The server that the tester plays, where a client is judged.
    served: Option<client::Served>,
    /// The other servers that have been spoken of, by their number.
    others: BTreeMap<usize, client::Served>,
    /// The number of the server that acts: the first, unless a scenario is about several.
    acting: usize,
    /// What it shows that shows the same again.
    repeats: Option<client::Repeats>,
    /// What the client was asked that it has.
    asked: Option<client::Asked>,
    /// What it was given that is too long for it.
    longer: client::Longer,
    /// Which of two servers goes first.
    order: Option<client::Order>,
    /// The sessions that it announces.
    announced: Option<client::Announced>,
    /// Whether the server has said of a large value that it is larger than it is.
    exaggerated: Arc<AtomicBool>,
    /// The servers that the client gets accounts of by bootstrap, and what brings them.
    newcomers: client::Newcomers,
    /// What brings notifications, and the place that it sends from.
    carrier: client::Carriage,
    /// What somebody in front of the client saw and said.
    front: client::Front,
    /// The devices that the tester plays, where a server is judged.
    fleet: server::Fleet,
    /// The devices without an account that the tester plays, where a bootstrap server is judged.
    novices: bootstrap::Novices,
}
