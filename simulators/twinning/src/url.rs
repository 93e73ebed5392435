//! URLs: the encoding of their variable parts, what a reference means, and when two mean the same.

/// Encodes everything but the unreserved characters of RFC 3986 §2.3.
pub fn encode_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
            }
        }
    }
    out
}

/// Decodes percent-encoded octets; what is not valid stays as it is.
pub fn decode_segment(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// What a reference means that came in the answer to a request for `base` (RFC 3986 §5): a Location
/// and a resource's own address may be relative. An absolute one stays as it was written.
pub fn resolve(base: &str, reference: &str) -> String {
    let reference = reference.trim();
    let scheme = reference.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme.contains(':') || reference.is_empty() {
        return reference.to_owned();
    }
    let authority = base.find("://").map_or(0, |at| at + 3);
    let path = base[authority..]
        .find(['/', '?', '#'])
        .map_or(base.len(), |at| authority + at);
    if let Some(rest) = reference.strip_prefix("//") {
        return format!("{}{rest}", &base[..authority]);
    }
    let (origin, asked) = base.split_at(path);
    if reference.starts_with('/') {
        return format!("{origin}{}", without_dots(reference));
    }
    let asked = asked.split(['?', '#']).next().unwrap_or_default();
    let folder = asked.rfind('/').map_or("/", |at| &asked[..=at]);
    format!("{origin}{}", without_dots(&format!("{folder}{reference}")))
}

/// A path without the segments that only say where the next one is.
fn without_dots(path: &str) -> String {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (path, rest) = path.split_at(end);
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}{rest}", kept.join("/"))
}

/// Whether two absolute URLs mean the same resource (RFC 3986 §6.2): scheme and host do not heed the
/// case, the port that goes without saying may be said, and escaped characters are those that they
/// stand for.
pub fn same(one: &str, other: &str) -> bool {
    let plain = |url: &str| {
        let url = url.trim();
        let authority = url.find("://").map_or(0, |at| at + 3);
        let path = url[authority..]
            .find(['/', '?', '#'])
            .map_or(url.len(), |at| authority + at);
        let (origin, path) = url.split_at(path);
        let origin = origin.to_ascii_lowercase();
        let port = match origin.starts_with("https:") {
            true => ":443",
            false => ":80",
        };
        let origin = origin.strip_suffix(port).unwrap_or(&origin).to_owned();
        // A "/" that is escaped is none, so each segment is decoded by itself.
        let segments: Vec<_> = path.split('/').map(decode_segment).collect();
        (origin, segments)
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::{decode_segment, encode_segment, resolve, same};

    #[test]
    fn a_reference_is_resolved_against_what_was_asked() {
        let asked = "http://s.example:80/api/twinning/v1/tel%3A%2B1/twinnings?x=/y";
        for (reference, meant) in [
            ("https://o.example/t1", "https://o.example/t1"),
            ("//o.example/t1", "http://o.example/t1"),
            ("/api/t1", "http://s.example:80/api/t1"),
            ("t1", "http://s.example:80/api/twinning/v1/tel%3A%2B1/t1"),
            (
                "twinnings/t1",
                "http://s.example:80/api/twinning/v1/tel%3A%2B1/twinnings/t1",
            ),
            ("../t1?a=..", "http://s.example:80/api/twinning/v1/t1?a=.."),
            ("./t1", "http://s.example:80/api/twinning/v1/tel%3A%2B1/t1"),
        ] {
            assert_eq!(resolve(asked, reference), meant, "{reference}");
        }
        assert_eq!(resolve("http://s.example", "t1"), "http://s.example/t1");
    }

    #[test]
    fn one_resource_has_one_address_however_it_is_written() {
        let one = "http://s.example/api/tel%3A%2B1/t1";
        for other in [
            "HTTP://S.example:80/api/tel%3a%2b1/t1",
            "http://s.example/api/tel:+1/t1",
        ] {
            assert!(same(one, other), "{other}");
        }
        for other in [
            "https://s.example/api/tel%3A%2B1/t1",
            "http://s.example:8080/api/tel%3A%2B1/t1",
            "http://s.example/API/tel%3A%2B1/t1",
            "http://s.example/api/tel%3A%2B1/t1/",
            "http://s.example/api/tel%3A%2B1%2Ft1",
        ] {
            assert!(!same(one, other), "{other}");
        }
    }

    #[test]
    fn an_address_becomes_one_segment_and_back() {
        assert_eq!(encode_segment("tel:+12025550177"), "tel%3A%2B12025550177");
        assert_eq!(decode_segment("tel%3A%2B12025550177"), "tel:+12025550177");
        assert_eq!(decode_segment("100%"), "100%");
        assert_eq!(decode_segment("%ff"), "%ff");
    }
}
