//! Package 0, the trigger: how a server asks a client for a session (DM Notification 1.2).
//!
//! ```text
//! digest 128 | version 10 | ui-mode 2 | initiator 1 | future-use 27 | session-id 16
//!            | length 8 | server-identifier 8 * length | body
//! ```
//!
//! All numbers are big-endian. The digest covers everything after it. [`Trigger`] is what the
//! standard allows; [`RawTrigger`] is any bit pattern.

use std::num::NonZeroU16;

use crate::auth::Key;
use crate::error::{Error, Fault, shown};

pub mod options;
pub mod push;
pub mod wanted;

const DIGEST: usize = 16;
const HEADER: usize = 8;

/// Ten times the version of the notification that DM 1.2 uses: 1.1.
pub const VERSION: u16 = 11;

/// A trigger that the standard allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// How much the user has to do with it.
    pub ui_mode: UiMode,
    /// Who caused it.
    pub initiator: Initiator,
    /// The session that it announces.
    pub session_id: NonZeroU16,
    /// The server, as the client's account calls it; 1 to 255 octets.
    pub server_id: String,
    /// Area of the vendor in DM 1.2, options in DM 1.3; see [`options`].
    pub body: Vec<u8>,
}

/// How much the user has to do with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UiMode {
    /// 0: as the client likes.
    Unspecified,
    /// 1: nothing.
    Background,
    /// 2: the user is told.
    Informative,
    /// 3: the user is asked first.
    UserInteraction,
}

/// Who caused a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// 0: the user or the client.
    Client,
    /// 1: the server.
    Server,
}

impl Trigger {
    /// The octets that the digest covers.
    ///
    /// # Errors
    ///
    /// [`Fault::Value`] when the server identifier is empty or longer than 255 octets.
    pub fn to_octets(&self) -> Result<Vec<u8>, Error> {
        Ok(self.to_raw([0; DIGEST])?.to_octets().split_off(DIGEST))
    }

    /// The whole package: digest and trigger.
    ///
    /// # Errors
    ///
    /// As [`to_octets`](Self::to_octets).
    pub fn sign(&self, key: &Key, nonce: &[u8]) -> Result<Vec<u8>, Error> {
        let trigger = self.to_octets()?;
        let mut package = key.mac(nonce, &trigger).to_vec();
        package.extend(trigger);
        Ok(package)
    }

    /// `SessionID` of the session that the trigger announces: hexadecimal digits, upper case, no
    /// leading zeros (DM Protocol 1.2).
    #[must_use]
    pub fn session_id_text(&self) -> String {
        format!("{:X}", self.session_id)
    }

    /// The same trigger as a bit pattern that can then be made wrong.
    ///
    /// # Errors
    ///
    /// As [`to_octets`](Self::to_octets).
    pub fn to_raw(&self, digest: [u8; DIGEST]) -> Result<RawTrigger, Error> {
        let length = u8::try_from(self.server_id.len()).ok();
        let length = length.filter(|&length| length > 0).ok_or_else(|| {
            Error::new(
                Fault::Value,
                0,
                "a server identifier of 1 to 255 octets",
                format!("{}", self.server_id.len()),
            )
        })?;
        let mut rest = self.server_id.clone().into_bytes();
        rest.extend(&self.body);
        Ok(RawTrigger {
            digest,
            version: VERSION,
            ui_mode: match self.ui_mode {
                UiMode::Unspecified => 0,
                UiMode::Background => 1,
                UiMode::Informative => 2,
                UiMode::UserInteraction => 3,
            },
            initiator: self.initiator == Initiator::Server,
            future_use: 0,
            session_id: self.session_id.get(),
            length,
            rest,
        })
    }
}

/// A trigger as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<'i> {
    /// The digest.
    pub digest: [u8; DIGEST],
    /// What it covers.
    pub signed: &'i [u8],
    /// The bits that are to be zero.
    pub future_use: u32,
    /// What it says.
    pub trigger: Trigger,
}

impl<'i> Received<'i> {
    /// Reads a package 0.
    ///
    /// # Errors
    ///
    /// [`Fault::Truncated`] when a field is cut off, [`Fault::Unsupported`] for another version,
    /// [`Fault::Value`] for session 0 and for a server identifier that is empty or not UTF-8.
    pub fn parse(octets: &'i [u8]) -> Result<Self, Error> {
        let raw = RawTrigger::parse(octets)?;
        if raw.version != VERSION {
            return Err(Error::new(
                Fault::Unsupported,
                DIGEST,
                "version 11",
                format!("{}", raw.version),
            ));
        }
        let session_id = NonZeroU16::new(raw.session_id)
            .ok_or_else(|| Error::new(Fault::Value, DIGEST + 5, "a session from 1 on", "0"))?;
        let length = usize::from(raw.length);
        let at = DIGEST + HEADER;
        let Some((server_id, body)) = raw.rest.split_at_checked(length) else {
            return Err(Error::new(
                Fault::Truncated,
                at,
                format!("{length} octets of server identifier"),
                format!("{}", raw.rest.len()),
            ));
        };
        let server_id = match str::from_utf8(server_id) {
            Ok("") => return Err(Error::new(Fault::Value, at, "a server identifier", "none")),
            Ok(text) => text.to_owned(),
            Err(_) => {
                let got = shown(&String::from_utf8_lossy(server_id));
                return Err(Error::new(Fault::Value, at, "UTF-8", got));
            }
        };
        Ok(Self {
            digest: raw.digest,
            signed: &octets[DIGEST..],
            future_use: raw.future_use,
            trigger: Trigger {
                ui_mode: match raw.ui_mode {
                    1 => UiMode::Background,
                    2 => UiMode::Informative,
                    3 => UiMode::UserInteraction,
                    _ => UiMode::Unspecified,
                },
                initiator: match raw.initiator {
                    false => Initiator::Client,
                    true => Initiator::Server,
                },
                session_id,
                server_id,
                body: body.to_vec(),
            },
        })
    }

    /// Whether the digest is that of this account and nonce. The name in the account is the server
    /// identifier (DM Security 1.2); some clients take the name from the credential instead.
    #[must_use]
    pub fn is_signed_by(&self, key: &Key, nonce: &[u8]) -> bool {
        self.digest == key.mac(nonce, self.signed)
    }
}

/// Any bit pattern with the layout of a trigger. Bits beyond the width of a field are not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTrigger {
    /// 128 bits.
    pub digest: [u8; DIGEST],
    /// 10 bits.
    pub version: u16,
    /// 2 bits.
    pub ui_mode: u8,
    /// 1 bit.
    pub initiator: bool,
    /// 27 bits.
    pub future_use: u32,
    /// 16 bits.
    pub session_id: u16,
    /// What the length field says, true or not.
    pub length: u8,
    /// Everything after the length field.
    pub rest: Vec<u8>,
}

impl RawTrigger {
    /// Reads the fixed fields; the rest is not looked at.
    ///
    /// # Errors
    ///
    /// [`Fault::Truncated`] below 24 octets.
    pub fn parse(octets: &[u8]) -> Result<Self, Error> {
        let fixed = octets.split_first_chunk::<DIGEST>();
        let fixed =
            fixed.and_then(|(digest, rest)| Some((digest, rest.split_first_chunk::<HEADER>()?)));
        let Some((digest, (header, rest))) = fixed else {
            return Err(Error::new(
                Fault::Truncated,
                octets.len(),
                "at least 24 octets",
                format!("{}", octets.len()),
            ));
        };
        let bits = u64::from_be_bytes(*header);
        let field = |from: u32, width: u32| bits >> from & ((1 << width) - 1);
        Ok(Self {
            digest: *digest,
            version: field(54, 10) as u16,
            ui_mode: field(52, 2) as u8,
            initiator: field(51, 1) == 1,
            future_use: field(24, 27) as u32,
            session_id: field(8, 16) as u16,
            length: field(0, 8) as u8,
            rest: rest.to_vec(),
        })
    }

    /// The octets.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let bits = u64::from(self.version & 0x3FF) << 54
            | u64::from(self.ui_mode & 0x3) << 52
            | u64::from(self.initiator) << 51
            | u64::from(self.future_use & 0x7FF_FFFF) << 24
            | u64::from(self.session_id) << 8
            | u64::from(self.length);
        let mut out = self.digest.to_vec();
        out.extend(bits.to_be_bytes());
        out.extend(&self.rest);
        out
    }

    /// Puts the digest of an account over whatever the pattern is.
    pub fn sign(&mut self, key: &Key, nonce: &[u8]) {
        self.digest = key.mac(nonce, &self.to_octets()[DIGEST..]);
    }
}
