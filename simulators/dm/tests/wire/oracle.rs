//! The codecs against libwbxml (`xml2wbxml`, `wbxml2xml`), where it is installed.
//!
//! Trees are compared, not octets: both sides are free in their use of string tables. What libwbxml
//! is known to rewrite is in [`REWRITES`].

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use twinproof_dm::document::{Content, Element, namespace};
use twinproof_dm::syncml::Meta;
use twinproof_dm::wbxml::{self, Form, PublicId, Strings, Trees, Version};
use twinproof_dm::{Limits, xml};

use crate::messages::{TREE_IN_XML, message};
use crate::trees;

/// Messages of each kind that are sent through the tools.
const CASES: usize = 40;

const TREE_IN_WBXML: &str = "application/vnd.syncml.dmtnds+wbxml";

/// A change that libwbxml makes to every document.
struct Rewrite {
    reason: &'static str,
    apply: fn(&mut Element),
}

/// What has to be done to our tree before it can be compared.
const REWRITES: [Rewrite; 6] = [
    Rewrite {
        reason: "the media type of a serialised tree follows the encoding it is written in",
        apply: |element| {
            each_text(element, &mut |text| {
                if text == TREE_IN_WBXML {
                    *text = TREE_IN_XML.to_owned();
                }
            });
        },
    },
    Rewrite {
        reason: "text in CDATA becomes OPAQUE in WBXML, and text with markup becomes CDATA in XML",
        apply: |element| {
            for content in &mut element.content {
                if let Content::Octets(octets) = content
                    && let Ok(text) = String::from_utf8(octets.clone())
                {
                    *content = Content::Text(text);
                }
            }
        },
    },
    Rewrite {
        reason: "tabs and line ends in attributes are not escaped, so a reader makes them blanks",
        apply: |element| {
            for attribute in &mut element.attributes {
                let value = attribute.value.replace("\r\n", " ");
                attribute.value = value.replace(['\r', '\n', '\t'], " ");
            }
        },
    },
    Rewrite {
        reason: "line ends in text: carriage returns are not escaped in XML and added in WBXML",
        apply: |element| {
            each_text(element, &mut |text| {
                let mut lines = text.replace('\r', "\n");
                while lines.contains("\n\n") {
                    lines = lines.replace("\n\n", "\n");
                }
                *text = lines;
            });
        },
    },
    Rewrite {
        reason: "a text of white space only is layout to it",
        apply: |element| {
            element.content.retain(
                |content| !matches!(content, Content::Text(text) if text.trim().is_empty()),
            );
        },
    },
    Rewrite {
        reason: "white space at the ends of a text is trimmed",
        apply: |element| {
            each_text(element, &mut |text| *text = text.trim().to_owned());
        },
    },
];

fn each_text(element: &mut Element, change: &mut dyn FnMut(&mut String)) {
    for content in &mut element.content {
        if let Content::Text(text) = content {
            change(text);
        }
    }
}

fn rewritten(mut element: Element) -> Element {
    for content in &mut element.content {
        if let Content::Element(child) = content {
            *child = rewritten(child.clone());
        }
    }
    for rewrite in &REWRITES {
        (rewrite.apply)(&mut element);
    }
    element
}

fn retype(element: &mut Element) {
    each_text(element, &mut |text| {
        if text == TREE_IN_XML {
            *text = TREE_IN_WBXML.to_owned();
        }
    });
    for content in &mut element.content {
        if let Content::Element(child) = content {
            retype(child);
        }
    }
}

/// Where two trees part, or nothing.
fn difference(ours: &Element, theirs: &Element) -> Option<String> {
    let within = |what: String| Some(format!("{} > {what}", ours.name));
    for (a, b) in ours.content.iter().zip(&theirs.content) {
        match (a, b) {
            (Content::Element(a), Content::Element(b)) => {
                if let Some(inside) = difference(a, b) {
                    return within(inside);
                }
            }
            (a, b) if a != b => return within(format!("expected {a:?}, got {b:?}")),
            _ => {}
        }
    }
    (ours != theirs).then(|| format!("expected {ours:?}, got {theirs:?}"))
}

fn check(tool: &str, ours: &Element, theirs: Element) {
    let different = difference(&rewritten(ours.clone()), &rewritten(theirs));
    if let Some(different) = different {
        panic!("{tool}: {different}\nallowing that {}", reasons());
    }
}

fn reasons() -> String {
    let reasons = REWRITES.iter().map(|rewrite| rewrite.reason);
    reasons.collect::<Vec<_>>().join("; ")
}

/// Sends octets through a tool, or says that it is not there.
fn through(tool: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new(tool)
        .args(arguments)
        .args(["-o", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.ok()?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(input).expect("the tool reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("the tool ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("succeeded"), "{tool}: {said}");
    Some(output.stdout)
}

fn is_installed() -> bool {
    let found = Command::new("xml2wbxml").arg("-h").output().is_ok();
    if !found {
        let mut out = std::io::stdout();
        writeln!(
            out,
            "skipped: xml2wbxml is not installed (apt: libwbxml2-utils)"
        )
        .expect("stdout is open");
    }
    found
}

fn samples(strategy: impl Strategy<Value = Element>) -> Vec<Element> {
    let mut runner = TestRunner::deterministic();
    (0..CASES)
        .map(|_| {
            let tree = strategy.new_tree(&mut runner);
            tree.expect("the strategy rejects nothing").current()
        })
        .collect()
}

fn check_both_ways(tree: &Element, doctype: &str) {
    let limits = Limits::default();
    let text = xml::write(tree).unwrap();
    let text = text.replacen("?>", &format!("?>{doctype}"), 1);
    for arguments in [["-v", "1.2"].as_slice(), &["-v", "1.3", "-k"]] {
        let octets = through("xml2wbxml", arguments, text.as_bytes()).expect("installed");
        let read = wbxml::read(&octets, None, &limits).unwrap_or_else(|e| panic!("{e}\n{text}"));
        check(&format!("xml2wbxml {arguments:?}"), tree, read.root);
    }
    // It does not see that the end of a CDATA section in a text would end its own.
    if text.contains("]]&gt;") {
        return;
    }
    // It does not read code page 2 in a message, and it reads a nested document by its media type.
    let mut typed = tree.clone();
    retype(&mut typed);
    let inline = Form {
        trees: Trees::Nested,
        ..Form::default()
    };
    let table = Form {
        version: Version::V1_3,
        public_id: PublicId::Text,
        strings: Strings::Table,
        ..inline
    };
    for form in [inline, table] {
        let octets = wbxml::write(&typed, &form).unwrap();
        for mode in ["0", "2"] {
            let text = through("wbxml2xml", &["-m", mode, "-k"], &octets).expect("installed");
            let read = xml::read(&text, &limits).unwrap_or_else(|e| panic!("{e}"));
            check(&format!("wbxml2xml -m {mode} of {form:?}"), tree, read);
        }
    }
}

/// It writes a nonce in octets as base64, and so does [`Meta`] when it is written.
#[test]
fn libwbxml_makes_base64_of_a_nonce_in_octets() {
    if !is_installed() {
        return;
    }
    let nonce = Element::new(namespace::METINF, "NextNonce").with_octets([0, 255, 7]);
    let meta = Element::new(namespace::SYNCML, "Meta").with(nonce);
    let tree = Element::new(namespace::SYNCML, "SyncML").with(meta);
    let octets = wbxml::write(&tree, &Form::default()).unwrap();
    let text = through("wbxml2xml", &["-m", "0"], &octets).expect("installed");
    let read = xml::read(&text, &Limits::default()).unwrap();
    let typed = Meta {
        next_nonce: Some(vec![0, 255, 7]),
        ..Meta::default()
    };
    assert_eq!(read.child("Meta"), Some(&typed.to_element()));
}

#[test]
fn libwbxml_reads_and_writes_the_same_messages() {
    if !is_installed() {
        return;
    }
    for tree in samples(message().prop_map(|message| message.to_element())) {
        check_both_ways(&tree, "");
    }
}

#[test]
fn libwbxml_reads_and_writes_the_same_provisioning() {
    if !is_installed() {
        return;
    }
    let doctype = "<!DOCTYPE wap-provisioningdoc PUBLIC \"-//WAPFORUM//DTD PROV 1.0//EN\" \
                   \"http://www.wapforum.org/DTD/prov.dtd\">";
    for tree in samples(trees::provisioning()) {
        check_both_ways(&tree, doctype);
    }
}
