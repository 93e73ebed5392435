//! An old record told in the words of another suite.
//!
//! A record knows what was done and what was asked of it. Where another suite has a scenario do the
//! same, the checks of its Then steps stand; what it asks for besides was not recorded, and what it
//! does not ask for any more is not judged. Where it has a scenario do something else, nothing of what
//! was recorded answers it.

use std::collections::BTreeMap;

use twinproof_evidence::ledger::Events;
use twinproof_evidence::record::{
    Halt, Record, Retold, RunStarted, Scene as Key, SceneStarted, Step, What,
};

use crate::checks::Check;
use crate::profile::Profile;
use crate::scene::NO_STEP;

/// A suite as far as telling needs it.
pub struct Words<'a> {
    /// Its digest.
    pub sha256: &'a str,
    /// Its scenarios by their ids, in its order.
    pub scenarios: Vec<(&'a str, &'a SceneStarted)>,
}

/// Tells a record in the words of this suite. It is as it was if that is the suite of its run.
///
/// # Errors
///
/// The suite has none of the scenarios that the run performed.
pub fn retell(events: Events, words: &Words<'_>) -> Result<Events, String> {
    let Some(What::RunStarted(run)) = events.records.first().map(|record| &record.what) else {
        // Whoever judges it says what is wrong.
        return Ok(events);
    };
    if run.suite_sha256 == words.sha256 {
        return Ok(events);
    }
    let known: BTreeMap<&str, &SceneStarted> = words.scenarios.iter().copied().collect();
    if !run
        .selected
        .iter()
        .any(|id| known.contains_key(id.as_str()))
    {
        return Err(
            "the run was made with other features, and none of its scenarios is in these; name the \
             folder of that run's features with --features"
                .to_owned(),
        );
    }
    let mut tellers: BTreeMap<Key, Teller> = BTreeMap::new();
    let mut records = Vec::with_capacity(events.records.len());
    for mut record in events.records {
        match (&record.scene, &mut record.what) {
            (Some(scene), What::SceneStarted(old)) => {
                if let Some(new) = known.get(scene.scenario.as_str()) {
                    tellers.insert(scene.clone(), Teller::new(old, new));
                }
            }
            (None, What::RunStarted(run)) => speak_of(run, words, &known),
            _ => {}
        }
        match record
            .scene
            .as_ref()
            .and_then(|scene| tellers.get_mut(scene))
        {
            Some(teller) => teller.tell(record, &mut records),
            // What a scenario did that is gone still shows how the system behaves.
            None => records.push(record),
        }
    }
    Ok(Events { records, ..events })
}

fn speak_of(run: &mut RunStarted, words: &Words<'_>, known: &BTreeMap<&str, &SceneStarted>) {
    let profile: Option<Profile> = serde_json::from_value(run.profile.clone()).ok();
    let is_new = |id: &str, scenario: &SceneStarted| {
        // What filters left out is not new.
        !run.filtered
            && profile
                .as_ref()
                .is_some_and(|p| p.applies(id, &scenario.tags, &scenario.requirements))
    };
    let (mut selected, mut unrecorded) = (Vec::new(), Vec::new());
    for (id, scenario) in &words.scenarios {
        let recorded = run.selected.iter().any(|had| had == id);
        if recorded || is_new(id, scenario) {
            selected.push((*id).to_owned());
        }
        if !recorded && is_new(id, scenario) {
            unrecorded.push((*id).to_owned());
        }
    }
    let gone = run
        .selected
        .iter()
        .filter(|id| !known.contains_key(id.as_str()));
    run.retold = Some(Retold {
        suite_sha256: std::mem::replace(&mut run.suite_sha256, words.sha256.to_owned()),
        unrecorded,
        gone: gone.cloned().collect(),
    });
    let scenarios = words.scenarios.iter();
    let scenarios = scenarios.map(|(id, s)| (*id, &*s.tags, &*s.requirements));
    run.judged_by = profile.map(|p| p.judged_by(scenarios)).unwrap_or_default();
    run.plan = selected
        .iter()
        .filter_map(|id| Some((id.clone(), (*known.get(id.as_str())?).clone())))
        .collect();
    run.selected = selected;
}

/// Tells one attempt at one scenario.
struct Teller {
    started: SceneStarted,
    /// The place of each recorded step in the scenario as it is now.
    places: Vec<Option<usize>>,
    /// The Then steps that were not performed.
    added: Vec<usize>,
    /// What was done otherwise, in words.
    otherwise: Option<String>,
    /// A step is being told that the scenario does not have any more.
    left_out: bool,
    halted: bool,
}

impl Teller {
    fn new(old: &SceneStarted, new: &SceneStarted) -> Self {
        let Alignment {
            places,
            added,
            otherwise,
        } = align(&old.steps, &new.steps);
        let started = SceneStarted {
            retry: old.retry,
            ..new.clone()
        };
        Self {
            started,
            places,
            added,
            otherwise,
            left_out: false,
            halted: false,
        }
    }

    fn place(&mut self, step: usize) -> usize {
        let place = self.places.get(step).copied().flatten();
        self.left_out = place.is_none();
        place.unwrap_or(NO_STEP)
    }

    fn tell(&mut self, mut record: Record, told: &mut Vec<Record>) {
        let (at, scene) = (record.at, record.scene.clone());
        let beside = |what| Record {
            at,
            scene: scene.clone(),
            what,
        };
        match &mut record.what {
            What::SceneStarted(started) => {
                *started = self.started.clone();
                let halt = self.otherwise.clone().map(|why| What::Halted {
                    reason: Halt::Inconclusive { why },
                });
                let halt = halt.map(beside);
                told.push(record);
                told.extend(halt);
                return;
            }
            What::StepStarted { step } | What::StepEnded { step } => *step = self.place(*step),
            What::Checked { .. } if self.left_out || self.otherwise.is_some() => return,
            What::Halted { .. } => self.halted = true,
            What::SceneEnded if !self.halted && self.otherwise.is_none() => {
                for step in &self.added {
                    let text = self.started.steps[*step].text.clone();
                    let check = Check::NotRecorded { step: text };
                    let check = serde_json::to_value(check).expect("a name and a text");
                    told.push(beside(What::StepStarted { step: *step }));
                    told.push(beside(What::Checked { check }));
                }
            }
            _ => {}
        }
        told.push(record);
    }
}

/// How two versions of a scenario belong together.
#[derive(Debug, Default, Eq, PartialEq)]
struct Alignment {
    places: Vec<Option<usize>>,
    added: Vec<usize>,
    otherwise: Option<String>,
}

fn align(old: &[Step], new: &[Step]) -> Alignment {
    let mut aligned = Alignment {
        places: vec![None; old.len()],
        ..Alignment::default()
    };
    let (was, is) = (acts(old), acts(new));
    for number in 0..was.len().max(is.len()) {
        let done = was.get(number).and_then(|act| act.step);
        let due = is.get(number).and_then(|act| act.step);
        let same = match (done, due) {
            (Some(done), Some(due)) => {
                (&old[done].kind, &old[done].text) == (&new[due].kind, &new[due].text)
            }
            (None, None) => true,
            _ => false,
        };
        if !same {
            aligned.otherwise = Some(in_words(
                done.map(|step| &old[step]),
                due.map(|step| &new[step]),
            ));
            return aligned;
        }
        if let Some(done) = done {
            aligned.places[done] = due;
        }
        let (looked, due) = (&was[number].looks, &is[number].looks);
        let kept = in_order(looked, due, |was, is| old[was].text == new[is].text);
        for (was, is) in &kept {
            aligned.places[*was] = Some(*is);
        }
        let added = due
            .iter()
            .filter(|step| kept.iter().all(|(_, is)| is != *step));
        aligned.added.extend(added);
    }
    aligned
}

/// The most pairs that are the same and in the same order on both sides: who looks may also do
/// something, so what was looked at before and what after makes a difference.
fn in_order(
    left: &[usize],
    right: &[usize],
    same: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    // The number of pairs in what is left of both sides.
    let mut most = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (l, a) in left.iter().enumerate().rev() {
        for (r, b) in right.iter().enumerate().rev() {
            most[l][r] = match same(*a, *b) {
                true => most[l + 1][r + 1] + 1,
                false => most[l + 1][r].max(most[l][r + 1]),
            };
        }
    }
    let (mut l, mut r, mut pairs) = (0, 0, Vec::new());
    while l < left.len() && r < right.len() {
        if same(left[l], right[r]) {
            pairs.push((left[l], right[r]));
            (l, r) = (l + 1, r + 1);
        } else if most[l + 1][r] >= most[l][r + 1] {
            l += 1;
        } else {
            r += 1;
        }
    }
    pairs
}

/// A step that does something, and the steps after it that look at what came of it. Those before the
/// first that does something stand with none.
#[derive(Default)]
struct Act {
    step: Option<usize>,
    looks: Vec<usize>,
}

fn acts(steps: &[Step]) -> Vec<Act> {
    let mut acts = vec![Act::default()];
    for (number, step) in steps.iter().enumerate() {
        if step.kind != "Then" {
            acts.push(Act {
                step: Some(number),
                looks: Vec::new(),
            });
        } else if let Some(act) = acts.last_mut() {
            act.looks.push(number);
        }
    }
    acts
}

fn in_words(done: Option<&Step>, due: Option<&Step>) -> String {
    let quoted = |step: &Step| format!("\u{201c}{} {}\u{201d}", step.kind, step.text);
    match (done, due) {
        (Some(done), Some(due)) => format!(
            "not recorded: the suite has {} where the run performed {}",
            quoted(due),
            quoted(done)
        ),
        (Some(done), None) => format!(
            "not recorded: the run performed {} besides, which the suite does not have",
            quoted(done)
        ),
        (None, Some(due)) => format!(
            "not recorded: the suite has {} besides, which the run did not perform",
            quoted(due)
        ),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use twinproof_evidence::record::Step;

    use super::{Alignment, align};

    fn steps(words: &str) -> Vec<Step> {
        let kind = |word: &str| match &word[..1] {
            "g" => "Given",
            "w" => "When",
            _ => "Then",
        };
        words
            .split(' ')
            .zip(1..)
            .map(|(word, line)| Step {
                kind: kind(word).to_owned(),
                text: word.to_owned(),
                line,
            })
            .collect()
    }

    fn aligned(old: &str, new: &str) -> Alignment {
        align(&steps(old), &steps(new))
    }

    #[test]
    fn checks_are_dropped_and_added_without_a_trace_on_the_others() {
        let same = aligned("g1 w1 t1 t2 w2 t3", "g1 w1 t1 t2 w2 t3");
        assert_eq!(same.places, (0..6).map(Some).collect::<Vec<_>>());
        assert_eq!((same.added, same.otherwise), (vec![], None));
        let other = aligned("g1 w1 t1 t2 w2 t3", "g1 w1 t2 t4 w2 t3 t1");
        assert_eq!(
            other.places,
            [Some(0), Some(1), None, Some(2), Some(4), Some(5)]
        );
        // What was looked at before an act was not looked at after it.
        assert_eq!((other.added, other.otherwise), (vec![3, 6], None));
    }

    #[test]
    fn the_order_of_looks_matters_and_so_does_their_number() {
        let swapped = aligned("w1 t1 t2 t3", "w1 t2 t3 t1");
        assert_eq!(swapped.places, [Some(0), None, Some(1), Some(2)]);
        assert_eq!(swapped.added, [3]);
        assert_eq!(aligned("w1 t1", "w1 t1 t1").added, [2]);
        assert_eq!(
            aligned("w1 t1 t1", "w1 t1").places,
            [Some(0), Some(1), None]
        );
    }

    #[test]
    fn another_act_is_another_scenario() {
        for (old, new, says) in [
            (
                "g1 w1 t1",
                "g1 w2 t1",
                "the suite has “When w2” where the run performed “When w1”",
            ),
            (
                "g1 g2 w1 t1",
                "g1 w1 t1",
                "the suite has “When w1” where the run performed “Given g2”",
            ),
            (
                "g1 w1 t1",
                "g1 w1 t1 w2",
                "the suite has “When w2” besides, which the run did not",
            ),
            (
                "g1 w1 t1 w2",
                "g1 w1 t1",
                "the run performed “When w2” besides",
            ),
        ] {
            let otherwise = aligned(old, new).otherwise.unwrap();
            assert!(otherwise.contains(says), "{otherwise}");
        }
        let mut given = steps("g1 w1");
        given[1].kind = "Given".to_owned();
        assert!(align(&steps("g1 w1"), &given).otherwise.is_some());
    }
}
