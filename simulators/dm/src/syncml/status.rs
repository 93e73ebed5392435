//! Status codes: what `Data` of a `Status` can say (SyncML Representation 1.2 and DM use of it).

use std::fmt;

use crate::error::Basis;

/// A status code as it was on the wire; see [`TABLE`] for those that have a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(pub u16);

/// One row of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The code.
    pub code: StatusCode,
    /// What it says.
    pub meaning: &'static str,
    /// Whether DM uses it. The others belong to data synchronisation.
    pub in_dm: bool,
    /// How well we know.
    pub basis: Basis,
}

macro_rules! status_codes {
    ($($code:literal $name:ident $meaning:literal $in_dm:literal $basis:ident;)*) => {
        impl StatusCode {
            $(#[doc = concat!(stringify!($code), ": ", $meaning, ".")]
            pub const $name: Self = Self($code);)*
        }

        /// Every code that has a meaning, in ascending order.
        pub static TABLE: &[Fact] = &[
            $(Fact {
                code: StatusCode($code),
                meaning: $meaning,
                in_dm: $in_dm,
                basis: Basis::$basis,
            },)*
        ];
    };
}

status_codes! {
    101 IN_PROGRESS "in progress" false Text;
    200 OK "done; yes to a confirmation" true Text;
    201 ITEM_ADDED "item added" false Text;
    202 ACCEPTED "accepted for processing" true Text;
    203 NON_AUTHORITATIVE "non-authoritative answer" false Text;
    204 NO_CONTENT "no content" false Text;
    205 RESET_CONTENT "reset content" false Text;
    206 PARTIAL_CONTENT "partial content" false Text;
    207 CONFLICT_MERGED "conflict resolved by merging" false Peer;
    208 CONFLICT_CLIENT_WON "conflict resolved, the client's command won" false Peer;
    209 CONFLICT_DUPLICATED "conflict resolved by duplicating" false Peer;
    210 DELETED_WITHOUT_ARCHIVE "deleted without archive" false Text;
    211 ITEM_NOT_DELETED "item not deleted" false Text;
    212 AUTHENTICATED "authenticated for the session" true Text;
    213 CHUNK_ACCEPTED "chunk accepted and buffered" true Text;
    214 CANCELLED_BY_USER "operation cancelled by the user" true Text;
    215 NOT_EXECUTED "not executed" true Text;
    216 ROLLED_BACK "atomic roll-back done" true Text;
    217 OK_INHERITED_ACL "done, the access control list is inherited" true Text;
    300 MULTIPLE_CHOICES "multiple choices" false Text;
    301 MOVED_PERMANENTLY "moved permanently" false Text;
    302 FOUND "found elsewhere" false Text;
    303 SEE_OTHER "see other address" false Text;
    304 NOT_MODIFIED "no to a confirmation; not modified" true Text;
    305 USE_PROXY "use a proxy" false Text;
    400 BAD_REQUEST "malformed request" true Text;
    401 INVALID_CREDENTIALS "invalid credentials" true Text;
    402 PAYMENT_REQUIRED "payment required" false Text;
    403 FORBIDDEN "forbidden, for another reason than an access control list" true Text;
    404 NOT_FOUND "not found" true Text;
    405 COMMAND_NOT_ALLOWED "command not allowed on the target" true Text;
    406 FEATURE_NOT_SUPPORTED "optional feature not supported" true Text;
    407 MISSING_CREDENTIALS "missing credentials" true Text;
    408 REQUEST_TIMEOUT "no answer of the user in time" true Text;
    409 CONFLICT "conflict" false Text;
    410 GONE "gone" false Text;
    411 SIZE_REQUIRED "size required" false Text;
    412 INCOMPLETE_COMMAND "incomplete command" true Text;
    413 ENTITY_TOO_LARGE "request entity too large" true Text;
    414 URI_TOO_LONG "address too long" true Text;
    415 UNSUPPORTED_TYPE_OR_FORMAT "unsupported media type or format" true Text;
    416 SIZE_TOO_BIG "requested size too big; text cannot be shown" true Text;
    417 RETRY_LATER "retry later" false Text;
    418 ALREADY_EXISTS "already exists" true Text;
    419 CONFLICT_SERVER_WON "conflict resolved with the server's data" false Text;
    420 DEVICE_FULL "device full" true Text;
    421 UNKNOWN_SEARCH_GRAMMAR "unknown search grammar" false Peer;
    422 BAD_CGI_SCRIPT "bad script in an address" false Peer;
    423 SOFT_DELETE_CONFLICT "soft-delete conflict" false Peer;
    424 SIZE_MISMATCH "size mismatch" true Text;
    425 PERMISSION_DENIED "permission denied by an access control list" true Text;
    426 PARTIAL_ITEM_NOT_ACCEPTED "partial item not accepted" false Peer;
    427 ITEM_NOT_EMPTY "item not empty" false Peer;
    428 MOVE_FAILED "move failed" false Peer;
    500 COMMAND_FAILED "command failed" true Text;
    501 COMMAND_NOT_IMPLEMENTED "command not implemented" false Text;
    502 BAD_GATEWAY "bad gateway" false Text;
    503 SERVICE_UNAVAILABLE "busy" true Text;
    504 GATEWAY_TIMEOUT "gateway time-out" false Text;
    505 DTD_VERSION_NOT_SUPPORTED "version of the DTD not supported" true Text;
    506 PROCESSING_ERROR "processing error" false Text;
    507 ATOMIC_FAILED "atomic failed" true Text;
    508 REFRESH_REQUIRED "refresh required" false Text;
    510 DATA_STORE_FAILURE "data store failure" true Text;
    511 SERVER_FAILURE "severe failure of the server" false Text;
    512 SYNCHRONISATION_FAILED "synchronisation failed" false Text;
    513 PROTOCOL_VERSION_NOT_SUPPORTED "version of the protocol not supported" true Text;
    514 OPERATION_CANCELLED "operation cancelled" false Text;
    516 ROLL_BACK_FAILED "atomic roll-back failed" true Text;
    517 ATOMIC_RESPONSE_TOO_LARGE "answer to an atomic too large for one message" true Text;
}

/// What the representation protocol lists as answers to each command. The list is guidance: a code
/// outside it is unusual, not wrong.
pub static USUAL: &[(&str, &[u16])] = &[
    (
        "Add",
        &[
            200, 213, 215, 216, 401, 404, 405, 407, 413, 414, 415, 418, 420, 424, 425, 500, 516,
        ],
    ),
    (
        "Alert",
        &[
            200, 202, 214, 215, 216, 401, 405, 406, 407, 408, 412, 415, 416, 500, 516,
        ],
    ),
    ("Atomic", &[200, 215, 401, 406, 407, 500, 507, 517]),
    (
        "Copy",
        &[
            200, 215, 216, 401, 403, 405, 406, 407, 414, 418, 420, 425, 500, 510, 516,
        ],
    ),
    (
        "Delete",
        &[200, 215, 216, 401, 403, 404, 405, 407, 414, 425, 516],
    ),
    (
        "Exec",
        &[
            200, 202, 401, 403, 404, 405, 406, 407, 414, 420, 425, 500, 510,
        ],
    ),
    (
        "Get",
        &[200, 215, 401, 404, 406, 407, 413, 414, 415, 425, 500],
    ),
    (
        "Replace",
        &[
            200, 213, 215, 216, 401, 403, 404, 405, 407, 413, 414, 415, 418, 420, 424, 425, 500,
            516,
        ],
    ),
    ("Sequence", &[200, 401, 407, 500]),
];

impl StatusCode {
    /// What the table knows about the code.
    #[must_use]
    pub fn fact(self) -> Option<&'static Fact> {
        let index = TABLE.binary_search_by_key(&self, |fact| fact.code).ok()?;
        TABLE.get(index)
    }

    /// Whether the code says that the command was, or will be, carried out: 2xx but 214, 215, 216.
    #[must_use]
    pub fn is_success(self) -> bool {
        (200..300).contains(&self.0)
            && ![
                Self::CANCELLED_BY_USER,
                Self::NOT_EXECUTED,
                Self::ROLLED_BACK,
            ]
            .contains(&self)
    }

    /// Whether the guidance lists the code for a command, by its element name; `None` for elements
    /// that are no command.
    #[must_use]
    pub fn is_usual_for(self, command: &str) -> Option<bool> {
        let (_, codes) = USUAL.iter().find(|(name, _)| *name == command)?;
        Some(codes.contains(&self.0))
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fact() {
            Some(fact) => write!(f, "{} ({})", self.0, fact.meaning),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_covers_what_is_usual() {
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
        for (command, codes) in USUAL {
            assert!(codes.is_sorted(), "{command}");
            for &code in *codes {
                let fact = StatusCode(code).fact();
                assert!(fact.is_some_and(|fact| fact.in_dm), "{command} {code}");
            }
        }
    }

    #[test]
    fn a_code_says_what_it_means() {
        assert_eq!(
            StatusCode::ALREADY_EXISTS.to_string(),
            "418 (already exists)"
        );
        assert_eq!(StatusCode(999).to_string(), "999");
        assert!(StatusCode::OK_INHERITED_ACL.is_success());
        assert!(!StatusCode::NOT_EXECUTED.is_success());
        assert_eq!(StatusCode::ALREADY_EXISTS.is_usual_for("Get"), Some(false));
        assert_eq!(StatusCode::OK.is_usual_for("Results"), None);
    }
}
