//! HTTP messages as roles see them: whole, with their header fields in order, legal or not.

use std::fmt;
use std::time::Duration;

/// Header fields in the order in which they were sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No header fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field behind the others.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The value of the first field of this name; names are compared without regard to case.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(
            fields
                .into_iter()
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
        )
    }
}

/// A request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// Where a client sends: an absolute URL. What a server receives: path and query.
    pub url: String,
    /// Header fields; the transport adds Host and Content-Length.
    pub headers: Headers,
    /// The body as octets.
    pub body: Vec<u8>,
    /// What its sender looks at before it says this over TLS; nothing to whom it comes.
    pub scrutiny: Scrutiny,
}

/// What a client looks at of a server's certificate before it says anything over TLS.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Scrutiny {
    /// Whether an authority that the client knows has signed it.
    pub authority: bool,
    /// Whether it is for the host that was asked for.
    pub name: bool,
    /// Whether it is valid now.
    pub dates: bool,
    /// How long it takes on the virtual stage from there until it says anything. The live stage does not wait.
    pub pause: Duration,
}

impl Scrutiny {
    /// All of it (RFC 9110 §4.3.4).
    pub const FULL: Self = Self {
        authority: true,
        name: true,
        dates: true,
        pause: Duration::ZERO,
    };
}

impl Default for Scrutiny {
    fn default() -> Self {
        Self::FULL
    }
}

impl Request {
    /// A request without header fields and body.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.into(),
            ..Self::default()
        }
    }

    /// The path: the URL without scheme, authority and query.
    pub fn path(&self) -> &str {
        let after_scheme = self.url.find("://").map_or(self.url.as_str(), |at| {
            let rest = &self.url[at + 3..];
            rest.find('/').map_or("", |slash| &rest[slash..])
        });
        after_scheme.split(['?', '#']).next().unwrap_or_default()
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// Sets the body and its media type.
    #[must_use]
    pub fn with_body(self, media_type: &str, body: Vec<u8>) -> Self {
        let mut request = self.with("Content-Type", media_type);
        request.body = body;
        request
    }
}

/// A response.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields; the transport adds Content-Length and Date.
    pub headers: Headers,
    /// The body as octets; cut at [`BODY_LIMIT`] when it came from a peer.
    pub body: Vec<u8>,
    /// How many octets the body had on the wire.
    pub length: u64,
}

impl Response {
    /// A response without header fields and body.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Headers::new(),
            body: Vec::new(),
            length: 0,
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// Sets the body and its media type.
    #[must_use]
    pub fn with_body(self, media_type: &str, body: Vec<u8>) -> Self {
        let mut response = self.with("Content-Type", media_type);
        response.length = body.len() as u64;
        response.body = body;
        response
    }

    /// Whether the status is of the 2xx class.
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// What of a peer's body is kept: 1 MiB.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Why a request got no response.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing listens there, or the name does not resolve, or TLS was refused.
    Unreachable(String),
    /// The time that the profile allows passed without a complete response.
    TimedOut,
    /// The peer closed the connection or broke HTTP.
    Broken(String),
    /// The party lacks what it would need to send it.
    NotSent(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "no connection: {why}"),
            Self::TimedOut => f.write_str("no complete response in time"),
            Self::Broken(why) => write!(f, "connection broken: {why}"),
            Self::NotSent(why) => write!(f, "nothing was sent: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn path_is_what_stands_between_authority_and_query() {
        for (url, path) in [
            ("http://a.example/x/y?z=1", "/x/y"),
            ("http://a.example", ""),
            ("/x?y", "/x"),
            ("/tel%3A%2B1/", "/tel%3A%2B1/"),
        ] {
            assert_eq!(Request::new("GET", url).path(), path, "{url}");
        }
    }
}
