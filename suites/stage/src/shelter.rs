//! A network that hides simulated parties from others: what passes between the two sides goes through it.
//!
//! The system under test stands on its border and reaches both sides.

use std::collections::BTreeSet;
use std::time::Duration;

use twinproof_gwmo::network::Hiding;
use twinproof_kernel::Time;
use twinproof_kernel::http::Fault;

/// How long a flow stays open on which nothing is sent.
const LIFETIME: Duration = Duration::from_secs(30);

/// The network, and who is inside.
#[derive(Debug)]
pub(crate) struct Shelter {
    network: Hiding,
    inside: BTreeSet<String>,
}

impl Default for Shelter {
    fn default() -> Self {
        Self {
            network: Hiding::new(LIFETIME),
            inside: BTreeSet::new(),
        }
    }
}

impl Shelter {
    /// From now on a party is inside.
    pub(crate) fn hide(&mut self, name: &str) {
        self.inside.insert(name.to_owned());
    }

    /// Whether what one simulated party sends to another comes through; none if they are on the same side.
    pub(crate) fn passes(&mut self, now: Time, from: &str, to: &str) -> Option<bool> {
        match (self.inside.contains(from), self.inside.contains(to)) {
            (true, false) => {
                self.network.outward(now, from, to);
                Some(true)
            }
            (false, true) => Some(self.network.inward(now, from, to)),
            (true, true) | (false, false) => None,
        }
    }

    /// How often somebody outside was turned away.
    pub(crate) fn turned_away(&self) -> usize {
        self.network.dropped()
    }
}

/// What comes of a request that the network does not let through. Nothing would ever come; nobody has to wait
/// for that here.
pub(crate) fn lost(to: &str) -> Fault {
    Fault::Unreachable(format!(
        "the network that hides {to} lets nothing through that it did not ask for"
    ))
}

#[cfg(test)]
mod tests {
    use twinproof_kernel::Time;

    use super::Shelter;

    #[test]
    fn who_is_inside_is_reached_by_whom_it_spoke_to() {
        let mut shelter = Shelter::default();
        shelter.hide("device");
        let mut passes = |from, to| shelter.passes(Time::ZERO, from, to);
        assert_eq!(passes("server", "device"), Some(false));
        assert_eq!(passes("device", "server"), Some(true));
        assert_eq!(passes("server", "device"), Some(true));
        assert_eq!(passes("server", "other"), None);
        assert_eq!(shelter.turned_away(), 1);
    }
}
