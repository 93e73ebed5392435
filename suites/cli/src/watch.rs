//! What may end a run early: a failure under `--fail-fast`, and whoever started it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use twinproof_evidence::ExitCode;
use twinproof_evidence::ledger::{Events, Follower, LedgerError};
use twinproof_evidence::record::{Record, What};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::judge;

use crate::run::{quoted, tool};

/// Judges each attempt of a scenario as it ends, by its own events alone.
///
/// What only the whole run shows, such as a knob that another scenario observed, stops nothing: the
/// verdict at the end takes it into account.
pub(crate) struct FailFast {
    catalogue: Catalogue,
    seen: Mutex<Seen>,
    stop: Arc<AtomicBool>,
}

/// What was read of the ledger and not judged so far.
struct Seen {
    follower: Follower,
    run: Option<Record>,
    /// By scenario.
    under_way: BTreeMap<String, Vec<Record>>,
}

impl FailFast {
    /// Watches the ledger at `path`.
    pub(crate) fn new(
        path: &Path,
        catalogue: Catalogue,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, LedgerError> {
        Ok(Self {
            catalogue,
            seen: Mutex::new(Seen {
                follower: Follower::open(path)?,
                run: None,
                under_way: BTreeMap::new(),
            }),
            stop,
        })
    }

    /// Stops the run if this scenario has failed.
    pub(crate) fn scene_ended(&self, id: &str) {
        let events = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.read_on();
            seen.take(id)
        };
        let failed = events.is_some_and(|events| {
            judge(&events, &self.catalogue, tool())
                .is_ok_and(|report| report.exit_code() == ExitCode::Fails)
        });
        if failed {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Seen {
    fn read_on(&mut self) {
        // A ledger that cannot be read is reported at the end of the run.
        while let Ok(Some(record)) = self.follower.advance() {
            match (&record.scene, &record.what) {
                (Some(scene), _) => self
                    .under_way
                    .entry(scene.scenario.clone())
                    .or_default()
                    .push(record),
                (None, What::RunStarted(_)) => self.run = Some(record),
                (None, _) => {}
            }
        }
    }

    /// What happened in a scenario, as if it were all of the run.
    fn take(&mut self, id: &str) -> Option<Events> {
        let scene = self.under_way.remove(id)?;
        let mut run = self.run.clone()?;
        if let What::RunStarted(started) = &mut run.what {
            started.selected = vec![id.to_owned()];
        }
        Some(Events {
            records: std::iter::once(run).chain(scene).collect(),
            cut: None,
        })
    }
}

/// Waits to be told to stop: first after the scenarios that are under way, then at once. `sut` is the
/// profile of a system that runs elsewhere.
pub(crate) async fn stop_on_signal(stop: Arc<AtomicBool>, sut: Option<PathBuf>) {
    if signal().await {
        stop.store(true, Ordering::Relaxed);
        // Nobody reads what cannot be printed.
        drop(writeln!(
            anstream::stderr(),
            "stopping when the scenarios under way have ended; once more to stop at once"
        ));
        if signal().await {
            if let Some(sut) = sut {
                drop(writeln!(
                    anstream::stderr(),
                    "stopped at once: what scenarios have made at the system may still be there; \
                     `twinproof clean --sut {}` removes it",
                    quoted(&sut)
                ));
            }
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
