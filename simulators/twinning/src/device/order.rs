//! What a tester can ask of a device.

use twinproof_kernel::http::Request;

/// What a tester can ask of a device.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Use an activation code as primary.
    Activate {
        /// What the user typed in.
        code: Option<String>,
        /// The operator that the code came from, as the user was shown.
        mno_id: Option<String>,
        /// A name for the relationship.
        name: Option<String>,
    },
    /// End a twinning for good.
    Deactivate {
        /// The twinning's URL; the device's newest if none.
        url: Option<String>,
    },
    /// Something about notifications.
    Notify(super::notify::Order),
    /// Ask the authorization server for a token and keep it.
    ObtainToken(Grant),
    /// List the device's own twinnings.
    List,
    /// List the twinnings of whoever has this address.
    ListOf {
        /// The address.
        user: String,
    },
    /// Read the device's newest twinning.
    Read,
    /// Read any resource.
    ReadOf {
        /// Its URL.
        url: String,
    },
    /// Ask for an activation code as secondary.
    RequestCode {
        /// The primary's operator, where the user named it.
        primary_operator: Option<String>,
    },
    /// Have the authorization server revoke the token that the device uses for its twinning.
    RevokeToken,
    /// Send any request, legal or not.
    Send(Raw),
    /// Set the status of a twinning, in the way that the profile declares.
    Toggle {
        /// The twinning's URL; the device's newest if none.
        url: Option<String>,
        /// The status as it is sent, whatever it is.
        status: String,
    },
}

/// How a device asks for a token (RFC 6749 §4).
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// With an authorization code; the token is for the primary's network.
    AuthorizationCode {
        /// The code.
        code: String,
    },
    /// With the application's own credentials; the token is for the device's twinning.
    ClientCredentials {
        /// The scope that is asked for, if any is.
        scope: Option<String>,
    },
    /// With the refresh token that came with the token for the primary's network.
    Refresh,
}

/// What a request presents as authorization.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// The token for the device's twinning if it has one, else the one that it was provisioned with.
    #[default]
    Best,
    /// The token for the primary's network.
    Network,
    /// None at all.
    None,
    /// The token that the device was provisioned with.
    Provisioned,
    /// This bearer token.
    Token(String),
    /// The token for the device's twinning.
    Twinning,
}

/// A request that need not be legal. In `url` and `body`, `{base}` stands for the system's base
/// URL, `{user}` for the device's address as it stands in a URL, `{address}` for its address,
/// `{twinnings}` for the URL of its twinnings and `{resource}` for the URL of its newest one.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Raw {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// What it presents.
    pub credential: Credential,
    /// Header fields besides Authorization.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Raw {
    /// A request with the device's own credential and without a body.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.into(),
            ..Self::default()
        }
    }

    /// Sets what it presents.
    #[must_use]
    pub fn presenting(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body and its media type.
    #[must_use]
    pub fn with_body(mut self, media_type: &str, body: impl Into<String>) -> Self {
        self.body = body.into();
        self.with("Content-Type", media_type)
    }

    pub(super) fn fill(&self, places: &[(&str, &str)]) -> Request {
        let fill = |text: &str| {
            places.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
        };
        let mut request = Request::new(&self.method, fill(&self.url));
        for (name, value) in &self.headers {
            request.headers.add(name.clone(), value.clone());
        }
        request.body = fill(&self.body).into_bytes();
        request
    }
}

#[cfg(test)]
mod tests {
    use super::Raw;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let raw = Raw::new("PUT", "{base}/x/{user}")
            .with_body("application/json", r#"{"a":{"b":"{address}"}}"#);
        let request = raw.fill(&[
            ("base", "http://a"),
            ("user", "tel%3A1"),
            ("address", "tel:1"),
        ]);
        assert_eq!(request.url, "http://a/x/tel%3A1");
        assert_eq!(request.body, br#"{"a":{"b":"tel:1"}}"#);
        assert_eq!(
            request.headers.first("content-type"),
            Some("application/json")
        );
    }
}
