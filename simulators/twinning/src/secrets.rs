//! Which parts of a message nobody should read in a report.

use crate::tree::{Document, Format, Tree};

/// Elements whose text is a secret, and what kind.
const SECRETS: [(&str, &str); 5] = [
    ("code", "code"),
    ("authCode", "authcode"),
    ("access_token", "token"),
    ("refresh_token", "token"),
    ("client_secret", "secret"),
];

/// Finds the secrets in a body.
pub fn find(media_type: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if let Some(document) =
        Format::of_media_type(media_type).and_then(|f| Document::read(f, body).ok())
    {
        visit(&document.root, &document.tree, &mut found);
    }
    found
}

fn visit(name: &str, tree: &Tree, found: &mut Vec<(&'static str, String)>) {
    match tree {
        Tree::Branch(entries) => entries
            .iter()
            .for_each(|(name, child)| visit(name, child, found)),
        Tree::Leaf(text) => {
            if let Some((_, kind)) = SECRETS.iter().find(|(element, _)| *element == name) {
                found.push((kind, text.clone()));
            }
        }
    }
}
