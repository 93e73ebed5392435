//! What a Locust master is told of what was measured: what has come since it was last told, in its coarser steps.

use std::collections::BTreeMap;
use std::time::Duration;

use rmpv::Value;
use twinproof_load::{Measures, Operation, Totals};

use super::wire::map;

/// What Locust calls the method of what devices do.
const METHOD: &str = "LwM2M";

/// What is said of an operation that had no answer.
const LOST: &str = "no answer";

/// What was told so far.
#[derive(Default)]
pub(super) struct Tally {
    /// All that was measured when it was last told.
    told: BTreeMap<Operation, Totals>,
    /// How many had ended when somebody last looked, and how many of those otherwise than they should.
    seen: BTreeMap<Operation, [u64; 2]>,
    /// The same since it was last told, by the second since 1970.
    seconds: BTreeMap<Operation, BTreeMap<u64, [u64; 2]>>,
}

/// What has come of an operation since it was last told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) requests: u64,
    pub(super) failures: u64,
    /// Those of which nobody says how long they took: what is refused.
    untimed: u64,
    total_ms: f64,
    min_ms: Option<f64>,
    max_ms: f64,
    times: BTreeMap<u64, u64>,
    seconds: BTreeMap<u64, [u64; 2]>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    /// Looks at what there is, many times a second.
    pub(super) fn look(&mut self, measures: &Measures, now: Duration) {
        for operation in Operation::ALL {
            let totals = measures.totals(operation);
            let ended = [totals.finished(), totals.lost + totals.refused()];
            let seen = self.seen.entry(operation).or_default();
            if ended == *seen {
                continue;
            }
            let seconds = self.seconds.entry(operation).or_default();
            let counts = seconds.entry(now.as_secs()).or_default();
            for place in 0..2 {
                counts[place] += ended[place] - seen[place];
            }
            *seen = ended;
        }
    }

    /// What has come since this was last asked.
    pub(super) fn take(
        &mut self,
        measures: &Measures,
        now: Duration,
    ) -> BTreeMap<Operation, Entry> {
        self.look(measures, now);
        let mut entries = BTreeMap::new();
        for (operation, seconds) in std::mem::take(&mut self.seconds) {
            let totals = measures.totals(operation);
            let before = self.told.get(&operation);
            entries.insert(operation, Entry::between(before, totals, seconds));
            self.told.insert(operation, totals.clone());
        }
        entries
    }
}

impl Entry {
    fn between(before: Option<&Totals>, totals: &Totals, seconds: BTreeMap<u64, [u64; 2]>) -> Self {
        let since = |count: fn(&Totals) -> u64| count(totals) - before.map_or(0, count);
        let mut entry = Self {
            requests: since(Totals::finished),
            failures: since(|totals| totals.lost) + since(Totals::refused),
            untimed: since(Totals::refused),
            seconds,
            ..Self::default()
        };
        for value in totals.latencies.iter_recorded() {
            let micros = value.value_iterated_to();
            let told = before.map_or(0, |before| before.latencies.count_at(micros));
            let count = value.count_at_value() - told;
            if count == 0 {
                continue;
            }
            let ms = totals.latencies.median_equivalent(micros) as f64 / 1e3;
            entry.total_ms += ms * count as f64;
            entry.min_ms = entry.min_ms.or(Some(ms));
            entry.max_ms = ms;
            *entry.times.entry(rounded(ms)).or_insert(0) += count;
        }
        let lost = since(|totals| totals.lost);
        let others = totals.others.iter().map(|(why, count)| {
            let told = before.and_then(|before| before.others.get(why));
            (why.clone(), count - told.unwrap_or(&0))
        });
        let errors = others.chain([(LOST.to_owned(), lost)]);
        entry.errors = errors.filter(|(_, count)| *count > 0).collect();
        entry
    }

    /// It beside another, as their sum.
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.untimed += other.untimed;
        self.total_ms += other.total_ms;
        let both = self.min_ms.into_iter().chain(other.min_ms);
        self.min_ms = both.reduce(f64::min);
        self.max_ms = self.max_ms.max(other.max_ms);
        for (ms, count) in &other.times {
            *self.times.entry(*ms).or_insert(0) += count;
        }
        for (second, counts) in &other.seconds {
            let sum = self.seconds.entry(*second).or_default();
            sum[0] += counts[0];
            sum[1] += counts[1];
        }
    }

    fn value(&self, (name, method): (&str, &str), began: f64) -> Value {
        let per_second = |place: usize| {
            let some = self.seconds.iter().filter(|(_, counts)| counts[place] > 0);
            Value::Map(
                some.map(|(second, counts)| ((*second).into(), counts[place].into()))
                    .collect(),
            )
        };
        let times = self.times.iter();
        let last = self.seconds.keys().next_back();
        map([
            ("name", name.into()),
            ("method", method.into()),
            (
                "last_request_timestamp",
                last.map_or(Value::Nil, |last| (*last as f64).into()),
            ),
            ("start_time", began.into()),
            ("num_requests", self.requests.into()),
            ("num_none_requests", self.untimed.into()),
            ("num_failures", self.failures.into()),
            ("total_response_time", self.total_ms.into()),
            ("max_response_time", self.max_ms.into()),
            (
                "min_response_time",
                self.min_ms.map_or(Value::Nil, Value::from),
            ),
            ("total_content_length", 0.into()),
            (
                "response_times",
                Value::Map(
                    times
                        .map(|(ms, count)| ((*ms).into(), (*count).into()))
                        .collect(),
                ),
            ),
            ("num_reqs_per_sec", per_second(0)),
            ("num_fail_per_sec", per_second(1)),
        ])
    }
}

/// What the master is told, of a run that began then, in seconds since 1970: the fields of its message.
pub(super) fn fields(
    entries: &BTreeMap<Operation, Entry>,
    began: f64,
) -> [(&'static str, Value); 3] {
    let mut sum = Entry::default();
    let mut errors = Vec::new();
    let mut stats = Vec::new();
    for (operation, entry) in entries {
        let name = operation.name();
        sum.add(entry);
        stats.push(entry.value((name, METHOD), began));
        for (why, count) in &entry.errors {
            let error = map([
                ("name", name.into()),
                ("method", METHOD.into()),
                ("error", why.as_str().into()),
                ("occurrences", (*count).into()),
                ("first_seen", Value::Nil),
                ("last_seen", Value::Nil),
            ]);
            // Alike for the same at every worker, and that is all that a master wants of it.
            errors.push((format!("{METHOD}.{name}.{why}").into(), error));
        }
    }
    [
        ("stats", Value::Array(stats)),
        ("stats_total", sum.value(("Aggregated", ""), began)),
        ("errors", Value::Map(errors)),
    ]
}

/// Milliseconds as Locust keeps them: exact below 100, then two digits.
fn rounded(ms: f64) -> u64 {
    let step = match ms {
        ms if ms < 100.0 => 1.0,
        ms if ms < 1_000.0 => 10.0,
        ms if ms < 10_000.0 => 100.0,
        _ => 1_000.0,
    };
    ((ms / step).round_ties_even() * step) as u64
}

#[cfg(test)]
mod tests {
    use twinproof_load::Outcome;

    use super::*;

    #[test]
    fn times_are_rounded_as_the_master_rounds_them() {
        for (ms, expected) in [
            (0.4, 0),
            (1.5, 2),
            (99.4, 99),
            (147.0, 150),
            (3_432.0, 3_400),
            (58_760.0, 59_000),
        ] {
            assert_eq!(rounded(ms), expected, "{ms}");
        }
    }

    #[test]
    fn all_that_is_told_together_is_all_that_was_measured() {
        let mut measures = Measures::new(
            (Duration::ZERO, Duration::from_secs(9)),
            Duration::from_secs(1),
        );
        let mut tally = Tally::default();
        let mut sum = Entry::default();
        let mut errors = BTreeMap::new();
        for number in 0..2_000_u64 {
            let operation = Operation::ALL[number as usize % 2];
            let outcome = match number % 10 {
                3 => Outcome::Lost,
                5 => Outcome::Refused("4.03".to_owned()),
                _ => Outcome::Answered,
            };
            let at = Duration::from_millis(number);
            measures.begin(operation, at, Duration::ZERO, true);
            let took = Duration::from_micros(1 + number * 97);
            measures.end(operation, (at, took), outcome, true);
            if number % 7 == 0 {
                tally.look(&measures, at);
            }
            if number % 613 == 0 || number == 1_999 {
                for entry in tally.take(&measures, at).values() {
                    sum.add(entry);
                    for (why, count) in &entry.errors {
                        *errors.entry(why.clone()).or_insert(0) += count;
                    }
                }
            }
        }
        assert_eq!((sum.requests, sum.failures, sum.untimed), (2_000, 400, 200));
        assert_eq!(sum.times.values().sum::<u64>(), 1_800);
        let seconds: Vec<_> = sum.seconds.values().map(|counts| counts[0]).collect();
        assert_eq!(seconds.iter().sum::<u64>(), 2_000);
        assert!(
            seconds.iter().all(|count| (990..=1_010).contains(count)),
            "{seconds:?}"
        );
        let mean = sum.total_ms / 1_800.0;
        assert!((mean - 97.0).abs() < 1.0, "{mean}");
        let expected = [("4.03".to_owned(), 200), (LOST.to_owned(), 200)];
        assert_eq!(errors, expected.into());
        assert!(tally.take(&measures, Duration::from_secs(3)).is_empty());
    }
}
