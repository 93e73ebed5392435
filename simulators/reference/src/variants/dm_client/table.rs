//! What the texts leave open, and how a lawful client may settle it.

use twinproof_dm::Encoding;
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
    "encoding" from "digest §2.5" {
        "WBXML",
        "XML": Shapes(|shape| shape.encoding = Encoding::Xml),
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
    "XML" from "digest §2.5, XML 1.0" {
        "nothing but the message",
        "with a document type, a comment and white space": Reads(Reading::Dressed),
    }
    "messages that it takes" from "digest §1.3" {
        "of any size",
        "of 1500 octets": Shapes(|shape| shape.takes = Some(1_500)),
        "of 900 octets": Shapes(|shape| shape.takes = Some(900)),
    }
    "commands in a message" from "digest §2.2" {
        "all that wait",
        "two": Shapes(|shape| shape.commands = Some(2)),
    }
    "large objects" from "digest §2.3" {
        "in parts",
        "not at all": Shapes(|shape| shape.large_objects = false),
    }
    "Atomic" from "digest §1.4" {
        "carried out",
        "unknown": Shapes(|shape| shape.atomic = false),
    }
    "parents that are not there" from "digest §1.4" {
        "created",
        "missed": Shapes(|shape| shape.parents = false),
    }
    "commands that there are not" from "digest §12.1" {
        "400",
        "406": Reads(Reading::CommandsAre406),
    }
    "user" from "digest §1.6" {
        "somebody",
        "nobody": Shapes(|shape| shape.user = false),
    }
    "resynchronisation of nonces" from "digest §4.3" {
        "carried out",
        "unknown": Shapes(|shape| shape.resynchronises = false),
    }
    "what was read" from "digest §1.4" {
        "after the status of each reading",
        "after all statuses": Reads(Reading::ResultsLast),
    }
    "numbers of commands" from "digest §1.2" {
        "from one on",
        "from the largest down": Reads(Reading::NumbersElsewhere),
    }
    "addresses" from "digest §6.1" {
        "from the root's point on",
        "without the point": Reads(Reading::AddressesShort),
    }
    "what is said of data" from "digest §1.2" {
        "at each item",
        "once": Reads(Reading::TellsOnce),
    }
    "who is believed" from "digest §4.2" {
        "for the session",
        "for the message": Reads(Reading::BelievesEachTime),
    }
    "own credentials" from "digest §4.2" {
        "until they are accepted",
        "with every message": Reads(Reading::ShowsAgain),
    }
    "wish for the next message" from "digest §2.2" {
        "always said",
        "said where nothing else is": Reads(Reading::WaitsSilently),
    }
    "order of elements" from "digest D14" {
        "of the grammar",
        "another": Reads(Reading::OrderTurned),
    }
    "removal of what is always there" from "digest §1.4, §4.4" {
        "405",
        "425": Reads(Reading::PermanentIsDenied),
    }
    "session after a bootstrap" from "digest §7.3" {
        "where it is demanded",
        "always": Reads(Reading::BeginsAnyway),
    }
    "document that it has" from "digest §7.3" {
        "asked for if it has changed",
        "asked for anew": Reads(Reading::FetchesAll),
    }
    "PINs that a user may enter" from "digest §7.3" {
        "three",
        "one": Reads(Reading::OnePin),
    }
}
