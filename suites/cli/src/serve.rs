//! `twinproof serve`: the built-in system alone.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use twinproof_evidence::ExitCode;
use twinproof_proof::serve::{Options, Served};

use crate::args::Serve;
use crate::problem::Problem;
use crate::watch;

/// The seed of what is served.
const SEED: u64 = 7;

pub(crate) fn serve(args: &Serve) -> Result<ExitCode, Problem> {
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
    runtime.block_on(async {
        let served = Served::start(&options).await.map_err(|why| {
            Problem::Usage(format!(
                "{why}; choose free addresses of this machine with --listen, --control and --peer"
            ))
        })?;
        let mut out = std::io::stdout();
        for (number, declared) in (1..).zip(served.profiles()) {
            let profile = toml::to_string(&declared.profile)
                .map_err(|error| Problem::Ours(format!("the profile cannot be written: {error}")))?;
            match &dir {
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
        tokio::select! {
            _ = watch::signal() => Ok(ExitCode::Conformant),
            never = served.attend() => match never {},
        }
    })
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
