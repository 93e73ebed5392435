//! Devices that do things on clocks of their own: each every so often, whatever the others do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::time::Duration;

use twinproof_judge::profile::Span;
use twinproof_kernel::Seed;

use crate::schedule::scrambled;
use crate::turns::Turn;
use crate::workload::{Arrivals, Operation, Workload};

/// How often each device does something.
#[derive(
    Clone, Copy, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(
    untagged,
    expecting = "expected an interval such as \"60s\", or { interval = \"60s\", jitter = 0.1 }"
)]
pub enum Every {
    /// At equal distances.
    Exactly(Span),
    /// At distances that vary.
    About(About),
}

/// How often each device does something, and how exact its clock is.
#[derive(
    Clone, Copy, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// How long it is from one moment at which it is due to the next.
    pub interval: Span,
    /// By which share of the interval each may be early, all as likely; none after it is because of that.
    pub jitter: f64,
}

impl Every {
    /// How long it is from one moment to the next, and by how much each may be early.
    fn times(self) -> (u64, u64) {
        let micros = |span: Span| u64::try_from(span.duration().as_micros()).unwrap_or(u64::MAX);
        match self {
            Self::Exactly(interval) => (micros(interval), 0),
            Self::About(About { interval, jitter }) => {
                let interval = micros(interval);
                (interval, (interval as f64 * jitter) as u64)
            }
        }
    }

    /// Whether it can be said in a workload.
    ///
    /// # Errors
    ///
    /// When there is no time between two moments, or one could be sooner than the one before; says what was expected.
    pub(crate) fn check(self) -> Result<(), String> {
        if self.times().0 < 1_000 {
            return Err("expected an interval of at least 1ms".to_owned());
        }
        match self {
            Self::About(About { jitter, .. }) if !(0.0..=1.0).contains(&jitter) => Err(format!(
                "expected a jitter from 0.0 to 1.0, as a share of the interval, got {jitter}"
            )),
            Self::About(_) | Self::Exactly(_) => Ok(()),
        }
    }

    /// How often that is in a second.
    pub(crate) fn rate(self) -> f64 {
        1e6 / self.times().0 as f64
    }
}

impl Workload {
    /// Whether what devices do on clocks of their own can be done so.
    pub(crate) fn check_every(&self) -> Result<(), String> {
        if self.every.is_empty() {
            return Ok(());
        }
        if !self.mix.is_empty() {
            return Err(
                "every: devices do things on clocks of their own, or are told to (mix): expected one of them, not both"
                    .to_owned(),
            );
        }
        if self.arrivals != Arrivals::Even {
            return Err(
                "arrivals: devices that have clocks of their own (every) say when: expected none"
                    .to_owned(),
            );
        }
        if let Some(number) = self.stages.iter().position(|stage| stage.has_rate()) {
            return Err(format!(
                "stages, the {}.: devices do things on clocks of their own (every), as often as there are devices: expected no \
                 rates",
                number + 1
            ));
        }
        let unfit = self.every.iter().find_map(|(operation, every)| {
            let why = every.check().err()?;
            Some(format!("every.{operation}: {why}"))
        });
        unfit.map_or(Ok(()), Err)
    }

    /// How many operations there are in a second where devices do them on clocks of their own.
    pub fn own_rate(&self) -> f64 {
        let rates = self.every.values().map(|every| every.rate());
        f64::from(self.devices.count) * rates.sum::<f64>()
    }
}

/// The turns of some of the devices of a workload, in their order.
pub(crate) struct Clocks {
    all: Vec<Clock>,
    /// When nothing is due any more.
    ends: u64,
}

/// One thing that all devices do.
struct Clock {
    operation: Operation,
    interval: u64,
    early: u64,
    seed: u64,
    first: u32,
    /// The devices, in the order in which they are due.
    members: Vec<u32>,
    /// How many of them have had a turn, and how often all have.
    place: usize,
    round: u64,
    /// Whose turn it is about to be, sooner or later.
    ahead: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Clocks {
    /// Those of a workload that has such, for these devices.
    pub(crate) fn of(workload: &Workload, ours: &Range<u32>) -> Option<Self> {
        if workload.every.is_empty() {
            return None;
        }
        let spans = workload.stages.iter().map(|stage| stage.span.duration());
        let ends: Duration = spans.sum();
        let clock = |(operation, every): (&Operation, &Every)| {
            let seed = Seed::new(workload.seed).derive("every");
            let seed = seed.derive(operation.name()).rng().u64(..);
            Clock::new(*operation, every.times(), seed, ours)
        };
        Some(Self {
            all: workload.every.iter().map(clock).collect(),
            ends: u64::try_from(ends.as_micros()).unwrap_or(u64::MAX),
        })
    }

    /// The next turn; the members of a shard are counted from its first.
    pub(crate) fn next(&mut self) -> Option<Turn> {
        let due = self
            .all
            .iter_mut()
            .map(Clock::due)
            .enumerate()
            .min_by_key(|(_, at)| *at);
        let (place, at) = due.filter(|(_, at)| *at < self.ends)?;
        let clock = &mut self.all[place];
        let Reverse((_, member)) = clock.ahead.pop()?;
        Some(Turn {
            at: Duration::from_micros(at),
            operation: clock.operation,
            member: member - clock.first,
        })
    }
}

impl Clock {
    fn new(
        operation: Operation,
        (interval, early): (u64, u64),
        seed: u64,
        ours: &Range<u32>,
    ) -> Self {
        let mut members: Vec<u32> = ours.clone().collect();
        members.sort_unstable_by_key(|member| (phase(seed, interval, *member), *member));
        Self {
            operation,
            interval,
            early,
            seed,
            first: ours.start,
            members,
            place: 0,
            round: 0,
            ahead: BinaryHeap::new(),
        }
    }

    /// When somebody has the next turn.
    fn due(&mut self) -> u64 {
        loop {
            let next = self.nominal();
            match self.ahead.peek() {
                // None after it can be sooner.
                Some(Reverse((at, _))) if *at <= next.saturating_sub(self.early) => return *at,
                _ if next == u64::MAX => return u64::MAX,
                _ => {}
            }
            let member = self.members[self.place];
            // As early as is drawn for this turn of this device; what would have been before the beginning was.
            let drawn = scrambled(self.seed ^ u64::from(member), self.round + 1);
            let early = (u128::from(drawn) * u128::from(self.early)) >> 64;
            if let Some(at) = next.checked_sub(early as u64) {
                self.ahead.push(Reverse((at, member)));
            }
            self.place += 1;
            if self.place == self.members.len() {
                (self.place, self.round) = (0, self.round + 1);
            }
        }
    }

    /// When the next is due whose turn has not come.
    fn nominal(&self) -> u64 {
        let Some(member) = self.members.get(self.place) else {
            return u64::MAX;
        };
        let since = self.round.saturating_mul(self.interval);
        since.saturating_add(phase(self.seed, self.interval, *member))
    }
}

/// When a device is due for the first time.
fn phase(seed: u64, interval: u64, member: u32) -> u64 {
    let drawn = scrambled(seed, u64::from(member));
    ((u128::from(drawn) * u128::from(interval)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::shard::Shard;
    use crate::turns::Turns;

    fn workload(every: &str, count: u32, span: &str) -> Workload {
        let text = format!(
            "name = \"clocks\"\nseed = 3\n[devices]\ncount = {count}\n[every]\n{every}\n[[stages]]\nfor = \"{span}\""
        );
        Workload::read(&text).unwrap()
    }

    fn turns(workload: &Workload, shard: Shard) -> Vec<Turn> {
        let first = shard.members(workload.devices.count).start;
        let mut turns = Turns::new(workload, shard);
        let all = std::iter::from_fn(|| turns.next_by(Duration::MAX));
        let whole = all.map(|turn| Turn {
            member: first + turn.member,
            ..turn
        });
        whole.collect()
    }

    fn by_device(turns: &[Turn], operation: Operation) -> BTreeMap<u32, Vec<f64>> {
        let mut all: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for turn in turns.iter().filter(|turn| turn.operation == operation) {
            all.entry(turn.member)
                .or_default()
                .push(turn.at.as_secs_f64());
        }
        all
    }

    #[test]
    fn each_device_keeps_its_distance_and_has_a_phase_of_its_own() {
        let workload = workload("notify = \"10s\"\nupdate = \"25s\"", 500, "100s");
        let all = turns(&workload, Shard::WHOLE);
        assert!(all.is_sorted_by_key(|turn| turn.at));
        for (operation, interval, each) in
            [(Operation::Notify, 10.0, 10), (Operation::Update, 25.0, 4)]
        {
            let devices = by_device(&all, operation);
            assert_eq!(devices.len(), 500);
            let mut phases = [0_u32; 10];
            for (member, moments) in &devices {
                assert_eq!(moments.len(), each, "{operation} of {member}");
                let even = moments
                    .windows(2)
                    .all(|two| (two[1] - two[0] - interval).abs() < 1e-6);
                assert!(even, "{operation} of {member}: {moments:?}");
                phases[(moments[0] / interval * 10.0) as usize] += 1;
            }
            // 50 each, with a deviation of 7.
            assert!(
                phases.iter().all(|count| (20..80).contains(count)),
                "{phases:?}"
            );
        }
        // What a device does twice begins at other moments.
        let (one, other) = (
            by_device(&all, Operation::Notify),
            by_device(&all, Operation::Update),
        );
        let alike = one.iter().filter(|(member, moments)| {
            (moments[0] / 10.0 - other[*member][0] / 25.0).abs() < 0.01
        });
        assert!(alike.count() < 40);
    }

    #[test]
    fn a_clock_that_is_early_keeps_its_phase_and_is_so_from_the_beginning() {
        let workload = workload("send = { interval = \"10s\", jitter = 0.5 }", 300, "100s");
        let all = turns(&workload, Shard::WHOLE);
        assert!(all.is_sorted_by_key(|turn| turn.at));
        // 30 in a second, from the first on: those of the first five lie at random.
        let first = all.iter().filter(|turn| turn.at < Duration::from_secs(5));
        assert!((120..180).contains(&first.count()));
        let mut early = Vec::new();
        for (member, moments) in by_device(&all, Operation::Send) {
            let seed = Seed::new(3).derive("every").derive("send").rng().u64(..);
            let phase = phase(seed, 10_000_000, member) as f64 / 1e6;
            // Of the first some were before the beginning.
            let before = usize::from(moments[0] > phase);
            for (round, at) in moments.iter().enumerate() {
                let before = phase + (round + before) as f64 * 10.0 - at;
                assert!((0.0..=5.0).contains(&before), "{member}: {moments:?}");
                early.push(before);
            }
        }
        assert!((2_900..=3_100).contains(&early.len()), "{}", early.len());
        let mean = early.iter().sum::<f64>() / early.len() as f64;
        assert!((mean - 2.5).abs() < 0.15, "{mean}");
        assert!(early.iter().any(|by| *by < 0.5) && early.iter().any(|by| *by > 4.5));
    }

    #[test]
    fn shards_have_the_turns_of_the_whole() {
        let every = "send = { interval = \"7s\", jitter = 1.0 }\nupdate = \"5s\"";
        let workload = workload(every, 97, "60s");
        let whole = turns(&workload, Shard::WHOLE);
        let parts = (0..4).flat_map(|number| turns(&workload, Shard { number, of: 4 }));
        let mut parts: Vec<Turn> = parts.collect();
        let order = |turn: &Turn| (turn.at, turn.operation, turn.member);
        parts.sort_by_key(order);
        let mut sorted = whole;
        sorted.sort_by_key(order);
        assert_eq!(parts, sorted);
        assert!(sorted.len() > 1_800);
    }

    #[test]
    fn what_no_clock_can_do_is_refused() {
        let text = |every: &str, stage: &str| {
            let text = format!(
                "name = \"x\"\n{every}\n[devices]\ncount = 5\n[[stages]]\nfor = \"1s\"\n{stage}"
            );
            Workload::read(&text)
                .map(drop)
                .map_err(|why| why.to_string())
        };
        let ok = "every = { notify = \"1s\" }";
        assert_eq!(text(ok, ""), Ok(()));
        let both = workload(
            "send = { interval = \"7s\", jitter = 0.25 }\nupdate = \"5s\"",
            9,
            "60s",
        );
        assert_eq!(Workload::read(&both.text()).unwrap(), both);
        for (every, stage, why) in [
            (ok, "rate = 5", "no rates"),
            (ok, "from = 5", "no rates"),
            (
                "every = { notify = \"1s\" }\nmix = { update = 1 }",
                "",
                "not both",
            ),
            ("every = { notify = \"0s\" }", "", "at least 1ms"),
            (
                "every = { notify = { interval = \"1s\", jitter = 1.5 } }",
                "",
                "from 0.0 to 1.0",
            ),
            (
                "arrivals = \"poisson\"\nevery = { notify = \"1s\" }",
                "",
                "clocks of their own",
            ),
            (
                "arrivals = { closed = 4 }\nevery = { notify = \"1s\" }",
                "",
                "clocks of their own",
            ),
            (
                "every = { notify = \"1s\", twinning = \"1s\" }",
                "",
                "of one kind",
            ),
            ("every = { fanout-device = \"1s\" }", "", "beside another"),
            ("", "rate = 1", "expected a share above 0"),
            ("every = { notify = 60 }", "", "such as \"60s\""),
        ] {
            let got = text(every, stage).unwrap_err();
            assert!(got.contains(why), "{every} {stage}: {got}");
        }
    }
}
