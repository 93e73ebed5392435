//! Generated documents.

use proptest::collection::vec;
use proptest::prelude::*;
use twinproof_dm::document::{Element, namespace};
use twinproof_dm::wbxml::page;

/// Text that XML 1.0 can carry, never empty.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~]{1,12}",
        2 => "[<>&\"'\\]\\t\\n\\r .]{1,8}",
        1 => "[\\u{A0}-\\u{2FF}\\u{2028}\\u{20AC}\\u{1F600}]{1,6}",
    ]
}

fn solid_text() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("x{text}"))
}

fn name(page: &'static page::CodePage) -> impl Strategy<Value = String> {
    let tags: Vec<&'static str> = page.tags.iter().map(|tag| tag.1).collect();
    prop_oneof![
        6 => proptest::sample::select(tags).prop_map(str::to_owned),
        1 => "[A-Za-z_][A-Za-z0-9_.-]{0,8}",
    ]
}

fn page() -> impl Strategy<Value = &'static page::CodePage> {
    proptest::sample::select(vec![
        &page::syncml::PAGE,
        &page::metinf::PAGE,
        &page::dmddf::PAGE,
    ])
}

fn attributes(element: Element) -> impl Strategy<Value = Element> {
    let given = prop_oneof![
        5 => Just(Vec::new()),
        1 => vec(("[a-z]{1,4}", text()), 1..3),
    ];
    given.prop_map(move |given| {
        let mut element = element.clone();
        for (name, value) in given {
            if element.attribute(&name).is_none() {
                element = element.with_attribute(name, value);
            }
        }
        element
    })
}

/// An element that XML and WBXML can both say.
pub(crate) fn element() -> impl Strategy<Value = Element> {
    let leaf = (
        page().prop_flat_map(|p| (Just(p), name(p))),
        proptest::option::of(text()),
    )
        .prop_map(|((page, name), text)| {
            Element::new(page.namespace, name).with_text(text.unwrap_or_default())
        })
        .prop_flat_map(attributes);
    leaf.prop_recursive(5, 40, 5, |inner| {
        let children = vec((proptest::option::weighted(0.2, solid_text()), inner), 1..5);
        (page().prop_flat_map(|p| (Just(p), name(p))), children)
            .prop_map(|((page, name), children)| {
                let mut element = Element::new(page.namespace, name);
                for (text, child) in children {
                    element = element.with_text(text.unwrap_or_default()).with(child);
                }
                element
            })
            .prop_flat_map(attributes)
    })
}

/// A client provisioning document, down to arbitrary parameter names and values.
pub(crate) fn provisioning() -> impl Strategy<Value = Element> {
    let names: Vec<&'static str> = [&page::prov::ATTRIBUTES_0, &page::prov::ATTRIBUTES_1]
        .iter()
        .flat_map(|page| page.starts.iter().map(|start| start.2))
        .collect();
    let values: Vec<&'static str> = [&page::prov::ATTRIBUTES_0, &page::prov::ATTRIBUTES_1]
        .iter()
        .flat_map(|page| page.values.iter().map(|value| value.1))
        .collect();
    let known = proptest::sample::select(names).prop_map(str::to_owned);
    let known_value = proptest::sample::select(values).prop_map(str::to_owned);
    let parm = (
        prop_oneof![known.clone(), text()],
        prop_oneof![known_value, text()],
    )
        .prop_map(|(name, value)| {
            Element::new(namespace::NONE, "parm")
                .with_attribute("name", name)
                .with_attribute("value", value)
        });
    let characteristic = move |inner: BoxedStrategy<Element>| {
        (prop_oneof![known.clone(), text()], vec(inner, 0..5)).prop_map(|(kind, children)| {
            let element = Element::new(namespace::NONE, "characteristic");
            children
                .into_iter()
                .fold(element.with_attribute("type", kind), Element::with)
        })
    };
    let inner = parm
        .prop_recursive(4, 20, 4, characteristic.clone())
        .boxed();
    vec(characteristic(inner), 0..4).prop_map(|children| {
        let root = Element::new(namespace::NONE, "wap-provisioningdoc");
        children
            .into_iter()
            .fold(root.with_attribute("version", "1.0"), Element::with)
    })
}
