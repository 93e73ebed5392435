//! Steps of the DM scenarios, a file per role that is judged.

mod client;
mod server;

/// Who takes part in a scenario.
#[derive(Default)]
pub(crate) struct Parties {
    /// The server that the tester plays, where a client is judged.
    served: Option<client::Served>,
    /// The sessions that it announces.
    announced: Option<client::Announced>,
    /// The devices that the tester plays, where a server is judged.
    fleet: server::Fleet,
}
