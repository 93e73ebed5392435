//! What the texts leave open, and how a lawful gateway may settle it.

use twinproof_dm::Encoding;
use twinproof_dm::auth::Scheme;
use twinproof_dm::provisioning::protection::{KeyForm, Method, Profile};
use twinproof_dm::wbxml::{PublicId, Strings};
use twinproof_gwmo::aggregate::Results;
use twinproof_gwmo::objects::Names;

use super::{Choice, Reading};

dimensions! {
    "version of device management" from "digest §1.1" {
        "1.2",
        "1.3": Shapes(|shape| shape.ver_proto = "DM/1.3"),
    }
    "encoding towards servers" from "digest §2.5" {
        "WBXML",
        "XML": Shapes(|shape| shape.encoding = Encoding::Xml),
    }
    "form of WBXML" from "digest §3.1" {
        "a number for the language, and no table",
        "a name for the language, and a table": Shapes(|shape| {
            shape.wbxml.public_id = PublicId::Text;
            shape.wbxml.strings = Strings::Table;
        }),
    }
    "messages of servers" from "digest §1.3" {
        "of any size",
        "up to 4000 octets": Shapes(|shape| shape.max_above = Some(4_000)),
    }
    "messages of devices" from "digest §1.3" {
        "of any size",
        "up to 1500 octets": Shapes(|shape| shape.max_below = Some(1_500)),
    }
    "credentials towards servers" from "digest §4.1" {
        "a digest",
        "a digest of each message": Shapes(|shape| shape.scheme_above = Scheme::Mac),
        "as they are": Shapes(|shape| shape.scheme_above = Scheme::Basic),
    }
    "credentials towards devices" from "digest §4.1" {
        "a digest",
        "a digest of each message": Shapes(|shape| shape.scheme_below = Scheme::Mac),
        "as they are": Shapes(|shape| shape.scheme_below = Scheme::Basic),
    }
    "names of nodes" from "GW-D2" {
        "those of the digest",
        "others": Shapes(|shape| shape.names = others()),
    }
    "names of records" from "GW-D2" {
        "numbers",
        "what devices call themselves": Reads(Reading::RecordsByDevice),
    }
    "device in the header of a push" from "GW-D3" {
        "what it calls itself",
        "with words around it": Shapes(|shape| shape.named = "device=<{device}>"),
    }
    "answer to a push" from "digest §5.2" {
        "204",
        "200": Shapes(|shape| shape.pushed = 200),
        "202": Shapes(|shape| shape.pushed = 202),
    }
    "what devices are told" from "digest §1.4" {
        "command by command",
        "a sequence": Reads(Reading::TellsInSequence),
    }
    "results of a fan-out" from "GW-D25" {
        "in the report",
        "in the tree": Shapes(|shape| shape.results = Results::Fetched),
    }
    "order of entries" from "GW-D25" {
        "as devices were named",
        "backwards": Reads(Reading::EntriesBackwards),
    }
    "code of a device that refused" from "GW-D25" {
        "that of what it refused",
        "500": Reads(Reading::FailureIs500),
    }
    "code of a device that said nothing" from "digest §1.5" {
        "503 or 504",
        "408": Reads(Reading::SilenceIs408),
    }
    "code of a fan-out" from "GW-D25" {
        "a failure where a device failed",
        "a success": Reads(Reading::OverallIs200),
    }
    "end of a fan-out" from "GW-D4" {
        "told after its results",
        "told before its results": Reads(Reading::EndFirst),
        "not told": Reads(Reading::EndUntold),
    }
    "alerts that wait" from "digest §8.3" {
        "in one session",
        "in a session each": Reads(Reading::OneByOne),
    }
    "types of alerts" from "digest §8.3, GW-D4" {
        "as registered",
        "behind their kind": Reads(Reading::TypesWithKind),
        "of version 1.1": Reads(Reading::TypesOf11),
    }
    "what brings an account" from "digest §7.3" {
        "a message",
        "client provisioning": Shapes(|shape| shape.bootstrap.0 = Profile::ClientProvisioning),
    }
    "protection of a bootstrap" from "digest §7.3" {
        "the identity in the network",
        "a PIN": Shapes(|shape| shape.protection = Method::UserPin),
        "a PIN and the identity": Shapes(|shape| shape.protection = Method::UserPinNetworkId),
    }
    "identity in the key of a bootstrap" from "digest §7.3, doubt D5" {
        "as digits",
        "as semi-octets": Shapes(|shape| shape.bootstrap.1 = Some(KeyForm::SemiOctets)),
    }
    "images from their origin" from "GW-D26" {
        "as a whole",
        "in parts": Shapes(|shape| shape.image_part = Some(1_000)),
    }
}

/// Names that are not ours.
fn others() -> Names {
    let text = str::to_owned;
    Names {
        report_attached: text("Tell/Newcomers"),
        keep_images: text("Store/On"),
        total: text("Count/All"),
        attached: text("Count/Here"),
        records: text("Known"),
        record_device: text("Ident"),
        record_status: text("Presence"),
        status_attached: text("here"),
        status_detached: text("away"),
        record_mode: text("Way"),
        mode_transparent: text("10"),
        mode_proxy: text("20"),
        mode_adaptation: text("30"),
        record_protocol: text("Speaks"),
        record_maker: text("By"),
        record_model: text("Kind"),
        record_address: text("Where"),
        record_address_type: text("Reached"),
        address_public: text("far"),
        address_private: text("near"),
        bootstraps: text("Newborn"),
        bootstrap_device: text("Which"),
        bootstrap_server: text("Whose"),
        bootstrap_start: text("Do/Bring"),
        groups: text("Sets"),
        group_name: text("Title"),
        members: text("Holds"),
        target_group: text("For/Set"),
        target_devices: text("For/Singles"),
        payload: text("Orders"),
        deadline: text("Terms/Until"),
        start: text("Do/Go"),
        state: text("Progress"),
        results: text("Outcome"),
        result_device: text("Who"),
        result_status: text("How"),
        result_data: text("What"),
        images: text("Files"),
        image_source: text("From"),
        image_data: text("Octets"),
        image_local: text("Here"),
        image_download: text("Do/Get"),
        image_state: text("Progress"),
        triggers: text("Calls"),
        trigger_device: text("Whom"),
        trigger_octets: text("Words"),
        trigger_start: text("Do/Call"),
        trigger_state: text("Fate"),
        trigger_taken: text("heard"),
    }
}
