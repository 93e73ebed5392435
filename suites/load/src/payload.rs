//! What devices have to say beside that they are there: how much, and in which format.

use std::ops::RangeInclusive;

use twinproof_coap::ContentFormat;
use twinproof_kernel::Seed;
use twinproof_lwm2m::device::Filling;
use twinproof_lwm2m::wire::Version;

use crate::workload::{Operation, Workload};

/// How many octets a value has at least: the number of a report and the name of a device are in it.
const LEAST: u16 = 24;

/// How many octets a value has at most, so that it fits one datagram in every format, and one in which an operator is told it.
const MOST: u16 = 800;

/// What values devices report, answer reads with and send.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// How many octets a value has, without what its format puts around it: always so many, or drawn from two limits.
    pub octets: Octets,
    /// The format where the server asks for none; if nothing is said, values go as they are, and SenML CBOR is what is sent
    /// unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
}

/// How many octets a value has.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(
    untagged,
    expecting = "expected a number such as 200, or two limits such as [50, 400]"
)]
pub enum Octets {
    /// Always so many.
    Fixed(u16),
    /// As many as are drawn, all as often: at least the first and at most the second.
    Drawn(u16, u16),
}

/// A format in which devices say values.
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Octets that are no text, as they are.
    Opaque,
    /// SenML CBOR (LwM2M 1.1).
    SenmlCbor,
    /// SenML JSON (LwM2M 1.1).
    SenmlJson,
    /// Text.
    Text,
    /// LwM2M TLV.
    Tlv,
}

impl Format {
    /// As messages name it.
    pub(crate) const fn number(self) -> ContentFormat {
        match self {
            Self::Opaque => ContentFormat::OCTET_STREAM,
            Self::SenmlCbor => ContentFormat::SENML_CBOR,
            Self::SenmlJson => ContentFormat::SENML_JSON,
            Self::Text => ContentFormat::TEXT,
            Self::Tlv => ContentFormat::LWM2M_TLV,
        }
    }

    /// The first version of LwM2M that has it.
    pub(crate) const fn since(self) -> Version {
        match self {
            Self::SenmlCbor | Self::SenmlJson => Version::V1_1,
            Self::Opaque | Self::Text | Self::Tlv => Version::V1_0,
        }
    }
}

impl Octets {
    fn range(self) -> RangeInclusive<usize> {
        let (least, most) = self.limits();
        usize::from(least)..=usize::from(most)
    }

    const fn limits(self) -> (u16, u16) {
        match self {
            Self::Fixed(octets) => (octets, octets),
            Self::Drawn(least, most) => (least, most),
        }
    }
}

impl Payload {
    /// Whether it can be said in a workload.
    ///
    /// # Errors
    ///
    /// When values would be shorter than what they say or longer than a datagram, or nobody says any; says what was expected.
    pub(crate) fn check(&self, workload: &Workload) -> Result<(), String> {
        let (least, most) = self.octets.limits();
        let says = |one| matches!(one, Operation::Notify | Operation::Read | Operation::Send);
        if !workload.operations().any(says) {
            return Err(
                "payload: expected notify, read or send in the mix, which carry values".to_owned(),
            );
        }
        if least > most {
            return Err(format!(
                "payload.octets: expected the lower limit first, got [{least}, {most}]"
            ));
        }
        if least < LEAST || most > MOST {
            return Err(format!(
                "payload.octets: expected from {LEAST}, since values tell devices and reports apart, to {MOST}, which fit one \
                 datagram in every format (nothing is transferred in blocks), got {}",
                match self.octets {
                    Octets::Fixed(octets) => octets.to_string(),
                    Octets::Drawn(..) => format!("[{least}, {most}]"),
                }
            ));
        }
        Ok(())
    }

    /// How values are said.
    pub(crate) fn filling(&self, seed: u64) -> Filling {
        let seed = Seed::new(seed).derive("payload").rng().u64(..);
        match self.is_opaque() {
            true => Filling::opaque(self.octets.range(), seed),
            false => Filling::text(self.octets.range(), seed),
        }
    }

    /// Whether values are octets that are no text.
    pub(crate) fn is_opaque(&self) -> bool {
        self.format == Some(Format::Opaque)
    }
}
