//! Devices against the server, on a link in memory that may lose, double and overtake.

mod operations;
mod periods;
mod registration;
mod rest;
mod table;
mod world;
