//! Refusals: the rows of the digest's error table (§8), one constructor each.

use super::rules::{Refused, Said};
use crate::message::{ExceptionKind, RequestError};
use crate::tree::Document;

/// Why a request is refused, and how that is said.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) because: Refused,
    pub(super) form: Said,
    pub(super) fields: Vec<(&'static str, String)>,
    text: &'static str,
    variables: Vec<String>,
}

impl Refusal {
    fn new(because: Refused, status: u16, id: &'static str, text: &'static str) -> Self {
        Self {
            because,
            form: Said {
                status,
                id,
                with_body: true,
            },
            fields: Vec::new(),
            text,
            variables: Vec::new(),
        }
    }

    /// The same refusal in other terms.
    pub(super) fn said(self, said: Said) -> Self {
        Self { form: said, ..self }
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
        Self::new(
            Refused::Value,
            400,
            "SVC0002",
            "Invalid input value for message part %1",
        )
        .about(what)
    }

    /// An enumeration's value that does not exist.
    pub(super) fn not_one_of(what: impl Into<String>, valid: impl Into<String>) -> Self {
        Self::new(
            Refused::Enumeration,
            400,
            "SVC0003",
            "Invalid input value for message part %1, valid values are %2",
        )
        .about(what)
        .about(valid)
    }

    /// A body that is no document of this API.
    pub(super) fn body(why: impl Into<String>) -> Self {
        Self {
            because: Refused::Body,
            ..Self::invalid(why)
        }
    }

    /// An activation code that is wrong, used or expired, or that is not there at all.
    pub(super) fn code(element: &str) -> Self {
        Self {
            because: Refused::Code,
            ..Self::invalid(element)
        }
    }

    /// An operator that nobody here knows.
    pub(super) fn operator(element: &str) -> Self {
        Self {
            because: Refused::Operator,
            ..Self::invalid(element)
        }
    }

    /// A name that cannot be given.
    pub(super) fn name(element: &str) -> Self {
        Self {
            because: Refused::Name,
            ..Self::invalid(element)
        }
    }

    /// A part that must be there and is not.
    pub(super) fn lacks(what: &str) -> Self {
        Self::new(
            Refused::Missing,
            400,
            "SVC2006",
            "Mandatory input item %1 is missing",
        )
        .about(what)
    }

    /// A part that the client may not send.
    pub(super) fn not_permitted(what: &str) -> Self {
        Self::new(
            Refused::Item,
            400,
            "SVC2005",
            "Input item %1 is not permitted",
        )
        .about(what)
    }

    /// A role that must be named and is not.
    pub(super) fn role_missing(element: &str) -> Self {
        Self {
            because: Refused::RoleMissing,
            ..Self::lacks(element)
        }
    }

    /// A role that is neither primary nor secondary.
    pub(super) fn undefined_role(role: &str) -> Self {
        Self::new(Refused::Role, 400, "SVC1014", "Undefined twinning role %1").about(role)
    }

    /// A device may not be in this role as things are.
    pub(super) fn role_mixture(role: &str) -> Self {
        Self::new(
            Refused::RoleMixture,
            403,
            "POL1037",
            "Twinning role mixture with %1 is not allowed",
        )
        .about(role)
    }

    /// A device that is a secondary already.
    pub(super) fn already_twinned(role: &str) -> Self {
        Self {
            because: Refused::AlreadyTwinned,
            ..Self::role_mixture(role)
        }
    }

    /// A request that was made before.
    pub(super) fn repeated(correlator: &str) -> Self {
        Self::new(
            Refused::Repeated,
            409,
            "SVC0005",
            "Correlator %1 was used before",
        )
        .about(correlator)
    }

    /// A version that is not served.
    pub(super) fn version(path: &str) -> Self {
        Self {
            because: Refused::Version,
            ..Self::unknown(404, path)
        }
    }

    /// A part of a twinning that the client may not change, or not now.
    pub(super) fn update_not_allowed(what: &str) -> Self {
        Self::new(
            Refused::Update,
            403,
            "POL1038",
            "Update of twinning data %1 is not allowed",
        )
        .about(what)
    }

    /// More than the operator's policy allows.
    pub(super) fn too_many(what: &str) -> Self {
        Self::new(
            Refused::TooMany,
            403,
            "POL2008",
            "Too many resources of type %1",
        )
        .about(what)
    }

    /// Nothing is there.
    pub(super) fn unknown(status: u16, path: &str) -> Self {
        Self::new(Refused::Unknown, status, "SVC2008", "Unknown resource %1").about(path)
    }

    /// No token, or none that counts.
    pub(super) fn unauthorized(presented: bool) -> Self {
        let challenge = match presented {
            true => "Bearer error=\"invalid_token\"",
            false => "Bearer",
        };
        Self::new(Refused::Token, 401, "SVC2003", "Invalid access token")
            .with("WWW-Authenticate", challenge)
    }

    /// A token that does not cover what is asked.
    pub(super) fn scope(needed: &str) -> Self {
        Self::new(
            Refused::Scope,
            403,
            "POL2003",
            "Access denied: scope %1 is needed",
        )
        .about(needed)
        .with(
            "WWW-Authenticate",
            format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\""),
        )
    }

    /// Somebody else's resource.
    pub(super) fn denied(what: impl Into<String>) -> Self {
        Self::new(Refused::NotYours, 403, "POL2003", "Access to %1 denied").about(what)
    }

    /// A partner operator does not help.
    pub(super) fn partner(mno: &str) -> Self {
        Self::new(
            Refused::Partner,
            400,
            "SVC2004",
            "Operator %1 cannot be reached or refuses",
        )
        .about(mno)
    }

    /// A kind of notification channel that is not offered.
    pub(super) fn channel_type(kind: &str) -> Self {
        Self::new(
            Refused::Channel,
            403,
            "POL1023",
            "Channel type %1 is not supported",
        )
        .about(kind)
    }

    /// A long poll whose place another has taken.
    pub(super) fn superseded() -> Self {
        Self::new(
            Refused::Superseded,
            409,
            "SVC1012",
            "Another request for the same channel came",
        )
    }

    /// A verb that the resource does not have.
    pub(super) fn method(method: &str, allow: &[&str]) -> Self {
        Self::new(
            Refused::Method,
            405,
            "SVC2000",
            "Method %1 is not defined for this resource",
        )
        .about(method)
        .with("Allow", allow.join(", "))
    }

    /// A body of a media type that is not understood.
    pub(super) fn media_type(named: &str) -> Self {
        Self::new(
            Refused::MediaType,
            415,
            "POL0011",
            "Media type %1 not supported",
        )
        .about(named)
    }

    /// None of the accepted media types can be produced.
    pub(super) fn not_acceptable(accepted: &str) -> Self {
        Self::new(
            Refused::Acceptable,
            406,
            "POL0011",
            "None of the media types %1 is available",
        )
        .about(accepted)
    }

    pub(super) fn document(&self) -> Document {
        let kind = if self.form.id.starts_with("POL") {
            ExceptionKind::Policy
        } else {
            ExceptionKind::Service
        };
        RequestError {
            kind,
            message_id: self.form.id.to_owned(),
            text: self.text.to_owned(),
            variables: self.variables.clone(),
        }
        .document()
    }
}
