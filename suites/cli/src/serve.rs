//! `twinproof serve`: the built-in system alone.

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use twinproof_evidence::ExitCode;
use twinproof_judge::profile::Declared;
use twinproof_proof::serve::{Options, Served, ServedBootstrap, ServedDm, ServedGwmo, ServedLwm2m};
use twinproof_stage::AuthorityFiles;

use crate::args::Serve;
use crate::problem::Problem;
use crate::watch;

/// The role of an LwM2M bootstrap server.
const BOOTSTRAP: &str = "lwm2m-bootstrap-server";

/// The seed of what is served.
const SEED: u64 = 7;

pub(crate) fn serve(args: &Serve) -> Result<ExitCode, Problem> {
    if args.lines && args.enabler != "lwm2m" {
        let why = "--lines: an LwM2M server is driven by lines; expected --enabler lwm2m beside it";
        return Err(Problem::Usage(why.to_owned()));
    }
    let bootstraps = args.role == BOOTSTRAP;
    if bootstraps && (args.enabler != "lwm2m" || args.lines) {
        let why = "--role lwm2m-bootstrap-server: expected --enabler lwm2m beside it, and no --lines, \
                   since nobody makes a bootstrap server act";
        return Err(Problem::Usage(why.to_owned()));
    }
    let dir = args.profiles.as_deref().map(folder).transpose()?;
    let options = Options {
        listen: args.listen,
        control: args.control,
        peer: args.peer,
        runs: args.runs,
        lock: dir.as_ref().map(|dir| dir.join("sut.lock")),
        seed: SEED,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    if bootstraps {
        return runtime.block_on(serve_bootstrap(args, dir.as_deref()));
    }
    if args.enabler == "dm" {
        return runtime.block_on(serve_dm(args, dir.as_deref()));
    }
    if args.enabler == "gwmo" {
        return runtime.block_on(serve_gwmo(args, dir.as_deref()));
    }
    if args.enabler == "lwm2m" {
        return runtime.block_on(serve_lwm2m(args, dir.as_deref()));
    }
    runtime.block_on(async {
        let served = Served::start(&options).await.map_err(|why| {
            Problem::Usage(format!(
                "{why}; choose free addresses of this machine with --listen, --control and --peer"
            ))
        })?;
        print(served.profiles(), dir.as_deref())?;
        tokio::select! {
            _ = watch::signal() => Ok(ExitCode::Conformant),
            never = served.attend() => match never {},
        }
    })
}

/// The built-in LwM2M bootstrap server, and the server to which it leads its devices.
async fn serve_bootstrap(args: &Serve, dir: Option<&Path>) -> Result<ExitCode, Problem> {
    let served = ServedBootstrap::start(args.listen, SEED).await;
    let served = served.map_err(|why| {
        Problem::Usage(format!(
            "{why}; choose a free address of this machine with --listen"
        ))
    })?;
    print(std::slice::from_ref(served.profile()), dir)?;
    watch::signal().await;
    Ok(ExitCode::Conformant)
}

/// The built-in DM server, and where it is told what its operator wants.
async fn serve_dm(args: &Serve, dir: Option<&Path>) -> Result<ExitCode, Problem> {
    let served = ServedDm::start((args.listen, args.control), SEED).await;
    let served = served.map_err(|why| {
        Problem::Usage(format!(
            "{why}; choose free addresses of this machine with --listen and --control"
        ))
    })?;
    print(std::slice::from_ref(served.profile()), dir)?;
    tokio::select! {
        _ = watch::signal() => Ok(ExitCode::Conformant),
        never = served.attend() => match never {},
    }
}

/// The built-in gateway, and its hooks.
async fn serve_gwmo(args: &Serve, dir: Option<&Path>) -> Result<ExitCode, Problem> {
    let places = (args.listen, args.control, args.peer);
    let served = match dir {
        Some(dir) => {
            let files = AuthorityFiles {
                certificate: dir.join("authority.pem"),
                key: dir.join("authority.key"),
            };
            ServedGwmo::start_trusting(&files, places, SEED).await
        }
        None => ServedGwmo::start(places, SEED).await,
    };
    let served = served.map_err(|why| {
        Problem::Usage(format!(
            "{why}; choose free addresses of this machine with --listen, --control and --peer"
        ))
    })?;
    print(std::slice::from_ref(served.profile()), dir)?;
    tokio::select! {
        _ = watch::signal() => Ok(ExitCode::Conformant),
        never = served.attend() => match never {},
    }
}

/// The built-in LwM2M server, and the management API by which a tester reaches it.
async fn serve_lwm2m(args: &Serve, dir: Option<&Path>) -> Result<ExitCode, Problem> {
    let served = ServedLwm2m::start((args.listen, args.control), SEED)
        .await
        .map_err(|why| {
            Problem::Usage(format!(
                "{why}; choose free addresses of this machine with --listen and --control"
            ))
        })?;
    if args.lines {
        return tokio::select! {
            _ = watch::signal() => Ok(ExitCode::Conformant),
            never = served.attend() => match never {},
            done = answer_lines(&served) => done,
        };
    }
    print(std::slice::from_ref(served.profile()), dir)?;
    tokio::select! {
        _ = watch::signal() => Ok(ExitCode::Conformant),
        never = served.attend() => match never {},
    }
}

/// Does what the lines of the input ask for, one after the other, until it ends.
async fn answer_lines(served: &ServedLwm2m) -> Result<ExitCode, Problem> {
    let mut out = std::io::stdout();
    writeln!(out, "serving {}", served.server())?;
    out.flush()?;
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        let answer = served.operate(&line).await;
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(ExitCode::Conformant)
}

/// The lines of the input, but for empty ones.
fn lines() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    // A thread of its own: reading the input cannot be broken off.
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines();
        for line in lines.map_while(Result::ok) {
            if !line.trim().is_empty() && sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Prints a profile, or writes all of them to a folder.
fn print(profiles: &[Declared], dir: Option<&Path>) -> Result<(), Problem> {
    let mut out = std::io::stdout();
    for (number, declared) in (1..).zip(profiles) {
        let profile = toml::to_string(&declared.profile)
            .map_err(|error| Problem::Ours(format!("the profile cannot be written: {error}")))?;
        match dir {
            None => write!(
                out,
                "# The built-in system answers until this process ends. Judge it with: twinproof run --sut FILE\n\n{profile}"
            )?,
            Some(dir) => {
                let file = dir.join(format!("sut-{number}.toml"));
                fs::write(&file, profile).map_err(|error| cannot_write(&file, &error))?;
                writeln!(out, "twinproof run --sut {}", file.display())?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// The folder of the profiles, made if it is not there; absolute, so that runs from anywhere find its
/// lock file.
fn folder(dir: &Path) -> Result<PathBuf, Problem> {
    fs::create_dir_all(dir)
        .and_then(|()| fs::canonicalize(dir))
        .map_err(|error| cannot_write(dir, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Problem {
    Problem::Usage(format!(
        "cannot write {}: {error}; choose another place with --profiles",
        path.display()
    ))
}
