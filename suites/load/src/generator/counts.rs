//! How far a run is, and what can be counted of it.

/// How far a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Devices register that have to be when it begins; so many have begun to.
    Preparing(u32),
    /// The stages are under way.
    Loading,
    /// What was begun is waited for.
    Draining,
    /// It is over.
    Done,
}

/// What went over the wire, and what was prepared.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Eq,
    PartialEq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
pub struct Counts {
    /// Datagrams that devices sent; over HTTP, requests.
    pub sent: u64,
    /// Those of them that they sent because a time was over: repetitions, and what devices do by themselves.
    pub by_timer: u64,
    /// Datagrams that arrived; over HTTP, responses.
    pub received: u64,
    /// Those of them that were for no device.
    pub stray: u64,
    /// Devices that were registered, or otherwise made ready, before the first stage.
    pub prepared: u64,
    /// Devices that could not be.
    pub unprepared: u64,
    /// Devices that joined while others went on.
    #[serde(default)]
    pub joined: u64,
    /// Devices that could not register when they were to join.
    #[serde(default)]
    pub unjoined: u64,
    /// Devices that left while others went on.
    #[serde(default)]
    pub left: u64,
    /// Those of them that wanted to deregister and were not told that they are.
    #[serde(default)]
    pub unreleased: u64,
    /// Operations that were under way when their device fell silent, or of devices that slept to the end: neither answered nor
    /// lost.
    #[serde(default)]
    pub abandoned: u64,
}
