//! What is wrong with a URL that somebody wrote, before anything is sent to it.

use twinproof_conformance::host_and_port;

/// What is wrong with an HTTP URL, in words that say what is expected.
pub(crate) fn fault(url: &str) -> Option<String> {
    let got = |why: &str| Some(format!("{why}, got {url:?}"));
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else {
        return got("expected a URL that begins with http:// or https:// and a host");
    };
    if let Some(odd) = url.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return got(&format!("expected no {odd:?} in a URL"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at(end);
    if authority.contains('@') {
        return got("expected a host without a user name in front of it");
    }
    host_and_port(authority).err().and_then(|why| got(&why))
}

/// The same for a URL that paths are put behind.
pub(crate) fn base_fault(url: &str) -> Option<String> {
    fault(url).or_else(|| {
        url.contains(['?', '#']).then(|| {
            format!("expected a URL that ends with its path, because others are put behind it, got {url:?}")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{base_fault, fault};

    #[test]
    fn what_can_be_asked_is_taken() {
        for url in [
            "http://127.0.0.1:8080",
            "http://enabler.example",
            "https://enabler.example/api/",
            "https://[::1]:8443/api",
            "http://[fe80::1]",
            "http://x:1/tel%3A%2B1",
        ] {
            assert_eq!(base_fault(url), None, "{url}");
        }
        assert_eq!(fault("http://x/{address}?a=b#c"), None);
    }

    #[test]
    fn what_cannot_is_told_what_is_expected() {
        for (url, says) in [
            ("", "begins with http:// or https://"),
            ("127.0.0.1:80", "begins with http:// or https://"),
            ("ftp://x", "begins with http:// or https://"),
            ("http://", "expected a host"),
            ("http:///api", "expected a host"),
            ("http://:80", "expected a host"),
            ("http://exa mple/", "no ' ' in a URL"),
            ("http://x:", "a port from 1 to 65535"),
            ("http://x:0", "a port from 1 to 65535"),
            ("http://x:99999", "a port from 1 to 65535"),
            ("http://x:+1", "a port from 1 to 65535"),
            ("http://x:http/", "a port from 1 to 65535"),
            ("http://::1/api", "an IPv6 address in brackets"),
            ("http://me:secret@x/", "without a user name"),
            ("http://x/api?tenant=1", "ends with its path"),
            ("http://x/api#top", "ends with its path"),
        ] {
            let words = base_fault(url).unwrap_or_default();
            assert!(words.contains(says), "{url}: {words}");
        }
    }
}
