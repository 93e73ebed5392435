//! Which clauses were read: a failure rests on text that somebody here has seen.

use std::fmt;

use serde::Deserialize;

/// The end of the name of a file that says what was read.
pub(crate) const FILES: &str = "-sources.toml";

/// A text that purposes rest on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The short name that verdicts cite.
    pub id: String,
    /// The full title.
    pub title: String,
    /// The sections that are known, each with all below it.
    pub known: Vec<String>,
    /// How they are known.
    pub from: String,
}

/// A file of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceFile {
    pub(crate) source: Vec<Source>,
}

/// A clause that a verdict cites.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Clause {
    /// The document: `RFC 7252`.
    pub document: String,
    /// The section as it is cited: `§4.5`, `Appendix E.4`. Empty if the document is cited as a whole.
    pub section: String,
    /// Whether it was read.
    pub known: bool,
}

/// The clauses of a text such as `TS LwM2M 1.0 §5.3.1, §6.3.1; RFC 7252 §4.2`.
pub fn clauses(text: &str, sources: &[Source]) -> Vec<Clause> {
    let mut clauses = Vec::new();
    for part in text.split(';').map(str::trim) {
        let begins = ["§", "Appendix"].iter().filter_map(|sign| part.find(sign));
        let (document, sections) = part.split_at(begins.min().unwrap_or(part.len()));
        for section in sections.split(',').map(str::trim) {
            clauses.push(Clause {
                document: document.trim().to_owned(),
                section: section.to_owned(),
                known: is_known(document.trim(), section, sources),
            });
        }
    }
    clauses
}

fn is_known(document: &str, section: &str, sources: &[Source]) -> bool {
    let section = section.trim_start_matches('§');
    let mut known = sources
        .iter()
        .filter(|source| source.id == document)
        .flat_map(|source| &source.known);
    known.any(|known| {
        let below = section.strip_prefix(known.as_str());
        below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
    })
}

/// The clauses as a verdict cites them: those that were not read say so.
pub fn cited(clauses: &[Clause]) -> String {
    let mut text = String::new();
    for (number, clause) in clauses.iter().enumerate() {
        let before = number.checked_sub(1).and_then(|before| clauses.get(before));
        match before {
            Some(before) if before.document == clause.document => text.push_str(", "),
            Some(_) => text.push_str("; "),
            None => {}
        }
        if before.is_none_or(|before| before.document != clause.document) {
            text.push_str(&clause.document);
            if !clause.section.is_empty() {
                text.push(' ');
            }
        }
        text.push_str(&clause.to_string());
    }
    text
}

/// Its section alone.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.section)?;
        match self.known {
            true => Ok(()),
            false => f.write_str(" [inference]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, cited, clauses};

    fn sources() -> Vec<Source> {
        let source = |id: &str, known: &[&str]| Source {
            id: id.to_owned(),
            title: String::new(),
            known: known.iter().map(|&section| section.to_owned()).collect(),
            from: String::new(),
        };
        vec![
            source("TS LwM2M 1.0", &["5", "6"]),
            source("RFC 7252", &["4.2"]),
        ]
    }

    #[test]
    fn a_clause_is_known_with_what_stands_above_it_and_no_further() {
        let known = |text: &str| -> Vec<bool> {
            let clauses = clauses(text, &sources());
            clauses.iter().map(|clause| clause.known).collect()
        };
        assert_eq!(
            known("TS LwM2M 1.0 §5.3.1, §6; RFC 7252 §4.2"),
            [true, true, true]
        );
        // A longer number is another section, and a section is not known by a part of it.
        assert_eq!(
            known("TS LwM2M 1.0 §51, §8.4; RFC 7252 §4, §4.22"),
            [false; 4]
        );
        assert_eq!(known("TS LwM2M 1.0 Appendix E.4"), [false]);
        assert_eq!(known("RFC 7252"), [false]);
        assert_eq!(known("RFC 9999 §4.2"), [false]);
    }

    #[test]
    fn what_was_not_read_says_so_where_it_is_cited() {
        let text = "TS LwM2M 1.0 §5.3.1, §8.3; RFC 7252 §4.2; RFC 6347 Appendix A";
        assert_eq!(
            cited(&clauses(text, &sources())),
            "TS LwM2M 1.0 §5.3.1, §8.3 [inference]; RFC 7252 §4.2; RFC 6347 Appendix A [inference]"
        );
    }
}
