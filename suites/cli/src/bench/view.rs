//! How a run goes, while it does: one line that changes on a terminal, a line every few seconds elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use twinproof_load::{Measures, Operation, Phase, Shard, Workload};

use super::time;

/// How many seconds lie between two lines where nobody looks on.
const LINES: usize = 5;

/// How often a line on a terminal changes.
const OFTEN: Duration = Duration::from_millis(250);

/// How wide the bar is.
const BAR: usize = 24;

pub(crate) struct View {
    is_terminal: bool,
    devices: u32,
    span: Duration,
    said: usize,
    changed: Option<Instant>,
}

impl View {
    pub(crate) fn new(workload: &Workload, shard: Option<Shard>) -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            devices: shard
                .unwrap_or(Shard::WHOLE)
                .members(workload.count())
                .len() as u32,
            span: workload.span(),
            said: 0,
            changed: None,
        }
    }

    pub(crate) fn show(&mut self, phase: Phase, measures: &Measures) {
        let seconds = measures.seconds().len();
        if !self.is_terminal {
            if phase != Phase::Done && seconds >= self.said + LINES {
                self.said = seconds;
                // Nobody reads what cannot be printed.
                drop(writeln!(anstream::stderr(), "{}", line(measures)));
            }
            return;
        }
        if self.changed.is_some_and(|at| at.elapsed() < OFTEN) {
            return;
        }
        self.changed = Some(Instant::now());
        let text = match phase {
            Phase::Preparing(begun) => {
                let share = f64::from(begun) / f64::from(self.devices.max(1));
                format!(
                    "{} {begun} of {} devices are made ready",
                    bar(share),
                    self.devices
                )
            }
            Phase::Loading => {
                let share = seconds as f64 / self.span.as_secs_f64().max(1.0);
                format!("{} {}", bar(share), line(measures))
            }
            Phase::Draining | Phase::Done => {
                format!("{} the last answers are waited for", bar(1.0))
            }
        };
        // Back to the beginning, and away with what stood there.
        drop(write!(anstream::stderr(), "\r\x1b[2K{text}"));
    }

    /// Leaves the terminal as it was.
    pub(crate) fn end(&self) {
        if self.changed.is_some() {
            drop(write!(anstream::stderr(), "\r\x1b[2K"));
        }
    }
}

fn bar(share: f64) -> String {
    let full = (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

/// The last second that is over, and what came of all.
fn line(measures: &Measures) -> String {
    let Some(last) = measures.seconds().last() else {
        return "the first second".to_owned();
    };
    let p99 = last
        .p99_us
        .map_or(String::new(), |p99| format!(", p99 {}", time(p99 as f64)));
    let all = || Operation::ALL.into_iter().map(|one| measures.totals(one));
    let (lost, refused): (u64, u64) = (
        all().map(|totals| totals.lost).sum(),
        all().map(|totals| totals.refused()).sum(),
    );
    let mut line = format!(
        "{} s: {} begun, {} answered{p99}",
        last.second + 1,
        last.begun,
        last.answered
    );
    for (count, what) in [(lost, "lost"), (refused, "refused")] {
        if count > 0 {
            line += &format!(", {count} {what} so far");
        }
    }
    line
}
