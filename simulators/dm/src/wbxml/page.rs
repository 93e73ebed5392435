//! Code pages: one table of tokens each.

pub mod dmddf;
pub mod metinf;
pub mod prov;
pub mod syncml;

/// The tags of one code page.
#[derive(Debug)]
pub struct CodePage {
    /// What SWITCH_PAGE calls it.
    pub number: u8,
    /// The namespace that the page stands for.
    pub namespace: &'static str,
    /// Token (0x05 to 0x3F) and local name.
    pub tags: &'static [(u8, &'static str)],
}

/// The attribute tokens of one code page.
#[derive(Debug)]
pub struct AttributePage {
    /// What SWITCH_PAGE calls it.
    pub number: u8,
    /// Token below 0x80, attribute name, and how its value begins.
    pub starts: &'static [(u8, &'static str, &'static str)],
    /// Token from 0x80 on, and the text it stands for.
    pub values: &'static [(u8, &'static str)],
}

impl CodePage {
    /// The name of a tag.
    #[must_use]
    pub fn name(&self, token: u8) -> Option<&'static str> {
        let (_, name) = self.tags.iter().find(|&&(code, _)| code == token)?;
        Some(name)
    }

    /// The token of a tag.
    #[must_use]
    pub fn token(&self, name: &str) -> Option<u8> {
        let (code, _) = self.tags.iter().find(|&&(_, known)| known == name)?;
        Some(*code)
    }

    /// The name of a tag of this page, as the table has it.
    pub(crate) fn known(&self, name: &[u8]) -> Option<&'static str> {
        let mut tags = self.tags.iter();
        // Comparing lengths and first letters here spares a call of memcmp for nearly every tag.
        let like = |known: &[u8]| known.len() == name.len() && known.first() == name.first();
        let (_, known) =
            tags.find(|(_, known)| like(known.as_bytes()) && known.as_bytes() == name)?;
        Some(known)
    }
}

impl AttributePage {
    /// Attribute name and beginning of the value for a start token.
    #[must_use]
    pub fn start(&self, token: u8) -> Option<(&'static str, &'static str)> {
        let (_, name, prefix) = self.starts.iter().find(|&&(code, _, _)| code == token)?;
        Some((name, prefix))
    }

    /// The text for a value token.
    #[must_use]
    pub fn value(&self, token: u8) -> Option<&'static str> {
        let (_, text) = self.values.iter().find(|&&(code, _)| code == token)?;
        Some(text)
    }
}

/// The first page that stands for a namespace.
pub(crate) fn of_namespace(namespace: &str) -> Option<&'static CodePage> {
    [&syncml::PAGE, &metinf::PAGE, &dmddf::PAGE, &prov::PAGE_0]
        .into_iter()
        .find(|page| page.namespace == namespace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tokens_and_names_are_unique_and_in_range() {
        for page in [
            &syncml::PAGE,
            &metinf::PAGE,
            &dmddf::PAGE,
            &prov::PAGE_0,
            &prov::PAGE_1,
        ] {
            let codes: BTreeSet<_> = page.tags.iter().map(|tag| tag.0).collect();
            let names: BTreeSet<_> = page.tags.iter().map(|tag| tag.1).collect();
            assert_eq!(codes.len(), page.tags.len(), "{page:?}");
            assert_eq!(names.len(), page.tags.len(), "{page:?}");
            assert!(codes.iter().all(|code| (0x05..=0x3F).contains(code)));
        }
        for page in [&prov::ATTRIBUTES_0, &prov::ATTRIBUTES_1] {
            let starts: BTreeSet<_> = page.starts.iter().map(|start| start.0).collect();
            let values: BTreeSet<_> = page.values.iter().map(|value| value.0).collect();
            assert_eq!(starts.len(), page.starts.len(), "page {}", page.number);
            assert_eq!(values.len(), page.values.len(), "page {}", page.number);
            assert!(starts.iter().all(|code| (0x05..0x80).contains(code)));
            assert!(values.iter().all(|&code| code >= 0x85 && code != 0xC3));
        }
    }

    #[test]
    fn element_and_format_differ_in_case_only() {
        assert_eq!(dmddf::PAGE.name(0x24), Some("Node"));
        assert_eq!(dmddf::PAGE.name(0x25), Some("node"));
        assert_eq!(syncml::PAGE.name(0x30), None);
    }
}
