//! When operations are meant to begin while somebody changes how many there are in a second.

use std::collections::VecDeque;
use std::time::Duration;

use twinproof_kernel::Seed;

use crate::workload::Arrivals;

/// The moments at which operations are meant to begin. What was due before a change of the rate is due at the moment at
/// which it was, whenever that is looked at; only what comes after follows the new rate.
#[derive(Debug)]
pub(crate) struct Flow {
    /// When the present rate began, and how many operations were meant to begin by then, as a number that need not be whole.
    since: f64,
    before: f64,
    rate: f64,
    /// How many were meant to begin by the next.
    next: f64,
    random: Option<fastrand::Rng>,
    due: VecDeque<Duration>,
}

impl Flow {
    /// No operations yet.
    pub(crate) fn new(arrivals: Arrivals, seed: Seed) -> Self {
        let random = (arrivals == Arrivals::Poisson).then(|| seed.derive("arrivals").rng());
        let mut flow = Self {
            since: 0.0,
            before: 0.0,
            rate: 0.0,
            next: 0.0,
            random,
            due: VecDeque::new(),
        };
        flow.advance();
        flow
    }

    /// From then on there are so many in a second.
    pub(crate) fn change(&mut self, at: Duration, rate: f64) {
        while let Some(moment) = self.moment().filter(|moment| *moment <= at) {
            self.due.push_back(moment);
            self.advance();
        }
        let at = at.as_secs_f64();
        self.before += self.rate * (at - self.since).max(0.0);
        self.since = self.since.max(at);
        self.rate = rate;
    }

    /// The next moment, if there is one.
    pub(crate) fn peek(&self) -> Option<Duration> {
        self.due.front().copied().or_else(|| self.moment())
    }

    /// The next, if it is not later than that.
    pub(crate) fn next_by(&mut self, since: Duration) -> Option<Duration> {
        // Clocks count microseconds, and so do those who ask when to come back.
        let at = self
            .peek()
            .filter(|at| at.as_micros() <= since.as_micros())?;
        if self.due.pop_front().is_none() {
            self.advance();
        }
        Some(at)
    }

    fn moment(&self) -> Option<Duration> {
        let after = (self.next - self.before).max(0.0) / self.rate;
        // Without a rate, or with next to none, it never comes.
        Duration::try_from_secs_f64(self.since + after).ok()
    }

    fn advance(&mut self) {
        self.next += match &mut self.random {
            // The distance of points of a Poisson process of rate 1.
            Some(random) => -(1.0 - random.f64()).ln(),
            None => 1.0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(at: f64) -> Duration {
        Duration::from_secs_f64(at)
    }

    fn taken(flow: &mut Flow, by: f64) -> Vec<f64> {
        std::iter::from_fn(|| flow.next_by(seconds(by)))
            .map(|at| at.as_secs_f64())
            .collect()
    }

    #[test]
    fn what_was_due_before_a_change_keeps_its_moment_and_what_comes_after_follows_the_new_rate() {
        let mut flow = Flow::new(Arrivals::Even, Seed::new(1));
        assert_eq!(flow.peek(), None);
        flow.change(seconds(0.0), 10.0);
        flow.change(seconds(1.05), 100.0);
        // Nobody looked before: the first ten are due at their own moments all the same.
        let all = taken(&mut flow, 2.05);
        let first: Vec<f64> = (1..=10).map(|number| f64::from(number) / 10.0).collect();
        for (got, expected) in all.iter().zip(&first) {
            assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
        }
        // Half of one was owed when the rate changed.
        assert!((all[10] - 1.055).abs() < 1e-6, "{}", all[10]);
        assert_eq!(all.len(), 110);
        flow.change(seconds(2.05), 0.0);
        assert_eq!(flow.peek(), None);
        flow.change(seconds(9.0), 1.0);
        assert!(flow.peek() >= Some(seconds(9.0)));
    }

    #[test]
    fn random_moments_have_the_rate_of_their_time() {
        let mut flow = Flow::new(Arrivals::Poisson, Seed::new(4));
        flow.change(seconds(0.0), 1_000.0);
        flow.change(seconds(10.0), 4_000.0);
        let all = taken(&mut flow, 20.0);
        assert!(all.is_sorted());
        let early = all.iter().filter(|at| **at < 10.0).count();
        assert!((9_600..10_400).contains(&early), "{early}");
        let late = all.len() - early;
        assert!((39_200..40_800).contains(&late), "{late}");
    }
}
