//! Whether one system bears load otherwise than another.
//!
//! Runs of the two take turns, so that whatever else goes on meets both. For each metric, the runs of one side are held
//! against those of the other by their ranks (Mann-Whitney, exact, both sides, ties as means of ranks), and since there are
//! several metrics, by Holm's rule, so that fewer than one in twenty comparisons of a system with itself finds anything. How
//! large a difference is, is the median of the ratios of all pairs of runs (Hodges-Lehmann), with the interval that belongs
//! to the same test.

use std::collections::BTreeMap;

use crate::report::Report;

/// How often a comparison of a system with itself may find something.
pub const ALPHA: f64 = 0.05;

/// How many runs a side are the fewest that are compared.
pub const FEWEST: usize = 5;

/// How many runs a side are the most.
pub const MOST: usize = 20;

/// What a comparison says of a metric.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Compared {
    /// What was measured: `update.p99`, `update.rate`, or `cpu` for the server's processor time per answer.
    pub metric: String,
    /// The unit of what was measured.
    pub unit: &'static str,
    /// What the runs of the first had.
    pub a: Vec<f64>,
    /// What the runs of the second had.
    pub b: Vec<f64>,
    /// How many times as much the second has.
    pub ratio: f64,
    /// Between which ratios the true one lies.
    pub interval: [f64; 2],
    /// With which confidence it does.
    pub confidence: f64,
    /// How often runs that do not differ would look at least as different, for this metric alone.
    pub p: f64,
    /// What that comes to.
    pub finding: Finding,
}

/// What is found of the second against the first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It does better.
    Better,
    /// The runs do not tell.
    CannotTell,
    /// It does worse.
    Worse,
}

/// Compares runs of one system with runs of another, metric by metric.
///
/// # Errors
///
/// When there are too few runs or too many, they are of different workloads, not interleaved, or one of them is invalid; says
/// which.
pub fn compare(a: &[Report], b: &[Report]) -> Result<Vec<Compared>, String> {
    for (name, side) in [("A", a), ("B", b)] {
        if !(FEWEST..=MOST).contains(&side.len()) {
            return Err(format!(
                "expected {FEWEST} to {MOST} runs a side, got {} of {name}",
                side.len()
            ));
        }
    }
    let all = || a.iter().chain(b);
    if let Some(other) = all().find(|report| report.digest != a[0].digest) {
        return Err(format!(
            "the runs are not of one workload: {:?} has the digest {}, and {:?} has {}",
            a[0].workload.name, a[0].digest, other.workload.name, other.digest
        ));
    }
    if let Some(invalid) = all().find(|report| !report.says_something()) {
        return Err(format!(
            "a run against {} says nothing: {}",
            invalid.target,
            invalid.verdict.meaning()
        ));
    }
    interleaved(a, b)?;
    let (a, b) = (metrics(a), metrics(b));
    let mut compared: Vec<Compared> = a
        .into_iter()
        .filter_map(|(metric, a)| {
            let b = b.get(&metric)?;
            (a.len() == b.len()).then(|| Compared::new(metric, a, b.clone()))
        })
        .collect();
    if compared.is_empty() {
        return Err(
            "the runs have no metric in common: too few operations were answered".to_owned(),
        );
    }
    let (runs, count) = (compared[0].a.len(), compared.len());
    let least = least_p(runs) * count as f64;
    if least >= ALPHA {
        return Err(format!(
            "{runs} runs a side cannot tell anything of {count} metrics at once: expected more runs, or fewer operations"
        ));
    }
    holm(&mut compared);
    Ok(compared)
}

/// Whether the runs of both took turns: of any two that follow each other from the beginning, one of each.
fn interleaved(a: &[Report], b: &[Report]) -> Result<(), String> {
    let began = |side: &[Report], is_a| -> Option<Vec<(u64, bool)>> {
        side.iter()
            .map(|report| Some((report.began?, is_a)))
            .collect()
    };
    let (Some(mut order), Some(of_b)) = (began(a, true), began(b, false)) else {
        return Err("a run does not say when it began".to_owned());
    };
    order.extend(of_b);
    order.sort_unstable();
    let turns = order.chunks(2).all(|pair| match pair {
        [one, other] => one.1 != other.1,
        _ => false,
    });
    match turns {
        true => Ok(()),
        false => Err(
            "the runs did not take turns, so that a difference may be one of the time: expected A B B A A B, or the like"
                .to_owned(),
        ),
    }
}

type Key = (String, &'static str, bool);

/// By metric, its unit, and whether more is better.
fn metrics(side: &[Report]) -> BTreeMap<Key, Vec<f64>> {
    let mut metrics: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
    for report in side {
        let mut add = |name: String, unit, more, value: Option<f64>| {
            if let Some(value) = value.filter(|value| *value > 0.0) {
                metrics.entry((name, unit, more)).or_default().push(value);
            }
        };
        for (operation, measured) in &report.operations {
            for percentile in ["p50", "p99"] {
                let micros = measured.percentiles_us.get(percentile);
                let value = micros.map(|micros| *micros as f64);
                add(format!("{operation}.{percentile}"), "µs", false, value);
            }
            // Else it is what was asked for.
            if report.workload.is_closed() {
                add(format!("{operation}.rate"), "/s", true, measured.rate);
            }
        }
        let answered: u64 = report.seconds.iter().map(|second| second.answered).sum();
        let cpu = report.system.as_ref().map(|system| system.cpu);
        let each = cpu.map(|cpu| cpu * 1e6 / answered.max(1) as f64);
        add("cpu".to_owned(), "µs per answer", false, each);
    }
    // What some runs have and some have not would be compared with a choice of them.
    metrics.retain(|_, values| values.len() == side.len());
    metrics
}

impl Compared {
    fn new((metric, unit, more): Key, a: Vec<f64>, b: Vec<f64>) -> Self {
        let mut ratios: Vec<f64> = b
            .iter()
            .flat_map(|b| a.iter().map(move |a| b / a))
            .collect();
        ratios.sort_by(f64::total_cmp);
        let middle = ratios.len() / 2;
        let ratio = match ratios.len() % 2 {
            0 => (ratios[middle - 1] + ratios[middle]) / 2.0,
            _ => ratios[middle],
        };
        let (beyond, confidence) = beyond(a.len(), b.len());
        let interval = [ratios[beyond], ratios[ratios.len() - 1 - beyond]];
        Self {
            p: rank_test(&a, &b),
            // What it comes to if the test says that there is something.
            finding: match (ratio > 1.0) == more {
                true => Finding::Better,
                false => Finding::Worse,
            },
            metric,
            unit,
            a,
            b,
            ratio,
            interval,
            confidence,
        }
    }
}

/// The smallest p is held against the level divided by the number of metrics, the next by one less, and so on; from the
/// first that is not below it, nothing is told.
fn holm(compared: &mut [Compared]) {
    let mut order: Vec<usize> = (0..compared.len()).collect();
    order.sort_by(|one, other| compared[*one].p.total_cmp(&compared[*other].p));
    let mut tells = true;
    for (place, index) in order.iter().enumerate() {
        let left = compared.len() - place;
        tells &= compared[*index].p * (left as f64) < ALPHA;
        if !tells {
            compared[*index].finding = Finding::CannotTell;
        }
    }
}

/// How often values that do not differ would be at least as far apart by their ranks.
fn rank_test(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<f64> = a.iter().chain(b).copied().collect();
    all.sort_by(f64::total_cmp);
    // Twice the mean rank of a value, which is whole.
    let rank = |value: f64| {
        let below = all.iter().filter(|other| **other < value).count();
        let same = all.iter().filter(|other| **other == value).count();
        2 * below + same + 1
    };
    let ranks: Vec<usize> = all.iter().map(|value| rank(*value)).collect();
    let sums = subsets(&ranks, a.len());
    let (got, total) = (
        a.iter().map(|value| rank(*value)).sum::<usize>(),
        ranks.iter().sum::<usize>(),
    );
    // As far from the mean of all such sums, or farther.
    let distance = |sum: usize| (sum * all.len()).abs_diff(total * a.len());
    let (mut far, mut count) = (0.0, 0.0);
    for (sum, ways) in sums.into_iter().enumerate() {
        count += ways;
        if distance(sum) >= distance(got) {
            far += ways;
        }
    }
    far / count
}

/// In how many ways so many of these numbers have each sum.
fn subsets(numbers: &[usize], size: usize) -> Vec<f64> {
    let most: usize = numbers.iter().sum();
    let mut ways = vec![vec![0.0; most + 1]; size + 1];
    ways[0][0] = 1.0;
    for number in numbers {
        for taken in (1..=size).rev() {
            for sum in (*number..=most).rev() {
                ways[taken][sum] += ways[taken - 1][sum - number];
            }
        }
    }
    ways.swap_remove(size)
}

/// The least that a test of so many runs a side can come to.
fn least_p(runs: usize) -> f64 {
    let numbers: Vec<usize> = (1..=2 * runs).collect();
    2.0 / subsets(&numbers, runs).iter().sum::<f64>()
}

/// How many of the ratios in their order lie outside of the interval on either side, and its confidence.
fn beyond(a: usize, b: usize) -> (usize, f64) {
    let numbers: Vec<usize> = (1..=a + b).collect();
    let ways = subsets(&numbers, a);
    let all: f64 = ways.iter().sum();
    let least = a * (a + 1) / 2;
    let (mut beyond, mut outside) = (0_usize, 0.0);
    for (count, way) in (0..).zip(&ways[least..]) {
        if 2.0 * (outside + way) / all > ALPHA {
            break;
        }
        outside += way;
        beyond = count + 1;
    }
    // The bound itself belongs to the interval.
    (beyond.saturating_sub(1), 1.0 - 2.0 * outside / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9, "{got}, not {expected}");
    }

    #[test]
    fn the_rank_test_is_exact() {
        // From tables of the statistic U for five a side.
        let apart = rank_test(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]);
        close(apart, 2.0 / 252.0);
        close(least_p(5), 2.0 / 252.0);
        // U = 2 has p = 4 of 252 on either side.
        let near = rank_test(&[1.0, 2.0, 3.0, 5.0, 6.0], &[4.0, 7.0, 8.0, 9.0, 10.0]);
        close(near, 8.0 / 252.0);
        close(rank_test(&[1.0; 5], &[1.0; 5]), 1.0);
        // As many ties as can be: two values, five a side.
        close(rank_test(&[1.0; 5], &[2.0; 5]), 2.0 / 252.0);
    }

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // Five a side: from the third to the third last of 25.
        let (beyond, confidence) = beyond(5, 5);
        assert_eq!(beyond, 2);
        close(confidence, 1.0 - 2.0 * 4.0 / 252.0);
    }

    fn made(metric: &str, a: [f64; 5], b: [f64; 5]) -> Compared {
        let key = (metric.to_owned(), "µs", false);
        Compared::new(key, a.to_vec(), b.to_vec())
    }

    #[test]
    fn a_difference_is_found_and_its_size_told() {
        let a = [100.0, 101.0, 99.0, 102.0, 98.0];
        let mut compared = [
            made("same", a, [100.5, 99.5, 101.5, 98.5, 100.1]),
            made("slower", a, a.map(|value| value * 1.2)),
            made("faster", a, a.map(|value| value * 0.5)),
        ];
        holm(&mut compared);
        let findings = compared.each_ref().map(|one| one.finding);
        assert_eq!(
            findings,
            [Finding::CannotTell, Finding::Worse, Finding::Better]
        );
        assert!((compared[1].ratio - 1.2).abs() < 0.01);
        let [low, high] = compared[1].interval;
        assert!(low < 1.2 && 1.2 < high && low > 1.1, "{low} {high}");
    }

    /// A comparison of a system with itself finds something in fewer than one of twenty, whatever its times are like.
    #[test]
    fn a_system_is_seldom_found_to_differ_from_itself() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut found = 0;
        for _ in 0..1_000 {
            let mut side = || [(); 5].map(|()| 1.0 / (1.001 - random.f64()));
            let mut compared = [(); 4].map(|()| made("", side(), side()));
            holm(&mut compared);
            let any = compared
                .iter()
                .any(|one| one.finding != Finding::CannotTell);
            found += usize::from(any);
        }
        assert!(found <= 50, "{found} of 1000");
        assert!(
            found > 5,
            "a test that never finds anything finds no difference either"
        );
    }
}
