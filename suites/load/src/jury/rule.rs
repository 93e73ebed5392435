//! The rules of a jury, and what is said of those that were broken.

use std::time::Duration;

/// What has to hold of what a server says.
#[derive(
    Clone,
    Copy,
    Debug,
    Eq,
    Ord,
    PartialEq,
    PartialOrd,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// An activation code that was used is refused.
    CodeUsedOnce,
    /// A command that a device has answered is not told again.
    CommandToldOnce,
    /// A device is told what a fan-out wants of it once.
    FannedOutOnce,
    /// A fan-out is told to members of its group, and to nobody else.
    MembersAlone,
    /// The report on a fan-out has each of its devices once, and no other.
    OneResultEach,
    /// What a device is answered belongs to what it asked.
    OwnAnswers,
    /// A device is told the commands that are meant for it, and no others.
    OwnCommands,
    /// A registration has a location that no other registration has.
    OwnLocation,
    /// What the operator is told that a device has reported, that device has.
    OwnReports,
    /// What the report on a fan-out has of a device, that device said.
    OwnResults,
    /// A device is twinned with the one whose code it used, or that used its code, and with no other.
    OwnTwin,
    /// What the operator is told that was read of a device, that device has.
    OwnValues,
    /// A registration that is taken is confirmed with its location.
    RegistrationAnswered,
    /// A registration stays as long as its life time, whatever others do.
    RegistrationKept,
    /// A report that is confirmed reaches the operator, or a newer one does.
    ReportTold,
    /// A report that comes twice is told once.
    ReportToldOnce,
    /// Reports are told in the order in which they were made.
    ReportsInOrder,
    /// Values that are taken are confirmed as such.
    SendConfirmed,
    /// A twinning is not off before one of its devices has switched it off.
    SwitchedByOwn,
    /// An update that is taken is confirmed as such.
    UpdateConfirmed,
}

impl Rule {
    /// The requirement that it follows from.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::CodeUsedOnce => "HLF-TE-005",
            Self::CommandToldOnce | Self::OwnCommands => "DM-SRV-04",
            Self::FannedOutOnce => "GwMO-FORA-001",
            Self::MembersAlone => "GwMO-Group-001",
            Self::OneResultEach | Self::OwnResults => "GwMO-FORA-002",
            Self::OwnAnswers => "LW-SRV-02",
            Self::OwnLocation => "LW-IF2-09",
            Self::OwnReports => "LW-REL-05",
            Self::OwnTwin => "CR-N1",
            Self::OwnValues => "LW-REL-03",
            Self::RegistrationAnswered => "LW-SRV-01",
            Self::RegistrationKept => "LW-IF2-14",
            Self::ReportTold => "LW-IF4-03",
            Self::ReportToldOnce => "LW-IF4-05",
            Self::ReportsInOrder => "LW-IF4-04",
            Self::SendConfirmed => "LW-IF4-15",
            Self::SwitchedByOwn => "CR-N6",
            Self::UpdateConfirmed => "LW-IF2-04",
        }
    }

    /// Where it stands.
    pub const fn basis(self) -> &'static str {
        match self {
            Self::CodeUsedOnce => "RD Twinning 1.0 §6.1.4",
            Self::CommandToldOnce | Self::OwnCommands => "TS DM Protocol 1.2 §Package 4",
            Self::FannedOutOnce | Self::OneResultEach | Self::OwnResults => "RD GwMO 1.0 §6.6",
            Self::MembersAlone => "RD GwMO 1.0 §6.5, §6.6",
            Self::OwnAnswers => "RFC 7252 §4.2, §5.2.1, §5.3.2",
            Self::OwnLocation | Self::RegistrationAnswered => "TS LwM2M 1.0 §5.3.1",
            Self::RegistrationKept => "TS LwM2M 1.0 §5.3, §5.3.1, §5.3.2",
            Self::OwnReports | Self::ReportTold => "TS LwM2M 1.0 §5.5.2",
            Self::OwnTwin => "CR Twinning 20, Change 1, otherDevice",
            Self::OwnValues => "TS LwM2M 1.0 §5.4.1; RFC 7252 §5.3.2",
            Self::ReportToldOnce => "RFC 7252 §4.2, §4.5; RFC 7641 §3.5",
            Self::ReportsInOrder => "RFC 7641 §3.4",
            Self::SendConfirmed => "TS LwM2M 1.1.1 §6.4.6",
            Self::SwitchedByOwn => "CR Twinning 20, Change 1, twinningStatus",
            Self::UpdateConfirmed => "TS LwM2M 1.0 §5.3.2",
        }
    }

    /// It in a sentence.
    pub const fn says(self) -> &'static str {
        match self {
            Self::CodeUsedOnce => "an activation code that was used is refused",
            Self::CommandToldOnce => "a command that a device has answered is not told again",
            Self::OwnCommands => {
                "a device is told the commands that are meant for it, and no others"
            }
            Self::FannedOutOnce => "a device is told what a fan-out wants of it once",
            Self::MembersAlone => "a fan-out is told to members of its group, and to nobody else",
            Self::OneResultEach => {
                "the report on a fan-out has each of its devices once, and no other"
            }
            Self::OwnResults => "what the report on a fan-out has of a device, that device said",
            Self::OwnAnswers => "what a device is answered belongs to what it asked",
            Self::OwnLocation => "a registration has a location that no other registration has",
            Self::OwnReports => {
                "what the operator is told that a device has reported, that device has"
            }
            Self::OwnValues => {
                "what the operator is told that was read of a device, that device has"
            }
            Self::OwnTwin => {
                "a device is twinned with the one whose code it used, or that used its code, and with no other"
            }
            Self::ReportTold => {
                "a report that is confirmed reaches the operator, or a newer one does"
            }
            Self::ReportToldOnce => "a report that comes twice is told once",
            Self::ReportsInOrder => "reports are told in the order in which they were made",
            Self::RegistrationAnswered => {
                "a registration that is taken is confirmed with its location"
            }
            Self::RegistrationKept => {
                "a registration stays as long as its life time, whatever others do"
            }
            Self::SendConfirmed => "values that are taken are confirmed as such",
            Self::SwitchedByOwn => {
                "a twinning is not off before one of its devices has switched it off"
            }
            Self::UpdateConfirmed => "an update that is taken is confirmed as such",
        }
    }
}

/// A rule that was broken, and the first time that it was.
#[derive(
    Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Broken {
    /// Which.
    pub rule: Rule,
    /// The requirement that it follows from.
    pub requirement: String,
    /// Where it stands.
    pub basis: String,
    /// How often it was.
    pub times: u64,
    /// The address of the device, or its name where devices have no addresses of their own.
    pub device: String,
    /// When, in microseconds since the devices began.
    pub at_us: u64,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
    /// What the device had said, in hexadecimal digits; nothing if it had said nothing that this belongs to, or the operator
    /// was told.
    pub asked: String,
    /// What it was told, in hexadecimal digits; nothing if the operator was.
    pub answer: String,
}

/// What a jury has to say.
#[derive(
    Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub struct Judgement {
    /// How many devices were watched.
    pub devices: u64,
    /// How many of their requests were seen.
    pub requests: u64,
    /// How many of those were seen to be answered.
    pub answers: u64,
    /// How many reports they made.
    #[serde(default)]
    pub reports: u64,
    /// How many of those the operator was told; none if there are none, or nobody hears what it is told.
    #[serde(default)]
    pub told: Option<u64>,
    /// How often the operator was told what was read of them.
    #[serde(default)]
    pub reads: u64,
    /// What was broken, the first time of each.
    pub broken: Vec<Broken>,
}

impl Broken {
    /// A rule that is broken for the first time: towards whom and when, what should have come and what came, and
    /// what was said before that and then.
    pub(crate) fn new(
        rule: Rule,
        (device, at): (String, Duration),
        (expected, got): (String, String),
        (asked, answer): (&[u8], &[u8]),
    ) -> Self {
        Self {
            rule,
            requirement: rule.requirement().to_owned(),
            basis: rule.basis().to_owned(),
            times: 0,
            device,
            at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
            expected,
            got,
            asked: hex(asked),
            answer: hex(answer),
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
