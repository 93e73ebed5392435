//! How a run goes: which scenarios have to be tried again, and whether anybody is there at all.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use twinproof_evidence::record::Halt;

/// How often a scenario is tried again that the transport broke.
pub(crate) const RETRIES: u32 = 2;

/// After so many scenarios in a row that reached nobody, the others are not performed any more.
pub(crate) const UNREACHED_LIMIT: u32 = 5;

/// What is known while a run goes on.
#[derive(Default)]
pub(crate) struct Course {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    attempts: BTreeMap<String, u32>,
    broken: Vec<String>,
    unreached: u32,
    /// Why the last scenario that reached nobody could not go on.
    why: Option<String>,
}

impl Course {
    /// Counts an attempt and returns its number, from 1.
    pub(crate) fn begin(&self, scenario: &str) -> u32 {
        let mut state = self.state();
        let attempts = state.attempts.entry(scenario.to_owned()).or_default();
        *attempts += 1;
        *attempts
    }

    /// Takes note of how an attempt ended; a starved one missed datagrams that our own links lost.
    pub(crate) fn end(
        &self,
        scenario: &str,
        halted: Option<&Halt>,
        reached_nobody: bool,
        starved: bool,
    ) {
        let mut state = self.state();
        if starved || matches!(halted, Some(Halt::Transport { .. })) {
            state.broken.push(scenario.to_owned());
        }
        // Once given up, given up: a scenario that was still under way does not revive the run.
        if state.unreached < UNREACHED_LIMIT {
            state.unreached = if reached_nobody {
                state.unreached + 1
            } else {
                0
            };
            if reached_nobody {
                state.why = halted.map(|halt| halt.why().to_owned());
            }
        }
    }

    /// The scenarios that the transport broke, or our own links starved, since this was last asked.
    pub(crate) fn take_broken(&self) -> Vec<String> {
        std::mem::take(&mut self.state().broken)
    }

    /// Why the last scenario that reached nobody could not go on, as the end of a sentence.
    pub(crate) fn last_words(&self) -> String {
        let why = self.state().why.clone();
        why.map_or_else(String::new, |why| format!(", the last because: {why}"))
    }

    /// Whether so many scenarios in a row reached nobody that the others are not worth their timeouts.
    pub(crate) fn given_up(&self) -> bool {
        self.state().unreached >= UNREACHED_LIMIT
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use twinproof_evidence::record::Halt;

    use super::{Course, UNREACHED_LIMIT};

    #[test]
    fn only_scenarios_in_a_row_make_it_give_up() {
        let course = Course::default();
        for _ in 0..3 {
            for _ in 1..UNREACHED_LIMIT {
                course.end("a", None, true, false);
            }
            assert!(!course.given_up());
            course.end("b", None, false, false);
        }
        for _ in 0..UNREACHED_LIMIT {
            course.end("a", None, true, false);
        }
        course.end("b", None, false, false);
        assert!(course.given_up());
    }

    #[test]
    fn only_a_broken_transport_is_tried_again() {
        let course = Course::default();
        let why = || "x".to_owned();
        course.end("pass", None, false, false);
        course.end(
            "open",
            Some(&Halt::Inconclusive { why: why() }),
            false,
            false,
        );
        course.end("error", Some(&Halt::Error { why: why() }), false, false);
        course.end("broken", Some(&Halt::Transport { why: why() }), true, false);
        course.end("starved", None, false, true);
        assert_eq!(course.take_broken(), ["broken", "starved"]);
        assert!(course.take_broken().is_empty());
        assert_eq!((course.begin("broken"), course.begin("broken")), (1, 2));
    }
}
