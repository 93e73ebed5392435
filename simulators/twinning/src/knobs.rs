//! What the public texts do not settle: each a knob with the digest's default (§14).
//!
//! A profile may declare any of them. What it does not declare is *assumed* until a positive
//! exchange of the run has used it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tree::{Dialect, Format};

/// The shapes of one enabler's interface.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Where the resources are, below `{base_url}/twinning/v1/{userId}`.
    pub paths: Paths,
    /// What elements are called.
    pub names: Names,
    /// What the members of the enumerations are called.
    pub literals: Literals,
    /// How a client sets the status.
    pub toggle_style: ToggleStyle,
    /// What the response to an activation holds. (A code request is always answered in full.)
    pub create_returns: CreateReturns,
    /// The JSON dialect that simulated parties speak; both are understood.
    pub json: Dialect,
    /// The format that simulated parties speak unless a scenario says otherwise.
    pub format: DefaultFormat,
    /// The formats that the system speaks.
    pub formats: Formats,
    /// How the name of the primary's operator is put into a code request.
    pub primary_operator: PrimaryOperator,
    /// Where the secondary finds the primary's voice-mail address.
    pub voice_mail: VoiceMail,
    /// What operators send each other.
    pub inter_operator: InterOperator,
}

/// URL templates below the user's base.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// The API's segment in front of the version.
    pub api: String,
    /// The version's segment.
    pub version: String,
    /// All twinnings of a user (R1).
    pub twinnings: String,
    /// The changeable part of one twinning (R3), behind its resource URL.
    pub status_part: String,
    /// All subscriptions of a user (R4).
    pub subscriptions: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            api: "twinning".to_owned(),
            version: "v1".to_owned(),
            twinnings: "/twinnings".to_owned(),
            status_part: "/twinningStatus".to_owned(),
            subscriptions: "/subscriptions".to_owned(),
        }
    }
}

macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $field:ident = $default:literal ),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $( $(#[$doc])* pub $field: String ),+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default.to_owned() ),+ }
            }
        }
    };
}

names! {
    /// Element names, roots included.
    Names {
        /// Root of one twinning.
        twinning = "twinning",
        /// Root of the list of a user's twinnings.
        twinning_list = "twinningList",
        /// The device's role.
        role = "role",
        /// The relationship's name.
        name = "name",
        /// The structure about the peer device.
        other_device = "otherDevice",
        /// The peer device's address.
        address = "address",
        /// The structure with the activation code.
        activation_code = "activationCode",
        /// The activation code itself.
        code = "code",
        /// The operator that generated the code.
        mno_id = "mnoId",
        /// The relationship's status; also the root of its light-weight form.
        twinning_status = "twinningStatus",
        /// The OAuth authorization code for the secondary.
        auth_code = "authCode",
        /// The primary's voice-mail address.
        vm_address = "primaryDeviceVMAddress",
        /// The device's own address.
        own_address = "ownAddress",
        /// The resource's own URL.
        resource_url = "resourceURL",
        /// Root of a subscription.
        subscription = "twinningSubscription",
        /// Root of the list of a user's subscriptions.
        subscription_list = "twinningSubscriptionList",
        /// Root of a notification.
        notification = "twinningNotification",
    }
}

names! {
    /// Members of the enumerations.
    Literals {
        /// Role of the device that shares its identity.
        primary = "Primary",
        /// Role of the device that assumes it.
        secondary = "Secondary",
        /// Status before activation.
        pending = "Pending",
        /// Status while the identity is shared.
        on = "On",
        /// Status while it is not.
        off = "Off",
    }
}

/// How a client sets the status of a twinning.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToggleStyle {
    /// PUT of the whole twinning on its resource.
    #[default]
    PutFull,
    /// PUT of the status alone on its light-weight resource.
    PutLight,
    /// POST of the whole twinning on its resource.
    Post,
}

/// What a 201 to an activation holds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateReturns {
    /// The whole representation.
    #[default]
    Full,
    /// A reference to it.
    Reference,
}

/// The format that simulated parties speak by themselves.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultFormat {
    /// `application/json`
    #[default]
    Json,
    /// `application/xml`
    Xml,
}

/// The formats that a system speaks; both are mandatory in the sibling specifications.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Formats {
    /// JSON and XML
    #[default]
    Both,
    /// JSON only
    Json,
    /// XML only
    Xml,
}

impl Formats {
    /// Whether this format is one of them.
    pub fn offers(self, format: Format) -> bool {
        match self {
            Self::Both => true,
            Self::Json => format == Format::Json,
            Self::Xml => format == Format::Xml,
        }
    }
}

impl From<DefaultFormat> for Format {
    fn from(format: DefaultFormat) -> Self {
        match format {
            DefaultFormat::Json => Self::Json,
            DefaultFormat::Xml => Self::Xml,
        }
    }
}

/// Where a code request names the primary's operator (SD-002).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrimaryOperator {
    /// As the operator id inside the activation code structure.
    #[default]
    ActivationCode,
    /// As an element of its own, `primaryMnoId`.
    OwnElement,
}

/// What operators send each other (digest §7.4).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InterOperator {
    /// The API's own operations on each other's resources. A code request is a POST for the
    /// secondary's address with a link to its twinning, an activation one for the primary's address,
    /// whose answer names the secondary's twinning; all else is PUT and DELETE on the other half.
    #[default]
    Twinnings,
}

/// Where the primary's voice-mail address is in a secondary's resource (ruling TW-C2).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceMail {
    /// At the top level.
    #[default]
    Top,
    /// Inside the structure about the other device.
    OtherDevice,
    /// Not offered.
    None,
}
