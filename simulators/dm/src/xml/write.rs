//! From the tree to octets.

use std::borrow::Cow;

use super::{XML_NAMESPACE, is_char, is_name};
use crate::document::{Attribute, Content, Element};
use crate::error::{Error, Fault, shown};

/// Writes a whole document: declaration and root.
///
/// An element declares its namespace when it differs from its parent's, so `Meta` children and
/// `MgmtTree` carry `xmlns` themselves, as DM implementations expect.
///
/// # Errors
///
/// [`Fault::Value`] when the tree holds what XML cannot say: octets (XML carries those as base64
/// text with Format `b64`), a name that is no XML name, a character that XML 1.0 forbids.
pub fn write(root: &Element) -> Result<String, Error> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    element(&mut out, root, "")?;
    Ok(out)
}

/// Writes an element without a declaration, for instance a serialised tree that travels as the text
/// of a `Data`.
///
/// # Errors
///
/// As [`write()`].
pub fn fragment(root: &Element) -> Result<String, Error> {
    let mut out = String::new();
    element(&mut out, root, "")?;
    Ok(out)
}

fn element(out: &mut String, element: &Element, default: &str) -> Result<(), Error> {
    check_name(&element.name)?;
    out.push('<');
    out.push_str(&element.name);
    if element.namespace != default {
        out.push_str(" xmlns=\"");
        escaped(out, &element.namespace, true)?;
        out.push('"');
    }
    for (index, attribute) in element.attributes.iter().enumerate() {
        self::attribute(out, attribute, index)?;
    }
    if element.content.is_empty() {
        out.push_str("/>");
        return Ok(());
    }
    out.push('>');
    for content in &element.content {
        match content {
            Content::Element(child) => self::element(out, child, &element.namespace)?,
            Content::Octets(octets) => {
                return Err(Error::new(
                    Fault::Value,
                    0,
                    format!("text in <{}>; XML carries octets as base64", element.name),
                    format!("{} raw octets", octets.len()),
                ));
            }
            Content::Text(text) => escaped(out, text, false)?,
        }
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push('>');
    Ok(())
}

fn attribute(out: &mut String, attribute: &Attribute, index: usize) -> Result<(), Error> {
    check_name(&attribute.name)?;
    out.push(' ');
    let prefix: Cow<'_, str> = match &*attribute.namespace {
        "" => Cow::Borrowed(""),
        XML_NAMESPACE => Cow::Borrowed("xml:"),
        namespace => {
            out.push_str(&format!("xmlns:n{index}=\""));
            escaped(out, namespace, true)?;
            out.push_str("\" ");
            Cow::Owned(format!("n{index}:"))
        }
    };
    out.push_str(&prefix);
    out.push_str(&attribute.name);
    out.push_str("=\"");
    escaped(out, &attribute.value, true)?;
    out.push('"');
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    if is_name(name) {
        Ok(())
    } else {
        Err(Error::new(Fault::Value, 0, "an XML name", shown(name)))
    }
}

/// Appends text so that reading gives it back: line ends and, in attributes, all white space but
/// the blank would be normalised away unless they are character references.
fn escaped(out: &mut String, text: &str, in_attribute: bool) -> Result<(), Error> {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            // XML 1.1 readers and ours treat these as line ends.
            '\u{85}' => out.push_str("&#133;"),
            '\u{2028}' => out.push_str("&#8232;"),
            c if is_char(c) => out.push(c),
            c => {
                return Err(Error::new(
                    Fault::Value,
                    0,
                    "characters that XML 1.0 allows",
                    format!("U+{:04X}", u32::from(c)),
                ));
            }
        }
    }
    Ok(())
}
