//! Secrets become pseudonyms before they are recorded.
//!
//! A pseudonym is stable within a run, so that a reader still sees that two values are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The secrets of one scene and their pseudonyms. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    inner: Arc<Mutex<Inner>>,
}

/// How many octets a secret has at least.
const SHORTEST: usize = 4;

/// From how many octets on a secret among octets that are no text is one whatever stands beside it: there, the length of
/// a value looks like a letter of it.
const LONG: usize = 16;

#[derive(Debug, Default)]
struct Inner {
    pseudonyms: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
    /// Secrets and pseudonyms by the secret's first octets.
    by_head: BTreeMap<[u8; SHORTEST], Vec<(String, String)>>,
    /// A bit for every two octets that a secret begins with: they rule most places of a text out.
    begins: Vec<u64>,
    /// Whether a secret may stand where JSON has a number.
    numbers: bool,
}

impl Inner {
    fn add(&mut self, secret: String, pseudonym: &str) {
        let Some((&head, _)) = secret.as_bytes().split_first_chunk() else {
            return;
        };
        let (word, bit) = place(head[0], head[1]);
        self.begins.resize(WORDS, 0);
        self.begins[word] |= bit;
        self.numbers |= secret
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        let entry = (secret.clone(), pseudonym.to_owned());
        self.by_head.entry(head).or_default().push(entry);
        self.pseudonyms.insert(secret, pseudonym.to_owned());
    }

    /// Where secrets stand by themselves, from left to right, with their pseudonyms. Of two that
    /// overlap it is the longer, so that a secret that contains another is replaced whole.
    fn find(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let mut found: Vec<(Range<usize>, &str)> = Vec::new();
        if self.begins.is_empty() {
            return found;
        }
        for (at, window) in text.as_bytes().windows(SHORTEST).enumerate() {
            let (word, bit) = place(window[0], window[1]);
            if self.begins[word] & bit == 0 {
                continue;
            }
            let known = window.first_chunk().and_then(|head| self.by_head.get(head));
            for (secret, pseudonym) in known.into_iter().flatten() {
                let range = at..at + secret.len();
                if text.as_bytes()[at..].starts_with(secret.as_bytes())
                    && stands_alone(text, &range)
                {
                    found.push((range, pseudonym));
                }
            }
        }
        found.sort_by_key(|(range, _)| std::cmp::Reverse(range.len()));
        let mut kept: Vec<(Range<usize>, &str)> = Vec::with_capacity(found.len());
        for (range, pseudonym) in found {
            let apart = |(other, _): &(Range<usize>, &str)| {
                range.end <= other.start || other.end <= range.start
            };
            if kept.iter().all(apart) {
                kept.push((range, pseudonym));
            }
        }
        kept.sort_by_key(|(range, _)| range.start);
        kept
    }

    fn conceal(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = 0;
        for (range, pseudonym) in self.find(text) {
            out.push_str(&text[rest..range.start]);
            out.push_str(pseudonym);
            rest = range.end;
        }
        out.push_str(&text[rest..]);
        out
    }
}

/// How many words have a bit for every two octets.
const WORDS: usize = (1 << 16) / 64;

/// The word and the bit of two octets.
fn place(first: u8, second: u8) -> (usize, u64) {
    let number = usize::from(u16::from_be_bytes([first, second]));
    (number / 64, 1 << (number % 64))
}

/// Whether a part of a text is not inside a longer word or number.
fn stands_alone(text: &str, part: &Range<usize>) -> bool {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (before, after) = (&text[..part.start], &text[part.end..]);
    !inside(before.chars().next_back()) && !inside(after.chars().next())
}

impl Secrets {
    /// Remembers a secret of a kind such as `token` or `code` and returns its pseudonym. Values
    /// shorter than four octets are no secrets; they stay as they are.
    pub fn learn(&self, kind: &'static str, secret: &str) -> String {
        if secret.len() < SHORTEST || secret.starts_with('‹') {
            return secret.to_owned();
        }
        let mut inner = self.inner();
        if let Some(known) = inner.pseudonyms.get(secret) {
            return known.clone();
        }
        let count = inner.counts.entry(kind).or_default();
        *count += 1;
        let pseudonym = format!("‹{kind}#{count}›");
        for form in forms(secret) {
            // A form may be another secret already; that keeps its name.
            if !inner.pseudonyms.contains_key(&form) {
                inner.add(form, &pseudonym);
            }
        }
        pseudonym
    }

    /// As [`Secrets::conceal`], for JSON: a number that is a secret becomes a string, so that the
    /// text stays valid.
    pub fn conceal_json(&self, text: &str) -> String {
        let inner = self.inner();
        if !inner.numbers || inner.find(text).is_empty() {
            return inner.conceal(text);
        }
        let mut out = String::with_capacity(text.len());
        // Even pieces stand outside strings, odd ones inside.
        for (place, piece) in split_strings(text).into_iter().enumerate() {
            let concealed = inner.conceal(piece);
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
        self.inner().conceal(text)
    }

    /// Remembers what somebody can make of a secret that is known, or needs no more than in its place, such as
    /// credentials with it: that has the same pseudonym.
    pub fn learn_form(&self, secret: &str, made: &str) {
        let mut inner = self.inner();
        let Some(pseudonym) = inner.pseudonyms.get(secret).cloned() else {
            return;
        };
        for form in forms(made) {
            if form.len() >= SHORTEST && !inner.pseudonyms.contains_key(&form) {
                inner.add(form, &pseudonym);
            }
        }
    }

    /// The same as [`Secrets::conceal`] for octets that are no text: a star for each octet of a secret, so that all
    /// else stays where it is; and the pseudonyms of those that were there.
    pub fn conceal_octets(&self, octets: &[u8]) -> (Vec<u8>, BTreeSet<String>) {
        let mut out = octets.to_vec();
        let mut found = BTreeSet::new();
        let inner = self.inner();
        for (at, window) in octets.windows(SHORTEST).enumerate() {
            let known = window
                .first_chunk()
                .and_then(|head| inner.by_head.get(head));
            for (secret, pseudonym) in known.into_iter().flatten() {
                let end = at + secret.len();
                let inside = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_alphanumeric);
                let alone = secret.len() >= LONG
                    || !inside(at.checked_sub(1).and_then(|before| octets.get(before)))
                        && !inside(octets.get(end));
                if alone && octets[at..].starts_with(secret.as_bytes()) {
                    out[at..end].fill(b'*');
                    found.insert(pseudonym.clone());
                }
            }
        }
        (out, found)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn among_octets_a_secret_becomes_as_many_stars() {
        let secrets = Secrets::default();
        secrets.learn("password", "hush-hush");
        let octets = b"\x03hush-hush\0\xff xhush-hush hush-hush";
        let concealed = b"\x03*********\0\xff xhush-hush *********";
        let (got, found) = secrets.conceal_octets(octets);
        assert_eq!(got, concealed);
        assert!(found.into_iter().eq(["‹password#1›"]));

        // A value of 48 octets, whose length is the digit 0.
        let long = "bG9uZw".repeat(8);
        secrets.learn("password", &long);
        let octets = [b"\xc3\x30", long.as_bytes(), b"\x01\xff"].concat();
        let (got, _) = secrets.conceal_octets(&octets);
        assert_eq!(got, [b"\xc3\x30", &[b'*'; 48][..], b"\x01\xff"].concat());
    }

    #[test]
    fn what_is_made_of_a_secret_is_that_secret() {
        let secrets = Secrets::default();
        secrets.learn("password", "hush-hush");
        secrets.learn_form("hush-hush", "YTpodXNoLWh1c2g=");
        secrets.learn_form("nobody's", "bm9ib2R5J3M=");
        let text = "YTpodXNoLWh1c2g= YTpodXNoLWh1c2g%3D bm9ib2R5J3M=";
        let concealed = "‹password#1› ‹password#1› bm9ib2R5J3M=";
        assert_eq!(secrets.conceal(text), concealed);
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
        // Also where the shorter begins before it, and where the longer does not stand by itself.
        secrets.learn("token", "xyz-abcd");
        assert_eq!(secrets.conceal("xyz-abcd-efgh"), "xyz-‹token#2›");
        assert_eq!(secrets.conceal("abcd-efghi"), "‹token#1›-efghi");
    }

    #[test]
    fn every_place_of_a_secret_is_found() {
        let secrets = Secrets::default();
        secrets.learn("code", "1111");
        secrets.learn("token", "tökén-ß");
        assert_eq!(
            secrets.conceal("1111 11111 é1111 tökén-ß,1111"),
            "‹code#1› 11111 é1111 ‹token#1›,‹code#1›"
        );
        assert_eq!(secrets.conceal("111"), "111");
    }
}
