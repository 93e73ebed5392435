//! Steps of the Twinning scenarios, a file per theme.

mod activate;
mod codes;
mod end;
mod foreign;
mod outcome;
mod parties;
mod read;
mod toggle;
mod weather;

pub(crate) use parties::Parties;
