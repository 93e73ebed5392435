//! What the texts leave open, and how a lawful system may settle it.

use std::time::Duration;

use twinproof_twinning::enabler::rules::{Refused, Said};
use twinproof_twinning::knobs::{
    CreateReturns, DefaultFormat, Literals, Names, Paths, PrimaryOperator, ToggleStyle, VoiceMail,
};
use twinproof_twinning::tree::Dialect;

use super::{Choice, Reading};
use crate::variants::{Dimension, Value};

const fn said(status: u16, id: &'static str) -> Said {
    Said {
        status,
        id,
        with_body: true,
    }
}

macro_rules! dimensions {
    ($(
        $name:literal from $source:literal { $own:literal $(, $value:literal: $kind:ident $choice:tt)+ $(,)? }
    )+) => {
        /// The dimensions of the built-in Twinning system.
        pub(super) const DIMENSIONS: &[Dimension<Choice>] = &[$(
            Dimension {
                name: $name,
                source: $source,
                values: &[
                    Value { name: $own, choice: None },
                    $( Value { name: $value, choice: Some(dimensions!($kind $choice)) } ),+
                ],
            }
        ),+];
    };
    (reads ($reading:ident)) => { Choice::Reads(Reading::$reading) };
    (says { $( $($refused:ident)|+ : $said:expr );+ }) => {
        Choice::Says(&[$( $( (Refused::$refused, $said) ),+ ),+])
    };
    (shapes ($apply:expr)) => { Choice::Shapes($apply) };
}

dimensions! {
    "base path" from "digest §2" {
        "/exampleAPI",
        "none": shapes(|shape| shape.base_path = ""),
        "two segments": shapes(|shape| shape.base_path = "/operator/apis"),
    }
    "paths" from "digest §2, §14" {
        "as the digest has them",
        "others": shapes(|shape| shape.knobs.paths = Paths {
            api: "device-twinning".to_owned(),
            version: "v2".to_owned(),
            twinnings: "/relationships".to_owned(),
            status_part: "/status".to_owned(),
            subscriptions: "/relationships-subscriptions".to_owned(),
        }),
    }
    "names" from "digest §4.2, §14" {
        "as the digest has them",
        "others": shapes(|shape| shape.knobs.names = other_names()),
    }
    "literals" from "digest §4.3, TW-C4" {
        "as the digest has them",
        "others": shapes(|shape| shape.knobs.literals = Literals {
            primary: "PrimaryDevice".to_owned(),
            secondary: "SecondaryDevice".to_owned(),
            pending: "pending".to_owned(),
            on: "Active".to_owned(),
            off: "Inactive".to_owned(),
        }),
    }
    "toggle" from "digest §14, toggle_style" {
        "PUT of the whole",
        "PUT of the status": shapes(|shape| shape.knobs.toggle_style = ToggleStyle::PutLight),
        "POST of the whole": shapes(|shape| shape.knobs.toggle_style = ToggleStyle::Post),
    }
    "answer to an activation" from "digest §3" {
        "in full",
        "a reference": shapes(|shape| shape.knobs.create_returns = CreateReturns::Reference),
    }
    "JSON" from "digest §5" {
        "structure-aware",
        "instance-based": shapes(|shape| shape.knobs.json = Dialect::InstanceBased),
    }
    "usual format" from "digest §14" {
        "JSON",
        "XML": shapes(|shape| shape.knobs.format = DefaultFormat::Xml),
    }
    "primary's operator" from "digest §4.2" {
        "with the activation code",
        "in an element of its own":
            shapes(|shape| shape.knobs.primary_operator = PrimaryOperator::OwnElement),
    }
    "voice mail" from "TW-C2" {
        "at the top",
        "with the other device": shapes(|shape| shape.knobs.voice_mail = VoiceMail::OtherDevice),
        "not shown": shapes(|shape| shape.knobs.voice_mail = VoiceMail::None),
        "nobody has any": shapes(|shape| shape.voice_mail = false),
    }
    "operator" from "digest §4.2" {
        "001-01",
        "262-999": shapes(|shape| shape.mno_id = "262-999"),
    }
    "code lifetime" from "HLF-TE-005" {
        "five minutes",
        "thirty seconds": shapes(|shape| shape.code_lifetime = Duration::from_secs(30)),
        "one hour": shapes(|shape| shape.code_lifetime = Duration::from_secs(3_600)),
    }
    "early end of a code" from "TW-C23" {
        "never",
        "at half the time": reads(CodeDiesEarly),
    }
    "form of codes" from "digest §7.2" {
        "six digits",
        "with letters": reads(CodeHasLetters),
    }
    "room" from "digest §8" {
        "for four secondaries",
        "for three": shapes(|shape| shape.max_secondaries = 3),
    }
    "networks" from "digest §14" {
        "two",
        "one": shapes(|shape| {
            shape.partners = false;
            shape.read(Reading::OwnCodesOnly);
        }),
    }
    "notification channels" from "TW-C19" {
        "offered",
        "not offered": shapes(|shape| {
            shape.channels = false;
            shape.read(Reading::NoChannels);
        }),
    }
    "secondary's token" from "TW-C28" {
        "of its own for each twinning",
        "provisioned": shapes(|shape| {
            shape.keeps_token = true;
            shape.read(Reading::KeepsToken);
        }),
    }
    "renewal of tokens" from "digest §9" {
        "possible",
        "not possible": reads(NoRefresh),
    }
    "authorization code while pending" from "TW-C14" {
        "absent",
        "empty": reads(AuthCodeWhilePending),
    }
    "authorization code once redeemed" from "TW-C15" {
        "stays",
        "vanishes": reads(AuthCodeVanishes),
    }
    "second role" from "TW-C27" {
        "refused at the code request",
        "refused at activation": reads(RefusedAtActivation),
    }
    "second code request" from "digest §6 T4" {
        "replaces the first",
        "refused": reads(SecondCodeRefused),
    }
    "pending twinning whose code expired" from "digest §6 T14" {
        "stays",
        "vanishes": reads(PendingVanishes),
    }
    "request that waits" from "TW-C39" {
        "in its device's own list",
        "not listed": reads(PendingUnlisted),
    }
    "request that names no role" from "TW-C40" {
        "refused",
        "served as a secondary's": reads(RoleFollows),
    }
    "subscription whose time is over" from "TW-C41" {
        "ends",
        "goes on": reads(SubscriptionGoesOn),
    }
    "server's items in a creation" from "TW-C30" {
        "ignored",
        "refused": reads(ItemsRefused),
    }
    "server's items in an update" from "TW-C30" {
        "refused",
        "ignored": reads(ItemsIgnored),
    }
    "equal names" from "TW-C22" {
        "refused",
        "changed": reads(NameAdjusted),
        "given": reads(NameRepeated),
    }
    "name on the secondary's side" from "TW-C29" {
        "shown",
        "not shown": reads(NameOfPrimaryOnly),
        "may be changed there": reads(NameBySecondary),
    }
    "end of a twinning that is off" from "TW-C25" {
        "possible",
        "refused": reads(EndsOnlyWhileOn),
    }
    "news of the end" from "TW-C10" {
        "none",
        "to the other side": reads(EndIsNotified),
    }
    "news to the initiator" from "TW-C11" {
        "none",
        "the same": reads(NewsToInitiator),
    }
    "delivery" from "TW-C26" {
        "at once",
        "late": reads(NewsLate),
        "twice": reads(NewsTwice),
        "out of order": reads(NewsOutOfOrder),
    }
    "repeated subscription" from "digest §10" {
        "201",
        "200": reads(RepetitionIs200),
        "409": reads(RepetitionIs409),
    }
    "named operator that gives no code" from "TW-C31" {
        "an error",
        "an own code": reads(OwnCodeInstead),
    }
    "new tries" from "digest §7.5" {
        "at growing intervals",
        "at even intervals": reads(RetriesEvenly),
    }
    "creation" from "TW-C17" {
        "201",
        "200": reads(CreationIs200),
    }
    "update" from "digest §3" {
        "200",
        "204": reads(PutIs204),
    }
    "deactivation" from "digest §3" {
        "204",
        "200": reads(DeleteIs200),
    }
    "what has ended" from "digest §8" {
        "404",
        "410": reads(GoneIs410),
    }
    "documents" from "digest §2, §5" {
        "plain",
        "with elements of a later version": reads(UnknownElements),
        "with white space and character set": reads(Verbose),
    }
    "unreadable body" from "digest §8" {
        "400 SVC0002",
        "422": says { Body: said(422, "SVC0002") },
        "another id": says { Body: said(400, "SVC0001") },
    }
    "role missing" from "digest §8" {
        "400 SVC2006",
        "SVC1014": says { RoleMissing: said(400, "SVC1014") },
        "SVC0002": says { RoleMissing: said(400, "SVC0002") },
    }
    "role unknown" from "digest §8" {
        "400 SVC1014",
        "SVC0003": says { Role: said(400, "SVC0003") },
        "SVC0002": says { Role: said(400, "SVC0002") },
    }
    "status unknown" from "digest §8" {
        "400 SVC0003",
        "SVC0002": says { Enumeration: said(400, "SVC0002") },
        "POL1038": says { Enumeration: said(403, "POL1038") },
    }
    "item not permitted" from "digest §8" {
        "400 SVC2005",
        "POL1038": says { Item: said(403, "POL1038") },
    }
    "code not valid" from "digest §8" {
        "400 SVC0002",
        "SVC2004": says { Code: said(400, "SVC2004") },
        "403": says { Code: said(403, "POL0001") },
        "404": says { Code: said(404, "SVC0004") },
        "409": says { Code: said(409, "SVC0002") },
        "410": says { Code: said(410, "POL0010") },
    }
    "role mixture" from "digest §8" {
        "403 POL1037",
        "409": says { RoleMixture: said(409, "POL1037") },
    }
    "already twinned" from "digest §8" {
        "403 POL1037",
        "POL0001": says { AlreadyTwinned: said(403, "POL0001") },
        "409": says { AlreadyTwinned: said(409, "POL1037") },
    }
    "forbidden update" from "digest §8" {
        "403 POL1038",
        "400": says { Update: said(400, "POL1038") },
        "409": says { Update: said(409, "POL1038") },
    }
    "nothing there" from "digest §8" {
        "404 SVC2008",
        "SVC0004": says { Unknown: said(404, "SVC0004") },
    }
    "no token" from "digest §8" {
        "401 SVC2003",
        "401 without a body": says { Token: Said { with_body: false, ..said(401, "SVC2003") } },
    }
    "scope missing" from "digest §8" {
        "403 POL2003",
        "401": says { Scope: said(401, "POL2003") },
    }
    "somebody else's" from "digest §8" {
        "403 POL2003",
        "POL0002": says { NotYours: said(403, "POL0002") },
        "404": says { NotYours: said(404, "SVC0004") },
    }
    "too many" from "digest §8" {
        "403 POL2008",
        "POL2005": says { TooMany: said(403, "POL2005") },
        "429": says { TooMany: said(429, "POL2005") },
    }
    "feature not offered" from "digest §8" {
        "403 POL1023",
        "POL2006": says { Channel: said(403, "POL2006") },
        "501": says { Channel: said(501, "POL2006") },
    }
    "verb not defined" from "digest §8" {
        "405 with a body",
        "405 without": says { Method: Said { with_body: false, ..said(405, "SVC2000") } },
    }
    "format not supported" from "digest §8" {
        "415 POL0011",
        "POL2007": says { MediaType: said(415, "POL2007") },
        "400": says { MediaType: said(400, "POL2007") },
    }
    "nothing acceptable" from "digest §8" {
        "406 POL0011",
        "default format": reads(DefaultFormatAnyway),
    }
    "version unknown" from "digest §8" {
        "404 SVC2008",
        "300": says { Version: Said { with_body: false, ..said(300, "SVC2008") } },
        "303": says { Version: Said { with_body: false, ..said(303, "SVC2008") } },
    }
    "partner fails" from "digest §8" {
        "400 SVC2004",
        "SVC0002": says { Partner: said(400, "SVC0002") },
        "503": says { Partner: said(503, "SVC2001") },
        "504": says { Partner: said(504, "SVC0001") },
    }
    "operator unknown" from "digest §8" {
        "400 SVC0002",
        "403": says { Operator: said(403, "POL0001") },
        "404": says { Operator: said(404, "SVC0004") },
    }
    "name refused" from "TW-C22" {
        "400 SVC0002",
        "409": says { Name: said(409, "SVC0002") },
    }
}

/// Names that share none with the digest's.
fn other_names() -> Names {
    let names = [
        "relationship",
        "relationshipList",
        "part",
        "label",
        "partner",
        "identity",
        "pairingCode",
        "digits",
        "network",
        "state",
        "grant",
        "voiceMail",
        "self",
        "href",
        "watch",
        "watchList",
        "news",
    ]
    .map(str::to_owned);
    let [
        twinning,
        twinning_list,
        role,
        name,
        other_device,
        address,
        activation_code,
        code,
        mno_id,
        twinning_status,
        auth_code,
        vm_address,
        own_address,
        resource_url,
        subscription,
        subscription_list,
        notification,
    ] = names;
    Names {
        twinning,
        twinning_list,
        role,
        name,
        other_device,
        address,
        activation_code,
        code,
        mno_id,
        twinning_status,
        auth_code,
        vm_address,
        own_address,
        resource_url,
        subscription,
        subscription_list,
        notification,
    }
}
