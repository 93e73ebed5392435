//! Steps of the LwM2M scenarios, a file per theme.

mod manage;
mod operator;
mod outcome;
mod parties;
mod register;
mod report;

pub(crate) use parties::Parties;
