//! What the texts leave open, and how a lawful server above gateways may settle it.

use super::{Choice, Reading};

dimensions! {
    "things that are asked of a gateway in a session" from "digest §2.2" {
        "all that wait",
        "one": Reads(Reading::OneASession),
    }
    "devices of a fan-out" from "GW-D2" {
        "a group",
        "each by its name": Reads(Reading::NamesEach),
    }
    "way of a notification to a gateway" from "digest §5.4" {
        "a push",
        "an object of the gateway": Reads(Reading::HandsIn),
    }
    "images" from "GW-D2" {
        "got by the gateway",
        "brought to it": Reads(Reading::BringsImages),
    }
}
