//! Which parts of a message nobody should read in a report.

use crate::tree::{Document, Format, Tree};
use crate::url::decode_segment;

/// Elements and parameters whose text is a secret, and what kind.
const SECRETS: [(&str, &str); 6] = [
    ("code", "code"),
    ("authCode", "authcode"),
    ("access_token", "token"),
    ("refresh_token", "token"),
    ("token", "token"),
    ("client_secret", "secret"),
];

/// Finds the secrets in a body.
///
/// Besides the API's own documents it reads what authorization servers speak: JSON objects with
/// several members and forms. The same text in a form is found as it is sent and as it is meant.
pub fn find(media_type: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if is_form(media_type) {
        form(body, &mut found);
        return found;
    }
    match Format::of_media_type(media_type) {
        Some(Format::Json) => {
            if let Ok(value) = serde_json::from_slice(body) {
                visit_json("", &value, &mut found);
            }
        }
        Some(Format::Xml) => {
            if let Ok(document) = Document::read(Format::Xml, body) {
                visit(&document.root, &document.tree, &mut found);
            }
        }
        None => {}
    }
    found
}

fn is_form(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn kind_of(name: &str) -> Option<&'static str> {
    SECRETS
        .iter()
        .find(|(element, _)| *element == name)
        .map(|(_, kind)| *kind)
}

fn form(body: &[u8], found: &mut Vec<(&'static str, String)>) {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let grant = text.contains("grant_type=authorization_code");
    for (name, sent) in text.split('&').filter_map(|pair| pair.split_once('=')) {
        // What a form calls code is the authorization code, not the activation code.
        let kind = match kind_of(name) {
            Some("code") if grant => "authcode",
            Some(kind) => kind,
            None => continue,
        };
        let meant = decode_segment(&sent.replace('+', " "));
        if meant != sent {
            found.push((kind, sent.to_owned()));
        }
        found.push((kind, meant));
    }
}

fn visit_json(name: &str, value: &serde_json::Value, found: &mut Vec<(&'static str, String)>) {
    use serde_json::Value;
    let leaf = match value {
        Value::Array(values) => {
            values
                .iter()
                .for_each(|value| visit_json(name, value, found));
            return;
        }
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, value)| visit_json(name, value, found));
            return;
        }
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Null => return,
    };
    if let Some(kind) = kind_of(name) {
        found.push((kind, leaf));
    }
}

fn visit(name: &str, tree: &Tree, found: &mut Vec<(&'static str, String)>) {
    match tree {
        Tree::Branch(entries) => entries
            .iter()
            .for_each(|(name, child)| visit(name, child, found)),
        Tree::Leaf(text) => {
            if let Some(kind) = kind_of(name) {
                found.push((kind, text.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    fn found(media_type: &str, body: &str) -> Vec<(&'static str, String)> {
        find(media_type, body.as_bytes())
    }

    #[test]
    fn the_tokens_of_an_authorization_server_are_secrets() {
        let body = r#"{"access_token":"a-1","token_type":"Bearer","expires_in":600,"refresh_token":"r-1","scope":"x"}"#;
        let secrets = [("token", "a-1".to_owned()), ("token", "r-1".to_owned())];
        assert_eq!(found("application/json;charset=UTF-8", body), secrets);
    }

    #[test]
    fn the_parameters_of_a_form_are_secrets_as_sent_and_as_meant() {
        let body = "grant_type=authorization_code&code=a%2Fb&client_id=me&client_secret=hush";
        assert_eq!(
            found("application/x-www-form-urlencoded", body),
            [
                ("authcode", "a%2Fb".to_owned()),
                ("authcode", "a/b".to_owned()),
                ("secret", "hush".to_owned()),
            ]
        );
        assert_eq!(
            found(
                "application/x-www-form-urlencoded",
                "grant_type=refresh_token&refresh_token=r-1"
            ),
            [("token", "r-1".to_owned())]
        );
    }

    #[test]
    fn codes_are_found_in_documents_of_both_formats() {
        let json = r#"{"twinningList":{"twinning":[{"activationCode":{"code":482913}},{"authCode":"z"}]}}"#;
        let secrets = [("code", "482913".to_owned()), ("authcode", "z".to_owned())];
        assert_eq!(found("application/json", json), secrets);
        let xml =
            "<t><activationCode><code>482913</code></activationCode><authCode>z</authCode></t>";
        assert_eq!(found("application/xml", xml), secrets);
    }
}
