//! What may end a run early: a failure under `--fail-fast`, and whoever started it.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use twinproof_evidence::ledger::Ledger;
use twinproof_evidence::record::What;
use twinproof_evidence::{ExitCode, Verdict};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::judge;

use crate::run::tool;

/// Judges each scenario as it ends.
pub(crate) struct FailFast {
    ledger: Ledger,
    catalogue: Catalogue,
    stop: Arc<AtomicBool>,
}

impl FailFast {
    pub(crate) const fn new(ledger: Ledger, catalogue: Catalogue, stop: Arc<AtomicBool>) -> Self {
        Self {
            ledger,
            catalogue,
            stop,
        }
    }

    /// Stops the run if this scenario has failed by what is in the ledger so far.
    pub(crate) fn scene_ended(&self, id: &str) {
        // A ledger that cannot be read is reported at the end of the run.
        let Ok(mut events) = self.ledger.read_back() else {
            return;
        };
        if let Some(record) = events.records.first_mut()
            && let What::RunStarted(run) = &mut record.what
        {
            run.selected = vec![id.to_owned()];
        }
        let failed = judge(&events, &self.catalogue, tool())
            .is_ok_and(|report| report.scenarios.iter().any(|s| s.verdict == Verdict::Fail));
        if failed {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Waits to be told to stop: first after the scenarios that are under way, then at once.
pub(crate) async fn stop_on_signal(stop: Arc<AtomicBool>) {
    if signal().await {
        stop.store(true, Ordering::Relaxed);
        // Nobody reads what cannot be printed.
        drop(writeln!(
            anstream::stderr(),
            "stopping when the scenarios under way have ended; once more to stop at once"
        ));
        if signal().await {
            std::process::exit(i32::from(ExitCode::Incomplete.code()));
        }
    }
}

/// Whether somebody wants the process to end. A system that cannot say so never does.
#[cfg(unix)]
pub(crate) async fn signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return tokio::signal::ctrl_c().await.is_ok();
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
        terminated = terminate.recv() => terminated.is_some(),
    }
}

#[cfg(not(unix))]
pub(crate) async fn signal() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
