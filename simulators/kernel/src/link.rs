use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Seed;

/// How long a datagram is held back that others are to overtake.
const HELD: Duration = Duration::from_millis(100);

/// What a link does to datagrams. Shares are of 1, each drawn by itself for every datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// The share that never arrives.
    pub loss: f64,
    /// The share that arrives twice.
    pub duplication: f64,
    /// The share that is held back for a tenth of a second, so that others overtake it.
    pub reordering: f64,
    /// How much longer each is under way, in each direction.
    pub delay: Duration,
}

/// As people write it: `loss 5%, delay 50ms`.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = [
            ("loss", self.loss),
            ("duplication", self.duplication),
            ("reordering", self.reordering),
        ];
        let shares = shares.into_iter().filter(|(_, share)| *share > 0.0);
        let mut parts: Vec<String> = shares
            .map(|(name, share)| format!("{name} {}%", share * 100.0))
            .collect();
        if !self.delay.is_zero() {
            parts.push(format!("delay {}ms", self.delay.as_millis()));
        }
        f.write_str(&parts.join(", "))
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected loss, duplication or reordering with a share of 0% to 100%, and delay in ms, such \
                 as \"loss 5%, delay 50ms\", got {text:?}"
            )
        };
        let mut faults = Self::default();
        for part in text.split(',') {
            let (name, value) = part.trim().split_once(' ').ok_or_else(wrong)?;
            let value = value.trim();
            if name == "delay" {
                let millis = value
                    .strip_suffix("ms")
                    .and_then(|ms| ms.trim().parse().ok());
                faults.delay = Duration::from_millis(millis.ok_or_else(wrong)?);
                continue;
            }
            let percent = value.strip_suffix('%').and_then(|p| p.trim().parse().ok());
            let percent = percent.filter(|percent: &f64| (0.0..=100.0).contains(percent));
            let share = percent.ok_or_else(wrong)? / 100.0;
            *match name {
                "loss" => &mut faults.loss,
                "duplication" => &mut faults.duplication,
                "reordering" => &mut faults.reordering,
                _ => return Err(wrong()),
            } = share;
        }
        Ok(faults)
    }
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Way {
    /// To the party in front of which the link is.
    In,
    /// From it.
    Out,
}

/// A link in front of one party, which is not as good as it could be.
///
/// ```
/// use twinproof_kernel::{Faults, Link, Seed, Way};
///
/// let faults = Faults { loss: 1.0, ..Faults::default() };
/// let mut link = Link::new(faults, Seed::new(7));
/// assert!(link.carry(Way::Out, b"hello").is_empty());
/// assert_eq!(link.missing(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    faults: Faults,
    random: fastrand::Rng,
    /// What was lost and did not come since.
    missing: BTreeSet<(Way, Vec<u8>)>,
    lost: usize,
    doubled: usize,
}

impl Link {
    /// A link whose choices follow from a seed.
    pub fn new(faults: Faults, seed: Seed) -> Self {
        Self {
            faults,
            random: seed.rng(),
            missing: BTreeSet::new(),
            lost: 0,
            doubled: 0,
        }
    }

    /// When a datagram that is sent now arrives, counted from now: once for each time that it does.
    pub fn carry(&mut self, way: Way, datagram: &[u8]) -> Vec<Duration> {
        let Faults {
            loss,
            duplication,
            reordering,
            delay,
        } = self.faults;
        // All are drawn whatever comes of them, so that one fault does not move the others.
        let [lost, doubled, held] =
            [loss, duplication, reordering].map(|share| self.random.f64() < share);
        let name = (way, datagram.to_vec());
        if lost {
            self.lost += 1;
            self.missing.insert(name);
            return Vec::new();
        }
        self.missing.remove(&name);
        self.doubled += usize::from(doubled);
        let first = if held { delay + HELD } else { delay };
        match doubled {
            true => vec![first, delay + HELD],
            false => vec![first],
        }
    }

    /// How many datagrams were lost of which no copy has arrived since.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// How many datagrams were lost, whatever came since.
    pub const fn lost(&self) -> usize {
        self.lost
    }

    /// How many datagrams arrived twice.
    pub const fn doubled(&self) -> usize {
        self.doubled
    }
}

#[cfg(test)]
mod tests {
    use super::{Faults, HELD, Link, Way};
    use crate::Seed;
    use std::time::Duration;

    fn link(faults: Faults) -> Link {
        Link::new(faults, Seed::new(7))
    }

    #[test]
    fn faults_are_written_as_people_write_them() {
        for text in [
            "loss 5%",
            "loss 5%, duplication 2%, reordering 10%, delay 50ms",
        ] {
            assert_eq!(text.parse::<Faults>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "loss",
            "loss 5",
            "loss 101%",
            "loss -1%",
            "loss NaN%",
            "delay 5s",
            "noise 5%",
        ] {
            let words = text.parse::<Faults>().unwrap_err();
            assert!(words.contains("such as \"loss 5%"), "{text}: {words}");
        }
    }

    #[test]
    fn what_was_lost_is_counted_whatever_came_since() {
        let faults = Faults {
            loss: 0.5,
            ..Faults::default()
        };
        let mut link = link(faults);
        let arrived = (0..100).filter(|_| !link.carry(Way::Out, b"a").is_empty());
        assert_eq!(arrived.count() + link.lost(), 100);
        while link.carry(Way::Out, b"a").is_empty() {}
        assert_eq!(link.missing(), 0);
        assert!(link.lost() > 0);
    }

    #[test]
    fn a_good_link_carries_everything_at_once() {
        let mut link = link(Faults::default());
        assert_eq!(link.carry(Way::In, b"a"), [Duration::ZERO]);
        assert_eq!(link.missing(), 0);
    }

    #[test]
    fn faults_come_as_often_as_they_should() {
        let count = |faults: Faults, counts: fn(&[Duration]) -> bool| {
            let mut link = link(faults);
            let carried = (0..10_000_u32).map(|n| link.carry(Way::Out, &n.to_be_bytes()));
            carried.filter(|journeys| counts(journeys)).count()
        };
        let loss = Faults {
            loss: 0.05,
            ..Faults::default()
        };
        assert!((400..600).contains(&count(loss, <[Duration]>::is_empty)));
        let duplication = Faults {
            duplication: 0.5,
            ..Faults::default()
        };
        assert!((4_700..5_300).contains(&count(duplication, |journeys| journeys.len() == 2)));
        let reordering = Faults {
            reordering: 0.1,
            ..Faults::default()
        };
        assert!((850..1_150).contains(&count(reordering, |journeys| journeys == [HELD])));
    }

    #[test]
    fn what_came_after_all_is_not_missing_and_directions_are_told_apart() {
        let mut half = link(Faults {
            loss: 0.5,
            ..Faults::default()
        });
        // That one came before says nothing of the next.
        while half.carry(Way::In, b"a").is_empty() {}
        while !half.carry(Way::In, b"a").is_empty() {}
        assert_eq!(half.missing(), 1);
        while half.carry(Way::In, b"a").is_empty() {}
        assert_eq!(half.missing(), 0);
        let mut none = link(Faults {
            loss: 1.0,
            ..Faults::default()
        });
        none.carry(Way::In, b"a");
        none.carry(Way::Out, b"a");
        none.carry(Way::Out, b"a");
        assert_eq!(none.missing(), 2);
    }

    #[test]
    fn one_seed_one_behaviour() {
        let faults = Faults {
            loss: 0.3,
            duplication: 0.3,
            reordering: 0.3,
            delay: Duration::from_millis(5),
        };
        let carried = |seed| {
            let mut link = Link::new(faults, Seed::new(seed));
            let all: Vec<_> = (0..64_u8).map(|n| link.carry(Way::In, &[n])).collect();
            all
        };
        assert_eq!(carried(1), carried(1));
        assert_ne!(carried(1), carried(2));
    }
}
