//! From the tree to octets.

use std::collections::BTreeMap;

use super::page::{AttributePage, CodePage};
use super::{
    DMDDF, Form, Language, METINF, PROV, PublicId, SYNCML, Strings, Trees, UTF_8, Version,
    holds_trees, is_tree, token,
};
use crate::document::{Attribute, Content, Element, namespace};
use crate::error::{Error, Fault, shown};

/// Writes one WBXML document. The namespace of the root chooses the language.
///
/// Names that a code page does not have are written as literals on the page of their namespace.
///
/// # Errors
///
/// [`Fault::Unsupported`] for a namespace without a code page, [`Fault::Value`] for text with NUL
/// and for anything longer than 32 bits can count.
pub fn write(root: &Element, form: &Form) -> Result<Vec<u8>, Error> {
    let language = match &*root.namespace {
        namespace::SYNCML => &SYNCML,
        namespace::METINF => &METINF,
        namespace::DMDDF => &DMDDF,
        namespace::NONE if root.name == "wap-provisioningdoc" => &PROV,
        other => return Err(no_page(root, other)),
    };
    document(root, language, form)
}

fn document(root: &Element, language: &'static Language, form: &Form) -> Result<Vec<u8>, Error> {
    let mut target = Target {
        form,
        language,
        page: language.pages[0],
        attribute_page: language.attribute_pages.first().copied(),
        table: Vec::new(),
        indices: BTreeMap::new(),
        repeated: BTreeMap::new(),
        body: Vec::new(),
    };
    let text_index = match (form.public_id, language.public_id) {
        (PublicId::Text, _) | (PublicId::Number, None) => {
            Some(target.index_of(language.public_text)?)
        }
        _ => None,
    };
    if form.strings == Strings::Table {
        count_texts(root, &mut target.repeated);
    }
    target.element(root)?;

    let mut out = vec![match form.version {
        Version::V1_1 => 0x01,
        Version::V1_2 => 0x02,
        Version::V1_3 => 0x03,
    }];
    match (text_index, language.public_id) {
        (Some(index), _) => {
            number(&mut out, 0);
            number(&mut out, index);
        }
        (None, Some(id)) if form.public_id == PublicId::Number => number(&mut out, id),
        (None, _) => number(&mut out, 1),
    }
    number(&mut out, UTF_8);
    counted(&mut out, &target.table)?;
    out.extend(target.body);
    Ok(out)
}

struct Target<'f> {
    form: &'f Form,
    language: &'static Language,
    page: &'static CodePage,
    attribute_page: Option<&'static AttributePage>,
    table: Vec<u8>,
    /// Where in the table a text starts.
    indices: BTreeMap<String, u32>,
    /// How often a text occurs; empty unless the form asks for a table.
    repeated: BTreeMap<String, usize>,
    body: Vec<u8>,
}

impl Target<'_> {
    fn element(&mut self, element: &Element) -> Result<(), Error> {
        let mut flags = 0;
        if !element.attributes.is_empty() {
            flags |= token::ATTRIBUTES;
        }
        if !element.content.is_empty() {
            flags |= token::CONTENT;
        }
        match self.tag(element)? {
            Some(tag) => self.body.push(tag | flags),
            None => {
                let index = self.index_of(&element.name)?;
                self.body.push(token::LITERAL | flags);
                number(&mut self.body, index);
            }
        }
        if !element.attributes.is_empty() {
            for attribute in &element.attributes {
                self.attribute(attribute)?;
            }
            self.body.push(token::END);
        }
        if element.content.is_empty() {
            return Ok(());
        }
        for content in &element.content {
            match content {
                Content::Element(child)
                    if self.form.trees == Trees::Nested
                        && holds_trees(element)
                        && is_tree(child) =>
                {
                    let nested = document(child, &DMDDF, self.form)?;
                    self.body.push(token::OPAQUE);
                    counted(&mut self.body, &nested)?;
                }
                Content::Element(child) => self.element(child)?,
                Content::Octets(octets) => {
                    self.body.push(token::OPAQUE);
                    counted(&mut self.body, octets)?;
                }
                Content::Text(text) => self.text(text)?,
            }
        }
        self.body.push(token::END);
        Ok(())
    }

    /// Switches to the page of an element and gives its token there, if it has one.
    fn tag(&mut self, element: &Element) -> Result<Option<u8>, Error> {
        let mut of_namespace = self
            .language
            .pages
            .iter()
            .filter(|page| page.namespace == element.namespace);
        let first = of_namespace.next();
        let first = first.ok_or_else(|| no_page(element, &element.namespace))?;
        let known = std::iter::once(first)
            .chain(of_namespace)
            .find_map(|page| Some((page, page.token(&element.name)?)));
        let (page, tag) = match known {
            Some((page, tag)) => (page, Some(tag)),
            None => (first, None),
        };
        if page.number != self.page.number {
            self.page = page;
            self.body.extend([token::SWITCH_PAGE, page.number]);
        }
        Ok(tag)
    }

    fn attribute(&mut self, attribute: &Attribute) -> Result<(), Error> {
        if !attribute.namespace.is_empty() {
            return Err(Error::new(
                Fault::Unsupported,
                0,
                "attributes without a namespace",
                shown(&attribute.namespace),
            ));
        }
        let pages = self.language.attribute_pages;
        // The longest beginning wins; of equal ones the one on the lowest page.
        let known = pages
            .iter()
            .flat_map(|page| page.starts.iter().map(move |start| (page, start)))
            .filter(|(_, (_, name, _))| *name == attribute.name)
            .filter_map(|(page, &(code, _, prefix))| {
                let rest = attribute.value.strip_prefix(prefix)?;
                (prefix.is_empty() || rest.is_empty()).then_some((page, code, rest))
            })
            .min_by_key(|(page, _, rest)| (rest.len(), page.number));
        let rest = match known {
            Some((page, code, rest)) => {
                self.switch_attributes(page);
                self.body.push(code);
                rest
            }
            None => {
                let index = self.index_of(&attribute.name)?;
                self.body.push(token::LITERAL);
                number(&mut self.body, index);
                &attribute.value
            }
        };
        let value = pages.iter().find_map(|page| {
            let (code, _) = page.values.iter().find(|(_, text)| *text == rest)?;
            Some((page, *code))
        });
        match value {
            Some((page, code)) => {
                self.switch_attributes(page);
                self.body.push(code);
                Ok(())
            }
            None if rest.is_empty() => Ok(()),
            None => self.text(rest),
        }
    }

    fn switch_attributes(&mut self, page: &'static AttributePage) {
        if self.attribute_page.map(|current| current.number) != Some(page.number) {
            self.attribute_page = Some(page);
            self.body.extend([token::SWITCH_PAGE, page.number]);
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        if self.repeated.get(text).is_some_and(|&count| count > 1) {
            let index = self.index_of(text)?;
            self.body.push(token::STR_T);
            number(&mut self.body, index);
        } else {
            self.body.push(token::STR_I);
            terminated(&mut self.body, text)?;
        }
        Ok(())
    }

    fn index_of(&mut self, text: &str) -> Result<u32, Error> {
        if let Some(&index) = self.indices.get(text) {
            return Ok(index);
        }
        let index = u32::try_from(self.table.len()).map_err(|_| too_long(self.table.len()))?;
        terminated(&mut self.table, text)?;
        self.indices.insert(text.to_owned(), index);
        Ok(index)
    }
}

fn count_texts(element: &Element, counts: &mut BTreeMap<String, usize>) {
    for content in &element.content {
        match content {
            Content::Element(child) => count_texts(child, counts),
            Content::Octets(_) => {}
            Content::Text(text) => *counts.entry(text.clone()).or_default() += 1,
        }
    }
}

fn terminated(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(Error::new(Fault::Value, 0, "text without NUL", shown(text)));
    }
    out.extend(text.as_bytes());
    out.push(0);
    Ok(())
}

fn counted(out: &mut Vec<u8>, octets: &[u8]) -> Result<(), Error> {
    let len = u32::try_from(octets.len()).map_err(|_| too_long(octets.len()))?;
    number(out, len);
    out.extend(octets);
    Ok(())
}

fn number(out: &mut Vec<u8>, value: u32) {
    for shift in [28, 21, 14, 7] {
        if value >> shift != 0 {
            // Seven bits remain after the mask, so nothing is cut off.
            out.push((value >> shift & 0x7F) as u8 | 0x80);
        }
    }
    out.push((value & 0x7F) as u8);
}

fn no_page(element: &Element, namespace: &str) -> Error {
    Error::new(
        Fault::Unsupported,
        0,
        format!("<{}> in a namespace with a code page", element.name),
        shown(namespace),
    )
}

fn too_long(len: usize) -> Error {
    Error::new(
        Fault::Value,
        0,
        "a length of 32 bits",
        format!("{len} octets"),
    )
}
