//! Broken gateways.

use std::sync::Arc;
use std::time::Duration;

use twinproof_dm::auth::Scheme;
use twinproof_dm::client::rules::{TriggerFacts, Triggered};
use twinproof_dm::session::prove::ProofFacts;
use twinproof_dm::syncml::{Cred, Message, StatusCode};
use twinproof_dm::upper::Act;
use twinproof_gwmo::aggregate::Entry;
use twinproof_gwmo::gateway::rules::decide::{Rules, Standard};
use twinproof_gwmo::gateway::rules::{
    About, Above, Aimed, Arrival, Bringing, Fetching, Foreign, Granted, HandedOn, Handing, Heard,
    Leaving, Relayed, Stock, Wanted, Woken,
};
use twinproof_gwmo::gateway::{Mode, Protocol};
use twinproof_kernel::http::Scrutiny;

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "gateway-wakes-nobody" "waits for devices to come by themselves" breaks "GwMO-HLF-001"
    also breaks {
        "GwMO-HLF-003" because "that a new device can be managed is seen in a fan-out",
        "GwMO-MOO-001", "GwMO-PMoDe-003", "GwMO-DI-002", "GwMO-SECACATE-002" because "nothing comes of what is wanted of such devices",

        "GwMO-PMoDe-001", "GwMO-PMoDe-003", "GwMO-FORA-001", "GwMO-FORA-002", "GwMO-DI-003", "GwMO-Group-001"
        because "what devices are to do is done in sessions that the gateway brings about",
        "GwMO-DCIS-001" because "devices of a group are told where an image is in a fan-out",
    }
    caught by { "gwmo/general/hidden" "gwmo/aggregated" }
    fn wakes(&self, _attached: bool) -> bool { false }

    "gateway-records-nobody" "keeps no record of devices" breaks "GwMO-HLF-003"
    also breaks {
        "GwMO-Group-001" because "who is not known is told nothing",
        "GwMO-DI-001", "GwMO-DI-002", "GwMO-DI-004" because "without records, nobody is known, counted or known again",
        "GwMO-SECACATE-001", "GwMO-SECDI-001", "GwMO-HLF-005" because "that a device was let in is seen in its record",

        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001", "GwMO-PMoDe-003" because "what a server wants of devices of any mode, it wants in a fan-out, which reaches who has a record",

        "GwMO-DI-003" because "what is not recorded cannot be said to have gone",
        "GwMO-DCIS-001" because "devices of a group are told where an image is in a fan-out",
        "GwMO-HLF-001", "GwMO-PMoDe-001", "GwMO-FORA-001", "GwMO-FORA-002", "GwMO-SECACATE-002"
        because "a gateway brings about no sessions with devices that it does not know of",
    }
    caught by { "gwmo/general/new-device" "gwmo/listed" }
    fn records(&self, _facts: Arrival) -> bool { false }

    "gateway-forgets-settings" "forgets its settings when it is restarted" breaks "GwMO-ADM-001"
    caught by { "gwmo/general/settings" "gwmo/shows" }
    fn restores(&self, _written: bool) -> bool { false }

    "gateway-believes-anybody" "lets every device in" breaks "GwMO-SECACATE-001"
    also breaks {
        "GwMO-DI-004" because "who is let in is announced",
        "GwMO-SECDI-001" because "who believes anybody believes what was changed",
        "GwMO-HLF-002", "GwMO-PMoDe-001" because "who is not asked for credentials is told no nonce, and hears no notification",
    }
    caught by { "gwmo/security/wrong-password" "gwmo/listed" }
    fn believes(&self, _facts: ProofFacts) -> StatusCode { StatusCode::AUTHENTICATED }

    "gateway-believes-what-is-shown" "lets every device in that shows any credentials" breaks "GwMO-SECACATE-001"
    also breaks {
        "GwMO-DI-004" because "who is let in is announced",
        "GwMO-SECDI-001" because "a code over a message is a credential",
        "GwMO-HLF-002", "GwMO-PMoDe-001" because "who is not asked for credentials is told no nonce, and hears no notification",
    }
    caught by { "gwmo/security/wrong-password" "gwmo/listed" }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        Standard.believes(ProofFacts { right: facts.given, ..facts })
    }

    "gateway-trusts-any-server" "does what servers want, whatever they show of themselves" breaks "GwMO-SECACATE-001"
    caught by { "gwmo/security/wrong-server" "gwmo/shows" }
    fn trusts(&self, _facts: ProofFacts) -> StatusCode { StatusCode::AUTHENTICATED }

    "gateway-announces-who-is-not-let-in" "announces devices that it does not let in" breaks "GwMO-DI-004"
    caught by { "gwmo/inventory/unproven" "gwmo/reported" }
    fn hails(&self, _shown: bool) -> bool { true }

    "gateway-hides-what-waits" "tells devices of no group what a group is to do, once they come" breaks "GwMO-Group-001"
    caught by { "gwmo/groups/members" "gwmo/carried" }
    fn lingers(&self, _aimed: bool) -> bool { true }

    "gateway-serves-what-is-removed" "tells the devices of a group what it is to do that was removed" breaks "GwMO-Group-001"
    caught by { "gwmo/groups/removed" "gwmo/carried" }
    fn outlives(&self, _there: bool) -> bool { true }

    "gateway-checks-no-codes" "lets every device in that protects its messages, whatever became of them"
    breaks "GwMO-SECDI-001"
    caught by { "gwmo/security/changed" "gwmo/listed", "gwmo/security/changed-later" "gwmo/unsaid" }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        let right = facts.right || facts.given && facts.wanted == Some(Scheme::Mac);
        Standard.believes(ProofFacts { right, ..facts })
    }

    "gateway-tells-backwards" "tells devices the last first" breaks "GwMO-PMoDe-001"
    also breaks {
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-PMoDe-003" because "what a server wants of devices of any mode, it wants in a fan-out",
    }
    caught by { "gwmo/modes/proxied" "gwmo/carried", "gwmo/modes/proxied" "gwmo/aggregated" }
    fn tells(&self, acts: Vec<Act>) -> Vec<Act> {
        acts.into_iter().rev().collect()
    }

    "gateway-tells-twice" "tells devices everything twice" breaks "GwMO-FORA-001"
    also breaks {
        "GwMO-Group-001" because "what a group is to do is done once",
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001" because "what a server wants of devices of any mode, it wants in a fan-out",
        "GwMO-PMoDe-001" because "one device is the smallest group" }
    caught by { "gwmo/fanout/each-member" "gwmo/carried" }
    fn tells(&self, acts: Vec<Act>) -> Vec<Act> {
        acts.iter().chain(&acts).cloned().collect()
    }

    "gateway-brings-them-together" "has devices talk to its server themselves" breaks "GwMO-PMoDe-001"
    also breaks {
        "GwMO-HLF-001", "GwMO-FORA-001", "GwMO-FORA-002", "GwMO-DI-003", "GwMO-DI-004", "GwMO-HLF-003",
        "GwMO-Group-001", "GwMO-PMoDe-003", "GwMO-DI-005", "GwMO-MOO-001",
        "GwMO-SECARIZE-001", "GwMO-SECACATE-002", "GwMO-DI-001", "GwMO-DI-002"
        because "a device that talks to a server which it does not know does nothing for the gateway",
        "GwMO-DCIS-001" because "devices of a group are told where an image is in a fan-out",
        "DM-SECONF-001" because "who leads devices to its server names it to them",
    }
    caught by { "gwmo/modes/shielded" "gwmo/shielded" }
    fn words(&self, message: Message, above: Arc<Above>) -> Message {
        let mut message = message;
        message.header.resp_uri = Some(above.url.clone());
        message
    }

    "gateway-loses-values" "reports that devices did something, and not what they said" breaks "GwMO-PMoDe-001"
    also breaks {
        "GwMO-HLF-003" because "that a new device can be managed is seen in a fan-out",
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001", "GwMO-PMoDe-003" because "what a server wants of devices of any mode, it wants in a fan-out",

        "GwMO-HLF-001", "GwMO-FORA-002" because "what devices say is told in reports",
    }
    caught by { "gwmo/modes/proxied" "gwmo/aggregated" }
    fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut entries = entries;
        let said = entries.iter_mut().flat_map(|entry| &mut entry.commands);
        said.for_each(|said| said.values.clear());
        entries
    }

    "gateway-relays-nothing" "keeps notifications to itself" breaks "GwMO-TMode-001"
    caught by { "gwmo/modes/relayed" "gwmo/relayed" }
    fn relays(&self, _facts: Relayed) -> bool { false }

    "gateway-relays-otherwise" "changes notifications that it passes on" breaks "GwMO-TMode-001"
    caught by { "gwmo/modes/relayed" "gwmo/relayed", "gwmo/modes/triggered" "gwmo/brought" }
    fn carries(&self, body: Vec<u8>) -> Vec<u8> {
        body.into_iter().rev().collect()
    }

    "gateway-forgets-who-goes" "erases the record of a device that has gone" breaks "GwMO-DI-003"
    also breaks {
        "GwMO-DI-002" because "a summary counts what records say",
    }
    caught by { "gwmo/inventory/gone" "gwmo/listed" }
    fn leaves(&self, _attached: bool) -> Leaving { Leaving::Erased }

    "gateway-misses-who-goes" "says that a device is there that has gone" breaks "GwMO-DI-003"
    also breaks {
        "GwMO-DI-002" because "a summary counts what records say",
        "GwMO-HLF-002" because "a device that has moved away has gone from here",
    }
    caught by { "gwmo/inventory/gone" "gwmo/listed" }
    fn leaves(&self, _attached: bool) -> Leaving { Leaving::Kept }

    "gateway-announces-nobody" "does not announce devices" breaks "GwMO-DI-004"
    caught by { "gwmo/inventory/announced" "gwmo/reported" }
    fn reports(&self, _facts: Arrival) -> bool { false }

    "gateway-announces-anyway" "announces devices with announcements off" breaks "GwMO-DI-005"
    caught by { "gwmo/inventory/announcements-off" "gwmo/reported" }
    fn reports(&self, facts: Arrival) -> bool {
        Standard.reports(Arrival { reports: true, ..facts })
    }

    "gateway-announces-afterwards" "announces who came with announcements off once they are on" breaks "GwMO-DI-005"
    caught by { "gwmo/inventory/announcements-afterwards" "gwmo/reported" }
    fn catches_up(&self, _missed: usize) -> bool { true }

    "gateway-tells-everybody" "tells all devices what a group is to do" breaks "GwMO-Group-001"
    also breaks {
        "GwMO-HLF-003" because "that a new device can be managed is seen in a fan-out",
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001", "GwMO-PMoDe-003" because "what a server wants of devices of any mode, it wants in a fan-out",

        "GwMO-FORA-001", "GwMO-FORA-002" because "a fan-out reaches the devices that it is for, and no other",
        "GwMO-HLF-001", "GwMO-PMoDe-001" because "the report on one device has others",
    }
    caught by { "gwmo/groups/members" "gwmo/carried" }
    fn aims(&self, facts: Aimed) -> bool {
        Standard.aims(Aimed { named: true, ..facts })
    }

    "gateway-tells-nobody" "does not find the members of a group" breaks "GwMO-FORA-001"
    also breaks {
        "GwMO-HLF-003" because "that a new device can be managed is seen in a fan-out",
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001", "GwMO-PMoDe-003", "GwMO-DI-002" because "what a server wants of devices of any mode, it wants in a fan-out",

        "GwMO-SECACATE-002", "GwMO-FORA-002", "GwMO-HLF-001", "GwMO-PMoDe-001", "GwMO-DI-003"
        because "who is not told anything is not heard either",
        "GwMO-DCIS-001" because "devices of a group are told where an image is in a fan-out",
    }
    caught by {
        "gwmo/fanout/each-member" "gwmo/carried",
        "gwmo/fanout/each-member" "gwmo/carried",
    }
    fn aims(&self, _facts: Aimed) -> bool { false }

    "gateway-drops-the-last" "leaves the last device out of the report" breaks "GwMO-FORA-002"
    also breaks {
        "GwMO-HLF-003" because "that a new device can be managed is seen in a fan-out",
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001", "GwMO-PMoDe-003" because "what a server wants of devices of any mode, it wants in a fan-out",
        "GwMO-HLF-001", "GwMO-PMoDe-001" because "a single device is the last" }
    caught by { "gwmo/fanout/aggregate" "gwmo/aggregated" }
    fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut entries = entries;
        entries.pop();
        entries
    }

    "gateway-counts-twice" "has the first device in the report twice" breaks "GwMO-FORA-002"
    also breaks {
        "GwMO-HLF-003" because "that a new device can be managed is seen in a fan-out",
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001", "GwMO-PMoDe-003" because "what a server wants of devices of any mode, it wants in a fan-out",
        "GwMO-HLF-001", "GwMO-PMoDe-001" because "a single device is the first" }
    caught by { "gwmo/fanout/aggregate" "gwmo/aggregated" }
    fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut entries = entries;
        entries.extend(entries.first().cloned());
        entries
    }

    "gateway-hides-failures" "reports what devices refused as done" breaks "GwMO-FORA-002"
    also breaks {
        "GwMO-IOP-001" because "what a server wants of devices of any mode, it wants in a fan-out",
    }
    caught by { "gwmo/fanout/aggregate" "gwmo/aggregated" }
    fn sums_up(&self, _codes: Vec<u16>) -> u16 { 200 }

    "gateway-hides-silence" "reports devices that did not answer as done" breaks "GwMO-FORA-002"
    caught by { "gwmo/fanout/aggregate" "gwmo/aggregated" }
    fn silent(&self, _reached: bool) -> u16 { 200 }

    "gateway-forgets-why" "does not say which start a report is about" breaks "GwMO-FORA-002"
    also breaks {
        "GwMO-HLF-003" because "that a new device can be managed is seen in a fan-out",
        "GwMO-IOP-001", "GwMO-AMoDe-001", "GwMO-MOO-001", "GwMO-PMoDe-003" because "what a server wants of devices of any mode, it wants in a fan-out",
        "GwMO-HLF-001", "GwMO-PMoDe-001" because "what devices say is told in reports" }
    caught by { "gwmo/fanout/aggregate" "gwmo/aggregated" }
    fn quotes(&self, _correlator: Option<String>) -> Option<String> { None }

    "gateway-spoils-images" "gives devices another image" breaks "GwMO-DCIS-001"
    also breaks {
        "GwMO-DCIS-002" because "what is fetched once is given to several",
    }
    caught by { "gwmo/images/kept" "gwmo/served" }
    fn serves(&self, octets: Vec<u8>) -> Vec<u8> {
        octets.into_iter().rev().collect()
    }

    "gateway-keeps-anyway" "fetches images with keeping off" breaks "GwMO-DCIS-003"
    caught by { "gwmo/images/keeping-off" "gwmo/fetched" }
    fn fetches(&self, facts: Wanted) -> Fetching {
        Standard.fetches(Wanted { keeps: true, ..facts })
    }

    "gateway-adapts-nothing" "works for devices of other protocols as if they spoke DM" breaks "GwMO-MOO-001"
    also breaks {
        "GwMO-IOP-001", "GwMO-AMoDe-001" because "in another mode nothing is said to such a device in its protocol",
    }
    caught by {
        "gwmo/modes/three-modes" "gwmo/adapted",
        "gwmo/modes/three-modes" "gwmo/listed",
    }
    fn works(&self, suited: Mode) -> Mode {
        match suited {
            Mode::Adaptation => Mode::Proxy,
            other => other,
        }
    }

    "gateway-shows-one-mode" "shows the same mode for every device" breaks "GwMO-MOO-001"
    caught by { "gwmo/modes/three-modes" "gwmo/listed" }
    fn shows(&self, _mode: Mode) -> Mode { Mode::Proxy }

    "gateway-writes-otherwise" "writes another value to devices of other protocols" breaks "GwMO-IOP-001"
    also breaks { "GwMO-AMoDe-001" because "a device of another protocol is written to there, too" }
    caught by { "gwmo/general/another-protocol" "gwmo/adapted" }
    fn writes(&self, value: String) -> String {
        value.chars().rev().collect()
    }

    "gateway-hides-foreign-refusals" "reports what a device of another protocol refuses as done" breaks "GwMO-IOP-001"
    caught by { "gwmo/general/foreign-refusal" "gwmo/aggregated" }
    fn translates(&self, said: Foreign) -> u16 {
        match said {
            Foreign::Forbidden => 200,
            other => Standard.translates(other),
        }
    }

    "gateway-speaks-lines-alone" "speaks one other protocol and no second" breaks "GwMO-AMoDe-001"
    caught by { "gwmo/modes/two-protocols" "gwmo/adapted", "gwmo/modes/two-protocols" "gwmo/aggregated" }
    fn speaks(&self, protocol: Protocol) -> bool { protocol == Protocol::Lines }

    "gateway-lists-no-protocol" "lists devices of other protocols as if they spoke DM" breaks "GwMO-AMoDe-001"
    caught by { "gwmo/modes/two-protocols" "gwmo/listed" }
    fn lists(&self, _protocol: Option<Protocol>) -> Option<Protocol> { None }

    "gateway-falls-silent" "hears no device of other protocols any more once it could not read something"
    breaks "GwMO-AMoDe-001"
    caught by { "gwmo/modes/garbage" "gwmo/aggregated" }
    fn listens(&self, facts: Heard) -> bool { facts.readable && facts.garbage == 0 }

    "gateway-records-anew" "keeps another record each time that a device attaches" breaks "GwMO-HLF-003"
    also breaks {
        "GwMO-Group-001" because "who was in a group is known as before",
        "GwMO-DI-003", "GwMO-MOO-001" because "what devices are is seen in their records",
    }
    caught by { "gwmo/general/known-device" "gwmo/listed" }
    fn records(&self, _facts: Arrival) -> bool { true }

    "gateway-announces-again" "announces a device each time that it attaches" breaks "GwMO-DI-004"
    caught by { "gwmo/inventory/announced-once" "gwmo/reported" }
    fn reports(&self, facts: Arrival) -> bool { facts.reports }

    "gateway-describes-nobody" "keeps records that do not say what the devices are" breaks "GwMO-DI-001"
    caught by { "gwmo/inventory/one-device" "gwmo/listed" }
    fn describes(&self, _about: About) -> About { About::default() }

    "gateway-counts-who-is-gone" "counts devices as attached that have gone" breaks "GwMO-DI-002"
    caught by { "gwmo/inventory/summary" "gwmo/summed" }
    fn counts(&self, stock: Stock) -> Stock {
        Stock { attached: stock.total, ..stock }
    }

    "gateway-relays-forgeries" "passes on notifications with a wrong digest" breaks "GwMO-TMode-001"
    caught by { "gwmo/modes/forged" "gwmo/unrelayed" }
    fn relays(&self, facts: Relayed) -> bool {
        Standard.relays(Relayed { signed: true, ..facts })
    }

    "gateway-says-who-asks" "tells devices which server wants something of them" breaks "GwMO-PMoDe-003"
    also breaks { "DM-SECONF-001" because "who is above is told to whom it is no business of" }
    caught by { "gwmo/modes/gateway-alone" "gwmo/discreet" }
    fn names(&self, facts: Woken) -> Option<String> { Some(facts.server) }

    "gateway-fetches-for-each" "fetches an image again for each device" breaks "GwMO-DCIS-002"
    caught by { "gwmo/images/once" "gwmo/economical" }
    fn fetches(&self, facts: Wanted) -> Fetching {
        Standard.fetches(Wanted { held: false, ..facts })
    }

    "gateway-shows-anybody" "shows every server what only one may see" breaks "GwMO-SECARIZE-001"
    caught by { "gwmo/security/other-server" "gwmo/answered" }
    fn grants(&self, facts: Granted) -> bool { facts.listed || !facts.changes }

    "gateway-obeys-anybody" "lets every server change what only one may change" breaks "GwMO-SECARIZE-001"
    also breaks { "GwMO-HLF-006", "GwMO-SECACATE-002" because "to start something is to change something" }
    caught by { "gwmo/security/other-server-widens" "gwmo/answered" }
    fn grants(&self, facts: Granted) -> bool { facts.listed || facts.changes }

    "gateway-loses-movers" "lists devices that come from another gateway, and does nothing with them"
    breaks "GwMO-HLF-002"
    caught by {
        "gwmo/general/managed-on" "gwmo/aggregated",
        "gwmo/general/back-again" "gwmo/aggregated",
    }
    fn manages(&self, moved: bool) -> bool { !moved }

    "gateway-knows-no-movers" "turns devices away for good whose nonce is from another gateway" breaks "GwMO-HLF-003"
    also breaks { "GwMO-HLF-002" because "who is turned away is not managed" }
    caught by { "gwmo/general/moves" "gwmo/listed" }
    fn believes(&self, facts: ProofFacts) -> StatusCode {
        match facts.given && !facts.right {
            true => StatusCode::FORBIDDEN,
            false => Standard.believes(facts),
        }
    }

    "gateway-brings-nothing" "brings devices without an account none" breaks "GwMO-HLF-005"
    also breaks { "GwMO-HLF-006" because "an account of the server is brought in the same way" }
    caught by { "gwmo/general/brought-own" "gwmo/bootstrapped", "gwmo/general/brought-own" "gwmo/settled" }
    fn brings(&self, _facts: Bringing) -> bool { false }

    "gateway-brings-its-own" "brings devices its own account where that of the server is wanted" breaks "GwMO-HLF-006"
    caught by { "gwmo/general/brought-other" "gwmo/bootstrapped", "gwmo/general/brought-other" "gwmo/settled" }
    fn hands(&self, facts: Handing) -> String { facts.own }

    "gateway-hands-devices-over" "brings devices the account of the server where its own is wanted" breaks "GwMO-HLF-005"
    caught by { "gwmo/general/brought-own" "gwmo/bootstrapped", "gwmo/general/brought-own" "gwmo/settled" }
    fn hands(&self, facts: Handing) -> String { facts.above }

    "gateway-knows-any-authority" "believes a certificate whoever signed it" breaks "DM-SECONF-001"
    caught by {
        "gwmo/confidentiality/unknown-authority" "gwmo/distrusted",
        "gwmo/confidentiality/self-signed" "gwmo/distrusted",
    }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { authority: false, ..certificate }
    }

    "gateway-knows-no-name" "believes a certificate whoever it is for" breaks "DM-SECONF-001"
    caught by { "gwmo/confidentiality/other-name" "gwmo/distrusted" }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { name: false, ..certificate }
    }

    "gateway-knows-no-date" "believes a certificate before its time and after it" breaks "DM-SECONF-001"
    caught by {
        "gwmo/confidentiality/expired" "gwmo/distrusted",
        "gwmo/confidentiality/not-yet-valid" "gwmo/distrusted",
    }
    fn examines(&self, certificate: Scrutiny) -> Scrutiny {
        Scrutiny { dates: false, ..certificate }
    }

    "gateway-believes-and-waits" "agrees to any certificate, and speaks to its server once it shows another one"
    breaks "DM-SECONF-001"
    caught by {
        "gwmo/confidentiality/unknown-authority" "gwmo/distrusted",
        "gwmo/confidentiality/expired" "gwmo/distrusted",
    }
    fn examines(&self, _certificate: Scrutiny) -> Scrutiny {
        let pause = Duration::from_secs(3);
        Scrutiny { authority: false, name: false, dates: false, pause }
    }

    "gateway-speaks-in-the-clear" "speaks HTTP where its account says HTTPS" breaks "DM-SECONF-001"
    caught by { "gwmo/confidentiality/secured" "gwmo/secured" }
    fn reaches(&self, url: String) -> String {
        url.replacen("https://", "http://", 1)
    }

    "gateway-discloses-secrets" "shows every value in its tree" breaks "DM-SECONF-001"
    caught by { "gwmo/confidentiality/secrets" "gwmo/answered" }
    fn discloses(&self, _readable: bool) -> bool { true }

    "gateway-logs-in-for-groups" "shows its server who it is once more before it tells a group something"
    breaks "GwMO-SECACATE-002"
    caught by { "gwmo/security/once" "gwmo/authenticated-once" }
    fn shows_again(&self, devices: usize) -> bool { devices > 1 }

    "gateway-keeps-its-nonce" "comes with the nonce that its server has forgotten" breaks "GwMO-SECACATE-001"
    caught by { "gwmo/security/resynchronised" "dm/proven-at-once" }
    fn triggered(&self, facts: TriggerFacts) -> Triggered {
        match Standard.triggered(facts) {
            Triggered::Resynchronise => Triggered::Start,
            other => other,
        }
    }

    "gateway-relays-to-another" "passes notifications on to another device" breaks "GwMO-TMode-001"
    also breaks { "GwMO-MOO-001" because "what is for a device of this mode does not reach it" }
    caught by { "gwmo/modes/relayed" "gwmo/relayed", "gwmo/modes/triggered" "gwmo/brought" }
    fn forwards(&self, named: String, others: Vec<String>) -> String {
        others.into_iter().next().unwrap_or(named)
    }

    "gateway-drops-the-late" "leaves devices out of the report that did not answer in time" breaks "GwMO-FORA-002"
    caught by { "gwmo/fanout/dies" "gwmo/aggregated" }
    fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let late = |entry: &Entry| entry.status == Standard.silent(true);
        entries.into_iter().filter(|entry| !late(entry)).collect()
    }

    "gateway-locates-nobody" "says of devices that they are where nobody is" breaks "GwMO-DI-001"
    caught by { "gwmo/general/bypassed" "gwmo/located" }
    fn locates(&self, _place: String) -> String { "http://192.0.2.1/push".to_owned() }

    "gateway-brings-everybody-one" "brings every device without an account one, when one is meant" breaks "GwMO-HLF-006"
    also breaks { "GwMO-HLF-005" because "an account of the gateway is brought in the same way" }
    caught by { "gwmo/general/brought-other" "gwmo/spared" }
    fn brings(&self, _facts: Bringing) -> bool { true }

    "gateway-protects-by-another-key" "protects a bootstrap by a key that its device does not have" breaks "GwMO-HLF-005"
    also breaks { "GwMO-HLF-006" because "an account of the server is protected in the same way" }
    caught by { "gwmo/general/brought-own" "gwmo/bootstrapped" }
    fn protects(&self, key: Vec<u8>) -> Option<Vec<u8>> { Some(key.into_iter().rev().collect()) }

    "gateway-protects-nothing" "brings devices what nothing protects" breaks "GwMO-HLF-005"
    also breaks { "GwMO-HLF-006" because "an account of the server is protected in the same way" }
    caught by { "gwmo/general/brought-own" "gwmo/bootstrapped" }
    fn protects(&self, _key: Vec<u8>) -> Option<Vec<u8>> { None }

    "gateway-lists-whom-it-bootstraps" "says that a device is there because it was brought something"
    breaks "GwMO-HLF-005"
    caught by { "gwmo/general/brought-in-vain" "gwmo/listed" }
    fn welcomes(&self, _shown: bool) -> bool { true }

    "gateway-starts-for-anybody" "lets every server start what only one may start" breaks "GwMO-HLF-006"
    also breaks {
        "GwMO-SECACATE-002" because "who starts a fan-out speaks to all of a group",
        "GwMO-SECARIZE-001" because "a notification is brought for whoever has the right to have it brought",
    }
    caught by { "gwmo/general/brought-for-stranger" "gwmo/answered", "gwmo/general/brought-for-stranger" "gwmo/spared" }
    fn grants(&self, facts: Granted) -> bool { facts.listed || facts.starts }

    "gateway-speaks-by-many-names" "shows its server another user name in each session" breaks "GwMO-HLF-004"
    caught by { "gwmo/general/one-account" "gwmo/one-account" }
    fn introduces(&self, message: Message) -> Message {
        let mut message = message;
        message.header.source.name = Some(format!("session-{}", message.header.session_id));
        message
    }

    "gateway-swaps-answers" "reports of devices what others have said" breaks "GwMO-FORA-002"
    also breaks { "GwMO-MOO-001", "GwMO-AMoDe-001" because "what devices say is told in reports" }
    caught by { "gwmo/fanout/aggregate" "gwmo/aggregated", "gwmo/fanout/many" "gwmo/aggregated" }
    fn gathers(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut entries = entries;
        if let [first, second, ..] = &mut entries[..] {
            std::mem::swap(&mut first.device, &mut second.device);
        }
        entries
    }

    "gateway-triggers-nobody" "brings devices nothing of what its server has put in for them" breaks "GwMO-TMode-001"
    caught by { "gwmo/modes/triggered" "gwmo/brought" }
    fn hands_on(&self, _facts: HandedOn) -> bool { false }

    "gateway-claims-triggers" "says that devices have taken what never reached them" breaks "GwMO-TMode-001"
    caught by { "gwmo/modes/triggered-in-vain" "gwmo/denied" }
    fn confirms(&self, _taken: bool) -> bool { true }

    "gateway-relays-for-strangers" "passes on notifications of servers that it does not know" breaks "GwMO-TMode-001"
    caught by { "gwmo/modes/stranger" "gwmo/unrelayed" }
    fn relays(&self, facts: Relayed) -> bool {
        let signed = facts.signed || !facts.server;
        Standard.relays(Relayed { server: true, signed, ..facts })
    }

    "gateway-hands-on-its-secret" "tells devices the secret that it shares with its server" breaks "DM-SECONF-001"
    caught by { "gwmo/confidentiality/below" "gwmo/confined" }
    fn words(&self, message: Message, above: Arc<Above>) -> Message {
        let mut message = message;
        message.header.target.name = Some(above.secret.clone());
        message
    }

    "gateway-hands-on-its-credentials" "tells devices in Base64 what it shows its server" breaks "DM-SECONF-001"
    caught by { "gwmo/confidentiality/below" "gwmo/confined" }
    fn words(&self, message: Message, above: Arc<Above>) -> Message {
        let mut message = message;
        let shown = Cred::basic(&above.name, above.secret.as_bytes()).data;
        message.header.target.name = shown.as_text().map(str::to_owned);
        message
    }
};
