//! `twinproof variants`: proof that the suite does not say no without cause.

use std::io::{IsTerminal as _, Write as _};
use std::num::NonZero;

use twinproof_evidence::ExitCode;
use twinproof_formats::Progress;
use twinproof_formats::terminal::Style;
use twinproof_proof::variants::{Extent, Options, names, tolerance};
use twinproof_stage::Kind;

use crate::args::Variants;
use crate::mutants::{keep, write};
use crate::problem::Problem;

/// The enablers that there are variants of.
const ENABLERS: [&str; 4] = ["twinning", "lwm2m", "dm", "gwmo"];

/// The variants in a report directory.
const FILE_NAME: &str = "variants.json";

pub(crate) fn variants(args: &Variants) -> Result<ExitCode, Problem> {
    if !ENABLERS.contains(&args.enabler.as_str()) {
        return Err(Problem::Nothing(format!(
            "this version has variants of {}, and none of {}",
            ENABLERS.join(", "),
            args.enabler
        )));
    }
    let mut chosen = names(&args.enabler, Extent::EachPair);
    if let Some(name) = &args.variant {
        let place = |name: Option<&String>| name.cloned().unwrap_or_default();
        let (first, last) = (place(chosen.first()), place(chosen.last()));
        chosen.retain(|known| known == name);
        if chosen.is_empty() {
            return Err(Problem::Nothing(format!(
                "there is no variant {name}; they are called {first} and so on, up to {last}"
            )));
        }
    }
    let progress = Progress::new(
        chosen.iter().map(|_| args.enabler.as_str()),
        Style::of_stdout(),
        std::io::stderr().is_terminal(),
        Box::new(std::io::stderr()),
    );
    let options = Options {
        enabler: args.enabler.clone(),
        only: args.variant.clone(),
        extent: Extent::EachPair,
        kind: Kind::Virtual,
        seed: args.seed,
        jobs: std::thread::available_parallelism().map_or(1, NonZero::get),
    };
    let found = tolerance(options, &|_| progress.scene_ended(&args.enabler));
    progress.finish();
    let tolerance = found.map_err(Problem::Ours)?;
    let file = args.report.join(FILE_NAME);
    write(&file, &tolerance)?;
    if let Some(kept) = &args.write {
        keep(kept, &tolerance.tolerant().text(), tolerance.is_proof())?;
    }
    let code = match tolerance.is_proof() {
        true => ExitCode::Conformant,
        false => ExitCode::Fails,
    };
    let text = format!("{tolerance}\nvariants: {}\n", file.display());
    match std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(Problem::from)
    {
        Ok(()) | Err(Problem::Pipe) => Ok(code),
        Err(problem) => Err(problem),
    }
}
