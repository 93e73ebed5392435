//! What a server decides that has gateways below it.

use twinproof_dm::syncml::StatusCode;

use crate::aggregate::Entry;
use crate::alert::Report;
use crate::objects::Places;

/// A device that a gateway knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it calls itself.
    pub device: String,
    /// It is there.
    pub attached: bool,
    /// Where it takes notifications, if its record says so.
    pub address: Option<String>,
}

/// Where a notification can be sent for a device that is behind a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Where the gateway takes it.
    pub gateway: String,
    /// Where the device does, if the gateway has said so.
    pub device: Option<String>,
}

/// What devices can be told of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where the gateway has it.
    pub gateway: String,
    /// Where it comes from.
    pub origin: String,
}

twinproof_kernel::rules! {
    /// The decisions of a server above gateways.
    pub mod decide {
        use super::Entry;
        use super::Known;
        use super::Offer;
        use super::Places;
        use super::Report;
        use super::StatusCode;
        use super::Ways;

        /// Where a gateway's objects are, of which these were found by their types.
        fn finds(&self, found: Places) -> Places {
            found
        }

        /// The answer to a report of a gateway.
        fn takes(&self, report: Report) -> StatusCode {
            StatusCode::OK
        }

        /// Whether a session in which a gateway was asked for something takes one thing more.
        fn adds(&self, busy: bool) -> bool {
            true
        }

        /// Which of these devices something is done with.
        fn aims(&self, wanted: Vec<String>) -> Vec<String> {
            wanted
        }

        /// Whether several devices are told something by one fan-out.
        fn gathers(&self, several: bool) -> bool {
            several
        }

        /// Whether devices of one fan-out are put into a group for it.
        fn groups(&self, several: bool) -> bool {
            several
        }

        /// Whether a fan-out is started once more that is over.
        fn starts_again(&self, over: bool) -> bool {
            !over
        }

        /// Whether something is wanted of a device, where it is wanted of all that are there.
        fn addresses(&self, device: Known) -> bool {
            device.attached
        }

        /// Of which device the application is told what a gateway says of this one; others are there as well.
        fn reads_of(&self, device: String, others: Vec<String>) -> String {
            device
        }

        /// Whether a gateway is asked what it says of a device, and not the device itself, by way of the gateway.
        fn consults(&self, records: bool) -> bool {
            records
        }

        /// Which of these devices are put into a group that the application wants.
        fn puts_together(&self, devices: Vec<String>) -> Vec<String> {
            devices
        }

        /// Whether a group is removed that is to be another one or none.
        fn dissolves(&self, there: bool) -> bool {
            there
        }

        /// What the application is told of a fan-out.
        fn tells(&self, entries: Vec<Entry>) -> Vec<Entry> {
            entries
        }

        /// Whether the devices are read once more of a gateway, where it is known which they were.
        fn looks_again(&self, known: bool) -> bool {
            true
        }

        /// Under which gateway the application is told of the devices of this one.
        fn files(&self, gateway: String) -> String {
            gateway
        }

        /// Whether the server says something to a device itself, where a gateway says where that is.
        fn visits(&self, known: Known) -> bool {
            false
        }

        /// Which devices the application is told of that a gateway knows.
        fn lists(&self, known: Vec<Known>) -> Vec<Known> {
            known
        }

        /// What a setting is switched to.
        fn switches(&self, on: bool) -> bool {
            on
        }

        /// Whether a gateway is to get an image, which it has for this server or has not.
        fn fetches(&self, has: bool) -> bool {
            !has
        }

        /// Whether the server brings a gateway the octets of an image, which can get them itself.
        fn brings(&self, gets: bool) -> bool {
            !gets
        }

        /// Where devices are told to get an image.
        fn offers(&self, offer: Offer) -> String {
            offer.gateway
        }

        /// Whether a notification is put into the object of a gateway, which takes it by a push as well.
        fn hands_in(&self, takes: bool) -> bool {
            !takes
        }

        /// Where a notification goes for a device that is behind a gateway.
        fn sends(&self, ways: Ways) -> String {
            ways.gateway
        }

        /// What the header of the push says, by which a gateway knows for whom it is; none if it has none.
        fn heads(&self, named: String) -> Option<String> {
            Some(named)
        }

        /// The octets of the notification, as they go.
        fn carries(&self, signed: Vec<u8>) -> Vec<u8> {
            signed
        }
    }
}
