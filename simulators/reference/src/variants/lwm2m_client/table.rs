//! What the texts leave open, and how a lawful client may settle it.

use std::time::Duration;

use twinproof_coap::ContentFormat;
use twinproof_lwm2m::wire::Version;

use super::{Choice, Reading};

/// How long a client takes that does not answer at once.
const A_WHILE: Duration = Duration::from_millis(400);

dimensions! {
    "version" from "digest §1" {
        "1.1",
        "1.0": Shapes(|shape| shape.version = Version::V1_0),
    }
    "alternate path" from "TS 1.0.2 §5.3.1" {
        "none",
        "one of its own": Shapes(|shape| shape.root = "/lwm2m"),
    }
    "links of a discovery, where there is an alternate path" from "digest §8, OMA #534" {
        "below it, and it is said",
        "below it": Reads(Reading::DiscoversBelow),
        "without it": Reads(Reading::DiscoversWithout),
    }
    "answers" from "RFC 7252 §5.2" {
        "with the acknowledgement",
        "by themselves": Shapes(|shape| shape.takes = A_WHILE),
        "by themselves, unconfirmed": Shapes(|shape| {
            shape.takes = A_WHILE;
            shape.parameters.confirm_separate = false;
        }),
    }
    "what an answer brings" from "RFC 7252 §5.5.2, §5.10.5" {
        "nothing more",
        "a reason, or how long it is fresh": Reads(Reading::AnswersWithMore),
    }
    "tokens" from "RFC 7252 §5.3.1" {
        "four bytes",
        "none": Shapes(|shape| shape.parameters.token_length = 0),
        "eight bytes": Shapes(|shape| shape.parameters.token_length = 8),
    }
    "blocks" from "RFC 7959 §2.2" {
        "1024 bytes",
        "64 bytes": Shapes(|shape| shape.parameters.block_size = 64),
        "16 bytes": Shapes(|shape| shape.parameters.block_size = 16),
    }
    "order of the list of objects" from "RFC 6690 §2" {
        "ascending",
        "descending": Reads(Reading::ListDescends),
    }
    "content formats in the list of objects" from "digest §1.4" {
        "not said",
        "said": Reads(Reading::AnnouncesFormats),
    }
    "query of a registration" from "TS 1.0.2 §5.3.1" {
        "whole",
        "short, in another order": Reads(Reading::QueryIsShort),
    }
    "updates" from "TS 1.0.2 §5.3.2" {
        "in time",
        "every few seconds": Reads(Reading::UpdatesOften),
    }
    "registration that is refused" from "digest §1.4" {
        "tried again after a minute",
        "tried again soon": Reads(Reading::SoonAgain),
        "not tried again": Reads(Reading::NeverAgain),
    }
    "strangers" from "TS 1.0.2 §7, RFC 7252 §4.2" {
        "4.01",
        "rejected": Reads(Reading::RejectsStrangers),
        "not heard": Reads(Reading::StrangersUnheard),
    }
    "requests before the registration is confirmed" from "digest §1.4" {
        "not heard",
        "4.01": Reads(Reading::RefusesEarly),
        "rejected": Reads(Reading::RejectsEarly),
    }
    "codes of errors" from "LW-D10" {
        "those of the text",
        "4.00": Reads(Reading::ErrorsAre400),
        "4.04": Reads(Reading::ErrorsAre404),
    }
    "format of a value" from "TS 1.0.2 §6.4" {
        "text",
        "TLV": Reads(Reading::AnswersInTlv),
    }
    "format of several values" from "TS 1.0.2 §6.4" {
        "SenML CBOR",
        "SenML JSON": Reads(Reading::AnswersInJson),
    }
    "TLV" from "digest §1.7" {
        "known",
        "not known, where that is left open": Reads(Reading::WithoutTlv),
    }
    "reports" from "RFC 7641 §4.5" {
        "unconfirmed",
        "confirmed": Reads(Reading::ConfirmsReports),
    }
    "time of a report" from "digest §1.6" {
        "as soon as it is due",
        "by a clock of whole seconds": Reads(Reading::ReportsLate),
    }
    "reboot" from "digest §3.1" {
        "a second",
        "half a minute": Shapes(|shape| shape.boot = Duration::from_secs(30)),
    }
    "account of its bootstrap server" from "TS 1.0.2 Appendix E.1" {
        "in the first instance",
        "in the second": Shapes(|shape| shape.bootstrap_instance = 1),
        "in a later one": Shapes(|shape| shape.bootstrap_instance = 7),
    }
    "hold-off before it asks for bootstrap" from "TS 1.0.2 Appendix E.1" {
        "none",
        "two seconds": Shapes(|shape| shape.hold_off = 2),
    }
    "format in which it wants its accounts" from "TS 1.1.1 §6.1.7.1" {
        "not said",
        "SenML CBOR": Shapes(|shape| shape.prefers = Some(ContentFormat::SENML_CBOR)),
        "SenML JSON": Shapes(|shape| shape.prefers = Some(ContentFormat::SENML_JSON)),
    }
}
