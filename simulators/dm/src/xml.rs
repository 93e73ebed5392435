//! XML 1.0 in UTF-8, as far as SyncML needs it.
//!
//! Entities other than the five predefined ones are an error, and so is a document type that declares
//! something itself: nothing is ever expanded, so nothing can explode.

mod read;
mod write;

pub use read::read;
pub use write::{fragment, write};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// The production `Char` of XML 1.0.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The productions `Name` of XML 1.0 and `NCName` of Namespaces in XML: no colon.
fn is_name(name: &str) -> bool {
    let starts = |c: char| {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}'
            | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
            | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
            | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
            | '\u{10000}'..='\u{EFFFF}')
    };
    let goes_on = |c: char| {
        starts(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}'
                | '\u{203F}'..='\u{2040}')
    };
    let mut chars = name.chars();
    chars.next().is_some_and(starts) && chars.all(goes_on)
}
