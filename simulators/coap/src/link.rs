//! Link-format (RFC 6690) as LwM2M uses it: a list of `<target>` with attributes.
//!
//! The parser borrows, does not allocate, and is strict: a target without its `>`, text between
//! links or a quoted string that does not end is an error with its offset. Spaces after a comma or
//! semicolon, and a comma at the very end, are accepted, because both occur in the specification's
//! own examples.

use std::borrow::Cow;
use std::fmt;

/// One link: a target and its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// What stands between `<` and `>`.
    pub target: &'a str,
    attributes: &'a str,
}

/// One attribute of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What stands before the `=`.
    pub name: &'a str,
    /// What stands after it, as written; `None` for a bare name.
    pub raw: Option<&'a str>,
}

/// Why a text is no link-format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// Offset in bytes.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

/// Reads a link list. After an error there are no more links.
#[derive(Clone, Debug)]
pub struct Links<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Links<'a> {
    /// The links of `text`.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn link(&mut self) -> Result<Link<'a>, LinkError> {
        let error = |at, expected| Err(LinkError { at, expected });
        let text = self.text;
        if !text[self.at..].starts_with('<') {
            return error(self.at, "`<`");
        }
        let start = self.at + 1;
        let Some(length) = text[start..].find('>') else {
            return error(text.len(), "`>`");
        };
        let target = &text[start..start + length];
        let from = start + length + 1;
        self.at = from;
        loop {
            let before = self.at;
            self.skip_spaces();
            match text.as_bytes().get(self.at) {
                None | Some(b',') => {
                    let attributes = &text[from..before];
                    if self.at < text.len() {
                        self.at += 1;
                    }
                    return Ok(Link { target, attributes });
                }
                Some(b';') => {
                    self.at += 1;
                    self.skip_spaces();
                    let (_, end) = attribute(text, self.at)?;
                    self.at = end;
                }
                Some(_) => return error(self.at, "`;`, `,` or the end"),
            }
        }
    }
}

impl<'a> Iterator for Links<'a> {
    type Item = Result<Link<'a>, LinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_spaces();
        if self.at >= self.text.len() {
            return None;
        }
        let link = self.link();
        if link.is_err() {
            self.at = self.text.len();
        }
        Some(link)
    }
}

impl<'a> Link<'a> {
    /// The attributes in the order written.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let text = self.attributes;
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = &text[at..];
            at += rest.len() - rest.trim_start_matches([';', ' ', '\t', '\r', '\n']).len();
            if at >= text.len() {
                return None;
            }
            // Cannot fail: `Links` has read this text before.
            let (attribute, end) = attribute(text, at).ok()?;
            at = end;
            Some(attribute)
        })
    }

    /// The first attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.name == name)
    }
}

impl<'a> Attribute<'a> {
    /// The value without quotes and escapes; empty for a bare name.
    pub fn value(&self) -> Cow<'a, str> {
        let raw = self.raw.unwrap_or_default();
        match raw
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            None => Cow::Borrowed(raw),
            Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
            Some(inner) => {
                let mut chars = inner.chars();
                let mut value = String::with_capacity(inner.len());
                while let Some(char) = chars.next() {
                    value.push(if char == '\\' {
                        chars.next().unwrap_or(char)
                    } else {
                        char
                    });
                }
                Cow::Owned(value)
            }
        }
    }

    /// Whether the value stands in quotes.
    pub fn is_quoted(&self) -> bool {
        self.raw.is_some_and(|raw| raw.starts_with('"'))
    }
}

/// Appends `<target>` to a list, after a comma if it is not the first.
pub fn write_link(list: &mut String, target: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push('<');
    list.push_str(target);
    list.push('>');
}

/// Appends `;name=value` to the last link of a list, in quotes if the value needs them.
pub fn write_attribute(list: &mut String, name: &str, value: &str) {
    if value.is_empty() || !value.bytes().all(is_token) {
        return write_quoted(list, name, value);
    }
    list.push(';');
    list.push_str(name);
    list.push('=');
    list.push_str(value);
}

/// Appends `;name="value"` to the last link of a list.
pub fn write_quoted(list: &mut String, name: &str, value: &str) {
    list.push(';');
    list.push_str(name);
    list.push_str("=\"");
    for char in value.chars() {
        if matches!(char, '"' | '\\') {
            list.push('\\');
        }
        list.push(char);
    }
    list.push('"');
}

/// Reads the attribute at `at` and says where it ends.
fn attribute(text: &str, at: usize) -> Result<(Attribute<'_>, usize), LinkError> {
    let length = text[at..]
        .bytes()
        .take_while(|&byte| is_token(byte) && byte != b'=')
        .count();
    if length == 0 {
        return Err(LinkError {
            at,
            expected: "the name of an attribute",
        });
    }
    let name = &text[at..at + length];
    let mut end = at + length;
    if text.as_bytes().get(end) != Some(&b'=') {
        return Ok((Attribute { name, raw: None }, end));
    }
    end += 1;
    let start = end;
    if text.as_bytes().get(end) != Some(&b'"') {
        end += text[end..]
            .bytes()
            .take_while(|&byte| is_token(byte))
            .count();
        return Ok((
            Attribute {
                name,
                raw: Some(&text[start..end]),
            },
            end,
        ));
    }
    end += 1;
    loop {
        match text.as_bytes().get(end) {
            Some(b'"') => {
                return Ok((
                    Attribute {
                        name,
                        raw: Some(&text[start..=end]),
                    },
                    end + 1,
                ));
            }
            Some(b'\\') if end + 1 < text.len() => end += 2,
            Some(_) => end += 1,
            None => {
                return Err(LinkError {
                    at: text.len(),
                    expected: "`\"`",
                });
            }
        }
    }
}

/// The characters of a value without quotes (`ptoken` of RFC 6690 §2).
fn is_token(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x7e)
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at byte {} of the link list: expected {}",
            self.at, self.expected
        )
    }
}

impl std::error::Error for LinkError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> Result<Vec<String>, LinkError> {
        Links::new(text)
            .map(|link| {
                let link = link?;
                let attributes: String = link
                    .attributes()
                    .map(|a| format!(" {}:{}", a.name, a.value()))
                    .collect();
                Ok(format!("{}{attributes}", link.target))
            })
            .collect()
    }

    #[test]
    fn lists_as_clients_send_them() {
        assert_eq!(show(""), Ok(vec![]));
        assert_eq!(
            show("</1/0>,</3/0>"),
            Ok(vec!["/1/0".into(), "/3/0".into()])
        );
        assert_eq!(
            show(r#"</lwm2m>;rt="oma.lwm2m";ct="60 110", </lwm2m/1/0>,</55>;ver=1.9,</5/>;obs,"#),
            Ok(vec![
                "/lwm2m rt:oma.lwm2m ct:60 110".into(),
                "/lwm2m/1/0".into(),
                "/55 ver:1.9".into(),
                "/5/ obs:".into()
            ])
        );
        assert_eq!(
            show(r#"</a>;t="x\"y,\\;z""#),
            Ok(vec![r#"/a t:x"y,\;z"#.into()])
        );
    }

    #[test]
    fn what_is_no_list() {
        for (text, at, expected) in [
            ("/1/0", 0, "`<`"),
            ("</1/0", 5, "`>`"),
            ("</1> </2>", 5, "`;`, `,` or the end"),
            ("</1>x,", 4, "`;`, `,` or the end"),
            ("</1>;=2", 5, "the name of an attribute"),
            ("</1>;a=\"b", 9, "`\""),
            ("</1>;a=\"b\\", 10, "`\""),
            ("</1>,,</2>", 5, "`<`"),
        ] {
            let error = show(text).unwrap_err();
            assert_eq!(error.at, at, "{text}");
            assert!(error.expected.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn written_lists_are_read_back() {
        let mut list = String::new();
        write_link(&mut list, "/");
        write_attribute(&mut list, "ct", "60 110");
        write_link(&mut list, "/55");
        write_attribute(&mut list, "ver", "1.9");
        write_attribute(&mut list, "title", "a\"b\\");
        assert_eq!(list, r#"</>;ct="60 110",</55>;ver=1.9;title="a\"b\\""#);
        assert_eq!(
            show(&list),
            Ok(vec![
                "/ ct:60 110".into(),
                r#"/55 ver:1.9 title:a"b\"#.into()
            ])
        );
    }
}
