//! What the enabler's decisions are taken from.

mod access;
mod exchange;
mod news;
mod partners;
mod twinnings;

pub use access::{
    AccessFacts, AuthCodeFacts, DocumentFacts, GrantFacts, NetworkFacts, NewTokenFacts,
    ObtainFacts, ReachFacts, RefreshFacts, ReuseFacts, Scope, ScopeFacts, ScopeName, TokenEndFacts,
    TokenFacts, VersionFacts,
};
pub use exchange::{
    FormatFacts, MissingFacts, RefusalFacts, Refused, RefusedFacts, Resource, ResponseFacts, Said,
    StoreFacts, VerbFacts,
};
pub use news::{
    ChannelFacts, CorrelatorFacts, DeliveryFacts, DurationFacts, Notification, NotifyFacts,
    PollFacts, RepetitionFacts, RetryFacts, SubscriptionFacts,
};
pub use partners::{
    CodeSource, FailureFacts, PartnerFacts, PartnerMessage, PropagationFacts, SourceFacts,
};
pub use twinnings::{
    Cause, CodeFacts, CreatedFacts, CreationFacts, CreationItems, EarlierFacts, EndFacts,
    KeptFacts, ListFacts, NameFacts, PartingFacts, PartyFacts, Proposal, RoleFacts, RoomFacts,
    StatusFacts, ToggleFacts, UpdateFacts, View, WaitingFacts,
};
