//! How bodies are read, and which format a response has.

use super::refusal::Refusal;
use super::rules::{DocumentFacts, FormatFacts};
use super::{Enabler, Turn};
use crate::tree::{Document, Format, Tree};

impl Enabler {
    /// The format of the response; the default one as the error if the client takes none that exists.
    pub(super) fn response_format(&self, turn: Turn<'_>) -> Result<Format, Format> {
        let offered = |format: &Format| turn.config.knobs.formats.offers(*format);
        let own: Format = turn.config.knobs.format.into();
        let body = turn.request.headers.first("Content-Type");
        let default = body
            .and_then(Format::of_media_type)
            .filter(offered)
            .unwrap_or(own);
        let (mut accept, anything) = accepted(turn.request.headers.first("Accept"));
        accept.retain(offered);
        let facts = FormatFacts {
            query: query_format(&turn.request.url).filter(offered),
            nothing_acceptable: accept.is_empty() && !anything,
            accept,
            default,
        };
        self.rules.response_format(facts).ok_or(default)
    }

    /// Reads a request's body, whose root has to be `root`.
    pub(super) fn read_body(
        &self,
        turn: Turn<'_>,
        root: &str,
        known: &[&str],
    ) -> Result<Document, Refusal> {
        let named = turn.request.headers.first("Content-Type");
        let format = match named {
            None => turn.config.knobs.format.into(),
            Some(named) => Format::of_media_type(named)
                .filter(|format| turn.config.knobs.formats.offers(*format))
                .ok_or_else(|| Refusal::media_type(named))?,
        };
        let read = Document::read(format, &turn.request.body);
        let unknown: Vec<String> = match &read {
            Ok(document) => document
                .tree
                .entries()
                .iter()
                .map(|(name, _)| name)
                .filter(|name| !known.contains(&name.as_str()))
                .cloned()
                .collect(),
            Err(_) => Vec::new(),
        };
        let accepted = self.rules.document_is_accepted(DocumentFacts {
            readable: read.is_ok(),
            root_expected: read.as_ref().is_ok_and(|d| d.root == root),
            unknown: &unknown,
        });
        match (read, accepted) {
            (Ok(document), true) => Ok(document),
            (Err(_), true) => Ok(Document::new(root, Tree::Branch(Vec::new()))),
            (Ok(document), false) => Err(Refusal::body(document.root)),
            (Err(why), false) => Err(Refusal::body(why.to_string())),
        }
    }
}

/// The formats of an Accept header, most wanted first, and whether it takes anything.
fn accepted(header: Option<&str>) -> (Vec<Format>, bool) {
    let Some(header) = header else {
        return (Vec::new(), true);
    };
    let mut ranges: Vec<(u32, Option<Format>, bool)> = header
        .split(',')
        .map(|range| {
            let (essence, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = parameters
                .split(';')
                .find_map(|p| p.trim().strip_prefix("q="))
                .and_then(|q| q.parse::<f32>().ok())
                .unwrap_or(1.0);
            let wild = matches!(essence.trim(), "*/*" | "application/*");
            // Thousandths: the precision that RFC 9110 gives a weight.
            let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
            (weight, Format::of_media_type(essence), wild)
        })
        .filter(|(weight, ..)| *weight > 0)
        .collect();
    ranges.sort_by_key(|(weight, ..)| std::cmp::Reverse(*weight));
    let anything = ranges.iter().any(|(_, _, wild)| *wild);
    let formats = ranges.iter().filter_map(|(_, format, _)| *format).collect();
    (formats, anything)
}

fn query_format(url: &str) -> Option<Format> {
    let (_, query) = url.split_once('?')?;
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("resFormat="))?;
    match value.to_ascii_lowercase().as_str() {
        "json" => Some(Format::Json),
        "xml" => Some(Format::Xml),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, accepted, query_format};

    #[test]
    fn the_most_wanted_format_comes_first() {
        for (header, formats, anything) in [
            ("application/xml", vec![Format::Xml], false),
            (
                "application/json;q=0.5, application/xml",
                vec![Format::Xml, Format::Json],
                false,
            ),
            ("application/xml;q=0, */*;q=0.1", vec![], true),
            ("image/png", vec![], false),
        ] {
            assert_eq!(accepted(Some(header)), (formats, anything), "{header}");
        }
        assert_eq!(accepted(None), (vec![], true));
    }

    #[test]
    fn the_query_names_a_format() {
        assert_eq!(query_format("/x?a=1&resFormat=XML"), Some(Format::Xml));
        assert_eq!(query_format("/x?resFormat=yaml"), None);
        assert_eq!(query_format("/x"), None);
    }
}
