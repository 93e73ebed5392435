//! A share of a workload, for a process of its own.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// One of so many shares of a workload. Devices are shared by their numbers, and each does at the same moments what it does
/// in a run that has them all.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which; 0 is the first.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// The numbers of its devices among so many.
    pub fn members(self, count: u32) -> Range<u32> {
        let cut = |number: u32| {
            let cut = u64::from(count) * u64::from(number) / u64::from(self.of.max(1));
            u32::try_from(cut).unwrap_or(count).min(count)
        };
        cut(self.number)..cut(self.number.saturating_add(1))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(number, of)| {
            let (number, of) = (number.parse().ok()?, of.parse().ok()?);
            Some(Self { number, of })
        });
        match numbers {
            Some(shard) if shard.number < shard.of => Ok(shard),
            _ => Err(format!(
                "{text:?}: expected a number and how many there are, from 0/N to N-1/N, such as 0/4"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_disjoint_and_leave_nobody_out() {
        for (count, of) in [(10, 3), (3, 3), (1_000_003, 7), (u32::MAX - 1, 1_000)] {
            let mut next = 0;
            for number in 0..of {
                let members = Shard { number, of }.members(count);
                assert_eq!(members.start, next, "{number}/{of}");
                assert!(!members.is_empty());
                assert!(members.len() as u32 - count / of <= 1);
                next = members.end;
            }
            assert_eq!(next, count);
        }
        assert_eq!(Shard::WHOLE.members(9), 0..9);
    }

    #[test]
    fn a_shard_is_read_as_it_is_written() {
        let shard: Shard = "2/4".parse().unwrap();
        assert_eq!((shard.number, shard.of), (2, 4));
        assert_eq!(shard.to_string(), "2/4");
        for text in ["4/4", "0/0", "1", "-1/2", "a/b", "1/2/3"] {
            let why = text.parse::<Shard>().unwrap_err();
            assert!(why.contains("such as 0/4"), "{why}");
        }
    }
}
