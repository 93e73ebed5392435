//! What sequences should find of each mutant: set down from a run over all of them.

/// What a search should find.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// One of these invariants is seen broken.
    Breaks(&'static [&'static str]),
    /// None can be, for this reason.
    None(&'static str),
}

use Expected::{Breaks, None};

const ABROAD: &str =
    "the other operator is only watched for what is said of the twinning that it shares";
const CLAIMS: &str = "it shows only where a client sends what the server fills in, and none does";
const CREDENTIALS: &str =
    "it shows only with a credential that is missing, wrong or of another kind";
const FIELDS: &str = "no invariant is about this element";
const GRANTS: &str =
    "no command uses what an authorization code gives, or uses a code otherwise than it should";
const LAWFUL: &str = "it shows only where a request is not as it should be, and all are";
const LOOKS: &str = "it is about how an answer looks, and no invariant is";
const STATUS: &str = "of what is told only the status and the wish are looked at";
const TOO_SOON: &str = "a code may die before its time (TW-C23)";

/// A line for every mutant of a Twinning enabler.
pub(super) const EXPECTED: &[(&str, Expected)] = &[
    ("no-token-needed", None(CREDENTIALS)),
    ("invented-token-works", None(CREDENTIALS)),
    ("expired-token-works", None(CREDENTIALS)),
    ("revoked-token-works", Breaks(&["I18"])),
    ("any-token-works", None(CREDENTIALS)),
    ("no-challenge", None(CREDENTIALS)),
    ("nobody-is-oneself", None(CREDENTIALS)),
    ("anybody-may-read", Breaks(&["I30"])),
    ("reading-closed", Breaks(&["I20"])),
    ("no-twinning-token", Breaks(&["I0"])),
    ("twinning-token-useless", Breaks(&["I0"])),
    ("twinning-token-cannot-read", None(CREDENTIALS)),
    ("twinning-token-cannot-end", Breaks(&["I0", "I31"])),
    ("token-of-the-primary", Breaks(&["I20"])),
    ("token-cacheable", None(LOOKS)),
    ("token-refusal-faults", None(CREDENTIALS)),
    ("authcode-worthless", Breaks(&["I0"])),
    ("authcode-redeemable-twice", None(GRANTS)),
    ("authcode-of-anybody", None(GRANTS)),
    ("authcode-outlives-twinning", Breaks(&["I18"])),
    ("refresh-survives", None(GRANTS)),
    ("tokens-survive", Breaks(&["I18"])),
    ("network-open-to-none", None(GRANTS)),
    ("network-outlives-twinning", Breaks(&["I18"])),
    ("reuse-takes-nothing-back", None(GRANTS)),
    ("news-scope-opens-nothing", None(CREDENTIALS)),
    ("code-reusable", Breaks(&["I5", "I31", "I1"])),
    ("code-never-expires", Breaks(&["I6"])),
    ("code-expires-early", None(TOO_SOON)),
    (
        "code-comes-back",
        Breaks(&["I5", "I15", "I17", "I20", "I31"]),
    ),
    ("own-code-accepted", Breaks(&["I3"])),
    ("code-adopted", None(CLAIMS)),
    ("code-always-the-same", Breaks(&["I8", "I7", "I5", "I0"])),
    ("code-missing", Breaks(&["I0"])),
    ("operator-missing", None(FIELDS)),
    ("code-and-operator-in-one", Breaks(&["I0"])),
    ("code-for-the-primary", None(FIELDS)),
    ("reference-without-code", Breaks(&["I0"])),
    ("any-role-is-secondary", None(LAWFUL)),
    ("code-claim-faults", None(CLAIMS)),
    ("code-request-faults", Breaks(&["I0"])),
    ("operator-refusal-faults", None(LAWFUL)),
    ("location-missing", None(LOOKS)),
    ("address-adopted", None(CLAIMS)),
    ("address-changed", None(CLAIMS)),
    ("address-missing", Breaks(&["I22"])),
    ("address-bare", Breaks(&["I22"])),
    ("address-claim-faults", None(CLAIMS)),
    ("peer-adopted", None(CLAIMS)),
    ("peer-changed", None(CLAIMS)),
    ("peer-missing", Breaks(&["I14", "I7"])),
    ("peer-missing-when-off", Breaks(&["I10", "I14"])),
    ("peer-wrong", Breaks(&["I20", "I15", "I7"])),
    ("partner-while-pending", Breaks(&["I14"])),
    ("partner-claim-faults", Breaks(&["I0"])),
    ("voice-mail-missing", None(FIELDS)),
    ("name-lost", None(FIELDS)),
    ("name-refused", Breaks(&["I0"])),
    ("name-not-made", Breaks(&["I21"])),
    ("names-collide", None(FIELDS)),
    ("name-refusal-faults", None(LAWFUL)),
    ("list-forgets-off", Breaks(&["I10", "I20"])),
    ("list-shows-all", Breaks(&["I2", "I22", "I8"])),
    ("authcode-adopted-early", None(CLAIMS)),
    ("authcode-missing", None(FIELDS)),
    ("authcode-shown-to-primary", Breaks(&["I16"])),
    ("authcode-while-pending", None(FIELDS)),
    ("authcode-always-the-same", Breaks(&["I0"])),
    ("authcode-claim-faults", Breaks(&["I0"])),
    ("url-of-another", Breaks(&["I22"])),
    ("everybody-is-told", Breaks(&["I23"])),
    ("stranger-is-told", Breaks(&["I30", "I23"])),
    ("nobody-is-told", Breaks(&["I23"])),
    ("refused-is-news", Breaks(&["I23"])),
    ("wish-outlives-its-end", Breaks(&["I25"])),
    ("wish-never-ends", Breaks(&["I25"])),
    ("wish-counts-twice", Breaks(&["I33"])),
    ("news-without-link", None(LOOKS)),
    ("news-once", Breaks(&["I32"])),
    ("channel-closed", Breaks(&["I34"])),
    ("news-of-another-twinning", None(STATUS)),
    ("named-operator-ignored", Breaks(&["I0"])),
    ("code-made-up", None(ABROAD)),
    ("refusal-remains", Breaks(&["I14", "I20", "I9"])),
    ("partner-cannot-begin", Breaks(&["I0"])),
    ("partner-cannot-switch", Breaks(&["I0"])),
    ("nothing-goes-abroad", Breaks(&["I32"])),
    ("echo", Breaks(&["I32"])),
    ("tells-all-partners", None(ABROAD)),
    ("toggle-abroad-posted", Breaks(&["I32"])),
    ("data-abroad-posted", Breaks(&["I0"])),
    ("activation-abroad-patched", Breaks(&["I0"])),
    ("activation-abroad-faults", Breaks(&["I0"])),
    ("partner-told-no-primary", None(FIELDS)),
    ("partner-told-no-authcode", None(FIELDS)),
    ("forged-news-believed", Breaks(&["I23"])),
    ("any-status-is-off", None(LAWFUL)),
    ("starts-on", None(CLAIMS)),
    ("secondary-starts-on", Breaks(&["I14"])),
    ("primary-starts-off", Breaks(&["I11", "I12", "I32"])),
    (
        "secondary-stays-pending",
        Breaks(&["I14", "I12", "I32", "I0"]),
    ),
    ("pending-may-be-switched", None(LAWFUL)),
    ("primary-becomes-secondary", Breaks(&["I2"])),
    ("secondary-becomes-primary", Breaks(&["I2"])),
    ("two-primaries", Breaks(&["I1", "I0", "I31"])),
    ("one-secondary-only", Breaks(&["I0"])),
    ("former-partners-refused", Breaks(&["I19", "I0"])),
    ("toggle-here-only", Breaks(&["I12", "I11", "I32"])),
    ("toggle-there-only", Breaks(&["I11", "I12"])),
    ("secondary-cannot-toggle", Breaks(&["I11"])),
    ("repeated-toggle-flips", Breaks(&["I13"])),
    ("toggle-on-faults", Breaks(&["I0"])),
    (
        "toggle-changes-others",
        Breaks(&["I14", "I11", "I10", "I2"]),
    ),
    ("toggle-terminates", Breaks(&["I10", "I17", "I20"])),
    ("ends-one-side", Breaks(&["I15", "I17", "I31", "I20"])),
    ("nothing-ends", Breaks(&["I17", "I18", "I31"])),
    ("ended-again-is-fine", None(LAWFUL)),
    ("secondary-ends-again", Breaks(&["I18"])),
    ("deletion-faults", Breaks(&["I0", "I31"])),
    ("end-changes-others", Breaks(&["I14", "I11"])),
    ("refused-activation-changes", Breaks(&["I9", "I14"])),
    ("refused-change-changes", Breaks(&["I31", "I14", "I9"])),
    (
        "refused-deletion-changes",
        Breaks(&["I2", "I14", "I31", "I9"]),
    ),
    (
        "refused-reading-changes",
        Breaks(&["I9", "I14", "I13", "I29", "I26", "I11"]),
    ),
    ("associations-lost", Breaks(&["I20", "I26"])),
    ("status-not-persisted", Breaks(&["I11", "I26"])),
    ("status-claim-faults", None(CLAIMS)),
    ("any-version", None(LAWFUL)),
    ("version-missing", Breaks(&["I22"])),
    ("garbage-is-a-request", None(LAWFUL)),
    ("xml-differs", Breaks(&["I27"])),
    ("refusal-without-reason", None(LOOKS)),
    ("no-allow", None(LAWFUL)),
    ("any-verb", None(LAWFUL)),
    ("status-of-its-own", Breaks(&["I0"])),
    ("deeds-in-addresses", Breaks(&["I22"])),
    ("network-terms", None(LOOKS)),
    (
        "no-limit",
        None("fewer devices take part than the limit allows"),
    ),
    ("blind-abroad", Breaks(&["I2"])),
    ("back-to-pending", None(LAWFUL)),
    ("end-not-persisted", Breaks(&["I17", "I20", "I26"])),
    ("network-open-to-all-tokens", None(GRANTS)),
    (
        "wish-cannot-be-prolonged",
        None("no command asks for more time"),
    ),
    (
        "wishes-hidden",
        None("no command asks which wishes there are"),
    ),
    ("calls-for-ever", Breaks(&["I25"])),
    (
        "channel-brings-all-at-once",
        None("no command opens a channel that takes few at a time"),
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use twinproof_reference::mutants;

    use super::{EXPECTED, Expected};
    use crate::properties::ALL;

    #[test]
    fn every_mutant_has_a_line_and_every_line_a_mutant() {
        let mutants: Vec<_> = mutants::twinning().map(|mutant| mutant.name).collect();
        let lines: Vec<_> = EXPECTED.iter().map(|(name, _)| *name).collect();
        let once: BTreeSet<_> = lines.iter().collect();
        assert_eq!(once.len(), lines.len(), "a mutant has two lines");
        let missing: Vec<_> = mutants.iter().filter(|m| !lines.contains(m)).collect();
        let stale: Vec<_> = lines.iter().filter(|l| !mutants.contains(l)).collect();
        assert!(
            missing.is_empty() && stale.is_empty(),
            "write down here whether these break an invariant: {missing:?}; these are gone: {stale:?}"
        );
    }

    #[test]
    fn every_invariant_that_is_named_exists_and_no_line_is_empty() {
        for (name, expected) in EXPECTED {
            match expected {
                Expected::Breaks(ids) => {
                    assert!(!ids.is_empty(), "{name}");
                    let known = |id: &str| ALL.iter().any(|invariant| invariant.id == id);
                    assert!(ids.iter().all(|id| known(id)), "{name}");
                }
                Expected::None(why) => assert!(!why.is_empty(), "{name}"),
            }
        }
    }
}
