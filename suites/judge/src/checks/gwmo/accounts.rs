//! By which accounts a gateway speaks to its server.

use std::collections::BTreeSet;

use super::super::dm::talk::Talk;
use super::{Found, said};

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
