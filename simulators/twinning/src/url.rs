//! Percent-encoding of the variable parts of a URL.

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

#[cfg(test)]
mod tests {
    use super::{decode_segment, encode_segment};

    #[test]
    fn an_address_becomes_one_segment_and_back() {
        assert_eq!(encode_segment("tel:+12025550177"), "tel%3A%2B12025550177");
        assert_eq!(decode_segment("tel%3A%2B12025550177"), "tel:+12025550177");
        assert_eq!(decode_segment("100%"), "100%");
        assert_eq!(decode_segment("%ff"), "%ff");
    }
}
