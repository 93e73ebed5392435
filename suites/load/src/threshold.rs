//! What has to hold of a run.

use std::fmt;
use std::str::FromStr;

use crate::measure::Totals;
use crate::workload::Operation;

/// A bound on a metric of an operation: `register.p99<50ms`, `update.rate>=4900/s`, `register.loss<0.1%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The operation.
    pub operation: Operation,
    /// What is measured of it.
    pub metric: Metric,
    /// On which side of the bound it has to be.
    pub side: Side,
    /// The bound, in the unit of the metric.
    pub bound: f64,
    text: String,
}

/// What can be measured of an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// The share that had no answer, in percent.
    Loss,
    /// The longest time, in microseconds.
    Max,
    /// The mean time, in microseconds.
    Mean,
    /// The time that so many percent do not exceed, in microseconds.
    Percentile(f64),
    /// How many were answered as they should be, per second.
    Rate,
    /// The share that was refused, in percent.
    Refused,
}

/// On which side of a bound a metric has to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// The longest first, so that none hides another.
const SIDES: [(&str, Side); 4] = [
    ("<=", Side::AtMost),
    (">=", Side::AtLeast),
    ("<", Side::Below),
    (">", Side::Above),
];

/// Units of time, in microseconds.
const TIMES: [(&str, f64); 4] = [("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)];

/// Whether a threshold holds.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It does not.
    No,
    /// There are too few samples to say.
    Unknown,
    /// It does.
    Yes,
}

impl Threshold {
    /// What was measured, in the unit of the metric, if there is enough to say; and whether it holds.
    pub fn judge(&self, totals: &Totals) -> (Option<f64>, Holds) {
        let got = self.metric.of(totals);
        let holds = match (got, self.side) {
            (None, _) => Holds::Unknown,
            (Some(got), Side::Below) if got < self.bound => Holds::Yes,
            (Some(got), Side::AtMost) if got <= self.bound => Holds::Yes,
            (Some(got), Side::Above) if got > self.bound => Holds::Yes,
            (Some(got), Side::AtLeast) if got >= self.bound => Holds::Yes,
            _ => Holds::No,
        };
        (got, holds)
    }
}

impl Metric {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "loss" => Self::Loss,
            "max" => Self::Max,
            "mean" => Self::Mean,
            "rate" => Self::Rate,
            "refused" => Self::Refused,
            other => {
                let percent: f64 = match other.strip_prefix('p')? {
                    // As people write it: 99.9 as 999.
                    "999" => 99.9,
                    "9999" => 99.99,
                    "99999" => 99.999,
                    digits => digits.parse().ok()?,
                };
                (percent > 0.0 && percent < 100.0).then_some(Self::Percentile(percent))?
            }
        })
    }

    fn of(self, totals: &Totals) -> Option<f64> {
        let share = |count: u64| {
            let all = totals.finished();
            (all > 0).then(|| count as f64 * 100.0 / all as f64)
        };
        match self {
            Self::Loss => share(totals.lost),
            Self::Max => totals.max().map(|micros| micros as f64),
            Self::Mean => totals.mean(),
            Self::Percentile(percent) => {
                let value = totals.percentile(percent);
                value.map(|micros| micros as f64)
            }
            Self::Rate => totals.rate(),
            Self::Refused => share(totals.refused()),
        }
    }

    /// The bound in the metric's unit.
    fn bound(self, text: &str) -> Option<f64> {
        let digits = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let (number, unit) = text.split_at(text.len() - digits.len());
        let number: f64 = number.parse().ok()?;
        let scale = match self {
            Self::Loss | Self::Refused => (unit == "%").then_some(1.0)?,
            Self::Rate => (unit == "/s").then_some(1.0)?,
            Self::Max | Self::Mean | Self::Percentile(_) => {
                TIMES.iter().find(|(name, _)| *name == unit)?.1
            }
        };
        Some(number * scale)
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Loss | Self::Refused => "0.1%",
            Self::Rate => "4900/s",
            Self::Max | Self::Mean | Self::Percentile(_) => "50ms",
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let found = SIDES
            .iter()
            .find_map(|(sign, side)| Some((compact.split_once(sign)?, *side)));
        let Some(((what, bound), side)) = found else {
            return Err(format!(
                "{text:?}: expected a metric, one of < <= > >= and a bound, such as register.p99<50ms"
            ));
        };
        let (operation, metric) = what.split_once('.').unwrap_or((what, ""));
        let known = Operation::ALL.into_iter();
        let Some(operation) = known.clone().find(|known| known.name() == operation) else {
            let names: Vec<_> = known.map(Operation::name).collect();
            return Err(format!(
                "{text:?}: no operation is called {operation:?}; expected one of {}",
                names.join(", ")
            ));
        };
        let Some(metric) = Metric::read(metric) else {
            return Err(format!(
                "{text:?}: no metric is called {metric:?}; expected loss, max, mean, rate, refused or a \
                 percentile such as p50, p99, p99.9"
            ));
        };
        let Some(bound) = metric.bound(bound) else {
            return Err(format!(
                "{text:?}: expected a bound such as {}, got {bound:?}",
                metric.example()
            ));
        };
        Ok(Self {
            operation,
            metric,
            side,
            bound,
            text: compact,
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl serde::Serialize for Threshold {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Threshold {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Threshold {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[a-z]+\\.[a-z0-9.]+(<|<=|>|>=)[0-9.]+[^0-9.]+$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_read_as_people_write_it() {
        for (text, metric, side, bound) in [
            (
                "register.p99<50ms",
                Metric::Percentile(99.0),
                Side::Below,
                50_000.0,
            ),
            (
                "update.p99.9 <= 1s",
                Metric::Percentile(99.9),
                Side::AtMost,
                1e6,
            ),
            ("update.p999<1s", Metric::Percentile(99.9), Side::Below, 1e6),
            ("send.rate>=4900/s", Metric::Rate, Side::AtLeast, 4900.0),
            ("register.loss<0.1%", Metric::Loss, Side::Below, 0.1),
            ("register.mean>10us", Metric::Mean, Side::Above, 10.0),
        ] {
            let read: Threshold = text.parse().unwrap();
            assert_eq!((read.metric, read.side, read.bound), (metric, side, bound));
            assert_eq!(read.to_string(), text.replace(' ', ""));
        }
    }

    #[test]
    fn what_is_not_known_is_said_to_be() {
        for (text, says) in [
            ("register.p99", "one of < <= > >="),
            ("regster.p99<1s", "no operation is called \"regster\""),
            ("register.p100<1s", "no metric is called \"p100\""),
            ("register.lateness<1s", "no metric is called"),
            ("register<1s", "no metric is called \"\""),
            ("register.p99<50", "expected a bound such as 50ms"),
            ("register.rate>50ms", "expected a bound such as 4900/s"),
            ("register.loss<1ms", "expected a bound such as 0.1%"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
