//! Steps of the LwM2M scenarios, a file per theme.

mod link;
mod manage;
mod message;
mod operator;
mod outcome;
mod parties;
mod register;
mod report;

pub(crate) use parties::Parties;
