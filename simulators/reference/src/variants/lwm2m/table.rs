//! What the texts leave open, and how a lawful server may settle it.

use twinproof_lwm2m::wire::Version;

use super::{Choice, Reading};

dimensions! {
    "newest version" from "digest §1" {
        "1.1",
        "1.0": Shapes(|shape| shape.version = Version::V1_0),
    }
    "location" from "TS 1.0.2 §5.3.1" {
        "two segments",
        "one segment": Shapes(|shape| shape.location = &[]),
        "three segments": Shapes(|shape| shape.location = &["lwm2m", "devices"]),
    }
    "answers" from "RFC 7252 §5.2" {
        "with the acknowledgement",
        "by themselves": Shapes(|shape| shape.separate = true),
        "by themselves, unconfirmed": Shapes(|shape| {
            shape.separate = true;
            shape.parameters.confirm_separate = false;
        }),
    }
    "what an answer brings" from "RFC 7252 §5.5.2, §5.10.5" {
        "nothing more",
        "a reason, or how long it is fresh": Reads(Reading::AnswersWithMore),
    }
    "tokens" from "RFC 7252 §5.3.1" {
        "four bytes",
        "one byte": Shapes(|shape| shape.parameters.token_length = 1),
        "eight bytes": Shapes(|shape| shape.parameters.token_length = 8),
    }
    "blocks" from "RFC 7959 §2.2" {
        "1024 bytes",
        "64 bytes": Shapes(|shape| shape.parameters.block_size = 64),
        "16 bytes": Shapes(|shape| shape.parameters.block_size = 16),
    }
    "requests under way" from "RFC 7252 §4.7" {
        "several",
        "one at a time": Reads(Reading::OneAtATime),
    }
    "end of a registration" from "digest §3.6" {
        "with its life time",
        "a moment later": Reads(Reading::LivesLonger),
    }
    "life time that is not said" from "LW-D24" {
        "a day",
        "refused": Reads(Reading::LifetimeDemanded),
    }
    "version that is not supported" from "digest §3.2" {
        "4.12",
        "4.00": Reads(Reading::VersionIs400),
    }
    "registration without a name" from "LW-D10" {
        "4.00",
        "4.03": Reads(Reading::NamelessIs403),
    }
    "registration without a list" from "LW-D10" {
        "4.00",
        "4.15": Reads(Reading::NoListIs415),
    }
    "registration that is not there" from "LW-D10" {
        "4.04",
        "4.00": Reads(Reading::MissingIs400),
    }
    "registration under another's name" from "digest §3.9" {
        "4.00",
        "4.03": Reads(Reading::ImpostorIs403),
    }
    "registration in the clear of who has credentials" from "digest §3.9" {
        "4.03",
        "4.00": Reads(Reading::ClearIs400),
    }
    "what is nobody's business" from "digest §3.2" {
        "4.04, or 4.05 where something is",
        "4.05": Reads(Reading::AnythingElseIs405),
        "4.00": Reads(Reading::AnythingElseIs400),
    }
    "reading of several values" from "TS 1.0.2 §6.4" {
        "in the client's format",
        "as TLV": Reads(Reading::ReadsAsTlv),
    }
    "observations after a registration" from "digest §3.8" {
        "begun anew",
        "ended": Reads(Reading::ObservesAnewNever),
    }
}
