//! A generator whose first stage begins when others are ready, too.

use twinproof_kernel::Time;

use super::{Generator, Phase, Traffic};

/// Whether the first stage waits for somebody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hold {
    /// For nobody but its devices.
    Free,
    /// For its devices, and then for others.
    Held,
    /// For others: its devices are ready.
    Ready,
}

impl<T: Traffic> Generator<'_, T> {
    /// It with a first stage that begins when [`release`](Self::release) says so, once its devices are ready.
    #[must_use]
    pub(crate) fn held(mut self) -> Self {
        self.hold = match self.phase {
            Phase::Loading => Hold::Ready,
            Phase::Preparing(_) | Phase::Draining | Phase::Done => Hold::Held,
        };
        if self.hold == Hold::Ready {
            self.phase = Phase::Preparing(self.fleet.roster().members());
        }
        self
    }

    /// Whether it waits for nothing but to be released.
    pub(crate) fn is_ready(&self) -> bool {
        self.hold == Hold::Ready && matches!(self.phase, Phase::Preparing(_))
    }

    /// Has the first stage begin, perhaps in a moment.
    pub(crate) fn release(&mut self, at: Time) {
        if self.is_ready() {
            self.hold = Hold::Free;
            self.begins = at;
            self.phase = Phase::Loading;
        }
    }
}
