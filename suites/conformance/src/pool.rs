//! The provisioned devices of a system that runs elsewhere.
//!
//! One scenario at a time has each of them. Scenarios get theirs all at once and in the order in
//! which they came, so nobody waits for somebody who waits for him. What a scenario leaves behind is
//! removed with the devices' own tokens; a device that cannot be cleaned is not used again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use twinproof_evidence::record::SceneStarted;
use twinproof_judge::profile::{Credential, Subscriber};

/// Tag that says how many devices a scenario needs, where its words do not.
const TAG: &str = "subscribers:";

/// Tag that says how many devices with credentials a scenario needs, where its words do not.
const DEVICES: &str = "devices:";

/// What scenarios say that speak of several devices at once.
const CROWDS: [(&str, usize); 3] = [
    ("fifty devices", 50),
    ("ten devices", 10),
    (
        "devices that have tried to register with the other versions",
        2,
    ),
];

/// Which parts a scenario speaks of.
const PARTS: [&str; 4] = ["primary", "secondary", "free", "stranger"];

/// What tells parts of the same kind apart.
const ORDINALS: [&str; 4] = ["second", "third", "fourth", "fifth"];

/// What a scenario says that needs a primary with all the secondaries that it may have.
const UP_TO_THE_LIMIT: &str = "as many secondary devices as the enabler allows";

/// How many provisioned devices a scenario needs: the distinct devices that its steps speak of, at
/// least a primary and a secondary; the tag `@subscribers:N` overrules.
///
/// `limit` is how many secondaries a primary may have, for scenarios that go up to it.
pub fn subscribers_needed(scenario: &SceneStarted, limit: Option<usize>) -> usize {
    let tagged = scenario
        .tags
        .iter()
        .find_map(|tag| tag.strip_prefix(TAG)?.parse().ok());
    if let Some(number) = tagged {
        return number;
    }
    let limit = limit.filter(|_| {
        scenario
            .steps
            .iter()
            .any(|s| s.text.contains(UP_TO_THE_LIMIT))
    });
    let mut parts = BTreeSet::from(["primary".to_owned(), "secondary".to_owned()]);
    for step in &scenario.steps {
        let words: Vec<&str> = step
            .text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        for (at, word) in words.iter().enumerate() {
            if !PARTS.contains(word) {
                continue;
            }
            let before = at.checked_sub(1).map(|at| words[at]);
            let ordinal = before.filter(|word| ORDINALS.contains(word));
            parts.insert(
                ordinal.map_or_else(|| (*word).to_owned(), |ordinal| format!("{ordinal} {word}")),
            );
        }
    }
    parts.len() + limit.unwrap_or_default()
}

/// How many devices with credentials a scenario needs whose devices come over secured associations: those
/// that its steps speak of. The tag `@devices:N` overrules.
pub fn devices_needed(scenario: &SceneStarted) -> usize {
    let tagged = scenario
        .tags
        .iter()
        .find_map(|tag| tag.strip_prefix(DEVICES)?.parse().ok());
    if let Some(number) = tagged {
        return number;
    }
    let (mut crowd, mut single) = (0, BTreeSet::new());
    for step in &scenario.steps {
        for (words, number) in CROWDS {
            if step.text.contains(words) {
                crowd += number;
            }
        }
        let words: Vec<&str> = step
            .text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2).filter(|pair| pair[1] == "device") {
            single.insert(matches!(pair[0], "another" | "other"));
        }
    }
    (crowd + single.len()).max(1)
}

/// What a pool holds.
pub(crate) trait Leased: Clone {
    /// What many of them are called, and where the profile names them.
    const WHAT: (&str, &str);

    /// What one is called.
    fn name(&self) -> &str;
}

impl Leased for Subscriber {
    const WHAT: (&str, &str) = ("subscribers", "[[twinning.subscriber]]");

    fn name(&self) -> &str {
        &self.address
    }
}

impl Leased for Credential {
    const WHAT: (&str, &str) = ("devices with credentials", "[[lwm2m.security.credential]]");

    fn name(&self) -> &str {
        &self.endpoint
    }
}

/// The provisioned devices. Clones are the same pool.
#[derive(Clone)]
pub(crate) struct Pool<T = Subscriber> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    all: Vec<T>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    free: BTreeSet<usize>,
    /// Who is not used any more, and why.
    quarantined: Vec<(usize, String)>,
    queue: VecDeque<u64>,
    tickets: u64,
}

/// Devices that one scenario has. They go back when this is dropped, but for those that were
/// quarantined.
pub(crate) struct Lease<T: Leased = Subscriber> {
    pool: Pool<T>,
    places: Vec<usize>,
}

/// A place in the queue; it is left when its owner stops waiting.
struct Ticket<'a, T: Leased> {
    pool: &'a Pool<T>,
    number: u64,
}

impl<T: Leased> Drop for Ticket<'_, T> {
    fn drop(&mut self) {
        self.pool.state().queue.retain(|n| *n != self.number);
        self.pool.inner.changed.notify_waiters();
    }
}

impl<T: Leased> Pool<T> {
    pub(crate) fn new(all: Vec<T>) -> Self {
        let state = State {
            free: (0..all.len()).collect(),
            ..State::default()
        };
        let inner = Inner {
            all,
            state: Mutex::new(state),
            changed: Notify::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Waits for so many devices.
    ///
    /// # Errors
    ///
    /// There will never be so many: the words say how many there are and which are quarantined.
    pub(crate) async fn lease(&self, need: usize) -> Result<Lease<T>, String> {
        let ticket = {
            let mut state = self.state();
            state.tickets += 1;
            let number = state.tickets;
            state.queue.push_back(number);
            Ticket { pool: self, number }
        };
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state();
                let usable = self.inner.all.len() - state.quarantined.len();
                if usable < need {
                    return Err(self.shortage(need, &state.quarantined));
                }
                if state.queue.front() == Some(&ticket.number) && state.free.len() >= need {
                    let places: Vec<usize> = state.free.iter().copied().take(need).collect();
                    state.free.retain(|place| !places.contains(place));
                    return Ok(Lease {
                        pool: self.clone(),
                        places,
                    });
                }
            }
            changed.await;
        }
    }

    fn shortage(&self, need: usize, quarantined: &[(usize, String)]) -> String {
        let provisioned = self.inner.all.len();
        let (what, key) = T::WHAT;
        let mut why =
            format!("it needs {need} {what}, and the profile provisions {provisioned} ({key})");
        if !quarantined.is_empty() {
            let names: Vec<String> = quarantined
                .iter()
                .map(|(place, why)| format!("{} ({why})", self.inner.all[*place].name()))
                .collect();
            why.push_str(&format!(
                ", of which these could not be cleaned up and are not used any more: {}",
                names.join(", ")
            ));
        }
        why
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Leased> Lease<T> {
    /// The devices.
    pub(crate) fn devices(&self) -> Vec<T> {
        self.places
            .iter()
            .map(|place| self.pool.inner.all[*place].clone())
            .collect()
    }

    /// Takes the device of this name out of use for the rest of the run.
    pub(crate) fn quarantine(&mut self, name: &str, why: &str) {
        let mut state = self.pool.state();
        self.places.retain(|place| {
            let dirty = self.pool.inner.all[*place].name() == name;
            if dirty {
                state.quarantined.push((*place, why.to_owned()));
            }
            !dirty
        });
    }
}

impl<T: Leased> Drop for Lease<T> {
    fn drop(&mut self) {
        self.pool.state().free.extend(self.places.drain(..));
        self.pool.inner.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinproof_evidence::record::{SceneStarted, Step};
    use twinproof_judge::profile::Subscriber;

    use super::{Pool, devices_needed, subscribers_needed};

    fn scenario(tags: &[&str], steps: &[&str]) -> SceneStarted {
        SceneStarted {
            feature: String::new(),
            line: 1,
            title: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            requirements: Vec::new(),
            steps: steps
                .iter()
                .map(|text| Step {
                    kind: "Given".to_owned(),
                    text: (*text).to_owned(),
                    line: 1,
                })
                .collect(),
            retry: false,
        }
    }

    fn pool(size: usize) -> Pool {
        let named = |n: usize| Subscriber {
            address: format!("tel:+{n}"),
            ..Subscriber::default()
        };
        Pool::new((0..size).map(named).collect())
    }

    #[test]
    fn a_scenario_needs_the_devices_that_it_speaks_of() {
        for (tags, steps, need) in [
            (&[][..], &["something happens"][..], 2),
            (&[], &["a primary device and its secondary device"], 2),
            (
                &[],
                &[
                    "the second primary device",
                    "a stranger reads",
                    "the primary device",
                ],
                4,
            ),
            (
                &[],
                &["a primary device that has as many secondary devices as the enabler allows"],
                6,
            ),
            (&["subscribers:6"], &["a primary device"], 6),
        ] {
            assert_eq!(
                subscribers_needed(&scenario(tags, steps), Some(4)),
                need,
                "{steps:?}"
            );
        }
    }

    #[test]
    fn a_secured_scenario_needs_the_devices_that_it_speaks_of() {
        for (tags, steps, need) in [
            (&[][..], &["the server does something"][..], 1),
            (
                &[],
                &["a device that is registered", "the device leaves"],
                1,
            ),
            (&[], &["a device", "another device", "the other device"], 2),
            (&[], &["ten devices that are registered"], 10),
            (&["devices:4"], &["a device"], 4),
        ] {
            assert_eq!(devices_needed(&scenario(tags, steps)), need, "{steps:?}");
        }
    }

    #[tokio::test]
    async fn nobody_has_a_device_that_another_has_and_all_come_to_their_turn() {
        let pool = pool(4);
        let under_way = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..60 {
            let (pool, under_way) = (pool.clone(), under_way.clone());
            tasks.spawn(async move {
                let lease = pool.lease(1 + n % 4).await.unwrap();
                let mine: Vec<_> = lease.devices().into_iter().map(|s| s.address).collect();
                {
                    let mut all = under_way.lock().unwrap();
                    assert!(mine.iter().all(|m| !all.contains(m)), "{mine:?} {all:?}");
                    all.extend(mine.iter().cloned());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                under_way.lock().unwrap().retain(|one| !mine.contains(one));
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        assert_eq!(pool.lease(4).await.unwrap().devices().len(), 4);
    }

    #[tokio::test]
    async fn who_waits_for_too_many_is_told_when_one_is_quarantined() {
        let pool = pool(2);
        let mut lease = pool.lease(1).await.unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.lease(2).await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        lease.quarantine("tel:+0", "it is stuck");
        drop(lease);
        let why = waiting.await.unwrap().unwrap_err();
        assert!(
            why.contains("needs 2") && why.contains("tel:+0 (it is stuck)"),
            "{why}"
        );
        assert!(pool.lease(1).await.is_ok());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_the_queue() {
        let pool = pool(1);
        let lease = pool.lease(1).await.unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(5), pool.lease(1)).await;
        assert!(waiting.is_err());
        drop(lease);
        assert!(pool.lease(1).await.is_ok());
    }
}
