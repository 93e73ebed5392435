//! The transport header `x-syncml-hmac`.

use std::fmt;

use crate::base64;
use crate::error::{Error, Fault, shown};

/// The value of `x-syncml-hmac` (DM Security 1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacHeader {
    /// `algorithm`; absent means MD5, the only one there is.
    pub algorithm: Option<String>,
    /// `username`.
    pub user_name: String,
    /// `mac`: digest over the message.
    pub mac: [u8; 16],
    /// How the digest was written.
    pub form: MacForm,
}

/// Ways to write the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacForm {
    /// Base64 of its sixteen octets, as the text demands.
    Octets,
    /// Base64 of its hexadecimal digits, as an example in the text has it. Readable, not right.
    HexDigits,
}

impl MacHeader {
    /// Name of the header.
    pub const NAME: &'static str = "x-syncml-hmac";

    /// A header as the standard wants it.
    #[must_use]
    pub fn new(user_name: impl Into<String>, mac: [u8; 16]) -> Self {
        Self {
            algorithm: Some("MD5".to_owned()),
            user_name: user_name.into(),
            mac,
            form: MacForm::Octets,
        }
    }

    /// Reads the value of the header: parameters in any order, quoted or not.
    ///
    /// # Errors
    ///
    /// [`Fault::Missing`] without `username` or `mac`, [`Fault::Unsupported`] for another algorithm,
    /// [`Fault::Value`] for a digest that is none, [`Fault::Syntax`] for anything that is no list of
    /// parameters. Unknown parameters are passed over.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (mut algorithm, mut user_name, mut mac) = (None, None, None);
        let mut rest = text;
        while !rest.trim_start_matches([' ', '\t', ',']).is_empty() {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let offset = text.len() - rest.len();
            let Some((name, after)) = rest.split_once('=') else {
                return Err(Error::new(
                    Fault::Syntax,
                    offset,
                    "a parameter with a value",
                    shown(rest),
                ));
            };
            let (value, after) = value(after, text)?;
            rest = after;
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "algorithm" => &mut algorithm,
                "username" => &mut user_name,
                "mac" => &mut mac,
                _ => continue,
            };
            if place.is_some() {
                return Err(Error::new(
                    Fault::Syntax,
                    offset,
                    "each parameter once",
                    format!("{} again", name.trim()),
                ));
            }
            *place = Some((value, offset));
        }
        if let Some((name, offset)) = &algorithm
            && !name.eq_ignore_ascii_case("MD5")
        {
            return Err(Error::new(Fault::Unsupported, *offset, "MD5", shown(name)));
        }
        let missing = |name: &'static str| Error::new(Fault::Missing, text.len(), name, "none");
        let (user_name, _) = user_name.ok_or_else(|| missing("a username"))?;
        let (mac, offset) = mac.ok_or_else(|| missing("a mac"))?;
        let (mac, form) = digest(&mac)
            .ok_or_else(|| Error::new(Fault::Value, offset, "16 octets in base64", shown(&mac)))?;
        Ok(Self {
            algorithm: algorithm.map(|(name, _)| name),
            user_name,
            mac,
            form,
        })
    }
}

/// A value up to the next comma, or in quotes, and what follows it.
fn value<'t>(rest: &'t str, text: &str) -> Result<(String, &'t str), Error> {
    let rest = rest.trim_start_matches([' ', '\t']);
    match rest.strip_prefix('"') {
        Some(quoted) => {
            let (value, rest) = quoted.split_once('"').ok_or_else(|| {
                Error::new(
                    Fault::Truncated,
                    text.len(),
                    "a closing quotation mark",
                    "the end of the header",
                )
            })?;
            Ok((value.to_owned(), rest))
        }
        None => {
            let end = rest.find(',').unwrap_or(rest.len());
            Ok((rest[..end].trim_end().to_owned(), &rest[end..]))
        }
    }
}

fn digest(text: &str) -> Option<([u8; 16], MacForm)> {
    let octets = base64::decode(text)?;
    if let Ok(digest) = octets.as_slice().try_into() {
        return Some((digest, MacForm::Octets));
    }
    let digits = crate::hex::decode(str::from_utf8(&octets).ok()?)?;
    Some((digits.try_into().ok()?, MacForm::HexDigits))
}

impl fmt::Display for MacHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(algorithm) = &self.algorithm {
            write!(f, "algorithm={algorithm}, ")?;
        }
        let mac = match self.form {
            MacForm::Octets => base64::encode(&self.mac),
            MacForm::HexDigits => base64::encode(
                crate::hex::encode(&self.mac)
                    .to_ascii_lowercase()
                    .as_bytes(),
            ),
        };
        write!(f, "username=\"{}\", mac={mac}", self.user_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Key;

    fn golden() -> MacHeader {
        let key = Key::new("Bruce2", b"OhBehave");
        MacHeader::new("Bruce2", key.mac(b"Nonce", b"<SyncML/>"))
    }

    #[test]
    fn the_header_is_written_and_read() {
        let text = golden().to_string();
        assert_eq!(
            text,
            "algorithm=MD5, username=\"Bruce2\", mac=urdCeS3JUmjFgi8SX3webw=="
        );
        assert_eq!(MacHeader::parse(&text), Ok(golden()));
        let hex = MacHeader {
            form: MacForm::HexDigits,
            ..golden()
        };
        assert_eq!(MacHeader::parse(&hex.to_string()), Ok(hex));
    }

    #[test]
    fn order_quotes_and_blanks_are_free() {
        let text = " mac = \"urdCeS3JUmjFgi8SX3webw==\" ,x=1,username=Bruce2 ";
        let header = MacHeader::parse(text).unwrap();
        assert_eq!(header.mac, golden().mac);
        assert_eq!(header.user_name, "Bruce2");
        assert_eq!(header.algorithm, None);
        let comma = MacHeader::parse("username=\"a, b=c\", mac=urdCeS3JUmjFgi8SX3webw==");
        assert_eq!(comma.unwrap().user_name, "a, b=c");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, fault) in [
            ("", Fault::Missing),
            ("username=u", Fault::Missing),
            ("mac=urdCeS3JUmjFgi8SX3webw==", Fault::Missing),
            ("username", Fault::Syntax),
            ("username=\"u", Fault::Truncated),
            ("username=u, username=v", Fault::Syntax),
            ("username=u, mac=AAAA", Fault::Value),
            ("username=u, mac=!", Fault::Value),
            ("algorithm=SHA, username=u, mac=AAAA", Fault::Unsupported),
        ] {
            let error = MacHeader::parse(text).unwrap_err();
            assert_eq!(error.fault, fault, "{text}: {error}");
        }
    }
}
