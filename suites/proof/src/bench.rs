//! What the proofs have in common: one built-in system after another, run and judged in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use twinproof_conformance::suite::Suite;
use twinproof_conformance::{BuiltIn, Part, Run, Target, perform};
use twinproof_evidence::ledger::{Events, Ledger};
use twinproof_evidence::report::{Report, Tool};
use twinproof_judge::catalogue::Catalogue;
use twinproof_judge::{FEATURES, judge};
use twinproof_kernel::Seed;
use twinproof_stage::Kind;

/// How many scenarios of one system may be under way at the same time.
const SCENARIOS_AT_ONCE: usize = 8;

/// The suite, and how it is run.
pub(crate) struct Bench {
    pub(crate) catalogue: Catalogue,
    pub(crate) suite: Arc<Suite>,
    suite_sha256: String,
    kind: Kind,
    seed: u64,
}

impl Bench {
    pub(crate) fn load(kind: Kind, seed: u64) -> Result<Self, String> {
        let catalogue = Catalogue::load(&FEATURES).map_err(|e| e.to_string())?;
        let suite = Suite::load(&FEATURES, &catalogue).map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })?;
        Ok(Self {
            catalogue,
            suite: Arc::new(suite),
            suite_sha256: FEATURES.sha256(),
            kind,
            seed,
        })
    }

    /// The ids of all scenarios of an enabler that judge a role.
    pub(crate) fn scenarios(&self, enabler: &str, role: &str) -> Vec<String> {
        self.suite
            .entries()
            .iter()
            .filter(|entry| entry.enabler == enabler && Part::of(entry).role == role)
            .map(|entry| entry.id.clone())
            .collect()
    }

    /// The seed of a scenario.
    pub(crate) fn scenario_seed(&self, id: &str) -> Seed {
        Seed::new(self.seed).derive(id)
    }

    /// Runs these scenarios against a system and judges the record.
    pub(crate) fn run(
        &self,
        system: Arc<dyn BuiltIn>,
        selected: Vec<String>,
    ) -> Result<Report, String> {
        self.judge(&self.record(system, selected)?)
    }

    /// Runs these scenarios against a system and returns the record.
    pub(crate) fn record(
        &self,
        system: Arc<dyn BuiltIn>,
        selected: Vec<String>,
    ) -> Result<Events, String> {
        let ledger = Ledger::in_memory();
        let run = Run {
            suite_sha256: self.suite_sha256.clone(),
            filtered: true,
            selected,
            seed: self.seed,
            jobs: SCENARIOS_AT_ONCE,
            ..Run::new(
                Target::BuiltIn(system),
                self.kind.clone(),
                Arc::clone(&self.suite),
                ledger.clone(),
            )
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        runtime.block_on(perform(&run));
        ledger.read_back().map_err(|e| e.to_string())
    }

    fn judge(&self, events: &Events) -> Result<Report, String> {
        let tool = Tool {
            name: "twinproof".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        judge(events, &self.catalogue, tool)
    }
}

/// Does `work` for each item, `jobs` at the same time; the results are in the items' order.
///
/// # Errors
///
/// The first error of any.
pub(crate) fn each<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else {
                        break;
                    };
                    let result = work(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn results_keep_the_items_order() {
        let items: Vec<u32> = (0..50).collect();
        assert_eq!(each(&items, 3, |n| Ok(*n)).unwrap(), items);
        let odd = |n: &u32| (*n < 7).then_some(*n).ok_or(format!("{n}"));
        assert_eq!(each(&items, 2, odd).unwrap_err(), "7");
    }
}
