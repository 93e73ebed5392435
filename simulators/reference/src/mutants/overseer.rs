//! Broken servers above gateways.

use twinproof_dm::syncml::StatusCode;
use twinproof_gwmo::aggregate::Entry;
use twinproof_gwmo::alert::Report;
use twinproof_gwmo::objects::Places;
use twinproof_gwmo::overseer::rules::decide::Rules;
use twinproof_gwmo::overseer::rules::{Known, Offer, Ways};

use super::{Mutant, mutants};

/// All of them.
pub(super) const ALL: &[Mutant<dyn Rules>] = mutants! {
    "server-knows-the-place" "takes gateways to have their objects where it expects them" breaks "GwMO-PMoDe-001"
    also breaks {
        "GwMO-HLF-001", "GwMO-HLF-003", "GwMO-HLF-004", "GwMO-PMoDe-003", "GwMO-FORA-001",
        "GwMO-FORA-002", "GwMO-DCIS-001", "GwMO-DCIS-002", "GwMO-DI-003", "GwMO-DI-004"
        because "what is not found is not started",
        "GwMO-ADM-001", "GwMO-DI-001", "GwMO-DI-002", "GwMO-DI-005", "GwMO-DCIS-003", "GwMO-Group-001"
        because "what is not found is neither read nor set",
    }
    caught by {
        "gwmo/server/read" "gwmo-server/manages", "gwmo/server/read" "gwmo-server/learns",
        "gwmo/server/announcements" "gwmo-server/sets", "gwmo/server/keeping" "gwmo-server/sets",
        "gwmo/server/inventory" "gwmo-server/lists",
    }
    fn finds(&self, _found: Places) -> Places {
        let at = |name: &str| format!("./GwMO/{name}").parse().unwrap_or_default();
        Places {
            config: at("Config"),
            inventory: at("DeviceInventory"),
            fanouts: at("Fanout"),
            images: at("ImageInventory"),
            triggers: at("EDTrigger"),
        }
    }

    "server-passes-nothing-on" "tells its operator of no device behind a gateway what became of it"
    breaks "GwMO-PMoDe-001"
    also breaks {
        "GwMO-HLF-001", "GwMO-HLF-003", "GwMO-HLF-004", "GwMO-PMoDe-003", "GwMO-FORA-002", "GwMO-DI-004", "GwMO-Group-001"
        because "a reading of which nobody hears reads nothing",
    }
    caught by { "gwmo/server/read" "gwmo-server/learns" }
    fn tells(&self, _entries: Vec<Entry>) -> Vec<Entry> { Vec::new() }

    "server-hides-failures" "tells its operator that all devices did what was wanted" breaks "GwMO-FORA-002"
    also breaks { "GwMO-DI-003" because "that a device cannot be reached is said in the results" }
    caught by { "gwmo/server/mixed" "gwmo-server/learns" }
    fn tells(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let fine = entries.into_iter().map(|entry| Entry { status: 200, ..entry });
        fine.collect()
    }

    "server-mixes-devices" "tells of each device what all have said" breaks "GwMO-PMoDe-003"
    also breaks {
        "GwMO-HLF-004", "GwMO-FORA-002", "GwMO-DI-003", "GwMO-Group-001"
        because "what another has said is told of it"
    }
    caught by { "gwmo/server/one-account" "gwmo-server/learns", "gwmo/server/mixed" "gwmo-server/learns" }
    fn tells(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let all: Vec<_> = entries.iter().flat_map(|entry| entry.commands.clone()).collect();
        let each = entries.into_iter().map(|entry| Entry { commands: all.clone(), ..entry });
        each.collect()
    }

    "server-says-both" "tells of each device that it did what was wanted, and that it did not" breaks "GwMO-FORA-002"
    also breaks {
        "GwMO-HLF-001", "GwMO-HLF-003", "GwMO-HLF-004", "GwMO-PMoDe-001", "GwMO-PMoDe-003", "GwMO-DI-003", "GwMO-DI-004",
        "GwMO-Group-001"
        because "one of the two is not so",
    }
    caught by { "gwmo/server/read" "gwmo-server/learns" }
    fn tells(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let other = |entry: &Entry| Entry { status: if entry.status < 400 { 500 } else { 200 }, ..entry.clone() };
        entries.iter().flat_map(|entry| [entry.clone(), other(entry)]).collect()
    }

    "server-refuses-results" "does not know reports of what became of a fan-out" breaks "GwMO-FORA-002"
    also breaks { "GwMO-HLF-001", "GwMO-PMoDe-001" because "what comes of a reading is said in that report" }
    caught by { "gwmo/server/mixed" "gwmo-server/takes", "gwmo/server/read" "gwmo-server/takes" }
    fn takes(&self, report: Report) -> StatusCode {
        match report {
            Report::Results => StatusCode::COMMAND_NOT_ALLOWED,
            _ => StatusCode::OK,
        }
    }

    "server-refuses-news" "does not know reports of new devices" breaks "GwMO-DI-004"
    also breaks { "GwMO-HLF-003" because "a new device is announced" }
    caught by { "gwmo/server/new-device" "gwmo-server/takes" }
    fn takes(&self, report: Report) -> StatusCode {
        match report {
            Report::Attached => StatusCode::COMMAND_NOT_ALLOWED,
            _ => StatusCode::OK,
        }
    }

    "server-refuses-images" "does not know reports that there is an image" breaks "GwMO-DCIS-001"
    caught by { "gwmo/server/image" "gwmo-server/takes" }
    fn takes(&self, report: Report) -> StatusCode {
        match report {
            Report::ImageReady => StatusCode::COMMAND_NOT_ALLOWED,
            _ => StatusCode::OK,
        }
    }

    "server-forgets-the-last" "does nothing with the last of several devices" breaks "GwMO-FORA-001"
    also breaks {
        "GwMO-FORA-002", "GwMO-HLF-004", "GwMO-PMoDe-003", "GwMO-DCIS-001", "GwMO-DI-003"
        because "one of the devices is missing",
    }
    caught by { "gwmo/server/group" "gwmo-server/manages", "gwmo/server/one-account" "gwmo-server/manages" }
    fn aims(&self, wanted: Vec<String>) -> Vec<String> {
        let mut wanted = wanted;
        wanted.truncate(wanted.len().max(2) - 1);
        wanted
    }

    "server-tells-everybody" "does with one device more what is wanted of several" breaks "GwMO-FORA-001"
    also breaks { "GwMO-DCIS-001" because "the group has a device that is none of it" }
    caught by { "gwmo/server/group" "gwmo-server/manages" }
    fn aims(&self, wanted: Vec<String>) -> Vec<String> {
        let other = wanted.last().and_then(|last| {
            let (before, number) = last.rsplit_once(':')?;
            Some(format!("{before}:{}", number.parse::<usize>().ok()? + 1))
        });
        let other = other.filter(|_| wanted.len() == 2);
        wanted.into_iter().chain(other).collect()
    }

    "server-starts-each" "starts a fan-out for each of several devices" breaks "GwMO-FORA-001"
    caught by { "gwmo/server/one-fan-out" "gwmo-server/starts" }
    fn gathers(&self, _several: bool) -> bool { false }

    "server-starts-again" "starts a fan-out once more that is over" breaks "GwMO-FORA-001"
    also breaks {
        "GwMO-DCIS-001", "GwMO-DCIS-002" because "an image is got twice, and told of twice",
    }
    caught by { "gwmo/server/one-fan-out" "gwmo-server/starts" }
    fn starts_again(&self, over: bool) -> bool { over }

    "server-takes-all-to-be-there" "wants things of devices that have gone" breaks "GwMO-DI-003"
    caught by { "gwmo/server/gone" "gwmo-server/forgoes" }
    fn addresses(&self, _device: Known) -> bool { true }

    "server-asks-one-alone" "wants of one device what it is to want of all that are there" breaks "GwMO-DI-003"
    caught by { "gwmo/server/gone" "gwmo-server/manages" }
    fn addresses(&self, device: Known) -> bool {
        device.attached && device.device.ends_with(":1")
    }

    "server-lists-all-as-there" "says that all devices are there" breaks "GwMO-DI-003"
    also breaks { "GwMO-DI-002" because "that is what the records say" }
    caught by { "gwmo/server/inventory" "gwmo-server/lists" }
    fn lists(&self, known: Vec<Known>) -> Vec<Known> {
        let there = known.into_iter().map(|known| Known { attached: true, ..known });
        there.collect()
    }

    "server-lists-who-is-there" "does not say which devices have gone" breaks "GwMO-DI-002"
    also breaks { "GwMO-DI-003" because "a device that has gone is still known" }
    caught by { "gwmo/server/inventory" "gwmo-server/lists" }
    fn lists(&self, known: Vec<Known>) -> Vec<Known> {
        known.into_iter().filter(|known| known.attached).collect()
    }

    "server-lists-both-ways" "says that devices are there, and that they are not" breaks "GwMO-DI-003"
    also breaks { "GwMO-DI-002" because "one of the two is not so" }
    caught by { "gwmo/server/inventory" "gwmo-server/lists" }
    fn lists(&self, known: Vec<Known>) -> Vec<Known> {
        let other = |known: &Known| Known { attached: !known.attached, ..known.clone() };
        known.iter().flat_map(|known| [other(known), known.clone()]).collect()
    }

    "server-lists-under-another" "tells of a gateway's devices as those of another one" breaks "GwMO-DI-002"
    also breaks { "GwMO-DI-003" because "they are not where it says" }
    caught by { "gwmo/server/inventory" "gwmo-server/lists" }
    fn files(&self, gateway: String) -> String { format!("{gateway}0") }

    "server-lists-once" "wants things of those alone that were there when it asked first" breaks "GwMO-DI-004"
    also breaks { "GwMO-HLF-003" because "a new device is none of them" }
    caught by { "gwmo/server/new-among-all" "gwmo-server/manages", "gwmo/server/new-among-all" "gwmo-server/learns" }
    fn looks_again(&self, known: bool) -> bool { !known }

    "server-says-of-another" "tells of a device what the gateway says of another one" breaks "GwMO-DI-001"
    caught by { "gwmo/server/about" "gwmo-server/describes" }
    fn reads_of(&self, device: String, others: Vec<String>) -> String {
        others.into_iter().next().unwrap_or(device)
    }

    "server-leaves-one-out" "puts all devices but the last into a group" breaks "GwMO-Group-001"
    caught by { "gwmo/server/grouped" "gwmo-server/groups", "gwmo/server/grouped" "gwmo-server/manages" }
    fn puts_together(&self, devices: Vec<String>) -> Vec<String> {
        let mut devices = devices;
        devices.pop();
        devices
    }

    "server-puts-one-more-in" "puts one device more into a group" breaks "GwMO-Group-001"
    caught by { "gwmo/server/grouped" "gwmo-server/groups", "gwmo/server/grouped" "gwmo-server/manages" }
    fn puts_together(&self, devices: Vec<String>) -> Vec<String> {
        let other = devices.last().and_then(|last| {
            let (before, number) = last.rsplit_once(':')?;
            Some(format!("{before}:{}", number.parse::<usize>().ok()? + 1))
        });
        devices.into_iter().chain(other).collect()
    }

    "server-dissolves-nothing" "leaves groups as they were that are to be others" breaks "GwMO-Group-001"
    caught by { "gwmo/server/regrouped" "gwmo-server/groups" }
    fn dissolves(&self, there: bool) -> bool { !there }

    "server-lists-one" "tells of one device only" breaks "GwMO-DI-002"
    also breaks { "GwMO-DI-003" because "the others are missing" }
    caught by { "gwmo/server/inventory" "gwmo-server/lists" }
    fn lists(&self, known: Vec<Known>) -> Vec<Known> {
        known.into_iter().take(1).collect()
    }

    "server-switches-the-wrong-way" "switches on what is to be off" breaks "GwMO-DI-005"
    also breaks { "GwMO-ADM-001", "GwMO-DCIS-003" because "the switches are settings of the gateway" }
    caught by { "gwmo/server/announcements" "gwmo-server/sets", "gwmo/server/keeping" "gwmo-server/sets" }
    fn switches(&self, on: bool) -> bool { !on }

    "server-switches-always-off" "switches off what is to be on" breaks "GwMO-DI-005"
    also breaks { "GwMO-ADM-001", "GwMO-DCIS-003" because "the switches are settings of the gateway" }
    caught by { "gwmo/server/announcements" "gwmo-server/sets", "gwmo/server/keeping" "gwmo-server/sets" }
    fn switches(&self, _on: bool) -> bool { false }

    "server-offers-the-origin" "tells devices where an image comes from" breaks "GwMO-DCIS-001"
    caught by { "gwmo/server/image" "gwmo-server/manages" }
    fn offers(&self, offer: Offer) -> String { offer.origin }

    "server-offers-another-place" "tells devices another place than that where the gateway has the image"
    breaks "GwMO-DCIS-001"
    caught by { "gwmo/server/image" "gwmo-server/manages" }
    fn offers(&self, offer: Offer) -> String { format!("{}0", offer.gateway) }

    "server-goes-past-the-gateway" "sends notifications to where the gateway says that the device is"
    breaks "GwMO-TMode-001"
    caught by { "gwmo/server/notified" "gwmo-server/notifies", "gwmo/server/notified" "gwmo-server/avoids" }
    fn sends(&self, ways: Ways) -> String {
        ways.device.unwrap_or(ways.gateway)
    }

    "server-visits-devices" "speaks to devices where the gateway says that nobody else reaches them"
    breaks "GwMO-HLF-001"
    also breaks { "GwMO-TMode-001" because "a device is notified by way of the gateway alone" }
    caught by { "gwmo/server/private-addresses" "gwmo-server/avoids", "gwmo/server/notified" "gwmo-server/avoids" }
    fn visits(&self, _known: Known) -> bool { true }

    "server-names-nobody" "does not say for whom a notification is" breaks "GwMO-TMode-001"
    caught by { "gwmo/server/notified" "gwmo-server/notifies" }
    fn heads(&self, _named: String) -> Option<String> { None }

    "server-signs-wrongly" "sends notifications with a wrong digest" breaks "GwMO-TMode-001"
    caught by { "gwmo/server/notified" "gwmo-server/notifies" }
    fn carries(&self, signed: Vec<u8>) -> Vec<u8> {
        let mut signed = signed;
        if let Some(first) = signed.first_mut() {
            *first ^= 1;
        }
        signed
    }
};
