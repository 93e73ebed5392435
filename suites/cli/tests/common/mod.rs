//! Runs the binary as a person would.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod proxy;
pub mod served;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How a process went.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// The most memory that it ever had, in KiB; 0 where the system does not say.
    pub peak_kib: u64,
}

pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinproof"));
    command
        .args(args)
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .env_remove("TOKEN_0100")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs to the end. Output goes through files, so that no full pipe can hold the process up.
pub fn twinproof(dir: &Path, args: &[&str]) -> Ran {
    let outputs = tempfile::tempdir().unwrap();
    let (out, err) = (outputs.path().join("out"), outputs.path().join("err"));
    let began = Instant::now();
    let mut child = command(dir, args)
        .stdout(fs::File::create(&out).unwrap())
        .stderr(fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let mut peak_kib = 0;
    let code = loop {
        peak_kib = peak_of(&child).max(peak_kib);
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    Ran {
        code,
        stdout: fs::read_to_string(out).unwrap(),
        stderr: fs::read_to_string(err).unwrap(),
        took: began.elapsed(),
        peak_kib,
    }
}

fn peak_of(child: &Child) -> u64 {
    let mut text = String::new();
    let status = fs::File::open(format!("/proc/{}/status", child.id()));
    if let Ok(mut status) = status {
        // A process that has just ended has no status any more.
        let _ = status.read_to_string(&mut text);
    }
    text.lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

pub fn report(dir: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(dir.join("report.json")).unwrap()).unwrap()
}

/// The folder with a scenario of one's own.
pub fn own_features() -> String {
    format!("{}/tests/features", env!("CARGO_MANIFEST_DIR"))
}

/// Runs it with the scenario of one's own.
pub fn own(dir: &Path, args: &[&str]) -> Ran {
    let features = own_features();
    let mut all: Vec<&str> = args.to_vec();
    all.extend(["--features", &features]);
    twinproof(dir, &all)
}

/// All that it said, without what differs from machine to machine.
pub fn scrubbed(ran: &Ran) -> String {
    let text = format!(
        "code {}\n--- stdout\n{}--- stderr\n{}",
        ran.code.unwrap_or(-1),
        ran.stdout,
        ran.stderr
    );
    text.replace(&own_features(), "FEATURES")
}

/// Writes three scenarios into `wrong`: the first passes, the built-in system fails the second, and
/// the third cannot be found out.
pub fn wrong_features(dir: &Path) {
    write_features(
        dir,
        "the enabler refuses the activation because the code is not valid",
    );
}

/// The same, and the built-in system does what the second expects.
pub fn right_features(dir: &Path) {
    write_features(dir, "the enabler accepts the activation");
}

fn write_features(dir: &Path, second: &str) {
    let code = "Given a secondary device that holds a fresh activation code\n";
    let activates = "When a primary device activates with that code\n";
    let accepted = "Then the enabler accepts the activation\n";
    let scenarios = [
        ("first", format!("{code}{activates}{accepted}")),
        ("second", format!("{code}{activates}Then {second}\n")),
        (
            "third",
            format!(
                "{code}{0}{0}{accepted}",
                "And a primary device that has activated with that code\n"
            ),
        ),
    ];
    let text: String = scenarios
        .iter()
        .map(|(id, steps)| format!("@HLF-TE-005 @id:{id}\nScenario: The {id}\n{steps}\n"))
        .collect();
    let folder = dir.join("wrong/twinning");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("mine.feature"),
        format!("Feature: mine\n\n{text}"),
    )
    .unwrap();
}

/// What a run under load has reported.
pub fn load_report(dir: &Path) -> Value {
    let text = fs::read_to_string(dir.join("twinproof-load/load.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The built-in system alone, until this is dropped.
pub struct Serving(pub Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `serve` and returns it with its profile.
pub fn serve(dir: &Path) -> (Serving, String) {
    let mut child = command(dir, &["serve"]).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let serving = Serving(child);
    let mut profile = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.unwrap();
        profile.push_str(&line);
        profile.push('\n');
        // The last subscriber is the last thing that is printed.
        if line.starts_with("client_secret = \"")
            && profile.matches("[[twinning.subscriber]]").count() == 12
        {
            break;
        }
    }
    (serving, profile)
}

pub fn post(url: &str) -> String {
    call("POST", url)
}

pub fn call(method: &str, url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub fn url_of(profile: &str, what: &str) -> String {
    let line = profile
        .lines()
        .find(|line| line.starts_with("url = ") && line.contains(what));
    line.unwrap()
        .trim_start_matches("url = ")
        .trim_matches('"')
        .to_owned()
}

/// What a served system still holds, as it says at its control address: how many of each kind.
pub fn held(profile: &str) -> BTreeMap<String, u64> {
    let state = url_of(profile, "restart").replace("restart", "state");
    let answer = call("GET", &state);
    serde_json::from_str(answer.lines().last().unwrap_or_default()).unwrap()
}

/// Asserts that a served system holds nothing of a run that has ended. Only what partners and
/// subscribers have yet to hear may last, until the system gives it up: they have gone with the run.
pub fn nothing_is_left(profile: &str) {
    let began = Instant::now();
    loop {
        let mut left = held(profile);
        left.retain(|_, number| *number > 0);
        if left.is_empty() {
            return;
        }
        let in_time = began.elapsed() < Duration::from_secs(120);
        let news = |kind: &String| ["delivery", "parting"].contains(&kind.as_str());
        assert!(in_time && left.keys().all(news), "left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Starts `serve` for an enabler, with its profile in `served/sut-1.toml`.
pub fn serve_beside(dir: &Path, enabler: &str, more: &[&str]) -> Serving {
    let args = ["serve", "--enabler", enabler, "--profiles", "served"];
    let mut child = command(dir, &[&args, more].concat()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let serving = Serving(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert!(line.starts_with("twinproof run --sut "), "{line}");
    serving
}
