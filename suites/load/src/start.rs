//! When the parts of a workload begin: at the same moment, once all of them are ready.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often those who are ready look whether all are.
pub(crate) const LOOKS: Duration = Duration::from_millis(5);

/// How long before it everybody can know when it begins.
const LEAD: Duration = Duration::from_millis(25);

/// A beginning that several have in common.
#[derive(Debug)]
pub(crate) struct Start {
    /// How many are not ready.
    missing: AtomicUsize,
    at: OnceLock<Instant>,
}

impl Start {
    /// One of so many.
    pub(crate) const fn of(count: usize) -> Self {
        Self {
            missing: AtomicUsize::new(count),
            at: OnceLock::new(),
        }
    }

    /// One more is ready; each says that once.
    pub(crate) fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.at.get_or_init(|| Instant::now() + LEAD);
        }
    }

    /// When it is, if that is known: all are ready.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at.get().copied()
    }
}
