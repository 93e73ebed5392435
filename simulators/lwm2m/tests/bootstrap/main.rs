//! A bootstrap server and devices, and a server with which they register.

mod client;
mod server;
mod world;
