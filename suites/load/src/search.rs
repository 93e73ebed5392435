//! The highest rate that a system bears.

use twinproof_judge::profile::Span;

use crate::measure::BEYOND;
use crate::report::Verdict;
use crate::threshold::{Metric, Threshold};
use crate::workload::Workload;

/// How often a rate has to hold before it is believed.
const HOLDS: usize = 3;

/// How often the generator may fail at a rate before that is taken for its own limit.
const FAILS: usize = 3;

/// How many trials there are at most, for a system that is never the same.
const TRIALS: usize = 60;

/// Below this rate nobody looks, per second.
const LEAST: f64 = 1.0;

/// A trial at a rate.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Trial {
    /// Operations per second.
    pub rate: f64,
    /// What it came to.
    pub verdict: Verdict,
}

/// What a search has found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Found {
    /// The highest rate that held each of three times, in operations per second; none if there is none.
    pub rate: Option<f64>,
    /// What is in the way of a higher one.
    pub limit: Limit,
}

/// What is in the way of a higher rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The generator itself does not keep up.
    Generator,
    /// Nobody asked for more.
    Most,
    /// Nothing is answered at all.
    NoContact,
    /// The thresholds do not hold.
    Thresholds,
    /// What holds at one time does not at another.
    Unsteady,
}

impl Limit {
    /// It in a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Generator => {
                "the generator itself does not keep up with a higher rate; the system may bear more"
            }
            Self::Most => "it was not asked for more; --most says how far to go",
            Self::NoContact => "nothing was answered as it should be",
            Self::Thresholds => "a threshold does not hold at a higher rate",
            Self::Unsteady => "what holds in one trial does not in another",
        }
    }
}

/// Looks for the highest rate: twice as much until something breaks, then between what held and what did not, until
/// those are near each other, and what held has to hold again.
#[derive(Clone, Debug)]
pub struct Search {
    from: f64,
    most: f64,
    /// Which share of what held lies between it and what did not, at most.
    within: f64,
    trials: Vec<Trial>,
}

impl Search {
    /// A search that begins at one rate, never tries more than another, and is content when it knows the answer to
    /// this share of it.
    pub const fn new(from: f64, most: f64, within: f64) -> Self {
        Self {
            from,
            most,
            within,
            trials: Vec::new(),
        }
    }

    /// What was tried.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The rate to try next; none when the search is over.
    pub fn next_rate(&self) -> Option<f64> {
        if self.trials.len() >= TRIALS || self.found_nobody() {
            return None;
        }
        let Some(last) = self.trials.last() else {
            return Some(self.from.min(self.most));
        };
        // One failure of the generator may be an accident of the machine.
        if last.verdict == Verdict::Invalid && !self.breaks(last.rate) {
            return Some(last.rate);
        }
        match (self.held(), self.broken()) {
            (None, None) => Some(last.rate),
            (None, Some(broken)) => Some(broken / 2.0).filter(|rate| *rate >= LEAST),
            (Some(held), None) if held < self.most => Some((held * 2.0).min(self.most)),
            (Some(held), Some(broken)) if broken / held > 1.0 + self.within => {
                Some((held * broken).sqrt())
            }
            (Some(held), _) => (self.times_held(held) < HOLDS).then_some(held),
        }
    }

    /// Notes what came of a trial at a rate.
    pub fn note(&mut self, rate: f64, verdict: Verdict) {
        self.trials.push(Trial { rate, verdict });
    }

    /// What is known so far.
    pub fn found(&self) -> Found {
        let rate = self
            .held()
            .filter(|rate| self.times_held(*rate) >= HOLDS && self.next_rate().is_none());
        let broken = self.broken();
        // What holds whenever the generator keeps up is in nobody else's way.
        let is_ours = broken.is_some_and(|broken| {
            let mut there = self.at(broken);
            there.all(|trial| matches!(trial.verdict, Verdict::Invalid | Verdict::Passed))
        });
        let limit = match broken {
            _ if self.found_nobody() => Limit::NoContact,
            Some(_) if is_ours => Limit::Generator,
            _ if rate.is_none() && self.held().is_some() => Limit::Unsteady,
            Some(_) => Limit::Thresholds,
            None => Limit::Most,
        };
        Found { rate, limit }
    }

    fn found_nobody(&self) -> bool {
        let nobody = |trial: &Trial| trial.verdict == Verdict::NoContact;
        self.trials.first().is_some_and(nobody)
    }

    fn at(&self, rate: f64) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(move |trial| trial.rate == rate)
    }

    fn times_held(&self, rate: f64) -> usize {
        let held = |trial: &&Trial| trial.verdict == Verdict::Passed;
        self.at(rate).filter(held).count()
    }

    fn breaks(&self, rate: f64) -> bool {
        let mut ours = 0;
        let mut not = false;
        for trial in self.at(rate) {
            match trial.verdict {
                Verdict::Invalid => ours += 1,
                Verdict::Failed
                | Verdict::NoContact
                | Verdict::Part
                | Verdict::TooFew
                | Verdict::Unanswered
                | Verdict::Wrong => {
                    not = true;
                }
                Verdict::Measured | Verdict::Passed => {}
            }
        }
        not || ours >= FAILS
    }

    /// The lowest rate that does not hold.
    fn broken(&self) -> Option<f64> {
        let rates = self.trials.iter().map(|trial| trial.rate);
        rates
            .filter(|rate| self.breaks(*rate))
            .min_by(f64::total_cmp)
    }

    /// The highest rate that held and lies below all that do not.
    fn held(&self) -> Option<f64> {
        let bound = self.broken().unwrap_or(f64::INFINITY);
        let held = self
            .trials
            .iter()
            .filter(|trial| trial.verdict == Verdict::Passed);
        let rates = held.map(|trial| trial.rate).filter(|rate| *rate < bound);
        rates.max_by(f64::total_cmp)
    }
}

/// The workload of a trial at a rate: at that rate for as long as it says, or longer where a threshold needs more samples
/// than there would be.
pub fn trial(workload: &Workload, rate: f64) -> Workload {
    let mut trial = workload.clone();
    let shares: u32 = workload.mix.values().sum();
    let warm_up = workload.warm_up.duration();
    let needed = workload
        .thresholds
        .iter()
        .map(|threshold| samples(threshold) * of_all(workload, threshold, shares));
    let needed = needed.fold(0.0, f64::max) / rate;
    let least = Span::from_secs((needed + warm_up.as_secs_f64()).ceil() as u64);
    for stage in &mut trial.stages {
        stage.from = None;
        stage.rate = rate;
        stage.span = stage.span.max(least);
    }
    trial
}

/// How many samples a threshold needs.
fn samples(threshold: &Threshold) -> f64 {
    match threshold.metric {
        Metric::Percentile(percent) => BEYOND as f64 * 100.0 / (100.0 - percent),
        Metric::Loss | Metric::Max | Metric::Mean | Metric::Rate | Metric::Refused => 1.0,
    }
}

/// How many operations there are for one of those that a threshold is about, and a tenth more, since they are drawn.
fn of_all(workload: &Workload, threshold: &Threshold, shares: u32) -> f64 {
    let share = workload.mix.get(&threshold.operation).copied();
    1.1 * f64::from(shares) / f64::from(share.unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(from: f64, most: f64, bears: impl Fn(f64, usize) -> Verdict) -> (Found, usize) {
        let mut search = Search::new(from, most, 0.05);
        while let Some(rate) = search.next_rate() {
            assert!(rate <= most, "{rate}");
            let times = search.at(rate).count();
            search.note(rate, bears(rate, times));
        }
        (search.found(), search.trials().len())
    }

    #[test]
    fn the_knee_is_found_from_wherever_it_begins() {
        for knee in [7.0, 90.0, 1_234.5, 80_000.0] {
            for from in [10.0, 1_000.0, 50_000.0] {
                let bears = |rate, _| match rate <= knee {
                    true => Verdict::Passed,
                    false => Verdict::Failed,
                };
                let (found, trials) = search(from, 1e6, bears);
                let rate = found.rate.unwrap();
                assert!(rate <= knee && rate * 1.05 >= knee, "{rate}, not {knee}");
                assert_eq!(found.limit, Limit::Thresholds);
                assert!(trials < 35, "{trials}");
            }
        }
    }

    #[test]
    fn what_held_once_by_luck_is_not_believed() {
        // Above 500 it holds the first time and never again.
        let bears = |rate, times| match rate <= 500.0 || (times == 0 && rate <= 900.0) {
            true => Verdict::Passed,
            false => Verdict::Failed,
        };
        let (found, _) = search(100.0, 1e6, bears);
        let rate = found.rate.unwrap();
        assert!((476.0..=500.0).contains(&rate), "{rate}");
    }

    #[test]
    fn whoever_is_in_the_way_is_named() {
        let generator = |rate, _| match rate <= 3_000.0 {
            true => Verdict::Passed,
            false => Verdict::Invalid,
        };
        let (found, _) = search(100.0, 1e6, generator);
        assert_eq!(found.limit, Limit::Generator);
        assert!(found.rate.unwrap() > 2_800.0);
        // A single accident of the machine is none of that.
        let accident = |rate, times| match (rate, times) {
            (400.0, 0) => Verdict::Invalid,
            (rate, _) if rate <= 3_000.0 => Verdict::Passed,
            _ => Verdict::Failed,
        };
        let (found, _) = search(100.0, 1e6, accident);
        assert_eq!(found.limit, Limit::Thresholds);
        assert!(found.rate.unwrap() > 2_800.0);
        let (found, trials) = search(100.0, 800.0, |_, _| Verdict::Passed);
        assert_eq!((found.rate, found.limit), (Some(800.0), Limit::Most));
        assert_eq!(trials, 4 + HOLDS - 1);
        let (found, trials) = search(100.0, 1e6, |_, _| Verdict::NoContact);
        assert_eq!(
            (found.rate, found.limit, trials),
            (None, Limit::NoContact, 1)
        );
        let (found, _) = search(100.0, 1e6, |_, _| Verdict::Failed);
        assert_eq!((found.rate, found.limit), (None, Limit::Thresholds));
    }

    #[test]
    fn a_generator_that_fails_now_and_then_is_in_the_way_itself() {
        // It has a processor once at each rate.
        let starved = |_, times| match times {
            0 => Verdict::Passed,
            _ => Verdict::Invalid,
        };
        let (found, _) = search(100.0, 200.0, starved);
        assert_eq!((found.rate, found.limit), (None, Limit::Generator));
        // What does not hold although the generator kept up is the system's doing.
        let both = |_, times| match times {
            0 => Verdict::Passed,
            1 => Verdict::Invalid,
            _ => Verdict::Failed,
        };
        let (found, _) = search(100.0, 200.0, both);
        assert_ne!(found.limit, Limit::Generator);
    }

    #[test]
    fn a_system_that_is_never_the_same_ends_the_search() {
        // Everything holds twice and not once more.
        let bears = |_, times| match times {
            0 | 1 => Verdict::Passed,
            _ => Verdict::Failed,
        };
        let (found, trials) = search(1_000.0, 1e6, bears);
        assert!(trials <= TRIALS);
        assert_eq!(found.rate, None, "{found:?}");
    }

    #[test]
    fn a_trial_is_long_enough_for_its_thresholds() {
        let workload = Workload::read(
            r#"
            name = "a trial"
            warm_up = "1s"
            thresholds = ["update.p99<50ms"]
            [devices]
            count = 10
            [mix]
            register = 1
            update = 1
            [[stages]]
            rate = 1
            for = "10s"
            "#,
        )
        .unwrap();
        // 1000 samples of every second operation.
        assert_eq!(trial(&workload, 100.0).stages[0].span.to_string(), "23s");
        let short = trial(&workload, 1_000.0);
        assert_eq!(short.stages[0].span.to_string(), "10s");
        assert_eq!(short.stages[0].rate, 1_000.0);
    }
}
