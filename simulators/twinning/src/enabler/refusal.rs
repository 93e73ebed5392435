//! Refusals: the rows of the digest's error table (§8), one constructor each.

use crate::message::{ExceptionKind, RequestError};
use crate::tree::Document;

/// Why a request is refused, and how that is said.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) fields: Vec<(&'static str, String)>,
    id: &'static str,
    text: &'static str,
    variables: Vec<String>,
}

impl Refusal {
    fn new(status: u16, id: &'static str, text: &'static str) -> Self {
        Self {
            status,
            fields: Vec::new(),
            id,
            text,
            variables: Vec::new(),
        }
    }

    fn about(mut self, variable: impl Into<String>) -> Self {
        self.variables.push(variable.into());
        self
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// A body that cannot be read, has another root, or holds a value that is not allowed.
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::new(400, "SVC0002", "Invalid input value for message part %1").about(what)
    }

    /// An enumeration's value that does not exist.
    pub(super) fn not_one_of(what: impl Into<String>, valid: impl Into<String>) -> Self {
        Self::new(
            400,
            "SVC0003",
            "Invalid input value for message part %1, valid values are %2",
        )
        .about(what)
        .about(valid)
    }

    /// A part that must be there and is not.
    pub(super) fn lacks(what: &str) -> Self {
        Self::new(400, "SVC2006", "Mandatory input item %1 is missing").about(what)
    }

    /// A role that is neither primary nor secondary.
    pub(super) fn undefined_role(role: &str) -> Self {
        Self::new(400, "SVC1014", "Undefined twinning role %1").about(role)
    }

    /// A device may not be in this role as things are.
    pub(super) fn role_mixture(role: &str) -> Self {
        Self::new(
            403,
            "POL1037",
            "Twinning role mixture with %1 is not allowed",
        )
        .about(role)
    }

    /// A part of a twinning that the client may not change, or not now.
    pub(super) fn update_not_allowed(what: &str) -> Self {
        Self::new(403, "POL1038", "Update of twinning data %1 is not allowed").about(what)
    }

    /// More than the operator's policy allows.
    pub(super) fn too_many(what: &str) -> Self {
        Self::new(403, "POL2008", "Too many resources of type %1").about(what)
    }

    /// Nothing is there.
    pub(super) fn unknown(status: u16, path: &str) -> Self {
        Self::new(status, "SVC2008", "Unknown resource %1").about(path)
    }

    /// No token, or none that counts.
    pub(super) fn unauthorized(presented: bool) -> Self {
        let challenge = match presented {
            true => "Bearer error=\"invalid_token\"",
            false => "Bearer",
        };
        Self::new(401, "SVC2003", "Invalid access token").with("WWW-Authenticate", challenge)
    }

    /// A token that does not cover what is asked.
    pub(super) fn scope(needed: &str) -> Self {
        Self::new(403, "POL2003", "Access denied: scope %1 is needed")
            .about(needed)
            .with(
                "WWW-Authenticate",
                format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\""),
            )
    }

    /// Somebody else's resource.
    pub(super) fn denied(what: impl Into<String>) -> Self {
        Self::new(403, "POL2003", "Access to %1 denied").about(what)
    }

    /// A partner operator does not help.
    pub(super) fn partner(mno: &str) -> Self {
        Self::new(400, "SVC2004", "Operator %1 cannot be reached or refuses").about(mno)
    }

    /// A kind of notification channel that is not offered.
    pub(super) fn channel_type(kind: &str) -> Self {
        Self::new(403, "POL1023", "Channel type %1 is not supported").about(kind)
    }

    /// A long poll whose place another has taken.
    pub(super) fn superseded() -> Self {
        Self::new(409, "SVC1012", "Another request for the same channel came")
    }

    /// A verb that the resource does not have.
    pub(super) fn method(method: &str, allow: &[&str]) -> Self {
        Self::new(405, "SVC2000", "Method %1 is not defined for this resource")
            .about(method)
            .with("Allow", allow.join(", "))
    }

    /// A body of a media type that is not understood.
    pub(super) fn media_type(named: &str) -> Self {
        Self::new(415, "POL0011", "Media type %1 not supported").about(named)
    }

    /// None of the accepted media types can be produced.
    pub(super) fn not_acceptable(accepted: &str) -> Self {
        Self::new(406, "POL0011", "None of the media types %1 is available").about(accepted)
    }

    pub(super) fn document(&self) -> Document {
        let kind = if self.id.starts_with("POL") {
            ExceptionKind::Policy
        } else {
            ExceptionKind::Service
        };
        RequestError {
            kind,
            message_id: self.id.to_owned(),
            text: self.text.to_owned(),
            variables: self.variables.clone(),
        }
        .document()
    }
}
