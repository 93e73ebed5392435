//! The `twinproof` command: arguments in, exit code out.
#![forbid(unsafe_code)]

mod args;
mod baseline;
mod bench;
mod check;
mod clean;
mod diff;
mod explain;
mod hunt;
mod init;
mod judge;
mod list;
mod matrix;
mod mutants;
mod problem;
mod profile;
mod properties;
mod run;
mod schema;
mod select;
mod serve;
mod source;
mod url;
mod variants;
mod watch;

use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::OnceLock;

use clap::Parser as _;
use twinproof_evidence::ExitCode;

use crate::args::{Args, Command};
use crate::problem::Problem;

/// Where the first panic was.
static PLACE: OnceLock<String> = OnceLock::new();

fn main() -> process::ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let asked_for_help = !error.use_stderr();
            // Nobody reads what cannot be printed.
            drop(error.print());
            return process::ExitCode::from(if asked_for_help {
                ExitCode::Conformant.code()
            } else {
                ExitCode::Usage.code()
            });
        }
    };
    // One line that can be reported, and no backtrace on somebody's terminal.
    panic::set_hook(Box::new(|info| {
        if let Some(place) = info.location() {
            drop(PLACE.set(format!("{}:{}", place.file(), place.line())));
        }
    }));
    let ended = panic::catch_unwind(AssertUnwindSafe(|| perform(args.command)));
    let ended = ended.unwrap_or_else(|panic| Err(Problem::of_panic(panic.as_ref(), PLACE.get())));
    let code = match ended {
        Ok(code) => code,
        Err(problem) => {
            if let Some(text) = problem.text() {
                // Nobody reads what cannot be printed; the code says it all the same.
                drop(writeln!(anstream::stderr(), "{}", text.trim_end()));
            }
            problem.exit_code()
        }
    };
    process::ExitCode::from(code.code())
}

fn perform(command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Bench(args) => bench::bench(&args),
        Command::Check(args) => check::check(&args),
        Command::Clean(args) => clean::clean(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Fleet(args) => bench::fleet(&args),
        Command::Init(args) => init::init(&args),
        Command::Judge(args) => judge::again(&args),
        Command::List(args) => list::list(&args),
        Command::Matrix(args) => matrix::matrix(&args),
        Command::Mutants(args) => mutants::mutants(&args),
        Command::Properties(args) => properties::properties(&args),
        Command::Run(args) => run::run(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Variants(args) => variants::variants(&args),
        Command::Worker(args) => bench::worker(&args),
    }
}
