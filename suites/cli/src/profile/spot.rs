//! Where something stands in the text of a profile.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// A step on the way to a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Key(String),
    /// One of several, from 0.
    Item(usize),
}

/// The way that a dotted key names.
pub(super) fn keys(dotted: &'static str) -> impl Iterator<Item = Part> {
    dotted.split('.').map(|key| Part::Key(key.to_owned()))
}

/// As people write it.
pub(super) fn dotted(path: &[Part]) -> String {
    let parts = path.iter().enumerate().map(|(at, part)| match part {
        Part::Key(key) if at == 0 => key.clone(),
        Part::Key(key) => format!(".{key}"),
        Part::Item(number) => format!("[{number}]"),
    });
    parts.collect()
}

/// Where the value at a path stands, or its key; if it was not written, what is around it.
pub(super) fn spot(text: &str, path: &[Part], key: bool) -> Option<Range<usize>> {
    fn find(table: &DeTable<'_>, path: &[Part], key: bool) -> Option<Range<usize>> {
        let [Part::Key(wanted), rest @ ..] = path else {
            return None;
        };
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == wanted)?;
        let here = if key { name.span() } else { value.span() };
        below(value.get_ref(), rest, key).or(Some(here))
    }
    fn below(value: &DeValue<'_>, path: &[Part], key: bool) -> Option<Range<usize>> {
        match (value, path) {
            (DeValue::Table(table), _) => find(table, path, key),
            (DeValue::Array(items), [Part::Item(number), rest @ ..]) => {
                let item = items.get(*number)?;
                below(item.get_ref(), rest, key).or(Some(item.span()))
            }
            _ => None,
        }
    }
    find(DeTable::parse(text).ok()?.get_ref(), path, key)
}

/// The dotted key whose key or value stands at this octet, if the text is TOML at all.
pub(super) fn key_at(text: &str, at: usize) -> Option<String> {
    fn find(table: &DeTable<'_>, at: usize, path: &mut Vec<Part>) -> bool {
        table.iter().any(|(key, value)| {
            path.push(Part::Key(key.get_ref().to_string()));
            let here = key.span().contains(&at)
                || below(value.get_ref(), at, path)
                || value.span().contains(&at);
            if !here {
                path.pop();
            }
            here
        })
    }
    fn below(value: &DeValue<'_>, at: usize, path: &mut Vec<Part>) -> bool {
        match value {
            DeValue::Table(table) => find(table, at, path),
            DeValue::Array(items) => items.iter().enumerate().any(|(number, item)| {
                path.push(Part::Item(number));
                let here = below(item.get_ref(), at, path) || item.span().contains(&at);
                if !here {
                    path.pop();
                }
                here
            }),
            _ => false,
        }
    }
    let mut path = Vec::new();
    find(DeTable::parse(text).ok()?.get_ref(), at, &mut path).then(|| dotted(&path))
}

#[cfg(test)]
mod tests {
    use super::{Part, key_at, keys, spot};

    #[test]
    fn the_key_is_named_wherever_it_stands() {
        let text = "[pace]\ntimeout = 5\n[[twinning.subscriber]]\naddress = \"a\"\n[[twinning.subscriber]]\ntoken = 7\nknobs.names = { code = 1 }\n";
        for (spot, key) in [
            ("timeout", "pace.timeout"),
            ("5", "pace.timeout"),
            ("token", "twinning.subscriber[1].token"),
            ("7", "twinning.subscriber[1].token"),
            ("code", "twinning.subscriber[1].knobs.names.code"),
        ] {
            assert_eq!(
                key_at(text, text.find(spot).unwrap()).as_deref(),
                Some(key),
                "{spot}"
            );
        }
        assert_eq!(key_at("a = ", 2), None);
    }

    #[test]
    fn a_value_is_found_by_its_key_and_not_by_what_it_says() {
        let text =
            "# x\n[sut]\nname = \"x\"\nrole = \"x\"\n[[list]]\na = 1\n[[list]]\n\"b.c\" = \"x\"\n";
        let at = |path: Vec<Part>, key| spot(text, &path, key).map(|span| span.start);
        let role = text.find("\"x\"\n[[").unwrap();
        assert_eq!(at(keys("sut.role").collect(), false), Some(role));
        let second = [Part::Item(1), Part::Key("b.c".to_owned())];
        let b = keys("list").chain(second).collect();
        assert_eq!(at(b, true), text.find("\"b.c\""));
        // What was not written is where it would stand.
        let none = keys("sut.version").collect();
        assert_eq!(at(none, false), text.find("[sut]"));
    }
}
