//! How people say what was measured.

use crate::report::{Headroom, Judged, Verdict};
use crate::threshold::{Holds, Metric};

/// What a generator could have done at most, and that it was reckoned.
pub fn headroom(headroom: &Headroom) -> String {
    format!(
        "one thread, {:.1} % of a processor, {:.1} µs for each operation: at that cost {:.0}/s at most, reckoned and not tried",
        headroom.busy * 100.0,
        headroom.each_us,
        headroom.most
    )
}

/// What a run comes to, in a word or two.
pub const fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "failed",
        Verdict::Invalid => "invalid",
        Verdict::Measured => "measured",
        Verdict::NoContact => "no contact",
        Verdict::Part => "a part",
        Verdict::Passed => "passed",
        Verdict::TooFew => "cannot tell",
        Verdict::Unanswered => "not answered",
        Verdict::Wrong => "wrong",
    }
}

/// A threshold, whether it holds, and what was measured.
pub fn metric(judged: &Judged) -> String {
    let holds = match judged.holds {
        Holds::Yes => "holds",
        Holds::No => "does not hold",
        Holds::Unknown => "too few samples",
    };
    let got = judged
        .got
        .map_or(String::new(), |got| match judged.threshold.metric {
            Metric::Loss | Metric::Refused => format!(": {got:.3} %"),
            Metric::Rate => format!(": {got:.1}/s"),
            Metric::Max | Metric::Mean | Metric::Percentile(_) => format!(": {}", time(got)),
        });
    format!("{} {holds}{got}", judged.threshold)
}

/// A time of so many microseconds as people say it.
pub fn time(micros: f64) -> String {
    match micros {
        micros if micros >= 1e6 => format!("{:.2} s", micros / 1e6),
        micros if micros >= 1e3 => format!("{:.2} ms", micros / 1e3),
        micros => format!("{micros:.0} µs"),
    }
}
