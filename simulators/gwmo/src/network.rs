//! A network that hides what is inside: an address translator with a firewall.
//!
//! Nothing crosses from outside to inside but on a flow that somebody inside opened, and that is not older
//! than its lifetime. Whatever was tried stands in what was [seen](Hiding::seen).

use std::collections::BTreeMap;
use std::time::Duration;

use twinproof_kernel::Time;

/// Who wanted to reach whom, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Time,
    /// Who.
    pub from: String,
    /// Whom.
    pub to: String,
    /// Whether it came from outside.
    pub inward: bool,
    /// Whether it crossed.
    pub crossed: bool,
}

/// The network.
#[derive(Clone, Debug)]
pub struct Hiding {
    lifetime: Duration,
    /// When something last crossed between somebody inside and somebody outside, on flows that were opened.
    flows: BTreeMap<(String, String), Time>,
    seen: Vec<Seen>,
}

impl Hiding {
    /// A network whose flows close after `lifetime` without traffic.
    #[must_use]
    pub fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            flows: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// Somebody inside sends to somebody outside: it crosses, and may be answered.
    pub fn outward(&mut self, at: Time, from: &str, to: &str) {
        self.flows.insert((from.to_owned(), to.to_owned()), at);
        self.note(at, (from, to), false, true);
    }

    /// Somebody outside sends to somebody inside. Says whether it crosses.
    pub fn inward(&mut self, at: Time, from: &str, to: &str) -> bool {
        let lifetime = self.lifetime;
        let flow = self.flows.get_mut(&(to.to_owned(), from.to_owned()));
        let open = flow.filter(|last| at.since(**last) < lifetime);
        let crossed = open.is_some();
        if let Some(last) = open {
            *last = at;
        }
        self.note(at, (from, to), true, crossed);
        crossed
    }

    fn note(&mut self, at: Time, (from, to): (&str, &str), inward: bool, crossed: bool) {
        self.seen.push(Seen {
            at,
            from: from.to_owned(),
            to: to.to_owned(),
            inward,
            crossed,
        });
    }

    /// Everything that was tried, in order: what taps on both sides would show.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// How often somebody outside was turned away.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.seen.iter().filter(|seen| !seen.crossed).count()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinproof_kernel::Time;

    use super::Hiding;

    #[test]
    fn only_who_was_spoken_to_may_answer_and_only_in_time() {
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let mut network = Hiding::new(Duration::from_secs(30));
        assert!(!network.inward(at(0), "server", "device"));
        network.outward(at(1), "device", "server");
        assert!(network.inward(at(2), "server", "device"));
        assert!(!network.inward(at(2), "stranger", "device"));
        assert!(!network.inward(at(2), "server", "other"));
        // Each answer keeps the flow open.
        assert!(network.inward(at(31), "server", "device"));
        assert!(!network.inward(at(61), "server", "device"));
        assert_eq!((network.dropped(), network.seen().len()), (4, 7));
    }
}
