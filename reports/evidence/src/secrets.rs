//! Secrets become pseudonyms before they are recorded.
//!
//! A pseudonym is stable within a run, so that a reader still sees that two values are the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The secrets of one scene and their pseudonyms. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    pseudonyms: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Secrets {
    /// Remembers a secret of a kind such as `token` or `code` and returns its pseudonym. Values
    /// shorter than four octets are no secrets; they stay as they are.
    pub fn learn(&self, kind: &'static str, secret: &str) -> String {
        if secret.len() < 4 || secret.starts_with('‹') {
            return secret.to_owned();
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inner.pseudonyms.get(secret) {
            return known.clone();
        }
        let count = inner.counts.entry(kind).or_default();
        *count += 1;
        let pseudonym = format!("‹{kind}#{count}›");
        for form in forms(secret) {
            inner.pseudonyms.insert(form, pseudonym.clone());
        }
        pseudonym
    }

    /// As [`Secrets::conceal`], for JSON: a number that is a secret becomes a string, so that the
    /// text stays valid.
    pub fn conceal_json(&self, text: &str) -> String {
        let numbers = {
            let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.pseudonyms.keys().any(|secret| {
                secret
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
            })
        };
        if !numbers {
            return self.conceal(text);
        }
        let mut out = String::with_capacity(text.len());
        // Even pieces stand outside strings, odd ones inside.
        for (place, piece) in split_strings(text).into_iter().enumerate() {
            let concealed = self.conceal(piece);
            if place % 2 == 0 && concealed != piece {
                out.push_str(&concealed.replace('‹', "\"‹").replace('›', "›\""));
            } else {
                out.push_str(&concealed);
            }
        }
        out
    }

    /// Replaces every known secret that stands by itself, that is, not inside a longer word or number.
    pub fn conceal(&self, text: &str) -> String {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = text.to_owned();
        // Longest first, so that a secret that contains another is replaced whole.
        let mut secrets: Vec<_> = inner.pseudonyms.iter().collect();
        secrets.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        for (secret, pseudonym) in secrets {
            out = replace_words(&out, secret, pseudonym);
        }
        out
    }
}

/// A secret as it is, and as JSON, XML and URLs write it.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let solidus = json.replace('/', "\\/");
    let xml = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let quoted = xml.replace('"', "&quot;").replace('\'', "&apos;");
    let percent = |digits: &[u8; 16]| -> String {
        let mut out = String::with_capacity(secret.len());
        for byte in secret.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push('%');
                out.push(char::from(digits[usize::from(byte >> 4)]));
                out.push(char::from(digits[usize::from(byte & 15)]));
            }
        }
        out
    };
    let mut forms = vec![secret.to_owned(), json, solidus, xml, quoted];
    forms.extend([percent(b"0123456789ABCDEF"), percent(b"0123456789abcdef")]);
    forms.sort();
    forms.dedup();
    forms
}

/// Cuts JSON at the quotes that begin and end its strings; the quotes stay outside.
fn split_strings(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut inside, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => {
                // The quote belongs to the piece outside.
                let cut = if inside { at } else { at + 1 };
                pieces.push(&text[start..cut]);
                start = cut;
                inside = !inside;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn replace_words(text: &str, secret: &str, pseudonym: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let joined = inside(before.chars().next_back()) || inside(after.chars().next());
        out.push_str(before);
        out.push_str(if joined { secret } else { pseudonym });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn a_secret_is_replaced_where_it_stands_by_itself() {
        let secrets = Secrets::default();
        assert_eq!(secrets.learn("code", "482913"), "‹code#1›");
        assert_eq!(secrets.learn("code", "999999"), "‹code#2›");
        assert_eq!(secrets.learn("token", "482913"), "‹code#1›");
        let text = r#"{"code":"482913","n":"+1482913","again":482913}"#;
        assert_eq!(
            secrets.conceal(text),
            r#"{"code":"‹code#1›","n":"+1482913","again":‹code#1›}"#
        );
    }

    #[test]
    fn a_number_that_is_a_secret_leaves_valid_json() {
        let secrets = Secrets::default();
        secrets.learn("code", "482913");
        secrets.learn("token", "a\"b\\cd");
        let text =
            r#"{"code":482913,"n":[482913, 4829130],"s":"code \"482913\" x","t":"a\"b\\cd"}"#;
        let concealed = secrets.conceal_json(text);
        assert_eq!(
            concealed,
            r#"{"code":"‹code#1›","n":["‹code#1›", 4829130],"s":"code \"‹code#1›\" x","t":"‹token#1›"}"#
        );
        serde_json::from_str::<serde_json::Value>(&concealed).unwrap();
    }

    #[test]
    fn a_secret_is_found_in_its_escaped_forms() {
        let secrets = Secrets::default();
        secrets.learn("token", "ab/c+d=&e");
        for text in [
            "ab/c+d=&e",
            r"ab\/c+d=&e",
            "ab/c+d=&amp;e",
            "ab%2Fc%2Bd%3D%26e",
        ] {
            assert_eq!(secrets.conceal(text), "‹token#1›", "{text}");
        }
    }

    #[test]
    fn the_longer_secret_wins() {
        let secrets = Secrets::default();
        secrets.learn("token", "abcd");
        secrets.learn("token", "abcd-efgh");
        assert_eq!(secrets.conceal("Bearer abcd-efgh"), "Bearer ‹token#2›");
    }
}
