//! Steps of the Twinning scenarios, a file per theme.

mod activate;
mod outcome;
mod parties;

pub(crate) use parties::Parties;
