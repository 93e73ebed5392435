//! Message types and codes (RFC 7252 §3, §12.1 and the IANA registries that grew from them).

use std::fmt;

/// What the message layer does with a message (RFC 7252 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Type {
    /// Confirmable: wants an acknowledgement.
    Con = 0,
    /// Non-confirmable.
    Non = 1,
    /// Acknowledgement.
    Ack = 2,
    /// Reset.
    Rst = 3,
}

impl Type {
    /// The type in the low two bits of `bits`.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::Con,
            1 => Self::Non,
            2 => Self::Ack,
            _ => Self::Rst,
        }
    }

    /// Whether a message of this type may carry `code` (RFC 7252 §4.2, §4.3, table 1). A
    /// confirmable empty message is legal: it is a ping.
    pub const fn may_carry(self, code: Code) -> bool {
        match code.class() {
            Class::Empty => !matches!(self, Self::Non),
            Class::Request => matches!(self, Self::Con | Self::Non),
            Class::Response => !matches!(self, Self::Rst),
            Class::Signal | Class::Reserved => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Con => "CON",
            Self::Non => "NON",
            Self::Ack => "ACK",
            Self::Rst => "RST",
        })
    }
}

/// What a code stands for, from its class digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// 0.00.
    Empty,
    /// 0.01 to 0.31.
    Request,
    /// 2.00 to 5.31.
    Response,
    /// 7.00 to 7.31: signalling, legal on reliable transports only (RFC 8323).
    Signal,
    /// Classes 1 and 6.
    Reserved,
}

/// A code: class (3 bits) and detail (5 bits), written `c.dd`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u8);

macro_rules! codes {
    ($($name:ident = $class:literal . $detail:literal, $text:literal;)+) => {
        impl Code {
            $(
                #[doc = concat!("`", stringify!($class), ".", stringify!($detail), "` ", $text, ".")]
                pub const $name: Self = Self::new($class, $detail);
            )+

            /// Every code with a name, in ascending order.
            pub const TABLE: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),+];
        }
    };
}

codes! {
    EMPTY = 0 . 0, "Empty";
    GET = 0 . 1, "GET";
    POST = 0 . 2, "POST";
    PUT = 0 . 3, "PUT";
    DELETE = 0 . 4, "DELETE";
    FETCH = 0 . 5, "FETCH";
    PATCH = 0 . 6, "PATCH";
    IPATCH = 0 . 7, "iPATCH";
    CREATED = 2 . 1, "Created";
    DELETED = 2 . 2, "Deleted";
    VALID = 2 . 3, "Valid";
    CHANGED = 2 . 4, "Changed";
    CONTENT = 2 . 5, "Content";
    CONTINUE = 2 . 31, "Continue";
    BAD_REQUEST = 4 . 0, "Bad Request";
    UNAUTHORIZED = 4 . 1, "Unauthorized";
    BAD_OPTION = 4 . 2, "Bad Option";
    FORBIDDEN = 4 . 3, "Forbidden";
    NOT_FOUND = 4 . 4, "Not Found";
    METHOD_NOT_ALLOWED = 4 . 5, "Method Not Allowed";
    NOT_ACCEPTABLE = 4 . 6, "Not Acceptable";
    REQUEST_ENTITY_INCOMPLETE = 4 . 8, "Request Entity Incomplete";
    CONFLICT = 4 . 9, "Conflict";
    PRECONDITION_FAILED = 4 . 12, "Precondition Failed";
    REQUEST_ENTITY_TOO_LARGE = 4 . 13, "Request Entity Too Large";
    UNSUPPORTED_CONTENT_FORMAT = 4 . 15, "Unsupported Content-Format";
    UNPROCESSABLE_ENTITY = 4 . 22, "Unprocessable Entity";
    TOO_MANY_REQUESTS = 4 . 29, "Too Many Requests";
    INTERNAL_SERVER_ERROR = 5 . 0, "Internal Server Error";
    NOT_IMPLEMENTED = 5 . 1, "Not Implemented";
    BAD_GATEWAY = 5 . 2, "Bad Gateway";
    SERVICE_UNAVAILABLE = 5 . 3, "Service Unavailable";
    GATEWAY_TIMEOUT = 5 . 4, "Gateway Timeout";
    PROXYING_NOT_SUPPORTED = 5 . 5, "Proxying Not Supported";
    HOP_LIMIT_REACHED = 5 . 8, "Hop Limit Reached";
    CSM = 7 . 1, "CSM";
    PING = 7 . 2, "Ping";
    PONG = 7 . 3, "Pong";
    RELEASE = 7 . 4, "Release";
    ABORT = 7 . 5, "Abort";
}

impl Code {
    /// The code `class.detail`. Only the low 3 and 5 bits count.
    pub const fn new(class: u8, detail: u8) -> Self {
        Self((class & 0b111) << 5 | (detail & 0b1_1111))
    }

    /// The code of that byte of a header.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte of the header.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// The digit before the dot, 0 to 7.
    pub const fn class_digit(self) -> u8 {
        self.0 >> 5
    }

    /// The number after the dot, 0 to 31.
    pub const fn detail(self) -> u8 {
        self.0 & 0b1_1111
    }

    /// What the code stands for.
    pub const fn class(self) -> Class {
        match (self.class_digit(), self.detail()) {
            (0, 0) => Class::Empty,
            (0, _) => Class::Request,
            (2..=5, _) => Class::Response,
            (7, _) => Class::Signal,
            _ => Class::Reserved,
        }
    }

    /// Whether this is a request code, known or not.
    pub const fn is_request(self) -> bool {
        matches!(self.class(), Class::Request)
    }

    /// Whether this is a response code, known or not.
    pub const fn is_response(self) -> bool {
        matches!(self.class(), Class::Response)
    }

    /// Whether this is a response of class 2.
    pub const fn is_success(self) -> bool {
        self.class_digit() == 2
    }

    /// Whether this is a response of class 4 or 5.
    pub const fn is_error(self) -> bool {
        matches!(self.class_digit(), 4 | 5)
    }

    /// The registered name, without the number.
    pub fn name(self) -> Option<&'static str> {
        Self::TABLE
            .binary_search_by_key(&self, |&(code, _)| code)
            .ok()
            .map(|index| Self::TABLE[index].1)
    }
}

/// Methods by name (`GET`), everything else by number and name (`2.05 Content`, `4.30`).
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) if self.is_request() => f.write_str(name),
            Some(name) => {
                write!(f, "{}.{:02} {name}", self.class_digit(), self.detail())
            }
            None => write!(f, "{}.{:02}", self.class_digit(), self.detail()),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_names_are_found() {
        assert!(Code::TABLE.is_sorted_by_key(|&(code, _)| code));
        for &(code, name) in Code::TABLE {
            assert_eq!(code.name(), Some(name));
        }
    }

    #[test]
    fn codes_read_as_people_write_them() {
        assert_eq!(Code::from_byte(0x45).to_string(), "2.05 Content");
        assert_eq!(Code::from_byte(0x9d).to_string(), "4.29 Too Many Requests");
        assert_eq!(Code::IPATCH.to_string(), "iPATCH");
        assert_eq!(Code::new(0, 30).to_string(), "0.30");
        assert_eq!(Code::new(4, 30).to_string(), "4.30");
        assert_eq!(Code::CONTINUE.byte(), 0x5f);
    }

    #[test]
    fn types_carry_what_table_1_allows() {
        let carried: Vec<String> = [Type::Con, Type::Non, Type::Ack, Type::Rst]
            .into_iter()
            .map(|t| {
                [
                    Code::GET,
                    Code::CONTENT,
                    Code::EMPTY,
                    Code::PING,
                    Code::new(1, 0),
                    Code::new(6, 1),
                ]
                .into_iter()
                .map(|c| if t.may_carry(c) { 'x' } else { '-' })
                .collect()
            })
            .collect();
        assert_eq!(carried, ["xxx---", "xx----", "-xx---", "--x---"]);
    }
}
