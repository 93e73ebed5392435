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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use twinproof_kernel::Time;

    use super::*;
    use crate::devices::{Devices, shared};
    use crate::generator::{Generator, Phase};
    use crate::workload::{Operation, Workload};

    #[test]
    fn it_is_when_the_last_is_ready() {
        let start = Start::of(2);
        start.arrive();
        assert_eq!(start.at(), None);
        start.arrive();
        assert!(start.at() > Some(Instant::now() - LEAD));
    }

    #[test]
    fn a_generator_that_is_held_begins_nothing_before_it_is_released() {
        let workload = Workload::read(
            "name = \"held\"\n[devices]\ncount = 4\n[mix]\nregister = 1\n[[stages]]\nrate = 10\nfor = \"1s\"\n",
        );
        let workload = workload.unwrap();
        let server = SocketAddr::from(([127, 0, 0, 1], 5683));
        let generator = Generator::new(
            &workload,
            5683,
            Devices::of(&workload),
            shared(&workload, server),
        );
        let mut generator = generator.unwrap().held();
        let at = |millis| Time::ZERO + Duration::from_millis(millis);
        let acts = |generator: &mut Generator<'_, Devices>, millis| {
            let mut sent = 0;
            generator.act(at(millis), &mut |_, _, _| sent += 1);
            sent
        };
        assert_eq!(acts(&mut generator, 5_000), 0);
        assert!(generator.is_ready());
        generator.release(at(6_000));
        assert_eq!(acts(&mut generator, 5_999), 0);
        assert!(acts(&mut generator, 6_250) > 0);
        assert_eq!(generator.phase(), Phase::Loading);
        // Times count from then, and not from when it was ready.
        let begun = generator.measures().totals(Operation::Register).begun;
        assert!((2..=4).contains(&begun), "{begun}");
    }
}
