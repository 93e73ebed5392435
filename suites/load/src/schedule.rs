//! When operations are meant to begin, whatever becomes of those before.

use std::time::Duration;

use twinproof_kernel::Seed;

use crate::workload::{Arrivals, Stage};

/// The moments at which operations are meant to begin, since the beginning of the first stage.
///
/// They follow from the workload alone: no answer, and no lack of one, moves any of them.
#[derive(Clone, Debug)]
pub struct Schedule {
    pieces: Vec<Piece>,
    place: usize,
    /// The number of the next.
    number: u64,
    random: Option<Random>,
}

/// A stage, and what comes before it.
#[derive(Clone, Copy, Debug)]
struct Piece {
    starts: f64,
    span: f64,
    from: f64,
    to: f64,
    before: f64,
}

impl Piece {
    fn within(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.span
    }

    /// When so many operations of this piece have begun, in seconds since it started.
    fn when(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.span;
        // count = from t + slope t²/2, in the form that stays exact where the slope is small.
        let root = (self.from * self.from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        let below = self.from + root;
        if below <= 0.0 {
            return 0.0;
        }
        (2.0 * count / below).clamp(0.0, self.span)
    }
}

impl Schedule {
    /// The moments of these stages; none for closed arrivals, which follow from answers.
    pub fn new(stages: &[Stage], arrivals: Arrivals, seed: Seed) -> Self {
        let mut pieces = Vec::new();
        let (mut starts, mut before) = (0.0, 0.0);
        for stage in stages {
            let piece = Piece {
                starts,
                span: stage.span.duration().as_secs_f64(),
                from: stage.from.unwrap_or(stage.rate),
                to: stage.rate,
                before,
            };
            starts += piece.span;
            before += piece.within();
            pieces.push(piece);
        }
        if matches!(arrivals, Arrivals::Closed(_)) {
            pieces.clear();
        }
        Self {
            pieces,
            place: 0,
            number: 0,
            random: (arrivals == Arrivals::Poisson).then(|| Random::new(seed.derive("arrivals"))),
        }
    }

    /// The moment with this number, if there is one; 0 is the first. Nobody may ask for one before the last that was asked
    /// for. It costs next to nothing to pass over the others.
    pub fn at(&mut self, number: u64) -> Option<Duration> {
        self.number = number + 1;
        let count = match &mut self.random {
            Some(random) => random.count(number),
            // The first of those at equal distances begins at once.
            None => number as f64,
        };
        loop {
            let piece = self.pieces.get(self.place)?;
            if count < piece.before + piece.within() {
                let at = piece.starts + piece.when(count - piece.before);
                return Some(Duration::from_secs_f64(at));
            }
            self.place += 1;
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.at(self.number)
    }
}

/// How many points of a Poisson process lie so near to each other in [`Random`] that they are drawn together.
const BLOCK: usize = 128;

/// A Poisson process of rate 1, of which most points need not be drawn: how long so many of them take follows a gamma
/// distribution, and how they share that among them is as with exponential distances that are brought to that length.
#[derive(Clone, Debug)]
struct Random {
    seed: u64,
    block: u64,
    before: f64,
    length: f64,
    /// The points of the block, once somebody asks for one.
    points: Vec<f64>,
}

impl Random {
    fn new(seed: Seed) -> Self {
        let seed = seed.rng().u64(..);
        Self {
            seed,
            block: 0,
            before: 0.0,
            length: gamma(&mut generator(seed, 0)),
            points: Vec::new(),
        }
    }

    /// Where the point with this number is.
    fn count(&mut self, number: u64) -> f64 {
        let block = number / BLOCK as u64;
        while self.block < block {
            self.before += self.length;
            self.block += 1;
            self.length = gamma(&mut generator(self.seed, self.block));
            self.points.clear();
        }
        if self.points.is_empty() {
            let mut random = generator(self.seed, !self.block);
            let mut sum = 0.0;
            self.points.extend((0..BLOCK).map(|_| {
                sum += -(1.0 - random.f64()).ln();
                sum
            }));
            let scale = self.length / sum;
            for point in &mut self.points {
                *point *= scale;
            }
        }
        self.before + self.points[number as usize % BLOCK]
    }
}

/// A generator for the part with this number: far from those of its neighbours.
fn generator(seed: u64, part: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(scrambled(seed, part))
}

/// A number that follows from two, near ones far apart (the finaliser of SplitMix64).
pub(crate) const fn scrambled(seed: u64, number: u64) -> u64 {
    let mut hash = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// How long [`BLOCK`] exponential distances of mean 1 are together (Marsaglia and Tsang, 2000).
fn gamma(random: &mut fastrand::Rng) -> f64 {
    let d = BLOCK as f64 - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        // Box and Muller.
        let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * random.f64()).cos();
        let v = (1.0 + c * normal).powi(3);
        let u = 1.0 - random.f64();
        if v > 0.0 && u.ln() < normal * normal / 2.0 + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(from: f64, rate: f64, span: &str) -> Stage {
        Stage {
            from: Some(from),
            rate,
            span: span.parse().unwrap(),
        }
    }

    fn moments(stages: &[Stage], arrivals: Arrivals) -> Vec<f64> {
        let schedule = Schedule::new(stages, arrivals, Seed::new(4));
        schedule.map(|at| at.as_secs_f64()).collect()
    }

    #[test]
    fn even_arrivals_are_at_equal_distances() {
        let all = moments(&[stage(100.0, 100.0, "2s")], Arrivals::Even);
        assert_eq!(all.len(), 200);
        for (number, at) in all.iter().enumerate() {
            assert!(
                (at - number as f64 / 100.0).abs() < 1e-8,
                "{number} at {at}"
            );
        }
    }

    #[test]
    fn a_ramp_has_as_many_as_its_mean_rate_and_more_at_its_end() {
        let stages = [
            stage(0.0, 200.0, "10s"),
            stage(200.0, 200.0, "5s"),
            stage(0.0, 0.0, "3s"),
            stage(1_000.0, 0.0, "2s"),
        ];
        let all = moments(&stages, Arrivals::Even);
        assert_eq!(all.len(), 1_000 + 1_000 + 1_000);
        assert!(all.is_sorted());
        let within = |from: f64, to: f64| all.iter().filter(|at| (from..to).contains(*at)).count();
        assert_eq!(within(0.0, 5.0), 250);
        assert_eq!(within(10.0, 15.0), 1_000);
        assert_eq!(within(15.0, 18.0), 0);
        assert_eq!(within(18.0, 19.0), 750);
    }

    #[test]
    fn random_arrivals_have_the_rate_and_the_spread_of_chance() {
        let all = moments(&[stage(1_000.0, 1_000.0, "100s")], Arrivals::Poisson);
        // 100,000 on average with a deviation of 316.
        assert!((98_000..102_000).contains(&all.len()), "{}", all.len());
        let gaps: Vec<f64> = all.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!(
            (spread.sqrt() / mean - 1.0).abs() < 0.03,
            "an exponential spreads by its mean"
        );
        assert_eq!(
            all,
            moments(&[stage(1_000.0, 1_000.0, "100s")], Arrivals::Poisson)
        );
    }

    #[test]
    fn so_many_in_a_second_are_spread_as_those_of_chance() {
        let all = moments(&[stage(50.0, 50.0, "4000s")], Arrivals::Poisson);
        let mut counts = vec![0_u32; 4_000];
        for at in all {
            counts[at as usize] += 1;
        }
        let mean = counts.iter().sum::<u32>() as f64 / 4_000.0;
        let off = |count: &u32| (f64::from(*count) - mean).powi(2);
        let variance = counts.iter().map(off).sum::<f64>() / 4_000.0;
        // Of a Poisson process they are the same; the deviation of their ratio is 0.022 here.
        assert!((variance / mean - 1.0).abs() < 0.1, "{variance} {mean}");
        // In ten seconds lie four blocks, whose lengths have to vary, too.
        let tens: Vec<f64> = counts
            .chunks(10)
            .map(|ten| f64::from(ten.iter().sum::<u32>()))
            .collect();
        let variance = tens
            .iter()
            .map(|ten| (ten - mean * 10.0).powi(2))
            .sum::<f64>()
            / 400.0;
        assert!((variance / (mean * 10.0) - 1.0).abs() < 0.3, "{variance}");
    }

    #[test]
    fn what_is_passed_over_moves_nothing() {
        for arrivals in [Arrivals::Even, Arrivals::Poisson] {
            let stages = [stage(0.0, 900.0, "3s"), stage(900.0, 100.0, "2s")];
            let all: Vec<_> = Schedule::new(&stages, arrivals, Seed::new(4)).collect();
            let mut some = Schedule::new(&stages, arrivals, Seed::new(4));
            for number in (0..all.len()).step_by(301) {
                assert_eq!(some.at(number as u64), Some(all[number]), "{number}");
            }
            assert_eq!(some.at(all.len() as u64 + 500), None);
        }
    }

    #[test]
    fn closed_arrivals_have_no_moments() {
        assert!(moments(&[stage(9.0, 9.0, "9s")], Arrivals::Closed(4)).is_empty());
    }
}
