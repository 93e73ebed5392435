//! Steps of the LwM2M scenarios, a file per theme.

mod blocks;
mod bootstrap;
mod client;
mod composite;
mod link;
mod manage;
mod many;
mod message;
mod moves;
mod operator;
mod outcome;
mod parties;
mod queue;
mod register;
mod report;
mod secured;
mod send;

pub(crate) use parties::Parties;
