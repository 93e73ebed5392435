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
        inner
            .pseudonyms
            .insert(secret.to_owned(), pseudonym.clone());
        pseudonym
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
    fn the_longer_secret_wins() {
        let secrets = Secrets::default();
        secrets.learn("token", "abcd");
        secrets.learn("token", "abcd-efgh");
        assert_eq!(secrets.conceal("Bearer abcd-efgh"), "Bearer ‹token#2›");
    }
}
