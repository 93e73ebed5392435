//! By which accounts a gateway speaks to its server, and how often it shows them.

use std::collections::BTreeSet;

use super::super::dm::talk::Talk;
use super::{Found, Session, said};
use crate::scene::Scene;

/// Judges that all that a gateway says is said by one account: as one device, and by one user name.
pub(super) fn one_account(talks: &[Talk], expected: String) -> Found {
    let own = said(talks).filter(|said| said.by_sut);
    let sources: Vec<_> = own.map(|said| &said.message().header.source).collect();
    let devices: BTreeSet<&str> = sources.iter().map(|source| &*source.uri).collect();
    // A header without credentials need not name a user.
    let names: BTreeSet<&str> = sources.iter().filter_map(|s| s.name.as_deref()).collect();
    let words = |all: &BTreeSet<&str>| all.iter().copied().collect::<Vec<_>>().join(", ");
    let right = devices.len() == 1 && names.len() <= 1;
    let got = format!("{} as {}", words(&devices), words(&names));
    Found::decide(right, expected, got).under(&["GW-D18"])
}

/// In how many sessions the system under test was believed.
fn believed(scene: &Scene, session: &Session) -> (usize, Vec<u64>) {
    let mut talks = session.talks(scene);
    talks.retain(|talk| {
        let mut own = talk.said.iter().filter(|said| said.by_sut);
        own.any(|said| talk.believed(said))
    });
    let numbers = talks.iter().flat_map(Talk::numbers).collect();
    (talks.len(), numbers)
}

/// Judges that a gateway does not authenticate for each device of a group: that would be once more for each but the
/// first. A session more that a lost notification has cost says nothing.
pub(super) fn once(scene: &Scene, one: &Session, all: &Session, devices: usize) -> Found {
    let ((single, before), (group, numbers)) = (believed(scene, one), believed(scene, all));
    let more = devices.saturating_sub(1);
    let expected = format!(
        "fewer than {more} authentications more for {devices} devices than for one, which took {single}"
    );
    if single == 0 || group == 0 {
        return Found::inconclusive(expected, "the gateway was not believed");
    }
    Found::decide(
        group < single + more,
        expected,
        format!("{group} for all of them"),
    )
    .under(&["GW-D19"])
    .shown_by(before)
    .shown_by(numbers)
}
