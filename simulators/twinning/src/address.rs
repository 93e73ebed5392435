//! Addresses of devices, and when two of them mean the same.
//!
//! A system may write a number with visual separators, a host in capitals or a part escaped, and has
//! still named the same device. What a verdict compares is therefore never the text.

use crate::url::decode_segment;

/// Whether two addresses mean the same device (RFC 3966 §4, RFC 3261 §19.1.4).
///
/// The scheme, a host and parameters do not heed the case, visual separators of a number do not
/// count, and escaped characters are those that they stand for. White space around an address does
/// not count, as a URI in a document is collapsed.
pub fn same(one: &str, other: &str) -> bool {
    match (Address::read(one), Address::read(other)) {
        (Address::Sip(one), Address::Sip(other)) => one.is(&other),
        (one, other) => one == other,
    }
}

/// Whether an address is of a kind that devices have (tel, sip or acr), and of another than that one.
pub fn is_of_another_kind(address: &str, than: &str) -> bool {
    let kind = |address: &str| {
        let scheme = address.trim().split(':').next().unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "tel" => Some("tel"),
            "sip" | "sips" => Some("sip"),
            "acr" => Some("acr"),
            _ => None,
        }
    };
    kind(address).is_some_and(|kind_of_it| kind(than) != Some(kind_of_it))
}

/// The digits of the telephone number that an address has, if it has one.
pub fn number(address: &str) -> Option<String> {
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let number = match Address::read(address) {
        Address::Sip(sip) => digits(sip.user.as_deref()?),
        Address::Tel { number, .. } => digits(&number),
        Address::Other { scheme, .. } if !scheme.is_empty() => return None,
        Address::Other { rest, .. } => digits(&rest),
    };
    (number.len() >= 5).then_some(number)
}

#[derive(Debug, Eq, PartialEq)]
enum Address {
    /// Any other URI: only the scheme does not heed the case.
    Other {
        scheme: String,
        rest: String,
    },
    Sip(Sip),
    Tel {
        number: String,
        parameters: Vec<String>,
    },
}

#[derive(Debug, Eq, PartialEq)]
struct Sip {
    scheme: String,
    user: Option<String>,
    host: String,
    parameters: Vec<(String, String)>,
    headers: Option<String>,
}

impl Address {
    fn read(text: &str) -> Self {
        let text = text.trim();
        // A whole address that is escaped, as it stands in a URL.
        let text = match text.contains(':') {
            true => text.to_owned(),
            false => decode_segment(text),
        };
        let (scheme, rest) = text.split_once(':').unwrap_or(("", &text));
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "tel" => {
                let rest = decode_segment(rest);
                let mut parts = rest.split(';').map(|part| part.trim().to_ascii_lowercase());
                let number = unseparated(&parts.next().unwrap_or_default());
                let mut parameters: Vec<_> = parts.collect();
                parameters.sort();
                Self::Tel { number, parameters }
            }
            "sip" | "sips" => Self::Sip(Sip::read(scheme, rest)),
            _ => Self::Other {
                scheme,
                rest: decode_segment(rest),
            },
        }
    }
}

/// A number without its visual separators.
fn unseparated(number: &str) -> String {
    number.replace(['-', '.', '(', ')', ' '], "")
}

impl Sip {
    fn read(scheme: String, rest: &str) -> Self {
        // An escaped separator between user and host is one all the same: no host has a "%".
        let rest = match rest.contains('@') {
            true => rest.to_owned(),
            false => rest.replacen("%40", "@", 1),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest.to_owned(), Some(headers.to_owned())),
            None => (rest, None),
        };
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(decode_segment(user)), host),
            None => (None, rest.as_str()),
        };
        let mut parts = host.split(';');
        let host = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut parameters: Vec<_> = parts
            .map(|part| {
                let part = part.to_ascii_lowercase();
                let (name, value) = part.split_once('=').unwrap_or((&part, ""));
                (name.to_owned(), value.to_owned())
            })
            .collect();
        parameters.sort();
        let phone = parameters.contains(&("user".to_owned(), "phone".to_owned()));
        Self {
            scheme,
            user: user.map(|user| if phone { unseparated(&user) } else { user }),
            host,
            parameters,
            headers,
        }
    }

    fn is(&self, other: &Self) -> bool {
        // These never match where only one of the two has them; others need not be in both.
        const BINDING: [&str; 4] = ["maddr", "method", "ttl", "user"];
        let holds = |one: &Self, other: &Self| {
            one.parameters.iter().all(|(name, value)| {
                let same = other.parameters.iter().find(|(n, _)| n == name);
                match same {
                    Some((_, theirs)) => theirs == value,
                    None => !BINDING.contains(&name.as_str()),
                }
            })
        };
        (&self.scheme, &self.user, &self.host, &self.headers)
            == (&other.scheme, &other.user, &other.host, &other.headers)
            && holds(self, other)
            && holds(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::{number, same};

    #[test]
    fn kinds_are_those_of_devices() {
        for (one, other, differ) in [
            ("sip:a@b", "tel:+12025550100", true),
            ("SIPS:a@b", "sip:a@b", false),
            ("tel:+1", "tel:+2", false),
            ("acr:x", "sip:a@b", true),
            // No address of a device at all.
            ("12025550100", "tel:+12025550100", false),
            ("http://a/b", "tel:+12025550100", false),
        ] {
            assert_eq!(
                super::is_of_another_kind(one, other),
                differ,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        for (one, other) in [
            ("tel:+1-202-555-0100", "TEL:+12025550100"),
            ("tel:+1(202)555.0100", "tel:+12025550100"),
            ("tel%3A%2B12025550100", "tel:+12025550100"),
            ("tel:%2B12025550100", "tel:+12025550100"),
            (" tel:+12025550100\n", "tel:+12025550100"),
            (
                "tel:12;phone-context=Example.COM",
                "tel:1-2;phone-context=example.com",
            ),
            ("sip:alice@Example.COM", "SIP:alice@example.com"),
            ("sip:%61lice@example.com", "sip:alice@example.com"),
            ("sip:alice%40example.com", "sip:alice@example.com"),
            (
                "sip:alice@example.com;transport=TCP",
                "sip:alice@example.com",
            ),
            (
                "sip:+1-202@example.com;user=phone",
                "sip:+1202@example.com;user=phone",
            ),
            ("acr:%61nonymous", "ACR:anonymous"),
        ] {
            assert!(same(one, other), "{one} {other}");
            assert!(same(other, one), "{other} {one}");
        }
    }

    #[test]
    fn what_means_another_is_another() {
        for (one, other) in [
            ("tel:+12025550100", "tel:+12025550101"),
            ("tel:+12025550100", "tel:12025550100"),
            ("tel:+12025550100", "tel:+12025550100;ext=5"),
            // A separator belongs to the user of a SIP address, and so do capitals.
            ("sip:a.b@x", "sip:ab@x"),
            ("sip:Alice@example.com", "sip:alice@example.com"),
            ("sip:alice@example.com", "sips:alice@example.com"),
            ("sip:alice@example.com", "sip:alice@example.org"),
            (
                "sip:alice@example.com;transport=tcp",
                "sip:alice@example.com;transport=udp",
            ),
            ("sip:+1202@example.com;user=phone", "sip:+1202@example.com"),
            ("acr:Anonymous", "acr:anonymous"),
            (
                "tel:+12025550100",
                "sip:+12025550100@example.com;user=phone",
            ),
        ] {
            assert!(!same(one, other), "{one} {other}");
            assert!(!same(other, one), "{other} {one}");
        }
    }

    #[test]
    fn a_number_is_known_in_each_of_its_forms() {
        let wanted = Some("12025550100".to_owned());
        for form in [
            "tel:+1-202-555-0100",
            "sip:+12025550100@example.com;user=phone",
            "+1 202 555 0100",
            "12025550100",
        ] {
            assert_eq!(number(form), wanted, "{form}");
        }
        for none in ["sip:alice@example.com", "acr:12025550100", "On", "001"] {
            assert_eq!(number(none), None, "{none}");
        }
    }
}
