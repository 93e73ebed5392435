//! Steps of the Twinning scenarios, a file per theme.

mod access;
mod activate;
mod codes;
mod common;
mod end;
mod foreign;
mod lists;
mod news;
mod operators;
mod outcome;
mod parties;
mod read;
mod toggle;
mod weather;
mod words;

pub(crate) use parties::Parties;
