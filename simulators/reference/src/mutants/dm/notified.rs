//! Broken DM clients, in what they make of a notification.

use twinproof_dm::auth::Scheme;
use twinproof_dm::carrier::Carrier;
use twinproof_dm::client::rules::decide::{Rules, Standard};
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::notification::UiMode;

use super::super::{Mutant, mutants};

/// All of them.
pub(in super::super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "dm-client-is-deaf-to-wap" "takes no WAP push" breaks "DM-CLI-18"
    caught by { "dm/carriers/wsp" "dm/announced" }
    fn takes_from(&self, carrier: Carrier) -> bool { carrier != Carrier::Wsp }

    "dm-client-is-deaf-to-sip" "takes no push by SIP" breaks "DM-HLF-003"
    caught by { "dm/carriers/sip" "dm/announced" }
    fn takes_from(&self, carrier: Carrier) -> bool { carrier != Carrier::Sip }

    "dm-client-listens-for-others" "takes what is pushed to another application" breaks "DM-HLF-003"
    also breaks { "DM-CLI-18" because "it does so whatever brings the push" }
    caught by {
        "dm/carriers/sip-for-another" "dm/ignored",
        "dm/carriers/wsp-for-another" "dm/ignored",
    }
    fn listens(&self, _ours: bool) -> bool { true }

    "dm-client-keeps-its-nonce" "comes with the nonce that its server has forgotten" breaks "DM-CLI-48"
    caught by { "dm/notification/resynchronised" "dm/proven-at-once" }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        match Standard.triggered(facts) {
            Triggered::Resynchronise => Triggered::Start,
            other => other,
        }
    }

    "dm-client-sleeps" "takes no notification" breaks "DM-HLF-016"
    also breaks { "DM-HLF-008" because "who takes no notification asks nobody" }
    caught by { "dm/notification/http-push" "dm/announced" }
    fn triggered(&self, _facts: TriggerFacts) -> Triggered { Triggered::Ignore }

    "dm-client-wakes-for-anybody" "takes notifications whose digest is wrong" breaks "DM-CLI-13"
    also breaks {
        "DM-CLI-48" because "whom any digest wakes comes with the nonce that it has",
        "DM-HLF-003" because "it matters not what brings them",
    }
    caught by {
        "dm/notification/forged" "dm/ignored",
        "dm/notification/out-of-date" "dm/ignored",
    }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        Standard.triggered(TriggerFacts { signed: true, ..facts })
    }

    "dm-client-wakes-twice" "takes a notification as often as it comes" breaks "DM-CLI-13"
    also breaks { "DM-HLF-003" because "it matters not what brings them" }
    caught by { "dm/notification/once" "dm/announced" }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        Standard.triggered(TriggerFacts { repeated: false, ..facts })
    }

    "dm-client-takes-no-wishes" "takes no notification that asks for more than a session" breaks "DM-HLF-006"
    also breaks {
        "DM-HLF-007", "DM-HLF-008", "DM-HLF-014", "DM-HLF-015" because "each of them is asked for in a notification",
    }
    caught by {
        "dm/notification-options/in-time" "dm/awake",
        "dm/notification-options/reason" "dm/awake",
    }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        match facts.plain {
            true => Standard.triggered(facts),
            false => Triggered::Ignore,
        }
    }

    "dm-client-comes-late" "comes however late it is" breaks "DM-HLF-006"
    caught by {
        "dm/notification-options/too-late" "dm/expired",
        "dm/notification-options/too-late-to-tell" "dm/not-told",
    }
    fn expired(&self, _now: u64, _until: Option<u32>) -> bool { false }

    "dm-client-always-late" "takes every end for one that has passed" breaks "DM-HLF-006"
    caught by { "dm/notification-options/in-time" "dm/awake" }
    fn expired(&self, _now: u64, until: Option<u32>) -> bool { until.is_some() }

    "dm-client-keeps-reasons" "does not tell its user why a server wants a session" breaks "DM-HLF-008"
    caught by { "dm/notification-options/told-first" "dm/told-first" }
    fn tells(&self, _reason: String) -> String { String::new() }

    "dm-client-reads-reasons-as-markup" "shows of a reason what is left without markup" breaks "DM-HLF-008"
    caught by { "dm/notification-options/told-first" "dm/told-first" }
    fn tells(&self, reason: String) -> String { reason.replace("<b>", "").replace("</b>", "") }

    "dm-client-asks-nobody" "begins sessions that its user is to be asked about" breaks "DM-HLF-008"
    caught by {
        "dm/notification-options/told-first" "dm/told-first",
        "dm/notification-options/refused" "dm/ignored",
    }
    fn asks(&self, _mode: UiMode, _user: bool) -> bool { false }

    "dm-client-own-way" "shows who it is as its account says, whatever a notification wants" breaks "DM-HLF-014"
    caught by { "dm/notification-options/authentication" "dm/begins-with" }
    fn begins_with(&self, account: Scheme, _wanted: Scheme) -> Scheme { account }

    "dm-client-any-way" "shows who it is as weakly as a notification wants" breaks "DM-HLF-014"
    caught by { "dm/notification-options/downgrade" "dm/not-weaker" }
    fn begins_with(&self, _account: Scheme, wanted: Scheme) -> Scheme { wanted }

    "dm-client-no-details" "tells no details in its first message" breaks "DM-HLF-015"
    caught by { "dm/notification-options/detail" "dm/detailed" }
    fn discloses(&self, _granted: bool) -> bool { false }

    "dm-client-tells-secrets" "tells a server what it may not read" breaks "DM-HLF-015"
    caught by { "dm/notification-options/secret" "dm/withheld" }
    fn discloses(&self, _granted: bool) -> bool { true }
};
