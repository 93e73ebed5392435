//! Who is told of what.

use std::time::Duration;

use crate::message::Twinning;

/// A subscription when something happens.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionFacts {
    /// Its client ended it.
    pub cancelled: bool,
    /// Since it began.
    pub age: Duration,
    /// How long it was to last.
    pub duration: Duration,
}

/// How long a subscription is to last.
#[derive(Clone, Copy, Debug)]
pub struct DurationFacts {
    /// What its client asks for; nothing, or zero seconds, leaves it to the system.
    pub asked: Option<Duration>,
    /// What the system has for those that leave it open.
    pub usual: Duration,
    /// The subscription is there already, and its client asks for more time.
    pub prolongs: bool,
}

/// A long poll of a notification channel.
#[derive(Clone, Copy, Debug)]
pub struct PollFacts {
    /// How many notifications wait.
    pub waiting: usize,
    /// How many the client takes at once, if it said.
    pub at_most: Option<usize>,
}

/// A notification channel that a client wants.
#[derive(Clone, Copy, Debug)]
pub struct ChannelFacts<'a> {
    /// Its type.
    pub kind: &'a str,
}

/// A request that may have been made before.
#[derive(Clone, Copy, Debug)]
pub struct CorrelatorFacts {
    /// The same client made one.
    pub same_client: bool,
    /// With the same correlator.
    pub same_value: bool,
    /// What it made is still there.
    pub live: bool,
}

/// A subscriber when a relationship's status is set.
#[derive(Clone, Copy, Debug)]
pub struct NotifyFacts {
    /// The subscriber has the other side of the relationship.
    pub other_side: bool,
    /// The subscriber has the side that set the status.
    pub own_side: bool,
    /// The status is another one now.
    pub effective: bool,
}

/// A notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// What the subscriber wanted to be sent along.
    pub callback_data: Option<String>,
    /// The twinning that changed, as the subscriber has it.
    pub twinning: Twinning,
    /// The subscription's URL.
    pub link: Option<String>,
}

/// How a request of the enabler's own went.
#[derive(Clone, Copy, Debug)]
pub struct RetryFacts {
    /// How often it was tried.
    pub attempt: u32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
}

/// A request to subscribe that was made before.
#[derive(Clone, Copy, Debug)]
pub struct RepetitionFacts {
    /// The status of a creation.
    pub creation: u16,
}

/// A delivery to a subscriber.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryFacts {
    /// How many notifications were decided before it.
    pub serial: u64,
}
