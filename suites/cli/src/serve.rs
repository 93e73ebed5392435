//! `twinproof serve`: the built-in system alone.

use std::io::Write as _;

use twinproof_evidence::ExitCode;
use twinproof_proof::serve::Served;

use crate::args::Serve;
use crate::problem::Problem;
use crate::watch;

/// The seed of what is served.
const SEED: u64 = 7;

pub(crate) fn serve(args: &Serve) -> Result<ExitCode, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::Ours(format!("no threads can be had: {error}")))?;
    runtime.block_on(async {
        let served = Served::start(args.listen, args.control, args.peer, SEED)
            .await
            .map_err(Problem::Usage)?;
        let profile = toml::to_string(&served.profile().profile)
            .map_err(|error| Problem::Ours(format!("the profile cannot be written: {error}")))?;
        let mut out = std::io::stdout();
        write!(
            out,
            "# The built-in system answers until this process ends. Judge it with: twinproof run --sut FILE\n\n{profile}"
        )?;
        out.flush()?;
        tokio::select! {
            _ = watch::signal() => Ok(ExitCode::Conformant),
            never = served.attend() => match never {},
        }
    })
}
