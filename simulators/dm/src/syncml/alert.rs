//! Alert codes, the types of generic alerts, and the options of user interaction alerts
//! (DM Protocol 1.2).

use std::fmt;

use crate::error::Basis;

/// An alert code as it was on the wire; see [`TABLE`] for those that have a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertCode(pub u16);

/// One row of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The code.
    pub code: AlertCode,
    /// What the sender wants.
    pub meaning: &'static str,
    /// Who may send it.
    pub sender: Sender,
    /// The least number of items.
    pub items: usize,
    /// How well we know.
    pub basis: Basis,
}

/// Who may send an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Only the client.
    Client,
    /// Either.
    Both,
    /// Only the server.
    Server,
}

macro_rules! alert_codes {
    ($($code:literal $name:ident $meaning:literal $sender:ident $items:literal;)*) => {
        impl AlertCode {
            $(#[doc = concat!(stringify!($code), ": ", $meaning, ".")]
            pub const $name: Self = Self($code);)*
        }

        /// Every code that has a meaning, in ascending order.
        pub static TABLE: &[Fact] = &[
            $(Fact {
                code: AlertCode($code),
                meaning: $meaning,
                sender: Sender::$sender,
                items: $items,
                basis: Basis::Text,
            },)*
        ];
    };
}

alert_codes! {
    1100 DISPLAY "show a text" Server 2;
    1101 CONFIRM "ask for yes or no" Server 2;
    1102 TEXT_INPUT "ask for a text" Server 2;
    1103 SINGLE_CHOICE "ask for one of several" Server 3;
    1104 MULTIPLE_CHOICE "ask for some of several" Server 3;
    1200 SERVER_INITIATED "session started by the server" Client 0;
    1201 CLIENT_INITIATED "session started by the client" Client 0;
    1222 NEXT_MESSAGE "next message, please" Both 0;
    1223 SESSION_ABORT "session abort" Both 0;
    1224 CLIENT_EVENT "client event" Client 1;
    1225 NO_END_OF_DATA "end of a large object is missing" Both 1;
    1226 GENERIC "generic alert" Client 1;
}

impl AlertCode {
    /// What the table knows about the code.
    #[must_use]
    pub fn fact(self) -> Option<&'static Fact> {
        let index = TABLE.binary_search_by_key(&self, |fact| fact.code).ok()?;
        TABLE.get(index)
    }

    /// Whether the alert wants something from the user (1100 to 1104).
    #[must_use]
    pub fn is_user_interaction(self) -> bool {
        (Self::DISPLAY..=Self::MULTIPLE_CHOICE).contains(&self)
    }

    /// Whether the code is set aside for later versions (1105-1199, 1202-1220, 1227-1299).
    #[must_use]
    pub fn is_reserved(self) -> bool {
        matches!(self.0, 1105..=1199 | 1202..=1220 | 1227..=1299)
    }
}

impl fmt::Display for AlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fact() {
            Some(fact) => write!(f, "{} ({})", self.0, fact.meaning),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The name in the type of a generic alert, without the prefix that says which kind of name it is.
///
/// DM 1.2 demands `Reversed-Domain-Name:` or `Content-Type:` in front; registered alerts are bare
/// names. That both forms of one name mean the same is [`Basis::Assumed`].
#[must_use]
pub fn bare_type(text: &str) -> &str {
    let text = text.trim();
    ["Reversed-Domain-Name:", "Content-Type:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text)
        .trim()
}

/// The options of a user interaction alert: the text of its first item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UiOptions {
    /// MINDT: seconds that the text is shown at least.
    pub min_display: Option<u32>,
    /// MAXDT: seconds after which the user is taken to give no answer.
    pub max_display: Option<u32>,
    /// DR: the answer if the user gives none; several choices are joined by `-`.
    pub default_response: Option<String>,
    /// MAXLEN: characters that the user may enter.
    pub max_length: Option<u32>,
    /// IT: A, N, D, T, P or I.
    pub input_type: Option<char>,
    /// ET: T (shown) or P (hidden).
    pub echo_type: Option<char>,
}

impl UiOptions {
    /// Reads an option string. Unknown names and values that do not parse are passed over, as the
    /// standard demands of a client (DM Protocol 1.2).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut options = Self::default();
        for pair in text.split('&') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = url_decoded(value);
            match name.trim() {
                "MINDT" => options.min_display = value.parse().ok(),
                "MAXDT" => options.max_display = value.parse().ok(),
                "DR" => options.default_response = Some(value),
                "MAXLEN" => options.max_length = value.parse().ok(),
                "IT" => options.input_type = single(&value, "ANDTPI"),
                "ET" => options.echo_type = single(&value, "TP"),
                _ => {}
            }
        }
        options
    }
}

impl fmt::Display for UiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = [
            ("MINDT", self.min_display.map(|seconds| seconds.to_string())),
            ("MAXDT", self.max_display.map(|seconds| seconds.to_string())),
            ("DR", self.default_response.as_deref().map(url_encoded)),
            ("MAXLEN", self.max_length.map(|length| length.to_string())),
            ("IT", self.input_type.map(String::from)),
            ("ET", self.echo_type.map(String::from)),
        ];
        let mut separator = "";
        for (name, value) in given {
            if let Some(value) = value {
                write!(f, "{separator}{name}={value}")?;
                separator = "&";
            }
        }
        Ok(())
    }
}

fn single(value: &str, allowed: &str) -> Option<char> {
    let mut chars = value.chars();
    let first = chars.next().filter(|&c| allowed.contains(c))?;
    chars.next().is_none().then_some(first)
}

fn url_encoded(text: &str) -> String {
    let mut out = String::new();
    for octet in text.bytes() {
        match octet {
            b' ' => out.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                out.push(char::from(octet));
            }
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

fn url_decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => crate::hex::octet(*high, *low),
            _ => None,
        };
        match (first, escaped) {
            (_, Some(octet)) => {
                octets.push(octet);
                rest = &tail[2..];
                continue;
            }
            (b'+', None) => octets.push(b' '),
            (other, None) => octets.push(*other),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_knows_who_sends() {
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
        for fact in TABLE {
            assert_eq!(
                fact.code.is_user_interaction(),
                fact.sender == Sender::Server
            );
            assert!(!fact.code.is_reserved());
        }
        assert_eq!(AlertCode::GENERIC.to_string(), "1226 (generic alert)");
    }

    #[test]
    fn a_type_is_the_same_with_and_without_prefix() {
        let bare = "org.openmobilealliance.dm.firmwareupdate.download";
        assert_eq!(bare_type(bare), bare);
        assert_eq!(bare_type(&format!("Reversed-Domain-Name: {bare}\n")), bare);
        assert_eq!(bare_type("urn:oma:at:scomo:1.0"), "urn:oma:at:scomo:1.0");
    }

    #[test]
    fn options_are_read_and_unknown_ones_passed_over() {
        let options = UiOptions::parse("MINDT=10&XX=1&DR=John+Doe%21&IT=A&ET=Q&MAXDT=soon&%&IT");
        assert_eq!(options.min_display, Some(10));
        assert_eq!(options.max_display, None);
        assert_eq!(options.default_response.as_deref(), Some("John Doe!"));
        assert_eq!(options.input_type, Some('A'));
        assert_eq!(options.echo_type, None);
        assert_eq!(options.to_string(), "MINDT=10&DR=John+Doe%21&IT=A");
        assert_eq!(UiOptions::parse(&options.to_string()), options);
    }
}
