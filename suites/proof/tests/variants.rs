//! No lawful system gets a fail.

#![expect(
    clippy::print_stdout,
    reason = "what could not be decided is worth reading, whatever the verdicts are"
)]

use std::collections::BTreeMap;

use twinproof_proof::variants::{Extent, Options, tolerance};
use twinproof_stage::Kind;

/// The values that no verdict meets. A value that verdicts meet from now on is taken out.
const UNMET: [(&str, &str); 7] = [
    // What it takes away is what its scenarios need, and that is inconclusive by name.
    ("notification channels", "not offered"),
    // No scenario changes the name on the secondary's side.
    ("name on the secondary's side", "may be changed there"),
    // No scenario sends, or takes, only what no enabler has to know.
    ("format not supported", "415 POL0011"),
    ("format not supported", "POL2007"),
    ("format not supported", "400"),
    ("nothing acceptable", "406 POL0011"),
    ("nothing acceptable", "default format"),
];

fn sound(enabler: &str, unmet: &[(&str, &str)], uncovered: &[&str]) {
    let full = std::env::var_os("TWINPROOF_FULL").is_some();
    let options = Options {
        enabler: enabler.to_owned(),
        only: None,
        extent: if full {
            Extent::EachPair
        } else {
            Extent::EachValue
        },
        kind: Kind::Virtual,
        seed: 7,
        jobs: 2,
    };
    let tolerance = tolerance(options, &|_| {}).unwrap();
    let mut undecided: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (scenario, reason) in tolerance.variants.iter().flat_map(|row| &row.inconclusive) {
        undecided.entry(scenario).or_insert((0, reason)).0 += 1;
    }
    println!("{tolerance}\n{undecided:#?}");
    assert_eq!(tolerance.summary.false_fails, 0, "{tolerance}");
    let absent: Vec<_> = tolerance
        .values
        .iter()
        .filter(|v| v.variants == 0)
        .collect();
    assert!(absent.is_empty(), "{absent:?}");
    if full {
        let seen: Vec<(&str, &str)> = tolerance
            .values_unmet()
            .map(|value| (&*value.dimension, &*value.value))
            .collect();
        assert_eq!(seen, unmet, "{tolerance}");
        assert_eq!(tolerance.knobs_uncovered, uncovered);
    }
}

#[test]
fn no_variant_of_twinning_fails() {
    // What no variant may change: they would be further protocols, or less than the texts demand.
    sound("twinning", &UNMET, &["formats", "inter_operator"]);
}

#[test]
fn no_variant_of_lwm2m_fails() {
    let unmet = [
        // No scenario has two operations for one device under way.
        ("requests under way", "several"),
        ("requests under way", "one at a time"),
    ];
    sound("lwm2m", &unmet, &[]);
}

#[test]
fn no_variant_of_gwmo_fails() {
    // What no scenario reads: whatever they are called, no verdict hangs on it.
    let unread = [
        "names.address_private",
        "names.address_public",
        "names.image_data",
        "names.image_state",
        "names.record_address_type",
        "names.record_maker",
        "names.state",
    ];
    sound("gwmo", &[], &unread);
}

#[test]
fn no_variant_of_dm_fails() {
    let unmet = [
        // Who does not know the nonce that both are sure to share ignores what is signed with it, which is inconclusive.
        ("resynchronisation of nonces", "unknown"),
        // Who is asked for more says nothing else.
        ("wish for the next message", "always said"),
        ("wish for the next message", "said where nothing else is"),
    ];
    sound("dm", &unmet, &[]);
}
