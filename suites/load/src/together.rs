//! The parts of a workload at the same time, in one process: a thread for each, one beginning, and one report of all.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::drive::GLANCE;
use crate::generator::Phase;
use crate::measure::{Glimpse, Measures};
use crate::merge::{Part, join};
use crate::run::{NoRun, Run, Target, run_from};
use crate::start::Start;
use crate::web::{Site, run_web_from};
use crate::workload::Workload;

/// How often it is seen what there is so far.
const OFTEN: Duration = Duration::from_millis(250);

/// Who is loaded by a part of a workload.
#[derive(Clone, Copy, Debug)]
pub enum Aim<'a> {
    /// Devices of LwM2M speak to it in datagrams.
    Datagrams(Target<'a>),
    /// Others over HTTP.
    Web(Site<'a>),
}

/// What there is of a part.
struct Seen {
    phase: Phase,
    glimpse: Option<Glimpse>,
    changed: Option<Instant>,
}

/// Carries out the parts of a workload, each against its own system, from the same moment on. `watch` is shown what there is
/// of all of them many times a second and says whether to go on. Where one part cannot begin, none does.
///
/// # Errors
///
/// When there are not as many systems as parts, one of them has not agreed, or this one takes sockets, threads or clocks away.
pub fn run_parts(
    workload: &Workload,
    aims: &[Aim<'_>],
    watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    let each = workload.each();
    if each.len() != aims.len() {
        return Err(NoRun::Unfit(format!(
            "expected a system for each of the {} parts, got {}",
            each.len(),
            aims.len()
        )));
    }
    let start = Start::of(each.len());
    let (is_off, mut stopped) = (AtomicBool::new(false), false);
    let seen: Vec<Mutex<Seen>> = each.iter().map(|_| Mutex::new(Seen::nothing())).collect();
    let runs: Vec<Result<Run, NoRun>> = thread::scope(|scope| {
        let each = each.iter().zip(aims).zip(&seen);
        let going = each.map(|((part, aim), seen)| {
            let (start, is_off) = (&start, &is_off);
            scope.spawn(move || {
                let run = carry_out(part, *aim, start, &mut |phase, measures| {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.note(phase, measures);
                    match is_off.load(Ordering::Relaxed) {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    }
                });
                // Whoever has come to an end before the beginning would be missed by all others for ever.
                if start.at().is_none() || run.is_err() {
                    is_off.store(true, Ordering::Relaxed);
                }
                seen.lock().unwrap_or_else(PoisonError::into_inner).phase = Phase::Done;
                run
            })
        });
        let going: Vec<_> = going.collect();
        let mut looked = None::<Instant>;
        while !going.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(GLANCE);
            if looked.is_some_and(|at| at.elapsed() < OFTEN) {
                continue;
            }
            looked = Some(Instant::now());
            let (phase, measures) = all(workload, &seen);
            if watch(phase, &measures).is_break() {
                stopped = true;
                is_off.store(true, Ordering::Relaxed);
            }
        }
        let runs = going.into_iter().map(|one| match one.join() {
            Ok(run) => run,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        runs.collect()
    });
    let mut parts = Vec::new();
    for (part, run) in each.iter().zip(runs) {
        let name = part.enabler().name();
        let Run { report, hlog } = run.map_err(|why| why.of_part(name))?;
        parts.push(Part {
            name: name.to_owned(),
            report,
            hlog,
        });
    }
    join(workload, parts, stopped).map_err(NoRun::Unfit)
}

fn carry_out(
    part: &Workload,
    aim: Aim<'_>,
    start: &Start,
    watch: &mut dyn FnMut(Phase, &Measures) -> ControlFlow<()>,
) -> Result<Run, NoRun> {
    match aim {
        Aim::Datagrams(target) => run_from(part, (None, Some(start)), target, watch),
        Aim::Web(site) => run_web_from(part, (None, Some(start)), site, watch),
    }
}

impl Seen {
    const fn nothing() -> Self {
        Self {
            phase: Phase::Preparing(0),
            glimpse: None,
            changed: None,
        }
    }

    fn note(&mut self, phase: Phase, measures: &Measures) {
        self.phase = phase;
        if self.changed.is_none_or(|at| at.elapsed() >= OFTEN) {
            self.changed = Some(Instant::now());
            self.glimpse = Some(measures.glimpse());
        }
    }
}

/// How far all are together, and what there is of them.
fn all(workload: &Workload, seen: &[Mutex<Seen>]) -> (Phase, Measures) {
    let (mut phases, mut glimpses) = (Vec::new(), Vec::new());
    for seen in seen {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        phases.push(seen.phase);
        glimpses.extend(seen.glimpse.clone());
    }
    let warm_up = workload.warm_up.duration();
    let span = workload.span().saturating_sub(warm_up);
    (together(&phases), Measures::seen(span, &glimpses))
}

/// The earliest of phases; of devices that are made ready, the sum.
fn together(phases: &[Phase]) -> Phase {
    let begun = phases.iter().filter_map(|phase| match phase {
        Phase::Preparing(begun) => Some(*begun),
        _ => None,
    });
    if phases
        .iter()
        .any(|phase| matches!(phase, Phase::Preparing(_)))
    {
        return Phase::Preparing(begun.sum());
    }
    let later = [Phase::Loading, Phase::Draining];
    let now = later.into_iter().find(|phase| phases.contains(phase));
    now.unwrap_or(Phase::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_as_far_as_the_last_of_them() {
        let (two, three) = (Phase::Preparing(2), Phase::Preparing(3));
        for (phases, is) in [
            ([two, three], Phase::Preparing(5)),
            ([two, Phase::Done], two),
            ([Phase::Draining, Phase::Loading], Phase::Loading),
            ([Phase::Draining, Phase::Done], Phase::Draining),
            ([Phase::Done, Phase::Done], Phase::Done),
        ] {
            assert_eq!(together(&phases), is);
        }
    }
}
