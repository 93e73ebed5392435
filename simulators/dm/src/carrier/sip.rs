//! SIP Push in its simplest form: one `MESSAGE` over UDP, whose body is what is pushed, and its answer
//! (RFC 3261, RFC 3428).
//!
//! The application stands in `Accept-Contact`, as the value of the feature tag `g.oma.pusheventapp`: so products that
//! take pushes by SIP have it ([`Basis::Peer`](crate::Basis::Peer)). That the DM client is `syncml.dm` there is
//! [`Basis::Assumed`](crate::Basis::Assumed).

use super::{Arrived, Carrier, PREFIX};
use crate::error::{Error, Fault, shown};
use crate::push::{APPLICATION, APPLICATION_FIELD};

/// The port of SIP.
pub const PORT: u16 = 5060;

/// The feature tag that names the application.
const FEATURE: &str = "+g.oma.pusheventapp=";

/// The version that a start line ends, or begins, with.
const VERSION: &str = "SIP/2.0";

/// A push on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whom: `sip:` and an authority.
    pub to: String,
    /// Where answers go: host and port.
    pub via: String,
    /// What no other message has: it stands in the branch and in `Call-ID`.
    pub unique: String,
    /// The application, as `X-Wap-Application-Id` names it.
    pub application: String,
    /// The media type.
    pub content_type: String,
    /// The octets.
    pub body: Vec<u8>,
}

impl Message {
    /// A push to the DM client at a place, from another.
    #[must_use]
    pub fn to_client(to: &str, via: &str, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            to: format!("sip:dm@{to}"),
            via: via.to_owned(),
            unique: String::new(),
            application: APPLICATION.to_owned(),
            content_type: content_type.to_owned(),
            body,
        }
    }

    /// The octets.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let Self {
            to,
            via,
            unique,
            application,
            content_type,
            body,
        } = self;
        let application = application.strip_prefix(PREFIX).unwrap_or(application);
        let length = body.len();
        let mut octets = format!(
            "MESSAGE {to} {VERSION}\r\n\
             Via: {VERSION}/UDP {via};branch=z9hG4bK{unique}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:push@{via}>;tag={unique}\r\n\
             To: <{to}>\r\n\
             Call-ID: {unique}@{via}\r\n\
             CSeq: 1 MESSAGE\r\n\
             Accept-Contact: *;{FEATURE}\"{application}\"\r\n\
             Content-Type: {content_type}\r\n\
             Content-Length: {length}\r\n\r\n"
        )
        .into_bytes();
        octets.extend(body);
        octets
    }
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'i> {
    /// The method.
    pub method: &'i str,
    /// The header fields, in order; short names are written out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: &'i [u8],
}

impl<'i> Request<'i> {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`Fault::Syntax`] where the start line or a header field is none, or not UTF-8; [`Fault::Truncated`] where the
    /// header does not end, or the body is shorter than it says.
    pub fn parse(octets: &'i [u8]) -> Result<Self, Error> {
        let syntax =
            |expected: &'static str, got: &str| Error::new(Fault::Syntax, 0, expected, shown(got));
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or_else(|| {
            let got = format!("{} octets without one", octets.len());
            Error::new(Fault::Truncated, octets.len(), "an empty line", got)
        })?;
        let head = str::from_utf8(&octets[..end])
            .map_err(|_| syntax("a header in UTF-8", "octets that are not"))?;
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default();
        let [method, _, VERSION] = start.split(' ').collect::<Vec<_>>()[..] else {
            return Err(syntax("a method, an address and SIP/2.0", start));
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            // What begins with a blank goes on with the line before.
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| syntax("a header field", line))?;
            headers.push((written_out(name.trim()), value.trim().to_owned()));
        }
        let rest = &octets[end + 4..];
        let length = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Content-Length"));
        let body = match length {
            None => rest,
            Some((_, digits)) => {
                let length: usize = digits
                    .parse()
                    .map_err(|_| syntax("a length in digits", digits))?;
                rest.get(..length).ok_or_else(|| {
                    let expected = format!("a body of {length} octets");
                    Error::new(Fault::Truncated, end, expected, rest.len().to_string())
                })?
            }
        };
        Ok(Self {
            method,
            headers,
            body,
        })
    }

    fn all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        let of_name = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(of_name)
            .map(|(_, value)| value.as_str())
    }

    /// The application that it is for, as `X-Wap-Application-Id` names it.
    #[must_use]
    pub fn application(&self) -> Option<String> {
        let mut parameters = self
            .all("Accept-Contact")
            .flat_map(|value| value.split(';'));
        let named = parameters.find_map(|parameter| parameter.trim().strip_prefix(FEATURE))?;
        Some(format!("{PREFIX}{}", named.trim_matches('"')))
    }

    /// Its answer: what it says of where it came from stands there again.
    #[must_use]
    pub fn answer(&self, code: u16, reason: &str) -> Vec<u8> {
        let mut out = format!("{VERSION} {code} {reason}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.all(name) {
                let untagged = name == "To" && !value.contains(";tag=");
                let tag = if untagged { ";tag=dm" } else { "" };
                out.push_str(&format!("{name}: {value}{tag}\r\n"));
            }
        }
        out.push_str("Content-Length: 0\r\n\r\n");
        out.into_bytes()
    }

    /// The push that it is, with its answer; none if it asks for something else.
    pub(super) fn arrived(&self) -> Option<Arrived> {
        if self.method != "MESSAGE" {
            return None;
        }
        let application = self.application();
        let named = application.map(|application| (APPLICATION_FIELD.to_owned(), application));
        Some(Arrived {
            by: Carrier::Sip,
            content_type: self.all("Content-Type").next()?.to_owned(),
            headers: self.headers.iter().cloned().chain(named).collect(),
            body: self.body.to_vec(),
            answer: Some(self.answer(200, "OK")),
        })
    }
}

/// The name that a short one stands for (RFC 3261 §7.3.3, RFC 3841).
fn written_out(name: &str) -> String {
    let long = match name {
        "a" => "Accept-Contact",
        "c" => "Content-Type",
        "f" => "From",
        "i" => "Call-ID",
        "l" => "Content-Length",
        "t" => "To",
        "v" => "Via",
        name => name,
    };
    long.to_owned()
}

/// The code of an answer, if these octets are one.
#[must_use]
pub fn code_of(octets: &[u8]) -> Option<u16> {
    let line = octets.split(|octet| *octet == b'\r').next()?;
    let line = str::from_utf8(line).ok()?;
    let rest = line.strip_prefix(VERSION)?;
    rest.split(' ').nth(1)?.parse().ok()
}
