//! LwM2M servers whose secured associations are worth too little.

use twinproof_coap::Code;
use twinproof_lwm2m::server::rules::{self as facts, Rules, Standard};

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "one-key-for-all" "lets everybody in who has the key of its first device" breaks "LW-SEC-01"
    caught by { "lwm2m/security/who-has-the-key" "lwm2m/kept-out" }
    fn key(&self, f: facts::KeyFacts<'_>) -> Option<Vec<u8>> { f.first.map(<[u8]>::to_vec) }

    "any-name" "registers a device under any name, whoever it has shown to be" breaks "LW-SEC-02"
    caught by {
        "lwm2m/security/no-other-name" "lwm2m/refused",
        "lwm2m/security/no-other-name" "lwm2m/confirmed",
    }
    fn refuses_peer(&self, f: facts::PeerFacts) -> Option<Code> {
        Standard.refuses_peer(f).filter(|_| !f.shown)
    }

    "served-in-the-clear" "registers a device in the clear that has credentials" breaks "LW-SEC-04"
    caught by { "lwm2m/security/not-in-the-clear" "lwm2m/refused" }
    fn refuses_peer(&self, f: facts::PeerFacts) -> Option<Code> {
        Standard.refuses_peer(f).filter(|_| f.shown)
    }

    "locations-open" "removes a registration for whoever knows where it is" breaks "LW-SEC-05"
    caught by {
        "lwm2m/security/no-other-registration" "lwm2m/refused",
        "lwm2m/security/no-other-registration" "lwm2m/confirmed",
    }
    fn refuses_location(&self, f: facts::LocationFacts) -> Option<Code> {
        Standard.refuses_location(facts::LocationFacts { of_another_identity: false, ..f })
    }

    "tags-unread" "takes what records hold, whatever was changed on the way" breaks "LW-SEC-08"
    caught by { "lwm2m/security/changed-records" "lwm2m/not-taken" }
    fn takes_record(&self, f: facts::RecordFacts) -> bool {
        Standard.takes_record(facts::RecordFacts { authentic: f.protected || f.authentic, ..f })
    }

    "clear-records-taken" "takes what comes without protection in a session" breaks "LW-SEC-08"
    caught by { "lwm2m/security/unprotected-records" "lwm2m/not-taken" }
    fn takes_record(&self, f: facts::RecordFacts) -> bool {
        Standard.takes_record(f) || !f.protected
    }

    "replays-taken" "takes a record as often as it comes" breaks "LW-SEC-10"
    caught by { "lwm2m/security/replayed-records" "lwm2m/taken-once" }
    fn takes_record(&self, f: facts::RecordFacts) -> bool {
        Standard.takes_record(facts::RecordFacts { came_before: false, ..f })
    }

    "one-session-each" "has no second session for a device" breaks "LW-SEC-14"
    caught by { "lwm2m/security/new-session" "lwm2m/let-in" }
    fn key(&self, f: facts::KeyFacts<'_>) -> Option<Vec<u8>> {
        Standard.key(f).filter(|_| f.before == 0)
    }
};
