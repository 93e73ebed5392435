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
    /// How many operations were meant to begin by the next, as a number that need not be whole.
    count: f64,
    random: Option<fastrand::Rng>,
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
            count: 0.0,
            random: (arrivals == Arrivals::Poisson).then(|| seed.derive("arrivals").rng()),
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let step = match &mut self.random {
            // The distance of points of a Poisson process of rate 1.
            Some(random) => -(1.0 - random.f64()).ln(),
            None => 1.0,
        };
        // The first of those at equal distances begins at once.
        let count = match self.random {
            Some(_) => self.count + step,
            None => self.count,
        };
        self.count += step;
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
    fn closed_arrivals_have_no_moments() {
        assert!(moments(&[stage(9.0, 9.0, "9s")], Arrivals::Closed(4)).is_empty());
    }
}
