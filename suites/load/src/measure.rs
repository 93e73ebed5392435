//! What comes of operations: how many, how long, and second by second.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};

use crate::workload::Operation;

/// The longest time that is told apart, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// How many samples have to lie beyond a percentile for it to be said.
pub const BEYOND: u64 = 10;

/// The part of the time that is measured for which answers count towards the rate when it is over: what was under way then
/// is no less than what was under way when it began, unless a queue has grown.
const GRACE: u32 = 100;

/// What came of an operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was answered as it should be.
    Answered,
    /// The device could not even ask, and why.
    Impossible(String),
    /// There was no answer.
    Lost,
    /// It was answered otherwise: the code, or in which way.
    Refused(String),
}

/// All that was measured of one operation.
#[derive(Clone, Debug)]
pub struct Totals {
    /// How many were begun.
    pub begun: u64,
    /// How many were answered as they should be.
    pub answered: u64,
    /// How many of these so long after what is measured that they say nothing of how many there are in a second.
    pub afterwards: u64,
    /// How many had no answer when the run was over, or never will.
    pub lost: u64,
    /// How many were answered otherwise, by code, or could not be asked, by reason.
    pub others: BTreeMap<String, u64>,
    /// How long was measured.
    pub span: Duration,
    /// How long they took from when they were meant to begin, in microseconds: those that were answered as they
    /// should be, and those that were lost with the time that was waited for them, which is the least that they took.
    pub latencies: Histogram<u64>,
}

impl Totals {
    fn new(span: Duration) -> Self {
        Self {
            begun: 0,
            answered: 0,
            afterwards: 0,
            lost: 0,
            others: BTreeMap::new(),
            span,
            latencies: histogram(),
        }
    }

    /// How many have come to an end, one way or another.
    pub fn finished(&self) -> u64 {
        self.answered + self.lost + self.refused()
    }

    /// How many were answered otherwise than they should be, or could not be asked.
    pub fn refused(&self) -> u64 {
        self.others.values().sum()
    }

    /// The time that so many percent do not exceed, in microseconds; none if fewer than [`BEYOND`] samples lie beyond.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        percentile(&self.latencies, percent)
    }

    /// The longest time, in microseconds.
    pub fn max(&self) -> Option<u64> {
        (!self.latencies.is_empty()).then(|| self.latencies.max())
    }

    /// The mean time, in microseconds.
    pub fn mean(&self) -> Option<f64> {
        (!self.latencies.is_empty()).then(|| self.latencies.mean())
    }

    /// How many were answered as they should be, per second of what is measured.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.span.as_secs_f64();
        let in_time = self.answered - self.afterwards;
        (seconds > 0.0).then(|| in_time as f64 / seconds)
    }
}

/// The value that so many percent of the samples do not exceed; none if fewer than [`BEYOND`] lie beyond.
pub(crate) fn percentile(histogram: &Histogram<u64>, percent: f64) -> Option<u64> {
    let beyond = histogram.len() as f64 * (100.0 - percent) / 100.0;
    // A tenth of a hundred is ten, whatever the last bit says.
    (beyond + 1e-9 >= BEYOND as f64).then(|| histogram.value_at_quantile(percent / 100.0))
}

fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LONGEST, 3) {
        Ok(histogram) => histogram,
        Err(_) => unreachable!("the bounds are those of a histogram"),
    }
}

/// A second of a run.
#[derive(
    Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Second {
    /// Which, from the beginning of the first stage; 0 is the first.
    pub second: u64,
    /// How many operations were begun.
    pub begun: u64,
    /// How many were answered as they should be.
    pub answered: u64,
    /// How many were answered otherwise, or could not be asked.
    pub refused: u64,
    /// How many were given up.
    pub lost: u64,
    /// How many handshakes nobody was told to begin took their time, beside all of those.
    #[serde(default, skip_serializing_if = "is_none")]
    pub beside: u64,
    /// The time that half of those that ended did not exceed, in microseconds.
    pub p50_us: Option<u64>,
    /// The time that 99 of 100 did not exceed, in microseconds.
    pub p99_us: Option<u64>,
    /// The longest time, in microseconds.
    pub max_us: Option<u64>,
    /// How many operations were begun later than the limit.
    pub late: u64,
    /// How late the latest was begun, in microseconds.
    pub latest_us: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands it over like that"
)]
pub(crate) const fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Second {
    /// Adds what there was at the same time; times are none of a sum.
    pub(crate) fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.answered += other.answered;
        self.refused += other.refused;
        self.lost += other.lost;
        self.beside += other.beside;
        self.late += other.late;
        self.latest_us = self.latest_us.max(other.latest_us);
    }

    fn with_times(self, times: &Histogram<u64>) -> Self {
        Self {
            p50_us: percentile(times, 50.0),
            p99_us: percentile(times, 99.0),
            max_us: (!times.is_empty()).then(|| times.max()),
            ..self
        }
    }
}

/// The histogram of an operation in one second, as it is written to logs.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    pub(crate) second: u64,
    pub(crate) operation: Operation,
    encoded: Vec<u8>,
}

impl Interval {
    fn new(second: u64, operation: Operation, histogram: &Histogram<u64>) -> Self {
        Self {
            second,
            operation,
            encoded: encoded(histogram),
        }
    }

    pub(crate) fn histogram(&self) -> Option<Histogram<u64>> {
        decoded(&self.encoded)
    }
}

/// How many of the last seconds somebody sees who only looks: not all are as far as each other.
const LATELY: usize = 3;

/// What was measured at a moment, as far as somebody looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Glimpse {
    totals: Vec<(Operation, Totals)>,
    /// How many seconds are over.
    ends: usize,
    /// The last of them.
    seconds: Vec<Second>,
    intervals: Vec<Interval>,
}

/// What is measured while a run goes on.
#[derive(Debug)]
pub struct Measures {
    /// In the order of [`Operation::ALL`].
    totals: Vec<Totals>,
    now: Second,
    together: Histogram<u64>,
    apart: Vec<Histogram<u64>>,
    seconds: Vec<Second>,
    intervals: Vec<Interval>,
    late: Duration,
    /// What is measured begins then.
    warm_up: Duration,
    /// What is answered later says nothing of the rate.
    counted: Duration,
}

impl Measures {
    /// Nothing measured yet. `span` is how long will be, after `warm_up`, and what begins later than `late` counts as such.
    pub fn new((warm_up, span): (Duration, Duration), late: Duration) -> Self {
        let each = || Operation::ALL.iter();
        Self {
            totals: each().map(|_| Totals::new(span)).collect(),
            now: Second::default(),
            together: histogram(),
            apart: each().map(|_| histogram()).collect(),
            seconds: Vec::new(),
            intervals: Vec::new(),
            late,
            warm_up,
            counted: warm_up + span + span / GRACE,
        }
    }

    /// What several have measured at once, each of a share: totals by operation, and what there was in each second.
    pub(crate) fn merged(
        span: Duration,
        totals: impl IntoIterator<Item = (Operation, Totals)>,
        seconds: BTreeMap<u64, Second>,
        intervals: &BTreeMap<(u64, Operation), Histogram<u64>>,
    ) -> Self {
        let mut merged = Self::new((Duration::ZERO, span), Duration::ZERO);
        for (operation, totals) in totals {
            merged.totals[operation as usize] = totals;
        }
        let ends = seconds.keys().next_back().map_or(0, |last| last + 1);
        let mut seconds = seconds;
        for second in 0..ends {
            let one = seconds.remove(&second).unwrap_or_default();
            let mut together = histogram();
            for operation in Operation::ALL {
                if let Some(histogram) = intervals.get(&(second, operation)) {
                    let is_beside =
                        operation == Operation::Handshake && histogram.len() == one.beside;
                    if !is_beside {
                        // Of our own shape, as all that was decoded.
                        let _ = together.add(histogram);
                    }
                    let interval = Interval::new(second, operation, histogram);
                    merged.intervals.push(interval);
                }
            }
            merged.seconds.push(Second {
                second,
                ..one.with_times(&together)
            });
        }
        merged
    }

    /// What there is so far, for who only looks: of the seconds no more than the last.
    pub(crate) fn glimpse(&self) -> Glimpse {
        let ends = self.seconds.len();
        let totals = Operation::ALL.into_iter().zip(&self.totals);
        let intervals = self.intervals.iter().rev();
        let last = |interval: &&Interval| interval.second as usize + LATELY >= ends;
        Glimpse {
            totals: totals
                .filter(|(_, totals)| totals.begun > 0)
                .map(|(operation, totals)| (operation, totals.clone()))
                .collect(),
            ends,
            seconds: self.seconds[ends.saturating_sub(LATELY)..].to_vec(),
            intervals: intervals.take_while(last).cloned().collect(),
        }
    }

    /// What several have measured at once so far, of which none has operations of another. Of the seconds that are over for
    /// all, the last is the sum.
    pub(crate) fn seen(span: Duration, glimpses: &[Glimpse]) -> Self {
        let ends = glimpses.iter().map(|one| one.ends).min().unwrap_or(0);
        let mut seconds = BTreeMap::new();
        let mut intervals = BTreeMap::new();
        if let Some(last) = ends.checked_sub(1).map(|last| last as u64) {
            let mut sum = Second::default();
            let all = glimpses.iter().flat_map(|one| &one.seconds);
            for one in all.filter(|one| one.second == last) {
                sum.add(one);
            }
            seconds.insert(last, sum);
            let all = glimpses.iter().flat_map(|one| &one.intervals);
            let of_last = all.filter(|one| one.second == last);
            intervals
                .extend(of_last.filter_map(|one| Some(((last, one.operation), one.histogram()?))));
        }
        let totals = glimpses.iter().flat_map(|one| one.totals.clone());
        Self::merged(span, totals, seconds, &intervals)
    }

    /// An operation begins, `at` after the beginning and so much later than it was meant to.
    pub fn begin(&mut self, operation: Operation, at: Duration, late: Duration, counts: bool) {
        self.turn(at.as_secs());
        self.now.begun += 1;
        self.now.late += u64::from(late > self.late);
        self.now.latest_us = self.now.latest_us.max(micros(late));
        if counts {
            self.totals[operation as usize].begun += 1;
        }
    }

    /// An operation ends, `at` after the beginning of the run, and took so long since it was meant to begin.
    pub fn end(
        &mut self,
        operation: Operation,
        (at, took): (Duration, Duration),
        outcome: Outcome,
        counts: bool,
    ) {
        self.turn(at.as_secs());
        let took = micros(took).max(1);
        let is_afterwards = outcome == Outcome::Answered && at > self.counted;
        let totals = &mut self.totals[operation as usize];
        let second = &mut self.now;
        let (one, of_second, times) = match outcome {
            Outcome::Answered => (&mut totals.answered, &mut second.answered, true),
            Outcome::Lost => (&mut totals.lost, &mut second.lost, true),
            Outcome::Refused(why) | Outcome::Impossible(why) => {
                let place = totals.others.entry(why).or_insert(0);
                (place, &mut second.refused, false)
            }
        };
        *of_second += 1;
        if times {
            self.together.saturating_record(took);
            self.apart[operation as usize].saturating_record(took);
        }
        if counts {
            *one += 1;
            totals.afterwards += u64::from(is_afterwards);
            if times {
                totals.latencies.saturating_record(took);
            }
        }
    }

    /// An operation that nobody was told to begin has ended: it counts among those of its kind, and not among what is begun
    /// in a second and may be late.
    pub(crate) fn beside(
        &mut self,
        operation: Operation,
        (at, took): (Duration, Duration),
        outcome: Outcome,
    ) {
        self.turn(at.as_secs());
        let took = micros(took).max(1);
        let totals = &mut self.totals[operation as usize];
        totals.begun += 1;
        match outcome {
            Outcome::Answered => totals.answered += 1,
            Outcome::Lost => totals.lost += 1,
            Outcome::Refused(why) | Outcome::Impossible(why) => {
                *totals.others.entry(why).or_insert(0) += 1;
                return;
            }
        }
        totals.latencies.saturating_record(took);
        self.apart[operation as usize].saturating_record(took);
        self.now.beside += 1;
    }

    /// So long is measured, and not as long as was thought.
    pub(crate) fn lasted(&mut self, span: Duration) {
        for totals in &mut self.totals {
            totals.span = span;
        }
        self.counted = self.warm_up + span + span / GRACE;
    }

    /// The totals of an operation.
    pub fn totals(&self, operation: Operation) -> &Totals {
        &self.totals[operation as usize]
    }

    /// The seconds that are over.
    pub fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    pub(crate) fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// Whatever happens now happens in this second of the run.
    pub fn turn(&mut self, second: u64) {
        while self.now.second < second {
            self.seal();
        }
    }

    /// Ends the second that goes on.
    pub fn seal(&mut self) {
        let over = self.now.second;
        let second = std::mem::take(&mut self.now).with_times(&self.together);
        self.now.second = over + 1;
        self.seconds.push(second);
        self.together.reset();
        for (operation, histogram) in Operation::ALL.into_iter().zip(&mut self.apart) {
            if histogram.is_empty() {
                continue;
            }
            self.intervals
                .push(Interval::new(over, operation, histogram));
            histogram.reset();
        }
    }
}

/// A histogram as HdrHistogram writes it (V2, deflated).
pub(crate) fn encoded(histogram: &Histogram<u64>) -> Vec<u8> {
    let mut encoded = Vec::new();
    // Into memory, which does not fail.
    let _ = V2DeflateSerializer::new().serialize(histogram, &mut encoded);
    encoded
}

/// The same, read again; none if it is none, or of a shape that does not fit ours.
pub(crate) fn decoded(octets: &[u8]) -> Option<Histogram<u64>> {
    let read: Histogram<u64> = Deserializer::new().deserialize(&mut &octets[..]).ok()?;
    let mut ours = histogram();
    ours.add(read).ok()?;
    Some(ours)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Operation = Operation::Register;

    fn ended(times: impl IntoIterator<Item = (u64, Outcome)>) -> Measures {
        let mut measures = Measures::new(
            (Duration::ZERO, Duration::from_secs(10)),
            Duration::from_millis(1),
        );
        for (number, (took, outcome)) in (0_u64..).zip(times) {
            let at = Duration::from_millis(number);
            measures.begin(ONE, at, Duration::ZERO, true);
            measures.end(ONE, (at, Duration::from_micros(took)), outcome, true);
        }
        measures
    }

    #[test]
    fn no_percentile_rests_on_fewer_than_ten_beyond_it() {
        let measures = ended((1..=999).map(|took| (took, Outcome::Answered)));
        let totals = measures.totals(ONE);
        assert_eq!(totals.percentile(50.0), Some(500));
        assert_eq!(totals.percentile(99.0), None, "9.99 lie beyond");
        assert_eq!(totals.max(), Some(999));
        let measures = ended((1..=1_000).map(|took| (took, Outcome::Answered)));
        assert_eq!(measures.totals(ONE).percentile(99.0), Some(990));
        assert_eq!(measures.totals(ONE).percentile(99.9), None);
        assert_eq!(ended([]).totals(ONE).max(), None);
    }

    #[test]
    fn what_is_lost_took_at_least_as_long_as_was_waited_and_what_is_refused_took_nothing() {
        let lost = (0..50).map(|_| (2_000_000, Outcome::Lost));
        let refused = (0..50).map(|_| (1, Outcome::Refused("4.03".to_owned())));
        let measures = ended(lost.chain(refused));
        let totals = measures.totals(ONE);
        assert_eq!(
            (totals.lost, totals.refused(), totals.answered),
            (50, 50, 0)
        );
        assert!(totals.percentile(50.0) >= Some(1_999_000));
        assert_eq!(totals.latencies.len(), 50);
        assert_eq!(totals.others["4.03"], 50);
    }

    #[test]
    fn what_is_answered_long_after_what_is_measured_says_nothing_of_the_rate() {
        let mut measures = Measures::new(
            (Duration::from_secs(2), Duration::from_secs(10)),
            Duration::ZERO,
        );
        for at in [3_000, 11_999, 12_100, 12_101, 17_000] {
            let at = Duration::from_millis(at);
            measures.begin(ONE, at, Duration::ZERO, true);
            measures.end(ONE, (at, Duration::from_millis(1)), Outcome::Answered, true);
        }
        let totals = measures.totals(ONE);
        assert_eq!((totals.answered, totals.afterwards), (5, 2));
        assert_eq!(totals.rate(), Some(0.3));
    }

    #[test]
    fn seconds_and_intervals_hold_what_the_totals_hold() {
        let mut measures = ended((1..=2_500).map(|took| (took * 1_000, Outcome::Answered)));
        measures.seal();
        let begun: Vec<u64> = measures
            .seconds()
            .iter()
            .map(|second| second.begun)
            .collect();
        assert_eq!(begun, [1_000, 1_000, 500]);
        let mut sum = histogram();
        for interval in measures.intervals() {
            assert_eq!(interval.operation, ONE);
            sum.add(interval.histogram().unwrap()).unwrap();
        }
        assert_eq!(sum, measures.totals(ONE).latencies);
    }
}
