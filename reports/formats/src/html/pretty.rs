//! Bodies, laid out for reading. Only white space between tokens changes: what a system sent is
//! evidence.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::IgnoredAny;

/// How deep lines are indented at most, in levels.
const DEEPEST: usize = 40;

/// The text with JSON or XML laid out, as it is where it is neither.
pub(super) fn pretty(text: &str) -> String {
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => json(text),
        Some(b'<') => xml(text),
        _ => None,
    }
    .unwrap_or_else(|| text.to_owned())
}

fn json(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut tokens = text.chars().filter(|c| !c.is_ascii_control()).peekable();
    while let Some(c) = tokens.next() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            ' ' => {}
            '{' | '[' => {
                out.push(c);
                while tokens.next_if_eq(&' ').is_some() {}
                if let Some(close) = tokens.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    indent(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                indent(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                indent(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                quoted = true;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    Some(out)
}

fn xml(text: &str) -> Option<String> {
    let mut reader = Reader::from_str(text);
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut from) = (0_usize, 0);
    // The text that follows a start tag: an element that holds nothing else stays on one line.
    let mut leaf: Option<String> = None;
    loop {
        let event = reader.read_event().ok()?;
        let to = usize::try_from(reader.buffer_position()).ok()?;
        let token = text.get(from..to)?;
        from = to;
        if let Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) = event {
            match &mut leaf {
                Some(leaf) => leaf.push_str(token),
                None if token.trim().is_empty() => {}
                None => line(&mut out, depth, token.trim()),
            }
            continue;
        }
        let text = leaf.take();
        if let Event::End(_) = event {
            depth = depth.checked_sub(1)?;
            if let Some(text) = text {
                out.push_str(&text);
                out.push_str(token);
            } else {
                line(&mut out, depth, token);
            }
            continue;
        }
        // A child stands beside the text: each has a line of its own.
        if let Some(text) = text
            && !text.trim().is_empty()
        {
            line(&mut out, depth, text.trim());
        }
        match event {
            Event::Eof => break,
            Event::Start(_) => {
                line(&mut out, depth, token);
                depth += 1;
                leaf = Some(String::new());
            }
            _ => line(&mut out, depth, token.trim()),
        }
    }
    (depth == 0).then_some(out)
}

fn line(out: &mut String, depth: usize, token: &str) {
    if !out.is_empty() {
        indent(out, depth);
    }
    out.push_str(token);
}

fn indent(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth.min(DEEPEST)));
}

/// Octets that are no text, sixteen a line, in hexadecimal and as the letters among them.
pub(super) fn hex_dump(octets: &[u8]) -> String {
    let lines: Vec<_> = octets
        .chunks(16)
        .enumerate()
        .map(|(index, chunk)| {
            let hex: Vec<_> = chunk.iter().map(|octet| format!("{octet:02x}")).collect();
            let letters: String = chunk
                .iter()
                .map(|octet| match octet {
                    0x20..=0x7e => char::from(*octet),
                    _ => '.',
                })
                .collect();
            format!("{:04x}  {:<47}  {letters}", index * 16, hex.join(" "))
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{hex_dump, pretty};

    #[test]
    fn json_is_laid_out_and_nothing_else() {
        let text = r#"{"a":[1.0e400,{ }, [ ]],"b\"{":"x, y: {","":"a","a":2}"#;
        let expected = "{\n  \"a\": [\n    1.0e400,\n    {},\n    []\n  ],\n  \"b\\\"{\": \"x, y: {\",\n  \"\": \"a\",\n  \"a\": 2\n}";
        assert_eq!(pretty(text), expected);
        assert_eq!(pretty(r#"{"cut": "#), r#"{"cut": "#);
    }

    #[test]
    fn xml_is_laid_out_and_nothing_else() {
        let text = "<?xml version=\"1.0\"?><t:a xmlns:t=\"u\"><b>x &amp; y</b><c/><d> <e>1</e></d><f>m<g/>n</f></t:a>";
        let expected = "<?xml version=\"1.0\"?>\n<t:a xmlns:t=\"u\">\n  <b>x &amp; y</b>\n  <c/>\n  <d>\n    <e>1</e>\n  </d>\n  <f>\n    m\n    <g/>\n    n\n  </f>\n</t:a>";
        assert_eq!(pretty(text), expected);
        assert_eq!(pretty("<a><b></a>"), "<a><b></a>");
        assert_eq!(pretty("<a>"), "<a>");
    }

    #[test]
    fn octets_are_shown_with_their_letters() {
        assert_eq!(
            hex_dump(b"\x44\x02rd\xff0123456789abc"),
            "0000  44 02 72 64 ff 30 31 32 33 34 35 36 37 38 39 61  D.rd.0123456789a\n0010  62 63                                            bc"
        );
    }

    proptest! {
        #[test]
        fn only_white_space_changes(text in "[\\[\\]{}<>/a\" :,1\\n\\\\&;]{0,60}") {
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&pretty(&text)), bare(&text));
        }
    }
}
