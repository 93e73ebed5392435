//! What is said of a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use twinproof_fleet::Sizes;

use crate::crowd::Step;
use crate::generator::Counts;
use crate::jury::{Judgement, Jury};
use crate::measure::{Measures, Second, Totals, encoded, is_none};
use crate::sessions::Sealed;
use crate::shard::Shard;
use crate::threshold::{Holds, Threshold};
use crate::workload::{Arrivals, Operation, Workload};

/// The percentiles that a report says, where there are samples enough.
pub const PERCENTILES: [f64; 6] = [50.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// All that is said of a run; times are microseconds where their names end in `_us`, else seconds.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
pub struct Report {
    /// The version of this shape: 1.
    pub version: u32,
    /// What it comes to.
    pub verdict: Verdict,
    /// Where the system is.
    pub target: String,
    /// When the first stage began, in milliseconds since 1970, if it did.
    #[serde(default)]
    pub began: Option<u64>,
    /// Whether somebody ended it before its time.
    #[serde(default)]
    pub stopped: bool,
    /// Which share of the workload it is, if it is not all of it.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// How it was steered from outside, if somebody did that.
    #[serde(default)]
    pub steered: Option<Steered>,
    /// SHA-256 of the workload as it is in this report, written as TOML.
    pub digest: String,
    /// What was asked for.
    pub workload: Workload,
    /// What the thresholds come to.
    pub thresholds: Vec<Judged>,
    /// What was measured, by operation.
    pub operations: BTreeMap<Operation, Measured>,
    /// How the generator did.
    pub generator: Health,
    /// What the generator could have done at most; nothing where it did not keep up, or several threads or machines did.
    #[serde(default)]
    pub headroom: Option<Headroom>,
    /// What went over the wire.
    pub counts: Counts,
    /// What went over associations, if devices came over DTLS.
    #[serde(default)]
    pub dtls: Option<Sealed>,
    /// What the system took, where that can be seen.
    pub system: Option<System>,
    /// What the devices that were watched message by message were told, and what of it is wrong.
    #[serde(default)]
    pub judged: Judgement,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// The same of each part of the workload alone, if it has parts.
    #[serde(default)]
    pub parts: Vec<Report>,
}

/// What somebody wanted who steered a run, instead of the stages of its workload.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
pub struct Steered {
    /// How long was measured, in seconds.
    pub lasted: f64,
    /// What was wanted, one after the other; those of shards stand in their own reports.
    pub steps: Vec<Step>,
}

/// What a run comes to.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A threshold does not hold.
    Failed,
    /// The generator itself was late, starved or overflowed, so that the run says nothing of the system.
    Invalid,
    /// There was no threshold to hold what was measured against.
    Measured,
    /// Nothing was answered as it should be.
    NoContact,
    /// A share of a workload was carried out; whether thresholds hold is known when all of them are merged.
    Part,
    /// Every threshold holds.
    Passed,
    /// There are too few samples for a threshold.
    TooFew,
    /// Less than half of an operation was answered as it should be, and no threshold is about it: what was measured of the
    /// few says nothing of a load that the others were.
    Unanswered,
    /// The server said to devices what it may not say, however fast.
    Wrong,
}

impl Verdict {
    /// It in a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Failed => "a threshold does not hold",
            Self::Invalid => {
                "the generator itself did not keep up; the run says nothing of the system"
            }
            Self::Measured => {
                "no threshold was given, so that nothing was held against what was measured"
            }
            Self::NoContact => "nothing was answered as it should be",
            Self::Part => "a share of a workload; bench merge judges all of them together",
            Self::Passed => "every threshold holds",
            Self::TooFew => "there are too few samples for a threshold",
            Self::Unanswered => {
                "less than half of what was begun was answered as it should be, and no threshold says how much is enough"
            }
            Self::Wrong => "the server said to devices what it may not say, however fast",
        }
    }
}

/// What a threshold comes to.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
pub struct Judged {
    /// The threshold.
    pub threshold: Threshold,
    /// What was measured: microseconds, percent, or operations per second.
    pub got: Option<f64>,
    /// Whether it holds.
    pub holds: Holds,
}

/// What was measured of an operation, after the warm-up.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
pub struct Measured {
    /// How many were begun.
    pub begun: u64,
    /// How many were answered as they should be.
    pub answered: u64,
    /// How many of these came so long after what was measured that they say nothing of the rate.
    #[serde(default, skip_serializing_if = "is_none")]
    pub afterwards: u64,
    /// How many had no answer when the run was over, or never will.
    pub lost: u64,
    /// How many were answered otherwise or could not be asked, and how.
    pub refused: BTreeMap<String, u64>,
    /// How many were answered as they should be, per second of what was measured.
    pub rate: Option<f64>,
    /// The mean time.
    pub mean_us: Option<f64>,
    /// The shortest time.
    pub min_us: Option<u64>,
    /// The longest time.
    pub max_us: Option<u64>,
    /// The times that so many percent do not exceed; those are left out beyond which there are fewer than 10 samples.
    pub percentiles_us: BTreeMap<String, u64>,
    /// All times, in microseconds, of those that were answered as they should be, and of those that were lost as long as was
    /// waited: a histogram of HdrHistogram (V2, deflated) in base64.
    #[serde(default)]
    pub histogram: String,
}

impl Measured {
    fn new(totals: &Totals) -> Self {
        let percentiles = PERCENTILES.iter().filter_map(|percent| {
            let value = totals.percentile(*percent)?;
            Some((format!("p{percent}"), value))
        });
        Self {
            begun: totals.begun,
            answered: totals.answered,
            afterwards: totals.afterwards,
            lost: totals.lost,
            refused: totals.others.clone(),
            rate: totals.rate().map(rounded),
            mean_us: totals.mean().map(rounded),
            min_us: totals.max().map(|_| totals.latencies.min()),
            max_us: totals.max(),
            percentiles_us: percentiles.collect(),
            histogram: STANDARD.encode(encoded(&totals.latencies)),
        }
    }
}

/// Whether less than half of an operation was answered as it should be, and no threshold is about that, or its devices have
/// slept so long that none can be.
fn is_unanswered(workload: &Workload, (operation, measured): (&Operation, &Measured)) -> bool {
    let bounds = &workload.thresholds;
    let is_bound = bounds.iter().any(|bound| bound.operation == *operation);
    let slept = workload.devices.awake().is_some() && *operation == Operation::Read;
    (!is_bound || slept) && measured.answered < measured.begun.div_ceil(2)
}

/// To the thousandth, so that what is read is what was written.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// How the generator did.
#[derive(
    Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Health {
    /// What was wrong with it; a run with any is invalid.
    pub problems: Vec<Problem>,
    /// Processor time that it took from the beginning of the first stage.
    pub cpu: f64,
    /// How long that is ago when it ends.
    pub wall: f64,
    /// What the kernel keeps for it of what arrives, in octets.
    pub receive_buffer: usize,
    /// What a device at rest takes, in octets; 0 where none is packed.
    pub octets_per_packed_device: usize,
    /// How many devices were not at rest at the end.
    pub awake: usize,
}

impl Health {
    /// Notes how large the fleet is.
    pub fn note(&mut self, sizes: Sizes) {
        self.octets_per_packed_device = sizes.packed;
        self.awake = sizes.awake;
    }
}

/// What the thread of the generator could have done on this machine, reckoned from the processor time that it took in the run:
/// it was not tried.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
pub struct Headroom {
    /// Processor time for each operation that was begun, warm-up or not, in microseconds.
    pub each_us: f64,
    /// For which share of the run it had a processor.
    pub busy: f64,
    /// How many operations per second would take all of one processor, if each took as much as these.
    pub most: f64,
}

impl Headroom {
    fn of(generator: &Health, measures: &Measures) -> Option<Self> {
        let begun: u64 = measures.seconds().iter().map(|one| one.begun).sum();
        let kept_up = generator.problems.is_empty() && begun > 0;
        let is_seen = generator.cpu > 0.0 && generator.wall > 0.0;
        (kept_up && is_seen).then(|| Self {
            each_us: rounded(generator.cpu * 1e6 / begun as f64),
            busy: rounded(generator.cpu / generator.wall),
            most: rounded(begun as f64 / generator.cpu),
        })
    }
}

/// Something that was wrong with the generator.
#[derive(
    Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// In which second of the run, if in one.
    pub second: Option<u64>,
    /// What it was.
    pub says: String,
}

/// What can be wrong with a generator.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// It took more memory than it may.
    Grown,
    /// Shards did not load the system at the same time.
    Apart,
    /// It began operations later than it should have.
    Late,
    /// The kernel had no room for what arrived.
    Overflowed,
    /// It had work and no processor.
    Starved,
    /// Somebody ended a shard before its time.
    Stopped,
    /// Devices were not registered that had to be.
    Unprepared,
    /// The kernel refused to send.
    Unsent,
}

/// What the system took while it was measured.
#[derive(
    Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct System {
    /// Processor time.
    pub cpu: f64,
    /// The same second by second, with its memory, as far as it was seen. Shards that are put together have none.
    #[serde(default)]
    pub seconds: Vec<Taken>,
}

/// What the system took in a second of a run.
#[derive(
    Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Taken {
    /// Which, from the beginning of the first stage; 0 is the first.
    pub second: u64,
    /// How many processors it had on average since it was last seen: 1 is all of one.
    pub processors: Option<f64>,
    /// How much memory it had at its end, in octets.
    pub memory: Option<u64>,
}

impl Report {
    /// The report of a run against `target`.
    pub fn new(
        workload: &Workload,
        target: String,
        (measures, counts): (&Measures, Counts),
        mut generator: Health,
        system: Option<System>,
    ) -> Self {
        generator.problems.extend(late(workload, measures));
        generator.problems.extend(unprepared(counts));
        Self {
            headroom: Headroom::of(&generator, measures),
            ..Self::of(workload, target, (measures, counts), generator, system)
        }
    }

    /// As [`new`](Self::new), where all that is wrong with the generator is known.
    pub(crate) fn of(
        workload: &Workload,
        target: String,
        (measures, counts): (&Measures, Counts),
        generator: Health,
        system: Option<System>,
    ) -> Self {
        let judged = workload.thresholds.iter().map(|threshold| {
            let (got, holds) = threshold.judge(measures.totals(threshold.operation));
            Judged {
                threshold: threshold.clone(),
                got,
                holds,
            }
        });
        let thresholds: Vec<Judged> = judged.collect();
        // Who shakes hands and says nothing after that has answered nothing.
        let answered: u64 = workload
            .operations()
            .map(|operation| measures.totals(operation).answered)
            .sum();
        let beside =
            Some(Operation::Handshake).filter(|operation| measures.totals(*operation).begun > 0);
        let operations: BTreeMap<_, _> = workload
            .operations()
            .chain(beside)
            .map(|operation| (operation, Measured::new(measures.totals(operation))))
            .collect();
        let any = |holds| thresholds.iter().any(|judged| judged.holds == holds);
        let verdict = match () {
            () if answered == 0 => Verdict::NoContact,
            () if !generator.problems.is_empty() => Verdict::Invalid,
            () if any(Holds::No) => Verdict::Failed,
            () if any(Holds::Unknown) => Verdict::TooFew,
            () if operations.iter().any(|one| is_unanswered(workload, one)) => Verdict::Unanswered,
            () if thresholds.is_empty() => Verdict::Measured,
            () => Verdict::Passed,
        };
        Self {
            version: 1,
            verdict,
            target,
            began: None,
            stopped: false,
            shard: None,
            steered: None,
            digest: workload.digest(),
            workload: workload.clone(),
            thresholds,
            operations,
            generator,
            headroom: None,
            counts,
            dtls: None,
            system,
            judged: Judgement::default(),
            seconds: measures.seconds().to_vec(),
            parts: Vec::new(),
        }
    }

    /// Takes over what the systems of all parts took, each a process of its own, if it is known of all of them.
    pub fn sum_systems(&mut self) {
        let mut sum = System::default();
        let mut seconds: BTreeMap<u64, Vec<&Taken>> = BTreeMap::new();
        for part in &self.parts {
            let Some(system) = &part.system else {
                return;
            };
            sum.cpu += system.cpu;
            for taken in &system.seconds {
                seconds.entry(taken.second).or_default().push(taken);
            }
        }
        let whole = seconds
            .into_iter()
            .filter(|(_, all)| all.len() == self.parts.len());
        let whole = whole.map(|(second, all)| Taken {
            second,
            processors: all.iter().map(|taken| taken.processors).sum(),
            memory: all.iter().map(|taken| taken.memory).sum(),
        });
        sum.seconds = whole.collect();
        sum.cpu = rounded(sum.cpu);
        self.system = (!self.parts.is_empty()).then_some(sum);
    }

    /// It as that of a share, of which thresholds are not judged alone: what does not hold of a part may hold of the whole.
    #[must_use]
    pub fn of_shard(mut self, shard: Shard) -> Self {
        self.shard = Some(shard);
        self.thresholds.clear();
        if matches!(
            self.verdict,
            Verdict::Failed
                | Verdict::Measured
                | Verdict::Passed
                | Verdict::TooFew
                | Verdict::Unanswered
        ) {
            self.verdict = Verdict::Part;
        }
        self
    }

    /// Its verdict in a sentence.
    pub const fn meaning(&self) -> &'static str {
        match self.verdict {
            Verdict::NoContact if !self.parts.is_empty() => {
                "in a part of the workload nothing was answered as it should be"
            }
            verdict => verdict.meaning(),
        }
    }

    /// How long was measured.
    pub fn span(&self) -> Duration {
        if let Some(steered) = &self.steered {
            return Duration::try_from_secs_f64(steered.lasted).unwrap_or_default();
        }
        let all = self.workload.span();
        all.saturating_sub(self.workload.warm_up.duration())
    }

    /// Takes over what a jury has to say. What is wrong is so however the rest went.
    #[must_use]
    pub fn judged_by(self, jury: &Jury) -> Self {
        self.with(jury.judgement())
    }

    pub(crate) fn with(mut self, judgement: Judgement) -> Self {
        self.judged = judgement;
        if !self.judged.broken.is_empty() {
            self.verdict = Verdict::Wrong;
        }
        self
    }

    /// Whether what was measured says anything of the system.
    pub const fn says_something(&self) -> bool {
        !matches!(
            self.verdict,
            Verdict::Invalid | Verdict::NoContact | Verdict::Part
        )
    }

    /// The JSON schema of reports.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Report)
    }

    /// The seconds as CSV, with a line of names.
    pub fn csv(&self) -> String {
        let mut csv = String::from(
            "second,begun,answered,refused,lost,p50_us,p99_us,max_us,late,latest_us\n",
        );
        let or_nothing = |number: Option<u64>| number.map_or(String::new(), |n| n.to_string());
        for one in &self.seconds {
            let times = [one.p50_us, one.p99_us, one.max_us]
                .map(or_nothing)
                .join(",");
            // Writing to a string does not fail.
            let _ = writeln!(
                csv,
                "{},{},{},{},{},{times},{},{}",
                one.second, one.begun, one.answered, one.refused, one.lost, one.late, one.latest_us
            );
        }
        csv
    }
}

/// A histogram of each operation in each second, as a log that the tools of HdrHistogram read: microseconds, of a run
/// that began then.
pub fn hlog(measures: &Measures, began: SystemTime) -> Vec<u8> {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.with_start_time(began).with_base_time(began);
    builder.with_max_value_divisor(1_000.0);
    // Into memory, which does not fail.
    if let Ok(mut writer) = builder.begin_log_with(&mut log, &mut serializer) {
        for interval in measures.intervals() {
            let Some(histogram) = interval.histogram() else {
                continue;
            };
            let starts = Duration::from_secs(interval.second);
            let tag = Tag::new(interval.operation.name());
            let _ = writer.write_histogram(&histogram, starts, Duration::from_secs(1), tag);
        }
    }
    log
}

fn late(workload: &Workload, measures: &Measures) -> Vec<Problem> {
    let limits = &workload.generator;
    let is_late = |one: &&Second| one.late as f64 > limits.late_share * one.begun as f64;
    let open = !matches!(workload.arrivals, Arrivals::Closed(_));
    let seconds = measures.seconds().iter().filter(|_| open);
    let late = seconds.filter(is_late).map(|one| Problem {
        kind: ProblemKind::Late,
        second: Some(one.second),
        says: format!(
            "{} of {} operations began more than {} late, one of them by {} us",
            one.late, one.begun, limits.late, one.latest_us
        ),
    });
    late.collect()
}

fn unprepared(counts: Counts) -> Option<Problem> {
    let says = match (counts.unprepared, counts.unjoined) {
        (0, 0) => return None,
        (0, unjoined) => format!(
            "devices could not be made ready {unjoined} times when they were to join, and {} times they could",
            counts.joined
        ),
        (unprepared, _) => format!(
            "{unprepared} devices could not be made ready before the first stage, and {} could",
            counts.prepared
        ),
    };
    Some(Problem {
        kind: ProblemKind::Unprepared,
        second: None,
        says,
    })
}
