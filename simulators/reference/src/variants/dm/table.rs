//! What the texts leave open, and how a lawful server may settle it.

use twinproof_dm::auth::Scheme;
use twinproof_dm::wbxml::{Form, PublicId, Strings, Trees, Version};

use super::{Choice, Reading};

dimensions! {
    "protocol version" from "digest §1.1" {
        "DM/1.2",
        "DM/1.1": Shapes(|shape| shape.version = "DM/1.1"),
        "DM/1.3": Shapes(|shape| shape.version = "DM/1.3"),
    }
    "credentials" from "digest §4.1" {
        "a digest",
        "a password": Shapes(|shape| shape.scheme = Scheme::Basic),
        "a digest over each message": Shapes(|shape| shape.scheme = Scheme::Mac),
    }
    "nonces to begin with" from "digest §4.2" {
        "known to both",
        "of another time": Shapes(|shape| shape.stale = true),
    }
    "WBXML" from "digest §3.1, D10" {
        "1.2, with the number of its language, and inlined",
        "1.3, with the name of its language, a string table, and nested": Shapes(|shape| shape.wbxml = Form {
            version: Version::V1_3,
            public_id: PublicId::Text,
            strings: Strings::Table,
            trees: Trees::Nested,
        }),
        "1.1, without a language": Shapes(|shape| shape.wbxml = Form {
            version: Version::V1_1,
            public_id: PublicId::Unknown,
            ..Form::default()
        }),
    }
    "messages that it takes" from "digest §1.3" {
        "of any size",
        "of 4000 octets": Shapes(|shape| shape.takes = Some(4_000)),
        "of 1000 octets": Shapes(|shape| shape.takes = Some(1_000)),
    }
    "objects that it takes" from "digest §1.3" {
        "it says",
        "it does not say": Reads(Reading::SaysLess),
    }
    "commands in a message" from "digest §2.2" {
        "all that wait",
        "one": Shapes(|shape| shape.commands = Some(1)),
    }
    "statuses" from "digest §1.5" {
        "one for each command",
        "one for each item": Shapes(|shape| shape.each_item = true),
    }
    "next message" from "digest §1.3" {
        "goes where it says",
        "goes where the first went": Reads(Reading::SaysNowhere),
    }
    "who is believed" from "digest §4.2" {
        "for the session",
        "for the message": Reads(Reading::BelievesEachTime),
    }
    "own credentials" from "digest §4.2" {
        "until they are accepted",
        "with every message": Reads(Reading::ShowsAgain),
    }
    "order of elements" from "digest D14" {
        "of the grammar",
        "another": Reads(Reading::OrderTurned),
    }
    "reports" from "digest §1.7" {
        "taken",
        "taken, and looked at later": Reads(Reading::ReportsAccepted),
        "refused for their type": Reads(Reading::ReportsUnknown),
    }
    "commands of devices" from "digest §1.4" {
        "405",
        "406": Reads(Reading::CommandsAre406),
        "400": Reads(Reading::CommandsAre400),
    }
}
