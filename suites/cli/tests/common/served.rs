//! Built-in systems, each in a process of its own that ends with its input.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::command;

/// A system, and its profile.
pub struct Served(pub Child, pub String);

impl Served {
    /// The LwM2M server, whose profile is also `sut.toml`.
    pub fn lwm2m(dir: &Path, more: &[&str]) -> Self {
        let (child, says) = start(dir, &[&["bench", "serve"], more].concat(), "serving ");
        let address = says.trim().strip_prefix("serving ").unwrap();
        let profile = format!(
            "[sut]\nname = \"served\"\nrole = \"lwm2m-server\"\n\n[lwm2m]\nserver = \"coap://{address}\"\n"
        );
        fs::write(dir.join("sut.toml"), &profile).unwrap();
        Self(child, profile)
    }

    /// Whatever a command starts, with what it says up to the line that begins so.
    pub fn of(command: Command, ready: &str) -> Self {
        let (child, says) = start_as(command, ready);
        Self(child, says)
    }

    /// The LwM2M server behind DTLS, for so many devices; its profile is also `sut.toml`.
    pub fn secured(dir: &Path, devices: &str, more: &[&str]) -> Self {
        let serve = ["bench", "serve", "--dtls", "--devices", devices];
        let (child, says) = start(dir, &[&serve[..], more].concat(), "# ready");
        fs::write(dir.join("sut.toml"), &says).unwrap();
        Self(child, says)
    }

    /// The system of an enabler over HTTP, which knows eight members.
    pub fn web(dir: &Path, enabler: &str, more: &[&str]) -> Self {
        let serve = ["bench", "serve", "--enabler", enabler, "--devices", "8"];
        let (child, says) = start(dir, &[&serve[..], more].concat(), "# ready");
        Self(child, says)
    }
}

/// Starts one; with what it says, up to the line that begins so.
fn start(dir: &Path, args: &[&str], ready: &str) -> (Child, String) {
    start_as(command(dir, args), ready)
}

fn start_as(mut command: Command, ready: &str) -> (Child, String) {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut says, mut line) = (String::new(), String::new());
    while !line.starts_with(ready) {
        line.clear();
        let length = output.read_line(&mut line).unwrap();
        assert!(length > 0, "it ended: {says}");
        says.push_str(&line);
    }
    (child, says)
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Some do not look at their input.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
